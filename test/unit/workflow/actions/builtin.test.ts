import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CueObject } from '../../../../daemon/model/cue.ts';
import { cue } from '../../cue/evaluator.ts';
import { answerOf, ask } from './ask.ts';
import { world } from './world.ts';

test('a wait goes on for true and nothing else, also when its condition has no value yet', async () => {
  const here = world();
  assert.deepEqual(await ask(here, 'builtin.wait', { continue: true }), { kind: 'result', value: {} });
  assert.deepEqual(await ask(here, 'builtin.wait', { continue: false, message: 'soon' }), { kind: 'wait', message: 'soon' });
  assert.deepEqual(await ask(here, 'builtin.wait', {}, { missing: [{ code: 'nonconcrete', message: 'no value', path: ['continue'] }] }), {
    kind: 'wait',
    message: '',
  });
});

test('a suspend names its field and lasts until the step is resumed', async () => {
  const here = world();
  assert.deepEqual(await ask(here, 'builtin.suspend', { message: 'mine' }, { path: 'approve' }), { kind: 'suspend', message: 'Suspended by field approve' });
  here.clock.nowMs += 1000;
  assert.equal((await ask(here, 'builtin.suspend', {}, { path: 'approve' })).kind, 'suspend');
  const resumed = { ...here, context: { ...here.context, resumed: true } };
  assert.equal((await ask(resumed, 'builtin.suspend', {}, { path: 'approve' })).kind, 'result');
  assert.equal((await ask(resumed, 'builtin.suspend', {}, { path: 'second' })).kind, 'suspend', 'a second suspend of the step is still to come');
});

test('a suspend with a duration says how long it has still to go, and then passes', async () => {
  const here = world();
  const params = { duration: '2m15s' };
  assert.deepEqual(await ask(here, 'builtin.suspend', params, { path: 'a.hold' }), {
    kind: 'suspend',
    message: 'Suspended by field hold',
    retryAfterMs: 135_000,
  });
  here.clock.nowMs += 134_000;
  assert.deepEqual(await ask(here, 'builtin.suspend', params, { path: 'a.hold' }), { kind: 'suspend', message: 'Suspended by field hold', retryAfterMs: 1000 });
  here.clock.nowMs += 1000;
  assert.equal((await ask(here, 'builtin.suspend', params, { path: 'a.hold' })).kind, 'result');
  await assert.rejects(ask(here, 'builtin.suspend', { duration: 'soon' }), { code: 'workflow/call', message: 'failed to parse duration "soon"' });
});

test('break, fail and message end or mark the step in their own words', async () => {
  const here = world();
  assert.deepEqual(await ask(here, 'builtin.break', { message: 'enough' }), { kind: 'break', message: 'enough' });
  assert.deepEqual(await ask(here, 'builtin.fail', {}), { kind: 'fail', message: '' });
  assert.deepEqual(await ask(here, 'builtin.message', { message: 'so far' }), { kind: 'message', message: 'so far', value: {} });
});

test('a variable that was put is got again, whole or by a field below it', async () => {
  const here = world();
  assert.deepEqual(await answerOf(here, 'builtin.var', { method: 'Put', path: 'conn', value: { host: 'h' } }), {});
  assert.deepEqual(await answerOf(here, 'builtin.var', { method: 'Get', path: 'conn' }), { value: { host: 'h' } });
  assert.deepEqual(await answerOf(here, 'builtin.var', { method: 'Get', path: 'conn.host' }), { value: 'h' });
  await assert.rejects(ask(here, 'builtin.var', { method: 'Get', path: 'nothing' }), { code: 'workflow/call', message: 'there is no variable nothing' });
});

test('KubeVela 1.1 loads the rendered objects of one component, or of all by name', async () => {
  const here = world({
    dialect: '1.1',
    components: [
      { name: 'web', type: 'webservice', properties: { image: 'a' } },
      { name: 'db', type: 'webservice' },
    ],
  });
  const one = (await answerOf(here, 'builtin.load', { component: 'web' }, { style: 'flat' }))['value'] as { workload: CueObject; auxiliaries: CueObject[] };
  assert.deepEqual([one.workload['kind'], one.auxiliaries.map((object) => object['kind'])], ['Deployment', ['Service']]);
  const all = (await answerOf(here, 'builtin.load', {}, { style: 'flat' }))['value'] as CueObject;
  assert.deepEqual(Object.keys(all), ['web', 'db']);
  await assert.rejects(ask(here, 'builtin.load', { component: 'none' }), { code: 'workflow/call', message: 'component none not found in application' });
});

test('KubeVela 1.1: what a step exports into a component is part of it wherever it is loaded later, and once', async () => {
  const here = world({
    cue,
    dialect: '1.1',
    components: [
      { name: 'web', type: 'webservice', properties: { image: 'a' } },
      { name: 'db', type: 'webservice', properties: { image: 'b' } },
    ],
  });
  const annotations = async (): Promise<unknown> =>
    Object.entries(
      (await answerOf(here, 'builtin.load', {}, { style: 'flat' }))['value'] as Record<string, { workload: { metadata: { annotations?: unknown } } }>,
    ).map(([name, { workload }]) => [name, workload.metadata.annotations]);
  const before = await annotations();
  const value = { metadata: { annotations: { from: 'a-step' } } };
  assert.deepEqual(await answerOf(here, 'builtin.export', { component: 'web', value }), {});
  assert.deepEqual(await answerOf(here, 'builtin.export', { component: 'web', value }), {});
  await answerOf(here, 'builtin.export', { component: 'web', value: { metadata: { annotations: { more: 'x' } } } });
  assert.deepEqual(
    [before, await annotations()],
    [
      [
        ['web', undefined],
        ['db', undefined],
      ],
      [
        ['web', { from: 'a-step', more: 'x' }],
        ['db', undefined],
      ],
    ],
  );
  await assert.rejects(ask(here, 'builtin.export', { component: 'none', value }), {
    code: 'workflow/call',
    message: 'component none not found in application',
  });
});
