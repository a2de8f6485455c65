/**
 * A pool of evaluator threads with bounds on everything (I7): time and memory of a call, size of what goes in and comes
 * out, how many wait. A call that overruns costs its worker and nothing else (I12).
 *
 *            start              ready               call                answer
 *   (none) --------> starting --------> idle -----------------> busy ----------> idle
 *                       |                ^                        |
 *                       |                '------ recycled --------| too many calls or too much memory: replaced
 *                       v                                         |
 *                     (none) <------------------------------------' overrun, cancelled, crashed: terminated
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Fault } from '../../model/fault.ts';
import type { Clock } from '../../model/ports.ts';
import { withMemoryMaximum } from './wasm-limit.ts';
import type { WorkerReply, WorkerStart } from './worker.ts';

/** The pool's bounds; each has a default. */
export interface PoolLimits {
  /** Number of threads. Default: processors, at least 2 and at most 4. */
  readonly workers: number;
  /** Milliseconds that one call may take. Default 5,000. */
  readonly timeoutMs: number;
  /** Bytes of WebAssembly memory that a worker may grow to. Default 512 MiB. */
  readonly memoryBytesMax: number;
  /** A worker that has grown beyond this is replaced after the call. Default 192 MiB. */
  readonly memoryBytesKept: number;
  /** A worker is replaced after so many calls. Default 5,000. */
  readonly callsMax: number;
  /** Default 16 MiB. */
  readonly requestBytesMax: number;
  /** Default 16 MiB. */
  readonly responseBytesMax: number;
  /** Calls that may wait for a worker. Default 10,000. */
  readonly waitingMax: number;
}

const MIB = 1_048_576;

export const POOL_DEFAULTS: PoolLimits = {
  workers: Math.max(2, Math.min(4, availableParallelism())),
  timeoutMs: 5_000,
  memoryBytesMax: 512 * MIB,
  memoryBytesKept: 192 * MIB,
  callsMax: 5_000,
  requestBytesMax: 16 * MIB,
  responseBytesMax: 16 * MIB,
  waitingMax: 10_000,
};

const START_TIMEOUT_MS = 30_000;

interface Slot {
  readonly worker: Worker;
  calls: number;
  memoryBytes: number;
}

export interface PoolFigures {
  readonly workers: number;
  readonly idle: number;
  readonly waiting: number;
  /** Calls that could begin at once. */
  readonly free: number;
  readonly calls: number;
  readonly killed: number;
  readonly recycled: number;
  /** WebAssembly memory of all workers after their last call. */
  readonly memoryBytes: number;
}

export interface PoolCall {
  /** May be less than the pool's limit, not more. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What is evaluated, for messages. */
  readonly subject?: string;
}

/** See the diagram above. Nothing is started before the first call; dispose ends all threads and refuses what waits. */
export class CuePool implements AsyncDisposable {
  readonly #wasmPath: () => Promise<string>;
  readonly #limits: PoolLimits;
  readonly #clock: Clock;
  readonly #slots = new Set<Slot>();
  readonly #idle: Slot[] = [];
  readonly #turns: (() => void)[] = [];
  #open = 0;
  #module: Promise<WebAssembly.Module> | undefined;
  #calls = 0;
  #killed = 0;
  #recycled = 0;
  #closed = false;

  /** `wasmPath` is asked once, at the first call (it may build the module). */
  constructor(wasmPath: () => Promise<string>, clock: Clock, limits: Partial<PoolLimits> = {}) {
    this.#wasmPath = wasmPath;
    this.#clock = clock;
    this.#limits = { ...POOL_DEFAULTS, ...limits };
  }

  /** The evaluator's answer to a request, both JSON text. Faults: render/timeout, memory, busy, evaluator; loop/cancelled. */
  async call(request: string, options: PoolCall = {}): Promise<string> {
    const subject = options.subject ?? 'the template';
    options.signal?.throwIfAborted();
    if (request.length > this.#limits.requestBytesMax)
      throw new Fault('render/memory', `${subject}: the request of ${request.length} characters is over the limit of ${this.#limits.requestBytesMax}`);
    await this.#turn(options.signal);
    try {
      const slot = await this.#slot();
      if (options.signal?.aborted === true) {
        this.#idle.push(slot);
        options.signal.throwIfAborted();
      }
      return await this.#evaluate(slot, request, subject, options);
    } finally {
      this.#open -= 1;
      this.#turns.shift()?.();
    }
  }

  figures(): PoolFigures {
    let memoryBytes = 0;
    for (const slot of this.#slots) memoryBytes += slot.memoryBytes;
    return {
      workers: this.#slots.size,
      idle: this.#idle.length,
      waiting: this.#turns.length,
      free: Math.max(0, this.#limits.workers - this.#open),
      calls: this.#calls,
      killed: this.#killed,
      recycled: this.#recycled,
      memoryBytes,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#idle.length = 0;
    await Promise.all([...this.#slots].map((slot) => this.#end(slot)));
    for (const next of this.#turns.splice(0)) next();
  }

  /** Waits until fewer than `workers` calls run. */
  async #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed) throw new Fault('loop/cancelled', 'the evaluator is closed');
    if (this.#open < this.#limits.workers) {
      this.#open += 1;
      return;
    }
    if (this.#turns.length >= this.#limits.waitingMax) throw new Fault('render/busy', `${this.#turns.length} evaluations wait already`);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turns.push(resolve);
    const leave = (): void => {
      const index = this.#turns.indexOf(resolve);
      if (index >= 0) this.#turns.splice(index, 1);
      resolve();
    };
    signal?.addEventListener('abort', leave, { once: true });
    await promise;
    signal?.removeEventListener('abort', leave);
    this.#open += 1;
    if (signal?.aborted === true || this.#closed) {
      this.#open -= 1;
      this.#turns.shift()?.();
      signal?.throwIfAborted();
      throw new Fault('loop/cancelled', 'the evaluator is closed');
    }
  }

  async #slot(): Promise<Slot> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    let module: WebAssembly.Module;
    try {
      module = await (this.#module ??= this.#compile());
    } catch (error) {
      this.#module = undefined;
      throw error instanceof Fault ? error : new Fault('render/evaluator', 'the CUE evaluator could not be loaded', { cause: error });
    }
    return this.#start(module);
  }

  async #compile(): Promise<WebAssembly.Module> {
    const binary = await readFile(await this.#wasmPath());
    return WebAssembly.compile(withMemoryMaximum(binary, this.#limits.memoryBytesMax));
  }

  async #start(module: WebAssembly.Module): Promise<Slot> {
    const start: WorkerStart = { module, responseBytesMax: this.#limits.responseBytesMax };
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: start,
      stdin: false,
      execArgv: [],
      env: {},
      resourceLimits: { stackSizeMb: 8 },
    });
    const slot: Slot = { worker, calls: 0, memoryBytes: 0 };
    this.#slots.add(slot);
    const ready = await this.#reply(slot, START_TIMEOUT_MS, undefined);
    if (ready === 'timeout' || ready === 'cancelled' || ready.kind !== 'ready') {
      await this.#end(slot);
      if (this.#closed) throw new Fault('loop/cancelled', 'the evaluator is closed');
      throw new Fault('render/evaluator', `a thread of the CUE evaluator did not start (${typeof ready === 'string' ? ready : ready.kind})`);
    }
    slot.memoryBytes = ready.memoryBytes;
    if (this.#closed) {
      await this.#end(slot);
      throw new Fault('loop/cancelled', 'the evaluator is closed');
    }
    return slot;
  }

  async #evaluate(slot: Slot, request: string, subject: string, options: PoolCall): Promise<string> {
    const timeoutMs = Math.min(options.timeoutMs ?? this.#limits.timeoutMs, this.#limits.timeoutMs);
    this.#calls += 1;
    slot.calls += 1;
    slot.worker.ref();
    slot.worker.postMessage(request);
    const reply = await this.#reply(slot, timeoutMs, options.signal);
    if (reply === 'timeout' || reply === 'cancelled' || reply.kind === 'dead') {
      this.#killed += 1;
      await this.#end(slot);
      if (reply === 'timeout') throw new Fault('render/timeout', `${subject} did not end in ${timeoutMs} ms`);
      if (reply === 'cancelled') throw options.signal?.aborted === true ? options.signal.reason : new Fault('loop/cancelled', 'the evaluator is closed');
      if (reply.reason === 'memory')
        throw new Fault('render/memory', `${subject} used more memory than the ${Math.round(this.#limits.memoryBytesMax / MIB)} MiB that it may`);
      throw new Fault('render/evaluator', `the CUE evaluator crashed at ${subject} (${reply.message})`, { kind: 'invalid' });
    }
    slot.memoryBytes = reply.memoryBytes;
    await this.#release(slot);
    if (reply.kind === 'tooLarge') throw new Fault('render/memory', `${subject} gave ${reply.bytes} bytes, over the limit of ${this.#limits.responseBytesMax}`);
    return reply.kind === 'answer' ? reply.text : '';
  }

  async #release(slot: Slot): Promise<void> {
    if (this.#closed || slot.calls >= this.#limits.callsMax || slot.memoryBytes > this.#limits.memoryBytesKept) {
      this.#recycled += 1;
      await this.#end(slot);
      return;
    }
    slot.worker.unref();
    this.#idle.push(slot);
  }

  async #end(slot: Slot): Promise<void> {
    this.#slots.delete(slot);
    await slot.worker.terminate();
  }

  /** The worker's next message, or that time is up, or that nobody waits for it any more. */
  #reply(slot: Slot, timeoutMs: number, signal: AbortSignal | undefined): Promise<WorkerReply | 'timeout' | 'cancelled'> {
    const { promise, resolve } = Promise.withResolvers<WorkerReply | 'timeout' | 'cancelled'>();
    const stop = new AbortController();
    const cancelled = (): void => {
      resolve('cancelled');
    };
    const failed = (error: Error): void => {
      resolve({ kind: 'dead', reason: error.name === 'RangeError' ? 'memory' : 'crash', message: error.name });
    };
    slot.worker.once('message', resolve);
    slot.worker.once('error', failed);
    slot.worker.once('exit', cancelled);
    signal?.addEventListener('abort', cancelled, { once: true });
    this.#clock.sleep(timeoutMs, stop.signal).then(
      () => {
        resolve('timeout');
      },
      () => undefined,
    );
    return promise.finally(() => {
      stop.abort();
      slot.worker.off('message', resolve);
      slot.worker.off('error', failed);
      slot.worker.off('exit', cancelled);
      signal?.removeEventListener('abort', cancelled);
    });
  }
}
