import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Fault } from '../../../../daemon/model/fault.ts';
import type { JsonObject } from '../../../../daemon/model/object.ts';
import type { ServiceHealth } from '../../../../daemon/model/status.ts';
import { runCoded } from '../../../../daemon/workflow/steps/coded.ts';
import type { StepResult } from '../../../../daemon/workflow/steps/result.ts';
import { cue } from '../../cue/evaluator.ts';
import { member, world, type Setting, type World } from '../actions/world.ts';

const WEB = { name: 'web', type: 'webservice', properties: { image: 'a' } };
const DB = { name: 'db', type: 'webservice', properties: { image: 'b' } };
const policy = (name: string, type: string, properties: JsonObject) => ({ name, type, properties });
const BOTH = policy('both', 'topology', { clusters: ['east', 'west'] });

function run(
  here: World,
  properties: JsonObject,
  type = 'deploy',
  resumed = false,
): { readonly result: Promise<StepResult>; readonly found: Map<string, ServiceHealth> } {
  const found = new Map<string, ServiceHealth>();
  return {
    found,
    result: runCoded({ ...here.context, resumed, step: { ...here.context.step, type, template: null }, properties }, (key, health) => found.set(key, health)),
  };
}
const shop = (setting: Setting): World => world({ components: [WEB, DB], members: [member('east'), member('west')], policies: [BOTH], ...setting });
const placesOf = (here: World): readonly string[] =>
  here.delivered
    .map((wanted) => `${wanted.key.cluster}/${wanted.key.kind}/${wanted.key.namespace}/${wanted.key.name}`)
    .filter((text) => !text.includes('/Service/'));

suite('deploy', () => {
  test("takes every component to every place, and tells each one's health", async () => {
    const here = shop({});
    const { result, found } = run(here, { policies: ['both'] });
    assert.equal((await result).kind, 'succeeded');
    assert.deepEqual([...placesOf(here)].sort(), [
      'east/Deployment/prod/db',
      'east/Deployment/prod/web',
      'west/Deployment/prod/db',
      'west/Deployment/prod/web',
    ]);
    assert.deepEqual([...found.keys()].sort(), ['east///db', 'east///web', 'west///db', 'west///web']);
  });

  test('waits for health, and names each that is not healthy', async () => {
    const here = shop({ components: [WEB] });
    here.componentHealth.healthy = false;
    const { kind, message, isIncomplete } = await run(here, { policies: ['both'] }).result;
    assert.deepEqual([kind, message, isIncomplete], ['wait', 'east///web is not healthy,west///web is not healthy', false]);
  });

  test('what depends on another waits for it in its own place', async () => {
    const here = shop({ components: [{ ...WEB, dependsOn: ['db'] }, DB] });
    here.componentHealth.healthy = false;
    const waiting = await run(here, { policies: ['both'] }).result;
    assert.deepEqual(
      [waiting.message, waiting.isIncomplete],
      ['east///web is waiting dependents,west///web is waiting dependents,east///db is not healthy,west///db is not healthy', true],
    );
    assert.deepEqual(placesOf(here), ['east/Deployment/prod/db', 'west/Deployment/prod/db']);
    here.componentHealth.healthy = true;
    assert.equal((await run(here, { policies: ['both'] }).result).kind, 'succeeded');
  });

  test('an output of a component is an input of another, in each place by itself', async () => {
    const here = shop({
      cue,
      components: [
        { ...DB, outputs: [{ name: 'where', valueFrom: 'output.metadata.namespace' }] },
        { ...WEB, inputs: [{ from: 'where', parameterKey: 'env.place' }] },
      ],
      policies: [policy('a', 'topology', { clusters: ['east'], namespace: 'one' }), policy('b', 'topology', { clusters: ['east'], namespace: 'two' })],
    });
    assert.equal((await run(here, { policies: ['a', 'b'] }).result).kind, 'succeeded');
    const webs = here.delivered.filter((wanted) => wanted.key.kind === 'Deployment' && wanted.key.name === 'web');
    assert.deepEqual(
      webs.map((wanted) => wanted.object['spec']),
      [
        { image: 'a', env: { place: 'one' } },
        { image: 'a', env: { place: 'two' } },
      ],
    );
  });

  test('a cluster that is away holds up no other, and is named', async () => {
    const here = shop({
      components: [WEB],
      members: [member('east', {}, { fault: new Fault('transport/unreachable', 'cluster east does not answer') }), member('west')],
    });
    const { kind, message } = await run(here, { policies: ['both'] }).result;
    assert.deepEqual([kind, message], ['wait', 'error encountered in cluster east: cluster east does not answer']);
    assert.deepEqual(placesOf(here), ['west/Deployment/prod/web']);
  });

  test('what is refused fails the step, after everything else had its turn', async () => {
    const here = shop({});
    here.faults.set('web', new Fault('transport/invalid', 'no'));
    await assert.rejects(run(here, { policies: ['both'] }).result, {
      code: 'transport/invalid',
      kind: 'invalid',
      message: 'error encountered in cluster east: no',
    });
    assert.deepEqual([...placesOf(here)].sort(), ['east/Deployment/prod/db', 'west/Deployment/prod/db']);
  });

  test('overrides change, add and select; replications copy', async () => {
    const here = shop({
      policies: [
        policy('here', 'topology', { clusters: ['east'] }),
        policy('two', 'override', { components: [{ name: 'web', properties: { image: 'c' } }], selector: ['web'] }),
        policy('copies', 'replication', { keys: ['x', 'y'], selector: ['web'] }),
      ],
    });
    const { result, found } = run(here, { policies: ['here', 'two', 'copies'] });
    await result;
    assert.deepEqual([...found.keys()], ['east//x/web', 'east//y/web']);
    assert.deepEqual(
      here.delivered.filter((wanted) => wanted.key.kind === 'Deployment').map((wanted) => wanted.object['spec']),
      [{ image: 'c' }, { image: 'c' }],
    );
    await assert.rejects(run(here, { policies: ['here', 'copies'], inlinePolicies: [policy('', 'override', { selector: ['db'] })] }).result, {
      message: 'failed to apply replication policy copies: no component selected to replicate',
    });
  });

  test('policies may stand in the step, and are decoded strictly', async () => {
    const here = shop({});
    assert.equal((await run(here, { inlinePolicies: [policy('', 'topology', { clusters: ['west'] })] }).result).kind, 'succeeded');
    assert.deepEqual([...new Set(here.delivered.map((wanted) => wanted.key.cluster))], ['west']);
    await assert.rejects(run(here, { inlinePolicies: [policy('', 'topology', { cluster: 'west' })] }).result, {
      code: 'render/policy',
      message: 'failed to parse topology policy inline-topology-policy-0: json: unknown field "cluster"',
    });
  });

  test("in a cluster where OCM applies it waits for the agent's word", async () => {
    const here = shop({ components: [WEB], members: [member('east', {}, { mode: 'ocm' })], policies: [policy('far', 'topology', { clusters: ['east'] })] });
    assert.equal((await run(here, { policies: ['far'] }).result).kind, 'succeeded');
    assert.deepEqual(
      placesOf(here).map((text) => text.replace(/-[0-9a-f]{8}$/, '')),
      ['local/ManifestWork/east/shop-web'],
    );
  });

  test('suspends first when it is not automatic, and refuses what makes no sense', async () => {
    const here = shop({});
    assert.deepEqual(await run(here, { policies: ['both'], auto: false }).result, { kind: 'suspend', message: 'Suspended by field suspend', outputs: {} });
    assert.equal((await run(here, { policies: ['both'], auto: false }, 'deploy', true).result).kind, 'succeeded');
    await assert.rejects(run(here, { policies: ['both'], parallelism: 0 }).result, { message: 'parallelism cannot be smaller than 1' });
    await assert.rejects(run(here, { policies: ['bohts'] }).result, { code: 'render/policy' });
  });
});

suite('apply-component', () => {
  test('goes to the cluster that it names', async () => {
    const here = shop({});
    const { result, found } = run(here, { component: 'web', cluster: 'west', namespace: 'n' }, 'apply-component');
    assert.equal((await result).kind, 'succeeded');
    assert.deepEqual([placesOf(here), [...found.keys()]], [['west/Deployment/n/web'], ['west/n/web']]);
    await assert.rejects(run(here, { component: 'web', cluster: 'wset' }, 'apply-component').result, {
      code: 'render/no-cluster',
      message: 'failed to get cluster wset: not found (did you mean "west"?)',
    });
  });
});
