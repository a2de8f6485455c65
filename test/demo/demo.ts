/**
 * `npm run demo [-- --exit] [--repo DIR] [--kubeconfig FILE] [--wait 5m]`: one push, delivered before your eyes.
 *
 * Exit codes: 0 all Ready (or ended by Ctrl-C after that), 1 settled but not all Ready, 2 it could not be done,
 * 3 time is up, 130 interrupted before it was done.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { durationOf } from '../../daemon/config.ts';
import { evaluatorModule } from '../../daemon/render/cue/build.ts';
import { labBinaries } from '../lab/build.ts';
import { openClient } from '../lab/client.ts';
import { startCloud } from '../lab/cloud.ts';
import { startControlPlane } from '../lab/lab.ts';
import { makeRepository, refuseMistakes, startDaemon } from './ground.ts';
import { removalCommands } from './removal.ts';
import { showNext, showResult, type Hub } from './result.ts';
import { openScreen, type Screen } from './screen.ts';
import { followBranch, followHub, followLog, type PassLine } from './sources.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SAMPLE = join(ROOT, 'sample-repo');
const STATUS_BRANCH = 'lateen-status';
/** Who looks at the last lines waits no longer for them than this. */
const LAST_LINES_MS = 3000;

const USAGE = `npm run demo -- [--exit] [--repo DIR] [--kubeconfig FILE] [--wait 5m]

  --exit             end after convergence: 0 all Ready, 1 settled but not all Ready, 2 error, 3 time is up
  --repo DIR         documents of your own instead of sample-repo/
  --kubeconfig FILE  your own cluster instead of the simulated one; what is delivered stays there
  --wait 5m          how long convergence may take`;

interface Options {
  readonly isExiting: boolean;
  readonly documents: string;
  readonly kubeconfig: string | null;
  readonly waitMs: number;
}

type Outcome = { readonly code: 0 | 1 | 2 | 3; readonly why: string };

function optionsFrom(argv: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      exit: { type: 'boolean' },
      repo: { type: 'string' },
      kubeconfig: { type: 'string' },
      wait: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return null;
  return {
    isExiting: values.exit === true,
    documents: resolve(values.repo ?? SAMPLE),
    kubeconfig: values.kubeconfig === undefined ? null : resolve(values.kubeconfig),
    waitMs: durationOf('wait', values.wait ?? '5m'),
  };
}

/** Builds what is missing: the evaluator always, the lab's programs when there is no cluster of one's own. */
async function build(options: Options, screen: Screen, signal: AbortSignal): Promise<void> {
  const progress = (line: string): void => screen.event('build', line, 'quiet');
  await evaluatorModule({
    override: process.env['LATEEN_CUE_WASM'],
    cacheDirectory: process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
    progress,
    signal,
  });
  if (options.kubeconfig !== null) return;
  signal.throwIfAborted();
  await labBinaries('full', progress);
  signal.throwIfAborted();
}

async function openHub(options: Options, directory: string, screen: Screen, stack: AsyncDisposableStack, signal: AbortSignal): Promise<Hub> {
  if (options.kubeconfig !== null) {
    const client = await openClient(options.kubeconfig);
    stack.defer(() => client.close());
    screen.event('hub', `${client.server}, yours: everything is real, and what is delivered stays`);
    return { directory, kubeconfig: options.kubeconfig, client };
  }
  const beganAt = screen.seconds();
  const plane = stack.use(await startControlPlane({ name: 'hub', dir: join(directory, 'lab'), signal }));
  screen.event('hub', `${plane.server}, up in ${(screen.seconds() - beganAt).toFixed(1)} s`);
  return { directory, kubeconfig: plane.kubeconfig, client: plane.client };
}

const SIMULATED = [
  'Simulated: the cloud (an endpoint on this machine that answers as Alibaba Cloud does; its clusters are real',
  'control planes), pods (no container runs, no image is pulled) and addresses of load balancers.',
  'Everything else is real: git, etcd, the API servers, their controllers, the daemon.',
];
/** The sample's part that makes a cloud cluster: left out on a cluster of one's own, where it would cost real money. */
const CLOUD_PART = ['clusters', 'definitions/steps', 'apps/podinfo'];

/** What becomes of documents that want something made in the cloud: said before anything happens. */
function cloudWords(options: Options): string {
  if (options.documents === SAMPLE)
    return `${CLOUD_PART.join(', ')} of the sample are left out: on a cluster of your own they would make a cloud cluster for money. Keys of a cloud in the environment are not used.`;
  if ((process.env['ALICLOUD_ACCESS_KEY'] ?? '') !== '')
    return `ALICLOUD_ACCESS_KEY is set: it goes to Secret vela-system/alibaba-account-creds on your cluster, and what ${options.documents} asks of Alibaba Cloud is made with your account, for money.`;
  return `ALICLOUD_ACCESS_KEY is not set: nothing is made at Alibaba Cloud, unless your cluster has a Secret with an account's keys already.`;
}
/** How long a cluster of the simulated cloud takes; a real one takes ten minutes or so. */
const CLUSTER_MS = 6000;

/** Which code a pass over `commit` comes to; null while things move. */
function outcomeOf(pass: PassLine, commit: string): Outcome | null {
  if (pass.commit !== commit) return null;
  if (pass.settlement === 'ready') return { code: 0, why: 'everything is Ready' };
  if (pass.settlement === 'settled') return { code: 1, why: 'nothing moves any more, but not everything is Ready' };
  return pass.settlement === 'error' ? { code: 2, why: 'the pass failed' } : null;
}

/** Waits for convergence; what comes first of: a pass that settles it, the daemon's end, the time. */
async function waitFor(settled: Promise<Outcome>, ended: Promise<number>, waitMs: number, signal: AbortSignal): Promise<Outcome> {
  const stop = new AbortController();
  const timer = sleep(waitMs, undefined, { signal: AbortSignal.any([signal, stop.signal]) }).then((): Outcome => ({
    code: 3,
    why: `not done after ${waitMs / 1000} s`,
  }));
  try {
    return await Promise.race([settled, ended.then((code): Outcome => ({ code: 2, why: `the daemon ended with exit code ${code}` })), timer]);
  } finally {
    stop.abort();
    timer.catch(() => {});
  }
}

async function demo(options: Options, screen: Screen, signal: AbortSignal): Promise<number> {
  const isOwnHub = options.kubeconfig !== null;
  // An instance of its own keeps the demo apart from a Lateen that serves the cluster already.
  const instance = isOwnHub ? 'demo' : '';
  await refuseMistakes(options);
  await using stack = new AsyncDisposableStack();
  if (isOwnHub) screen.event('cloud', cloudWords(options), 'waiting');
  await build(options, screen, signal);
  const directory = await mkdtemp(join(tmpdir(), 'lateen-demo-'));
  if (!isOwnHub || options.isExiting) stack.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const hub = await openHub(options, directory, screen, stack, signal);
  if (!isOwnHub) screen.text(SIMULATED.map((line) => `${' '.repeat(26)}${line}`).join('\n'));
  const hadSystemNamespace = (await hub.client.find('namespaces/vela-system')) !== undefined;
  signal.throwIfAborted();

  // Its control planes are made when a cluster is asked for: until then it costs nothing.
  const cloud = isOwnHub ? null : stack.use(await startCloud({ dir: join(directory, 'cloud'), createMs: CLUSTER_MS }));
  const repository = await makeRepository(directory, options.documents, isOwnHub && options.documents === SAMPLE ? CLOUD_PART : []);
  screen.event(
    'pushed',
    `${repository.head.slice(0, 10)} ${options.documents === SAMPLE ? 'sample-repo/' : options.documents} to ${repository.bare.path}, branch main`,
  );
  const pushedAt = screen.seconds();
  const settled = Promise.withResolvers<Outcome>();
  let lastStatus: string | null = null;
  const log = followLog(screen, (pass) => {
    lastStatus = pass.status ?? lastStatus;
    const outcome = outcomeOf(pass, repository.head);
    if (outcome !== null) settled.resolve(outcome);
  });
  const following = new AbortController();
  const branch = followBranch(repository.bare.path, STATUS_BRANCH, screen, following.signal);
  followHub(hub.client, screen, instance, following.signal);
  stack.defer(() => following.abort());
  const daemon = startDaemon({
    directory,
    repository: repository.bare.path,
    kubeconfig: hub.kubeconfig,
    instance,
    statusBranch: STATUS_BRANCH,
    cloud: cloud ?? (options.documents === SAMPLE ? 'none' : 'real'),
    onLine: log.onLine,
  });
  stack.defer(() => daemon.stop());

  const outcome = await waitFor(settled.promise, daemon.ended, options.waitMs, signal);
  if (lastStatus !== null) await Promise.race([branch.shown(lastStatus), sleep(LAST_LINES_MS, undefined, { signal })]);
  screen.event(
    outcome.code === 0 ? 'done' : 'not done',
    `${outcome.why}, ${(screen.seconds() - pushedAt).toFixed(1)} s after the push`,
    outcome.code === 0 ? 'good' : 'bad',
  );
  const members = await showResult(hub, repository, STATUS_BRANCH, screen);
  if (!options.isExiting && outcome.code !== 2) {
    showNext({ isSample: options.documents === SAMPLE, hub, repository, statusBranch: STATUS_BRANCH, members, instance }, screen);
    screen.heading(isOwnHub ? 'Until Ctrl-C, which stops the daemon and leaves what it delivered' : 'Until Ctrl-C, which ends everything and removes it');
    await Promise.race([
      daemon.ended,
      new Promise((done) => {
        signal.addEventListener('abort', done, { once: true });
      }),
    ]);
  }
  if (isOwnHub) {
    await daemon.stop();
    screen.heading('What was delivered stays on your cluster. To remove it:');
    screen.text((await removalCommands(hub.client, { instance, installed: log.installed(), hadSystemNamespace })).map((line) => `  ${line}`).join('\n'));
    if (!options.isExiting) screen.text(`  rm -r ${directory}`);
  }
  return outcome.code;
}

async function main(argv: readonly string[]): Promise<number> {
  const screen = openScreen(process.stdout);
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => {
      stop.abort(new Error('interrupted'));
    });
  process.stdout.on('error', () => {
    stop.abort(new Error('nobody reads on'));
  });
  try {
    const options = optionsFrom(argv);
    if (options === null) {
      screen.text(USAGE);
      return 0;
    }
    return await demo(options, screen, stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return 130;
    const { name, message, code, stack } = error as Error & { readonly code?: string };
    const isPlain = ['LabError', 'Fault'].includes(name) || code !== undefined;
    process.stderr.write(`demo: ${isPlain ? message : (stack ?? message)}\n${code?.startsWith('ERR_PARSE_ARGS') === true ? `${USAGE}\n` : ''}`);
    return 2;
  }
}

// Not left to the end of all handles: a connection that a server keeps open must not keep the demo.
process.exit(await main(process.argv.slice(2)));
