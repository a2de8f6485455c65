/**
 * One process per work directory. Without it nobody could tell a lock file that a killed git left behind from one that a
 * living git holds.
 */
import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../model/fault.ts';

/** Holds the work directory until it is disposed of. */
export interface Claim {
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Claims `workDir` for this process by a file that names it, or throws config/invalid when a living process has it. A
 * claim whose process is gone is taken over.
 */
export async function claimDirectory(workDir: string): Promise<Claim> {
  const file = join(workDir, 'claim');
  const mine = JSON.stringify({ pid: process.pid, started: await startOf(process.pid), id: randomUUID() });
  const draft = join(workDir, `claim-${randomUUID()}`);
  await writeFile(draft, mine, { mode: 0o600 });
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        // A link is made whole or not at all, so nobody reads half a claim.
        await link(draft, file);
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 3) throw error;
        await refuseIfHeld(file, workDir);
        await rm(file, { force: true });
      }
    }
  } finally {
    await rm(draft, { force: true });
  }
  return {
    [Symbol.asyncDispose]: async () => {
      if ((await readClaim(file)) === mine) await rm(file, { force: true });
    },
  };
}

async function refuseIfHeld(file: string, workDir: string): Promise<void> {
  const text = await readClaim(file);
  let holder: { readonly pid?: unknown; readonly started?: unknown } = {};
  try {
    holder = JSON.parse(text) as typeof holder;
  } catch {
    return; // Not written by us: links are whole.
  }
  if (typeof holder.pid !== 'number') return;
  const started = await startOf(holder.pid);
  if (started === null || started !== holder.started) return;
  throw new Fault('config/invalid', `the work directory ${workDir} is in use by process ${holder.pid}; name another with --work-dir`);
}

async function readClaim(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/**
 * What tells this process from a later one with the same number: its start time in the kernel's ticks. Where there is no
 * /proc, whether it lives must do. Null when there is no such process. In a restarted container our own number comes
 * again with another start time.
 */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces; the start time is the 20th field behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    try {
      process.kill(pid, 0);
      return 'alive';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'alive' : null;
    }
  }
}
