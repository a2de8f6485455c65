/**
 * Git for tests: repositories in temporary directories, a person's work tree, and servers on loopback. Everything is made
 * by the installed git and goes away with `await using`.
 */
import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { sshdBinaries, type SshdBinaries } from '../lab/build-sshd.ts';

const run = promisify(execFile);

/** Nothing of the machine's own configuration, and the same author and committer everywhere. */
function environment(): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.com',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.com',
  };
}

/** Runs git in `directory`; resolves to its standard output. */
export async function git(directory: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run('git', [...args], { cwd: directory, env: environment(), maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

export interface TemporaryDirectory {
  readonly path: string;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** A directory that goes away with its scope. */
export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'lateen-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** A commit as `git log` tells it. */
export interface LoggedCommit {
  readonly sha: string;
  readonly parents: readonly string[];
  readonly author: string;
  readonly subject: string;
  readonly trailers: readonly (readonly [string, string])[];
}

/** A repository as its server sees it. */
export interface BareRepo {
  readonly path: string;
  readonly git: (...args: readonly string[]) => Promise<string>;
  /** Commits of a branch, the newest first; none when there is no such branch. */
  readonly log: (branch: string) => Promise<readonly LoggedCommit[]>;
  /** The content of a file on a branch; null when it is not there. */
  readonly show: (branch: string, path: string) => Promise<string | null>;
  /** Paths of a branch, sorted. */
  readonly files: (branch: string) => Promise<readonly string[]>;
  /** Where a branch points; null when there is no such branch. */
  readonly head: (branch: string) => Promise<string | null>;
}

/** Makes an empty bare repository at `directory`, its default branch `main`. `options` go to `git init`. */
export async function bareRepo(directory: string, ...options: readonly string[]): Promise<BareRepo> {
  await mkdir(directory, { recursive: true });
  await git(directory, 'init', '--quiet', '--bare', '--initial-branch=main', ...options, '.');
  await git(directory, 'config', 'http.receivepack', 'true');
  return openBareRepo(directory);
}

/** The same for a repository that is there already. */
export function openBareRepo(directory: string): BareRepo {
  const head = async (branch: string): Promise<string | null> => {
    const refs = await git(directory, 'for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`);
    return refs.trim() === '' ? null : refs.trim();
  };
  return {
    path: directory,
    git: (...args) => git(directory, ...args),
    head,
    log: async (branch) => {
      if ((await head(branch)) === null) return [];
      const text = await git(directory, 'log', '-z', '--format=%H%x01%P%x01%an <%ae>%x01%s%x01%(trailers:only,unfold)', `refs/heads/${branch}`);
      return text
        .split('\0')
        .filter((entry) => entry !== '')
        .map((entry) => {
          const [sha = '', parents = '', author = '', subject = '', trailers = ''] = entry.split('\x01');
          return {
            sha,
            author,
            subject,
            parents: parents.split(' ').filter((parent) => parent !== ''),
            trailers: trailers
              .split('\n')
              .filter((line) => line !== '')
              .map((line): [string, string] => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
          };
        });
    },
    show: async (branch, path) => {
      if ((await head(branch)) === null) return null;
      const listed = await git(directory, 'ls-tree', '-z', '--full-tree', `refs/heads/${branch}`, '--', path);
      return listed === '' ? null : git(directory, 'cat-file', 'blob', `refs/heads/${branch}:${path}`);
    },
    files: async (branch) =>
      (await git(directory, 'ls-tree', '-r', '-z', '--name-only', `refs/heads/${branch}`))
        .split('\0')
        .filter((path) => path !== '')
        .sort(),
  };
}

/** Where a person works: a clone with files. */
export interface WorkTree {
  readonly path: string;
  readonly git: (...args: readonly string[]) => Promise<string>;
  /** Writes files (null deletes one), commits, and resolves to the commit. */
  readonly commit: (files: Readonly<Record<string, string | Uint8Array | null>>, message?: string) => Promise<string>;
  /** Renames a file and commits. */
  readonly rename: (from: string, to: string) => Promise<string>;
  readonly push: (...args: readonly string[]) => Promise<void>;
}

/** A work tree in `directory` on branch `branch` whose `origin` is `remote` (a path or URL). */
export async function workTree(directory: string, remote: string, branch = 'main'): Promise<WorkTree> {
  await mkdir(directory, { recursive: true });
  const format = (await git(directory, 'ls-remote', remote)).slice(0, 64).trim();
  await git(directory, 'init', '--quiet', `--initial-branch=${branch}`, ...(/^[0-9a-f]{64}$/.test(format) ? ['--object-format=sha256'] : []), '.');
  await git(directory, 'remote', 'add', 'origin', remote);
  await git(directory, 'fetch', '--quiet', 'origin');
  if ((await git(directory, 'branch', '--remotes', '--list', `origin/${branch}`)).trim() !== '')
    await git(directory, 'reset', '--quiet', '--hard', `origin/${branch}`);
  const commitAll = async (message: string): Promise<string> => {
    await git(directory, 'add', '--all');
    await git(directory, 'commit', '--quiet', '--allow-empty', '--message', message);
    return (await git(directory, 'rev-parse', 'HEAD')).trim();
  };
  return {
    path: directory,
    git: (...args) => git(directory, ...args),
    commit: async (files, message = `Change ${Object.keys(files).slice(0, 3).join(', ')}`) => {
      for (const [path, content] of Object.entries(files)) {
        const target = join(directory, path);
        if (content === null) await rm(target, { force: true });
        else {
          await mkdir(dirname(target), { recursive: true });
          await writeFile(target, content);
        }
      }
      return commitAll(message);
    },
    rename: async (from, to) => {
      await mkdir(dirname(join(directory, to)), { recursive: true });
      await rename(join(directory, from), join(directory, to));
      return commitAll(`Rename ${from}`);
    },
    push: async (...args) => {
      await git(directory, 'push', '--quiet', 'origin', ...(args.length > 0 ? args : [branch]));
    },
  };
}

/** A bare repository and a work tree that pushes to it, side by side in `directory`. */
export async function repoWithWorkTree(directory: string): Promise<{ readonly bare: BareRepo; readonly work: WorkTree }> {
  const bare = await bareRepo(join(directory, 'origin.git'));
  return { bare, work: await workTree(join(directory, 'work'), bare.path) };
}

/** A person's key. */
export interface Signer {
  /** As git's configuration wants it. */
  readonly config: Readonly<Record<string, string>>;
  readonly fingerprint: string;
  /** The public key: one line for SSH, armoured for GPG. */
  readonly publicKey: string;
}

/** Whether a program can be run here. */
export async function isInstalled(program: string): Promise<boolean> {
  return run('sh', ['-c', `command -v ${program}`]).then(
    () => true,
    () => false,
  );
}

/** Makes an SSH key `<directory>/<name>`. */
export async function sshSigner(directory: string, name: string): Promise<Signer> {
  const file = join(directory, name);
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
  const { stdout } = await run('ssh-keygen', ['-l', '-f', `${file}.pub`]);
  return {
    config: { 'gpg.format': 'ssh', 'user.signingKey': file },
    fingerprint: stdout.split(' ')[1] ?? '',
    publicKey: (await readFile(`${file}.pub`, 'utf8')).trim(),
  };
}

/** Makes a GPG key in a home of its own, `<directory>/<name>`; its agent ends with the scope. */
export async function gpgSigner(
  directory: string,
  name: string,
  expires = 'never',
): Promise<Signer & { readonly gpg: (...args: readonly string[]) => Promise<string>; readonly [Symbol.asyncDispose]: () => Promise<void> }> {
  const home = join(directory, name);
  await mkdir(home, { recursive: true, mode: 0o700 });
  const gpg = async (...args: readonly string[]): Promise<string> =>
    (await run('gpg', ['--homedir', home, '--batch', '--quiet', '--yes', '--passphrase', '', ...args])).stdout;
  await gpg('--quick-generate-key', `${name} <${name}@example.com>`, 'ed25519', 'sign', expires);
  const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(await gpg('--list-keys', '--with-colons'))?.[1] ?? '';
  const program = join(home, 'run-gpg');
  await writeFile(program, `#!/bin/sh\nexec gpg --homedir '${home}' --batch "$@"\n`);
  await chmod(program, 0o755);
  return {
    config: { 'gpg.format': 'openpgp', 'gpg.program': program, 'user.signingKey': fingerprint },
    fingerprint,
    gpg,
    publicKey: await gpg('--armor', '--export', fingerprint),
    [Symbol.asyncDispose]: async () => {
      await run('gpgconf', ['--homedir', home, '--kill', 'all']).catch(() => {});
    },
  };
}

/** From here on this person commits in the work tree; null: nobody signs. */
export async function signWith(work: WorkTree, signer: Signer | null): Promise<void> {
  await work.git('config', 'commit.gpgSign', String(signer !== null));
  for (const [key, value] of Object.entries(signer?.config ?? {})) await work.git('config', key, value);
}

export interface HttpGitServer {
  readonly port: number;
  /** URL of a repository under the root. */
  readonly url: (repository: string) => string;
  /** `METHOD /path status` of every request so far. */
  readonly requests: readonly string[];
  /** While set, every request gets this answer instead. */
  answer: { readonly statusCode: number; readonly headers?: Readonly<Record<string, string>> } | null;
  /** Called with every request before it is answered. */
  onRequest: (() => void | Promise<void>) | null;
  /** Called after every push that was taken, as a host calls its hooks. */
  onPush: (() => void | Promise<void>) | null;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

export interface HttpGitOptions {
  /** The folder of the repositories. */
  readonly root: string;
  /** The password that is asked for, whatever the user name; absent: everyone may read and write. */
  readonly token?: string;
}

/** A real smart-HTTP Git server on loopback: `git http-backend` behind node:http. */
export async function httpGitServer(options: HttpGitOptions): Promise<HttpGitServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      await state.onRequest?.();
      response.on('finish', () => {
        requests.push(`${request.method} ${request.url} ${response.statusCode}`);
        if (request.method === 'POST' && request.url?.endsWith('/git-receive-pack') === true && response.statusCode === 200) void state.onPush?.();
      });
      if (state.answer !== null) {
        response.writeHead(state.answer.statusCode, state.answer.headers ?? {}).end();
      } else if (options.token !== undefined && !isAllowed(request, options.token)) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('no');
      } else {
        serve(options.root, request, response);
      }
    })();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const state: HttpGitServer = {
    port,
    requests,
    answer: null,
    onRequest: null,
    onPush: null,
    url: (repository) => `http://127.0.0.1:${port}/${repository}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
  return state;
}

function isAllowed(request: IncomingMessage, token: string): boolean {
  const [scheme, encoded = ''] = (request.headers.authorization ?? '').split(' ');
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  return scheme === 'Basic' && pair.slice(pair.indexOf(':') + 1) === token;
}

/** One request through the CGI program that comes with git. */
function serve(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const header = (name: string): string => String(request.headers[name] ?? '');
  const backend = spawn('git', ['http-backend'], {
    env: {
      ...environment(),
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: 'test',
      REMOTE_ADDR: '127.0.0.1',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: header('content-type'),
      CONTENT_LENGTH: header('content-length'),
      HTTP_CONTENT_ENCODING: header('content-encoding'),
      GIT_PROTOCOL: header('git-protocol'),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  backend.stdin.on('error', () => {}); // It may end before it has read everything.
  request.pipe(backend.stdin);
  const chunks: Buffer[] = [];
  backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  backend.on('close', () => {
    const bytes = Buffer.concat(chunks);
    const end = bytes.indexOf('\r\n\r\n');
    let statusCode = 200;
    for (const line of bytes.toString('latin1', 0, Math.max(end, 0)).split('\r\n')) {
      const name = line.slice(0, line.indexOf(':'));
      const value = line.slice(line.indexOf(':') + 1).trim();
      if (name === 'Status') statusCode = Number.parseInt(value, 10);
      else if (name !== '') response.setHeader(name, value);
    }
    response.writeHead(end < 0 ? 500 : statusCode).end(bytes.subarray(end + 4));
  });
}

export interface SshStandIn {
  /** Goes first on PATH. */
  readonly bin: string;
  /** The command lines that `ssh` was called with. */
  readonly calls: () => Promise<readonly string[]>;
}

/**
 * A program named `ssh` that notes its arguments and runs the command on this machine: git's whole SSH transport, but for
 * the wire. For machines where no sshd can be had.
 */
export async function sshStandIn(directory: string): Promise<SshStandIn> {
  const bin = join(directory, 'bin');
  const log = join(directory, 'ssh-calls');
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, 'ssh'), `#!/bin/sh\nprintf '%s\\n' "$*" >> '${log}'\nfor last; do :; done\nexec sh -c "$last"\n`);
  await chmod(join(bin, 'ssh'), 0o755);
  return { bin, calls: async () => (await readFile(log, 'utf8')).split('\n').filter((line) => line !== '') };
}

export interface SshGitServer {
  readonly port: number;
  /** URL of a repository by its absolute path. */
  readonly url: (path: string) => string;
  readonly keyFile: string;
  readonly knownHostsFile: string;
  /** The server's words so far, one line each: who came with which key. */
  readonly said: () => readonly string[];
  /** From here on it shows another host key, as a server that was set up anew, or one in the middle. */
  readonly changeHostKey: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** A real sshd that can be started here, or why there is none, as `NOT RUN: ...` for a test to skip with. */
export async function findSshd(): Promise<SshdBinaries | string> {
  const found = await sshdBinaries();
  if (typeof found === 'string') return `NOT RUN: ${found}`;
  const { program, before } = launch(found);
  // Root asks for a user namespace; some containers have none.
  return before.length === 0 ||
    (await run(program, [...before, 'true']).then(
      () => true,
      () => false,
    ))
    ? found
    : 'NOT RUN: sshd is not installed, and without user namespaces root cannot run an unpacked one';
}

/**
 * How an sshd is started. As root it wants a user `sshd` and a directory below /run, which only an installed one has: an
 * unpacked one runs in a user namespace where we are nobody special, and files of root are our own.
 */
function launch({ sshd, unpacked }: SshdBinaries): {
  readonly program: string;
  readonly before: readonly string[];
  readonly args: readonly string[];
  readonly uid: number;
  readonly gid: number;
} {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  if (unpacked === null || uid !== 0) return { program: sshd, before: [], args: [], uid, gid };
  const before = ['--user', '--map-user=1000', '--map-group=1000', '--'];
  return { program: 'unshare', before, args: [...before, sshd], uid: 1000, gid: 1000 };
}

/** A real sshd on loopback with a key of its own and one key that may enter, both made in `directory`. */
export async function sshGitServer(directory: string, binaries: SshdBinaries): Promise<SshGitServer> {
  const file = (name: string): string => join(directory, name);
  const { program, args, uid, gid } = launch(binaries);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of ['host-key', 'other-host-key', 'user-key']) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file(name)]);
  await writeFile(file('authorized'), await readFile(file('user-key.pub')), { mode: 0o600 });
  await writeFile(file('passwd'), `git:x:${uid}:${gid}::${directory}:/bin/sh\n`);
  await writeFile(file('group'), `git:x:${gid}:\n`);
  const env: Record<string, string> = { PATH: process.env['PATH'] ?? '' };
  if (binaries.unpacked !== null) {
    const { wrapper, libraries } = binaries.unpacked;
    Object.assign(env, { LD_LIBRARY_PATH: libraries.join(':'), LD_PRELOAD: wrapper, NSS_WRAPPER_PASSWD: file('passwd'), NSS_WRAPPER_GROUP: file('group') });
  }
  const port = await freePort();
  const said: string[] = [];
  const listen = async (hostKey: string): Promise<() => Promise<void>> => {
    await writeFile(
      file('config'),
      [
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${file(hostKey)}`,
        `AuthorizedKeysFile ${file('authorized')}`,
        'PasswordAuthentication no',
        'KbdInteractiveAuthentication no',
        'UsePAM no',
        'StrictModes no',
        'PidFile none',
        `SetEnv PATH=${env['PATH']} GIT_CONFIG_NOSYSTEM=1`,
        '',
      ].join('\n'),
    );
    const server = spawn(program, [...args, '-D', '-e', '-f', file('config')], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise<void>((resolve) => {
      server.on('exit', () => {
        resolve();
      });
    });
    let text = '';
    await new Promise<void>((resolve, reject) => {
      server.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        said.push(...lines.map((line) => line.trimEnd()));
        if (lines.some((line) => line.includes('Server listening'))) resolve();
      });
      server.on('error', reject);
      server.on('exit', () => {
        reject(new Error(`sshd ended: ${said.join('\n')}`));
      });
    });
    return async () => {
      server.kill();
      await ended;
    };
  };
  await writeFile(file('known_hosts'), `[127.0.0.1]:${port} ${(await readFile(file('host-key.pub'), 'utf8')).trim()}\n`);
  let stop = await listen('host-key');
  return {
    port,
    keyFile: file('user-key'),
    knownHostsFile: file('known_hosts'),
    said: () => said,
    url: (path) => `ssh://${binaries.unpacked === null ? userInfo().username : 'git'}@127.0.0.1:${port}${path}`,
    changeHostKey: async () => {
      await stop();
      stop = await listen('other-host-key');
    },
    [Symbol.asyncDispose]: () => stop(),
  };
}

/** A port on loopback that nobody listens on. */
export async function freePort(): Promise<number> {
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
