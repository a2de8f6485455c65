/**
 * Registers clusters that OCM delivers to, as a person does with OCM's own tool, and checks what such a person would:
 *
 *   member answers ── no Klusterlet of another ──> hub: bootstrap identity, token ──> member: operator, Secret, Klusterlet
 *        │                                                                                          │
 *        │ (looked at again every few seconds, while it has not joined)       the agent asks: ManagedCluster, CSR
 *        │                                                                                          │
 *   available <── joined <── signed by Kubernetes <── CSR looked at and approved, accepted, labelled ─┘
 *
 * Everything is found out anew from hub and member, so a call may be cut anywhere. Whose certificate, token or key it is
 * goes into no message. OCM 1.3.1: spec of its registration in ocm.md 2.
 */
import { hashOf, isRecord, parseJson } from '../lib/json.ts';
import { pemOf, readKubeconfigText } from '../lib/kubeconfig-text.ts';
import { DELIVERY_ANNOTATION } from '../model/clusters.ts';
import { Fault } from '../model/fault.ts';
import type { JsonObject, KubeObject } from '../model/object.ts';
import type { ClusterRegistration, Register } from '../model/ports.ts';
import { clientConfigOf } from './clusters-connection.ts';
import { installDefinitions } from './hub.ts';
import { hold, keepConnection, klusterletOn, serverOf, type Found } from './klusterlet.ts';
import type { KubeClient } from './kube.ts';
import { CLUSTER_NAME_LABEL, CLUSTER_SET_LABEL } from './ocm-kinds.ts';
import { approvedConditions, judgeRequests } from './register-csr.ts';
import { connectTo, ensureOnHub, reach, setObjects, type RegisterDoors } from './register-direct.ts';
import { ensureAll, hubPlace, patchTo, patchWith, standing, type Place } from './register-objects.ts';
import {
  AGENT_NAMESPACE,
  BOOTSTRAP_ACCOUNT,
  BOOTSTRAP_SECRET,
  BOOTSTRAP_USER,
  bootstrapSecret,
  EXPIRES_ANNOTATION,
  HUB_OBJECTS,
  KLUSTERLET,
  KLUSTERLET_DEFINITION,
  klusterletOf,
  MEMBER_NAMESPACES,
  OPERATOR_NAMESPACE,
  operatorObjects,
} from './register-ocm-objects.ts';

/** What an operator may choose about OCM on members. */
export interface OcmSettings {
  /** Where OCM's images are; absent or "": where OCM publishes them. */
  readonly registry?: string;
  /** The hub's authority as PEM, when this process knows it; it goes with the address that this process uses. */
  readonly hubCa?: string | null;
}

export type OcmRegistration = (registration: ClusterRegistration, live: KubeObject | null, signal: AbortSignal) => ReturnType<Register>;

/** How often a member that has not joined is looked at. */
const LOOK_MS = 10_000;
const TOKEN_SECONDS = 3600;
/** A token is renewed when it is good for no longer than this. */
const TOKEN_LEFT_MS = 600_000;

/**
 * Opens the registration with OCM; nothing is asked yet. `live` is the ManagedCluster as it was just found. Faults:
 * transport/delivery when the member's klusterlet is another's, transport/join when a request for a certificate is not to
 * be approved, transport/*.
 */
export function openOcmRegistration(doors: RegisterDoors, settings: OcmSettings): OcmRegistration {
  const { hub, effects, clock } = doors;
  const looks = new Map<string, { readonly hash: string; readonly untilMs: number; readonly note: string }>();

  async function prepareMember(registration: ClusterRegistration, signal: AbortSignal): Promise<boolean> {
    const { name, connection, hubServer } = registration;
    const hash = hashOf({ connection, hubServer });
    const last = looks.get(name);
    if (last?.hash === hash && clock.now() < last.untilMs) return false;
    await reach(connection, doors, signal);
    await using client = connectTo(connection, doors);
    const member = { name, client, effects };
    const changed = await joinMember(registration, member, { ...doors, settings }, signal);
    looks.set(name, { hash, untilMs: clock.now() + LOOK_MS, note: await operatorNote(client, signal) });
    return changed;
  }

  return async (registration, live, signal) => {
    const { name, clusterSet } = registration;
    const isJoined = live !== null && standing(name, live).available;
    let changed = isJoined ? await keepConnection(registration, doors, signal) : await prepareMember(registration, signal);
    const asked = isJoined ? '' : await answerRequest(name, doors, signal);
    if (asked === APPROVED) changed = true;
    if (live === null) {
      const note = looks.get(name)?.note ?? '';
      return { available: false, changed, message: `cluster ${name} has not asked to join yet${note === '' ? '' : ` (${note})`}` };
    }
    const set = clusterSet ?? live.metadata.labels?.[CLUSTER_SET_LABEL] ?? 'default';
    changed = (await ensureOnHub(setObjects(registration, set), doors, signal)) || changed;
    const held = await hold(live, doors, signal);
    changed ||= held !== live;
    const patch = patchTo(held, wantedFields(registration));
    const now = patch === null ? held : await patchWith(held, patch, hubPlace(hub, effects), signal);
    const state = standing(name, now);
    if (state.available) looks.delete(name);
    return {
      available: state.available,
      changed: changed || patch !== null,
      message: state.available || asked === '' || asked === APPROVED ? state.message : `${state.message}: ${asked}`,
    };
  };
}

/** What is ours of a ManagedCluster that a klusterlet has made. */
function wantedFields({ labels, clusterSet }: ClusterRegistration): JsonObject {
  return {
    metadata: { annotations: { [DELIVERY_ANNOTATION]: 'ocm' }, labels: { ...labels, ...(clusterSet === null ? {} : { [CLUSTER_SET_LABEL]: clusterSet }) } },
    spec: { hubAcceptsClient: true },
  };
}

type MemberDoors = RegisterDoors & { readonly settings: OcmSettings };

/** Brings the klusterlet onto the member, with a token to join by while it has no certificate. True when something was written. */
async function joinMember(registration: ClusterRegistration, member: Place, doors: MemberDoors, signal: AbortSignal): Promise<boolean> {
  const { name, connection } = registration;
  const registry = doors.settings.registry ?? '';
  const hub = { server: registration.hubServer || doors.hub.server, ca: await hubAuthority(registration, doors, signal) };
  const found = await klusterletOn(member, signal);
  const klusterlet = klusterletOf(name, clientConfigOf(connection), registry);
  refuseForeign(name, hub.server, connection.endpoint, found);
  let changed = await keepConnection(registration, doors, signal);
  const secret = await freshSecret(hub, found, doors, signal);
  changed = (await ensureAll(MEMBER_NAMESPACES, member, signal)) || changed;
  changed = (await installDefinitions(member.client, [KLUSTERLET_DEFINITION], member.name, member.effects, doors.clock, signal)).length > 0 || changed;
  if (!found.hasOperator) changed = (await ensureAll(operatorObjects(registry), member, signal)) || changed;
  if (secret !== null) changed = (await ensureAll([{ object: secret, onlyWhenAbsent: false }], member, signal)) || changed;
  return (await ensureAll([{ object: klusterlet, onlyWhenAbsent: false }], member, signal)) || changed;
}

function refuseForeign(name: string, server: string, endpoint: string, { klusterlet, bootstrap }: Found): void {
  const spec = isRecord(klusterlet?.['spec']) ? klusterlet['spec'] : {};
  const other = spec['clusterName'];
  if (klusterlet !== null && other !== name)
    throw new Fault(
      'transport/delivery',
      `${endpoint} has a klusterlet already, as cluster ${JSON.stringify(other ?? '')}; it is not registered as ${name} as long as that is there`,
    );
  const there = serverOf(bootstrap);
  if (bootstrap !== null && bootstrap.metadata.annotations?.[EXPIRES_ANNOTATION] === undefined && there !== server)
    throw new Fault(
      'transport/delivery',
      `${endpoint} has a klusterlet for another hub (${there === '' ? 'not known' : there}); take its Secret ${AGENT_NAMESPACE}/${BOOTSTRAP_SECRET} away first`,
    );
}

/** Whether the member was once given a token of Lateen's to join this hub by. What may not be read counts as not there. */
export async function isJoining({ connection, hubServer }: ClusterRegistration, doors: RegisterDoors, signal: AbortSignal): Promise<boolean> {
  await using client = connectTo(connection, doors);
  const secret = await client.get({ apiVersion: 'v1', kind: 'Secret', namespace: AGENT_NAMESPACE, name: BOOTSTRAP_SECRET }, signal).catch((error: unknown) => {
    // A member that does not answer is told of by who writes: with its address, and in one place.
    if (error instanceof Fault && error.kind !== 'cancelled') return null;
    throw error;
  });
  return secret?.metadata.annotations?.[EXPIRES_ANNOTATION] !== undefined && serverOf(secret) === (hubServer || doors.hub.server);
}

/** The bootstrap Secret with a token; null when what is there will do. */
async function freshSecret(
  hub: { readonly server: string; readonly ca: string | null },
  { bootstrap, hasCertificate }: Found,
  doors: MemberDoors,
  signal: AbortSignal,
): Promise<KubeObject | null> {
  const leftMs = Date.parse(bootstrap?.metadata.annotations?.[EXPIRES_ANNOTATION] ?? '') - doors.clock.now();
  const isSameHub = bootstrap !== null && serverOf(bootstrap) === hub.server;
  if (isSameHub && (hasCertificate || leftMs > TOKEN_LEFT_MS)) return null;
  await ensureOnHub(HUB_OBJECTS, doors, signal);
  const { token, expires } = await requestToken(doors, signal);
  return bootstrapSecret(hub, token, expires);
}

async function requestToken({ hub, effects, redactor }: RegisterDoors, signal: AbortSignal): Promise<{ readonly token: string; readonly expires: string }> {
  const subject = { what: `token of ServiceAccount ${OPERATOR_NAMESPACE}/${BOOTSTRAP_ACCOUNT}`, verb: 'create', secret: true };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: TOKEN_SECONDS } };
  const path = `/api/v1/namespaces/${OPERATOR_NAMESPACE}/serviceaccounts/${BOOTSTRAP_ACCOUNT}/token`;
  const answer: unknown = parseJson(
    (await effects.run('system', subject.what, () => hub.raw({ method: 'POST', path, body, subject, repeatable: true }, signal))).text,
  );
  const status = isRecord(answer) && isRecord(answer['status']) ? answer['status'] : {};
  const { token, expirationTimestamp: expires } = status;
  if (typeof token !== 'string' || token === '' || typeof expires !== 'string') throw new Fault('transport/invalid', `${subject.what}: the hub gave none`);
  redactor.learn(token);
  return { token, expires };
}

/** The hub's authority as members have to know it; null: the system's own authorities. */
async function hubAuthority({ hubServer }: ClusterRegistration, { hub, settings }: MemberDoors, signal: AbortSignal): Promise<string | null> {
  const own = settings.hubCa ?? null;
  if (hubServer === '' && own !== null) return own;
  const info = await configMapOf(hub, 'cluster-info', signal);
  const told = info['kubeconfig'] === undefined ? null : pemOf(authorityIn(info['kubeconfig']));
  return told ?? pemOf((await configMapOf(hub, 'kube-root-ca.crt', signal))['ca.crt'] ?? '') ?? own;
}

function authorityIn(kubeconfig: string): string {
  try {
    return readKubeconfigText(kubeconfig).caData;
  } catch {
    return '';
  }
}

/** The data of a ConfigMap in kube-public; none where it is not there or may not be read. */
async function configMapOf(hub: KubeClient, name: string, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  try {
    const map = await hub.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-public', name }, signal);
    return isRecord(map?.['data']) ? (map['data'] as Readonly<Record<string, string>>) : {};
  } catch (error) {
    if (error instanceof Fault && error.code === 'transport/denied') return {};
    throw error;
  }
}

const APPROVED = 'its request for a certificate is approved';

/** Approves the cluster's request for a certificate when it is as it should be; what is waited for. Faults: transport/join. */
async function answerRequest(cluster: string, { hub, effects }: RegisterDoors, signal: AbortSignal): Promise<string> {
  const requests = (
    await hub.list(
      { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', namespace: '', labels: `${CLUSTER_NAME_LABEL}=${cluster}` },
      signal,
    )
  ).items;
  const { approve, trouble, waits } = judgeRequests(cluster, requests, BOOTSTRAP_USER);
  if (trouble !== '') throw new Fault('transport/join', `cluster ${cluster}: ${trouble}`);
  if (approve === null) return waits;
  // With the version that was looked at: what is changed since is not approved.
  const body = { metadata: { resourceVersion: approve.metadata.resourceVersion }, status: { conditions: approvedConditions(approve, cluster) } } as JsonObject;
  await patchWith(approve, body, hubPlace(hub, effects), signal, 'approval');
  return APPROVED;
}

/** Why the klusterlet cannot have come yet, as far as its operator shows it. */
async function operatorNote(client: KubeClient, signal: AbortSignal): Promise<string> {
  const operator = await client.get({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: OPERATOR_NAMESPACE, name: KLUSTERLET }, signal);
  const status = isRecord(operator?.['status']) ? operator['status'] : {};
  return Number(status['readyReplicas'] ?? 0) > 0 ? '' : `Deployment ${OPERATOR_NAMESPACE}/${KLUSTERLET} there is not ready`;
}
