/** The words of a run: what a step may use, and what may come of it. Types only. */
import type { CueEvaluator, CueJson, CueObject, CueStepCall } from '../model/cue.ts';
import type { Clusters } from '../model/clusters.ts';
import type { Fault } from '../model/fault.ts';
import type { Json, KubeObject } from '../model/object.ts';
import type { Change, DesiredApplication, RenderedComponent, Step, Wanted } from '../model/plan.ts';
import type { Clock, Http, Register, Transport } from '../model/ports.ts';
import type { Health, ServiceHealth } from '../model/status.ts';

/** What became of one wanted object. */
export interface Delivered {
  readonly change: Change;
  /** As it is now; null when it could not be had. */
  readonly live: KubeObject | null;
  readonly fault: Fault | null;
  readonly warnings: readonly string[];
}

/** What became of one component: its objects and its health. */
export interface ComponentOutcome {
  readonly delivered: readonly Delivered[];
  readonly health: ServiceHealth;
  /** The live workload and auxiliary objects by their name under `outputs`; null and {} until they are there. */
  readonly output: KubeObject | null;
  readonly outputs: Readonly<Record<string, KubeObject>>;
  /** The first thing that went wrong while applying. */
  readonly fault: Fault | null;
}

/** Delivers objects for one application: decides, records the intent in the inventory, applies. */
export interface Delivery {
  /**
   * One answer per object, in order. Never throws for one object. `creator` is recorded: workflow, policy, or `placement` for what goes
   * where clusters are chosen, and is pruned when the choice changes.
   */
  readonly deliver: (wanted: readonly Wanted[], creator: string) => Promise<readonly Delivered[]>;
  /** A component by stages (PreDispatch, then the workload, then PostDispatch), each healthy before the next. */
  readonly component: (rendered: RenderedComponent, creator?: string) => Promise<ComponentOutcome>;
  /** Health without applying anything. */
  readonly health: (rendered: RenderedComponent) => Promise<ComponentOutcome>;
  /** Deletes an object that belongs to this application or that a step names. True once it is gone. */
  readonly remove: (object: KubeObject, cluster: string) => Promise<boolean>;
}

/** Evaluates health, status message and details of a rendered component from its live objects. */
export type HealthOf = (
  rendered: RenderedComponent,
  output: KubeObject | null,
  outputs: Readonly<Record<string, KubeObject>>,
  signal: AbortSignal,
) => Promise<Health & { readonly traits: readonly (Health & { readonly type: string })[] }>;

/** What a step, and every action that its template asks for, may use. */
export interface StepContext {
  readonly desired: DesiredApplication;
  readonly step: Step;
  /** Ten characters, the same after a restart: names of objects that a step makes hang on it. */
  readonly stepId: string;
  /** The step-group around it, or "". */
  readonly group: string;
  /** The step's properties after inputs were put in. */
  readonly properties: Json;
  readonly delivery: Delivery;
  readonly transport: Transport;
  readonly cue: CueEvaluator;
  readonly http: Http;
  /** Registers member clusters. */
  readonly register: Register;
  readonly clock: Clock;
  readonly clusters: Clusters;
  readonly signal: AbortSignal;
  /** The step was suspended and somebody resumed it: its suspend call passes now. */
  readonly resumed: boolean;
  /** A step output or workflow variable by its name; undefined when nobody has set it. */
  readonly variable: (name: string) => CueJson | undefined;
  readonly setVariable: (name: string, value: CueJson) => void;
  /**
   * Makes a call that must not be made twice: the intent is in the journal before it, the result after it. When a
   * killed run left an intent without a result the outcome is unknown and it throws workflow/step-failed.
   */
  readonly once: (path: string, intent: string, call: () => Promise<CueObject>) => Promise<CueObject>;
  /** When this wait began, in milliseconds since the epoch; the first call at this path starts it. Kept in the journal. */
  readonly since: (path: string) => number;
}

/** What an action answers to the template that asked for it. */
export type Outcome =
  /** The call is done; `value` is what CueStepRequest.results takes at its path. */
  | { readonly kind: 'result'; readonly value: CueObject }
  /** Not yet: the step stays `running`. With `value` the walk over the template goes on nevertheless (component-apply). */
  | { readonly kind: 'wait'; readonly message: string; readonly value?: CueObject; readonly retryAfterMs?: number }
  | { readonly kind: 'suspend'; readonly message: string; readonly retryAfterMs?: number }
  /** The step succeeds and the workflow ends here. */
  | { readonly kind: 'break'; readonly message: string }
  /** The step fails for good. KubeVela 1.10: reason Action. */
  | { readonly kind: 'fail'; readonly message: string }
  /** The walk goes on, and the message is shown at the step. */
  | { readonly kind: 'message'; readonly message: string; readonly value: CueObject };

/** One function that a template may call. Throws Faults: the step is failed with reason Execute and tried again. */
export type Action = (call: CueStepCall, context: StepContext) => Promise<Outcome>;

/** Actions by `provider.do`. */
export type Actions = ReadonlyMap<string, Action>;
