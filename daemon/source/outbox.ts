/**
 * Status that could not be pushed, kept on disk until a later push takes it along: nothing is lost over a restart. Each
 * commit that never was is kept by itself, with its time, so that the branch later tells what happened as if the remote
 * had never been away.
 */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StatusCommit } from '../model/status.ts';

/** A commit that waits. */
export interface HeldCommit {
  readonly commit: StatusCommit;
  /** When it should have been made, in milliseconds since the epoch. */
  readonly atMs: number;
}

/** What waits, oldest first. */
export interface Held {
  readonly commits: readonly HeldCommit[];
  /** The last commit id that was sent without an answer; "" for none. When the branch has it, the first `sentCount` are there. */
  readonly sent: string;
  readonly sentCount: number;
}

export interface Outbox {
  /** What waits; no commits when nothing does. */
  readonly read: () => Promise<Held>;
  /** Keeps all of these instead of what was kept. */
  readonly keep: (held: Held) => Promise<void>;
  readonly clear: () => Promise<void>;
}

export const NOTHING_HELD: Held = { commits: [], sent: '', sentCount: 0 };

/** Bounds (I7): beyond them the two oldest become one, as often as it takes. */
const COMMITS_MAX = 50;
const SIZE_MAX_BYTES = 16 * 1024 * 1024;
const BODY_MAX = 100;
const TRAILERS_MAX = 200;

/** The outbox in `<workDir>/outbox`. `target` names the branch it is for: what waits for another is not read. */
export function openOutbox(workDir: string, target: string): Outbox {
  const folder = join(workDir, 'outbox');
  const file = join(folder, 'status.json');
  return {
    read: async () => {
      let text: string;
      try {
        text = await readFile(file, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NOTHING_HELD;
        throw error;
      }
      return parse(text, target);
    },
    keep: async ({ commits, sent, sentCount }) => {
      const kept = bounded(commits);
      const isWhole = kept.length === commits.length;
      const text = JSON.stringify({
        target,
        sent: isWhole ? sent : '',
        sentCount: isWhole ? sentCount : 0,
        commits: kept.map(({ commit, atMs }) => ({ ...commit, files: [...commit.files], atMs })),
      });
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const draft = `${file}.new`;
      const handle = await open(draft, 'w', 0o600);
      try {
        await handle.writeFile(text);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, file);
    },
    clear: () => rm(file, { force: true }),
  };
}

/** What the branch will say of these files when all that waits has been pushed; null for a file that goes. */
export const waitingFiles = (held: Held): ReadonlyMap<string, string | null> => new Map(held.commits.flatMap(({ commit }) => [...commit.files]));

/** As many as may wait. Of commits that are merged the newest content of each file is left, and what each of them said. */
export function bounded(commits: readonly HeldCommit[]): readonly HeldCommit[] {
  const left = [...commits];
  const sizes = left.map(({ commit }) => sizeOf(commit));
  let sizeBytes = sizes.reduce((sum, size) => sum + size, 0);
  while (left.length > 1 && (left.length > COMMITS_MAX || sizeBytes > SIZE_MAX_BYTES)) {
    const [older, newer] = left.splice(0, 2) as [HeldCommit, HeldCommit];
    const [a = 0, b = 0] = sizes.splice(0, 2);
    const merged = mergedCommit(older, newer);
    const size = sizeOf(merged.commit);
    left.unshift(merged);
    sizes.unshift(size);
    sizeBytes += size - a - b;
  }
  return left;
}

const sizeOf = (commit: StatusCommit): number => [...commit.files].reduce((sum, [path, content]) => sum + path.length + (content?.length ?? 0), 0);

function mergedCommit(older: HeldCommit, newer: HeldCommit): HeldCommit {
  const [a, b] = [older.commit, newer.commit];
  const [before, after] = [groupsOf(a.trailers), groupsOf(b.trailers)];
  return {
    atMs: newer.atMs,
    commit: {
      files: new Map([...a.files, ...b.files]),
      subject: b.subject,
      body: [...new Set([`- before: ${a.subject}`, ...(a.body ?? []), ...(b.body ?? [])])].slice(-BODY_MAX),
      trailers: [
        ...after.head,
        ...before.groups.filter(([[, name] = ['', '']]) => !after.groups.some(([[, other] = ['', '']]) => other === name)).flat(),
        ...after.groups.flat(),
      ].slice(0, TRAILERS_MAX),
    },
  };
}

/** Trailers of one thing stand together and begin with its name. */
function groupsOf(trailers: StatusCommit['trailers']): { readonly head: StatusCommit['trailers']; readonly groups: readonly StatusCommit['trailers'][] } {
  const first = trailers.findIndex(([key]) => key === 'Application' || key === 'Initializer');
  if (first < 0) return { head: trailers, groups: [] };
  const groups: [string, string][][] = [];
  for (const [key, value] of trailers.slice(first)) {
    if (key === 'Application' || key === 'Initializer') groups.push([]);
    groups.at(-1)?.push([key, value]);
  }
  return { head: trailers.slice(0, first), groups };
}

interface Stored {
  readonly target: string;
  readonly sent: string;
  readonly sentCount: number;
  readonly commits: readonly (Omit<StatusCommit, 'files'> & { readonly files: readonly (readonly [string, string | null])[]; readonly atMs: number })[];
}

function parse(text: string, target: string): Held {
  let stored: Stored;
  try {
    stored = JSON.parse(text) as Stored;
  } catch {
    return NOTHING_HELD; // It is renamed into place whole, so this is a damaged disk; the next pass says it all again.
  }
  if (stored.target !== target || !Array.isArray(stored.commits)) return NOTHING_HELD;
  return {
    sent: stored.sent,
    sentCount: stored.sentCount,
    commits: stored.commits.map(({ atMs, files, ...rest }) => ({ atMs, commit: { ...rest, files: new Map(files) } })),
  };
}
