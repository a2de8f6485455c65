import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs, retry, systemClock, withDeadline } from '../../../daemon/lib/retry.ts';
import type { Clock } from '../../../daemon/model/ports.ts';

/** A clock that never waits and remembers what it was asked to wait. */
function instantClock(): Clock & { readonly sleptMs: number[] } {
  const sleptMs: number[] = [];
  return {
    sleptMs,
    now: () => sleptMs.reduce((sum, ms) => sum + ms, 0),
    random: () => 0.5,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      sleptMs.push(ms);
    },
  };
}

const never = new AbortController().signal;

test('the backoff doubles, is bounded and lies between half and all of its step', () => {
  const clock = instantClock();
  const steps = [1, 2, 3, 4, 5, 500].map((attempt) => backoffMs(attempt, { baseMs: 100, maxMs: 1000 }, clock));
  assert.deepEqual(steps, [75, 150, 300, 600, 750, 750]);
});

test('a transient error is tried again after the backoff, and the wait that the other side asks for goes first', async () => {
  const clock = instantClock();
  const result = await retry(
    async (attempt) => {
      if (attempt < 3) throw new Error(`try ${attempt}`);
      return attempt;
    },
    { triesMax: 5, baseMs: 100, maxMs: 1000, isTransient: (error) => ((error as Error).message === 'try 1' ? true : 7) },
    clock,
    never,
  );
  assert.equal(result, 3);
  assert.deepEqual(clock.sleptMs, [75, 7]);
});

test('an error that is not transient, and the last try, are thrown as they are', async () => {
  const clock = instantClock();
  const options = { triesMax: 3, baseMs: 1, maxMs: 1, isTransient: (error: unknown) => (error as Error).message !== 'final' };
  await assert.rejects(
    retry(
      async () => {
        throw new Error('final');
      },
      options,
      clock,
      never,
    ),
    /final/,
  );
  assert.equal(clock.sleptMs.length, 0);
  await assert.rejects(
    retry(
      async (attempt) => {
        throw new Error(`try ${attempt}`);
      },
      options,
      clock,
      never,
    ),
    /try 3/,
  );
});

test('no try is made once the signal has fired', async () => {
  const stop = new AbortController();
  let tries = 0;
  const running = retry(
    async () => {
      tries += 1;
      stop.abort();
      throw new Error('again');
    },
    { triesMax: 9, baseMs: 1, maxMs: 1, isTransient: () => true },
    instantClock(),
    stop.signal,
  );
  await assert.rejects(running, /again/);
  assert.equal(tries, 1);
});

test('a deadline fires the signal of the action and rejects with a TimeoutError', async () => {
  let fired = false;
  await assert.rejects(
    withDeadline(
      50,
      async (signal) => {
        await new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            fired = true;
            resolve(undefined);
          });
        });
      },
      instantClock(),
      never,
    ),
    { name: 'TimeoutError' },
  );
  assert.equal(fired, true);
});

test('within its deadline an action gives its result and leaves no timer behind', async () => {
  assert.equal(await withDeadline(60_000, async () => 'done', systemClock(), never), 'done');
});

test('the real clock stops sleeping when its signal fires', async () => {
  const stop = new AbortController();
  const asleep = systemClock().sleep(60_000, stop.signal);
  stop.abort();
  await assert.rejects(asleep, { name: 'AbortError' });
});
