/**
 * `npm run bench`: figures and ratios of runs side by side, on one lab hub. Prints, asserts nothing: speed is not a test.
 *
 *   npm run bench [-- cue pass apply members status plan] [--applications 200] [--members 20] [--seconds 120] [--over file|http]
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../../daemon/config.ts';
import { mapLimit } from '../../daemon/lib/queue.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import { LOCAL, keyOf, type KubeObject } from '../../daemon/model/object.ts';
import { PLAIN_RULES } from '../../daemon/model/plan.ts';
import { pass, type PassResult } from '../../daemon/pass.ts';
import { settlementOf } from '../../daemon/loop.ts';
import { openCue } from '../../daemon/render/cue/cue.ts';
import { readPack } from '../../daemon/render/pack.ts';
import { stamp } from '../../daemon/lib/stamp.ts';
import { wire } from '../../daemon/wire.ts';
import { wireBase } from '../../daemon/wire-base.ts';
import { useLab, type ControlPlane } from '../lab/lab.ts';
import { registerMembers } from '../rig/members.ts';
import { benchPlan } from './plan.ts';
import { benchStatus } from './status.ts';

const PARTS = ['cue', 'pass', 'apply', 'members', 'status', 'plan'];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    applications: { type: 'string', default: '200' },
    only: { type: 'string' },
    members: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '120' },
    instances: { type: 'string', default: '5' },
    over: { type: 'string', default: 'http' },
    branches: { type: 'string', default: 'own' },
  },
});
const COUNT = Number(values.applications);
const MEMBERS = Number(values.members);
const only = new Set(values.only?.split(',') ?? (positionals.length > 0 ? positionals : PARTS));
const never = new AbortController().signal;
const say = (what: string, figure: string): void => console.log(`${what.padEnd(62)} ${figure}`);
const ms = (from: number): number => performance.now() - from;
const seconds = (value: number): string => `${(value / 1000).toFixed(2)} s`;
const rssMiB = (): string => `${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`;

async function benchCue(): Promise<void> {
  await using cue = openCue({ clock: systemClock() });
  const pack = (await readPack()).get('1.10');
  const webservice = pack?.get('ComponentDefinition/webservice')?.['spec'] as { schematic: { cue: { template: string } } };
  const request = (template: string, image: string) => ({
    dialect: '1.10' as const,
    component: { name: 'web', type: 'webservice', template },
    parameter: { image, ports: [{ port: 80, expose: true }] },
    context: { name: 'web', namespace: 'default', appName: 'app' },
    traits: [],
  });
  const start = performance.now();
  await cue.renderComponent(request('output: {apiVersion: "v1", kind: "X"}', 'a'));
  say('CUE: first evaluation, evaluator started', `${ms(start).toFixed(0)} ms`);
  for (const [name, template] of [
    ['a small template', 'output: {apiVersion: "v1", kind: "X", spec: image: parameter.image}'],
    ['webservice', webservice.schematic.cue.template],
  ] as const) {
    const from = performance.now();
    await mapLimit(
      Array.from({ length: 200 }, (_, i) => i),
      8,
      (i) => cue.renderComponent(request(template, `image:${i}`)),
      never,
    );
    say(`CUE: 200 different evaluations of ${name}`, `${(ms(from) / 200).toFixed(2)} ms each, ${(200_000 / ms(from)).toFixed(0)}/s`);
    const again = performance.now();
    await mapLimit(
      Array.from({ length: 200 }, (_, i) => i),
      8,
      (i) => cue.renderComponent(request(template, `image:${i}`)),
      never,
    );
    say(`CUE: the same again, cached`, `${((ms(again) / 200) * 1000).toFixed(0)} us each, ${(200_000 / ms(again)).toFixed(0)}/s`);
  }
}

const application = (i: number, image: string): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: app-${i}, namespace: bench}
spec:
  components:
  - name: web-${i}
    type: webservice
    properties: {image: "${image}", ports: [{port: 80}]}
`;

function git(cwd: string, ...args: string[]): void {
  execFileSync('git', args, {
    cwd,
    stdio: 'ignore',
    env: {
      ...process.env,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_AUTHOR_NAME: 'b',
      GIT_AUTHOR_EMAIL: 'b@example.com',
      GIT_COMMITTER_NAME: 'b',
      GIT_COMMITTER_EMAIL: 'b@example.com',
    },
  });
}

/** A bare repository with a namespace in it, and a work tree to push from. */
function repository(): { readonly directory: string; readonly work: string; readonly push: (message: string) => void } {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-bench-'));
  const work = join(directory, 'work-tree');
  mkdirSync(join(work, 'apps'), { recursive: true });
  git(directory, 'init', '-q', '--bare', '-b', 'main', join(directory, 'repo.git'));
  git(directory, 'init', '-q', '-b', 'main', work);
  const push = (message: string): void => {
    git(work, 'add', '-A');
    git(work, 'commit', '-q', '-m', message);
    git(work, 'push', '-q', join(directory, 'repo.git'), 'main');
  };
  writeFileSync(join(work, 'ns.yaml'), 'apiVersion: v1\nkind: Namespace\nmetadata: {name: bench}\n');
  push('namespace');
  return { directory, work, push };
}

interface Daemon extends AsyncDisposable {
  /** Fetches and passes over the newest commit. */
  readonly one: () => Promise<PassResult>;
  /** Effects so far. */
  readonly writes: () => number;
}

/** The daemon as `run` has it, warm: its first pass is over. */
async function start(hub: ControlPlane, directory: string): Promise<Daemon> {
  const base = await wireBase(
    readConfig({ repo: join(directory, 'repo.git'), kubeconfig: hub.kubeconfig, workDir: join(directory, 'state'), logLevel: 'error' }),
  );
  let writes = 0;
  const wired = await wire(base, {
    writes: true,
    leaseWaitMs: 0,
    onLost: () => {},
    onChange: () => {},
    decorate: (effects) => ({
      run: (kind, subject, effect) => {
        writes += kind === 'lease' ? 0 : 1;
        return effects.run(kind, subject, effect);
      },
    }),
  });
  const stop = new AbortController();
  await Promise.all([wired.warmUp(), wired.begin(stop.signal)]);
  void wired.tendClusters(() => {}, stop.signal);
  const one = async (): Promise<PassResult> =>
    pass(wired.doors, wired.memory, await wired.doors.repo.fetch(stop.signal), { stop: 'end', only: null }, stop.signal);
  await one();
  return {
    one,
    writes: () => writes,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await wired[Symbol.asyncDispose]();
    },
  };
}

async function benchPass(hub: ControlPlane): Promise<void> {
  const { directory, work, push } = repository();
  await using daemon = await start(hub, directory);
  const { one } = daemon;
  for (let i = 0; i < COUNT; i += 1) writeFileSync(join(work, 'apps', `${i}.yaml`), application(i, `nginx:${i}`));
  push('fresh');
  let writes = daemon.writes();
  const fresh = performance.now();
  let result = await one();
  const applied = ms(fresh);
  say(`pass: ${COUNT} fresh Applications, from push to all applied`, `${seconds(applied)}, ${((COUNT / applied) * 1000).toFixed(0)} Applications/s`);
  while (settlementOf(result) === 'moving') result = await one();
  say(`pass: ... to all running, status pushed`, `${seconds(ms(fresh))} (${settlementOf(result)})`);
  say(`pass: ... effects of the daemon`, `${daemon.writes() - writes}`);
  await one();
  writes = daemon.writes();
  const idle: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const from = performance.now();
    await one();
    idle.push(ms(from));
  }
  say(
    `pass: nothing changed, ${COUNT} Applications (median of 5)`,
    `${seconds(idle.sort((a, b) => a - b)[2] ?? 0)}, ${daemon.writes() - writes} effects in all 5`,
  );
  writeFileSync(join(work, 'apps', '0.yaml'), application(0, 'nginx:changed'));
  push('one changed');
  const from = performance.now();
  await one();
  say(`pass: one of ${COUNT} changed, from push to applied`, seconds(ms(from)));
  say('resident memory, evaluators included', rssMiB());
  rmSync(directory, { recursive: true, force: true });
}

/** Ten Applications to each member by topology, delivered by server-side apply without a ManifestWork. */
async function benchMembers(): Promise<void> {
  const names = Array.from({ length: MEMBERS }, (_, i) => `m${i + 1}`);
  const from = performance.now();
  await using lab = await useLab(['hub', ...names], { nodes: false });
  const planeOf = (name: string): ControlPlane => {
    const plane = lab.planes[name];
    if (plane === undefined) throw new Error(`no control plane ${name}`);
    return plane;
  };
  await registerMembers(
    planeOf('hub'),
    names.map((name) => [planeOf(name), { clusterSet: 'all' }] as const),
  );
  say(`members: ${MEMBERS} API servers started and registered`, seconds(ms(from)));
  const { directory, work, push } = repository();
  for (const [i, name] of names.entries()) {
    await planeOf(name).client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bench' } });
    for (let j = 0; j < 10; j += 1)
      writeFileSync(
        join(work, 'apps', `${name}-${j}.yaml`),
        `${application(i * 10 + j, 'nginx:1')}  policies:\n  - {name: place, type: topology, properties: {clusters: [${name}]}}\n`,
      );
  }
  await using daemon = await start(planeOf('hub'), directory);
  push('applications on members');
  const pushed = performance.now();
  const result = await daemon.one();
  const placed = result.report.clusters.reduce((sum, cluster) => sum + cluster.applications.length, 0);
  say(`members: ${MEMBERS * 10} Applications to ${MEMBERS} members, from push to applied`, `${seconds(ms(pushed))} (${placed} placed)`);
  const again = performance.now();
  await daemon.one();
  say(`members: nothing changed`, seconds(ms(again)));
  rmSync(directory, { recursive: true, force: true });
}

async function benchApply(hub: ControlPlane): Promise<void> {
  const base = await wireBase(readConfig({ repo: '.', kubeconfig: hub.kubeconfig, workDir: mkdtempSync(join(tmpdir(), 'lateen-bench-')), logLevel: 'error' }));
  await using wired = await wire(base, { writes: true, leaseWaitMs: 0, onLost: () => {}, onChange: null });
  await wired.begin(never);
  const deployment = (namespace: string, i: number): KubeObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `d-${i}`, namespace, labels: { 'app.oam.dev/name': 'bench' } },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: `d-${i}` } },
      template: { metadata: { labels: { app: `d-${i}` } }, spec: { containers: [{ name: 'c', image: 'nginx', ports: [{ containerPort: 80 }] }] } },
    },
  });
  const rates: Record<string, number[]> = { raw: [], ours: [] };
  for (let round = 0; round < 3; round += 1) {
    for (const way of ['raw', 'ours'] as const) {
      const namespace = `bench-${way}-${round}`;
      await hub.client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      const from = performance.now();
      await mapLimit(
        Array.from({ length: 300 }, (_, i) => i),
        32,
        async (i) => {
          const object = deployment(namespace, i);
          if (way === 'raw') await wired.client.apply(object, { fieldManager: 'raw', force: true }, never);
          else await wired.transport.apply({ key: keyOf(LOCAL, object), object: stamp(object), rules: PLAIN_RULES, live: null, owned: true }, never);
        },
        never,
      );
      rates[way]?.push(300_000 / ms(from));
    }
  }
  const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[1] ?? 0;
  say('apply: raw server-side apply, 300 Deployments, 32 at once', `${median(rates['raw'] ?? []).toFixed(0)} objects/s (median of 3)`);
  say(
    "apply: Lateen's primitive, the same",
    `${median(rates['ours'] ?? []).toFixed(0)} objects/s, ${(median(rates['ours'] ?? []) / median(rates['raw'] ?? [])).toFixed(2)} of raw`,
  );
}

if (only.has('cue')) await benchCue();
if (only.has('pass') || only.has('apply')) {
  await using lab = await useLab(['hub'], {});
  const hub = lab.planes['hub'];
  if (hub === undefined) throw new Error('no hub');
  if (only.has('pass')) await benchPass(hub);
  if (only.has('apply')) await benchApply(hub);
}
if (only.has('members')) await benchMembers();
if (only.has('status'))
  await benchStatus(
    {
      seconds: Number(values.seconds),
      instances: Number(values.instances),
      over: values.over === 'file' ? 'file' : 'http',
      branches: values.branches === 'shared' ? 'shared' : 'own',
    },
    say,
  );
if (only.has('plan')) await benchPlan(COUNT, say);
