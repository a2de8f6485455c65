/**
 * Git in, Git out: opens the repository that is read and the branch that is written. The entry of this stage; what happens
 * then stands in git-source.ts.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Revision } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import type { PlanRefs, Repo } from '../model/ports.ts';
import type { Place } from './ask.ts';
import { type Claim, claimDirectory } from './claim.ts';
import { type Credentials, learnProxies, learnUserinfo } from './credentials.ts';
import { openGit } from './git.ts';
import { GitSource, type SourceDoors } from './git-source.ts';
import { type KeyFiles, openKeys } from './keys.ts';
import { openOutbox } from './outbox.ts';
import { DEFAULT_SCHEMES, isBranchName, parseRemote } from './remote.ts';
import { openSigner, type Signer, type SigningKey } from './signing.ts';
import { chainBuilder } from './status-chain.ts';
import { commitBuilder, DEFAULT_IDENTITY, type Identity } from './status-commit.ts';
import { openStore } from './store.ts';
import { DEFAULT_TREE_LIMITS, type TreeLimits, treeReader } from './tree.ts';
import { appliedRef, openApplied, openTrust, type TrustRules } from './trust.ts';

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
  /** Status commits are signed with it; absent: they are not. */
  readonly signing?: SigningKey;
  /** Status commits say `[skip ci]`. */
  readonly skipCi?: boolean;
  /** Commits after which the status branch goes on under a new name; absent or 0: never. */
  readonly historyMax?: number;
  readonly limits?: TreeLimits;
  /** The longest that one call to a remote may take. */
  readonly remoteTimeoutMs?: number;
  readonly trust?: TrustOptions;
}

/** Whom the operator trusts. Absent: signatures are not asked for; that history is not rewritten always is. */
export interface TrustOptions extends KeyFiles, Partial<TrustRules> {
  /** What a fetch gives is going to be applied, and remembered as such; default true. */
  readonly remembers?: boolean;
  /** Commits that are known to have been applied when our copy was lost. */
  readonly lastApplied?: (signal: AbortSignal) => Promise<readonly string[]>;
}

/** The repository: see {@link Repo}. Disposing of it waits for what runs and gives the work directory back. */
export interface Source extends Repo, PlanRefs {
  /** The local repository's directory, for watching; null for a remote one. */
  readonly localDirectory: string | null;
  /** The commit that a person names, fetched where need be. Faults: source/*; source/branch when there is none. */
  readonly revision: (text: string, signal: AbortSignal) => Promise<Revision>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Opens the work directory; the remote is not asked yet, so a remote that is away is no error here. Faults: source/scheme
 * (URL), config/invalid (branch names, work directory in use by another that writes).
 */
export async function openSource(options: SourceOptions, doors: SourceDoors): Promise<Source> {
  const schemes = options.allowedSchemes ?? DEFAULT_SCHEMES;
  const source: Place = { remote: parseRemote(options.url, schemes), credentials: options.credentials ?? {} };
  const status: Place =
    options.statusUrl === undefined
      ? source
      : { remote: parseRemote(options.statusUrl, schemes), credentials: options.statusCredentials ?? source.credentials };
  checkBranches(options, source, status);
  for (const place of [source, status]) learnUserinfo(place.remote, doors.redactor);
  learnProxies(options.environment, doors.redactor);
  const { workDir, claim } = await claimed(options);
  const home = join(workDir, 'home');
  await mkdir(home, { recursive: true, mode: 0o700 });
  const limits = options.limits ?? DEFAULT_TREE_LIMITS;
  const git = openGit({
    home,
    environment: options.environment,
    clock: doors.clock,
    redactor: doors.redactor,
    remoteTimeoutMs: options.remoteTimeoutMs ?? 300_000,
    outputMaxBytes: 2 * limits.totalMaxBytes,
  });
  const trust = options.trust ?? {};
  const keys = openKeys(home, trust, doors.clock);
  let signer: Signer | null = null;
  const close = async (): Promise<void> => {
    await signer?.[Symbol.asyncDispose]();
    await claim[Symbol.asyncDispose]();
  };
  try {
    if (options.signing !== undefined) signer = await openSigner(options.signing, workDir, options.environment);
    // Keys that cannot be read are told at the start, not with the first commit.
    await keys.ready().catch((error: unknown) => {
      throw error instanceof Fault ? new Fault('config/invalid', error.message, { cause: error }) : error;
    });
    const store = await openStore(git, workDir, new AbortController().signal);
    return new GitSource({
      ...doors,
      git,
      workDir,
      source,
      status,
      store,
      branch: options.branch,
      statusBranch: options.statusBranch,
      trees: treeReader(git, limits),
      planTrees: treeReader(git, limits),
      planFetchMaxBytes: 4 * limits.totalMaxBytes,
      chain: chainBuilder({
        git,
        clock: doors.clock,
        statusBranch: options.statusBranch,
        historyMax: options.historyMax ?? 0,
        commits: commitBuilder(git, { identity: options.identity ?? DEFAULT_IDENTITY, signer, skipCi: options.skipCi === true }),
      }),
      outbox: openOutbox(workDir, `${status.remote.url}#${options.statusBranch}`),
      keys,
      applied: openApplied(git, openTrust(git, keys, { verify: trust.verify ?? 'off', acceptRewrite: trust.acceptRewrite ?? null }), {
        ref: appliedRef(source.remote.url, options.branch),
        remembers: trust.remembers ?? true,
        ask: trust.lastApplied ?? (() => Promise.resolve([])),
      }),
      close,
    });
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The work directory, held by us. Who only looks does so beside a daemon that has it: in a directory of its own, which
 * goes with the claim.
 */
async function claimed(options: SourceOptions): Promise<{ readonly workDir: string; readonly claim: Claim }> {
  const workDir = resolve(options.workDir);
  await mkdir(workDir, { recursive: true, mode: 0o700 });
  try {
    return { workDir, claim: await claimDirectory(workDir) };
  } catch (error) {
    if (options.trust?.remembers !== false || !(error instanceof Fault)) throw error;
    const aside = await mkdtemp(join(tmpdir(), 'lateen-look-'));
    return { workDir: aside, claim: { [Symbol.asyncDispose]: () => rm(aside, { recursive: true, force: true, maxRetries: 3 }) } };
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
