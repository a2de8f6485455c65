/** What one push of the status branch carries: commits one on another, and where they go. See generations.ts. */
import type { Clock } from '../model/ports.ts';
import { closingCommit, generationOf, nameOfGeneration, openingCommit } from './generations.ts';
import type { Git } from './git.ts';
import type { HeldCommit } from './outbox.ts';
import type { CommitBuilder } from './status-commit.ts';
import type { Store } from './store.ts';

export interface ChainDoors {
  readonly git: Git;
  readonly clock: Clock;
  readonly commits: CommitBuilder;
  /** The first generation's name. */
  readonly statusBranch: string;
  /** Commits after which the branch goes on under a new name; 0: never. */
  readonly historyMax: number;
}

/** Where the branch stands. */
export interface Tip {
  readonly store: Store;
  /** The newest generation's name. */
  readonly branch: string;
  /** Its newest commit; null: there is no such branch. */
  readonly sha: string | null;
}

/** What to push. */
export interface Chain {
  readonly sha: string;
  readonly branch: string;
  /** Refspecs; several of them go together or not at all. */
  readonly refs: readonly string[];
}

export interface ChainBuilder {
  /** Null when the branch says it all. */
  readonly build: (tip: Tip, commits: readonly HeldCommit[], signal: AbortSignal) => Promise<Chain | null>;
  /** The server cannot take two refs together: the branch stays as long as it gets. */
  readonly neverRotate: () => void;
}

export function chainBuilder({ git, clock, commits: builder, statusBranch, historyMax }: ChainDoors): ChainBuilder {
  let canRotate = historyMax > 0;
  let length: { readonly tip: string; readonly commits: number } | null = null;

  const chain = async (store: Store, tip: string | null, commits: readonly HeldCommit[], signal: AbortSignal): Promise<string | null> => {
    let parent = tip;
    for (const { commit, atMs } of commits) parent = (await builder.build({ store, parent, atMs }, commit, signal)) ?? parent;
    return parent;
  };

  /** Whether this generation is to end. Counted once, then kept in mind. */
  const isLong = async (store: Store, tip: string, more: number, signal: AbortSignal): Promise<boolean> => {
    if (!canRotate) return false;
    if (length?.tip !== tip) {
      const counted = await git.text(
        { doing: 'reading the status branch', directory: store.directory, args: ['rev-list', '--count', '--first-parent', tip] },
        signal,
      );
      length = { tip, commits: Number(counted) };
    }
    return length.commits + more > historyMax;
  };

  return {
    neverRotate: () => {
      canRotate = false;
    },
    build: async ({ store, branch, sha: tip }, commits, signal) => {
      const sha = await chain(store, tip, commits, signal);
      if (sha === tip || sha === null) return null;
      if (tip === null || !(await isLong(store, tip, commits.length, signal))) {
        // Every commit but one that says nothing new; a count that is too high only ends a generation early.
        if (length !== null && length.tip === tip) length = { tip: sha, commits: length.commits + commits.length };
        return { sha, branch, refs: [`${sha}:refs/heads/${branch}`] };
      }
      const next = nameOfGeneration(statusBranch, (generationOf(statusBranch, branch) ?? 1) + 1);
      const ground = { store, parent: tip, atMs: clock.now() };
      const closing = await builder.build(ground, closingCommit(next), signal);
      const root = await builder.build({ ...ground, isNewRoot: true }, openingCommit(branch, tip), signal);
      const newest = await chain(store, root, commits, signal);
      // The old branch's end is a fast-forward as well: it fails, and all with it, when another was faster there.
      return newest === null || closing === null
        ? null
        : { sha: newest, branch: next, refs: [`${newest}:refs/heads/${next}`, `${closing}:refs/heads/${branch}`] };
    },
  };
}
