/** The ground of the scenarios with OCM: a hub and a member with the definitions that both need, and Lateen's own user. */
import { systemClock } from '../../daemon/lib/retry.ts';
import { installDefinitions, prepareHub, readDefinitions, readMemberDefinitions } from '../../daemon/transport/hub.ts';
import { useLab, type ControlPlane, type Lab } from '../lab/lab.ts';
import { clientOf, CRDS, freeEffects } from '../rig/members.ts';

/** What the scenarios stand on, whoever plays OCM. */
export interface OcmGround {
  readonly hub: ControlPlane;
  readonly member: ControlPlane;
  /** Lateen's own user on the hub, so that the audit log tells its writes from those of tests and agents. */
  readonly kubeconfig: string;
  readonly user: string;
  /** Holds back values of feedback, or tells them again; null where nobody can. */
  readonly holdFeedback: ((isHeld: boolean) => void) | null;
  /** A member that Lateen reaches by itself: `m2`. */
  readonly direct: ControlPlane;
  /** Annotates a member for OCM and starts its klusterlet. */
  readonly handOver: (member: ControlPlane) => Promise<AsyncDisposable>;
}

export type OcmLab = Lab<'hub' | 'm1' | 'm2'>;

/** Starts hub and member. */
export async function startGround(): Promise<{ readonly lab: OcmLab; readonly ground: Omit<OcmGround, 'holdFeedback' | 'handOver'> }> {
  const lab = await useLab(['hub', 'm1', 'm2'], { audit: true });
  try {
    const { hub, m1: member, m2: direct } = lab.planes;
    const signal = AbortSignal.timeout(60_000);
    const clock = systemClock();
    await using hubClient = await clientOf(hub);
    await using memberClient = await clientOf(member);
    await prepareHub(hubClient, await readDefinitions(CRDS), freeEffects, clock, signal);
    // On a real member the klusterlet's operator brings it.
    await installDefinitions(memberClient, await readMemberDefinitions(CRDS), member.name, freeEffects, clock, signal);
    const user = 'lateen-daemon';
    return { lab, ground: { hub, member, direct, user, kubeconfig: await hub.kubeconfigFor(user, ['system:masters']) } };
  } catch (error) {
    await lab.stop();
    throw error;
  }
}

const CLUSTER = 'cluster.open-cluster-management.io';

/** A set `prod` that the namespace `default` may choose from. */
export async function bindSet({ client }: ControlPlane): Promise<void> {
  await client.apply({
    apiVersion: `${CLUSTER}/v1beta2`,
    kind: 'ManagedClusterSet',
    metadata: { name: 'prod' },
    spec: { clusterSelector: { selectorType: 'ExclusiveClusterSetLabel' } },
  });
  await client.apply({
    apiVersion: `${CLUSTER}/v1beta2`,
    kind: 'ManagedClusterSetBinding',
    metadata: { name: 'prod', namespace: 'default' },
    spec: { clusterSet: 'prod' },
  });
}

/** What a person does when OCM is to deliver to a cluster: labels, the annotation, and accepting it. Makes it when absent. */
export async function acceptCluster({ client }: ControlPlane, name: string, purpose = name === 'm1' ? 'test' : 'handover'): Promise<void> {
  await client.apply({
    apiVersion: `${CLUSTER}/v1`,
    kind: 'ManagedCluster',
    spec: { hubAcceptsClient: true },
    metadata: { name, labels: { purpose, [`${CLUSTER}/clusterset`]: 'prod' }, annotations: { 'lateen.dev/delivery': 'ocm' } },
  });
}
