/** What should be, what differs, and how far a run has come. */
import type { Dialect, Document, Path } from './catalog.ts';
import type { Clusters, Member } from './clusters.ts';
import type { Diagnostic, Fault, Origin } from './fault.ts';
import type { Json, JsonObject, KubeObject, ObjectKey } from './object.ts';
import type { ApprovalReport } from './status.ts';

/** How one object may be written and removed: KubeVela 1.10's apply policies, resolved for this object. */
export interface ApplyRules {
  /** take-over: an object that nobody manages is made ours. */
  readonly takeOver: boolean;
  /** read-only: never written, must exist. */
  readonly readOnly: boolean;
  /** shared-resource: several applications may declare it. */
  readonly shared: boolean;
  /** resource-update `op: replace`: PUT instead of server-side apply. */
  readonly replace: boolean;
  /** resource-update: when one of these paths differs the object is deleted and created. */
  readonly recreateFields: readonly string[];
  /** apply-once: paths that keep the live value ("*" is the whole object), while updating and while keeping state. */
  readonly keepOnUpdate: readonly string[];
  readonly keepOnDrift: readonly string[];
  /** garbage-collect: when the object is removed; `never` leaves it for ever. */
  readonly gc: 'onAppUpdate' | 'onAppDelete' | 'never';
  readonly propagation: 'cascading' | 'orphan';
  /** Fields of other managers are overwritten: annotation `lateen.dev/force: "true"`. */
  readonly force: boolean;
}

export const PLAIN_RULES: ApplyRules = {
  takeOver: false,
  readOnly: false,
  shared: false,
  replace: false,
  recreateFields: [],
  keepOnUpdate: [],
  keepOnDrift: [],
  gc: 'onAppUpdate',
  propagation: 'cascading',
  force: false,
};

/** One object that should be in one cluster, whole, with every label. */
export interface Wanted {
  readonly key: ObjectKey;
  readonly object: KubeObject;
  /** The component it comes from; "" for an object of a workflow step or of the repository itself. */
  readonly component: string;
  /** The trait type, `AuxiliaryWorkload`, or "" for the workload itself. */
  readonly trait: string;
  /** The name under `outputs`, or "". */
  readonly output: string;
  /** Where it was written: its document, or its component; null for what a step made up. */
  readonly origin: Origin | null;
  readonly rules: ApplyRules;
}

/** The templates that tell health and message of a component or trait. */
export interface StatusTemplates {
  readonly healthPolicy?: string;
  readonly customStatus?: string;
  readonly details?: string;
}

/** A component rendered for one placement. */
export interface RenderedComponent {
  readonly name: string;
  readonly type: string;
  readonly workload: { readonly apiVersion: string; readonly kind: string };
  readonly cluster: string;
  readonly namespace: string;
  readonly replicaKey: string;
  readonly objects: readonly Wanted[];
  /** The definition's template and the properties, which status templates may read. */
  readonly template: string;
  readonly parameter: Json;
  readonly context: JsonObject;
  readonly status: StatusTemplates;
  readonly traits: readonly RenderedTrait[];
  /** Set when `objects` are ManifestWorks on the hub: the component whose objects they carry. */
  readonly inside?: RenderedComponent;
}

export interface RenderedTrait {
  readonly type: string;
  readonly template: string;
  readonly parameter: Json;
  readonly status: StatusTemplates;
  readonly stage: 'PreDispatch' | 'DefaultDispatch' | 'PostDispatch';
}

/** One effective workflow step (KubeVela 1.10: after generation, naming and conversion). */
export interface Step {
  readonly name: string;
  readonly type: string;
  readonly properties: JsonObject;
  readonly if: string;
  readonly timeoutMs: number | null;
  readonly dependsOn: readonly string[];
  readonly inputs: readonly { readonly from: string; readonly parameterKey: string }[];
  /** `valueFrom` also holds 1.1's `exportKey`. */
  readonly outputs: readonly { readonly name: string; readonly valueFrom: string }[];
  /** Of the step's definition; null for the steps that are code: apply-component, suspend, step-group, deploy. */
  readonly template: string | null;
  readonly mode: StepMode;
  readonly subSteps: readonly Step[];
}

export type StepMode = 'StepByStep' | 'DAG';

/** Which revision an Application's content is; the same content is the same revision again (A, B, A). */
export interface RevisionRef {
  /** `<application>-v<N>`. */
  readonly name: string;
  readonly number: number;
  /** Hash of everything that the result depends on: spec, definitions in use, dialect. */
  readonly hash: string;
  /** KubeVela 1.1: component revision by component name. */
  readonly components: Readonly<Record<string, string>>;
  /** The hashes that those revisions stand for. */
  readonly componentHashes: Readonly<Record<string, string>>;
}

/** Where a component goes: "" for the cluster is the hub, "" for the namespace the Application's own. */
export interface PlacementRef {
  readonly cluster: string;
  readonly namespace: string;
  readonly replicaKey: string;
  /** The cluster as it was found; absent for the hub, and where nobody looked. */
  readonly member?: Member;
}

/** One component as its author, or a policy, wants it. */
export interface ComponentRef {
  readonly name: string;
  readonly type: string;
  readonly properties: Json;
  readonly traits: readonly { readonly type: string; readonly properties: Json }[];
  readonly dependsOn: readonly string[];
  readonly inputs: readonly { readonly from: string; readonly parameterKey: string }[];
  readonly outputs: readonly { readonly name: string; readonly valueFrom: string }[];
  /** Where it stands in the document. */
  readonly at: Path;
  /** KubeVela 1.10, replication policy: which copy it is; "" for the one there is without. */
  readonly replicaKey: string;
}

/** What the policies of one deploy step come to: these components, each to every one of these places. */
export interface Deployment {
  readonly components: readonly ComponentRef[];
  readonly placements: readonly PlacementRef[];
}

/** One environment of an env-binding policy (KubeVela 1.1): its own version of the components, and where they go. */
export interface Environment {
  readonly policy: string;
  readonly name: string;
  /** `ocm`: as ManifestWorks. `apply`: applied to the cluster as they are (engines local, single-cluster, cluster-gateway). */
  readonly by: 'ocm' | 'apply';
  /** Delivered by itself; false: by a step of the workflow. */
  readonly created: boolean;
  /** The cluster by name, or the Placement (in the Application's namespace) that chooses one by these labels. */
  readonly choice: { readonly cluster: string } | { readonly placement: string; readonly labels: Readonly<Record<string, string>> };
  /** In the order of the spec, rendered for nowhere in particular: 1.1's templates know nothing of clusters. */
  readonly components: readonly RenderedComponent[];
  readonly origin: Origin;
}

export interface PolicyRef {
  readonly name: string;
  readonly type: string;
  readonly properties: JsonObject;
}

export interface DeploymentOptions {
  readonly clusters: Clusters;
  /** Components made by Terraform are left out. KubeVela 1.10: true unless the step says otherwise. */
  readonly ignoreTerraform: boolean;
}

/** What one Application asks for, ready to be compared and run. */
export interface DesiredApplication {
  readonly namespace: string;
  readonly name: string;
  readonly dialect: Dialect;
  readonly document: Document;
  /** The Application as it goes to the hub: names of steps and policies filled in. */
  readonly object: KubeObject;
  /** The ApplicationRevision that this content is. */
  readonly revision: RevisionRef;
  /**
   * What goes to the hub, by component name, in the order of the spec; a component whose inputs come from a step is
   * rendered later, and one that only goes to other clusters is not among them.
   */
  readonly components: ReadonlyMap<string, RenderedComponent>;
  /** Objects that policies render (1.1: EnvBinding and the like). */
  readonly policyObjects: readonly Wanted[];
  readonly steps: readonly Step[];
  readonly mode: { readonly steps: StepMode; readonly subSteps: StepMode };
  /** `spec.workflow` is given (1.10: decides the mode string; 1.1: decides the path of delivery). */
  readonly hasWorkflow: boolean;
  /** The definitions in use, by `Kind/name`, for the ApplicationRevision. */
  readonly definitions: ReadonlyMap<string, KubeObject>;
  readonly componentSpecs: readonly ComponentRef[];
  readonly policies: readonly PolicyRef[];
  /**
   * Renders a component (by name, or as a policy has changed it) for a placement, or with properties that a step gave.
   * What was rendered before is not evaluated again. Throws render/*, and transport/* of a cluster that cannot be asked.
   */
  readonly render: (component: string | ComponentRef, placement: PlacementRef, properties: Json | undefined, signal: AbortSignal) => Promise<RenderedComponent>;
  /** KubeVela 1.10: what these policies of a deploy step come to. Throws render/policy, render/no-cluster. */
  readonly deployment: (policies: readonly string[], inline: readonly PolicyRef[], options: DeploymentOptions) => Deployment;
  /** KubeVela 1.1: the environments of env-binding policies. */
  readonly environments: readonly Environment[];
  /** Objects that steps are known to deliver elsewhere than `components` say: to member clusters, or for environments. */
  readonly placed: readonly Wanted[];
  readonly diagnostics: readonly Diagnostic[];
  /** Set when it could not be rendered: it keeps everything it owns (I11). */
  readonly fault: Fault | null;
}

/** Everything that one commit asks for. */
export interface Desired {
  readonly applications: readonly DesiredApplication[];
  /** Documents applied to the hub as they are, in the order of application. */
  readonly objects: readonly Wanted[];
}

export type Action = 'create' | 'update' | 'keep' | 'adopt' | 'delete' | 'refuse';

/** One field that differs. Paths are JSON pointers; values are redacted where the object is a Secret. */
export interface FieldChange {
  readonly path: string;
  readonly from?: Json;
  readonly to?: Json;
}

export interface Change {
  readonly action: Action;
  readonly key: ObjectKey;
  /** One clause: `not there yet`, `spec changed`, `drift`, `gone from the commit`, ... */
  readonly reason: string;
  readonly wanted: Wanted | null;
  readonly live: KubeObject | null;
  readonly fields: readonly FieldChange[];
  /** With `refuse`: why. */
  readonly fault: Fault | null;
  /** The Approval that lets it go; absent: none speaks of it. */
  readonly approval?: ApprovalReport;
}

/** The plan of one application, or of the repository's own objects (`name` is "" then). */
export interface ApplicationPlan {
  readonly namespace: string;
  readonly name: string;
  readonly changes: readonly Change[];
  /** The workflow will run (again) from its first step. */
  readonly restartsWorkflow: boolean;
}

export interface Plan {
  readonly applications: readonly ApplicationPlan[];
  readonly objects: ApplicationPlan;
}

/** Which wave an object is written in, 0 to 2: kinds before objects of them, namespaces before what lies in them. */
export function waveOf(wanted: Wanted): number {
  return wanted.key.kind === 'CustomResourceDefinition' ? 0 : wanted.key.kind === 'Namespace' ? 1 : 2;
}
