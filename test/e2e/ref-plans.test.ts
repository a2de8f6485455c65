// Refs that anybody may have pushed, planned by the real daemon beside its passes: on a local repository and over HTTP.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { symlink } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { useLab, type Lab } from '../lab/lab.ts';
import { openScenario, until, type Scenario } from '../rig/daemon.ts';
import { httpGitServer } from '../rig/git.ts';

let lab: Lab<'hub'>;
before(async () => {
  lab = await useLab(['hub'], { nodes: false });
});
after(() => lab?.stop());

const CONFIG = 'plan:\n  refs: ["refs/pull/*/head", "refs/heads/env/*", "refs/heads/env/*/*", "refs/tags/*"]\n';
const CANARY = 'operators-own-5d21';

const app = (ns: string, name: string, colour: string): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: ${name}, namespace: ${ns}}
spec:
  components:
  - name: settings
    type: k8s-objects
    properties:
      objects:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: ${name}}
        data:
          colour: ${colour}
          region: {{ region }}
`;

const open = (name: string): Promise<Scenario> => openScenario({ name, hub: lab.planes.hub.client, kubeconfig: lab.planes.hub.kubeconfig });

/** Commits these files on top of main and pushes them to a ref. */
async function offer(
  { work }: Scenario,
  ref: string,
  files: Readonly<Record<string, string | null>>,
  prepare: () => Promise<unknown> = () => Promise.resolve(),
): Promise<string> {
  await work.git('checkout', '--quiet', '--detach', 'main');
  await prepare();
  const sha = await work.commit(files);
  await work.git('push', '--quiet', '--force', 'origin', `HEAD:${ref}`);
  await work.git('checkout', '--quiet', '--force', 'main');
  await work.git('clean', '--quiet', '-dff');
  return sha;
}

/** The plan of a commit, when it is there. */
const untilPlan = ({ bare, statusBranch }: Scenario, path: string, sha: string): Promise<string> =>
  until(
    `plan ${path} of ${sha}`,
    async () => {
      const text = await bare.show(statusBranch, path);
      return text !== null && text.startsWith('<!-- lateen plan: ') && text.split('\n')[0]?.includes(sha) === true ? text : undefined;
    },
    60_000,
  );

const plansOf = async ({ bare, statusBranch }: Scenario): Promise<readonly string[]> =>
  (await bare.files(statusBranch)).filter((path) => path.startsWith('plans/'));
const commitsOf = async ({ bare, statusBranch }: Scenario): Promise<readonly string[]> =>
  (await bare.log(statusBranch)).map(({ subject }) => subject).filter((subject) => subject.startsWith('plan'));

suite('a ref that lateen.yaml names', () => {
  test('is planned when it moves, once, beside the status of what runs, and its plan goes with it', async () => {
    await using it = await open('refs');
    const ns = it.namespace;
    await it.push({ 'lateen.yaml': CONFIG, 'shop.yaml': app(ns, 'shop', 'blue') });
    const flags = ['--set', `region=${CANARY}`, '--interval', '1h'];
    await using daemons = new AsyncDisposableStack();
    let daemon = daemons.use(it.run({}, ...flags));
    await it.untilStatus('shop', (status) => status?.['phase'] === 'running', 60_000);
    const sha = await offer(it, 'refs/pull/7/head', {
      'shop.yaml': app(ns, 'shop', 'red'),
      // What it calls a Secret are words of everybody's status.
      'words.json': JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'words', namespace: ns },
        stringData: { a: 'running', b: 'Application', c: 'applications' },
      }),
    });
    const plan = await untilPlan(it, 'plans/pull/7/head.md', sha);
    assert.match(plan, /^<!-- lateen plan: ref refs\/pull\/7\/head head \w{40} base \w{40} -->\n### Plan of/);
    assert.match(plan, /`\/data\/colour`: `"blue"` → `"red"`/);
    // A pass tells after it, and both stand.
    await it.push({ 'shop.yaml': app(ns, 'shop', 'green') });
    const status = await it.untilStatus('shop', (found) => found?.['phase'] === 'running' && JSON.stringify(found).includes('shop-v2'), 60_000);
    assert.equal(status?.['kind'], 'ApplicationStatus', JSON.stringify(status).slice(0, 300));
    assert.deepEqual(await plansOf(it), ['plans/index.yaml', 'plans/pull/7/head.md']);
    const second = await offer(it, 'refs/heads/env/staging', { 'shop.yaml': app(ns, 'shop', 'black') });
    await untilPlan(it, 'plans/heads/env/staging.md', second);
    assert.notEqual(await it.status('shop'), null);
    assert.equal((await it.hub.get(`configmaps/${ns}/shop`)).data?.['colour'], 'green', 'nothing of a plan is carried out');

    // Who starts anew knows what is planned, also with another work directory.
    const before_ = await commitsOf(it);
    await daemon.stop();
    daemon = daemons.use(it.run({}, ...flags, '--work-dir', join(it.directory, 'other')));
    await daemon.untilLog((line) => line.msg === 'new commit');
    const third = await offer(it, 'refs/heads/env/third', { 'shop.yaml': app(ns, 'shop', 'white') });
    await untilPlan(it, 'plans/heads/env/third.md', third);
    assert.deepEqual(await commitsOf(it), ['plan: refs/heads/env/third', ...before_]);

    // Gone, and merged.
    await it.work.git('push', '--quiet', 'origin', ':refs/pull/7/head');
    await it.work.git('merge', '--quiet', '--no-edit', '-X', 'theirs', third);
    await it.work.push();
    await until('the plans that are left', async () => ((await plansOf(it)).length === 2 ? true : undefined), 60_000);
    assert.deepEqual(await plansOf(it), ['plans/heads/env/staging.md', 'plans/index.yaml']);
    const said = await daemon.stop();
    assert.equal(said.stderr.includes(CANARY), false);
    for (const path of await plansOf(it)) assert.equal((await it.bare.show(it.statusBranch, path))?.includes(CANARY), false, path);
  });

  test('learns nothing of what the daemon knows by guessing it, in a field or in its own name', async () => {
    await using it = await open('guess');
    const ns = it.namespace;
    const token = 'summer2026';
    await it.push({ 'lateen.yaml': CONFIG, 'shop.yaml': app(ns, 'shop', token) });
    await using daemon = it.run({ env: { LATEEN_GIT_TOKEN: token } }, '--set', `region=${CANARY}`, '--interval', '1h');
    await it.untilStatus('shop', (status) => status?.['phase'] === 'running', 60_000);
    const wrong = await offer(it, 'refs/heads/env/summer2025', { 'shop.yaml': app(ns, 'shop', 'summer2025') });
    const right = await offer(it, `refs/heads/env/${token}`, {
      'shop.yaml': app(ns, 'shop', 'blue'),
      'own.yaml': app(ns, 'own', token),
      'bad.yaml': `kind: Application\nmetadata: {name: ${token}}\n`,
    });
    const plans = [await untilPlan(it, 'plans/heads/env/summer2025.md', wrong), await untilPlan(it, `plans/heads/env/${token}.md`, right)];
    assert.match(plans[0] ?? '', /`"summer2026"` → `"summer2025"`/);
    assert.match(plans[1] ?? '', /`"summer2026"` → `"blue"`/);
    assert.doesNotMatch(plans.join('\n') + (await it.bare.show(it.statusBranch, 'plans/index.yaml')), /\*\*\*/);
    assert.deepEqual(
      (await commitsOf(it)).filter((subject) => subject.includes('***')),
      [],
    );
    // Whatever else is told, and logged, is masked as ever.
    assert.equal((await daemon.stop()).stderr.includes(token), false);
  });

  test('may be anything: links, submodules, a tag, a blob, an orphan, nothing at all, and is only told of', async () => {
    await using it = await open('odd');
    const ns = it.namespace;
    await it.push({ 'lateen.yaml': CONFIG, 'shop.yaml': app(ns, 'shop', 'blue') });
    const { work } = it;
    const shas: Record<string, string> = {};
    shas['pull/1/head'] = await offer(
      it,
      'refs/pull/1/head',
      {
        '.gitmodules': '[submodule "x"]\n\tpath = sub\n\turl = ext::sh -c "exit 1"\n',
        'lfs.yaml': 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n',
      },
      async () => {
        await symlink('/etc/passwd', join(work.path, 'link.yaml'));
        await symlink('..', join(work.path, 'up'));
        await work.git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},sub`);
      },
    );
    await offer(it, 'refs/heads/side', { 'shop.yaml': app(ns, 'shop', 'tagged') });
    await work.git('tag', '--annotate', '--message', 'x', 'v1', (await it.bare.head('side')) ?? '');
    await work.git('push', '--quiet', 'origin', 'refs/tags/v1', ':refs/heads/side');
    shas['tags/v1'] = (await it.bare.git('rev-parse', 'refs/tags/v1')).trim();
    const blob = (await it.bare.git('rev-parse', 'main:shop.yaml')).trim();
    await it.bare.git('update-ref', 'refs/pull/2/head', blob);
    shas['pull/2/head'] = blob;
    const empty = (
      await it.bare.git('-c', 'user.name=A', '-c', 'user.email=a@example.com', 'commit-tree', '-m', 'nothing', '4b825dc642cb6eb9a060e54bf8d69288fbee4904')
    ).trim();
    await it.bare.git('update-ref', 'refs/pull/3/head', empty);
    shas['pull/3/head'] = empty;
    shas['heads/env/a'] = await offer(it, 'refs/heads/env/a', { 'shop.yaml': app(ns, 'shop', 'one') });
    shas['heads/env/a%2Emd/b'] = await offer(it, 'refs/heads/env/a.md/b', { 'shop.yaml': app(ns, 'shop', 'two') });
    await using _daemon = it.run({}, '--set', `region=${CANARY}`, '--interval', '1h');
    const plans = new Map<string, string>();
    for (const [name, sha] of Object.entries(shas)) plans.set(name, await untilPlan(it, `plans/${name}.md`, sha));
    assert.match(plans.get('pull/1/head') ?? '', /load\/lfs/);
    assert.doesNotMatch(plans.get('pull/1/head') ?? '', /root:|link\.yaml/);
    assert.match(plans.get('tags/v1') ?? '', /"tagged"/);
    assert.match(plans.get('pull/2/head') ?? '', /It could not be planned: `source\/no-commit: refs\/pull\/2\/head points at no commit`/);
    assert.match(plans.get('pull/3/head') ?? '', /It has no commit in common with `main`/);
    assert.match(plans.get('heads/env/a') ?? '', /"one"/);
    assert.match(plans.get('heads/env/a%2Emd/b') ?? '', /"two"/);
    assert.equal((await it.untilStatus('shop', (status) => status?.['phase'] === 'running'))?.['phase'], 'running');
  });

  test('is planned over HTTP when the hook tells of it', async () => {
    await using it = await open('hooked');
    const secret = 'the-hook-knows-this-word';
    await it.push({ 'lateen.yaml': CONFIG, 'shop.yaml': app(it.namespace, 'shop', 'blue') });
    await using remote = await httpGitServer({ root: dirname(it.bare.path) });
    const port = await freePort();
    await using _daemon = it.run(
      { env: { LATEEN_HOOK_SECRET: secret } },
      '--set',
      `region=${CANARY}`,
      '--repo',
      remote.url('origin.git'),
      '--git-schemes',
      'http',
      '--interval',
      '1h',
      '--listen',
      `127.0.0.1:${port}`,
    );
    await it.untilStatus('shop', (status) => status?.['phase'] === 'running', 60_000);
    const sha = await offer(it, 'refs/pull/7/head', { 'shop.yaml': app(it.namespace, 'shop', 'red') });
    const body = JSON.stringify({ ref: 'refs/pull/7/head', after: sha });
    const answer = await fetch(`http://127.0.0.1:${port}/hook`, {
      method: 'POST',
      body,
      headers: {
        'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
        'x-github-delivery': 'd-1',
        'x-github-event': 'push',
      },
    });
    assert.equal(answer.status, 202);
    assert.match(await untilPlan(it, 'plans/pull/7/head.md', sha), /`"blue"` → `"red"`/);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  return port;
}
