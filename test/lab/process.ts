// Which process is meant: a pid alone is not enough, since pids are used again. Every process the lab
// starts is recorded with its start time, and only a process that still has both is ever ended.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process as it was when it was recorded. `startedAt` is opaque: compare it, never parse it. */
export type ProcessRecord = { readonly pid: number; readonly startedAt: string };

/**
 * Describes a running process.
 * @returns undefined where there is none (a zombie counts as gone: it holds no port and no file).
 */
export function recordProcess(pid: number): ProcessRecord | undefined {
  const startedAt = process.platform === 'linux' ? startFromProc(pid) : startFromPs(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** True while exactly the recorded process is running. */
export function isRunning(record: ProcessRecord): boolean {
  return recordProcess(record.pid)?.startedAt === record.startedAt;
}

/**
 * Ends a recorded process: `signal` first and, where that was not SIGKILL, SIGKILL after `graceMs`.
 * Resolves once it is gone; does nothing to a process that merely has the same pid.
 */
export async function endProcess(record: ProcessRecord, signal: NodeJS.Signals = 'SIGKILL', graceMs = 3000): Promise<void> {
  sendSignal(record, signal);
  if (await isGoneWithin(record, graceMs)) return;
  sendSignal(record, 'SIGKILL');
  if (!(await isGoneWithin(record, 10_000))) throw new Error(`process ${record.pid} does not end`);
}

/** Sends a signal to a recorded process; a process that is gone already is no error. */
export function sendSignal(record: ProcessRecord, signal: NodeJS.Signals): void {
  if (!isRunning(record)) return;
  try {
    process.kill(record.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function isGoneWithin(record: ProcessRecord, timeoutMs: number): Promise<boolean> {
  for (let waitedMs = 0; isRunning(record); waitedMs += 20) {
    if (waitedMs >= timeoutMs) return false;
    await sleep(20);
  }
  return true;
}

function startFromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name stands in brackets and may hold spaces; after it come the state (field 3), and later
    // the number of threads (20) and the start time (22).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A killed Go program is a zombie while its other threads still hold its sockets.
    const isGone = fields[0] === 'Z' && Number(fields[17]) <= 1;
    return isGone ? undefined : fields[19];
  } catch {
    return undefined; // no such process
  }
}

function startFromPs(pid: number): string | undefined {
  try {
    const out = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8', env: { LC_ALL: 'C', PATH: '/bin:/usr/bin' } }).trim();
    return out === '' || out.startsWith('Z') ? undefined : out.replace(/^\S+\s+/, '');
  } catch {
    return undefined; // ps ends with 1 where there is no such process
  }
}
