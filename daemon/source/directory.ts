/**
 * A plain folder as a Tree, for `check DIR`, `render DIR` and tests: what is on disk now, committed or not.
 *
 * Door: the file system. Symbolic links are not followed, as git trees are not work trees (I1).
 */
import { createHash } from 'node:crypto';
import { lstat, readFile, readdir } from 'node:fs/promises';
import { Fault } from '../model/fault.ts';
import type { Tree, TreeFile } from '../model/catalog.ts';

/** Bounds of a folder (I7). */
export interface DirectoryLimits {
  /** Files that are larger are listed without their text. */
  readonly fileSizeBytes: number;
  readonly files: number;
}

export const DIRECTORY_LIMITS: DirectoryLimits = { fileSizeBytes: 4 << 20, files: 50_000 };

const SKIPPED = new Set(['.git', 'node_modules']);
const IS_READ = /\.(?:ya?ml|json|cue)$/;

/**
 * Reads a folder and all below it. The revision is made up: its fields are empty. `path` may also be a single file, which
 * is then all there is. Faults: source/not-found, source/too-large.
 */
export async function readDirectory(path: string, limits: DirectoryLimits = DIRECTORY_LIMITS): Promise<Tree> {
  const root = path.replace(/(?<=.)\/+$/, '');
  const files: TreeFile[] = [];
  const stat = await lstat(root).catch((error: unknown) => {
    throw new Fault('source/not-found', `${path} cannot be read`, { cause: error, kind: 'invalid' });
  });
  if (stat.isFile()) {
    const slash = root.lastIndexOf('/');
    files.push(await readOne(root.slice(0, slash + 1), root.slice(slash + 1), limits));
  } else {
    await walk(`${root}/`, '', files, limits);
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { revision: { sha: '', branch: '', author: '', subject: '' }, files };
}

async function walk(root: string, folder: string, into: TreeFile[], limits: DirectoryLimits): Promise<void> {
  for (const entry of await readdir(`${root}${folder}`, { withFileTypes: true })) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory() && !SKIPPED.has(entry.name)) await walk(root, `${path}/`, into, limits);
    if (!entry.isFile()) continue;
    if (into.length >= limits.files) throw new Fault('source/too-large', `${root} has more than ${limits.files} files`);
    into.push(await readOne(root, path, limits));
  }
}

async function readOne(root: string, path: string, limits: DirectoryLimits): Promise<TreeFile> {
  const { size } = await lstat(`${root}${path}`);
  if (!IS_READ.test(path) || size > limits.fileSizeBytes) return { path, oid: '', sizeBytes: size, text: null };
  const bytes = await readFile(`${root}${path}`);
  // Git's own id of a blob, so that a cache holds for both.
  const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  return { path, oid, sizeBytes: bytes.length, text: bytes.toString('utf8') };
}
