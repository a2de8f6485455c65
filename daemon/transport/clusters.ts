/** The registry of member clusters: who they are, how each is delivered to, and a client for each direct one. */
import { hashOf, isRecord } from '../lib/json.ts';
import { SYSTEM_NAMESPACE } from '../model/catalog.ts';
import type { ClusterVersion } from '../model/cluster-version.ts';
import { DELIVERY_ANNOTATION, type DeliveryMode, type Member } from '../model/clusters.ts';
import { Fault, toFault } from '../model/fault.ts';
import { LOCAL, type KubeObject } from '../model/object.ts';
import type { Clock, Redactor } from '../model/ports.ts';
import {
  clientConfigOf,
  CREDENTIAL_TYPE_LABEL,
  credentialsOfConnection,
  labelsOfConnection,
  learnConnection,
  OLD_CREDENTIAL_LABEL,
  readConnection,
  type Connection,
} from './clusters-connection.ts';
import { openClient, type KubeClient } from './kube.ts';
import { findOcm, klusterletOf, type Klusterlet } from './ocm-evidence.ts';
import { CLUSTER_API, CLUSTER_LEASE } from './ocm-kinds.ts';

export interface ClustersOptions {
  readonly hub: KubeClient;
  readonly clock: Clock;
  readonly redactor: Redactor;
  /** Whether a connection without a CA is used, its server's certificate unchecked. */
  readonly allowNoCa: boolean;
  /** Opens a client; tests bring their own. */
  readonly connect?: (connection: Connection) => KubeClient;
}

/** One reading of the hub. */
export interface ClustersReading {
  /** Sorted by name. */
  readonly members: readonly Member[];
  /** What shows that OCM's controllers run on the hub; null: nothing does, and the hub's part is Lateen's. */
  readonly ocm: string | null;
  /** The Lease of each cluster that has one. */
  readonly leases: ReadonlyMap<string, KubeObject>;
}

/** What a look at a member showed; the hub need not know of it. */
export interface Sight {
  readonly version: ClusterVersion | null;
  readonly isAvailable: boolean;
}

export interface ClusterRegistry extends AsyncDisposable {
  /** Asks the hub. A Secret that changed gets a new client, the old one is closed. Faults of the hub: transport/*. */
  readonly read: (signal: AbortSignal) => Promise<ClustersReading>;
  /** The last reading; before the first it is empty. */
  readonly last: () => ClustersReading;
  /**
   * The client of a direct cluster (or of the hub, `local`), kept open until its Secret changes. Rejects with the
   * member's own fault, and with transport/unreachable for a cluster that there is not.
   */
  readonly client: (name: string) => Promise<KubeClient>;
  /** What a ManagedCluster says of where its API server is, out of the connection; null without one. */
  readonly configOf: (name: string) => { readonly url: string; readonly caBundle?: string } | null;
  /** Remembers what a look at a member showed: for clusters without a ManagedCluster, nothing else does. */
  readonly note: (name: string, sight: Sight) => void;
}

interface Opened {
  readonly hash: string;
  readonly connection: Connection;
  readonly client: KubeClient;
}

/** How long it is believed that OCM does, or does not, run on the hub. */
const EVIDENCE_FRESH_MS = 30_000;
const NOTHING: ClustersReading = { members: [], ocm: null, leases: new Map() };

/** Opens the registry over a hub. Nothing is asked yet. */
export function openClusters(options: ClustersOptions): ClusterRegistry {
  const { hub, clock, redactor } = options;
  const connect =
    options.connect ??
    ((connection) => openClient(credentialsOfConnection(connection), { clock, inFlight: 16, connectTimeoutMs: 3_000, answerTimeoutMs: 10_000 }));
  const opened = new Map<string, Opened>();
  const sights = new Map<string, Sight>();
  const closing = new Set<Promise<void>>();
  let reading = NOTHING;
  let evidence: { readonly ocm: string | null; readonly untilMs: number } = { ocm: null, untilMs: 0 };

  const close = (name: string): void => {
    const old = opened.get(name);
    if (old === undefined) return;
    opened.delete(name);
    const done = Promise.resolve(old.client[Symbol.asyncDispose]())
      .catch(() => {})
      .finally(() => {
        closing.delete(done);
      });
    closing.add(done);
  };

  /** Reads a connection and keeps a client for it; the fault when it cannot be used. */
  function open(name: string, secret: KubeObject): Fault | null {
    try {
      const connection = readConnection(secret, { nowMs: clock.now(), allowNoCa: options.allowNoCa });
      const hash = hashOf(connection);
      if (opened.get(name)?.hash === hash) return null;
      close(name);
      sights.delete(name);
      opened.set(name, { hash, connection, client: connect(connection) });
      return null;
    } catch (error) {
      close(name);
      return toFault(error);
    }
  }

  async function read(signal: AbortSignal): Promise<ClustersReading> {
    const fresh = clock.now() < evidence.untilMs ? Promise.resolve(evidence.ocm) : findOcm(hub, clock, signal);
    const [ocm, secrets, clusters, leases] = await Promise.all([
      fresh,
      readSecrets(hub, signal),
      readServed(hub, CLUSTER_API, 'ManagedCluster', signal),
      readLeases(hub, signal),
    ]);
    if (clock.now() >= evidence.untilMs) evidence = { ocm, untilMs: clock.now() + EVIDENCE_FRESH_MS };
    for (const secret of secrets.values()) learnConnection(secret, redactor);
    const names = [...new Set([...secrets.keys(), ...clusters.keys()])].sort();
    for (const name of opened.keys()) if (!secrets.has(name)) close(name);
    const members = names.map((name) => {
      const [secret, object, lease] = [secrets.get(name) ?? null, clusters.get(name) ?? null, leases.get(name) ?? null];
      const klusterlet = klusterletOf(lease, leaseSecondsOf(object), clock.now());
      const connectionFault = secret === null ? null : open(name, secret);
      const decision = decideDelivery({
        name,
        annotation: object?.metadata.annotations?.[DELIVERY_ANNOTATION],
        hasObject: object !== null,
        hasSecret: secret !== null,
        klusterlet,
        ocm,
      });
      const fault = decision.fault ?? (decision.mode === 'direct' ? connectionFault : null);
      return memberOf(name, decision.mode, object, secret, fault, sights.get(name));
    });
    reading = { members, ocm, leases };
    return reading;
  }

  return {
    read,
    last: () => reading,
    configOf(name) {
      const connection = opened.get(name)?.connection;
      return connection === undefined ? null : clientConfigOf(connection);
    },
    note: (name, sight) => void sights.set(name, sight),
    async client(name) {
      if (name === LOCAL) return hub;
      const member = reading.members.find((one) => one.name === name);
      // KubeVela 1.10's own words for a cluster that is not there.
      if (member === undefined) throw new Fault('transport/unreachable', `failed to get cluster ${name}: not found`, { kind: 'waiting' });
      if (member.fault !== null) throw member.fault;
      const there = opened.get(name);
      if (member.mode !== 'direct' || there === undefined)
        throw new Fault('transport/delivery', `cluster ${name} is reached by its klusterlet only (${DELIVERY_ANNOTATION}: ocm)`);
      return there.client;
    },
    async [Symbol.asyncDispose]() {
      for (const name of opened.keys()) close(name);
      await Promise.all(closing);
    },
  };
}

export interface DeliveryFacts {
  readonly name: string;
  /** The value of {@link DELIVERY_ANNOTATION}. */
  readonly annotation: string | undefined;
  readonly hasObject: boolean;
  readonly hasSecret: boolean;
  readonly klusterlet: Klusterlet | null;
  readonly ocm: string | null;
}

/**
 * How a cluster is delivered to. What is annotated holds, unless what is seen says otherwise; without an annotation a
 * Secret alone is `direct` (`vela cluster join`), a klusterlet or a hub with OCM and no Secret is `ocm`; everything else
 * is refused with transport/delivery, which says what to annotate. Pure.
 */
export function decideDelivery(facts: DeliveryFacts): { readonly mode: DeliveryMode; readonly fault: Fault | null } {
  const { name, annotation, hasObject, hasSecret, klusterlet, ocm } = facts;
  const refuse = (mode: DeliveryMode, why: string): { readonly mode: DeliveryMode; readonly fault: Fault } => ({
    mode,
    fault: new Fault('transport/delivery', `cluster ${name}: ${why}`),
  });
  const agent = klusterlet === null ? '' : `a klusterlet (${klusterlet.manager}) renews its lease`;
  if (!hasObject) return { mode: 'direct', fault: null };
  if (annotation === 'ocm') return { mode: 'ocm', fault: null };
  if (annotation === 'direct') {
    if (klusterlet?.isLive === true)
      return refuse('direct', `it is annotated ${DELIVERY_ANNOTATION}: direct, but ${agent}; annotate it with ocm to hand it over, or stop the klusterlet`);
    if (!hasSecret) return refuse('direct', `it is annotated ${DELIVERY_ANNOTATION}: direct, but there is no connection: Secret ${SYSTEM_NAMESPACE}/${name}`);
    return { mode: 'direct', fault: null };
  }
  if (annotation !== undefined) return refuse('ocm', `${DELIVERY_ANNOTATION} is ${JSON.stringify(annotation)}; direct and ocm are known`);
  if (klusterlet?.isLive === true && hasSecret)
    return refuse('ocm', `it has a connection Secret, and ${agent}; annotate it with ${DELIVERY_ANNOTATION}: ocm or direct`);
  if (hasSecret)
    return refuse('direct', `it has a connection Secret and nothing that says that Lateen delivers to it; annotate it with ${DELIVERY_ANNOTATION}: direct`);
  if (klusterlet !== null || ocm !== null) return { mode: 'ocm', fault: null };
  return refuse('ocm', `it has neither a connection Secret nor a klusterlet; join it, or annotate it with ${DELIVERY_ANNOTATION}: ocm`);
}

/** How often a cluster's lease is renewed. OCM 1.3: 60 s unless the ManagedCluster says otherwise. */
export function leaseSecondsOf(cluster: KubeObject | null): number {
  const spec = isRecord(cluster?.['spec']) ? cluster['spec'] : {};
  const seconds = spec['leaseDurationSeconds'];
  return typeof seconds === 'number' && seconds > 0 ? seconds : 60;
}

function memberOf(
  name: string,
  mode: DeliveryMode,
  object: KubeObject | null,
  secret: KubeObject | null,
  fault: Fault | null,
  sight: Sight | undefined,
): Member {
  const spec = isRecord(object?.['spec']) ? object['spec'] : {};
  const status = isRecord(object?.['status']) ? object['status'] : {};
  const records = (value: unknown): readonly Readonly<Record<string, unknown>>[] => (Array.isArray(value) ? value.filter(isRecord) : []);
  const available = records(status['conditions']).find(({ type }) => type === 'ManagedClusterConditionAvailable')?.['status'];
  const seen = sight === undefined ? 'Unknown' : sight.isAvailable ? 'True' : 'False';
  const gitVersion = isRecord(status['version']) && typeof status['version']['kubernetes'] === 'string' ? status['version']['kubernetes'] : '';
  return {
    name,
    mode,
    object,
    fault,
    labels: { ...(secret === null ? {} : labelsOfConnection(secret)), ...object?.metadata.labels },
    claims: Object.fromEntries(records(status['clusterClaims']).map((claim) => [String(claim['name']), String(claim['value'])])),
    accepted: object === null || spec['hubAcceptsClient'] === true,
    available: object === null ? seen : available === 'True' || available === 'False' ? available : 'Unknown',
    taints: records(spec['taints']).map((taint) => ({ key: String(taint['key']), value: String(taint['value'] ?? ''), effect: String(taint['effect']) })),
    version: sight?.version ?? versionOf(gitVersion),
  };
}

/** What templates see of `v1.36.3`; null where it is no version. */
export function versionOf(gitVersion: string): ClusterVersion | null {
  const match = /^v?([0-9]+)\.([0-9]+)/.exec(gitVersion);
  return match === null ? null : { major: match[1] ?? '', minor: Number(match[2]), gitVersion, platform: '' };
}

async function readSecrets(hub: KubeClient, signal: AbortSignal): Promise<ReadonlyMap<string, KubeObject>> {
  const query = { apiVersion: 'v1', kind: 'Secret', namespace: SYSTEM_NAMESPACE };
  const lists = await Promise.all([OLD_CREDENTIAL_LABEL, CREDENTIAL_TYPE_LABEL].map((labels) => hub.list({ ...query, labels }, signal)));
  return byName(lists.flatMap((list) => list.items));
}

async function readLeases(hub: KubeClient, signal: AbortSignal): Promise<ReadonlyMap<string, KubeObject>> {
  const found = await hub.list({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: '', fields: `metadata.name=${CLUSTER_LEASE}` }, signal);
  return new Map(found.items.map((lease) => [lease.metadata.namespace ?? '', lease]));
}

/** Objects of a cluster-scoped kind by name; none where the hub does not serve it. */
async function readServed(hub: KubeClient, apiVersion: string, kind: string, signal: AbortSignal): Promise<ReadonlyMap<string, KubeObject>> {
  if ((await hub.findResource(apiVersion, kind, signal)) === null) return new Map();
  return byName((await hub.list({ apiVersion, kind, namespace: '' }, signal)).items);
}

const byName = (items: readonly KubeObject[]): ReadonlyMap<string, KubeObject> => new Map(items.map((item) => [item.metadata.name ?? '', item]));
