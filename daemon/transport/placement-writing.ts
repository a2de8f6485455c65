/** Placements and their decisions on the hub: read by everyone, written where OCM's placement controller does not run. */
import { equal, isRecord } from '../lib/json.ts';
import type { KubeObject } from '../model/object.ts';
import type { Clock, Effects } from '../model/ports.ts';
import { targetOf, type KubeClient } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import { saveStatus } from './managed-cluster-sets.ts';
import { withCondition } from './managed-cluster-status.ts';
import { CLUSTER_GROUP, PLACEMENT_API, PLACEMENT_LABEL } from './ocm-kinds.ts';
import { schedulePlacement, type DecisionGroup, type PlacementWorld } from './placement.ts';

const GROUP_INDEX_LABEL = `${CLUSTER_GROUP}/decision-group-index`;
const GROUP_NAME_LABEL = `${CLUSTER_GROUP}/decision-group-name`;
/** OCM 1.3: a placement with this annotation is decided about by another scheduler. */
const DISABLED_ANNOTATION = `${CLUSTER_GROUP}/experimental-scheduling-disable`;
const DECISIONS_PER_OBJECT = 100;

type Fields = Readonly<Record<string, unknown>>;

export interface PlacementDoors {
  readonly hub: KubeClient;
  readonly effects: Effects;
  readonly clock: Clock;
}

/**
 * What placements chose, as it stands on the hub, by `namespace/placement`: cluster names in the order of the decisions.
 * A placement without a decision has no entry. Faults: transport/*.
 */
export async function readDecisions(hub: KubeClient, signal: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>> {
  return decidedBy(await listServed(hub, 'PlacementDecision', signal));
}

/** Decides about every placement and writes what differs. Faults: transport/*. */
export async function tendPlacements(doors: PlacementDoors, facts: Pick<PlacementWorld, 'clusters' | 'sets' | 'bindings'>, signal: AbortSignal): Promise<void> {
  const [placements, decisions] = await Promise.all([listServed(doors.hub, 'Placement', signal), listServed(doors.hub, 'PlacementDecision', signal)]);
  const decided = new Map(decidedBy(decisions));
  // One after the other, in the order of their names: each sees what those before it have chosen.
  for (const placement of placements.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1))) {
    if (placement.metadata.deletionTimestamp !== undefined || placement.metadata.annotations?.[DISABLED_ANNOTATION] === 'true') continue;
    const own = decisions.filter(
      (decision) => decision.metadata.namespace === placement.metadata.namespace && decision.metadata.labels?.[PLACEMENT_LABEL] === placement.metadata.name,
    );
    const chosen = await tendPlacement(placement, own, { ...facts, decided, nowMs: doors.clock.now() }, doors, signal);
    if (chosen !== null) decided.set(placeOf(placement), chosen);
  }
}

async function tendPlacement(
  placement: KubeObject,
  own: readonly KubeObject[],
  world: PlacementWorld,
  doors: PlacementDoors,
  signal: AbortSignal,
): Promise<readonly string[] | null> {
  const { groups, conditions } = schedulePlacement(placement, world);
  const old = isRecord(placement['status']) ? placement['status'] : {};
  let next: readonly Fields[] = Array.isArray(old['conditions']) ? old['conditions'].filter(isRecord) : [];
  for (const condition of conditions) next = withCondition(next, condition, world.nowMs);
  if (groups === null) {
    await saveStatus(placement, { ...old, conditions: next }, doors, signal);
    return null;
  }
  const objects = decisionObjects(placement, groups);
  for (const { object, clusters } of objects) await keepDecision(object, clusters, own, doors, signal);
  const names = new Set(objects.map(({ object }) => object.metadata.name));
  for (const stale of own)
    if (!names.has(stale.metadata.name)) await doors.effects.run('delete', describe(stale), () => doors.hub.delete(targetOf(stale), {}, signal));
  const count = groups.reduce((sum, { clusters }) => sum + clusters.length, 0);
  const decisionGroups = groups.map(({ name, clusters }, index) => ({
    decisionGroupIndex: index,
    decisionGroupName: name,
    clusterCount: clusters.length,
    decisions: objects.filter((one) => one.group === index).map(({ object }) => object.metadata.name),
  }));
  // OCM leaves the number out when it is 0.
  await saveStatus(placement, { ...old, conditions: next, decisionGroups, numberOfSelectedClusters: count === 0 ? undefined : count }, doors, signal);
  return groups.flatMap(({ clusters }) => clusters);
}

interface DecisionObject {
  readonly group: number;
  readonly object: KubeObject;
  readonly clusters: readonly string[];
}

/** OCM 1.3: at most 100 clusters in each, numbered from 1 over all groups, and one that is empty where none is chosen. Pure. */
export function decisionObjects(placement: KubeObject, groups: readonly DecisionGroup[]): readonly DecisionObject[] {
  const objects: DecisionObject[] = [];
  const name = placement.metadata.name ?? '';
  for (const [group, { name: groupName, clusters }] of groups.entries()) {
    for (let start = 0; start === 0 || start < clusters.length; start += DECISIONS_PER_OBJECT) {
      const metadata = {
        name: `${name}-decision-${objects.length + 1}`,
        namespace: placement.metadata.namespace ?? '',
        labels: { [GROUP_INDEX_LABEL]: String(group), [GROUP_NAME_LABEL]: groupName, [PLACEMENT_LABEL]: name },
        ownerReferences: [
          { apiVersion: PLACEMENT_API, kind: 'Placement', name, uid: placement.metadata.uid ?? '', controller: true, blockOwnerDeletion: true },
        ],
      };
      objects.push({
        group,
        object: { apiVersion: PLACEMENT_API, kind: 'PlacementDecision', metadata },
        clusters: clusters.slice(start, start + DECISIONS_PER_OBJECT),
      });
    }
  }
  return objects;
}

async function keepDecision(
  object: KubeObject,
  clusters: readonly string[],
  own: readonly KubeObject[],
  doors: PlacementDoors,
  signal: AbortSignal,
): Promise<void> {
  let live = own.find(({ metadata }) => metadata.name === object.metadata.name) ?? null;
  if (live === null)
    live = (await doors.effects.run('system', describe(object), () => doors.hub.create(object, { fieldManager: FIELD_MANAGER }, signal))).object;
  else if (!equal(pick(live), pick(object))) {
    const body = { metadata: { ...pick(object), resourceVersion: live.metadata.resourceVersion } };
    live = (
      await doors.effects.run('system', describe(object), () => doors.hub.patch(targetOf(object), 'merge', body, { fieldManager: FIELD_MANAGER }, signal))
    ).object;
  }
  const decisions = clusters.map((clusterName) => ({ clusterName, reason: '' }));
  const old = isRecord(live['status']) ? live['status'] : {};
  if (decisions.length > 0 || old['decisions'] !== undefined)
    await saveStatus(live, { ...old, decisions: decisions.length > 0 ? decisions : undefined }, doors, signal);
}

const pick = ({ metadata }: KubeObject): Fields => ({ labels: metadata.labels, ownerReferences: metadata['ownerReferences'] });
const placeOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
const describe = (object: KubeObject): string => `${object.kind} ${placeOf(object)}`;

function decidedBy(decisions: readonly KubeObject[]): ReadonlyMap<string, readonly string[]> {
  const decided = new Map<string, readonly string[]>();
  const numberOf = ({ metadata }: KubeObject): number => Number(/-([0-9]+)$/.exec(metadata.name ?? '')?.[1] ?? 0);
  for (const decision of decisions.toSorted((a, b) => numberOf(a) - numberOf(b))) {
    const name = decision.metadata.labels?.[PLACEMENT_LABEL];
    if (name === undefined) continue;
    const place = `${decision.metadata.namespace ?? ''}/${name}`;
    const status = isRecord(decision['status']) ? decision['status'] : {};
    const clusters = (Array.isArray(status['decisions']) ? status['decisions'].filter(isRecord) : []).map(({ clusterName }) => String(clusterName));
    decided.set(place, [...(decided.get(place) ?? []), ...clusters]);
  }
  return decided;
}

async function listServed(hub: KubeClient, kind: string, signal: AbortSignal): Promise<readonly KubeObject[]> {
  if ((await hub.findResource(PLACEMENT_API, kind, signal)) === null) return [];
  return (await hub.list({ apiVersion: PLACEMENT_API, kind, namespace: '' }, signal)).items;
}
