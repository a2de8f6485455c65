/**
 * Tells a report to the status branch, at the pace of status/pace.ts: what is to be told is always the difference between
 * the branch and the newest report, so that nothing is lost by waiting.
 */
import type { Log } from './lib/log.ts';
import { hashOf } from './lib/json.ts';
import { endsTurn, toFault, type Fault } from './model/fault.ts';
import type { Clock, Repo } from './model/ports.ts';
import type { Report, StatusCommit } from './model/status.ts';
import { nothingToTell, paceOf, pushedAt, type Pace, type Paced } from './status/pace.ts';
import { publish, type Published } from './status/publish.ts';

export interface TellDoors {
  readonly repo: Pick<Repo, 'commit' | 'statusFiles' | 'waits'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly pace: Pace;
}

export interface TellMemory {
  /** What the status branch says, or will when what waits in the outbox is pushed; null before it was read. */
  files: ReadonlyMap<string, string> | null;
  /** The newest report that is not told yet; null when the branch says it all. */
  untold: Report | null;
  paced: Paced;
}

export interface Told {
  /** The status commit that was pushed; null when there was nothing to tell, or it waits, or could not be pushed. */
  readonly pushed: string | null;
  readonly pushFault: Fault | null;
  /** There is something to tell, and it waits for so long; null: there is not. */
  readonly tellInMs: number | null;
}

/** Says nothing new: what waits in the outbox goes. */
const NOTHING: StatusCommit = { files: new Map(), subject: '', trailers: [] };

/** Tells it, or says how long it waits. With `at: 'once'` it does not wait. Throws only cancellation and a lost Lease. */
export async function tell(doors: TellDoors, memory: TellMemory, report: Report, signal: AbortSignal, at: 'once' | 'pace' = 'pace'): Promise<Told> {
  const { clock } = doors;
  let published: Published | null = null;
  try {
    // A remote that is away cannot tell what it holds: everything is committed then, and waits in the outbox.
    memory.files ??= await doors.repo.statusFiles(signal).catch(() => null);
    published = publish(report, memory.files ?? new Map());
    memory.untold = published === null ? null : report;
    if (published === null) {
      memory.paced = nothingToTell(memory.paced);
      return { pushed: (await doors.repo.waits?.()) === true ? await doors.repo.commit(NOTHING, signal) : null, pushFault: null, tellInMs: null };
    }
    const { commit, news } = published;
    const { waitMs, after } = paceOf(memory.paced, news, hashOf([...commit.files]), doors.pace, clock.now());
    memory.paced = after;
    if (waitMs > 0 && at === 'pace') return { pushed: null, pushFault: null, tellInMs: waitMs };
    memory.paced = pushedAt(after, clock.now());
    const pushed = await doors.repo.commit(commit, signal);
    memory.files = published.files;
    memory.untold = null;
    return { pushed, pushFault: null, tellInMs: null };
  } catch (error) {
    const fault = toFault(error);
    if (endsTurn(fault)) throw fault;
    doors.log.warn('status not pushed', { error: fault });
    // It is kept, and goes before whatever is told next; what the branch holds beside it is only known where it was read.
    if (published !== null && memory.files !== null && fault.code !== 'source/outbox') memory.files = published.files;
    return { pushed: null, pushFault: fault, tellInMs: null };
  }
}
