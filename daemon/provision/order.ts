/** From what a Configuration asks for to what the cloud is asked for: names, network, cluster. Pure. */
import { hashOf } from '../lib/json.ts';
import { Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { ClusterOrder, Tags } from './cloud.ts';
import { isKnown, readWanted, specOf, type VariableName, type Wanted } from './variables.ts';

/** A vSwitch that is wanted. */
export interface VSwitchPlan {
  readonly name: string;
  readonly cidr: string;
}

/** What is to be made. */
export interface CloudPlan {
  readonly clusterName: string;
  readonly zone: string;
  /** Null where existing vSwitches are used. */
  readonly network: { readonly vpcName: string; readonly vpcCidr: string; readonly vswitches: readonly VSwitchPlan[] } | null;
  /** Existing vSwitches; empty where a network is made. */
  readonly vswitchIds: readonly string[];
  /** The cluster, once its network is known. */
  readonly order: (vpcId: string, vswitchIds: readonly string[], tags: Tags) => ClusterOrder;
}

/** A plan of what a Configuration asks for. Throws provision/refused for values that do not fit together. */
export function planFor(wanted: Wanted): CloudPlan {
  const text = (name: VariableName): string => String(wanted.values[name]);
  const number = (name: VariableName): number => Number(wanted.values[name]);
  const list = (name: VariableName): readonly string[] => wanted.values[name] as readonly string[];
  const numbered = (prefix: VariableName, at: number): string => `${text(prefix)}-${formatted(text('number_format'), at)}`;

  const clusterName = numbered('k8s_name_prefix', 1);
  if (!/^[A-Za-z0-9\u4e00-\u9fa5][A-Za-z0-9\u4e00-\u9fa5-]{0,62}$/.test(clusterName))
    throw refused(
      `k8s_name_prefix and number_format give the cluster the name "${clusterName}": 1 to 63 letters, digits and dashes are allowed, and no dash in front`,
    );
  const vswitchIds = list('vswitch_ids');
  if (vswitchIds.length === 0 && list('vswitch_cidrs').length === 0) throw refused('vswitch_ids and vswitch_cidrs are both empty: a cluster needs a vSwitch');
  const nodes = number('k8s_worker_number');
  if (!Number.isInteger(nodes) || nodes < 0) throw refused(`k8s_worker_number is ${nodes}: a whole number from 0 is needed`);
  if (list('worker_instance_types').length === 0) throw refused('worker_instance_types is empty: the node pool needs an instance type');
  const mask = number('node_cidr_mask');
  if (!Number.isInteger(mask) || mask < 24 || mask > 28) throw refused(`node_cidr_mask is ${mask}: 24 to 28 are allowed`);

  return {
    clusterName,
    zone: text('zone_id'),
    network:
      vswitchIds.length > 0
        ? null
        : {
            vpcName: text('vpc_name'),
            vpcCidr: text('vpc_cidr'),
            vswitches: list('vswitch_cidrs').map((cidr, index) => ({ name: numbered('vswitch_name_prefix', index + 1), cidr })),
          },
    vswitchIds,
    order: (vpcId, ids, tags) => ({
      name: clusterName,
      version: text('k8s_version'),
      tags,
      vpcId,
      vswitchIds: ids,
      podCidr: text('k8s_pod_cidr'),
      serviceCidr: text('k8s_service_cidr'),
      nodeCidrMask: mask,
      isNatWanted: wanted.values.new_nat_gateway === true,
      proxyMode: text('proxy_mode'),
      nodePool: {
        name: 'default-nodepool',
        size: nodes,
        instanceTypes: list('worker_instance_types'),
        cpuPolicy: text('cpu_policy'),
        isMonitored: wanted.values.install_cloud_monitor === true,
      },
    }),
  };
}

/** A zone's name begins with its region's: `cn-hongkong-b`, `ap-southeast-1a`. Throws provision/refused. */
export function checkZone(plan: CloudPlan, region: string): void {
  if (plan.network === null || plan.zone.startsWith(region)) return;
  throw refused(`the zone ${plan.zone} (zone_id) is not in the region ${region} that the Provider names`);
}

/** `%02d` and its like, with text around it, as Terraform's format() does it. */
function formatted(format: string, number: number): string {
  const match = /^([^%]*)%(0?)(\d*)d([^%]*)$/.exec(format);
  if (match === null) throw refused(`number_format is "${format}": one %d, perhaps with a width as in %02d, is known`);
  const [, before = '', zero = '', width = '', after = ''] = match;
  return `${before}${String(number).padStart(Number(width), zero === '0' ? '0' : ' ')}${after}`;
}

const refused = (why: string): Fault => new Fault('provision/refused', why);

/** At most 64 ASCII characters that are the same for the same parts, and differ for others. */
export function clientToken(...parts: readonly string[]): string {
  return `lateen-${hashOf(parts)
    .replace(/[^A-Za-z0-9]/g, '')
    .slice(0, 48)}`;
}

/** Why a Configuration of a known kind cannot be carried out as it is written; null when it can be, or is of another kind. */
export function refusalOf(object: KubeObject): Fault | null {
  if (!isKnown(object)) return null;
  try {
    planFor(readWanted(object));
    return null;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

/**
 * What a Configuration would have made, in lines for people; nothing is asked and nothing costs. A Configuration that
 * cannot be carried out has one line that says why.
 */
export function cloudPlan(object: KubeObject): readonly string[] {
  try {
    const wanted = readWanted(object);
    const plan = planFor(wanted);
    const order = plan.order('', [], {});
    const { nodePool } = order;
    const secret = specOf(object)['writeConnectionSecretToRef'] as { readonly name?: string; readonly namespace?: string } | undefined;
    return [
      `managed cluster ${plan.clusterName}, Kubernetes ${order.version}, pods ${order.podCidr}, services ${order.serviceCidr}, reached over the Internet`,
      plan.network === null
        ? `in the existing vSwitches ${plan.vswitchIds.join(', ')}`
        : `VPC ${plan.network.vpcName === '' ? 'without a name' : plan.network.vpcName} ${plan.network.vpcCidr} with vSwitches ${plan.network.vswitches.map(({ name, cidr }) => `${name} ${cidr}`).join(', ')} in ${plan.zone}`,
      `node pool ${nodePool.name}: ${nodePool.size} of ${nodePool.instanceTypes.join(' or ')}`,
      ...(order.isNatWanted ? ['NAT gateway with SNAT entries'] : []),
      ...(secret?.name === undefined ? [] : [`connection Secret ${secret.namespace ?? 'default'}/${secret.name}: ${Object.keys(wanted.outputs).join(', ')}`]),
      ...wanted.inert.map((why) => `without effect: ${why}`),
    ];
  } catch (error) {
    if (error instanceof Fault) return [`refused: ${error.message}`];
    throw error;
  }
}
