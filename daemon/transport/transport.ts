/** Stage 6: objects in clusters. Every fault of it is about one object or one cluster and holds up no other (I12). */
import { hashOf } from '../lib/json.ts';
import { DEFAULT_NAMESPACE } from '../model/catalog.ts';
import { Fault, toFault } from '../model/fault.ts';
import { describeKey, keyText } from '../model/object.ts';
import type { KubeObject, ObjectKey } from '../model/object.ts';
import type { ApplyRequest, Effects, Receipt, Redactor, Transport } from '../model/ports.ts';
import type { Observation } from '../model/status.ts';
import { actingUser, asOurselves } from './acting.ts';
import { applyObject, rehearseObject } from './apply.ts';
import type { ObjectCache } from './cache.ts';
import type { Resource } from './discovery.ts';
import { ApiFault } from './faults.ts';
import type { KubeClient } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import { DELIVERED, placeOf } from './places.ts';

export interface TransportOptions {
  /** The client of a cluster; a fault is that cluster's alone. Called often: keeps what it opened. */
  readonly clusters: (name: string) => Promise<KubeClient>;
  readonly effects: Effects;
  readonly redactor: Redactor;
  /** Keeps watches on what is observed (the daemon); null reads anew every time (`once`). */
  readonly cache: ObjectCache | null;
}

/** From this many objects of a kind on, one list is cheaper than a request for each. */
const LIST_FROM = 8;

export function openTransport(options: TransportOptions): Transport {
  const { effects, redactor } = options;
  const clusters = (name: string): Promise<KubeClient> => asOurselves(() => options.clusters(name));
  const memory = openMemory();

  const learn = (object: KubeObject): KubeObject => {
    if (object.kind === 'Secret' && object.apiVersion === 'v1') redactor.learnSecret(object);
    return object;
  };

  async function observe(keys: readonly ObjectKey[], signal: AbortSignal): Promise<ReadonlyMap<string, Observation>> {
    const out = new Map<string, Observation>();
    const groups = Map.groupBy(keys, (key) => `${key.cluster}|${key.apiVersion}|${key.kind}`);
    await Promise.all([...groups.values()].map((group) => observeKind(group, out, signal)));
    if (signal.aborted) throw new Fault('loop/cancelled', 'cancelled');
    for (const seen of out.values()) if ('live' in seen) learn(seen.live);
    return out;
  }

  async function observeKind(keys: readonly ObjectKey[], out: Map<string, Observation>, signal: AbortSignal): Promise<void> {
    const [first] = keys;
    if (first === undefined) return;
    try {
      const client = await clusters(first.cluster);
      const scope = await client.findResource(first.apiVersion, first.kind, signal);
      // Where the kind is not served there can be no object of it; its CRD may be applied in this very pass.
      if (scope === null) for (const key of keys) out.set(keyText(key), { absent: true });
      else await observeServed(client, scope, keys, out, signal);
    } catch (error) {
      const fault = toFault(error);
      for (const key of keys) if (!out.has(keyText(key))) out.set(keyText(key), { fault });
    }
  }

  async function observeServed(
    client: KubeClient,
    scope: Resource,
    keys: readonly ObjectKey[],
    out: Map<string, Observation>,
    signal: AbortSignal,
  ): Promise<void> {
    const [first] = keys;
    if (first === undefined) return;
    // What is watched was read with our own rights: who acts for another asks anew.
    const cache = actingUser() === '' ? options.cache : null;
    const known =
      cache !== null && scope.verbs.includes('watch')
        ? await cache.read(first.cluster, client, scope, signal)
        : keys.length > LIST_FROM
          ? await listDelivered(client, scope, keys, signal)
          : null;
    const rest: ObjectKey[] = [];
    for (const key of keys) {
      const live = known?.get(placeOf(scope, key));
      if (live === undefined) rest.push(key);
      else out.set(keyText(key), { live });
    }
    const names = rest.length > LIST_FROM ? await listNames(client, scope, rest, signal) : null;
    await Promise.all(
      rest.map(async (key) =>
        out.set(keyText(key), names !== null && !names.has(placeOf(scope, key)) ? { absent: true } : await observeOne(client, key, signal)),
      ),
    );
  }

  async function observeOne(client: KubeClient, key: ObjectKey, signal: AbortSignal): Promise<Observation> {
    try {
      const live = await client.get(key, signal);
      if (live !== null) options.cache?.seen(key, live);
      return live === null ? { absent: true } : { live };
    } catch (error) {
      return { fault: toFault(error) };
    }
  }

  async function apply(request: ApplyRequest, signal: AbortSignal): Promise<Receipt> {
    const { key, live } = request;
    learn(request.object);
    const wantedHash = hashOf(request.object);
    if (live !== null && memory.saysEqual(key, wantedHash, live)) return { key, object: live, changed: false, warnings: memory.warnings(key) };
    const client = await clusters(key.cluster);
    const end = options.cache?.begin(key);
    try {
      const done = await applyObject(client, request, effects, signal);
      memory.remember(key, wantedHash, done.object, done.warnings);
      end?.(learn(done.object));
      return { key, ...done };
    } catch (error) {
      end?.(null);
      throw error;
    }
  }

  async function rehearse(request: ApplyRequest, signal: AbortSignal): Promise<void> {
    const { key, live } = request;
    learn(request.object);
    if (live !== null && memory.saysEqual(key, hashOf(request.object), live)) return;
    await rehearseObject(await clusters(key.cluster), request, signal);
  }

  async function remove(
    key: ObjectKey,
    uid: string,
    propagation: 'cascading' | 'orphan',
    signal: AbortSignal,
    mark: Readonly<Record<string, string>> | null = null,
  ): Promise<boolean> {
    const client = await clusters(key.cluster);
    if ((await client.findResource(key.apiVersion, key.kind, signal)) === null) return true;
    const end = options.cache?.begin(key);
    try {
      const left = await effects.run('delete', describeKey(key), () => removeExactly(client, key, uid, { propagation, mark }, signal));
      memory.forget(key);
      end?.(left ?? { gone: uid });
      return left === null;
    } catch (error) {
      end?.(null);
      throw error;
    }
  }

  return {
    observe,
    apply,
    rehearse,
    remove,
    async list(cluster, apiVersion, kind, namespace, labels, signal) {
      const client = await clusters(cluster);
      const found = await client.list({ apiVersion, kind, namespace, labels }, signal);
      return found.items.map(learn);
    },
    async kindOf(cluster, group, resource, signal) {
      const found = await (await clusters(cluster)).findNamed(group, resource, signal);
      return found === null ? null : { apiVersion: found.apiVersion, kind: found.kind };
    },
    async isNamespaced(cluster, apiVersion, kind, signal) {
      const client = await clusters(cluster);
      return (await client.findResource(apiVersion, kind, signal))?.namespaced ?? null;
    },
  };
}

/** Deletes the object when it has this uid. Null when that one is gone, whatever has the name by now. */
async function removeExactly(
  client: KubeClient,
  key: ObjectKey,
  uid: string,
  { propagation, mark }: { readonly propagation: 'cascading' | 'orphan'; readonly mark: Readonly<Record<string, string>> | null },
  signal: AbortSignal,
): Promise<KubeObject | null> {
  try {
    if (mark !== null) await client.patch(key, 'merge', { metadata: { uid, annotations: mark } }, { fieldManager: FIELD_MANAGER }, signal);
    return await client.delete(key, { uid, propagation: propagation === 'orphan' ? 'Orphan' : 'Background' }, signal);
  } catch (error) {
    if (!(error instanceof ApiFault) || (error.statusCode !== 409 && error.statusCode !== 404)) throw error;
    const live = await client.get(key, signal);
    if (live === null || live.metadata.uid !== uid) return null;
    throw error;
  }
}

/** Everything delivered of one kind, by place; null when it may not be listed, so that each is asked for alone. */
async function listDelivered(
  client: KubeClient,
  scope: Resource,
  keys: readonly ObjectKey[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, KubeObject> | null> {
  const namespaces = new Set(scope.namespaced ? keys.map((key) => key.namespace || DEFAULT_NAMESPACE) : ['']);
  const [only = ''] = namespaces;
  try {
    const found = await client.list(
      { apiVersion: scope.apiVersion, kind: scope.kind, namespace: namespaces.size === 1 ? only : '', labels: DELIVERED },
      signal,
    );
    return new Map(found.items.map((item) => [placeOf(scope, { namespace: item.metadata.namespace ?? '', name: item.metadata.name ?? '' }), item]));
  } catch (error) {
    if (error instanceof Fault && error.code === 'transport/denied') return null;
    throw error;
  }
}

/**
 * The places that are taken, so that a hundred new objects are not asked for one by one; null when there are too many
 * objects or namespaces for that to be cheaper, or it is not allowed.
 */
async function listNames(client: KubeClient, scope: Resource, keys: readonly ObjectKey[], signal: AbortSignal): Promise<ReadonlySet<string> | null> {
  const namespaces = new Set(scope.namespaced ? keys.map((key) => key.namespace || DEFAULT_NAMESPACE) : ['']);
  if (namespaces.size * 4 > keys.length) return null;
  try {
    const lists = await Promise.all(
      [...namespaces].map((namespace) =>
        client.list({ apiVersion: scope.apiVersion, kind: scope.kind, namespace, metadataOnly: true, firstPageOnly: true }, signal),
      ),
    );
    if (lists.some((list) => !list.isComplete)) return null;
    return new Set(
      lists.flatMap((list) => list.items.map((item) => placeOf(scope, { namespace: item.metadata.namespace ?? '', name: item.metadata.name ?? '' }))),
    );
  } catch (error) {
    if (error instanceof Fault && error.code === 'transport/denied') return null;
    throw error;
  }
}

/**
 * What the server made of our last word about each object. The server may store a value otherwise than it was sent, so
 * that a comparison of the two finds a difference for ever; but as long as the same document was applied last and the
 * object has not changed since, there is nothing to do, and no request is made.
 */
function openMemory(): {
  readonly saysEqual: (key: ObjectKey, wantedHash: string, live: KubeObject) => boolean;
  readonly warnings: (key: ObjectKey) => readonly string[];
  readonly remember: (key: ObjectKey, wantedHash: string, answer: KubeObject, warnings: readonly string[]) => void;
  readonly forget: (key: ObjectKey) => void;
} {
  const limit = 100_000;
  const words = new Map<string, { readonly wantedHash: string; readonly version: string; readonly warnings: readonly string[] }>();
  const versionOf = (object: KubeObject): string => `${object.metadata.uid ?? ''}/${object.metadata.resourceVersion ?? ''}`;
  return {
    saysEqual(key, wantedHash, live) {
      const word = words.get(keyText(key));
      return word !== undefined && word.wantedHash === wantedHash && word.version === versionOf(live);
    },
    warnings: (key) => words.get(keyText(key))?.warnings ?? [],
    remember(key, wantedHash, answer, warnings) {
      const oldest = words.keys().next();
      if (words.size >= limit && oldest.done !== true) words.delete(oldest.value);
      words.set(keyText(key), { wantedHash, version: versionOf(answer), warnings });
    },
    forget: (key) => void words.delete(keyText(key)),
  };
}
