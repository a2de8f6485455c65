// One request of the cloud: who asks, may he, what does he want, what comes back, and what is to go wrong.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ackApi, settleClusters } from './cloud-ack.ts';
import type { Action, Answer, World } from './cloud-api.ts';
import { CloudError, invalidParameter } from './cloud-error.ts';
import { refuse } from './cloud-faults.ts';
import { type Params, readBody, readFlat, readQuery, type RequestModel } from './cloud-models.ts';
import type { SignedRequest } from './cloud-signature.ts';
import { settleNetworks, vpcApi } from './cloud-vpc.ts';

const BODY_AT_MOST_BYTES = 1024 * 1024;

/** Makes the handler of the API's requests. `check` is the signature's (cloud-signature.ts). */
export function createGateway(world: World, check: (request: SignedRequest) => string): (incoming: IncomingMessage, reply: ServerResponse) => Promise<void> {
  return async (incoming, reply) => {
    const requestId = randomUUID().toUpperCase();
    const name = oneHeader(incoming, 'x-acs-action') || new URL(incoming.url ?? '/', 'http://lab').searchParams.get('Action') || 'none';
    const note = (outcome: string, status: number, subject?: string) => {
      world.store.save();
      world.store.note({ at: new Date().toISOString(), action: name, outcome, status, requestId, ...(subject !== undefined && { subject }) });
    };
    try {
      const body = await readAll(incoming);
      check({ method: incoming.method ?? '', target: incoming.url ?? '/', headers: incoming.headers, body });
      const call = resolve(incoming, name);
      const cut = world.faults.take('cut', name);
      if (cut !== undefined) return await destroyAfter(cut.holdMs, reply, () => note('cut', 0));
      settleNetworks(world);
      settleClusters(world);
      if (isHtmlNext(world, name)) {
        note('html', 502);
        return void reply
          .writeHead(502, { 'content-type': 'text/html' })
          .end('<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>502 Bad Gateway</body>\r\n</html>\r\n');
      }
      refuse(world.faults, call.api, name);
      const answer = await perform(world, call, incoming, body);
      const lost = world.faults.take('lose-answer', name);
      if (lost !== undefined) return await destroyAfter(lost.holdMs, reply, () => note('lost', 0, answer.subject));
      note('ok', answer.status ?? 200, answer.subject);
      send(reply, answer.status ?? 200, { ...answer.body, [call.api === 'cs' ? 'request_id' : 'RequestId']: requestId });
    } catch (error) {
      const refusal =
        error instanceof CloudError
          ? error
          : new CloudError(500, 'InternalError', `The request processing has failed due to some unknown error: ${String((error as Error).stack ?? error)}`);
      note(refusal.code, refusal.status);
      send(reply, refusal.status, errorBody(refusal, requestId, incoming), refusal.headers);
    }
  };
}

type CallOf = { readonly name: string; readonly api: 'cs' | 'vpc'; readonly action: Action; readonly path: readonly string[] };

/** The action by its name, and for the ROA style the path it must have come on. */
function resolve(incoming: IncomingMessage, name: string): CallOf {
  const version = oneHeader(incoming, 'x-acs-version');
  const notFound = new CloudError(404, 'InvalidAction.NotFound', 'Specified api is not found, please check your url and method.');
  const path = new URL(incoming.url ?? '/', 'http://lab').pathname;
  if (version === vpcApi.version) {
    const action = Object.hasOwn(vpcApi.actions, name) ? vpcApi.actions[name]! : undefined;
    if (action === undefined || path !== '/' || !['GET', 'POST'].includes(incoming.method ?? '')) throw notFound;
    return { name, api: 'vpc', action, path: [] };
  }
  if (version !== ackApi.version) throw new CloudError(400, 'InvalidVersion', 'Specified parameter Version is not valid.');
  const action = Object.hasOwn(ackApi.actions, name) ? ackApi.actions[name]! : undefined;
  const [method, route = ''] = action?.route?.split(' ') ?? [];
  const found = new RegExp(`^${route.replaceAll(/\{\w+\}/g, '([^/]+)')}$`).exec(path);
  if (action === undefined || method !== incoming.method || found === null) throw notFound;
  return { name, api: 'cs', action, path: found.slice(1).map(decodeURIComponent) };
}

/** Reads the parameters and runs the action; a call with a ClientToken is answered as it was the first time. */
async function perform(world: World, call: CallOf, incoming: IncomingMessage, body: Buffer): Promise<Answer> {
  const params = paramsOf(call, incoming, body);
  const token = params['ClientToken'] as string | undefined;
  if (token === undefined) return call.action.run(world, params, call.path);
  if (token === '' || token.length > 64) throw invalidParameter('ClientToken', '1 to 64 characters are expected');
  const key = `${call.name} ${token}`;
  const said = JSON.stringify(Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const before = world.store.answered(key);
  if (before !== undefined && before.params !== said)
    throw new CloudError(400, 'IdempotentParameterMismatch', 'The request uses the same client token as a previous, but non-identical request.');
  if (before !== undefined) return { body: before.answer };
  const answer = await call.action.run(world, params, call.path);
  world.store.remember(key, { params: said, answer: answer.body });
  return answer;
}

const NO_FIELDS: RequestModel = { api: 'cs', fields: new Map(), required: [] };
const RPC_COMMON = new Set(['Action', 'Version', 'Format']);

function paramsOf(call: CallOf, incoming: IncomingMessage, body: Buffer): Params {
  const model = call.action.model?.() ?? NO_FIELDS;
  const query = new URL(incoming.url ?? '/', 'http://lab').searchParams;
  if (call.api === 'vpc') {
    const form = new URLSearchParams(body.toString('utf8'));
    return readFlat(model, new URLSearchParams([...query, ...form].filter(([name]) => !RPC_COMMON.has(name))));
  }
  if (incoming.method === 'GET' || incoming.method === 'DELETE') return readQuery(model, query);
  if (query.size > 0) return readQuery(NO_FIELDS, query); // which says what is wrong with it
  const { bareBody } = call.action;
  const json = jsonOf(body);
  return readBody(model, bareBody === undefined ? json : { [bareBody]: json });
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new CloudError(400, 'InvalidJSON', 'The body is no JSON.');
  }
}

/** A server-error with `body: html` is no JSON and so no CloudError. */
function isHtmlNext(world: World, name: string): boolean {
  const next = world.faults.pending().find((fault) => fault.kind === 'server-error' && (fault.action === undefined || fault.action === name));
  return next?.kind === 'server-error' && next.body === 'html' && world.faults.take('server-error', name) !== undefined;
}

async function destroyAfter(holdMs: number | undefined, reply: ServerResponse, note: () => void): Promise<void> {
  note();
  if (holdMs !== undefined && holdMs > 0) await sleep(holdMs, undefined, { ref: false });
  reply.destroy();
}

/** ACK writes its errors in small letters, the gateways and the RPC APIs in the other form; the SDKs read both. */
function errorBody(error: CloudError, requestId: string, incoming: IncomingMessage): Readonly<Record<string, unknown>> {
  const isOfGateway = /^(Invalid(AccessKeyId|SecurityToken|TimeStamp|Action|Version)|Signature|IncompleteSignature|Throttling)/.test(error.code);
  if (oneHeader(incoming, 'x-acs-version') === ackApi.version && !isOfGateway)
    return { code: error.code, message: error.message, requestId, status: error.status };
  return {
    RequestId: requestId,
    HostId: oneHeader(incoming, 'host'),
    Code: error.code,
    Message: error.message,
    Recommend: `https://api.aliyun.com/troubleshoot?q=${error.code}`,
  };
}

export function send(reply: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  reply.writeHead(status, { 'content-type': 'application/json;charset=utf-8', ...headers }).end(JSON.stringify(body));
}

export async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > BODY_AT_MOST_BYTES) throw new CloudError(413, 'RequestEntityTooLarge', 'The body is larger than 1 MB.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function oneHeader(incoming: IncomingMessage, name: string): string {
  return [incoming.headers[name] ?? ''].flat().join(',');
}
