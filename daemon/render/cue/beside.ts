/**
 * An evaluator for work that can wait while passes cannot: one call at a time, and more while threads stand idle. A pass
 * may want such a thread any moment, so a call on it is given up when it takes long, and comes again where it may take all
 * the time that the pool gives.
 *
 *   waiting ──> none of ours runs there ──> own turn ──────────────────────────> answer
 *      ^ └────> a thread stands idle ─────> borrowed ──────────────────────────> answer
 *      └────────────────────────────────────────┘ longer than BORROWED_MAX_MS
 */
import type { CueCallOptions, CueEvaluator } from '../../model/cue.ts';
import { Fault } from '../../model/fault.ts';
import type { Clock } from '../../model/ports.ts';

/** A thread that is borrowed is back after so long. */
const BORROWED_MAX_MS = 1_000;
/** Evaluations that wait for their turn (I7). */
const WAITING_MAX = 10_000;

interface Job {
  readonly run: (isBorrowed: boolean) => Promise<void>;
  /** It has been given up once. */
  isLong: boolean;
}

/** `idleCount` tells how many threads have nothing to do; with none the calls go one by one. Faults: as the evaluator's, and render/busy. */
export function besidePasses(cue: CueEvaluator, idleCount: () => number, clock: Clock): CueEvaluator {
  const waiting: Job[] = [];
  let isOwnTurn = true;
  const start = (job: Job, isBorrowed: boolean): void => {
    waiting.shift();
    if (!isBorrowed) isOwnTurn = false;
    void job.run(isBorrowed).finally(() => {
      if (!isBorrowed) isOwnTurn = true;
      next();
    });
  };
  const next = (): void => {
    for (let [job] = waiting; job !== undefined; [job] = waiting) {
      if (isOwnTurn) start(job, false);
      else if (!job.isLong && idleCount() > 0) start(job, true);
      else return;
    }
  };
  const inTurn =
    <Request, Result>(ask: (request: Request, call?: CueCallOptions) => Promise<Result>) =>
    (request: Request, call?: CueCallOptions): Promise<Result> =>
      new Promise((resolve, reject) => {
        if (waiting.length >= WAITING_MAX) {
          reject(new Fault('render/busy', `${waiting.length} evaluations wait already`));
          return;
        }
        const job: Job = {
          isLong: false,
          run: async (isBorrowed) => {
            const answer = isBorrowed ? borrowed(clock, call, (options) => ask(request, options)) : whileWanted(call, () => ask(request, call));
            const isGivenUp = await answer.then(
              () => false,
              (error: unknown) => error === GIVEN_UP,
            );
            if (!isGivenUp) {
              resolve(answer);
              return;
            }
            job.isLong = true;
            waiting.unshift(job);
          },
        };
        waiting.push(job);
        next();
      });
  return {
    renderComponent: inTurn(cue.renderComponent.bind(cue)),
    renderObject: inTurn(cue.renderObject.bind(cue)),
    evaluateStatus: inTurn(cue.evaluateStatus.bind(cue)),
    evaluateStep: inTurn(cue.evaluateStep.bind(cue)),
    evaluateExpression: inTurn(cue.evaluateExpression.bind(cue)),
    vet: inTurn(cue.vet.bind(cue)),
  };
}

const GIVEN_UP = new Fault('render/busy', 'the thread was only borrowed');

async function whileWanted<T>(call: CueCallOptions | undefined, ask: () => Promise<T>): Promise<T> {
  call?.signal?.throwIfAborted();
  return ask();
}

/** By the signal and not by a shorter limit: who shares the call asks again then, and is not told that it takes too long. */
async function borrowed<T>(clock: Clock, call: CueCallOptions | undefined, ask: (call: CueCallOptions) => Promise<T>): Promise<T> {
  call?.signal?.throwIfAborted();
  const [late, over] = [new AbortController(), new AbortController()];
  clock.sleep(BORROWED_MAX_MS, over.signal).then(
    () => {
      late.abort(GIVEN_UP);
    },
    () => {},
  );
  try {
    return await ask({ ...call, signal: call?.signal === undefined ? late.signal : AbortSignal.any([late.signal, call.signal]) });
  } finally {
    over.abort();
  }
}
