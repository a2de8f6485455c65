import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRedactor } from '../../../../daemon/lib/redact.ts';
import { Fault } from '../../../../daemon/model/fault.ts';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import type { ClusterRegistration } from '../../../../daemon/model/ports.ts';
import { forgetConnection } from '../../../../daemon/transport/register-direct.ts';
import { openRegister } from '../../../../daemon/transport/register.ts';
import { createAuthority, issueClient } from '../../../lab/pki.ts';
import { memoryCluster, noted } from './memory-cluster.ts';

const nowMs = Date.parse('2026-11-23T05:00:00Z');
const authority = createAuthority('ca', new Date(nowMs));
const user = issueClient(authority, { commonName: 'lateen' }, new Date(nowMs));
const signal = new AbortController().signal;
const CLUSTER = 'cluster.open-cluster-management.io';
const SET = `${CLUSTER}/clusterset`;

const wanted: ClusterRegistration = {
  name: 'poc-01',
  connection: { endpoint: 'https://10.0.0.5:6443', ca: authority.certPem, login: { cert: user.certPem, key: user.keyPem } },
  labels: {},
  clusterSet: null,
  boundTo: [],
  hubServer: '',
};

function world(): ReturnType<typeof memoryCluster> & {
  readonly member: ReturnType<typeof memoryCluster>;
  readonly done: string[];
  readonly redactor: ReturnType<typeof createRedactor>;
  readonly register: ReturnType<typeof openRegister>;
  readonly effects: ReturnType<typeof noted>['effects'];
} {
  const hub = memoryCluster('https://hub:6443');
  const member = memoryCluster(wanted.connection.endpoint);
  const redactor = createRedactor();
  const { effects, done, clock } = noted(nowMs);
  return { ...hub, member, done, redactor, effects, register: openRegister({ hub: hub.client, effects, redactor, clock, connect: () => member.client }) };
}

/** What the tender does. */
function tend({ find, put }: ReturnType<typeof world>): void {
  const cluster = find('ManagedCluster', 'poc-01') ?? assert.fail('no ManagedCluster');
  put({
    ...cluster,
    status: { conditions: ['ManagedClusterJoined', 'ManagedClusterConditionAvailable'].map((type) => ({ type, status: 'True', message: '' })) },
  });
}

const labelsOf = (object: KubeObject | undefined): object => object?.metadata.labels ?? {};
const faultOf = (promise: Promise<unknown>): Promise<Fault> =>
  promise.then(
    () => assert.fail('it was not refused'),
    (error: unknown) => (error instanceof Fault ? error : assert.fail(String(error))),
  );

test('a cluster is registered, waited for, and then nothing more is written', async () => {
  const it = world();
  const first = await it.register({ ...wanted, labels: { purpose: 'test' }, clusterSet: 'prod', boundTo: ['default'] }, signal);
  assert.deepEqual([first.available, first.changed], [false, true]);
  assert.deepEqual(it.done, [
    'system ManagedClusterSet prod',
    'system ManagedClusterSetBinding default/prod',
    'system Secret vela-system/poc-01',
    'system ManagedCluster poc-01',
    'system Secret vela-system/poc-01',
  ]);
  const cluster = it.find('ManagedCluster', 'poc-01');
  assert.deepEqual([labelsOf(cluster), cluster?.metadata.annotations], [{ purpose: 'test', [SET]: 'prod' }, { 'lateen.dev/delivery': 'direct' }]);
  it.done.length = 0;
  const second = await it.register({ ...wanted, labels: { purpose: 'test' }, clusterSet: 'prod', boundTo: ['default'] }, signal);
  assert.deepEqual(second, { available: false, changed: false, message: 'cluster poc-01 is not yet joined, and not yet available' });
  tend(it);
  assert.deepEqual(await it.register({ ...wanted, labels: { purpose: 'test' }, clusterSet: 'prod', boundTo: ['default'] }, signal), {
    available: true,
    changed: false,
    message: '',
  });
  assert.deepEqual(it.done, []);
  assert.equal(it.redactor.text(user.keyPem.split('\n')[1] ?? ''), '***');
});

test('without a set it is in the default one, and a set or label that others gave it since stays', async () => {
  const it = world();
  await it.register(wanted, signal);
  assert.deepEqual(labelsOf(it.find('ManagedCluster', 'poc-01')), { [SET]: 'default' });
  await it.client.patch(
    { apiVersion: `${CLUSTER}/v1`, kind: 'ManagedCluster', namespace: '', name: 'poc-01' },
    'merge',
    { metadata: { labels: { [SET]: 'prod', purpose: 'test' } } },
    { fieldManager: 'x' },
    signal,
  );
  tend(it);
  it.done.length = 0;
  assert.equal((await it.register(wanted, signal)).available, true);
  assert.deepEqual([labelsOf(it.find('ManagedCluster', 'poc-01')), it.done], [{ [SET]: 'prod', purpose: 'test' }, []]);
});

for (const [title, answer, words] of [
  [
    'a member that does not answer',
    new Fault('transport/unreachable', 'https://10.0.0.5:6443: nothing listens there (ECONNREFUSED)'),
    /^https:\/\/10\.0\.0\.5:6443: nothing listens there/,
  ],
  ['a member that refuses the login', new Fault('transport/denied', 'Unauthorized'), /^https:\/\/10\.0\.0\.5:6443: Unauthorized$/],
  ['something else than an API server', '<html>', /answers, but not as a Kubernetes API server/],
] as const) {
  test(`${title} is told with its address, and nothing is written`, async () => {
    const it = world();
    it.member.answers.set('GET /version', answer);
    const fault = await faultOf(it.register({ ...wanted, clusterSet: 'prod', boundTo: ['default'] }, signal));
    assert.match(fault.message, words);
    assert.deepEqual([it.done, it.objects.size], [[], 0]);
  });
}

test('a connection that cannot be used is refused before anything is asked', async () => {
  const it = world();
  const other = issueClient(authority, { commonName: 'x' }, new Date(nowMs));
  const login = { cert: user.certPem, key: other.keyPem };
  assert.match((await faultOf(it.register({ ...wanted, connection: { ...wanted.connection, login } }, signal))).message, /tls\.key that does not belong/);
  assert.match((await faultOf(it.register({ ...wanted, connection: { ...wanted.connection, ca: null } }, signal))).message, /no ca\.crt/);
  assert.match((await faultOf(it.register({ ...wanted, name: 'Local' }, signal))).message, /no name for a cluster/);
});

test('a lease that a klusterlet renews is no direct cluster, with and without OCM on the hub', async () => {
  const it = world();
  it.put({ apiVersion: `${CLUSTER}/v1`, kind: 'ManagedCluster', metadata: { name: 'poc-01' }, spec: {} });
  it.put({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: 'managed-cluster-lease',
      namespace: 'poc-01',
      managedFields: [{ manager: 'registration', fieldsV1: { 'f:spec': { 'f:renewTime': {} } } }],
    },
    spec: { renewTime: '2026-11-23T05:00:10.000000Z' },
  });
  const fault = await faultOf(it.register(wanted, signal));
  assert.equal(fault.code, 'transport/delivery');
  assert.match(fault.message, /a klusterlet \(registration\) renews its lease, and nothing of OCM is seen on the hub; annotate it/);
  assert.deepEqual(it.done, []);
});

test('a cluster that is being deleted is waited for', async () => {
  const it = world();
  it.put({ apiVersion: `${CLUSTER}/v1`, kind: 'ManagedCluster', metadata: { name: 'poc-01', deletionTimestamp: '2026-11-23T04:00:00Z' }, spec: {} });
  assert.match((await it.register(wanted, signal)).message, /is being deleted/);
  assert.deepEqual(it.done, []);
});

test('the connection goes after its ManagedCluster, never before, and only when it was made here', async () => {
  const it = world();
  await it.register(wanted, signal);
  assert.equal(await forgetConnection('poc-01', { hub: it.client, effects: it.effects }, signal), 'used');
  await it.client.delete({ apiVersion: `${CLUSTER}/v1`, kind: 'ManagedCluster', namespace: '', name: 'poc-01' }, {}, signal);
  it.done.length = 0;
  assert.equal(await forgetConnection('poc-01', { hub: it.client, effects: it.effects }, signal), 'gone');
  assert.deepEqual([it.done, it.find('Secret', 'poc-01', 'vela-system')], [['delete Secret vela-system/poc-01'], undefined]);
  it.put({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'joined', namespace: 'vela-system' } });
  assert.equal(await forgetConnection('joined', { hub: it.client, effects: it.effects }, signal), 'foreign');
});

test('a Secret that went at the wrong moment is made again', async () => {
  const it = world();
  await it.register(wanted, signal);
  it.objects.delete('Secret vela-system/poc-01');
  assert.equal((await it.register(wanted, signal)).changed, true);
  assert.ok(it.find('Secret', 'poc-01', 'vela-system')?.metadata.annotations?.['lateen.dev/managed-cluster-uid']);
});
