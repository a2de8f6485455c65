/**
 * How long a step may go on failing. KubeVela 1.10 gives a step up after ten tries, which take it the better part of a
 * minute, whatever it failed for. Here a cluster that does not answer is waited for without end (I12), and what is given
 * up because something is not there yet is tried again when somebody looks: it may have come in the meantime.
 *
 *   fails --> tried again, for PATIENCE_MS --> failed, FailedAfterRetries --(LATE_MS)--> tried once more --> failed | goes on
 */
import type { Dialect } from '../model/catalog.ts';
import type { Clusters } from '../model/clusters.ts';
import type { Code, Fault } from '../model/fault.ts';
import type { Journal, StepStatus } from '../model/status.ts';

const PATIENCE_MS = 30_000;
/** When a step that was given up is tried once more. */
export const LATE_MS = 30_000;

/** KubeVela 1.1: how soon a step whose outputs have no value is run again. */
export const OUTPUT_INTERVAL_MS = 3_000;

/** What is not there, or not allowed, and may come to be. */
const MAY_COME: ReadonlySet<Code> = new Set<Code>([
  'transport/no-namespace',
  'transport/no-kind',
  'transport/denied',
  'transport/conflict',
  'plan/ownership',
  'render/no-cluster',
]);
/** A call to a service outside: what a step asked of it is not asked for again when the step was given up. */
const OUTSIDE: ReadonlySet<Code> = new Set<Code>(['workflow/http', 'workflow/unreachable']);

const timerOf = (id: string): string => `${id}/failing`;

/** The journal without the note that the step with this id fails: something else has come of it. */
export function withoutFailing(journal: Journal, id: string): Journal {
  const { [timerOf(id)]: since, ...timers } = journal.timers;
  return since === undefined ? journal : { ...journal, timers };
}

export interface Patience {
  /** With a note since when the step fails. */
  readonly journal: Journal;
  /** The step is given up now. */
  readonly isOver: boolean;
  /** It is tried again, soon or late. */
  readonly isTriedAgain: boolean;
}

/** Whether the step with this id, which failed for `fault`, is given up. */
export function patienceWith(
  fault: Fault,
  journal: Journal,
  id: string,
  world: { readonly dialect: Dialect; readonly clusters: Clusters; readonly nowMs: number },
): Patience {
  const endless =
    world.dialect === '1.1' ||
    !(MAY_COME.has(fault.code) || OUTSIDE.has(fault.code)) ||
    (fault.code === 'render/no-cluster' && world.clusters.mayGrow === true);
  if (endless) return { journal: withoutFailing(journal, id), isOver: false, isTriedAgain: true };
  const since = journal.timers[timerOf(id)] ?? new Date(world.nowMs).toISOString();
  const isOver = world.nowMs - Date.parse(since) >= PATIENCE_MS;
  if (isOver && OUTSIDE.has(fault.code)) return { journal: withoutFailing(journal, id), isOver, isTriedAgain: false };
  return { journal: { ...journal, timers: { ...journal.timers, [timerOf(id)]: since } }, isOver, isTriedAgain: true };
}

/** The steps of a failed run, by name, that are tried once more: those given up for what may have come, and what was skipped or ended on their account. */
export function triedAgain(journal: Journal): ReadonlySet<string> {
  const again = new Set<string>();
  if (!journal.finished || journal.state !== 'failed') return again;
  const isFailing = (step: StepStatus): boolean => (step.phase === 'failed' && journal.timers[timerOf(step.id)] !== undefined) || step.subSteps.some(isFailing);
  if (!journal.steps.some(isFailing)) return again;
  const visit = (step: StepStatus): void => {
    if (isFailing(step) || step.phase === 'skipped') again.add(step.name);
    step.subSteps.forEach(visit);
  };
  journal.steps.forEach(visit);
  return again;
}

/** Whether two states of a run tell the same of every step, the times left out. */
export function tellsTheSame(a: Journal, b: Journal): boolean {
  const tell = (steps: readonly StepStatus[]): unknown =>
    steps.map(({ name, phase, reason, message, subSteps }) => [name, phase, reason, message, tell(subSteps)]);
  return a.state === b.state && JSON.stringify(tell(a.steps)) === JSON.stringify(tell(b.steps));
}
