// Controllers behind a pass: who has a turn, when, and what is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openControllers } from '../../daemon/controllers.ts';
import { SILENT_LOG } from '../../daemon/lib/log.ts';
import { Fault } from '../../daemon/model/fault.ts';
import { keyOf, LOCAL, type KubeObject } from '../../daemon/model/object.ts';
import type { Controller, Turn } from '../../daemon/model/ports.ts';
import type { ObjectReport } from '../../daemon/model/status.ts';

const object = (name: string, generation = 1): KubeObject => ({ apiVersion: 'v1', kind: 'Thing', metadata: { name, namespace: 'a', uid: name, generation } });
const DONE: Turn = { retryAfterMs: null, changed: false, message: '', fault: null };

function world(turn: (it: KubeObject) => Turn | Promise<Turn>, objects: KubeObject[]) {
  const turns: string[] = [];
  const news: string[] = [];
  const listed: string[] = [];
  const clock = { nowMs: 0 };
  const controller: Controller = {
    apiVersion: 'v1',
    kind: 'Thing',
    isMine: (it) => it.metadata.name !== 'foreign',
    turn: async (it) => {
      turns.push(it.metadata.name ?? '');
      return turn(it);
    },
  };
  const controllers = openControllers({
    hub: {
      list: async (_apiVersion, kind) => {
        listed.push(kind);
        return Promise.resolve(objects);
      },
    },
    controllers: [controller],
    log: SILENT_LOG,
    graceMs: 10,
    onNews: (key) => void news.push(key.name),
    clock: {
      now: () => clock.nowMs,
      random: () => 0.5,
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          signal?.addEventListener(
            'abort',
            () => {
              reject(new Error('stopped'));
            },
            { once: true },
          );
          if (ms <= 10) setTimeout(resolve, ms);
        }),
    },
  });
  return { controllers, turns, news, listed, clock };
}

const signal = new AbortController().signal;

test('what another instance has delivered has no turn, nor what no controller takes', async () => {
  const { controllers, turns } = world(() => DONE, [object('mine'), object('other'), object('foreign')]);
  await controllers.tend([keyOf(LOCAL, object('mine')), keyOf(LOCAL, object('foreign'))], signal);
  assert.deepEqual(turns, ['mine']);
});

test('a kind of which this instance has nothing is not asked for', async () => {
  const { controllers, listed } = world(() => DONE, [object('a')]);
  await controllers.tend(
    [
      { ...keyOf(LOCAL, object('a')), kind: 'Other' },
      { ...keyOf(LOCAL, object('a')), cluster: 'member' },
    ],
    signal,
  );
  assert.deepEqual(listed, []);
  await controllers.tend([keyOf(LOCAL, object('a'))], signal);
  assert.deepEqual(listed, ['Thing']);
});

test('an object has another turn when it is due or was changed, and not before', async () => {
  const objects = [object('a')];
  const { controllers, turns, clock } = world(() => ({ ...DONE, retryAfterMs: 1000 }), objects);
  const ours = [keyOf(LOCAL, object('a'))];
  await controllers.tend(ours, signal);
  await controllers.tend(ours, signal);
  assert.equal(turns.length, 1);
  clock.nowMs = 999;
  await controllers.tend(ours, signal);
  assert.equal(turns.length, 1);
  clock.nowMs = 1000;
  await controllers.tend(ours, signal);
  assert.equal(turns.length, 2);
  objects[0] = object('a', 2);
  await controllers.tend(ours, signal);
  assert.equal(turns.length, 3);
});

test('a slow turn goes on behind the pass, and no second one is begun beside it', async () => {
  const slow = Promise.withResolvers<Turn>();
  const { controllers, turns, news } = world(() => slow.promise, [object('a')]);
  const ours = [keyOf(LOCAL, object('a'))];
  await controllers.tend(ours, signal);
  await controllers.tend(ours, signal);
  assert.deepEqual([turns.length, news.length], [1, 0]);
  slow.resolve({ ...DONE, changed: true });
  await slow.promise;
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  assert.deepEqual(news, ['a']);
});

test('what a controller waits for, or cannot do, stands in the report of the object', async () => {
  let turn: Turn = { ...DONE, message: 'cluster a is being made' };
  const { controllers, clock } = world(() => turn, [object('a')]);
  const ours = [keyOf(LOCAL, object('a'))];
  const report: ObjectReport = { key: keyOf(LOCAL, object('a')), health: 'Current', message: '', drift: [], fault: null };
  assert.equal(controllers.told(report), report);
  turn = { ...turn, retryAfterMs: 5 };
  await controllers.tend(ours, signal);
  assert.deepEqual([controllers.told(report).health, controllers.told(report).message], ['InProgress', 'cluster a is being made']);
  const fault = new Fault('provision/quota', 'no more clusters');
  turn = { ...turn, message: fault.message, fault };
  clock.nowMs = 10;
  await controllers.tend(ours, signal);
  assert.deepEqual([controllers.told(report).health, controllers.told(report).fault], ['Failed', fault]);
  // What was said of an older content is not said of a newer one.
  assert.deepEqual([controllers.told(report, 2).health, controllers.told(report, 2).fault], ['InProgress', null]);
});
