/**
 * A stand-in for OCM 1.3.1, declared as such: no code of OCM runs here. It plays the hub's controllers and the klusterlet of
 * one member by what OCM was recorded to write (statuses, conditions and their words, lease, finalizers, decisions), with a
 * klusterlet's rights on hub and member and no more. What Lateen does beside it is told by the audit log of the hub; what a
 * real OCM does is shown by `npm run test:ocm`.
 *
 *     await using ocm = await playOcm({ hub, member });      // the ManagedCluster is made, accepted and annotated by the test
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openClient, type KubeObject, type LabClient } from '../lab/client.ts';
import type { ControlPlane } from '../lab/lab.ts';
import { grantAgent, grantHub } from './ocm-stand-in-rights.ts';
import { tendManifestWork, withConditions, type Bench } from './ocm-stand-in-works.ts';

export const CLUSTER_GROUP = 'cluster.open-cluster-management.io';
const NAME_LABEL = 'open-cluster-management.io/cluster-name';
const HUB_NAMESPACE = 'open-cluster-management-hub';
const ROUND_MS = 200;

export interface OcmStandIn extends AsyncDisposable {
  /** The user as whom its agent speaks to the hub. */
  readonly agentUser: string;
  /** From now on values of feedback stay as they are, or are told again. */
  readonly holdFeedback: (isHeld: boolean) => void;
  readonly stop: () => Promise<void>;
}

/** Starts the play, of the hub's part too unless another does it. The member's name is that of its control plane. Ends with `stop`, or its scope. */
export async function playOcm({
  hub,
  member,
  isHubPlayed = true,
}: {
  readonly hub: ControlPlane;
  readonly member: ControlPlane;
  readonly isHubPlayed?: boolean;
}): Promise<OcmStandIn> {
  const name = member.name;
  const agentUser = `system:open-cluster-management:${name}:agent1`;
  const users = {
    hub: 'system:serviceaccount:open-cluster-management-hub:registration-controller-sa',
    agent: 'system:serviceaccount:open-cluster-management-agent:klusterlet-work-sa',
  };
  await Promise.all([grantHub(hub.client, users.hub), grantAgent(member.client, users.agent)]);
  const controllers = await openClient(await hub.kubeconfigFor(users.hub));
  const bench: Bench = {
    cluster: name,
    hubUrl: hub.server,
    memory: new Map(),
    hub: await openClient(await hub.kubeconfigFor(agentUser, [`system:open-cluster-management:${name}`, 'system:open-cluster-management:managed-clusters'])),
    member: await openClient(await member.kubeconfigFor(users.agent)),
    isHeld: false,
  };
  const stopping = new AbortController();
  const round = async (): Promise<void> => {
    if (isHubPlayed) await tendHub(controllers);
    await tendCluster(bench);
    for (const work of await bench.hub.list(`manifestworks.work.open-cluster-management.io/${name}`)) await tendManifestWork(bench, work);
  };
  const play = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      // A conflict, or a namespace that is not there yet: the next round sees it anew, as a controller would.
      await round().catch(() => {});
      await sleep(ROUND_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const playing = play();
  const stop = async (): Promise<void> => {
    stopping.abort();
    await playing;
    for (const client of [controllers, bench.hub, bench.member]) client.close();
  };
  return {
    agentUser,
    holdFeedback: (isHeld) => {
      bench.isHeld = isHeld;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const now = (): string => new Date().toISOString().replace('Z', '000Z');
const lease = (namespace: string, name: string, holderIdentity: string, labels: Record<string, string> = {}): Parameters<LabClient['apply']>[0] => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name, namespace, labels },
  spec: { holderIdentity, renewTime: now() },
});

/** Hub: leader election, accepted clusters (namespace, rights, lease, conditions, taints), sets, placements. */
async function tendHub(hub: LabClient): Promise<void> {
  for (const lock of ['registration-controller-lock', 'placement-controller-lock']) await hub.apply(lease(HUB_NAMESPACE, lock, 'stand-in'), 'registration');
  const clusters = await hub.list('managedclusters');
  for (const cluster of clusters) await tendAccepted(hub, cluster);
  for (const name of ['default', 'global']) {
    const clusterSelector = name === 'global' ? { selectorType: 'LabelSelector', labelSelector: {} } : { selectorType: 'ExclusiveClusterSetLabel' };
    if ((await hub.find(`managedclustersets/${name}`)) === undefined)
      await hub.create({ apiVersion: `${CLUSTER_GROUP}/v1beta2`, kind: 'ManagedClusterSet', metadata: { name }, spec: { clusterSelector } });
  }
  for (const placement of await hub.list('placements')) await decide(hub, placement, clusters);
}

async function tendAccepted(hub: LabClient, cluster: KubeObject): Promise<void> {
  if (cluster.spec.hubAcceptsClient !== true || cluster.metadata['deletionTimestamp'] !== undefined) return;
  const { name } = cluster.metadata;
  const finalizers = [`${CLUSTER_GROUP}/resource-cleanup`, `${CLUSTER_GROUP}/api-resource-cleanup`];
  if (!finalizers.every((item) => cluster.metadata['finalizers']?.includes(item))) await hub.patch(`managedclusters/${name}`, { metadata: { finalizers } });
  if ((await hub.find(`namespaces/${name}`)) === undefined)
    await hub.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { [NAME_LABEL]: name } } }, 'registration');
  await grantHub.cluster(hub, name);
  if ((await hub.find(`leases/${name}/managed-cluster-lease`)) === undefined)
    await hub.create(lease(name, 'managed-cluster-lease', 'managed-cluster-lease', { [NAME_LABEL]: name }));
  const wanted = [
    ['HubAcceptedManagedCluster', 'True', 'HubClusterAdminAccepted', 'Accepted by hub cluster admin'],
    ['ManagedClusterConditionClockSynced', 'True', 'ManagedClusterClockSynced', 'The clock of the managed cluster is synced with the hub.'],
  ] as const;
  const conditions = withConditions(
    cluster.status?.conditions,
    wanted.map(([type, status, reason, message]) => ({ type, status, reason, message })),
  );
  if (conditions !== null)
    await hub.patch(`managedclusters/${name}`, { metadata: { resourceVersion: cluster.metadata.resourceVersion }, status: { conditions } }, 'status');
}

/** Placements as the tests need them: label predicates over the sets that are bound, and a number. */
async function decide(hub: LabClient, placement: KubeObject, clusters: readonly KubeObject[]): Promise<void> {
  const { name, namespace = '', uid } = placement.metadata;
  const sets = (await hub.list(`managedclustersetbindings/${namespace}`)).map((binding) => binding.spec.clusterSet as string);
  const labelsOf = (cluster: KubeObject): Record<string, string> => cluster.metadata['labels'] ?? {};
  const wanted: readonly Record<string, string>[] = (placement.spec.predicates ?? [{}]).map(
    (one: any) => one.requiredClusterSelector?.labelSelector?.matchLabels ?? {},
  );
  const chosen = clusters
    .filter(
      (cluster) =>
        sets.includes(labelsOf(cluster)[`${CLUSTER_GROUP}/clusterset`] ?? '') &&
        wanted.some((labels) => Object.entries(labels).every(([key, value]) => labelsOf(cluster)[key] === value)),
    )
    .map((cluster) => cluster.metadata.name)
    .sort()
    .slice(0, placement.spec.numberOfClusters ?? Infinity);
  const decisionName = `${name}-decision-1`;
  const old = await hub.find(`placementdecisions/${namespace}/${decisionName}`);
  if (old === undefined) {
    await hub.create({
      apiVersion: `${CLUSTER_GROUP}/v1beta1`,
      kind: 'PlacementDecision',
      metadata: {
        name: decisionName,
        namespace,
        labels: { [`${CLUSTER_GROUP}/decision-group-index`]: '0', [`${CLUSTER_GROUP}/decision-group-name`]: '', [`${CLUSTER_GROUP}/placement`]: name },
        ownerReferences: [{ apiVersion: `${CLUSTER_GROUP}/v1beta1`, kind: 'Placement', name, uid, controller: true, blockOwnerDeletion: true }],
      },
    });
  }
  const before = (old?.status?.decisions ?? []).map((one: { clusterName: string }) => one.clusterName);
  if (before.join() !== chosen.join())
    await hub.patch(
      `placementdecisions/${namespace}/${decisionName}`,
      { status: { decisions: chosen.map((clusterName) => ({ clusterName, reason: '' })) } },
      'status',
    );
  const satisfied =
    chosen.length > 0
      ? { status: 'True', reason: 'AllDecisionsScheduled', message: 'All cluster decisions scheduled' }
      : { status: 'False', reason: 'NoManagedClusterMatched', message: 'No ManagedCluster matches any of the cluster predicate' };
  const conditions = withConditions(placement.status?.conditions, [
    { type: 'PlacementMisconfigured', status: 'False', reason: 'Succeedconfigured', message: 'Placement configurations check pass' },
    { type: 'PlacementSatisfied', ...satisfied },
  ]);
  if (conditions === null) return;
  const decisionGroups = [{ decisionGroupIndex: 0, decisionGroupName: '', decisions: [decisionName], clusterCount: chosen.length }];
  await hub.patch(
    `placements/${namespace}/${name}`,
    { status: { conditions, decisionGroups, ...(chosen.length === 0 ? {} : { numberOfSelectedClusters: chosen.length }) } },
    'status',
  );
}

/** Registration agent: joined, available, version, lease. */
async function tendCluster({ hub, member, cluster }: Bench): Promise<void> {
  const live = await hub.find(`managedclusters/${cluster}`);
  if (
    live === undefined ||
    !(live.status?.conditions ?? []).some((one: { type: string; status: string }) => one.type === 'HubAcceptedManagedCluster' && one.status === 'True')
  )
    return;
  const held = await hub.find(`leases/${cluster}/managed-cluster-lease`);
  // An agent may update its lease, no more; it does so by PUT under its own name.
  if (held !== undefined)
    await hub.raw('PUT', `/apis/coordination.k8s.io/v1/namespaces/${cluster}/leases/managed-cluster-lease`, {
      query: { fieldManager: 'registration' },
      body: { ...held, spec: { ...held.spec, renewTime: now() } },
    });
  const conditions = withConditions(live.status?.conditions, [
    { type: 'ManagedClusterJoined', status: 'True', reason: 'ManagedClusterJoined', message: 'Managed cluster joined' },
    { type: 'ManagedClusterConditionAvailable', status: 'True', reason: 'ManagedClusterAvailable', message: 'Managed cluster is available' },
  ]);
  if (conditions === null) return;
  const version = JSON.parse((await member.raw('GET', '/version')).text) as { gitVersion: string };
  await hub.patch(
    `managedclusters/${cluster}`,
    { metadata: { resourceVersion: live.metadata.resourceVersion }, status: { conditions, version: { kubernetes: version.gitVersion } } },
    'status',
  );
}
