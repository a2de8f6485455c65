// What a real API server cannot be made to do at will: a server of our own on loopback.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Clock } from '../../../daemon/model/ports.ts';
import { openHttp } from '../../../daemon/transport/http.ts';
import { openClient } from '../../../daemon/transport/kube.ts';
import type { KubeClient } from '../../../daemon/transport/kube.ts';
import { readKubeconfig } from '../../../daemon/transport/kubeconfig.ts';

const slept: number[] = [];
let nowMs = 1_000_000;
const clock: Clock = {
  now: () => nowMs,
  random: () => 0.5,
  async sleep(ms) {
    slept.push(ms);
    nowMs += ms;
  },
};
const signal = new AbortController().signal;

interface Fake extends AsyncDisposable {
  readonly url: string;
  readonly asked: string[];
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse, count: number) => void | Promise<void>): Promise<Fake> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/api') {
      response.end(JSON.stringify({ kind: 'APIVersions' }));
      return;
    }
    if (request.url === '/apis') {
      const resources = [{ resource: 'deployments', responseKind: { kind: 'Deployment' }, scope: 'Namespaced', verbs: ['list', 'watch'] }];
      response.end(JSON.stringify({ kind: 'APIGroupDiscoveryList', items: [{ metadata: { name: 'apps' }, versions: [{ version: 'v1', resources }] }] }));
      return;
    }
    asked.push(`${request.method} ${request.url}`);
    void answer(request, response, asked.length);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const clientOf = (fake: Fake, timeouts: { readonly answerTimeoutMs?: number; readonly inFlight?: number } = {}): KubeClient =>
  openClient({ origin: fake.url, prefix: '', tls: {}, headers: async () => ({ authorization: 'Bearer abc' }) }, { clock, ...timeouts });
const web = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'default', name: 'web' };
const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' } };
const end = (response: ServerResponse, statusCode: number, body: object, headers: Record<string, string> = {}): void =>
  void response.writeHead(statusCode, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

test('a server that asks for patience gets it, for as long as it says', async () => {
  await using fake = await serve((_request, response, count) => (count < 3 ? end(response, 429, {}, { 'retry-after': '2' }) : end(response, 200, object)));
  await using client = clientOf(fake);
  slept.length = 0;
  assert.equal((await client.get(web, signal))?.metadata.name, 'web');
  assert.deepEqual(slept, [2_000, 2_000]);
});

test('I7: patience has an end', async () => {
  await using fake = await serve((_request, response) => end(response, 429, {}, { 'retry-after': '600' }));
  await using client = clientOf(fake);
  slept.length = 0;
  await assert.rejects(client.get(web, signal), { code: 'transport/busy', retryAfterMs: 600_000 });
  assert.deepEqual([fake.asked.length, slept], [4, [10_000, 10_000, 10_000]]);
});

test('a broken connection is tried once more, but a creation is not: it may have happened', async () => {
  await using fake = await serve((_request, response, count) => (count === 1 || count === 3 ? void response.destroy() : end(response, 200, object)));
  await using client = clientOf(fake);
  assert.ok(await client.get(web, signal));
  await assert.rejects(client.create(object, { fieldManager: 'lateen' }, signal), { code: 'transport/unreachable' });
  assert.deepEqual(
    fake.asked.map((line) => line.split(' ')[0]),
    ['GET', 'GET', 'POST'],
  );
});

test('an internal error is not repeated for a write', async () => {
  await using fake = await serve((_request, response) => end(response, 500, { kind: 'Status', message: 'webhook failed' }));
  await using client = clientOf(fake);
  await assert.rejects(client.apply(object, { fieldManager: 'lateen' }, signal), { code: 'transport/busy', message: 'Deployment default/web: webhook failed' });
  assert.equal(fake.asked.length, 1);
});

test('I12: after one timeout everyone else is told at once, until it is worth another try', async () => {
  await using fake = await serve((_request, response, count) => (count === 1 ? undefined : end(response, 200, object)));
  await using client = clientOf(fake, { answerTimeoutMs: 300, inFlight: 1 });
  const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => client.get(web, signal)));
  assert.ok(outcomes.every((outcome) => outcome.status === 'rejected' && (outcome.reason as { code: string }).code === 'transport/unreachable'));
  assert.equal(fake.asked.length, 1);
  nowMs += 5_000;
  assert.ok(await client.get(web, signal));
});

test('a request that is called off while it waits for its turn leaves no place taken', async () => {
  const open: ServerResponse[] = [];
  await using fake = await serve((_request, response) => void open.push(response));
  await using client = clientOf(fake, { inFlight: 1 });
  await client.resource('apps/v1', 'Deployment', signal);
  const first = client.get(web, signal);
  const calledOff = new AbortController();
  const second = client.get(web, calledOff.signal);
  const third = client.get(web, signal);
  calledOff.abort();
  await assert.rejects(second, { code: 'loop/cancelled' });
  for (const waited of [first, third]) {
    while (open.length === 0) await new Promise(setImmediate);
    end(open.shift() as ServerResponse, 200, object);
    assert.ok(await waited);
  }
});

test('a list whose token ran out in the middle starts again', async () => {
  await using fake = await serve((request, response, count) => {
    const token = new URL(request.url ?? '', 'http://x').searchParams.get('continue');
    if (count === 2) return end(response, 410, { kind: 'Status', reason: 'Expired', details: { name: 'x' } });
    return end(response, 200, {
      metadata: { resourceVersion: '7', ...(token === null ? { continue: 'more' } : {}) },
      items: [{ metadata: { name: token === null ? 'a' : 'b' } }],
    });
  });
  await using client = clientOf(fake);
  const found = await client.list({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: '' }, signal);
  assert.deepEqual(
    found.items.map((item) => `${item.apiVersion} ${item.kind} ${item.metadata.name}`),
    ['apps/v1 Deployment a', 'apps/v1 Deployment b'],
  );
  assert.equal(fake.asked.length, 4);
});

test('watch events arrive whole however the bytes are cut, and a version that is too old is said so', async () => {
  const line = (type: string, name: string): string => `${JSON.stringify({ type, object: { metadata: { name } } })}\n`;
  await using fake = await serve(async (_request, response) => {
    const bytes = Buffer.from(
      line('ADDED', 'grün') +
        line('MODIFIED', 'b') +
        `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' } })}\n`,
    );
    for (let at = 0; at < bytes.length; at += 7) {
      response.write(bytes.subarray(at, at + 7));
      await new Promise(setImmediate);
    }
    response.end();
  });
  await using client = clientOf(fake);
  const seen: string[] = [];
  await assert.rejects(
    async () => {
      for await (const event of client.watch({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: '', resourceVersion: '1' }, signal))
        seen.push(`${event.type} ${event.object.metadata.name}`);
    },
    { code: 'transport/gone' },
  );
  assert.deepEqual(seen, ['ADDED grün', 'MODIFIED b']);
});

const kubeconfig = (user: string): string =>
  `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: {server: "https://127.0.0.1:1/prefix/"}}], users: [{name: u, user: ${user}}]}`;

test('a kubeconfig out of a cluster runs nothing', async () => {
  const exec = kubeconfig('{exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/false, interactiveMode: Never}}');
  await assert.rejects(readKubeconfig(exec, { allowExec: false }), { code: 'transport/denied' });
  await assert.rejects(readKubeconfig(kubeconfig('{auth-provider: {name: gcp, config: {cmd-path: /bin/false}}}'), { allowExec: false }), {
    code: 'transport/denied',
  });
});

test('a kubeconfig that cannot be read is refused without a word of it', async () => {
  await assert.rejects(
    readKubeconfig('users: [{name: u, user: {token: hunter2', { allowExec: true }),
    (error: Error & { code?: string }) => error.code === 'config/invalid' && !error.message.includes('hunter2'),
  );
  await assert.rejects(readKubeconfig('{}', { allowExec: true }), { code: 'config/invalid' });
  const { origin, prefix, headers } = await readKubeconfig(kubeconfig('{token: abc}'), { allowExec: false });
  assert.deepEqual([origin, prefix, await headers()], ['https://127.0.0.1:1', '/prefix', { Authorization: 'Bearer abc' }]);
});

test('a kubeconfig without the context that is asked for says which it has', async () => {
  const text =
    '{contexts: [{name: a, context: {cluster: gone, user: u}}, {name: b, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {}}]}';
  const asked = (context?: string, kubeconfigText = text): Promise<unknown> =>
    readKubeconfig(kubeconfigText, { allowExec: true, ...(context === undefined ? {} : { context }) });
  await assert.rejects(asked('nope'), { code: 'config/invalid', message: 'the kubeconfig has no context "nope"; it has a, b: choose one with --context' });
  await assert.rejects(asked(), { message: 'the kubeconfig names no current context; it has a, b: choose one with --context' });
  await assert.rejects(asked('a'), { message: 'the context "a" of the kubeconfig names a cluster that is not in it' });
  await assert.rejects(asked(undefined, '{"name": "lateen"}'), { message: 'the kubeconfig names no current context and has none at all' });
  await asked('b');
});

const call = (url: string, method = 'GET', headers: Readonly<Record<string, readonly string[]>> = {}) =>
  openHttp()({ url, method, headers, body: method === 'GET' ? '' : '{}', timeoutMs: 5_000 }, signal);

test('an HTTP call of a workflow: redirects stay on their scheme and take no credentials elsewhere', async () => {
  const got: string[] = [];
  await using other = await serve((request, response) => {
    got.push(`${request.method} ${request.headers['authorization'] ?? 'none'} ${String(request.headers['x-kept'])}`);
    response.end('there');
  });
  await using fake = await serve((request, response) => {
    const target = { '/away': other.url, '/tls': 'https://127.0.0.1:1/', '/file': 'file:///etc/passwd', '/loop': '/loop' }[request.url ?? ''];
    if (target === undefined) response.writeHead(418, { 'x-a': ['1', '2'] }).end('teapot');
    else response.writeHead(302, { location: target }).end();
  });
  const plain = await call(`${fake.url}/`);
  assert.deepEqual([plain.statusCode, plain.body, plain.headers['x-a']], [418, 'teapot', ['1', '2']]);
  assert.equal((await call(`${fake.url}/away`, 'POST', { Authorization: ['Bearer s'], 'x-kept': ['yes'] })).body, 'there');
  assert.deepEqual(got, ['GET none yes']);
  for (const path of ['/tls', '/file', '/loop']) await assert.rejects(call(fake.url + path), { code: 'transport/invalid' });
  await assert.rejects(call('ftp://127.0.0.1/'), { code: 'transport/invalid' });
});

test('I7: an answer that is too long or does not come is a fault', async () => {
  await using fake = await serve((request, response) => (request.url === '/never' ? undefined : void response.end('x'.repeat(1024 * 1024 + 1))));
  await assert.rejects(call(`${fake.url}/long`), { code: 'transport/invalid' });
  await assert.rejects(openHttp()({ url: `${fake.url}/never`, method: 'GET', headers: {}, body: '', timeoutMs: 100 }, signal), {
    code: 'transport/unreachable',
  });
});
