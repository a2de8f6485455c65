/** One object: what is to be done about it, and why. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../daemon/model/fault.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';
import type { ApplyRules, Change } from '../../../daemon/model/plan.ts';
import type { Observation } from '../../../daemon/model/status.ts';
import { changedFields, decide, finalForm, isStamped, ownership, type Owner } from '../../../daemon/plan/decide.ts';
import { PLAIN_FIELD_RULES, type FieldRules } from '../../../daemon/plan/field-rules.ts';
import { ABSENT, applied, configMap, live, OURS, wantedOf } from './things.ts';

const SHOP: Owner = { namespace: 'prod', name: 'shop', dialect: '1.10' };
const SHOP_1_1: Owner = { ...SHOP, dialect: '1.1' };
const REPOSITORY: Owner = { namespace: '', name: '', dialect: '1.10' };
const THEIRS = { 'app.oam.dev/name': 'stall', 'app.oam.dev/namespace': 'prod' };

const wanted = configMap('settings');
const drifted = applied(wanted, { data: { a: '2' } });

interface Case {
  readonly title: string;
  readonly observation: Observation;
  readonly owner?: Owner;
  readonly rules?: Partial<ApplyRules>;
  readonly correctDrift?: boolean;
  /** Fields that are left to others. */
  readonly ignored?: ReturnType<FieldRules['ignored']>;
  readonly want?: KubeObject;
  /** action, reason, code of the fault. */
  readonly gives: readonly [Change['action'], string, string?];
  readonly fields?: Change['fields'];
}

const DRIFT = [{ path: '/data/a', from: '2', to: '1' }];
const CASES: readonly Case[] = [
  { title: 'what is not there is created', observation: ABSENT, gives: ['create', 'not there yet'] },
  { title: 'what is as it should be is kept', observation: live(applied(wanted)), gives: ['keep', 'as it should be'] },
  {
    title: "what the server added is nobody's drift",
    observation: live(applied(wanted, { immutable: false, metadata: { generation: 4, creationTimestamp: '2026-01-01T00:00:00Z' } })),
    gives: ['keep', 'as it should be'],
  },
  {
    title: 'another content in the commit is an update, known by the hash',
    observation: live(applied(configMap('settings', { a: '0' }))),
    gives: ['update', 'changed in the commit'],
    fields: [{ path: '/data/a', from: '0', to: '1' }],
  },
  {
    title: 'a field that the commit no longer has is an update without a field to tell',
    observation: live(applied(configMap('settings', { a: '1', b: '2' }))),
    gives: ['update', 'changed in the commit'],
    fields: [],
  },
  { title: 'drift is put back', observation: live(drifted), gives: ['update', 'drift'], fields: DRIFT },
  {
    title: 'drift is only reported where that is asked for',
    observation: live(drifted),
    correctDrift: false,
    gives: ['keep', 'drift, only reported'],
    fields: DRIFT,
  },
  {
    title: 'apply-once keeps the whole object as it has become',
    observation: live(drifted),
    rules: { keepOnDrift: ['*'] },
    gives: ['keep', 'drift, only reported'],
    fields: DRIFT,
  },
  {
    title: 'apply-once of a path keeps that path',
    observation: live(drifted),
    rules: { keepOnDrift: ['data.a'] },
    gives: ['keep', 'drift, only reported'],
    fields: DRIFT,
  },
  {
    title: 'apply-once of one path does not keep another',
    observation: live(drifted),
    rules: { keepOnDrift: ['data.b'] },
    gives: ['update', 'drift'],
    fields: DRIFT,
  },
  {
    title: 'apply-once does not hold up a new content',
    observation: live(applied(configMap('settings', { a: '0' }))),
    rules: { keepOnDrift: ['*'] },
    gives: ['update', 'changed in the commit'],
    fields: [{ path: '/data/a', from: '0', to: '1' }],
  },
  { title: 'a field that is left to others is no drift', observation: live(drifted), ignored: [['data', 'a']], gives: ['keep', 'as it should be'] },
  {
    title: 'a field that is left to others hides no other',
    observation: live(applied(configMap('settings', { a: '1', b: '1' }), { data: { a: '2', b: '2' } })),
    want: configMap('settings', { a: '1', b: '1' }),
    ignored: [['data', 'a']],
    gives: ['update', 'drift'],
    fields: [{ path: '/data/b', from: '2', to: '1' }],
  },
  {
    title: 'a field that is left to others holds up no new content, and is not told',
    observation: live(applied(configMap('settings', { a: '0', b: '0' }))),
    want: configMap('settings', { a: '1', b: '1' }),
    ignored: [['data', 'a']],
    gives: ['update', 'changed in the commit'],
    fields: [{ path: '/data/b', from: '0', to: '1' }],
  },
  { title: 'a field that is left to others is made with the object', observation: ABSENT, ignored: [['data', 'a']], gives: ['create', 'not there yet'] },
  { title: 'what is read-only is never written', observation: live(drifted), rules: { readOnly: true }, gives: ['keep', 'read-only'] },
  {
    title: "what is read-only and nobody's is left alone as well",
    observation: live(configMap('settings', {}, {})),
    rules: { readOnly: true },
    gives: ['keep', 'read-only'],
  },
  {
    title: 'what is read-only must be there',
    observation: ABSENT,
    rules: { readOnly: true },
    gives: [
      'refuse',
      'ConfigMap (settings) is marked as read-only but does not exist. You should check the existence of the resource or remove the read-only policy',
      'plan/ownership',
    ],
  },
  {
    title: '1.1: what nobody owns is adopted',
    observation: live(configMap('settings', { a: '2' }, {})),
    owner: SHOP_1_1,
    gives: ['adopt', 'exists and is taken over'],
    fields: [
      { path: '/metadata/labels/app.oam.dev~1name', to: 'shop' },
      { path: '/metadata/labels/app.oam.dev~1namespace', to: 'prod' },
      { path: '/data/a', from: '2', to: '1' },
    ],
  },
  {
    title: '1.10: what nobody owns is refused',
    observation: live(configMap('settings', { a: '2' }, {})),
    gives: ['refuse', 'ConfigMap prod/settings exists but not managed by any application now', 'plan/ownership'],
  },
  {
    title: '1.10: what nobody owns is taken over where a policy says so',
    observation: live(configMap('settings', { a: '1' }, { ...OURS, 'app.oam.dev/name': '' })),
    rules: { takeOver: true },
    gives: ['adopt', 'exists and is taken over'],
    fields: [{ path: '/metadata/labels/app.oam.dev~1name', from: '', to: 'shop' }],
  },
  {
    title: 'what belongs to another application is refused',
    observation: live(configMap('settings', {}, THEIRS)),
    gives: ['refuse', 'existing object ConfigMap prod/settings is managed by other application prod/stall', 'plan/ownership'],
  },
  {
    title: 'an application of the same name in another namespace is another',
    observation: live(configMap('settings', {}, { ...OURS, 'app.oam.dev/namespace': 'test' })),
    gives: ['refuse', 'existing object ConfigMap prod/settings is managed by other application test/shop', 'plan/ownership'],
  },
  {
    title: 'take-over takes nothing from another application',
    observation: live(configMap('settings', {}, THEIRS)),
    rules: { takeOver: true },
    gives: ['refuse', 'existing object ConfigMap prod/settings is managed by other application prod/stall', 'plan/ownership'],
  },
  {
    title: "what is shared may be another's",
    observation: live(configMap('settings', {}, THEIRS)),
    rules: { shared: true },
    gives: ['keep', 'shared with prod/stall'],
  },
  { title: 'what is shared and ours is kept up', observation: live(drifted), rules: { shared: true }, gives: ['update', 'drift'], fields: DRIFT },
  {
    title: 'what is being deleted is waited for',
    observation: live(applied(wanted, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } })),
    gives: ['refuse', 'ConfigMap prod/settings is being deleted; it is made again when it is gone', 'transport/gone'],
  },
  {
    title: 'a cluster that cannot be asked is a refusal with its own fault',
    observation: { fault: new Fault('transport/unreachable', 'away') },
    gives: ['refuse', 'away', 'transport/unreachable'],
  },
  {
    title: 'a document of the repository adopts what is there',
    observation: live(configMap('settings', { a: '1' }, { ...OURS, mine: 'yes' })),
    owner: REPOSITORY,
    gives: ['adopt', 'exists and is taken over'],
  },
  {
    title: 'a document of the repository is known again by its stamp',
    observation: live(applied(wanted)),
    owner: REPOSITORY,
    gives: ['keep', 'as it should be'],
  },
  {
    title: 'an object of ours without a stamp, as KubeVela wrote it, is updated',
    observation: live(wanted),
    gives: ['update', 'changed in the commit'],
    fields: [],
  },
];

describe('the decision about one object', () => {
  for (const { title, observation, owner = SHOP, rules = {}, correctDrift = true, ignored = [], want = wanted, gives, fields = [] } of CASES) {
    it(title, () => {
      const change = decide(wantedOf(want, rules), observation, owner, { ...PLAIN_FIELD_RULES, corrects: () => correctDrift, ignored: () => ignored });
      assert.deepEqual([change.action, change.reason, ...(change.fault === null ? [] : [change.fault.code])], gives);
      assert.deepEqual(change.fields, fields);
      assert.deepEqual(change.key, wantedOf(want).key);
      assert.equal(change.live, 'live' in observation ? observation.live : null);
    });
  }

  it('a field that is left to others is made as the commit says, and later sent as it has become: neither fought over nor released', () => {
    const two = configMap('settings', { a: '1', b: '1' });
    const leftToOthers: FieldRules = { ...PLAIN_FIELD_RULES, ignored: () => [['data', 'a']] };
    assert.deepEqual(decide(wantedOf(two), ABSENT, SHOP, leftToOthers).wanted?.object['data'], { a: '1', b: '1' });
    const change = decide(wantedOf(two), live(applied(two, { data: { a: 'theirs', b: '2' } })), SHOP, leftToOthers);
    assert.deepEqual(change.wanted?.object['data'], { a: 'theirs', b: '1' });
    // It is known again by what the commit says: else every change of the field would look like a new content.
    assert.equal(
      change.wanted?.object.metadata.annotations?.['oam.dev/render-hash'],
      finalForm(wantedOf(two)).object.metadata.annotations?.['oam.dev/render-hash'],
    );
  });

  it('what is sent carries the hash by which it is known again', () => {
    const change = decide(wantedOf(wanted), ABSENT, SHOP);
    assert.deepEqual(Object.keys(change.wanted?.object.metadata.annotations ?? {}), ['oam.dev/render-hash']);
    assert.match(change.wanted?.object.metadata.annotations?.['oam.dev/render-hash'] ?? '', /^[0-9a-f]{16}$/);
  });

  it('a drift that is put back leaves the paths alone that apply-once keeps', () => {
    const two = configMap('settings', { a: '1', b: '1' });
    const change = decide(wantedOf(two, { keepOnDrift: ['data.a'] }), live(applied(two, { data: { a: '2', b: '2' } })), SHOP);
    assert.deepEqual([change.action, change.reason, change.wanted?.rules.keepOnUpdate], ['update', 'drift', ['data.a']]);
  });

  it('a new content keeps the paths that apply-once keeps on update, and no others', () => {
    const change = decide(wantedOf(wanted, { keepOnDrift: ['data.a'], keepOnUpdate: ['data.b'] }), live(applied(configMap('settings', { a: '0' }))), SHOP);
    assert.deepEqual(change.wanted?.rules.keepOnUpdate, ['data.b']);
  });

  it('a namespace that an object of KubeVela 1.1 does not tell is no other namespace', () => {
    assert.deepEqual(ownership(configMap('settings', {}, { 'app.oam.dev/name': 'shop' }), SHOP), { by: 'us', name: '' });
  });
});

describe('a Secret', () => {
  const secret = (fields: Readonly<Record<string, unknown>>, labels: Readonly<Record<string, string>> = OURS): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'key', namespace: 'prod', labels },
    ...fields,
  });

  it('is sent as the API server stores it', () => {
    const { object } = finalForm(wantedOf(secret({ stringData: { token: 'tök', n: 1 }, data: { token: 'b2xk', other: 'eA==' } })));
    assert.deepEqual([object['stringData'], object['data']], [undefined, { token: 'dMO2aw==', other: 'eA==', n: 'MQ==' }]);
    assert.deepEqual(Object.keys(object.metadata.annotations ?? {}), ['oam.dev/render-hash']);
  });

  it('is the same whether it was written as stringData or as data', () => {
    const change = decide(wantedOf(secret({ stringData: { token: 'abc' } })), live(applied(secret({ data: { token: 'YWJj' } }))), SHOP);
    assert.deepEqual([change.action, change.reason], ['keep', 'as it should be']);
  });

  it('never tells a value, only that it differs', () => {
    const change = decide(
      wantedOf(secret({ stringData: { token: 'new-secret-value' } })),
      live(applied(secret({ data: { token: 'b2xkLXNlY3JldA==' } }))),
      SHOP,
    );
    assert.deepEqual([change.action, change.fields], ['update', [{ path: '/data/token' }]]);
  });

  it('whose data was taken away tells no value either', () => {
    const change = decide(wantedOf(secret({ stringData: { token: 'new-secret-value' } })), live(secret({}, {})), { ...SHOP, dialect: '1.1' });
    assert.deepEqual(
      change.fields.filter((field) => field.path.startsWith('/data')),
      [{ path: '/data/token' }],
    );
    assert.doesNotMatch(JSON.stringify(change.fields), /new-secret-value|bmV3LXNlY3JldC12YWx1ZQ/);
  });

  it('tells the values of what is no secret in it', () => {
    const change = decide(wantedOf(secret({ data: {} }, { ...OURS, tier: 'gold' })), live(applied(secret({ data: {} }))), SHOP);
    assert.deepEqual(change.fields, [{ path: '/metadata/labels/tier', to: 'gold' }]);
  });
});

describe('our stamp', () => {
  const stamped = applied(wanted);
  for (const [title, managedFields, expected] of [
    ['counts when we manage a field', [{ manager: 'kubectl' }, { manager: 'lateen' }], true],
    ['does not count when it was copied with the object', [{ manager: 'kubectl' }], false],
    ['counts where managed fields are not told', undefined, true],
  ] as const)
    it(title, () => assert.equal(isStamped({ ...stamped, metadata: { ...stamped.metadata, managedFields } }), expected));

  it('is no difference to tell of', () => {
    assert.deepEqual(changedFields(finalForm(wantedOf(wanted)), { ...wanted, metadata: { ...wanted.metadata, annotations: {} } }), []);
  });
});
