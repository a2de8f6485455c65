/** Waiting: the real clock, jittered backoff, deadlines. The only file that touches Date.now, Math.random and timers. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../model/ports.ts';

/** The machine's own clock and randomness. Tests bring their own. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    sleep: async (ms, signal) => {
      await wait(ms, undefined, signal === undefined ? {} : { signal });
    },
  };
}

/** How long to wait between tries: `baseMs` doubled with every try, never more than `maxMs`. */
export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * The wait before try `attempt + 1` (`attempt` counts from 1), in milliseconds: between half of the doubled base and all
 * of it, so that many who failed together do not come back together.
 */
export function backoffMs(attempt: number, backoff: Backoff, clock: Clock): number {
  // 2 ** 30 is already beyond any maxMs; without the bound a long outage would give Infinity * 0.
  const fullMs = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(attempt - 1, 30));
  return jitterMs(fullMs, clock);
}

/** Between half of `fullMs` and all of it. */
export function jitterMs(fullMs: number, clock: Clock): number {
  return Math.round(fullMs * (0.5 + clock.random() / 2));
}

export interface RetryOptions extends Backoff {
  /** How many tries there are at most, the first included. */
  readonly triesMax: number;
  /** Whether this error is worth another try; a number is the wait in milliseconds that the other side asked for. */
  readonly isTransient: (error: unknown) => boolean | number;
}

/**
 * Calls `action` until it resolves, `triesMax` is reached or an error is not transient; the last error is thrown as it
 * is. `attempt` counts from 1. Rejects with an AbortError when `signal` fires while it waits.
 */
export async function retry<T>(action: (attempt: number) => Promise<T>, options: RetryOptions, clock: Clock, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await action(attempt);
    } catch (error) {
      if (attempt >= options.triesMax || signal.aborted) throw error;
      const verdict = options.isTransient(error);
      if (verdict === false) throw error;
      await clock.sleep(verdict === true ? backoffMs(attempt, options, clock) : verdict, signal);
    }
  }
}

/**
 * Runs `action` with a signal that fires when `signal` does or after `timeoutMs`, whichever is first. When the time is
 * up it rejects with a `TimeoutError` (a DOMException) at once, whether or not `action` listens to its signal.
 */
export async function withDeadline<T>(timeoutMs: number, action: (signal: AbortSignal) => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const done = new AbortController();
  const forward = (): void => {
    stop.abort(signal.reason);
  };
  signal.addEventListener('abort', forward, { once: true });
  const overdue = clock.sleep(timeoutMs, done.signal).then(
    () => {
      const error = new DOMException(`not done within ${timeoutMs} ms`, 'TimeoutError');
      stop.abort(error);
      throw error;
    },
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([action(stop.signal), overdue]);
  } finally {
    done.abort();
    signal.removeEventListener('abort', forward);
  }
}
