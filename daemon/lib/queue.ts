/** Bounded concurrency (I7): a map that runs so many at a time, and a queue that runs one at a time per key. */

/**
 * `items.map(action)` with at most `limit` running at once; results stay in the order of the items. The first failure
 * fires the signal given to the others, waits until they have settled, and is thrown. When `signal` fires, nothing more
 * is started and its reason is thrown.
 */
export async function mapLimit<T, R>(
  items: readonly T[],
  limit: number,
  action: (item: T, index: number, signal: AbortSignal) => Promise<R>,
  signal: AbortSignal,
): Promise<R[]> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const forward = (): void => {
    stop.abort(signal.reason);
  };
  signal.addEventListener('abort', forward, { once: true });
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length && !stop.signal.aborted) {
      const index = next;
      next += 1;
      try {
        results[index] = await action(items[index] as T, index, stop.signal);
      } catch (error) {
        stop.abort(error);
        throw error;
      }
    }
  };
  try {
    await Promise.allSettled(Array.from({ length: Math.max(1, Math.min(limit, items.length)) }, worker));
    // An abort from outside that came after the last item has begun does not spoil what is complete.
    if (stop.signal.aborted && !(signal.aborted && isComplete(results))) throw stop.signal.reason;
    return results;
  } finally {
    signal.removeEventListener('abort', forward);
  }
}

function isComplete(results: readonly unknown[]): boolean {
  for (let index = 0; index < results.length; index += 1) if (!(index in results)) return false;
  return true;
}

/** More waits under one key than the queue may hold. */
export class QueueFullError extends Error {
  constructor(key: string, waitingMax: number) {
    super(`more than ${waitingMax} wait for ${key}`);
    this.name = 'QueueFullError';
  }
}

/** Runs one action at a time per key, in the order of arrival; different keys do not wait for each other. */
export interface SerialQueue {
  /**
   * Resolves or rejects as `action` does. Rejects with {@link QueueFullError} when too many wait already, and with the
   * signal's reason when that fires before it was this action's turn.
   */
  readonly run: <T>(key: string, action: () => Promise<T>, signal?: AbortSignal) => Promise<T>;
  /** How many wait or run under the key. */
  readonly size: (key: string) => number;
}

/** A serial queue where at most `waitingMax` may wait or run under one key. */
export function serialQueue(waitingMax: number): SerialQueue {
  const tails = new Map<string, { tail: Promise<void>; count: number }>();
  return {
    size: (key) => tails.get(key)?.count ?? 0,
    run: async (key, action, signal) => {
      signal?.throwIfAborted();
      const lane = tails.get(key) ?? { tail: Promise.resolve(), count: 0 };
      if (lane.count >= waitingMax) throw new QueueFullError(key, waitingMax);
      tails.set(key, lane);
      lane.count += 1;
      const turn = lane.tail;
      const { promise: done, resolve: release } = Promise.withResolvers<void>();
      lane.tail = turn.then(() => done);
      try {
        await untilTurn(turn, signal);
        return await action();
      } finally {
        release();
        lane.count -= 1;
        if (lane.count === 0) tails.delete(key);
      }
    },
  };
}

/** Waits for the turn or the signal; who leaves early releases its own place, so that those behind still wait for the turn. */
async function untilTurn(turn: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return turn;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = (): void => {
    reject(signal.reason);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    await Promise.race([turn, aborted]);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
