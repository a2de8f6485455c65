/** Where the definition of a type is found: the repository, then the hub, then the built-in pack of the dialect. */
import type { DefinitionKind, Dialect, Document, Locate } from '../model/catalog.ts';
import { SYSTEM_NAMESPACE } from '../model/catalog.ts';
import type { JsonObject, KubeObject } from '../model/object.ts';
import { hashOf } from '../lib/json.ts';

/** A definition in use. */
export interface Definition {
  readonly name: string;
  readonly kind: DefinitionKind;
  readonly object: KubeObject;
  readonly template: string;
  readonly from: 'repository' | 'hub' | 'pack';
  /** Where it is written; absent unless it is in the repository. */
  readonly locate: Locate | null;
  /** Hash of its spec. */
  readonly hash: string;
}

/** Definitions that are not in the repository. `pack` is keyed by dialect, then `Kind/name`. */
export interface KnownDefinitions {
  readonly hub: readonly KubeObject[];
  readonly pack: ReadonlyMap<Dialect, ReadonlyMap<string, KubeObject>>;
}

export interface Definitions {
  /**
   * The definition of a type as an Application in `namespace` sees it. KubeVela: its own namespace first, then
   * vela-system; a ComponentDefinition falls back to a WorkloadDefinition of that name.
   */
  readonly find: (dialect: Dialect, kind: DefinitionKind, type: string, namespace: string) => Definition | null;
  /** Every name of a kind that could have been meant, for "did you mean". */
  readonly names: (dialect: Dialect, kind: DefinitionKind, namespace: string) => readonly string[];
}

const field = (value: unknown, name: string): unknown => (value !== null && typeof value === 'object' ? (value as JsonObject)[name] : undefined);

/** The CUE text of a definition; "" where it has none. KubeVela, both dialects: `extension.template` is its old place. */
export function templateOf(object: KubeObject | undefined): string {
  const spec = object?.['spec'];
  const template = field(field(field(spec, 'schematic'), 'cue'), 'template') ?? field(field(spec, 'extension'), 'template');
  return typeof template === 'string' ? template : '';
}

/** How a component is made that no CUE template makes and Lateen does not: `helm` or `kube` (KubeVela 1.1); else null. */
export function otherSchematicOf(object: KubeObject): string | null {
  const schematic = field(object['spec'], 'schematic');
  return ['helm', 'kube'].find((name) => field(schematic, name) !== undefined && field(schematic, name) !== null) ?? null;
}

function definition(object: KubeObject, from: Definition['from'], locate: Locate | null): Definition {
  return {
    name: object.metadata.name ?? '',
    kind: object.kind as DefinitionKind,
    object,
    from,
    locate,
    template: templateOf(object),
    hash: hashOf(object['spec'] ?? null),
  };
}

/** Puts the three places together. A name is looked for in the Application's namespace before vela-system. */
export function definitionsOf(repository: readonly Document[], known: KnownDefinitions): Definitions {
  const found = new Map<string, Definition>();
  const key = (kind: string, namespace: string, name: string): string => `${kind}/${namespace}/${name}`;
  const add = (map: Map<string, Definition>, item: Definition): void => {
    const at = key(item.kind, item.object.metadata.namespace ?? SYSTEM_NAMESPACE, item.name);
    if (!map.has(at)) map.set(at, item);
  };
  const inRepository = new Map<string, Definition>();
  for (const document of repository) add(inRepository, definition(document.object, 'repository', document.locate));
  const onHub = new Map<string, Definition>();
  for (const object of known.hub) add(onHub, definition(object, 'hub', null));
  const packs = new Map([...known.pack].map(([dialect, pack]) => [dialect, new Map([...pack].map(([at, object]) => [at, definition(object, 'pack', null)]))]));

  const lookUp = (dialect: Dialect, kind: DefinitionKind, type: string, namespace: string): Definition | null => {
    for (const place of [inRepository, onHub]) {
      const item = place.get(key(kind, namespace, type)) ?? place.get(key(kind, SYSTEM_NAMESPACE, type));
      if (item !== undefined) return item;
    }
    return packs.get(dialect)?.get(`${kind}/${type}`) ?? null;
  };
  return {
    find: (dialect, kind, type, namespace) => {
      const at = `${dialect}/${kind}/${type}/${namespace}`;
      const hit = found.get(at);
      if (hit !== undefined) return hit;
      const item = lookUp(dialect, kind, type, namespace) ?? (kind === 'ComponentDefinition' ? lookUp(dialect, 'WorkloadDefinition', type, namespace) : null);
      if (item !== null) found.set(at, item);
      return item;
    },
    names: (dialect, kind, namespace) => {
      const all = new Set<string>();
      for (const place of [inRepository, onHub]) {
        for (const item of place.values()) {
          const at = item.object.metadata.namespace ?? SYSTEM_NAMESPACE;
          if (item.kind === kind && (at === namespace || at === SYSTEM_NAMESPACE)) all.add(item.name);
        }
      }
      for (const item of packs.get(dialect)?.values() ?? []) if (item.kind === kind) all.add(item.name);
      return [...all].sort();
    },
  };
}

/** The kind of workload that a ComponentDefinition declares. */
export function workloadOf(object: KubeObject): { readonly apiVersion: string; readonly kind: string } {
  const declared = field(field(field(object['spec'], 'workload'), 'definition'), 'apiVersion');
  const kind = field(field(field(object['spec'], 'workload'), 'definition'), 'kind');
  return { apiVersion: typeof declared === 'string' ? declared : '', kind: typeof kind === 'string' ? kind : '' };
}

/** The status templates of a definition. */
export function statusTemplatesOf(object: KubeObject): { readonly healthPolicy?: string; readonly customStatus?: string; readonly details?: string } {
  const status = field(object['spec'], 'status');
  const text = (name: string): Record<string, string> => {
    const value = field(status, name);
    return typeof value === 'string' && value !== '' ? { [name]: value } : {};
  };
  return { ...text('healthPolicy'), ...text('customStatus'), ...text('details') };
}
