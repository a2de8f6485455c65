import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { git, repoWithWorkTree, temporaryDirectory } from '../../rig/git.ts';
import { never, openTestSource, statusCommit } from './open.ts';

test('locks, half packs and scratch files of a killed process are cleared up', async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': '1' });
  await work.push();
  const ours = join(dir.path, 'lateen/repo.git');
  {
    await using source = await openTestSource(dir.path, bare.path);
    await source.fetch(never);
    await source.commit(statusCommit({ 'a.yaml': '1' }), never);
  }
  const left = [
    'config.lock',
    'packed-refs.lock',
    'HEAD.lock',
    'refs/lateen/source.lock',
    'refs/lateen/status.lock',
    'objects/pack/tmp_pack_x',
    'objects/pack/pack-1.keep',
    '../index-1.lock',
    '../repo.git.new/HEAD',
  ];
  for (const path of left) {
    await mkdir(join(ours, path, '..'), { recursive: true });
    await writeFile(join(ours, path), '');
  }
  const sha = await work.commit({ 'a.yaml': '2' });
  await work.push();
  await using source = await openTestSource(dir.path, bare.path);
  assert.equal((await source.fetch(never)).sha, sha);
  assert.ok(await source.commit(statusCommit({ 'a.yaml': '2' }), never));
  const found = [...(await readdir(ours, { recursive: true })), ...(await readdir(join(dir.path, 'lateen')))];
  assert.deepEqual(
    found.filter((path) => /\.lock$|tmp_|index-|\.new|\.keep$/.test(path)),
    [],
  );
});

test('whatever is left of our copy, it is opened or made anew', async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': 'one' });
  await work.push();
  const ours = join(dir.path, 'lateen/repo.git');
  const damages: Readonly<Record<string, () => Promise<unknown>>> = {
    'no HEAD': () => rm(join(ours, 'HEAD')),
    'no config': () => rm(join(ours, 'config')),
    'broken config': () => writeFile(join(ours, 'config'), '[core'),
    'no objects': () => rm(join(ours, 'objects'), { recursive: true }),
    'empty objects': async () => {
      for (const path of await objects(ours)) await truncate(path, 0);
    },
    'a ref to nothing': () => writeFile(join(ours, 'refs/lateen/source'), `${'1'.repeat(40)}\n`),
    'an empty ref': () => writeFile(join(ours, 'refs/lateen/source'), ''),
    'a file in its place': async () => {
      await rm(ours, { recursive: true });
      await writeFile(ours, '');
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    {
      await using source = await openTestSource(dir.path, bare.path);
      await source.fetch(never);
    }
    await damage();
    await using source = await openTestSource(dir.path, bare.path);
    const tree = await source.tree(await source.fetch(never), never);
    assert.equal(tree.files[0]?.text, 'one', name);
    assert.ok(await source.commit(statusCommit({ 'a.yaml': name }), never), name);
  }
});

test('a copy that is damaged while it is open is made anew', async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': 'one', 'b.yaml': 'two' });
  await work.push();
  await using source = await openTestSource(dir.path, bare.path);
  const revision = await source.fetch(never);
  await source.commit(statusCommit({ 'a.yaml': '1' }), never);
  for (const path of await objects(join(dir.path, 'lateen/repo.git'))) await rm(path);
  assert.deepEqual(
    (await source.tree(revision, never)).files.map(({ text }) => text),
    ['one', 'two'],
  );
  for (const path of await objects(join(dir.path, 'lateen/repo.git'))) await rm(path);
  assert.ok(await source.commit(statusCommit({ 'a.yaml': '2', 'c.yaml': '1' }), never));
  assert.deepEqual(await bare.files('lateen-status'), ['a.yaml', 'c.yaml']);
  assert.equal((await bare.log('lateen-status')).length, 2);
});

async function objects(directory: string): Promise<readonly string[]> {
  const paths = await readdir(join(directory, 'objects'), { recursive: true, withFileTypes: true });
  const files = paths.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  // git makes its objects read-only; whoever damages a disk does not ask.
  for (const file of files) {
    await copyFile(file, `${file}.copy`);
    await rm(file);
    await copyFile(`${file}.copy`, file);
    await rm(`${file}.copy`);
  }
  return files;
}

test('a process that is killed while it fetches and pushes leaves what the next one goes on with', async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  await work.commit(Object.fromEntries(Array.from({ length: 300 }, (_value, index) => [`apps/${index}.yaml`, `n: ${index}\n`.repeat(50)])));
  await work.push();
  const script = `
    import { never, openTestSource, statusCommit } from ${JSON.stringify(new URL('./open.ts', import.meta.url).href)};
    const source = await openTestSource(${JSON.stringify(dir.path)}, ${JSON.stringify(bare.path)});
    for (let round = 0; ; round += 1) {
      await source.fetch(never);
      await source.commit(statusCommit({ 'round.yaml': process.pid + ' ' + round, ['kept/' + process.pid + '-' + round]: 'x' }), never);
      console.log('pushed ' + process.pid + '-' + round);
    }`;
  const pushed: string[] = [];
  for (let kill = 0; kill < 3; kill += 1) {
    const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let lines = '';
    child.stdout.on('data', (chunk: Buffer) => {
      lines += chunk.toString();
      // Somewhere in the middle of a round, another place each time.
      if (lines.split('\n').length > 2 + kill) setTimeout(() => child.kill('SIGKILL'), 7 * kill);
    });
    await new Promise((resolve) => {
      child.on('close', resolve);
    });
    const told = [...lines.matchAll(/^pushed (\S+)\n/gm)].map((match) => String(match[1]));
    assert.ok(told.length > 0);
    pushed.push(...told);
    await work.commit({ 'apps/0.yaml': `kill: ${kill}\n` });
    await work.push();
  }
  await using source = await openTestSource(dir.path, bare.path);
  const tree = await source.tree(await source.fetch(never), never);
  assert.equal(tree.files.find(({ path }) => path === 'apps/0.yaml')?.text, 'kill: 2\n');
  assert.ok(await source.commit(statusCommit({ 'round.yaml': 'last' }), never));
  const kept = new Set((await bare.files('lateen-status')).filter((path) => path.startsWith('kept/')).map((path) => path.slice(5)));
  assert.deepEqual(
    pushed.filter((name) => !kept.has(name)),
    [],
  );
  assert.ok((await bare.log('lateen-status')).every(({ parents }, index, all) => parents.length === (index === all.length - 1 ? 0 : 1)));
  await git(join(dir.path, 'lateen/repo.git'), 'fsck', '--no-dangling');
});

test('a work directory is for one process at a time, and a dead one does not hold it', async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  {
    await using source = await openTestSource(dir.path, bare.path);
    assert.ok(source.localDirectory);
    await assert.rejects(openTestSource(dir.path, bare.path), { code: 'config/invalid', message: /in use by process/ });
    // Who only looks may look beside it, and leaves nothing behind.
    const looks = async (): Promise<readonly string[]> => (await readdir(tmpdir())).filter((name) => name.startsWith('lateen-look-'));
    const before = await looks();
    await work.commit({ 'a.yaml': '1' });
    await work.push();
    {
      await using looker = await openTestSource(dir.path, bare.path, { trust: { remembers: false } });
      assert.equal((await looker.tree(await looker.fetch(never), never)).files[0]?.text, '1');
    }
    assert.deepEqual(
      (await looks()).filter((name) => !before.includes(name)),
      [],
    );
    await assert.rejects(openTestSource(dir.path, bare.path), { code: 'config/invalid' });
  }
  await writeFile(join(dir.path, 'lateen/claim'), JSON.stringify({ pid: process.pid, started: 'long ago', id: 'x' }));
  await using source = await openTestSource(dir.path, bare.path);
  assert.equal(source.localDirectory, bare.path);
});

test('closing cancels what runs and what comes later', async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': '1' });
  await work.push();
  const source = await openTestSource(dir.path, bare.path);
  const running = assert.rejects(source.fetch(never), { code: 'loop/cancelled' });
  await source[Symbol.asyncDispose]();
  await running;
  await assert.rejects(source.fetch(never), { code: 'loop/cancelled' });
  await using again = await openTestSource(dir.path, bare.path);
  await assert.rejects(again.fetch(AbortSignal.abort()), { code: 'loop/cancelled' });
});
