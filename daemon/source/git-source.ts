/**
 * The repository while it is open: the source branch is read as revisions and frozen trees (I1), the status branch is
 * written by compare-and-swap (I5, never forced). Asking the remote, reading and writing each cost what changed.
 */
import { serialQueue } from '../lib/queue.ts';
import { backoffMs } from '../lib/retry.ts';
import type { Revision } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import type { Clock, Redactor, Repo } from '../model/ports.ts';
import type { StatusCommit } from '../model/status.ts';
import { askRemote, chooseBranch, type Heads, type Place, refuseFailure } from './ask.ts';
import type { Git } from './git.ts';
import { isCorruption, pushOutcome } from './git-fault.ts';
import { type Outbox, withHeld } from './outbox.ts';
import type { CommitBuilder } from './status-commit.ts';
import { isSound, renewStore, SOURCE_REF, STATUS_REF, type Store } from './store.ts';
import { decode, DEFAULT_TREE_LIMITS, type TreeReader, treeReader } from './tree.ts';

/** Ten writers at once all get their turn within this; beyond it something else is wrong. */
const PUSH_TRIES_MAX = 12;
const PUSH_BACKOFF = { baseMs: 50, maxMs: 2_000 };
/** Loose objects pile up with every commit; git itself decides whether so many are worth packing. */
const CHANGES_PER_GC = 50;

export interface SourceDoors {
  readonly clock: Clock;
  readonly redactor: Redactor;
}

/** What an open repository is made of. */
export interface SourceParts extends SourceDoors {
  readonly git: Git;
  readonly workDir: string;
  readonly source: Place;
  readonly status: Place;
  readonly store: Store;
  readonly branch: string | null;
  readonly statusBranch: string;
  readonly trees: TreeReader;
  readonly commits: CommitBuilder;
  readonly outbox: Outbox;
  readonly close: () => Promise<void>;
}

/** Everything that touches our copy goes through one queue; only trees are read beside it. */
export class GitSource implements Repo {
  readonly localDirectory: string | null;
  readonly #parts: SourceParts;
  readonly #queue = serialQueue(64);
  readonly #closing = new AbortController();
  #store: Store;
  /** Objects of these are in our copy. */
  #revision: Revision | null = null;
  /** The tip as the remote last told it; undefined: not known (any more). */
  #statusTip: string | null | undefined;
  #changes = 0;

  constructor(parts: SourceParts) {
    this.#parts = parts;
    this.#store = parts.store;
    this.localDirectory = parts.source.remote.directory;
  }

  readonly fetch = (signal: AbortSignal): Promise<Revision> => this.#alone(signal, (both) => this.#repairing(both, () => this.#fetch(both)));

  readonly tree: Repo['tree'] = async (revision, signal) => {
    try {
      return await this.#parts.trees.read(this.#store.directory, revision, AbortSignal.any([signal, this.#closing.signal]));
    } catch (error) {
      if (!isCorruption(error)) throw error;
      return this.#alone(signal, async (both) => {
        if (!(await isSound(this.#parts.git, this.#store, both))) await this.#renew(this.#store.format, both);
        await this.#fetch(both);
        return this.#parts.trees.read(this.#store.directory, revision, both);
      });
    }
  };

  readonly statusFile = (path: string, signal: AbortSignal): Promise<string | null> => this.#alone(signal, (both) => this.#repairing(both, async () => {
    const tip = await this.#refreshStatus(both);
    if (tip === null || /[\0-\x1f]/.test(path)) return null;
    const { git } = this.#parts;
    const listed = await git.text({ doing: 'reading the status branch', directory: this.#store.directory, args: ['ls-tree', '-z', '--full-tree', tip, '--', path] }, both);
    const oid = /^100\d{3} blob ([0-9a-f]+)\t/.exec(listed)?.[1];
    if (oid === undefined) return null;
    return decode(await git.bytes({ doing: 'reading the status branch', directory: this.#store.directory, args: ['blob', oid] }, both));
  }));

  /** Only files with an ending that is read have their content here; what is missing is written again, which changes nothing. */
  readonly statusFiles = (signal: AbortSignal): Promise<ReadonlyMap<string, string>> => this.#alone(signal, (both) => this.#repairing(both, async () => {
    const tip = await this.#refreshStatus(both);
    if (tip === null) return new Map();
    const tree = await treeReader(this.#parts.git, DEFAULT_TREE_LIMITS).read(this.#store.directory, { sha: tip, branch: '', author: '', subject: '' }, both);
    return new Map(tree.files.flatMap((file) => (file.text === null ? [] : [[file.path, file.text] as const])));
  }));

  readonly commit = (commit: StatusCommit, signal: AbortSignal): Promise<string | null> => this.#alone(signal, async (both) => {
    const { outbox } = this.#parts;
    const clean = this.#redacted(commit);
    const held = await outbox.read();
    const whole = withHeld(clean, held);
    try {
      const pushed = await this.#repairing(both, () => this.#push(whole.commit, whole.notes, both));
      if (held !== null) await outbox.clear();
      return pushed;
    } catch (error) {
      await outbox.add(clean);
      throw error;
    }
  });

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#queue.run('repository', () => this.#parts.close());
  }

  /** One at a time, and no longer than until `signal` fires or the source is closed. */
  async #alone<T>(signal: AbortSignal, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const both = AbortSignal.any([signal, this.#closing.signal]);
    try {
      return await this.#queue.run('repository', () => action(both), both);
    } catch (error) {
      if (both.aborted && !(error instanceof Fault)) throw new Fault('loop/cancelled', 'cancelled', { cause: error });
      throw error;
    }
  }

  /** Tries once more with a new copy when the old one turns out to be damaged. */
  async #repairing<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (!isCorruption(error) || await isSound(this.#parts.git, this.#store, signal)) throw error;
      await this.#renew(this.#store.format, signal);
      return action();
    }
  }

  async #renew(format: Store['format'], signal: AbortSignal): Promise<void> {
    this.#revision = null;
    this.#statusTip = undefined;
    this.#store = await renewStore(this.#parts.git, this.#parts.workDir, format, signal);
  }

  async #fetch(signal: AbortSignal): Promise<Revision> {
    const { git, source, status, branch, statusBranch } = this.#parts;
    const isSame = source === status;
    const heads = await askRemote(git, this.#store.directory, source, [branch, isSame ? statusBranch : null], signal);
    const chosen = await chooseBranch(git, this.#store.directory, source, heads, branch, isSame ? statusBranch : null, signal);
    await this.#matchFormat(chosen.sha, signal);
    const specs: string[] = [];
    if (this.#store.refs.get(SOURCE_REF) !== chosen.sha) specs.push(`+refs/heads/${chosen.branch}:${SOURCE_REF}`);
    if (isSame) specs.push(...await this.#statusSpecs(heads, signal));
    await this.#download(source, specs, signal);
    if (isSame) this.#statusTip = this.#store.refs.get(STATUS_REF) ?? null;
    else await this.#refreshStatus(signal);
    const sha = this.#store.refs.get(SOURCE_REF);
    if (sha === undefined) throw new Fault('source/git', `reading ${source.remote.url}: the branch ${chosen.branch} did not arrive`);
    if (this.#revision?.sha !== sha || this.#revision.branch !== chosen.branch) this.#revision = await describe(git, this.#store, sha, chosen.branch, signal);
    return this.#revision;
  }

  /** The status branch's tip on the remote now, with its objects in our copy; null when there is no such branch. */
  async #refreshStatus(signal: AbortSignal): Promise<string | null> {
    const { git, status, statusBranch } = this.#parts;
    this.#statusTip = undefined;
    const heads = await askRemote(git, this.#store.directory, status, [statusBranch], signal);
    const tip = heads.branches.get(statusBranch);
    if (tip !== undefined) await this.#matchFormat(tip, signal);
    await this.#download(status, await this.#statusSpecs(heads, signal), signal);
    this.#statusTip = this.#store.refs.get(STATUS_REF) ?? null;
    return this.#statusTip;
  }

  async #statusSpecs(heads: Heads, signal: AbortSignal): Promise<readonly string[]> {
    const { statusBranch } = this.#parts;
    const tip = heads.branches.get(statusBranch);
    const ours = this.#store.refs.get(STATUS_REF);
    if (tip === ours) return [];
    if (tip !== undefined) return [`+refs/heads/${statusBranch}:${STATUS_REF}`];
    await this.#setRef(STATUS_REF, null, signal);
    return [];
  }

  /** A repository with SHA-256 ids needs a copy of the same kind. */
  async #matchFormat(sha: string, signal: AbortSignal): Promise<void> {
    const format = sha.length === 64 ? 'sha256' : 'sha1';
    if (format !== this.#store.format) await this.#renew(format, signal);
  }

  async #download(place: Place, specs: readonly string[], signal: AbortSignal): Promise<void> {
    if (specs.length === 0) return;
    const { git } = this.#parts;
    const directory = this.#store.directory;
    const done = await git.result({
      doing: 'reading', directory, remote: place,
      args: ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-gc', '--no-recurse-submodules', '--', place.remote.url, ...specs],
    }, signal);
    refuseFailure(done, place);
    const listed = await git.text({ doing: 'reading our copy', directory, args: ['for-each-ref', '--format=%(objectname) %(refname)', 'refs/lateen/'] }, signal);
    const refs = new Map(listed.split('\n').filter((line) => line !== '').map((line) => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]));
    this.#store = { ...this.#store, refs };
    this.#changed();
  }

  async #setRef(ref: string, sha: string | null, signal: AbortSignal): Promise<void> {
    const refs = new Map(this.#store.refs);
    if (sha === null) refs.delete(ref);
    else refs.set(ref, sha);
    await this.#parts.git.text({ doing: 'writing our copy', directory: this.#store.directory, args: sha === null ? ['update-ref', '-d', ref] : ['update-ref', ref, sha] }, signal);
    this.#store = { ...this.#store, refs };
  }

  /**
   * Builds on the tip that is known and pushes; the server takes it only when its tip is still the parent. When another
   * was faster it is built again on theirs; of two first commits the loser's root is thrown away.
   */
  async #push(commit: StatusCommit, notes: readonly string[], signal: AbortSignal): Promise<string | null> {
    const { git, status, statusBranch, commits, clock } = this.#parts;
    for (let attempt = 1; attempt <= PUSH_TRIES_MAX; attempt += 1) {
      const tip = this.#statusTip === undefined ? await this.#refreshStatus(signal) : this.#statusTip;
      const sha = await commits.build(this.#store, tip, commit, notes, signal);
      if (sha === null) return null;
      // Not known until the server has answered: the answer may get lost.
      this.#statusTip = undefined;
      const outcome = pushOutcome(await git.result({
        doing: 'writing to', directory: this.#store.directory, remote: status,
        args: ['push', '--porcelain', '--no-verify', '--no-signed', '--', status.remote.url, `${sha}:refs/heads/${statusBranch}`],
      }, signal), status.remote);
      if (outcome.kind === 'failed') throw outcome.fault;
      if (outcome.kind === 'done') {
        await this.#setRef(STATUS_REF, sha, signal);
        this.#statusTip = sha;
        this.#changed();
        return sha;
      }
      await clock.sleep(backoffMs(attempt, PUSH_BACKOFF, clock), signal);
    }
    throw new Fault('source/push-rejected', `${status.remote.url}: others were faster on ${statusBranch} ${PUSH_TRIES_MAX} times`);
  }

  /** I9: whatever goes to the remote passes the one point that knows the secrets. */
  #redacted(commit: StatusCommit): StatusCommit {
    const { text } = this.#parts.redactor;
    return {
      files: new Map([...commit.files].map(([path, content]) => [path, content === null ? null : text(content)])),
      subject: text(commit.subject),
      trailers: commit.trailers.map(([key, value]) => [key, text(value)]),
    };
  }

  /** Lets git tidy up now and then, after what is being done. That it fails changes nothing for anyone. */
  #changed(): void {
    this.#changes += 1;
    if (this.#changes % CHANGES_PER_GC !== 0) return;
    const { git } = this.#parts;
    const tidy = (): Promise<unknown> => git.result({ doing: 'tidying up', directory: this.#store.directory, args: ['gc', '--auto', '--quiet'] }, this.#closing.signal);
    this.#queue.run('repository', tidy).catch(() => {});
  }
}

async function describe(git: Git, store: Store, sha: string, branch: string, signal: AbortSignal): Promise<Revision> {
  const text = await git.text({ doing: 'reading a commit', directory: store.directory, args: ['log', '-1', '--no-show-signature', '--format=%an <%ae>%x00%s', sha] }, signal);
  const [author, subject] = text.trimEnd().split('\0');
  return Object.freeze({ sha, branch, author: author ?? '', subject: subject ?? '' });
}
