import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../daemon/lib/retry.ts';
import { Fault } from '../../daemon/model/fault.ts';
import { openCue } from '../../daemon/render/cue/cue.ts';
import { application, BOX, configMaps, definition, openWorld, plain, refusing } from './world.ts';

const OTHERS = { 'box.json': definition('ComponentDefinition', 'box', BOX), 'b.json': application('b', { other: '1' }, { type: 'box' }), 'plain.json': plain('ConfigMap', 'plain') };
const arrived = (world: ReturnType<typeof openWorld>): readonly string[] => Object.keys(configMaps(world)).toSorted();

test('I12: an application that cannot be read, rendered or applied holds up no other', async () => {
  for (const bad of ['kind: [', application('a', { one: '1' }, { type: 'nonsense' }), application('a', { one: '1' }).replace('"components"', '"component"'), application('a', { one: '1' })]) {
    const world = openWorld();
    world.push({ ...OTHERS, 'a.yaml': bad });
    world.before = refusing('transport/invalid', (kind, subject) => kind === 'apply' && subject.endsWith('/one'));
    const { report } = await world.pass();
    assert.deepEqual(arrived(world), ['other', 'plain'], bad);
    assert.equal(report.applications.find((app) => app.name === 'b')?.phase, 'running');
  }
});

test('I12: a template that never ends holds up no other, and neither does a failing call of one step', async () => {
  await using cue = openCue({ clock: systemClock(), override: process.env['LATEEN_CUE_WASM'], cacheDirectory: process.env['XDG_CACHE_HOME'], limits: { timeoutMs: 1_500, workers: 1 } });
  const world = openWorld();
  world.doors = { cue, http: () => Promise.reject(new Fault('workflow/unreachable', 'nobody is there')) };
  world.push({
    ...OTHERS,
    'endless.json': definition('ComponentDefinition', 'endless', 'import "list"\nl: list.Range(0, 1000, 1)\noutput: a: [for a in l for b in l for c in l for d in l if a > 5000 {a}]\nparameter: {...}\n'),
    'a.json': application('a', { one: '1' }, { type: 'endless' }),
    'tell.json': definition('WorkflowStepDefinition', 'tell', 'import "vela/http"\npost: http.#HTTPDo & {$params: {method: "POST", url: "http://127.0.0.1:1/"}}\nparameter: {}\n'),
    'c.json': application('c', { three: '1' }, { steps: [{ name: 'tell', type: 'tell' }, { name: 'three', type: 'apply-component', properties: { component: 'three' } }] }),
  });
  const { report } = await world.pass();
  assert.deepEqual(arrived(world), ['other', 'plain']);
  assert.deepEqual(report.applications.map((app) => app.fault?.code ?? app.phase), ['render/timeout', 'running', 'runningWorkflow']);
});

test('I12: objects that cannot be looked at hold up only the application that owns them', async () => {
  const world = openWorld();
  world.push({ ...OTHERS, 'a.json': application('a', { one: '1' }) });
  world.unseen = (key) => (key.name === 'one' ? new Fault('transport/unreachable', 'its cluster is away') : null);
  const { report } = await world.pass();
  assert.deepEqual(arrived(world), ['other', 'plain']);
  assert.ok(world.branch.get('applications/default/a.yaml')?.includes('transport/unreachable'));
  assert.equal(report.applications.find((app) => app.name === 'b')?.conditions.find((item) => item.type === 'Ready')?.status, 'True');
});

test('I12: a document that is refused holds up no other document and no application', async () => {
  const world = openWorld();
  world.push({ ...OTHERS, 'bad.json': plain('ConfigMap', 'bad') });
  world.before = refusing('transport/invalid', (kind, subject) => kind === 'apply' && subject.endsWith('/bad'));
  const { report } = await world.pass();
  assert.deepEqual(arrived(world), ['other', 'plain']);
  assert.deepEqual(report.diagnostics.map((item) => [item.code, item.origin?.path]), [['transport/invalid', 'bad.json']]);
});
