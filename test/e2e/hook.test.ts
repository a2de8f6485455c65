/** A push that a Git server tells of: the daemon fetches because it was told so, long before it would have asked. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { after, before, it } from 'node:test';
import { openScenario, until } from '../rig/daemon.ts';
import { httpGitServer } from '../rig/git.ts';
import { useLab, type Lab } from '../lab/lab.ts';

let lab: Lab<'hub'>;
before(async () => {
  lab = await useLab(['hub'], { nodes: false });
});
after(() => lab?.stop());

const SECRET = 'the-hook-knows-this-word';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  return port;
}

it('a push is delivered when the hook tells of it, and the secret is told to nobody', async () => {
  await using scenario = await openScenario({ hub: lab.planes.hub.client, kubeconfig: lab.planes.hub.kubeconfig, name: 'hook' });
  const { namespace, bare, hub } = scenario;
  const configMap = (word: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: told, namespace: ${namespace} }\ndata: { word: ${word} }\n`;
  await scenario.push({ 'told.yaml': configMap('first') });
  await using remote = await httpGitServer({ root: dirname(bare.path) });
  const port = await freePort();
  await using daemon = scenario.run(
    { env: { LATEEN_HOOK_SECRET: SECRET } },
    '--repo',
    remote.url('origin.git'),
    '--git-schemes',
    'http',
    '--interval',
    '1h',
    '--listen',
    `127.0.0.1:${port}`,
    '--log-level',
    'debug',
  );
  const wordOf = async (): Promise<string | undefined> => ((await hub.find(`configmaps/${namespace}/told`))?.data as { word?: string } | undefined)?.word;
  await until('the first commit', async () => ((await wordOf()) === 'first' ? true : undefined));

  const call = async (id: string, body: string, secret = SECRET): Promise<number> =>
    (
      await fetch(`http://127.0.0.1:${port}/hook`, {
        method: 'POST',
        body,
        headers: {
          'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
          'x-github-delivery': id,
          'x-github-event': 'push',
        },
      })
    ).status;
  await scenario.push({ 'told.yaml': configMap('second') });
  assert.equal(await call('d-1', '{}', 'not-the-secret-at-all'), 401);
  // What the payload names is not fetched: neither another repository nor another commit.
  assert.equal(await call('d-2', JSON.stringify({ after: '0'.repeat(40), repository: { clone_url: 'http://127.0.0.1:9/evil.git' } })), 202);
  await until('the second commit', async () => ((await wordOf()) === 'second' ? true : undefined));
  assert.equal(await call('d-2', '{}'), 200);
  const said = await daemon.stop();
  assert.equal(said.stderr.includes(SECRET) || said.stdout.includes(SECRET), false);
});
