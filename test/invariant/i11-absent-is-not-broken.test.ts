import assert from 'node:assert/strict';
import { test } from 'node:test';
import { application, approval, BOX, configMaps, definition, openWorld, plain } from './world.ts';

const GOOD = {
  'box.json': definition('ComponentDefinition', 'box', BOX),
  'a.json': application('a', { one: '1', two: '2' }, { type: 'box' }),
  'b.json': application('b', { three: '3' }),
};

const BREAKS: Readonly<Record<string, Readonly<Record<string, string | null>>>> = {
  'the definition in use is deleted': { 'box.json': null },
  'the definition in use is broken': { 'box.json': definition('ComponentDefinition', 'box', 'output: {') },
  'the definition in use is no definition any more': { 'box.json': (GOOD['box.json'] ?? '').replace('"spec"', '"specs"') },
  'the file is not YAML': { 'a.json': '{"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "a"' },
  'nobody can tell what the file held': { 'a.json': '{"apiVersion": ][' },
  'a key stands twice': { 'a.json': (GOOD['a.json'] ?? '').replace('"spec":', '"spec":{},"spec":') },
  'an unknown field': { 'a.json': (GOOD['a.json'] ?? '').replace('"components"', '"componets"') },
  'an unknown type': { 'a.json': (GOOD['a.json'] ?? '').replaceAll('"type":"box"', '"type":"bocks"') },
  'a property that is refused': { 'a.json': (GOOD['a.json'] ?? '').replace('"value":"1"', '"value":1') },
  'the same Application twice': { 'again.json': application('a', { one: 'x' }) },
  'lateen.yaml is broken': { 'lateen.yaml': 'paths: 7\n' },
};

for (const [title, files] of Object.entries(BREAKS)) {
  test(`I11: what cannot be read keeps everything it owns: ${title}`, async () => {
    const world = openWorld();
    world.push(GOOD);
    await world.settle();
    const objects = configMaps(world);
    assert.deepEqual(objects, { one: { value: '1' }, two: { value: '2' }, three: { value: '3' } });
    world.push(files);
    const { report } = await world.settle();
    assert.deepEqual(configMaps(world), objects);
    assert.equal(
      world.effects.some((effect) => effect.startsWith('delete') && effect.includes('ConfigMap')),
      false,
    );
    assert.ok([...report.diagnostics, ...report.applications.flatMap((app) => app.diagnostics)].some((item) => item.severity === 'error'));
    assert.ok(world.branch.has('applications/default/a.yaml'), 'its status is still told');
    world.push({ ...GOOD, 'again.json': null, 'lateen.yaml': null, 'a.json': null });
    await world.settle();
    assert.deepEqual(configMaps(world), { three: { value: '3' } }, 'and a document that is really gone is a deletion');
  });
}

for (const [kind, apiVersion] of [
  ['Namespace', 'v1'],
  ['PersistentVolumeClaim', 'v1'],
  ['CustomResourceDefinition', 'apiextensions.k8s.io/v1'],
  ['ManagedCluster', 'cluster.open-cluster-management.io/v1'],
  ['Configuration', 'terraform.core.oam.dev/v1beta1'],
] as const) {
  test(`I11: a ${kind} that leaves the commit is kept and reported until an Approval says delete`, async () => {
    const world = openWorld();
    const there = (): boolean => [...world.hub.values()].some((object) => object.kind === kind);
    world.push({ 'x.json': plain(kind, 'x', apiVersion) });
    await world.settle();
    assert.ok(there());
    world.push({ 'x.json': null });
    const { report } = await world.settle();
    assert.ok(there());
    assert.equal(report.objects.find((object) => object.key.kind === kind)?.fault?.code, 'plan/guard');
    world.push({ 'approve.json': approval({ action: 'delete', target: { kind, name: 'other' } }) });
    await world.settle();
    assert.ok(there(), 'an approval of another object approves nothing');
    world.push({ 'approve.json': approval({ action: 'delete', target: { kind, name: 'x' }, expires: '2020-01-01T00:00:00Z' }) });
    await world.settle();
    assert.ok(there(), 'an approval that has expired approves nothing');
    world.push({ 'approve.json': approval({ action: 'delete', target: { kind, name: 'x' } }) });
    await world.settle();
    assert.equal(there(), false);
  });
}

test('I11: an application that holds what cannot be had back keeps that, and its record, when its document goes', async () => {
  const world = openWorld();
  world.push({
    'a.json': application('a', { one: '1' }).replace(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"value":"1"}}',
      `${plain('PersistentVolumeClaim', 'disk')},${plain('ConfigMap', 'one')}`,
    ),
  });
  await world.settle();
  world.push({ 'a.json': null });
  const { report } = await world.settle();
  assert.deepEqual(
    [...world.hub.values()]
      .map((object) => object.kind)
      .filter((kind) => ['PersistentVolumeClaim', 'ConfigMap', 'Application'].includes(kind))
      .toSorted(),
    ['Application', 'PersistentVolumeClaim'],
  );
  assert.deepEqual(
    report.leaving.map((app) => app.fault?.code),
    ['plan/guard'],
  );
  world.push({ 'approve.json': approval({ action: 'delete', target: { kind: 'Application', name: 'a' } }) });
  await world.settle();
  assert.equal(
    [...world.hub.values()].some((object) => ['PersistentVolumeClaim', 'Application'].includes(object.kind)),
    false,
  );
});

test('I11: over the budget, a count and a share, nothing is deleted until it is approved; one of the two alone holds nothing up', async () => {
  const names = Array.from({ length: 10 }, (_, i) => `cm-${i}`);
  const files = Object.fromEntries(names.map((name) => [`${name}.json`, plain('ConfigMap', name)]));
  const deleted = (count: number): Record<string, null> => Object.fromEntries(names.slice(0, count).map((name) => [`${name}.json`, null]));
  for (const [count, budget, left] of [
    [6, { countMax: 5, shareMax: 0.5 }, 10],
    [6, { countMax: 6, shareMax: 0.1 }, 4],
    [6, { countMax: 1, shareMax: 0.6 }, 4],
  ] as const) {
    const world = openWorld();
    world.doors = { budget };
    world.push(files);
    await world.settle();
    world.push(deleted(count));
    await world.settle();
    assert.equal(Object.keys(configMaps(world)).length, left, JSON.stringify(budget));
  }
});
