/** One thread with one instance of the evaluator. It answers one request at a time and dies with whatever it cannot bear. */
import { parentPort, workerData } from 'node:worker_threads';
import { ModuleExit, sandboxImports } from './sandbox.ts';

/** What the pool gives a worker at its start. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly responseBytesMax: number;
}

/** What a worker answers. After `dead` it takes no more requests. */
export type WorkerReply =
  | { readonly kind: 'ready'; readonly memoryBytes: number }
  | { readonly kind: 'answer'; readonly text: string; readonly memoryBytes: number }
  | { readonly kind: 'tooLarge'; readonly bytes: number; readonly memoryBytes: number }
  | { readonly kind: 'dead'; readonly reason: 'memory' | 'crash'; readonly message: string };

interface Evaluator {
  readonly memory: WebAssembly.Memory;
  readonly _initialize: () => void;
  readonly request: (bytes: number) => number;
  readonly handle: () => number;
  readonly response: () => number;
}

const { module, responseBytesMax } = workerData as WorkerStart;
const imports = sandboxImports(module, () => evaluator.memory);
const evaluator = new WebAssembly.Instance(module, imports).exports as unknown as Evaluator;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
evaluator._initialize();

function reply(message: WorkerReply): void {
  parentPort?.postMessage(message);
}

function evaluate(text: string): WorkerReply {
  const bytes = encoder.encode(text);
  const pointer = evaluator.request(bytes.length) >>> 0;
  new Uint8Array(evaluator.memory.buffer, pointer, bytes.length).set(bytes);
  const length = evaluator.handle();
  const memoryBytes = evaluator.memory.buffer.byteLength;
  if (length > responseBytesMax) return { kind: 'tooLarge', bytes: length, memoryBytes };
  return { kind: 'answer', text: decoder.decode(new Uint8Array(evaluator.memory.buffer, evaluator.response() >>> 0, length)), memoryBytes };
}

parentPort?.on('message', (text: string) => {
  try {
    reply(evaluate(text));
  } catch (error) {
    // Go ends itself when memory cannot grow, and its stack is bounded by the same memory. V8's own stack is the other
    // bound: a template that nests too deep.
    const isMemory = error instanceof ModuleExit || error instanceof RangeError;
    reply({ kind: 'dead', reason: isMemory ? 'memory' : 'crash', message: error instanceof Error ? error.name : 'unknown' });
    parentPort?.close();
  }
});
reply({ kind: 'ready', memoryBytes: evaluator.memory.buffer.byteLength });
