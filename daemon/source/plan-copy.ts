/**
 * A second bare copy, for refs that are planned. Anybody may have pushed them, so they may be slow and huge: here they are
 * fetched beside everything else, and neither the source branch nor a status commit waits for them (I12). What our first
 * copy has is borrowed from it, so little more than the refs' own commits is fetched; losing this one loses nothing.
 *
 *   repo.git   source, status, applied   <── objects/info/alternates ──   plans.git   refs/lateen/plans/
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { serialQueue } from '../lib/queue.ts';
import { Fault } from '../model/fault.ts';
import type { Clock, PlanRefs } from '../model/ports.ts';
import { fetchRefs, type Place } from './ask.ts';
import { isCorruption } from './git-fault.ts';
import type { Git } from './git.ts';
import { planTips } from './plan-refs.ts';
import { earlierContent } from './revisions.ts';
import { isSound, openStore, renewStore, withRefs, type Store } from './store.ts';
import type { TreeReader } from './tree.ts';

const NAME = 'plans.git';
/** Relative to the copy's objects, so that the work directory may be moved. */
const BORROWED = '../../repo.git/objects\n';
/** Each fetch leaves a pack. */
const FETCHES_PER_GC = 50;

export interface PlanCopyDoors {
  readonly git: Git;
  readonly clock: Clock;
  readonly workDir: string;
  readonly source: Place;
  /** The status branch's first generation. */
  readonly statusBranch: string;
  /** Bytes that one fetch may bring. */
  readonly fetchMaxBytes: number;
  /** Apart from the reader of what is applied, so that nothing is pushed out of that one's memory. */
  readonly trees: TreeReader;
  /** Our first copy, as it is now. */
  readonly lender: () => Store;
}

export interface PlanCopy extends PlanRefs, AsyncDisposable {
  /** Whether this commit is one of the tips. */
  readonly holds: (sha: string) => boolean;
}

/** Nothing is made before the first question. Its methods throw what {@link PlanRefs} says. */
export function openPlanCopy(doors: PlanCopyDoors): PlanCopy {
  const { git, clock, workDir, source, statusBranch, fetchMaxBytes, trees, lender } = doors;
  const queue = serialQueue(64);
  const closing = new AbortController();
  let copy: Store | null = null;
  let fetches = 0;

  const borrowing = async (store: Store): Promise<Store> => {
    await mkdir(join(store.directory, 'objects/info'), { recursive: true });
    await writeFile(join(store.directory, 'objects/info/alternates'), BORROWED);
    return store;
  };
  const renew = async (signal: AbortSignal): Promise<Store> => (copy = await borrowing(await renewStore(git, workDir, lender().format, signal, NAME)));
  const opened = async (signal: AbortSignal): Promise<Store> => {
    copy ??= await borrowing(await openStore(git, workDir, signal, NAME));
    // A repository with SHA-256 ids needs a copy of the same kind.
    return copy.format === lender().format ? copy : renew(signal);
  };
  const current = (): Store => copy ?? lender();

  const setRefs = async (signal: AbortSignal): Promise<void> => {
    copy = await withRefs(git, current(), signal);
  };
  const download = async (specs: readonly string[], config: readonly (readonly [string, string])[], signal: AbortSignal): Promise<void> => {
    await fetchRefs(git, current().directory, source, specs, signal, config);
    await setRefs(signal);
    fetches += 1;
    // Nobody else writes here, so what is let go of need not be kept for a while. That it fails changes nothing for anyone.
    if (fetches % FETCHES_PER_GC === 0)
      await git.result({ doing: 'tidying up', directory: current().directory, args: ['gc', '--auto', '--quiet'], config: [['gc.pruneExpire', 'now']] }, signal);
  };
  const drop = async (ref: string, signal: AbortSignal): Promise<void> => {
    await git.text({ doing: 'writing our copy', directory: current().directory, args: ['update-ref', '-d', ref] }, signal);
    await setRefs(signal);
  };

  /** One at a time; once more with a new copy when the old one turns out to be damaged, or what it borrowed is gone. */
  const alone = async <T>(signal: AbortSignal, action: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const both = AbortSignal.any([signal, closing.signal]);
    const run = async (): Promise<T> => {
      const store = await opened(both);
      try {
        return await action(both);
      } catch (error) {
        if (!isCorruption(error) || (await isSound(git, store, both))) throw error;
        await renew(both);
        return action(both);
      }
    };
    try {
      return await queue.run('', run, both);
    } catch (error) {
      if (both.aborted && !(error instanceof Fault)) throw new Fault('loop/cancelled', 'cancelled', { cause: error });
      throw error;
    }
  };

  return {
    planTips: (request, signal) =>
      alone(signal, (both) => planTips(request, { git, clock, source, workDir, statusBranch, fetchMaxBytes, store: current, download, drop }, both)),
    planTree: (revision, signal) => trees.read(current().directory, revision, AbortSignal.any([signal, closing.signal])),
    earlierContent: (head, base, signal) => alone(signal, (both) => earlierContent(head, base, { git, store: current }, both)),
    holds: (sha) => copy !== null && [...copy.refs.values()].includes(sha),
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await queue.run('', () => Promise.resolve());
    },
  };
}
