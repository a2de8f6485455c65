// From what one would tell kubectl to a path: the API server's discovery, read when first needed and
// again when a name is not known (a CRD may have come since).
import type { KubeInput } from './client.ts';

export type ResolvedPath = {
  readonly path: string;
  readonly namespace?: string;
  /** A namespaced kind without a namespace or name: everything in the cluster. */
  readonly isAllNamespaces: boolean;
};

export type Paths = {
  /** "deploy/default/web", "deployments.apps", "namespaces/x" or an absolute path, which stays as it is. */
  readonly resolve: (ref: string) => Promise<ResolvedPath>;
  /** The path of an object by its apiVersion, kind, namespace (default "default") and name. */
  readonly pathOf: (object: KubeInput) => Promise<string>;
  /** The path that an object is created under. */
  readonly collectionOf: (object: KubeInput) => Promise<string>;
};

type Resource = {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly shortNames: readonly string[];
  readonly isNamespaced: boolean;
};

type GetJson = <T>(path: string, accept: string) => Promise<T>;

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Builds the resolver over a function that reads JSON. */
export function createPaths(getJson: GetJson): Paths {
  let known: readonly Resource[] | undefined;

  async function lookUp(what: string, matches: (resource: Resource) => boolean): Promise<Resource> {
    const found = known?.find(matches);
    if (found !== undefined) return found;
    known = await discover(getJson);
    const again = known.find(matches);
    if (again === undefined) throw new UnknownKindError(what);
    return again;
  }

  const ofObject = (object: KubeInput): Promise<Resource> => {
    const [group, version] = splitApiVersion(object.apiVersion);
    return lookUp(`${object.apiVersion} ${object.kind}`, (it) => it.group === group && it.version === version && it.kind === object.kind);
  };

  async function collectionOf(object: KubeInput): Promise<string> {
    const resource = await ofObject(object);
    return collectionPath(resource, resource.isNamespaced ? (object.metadata.namespace ?? 'default') : undefined);
  }

  return {
    collectionOf,
    pathOf: async (object) => `${await collectionOf(object)}/${encodeURIComponent(object.metadata.name ?? '')}`,
    resolve: async (ref) => {
      if (ref.startsWith('/')) return { path: ref, isAllNamespaces: false };
      const [name = '', ...rest] = ref.split('/');
      const resource = await lookUp(name, (it) => isCalled(it, name.toLowerCase()));
      const [namespace, objectName] = resource.isNamespaced ? rest : [undefined, ...rest];
      const path = collectionPath(resource, namespace) + (objectName === undefined ? '' : `/${encodeURIComponent(objectName)}`);
      return { path, ...(namespace !== undefined && { namespace }), isAllNamespaces: resource.isNamespaced && namespace === undefined };
    },
  };
}

/** A kind that the API server does not serve (not yet, perhaps). */
export class UnknownKindError extends Error {
  override name = 'UnknownKindError';
  constructor(what: string) {
    super(`the API server does not serve ${what}`);
  }
}

function isCalled(resource: Resource, name: string): boolean {
  const names = [resource.plural, resource.singular, resource.kind.toLowerCase(), ...resource.shortNames];
  return names.some((it) => it === name || `${it}.${resource.group}` === name);
}

function collectionPath(resource: Resource, namespace: string | undefined): string {
  const base = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  return `${base}${namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`}/${resource.plural}`;
}

function splitApiVersion(apiVersion: string): readonly [string, string] {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

/** Aggregated discovery (Kubernetes 1.27 and later): two requests for everything; before that, one per group. */
async function discover(getJson: GetJson): Promise<readonly Resource[]> {
  const [core, groups] = await Promise.all(['/api', '/apis'].map((path) => getJson<AggregatedList | LegacyRoot>(path, `${AGGREGATED},application/json`)));
  if ('items' in core! && 'items' in groups!) return [...core.items, ...groups.items].flatMap(fromAggregated);
  const versions = ['/api/v1', ...(groups as LegacyRoot).groups.flatMap((group) => group.versions.map((it) => `/apis/${it.groupVersion}`))];
  const lists = await Promise.all(versions.map((path) => getJson<LegacyList>(path, 'application/json')));
  return lists.flatMap(fromLegacy);
}

function fromAggregated(group: AggregatedList['items'][number]): readonly Resource[] {
  return group.versions.flatMap(({ version, resources }) =>
    (resources ?? []).map((it) => ({
      group: group.metadata.name ?? '',
      version,
      plural: it.resource,
      singular: it.singularResource ?? '',
      kind: it.responseKind?.kind ?? '',
      shortNames: it.shortNames ?? [],
      isNamespaced: it.scope === 'Namespaced',
    })),
  );
}

function fromLegacy(list: LegacyList): readonly Resource[] {
  const [group, version] = splitApiVersion(list.groupVersion);
  return list.resources
    .filter((it) => !it.name.includes('/'))
    .map((it) => ({ group, version, plural: it.name, singular: it.singularName, kind: it.kind, shortNames: it.shortNames ?? [], isNamespaced: it.namespaced }));
}

type AggregatedList = {
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources?: readonly {
        readonly resource: string;
        readonly singularResource?: string;
        readonly responseKind?: { readonly kind: string };
        readonly scope: 'Namespaced' | 'Cluster';
        readonly shortNames?: readonly string[];
      }[];
    }[];
  }[];
};

type LegacyRoot = { readonly groups: readonly { readonly versions: readonly { readonly groupVersion: string }[] }[] };

type LegacyList = {
  readonly groupVersion: string;
  readonly resources: readonly {
    readonly name: string;
    readonly singularName: string;
    readonly namespaced: boolean;
    readonly kind: string;
    readonly shortNames?: readonly string[];
  }[];
};
