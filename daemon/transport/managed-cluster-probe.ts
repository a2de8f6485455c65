/** A look at a member cluster: whether its API server is well, and what it says about itself. */
import { isRecord, parseJson } from '../lib/json.ts';
import { withDeadline } from '../lib/retry.ts';
import { Fault, toFault } from '../model/fault.ts';
import type { ClusterVersion } from '../model/cluster-version.ts';
import type { KubeObject } from '../model/object.ts';
import type { Clock } from '../model/ports.ts';
import { ApiFault } from './faults.ts';
import type { KubeClient } from './kube.ts';
import { sumNodes, type Resources } from './managed-cluster-capacity.ts';
import { CLAIM_API } from './ocm-kinds.ts';

export interface Claim {
  readonly name: string;
  readonly value: string;
}

/** What is known of a member that answered. */
export interface Report {
  /** Null: its API server is well. Else what is wrong, in OCM's words. */
  readonly trouble: string | null;
  readonly version: ClusterVersion | null;
  /** Null where nodes may not be listed. */
  readonly resources: { readonly capacity: Resources; readonly allocatable: Resources } | null;
  readonly claims: readonly Claim[];
  /** How far its clock is from ours, in milliseconds; null when it did not say. */
  readonly clockOffsetMs: number | null;
}

/** OCM 1.3: these come first and are never cut. */
const RESERVED_CLAIMS = ['id.k8s.io', 'kubeversion.open-cluster-management.io', 'platform.open-cluster-management.io', 'product.open-cluster-management.io'];
const CUSTOM_CLAIMS_MAX = 20;
const SPOKE_ONLY_LABEL = 'open-cluster-management.io/spoke-only';

/**
 * Asks a member how it is, within `timeoutMs`. An API server that answers with an error is an answer. A member that does
 * not answer in time, or cannot be connected to, is a fault transport/unreachable.
 */
export async function probe(client: KubeClient, timeoutMs: number, clock: Clock, signal: AbortSignal): Promise<Report> {
  try {
    return await withDeadline(timeoutMs, (within) => look(client, clock, within), clock, signal);
  } catch (error) {
    if (!signal.aborted && error instanceof DOMException && error.name === 'TimeoutError')
      throw new Fault('transport/unreachable', `${client.server} did not answer within ${timeoutMs / 1000} s`, { cause: error });
    throw toFault(error);
  }
}

async function look(client: KubeClient, clock: Clock, signal: AbortSignal): Promise<Report> {
  const { trouble, clockOffsetMs } = await health(client, clock, signal);
  if (trouble !== null) return { trouble, version: null, resources: null, claims: [], clockOffsetMs };
  const [version, resources, claims] = await Promise.all([readVersion(client, signal), readResources(client, signal), readClaims(client, signal)]);
  return { trouble, version, resources, claims, clockOffsetMs };
}

/** OCM 1.3: GET /livez, and /healthz where that is not found or forbidden. */
async function health(
  client: KubeClient,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ readonly trouble: string | null; readonly clockOffsetMs: number | null }> {
  for (const path of ['/livez', '/healthz']) {
    try {
      const answer = await get(client, path, signal);
      const date = Date.parse(answer.headers['date']?.[0] ?? '');
      return { trouble: null, clockOffsetMs: Number.isNaN(date) ? null : date - clock.now() };
    } catch (error) {
      if (!(error instanceof ApiFault)) throw error;
      if (path === '/livez' && (error.statusCode === 403 || error.statusCode === 404)) continue;
      return { trouble: `The kube-apiserver is not ok, status code: ${error.statusCode}, ${error.message}`, clockOffsetMs: null };
    }
  }
  return { trouble: null, clockOffsetMs: null };
}

const get = (client: KubeClient, path: string, signal: AbortSignal): ReturnType<KubeClient['raw']> =>
  client.raw(
    {
      method: 'GET',
      path,
      accept: path === '/version' ? 'application/json' : '*/*',
      subject: { what: path.slice(1), verb: 'get', secret: false },
      repeatable: true,
    },
    signal,
  );

async function readVersion(client: KubeClient, signal: AbortSignal): Promise<ClusterVersion | null> {
  const read: unknown = parseJson((await get(client, '/version', signal)).text);
  if (!isRecord(read)) return null;
  const text = (field: string): string => (typeof read[field] === 'string' ? read[field] : '');
  return { major: text('major'), minor: Number.parseInt(text('minor'), 10) || 0, gitVersion: text('gitVersion'), platform: text('platform') };
}

async function readResources(client: KubeClient, signal: AbortSignal): Promise<Report['resources']> {
  const nodes = await allowed(async () => (await client.list({ apiVersion: 'v1', kind: 'Node', namespace: '' }, signal)).items);
  return nodes === null ? null : sumNodes(nodes);
}

async function readClaims(client: KubeClient, signal: AbortSignal): Promise<readonly Claim[]> {
  const claims = await allowed(async () => {
    if ((await client.findResource(CLAIM_API, 'ClusterClaim', signal)) === null) return [];
    return (await client.list({ apiVersion: CLAIM_API, kind: 'ClusterClaim', namespace: '' }, signal)).items;
  });
  return claimsOf(claims ?? []);
}

/** The claims that the hub shows: the reserved ones first, then at most 20 others by name (OCM 1.3). Pure. */
export function claimsOf(objects: readonly KubeObject[]): readonly Claim[] {
  const claims = objects
    .filter(({ metadata }) => metadata.labels?.[SPOKE_ONLY_LABEL] === undefined)
    .map((object) => ({ name: object.metadata.name ?? '', value: isRecord(object['spec']) ? String(object['spec']['value'] ?? '') : '' }))
    .filter(({ value }) => value !== '')
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const isReserved = ({ name }: Claim): boolean => RESERVED_CLAIMS.includes(name);
  return [...claims.filter(isReserved), ...claims.filter((claim) => !isReserved(claim)).slice(0, CUSTOM_CLAIMS_MAX)];
}

/** Null where the connection's user may not look. */
async function allowed<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Fault && error.code === 'transport/denied') return null;
    throw error;
  }
}
