import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Fault } from '../../../../daemon/model/fault.ts';
import { keyOf, LOCAL, type JsonObject, type KubeObject } from '../../../../daemon/model/object.ts';
import { PLAIN_RULES, type Environment, type RenderedComponent } from '../../../../daemon/model/plan.ts';
import type { ServiceHealth } from '../../../../daemon/model/status.ts';
import { runCoded } from '../../../../daemon/workflow/steps/coded.ts';
import type { StepResult } from '../../../../daemon/workflow/steps/result.ts';
import { member, world, type Setting, type World } from '../actions/world.ts';

function component(name: string): RenderedComponent {
  const object: KubeObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'prod' }, spec: {} };
  return {
    name,
    type: 'webservice',
    workload: { apiVersion: 'apps/v1', kind: 'Deployment' },
    cluster: LOCAL,
    namespace: 'prod',
    replicaKey: '',
    template: '',
    parameter: null,
    context: {},
    status: {},
    traits: [{ type: 'expose', template: '', parameter: null, status: {}, stage: 'DefaultDispatch' }],
    objects: [{ key: keyOf(LOCAL, object), object, component: name, trait: '', output: '', origin: null, rules: PLAIN_RULES }],
  };
}

const environment = (over: Partial<Environment> = {}): Environment => ({
  policy: 'envs',
  name: 'test',
  by: 'ocm',
  created: false,
  choice: { placement: 'shop-test', labels: { tier: 'test', region: 'eu' } },
  components: [component('web'), component('db')],
  origin: { path: 'a', line: 1, column: 1 },
  ...over,
});

async function run(
  setting: Setting,
  properties: JsonObject = { policy: 'envs', env: 'test', component: 'web' },
): Promise<{ readonly here: World; readonly result: StepResult; readonly found: ReadonlyMap<string, ServiceHealth> }> {
  const here = world({ dialect: '1.1', environments: [environment()], ...setting });
  const found = new Map<string, ServiceHealth>();
  const result = await runCoded({ ...here.context, step: { ...here.context.step, type: 'deploy2cluster', template: null }, properties }, (key, health) =>
    found.set(key, health),
  );
  return { here, result, found };
}

const works = (here: World): readonly string[] =>
  here.delivered.map((wanted) => `${wanted.key.cluster}/${wanted.key.kind}/${wanted.key.namespace}/${wanted.key.name}`);

suite('an environment step', () => {
  test('applies the work of its component in the cluster that was chosen, and is done', async () => {
    const { here, result, found } = await run({
      decisions: (namespace, placement) => (namespace === 'prod' && placement === 'shop-test' ? ['poc-01', 'poc-02'] : null),
    });
    assert.equal(result.kind, 'succeeded');
    assert.deepEqual(works(here), ['local/ManifestWork/poc-01/envs-test-web']);
    assert.deepEqual(
      [...found].map(([key, health]) => [key, health.healthy, health.traits.map((trait) => trait.type)]),
      [['poc-01/prod/web', true, ['expose']]],
    );
  });

  test('without a component delivers all of the environment', async () => {
    const { here } = await run({ decisions: () => ['poc-01'] }, { policy: 'envs', env: 'test' });
    assert.deepEqual(works(here), ['local/ManifestWork/poc-01/envs-test-web', 'local/ManifestWork/poc-01/envs-test-db']);
  });

  test('waits while nothing is decided, and while no cluster fits, and names the selector', async () => {
    const pending = await run({});
    assert.deepEqual(
      [pending.result.kind, pending.result.message, pending.result.isIncomplete],
      ['wait', 'fail to get PlacementDecision for environment test of policy envs: Placement prod/shop-test (tier=test, region=eu) is not decided yet', true],
    );
    const nobody = await run({ decisions: () => [] });
    assert.deepEqual(
      [nobody.result.kind, nobody.result.message],
      ['wait', 'no matched cluster for environment test of policy envs: no cluster has the labels tier=test, region=eu (Placement prod/shop-test)'],
    );
    assert.deepEqual(works(nobody.here), []);
  });

  test('goes to a cluster by its name, and waits for one that is not there', async () => {
    const named = (name: string) => ({ environments: [environment({ choice: { cluster: name } })], members: [member('west')] });
    assert.deepEqual(works((await run(named('west'))).here), ['local/ManifestWork/west/envs-test-web']);
    assert.match((await run(named('east'))).result.message, /there is no cluster east$/);
  });

  test('an engine without OCM applies the objects themselves', async () => {
    assert.deepEqual(works((await run({ environments: [environment({ by: 'apply', choice: { cluster: 'west' } })], members: [member('west')] })).here), [
      'west/Deployment/prod/web',
    ]);
  });

  test('tells a refused work, and what is not there', async () => {
    const here = world({ dialect: '1.1', environments: [environment()], decisions: () => ['poc-01'] });
    here.faults.set('envs-test-web', new Fault('transport/denied', 'too large'));
    const step = { ...here.context.step, type: 'multi-env', template: null };
    await assert.rejects(
      runCoded({ ...here.context, step, properties: { policy: 'envs', env: 'test', component: 'web' } }, () => {}),
      { code: 'transport/denied', message: 'too large' },
    );
    await assert.rejects(run({}, { policy: 'envs', env: 'none' }), {
      code: 'load/reference',
      message: 'there is no environment none in an env-binding policy envs',
    });
    await assert.rejects(run({ decisions: () => ['poc-01'] }, { policy: 'envs', env: 'test', component: 'none' }), {
      code: 'load/reference',
      message: 'component none not found',
    });
  });
});

test('deploy2env of KubeVela 1.10 delivers the patched components to the cluster and namespace of the environment', async () => {
  const here = world({
    components: [
      { name: 'web', type: 'webservice', properties: { image: 'a' } },
      { name: 'db', type: 'webservice', properties: {} },
    ],
    members: [member('east')],
    policies: [
      {
        name: 'envs',
        type: 'env-binding',
        properties: {
          envs: [
            {
              name: 'prod',
              placement: { clusterSelector: { name: 'east' }, namespaceSelector: { name: 'n' } },
              selector: { components: ['web'] },
              patch: { components: [{ name: 'web', properties: { image: 'b' } }] },
            },
          ],
        },
      },
    ],
  });
  const step = { ...here.context.step, type: 'deploy2env', template: null };
  const run = (properties: JsonObject) => runCoded({ ...here.context, step, properties }, () => {});
  assert.equal((await run({ policy: 'envs', env: 'prod' })).kind, 'succeeded');
  assert.deepEqual(
    here.delivered.filter((wanted) => wanted.key.kind === 'Deployment').map((wanted) => [wanted.key.cluster, wanted.key.namespace, wanted.object['spec']]),
    [['east', 'n', { image: 'b' }]],
  );
  await assert.rejects(run({ policy: 'envs', env: 'none' }), { code: 'render/policy', message: 'env none not found in policy envs' });
  await assert.rejects(run({ policy: 'none', env: 'prod' }), { code: 'render/policy', message: 'env-binding policy none not found' });
});
