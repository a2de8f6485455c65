// Status and audit in Git: what the real daemon leaves on the status branch, read with lateen and with plain git.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { useLab, type ControlPlane } from '../lab/lab.ts';
import { openScenario, runDaemon, type Ended, type Scenario } from '../rig/daemon.ts';
import { bareRepo, sshSigner } from '../rig/git.ts';
import { askStatusBranch, transcriptText } from '../rig/transcript.ts';

let lab: Awaited<ReturnType<typeof useLab<'hub'>>>;
let hub: ControlPlane;
before(async () => {
  lab = await useLab(['hub']);
  hub = lab.planes.hub;
});
after(() => lab?.stop());

const app = (namespace: string, image: string, type = 'webservice'): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: shop, namespace: ${namespace}}
spec:
  components:
    - name: web
      type: ${type}
      properties: {image: "${image}"}
`;

/** A verb that knows the repository and nothing else. */
const alone = (it: Scenario, verb: string, ...args: readonly string[]): Promise<Ended> =>
  runDaemon([verb, ...args, '--repo', it.bare.path, '--status-branch', it.statusBranch]);

suite('the record of an application', () => {
  test('is signed, says which commit broke it and why, and is read without a cluster', async () => {
    await using it = await openScenario({ name: 'audit', hub: hub.client, kubeconfig: hub.kubeconfig });
    const { publicKey } = await sshSigner(it.directory, 'robot');
    const signed = ['--status-signing-key', join(it.directory, 'robot'), '--status-skip-ci', 'true'];
    const first = await it.push({ 'apps/shop.yaml': app(it.namespace, 'nginx:1.29') }, 'Add shop');
    const one = await it.once(...signed);
    assert.equal(one.code, 0, one.stdout + one.stderr);
    const bad = await it.push({ 'apps/shop.yaml': app(it.namespace, 'nginx:1.30', 'webservise') }, 'Newer shop');
    assert.equal((await it.once(...signed)).code, 1);
    const status = await it.status('shop');
    assert.deepEqual([status?.['observedRevision'], status?.['appliedRevision'], status?.['phase']], [bad, first, 'rendering']);
    const mended = await it.push({ 'apps/shop.yaml': app(it.namespace, 'nginx:1.30') }, 'Mend shop');
    assert.equal((await it.once(...signed)).code, 0);

    const log = (await it.bare.log(it.statusBranch)).filter(({ trailers }) => trailers.some(([key]) => key === 'Application'));
    assert.deepEqual([...new Set(log.map(({ trailers }) => trailers.find(([key]) => key === 'Source-Commit')?.[1]))], [mended, bad, first]);
    assert.equal(log[0]?.subject, `${it.namespace}/shop: running [skip ci]`);
    const broken = log.find(({ trailers }) => trailers.some(([, value]) => value === bad));
    assert.match(await it.bare.git('log', '-1', '--format=%b', broken?.sha ?? ''), /^- render\/unknown-type: .*webservise/m);
    await writeFile(join(it.directory, 'allowed'), `lateen@localhost ${publicKey}\n`);
    const signatures = (await it.bare.git('-c', `gpg.ssh.allowedSignersFile=${join(it.directory, 'allowed')}`, 'log', '--format=%G?', it.statusBranch))
      .trim()
      .split('\n');
    assert.deepEqual([...new Set(signatures)], ['G']);

    const history = await alone(it, 'history', 'shop');
    assert.equal(history.code, 0, history.stderr);
    for (const sha of [first, bad, mended]) assert.ok(history.stdout.includes(sha.slice(0, 10)), history.stdout);
    assert.match(history.stdout, / rendering .*webservise/);
    const blame = JSON.parse((await alone(it, 'blame', 'shop', '-o', 'json')).stdout) as readonly { readonly field: string; readonly sourceCommit: string }[];
    assert.equal(blame.find(({ field }) => field === 'phase')?.sourceCommit, mended);
    assert.equal(blame.find(({ field }) => field === 'source')?.sourceCommit, first);
    const then = await alone(it, 'at', first);
    assert.equal(then.code, 0, then.stdout + then.stderr);
    assert.match(then.stdout, /# every definition is the recorded one\n(?:.*\n)*? +image: nginx:1\.29\n/);
    assert.match(then.stdout, /app\.oam\.dev\/appRevision: shop-v1\n/);

    const typed = transcriptText(await askStatusBranch(it.bare, it.statusBranch, `${it.namespace}/shop`));
    assert.match(typed, new RegExp(`^[0-9a-f]{8} ${it.namespace}/shop: rendering \\[skip ci\\]$`, 'm'));
    assert.match(typed, /^[0-9a-f]{8,9} \(Lateen .*\) phase: running$/m);
  });

  test('may be kept in another repository', async () => {
    await using it = await openScenario({ name: 'elsewhere', hub: hub.client, kubeconfig: hub.kubeconfig });
    const other = await bareRepo(join(it.directory, 'other.git'));
    await it.push({ 'apps/shop.yaml': app(it.namespace, 'nginx:1.29') });
    const ended = await it.once('--status-repo', other.path);
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    assert.deepEqual(
      [await it.bare.head(it.statusBranch), await other.files(it.statusBranch)],
      [null, ['README.md', `applications/${it.namespace}/shop.yaml`, 'repository.yaml']],
    );
    const history = await alone(it, 'history', 'shop', '--status-repo', other.path);
    assert.match(history.stdout, new RegExp(`${it.namespace}/shop +running +local`));
  });
});
