import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DIRECTORY_LIMITS, readDirectory } from '../../../daemon/source/directory.ts';

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'lateen-directory-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("a folder is read like a commit: sorted, regular files only, with git's ids", async () => {
  await inFolder(async (folder) => {
    await mkdir(join(folder, 'b/.git'), { recursive: true });
    await mkdir(join(folder, 'node_modules'));
    await writeFile(join(folder, 'b/x.yaml'), 'a: ü\n');
    await writeFile(join(folder, 'a.txt'), 'text');
    await writeFile(join(folder, 'b/.git/y.yaml'), 'a: 1\n');
    await writeFile(join(folder, 'node_modules/z.yaml'), 'a: 1\n');
    await symlink(join(folder, 'b/x.yaml'), join(folder, 'link.yaml'));
    const { files } = await readDirectory(`${folder}/`);
    const oid = execFileSync('git', ['hash-object', '--no-filters', join(folder, 'b/x.yaml')], { encoding: 'utf8' }).trim();
    assert.deepEqual(files, [
      { path: 'a.txt', oid: '', sizeBytes: 4, text: null },
      { path: 'b/x.yaml', oid, sizeBytes: 6, text: 'a: ü\n' },
    ]);
    assert.deepEqual(
      (await readDirectory(join(folder, 'b/x.yaml'))).files.map(({ path }) => path),
      ['x.yaml'],
    );
  });
});

test('a folder has bounds, and must exist', async () => {
  await inFolder(async (folder) => {
    await writeFile(join(folder, 'a.yaml'), 'a: 12345\n');
    await writeFile(join(folder, 'b.yaml'), 'a: 1\n');
    assert.deepEqual(
      (await readDirectory(folder, { ...DIRECTORY_LIMITS, fileSizeBytes: 6 })).files.map(({ text }) => text),
      [null, 'a: 1\n'],
    );
    await assert.rejects(readDirectory(folder, { ...DIRECTORY_LIMITS, files: 1 }), { code: 'source/too-large' });
    await assert.rejects(readDirectory(join(folder, 'none')), { code: 'source/not-found' });
  });
});
