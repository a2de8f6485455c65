/** Which definitions an Application was made with, as its status file records them. Pure. */
import { hashOf } from '../lib/json.ts';
import type { KubeObject } from '../model/object.ts';

/** Definitions are the same values from pass to pass, and large. */
const hashes = new WeakMap<KubeObject, string>();

/** The hash of a definition's content: of its spec, for nothing else of it decides what is rendered. */
export function definitionHash(object: KubeObject): string {
  const known = hashes.get(object);
  if (known !== undefined) return known;
  const hash = hashOf(object['spec'] ?? null);
  hashes.set(object, hash);
  return hash;
}

/** Hash by `Kind/name`, sorted by that. */
export function definitionHashes(definitions: ReadonlyMap<string, KubeObject>): Readonly<Record<string, string>> {
  return Object.fromEntries([...definitions].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([at, object]) => [at, definitionHash(object)]));
}
