// One builder at a time. The lock is a file that names its holder; a holder that died is noticed by its
// pid and start time, so a killed build never blocks the next one.
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, recordProcess, type ProcessRecord } from './process.ts';

const POLL_MS = 1000;
const REPORT_EVERY_MS = 15_000;

/**
 * Runs `work` while holding the lock file, waiting for another holder first.
 * @param report is told when there is someone to wait for, and every 15 s from then on
 */
export async function withBuildLock<T>(file: string, report: (line: string) => void, work: () => Promise<T>): Promise<T> {
  let waitedMs = 0;
  for (;;) {
    const holder = await takeLock(file);
    if (holder === undefined) break;
    if (waitedMs % REPORT_EVERY_MS === 0) report(`lab: process ${holder.pid} is building already; waiting for it (${waitedMs / 1000} s)`);
    await sleep(POLL_MS);
    waitedMs += POLL_MS;
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

/** Takes the lock, or gives the living holder. */
async function takeLock(file: string): Promise<ProcessRecord | undefined> {
  const mine = `${file}.${process.pid}`;
  await writeFile(mine, JSON.stringify(recordProcess(process.pid)));
  try {
    for (;;) {
      // link(2) is atomic and brings the content along: nobody ever reads a half-written lock.
      const taken = await link(mine, file).then(() => true, ifCode('EEXIST', false));
      if (taken) return undefined;
      const holder = await readHolder(file);
      if (holder !== undefined && isRunning(holder)) return holder;
      await removeStale(file, holder);
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** Removes a lock whose holder is dead, unless someone else has taken it over in the meantime. */
async function removeStale(file: string, stale: ProcessRecord | undefined): Promise<void> {
  const aside = `${file}.stale.${process.pid}`;
  await rename(file, aside).catch(ifCode('ENOENT', undefined));
  const moved = await readHolder(aside);
  if (moved !== undefined && moved.pid !== stale?.pid && isRunning(moved)) await link(aside, file).catch(ifCode('EEXIST', undefined));
  await rm(aside, { force: true });
}

async function readHolder(file: string): Promise<ProcessRecord | undefined> {
  try {
    const { pid, startedAt } = JSON.parse(await readFile(file, 'utf8')) as Partial<ProcessRecord>;
    return typeof pid === 'number' && typeof startedAt === 'string' ? { pid, startedAt } : undefined;
  } catch {
    return undefined; // gone, or not written by us
  }
}

function ifCode<T>(code: string, value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === code) return value;
    throw error;
  };
}
