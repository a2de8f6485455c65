import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { blobId } from '../../../daemon/source/pack.ts';
import { bareRepo, temporaryDirectory } from '../../rig/git.ts';
import { never, openTestSource, statusCommit } from './open.ts';

test('files of every size come back from git as they went in, under the id that was foretold', async () => {
  await using dir = await temporaryDirectory();
  for (const format of ['sha1', 'sha256'] as const) {
    const bare = await bareRepo(join(dir.path, `${format}.git`), `--object-format=${format}`);
    const sizes = [0, 1, 15, 16, 17, 2047, 2048, 2049, 300_000];
    const files = Object.fromEntries(sizes.map((size) => [`${size}.yaml`, 'é'.repeat(size >> 1) + 'x'.repeat(size & 1)]));
    await using source = await openTestSource(join(dir.path, format), bare.path);
    if (format === 'sha256')
      await bare.git('update-ref', 'refs/heads/lateen-status', (await bare.git('commit-tree', (await bare.git('write-tree')).trim(), '-m', 'Root')).trim());
    assert.ok(await source.commit(statusCommit(files), never));
    for (const [path, content] of Object.entries(files)) {
      assert.equal(await bare.show('lateen-status', path), content, path);
      assert.equal((await bare.git('rev-parse', `lateen-status:${path}`)).trim(), blobId(format, content));
    }
  }
});

test('trees and commits have the ids that git gives them', async () => {
  await using dir = await temporaryDirectory();
  const bare = await bareRepo(join(dir.path, 'origin.git'));
  await using source = await openTestSource(join(dir.path, 'ours'), bare.path, { identity: { name: ' Robot <x>\n', email: 'robot@example.com' } });
  // Names that sort otherwise as folders than as files, and by bytes otherwise than by letters.
  const paths = ['a/b/c.yaml', 'a.yaml', 'a0.yaml', 'a-b.yaml', 'Z.yaml', 'é/ü.yaml', '\u{1F600}/x.yaml', '\uFF61.yaml', 'b/README.md'];
  assert.ok(await source.commit(statusCommit(Object.fromEntries(paths.map((path) => [path, path]))), never));
  await source.commit(statusCommit({ 'a/b/c.yaml': null, 'b/README.md': 'x' }, 'less'), never);
  await source.commit(statusCommit({ 'a/b': 'a file now', 'Z.yaml/x.yaml': 'a folder now' }, 'places change'), never);
  await bare.git('fsck', '--strict', '--no-dangling');
  assert.deepEqual(
    await bare.files('lateen-status'),
    ['Z.yaml/x.yaml', 'a-b.yaml', 'a.yaml', 'a/b', 'a0.yaml', 'b/README.md', 'é/ü.yaml', '\uFF61.yaml', '\u{1F600}/x.yaml'].sort(),
  );
  assert.equal((await bare.git('log', '-1', '--format=%an <%ae> %cn', 'lateen-status')).trim(), 'Robot x <robot@example.com> Robot x');
});

test('nothing is left of a status that goes altogether', async () => {
  await using dir = await temporaryDirectory();
  const bare = await bareRepo(join(dir.path, 'origin.git'));
  await using source = await openTestSource(join(dir.path, 'ours'), bare.path);
  await source.commit(statusCommit({ 'a/b.yaml': '1' }), never);
  await source.commit(statusCommit({ 'a/b.yaml': null }), never);
  assert.deepEqual(await bare.files('lateen-status'), []);
});
