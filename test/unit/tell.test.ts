/** When a pass is told to Git, and what becomes of it when it cannot be. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../daemon/model/fault.ts';
import type { ApplicationReport, StatusCommit } from '../../daemon/model/status.ts';
import { tell, type TellDoors, type TellMemory } from '../../daemon/tell.ts';
import { AT_ONCE, UNPACED, type Pace } from '../../daemon/status/pace.ts';
import { application, journalOf, READY, report, statusOf } from './status/reports.ts';

const PACE: Pace = { quietMs: 1_000, waitMaxMs: 5_000, perMinuteMax: 100 };
const never = new AbortController().signal;
const MOVING: ApplicationReport['conditions'] = [
  { type: 'Ready', status: 'False', reason: 'Wait', message: 'step web: running' },
  { type: 'Reconciling', status: 'True', reason: 'Wait', message: '' },
  { type: 'Stalled', status: 'False', reason: 'Wait', message: '' },
];
const FAILED: ApplicationReport['conditions'] = [
  { type: 'Ready', status: 'False', reason: 'Failed', message: 'no' },
  { type: 'Reconciling', status: 'False', reason: 'Failed', message: '' },
  { type: 'Stalled', status: 'True', reason: 'Failed', message: 'no' },
];

/** A remote that can be away, time that goes by hand, and an outbox. */
function ground() {
  const world = { nowMs: 0, isAway: false, isFull: false, pushed: [] as StatusCommit[], held: [] as StatusCommit[], reads: 0 };
  const memory: TellMemory = { files: null, untold: null, paced: UNPACED };
  const doors: Omit<TellDoors, 'pace'> = {
    clock: { now: () => world.nowMs, random: () => 0, sleep: () => Promise.resolve() },
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} } as never,
    repo: {
      statusFiles: () => {
        world.reads += 1;
        return world.isAway ? Promise.reject(new Fault('source/unreachable', 'away')) : Promise.resolve(new Map<string, string>());
      },
      waits: () => Promise.resolve(world.held.length > 0),
      commit: (commit: StatusCommit) => {
        if (commit.files.size > 0) world.held.push(commit);
        if (world.isFull) return Promise.reject(new Fault('source/outbox', 'full'));
        if (world.isAway) return Promise.reject(new Fault('source/unreachable', 'away'));
        world.pushed.push(...world.held.splice(0));
        return Promise.resolve(String(world.pushed.length));
      },
    },
  };
  const at = async (nowMs: number, app: Partial<ApplicationReport>, pace: Pace = PACE) => {
    world.nowMs = nowMs;
    return tell({ ...doors, pace }, memory, report([application('shop', app)]), never);
  };
  return { world, memory, at, subjects: () => world.pushed.map(({ subject }) => subject) };
}

const step = (phase: 'running' | 'succeeded') => journalOf({ steps: [statusOf('web', phase)] });

describe('a pass is told', () => {
  it('once its wave has settled, and once only', async () => {
    const { at, subjects } = ground();
    assert.equal((await at(0, { phase: 'starting', conditions: MOVING })).tellInMs, 1_000);
    assert.equal((await at(300, { phase: 'runningWorkflow', conditions: MOVING, journal: step('running') })).tellInMs, 1_000);
    assert.equal((await at(600, { phase: 'running', conditions: READY, journal: step('succeeded') })).tellInMs, null);
    assert.equal((await at(700, { phase: 'running', conditions: READY, journal: step('succeeded') })).pushed, null);
    assert.deepEqual(subjects(), ['prod/shop: running']);
  });

  it('after a while although it goes on moving', async () => {
    const { at, subjects } = ground();
    for (let ms = 0; ms < 5_000; ms += 500) await at(ms, { conditions: MOVING, latestRevision: `shop-v${ms}` });
    assert.deepEqual(subjects(), []);
    await at(5_000, { conditions: MOVING, latestRevision: 'shop-v5000' });
    assert.equal(subjects().length, 1);
  });

  it('at once when something failed', async () => {
    const { at, subjects } = ground();
    await at(0, { conditions: MOVING });
    await at(100, { phase: 'workflowFailed', conditions: FAILED });
    assert.deepEqual(subjects(), ['prod/shop: workflowFailed']);
  });

  it('with every pass where nobody asked for more', async () => {
    const { at, subjects } = ground();
    await at(0, { phase: 'starting', conditions: MOVING }, AT_ONCE);
    await at(1, { phase: 'runningWorkflow', conditions: MOVING }, AT_ONCE);
    assert.deepEqual(subjects(), ['prod/shop: starting', 'prod/shop: runningWorkflow']);
  });
});

describe('while the remote is away', () => {
  it('each change waits by itself, in order, also one that is taken back', async () => {
    const { world, at, subjects } = ground();
    await at(0, { phase: 'running' }, AT_ONCE);
    world.isAway = true;
    for (const [ms, phase] of [
      [1, 'unhealthy'],
      [2, 'unhealthy'],
      [3, 'running'],
    ] as const)
      assert.equal((await at(ms, { phase }, AT_ONCE)).pushFault?.code, 'source/unreachable');
    world.isAway = false;
    assert.equal((await at(4, { phase: 'running' }, AT_ONCE)).pushFault, null);
    assert.deepEqual(subjects(), ['prod/shop: running', 'prod/shop: unhealthy', 'prod/shop: running']);
  });

  it('what the branch holds is read when it is back', async () => {
    const { world, memory, at } = ground();
    world.isAway = true;
    await at(0, {}, AT_ONCE);
    assert.equal(memory.files, null);
    world.isAway = false;
    await at(1, {}, AT_ONCE);
    assert.deepEqual([world.reads, memory.files === null], [2, false]);
  });

  it('what could not be kept either is said again', async () => {
    const { world, at, subjects } = ground();
    await at(0, {}, AT_ONCE);
    world.isFull = true;
    await at(1, { phase: 'unhealthy' }, AT_ONCE);
    Object.assign(world, { isFull: false, held: [] });
    await at(2, { phase: 'unhealthy' }, AT_ONCE);
    assert.deepEqual(subjects(), ['prod/shop: running', 'prod/shop: unhealthy']);
  });
});
