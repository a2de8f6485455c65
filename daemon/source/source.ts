/**
 * Git in, Git out: opens the repository that is read and the branch that is written. The entry of this stage; what happens
 * then stands in git-source.ts.
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Fault } from '../model/fault.ts';
import type { Repo } from '../model/ports.ts';
import type { Place } from './ask.ts';
import { claimDirectory } from './claim.ts';
import { type Credentials, learnProxies, learnUserinfo } from './credentials.ts';
import { openGit } from './git.ts';
import { GitSource, type SourceDoors } from './git-source.ts';
import { openOutbox } from './outbox.ts';
import { DEFAULT_SCHEMES, isBranchName, parseRemote } from './remote.ts';
import { commitBuilder, DEFAULT_IDENTITY, type Identity } from './status-commit.ts';
import { openStore } from './store.ts';
import { DEFAULT_TREE_LIMITS, type TreeLimits, treeReader } from './tree.ts';

export interface SourceOptions {
  /** URL or directory of the configuration repository. */
  readonly url: string;
  /** The branch that is read; null: the remote's default branch, asked for every time. */
  readonly branch: string | null;
  /** The branch that is written. */
  readonly statusBranch: string;
  /** Another repository for the status branch; absent: the same. */
  readonly statusUrl?: string;
  /** A directory of ours; made when it is not there. One process at a time. */
  readonly workDir: string;
  /** The process's environment (PATH, proxies, the SSH agent); most of it is not handed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly credentials?: Credentials;
  /** Credentials for `statusUrl`; absent: the same. */
  readonly statusCredentials?: Credentials;
  readonly allowedSchemes?: readonly string[];
  readonly identity?: Identity;
  readonly limits?: TreeLimits;
  /** The longest that one call to a remote may take. */
  readonly remoteTimeoutMs?: number;
}

/** The repository: see {@link Repo}. Disposing of it waits for what runs and gives the work directory back. */
export interface Source extends Repo {
  /** The local repository's directory, for watching; null for a remote one. */
  readonly localDirectory: string | null;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Opens the work directory; the remote is not asked yet, so a remote that is away is no error here. Faults: source/scheme
 * (URL), config/invalid (branch names, work directory in use).
 */
export async function openSource(options: SourceOptions, doors: SourceDoors): Promise<Source> {
  const schemes = options.allowedSchemes ?? DEFAULT_SCHEMES;
  const source: Place = { remote: parseRemote(options.url, schemes), credentials: options.credentials ?? {} };
  const status: Place = options.statusUrl === undefined
    ? source
    : { remote: parseRemote(options.statusUrl, schemes), credentials: options.statusCredentials ?? source.credentials };
  checkBranches(options, source, status);
  for (const place of [source, status]) learnUserinfo(place.remote, doors.redactor);
  learnProxies(options.environment, doors.redactor);
  const workDir = resolve(options.workDir);
  const home = join(workDir, 'home');
  await mkdir(home, { recursive: true, mode: 0o700 });
  const claim = await claimDirectory(workDir);
  const limits = options.limits ?? DEFAULT_TREE_LIMITS;
  const git = openGit({
    home, environment: options.environment, clock: doors.clock, redactor: doors.redactor,
    remoteTimeoutMs: options.remoteTimeoutMs ?? 300_000,
    outputMaxBytes: 2 * limits.totalMaxBytes,
  });
  try {
    const store = await openStore(git, workDir, new AbortController().signal);
    return new GitSource({
      ...doors, git, workDir, source, status, store,
      branch: options.branch, statusBranch: options.statusBranch,
      trees: treeReader(git, limits),
      commits: commitBuilder(git, workDir, options.identity ?? DEFAULT_IDENTITY, doors.clock),
      outbox: openOutbox(workDir, `${status.remote.url}#${options.statusBranch}`),
      close: () => claim[Symbol.asyncDispose](),
    });
  } catch (error) {
    await claim[Symbol.asyncDispose]();
    throw error;
  }
}

function checkBranches(options: SourceOptions, source: Place, status: Place): void {
  for (const name of [options.branch, options.statusBranch]) {
    if (name !== null && !isBranchName(name)) throw new Fault('config/invalid', `${JSON.stringify(name)} cannot be the name of a branch`);
  }
  // I5: the status branch is not an input.
  if (options.branch === options.statusBranch && source.remote.url === status.remote.url) {
    throw new Fault('config/invalid', `the branch ${options.statusBranch} cannot be read and written`);
  }
}

