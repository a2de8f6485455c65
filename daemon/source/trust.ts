/**
 * Which commit may be applied: the newest one, when it descends from what was applied last and is signed as the operator
 * asks; else what was applied last goes on being applied, and the reason is told.
 *
 *              tip is what was applied ------------------------------> apply the tip
 *   fetched -> tip descends from it, or its id was accepted -> signed -> apply the tip, remember it
 *                       |                                        |
 *                       v                                        v
 *                 source/rewritten                        source/unverified
 *                       \----- keep to what was applied; without that, a fault ----/
 */
import { createHash } from 'node:crypto';
import { Fault, type Diagnostic } from '../model/fault.ts';
import { signatureProblem } from '../model/trust.ts';
import type { Git } from './git.ts';
import type { Keys } from './keys.ts';
import { signedCommits } from './signature.ts';
import { APPLIED_REFS, type Store } from './store.ts';

export interface TrustRules {
  /** Which commits have to be signed: none, the newest, or every one since what was applied last. */
  readonly verify: 'off' | 'head' | 'all';
  /** The full id of a tip that may be followed though history was rewritten; null: none. */
  readonly acceptRewrite: string | null;
}

/** What may be applied, and what is held back. */
export interface Verdict {
  readonly sha: string;
  readonly held: readonly Diagnostic[];
}

export interface Tip {
  readonly sha: string;
  readonly branch: string;
  /** What was applied last; null when nothing is known to have been. */
  readonly applied: string | null;
  /** False: the hub tells of `applied`, and documents of later commits may have been applied as well. */
  readonly isCertain: boolean;
}

export interface Trust {
  /** Faults: source/rewritten and source/unverified when there is nothing to keep to; source/*. */
  readonly judge: (store: Store, tip: Tip, signal: AbortSignal) => Promise<Verdict>;
}

/** So many commits at once are verified one by one; each takes some 10 ms. */
const COMMITS_MAX = 2_000;

const short = (sha: string): string => sha.slice(0, 10);

/** Our ref for what was applied last from a branch of a repository: another repository begins anew. */
export function appliedRef(url: string, branch: string | null): string {
  return `${APPLIED_REFS}${createHash('sha256')
    .update(`${url}\n${branch ?? ''}`)
    .digest('hex')
    .slice(0, 16)}`;
}

export function openTrust(git: Git, keys: Keys, rules: TrustRules): Trust {
  let last: { readonly asked: string; readonly problem: string } | null = null;
  /** What is wrong with the signatures, as the rest of a sentence; "" when nothing is. The last answer is kept. */
  const unsigned = async (store: Store, tip: Tip, signal: AbortSignal): Promise<string> => {
    const { digest } = await keys.ready();
    const asked = [tip.sha, tip.applied, digest].join(' ');
    if (last?.asked !== asked) last = { asked, problem: await problemOf(git, keys, rules, store, tip, signal) };
    return last.problem;
  };
  return {
    judge: async (store, tip, signal) => {
      const { applied } = tip;
      const isThere = applied !== null && (await hasCommit(git, store, applied, signal));
      const hold = (code: 'source/rewritten' | 'source/unverified', message: string, hint: string): Verdict => {
        // Going back to less than what was applied would undo it.
        if (applied === null || !isThere || !tip.isCertain) throw new Fault(code, `${message}; nothing is applied. ${hint}`, { kind: 'denied' });
        return {
          sha: applied,
          held: [{ code, severity: 'error', message: applied === tip.sha ? message : `${message}; ${short(applied)} goes on being applied`, hint }],
        };
      };
      if (applied !== null && rules.acceptRewrite !== tip.sha && !(isThere && (await descends(git, store, tip.sha, applied, signal)))) {
        return hold(
          'source/rewritten',
          `the history of ${tip.branch} was rewritten: its newest commit ${short(tip.sha)} does not descend from ${short(applied)}, which was applied last`,
          `Push a commit that descends from it, or accept the new history: --accept-rewrite ${tip.sha}`,
        );
      }
      const problem = rules.verify === 'off' ? '' : await unsigned(store, isThere ? tip : { ...tip, applied: null }, signal);
      if (problem !== '')
        return hold('source/unverified', problem, 'Sign it with a key that the operator has named (`git commit --amend -S`), or put a signed commit on top.');
      return { sha: tip.sha, held: [] };
    },
  };
}

export interface AppliedOptions {
  readonly ref: string;
  /** False for who only looks. */
  readonly remembers: boolean;
  /** Commits that the hub knows to have been applied, for when our copy was lost. */
  readonly ask: (signal: AbortSignal) => Promise<readonly string[]>;
}

/** What was applied last from a branch of a repository. It outlives our copy, and by its ref the process. */
export interface Applied {
  /** What may be applied, remembered before it is: a process that dies in between goes on with it. Faults as {@link Trust}. */
  readonly judge: (store: Store, tip: string, branch: string, setRef: (ref: string, sha: string) => Promise<void>, signal: AbortSignal) => Promise<Verdict>;
}

export function openApplied(git: Git, trust: Trust, { ref, remembers, ask }: AppliedOptions): Applied {
  let applied: string | null | undefined;
  let isCertain = false;
  return {
    judge: async (store, tip, branch, setRef, signal) => {
      if (applied === undefined) {
        // Where our copy knows of another repository or branch, the operator has changed it on purpose.
        const isOther = [...store.refs.keys()].some((name) => name.startsWith(APPLIED_REFS));
        isCertain = store.refs.has(ref);
        applied = store.refs.get(ref) ?? (isOther ? null : await lastOfMany(git, store, tip, await ask(signal), signal));
      }
      const verdict = await trust.judge(store, { sha: tip, branch, applied, isCertain }, signal);
      if (!remembers) return verdict;
      if (store.refs.get(ref) !== verdict.sha) await setRef(ref, verdict.sha);
      applied = verdict.sha;
      isCertain = true;
      return verdict;
    },
  };
}

async function problemOf(git: Git, keys: Keys, rules: TrustRules, store: Store, { sha, branch, applied }: Tip, signal: AbortSignal): Promise<string> {
  const isRange = rules.verify === 'all' && applied !== null && applied !== sha;
  const commits = await signedCommits(git, keys, store.directory, isRange ? [`${applied}..${sha}`] : [sha], isRange ? COMMITS_MAX + 1 : 1, signal);
  if (commits.length > COMMITS_MAX) return `${branch} has more than ${COMMITS_MAX} new commits, which are too many to verify at once`;
  if (commits.length === 0) return `the commit ${short(sha)} of ${branch} cannot be verified`;
  const bad = commits.filter((commit) => commit.signature.state !== 'good');
  const [first] = bad;
  if (first === undefined) return '';
  return `the commit ${short(first.sha)} of ${branch} ${signatureProblem(first.signature)}${bad.length > 1 ? ` (and ${bad.length - 1} more)` : ''}`;
}

async function hasCommit(git: Git, store: Store, sha: string, signal: AbortSignal): Promise<boolean> {
  const done = await git.result({ doing: 'reading our copy', directory: store.directory, args: ['cat-file', '-e', `${sha}^{commit}`] }, signal);
  return done.exitCode === 0;
}

/** Whether `old` is `sha` or one of its ancestors; both are there. */
async function descends(git: Git, store: Store, sha: string, old: string, signal: AbortSignal): Promise<boolean> {
  if (sha === old) return true;
  const done = await git.result({ doing: 'comparing commits', directory: store.directory, args: ['merge-base', '--is-ancestor', old, sha] }, signal);
  return done.exitCode === 0;
}

/**
 * What the hub says was applied, when our copy was lost: one commit that `tip` does not descend from, when there is such
 * a one, else the newest of them. Null for none.
 */
async function lastOfMany(git: Git, store: Store, tip: string, told: readonly string[], signal: AbortSignal): Promise<string | null> {
  // They stand in annotations, which people can edit.
  const commits = [...new Set(told)].filter((sha) => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(sha));
  for (const sha of commits.length > 1 && (await areAncestors(git, store, tip, commits, signal)) ? [] : commits) {
    if (!(await hasCommit(git, store, sha, signal)) || !(await descends(git, store, tip, sha, signal))) return sha;
  }
  if (commits.length < 2) return commits[0] ?? null;
  const newest = await git.text(
    {
      doing: 'comparing commits',
      directory: store.directory,
      args: ['rev-list', '--topo-order', '--max-count=1', '--stdin'],
      input: `${commits.join('\n')}\n`,
    },
    signal,
  );
  return newest.trim();
}

async function areAncestors(git: Git, store: Store, tip: string, commits: readonly string[], signal: AbortSignal): Promise<boolean> {
  const done = await git.result(
    {
      doing: 'comparing commits',
      directory: store.directory,
      args: ['rev-list', '--max-count=1', '--stdin'],
      input: `${[...commits, `^${tip}`].join('\n')}\n`,
    },
    signal,
  );
  return done.exitCode === 0 && done.stdout.trim() === '';
}
