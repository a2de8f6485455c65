/**
 * Plans of refs: how long until the plan of a pushed ref stands on the status branch, of 200 Applications. The daemon's own
 * parts without a hub: real git, the real evaluator, a fresh memory each time. And the same on the command line, cold.
 *
 *   npm run bench -- plan [--applications 200]
 *
 * Half of the Applications are one component with a trait, half have two environments of KubeVela 1.1 with a patch each.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { openApprovals } from '../../daemon/approvals.ts';
import type { Log } from '../../daemon/lib/log.ts';
import { createRedactor } from '../../daemon/lib/redact.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import { openRefPlans, type RefPlans } from '../../daemon/ref-plans.ts';
import { openCue, type Cue } from '../../daemon/render/cue/cue.ts';
import { templateOf } from '../../daemon/render/definitions.ts';
import { readPack } from '../../daemon/render/pack.ts';
import { openSource, type Source } from '../../daemon/source/source.ts';
import { repoWithWorkTree, temporaryDirectory, type WorkTree } from '../rig/git.ts';

type Say = (what: string, figure: string) => void;

/** What a commit makes of the Applications. */
interface Change {
  /** How many have it. */
  readonly count: number;
  readonly image?: string;
  readonly replicas?: number;
  readonly staging?: string;
  /** Of the definition that all use. */
  readonly template?: string;
}

const never = new AbortController().signal;
const silent: Log = {
  debug: () => {},
  info: () => {},
  warn: (message, fields) => console.error(message, fields),
  error: (message, fields) => console.error(message, fields),
  child: () => silent,
};

function application(i: number, { image = '1', replicas = 2, staging = 'a' }: Omit<Change, 'count'>): string {
  const plain = `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: app-${i}, namespace: bench}
spec:
  components:
  - name: web-${i}
    type: site
    properties:
      image: "nginx:${image}"
      ports: [{port: 80}]
      env:
      - {name: NUMBER, value: "${i}"}
    traits:
    - type: scaler
      properties: {replicas: ${replicas}}
`;
  const patch = (name: string, tag: string): string => `      - name: ${name}
        placement: {clusterSelector: {name: ${name}}}
        patch:
          components:
          - name: web-${i}
            type: site
            properties: {env: [{name: STAGE, value: "${tag}"}]}
`;
  if (i % 2 === 0) return plain;
  return `${plain}  policies:
  - name: envs-${i}
    type: env-binding
    properties:
      engine: ocm
      envs:
${patch('staging', staging)}${patch('prod', 'p')}  workflow:
    steps:
    - {name: staging, type: deploy2env, properties: {policy: envs-${i}, env: staging}}
    - {name: prod, type: deploy2env, properties: {policy: envs-${i}, env: prod}}
`;
}

const CONFIG = 'plan:\n  refs: ["refs/pull/*/head"]\n';

async function files(count: number, change: Change): Promise<Readonly<Record<string, string>>> {
  const object = (await readPack()).get('1.10')?.get('ComponentDefinition/webservice');
  const spec = object?.['spec'] as { schematic: { cue: { template: string } } };
  const template =
    change.template === undefined
      ? spec.schematic.cue.template
      : spec.schematic.cue.template.replace('"app.oam.dev/component": context.name', `"app.oam.dev/component": context.name\n"bench": "${change.template}"`);
  const definition = { ...object, metadata: { name: 'site', namespace: 'bench' }, spec: { ...spec, schematic: { cue: { template } } } };
  const applications = Array.from({ length: count }, (_, i) => [`apps/${i}.yaml`, application(i, i < change.count ? change : {})] as const);
  return { 'lateen.yaml': CONFIG, 'site.json': JSON.stringify(definition), ...Object.fromEntries(applications) };
}

interface Daemon extends AsyncDisposable {
  readonly source: Source;
  readonly cue: Cue;
  readonly plans: RefPlans;
}

/** The parts of a daemon that plan, with evaluators past their slow first calls, as a pass leaves them. */
async function daemon(directory: string, name: string): Promise<Daemon> {
  await using stack = new AsyncDisposableStack();
  const clock = systemClock();
  const source = stack.use(
    await openSource(
      {
        url: join(directory, 'origin.git'),
        branch: 'main',
        statusBranch: `lateen-status-${name}`,
        workDir: join(directory, name),
        environment: process.env,
        allowedSchemes: ['file'],
      },
      { clock, redactor: createRedactor() },
    ),
  );
  const cue = stack.use(openCue({ clock }));
  const pack = await readPack();
  const template = templateOf(pack.get('1.10')?.get('ComponentDefinition/webservice'));
  await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      cue.renderComponent({
        dialect: '1.10',
        component: { name: 'warm', type: 'webservice', template },
        parameter: { image: `warm:${i}`, ports: [{ port: 80 }] },
        context: { name: 'warm', namespace: 'bench', appName: 'warm' },
        traits: [],
      }),
    ),
  );
  const plans = openRefPlans(
    {
      repo: source,
      commit: (commit, signal) => source.commit(commit, signal),
      clock,
      log: silent,
      given: {},
      cue,
      idleEvaluators: () => cue.figures().free,
      pack,
      instance: '',
      budget: { countMax: 20, shareMax: 0.5 },
      drift: 'any',
      cloudPlan: () => [],
      approvals: openApprovals({
        repo: { tree: (revision, signal) => source.planTree(revision, signal), broughtBy: source.broughtBy },
        clock,
        approvers: null,
      }),
    },
    never,
  );
  const owned = stack.move();
  return { source, cue, plans, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Pushes a ref with this change, and waits for its plan. Milliseconds from the end of the push. */
async function planned(
  work: WorkTree,
  { source, plans }: Daemon,
  number: number,
  statusBranch: string,
  content: Readonly<Record<string, string>>,
): Promise<{ readonly ms: number; readonly cpuMs: number; readonly text: string }> {
  await offer(work, `refs/pull/${number}/head`, content);
  const [from, cpu] = [performance.now(), process.cpuUsage()];
  plans.look(await source.fetch(never));
  await plans.idle();
  const ms = performance.now() - from;
  const { user, system } = process.cpuUsage(cpu);
  await work.git('fetch', '--quiet', 'origin', statusBranch);
  return { ms, cpuMs: (user + system) / 1000, text: await work.git('show', `FETCH_HEAD:plans/pull/${number}/head.md`) };
}

async function offer(work: WorkTree, ref: string, content: Readonly<Record<string, string>>): Promise<string> {
  await work.git('checkout', '--quiet', '--detach', 'main');
  const sha = await work.commit(content, `offer ${ref}`);
  await work.git('push', '--quiet', '--force', 'origin', `HEAD:${ref}`);
  await work.git('checkout', '--quiet', 'main');
  return sha;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** The bench, printed. */
export async function benchPlan(count: number, say: Say): Promise<void> {
  await using directory = await temporaryDirectory();
  const { work } = await repoWithWorkTree(directory.path);
  await work.commit(await files(count, { count: 0 }));
  await work.push();
  const cases: readonly (readonly [string, Change])[] = [
    ['one changed', { count: 1, image: '2' }],
    ['all changed in one field', { count, image: '2' }],
    ['all changed in three fields', { count, image: '2', replicas: 3, staging: 'b' }],
    ['the definition changed that all use', { count: 0, template: '2' }],
  ];
  for (const [i, [name, change]] of cases.entries()) {
    await using fresh = await daemon(directory.path, `d${i}`);
    const before = fresh.cue.figures().calls;
    const first = await planned(work, fresh, 2 * i, `lateen-status-d${i}`, await files(count, change));
    const calls = fresh.cue.figures().calls - before;
    const again = await planned(
      work,
      fresh,
      2 * i + 1,
      `lateen-status-d${i}`,
      await files(count, { ...change, ...(change.image === undefined ? {} : { image: '3' }), ...(change.template === undefined ? {} : { template: '3' }) }),
    );
    say(
      `plan: ${count} Applications, ${name}: first, next`,
      `${seconds(first.ms)}, ${seconds(again.ms)} (${seconds(first.cpuMs)}, ${seconds(again.cpuMs)} of CPU; ${calls}, ${fresh.cue.figures().calls - before - calls} evaluations; ${first.text.length} characters)`,
    );
    // Who starts anew plans all that it finds.
    await work.git('push', '--quiet', 'origin', `:refs/pull/${2 * i}/head`, `:refs/pull/${2 * i + 1}/head`);
  }
  for (const [name, change] of [cases[0], cases[2]].filter((item) => item !== undefined)) {
    const sha = await offer(work, 'refs/heads/offered', await files(count, change));
    const from = performance.now();
    const done = await run([
      'plan',
      '--repo',
      join(directory.path, 'origin.git'),
      '--base',
      'main',
      '--head',
      sha,
      '--offline',
      '--output',
      'json',
      '--work-dir',
      join(directory.path, `cli-${change.count}`),
    ]);
    say(`plan: ${count} Applications, ${name}: the command line, cold`, `${seconds(performance.now() - from)} (exit code ${done})`);
  }
}

function run(args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(import.meta.dirname, '..', '..', 'daemon', 'main.ts'), ...args], {
      maxBuffer: 1 << 30,
      env: { ...process.env, KUBECONFIG: '' },
    });
    child.stderr?.pipe(process.stderr);
    child.stdout?.resume();
    child.on('close', (code) => resolve(code ?? -1));
  });
}
