/** Which applications two commits may render differently: what all others ask for need not be rendered to know that it is the same. Pure. */
import { equal, isRecord } from '../lib/json.ts';
import { configuredDialect, DEFAULT_NAMESPACE, type Catalog, type Document } from '../model/catalog.ts';

const nameOf = ({ object }: Document): string => `${object.metadata.namespace ?? DEFAULT_NAMESPACE}/${object.metadata.name ?? ''}`;
const spaceOf = ({ object }: Document): string => object.metadata.namespace ?? DEFAULT_NAMESPACE;

/** Documents that are in one of the commits only, or differ. */
function differing(base: readonly Document[], head: readonly Document[]): readonly Document[] {
  const key = (document: Document): string => `${document.object.kind}/${nameOf(document)}`;
  const [before, after] = [new Map(base.map((item) => [key(item), item])), new Map(head.map((item) => [key(item), item]))];
  return [...head.filter((item) => !equal(before.get(key(item))?.object, item.object)), ...base.filter((item) => !after.has(key(item)))];
}

/** Everything in an Application that names a definition. */
function typesIn(value: unknown, found: Set<string> = new Set()): ReadonlySet<string> {
  if (Array.isArray(value)) for (const item of value) typesIn(item, found);
  else if (isRecord(value)) {
    for (const [key, field] of Object.entries(value)) {
      if (key === 'type' && typeof field === 'string') found.add(field);
      else typesIn(field, found);
    }
  }
  return found;
}

/**
 * `namespace/name` of the applications of either commit that may differ: their documents do, their dialect does, or a
 * document that they are rendered with: a definition of a type that they name, or a Policy or Workflow of their namespace.
 */
export function touchedApplications(base: Catalog, head: Catalog): ReadonlySet<string> {
  const touched = new Set(differing(base.applications, head.applications).map(nameOf));
  const definitions = new Set(differing(base.definitions, head.definitions).map(({ object }) => object.metadata.name ?? ''));
  const spaces = new Set([...differing(base.policies, head.policies), ...differing(base.workflows, head.workflows)].map(spaceOf));
  // Whatever these hold may name definitions as well.
  const shared = new Set([...head.policies, ...head.workflows].map(spaceOf));
  const before = new Map(base.applications.map((document) => [nameOf(document), document]));
  for (const document of head.applications) {
    const name = nameOf(document);
    const was = before.get(name);
    const space = spaceOf(document);
    const isOther = was !== undefined && configuredDialect(base.config, was) !== configuredDialect(head.config, document);
    const usesChanged = definitions.size > 0 && (shared.has(space) || [...typesIn(document.object['spec'])].some((type) => definitions.has(type)));
    if (isOther || spaces.has(space) || usesChanged) touched.add(name);
  }
  for (const item of [...base.broken, ...head.broken]) touched.add(`${item.namespace || DEFAULT_NAMESPACE}/${item.name}`);
  return touched;
}
