/**
 * JSON as Lateen handles it: exact integers, one text per value, patches and differences.
 *
 * Door: fast-json-patch (its ESM build has a default export only; its `compare` tells lists by position, so differences
 * for people are found here instead).
 */
import { hash } from 'node:crypto';
import jsonpatch from 'fast-json-patch';
import type { Operation } from 'fast-json-patch';
import type { Json } from '../model/object.ts';
import type { FieldChange } from '../model/plan.ts';

/** Any plain object, its fields unread. */
export type Fields = Readonly<Record<string, unknown>>;

/** True for `{...}`: neither null nor a list. */
export function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The one JSON text of a value: keys sorted, no spaces, bigints as exact integers. Fields that are undefined are left out.
 * The same value gives the same bytes in every process (I8).
 */
export function stableStringify(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(stableStringify).join(',')}]`;
  const fields = value as Fields;
  let text = '';
  for (const key of Object.keys(fields).sort()) {
    const field = fields[key];
    if (field === undefined) continue;
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${stableStringify(field)}`;
  }
  return `{${text}}`;
}

/** JSON text of a value in its own key order, bigints exact: what is sent to a server. `indent` is a number of spaces. */
export function stringify(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, field: unknown) => (typeof field === 'bigint' ? rawJson(String(field)) : field), indent) ?? 'null';
}

// TypeScript's library does not know these two parts of the language yet.
const rawJson = (JSON as unknown as { rawJSON: (text: string) => unknown }).rawJSON;
const parseWithSource = JSON.parse as (text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown) => unknown;

const BIG_INTEGER = /(?:^|[:[,])\s*-?[0-9]{16}/;

/**
 * Reads JSON text. Integers beyond 2^53 become bigint, all others number; reading exactly is eight times slower than
 * JSON.parse, so it is done only where the text has a number that long. Throws SyntaxError.
 */
export function parseJson(text: string): Json {
  if (!BIG_INTEGER.test(text)) return JSON.parse(text) as Json;
  return parseWithSource(text, (_key, value, context) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    const source = context.source ?? '';
    return /^-?[0-9]+$/.test(source) ? BigInt(source) : value;
  }) as Json;
}

/** 16 hexadecimal characters of the sha256 of the value's stable text. */
export function hashOf(value: unknown): string {
  return hash('sha256', stableStringify(value), 'hex').slice(0, 16);
}

/** Freezes a value and all below it, and returns it. What is frozen already is taken to be frozen all through. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const field of Object.values(value)) deepFreeze(field);
  return value;
}

/** Whether two JSON values are the same. A field that is undefined counts as absent; key order does not count. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => equal(item, b[index]));
  if (!isRecord(a) || !isRecord(b)) return false;
  for (const key of Object.keys(a)) if (!equal(a[key], b[key])) return false;
  for (const key of Object.keys(b)) if (b[key] !== undefined && a[key] === undefined) return false;
  return true;
}

/** JSON pointer (RFC 6901) of a path; "" is the whole value. */
export function pointerOf(path: readonly (string | number)[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The path that a JSON pointer names; every part is a string, also the place in a list. */
export function pathOf(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/**
 * The fields in which two values differ, for people to read. Paths are JSON pointers, sorted as the fields stand in
 * `to`, then those that are gone. In lists whose items all have a `name` the items are matched by it, so that one more
 * container is one change; their place in the path is that in `to` (in `from` for an item that is gone). Other lists
 * are compared item by item when they are equally long, else as a whole.
 */
export function diffFields(from: unknown, to: unknown): FieldChange[] {
  const changes: FieldChange[] = [];
  collect(from, to, '', changes);
  return changes;
}

function collect(from: unknown, to: unknown, path: string, changes: FieldChange[]): void {
  if (equal(from, to)) return;
  if (isRecord(from) && isRecord(to)) {
    for (const key of Object.keys(to)) collect(from[key], to[key], `${path}${pointerOf([key])}`, changes);
    for (const key of Object.keys(from)) if (to[key] === undefined) collect(from[key], undefined, `${path}${pointerOf([key])}`, changes);
    return;
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    const [before, after] = [byName(from), byName(to)];
    if (before !== null && after !== null) {
      for (const [name, place] of after) collect(from[before.get(name) ?? from.length], to[place], `${path}/${place}`, changes);
      for (const [name, place] of before) if (!after.has(name)) collect(from[place], undefined, `${path}/${place}`, changes);
      return;
    }
    if (from.length === to.length) {
      to.forEach((item, place) => collect(from[place], item, `${path}/${place}`, changes));
      return;
    }
  }
  changes.push({ path, ...(from === undefined ? {} : { from: from as Json }), ...(to === undefined ? {} : { to: to as Json }) });
}

/** Places by name, or null where an item has no name or two share one (Kubernetes allows that for `env`). */
function byName(list: readonly unknown[]): ReadonlyMap<string, number> | null {
  const places = new Map<string, number>();
  for (const [place, item] of list.entries()) {
    const name = isRecord(item) ? item['name'] : undefined;
    if (typeof name !== 'string' || places.has(name)) return null;
    places.set(name, place);
  }
  return places;
}

/** A JSON patch that cannot be applied. The message names operation and path, never a value. */
export class JsonPatchError extends Error {
  override readonly name = 'JsonPatchError';
}

/**
 * Applies a JSON Patch (RFC 6902) to a copy; the document stays as it is, also when an operation fails.
 * Throws {@link JsonPatchError}.
 */
export function applyJsonPatch(document: Json, operations: readonly Fields[]): Json {
  try {
    // The library writes into what it is given, and its own copying cannot hold a bigint.
    const patch = structuredClone(operations) as unknown as Operation[];
    return jsonpatch.applyPatch(structuredClone(document), patch, true, true).newDocument;
  } catch (error) {
    const { index, name } = error as { index?: number; name?: string };
    const operation = index === undefined ? undefined : operations[index];
    const where = operation === undefined ? 'the patch' : `operation ${index} (${String(operation['op'])} ${String(operation['path'])})`;
    throw new JsonPatchError(`${where} cannot be applied: ${(name ?? 'error').toLowerCase().replaceAll('_', ' ')}`, { cause: error });
  }
}

/** JSON merge patch (RFC 7396): null removes a field, lists are replaced. Gives a new value. */
export function mergePatch(target: unknown, patch: unknown): Json {
  if (!isRecord(patch)) return patch as Json;
  const merged: Record<string, Json> = isRecord(target) ? { ...(target as Record<string, Json>) } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    // Setting `__proto__` would change what the object is, not what it holds.
    else if (value !== undefined && key !== '__proto__') merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}
