/**
 * Five daemons write their status into one repository, thirty commits a minute each, while people push its source branch
 * twice a second: how long does a change take until it stands on the branch, and is anything lost or forced?
 *
 *   npm run bench -- status [--seconds 120] [--instances 5] [--over file|http] [--branches own|shared]
 *
 * Each daemon has a branch of its own, as `--instance` gives it. With `shared` they are all on one, which no configuration
 * leads to: there each push finds that another was faster.
 */
import { join } from 'node:path';
import { systemClock } from '../../daemon/lib/retry.ts';
import type { ApplicationReport, Report } from '../../daemon/model/status.ts';
import { openSource, type Source } from '../../daemon/source/source.ts';
import { publish, type KnownFiles } from '../../daemon/status/publish.ts';
import { bareRepo, httpGitServer, temporaryDirectory, workTree, type BareRepo, type WorkTree } from '../rig/git.ts';

export interface StatusBench {
  readonly seconds: number;
  readonly instances: number;
  readonly over: 'file' | 'http';
  readonly branches: 'own' | 'shared';
}

export interface StatusFigures {
  /** From a change to the server's answer that its commit is on the branch, sorted, in milliseconds. */
  readonly landedMs: readonly number[];
  readonly changes: number;
  /** Changes whose commit is on no branch. */
  readonly lost: number;
  /** Updates of a status branch that did not continue what was there. */
  readonly forced: number;
  readonly sourcePushes: number;
  readonly sourceLost: number;
}

const COMMITS_PER_MINUTE = 30;
const SOURCE_PUSHES_PER_SECOND = 2;
const APPLICATIONS = 20;
const never = new AbortController().signal;

const conditions = (ready: boolean): ApplicationReport['conditions'] => [
  { type: 'Ready', status: ready ? 'True' : 'False', reason: ready ? 'ReconcileSuccess' : 'WorkflowRunning', message: '' },
  { type: 'Reconciling', status: ready ? 'False' : 'True', reason: ready ? 'ReconcileSuccess' : 'WorkflowRunning', message: '' },
  { type: 'Stalled', status: 'False', reason: 'ReconcileSuccess', message: '' },
];

/** What an instance reports after its n-th change: another application has moved on. */
function reportOf(instance: number, n: number, sha: string): Report {
  const applications = Array.from({ length: APPLICATIONS }, (_, i): ApplicationReport => {
    const change = n - ((n - i + APPLICATIONS) % APPLICATIONS);
    return {
      namespace: `team-${instance}`,
      name: `app-${i}`,
      path: `apps/app-${i}.yaml`,
      phase: change % 2 === 0 ? 'running' : 'runningWorkflow',
      conditions: conditions(change % 2 === 0),
      appliedRevision: sha,
      author: 'Ada <ada@example.com>',
      services: [],
      journal: null,
      objects: ['web', 'db'].map((name) => ({
        key: { cluster: 'local', apiVersion: 'apps/v1', kind: 'Deployment', namespace: `team-${instance}`, name: `${name}-${i}` },
        health: 'Current',
        message: `change ${change}`,
        drift: [],
        fault: null,
      })),
      latestRevision: `app-${i}-v${change}`,
      diagnostics: [],
      fault: null,
      retryAfterMs: null,
    };
  });
  return {
    revision: { sha, branch: 'main', author: 'Ada <ada@example.com>', subject: '' },
    applications,
    objects: [],
    clusters: [],
    initializers: [],
    leaving: [],
    diagnostics: [],
    fault: null,
  };
}

interface Landed {
  readonly marker: string;
  readonly ms: number;
}

/** One daemon: a change every two seconds, each its own commit, one after another as the daemon has them. */
async function instance(number: number, source: Source, endMs: number): Promise<readonly Landed[]> {
  const clock = systemClock();
  const everyMs = 60_000 / COMMITS_PER_MINUTE;
  const landed: Landed[] = [];
  const waiting: { readonly marker: string; readonly changedMs: number }[] = [];
  let known: KnownFiles = await source.statusFiles(never);
  let sha = (await source.fetch(never)).sha;
  const beginMs = clock.now() + clock.random() * everyMs;
  for (let n = 1; beginMs + n * everyMs < endMs; n += 1) {
    const changedMs = beginMs + n * everyMs;
    await clock.sleep(Math.max(0, changedMs - clock.now()));
    const published = publish(reportOf(number, n, sha), known);
    if (published === null) throw new Error('a change that changes nothing');
    const marker = `${number}-${n}`;
    waiting.push({ marker, changedMs });
    // What could not be pushed goes with the next one.
    const isPushed = await source.commit({ ...published.commit, trailers: [...published.commit.trailers, ['Bench', marker]] }, never).then(
      () => true,
      () => false,
    );
    if (isPushed) landed.push(...waiting.splice(0).map((item) => ({ marker: item.marker, ms: clock.now() - item.changedMs })));
    known = published.files;
    // Now and then it looks for a new commit, as its interval or a hook has it do.
    if (n % 3 === 0) sha = (await source.fetch(never)).sha;
  }
  return [...landed, ...waiting.map(({ marker }) => ({ marker, ms: Infinity }))];
}

/** People push the source branch; nobody's push may fail for the status. */
async function people(work: WorkTree, endMs: number): Promise<number> {
  const clock = systemClock();
  const beginMs = clock.now();
  let pushed = 0;
  for (; clock.now() < endMs; pushed += 1) {
    await work.commit({ 'apps/app.yaml': `# ${pushed}\n` }, `change ${pushed}`);
    await work.push();
    await clock.sleep(Math.max(0, beginMs + ((pushed + 1) * 1000) / SOURCE_PUSHES_PER_SECOND - clock.now()));
  }
  return pushed;
}

/** Runs the bench once. It asserts nothing: the figures tell. */
export async function benchStatusOnce(options: StatusBench): Promise<StatusFigures> {
  await using directory = await temporaryDirectory();
  const bare = await bareRepo(join(directory.path, 'origin.git'));
  await bare.git('config', 'core.logAllRefUpdates', 'always');
  await using server = options.over === 'http' ? await httpGitServer({ root: directory.path }) : null;
  const work = await workTree(join(directory.path, 'work'), bare.path);
  await work.commit({ 'apps/app.yaml': '# none\n' });
  await work.push();
  const branchOf = (i: number): string => (options.branches === 'own' ? `lateen-status-${i}` : 'lateen-status');
  await using stack = new AsyncDisposableStack();
  const redactor = { learn: () => {}, learnSecret: () => {}, text: (text: string) => text };
  const sources = await Promise.all(
    Array.from({ length: options.instances }, async (_, i) =>
      stack.use(
        await openSource(
          {
            url: server === null ? bare.path : server.url('origin.git'),
            branch: 'main',
            statusBranch: branchOf(i),
            workDir: join(directory.path, `daemon-${i}`),
            environment: process.env,
            allowedSchemes: ['file', 'http'],
          },
          { clock: systemClock(), redactor },
        ),
      ),
    ),
  );
  const endMs = Date.now() + options.seconds * 1000;
  const [sourcePushes, ...landed] = await Promise.all([people(work, endMs), ...sources.map((source, i) => instance(i, source, endMs))]);
  const all = landed.flat();
  const branches = [...new Set(sources.map((_source, i) => branchOf(i)))];
  const there = new Set(
    (await Promise.all(branches.map((branch) => bare.git('log', '--format=%(trailers:key=Bench,valueonly,separator=%x2C)', branch)))).flatMap((text) =>
      text.split('\n'),
    ),
  );
  return {
    landedMs: all.map(({ ms }) => ms).toSorted((a, b) => a - b),
    changes: all.length,
    lost: all.filter(({ marker }) => !there.has(marker)).length,
    forced: (await Promise.all(branches.map((branch) => forcedUpdates(bare, branch)))).reduce((sum, count) => sum + count, 0),
    sourcePushes,
    sourceLost: sourcePushes + 1 - Number(await bare.git('rev-list', '--count', 'main')),
  };
}

/** The server's own record of a branch, held against its history: each update must stand in it, and behind the one before. */
async function forcedUpdates(bare: BareRepo, branch: string): Promise<number> {
  const updates = (await bare.git('reflog', 'show', '--format=%H', `refs/heads/${branch}`)).trim().split('\n');
  const history = (await bare.git('rev-list', '--first-parent', branch)).trim().split('\n');
  const places = new Map(history.map((sha, i) => [sha, i]));
  return updates.filter((sha, i) => !places.has(sha) || (i > 0 && (places.get(sha) ?? 0) <= (places.get(updates[i - 1] ?? '') ?? -1))).length;
}

const percentile = (sorted: readonly number[], share: number): string =>
  `${((sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0) / 1000).toFixed(2)} s`;

/** The bench, printed. */
export async function benchStatus(options: StatusBench, say: (what: string, figure: string) => void): Promise<void> {
  const { landedMs, changes, lost, forced, sourcePushes, sourceLost } = await benchStatusOnce(options);
  const title = `Status: ${options.instances} daemons, ${options.branches === 'own' ? 'a branch each' : 'one branch'}`;
  say(`${title}: change to landed, p50 / p90 / p99 / most`, [0.5, 0.9, 0.99, 1].map((share) => percentile(landedMs, share)).join(' / '));
  say(`${title}: in ${options.seconds} s`, `${changes} commits, ${lost} lost, ${forced} forced; ${sourcePushes} source pushes, ${sourceLost} lost`);
}
