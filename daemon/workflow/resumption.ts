/** A step that waits for a person, and who let it go on: the hub's status alone does not say. Pure. */
import type { Step } from '../model/plan.ts';
import type { Journal, StepStatus } from '../model/status.ts';

/** The journal with a note that the step with this id waits, for so long where it says how long. */
export function withSuspended(journal: Journal, id: string, nowMs: number, durationMs: number | undefined): Journal {
  const resume = durationMs === undefined ? {} : { [`${id}/resume`]: new Date(nowMs + durationMs).toISOString() };
  const { [`${id}/resumed`]: _before, ...timers } = journal.timers;
  return { ...journal, suspend: true, state: 'suspending', timers: { ...timers, [`${id}/suspended`]: new Date(nowMs).toISOString(), ...resume } };
}

/** The journal with a note that the step with this id went on, as the daemon itself saw it. */
export function withResumed(journal: Journal, id: string, nowMs: number): Journal {
  return { ...journal, timers: { ...journal.timers, [`${id}/resumed`]: new Date(nowMs).toISOString() } };
}

/**
 * A step that waited when it was last looked at and does not now was resumed on the hub (`vela workflow resume`). Where
 * that is allowed it is noted; where not, the step waits again (`again`, by name), whatever else its status says by now.
 */
export function heedHub(
  journal: Journal,
  statuses: ReadonlyMap<string, StepStatus>,
  isAllowed: boolean,
  nowMs: number,
): { readonly journal: Journal; readonly again: ReadonlyMap<string, StepStatus> } {
  const again = new Map<string, StepStatus>();
  if (journal.terminated) return { journal, again };
  const { timers } = journal;
  const resumed = [...statuses].filter(
    ([, { id, phase }]) => timers[`${id}/suspended`] !== undefined && timers[`${id}/resumed`] === undefined && (phase === 'running' || phase === 'succeeded'),
  );
  let next = journal;
  for (const [name, status] of resumed) {
    if (isAllowed) {
      if (!journal.finished) next = withResumed(next, status.id, nowMs);
      continue;
    }
    again.set(name, {
      ...status,
      phase: 'suspending',
      reason: 'Suspend',
      message: 'resumed on the hub, which counts for nothing here: it waits for an Approval in Git',
    });
    next = { ...next, suspend: true, state: 'suspending', finished: false, endTime: '' };
  }
  return { journal: next, again };
}

/**
 * The steps and groups that wait for longer than their `timeout`, and in how many milliseconds the next will. KubeVela
 * 1.10: waiting for a person is no excuse; the step has failed, reason Timeout.
 */
export function overdue(
  steps: readonly Step[],
  statuses: ReadonlyMap<string, StepStatus>,
  nowMs: number,
): { readonly late: readonly Step[]; readonly nextMs: number | null } {
  const waiting = steps
    .flatMap((step) => [step, ...step.subSteps])
    .flatMap((step) => {
      const status = statuses.get(step.name);
      // Times are kept in whole seconds.
      return status?.phase !== 'suspending' || step.timeoutMs === null ? [] : [{ step, leftMs: Date.parse(status.firstExecuteTime) + step.timeoutMs - nowMs }];
    });
  const left = waiting.filter(({ leftMs }) => leftMs >= 0);
  return {
    late: waiting.filter(({ leftMs }) => leftMs < 0).map(({ step }) => step),
    nextMs: left.length === 0 ? null : Math.min(...left.map(({ leftMs }) => leftMs)) + 1000,
  };
}
