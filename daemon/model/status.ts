/** What is kept about an application and what is told of it. */
import type { Revision } from './catalog.ts';
import type { Diagnostic, Fault } from './fault.ts';
import type { Json, KubeObject, ObjectKey } from './object.ts';

/** One object that an application owns or intends to own: an entry of a ResourceTracker. */
export interface Tracked {
  readonly key: ObjectKey;
  readonly component: string;
  readonly trait: string;
  /** Who asked for it: a component's dispatch, a step, a policy, the repository. */
  readonly creator: string;
  /** garbage-collect `never`: it is left when the application goes. */
  readonly skipGC: boolean;
}

/** What an application owns in all clusters. Deleting reads this and nothing else (I2). */
export interface Inventory {
  readonly entries: readonly Tracked[];
}

/** Phases of a step, KubeVela's words. */
export type StepPhase = 'pending' | 'running' | 'succeeded' | 'failed' | 'skipped' | 'suspending';

export interface StepStatus {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly phase: StepPhase;
  readonly message: string;
  readonly reason: string;
  readonly firstExecuteTime: string;
  readonly lastExecuteTime: string;
  readonly subSteps: readonly StepStatus[];
}

/** How far the workflow of one application has come: what `status.workflow` shows and the journal Secret adds. */
export interface Journal {
  /** The ApplicationRevision, or publishVersion, that this run belongs to. */
  readonly appRevision: string;
  readonly mode: string;
  readonly steps: readonly StepStatus[];
  readonly suspend: boolean;
  readonly terminated: boolean;
  readonly finished: boolean;
  readonly state: 'initializing' | 'executing' | 'suspending' | 'terminated' | 'failed' | 'succeeded' | 'skipped';
  readonly message: string;
  readonly startTime: string;
  readonly endTime: string;
  /** Outputs of steps by name. May hold secrets: only ever written to the journal Secret. */
  readonly variables: Readonly<Record<string, Json>>;
  /** Failures of a step so far, by step id; KubeVela 1.10 gives up after 10. */
  readonly failures: Readonly<Record<string, number>>;
  /** Calls that must not be made twice, by step id and path: an intent without a result has an unknown outcome. */
  readonly calls: Readonly<Record<string, { readonly intent: string; readonly result?: Json }>>;
  /** When a step began to wait for time, by step id: RFC 3339. */
  readonly timers: Readonly<Record<string, string>>;
}

/** Health of one component or trait as KubeVela tells it. */
export interface Health {
  readonly healthy: boolean;
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
}

/** One entry of `status.services`. */
export interface ServiceHealth extends Health {
  readonly name: string;
  readonly namespace: string;
  readonly cluster: string;
  readonly workload: { readonly apiVersion: string; readonly kind: string };
  readonly traits: readonly (Health & { readonly type: string })[];
}

/** What is said of one object in the status file. */
export interface ObjectReport {
  readonly key: ObjectKey;
  /** kstatus: is this object where it should be? */
  readonly health: 'Current' | 'InProgress' | 'Failed' | 'Missing' | 'Unknown';
  readonly message: string;
  /** Paths that were drift and were put back in this pass, or are only reported. */
  readonly drift: readonly string[];
  readonly fault: Fault | null;
}

export interface Condition {
  readonly type: 'Ready' | 'Reconciling' | 'Stalled';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** An Approval that a pass went by. */
export interface ApprovalReport {
  /** Who approved, as `Name <mail>`. */
  readonly by: string;
  readonly action: 'resume' | 'delete' | 'abandon';
  /** What was approved: the step, or the object. */
  readonly target: string;
  /** The file in the repository. */
  readonly path: string;
}

/** All that one pass found out about one application. */
export interface ApplicationReport {
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  /** KubeVela's phase: running, runningWorkflow, ... */
  readonly phase: string;
  readonly conditions: readonly Condition[];
  /** Commit whose content was last applied. */
  readonly appliedRevision: string;
  readonly author: string;
  readonly services: readonly ServiceHealth[];
  readonly journal: Journal | null;
  readonly objects: readonly ObjectReport[];
  readonly latestRevision: string;
  /** Hash of its content, what an Approval to resume names; absent where it was not rendered. */
  readonly revisionHash?: string;
  readonly diagnostics: readonly Diagnostic[];
  /** Absent: none. */
  readonly approvals?: readonly ApprovalReport[];
  /** Hash of each definition in use, by `Kind/name`; absent where it was not rendered. */
  readonly definitions?: Readonly<Record<string, string>>;
  readonly fault: Fault | null;
  /** When it is worth looking again, in milliseconds; null: when something changes. */
  readonly retryAfterMs: number | null;
}

/** What is said of one member cluster. */
export interface ClusterReport {
  readonly name: string;
  readonly mode: 'direct' | 'ocm';
  readonly accepted: boolean;
  readonly available: 'True' | 'False' | 'Unknown';
  /** gitVersion; "" while it is not known. */
  readonly version: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fault: Fault | null;
  /** What lies there, by application `namespace/name`, with the objects' health. */
  readonly applications: readonly { readonly application: string; readonly objects: readonly ObjectReport[] }[];
}

/** What is said of one Initializer in its status file. */
export interface InitializerReport {
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  /** KubeVela's phase. */
  readonly phase: 'checkingDependsOn' | 'initializing' | 'success';
  readonly dependsOn: readonly { readonly name: string; readonly phase: string }[];
  readonly conditions: readonly Condition[];
  readonly message: string;
}

/** One pass's result: what the status branch, the log and the exit code are made of. */
export interface Report {
  readonly revision: Revision | null;
  readonly applications: readonly ApplicationReport[];
  /** Documents applied to the hub as they are. */
  readonly objects: readonly ObjectReport[];
  readonly clusters: readonly ClusterReport[];
  readonly initializers: readonly InitializerReport[];
  /** Applications that left the repository, and what of them is still there. */
  readonly leaving: readonly ApplicationReport[];
  readonly diagnostics: readonly Diagnostic[];
  /** Approvals by which something was done in this pass; absent: none. */
  readonly approvals?: readonly ApprovalReport[];
  readonly fault: Fault | null;
}

/** A commit to make on the status branch: content by path; null removes the file. */
export interface StatusCommit {
  readonly files: ReadonlyMap<string, string | null>;
  readonly subject: string;
  /** What failed and what was done, one line each; absent: the subject says it all. */
  readonly body?: readonly string[];
  /** `Key: value` lines, in this order. */
  readonly trailers: readonly (readonly [string, string])[];
  /**
   * Plans of refs: made of what stands in the repository and nothing else, and masked as far as that calls something a
   * secret. The daemon's own secrets are not looked for: `***` in the place of a guess would tell who wrote it that it is right.
   */
  readonly isOfRepository?: boolean;
}

/** An object's live state when it was looked for: there, absent, or not known. */
export type Observation = { readonly live: KubeObject } | { readonly absent: true } | { readonly fault: Fault };
