/** What a newcomer runs first, as a newcomer runs it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { useLab } from '../lab/lab.ts';
import { temporaryDirectory } from '../rig/git.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TUTORIAL = join(ROOT, '..', 'shared', 'cases', 'tutorial');
/** Processes end a moment after who started them. */
const ENDING_MS = 10_000;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** Keys of somebody's own account: they must reach nothing that the demo starts. */
const OWN_KEYS = { ALICLOUD_ACCESS_KEY: 'LTAIsomebodysOwnKey', ALICLOUD_SECRET_KEY: 'somebodys-own-secret', ALICLOUD_SECURITY_TOKEN: 'somebodys-own-token' };

/** Runs `npm run demo -- ARGS` with a directory of its own for what it leaves behind. */
const demo = (directory: string, args: readonly string[]): Promise<Ended> => run(directory, 'npm', ['run', '-s', 'demo', '--', ...args], () => {});

/** Runs a command to its end; `onOut` sees all that was printed so far, and may interrupt. */
async function run(directory: string, command: string, args: readonly string[], onOut: (out: string, interrupt: () => void) => void): Promise<Ended> {
  const child = spawn(command, [...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...OWN_KEYS, TMPDIR: directory, NO_COLOR: '1' },
  });
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    onOut(out, () => {
      child.kill('SIGINT');
    });
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const { promise, resolve } = Promise.withResolvers<Ended>();
  child.once('close', (code) => {
    resolve({ code, out, errors });
  });
  return promise;
}

/** Command lines of processes that name a directory: control planes, the daemon, the cloud's clusters. */
async function processesIn(directory: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(join('/proc', pid, 'cmdline'), 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(directory)).map((line) => line.replaceAll('\0', ' '));
}

/** What the demo left: files in its directory (npm and Node keep their own things there), and processes. */
async function leftIn(directory: string): Promise<readonly string[]> {
  const until = Date.now() + ENDING_MS;
  while (Date.now() < until && (await processesIn(directory)).length > 0) await sleep(200);
  return [...(await readdir(directory)).filter((name) => name.startsWith('lateen-')), ...(await processesIn(directory))];
}

/** Titles of the sections that were printed, each with its text. */
function sections(out: string): ReadonlyMap<string, string> {
  return new Map(
    out
      .split(/\n\n(?=kubectl get |On |git log |git show )/)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
  );
}

/** The lines that tell of something, without their times: `applied Deployment shop/catalog`. */
const told = (out: string): readonly string[] => out.split('\n').flatMap((line) => /^ *\d+\.\d s {2}(\S.*)$/.exec(line)?.[1]?.replace(/ {2,}/, ' ') ?? []);

/** What both stories come to: a cluster that was made, registered and delivered to. */
function assertCluster(out: string): void {
  const shown = sections(out);
  assert.match(shown.get('kubectl get initializers -A') ?? '', /^vela-system +managed-cluster +success +\S+$/m);
  assert.match(shown.get('kubectl get managedclusters') ?? '', /^poc-01 +true +https:\S+ +True +True +\S+$/m);
  assert.match(shown.get('kubectl get applications -A') ?? '', /^default +workflow-demo +podinfo-server +webservice +running +true /m);
  assert.match(
    shown.get('On poc-01: kubectl get deployments,services -l app.oam.dev/name -A') ?? '',
    /^default +podinfo-server +1\/1 [^]*^default +podinfo-server +LoadBalancer +\S+ +203\.0\.113\.\d+ +9898:/m,
  );
  const progress = told(out).filter((line) => line.startsWith('cloud '));
  const stages = [
    / VPC \S+ is being made/,
    / vSwitch \S+ is being made/,
    / creating cluster poc-01: asked for/,
    / creating cluster poc-01: initial, /,
    /ack-worker: done/,
  ].map((stage) => progress.findIndex((line) => stage.test(line)));
  assert.deepEqual(
    stages,
    stages.toSorted((a, b) => a - b),
    progress.join('\n'),
  );
  assert.ok(!stages.includes(-1), progress.join('\n'));
  // How many commits tell of the way is a matter of pace; the last of them tell where it led.
  assert.match(shown.get('git log --oneline lateen-status') ?? '', /^[0-9a-f]+ .*(?:default\/workflow-demo: running on poc-01|applications: )/m);
  for (const key of Object.values(OWN_KEYS)) assert.doesNotMatch(out, new RegExp(key));
}

test('the demo delivers the sample repository, shows what came of it, ends with 0 and leaves nothing behind', async () => {
  await using directory = await temporaryDirectory();
  const { code, out, errors } = await demo(directory.path, ['--exit']);
  assert.equal(code, 0, `${out}\n${errors}`);
  for (const word of ['pushed', 'rendered', 'applied', 'waiting', 'running', 'initializer', 'status commit', 'done'])
    assert.ok(
      told(out).some((line) => line.startsWith(`${word} `)),
      word,
    );
  const shown = sections(out);
  assert.match(
    shown.get('kubectl get applications -A') ?? '',
    /^NAMESPACE +NAME +COMPONENT +TYPE +PHASE +HEALTHY +STATUS +AGE\n[^]*^hello +hello +hello +webservice +running +true [^]*^shop +shop +catalog +webservice +running +true /m,
  );
  assert.match(shown.get('kubectl get deployments -l app.oam.dev/name -A') ?? '', /^shop +frontend +2\/2 +2 +2 /m);
  assert.match(shown.get('kubectl get services -l app.oam.dev/name -A') ?? '', /^shop +frontend +LoadBalancer +\S+ +203\.0\.113\.\d+ /m);
  assert.match(shown.get('kubectl get resourcetrackers') ?? '', /^shop-v1-shop +versioned +shop +shop +1$/m);
  assert.match(shown.get('git show --stat lateen-status') ?? '', /^ {4}Source-Commit: [0-9a-f]{40}$[^]*^ applications\/.+\.yaml /m);
  assert.match(shown.get('git show lateen-status:applications/shop/shop.yaml') ?? '', /^phase: running$/m);
  assertCluster(out);
  assert.deepEqual(await leftIn(directory.path), []);
});

test(
  "KubeVela's tutorial as it was published goes the same way",
  { skip: existsSync(TUTORIAL) ? false : 'the folder of recorded cases is absent, skipped' },
  async () => {
    await using directory = await temporaryDirectory();
    const documents = join(directory.path, 'tutorial');
    await cp(TUTORIAL, documents, { recursive: true });
    const { code, out, errors } = await demo(directory.path, ['--exit', '--repo', documents]);
    assert.equal(code, 0, `${out}\n${errors}`);
    assertCluster(out);
    // The placeholder is told where it stands, and what it was filled with.
    assert.match(out, / finding +initializers\/init-managed-cluster\.yaml:33:29: load\/reference: .*hub's own address https:/);
    assert.deepEqual(await leftIn(directory.path), []);
  },
);

test("on a cluster of one's own nothing of the cloud is asked for, which is said before anything happens, and the way back is printed", async () => {
  await using directory = await temporaryDirectory();
  const lab = await useLab(['hub']);
  try {
    const { hub } = lab.planes;
    const { code, out, errors } = await demo(directory.path, ['--exit', '--kubeconfig', hub.kubeconfig]);
    assert.equal(code, 0, `${out}\n${errors}`);
    assert.match(
      told(out)[0] ?? '',
      /^cloud clusters, definitions\/steps, apps\/podinfo of the sample are left out: .*Keys of a cloud in the environment are not used\.$/,
    );
    assert.match(sections(out).get('kubectl get applications -A') ?? '', /^shop +shop +catalog +webservice +running +true /m);
    assert.deepEqual(
      (await hub.client.list('secrets/vela-system')).filter(({ type }) => type === 'Opaque').map(({ metadata }) => metadata.name),
      [],
      'no keys of anybody',
    );
    assert.deepEqual(
      (await hub.client.list('configurations.terraform.core.oam.dev')).map(({ metadata }) => metadata.name),
      [],
    );
    assert.match(out, /^ {2}kubectl delete namespace (?:hello shop|shop hello)$/m);
    assert.deepEqual(await leftIn(directory.path), []);
  } finally {
    await lab.stop();
  }
});

test('what cannot end well is said before anything is built or started', async () => {
  await using directory = await temporaryDirectory();
  const empty = join(directory.path, 'empty');
  await mkdir(join(empty, '.git'), { recursive: true });
  await writeFile(join(empty, '.git', 'config.json'), '{}');
  for (const [args, words] of [
    [['--repo', join(directory.path, 'nowhere')], /^demo: --repo: there is no directory \S+nowhere$/m],
    [['--repo', empty], /^demo: --repo: \S+empty has no documents/m],
    [['--kubeconfig', join(directory.path, 'nowhere')], /^demo: --kubeconfig: \S+nowhere cannot be read$/m],
    [['--exitt'], /^demo: Unknown option '--exitt'/m],
  ] as const) {
    const end = await demo(directory.path, args);
    assert.deepEqual([end.code, words.test(end.errors), end.out], [2, true, ''], end.errors + end.out);
  }
});

test('a mistake in the documents is shown with its line, the rest is delivered, and the demo ends with 1', async () => {
  await using directory = await temporaryDirectory();
  const documents = join(directory.path, 'documents');
  await mkdir(documents);
  const app = (name: string, type: string): string =>
    `apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: ${name}\nspec:\n  components:\n    - name: ${name}\n      type: ${type}\n      properties:\n        image: nginx:1.29\n`;
  await writeFile(join(documents, 'good.yaml'), app('good', 'webservice'));
  await writeFile(join(documents, 'bad.yaml'), app('bad', 'webservise'));
  const { code, out, errors } = await demo(directory.path, ['--exit', '--repo', documents]);
  assert.equal(code, 1, `${out}\n${errors}`);
  assert.match(out, / finding +bad\.yaml:8:\d+: render\/unknown-type: .*webservice/);
  assert.match(sections(out).get('kubectl get applications -A') ?? '', /^default +good +good +webservice +running +true /m);
  assert.deepEqual(await leftIn(directory.path), []);
});

test('without --exit it says what to try next, stays, and Ctrl-C ends everything', async () => {
  await using directory = await temporaryDirectory();
  let isEnding = false;
  // Without npm between: it makes another exit code of an interruption.
  const { code, out, errors } = await run(directory.path, process.execPath, [join(ROOT, 'test', 'demo', 'demo.ts')], (text, interrupt) => {
    if (isEnding || !text.includes('Until Ctrl-C')) return;
    isEnding = true;
    interrupt();
  });
  assert.equal(code, 0, `${out}\n${errors}`);
  assert.match(out, /^ {2}cd \S+\/repository$/m);
  assert.match(out, /^ {2}sed -i 's\/replicas: 2\/replicas: 3\/' apps\/shop\/app\.yaml$/m);
  assert.match(out, /^ {2}KUBECONFIG=\S+\/poc-01\.kubeconfig kubectl get /m);
  assert.match(out, /^ {2}git pull -q && git rm -r clusters apps\/podinfo && /m);
  assert.match(out, /^ {2}npm run -s lateen -- approve delete Initializer vela-system\/managed-cluster --repo \S+\/repository --unsigned --push$/m);
  assert.deepEqual(await leftIn(directory.path), []);
});
