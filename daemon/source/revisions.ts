/** Any commit that a person can name: `main`, `v1.2`, `HEAD~2`, `refs/pull/7/head`, `3f2a1b9`. For plans; nothing is applied. */
import type { Revision } from '../model/catalog.ts';
import { Fault, toFault } from '../model/fault.ts';
import { refuseFailure, type Place } from './ask.ts';
import type { Git } from './git.ts';
import type { Store } from './store.ts';

export interface RevisionDoors {
  readonly git: Git;
  readonly store: () => Store;
  readonly source: Place;
  /** Fetches these refspecs from the source. */
  readonly download: (specs: readonly string[], signal: AbortSignal) => Promise<void>;
}

/** What git takes for a name, with steps back (`~2`, `^`) behind it; nothing that could be an option or a range. */
const REVISION = /^((?!.*(?:\.\.|@\{|\/\/))[A-Za-z0-9_][^\s\0-\x20~^:?*[\\\x7f]{0,254})((?:[~^]\d{0,6}){0,20})$/;
/** Ancestors that are looked at for the same content. */
const ANCESTORS_MAX = 1_000;
/** Files that differ, and commits that touched them: of more it is not asked whether they were like this before. */
const CHANGED_MAX = 50;
const TOUCHING_MAX = 200;

/**
 * The commit that `text` names on the remote, with its objects in our copy. A branch or tag is asked for there; an id is
 * taken from our copy, or fetched by its whole id. `branch` of the answer is what was asked for. Faults: source/*;
 * source/branch (invalid) when there is no such commit.
 */
export async function findRevision(text: string, doors: RevisionDoors, signal: AbortSignal): Promise<Revision> {
  const [, name, steps = ''] = REVISION.exec(text) ?? [];
  const unknown = new Fault('source/branch', `${doors.source.remote.url} has no revision ${JSON.stringify(text.slice(0, 100))}`, { kind: 'invalid' });
  if (name === undefined) throw unknown;
  const isId = /^(?:[0-9a-f]{7,40}|[0-9a-f]{64})$/.test(name);
  const sha = (isId ? await commitOf(`${name}${steps}`, doors, signal) : null) ?? (await fetched(name, steps, isId, doors, signal));
  if (sha === null) throw unknown;
  return describeRevision(sha, text, doors, signal);
}

async function fetched(name: string, steps: string, isId: boolean, doors: RevisionDoors, signal: AbortSignal): Promise<string | null> {
  const ref = await refOf(name, doors, signal);
  if (ref !== null) {
    await doors.download([ref.name], signal);
    return commitOf(`${ref.sha}${steps}`, doors, signal);
  }
  if (!isId || name.length < 40) return null;
  try {
    await doors.download([name], signal);
  } catch (error) {
    const fault = toFault(error);
    // A server may refuse ids, or not have this one; that it is away is another matter.
    if (fault.kind === 'cancelled' || fault.code === 'source/unreachable' || fault.code === 'source/auth') throw fault;
    return null;
  }
  return commitOf(`${name}${steps}`, doors, signal);
}

/** The remote's ref of this name, in git's own order. */
async function refOf(
  name: string,
  { git, store, source }: RevisionDoors,
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly sha: string } | null> {
  const wanted = name === 'HEAD' || name.startsWith('refs/') ? [name] : [`refs/tags/${name}`, `refs/heads/${name}`];
  const done = await git.result(
    { doing: 'reading', directory: store().directory, remote: source, args: ['ls-remote', '--quiet', '--', source.remote.url, ...wanted] },
    signal,
  );
  refuseFailure(done, source);
  const found = new Map(done.stdout.split('\n').map((line) => [line.slice(line.indexOf('\t') + 1), line.slice(0, line.indexOf('\t'))]));
  const ref = wanted.find((item) => (found.get(item) ?? '') !== '');
  return ref === undefined ? null : { name: ref, sha: found.get(ref) ?? '' };
}

/** The id of the commit that our copy has under this name; null where it has none. */
async function commitOf(name: string, { git, store }: RevisionDoors, signal: AbortSignal): Promise<string | null> {
  const done = await git.result(
    { doing: 'reading a commit', directory: store().directory, args: ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`] },
    signal,
  );
  const sha = done.stdout.trim();
  return done.exitCode === 0 && /^[0-9a-f]{40,64}$/.test(sha) ? sha : null;
}

async function describeRevision(sha: string, branch: string, { git, store }: RevisionDoors, signal: AbortSignal): Promise<Revision> {
  const text = await git.text(
    { doing: 'reading a commit', directory: store().directory, args: ['log', '-1', '--no-show-signature', '--format=%an <%ae>%x00%s', sha] },
    signal,
  );
  const [author = '', subject = ''] = text.trimEnd().split('\0');
  return Object.freeze({ sha, branch, author, subject });
}

/**
 * The newest commit of the base's history to which `head` goes back: that has the same files; else the one that had all
 * files that differ between the two as `head` has them, whatever came to other files since. "" for none among so many,
 * and where the files are those of `base` anyway. What `head` alone has behind it, a merged branch for one, is no way back.
 */
export async function earlierContent(
  head: Revision,
  base: Revision,
  { git, store }: Pick<RevisionDoors, 'git' | 'store'>,
  signal: AbortSignal,
): Promise<string> {
  const directory = store().directory;
  const log = (args: readonly string[]): Promise<string> =>
    git.text({ doing: 'reading the history', directory, args: ['log', '--no-show-signature', '--format=%H %T', ...args] }, signal);
  const [, wanted] = (await log(['--max-count=1', head.sha])).trim().split(' ');
  const [own, ...before] = linesOf(await log([`--max-count=${ANCESTORS_MAX + 1}`, base.sha])).map((line) => line.split(' '));
  if (own === undefined || own[1] === wanted) return '';
  const same = before.find((line) => line[1] === wanted)?.[0];
  if (same !== undefined) return same;
  const changed = changedFiles(
    await git.text({ doing: 'comparing commits', directory, args: ['diff-tree', '-r', '-z', '--no-renames', base.sha, head.sha] }, signal),
  );
  // That a file is gone is no way back to the time before it came.
  if (changed.length > CHANGED_MAX || changed.every(({ oid }) => /^0+$/.test(oid)) || changed.some(({ path }) => path.includes('\n'))) return '';
  const end = before.length < ANCESTORS_MAX ? [] : [`^${before.at(-1)?.[0] ?? ''}`];
  const touching = linesOf(await log([`--max-count=${TOUCHING_MAX}`, base.sha, ...end, '--', ...changed.map(({ path }) => `:(top,literal)${path}`)])).map(
    (line) => line.split(' ')[0] ?? '',
  );
  const asked = touching.flatMap((sha) => changed.map(({ path }) => `${sha}:${path}\n`)).join('');
  const found =
    asked === ''
      ? []
      : linesOf(await git.text({ doing: 'comparing commits', directory, args: ['cat-file', '--batch-check=%(objectname)'], input: asked }, signal));
  return (
    touching.find((_sha, i) =>
      changed.every(({ oid }, j) => {
        const line = found[i * changed.length + j] ?? '';
        return /^0+$/.test(oid) ? line.endsWith(' missing') : line === oid;
      }),
    ) ?? ''
  );
}

const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

/** Of `diff-tree -r -z`: paths with the ids that the second commit has; zeros for what is gone there. */
function changedFiles(raw: string): readonly { readonly path: string; readonly oid: string }[] {
  const parts = raw.split('\0');
  return Array.from({ length: Math.floor(parts.length / 2) }, (_, i) => ({ path: parts[2 * i + 1] ?? '', oid: parts[2 * i]?.split(' ')[3] ?? '' }));
}
