/**
 * What a ManagedCluster should say, from what was seen of the cluster. Pure; every text is OCM 1.3.1's own.
 *
 *   ManagedClusterConditionAvailable
 *
 *              answers                    lease not renewed for 5 of its durations
 *   (none) ───────────────> True ──────────────────────────────────────> Unknown
 *     │                     │  ^ well again                                │  ^
 *     │      troubled 20 s  v  │                         answers           │  │ not renewed
 *     │                     False <────────────────────────────────────────┘  │
 *     │                       └───────────────────────────────────────────────┤
 *     └───────────────────────────────────────────────────────────────────────┘
 *
 * Taints follow it: `unavailable` while False, `unreachable` while Unknown or none.
 */
import { timeText } from '../lib/text.ts';
import { equal, isRecord } from '../lib/json.ts';
import type { KubeObject } from '../model/object.ts';
import type { Report } from './managed-cluster-probe.ts';
import { LEASES_UNTIL_AWAY } from './ocm-evidence.ts';
import { CLUSTER_FINALIZERS, CLUSTER_SET_LABEL, UNAVAILABLE_TAINT, UNREACHABLE_TAINT } from './ocm-kinds.ts';

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** What was seen of one cluster. */
export interface Seen {
  /** Null: it did not answer, or could not be asked. */
  readonly report: Report | null;
  /** Since when its API server answers with errors, in milliseconds since the epoch; null: it does not. */
  readonly troubledSinceMs: number | null;
  /** When its lease was renewed last, after this look; 0: there is none. */
  readonly renewedMs: number;
  readonly leaseSeconds: number;
  readonly nowMs: number;
  /** False: OCM's controllers do the hub's part, and only the agent's is wanted. */
  readonly isHubOurs: boolean;
}

/** OCM 1.3's agent: trouble has to last so long before it is believed. */
const TROUBLE_BELIEVED_MS = 20_000;

const condition = (type: string, status: Condition['status'], reason: string, message: string): Condition => ({ type, status, reason, message });
const isTrue = (conditions: readonly Fields[], type: string): boolean => conditions.some((one) => one['type'] === type && one['status'] === 'True');

/** The status that the cluster should have. What is not touched stays; a condition keeps its time while its status does. */
export function wantedStatus(cluster: KubeObject, seen: Seen): Fields {
  const old = isRecord(cluster['status']) ? cluster['status'] : {};
  const before = Array.isArray(old['conditions']) ? old['conditions'].filter(isRecord) : [];
  let conditions: readonly Fields[] = before;
  for (const next of conditionsFor(cluster, before, seen)) conditions = withCondition(conditions, next, seen.nowMs);
  const { report } = seen;
  const facts: Record<string, unknown> = {};
  if (isAccepted(cluster) && report?.trouble === null && isTrue(conditions, 'ManagedClusterJoined')) {
    if (report.version !== null) facts['version'] = { kubernetes: report.version.gitVersion };
    if (report.resources !== null) {
      // OCM 1.3: a resource that no node has any more stays in the capacity.
      facts['capacity'] = { ...(isRecord(old['capacity']) ? old['capacity'] : {}), ...report.resources.capacity };
      facts['allocatable'] = report.resources.allocatable;
    }
    if (report.claims.length > 0 || old['clusterClaims'] !== undefined) facts['clusterClaims'] = report.claims.length > 0 ? report.claims : undefined;
  }
  return { ...old, ...facts, conditions };
}

function* conditionsFor(cluster: KubeObject, before: readonly Fields[], seen: Seen): Generator<Condition> {
  const { report, isHubOurs } = seen;
  if (!isAccepted(cluster)) {
    // A cluster that was never taken in carries no such condition.
    if (isHubOurs && before.some(({ type }) => type === 'HubAcceptedManagedCluster'))
      yield condition('HubAcceptedManagedCluster', 'False', 'HubClusterAdminDenied', 'Denied by hub cluster admin');
    return;
  }
  if (isHubOurs) yield condition('HubAcceptedManagedCluster', 'True', 'HubClusterAdminAccepted', 'Accepted by hub cluster admin');
  else if (!isTrue(before, 'HubAcceptedManagedCluster')) return;
  if (report !== null) yield condition('ManagedClusterJoined', 'True', 'ManagedClusterJoined', 'Managed cluster joined');
  if (report?.trouble === null) yield condition('ManagedClusterConditionAvailable', 'True', 'ManagedClusterAvailable', 'Managed cluster is available');
  else if (report !== null && seen.troubledSinceMs !== null && seen.nowMs - seen.troubledSinceMs >= TROUBLE_BELIEVED_MS)
    yield condition('ManagedClusterConditionAvailable', 'False', 'ManagedClusterKubeAPIServerUnavailable', report.trouble);
  else if (report === null && isHubOurs && isAway(seen))
    yield condition('ManagedClusterConditionAvailable', 'Unknown', 'ManagedClusterLeaseUpdateStopped', 'Registration agent stopped updating its lease.');
  const offsetMs = report?.clockOffsetMs ?? null;
  if (isHubOurs && offsetMs !== null) yield clockCondition(Math.abs(offsetMs) <= Math.max(2_000, seen.leaseSeconds * 1000));
}

function clockCondition(isSynced: boolean): Condition {
  return isSynced
    ? condition('ManagedClusterConditionClockSynced', 'True', 'ManagedClusterClockSynced', 'The clock of the managed cluster is synced with the hub.')
    : condition(
        'ManagedClusterConditionClockSynced',
        'False',
        'ManagedClusterClockOutOfSync',
        'The clock of hub and agent is out of sync. This may cause the Unknown status and affect agent functionalities.',
      );
}

/** OCM 1.3: five lease durations without a renewal, by the hub's own record, so that a restart forgets nothing. */
function isAway(seen: Seen): boolean {
  return seen.nowMs > seen.renewedMs + LEASES_UNTIL_AWAY * seen.leaseSeconds * 1000;
}

/** The list with the condition in its place, or at the end; the time is kept unless its status changes. */
export function withCondition(conditions: readonly Fields[], next: Condition & { readonly observedGeneration?: number }, nowMs: number): readonly Fields[] {
  const old = conditions.find(({ type }) => type === next.type);
  const lastTransitionTime =
    old !== undefined && old['status'] === next.status && typeof old['lastTransitionTime'] === 'string' ? old['lastTransitionTime'] : timeText(nowMs);
  const full = { ...next, lastTransitionTime };
  return old === undefined ? [...conditions, full] : conditions.map((one) => (one === old ? full : one));
}

const isAccepted = (cluster: KubeObject): boolean => isRecord(cluster['spec']) && cluster['spec']['hubAcceptsClient'] === true;

/**
 * What of metadata and spec has to be merged in, for a cluster of which the hub's part is ours: finalizers, the set's
 * label, where its API server is, and the taints that follow from `available`. Null when all of it is so.
 */
export function wantedSpecPatch(
  cluster: KubeObject,
  conditions: readonly Fields[],
  config: { readonly url: string; readonly caBundle?: string } | null,
  nowMs: number,
): Fields | null {
  if (cluster.metadata.deletionTimestamp !== undefined) return null;
  const spec = isRecord(cluster['spec']) ? cluster['spec'] : {};
  const metadata: Record<string, unknown> = {};
  const fields: Record<string, unknown> = {};
  const finalizers = cluster.metadata.finalizers ?? [];
  const missing = CLUSTER_FINALIZERS.filter((name) => !finalizers.includes(name));
  if (isAccepted(cluster) && missing.length > 0) metadata['finalizers'] = [...finalizers, ...missing];
  if (cluster.metadata.labels?.[CLUSTER_SET_LABEL] === undefined) metadata['labels'] = { [CLUSTER_SET_LABEL]: 'default' };
  if (config !== null && !(Array.isArray(spec['managedClusterClientConfigs']) && spec['managedClusterClientConfigs'].length > 0))
    fields['managedClusterClientConfigs'] = [config];
  const taints = wantedTaints(spec['taints'], conditions, nowMs);
  if (!equal(taints, Array.isArray(spec['taints']) ? spec['taints'] : [])) fields['taints'] = taints.length > 0 ? taints : null;
  if (Object.keys(metadata).length === 0 && Object.keys(fields).length === 0) return null;
  return { metadata: { ...metadata, resourceVersion: cluster.metadata.resourceVersion }, ...(Object.keys(fields).length === 0 ? {} : { spec: fields }) };
}

function wantedTaints(live: unknown, conditions: readonly Fields[], nowMs: number): readonly Fields[] {
  const taints = Array.isArray(live) ? live.filter(isRecord) : [];
  const status = conditions.find(({ type }) => type === 'ManagedClusterConditionAvailable')?.['status'];
  const wanted = status === 'True' ? null : status === 'False' ? UNAVAILABLE_TAINT : UNREACHABLE_TAINT;
  const kept = taints.filter(({ key }) => (key !== UNAVAILABLE_TAINT && key !== UNREACHABLE_TAINT) || key === wanted);
  if (wanted === null || kept.some(({ key }) => key === wanted)) return kept;
  // OCM leaves the time to its webhook; how long a taint is tolerated counts from it.
  return [...kept, { key: wanted, effect: 'NoSelect', timeAdded: timeText(nowMs) }];
}
