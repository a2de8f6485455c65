/** Status that could not be pushed, kept on disk until the next commit takes it along: nothing is lost over a restart. */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StatusCommit } from '../model/status.ts';

/** What waits: the newest content of each file, and what the commits that never were would have said. */
export interface Held {
  readonly files: ReadonlyMap<string, string | null>;
  /** Oldest first. */
  readonly subjects: readonly string[];
  readonly trailers: readonly (readonly [string, string])[];
}

export interface Outbox {
  /** What waits; null when nothing does. */
  readonly read: () => Promise<Held | null>;
  /** Adds a commit to what waits. */
  readonly add: (commit: StatusCommit) => Promise<void>;
  readonly clear: () => Promise<void>;
}

/** Beyond so many the oldest subjects and trailers are dropped; files are bounded by their number of paths. */
const HELD_MAX = 100;

/** The outbox in `<workDir>/outbox`. `target` names the branch it is for: what waits for another is not read. */
export function openOutbox(workDir: string, target: string): Outbox {
  const folder = join(workDir, 'outbox');
  const file = join(folder, 'status.json');
  const read = async (): Promise<Held | null> => {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    return parse(text, target);
  };
  return {
    read,
    add: async (commit) => {
      const held = await read();
      const text = JSON.stringify({
        target,
        files: [...new Map([...(held?.files ?? []), ...commit.files])],
        subjects: merged(held?.subjects ?? [], [commit.subject], String),
        trailers: merged(held?.trailers ?? [], commit.trailers, (trailer) => trailer.join(': ')),
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

/** Both lists without repetitions, the newest kept. */
function merged<T>(older: readonly T[], newer: readonly T[], keyOf: (item: T) => string): readonly T[] {
  const byKey = new Map<string, T>();
  for (const item of [...older, ...newer]) {
    byKey.delete(keyOf(item));
    byKey.set(keyOf(item), item);
  }
  return [...byKey.values()].slice(-HELD_MAX);
}

/** The commit to make now: the new one's files go over those that waited, and the message tells of both. */
export function withHeld(commit: StatusCommit, held: Held | null): { readonly commit: StatusCommit; readonly notes: readonly string[] } {
  if (held === null) return { commit, notes: [] };
  return {
    commit: {
      files: new Map([...held.files, ...commit.files]),
      subject: commit.subject,
      trailers: [...new Map([...commit.trailers, ...held.trailers].map((trailer) => [trailer.join(': '), trailer])).values()],
    },
    notes: held.subjects.filter((subject) => subject !== commit.subject),
  };
}

interface Stored {
  readonly target: string;
  readonly files: readonly (readonly [string, string | null])[];
  readonly subjects: readonly string[];
  readonly trailers: readonly (readonly [string, string])[];
}

function parse(text: string, target: string): Held | null {
  let stored: Stored;
  try {
    stored = JSON.parse(text) as Stored;
  } catch {
    return null; // It is renamed into place whole, so this is a damaged disk; the next pass says it all again.
  }
  if (stored.target !== target) return null;
  return { files: new Map(stored.files), subjects: stored.subjects, trailers: stored.trailers };
}
