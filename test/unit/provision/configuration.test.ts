// A Configuration becomes a cluster: the real SDK against the lab's cloud, the hub in memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAlibaba } from '../../../daemon/provision/alibaba.ts';
import { FINALIZER, TERRAFORM_FINALIZER } from '../../../daemon/provision/record.ts';
import { systemClock } from '../../../daemon/lib/retry.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';
import { configuration, connection, openGround, POLL_MS, putCredentials, WINDOW_MS, type Ground } from './rig.ts';

/** Every cluster that the cloud ever made. */
const clustersOf = (ground: Ground) => ground.cloud.state().clusters;
const asked = (ground: Ground): number => ground.cloud.state().calls.filter(({ action }) => action === 'CreateCluster').length;

/** Nothing that was said or written holds a secret, but for the connection Secret itself. */
function assertNoSecrets(ground: Ground): void {
  const { accessKeyId, accessKeySecret, securityToken = '' } = ground.cloud.credentials;
  const text = [...ground.said, ...ground.effects].join('\n');
  for (const secret of [accessKeyId, accessKeySecret, securityToken, connection(ground)['client_key'] ?? '', connection(ground)['client_cert'] ?? ''])
    if (secret !== '') assert.ok(!text.includes(secret), 'a secret was told');
}

test('a Configuration becomes a network, a cluster and a connection Secret', async () => {
  await using ground = await openGround();
  const turn = await ground.settle();
  assert.deepEqual(turn, { retryAfterMs: null, changed: true, message: '', fault: null });
  const { clusters, vpcs, vswitches } = ground.cloud.state();
  assert.deepEqual(
    clusters.map(({ name, state }) => [name, state]),
    [['poc-01', 'running']],
  );
  assert.deepEqual(
    vpcs.map(({ name }) => name),
    ['tf-k8s-vpc'],
  );
  assert.deepEqual(
    vswitches.map(({ name }) => name),
    ['tf-k8s-vsw-01', 'tf-k8s-vsw-02', 'tf-k8s-vsw-03'],
  );
  for (const { tags } of [...clusters, ...vpcs, ...vswitches])
    assert.equal(tags['lateen.dev/configuration'], '3f1c2c6e-0a51-4f0e-9a44-5a3a0e1f7c11.vela-system.ack-worker');
  const status = ground.hub.configuration()?.['status'] as Record<string, unknown>;
  assert.equal(status['state'], 'Available');
  assert.equal(status['message'], 'Cloud resources are deployed and ready to use.');
  assert.deepEqual(status['apply'], { state: 'Available', message: 'Cloud resources are deployed and ready to use.' });
  assert.equal(status['observedGeneration'], 1);
  assert.ok(ground.said.includes('creating cluster poc-01: initial, CreateControlPlane'));
  assertNoSecrets(ground);
});

test("the connection Secret has the module's six keys: the certificates are the kubeconfig's own text, base64 in themselves", async () => {
  await using ground = await openGround();
  await ground.settle();
  const secret = ground.hub.objects.get('Secret/vela-system/ack-conn') as KubeObject;
  assert.equal(secret['type'], 'Opaque');
  assert.deepEqual(secret.metadata.labels, {
    'terraform.core.oam.dev/created-by': 'terraform-controller',
    'terraform.core.oam.dev/owned-by': 'ack-worker',
    'terraform.core.oam.dev/owned-namespace': 'vela-system',
  });
  const values = connection(ground);
  assert.deepEqual(Object.keys(values).sort(), ['api_server_internet', 'client_cert', 'client_key', 'cluster_ca_cert', 'kubeconfig', 'name']);
  assert.equal(values['name'], 'poc-01');
  assert.match(Buffer.from(values['client_key'] ?? '', 'base64').toString('utf8'), /^-----BEGIN .*PRIVATE KEY-----/);
  assert.ok(values['kubeconfig']?.includes(`client-key-data: ${values['client_key']}`));
  assert.match(values['api_server_internet'] ?? '', /^https:\/\//);
});

test('a Configuration that is done asks the cloud nothing, and writes a lost Secret again', async () => {
  await using ground = await openGround();
  await ground.settle();
  const calls = ground.cloud.state().calls.length;
  assert.deepEqual(await ground.turn(), { retryAfterMs: null, changed: false, message: '', fault: null });
  assert.equal(ground.cloud.state().calls.length, calls);
  ground.hub.objects.delete('Secret/vela-system/ack-conn');
  await ground.settle();
  assert.equal(connection(ground)['name'], 'poc-01');
  assert.equal(clustersOf(ground).length, 1);
});

test('the same object made again by hand finds its cluster', async () => {
  await using ground = await openGround();
  await ground.settle();
  ground.hub.objects.delete('Configuration/vela-system/ack-worker');
  ground.hub.put(configuration());
  ground.restart();
  await ground.settle();
  assert.equal(ground.state(), 'Available');
  assert.equal(asked(ground), 1);
});

test('an answer that was lost is looked up, and the cluster is not asked for again', async () => {
  await using ground = await openGround();
  ground.cloud.faults.add({ kind: 'lose-answer', action: 'CreateCluster' });
  await ground.settle();
  assert.equal(ground.state(), 'Available');
  assert.equal(asked(ground), 1);
  assert.ok(ground.said.some((text) => text.startsWith('creating cluster poc-01: the connection broke')));
});

for (const fault of [{ kind: 'server-error', body: 'html' }, { kind: 'server-error', body: 'json' }, { kind: 'cut' }] as const) {
  test(`a creation that came to nothing without saying so (${JSON.stringify(fault)}) is asked for again only when the window is over`, async () => {
    await using ground = await openGround();
    ground.cloud.faults.add({ ...fault, action: 'CreateCluster' });
    const times: number[] = [];
    ground.before = (effect) => {
      if (effect === 'cloud cluster poc-01') times.push(ground.nowMs);
    };
    await ground.settle();
    assert.equal(ground.state(), 'Available');
    assert.equal(times.length, 2);
    assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= WINDOW_MS);
    assert.ok(ground.said.some((text) => /is looked up by its tag until 2026-.*Z, and not asked for again before/.test(text)));
    assert.equal(clustersOf(ground).length, 1);
  });
}

test('a cloud that does not answer in time leaves the outcome open', async () => {
  await using ground = await openGround();
  ground.openCloud = openAlibaba({ endpoint: `http://${ground.cloud.endpoint}`, clock: { ...systemClock(), now: () => ground.nowMs }, timeoutMs: 400 });
  ground.cloud.faults.add({ kind: 'lose-answer', action: 'CreateCluster', holdMs: 1_500 });
  await ground.settle();
  assert.equal(ground.state(), 'Available');
  assert.equal(asked(ground), 1);
  assert.ok(ground.said.some((text) => text === 'creating cluster poc-01: no answer in time'));
});

test('a refusal of the creation is certain: it is asked for again without a wait', async () => {
  await using ground = await openGround();
  ground.cloud.faults.add({ kind: 'throttle', action: 'CreateCluster', retryAfterMs: 4_000 });
  const times: number[] = [];
  ground.before = (effect) => {
    if (effect === 'cloud cluster poc-01') times.push(ground.nowMs);
  };
  await ground.settle();
  assert.equal(ground.state(), 'Available');
  assert.equal((times[1] ?? 0) - (times[0] ?? 0), 4_000);
});

test('throttling and failing gateways on any call are waited out', async () => {
  await using ground = await openGround();
  for (const action of [
    'DescribeClustersV1',
    'CreateVpc',
    'DescribeVpcs',
    'CreateVSwitch',
    'DescribeVSwitches',
    'DescribeClusterDetail',
    'DescribeTaskInfo',
    'DescribeClusterUserKubeconfig',
  ]) {
    ground.cloud.faults.add({ kind: 'throttle', action });
    ground.cloud.faults.add({ kind: 'server-error', action, body: 'html' });
    ground.cloud.faults.add({ kind: 'lose-answer', action });
  }
  await ground.settle();
  assert.equal(ground.state(), 'Available');
  const { clusters, vpcs, vswitches } = ground.cloud.state();
  assert.deepEqual([clusters.length, vpcs.length, vswitches.length], [1, 1, 3]);
  assert.deepEqual(ground.cloud.faults.pending(), []);
});

test('trouble that does not pass is told as a fault, and passes when it does', async () => {
  await using ground = await openGround();
  ground.cloud.faults.add({ kind: 'server-error', times: 8 });
  assert.equal((await ground.settle(4)).fault, null);
  const turn = await ground.turn();
  assert.equal(turn.fault?.code, 'provision/transient');
  assert.match(turn.fault?.message ?? '', /temporary failure of the server\. \(ServiceUnavailable, HTTP 503, request [0-9A-F-]+\)/);
  ground.cloud.faults.clear();
  await ground.settle();
  assert.equal(ground.state(), 'Available');
});

test("a cluster that could not be made is kept, with the cloud's own words, and no second one is made", async () => {
  await using ground = await openGround();
  ground.cloud.faults.add({ kind: 'fail-creation', code: 'Instance.NoStock', message: 'There is no such machine left.' });
  const turn = await ground.settle();
  assert.equal(turn.fault?.code, 'provision/failed');
  assert.match(turn.fault?.message ?? '', /poc-01 \(c[0-9a-z]+\) is failed: There is no such machine left\. \(Instance\.NoStock\)/);
  assert.equal(ground.state(), 'Unavailable');
  assert.match(ground.message(), /There is no such machine left/);
  await ground.turn();
  assert.equal(asked(ground), 1);
});

test("a quota is told with the cloud's words, and tried again slowly", async () => {
  await using ground = await openGround();
  ground.cloud.faults.add({ kind: 'quota', action: 'CreateCluster', times: 2 });
  const turn = await ground.settle();
  assert.equal(turn.fault?.code, 'provision/quota');
  const again = await ground.settle();
  assert.deepEqual([again.message, again.fault?.message], [turn.message, turn.message], 'another request, and nothing new to be told');
  assert.match(turn.message, /quota of the account does not allow another cluster.*QuotaExceeded\.Cluster, HTTP 400/);
  assert.equal(ground.state(), 'Unavailable');
  assert.ok((turn.retryAfterMs ?? 0) >= POLL_MS);
  await ground.settle();
  assert.equal(ground.state(), 'Available');
});

test('a missing right is told', async () => {
  await using ground = await openGround();
  ground.cloud.faults.add({ kind: 'forbid', action: 'CreateVpc' });
  const turn = await ground.settle();
  assert.equal(turn.fault?.code, 'provision/denied');
  assert.match(turn.message, /creating VPC tf-k8s-vpc: .*Forbidden\.RAM/);
});

test('wrong, unknown and expired credentials are told, and nothing of them is', async () => {
  for (const wrong of [{ accessKeySecret: 'WrongWrongWrongWrong123' }, { accessKeyId: 'STS.UnknownUnknown123' }, { securityToken: 'CAISwrongwrongwrong' }]) {
    await using ground = await openGround();
    const keys = { ...ground.cloud.credentials, ...wrong };
    putCredentials(ground, keys);
    const turn = await ground.settle();
    assert.equal(turn.fault?.code, 'provision/credentials');
    assert.equal(ground.part('apply')['state'], 'ProviderNotReady');
    for (const secret of Object.values(keys)) assert.ok(!ground.said.join('\n').includes(secret));
    putCredentials(ground);
    await ground.settle();
    assert.equal(ground.state(), 'Available');
  }
});

test('a token that expires in the middle stops it, a renewed one lets it go on', async () => {
  await using ground = await openGround();
  ground.before = (effect) => {
    if (effect === 'cloud cluster poc-01') ground.cloud.faults.add({ kind: 'expire-credentials' });
  };
  const turn = await ground.settle();
  assert.equal(turn.fault?.code, 'provision/credentials');
  assert.match(turn.message, /Expired/);
  ground.before = () => {};
  ground.cloud.renewCredentials();
  putCredentials(ground);
  await ground.settle();
  assert.equal(ground.state(), 'Available');
  assert.equal(clustersOf(ground).length, 1);
  assertNoSecrets(ground);
});

test('what is missing on the hub is named, and waited for', async () => {
  await using ground = await openGround();
  const provider = ground.hub.objects.get('Provider/default/default') as KubeObject;
  ground.hub.objects.delete('Provider/default/default');
  const first = await ground.turn();
  assert.match(first.message, /^Provider default\/default is not there/);
  assert.equal(first.fault, null);
  ground.hub.put(provider);
  ground.hub.objects.delete('Secret/vela-system/alibaba-account-creds');
  const second = await ground.turn();
  assert.match(
    second.message,
    /^Secret vela-system\/alibaba-account-creds, which Provider default\/default names, is not there: give the daemon ALICLOUD_ACCESS_KEY/,
  );
  assert.equal(second.fault?.code, 'provision/credentials', 'somebody has to act');
  ground.hub.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'alibaba-account-creds', namespace: 'vela-system' },
    data: { credentials: Buffer.from('accessKeyID: LTAI5tSomething\n').toString('base64') },
  });
  const third = await ground.turn();
  assert.equal(third.fault?.code, 'provision/credentials');
  assert.match(third.message, /has no accessKeySecret$/);
  assert.equal(ground.cloud.state().calls.length, 0);
});

test("a zone that is not in the Provider's region is refused before anything is made", async () => {
  await using ground = await openGround(configuration({ zone_id: 'cn-beijing-a' }));
  const turn = await ground.settle();
  assert.equal(turn.fault?.code, 'provision/refused');
  assert.match(turn.message, /zone cn-beijing-a \(zone_id\) is not in the region cn-hongkong/);
  assert.equal(ground.cloud.state().calls.length, 0);
});

test('a Configuration that is not understood says so in its status and waits for its author', async () => {
  await using ground = await openGround(configuration({ k8s_verison: '1.32.1-aliyun.1' }));
  const turn = await ground.turn();
  assert.equal(turn.retryAfterMs, null);
  assert.equal(turn.fault?.code, 'provision/refused');
  assert.match(ground.message(), /Did you mean "k8s_version"\?/);
  assert.deepEqual(ground.hub.configuration()?.metadata.finalizers ?? [], []);
});

test('values that the cloud refuses are told with its words', async () => {
  await using ground = await openGround(configuration({ k8s_pod_cidr: '10.1.0.0/16' }));
  const turn = await ground.settle();
  assert.equal(turn.fault?.code, 'provision/refused');
  assert.match(turn.message, /container_cidr.*overlaps.*InvalidParameter, HTTP 400/);
  assert.equal(clustersOf(ground).length, 0);
});

test('a cluster of the name that another made is not taken over', async () => {
  await using ground = await openGround();
  await ground.settle();
  ground.hub.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system', uid: 'another-hub' } });
  ground.hub.objects.delete('Configuration/vela-system/ack-worker');
  ground.hub.put(configuration());
  ground.restart();
  const turn = await ground.settle();
  assert.equal(turn.fault?.code, 'provision/conflict');
  assert.match(turn.message, /there is a cluster poc-01 \(c[0-9a-z]+\) already, and it was not made for this Configuration/);
  assert.equal(asked(ground), 1);
});

test('two clusters with the tag are named, and nothing is done', async () => {
  await using ground = await openGround();
  const login = { ...ground.cloud.credentials, securityToken: ground.cloud.credentials.securityToken ?? '', region: 'cn-hongkong' };
  await ground.settle();
  const cloud = await ground.openCloud(login);
  const { clusters } = ground.cloud.state();
  const { vpcId = '', vswitchIds = [], tags = {} } = clusters[0] ?? {};
  await cloud.createCluster(
    {
      name: 'twin',
      version: '1.20.4-aliyun.1',
      tags,
      vpcId,
      vswitchIds,
      podCidr: '172.21.0.0/16',
      serviceCidr: '172.22.0.0/20',
      nodeCidrMask: 24,
      isNatWanted: false,
      proxyMode: 'ipvs',
      nodePool: { name: 'n', size: 0, instanceTypes: ['ecs.c6.xlarge'], cpuPolicy: 'none', isMonitored: false },
    },
    new AbortController().signal,
  );
  ground.hub.objects.delete('Configuration/vela-system/ack-worker');
  ground.hub.put(configuration());
  const turn = await ground.settle();
  assert.equal(turn.fault?.code, 'provision/conflict');
  for (const { id } of ground.cloud.state().clusters) assert.ok(turn.message.includes(id));
  assert.equal(ground.cloud.state().clusters.length, 2);
});

test('a cluster that somebody deleted in the console is told, not made again', async () => {
  await using ground = await openGround();
  await ground.settle();
  const cloud = await ground.openCloud({ ...ground.cloud.credentials, securityToken: ground.cloud.credentials.securityToken ?? '', region: 'cn-hongkong' });
  await cloud.deleteCluster(clustersOf(ground)[0]?.id ?? '', new AbortController().signal);
  ground.nowMs += WINDOW_MS;
  ground.hub.objects.delete('Secret/vela-system/ack-conn');
  const turn = await ground.settle();
  assert.equal(turn.fault?.code, 'provision/failed');
  assert.match(turn.message, /is gone from the cloud, and Lateen did not delete it/);
  assert.equal(asked(ground), 1);
});

test('a value that was changed afterwards is told, and the cluster stays as it is', async () => {
  await using ground = await openGround();
  await ground.settle();
  ground.hub.put(configuration({ k8s_pod_cidr: '172.30.0.0/16', k8s_worker_number: 4 }));
  const turn = await ground.settle();
  assert.equal(turn.fault?.code, 'provision/refused');
  assert.match(turn.message, /k8s_pod_cidr \(made with "172\.20\.0\.0\/16"\), k8s_worker_number \(made with 2\)/);
  assert.equal(ground.state(), 'Available');
  assert.match(ground.message(), /^Cloud resources are deployed and ready to use\. But not changed on a cluster that exists/);
  ground.hub.put(configuration());
  assert.equal((await ground.settle()).fault, null);
  assert.equal(ground.message(), 'Cloud resources are deployed and ready to use.');
});

test('a Secret of the name that belongs to something else is not overwritten', async () => {
  await using ground = await openGround();
  ground.hub.put({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'ack-conn', namespace: 'vela-system' }, data: { own: 'eA==' } });
  const turn = await ground.settle();
  assert.equal(turn.fault?.code, 'provision/conflict');
  assert.deepEqual(connection(ground), { own: 'x' });
});

test('what terraform-controller has taken, or could take, is left alone', async () => {
  await using ground = await openGround();
  assert.equal(ground.controller().isMine({ ...configuration(), metadata: { ...configuration().metadata, finalizers: [TERRAFORM_FINALIZER] } }), false);
  ground.hub.put({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'terraform-controller', namespace: 'vela-system' },
    status: { readyReplicas: 1 },
  });
  const turn = await ground.turn();
  assert.match(turn.message, /terraform-controller runs in vela-system/);
  assert.deepEqual([turn.fault, turn.changed, ground.effects], [null, false, []]);
});

test("a Configuration of another kind that Lateen delivered is reported; a stranger's is nobody's business", async () => {
  const other: KubeObject = {
    ...configuration({}, { hcl: 'resource "alicloud_oss_bucket" "b" {\n}\n' }),
    metadata: { name: 'ack-worker', namespace: 'vela-system', labels: { 'app.oam.dev/name': 'bucket', 'workload.oam.dev/type': 'alibaba-oss' } },
  };
  await using ground = await openGround(other);
  assert.equal(ground.controller().isMine(other), true);
  assert.equal(ground.controller().isMine({ ...other, metadata: { name: 'x', namespace: 'y' } }), false);
  const turn = await ground.turn();
  assert.equal(turn.fault?.code, 'provision/no-controller');
  assert.match(turn.message, /^no controller reconciles it/);
  assert.deepEqual(ground.effects, []);
});

test('nothing is made before the finalizer holds the object and the region is noted', async () => {
  await using ground = await openGround();
  ground.before = (effect) => {
    if (!effect.startsWith('cloud ')) return;
    assert.ok(ground.hub.configuration()?.metadata.finalizers?.includes(FINALIZER));
    assert.match(ground.hub.configuration()?.metadata.annotations?.['lateen.dev/cloud'] ?? '', /"region":"cn-hongkong"/);
  };
  assert.equal((await ground.settle()).fault, null);
});
