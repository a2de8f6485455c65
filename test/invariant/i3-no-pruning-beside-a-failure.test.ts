import assert from 'node:assert/strict';
import { test } from 'node:test';
import { application, configMaps, openWorld, refusing } from './world.ts';

test('I3: nothing of an application is pruned while an apply of it fails; others are, and its own when it succeeds', async () => {
  const world = openWorld();
  world.push({ 'a.json': application('a', { kept: '1', dropped: '1' }), 'b.json': application('b', { other: '1', gone: '1' }) });
  await world.settle();
  world.push({ 'a.json': application('a', { kept: '2' }), 'b.json': application('b', { other: '2' }) });
  world.before = refusing('transport/denied', (kind, subject) => kind === 'apply' && subject.endsWith('/kept'));
  const { report } = await world.pass();
  assert.deepEqual(configMaps(world), { kept: { value: '1' }, dropped: { value: '1' }, other: { value: '2' } });
  assert.equal(report.applications.find((app) => app.name === 'a')?.conditions.find((item) => item.type === 'Ready')?.status, 'False');
  world.before = () => {};
  await world.settle();
  assert.deepEqual(configMaps(world), { kept: { value: '2' }, other: { value: '2' } });
});

test('I3: a refused delete goes back into the inventory and is made later, also by a daemon that was restarted', async () => {
  const world = openWorld();
  world.push({ 'a.json': application('a', { kept: '1', dropped: '1' }), 'leaving.json': application('leaving', { last: '1' }) });
  await world.settle();
  world.push({ 'a.json': application('a', { kept: '1' }), 'leaving.json': null });
  world.before = refusing('transport/denied', (kind) => kind === 'delete');
  const { report } = await world.pass();
  assert.deepEqual(Object.keys(configMaps(world)).toSorted(), ['dropped', 'kept', 'last']);
  assert.deepEqual(
    report.leaving.map((app) => [app.name, app.fault?.code]),
    [['leaving', 'transport/denied']],
  );
  assert.ok(world.branch.get('applications/default/leaving.yaml')?.includes('leaving: true'));
  world.before = () => {};
  world.restart();
  await world.settle();
  assert.deepEqual(Object.keys(configMaps(world)), ['kept']);
  assert.equal(world.branch.has('applications/default/leaving.yaml'), false);
});
