// Member clusters on the hub: registered, tended, placed, away and back; compared with what OCM 1.3.1 was seen to keep.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { load } from 'js-yaml';
import { createRedactor } from '../../daemon/lib/redact.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import { keyOf, keyText, type KubeObject } from '../../daemon/model/object.ts';
import { PLAIN_RULES } from '../../daemon/model/plan.ts';
import type { Effects } from '../../daemon/model/ports.ts';
import { connectionSecret } from '../../daemon/transport/clusters-connection.ts';
import { viewClusters, watchClusters } from '../../daemon/transport/clusters-view.ts';
import { openClusters, type ClusterRegistry } from '../../daemon/transport/clusters.ts';
import { installDefinitions, readDefinitions, readMemberDefinitions } from '../../daemon/transport/hub.ts';
import type { KubeClient } from '../../daemon/transport/kube.ts';
import { openTender, type Tended, type Tender } from '../../daemon/transport/managed-cluster.ts';
import { translateVersions } from '../../daemon/transport/ocm-versions.ts';
import { readDecisions } from '../../daemon/transport/placement-writing.ts';
import { registerDirect } from '../../daemon/transport/register-direct.ts';
import { openTransport } from '../../daemon/transport/transport.ts';
import type { KubeObject as LabObject } from '../lab/client.ts';
import { createAuthority, issueClient } from '../lab/pki.ts';
import { until } from '../rig/daemon.ts';
import { clientOf, connectionOf, CRDS, useMembers } from '../rig/members.ts';

const RECORDED = join(import.meta.dirname, '../../../shared/cases/ocm-1.3');
const CLUSTER = 'cluster.open-cluster-management.io';
const clock = systemClock();
const signal = new AbortController().signal;
const redactor = createRedactor();

let lab: Awaited<ReturnType<typeof useMembers<'m1' | 'm2'>>>;
let hub: KubeClient;
let registry: ClusterRegistry;
let tender: Tender;
let effects: string[] = [];
const noted: Effects = {
  run: (kind, subject, effect) => {
    effects.push(`${kind} ${subject}`);
    return effect();
  },
};

before(async () => {
  lab = await useMembers({ m1: { labels: { purpose: 'test' }, clusterSet: 'prod', boundTo: ['default'], leaseDurationSeconds: 1 }, m2: {} });
  hub = await clientOf(lab.planes.hub);
  registry = openClusters({ hub, clock, redactor, allowNoCa: false });
  tender = openTender({ hub, registry, effects: noted, clock, memberDefinitions: await readMemberDefinitions(CRDS) });
});
after(async () => {
  await registry?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
  await lab?.stop();
});

const recorded = (file: string): LabObject => load(readFileSync(join(RECORDED, file), 'utf8')) as LabObject;
const skip = !existsSync(RECORDED);
const faultsOf = (round: readonly Tended[]): readonly string[] => round.flatMap(({ name, fault }) => (fault === null ? [] : [`${name}: ${fault.code}`]));

/** A value without its times. */
function timeless(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(timeless);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !/^(?:lastTransitionTime|timeAdded)$/.test(key))
      .map(([key, field]) => [key, timeless(field)]),
  );
}

const conditionOf = (object: LabObject | undefined, type: string): string =>
  (object?.status?.conditions ?? []).find((one: { type: string }) => one.type === type)?.status ?? 'none';
const availability = (object: LabObject | undefined): string => conditionOf(object, 'ManagedClusterConditionAvailable');

/** Rounds until the hub's object is as it should be. */
async function tendUntil(ref: string, accept: (object: LabObject | undefined) => boolean, timeoutMs = 30_000): Promise<LabObject> {
  const stop = new AbortController();
  const rounds = tender.run(() => {}, stop.signal);
  try {
    return await lab.planes.hub.client.until(ref, accept, { timeoutMs });
  } finally {
    stop.abort();
    await rounds;
  }
}

test('after one round a registered cluster is joined and available, as OCM 1.3.1 was recorded', async () => {
  const { client } = lab.planes.hub;
  assert.deepEqual(faultsOf(await tender.tend(signal)), []);
  const cluster = await client.get('managedclusters/m1');
  assert.equal(cluster.spec.managedClusterClientConfigs[0].url, lab.planes.m1.server);
  assert.deepEqual((cluster.metadata['finalizers'] as string[]).toSorted(), [`${CLUSTER}/api-resource-cleanup`, `${CLUSTER}/resource-cleanup`]);
  assert.equal((await client.get('managedclusters/m2')).metadata['labels'][`${CLUSTER}/clusterset`], 'default');
  assert.equal((await client.get('namespaces/m1')).metadata['labels']['open-cluster-management.io/cluster-name'], 'm1');
  assert.equal((await client.get('leases/m1/managed-cluster-lease')).spec.holderIdentity, 'managed-cluster-lease');
  assert.ok(await lab.planes.m1.client.find('customresourcedefinitions/appliedmanifestworks.work.open-cluster-management.io'));
  const member = registry.last().members.find(({ name }) => name === 'm1');
  assert.deepEqual([member?.mode, member?.fault, member?.labels['purpose']], ['direct', null, 'test']);
});

test('status, lease and namespace are what OCM 1.3.1 keeps, times apart', { skip }, async () => {
  const { client } = lab.planes.hub;
  await tender.tend(signal);
  const cluster = await client.get('managedclusters/m1');
  assert.deepEqual(timeless(cluster.status), timeless(recorded('hub-managedcluster.yaml').status));
  assert.equal(cluster.spec.taints, undefined);
  const lease = recorded('hub-cluster-namespace-objects.yaml')['items'].find(({ kind }: LabObject) => kind === 'Lease');
  const live = await client.get('leases/m1/managed-cluster-lease');
  assert.deepEqual(Object.keys(live.spec).sort(), Object.keys(lease.spec).sort());
  assert.match(live.spec.renewTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

test('sets and bindings say what OCM 1.3.1 was recorded to say', { skip }, async () => {
  await tender.tend(signal);
  const { client } = lab.planes.hub;
  const sets = new Map((await client.list('managedclustersets')).map((set) => [set.metadata.name, set]));
  for (const set of recorded('hub-managedclustersets.yaml')['items'] as LabObject[])
    assert.deepEqual(sets.get(set.metadata.name)?.spec, set.spec, set.metadata.name);
  const prod = (recorded('hub-managedclustersets.yaml')['items'] as LabObject[]).find(({ metadata }) => metadata.name === 'prod');
  assert.deepEqual(timeless(sets.get('prod')?.status), timeless(prod?.status));
  assert.equal(sets.get('global')?.status.conditions[0].message, '2 ManagedClusters selected');
  const binding = (recorded('hub-managedclustersetbindings.yaml')['items'] as LabObject[])[0];
  assert.deepEqual(timeless((await client.get('managedclustersetbindings/default/prod')).status), timeless(binding?.status));
});

test('placements and decisions are what OCM 1.3.1 was recorded to make of them', { skip }, async () => {
  const { client } = lab.planes.hub;
  const placements = recorded('hub-placements.yaml')['items'] as LabObject[];
  for (const { apiVersion, kind, metadata, spec } of placements) {
    const { scoreRateLimit: _rate, sortBy: _sort, ...asked } = spec;
    await client.create({ apiVersion, kind, metadata: { name: metadata.name, namespace: 'default' }, spec: asked });
  }
  await tender.tend(signal);
  for (const placement of placements) {
    const live = await client.get(`placements/default/${placement.metadata.name}`);
    assert.deepEqual(live.spec, placement.spec);
    assert.deepEqual(timeless(live.status), timeless(placement.status));
  }
  const rename = (text: string): string => text.replaceAll('poc-01', 'm1');
  for (const decision of recorded('hub-placementdecisions.yaml')['items'] as LabObject[]) {
    const live = await client.get(`placementdecisions/default/${decision.metadata.name}`);
    assert.deepEqual(live.metadata['labels'], decision.metadata['labels']);
    assert.deepEqual(
      live.metadata['ownerReferences'].map(({ uid: _uid, ...owner }: { uid: string }) => owner),
      decision.metadata['ownerReferences'].map(({ uid: _uid, ...owner }: { uid: string }) => owner),
    );
    assert.deepEqual(live.status, decision.status === undefined ? undefined : JSON.parse(rename(JSON.stringify(decision.status))));
  }
  const decisions = await readDecisions(hub, signal);
  assert.deepEqual([decisions.get('default/workflow-demo-prod'), decisions.get('default/nobody'), decisions.get('default/other')], [['m1'], [], undefined]);
});

test('kubectl prints the recorded columns', { skip }, async () => {
  const lines = readFileSync(join(RECORDED, 'kubectl-tables.txt'), 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    const kind = /^\$ kubectl get (\w+) -A$/.exec(line)?.[1];
    if (kind === undefined) continue;
    const wanted = (lines[index + 1] ?? '')
      .replace(/^NAMESPACE\s+/, '')
      .trim()
      .split(/ {2,}/);
    const columns = (await lab.planes.hub.client.table(kind)).columnDefinitions.map(({ name }) => name.toUpperCase());
    assert.deepEqual(
      columns.filter((_name, place) => place < wanted.length),
      wanted,
      kind,
    );
  }
  const row = (await lab.planes.hub.client.show('managedclusters')).split('\n').find((line) => line.startsWith('m1'));
  assert.match(row ?? '', new RegExp(`^m1 +true +${lab.planes.m1.server} +True +True +\\d+[sm]`));
});

test('a quiet round writes nothing but leases that are due', async () => {
  await tender.tend(signal);
  effects = [];
  const round = await tender.tend(signal);
  assert.deepEqual(faultsOf(round), []);
  assert.deepEqual(
    effects.filter((effect) => effect !== 'system Lease m1/managed-cluster-lease'),
    [],
  );
});

test('a label taken away takes the decision with it, and a label set brings it', async () => {
  const { client } = lab.planes.hub;
  await client.apply({
    apiVersion: `${CLUSTER}/v1beta1`,
    kind: 'Placement',
    metadata: { name: 'moving', namespace: 'default' },
    spec: { numberOfClusters: 1, predicates: [{ requiredClusterSelector: { labelSelector: { matchLabels: { moving: 'yes' } } } }] },
  });
  const chosen = async (): Promise<unknown> => {
    await tender.tend(signal);
    return (await readDecisions(hub, signal)).get('default/moving');
  };
  const label = (value: string | null): Promise<unknown> => client.patch('managedclusters/m1', { metadata: { labels: { moving: value } } });
  assert.deepEqual(await chosen(), []);
  await label('yes');
  assert.deepEqual(await chosen(), ['m1']);
  await label(null);
  assert.deepEqual(await chosen(), []);
  assert.equal((await client.get('placements/default/moving')).status.numberOfSelectedClusters, undefined);
});

test('a cluster that goes away turns Unknown and unplaced, another is not held up, and it is back by itself', async () => {
  const { client } = lab.planes.hub;
  const before = await client.get('managedclusters/m1');
  await lab.planes.m1.freezeApiServer();
  try {
    const away = await tendUntil('managedclusters/m1', (object) => availability(object) === 'Unknown');
    if (!skip) {
      const unknown = recorded('hub-managedcluster-unknown.yaml');
      assert.deepEqual(timeless(away.status.conditions), timeless(unknown.status.conditions));
      const tainted = await tendUntil('managedclusters/m1', (object) => object?.spec.taints !== undefined);
      assert.deepEqual(timeless(tainted.spec.taints), timeless(unknown.spec.taints));
      assert.match(tainted.spec.taints[0].timeAdded, /Z$/);
    }
    assert.equal(availability(await client.get('managedclusters/m2')), 'True');
    const row = (await client.show('managedclusters')).split('\n').find((line) => line.startsWith('m1'));
    assert.match(row ?? '', new RegExp(`^m1 +true +${lab.planes.m1.server} +True +Unknown +\\d+[sm]`));
  } finally {
    await lab.planes.m1.thawApiServer();
  }
  const back = await tendUntil('managedclusters/m1', (object) => availability(object) === 'True' && object?.spec.taints === undefined);
  assert.deepEqual(timeless(back.status), timeless(before.status));
});

test('a daemon that starts again sees from the lease that a cluster has been away for long', async () => {
  const { client } = lab.planes.hub;
  await lab.planes.m1.stopApiServer();
  try {
    await client.patch('leases/m1/managed-cluster-lease', { spec: { renewTime: new Date(clock.now() - 3_600_000).toISOString().replace('Z', '000Z') } });
    await using fresh = openClusters({ hub, clock, redactor, allowNoCa: false });
    // The edit above is another's renewal for everyone who only looks at who wrote it; its age says that nobody is there.
    await openTender({ hub, registry: fresh, effects: noted, clock, memberDefinitions: [] }).tend(signal);
    assert.equal(availability(await client.get('managedclusters/m1')), 'Unknown');
  } finally {
    await lab.planes.m1.startApiServer();
  }
  await tendUntil('managedclusters/m1', (object) => availability(object) === 'True');
});

test('a Secret alone is a direct cluster; one that is refused says why and holds up no other', async () => {
  const { client } = lab.planes.hub;
  const connection = await connectionOf(lab.planes.m2);
  const expired = issueClient(createAuthority('ca', new Date()), { commonName: 'lateen' }, new Date(clock.now() - 2 * 366 * 86_400_000));
  const secrets = [
    connectionSecret('alone', connection),
    connectionSecret('expired', { ...connection, login: { cert: expired.certPem, key: expired.keyPem } }),
    {
      ...connectionSecret('exec', connection),
      metadata: { name: 'exec', namespace: 'vela-system', labels: { 'cluster.core.oam.dev/cluster-credential-type': 'Dynamic', region: 'eu' } },
    },
  ];
  for (const secret of secrets) await client.create(secret);
  assert.deepEqual(faultsOf(await tender.tend(signal)), ['exec: transport/connection', 'expired: transport/connection']);
  const seen = await viewClusters(hub, registry, signal);
  const [alone, exec, old] = ['alone', 'exec', 'expired'].map((name) => seen.members.find((member) => member.name === name));
  assert.deepEqual([alone?.mode, alone?.fault, alone?.object, alone?.available, alone?.accepted], ['direct', null, null, 'True', true]);
  assert.equal(alone?.version?.minor, seen.members.find(({ name }) => name === 'm1')?.version?.minor);
  assert.match(exec?.fault?.message ?? '', /asks for a program to log in with/);
  assert.deepEqual(exec?.labels, { region: 'eu' });
  assert.match(old?.fault?.message ?? '', /client certificate that expired on \d{4}-\d\d-\d\dT/);
  assert.ok(await (await registry.client('alone')).get({ apiVersion: 'v1', kind: 'Namespace', namespace: '', name: 'default' }, signal));
  await assert.rejects(registry.client('exec'), /asks for a program/);
  assert.equal(await client.find('managedclusters/alone'), undefined);
  for (const { metadata } of secrets) await client.delete(`secrets/vela-system/${metadata.name ?? ''}`);
  await tender.tend(signal);
  assert.deepEqual(
    registry.last().members.map(({ name }) => name),
    ['m1', 'm2'],
  );
});

test('a connection that changes gets a new client, the same one keeps its own', async () => {
  const { client } = lab.planes.hub;
  const before = await registry.client('m2');
  await client.patch('secrets/vela-system/m2', { metadata: { labels: { region: 'eu' } } });
  await registry.read(signal);
  assert.equal(await registry.client('m2'), before);
  await client.patch('secrets/vela-system/m2', { data: { endpoint: Buffer.from(lab.planes.m1.server).toString('base64') } });
  await registry.read(signal);
  assert.equal((await registry.client('m2')).server, lab.planes.m1.server);
  await client.patch('secrets/vela-system/m2', { data: { endpoint: Buffer.from(lab.planes.m2.server).toString('base64') } });
  await registry.read(signal);
  assert.deepEqual(faultsOf(await tender.tend(signal)), []);
});

test('a Placement that a document has as v1alpha1 is kept as the version that the hub serves', async () => {
  const clusters = (): Promise<KubeClient> => Promise.resolve(hub);
  const transport = translateVersions(openTransport({ clusters, effects: noted, redactor, cache: null }), clusters);
  const object: KubeObject = {
    apiVersion: `${CLUSTER}/v1alpha1`,
    kind: 'Placement',
    metadata: { name: 'old-words', namespace: 'default' },
    spec: { numberOfClusters: 1 },
  };
  const key = keyOf('local', object);
  const absent = await transport.observe([key], signal);
  assert.deepEqual(absent.get(keyText(key)), { absent: true });
  const receipt = await transport.apply({ key, object, rules: PLAIN_RULES, live: null, owned: true }, signal);
  assert.deepEqual([receipt.key, receipt.object.apiVersion], [key, object.apiVersion]);
  assert.equal((await lab.planes.hub.client.get('placements/default/old-words')).apiVersion, `${CLUSTER}/v1beta1`);
  const seen = (await transport.observe([key], signal)).get(keyText(key));
  assert.ok(seen !== undefined && 'live' in seen);
  assert.equal(seen.live.apiVersion, object.apiVersion);
  effects = [];
  assert.equal((await transport.apply({ key, object, rules: PLAIN_RULES, live: seen.live, owned: true }, signal)).changed, false);
  assert.deepEqual(effects, []);
  assert.equal(
    (await transport.list('local', object.apiVersion, 'Placement', 'default', '', signal)).some(({ metadata }) => metadata.name === 'old-words'),
    true,
  );
  assert.equal(await transport.isNamespaced('local', `${CLUSTER}/v1alpha1`, 'ManagedClusterSet', signal), false);
  assert.equal(await transport.remove(key, seen.live.metadata.uid ?? '', 'cascading', signal), true);
});

test('a change of a cluster, a placement or a connection is told, a renewed lease is not', async () => {
  const { client } = lab.planes.hub;
  const stop = new AbortController();
  const told: string[] = [];
  const watching = watchClusters(hub, (kind, name) => told.push(`${kind} ${name}`), clock, stop.signal);
  await client.patch('managedclusters/m2', { metadata: { labels: { warming: 'up' } } });
  const hears = (what: string): Promise<unknown> => until(what, () => (told.includes(what) ? true : undefined));
  // The watch begins some time after its call: knocked until it hears.
  await until('ManagedCluster m2', async () => {
    await client.patch('managedclusters/m2', { metadata: { labels: { warming: String(told.length) + String(clock.now()) } } });
    return told.includes('ManagedCluster m2') ? true : undefined;
  });
  await client.patch('secrets/vela-system/m2', { metadata: { labels: { region: 'us' } } });
  await hears('Secret m2');
  told.length = 0;
  await tender.tend(signal);
  await client.create({ apiVersion: `${CLUSTER}/v1beta1`, kind: 'Placement', metadata: { name: 'heard', namespace: 'default' }, spec: {} });
  await hears('Placement heard');
  assert.deepEqual(
    told.filter((what) => what.endsWith(' m1')),
    [],
  );
  stop.abort();
  await watching;
});

test('nothing is written for a cluster that OCM delivers to, or whose lease a klusterlet renews', async () => {
  const { client } = lab.planes.hub;
  await client.create({
    apiVersion: `${CLUSTER}/v1`,
    kind: 'ManagedCluster',
    metadata: { name: 'theirs', annotations: { 'lateen.dev/delivery': 'ocm' } },
    spec: { hubAcceptsClient: true },
  });
  await tender.tend(signal);
  effects = [];
  const lease = await client.get('leases/m2/managed-cluster-lease');
  await client.replace({
    ...lease,
    spec: {
      ...lease.spec,
      renewTime: new Date(Math.max(clock.now(), Date.parse(lease.metadata['creationTimestamp']) + 3_000)).toISOString().replace('Z', '000Z'),
    },
  });
  const version = (await client.get('managedclusters/m2')).metadata.resourceVersion;
  await tender.tend(signal);
  assert.deepEqual(
    effects.filter((effect) => /theirs|m2/.test(effect)),
    [],
  );
  const theirs = await client.get('managedclusters/theirs');
  assert.deepEqual([theirs.status, theirs.metadata['finalizers'], theirs.metadata['labels'], theirs.spec.taints], [undefined, undefined, undefined, undefined]);
  assert.equal((await client.get('managedclusters/m2')).metadata.resourceVersion, version);
  const m2 = registry.last().members.find(({ name }) => name === 'm2');
  assert.equal(m2?.fault?.code, 'transport/delivery');
  const again = { name: 'm2', connection: await connectionOf(lab.planes.m2), labels: {}, clusterSet: null, boundTo: [], leaseDurationSeconds: null };
  await assert.rejects(registerDirect(again, { hub, effects: noted, redactor, clock }, signal), /ManagedCluster m2 has a klusterlet/);
  assert.match(m2?.fault?.message ?? '', /a klusterlet \(.+\) renews its lease; annotate it with ocm to hand it over/);
  await client.patch('managedclusters/m2', { metadata: { annotations: { 'lateen.dev/delivery': 'ocm' } } });
  await tender.tend(signal);
  const handed = registry.last().members.find(({ name }) => name === 'm2');
  assert.deepEqual([handed?.mode, handed?.fault, effects.filter((effect) => effect.includes('m2'))], ['ocm', null, []]);
  await assert.rejects(registry.client('m2'), /reached by its klusterlet only/);
});

test("on a hub where OCM runs the hub's part is left to it", async () => {
  const { client } = lab.planes.hub;
  await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'open-cluster-management-hub' } });
  const lock = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'registration-controller-lock', namespace: 'open-cluster-management-hub' },
    spec: { holderIdentity: 'ocm', renewTime: new Date(clock.now()).toISOString().replace('Z', '000Z') },
  };
  await client.apply(lock);
  await using fresh = openClusters({ hub, clock, redactor, allowNoCa: false });
  effects = [];
  await client.patch('managedclustersets/prod', { metadata: { labels: { touched: 'yes' } } });
  await client.apply({ apiVersion: `${CLUSTER}/v1beta1`, kind: 'Placement', metadata: { name: 'ocms', namespace: 'default' }, spec: {} });
  await openTender({ hub, registry: fresh, effects: noted, clock, memberDefinitions: [] }).tend(signal);
  assert.equal(fresh.last().ocm, 'Lease open-cluster-management-hub/registration-controller-lock');
  assert.deepEqual(
    effects.filter((effect) => effect !== 'system Lease m1/managed-cluster-lease'),
    [],
  );
  assert.equal((await client.get('placements/default/ocms')).status, undefined);
  await client.delete('namespaces/open-cluster-management-hub');
  await client.delete('leases/open-cluster-management-hub/registration-controller-lock').catch(() => {});
});

test('registering again changes nothing, and a deleted cluster takes its works with it', async () => {
  const { client } = lab.planes.hub;
  const m1 = lab.planes.m1;
  const doors = { hub, effects: noted, redactor, clock };
  const registration = {
    name: 'm1',
    connection: await connectionOf(m1),
    labels: { purpose: 'test' },
    clusterSet: 'prod',
    boundTo: ['default'],
    leaseDurationSeconds: 1,
  };
  await tendUntil('managedclusters/m1', (object) => availability(object) === 'True');
  effects = [];
  await registerDirect(registration, doors, signal);
  assert.deepEqual(effects, []);
  await client.create({
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name: 'held', namespace: 'm1', finalizers: ['example.org/held'] },
    spec: { workload: { manifests: [] } },
  });
  await client.create({
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name: 'stuck', namespace: 'm1', finalizers: [`${CLUSTER}/manifest-work-cleanup`] },
    spec: { workload: { manifests: [] } },
  });
  await client.delete('managedclusters/m1');
  const remaining = (object: LabObject | undefined): string => /the remaining count is (\d+)/.exec(JSON.stringify(object?.status?.conditions ?? []))?.[1] ?? '';
  const leaving = await tendUntil('managedclusters/m1', (object) => conditionOf(object, 'Deleting') === 'False');
  assert.match(JSON.stringify(leaving.status.conditions), /The resource manifestworks is remaning, the remaining count is 2, the finalizer pending count is 2/);
  // Nobody works off the cluster's finalizer here, as if it could not be reached: a person gives it up.
  await client.patch('managedclusters/m1', { metadata: { annotations: { 'lateen.dev/abandon': 'true' } } });
  await tendUntil('managedclusters/m1', (object) => remaining(object) === '1');
  assert.equal(await client.find('manifestworks/m1/stuck'), undefined);
  await client.patch('manifestworks/m1/held', { metadata: { finalizers: null } });
  await tendUntil('managedclusters/m1', (object) => object === undefined);
  await tender.tend(signal);
  assert.equal(await client.find('secrets/vela-system/m1'), undefined);
  await tender.tend(signal);
  await assert.rejects(registry.client('m1'), /failed to get cluster m1: not found/);
});

test('a CRD of ours that OCM has taken over is left to it, one that is only old is brought up to date', async () => {
  const definitions = await readDefinitions(CRDS);
  const named = (name: string): KubeObject => definitions.find(({ metadata }) => metadata.name === name) ?? assert.fail(name);
  const [theirs, old] = [named(`placements.${CLUSTER}`), named(`placementdecisions.${CLUSTER}`)];
  const outdated = { metadata: { annotations: { 'lateen.dev/source-hash': 'another' } } };
  for (const { metadata } of [theirs, old])
    await hub.patch(
      { apiVersion: theirs.apiVersion, kind: theirs.kind, namespace: '', name: metadata.name ?? '' },
      'merge',
      outdated,
      { fieldManager: 'lateen' },
      signal,
    );
  await lab.planes.hub.client.patch(`customresourcedefinitions/placements.${CLUSTER}`, { spec: { names: { categories: ['ocm'] } } });
  assert.deepEqual(await installDefinitions(hub, [theirs, old], '', noted, clock, signal), [old.metadata.name]);
});
