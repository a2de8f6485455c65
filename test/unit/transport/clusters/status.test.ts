import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import { parseQuantity, sumNodes } from '../../../../daemon/transport/managed-cluster-capacity.ts';
import { claimsOf, type Report } from '../../../../daemon/transport/managed-cluster-probe.ts';
import { wantedSpecPatch, wantedStatus, type Seen } from '../../../../daemon/transport/managed-cluster-status.ts';

const nowMs = Date.parse('2026-11-23T05:00:00Z');
const well: Report = {
  trouble: null,
  version: { major: '1', minor: 36, gitVersion: 'v1.36.3', platform: '' },
  resources: { capacity: { cpu: '1k' }, allocatable: { cpu: '1k' } },
  claims: [],
  clockOffsetMs: 0,
};
const seen = (more: Partial<Seen>): Seen => ({ report: well, troubledSinceMs: null, renewedMs: nowMs, leaseSeconds: 60, nowMs, isHubOurs: true, ...more });

function cluster(status: object = {}, spec: object = {}, metadata: object = {}): KubeObject {
  return { apiVersion: 'x/v1', kind: 'ManagedCluster', metadata: { name: 'm1', ...metadata }, spec: { hubAcceptsClient: true, ...spec }, status };
}

interface Said {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}
const conditions = (status: Readonly<Record<string, unknown>>): readonly Said[] => status['conditions'] as readonly Said[];
const said = (object: KubeObject, more: Partial<Seen>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    conditions(wantedStatus(object, seen(more))).map(({ type, status, reason }) => [type.replace(/^ManagedCluster(?:Condition)?/, ''), `${status} ${reason}`]),
  );
const joined = wantedStatus(cluster(), seen({}));

test('a cluster that answers is accepted, joined, available and in time', () => {
  assert.deepEqual(said(cluster(), {}), {
    HubAcceptedManagedCluster: 'True HubClusterAdminAccepted',
    Joined: 'True ManagedClusterJoined',
    Available: 'True ManagedClusterAvailable',
    ClockSynced: 'True ManagedClusterClockSynced',
  });
  assert.deepEqual([joined['version'], joined['capacity'], joined['clusterClaims']], [{ kubernetes: 'v1.36.3' }, { cpu: '1k' }, undefined]);
});

test('the same again is the same, and a time moves only with its status', () => {
  assert.deepEqual(wantedStatus(cluster(joined), seen({ nowMs: nowMs + 60_000 })), joined);
  const later = conditions(wantedStatus(cluster(joined), seen({ report: null, nowMs: nowMs + 301_000 })));
  assert.deepEqual(
    later.map(({ lastTransitionTime }) => lastTransitionTime.slice(11)),
    ['05:00:00Z', '05:00:00Z', '05:05:01Z', '05:00:00Z'],
  );
});

test('away is Unknown after five lease durations, not before', () => {
  assert.equal(said(cluster(joined), { report: null, nowMs: nowMs + 300_000 })['Available'], 'True ManagedClusterAvailable');
  assert.equal(said(cluster(joined), { report: null, nowMs: nowMs + 300_001 })['Available'], 'Unknown ManagedClusterLeaseUpdateStopped');
  assert.equal(said(cluster(), { report: null, renewedMs: nowMs - 10_000 })['Available'], undefined);
});

test('trouble is believed after 20 s, and told with its status code', () => {
  const report = { ...well, trouble: 'The kube-apiserver is not ok, status code: 500, boom' };
  assert.equal(said(cluster(joined), { report, troubledSinceMs: nowMs - 19_000 })['Available'], 'True ManagedClusterAvailable');
  const status = wantedStatus(cluster(joined), seen({ report, troubledSinceMs: nowMs - 20_000 }));
  assert.deepEqual(
    conditions(status).find(({ type }) => type === 'ManagedClusterConditionAvailable'),
    {
      type: 'ManagedClusterConditionAvailable',
      status: 'False',
      reason: 'ManagedClusterKubeAPIServerUnavailable',
      message: report.trouble,
      lastTransitionTime: '2026-11-23T05:00:00Z',
    },
  );
});

test('a cluster that was never accepted says nothing, one that is no longer accepted says so', () => {
  assert.deepEqual(said(cluster({}, { hubAcceptsClient: false }), {}), {});
  assert.equal(said(cluster(joined, { hubAcceptsClient: false }), {})['HubAcceptedManagedCluster'], 'False HubClusterAdminDenied');
});

test("beside OCM's hub controllers only the agent's part is said, once they have accepted", () => {
  assert.deepEqual(said(cluster(), { isHubOurs: false }), {});
  const accepted = {
    conditions: [{ type: 'HubAcceptedManagedCluster', status: 'True', reason: 'HubClusterAdminAccepted', message: '', lastTransitionTime: 'then' }],
  };
  assert.deepEqual(Object.keys(said(cluster(accepted), { isHubOurs: false })), ['HubAcceptedManagedCluster', 'Joined', 'Available']);
  assert.equal(said(cluster(joined), { isHubOurs: false, report: null, nowMs: nowMs + 900_000 })['Available'], 'True ManagedClusterAvailable');
});

test('a clock that is off is told', () => {
  assert.equal(said(cluster(), { report: { ...well, clockOffsetMs: -61_000 } })['ClockSynced'], 'False ManagedClusterClockOutOfSync');
});

test('a resource that no node has any more stays in the capacity, not in what can be had', () => {
  const status = wantedStatus(cluster({ ...joined, capacity: { gpu: '4' }, allocatable: { gpu: '4' } }), seen({}));
  assert.deepEqual([status['capacity'], status['allocatable']], [{ gpu: '4', cpu: '1k' }, { cpu: '1k' }]);
});

const labelled = {
  labels: { 'cluster.open-cluster-management.io/clusterset': 'prod' },
  finalizers: ['cluster.open-cluster-management.io/resource-cleanup', 'cluster.open-cluster-management.io/api-resource-cleanup'],
  resourceVersion: '7',
};
const patch = (object: KubeObject, available: string | null): unknown =>
  wantedSpecPatch(object, available === null ? [] : [{ type: 'ManagedClusterConditionAvailable', status: available }], null, nowMs);

test("taints follow the availability, and others' taints stay", () => {
  const other = { key: 'gpu', effect: 'NoSelect' };
  const unreachable = { key: 'cluster.open-cluster-management.io/unreachable', effect: 'NoSelect', timeAdded: '2026-11-23T05:00:00Z' };
  const unavailable = { ...unreachable, key: 'cluster.open-cluster-management.io/unavailable' };
  const taints = (list: readonly object[], available: string | null): unknown => patch(cluster({}, { taints: list }, labelled), available);
  const to = (list: readonly object[] | null): object => ({ metadata: { resourceVersion: '7' }, spec: { taints: list } });
  assert.deepEqual(taints([other], null), to([other, unreachable]));
  assert.deepEqual(taints([other, unreachable], 'Unknown'), null);
  assert.deepEqual(taints([other, unreachable], 'False'), to([other, unavailable]));
  assert.deepEqual(taints([other, unavailable], 'True'), to([other]));
  assert.deepEqual(taints([unavailable], 'True'), to(null));
});

test('finalizers, the default set and the address are put where they are missing', () => {
  const config = { url: 'https://10.0.0.5:6443' };
  const bare = wantedSpecPatch(
    cluster({}, {}, { finalizers: ['mine'], resourceVersion: '7' }),
    [{ type: 'ManagedClusterConditionAvailable', status: 'True' }],
    config,
    nowMs,
  );
  assert.deepEqual(bare, {
    metadata: { finalizers: ['mine', ...labelled.finalizers], labels: { 'cluster.open-cluster-management.io/clusterset': 'default' }, resourceVersion: '7' },
    spec: { managedClusterClientConfigs: [config] },
  });
  assert.equal(
    wantedSpecPatch(
      cluster({}, { managedClusterClientConfigs: [{ url: 'https://other' }] }, labelled),
      [{ type: 'ManagedClusterConditionAvailable', status: 'True' }],
      config,
      nowMs,
    ),
    null,
  );
  assert.equal(patch(cluster({}, {}, { deletionTimestamp: 'now' }), null), null);
});

test('quantities are added and written as Kubernetes does', () => {
  const node = (capacity: Readonly<Record<string, string>>, unschedulable = false): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {},
    spec: { unschedulable },
    status: { capacity, allocatable: capacity },
  });
  const sum = (...values: readonly string[]): string | undefined => sumNodes(values.map((cpu) => node({ cpu }))).capacity['cpu'];
  for (const [values, total] of [
    [['1k'], '1k'],
    [['4', '4'], '8'],
    [['500m', '1500m'], '2'],
    [['3920m', '80m', '1'], '5'],
    [['0.5'], '500m'],
    [['999', '1'], '1k'],
    [['16Gi', '16Gi'], '32Gi'],
    [['512Mi', '512Mi'], '1Gi'],
    [['16393208Ki'], '16393208Ki'],
    [['1Ti'], '1Ti'],
    [['1e3'], '1k'],
    [['0', '2Gi'], '2Gi'],
    [['110', '110'], '220'],
    [['9007199254740993'], '9007199254740993'],
  ] as const)
    assert.equal(sum(...values), total, values.join(' + '));
  assert.equal(parseQuantity('lots'), null);
  assert.deepEqual(sumNodes([node({ cpu: '4' }), node({ cpu: '8' }, true)]), { capacity: { cpu: '12' }, allocatable: { cpu: '4' } });
});

test('reserved claims come first, at most twenty others by name, none that stays on the spoke', () => {
  const claim = (name: string, labels: Readonly<Record<string, string>> = {}): KubeObject => ({
    apiVersion: 'x/v1alpha1',
    kind: 'ClusterClaim',
    metadata: { name, labels },
    spec: { value: `${name}!` },
  });
  const many = Array.from({ length: 25 }, (_, index) => claim(`c${String(index).padStart(2, '0')}`));
  const claims = claimsOf([
    ...many.toReversed(),
    claim('a-secret', { 'open-cluster-management.io/spoke-only': '' }),
    claim('platform.open-cluster-management.io'),
    claim('id.k8s.io'),
  ]);
  assert.deepEqual(claims.slice(0, 3), [
    { name: 'id.k8s.io', value: 'id.k8s.io!' },
    { name: 'platform.open-cluster-management.io', value: 'platform.open-cluster-management.io!' },
    { name: 'c00', value: 'c00!' },
  ]);
  assert.deepEqual([claims.length, claims.at(-1)?.name], [22, 'c19']);
});
