/** One thread with one instance of the evaluator. It answers one request at a time and dies with whatever it cannot bear. */
import { parentPort, workerData } from 'node:worker_threads';
import { sandboxImports } from './sandbox.ts';

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
// What Go's runtime says when it ends itself because memory, or its own stack in it, cannot grow.
const EXHAUSTED = /out of memory|cannot allocate|stack exceeds|stack overflow/;
let isExhausted = false;
const imports = sandboxImports(
  module,
  () => evaluator.memory,
  (text) => {
    isExhausted ||= EXHAUSTED.test(text);
  },
);
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
    // A RangeError is V8's own stack: a template that nests too deep.
    reply({ kind: 'dead', reason: isExhausted || error instanceof RangeError ? 'memory' : 'crash', message: error instanceof Error ? error.name : 'unknown' });
    parentPort?.close();
  }
});
reply({ kind: 'ready', memoryBytes: evaluator.memory.buffer.byteLength });
