/**
 * Controllers that stand in for others: a Configuration without terraform-controller, a Job whose image Lateen carries
 * out itself. After the applications of a pass had their turn, every object that is due has one; a slow one goes on
 * behind the pass (I12), and what it wrote wakes the application that waits for it.
 *
 *   pass ── look ──> objects of the controllers' kinds ──> turn of each that is due ──> written: the owner is looked at
 *     ^                                                       │ retryAfterMs: due again then
 *     └───────────────────────────────────────────────────────┘
 */
import { withinGrace } from './lib/grace.ts';
import type { Log } from './lib/log.ts';
import { mapLimit } from './lib/queue.ts';
import { endsTurn, toFault, type Fault } from './model/fault.ts';
import { keyOf, keyText, LOCAL, type KubeObject, type ObjectKey } from './model/object.ts';
import type { Clock, Controller, Objects, Turn } from './model/ports.ts';
import type { ObjectReport } from './model/status.ts';

export interface ControllersOptions {
  readonly hub: Pick<Objects, 'list'>;
  readonly controllers: readonly Controller[];
  readonly clock: Clock;
  readonly log: Log;
  /** How long a pass waits for turns. */
  readonly graceMs: number;
  /** Told of an object whose turn is over and that has news, or that is due again. */
  readonly onNews: (key: ObjectKey) => void;
}

export interface Controllers {
  /**
   * A turn for every object of `ours` that is due: what another instance has delivered is its own affair, or two would
   * make one cloud cluster at the same time. A kind of which there is none costs nothing. Faults of the hub while
   * objects are listed: transport/*.
   */
  readonly tend: (ours: Iterable<ObjectKey>, signal: AbortSignal) => Promise<void>;
  /** The report of an object with what its controller has to say; `generation` is that of the object that is reported. */
  readonly told: (report: ObjectReport, generation?: number) => ObjectReport;
}

/** For verbs that only look. */
export const NO_CONTROLLERS: Controllers = { tend: () => Promise.resolve(), told: (report) => report };

const TURNS_AT_ONCE_MAX = 8;

interface Known {
  /** What the object was when it had its last turn: another one is due at once. */
  version: string;
  /** The generation that its last turn, or the one under way, is about. */
  generation: number;
  dueMs: number;
  last: Turn | null;
  running: Promise<void> | null;
}

/** Opens the controllers; nothing is asked yet. */
export function openControllers(options: ControllersOptions): Controllers {
  const { hub, clock, log } = options;
  const known = new Map<string, Known>();

  async function turn(controller: Controller, object: KubeObject, it: Known, key: ObjectKey, signal: AbortSignal): Promise<void> {
    try {
      const before = it.last;
      const result = await controller.turn(object, signal);
      it.last = result;
      it.dueMs = result.retryAfterMs === null ? Infinity : clock.now() + result.retryAfterMs;
      if (result.message !== (before?.message ?? ''))
        log[result.fault === null ? 'info' : 'warn']('controller', { object: `${key.kind} ${key.namespace}/${key.name}`, message: result.message });
      if (result.changed || before === null || before.message !== result.message || before.fault?.message !== result.fault?.message) options.onNews(key);
      if (result.retryAfterMs !== null)
        void clock.sleep(result.retryAfterMs, signal).then(
          () => options.onNews(key),
          () => {},
        );
    } catch (error) {
      // Who is cancelled or has lost the Lease finds out in the pass itself.
      const fault: Fault = toFault(error);
      it.dueMs = clock.now() + 1000;
      if (!endsTurn(fault)) log.warn('controller failed', { object: `${key.kind} ${key.namespace}/${key.name}`, error: fault });
    }
  }

  async function tendOne(controller: Controller, object: KubeObject, signal: AbortSignal): Promise<void> {
    const key = keyOf(LOCAL, object);
    const it = known.get(keyText(key)) ?? { version: '', generation: 0, dueMs: 0, last: null, running: null };
    known.set(keyText(key), it);
    // What it says of itself, status and notes of ours, is no reason for another turn.
    const version = `${object.metadata.uid ?? ''}/${object.metadata.generation ?? ''}/${object.metadata.deletionTimestamp ?? ''}`;
    if (it.running === null && (it.version !== version || it.dueMs <= clock.now())) {
      it.version = version;
      it.generation = object.metadata.generation ?? 0;
      it.running = turn(controller, object, it, key, signal).finally(() => {
        it.running = null;
      });
    }
    if (it.running !== null) await withinGrace(it.running, options.graceMs, clock, signal);
  }

  return {
    tend: async (ours, signal) => {
      const present = new Set<string>();
      const work: { readonly controller: Controller; readonly object: KubeObject }[] = [];
      const keys = [...ours];
      for (const controller of options.controllers) {
        const own = new Set(keys.filter(({ cluster, kind }) => cluster === LOCAL && kind === controller.kind).map(keyText));
        if (own.size === 0) continue;
        for (const object of await hub.list(controller.apiVersion, controller.kind, '', signal)) {
          const text = keyText(keyOf(LOCAL, object));
          if (!own.has(text) || !controller.isMine(object)) continue;
          present.add(text);
          work.push({ controller, object });
        }
      }
      for (const [text, it] of known) if (!present.has(text) && it.running === null) known.delete(text);
      await mapLimit(work, TURNS_AT_ONCE_MAX, ({ controller, object }) => tendOne(controller, object, signal), signal);
    },
    told: (report, generation) => {
      const it = known.get(keyText(report.key));
      const last = it?.last ?? null;
      if (it === undefined || last === null) return report;
      // What was said of an older content is not said of this one: it has its turn after the applications had theirs.
      if (generation !== undefined && generation > it.generation)
        return { ...report, health: 'InProgress', message: 'has been changed, and is looked at next' };
      if (last.message === '') return report;
      return { ...report, health: last.fault === null ? 'InProgress' : 'Failed', message: last.message, fault: report.fault ?? last.fault };
    },
  };
}
