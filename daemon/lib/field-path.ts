/**
 * Paths of fields as KubeVela's policies write them: `spec.replicas`, `spec.template.spec.containers[0].image`,
 * `metadata.annotations[example.com/key]`, `spec.containers[*].image`.
 */
import type { KubeObject } from '../model/object.ts';
import { isRecord } from './json.ts';

/** A field's name, a place in a list, or `*` for all items of a list or all fields of a map. */
export type FieldPath = readonly (string | number)[];

/** Parts of a path. A bracket holds a place, `*`, or a name with dots in it, quoted or not. */
export function parseFieldPath(text: string): FieldPath {
  const parts: (string | number)[] = [];
  for (const [, bracket, quoted, plain] of text
    .matchAll(/\[(?:"([^"]*)"|'([^']*)'|([^\]]*))\]|([^.[\]]+)/g)
    .map((m) => [m[0], m[3], m[1] ?? m[2], m[4]] as const)) {
    if (plain !== undefined) parts.push(plain);
    else if (quoted !== undefined) parts.push(quoted);
    else if (bracket !== undefined) parts.push(/^[0-9]+$/.test(bracket) ? Number(bracket) : bracket);
  }
  return parts;
}

/** The value at a path without `*`; undefined when there is none. */
export function valueAt(value: unknown, path: FieldPath): unknown {
  let here = value;
  for (const part of path) {
    if (Array.isArray(here)) here = here[Number(part)];
    else if (isRecord(here)) here = here[String(part)];
    else return undefined;
  }
  return here;
}

/**
 * The object with the values that `from` has at these paths; where `from` has none, the field is left out. `*` as a
 * whole path gives `from` itself. KubeVela 1.10: apply-once.
 */
export function withValuesOf(object: KubeObject, from: KubeObject, paths: readonly string[]): KubeObject {
  if (paths.includes('*')) return from;
  let out: unknown = object;
  for (const text of paths) for (const path of expand(parseFieldPath(text), from, object)) out = withValue(out, path, valueAt(from, path));
  return out as KubeObject;
}

/** Paths without `*`: every item that either side has. */
function expand(path: FieldPath, ...sides: readonly unknown[]): FieldPath[] {
  const star = path.indexOf('*');
  if (star < 0) return [path];
  const before = path.slice(0, star);
  const keys = new Set<string | number>();
  for (const side of sides) {
    const at = valueAt(side, before);
    if (Array.isArray(at)) at.forEach((_item, index) => keys.add(index));
    else if (isRecord(at)) for (const key of Object.keys(at)) keys.add(key);
  }
  return [...keys].flatMap((key) => expand([...before, key, ...path.slice(star + 1)], ...sides));
}

function withValue(value: unknown, path: FieldPath, leaf: unknown): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return leaf;
  if (Array.isArray(value)) {
    const index = Number(part);
    // An item that the wanted list does not have is not invented.
    return index < value.length ? value.map((item: unknown, at) => (at === index ? withValue(item, rest, leaf) : item)) : value;
  }
  const fields = isRecord(value) ? value : {};
  const key = String(part);
  if (rest.length === 0 && leaf === undefined) {
    const { [key]: _gone, ...others } = fields;
    return others;
  }
  if (leaf === undefined && fields[key] === undefined) return value;
  return { ...fields, [key]: withValue(fields[key], rest, leaf) };
}
