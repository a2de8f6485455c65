/** Clusters of Alibaba Cloud (ACK). Door: @alicloud/cs20151215, loaded when first used. */
import type acs from '@alicloud/cs20151215';
import { Fault } from '../model/fault.ts';
import type { Cloud, CloudCluster, CloudLogin, ClusterOrder, NodePoolOrder, Tags } from './cloud.ts';
import { isGone, sdkConfig, type Call, type CallerOptions } from './openapi.ts';

const PAGE_SIZE = 50;
/** More clusters than any account has: a listing that does not end is a fault of the other side (I7). */
const PAGES_MAX = 200;

/** The part of the cloud that has to do with clusters. */
export type ClusterCloud = Pick<Cloud, 'clusters' | 'cluster' | 'createCluster' | 'task' | 'kubeconfig' | 'deleteCluster'>;

/** Opens ACK for one login; nothing is sent yet. */
export async function openAck(login: CloudLogin, options: CallerOptions, call: Call): Promise<ClusterCloud> {
  const sdk = await load();
  const client = new sdk.default.default(await sdkConfig(login, options));

  async function clusters(signal: AbortSignal): Promise<readonly CloudCluster[]> {
    const all: CloudCluster[] = [];
    for (let page = 1; page <= PAGES_MAX; page++) {
      const request = new sdk.DescribeClustersV1Request({ regionId: login.region, pageNumber: page, pageSize: PAGE_SIZE });
      const { body } = await call('read', 'listing clusters', () => client.describeClustersV1(request), signal);
      const found = body?.clusters ?? [];
      all.push(...found.map(clusterOf));
      if (found.length === 0 || all.length >= (body?.pageInfo?.totalCount ?? 0)) return all;
    }
    throw new Fault('provision/transient', `listing clusters: more than ${PAGES_MAX} pages`);
  }

  return {
    clusters,
    cluster: (id, signal) =>
      orNull(async () => clusterOf((await call('read', `looking at cluster ${id}`, () => client.describeClusterDetail(id), signal)).body ?? {})),
    createCluster: async (order, signal) => {
      const request = createRequest(sdk, order, login.region);
      const { body } = await call('create', `creating cluster ${order.name}`, () => client.createCluster(request), signal);
      if ((body?.clusterId ?? '') === '')
        throw new Fault('provision/unknown-outcome', `creating cluster ${order.name}: the cloud answered without a cluster's id`);
      return { id: body?.clusterId ?? '', taskId: body?.taskId ?? '' };
    },
    task: (id, signal) =>
      orNull(async () => {
        const { body } = await call('read', `looking at task ${id}`, () => client.describeTaskInfo(id), signal);
        const error = [body?.error?.message, body?.error?.code].filter((text) => text !== undefined && text !== '');
        return { state: body?.state ?? '', stage: body?.currentStage ?? '', error: error.length === 2 ? `${error[0]} (${error[1]})` : (error[0] ?? '') };
      }),
    kubeconfig: async (id, signal) => {
      // Without a duration: a certificate for as long as the cluster's own, as Terraform's provider asks for it.
      const { body } = await call(
        'read',
        `asking for the kubeconfig of cluster ${id}`,
        () => client.describeClusterUserKubeconfig(id, new sdk.DescribeClusterUserKubeconfigRequest({ privateIpAddress: false })),
        signal,
      );
      return body?.config ?? '';
    },
    deleteCluster: async (id, signal) => {
      await orNull(() =>
        call('write', `deleting cluster ${id}`, () => client.deleteCluster(id, new sdk.DeleteClusterRequest({ retainAllResources: false })), signal),
      );
    },
  };
}

/** Null where the cloud says that there is no such thing. */
export async function orNull<T>(action: () => Promise<T>): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

interface RawCluster {
  readonly clusterId?: string;
  readonly name?: string;
  readonly state?: string;
  readonly tags?: readonly { readonly key?: string; readonly value?: string }[];
  readonly deletionProtection?: boolean;
}

function clusterOf(raw: RawCluster): CloudCluster {
  return { id: raw.clusterId ?? '', name: raw.name ?? '', state: raw.state ?? '', tags: tagsOf(raw.tags), deletionProtection: raw.deletionProtection === true };
}

/** Tags as a record, from the list that the APIs give. */
export function tagsOf(list: readonly { readonly key?: string; readonly value?: string }[] | undefined): Tags {
  return Object.fromEntries((list ?? []).map(({ key = '', value = '' }) => [key, value]));
}

/** The same the other way. */
export const tagList = (tags: Tags): { key: string; value: string }[] => Object.entries(tags).map(([key, value]) => ({ key, value }));

const load = async () => import('@alicloud/cs20151215');
type Sdk = Awaited<ReturnType<typeof load>>;

function createRequest(sdk: Sdk, order: ClusterOrder, region: string): acs.CreateClusterRequest {
  return new sdk.CreateClusterRequest({
    name: order.name,
    regionId: region,
    clusterType: 'ManagedKubernetes',
    clusterSpec: 'ack.standard',
    profile: 'Default',
    kubernetesVersion: order.version,
    vpcid: order.vpcId,
    vswitchIds: [...order.vswitchIds],
    // The pod network is a range of addresses: flannel. A cluster must name its network.
    addons: [new sdk.Addon({ name: 'flannel', config: '' })],
    containerCidr: order.podCidr,
    serviceCidr: order.serviceCidr,
    nodeCidrMask: String(order.nodeCidrMask),
    proxyMode: order.proxyMode,
    snatEntry: order.isNatWanted,
    // The module's output api_server_internet: what registers the cluster comes from outside.
    endpointPublicAccess: true,
    deletionProtection: false,
    tags: tagList(order.tags).map((tag) => new sdk.Tag(tag)),
    nodepools: [nodePool(sdk, order.nodePool, order.vswitchIds)],
  });
}

function nodePool(sdk: Sdk, order: NodePoolOrder, vswitchIds: readonly string[]): acs.Nodepool {
  return new sdk.Nodepool({
    nodepoolInfo: new sdk.NodepoolNodepoolInfo({ name: order.name, type: 'ess' }),
    scalingGroup: new sdk.NodepoolScalingGroup({
      instanceTypes: [...order.instanceTypes],
      vswitchIds: [...vswitchIds],
      desiredSize: order.size,
      instanceChargeType: 'PostPaid',
      // The Terraform provider's own defaults for workers.
      systemDiskCategory: 'cloud_efficiency',
      systemDiskSize: 40,
    }),
    kubernetesConfig: new sdk.NodepoolKubernetesConfig({ runtime: 'containerd', cmsEnabled: order.isMonitored, cpuPolicy: order.cpuPolicy }),
  });
}
