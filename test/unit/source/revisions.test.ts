/** Commits that a person names, for a plan. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Fault } from '../../../daemon/model/fault.ts';
import { repoWithWorkTree, temporaryDirectory } from '../../rig/git.ts';
import { never, openTestSource } from './open.ts';

test('a branch, a tag, a pull request, an id and steps back are commits', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  const first = await work.commit({ 'a.yaml': 'one' }, 'First');
  await work.git('tag', '--annotate', '--message', 'release', 'v1');
  const second = await work.commit({ 'a.yaml': 'two' }, 'Second');
  await work.push('main', 'v1');
  await work.git('switch', '--quiet', '--create', 'feature/x');
  const third = await work.commit({ 'a.yaml': 'three' }, 'Third');
  await work.push('feature/x', 'feature/x:refs/pull/7/head');
  await using source = await openTestSource(dir.path, pathToFileURL(join(dir.path, 'origin.git')).href);
  await source.fetch(never);
  for (const [text, sha] of [
    ['main', second],
    ['main~1', first],
    ['HEAD^', first],
    ['v1', first],
    ['refs/tags/v1', first],
    ['feature/x', third],
    ['refs/pull/7/head', third],
    ['feature/x~2', first],
    [first, first],
    [first.slice(0, 10), first],
    [`${second}~1`, first],
  ] as const) {
    assert.equal((await source.revision(text, never)).sha, sha, text);
  }
  const tip = await source.revision('feature/x', never);
  assert.deepEqual(
    [tip.branch, tip.author, tip.subject, (await source.tree(tip, never)).files[0]?.text],
    ['feature/x', 'Ada <ada@example.com>', 'Third', 'three'],
  );
});

test('an id that no branch of ours has is fetched by itself', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': 'one' });
  await work.push();
  await work.git('switch', '--quiet', '--create', 'other');
  const other = await work.commit({ 'a.yaml': 'two' });
  await work.push('other');
  await using source = await openTestSource(dir.path, join(dir.path, 'origin.git'));
  assert.equal((await source.revision(other, never)).sha, other);
});

test('what is no revision is told so, and never reaches git as an option', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': 'one' });
  await work.push();
  await using source = await openTestSource(dir.path, join(dir.path, 'origin.git'));
  await source.fetch(never);
  for (const text of [
    'nope',
    'main~99',
    '0123456789abcdef0123456789abcdef01234567',
    '--upload-pack=touch x',
    '-x',
    'a..b',
    'main:a.yaml',
    'main^{tree}',
    'HEAD@{1}',
    '',
    'a b',
    'refs/heads/*',
    ':/First',
  ]) {
    await assert.rejects(
      source.revision(text, never),
      (error) => error instanceof Fault && error.code === 'source/branch' && error.kind === 'invalid' && error.message.includes('has no revision'),
      text,
    );
  }
});

test('a commit that goes back to an earlier content names it', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  const first = await work.commit({ 'a.yaml': 'one' });
  await work.commit({ 'a.yaml': 'two' });
  await work.git('revert', '--no-edit', 'HEAD');
  await work.push();
  await using source = await openTestSource(dir.path, join(dir.path, 'origin.git'));
  const back = await source.fetch(never);
  const [second, root] = [await source.revision('HEAD~1', never), await source.revision(first, never)];
  assert.equal(await source.earlierContent(back, second, never), first);
  assert.equal(await source.earlierContent(second, root, never), '', 'new content');
  assert.equal(await source.earlierContent(back, root, never), '', 'the base has it too');
});

test('a revert goes back though other files have changed since; a file that goes, or one of several that is new, does not', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  const first = await work.commit({ 'a.yaml': 'one', 'dir/[b].yaml': 'one' });
  const between = await work.commit({ 'c.yaml': 'one' });
  await work.git('switch', '--quiet', '--create', 'feature');
  await work.commit({ 'a.yaml': 'two', 'dir/[b].yaml': null });
  await work.git('switch', '--quiet', 'main');
  await work.commit({ 'c.yaml': 'two' });
  await work.git('merge', '--quiet', '--no-ff', '--message', 'Merge', 'feature');
  const base = await work.commit({ 'c.yaml': 'three' });
  await work.git('revert', '--no-edit', '--mainline', '1', 'HEAD^');
  const back = (await work.git('rev-parse', 'HEAD')).trim();
  const more = await work.commit({ 'c.yaml': 'four' });
  const gone = await work.commit({ 'a.yaml': null });
  await work.push();
  await using source = await openTestSource(dir.path, join(dir.path, 'origin.git'));
  await source.fetch(never);
  const earlier = async (head: string, from: string): Promise<string> =>
    source.earlierContent(await source.revision(head, never), await source.revision(from, never), never);
  assert.equal(await earlier(back, base), first);
  assert.equal(await earlier(more, base), '', 'not all that it changes was there before');
  assert.equal(await earlier(gone, more), '', 'what goes is not called a way back');
  assert.equal(await earlier(between, back), between);
});

test('a merge commit goes back to nothing: that it has the content of the branch it merged is no way back', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': 'one' });
  await work.git('switch', '--quiet', '--create', 'feature');
  await work.commit({ 'a.yaml': 'two' });
  await work.git('switch', '--quiet', 'main');
  await work.git('merge', '--quiet', '--no-ff', '--message', 'Merge', 'feature');
  await work.push();
  await using source = await openTestSource(dir.path, join(dir.path, 'origin.git'));
  const merge = await source.fetch(never);
  assert.equal(await source.earlierContent(merge, await source.revision('HEAD^1', never), never), '');
});
