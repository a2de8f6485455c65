/**
 * Builds the evaluator's WebAssembly module with Go, once per version of its sources, into a cache outside the project.
 *
 * `npm run build:cue` (`node daemon/render/cue/build.ts [--cache DIR]`) prints the module's path.
 */
import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../lib/retry.ts';
import { Fault } from '../../model/fault.ts';
import type { Clock } from '../../model/ports.ts';

const SHIM = join(import.meta.dirname, 'shim');
const LOCK_STALE_MS = 15 * 60_000;
const LOCK_POLL_MS = 500;
const MODULE_NAME = 'cue.wasm';

export interface BuildOptions {
  /** A module that is there already (`LATEEN_CUE_WASM`); nothing is built then. */
  readonly override?: string | undefined;
  /** Where `lateen/cue/<hash>/cue.wasm` is kept, e.g. `$XDG_CACHE_HOME`. Default: `.cache` in the home directory. */
  readonly cacheDirectory?: string | undefined;
  /** Told what takes long, one line at a time. Default: standard error. */
  readonly progress?: ((line: string) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The path of the module, built when it is not there for the present sources. Two processes at once build it once.
 * Faults: render/evaluator (no Go, a build error, a missing override).
 */
export async function evaluatorModule(options: BuildOptions = {}): Promise<string> {
  if (options.override !== undefined && options.override !== '') {
    if (await exists(options.override)) return options.override;
    throw new Fault('render/evaluator', `there is no CUE module at ${options.override}`, { kind: 'denied' });
  }
  const directory = join(options.cacheDirectory ?? join(homedir(), '.cache'), 'lateen', 'cue', await sourceHash());
  const path = join(directory, MODULE_NAME);
  if (await exists(path)) return path;
  await mkdir(directory, { recursive: true });
  const clock = options.clock ?? systemClock();
  const release = await lock(join(directory, 'lock'), path, clock, options.signal);
  if (release === null) return path;
  try {
    if (await exists(path)) return path;
    await build(path, options.progress ?? ((line) => process.stderr.write(`${line}\n`)), clock, options.signal);
    return path;
  } finally {
    await release();
  }
}

/** 16 hexadecimal characters that change with any of the shim's sources. */
async function sourceHash(): Promise<string> {
  const names = (await readdir(SHIM, { recursive: true })).filter((name) => /\.(go|cue|mod|sum)$/.test(name) && !name.endsWith('_test.go')).sort();
  const texts = await Promise.all(names.map(async (name) => `${name}\n${await readFile(join(SHIM, name), 'utf8')}`));
  return hash('sha256', texts.join('\0'), 'hex').slice(0, 16);
}

async function build(path: string, progress: (line: string) => void, clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  const started = clock.now();
  progress('building the CUE evaluator with Go (once, about a minute) ...');
  const temporary = `${path}.${process.pid}`;
  try {
    await go(['build', '-buildmode=c-shared', '-trimpath', '-ldflags=-s -w', '-o', temporary, '.'], signal);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  progress(`built the CUE evaluator in ${Math.round((clock.now() - started) / 1000)} s: ${path}`);
}

/** Runs `go` in the shim's folder, for WebAssembly. */
async function go(args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const command = ['GOOS=wasip1', 'GOARCH=wasm', 'GOWORK=off', 'GOFLAGS=-mod=readonly', 'go', ...args];
  // `env` sets four variables and hands on the rest, so that Go finds its caches and proxy.
  const child = spawn('env', command, { cwd: SHIM, stdio: ['ignore', 'ignore', 'pipe'], ...(signal === undefined ? {} : { signal }) });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4_000);
  });
  child.once('error', (cause) => {
    reject(new Fault('render/evaluator', 'Go could not be started', { cause, kind: 'denied' }));
  });
  child.once('close', (code) => {
    if (code === 0) resolve();
    else if (code === 127 || /No such file or directory/.test(errors))
      reject(
        new Fault(
          'render/evaluator',
          'Go is not installed: it is needed once, to build the CUE evaluator (1.26 or newer, https://go.dev/dl), or name a built module with LATEEN_CUE_WASM',
          { kind: 'denied' },
        ),
      );
    else reject(new Fault('render/evaluator', `go build failed: ${errors.trim().split('\n').slice(-5).join(' | ')}`, { kind: 'denied' }));
  });
  return promise;
}

/** Takes the lock file and returns its release; null when another has built the module meanwhile. */
async function lock(path: string, target: string, clock: Clock, signal: AbortSignal | undefined): Promise<(() => Promise<void>) | null> {
  for (;;) {
    try {
      const handle = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY);
      await handle.writeFile(`${process.pid}\n`);
      await handle.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const age = await stat(path).then(
      (file) => clock.now() - file.mtimeMs,
      () => 0,
    );
    const owner = Number(await readFile(path, 'utf8').catch(() => ''));
    if (age > LOCK_STALE_MS || (Number.isInteger(owner) && owner > 0 && !isAlive(owner))) await rm(path, { force: true });
    else await clock.sleep(LOCK_POLL_MS, signal);
    if (await exists(target)) return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

if (import.meta.main) {
  const at = process.argv.indexOf('--cache');
  process.stdout.write(`${await evaluatorModule({ cacheDirectory: at > 0 ? process.argv[at + 1] : undefined })}\n`);
}
