/** Where the demo's lines come from: the daemon's log, watches on the hub, the status branch. Nothing is made up. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject, LabClient } from '../lab/client.ts';
import { gitText } from './ground.ts';
import { isKind } from './removal.ts';
import type { Screen } from './screen.ts';

const LOOK_AGAIN_MS = 150;

export type Settlement = 'ready' | 'settled' | 'moving' | 'error';

/** What the daemon said of one pass. */
export interface PassLine {
  readonly commit: string;
  readonly settlement: Settlement;
  readonly status: string | null;
}

interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly commit?: string;
  readonly [field: string]: unknown;
}

export interface LogFollower {
  readonly onLine: (line: string) => void;
  /** Names of what the daemon wrote on the hub before its first pass. */
  readonly installed: () => readonly string[];
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value ?? ''));
const count = (value: unknown, word: string): string => `${Number(value)} ${word}${Number(value) === 1 ? '' : 's'}`;

/** Reads the daemon's log; lines that nobody asked for are shown as they are when they are warnings. */
export function followLog(screen: Screen, onPass: (pass: PassLine) => void): LogFollower {
  let rendered = '';
  let installed: readonly string[] = [];
  const known: Readonly<Record<string, (line: LogLine) => void>> = {
    'hub prepared': (line) => {
      installed = Array.isArray(line['written']) ? line['written'].map(String) : [];
      screen.event('prepared', `${count(installed.filter(isKind).length, 'custom resource definition')} installed on the hub`);
    },
    'waiting for the Lease': (line) => screen.event('lease', `another daemon holds it: ${text(line['holder'])}`, 'waiting'),
    started: () => screen.event('daemon', 'started', 'quiet'),
    'new commit': (line) => screen.event('commit', `${text(line.commit).slice(0, 10)} seen: ${text(line['subject'])} (${text(line['author'])})`),
    rendered: (line) => {
      // Later passes over the same commit render what they look at again.
      if (line.commit === rendered) return;
      rendered = line.commit ?? '';
      screen.event('rendered', `${count(line['applications'], 'application')}, ${count(line['objects'], 'object')}`);
    },
    finding: (line) =>
      screen.event(
        'finding',
        `${text(line['at'] ?? '')}: ${text(line['code'])}: ${text(line['finding'])}${line['hint'] === undefined ? '' : ` (${text(line['hint'])})`}`,
        line.level === 'warn' ? 'bad' : 'waiting',
      ),
    pass: (line) =>
      onPass({ commit: text(line.commit), settlement: line['settlement'] as Settlement, status: typeof line['status'] === 'string' ? line['status'] : null }),
    controller: (line) => screen.event('cloud', `${text(line['object'])}: ${text(line['message']) || 'done'}`, line.level === 'warn' ? 'bad' : 'waiting'),
    'application mirrored': () => {},
  };
  return {
    installed: () => installed,
    onLine: (raw) => {
      let line: LogLine;
      try {
        line = JSON.parse(raw) as LogLine;
      } catch {
        if (raw.trim() !== '') screen.event('daemon', raw, 'bad');
        return;
      }
      const show = Object.hasOwn(known, line.msg ?? '') ? known[line.msg ?? ''] : undefined;
      if (show !== undefined) return show(line);
      if (line.level === 'debug') return;
      const error = line['error'] as { readonly code?: string; readonly message?: string } | undefined;
      screen.event(
        'daemon',
        `${line.msg ?? ''}${error === undefined ? '' : `: ${error.code ?? ''}: ${error.message ?? ''}`}`,
        line.level === 'info' ? 'quiet' : 'waiting',
      );
    },
  };
}

/** Follows one collection for as long as the signal allows: also while its kind is not there yet, or the hub is away. */
async function follow(client: LabClient, ref: string, signal: AbortSignal, onObject: (object: KubeObject, isGone: boolean) => void): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of client.watch(ref, signal))
        if (event.type !== 'BOOKMARK' && event.type !== 'ERROR') onObject(event.object, event.type === 'DELETED');
    } catch {
      /* asked again below: a watch that ends is nothing to tell */
    }
    await sleep(LOOK_AGAIN_MS, undefined, { signal }).catch(() => {});
  }
}

const nameOf = (namespace: string | undefined, name: string): string => (namespace === undefined || namespace === '' ? name : `${namespace}/${name}`);

/** Applications as the hub shows them: phase, steps, what is waited for. */
function showApplications(screen: Screen, instance: string): (object: KubeObject, isGone: boolean) => void {
  const told = new Map<string, string>();
  const tell = (key: string, what: string, line: string, tone?: Parameters<Screen['event']>[2]): void => {
    if (told.get(key) === `${what} ${line}`) return;
    told.set(key, `${what} ${line}`);
    screen.event(what, line, tone);
  };
  return (object, isGone) => {
    if (object.metadata['annotations']?.['lateen.dev/instance'] !== instance) return;
    const name = nameOf(object.metadata.namespace, object.metadata.name);
    if (isGone) return tell(name, 'gone', `Application ${name}`);
    const status = object.status;
    if (status?.status === undefined) return;
    const isStalled = (status.conditions ?? []).some((item: any) => item.type === 'Stalled' && item.status === 'True');
    for (const step of (status.workflow?.steps ?? []).flatMap((item: any) => [...(item.subSteps ?? []), item]) as readonly {
      readonly name: string;
      readonly type: string;
      readonly phase: string;
    }[]) {
      if (['succeeded', 'failed', 'suspending', 'skipped'].includes(step.phase)) {
        // KubeVela calls a step failed that it tries again; what is waited for stands in the next line.
        const isRetried = step.phase === 'failed' && !isStalled;
        tell(
          `${name} ${status.workflow.appRevision ?? ''} ${step.name}`,
          'step',
          `${name}: ${step.name} (${step.type}) ${step.phase}${isRetried ? ' for now, tried again' : ''}`,
          isRetried ? 'waiting' : step.phase === 'failed' ? 'bad' : 'plain',
        );
      }
    }
    const conditions = new Map<string, { readonly status: string; readonly message?: string }>((status.conditions ?? []).map((item: any) => [item.type, item]));
    const ready = conditions.get('Ready');
    const line = `${name}: ${status.status}${ready?.message ? `: ${ready.message}` : ''}`;
    // The conditions follow the phase: what was Ready before a change is told when it is Ready again.
    if (ready?.status === 'True') {
      if (status.status === 'running') tell(name, status.status, `${name}: Ready`, 'good');
    } else if (isStalled) tell(name, 'stalled', line, 'bad');
    else if (ready?.message) tell(name, 'waiting', line, 'waiting');
  };
}

interface ManagedResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly cluster?: string;
}

/** Initializers: what each waits for, and when it has come to its end. */
function showInitializers(screen: Screen, instance: string): (object: KubeObject, isGone: boolean) => void {
  const told = new Map<string, string>();
  return (object, isGone) => {
    const phase = String(object.status?.status ?? '');
    const name = nameOf(object.metadata.namespace, object.metadata.name);
    if (object.metadata['annotations']?.['lateen.dev/instance'] !== instance || phase === '' || isGone || told.get(name) === phase) return;
    told.set(name, phase);
    screen.event('initializer', `${name}: ${phase}`, phase === 'success' ? 'good' : 'waiting');
  };
}

/** Objects that the inventory (ResourceTrackers) names, as they appear, change and become ready on the hub. */
function showObjects(client: LabClient, screen: Screen, instance: string, signal: AbortSignal): (tracker: KubeObject, isGone: boolean) => void {
  const tracked = new Set<string>();
  const live = new Map<string, KubeObject>();
  const applied = new Map<string, number>();
  const ready = new Map<string, number>();
  const kinds = new Set<string>();
  const keyOf = (kind: string, namespace: string | undefined, name: string): string => `${kind} ${nameOf(namespace, name)}`;

  const tell = (key: string): void => {
    const object = live.get(key);
    if (object === undefined || !tracked.has(key)) return;
    const generation = Number(object.metadata['generation'] ?? 0);
    const before = applied.get(key);
    if (before !== generation) screen.event('applied', `${key}${before === undefined ? '' : ' (changed)'}`);
    applied.set(key, generation);
    const wanted = object.status?.desiredNumberScheduled ?? object.spec?.replicas;
    const running = object.status?.numberReady ?? object.status?.readyReplicas;
    if (wanted === undefined || running !== wanted || object.status?.observedGeneration !== generation || ready.get(key) === generation) return;
    ready.set(key, generation);
    screen.event('ready', `${key}: ${running} of ${wanted}`, 'good');
  };
  const watchKind = (kind: string, apiVersion: string): void => {
    if (kinds.has(`${apiVersion} ${kind}`)) return;
    kinds.add(`${apiVersion} ${kind}`);
    const group = apiVersion.includes('/') ? `.${apiVersion.slice(0, apiVersion.indexOf('/'))}` : '';
    void follow(client, `${kind.toLowerCase()}${group}`, signal, (object, isGone) => {
      const key = keyOf(kind, object.metadata.namespace, object.metadata.name);
      if (isGone && applied.delete(key)) screen.event('deleted', key);
      if (isGone) {
        live.delete(key);
        ready.delete(key);
      } else {
        live.set(key, object);
        tell(key);
      }
    });
  };
  return (tracker, isGone) => {
    if (isGone || tracker.metadata['labels']?.['lateen.dev/instance'] !== (instance || 'default')) return;
    for (const item of (tracker.spec?.managedResources ?? []) as readonly ManagedResource[]) {
      const key = keyOf(item.kind, item.namespace, item.name);
      tracked.add(key);
      watchKind(item.kind, item.apiVersion);
      tell(key);
    }
  };
}

/** Shows what happens on the hub until the signal fires. */
export function followHub(client: LabClient, screen: Screen, instance: string, signal: AbortSignal): void {
  void follow(client, 'initializers.core.oam.dev', signal, showInitializers(screen, instance));
  void follow(client, 'applications.core.oam.dev', signal, showApplications(screen, instance));
  void follow(client, 'resourcetrackers.core.oam.dev', signal, showObjects(client, screen, instance, signal));
}

export interface BranchFollower {
  /** Resolves when `sha` was shown. */
  readonly shown: (sha: string) => Promise<void>;
}

/** Shows the commits of the status branch as they arrive in the bare repository. */
export function followBranch(repository: string, branch: string, screen: Screen, signal: AbortSignal): BranchFollower {
  let tip = '';
  const seen = new Set<string>();
  void (async () => {
    while (!signal.aborted) {
      const now = (await readFile(join(repository, 'refs', 'heads', branch), 'utf8').catch(() => '')).trim();
      if (now !== '' && now !== tip) {
        const log = await gitText(repository, 'log', '--reverse', '--format=%H %s', tip === '' ? now : `${tip}..${now}`).catch(() => '');
        for (const line of log.split('\n').filter((item) => item !== '')) {
          seen.add(line.slice(0, line.indexOf(' ')));
          screen.event('status commit', `${line.slice(0, 10)} ${line.slice(line.indexOf(' ') + 1)}`, 'quiet');
        }
        tip = now;
      }
      await sleep(LOOK_AGAIN_MS, undefined, { signal }).catch(() => {});
    }
  })();
  return {
    shown: async (sha) => {
      while (!seen.has(sha) && !signal.aborted) await sleep(LOOK_AGAIN_MS, undefined, { signal }).catch(() => {});
    },
  };
}
