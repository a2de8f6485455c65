import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { keyText, type KubeObject } from '../../daemon/model/object.ts';
import { FIELD_MANAGER } from '../../daemon/lib/stamp.ts';
import { application, configMaps, openWorld, plain, type World } from './world.ts';

const KEY = keyText({ cluster: 'local', apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'one' });
const edit = (world: World, change: (object: KubeObject) => object): void => void world.hub.set(KEY, change(world.hub.get(KEY) as KubeObject) as KubeObject);
const applies = (world: World): number => world.effects.filter((effect) => effect === `apply ${KEY}`).length;

test('I10: a field of ours that another changed is drift and put back, and the status tells of it once', async () => {
  const world = openWorld();
  world.push({ 'a.json': application('a', { one: '1' }) });
  await world.settle();
  edit(world, (object) => ({ ...object, data: { value: 'theirs' } }));
  const { report } = await world.pass();
  assert.deepEqual(configMaps(world)['one'], { value: '1' });
  assert.deepEqual(report.applications[0]?.objects[0]?.drift, ['/data/value']);
  assert.deepEqual((await world.settle()).report.applications[0]?.objects[0]?.drift, []);
});

test('I10: where the repository says `report`, drift is told and left', async () => {
  const world = openWorld();
  world.push({ 'lateen.yaml': 'drift: report\n', 'a.json': application('a', { one: '1' }) });
  await world.settle();
  edit(world, (object) => ({ ...object, data: { value: 'theirs' } }));
  const { report } = await world.settle();
  assert.deepEqual(configMaps(world)['one'], { value: 'theirs' });
  assert.deepEqual(report.applications[0]?.objects[0]?.drift, ['/data/value']);
});

test('I10: the operator may have drift told and never put back, or put back whatever the repository says', async () => {
  for (const [drift, said, value] of [
    ['report', 'correct', 'theirs'],
    ['correct', 'report', '1'],
  ] as const) {
    const world = openWorld();
    world.doors = { drift };
    world.push({ 'lateen.yaml': `drift: ${said}\n`, 'a.json': application('a', { one: '1' }) });
    await world.settle();
    edit(world, (object) => ({ ...object, data: { value: 'theirs' } }));
    const { report } = await world.pass();
    assert.deepEqual(configMaps(world)['one'], { value });
    assert.deepEqual(report.applications[0]?.objects[0]?.drift, ['/data/value']);
  }
});

test('I10: a field that the repository leaves to others is made, is never put back, is no drift, and outlives other changes', async () => {
  const world = openWorld();
  const rule = 'ignoreFields: [{kind: ConfigMap, name: one, paths: [/data/value]}]\n';
  world.push({ 'lateen.yaml': rule, 'a.json': application('a', { one: '1' }) });
  await world.settle();
  assert.deepEqual(configMaps(world)['one'], { value: '1' });
  edit(world, (object) => ({ ...object, data: { value: 'theirs' } }));
  const before = applies(world);
  const { report } = await world.settle();
  assert.deepEqual([configMaps(world)['one'], applies(world), report.applications[0]?.objects[0]?.drift], [{ value: 'theirs' }, before, []]);
  world.push({ 'lateen.yaml': rule, 'a.json': application('a', { one: '2' }) });
  await world.settle();
  assert.deepEqual([configMaps(world)['one'], applies(world)], [{ value: 'theirs' }, before + 1]);
  world.push({ 'lateen.yaml': null });
  await world.settle();
  assert.deepEqual(configMaps(world)['one'], { value: '2' }, 'without the rule it is ours again');
});

test('I10: a field that was never ours is no drift, and nothing is written for it', async () => {
  const world = openWorld();
  world.push({ 'a.json': application('a', { one: '1' }) });
  await world.settle();
  const before = applies(world);
  edit(world, (object) => ({
    ...object,
    data: { value: '1', theirs: 'x' },
    metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, 'somebody.example.com/note': 'x' } },
  }));
  const { report } = await world.settle();
  assert.equal(applies(world), before);
  assert.deepEqual(configMaps(world)['one'], { value: '1', theirs: 'x' });
  assert.deepEqual(report.applications[0]?.objects[0]?.drift, []);
});

test('I10: an object that belongs to another application, or to nobody, is refused and left as it is', async () => {
  const world = openWorld();
  world.push({ 'a.json': application('a', { one: '1' }) });
  await world.settle();
  world.push({ 'b.json': application('b', { one: 'b' }) });
  const { report } = await world.pass();
  assert.deepEqual(configMaps(world)['one'], { value: '1' });
  assert.equal(report.applications.find((app) => app.name === 'b')?.objects[0]?.fault?.code, 'plan/ownership');
  world.push({ 'b.json': null });
  await world.settle();
  assert.deepEqual(configMaps(world)['one'], { value: '1' }, 'who never had it does not delete it');
});

test('I10: a document takes over what is there without owning it before, and leaves it when it was never written', async () => {
  const world = openWorld();
  world.hub.set(KEY, {
    ...JSON.parse(plain('ConfigMap', 'one')),
    data: { theirs: 'x' },
    metadata: { name: 'one', namespace: 'default', uid: 'theirs', managedFields: [{ manager: 'kubectl' }] },
  } as KubeObject);
  world.push({ 'one.json': plain('ConfigMap', 'one') });
  world.before = (kind) => {
    if (kind === 'apply') throw new Error('never written');
  };
  await world.pass();
  world.before = () => {};
  world.push({ 'one.json': null });
  await world.settle();
  assert.deepEqual(configMaps(world)['one'], { theirs: 'x' });
});

test('I10: there is one field manager name, for ever', () => {
  assert.equal(FIELD_MANAGER, 'lateen');
  const root = join(import.meta.dirname, '../../daemon');
  const literals = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => [...readFileSync(join(root, path), 'utf8').matchAll(/(?:fieldManager: |FIELD_MANAGER = )'([^']*)'/g)].map((match) => match[1]));
  assert.ok(literals.length > 0);
  assert.deepEqual([...new Set(literals)], ['lateen']);
  // What is delivered goes under that name; notes of controllers and acts of people are not deliveries.
  const others = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && /CONTROLLER_MANAGER|PERSON_MANAGER/.test(readFileSync(join(root, path), 'utf8')),
  );
  assert.deepEqual(others.sort(), ['lib/stamp.ts', 'steer-verbs.ts', 'transport/klusterlet.ts', 'transport/objects.ts']);
});

test('I10: a document that belongs to no application is put back or made again by a pass over the documents alone', async () => {
  const world = openWorld();
  const document = (kind: string, name: string, more: object): string => JSON.stringify({ ...(JSON.parse(plain(kind, name)) as object), ...more });
  world.push({
    'one.json': document('ConfigMap', 'one', { data: { value: '1' } }),
    'space.json': plain('Namespace', 'space'),
    'app.json': application('a', { two: '2' }),
  });
  await world.settle();
  world.push({ 'space.json': null });
  const kept = (await world.settle()).report.objects.find(({ key }) => key.kind === 'Namespace');
  assert.equal(kept?.fault?.code, 'plan/guard');
  edit(world, (object) => ({ ...object, data: { value: 'theirs' } }));
  const before = world.effects.length;
  const { report } = await world.passDocuments();
  assert.deepEqual(configMaps(world)['one'], { value: '1' });
  assert.deepEqual(
    report.objects.map(({ key, drift, fault }) => [key.kind, drift, fault?.code]),
    [
      ['ConfigMap', ['/data/value'], undefined],
      ['Namespace', [], 'plan/guard'],
    ],
  );
  assert.deepEqual(
    world.effects.slice(before).filter((effect) => !effect.startsWith('push')),
    [`apply ${KEY}`],
  );
  world.hub.delete(KEY);
  await world.passDocuments();
  assert.deepEqual(configMaps(world)['one'], { value: '1' });
});

test('I10: a document gets the label by which it is watched with one quiet apply, and no plan, drift or second apply knows of it', async () => {
  const world = openWorld();
  const labels = (): unknown => world.hub.get(KEY)?.metadata.labels;
  world.push({ 'lateen.yaml': 'drift: report\n', 'one.json': JSON.stringify({ ...(JSON.parse(plain('ConfigMap', 'one')) as object), data: { value: '1' } }) });
  await world.settle();
  assert.deepEqual(labels(), { 'lateen.dev/documents': 'default' });
  // As a version without that label has left it, or somebody who takes it off.
  edit(world, (object) => ({ ...object, metadata: { ...object.metadata, labels: {} } }));
  assert.deepEqual(
    (await world.plan()).plan?.objects.changes.map(({ action, fields }) => [action, fields]),
    [['keep', []]],
  );
  const before = world.effects.length;
  const { report } = await world.pass();
  assert.deepEqual(
    [labels(), report.objects.map(({ drift }) => drift), world.effects.slice(before)],
    [{ 'lateen.dev/documents': 'default' }, [[]], [`apply ${KEY}`]],
  );
  await world.settle();
  assert.equal(world.effects.length, before + 1);
  // Whose value it is does not matter, and drift that is only told is not put back for its sake.
  edit(world, (object) => ({ ...object, data: { value: 'theirs' }, metadata: { ...object.metadata, labels: {} } }));
  await world.settle();
  assert.deepEqual(configMaps(world)['one'], { value: 'theirs' });
});
