// One team's day: a pull request with its plan, its merge, an approval, a change by hand, a revert, a rewritten history and
// a crash; the real daemon on a hub and a member, behind a real Git server that tells of every push, and everything signed.
import assert from 'node:assert/strict';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, suite, test, type TestContext } from 'node:test';
import type { KubeObject, LabClient } from '../lab/client.ts';
import { openScenario, runDaemon, until, type Daemon, type DaemonOptions, type Ended, type Scenario, type StatusFile } from '../rig/daemon.ts';
import {
  findSshd,
  freePort,
  httpGitServer,
  isInstalled,
  signWith,
  sshGitServer,
  sshSigner,
  sshStandIn,
  workTree,
  type HttpGitServer,
  type Signer,
  type WorkTree,
} from '../rig/git.ts';
import { useMembers } from '../rig/members.ts';

const skip = (await isInstalled('ssh-keygen')) ? false : 'NOT RUN: ssh-keygen is not installed';

const SECRET = `hook-${randomBytes(12).toString('hex')}`;
const PAUSE = 'look';
const CONFIG = 'plan: {refs: ["refs/pull/*/head"]}\n';

let lab: Awaited<ReturnType<typeof useMembers<'prod'>>>;
let hub: LabClient;
let prod: LabClient;
let it: Scenario;
let remote: HttpGitServer;
let ada: Signer;
let bob: WorkTree;
let daemon: Daemon;
let runArgs: readonly string[] = [];
/** What was asked for on the clusters before the pull request. */
let beforeMerge: readonly unknown[] = [];
let [added, merge, revert, rewritten] = ['', '', '', ''];

// One story: each test goes on where the one before has ended.
before(async () => {
  if (skip !== false) return;
  lab = await useMembers({ prod: {} });
  hub = lab.planes.hub.client;
  prod = lab.planes.prod.client;
  it = await openScenario({ name: 'day', hub, kubeconfig: lab.planes.hub.kubeconfig });
  await prod.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: it.namespace } });
  ada = await sshSigner(it.directory, 'ada');
  const robot = await sshSigner(it.directory, 'robot');
  const file = (name: string): string => join(it.directory, name);
  await writeFile(file('allowed'), `ada@example.com ${ada.publicKey}\n`);
  await writeFile(file('robots'), `lateen@localhost ${robot.publicKey}\n`);
  await writeFile(file('approvers.yaml'), 'approvers: [{who: ada@example.com}]\n');
  remote = await httpGitServer({ root: dirname(it.bare.path) });
  const port = await freePort();
  remote.onPush = () => callHook(port);
  await it.work.git('remote', 'set-url', 'origin', remote.url('origin.git'));
  for (const [key, value] of Object.entries({ 'user.name': 'Ada', 'user.email': 'ada@example.com', 'push.default': 'current' }))
    await it.work.git('config', key, value);
  await signWith(it.work, ada);
  await it.push({ 'lateen.yaml': CONFIG }, 'Begin');
  bob = await workTree(file('bob'), remote.url('origin.git'));
  runArgs = [
    '--repo',
    remote.url('origin.git'),
    '--git-schemes',
    'http',
    '--verify-commits',
    'head',
    '--allowed-signers',
    file('allowed'),
    '--approvers',
    file('approvers.yaml'),
    '--status-signing-key',
    file('robot'),
    '--listen',
    `127.0.0.1:${port}`,
    '--interval',
    '10m',
    '--log-level',
    'debug',
  ];
  daemon = await start();
});
after(async () => {
  await daemon?.kill();
  await remote?.[Symbol.asyncDispose]();
  await it?.[Symbol.asyncDispose]();
  await lab?.stop();
});

/** What a host does behind every push, ours of the status branch too: it calls the hook, and signs as GitHub does it. */
async function callHook(port: number): Promise<void> {
  const body = JSON.stringify({ ref: 'refs/heads/whatever' });
  const headers = {
    'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
    'x-github-delivery': randomUUID(),
    'x-github-event': 'push',
  };
  await fetch(`http://127.0.0.1:${port}/hook`, { method: 'POST', body, headers }).catch(() => {}); // Nobody may be there.
}

/** `lateen run`, up to where it hears hooks and has seen the newest commit. */
async function start(options: DaemonOptions = {}, ...args: readonly string[]): Promise<Daemon> {
  const started = it.run({ env: { LATEEN_HOOK_SECRET: SECRET }, ...options }, ...runArgs, ...args);
  if (options.crash === undefined) await started.untilLog((line) => line.msg === 'new commit', 60_000);
  return started;
}

interface Wish {
  readonly prodImage?: string;
  readonly prodReplicas?: number;
}

/** Both environments: the hub, and behind somebody's look the cluster prod with a patch of its own. Line numbers count. */
const shop = ({ prodImage = 'nginx:1.28', prodReplicas = 2 }: Wish = {}): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: shop, namespace: ${it.namespace}}
spec:
  components:
    - name: web
      type: webservice
      properties: {image: "nginx:1.29"}
      traits:
        - {type: scaler, properties: {replicas: 1}}
  policies:
    - {name: to-hub, type: topology, properties: {clusters: [local]}}
    - {name: to-prod, type: topology, properties: {clusters: [prod]}}
    - name: as-prod
      type: override
      properties:
        components:
          - name: web
            properties:
              image: ${prodImage}
            traits:
              - type: scaler
                properties:
                  replicas: ${prodReplicas}
  workflow:
    steps:
      - {name: hub, type: deploy, properties: {policies: [to-hub]}}
      - {name: ${PAUSE}, type: suspend}
      - {name: prod, type: deploy, properties: {policies: [to-prod, as-prod]}}
`;

/** What sets something up that others wait for: here a ConfigMap, elsewhere a cluster in a cloud. */
const setup = (): string => `apiVersion: core.oam.dev/v1beta1
kind: Initializer
metadata: {name: setup, namespace: ${it.namespace}}
spec:
  appTemplate:
    spec:
      components:
        - name: setup
          type: raw
          properties: {apiVersion: v1, kind: ConfigMap, metadata: {name: setup}, data: {region: berlin}}
`;

const web = (client: LabClient): Promise<KubeObject | undefined> => client.find(`deployments/${it.namespace}/web`);
const shapeOf = (object: KubeObject | undefined): readonly unknown[] => [object?.spec.template.spec.containers[0].image, object?.spec.replicas];
const untilShape = (client: LabClient, image: string, replicas: number): Promise<KubeObject> =>
  until(
    `web is ${image} ${replicas}`,
    async () => {
      const object = await web(client);
      return JSON.stringify(shapeOf(object)) === JSON.stringify([image, replicas]) ? object : undefined;
    },
    60_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; the daemon said:\n${daemon.stderr().slice(-6000)}`);
  });
const isReady = (status: StatusFile | null): boolean =>
  status?.['conditions']?.some((item: StatusFile) => item['type'] === 'Ready' && item['status'] === 'True') === true;
const untilWaits = (sha: string): Promise<StatusFile | null> =>
  it.untilStatus('shop', (status) => status?.['phase'] === 'workflowSuspending' && status['appliedRevision'] === sha, 60_000);
const untilDone = (sha: string): Promise<StatusFile | null> =>
  it.untilStatus('shop', (status) => isReady(status) && status?.['phase'] === 'running' && status['appliedRevision'] === sha, 60_000);
const untilFinding = (accept: (finding: StatusFile) => boolean): Promise<StatusFile> =>
  until('a finding on the status branch', async () => (await it.repositoryStatus())?.['diagnostics']?.find(accept) as StatusFile | undefined, 60_000);
/** What a controller writes by itself is not asked for by anybody. */
const askedFor = (object: KubeObject | undefined): unknown => ({ spec: object?.spec, labels: object?.metadata['labels'] });
const asked = async (): Promise<readonly unknown[]> => [await web(hub), await web(prod)].map(askedFor);
const untilPlan = (name: string, sha: string): Promise<string> =>
  until(
    `the plan of ${name}`,
    async () => {
      const text = await it.bare.show(it.statusBranch, `plans/${name}.md`);
      return text?.split('\n')[0]?.includes(sha) === true ? text : undefined;
    },
    60_000,
  );
const untilLooked = async (sha: string): Promise<void> => {
  await daemon.untilLog((line) => line.msg === 'new commit' && line['commit'] === sha);
  await it.untilStatus('shop', isReady);
};

async function timed<T>(t: TestContext, what: string, action: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  const result = await action();
  t.diagnostic(`${what}: ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  return result;
}

const approve = (...args: readonly string[]): Promise<Ended> =>
  runDaemon(['approve', 'resume', `${it.namespace}/shop`, '--step', PAUSE, '--repo', it.work.path, '--instance', it.instance, '--push', ...args]);
/** A verb that knows a repository and no cluster. */
const alone = (verb: string, repo: string, ...args: readonly string[]): Promise<Ended> =>
  runDaemon([
    verb,
    '--repo',
    repo,
    '--git-schemes',
    'http,file',
    ...(['plan', 'at'].includes(verb) ? ['--cue-workers', '1'] : []),
    ...(verb === 'plan' ? ['--work-dir', join(it.directory, randomBytes(4).toString('hex'))] : ['--instance', it.instance]),
    ...args,
  ]);

/** The repository over ssh: a real sshd where one can be had, else git's transport without the wire. */
async function sshRemote(t: TestContext): Promise<{ readonly env: Readonly<Record<string, string>>; readonly args: readonly string[] } & AsyncDisposable> {
  const sshd = await findSshd();
  if (typeof sshd === 'string') {
    t.diagnostic(`${sshd}: a stand-in for ssh runs what git asks for`);
    const { bin } = await sshStandIn(it.directory);
    return {
      env: { PATH: `${bin}:${process.env['PATH']}` },
      args: ['--repo', `ssh://git@git.example.com${it.bare.path}`, '--git-schemes', 'ssh'],
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  const server = await sshGitServer(join(it.directory, `ssh-${randomBytes(4).toString('hex')}`), sshd);
  return {
    env: {},
    args: ['--repo', server.url(it.bare.path), '--git-schemes', 'ssh', '--git-ssh-key', server.keyFile, '--git-known-hosts', server.knownHostsFile],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Bob commits on top of main, unsigned, in his own name, and pushes it to a ref. */
async function bobPushes(ref: string, files: Readonly<Record<string, string | null>>, message: string): Promise<string> {
  await bob.git('fetch', '--quiet', 'origin', 'main');
  await bob.git('checkout', '--quiet', '--detach', 'FETCH_HEAD');
  await bob.commit(files, message);
  await bob.git('commit', '--quiet', '--amend', '--no-edit', '--author', 'Bob <bob@example.com>');
  await bob.push(`HEAD:${ref}`);
  return (await bob.git('rev-parse', 'HEAD')).trim();
}

/** Ada merges a ref, signs the merge, and pushes it. */
async function adaMerges(ref: string, message: string): Promise<string> {
  await it.work.git('pull', '--quiet', '--ff-only', 'origin', 'main');
  await it.work.git('fetch', '--quiet', 'origin', ref);
  await it.work.git('merge', '--quiet', '--no-ff', '--message', message, 'FETCH_HEAD');
  await it.work.push();
  return (await it.work.git('rev-parse', 'HEAD')).trim();
}

suite('a day of a team', { skip }, () => {
  test('a signed push is delivered because the hook tells of it, up to the step that waits', async (t) => {
    added = await it.push({ 'shop/shop.yaml': shop(), 'setup.yaml': setup() }, 'Add shop');
    await timed(t, 'push to applied, by the hook', () => untilShape(hub, 'nginx:1.29', 1));
    const status = await untilWaits(added);
    assert.equal(status?.['author'], 'Ada <ada@example.com>');
    assert.equal(await web(prod), undefined);
  });

  test('an Approval that nobody has signed does nothing and is told at its line; one of an approver resumes', async (t) => {
    const hash = (await it.status('shop'))?.['revisionHash'] as string;
    await bobPushes(
      'refs/heads/go',
      {
        'go.yaml': `# Bob is in a hurry\n${JSON.stringify({ apiVersion: 'lateen.dev/v1alpha1', kind: 'Approval', metadata: { name: 'go' }, spec: { action: 'resume', target: { kind: 'Application', namespace: it.namespace, name: 'shop' }, step: PAUSE, hash, expires: '2999-01-01T00:00:00Z' } })}\n`,
      },
      'Let it go',
    );
    // Ada's signature on the merge speaks for what is applied, and not for Bob as an approver.
    await adaMerges('refs/heads/go', 'Merge go');
    const finding = await untilFinding(({ code }) => code === 'plan/approval');
    assert.equal(finding['at'], 'go.yaml:2:1');
    assert.match(finding['message'], /the Approval go does not count: the commit \w+ that brought it is not signed/);
    assert.equal(await web(prod), undefined);

    await it.push({ 'go.yaml': null }, 'Not like this');
    const given = await approve('--reason', 'looked at it');
    assert.equal(given.code, 0, given.stdout + given.stderr);
    await timed(t, 'approval to the next step done', () => untilShape(prod, 'nginx:1.28', 2));
    const status = await it.untilStatus('shop', isReady, 60_000);
    assert.deepEqual(
      status?.['approvals'].map((item: StatusFile) => [item['by'], item['target']]),
      [['ada@example.com', PAUSE]],
    );
    assert.ok(
      (await it.bare.log(it.statusBranch)).some(({ trailers }) => trailers.some(([key, value]) => key === 'Approved-By' && value === 'ada@example.com')),
    );
  });

  test('a pull request gets its plan on the status branch, and from the command line the same one', async (t) => {
    beforeMerge = await asked();
    const sha = await bobPushes('refs/pull/1/head', { 'shop/shop.yaml': shop({ prodImage: 'nginx:1.30', prodReplicas: 3 }) }, 'Newer and more of it in prod');
    const plan = await timed(t, 'ref pushed to its plan on the status branch', () => untilPlan('pull/1/head', sha));
    const refs = ['--base', 'main', '--head', 'refs/pull/1/head', '--offline'];
    const [markdown, own] = await Promise.all([
      alone('plan', remote.url('origin.git'), ...refs, '-o', 'markdown'),
      alone('plan', bob.path, '--base', 'refs/remotes/origin/main', '--head', 'HEAD', '--offline'),
    ]);
    for (const end of [markdown, own]) assert.equal(end.code, 1, end.stdout + end.stderr);
    assert.match(own.stdout, /update Deployment \S+\/web on prod/);
    assert.match(own.stdout, /\/image: "nginx:1\.28" -> "nginx:1\.30"\n +by override as-prod.* \(shop\/shop\.yaml:20\)/);
    assert.match(own.stdout, /\/spec\/replicas: 2 -> 3\n +by override as-prod.* \(shop\/shop\.yaml:24\)/);
    assert.match(plan, /image`: `"nginx:1\.28"` → `"nginx:1\.30"`\n.*override as-prod.*\(shop\/shop\.yaml:20\)/);
    const details = (text: string): string => text.slice(text.indexOf('<details>'), text.indexOf('</details>'));
    assert.equal(details(plan), details(markdown.stdout));
    assert.deepEqual(await asked(), beforeMerge, 'nothing of it is carried out');
  });

  test('the merge is delivered, waits for a look of its own, and takes the plan away', async (t) => {
    merge = await adaMerges('refs/pull/1/head', 'Merge pull request 1');
    await timed(t, 'merge to its status', () => untilWaits(merge));
    await until('the plan is gone', async () => ((await it.bare.show(it.statusBranch, 'plans/pull/1/head.md')) === null ? true : undefined), 60_000);
    assert.deepEqual(shapeOf(await web(prod)), ['nginx:1.28', 2], 'the Approval was for what was there before');
    const given = await approve();
    assert.equal(given.code, 0, given.stdout + given.stderr);
    await untilShape(prod, 'nginx:1.30', 3);
    await it.untilStatus('shop', isReady, 60_000);
  });

  test('what somebody changes by hand is put back and recorded; a field that is left to others is left', async (t) => {
    const image = { op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'evil:666' };
    await prod.patch(`deployments/${it.namespace}/web`, [image]);
    await timed(t, 'change by hand to put back', () => untilShape(prod, 'nginx:1.30', 3));
    const told = await until(
      'the drift in the history',
      async () => {
        const text = await it.bare.git('log', '-p', '--format=%H', it.statusBranch, '--', `applications/${it.namespace}/shop.yaml`);
        return /^\+ +- \/spec\/template\/spec\/containers\/\S*image$/m.test(text) ? text : undefined;
      },
      60_000,
    );
    assert.doesNotMatch(told, /evil:666/);
    await untilLooked(
      await it.push({ 'lateen.yaml': `${CONFIG}ignoreFields: [{kind: Deployment, paths: [/spec/replicas]}]\n` }, "Replicas are the autoscaler's"),
    );
    await hub.patch(`deployments/${it.namespace}/web`, { spec: { replicas: 4 } }, 'scale');
    // That it was looked at is shown by what is not left to others.
    await hub.patch(`deployments/${it.namespace}/web`, [image]);
    await untilShape(hub, 'nginx:1.29', 4);
    await it.push({ 'lateen.yaml': CONFIG }, 'No autoscaler');
    await untilShape(hub, 'nginx:1.29', 1);
  });

  test('a revert is planned as what it is, and brings back what was', async (t) => {
    await it.work.git('pull', '--quiet', '--ff-only', 'origin', 'main');
    await it.work.git('revert', '--no-edit', '--mainline', '1', merge);
    revert = (await it.work.git('rev-parse', 'HEAD')).trim();
    await it.work.push('HEAD:refs/pull/2/head');
    const [plan, theirs] = await Promise.all([
      alone('plan', it.work.path, '--base', 'HEAD~1', '--head', 'HEAD', '--offline', '-o', 'json'),
      untilPlan('pull/2/head', revert),
    ]);
    assert.equal(plan.code, 1, plan.stdout + plan.stderr);
    const data = JSON.parse(plan.stdout) as StatusFile;
    // Of the Approvals in both commits none is told of, though one of them is for another content.
    assert.deepEqual([data['head'].sha, data['revertOf'], data['changes'], data['diagnostics']], [revert, added, true, []]);
    const [app] = data['applications'];
    assert.match(app.notes[0], new RegExp(`^it goes back to what it was at ${added.slice(0, 10)}: its steps run again from the first`));
    assert.deepEqual([app.desired.workflow.runs, app.desired.workflow.steps.map(({ name }: StatusFile) => name)], ['all', ['hub', PAUSE, 'prod']]);
    assert.match(theirs, /What it changes is again as it was at an earlier commit: /);
    assert.match(theirs, new RegExp(`it goes back to what it was at .{0,2}${added.slice(0, 10)}`));
    await it.work.push();
    // The look was at this very content, and has not expired: nobody has to look again.
    await timed(t, 'revert to all three steps done and told', () => untilDone(revert));
    assert.deepEqual(await asked(), beforeMerge);
  });

  test('an Initializer whose document went and came back has lost nothing', async () => {
    const refs = ['configmaps', 'applications.core.oam.dev', 'initializers.core.oam.dev', 'resourcetrackers.core.oam.dev'];
    const made = async (): Promise<readonly unknown[]> => {
      const lists = await Promise.all(
        refs.map(async (kind) =>
          (await hub.list(kind.startsWith('resourcetrackers') ? kind : `${kind}/${it.namespace}`)).filter((object) =>
            object.kind === 'ResourceTracker' ? object.metadata['labels']?.['app.oam.dev/name'] === 'setup' : object.metadata.name === 'setup',
          ),
        ),
      );
      return lists.flat().map(({ kind, metadata, spec, data }) => [kind, metadata.uid, spec, data]);
    };
    const before_ = await made();
    assert.equal(before_.length >= 4, true, JSON.stringify(before_));
    await it.push({ 'setup.yaml': null }, 'Who needs that');
    const kept = await it.untilStatus('setup', (status) => status?.['error']?.code === 'plan/guard', 60_000);
    assert.match(kept?.['error'].message, /^ConfigMap \S+\/setup is no longer asked for by \S+\/setup and is kept, for it cannot be had back$/);
    await it.work.git('revert', '--no-edit', 'HEAD');
    await it.work.push();
    await it.untilStatus('setup', (status) => isReady(status) && status?.['error'] === undefined, 60_000);
    assert.deepEqual(await made(), before_);
  });

  test('a rewritten history is held and told, and what was applied is kept going', async () => {
    const held = (await it.work.git('rev-parse', 'HEAD')).trim();
    await it.work.git('reset', '--quiet', '--hard', 'HEAD~2');
    rewritten = await it.work.commit(
      { 'note.json': JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'note', namespace: it.namespace } }) },
      'As if nothing had been',
    );
    await it.work.push('--force', 'main');
    const finding = await untilFinding(({ code }) => code === 'source/rewritten');
    assert.match(finding['message'], new RegExp(`${rewritten.slice(0, 10)} does not descend from ${held.slice(0, 10)}`));
    await hub.patch(`deployments/${it.namespace}/web`, { spec: { replicas: 7 } }, 'scale');
    await untilShape(hub, 'nginx:1.29', 1);
    assert.equal(await hub.find(`configmaps/${it.namespace}/note`), undefined);
  });

  test('it goes on where the operator accepts it; killed before and after a push, the daemon loses and doubles nothing', async () => {
    assert.equal((await daemon.stop()).code, 0);
    for (const when of ['before', 'after'] as const) {
      daemon = await start({ crash: { cut: { when, effect: 'push', nth: 1 } } }, '--accept-rewrite', rewritten);
      assert.equal((await daemon.ended).signal, 'SIGKILL', when);
      assert.ok((await hub.find(`configmaps/${it.namespace}/note`)) !== undefined, 'it was applied before it was told');
      assert.equal((await it.repositoryStatus())?.['observedRevision'] === rewritten, when === 'after');
    }
    daemon = await start({}, '--accept-rewrite', rewritten);
    await untilDone(revert);
    const log = await it.bare.log(it.statusBranch);
    assert.deepEqual(
      log.map(({ parents }) => parents.length).filter((count) => count !== 1),
      [0],
      'one line from its root',
    );
    const trees = (await it.bare.git('log', '--format=%T', it.statusBranch)).trim().split('\n');
    assert.deepEqual(
      trees.filter((tree, i) => tree === trees[i + 1]),
      [],
      'no commit without a change',
    );
  });

  test('the day is read with lateen and with plain git, and every commit of the daemon is signed', async () => {
    const url = remote.url('origin.git');
    const [history, blame, at, status] = await Promise.all([
      alone('history', url, 'shop'),
      alone('blame', url, 'shop', '-o', 'json'),
      alone('at', url, merge),
      it.verb('status', {}, '-o', 'json'),
    ]);
    for (const end of [history, blame, at, status]) assert.equal(end.code, 0, end.stdout + end.stderr);
    for (const line of [
      new RegExp(`/shop +workflowSuspending +local,prod +${merge.slice(0, 10)} +Ada +step ${PAUSE}: Suspended`),
      new RegExp(`/shop +running +local,prod +${revert.slice(0, 10)} +Ada +ada@example\\.com approved: resume ${PAUSE}`),
      / +Deployment \S+\/web on prod: drift in \/spec\/template\/spec\/containers\//,
    ])
      assert.match(history.stdout, line);
    const since = JSON.parse(blame.stdout) as readonly StatusFile[];
    assert.deepEqual(
      since.filter(({ field }) => field === 'revision').map(({ value, sourceCommit }) => [value, sourceCommit]),
      [['shop-v1', revert]],
    );
    assert.match(at.stdout, new RegExp(`^# commit ${merge} by Ada <ada@example\\.com>: Merge pull request 1$`, 'm'));
    assert.match(at.stdout, /^# every definition is the recorded one\n(?:.*\n)*# on prod\n(?:.*\n)*spec:\n {2}replicas: 3\n(?:.*\n)* +image: nginx:1\.30$/m);
    const { applications, matrix, clusters } = JSON.parse(status.stdout) as StatusFile;
    assert.deepEqual(applications.map((app: StatusFile) => [app['name'], app['phase'], app['ready'], app['commit']]).at(-1), [
      'shop',
      'running',
      'True',
      revert.slice(0, 10),
    ]);
    assert.deepEqual(matrix.at(-1).cells, { local: 'Ready', prod: 'Ready' });
    assert.deepEqual(
      clusters.map((cluster: StatusFile) => [cluster['name'], cluster['available']]),
      [['prod', 'True']],
    );
    const trailers = (await it.bare.git('log', '--format=%(trailers:key=Application,valueonly)', it.statusBranch)).split('\n').filter((line) => line !== '');
    assert.deepEqual([...new Set(trailers)].sort(), [`${it.namespace}/setup`, `${it.namespace}/shop`]);
    assert.match(
      await it.bare.git('log', '--format=%s%n%b', it.statusBranch),
      new RegExp(`^(- )?${it.namespace}/setup: deleting \\(kept until that is approved\\)$`, 'm'),
    );
    const shas = (await it.bare.git('rev-list', it.statusBranch)).trim().split('\n');
    await it.bare.git('-c', `gpg.ssh.allowedSignersFile=${join(it.directory, 'robots')}`, 'verify-commit', ...shas);
    assert.ok(shas.length > 10);
  });

  test('over ssh it is the same, and says nothing anew', async (t) => {
    const before_ = await it.bare.head(it.statusBranch);
    assert.equal((await daemon.stop()).code, 0);
    await using ssh = await sshRemote(t);
    const end = await it.verb('once', { env: ssh.env }, '--wait', '60s', ...runArgs, ...ssh.args);
    assert.equal(end.code, 0, end.stdout + end.stderr);
    assert.equal(await it.bare.head(it.statusBranch), before_);
  });

  test('the next day is over ssh: a signed push, a plan, a signed Approval, and their record pushed', async (t) => {
    await using ssh = await sshRemote(t);
    const overSsh = (verb: string, ...args: readonly string[]): Promise<Ended> => runDaemon([verb, ...ssh.args, ...args], { env: ssh.env });
    daemon = await start({ env: { LATEEN_HOOK_SECRET: SECRET, ...ssh.env } }, '--accept-rewrite', rewritten, ...ssh.args);
    const sha = await it.push({ 'shop/shop.yaml': shop({ prodImage: 'nginx:1.31' }) }, 'Newer in prod');
    await untilWaits(sha);
    const plan = await overSsh('plan', '--base', `${sha}~1`, '--head', sha, '--offline', '--cue-workers', '1', '--work-dir', join(it.directory, 'ssh-plan'));
    assert.equal(plan.code, 1, plan.stdout + plan.stderr);
    assert.match(plan.stdout, /\/image: "nginx:1\.28" -> "nginx:1\.31"/);
    const given = await approve();
    assert.equal(given.code, 0, given.stdout + given.stderr);
    await untilShape(prod, 'nginx:1.31', 2);
    await untilDone(sha);
    const history = await overSsh('history', '--instance', it.instance, 'shop');
    assert.equal(history.code, 0, history.stderr);
    assert.match(history.stdout, new RegExp(`/shop +running +local,prod +\\w+ +Ada +ada@example\\.com approved: resume ${PAUSE}`));
    assert.equal((await daemon.stop()).code, 0);
  });
});
