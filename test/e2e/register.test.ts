// Clusters registered natively: by the Job of KubeVela 1.1's step, on a hub and a member; and taken off again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRedactor } from '../../daemon/lib/redact.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import { Fault } from '../../daemon/model/fault.ts';
import { keyOf, keyText, LOCAL, type KubeObject } from '../../daemon/model/object.ts';
import { PLAIN_RULES } from '../../daemon/model/plan.ts';
import type { Controller, Effects, Receipt, Transport, Turn } from '../../daemon/model/ports.ts';
import { decide } from '../../daemon/plan/decide.ts';
import { carryOutJobs } from '../../daemon/transport/cluster-register-apply.ts';
import { clusterRegisterJobController } from '../../daemon/transport/cluster-register-job.ts';
import { openClusters, type ClusterRegistry } from '../../daemon/transport/clusters.ts';
import { prepareHub, readDefinitions, readMemberDefinitions } from '../../daemon/transport/hub.ts';
import type { KubeClient } from '../../daemon/transport/kube.ts';
import { openTender, type Tender } from '../../daemon/transport/managed-cluster.ts';
import { openRegister } from '../../daemon/transport/register.ts';
import { openTransport } from '../../daemon/transport/transport.ts';
import { useLab, type Lab } from '../lab/lab.ts';
import { until } from '../rig/daemon.ts';
import { clientOf, connectionOf, CRDS, freeEffects } from '../rig/members.ts';
import { objectsOf } from '../unit/transport/register/memory-cluster.ts';

const clock = systemClock();
const signal = new AbortController().signal;
const redactor = createRedactor();

let lab: Lab<'hub' | 'm1'>;
let hub: KubeClient;
let registry: ClusterRegistry;
let tender: Tender;
let transport: Transport;
let controller: Controller;
let effects: string[] = [];
const noted: Effects = {
  run: (kind, subject, effect) => {
    effects.push(`${kind} ${subject}`);
    return effect();
  },
};

before(async () => {
  lab = await useLab(['hub', 'm1']);
  hub = await clientOf(lab.planes.hub);
  await prepareHub(hub, await readDefinitions(CRDS), freeEffects, clock, signal);
  registry = openClusters({ hub, clock, redactor, allowNoCa: false });
  tender = openTender({ hub, registry, effects: freeEffects, clock, memberDefinitions: await readMemberDefinitions(CRDS) });
  transport = carryOutJobs(openTransport({ clusters: () => Promise.resolve(hub), effects: noted, redactor, cache: null }), redactor);
  controller = clusterRegisterJobController({
    objects: objectsOf(hub),
    register: openRegister({ hub, effects: noted, redactor, clock }),
    effects: noted,
    redactor,
    clock,
  });
});
after(async () => {
  await registry?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
  await lab?.stop();
});

async function jobFor(name: string, flags: Readonly<Record<string, string>> = {}): Promise<KubeObject> {
  const { endpoint, ca, login } = await connectionOf(lab.planes.m1);
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const { cert, key } = 'token' in login ? assert.fail() : login;
  const all = {
    'cluster-name': name,
    'hub-api-server': '',
    'cluster-ca-cert': base64(ca ?? ''),
    'client-cert': base64(cert),
    'client-key': base64(key),
    'api-server-internet': endpoint,
    'kube-config': '',
    ...flags,
  };
  const container = {
    name: 'cluster-register',
    image: 'oamdev/cluster-register:v1.0',
    imagePullPolicy: 'Always',
    command: ['/app', ...Object.entries(all).map(([flag, value]) => `--${flag}=${value}`)],
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'cluster-register', namespace: 'default' },
    spec: { template: { spec: { containers: [container], restartPolicy: 'OnFailure', serviceAccountName: 'cluster-register' } } },
  };
}

/** What a delivery does with one object: looks, decides, applies where that says so. */
async function deliver(object: KubeObject): Promise<{ readonly action: string; readonly receipt: Receipt | null; readonly live: KubeObject | null }> {
  const key = keyOf(LOCAL, object);
  const seen = (await transport.observe([key], signal)).get(keyText(key)) ?? assert.fail();
  const change = decide({ key, object, rules: { ...PLAIN_RULES, takeOver: true }, origin: null, component: '', trait: '', output: '' }, seen, {
    namespace: 'default',
    name: '',
    dialect: '1.1',
  });
  if (change.action === 'keep') return { action: 'keep', receipt: null, live: change.live };
  assert.ok(change.wanted !== null && change.action !== 'refuse', change.reason);
  return {
    action: change.action,
    receipt: await transport.apply(
      { key, object: change.wanted.object, rules: change.wanted.rules, live: change.live, owned: change.action === 'update' },
      signal,
    ),
    live: change.live,
  };
}

const liveJob = (): Promise<KubeObject | null> => hub.get({ apiVersion: 'batch/v1', kind: 'Job', namespace: 'default', name: 'cluster-register' }, signal);
const turn = async (): Promise<Turn> => controller.turn((await liveJob()) ?? assert.fail('no Job'), signal);

/** Turns, and rounds of the tender between them, until the Job has nothing left to do. */
async function carryOut(): Promise<readonly string[]> {
  const messages: string[] = [];
  await until('the Job is carried out', async () => {
    const { message, retryAfterMs } = await turn();
    messages.push(message);
    await tender.tend(signal);
    return retryAfterMs === null ? true : undefined;
  });
  return messages;
}

test('a wrong address gives words, no half of a cluster, and an active Job', async () => {
  await deliver(await jobFor('poc-01', { 'api-server-internet': 'https://127.0.0.1:1' }));
  const { fault, message } = await turn();
  assert.deepEqual([fault?.code, message], ['transport/unreachable', 'https://127.0.0.1:1: nothing listens there (ECONNREFUSED)']);
  const { client } = lab.planes.hub;
  assert.deepEqual([await client.find('managedclusters/poc-01'), await client.find('secrets/vela-system/poc-01')], [undefined, undefined]);
  assert.equal((await liveJob())?.metadata.deletionTimestamp, undefined);
});

test('the published Job, applied unchanged, is carried out: the cluster is available and Kubernetes has the Job complete', async () => {
  effects = [];
  const job = await jobFor('poc-01');
  const first = await deliver(job);
  assert.equal(first.action, 'update', 'mended: the same cluster with another address');
  assert.deepEqual(effects, ['delete Job default/cluster-register', 'apply Job default/cluster-register']);
  assert.deepEqual((await carryOut()).at(-1), '');
  const live = (await liveJob()) ?? assert.fail();
  assert.deepEqual(
    [(live['spec'] as { managedBy: string }).managedBy, (live['status'] as { succeeded: number }).succeeded],
    ['lateen.dev/cluster-register', 1],
  );
  const { client } = lab.planes.hub;
  assert.deepEqual(await client.list('pods'), [], 'Kubernetes has run nothing');
  const cluster = await client.get('managedclusters/poc-01');
  assert.deepEqual(
    [cluster.metadata['labels'], cluster.metadata['annotations']],
    [{ 'cluster.open-cluster-management.io/clusterset': 'default' }, { 'lateen.dev/delivery': 'direct' }],
  );
  assert.match((await client.show('managedclusters')).split('\n')[1] ?? '', new RegExp(`^poc-01 +true +${lab.planes.m1.server} +True +True`));
  assert.match((await client.show('jobs')).split('\n').find((line) => line.includes('cluster-register')) ?? '', /Complete +1\/1/);
});

test('a second run writes nothing, and what a template reads back is the Job as it was asked for, complete', async () => {
  effects = [];
  const { action, live } = await deliver(await jobFor('poc-01'));
  assert.equal(action, 'keep');
  assert.equal(((live ?? assert.fail())['status'] as { succeeded: number }).succeeded, 1);
  assert.deepEqual(
    Object.keys(live?.['spec'] as object).filter((field) => field === 'suspend' || field === 'managedBy'),
    [],
  );
  assert.deepEqual(await turn(), { retryAfterMs: null, changed: false, message: '', fault: null });
  assert.deepEqual(effects, []);
});

test('labels and set that the next step writes stay', async () => {
  await lab.planes.hub.client.patch('managedclusters/poc-01', {
    metadata: { labels: { purpose: 'test', 'cluster.open-cluster-management.io/clusterset': 'prod' } },
  });
  const register = openRegister({ hub, effects: noted, redactor, clock });
  effects = [];
  const asked = { name: 'poc-01', connection: await connectionOf(lab.planes.m1), labels: {}, clusterSet: null, boundTo: [], hubServer: '' };
  assert.deepEqual(await register(asked, signal), { available: true, changed: false, message: '' });
  assert.deepEqual(effects, []);
});

test('a second cluster under the same name of a Job has its turn when the first is done, and the first stays done', async () => {
  const [one, two] = [await jobFor('poc-01'), await jobFor('poc-02')];
  await deliver(two);
  await assert.rejects(
    deliver(await jobFor('poc-03')),
    (error) => error instanceof Fault && error.kind === 'waiting' && /still registers cluster poc-02/.test(error.message),
  );
  const between = await deliver(one);
  assert.equal(between.receipt?.changed, false);
  await carryOut();
  assert.ok(await lab.planes.hub.client.get('managedclusters/poc-02'));
  effects = [];
  assert.equal((await deliver(one)).receipt?.changed, false);
  assert.equal((await deliver(two)).action, 'keep');
  assert.deepEqual(effects, []);
});

test('a cluster whose ManagedCluster is deleted loses its connection after that', async () => {
  const { client } = lab.planes.hub;
  await client.delete('managedclusters/poc-02');
  await until('the connection is gone', async () => {
    await tender.tend(signal);
    const [cluster, secret] = [await client.find('managedclusters/poc-02'), await client.find('secrets/vela-system/poc-02')];
    assert.ok(cluster === undefined || secret !== undefined, 'the Secret is needed as long as the cluster is there');
    return cluster === undefined && secret === undefined ? true : undefined;
  });
  assert.ok(await client.find('secrets/vela-system/poc-01'));
  await tender.tend(signal);
  assert.deepEqual(
    registry.last().members.map(({ name }) => name),
    ['poc-01'],
  );
});
