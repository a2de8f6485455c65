import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { inspect } from 'node:util';
import type { Credentials } from '../../../daemon/source/credentials.ts';
import type { SshdBinaries } from '../../lab/build-sshd.ts';
import {
  type BareRepo,
  findSshd,
  git,
  httpGitServer,
  repoWithWorkTree,
  type SshGitServer,
  sshGitServer,
  sshStandIn,
  type TemporaryDirectory,
  temporaryDirectory,
} from '../../rig/git.ts';
import { never, openTestSource, statusCommit, testRedactor } from './open.ts';

const TOKEN = 's3cr3t-T0ken/with?signs';
const FORMS = [TOKEN, encodeURIComponent(TOKEN), ...['x-access-token', 'ada'].map((user) => Buffer.from(`${user}:${TOKEN}`).toString('base64'))];

/** The first command line on this machine with a form of the token in it. */
async function leakInProcesses(): Promise<string | null> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (FORMS.some((form) => line.includes(form))) return line.replaceAll('\0', ' ');
  }
  return null;
}

/** Files under `directory` with a form of the token in them. */
async function leaksInFiles(directory: string): Promise<readonly string[]> {
  const entries = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const found: string[] = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const text = await readFile(path, 'latin1');
    if (FORMS.some((form) => text.includes(form))) found.push(path);
  }
  return found;
}

test('a token works and is in no command line, file or error, whichever way it came', async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': '1' });
  await work.push();
  await writeFile(join(dir.path, 'token'), `${TOKEN}\n`);
  await using server = await httpGitServer({ root: dir.path, token: TOKEN });
  const leaks: string[] = [];
  server.onRequest = async () => {
    leaks.push(...[await leakInProcesses()].filter((leak) => leak !== null));
  };
  const url = server.url('origin.git');
  const ways = {
    'a value': [url, { credentials: { token: TOKEN } }],
    'a file': [url, { credentials: { tokenFile: join(dir.path, 'token') } }],
    'the URL': [url.replace('//', `//ada:${encodeURIComponent(TOKEN)}@`), {}],
  } as const;
  for (const [way, [address, options]] of Object.entries(ways)) {
    const redactor = testRedactor();
    const folder = join(dir.path, way);
    await using source = await openTestSource(folder, address, options, redactor);
    const revision = await source.fetch(never);
    assert.equal((await source.tree(revision, never)).files[0]?.text, '1');
    assert.ok(await source.commit(statusCommit({ [`${way}.yaml`]: '1' }), never), way);
    server.answer = { statusCode: 403 };
    const error = await source.fetch(never).then(
      () => assert.fail(),
      (reason: unknown) => reason,
    );
    server.answer = null;
    assert.ok(redactor.learned.has(TOKEN), way);
    assert.equal((error as { readonly code?: string }).code, 'source/auth');
    assert.ok(!FORMS.some((form) => inspect(error, { depth: 9 }).includes(form)), way);
    assert.deepEqual(await leaksInFiles(folder), [], way);
  }
  assert.deepEqual(leaks, []);
  assert.ok(server.requests.some((line) => line.startsWith('POST') && line.endsWith('200')));
  assert.equal((await bare.files('lateen-status')).length, 3);
});

test('a token file is read again for every call', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': '1' });
  await work.push();
  await using server = await httpGitServer({ root: dir.path, token: TOKEN });
  const tokenFile = join(dir.path, 'token');
  await using source = await openTestSource(dir.path, server.url('origin.git'), { credentials: { tokenFile } });
  await assert.rejects(source.fetch(never), { code: 'source/auth', message: /cannot be read: ENOENT/ });
  await writeFile(tokenFile, 'old-token\n');
  await assert.rejects(source.fetch(never), { code: 'source/auth', message: /not these/ });
  await writeFile(tokenFile, `${TOKEN}\n`);
  assert.equal((await source.fetch(never)).branch, 'main');
});

test('a redirect is not followed with credentials', async () => {
  await using dir = await temporaryDirectory();
  await using other = await httpGitServer({ root: dir.path });
  await using server = await httpGitServer({ root: dir.path, token: TOKEN });
  server.answer = { statusCode: 302, headers: { location: `${other.url('origin.git')}/info/refs?service=git-upload-pack` } };
  await using source = await openTestSource(dir.path, server.url('origin.git'), { credentials: { token: TOKEN } });
  await assert.rejects(source.fetch(never), { code: 'source/not-found', message: /another address/ });
  assert.deepEqual(other.requests, []);
});

test('a server that is gone, or never answers, is unreachable', async () => {
  await using dir = await temporaryDirectory();
  const held: Socket[] = [];
  const silent = createServer((socket) => {
    held.push(socket);
  });
  await new Promise<void>((resolve) => {
    silent.listen(0, '127.0.0.1', resolve);
  });
  const { port } = silent.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/origin.git`;
  {
    await using source = await openTestSource(dir.path, url, { remoteTimeoutMs: 300 });
    await assert.rejects(source.fetch(never), { code: 'source/unreachable', message: /no end within/ });
    const stop = new AbortController();
    const running = assert.rejects(source.fetch(stop.signal), { code: 'loop/cancelled' });
    stop.abort();
    await running;
  }
  held.forEach((socket) => {
    socket.destroy();
  });
  await new Promise<void>((resolve) => {
    silent.close(() => {
      resolve();
    });
  });
  await using source = await openTestSource(dir.path, url);
  await assert.rejects(source.fetch(never), { code: 'source/unreachable', kind: 'transient' });
});

test('the password of a proxy is known to the redactor before anything is asked', async () => {
  await using dir = await temporaryDirectory();
  const redactor = testRedactor();
  await using source = await openTestSource(dir.path, dir.path, { environment: { HTTPS_PROXY: 'http://ada:pr0xy%21pass@proxy.example.com:3128' } }, redactor);
  assert.ok(redactor.learned.has('pr0xy!pass') && redactor.learned.has('pr0xy%21pass'));
  assert.equal(source.localDirectory, dir.path);
});

test("nothing of the machine's git configuration and none of its hooks is used", async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': '1' });
  await work.push();
  await writeFile(join(dir.path, 'gitconfig'), `[url "/nowhere/"]\n\tinsteadOf = ${dir.path}/\n`);
  const environment = {
    PATH: process.env['PATH'],
    HOME: dir.path,
    GIT_CONFIG_GLOBAL: join(dir.path, 'gitconfig'),
    GIT_DIR: '/nowhere',
    GIT_SSH_COMMAND: 'false',
  };
  await using source = await openTestSource(dir.path, bare.path, { environment });
  assert.equal((await source.fetch(never)).branch, 'main');
  await writeFile(join(dir.path, 'lateen/repo.git/hooks-were-here'), '');
  assert.equal((await git(join(dir.path, 'lateen/repo.git'), 'config', '--list', '--local', '--name-only')).includes('url'), false);
});

test('over ssh the key, the hosts and nothing else of the machine are used', async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': '1' });
  await work.push();
  const ssh = await sshStandIn(dir.path);
  const environment = { PATH: `${ssh.bin}:${process.env['PATH']}` };
  await using source = await openTestSource(dir.path, `ssh://git@git.example.com:2222${bare.path}`, {
    environment,
    credentials: { sshKeyFile: join(dir.path, "a 'key'"), knownHostsFile: join(dir.path, 'known hosts') },
  });
  assert.equal((await source.fetch(never)).branch, 'main');
  assert.ok(await source.commit(statusCommit({ 'a.yaml': '1' }), never));
  const [call] = await ssh.calls();
  assert.ok(call?.startsWith(`-F /dev/null -i ${dir.path}/a 'key' -o BatchMode=yes`), String(call));
  assert.match(
    String(call),
    /-o IdentitiesOnly=yes -o UserKnownHostsFile=".*known hosts" -o StrictHostKeyChecking=yes .*-p 2222 git@git\.example\.com git-upload-pack/,
  );
  await using trusting = await openTestSource(join(dir.path, '2'), `git@git.example.com:${bare.path}`, { environment, credentials: { acceptNewHosts: true } });
  await trusting.fetch(never);
  assert.match(
    String((await ssh.calls()).at(-1)),
    /UserKnownHostsFile=".*\/home\/known_hosts" -o StrictHostKeyChecking=accept-new .*git@git\.example\.com git-upload-pack/,
  );
});

const sshd = await findSshd();

suite('a real sshd', { skip: typeof sshd === 'string' && sshd }, () => {
  let dir: TemporaryDirectory;
  let server: SshGitServer;
  let bare: BareRepo;
  before(async () => {
    dir = await temporaryDirectory();
    const made = await repoWithWorkTree(dir.path);
    bare = made.bare;
    await made.work.commit({ 'a.yaml': '1' });
    await made.work.push();
    server = await sshGitServer(join(dir.path, 'ssh'), sshd as SshdBinaries);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await dir?.[Symbol.asyncDispose]();
  });
  /** A source of its own with these credentials, in a folder of its own. */
  const open = (name: string, credentials: Credentials, url = server.url(bare.path)): ReturnType<typeof openTestSource> =>
    openTestSource(join(dir.path, name), url, { credentials });

  test('lets the right key in, for what is read and for what is written', async () => {
    await using source = await open('right', { sshKeyFile: server.keyFile, knownHostsFile: server.knownHostsFile });
    assert.equal((await source.fetch(never)).branch, 'main');
    assert.ok(await source.commit(statusCommit({ 'a.yaml': '1' }), never));
    assert.deepEqual(await bare.files('lateen-status'), ['a.yaml']);
    assert.ok(server.said().some((line) => line.startsWith('Accepted publickey for ')));
  });

  test('sends another key away', async () => {
    await using source = await open('keyless', { sshKeyFile: join(dir.path, 'ssh/host-key'), knownHostsFile: server.knownHostsFile });
    await assert.rejects(source.fetch(never), { code: 'source/auth', message: /Permission denied \(publickey\)/ });
  });

  test('is not given a key that others can read, and the reason is told', async () => {
    const open644 = join(dir.path, 'readable-key');
    await writeFile(open644, await readFile(server.keyFile), { mode: 0o644 });
    await using source = await open('readable', { sshKeyFile: open644, knownHostsFile: server.knownHostsFile });
    await assert.rejects(source.fetch(never), { code: 'source/auth', message: /readable-key.*chmod 600/ });
  });

  test('is not asked with a key that is not there or is none', async () => {
    await writeFile(join(dir.path, 'no-key'), 'ssh-ed25519 is something else\n', { mode: 0o600 });
    for (const [name, message] of [
      ['missing-key', /missing-key is not there/],
      ['no-key', /no-key is no private key/],
    ] as const) {
      await using source = await open(`with ${name}`, { sshKeyFile: join(dir.path, name), knownHostsFile: server.knownHostsFile });
      await assert.rejects(source.fetch(never), { code: 'source/auth', message });
    }
  });

  test('has no such repository, and that is told', async () => {
    await using source = await open('absent', { sshKeyFile: server.keyFile, knownHostsFile: server.knownHostsFile }, server.url(join(dir.path, 'absent.git')));
    await assert.rejects(source.fetch(never), { code: 'source/not-found' });
  });

  test('is held to its host key: one that is not known, one that has changed, one that was accepted before', async () => {
    const nobody = join(dir.path, 'nobody');
    await writeFile(nobody, '');
    await using stranger = await open('stranger', { sshKeyFile: server.keyFile, knownHostsFile: nobody });
    await assert.rejects(stranger.fetch(never), { code: 'source/auth', message: /host key is not known.*known_hosts/ });
    await using trusting = await open('trusting', { sshKeyFile: server.keyFile, acceptNewHosts: true });
    await trusting.fetch(never);
    await using strict = await open('strict', { sshKeyFile: server.keyFile, knownHostsFile: server.knownHostsFile });
    await strict.fetch(never);
    const before_ = await bare.head('lateen-status');
    await server.changeHostKey();
    for (const source of [trusting, strict]) {
      await assert.rejects(source.fetch(never), { code: 'source/auth', message: /host key that has changed/ });
      await assert.rejects(source.commit(statusCommit({ 'b.yaml': '2' }), never), { code: 'source/auth' });
    }
    assert.equal(await bare.head('lateen-status'), before_);
  });
});
