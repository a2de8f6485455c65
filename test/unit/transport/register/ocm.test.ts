import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readKubeconfigText } from '../../../../daemon/lib/kubeconfig-text.ts';
import { createRedactor } from '../../../../daemon/lib/redact.ts';
import { Fault } from '../../../../daemon/model/fault.ts';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import type { ClusterRegistration } from '../../../../daemon/model/ports.ts';
import { klusterletController } from '../../../../daemon/transport/klusterlet.ts';
import type { OcmSettings } from '../../../../daemon/transport/register-ocm.ts';
import { openRegister } from '../../../../daemon/transport/register.ts';
import { createAuthority, issueClient } from '../../../lab/pki.ts';
import { certificateRequest } from '../../../rig/certificate-request.ts';
import { memoryCluster, noted } from './memory-cluster.ts';

const nowMs = Date.parse('2026-11-23T05:00:00Z');
const [authority, hubAuthority] = [createAuthority('ca', new Date(nowMs)), createAuthority('hub', new Date(nowMs))];
const user = issueClient(authority, { commonName: 'lateen' }, new Date(nowMs));
const signal = new AbortController().signal;
const CLUSTER = 'cluster.open-cluster-management.io';
const AGENTS = 'open-cluster-management-agent';
const TOKEN_PATH = 'POST /api/v1/namespaces/open-cluster-management/serviceaccounts/agent-registration-bootstrap/token';
const wanted: ClusterRegistration = {
  name: 'c1',
  connection: { endpoint: 'https://10.0.0.5:6443', ca: authority.certPem, login: { cert: user.certPem, key: user.keyPem } },
  labels: { purpose: 'test' },
  clusterSet: 'prod',
  boundTo: ['default'],
  hubServer: '',
};

function world(settings: OcmSettings = {}) {
  const [hub, member] = [memoryCluster('https://hub:6443'), memoryCluster(wanted.connection.endpoint)];
  const redactor = createRedactor();
  const { effects, done, clock, time } = noted(nowMs);
  hub.put({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'registration-controller-lock', namespace: 'open-cluster-management-hub' },
    spec: { renewTime: '2026-11-23T05:00:00.000000Z', holderIdentity: 'ocm' },
  });
  hub.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kube-root-ca.crt', namespace: 'kube-public' }, data: { 'ca.crt': hubAuthority.certPem } });
  hub.answers.set(TOKEN_PATH, JSON.stringify({ status: { token: 'first-token', expirationTimestamp: '2026-11-23T06:00:00Z' } }));
  member.unserved.add('Klusterlet');
  // The API server establishes a definition a moment after it was made.
  const { get } = member.client;
  const established: typeof get = async (target, at) => {
    const found = await get(target, at);
    if (found?.kind === 'CustomResourceDefinition') member.unserved.clear();
    return found?.kind === 'CustomResourceDefinition' ? { ...found, status: { conditions: [{ type: 'Established', status: 'True' }] } } : found;
  };
  const doors = { hub: hub.client, effects, redactor, clock, connect: () => ({ ...member.client, get: established }) };
  return { hub, member, doors, redactor, done, time, register: openRegister({ ...doors, ocm: settings }) };
}
type World = ReturnType<typeof world>;

const faultOf = (promise: Promise<unknown>): Promise<Fault> =>
  promise.then(
    () => assert.fail('it was not refused'),
    (error: unknown) => (error instanceof Fault ? error : assert.fail(String(error))),
  );
const bootstrapOf = ({ member }: World): ReturnType<typeof readKubeconfigText> => {
  const secret = member.find('Secret', 'bootstrap-hub-kubeconfig', AGENTS) ?? assert.fail('no Secret');
  return readKubeconfigText(Buffer.from((secret['data'] as { kubeconfig: string }).kubeconfig, 'base64').toString('utf8'));
};

/** What the klusterlet's agent does first. */
function join({ hub }: World, subject = 'system:open-cluster-management:c1:agent1'): void {
  hub.put({
    apiVersion: `${CLUSTER}/v1`,
    kind: 'ManagedCluster',
    metadata: { name: 'c1' },
    spec: { hubAcceptsClient: false, managedClusterClientConfigs: [{ url: wanted.connection.endpoint }] },
  });
  hub.put({
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'c1-aaaaa', labels: { 'open-cluster-management.io/cluster-name': 'c1' } },
    spec: {
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['digital signature', 'key encipherment', 'client auth'],
      username: 'system:serviceaccount:open-cluster-management:agent-registration-bootstrap',
      request: Buffer.from(
        certificateRequest({ CN: [subject], O: ['system:open-cluster-management:c1', 'system:open-cluster-management:managed-clusters'] }).pem,
      ).toString('base64'),
    },
  });
}
const managed = ({ hub }: World): KubeObject => hub.find('ManagedCluster', 'c1') ?? assert.fail('no ManagedCluster');

test("a member gets OCM's operator, a Klusterlet with its own address, and a token to join by", async () => {
  const it = world();
  const first = await it.register(wanted, signal);
  assert.deepEqual(first, {
    available: false,
    changed: true,
    message: 'cluster c1 has not asked to join yet (Deployment open-cluster-management/klusterlet there is not ready)',
  });
  assert.deepEqual(it.done, [
    'system Secret vela-system/lateen-klusterlet-c1',
    'system Namespace open-cluster-management',
    'system ServiceAccount open-cluster-management/agent-registration-bootstrap',
    'system ClusterRole open-cluster-management:bootstrap',
    'system ClusterRoleBinding open-cluster-management:bootstrap:agent-registration-bootstrap',
    'system token of ServiceAccount open-cluster-management/agent-registration-bootstrap',
    `system Namespace ${AGENTS} on c1`,
    'system Namespace open-cluster-management on c1',
    'system CustomResourceDefinition klusterlets.operator.open-cluster-management.io on c1',
    'system ServiceAccount open-cluster-management/klusterlet on c1',
    'system ClusterRole klusterlet on c1',
    'system ClusterRoleBinding klusterlet on c1',
    'system Deployment open-cluster-management/klusterlet on c1',
    `system Secret ${AGENTS}/bootstrap-hub-kubeconfig on c1`,
    'system Klusterlet klusterlet on c1',
  ]);
  const spec = it.member.find('Klusterlet', 'klusterlet')?.['spec'] as {
    clusterName: string;
    externalServerURLs: readonly object[];
    workImagePullSpec: string;
  };
  assert.deepEqual(
    [spec.clusterName, spec.externalServerURLs],
    ['c1', [{ url: 'https://10.0.0.5:6443', caBundle: Buffer.from(authority.certPem).toString('base64') }]],
  );
  assert.match(spec.workImagePullSpec, /\/work:v1\.3\.1$/);
  assert.deepEqual(bootstrapOf(it), {
    server: 'https://hub:6443',
    caData: Buffer.from(hubAuthority.certPem).toString('base64'),
    certData: '',
    keyData: '',
    token: 'first-token',
  });
  assert.equal(it.redactor.text('first-token'), '***');
  assert.deepEqual([it.hub.find('ManagedCluster', 'c1'), it.hub.find('Secret', 'c1', 'vela-system')], [undefined, undefined]);
});

test('its request is approved, it is accepted, labelled and bound, and then nothing more is written', async () => {
  const it = world();
  await it.register(wanted, signal);
  join(it);
  it.done.length = 0;
  const second = await it.register(wanted, signal);
  assert.deepEqual([second.available, second.changed, second.message], [false, true, 'cluster c1 is not yet joined, and not yet available']);
  assert.deepEqual(it.done, [
    'system CertificateSigningRequest c1-aaaaa',
    'system ManagedClusterSet prod',
    'system ManagedClusterSetBinding default/prod',
    'system ManagedCluster c1',
    'system ManagedCluster c1',
  ]);
  const { metadata, spec } = managed(it) as KubeObject & {
    readonly spec: { readonly hubAcceptsClient: boolean; readonly managedClusterClientConfigs: unknown };
  };
  assert.deepEqual(
    [metadata.labels, metadata.annotations, spec.hubAcceptsClient, spec.managedClusterClientConfigs],
    [{ purpose: 'test', [`${CLUSTER}/clusterset`]: 'prod' }, { 'lateen.dev/delivery': 'ocm' }, true, [{ url: wanted.connection.endpoint }]],
  );
  const approved = it.hub.find('CertificateSigningRequest', 'c1-aaaaa')?.['status'] as { conditions: readonly { type: string }[] };
  assert.deepEqual(
    approved.conditions.map(({ type }) => type),
    ['Approved'],
  );
  it.done.length = 0;
  assert.equal(
    (await it.register(wanted, signal)).message,
    'cluster c1 is not yet joined, and not yet available: CertificateSigningRequest c1-aaaaa is approved and waits to be signed',
  );
  it.hub.put({
    ...managed(it),
    status: { conditions: ['ManagedClusterJoined', 'ManagedClusterConditionAvailable'].map((type) => ({ type, status: 'True' })) },
  });
  assert.deepEqual(await it.register(wanted, signal), { available: true, changed: false, message: '' });
  it.time.nowMs += 86_400_000;
  it.member.answers.set('GET /version', new Fault('transport/unreachable', 'nobody asks any more'));
  assert.deepEqual(await it.register(wanted, signal), { available: true, changed: false, message: '' });
  assert.deepEqual(it.done, []);
});

test('a request that is not as it should be stops it: the cluster is not accepted', async () => {
  const it = world();
  join(it, 'system:open-cluster-management:c2:agent1');
  const fault = await faultOf(it.register(wanted, signal));
  assert.deepEqual([fault.code, (managed(it)['spec'] as { hubAcceptsClient: boolean }).hubAcceptsClient], ['transport/join', false]);
  assert.match(fault.message, /^cluster c1: CertificateSigningRequest c1-aaaaa is not approved: it is for "system:open-cluster-management:c2:agent1"/);
});

test('a token is renewed before it runs out, and no longer when the agent has its certificate', async () => {
  const it = world();
  await it.register(wanted, signal);
  it.hub.answers.set(TOKEN_PATH, JSON.stringify({ status: { token: 'second-token', expirationTimestamp: '2026-11-23T07:00:00Z' } }));
  for (const [minutes, token] of [
    [49, 'first-token'],
    [51, 'second-token'],
  ] as const) {
    it.time.nowMs = nowMs + minutes * 60_000;
    await it.register(wanted, signal);
    assert.equal(bootstrapOf(it).token, token);
  }
  it.member.put({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hub-kubeconfig-secret', namespace: AGENTS }, data: { 'tls.crt': 'eA==' } });
  it.hub.answers.delete(TOKEN_PATH);
  it.time.nowMs = nowMs + 7_200_000;
  assert.equal((await it.register(wanted, signal)).changed, false);
});

test('what was begun with OCM does not go on without it', async () => {
  const it = world();
  await it.register(wanted, signal);
  it.hub.objects.delete('Lease open-cluster-management-hub/registration-controller-lock');
  it.done.length = 0;
  it.time.nowMs += 60_000;
  assert.equal((await it.register(wanted, signal)).message.slice(0, 36), 'cluster c1 has not asked to join yet');
  const fault = await faultOf(openRegister(it.doors)(wanted, signal));
  assert.deepEqual([fault.code, it.done], ['transport/delivery', []]);
  assert.match(fault.message, /has a klusterlet that joins this hub, and nothing of OCM is seen on the hub/);
});

test('a process that starts again writes nothing while what is there will do', async () => {
  const it = world();
  await it.register(wanted, signal);
  it.done.length = 0;
  assert.equal((await openRegister(it.doors)(wanted, signal)).changed, false);
  assert.deepEqual(it.done, []);
});

test('the hub is named and trusted as it is told: its own address and authority, or those that it publishes', async () => {
  const published = createAuthority('published', new Date(nowMs)).certPem;
  const info: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cluster-info', namespace: 'kube-public' },
    data: {
      kubeconfig: JSON.stringify({
        clusters: [{ name: '', cluster: { server: 'https://x', 'certificate-authority-data': Buffer.from(published).toString('base64') } }],
      }),
    },
  };
  const own = createAuthority('own', new Date(nowMs)).certPem;
  const authorityIn = (it: World): string => Buffer.from(bootstrapOf(it).caData, 'base64').toString('utf8');
  const first = world({ hubCa: own });
  await first.register(wanted, signal);
  assert.deepEqual([bootstrapOf(first).server, authorityIn(first)], ['https://hub:6443', own]);
  const second = world({ hubCa: own });
  second.hub.put(info);
  await second.register({ ...wanted, hubServer: 'https://public.example:443' }, signal);
  assert.deepEqual([bootstrapOf(second).server, authorityIn(second)], ['https://public.example:443', published]);
  const third = world();
  third.hub.objects.delete('ConfigMap kube-public/kube-root-ca.crt');
  await third.register(wanted, signal);
  assert.equal(bootstrapOf(third).caData, '');
});

test('an operator that is there stays as it is, and images come from where the operator of the daemon says', async () => {
  const it = world({ registry: 'mirror.example/ocm' });
  it.member.put({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'klusterlet', namespace: 'open-cluster-management' },
    spec: { theirs: true },
    status: { readyReplicas: 1 },
  });
  assert.equal((await it.register(wanted, signal)).message, 'cluster c1 has not asked to join yet');
  assert.deepEqual(it.member.find('Deployment', 'klusterlet', 'open-cluster-management')?.['spec'], { theirs: true });
  assert.ok(!it.done.some((effect) => effect.includes('Deployment')));
  assert.equal(
    ((it.member.find('Klusterlet', 'klusterlet') ?? assert.fail())['spec'] as { registrationImagePullSpec: string }).registrationImagePullSpec,
    'mirror.example/ocm/registration:v1.3.1',
  );
});

test('a member that belongs to another hub, or has another name, is not taken', async () => {
  const named = world();
  named.member.unserved.clear();
  named.member.put({
    apiVersion: 'operator.open-cluster-management.io/v1',
    kind: 'Klusterlet',
    metadata: { name: 'klusterlet' },
    spec: { clusterName: 'other' },
  });
  const fault = await faultOf(named.register(wanted, signal));
  assert.deepEqual(
    [fault.code, fault.message],
    ['transport/delivery', 'https://10.0.0.5:6443 has a klusterlet already, as cluster "other"; it is not registered as c1 as long as that is there'],
  );
  const joined = world();
  joined.member.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'bootstrap-hub-kubeconfig', namespace: AGENTS },
    data: { kubeconfig: Buffer.from(JSON.stringify({ clusters: [{ name: 'a', cluster: { server: 'https://other-hub' } }] })).toString('base64') },
  });
  assert.match((await faultOf(joined.register(wanted, signal))).message, /has a klusterlet for another hub \(https:\/\/other-hub\); take its Secret/);
  for (const it of [named, joined]) assert.deepEqual(it.done, []);
});

test('a wrong address is told before anything is written', async () => {
  const it = world();
  it.member.answers.set('GET /version', new Fault('transport/unreachable', 'https://10.0.0.5:6443: nothing listens there'));
  assert.match((await faultOf(it.register(wanted, signal))).message, /nothing listens there/);
  assert.deepEqual(it.done, []);
});

const FINALIZER = 'lateen.dev/klusterlet';
const turnOf = (it: World): ReturnType<ReturnType<typeof klusterletController>['turn']> => klusterletController(it.doors).turn(managed(it), signal);
/** Deleted as it is once OCM has cleared it, or before. */
function remove(it: World, finalizers: readonly string[] = [FINALIZER]): void {
  it.hub.put({ ...managed(it), metadata: { ...managed(it).metadata, finalizers: [...finalizers], deletionTimestamp: '2026-11-23T05:00:00Z' } });
  it.done.length = 0;
}

test('a ManagedCluster that is deleted is held until OCM has cleared it and its klusterlet is off the member', async () => {
  const it = world();
  await it.register(wanted, signal);
  join(it);
  await it.register(wanted, signal);
  assert.deepEqual(managed(it).metadata.finalizers, [FINALIZER]);
  assert.equal(klusterletController(it.doors).isMine(managed(it)), true);
  assert.deepEqual(
    [await turnOf(it), it.member.find('Klusterlet', 'klusterlet') === undefined],
    [{ retryAfterMs: null, changed: false, message: '', fault: null }, false],
  );
  remove(it, ['somebody/elses', FINALIZER]);
  assert.match((await turnOf(it)).message, /^cluster c1 is being cleared \(somebody\/elses\); its klusterlet goes after that$/);
  assert.deepEqual(it.done, []);
  remove(it);
  assert.equal((await turnOf(it)).fault, null);
  assert.deepEqual(it.done, [
    'delete Klusterlet klusterlet on c1',
    'delete Secret bootstrap-hub-kubeconfig on c1',
    'delete Secret vela-system/lateen-klusterlet-c1',
    'system ManagedCluster c1',
  ]);
  assert.deepEqual([managed(it).metadata.finalizers, it.hub.find('Secret', 'lateen-klusterlet-c1', 'vela-system')], [[], undefined]);
  assert.ok(it.member.find('Namespace', AGENTS));
});

test('the klusterlet of a deleted cluster goes also when the daemon was killed at any of its effects', async () => {
  for (let cut = 1; cut <= 4; cut += 1) {
    const it = world();
    await it.register(wanted, signal);
    join(it);
    await it.register(wanted, signal);
    remove(it);
    let count = 0;
    const run: typeof it.doors.effects.run = async (kind, subject, effect) => {
      const result = await it.doors.effects.run(kind, subject, effect);
      count += 1;
      if (count === cut) throw new Fault('loop/cancelled', 'killed');
      return result;
    };
    await assert.rejects(klusterletController({ ...it.doors, effects: { run } }).turn(managed(it), signal), { code: 'loop/cancelled' });
    await turnOf(it);
    assert.deepEqual(
      [
        managed(it).metadata.finalizers,
        it.member.find('Klusterlet', 'klusterlet'),
        it.member.find('Secret', 'bootstrap-hub-kubeconfig', AGENTS),
        it.hub.find('Secret', 'lateen-klusterlet-c1', 'vela-system'),
      ],
      [[], undefined, undefined, undefined],
    );
    assert.equal(new Set(it.done).size, it.done.length, 'nothing is done twice');
  }
});

test('a member that does not answer keeps its ManagedCluster until somebody gives it up, and no secret is told', async () => {
  const it = world();
  await it.register(wanted, signal);
  join(it);
  await it.register(wanted, signal);
  remove(it);
  const away = {
    ...it.doors,
    connect: () => ({
      ...it.member.client,
      findResource: () => Promise.reject(new Fault('transport/unreachable', 'https://10.0.0.5:6443: nothing listens there')),
    }),
  };
  const { fault, retryAfterMs, message } = await klusterletController(away).turn(managed(it), signal);
  assert.deepEqual([fault?.code, retryAfterMs, it.done], ['transport/unreachable', 10_000, []]);
  assert.equal(
    message,
    'the klusterlet of cluster c1 is not taken off it: https://10.0.0.5:6443: nothing listens there; the annotation lateen.dev/abandon: "true" on ManagedCluster c1 gives it up',
  );
  assert.equal(it.redactor.text(`<${user.keyPem.trim()}>`), '<***>');
  it.hub.put({ ...managed(it), metadata: { ...managed(it).metadata, annotations: { 'lateen.dev/abandon': 'true' } } });
  await klusterletController(away).turn(managed(it), signal);
  assert.deepEqual([managed(it).metadata.finalizers, it.hub.find('Secret', 'lateen-klusterlet-c1', 'vela-system')], [[], undefined]);
  assert.ok(it.member.find('Klusterlet', 'klusterlet'));
});

test('what others have put on a member stays: a klusterlet of another cluster, and one that Lateen did not bring', async () => {
  const it = world();
  await it.register(wanted, signal);
  join(it);
  await it.register(wanted, signal);
  const klusterlet = it.member.find('Klusterlet', 'klusterlet') ?? assert.fail('no Klusterlet');
  it.member.put({ ...klusterlet, spec: { ...(klusterlet['spec'] as object), clusterName: 'another' } });
  remove(it);
  await turnOf(it);
  assert.deepEqual([managed(it).metadata.finalizers, it.member.find('Klusterlet', 'klusterlet') === undefined], [[], false]);
  assert.equal(
    klusterletController(it.doors).isMine({
      ...managed(it),
      metadata: { name: 'c1', finalizers: ['cluster.open-cluster-management.io/api-resource-cleanup'] },
    }),
    false,
  );
});
