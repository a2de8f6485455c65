/** The frozen files of one commit, read from git's objects: no work tree, no symlinks, filters or submodules. Upholds I1 and I7. */
import type { Revision, Tree, TreeFile } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import type { Git } from './git.ts';
import { GitExit } from './git-fault.ts';

/** Bounds of one commit's content. */
export interface TreeLimits {
  /** A larger file is listed without its text. */
  readonly fileMaxBytes: number;
  /** All texts together. */
  readonly totalMaxBytes: number;
  /** Files that are read. */
  readonly filesMax: number;
}

export const DEFAULT_TREE_LIMITS: TreeLimits = { fileMaxBytes: 1024 * 1024, totalMaxBytes: 64 * 1024 * 1024, filesMax: 20_000 };

/** Endings of files whose text is read. */
const READ = /\.(?:ya?ml|json|cue)$/i;

/** Reads trees and remembers the last one, so that a new commit costs only what changed in it. */
export interface TreeReader {
  readonly read: (directory: string, revision: Revision, signal: AbortSignal) => Promise<Tree>;
}

/** A reader with its cache. Faults of reading: source/too-large, source/git. */
export function treeReader(git: Git, limits: TreeLimits): TreeReader {
  let last: Tree | null = null;
  return {
    read: async (directory, revision, signal) => {
      if (last?.revision.sha === revision.sha && last.revision.branch === revision.branch) return last;
      const listing = await git.text(
        { doing: 'listing the files of a commit', directory, args: ['ls-tree', '-r', '-z', '-l', '--full-tree', revision.sha] },
        signal,
      );
      const entries = parseListing(listing);
      const known = new Map((last?.files ?? []).map((file) => [file.oid, file]));
      const wanted = wantedTexts(entries, known, limits);
      const texts = await readTexts(git, directory, wanted, signal);
      const files = entries.map((entry) => fileOf(entry, known.get(entry.oid), texts, limits));
      last = Object.freeze({ revision, files: Object.freeze(files) });
      return last;
    },
  };
}

interface Entry {
  readonly path: string;
  readonly oid: string;
  readonly sizeBytes: number;
}

/** Regular files of an `ls-tree -r -z -l` listing, sorted by path. Modes: 100644, 100755; left out: 120000 links, 160000 submodules. */
function parseListing(listing: string): readonly Entry[] {
  const entries: Entry[] = [];
  for (const line of listing.split('\0')) {
    const tab = line.indexOf('\t');
    const [mode, type, oid, size] = line.slice(0, tab).split(/ +/);
    if (type !== 'blob' || oid === undefined || mode?.startsWith('100') !== true) continue;
    entries.push({ path: line.slice(tab + 1), oid, sizeBytes: Number(size) });
  }
  return entries.sort((a, b) => (a.path < b.path ? -1 : Number(a.path > b.path)));
}

function isRead(entry: Entry, limits: TreeLimits): boolean {
  return READ.test(entry.path) && entry.sizeBytes <= limits.fileMaxBytes;
}

/** The blobs whose text is needed and not known yet. Counts what is known as well: the limits are the commit's. */
function wantedTexts(entries: readonly Entry[], known: ReadonlyMap<string, TreeFile>, limits: TreeLimits): ReadonlySet<string> {
  const wanted = new Set<string>();
  let files = 0;
  let sizeBytes = 0;
  for (const entry of entries) {
    if (!isRead(entry, limits)) continue;
    files += 1;
    sizeBytes += entry.sizeBytes;
    const before = known.get(entry.oid);
    // The same content under another ending may have been listed without its text.
    if (before === undefined || !READ.test(before.path)) wanted.add(entry.oid);
  }
  if (files > limits.filesMax) throw new Fault('source/too-large', `the commit has ${files} files to read; the limit is ${limits.filesMax}`);
  if (sizeBytes > limits.totalMaxBytes) throw new Fault('source/too-large', `the commit has ${sizeBytes} bytes to read; the limit is ${limits.totalMaxBytes}`);
  return wanted;
}

function fileOf(entry: Entry, before: TreeFile | undefined, texts: ReadonlyMap<string, string | null>, limits: TreeLimits): TreeFile {
  // The very same value for what did not change: later stages may compare by identity.
  if (before !== undefined && before.path === entry.path) return before;
  const text = isRead(entry, limits) ? (texts.get(entry.oid) ?? before?.text ?? null) : null;
  return Object.freeze({ path: entry.path, oid: entry.oid, sizeBytes: entry.sizeBytes, text });
}

/** The texts of blobs by one `cat-file --batch`; null for what is not UTF-8. */
async function readTexts(git: Git, directory: string, oids: ReadonlySet<string>, signal: AbortSignal): Promise<ReadonlyMap<string, string | null>> {
  const texts = new Map<string, string | null>();
  if (oids.size === 0) return texts;
  const bytes = await git.bytes({ doing: 'reading the files of a commit', directory, args: ['--batch'], input: `${[...oids].join('\n')}\n` }, signal);
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    const [oid, type, size] = bytes.toString('latin1', at, end).split(' ');
    if (oid === undefined || type !== 'blob')
      throw new Fault('source/git', `reading the files of a commit: missing blob ${oid ?? ''}`, { cause: new GitExit(0, `missing blob ${oid ?? ''}`) });
    const from = end + 1;
    const to = from + Number(size);
    texts.set(oid, decode(bytes.subarray(from, to)));
    at = to + 1;
  }
  return texts;
}

/** UTF-8 with or without a byte order mark; anything else is null. */
export function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null; // The one error there is: it is not UTF-8. load/ tells the user.
  }
}
