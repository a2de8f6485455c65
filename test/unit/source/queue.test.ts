import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mapLimit, serialQueue } from '../../../daemon/lib/queue.ts';

const never = new AbortController().signal;
const soon = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

test('mapLimit keeps the order and never runs more than its limit', async () => {
  let running = 0;
  let most = 0;
  const result = await mapLimit(
    [5, 1, 4, 2, 3],
    2,
    async (item) => {
      running += 1;
      most = Math.max(most, running);
      for (let turn = 0; turn < item; turn += 1) await soon();
      running -= 1;
      return item * 10;
    },
    never,
  );
  assert.deepEqual(result, [50, 10, 40, 20, 30]);
  assert.equal(most, 2);
  assert.deepEqual(await mapLimit([], 4, async () => 1, never), []);
});

test('the first failure stops the others, waits for them and is thrown', async () => {
  const ended: number[] = [];
  const started: number[] = [];
  await assert.rejects(
    mapLimit(
      [1, 2, 3, 4],
      2,
      async (item, _index, signal) => {
        started.push(item);
        if (item === 1) throw new Error('one');
        await soon();
        assert.equal(signal.aborted, true);
        ended.push(item);
      },
      never,
    ),
    /one/,
  );
  assert.deepEqual([started, ended], [[1, 2], [2]]);
});

test('an abort from outside starts nothing more', async () => {
  const stop = new AbortController();
  const started: number[] = [];
  await assert.rejects(
    mapLimit(
      [1, 2, 3],
      1,
      async (item) => {
        started.push(item);
        stop.abort();
      },
      stop.signal,
    ),
    { name: 'AbortError' },
  );
  assert.deepEqual(started, [1]);
});

test('a serial queue runs one at a time per key, in order, and keys do not wait for each other', async () => {
  const queue = serialQueue(10);
  const log: string[] = [];
  const job = (name: string) => async (): Promise<void> => {
    log.push(`${name} begins`);
    await soon();
    log.push(`${name} ends`);
  };
  await Promise.all([queue.run('a', job('a1')), queue.run('a', job('a2')), queue.run('b', job('b1'))]);
  assert.deepEqual(
    log.filter((line) => line.startsWith('a')),
    ['a1 begins', 'a1 ends', 'a2 begins', 'a2 ends'],
  );
  assert.ok(log.indexOf('b1 begins') < log.indexOf('a2 begins'));
  assert.equal(queue.size('a'), 0);
});

test('a failing action does not hold up the next, and a full queue refuses', async () => {
  const queue = serialQueue(2);
  const first = queue.run('a', async () => {
    await soon();
    throw new Error('first');
  });
  const second = queue.run('a', async () => 'second');
  await assert.rejects(
    queue.run('a', async () => 'third'),
    { name: 'QueueFullError' },
  );
  await assert.rejects(first, /first/);
  assert.equal(await second, 'second');
});

test('who stops waiting leaves the queue, and those behind still wait for whom it waited', async () => {
  const queue = serialQueue(5);
  const stop = new AbortController();
  let firstEnded = false;
  const first = queue.run('a', async () => {
    await soon();
    await soon();
    firstEnded = true;
  });
  const second = queue.run('a', async () => 'second', stop.signal);
  const third = queue.run('a', async () => firstEnded);
  stop.abort();
  await assert.rejects(second, { name: 'AbortError' });
  assert.equal(await third, true);
  await first;
});
