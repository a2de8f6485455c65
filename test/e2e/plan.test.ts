// `lateen plan` as a pull request sees it: two commits, the clusters, or both, by the real daemon on one control plane.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { useLab } from '../lab/lab.ts';
import { objectsOf, openScenario, runDaemon, type Ended, type Scenario } from '../rig/daemon.ts';

let lab: Awaited<ReturnType<typeof useLab<'hub'>>>;
before(async () => {
  lab = await useLab(['hub'], { nodes: false });
});
after(() => lab?.stop());

const CANARY = ['canary-one-18d2', 'canary-two-77af'] as const;

const shop = (ns: string, colour: string, size: string): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: shop
  namespace: ${ns}
spec:
  components:
  - name: settings
    type: k8s-objects
    properties:
      objects:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: settings}
        data:
          colour: ${colour}
          size: "${size}"
`;
const secret = (ns: string, value: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key', namespace: ns }, stringData: { password: value } });
const app = (end: Ended): Record<string, never> => {
  const [, found] = (JSON.parse(end.stdout) as { readonly applications: readonly Record<string, never>[] }).applications;
  return found ?? assert.fail(end.stdout + end.stderr);
};

/** One application that was delivered, and a pull request that changes it. */
async function open(name: string): Promise<Scenario> {
  const it = await openScenario({ name, hub: lab.planes.hub.client, kubeconfig: lab.planes.hub.kubeconfig });
  await it.push({ 'shop.yaml': shop(it.namespace, 'blue', '1'), 'secret.json': secret(it.namespace, CANARY[0]) });
  const end = await it.once();
  assert.equal(end.code, 0, end.stdout + end.stderr);
  await it.work.git('switch', '--quiet', '--create', 'change');
  await it.work.commit({ 'shop.yaml': shop(it.namespace, 'red', '1'), 'secret.json': secret(it.namespace, CANARY[1]) });
  await it.work.push('change:refs/pull/7/head');
  await it.work.git('switch', '--quiet', 'main');
  return it;
}

const RED = /\/data\/colour: "blue" -> "red"\n +by property objects\[0\]\.data\.colour of component settings \(shop\.yaml:16\)/;

suite('the plan of a pull request', () => {
  test('against its base, against the clusters, and as a comment; nothing is written and no secret told', async () => {
    await using it = await open('plan');
    const { hub, namespace: ns } = it;
    assert.equal((await it.verb('plan', {})).code, 0);
    const before_ = JSON.stringify([...(await objectsOf(hub, ns))]);
    // What drifts is the clusters' affair: commit against commit does not tell of it.
    await hub.patch(`configmaps/${ns}/settings`, { data: { size: '9' } });
    const [both, offline, live, comment] = [
      await it.verb('plan', {}, '--base', 'main', '--head', 'refs/pull/7/head', '-o', 'json'),
      await it.verb('plan', {}, '--base', 'main', '--head', 'refs/pull/7/head', '--offline'),
      await it.verb('plan', {}, '--head', 'refs/pull/7/head'),
      await it.verb('plan', {}, '--base', 'main', '--head', 'refs/pull/7/head', '-o', 'markdown'),
    ];
    for (const end of [both, offline, live, comment]) assert.equal(end.code, 1, end.stdout + end.stderr);
    const fields = (side: { readonly objects: readonly { readonly fields: readonly { readonly path: string }[] }[] } | undefined): unknown =>
      side?.objects.flatMap((object) => object.fields.map((field) => field.path));
    assert.deepEqual([fields(app(both)['desired']), fields(app(both)['live'])], [['/data/colour'], ['/data/colour', '/data/size']]);
    assert.match(offline.stdout, RED);
    assert.doesNotMatch(offline.stdout, /\/data\/size/);
    assert.match(offline.stdout, /^The clusters were not asked\.$/m);
    assert.match(live.stdout, RED);
    assert.match(live.stdout, /\/data\/size: "9" -> "1"/);
    assert.match(live.stdout, /~ update Secret .*\n +\/data\/password differs/);
    assert.match(comment.stdout, /^### Plan of [^]*<details><summary><code>.*\/shop<\/code>: 1 to update<\/summary>/);
    const told = [both, offline, live, comment].flatMap((end) => [end.stdout, end.stderr]).join('\n');
    for (const value of CANARY.flatMap((text) => [text, Buffer.from(text).toString('base64')])) assert.equal(told.includes(value), false, value);
    await hub.patch(`configmaps/${ns}/settings`, { data: { size: '1' } });
    const stable = (text: string): string => text.replaceAll(/"resourceVersion":"\d+"|"managedFields":\[.*?\}\]/g, '');
    assert.equal(stable(JSON.stringify([...(await objectsOf(hub, ns))])), stable(before_));
  });

  test('needs no cluster, and says so where one was named that does not answer', async () => {
    await using it = await open('away');
    const flags = ['plan', '--repo', it.bare.path, '--work-dir', join(it.directory, 'away'), '--base', 'main', '--head', 'refs/pull/7/head'];
    const none = await runDaemon(flags);
    assert.equal(none.code, 1, none.stdout + none.stderr);
    assert.match(none.stdout, RED);
    const kubeconfig = join(it.directory, 'away.kubeconfig');
    await writeFile(kubeconfig, (await readFile(lab.planes.hub.kubeconfig, 'utf8')).replace(/server: .*/, 'server: https://127.0.0.1:1'));
    const away = await runDaemon([...flags, '--kubeconfig', kubeconfig]);
    assert.equal(away.code, 1, away.stdout + away.stderr);
    assert.match(away.stdout, /^The clusters were not asked: .*127\.0\.0\.1:1/m);
    assert.match(away.stdout, RED);
    const asked = await runDaemon([...flags, '--kubeconfig', kubeconfig, '--live']);
    assert.deepEqual([asked.code, /transport\/unreachable/.test(asked.stderr)], [2, true], asked.stdout + asked.stderr);
    const wrong = await runDaemon([...flags.slice(0, -1), 'nothing']);
    assert.deepEqual([wrong.code, /source\/branch: .* has no revision "nothing"/.test(wrong.stderr)], [2, true], wrong.stderr);
  });

  test('that takes a commit back says what runs again, before it does', async () => {
    await using it = await open('back');
    await it.push({ 'shop.yaml': shop(it.namespace, 'green', '1') });
    const end = await it.once();
    assert.equal(end.code, 0, end.stdout + end.stderr);
    await it.work.git('revert', '--no-edit', 'HEAD');
    await it.work.push();
    const plan = await it.verb('plan', {}, '--base', 'HEAD~1');
    assert.equal(plan.code, 1, plan.stdout + plan.stderr);
    assert.match(plan.stdout, /^What it changes is again as it was at an earlier commit: [0-9a-f]{10}\.$/m);
    assert.match(plan.stdout, /note: it goes back to what it was at [0-9a-f]{10}: its steps run again from the first/);
    assert.match(plan.stdout, /commit against clusters \(its workflow runs: settings; revision shop-v1 again, behind shop-v2\)/);
    const after_ = await it.once();
    assert.equal(after_.code, 0, after_.stdout + after_.stderr);
    assert.equal((await it.hub.get(`applications.core.oam.dev/${it.namespace}/shop`)).status.latestRevision.name, 'shop-v1');
    assert.equal((await it.verb('plan', {})).code, 0);
  });
});
