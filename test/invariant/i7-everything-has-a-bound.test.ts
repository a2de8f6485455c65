import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLoadCache, load } from '../../daemon/load/load.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import { openCue } from '../../daemon/render/cue/cue.ts';
import { application, BOX, configMaps, definition, openWorld, refusing } from './world.ts';

const treeOf = (files: Readonly<Record<string, string>>) => ({
  revision: { sha: 'c0ffee', branch: 'main', author: '', subject: '' },
  files: Object.entries(files).map(([path, text]) => ({ path, text, oid: path, sizeBytes: text.length })),
});

test('I7: a document that is too deep, too many documents, and aliases that multiply are refused, and the rest is read', () => {
  const bomb = `a: &a [x, x, x, x, x, x, x, x, x, x]\n${'bcdefghij'
    .split('')
    .map((name, i) => `${name}: &${name} [${Array.from({ length: 10 }, () => `*${'abcdefghij'[i]}`).join(', ')}]`)
    .join('\n')}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\n`;
  const catalog = load(
    treeOf({
      'deep.json': `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"deep"},"data":${'['.repeat(500)}${']'.repeat(500)}}`,
      'many.yaml': '---\na: 1\n'.repeat(10_050),
      'bomb.yaml': bomb,
      'fine.json': application('fine', { one: '1' }),
    }),
    { cache: createLoadCache() },
  );
  const limits = catalog.diagnostics.filter((item) => item.code === 'load/limit').map((item) => item.origin?.path);
  assert.deepEqual(new Set(limits), new Set(['bomb.yaml', 'deep.json', 'many.yaml']));
  assert.deepEqual(
    catalog.applications.map(({ object }) => object.metadata.name),
    ['fine'],
  );
});

test('I7: a hundred applications are worked on a few at a time, and none is left out', async () => {
  const world = openWorld();
  world.push(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`app-${i}.json`, application(`app-${i}`, { [`one-${i}`]: '1', [`two-${i}`]: '1' })])));
  await world.settle();
  assert.equal(Object.keys(configMaps(world)).length, 200);
  // 16 applications with 10 writes each are the most there can be.
  assert.ok(world.atOnceMax > 1 && world.atOnceMax <= 160, `${world.atOnceMax} at once`);
});

test('I7: a step that is refused is tried a few times, and then no more', async () => {
  const world = openWorld();
  world.push({ 'a.json': application('a', { one: '1' }) });
  let tries = 0;
  world.before = (kind, subject) => {
    if (kind === 'apply') tries += 1;
    refusing('transport/invalid', (effect) => effect === 'apply')(kind, subject);
  };
  for (let round = 0; round < 15; round += 1) {
    await world.pass();
    world.nowMs += 60_000;
  }
  assert.ok(tries >= 1 && tries <= 10, `${tries} tries`);
  // That it was refused for good is told for as long as it is so, and where.
  for (const file of ['applications/default/a.yaml', 'repository.yaml', 'README.md'])
    assert.match(world.branch.get(file) ?? '', /workflow\/step-failed[\s\S]*a\.json:1:\d+|a\.json:1:\d+[\s\S]*workflow\/step-failed/);
});

test('I7: a template has a time and a memory, and the next one a fresh evaluator', async () => {
  await using cue = openCue({
    clock: systemClock(),
    override: process.env['LATEEN_CUE_WASM'],
    cacheDirectory: process.env['XDG_CACHE_HOME'],
    limits: { timeoutMs: 1_500, memoryBytesMax: 96 * 1_048_576, workers: 1 },
  });
  const world = openWorld();
  world.doors = { cue };
  world.push({
    'endless.json': definition(
      'ComponentDefinition',
      'endless',
      'import "list"\nl: list.Range(0, 1000, 1)\noutput: a: [for a in l for b in l for c in l for d in l if a > 5000 {a}]\nparameter: {...}\n',
    ),
    'greedy.json': definition(
      'ComponentDefinition',
      'greedy',
      'import "list"\noutput: a: [for i in list.Range(0, 9000, 1) {{for j in list.Range(0, 300, 1) {"field-\\(i)-\\(j)": {x: i, y: [j, j, j]}}}}]\nparameter: {...}\n',
    ),
    'box.json': definition('ComponentDefinition', 'box', BOX),
    'a.json': application('a', { one: '1' }, { type: 'endless' }),
    'b.json': application('b', { two: '1' }, { type: 'greedy' }),
    'c.json': application('c', { three: '1' }, { type: 'box' }),
  });
  const { report } = await world.pass();
  const codes = Object.fromEntries(report.applications.map((app) => [app.name, app.fault?.code ?? '']));
  assert.equal(codes['a'], 'render/timeout');
  assert.match(codes['b'] ?? '', /^render\/(memory|timeout)$/);
  assert.deepEqual(configMaps(world), { three: { value: '1' } });
});
