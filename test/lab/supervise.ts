// One program of a control plane: started, kept alive, ended. And the guard, which ends all of them when
// the keeper itself is killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { endProcess, type ProcessRecord, recordProcess, sendSignal } from './process.ts';

const RESTART_AFTER_MS = 500;
const RESTARTS_MAX = 10;

export type SupervisedOptions = {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly logFile: string;
  /** Called whenever the process comes, goes, or is given up. */
  readonly onChange: () => void;
};

/**
 * A program that is started again when it ends by itself.
 *
 *   stopped --start--> running --ends by itself--> resting --0.5 s--> running
 *      ^                  |                           |
 *      +-------stop-------+-----------stop------------+      ten times in all, then: failed
 */
export class Supervised implements AsyncDisposable {
  readonly name: string;
  state: 'stopped' | 'running' | 'resting' | 'failed' = 'stopped';
  record: ProcessRecord | undefined;
  restarts = 0;
  readonly #options: SupervisedOptions;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.#options = options;
  }

  start(): void {
    if (this.state === 'running') return;
    clearTimeout(this.#timer);
    const log = openSync(this.#options.logFile, 'a');
    // A small heap that is collected all the time costs a third of the processor; memory is what the lab has.
    const child = spawn(this.#options.program, this.#options.args, { stdio: ['ignore', log, log], env: { ...process.env, GOGC: '400' } });
    closeSync(log);
    child.once('error', () => this.#ended(child)); // the program is missing or may not be run
    child.once('exit', () => this.#ended(child));
    this.#child = child;
    this.record = child.pid === undefined ? undefined : recordProcess(child.pid);
    this.state = 'running';
    this.#options.onChange();
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    clearTimeout(this.#timer);
    const record = this.record;
    this.#child = undefined;
    this.state = 'stopped';
    if (record !== undefined) await endProcess(record, signal);
    this.record = undefined;
    this.#options.onChange();
  }

  /** SIGSTOP and SIGCONT, for a program that hangs. */
  signal(signal: NodeJS.Signals): void {
    if (this.record !== undefined) sendSignal(this.record, signal);
  }

  /** The end of its log, for an error message. */
  lastWords(lines = 8): string {
    return readFileSync(this.#options.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #ended(child: ChildProcess): void {
    if (child !== this.#child) return; // stopped on purpose
    this.#child = undefined;
    this.record = undefined;
    this.restarts += 1;
    this.state = this.restarts > RESTARTS_MAX ? 'failed' : 'resting';
    if (this.state === 'resting') this.#timer = setTimeout(() => this.start(), RESTART_AFTER_MS);
    this.#options.onChange();
  }
}

export type Guard = {
  /** These processes are to be ended should the keeper vanish. */
  readonly watch: (records: readonly ProcessRecord[]) => void;
};

/**
 * Starts the guard: a shell that waits on a pipe from the keeper. When the keeper is gone, however it
 * went, the pipe closes and the shell ends the processes named last. A shell, because it costs 1 MB.
 */
export function startGuard(): Guard {
  const script = 'while read -r line; do pids=$line; done; [ -z "$pids" ] || kill -9 $pids';
  // Detached: what ends the keeper's whole process group must not end the guard before its work.
  const child = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  child.stdin.on('error', () => {}); // the guard was killed; nothing depends on it while the keeper lives
  return { watch: (records) => void child.stdin.write(`${records.map((it) => it.pid).join(' ')}\n`) };
}
