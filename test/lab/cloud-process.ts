// The cloud as a process of its own, for `npm run lab -- cloud`: started, found again and ended by its folder.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { CloudCredentials } from './cloud.ts';
import { openStore } from './cloud-state.ts';
import { LabError } from './lab-error.ts';
import { endProcess, isRunning, type ProcessRecord } from './process.ts';

/** What the process is started with, as JSON in its only argument. */
export type CloudSpec = { readonly dir: string; readonly createMs: number };

/** `keeper.json` in DIR/cloud; it exists while the process does. */
export type CloudProcess = { readonly keeper: ProcessRecord; readonly endpoint: string; readonly credentials: CloudCredentials };

/** What the process says on standard output, once. */
export type CloudReport = { readonly kind: 'ready'; readonly process: CloudProcess } | { readonly kind: 'failed'; readonly text: string };

const fileOf = (dir: string) => join(resolve(dir), 'cloud', 'keeper.json');

/** Starts the cloud of a lab's folder and leaves it up, or finds the one that is. @throws LabError where it cannot start */
export async function launchCloud(spec: CloudSpec): Promise<CloudProcess> {
  const running = findCloud(spec.dir);
  if (running !== undefined) return running;
  const logFile = join(resolve(spec.dir), 'cloud', 'keeper.log');
  mkdirSync(join(resolve(spec.dir), 'cloud'), { recursive: true, mode: 0o700 });
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [join(import.meta.dirname, 'cloud-keeper.ts'), JSON.stringify({ ...spec, dir: resolve(spec.dir) })], {
    stdio: ['ignore', 'pipe', log],
    detached: true,
  });
  closeSync(log);
  try {
    for await (const line of createInterface({ input: child.stdout! })) {
      const said = JSON.parse(line) as CloudReport;
      if (said.kind === 'ready') return said.process;
      throw new LabError(`the cloud did not start: ${said.text}`);
    }
    throw new LabError(`the cloud did not start: it ended without a word; see ${logFile}`);
  } finally {
    child.stdout!.destroy();
    child.unref();
  }
}

/** The cloud that is up in a lab's folder. */
export function findCloud(dir: string): CloudProcess | undefined {
  try {
    const found = JSON.parse(readFileSync(fileOf(dir), 'utf8')) as CloudProcess;
    return isRunning(found.keeper) ? found : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Ends the cloud of a lab's folder with its control planes. @returns whether there was one */
export async function endCloud(dir: string, options: { readonly keep?: boolean } = {}): Promise<boolean> {
  const running = findCloud(dir);
  if (running !== undefined) await endProcess(running.keeper, 'SIGTERM', 30_000);
  await rm(fileOf(dir), { force: true });
  if (options.keep !== true && existsSync(join(resolve(dir), 'cloud'))) {
    const left = openStore(join(resolve(dir), 'cloud')).clusters.keys();
    for (const folder of ['cloud', ...left]) await rm(join(resolve(dir), folder), { recursive: true, force: true, maxRetries: 5 });
  }
  return running !== undefined;
}

/** Says on disk that the process is up. Readable by its owner only. */
export function recordCloud(dir: string, found: CloudProcess): void {
  writeFileSync(`${fileOf(dir)}.new`, `${JSON.stringify(found)}\n`, { mode: 0o600 });
  renameSync(`${fileOf(dir)}.new`, fileOf(dir));
}
