import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CueObject } from '../../../../daemon/model/cue.ts';
import { Fault } from '../../../../daemon/model/fault.ts';
import { answerOf, ask } from './ask.ts';
import { world } from './world.ts';

const WEB = { name: 'web', type: 'webservice', properties: { image: 'a' }, traits: [{ type: 'expose' }], inputs: [{ from: 'x' }], outputs: [{ name: 'y' }] };
const DB = { name: 'db', type: 'webservice' };

test("components are loaded by name or in order, without the inputs and outputs that are the step's", async () => {
  const here = world({ components: [WEB, DB] });
  const plain = { name: 'web', type: 'webservice', properties: { image: 'a' }, traits: [{ type: 'expose' }] };
  assert.deepEqual(await answerOf(here, 'oam.load', {}), { value: { web: plain, db: DB } });
  assert.deepEqual(await answerOf(here, 'op.load-comps-in-order', {}, { style: 'flat' }), { value: [plain, DB] });
});

test('another Application of the namespace is read from the hub', async () => {
  const here = world();
  here.put({ apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', metadata: { name: 'other', namespace: 'prod' }, spec: { components: [DB] } });
  assert.deepEqual(await answerOf(here, 'oam.load', { app: 'other' }), { value: { db: DB } });
  await assert.rejects(ask(here, 'oam.load', { app: 'none' }), { code: 'workflow/call', message: 'Application prod/none not found' });
});

test('policies are loaded by name', async () => {
  const policy = { name: 'places', type: 'topology', properties: { clusters: ['local'] } };
  assert.deepEqual(await answerOf(world({ policies: [policy] }), 'oam.load-policies', {}), { value: { places: policy } });
});

test('a component is applied with the properties of the call, and its live objects are the answer', async () => {
  const here = world({ components: [WEB] });
  const answer = await answerOf(here, 'oam.component-apply', { value: { ...WEB, properties: { image: 'b' } } });
  assert.deepEqual((answer['output'] as CueObject)['spec'], { image: 'b' });
  assert.equal(((answer['outputs'] as CueObject)['service'] as CueObject)['kind'], 'Service');
  assert.deepEqual(
    here.delivered.map((wanted) => wanted.component),
    ['web', 'web'],
  );
});

test('an unhealthy component waits and lets the walk go on, unless nobody waits for it', async () => {
  const here = world({ components: [WEB] });
  here.componentHealth.healthy = false;
  const outcome = await ask(here, 'oam.component-apply', { value: WEB });
  assert.deepEqual(
    [outcome.kind, outcome.kind === 'wait' && outcome.message, outcome.kind === 'wait' && outcome.value !== undefined],
    ['wait', 'wait healthy', true],
  );
  assert.equal((await ask(here, 'oam.component-apply', { value: WEB, waitHealthy: false }, { style: 'flat' })).kind, 'result');
});

test("a component that cannot be applied fails the step with the API's words", async () => {
  const here = world({ components: [WEB] });
  here.faults.set('web', new Fault('transport/denied', 'not allowed'));
  await assert.rejects(ask(here, 'oam.component-apply', { value: WEB }), { code: 'transport/denied', message: 'not allowed' });
});

test('a step may change the properties of a component, not what it is', async () => {
  const here = world({ components: [WEB] });
  await assert.rejects(ask(here, 'oam.component-apply', { value: { ...WEB, type: 'worker' } }), { code: 'workflow/unsupported' });
  await assert.rejects(ask(here, 'oam.component-apply', { value: { ...WEB, traits: [] } }), { code: 'workflow/unsupported' });
  await assert.rejects(ask(here, 'oam.component-apply', { value: { name: 'none' } }), {
    code: 'workflow/call',
    message: 'component none not found in application',
  });
});

test('rendering applies nothing, and each output is its own object', async () => {
  const here = world({ components: [WEB] });
  const answer = await answerOf(here, 'oam.component-render', { value: WEB, namespace: 'elsewhere' });
  assert.equal(((answer['output'] as CueObject)['metadata'] as CueObject)['namespace'], 'elsewhere');
  assert.equal(((answer['outputs'] as CueObject)['service'] as CueObject)['kind'], 'Service');
  assert.equal(here.delivered.length, 0);
});
