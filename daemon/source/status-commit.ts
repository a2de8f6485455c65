/** Builds one commit of the status branch from git's plumbing, without a work tree. Upholds I5: the same content is no commit. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../model/fault.ts';
import type { StatusCommit } from '../model/status.ts';
import { gitFault } from './git-fault.ts';
import type { Git } from './git.ts';
import { blobId, packBlobs } from './pack.ts';
import type { Signer } from './signing.ts';
import type { ObjectFormat, Store } from './store.ts';

/** Who the status commits are from. */
export interface Identity {
  readonly name: string;
  readonly email: string;
}

export const DEFAULT_IDENTITY: Identity = { name: 'Lateen', email: 'lateen@localhost' };

/** How commits of the status branch are made. */
export interface CommitStyle {
  readonly identity: Identity;
  /** Null: they are not signed. */
  readonly signer: Signer | null;
  /** Ends the subject with `[skip ci]`, which hosts look for before they start a pipeline. */
  readonly skipCi: boolean;
}

/** Where a commit goes. */
export interface Ground {
  readonly store: Store;
  /** Null: an orphan root. */
  readonly parent: string | null;
  /** Milliseconds since the epoch: author's and committer's date. */
  readonly atMs: number;
  /** Starts a new history with the parent's files: the commit has no parent, and is made though nothing changes. */
  readonly isNewRoot?: boolean;
}

export interface CommitBuilder {
  /**
   * Makes the commit in the store and resolves to its id, or to null when the parent's tree says all of it already. Files
   * that are not named stay as they are. Faults: source/git, source/signing.
   */
  readonly build: (ground: Ground, commit: StatusCommit, signal: AbortSignal) => Promise<string | null>;
}

/** Regular file, not executable. */
const MODE = '100644';

/** A builder that remembers the listing of the last commit it saw or made. */
export function commitBuilder(git: Git, workDir: string, style: CommitStyle): CommitBuilder {
  let seen: { readonly commit: string; readonly entries: ReadonlyMap<string, string> } | null = null;
  const entriesOf = async (store: Store, parent: string | null, signal: AbortSignal): Promise<ReadonlyMap<string, string>> => {
    if (parent === null) return new Map();
    if (seen?.commit !== parent) seen = { commit: parent, entries: await list(git, store, parent, signal) };
    return seen.entries;
  };
  return {
    build: async (ground, commit, signal) => {
      const { store, parent } = ground;
      for (const path of commit.files.keys()) checkPath(path);
      const entries = await entriesOf(store, parent, signal);
      const changes = changesOf(store.format, entries, commit.files);
      if (changes.length === 0 && ground.isNewRoot !== true) return null;
      const index = join(workDir, `index-${randomUUID()}`);
      try {
        await writeBlobs(git, store, changes, signal);
        const tree = await writeTree(git, store, index, entries, changes, signal);
        const made = await commitTree(git, ground, tree, messageOf(commit, style.skipCi), style, signal);
        const after = applied(entries, changes);
        if (after !== null) seen = { commit: made, entries: after };
        return made;
      } finally {
        await rm(index, { force: true });
      }
    },
  };
}

/** The listing after `changes`, so that the next commit need not ask for it; null where a file takes a folder's place or the other way round. */
function applied(entries: ReadonlyMap<string, string>, changes: readonly FileChange[]): ReadonlyMap<string, string> | null {
  const after = new Map(entries);
  const folders = new Set([...entries.keys()].flatMap(foldersOf));
  for (const { path, content, oid } of changes) {
    if (content === null) after.delete(path);
    else if (folders.has(path) || foldersOf(path).some((folder) => entries.has(folder))) return null;
    else after.set(path, `${MODE} ${oid}`);
  }
  return after;
}

function foldersOf(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_part, i) => parts.slice(0, i + 1).join('/'));
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

async function commitTree(git: Git, { store, parent, atMs, isNewRoot }: Ground, tree: string, message: string, { identity, signer }: CommitStyle, signal: AbortSignal): Promise<string> {
  const date = `@${Math.floor(atMs / 1000)} +0000`;
  const made = await git.result({
    doing: 'writing the status',
    directory: store.directory,
    args: ['commit-tree', ...(signer === null ? [] : ['-S']), tree, ...(parent === null || isNewRoot === true ? [] : ['-p', parent]), '-F', '-'],
    input: message,
    config: signer?.config ?? [],
    env: {
      GIT_AUTHOR_NAME: identity.name, GIT_AUTHOR_EMAIL: identity.email, GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: identity.name, GIT_COMMITTER_EMAIL: identity.email, GIT_COMMITTER_DATE: date,
      ...signer?.env,
    },
  }, signal);
  const sha = made.stdout.trim();
  if (made.exitCode === 0 && sha !== '') return sha;
  const fault = gitFault('writing the status', made, null);
  // Never unsigned instead: who checks signatures would take it for another's.
  throw signer === null ? fault : new Fault('source/signing', `the status commit could not be signed: ${fault.message}`, { cause: fault.cause });
}

/**
 * Subject, the body's lines, and the trailers as the last paragraph, where `git interpret-trailers` finds them. Every part
 * is one line, whatever it quotes.
 */
export function messageOf(commit: StatusCommit, skipCi: boolean): string {
  const subject = oneLine(commit.subject);
  const paragraphs = [skipCi ? `${subject} [skip ci]` : subject];
  const body = commit.body ?? [];
  if (body.length > 0) paragraphs.push(body.map((line) => `${/^ */.exec(line)?.[0] ?? ''}${oneLine(line)}`).join('\n'));
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
