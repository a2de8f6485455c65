/** Networks of Alibaba Cloud (VPC). Door: @alicloud/vpc20160428, loaded when first used. */
import { Fault } from '../model/fault.ts';
import { orNull, tagList, tagsOf } from './ack.ts';
import type { Cloud, CloudLogin, CloudVpc, CloudVSwitch } from './cloud.ts';
import { sdkConfig, type Call, type CallerOptions } from './openapi.ts';

const PAGE_SIZE = 50;
const PAGES_MAX = 200;

/** The part of the cloud that has to do with networks. */
export type NetworkCloud = Pick<Cloud, 'vpcs' | 'createVpc' | 'deleteVpc' | 'vswitches' | 'vswitch' | 'createVSwitch' | 'deleteVSwitch'>;

/** Opens VPC for one login; nothing is sent yet. */
export async function openVpc(login: CloudLogin, options: CallerOptions, call: Call): Promise<NetworkCloud> {
  const sdk = await import('@alicloud/vpc20160428');
  const client = new sdk.default.default(await sdkConfig(login, options));
  const region = { regionId: login.region };

  return {
    vpcs: (tag, signal) =>
      allPages('listing VPCs', async (pageNumber) => {
        const request = new sdk.DescribeVpcsRequest({
          ...region,
          pageNumber,
          pageSize: PAGE_SIZE,
          tag: [new sdk.DescribeVpcsRequestTag({ key: tag[0], value: tag[1] })],
        });
        const { body } = await call('read', 'listing VPCs', () => client.describeVpcs(request), signal);
        return { items: (body?.vpcs?.vpc ?? []).map(vpcOf), total: body?.totalCount ?? 0 };
      }).then((found) => found.filter(({ tags }) => tags[tag[0]] === tag[1])),
    createVpc: async (order, signal) => {
      const request = new sdk.CreateVpcRequest({
        ...region,
        cidrBlock: order.cidr,
        clientToken: order.token,
        ...(order.name === '' ? {} : { vpcName: order.name }),
        tag: tagList(order.tags).map((tag) => new sdk.CreateVpcRequestTag(tag)),
      });
      return (await call('write', `creating VPC ${order.name}`, () => client.createVpc(request), signal)).body?.vpcId ?? '';
    },
    deleteVpc: async (id, signal) => {
      await orNull(() => call('write', `deleting VPC ${id}`, () => client.deleteVpc(new sdk.DeleteVpcRequest({ ...region, vpcId: id })), signal));
    },
    vswitches: (tag, signal) =>
      allPages('listing vSwitches', async (pageNumber) => {
        const request = new sdk.DescribeVSwitchesRequest({
          ...region,
          pageNumber,
          pageSize: PAGE_SIZE,
          tag: [new sdk.DescribeVSwitchesRequestTag({ key: tag[0], value: tag[1] })],
        });
        const { body } = await call('read', 'listing vSwitches', () => client.describeVSwitches(request), signal);
        return { items: (body?.vSwitches?.vSwitch ?? []).map(vswitchOf), total: body?.totalCount ?? 0 };
      }).then((found) => found.filter(({ tags }) => tags[tag[0]] === tag[1])),
    vswitch: (id, signal) =>
      orNull(async () => {
        const { body } = await call(
          'read',
          `looking at vSwitch ${id}`,
          () => client.describeVSwitches(new sdk.DescribeVSwitchesRequest({ ...region, vSwitchId: id, pageNumber: 1, pageSize: PAGE_SIZE })),
          signal,
        );
        return (body?.vSwitches?.vSwitch ?? []).map(vswitchOf).find((found) => found.id === id) ?? null;
      }),
    createVSwitch: async (order, signal) => {
      const request = new sdk.CreateVSwitchRequest({
        ...region,
        vpcId: order.vpcId,
        zoneId: order.zone,
        cidrBlock: order.cidr,
        vSwitchName: order.name,
        clientToken: order.token,
        tag: tagList(order.tags).map((tag) => new sdk.CreateVSwitchRequestTag(tag)),
      });
      return (await call('write', `creating vSwitch ${order.name}`, () => client.createVSwitch(request), signal)).body?.vSwitchId ?? '';
    },
    deleteVSwitch: async (id, signal) => {
      await orNull(() =>
        call('write', `deleting vSwitch ${id}`, () => client.deleteVSwitch(new sdk.DeleteVSwitchRequest({ ...region, vSwitchId: id })), signal),
      );
    },
  };
}

async function allPages<T>(
  what: string,
  ask: (pageNumber: number) => Promise<{ readonly items: readonly T[]; readonly total: number }>,
): Promise<readonly T[]> {
  const all: T[] = [];
  for (let page = 1; page <= PAGES_MAX; page++) {
    const { items, total } = await ask(page);
    all.push(...items);
    if (items.length === 0 || all.length >= total) return all;
  }
  throw new Fault('provision/transient', `${what}: more than ${PAGES_MAX} pages`);
}

interface RawTags {
  readonly tag?: readonly { readonly key?: string; readonly value?: string }[];
}

function vpcOf(raw: {
  readonly vpcId?: string;
  readonly vpcName?: string;
  readonly cidrBlock?: string;
  readonly status?: string;
  readonly tags?: RawTags;
}): CloudVpc {
  return { id: raw.vpcId ?? '', name: raw.vpcName ?? '', cidr: raw.cidrBlock ?? '', state: raw.status ?? '', tags: tagsOf(raw.tags?.tag) };
}

function vswitchOf(raw: {
  readonly vSwitchId?: string;
  readonly vpcId?: string;
  readonly zoneId?: string;
  readonly cidrBlock?: string;
  readonly status?: string;
  readonly tags?: RawTags;
}): CloudVSwitch {
  return {
    id: raw.vSwitchId ?? '',
    vpcId: raw.vpcId ?? '',
    zone: raw.zoneId ?? '',
    cidr: raw.cidrBlock ?? '',
    state: raw.status ?? '',
    tags: tagsOf(raw.tags?.tag),
  };
}
