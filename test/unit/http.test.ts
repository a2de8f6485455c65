/** The daemon's own address: probes, metrics, and the hook over a real connection. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openHook } from '../../daemon/hook.ts';
import { hookSecrets, serveHttp, type HttpServer } from '../../daemon/http.ts';
import { createRedactor } from '../../daemon/lib/redact.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import { Fault } from '../../daemon/model/fault.ts';
import { temporaryDirectory } from '../rig/git.ts';
import { report } from './status/reports.ts';

const SECRET = 'a-secret-of-the-hook';
const github = (body: string, id: string): Record<string, string> => ({
  'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
  'x-github-delivery': id,
});

describe("the hook's address", () => {
  const stop = new AbortController();
  let hints = 0;
  let server: HttpServer;
  before(async () => {
    server = await serveHttp(
      '127.0.0.1',
      0,
      openHook({
        secrets: () => Promise.resolve([SECRET]),
        onHint: () => {
          hints += 1;
        },
        clock: systemClock(),
        signal: stop.signal,
      }),
    );
  });
  after(async () => {
    stop.abort();
    await server[Symbol.asyncDispose]();
  });
  const post = async (body: string, headers: Record<string, string>, path = '/hook'): Promise<readonly [number, string]> => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method: 'POST', body, headers });
    return [response.status, await response.text()];
  };

  it('takes a push, and says at once that it has', async () => {
    assert.deepEqual(await post('{"ref":"x"}', github('{"ref":"x"}', 'd-1')), [202, 'accepted\n']);
    assert.equal(hints, 1);
  });
  it('reads nothing of what it is sent: no JSON, no event and no repository is asked for', async () => {
    const body = '\0not json at all';
    assert.deepEqual(await post(body, { ...github(body, 'd-2'), 'x-github-event': 'ping' }), [202, 'accepted\n']);
  });
  it('says when it has seen a delivery before', async () => assert.deepEqual(await post('{"ref":"x"}', github('{"ref":"x"}', 'd-1')), [200, 'seen\n']));
  it('believes nobody without proof', async () => {
    assert.deepEqual(await post('{}', {}), [401, 'not proven\n']);
    assert.deepEqual(await post('{}', github('{"a":1}', 'd-3')), [401, 'not proven\n']);
  });
  it('takes what is as large as it may be, and no more', async () => {
    const most = 'x'.repeat(1 << 20);
    assert.equal((await post(most, github(most, 'd-4')))[0], 202);
    assert.deepEqual(await post(`${most}x`, github(`${most}x`, 'd-5')), [413, 'too large\n']);
  });
  it('stops reading what does not say how large it is and is too large', async () => {
    const chunk = Buffer.alloc(1 << 16);
    const body = new ReadableStream({
      pull: (() => {
        let left = 40;
        return (controller: ReadableStreamDefaultController) => ((left -= 1) < 0 ? controller.close() : controller.enqueue(chunk));
      })(),
    });
    const response = await fetch(`http://127.0.0.1:${server.port}/hook`, { method: 'POST', body, duplex: 'half', headers: github('', 'd-6') });
    assert.deepEqual([response.status, await response.text()], [413, 'too large\n']);
  });
  it('gives up a request that does not arrive', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write(`POST /hook HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${SECRET}\r\ncontent-length: 10\r\n\r\nabc`);
    const said: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => said.push(chunk)).on('error', () => {});
    await once(socket, 'close');
    assert.match(Buffer.concat(said).toString(), /^(?:HTTP\/1\.1 408 |$)/);
  });
  it('is for POST alone, and POST for it alone', async () => {
    assert.equal((await fetch(`http://127.0.0.1:${server.port}/hook`)).status, 405);
    assert.equal((await post('', {}, '/metrics'))[0], 405);
  });
  it('is counted by outcome', async () => {
    const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
    for (const [outcome, count] of [
      ['accepted', 3],
      ['seen', 1],
      ['refused', 2],
      ['too-large', 2],
    ] as const)
      assert.match(text, new RegExp(`^lateen_hooks_total\\{outcome="${outcome}"\\} ${count}$`, 'm'));
  });
});

it('without a secret there is no hook, and probes and metrics are there', async () => {
  await using server = await serveHttp('127.0.0.1', 0);
  const ask = async (path: string, method = 'GET'): Promise<number> => (await fetch(`http://127.0.0.1:${server.port}${path}`, { method })).status;
  assert.deepEqual(
    [await ask('/hook', 'POST'), await ask('/hook'), await ask('/livez'), await ask('/readyz'), await ask('/metrics')],
    [404, 404, 200, 503, 200],
  );
  server.onPass({ report: report([]), plan: null, pushed: null, pushFault: null, tellInMs: null }, 12);
  assert.equal(await ask('/readyz'), 200);
});

describe("the hook's secrets", () => {
  it('come from the file as it is now, and are known to the redactor', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'secret');
    const redactor = createRedactor();
    const secrets = hookSecrets({ secret: null, secretFile: file }, redactor);
    await writeFile(file, `${SECRET}\n`);
    assert.deepEqual(await secrets?.(), [SECRET]);
    await writeFile(file, 'a-newer-secret-of-it\n');
    assert.deepEqual(await secrets?.(), ['a-newer-secret-of-it']);
    assert.equal(redactor.text(`${SECRET} a-newer-secret-of-it`), '*** ***');
    await rm(file);
    await assert.rejects(
      async () => secrets?.(),
      (error) => error instanceof Fault && error.code === 'config/invalid' && /^--hook-secret-file: .* cannot be read$/.test(error.message),
    );
  });
  it('come from the environment beside it', async () =>
    assert.deepEqual(await hookSecrets({ secret: SECRET, secretFile: null }, createRedactor())?.(), [SECRET]));
  it('are none without either', () => assert.equal(hookSecrets({ secret: null, secretFile: null }, createRedactor()), null));
});
