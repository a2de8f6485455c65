/** A long history goes on under a new name. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import { generationOf, generations } from '../../../daemon/source/generations.ts';
import { type BareRepo, repoWithWorkTree, temporaryDirectory } from '../../rig/git.ts';
import { never, openTestSource, statusCommit } from './open.ts';

async function repository(directory: string): Promise<BareRepo> {
  const { bare, work } = await repoWithWorkTree(directory);
  await work.commit({ 'app.yaml': 'kind: Application' });
  await work.push();
  await bare.git('config', 'core.logAllRefUpdates', 'always');
  await bare.git('config', 'receive.denyNonFastForwards', 'true');
  await bare.git('config', 'receive.denyDeletes', 'true');
  return bare;
}

const subjects = async (bare: BareRepo, branch: string): Promise<readonly string[]> => (await bare.log(branch)).map(({ subject }) => subject);

describe('a generation', () => {
  it('is told by its name alone', () =>
    assert.deepEqual(
      ['lateen-status', 'lateen-status.2', 'lateen-status.17', 'lateen-status.1', 'lateen-status.02', 'lateen-status-2', 'lateen-status.x', 'main'].map(
        (name) => generationOf('lateen-status', name),
      ),
      [1, 2, 17, null, null, null, null, null],
    ));
  it('is newer with a greater number', () => assert.deepEqual(generations('s', ['s.2', 'main', 's.10', 's', 's-x']), ['s.10', 's.2', 's']));
});

test('a branch that is long enough ends with a word of where it goes on, and nothing is forced', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  {
    await using source = await openTestSource(dir.path, bare.path, { historyMax: 3 });
    for (let i = 1; i <= 5; i += 1) await source.commit(statusCommit({ [`${i}.yaml`]: String(i), 'README.md': `# ${i}\n` }, `commit ${i}`), never);
    assert.equal(await source.statusFile('5.yaml', never), '5');
  }
  const old = await bare.log('lateen-status');
  assert.deepEqual(await subjects(bare, 'lateen-status'), ['continued on lateen-status.2', 'commit 3', 'commit 2', 'commit 1']);
  assert.deepEqual(old[0]?.trailers, [['Continued-On', 'lateen-status.2']]);
  assert.deepEqual(await subjects(bare, 'lateen-status.2'), ['commit 5', 'commit 4', 'continued from lateen-status']);
  const root = (await bare.log('lateen-status.2')).at(-1);
  assert.deepEqual([root?.parents, root?.trailers], [[], [['Continues', `lateen-status ${old[1]?.sha}`]]]);
  assert.deepEqual(
    [await bare.files('lateen-status.2'), await bare.git('show', 'lateen-status.2~2:README.md')],
    [['1.yaml', '2.yaml', '3.yaml', '4.yaml', '5.yaml', 'README.md'], '# 3\n'],
  );
  assert.match((await bare.show('lateen-status', 'README.md')) ?? '', /goes on on the branch `lateen-status\.2`/);
  // Another process, with nothing in mind, goes on where this one ended.
  await using again = await openTestSource(join(dir.path, 'again'), bare.path);
  assert.equal((await again.fetch(never)).branch, 'main');
  assert.equal((await again.statusFiles(never)).size, 5);
  await again.commit(statusCommit({ '6.yaml': '6' }, 'commit 6'), never);
  assert.deepEqual((await subjects(bare, 'lateen-status.2'))[0], 'commit 6');
});

test('of two that end a branch at the same time one does, and both go on', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await using one = await openTestSource(join(dir.path, '1'), bare.path, { historyMax: 4 });
  await using two = await openTestSource(join(dir.path, '2'), bare.path, { historyMax: 4 });
  const write = async (source: typeof one, name: string): Promise<void> => {
    for (let round = 0; round < 4; round += 1) await source.commit(statusCommit({ [`${name}/${round}.yaml`]: '1' }, `${name} ${round}`), never);
  };
  await Promise.all([write(one, 'one'), write(two, 'two')]);
  const newest = generations('lateen-status', (await bare.git('for-each-ref', '--format=%(refname:short)', 'refs/heads/')).split('\n'));
  const said = (await Promise.all(newest.map((name) => subjects(bare, name)))).flat().filter((subject) => !subject.startsWith('continued'));
  assert.deepEqual(
    said.toSorted(),
    ['one', 'two'].flatMap((name) => [0, 1, 2, 3].map((round) => `${name} ${round}`)),
  );
  assert.equal((await bare.files(newest[0] ?? '')).filter((path) => path !== 'README.md').length, 8);
});
