/**
 * The repository while it is open: the source branch is read as revisions and frozen trees (I1), the status branch is
 * written by compare-and-swap (I5, never forced). Asking the remote, reading and writing each cost what changed.
 */
import { serialQueue } from '../lib/queue.ts';
import { backoffMs } from '../lib/retry.ts';
import type { Revision } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import type { Clock, PlanRefs, Redactor, Repo } from '../model/ports.ts';
import type { StatusCommit } from '../model/status.ts';
import { askRemote, chooseBranch, fetchRefs, type Heads, type Place } from './ask.ts';
import type { Git } from './git.ts';
import type { Keys } from './keys.ts';
import { broughtBy } from './signature.ts';
import { generationPatterns, generations } from './generations.ts';
import { isAtomicUnknown, isCorruption, pushOutcome } from './git-fault.ts';
import { type Held, type Outbox, waitingFiles } from './outbox.ts';
import { openPlanCopy, type PlanCopy } from './plan-copy.ts';
import { earlierContent, findRevision, type RevisionDoors } from './revisions.ts';
import type { ChainBuilder } from './status-chain.ts';
import { isSound, renewStore, SOURCE_REF, STATUS_REF, withRefs, type Store } from './store.ts';
import { decode, DEFAULT_TREE_LIMITS, type TreeReader, treeReader } from './tree.ts';
import type { Applied } from './trust.ts';

/** Ten writers at once all get their turn within this; beyond it something else is wrong. */
const PUSH_TRIES_MAX = 12;
const PUSH_BACKOFF = { baseMs: 50, maxMs: 2_000 };
/** Loose objects pile up with every commit; git itself decides whether so many are worth packing. */
const CHANGES_PER_GC = 50;
/** Where plans of refs lie. */
const PLANS = 'plans/';

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
  /** The first generation's name: see generations.ts. */
  readonly statusBranch: string;
  readonly trees: TreeReader;
  /** For refs that are planned, so that they do not push what is applied out of the reader's memory. */
  readonly planTrees: TreeReader;
  /** What one fetch of refs that are planned may bring. */
  readonly planFetchMaxBytes: number;
  readonly chain: ChainBuilder;
  readonly outbox: Outbox;
  readonly keys: Keys;
  readonly applied: Applied;
  readonly close: () => Promise<void>;
}

/** Everything that touches our copy goes through one queue; only trees are read beside it, and refs that are planned have a copy of their own. */
export class GitSource implements Repo, PlanRefs {
  readonly localDirectory: string | null;
  readonly #parts: SourceParts;
  readonly #queue = serialQueue(64);
  readonly #closing = new AbortController();
  readonly #plans: PlanCopy;
  #store: Store;
  /** Objects of these are in our copy. */
  #revision: Revision | null = null;
  /** The tip as the remote last told it; undefined: not known (any more). */
  #statusTip: string | null | undefined;
  /** The newest generation of the status branch. */
  #statusBranch: string;
  /** The ref of the status branch in our copy does not say yet what was pushed. */
  #isBehind = false;
  #changes = 0;

  constructor(parts: SourceParts) {
    this.#parts = parts;
    this.#store = parts.store;
    this.#plans = openPlanCopy({ ...parts, trees: parts.planTrees, fetchMaxBytes: parts.planFetchMaxBytes, lender: () => this.#store });
    this.#statusBranch = parts.statusBranch;
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

  readonly revision = (text: string, signal: AbortSignal): Promise<Revision> =>
    this.#alone(signal, (both) => this.#repairing(both, () => findRevision(text, this.#revisionDoors(), both)));

  readonly earlierContent: PlanRefs['earlierContent'] = (head, base, signal) =>
    this.#plans.holds(head.sha)
      ? this.#plans.earlierContent(head, base, signal)
      : this.#alone(signal, (both) => earlierContent(head, base, this.#revisionDoors(), both));

  #revisionDoors(): RevisionDoors {
    const { git, source } = this.#parts;
    return { git, source, store: () => this.#store, download: (specs, signal) => this.#download(source, specs, signal) };
  }

  readonly planTips: PlanRefs['planTips'] = (request, signal) => this.#plans.planTips(request, signal);

  readonly planTree: PlanRefs['planTree'] = (revision, signal) => this.#plans.planTree(revision, signal);

  readonly broughtBy: Repo['broughtBy'] = async (file, revision, signal) => {
    const { git, keys } = this.#parts;
    const both = AbortSignal.any([signal, this.#closing.signal]);
    return broughtBy(git, keys, this.#store.directory, { ...file, sha: revision.sha }, both);
  };

  readonly statusFile = (path: string, signal: AbortSignal): Promise<string | null> =>
    this.#alone(signal, (both) =>
      this.#repairing(both, async () => {
        const tip = await this.#refreshStatus(both);
        if (tip === null || /[\0-\x1f]/.test(path)) return null;
        const { git } = this.#parts;
        const listed = await git.text(
          { doing: 'reading the status branch', directory: this.#store.directory, args: ['ls-tree', '-z', '--full-tree', tip, '--', path] },
          both,
        );
        const oid = /^100\d{3} blob ([0-9a-f]+)\t/.exec(listed)?.[1];
        if (oid === undefined) return null;
        return decode(await git.bytes({ doing: 'reading the status branch', directory: this.#store.directory, args: ['blob', oid] }, both));
      }),
    );

  /** Only files with an ending that is read have their content here; what is missing is written again, which changes nothing. */
  readonly statusFiles = (signal: AbortSignal): Promise<ReadonlyMap<string, string>> =>
    this.#alone(signal, (both) =>
      this.#repairing(both, async () => {
        const tip = await this.#refreshStatus(both);
        const waiting = waitingFiles(await this.#parts.outbox.read());
        const tree =
          tip === null
            ? null
            : await treeReader(this.#parts.git, DEFAULT_TREE_LIMITS).read(this.#store.directory, { sha: tip, branch: '', author: '', subject: '' }, both);
        const files = new Map((tree?.files ?? []).flatMap((file) => (file.text === null ? [] : [[file.path, file.text] as const])));
        for (const [path, content] of waiting) {
          if (content === null) files.delete(path);
          else files.set(path, content);
        }
        return files;
      }),
    );

  readonly waits = async (): Promise<boolean> => (await this.#parts.outbox.read()).commits.length > 0;

  readonly commit = (commit: StatusCommit, signal: AbortSignal): Promise<string | null> =>
    this.#alone(signal, async (both) => {
      const { outbox, clock } = this.#parts;
      const held = await outbox.read();
      const clean = this.#redacted(commit);
      const waiting = waitingFiles(held);
      // What waits already, or says nothing, is not said again.
      const isSaid = [...clean.files].every(([path, content]) => waiting.get(path) === content);
      const commits = isSaid ? held.commits : [...held.commits, { commit: clean, atMs: clock.now() }];
      if (commits.length === 0) return null;
      const sent = { sha: held.sent, count: held.sentCount };
      try {
        const pushed = await this.#repairing(both, () => this.#push({ ...held, commits }, sent, both));
        if (held.commits.length > 0) await outbox.clear();
        return pushed;
      } catch (error) {
        await outbox.keep({ commits, sent: sent.sha, sentCount: sent.count }).catch((lost: unknown) => {
          throw new Fault(
            'source/outbox',
            `the status could be neither pushed nor kept: ${(lost as NodeJS.ErrnoException).code ?? 'error'}; ${error instanceof Error ? error.message : ''}`,
            { cause: error },
          );
        });
        throw error;
      }
    });

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#plans[Symbol.asyncDispose]();
    await this.#queue.run('repository', async () => {
      await this.#catchUp(new AbortController().signal).catch(() => {}); // Who starts next asks the remote anyway.
      await this.#parts.close();
    });
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
      if (!isCorruption(error) || (await isSound(this.#parts.git, this.#store, signal))) throw error;
      await this.#renew(this.#store.format, signal);
      return action();
    }
  }

  async #renew(format: Store['format'], signal: AbortSignal): Promise<void> {
    this.#revision = null;
    this.#statusTip = undefined;
    this.#isBehind = false;
    this.#store = await renewStore(this.#parts.git, this.#parts.workDir, format, signal);
  }

  async #fetch(signal: AbortSignal): Promise<Revision> {
    const { git, source, status, branch, statusBranch } = this.#parts;
    const isSame = source === status;
    const heads = await askRemote(git, this.#store.directory, source, [branch, ...(isSame ? generationPatterns(statusBranch) : [])], signal);
    const chosen = await chooseBranch(git, this.#store.directory, source, heads, branch, isSame ? statusBranch : null, signal);
    await this.#matchFormat(chosen.sha, signal);
    const specs: string[] = [];
    if (this.#store.refs.get(SOURCE_REF) !== chosen.sha) specs.push(`+refs/heads/${chosen.branch}:${SOURCE_REF}`);
    if (isSame) specs.push(...(await this.#statusSpecs(heads, signal)));
    await this.#download(source, specs, signal);
    if (isSame) this.#statusTip = this.#store.refs.get(STATUS_REF) ?? null;
    else await this.#refreshStatus(signal);
    const tip = this.#store.refs.get(SOURCE_REF);
    if (tip === undefined) throw new Fault('source/git', `reading ${source.remote.url}: the branch ${chosen.branch} did not arrive`);
    const { sha, held } = await this.#parts.applied.judge(this.#store, tip, chosen.branch, (ref, to) => this.#setRef(ref, to, signal), signal);
    const told = (revision: Revision | null): string => JSON.stringify([revision?.sha, revision?.branch, revision?.held ?? []]);
    const next = { sha, branch: chosen.branch, ...(held.length === 0 ? {} : { held }) };
    if (told(this.#revision) !== told({ ...next, author: '', subject: '' }))
      this.#revision = Object.freeze({ ...next, ...(await describe(git, this.#store, sha, signal)) });
    return this.#revision as Revision;
  }

  /** The status branch's tip on the remote now, with its objects in our copy; null when there is no such branch. */
  async #refreshStatus(signal: AbortSignal): Promise<string | null> {
    const { git, status, statusBranch } = this.#parts;
    this.#statusTip = undefined;
    const heads = await askRemote(git, this.#store.directory, status, generationPatterns(statusBranch), signal);
    const tip = heads.branches.get(generations(statusBranch, heads.branches.keys())[0] ?? statusBranch);
    if (tip !== undefined) await this.#matchFormat(tip, signal);
    await this.#download(status, await this.#statusSpecs(heads, signal), signal);
    this.#statusTip = this.#store.refs.get(STATUS_REF) ?? null;
    return this.#statusTip;
  }

  async #statusSpecs(heads: Heads, signal: AbortSignal): Promise<readonly string[]> {
    const { statusBranch } = this.#parts;
    this.#statusBranch = generations(statusBranch, heads.branches.keys())[0] ?? statusBranch;
    const tip = heads.branches.get(this.#statusBranch);
    const ours = this.#store.refs.get(STATUS_REF);
    if (tip === ours) return [];
    if (tip !== undefined) return [`+refs/heads/${this.#statusBranch}:${STATUS_REF}`];
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
    await this.#catchUp(signal);
    const { git } = this.#parts;
    await fetchRefs(git, this.#store.directory, place, specs, signal);
    this.#store = await withRefs(git, this.#store, signal);
    this.#changed();
  }

  /** So that git sees what we pushed: before it tells of refs, and before it tidies up. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    const sha = this.#store.refs.get(STATUS_REF);
    if (!this.#isBehind || sha === undefined) return;
    await this.#setRef(STATUS_REF, sha, signal);
    this.#isBehind = false;
  }

  async #setRef(ref: string, sha: string | null, signal: AbortSignal): Promise<void> {
    const refs = new Map(this.#store.refs);
    if (sha === null) refs.delete(ref);
    else refs.set(ref, sha);
    await this.#parts.git.text(
      { doing: 'writing our copy', directory: this.#store.directory, args: sha === null ? ['update-ref', '-d', ref] : ['update-ref', ref, sha] },
      signal,
    );
    this.#store = { ...this.#store, refs };
  }

  /**
   * Builds on the tip that is known and pushes; the server takes it only when its tip is still the parent. When another
   * was faster it is built again on theirs; of two first commits the loser's root is thrown away. `sent` learns what was
   * sent last, for the answer may get lost.
   */
  async #push(held: Held, sent: { sha: string; count: number }, signal: AbortSignal): Promise<string | null> {
    const { git, status, clock, chain } = this.#parts;
    let { commits } = held;
    for (let attempt = 1; attempt <= PUSH_TRIES_MAX; attempt += 1) {
      const tip = this.#statusTip === undefined ? await this.#refreshStatus(signal) : this.#statusTip;
      if (attempt === 1 && (await this.#has(tip, held.sent, signal))) commits = commits.slice(held.sentCount);
      const made = await chain.build({ store: this.#store, branch: this.#statusBranch, sha: tip }, commits, signal);
      if (made === null) return null;
      // Not known until the server has answered.
      this.#statusTip = undefined;
      Object.assign(sent, { sha: made.sha, count: held.commits.length });
      const done = await git.result(
        {
          doing: 'writing to',
          directory: this.#store.directory,
          remote: status,
          args: ['push', '--porcelain', '--no-verify', '--no-signed', ...(made.refs.length > 1 ? ['--atomic'] : []), '--', status.remote.url, ...made.refs],
        },
        signal,
      );
      if (made.refs.length > 1 && isAtomicUnknown(done)) {
        chain.neverRotate();
        continue;
      }
      const outcome = pushOutcome(done, status.remote);
      if (outcome.kind === 'failed') throw outcome.fault;
      if (outcome.kind === 'done') {
        // Written down later: a process for every push would cost more than it is worth to who starts after us.
        this.#store = { ...this.#store, refs: new Map([...this.#store.refs, [STATUS_REF, made.sha]]) };
        this.#isBehind = true;
        this.#statusTip = made.sha;
        this.#statusBranch = made.branch;
        this.#changed();
        return made.sha;
      }
      await clock.sleep(backoffMs(attempt, PUSH_BACKOFF, clock), signal);
    }
    throw new Fault('source/push-rejected', `${status.remote.url}: others were faster on ${this.#statusBranch} ${PUSH_TRIES_MAX} times`);
  }

  /** Whether what was sent without an answer has arrived after all. */
  async #has(tip: string | null, sent: string, signal: AbortSignal): Promise<boolean> {
    if (tip === null || sent === '') return false;
    const asked = await this.#parts.git.result(
      { doing: 'reading the status branch', directory: this.#store.directory, args: ['merge-base', '--is-ancestor', sent, tip] },
      signal,
    );
    return asked.exitCode === 0;
  }

  /** I9: whatever goes to the remote passes the one point that knows the secrets, but for what cannot hold any: see {@link StatusCommit}. */
  #redacted({ isOfRepository, ...commit }: StatusCommit): StatusCommit {
    if (isOfRepository === true) {
      if ([...commit.files.keys()].some((path) => !path.startsWith(PLANS)))
        throw new Fault('loop/bug', 'only plans of refs go to the status branch without being masked');
      return commit;
    }
    const { text } = this.#parts.redactor;
    return {
      files: new Map([...commit.files].map(([path, content]) => [path, content === null ? null : text(content)])),
      subject: text(commit.subject),
      ...(commit.body === undefined ? {} : { body: commit.body.map(text) }),
      trailers: commit.trailers.map(([key, value]) => [key, text(value)]),
    };
  }

  /** Lets git tidy up now and then, after what is being done. That it fails changes nothing for anyone. */
  #changed(): void {
    this.#changes += 1;
    if (this.#changes % CHANGES_PER_GC !== 0) return;
    const { git } = this.#parts;
    const tidy = async (): Promise<unknown> => {
      await this.#catchUp(this.#closing.signal);
      return git.result({ doing: 'tidying up', directory: this.#store.directory, args: ['gc', '--auto', '--quiet'] }, this.#closing.signal);
    };
    this.#queue.run('repository', tidy).catch(() => {});
  }
}

async function describe(git: Git, store: Store, sha: string, signal: AbortSignal): Promise<Pick<Revision, 'author' | 'subject'>> {
  const text = await git.text(
    { doing: 'reading a commit', directory: store.directory, args: ['log', '-1', '--no-show-signature', '--format=%an <%ae>%x00%s', sha] },
    signal,
  );
  const [author, subject] = text.trimEnd().split('\0');
  return { author: author ?? '', subject: subject ?? '' };
}
