/**
 * Runs the workflow of one application as far as it goes now. Nothing here waits for the world: a step that has to wait
 * says so, and the next pass goes on from the journal.
 *
 *            new revision
 *                 |
 *                 v            a step suspends
 *            executing  ------------------------->  suspending
 *              |  |  ^                                  |
 *   all steps  |  |  +----- resumed, time is up --------+
 *   succeeded  |  |
 *   or skipped |  +--- a step failed for good, and all others ended ---> failed
 *              v  \--- somebody terminated it --------------------------> terminated
 *          succeeded
 *
 * One step: pending -> running -> succeeded | failed | skipped | suspending (-> running when resumed).
 */
import { timeText } from '../lib/text.ts';
import { mapLimit } from '../lib/queue.ts';
import { consequence, endsTurn, toFault } from '../model/fault.ts';
import type { Clusters } from '../model/clusters.ts';
import type { CueEvaluator, CueJson, CueObject } from '../model/cue.ts';
import type { Json } from '../model/object.ts';
import type { DesiredApplication, Step, StepMode } from '../model/plan.ts';
import type { Clock, Http, Register, Transport } from '../model/ports.ts';
import type { Journal, ServiceHealth, StepStatus } from '../model/status.ts';
import { evaluateIf, isFinished, isSkippedByOthers, pendingReason, statusesByName, variableIn, withInputs, withNulls } from './conditions.ts';
import { LATE_MS, OUTPUT_INTERVAL_MS, patienceWith, tellsTheSame, triedAgain, withoutFailing } from './patience.ts';
import { stepContextObject, stepId } from './beginning.ts';
import { heeding, lastWords } from './last-word.ts';
import { concluded, outcomeOfGroup } from './ending.ts';
import { stepMemory } from './step-memory.ts';
import { heedHub, overdue, withResumed, withSuspended } from './resumption.ts';
import { makeAgain } from './again.ts';
import type { Actions, Delivery, StepContext } from './run.ts';
import { runCoded, isCoded } from './steps/coded.ts';
import type { StepResult } from './steps/result.ts';
import { runTemplate } from './steps/template.ts';

export interface EngineDoors {
  readonly desired: DesiredApplication;
  readonly delivery: Delivery;
  readonly transport: Transport;
  readonly cue: CueEvaluator;
  readonly http: Http;
  readonly register: Register;
  readonly clock: Clock;
  readonly actions: Actions;
  readonly clusters: Clusters;
  /** An object that steps made in a run that is over is gone from the hub: they make it again. */
  readonly isLost: boolean;
  /** An Approval in Git lets this step go on. */
  readonly resumes: (step: string) => boolean;
  /** False: a step that waits does not go on because its status was changed on the hub. Absent: it does. */
  readonly hubResumes?: boolean;
  /** Keeps the journal now: before and after an effect that must not happen twice. */
  readonly keep: (journal: Journal) => Promise<void>;
  readonly signal: AbortSignal;
}

export interface EngineResult {
  readonly journal: Journal;
  /** Health of the components that steps delivered in this pass, by `cluster/namespace/component`. */
  readonly services: ReadonlyMap<string, ServiceHealth>;
  /** When it is worth going on; null: when something outside changes. */
  readonly retryAfterMs: number | null;
  /** Every step that delivers was come to, so that what none of them asked for is wanted by none. */
  readonly isComplete: boolean;
  /** Why a step of a finished run could not be gone through once more; "" when all could. */
  readonly keeping: string;
}

/** Steps of a DAG that run at the same time. */
const STEPS_AT_ONCE_MAX = 8;
/** A refused object will be refused again: KubeVela 1.10 tries 10 times, which only delays the news. */
const TRIES_MAX = 3;
const LATE_RETRY_MAX_MS = 60_000;
/** Suspended steps that one pass goes on with; what is left goes on in the next. */
const SUSPENSIONS_MAX = 20;

/** Goes on with `journal` as far as it is possible now. Throws only for what holds up the whole application. */
export async function runWorkflow(journal: Journal, doors: EngineDoors): Promise<EngineResult> {
  const run = new Run(journal, doors);
  if (!run.isFinished()) return run.execute();
  return triedAgain(journal).size > 0 ? run.tryAgain(journal) : run.keepState();
}

/** A definition of somebody's own may have the name of a step that is code in the other dialect. */
const isCodedStep = (step: Step): boolean => step.template === null && isCoded(step.type);

class Run {
  readonly #doors: EngineDoors;
  readonly #services = new Map<string, ServiceHealth>();
  readonly #statuses = new Map<string, StepStatus>();
  #journal: Journal;
  #retryAfterMs: number | null = null;
  #isComplete = true;
  #keeping = '';

  constructor(journal: Journal, doors: EngineDoors) {
    this.#doors = doors;
    this.#journal = journal;
    const visit = (status: StepStatus): void => {
      // KubeVela 1.1 shows no ids; what is kept by them belongs to this step all the same.
      this.#statuses.set(status.name, status.id === '' ? { ...status, id: stepId(doors.desired, journal.startTime, status.name) } : status);
      status.subSteps.forEach(visit);
    };
    journal.steps.forEach(visit);
    const heeded = heedHub(journal, this.#statuses, doors.hubResumes !== false, doors.clock.now());
    this.#journal = heeded.journal;
    for (const [name, status] of heeded.again) this.#set(name, status);
  }

  readonly isFinished = (): boolean => this.#journal.finished;

  async execute(): Promise<EngineResult> {
    const { desired } = this.#doors;
    if (this.#journal.suspend) this.#resumeWhatMay();
    // A step may suspend that an Approval has been given for already: after a revert, or in a file beside the Application.
    for (let turn = 0; turn <= SUSPENSIONS_MAX && !this.#journal.suspend && !this.#journal.terminated; turn += 1) {
      await this.#runSteps(desired.steps, desired.mode.steps, '');
      if (!this.#journal.suspend) break;
      this.#resumeWhatMay();
      if (turn === SUSPENSIONS_MAX) this.#soon(1000);
    }
    this.#journal = concluded(
      this.#journal,
      desired.steps.map((step) => this.#status(step)),
      this.#doors.clock.now(),
    );
    return { journal: this.#snapshot(), services: this.#services, retryAfterMs: this.#retryAfterMs, isComplete: this.#isComplete, keeping: this.#keeping };
  }

  /** A run that failed for what may have come by now goes on from there; where it fails in the same way, nothing has changed. */
  async tryAgain(before: Journal): Promise<EngineResult> {
    for (const name of triedAgain(before)) this.#statuses.delete(name);
    this.#journal = { ...this.#journal, finished: false, terminated: false, state: 'executing', endTime: '' };
    const result = await this.execute();
    return tellsTheSame(before, result.journal) ? { ...result, journal: before } : result;
  }

  /**
   * A finished run keeps its state: the coded steps that delivered something are gone through once more, which puts
   * drift back and tells health, and the journal stays as it is. KubeVela 1.10: StateKeep.
   */
  async keepState(): Promise<EngineResult> {
    const { desired } = this.#doors;
    const kept = desired.steps
      .flatMap((step) => [...step.subSteps.map((sub) => ({ step: sub, group: step.name })), { step, group: '' }])
      .filter(
        ({ step }) =>
          this.#statuses.get(step.name)?.phase === 'succeeded' &&
          step.type !== 'suspend' &&
          (isCodedStep(step) || (step.template !== null && this.#doors.isLost)),
      );
    const contextOf = ({ step, group }: (typeof kept)[number]): StepContext => ({
      ...this.#contextFor(step, group, withInputs(step, step.properties, this.#variable, desired.dialect, stepContextObject(desired))),
      resumed: true,
    });
    const last = await lastWords(kept.filter(({ step }) => isCodedStep(step)).map((item) => ({ step: item.step, context: () => contextOf(item) })));
    for (const item of kept) {
      const { step } = item;
      try {
        const context = heeding(contextOf(item), last);
        const result = isCodedStep(step)
          ? await runCoded(context, (name, health) => this.#services.set(name, health))
          : await makeAgain(context, this.#doors.actions);
        if (result.retryAfterMs !== undefined) this.#soon(result.retryAfterMs);
        if (result.isIncomplete === true) {
          this.#isComplete = false;
          this.#keeping ||= `step ${step.name}: ${result.message}`;
        }
      } catch (error) {
        const fault = toFault(error);
        if (endsTurn(fault)) throw fault;
        this.#isComplete = false;
        this.#keeping ||= `step ${step.name}: ${fault.message}`;
        // What could not be put back is told by the object's own report; the run stays finished.
        this.#soon(consequence(fault, 3).retryAfterMs ?? 60_000);
      }
    }
    return { journal: this.#journal, services: this.#services, retryAfterMs: this.#retryAfterMs, isComplete: this.#isComplete, keeping: this.#keeping };
  }

  /**
   * Resumes suspended steps whose time is up or that an Approval names, and fails those that have waited too long; with
   * none left, the workflow goes on. What a person has suspended while no step was, a person resumes. A group is suspended
   * by what is in it, not by itself.
   */
  #resumeWhatMay(): void {
    const now = this.#doors.clock.now();
    const suspended = [...this.#statuses].filter(([, status]) => status.phase === 'suspending' && status.type !== 'step-group');
    const { late, nextMs } = overdue(this.#doors.desired.steps, this.#statuses, now);
    for (const step of late) this.#endLate(step);
    if (nextMs !== null) this.#soon(nextMs);
    for (const [name] of suspended) {
      const status = this.#statuses.get(name);
      if (status?.phase !== 'suspending') continue;
      const due = this.#journal.timers[`${status.id}/resume`];
      if (due !== undefined && Date.parse(due) > now) this.#soon(Date.parse(due) - now);
      if ((due !== undefined && Date.parse(due) <= now) || this.#doors.resumes(name)) {
        this.#set(name, { ...status, phase: 'running', message: '', reason: '' });
        this.#journal = withResumed(this.#journal, status.id, now);
      }
    }
    if (suspended.length > 0 && suspended.every(([name]) => this.#statuses.get(name)?.phase !== 'suspending'))
      this.#journal = { ...this.#journal, suspend: false, state: 'executing' };
  }

  #soon(ms: number): void {
    this.#retryAfterMs = Math.min(this.#retryAfterMs ?? Infinity, Math.max(50, ms));
  }

  #set(name: string, status: StepStatus): void {
    this.#statuses.set(name, status);
  }

  #status(step: Step): StepStatus {
    const known = this.#statuses.get(step.name);
    if (known !== undefined) return known;
    const fresh: StepStatus = {
      id: stepId(this.#doors.desired, this.#journal.startTime, step.name),
      name: step.name,
      type: step.type,
      phase: 'pending',
      message: '',
      reason: '',
      firstExecuteTime: '',
      lastExecuteTime: '',
      subSteps: [],
    };
    this.#set(step.name, fresh);
    return fresh;
  }

  #variable = (name: string): CueJson | undefined => variableIn(this.#journal.variables, name);

  async #runSteps(steps: readonly Step[], mode: StepMode, group: string): Promise<void> {
    if (mode === 'StepByStep') {
      for (const [index, step] of steps.entries()) {
        if (isFinished(this.#status(step))) continue;
        if (this.#markedPending(step)) return;
        await this.#runStep(step, mode, steps.slice(0, index), group);
        if (!isFinished(this.#status(step)) || this.#journal.suspend || this.#journal.terminated) return;
      }
      return;
    }
    const ran = new Set<Step>();
    for (;;) {
      const ready = steps.filter((step) => !ran.has(step) && !isFinished(this.#status(step)) && !this.#markedPending(step));
      if (ready.length === 0) return;
      await mapLimit(
        ready,
        STEPS_AT_ONCE_MAX,
        async (step) => {
          ran.add(step);
          await this.#runStep(step, mode, [], group);
        },
        this.#doors.signal,
      );
    }
  }

  #markedPending(step: Step): boolean {
    const message = pendingReason(step, statusesByName(this.#doors.desired.steps, this.#statuses), this.#variable);
    if (message !== '') this.#set(step.name, { ...this.#status(step), phase: 'pending', message });
    return message !== '';
  }

  async #runStep(step: Step, mode: StepMode, before: readonly Step[], group: string): Promise<void> {
    const status = this.#status(step);
    const byName = statusesByName(this.#doors.desired.steps, this.#statuses);
    if (
      isSkippedByOthers(
        step,
        mode,
        before.map((item) => this.#status(item)),
        byName,
        this.#doors.desired.steps,
      )
    )
      return this.#finish(step, { phase: 'skipped', reason: 'Skip', message: '' });
    const context = stepContextObject(this.#doors.desired);
    if (step.if !== '' && status.firstExecuteTime === '') {
      const check = await evaluateIf(this.#doors.cue, step, byName, context, this.#variable);
      if (!check.run) return this.#finish(step, { phase: 'skipped', reason: 'Skip', message: check.message });
    }
    const now = this.#doors.clock.now();
    if (status.firstExecuteTime === '') this.#set(step.name, { ...status, firstExecuteTime: timeText(now), phase: 'running' });
    const since = Date.parse(this.#status(step).firstExecuteTime);
    if (step.timeoutMs !== null && now - since > step.timeoutMs) return this.#endLate(step);
    if (step.timeoutMs !== null) this.#soon(since + step.timeoutMs - now + 1000);
    if (step.type === 'step-group') return this.#runGroup(step);
    await this.#runLeaf(step, group, context);
  }

  /** KubeVela 1.10: what still runs in a group ends with it. */
  #endLate(step: Step): void {
    const begun = step.subSteps.filter((sub) => !isFinished(this.#status(sub)) && this.#status(sub).phase !== 'pending');
    for (const late of [...begun, step]) this.#finish(late, { phase: 'failed', reason: 'Timeout', message: '' });
  }

  /** KubeVela 1.10: the status of a group follows from those of its sub-steps. */
  async #runGroup(step: Step): Promise<void> {
    await this.#runSteps(step.subSteps, step.mode, step.name);
    this.#finish(step, outcomeOfGroup(step.subSteps.map((sub) => this.#status(sub))));
  }

  async #runLeaf(step: Step, group: string, context: CueObject): Promise<void> {
    const status = this.#status(step);
    try {
      const properties = withInputs(step, step.properties, this.#variable, this.#doors.desired.dialect, context);
      const stepContext = this.#contextFor(step, group, properties);
      const result = isCodedStep(step)
        ? await runCoded(stepContext, (name, health) => this.#services.set(name, health))
        : await runTemplate(stepContext, this.#doors.actions);
      this.#take(step, result);
    } catch (error) {
      const fault = toFault(error);
      if (endsTurn(fault)) throw fault;
      const failures = (this.#journal.failures[status.id] ?? 0) + 1;
      const then = consequence(fault, failures);
      // Only what will be refused again counts: a cluster that is away, or a right that is missing, may come back.
      if (fault.kind !== 'invalid' && fault.kind !== 'bug') {
        const patience = patienceWith(fault, this.#journal, status.id, {
          dialect: this.#doors.desired.dialect,
          clusters: this.#doors.clusters,
          nowMs: this.#doors.clock.now(),
        });
        this.#journal = patience.journal;
        if (patience.isTriedAgain) this.#soon(patience.isOver ? LATE_MS : (then.retryAfterMs ?? 1000));
        return this.#finish(step, { phase: 'failed', reason: patience.isOver ? 'FailedAfterRetries' : 'Execute', message: fault.message });
      }
      this.#journal = { ...this.#journal, failures: { ...this.#journal.failures, [status.id]: failures } };
      // KubeVela 1.1 runs a failed step again every 3 s for ever: its templates read what is not there yet, and fail until it is.
      const isForever = this.#doors.desired.dialect === '1.1';
      if (failures < TRIES_MAX) this.#soon(500 * failures);
      else if (isForever) this.#soon(Math.min(LATE_RETRY_MAX_MS, 3_000 * 2 ** Math.min(failures - TRIES_MAX, 5)));
      this.#finish(step, { phase: 'failed', reason: failures < TRIES_MAX || isForever ? 'Execute' : 'FailedAfterRetries', message: fault.message });
    }
  }

  #take(step: Step, result: StepResult): void {
    const status = this.#status(step);
    this.#journal = withoutFailing(this.#journal, status.id);
    if (result.retryAfterMs !== undefined) this.#soon(result.retryAfterMs);
    switch (result.kind) {
      case 'succeeded':
      case 'break': {
        const missing = Object.keys(result.outputErrors ?? {});
        // KubeVela 1.1: such a step is run again until its outputs are there.
        if (missing.length > 0 && this.#doors.desired.dialect === '1.1') {
          this.#soon(OUTPUT_INTERVAL_MS);
          return this.#finish(step, {
            phase: 'failed',
            reason: 'Execute',
            message: `failed to get output from ${missing.map((name) => `${name}: ${result.outputErrors?.[name] ?? ''}`).join(', ')}`,
          });
        }
        const { [status.id]: _done, ...failures } = this.#journal.failures;
        this.#journal = {
          ...this.#journal,
          failures,
          variables: { ...this.#journal.variables, ...result.outputs },
          ...(result.kind === 'break' ? { terminated: true, state: 'terminated' as const } : {}),
        };
        return this.#finish(step, {
          phase: 'succeeded',
          reason: '',
          message: missing.length > 0 ? `failed to get output from ${missing.join(', ')}` : result.message,
        });
      }
      case 'wait':
        if (result.retryAfterMs === undefined) this.#soon(1000);
        return this.#finish(step, { phase: 'running', reason: 'Wait', message: result.message });
      case 'suspend':
        this.#journal = withSuspended(this.#journal, status.id, this.#doors.clock.now(), result.retryAfterMs);
        return this.#finish(step, { phase: 'suspending', reason: 'Suspend', message: result.message });
      case 'fail':
        return this.#finish(step, { phase: 'failed', reason: 'Action', message: result.message });
      default:
        return result.kind satisfies never;
    }
  }

  /** Times change only when something else does: a pass that finds nothing new writes nothing. */
  #finish(step: Step, change: Pick<StepStatus, 'phase' | 'reason' | 'message'>): void {
    const status = this.#status(step);
    const same = status.phase === change.phase && status.reason === change.reason && status.message === change.message;
    const now = timeText(this.#doors.clock.now());
    this.#set(step.name, {
      ...status,
      ...change,
      firstExecuteTime: status.firstExecuteTime || now,
      lastExecuteTime: same && status.lastExecuteTime !== '' ? status.lastExecuteTime : now,
    });
    if (isFinished(this.#status(step))) this.#journal = { ...this.#journal, variables: withNulls(this.#journal.variables, step.outputs) };
  }

  #contextFor(step: Step, group: string, properties: Json): StepContext {
    const { desired, delivery, transport, cue, http, register, clock, clusters, signal } = this.#doors;
    const { id } = this.#status(step);
    return {
      desired,
      step,
      stepId: id,
      group,
      properties,
      delivery,
      transport,
      cue,
      http,
      register,
      clock,
      clusters,
      signal,
      resumed: this.#status(step).phase === 'running' && this.#journal.timers[`${id}/suspended`] !== undefined,
      variable: this.#variable,
      ...stepMemory(id, {
        journal: () => this.#journal,
        change: (journal) => {
          this.#journal = journal;
        },
        keep: () => this.#doors.keep(this.#snapshot()),
        clock,
      }),
    };
  }

  #snapshot(): Journal {
    const isReached = (step: Step): boolean => this.#statuses.has(step.name) && (this.#status(step).phase !== 'pending' || this.#status(step).message !== '');
    const show = (step: Step): StepStatus => ({ ...this.#status(step), subSteps: step.subSteps.filter(isReached).map(show) });
    return { ...this.#journal, steps: this.#doors.desired.steps.filter(isReached).map(show) };
  }
}
