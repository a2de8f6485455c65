/** An API server in memory, behind the client's own words: for what writes a few objects at a time. */
import { mergePatch } from '../../../../daemon/lib/json.ts';
import { Fault } from '../../../../daemon/model/fault.ts';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import type { Clock, Effects, Objects } from '../../../../daemon/model/ports.ts';
import { ApiFault } from '../../../../daemon/transport/faults.ts';
import { targetOf, type KubeClient, type Target } from '../../../../daemon/transport/kube.ts';

export interface MemoryCluster {
  readonly client: KubeClient;
  readonly objects: Map<string, KubeObject>;
  /** Puts an object there as somebody else. */
  readonly put: (object: KubeObject) => void;
  readonly find: (kind: string, name: string, namespace?: string) => KubeObject | undefined;
  /** Kinds that are not served. */
  readonly unserved: Set<string>;
  /** Answers of other requests by `METHOD path`; a Fault is thrown. */
  readonly answers: Map<string, string | Fault>;
}

const CLUSTER_SCOPED = new Set([
  'Namespace',
  'ClusterRole',
  'ClusterRoleBinding',
  'ManagedCluster',
  'ManagedClusterSet',
  'CertificateSigningRequest',
  'Klusterlet',
  'CustomResourceDefinition',
]);

export function memoryCluster(server: string): MemoryCluster {
  const objects = new Map<string, KubeObject>();
  const unserved = new Set<string>();
  const answers = new Map<string, string | Fault>([['GET /version', JSON.stringify({ gitVersion: 'v1.36.3' })]]);
  let version = 0;
  const place = ({ kind, name, namespace }: Pick<Target, 'kind' | 'name' | 'namespace'>): string =>
    `${kind} ${CLUSTER_SCOPED.has(kind) ? '' : `${namespace || 'default'}/`}${name}`;
  const store = (object: KubeObject): KubeObject => {
    const target = targetOf(object);
    version += 1;
    const { uid = `uid-${version}`, creationTimestamp = '2026-11-23T05:00:00Z' } = objects.get(place(target))?.metadata ?? {};
    const stored = { ...object, metadata: { ...object.metadata, uid, creationTimestamp, resourceVersion: String(version) } };
    objects.set(place(target), stored);
    return stored;
  };
  const written = (object: KubeObject): { object: KubeObject; warnings: readonly string[] } => ({ object: store(object), warnings: [] });
  const missing = (target: Target): ApiFault =>
    new ApiFault('transport/gone', `${place(target)} not found`, { statusCode: 404, reason: 'NotFound', causes: [] });
  const unused = (): never => {
    throw new Error('not in this test');
  };
  const client: KubeClient = {
    server,
    raw: async ({ method, path }) => {
      const answer = answers.get(`${method} ${path}`);
      if (answer === undefined) throw new Error(`nobody answers ${method} ${path}`);
      if (answer instanceof Fault) throw answer;
      return { statusCode: 200, headers: {}, text: answer };
    },
    findNamed: async () => null,
    findResource: async (apiVersion, kind) =>
      unserved.has(kind)
        ? null
        : ({ apiVersion, kind, namespaced: !CLUSTER_SCOPED.has(kind), verbs: ['list', 'watch'] } as unknown as Awaited<ReturnType<KubeClient['findResource']>>),
    resource: unused,
    expectKind: (_apiVersion, kind) => void unserved.delete(kind),
    get: async (target) =>
      unserved.has(target.kind) ? Promise.reject(new Fault('transport/no-kind', `no ${target.kind}`)) : (objects.get(place(target)) ?? null),
    list: async ({ kind, namespace, labels = '', fields = '' }) => ({
      items: [...objects.values()].filter(
        (one) =>
          one.kind === kind &&
          (namespace === '' || one.metadata.namespace === namespace) &&
          (fields === '' || fields === `metadata.name=${one.metadata.name ?? ''}`) &&
          labels.split(',').every((label) => {
            const [key = '', value] = label.split('=');
            return key === '' || (value === undefined ? one.metadata.labels?.[key] !== undefined : one.metadata.labels?.[key] === value);
          }),
      ),
      resourceVersion: String(version),
      isComplete: true,
    }),
    apply: async (object) => written(mergePatch(objects.get(place(targetOf(object))) ?? {}, object) as unknown as KubeObject),
    create: async (object) => {
      if (objects.has(place(targetOf(object))))
        throw new ApiFault('transport/gone', 'already exists', { statusCode: 409, reason: 'AlreadyExists', causes: [] });
      return written(object);
    },
    replace: unused,
    patch: async (target, _type, body) => {
      const live = objects.get(place(target));
      if (live === undefined) throw missing(target);
      return written(mergePatch(live, body) as unknown as KubeObject);
    },
    delete: async (target) => {
      const live = objects.get(place(target));
      if (live === undefined || (live.metadata.finalizers ?? []).length === 0) objects.delete(place(target));
      else store({ ...live, metadata: { ...live.metadata, deletionTimestamp: '2026-11-23T05:00:00Z' } });
      return objects.get(place(target)) ?? null;
    },
    watch: unused,
    [Symbol.asyncDispose]: async () => {},
  };
  return {
    client,
    objects,
    unserved,
    answers,
    put: (object) => void store(object),
    find: (kind, name, namespace = '') => objects.get(place({ kind, name, namespace })),
  };
}

/** The port {@link Objects} over a client. */
export function objectsOf(client: KubeClient): Objects {
  const manager = { fieldManager: 'lateen', force: true };
  return {
    server: client.server,
    get: (target, signal) => client.get(target, signal),
    list: async (apiVersion, kind, labels, signal) => (await client.list({ apiVersion, kind, namespace: '', labels }, signal)).items,
    apply: async (object, signal) => (await client.apply(object, manager, signal)).object,
    patch: async (target, body, signal, subresource) =>
      (await client.patch(target, 'merge', body, { ...manager, ...(subresource === undefined ? {} : { subresource }) }, signal)).object,
    remove: async (target, signal) => void (await client.delete(target, {}, signal)),
  };
}

/** Effects that are written down, and a clock that a test turns. */
export function noted(nowMs: number): { readonly effects: Effects; readonly done: string[]; readonly clock: Clock; readonly time: { nowMs: number } } {
  const done: string[] = [];
  const time = { nowMs };
  return {
    done,
    time,
    effects: {
      run: (kind, subject, effect) => {
        done.push(`${kind} ${subject}`);
        return effect();
      },
    },
    clock: { now: () => time.nowMs, random: () => 0.5, sleep: () => Promise.resolve() },
  };
}
