// A cluster registered with OCM: what Lateen brings to hub and member is enough for an agent, with the rights of the token
// that it was given and no others. The agent's part is played here; OCM's own programs are in test/ocm/.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createRedactor } from '../../daemon/lib/redact.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import type { ClusterRegistration, Effects, Register } from '../../daemon/model/ports.ts';
import { prepareHub, readDefinitions } from '../../daemon/transport/hub.ts';
import { connect, type KubeClient } from '../../daemon/transport/kube.ts';
import { openRegister } from '../../daemon/transport/register.ts';
import type { KubeObject } from '../lab/client.ts';
import { useLab, type Lab } from '../lab/lab.ts';
import { certificateRequest } from '../rig/certificate-request.ts';
import { openScenario, until } from '../rig/daemon.ts';
import { clientOf, connectionOf, CRDS, freeEffects } from '../rig/members.ts';

const clock = systemClock();
const signal = new AbortController().signal;
const CLUSTER = 'cluster.open-cluster-management.io';
const NAME = 'system:open-cluster-management';
const AGENTS = 'open-cluster-management-agent';

let lab: Lab<'hub' | 'm1'>;
let hub: KubeClient;
let register: Register;
let wanted: ClusterRegistration;
let done: string[] = [];
const effects: Effects = {
  run: (kind, subject, effect) => {
    done.push(`${kind} ${subject}`);
    return effect();
  },
};

before(async () => {
  lab = await useLab(['hub', 'm1']);
  hub = await clientOf(lab.planes.hub);
  await prepareHub(hub, await readDefinitions(CRDS), freeEffects, clock, signal);
  const { client } = lab.planes.hub;
  await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'open-cluster-management-hub' } });
  await client.apply({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'registration-controller-lock', namespace: 'open-cluster-management-hub' },
    spec: { holderIdentity: 'ocm', renewTime: new Date(clock.now()).toISOString().replace('Z', '000Z') },
  });
  register = openRegister({ hub, effects, redactor: createRedactor(), clock });
  wanted = { name: 'm1', connection: await connectionOf(lab.planes.m1), labels: { purpose: 'test' }, clusterSet: 'prod', boundTo: ['default'], hubServer: '' };
});
after(async () => {
  await hub?.[Symbol.asyncDispose]();
  await lab?.stop();
});

/** A client with what the Secret on the member says, and nothing else. */
async function agentClient(): Promise<KubeClient> {
  const secret = await lab.planes.m1.client.get(`secrets/${AGENTS}/bootstrap-hub-kubeconfig`);
  return connect(Buffer.from(secret['data'].kubeconfig, 'base64').toString('utf8'), { clock, allowExec: false });
}

const csr = (name: string, commonName: string, organizations: readonly string[]): KubeObject => ({
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  metadata: { name, labels: { 'open-cluster-management.io/cluster-name': 'm1' } },
  spec: {
    signerName: 'kubernetes.io/kube-apiserver-client',
    usages: ['digital signature', 'key encipherment', 'client auth'],
    request: Buffer.from(certificateRequest({ CN: [commonName], O: organizations }).pem).toString('base64'),
  },
});

test('hub and member get what an agent needs, and a second call waits without writing', async () => {
  const first = await register(wanted, signal);
  assert.deepEqual([first.available, first.changed], [false, true]);
  const { client } = lab.planes.m1;
  const klusterlet = (await client.list('klusterlets'))[0];
  assert.deepEqual(
    [klusterlet?.metadata.name, klusterlet?.spec.clusterName, klusterlet?.spec.externalServerURLs[0].url],
    ['klusterlet', 'm1', lab.planes.m1.server],
  );
  assert.equal((await client.get('deployments/open-cluster-management/klusterlet')).spec.template.spec.serviceAccountName, 'klusterlet');
  done = [];
  assert.match((await openRegister({ hub, effects, redactor: createRedactor(), clock })(wanted, signal)).message, /^cluster m1 has not asked to join yet/);
  assert.deepEqual(done, []);
});

test('with its token an agent may ask to join and nothing more; what it asks for another name is not approved', async () => {
  await using agent = await agentClient();
  await agent.create(
    {
      apiVersion: `${CLUSTER}/v1`,
      kind: 'ManagedCluster',
      metadata: { name: 'm1' },
      spec: { hubAcceptsClient: false, managedClusterClientConfigs: [{ url: lab.planes.m1.server }] },
    },
    { fieldManager: 'agent' },
    signal,
  );
  await assert.rejects(agent.list({ apiVersion: 'v1', kind: 'Secret', namespace: 'vela-system' }, signal), { code: 'transport/denied' });
  await agent.create(csr('m1-bad', 'system:admin', ['system:masters']), { fieldManager: 'agent' }, signal).catch(() => {});
  const bad = await lab.planes.hub.client.find('certificatesigningrequests/m1-bad');
  // Kubernetes itself refuses system:masters; another cluster's name only we do.
  if (bad === undefined) await agent.create(csr('m1-bad', `${NAME}:m2:agent`, [`${NAME}:m2`, `${NAME}:managed-clusters`]), { fieldManager: 'agent' }, signal);
  await assert.rejects(
    register(wanted, signal),
    (error: Error & { code?: string }) =>
      error.code === 'transport/join' && error.message.startsWith('cluster m1: CertificateSigningRequest m1-bad is not approved: it is for'),
  );
  const { client } = lab.planes.hub;
  assert.equal((await client.get('certificatesigningrequests/m1-bad')).status.conditions, undefined);
  assert.equal((await client.get('managedclusters/m1')).spec.hubAcceptsClient, false);
  await client.delete('certificatesigningrequests/m1-bad');
});

test('its own request is approved and signed, the cluster accepted; joined and available it is done', async () => {
  await using agent = await agentClient();
  await agent.create(csr('m1-good', `${NAME}:m1:agent`, [`${NAME}:m1`, `${NAME}:managed-clusters`]), { fieldManager: 'agent' }, signal);
  const { client } = lab.planes.hub;
  await register(wanted, signal);
  const signed = await client.until('certificatesigningrequests/m1-good', (live) => live?.status?.certificate !== undefined);
  assert.match(new X509Certificate(Buffer.from(signed.status.certificate, 'base64')).subject, new RegExp(`CN=${NAME}:m1:agent`));
  const waiting = await register(wanted, signal);
  assert.equal(waiting.message, 'cluster m1 is not yet joined, and not yet available: its klusterlet has its certificate');
  const cluster = await client.get('managedclusters/m1');
  assert.deepEqual(
    [cluster.spec.hubAcceptsClient, cluster.metadata['labels'], cluster.metadata['annotations']],
    [true, { purpose: 'test', [`${CLUSTER}/clusterset`]: 'prod' }, { 'lateen.dev/delivery': 'ocm' }],
  );
  const now = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
  const conditions = ['ManagedClusterJoined', 'ManagedClusterConditionAvailable'].map((type) => ({
    type,
    status: 'True',
    reason: type,
    message: '',
    lastTransitionTime: now,
  }));
  await hub.patch(
    { apiVersion: `${CLUSTER}/v1`, kind: 'ManagedCluster', namespace: '', name: 'm1' },
    'merge',
    { status: { conditions } },
    { fieldManager: 'agent', subresource: 'status' },
    signal,
  );
  done = [];
  assert.deepEqual(
    await until('available', async () => {
      const state = await register(wanted, signal);
      return state.available ? state : undefined;
    }),
    { available: true, changed: false, message: '' },
  );
  assert.deepEqual(done, []);
});

test('a daemon takes the klusterlet off the member when somebody deletes the cluster, also after it was killed on the way', async () => {
  const { hub: plane, m1 } = lab.planes;
  // OCM's works are still being cleared.
  const held = 'cluster.open-cluster-management.io/api-resource-cleanup';
  const { finalizers } = (await plane.client.get('managedclusters/m1')).metadata as unknown as { readonly finalizers: readonly string[] };
  assert.deepEqual(finalizers, ['lateen.dev/klusterlet']);
  await plane.client.patch('managedclusters/m1', { metadata: { finalizers: [...finalizers, held] } });
  await plane.client.delete('managedclusters/m1');
  await using it = await openScenario({ name: 'off', hub: plane.client, kubeconfig: plane.kubeconfig });
  await it.push({ 'one.json': JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one', namespace: it.namespace } }) });
  {
    await using daemon = it.run({ crash: { cut: { when: 'after', effect: 'delete', nth: 1 } } }, '--interval', '2s');
    await daemon.untilLog((line) => line['message'] === `cluster m1 is being cleared (${held}); its klusterlet goes after that`, 60_000);
    assert.equal((await m1.client.list('klusterlets')).length, 1);
    await plane.client.patch('managedclusters/m1', { metadata: { finalizers } });
    assert.equal((await daemon.ended).signal, 'SIGKILL');
  }
  assert.deepEqual(await m1.client.list('klusterlets'), []);
  assert.ok(await plane.client.find('managedclusters/m1'));
  await using daemon = it.run({}, '--interval', '2s');
  await until('the cluster is gone', async () => ((await plane.client.find('managedclusters/m1')) === undefined ? true : undefined), 60_000);
  assert.deepEqual(
    [await m1.client.find(`secrets/${AGENTS}/bootstrap-hub-kubeconfig`), await plane.client.find('secrets/vela-system/lateen-klusterlet-m1')],
    [undefined, undefined],
  );
  assert.equal((await daemon.stop()).code, 0);
});
