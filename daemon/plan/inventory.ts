/** What an application owns, as ResourceTrackers hold it in KubeVela 1.10's form. Pure. */
import { keyText, LOCAL, type JsonObject, type KubeObject } from '../model/object.ts';
import type { Tracked } from '../model/status.ts';

/** Reads the entries of one ResourceTracker; KubeVela's own are understood as well (`cluster` absent is the hub). */
export function trackedOf(tracker: KubeObject): readonly Tracked[] {
  const resources = (tracker['spec'] as JsonObject | undefined)?.['managedResources'];
  if (!Array.isArray(resources)) return [];
  return (resources as readonly JsonObject[])
    .filter((entry) => entry['deleted'] !== true)
    .map((entry) => {
      const text = (name: string): string => (typeof entry[name] === 'string' ? entry[name] : '');
      return {
        key: { cluster: text('cluster') || LOCAL, apiVersion: text('apiVersion'), kind: text('kind'), namespace: text('namespace'), name: text('name') },
        component: text('component'),
        trait: text('trait'),
        creator: text('creator'),
        skipGC: entry['skipGC'] === true,
      };
    });
}

/** The entries of several lists, each object once; a later list wins. */
export function union(...lists: readonly (readonly Tracked[])[]): readonly Tracked[] {
  const all = new Map<string, Tracked>();
  for (const list of lists) for (const entry of list) all.set(keyText(entry.key), entry);
  return [...all.values()];
}

/** The entries whose objects are not in `keys` (keyText). */
export function without(entries: readonly Tracked[], keys: ReadonlySet<string>): readonly Tracked[] {
  return entries.filter((entry) => !keys.has(keyText(entry.key)));
}

/** `spec.managedResources` of a ResourceTracker, sorted by key so that the same entries are the same bytes (I8). */
export function managedResources(entries: readonly Tracked[]): readonly JsonObject[] {
  const sorted = entries.map((entry) => ({ entry, text: keyText(entry.key) })).sort((a, b) => (a.text < b.text ? -1 : 1));
  return sorted.map(({ entry }) => ({
    apiVersion: entry.key.apiVersion,
    kind: entry.key.kind,
    name: entry.key.name,
    ...(entry.key.namespace === '' ? {} : { namespace: entry.key.namespace }),
    ...(entry.key.cluster === LOCAL ? {} : { cluster: entry.key.cluster }),
    ...(entry.component === '' ? {} : { component: entry.component }),
    ...(entry.trait === '' ? {} : { trait: entry.trait }),
    ...(entry.creator === '' ? {} : { creator: entry.creator }),
    ...(entry.skipGC ? { skipGC: true } : {}),
  }));
}
