// More than one at a time: two daemons on one hub, two writers on the status branch; and a hub or a repository that is not there.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { useLab, type ControlPlane } from '../lab/lab.ts';
import { namesOf, openScenario, runDaemon, startDaemon, until, type Scenario } from '../rig/daemon.ts';
import { bareRepo, temporaryDirectory, workTree } from '../rig/git.ts';

let lab: Awaited<ReturnType<typeof useLab<'hub'>>>;
let hub: ControlPlane;
before(async () => {
  lab = await useLab(['hub']);
  hub = lab.planes.hub;
});
after(() => lab?.stop());

const open = (name: string): Promise<Scenario> => openScenario({ name, hub: hub.client, kubeconfig: hub.kubeconfig });

const app = (namespace: string, name: string, value: string): string =>
  JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name, namespace },
    spec: {
      components: [{ name, type: 'k8s-objects', properties: { objects: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } }] } }],
    },
  });
const isReady = (status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] } | null): boolean =>
  status?.conditions?.some((item) => item.type === 'Ready' && item.status === 'True') === true;

/** Every commit has one parent, and the oldest none: nothing was merged, nothing thrown away. */
async function assertLinear(it: Scenario): Promise<number> {
  const log = await it.bare.log(it.statusBranch);
  assert.deepEqual(
    log.map((commit) => commit.parents),
    log.map((_, i) => (i + 1 < log.length ? [log[i + 1]?.sha] : [])),
  );
  return log.length;
}

suite('two daemons on one hub', () => {
  test('the second waits for the Lease, and takes over when the first is killed', async () => {
    await using it = await open('lease');
    const ns = it.namespace;
    await it.push({ 'app.json': app(ns, 'app', '1') });
    await using first = it.run();
    await it.untilStatus('app', isReady);
    await using second = startDaemon(['run', ...it.flags, '--work-dir', join(it.directory, 'second')]);
    await second.untilLog((line) => line.msg === 'waiting for the Lease' && typeof line['holder'] === 'string');
    // `once` that does not want to wait says who holds it.
    const third = await runDaemon(['once', ...it.flags, '--work-dir', join(it.directory, 'third')]);
    assert.equal(third.code, 2, third.stdout);
    assert.match(third.stderr, /transport\/lease: Lease vela-system\/lateen-\S+ is held by/);
    assert.match(third.stderr, /lateen explain transport\/lease/);
    await it.push({ 'app.json': app(ns, 'app', '2') });
    await hub.client.until(`configmaps/${ns}/app`, (object) => object?.data.value === '2');
    assert.equal(
      second.logs().some((line) => line.msg === 'new commit'),
      false,
    );
    await first.kill();
    await it.push({ 'app.json': app(ns, 'app', '3') });
    await hub.client.until(`configmaps/${ns}/app`, (object) => object?.data.value === '3', { timeoutMs: 40_000 });
    await it.untilStatus('app', (status) => isReady(status) && status?.['revision'] === 'app-v3');
    assert.deepEqual(await namesOf(hub.client, ns), [
      'Application/app',
      'ApplicationRevision/app-v1',
      'ApplicationRevision/app-v2',
      'ApplicationRevision/app-v3',
      'ConfigMap/app',
      `ResourceTracker/app-v3-${ns}`,
    ]);
    await assertLinear(it);
    assert.equal((await second.stop()).code, 0);
    const lease = await hub.client.get(`leases.coordination.k8s.io/vela-system/lateen-${it.instance}`);
    assert.equal(lease.spec.holderIdentity, '', 'a daemon that stops gives it back');
  });

  test('a daemon whose Lease is taken away stops with exit code 2 before it writes anything more', async () => {
    await using it = await open('robbed');
    const ns = it.namespace;
    await it.push({ 'app.json': app(ns, 'app', '1') });
    await using daemon = it.run();
    await it.untilStatus('app', isReady);
    const ref = `leases.coordination.k8s.io/vela-system/lateen-${it.instance}`;
    await hub.client.patch(ref, { spec: { holderIdentity: 'somebody-else', renewTime: new Date(Date.now() + 60_000).toISOString().replace('Z', '000Z') } });
    const end = await daemon.ended;
    assert.equal(end.code, 2, end.stderr);
    assert.match(end.stderr, /transport\/lease/);
    assert.equal((await hub.client.get(ref)).spec.holderIdentity, 'somebody-else');
  });

  test('two instances share hub and repository and leave each other alone; an Application of one is refused by the other', async () => {
    await using one = await open('east');
    await using two = await open('west');
    await one.push({ 'one.json': app(one.namespace, 'one', '1') });
    await two.push({ 'two.json': app(two.namespace, 'two', '1'), 'stolen.json': app(one.namespace, 'one', 'stolen') });
    assert.equal((await one.once()).code, 0);
    const refused = await two.once();
    assert.equal(refused.code, 1, refused.stdout + refused.stderr);
    assert.equal((await hub.client.get(`configmaps/${one.namespace}/one`)).data.value, '1');
    assert.equal((await hub.client.get(`configmaps/${two.namespace}/two`)).data.value, '1');
    await two.push({ 'stolen.json': null });
    assert.equal((await two.once()).code, 0);
    assert.equal((await one.once()).code, 0);
    assert.equal((await hub.client.get(`configmaps/${one.namespace}/one`)).data.value, '1');
  });
});

suite('two writers on the status branch', () => {
  test('what another pushes in a loop meanwhile is there at the end, and so is every status: linear, nothing forced', async () => {
    await using it = await open('writers');
    const ns = it.namespace;
    await it.push({ 'app.json': app(ns, 'app', '0') });
    await using daemon = it.run();
    await it.untilStatus('app', isReady);
    const other = await workTree(join(it.directory, 'other'), it.bare.path, it.statusBranch);
    const writing = new AbortController();
    const written: string[] = [];
    const writer = (async () => {
      for (let i = 0; !writing.signal.aborted; i += 1) {
        const path = `notes/${i}.txt`;
        await other.commit({ [path]: `${i}\n` });
        for (;;) {
          try {
            await other.push();
            break;
          } catch {
            await other.git('pull', '--quiet', '--rebase', 'origin', it.statusBranch);
          }
        }
        written.push(path);
        await sleep(300); // A person with a script, not a machine that lets nobody else in.
      }
    })();
    writer.catch(() => {}); // Awaited below; until then another failure may come first.
    for (let turn = 1; turn <= 5; turn += 1) {
      const sha = await it.push({ 'app.json': app(ns, 'app', String(turn)), [`more-${turn}.json`]: app(ns, `more-${turn}`, '1') });
      await it.untilStatus('app', (status) => status?.['appliedRevision'] === sha && isReady(status), 60_000);
      await it.untilStatus(`more-${turn}`, isReady, 60_000);
    }
    writing.abort();
    await writer;
    assert.equal((await daemon.stop()).code, 0);
    assert.deepEqual(
      await it.bare.files(it.statusBranch),
      [
        'README.md',
        `applications/${ns}/app.yaml`,
        ...[1, 2, 3, 4, 5].map((turn) => `applications/${ns}/more-${turn}.yaml`),
        ...written,
        'repository.yaml',
      ].sort(),
    );
    const count = await assertLinear(it);
    assert.ok(count >= written.length + 6, `${count} commits`);
    assert.deepEqual(
      (await it.bare.git('reflog', 'show', it.statusBranch).catch(() => '')).split('\n').filter((line) => line.includes('forced')),
      [],
    );
  });

  test('a branch that its server will not take is told, and the status is pushed with the next pass', async () => {
    await using it = await open('refused');
    await it.push({ 'app.json': app(it.namespace, 'app', '1') });
    await it.bare.git('config', 'receive.denyNonFastForwards', 'true');
    await it.bare.git('update-ref', `refs/heads/${it.statusBranch}/in-the-way`, 'refs/heads/main');
    const one = await it.once('--wait', '5s');
    assert.notEqual(one.code, 0, one.stdout + one.stderr);
    assert.match(one.stdout + one.stderr, /status not pushed|status\/push|source\//);
    assert.equal((await hub.client.get(`configmaps/${it.namespace}/app`)).data.value, '1', 'the hub has it all the same');
    await it.bare.git('update-ref', '-d', `refs/heads/${it.statusBranch}/in-the-way`);
    const two = await it.once();
    assert.equal(two.code, 0, two.stdout + two.stderr);
    assert.ok(isReady(await it.status('app')));
  });
});

suite('a hub that is away', () => {
  test('at the start: `once` says so with exit code 2, `run` waits and goes on when it is there', async () => {
    await using it = await open('away');
    await it.push({ 'app.json': app(it.namespace, 'app', '1') });
    await hub.stopApiServer();
    try {
      const end = await runDaemon(['once', ...it.flags]);
      assert.equal(end.code, 2, end.stdout + end.stderr);
      assert.match(end.stderr, /transport\/unreachable: /);
      assert.match(end.stderr, /lateen explain transport\/unreachable/);
      await using daemon = it.run();
      await daemon.untilLog((line) => line.msg === 'hub not reached');
      await hub.startApiServer();
      await it.untilStatus('app', isReady, 60_000);
      assert.equal((await daemon.stop()).code, 0);
    } finally {
      await hub.startApiServer();
    }
  });

  test('in the middle: what is known stays on the branch, the daemon lives, and the next commit is delivered when the hub is back', async () => {
    await using it = await open('middle');
    const ns = it.namespace;
    await it.push({ 'app.json': app(ns, 'app', '1') });
    await using daemon = it.run({}, '--interval', '1s');
    await it.untilStatus('app', isReady);
    await hub.stopApiServer();
    try {
      const sha = await it.push({ 'app.json': app(ns, 'app', '2') });
      await daemon.untilLog((line) => line.msg === 'pass failed', 60_000);
      await until(
        'the branch tells of it',
        async () => (((await it.repositoryStatus())?.['fault'] as { code?: string } | undefined)?.code === 'transport/unreachable' ? true : undefined),
        30_000,
      );
      assert.notEqual(await it.status('app'), null);
      await hub.startApiServer();
      await it.untilStatus('app', (status) => status?.['appliedRevision'] === sha && isReady(status), 60_000);
      assert.equal((await it.repositoryStatus())?.['fault'], undefined);
      assert.equal((await hub.client.get(`configmaps/${ns}/app`)).data.value, '2');
      assert.equal((await daemon.stop()).code, 0);
    } finally {
      await hub.startApiServer();
    }
  });
});

suite('a repository that is not there', () => {
  const verb = async (repo: string, directory: string, ...args: readonly string[]) =>
    runDaemon([
      'once',
      '--repo',
      repo,
      '--kubeconfig',
      hub.kubeconfig,
      '--work-dir',
      join(directory, 'work'),
      '--instance',
      'nowhere',
      '--log-format',
      'json',
      ...args,
    ]);

  test('one that does not exist, an empty one, and a missing branch: exit code 2, the code, and what to do', async () => {
    await using directory = await temporaryDirectory();
    const missing = await verb(join(directory.path, 'missing.git'), directory.path);
    assert.equal(missing.code, 2, missing.stdout + missing.stderr);
    assert.match(missing.stderr, /^lateen: source\/not-found: .*missing\.git/m);
    assert.match(missing.stderr, /lateen explain source\/not-found/);
    const empty = await bareRepo(join(directory.path, 'empty.git'));
    const nothing = await verb(empty.path, directory.path);
    assert.equal(nothing.code, 2, nothing.stdout + nothing.stderr);
    assert.match(nothing.stderr, /^lateen: source\/empty: /m);
    const work = await workTree(join(directory.path, 'tree'), empty.path);
    await work.commit({ 'a.txt': 'a' });
    await work.push();
    const branch = await verb(empty.path, directory.path, '--branch', 'prod');
    assert.equal(branch.code, 2, branch.stdout + branch.stderr);
    assert.match(branch.stderr, /^lateen: source\/branch: .*prod/m);
    const scheme = await verb('http://127.0.0.1:1/x.git', directory.path);
    assert.equal(scheme.code, 2, scheme.stdout + scheme.stderr);
    assert.match(scheme.stderr, /^lateen: source\/scheme: /m);
  });

  test('`run` waits for the first commit of an empty repository, and delivers it', async () => {
    await using it = await open('empty');
    await using daemon = it.run({}, '--interval', '1s');
    await daemon.untilLog((line) => line.msg === 'repository not read' && JSON.stringify(line).includes('source/empty'));
    await it.push({ 'app.json': app(it.namespace, 'app', '1') });
    await it.untilStatus('app', isReady, 60_000);
    assert.equal((await daemon.stop()).code, 0);
  });
});
