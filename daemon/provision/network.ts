/** The network of a cluster: a VPC with its vSwitches, made with client tokens and found by tag, or vSwitches that are there. */
import { Fault } from '../model/fault.ts';
import type { Cloud, CloudVpc, CloudVSwitch } from './cloud.ts';
import type { Tag } from './lookup.ts';
import { clientToken, type CloudPlan } from './order.ts';
import { recordOf } from './record.ts';
import type { Subject, Waiting } from './subject.ts';

/** A VPC or a vSwitch takes seconds, a cluster minutes. */
const NETWORK_POLL_MS = 2_000;

const soon = (subject: Subject, what: string): Waiting => ({ waitsFor: what, retryAfterMs: Math.min(NETWORK_POLL_MS, subject.options.pollMs) });

export interface Network {
  readonly vpcId: string;
  readonly vswitchIds: readonly string[];
}

/** The network, once all of it is available; a wait until then. Makes what is missing. */
export async function raiseNetwork(subject: Subject, plan: CloudPlan, cloud: Cloud, tag: Tag): Promise<Network | Waiting> {
  if (plan.network === null) return existing(plan.vswitchIds, cloud, subject.signal);
  const vpc = await raiseVpc(subject, plan.network, cloud, tag);
  if ('waitsFor' in vpc) return vpc;
  const vswitches = await raiseVSwitches(subject, { vpc, wanted: plan.network.vswitches, zone: plan.zone }, cloud, tag);
  return 'waitsFor' in vswitches ? vswitches : { vpcId: vpc.id, vswitchIds: vswitches.map(({ id }) => id) };
}

/** vSwitches that somebody else made: all there, and in one VPC. */
async function existing(ids: readonly string[], cloud: Cloud, signal: AbortSignal): Promise<Network> {
  const vpcs = new Set<string>();
  for (const id of ids) {
    const vswitch = await cloud.vswitch(id, signal);
    if (vswitch === null) throw new Fault('provision/refused', `vswitch_ids names ${id}, and there is no such vSwitch in this region`);
    vpcs.add(vswitch.vpcId);
  }
  const [vpcId = '', other] = vpcs;
  if (other !== undefined) throw new Fault('provision/refused', `vswitch_ids names vSwitches of two VPCs, ${vpcId} and ${other}: a cluster is in one`);
  return { vpcId, vswitchIds: ids };
}

async function raiseVpc(subject: Subject, wanted: NonNullable<CloudPlan['network']>, cloud: Cloud, tag: Tag): Promise<CloudVpc | Waiting> {
  const { signal } = subject;
  const name = wanted.vpcName === '' ? wanted.vpcCidr : wanted.vpcName;
  const found = await first(cloud.vpcs(tag, signal));
  if (found !== undefined) return found.state === 'Available' ? found : soon(subject, `VPC ${name} is being made`);
  // The token differs where one was made and is gone: the cloud would answer with that one for ever.
  const token = clientToken(tag[1], subject.object().metadata.uid ?? '', 'vpc', wanted.vpcName, wanted.vpcCidr, recordOf(subject.object())?.vpc ?? '');
  const order = { name: wanted.vpcName, cidr: wanted.vpcCidr, tags: { [tag[0]]: tag[1] }, token };
  const id = await subject.act('cloud', `VPC ${name}`, () => cloud.createVpc(order, signal));
  await subject.note({ record: { vpc: id } }, 'always');
  return soon(subject, `VPC ${name} is being made`);
}

interface VSwitchesWanted {
  readonly vpc: CloudVpc;
  readonly wanted: NonNullable<CloudPlan['network']>['vswitches'];
  readonly zone: string;
}

async function raiseVSwitches(subject: Subject, { vpc, wanted, zone }: VSwitchesWanted, cloud: Cloud, tag: Tag): Promise<readonly CloudVSwitch[] | Waiting> {
  const { signal } = subject;
  const there = (await cloud.vswitches(tag, signal)).filter(({ vpcId }) => vpcId === vpc.id);
  const found = wanted.map(({ cidr }) => there.find((vswitch) => vswitch.cidr === cidr));
  const pending = wanted.filter((_, index) => found[index] !== undefined && found[index].state !== 'Available');
  const missing = wanted.find((_, index) => found[index] === undefined);
  // One after another: a VPC takes one change at a time.
  if (missing !== undefined && pending.length === 0) {
    const { name, cidr } = missing;
    const token = clientToken(tag[1], vpc.id, 'vswitch', name, cidr, zone, recordOf(subject.object())?.vswitches.join(' ') ?? '');
    const order = { vpcId: vpc.id, name, cidr, zone, tags: { [tag[0]]: tag[1] }, token };
    await subject.act('cloud', `vSwitch ${name}`, () => cloud.createVSwitch(order, signal));
    return soon(subject, `vSwitch ${name} is being made`);
  }
  if (pending.length > 0) return soon(subject, `vSwitch ${pending.map(({ name }) => name).join(', ')} is being made`);
  return found.filter((vswitch) => vswitch !== undefined);
}

/** Of several VPCs with our tag, which only a lost annotation could bring about, always the same. */
async function first(vpcs: Promise<readonly CloudVpc[]>): Promise<CloudVpc | undefined> {
  return [...(await vpcs)].sort((a, b) => (a.id < b.id ? -1 : 1))[0];
}

/** Takes away every vSwitch and VPC that carries the tag; null when none is left. */
export async function razeNetwork(subject: Subject, cloud: Cloud, tag: Tag): Promise<Waiting | null> {
  const { signal } = subject;
  const vswitches = await cloud.vswitches(tag, signal);
  for (const { id } of vswitches) await subject.act('cloud', `deletion of vSwitch ${id}`, () => cloud.deleteVSwitch(id, signal));
  if (vswitches.length > 0 && (await cloud.vswitches(tag, signal)).length > 0)
    return soon(subject, `vSwitches ${vswitches.map(({ id }) => id).join(', ')} are being deleted`);
  const vpcs = await cloud.vpcs(tag, signal);
  for (const { id } of vpcs) await subject.act('cloud', `deletion of VPC ${id}`, () => cloud.deleteVpc(id, signal));
  if (vpcs.length > 0 && (await cloud.vpcs(tag, signal)).length > 0) return soon(subject, `VPC ${vpcs.map(({ id }) => id).join(', ')} is being deleted`);
  return null;
}
