/** What differs between two documents, as a person edits them, and a document with some of it left out. Pure. */
import { equal, isRecord } from '../lib/json.ts';
import type { Path } from '../model/catalog.ts';
import type { Json } from '../model/object.ts';
import type { DocumentChange } from './comparison.ts';

/**
 * The changes from `base` to `head`, each as small as it can be undone by itself. Items of lists are matched by `name`,
 * else by `type` (traits), else by their place when the lists are equally long.
 */
export function documentChanges(base: unknown, head: unknown): readonly DocumentChange[] {
  const changes: DocumentChange[] = [];
  collect(base, head, [], [], changes);
  return changes;
}

const value = (name: 'from' | 'to', json: unknown): { from?: Json; to?: Json } => (json === undefined ? {} : { [name]: json as Json });

function collect(from: unknown, to: unknown, basePath: Path, path: Path, changes: DocumentChange[]): void {
  if (equal(from, to)) {
    // Fields that are undefined count as absent, and nothing is said of them; lists are equal in order as well.
    return;
  }
  if (isRecord(from) && isRecord(to)) {
    for (const key of Object.keys(to)) collect(from[key], to[key], [...basePath, key], [...path, key], changes);
    for (const key of Object.keys(from)) if (to[key] === undefined) collect(from[key], undefined, [...basePath, key], [...path, key], changes);
    return;
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    const keyOf = keyFor(from, to);
    if (keyOf !== null) {
      collectKeyed(from, to, keyOf, basePath, path, changes);
      return;
    }
    if (from.length === to.length) {
      to.forEach((item, i) => collect(from[i], item, [...basePath, i], [...path, i], changes));
      return;
    }
  }
  changes.push({ path, basePath, ...value('from', from), ...value('to', to), isOrder: false });
}

type KeyOf = (item: unknown) => string;

/** By what the items of both lists can be told apart. */
export function keyFor(...lists: readonly (readonly unknown[])[]): KeyOf | null {
  for (const field of ['name', 'type']) {
    const keyOf: KeyOf = (item) => (isRecord(item) && typeof item[field] === 'string' ? (item[field]) : '');
    if (lists.every((list) => list.every((item) => keyOf(item) !== '') && new Set(list.map(keyOf)).size === list.length)) return keyOf;
  }
  return null;
}

function collectKeyed(from: readonly unknown[], to: readonly unknown[], keyOf: KeyOf, basePath: Path, path: Path, changes: DocumentChange[]): void {
  const [before, after] = [new Map(from.map((item, i) => [keyOf(item), i])), new Map(to.map((item, i) => [keyOf(item), i]))];
  for (const [key, i] of after) {
    const other = before.get(key);
    collect(other === undefined ? undefined : from[other], to[i], [...basePath, other ?? from.length], [...path, i], changes);
  }
  for (const [key, i] of before) if (!after.has(key)) changes.push({ path: [...path, Math.min(i, to.length)], basePath: [...basePath, i], ...value('from', from[i]), isOrder: false });
  const [orderBefore, orderAfter] = [[...before.keys()].filter((key) => after.has(key)), [...after.keys()].filter((key) => before.has(key))];
  if (!equal(orderBefore, orderAfter)) changes.push({ path, basePath, from: orderBefore, to: orderAfter, isOrder: true });
}

/** Stands where something is taken out, so that the places of the others hold until all is done. */
const GONE = Symbol('gone');

/**
 * A copy of `head` with these of its {@link documentChanges} undone. Values that a change would need and another one has
 * taken away with them are left as they are.
 */
export function withoutChanges<T>(head: T, changes: readonly DocumentChange[]): T {
  const copy = structuredClone(head) as unknown;
  for (const change of changes.filter((item) => item.isOrder)) reorder(at(copy, change.path), change.from as readonly string[]);
  for (const change of changes.filter((item) => !item.isOrder && item.to !== undefined)) {
    const parent = at(copy, change.path.slice(0, -1));
    const key = change.path.at(-1);
    if (key === undefined) return structuredClone(change.from) as T;
    if (typeof parent === 'object' && parent !== null) (parent as Record<string | number, unknown>)[key] = change.from === undefined ? GONE : structuredClone(change.from);
  }
  // Deeper ones first: what is put into a list moves the items behind it.
  const taken = changes.filter((item) => !item.isOrder && item.to === undefined).toSorted((a, b) => b.path.length - a.path.length || Number(a.basePath.at(-1)) - Number(b.basePath.at(-1)));
  for (const change of taken) {
    const parent = at(copy, change.path.slice(0, -1));
    const key = change.basePath.at(-1) ?? '';
    if (Array.isArray(parent)) parent.splice(Math.min(Number(key), parent.length), 0, structuredClone(change.from));
    else if (isRecord(parent)) (parent as Record<string, unknown>)[String(key)] = structuredClone(change.from);
  }
  return cleaned(copy) as T;
}

function at(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((here, part) => (Array.isArray(here) ? here[Number(part)] : isRecord(here) ? here[String(part)] : undefined), root);
}

/** Puts the items that have a place in `order` into it; all others keep theirs. */
function reorder(list: unknown, order: readonly string[]): void {
  if (!Array.isArray(list)) return;
  const keyOf = keyFor(list);
  if (keyOf === null) return;
  const places = list.flatMap((item, i) => (order.includes(keyOf(item)) ? [i] : []));
  const items = places.map((i): unknown => list[i]).toSorted((a, b) => order.indexOf(keyOf(a)) - order.indexOf(keyOf(b)));
  places.forEach((place, i) => { list[place] = items[i]; });
}

function cleaned(json: unknown): unknown {
  if (Array.isArray(json)) return json.filter((item) => item !== GONE).map(cleaned);
  if (!isRecord(json)) return json;
  return Object.fromEntries(Object.entries(json).filter(([, item]) => item !== GONE).map(([key, item]) => [key, cleaned(item)]));
}
