// The keeper: one process per control plane. It starts the programs, keeps them up, plays the load
// balancer, takes orders on a loopback port, and ends everything when told to or when its owner is gone.
//
//   starting --ready--> up --stop API server--> away --start API server--> up
//       |               |                        |
//       +---------------+------------------------+--> ending --> ended
//         down, a signal, a failed start, or the owner's end (its pipe to us closes)
//
// A keeper that is itself killed is followed by its guard (supervise.ts), which ends the programs.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { giveAddresses } from './balancer.ts';
import { type LabBinaries, type Program } from './build.ts';
import { hasCondition, type LabClient, openClient } from './client.ts';
import { argumentsOf, planeFiles, type PlanePlan } from './parts.ts';
import { prepareDirectory } from './plane-setup.ts';
import { recordProcess } from './process.ts';
import { type PlaneState, removeState, writeState } from './state.ts';
import { type Guard, startGuard, Supervised } from './supervise.ts';

/** What the keeper is started with, as JSON in its only argument. */
export type KeeperSpec = {
  readonly name: string;
  readonly directory: string;
  readonly binaries: LabBinaries;
  /** false: etcd and the API server only. */
  readonly hasNodes: boolean;
  /** true: ends when the pipe on standard input closes. */
  readonly isOwned: boolean;
  /** true: removes the folder at the end. */
  readonly isEphemeral: boolean;
  /** true: every write goes to logs/audit.jsonl. */
  readonly isAudited: boolean;
  readonly apiServerFlags: readonly string[];
};

/** What it says on standard output, a line each, until it is ready or has failed. */
export type KeeperReport = { readonly kind: 'phase' | 'failed'; readonly text: string } | { readonly kind: 'ready'; readonly state: PlaneState };

const START_TIMEOUT_MS = 120_000; // 3 s on a quiet machine; a busy one takes its time
const NODE_NAME = 'lab-node-1';

class Keeper {
  readonly #spec: KeeperSpec;
  readonly #files: ReturnType<typeof planeFiles>;
  readonly #guard: Guard = startGuard();
  readonly #token = randomBytes(16).toString('hex');
  readonly #ending = new AbortController();
  readonly #parts = new Map<Program, Supervised>();
  #server = '';
  #etcdPort = 0;
  #controlPort = 0;
  #writes: Promise<void> = Promise.resolve();
  #ended: Promise<void> | undefined;

  constructor(spec: KeeperSpec) {
    this.#spec = spec;
    this.#files = planeFiles(spec.directory);
  }

  async start(): Promise<void> {
    const { name, directory } = this.#spec;
    const { ports, server } = await prepareDirectory(name, directory);
    this.#server = server;
    this.#etcdPort = ports.etcd;
    this.#controlPort = await this.#listen();
    const plan: PlanePlan = { ...this.#spec, apiPort: ports.api, etcdPort: ports.etcd };
    for (const program of this.#spec.hasNodes ? (['etcd', 'kube-apiserver', ...CONTROLLERS] as const) : (['etcd', 'kube-apiserver'] as const)) {
      const part = new Supervised({
        name: program,
        program: this.#spec.binaries.paths[program],
        args: argumentsOf(program, plan),
        logFile: this.#files.log(program),
        onChange: () => {
          void this.#changed();
        },
      });
      this.#parts.set(program, part);
    }
    await this.#bringUp();
  }

  async #bringUp(): Promise<void> {
    say({ kind: 'phase', text: 'etcd' });
    this.#launch('etcd');
    await this.#await('etcd', () => httpOk(`http://127.0.0.1:${this.#etcdPort}/health`));
    say({ kind: 'phase', text: 'API server' });
    this.#launch('kube-apiserver');
    const client = await openClient(this.#files.kubeconfig);
    await this.#await('kube-apiserver', () => isReady(client));
    if (this.#spec.hasNodes) {
      say({ kind: 'phase', text: 'controllers and a simulated node' });
      await this.#startControllers(client);
      await client.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE_NAME, labels: NODE_LABELS, annotations: { 'kwok.x-k8s.io/node': 'fake' } } });
      await this.#await('kube-controller-manager', () => canRunPods(client));
      void giveAddresses(client, this.#ending.signal, (error) => this.log(`load balancer: ${String(error)}`));
    }
    await this.#changed();
    say({ kind: 'ready', state: this.#state() });
  }

  /** Ends everything; etcd gets time to close its files where they are to be used again. */
  end(): Promise<void> {
    return (this.#ended ??= this.#end());
  }

  async #end(): Promise<void> {
    this.#ending.abort(); // from here on nothing is launched
    const etcd = this.#parts.get('etcd');
    await Promise.all([...this.#parts.values()].filter((part) => part !== etcd).map((part) => part.stop()));
    await etcd?.stop(this.#spec.isEphemeral ? 'SIGKILL' : 'SIGTERM');
    await this.#writes;
    this.#guard.watch([]);
    await removeState(this.#spec.directory);
    if (this.#spec.isEphemeral) await rm(this.#spec.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  log(text: string): void {
    appendFileSync(this.#files.log('keeper'), `${new Date().toISOString()} ${text}\n`);
  }

  async #obey(order: string): Promise<void> {
    const apiServer = this.#part('kube-apiserver');
    switch (order) {
      case '/api-server/stop':
        return apiServer.stop();
      case '/api-server/start':
        this.#launch('kube-apiserver');
        return this.#comeBack(await openClient(this.#files.kubeconfig));
      case '/api-server/freeze':
        return apiServer.signal('SIGSTOP');
      case '/api-server/thaw':
        return apiServer.signal('SIGCONT');
      default:
        throw new Error(`no such order: ${order}`);
    }
  }

  async #comeBack(client: LabClient): Promise<void> {
    using _closing = client;
    await this.#await('kube-apiserver', () => isReady(client));
    if (!this.#spec.hasNodes) return;
    // Started afresh: they would otherwise sit out client-go's back-off of up to 30 s.
    await Promise.all(CONTROLLERS.map((program) => this.#part(program).stop()));
    await this.#startControllers(client);
  }

  async #startControllers(client: LabClient): Promise<void> {
    // A former kwok's hold on the node would keep this one waiting for up to 40 s.
    await client.delete(`leases/kube-node-lease/${NODE_NAME}`);
    for (const program of CONTROLLERS) this.#launch(program);
  }

  async #listen(): Promise<number> {
    const server = createServer((incoming, reply) => {
      this.#answer(incoming, reply).catch((error: unknown) => {
        this.log(`order ${incoming.url}: ${String(error)}`);
        reply.writeHead(500).end(String(error));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  async #answer(incoming: IncomingMessage, reply: ServerResponse): Promise<void> {
    const given = Buffer.from(incoming.headers.authorization ?? '');
    const wanted = Buffer.from(`Bearer ${this.#token}`);
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return void reply.writeHead(403).end();
    const order = incoming.url ?? '';
    if (order === '/down') {
      await this.end();
      reply.end('{}', () => process.exit(0));
      return;
    }
    if (order !== '/state') await this.#obey(order);
    reply.end(JSON.stringify(this.#state()));
  }

  #launch(program: Program): void {
    this.#ending.signal.throwIfAborted();
    this.#part(program).start();
  }

  #part(program: Program): Supervised {
    return this.#parts.get(program)!;
  }

  /** Waits for a program to answer; one that keeps ending by itself fails the start, with its last words. */
  async #await(program: Program, isThere: () => Promise<boolean>): Promise<void> {
    const part = this.#part(program);
    const endMs = performance.now() + START_TIMEOUT_MS;
    const restartsBefore = part.restarts;
    while (!(await isThere().catch(() => false))) {
      this.#ending.signal.throwIfAborted();
      if (part.restarts > restartsBefore + 2) throw new Error(`${program} ends by itself. Its log (${this.#files.log(program)}) says:\n${part.lastWords()}`);
      if (performance.now() > endMs)
        throw new Error(`${program} is not ready after ${START_TIMEOUT_MS / 1000} s. Its log (${this.#files.log(program)}) says:\n${part.lastWords()}`);
      await sleep(30);
    }
  }

  #changed(): Promise<void> {
    this.#guard.watch([...this.#parts.values()].flatMap((part) => part.record ?? []));
    if (this.#ending.signal.aborted) return this.#writes;
    this.#writes = this.#writes.then(() => writeState(this.#spec.directory, this.#state())).catch((error: unknown) => this.log(`state: ${String(error)}`));
    return this.#writes;
  }

  #state(): PlaneState {
    const { name, hasNodes, binaries } = this.#spec;
    return {
      name,
      server: this.#server,
      kubeconfig: this.#files.kubeconfig,
      hasNodes,
      source: binaries.source,
      keeper: recordProcess(process.pid)!,
      control: { port: this.#controlPort, token: this.#token },
      parts: [...this.#parts.values()].map((part) => ({ name: part.name, state: part.state, restarts: part.restarts, ...part.record })),
    };
  }
}

const CONTROLLERS = ['kube-controller-manager', 'kube-scheduler', 'kwok'] as const;

const NODE_LABELS = {
  'kubernetes.io/hostname': NODE_NAME,
  'kubernetes.io/os': 'linux',
  'kubernetes.io/arch': 'amd64',
  type: 'kwok',
};

async function isReady(client: LabClient): Promise<boolean> {
  return (await client.raw('GET', '/readyz')).status === 200;
}

/** A ready node without taints, and the ServiceAccount that every pod of the default namespace wants. */
async function canRunPods(client: LabClient): Promise<boolean> {
  const node = await client.get(`nodes/${NODE_NAME}`);
  const account = await client.find('serviceaccounts/default/default');
  return hasCondition(node, 'Ready') && node.spec?.taints === undefined && account !== undefined;
}

async function httpOk(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    request(url, { agent: false }, (reply) => resolve(reply.resume().statusCode === 200))
      .once('error', () => resolve(false))
      .end();
  });
}

function say(report: KeeperReport): void {
  if (!hasReported) process.stdout.write(`${JSON.stringify(report)}\n`);
  if (report.kind !== 'phase') hasReported = true; // nobody reads after that
}

let hasReported = false;

const spec = JSON.parse(process.argv[2]!) as KeeperSpec;
const keeper = new Keeper(spec);
const endAndExit = (code: number) =>
  keeper.end().then(
    () => process.exit(code),
    () => process.exit(1),
  );
process.stdout.on('error', () => {}); // the owner is gone; its pipe on standard input says so too
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void endAndExit(0));
if (spec.isOwned)
  process.stdin
    .on('error', () => {})
    .on('close', () => void endAndExit(0))
    .resume();
try {
  await keeper.start();
} catch (error) {
  // Said last: who hears it may count on everything being gone.
  await keeper.end().catch((failure: unknown) => keeper.log(`end: ${String(failure)}`));
  say({ kind: 'failed', text: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}
