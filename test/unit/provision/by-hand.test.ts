// A Configuration that is deleted without an Approval leaves the cloud as it is, and finds it again when it is back (I11, I6).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deletionMark, isDeletionApproved } from '../../../daemon/lib/approved-deletion.ts';
import { timeText } from '../../../daemon/lib/text.ts';
import { configuration, connection, deleteApproved, deleteByHand, Killed, openGround, type Ground } from './rig.ts';

/** Deleted, waited for, and applied again from Git: the end is one cluster that serves. */
async function assertSameAgain(ground: Ground, what: string): Promise<void> {
  const last = await ground.settle();
  assert.equal(ground.hub.configuration(), undefined, `${what}: ${last.message}`);
  ground.hub.put(configuration());
  await ground.settle();
  const { clusters, vpcs, vswitches } = ground.cloud.state();
  assert.deepEqual([clusters.length, vpcs.length, vswitches.length], [1, 1, 3], what);
  assert.ok(
    [...clusters, ...vpcs, ...vswitches].every(({ state }) => state === 'running' || state === 'Available'),
    what,
  );
  assert.equal(ground.state(), 'Available', what);
  assert.equal(connection(ground)['name'], 'poc-01', what);
}

test('the object goes at once, and says what stays', async () => {
  await using ground = await openGround();
  await ground.settle();
  const { calls } = ground.cloud.state();
  await deleteByHand(ground);
  const turn = await ground.turn();
  const [cluster] = ground.cloud.state().clusters;
  assert.match(
    turn.message,
    new RegExp(`deleted without an Approval: the object goes, cluster ${cluster?.id} and VPC vpc-\\w+ stay in the cloud, and are found`),
  );
  assert.equal(ground.hub.configuration(), undefined);
  assert.equal(connection(ground)['name'], 'poc-01');
  assert.deepEqual(
    ground.cloud
      .state()
      .calls.slice(calls.length)
      .filter(({ action }) => action.startsWith('Delete')),
    [],
  );
  await assertSameAgain(ground, 'again');
});

test('at any effect on the way up', async () => {
  await using whole = await openGround();
  await whole.settle();
  for (const when of ['before', 'after'] as const) {
    for (let index = 1; index <= whole.effects.length; index++) {
      await using ground = await openGround();
      let count = 0;
      ground[when] = () => {
        if (++count === index) throw new Killed();
      };
      await ground.settle();
      ground[when] = () => {};
      ground.restart();
      await deleteByHand(ground);
      await assertSameAgain(ground, `${when} ${whole.effects[index - 1]}`);
    }
  }
});

test('a cluster whose answer was lost is waited for before the object goes', async () => {
  await using ground = await openGround();
  ground.cloud.faults.add({ kind: 'lose-answer', action: 'CreateCluster' });
  for (let turns = 0; turns < 20 && !ground.effects.includes('cloud cluster poc-01'); turns++) ground.nowMs += (await ground.turn()).retryAfterMs ?? 0;
  await deleteByHand(ground);
  await assertSameAgain(ground, 'lost');
});

test('an Approval that comes after the deletion by hand still counts while the object is there', async () => {
  await using ground = await openGround();
  ground.cloud.faults.add({ kind: 'server-error', action: 'CreateCluster' });
  for (let turns = 0; turns < 20 && !ground.effects.includes('cloud cluster poc-01'); turns++) ground.nowMs += (await ground.turn()).retryAfterMs ?? 0;
  await deleteByHand(ground);
  assert.match((await ground.turn()).message, /not known what came of it/);
  await deleteApproved(ground);
  await ground.settle();
  assert.equal(ground.hub.configuration(), undefined);
  assert.deepEqual(
    [...ground.cloud.state().vpcs, ...ground.cloud.state().vswitches].filter(({ state }) => state !== 'gone'),
    [],
  );
});

test('a mark speaks of the deletion that follows it, not of one long after', () => {
  const key = { cluster: 'local', apiVersion: 'terraform.core.oam.dev/v1beta2', kind: 'Configuration', namespace: 'vela-system', name: 'ack-worker' };
  const nowMs = Date.parse('2026-01-02T03:04:05Z');
  const deleted = (annotations: Readonly<Record<string, string>>, minutes: number) => ({
    ...configuration(),
    metadata: { ...configuration().metadata, annotations, deletionTimestamp: timeText(nowMs + minutes * 60_000) },
  });
  const mark = { ...deletionMark(key, nowMs) };
  assert.equal(isDeletionApproved(deleted(mark, 0)), true);
  assert.equal(isDeletionApproved(deleted(mark, -30)), true, 'deleted by hand before');
  assert.equal(isDeletionApproved(deleted(mark, 60)), false);
  assert.equal(isDeletionApproved(deleted({}, 0)), false);
  assert.equal(isDeletionApproved(deleted({ 'lateen.dev/approved-deletion': 'yes' }, 60)), true, 'a person means it');
  assert.equal(deletionMark({ ...key, kind: 'ConfigMap', apiVersion: 'v1' }, nowMs), null);
});
