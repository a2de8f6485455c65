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
    if (format === 'sha256') await bare.git('update-ref', 'refs/heads/lateen-status', (await bare.git('commit-tree', (await bare.git('write-tree')).trim(), '-m', 'Root')).trim());
    assert.ok(await source.commit(statusCommit(files), never));
    for (const [path, content] of Object.entries(files)) {
      assert.equal(await bare.show('lateen-status', path), content, path);
      assert.equal((await bare.git('rev-parse', `lateen-status:${path}`)).trim(), blobId(format, content));
    }
  }
});
