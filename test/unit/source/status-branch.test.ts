import assert from 'node:assert/strict';
import { chmod, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { StatusCommit } from '../../../daemon/model/status.ts';
import { type BareRepo, bareRepo, repoWithWorkTree, temporaryDirectory, workTree } from '../../rig/git.ts';
import { never, openTestSource, statusCommit, testRedactor } from './open.ts';

/** A repository with one commit on main. */
async function repository(directory: string): Promise<BareRepo> {
  const { bare, work } = await repoWithWorkTree(directory);
  await work.commit({ 'app.yaml': 'kind: Application' });
  await work.push();
  return bare;
}

test('the first status is an orphan root with its files, identity and trailers', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await using source = await openTestSource(dir.path, bare.path);
  await source.fetch(never);
  const sha = await source.commit(
    statusCommit({ 'README.md': '# Status\n', 'applications/default/web.yaml': 'phase: running\n' }, 'web is running', [
      ['Source-Commit', 'abc'],
      ['Application', 'default/web'],
      ['Phase', 'running'],
    ]),
    never,
  );
  const [root, ...rest] = await bare.log('lateen-status');
  assert.equal(rest.length, 0);
  assert.deepEqual(root, {
    sha,
    parents: [],
    author: 'Lateen <lateen@localhost>',
    subject: 'web is running',
    trailers: [
      ['Source-Commit', 'abc'],
      ['Application', 'default/web'],
      ['Phase', 'running'],
    ],
  });
  assert.deepEqual(await bare.files('lateen-status'), ['README.md', 'applications/default/web.yaml']);
  assert.equal(await source.statusFile('applications/default/web.yaml', never), 'phase: running\n');
  assert.equal(await source.statusFile('applications/default/nothing.yaml', never), null);
});

test('the same content again makes no commit, a change and a removal make one each', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await using source = await openTestSource(dir.path, bare.path);
  assert.ok(await source.commit(statusCommit({ 'a.yaml': '1', 'b.yaml': '1' }), never));
  assert.equal(await source.commit(statusCommit({ 'a.yaml': '1', 'c.yaml': null }), never), null);
  assert.ok(await source.commit(statusCommit({ 'a.yaml': '2' }), never));
  assert.ok(await source.commit(statusCommit({ 'b.yaml': null, 'b.yaml/now-a-folder': '1' }), never));
  assert.deepEqual(await bare.files('lateen-status'), ['a.yaml', 'b.yaml/now-a-folder']);
  assert.equal((await bare.log('lateen-status')).length, 3);
  await using again = await openTestSource(join(dir.path, 'again'), bare.path);
  await again.fetch(never);
  assert.equal(await again.commit(statusCommit({ 'a.yaml': '2' }), never), null);
});

test('files of another writer stay, and a push that comes too late is built again on theirs', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await using source = await openTestSource(dir.path, bare.path);
  await source.commit(statusCommit({ 'ours.yaml': '1' }), never);
  const person = await workTree(join(dir.path, 'person'), bare.path, 'lateen-status');
  await person.commit({ 'theirs.yaml': '1' }, 'By hand');
  await person.push();
  assert.ok(await source.commit(statusCommit({ 'ours.yaml': '2' }), never));
  assert.deepEqual(await bare.files('lateen-status'), ['ours.yaml', 'theirs.yaml']);
  assert.deepEqual(
    (await bare.log('lateen-status')).map(({ subject }) => subject),
    ['Status', 'By hand', 'Status'],
  );
});

test('two writers at once: no file is lost, the history is linear and nothing was forced', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await bare.git('config', 'core.logAllRefUpdates', 'always');
  await using one = await openTestSource(join(dir.path, '1'), bare.path);
  await using two = await openTestSource(join(dir.path, '2'), bare.path);
  // Both begin without a branch, so the first round is a race of two roots.
  const write = async (source: typeof one, name: string): Promise<void> => {
    for (let round = 0; round < 4; round += 1) {
      assert.ok(await source.commit(statusCommit({ [`${name}/${round}.yaml`]: `${round}`, [`${name}/last.yaml`]: `${round}` }, `${name} ${round}`), never));
    }
  };
  await Promise.all([write(one, 'one'), write(two, 'two')]);
  const log = await bare.log('lateen-status');
  assert.equal(log.length, 8);
  assert.deepEqual(
    log.map(({ parents }) => parents),
    [...log.slice(1).map(({ sha }) => [sha]), []],
  );
  for (const name of ['one', 'two']) {
    assert.deepEqual(
      log
        .map(({ subject }) => subject)
        .filter((subject) => subject.startsWith(name))
        .reverse(),
      [0, 1, 2, 3].map((round) => `${name} ${round}`),
    );
    assert.equal(await bare.show('lateen-status', `${name}/last.yaml`), '3');
  }
  assert.equal((await bare.files('lateen-status')).length, 10);
  // The server's own record: every update began where the one before it ended.
  const updates = (await bare.git('reflog', 'show', '--format=%H', 'refs/heads/lateen-status')).trim().split('\n');
  assert.deepEqual(
    updates,
    log.map(({ sha }) => sha),
  );
});

test('a status branch that someone deleted begins anew', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await using source = await openTestSource(dir.path, bare.path);
  await source.commit(statusCommit({ 'a.yaml': '1', 'b.yaml': '1' }), never);
  await bare.git('update-ref', '-d', 'refs/heads/lateen-status');
  await source.fetch(never);
  assert.ok(await source.commit(statusCommit({ 'a.yaml': '1' }), never));
  assert.deepEqual([(await bare.log('lateen-status')).length, await bare.files('lateen-status')], [1, ['a.yaml']]);
});

test('a refusal by a rule of the server is not taken for a race, and tells what the server said', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  const hook = join(bare.path, 'hooks/pre-receive');
  await writeFile(hook, '#!/bin/sh\necho x >> "$GIT_DIR/tries"\necho "status needs a signature" >&2\nexit 1\n');
  await chmod(hook, 0o755);
  await using source = await openTestSource(dir.path, bare.path);
  await assert.rejects(source.commit(statusCommit({ 'a.yaml': '1' }), never), {
    code: 'source/push-rejected',
    kind: 'denied',
    message: /pre-receive hook declined.*status needs a signature/,
  });
  assert.equal((await bare.git('cat-file', '--batch-check', '--batch-all-objects')).includes('missing'), false);
});

test('what waits for one branch is not pushed to another', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  {
    await using source = await openTestSource(dir.path, join(dir.path, 'nowhere'));
    await assert.rejects(source.commit(statusCommit({ 'a.yaml': '1' }), never), { code: 'source/not-found' });
  }
  await using source = await openTestSource(dir.path, bare.path);
  await source.commit(statusCommit({ 'b.yaml': '1' }), never);
  assert.deepEqual(await bare.files('lateen-status'), ['b.yaml']);
});

test('the status branch may live in another repository', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  const other = await bareRepo(join(dir.path, 'other.git'));
  await using source = await openTestSource(dir.path, bare.path, { statusUrl: other.path, statusBranch: 'main' });
  const revision = await source.fetch(never);
  await source.commit(statusCommit({ 'a.yaml': '1' }), never);
  assert.deepEqual([await other.files('main'), await bare.head('main')], [['a.yaml'], revision.sha]);
  await source.fetch(never);
  assert.equal(await source.commit(statusCommit({ 'a.yaml': '1' }), never), null);
});

test('the branch that is read cannot be the one that is written', async () => {
  await using dir = await temporaryDirectory();
  await assert.rejects(openTestSource(dir.path, dir.path, { branch: 'lateen-status' }), { code: 'config/invalid' });
  await assert.rejects(openTestSource(dir.path, dir.path, { branch: '--upload-pack=x' }), { code: 'config/invalid' });
});

test('a secret that the redactor knows is in no file and no message of the branch', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  const redactor = testRedactor();
  redactor.learn('hunter2hunter2');
  await using source = await openTestSource(dir.path, bare.path, {}, redactor);
  await source.commit(statusCommit({ 'a.yaml': 'password: hunter2hunter2\n' }, 'hunter2hunter2 failed', [['Phase', 'hunter2hunter2']]), never);
  assert.equal(await bare.show('lateen-status', 'a.yaml'), 'password: ***\n');
  assert.doesNotMatch(await bare.git('log', '-p', 'lateen-status'), /hunter2/);
});

test('a plan of a ref is as the ref has it: no word of it tells what the redactor knows', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  const redactor = testRedactor();
  redactor.learn('hunter2hunter2');
  await using source = await openTestSource(dir.path, bare.path, {}, redactor);
  const guess = (files: Readonly<Record<string, string>>): StatusCommit => ({
    ...statusCommit(files, 'plan: refs/heads/env/hunter2hunter2', [['Planned-Ref', 'refs/heads/env/hunter2hunter2']]),
    body: ['- hunter2hunter2'],
    isOfRepository: true,
  });
  await source.commit(guess({ 'plans/index.yaml': 'hunter2hunter2\n', 'plans/heads/env/hunter2hunter2.md': 'is it hunter2hunter2?\n' }), never);
  assert.doesNotMatch(await bare.git('log', '-p', 'lateen-status'), /\*\*\*/);
  assert.equal(await bare.show('lateen-status', 'plans/heads/env/hunter2hunter2.md'), 'is it hunter2hunter2?\n');
  // Nothing else goes this way, and what waited in the outbox is no exception.
  await assert.rejects(source.commit(guess({ 'plans/index.yaml': 'x\n', 'README.md': 'hunter2hunter2\n' }), never), { code: 'loop/bug' });
  const away = join(dir.path, 'away.git');
  await rename(bare.path, away);
  await assert.rejects(source.commit(guess({ 'plans/index.yaml': 'again hunter2hunter2\n' }), never), { code: 'source/not-found' });
  await rename(away, bare.path);
  await source.commit(statusCommit({ 'a.yaml': 'hunter2hunter2\n' }), never);
  assert.deepEqual([await bare.show('lateen-status', 'plans/index.yaml'), await bare.show('lateen-status', 'a.yaml')], ['again hunter2hunter2\n', '***\n']);
});

test('all files of the branch are read at once, also what another wrote since', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await using source = await openTestSource(dir.path, bare.path);
  assert.deepEqual(await source.statusFiles(never), new Map());
  await source.commit(statusCommit({ 'a/b.yaml': '1' }), never);
  const person = await workTree(join(dir.path, 'person'), bare.path, 'lateen-status');
  await person.commit({ 'c.yaml': '2' });
  await person.push();
  assert.deepEqual(
    await source.statusFiles(never),
    new Map([
      ['a/b.yaml', '1'],
      ['c.yaml', '2'],
    ]),
  );
});
