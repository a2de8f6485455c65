/**
 * JSON pointers in which an item of a list is told by its name, so that the same field of two objects has the same path:
 * `/spec/template/spec/containers/[web]/image`. Pure.
 */
import { isRecord, pathOf, pointerOf } from '../lib/json.ts';
import type { Json } from '../model/object.ts';

const nameOf = (item: unknown): string => (isRecord(item) && typeof item['name'] === 'string' ? item['name'] : '');

const isNamed = (list: readonly unknown[]): boolean => list.every((item) => nameOf(item) !== '') && new Set(list.map(nameOf)).size === list.length;

/** The named form of a pointer into `object`; places in lists whose items have no names stay numbers. */
export function namedPointer(object: unknown, pointer: string): string {
  const parts: string[] = [];
  let here = object;
  for (const part of pathOf(pointer)) {
    if (Array.isArray(here)) {
      const item: unknown = here[Number(part)];
      parts.push(isNamed(here) && item !== undefined ? `[${nameOf(item)}]` : part);
      here = item;
    } else {
      parts.push(part);
      here = isRecord(here) ? here[part] : undefined;
    }
  }
  return pointerOf(parts);
}

/** The value at a pointer, named or not; undefined where there is none. */
export function valueAtPointer(object: unknown, pointer: string): Json | undefined {
  let here = object;
  for (const part of pathOf(pointer)) {
    if (Array.isArray(here)) {
      const name = /^\[(.*)\]$/.exec(part)?.[1];
      here = name === undefined ? here[Number(part)] : here.find((item) => nameOf(item) === name);
    } else here = isRecord(here) ? here[part] : undefined;
  }
  return here as Json | undefined;
}
