/** `vela/http`: requests to anywhere. */
import { hashOf, isRecord } from '../../lib/json.ts';
import type { CueObject } from '../../model/cue.ts';
import { Fault } from '../../model/fault.ts';
import { keyOf, keyText, LOCAL, type KubeObject } from '../../model/object.ts';
import type { HttpRequest, HttpResponse } from '../../model/ports.ts';
import type { Action, StepContext } from '../run.ts';
import { complete, cueObject, fieldsOf, listOf, nameOf, refusal, textOf, type Provider } from './calls.ts';
import { goDurationMs } from './go-time.ts';

/** KubeVela 1.10: three seconds, for the whole of it. */
const TIMEOUT_MS = 3_000;
/** Answers to calls that are made once are kept in the journal, a Secret of at most 1 MiB. */
const KEPT_BODY_CHARS_MAX = 256 * 1024;

/** These may be made again at any time. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Makes a request. Its URL may hold a token: messages name method and origin only. */
export async function send(request: HttpRequest, context: StepContext): Promise<HttpResponse> {
  try {
    return await context.http(request, context.signal);
  } catch (error) {
    if (context.signal.aborted) throw new Fault('loop/cancelled', 'cancelled', { cause: error });
    if (error instanceof Fault && (error.code === 'transport/lease' || error.code.startsWith('workflow/'))) throw error;
    const words = networkWords(error);
    const what = `${request.method} ${originOf(request.url)}`;
    if (words !== null) throw new Fault('workflow/unreachable', `${what}: ${words}`, { cause: error });
    throw new Fault(
      'workflow/http',
      error instanceof Error && /timeout|abort/i.test(error.name) ? `${what}: no answer in ${request.timeoutMs / 1000} s` : `${what} failed`,
      { cause: error },
    );
  }
}

const NOT_SENT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the host does not exist',
  EAI_AGAIN: 'the host name could not be resolved',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  UND_ERR_CONNECT_TIMEOUT: 'the connection could not be made in time',
};

/** Why nothing was sent at all, when that is certain; null otherwise. */
function networkWords(error: unknown): string | null {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth += 1) {
    const words = NOT_SENT[String((at as { code?: unknown }).code)];
    if (words !== undefined) return words;
    if (at instanceof AggregateError && at.errors.length > 0 && at.errors.every((inner) => networkWords(inner) !== null)) return networkWords(at.errors[0]);
  }
  return null;
}

/** `https://host:port` of a URL, or what is wrong with it: nothing is sent then, and it may be corrected by an input. */
export function originOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) throw new Fault('workflow/http', 'the url of the request is not an http or https URL');
  return parsed.origin;
}

async function headersOf(request: CueObject, context: StepContext): Promise<Record<string, readonly string[]>> {
  const headers: Record<string, readonly string[]> = {};
  for (const [name, value] of Object.entries(fieldsOf(request['header']))) headers[name] = [String(value)];
  if (Object.keys(headers).length === 0) headers['Content-Type'] = ['application/json'];
  for (const item of listOf(request['headersFromSecret']).filter(isRecord))
    headers[textOf(item['header'])] = [await secretValue(textOf(item['secret']), textOf(item['key']), context)];
  return headers;
}

/** One value of a Secret in the Application's namespace, on the hub. */
async function secretValue(name: string, key: string, context: StepContext): Promise<string> {
  const secret: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: context.desired.namespace } };
  const at = keyOf(LOCAL, secret);
  const seen = (await context.transport.observe([at], context.signal)).get(keyText(at));
  if (seen !== undefined && 'fault' in seen) throw seen.fault;
  const value = seen !== undefined && 'live' in seen ? fieldsOf(seen.live['data'])[key] : undefined;
  if (typeof value !== 'string') throw refusal(`there is no key ${key} in Secret ${context.desired.namespace}/${name}`);
  return Buffer.from(value, 'base64').toString('utf8');
}

/** At most `limit` requests in `period`, counted for method and URL without its query. KubeVela 1.10: a token bucket. */
function countAgainst(limiter: unknown, method: string, url: string, context: StepContext): void {
  if (!isRecord(limiter)) return;
  const periodMs = goDurationMs(textOf(limiter['period']));
  if (periodMs === null) throw refusal(`invalid period "${textOf(limiter['period'])}"`);
  const name = `lateen/rate/${hashOf(`${method} ${url.split('?')[0]}`)}`;
  const now = context.clock.now();
  const made = listOf(context.variable(name))
    .map(Number)
    .filter((at) => at > now - periodMs);
  if (made.length >= Number(limiter['limit']))
    throw new Fault('workflow/unreachable', 'request exceeds the rate limiter', { retryAfterMs: Math.max(1, (made[0] ?? now) + periodMs - now) });
  context.setVariable(name, [...made, now]);
}

/** Go's spelling of a header's name: `Content-Type`. */
const canonical = (name: string): string => name.toLowerCase().replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase());

/** What a template reads of the answer. */
function responseOf(response: HttpResponse, charsMax: number): CueObject {
  const header = Object.fromEntries(Object.entries(response.headers).map(([name, values]) => [canonical(name), [...values]]));
  return cueObject({ body: response.body.slice(0, charsMax), header, statusCode: response.statusCode });
}

/**
 * One request. Whatever a server answers, it is an answer: the template looks at `statusCode`. All but GET, HEAD and
 * OPTIONS are made once in a run of the workflow, however often the step is tried; the answer is kept (its body up to
 * 256 Ki characters).
 */
const request: Action = async (call, context) => {
  const { params } = call;
  if (isRecord(params['tls_config'])) throw new Fault('workflow/unsupported', `${nameOf(call)}: tls_config is not supported`);
  const method = (textOf(params['method']) || 'GET').toUpperCase();
  const url = textOf(params['url']);
  const origin = originOf(url);
  const asked = fieldsOf(params['request']) as CueObject;
  const timeoutText = textOf(asked['timeout']);
  const timeoutMs = timeoutText === '' ? TIMEOUT_MS : goDurationMs(timeoutText);
  if (timeoutMs === null) throw refusal(`invalid timeout "${timeoutText}"`);
  const whole: HttpRequest = { method, url, headers: await headersOf(asked, context), body: textOf(asked['body']), timeoutMs };
  const limited = asked['ratelimiter'] ?? asked['rateLimiter'];
  const make = async (charsMax: number): Promise<CueObject> => {
    countAgainst(limited, method, url, context);
    return responseOf(await send(whole, context), charsMax);
  };
  const response = SAFE.has(method) ? await make(Infinity) : await context.once(call.path, `${method} ${origin}`, () => make(KEPT_BODY_CHARS_MAX));
  return { kind: 'result', value: call.style === 'flat' ? { response } : response };
};

export const HTTP: Provider = { do: complete(request, ['response']) };
