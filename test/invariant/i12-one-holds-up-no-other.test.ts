import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../daemon/lib/retry.ts';
import { createLoadCache } from '../../daemon/load/load.ts';
import { Loop } from '../../daemon/loop.ts';
import { Fault } from '../../daemon/model/fault.ts';
import type { Repo } from '../../daemon/model/ports.ts';
import { emptyMemory } from '../../daemon/pass.ts';
import { openCue } from '../../daemon/render/cue/cue.ts';
import { application, BOX, configMaps, definition, openWorld, plain, refusing } from './world.ts';

const OTHERS = {
  'box.json': definition('ComponentDefinition', 'box', BOX),
  'b.json': application('b', { other: '1' }, { type: 'box' }),
  'plain.json': plain('ConfigMap', 'plain'),
};
const arrived = (world: ReturnType<typeof openWorld>): readonly string[] => Object.keys(configMaps(world)).toSorted();

test('I12: an application that cannot be read, rendered or applied holds up no other', async () => {
  for (const bad of [
    'kind: [',
    application('a', { one: '1' }, { type: 'nonsense' }),
    application('a', { one: '1' }).replace('"components"', '"component"'),
    application('a', { one: '1' }),
  ]) {
    const world = openWorld();
    world.push({ ...OTHERS, 'a.yaml': bad });
    world.before = refusing('transport/invalid', (kind, subject) => kind === 'apply' && subject.endsWith('/one'));
    const { report } = await world.pass();
    assert.deepEqual(arrived(world), ['other', 'plain'], bad);
    assert.equal(report.applications.find((app) => app.name === 'b')?.phase, 'running');
  }
});

test('I12: a template that never ends holds up no other, and neither does a failing call of one step', async () => {
  await using cue = openCue({
    clock: systemClock(),
    override: process.env['LATEEN_CUE_WASM'],
    cacheDirectory: process.env['XDG_CACHE_HOME'],
    limits: { timeoutMs: 1_500, workers: 1 },
  });
  const world = openWorld();
  world.doors = { cue, http: () => Promise.reject(new Fault('workflow/unreachable', 'nobody is there')) };
  world.push({
    ...OTHERS,
    'endless.json': definition(
      'ComponentDefinition',
      'endless',
      'import "list"\nl: list.Range(0, 1000, 1)\noutput: a: [for a in l for b in l for c in l for d in l if a > 5000 {a}]\nparameter: {...}\n',
    ),
    'a.json': application('a', { one: '1' }, { type: 'endless' }),
    'tell.json': definition(
      'WorkflowStepDefinition',
      'tell',
      'import "vela/http"\npost: http.#HTTPDo & {$params: {method: "POST", url: "http://127.0.0.1:1/"}}\nparameter: {}\n',
    ),
    'c.json': application(
      'c',
      { three: '1' },
      {
        steps: [
          { name: 'tell', type: 'tell' },
          { name: 'three', type: 'apply-component', properties: { component: 'three' } },
        ],
      },
    ),
  });
  const { report } = await world.pass();
  assert.deepEqual(arrived(world), ['other', 'plain']);
  assert.deepEqual(
    report.applications.map((app) => app.fault?.code ?? app.phase),
    ['render/timeout', 'running', 'runningWorkflow'],
  );
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
  assert.deepEqual(
    report.diagnostics.map((item) => [item.code, item.origin?.path]),
    [['transport/invalid', 'bad.json']],
  );
});

test('I12: an application whose time has come is not put off by another that has news all the time', async () => {
  const world = openWorld();
  const pause = [
    { name: 'pause', type: 'suspend', properties: { duration: '3s' } },
    { name: 'one', type: 'apply-component', properties: { component: 'one' } },
  ];
  const revision = world.push({ 'a.json': application('a', { one: '1' }, { steps: pause }), 'b.json': application('b', { two: '2' }) });
  const clock = {
    now: () => world.nowMs,
    random: () => 0.5,
    sleep: (ms: number) => {
      world.nowMs += ms;
      return Promise.resolve();
    },
  };
  const stop = new AbortController();
  const doors = world.wired();
  const repo = { ...doors.repo, fetch: () => Promise.resolve(revision) } as unknown as Repo;
  let passes = 0;
  const loop = new Loop({ ...doors, repo, clock }, emptyMemory(createLoadCache()), {
    resyncMs: 3_600_000,
    debounceMs: 20,
    onPass: () => {
      passes += 1;
      world.nowMs += 1_000;
      loop.ticks.application('default/b');
      if (arrived(world).includes('one') || passes === 12) stop.abort();
    },
  });
  await loop.run(stop.signal);
  assert.deepEqual(arrived(world), ['one', 'two'], `after ${passes} passes`);
});
