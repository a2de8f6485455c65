// Generated from the schemas beside it by `npm run generate`: do not edit.

/** An application: components with traits, policies and a workflow. */
export interface Application {
  /** Version of the kind. */
  readonly apiVersion: 'core.oam.dev/v1beta1';
  /** The kind. */
  readonly kind: 'Application';
  readonly metadata: MetadataPart;
  readonly spec: ApplicationSpecPart;
  readonly status?: StatusPart;
}

/** A person's consent, given in Git: to go on with a suspended step, to delete what cannot be had back, or to give up a cluster. */
export interface Approval {
  /** Version of the kind. */
  readonly apiVersion: 'lateen.dev/v1alpha1';
  /** The kind. */
  readonly kind: 'Approval';
  readonly metadata: MetadataPart;
  /** What is approved. */
  readonly spec: {
    /** `resume` a suspended workflow, `delete` an object, or `abandon` what lies on a cluster that does not come back. */
    readonly action: 'resume' | 'delete' | 'abandon';
    /** What it is about. */
    readonly target: {
      /** Kind of the object. */
      readonly kind: string;
      /** Its namespace; `default` without one, empty for a kind that has none. */
      readonly namespace?: string;
      /** Its name. */
      readonly name: string;
      /** Cluster of the object; the hub without one. */
      readonly cluster?: string;
      /** With `delete`: only the object with this uid, and no other that has its name later. */
      readonly uid?: string;
    };
    /** With `resume`: only this step. */
    readonly step?: string;
    /** With `resume`: holds only for the content with this hash, the `revisionHash` of the Application's `status.latestRevision`. */
    readonly hash?: string;
    /** Holds until then, RFC 3339. */
    readonly expires?: string;
    /** For who reads it later. */
    readonly reason?: string;
  };
  readonly status?: StatusPart;
}

/** How components of one type are made. */
export interface ComponentDefinition {
  /** Version of the kind. */
  readonly apiVersion: 'core.oam.dev/v1beta1';
  /** The kind. */
  readonly kind: 'ComponentDefinition';
  readonly metadata: MetadataPart;
  /** What it is. */
  readonly spec: {
    /** What kind of object the component is. */
    readonly workload: {
      /** Name of a WorkloadDefinition, or autodetects.core.oam.dev. */
      readonly type?: string;
      readonly definition?: WorkloadGvkPart;
    };
    readonly childResourceKinds?: ChildResourceKindsPart;
    /** Label that tells the revision. */
    readonly revisionLabel?: string;
    /** Path of the pod template. */
    readonly podSpecPath?: string;
    readonly status?: DefinitionStatusPart;
    readonly extension?: ExtensionPart;
    readonly schematic?: SchematicPart;
    readonly version?: VersionPart;
  };
  readonly status?: StatusPart;
}

/** lateen.yaml, at the root of the repository: how its documents are read. */
export interface RepositoryConfig {
  /** Which KubeVela line's labels, names and definitions are used. In quotes: without them 1.10 is the number 1.1. */
  readonly kubevela?: '1.1' | '1.10';
  /** Folders or files that are read; everything without it. */
  readonly paths?: readonly string[];
  /** Folders or files that are not read. */
  readonly ignore?: readonly string[];
  /** Other rules for parts of the repository; the longest path that fits wins. */
  readonly overrides?: readonly {
    /** Folder or file. */
    readonly path: string;
    /** Which KubeVela line's labels, names and definitions are used. In quotes: without them 1.10 is the number 1.1. */
    readonly kubevela?: '1.1' | '1.10';
    /** `correct` puts back what was changed on a cluster, `report` only tells. */
    readonly drift?: 'correct' | 'report';
  }[];
  /** Values for placeholders `{{ name }}` that stand as whole plain values in documents. */
  readonly values?: Readonly<Record<string, string | number | boolean>>;
  /** `correct` (the default) puts back what was changed on a cluster, `report` only tells. */
  readonly drift?: 'correct' | 'report';
  /** Fields that are applied when an object is made and then left to others, such as the replicas that an autoscaler sets. */
  readonly ignoreFields?: readonly {
    /** API group; "" is the core group. Without it: any. */
    readonly group?: string;
    /** Kind, or `*` for any. */
    readonly kind: string;
    /** Namespace. Without it: any. */
    readonly namespace?: string;
    /** Name. Without it: any. */
    readonly name?: string;
    /** JSON Pointers: `/spec/replicas`. `*` stands for every item; an item of containers and the like may be named. */
    readonly paths: readonly string[];
  }[];
  /** False keeps whatever leaves the repository. Default: true. */
  readonly prune?: boolean;
  /** What is planned beside the source branch. */
  readonly plan?: {
    /** Branches or whole refs that are planned when they move, such as `refs/heads/env/*`; `*` stands for one part of the name, or a piece of it. */
    readonly refs?: readonly string[];
  };
}

/** Prepares an environment with an Application, once what it depends on is ready (KubeVela 1.1). */
export interface Initializer {
  /** Version of the kind. */
  readonly apiVersion: 'core.oam.dev/v1beta1';
  /** The kind. */
  readonly kind: 'Initializer';
  readonly metadata: MetadataPart;
  /** What it is. */
  readonly spec: {
    /** The Application that it makes; only its spec and labels count. */
    readonly appTemplate: {
      /** Version of Application. */
      readonly apiVersion?: string;
      /** Application. */
      readonly kind?: 'Application';
      /** Only labels are kept. */
      readonly metadata?: {
        /** Labels of the Application. */
        readonly labels?: Readonly<Record<string, string>>;
        readonly [field: string]: unknown;
      } | null;
      readonly spec: ApplicationSpecPart;
      readonly status?: StatusPart;
    };
    /** Initializers that come first. */
    readonly dependsOn?: readonly {
      /** Which. */
      readonly ref: {
        /** Its apiVersion. */
        readonly apiVersion?: string;
        /** Its kind. */
        readonly kind?: string;
        /** Its name. */
        readonly name: string;
        /** Its namespace; without one that of this Initializer, then vela-system. */
        readonly namespace?: string;
        /** Not used. */
        readonly uid?: string;
        /** Not used. */
        readonly fieldPath?: string;
        /** Not used. */
        readonly resourceVersion?: string;
      };
    }[];
  };
  readonly status?: StatusPart;
}

/** Name, namespace, labels and annotations. */
export interface MetadataPart {
  /** Name of the object. */
  readonly name: string;
  /** Namespace of the object. */
  readonly namespace?: string;
  /** Labels. */
  readonly labels?: Readonly<Record<string, string>> | null;
  /** Annotations. */
  readonly annotations?: Readonly<Record<string, string>> | null;
  readonly [field: string]: unknown;
}

/** One value that is taken. */
export interface InputPart {
  /** Name of an output, or a path below it. */
  readonly from: string;
  /** Path in the properties that is set to the value. */
  readonly parameterKey?: string;
}

/** One value that is given. */
export interface OutputPart {
  /** Name under which others take it. */
  readonly name: string;
  /** KubeVela 1.10: CUE path or expression of the value. */
  readonly valueFrom?: string;
  /** KubeVela 1.1: path of the value in the step. */
  readonly exportKey?: string;
}

/** One trait: something added to the component. */
export interface TraitPart {
  /** Name of the TraitDefinition. */
  readonly type: string;
  /** Parameters of the trait. */
  readonly properties?: Readonly<Record<string, unknown>> | null;
}

/** One component: what is delivered. */
export interface ComponentPart {
  /** Name of the component, unique in the application. Its objects are usually called so. */
  readonly name: string;
  /** Name of the ComponentDefinition; `name@version` takes that version of it. */
  readonly type: string;
  /** Parameters of the component. */
  readonly properties?: Readonly<Record<string, unknown>> | null;
  /** Traits of the component, applied in this order. */
  readonly traits?: readonly TraitPart[];
  /** Names of components that come first (KubeVela 1.10). */
  readonly dependsOn?: readonly string[];
  /** Values of other steps that this one takes. */
  readonly inputs?: readonly InputPart[];
  /** Values of this one that others may take. */
  readonly outputs?: readonly OutputPart[];
  /** Name of the component's revision, given from outside. */
  readonly externalRevision?: string;
  /** Scopes of the component (KubeVela 1.1). */
  readonly scopes?: Readonly<Record<string, string>>;
  /** Written by the replication policy. */
  readonly replicaKey?: string;
}

/** One policy: how the application is delivered. */
export interface PolicyPart {
  /** Name of the policy; without one it is called <type>-auto-gen-<index>. */
  readonly name?: string;
  /** Name of the PolicyDefinition, or a built-in type such as `topology`, `override` or `env-binding`. */
  readonly type: string;
  /** Parameters of the policy. */
  readonly properties?: Readonly<Record<string, unknown>> | null;
}

/** A step inside of a step-group. */
export interface SubStepPart {
  /** Name of the step, unique in the workflow, sub-steps included. Without one it is called step-<index>. */
  readonly name?: string;
  /** Name of the WorkflowStepDefinition, or one of the built-in types `suspend` and `step-group`. */
  readonly type: string;
  /** What is said about the step. */
  readonly meta?: {
    /** Name for people. */
    readonly alias?: string;
  };
  /** CUE expression; the step is skipped where it is false. `always` runs it whatever failed before. */
  readonly if?: string;
  /** How long the step may take, for example `30s`, `10m` or `1h30m`. */
  readonly timeout?: string;
  /** Names of steps that come first. */
  readonly dependsOn?: readonly string[];
  /** Values of other steps that this one takes. */
  readonly inputs?: readonly InputPart[];
  /** Values of this one that others may take. */
  readonly outputs?: readonly OutputPart[];
  /** Parameters of the step. */
  readonly properties?: Readonly<Record<string, unknown>> | null;
}

/** One step of a workflow. */
export interface StepPart {
  /** Name of the step, unique in the workflow, sub-steps included. Without one it is called step-<index>. */
  readonly name?: string;
  /** Name of the WorkflowStepDefinition, or one of the built-in types `suspend` and `step-group`. */
  readonly type: string;
  /** What is said about the step. */
  readonly meta?: {
    /** Name for people. */
    readonly alias?: string;
  };
  /** CUE expression; the step is skipped where it is false. `always` runs it whatever failed before. */
  readonly if?: string;
  /** How long the step may take, for example `30s`, `10m` or `1h30m`. */
  readonly timeout?: string;
  /** Names of steps that come first. */
  readonly dependsOn?: readonly string[];
  /** Values of other steps that this one takes. */
  readonly inputs?: readonly InputPart[];
  /** Values of this one that others may take. */
  readonly outputs?: readonly OutputPart[];
  /** Parameters of the step. */
  readonly properties?: Readonly<Record<string, unknown>> | null;
  /** How steps follow each other: one by one, or all whose dependencies are done. */
  readonly mode?: 'StepByStep' | 'DAG';
  /** Steps of a step-group. */
  readonly subSteps?: readonly SubStepPart[];
}

/** The steps that deliver the application. Without them all components are applied. */
export interface WorkflowPart {
  /** Name of a Workflow document in the same namespace, instead of steps. */
  readonly ref?: string;
  /** How steps and sub-steps follow each other (KubeVela 1.10). */
  readonly mode?: {
    /** How steps follow each other: one by one, or all whose dependencies are done. */
    readonly steps?: 'StepByStep' | 'DAG';
    /** How steps follow each other: one by one, or all whose dependencies are done. */
    readonly subSteps?: 'StepByStep' | 'DAG';
  };
  /** The steps. */
  readonly steps?: readonly StepPart[];
}

/** What the application is. */
export interface ApplicationSpecPart {
  /** What is delivered. */
  readonly components: readonly ComponentPart[];
  /** How it is delivered. */
  readonly policies?: readonly PolicyPart[];
  readonly workflow?: WorkflowPart;
  /** KubeVela 1.1's rollout plan. */
  readonly rolloutPlan?: Readonly<Record<string, unknown>> | null;
}

/** How the definition makes objects. */
export interface SchematicPart {
  /** A CUE template. */
  readonly cue?: {
    /** The template: `output`, `outputs`, `parameter`, ... */
    readonly template: string;
  };
  /** A Terraform module. */
  readonly terraform?: {
    /** The module's text, or its Git URL where type is remote. */
    readonly configuration: string;
    /** What `configuration` holds. */
    readonly type?: 'hcl' | 'json' | 'remote';
    /** Folder of the module in the repository. */
    readonly path?: string;
    /** The Provider object with the credentials. */
    readonly providerRef?: {
      /** Its name. */
      readonly name: string;
      /** Its namespace. */
      readonly namespace?: string;
    };
    /** Whether the cloud resource is deleted with the component. */
    readonly deleteResource?: boolean;
    /** Region of the cloud. */
    readonly region?: string;
    /** Region of the cloud that is not the provider's. */
    readonly customRegion?: string;
    /** The Secret that gets the outputs. */
    readonly writeConnectionSecretToRef?: {
      /** Its name. */
      readonly name: string;
      /** Its namespace. */
      readonly namespace?: string;
    };
    /** The Secret with the credentials for Git. */
    readonly gitCredentialsSecretReference?: {
      /** Its name. */
      readonly name?: string;
      /** Its namespace. */
      readonly namespace?: string;
    };
  };
  /** KubeVela 1.1: a Kubernetes object with places for parameters. */
  readonly kube?: {
    /** The object. */
    readonly template: Readonly<Record<string, unknown>> | null;
    /** The parameters. */
    readonly parameters?: readonly {
      /** Its name. */
      readonly name: string;
      /** Its type. */
      readonly type: 'string' | 'number' | 'boolean';
      /** Fields that it sets. */
      readonly fieldPaths: readonly string[];
      /** Whether it must be given. */
      readonly required?: boolean;
      /** What it means. */
      readonly description?: string;
    }[];
  };
  /** KubeVela 1.1: a Helm release by Flux. */
  readonly helm?: {
    /** Spec of the HelmRelease. */
    readonly release: Readonly<Record<string, unknown>> | null;
    /** Spec of the HelmRepository. */
    readonly repository: Readonly<Record<string, unknown>> | null;
  };
}

/** How health and message are told. */
export interface DefinitionStatusPart {
  /** CUE that gives `message`. */
  readonly customStatus?: string;
  /** CUE that gives `isHealth`. */
  readonly healthPolicy?: string;
  /** CUE whose fields are told as details (KubeVela 1.10). */
  readonly details?: string;
}

/** Group, version and kind of an object. */
export interface WorkloadGvkPart {
  /** Its apiVersion. */
  readonly apiVersion: string;
  /** Its kind. */
  readonly kind: string;
}

/** Refers to a CustomResourceDefinition by name. */
export interface DefinitionRefPart {
  /** Its name, `plural.group`. */
  readonly name: string;
  /** The version. */
  readonly version?: string;
}

/** Whatever the author keeps here. */
export type ExtensionPart = Readonly<Record<string, unknown>> | null;

/** Kinds that the workload makes. */
export type ChildResourceKindsPart = readonly {
  /** Its apiVersion. */
  readonly apiVersion: string;
  /** Its kind. */
  readonly kind: string;
  /** Labels of the objects. */
  readonly selector?: Readonly<Record<string, string>>;
}[];

/** Written by the controller; ignored in Git. */
export type StatusPart = Readonly<Record<string, unknown>> | null;

/** Version of the definition (KubeVela 1.10). */
export type VersionPart = string;

/** What policies of one type do. */
export interface PolicyDefinition {
  /** Version of the kind. */
  readonly apiVersion: 'core.oam.dev/v1beta1';
  /** The kind. */
  readonly kind: 'PolicyDefinition';
  readonly metadata: MetadataPart;
  /** What it is. */
  readonly spec?: {
    readonly definitionRef?: DefinitionRefPart;
    /** Whether the policy watches over health itself. */
    readonly manageHealthCheck?: boolean;
    /** KubeVela 1.11: what it applies to. */
    readonly scope?: '' | 'Application';
    /** KubeVela 1.11: applies everywhere. */
    readonly global?: boolean;
    /** KubeVela 1.11: order among global policies. */
    readonly priority?: number;
    readonly schematic?: SchematicPart;
    readonly version?: VersionPart;
  };
  readonly status?: StatusPart;
}

/** A policy that applications of its namespace may name. */
export interface Policy {
  /** Version of the kind. */
  readonly apiVersion: 'core.oam.dev/v1alpha1';
  /** The kind. */
  readonly kind: 'Policy';
  readonly metadata: MetadataPart;
  /** Name of the PolicyDefinition, or a built-in type. */
  readonly type: string;
  /** Parameters of the policy. */
  readonly properties?: Readonly<Record<string, unknown>> | null;
  readonly status?: StatusPart;
}

/** A file of the status branch: what became of one application. Written by Lateen. */
export interface StatusFile {
  /** Version of this file's form. */
  readonly apiVersion: string;
  /** Application or Initializer. */
  readonly kind: string;
  readonly metadata: MetadataPart;
  /** What became of it. */
  readonly status?: {
    /** KubeVela's phase. */
    readonly phase?: string;
    /** kstatus conditions. */
    readonly conditions?: readonly {
      /** Ready, Reconciling or Stalled. */
      readonly type: string;
      /** True, False or Unknown. */
      readonly status: 'True' | 'False' | 'Unknown';
      /** One word. */
      readonly reason?: string;
      /** One sentence. */
      readonly message?: string;
      readonly [field: string]: unknown;
    }[];
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** What traits of one type add to a component. */
export interface TraitDefinition {
  /** Version of the kind. */
  readonly apiVersion: 'core.oam.dev/v1beta1';
  /** The kind. */
  readonly kind: 'TraitDefinition';
  readonly metadata: MetadataPart;
  /** What it is. */
  readonly spec?: {
    readonly definitionRef?: DefinitionRefPart;
    /** Whether the trait knows revisions. */
    readonly revisionEnabled?: boolean;
    /** Path that gets a reference to the workload. */
    readonly workloadRefPath?: string;
    /** Whether a change of the trait restarts pods. */
    readonly podDisruptive?: boolean;
    /** Workloads that it fits. */
    readonly appliesToWorkloads?: readonly string[];
    /** Traits that it does not go with. */
    readonly conflictsWith?: readonly string[];
    readonly status?: DefinitionStatusPart;
    readonly extension?: ExtensionPart;
    /** Whether the trait manages the workload itself. */
    readonly manageWorkload?: boolean;
    /** KubeVela 1.1: whether it counts for the revision. */
    readonly skipRevisionAffect?: boolean;
    /** KubeVela 1.10: its objects go to the hub only. */
    readonly controlPlaneOnly?: boolean;
    /** KubeVela 1.10: when its objects are applied. */
    readonly stage?: 'PreDispatch' | 'DefaultDispatch' | 'PostDispatch';
    readonly schematic?: SchematicPart;
    readonly version?: VersionPart;
  };
  readonly status?: StatusPart;
}

/** What steps of one type do. */
export interface WorkflowStepDefinition {
  /** Version of the kind. */
  readonly apiVersion: 'core.oam.dev/v1beta1';
  /** The kind. */
  readonly kind: 'WorkflowStepDefinition';
  readonly metadata: MetadataPart;
  /** What it is. */
  readonly spec?: {
    readonly definitionRef?: DefinitionRefPart;
    readonly reference?: DefinitionRefPart;
    readonly schematic?: SchematicPart;
    readonly version?: VersionPart;
  };
  readonly status?: StatusPart;
}

/** A workflow that applications of its namespace may name with `workflow.ref`. */
export interface Workflow {
  /** Version of the kind. */
  readonly apiVersion: 'core.oam.dev/v1alpha1';
  /** The kind. */
  readonly kind: 'Workflow';
  readonly metadata: MetadataPart;
  /** How steps and sub-steps follow each other. */
  readonly mode?: {
    /** How steps follow each other: one by one, or all whose dependencies are done. */
    readonly steps?: 'StepByStep' | 'DAG';
    /** How steps follow each other: one by one, or all whose dependencies are done. */
    readonly subSteps?: 'StepByStep' | 'DAG';
  };
  /** The steps. */
  readonly steps: readonly StepPart[];
  readonly status?: StatusPart;
}

/** A kind of workload (the form before ComponentDefinition). */
export interface WorkloadDefinition {
  /** Version of the kind. */
  readonly apiVersion: 'core.oam.dev/v1beta1';
  /** The kind. */
  readonly kind: 'WorkloadDefinition';
  readonly metadata: MetadataPart;
  /** What it is. */
  readonly spec: {
    readonly definitionRef: DefinitionRefPart;
    readonly childResourceKinds?: ChildResourceKindsPart;
    /** Label that tells the revision. */
    readonly revisionLabel?: string;
    /** Path of the pod template. */
    readonly podSpecPath?: string;
    readonly status?: DefinitionStatusPart;
    readonly extension?: ExtensionPart;
    readonly schematic?: SchematicPart;
  };
  readonly status?: StatusPart;
}
