/** Work that is waited for only so long, and goes on behind. */
import type { Clock } from '../model/ports.ts';

/** Resolves when `work` is over, however it ended, or after `graceMs`; nothing of it is cut off. Never rejects. */
export async function withinGrace(work: Promise<unknown>, graceMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const enough = new AbortController();
  const quiet = (): void => {};
  await Promise.race([work.then(quiet, quiet), clock.sleep(graceMs, AbortSignal.any([signal, enough.signal])).catch(quiet)]);
  enough.abort();
}
