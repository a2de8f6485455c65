/**
 * When a status commit is pushed: once per settled wave, and never more often than a host likes. Pure.
 *
 *   nothing new ──news──> waiting ──(nothing moves, or quiet for a while, or long enough)──> push ──> nothing new
 *                            │ failure, approval, drift ───────────────────────────────────────^
 *
 * Whatever waits is merged by itself: a commit is always the difference between the branch and the newest report.
 */

/** What is to be told, as far as its haste goes. */
export interface News {
  /** A new failure, an approval, drift: people wait for it. */
  readonly isUrgent: boolean;
  /** Nothing goes on without something from outside: the wave is over. */
  readonly isSettled: boolean;
}

export interface Pace {
  /** A wave is over when nothing new came for so long. */
  readonly quietMs: number;
  /** News waits no longer than this for its wave. */
  readonly waitMaxMs: number;
  /** Commits in any minute; half as many again for what is urgent. */
  readonly perMinuteMax: number;
}

/** Change to landed status well under 10 s; hosts begin to limit pushes at some hundred an hour for a long time. */
export const DEFAULT_PACE: Pace = { quietMs: 1_000, waitMaxMs: 5_000, perMinuteMax: 30 };

/** Every commit at once: for `once` and for tests that look at each. */
export const AT_ONCE: Pace = { quietMs: 0, waitMaxMs: 0, perMinuteMax: Infinity };

/** What is remembered between passes. Times in milliseconds since the epoch. */
export interface Paced {
  /** When the oldest news that is not pushed came; null: there is none. */
  readonly sinceMs: number | null;
  /** When the newest came. */
  readonly lastMs: number;
  /** What the newest was, to know whether a pass brought more. */
  readonly told: string;
  /** Pushes of the last minute, oldest first. */
  readonly pushesMs: readonly number[];
}

export const UNPACED: Paced = { sinceMs: null, lastMs: 0, told: '', pushesMs: [] };

const MINUTE_MS = 60_000;

/**
 * How long `news` should still wait, 0: push now. `told` identifies what would be told (a hash of the commit's files):
 * the same news in the next pass does not begin the wait again. Call it after every pass that has something to tell, with
 * what it returned the last time, and again when the time is up.
 */
export function paceOf(before: Paced, news: News, told: string, pace: Pace, nowMs: number): { readonly waitMs: number; readonly after: Paced } {
  const isNew = before.sinceMs === null || before.told !== told;
  const after: Paced = {
    sinceMs: before.sinceMs ?? nowMs,
    lastMs: isNew ? nowMs : before.lastMs,
    told,
    pushesMs: before.pushesMs.filter((at) => at > nowMs - MINUTE_MS),
  };
  const settlesMs = news.isUrgent || news.isSettled ? nowMs : Math.min(after.lastMs + pace.quietMs, (after.sinceMs ?? nowMs) + pace.waitMaxMs);
  const most = news.isUrgent ? pace.perMinuteMax * 1.5 : pace.perMinuteMax;
  const over = after.pushesMs.length - Math.floor(most);
  const allowedMs = over < 0 ? nowMs : (after.pushesMs[over] ?? nowMs) + MINUTE_MS;
  return { waitMs: Math.max(0, settlesMs - nowMs, allowedMs - nowMs), after };
}

/** After a push, or after a try that the outbox keeps. */
export function pushedAt(before: Paced, nowMs: number): Paced {
  return { sinceMs: null, lastMs: 0, told: '', pushesMs: [...before.pushesMs.filter((at) => at > nowMs - MINUTE_MS), nowMs] };
}

/** A pass that has nothing to tell: what waited has been taken back. */
export function nothingToTell(before: Paced): Paced {
  return { ...before, sinceMs: null, told: '' };
}
