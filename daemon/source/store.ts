/**
 * Our own bare copy of the repository: made, opened again after a crash in any state, and made anew when it is damaged.
 * It holds nothing that neither the remote nor the hub has, so throwing it away is always safe.
 *
 *   refs/lateen/source   the newest commit of the source branch
 *   refs/lateen/status   the tip of the status branch, as last seen on the remote
 *   refs/lateen/applied/ what was applied last, by repository and branch
 */
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Git } from './git.ts';

export const SOURCE_REF = 'refs/lateen/source';
export const STATUS_REF = 'refs/lateen/status';
export const APPLIED_REFS = 'refs/lateen/applied/';

export type ObjectFormat = 'sha1' | 'sha256';

export interface Store {
  /** The git directory. */
  readonly directory: string;
  readonly format: ObjectFormat;
  /** What our refs point at; absent refs are left out. Every one of them is there as an object. */
  readonly refs: ReadonlyMap<string, string>;
}

/** Our first copy's name; the second one is plan-copy.ts's. */
const NAME = 'repo.git';

/** Opens `<workDir>/repo.git`, clearing up what a killed process left; anything that is not sound is made anew. */
export async function openStore(git: Git, workDir: string, signal: AbortSignal, name = NAME): Promise<Store> {
  const directory = join(workDir, name);
  await clearUp(workDir, name);
  // "Never from a shallow clone": a push from one could be refused or could lack history.
  const isShallow = await exists(join(directory, 'shallow'));
  const isThere = await stat(directory).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const opened = isShallow || !isThere ? null : await inspect(git, directory, signal);
  return opened ?? renewStore(git, workDir, 'sha1', signal, name);
}

/** Throws the copy away and makes an empty one. */
export async function renewStore(git: Git, workDir: string, format: ObjectFormat, signal: AbortSignal, name = NAME): Promise<Store> {
  const directory = join(workDir, name);
  const fresh = join(workDir, `${name}.new`);
  await rm(fresh, { recursive: true, force: true });
  await git.text(
    { doing: 'making a repository', directory: workDir, args: ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, fresh] },
    signal,
  );
  // Whole or not at all: a kill in between leaves no repository rather than half of one.
  await rm(directory, { recursive: true, force: true });
  await rename(fresh, directory);
  return { directory, format, refs: new Map() };
}

/** The copy with its refs as they are now. */
export async function withRefs(git: Git, store: Store, signal: AbortSignal): Promise<Store> {
  const listed = await git.text(
    { doing: 'reading our copy', directory: store.directory, args: ['for-each-ref', '--format=%(objectname) %(refname)', 'refs/lateen/'] },
    signal,
  );
  const lines = listed.split('\n').filter((line) => line !== '');
  return { ...store, refs: new Map(lines.map((line) => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))])) };
}

/** Whether everything that our refs need is there and intact. Slow: only asked after an error that smells of damage. */
export async function isSound(git: Git, store: Store, signal: AbortSignal): Promise<boolean> {
  const checked = await git.result(
    { doing: 'checking our copy', directory: store.directory, args: ['fsck', '--no-dangling', '--no-progress', '--no-reflogs'] },
    signal,
  );
  // Bits 1 and 2: errors in objects, missing objects.
  return (checked.exitCode & 3) === 0;
}

async function inspect(git: Git, directory: string, signal: AbortSignal): Promise<Store | null> {
  const kind = await git.result({ doing: 'opening our copy', directory, args: ['rev-parse', '--is-bare-repository', '--show-object-format'] }, signal);
  const [bare, format] = kind.stdout.trim().split('\n');
  if (kind.exitCode !== 0 || bare !== 'true' || (format !== 'sha1' && format !== 'sha256')) return null;
  const listed = await git.result(
    { doing: 'opening our copy', directory, args: ['for-each-ref', '--format=%(objectname) %(objecttype) %(tree) %(refname)', 'refs/lateen/'] },
    signal,
  );
  // It fails when a ref points at an object that is missing or broken.
  if (listed.exitCode !== 0) return null;
  const refs = new Map<string, string>();
  for (const line of listed.stdout.split('\n')) {
    const [oid, type, , ref] = line.split(' ');
    if (type === 'commit' && oid !== undefined && ref !== undefined) refs.set(ref, oid);
  }
  return { directory, format, refs };
}

/** Removes what only a killed git leaves. The claim on the work directory says that no git of ours is alive. */
async function clearUp(workDir: string, store: string): Promise<void> {
  const directory = join(workDir, store);
  const remove = async (path: string): Promise<void> => {
    await rm(path, { recursive: true, force: true });
  };
  // A status commit may be under way when the second copy is opened: its index is no leftover then.
  for (const name of await names(workDir)) if ((name.startsWith('index-') && store === NAME) || name === `${store}.new`) await remove(join(workDir, name));
  for (const name of await names(directory)) if (name.endsWith('.lock')) await remove(join(directory, name));
  for (const folder of ['objects/info', 'objects/info/commit-graphs']) {
    for (const name of await names(join(directory, folder))) if (name.endsWith('.lock') || name.startsWith('tmp_')) await remove(join(directory, folder, name));
  }
  for (const name of await names(join(directory, 'objects/pack')))
    if (/^(?:\.?tmp[-_]|.*\.(?:lock|keep)$)/.test(name)) await remove(join(directory, 'objects/pack', name));
  for (const name of await names(join(directory, 'objects'))) if (/^(?:incoming-|tmp_objdir-)/.test(name)) await remove(join(directory, 'objects', name));
  for (const path of await names(join(directory, 'refs'), true)) if (path.endsWith('.lock')) await remove(join(directory, 'refs', path));
}

async function names(folder: string, recursive = false): Promise<readonly string[]> {
  try {
    return await readdir(folder, { recursive });
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** Whether the path exists, whatever it is. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
