import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CueObject } from '../../../../daemon/model/cue.ts';
import { answerOf, ask } from './ask.ts';
import type { Member } from '../../../../daemon/model/clusters.ts';
import { member, world, type World } from './world.ts';

const topology = (name: string, properties: CueObject) => ({ name, type: 'topology', properties });

function joined(here: World, name: string, labels: Record<string, string> = {}): void {
  here.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'vela-system', labels: { ...labels, 'cluster.core.oam.dev/cluster-credential-type': 'X509Certificate' } },
  });
}

test('placements come from topology policies in order, each once, and are the hub without any', async () => {
  const here = world({
    members: [member('east')],
    policies: [
      topology('a', { clusters: ['local', 'east'], namespace: 'n' }),
      topology('b', { clusters: ['east'], namespace: 'n' }),
      topology('c', {}),
      { name: 'o', type: 'override', properties: {} },
    ],
  });
  const placements = async (policies: string[]): Promise<unknown> =>
    (await answerOf(here, 'multicluster.get-placements-from-topology-policies', { policies }))['placements'];
  assert.deepEqual(await placements(['a', 'b']), [
    { cluster: 'local', namespace: 'n' },
    { cluster: 'east', namespace: 'n' },
  ]);
  assert.deepEqual(await placements(['c']), [{ cluster: 'local', namespace: '' }]);
  assert.deepEqual(await placements([]), [{ cluster: 'local', namespace: '' }]);
  assert.deepEqual(await placements(['o']), [{ cluster: 'local', namespace: '' }]);
});

test('a policy, a cluster or a selector that leads nowhere is named', async () => {
  const policies = [
    topology('a', { clusters: ['wset'] }),
    topology('l', { clusterLabelSelector: { region: 'eu' } }),
    topology('e', { clusterLabelSelector: { region: 'eu' }, allowEmpty: true }),
  ];
  const of = (policy: string, ...members: readonly Member[]) =>
    ask(world({ policies, members }), 'op.get-placements-from-topology-policies', { policies: [policy] }, { style: 'flat' });
  await assert.rejects(of('missing'), { message: 'policy missing not found' });
  await assert.rejects(of('a', member('west')), { message: 'failed to get cluster wset: not found (did you mean "west"?)' });
  await assert.rejects(of('l', member('west', { region: 'us' })), { message: 'failed to find any cluster matches given labels: region=eu (policy l)' });
  assert.deepEqual(await of('e'), { kind: 'result', value: { placements: [] } });
  assert.deepEqual(await of('l', member('ocm-1', { region: 'eu', tier: 'test' })), {
    kind: 'result',
    value: { placements: [{ cluster: 'ocm-1', namespace: '' }] },
  });
});

test('the clusters that were joined are listed by name, without the hub', async () => {
  const here = world();
  joined(here, 'east');
  joined(here, 'a-west');
  assert.deepEqual(await answerOf(here, 'multicluster.list-clusters', {}), { outputs: { clusters: ['a-west', 'east'] } });
});

test('deploy delivers every component to the hub and waits for their health', async () => {
  const here = world({ components: [{ name: 'web', type: 'webservice' }], policies: [topology('a', { clusters: ['local'] })] });
  here.componentHealth.healthy = false;
  assert.equal((await ask(here, 'multicluster.deploy', { policies: ['a'], parallelism: 5, inlinePolicies: [] })).kind, 'wait');
  here.componentHealth.healthy = true;
  assert.equal((await ask(here, 'multicluster.deploy', { policies: ['a'], parallelism: 5, inlinePolicies: [] })).kind, 'result');
  await assert.rejects(ask(here, 'multicluster.deploy', { policies: [], parallelism: 0 }), { message: 'parallelism cannot be smaller than 1' });
  await assert.rejects(ask(here, 'multicluster.deploy', { policies: [], inlinePolicies: [{ type: 'topology', properties: { clusters: ['west'] } }] }), {
    code: 'render/no-cluster',
    message: 'failed to get cluster west: not found',
  });
});

function tracked(here: World, entries: readonly CueObject[]): void {
  here.put({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'ResourceTracker',
    metadata: { name: 'shop-v3-prod', labels: { 'app.oam.dev/name': 'shop', 'app.oam.dev/namespace': 'prod', 'app.oam.dev/appRevision': 'shop-v3' } },
    spec: { managedResources: entries },
  });
}

const service = (name: string, spec: CueObject, status: CueObject = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'prod', uid: `u-${name}`, resourceVersion: '7' },
  spec,
  status,
});
const entry = (kind: string, name: string, apiVersion = 'v1'): CueObject => ({ apiVersion, kind, name, namespace: 'prod', component: `c-${name}` });

test('endpoints of Services and Ingresses are told as KubeVela tells them', async () => {
  const here = world();
  tracked(here, [
    entry('Service', 'lb'),
    entry('Service', 'inner'),
    entry('Service', 'node'),
    entry('Service', 'gone'),
    entry('Ingress', 'web', 'networking.k8s.io/v1'),
    entry('ConfigMap', 'x'),
  ]);
  here.put(
    service(
      'lb',
      { type: 'LoadBalancer', ports: [{ port: 8080, name: 'http' }] },
      { loadBalancer: { ingress: [{ ip: '10.0.0.1' }, { hostname: 'h.example' }] } },
    ),
  );
  here.put(service('inner', { ports: [{ port: 5432, protocol: 'TCP' }] }));
  here.put(service('node', { type: 'NodePort', ports: [{ port: 443, nodePort: 30443 }] }));
  here.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, status: { addresses: [{ type: 'InternalIP', address: '192.168.0.1' }] } });
  here.put({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'web', namespace: 'prod' },
    spec: {
      tls: [{ hosts: ['a.example'] }],
      rules: [
        { host: 'a.example', http: { paths: [{ path: '/x' }] } },
        { host: 'b.example', http: { paths: [{ path: '/' }] } },
      ],
    },
  });
  const { list } = await answerOf(here, 'query.collectServiceEndpoints', { app: { name: 'shop', namespace: 'prod' } });
  assert.deepEqual(
    (list as CueObject[]).map((item) => item['endpoint']),
    [
      { protocol: 'TCP', appProtocol: 'http', host: '10.0.0.1', port: 8080, portName: 'http' },
      { protocol: 'TCP', appProtocol: 'http', host: 'h.example', port: 8080, portName: 'http' },
      { protocol: 'TCP', appProtocol: '', host: 'inner.prod', port: 5432, inner: true },
      { protocol: 'TCP', appProtocol: 'https', host: '192.168.0.1', port: 30443 },
      { protocol: 'TCP', appProtocol: 'https', host: 'a.example', port: 443, path: '/x' },
      { protocol: 'TCP', appProtocol: 'http', host: 'b.example', port: 80, path: '/' },
    ],
  );
  const { endpoint: _endpoint, ...first } = (list as CueObject[])[0] ?? {};
  assert.deepEqual(first, {
    ref: { kind: 'Service', name: 'lb', namespace: 'prod', uid: 'u-lb', apiVersion: 'v1', resourceVersion: '7' },
    cluster: 'local',
    component: 'c-lb',
  });
});

test('delivered objects are listed by component and kind', async () => {
  const here = world();
  tracked(here, [entry('Service', 'a'), entry('Service', 'b'), entry('ConfigMap', 'a')]);
  here.put(service('a', {}));
  const { list } = await answerOf(
    here,
    'ql.listResourcesInApp',
    { app: { name: 'shop', namespace: 'prod', filter: { components: ['c-a'], kind: 'Service' } } },
    { style: 'flat' },
  );
  assert.deepEqual(
    (list as CueObject[]).map((item) => [item['cluster'], item['component'], (item['object'] as CueObject)['kind']]),
    [['local', 'c-a', 'Service']],
  );
  const applied = (await answerOf(here, 'query.listAppliedResources', { app: { name: 'shop', namespace: 'prod' } }))['list'] as CueObject[];
  assert.deepEqual(
    applied.map((item) => [item['kind'], item['name'], item['latest']]),
    [
      ['Service', 'a', true],
      ['Service', 'b', true],
      ['ConfigMap', 'a', true],
    ],
  );
});
