/** Sends requests to one API server, with a bound on requests in flight and on retries (I7). */
import { stringify } from '../lib/json.ts';
import { Fault } from '../model/fault.ts';
import type { Clock } from '../model/ports.ts';
import { actingUser } from './acting.ts';
import { ApiFault, faultOfAnswer } from './faults.ts';
import type { Subject } from './faults.ts';
import type { Credentials } from './kubeconfig.ts';
import { socketTrouble } from './sockets.ts';
import type { Incoming, Sockets } from './sockets.ts';

export interface RawRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the server's own prefix, with the query. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly subject: Subject;
  /** May be sent again when the connection broke and it is not known whether the server has seen it. */
  readonly repeatable: boolean;
}

/** One request, answered with a status below 300. Faults: transport/*, loop/cancelled. */
export type Send = (request: RawRequest, signal: AbortSignal) => Promise<Incoming>;

const ATTEMPTS = 4;
/** After a timeout everyone else is refused for this long: 200 objects of a dead cluster must not wait 5 s each (I12). */
const FAIL_FAST_MS = 3_000;

/**
 * Sends with a bound on requests in flight and retries: 429 and 503 as the server asks (at most 10 s each), a broken
 * connection once when the request is repeatable.
 */
export function sender(sockets: Sockets, credentials: Credentials, clock: Clock, inFlight: number): Send {
  const gate = openGate(inFlight);
  let down: { readonly fault: unknown; readonly untilMs: number } | null = null;

  async function once(request: RawRequest, signal: AbortSignal): Promise<Incoming> {
    const body = request.body === undefined ? null : stringifyFast(request.body);
    const user = actingUser();
    const headers = {
      accept: request.accept ?? 'application/json',
      'user-agent': 'lateen',
      ...(body === null ? {} : { 'content-type': request.contentType ?? 'application/json' }),
      ...(await credentials.headers()),
      ...(user === '' ? {} : { 'Impersonate-User': user }),
    };
    await gate.enter(signal);
    try {
      if (down !== null && clock.now() < down.untilMs) throw down.fault;
      return await sockets.send({ method: request.method, path: credentials.prefix + request.path, headers, body }, signal);
    } catch (error) {
      if (socketTrouble(error) === 'slow' && (down === null || clock.now() >= down.untilMs)) down = { fault: error, untilMs: clock.now() + FAIL_FAST_MS };
      throw error;
    } finally {
      gate.leave();
    }
  }

  return async (request, signal) => {
    for (let attempt = 1; ; attempt++) {
      let fault: Fault;
      try {
        const answer = await once(request, signal);
        if (answer.statusCode < 300) return answer;
        fault = faultOfAnswer(answer.statusCode, answer.text, answer.headers['retry-after']?.[0], request.subject);
        if (fault.code !== 'transport/busy' || attempt >= ATTEMPTS || !mayRepeat(request, answer.statusCode)) throw fault;
      } catch (error) {
        if (error instanceof ApiFault || !(error instanceof Fault)) throw error;
        if (attempt > 1 || !request.repeatable || socketTrouble(error) !== 'broken') throw error;
        fault = error;
      }
      const backoffMs = 100 * 2 ** attempt * (0.5 + clock.random());
      await clock.sleep(Math.min(10_000, isAlmostReady(fault) ? backoffMs : (fault.retryAfterMs ?? backoffMs)), signal);
    }
  };
}

/** A kind whose CRD is new: the server says 1 s and needs a tenth of it. */
function isAlmostReady(fault: Fault): boolean {
  return fault.message.endsWith('storage is (re)initializing');
}

/** 429 and 503 come before the request was looked at; another 5xx may have done half of its work. */
function mayRepeat(request: RawRequest, statusCode: number): boolean {
  return statusCode === 429 || statusCode === 503 || (request.repeatable && request.method === 'GET');
}

interface Gate {
  readonly enter: (signal: AbortSignal) => Promise<void>;
  readonly leave: () => void;
}

function openGate(places: number): Gate {
  let free = places;
  const waiting: { readonly go: () => void }[] = [];
  return {
    enter(signal) {
      if (signal.aborted) return Promise.reject(new Fault('loop/cancelled', 'cancelled'));
      if (free > 0) {
        free--;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const entry = {
          go(): void {
            signal.removeEventListener('abort', cancel);
            resolve();
          },
        };
        const cancel = (): void => {
          waiting.splice(waiting.indexOf(entry), 1);
          reject(new Fault('loop/cancelled', 'cancelled'));
        };
        signal.addEventListener('abort', cancel, { once: true });
        waiting.push(entry);
      });
    },
    leave() {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next.go();
    },
  };
}

/** JSON text; exact integers take a slower way, which only objects that hold one have to go. */
function stringifyFast(body: unknown): string {
  if (typeof body === 'string') return body;
  try {
    return JSON.stringify(body);
  } catch {
    return stringify(body);
  }
}
