/** ManagedClusterSets and their bindings, as OCM 1.3 keeps them on a hub. The first half is pure. */
import { equal, isRecord } from '../lib/json.ts';
import type { KubeObject } from '../model/object.ts';
import type { Effects } from '../model/ports.ts';
import { selects, SelectorError } from './clusters-selector.ts';
import { targetOf, type KubeClient } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import { withCondition, type Condition } from './managed-cluster-status.ts';
import { CLUSTER_SET_LABEL, SET_API } from './ocm-kinds.ts';
import { mergePatchBetween } from './three-way.ts';

/** The sets that every hub has. OCM 1.3: their selectors are put back unless {@link AUTO_UPDATE} says `false`. */
const DEFAULT_SETS: readonly KubeObject[] = [
  { apiVersion: SET_API, kind: 'ManagedClusterSet', metadata: { name: 'default' }, spec: { clusterSelector: { selectorType: 'ExclusiveClusterSetLabel' } } },
  {
    apiVersion: SET_API,
    kind: 'ManagedClusterSet',
    metadata: { name: 'global' },
    spec: { clusterSelector: { selectorType: 'LabelSelector', labelSelector: {} } },
  },
];
const AUTO_UPDATE = 'cluster.open-cluster-management.io/autoupdate';

/** The clusters of a set that are not being deleted, in the order given. A selector that is wrong selects none. */
export function membersOf(set: KubeObject, clusters: readonly KubeObject[]): readonly KubeObject[] {
  const spec = isRecord(set['spec']) ? set['spec'] : {};
  const selector = isRecord(spec['clusterSelector']) ? spec['clusterSelector'] : {};
  const here = clusters.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (selector['selectorType'] !== 'LabelSelector') return here.filter(({ metadata }) => metadata.labels?.[CLUSTER_SET_LABEL] === set.metadata.name);
  try {
    return here.filter(({ metadata }) => selects(selector['labelSelector'], metadata.labels ?? {}));
  } catch (error) {
    if (error instanceof SelectorError) return [];
    throw error;
  }
}

/** OCM 1.3: condition ClusterSetEmpty. */
export function emptyCondition(count: number): Condition {
  return count === 0
    ? { type: 'ClusterSetEmpty', status: 'True', reason: 'NoClusterMatched', message: 'No ManagedCluster selected' }
    : { type: 'ClusterSetEmpty', status: 'False', reason: 'ClustersSelected', message: `${count} ManagedClusters selected` };
}

/** OCM 1.3: condition Bound. */
export function boundCondition(isThere: boolean): Condition {
  return isThere
    ? { type: 'Bound', status: 'True', reason: 'ClusterSetBound', message: '' }
    : { type: 'Bound', status: 'False', reason: 'ClusterSetNotFound', message: '' };
}

export interface SetsDoors {
  readonly hub: KubeClient;
  readonly effects: Effects;
}

/** Makes the sets `default` and `global`, and puts their selectors back. Gives all sets. Faults: transport/*. */
export async function keepDefaultSets(sets: readonly KubeObject[], doors: SetsDoors, signal: AbortSignal): Promise<readonly KubeObject[]> {
  const byName = new Map(sets.map((set) => [set.metadata.name ?? '', set]));
  await Promise.all(
    DEFAULT_SETS.map(async (wanted) => {
      const name = wanted.metadata.name ?? '';
      const live = byName.get(name);
      if (live !== undefined && (live.metadata.annotations?.[AUTO_UPDATE] === 'false' || equal(live['spec'], wanted['spec']))) return;
      const write = () =>
        live === undefined
          ? doors.hub.create(wanted, { fieldManager: FIELD_MANAGER }, signal)
          : doors.hub.replace({ ...live, spec: wanted['spec'] }, { fieldManager: FIELD_MANAGER }, signal);
      byName.set(name, (await doors.effects.run('system', `ManagedClusterSet ${name}`, write)).object);
    }),
  );
  return [...byName.values()];
}

/** Writes the conditions of sets and bindings where they differ. Faults: transport/*. */
export async function keepSetStatus(
  sets: readonly KubeObject[],
  bindings: readonly KubeObject[],
  clusters: readonly KubeObject[],
  nowMs: number,
  doors: SetsDoors,
  signal: AbortSignal,
): Promise<void> {
  const names = new Set(sets.map(({ metadata }) => metadata.name));
  const wanted: (readonly [KubeObject, Condition])[] = [
    ...sets.map((set) => [set, emptyCondition(membersOf(set, clusters).length)] as const),
    ...bindings.map((binding) => [binding, boundCondition(names.has(isRecord(binding['spec']) ? String(binding['spec']['clusterSet'] ?? '') : ''))] as const),
  ];
  await Promise.all(
    wanted.map(async ([object, condition]) => {
      const status = isRecord(object['status']) ? object['status'] : {};
      const conditions = withCondition(Array.isArray(status['conditions']) ? status['conditions'].filter(isRecord) : [], condition, nowMs);
      await saveStatus(object, { ...status, conditions }, doors, signal);
    }),
  );
}

/** Merges a status in where it differs from what is there; gives the object as it is then. Faults: transport/*. */
export async function saveStatus(object: KubeObject, status: Readonly<Record<string, unknown>>, doors: SetsDoors, signal: AbortSignal): Promise<KubeObject> {
  const patch = mergePatchBetween(isRecord(object['status']) ? object['status'] : {}, status);
  if (patch === null) return object;
  const target = targetOf(object);
  const place = target.namespace === '' ? target.name : `${target.namespace}/${target.name}`;
  // With the version that was read: conditions are a list, and another's entry must not be lost.
  const body = { metadata: { resourceVersion: object.metadata.resourceVersion }, status: patch };
  return (
    await doors.effects.run('system', `status of ${target.kind} ${place}`, () =>
      doors.hub.patch(target, 'merge', body, { fieldManager: FIELD_MANAGER, subresource: 'status' }, signal),
    )
  ).object;
}
