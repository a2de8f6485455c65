/**
 * The tender: does for direct clusters what OCM's hub controllers and registration agent do for others: namespace,
 * lease, conditions, taints, sets, bindings and placement decisions. For a cluster that OCM delivers to, or of which it
 * is not certain, it writes nothing; on a hub where OCM's controllers run it leaves the hub's part to them.
 *
 * One round looks at all clusters at once and waits for none longer than a few seconds; it compares before it writes,
 * so that a quiet round writes nothing but the leases that are due.
 */
import { isRecord } from '../lib/json.ts';
import type { Member } from '../model/clusters.ts';
import { Fault, toFault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { Clock, Effects } from '../model/ports.ts';
import { leaseSecondsOf, type ClusterRegistry, type ClustersReading } from './clusters.ts';
import { installDefinitions } from './hub.ts';
import { targetOf, type KubeClient } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import { probe, type Report } from './managed-cluster-probe.ts';
import { keepDefaultSets, keepSetStatus, saveStatus } from './managed-cluster-sets.ts';
import { wantedSpecPatch, wantedStatus, withCondition, type Condition } from './managed-cluster-status.ts';
import { renewedMs } from './ocm-evidence.ts';
import { ABANDON_ANNOTATION, CLUSTER_FINALIZERS, CLUSTER_LEASE, CLUSTER_NAME_LABEL, SET_API, WORK_API } from './ocm-kinds.ts';
import { tendPlacements } from './placement-writing.ts';
import { forgetConnection } from './register-direct.ts';

export interface TenderOptions {
  readonly hub: KubeClient;
  readonly registry: ClusterRegistry;
  readonly effects: Effects;
  readonly clock: Clock;
  /** CRDs that every member needs (readMemberDefinitions). */
  readonly memberDefinitions: readonly KubeObject[];
}

/** What became of one cluster in a round. */
export interface Tended {
  readonly name: string;
  /** Why it could not be looked at or written about; null: all is well, or it is not ours to tend. */
  readonly fault: Fault | null;
}

export interface Tender {
  /**
   * One round. Two at the same time are one. A cluster's fault is in its entry and holds up no other (I12); the hub's own
   * are thrown: transport/*, loop/cancelled.
   */
  readonly tend: (signal: AbortSignal) => Promise<readonly Tended[]>;
  /**
   * Rounds until the signal fires, so often that no lease runs out. `onRound` is told after each; a round that failed as
   * a whole is told with its fault.
   */
  readonly run: (onRound: (round: readonly Tended[] | Fault) => void, signal: AbortSignal) => Promise<void>;
}

const PROBE_TIMEOUT_MS = 10_000;
/** A round goes on without a cluster that has not answered by then; what comes later counts in the next. */
const ROUND_WAIT_MS = 5_000;
/** OCM 1.3's agent looks at its cluster every 60 s. */
const PROBE_PERIOD_MS = 60_000;
const ROUND_MIN_MS = 500;
const ROUND_MAX_MS = 10_000;
const WORK_FINALIZER = 'cluster.open-cluster-management.io/manifest-work-cleanup';
const LEASE_API = 'coordination.k8s.io/v1';

/** What is remembered of a member between rounds; losing it costs one more look. */
interface Memory {
  lookedMs: number;
  report: Report | null;
  troubledSinceMs: number | null;
  /** The client whose cluster has what it needs. */
  prepared: KubeClient | null;
  /** A former round's tending that is still under way. */
  busy: Promise<Tended> | null;
  /** The ManagedCluster as the last write left it. */
  live: KubeObject | null;
}

type Round = { readonly nowMs: number; readonly reading: ClustersReading; readonly namespaces: ReadonlySet<string>; readonly signal: AbortSignal };

/** Opens a tender; nothing happens before its first round. */
export function openTender(options: TenderOptions): Tender {
  const { hub, registry, effects, clock } = options;
  const memories = new Map<string, Memory>();
  /** Clusters with a connection alone (`vela cluster join`). */
  const joined = new Set<string>();
  let running: Promise<readonly Tended[]> | null = null;

  /** Looks at a member when a look is due; null when it does not answer. */
  async function look(member: Member, isDue: boolean, memory: Memory, signal: AbortSignal): Promise<Report | null> {
    if (!isDue && memory.report !== null) return memory.report;
    memory.report = null;
    const client = await registry.client(member.name);
    const report = await probe(client, PROBE_TIMEOUT_MS, clock, signal);
    if (report.trouble === null && memory.prepared !== client) {
      await installDefinitions(client, options.memberDefinitions, member.name, effects, clock, signal);
      memory.prepared = client;
    }
    memory.lookedMs = clock.now();
    memory.troubledSinceMs = report.trouble === null ? null : (memory.troubledSinceMs ?? clock.now());
    memory.report = report;
    return report;
  }

  /** Tends a member, but waits for it no longer than a round may take. */
  async function tendInTime(member: Member, round: Round): Promise<Tended> {
    const { name } = member;
    const memory = memories.get(name) ?? { lookedMs: 0, report: null, troubledSinceMs: null, prepared: null, busy: null, live: null };
    memories.set(name, memory);
    if (memory.busy === null) memory.live = member.object;
    memory.busy ??= tendMember(member, memory, round).finally(() => {
      memory.busy = null;
    });
    const late: Tended = { name, fault: new Fault('transport/unreachable', `cluster ${name} has not answered yet`) };
    const done = new AbortController();
    const timer = clock.sleep(ROUND_WAIT_MS, AbortSignal.any([done.signal, round.signal])).then(
      () => late,
      () => late,
    );
    try {
      return await Promise.race([memory.busy, timer]);
    } finally {
      done.abort();
    }
  }

  async function tendMember(member: Member, memory: Memory, round: Round): Promise<Tended> {
    const { name } = member;
    const leaseSeconds = leaseSecondsOf(member.object);
    const lease = round.reading.leases.get(name) ?? null;
    const isRenewalDue = round.nowMs - renewedMs(lease) >= leaseSeconds * 1000;
    const isDue = isRenewalDue || memory.troubledSinceMs !== null || round.nowMs - memory.lookedMs >= Math.min(PROBE_PERIOD_MS, leaseSeconds * 1000);
    let fault: Fault | null = null;
    const report = await look(member, isDue, memory, round.signal).catch((error: unknown) => {
      fault = toFault(error);
      return null;
    });
    // Whoever stops us has not made the cluster go away.
    if (round.signal.aborted) return { name, fault: new Fault('loop/cancelled', 'cancelled') };
    registry.note(name, { version: report?.version ?? member.version, isAvailable: report?.trouble === null });
    if (member.object === null) return { name, fault };
    try {
      await write(member.object, { report, memory, lease, leaseSeconds, isRenewalDue }, round);
      return { name, fault };
    } catch (error) {
      return { name, fault: fault ?? toFault(error) };
    }
  }

  async function write(
    cluster: KubeObject,
    seen: {
      readonly report: Report | null;
      readonly memory: Memory;
      readonly lease: KubeObject | null;
      readonly leaseSeconds: number;
      readonly isRenewalDue: boolean;
    },
    round: Round,
  ): Promise<void> {
    const name = cluster.metadata.name ?? '';
    const isHubOurs = round.reading.ocm === null;
    const isAccepted = isRecord(cluster['spec']) && cluster['spec']['hubAcceptsClient'] === true;
    let lease = seen.lease;
    if (isAccepted && isHubOurs && !round.namespaces.has(name)) await keepNamespace(name, round.signal);
    if (isAccepted && lease === null && isHubOurs) lease = await makeLease(name, round.signal);
    else if (isAccepted && lease !== null && seen.report !== null && seen.isRenewalDue) lease = await renewLease(lease, round.signal);
    const nowMs = clock.now();
    const status = wantedStatus(cluster, {
      report: seen.report,
      troubledSinceMs: seen.memory.troubledSinceMs,
      renewedMs: renewedMs(lease),
      leaseSeconds: seen.leaseSeconds,
      nowMs,
      isHubOurs,
    });
    let live = await saveStatus(cluster, status, options, round.signal);
    seen.memory.live = live;
    const conditions = Array.isArray(status['conditions']) ? status['conditions'].filter(isRecord) : [];
    const patch = isHubOurs ? wantedSpecPatch(live, conditions, registry.configOf(name), nowMs) : null;
    if (patch !== null)
      seen.memory.live = live = (
        await effects.run('system', `ManagedCluster ${name}`, () => hub.patch(targetOf(cluster), 'merge', patch, { fieldManager: FIELD_MANAGER }, round.signal))
      ).object;
    if (isHubOurs && live.metadata.deletionTimestamp !== undefined) await clear(live, round.signal);
  }

  /** Makes the namespace, or labels one that is there. */
  async function keepNamespace(name: string, signal: AbortSignal): Promise<void> {
    const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { [CLUSTER_NAME_LABEL]: name } } };
    await effects.run('system', `Namespace ${name}`, () => hub.apply(namespace, { fieldManager: FIELD_MANAGER, force: true }, signal));
  }

  async function makeLease(name: string, signal: AbortSignal): Promise<KubeObject> {
    const lease: KubeObject = {
      apiVersion: LEASE_API,
      kind: 'Lease',
      metadata: { name: CLUSTER_LEASE, namespace: name, labels: { [CLUSTER_NAME_LABEL]: name } },
      spec: { holderIdentity: CLUSTER_LEASE, renewTime: microTime(clock.now()) },
    };
    return (await effects.run('system', `Lease ${name}/${CLUSTER_LEASE}`, () => hub.create(lease, { fieldManager: FIELD_MANAGER }, signal))).object;
  }

  async function renewLease(lease: KubeObject, signal: AbortSignal): Promise<KubeObject> {
    const body = { metadata: { resourceVersion: lease.metadata.resourceVersion }, spec: { renewTime: microTime(clock.now()) } };
    return (
      await effects.run('system', `Lease ${lease.metadata.namespace ?? ''}/${CLUSTER_LEASE}`, () =>
        hub.patch(targetOf(lease), 'merge', body, { fieldManager: FIELD_MANAGER }, signal),
      )
    ).object;
  }

  /** OCM 1.3: a cluster that is deleted takes its works with it, and is gone when they are. */
  async function clear(cluster: KubeObject, signal: AbortSignal): Promise<void> {
    const name = cluster.metadata.name ?? '';
    const ours = (cluster.metadata.finalizers ?? []).filter((finalizer) => CLUSTER_FINALIZERS.includes(finalizer));
    if (ours.length === 0) return;
    const works = (await hub.list({ apiVersion: WORK_API, kind: 'ManifestWork', namespace: name, metadataOnly: true }, signal)).items;
    for (const work of works)
      if (work.metadata.deletionTimestamp === undefined)
        await effects.run('delete', `ManifestWork ${name}/${work.metadata.name ?? ''}`, () => hub.delete(targetOf(work), {}, signal));
    if (cluster.metadata.annotations?.[ABANDON_ANNOTATION] === 'true') await abandon(works, signal);
    const left = (await hub.list({ apiVersion: WORK_API, kind: 'ManifestWork', namespace: name, metadataOnly: true }, signal)).items;
    const status = isRecord(cluster['status']) ? cluster['status'] : {};
    const conditions = withCondition(Array.isArray(status['conditions']) ? status['conditions'].filter(isRecord) : [], deletingCondition(left), clock.now());
    const live = await saveStatus(cluster, { ...status, conditions }, options, signal);
    if (left.length > 0) return;
    const finalizers = (live.metadata.finalizers ?? []).filter((finalizer) => !CLUSTER_FINALIZERS.includes(finalizer));
    const body = { metadata: { finalizers, resourceVersion: live.metadata.resourceVersion } };
    await effects.run('system', `ManagedCluster ${name}`, () => hub.patch(targetOf(cluster), 'merge', body, { fieldManager: FIELD_MANAGER }, signal));
  }

  /** Lets works go whose objects nobody can take off the cluster; finalizers of others stay. */
  async function abandon(works: readonly KubeObject[], signal: AbortSignal): Promise<void> {
    for (const work of works) {
      const live = await hub.get(targetOf(work), signal);
      const finalizers = live?.metadata.finalizers ?? [];
      if (live === null || !finalizers.includes(WORK_FINALIZER)) continue;
      const body = { metadata: { finalizers: finalizers.filter((name) => name !== WORK_FINALIZER), resourceVersion: live.metadata.resourceVersion } };
      await effects.run('system', `ManifestWork ${work.metadata.namespace ?? ''}/${work.metadata.name ?? ''}`, () =>
        hub.patch(targetOf(work), 'merge', body, { fieldManager: FIELD_MANAGER }, signal),
      );
    }
  }

  async function tendAll(signal: AbortSignal): Promise<readonly Tended[]> {
    const reading = await registry.read(signal);
    const isHubOurs = reading.ocm === null;
    await forgetConnections(reading.members, signal);
    for (const name of memories.keys()) if (!reading.members.some((member) => member.name === name)) memories.delete(name);
    if (reading.members.length === 0 && !(await isServed(SET_API, 'ManagedClusterSet', signal))) return [];
    const list = async (kind: string): Promise<readonly KubeObject[]> =>
      isHubOurs ? (await hub.list({ apiVersion: SET_API, kind, namespace: '' }, signal)).items : [];
    const [sets, bindings, namespaces] = await Promise.all([
      list('ManagedClusterSet'),
      list('ManagedClusterSetBinding'),
      hub.list({ apiVersion: 'v1', kind: 'Namespace', namespace: '', labels: CLUSTER_NAME_LABEL, metadataOnly: true }, signal),
    ]);
    const round: Round = { nowMs: clock.now(), reading, namespaces: new Set(namespaces.items.map(({ metadata }) => metadata.name ?? '')), signal };
    const tended = await Promise.all(reading.members.filter(isTended).map((member) => tendInTime(member, round)));
    if (signal.aborted) throw new Fault('loop/cancelled', 'cancelled');
    const clusters = reading.members.flatMap(({ name, object }) => (object === null ? [] : [memories.get(name)?.live ?? object]));
    if (isHubOurs && clusters.length + sets.length + bindings.length > 0) await tendHub(sets, bindings, clusters, signal);
    return tended;
  }

  /** Connections that registering has made go when their ManagedClusters are gone; others are looked at once. */
  async function forgetConnections(members: readonly Member[], signal: AbortSignal): Promise<void> {
    for (const { name, object } of members) {
      if (object !== null) joined.delete(name);
      else if (!joined.has(name) && (await forgetConnection(name, options, signal)) === 'foreign') joined.add(name);
    }
  }

  const isServed = async (apiVersion: string, kind: string, signal: AbortSignal): Promise<boolean> =>
    (await hub.findResource(apiVersion, kind, signal)) !== null;

  /** Sets, bindings, placements: after the clusters, whose labels and taints they depend on. */
  async function tendHub(sets: readonly KubeObject[], bindings: readonly KubeObject[], clusters: readonly KubeObject[], signal: AbortSignal): Promise<void> {
    const all = await keepDefaultSets(sets, options, signal);
    await keepSetStatus(all, bindings, clusters, clock.now(), options, signal);
    await tendPlacements({ hub, effects, clock }, { clusters, sets: all, bindings }, signal);
  }

  const tend = (signal: AbortSignal): Promise<readonly Tended[]> =>
    (running ??= tendAll(signal).finally(() => {
      running = null;
    }));

  return {
    tend,
    async run(onRound, signal) {
      while (!signal.aborted) {
        const round = await tend(signal).catch(toFault);
        if (signal.aborted) return;
        onRound(round);
        await clock.sleep(roundMs(registry.last()), signal).catch(() => {});
      }
    },
  };
}

/** A direct cluster whose delivery is certain; one that cannot be connected to is still ours to call away. */
const isTended = (member: Member): boolean => member.mode === 'direct' && member.fault?.code !== 'transport/delivery';

/** Often enough for the shortest lease. */
function roundMs(reading: ClustersReading): number {
  const shortest = Math.min(...reading.members.filter(isTended).map(({ object }) => leaseSecondsOf(object)), Infinity);
  return Math.max(ROUND_MIN_MS, Math.min(ROUND_MAX_MS, shortest * 500));
}

function deletingCondition(left: readonly KubeObject[]): Condition {
  const pending = left.filter(({ metadata }) => (metadata.finalizers ?? []).length > 0).length;
  // The spelling is OCM's own.
  if (left.length > 0)
    return {
      type: 'Deleting',
      status: 'False',
      reason: 'ResourceRemaining',
      message: `The resource manifestworks is remaning, the remaining count is ${left.length}, the finalizer pending count is ${pending}`,
    };
  return { type: 'Deleting', status: 'True', reason: 'NoResource', message: 'No cleaned resource in cluster ns.' };
}

const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');
