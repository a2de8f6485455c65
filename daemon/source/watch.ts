/**
 * DOOR to chokidar, and the poll: both give ticks. A tick means "look again" and carries nothing; one that is lost or
 * doubled does no harm, because the poll comes anyway and looking twice finds nothing new.
 */
import { readFile, readlink, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { watch } from 'chokidar';
import type { Clock } from '../model/ports.ts';

export interface Watch {
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

export interface WatchOptions {
  readonly clock: Clock;
  /** Changes that follow each other within this time are one tick. */
  readonly debounceMs?: number;
  /** Paths for which this is true are not watched. */
  readonly isIgnored?: (path: string) => boolean;
  /** The watch fails (too many watches, the folder went away): the poll must do. */
  readonly onError?: (error: unknown) => void;
}

const DEBOUNCE_MS = 50;

/**
 * Watches files and folders (with everything in them), there already or not yet; resolves once it watches. Atomic saves
 * and Kubernetes' symlink swaps count as changes.
 */
export async function watchPaths(paths: readonly string[], onTick: () => void, options: WatchOptions): Promise<Watch> {
  const closed = new AbortController();
  let isWaiting = false;
  const tick = (): void => {
    if (isWaiting) return;
    isWaiting = true;
    options.clock.sleep(options.debounceMs ?? DEBOUNCE_MS, closed.signal).then(
      () => {
        isWaiting = false;
        if (!closed.signal.aborted) onTick();
      },
      () => {}, // Closed while it waited.
    );
  };
  const ignored = options.isIgnored;
  const common = {
    ignoreInitial: true,
    ignorePermissionErrors: true,
    atomic: false,
    ...(ignored === undefined ? {} : { ignored: (path: string) => ignored(path) }),
  };
  const links = await linkedFolders(paths);
  // A link is only seen to move by a watcher that does not follow it.
  const watchers = [watch([...paths], common), ...(links.length === 0 ? [] : [watch([...links], { ...common, followSymlinks: false })])];
  await Promise.all(
    watchers.map(async (watcher) => {
      watcher.on('all', tick);
      const { promise: ready, resolve: begin } = Promise.withResolvers<void>();
      watcher.once('ready', begin);
      watcher.on('error', (error) => {
        begin();
        options.onError?.(error);
      });
      await ready;
    }),
  );
  return {
    [Symbol.asyncDispose]: async () => {
      closed.abort();
      await Promise.all(watchers.map((watcher) => watcher.close()));
    },
  };
}

/**
 * The folders that linked files lie in. Kubernetes mounts `token` as a link to `..data/token` and swaps the link `..data`:
 * neither the link that is watched nor the file that it led to changes then.
 */
async function linkedFolders(paths: readonly string[]): Promise<readonly string[]> {
  const folders = new Set<string>();
  for (const path of paths) {
    const target = await readlink(path).catch(() => null);
    if (target?.includes('/') === true) folders.add(resolve(dirname(path), dirname(target)));
  }
  return [...folders];
}

/**
 * Ticks when a branch, or any other ref, of the local repository at `path` moves: a bare repository, a work tree, or a
 * linked work tree.
 * `ignoredBranch` (the status branch, which we move ourselves) makes no tick.
 */
export async function watchLocal(path: string, onTick: () => void, options: WatchOptions & { readonly ignoredBranch?: string }): Promise<Watch> {
  const directory = await gitDirectory(path);
  const ignored = options.ignoredBranch === undefined ? null : join(directory, 'refs/heads', options.ignoredBranch);
  // Its later generations as well: see generations.ts.
  const isStatus = (candidate: string): boolean =>
    ignored !== null && (candidate === ignored || /^\.\d+$/.test(candidate.startsWith(ignored) ? candidate.slice(ignored.length) : ''));
  // packed-refs: a branch may be moved in there by git's own tidying or by a delete. HEAD: the default branch. reftable:
  // where refs live in repositories of that newer format.
  const watched = ['refs', 'packed-refs', 'HEAD', 'reftable'].map((name) => join(directory, name));
  return watchPaths(watched, onTick, {
    ...options,
    isIgnored: (candidate) => candidate.endsWith('.lock') || isStatus(candidate) || options.isIgnored?.(candidate) === true,
  });
}

/** The directory that holds the branches of the repository at `path`. */
async function gitDirectory(path: string): Promise<string> {
  const dotGit = join(path, '.git');
  const kind = await stat(dotGit).catch(() => null);
  if (kind === null) return resolve(path);
  if (kind.isDirectory()) return dotGit;
  // A linked work tree or a submodule: a file that says where. `commondir` leads on to where the branches are.
  const linked = resolve(path, (await readFile(dotGit, 'utf8')).replace(/^gitdir: /, '').trim());
  const common = await readFile(join(linked, 'commondir'), 'utf8').catch(() => null);
  return common === null ? linked : resolve(linked, common.trim());
}

/**
 * Ticks about every `intervalMs`: each wait is up to `jitter` (a share, 0.1 for a tenth) shorter or longer, so that many
 * daemons do not ask at once. Resolves when `signal` fires.
 */
export async function poll(intervalMs: number, jitter: number, clock: Clock, onTick: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(intervalMs * (1 + jitter * (2 * clock.random() - 1)), signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    onTick();
  }
}
