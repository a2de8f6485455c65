/**
 * The real daemon as a process of its own, and a repository with a person at it: what end-to-end tests stand on. Nothing
 * here knows how the daemon works inside; it is looked at through its exit code, its output, Git and the hub.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadAll } from 'js-yaml';
import type { KubeObject, LabClient } from '../lab/client.ts';
import { repoWithWorkTree, temporaryDirectory, type BareRepo, type WorkTree } from './git.ts';

const MAIN = join(import.meta.dirname, '../../daemon/main.ts');
const CRASH_MAIN = join(import.meta.dirname, 'crash-main.ts');

/** Kills the process (SIGKILL) right before or after the n-th effect of a kind, counted from 1. */
export interface Cut {
  readonly when: 'before' | 'after';
  readonly effect: string;
  readonly nth: number;
}

export interface DaemonOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Runs through the rig's own main, which counts effects, and cuts when it is told to. */
  readonly crash?: { readonly cut?: Cut; readonly traceFile?: string };
}

/** One line of the log, as it was written. */
export type LogLine = { readonly msg?: string; readonly level?: string; readonly [field: string]: unknown };

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Daemon extends AsyncDisposable {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Lines of the log so far. */
  readonly logs: () => readonly LogLine[];
  /** Waits for a line of the log; throws with everything that was said when the time is up or the process has ended. */
  readonly untilLog: (accept: (line: LogLine) => boolean, timeoutMs?: number) => Promise<LogLine>;
  /** SIGTERM, and what it ended with. */
  readonly stop: () => Promise<Ended>;
  /** SIGKILL. */
  readonly kill: () => Promise<Ended>;
}

/** Nothing of the person's own settings; the built evaluator is found where it always is. */
function environment(): Record<string, string> {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    XDG_CACHE_HOME: cache,
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(cache, 'lateen', 'node'),
  };
}

/** A daemon that lives for seconds gains nothing from an evaluator compiled twice: half of its CPU time goes there. */
const NODE_FLAGS = ['--liftoff-only'];

/** Starts the daemon with these arguments. */
export function startDaemon(args: readonly string[], options: DaemonOptions = {}): Daemon {
  const { crash } = options;
  const env = {
    ...environment(),
    ...options.env,
    ...(crash?.cut === undefined ? {} : { RIG_CUT: `${crash.cut.when} ${crash.cut.effect} ${crash.cut.nth}` }),
    ...(crash?.traceFile === undefined ? {} : { RIG_TRACE: crash.traceFile }),
  };
  const child = spawn(process.execPath, [...NODE_FLAGS, crash === undefined ? MAIN : CRASH_MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  let heard: () => void = () => {};
  let isEnded = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    heard();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => {
      isEnded = true;
      heard();
      resolve({ code, signal, stdout, stderr });
    });
  });
  const logs = (): readonly LogLine[] =>
    stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as LogLine];
        } catch {
          return []; // Half a line so far.
        }
      });
  const end = (signal: NodeJS.Signals) => async (): Promise<Ended> => {
    if (!isEnded) child.kill(signal);
    return ended;
  };
  return {
    pid: child.pid ?? -1,
    ended,
    logs,
    stdout: () => stdout,
    stderr: () => stderr,
    stop: end('SIGTERM'),
    kill: end('SIGKILL'),
    untilLog: async (accept, timeoutMs = 30_000) => {
      const endMs = performance.now() + timeoutMs;
      for (;;) {
        const found = logs().find(accept);
        if (found !== undefined) return found;
        if (isEnded || performance.now() > endMs)
          throw new Error(`the daemon ${isEnded ? 'has ended and' : ''} did not say so; it said:\n${stderr}\n${stdout}`);
        await new Promise<void>((resolve) => {
          heard = resolve;
          setTimeout(resolve, 200).unref();
        });
      }
    },
    // A test that is through need not wait for the daemon to leave in good order.
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')()),
  };
}

/** Runs the daemon to its end. */
export async function runDaemon(args: readonly string[], options: DaemonOptions = {}): Promise<Ended> {
  await using daemon = startDaemon(args, options);
  return await daemon.ended;
}

/** Asks again and again until there is an answer that is not undefined; what `look` throws counts as "not yet". */
export async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined, timeoutMs = 30_000): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    let failure: unknown;
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > endMs) throw new Error(`${what}: not within ${timeoutMs / 1000} s`, { cause: failure });
    await sleep(50);
  }
}

/** One test's own repository, namespace, daemon instance and work directory, on a hub that it shares with others. */
export interface Scenario extends AsyncDisposable {
  readonly namespace: string;
  readonly instance: string;
  readonly statusBranch: string;
  readonly directory: string;
  readonly bare: BareRepo;
  readonly work: WorkTree;
  readonly hub: LabClient;
  /** Writes files (null deletes), commits and pushes; resolves to the commit. */
  readonly push: (files: Readonly<Record<string, string | null>>, message?: string) => Promise<string>;
  /** `lateen once --wait` to its end. */
  readonly once: (...args: readonly string[]) => Promise<Ended>;
  /** Any verb to its end, with the scenario's settings. */
  readonly verb: (name: string, options: DaemonOptions, ...args: readonly string[]) => Promise<Ended>;
  /** `lateen run`. */
  readonly run: (options?: DaemonOptions, ...args: readonly string[]) => Daemon;
  /** The flags that every verb with a hub gets. */
  readonly flags: readonly string[];
  /** The status file of an application of the namespace, parsed; null when there is none. */
  readonly status: (name: string, namespace?: string) => Promise<StatusFile | null>;
  readonly repositoryStatus: () => Promise<StatusFile | null>;
  /** Waits until the status file of an application is as it should be. */
  readonly untilStatus: (name: string, accept: (status: StatusFile | null) => boolean, timeoutMs?: number) => Promise<StatusFile | null>;
}

/** A file of the status branch, loosely typed: tests reach into it freely. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type StatusFile = Record<string, any>;

export interface ScenarioOptions {
  readonly hub: LabClient;
  readonly kubeconfig: string;
  /** Begins the names of namespace and instance. */
  readonly name: string;
  /** False: the namespace is not made beforehand. */
  readonly withNamespace?: boolean;
  /** The instance's name; default: one of its own. "" is a daemon without a name. */
  readonly instance?: string;
}

/** Opens a scenario; everything of it but the namespace on the hub goes away with its scope. */
export async function openScenario(options: ScenarioOptions): Promise<Scenario> {
  const { hub } = options;
  const namespace = `${options.name}-${randomBytes(3).toString('hex')}`;
  const instance = options.instance ?? namespace;
  const directory = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(directory.path);
  if (options.withNamespace !== false) await hub.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const statusBranch = instance === '' ? 'lateen-status' : `lateen-status-${instance}`;
  const flags = [
    '--repo',
    bare.path,
    '--kubeconfig',
    options.kubeconfig,
    '--work-dir',
    join(directory.path, 'lateen'),
    ...(instance === '' ? [] : ['--instance', instance]),
    '--log-format',
    'json',
    '--cue-workers',
    '1',
  ];
  const daemons: Daemon[] = [];
  const read = async (path: string): Promise<StatusFile | null> => {
    const text = await bare.show(statusBranch, path);
    return text === null ? null : (loadAll(text)[0] as StatusFile);
  };
  const status = (name: string, inNamespace = namespace): Promise<StatusFile | null> => read(`applications/${inNamespace}/${name}.yaml`);
  return {
    namespace,
    instance,
    statusBranch,
    directory: directory.path,
    bare,
    work,
    hub,
    flags,
    status,
    repositoryStatus: () => read('repository.yaml'),
    push: async (files, message) => {
      const sha = await work.commit(files, message);
      await work.push();
      return sha;
    },
    once: (...args) => runDaemon(['once', ...flags, '--wait', '60s', ...args]),
    verb: (name, daemonOptions, ...args) => runDaemon([name, ...flags, ...args], daemonOptions),
    run: (daemonOptions = {}, ...args) => {
      const daemon = startDaemon(['run', ...flags, '--interval', '5s', ...args], daemonOptions);
      daemons.push(daemon);
      return daemon;
    },
    untilStatus: async (name, accept, timeoutMs = 30_000) => {
      let last: StatusFile | null = null;
      const found = await until(
        `status of ${name}`,
        async () => {
          last = await status(name);
          return accept(last) ? { last } : undefined;
        },
        timeoutMs,
      ).catch((error: unknown) => {
        throw new Error(
          `${error instanceof Error ? error.message : ''}; last: ${JSON.stringify(last)?.slice(0, 3000)}; the daemon said:\n${daemons.map((daemon) => daemon.stderr().slice(-3000)).join('\n')}`,
          { cause: error },
        );
      });
      return found.last;
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** Everything of a namespace that somebody asked for, by `Kind/name`: nothing that a controller made by itself. */
export async function objectsOf(hub: LabClient, namespace: string): Promise<ReadonlyMap<string, KubeObject>> {
  const found = new Map<string, KubeObject>();
  const lists = await Promise.all(
    [
      'deployments',
      'services',
      'configmaps',
      'secrets',
      'jobs',
      'statefulsets',
      'persistentvolumeclaims',
      'applications.core.oam.dev',
      'applicationrevisions.core.oam.dev',
    ].map((kind) => hub.list(`${kind}/${namespace}`)),
  );
  for (const object of lists.flat()) {
    if (object.kind === 'ConfigMap' && object.metadata.name === 'kube-root-ca.crt') continue;
    found.set(`${object.kind}/${object.metadata.name}`, object);
  }
  const trackers = await hub.list('resourcetrackers.core.oam.dev', `app.oam.dev/namespace=${namespace}`);
  for (const tracker of trackers) found.set(`ResourceTracker/${tracker.metadata.name}`, tracker);
  return found;
}

/** Names of {@link objectsOf}, sorted. */
export const namesOf = async (hub: LabClient, namespace: string): Promise<readonly string[]> => [...(await objectsOf(hub, namespace)).keys()].sort();
