/** The door to the CUE evaluator: typed requests in, typed results out, results of equal requests from a cache. */
import { hash } from 'node:crypto';
import { deepFreeze, parseJson, stringify } from '../../lib/json.ts';
import type {
  CueCallOptions,
  CueComponentRequest,
  CueComponentResult,
  CueEvaluator,
  CueExpressionRequest,
  CueExpressionResult,
  CueObjectRequest,
  CueStatusRequest,
  CueStatusResult,
  CueStepRequest,
  CueStepResult,
  CueVetRequest,
  CueVetResult,
} from '../../model/cue.ts';
import { Fault } from '../../model/fault.ts';
import type { Clock } from '../../model/ports.ts';
import { evaluatorModule, type BuildOptions } from './build.ts';
import { seenByComponent, seenByObject } from './context-use.ts';
import { CuePool, type PoolFigures, type PoolLimits } from './pool.ts';

export interface CueOptions extends BuildOptions {
  readonly clock: Clock;
  readonly limits?: Partial<PoolLimits>;
  /** Characters of results that the cache may hold. Default 64 million; 0 turns it off. */
  readonly cacheCharactersMax?: number;
}

export interface CueFigures extends PoolFigures {
  readonly hits: number;
  readonly misses: number;
  readonly cached: number;
}

/** The evaluator with its lifetime. Nothing is built or started before the first call that the cache cannot answer. */
export interface Cue extends CueEvaluator, AsyncDisposable {
  readonly figures: () => CueFigures;
}

const CACHE_CHARACTERS = 64_000_000;

/**
 * Opens the evaluator.
 *
 * Every method throws Faults render/timeout, render/memory, render/busy, render/evaluator and, when the signal fires,
 * its reason. Mistakes of templates and properties are values in the results. Cached results are frozen.
 */
export function openCue(options: CueOptions): Cue {
  const pool = new CuePool(() => evaluatorModule(options), options.clock, options.limits);
  const cache = resultCache(options.cacheCharactersMax ?? CACHE_CHARACTERS);
  const ask = async <T>(op: string, request: object, subject: string, call: CueCallOptions | undefined): Promise<T> =>
    answerOf<T>(await pool.call(stringify({ op, ...request }), { ...call, subject }), subject);
  const cached = async <T>(op: string, request: object, subject: string, call: CueCallOptions | undefined): Promise<T> => {
    const text = stringify({ op, ...request });
    return cache.get(
      hash('sha256', text, 'base64url'),
      call?.signal,
      async () => pool.call(text, { ...call, subject }),
      (answer) => deepFreeze(answerOf<T>(answer, subject)),
    );
  };
  return {
    renderComponent: (request: CueComponentRequest, call) =>
      cached<CueComponentResult>('component', seenByComponent(request), `component ${request.component.name} (${request.component.type})`, call),
    renderObject: (request: CueObjectRequest, call) => cached<CueComponentResult>('object', seenByObject(request), 'the template', call),
    evaluateStatus: (request: CueStatusRequest, call) => ask<CueStatusResult>('status', request, 'the status template', call),
    evaluateStep: (request: CueStepRequest, call) => ask<CueStepResult>('step', request, 'the step template', call),
    evaluateExpression: (request: CueExpressionRequest, call) => ask<CueExpressionResult>('expression', request, 'the expression', call),
    vet: (request: CueVetRequest, call) => cached<CueVetResult>('vet', request, 'the template', call),
    figures: () => ({ ...pool.figures(), ...cache.figures() }),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

function answerOf<T>(text: string, subject: string): T {
  const answer = parseJson(text) as T & { readonly panic?: string };
  // A panic of the evaluator itself. Its text may quote the template's values, so it goes no further.
  if (answer.panic !== undefined) throw new Fault('render/evaluator', `the CUE evaluator failed at ${subject}`, { kind: 'invalid' });
  return answer;
}

interface ResultCache {
  readonly get: <T>(key: string, signal: AbortSignal | undefined, compute: () => Promise<string>, read: (text: string) => T) => Promise<T>;
  readonly figures: () => { readonly hits: number; readonly misses: number; readonly cached: number };
}

/** Least recently used first out, bounded by the characters of the results' text. Equal requests at once share one call. */
function resultCache(charactersMax: number): ResultCache {
  const kept = new Map<string, { readonly value: unknown; readonly size: number }>();
  const pending = new Map<string, { readonly promise: Promise<unknown>; readonly signal: AbortSignal | undefined }>();
  let total = 0;
  let hits = 0;
  let misses = 0;
  const keep = (key: string, value: unknown, size: number): void => {
    if (size > charactersMax) return;
    kept.set(key, { value, size });
    total += size;
    for (const [oldest, entry] of kept) {
      if (total <= charactersMax) break;
      kept.delete(oldest);
      total -= entry.size;
    }
  };
  const compute = async <T>(key: string, run: () => Promise<string>, read: (text: string) => T): Promise<T> => {
    try {
      const text = await run();
      const value = read(text);
      keep(key, value, text.length + key.length);
      return value;
    } finally {
      pending.delete(key);
    }
  };
  const get = async <T>(key: string, signal: AbortSignal | undefined, run: () => Promise<string>, read: (text: string) => T): Promise<T> => {
    const found = kept.get(key);
    if (found !== undefined) {
      hits += 1;
      kept.delete(key);
      kept.set(key, found);
      return found.value as T;
    }
    const running = pending.get(key);
    if (running !== undefined) {
      try {
        hits += 1;
        return (await running.promise) as T;
      } catch (error) {
        // Who asked first has given up; that is not our failure.
        if (running.signal?.aborted !== true || signal?.aborted === true) throw error;
        return get(key, signal, run, read);
      }
    }
    misses += 1;
    const promise = compute(key, run, read);
    pending.set(key, { promise, signal });
    return promise;
  };
  return { get, figures: () => ({ hits, misses, cached: kept.size }) };
}
