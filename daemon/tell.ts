/**
 * Tells a report to the status branch, at the pace of status/pace.ts: what is to be told is always the difference between
 * the branch and the newest report, so that nothing is lost by waiting.
 */
import type { Log } from './lib/log.ts';
import { toFault, type Fault } from './model/fault.ts';
import type { Clock, Repo } from './model/ports.ts';
import type { Report } from './model/status.ts';
import { nothingToTell, paceOf, pushedAt, type Pace, type Paced } from './status/pace.ts';
import { publish } from './status/publish.ts';

export interface TellDoors {
  readonly repo: Pick<Repo, 'commit' | 'statusFiles'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly pace: Pace;
}

export interface TellMemory {
  /** What the status branch says; null before it was read. */
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

/** Tells it, or says how long it waits. With `at: 'once'` it does not wait. Throws only cancellation and a lost Lease. */
export async function tell(doors: TellDoors, memory: TellMemory, report: Report, signal: AbortSignal, at: 'once' | 'pace' = 'pace'): Promise<Told> {
  const { clock } = doors;
  try {
    // A remote that is away cannot tell what it holds: everything is committed then, and waits in the outbox.
    const known = memory.files ?? await doors.repo.statusFiles(signal).catch(() => new Map<string, string>());
    const published = publish(report, known);
    memory.untold = published === null ? null : report;
    if (published === null) {
      memory.paced = nothingToTell(memory.paced);
      return { pushed: null, pushFault: null, tellInMs: null };
    }
    const { commit, news } = published;
    const { waitMs, after } = paceOf(memory.paced, news, `${commit.subject}\n${[...commit.files.keys()].join('\n')}`, doors.pace, clock.now());
    memory.paced = after;
    if (waitMs > 0 && at === 'pace') return { pushed: null, pushFault: null, tellInMs: waitMs };
    memory.paced = pushedAt(after, clock.now());
    const pushed = await doors.repo.commit(commit, signal);
    memory.files = published.files;
    memory.untold = null;
    return { pushed, pushFault: null, tellInMs: null };
  } catch (error) {
    const fault = toFault(error);
    if (fault.kind === 'cancelled' || fault.code === 'transport/lease') throw fault;
    doors.log.warn('status not pushed', { error: fault });
    return { pushed: null, pushFault: fault, tellInMs: null };
  }
}
