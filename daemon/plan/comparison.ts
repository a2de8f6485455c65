/**
 * What a plan says: the words in which two commits, or a commit and the clusters, are compared. Types only; made by
 * compare.ts of this folder, printed by print-plan.ts.
 */
import type { Path, Revision } from '../model/catalog.ts';
import type { Code, Diagnostic, Origin } from '../model/fault.ts';
import type { Json, ObjectKey } from '../model/object.ts';
import type { Action } from '../model/plan.ts';

/** What in the repository set a field, or made or removed an object. */
export interface Cause {
  /**
   * `property`, `trait`: of a component. `patch`: of an environment (env-binding). `override`: of an override policy.
   * `placement`: where an environment or a topology leads. `policy`, `workflow`, `metadata`: of the Application.
   * `definition`: another template. `document`: the object's own document. `together`: no single change does it.
   */
  readonly kind:
    | 'property'
    | 'trait'
    | 'component'
    | 'patch'
    | 'override'
    | 'placement'
    | 'policy'
    | 'workflow'
    | 'metadata'
    | 'definition'
    | 'document'
    | 'together';
  /** For people: `property image of component web`, `environment prod: trait scaler of component web, property replicas`. */
  readonly text: string;
  /** The line; null where it is not in the repository. */
  readonly origin: Origin | null;
  /** `origin` is in the base commit: the line is gone from the head. */
  readonly isInBase: boolean;
  /** The definition that computes the value, where it is not the one that was written. */
  readonly computedBy: { readonly text: string; readonly origin: Origin | null } | null;
}

/** One field that differs. `path` is a JSON pointer. Of a Secret's data only the path is told (I9). */
export interface FieldDiff {
  readonly path: string;
  /** Absent: it was not there, or it is secret. */
  readonly from?: Json;
  /** Absent: it is not there any more, or it is secret. */
  readonly to?: Json;
  readonly isSecret: boolean;
  readonly causes: readonly Cause[];
}

/** One object that would not stay as it is. */
export interface ObjectDiff {
  /** Of the object itself, also when a ManifestWork carries it. */
  readonly key: ObjectKey;
  /** The environment that it belongs to; "" for the hub's and for applications without environments. */
  readonly environment: string;
  readonly component: string;
  /** The trait's type; "" for the workload. */
  readonly trait: string;
  /** The ManifestWork that carries it; "" for none. */
  readonly carrier: string;
  /** `keep`: it stays though nothing asks for it, or its drift is only reported. `refuse`: it stays for the reason of `code`. */
  readonly action: Action;
  readonly reason: string;
  readonly code: Code | null;
  /** With `update` and `adopt`, and with `keep` for drift that is only reported. */
  readonly fields: readonly FieldDiff[];
  /** Why it is made or removed. */
  readonly causes: readonly Cause[];
}

export interface StepPlan {
  readonly name: string;
  readonly type: string;
  /** Whether it would run. */
  readonly runs: boolean;
  /** Where it stands on the hub: a phase of KubeVela; "" where nobody looked. */
  readonly phase: string;
  readonly subSteps: readonly StepPlan[];
}

export interface WorkflowPlan {
  /** `all`: from the first step. `rest`: what an unfinished run has not come to. `none`. */
  readonly runs: 'all' | 'rest' | 'none';
  readonly reason: string;
  readonly steps: readonly StepPlan[];
}

/** What an object means in a cloud. */
export interface CloudDiff {
  readonly key: ObjectKey;
  /** `keep`: the object stays, for it is guarded, and with it the cloud's resources. */
  readonly action: 'make' | 'change' | 'destroy' | 'keep';
  /** One line for each resource. */
  readonly resources: readonly string[];
}

/** One application as one comparison sees it: commit against commit, or commit against the clusters. */
export interface Side {
  /** What would not stay as it is, by environment, cluster, kind and name. */
  readonly objects: readonly ObjectDiff[];
  /** How many objects stay as they are. */
  readonly unchangedCount: number;
  /** How many get new labels of their revision and nothing else. */
  readonly relabelledCount: number;
  readonly workflow: WorkflowPlan;
  readonly cloud: readonly CloudDiff[];
}

/** One field in all environments. */
export interface MatrixRow {
  /** `Deployment web`, as it is in every environment. */
  readonly object: string;
  readonly path: string;
  readonly isSecret: boolean;
  /** One for each column; `from` and `to` are absent where the field is not there. */
  readonly cells: readonly { readonly from?: Json; readonly to?: Json; readonly isChanged: boolean }[];
}

/** What one environment of the head would look like against the one before it. */
export interface Neighbours {
  readonly left: string;
  readonly right: string;
  readonly fields: readonly { readonly object: string; readonly path: string; readonly isSecret: boolean; readonly left?: Json; readonly right?: Json }[];
}

/** The environments of one application side by side. */
export interface Matrix {
  /** In the order of the head's document, then those that are gone. */
  readonly environments: readonly { readonly name: string; readonly clusters: readonly string[]; readonly state: 'same' | 'new' | 'gone' }[];
  /** Fields that change anywhere. */
  readonly rows: readonly MatrixRow[];
  readonly neighbours: readonly Neighbours[];
  /** The change touches a patch, an override or where one leads. */
  readonly touchesPatch: boolean;
}

export interface ApplicationComparison {
  readonly namespace: string;
  /** "" for the repository's own documents. */
  readonly name: string;
  readonly kind: 'Application' | 'Initializer' | 'documents';
  /** Where it is written; null where it is gone. */
  readonly origin: Origin | null;
  /** Of the document: what became of it from the base to the head; `same` when only what is live differs. */
  readonly document: 'new' | 'changed' | 'gone' | 'same' | 'broken';
  /** Commit against commit; null where no base was given. */
  readonly desired: Side | null;
  /** Commit against the clusters; null where nobody looked. */
  readonly live: Side | null;
  readonly matrix: Matrix | null;
  /** What a reviewer should know besides: about a revert, an Initializer, a bound that was reached. */
  readonly notes: readonly string[];
}

export interface Comparison {
  /** Null: the clusters alone are what the head is compared with. */
  readonly base: Revision | null;
  readonly head: Revision;
  /** The earlier commit to which the head goes back: it had what the head changes as the head has it; "" for none, or where nobody looked. */
  readonly revertOf: string;
  readonly clusters: {
    /** The hub and its members were looked at. */
    readonly isLive: boolean;
    /** Selectors of clusters that nobody could resolve: each stands for one cluster of this name. */
    readonly unresolved: readonly string[];
    /** Why nobody looked, where somebody wanted to; "" else. */
    readonly message: string;
  };
  /** Those that would not stay as they are; the repository's own documents first, then by namespace and name. */
  readonly applications: readonly ApplicationComparison[];
  /** Applications that would stay exactly as they are. */
  readonly unchangedCount: number;
  /** Findings of the head; with a base, those that it does not have. */
  readonly findings: readonly Diagnostic[];
  /** Findings of the head that the base has as well. */
  readonly oldFindingsCount: number;
}

/** One difference between two documents, in the places of both. */
export interface DocumentChange {
  /** In the head; where the change took something out, the place it would be at. */
  readonly path: Path;
  readonly basePath: Path;
  readonly from?: Json;
  readonly to?: Json;
  /** A list has the same items in another order: `from` and `to` are the keys in order. */
  readonly isOrder: boolean;
}
