/**
 * The clone that a person works in, with their own git: their configuration, keys, hooks and agent, unlike everything else
 * in this folder. Door: processes and files.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from '../model/fault.ts';
import { generationPatterns, generations } from './generations.ts';

export interface OwnClone {
  /** The root of the work tree. */
  readonly top: string;
  /** A file of the work tree; null when it is not there. */
  readonly read: (path: string) => Promise<string | null>;
  /** A file of the status branch, of its newest generation: of the remote's, fetched anew where it answers, else of a branch here; null when it is not there. */
  readonly readStatus: (branch: string, path: string) => Promise<string | null>;
  /** Writes one new file and commits it alone, signed or not; what else is staged or changed stays as it is. Gives the commit. */
  readonly commitNew: (path: string, content: string, message: string, options: { readonly sign: boolean }) => Promise<string>;
  readonly push: () => Promise<void>;
  /** Whether there is anywhere to push to: a daemon may as well follow this very repository. */
  readonly hasRemote: () => Promise<boolean>;
}

/** Opens the work tree around `directory`. Faults: source/not-found; its methods: source/git, config/invalid. */
export async function openOwnClone(directory: string, environment: Readonly<Record<string, string | undefined>>, signal: AbortSignal): Promise<OwnClone> {
  const git = (cwd: string, ...args: readonly string[]): Promise<Ran> => run('git', args, cwd, environment, signal);
  const found = await git(directory, 'rev-parse', '--show-toplevel').catch((error: unknown) => {
    throw new Fault('source/not-found', `${directory} is no directory, or git is not installed`, { cause: error, kind: 'invalid' });
  });
  if (found.exitCode !== 0)
    throw new Fault(
      'source/not-found',
      `${directory} is in no work tree of Git: an Approval is committed in your own clone; run it there, or name the clone with --repo`,
      { kind: 'invalid' },
    );
  const top = found.stdout.trim();
  const must = async (doing: string, ...args: readonly string[]): Promise<string> => {
    const done = await git(top, ...args);
    if (done.exitCode !== 0)
      throw new Fault('source/git', `${doing}: ${withoutUserinfo(done.stderr.trim() || done.stdout.trim()).slice(0, 1000)}`, { kind: 'denied' });
    return done.stdout;
  };
  const remoteName = async (): Promise<string> => {
    const upstream = await git(top, 'rev-parse', '--abbrev-ref', '--symbolic-full-name', '@{upstream}');
    return upstream.exitCode === 0 ? (upstream.stdout.trim().split('/')[0] ?? 'origin') : 'origin';
  };
  return {
    top,
    read: (path) =>
      readFile(join(top, path), 'utf8').catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }),
    readStatus: async (branch, path) => {
      const remote = await remoteName();
      const listed = await git(top, 'ls-remote', '--quiet', '--refs', remote, ...generationPatterns(branch).map((name) => `refs/heads/${name}`));
      const [newest] = generations(
        branch,
        listed.stdout.split('\n').map((line) => line.slice(line.indexOf('\t') + 1).replace('refs/heads/', '')),
      );
      if (newest !== undefined) await git(top, 'fetch', '--quiet', '--no-tags', remote, `+refs/heads/${newest}:refs/remotes/${remote}/${newest}`);
      // The daemon may follow this very repository: then its branch is here and on no remote.
      const folders = [`refs/remotes/${remote}/`, 'refs/heads/'];
      const refs = (await git(top, 'for-each-ref', '--format=%(refname)', ...folders)).stdout.split('\n');
      const found = folders.map((folder) => ({
        folder,
        name: generations(
          branch,
          refs.filter((ref) => ref.startsWith(folder)).map((ref) => ref.slice(folder.length)),
        )[0],
      }));
      const last = generations(
        branch,
        found.flatMap(({ name }) => name ?? []),
      )[0];
      for (const { folder, name } of found) {
        if (name === undefined || name !== last) continue;
        const shown = await git(top, 'show', `${folder}${name}:${path}`);
        if (shown.exitCode === 0) return shown.stdout;
      }
      return null;
    },
    commitNew: async (path, content, message, { sign }) => {
      const file = join(top, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content, { flag: 'wx' }).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        throw new Fault('config/invalid', `${path} is there already; remove it, or give another --name`);
      });
      try {
        await must(`adding ${path}`, 'add', '--', path);
        await must(`committing ${path}`, 'commit', '--quiet', sign ? '--gpg-sign' : '--no-gpg-sign', '--message', message, '--only', '--', path);
      } catch (error) {
        // As it was before: a second try must not stumble over the first.
        await git(top, 'reset', '--quiet', '--', path);
        await rm(file, { force: true });
        throw sign && error instanceof Fault && /\b(?:sign|key\b)/i.test(error.message)
          ? new Fault(error.code, `${error.message}\n${HOW_TO_SIGN}`, { kind: error.kind, cause: error })
          : error;
      }
      return (await must('reading the commit', 'rev-parse', 'HEAD')).trim();
    },
    push: async () => {
      await must('pushing', 'push', '--quiet');
    },
    hasRemote: async () => (await git(top, 'remote')).stdout.trim() !== '',
  };
}

const HOW_TO_SIGN =
  'Give your git a key: `git config gpg.format ssh && git config user.signingkey ~/.ssh/id_ed25519`; or, where nobody asks for signatures, say --unsigned.';

interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** More output than this is cut off (I7). */
const OUTPUT_MAX = 1 << 20;

/** stdin stays the person's: a passphrase may be asked for. */
function run(
  program: string,
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], { cwd, env: { ...environment, LC_ALL: 'C' }, stdio: ['inherit', 'pipe', 'pipe'], signal });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(0, OUTPUT_MAX);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(0, OUTPUT_MAX);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ exitCode: code ?? 1, stdout, stderr }));
  });
}

/** git repeats a remote's URL in its errors, with what stands in it. */
const withoutUserinfo = (text: string): string => text.replaceAll(/\/\/[^/@\s]+@/g, '//***@');
