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

/** Lists of an Application in which an item is a thing by itself. */
const PARTS = new Set(['components', 'traits', 'policies', 'envs', 'steps', 'subSteps']);

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
  // A list of parts that is not there is as good as an empty one: each part is a change by itself.
  const isParts = PARTS.has(String(path.at(-1)));
  if (isParts && from === undefined && Array.isArray(to)) from = [];
  if (isParts && to === undefined && Array.isArray(from)) to = [];
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
    const keyOf: KeyOf = (item) => (isRecord(item) && typeof item[field] === 'string' ? item[field] : '');
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
  for (const [key, i] of before)
    if (!after.has(key)) changes.push({ path: [...path, Math.min(i, to.length)], basePath: [...basePath, i], ...value('from', from[i]), isOrder: false });
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
  const whole = changes.find((change) => !change.isOrder && change.path.length === 0);
  if (whole !== undefined) return structuredClone(whole.from) as T;
  const copy = structuredClone(head) as unknown;
  // Found before anything moves: places are those of the whole head.
  const found = changes.map((change) => ({ change, parent: change.isOrder ? at(copy, change.path) : parentOf(copy, change) }));
  for (const { change, parent } of found) {
    if (change.isOrder || change.to === undefined || typeof parent !== 'object' || parent === null) continue;
    (parent as Record<string | number, unknown>)[change.path.at(-1) ?? ''] = change.from === undefined ? GONE : structuredClone(change.from);
  }
  for (const { change, parent } of found) if (change.isOrder) reorder(parent, change.from as readonly string[]);
  const taken = found
    .filter(({ change }) => !change.isOrder && change.to === undefined)
    .toSorted((a, b) => Number(a.change.basePath.at(-1)) - Number(b.change.basePath.at(-1)));
  for (const { change, parent } of taken) {
    const key = change.basePath.at(-1) ?? '';
    if (Array.isArray(parent)) parent.splice(Math.min(Number(key), parent.length), 0, structuredClone(change.from));
    else if (isRecord(parent)) (parent as Record<string, unknown>)[String(key)] = structuredClone(change.from);
  }
  return cleaned(copy) as T;
}

/** A list that the head does not have at all is made for what is put back into it. */
function parentOf(copy: unknown, { path, to, basePath }: DocumentChange): unknown {
  const parent = at(copy, path.slice(0, -1));
  const owner = at(copy, path.slice(0, -2));
  if (parent !== undefined || to !== undefined || typeof basePath.at(-1) !== 'number' || !isRecord(owner)) return parent;
  const list: unknown[] = [];
  (owner as Record<string, unknown>)[String(path.at(-2))] = list;
  return list;
}

function at(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((here, part) => (Array.isArray(here) ? here[Number(part)] : isRecord(here) ? here[String(part)] : undefined), root);
}

/** Puts the items that have a place in `order` into it; all others keep theirs. */
function reorder(list: unknown, order: readonly string[]): void {
  if (!Array.isArray(list)) return;
  const keyOf = keyFor(list.filter((item) => item !== GONE));
  if (keyOf === null) return;
  const places = list.flatMap((item, i) => (item !== GONE && order.includes(keyOf(item)) ? [i] : []));
  const items = places.map((i): unknown => list[i]).toSorted((a, b) => order.indexOf(keyOf(a)) - order.indexOf(keyOf(b)));
  places.forEach((place, i) => {
    list[place] = items[i];
  });
}

function cleaned(json: unknown): unknown {
  if (Array.isArray(json)) return json.filter((item) => item !== GONE).map(cleaned);
  if (!isRecord(json)) return json;
  return Object.fromEntries(
    Object.entries(json)
      .filter(([, item]) => item !== GONE)
      .map(([key, item]) => [key, cleaned(item)]),
  );
}
