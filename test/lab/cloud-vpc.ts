// Virtual Private Cloud, API version 2016-04-28: networks, their vSwitches, tags and zones.
//
//   CreateVpc ---> Pending --networkMs--> Available --DeleteVpc (empty)--> gone        (a vSwitch likewise)
import { type Api, checkTags, isTagged, newId, page, requestTags, type Answer, type World } from './cloud-api.ts';
import { contains, isReserved, overlaps, parseCidr, type Range } from './cloud-cidr.ts';
import { CloudError, invalidParameter, missingParameter } from './cloud-error.ts';
import { quotaExceeded } from './cloud-faults.ts';
import { type Params, requestModel } from './cloud-models.ts';
import type { Tags, Vpc, VSwitch } from './cloud-state.ts';

const VSWITCHES_AT_MOST = 150; // of a VPC

export const vpcApi: Api = {
  version: '2016-04-28',
  actions: {
    CreateVpc: { model: () => requestModel('vpc', 'CreateVpcRequest'), run: createVpc },
    DescribeVpcs: { model: () => requestModel('vpc', 'DescribeVpcsRequest'), run: describeVpcs },
    DescribeVpcAttribute: { model: () => requestModel('vpc', 'DescribeVpcAttributeRequest'), run: describeVpcAttribute },
    DeleteVpc: { model: () => requestModel('vpc', 'DeleteVpcRequest'), run: deleteVpc },
    CreateVSwitch: { model: () => requestModel('vpc', 'CreateVSwitchRequest', 'CreateVswitchRequest'), run: createVSwitch },
    DescribeVSwitches: { model: () => requestModel('vpc', 'DescribeVSwitchesRequest', 'DescribeVswitchesRequest'), run: describeVSwitches },
    DescribeVSwitchAttributes: {
      model: () => requestModel('vpc', 'DescribeVSwitchAttributesRequest', 'DescribeVswitchAttributesRequest'),
      run: describeVSwitchAttributes,
    },
    DeleteVSwitch: { model: () => requestModel('vpc', 'DeleteVSwitchRequest', 'DeleteVswitchRequest'), run: deleteVSwitch },
    DescribeZones: { model: () => requestModel('vpc', 'DescribeZonesRequest'), run: (_world, params) => describeZones(params) },
    TagResources: { model: () => requestModel('vpc', 'TagResourcesRequest'), run: tagResources },
    UnTagResources: { model: () => requestModel('vpc', 'UnTagResourcesRequest'), run: untagResources },
    ListTagResources: { model: () => requestModel('vpc', 'ListTagResourcesRequest'), run: listTagResources },
  },
};

/** What has become Available since; nothing here takes longer than `networkMs`. */
export function settleNetworks(world: World): void {
  for (const vpc of world.store.vpcs.values()) if (vpc.state === 'Pending' && isDue(world, vpc)) world.store.putVpc({ ...vpc, state: 'Available' });
  for (const vswitch of world.store.vswitches.values())
    if (vswitch.state === 'Pending' && isDue(world, vswitch)) world.store.putVSwitch({ ...vswitch, state: 'Available' });
}

const isDue = (world: World, it: { readonly createdAtMs: number }) => world.now() - it.createdAtMs >= world.networkMs;

function createVpc(world: World, params: Params): Answer {
  const regionId = params['RegionId'] as string;
  zonesOf(regionId);
  const cidrBlock = (params['CidrBlock'] as string | undefined) ?? '172.16.0.0/12';
  const range = cidrOf(cidrBlock);
  if (range.bits < 8 || range.bits > 28 || isReserved(range)) throw new CloudError(400, 'InvalidCidrBlock.Malformed', 'Specified CIDR block is not valid.');
  const name = checkName('VpcName', params['VpcName']);
  if (live(world.store.vpcs).filter((vpc) => vpc.regionId === regionId).length >= world.vpcQuota) throw quotaExceeded('CreateVpc');
  if (params['DryRun'] === true) throw new CloudError(400, 'DryRunOperation', 'Request validation has been passed with DryRun flag set.');
  const tags = requestTags(params['Tag']);
  const vpc: Vpc = {
    id: newId('vpc-'),
    name,
    description: String(params['Description'] ?? ''),
    regionId,
    cidrBlock,
    state: 'Pending',
    tags,
    createdAtMs: world.now(),
  };
  world.store.putVpc(vpc);
  return {
    body: { VpcId: vpc.id, VRouterId: idBeside(vpc.id, 'vrt-'), RouteTableId: idBeside(vpc.id, 'vtb-'), ResourceGroupId: 'rg-default' },
    subject: vpc.id,
  };
}

function describeVpcs(world: World, params: Params): Answer {
  const { RegionId, VpcId, VpcName, IsDefault } = params;
  const ids = VpcId === undefined ? undefined : String(VpcId).split(',');
  const tags = requestTags(params['Tag'], 'filter');
  const found = live(world.store.vpcs).filter(
    (vpc) =>
      vpc.regionId === RegionId &&
      (ids?.includes(vpc.id) ?? true) &&
      (VpcName === undefined || vpc.name === VpcName) &&
      IsDefault !== true &&
      isTagged(vpc.tags, tags),
  );
  return listed(params, found, (items) => ({ Vpcs: { Vpc: items.map((vpc) => showVpc(world, vpc)) } }));
}

function describeVpcAttribute(world: World, params: Params): Answer {
  const vpc = findVpc(world, params['VpcId'], params['RegionId']);
  const uses = live(world.store.vswitches).filter((it) => it.vpcId === vpc.id).length;
  const { NatGatewayIds: _nat, RouterTableIds: _tables, ...shown } = showVpc(world, vpc);
  return { body: { ...shown, CloudResources: { CloudResourceSetType: [{ ResourceType: 'VSwitch', ResourceCount: uses }] } }, subject: vpc.id };
}

function deleteVpc(world: World, params: Params): Answer {
  const vpc = findVpc(world, params['VpcId'], params['RegionId']);
  if (vpc.state === 'Pending') throw new CloudError(400, 'IncorrectVpcStatus', 'Current VPC status does not support this operation.');
  if (world.clustersUsing({ vpcId: vpc.id }).length > 0)
    throw new CloudError(400, 'DependencyViolation.SecurityGroup', 'Specified object has dependent resources SecurityGroup.');
  if (live(world.store.vswitches).some((it) => it.vpcId === vpc.id))
    throw new CloudError(400, 'DependencyViolation.VSwitch', 'Specified object has dependent resources.');
  world.store.putVpc({ ...vpc, state: 'gone' });
  return { body: {}, subject: vpc.id };
}

function createVSwitch(world: World, params: Params): Answer {
  if (typeof params['CidrBlock'] !== 'string') throw missingParameter('vpc', 'CidrBlock');
  const vpc = findVpc(world, params['VpcId'], params['RegionId']);
  const zoneId = params['ZoneId'] as string;
  if (!zonesOf(vpc.regionId).includes(zoneId)) throw new CloudError(404, 'InvalidZoneId.NotFound', 'Specified zone does not exist.');
  if (vpc.state === 'Pending') throw new CloudError(400, 'IncorrectVpcStatus', 'Current VPC status does not support this operation.');
  const range = cidrOf(params['CidrBlock']);
  if (range.bits < 16 || range.bits > 29) throw new CloudError(400, 'InvalidCirdrBlock.MaskLength', 'Specified CIDR block is not valid.');
  if (!contains(cidrOf(vpc.cidrBlock), range)) throw new CloudError(400, 'InvalidParameter', 'Specified CIDR block is not valid in VPC.');
  const others = live(world.store.vswitches).filter((it) => it.vpcId === vpc.id);
  if (others.some((it) => overlaps(cidrOf(it.cidrBlock), range)))
    throw new CloudError(400, 'InvalidCidrBlock.Overlapped', 'Specified CIDR block overlapped with other subnets.');
  if (others.some((it) => it.state === 'Pending')) throw new CloudError(400, 'IncorrectVSwitchStatus', 'VSwitch Creation simultaneously is not supported.');
  if (others.length >= VSWITCHES_AT_MOST) throw quotaExceeded('CreateVSwitch');
  const name = checkName('VSwitchName', params['VSwitchName']);
  const vswitch = newVSwitch(world, {
    name,
    description: String(params['Description'] ?? ''),
    vpcId: vpc.id,
    zoneId,
    cidrBlock: params['CidrBlock'],
    tags: requestTags(params['Tag']),
  });
  return { body: { VSwitchId: vswitch.id }, subject: vswitch.id };
}

/** Puts a vSwitch without asking whether it fits. */
export function newVSwitch(world: World, from: Pick<VSwitch, 'name' | 'description' | 'vpcId' | 'zoneId' | 'cidrBlock' | 'tags'>): VSwitch {
  const vswitch: VSwitch = { ...from, id: newId('vsw-'), state: 'Pending', createdAtMs: world.now() };
  world.store.putVSwitch(vswitch);
  return vswitch;
}

function describeVSwitches(world: World, params: Params): Answer {
  const { RegionId, VpcId, ZoneId, VSwitchId, VSwitchName } = params;
  if (RegionId === undefined && VpcId === undefined) throw missingParameter('vpc', 'RegionId');
  const tags = requestTags(params['Tag'], 'filter');
  const ids = VSwitchId === undefined ? undefined : String(VSwitchId).split(',');
  const found = live(world.store.vswitches).filter(
    (it) =>
      (RegionId === undefined || world.store.vpcs.get(it.vpcId)?.regionId === RegionId) &&
      (VpcId === undefined || it.vpcId === VpcId) &&
      (ZoneId === undefined || it.zoneId === ZoneId) &&
      (ids?.includes(it.id) ?? true) &&
      (VSwitchName === undefined || it.name === VSwitchName) &&
      isTagged(it.tags, tags),
  );
  return listed(params, found, (items) => ({ VSwitches: { VSwitch: items.map(showVSwitch) } }));
}

function describeVSwitchAttributes(world: World, params: Params): Answer {
  const vswitch = findVSwitch(world, params['VSwitchId']);
  return { body: showVSwitch(vswitch), subject: vswitch.id };
}

function deleteVSwitch(world: World, params: Params): Answer {
  const vswitch = findVSwitch(world, params['VSwitchId']);
  if (vswitch.state === 'Pending') throw new CloudError(400, 'IncorrectVSwitchStatus', 'The current virtual switch status does not support this operation.');
  if (world.clustersUsing({ vswitchId: vswitch.id }).length > 0) throw new CloudError(400, 'DependencyViolation', 'Specified object has dependent resources.');
  world.store.putVSwitch({ ...vswitch, state: 'gone' });
  return { body: {}, subject: vswitch.id };
}

function describeZones(params: Params): Answer {
  const zones = zonesOf(params['RegionId'] as string);
  return { body: { Zones: { Zone: zones.map((ZoneId) => ({ ZoneId, LocalName: ZoneId, ZoneType: 'AvailabilityZone' })) } } };
}

type Tagged = { readonly id: string; readonly tags: Tags; readonly put: (tags: Tags) => void };

function taggable(world: World, params: Params): (id: string) => Tagged {
  const type = params['ResourceType'];
  if (type !== 'VPC' && type !== 'VSWITCH')
    throw new CloudError(400, 'InvalidResourceType.NotFound', `The ResourceType provided does not exist: this endpoint has VPC and VSWITCH.`);
  return (id) => {
    const vpc = type === 'VPC' ? world.store.vpcs.get(id) : undefined;
    const vswitch = type === 'VSWITCH' ? world.store.vswitches.get(id) : undefined;
    if (vpc !== undefined && vpc.state !== 'gone') return { id, tags: vpc.tags, put: (tags) => world.store.putVpc({ ...vpc, tags }) };
    if (vswitch !== undefined && vswitch.state !== 'gone') return { id, tags: vswitch.tags, put: (tags) => world.store.putVSwitch({ ...vswitch, tags }) };
    throw new CloudError(404, 'InvalidResourceId.NotFound', 'The specified ResourceIds are not found in our records.');
  };
}

function tagResources(world: World, params: Params): Answer {
  const found = (params['ResourceId'] as readonly string[]).map(taggable(world, params));
  const tags = requestTags(params['Tag']);
  for (const it of found) it.put(checkTags({ ...it.tags, ...tags }));
  return { body: {}, subject: found.map((it) => it.id).join(',') };
}

function untagResources(world: World, params: Params): Answer {
  const found = (params['ResourceId'] as readonly string[]).map(taggable(world, params));
  const keys = (params['TagKey'] as readonly string[] | undefined) ?? [];
  for (const it of found) it.put(params['All'] === true ? {} : Object.fromEntries(Object.entries(it.tags).filter(([key]) => !keys.includes(key))));
  return { body: {}, subject: found.map((it) => it.id).join(',') };
}

function listTagResources(world: World, params: Params): Answer {
  const lookUp = taggable(world, params);
  const ids = params['ResourceId'] as readonly string[] | undefined;
  const tags = requestTags(params['Tag'], 'filter');
  if (ids === undefined && Object.keys(tags).length === 0) throw missingParameter('vpc', 'ResourceId');
  const all = params['ResourceType'] === 'VPC' ? live(world.store.vpcs) : live(world.store.vswitches);
  const found = (ids?.map(lookUp) ?? all).filter((it) => isTagged(it.tags, tags));
  const TagResource = found.flatMap((it) =>
    Object.entries(it.tags).map(([TagKey, TagValue]) => ({ ResourceId: it.id, ResourceType: params['ResourceType'], TagKey, TagValue })),
  );
  return { body: { TagResources: { TagResource }, NextToken: '' } };
}

/** The zones of a region: this endpoint has every region whose name has a region's form, each with zones a to d. */
export function zonesOf(regionId: string): readonly string[] {
  if (!/^[a-z]{2}-[a-z]+(-\d)?$/.test(regionId)) throw new CloudError(404, 'InvalidRegionId.NotFound', 'The specified RegionId does not exist.');
  return ['a', 'b', 'c', 'd'].map((zone) => (/\d$/.test(regionId) ? `${regionId}${zone}` : `${regionId}-${zone}`));
}

function showVpc(world: World, vpc: Vpc): Readonly<Record<string, unknown>> {
  return {
    VpcId: vpc.id,
    VpcName: vpc.name,
    Description: vpc.description,
    RegionId: vpc.regionId,
    CidrBlock: vpc.cidrBlock,
    Status: vpc.state,
    CreationTime: timeOf(vpc.createdAtMs),
    IsDefault: false,
    VRouterId: idBeside(vpc.id, 'vrt-'),
    VSwitchIds: { VSwitchId: live(world.store.vswitches).flatMap((it) => (it.vpcId === vpc.id ? [it.id] : [])) },
    RouterTableIds: { RouterTableIds: [idBeside(vpc.id, 'vtb-')] },
    NatGatewayIds: {
      NatGatewayIds: world.clustersUsing({ vpcId: vpc.id }).flatMap((it) => (it.request['snat_entry'] === true ? [idBeside(it.id, 'ngw-')] : [])),
    },
    SecondaryCidrBlocks: { SecondaryCidrBlock: [] },
    UserCidrs: { UserCidr: [] },
    Tags: { Tag: showTags(vpc.tags) },
  };
}

function showVSwitch(it: VSwitch): Readonly<Record<string, unknown>> {
  const size = 2 ** (32 - cidrOf(it.cidrBlock).bits);
  return {
    VSwitchId: it.id,
    VSwitchName: it.name,
    Description: it.description,
    VpcId: it.vpcId,
    ZoneId: it.zoneId,
    CidrBlock: it.cidrBlock,
    Status: it.state,
    CreationTime: timeOf(it.createdAtMs),
    IsDefault: false,
    AvailableIpAddressCount: size - 4, // the first and the last three are the system's
    Tags: { Tag: showTags(it.tags) },
  };
}

const showTags = (tags: Tags) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
const timeOf = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
const idBeside = (id: string, prefix: string) => `${prefix}${id.slice(-17)}`;

function live<Item extends { readonly state: string }>(map: ReadonlyMap<string, Item>): readonly Item[] {
  return [...map.values()].filter((item) => item.state !== 'gone');
}

function listed<Item>(params: Params, found: readonly Item[], show: (items: readonly Item[]) => Readonly<Record<string, unknown>>): Answer {
  const { items, pageNumber, pageSize } = page(found, params['PageNumber'], params['PageSize']);
  return { body: { ...show(items), PageNumber: pageNumber, PageSize: pageSize, TotalCount: found.length } };
}

function findVpc(world: World, id: unknown, regionId: unknown): Vpc {
  const vpc = world.store.vpcs.get(String(id));
  if (vpc === undefined || vpc.state === 'gone' || (regionId !== undefined && vpc.regionId !== regionId))
    throw new CloudError(404, 'InvalidVpcId.NotFound', 'Specified VPC does not exist.');
  return vpc;
}

function findVSwitch(world: World, id: unknown): VSwitch {
  const vswitch = world.store.vswitches.get(String(id));
  if (vswitch === undefined || vswitch.state === 'gone') throw new CloudError(404, 'InvalidVSwitchId.NotFound', 'VSwitch not exist.');
  return vswitch;
}

function cidrOf(text: string): Range {
  const range = parseCidr(text);
  if (range === undefined) throw new CloudError(400, 'InvalidCidrBlock.Malformed', 'Specified CIDR block is not valid.');
  return range;
}

/** 1 to 128 characters, and no address of a page. */
function checkName(field: string, name: unknown): string {
  const text = String(name ?? '');
  if (text.length > 128 || /^https?:\/\//.test(text)) throw invalidParameter(field, 'at most 128 characters that do not start with http:// or https://');
  return text;
}
