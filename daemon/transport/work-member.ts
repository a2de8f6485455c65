/** A member as the work agent sees it: its live objects, read in bulk where that pays, and its writes, each one effect. */
import { hashOf, isRecord, parseJson } from '../lib/json.ts';
import { Fault } from '../model/fault.ts';
import { describeKey } from '../model/object.ts';
import type { KubeObject, ObjectKey } from '../model/object.ts';
import type { Effect, Effects, Redactor } from '../model/ports.ts';
import { pathTo } from './discovery.ts';
import type { Resource } from './discovery.ts';
import { ApiFault } from './faults.ts';
import type { KubeClient, Target } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import { DELIVERED } from './places.ts';
import type { WorkMemory } from './work-memory.ts';
import { apiVersionOf } from './work-model.ts';

export interface Member {
  readonly name: string;
  readonly client: KubeClient;
  readonly memory: WorkMemory;
  /** As the object was at the start of the tend; null when it is absent, or taken to be: a creation will tell. */
  readonly read: (manifest: KubeObject, scope: Resource, signal: AbortSignal) => Promise<KubeObject | null>;
  /** As it is now. */
  readonly readNow: (target: Target, signal: AbortSignal) => Promise<KubeObject | null>;
  /** By its plural, as an AppliedManifestWork names it; null when there is none, or its kind is not served. */
  readonly readPlural: (name: PluralName, signal: AbortSignal) => Promise<KubeObject | null>;
  /** True once it is gone, also when another has its name by now. */
  readonly removePlural: (name: PluralName, uid: string, signal: AbortSignal) => Promise<boolean>;
  readonly mergePlural: (name: PluralName, patch: unknown, signal: AbortSignal) => Promise<void>;
  readonly write: <T>(kind: Effect, what: KubeObject, write: () => Promise<T>) => Promise<T>;
  readonly keyOf: (object: KubeObject) => ObjectKey;
}

export interface PluralName {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** From this many objects of a kind on, one list is cheaper than a request for each. */
const LIST_FROM = 8;

export interface MemberOptions {
  readonly name: string;
  readonly client: KubeClient;
  readonly effects: Effects;
  readonly redactor: Redactor;
  readonly memory: WorkMemory;
}

/**
 * Opens the view for one tend. `manifests` are all that will be asked for: kinds with many of them are listed once, by
 * the label that everything delivered carries. Faults: transport/*.
 */
export async function viewMember(options: MemberOptions, manifests: readonly KubeObject[], signal: AbortSignal): Promise<Member> {
  const { client, effects, redactor } = options;
  const learn = (object: KubeObject | null): KubeObject | null => {
    if (object?.kind === 'Secret' && object.apiVersion === 'v1') redactor.learnSecret(object);
    return object;
  };
  for (const manifest of manifests) learn(manifest);
  const lists = await readLists(client, manifests, signal);
  for (const list of lists.values()) for (const object of list.values()) learn(object);

  async function askPlural(method: 'GET' | 'DELETE' | 'PATCH', name: PluralName, body: unknown, signal: AbortSignal): Promise<KubeObject | null> {
    const scope: Resource = {
      apiVersion: apiVersionOf(name.group, name.version),
      kind: name.resource,
      plural: name.resource,
      namespaced: name.namespace !== '',
      verbs: [],
      subresources: [],
    };
    const subject = {
      what: `${name.resource} ${name.namespace === '' ? '' : `${name.namespace}/`}${name.name}`,
      verb: method.toLowerCase(),
      secret: name.resource === 'secrets' && name.group === '',
    };
    const query = method === 'PATCH' ? `?fieldManager=${FIELD_MANAGER}` : '';
    try {
      const answer = await client.raw(
        {
          method,
          path: `${pathTo(scope, name.namespace, name.name)}${query}`,
          subject,
          repeatable: true,
          ...(body === undefined ? {} : { body }),
          ...(method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {}),
        },
        signal,
      );
      const object = parseJson(answer.text);
      return isRecord(object) && object['kind'] !== 'Status' ? (object as unknown as KubeObject) : null;
    } catch (error) {
      if (error instanceof ApiFault && error.statusCode === 404) return null;
      throw error;
    }
  }

  const member: Member = {
    name: options.name,
    client,
    memory: options.memory,
    async read(manifest, scope, signal) {
      const { kind, apiVersion, metadata } = manifest;
      const namespace = scope.namespaced ? (metadata.namespace ?? '') : '';
      const list = lists.get(`${apiVersion}/${kind}`);
      const listed = list?.get(`${namespace}/${metadata.name ?? ''}`);
      if (listed !== undefined) return listed;
      if (list !== undefined && metadata.labels?.[DELIVERED] !== undefined) return null;
      return member.readNow({ apiVersion, kind, namespace, name: metadata.name ?? '' }, signal);
    },
    readNow: async (target, signal) => learn(await client.get(target, signal)),
    readPlural: async (name, signal) => learn(await askPlural('GET', name, undefined, signal)),
    removePlural: (name, uid, signal) =>
      effects.run('delete', `${name.resource} ${name.namespace === '' ? '' : `${name.namespace}/`}${name.name} on ${options.name}`, async () => {
        try {
          const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid }, propagationPolicy: 'Background' };
          await askPlural('DELETE', name, body, signal);
        } catch (error) {
          // Another object has the name by now: the one that was recorded is gone.
          if (error instanceof ApiFault && error.statusCode === 409) return true;
          throw error;
        }
        const left = await askPlural('GET', name, undefined, signal);
        return left === null || left.metadata.uid !== uid;
      }),
    mergePlural: (name, patch, signal) =>
      effects.run(
        'apply',
        `${name.resource} ${name.namespace === '' ? '' : `${name.namespace}/`}${name.name} on ${options.name}`,
        async () => void (await askPlural('PATCH', name, patch, signal)),
      ),
    write: (kind, what, write) => effects.run(kind, describeKey(member.keyOf(what)), write),
    keyOf: (object) => ({
      cluster: options.name,
      apiVersion: object.apiVersion,
      kind: object.kind,
      namespace: object.metadata.namespace ?? '',
      name: object.metadata.name ?? '',
    }),
  };
  return member;
}

/** By `apiVersion/Kind`, then by `namespace/name`; kinds that are few, not served or not to be listed are left out. */
async function readLists(
  client: KubeClient,
  manifests: readonly KubeObject[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ReadonlyMap<string, KubeObject>>> {
  const groups = Map.groupBy(
    manifests.filter((manifest) => manifest.metadata.labels?.[DELIVERED] !== undefined),
    (manifest) => `${manifest.apiVersion}/${manifest.kind}`,
  );
  const many = [...groups].filter(([, group]) => group.length > LIST_FROM);
  const lists = await Promise.all(many.map(async ([kind, group]) => [kind, await readList(client, group, signal)] as const));
  return new Map(lists.filter((entry): entry is readonly [string, ReadonlyMap<string, KubeObject>] => entry[1] !== null));
}

async function readList(client: KubeClient, group: readonly KubeObject[], signal: AbortSignal): Promise<ReadonlyMap<string, KubeObject> | null> {
  const [first] = group;
  if (first === undefined || (await client.findResource(first.apiVersion, first.kind, signal)) === null) return null;
  const namespaces = new Set(group.map((manifest) => manifest.metadata.namespace ?? ''));
  const [only = ''] = namespaces;
  try {
    const found = await client.list(
      { apiVersion: first.apiVersion, kind: first.kind, namespace: namespaces.size === 1 ? only : '', labels: DELIVERED },
      signal,
    );
    return new Map(found.items.map((item) => [`${item.metadata.namespace ?? ''}/${item.metadata.name ?? ''}`, item]));
  } catch (error) {
    if (error instanceof Fault && error.code === 'transport/denied' && !(error instanceof ApiFault && error.statusCode === 401)) return null;
    throw error;
  }
}

/** One word for a document with what else decides what is written. */
export const documentHash = (...parts: readonly unknown[]): string => hashOf(parts);
