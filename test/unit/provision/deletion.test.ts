// A Configuration that is deleted as an Approval says takes away what was made for it, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configuration, deleteApproved, never, openGround, putCredentials, WINDOW_MS, type Ground } from './rig.ts';

const left = (ground: Ground): string[] => {
  const { clusters, vpcs, vswitches } = ground.cloud.state();
  return [...clusters, ...vswitches, ...vpcs].filter(({ state }) => state !== 'gone').map(({ name }) => name);
};

test('cluster, vSwitches, VPC, Secret and object go in this order', async () => {
  await using ground = await openGround();
  await ground.settle();
  ground.effects.length = 0;
  await deleteApproved(ground);
  await ground.settle();
  assert.deepEqual(
    ground.effects.filter((effect) => !effect.startsWith('status ')).map((effect) => effect.replace(/ \(.*\)| v(?:sw|pc)-.*/g, '')),
    [
      'cloud deletion of cluster poc-01',
      'cloud deletion of vSwitch',
      'cloud deletion of vSwitch',
      'cloud deletion of vSwitch',
      'cloud deletion of VPC',
      'delete Secret vela-system/ack-conn',
      'system Configuration vela-system/ack-worker',
    ],
  );
  assert.deepEqual(left(ground), []);
  assert.equal(ground.hub.configuration(), undefined);
  assert.ok(ground.said.some((text) => /cluster poc-01 \(c\w+\) is being deleted/.test(text)));
});

test('a deletion that fails is shown and tried again', async () => {
  await using ground = await openGround();
  await ground.settle();
  ground.cloud.faults.add({ kind: 'fail-deletion' });
  await deleteApproved(ground);
  const turn = await ground.settle();
  assert.equal(turn.fault?.code, 'provision/failed');
  assert.equal(ground.state(), 'DestroyFailed');
  assert.deepEqual(ground.part('destroy')['state'], 'DestroyFailed');
  ground.nowMs += turn.retryAfterMs ?? 0;
  await ground.settle();
  assert.deepEqual(left(ground), []);
  assert.equal(ground.hub.configuration(), undefined);
});

test('a cloud that fails on the way down is waited out', async () => {
  await using ground = await openGround();
  await ground.settle();
  for (const action of ['DeleteCluster', 'DeleteVSwitch', 'DeleteVpc', 'DescribeVpcs', 'DescribeClusterDetail']) {
    ground.cloud.faults.add({ kind: 'throttle', action });
    ground.cloud.faults.add({ kind: 'server-error', action, body: 'html' });
    ground.cloud.faults.add({ kind: 'lose-answer', action });
  }
  await deleteApproved(ground);
  // After some tries it is told as a fault, and tried all the same.
  for (let tries = 0; tries < 20 && ground.hub.configuration() !== undefined; tries++) ground.nowMs += (await ground.settle()).retryAfterMs ?? 0;
  assert.deepEqual(left(ground), []);
});

test('a creation with an unknown outcome is looked up for the whole window before the object goes', async () => {
  await using ground = await openGround();
  ground.cloud.faults.add({ kind: 'server-error', action: 'CreateCluster' });
  ground.after = (effect) => {
    if (effect === 'cloud VPC tf-k8s-vpc') ground.cloud.state();
  };
  for (let turns = 0; turns < 20 && !ground.effects.includes('cloud cluster poc-01'); turns++) ground.nowMs += (await ground.turn()).retryAfterMs ?? 0;
  const from = ground.nowMs;
  await deleteApproved(ground);
  await ground.settle();
  assert.equal(ground.hub.configuration(), undefined);
  assert.ok(ground.nowMs - from >= WINDOW_MS - 20_000);
  assert.deepEqual(left(ground), []);
});

test('a cluster whose answer was lost is found and deleted', async () => {
  await using ground = await openGround();
  ground.cloud.faults.add({ kind: 'lose-answer', action: 'CreateCluster' });
  for (let turns = 0; turns < 20 && !ground.effects.includes('cloud cluster poc-01'); turns++) ground.nowMs += (await ground.turn()).retryAfterMs ?? 0;
  await deleteApproved(ground);
  await ground.settle();
  assert.equal(ground.cloud.state().clusters.length, 1);
  assert.deepEqual(left(ground), []);
});

test('a text that cannot be read any more does not hold up the deletion', async () => {
  await using ground = await openGround();
  await ground.settle();
  ground.hub.put(configuration({}, { hcl: 'nonsense' }));
  await deleteApproved(ground);
  await ground.settle();
  assert.deepEqual(left(ground), []);
});

test('deleteResource: false keeps what is in the cloud', async () => {
  await using ground = await openGround(configuration({}, { deleteResource: false }));
  await ground.settle();
  await deleteApproved(ground);
  await ground.settle();
  assert.equal(ground.hub.configuration(), undefined);
  assert.deepEqual(left(ground), ['poc-01', 'tf-k8s-vsw-01', 'tf-k8s-vsw-02', 'tf-k8s-vsw-03', 'tf-k8s-vpc']);
});

test('vSwitches that were given are not taken away', async () => {
  await using ground = await openGround(null);
  const cloud = await ground.openCloud({ ...ground.cloud.credentials, securityToken: ground.cloud.credentials.securityToken ?? '', region: 'cn-hongkong' });
  const vpcId = await cloud.createVpc({ name: 'theirs', cidr: '10.0.0.0/8', tags: {}, token: 'one' }, never);
  ground.nowMs += 5_000;
  const vswitchId = await cloud.createVSwitch({ vpcId, name: 'their-switch', cidr: '10.1.0.0/16', zone: 'cn-hongkong-b', tags: {}, token: 'two' }, never);
  ground.nowMs += 5_000;
  ground.hub.put(configuration({ vswitch_ids: [vswitchId] }));
  await ground.settle();
  assert.deepEqual(left(ground), ['poc-01', 'their-switch', 'theirs']);
  assert.deepEqual(ground.cloud.state().clusters[0]?.vpcId, vpcId);
  await deleteApproved(ground);
  await ground.settle();
  assert.deepEqual(left(ground), ['their-switch', 'theirs']);
});

test('without credentials a Configuration that made nothing goes, one that made something stays and says why', async () => {
  await using ground = await openGround();
  ground.hub.objects.delete('Provider/default/default');
  await ground.turn();
  await deleteApproved(ground);
  await ground.turn();
  assert.equal(ground.hub.configuration(), undefined);

  await using second = await openGround();
  await second.settle();
  putCredentials(second, { accessKeyId: 'LTAI5tUnknownUnknown', accessKeySecret: 'WrongWrongWrong' });
  await deleteApproved(second);
  const turn = await second.settle();
  assert.equal(turn.fault?.code, 'provision/credentials');
  assert.equal(second.state(), 'DestroyFailed');
  assert.equal(left(second).length, 5);
});
