/** What the middle needs from outside. Doors implement these; wire.ts puts them together; tests may wrap them. */
import type { Revision, Tree, TreeFile } from './catalog.ts';
import type { Fault } from './fault.ts';
import type { JsonObject, KubeObject, ObjectKey } from './object.ts';
import type { ApplyRules } from './plan.ts';
import type { Journal, Observation, StatusCommit } from './status.ts';
import type { Provenance } from './trust.ts';

/** Time and randomness; nothing else may ask for them. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Resolves after `ms`, rejects with an AbortError when `signal` fires. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** The repository: one branch is read, another is written. */
export interface Repo {
  /**
   * Asks the remote; the newest commit of the source branch that may be applied. Where that is not the newest of all, the
   * revision says why (`held`). Faults: source/*.
   */
  readonly fetch: (signal: AbortSignal) => Promise<Revision>;
  /** The frozen files of a commit that was fetched (I1). */
  readonly tree: (revision: Revision, signal: AbortSignal) => Promise<Tree>;
  /** The commit that brought a file of this revision as it is, with its signature; null when it has no history. */
  readonly broughtBy: (file: Pick<TreeFile, 'path' | 'oid'>, revision: Revision, signal: AbortSignal) => Promise<Provenance | null>;
  /** A file of the status branch as it is on the remote now; null when there is none. */
  readonly statusFile: (path: string, signal: AbortSignal) => Promise<string | null>;
  /** Every file of the status branch with its content, as it will be when what waits has been pushed; empty when there is no branch. */
  readonly statusFiles: (signal: AbortSignal) => Promise<ReadonlyMap<string, string>>;
  /**
   * Writes the status branch: on the remote tip, compare-and-swap, rebuilt when another was faster (never forced).
   * Resolves to the pushed commit, or null when the branch says all of it already (I5). What cannot be pushed waits in the
   * outbox and goes before whatever is committed next; a commit without files pushes only that. Faults: source/*, of
   * which source/outbox alone says that it was not kept either.
   */
  readonly commit: (commit: StatusCommit, signal: AbortSignal) => Promise<string | null>;
  /** Whether something waits that could not be pushed. Absent: nothing ever does. */
  readonly waits?: () => Promise<boolean>;
}

/** What is asked about refs that are planned beside the branch. */
export interface PlanRequest {
  /** Whole refs such as `refs/heads/env/*`; a star stops at a slash. */
  readonly patterns: readonly string[];
  /** Commits that refs have been planned for, by ref. */
  readonly planned: ReadonlyMap<string, string>;
  /** What is applied: refs that it contains need no plan. */
  readonly onto: Revision;
}

/** A ref to be planned, with its commit in our copy. `revision.branch` is the whole ref. */
export interface PlanTip {
  readonly ref: string;
  readonly revision: Revision;
  /** Where it left the branch that is applied; null when they have no commit in common. */
  readonly base: Revision | null;
}

export interface PlanTips {
  /** To be planned now. */
  readonly tips: readonly PlanTip[];
  /** These could not be had. Only a transient fault is tried again before they move. */
  readonly failed: readonly { readonly ref: string; readonly sha: string; readonly fault: Fault }[];
  /** Refs of `planned` that are no longer there, or whose commits the branch contains by now. */
  readonly gone: readonly string[];
  /** So many more are to be planned: ask again. */
  readonly waiting: number;
}

/** Refs that anybody may push, and their trees. */
export interface PlanRefs {
  /** Asks the remote. Faults: source/* when it cannot be asked. */
  readonly planTips: (request: PlanRequest, signal: AbortSignal) => Promise<PlanTips>;
  /** As {@link Repo.tree}, for tips and their bases. */
  readonly planTree: Repo['tree'];
  /** The newest ancestor of `base` that had what differs between the two as `head` has it; "" for none. Faults: source/*. */
  readonly earlierContent: (head: Revision, base: Revision, signal: AbortSignal) => Promise<string>;
}

/** One object to be written. */
export interface ApplyRequest {
  readonly key: ObjectKey;
  readonly object: KubeObject;
  readonly rules: ApplyRules;
  /** The object as it is now; null when it is known to be absent. */
  readonly live: KubeObject | null;
  /** It was ours before: our own drift may be forced (I10). */
  readonly owned: boolean;
}

/** What became of a write. */
export interface Receipt {
  readonly key: ObjectKey;
  /** The server's answer. */
  readonly object: KubeObject;
  /** False: the server found nothing to change. */
  readonly changed: boolean;
  /** The user should know, e.g. that a three-way merge was needed. */
  readonly warnings: readonly string[];
}

/** Objects in clusters. Every fault of it is about one object or one cluster and holds up no other (I12). */
export interface Transport {
  /** The live objects, by keyText. Reads in bulk where that is cheaper. Never throws for one object: see Observation. */
  readonly observe: (keys: readonly ObjectKey[], signal: AbortSignal) => Promise<ReadonlyMap<string, Observation>>;
  /** The apply primitive. Faults: transport/*. */
  readonly apply: (request: ApplyRequest, signal: AbortSignal) => Promise<Receipt>;
  /** Asks the API server what it would say to an apply; nothing is written. Faults: as apply's. Absent: it cannot be asked. */
  readonly rehearse?: (request: ApplyRequest, signal: AbortSignal) => Promise<void>;
  /**
   * Deletes when it is still the object with this uid. True once it is gone, false while finalizers hold it. `mark`:
   * annotations that it gets right before.
   */
  readonly remove: (
    key: ObjectKey,
    uid: string,
    propagation: 'cascading' | 'orphan',
    signal: AbortSignal,
    mark?: Readonly<Record<string, string>> | null,
  ) => Promise<boolean>;
  /** Objects of a kind; `labels` is a label selector. */
  readonly list: (cluster: string, apiVersion: string, kind: string, namespace: string, labels: string, signal: AbortSignal) => Promise<readonly KubeObject[]>;
  /**
   * The kind that a resource's word stands for: `deployments`, `deployment`; `group` "" for any, the core one first. Null
   * when the cluster knows none. Absent: nobody can be asked.
   */
  readonly kindOf?: (
    cluster: string,
    group: string,
    resource: string,
    signal: AbortSignal,
  ) => Promise<{ readonly apiVersion: string; readonly kind: string } | null>;
  /** Whether a kind is namespaced; null when the cluster does not know it. */
  readonly isNamespaced: (cluster: string, apiVersion: string, kind: string, signal: AbortSignal) => Promise<boolean | null>;
}

/** What the hub keeps for us about one application. */
export interface ApplicationRecord {
  readonly namespace: string;
  readonly name: string;
  /** The Application object on the hub; null when it is not there. */
  readonly application: KubeObject | null;
  /** Its ResourceTrackers, any number of them after a crash. */
  readonly trackers: readonly KubeObject[];
  /** Its ApplicationRevisions: metadata only. */
  readonly revisions: readonly KubeObject[];
  /** The journal Secret; null when there is none. */
  readonly journal: KubeObject | null;
}

/** The hub's own records: how Lateen remembers. Each write is one effect. */
export interface Records {
  /** Everything that is kept, by `namespace/name`; with `only`, of these applications. */
  readonly open: (signal: AbortSignal, only?: ReadonlySet<string>) => Promise<ReadonlyMap<string, ApplicationRecord>>;
  /** Creates or updates by server-side apply and answers with the server's object: for what others write into as well. */
  readonly save: (effect: Effect, object: KubeObject, signal: AbortSignal) => Promise<KubeObject>;
  /**
   * The same for what is Lateen's alone, which is cheaper for the API server: created when `live` is null, else patched
   * where it differs. An object that is there after all is patched.
   */
  readonly keep: (effect: Effect, object: KubeObject, live: KubeObject | null, signal: AbortSignal) => Promise<KubeObject>;
  /** Merge-patches the status subresource. */
  readonly saveStatus: (object: KubeObject, status: JsonObject, signal: AbortSignal) => Promise<KubeObject>;
  readonly remove: (effect: Effect, object: KubeObject, signal: AbortSignal) => Promise<void>;
}

/** Objects of the hub, one at a time, for what reconciles them. Writes are not effects by themselves: see {@link Effects}. */
export interface Objects {
  /** `https://host:port` of the hub as this process reaches it. */
  readonly server: string;
  /** Null when it is not there, or its kind is not served. `namespace` "" for a cluster-scoped kind. */
  readonly get: (target: ObjectTarget, signal: AbortSignal) => Promise<KubeObject | null>;
  /** Of all namespaces; empty when the kind is not served. `labels` is a label selector, "" for all. */
  readonly list: (apiVersion: string, kind: string, labels: string, signal: AbortSignal) => Promise<readonly KubeObject[]>;
  /** Server-side apply as Lateen, forced. */
  readonly apply: (object: KubeObject, signal: AbortSignal) => Promise<KubeObject>;
  /** A JSON merge patch; `resourceVersion` in its metadata makes it fail with transport/conflict when it was changed since. */
  readonly patch: (target: ObjectTarget, body: JsonObject, signal: AbortSignal, subresource?: 'status') => Promise<KubeObject>;
  readonly remove: (target: ObjectTarget, signal: AbortSignal) => Promise<void>;
}
export interface ObjectTarget {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** What one look at an object came to. */
export interface Turn {
  /** Null: nothing is left to do until the object is changed. */
  readonly retryAfterMs: number | null;
  /** Something was written: who waits for the object may look at it. */
  readonly changed: boolean;
  /** What it waits for or why it cannot go on, in words; "" when it is as it should be. */
  readonly message: string;
  /** Why it cannot go on; null while it does, or is done. */
  readonly fault: Fault | null;
}

/**
 * Reconciles the objects of one kind in place of a controller that is not there. One turn is short (no waiting for a
 * cloud) and may be cut off anywhere: the next one finds out from the object and the world how far it came (I6).
 */
export interface Controller {
  readonly apiVersion: string;
  readonly kind: string;
  /** Whether this object is one for it. Pure. */
  readonly isMine: (object: KubeObject) => boolean;
  /** Throws only loop/cancelled and transport/lease; everything else is the turn's fault. */
  readonly turn: (object: KubeObject, signal: AbortSignal) => Promise<Turn>;
}

/** A cluster to be registered with the hub; certificates and key are PEM. */
export interface ClusterRegistration {
  /** The ManagedCluster's name, a DNS label. */
  readonly name: string;
  readonly connection: {
    /** https://host:port, perhaps with a path. */
    readonly endpoint: string;
    /** Null: the server's certificate is not checked, where the operator allows that. */
    readonly ca: string | null;
    readonly login: { readonly cert: string; readonly key: string } | { readonly token: string };
  };
  /** Labels that placements select by. */
  readonly labels: Readonly<Record<string, string>>;
  /** The set that it belongs to, made when absent; null leaves that as it is, or `default`. */
  readonly clusterSet: string | null;
  /** Namespaces on the hub whose placements may choose from that set. */
  readonly boundTo: readonly string[];
  /** The hub's address as the member reaches it, for the klusterlet; "" is the address that this process uses. */
  readonly hubServer: string;
}

/**
 * Registers a cluster in the mode that the hub is run in: direct, or with OCM. Called again until it says `available`;
 * a call is short and doubles nothing. Faults: transport/*.
 */
export type Register = (
  registration: ClusterRegistration,
  signal: AbortSignal,
) => Promise<{ readonly available: boolean; readonly message: string; readonly changed: boolean }>;

/** One writer per hub. */
export interface Lease {
  /** Takes the Lease or throws transport/lease. */
  readonly acquire: (signal: AbortSignal) => Promise<void>;
  /** Throws transport/lease when it is no longer ours; called before every effect. */
  readonly check: () => void;
  readonly release: () => Promise<void>;
}

/**
 * Every kind of effect on the world, in the order in which a pass has them. Each goes through `Effects.run`, so that
 * one place checks the Lease before it and a test can kill the process right before or after any of them (I6).
 */
export const EFFECTS = [
  'lease',
  'system',
  'application',
  'revision',
  'journal',
  'tracker',
  'apply',
  'call',
  'cloud',
  'delete',
  'status',
  'untrack',
  'forget',
  'push',
] as const;
export type Effect = (typeof EFFECTS)[number];

export interface Effects {
  /** Runs `effect` unless the Lease is lost. `subject` says on what, for the log. */
  readonly run: <T>(kind: Effect, subject: string, effect: () => Promise<T>) => Promise<T>;
}

/** Knows every secret value seen so far; everything that leaves the process goes through `text` (I9). */
export interface Redactor {
  /** Values shorter than 4 characters are not remembered: they would blank ordinary text. */
  readonly learn: (value: string) => void;
  /** Learns every value of a core/v1 Secret, encoded and plain. */
  readonly learnSecret: (secret: KubeObject) => void;
  readonly text: (text: string) => string;
}

/** An HTTP call that a workflow step asks for. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
  readonly timeoutMs: number;
}
export interface HttpResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
}
export type Http = (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse>;

/** Label on the journal Secret; its value is the application's name, its namespace the application's. */
export const JOURNAL_LABEL = 'lateen.dev/journal';

/** A journal that holds nothing yet. */
export const EMPTY_JOURNAL: Journal = {
  appRevision: '',
  mode: '',
  steps: [],
  suspend: false,
  terminated: false,
  finished: false,
  state: 'initializing',
  message: '',
  startTime: '',
  endTime: '',
  variables: {},
  failures: {},
  calls: {},
  timers: {},
};
