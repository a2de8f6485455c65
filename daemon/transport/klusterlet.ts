/**
 * The klusterlet that registering has brought onto a member, and how it is taken off again when its ManagedCluster goes:
 *
 *   registering:  Secret with the connection ──> klusterlet on the member ──> ManagedCluster appears: finalizer ──> accepted
 *   deleted:      OCM takes its works and its finalizers off ──> Klusterlet, bootstrap Secret off the member
 *                     ──> Secret with the connection ──> our finalizer: the ManagedCluster is gone
 *
 * What is taken off is looked for first, so that a turn may be cut anywhere. A ManagedCluster without our finalizer joined
 * by another's hand, and its klusterlet stays. Without the finalizer a cloud cluster would go while its member is still
 * being cleared, and nobody would know when.
 */
import { isRecord } from '../lib/json.ts';
import { readKubeconfigText } from '../lib/kubeconfig-text.ts';
import { CONTROLLER_MANAGER } from '../lib/stamp.ts';
import { SYSTEM_NAMESPACE } from '../model/catalog.ts';
import { endsTurn, Fault, toFault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { ClusterRegistration, Controller, Turn } from '../model/ports.ts';
import { connectionSecret, learnConnection, readConnection } from './clusters-connection.ts';
import { ABANDON_ANNOTATION, CLUSTER_API } from './ocm-kinds.ts';
import { clusterTarget, connectTo, ensureOnHub, type RegisterDoors } from './register-direct.ts';
import type { Place } from './register-objects.ts';
import { AGENT_NAMESPACE, AGENT_SECRET, BOOTSTRAP_SECRET, EXPIRES_ANNOTATION, KLUSTERLET, KLUSTERLET_API, OPERATOR_NAMESPACE } from './register-ocm-objects.ts';

/** On a ManagedCluster whose klusterlet was brought by Lateen. */
export const KLUSTERLET_FINALIZER = 'lateen.dev/klusterlet';
const WAIT_MS = 2_000;
const RETRY_MS = 10_000;

/** What there is of OCM on a member. */
export interface Found {
  readonly klusterlet: KubeObject | null;
  readonly bootstrap: KubeObject | null;
  /** The agent has a certificate, and needs no token. */
  readonly hasCertificate: boolean;
  readonly hasOperator: boolean;
}

/** Looks for it. Faults: transport/*. */
export async function klusterletOn({ client }: Place, signal: AbortSignal): Promise<Found> {
  const secretOf = (name: string): Promise<KubeObject | null> => client.get({ apiVersion: 'v1', kind: 'Secret', namespace: AGENT_NAMESPACE, name }, signal);
  const isServed = (await client.findResource(KLUSTERLET_API, 'Klusterlet', signal)) !== null;
  const [klusterlet, bootstrap, agent, operator] = await Promise.all([
    isServed ? client.get({ apiVersion: KLUSTERLET_API, kind: 'Klusterlet', namespace: '', name: KLUSTERLET }, signal) : null,
    secretOf(BOOTSTRAP_SECRET),
    secretOf(AGENT_SECRET),
    client.get({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: OPERATOR_NAMESPACE, name: KLUSTERLET }, signal),
  ]);
  return { klusterlet, bootstrap, hasCertificate: dataOf(agent, 'tls.crt') !== '', hasOperator: operator !== null };
}

/** Not in cluster-gateway's form: nothing is delivered by it, and `vela cluster list` does not know it. */
function keptSecret({ name, connection }: Pick<ClusterRegistration, 'name' | 'connection'>): KubeObject {
  const { labels: _gateway, ...metadata } = connectionSecret(name, connection).metadata;
  return { ...connectionSecret(name, connection), metadata: { ...metadata, name: `lateen-klusterlet-${name}` } };
}
const keptTarget = (name: string): ReturnType<typeof clusterTarget> => ({
  apiVersion: 'v1',
  kind: 'Secret',
  namespace: SYSTEM_NAMESPACE,
  name: `lateen-klusterlet-${name}`,
});

/** Keeps the way to the member for the day on which its klusterlet is to go. True when something was written. Faults: transport/*. */
export function keepConnection(registration: ClusterRegistration, doors: RegisterDoors, signal: AbortSignal): Promise<boolean> {
  return ensureOnHub([{ object: keptSecret(registration), onlyWhenAbsent: false }], doors, signal);
}

/** Puts the finalizer on a ManagedCluster. The object as it is then. Faults: transport/*. */
export async function hold(live: KubeObject, doors: Pick<RegisterDoors, 'hub' | 'effects'>, signal: AbortSignal): Promise<KubeObject> {
  const finalizers = live.metadata.finalizers ?? [];
  return finalizers.includes(KLUSTERLET_FINALIZER) || live.metadata.deletionTimestamp !== undefined
    ? live
    : saveFinalizers(live, [...finalizers, KLUSTERLET_FINALIZER], doors, signal);
}

async function saveFinalizers(
  live: KubeObject,
  finalizers: readonly string[],
  { hub, effects }: Pick<RegisterDoors, 'hub' | 'effects'>,
  signal: AbortSignal,
): Promise<KubeObject> {
  const name = live.metadata.name ?? '';
  const body = { metadata: { finalizers, resourceVersion: live.metadata.resourceVersion } };
  return (
    await effects.run('system', `ManagedCluster ${name}`, () => hub.patch(clusterTarget(name), 'merge', body, { fieldManager: CONTROLLER_MANAGER }, signal))
  ).object;
}

/**
 * Takes klusterlets off members whose ManagedClusters are being deleted. A member that does not answer is tried for ever,
 * until a person gives it up with the annotation `lateen.dev/abandon: "true"`.
 */
export function klusterletController(doors: RegisterDoors): Controller {
  const wait = (message: string, changed = false): Turn => ({ retryAfterMs: WAIT_MS, changed, message, fault: null });

  async function turn(cluster: KubeObject, signal: AbortSignal): Promise<Turn> {
    const { name = '', deletionTimestamp, annotations } = cluster.metadata;
    if (deletionTimestamp === undefined) return { retryAfterMs: null, changed: false, message: '', fault: null };
    try {
      const live = await doors.hub.get(clusterTarget(name), signal);
      const finalizers = live?.metadata.finalizers ?? [];
      if (live === null || !finalizers.includes(KLUSTERLET_FINALIZER)) return { retryAfterMs: null, changed: true, message: '', fault: null };
      const others = finalizers.filter((finalizer) => finalizer !== KLUSTERLET_FINALIZER);
      if (others.length > 0) return wait(`cluster ${name} is being cleared (${others.join(', ')}); its klusterlet goes after that`);
      const secret = await doors.hub.get(keptTarget(name), signal);
      if (secret !== null && annotations?.[ABANDON_ANNOTATION] !== 'true' && !(await takeOff(name, secret, doors, signal)))
        return wait(`the klusterlet of cluster ${name} is being taken off it`, true);
      if (secret !== null)
        await doors.effects.run('delete', `Secret ${SYSTEM_NAMESPACE}/${keptTarget(name).name}`, () => doors.hub.delete(keptTarget(name), {}, signal));
      await saveFinalizers(live, [], doors, signal);
      return { retryAfterMs: null, changed: true, message: '', fault: null };
    } catch (error) {
      const fault = toFault(error);
      if (endsTurn(fault)) throw fault;
      const message = `the klusterlet of cluster ${name} is not taken off it: ${doors.redactor.text(fault.message)}; the annotation ${ABANDON_ANNOTATION}: "true" on ManagedCluster ${name} gives it up`;
      return {
        retryAfterMs: fault.retryAfterMs ?? RETRY_MS,
        changed: false,
        message,
        fault: new Fault(fault.code, message, { kind: fault.kind, cause: error }),
      };
    }
  }

  return { apiVersion: CLUSTER_API, kind: 'ManagedCluster', isMine: ({ metadata }) => (metadata.finalizers ?? []).includes(KLUSTERLET_FINALIZER), turn };
}

/**
 * The Klusterlet, whose operator takes its agents away, and then the Secret that it joined by; OCM's operator and its
 * namespace stay, as does another cluster's klusterlet. False while the operator is at it. Faults: transport/*.
 */
async function takeOff(name: string, secret: KubeObject, doors: RegisterDoors, signal: AbortSignal): Promise<boolean> {
  learnConnection(secret, doors.redactor);
  const { effects, clock } = doors;
  await using client = connectTo(readKept(secret, name, { nowMs: clock.now(), allowNoCa: doors.allowNoCa === true }), doors);
  const { klusterlet, bootstrap } = await klusterletOn({ name, client, effects }, signal);
  const spec = isRecord(klusterlet?.['spec']) ? klusterlet['spec'] : {};
  if (klusterlet !== null && spec['clusterName'] !== name) return true;
  const remove = (object: KubeObject, namespace: string): Promise<KubeObject | null> =>
    effects.run('delete', `${object.kind} ${object.metadata.name ?? ''} on ${name}`, () =>
      client.delete({ apiVersion: object.apiVersion, kind: object.kind, namespace, name: object.metadata.name ?? '' }, {}, signal),
    );
  if (klusterlet !== null && (klusterlet.metadata.deletionTimestamp !== undefined || (await remove(klusterlet, '')) !== null)) return false;
  // Without a Klusterlet to say whose it was: only what Lateen has put there.
  if (bootstrap?.metadata.annotations?.[EXPIRES_ANNOTATION] !== undefined) await remove(bootstrap, AGENT_NAMESPACE);
  return true;
}

/** The kept Secret read as the connection Secret that it was made from. */
function readKept(secret: KubeObject, name: string, options: Parameters<typeof readConnection>[1]): ReturnType<typeof readConnection> {
  const data = isRecord(secret['data']) ? secret['data'] : {};
  const labels = { 'cluster.core.oam.dev/cluster-credential-type': data['token'] === undefined ? 'X509Certificate' : 'ServiceAccountToken' };
  return readConnection({ ...secret, metadata: { ...secret.metadata, name: secret.metadata.name ?? name, labels } }, options);
}

function dataOf(secret: KubeObject | null, key: string): string {
  const data = isRecord(secret?.['data']) ? secret['data'] : {};
  const value = data[key];
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';
}

/** The hub that a bootstrap Secret leads to; "" when it cannot be read. */
export function serverOf(bootstrap: KubeObject | null): string {
  try {
    return readKubeconfigText(dataOf(bootstrap, 'kubeconfig')).server;
  } catch {
    return '';
  }
}
