// What ACK asks of a CreateCluster before it makes anything.
import type { World } from './cloud-api.ts';
import { isPrivate, overlaps, parseCidr, type Range } from './cloud-cidr.ts';
import { CloudError, invalidParameter, missingParameter } from './cloud-error.ts';
import { quotaExceeded } from './cloud-faults.ts';
import type { Params } from './cloud-models.ts';
import type { VSwitch } from './cloud-state.ts';
import { zonesOf } from './cloud-vpc.ts';

/** Where a cluster is going to be: on vSwitches that exist, or in zones, where ACK makes a network itself. */
export type Place =
  | { readonly kind: 'vswitches'; readonly vpcId: string; readonly vswitchIds: readonly string[] }
  | { readonly kind: 'zones'; readonly zoneIds: readonly string[] };

export type Plan = { readonly place: Place; readonly containerCidr?: string; readonly serviceCidr: string };

const SPECS = ['ack.standard', 'ack.pro.small', 'ack.pro.xlarge', 'ack.pro.2xlarge', 'ack.pro.4xlarge'];
const SERVICE_CIDR = '172.21.0.0/20';
const OWN_VPC_CIDR = '192.168.0.0/16';

/** The VPC that ACK makes for a cluster in zones. */
export const ownVpcCidr = OWN_VPC_CIDR;

/** Reads and checks a CreateCluster; its fields' names and types have been checked. @throws CloudError */
export function planCluster(world: World, params: Params): Plan {
  const regionId = params['region_id'] as string;
  if (!/^[\p{L}\d][\p{L}\d_-]{0,62}$/u.test(params['name'] as string))
    throw invalidParameter('name', '1 to 63 letters, digits, "-" and "_" that start with a letter or digit are expected');
  if (params['cluster_type'] === undefined) throw missingParameter('cs', 'cluster_type');
  if (params['cluster_type'] !== 'ManagedKubernetes') throw invalidParameter('cluster_type', 'this endpoint makes ManagedKubernetes only');
  oneOf(params, 'cluster_spec', SPECS);
  oneOf(params, 'profile', ['Default']);
  oneOf(params, 'proxy_mode', ['iptables', 'ipvs']);
  oneOf(params, 'ip_stack', ['ipv4', 'single', 'dual']);
  const version = params['kubernetes_version'];
  if (version !== undefined && !/^\d+\.\d+\.\d+-(aliyun|ack)\.\d+$/.test(version as string))
    throw invalidParameter('kubernetes_version', 'no version of that name is offered');
  const live = [...world.store.clusters.values()].filter((it) => it.state !== 'gone');
  if (live.length >= world.clusterQuota) throw quotaExceeded('CreateCluster');
  const place = placeOf(world, params, regionId);
  return { place, ...planRanges(world, params, place) };
}

function oneOf(params: Params, field: string, allowed: readonly string[]): void {
  const value = params[field] as string | undefined;
  if (value !== undefined && value !== '' && !allowed.includes(value)) throw invalidParameter(field, `it is none of ${allowed.join(', ')}`);
}

function placeOf(world: World, params: Params, regionId: string): Place {
  const vswitchIds = (params['vswitch_ids'] as readonly string[] | undefined) ?? [];
  const zoneIds = (params['zone_ids'] as readonly string[] | undefined) ?? [];
  if (vswitchIds.length === 0) {
    if (zoneIds.length === 0) throw missingParameter('cs', 'vswitch_ids');
    if (params['vpcid'] !== undefined) throw missingParameter('cs', 'vswitch_ids');
    const unknown = zoneIds.find((zone) => !zonesOf(regionId).includes(zone));
    if (unknown !== undefined) throw invalidParameter('zone_ids', `there is no zone ${unknown} in ${regionId}`);
    return { kind: 'zones', zoneIds };
  }
  if (vswitchIds.length > 5) throw invalidParameter('vswitch_ids', 'at most 5 are allowed');
  const vswitches = vswitchIds.map((id) => usableVSwitch(world, id, 'vswitch_ids'));
  const vpcId = (params['vpcid'] as string | undefined) ?? vswitches[0]!.vpcId;
  const vpc = world.store.vpcs.get(vpcId);
  if (vpc === undefined || vpc.state !== 'Available' || vpc.regionId !== regionId)
    throw invalidParameter('vpcid', `there is no available VPC ${vpcId} in ${regionId}`);
  const stranger = vswitches.find((it) => it.vpcId !== vpcId);
  if (stranger !== undefined) throw invalidParameter('vswitch_ids', `${stranger.id} is not in ${vpcId}`);
  checkNodePools(world, params, vpcId);
  return { kind: 'vswitches', vpcId, vswitchIds };
}

function usableVSwitch(world: World, id: string, field: string): VSwitch {
  const vswitch = world.store.vswitches.get(id);
  if (vswitch?.state !== 'Available') throw invalidParameter(field, `there is no available vSwitch ${id}`);
  return vswitch;
}

type NodePool = {
  readonly scaling_group?: { readonly vswitch_ids?: readonly string[]; readonly instance_types?: readonly string[]; readonly desired_size?: number };
};

function checkNodePools(world: World, params: Params, vpcId: string): void {
  for (const [index, pool] of ((params['nodepools'] as readonly NodePool[] | undefined) ?? []).entries()) {
    const path = `nodepools.${index + 1}.scaling_group`;
    if ((pool.scaling_group?.vswitch_ids ?? []).length === 0) throw missingParameter('cs', `${path}.vswitch_ids`);
    if ((pool.scaling_group?.instance_types ?? []).length === 0) throw missingParameter('cs', `${path}.instance_types`);
    const stranger = pool.scaling_group!.vswitch_ids!.find((id) => usableVSwitch(world, id, `${path}.vswitch_ids`).vpcId !== vpcId);
    if (stranger !== undefined) throw invalidParameter(`${path}.vswitch_ids`, `${stranger} is not in ${vpcId}`);
  }
}

/** How many nodes a request asks for; what is outside `nodepools` has no effect since 2024-10. */
export function nodesOf(request: Params): number {
  return ((request['nodepools'] as readonly NodePool[] | undefined) ?? []).reduce((sum, pool) => sum + (pool.scaling_group?.desired_size ?? 0), 0);
}

/** Pods (Flannel) and Services have ranges of their own, apart from the VPC's and from those of clusters beside them. */
function planRanges(world: World, params: Params, place: Place): Omit<Plan, 'place'> {
  const vpcCidr = place.kind === 'zones' ? OWN_VPC_CIDR : world.store.vpcs.get(place.vpcId)!.cidrBlock;
  const addons = (params['addons'] as readonly { readonly name?: string }[] | undefined) ?? [];
  const isTerway = addons.some((addon) => addon.name?.startsWith('terway') === true);
  const podVSwitchIds = (params['pod_vswitch_ids'] as readonly string[] | undefined) ?? [];
  if (isTerway && podVSwitchIds.length === 0) throw missingParameter('cs', 'pod_vswitch_ids');
  for (const id of podVSwitchIds) usableVSwitch(world, id, 'pod_vswitch_ids');
  const containerCidr = isTerway ? undefined : (params['container_cidr'] as string | undefined);
  if (!isTerway && containerCidr === undefined) throw missingParameter('cs', 'container_cidr');
  const serviceCidr = (params['service_cidr'] as string | undefined) ?? SERVICE_CIDR;
  const vpc = parseCidr(vpcCidr)!;
  const service = rangeOf('service_cidr', serviceCidr, 16, 24);
  apart('service_cidr', service, vpc, `the VPC's ${vpcCidr}`);
  if (containerCidr === undefined) return { serviceCidr };
  const pods = rangeOf('container_cidr', containerCidr, 8, 24);
  apart('container_cidr', pods, vpc, `the VPC's ${vpcCidr}`);
  apart('container_cidr', pods, service, `service_cidr ${serviceCidr}`);
  for (const other of place.kind === 'zones' ? [] : world.clustersUsing({ vpcId: place.vpcId })) {
    if (other.containerCidr !== undefined)
      apart('container_cidr', pods, parseCidr(other.containerCidr)!, `that of cluster ${other.name} in the same VPC (${other.containerCidr})`);
    apart('container_cidr', pods, parseCidr(other.serviceCidr)!, `the Services of cluster ${other.name} in the same VPC (${other.serviceCidr})`);
  }
  checkNodeMask(params['node_cidr_mask'] as string | undefined, pods);
  return { containerCidr, serviceCidr };
}

function rangeOf(field: string, text: string, bitsFrom: number, bitsTo: number): Range {
  const range = parseCidr(text);
  if (range === undefined || !isPrivate(range) || range.bits < bitsFrom || range.bits > bitsTo) {
    throw invalidParameter(
      field,
      `a range within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 with a mask of ${bitsFrom} to ${bitsTo} is expected, not ${text}`,
    );
  }
  return range;
}

function apart(field: string, range: Range, other: Range, what: string): void {
  if (overlaps(range, other)) throw new CloudError(400, 'InvalidParameter', `The specified parameter "${field}" is not valid: it overlaps ${what}.`);
}

function checkNodeMask(text: string | undefined, pods: Range): void {
  const bits = Number(text ?? 25);
  if (text === undefined) return;
  if (!/^\d\d$/.test(text) || bits < 24 || bits > 28) throw invalidParameter('node_cidr_mask', 'a mask of 24 to 28 is expected');
  if (bits < pods.bits) throw invalidParameter('node_cidr_mask', 'a node would have more addresses than container_cidr');
}
