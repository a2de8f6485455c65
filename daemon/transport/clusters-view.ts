/** What a pass knows of clusters, and the watch that makes the next one sooner. */
import { hashOf } from '../lib/json.ts';
import { backoffMs } from '../lib/retry.ts';
import { SYSTEM_NAMESPACE } from '../model/catalog.ts';
import type { Clusters } from '../model/clusters.ts';
import type { KubeObject } from '../model/object.ts';
import type { Clock } from '../model/ports.ts';
import { isConnection } from './clusters-connection.ts';
import type { ClusterRegistry } from './clusters.ts';
import type { KubeClient } from './kube.ts';
import { CLUSTER_API, PLACEMENT_API } from './ocm-kinds.ts';
import { readDecisions } from './placement-writing.ts';

/**
 * Members and decisions as they are on the hub now; a decision that names a cluster which is being deleted or is not
 * there any more stays in it, as OCM has it. Faults of the hub: transport/*.
 */
export async function viewClusters(hub: KubeClient, registry: ClusterRegistry, signal: AbortSignal): Promise<Clusters> {
  const [{ members }, decided] = await Promise.all([registry.read(signal), readDecisions(hub, signal)]);
  return { members, decisions: (namespace, placement) => decided.get(`${namespace}/${placement}`) ?? null };
}

interface Watched {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly isOurs: (object: KubeObject) => boolean;
  /** What of the object matters; the same again is no change. */
  readonly digest: (object: KubeObject) => unknown;
}

const conditionsOf = (object: KubeObject): unknown => {
  const status = object['status'] as
    | { readonly conditions?: readonly { readonly type?: string; readonly status?: string }[]; readonly clusterClaims?: unknown }
    | undefined;
  return [status?.conditions?.map(({ type, status: value }) => [type, value]), status?.clusterClaims];
};

/** Leases, and statuses that say the same, wake nobody. */
const WATCHED: readonly Watched[] = [
  {
    apiVersion: CLUSTER_API,
    kind: 'ManagedCluster',
    namespace: '',
    isOurs: () => true,
    digest: (object) => [
      object.metadata.generation,
      object.metadata.labels,
      object.metadata.annotations,
      object.metadata.deletionTimestamp,
      conditionsOf(object),
    ],
  },
  { apiVersion: PLACEMENT_API, kind: 'Placement', namespace: '', isOurs: () => true, digest: (object) => [object.metadata.uid, object.metadata.generation] },
  { apiVersion: PLACEMENT_API, kind: 'PlacementDecision', namespace: '', isOurs: () => true, digest: (object) => [object.metadata.uid, object['status']] },
  { apiVersion: 'v1', kind: 'Secret', namespace: SYSTEM_NAMESPACE, isOurs: isConnection, digest: (object) => [object.metadata.labels, object['data']] },
];

/**
 * Calls `onChange` when a cluster, its labels, availability or connection, a placement or a decision has changed, by
 * whomever. Runs until the signal fires; without the watch the next round notices all the same.
 */
export async function watchClusters(hub: KubeClient, onChange: (kind: string, name: string) => void, clock: Clock, signal: AbortSignal): Promise<void> {
  await Promise.all(WATCHED.map((watched) => watchKind(hub, watched, onChange, clock, signal)));
}

async function watchKind(hub: KubeClient, watched: Watched, onChange: (kind: string, name: string) => void, clock: Clock, signal: AbortSignal): Promise<void> {
  const { apiVersion, kind, namespace, isOurs, digest } = watched;
  const known = new Map<string, string>();
  const placeOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
  const note = (object: KubeObject): boolean => {
    const [place, hash] = [placeOf(object), hashOf(digest(object))];
    const isNew = known.get(place) !== hash;
    known.set(place, hash);
    return isNew;
  };
  for (let round = 0, failures = 0; !signal.aborted; round += 1) {
    try {
      const list = await hub.list({ apiVersion, kind, namespace }, signal);
      const there = new Set(list.items.filter(isOurs).map(placeOf));
      const changed = [...list.items.filter(isOurs).filter(note).map(placeOf), ...[...known.keys()].filter((place) => !there.has(place))];
      for (const place of changed) if (!there.has(place)) known.delete(place);
      if (round > 0) for (const place of changed) onChange(kind, place.slice(place.indexOf('/') + 1));
      for (let version = list.resourceVersion; ;) {
        for await (const event of hub.watch({ apiVersion, kind, namespace, resourceVersion: version }, signal)) {
          version = event.object.metadata.resourceVersion ?? version;
          failures = 0;
          if (event.type === 'BOOKMARK' || !isOurs(event.object)) continue;
          if (event.type === 'DELETED' ? known.delete(placeOf(event.object)) : note(event.object)) onChange(kind, event.object.metadata.name ?? '');
        }
      }
    } catch {
      if (signal.aborted) return;
      failures += 1;
      await clock.sleep(backoffMs(failures, { baseMs: 1000, maxMs: 30_000 }, clock), signal).catch(() => {});
    }
  }
}
