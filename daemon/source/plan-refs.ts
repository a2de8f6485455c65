/**
 * Refs that are planned when they move: which of them the remote has, which have moved, and their commits in our copy.
 * Anybody may have pushed them, so what is fetched is bounded, checked by git and kept under names of ours.
 *
 *   listed -> planned for this very commit ------------------------------------> nothing to do
 *      |----> seen before at this commit, and never planned ---------------------> nothing to do: it was old at first sight
 *      |----> contained in the branch that is applied ---------------------------> its plan is dropped
 *      |----> moved, or new since the first sight, or of the newest at first sight
 *                 |-> fetched by its exact id -> a tip; the rest of them wait for the next round
 *                 |-> cannot be fetched: told, and tried again when it moves, or soon where that may help
 */
import { createHash } from 'node:crypto';
import { readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRefName, matchesRef } from '../lib/ref-pattern.ts';
import type { Revision } from '../model/catalog.ts';
import { Fault, toFault } from '../model/fault.ts';
import type { Clock, PlanRequest, PlanTip, PlanTips } from '../model/ports.ts';
import { refuseFailure, type Place } from './ask.ts';
import type { Git } from './git.ts';
import { generationOf } from './generations.ts';
import type { Store } from './store.ts';

/** Where their commits are kept in our copy, by a hash of the ref's name: a branch may be called as another's folder. */
export const PLAN_REFS = 'refs/lateen/plans/';

/** Refs of the remote that are looked at; of more, the newest by their names. */
const LISTED_MAX = 10_000;
/** Refs that are planned at first sight: a repository may have thousands of pull requests that nobody waits for. */
const FIRST_MAX = 30;
/** Refs that are fetched in one round; the rest waits for the next. */
const ROUND_MAX = 10;
/** Commits that are kept; beyond it the oldest names go. */
const KEPT_MAX = 200;

export interface PlanDoors {
  readonly git: Git;
  readonly clock: Clock;
  readonly store: () => Store;
  readonly source: Place;
  readonly workDir: string;
  /** The status branch's first generation. */
  readonly statusBranch: string;
  /** Fetches these refspecs from the source, with some configuration of git's. */
  readonly download: (specs: readonly string[], config: readonly (readonly [string, string])[], signal: AbortSignal) => Promise<void>;
  /** Bytes that one fetch may bring. */
  readonly fetchMaxBytes: number;
  readonly drop: (ref: string, signal: AbortSignal) => Promise<void>;
}

/** Our ref for one of the remote's. */
export const planRef = (ref: string): string => `${PLAN_REFS}${createHash('sha256').update(ref).digest('hex').slice(0, 24)}`;

/**
 * Asks the remote and fetches what is to be planned now. Answers in a stable order: branches first, then what has the
 * higher number. Faults: source/* when the remote cannot be asked; a ref that cannot be fetched is told in the answer.
 */
export async function planTips(request: PlanRequest, doors: PlanDoors, signal: AbortSignal): Promise<PlanTips> {
  const listed = await listRefs(request, doors, signal);
  const memory = await readSeen(doors);
  const isFirst = memory === null;
  const seen = new Map(memory ?? []);
  const open = [...listed].filter(([ref, sha]) => request.planned.get(ref) !== sha && seen.get(ref) !== sha);
  const merged = await containedIn(request.onto, [...listed.values()], doors, signal);
  const wanted = open.filter(([, sha]) => !merged.has(sha));
  // At first sight it is not known what moved: only the newest are taken, of all that there are and not of what is left.
  const newest = isFirst
    ? new Set(
        [...listed]
          .filter(([, sha]) => !merged.has(sha))
          .slice(0, FIRST_MAX)
          .map(([ref]) => ref),
      )
    : null;
  const chosen = wanted.filter(([ref]) => newest === null || newest.has(ref) || request.planned.has(ref));
  const now = chosen.slice(0, ROUND_MAX);
  const { tips, failed, contained } = await fetchTips(now, request.onto, doors, signal);
  const waiting = new Set(chosen.slice(ROUND_MAX).map(([ref]) => ref));
  const late = new Set([
    ...now.map(([ref]) => ref).filter((ref) => !failed.some((item) => item.ref === ref && item.fault.kind !== 'transient') && !contained.has(ref)),
    ...waiting,
  ]);
  // What is to be planned counts as seen when its plan is there: a process that dies before goes on with it.
  await writeSeen(new Map([...listed].filter(([ref]) => !late.has(ref))), doors);
  const gone = [...request.planned.keys()].filter((ref) => contained.has(ref) || !listed.has(ref) || merged.has(listed.get(ref) ?? ''));
  await dropOthers(new Set([...listed.keys()].filter((ref) => !gone.includes(ref)).map(planRef)), new Set(tips.map(({ ref }) => planRef(ref))), doors, signal);
  return { tips, failed, gone, waiting: waiting.size };
}

/** The refs that fit a pattern, the newest first; never the branch that is read, nor the status branch (I5). */
async function listRefs(
  { patterns, onto }: PlanRequest,
  { git, store, source, statusBranch }: PlanDoors,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  if (patterns.length === 0) return new Map();
  const done = await git.result(
    { doing: 'reading', directory: store().directory, remote: source, args: ['ls-remote', '--quiet', '--refs', '--', source.remote.url, ...patterns] },
    signal,
  );
  refuseFailure(done, source);
  const found: [string, string][] = [];
  for (const line of done.stdout.split('\n')) {
    const [sha = '', ref = ''] = line.split('\t');
    if (!isRefName(ref) || !patterns.some((pattern) => matchesRef(pattern, ref))) continue;
    if (ref === `refs/heads/${onto.branch}` || (ref.startsWith('refs/heads/') && generationOf(statusBranch, ref.slice('refs/heads/'.length)) !== null))
      continue;
    found.push([ref, sha]);
  }
  return new Map(found.sort(([a], [b]) => newestFirst(a, b)).slice(0, LISTED_MAX));
}

const isBranch = (ref: string): boolean => ref.startsWith('refs/heads/');

/** Branches are few and alive; of numbered refs the highest number is the newest. */
function newestFirst(a: string, b: string): number {
  if (isBranch(a) !== isBranch(b)) return isBranch(a) ? -1 : 1;
  const [left, right] = [numberIn(a), numberIn(b)];
  if (left !== right) return left < right ? 1 : -1;
  return a < b ? -1 : Number(a > b);
}

const numberIn = (ref: string): number => (isBranch(ref) ? 0 : Number(/\d{1,15}/.exec(ref)?.[0] ?? 0));

/** Those of these commits that are in our copy and contained in the branch. Two processes, however many there are. */
async function containedIn(onto: Revision, shas: readonly string[], { git, store }: PlanDoors, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const unique = [...new Set(shas)];
  if (unique.length === 0) return new Set();
  const directory = store().directory;
  const checked = await git.text(
    { doing: 'comparing commits', directory, args: ['cat-file', '--batch-check=%(objectname) %(objecttype)'], input: `${unique.join('\n')}\n` },
    signal,
  );
  const there = checked
    .split('\n')
    .filter((line) => line.endsWith(' commit'))
    .map((line) => line.slice(0, line.indexOf(' ')));
  if (there.length === 0) return new Set();
  const outside = new Set(
    (
      await git.text({ doing: 'comparing commits', directory, args: ['rev-list', '--stdin'], input: `${[...there, `^${onto.sha}`].join('\n')}\n` }, signal)
    ).split('\n'),
  );
  return new Set(there.filter((sha) => !outside.has(sha)));
}

interface Fetched {
  readonly tips: readonly PlanTip[];
  readonly failed: PlanTips['failed'];
  /** Refs that turned out to be contained in the branch. */
  readonly contained: ReadonlySet<string>;
}

async function fetchTips(refs: readonly (readonly [string, string])[], onto: Revision, doors: PlanDoors, signal: AbortSignal): Promise<Fetched> {
  const tips: PlanTip[] = [];
  const failed: { ref: string; sha: string; fault: Fault }[] = [];
  const contained = new Set<string>();
  const missing = refs.filter(([ref, sha]) => doors.store().refs.get(planRef(ref)) !== sha);
  // All at once where that goes; one that is refused must not hold up the others (I12).
  const together = missing.length < 2 ? null : await attempt(() => bounded(doors, missing, signal));
  for (const [ref, sha] of refs) {
    const isMissing = missing.some((item) => item[0] === ref) && together !== 'done';
    const fault = isMissing ? await attempt(() => bounded(doors, [[ref, sha]], signal)) : 'done';
    const tip = fault === 'done' ? await attempt(() => describeTip(ref, sha, onto, doors, signal)) : fault;
    if (tip instanceof Fault) failed.push({ ref, sha, fault: tip });
    else if (tip === null) contained.add(ref);
    else tips.push(tip);
  }
  return { tips, failed, contained };
}

/** What came out, or the fault; cancellation is thrown. */
async function attempt<T>(action: () => Promise<T>): Promise<T | Fault> {
  try {
    return await action();
  } catch (error) {
    const fault = toFault(error);
    if (fault.kind === 'cancelled' || fault.kind === 'bug') throw fault;
    return fault;
  }
}

/** A fetch that is given up when it brings more than it may, and what it brought thrown away: git itself has no such bound. */
async function bounded(doors: PlanDoors, refs: readonly (readonly [string, string])[], signal: AbortSignal): Promise<'done'> {
  const { download, drop, clock, store, fetchMaxBytes } = doors;
  const folder = join(store().directory, 'objects', 'pack');
  const before = new Set(await readdir(folder).catch(() => []));
  const isTooMuch = async (): Promise<boolean> => (await sizeOf(folder, before)) > fetchMaxBytes;
  const tooMuch = new AbortController();
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await clock.sleep(200, over.signal);
      if (await isTooMuch()) tooMuch.abort();
    }
  };
  const watching = watch().catch(() => {});
  try {
    // As one pack, however few the objects: there its size is seen while it grows.
    await download(
      refs.map(([ref, sha]) => `+${sha}:${planRef(ref)}`),
      [['fetch.unpackLimit', '1']],
      AbortSignal.any([signal, tooMuch.signal]),
    );
    if (!(await isTooMuch())) return 'done';
  } catch (error) {
    if (!tooMuch.signal.aborted || signal.aborted) throw error;
  } finally {
    over.abort();
    await watching;
  }
  // All of them, known or not: a git that was stopped may have written a ref whose objects are about to go.
  for (const [ref] of refs) await drop(planRef(ref), signal);
  for (const name of await readdir(folder)) if (!before.has(name)) await rm(join(folder, name), { force: true });
  throw new Fault('source/too-large', `it brings more than ${fetchMaxBytes} bytes`);
}

/** The files that are not in `before`. */
async function sizeOf(folder: string, before: ReadonlySet<string>): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names
      .filter((name) => !before.has(name))
      .map((name) =>
        stat(join(folder, name)).then(
          (found) => found.size,
          () => 0,
        ),
      ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The tip with the commit that it left the branch at; null when the branch contains it. */
async function describeTip(ref: string, sha: string, onto: Revision, { git, store }: PlanDoors, signal: AbortSignal): Promise<PlanTip | null> {
  const directory = store().directory;
  const forked = await git.result({ doing: 'comparing commits', directory, args: ['merge-base', onto.sha, sha] }, signal);
  // 1: they have nothing in common; anything else is no commit, or worse.
  if (forked.exitCode > 1) throw new Fault('source/no-commit', `${ref} points at no commit`);
  const baseSha = forked.exitCode === 0 ? forked.stdout.trim() : '';
  if (baseSha === sha) return null;
  const told = await git.text(
    {
      doing: 'reading a commit',
      directory,
      args: ['log', '--no-walk=unsorted', '--no-show-signature', '--format=%an <%ae>%x00%s', sha, ...(baseSha === '' ? [] : [baseSha])],
    },
    signal,
  );
  const [head, base] = told.split('\n');
  const revision = (id: string, branch: string, line = ''): Revision =>
    Object.freeze({ sha: id, branch, author: line.split('\0')[0] ?? '', subject: line.split('\0')[1] ?? '' });
  return { ref, revision: revision(sha, ref, head), base: baseSha === '' ? null : baseSha === onto.sha ? onto : revision(baseSha, onto.branch, base) };
}

/** Lets go of commits that are no longer there, and of the oldest beyond what is kept. */
async function dropOthers(known: ReadonlySet<string>, fresh: ReadonlySet<string>, { store, drop }: PlanDoors, signal: AbortSignal): Promise<void> {
  const ours = [...store().refs.keys()].filter((ref) => ref.startsWith(PLAN_REFS));
  const kept = ours.filter((ref) => known.has(ref));
  const surplus = kept.filter((ref) => !fresh.has(ref)).slice(0, Math.max(0, kept.length - KEPT_MAX));
  for (const ref of [...ours.filter((name) => !known.has(name)), ...surplus]) await drop(ref, signal);
}

// -------------------------------------------------------------------------------------------------------------- memory

const FILE = 'plan-refs.json';

/** What was there at the last look and is not to be planned unless it moves; null before the first look. */
async function readSeen({ workDir, source }: PlanDoors): Promise<ReadonlyMap<string, string> | null> {
  const text = await readFile(join(workDir, FILE), 'utf8').catch(() => '');
  try {
    const { url, seen } = JSON.parse(text) as { readonly url: unknown; readonly seen: unknown };
    if (url !== source.remote.url || !Array.isArray(seen)) return null;
    return new Map(seen as [string, string][]);
  } catch {
    // Not there, or half of one: the newest are looked at again, and their plans are there already.
    return null;
  }
}

async function writeSeen(seen: ReadonlyMap<string, string>, { workDir, source }: PlanDoors): Promise<void> {
  const text = JSON.stringify({ url: source.remote.url, seen: [...seen] });
  if ((await readFile(join(workDir, FILE), 'utf8').catch(() => '')) === text) return;
  await writeFile(join(workDir, `${FILE}.new`), text);
  await rename(join(workDir, `${FILE}.new`), join(workDir, FILE));
}
