// The cloud of the lab: an endpoint on loopback that speaks the Alibaba Cloud APIs which Lateen needs
// (Container Service ACK 2015-12-15, VPC 2016-04-28) to the real SDKs. No part of it leaves the machine.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { settleClusters } from './cloud-ack.ts';
import type { World } from './cloud-api.ts';
import { paperBacking, planesBacking } from './cloud-backing.ts';
import { type CloudFaults, createFaults, type FaultQueue, readFaults } from './cloud-faults.ts';
import { createGateway, readAll, send } from './cloud-gateway.ts';
import { type CloudCredentials, createKeys, readKeys } from './cloud-keys.ts';
import { createSignatureCheck } from './cloud-signature.ts';
import { type CloudState, type Cluster, openStore, type Store } from './cloud-state.ts';
import { settleNetworks } from './cloud-vpc.ts';
import type { ControlPlane } from './lab.ts';

export type { CloudFault, CloudFaults } from './cloud-faults.ts';
export type { CloudCredentials } from './cloud-keys.ts';
export type { Call, CloudState, Cluster, Task, Vpc, VSwitch } from './cloud-state.ts';

export type CloudOptions = {
  /** Its state and keys are in DIR/cloud, its control planes beside that; what a former run left there goes on. Default: nothing outlives it. */
  readonly dir?: string;
  /** Default: any free port. */
  readonly port?: number;
  /**
   * What stands behind a cluster: true (default) a lab control plane of its own, a list of control planes to take
   * from, or false: nothing, and the kubeconfig is one in form only (own authority, client certificate and key).
   */
  readonly planes?: boolean | readonly ControlPlane[];
  /** false: control planes outlive this process should it be killed; default true. */
  readonly owned?: boolean;
  /** How long a cluster is `initial` at least; default 2000. */
  readonly createMs?: number;
  /** How long a cluster is `deleting` at least; default 500. */
  readonly deleteMs?: number;
  /** How long a VPC and a vSwitch are `Pending`; default 100. */
  readonly networkMs?: number;
  /** false: a plain AccessKey pair without an STS token; default true. */
  readonly isTemporary?: boolean;
  /** How many clusters the account may have; default 50, as a new account. */
  readonly clusterQuota?: number;
  /** How many VPCs it may have in a region; default 10, as a new account. */
  readonly vpcQuota?: number;
  /** What its states go by, in ms since 1970; default the real time. Signatures are checked against the real time. */
  readonly now?: () => number;
  /** Takes lines of progress; default nowhere. */
  readonly report?: (line: string) => void;
};

export type Cloud = AsyncDisposable & {
  /** HOST:PORT, as the SDK's `endpoint` wants it; with `protocol: 'http'`. One for both APIs. */
  readonly endpoint: string;
  /** What is valid now; others after `renewCredentials`. */
  readonly credentials: CloudCredentials;
  readonly faults: CloudFaults;
  /** Everything ever made and every call, oldest first; holds no secrets. */
  readonly state: () => CloudState;
  /** Makes a new AccessKey pair and token; the old ones count as expired. */
  readonly renewCredentials: () => CloudCredentials;
  /** Ends it and its control planes; `dir` stays, unless it was temporary. */
  readonly stop: () => Promise<void>;
};

/**
 * Starts the cloud endpoint.
 *
 *     await using cloud = await startCloud({ planes: false })
 *     new Config({ ...cloud.credentials, endpoint: cloud.endpoint, protocol: 'http', regionId: 'cn-hongkong' })
 *     cloud.faults.add({ kind: 'lose-answer', action: 'CreateCluster' })
 *
 * The same can be had over HTTP: GET /lab/state, and POST (one fault, or a list), GET and DELETE /lab/faults.
 */
export async function startCloud(options: CloudOptions = {}): Promise<Cloud> {
  const dir = options.dir === undefined ? undefined : join(resolve(options.dir), 'cloud');
  const store = openStore(dir);
  const kept = dir === undefined ? undefined : readKeys(dir);
  const keys = createKeys(kept, options.isTemporary ?? true);
  const faults = createFaults(keys.setExpired);
  const world = worldOf(options, dir, store, faults);
  const gateway = createGateway(world, createSignatureCheck(keys.find));
  const state = () => {
    settleNetworks(world);
    settleClusters(world);
    store.save();
    return { clusters: [...store.clusters.values()], vpcs: [...store.vpcs.values()], vswitches: [...store.vswitches.values()], calls: [...store.calls] };
  };
  const server = createServer((incoming, reply) => {
    const handled = incoming.url?.startsWith('/lab/') === true ? serveLab(faults, state, incoming, reply) : gateway(incoming, reply);
    handled.catch(() => reply.destroy()); // the client went away
  });
  const port = await listen(server, options.port ?? kept?.port ?? 0, options.port === undefined);
  goOn(world); // only now: where there is no port, nothing has been started
  const keep = () => {
    if (dir !== undefined) writeFileSync(join(dir, 'keys.json'), JSON.stringify({ port, credentials: keys.current() }), { mode: 0o600 });
  };
  keep();
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    const closed = new Promise((done) => server.close(done));
    server.closeAllConnections();
    await closed;
    store.save();
    await world.backing.close();
  };
  return {
    endpoint: `127.0.0.1:${port}`,
    get credentials() {
      return keys.current();
    },
    faults,
    state,
    renewCredentials: () => {
      keys.renew();
      keep();
      return keys.current();
    },
    stop: () => (stopped ??= stop()),
    [Symbol.asyncDispose]: () => (stopped ??= stop()),
  };
}

function worldOf(options: CloudOptions, dir: string | undefined, store: Store, faults: FaultQueue): World {
  const planes = options.planes ?? true;
  const report = options.report ?? (() => {});
  const pool = typeof planes === 'boolean' ? undefined : planes;
  return {
    store,
    faults,
    backing: planes === false ? paperBacking(dir) : planesBacking({ dir: options.dir, isOwned: options.owned ?? true, pool, report }),
    now: options.now ?? Date.now,
    createMs: options.createMs ?? 2000,
    deleteMs: options.deleteMs ?? 500,
    networkMs: options.networkMs ?? 100,
    clusterQuota: options.clusterQuota ?? 50,
    vpcQuota: options.vpcQuota ?? 10,
    clustersUsing: ({ vpcId, vswitchId }) =>
      [...store.clusters.values()].filter((it) => it.state !== 'gone' && (it.vpcId === vpcId || (vswitchId !== undefined && usesVSwitch(it, vswitchId)))),
  };
}

function usesVSwitch(cluster: Cluster, vswitchId: string): boolean {
  return cluster.vswitchIds.includes(vswitchId) || JSON.stringify(cluster.request).includes(`"${vswitchId}"`);
}

/** What a former run was in the middle of. */
function goOn(world: World): void {
  for (const cluster of world.store.clusters.values()) {
    const isDoomed = cluster.tasks.at(-1)?.error !== undefined;
    if (cluster.state === 'running' || (cluster.state === 'initial' && !isDoomed)) world.backing.start(cluster.id);
    if (cluster.state === 'deleting' && !isDoomed) world.backing.end(cluster.id);
  }
}

/** The port of a former run is a wish: somebody else may have it now. */
async function listen(server: Server, port: number, isWish: boolean): Promise<number> {
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch (error) {
    if (!isWish || port === 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    await once(server.listen(0, '127.0.0.1'), 'listening');
  }
  return (server.address() as AddressInfo).port;
}

/** The lab's own door: state and faults. No page of a browser gets in: those send an Origin, or another Host. */
async function serveLab(faults: FaultQueue, state: () => CloudState, incoming: IncomingMessage, reply: ServerResponse): Promise<void> {
  const { host = '', origin } = incoming.headers;
  if (origin !== undefined || !/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host)) return send(reply, 403, { code: 'Forbidden', message: 'for the lab only' });
  try {
    const order = `${incoming.method} ${incoming.url}`;
    if (order === 'GET /lab/state') return send(reply, 200, state());
    if (order === 'POST /lab/faults') for (const fault of readFaults(JSON.parse((await readAll(incoming)).toString('utf8')))) faults.add(fault);
    else if (order === 'DELETE /lab/faults') faults.clear();
    else if (order !== 'GET /lab/faults') return send(reply, 404, { code: 'NotFound', message: `no such order: ${order}` });
    send(reply, 200, faults.pending());
  } catch (error) {
    send(reply, 400, { code: 'InvalidParameter', message: (error as Error).message });
  }
}
