/**
 * The three-way merge of what was applied last, what is wanted now, and what is there: for documents that server-side
 * apply cannot take. Pure.
 *
 * KubeVela 1.10 sends a strategic merge patch for built-in kinds and a JSON merge patch for the rest. Here the merge is
 * done on this side, list items by the same keys, and the difference goes out as a JSON merge patch with the live
 * resourceVersion, so that it is either merged with what was read or refused.
 */
import { equal, isRecord } from '../lib/json.ts';
import type { Fields } from '../lib/json.ts';
import { listKey, SERVER_METADATA } from '../lib/subset.ts';
import type { KubeObject } from '../model/object.ts';

/**
 * The live object with what is wanted set and what was applied last but is wanted no longer taken out. `last` null:
 * nothing is taken out. Status and what the server writes stay as they are live.
 */
export function threeWayMerge(last: KubeObject | null, wanted: KubeObject, live: KubeObject): KubeObject {
  const merged = mergeFields(last === null ? {} : last, wanted, live, wanted.kind);
  const metadata: Record<string, unknown> = { ...(merged['metadata'] as Fields) };
  for (const field of SERVER_METADATA) {
    if (live.metadata[field] === undefined) delete metadata[field];
    else metadata[field] = live.metadata[field];
  }
  const { status: _status, ...rest } = merged;
  return { ...rest, ...(live['status'] === undefined ? {} : { status: live['status'] }), metadata } as unknown as KubeObject;
}

function mergeFields(last: Fields, wanted: Fields, live: Fields, kind: string): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(live)) if (!(key in last) || wanted[key] !== undefined) out[key] = live[key];
  for (const [key, value] of Object.entries(wanted)) out[key] = mergeValue(last[key], value, live[key], key, kind);
  return out;
}

function mergeValue(last: unknown, wanted: unknown, live: unknown, field: string, kind: string): unknown {
  if (isRecord(wanted) && isRecord(live)) return mergeFields(isRecord(last) ? last : {}, wanted, live, kind);
  if (!Array.isArray(wanted) || !Array.isArray(live)) return wanted;
  const keyOf = listKey(field, wanted, kind);
  if (keyOf === null || listKey(field, live, kind) === null) return wanted;
  const before = new Map((Array.isArray(last) && listKey(field, last, kind) !== null ? last : []).map((item: unknown) => [keyOf(item), item]));
  const there = new Map(live.map((item: unknown) => [keyOf(item), item]));
  const asked = new Set(wanted.map(keyOf));
  const ours = wanted.map((item: unknown) => {
    const key = keyOf(item);
    return there.has(key) ? mergeValue(before.get(key), item, there.get(key), field, kind) : item;
  });
  // Items that another put there stay behind ours; those that we had put there and no longer want go.
  return [...ours, ...live.filter((item: unknown) => !asked.has(keyOf(item)) && !before.has(keyOf(item)))];
}

/** The JSON merge patch (RFC 7396) that makes `to` out of `from`; null when they are the same. */
export function mergePatchBetween(from: unknown, to: unknown): Fields | null {
  if (!isRecord(from) || !isRecord(to)) return null;
  const patch: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(to)) {
    const old = from[key];
    if (value === undefined || equal(old, value)) continue;
    if (value === null) {
      if (old !== undefined) patch[key] = null;
      continue;
    }
    const inner = isRecord(old) && isRecord(value) ? mergePatchBetween(old, value) : value;
    if (inner !== null) patch[key] = inner;
  }
  for (const key of Object.keys(from)) if (to[key] === undefined) patch[key] = null;
  return Object.keys(patch).length === 0 ? null : patch;
}
