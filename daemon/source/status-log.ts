/**
 * The status branch as a record: what was said when, line by line, and the commits that it speaks of. It reads and never
 * writes, beside a daemon that runs: our own copy, which belongs to one process, is left alone. All generations of the
 * branch (generations.ts) are one history.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Revision, Tree } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import { askRemote, chooseBranch, fetchRefs, type Place } from './ask.ts';
import { learnProxies, learnUserinfo } from './credentials.ts';
import { CONTINUED_ON, CONTINUES, generationPatterns, generations } from './generations.ts';
import { openGit, type Git } from './git.ts';
import type { SourceDoors } from './git-source.ts';
import { DEFAULT_SCHEMES, parseRemote } from './remote.ts';
import { findRevision } from './revisions.ts';
import type { SourceOptions } from './source.ts';
import { renewStore, SOURCE_REF, type Store } from './store.ts';
import { decode, DEFAULT_TREE_LIMITS, treeReader } from './tree.ts';

/** One status commit. */
export interface StatusEntry {
  readonly sha: string;
  readonly atMs: number;
  readonly subject: string;
  /** The lines between subject and trailers. */
  readonly body: readonly string[];
  readonly trailers: readonly (readonly [string, string])[];
}

/** One line of a status file, and the commit that brought it. */
export interface BlamedLine {
  readonly text: string;
  readonly sha: string;
}

export interface StatusLog {
  /** The newest first; with `paths` (git's pathspecs) only those that changed one of them. None when nothing fits. */
  readonly entries: (paths: readonly string[], most: number, signal: AbortSignal) => Promise<readonly StatusEntry[]>;
  /** Paths of the newest commit. */
  readonly paths: (signal: AbortSignal) => Promise<readonly string[]>;
  /** Files of a status commit as they were then, by path: of all YAML files, or of the pathspecs. */
  readonly files: (sha: string, signal: AbortSignal) => Promise<ReadonlyMap<string, string>>;
  /** The content of a file in each of these commits; null where it is not there. */
  readonly contents: (path: string, shas: readonly string[], signal: AbortSignal) => Promise<ReadonlyMap<string, string | null>>;
  /** A file of the newest commit line by line; null when it is not there. */
  readonly blame: (path: string, signal: AbortSignal) => Promise<readonly BlamedLine[] | null>;
  /** A commit of the configuration repository. Faults: source/branch. */
  readonly revision: (text: string, signal: AbortSignal) => Promise<Revision>;
  readonly tree: (revision: Revision, signal: AbortSignal) => Promise<Tree>;
  /** The one of `shas` that is `revision`, or else its nearest ancestor among them; null for none. */
  readonly nearest: (revision: Revision, shas: readonly string[], signal: AbortSignal) => Promise<string | null>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

const FORMAT = '--format=%H%x00%ct%x00%B';
/** Ancestors that are looked at. */
const ANCESTORS_MAX = 20_000;
const PLAIN = ['--no-show-signature', '--no-mailmap', '--no-notes', '--no-color', '--no-decorate'];

/**
 * Fetches the record into a copy of its own, which goes when this is disposed of; a local repository's objects are used
 * where they lie. Faults: source/*, source/branch when nothing was ever written.
 */
export async function openStatusLog(options: SourceOptions, doors: SourceDoors, signal: AbortSignal): Promise<StatusLog> {
  const schemes = options.allowedSchemes ?? DEFAULT_SCHEMES;
  const source: Place = { remote: parseRemote(options.url, schemes), credentials: options.credentials ?? {} };
  const status: Place =
    options.statusUrl === undefined
      ? source
      : { remote: parseRemote(options.statusUrl, schemes), credentials: options.statusCredentials ?? source.credentials };
  for (const place of [source, status]) learnUserinfo(place.remote, doors.redactor);
  learnProxies(options.environment, doors.redactor);
  const directory = await mkdtemp(join(tmpdir(), 'lateen-log-'));
  const close = (): Promise<void> => rm(directory, { recursive: true, force: true, maxRetries: 3 });
  try {
    const home = join(directory, 'home');
    await mkdir(home, { mode: 0o700 });
    const git = openGit({
      home,
      environment: options.environment,
      clock: doors.clock,
      redactor: doors.redactor,
      remoteTimeoutMs: options.remoteTimeoutMs ?? 300_000,
      outputMaxBytes: 2 * DEFAULT_TREE_LIMITS.totalMaxBytes,
    });
    const { store, tips } = await copyOf(git, directory, { source, status, statusBranch: options.statusBranch }, signal);
    return {
      ...logOf(git, store, tips),
      ...sourceOf(git, store, { source, branch: options.branch, statusBranch: options.statusUrl === undefined ? options.statusBranch : null }),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Places {
  readonly source: Place;
  readonly status: Place;
  readonly statusBranch: string;
}

/** A copy with every generation of the branch; `tips` are their newest commits, the newest generation first. */
async function copyOf(
  git: Git,
  directory: string,
  { source, status, statusBranch }: Places,
  signal: AbortSignal,
): Promise<{ readonly store: Store; readonly tips: readonly string[] }> {
  const heads = await askRemote(git, directory, status, generationPatterns(statusBranch), signal);
  const names = generations(statusBranch, heads.branches.keys());
  const tips = names.map((name) => heads.branches.get(name) ?? '');
  if (tips[0] === undefined)
    throw new Fault(
      'source/branch',
      `${status.remote.url} has no branch ${statusBranch}: nothing has been recorded yet${status.remote.directory === null ? '' : '; of a clone, name what it was cloned from with --repo'}`,
    );
  const store = await renewStore(git, directory, tips[0].length === 64 ? 'sha256' : 'sha1', signal);
  await borrowObjects(git, store, [source, status], signal);
  await fetchRefs(
    git,
    store.directory,
    status,
    names.map((name, i) => `+refs/heads/${name}:refs/lateen/log/${i}`),
    signal,
  );
  return { store, tips };
}

/** The objects of local repositories are read where they are instead of being copied. */
async function borrowObjects(git: Git, store: Store, places: readonly Place[], signal: AbortSignal): Promise<void> {
  const folders = new Set<string>();
  for (const { remote } of places) {
    if (remote.directory === null) continue;
    const asked = await git.result({ doing: 'opening the repository', directory: remote.directory, args: ['rev-parse', '--git-path', 'objects'] }, signal);
    if (asked.exitCode === 0) folders.add(resolve(remote.directory, asked.stdout.trim()));
  }
  if (folders.size === 0) return;
  await mkdir(join(store.directory, 'objects', 'info'), { recursive: true });
  await writeFile(join(store.directory, 'objects', 'info', 'alternates'), `${[...folders].map((folder) => JSON.stringify(folder)).join('\n')}\n`);
}

type Log = Omit<StatusLog, 'revision' | 'tree' | 'nearest' | typeof Symbol.asyncDispose>;

function logOf(git: Git, store: Store, tips: readonly string[]): Log {
  const { directory } = store;
  const newest = tips[0] ?? '';
  const log = async (args: readonly string[], signal: AbortSignal): Promise<readonly StatusEntry[]> =>
    parseLog(await git.text({ doing: 'reading the status branch', directory, args: ['log', '-z', ...PLAIN, FORMAT, ...args] }, signal));
  return {
    // What only joins two generations tells of no change.
    entries: async (paths, most, signal) =>
      (await log([`--max-count=${most + 2 * tips.length}`, ...tips, '--', ...paths], signal))
        .filter(({ trailers }) => !trailers.some(([key]) => key === CONTINUES || key === CONTINUED_ON))
        .slice(0, most),
    paths: async (signal) =>
      (await git.text({ doing: 'reading the status branch', directory, args: ['ls-tree', '-r', '-z', '--name-only', '--full-tree', newest] }, signal))
        .split('\0')
        .filter((path) => path !== ''),
    files: async (sha, signal) => {
      const tree = await treeReader(git, DEFAULT_TREE_LIMITS).read(directory, { sha, branch: '', author: '', subject: '' }, signal);
      return new Map(tree.files.flatMap((file) => (file.text === null ? [] : [[file.path, file.text] as const])));
    },
    contents: async (path, shas, signal) => {
      const found = await contentsOf(
        git,
        store,
        shas.map((sha) => `${sha}:${path}`),
        signal,
      );
      return new Map(shas.map((sha, i) => [sha, found[i] ?? null]));
    },
    blame: async (path, signal) => blameOf(git, store, newest, path, signal),
  };
}

/** Fields of three, one commit after another. */
function parseLog(text: string): readonly StatusEntry[] {
  const fields = text.split('\0');
  const entries: StatusEntry[] = [];
  for (let at = 0; at + 2 < fields.length; at += 3)
    entries.push({ sha: fields[at] ?? '', atMs: Number(fields[at + 1]) * 1000, ...parseMessage(fields[at + 2] ?? '') });
  return entries;
}

const TRAILER = /^([A-Za-z][A-Za-z-]*): (.*)$/;

/** Takes a message apart as status-commit.ts puts it together. */
export function parseMessage(message: string): Pick<StatusEntry, 'subject' | 'body' | 'trailers'> {
  const [subject = [], ...paragraphs] = message
    .trimEnd()
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.split('\n'));
  const last = paragraphs.at(-1) ?? [];
  const trailers = last.flatMap((line): [string, string][] => {
    const [, key, value] = TRAILER.exec(line) ?? [];
    return key === undefined ? [] : [[key, value ?? '']];
  });
  const hasTrailers = last.length > 0 && trailers.length === last.length;
  return { subject: subject.join(' '), body: (hasTrailers ? paragraphs.slice(0, -1) : paragraphs).flat(), trailers: hasTrailers ? trailers : [] };
}

/** Blobs by name, in the order asked for; null for what is not there. */
async function contentsOf(git: Git, store: Store, names: readonly string[], signal: AbortSignal): Promise<readonly (string | null)[]> {
  if (names.length === 0) return [];
  const bytes = await git.bytes({ doing: 'reading the status branch', directory: store.directory, args: ['--batch'], input: `${names.join('\n')}\n` }, signal);
  const found: (string | null)[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    const head = bytes.toString('utf8', at, end);
    const size = / blob (\d+)$/.exec(head)?.[1];
    found.push(size === undefined ? null : decode(bytes.subarray(end + 1, end + 1 + Number(size))));
    at = end + 1 + (size === undefined ? 0 : Number(size) + 1);
  }
  return found;
}

interface Blamed extends BlamedLine {
  /** Where the line stood in the commit that brought it, from 1. */
  readonly before: number;
}

/** Line by line; what a generation began with is looked up in the one before. */
async function blameOf(git: Git, store: Store, tip: string, path: string, signal: AbortSignal): Promise<readonly BlamedLine[] | null> {
  const lines = await blameOnce(git, store, tip, path, signal);
  if (lines === null) return null;
  const roots = new Map<string, readonly BlamedLine[] | null>();
  for (const { sha } of lines) {
    if (roots.has(sha)) continue;
    const text = await git.text(
      {
        doing: 'reading the status branch',
        directory: store.directory,
        args: ['log', '-1', ...PLAIN, '--format=%P%x00%(trailers:key=Continues,valueonly)', sha],
      },
      signal,
    );
    const [parents = '', continued = ''] = text.split('\0');
    const old = continued.trim().split(' ')[1];
    roots.set(sha, parents.trim() === '' && old !== undefined ? await blameOf(git, store, old, path, signal) : null);
  }
  return lines.map(({ sha, text, before }) => roots.get(sha)?.[before - 1] ?? { sha, text });
}

async function blameOnce(git: Git, store: Store, tip: string, path: string, signal: AbortSignal): Promise<readonly Blamed[] | null> {
  const done = await git.result(
    { doing: 'reading the status branch', directory: store.directory, args: ['blame', '--porcelain', '--no-textconv', tip, '--', path] },
    signal,
  );
  if (done.exitCode !== 0) return null;
  const lines: Blamed[] = [];
  let sha = '';
  let before = 0;
  for (const line of done.stdout.split('\n')) {
    const head = /^([0-9a-f]{40}|[0-9a-f]{64}) (\d+) \d+/.exec(line);
    if (line.startsWith('\t')) lines.push({ sha, before, text: line.slice(1) });
    else if (head !== null) {
      sha = head[1] ?? '';
      before = Number(head[2]);
    }
  }
  return lines;
}

interface SourcePlace {
  readonly source: Place;
  readonly branch: string | null;
  /** Null: it is in another repository. */
  readonly statusBranch: string | null;
}

/** The configuration repository's commits; its branch is fetched when the first of them is asked for. */
function sourceOf(git: Git, store: Store, { source, branch, statusBranch }: SourcePlace): Pick<StatusLog, 'revision' | 'tree' | 'nearest'> {
  const { directory } = store;
  let isFetched = false;
  const reader = treeReader(git, DEFAULT_TREE_LIMITS);
  return {
    revision: async (text, signal) => {
      if (!isFetched) {
        const heads = await askRemote(git, directory, source, [branch], signal);
        const chosen = await chooseBranch(git, directory, source, heads, branch, statusBranch, signal);
        await fetchRefs(git, store.directory, source, [`+refs/heads/${chosen.branch}:${SOURCE_REF}`], signal);
        isFetched = true;
      }
      return findRevision(
        text,
        { git, source, store: () => store, download: (specs, within) => fetchRefs(git, store.directory, source, specs, within) },
        signal,
      );
    },
    tree: (revision, signal) => reader.read(directory, revision, signal),
    nearest: async (revision, shas, signal) => {
      const wanted = new Set(shas);
      const text = await git.text({ doing: 'reading the history', directory, args: ['rev-list', `--max-count=${ANCESTORS_MAX}`, revision.sha] }, signal);
      return text.split('\n').find((sha) => wanted.has(sha)) ?? null;
    },
  };
}
