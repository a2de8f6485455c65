/**
 * Objects as watches see them, so that a pass reads memory instead of the API server, and so that drift and health are
 * seen when they happen.
 *
 * One reflector per cluster and kind, started by the first read, for objects that carry the label `app.oam.dev/name`, and a
 * second one for documents, which carry `lateen.dev/documents`, started by the first of them that is seen:
 *
 *   starting ── listed ──> live ── watch ended ──> live (goes on from the last resourceVersion)
 *       ^                   │
 *       │ waited, or a      │ error, or 410: the version is too old
 *       │ reader came       v
 *       └──────────────── broken: readers get the next attempt's outcome, fresh objects or the fault
 *
 *   denied (no right to list or watch them all): readers ask for each object alone, tried again after 5 min.
 */
import { DOCUMENTS_LABEL } from '../lib/stamp.ts';
import { LOCAL, type KubeObject, type ObjectKey } from '../model/object.ts';
import type { Clock } from '../model/ports.ts';
import type { Resource } from './discovery.ts';
import type { KubeClient } from './kube.ts';
import { withoutFieldLists } from './managed-fields.ts';
import { DELIVERED, placeOf } from './places.ts';
import { beginIn, isNewer, isObject, objectsOf, reflect, type Answer, type Reflector } from './reflector.ts';

export interface ObjectCache extends AsyncDisposable {
  /**
   * Delivered objects of one kind by `namespace/name` (`/name` where it is cluster-scoped). Starts watching the kind when
   * it does not yet. Null where it may not be watched. Faults: transport/* when the cluster cannot be asked now.
   */
  readonly read: (cluster: string, client: KubeClient, scope: Resource, signal: AbortSignal) => Promise<Pick<ReadonlyMap<string, KubeObject>, 'get'> | null>;
  /** Says that an object was asked for alone: when it is a document, those of its kind are watched from now on. */
  readonly seen: (key: ObjectKey, object: KubeObject) => void;
  /**
   * Says that a write of ours begins, whose echo is no news: the watch often tells of it before the server answers.
   * The result is to be called with the answer: then the next read is not older than that.
   */
  readonly begin: (key: ObjectKey) => EndOfWrite;
}

export type EndOfWrite = (answer: Answer) => void;

export interface CacheOptions {
  readonly clock: Clock;
  /** Told of every change that was not our own write. Must return at once. */
  readonly onChange: (key: ObjectKey) => void;
}

/** Kinds of one cluster that are watched; more are asked for object by object (I7). */
const KINDS = 64;

export function openCache(options: CacheOptions): ObjectCache {
  const reflectors = new Map<string, Map<string, Reflector>>();

  function reflectorFor(cluster: string, client: KubeClient, scope: Resource, label: string): Reflector | null {
    const kinds = reflectors.get(cluster) ?? new Map<string, Reflector>();
    reflectors.set(cluster, kinds);
    const name = nameOf(scope.apiVersion, scope.kind, label);
    const present = kinds.get(name);
    if (present !== undefined && present.client === client) return present;
    present?.stop.abort();
    if (present === undefined && kinds.size >= KINDS) return null;
    const made: Reflector = {
      client,
      scope,
      label,
      objects: new Map(),
      dropped: new Map(),
      writing: new Map(),
      stop: new AbortController(),
      state: 'starting',
      version: '',
      attempt: Promise.withResolvers(),
      wake: () => undefined,
      done: Promise.resolve(),
    };
    kinds.set(name, made);
    const tell = (object: KubeObject): void =>
      options.onChange({
        cluster,
        apiVersion: scope.apiVersion,
        kind: scope.kind,
        namespace: object.metadata.namespace ?? '',
        name: object.metadata.name ?? '',
      });
    made.done = reflect(made, options.clock, tell).finally(() => {
      if (kinds.get(name) === made) kinds.delete(name);
    });
    return made;
  }

  const find = (key: ObjectKey, label: string): Reflector | undefined => reflectors.get(key.cluster)?.get(nameOf(key.apiVersion, key.kind, label));

  function seen(key: ObjectKey, object: KubeObject): void {
    const delivered = find(key, DELIVERED);
    if (delivered === undefined || key.cluster !== LOCAL || object.metadata.labels?.[DOCUMENTS_LABEL] === undefined) return;
    const made = find(key, DOCUMENTS_LABEL) ?? reflectorFor(key.cluster, delivered.client, delivered.scope, DOCUMENTS_LABEL);
    // What the first list lacks was deleted since.
    if (made?.state === 'starting') made.objects.set(placeOf(made.scope, key), withoutFieldLists(object));
  }

  return {
    async read(cluster, client, scope, signal) {
      const kinds = reflectors.get(cluster);
      const [delivered, documents] = await Promise.all([
        objectsOf(reflectorFor(cluster, client, scope, DELIVERED), signal),
        kinds?.has(nameOf(scope.apiVersion, scope.kind, DOCUMENTS_LABEL)) === true
          ? objectsOf(reflectorFor(cluster, client, scope, DOCUMENTS_LABEL), signal)
          : null,
      ]);
      if (delivered === null || documents === null) return delivered ?? documents;
      return { get: (place) => newest(delivered.get(place), documents.get(place)) };
    },
    seen,
    begin(key) {
      const ends = [DELIVERED, DOCUMENTS_LABEL].flatMap((label) => find(key, label) ?? []).map((reflector) => beginIn(reflector, key));
      return (answer) => {
        // Its own echo is in the watch that it starts, and is told: whoever wrote it looks once more.
        if (answer !== null && isObject(answer)) seen(key, answer);
        if (ends.map((end) => end(answer)).includes(true)) options.onChange(key);
      };
    },
    async [Symbol.asyncDispose]() {
      const all = [...reflectors.values()].flatMap((kinds) => [...kinds.values()]);
      for (const reflector of all) reflector.stop.abort();
      await Promise.all(all.map((reflector) => reflector.done));
    },
  };
}

const nameOf = (apiVersion: string, kind: string, label: string): string => `${apiVersion}/${kind} ${label}`;

const newest = (a: KubeObject | undefined, b: KubeObject | undefined): KubeObject | undefined =>
  a === undefined || (b !== undefined && isNewer(b, a)) ? b : a;
