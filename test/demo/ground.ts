/** What the demo stands on: a repository with a person's clone, and the daemon as a process of its own. */
import { spawn } from 'node:child_process';
import { access, constants, cp, readdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import type { CloudCredentials } from '../lab/cloud.ts';
import { LabError } from '../lab/lab-error.ts';
import { bareRepo, git, workTree, type BareRepo } from '../rig/git.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const NOT_COPIED = new Set(['.git', 'node_modules']);
const STOP_TIMEOUT_MS = 15_000;

export interface Repository {
  readonly bare: BareRepo;
  /** A clone to edit and push from. */
  readonly clone: string;
  /** The first commit, on main. */
  readonly head: string;
}

/** What cannot end well is said before anything is built. */
export async function refuseMistakes({ documents, kubeconfig }: { readonly documents: string; readonly kubeconfig: string | null }): Promise<void> {
  const files = await readdir(documents, { recursive: true }).catch(() => {
    throw new LabError(`--repo: there is no directory ${documents}`);
  });
  if (!files.some((path) => /\.(?:ya?ml|json)$/.test(path) && !path.split('/').some((part) => NOT_COPIED.has(part))))
    throw new LabError(`--repo: ${documents} has no documents (.yaml, .yml or .json)`);
  if (kubeconfig !== null)
    await access(kubeconfig, constants.R_OK).catch(() => {
      throw new LabError(`--kubeconfig: ${kubeconfig} cannot be read`);
    });
}

/** Makes `directory/origin.git` and `directory/repository`, and pushes a copy of the files in `documents` but those below `without`. */
export async function makeRepository(directory: string, documents: string, without: readonly string[] = []): Promise<Repository> {
  const bare = await bareRepo(join(directory, 'origin.git'));
  const clone = join(directory, 'repository');
  const work = await workTree(clone, bare.path);
  await cp(documents, clone, {
    recursive: true,
    filter: (source) => source === documents || (!NOT_COPIED.has(basename(source)) && !without.includes(relative(documents, source))),
  });
  const head = await work.commit({}, `Copy of ${basename(documents)}`);
  await work.push('-u', 'main');
  await work.git('fetch', '--quiet', 'origin');
  // `git commit` must work in the clone, also for somebody who never told git who they are.
  await work.git('config', 'user.name', 'Ada');
  await work.git('config', 'user.email', 'ada@example.com');
  return { bare, clone, head };
}

/** Runs git on the repository as it is, for its own words. */
export const gitText = (directory: string, ...args: readonly string[]): Promise<string> => git(directory, ...args);

export interface Daemon {
  /** Resolves when the process has ended, with its exit code. */
  readonly ended: Promise<number>;
  readonly stop: () => Promise<void>;
}

export interface DaemonOptions {
  readonly directory: string;
  readonly repository: string;
  readonly kubeconfig: string;
  readonly instance: string;
  readonly statusBranch: string;
  /** The lab's cloud, with its keys; `none`: no cloud and no keys; `real`: Alibaba Cloud, with the keys of the environment. */
  readonly cloud: { readonly endpoint: string; readonly credentials: CloudCredentials } | 'none' | 'real';
  /** Takes the lines of its log: JSON, but for what it says before it can log. */
  readonly onLine: (line: string) => void;
}

/**
 * Starts `lateen run`. It ends with this process, however this one ends: a shell waits on a pipe from us beside it, and
 * sends SIGTERM when the pipe closes. In a process group of its own, so that Ctrl-C reaches us first.
 */
export function startDaemon(options: DaemonOptions): Daemon {
  const cloud = options.cloud;
  // The flags say it all: settings of somebody's own daemon in the environment stay out, but for how CUE is evaluated; and
  // so do the keys of somebody's own account, but where it is meant.
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => (!name.startsWith('LATEEN_') || name.startsWith('LATEEN_CUE_')) && (cloud === 'real' || !/^(?:ALICLOUD|ALIBABA_CLOUD)_/.test(name)),
    ),
  );
  const isLab = typeof cloud === 'object';
  const account = isLab
    ? {
        ALICLOUD_ACCESS_KEY: cloud.credentials.accessKeyId,
        ALICLOUD_SECRET_KEY: cloud.credentials.accessKeySecret,
        ALICLOUD_SECURITY_TOKEN: cloud.credentials.securityToken ?? '',
      }
    : {};
  const child = spawn(
    'sh',
    [
      '-c',
      'exec 3<&0; "$@" </dev/null 3<&- & pid=$!; { read -r _ <&3; kill -TERM $pid 2>/dev/null; } & exec 3<&-; wait $pid',
      'sh',
      process.execPath,
      join(ROOT, 'daemon', 'main.ts'),
      'run',
      '--repo',
      options.repository,
      '--branch',
      'main',
      '--status-branch',
      options.statusBranch,
      '--instance',
      options.instance,
      '--kubeconfig',
      options.kubeconfig,
      '--work-dir',
      join(options.directory, 'work'),
      '--git-schemes',
      'file',
      '--log-format',
      'json',
      '--log-level',
      'debug',
      ...(isLab ? ['--cloud-endpoint', `http://${cloud.endpoint}`, '--cloud-poll', '500ms'] : []),
    ],
    { stdio: ['pipe', 'ignore', 'pipe'], detached: true, env: { ...environment, ...account } },
  );
  const { promise: ended, resolve } = Promise.withResolvers<number>();
  child.once('exit', (code) => {
    child.stdin.destroy();
    resolve(code ?? 1);
  });
  child.once('error', () => {
    resolve(1);
  });
  child.stdin.on('error', () => {}); // It may be gone already.
  createInterface({ input: child.stderr }).on('line', options.onLine);
  return {
    ended,
    stop: async () => {
      child.stdin.end();
      const timer = setTimeout(() => {
        // The group is ours alone: the shell and the daemon.
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      }, STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
