// Whom the daemon trusts: signed commits, history that was rewritten, and approvals by commit; the real daemon, real keys.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { useLab, type ControlPlane } from '../lab/lab.ts';
import { openScenario, runDaemon, type Scenario } from '../rig/daemon.ts';
import { git, isInstalled, signWith, sshSigner, type Signer } from '../rig/git.ts';

const skip = (await isInstalled('ssh-keygen')) ? false : 'NOT RUN: ssh-keygen is not installed';

let lab: Awaited<ReturnType<typeof useLab<'hub'>>>;
let hub: ControlPlane;
before(async () => {
  if (skip !== false) return;
  lab = await useLab(['hub']);
  hub = lab.planes.hub;
});
after(() => lab?.stop());

interface Trusted extends Scenario {
  readonly ada: Signer;
  readonly eve: Signer;
  /** `lateen once` with Ada's key known. */
  readonly pass: (...args: readonly string[]) => ReturnType<Scenario['once']>;
  /** Signs, commits and pushes. */
  readonly as: (who: Signer | null, files: Readonly<Record<string, string | null>>) => Promise<string>;
  readonly approvers: string;
}

async function open(name: string): Promise<Trusted> {
  const it = await openScenario({ name, hub: hub.client, kubeconfig: hub.kubeconfig });
  const [ada, eve] = [await sshSigner(it.directory, 'ada'), await sshSigner(it.directory, 'eve')];
  const [allowed, approvers] = [join(it.directory, 'allowed'), join(it.directory, 'approvers.yaml')];
  await writeFile(allowed, `ada@example.com ${ada.publicKey}\n`);
  await writeFile(approvers, `approvers: [{who: ada@example.com, namespaces: [${it.namespace}]}]\n`);
  return {
    ...it,
    ada,
    eve,
    approvers,
    pass: (...args) => it.once('--allowed-signers', allowed, ...args),
    as: async (who, files) => {
      await signWith(it.work, who);
      return it.push(files);
    },
  };
}

const configMap = (namespace: string, a: string): string =>
  `${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace }, data: { a } })}\n`;

const component = (name: string): string => `
    - name: ${name}
      type: k8s-objects
      properties: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}}, data: {a: "1"}}]}`;

const waiting = (namespace: string): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: shop, namespace: ${namespace}}
spec:
  components:${component('first')}${component('last')}
  workflow:
    steps:
      - {name: one, type: apply-component, properties: {component: first}}
      - {name: pause, type: suspend}
      - {name: two, type: apply-component, properties: {component: last}}
`;

const codes = (status: { readonly diagnostics?: readonly { readonly code: string; readonly at?: string }[] } | null): readonly string[] =>
  (status?.diagnostics ?? []).map((item) => `${item.code} ${item.at ?? ''}`.trim());

suite('trust in the source', { skip }, () => {
  test('a commit that nobody known has signed is not applied and told; a signed one on top is', async () => {
    await using it = await open('signed');
    const ns = it.namespace;
    const signed = (): ReturnType<Scenario['once']> => it.pass('--verify-commits', 'head');
    const live = async (): Promise<string | undefined> => (await hub.client.find(`configmaps/${ns}/settings`))?.['data']?.a as string | undefined;
    await it.as(it.eve, { 'a.yaml': configMap(ns, 'zero') });
    const nothing = await signed();
    assert.deepEqual([nothing.code, await live()], [2, undefined]);
    assert.match(
      nothing.stderr,
      /source\/unverified: the commit \w+ of main is signed by the key SHA256:\S+, which the operator has not named; nothing is applied/,
    );
    const good = await it.as(it.ada, { 'a.yaml': configMap(ns, 'one') });
    const one = await signed();
    assert.deepEqual([one.code, await live()], [0, 'one'], one.stdout + one.stderr);
    await it.as(null, { 'a.yaml': configMap(ns, 'two') });
    const held = await signed();
    assert.deepEqual([held.code, await live()], [1, 'one'], held.stdout + held.stderr);
    assert.deepEqual(codes(await it.repositoryStatus()), ['source/unverified']);
    assert.match(held.stdout, new RegExp(`is not signed; ${good.slice(0, 10)} goes on being applied`));
    await it.as(it.ada, { 'b.txt': 'x' });
    const two = await signed();
    assert.deepEqual([two.code, await live(), codes(await it.repositoryStatus())], [0, 'two', []], two.stdout + two.stderr);
  });

  test('a rewritten history stops, also when the daemon lost its copy, and goes on when its newest commit is accepted', async () => {
    await using it = await open('rewritten');
    const ns = it.namespace;
    const live = async (): Promise<boolean> => (await hub.client.find(`configmaps/${ns}/last`)) !== undefined;
    const base = await it.as(null, { 'README.md': 'start' });
    const old = await it.as(null, { 'shop.yaml': waiting(ns).replace('      - {name: pause, type: suspend}\n', '') });
    const first = await it.pass();
    assert.deepEqual([first.code, await live()], [0, true], first.stdout + first.stderr);
    await it.work.git('reset', '--quiet', '--hard', base);
    const tip = await it.work.commit({ 'other.txt': 'the application is gone from this history' });
    await it.work.push('--force', 'main');
    const kept = await it.pass();
    assert.deepEqual([kept.code, await live()], [1, true], kept.stdout + kept.stderr);
    assert.match(kept.stdout, new RegExp(`source/rewritten.*${tip.slice(0, 10)} does not descend from ${old.slice(0, 10)}`));
    assert.deepEqual(codes(await it.repositoryStatus()), ['source/rewritten']);
    await rm(join(it.directory, 'lateen'), { recursive: true });
    const lost = await it.pass();
    assert.deepEqual([lost.code, await live()], [2, true], lost.stdout + lost.stderr);
    assert.match(lost.stderr, new RegExp(`source/rewritten: .*nothing is applied.*--accept-rewrite ${tip}`));
    const accepted = await it.pass('--accept-rewrite', tip);
    assert.deepEqual([accepted.code, await live()], [0, false], accepted.stdout + accepted.stderr);
    assert.equal((await it.pass()).code, 0, 'from then on it is the history');
  });
});

suite('approval by commit', { skip }, () => {
  test('a step goes on by an Approval that an approver has signed with `lateen approve`, and by no other', async () => {
    await using it = await open('approve');
    const ns = it.namespace;
    const judged = (): ReturnType<Scenario['once']> => it.pass('--approvers', it.approvers);
    await it.as(null, { 'lateen.yaml': 'paths: [deploy]\n', 'deploy/shop.yaml': waiting(ns) });
    assert.equal((await judged()).code, 1);
    assert.equal((await it.status('shop'))?.['phase'], 'workflowSuspending');
    const hash = (await it.status('shop'))?.['revisionHash'] as string;
    await it.as(it.eve, {
      'deploy/go.yaml': JSON.stringify({
        apiVersion: 'lateen.dev/v1alpha1',
        kind: 'Approval',
        metadata: { name: 'go' },
        spec: { action: 'resume', target: { kind: 'Application', namespace: ns, name: 'shop' }, step: 'pause', hash, expires: '2999-01-01T00:00:00Z' },
      }),
    });
    const forged = await judged();
    assert.equal(forged.code, 1, forged.stdout + forged.stderr);
    assert.match(
      forged.stdout,
      /deploy\/go\.yaml:1:1: .*plan\/approval.*the Approval go does not count: the commit \w+ that brought it is signed by the key SHA256:/,
    );
    assert.equal(await hub.client.find(`configmaps/${ns}/last`), undefined);

    // Ada in a clone of her own, with her own git configuration.
    const clone = join(it.directory, 'clone');
    await git(it.directory, 'clone', '--quiet', it.bare.path, clone);
    for (const [key, value] of Object.entries({ ...it.ada.config, 'user.name': 'Ada', 'user.email': 'ada@example.com' }))
      await git(clone, 'config', key, value);
    const approve = (...args: readonly string[]) => runDaemon(['approve', 'resume', `${ns}/shop`, '--repo', clone, '--instance', it.instance, ...args]);
    const unknown = await approve('--step', 'paus');
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /has no step "paus"\. Did you mean "pause"\?/);
    const given = await approve('--step', 'pause', '--reason', 'looks right', '--push');
    assert.equal(given.code, 0, given.stdout + given.stderr);
    const file = `deploy/approvals/resume-${ns}-shop-pause-${hash.slice(0, 8)}.yaml`;
    assert.match(
      given.stdout,
      new RegExp(
        `The content is ${hash}, as the branch ${it.statusBranch} says\\.\nApproved: resume step pause of Application ${ns}/shop, until .*\\.\n${file} committed as \\w{10}, signed with your key\\.\nPushed\\.`,
      ),
    );
    const again = await approve('--step', 'pause');
    assert.equal(again.code, 2);
    assert.match(again.stderr, /is there already/);
    const two = await judged();
    assert.ok((await hub.client.find(`configmaps/${ns}/last`)) !== undefined, two.stdout + two.stderr);
    const status = await it.status('shop');
    assert.deepEqual([status?.['phase'], status?.['approvals']], ['running', [{ by: 'ada@example.com', action: 'resume', target: 'pause', source: file }]]);
    const [commit] = await it.bare.log(it.statusBranch);
    assert.deepEqual(
      commit?.trailers.filter(([key]) => key === 'Approved-By'),
      [['Approved-By', 'ada@example.com']],
    );
  });

  test('where the hub may not resume, a step that somebody resumed there waits on, and is told', async () => {
    await using it = await open('deny');
    const ns = it.namespace;
    const denied = (): ReturnType<Scenario['once']> => it.pass('--hub-resume', 'deny');
    await it.as(null, { 'shop.yaml': waiting(ns) });
    assert.equal((await denied()).code, 1);
    const ref = `applications.core.oam.dev/${ns}/shop`;
    const { workflow } = (await hub.client.get(ref)).status;
    await hub.client.patch(
      ref,
      {
        status: {
          workflow: {
            ...workflow,
            suspend: false,
            steps: workflow.steps.map((step: { phase: string }) => (step.phase === 'suspending' ? { ...step, phase: 'running' } : step)),
          },
        },
      },
      'status',
    );
    const kept = await denied();
    assert.equal(kept.code, 1, kept.stdout + kept.stderr);
    assert.equal(await hub.client.find(`configmaps/${ns}/last`), undefined);
    const live = await hub.client.get(ref);
    assert.equal(live.status.workflow.suspend, true);
    assert.match(JSON.stringify(live.status.workflow.steps), /resumed on the hub, which counts for nothing here/);
  });

  test("what cannot be had back goes by an approver's Approval, which speaks of what he may approve", async () => {
    await using it = await open('delete');
    const ns = it.namespace;
    // The claim waits for a volume that never comes.
    const judged = (): ReturnType<Scenario['once']> => it.pass('--approvers', it.approvers, '--wait', '2s');
    const claim = JSON.stringify({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace: ns },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    await it.as(null, { 'claim.yaml': claim, 'space.yaml': JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `${ns}-b` } }) });
    await judged();
    await it.as(null, { 'claim.yaml': null, 'space.yaml': null });
    assert.match((await judged()).stdout, /plan\/guard/);
    const uid = (await hub.client.get(`persistentvolumeclaims/${ns}/data`)).metadata.uid as string;
    const approval = (name: string, target: object): string =>
      JSON.stringify({
        apiVersion: 'lateen.dev/v1alpha1',
        kind: 'Approval',
        metadata: { name },
        spec: { action: 'delete', target, expires: '2999-01-01T00:00:00Z' },
      });
    await it.as(it.ada, {
      'go.yaml': approval('go', { kind: 'PersistentVolumeClaim', namespace: ns, name: 'data', uid: 'another' }),
      'space-go.yaml': approval('space', { kind: 'Namespace', name: `${ns}-b` }),
    });
    const kept = await judged();
    assert.match(
      kept.stdout,
      /the Approval space does not count: the commit \w+ that brought it is signed by ada@example\.com, who may not approve to delete Namespace/,
    );
    assert.equal((await hub.client.get(`persistentvolumeclaims/${ns}/data`)).metadata['deletionTimestamp'], undefined, "the uid is another one's");
    await it.as(it.ada, { 'go.yaml': approval('go', { kind: 'PersistentVolumeClaim', namespace: ns, name: 'data', uid }) });
    await judged();
    await hub.client.gone(`persistentvolumeclaims/${ns}/data`);
    assert.equal((await hub.client.get(`namespaces/${ns}-b`)).metadata['deletionTimestamp'], undefined);
    const trailers = (await it.bare.log(it.statusBranch)).flatMap((commit) => commit.trailers);
    assert.ok(trailers.some(([key, value]) => key === 'Approved-By' && value === 'ada@example.com'));
  });
});
