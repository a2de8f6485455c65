/**
 * WHEN a pass happens. Ticks say only "look again": a poll, a moved branch, a changed object, a time that has come.
 *
 *              tick: repository              new commit, or resync is due
 *   waiting ----------------------> fetching ---------------------------> passing (all)
 *    ^  |  tick: applications,         |  nothing new                        |
 *    |  |  documents                   v                                     |
 *    |  +--------------------------> passing (only those) -------------------+
 *    |                                                                       |
 *    +---------- retry timers are set from the reports ----------------------+
 *
 * One pass at a time (I7); ticks that come meanwhile are gathered into the next.
 */
import type { Log } from './lib/log.ts';
import { withDeadline } from './lib/retry.ts';
import type { Revision } from './model/catalog.ts';
import { consequence, toFault } from './model/fault.ts';
import type { Clock, Repo } from './model/ports.ts';
import type { ApplicationReport, Report } from './model/status.ts';
import { tell } from './tell.ts';
import { pass, type Doors, type Memory, type PassResult } from './pass.ts';

export interface LoopDoors extends Doors {
  readonly repo: Repo;
  readonly log: Log;
  readonly clock: Clock;
}

/** What the outside tells the loop; any number of ticks before the next pass count as one. */
export interface Ticks {
  readonly repository: () => void;
  /** Something happened that may touch any application. */
  readonly everything: () => void;
  /** `namespace/name` of an application that something happened to. */
  readonly application: (name: string) => void;
  /** Something happened to one of the repository's own documents. */
  readonly documents: () => void;
}

export interface LoopOptions {
  /** Everything is looked at again after so long, whatever happened. */
  readonly resyncMs: number;
  /** Gathers ticks that come together. */
  readonly debounceMs: number;
  /** Told after every pass, for probes and metrics. */
  readonly onPass: (result: PassResult, durationMs: number) => void;
  /** Told of the newest commit after each time that the remote was asked. */
  readonly onFetched?: (revision: Revision) => void;
}

/** An application that only waits for health is looked at again at growing intervals; a watch usually says it sooner. */
const HEALTH_BACKOFF_MAX = 5;
/** Among what is due: the repository's own documents. No application has such a name. */
const DOCUMENTS = 'documents';
/** How long a daemon that is stopped may take to tell what waits. */
const LAST_WORDS_MS = 5_000;

/** Runs until `signal` fires. Throws when the Lease is lost. */
export class Loop {
  readonly #doors: LoopDoors;
  readonly #memory: Memory;
  readonly #options: LoopOptions;
  readonly #due = new Map<string, number>();
  readonly #tries = new Map<string, { readonly told: string; readonly count: number }>();
  #applications = new Set<string>();
  #documents = false;
  #fetch = true;
  #wake: () => void = () => {};
  #revision: Revision | null = null;
  #lastFullMs = -Infinity;
  #fetchTries = 0;
  #tellMs = Infinity;

  constructor(doors: LoopDoors, memory: Memory, options: LoopOptions) {
    this.#doors = doors;
    this.#memory = memory;
    this.#options = options;
  }

  readonly ticks: Ticks = {
    repository: () => {
      this.#fetch = true;
      this.#wake();
    },
    everything: () => {
      this.#lastFullMs = -Infinity;
      this.#fetch = true;
      this.#wake();
    },
    application: (name) => {
      this.#applications.add(name);
      this.#wake();
    },
    documents: () => {
      this.#documents = true;
      this.#wake();
    },
  };

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#turn(signal);
        await this.#wait(signal);
      } catch (error) {
        const fault = toFault(error);
        if (fault.kind === 'cancelled' && signal.aborted) break;
        throw fault;
      }
    }
    // Status is recorded on every exit path (I4); a Lease that is lost has thrown.
    const { clock, log } = this.#doors;
    await withDeadline(LAST_WORDS_MS, (until) => this.#tell(until, 'once'), clock, new AbortController().signal).catch((error: unknown) => {
      log.warn('status not pushed', { error: toFault(error) });
    });
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { clock } = this.#doors;
    const fetched = this.#fetch ? await this.#ask(signal) : this.#revision;
    if (fetched === null) return;
    const isNew = fetched.sha !== this.#revision?.sha;
    if (isNew) this.#doors.log.info('new commit', { commit: fetched.sha, author: fetched.author, subject: fetched.subject });
    // A newer commit that may not be applied is news as well: it is told at once.
    const isTold = isNew || heldText(fetched) !== heldText(this.#revision);
    this.#revision = fetched;
    const all = isTold || clock.now() - this.#lastFullMs >= this.#options.resyncMs;
    const { applications, documents } = this.#take();
    if (!all && !documents && applications.size === 0) return this.#tell(signal, 'pace');
    const only = all ? null : applications;
    const startMs = clock.now();
    const result = await pass(this.#doors, this.#memory, fetched, { stop: 'end', only, documents }, signal);
    if (all && result.report.fault === null) this.#lastFullMs = clock.now();
    this.#schedule(result.report, only, all || documents);
    // What could not be pushed is kept, and tried again before the next resync.
    if (result.pushFault !== null)
      this.#lastFullMs = Math.min(
        this.#lastFullMs,
        clock.now() - this.#options.resyncMs + (consequence(result.pushFault, 3).retryAfterMs ?? this.#options.resyncMs),
      );
    this.#tellMs = result.tellInMs === null ? Infinity : clock.now() + result.tellInMs;
    this.#options.onPass(result, clock.now() - startMs);
  }

  /** What waits to be told, when its time has come or somebody stops us. */
  async #tell(signal: AbortSignal, at: 'once' | 'pace'): Promise<void> {
    const { clock } = this.#doors;
    const report = this.#memory.untold;
    if (report === null || (at === 'pace' && clock.now() < this.#tellMs)) return;
    const startMs = clock.now();
    const told = await tell(this.#doors, this.#memory, report, signal, at);
    this.#tellMs = told.tellInMs === null ? Infinity : clock.now() + told.tellInMs;
    this.#options.onPass({ report, plan: null, ...told }, clock.now() - startMs);
  }

  async #ask(signal: AbortSignal): Promise<Revision | null> {
    this.#fetch = false;
    try {
      const revision = await this.#doors.repo.fetch(signal);
      this.#options.onFetched?.(revision);
      this.#fetchTries = 0;
      return revision;
    } catch (error) {
      const fault = toFault(error);
      if (fault.kind === 'cancelled' || fault.code === 'config/invalid') throw fault;
      this.#fetchTries += 1;
      const then = consequence(fault, this.#fetchTries);
      this.#doors.log[this.#fetchTries === 1 ? 'warn' : then.level]('repository not read', {
        error: fault,
        retryInMs: then.retryAfterMs ?? this.#options.resyncMs,
      });
      this.#due.set('', this.#doors.clock.now() + Math.min(then.retryAfterMs ?? this.#options.resyncMs, this.#options.resyncMs));
      return this.#revision;
    }
  }

  /** The applications whose time has come or that something happened to, and whether the documents' has. */
  #take(): { readonly applications: ReadonlySet<string>; readonly documents: boolean } {
    const now = this.#doors.clock.now();
    const applications = this.#applications;
    this.#applications = new Set();
    let documents = this.#documents;
    this.#documents = false;
    for (const [name, due] of this.#due) {
      if (due > now) continue;
      this.#due.delete(name);
      if (name === DOCUMENTS) documents = true;
      else if (name !== '') applications.add(name);
    }
    return { applications, documents };
  }

  /** `only`: the applications that the pass was about; of the others the report says what is known already, and their time stays. */
  #schedule(report: Report, only: ReadonlySet<string> | null, documents: boolean): void {
    const now = this.#doors.clock.now();
    if (report.fault !== null) {
      const tries = (this.#tries.get('')?.count ?? 0) + 1;
      this.#tries.set('', { told: report.fault.code, count: tries });
      const then = consequence(report.fault, tries);
      this.#doors.log[tries === 1 ? 'warn' : then.level]('pass failed', { error: report.fault, attempt: tries });
      // The whole pass failed, so the whole is tried again; what is waited for is outside (hub, evaluator).
      this.#lastFullMs = now - this.#options.resyncMs + (then.retryAfterMs ?? this.#options.resyncMs);
      this.#due.set('', this.#lastFullMs + this.#options.resyncMs);
      return;
    }
    this.#tries.delete('');
    for (const app of [...report.applications, ...report.leaving]) {
      const name = `${app.namespace}/${app.name}`;
      if (only !== null && !only.has(name) && this.#due.has(name)) continue;
      const wait = this.#waitFor(name, app);
      if (wait === null) this.#due.delete(name);
      else this.#due.set(name, now + wait);
    }
    if (documents) this.#scheduleDocuments(report, now);
    // What leaves is only gone through by a whole pass.
    if (report.leaving.some((app) => app.fault === null)) this.#lastFullMs = Math.min(this.#lastFullMs, now - this.#options.resyncMs + 2000);
  }

  /** Documents that failed are tried again, all of them at the pace of the one that has failed least. */
  #scheduleDocuments({ objects }: Report, now: number): void {
    // What the plan holds back waits for people, and for a whole pass.
    const faults = objects.flatMap(({ fault }) => (fault === null || fault.code.startsWith('plan/') ? [] : fault));
    const told = faults
      .map((fault) => fault.message)
      .sort()
      .join(' ');
    const before = this.#tries.get(DOCUMENTS);
    const count = before?.told === told ? before.count + 1 : 1;
    const waits = faults.flatMap((fault) => consequence(fault, count).retryAfterMs ?? []);
    if (waits.length === 0) {
      this.#tries.delete(DOCUMENTS);
      this.#due.delete(DOCUMENTS);
      return;
    }
    this.#tries.set(DOCUMENTS, { told, count });
    this.#due.set(DOCUMENTS, now + Math.min(...waits));
  }

  #waitFor(name: string, app: ApplicationReport): number | null {
    const fault = app.fault;
    const told = `${app.phase} ${app.conditions.map((item) => item.message).join(' ')}`;
    const before = this.#tries.get(name);
    const count = before?.told === told ? before.count + 1 : 1;
    this.#tries.set(name, { told, count });
    if (fault !== null) return consequence(fault, count).retryAfterMs;
    // A suspension with a duration ends when it ends, however often it was looked at meanwhile.
    const backoff = app.journal?.suspend === true ? 1 : 2 ** Math.min(count - 1, HEALTH_BACKOFF_MAX);
    return app.retryAfterMs === null ? null : app.retryAfterMs * backoff;
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { clock } = this.#doors;
    const pending = (): boolean => this.#fetch || this.#documents || this.#applications.size > 0;
    if (!pending()) {
      const next = Math.min(this.#lastFullMs + this.#options.resyncMs, this.#tellMs, ...this.#due.values());
      const stop = new AbortController();
      this.#wake = () => stop.abort();
      await clock.sleep(Math.max(0, Math.min(next - clock.now(), this.#options.resyncMs)), AbortSignal.any([signal, stop.signal])).catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
      });
      this.#wake = () => {};
      if ((this.#due.get('') ?? Infinity) <= clock.now()) {
        this.#due.delete('');
        this.#fetch = true;
      }
    }
    if (pending()) await clock.sleep(this.#options.debounceMs, signal);
  }
}

const heldText = (revision: Revision | null): string => JSON.stringify(revision?.held ?? []);

export type Settlement = 'ready' | 'settled' | 'timeout' | 'error';

/** What a report comes to: 0 all Ready, 1 settled but not all Ready, else still on its way. */
export function settlementOf(result: PassResult): Settlement | 'moving' {
  const { report } = result;
  if (report.fault !== null) return report.fault.kind === 'transient' || report.fault.kind === 'waiting' ? 'moving' : 'error';
  if (result.pushFault !== null) return result.pushFault.kind === 'transient' ? 'moving' : 'error';
  const apps = [...report.applications, ...report.leaving];
  const isReady = (app: ApplicationReport): boolean => app.conditions.some((item) => item.type === 'Ready' && item.status === 'True');
  const moves = report.objects.some((object) =>
    object.fault === null ? object.health === 'InProgress' || object.health === 'Unknown' : object.fault.kind === 'transient',
  );
  if (moves || !apps.every((app) => isReady(app) || isStuck(app))) return 'moving';
  const isWell =
    report.objects.every((object) => object.fault === null && object.health === 'Current') &&
    report.diagnostics.every((item) => item.severity !== 'error') &&
    report.initializers.every((item) => item.phase === 'success');
  return isWell && apps.every(isReady) ? 'ready' : 'settled';
}

/** Nothing of it goes on without something from outside. */
function isStuck(app: ApplicationReport): boolean {
  const stalled = app.conditions.some((item) => item.type === 'Stalled' && item.status === 'True');
  return (
    stalled ||
    (app.journal?.suspend === true && app.retryAfterMs === null) ||
    (app.phase === 'deleting' && app.fault !== null && app.fault.kind !== 'transient')
  );
}

/** One pass, and with `waitMs` as many as it takes until nothing moves. For `lateen once`. */
export async function settle(
  doors: LoopDoors,
  memory: Memory,
  waitMs: number | null,
  signal: AbortSignal,
): Promise<{ readonly result: PassResult; readonly settlement: Settlement }> {
  const { clock } = doors;
  const revision = await doors.repo.fetch(signal);
  const endMs = clock.now() + (waitMs ?? 0);
  for (;;) {
    const result = await pass(doors, memory, revision, { stop: 'end', only: null }, signal);
    const settlement = settlementOf(result);
    if (settlement !== 'moving') return { result, settlement };
    if (waitMs === null) return { result, settlement: result.report.fault === null ? 'settled' : 'error' };
    const restMs = endMs - clock.now();
    if (restMs <= 0) return { result, settlement: 'timeout' };
    const waits = result.report.applications.map((app) => app.retryAfterMs).filter((ms) => ms !== null);
    await clock.sleep(Math.min(restMs, Math.max(100, Math.min(1000, ...waits))), signal);
  }
}
