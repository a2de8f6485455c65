/** Registers member clusters that Lateen reaches by itself (delivery `direct`), and takes them off again. */
import { isRecord } from '../lib/json.ts';
import { DELIVERY_ANNOTATION } from '../model/clusters.ts';
import { Fault } from '../model/fault.ts';
import { LOCAL, type KubeObject } from '../model/object.ts';
import type { Clock, Effects, Redactor } from '../model/ports.ts';
import { SYSTEM_NAMESPACE } from '../model/catalog.ts';
import { clientConfigOf, connectionSecret, learnConnection, readConnection, type Connection } from './clusters-connection.ts';
import { leaseSecondsOf } from './clusters.ts';
import { targetOf, type KubeClient } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import { klusterletOf } from './ocm-evidence.ts';
import { CLUSTER_API, CLUSTER_LEASE, CLUSTER_SET_LABEL, SET_API } from './ocm-kinds.ts';

export interface RegisterDoors {
  readonly hub: KubeClient;
  readonly effects: Effects;
  readonly redactor: Redactor;
  readonly clock: Clock;
}

export interface Registration {
  /** A DNS label; also the name of the cluster's namespace on the hub. */
  readonly name: string;
  readonly connection: Connection;
  /** Labels that placements select by. */
  readonly labels: Readonly<Record<string, string>>;
  /** The set that it belongs to, made when absent; null: `default`. */
  readonly clusterSet: string | null;
  /** Namespaces on the hub whose placements may choose from that set; they have to exist. */
  readonly boundTo: readonly string[];
  /** How often the lease is renewed; null: 60. After five times that a cluster is taken for away. */
  readonly leaseDurationSeconds: number | null;
}

/**
 * Makes what a direct cluster consists of on the hub: its set, the set's bindings, the connection Secret and an accepted
 * ManagedCluster that says `direct`. What is so already is not written; a second call is the same as one. Its status,
 * namespace and lease come from the tender (managed-cluster.ts). KubeVela 1.1 did this by a Job and OCM (ocm.md 2.7).
 * Faults: transport/delivery when the cluster is delivered to by OCM, transport/connection, transport/*.
 */
export async function registerDirect(registration: Registration, doors: RegisterDoors, signal: AbortSignal): Promise<void> {
  const { name, connection } = registration;
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name) || name === LOCAL)
    throw new Fault('transport/invalid', `${JSON.stringify(name)} is no name for a cluster: a DNS label other than ${LOCAL} is`);
  const secret = connectionSecret(name, connection);
  learnConnection(secret, doors.redactor);
  readConnection(secret, { nowMs: doors.clock.now(), allowNoCa: connection.ca === null });
  const live = await doors.hub.get({ apiVersion: CLUSTER_API, kind: 'ManagedCluster', namespace: '', name }, signal);
  const lease = live === null ? null : await doors.hub.get({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: name, name: CLUSTER_LEASE }, signal);
  const klusterlet = klusterletOf(lease, leaseSecondsOf(live), doors.clock.now());
  if (klusterlet?.isLive === true)
    throw new Fault('transport/delivery', `ManagedCluster ${name} has a klusterlet (${klusterlet.manager}) that renews its lease; it is not registered as direct as long as that runs`);
  const mode = live?.metadata.annotations?.[DELIVERY_ANNOTATION];
  if (mode !== undefined && mode !== 'direct')
    throw new Fault('transport/delivery', `ManagedCluster ${name} is annotated ${DELIVERY_ANNOTATION}: ${mode}; it is not registered as direct as long as it is`);
  const objects = registrationObjects(registration);
  for (const { object, onlyWhenAbsent } of objects) await ensure(object, onlyWhenAbsent, doors, signal);
}

/**
 * Takes a direct cluster off the hub: first the ManagedCluster, whose deletion clears the cluster's works, then the
 * Secret that this needs. True once both are gone; false while finalizers hold the first: then it is called again.
 * The namespace stays, as with OCM. Faults: transport/*.
 */
export async function unregisterDirect(name: string, doors: Pick<RegisterDoors, 'hub' | 'effects'>, signal: AbortSignal): Promise<boolean> {
  const { hub, effects } = doors;
  const cluster = { apiVersion: CLUSTER_API, kind: 'ManagedCluster', namespace: '', name };
  const live = await hub.get(cluster, signal);
  if (live !== null && live.metadata.deletionTimestamp === undefined) await effects.run('delete', `ManagedCluster ${name}`, () => hub.delete(cluster, {}, signal));
  if (live !== null && (await hub.get(cluster, signal)) !== null) return false;
  const secret = { apiVersion: 'v1', kind: 'Secret', namespace: SYSTEM_NAMESPACE, name };
  if ((await hub.get(secret, signal)) !== null) await effects.run('delete', `Secret ${SYSTEM_NAMESPACE}/${name}`, () => hub.delete(secret, {}, signal));
  return true;
}

function registrationObjects(registration: Registration): readonly { readonly object: KubeObject; readonly onlyWhenAbsent: boolean }[] {
  const { name, connection, clusterSet, boundTo, labels, leaseDurationSeconds } = registration;
  const set = clusterSet ?? 'default';
  const managed: KubeObject = {
    apiVersion: CLUSTER_API,
    kind: 'ManagedCluster',
    metadata: { name, annotations: { [DELIVERY_ANNOTATION]: 'direct' }, labels: { ...labels, [CLUSTER_SET_LABEL]: set } },
    spec: {
      hubAcceptsClient: true,
      ...(leaseDurationSeconds === null ? {} : { leaseDurationSeconds }),
      managedClusterClientConfigs: [clientConfigOf(connection)],
    },
  };
  return [
    { object: { apiVersion: SET_API, kind: 'ManagedClusterSet', metadata: { name: set } }, onlyWhenAbsent: true },
    ...boundTo.map((namespace) => ({
      object: { apiVersion: SET_API, kind: 'ManagedClusterSetBinding', metadata: { name: set, namespace }, spec: { clusterSet: set } },
      onlyWhenAbsent: true,
    })),
    // The Secret first: a ManagedCluster that says `direct` and has none could not be used.
    { object: connectionSecret(name, connection), onlyWhenAbsent: false },
    { object: managed, onlyWhenAbsent: false },
  ];
}

async function ensure(object: KubeObject, onlyWhenAbsent: boolean, doors: RegisterDoors, signal: AbortSignal): Promise<void> {
  const { hub, effects } = doors;
  const live = await hub.get(targetOf(object), signal);
  if (live !== null && (onlyWhenAbsent || contains(live, object))) return;
  const place = object.metadata.namespace === undefined ? '' : `${object.metadata.namespace}/`;
  await effects.run('system', `${object.kind} ${place}${object.metadata.name ?? ''}`, () => hub.apply(object, { fieldManager: FIELD_MANAGER, force: true }, signal));
}

/** Whether everything that `wanted` says is so in `live`, which may say more; lists have to be equal in length. */
function contains(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) return Array.isArray(live) && live.length === wanted.length && wanted.every((item, index) => contains(live[index], item));
  if (isRecord(wanted)) return isRecord(live) && Object.entries(wanted).every(([key, value]) => contains(live[key], value));
  return live === wanted;
}
