// The lab's load balancer: gives each Service of type LoadBalancer an address from the ranges that are
// kept for documentation (RFC 5737). Nothing listens there.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject, LabClient } from './client.ts';

const RANGES = ['203.0.113', '198.51.100'] as const;
const RETRY_MS = 500;

/** Follows the Services until `signal` fires; an API server that is away is waited for. */
export async function giveAddresses(client: LabClient, signal: AbortSignal, onError: (error: unknown) => void): Promise<void> {
  while (!signal.aborted) {
    try {
      await followServices(client, signal);
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
  }
}

async function followServices(client: LabClient, signal: AbortSignal): Promise<void> {
  const given = new Map<string, string>(); // uid -> address
  for (const service of await client.list('services')) note(given, service);
  for await (const { type, object: service } of client.watch('services', signal)) {
    if (type === 'ERROR') return; // the server wants us to start afresh
    if (type === 'DELETED') given.delete(service.metadata.uid!);
    if (type !== 'ADDED' && type !== 'MODIFIED') continue;
    note(given, service);
    if (isWaiting(service)) await give(client, given, service);
  }
}

function isWaiting(service: KubeObject): boolean {
  // A class names another load balancer than the cluster's own.
  return service.spec.type === 'LoadBalancer' && service.spec.loadBalancerClass === undefined && addressOf(service) === undefined;
}

async function give(client: LabClient, given: Map<string, string>, service: KubeObject): Promise<void> {
  const ip = given.get(service.metadata.uid!) ?? firstFree(new Set(given.values()));
  given.set(service.metadata.uid!, ip);
  const reply = await client.raw('PATCH', `${await client.pathOf(service)}/status`, {
    body: { status: { loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] } } },
    contentType: 'application/merge-patch+json',
  });
  if (reply.status >= 400 && reply.status !== 404) throw new Error(`no address for ${service.metadata.name}: ${reply.text}`);
}

function note(given: Map<string, string>, service: KubeObject): void {
  const address = addressOf(service);
  if (service.spec.type !== 'LoadBalancer') given.delete(service.metadata.uid!);
  else if (address !== undefined) given.set(service.metadata.uid!, address);
  // else: what was given stays given, since this event may be older than our own write
}

function addressOf(service: KubeObject): string | undefined {
  return service.status?.loadBalancer?.ingress?.[0]?.ip;
}

function firstFree(taken: ReadonlySet<string>): string {
  for (const range of RANGES) {
    for (let host = 1; host < 255; host++) if (!taken.has(`${range}.${host}`)) return `${range}.${host}`;
  }
  throw new Error('the lab has no address left for a LoadBalancer Service');
}
