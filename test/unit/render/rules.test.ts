/** KubeVela 1.10's policies about objects, resolved for one object. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject, KubeObject } from '../../../daemon/model/object.ts';
import { PLAIN_RULES, type ApplyRules } from '../../../daemon/model/plan.ts';
import { rulesFor, suggestion, type ObjectPolicy } from '../../../daemon/render/rules.ts';

const DEPLOYMENT: KubeObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } };
const SERVICE: KubeObject = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web-service' } };
const WORKLOAD = { component: 'web', workloadType: 'webservice', traitType: '', output: '' };
const EXPOSE = { component: 'web', workloadType: '', traitType: 'expose', output: 'service' };
const AUXILIARY = { component: 'web', workloadType: '', traitType: 'AuxiliaryWorkload', output: 'service' };

const policy = (type: string, properties: JsonObject): ObjectPolicy => ({ type, properties });
const rules = (...list: readonly JsonObject[]): JsonObject => ({ rules: list });
const given = (resolved: ApplyRules): Partial<ApplyRules> =>
  Object.fromEntries(Object.entries(resolved).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(PLAIN_RULES[name as keyof ApplyRules])));

describe('a selector', () => {
  const CASES: readonly (readonly [string, JsonObject, KubeObject, typeof WORKLOAD, boolean])[] = [
    ['of nothing selects nothing', {}, DEPLOYMENT, WORKLOAD, false],
    ['of empty lists selects nothing', { componentNames: [] }, DEPLOYMENT, WORKLOAD, false],
    ['takes any of a list', { componentNames: ['db', 'web'] }, DEPLOYMENT, WORKLOAD, true],
    ['needs every list', { componentNames: ['web'], resourceTypes: ['Service'] }, DEPLOYMENT, WORKLOAD, false],
    ['by component', { componentNames: ['web'] }, SERVICE, EXPOSE, true],
    ["by component type, of its traits' objects too", { componentTypes: ['webservice'] }, SERVICE, EXPOSE, true],
    ['by component type, of another', { componentTypes: ['worker'] }, SERVICE, EXPOSE, false],
    ['by workload', { oamTypes: ['WORKLOAD'] }, DEPLOYMENT, WORKLOAD, true],
    ['by workload, of a trait', { oamTypes: ['WORKLOAD'] }, SERVICE, EXPOSE, false],
    ['by trait', { oamTypes: ['TRAIT'] }, SERVICE, EXPOSE, true],
    ['by trait, what stands beside the workload too', { oamTypes: ['TRAIT'] }, SERVICE, AUXILIARY, true],
    ['by trait type', { traitTypes: ['expose'] }, SERVICE, EXPOSE, true],
    ['by trait type, of the workload', { traitTypes: ['expose'] }, DEPLOYMENT, WORKLOAD, false],
    ['by kind', { resourceTypes: ['Service'] }, SERVICE, EXPOSE, true],
    ['by name', { resourceNames: ['web-service'] }, SERVICE, EXPOSE, true],
    ['by name, of another', { resourceNames: ['web'] }, SERVICE, EXPOSE, false],
    ['that is no list of texts selects nothing', { resourceNames: 'web', componentNames: [7] }, DEPLOYMENT, WORKLOAD, false],
  ];
  for (const [title, selector, object, part, expected] of CASES)
    it(title, () => assert.equal(rulesFor([policy('take-over', rules({ selector }))], object, part, 'webservice').takeOver, expected));
});

describe('the rules of an object', () => {
  const ALL = { selector: { resourceTypes: ['Deployment'] } };
  const CASES: readonly (readonly [string, readonly ObjectPolicy[], Partial<ApplyRules>])[] = [
    ['are plain without policies', [], {}],
    ['take over', [policy('take-over', rules(ALL))], { takeOver: true }],
    ['are read-only', [policy('read-only', rules(ALL))], { readOnly: true }],
    ['share', [policy('shared-resource', rules(ALL))], { shared: true }],
    [
      'replace',
      [policy('resource-update', rules({ ...ALL, strategy: { op: 'replace', recreateFields: ['spec.selector'] } }))],
      { replace: true, recreateFields: ['spec.selector'] },
    ],
    ['patch where no op is given', [policy('resource-update', rules({ ...ALL, strategy: { op: 'patch' } }))], {}],
    ['keep it for ever', [policy('garbage-collect', rules({ ...ALL, strategy: 'never' }))], { gc: 'never' }],
    ['keep it until the application goes', [policy('garbage-collect', rules({ ...ALL, strategy: 'onAppDelete' }))], { gc: 'onAppDelete' }],
    ['keep it until the application goes, with keepLegacyResource', [policy('garbage-collect', { keepLegacyResource: true })], { gc: 'onAppDelete' }],
    ['orphan what hangs on it', [policy('garbage-collect', rules({ ...ALL, propagation: 'orphan' }))], { propagation: 'orphan' }],
    [
      'are those of the first rule that selects',
      [
        policy(
          'garbage-collect',
          rules({ selector: { resourceTypes: ['Service'] }, strategy: 'never' }, { ...ALL, strategy: 'onAppDelete' }, { ...ALL, strategy: 'never' }),
        ),
      ],
      { gc: 'onAppDelete' },
    ],
    [
      'are those of several policies of a type after each other',
      [policy('garbage-collect', rules({ selector: {}, strategy: 'never' })), policy('garbage-collect', rules({ ...ALL, strategy: 'never' }))],
      { gc: 'never' },
    ],
    ['of types apart add up', [policy('take-over', rules(ALL)), policy('shared-resource', rules(ALL))], { takeOver: true, shared: true }],
    ['keep the whole object, apply-once without rules', [policy('apply-once', { enable: true })], { keepOnDrift: ['*'] }],
    ['keep nothing, apply-once that is off', [policy('apply-once', { enable: false, ...rules({ ...ALL, strategy: { path: ['*'] } }) })], {}],
    [
      'keep paths on both occasions',
      [policy('apply-once', { enable: true, ...rules({ ...ALL, strategy: { path: ['spec.replicas'] } }) })],
      { keepOnUpdate: ['spec.replicas'], keepOnDrift: ['spec.replicas'] },
    ],
    [
      'keep paths always',
      [policy('apply-once', { enable: true, ...rules({ ...ALL, strategy: { path: ['spec.replicas'], affect: 'always' } }) })],
      { keepOnUpdate: ['spec.replicas'], keepOnDrift: ['spec.replicas'] },
    ],
    [
      'keep paths on update',
      [policy('apply-once', { enable: true, ...rules({ ...ALL, strategy: { path: ['spec.replicas'], affect: 'onUpdate' } }) })],
      { keepOnUpdate: ['spec.replicas'] },
    ],
    [
      'keep paths while state is kept',
      [policy('apply-once', { enable: true, ...rules({ ...ALL, strategy: { path: ['spec.replicas'], affect: 'onStateKeep' } }) })],
      { keepOnDrift: ['spec.replicas'] },
    ],
    [
      "keep nothing of what apply-once's rules do not select",
      [policy('apply-once', { enable: true, ...rules({ selector: { resourceTypes: ['Service'] }, strategy: { path: ['*'] } }) })],
      {},
    ],
    ['are plain for properties that are none', [policy('garbage-collect', { rules: 'all' }), policy('apply-once', { enable: 'yes' })], {}],
  ];
  for (const [title, policies, expected] of CASES) it(title, () => assert.deepEqual(given(rulesFor(policies, DEPLOYMENT, WORKLOAD, 'webservice')), expected));

  for (const policies of [[], [policy('take-over', rules())]]) {
    it(`force where the object itself says so, ${policies.length === 0 ? 'without' : 'with'} policies`, () => {
      const forced: KubeObject = { ...DEPLOYMENT, metadata: { ...DEPLOYMENT.metadata, annotations: { 'lateen.dev/force': 'true' } } };
      assert.deepEqual(given(rulesFor(policies, forced, WORKLOAD, 'webservice')), { force: true });
    });
  }
});

for (const [word, candidates, expected] of [
  ['webservce', ['webservice', 'worker'], ' (did you mean "webservice"?)'],
  ['zzz', ['webservice'], ''],
  ['x', [], ''],
] as const) {
  it(`suggests for ${word}: ${expected === '' ? 'nothing' : expected}`, () => assert.equal(suggestion(word, candidates), expected));
}
