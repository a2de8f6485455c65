import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { bareRepo, git, repoWithWorkTree, temporaryDirectory, workTree } from '../../rig/git.ts';
import { never, openTestSource } from './open.ts';

test('a fetch gives the newest commit of the default branch with its author and subject', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': 'one' }, 'First');
  await work.push();
  await using source = await openTestSource(dir.path, join(dir.path, 'origin.git'));
  const first = await source.fetch(never);
  assert.deepEqual([first.branch, first.author, first.subject], ['main', 'Ada <ada@example.com>', 'First']);
  assert.equal(await source.fetch(never), first);
  const sha = await work.commit({ 'a.yaml': 'two' }, 'Second: ünïcode');
  await work.push();
  const second = await source.fetch(never);
  assert.deepEqual([second.sha, second.subject], [sha, 'Second: ünïcode']);
});

test('a revision keeps its tree when the branch has moved on, also when it was forced', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': 'one' });
  await work.push();
  // One that only looks follows a rewritten history wherever nothing was applied.
  await using source = await openTestSource(dir.path, pathToFileURL(join(dir.path, 'origin.git')).href, { trust: { remembers: false } });
  const first = await source.fetch(never);
  await work.git('commit', '--quiet', '--amend', '--message', 'Amended');
  await work.commit({ 'a.yaml': 'two' });
  await work.push('--force', 'main');
  const second = await source.fetch(never);
  assert.equal((await source.tree(second, never)).files[0]?.text, 'two');
  assert.equal((await source.tree(first, never)).files[0]?.text, 'one');
});

test('the tree lists regular files sorted by path and reads those with the endings of configuration', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  await symlink('/etc/passwd', join(work.path, 'link.yaml'));
  await work.commit({
    'b/é "q".yaml': 'quoted',
    'b.yml': 'b',
    'a/lateen.yaml': 'l',
    'x.json': '{}',
    'x.cue': 'x: 1',
    'README.md': '# text',
    'bom.yaml': '\ufeffa: 1',
    'latin.yaml': Buffer.from([0x61, 0xe9, 0x0a]),
    'empty.yaml': '',
    'script.yaml': 'run',
  });
  await work.git('update-index', '--chmod=+x', 'script.yaml');
  await work.git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},module.yaml`);
  await work.git('commit', '--quiet', '--message', 'More');
  await work.push();
  await using source = await openTestSource(dir.path, join(dir.path, 'origin.git'));
  const tree = await source.tree(await source.fetch(never), never);
  assert.deepEqual(
    tree.files.map(({ path, text }) => [path, text]),
    [
      ['README.md', null],
      ['a/lateen.yaml', 'l'],
      ['b.yml', 'b'],
      ['b/é "q".yaml', 'quoted'],
      ['bom.yaml', 'a: 1'],
      ['empty.yaml', ''],
      ['latin.yaml', null],
      ['script.yaml', 'run'],
      ['x.cue', 'x: 1'],
      ['x.json', '{}'],
    ],
  );
  assert.equal(tree.files.find(({ path }) => path === 'latin.yaml')?.sizeBytes, 3);
  assert.ok(Object.isFrozen(tree.files) && tree.files.every((file) => Object.isFrozen(file)));
});

test('a new commit leaves every file that did not change the very same value', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': 'one', 'b.yaml': 'same', 'c.txt': 'later' });
  await work.push();
  await using source = await openTestSource(dir.path, join(dir.path, 'origin.git'));
  const before = await source.tree(await source.fetch(never), never);
  await work.commit({ 'a.yaml': 'two', 'd.yaml': 'same' });
  await work.rename('c.txt', 'c.yaml');
  await work.push();
  const after = await source.tree(await source.fetch(never), never);
  assert.deepEqual(
    after.files.map(({ path, text }) => [path, text]),
    [
      ['a.yaml', 'two'],
      ['b.yaml', 'same'],
      ['c.yaml', 'later'],
      ['d.yaml', 'same'],
    ],
  );
  assert.equal(after.files[1], before.files[1]);
});

test('a file over its limit has no text, and a commit over its limits is refused', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': 'x'.repeat(100), 'b.yaml': 'x'.repeat(101), 'c.yaml': 'y'.repeat(100), 'd.png': 'z'.repeat(5000) });
  await work.push();
  const url = join(dir.path, 'origin.git');
  const open = (totalMaxBytes: number, filesMax: number) => openTestSource(dir.path, url, { limits: { fileMaxBytes: 100, totalMaxBytes, filesMax } });
  {
    await using source = await open(200, 2);
    const tree = await source.tree(await source.fetch(never), never);
    assert.deepEqual(
      tree.files.map(({ path, text }) => [path, text?.length ?? null]),
      [
        ['a.yaml', 100],
        ['b.yaml', null],
        ['c.yaml', 100],
        ['d.png', null],
      ],
    );
  }
  for (const [totalMaxBytes, filesMax] of [
    [199, 2],
    [200, 1],
  ] as const) {
    await using source = await open(totalMaxBytes, filesMax);
    const revision = await source.fetch(never);
    await assert.rejects(source.tree(revision, never), { code: 'source/too-large' });
  }
});

test('every way in which there is no branch to read has its own fault', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  const url = join(dir.path, 'origin.git');
  await using source = await openTestSource(dir.path, url);
  await assert.rejects(source.fetch(never), { code: 'source/empty', kind: 'waiting' });
  await work.commit({ 'a.yaml': '1' });
  await work.push('main:lateen-status');
  await assert.rejects(source.fetch(never), { code: 'source/empty' });
  await work.push('main:one', 'main:two');
  await assert.rejects(source.fetch(never), { code: 'source/branch', message: /no default branch; it has one, two; name one/ });
  await work.push('main');
  assert.equal((await source.fetch(never)).branch, 'main');
  await using named = await openTestSource(join(dir.path, 'named'), url, { branch: 'three' });
  await assert.rejects(named.fetch(never), { code: 'source/branch', message: /has no branch three; it has main, one, two$/ });
});

test('the only branch is read where the default branch was never pushed, and never the status branch', async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': '1' });
  await work.push('main:trunk', 'main:lateen-status');
  await bare.git('symbolic-ref', 'HEAD', 'refs/heads/lateen-status');
  await using source = await openTestSource(dir.path, bare.path);
  assert.equal((await source.fetch(never)).branch, 'trunk');
});

test('a missing directory and a plain one are told apart, and the plain one is told of check', async () => {
  await using dir = await temporaryDirectory();
  await mkdir(join(dir.path, 'plain'));
  await writeFile(join(dir.path, 'plain/app.yaml'), 'kind: Application\n');
  await using missing = await openTestSource(join(dir.path, '1'), join(dir.path, 'nowhere'));
  await assert.rejects(missing.fetch(never), { code: 'source/not-found', message: /there is no directory/ });
  await using plain = await openTestSource(join(dir.path, '2'), join(dir.path, 'plain'));
  await assert.rejects(plain.fetch(never), { code: 'source/not-found', message: /lateen check/ });
});

test('work trees, linked ones too, and repositories with SHA-256 ids are read like bare ones', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  const sha = await work.commit({ 'a.yaml': '1' });
  await work.git('worktree', 'add', '--quiet', join(dir.path, 'linked'), '-b', 'side');
  await using plain = await openTestSource(join(dir.path, '1'), work.path);
  assert.equal((await plain.fetch(never)).sha, sha);
  await using linked = await openTestSource(join(dir.path, '2'), join(dir.path, 'linked'));
  assert.deepEqual(await linked.fetch(never).then((revision) => [revision.branch, revision.sha]), ['side', sha]);
  const long = await bareRepo(join(dir.path, 'long.git'), '--object-format=sha256');
  await git(dir.path, 'init', '--quiet', '--object-format=sha256', '--initial-branch=main', 'long');
  await writeFile(join(dir.path, 'long/a.yaml'), 'long');
  await git(join(dir.path, 'long'), 'add', '.');
  await git(join(dir.path, 'long'), 'commit', '--quiet', '--message', 'Long');
  await git(join(dir.path, 'long'), 'push', '--quiet', long.path, 'main');
  await using source = await openTestSource(join(dir.path, '3'), long.path);
  const revision = await source.fetch(never);
  assert.equal(revision.sha.length, 64);
  assert.equal((await source.tree(revision, never)).files[0]?.text, 'long');
});

test('a shallow clone is refused as a remote, and a copy of ours that is shallow is made anew', async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': '1' });
  await work.commit({ 'a.yaml': '2' });
  await work.push();
  await git(dir.path, 'clone', '--quiet', '--depth=1', pathToFileURL(bare.path).href, 'shallow');
  await using shallow = await openTestSource(join(dir.path, '1'), join(dir.path, 'shallow'));
  await assert.rejects(shallow.fetch(never), { code: 'source/shallow' });
  await mkdir(join(dir.path, '2/lateen'), { recursive: true });
  await git(dir.path, 'clone', '--quiet', '--bare', '--depth=1', pathToFileURL(bare.path).href, '2/lateen/repo.git');
  await using source = await openTestSource(join(dir.path, '2'), bare.path);
  await source.fetch(never);
  assert.equal((await git(join(dir.path, '2/lateen/repo.git'), 'rev-list', '--count', 'refs/lateen/source')).trim(), '2');
});

test('a tree with a file named .git does not come in', async () => {
  await using dir = await temporaryDirectory();
  const { bare } = await repoWithWorkTree(dir.path);
  const helper = await workTree(join(dir.path, 'helper'), bare.path);
  await helper.commit({ config: 'x' });
  const tree = Buffer.concat([Buffer.from('100644 .git\0'), Buffer.from((await helper.git('rev-parse', 'HEAD:config')).trim(), 'hex')]);
  await writeFile(join(helper.path, 'raw'), tree);
  const bad = (await helper.git('hash-object', '-w', '-t', 'tree', '--literally', 'raw')).trim();
  const commit = (await helper.git('commit-tree', bad, '-m', 'Bad')).trim();
  await helper.push(`${commit}:refs/heads/main`);
  await using source = await openTestSource(dir.path, bare.path);
  await assert.rejects(source.fetch(never), { code: 'source/git', kind: 'denied', message: /\.git|fsck/ });
});
