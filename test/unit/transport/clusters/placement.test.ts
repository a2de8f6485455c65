import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { load } from 'js-yaml';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import { decisionObjects } from '../../../../daemon/transport/placement-writing.ts';
import { schedulePlacement, type PlacementWorld } from '../../../../daemon/transport/placement.ts';

const RECORDED = join(import.meta.dirname, '../../../../../shared/cases/ocm-1.3');
const SET_LABEL = 'cluster.open-cluster-management.io/clusterset';
const nowMs = Date.parse('2026-11-23T05:00:00Z');

function cluster(
  name: string,
  labels: Readonly<Record<string, string>> = {},
  more: { readonly taints?: readonly object[]; readonly cpu?: string; readonly claims?: readonly object[]; readonly leaving?: boolean } = {},
): KubeObject {
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name, labels: { [SET_LABEL]: 'prod', ...labels }, ...(more.leaving === true ? { deletionTimestamp: '2026-11-23T04:00:00Z' } : {}) },
    spec: { hubAcceptsClient: true, ...(more.taints === undefined ? {} : { taints: more.taints }) },
    status: { allocatable: { cpu: more.cpu ?? '4' }, clusterClaims: more.claims ?? [] },
  };
}

const set = (name: string, clusterSelector: object = { selectorType: 'ExclusiveClusterSetLabel' }): KubeObject => ({
  apiVersion: 'x/v1beta2',
  kind: 'ManagedClusterSet',
  metadata: { name },
  spec: { clusterSelector },
});
const binding = (name: string, namespace = 'default'): KubeObject => ({
  apiVersion: 'x/v1beta2',
  kind: 'ManagedClusterSetBinding',
  metadata: { name, namespace },
  spec: { clusterSet: name },
});
const placement = (spec: object, name = 'p'): KubeObject => ({
  apiVersion: 'x/v1beta1',
  kind: 'Placement',
  metadata: { name, namespace: 'default', uid: 'u' },
  spec,
});
const world = (clusters: readonly KubeObject[], more: Partial<PlacementWorld> = {}): PlacementWorld => ({
  clusters,
  sets: [set('prod')],
  bindings: [binding('prod')],
  decided: new Map(),
  nowMs,
  ...more,
});

function chosen(spec: object, facts: PlacementWorld): readonly string[] | null {
  return schedulePlacement(placement(spec), facts).groups?.flatMap(({ clusters }) => clusters) ?? null;
}

function said(spec: object, facts: PlacementWorld, type = 'PlacementSatisfied'): string {
  const condition = schedulePlacement(placement(spec), facts).conditions.find((one) => one.type === type);
  return `${condition?.status} ${condition?.reason}: ${condition?.message}`;
}

const byLabel = (matchLabels: object): object => ({ requiredClusterSelector: { labelSelector: { matchLabels } } });
const unreachable = { key: 'cluster.open-cluster-management.io/unreachable', effect: 'NoSelect', timeAdded: '2026-11-23T04:59:00Z' };

test('a placement is decided about and says so as OCM 1.3.1 was recorded', { skip: !existsSync(RECORDED) }, () => {
  const read = (file: string): readonly KubeObject[] => (load(readFileSync(join(RECORDED, file), 'utf8')) as { items: KubeObject[] }).items;
  const managed = load(readFileSync(join(RECORDED, 'hub-managedcluster.yaml'), 'utf8')) as KubeObject;
  const facts = world([managed], { sets: read('hub-managedclustersets.yaml'), bindings: read('hub-managedclustersetbindings.yaml') });
  const decisions = read('hub-placementdecisions.yaml');
  const recorded = read('hub-placements.yaml');
  assert.equal(recorded.length, 2);
  for (const item of recorded) {
    const schedule = schedulePlacement(item, facts);
    const status = item['status'] as { conditions: readonly Record<string, unknown>[]; decisionGroups: readonly Record<string, unknown>[] };
    assert.deepEqual(
      schedule.conditions,
      status.conditions.map(({ type, status: value, reason, message }) => ({ type, status: value, reason, message })),
    );
    const objects = decisionObjects(item, schedule.groups ?? []);
    assert.deepEqual(
      objects.map(({ object }) => object.metadata.name),
      status.decisionGroups.flatMap(({ decisions: names }) => names),
    );
    for (const { object, clusters } of objects) {
      const was = decisions.find(({ metadata }) => metadata.name === object.metadata.name);
      assert.deepEqual(object.metadata.labels, was?.metadata.labels);
      assert.deepEqual(object.metadata['ownerReferences'], was?.metadata['ownerReferences']);
      assert.deepEqual(
        clusters.map((clusterName) => ({ clusterName, reason: '' })),
        (was?.['status'] as { decisions?: object[] } | undefined)?.decisions ?? [],
      );
    }
  }
});

test('predicates are alternatives, and what stands in one of them has to hold together', () => {
  const clusters = [
    cluster('a', { env: 'test', tier: '1' }),
    cluster('b', { env: 'test' }),
    cluster('c', { env: 'prod' }, { claims: [{ name: 'region', value: 'eu' }] }),
  ];
  assert.deepEqual(chosen({}, world(clusters)), ['a', 'b', 'c']);
  assert.deepEqual(chosen({ predicates: [byLabel({ env: 'test', tier: '1' })] }, world(clusters)), ['a']);
  assert.deepEqual(chosen({ predicates: [byLabel({ env: 'test', tier: '1' }), byLabel({ env: 'prod' })] }, world(clusters)), ['a', 'c']);
  const claim = { claimSelector: { matchExpressions: [{ key: 'region', operator: 'In', values: ['eu', 'us'] }] } };
  assert.deepEqual(chosen({ predicates: [{ requiredClusterSelector: claim }] }, world(clusters)), ['c']);
  assert.deepEqual(
    chosen(
      {
        predicates: [
          {
            requiredClusterSelector: {
              labelSelector: {
                matchExpressions: [
                  { key: 'tier', operator: 'DoesNotExist' },
                  { key: 'env', operator: 'NotIn', values: ['prod'] },
                ],
              },
            },
          },
        ],
      },
      world(clusters),
    ),
    ['b'],
  );
});

test('without a bound set, with another one, with an empty one, the placement says why', () => {
  const clusters = [cluster('a')];
  assert.equal(
    said({}, world(clusters, { bindings: [binding('prod', 'elsewhere')] })),
    'False NoManagedClusterSetBindings: No valid ManagedClusterSetBindings found in placement namespace',
  );
  assert.equal(said({}, world(clusters, { sets: [] })), 'False NoManagedClusterSetBindings: No valid ManagedClusterSetBindings found in placement namespace');
  assert.equal(said({ clusterSets: ['a', 'b'] }, world(clusters)), 'False NoIntersection: None of ManagedClusterSets [a b] is bound to placement namespace');
  assert.equal(
    said({}, world([cluster('a', { [SET_LABEL]: 'other' })])),
    'False AllManagedClusterSetsEmpty: All ManagedClusterSets [prod] have no member ManagedCluster',
  );
  assert.equal(
    said({}, world([cluster('a', {}, { leaving: true })])),
    'False AllManagedClusterSetsEmpty: All ManagedClusterSets [prod] have no member ManagedCluster',
  );
  assert.equal(said({ numberOfClusters: 3 }, world(clusters)), 'False NotAllDecisionsScheduled: 2 cluster decisions unscheduled');
});

test('a set with a label selector has the clusters that it selects, and an empty selector all', () => {
  const clusters = [cluster('a', { [SET_LABEL]: 'other' }), cluster('b', { zone: 'z' })];
  const global = { sets: [set('global', { selectorType: 'LabelSelector', labelSelector: {} })], bindings: [binding('global')] };
  assert.deepEqual(chosen({}, world(clusters, global)), ['a', 'b']);
  assert.deepEqual(
    chosen(
      {},
      world(clusters, { sets: [set('z', { selectorType: 'LabelSelector', labelSelector: { matchLabels: { zone: 'z' } } })], bindings: [binding('z')] }),
    ),
    ['b'],
  );
});

test('a taint keeps a cluster out unless it is tolerated, for as long as it is tolerated', () => {
  const clusters = [cluster('a', {}, { taints: [unreachable] }), cluster('b')];
  const tolerate = (more: object = {}): object => ({ tolerations: [{ key: unreachable.key, operator: 'Exists', ...more }] });
  assert.deepEqual(chosen({}, world(clusters)), ['b']);
  assert.deepEqual(chosen(tolerate(), world(clusters)), ['a', 'b']);
  assert.deepEqual(chosen(tolerate({ tolerationSeconds: 61 }), world(clusters)), ['a', 'b']);
  assert.deepEqual(chosen(tolerate({ tolerationSeconds: 60 }), world(clusters)), ['b']);
  assert.deepEqual(chosen(tolerate({ effect: 'NoSelectIfNew' }), world(clusters)), ['b']);
  const isNew = [
    cluster('a', {}, { taints: [{ key: 'gpu', value: 'x', effect: 'NoSelectIfNew' }] }),
    cluster('b', {}, { taints: [{ key: 'gpu', effect: 'PreferNoSelect' }] }),
  ];
  assert.deepEqual(chosen({}, world(isNew)), ['b']);
  assert.deepEqual(chosen({}, world(isNew, { decided: new Map([['default/p', ['a']]]) })), ['a', 'b']);
  assert.deepEqual(chosen({ tolerations: [{ key: 'gpu', operator: 'Equal', value: 'x' }] }, world(isNew)), ['a', 'b']);
});

test('what was chosen stays chosen while it fits, and the next by balance and name takes its place when it does not', () => {
  const clusters = [cluster('a', { env: 'test' }), cluster('b', { env: 'test' }), cluster('c', { env: 'test' })];
  const one = { numberOfClusters: 1, predicates: [byLabel({ env: 'test' })] };
  assert.deepEqual(chosen(one, world(clusters)), ['a']);
  const before = {
    decided: new Map([
      ['default/p', ['b']],
      ['default/q', ['b', 'a']],
      ['default/r', ['b']],
    ]),
  };
  assert.deepEqual(chosen(one, world(clusters, before)), ['b']);
  assert.deepEqual(chosen(one, world([clusters[0]!, cluster('b'), clusters[2]!], before)), ['c']);
});

test('weights decide where they are given, as OCM adds them up', () => {
  const clusters = [cluster('a', {}, { cpu: '2' }), cluster('b', {}, { cpu: '8' }), cluster('c', {}, { cpu: '4' })];
  const by = (weight: number): object => ({
    numberOfClusters: 1,
    prioritizerPolicy: { mode: 'Exact', configurations: [{ scoreCoordinate: { type: 'BuiltIn', builtIn: 'ResourceAllocatableCPU' }, weight }] },
  });
  assert.deepEqual(chosen(by(1), world(clusters)), ['b']);
  assert.deepEqual(chosen(by(-1), world(clusters)), ['a']);
  const additive = { numberOfClusters: 1, prioritizerPolicy: { configurations: [] } };
  assert.deepEqual(
    chosen(
      additive,
      world(clusters, {
        decided: new Map([
          ['default/p', ['a']],
          ['default/q', ['a']],
        ]),
      }),
    ),
    ['b'],
  );
});

test("a selector that says nothing sensible is the placement's mistake, and what was decided stays", () => {
  const wrong = { predicates: [{ requiredClusterSelector: { labelSelector: { matchExpressions: [{ key: 'a', operator: 'Near' }] } } }] };
  assert.equal(chosen(wrong, world([cluster('a')])), null);
  assert.equal(said(wrong, world([cluster('a')]), 'PlacementMisconfigured'), 'True Misconfigured: Predicate:"Near" is not a valid label selector operator');
  assert.equal(chosen({ predicates: [{ requiredClusterSelector: { celSelector: { celExpressions: ['true'] } } }] }, world([cluster('a')])), null);
});

test('decisions come in groups of the wanted size and objects of at most a hundred', () => {
  const many = Array.from({ length: 230 }, (_, index) => cluster(`c${String(index).padStart(3, '0')}`, index < 30 ? { canary: 'yes' } : {}));
  const spec = {
    decisionStrategy: {
      groupStrategy: {
        clustersPerDecisionGroup: 120,
        decisionGroups: [{ groupName: 'canary', groupClusterSelector: { labelSelector: { matchLabels: { canary: 'yes' } } } }],
      },
    },
  };
  const groups = schedulePlacement(placement(spec), world(many)).groups ?? [];
  assert.deepEqual(
    groups.map(({ name, clusters }) => [name, clusters.length]),
    [
      ['canary', 30],
      ['', 120],
      ['', 80],
    ],
  );
  const objects = decisionObjects(placement(spec), groups);
  assert.deepEqual(
    objects.map(({ object, group, clusters }) => [object.metadata.name, group, clusters.length]),
    [
      ['p-decision-1', 0, 30],
      ['p-decision-2', 1, 100],
      ['p-decision-3', 1, 20],
      ['p-decision-4', 2, 80],
    ],
  );
});
