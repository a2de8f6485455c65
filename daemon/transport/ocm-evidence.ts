/** Whether real OCM is at work: its controllers on the hub, a klusterlet for a cluster. From live objects only. */
import { isRecord } from '../lib/json.ts';
import { Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { Clock } from '../model/ports.ts';
import type { KubeClient } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';

const HUB_NAMESPACE = 'open-cluster-management-hub';
const OPERATOR_API = 'operator.open-cluster-management.io/v1';
const CONTROLLER = /-(?:registration-controller|placement-controller|work-webhook|work-controller|registration-webhook)$/;
/** Leader election of OCM's hub controllers; each renews within its lease of 137 s at most. */
const LOCKS = ['registration-controller-lock', 'placement-controller-lock'];
const LOCK_FRESH_MS = 300_000;
/** The hub makes a cluster's Lease with the time of its making; only a later time shows an agent. */
const MAKING_MS = 2_000;
/** OCM 1.3: a cluster is away when its Lease was not renewed for so many of its durations. */
export const LEASES_UNTIL_AWAY = 5;

/**
 * What shows that OCM's own controllers run on the hub, in words; null when nothing does. Served group versions prove
 * nothing: Lateen installs the same CRDs. Looked for: a ClusterManager, a ready Deployment of its controllers, a leader
 * election Lease renewed lately. What may not be read counts as not there. Faults: transport/*.
 */
export async function findOcm(hub: KubeClient, clock: Clock, signal: AbortSignal): Promise<string | null> {
  const list = async (apiVersion: string, kind: string, namespace: string, fields?: string): Promise<readonly KubeObject[]> => {
    try {
      if ((await hub.findResource(apiVersion, kind, signal)) === null) return [];
      return (await hub.list({ apiVersion, kind, namespace, ...(fields === undefined ? {} : { fields }) }, signal)).items;
    } catch (error) {
      if (error instanceof Fault && (error.code === 'transport/denied' || error.code === 'transport/no-kind')) return [];
      throw error;
    }
  };
  const [managers, deployments, ...locks] = await Promise.all([
    list(OPERATOR_API, 'ClusterManager', ''),
    list('apps/v1', 'Deployment', HUB_NAMESPACE),
    ...LOCKS.map((name) => list('coordination.k8s.io/v1', 'Lease', '', `metadata.name=${name}`)),
  ]);
  const manager = managers.find(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (manager !== undefined) return `ClusterManager ${manager.metadata.name ?? ''}`;
  const deployment = deployments.find(
    (item) => CONTROLLER.test(item.metadata.name ?? '') && isRecord(item['status']) && Number(item['status']['readyReplicas'] ?? 0) > 0,
  );
  if (deployment !== undefined) return `Deployment ${HUB_NAMESPACE}/${deployment.metadata.name ?? ''}`;
  const lock = locks.flat().find((item) => clock.now() - renewedMs(item) < LOCK_FRESH_MS);
  return lock === undefined ? null : `Lease ${lock.metadata.namespace ?? ''}/${lock.metadata.name ?? ''}`;
}

/** When a Lease was renewed, in milliseconds since the epoch; 0 when it does not say. */
export function renewedMs(lease: KubeObject | null): number {
  const spec = isRecord(lease?.['spec']) ? lease['spec'] : {};
  return typeof spec['renewTime'] === 'string' ? Date.parse(spec['renewTime']) || 0 : 0;
}

/** Who renewed a cluster's Lease last, if that was not Lateen. */
export interface Klusterlet {
  /** The field manager that wrote the time. */
  readonly manager: string;
  /** Renewed within five lease durations. */
  readonly isLive: boolean;
}

/** The klusterlet that a cluster's Lease shows; null when Lateen renewed it last, or nobody ever did. Pure. */
export function klusterletOf(lease: KubeObject | null, leaseDurationSeconds: number, nowMs: number): Klusterlet | null {
  if (lease === null) return null;
  const atMs = renewedMs(lease);
  const madeMs = Date.parse(lease.metadata.creationTimestamp ?? '') || 0;
  if (atMs <= madeMs + MAKING_MS) return null;
  const entries = lease.metadata['managedFields'];
  const writer = (Array.isArray(entries) ? entries.filter(isRecord) : []).find(
    ({ fieldsV1 }) => isRecord(fieldsV1) && isRecord(fieldsV1['f:spec']) && 'f:renewTime' in fieldsV1['f:spec'],
  );
  const manager = typeof writer?.['manager'] === 'string' ? writer['manager'] : '';
  if (manager === '' || manager === FIELD_MANAGER) return null;
  return { manager, isLive: nowMs - atMs <= LEASES_UNTIL_AWAY * leaseDurationSeconds * 1000 };
}
