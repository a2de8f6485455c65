/**
 * Which clusters a Placement chooses: OCM 1.3.1's scheduler for hubs where it does not run. Pure.
 *
 *   sets bound to the namespace -> their clusters -> predicates -> taints -> scores -> the first numberOfClusters
 *
 * One thing is steadier than OCM: without a prioritizerPolicy what was chosen stays chosen as long as it fits, where OCM
 * may move it for the balance among placements. An application that moves by itself surprises more than it helps.
 */
import { isRecord } from '../lib/json.ts';
import type { KubeObject } from '../model/object.ts';
import { selects, SelectorError } from './clusters-selector.ts';
import { parseQuantity } from './managed-cluster-capacity.ts';
import { membersOf } from './managed-cluster-sets.ts';
import type { Condition } from './managed-cluster-status.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What a scheduler knows. */
export interface PlacementWorld {
  readonly clusters: readonly KubeObject[];
  readonly sets: readonly KubeObject[];
  /** Of all namespaces. */
  readonly bindings: readonly KubeObject[];
  /** What placements chose so far: `namespace/placement` -> cluster names. */
  readonly decided: ReadonlyMap<string, readonly string[]>;
  readonly nowMs: number;
}

/** A part of the decisions that is rolled out together. */
export interface DecisionGroup {
  readonly name: string;
  /** Sorted. */
  readonly clusters: readonly string[];
}

export interface Schedule {
  /** Null: the placement is wrong, and what was decided stays. */
  readonly groups: readonly DecisionGroup[] | null;
  /** PlacementMisconfigured, PlacementSatisfied. */
  readonly conditions: readonly Condition[];
}

const records = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const nameOf = (object: KubeObject): string => object.metadata.name ?? '';
const specOf = (object: KubeObject): Fields => (isRecord(object['spec']) ? object['spec'] : {});

/** What the placement should decide, and say. Conditions have OCM 1.3.1's reasons and messages. */
export function schedulePlacement(placement: KubeObject, world: PlacementWorld): Schedule {
  try {
    return scheduleValid(placement, world);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    return { groups: null, conditions: [{ type: 'PlacementMisconfigured', status: 'True', reason: 'Misconfigured', message: `Predicate:${error.message}` }] };
  }
}

function scheduleValid(placement: KubeObject, world: PlacementWorld): Schedule {
  const spec = specOf(placement);
  const { bound, eligible } = eligibleSets(placement, world);
  const available = [...new Map(eligible.flatMap((set) => membersOf(set, world.clusters)).map((cluster) => [nameOf(cluster), cluster])).values()];
  const before = world.decided.get(`${placement.metadata.namespace ?? ''}/${nameOf(placement)}`) ?? [];
  const predicates = records(spec['predicates']);
  const feasible = available
    .filter((cluster) => fitsPredicates(cluster, predicates))
    .filter((cluster) => toleratesTaints(cluster, records(spec['tolerations']), before.includes(nameOf(cluster)), world.nowMs));
  const limit = typeof spec['numberOfClusters'] === 'number' ? spec['numberOfClusters'] : feasible.length;
  const scores = scoresOf(feasible, placement, before, world);
  const ranked = feasible.map(nameOf).sort((a, b) => (scores.get(b) ?? 0) - (scores.get(a) ?? 0) || (a < b ? -1 : 1));
  const chosen = new Set(ranked.slice(0, limit));
  const counts = {
    bindings: bound,
    eligible: eligible.map(nameOf),
    available: available.length,
    feasible: feasible.length,
    unscheduled: Math.max(0, limit - chosen.size),
  };
  return {
    groups: groupsOf(
      feasible.filter((cluster) => chosen.has(nameOf(cluster))),
      spec,
    ),
    conditions: [
      { type: 'PlacementMisconfigured', status: 'False', reason: 'Succeedconfigured', message: 'Placement configurations check pass' },
      satisfiedCondition(counts, Array.isArray(spec['clusterSets']) ? spec['clusterSets'].map(String) : []),
    ],
  };
}

/** Sets that are bound to the placement's namespace and that it asks for, by name. */
function eligibleSets(placement: KubeObject, world: PlacementWorld): { readonly bound: number; readonly eligible: readonly KubeObject[] } {
  const sets = new Map(world.sets.map((set) => [nameOf(set), set]));
  const wanted = specOf(placement)['clusterSets'];
  const here = world.bindings.filter(({ metadata }) => metadata.namespace === placement.metadata.namespace && metadata.deletionTimestamp === undefined);
  const bound = here.flatMap((binding) => sets.get(String(specOf(binding)['clusterSet'] ?? '')) ?? []);
  const isWanted = (set: KubeObject): boolean => !Array.isArray(wanted) || wanted.length === 0 || wanted.includes(nameOf(set));
  return { bound: bound.length, eligible: bound.filter(isWanted).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)) };
}

/** One predicate has to select the cluster, by labels and claims; no predicate selects all. */
function fitsPredicates(cluster: KubeObject, predicates: readonly Fields[]): boolean {
  // No short cut: a predicate that is wrong is wrong for every cluster.
  return predicates.length === 0 || predicates.map(({ requiredClusterSelector }) => fitsSelector(cluster, requiredClusterSelector)).some(Boolean);
}

function fitsSelector(cluster: KubeObject, selector: unknown): boolean {
  if (!isRecord(selector)) return true;
  const cel = isRecord(selector['celSelector']) ? selector['celSelector']['celExpressions'] : undefined;
  if (Array.isArray(cel) && cel.length > 0) throw new SelectorError('celSelector is not supported without the placement controller of OCM');
  const status = isRecord(cluster['status']) ? cluster['status'] : {};
  const claims = Object.fromEntries(records(status['clusterClaims']).map((claim) => [String(claim['name']), String(claim['value'])]));
  return selects(selector['labelSelector'], cluster.metadata.labels ?? {}) && selects(selector['claimSelector'], claims);
}

/** OCM 1.3: NoSelect keeps it out, NoSelectIfNew only when it was not chosen before, PreferNoSelect never. */
function toleratesTaints(cluster: KubeObject, tolerations: readonly Fields[], wasChosen: boolean, nowMs: number): boolean {
  const keeping = records(specOf(cluster)['taints']).filter(({ effect }) => effect === 'NoSelect' || (effect === 'NoSelectIfNew' && !wasChosen));
  return keeping.every((taint) => tolerations.some((toleration) => tolerates(toleration, taint, nowMs)));
}

function tolerates(toleration: Fields, taint: Fields, nowMs: number): boolean {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const [key, operator, seconds] = [text(toleration['key']), text(toleration['operator']) || 'Equal', toleration['tolerationSeconds']];
  if (text(toleration['effect']) !== '' && toleration['effect'] !== taint['effect']) return false;
  if (key !== '' ? key !== taint['key'] : operator !== 'Exists') return false;
  if (operator === 'Equal' && text(toleration['value']) !== text(taint['value'])) return false;
  if (typeof seconds !== 'number') return true;
  const sinceMs = Date.parse(text(taint['timeAdded']));
  return !Number.isNaN(sinceMs) && nowMs < sinceMs + seconds * 1000;
}

type Scorer = 'Balance' | 'Steady' | 'ResourceAllocatableCPU' | 'ResourceAllocatableMemory';

/** Weighted sums. OCM 1.3: Balance and Steady weigh 1 unless `Exact` leaves them out; scores of add-ons are not read. */
function scoresOf(clusters: readonly KubeObject[], placement: KubeObject, before: readonly string[], world: PlacementWorld): ReadonlyMap<string, number> {
  const policy = specOf(placement)['prioritizerPolicy'];
  const weights = weightsOf(policy);
  const own = `${placement.metadata.namespace ?? ''}/${nameOf(placement)}`;
  const counts = new Map<string, number>();
  for (const [name, chosen] of world.decided) if (name !== own) for (const cluster of chosen) counts.set(cluster, (counts.get(cluster) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  const scorers: Readonly<Record<Scorer, (cluster: KubeObject) => number>> = {
    Steady: (cluster) => (before.includes(nameOf(cluster)) ? 100 : 0),
    Balance: (cluster) => (most === 0 ? 100 : 2 * Math.trunc(100 * (0.5 - (counts.get(nameOf(cluster)) ?? 0) / most))),
    ResourceAllocatableCPU: resourceScorer(clusters, 'cpu'),
    ResourceAllocatableMemory: resourceScorer(clusters, 'memory'),
  };
  // Above every sum of weights: see the head of this file.
  const kept = (cluster: KubeObject): number => (isRecord(policy) || !before.includes(nameOf(cluster)) ? 0 : 1_000_000);
  return new Map(
    clusters.map((cluster) => [nameOf(cluster), kept(cluster) + [...weights].reduce((sum, [scorer, weight]) => sum + weight * scorers[scorer](cluster), 0)]),
  );
}

function weightsOf(policy: unknown): ReadonlyMap<Scorer, number> {
  const given = isRecord(policy) ? policy : {};
  const weights = new Map<Scorer, number>(
    given['mode'] === 'Exact'
      ? []
      : [
          ['Balance', 1],
          ['Steady', 1],
        ],
  );
  for (const { scoreCoordinate, weight } of records(given['configurations'])) {
    const name = isRecord(scoreCoordinate) ? scoreCoordinate['builtIn'] : undefined;
    if (name === 'Balance' || name === 'Steady' || name === 'ResourceAllocatableCPU' || name === 'ResourceAllocatableMemory')
      weights.set(name, typeof weight === 'number' ? weight : 1);
  }
  return weights;
}

/** From -100 for the cluster with the least to 100 for the one with the most; 100 where all have the same. */
function resourceScorer(clusters: readonly KubeObject[], resource: string): (cluster: KubeObject) => number {
  const amountOf = (cluster: KubeObject): number => {
    const status = isRecord(cluster['status']) ? cluster['status'] : {};
    const allocatable = isRecord(status['allocatable']) ? status['allocatable'] : {};
    return Number(parseQuantity(String(allocatable[resource] ?? '0'))?.nanos ?? 0n) / 1e9;
  };
  const amounts = clusters.map(amountOf);
  const [least, most] = [Math.min(...amounts), Math.max(...amounts)];
  return (cluster) => (most === least ? 100 : Math.trunc(((amountOf(cluster) - least) / (most - least) - 0.5) * 200));
}

/** OCM 1.3: named groups first, in their order, the rest in one without a name; each cut into parts of the wanted size. */
function groupsOf(chosen: readonly KubeObject[], spec: Fields): readonly DecisionGroup[] {
  const strategy = isRecord(spec['decisionStrategy']) && isRecord(spec['decisionStrategy']['groupStrategy']) ? spec['decisionStrategy']['groupStrategy'] : {};
  const size = sizeOf(strategy['clustersPerDecisionGroup'], chosen.length);
  const groups: DecisionGroup[] = [];
  let rest = [...chosen];
  const cut = (name: string, clusters: readonly KubeObject[]): void => {
    const names = clusters.map(nameOf).sort();
    for (let start = 0; start < names.length; start += size) groups.push({ name, clusters: names.slice(start, start + size) });
  };
  for (const { groupName, groupClusterSelector } of records(strategy['decisionGroups'])) {
    const members = rest.filter((cluster) => fitsSelector(cluster, groupClusterSelector));
    cut(String(groupName ?? ''), members);
    rest = rest.filter((cluster) => !members.includes(cluster));
  }
  cut('', rest);
  return groups.length > 0 ? groups : [{ name: '', clusters: [] }];
}

function sizeOf(value: unknown, total: number): number {
  const percent = typeof value === 'string' && value.endsWith('%') ? Number.parseFloat(value) : null;
  const size = percent !== null ? Math.ceil((total * percent) / 100) : Number(value ?? total);
  return Number.isFinite(size) && size >= 1 ? Math.floor(size) : Math.max(1, total);
}

interface Counts {
  readonly bindings: number;
  readonly eligible: readonly string[];
  readonly available: number;
  readonly feasible: number;
  readonly unscheduled: number;
}

function satisfiedCondition(counts: Counts, wantedSets: readonly string[]): Condition {
  const satisfied = (status: 'True' | 'False', reason: string, message: string): Condition => ({ type: 'PlacementSatisfied', status, reason, message });
  if (counts.bindings === 0) return satisfied('False', 'NoManagedClusterSetBindings', 'No valid ManagedClusterSetBindings found in placement namespace');
  if (counts.eligible.length === 0)
    return satisfied('False', 'NoIntersection', `None of ManagedClusterSets [${wantedSets.join(' ')}] is bound to placement namespace`);
  if (counts.available === 0)
    return satisfied('False', 'AllManagedClusterSetsEmpty', `All ManagedClusterSets [${counts.eligible.join(' ')}] have no member ManagedCluster`);
  if (counts.feasible === 0) return satisfied('False', 'NoManagedClusterMatched', 'No ManagedCluster matches any of the cluster predicate');
  if (counts.unscheduled === 0) return satisfied('True', 'AllDecisionsScheduled', 'All cluster decisions scheduled');
  return satisfied('False', 'NotAllDecisionsScheduled', `${counts.unscheduled} cluster decisions unscheduled`);
}
