// npm run lab: control planes and a cloud from a shell. Results go to standard output, progress to standard error.
import { parseArgs } from 'node:util';
import { labBinaries } from './build.ts';
import { endCloud, findCloud, launchCloud } from './cloud-process.ts';
import { type ControlPlane, LabError, runningControlPlanes, startControlPlane, takeDown } from './lab.ts';
import { printTable } from './table.ts';

const USAGE = `usage: npm run lab -- VERB

  build                          build or find the binaries (the first time: about 7 minutes, needs Go)
  up NAME... [--api-only]        start control planes and leave them up
  status                         what runs
  api-server NAME stop|start|freeze|thaw
                                 take an API server away and bring it back, with its data
  cloud [--create-seconds N]     start a cloud (ACK and VPC, for the real SDKs) whose clusters are control planes,
                                 and print its endpoint and keys; N: how long a cluster takes (6)
  down [--keep]                  end them and remove their folders (--keep: leave data and logs)

  --dir DIR   where they live (default: .work/lab)
  --json      up, cloud, status: one JSON object on standard output`;

const NOTICE = `Real: etcd, the Kubernetes API server, its controllers and the scheduler.
Simulated: the node and its pods (kwok; no container runs, images are not pulled) and the addresses of
LoadBalancer Services (203.0.113.x; nothing listens there).`;

type Options = {
  readonly dir: string;
  readonly json: boolean;
  readonly keep: boolean;
  readonly apiOnly: boolean;
  readonly createMs: number;
  readonly signal: AbortSignal;
};

const VERBS: Readonly<Record<string, (args: readonly string[], options: Options) => Promise<void>>> = {
  build,
  up,
  cloud,
  status,
  down,
  'api-server': apiServer,
};

async function build(): Promise<void> {
  const binaries = await labBinaries('full');
  note(`lab: binaries from ${binaries.source}`);
  for (const path of Object.values(binaries.paths)) print(path);
}

async function up(names: readonly string[], options: Options): Promise<void> {
  if (names.length === 0) throw new LabError('up: name at least one control plane');
  await labBinaries(options.apiOnly ? 'api' : 'full');
  const running = await runningControlPlanes(options.dir);
  const startedAtMs = performance.now();
  const started = await Promise.allSettled(
    names.map(
      async (name) =>
        running.get(name) ?? (await startControlPlane({ name, dir: options.dir, nodes: !options.apiOnly, owned: false, report: note, signal: options.signal })),
    ),
  );
  const failed = started.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    const fresh = started.flatMap((result) => (result.status === 'fulfilled' && !running.has(result.value.name) ? [result.value] : []));
    await Promise.all(fresh.map((plane) => plane.stop()));
    throw failed.reason;
  }
  const planes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  note(`lab: up after ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s; end with: npm run lab -- down --dir ${options.dir}\n${NOTICE}`);
  if (options.json)
    print(JSON.stringify(Object.fromEntries(planes.map((plane) => [plane.name, { kubeconfig: plane.kubeconfig, server: plane.server }])), null, 2));
  else for (const plane of planes) print(plane.kubeconfig);
}

async function cloud(_args: readonly string[], options: Options): Promise<void> {
  await labBinaries('full');
  const { endpoint, credentials } = await launchCloud({ dir: options.dir, createMs: options.createMs });
  note(`lab: a cloud on http://${endpoint}; its state: http://${endpoint}/lab/state; end with: npm run lab -- down --dir ${options.dir}`);
  if (options.json) return print(JSON.stringify({ endpoint, credentials }, null, 2));
  const variables = {
    ALICLOUD_ACCESS_KEY: credentials.accessKeyId,
    ALICLOUD_SECRET_KEY: credentials.accessKeySecret,
    ALICLOUD_SECURITY_TOKEN: credentials.securityToken,
  };
  print(
    [`# endpoint ${endpoint}`, ...Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [`export ${name}=${value}`]))].join('\n'),
  );
}

async function status(_args: readonly string[], options: Options): Promise<void> {
  const planes = [...(await runningControlPlanes(options.dir)).values()];
  const states = await Promise.all(planes.map((plane) => plane.state()));
  if (options.json) {
    return print(
      JSON.stringify(
        Object.fromEntries(states.map((state) => [state.name, { kubeconfig: state.kubeconfig, server: state.server, parts: state.parts }])),
        null,
        2,
      ),
    );
  }
  const endpoint = findCloud(options.dir)?.endpoint;
  if (endpoint !== undefined) print(`cloud: http://${endpoint}\n`);
  if (states.length === 0) return print(`no control plane is up in ${options.dir}`);
  const columns = ['name', 'program', 'state', 'pid', 'restarts'];
  print(
    printTable({
      kind: 'Table',
      columnDefinitions: columns.map((name) => ({ name, type: 'string', priority: 0 })),
      rows: states.flatMap((state) => state.parts.map((part) => ({ cells: [state.name, part.name, part.state, part.pid, part.restarts] }))),
    }),
  );
  for (const state of states) print(`\n${state.name}: ${state.server}\n  ${state.kubeconfig}`);
}

async function apiServer(args: readonly string[], options: Options): Promise<void> {
  const [name = '', order = ''] = args;
  const plane = (await runningControlPlanes(options.dir)).get(name);
  if (plane === undefined) throw new LabError(`no control plane "${name}" is up in ${options.dir}`);
  const orders: Readonly<Record<string, keyof ControlPlane & `${string}ApiServer`>> = {
    stop: 'stopApiServer',
    start: 'startApiServer',
    freeze: 'freezeApiServer',
    thaw: 'thawApiServer',
  };
  const method = Object.hasOwn(orders, order) ? orders[order] : undefined;
  if (method === undefined) throw new LabError(`api-server: "${order}" is none of ${Object.keys(orders).join(', ')}`);
  await plane[method]();
}

async function down(_args: readonly string[], options: Options): Promise<void> {
  const clouds = (await endCloud(options.dir, { keep: options.keep })) ? ['cloud'] : []; // first: it holds control planes
  const names = [...clouds, ...(await takeDown(options.dir, { keep: options.keep }))];
  note(names.length === 0 ? `lab: nothing was up in ${options.dir}` : `lab: down: ${names.join(', ')}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function main(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: '.work/lab' },
      json: { type: 'boolean' },
      keep: { type: 'boolean' },
      'api-only': { type: 'boolean' },
      'create-seconds': { type: 'string', default: '6' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [verb = '', ...args] = positionals;
  const run = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (values.help === true) return print(USAGE);
  if (run === undefined) throw new LabError(USAGE);
  const createSeconds = Number(values['create-seconds']);
  if (!(createSeconds >= 0 && createSeconds <= 3600)) throw new LabError(`--create-seconds: "${values['create-seconds']}" is no number of seconds`);
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort(new LabError('interrupted')));
  await run(args, {
    dir: values.dir,
    json: values.json === true,
    keep: values.keep === true,
    apiOnly: values['api-only'] === true,
    createMs: createSeconds * 1000,
    signal: interrupted.signal,
  });
}

process.stdout.on('error', () => process.exit(0)); // the reader has seen enough, as `head` does
try {
  await main(process.argv.slice(2));
} catch (error) {
  // What a person can put right is told without a stack.
  const isPlain = error instanceof LabError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  note(isPlain ? (error as Error).message : String((error as Error).stack ?? error));
  process.exitCode = 1;
}
