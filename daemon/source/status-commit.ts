/** Builds one commit of the status branch from git's plumbing, without a work tree. Upholds I5: the same content is no commit. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../model/ports.ts';
import type { StatusCommit } from '../model/status.ts';
import type { Git } from './git.ts';
import { blobId, packBlobs } from './pack.ts';
import type { ObjectFormat, Store } from './store.ts';

/** Who the status commits are from. */
export interface Identity {
  readonly name: string;
  readonly email: string;
}

export const DEFAULT_IDENTITY: Identity = { name: 'Lateen', email: 'lateen@localhost' };

export interface CommitBuilder {
  /**
   * Makes the commit of `commit` on `parent` (null: an orphan root) in the store and resolves to its id, or to null when
   * the parent's tree says all of it already. Files that are not named stay as they are. `notes` go into the message.
   */
  readonly build: (store: Store, parent: string | null, commit: StatusCommit, notes: readonly string[], signal: AbortSignal) => Promise<string | null>;
}

/** Regular file, not executable. */
const MODE = '100644';

/** A builder that remembers the listing of the last parent it saw. */
export function commitBuilder(git: Git, workDir: string, identity: Identity, clock: Clock): CommitBuilder {
  let seen: { readonly parent: string; readonly entries: ReadonlyMap<string, string> } | null = null;
  const entriesOf = async (store: Store, parent: string | null, signal: AbortSignal): Promise<ReadonlyMap<string, string>> => {
    if (parent === null) return new Map();
    if (seen?.parent !== parent) seen = { parent, entries: await list(git, store, parent, signal) };
    return seen.entries;
  };
  return {
    build: async (store, parent, commit, notes, signal) => {
      for (const path of commit.files.keys()) checkPath(path);
      const entries = await entriesOf(store, parent, signal);
      const changes = changesOf(store.format, entries, commit.files);
      if (changes.length === 0) return null;
      const index = join(workDir, `index-${randomUUID()}`);
      try {
        await writeBlobs(git, store, changes, signal);
        const tree = await writeTree(git, store, index, entries, changes, signal);
        return await commitTree(git, store, tree, parent, messageOf(commit, notes), identity, clock, signal);
      } finally {
        await rm(index, { force: true });
      }
    },
  };
}

interface FileChange {
  readonly path: string;
  /** Null: the file goes. */
  readonly content: string | null;
  /** "" for a file that goes. */
  readonly oid: string;
}

/** `mode oid` by path. */
async function list(git: Git, store: Store, commit: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const listing = await git.text({ doing: 'listing the status branch', directory: store.directory, args: ['ls-tree', '-r', '-z', '--full-tree', commit] }, signal);
  const entries = new Map<string, string>();
  for (const line of listing.split('\0')) {
    const tab = line.indexOf('\t');
    const [mode, , oid] = line.slice(0, tab).split(' ');
    if (tab > 0) entries.set(line.slice(tab + 1), `${mode} ${oid}`);
  }
  return entries;
}

/** What differs from the parent: ids are computed here, so that content that is there already costs no process. */
function changesOf(format: ObjectFormat, entries: ReadonlyMap<string, string>, files: ReadonlyMap<string, string | null>): readonly FileChange[] {
  const changes: FileChange[] = [];
  for (const [path, content] of files) {
    const before = entries.get(path);
    if (content === null) {
      if (before !== undefined) changes.push({ path, content, oid: '' });
      continue;
    }
    const oid = blobId(format, content);
    if (before !== `${MODE} ${oid}`) changes.push({ path, content, oid });
  }
  return changes;
}

async function writeBlobs(git: Git, store: Store, changes: readonly FileChange[], signal: AbortSignal): Promise<void> {
  const contents = new Map(changes.filter(({ content }) => content !== null).map(({ oid, content }) => [oid, content ?? '']));
  if (contents.size === 0) return;
  await git.text({ doing: 'writing the status', directory: store.directory, args: ['index-pack', '--stdin'], input: packBlobs(store.format, [...contents.values()]) }, signal);
}

/** A private index is filled from what is known of the parent, so that its trees need not be read again. */
async function writeTree(git: Git, store: Store, index: string, entries: ReadonlyMap<string, string>, changes: readonly FileChange[], signal: AbortSignal): Promise<string> {
  const common = { doing: 'writing the status', directory: store.directory, env: { GIT_INDEX_FILE: index } };
  const removed = new Set(changes.filter(({ content }) => content === null).map(({ path }) => path));
  const kept = [...entries].filter(([path]) => !removed.has(path)).map(([path, entry]) => `${entry}\t${path}\0`);
  // Ours come last: with --replace a folder of ours takes the place of another's file.
  const written = changes.filter(({ content }) => content !== null).map(({ path, oid }) => `${MODE} ${oid}\t${path}\0`);
  await git.text({ ...common, args: ['update-index', '--add', '--replace', '-z', '--index-info'], input: [...kept, ...written].join('') }, signal);
  return (await git.text({ ...common, args: ['write-tree'] }, signal)).trim();
}

async function commitTree(git: Git, store: Store, tree: string, parent: string | null, message: string, identity: Identity, clock: Clock, signal: AbortSignal): Promise<string> {
  const date = `@${Math.floor(clock.now() / 1000)} +0000`;
  const made = await git.text({
    doing: 'writing the status',
    directory: store.directory,
    args: ['commit-tree', tree, ...(parent === null ? [] : ['-p', parent]), '-F', '-'],
    input: message,
    env: {
      GIT_AUTHOR_NAME: identity.name, GIT_AUTHOR_EMAIL: identity.email, GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: identity.name, GIT_COMMITTER_EMAIL: identity.email, GIT_COMMITTER_DATE: date,
    },
  }, signal);
  return made.trim();
}

/** Subject, what was held back, and the trailers as the last paragraph, where `git interpret-trailers` finds them. */
export function messageOf(commit: StatusCommit, notes: readonly string[]): string {
  const paragraphs = [oneLine(commit.subject)];
  if (notes.length > 0) paragraphs.push(['Held back while the remote could not be written:', ...notes.map((note) => `- ${oneLine(note)}`)].join('\n'));
  if (commit.trailers.length > 0) paragraphs.push(commit.trailers.map(([key, value]) => `${key}: ${oneLine(value)}`).join('\n'));
  return `${paragraphs.join('\n\n')}\n`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Paths come from us, never from outside: a wrong one is a bug. git would refuse the same ones, less clearly. */
function checkPath(path: string): void {
  const isGood = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && part.toLowerCase() !== '.git');
  if (!isGood || /[\0-\x1f\x7f]/.test(path)) throw new Error(`not a path of the status branch: ${JSON.stringify(path)}`);
}
