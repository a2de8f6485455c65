/**
 * HTTP over kept-open connections. Door: undici; its errors become faults here and nowhere else.
 *
 * Why not fetch: one Pool per server answers 8,000 requests/s on the machine where fetch reaches 2,300 and the
 * Kubernetes client's own traffic 330, because it opens a TLS connection for every request.
 */
import { StringDecoder } from 'node:string_decoder';
import { Agent, Pool } from 'undici';
import { Fault } from '../model/fault.ts';

export type Headers = Readonly<Record<string, string>>;

/** One request to one server. `path` holds the query too. */
export interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string | null;
}

/** One answer, whole. Header names are in lower case. */
export interface Incoming {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly text: string;
}

/** An answer that is read line by line. */
export interface LineStream {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly lines: AsyncGenerator<string>;
}

/** What a kubeconfig says about TLS. */
export interface TlsOptions {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
}

export interface SocketLimits {
  /** Connections for requests; a stream has a connection of its own besides. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  /** From the request to the first byte of the answer, and between two parts of it. */
  readonly answerTimeoutMs: number;
  /** A stream that is silent for longer is taken for dead. */
  readonly silenceTimeoutMs: number;
}

/** Connections to one server. */
export interface Sockets extends AsyncDisposable {
  /** Faults: transport/unreachable, loop/cancelled. */
  readonly send: (request: Outgoing, signal: AbortSignal) => Promise<Incoming>;
  readonly stream: (request: Outgoing, signal: AbortSignal) => Promise<LineStream>;
}

/** Opens nothing yet: connections come with the first request. `origin` is `https://host:port`. */
export function openSockets(origin: string, tls: TlsOptions, limits: SocketLimits): Sockets {
  const connect = { ...tls, timeout: limits.connectTimeoutMs };
  // HTTP/1.1: as fast as HTTP/2 here, and a server that says GOAWAY or dies takes one request with it, not all.
  const pool = new Pool(origin, {
    connect,
    connections: limits.connections,
    pipelining: 1,
    allowH2: false,
    headersTimeout: limits.answerTimeoutMs,
    bodyTimeout: limits.answerTimeoutMs,
    keepAliveTimeout: 60_000,
  });
  const streams = new Pool(origin, { connect, pipelining: 1, allowH2: false, headersTimeout: limits.answerTimeoutMs, bodyTimeout: limits.silenceTimeoutMs });
  return {
    async send(request, signal) {
      try {
        const answer = await pool.request({ ...request, method: request.method, signal });
        return { statusCode: answer.statusCode, headers: headersOf(answer.headers), text: await answer.body.text() };
      } catch (error) {
        throw socketFault(error, origin);
      }
    },
    async stream(request, signal) {
      try {
        const answer = await streams.request({ ...request, method: request.method, signal });
        return { statusCode: answer.statusCode, headers: headersOf(answer.headers), lines: linesOf(answer.body, origin) };
      } catch (error) {
        throw socketFault(error, origin);
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([pool.destroy(), streams.destroy()]);
    },
  };
}

async function* linesOf(body: AsyncIterable<Uint8Array>, origin: string): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  try {
    for await (const chunk of body) {
      let text = decoder.write(chunk);
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        parts.push(text.slice(0, end));
        text = text.slice(end + 1);
        const line = parts.join('');
        parts = [];
        if (line !== '') yield line;
      }
      if (text !== '') parts.push(text);
    }
  } catch (error) {
    throw socketFault(error, origin);
  }
}

/**
 * One request to any server, for the workflow's HTTP calls. Redirects are not followed. An answer longer than
 * `limitBytes` is a fault transport/invalid, not a cut text.
 */
export async function sendOnce(
  url: URL,
  request: { readonly method: string; readonly headers: Readonly<Record<string, string | string[]>>; readonly body: string },
  limits: { readonly timeoutMs: number; readonly limitBytes: number },
  signal: AbortSignal,
): Promise<Incoming> {
  const agent = new Agent({
    connect: { timeout: Math.min(limits.timeoutMs, 10_000) },
    headersTimeout: limits.timeoutMs,
    bodyTimeout: limits.timeoutMs,
    maxResponseSize: limits.limitBytes,
    pipelining: 0,
  });
  try {
    const both = AbortSignal.any([signal, AbortSignal.timeout(limits.timeoutMs)]);
    const answer = await agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: request.method,
      headers: request.headers,
      body: request.body === '' ? null : request.body,
      signal: both,
    });
    return { statusCode: answer.statusCode, headers: headersOf(answer.headers), text: await answer.body.text() };
  } catch (error) {
    if (codeOf(error) === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
      throw new Fault('transport/invalid', `${url.host} answered with more than ${limits.limitBytes} bytes`, { cause: error });
    throw socketFault(error, url.origin);
  } finally {
    await agent.destroy();
  }
}

function headersOf(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, readonly string[]> {
  const out: Record<string, readonly string[]> = {};
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) out[name.toLowerCase()] = typeof value === 'string' ? [value] : value;
  return out;
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** Codes after which the request may have reached the server, so that only what may be repeated is repeated. */
const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED']);
const SLOW = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH']);

/** How a connection failed: `broken` may work on a new one at once, `slow` has cost time already. */
export function socketTrouble(error: unknown): 'broken' | 'slow' | 'other' {
  const cause = error instanceof Fault ? error.cause : error;
  const code = codeOf(cause);
  return BROKEN.has(code) ? 'broken' : SLOW.has(code) || (cause as Error | null)?.name === 'TimeoutError' ? 'slow' : 'other';
}

function socketFault(error: unknown, origin: string): Fault {
  if (error instanceof Fault) return error;
  const name = error instanceof Error ? error.name : '';
  if (name === 'AbortError') return new Fault('loop/cancelled', 'cancelled', { cause: error });
  const code = codeOf(error);
  const words = name === 'TimeoutError' ? 'no answer in time' : (REASONS[code] ?? (error instanceof Error ? error.message : String(error)));
  return new Fault('transport/unreachable', `${origin}: ${words}${code === '' ? '' : ` (${code})`}`, { cause: error });
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection broke',
  EPIPE: 'the connection broke',
  UND_ERR_SOCKET: 'the connection broke',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped in the middle',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up now',
};
