/** One `ls-remote` tells everything that a pass needs to know: which branches there are and where they point. */
import { stat } from 'node:fs/promises';
import { Fault } from '../model/fault.ts';
import type { Credentials } from './credentials.ts';
import { generationOf } from './generations.ts';
import type { Git, GitCall } from './git.ts';
import { gitFault, type GitResult } from './git-fault.ts';
import type { Remote } from './remote.ts';

/** A remote with what opens it. */
export interface Place {
  readonly remote: Remote;
  readonly credentials: Credentials;
}

export interface Heads {
  /** The branch that HEAD names; null when it names none, or one that is not there. */
  readonly defaultBranch: string | null;
  /** Commit by branch name: of those asked for, or of all. */
  readonly branches: ReadonlyMap<string, string>;
}

/** Asks where HEAD and `names` point (nulls are skipped). Faults: source/*. */
export async function askRemote(git: Git, directory: string, place: Place, names: readonly (string | null)[], signal: AbortSignal): Promise<Heads> {
  const wanted = names.filter((name) => name !== null);
  return ask(git, directory, place, ['HEAD', ...wanted.map((name) => `refs/heads/${name}`)], signal);
}

async function ask(git: Git, directory: string, place: Place, patterns: readonly string[], signal: AbortSignal): Promise<Heads> {
  await refusePlainDirectory(place.remote);
  const done = await git.result(
    { doing: 'reading', directory, remote: place, args: ['ls-remote', '--quiet', '--symref', '--', place.remote.url, ...patterns] },
    signal,
  );
  refuseFailure(done, place);
  let defaultBranch: string | null = null;
  let head: string | null = null;
  const branches = new Map<string, string>();
  for (const line of done.stdout.split('\n')) {
    const [left = '', name = ''] = line.split('\t');
    // Patterns match the end of names, so others than those asked for may come.
    if (name === 'HEAD' && left.startsWith('ref: refs/heads/')) defaultBranch = left.slice('ref: refs/heads/'.length);
    else if (name === 'HEAD') head = left;
    else if (name.startsWith('refs/heads/')) branches.set(name.slice('refs/heads/'.length), left);
  }
  if (defaultBranch !== null && head !== null) branches.set(defaultBranch, head);
  return { defaultBranch: head === null ? null : defaultBranch, branches };
}

/**
 * The branch to read and where it points: `branch`, or the remote's default. Where the default names nothing (a bare
 * repository whose HEAD says master while only main was pushed) it is main, master, or the only branch there is. The
 * status branch is never chosen (I5), though a server may make the first branch that is pushed its default.
 * Faults: source/empty, source/branch.
 */
export async function chooseBranch(
  git: Git,
  directory: string,
  place: Place,
  heads: Heads,
  branch: string | null,
  statusBranch: string | null,
  signal: AbortSignal,
): Promise<{ readonly branch: string; readonly sha: string }> {
  const first = branch ?? heads.defaultBranch;
  const isStatus = (name: string): boolean => statusBranch !== null && generationOf(statusBranch, name) !== null;
  const sha = first === null || isStatus(first) ? undefined : heads.branches.get(first);
  if (first !== null && sha !== undefined) return { branch: first, sha };
  const all = await ask(git, directory, place, ['refs/heads/*'], signal);
  const names = [...all.branches.keys()].filter((name) => !isStatus(name)).sort();
  if (names.length === 0) throw new Fault('source/empty', `${place.remote.url} has no commit yet`);
  const listed = `it has ${names.slice(0, 10).join(', ')}${names.length > 10 ? `, and ${names.length - 10} more` : ''}`;
  if (branch !== null) throw new Fault('source/branch', `${place.remote.url} has no branch ${branch}; ${listed}`);
  const found = ['main', 'master', ...(names.length === 1 ? names : [])].find((name) => names.includes(name));
  if (found === undefined) throw new Fault('source/branch', `${place.remote.url} has no default branch; ${listed}; name one with --branch`);
  return { branch: found, sha: all.branches.get(found) ?? '' };
}

/** Throws what a failed call to a remote means. A fetch from a shallow clone ends with 0 and a warning, and fetches nothing. */
export function refuseFailure(done: GitResult, place: Place): void {
  if (/shallow roots are not allowed|shallow update not allowed/.test(done.stderr)) {
    throw new Fault('source/shallow', `${place.remote.url} is a shallow clone: its history is cut off`);
  }
  if (done.exitCode !== 0) throw gitFault('reading', done, place.remote);
}

/** Fetches into the copy in `directory`: refs move, and nothing else is written or tidied up. Faults: source/*. */
export async function fetchRefs(
  git: Git,
  directory: string,
  place: Place,
  specs: readonly string[],
  signal: AbortSignal,
  config: GitCall['config'] = [],
): Promise<void> {
  const args = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-gc', '--no-recurse-submodules', '--', place.remote.url, ...specs];
  refuseFailure(await git.result({ doing: 'reading', directory, remote: place, config, args }, signal), place);
}

/** git says the same of a directory that is missing and of one that is no repository; people need to know which. */
async function refusePlainDirectory(remote: Remote): Promise<void> {
  if (remote.directory === null) return;
  const at = (path: string): Promise<boolean> =>
    stat(path).then(
      () => true,
      () => false,
    );
  if (!(await at(remote.directory))) throw new Fault('source/not-found', `there is no directory ${remote.directory}`);
  const isRepository = (await at(`${remote.directory}/.git`)) || ((await at(`${remote.directory}/HEAD`)) && (await at(`${remote.directory}/objects`)));
  if (isRepository) return;
  throw new Fault(
    'source/not-found',
    `${remote.directory} is a directory but no Git repository; only commits are read here, \`lateen check ${remote.directory}\` reads a plain directory`,
  );
}
