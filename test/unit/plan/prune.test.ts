/** What may be deleted, and what is kept until somebody approves. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../daemon/model/fault.ts';
import { keyOf, keyText, LOCAL, type JsonObject, type KubeObject } from '../../../daemon/model/object.ts';
import type { Change } from '../../../daemon/model/plan.ts';
import type { Observation, Tracked } from '../../../daemon/model/status.ts';
import type { Owner } from '../../../daemon/plan/decide.ts';
import { approvalsOf, type Approvals } from '../../../daemon/plan/approvals.ts';
import { overBudget, prune, type PruneInput } from '../../../daemon/plan/prune.ts';
import { configMap, documentOf, OURS, seen, trackedFor } from './things.ts';

const NOW = Date.parse('2026-06-01T00:00:00Z');
const SHOP: Owner = { namespace: 'prod', name: 'shop', dialect: '1.10' };
const REPOSITORY: Owner = { namespace: '', name: '', dialect: '1.10' };

const approvals = (...specs: readonly JsonObject[]): Approvals =>
  approvalsOf(
    specs.map((spec, i) => documentOf({ apiVersion: 'lateen.dev/v1alpha1', kind: 'Approval', metadata: { name: `a${i}` }, spec })),
    NOW,
  );
const NONE = approvals();

const thing = (kind: string, name: string, namespace = 'prod', apiVersion = 'v1'): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, ...(namespace === '' ? {} : { namespace }), labels: OURS },
});

function pruned(objects: readonly KubeObject[], more: Partial<PruneInput> = {}): readonly Change[] {
  return prune({ entries: objects.map((object) => trackedFor(object)), observations: seen(...objects), owner: SHOP, approvals: NONE, leaving: false, ...more });
}
const said = (changes: readonly Change[]): (readonly string[])[] => changes.map((change) => [change.action, change.key.name, change.reason]);

describe('pruning', () => {
  const [a, b] = [configMap('a'), configMap('b')];

  it('deletes in reverse order of what it is given', () => {
    assert.deepEqual(said(pruned([a, b])), [
      ['delete', 'b', 'gone from the commit'],
      ['delete', 'a', 'gone from the commit'],
    ]);
  });

  it('says so when the whole application has left', () => {
    assert.deepEqual(said(pruned([a], { leaving: true })), [['delete', 'a', 'its application is gone from the commit']]);
  });

  it('keeps the live object at hand, whose uid the deletion names', () => {
    assert.equal(pruned([a])[0]?.live, a);
  });

  const KEPT: readonly (readonly [string, Partial<PruneInput>, string])[] = [
    ['what is gone already', { observations: new Map<string, Observation>([[keyText(keyOf(LOCAL, a)), { absent: true }]]) }, 'gone already'],
    ['what garbage-collect leaves for ever', { entries: [trackedFor(a, { skipGC: true })] }, 'left, as its garbage-collect policy says'],
    [
      'what its own annotation orphans',
      { observations: seen({ ...a, metadata: { ...a.metadata, annotations: { 'app.oam.dev/skipGC': 'true' } } }) },
      'left, as its annotation app.oam.dev/skipGC says',
    ],
    ["what has become another application's", { observations: seen(configMap('a', {}, { ...OURS, 'app.oam.dev/name': 'stall' })) }, 'left, for it is not ours'],
    ["what has become nobody's", { observations: seen(configMap('a', {}, {})) }, 'left, for it is not ours'],
    ['a document of the repository that we never applied', { owner: REPOSITORY }, 'left, for it is not ours'],
  ];
  for (const [title, more, reason] of KEPT) it(`leaves ${title}`, () => assert.deepEqual(said(pruned([a], more)), [['keep', 'a', reason]]));

  it('refuses where the cluster cannot be asked, so that the entry stays (I3)', () => {
    const fault = new Fault('transport/unreachable', 'cluster beijing did not answer');
    const [change] = pruned([a], { observations: new Map<string, Observation>([[keyText(keyOf(LOCAL, a)), { fault }]]) });
    assert.deepEqual([change?.action, change?.fault], ['refuse', fault]);
  });

  it('gives up what lies on a cluster that is away when an Approval says so, and on no other, nor when the cluster answers', () => {
    const given = approvals({ action: 'abandon', target: { kind: 'ManagedCluster', name: 'beijing' } });
    const entry = (cluster: string): Tracked => ({ ...trackedFor(a), key: keyOf(cluster, a) });
    const away: Observation = { fault: new Fault('transport/unreachable', 'away') };
    const clusters = ['beijing', 'hangzhou', LOCAL];
    const observed = (seenAt: Observation): ReadonlyMap<string, Observation> => new Map(clusters.map((cluster) => [keyText(keyOf(cluster, a)), seenAt]));
    const told = (seenAt: Observation): readonly string[] =>
      prune({ entries: clusters.map(entry), observations: observed(seenAt), owner: SHOP, approvals: given, leaving: true }).map(
        (change) => `${change.key.cluster} ${change.action}`,
      );
    assert.deepEqual(told(away), ['local refuse', 'hangzhou refuse', 'beijing keep']);
    assert.deepEqual(told({ live: a }), ['local delete', 'hangzhou delete', 'beijing delete']);
    assert.equal(approvals({ action: 'abandon', target: { kind: 'ManagedCluster', name: LOCAL } }).abandons(LOCAL), null);
    assert.equal(
      approvals({ action: 'abandon', target: { kind: 'ManagedCluster', name: 'beijing' }, expires: '2026-05-31T00:00:00Z' }).abandons('beijing'),
      null,
    );
  });

  it('refuses what was not looked for: silence is no absence (I11)', () => {
    const [change] = pruned([a], { observations: new Map() });
    assert.deepEqual([change?.action, change?.fault?.code], ['refuse', 'transport/unreachable']);
  });

  for (const [kind, namespace, apiVersion] of [
    ['Initializer', 'vela-system', 'core.oam.dev/v1beta1'],
    ['Configuration', 'prod', 'terraform.core.oam.dev/v1beta1'],
    ['ManagedCluster', '', 'cluster.open-cluster-management.io/v1'],
    ['Namespace', '', 'v1'],
    ['CustomResourceDefinition', '', 'apiextensions.k8s.io/v1'],
    ['PersistentVolumeClaim', 'prod', 'v1'],
  ] as const) {
    it(`keeps a ${kind}, which cannot be had back, until it is approved (I11)`, () => {
      const object = thing(kind, 'old', namespace, apiVersion);
      const [change] = pruned([object]);
      assert.deepEqual([change?.action, change?.fault?.code], ['refuse', 'plan/guard']);
      assert.equal(
        change?.reason,
        `${kind} ${namespace === '' ? '' : `${namespace}/`}old is no longer asked for by prod/shop and is kept, for it cannot be had back`,
      );
      const approval = approvals({ action: 'delete', target: { kind, name: 'old', ...(namespace === '' ? {} : { namespace }) } });
      assert.deepEqual(
        pruned([object], { approvals: approval }).map((item) => item.action),
        ['delete'],
      );
    });
  }

  it('deletes with its application what cannot be had back, when the application is approved', () => {
    const claim = thing('PersistentVolumeClaim', 'data');
    const approval = approvals({ action: 'delete', target: { kind: 'Application', namespace: 'prod', name: 'shop' } });
    assert.deepEqual(
      pruned([claim], { approvals: approval, leaving: true }).map((item) => item.action),
      ['delete'],
    );
    assert.deepEqual(
      pruned([claim], { approvals: approval, leaving: false }).map((item) => item.action),
      ['refuse'],
      'while the application stays, its approval speaks of nothing in it',
    );
  });
});

describe('an Approval', () => {
  const claim = { kind: 'PersistentVolumeClaim', namespace: 'prod', name: 'data', cluster: 'local' };
  const target = { kind: 'PersistentVolumeClaim', namespace: 'prod', name: 'data' };
  const CASES: readonly (readonly [string, JsonObject, Partial<typeof claim>, boolean])[] = [
    ['lets its target be deleted', { action: 'delete', target }, {}, true],
    ['speaks of one name', { action: 'delete', target }, { name: 'other' }, false],
    ['speaks of one kind', { action: 'delete', target }, { kind: 'Namespace' }, false],
    ['speaks of one namespace', { action: 'delete', target }, { namespace: 'test' }, false],
    ['without a namespace speaks of default', { action: 'delete', target: { kind: target.kind, name: 'data' } }, { namespace: 'default' }, true],
    ['without a namespace does not speak of every namespace', { action: 'delete', target: { kind: target.kind, name: 'data' } }, {}, false],
    [
      'without a namespace speaks of what has none',
      { action: 'delete', target: { kind: 'Namespace', name: 'data' } },
      { kind: 'Namespace', namespace: '' },
      true,
    ],
    ['without a cluster speaks of the hub, not of members', { action: 'delete', target }, { cluster: 'beijing' }, false],
    ['speaks of the cluster that it names', { action: 'delete', target: { ...target, cluster: 'beijing' } }, { cluster: 'beijing' }, true],
    ['for one cluster does not speak of the hub', { action: 'delete', target: { ...target, cluster: 'beijing' } }, {}, false],
    ['to resume deletes nothing', { action: 'resume', target }, {}, false],
    ['that has expired is none', { action: 'delete', target, expires: '2026-05-31T23:59:59Z' }, {}, false],
    ['holds until it expires', { action: 'delete', target, expires: '2026-06-01T00:00:01Z' }, {}, true],
    ['whose expiry is no time is none', { action: 'delete', target, expires: 'soon' }, {}, false],
  ];
  for (const [title, spec, over, expected] of CASES) it(title, () => assert.equal(approvals(spec).allowsDelete({ ...claim, ...over }) !== null, expected));

  const resume = { action: 'resume', target: { kind: 'Application', namespace: 'prod', name: 'shop' } };
  for (const [title, spec, asked, expected] of [
    ['resumes any step of its application', resume, ['prod', 'shop', 'pause', 'h1'], true],
    ['resumes the step that it names', { ...resume, step: 'pause' }, ['prod', 'shop', 'pause', 'h1'], true],
    ['resumes no other step', { ...resume, step: 'pause' }, ['prod', 'shop', 'check', 'h1'], false],
    ['resumes only the content that it was given for', { ...resume, hash: 'h0' }, ['prod', 'shop', 'pause', 'h1'], false],
    ['resumes no other application', resume, ['test', 'shop', 'pause', 'h1'], false],
    ['without a namespace means default', { action: 'resume', target: { kind: 'Application', name: 'shop' } }, ['default', 'shop', 'pause', 'h1'], true],
    ['to delete resumes nothing', { ...resume, action: 'delete' }, ['prod', 'shop', 'pause', 'h1'], false],
  ] as const)
    it(title, () => assert.equal(approvals(spec).resumes(...(asked as unknown as [string, string, string, string])) !== null, expected));
});

describe('the deletion budget', () => {
  const deletions = (count: number): readonly { readonly key: ReturnType<typeof keyOf>; readonly owner: Owner }[] =>
    Array.from({ length: count }, (_, i) => ({ key: keyOf(LOCAL, configMap(`c${i}`)), owner: SHOP }));
  const BUDGET = { countMax: 3, shareMax: 0.5 };
  for (const [title, count, owned, held] of [
    ['lets few go, be they all there is', 3, 3, 0],
    ['lets a small share go, be they many', 4, 8, 0],
    ['holds all back when they are too many and too large a share', 4, 7, 4],
  ] as const)
    it(title, () => assert.equal(overBudget(deletions(count), owned, BUDGET, NONE).size, held));

  it('does not count what is approved', () => {
    const approval = approvals({ action: 'delete', target: { kind: 'ConfigMap', namespace: 'prod', name: 'c0' } });
    assert.equal(overBudget(deletions(4), 4, BUDGET, approval).size, 0);
    assert.deepEqual(overBudget(deletions(5), 5, BUDGET, approval).has('local//ConfigMap/prod/c0'), false);
  });

  it('does not count an application that is approved by name', () => {
    assert.equal(
      overBudget(deletions(9), 9, BUDGET, approvals({ action: 'delete', target: { kind: 'Application', namespace: 'prod', name: 'shop' } })).size,
      0,
    );
  });
});
