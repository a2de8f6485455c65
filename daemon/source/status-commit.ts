/**
 * Builds one commit of the status branch, without a work tree or an index: files, trees and commit are made here and given
 * to git in one piece. Upholds I5: the same content is no commit.
 */
import { Fault } from '../model/fault.ts';
import type { StatusCommit } from '../model/status.ts';
import { gitFault } from './git-fault.ts';
import type { Git } from './git.ts';
import { blobId, blobOf, commitOf, objectId, packObjects, treesOf, type GitObject, type Trees } from './pack.ts';
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

/** A tree as it is known: its files, and the ids of its folders. */
interface Listing {
  /** `mode id` by path. */
  readonly entries: ReadonlyMap<string, string>;
  readonly trees: Trees;
}

/** A builder that remembers the listing of the last commit it saw or made. */
export function commitBuilder(git: Git, style: CommitStyle): CommitBuilder {
  let seen: (Listing & { readonly commit: string }) | null = null;
  const listingOf = async (store: Store, parent: string | null, signal: AbortSignal): Promise<Listing | null> => {
    if (parent === null) return null;
    if (seen?.commit !== parent) {
      const entries = await list(git, store, parent, signal);
      seen = { commit: parent, entries, trees: treesOf(store.format, entries) };
    }
    return seen;
  };
  return {
    build: async (ground, commit, signal) => {
      const { store, parent } = ground;
      for (const path of commit.files.keys()) checkPath(path);
      const before = await listingOf(store, parent, signal);
      const changes = changesOf(store.format, before?.entries ?? new Map(), commit.files);
      if (changes.length === 0 && ground.isNewRoot !== true) return null;
      const entries = applied(before?.entries ?? new Map(), changes);
      const trees = treesOf(store.format, entries);
      const objects = [
        ...new Map(changes.filter(({ content }) => content !== null).map(({ oid, content }) => [oid, blobOf(content ?? '')])).values(),
        ...[...trees.objects].filter(([id]) => before?.trees.objects.has(id) !== true).map(([, tree]) => tree),
      ];
      const made = await writeCommit(git, ground, { tree: trees.root, objects, message: messageOf(commit, style.skipCi) }, style, signal);
      seen = { commit: made, entries, trees };
      return made;
    },
  };
}

/** The listing after `changes`. A file takes the place of a folder, and a folder that of a file. */
function applied(before: ReadonlyMap<string, string>, changes: readonly FileChange[]): ReadonlyMap<string, string> {
  const after = new Map(before);
  for (const { path, content } of changes) if (content === null) after.delete(path);
  const folders = new Set([...after.keys()].flatMap(foldersOf));
  for (const { path, content, oid } of changes) {
    if (content === null) continue;
    if (folders.has(path)) for (const other of after.keys()) if (other.startsWith(`${path}/`)) after.delete(other);
    for (const folder of foldersOf(path)) {
      after.delete(folder);
      folders.add(folder);
    }
    after.set(path, `${MODE} ${oid}`);
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
  const listing = await git.text(
    { doing: 'listing the status branch', directory: store.directory, args: ['ls-tree', '-r', '-z', '--full-tree', commit] },
    signal,
  );
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

/** More objects than this are written as a pack, fewer one by one: quicker, and no heap of small packs. */
const LOOSE_MAX = 20;

async function write(git: Git, store: Store, objects: readonly GitObject[], signal: AbortSignal): Promise<void> {
  if (objects.length === 0) return;
  await git.text(
    {
      doing: 'writing the status',
      directory: store.directory,
      args: objects.length > LOOSE_MAX ? ['index-pack', '--stdin'] : ['unpack-objects', '-q'],
      input: packObjects(store.format, objects),
    },
    signal,
  );
}

interface Content {
  readonly tree: string;
  /** What the store has not yet of it. */
  readonly objects: readonly GitObject[];
  readonly message: string;
}

async function writeCommit(
  git: Git,
  { store, parent: tip, atMs, isNewRoot }: Ground,
  { tree, objects, message }: Content,
  { identity, signer }: CommitStyle,
  signal: AbortSignal,
): Promise<string> {
  const parent = isNewRoot === true ? null : tip;
  if (signer === null) {
    const commit = commitOf(tree, parent, identity, atMs, message);
    await write(git, store, [...objects, commit], signal);
    return objectId(store.format, commit);
  }
  await write(git, store, objects, signal);
  const date = `@${Math.floor(atMs / 1000)} +0000`;
  const made = await git.result(
    {
      doing: 'writing the status',
      directory: store.directory,
      args: ['commit-tree', '-S', tree, ...(parent === null ? [] : ['-p', parent]), '-F', '-'],
      input: message,
      config: signer.config,
      env: {
        GIT_AUTHOR_NAME: identity.name,
        GIT_AUTHOR_EMAIL: identity.email,
        GIT_AUTHOR_DATE: date,
        GIT_COMMITTER_NAME: identity.name,
        GIT_COMMITTER_EMAIL: identity.email,
        GIT_COMMITTER_DATE: date,
        ...signer.env,
      },
    },
    signal,
  );
  const sha = made.stdout.trim();
  if (made.exitCode === 0 && sha !== '') return sha;
  // Never unsigned instead: who checks signatures would take it for another's.
  const fault = gitFault('writing the status', made, null);
  throw new Fault('source/signing', `the status commit could not be signed: ${fault.message}`, { cause: fault.cause });
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
  return text.replace(/[\s\0-\x1f\x7f]+/g, ' ').trim();
}

/** Paths come from us, never from outside: a wrong one is a bug. git would refuse the same ones, less clearly. */
function checkPath(path: string): void {
  const isGood = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && part.toLowerCase() !== '.git');
  if (!isGood || /[\0-\x1f\x7f]/.test(path)) throw new Error(`not a path of the status branch: ${JSON.stringify(path)}`);
}
