/** What a step may remember between two of its turns: variables, when a wait began, and calls that must not be made twice. */
import type { CueObject } from '../model/cue.ts';
import { Fault, toFault } from '../model/fault.ts';
import type { Clock } from '../model/ports.ts';
import type { Journal } from '../model/status.ts';
import { withCall } from './journal.ts';
import type { StepContext } from './run.ts';

export interface StepMemoryDoors {
  readonly journal: () => Journal;
  readonly change: (journal: Journal) => void;
  /** Keeps the run as it is now: before and after a call. */
  readonly keep: () => Promise<void>;
  readonly clock: Pick<Clock, 'now'>;
}

/** The memory of the step with this id; all of it is in the journal. */
export function stepMemory(id: string, { journal, change, keep, clock }: StepMemoryDoors): Pick<StepContext, 'setVariable' | 'since' | 'once'> {
  return {
    setVariable: (name, value) => {
      change({ ...journal(), variables: { ...journal().variables, [name]: value } });
    },
    since: (path) => {
      const at = `${id}/${path}`;
      const known = journal().timers[at];
      if (known !== undefined) return Date.parse(known);
      const now = clock.now();
      change({ ...journal(), timers: { ...journal().timers, [at]: new Date(now).toISOString() } });
      return now;
    },
    once: async (path, intent, call) => {
      const at = `${id}/${path}`;
      const known = journal().calls[at];
      if (known?.result !== undefined) return known.result as CueObject;
      if (known !== undefined)
        throw new Fault('workflow/step-failed', `${known.intent}: a call was begun and its outcome is unknown; it is not made again by itself`);
      change(withCall(journal(), at, { intent }));
      await keep();
      let result: CueObject;
      try {
        result = await call();
      } catch (error) {
        // What certainly was not sent may be made again; of anything else the intent says what became of it.
        const fault = toFault(error);
        change(withCall(journal(), at, fault.code === 'workflow/unreachable' ? null : { intent: fault.message }));
        throw error;
      }
      change(withCall(journal(), at, { intent, result }));
      await keep();
      return result;
    },
  };
}
