import assert from 'node:assert/strict';
import { test } from 'node:test';
import { application, openWorld, plain } from './world.ts';

test('I5: our own commit never causes another: no change, no commit, no write, also after a restart and a commit about something else', async () => {
  const world = openWorld();
  world.push({ 'a.json': application('a', { one: '1' }), 'bad.yaml': 'kind: [', 'plain.json': plain('ConfigMap', 'plain') });
  await world.settle();
  const before = { commits: world.commits.length, effects: world.effects.length, files: new Map(world.branch) };
  assert.ok(before.commits > 0);
  await world.pass();
  world.restart();
  world.nowMs += 3_600_000;
  await world.pass();
  world.push({ 'notes.txt': 'nothing to deliver' });
  await world.pass();
  assert.deepEqual({ commits: world.commits.length, effects: world.effects.length, files: world.branch }, before);
});

test('I5: what the status branch says is no input: files of others stay, and those of ours that were changed are not believed', async () => {
  const world = openWorld();
  world.push({ 'a.json': application('a', { one: '1' }) });
  await world.settle();
  const ours = world.branch.get('applications/default/a.yaml') ?? '';
  world.branch.set('notes/ada.md', 'hello');
  world.branch.set('applications/default/a.yaml', ours.replace('a-v1', 'a-v9'));
  world.branch.set('applications/default/made-up.yaml', 'kind: ApplicationStatus');
  world.restart();
  await world.settle();
  assert.equal(world.branch.get('applications/default/a.yaml'), ours);
  assert.equal(world.branch.get('notes/ada.md'), 'hello');
  assert.equal(world.branch.has('applications/default/made-up.yaml'), false);
});
