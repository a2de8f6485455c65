import assert from 'node:assert/strict';
import { test } from 'node:test';
import { application, configMaps, openWorld } from './world.ts';

test('I1: one pass reads one commit, whatever is pushed meanwhile', async () => {
  const world = openWorld();
  const first = world.push({ 'a.json': application('a', { a: '1' }), 'b.json': application('b', { b: '1' }) });
  let pushed = false;
  world.before = (kind) => {
    if (kind !== 'apply' || pushed) return;
    pushed = true;
    world.push({ 'a.json': application('a', { a: '2' }), 'b.json': null, 'c.json': application('c', { c: '2' }) });
  };
  const { report } = await world.pass(first);
  assert.ok(pushed);
  assert.deepEqual(configMaps(world), { a: { value: '1' }, b: { value: '1' } });
  assert.deepEqual(
    report.applications.map((app) => app.appliedRevision),
    [first.sha, first.sha],
  );
  await world.pass();
  assert.deepEqual(configMaps(world), { a: { value: '2' }, c: { value: '2' } });
});
