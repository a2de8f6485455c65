/**
 * The world as a WebAssembly module of Go's `wasip1` sees it: a clock, random numbers, and nothing else. No files, no
 * sockets, no arguments, no environment; what it writes to its standard streams goes no further, because a crash report
 * of Go's runtime may show values of the template.
 */

const OK = 0;
const BAD_DESCRIPTOR = 8;
const NOT_SUPPORTED = 52;
const CLOCK_EVENT = 0;
const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
const WRITTEN_BYTES_MAX = 200;

const decoder = new TextDecoder();

/** Thrown inside the module when Go's runtime gives up: out of memory, a fatal error. */
class ModuleExit extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`the evaluator ended itself with status ${status}`);
    this.name = 'ModuleExit';
    this.status = status;
  }
}

/**
 * The imports of `module`; `memory` is asked for at each use, because memory moves when it grows. `written` gets what the
 * module writes to its standard streams, to tell one way of dying from another; it must not be kept.
 */
export function sandboxImports(module: WebAssembly.Module, memory: () => WebAssembly.Memory, written: (text: string) => void): WebAssembly.Imports {
  const view = (): DataView => new DataView(memory().buffer);
  const zeroCounts = (count: number, size: number): number => {
    view().setUint32(count, 0, true);
    view().setUint32(size, 0, true);
    return OK;
  };
  const provided: Record<string, (...args: never[]) => unknown> = {
    args_get: () => OK,
    args_sizes_get: zeroCounts,
    environ_get: () => OK,
    environ_sizes_get: zeroCounts,
    sched_yield: () => OK,
    proc_exit: (status: number) => {
      throw new ModuleExit(status);
    },
    clock_time_get: (_id: number, _precision: bigint, result: number) => {
      view().setBigUint64(result, BigInt(Math.round(performance.now() * 1e6)), true);
      return OK;
    },
    random_get: (pointer: number, length: number) => {
      crypto.getRandomValues(new Uint8Array(memory().buffer, pointer, length));
      return OK;
    },
    fd_write: (_fd: number, vectors: number, count: number, result: number) => {
      let total = 0;
      for (let i = 0; i < count; i += 1) {
        const length = view().getUint32(vectors + i * 8 + 4, true);
        written(decoder.decode(new Uint8Array(memory().buffer, view().getUint32(vectors + i * 8, true), Math.min(length, WRITTEN_BYTES_MAX))));
        total += length;
      }
      view().setUint32(result, total, true);
      return OK;
    },
    // Go sleeps here while its collector has nothing to do; every wait is over at once.
    poll_oneoff: (subscriptions: number, events: number, count: number, stored: number) => {
      const data = view();
      for (let i = 0; i < count; i += 1) {
        data.setBigUint64(events + i * EVENT_BYTES, data.getBigUint64(subscriptions + i * SUBSCRIPTION_BYTES, true), true);
        data.setUint16(events + i * EVENT_BYTES + 8, OK, true);
        data.setUint8(events + i * EVENT_BYTES + 10, CLOCK_EVENT);
      }
      data.setUint32(stored, count, true);
      return OK;
    },
  };
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: namespace, name } of WebAssembly.Module.imports(module)) {
    const refused = name.startsWith('fd_') ? BAD_DESCRIPTOR : NOT_SUPPORTED;
    (imports[namespace] ??= {})[name] = provided[name] ?? (() => refused);
  }
  return imports;
}
