// The lab: real Kubernetes control planes on this machine, started from TypeScript, without containers.
// Pods, nodes and load balancer addresses are simulated (kwok); the API server and its controllers are real.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { readWrites, type Write } from './audit.ts';
import { labBinaries } from './build.ts';
import { type LabClient, openClient } from './client.ts';
import type { KeeperReport, KeeperSpec } from './keeper.ts';
import { LabError } from './lab-error.ts';
import { planeFiles } from './parts.ts';
import { kubeconfigForUser } from './plane-setup.ts';
import { endProcess, isRunning } from './process.ts';
import { type PlaneState, readState, removeState } from './state.ts';

export { LabError } from './lab-error.ts';

export type StartOptions = {
  /** A DNS label; the folder below `dir` has this name too. */
  readonly name: string;
  /** The lab's folder. What a former run of that name left there is used again, data included. */
  readonly dir: string;
  /** false: etcd and the API server only (no pods, no garbage collection, namespaces never go away); default true. */
  readonly nodes?: boolean;
  /** false: outlives this process, until `stop` or `lab down`; default true: ends with this process, even by kill -9. */
  readonly owned?: boolean;
  /** true: the folder is removed at the end. */
  readonly ephemeral?: boolean;
  /** true: the API server notes every write, for `writes`; default false. */
  readonly audit?: boolean;
  /** More flags for kube-apiserver ("--max-requests-inflight=50"). */
  readonly apiServerFlags?: readonly string[];
  /** Takes lines of progress; default: nowhere, except for a first build, which goes to standard error. */
  readonly report?: (line: string) => void;
  readonly signal?: AbortSignal;
};

/** One running control plane. */
export type ControlPlane = AsyncDisposable & {
  readonly name: string;
  readonly directory: string;
  /** https://127.0.0.1:PORT; stays the same while the API server is away. */
  readonly server: string;
  /** A file with full rights (system:masters). */
  readonly kubeconfig: string;
  /** A client with full rights; see client.ts. */
  readonly client: LabClient;
  /** Which processes it consists of, now. */
  readonly state: () => Promise<PlaneState>;
  /** Writes a kubeconfig for a user without rights other than those RBAC gives to it or its groups, and gives the file. */
  readonly kubeconfigFor: (user: string, groups?: readonly string[]) => Promise<string>;
  /** Every write since the first start, oldest first (needs `audit`): by whom, what, with what answer. */
  readonly writes: () => Promise<readonly Write[]>;
  /** kill -9 to the API server: connections break, the port refuses; the data stays in etcd. */
  readonly stopApiServer: () => Promise<void>;
  /** Starts it again on the same port and waits until it is ready. */
  readonly startApiServer: () => Promise<void>;
  /** The API server stops answering but keeps its connections, as behind a lost network. */
  readonly freezeApiServer: () => Promise<void>;
  readonly thawApiServer: () => Promise<void>;
  /** Ends all its processes; the folder stays, unless it is ephemeral. */
  readonly stop: () => Promise<void>;
};

/**
 * Starts a control plane and waits until it can run pods (about 3 s; the first time ever it builds the
 * binaries, about 7 min).
 * @throws LabError where it cannot start, with the reason and the end of the log in question
 */
export async function startControlPlane(options: StartOptions): Promise<ControlPlane> {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(options.name))
    throw new LabError(`"${options.name}" is no name for a control plane: use lower-case letters, digits and "-"`);
  const hasNodes = options.nodes ?? true;
  const directory = join(resolve(options.dir), options.name);
  const binaries = await labBinaries(hasNodes ? 'full' : 'api', options.report);
  options.signal?.throwIfAborted();
  const running = await readState(directory);
  if (running !== undefined && isRunning(running.keeper)) throw new LabError(`control plane ${options.name} is up already in ${directory}`);
  await endLeftovers(directory);
  await mkdir(dirname(planeFiles(directory).log('keeper')), { recursive: true });
  const state = await launchKeeper(
    {
      name: options.name,
      directory,
      binaries,
      hasNodes,
      isOwned: options.owned ?? true,
      isEphemeral: options.ephemeral ?? false,
      isAudited: options.audit ?? false,
      apiServerFlags: options.apiServerFlags ?? [],
    },
    (text) => options.report?.(`lab: ${options.name}: ${text}`),
    options.signal,
  );
  return controlPlaneOf(directory, state);
}

/** Gives the control planes that are up in a lab's folder, by name; a folder that does not exist holds none. */
export async function runningControlPlanes(dir: string): Promise<ReadonlyMap<string, ControlPlane>> {
  const found = new Map<string, ControlPlane>();
  for (const directory of await planeDirectories(dir)) {
    const state = await readState(directory);
    if (state !== undefined && isRunning(state.keeper)) found.set(state.name, await controlPlaneOf(directory, state));
  }
  return found;
}

/**
 * Ends every control plane of a lab's folder, also what a killed keeper left, and removes their folders.
 * @param options.keep leaves the folders, so that the next start finds the data
 * @returns the names
 */
export async function takeDown(dir: string, options: { readonly keep?: boolean } = {}): Promise<readonly string[]> {
  const directories = await planeDirectories(dir);
  const running = await runningControlPlanes(dir);
  await Promise.all([...running.values()].map((plane) => plane.stop()));
  for (const directory of directories) {
    await endLeftovers(directory);
    if (options.keep !== true) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
  return directories.map((directory) => basename(directory));
}

/** Folders below `dir` that a control plane runs in, or did when its keeper was killed. */
async function planeDirectories(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const directories = entries.filter((entry) => entry.isDirectory()).map((entry) => join(resolve(dir), entry.name));
  return directories.filter((directory) => existsSync(planeFiles(directory).state));
}

/** The control planes of one test file, by name, and the folder they are in. */
export type Lab<Name extends string> = AsyncDisposable & {
  readonly planes: Readonly<Record<Name, ControlPlane>>;
  readonly stop: () => Promise<void>;
};

/**
 * Starts control planes for one test file, in a temporary folder that is removed at the end.
 *
 *     const lab = await useLab(['hub', 'edge'])
 *     after(() => lab.stop())        // or, inside one test: await using lab = await useLab(['hub'])
 *     await lab.planes.hub.client.list('deploy')
 *
 * LATEEN_LAB_KEEP=1 leaves the folder (logs, data) and says where it is.
 */
export async function useLab<const Name extends string>(
  names: readonly Name[],
  options: Pick<StartOptions, 'nodes' | 'audit' | 'apiServerFlags' | 'signal'> = {},
): Promise<Lab<Name>> {
  await labBinaries(options.nodes === false ? 'api' : 'full'); // once, before several ask at the same time
  const isKept = process.env['LATEEN_LAB_KEEP'] === '1';
  const dir = await mkdtemp(join(tmpdir(), 'lateen-lab-'));
  if (isKept) process.stderr.write(`lab: kept in ${dir}\n`);
  const started = await Promise.allSettled(names.map((name) => startControlPlane({ ...options, name, dir, ephemeral: !isKept })));
  const planes: Partial<Record<Name, ControlPlane>> = {};
  for (const [index, result] of started.entries()) if (result.status === 'fulfilled') planes[names[index]!] = result.value;
  const stop = async () => {
    await Promise.all(
      Object.values<ControlPlane | undefined>(planes).map(async (plane) => {
        await plane?.stop();
      }),
    );
    if (!isKept) await rm(dir, { recursive: true, force: true });
  };
  const failed = started.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { planes: planes as Record<Name, ControlPlane>, stop, [Symbol.asyncDispose]: stop };
}

/** Ends what a control plane left behind whose keeper is gone: exactly the processes it recorded. */
async function endLeftovers(directory: string): Promise<void> {
  const state = await readState(directory);
  if (state === undefined) return;
  for (const { pid, startedAt } of state.parts) if (pid !== undefined && startedAt !== undefined) await endProcess({ pid, startedAt });
  await removeState(directory);
}

async function controlPlaneOf(directory: string, state: PlaneState): Promise<ControlPlane> {
  const client = await openClient(state.kubeconfig);
  const order = (path: string) => sendOrder(state, path);
  const stop = async () => {
    client.close();
    if (isRunning(state.keeper)) {
      await order('/down').catch(() => {}); // it may be ending already; what counts is that it ends
      await endProcess(state.keeper, 'SIGTERM', 15_000);
    }
    await endLeftovers(directory);
  };
  return {
    name: state.name,
    directory,
    server: state.server,
    kubeconfig: state.kubeconfig,
    client,
    state: async () => JSON.parse(await order('/state')) as PlaneState,
    kubeconfigFor: async (user, groups = []) => {
      const file = `${planeFiles(directory).kubeconfig}.${encodeURIComponent(user)}`;
      await writeFile(file, await kubeconfigForUser(state.name, directory, state.server, user, groups), { mode: 0o600 });
      return file;
    },
    writes: () => readWrites(planeFiles(directory).audit),
    stopApiServer: async () => void (await order('/api-server/stop')),
    startApiServer: async () => void (await order('/api-server/start')),
    freezeApiServer: async () => void (await order('/api-server/freeze')),
    thawApiServer: async () => void (await order('/api-server/thaw')),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function launchKeeper(spec: KeeperSpec, report: (text: string) => void, signal?: AbortSignal): Promise<PlaneState> {
  const log = openSync(planeFiles(spec.directory).log('keeper'), 'a');
  const child = spawn(process.execPath, [join(import.meta.dirname, 'keeper.ts'), JSON.stringify(spec)], {
    // Standard input is the leash: it closes when this process is gone, however it went. Standard error
    // goes to a file: whoever waits for the end of ours must not wait for a keeper that stays.
    stdio: [spec.isOwned ? 'pipe' : 'ignore', 'pipe', log],
    // Keeps the keeper from loading what strips types from its files: 30 MB less.
    env: { ...(spec.binaries.source === 'cache' && { NODE_COMPILE_CACHE: join(dirname(spec.binaries.paths.etcd), 'node') }), ...process.env },
    detached: true, // Ctrl-C in a terminal must reach the keeper through us, not etcd directly
  });
  closeSync(log);
  const abort = () => child.kill('SIGTERM');
  signal?.addEventListener('abort', abort, { once: true });
  try {
    for await (const line of createInterface({ input: child.stdout! })) {
      const said = JSON.parse(line) as KeeperReport;
      if (said.kind === 'ready') return said.state;
      if (said.kind === 'failed') throw new LabError(`control plane ${spec.name} did not start: ${said.text}`);
      report(said.text);
    }
    signal?.throwIfAborted();
    throw new LabError(`control plane ${spec.name} did not start: its keeper ended without a word; see ${spec.directory}/logs`);
  } finally {
    signal?.removeEventListener('abort', abort);
    child.stdout!.destroy();
    // A test that forgot to stop its control plane can still end, and the control plane ends with it.
    child.unref();
    (child.stdin as { unref?: () => void } | null)?.unref?.();
  }
}

async function sendOrder(state: PlaneState, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: state.control.port,
      path,
      method: 'POST',
      agent: false,
      headers: { authorization: `Bearer ${state.control.token}` },
    };
    request(options, (reply) => {
      reply.toArray().then((chunks) => {
        const text = Buffer.concat(chunks as Buffer[]).toString('utf8');
        if (reply.statusCode === 200) resolve(text);
        else reject(new LabError(`control plane ${state.name}, ${path}: ${text || reply.statusCode}`));
      }, reject);
    })
      .once('error', reject)
      .end();
  });
}
