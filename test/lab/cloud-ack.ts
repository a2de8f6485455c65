// Container Service for Kubernetes (ACK), API version 2015-12-15.
//
//   CreateCluster --> initial --createMs and its control plane is up--> running
//                        |                                                 |
//                        +--told to fail, or no control plane--> failed    |  DeleteCluster (not protected)
//                                                                  |       |
//                        initial too ------------------------------+-------+--> deleting --deleteMs--> gone
//                                                                          ^       |
//                                                       DeleteCluster again|       +--told to fail--> delete_failed
//                                                                          +------------------------------+
import { nodesOf, ownVpcCidr, planCluster, type Plan } from './cloud-ack-rules.ts';
import { type Answer, type Api, checkTags, isTagged, newId, page, requestTags, type World } from './cloud-api.ts';
import { CloudError, invalidParameter } from './cloud-error.ts';
import { type Params, requestModel } from './cloud-models.ts';
import type { Cluster, ClusterState, Tags, Task } from './cloud-state.ts';
import { localTime, showTask } from './cloud-tasks.ts';
import { newVSwitch } from './cloud-vpc.ts';

const VERSION = '1.36.3-aliyun.1'; // of the lab's control planes, in ACK's way of writing

export const ackApi: Api = {
  version: '2015-12-15',
  actions: {
    CreateCluster: { route: 'POST /clusters', model: () => requestModel('cs', 'CreateClusterRequest'), run: createCluster },
    DescribeClusterDetail: { route: 'GET /clusters/{id}', run: (world, _params, [id]) => ({ body: showCluster(world, find(world, id)), subject: id! }) },
    DescribeClustersV1: {
      route: 'GET /api/v1/clusters',
      model: () => requestModel('cs', 'DescribeClustersV1Request', 'DescribeClustersV1request'),
      run: describeClusters,
    },
    DescribeClustersForRegion: {
      route: 'GET /regions/{region}/clusters',
      model: () => requestModel('cs', 'DescribeClustersForRegionRequest'),
      run: (world, params, [region]) => describeClusters(world, { ...params, region_id: region }),
    },
    DescribeTaskInfo: { route: 'GET /tasks/{id}', run: (world, _params, [id]) => describeTask(world, id!) },
    DescribeClusterTasks: { route: 'GET /clusters/{id}/tasks', model: () => requestModel('cs', 'DescribeClusterTasksRequest'), run: describeTasks },
    DescribeClusterUserKubeconfig: {
      route: 'GET /k8s/{id}/user_config',
      model: () => requestModel('cs', 'DescribeClusterUserKubeconfigRequest'),
      run: describeKubeconfig,
    },
    DeleteCluster: { route: 'DELETE /clusters/{id}', model: () => requestModel('cs', 'DeleteClusterRequest'), run: deleteCluster },
    ModifyCluster: { route: 'PUT /api/v2/clusters/{id}', model: () => requestModel('cs', 'ModifyClusterRequest'), run: modifyCluster },
    ModifyClusterTags: { route: 'POST /clusters/{id}/tags', model: () => requestModel('cs', 'ModifyClusterTagsRequest'), bareBody: 'body', run: modifyTags },
    TagResources: { route: 'PUT /tags', model: () => requestModel('cs', 'TagResourcesRequest'), run: tagResources },
    UntagResources: { route: 'DELETE /tags', model: () => requestModel('cs', 'UntagResourcesRequest'), run: untagResources },
    ListTagResources: { route: 'GET /tags', model: () => requestModel('cs', 'ListTagResourcesRequest'), run: listTagResources },
    DescribeClusterNodePools: {
      route: 'GET /clusters/{id}/nodepools',
      model: () => requestModel('cs', 'DescribeClusterNodePoolsRequest'),
      run: describeNodePools,
    },
  },
};

/** Moves every cluster on that is due. */
export function settleClusters(world: World): void {
  for (const cluster of world.store.clusters.values()) {
    const elapsedMs = world.now() - cluster.sinceMs;
    if (cluster.state === 'initial') settleCreation(world, cluster, elapsedMs);
    if (cluster.state === 'deleting') settleDeletion(world, cluster, elapsedMs);
  }
}

function settleCreation(world: World, cluster: Cluster, elapsedMs: number): void {
  const doom = cluster.tasks.at(-1)!.error;
  const status = world.backing.status(cluster.id);
  if (doom !== undefined && elapsedMs >= world.createMs / 2) finish(world, cluster, 'failed', doom);
  else if (doom === undefined && typeof status === 'object') finish(world, cluster, 'failed', { code: 'ErrorCreateControlPlane', message: status.failed });
  else if (doom === undefined && status === 'ready' && elapsedMs >= world.createMs) finish(world, cluster, 'running');
}

function settleDeletion(world: World, cluster: Cluster, elapsedMs: number): void {
  const doom = cluster.tasks.at(-1)!.error;
  if (elapsedMs < world.deleteMs) return;
  if (doom !== undefined) return finish(world, cluster, 'delete_failed', doom);
  if (!world.backing.isGone(cluster.id)) return;
  finish(world, cluster, 'gone');
  if (!cluster.ownsNetwork) return;
  for (const id of cluster.vswitchIds) world.store.putVSwitch({ ...world.store.vswitches.get(id)!, state: 'gone' });
  world.store.putVpc({ ...world.store.vpcs.get(cluster.vpcId)!, state: 'gone' });
}

function finish(world: World, cluster: Cluster, state: ClusterState, error?: Task['error']): void {
  const task: Task = {
    ...cluster.tasks.at(-1)!,
    state: error === undefined ? 'success' : 'fail',
    endedAtMs: world.now(),
    ...(error !== undefined && { error }),
  };
  world.store.putCluster({ ...cluster, state, sinceMs: world.now(), tasks: [...cluster.tasks.slice(0, -1), task] });
}

/** No ClientToken here: two calls make two clusters, as in the real API. */
function createCluster(world: World, params: Params): Answer {
  const plan = planCluster(world, params);
  const fault = world.faults.take('fail-creation', 'CreateCluster');
  const error =
    fault === undefined
      ? undefined
      : { code: fault.code ?? 'QuotaExceeded.Ecs', message: fault.message ?? 'The quota of ECS instances of the account does not allow the nodes.' };
  const id = newId('c', 32);
  const task = newTask(world, 'create', error);
  const cluster: Cluster = {
    id,
    name: params['name'] as string,
    regionId: params['region_id'] as string,
    state: 'initial',
    tags: requestTags(params['tags']),
    ...networkOf(world, plan, params),
    serviceCidr: plan.serviceCidr,
    ...(plan.containerCidr !== undefined && { containerCidr: plan.containerCidr }),
    deletionProtection: params['deletion_protection'] === true,
    createdAtMs: world.now(),
    sinceMs: world.now(),
    request: withoutSecrets(params) as Params,
    deletions: [],
    tasks: [task],
  };
  world.store.putCluster(cluster);
  if (error === undefined) world.backing.start(id);
  return { body: { cluster_id: id, task_id: task.id }, subject: id, status: 202 };
}

function newTask(world: World, kind: Task['kind'], error: Task['error']): Task {
  return { id: newId('T-', 24), kind, state: 'running', startedAtMs: world.now(), ...(error !== undefined && { error }) };
}

function networkOf(world: World, { place }: Plan, params: Params): Pick<Cluster, 'vpcId' | 'vswitchIds' | 'ownsNetwork'> {
  if (place.kind === 'vswitches') return { vpcId: place.vpcId, vswitchIds: place.vswitchIds, ownsNetwork: false };
  const name = `vpc-for-${String(params['name'])}`;
  const vpcId = newId('vpc-');
  world.store.putVpc({
    id: vpcId,
    name,
    description: '',
    regionId: params['region_id'] as string,
    cidrBlock: ownVpcCidr,
    state: 'Pending',
    tags: {},
    createdAtMs: world.now(),
  });
  const vswitches = place.zoneIds.map((zoneId, index) =>
    newVSwitch(world, { name: `vswitch-${index + 1}`, description: '', vpcId, zoneId, cidrBlock: `192.168.${index * 16}.0/20`, tags: {} }),
  );
  return { vpcId, vswitchIds: vswitches.map((it) => it.id), ownsNetwork: true };
}

/** Passwords and start scripts are not kept. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, below]) => [name, /password|user_data|user_ca/.test(name) ? '***' : withoutSecrets(below)]));
}

function describeClusters(world: World, params: Params): Answer {
  const wanted = (cluster: Cluster) =>
    cluster.state !== 'gone' &&
    (params['name'] === undefined || cluster.name.includes(params['name'] as string)) && // as the real one: a part of the name is enough
    (params['cluster_id'] === undefined || cluster.id === params['cluster_id']) &&
    (params['region_id'] === undefined || cluster.regionId === params['region_id']) &&
    ['cluster_type', 'cluster_spec', 'profile'].every((field) => params[field] === undefined || show(cluster)[field] === params[field]);
  const show = (cluster: Cluster) => showCluster(world, cluster);
  const found = [...world.store.clusters.values()].filter(wanted).toReversed();
  const { items, pageNumber, pageSize } = page(found, params['page_number'], params['page_size'], 100);
  return { body: { clusters: items.map(show), page_info: { page_number: pageNumber, page_size: pageSize, total_count: found.length } } };
}

function describeTask(world: World, id: string): Answer {
  for (const cluster of world.store.clusters.values()) {
    const task = cluster.tasks.find((it) => it.id === id);
    if (task !== undefined)
      return { body: showTask(cluster, task, world.now(), task.kind === 'create' ? world.createMs : world.deleteMs), subject: cluster.id };
  }
  throw new CloudError(404, 'ErrorTaskNotFound', `the task ${id} not found`);
}

function describeTasks(world: World, params: Params, [id]: readonly string[]): Answer {
  const cluster = find(world, id);
  const { items, pageNumber, pageSize } = page(cluster.tasks.toReversed(), params['page_number'], params['page_size']);
  const tasks = items.map((task) => {
    const { task_id, task_type, state, created, updated, error } = showTask(cluster, task, world.now(), 0);
    return { task_id, task_type, state, created, updated, ...(error !== undefined && { error }) };
  });
  return { body: { tasks, page_info: { page_number: pageNumber, page_size: pageSize, total_count: cluster.tasks.length } }, subject: cluster.id };
}

async function describeKubeconfig(world: World, params: Params, [id]: readonly string[]): Promise<Answer> {
  const cluster = find(world, id);
  if (cluster.state !== 'running') throw wrongState(cluster);
  const minutes = params['TemporaryDurationMinutes'] as number | undefined;
  if (minutes !== undefined && !(Number.isInteger(minutes) && minutes >= 15 && minutes <= 4320))
    throw invalidParameter('TemporaryDurationMinutes', '15 to 4320 minutes are allowed');
  const { config, expiresAtMs } = await world.backing.access(cluster.id, minutes);
  return { body: { config, expiration: `${new Date(expiresAtMs).toISOString().slice(0, 19)}Z` }, subject: cluster.id };
}

function deleteCluster(world: World, params: Params, [id]: readonly string[]): Answer {
  const cluster = find(world, id);
  if (cluster.deletionProtection)
    throw new CloudError(400, 'ErrorDeletionProtection', `deletion protection is enabled for cluster ${cluster.id}; disable it first`);
  if (cluster.state === 'deleting') throw wrongState(cluster);
  const wrong = ((params['delete_options'] as readonly Readonly<Record<string, string>>[] | undefined) ?? []).find(
    (it) => !['delete', 'retain'].includes(it['delete_mode'] ?? '') || it['resource_type'] === undefined,
  );
  if (wrong !== undefined) throw invalidParameter('delete_options', 'each needs a resource_type and the delete_mode delete or retain');
  const fault = world.faults.take('fail-deletion', 'DeleteCluster');
  const error =
    fault === undefined
      ? undefined
      : { code: fault.code ?? 'DependencyViolation', message: fault.message ?? 'A resource that was created with the cluster cannot be deleted.' };
  const task = newTask(world, 'delete', error);
  const before = cluster.tasks.map((it): Task =>
    it.state === 'running'
      ? { ...it, state: 'fail', endedAtMs: world.now(), error: { code: 'ErrorClusterState', message: 'The cluster is being deleted.' } }
      : it,
  );
  world.store.putCluster({ ...cluster, state: 'deleting', sinceMs: world.now(), tasks: [...before, task], deletions: [...cluster.deletions, params] });
  if (error === undefined) world.backing.end(cluster.id);
  return { body: { cluster_id: cluster.id, task_id: task.id }, subject: cluster.id, status: 202 };
}

function modifyCluster(world: World, params: Params, [id]: readonly string[]): Answer {
  const cluster = find(world, id);
  if (cluster.state === 'deleting') throw wrongState(cluster);
  const name = params['cluster_name'] as string | undefined;
  const isProtected = params['deletion_protection'] as boolean | undefined;
  world.store.putCluster({ ...cluster, ...(name !== undefined && { name }), ...(isProtected !== undefined && { deletionProtection: isProtected }) });
  return { body: { cluster_id: cluster.id, task_id: newId('T-', 24) }, subject: cluster.id, status: 202 };
}

/** The whole set is replaced. */
function modifyTags(world: World, params: Params, [id]: readonly string[]): Answer {
  const cluster = find(world, id);
  world.store.putCluster({ ...cluster, tags: requestTags(params['body']) });
  return { body: {}, subject: cluster.id };
}

function tagged(world: World, params: Params): readonly Cluster[] {
  if (params['resource_type'] !== 'CLUSTER') throw invalidParameter('resource_type', 'CLUSTER is expected');
  return (params['resource_ids'] as readonly string[]).map((id) => {
    const cluster = find(world, id);
    if (cluster.regionId !== params['region_id']) throw notFound(id);
    return cluster;
  });
}

function tagResources(world: World, params: Params): Answer {
  const clusters = tagged(world, params);
  const tags = requestTags(params['tags']);
  for (const cluster of clusters) world.store.putCluster({ ...cluster, tags: checkTags({ ...cluster.tags, ...tags }) });
  return { body: {}, subject: clusters.map((it) => it.id).join(',') };
}

function untagResources(world: World, params: Params): Answer {
  const clusters = tagged(world, params);
  const keys = params['tag_keys'] as readonly string[];
  for (const cluster of clusters) {
    const left: Tags = params['all'] === true ? {} : Object.fromEntries(Object.entries(cluster.tags).filter(([key]) => !keys.includes(key)));
    world.store.putCluster({ ...cluster, tags: left });
  }
  return { body: {}, subject: clusters.map((it) => it.id).join(',') };
}

function listTagResources(world: World, params: Params): Answer {
  const filter = requestTags(params['tags'], 'filter');
  const found = tagged(world, params).filter((cluster) => isTagged(cluster.tags, filter));
  const tag_resource = found.flatMap((cluster) =>
    Object.entries(cluster.tags).map(([tag_key, tag_value]) => ({ resource_id: cluster.id, resource_type: 'CLUSTER', tag_key, tag_value })),
  );
  return { body: { tag_resources: { tag_resource }, next_token: '' } };
}

function describeNodePools(world: World, _params: Params, [id]: readonly string[]): Answer {
  const cluster = find(world, id);
  const pools = (cluster.request['nodepools'] as readonly Params[] | undefined) ?? [];
  const nodepools = pools.map((pool, index) => ({
    ...pool,
    nodepool_info: { ...(pool['nodepool_info'] as Params), nodepool_id: `np${cluster.id.slice(1, 30)}${index}` },
    status: { state: cluster.state === 'running' ? 'active' : 'initial' },
  }));
  return { body: { nodepools }, subject: cluster.id };
}

function showCluster(world: World, cluster: Cluster): Params {
  const { request, id } = cluster;
  const server = cluster.state === 'initial' ? undefined : world.backing.server(id);
  const addresses = { ...(request['endpoint_public_access'] === true && { api_server_endpoint: server }), intranet_api_server_endpoint: server };
  return {
    cluster_id: id,
    name: cluster.name,
    state: cluster.state,
    region_id: cluster.regionId,
    cluster_type: request['cluster_type'],
    cluster_spec: request['cluster_spec'] ?? 'ack.standard',
    profile: request['profile'] ?? 'Default',
    current_version: request['kubernetes_version'] ?? VERSION,
    init_version: request['kubernetes_version'] ?? VERSION,
    deletion_protection: cluster.deletionProtection,
    size: cluster.state === 'running' ? nodesOf(request) : 0,
    vpc_id: cluster.vpcId,
    vswitch_ids: cluster.vswitchIds,
    vswitch_id: cluster.vswitchIds.join(','),
    ...(cluster.containerCidr !== undefined && { container_cidr: cluster.containerCidr, subnet_cidr: cluster.containerCidr }),
    service_cidr: cluster.serviceCidr,
    proxy_mode: request['proxy_mode'] ?? 'ipvs',
    security_group_id: `sg-${id.slice(-20)}`,
    network_mode: 'vpc',
    master_url: server === undefined ? '' : JSON.stringify(addresses),
    created: localTime(cluster.createdAtMs),
    updated: localTime(cluster.sinceMs),
    tags: Object.entries(cluster.tags).map(([key, value]) => ({ key, value })),
  };
}

function find(world: World, id: string | undefined): Cluster {
  const cluster = world.store.clusters.get(id ?? '');
  if (cluster === undefined || cluster.state === 'gone') throw notFound(id ?? '');
  return cluster;
}

const notFound = (id: string) => new CloudError(404, 'ErrorClusterNotFound', `cluster ${id} not found`);
const wrongState = (cluster: Cluster) =>
  new CloudError(400, 'ErrorClusterState', `cluster ${cluster.id} is in state ${cluster.state}, which does not allow that`);
