import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { request as send } from 'undici';
import type { CueObject } from '../../../../daemon/model/cue.ts';
import type { Http } from '../../../../daemon/model/ports.ts';
import { answerOf, ask } from './ask.ts';
import { world } from './world.ts';

const http: Http = async (asked, signal) => {
  const headers = Object.fromEntries(Object.entries(asked.headers).map(([name, values]) => [name, [...values]]));
  const answer = await send(asked.url, {
    method: asked.method as 'GET',
    headers,
    body: asked.method === 'GET' ? null : asked.body,
    signal,
    headersTimeout: asked.timeoutMs,
  });
  const lists = Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, [value ?? []].flat()]));
  return { statusCode: answer.statusCode, headers: lists, body: await answer.body.text() };
};

interface Server extends AsyncDisposable {
  readonly url: string;
  readonly requests: { readonly method: string; readonly url: string; readonly type: string; readonly body: string }[];
}

/** A server on the loopback that answers `answer` to everything. */
async function server(answer: (request: IncomingMessage) => { readonly status: number; readonly body: string }): Promise<Server> {
  const requests: Server['requests'] = [];
  const listening = createServer((request, response) => {
    let body = '';
    request
      .setEncoding('utf8')
      .on('data', (text: string) => {
        body += text;
      })
      .on('end', () => {
        requests.push({ method: request.method ?? '', url: request.url ?? '', type: request.headers['content-type'] ?? '', body });
        const { status, body: text } = answer(request);
        response.writeHead(status, { 'x-from': 'test' }).end(text);
      });
  });
  await new Promise<void>((resolve) => {
    listening.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        listening.close(() => {
          resolve();
        });
        listening.closeAllConnections();
      }),
  };
}

test('a GET gives body, headers and status, and is made again whenever it is asked for', async () => {
  await using there = await server(() => ({ status: 404, body: '{"no":1}' }));
  const here = world({ http });
  const answer = await answerOf(here, 'http.do', { method: 'GET', url: `${there.url}/a` });
  assert.deepEqual([answer['statusCode'], answer['body'], (answer['header'] as CueObject)['X-From']], [404, '{"no":1}', ['test']]);
  const flat = await answerOf(here, 'http.do', { url: `${there.url}/a` }, { style: 'flat' });
  assert.equal((flat['response'] as CueObject)['statusCode'], 404);
  assert.equal(there.requests.length, 2);
  assert.equal(here.calls.size, 0);
});

test('a POST is made once in a run, and its answer is remembered', async () => {
  await using there = await server(() => ({ status: 200, body: 'done' }));
  const here = world({ http });
  const params = { method: 'POST', url: `${there.url}/hook`, request: { body: '{"text":"hi"}' } };
  const first = await answerOf(here, 'http.do', params, { path: 'req' });
  assert.deepEqual(await answerOf(here, 'http.do', params, { path: 'req' }), first);
  assert.deepEqual(there.requests, [{ method: 'POST', url: '/hook', type: 'application/json', body: '{"text":"hi"}' }]);
});

test('a POST that was begun and never heard of is not made again', async () => {
  await using there = await server(() => ({ status: 200, body: '' }));
  const here = world({ http });
  here.calls.set('req', null);
  await assert.rejects(ask(here, 'http.do', { method: 'POST', url: `${there.url}/hook?token=geheim` }, { path: 'req' }), {
    code: 'workflow/step-failed',
    message: `POST ${there.url}: the outcome is unknown`,
  });
  assert.equal(there.requests.length, 0);
});

test('headers come from the call and from Secrets of the namespace', async () => {
  let seen: string | undefined;
  await using there = await server((request) => {
    seen = request.headers.authorization;
    return { status: 200, body: '' };
  });
  const here = world({ http });
  here.put({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hook', namespace: 'prod' }, data: { token: Buffer.from('Bearer abc').toString('base64') } });
  await answerOf(here, 'http.do', {
    url: there.url,
    request: { header: { Accept: 'text/plain' }, headersFromSecret: [{ header: 'Authorization', secret: 'hook', key: 'token' }] },
  });
  assert.equal(seen, 'Bearer abc');
  await assert.rejects(ask(here, 'http.do', { url: there.url, request: { headersFromSecret: [{ header: 'A', secret: 'hook', key: 'none' }] } }), {
    code: 'workflow/call',
    message: 'there is no key none in Secret prod/hook',
  });
});

test('a connection that cannot be made is told by method and origin, never by the whole URL', async () => {
  const there = await server(() => ({ status: 200, body: '' }));
  const { url } = there;
  await there[Symbol.asyncDispose]();
  await assert.rejects(ask(world({ http }), 'http.do', { url: `${url}/secret-path?token=geheim` }), {
    code: 'workflow/unreachable',
    message: `GET ${url}: the connection was refused`,
  });
});

test('what is no URL is refused without a request, and so is a TLS configuration', async () => {
  const here = world({ http });
  await assert.rejects(ask(here, 'http.do', { method: 'POST', url: '<your webhook url>' }), {
    code: 'workflow/http',
    message: 'the url of the request is not an http or https URL',
  });
  await assert.rejects(ask(here, 'http.do', { url: 'file:///etc/passwd' }), { code: 'workflow/http' });
  await assert.rejects(ask(here, 'http.do', { url: 'https://127.0.0.1', tls_config: { secret: 's' } }), {
    code: 'workflow/unsupported',
    message: 'http.do: tls_config is not supported',
  });
  assert.equal(here.calls.size, 0);
});

test('a rate limit counts over the passes of a run', async () => {
  await using there = await server(() => ({ status: 200, body: '' }));
  const here = world({ http });
  const params = (query: string): CueObject => ({ url: `${there.url}/a${query}`, request: { ratelimiter: { limit: 2, period: '10s' } } });
  await answerOf(here, 'http.do', params('?n=1'));
  here.clock.nowMs += 4000;
  await answerOf(here, 'http.do', params('?n=2'));
  await assert.rejects(ask(here, 'http.do', params('?n=3')), { code: 'workflow/unreachable', message: 'request exceeds the rate limiter', retryAfterMs: 6000 });
  here.clock.nowMs += 6000;
  await answerOf(here, 'http.do', params('?n=4'));
  assert.equal(there.requests.length, 3);
});
