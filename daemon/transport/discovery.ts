/**
 * Which kinds a cluster serves, and under which path.
 *
 * The whole answer is read once, in two requests (aggregated discovery, Kubernetes 1.26 and newer). A kind that is not
 * in it is asked for by its group and version alone: that is one small request, answers at once for a CRD that was
 * just made (the aggregated answer lags behind), and is all there is on older servers.
 */
import { isRecord, parseJson } from '../lib/json.ts';
import { Fault } from '../model/fault.ts';

/** A kind as the cluster serves it. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  /** The word in paths: `deployments`. */
  readonly plural: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly subresources: readonly string[];
}

/** A GET that resolves to null for 404. */
export type ReadPath = (path: string, accept: string, signal: AbortSignal) => Promise<string | null>;

export interface Discovery {
  /** The kind, or null when the cluster does not serve it. */
  readonly find: (apiVersion: string, kind: string, signal: AbortSignal) => Promise<Resource | null>;
  /** The kind that a resource's plural, or its kind in any case, stands for; `group` "" for any: the core group's before others', the preferred version's before others'. */
  readonly findNamed: (group: string, word: string, signal: AbortSignal) => Promise<Resource | null>;
  /** Forgets one kind that turned out to be gone. */
  readonly forget: (apiVersion: string, kind: string) => void;
}

const AGGREGATED =
  ['v2', 'v2beta1'].map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`).join(',') + ',application/json';

export function openDiscovery(read: ReadPath): Discovery {
  const kinds = new Map<string, Resource>();
  let loading: Promise<void> | null = null;
  const asked = new Map<string, Promise<void>>();

  async function loadAll(signal: AbortSignal): Promise<void> {
    const answers = await Promise.all(['/api', '/apis'].map((path) => read(path, AGGREGATED, signal)));
    for (const text of answers) for (const resource of readAggregated(text)) kinds.set(`${resource.apiVersion}/${resource.kind}`, resource);
  }

  async function loadGroupVersion(apiVersion: string, signal: AbortSignal): Promise<void> {
    const text = await read(apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`, 'application/json', signal);
    for (const resource of readClassic(apiVersion, text)) kinds.set(`${resource.apiVersion}/${resource.kind}`, resource);
  }

  // One load for all who wait; a failed one is tried again by the next who asks.
  const loaded = (signal: AbortSignal): Promise<void> =>
    (loading ??= loadAll(signal).catch((error: unknown) => {
      loading = null;
      throw error;
    }));

  return {
    async findNamed(group, word, signal) {
      await loaded(signal);
      const asked = word.toLowerCase();
      const groupOf = ({ apiVersion }: Resource): string => (apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '');
      const named = [...kinds.values()].filter(
        (item) => (item.plural === asked || item.kind.toLowerCase() === asked) && (group === '' || groupOf(item) === group),
      );
      return named.find((item) => groupOf(item) === '') ?? named[0] ?? null;
    },
    async find(apiVersion, kind, signal) {
      const key = `${apiVersion}/${kind}`;
      const known = kinds.get(key);
      if (known !== undefined) return known;
      await loaded(signal);
      if (kinds.has(key)) return kinds.get(key) ?? null;
      let asking = asked.get(apiVersion);
      if (asking === undefined) {
        asking = loadGroupVersion(apiVersion, signal).finally(() => asked.delete(apiVersion));
        asked.set(apiVersion, asking);
      }
      await asking;
      return kinds.get(key) ?? null;
    },
    forget(apiVersion, kind) {
      kinds.delete(`${apiVersion}/${kind}`);
    },
  };
}

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []);
const records = (value: unknown): Readonly<Record<string, unknown>>[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const parse = (text: string | null): Readonly<Record<string, unknown>> => {
  const body = text === null ? null : parseJson(text);
  return isRecord(body) ? body : {};
};

/** Resources of an APIGroupDiscoveryList; none when the server answered in the classic form. */
export function readAggregated(text: string | null): Resource[] {
  const body = parse(text);
  if (body['kind'] !== 'APIGroupDiscoveryList') return [];
  const found: Resource[] = [];
  for (const group of records(body['items'])) {
    const meta = isRecord(group['metadata']) ? group['metadata'] : {};
    const name = typeof meta['name'] === 'string' ? meta['name'] : '';
    for (const version of records(group['versions'])) {
      const apiVersion = name === '' ? String(version['version']) : `${name}/${String(version['version'])}`;
      for (const item of records(version['resources'])) {
        const kind = isRecord(item['responseKind']) ? item['responseKind']['kind'] : undefined;
        if (typeof kind !== 'string' || kind === '') continue;
        const subresources = records(item['subresources']).map((sub) => String(sub['subresource']));
        found.push({
          apiVersion,
          kind,
          plural: String(item['resource']),
          namespaced: item['scope'] === 'Namespaced',
          verbs: texts(item['verbs']),
          subresources,
        });
      }
    }
  }
  return found;
}

/** Resources of one group and version in the classic form; none when the group is not served. */
export function readClassic(apiVersion: string, text: string | null): Resource[] {
  const items = records(parse(text)['resources']);
  const main = items.filter((item) => !String(item['name']).includes('/'));
  return main.map((item) => {
    const plural = String(item['name']);
    const subresources = items
      .map((other) => String(other['name']))
      .filter((name) => name.startsWith(`${plural}/`))
      .map((name) => name.slice(plural.length + 1));
    return { apiVersion, kind: String(item['kind']), plural, namespaced: item['namespaced'] === true, verbs: texts(item['verbs']), subresources };
  });
}

/**
 * The path of a kind's objects, or of one object when `name` is given. `namespace` "" is all namespaces, or none for a
 * cluster-scoped kind. Names are encoded: a ClusterRole may be called `system:foo/bar`.
 */
export function pathTo(resource: Resource, namespace: string, name = '', subresource = ''): string {
  const base = resource.apiVersion.includes('/') ? `/apis/${resource.apiVersion}` : `/api/${resource.apiVersion}`;
  const scope = resource.namespaced && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  for (const part of [namespace, name])
    if (!isPathSegment(part)) throw new Fault('transport/invalid', `"${part}" is not a name: it may not be "." or "..", nor hold "/" or "%"`);
  return `${base}${scope}/${resource.plural}${name === '' ? '' : `/${encodeURIComponent(name)}`}${subresource === '' ? '' : `/${subresource}`}`;
}

/** What the API server itself asks of every name: encoded or not, a "/" would end in another path. */
function isPathSegment(name: string): boolean {
  return name !== '.' && name !== '..' && !/[/%]/.test(name);
}
