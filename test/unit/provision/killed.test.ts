// I6: killed at any effect, or beside another process, there is one cluster, and the end is always the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configuration, connection, deleteApproved, Killed, never, openGround, type Ground } from './rig.ts';

/** What is there in the end. */
function assertWhole(ground: Ground, what: string): void {
  const { clusters, vpcs, vswitches } = ground.cloud.state();
  assert.deepEqual([clusters.length, vpcs.length, vswitches.length], [1, 1, 3], what);
  assert.equal(ground.state(), 'Available', what);
  assert.equal(connection(ground)['name'], 'poc-01', what);
}

/** Dies right before or right after the effect of this number, then begins anew. */
async function dieAt(ground: Ground, index: number, when: 'before' | 'after'): Promise<void> {
  let count = 0;
  const die = (): void => {
    if (++count === index) throw new Killed();
  };
  ground[when] = die;
  await ground.settle();
  ground[when] = () => {};
  ground.restart();
  await ground.settle();
}

for (const when of ['before', 'after'] as const) {
  test(`killed right ${when} each effect on the way up`, async () => {
    await using whole = await openGround();
    await whole.settle();
    assert.ok(whole.effects.length > 15);
    for (let index = 1; index <= whole.effects.length; index++) {
      await using ground = await openGround();
      await dieAt(ground, index, when);
      assertWhole(ground, `${when} ${whole.effects[index - 1]}`);
    }
  });

  test(`killed right ${when} each effect on the way down`, async () => {
    const down = async (ground: Ground): Promise<void> => {
      await ground.settle();
      ground.effects.length = 0;
      await deleteApproved(ground);
    };
    await using whole = await openGround();
    await down(whole);
    await whole.settle();
    for (let index = 1; index <= whole.effects.length; index++) {
      await using ground = await openGround();
      await down(ground);
      await dieAt(ground, index, when);
      const { clusters, vpcs, vswitches } = ground.cloud.state();
      assert.deepEqual(
        [...clusters, ...vpcs, ...vswitches].filter(({ state }) => state !== 'gone'),
        [],
        `${when} ${whole.effects[index - 1]}`,
      );
      assert.equal(ground.hub.configuration(), undefined);
      assert.equal(ground.hub.objects.has('Secret/vela-system/ack-conn'), false);
    }
  });
}

test('another process that has a turn right before any effect makes no second cluster', async () => {
  await using whole = await openGround();
  await whole.settle();
  for (let index = 1; index <= whole.effects.length; index++) {
    await using ground = await openGround();
    const other = ground.controller();
    ground.restart();
    const own = ground.controller();
    let count = 0;
    let meanwhile: Promise<unknown> = Promise.resolve();
    ground.before = () => {
      if (++count !== index) return;
      ground.before = () => {};
      const seen = ground.hub.configuration();
      if (seen !== undefined) meanwhile = other.turn(seen, never);
    };
    assert.notEqual(own, other);
    await ground.settle();
    await meanwhile;
    await ground.settle();
    assertWhole(ground, `beside ${whole.effects[index - 1]}`);
  }
});

test('the object made again by hand, with another uid, in the middle of the creation finds the cluster', async () => {
  await using ground = await openGround();
  ground.after = (effect) => {
    if (effect === 'cloud cluster poc-01') throw new Killed();
  };
  await ground.settle();
  ground.after = () => {};
  ground.hub.objects.delete('Configuration/vela-system/ack-worker');
  ground.hub.put(configuration());
  ground.restart();
  await ground.settle();
  assertWhole(ground, 'made again');
});

test('an intent that somebody made unreadable is waited out, not ignored', async () => {
  await using ground = await openGround();
  ground.before = (effect) => {
    if (effect === 'cloud cluster poc-01') throw new Killed();
  };
  await ground.settle();
  ground.before = () => {};
  await ground.hub.patch(
    { apiVersion: 'terraform.core.oam.dev/v1beta2', kind: 'Configuration', namespace: 'vela-system', name: 'ack-worker' },
    { metadata: { annotations: { 'lateen.dev/cloud-intent': '{' } } },
    never,
  );
  ground.restart();
  const from = ground.nowMs;
  await ground.settle();
  assertWhole(ground, 'unreadable');
  assert.ok(ground.nowMs - from >= 600_000);
});
