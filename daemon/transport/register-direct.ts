/** Registers member clusters that Lateen reaches by itself (delivery `direct`), and takes them off again. */
import { isRecord, parseJson } from '../lib/json.ts';
import { SYSTEM_NAMESPACE } from '../model/catalog.ts';
import { DELIVERY_ANNOTATION } from '../model/clusters.ts';
import { Fault, toFault } from '../model/fault.ts';
import { LOCAL, type JsonObject, type KubeObject } from '../model/object.ts';
import type { Clock, Effects, Redactor } from '../model/ports.ts';
import { clientConfigOf, connectionSecret, credentialsOfConnection, learnConnection, readConnection, type Connection } from './clusters-connection.ts';
import { leaseSecondsOf } from './clusters.ts';
import { openClient, type KubeClient } from './kube.ts';
import { klusterletOf } from './ocm-evidence.ts';
import { CLUSTER_API, CLUSTER_LEASE, CLUSTER_SET_LABEL, SET_API } from './ocm-kinds.ts';
import { applyAll, contains, createNew, ensureAll, hubPlace, missingOf, patchTo, patchWith, type Needed } from './register-objects.ts';

export interface RegisterDoors {
  readonly hub: KubeClient;
  readonly effects: Effects;
  readonly redactor: Redactor;
  readonly clock: Clock;
  /** Whether a connection without a CA may be used. */
  readonly allowNoCa?: boolean;
  /** Opens a client to a member; tests bring their own. */
  readonly connect?: (connection: Connection) => KubeClient;
}

export interface Registration {
  /** A DNS label; also the name of the cluster's namespace on the hub. */
  readonly name: string;
  readonly connection: Connection;
  /** Labels that placements select by. */
  readonly labels: Readonly<Record<string, string>>;
  /** The set that it belongs to, made when absent; null: as it is, or `default`. */
  readonly clusterSet: string | null;
  /** Namespaces on the hub whose placements may choose from that set; they have to exist. */
  readonly boundTo: readonly string[];
  /** How often the lease is renewed; null: as it is, or 60. After five times that a cluster is taken for away. */
  readonly leaseDurationSeconds: number | null;
}

/**
 * On the connection Secret of a cluster that was registered here: the uid of its ManagedCluster. When that one is gone the
 * Secret goes too; a Secret without it (`vela cluster join`) is somebody else's and stays.
 */
const REGISTERED_ANNOTATION = 'lateen.dev/managed-cluster-uid';

/**
 * Makes what a direct cluster consists of on the hub: its set, the set's bindings, the connection Secret and an accepted
 * ManagedCluster that says `direct`. What is so already is not written; a second call is the same as one, and labels that
 * others have set since stay. Before the first write the member is asked for its version, so that a wrong address gives
 * words and no half of a cluster. Status, namespace and lease come from the tender (managed-cluster.ts). KubeVela 1.1 did
 * this by a Job and OCM (ocm.md 2.7). True when something was written.
 * Faults: transport/delivery when the cluster is delivered to by OCM, transport/connection, transport/*.
 */
export async function registerDirect(registration: Registration, doors: RegisterDoors, signal: AbortSignal): Promise<boolean> {
  const { name, connection } = registration;
  const secret = checkedSecret(registration, doors);
  const live = await doors.hub.get(clusterTarget(name), signal);
  const lease =
    live === null ? null : await doors.hub.get({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: name, name: CLUSTER_LEASE }, signal);
  const klusterlet = klusterletOf(lease, leaseSecondsOf(live), doors.clock.now());
  if (klusterlet?.isLive === true)
    throw new Fault(
      'transport/delivery',
      `ManagedCluster ${name} has a klusterlet (${klusterlet.manager}) that renews its lease; it is not registered as direct as long as that runs`,
    );
  const mode = live?.metadata.annotations?.[DELIVERY_ANNOTATION];
  if (mode !== undefined && mode !== 'direct')
    throw new Fault(
      'transport/delivery',
      `ManagedCluster ${name} is annotated ${DELIVERY_ANNOTATION}: ${mode}; it is not registered as direct as long as it is`,
    );
  const hub = hubPlace(doors.hub, doors.effects);
  const set = registration.clusterSet ?? live?.metadata.labels?.[CLUSTER_SET_LABEL] ?? 'default';
  // The Secret before the ManagedCluster: one that says `direct` and has none could not be used.
  const missing = await missingOf([...setObjects(registration, set), { object: secret, onlyWhenAbsent: false }], hub, signal);
  const wanted = clusterObject(registration, live, set);
  const patch = live === null ? null : patchTo(live, fieldsOf(wanted));
  if (live === null || patch !== null || missing.length > 0) await reach(connection, doors, signal);
  await applyAll(missing, hub, signal);
  const made = live === null ? await createNew(wanted, hub, signal) : patch === null ? live : await patchWith(live, patch, hub, signal);
  // Made by another at this moment: the next call sees it.
  if (made === null) return true;
  return (await mark(name, made.metadata.uid ?? '', doors, signal)) || live === null || patch !== null || missing.length > 0;
}

/** The set that is asked for (others are somebody else's, and `default` makes itself), and the bindings of the one it is in. */
export function setObjects({ clusterSet, boundTo }: Pick<Registration, 'clusterSet' | 'boundTo'>, set: string): readonly Needed[] {
  return [
    ...(clusterSet === null ? [] : [{ object: { apiVersion: SET_API, kind: 'ManagedClusterSet', metadata: { name: set } }, onlyWhenAbsent: true }]),
    ...boundTo.map((namespace) => ({
      object: { apiVersion: SET_API, kind: 'ManagedClusterSetBinding', metadata: { name: set, namespace }, spec: { clusterSet: set } },
      onlyWhenAbsent: true,
    })),
  ];
}

/** The connection Secret, when name and connection can be used. Faults: transport/invalid, transport/connection. */
export function checkedSecret(
  { name, connection }: Pick<Registration, 'name' | 'connection'>,
  doors: Pick<RegisterDoors, 'redactor' | 'clock' | 'allowNoCa'>,
): KubeObject {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name) || name === LOCAL)
    throw new Fault('transport/invalid', `${JSON.stringify(name)} is no name for a cluster: a DNS label other than ${LOCAL} is`);
  const secret = connectionSecret(name, connection);
  learnConnection(secret, doors.redactor);
  readConnection(secret, { nowMs: doors.clock.now(), allowNoCa: doors.allowNoCa === true });
  return secret;
}

/**
 * Asks a member for its version with the connection. Faults: transport/unreachable, transport/denied and others, with the
 * address; transport/connection when something else than a Kubernetes API server answers there.
 */
export async function reach(connection: Connection, doors: Pick<RegisterDoors, 'clock' | 'connect'>, signal: AbortSignal): Promise<void> {
  await using client = connectTo(connection, doors);
  const answer = await client
    .raw({ method: 'GET', path: '/version', subject: { what: 'version', verb: 'get', secret: false }, repeatable: true }, signal)
    .catch((error: unknown) => {
      const fault = toFault(error);
      if (fault.kind === 'cancelled' || fault.message.includes(client.server)) throw fault;
      throw new Fault(fault.code, `${client.server}: ${fault.message}`, { cause: error });
    });
  if (!isKubernetes(answer.text)) throw new Fault('transport/connection', `${client.server} answers, but not as a Kubernetes API server does`);
}

/** A client to a member, for a short while. */
export function connectTo(connection: Connection, doors: Pick<RegisterDoors, 'clock' | 'connect'>): KubeClient {
  return (
    doors.connect?.(connection) ??
    openClient(credentialsOfConnection(connection), { clock: doors.clock, inFlight: 4, connectTimeoutMs: 3_000, answerTimeoutMs: 10_000 })
  );
}

function isKubernetes(text: string): boolean {
  try {
    const read: unknown = parseJson(text);
    return isRecord(read) && typeof read['gitVersion'] === 'string';
  } catch {
    return false;
  }
}

export const clusterTarget = (name: string): { readonly apiVersion: string; readonly kind: string; readonly namespace: string; readonly name: string } => ({
  apiVersion: CLUSTER_API,
  kind: 'ManagedCluster',
  namespace: '',
  name,
});
const secretTarget = (name: string): ReturnType<typeof clusterTarget> => ({ apiVersion: 'v1', kind: 'Secret', namespace: SYSTEM_NAMESPACE, name });

/** What the ManagedCluster has to say; of its labels only what is asked for. */
function clusterObject(registration: Registration, live: KubeObject | null, set: string): KubeObject {
  const { name, connection, labels, leaseDurationSeconds } = registration;
  const configs = isRecord(live?.['spec']) && Array.isArray(live['spec']['managedClusterClientConfigs']) ? live['spec']['managedClusterClientConfigs'] : [];
  const config = clientConfigOf(connection);
  return {
    apiVersion: CLUSTER_API,
    kind: 'ManagedCluster',
    metadata: { name, annotations: { [DELIVERY_ANNOTATION]: 'direct' }, labels: { ...labels, [CLUSTER_SET_LABEL]: set } },
    spec: {
      hubAcceptsClient: true,
      ...(leaseDurationSeconds === null ? {} : { leaseDurationSeconds }),
      managedClusterClientConfigs: configs.some((one) => contains(one, config)) ? configs : [config],
    },
  };
}

/** The part of an object that a patch may say. */
function fieldsOf({ metadata: { annotations, labels }, spec }: KubeObject): JsonObject {
  return { metadata: { annotations, labels }, spec } as JsonObject;
}

/** Writes on the Secret whose it is. */
async function mark(name: string, uid: string, doors: RegisterDoors, signal: AbortSignal): Promise<boolean> {
  const live = await doors.hub.get(secretTarget(name), signal);
  if (live === null || live.metadata.annotations?.[REGISTERED_ANNOTATION] === uid) return live === null;
  await patchWith(live, { metadata: { annotations: { [REGISTERED_ANNOTATION]: uid } } }, hubPlace(doors.hub, doors.effects), signal);
  return true;
}

/**
 * Removes the connection Secret of a cluster that was registered here and whose ManagedCluster is gone since; never one
 * that carries no mark, or whose cluster is there or is being registered again. What it found: `gone` when there is no
 * such Secret (any more), `foreign` when it is not Lateen's to remove, `used` while there is a ManagedCluster.
 * Faults: transport/*.
 */
export async function forgetConnection(name: string, doors: Pick<RegisterDoors, 'hub' | 'effects'>, signal: AbortSignal): Promise<'gone' | 'foreign' | 'used'> {
  const secret = await doors.hub.get(secretTarget(name), signal);
  if (secret === null) return 'gone';
  if (secret.metadata.annotations?.[REGISTERED_ANNOTATION] === undefined) return 'foreign';
  if ((await doors.hub.get(clusterTarget(name), signal)) !== null) return 'used';
  await removeSecret(name, secret, doors, signal);
  return 'gone';
}

function removeSecret(
  name: string,
  { metadata: { uid } }: KubeObject,
  { hub, effects }: Pick<RegisterDoors, 'hub' | 'effects'>,
  signal: AbortSignal,
): Promise<unknown> {
  return effects.run('delete', `Secret ${SYSTEM_NAMESPACE}/${name}`, () => hub.delete(secretTarget(name), uid === undefined ? {} : { uid }, signal));
}

/** {@link ensureAll} on the hub. */
export function ensureOnHub(needed: readonly Needed[], doors: Pick<RegisterDoors, 'hub' | 'effects'>, signal: AbortSignal): Promise<boolean> {
  return ensureAll(needed, hubPlace(doors.hub, doors.effects), signal);
}
