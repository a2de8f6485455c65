// What the cloud costs money for goes when an Approval says so, in the right order, and comes back with a revert (I11).
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { openAlibaba } from '../../daemon/provision/alibaba.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import { useCloud, type CloudGround } from '../rig/cloud.ts';
import { openScenario, until, type Ended, type Scenario, type StatusFile } from '../rig/daemon.ts';
import { cloudStory } from '../rig/sample.ts';

const CONFIGURATION = 'configurations.terraform.core.oam.dev/vela-system/ack-worker';
const CLUSTER = 'managedclusters.cluster.open-cluster-management.io/poc-01';
const CLUSTER_FILES = { 'clusters/test.yaml': null, 'clusters/account.yaml': null };
const NO_SIGNAL = new AbortController().signal;

let ground: CloudGround;
let it: Scenario;
let story: Readonly<Record<string, string>>;

// One story on one hub: each test goes on where the one before has ended.
before(async () => {
  ground = await useCloud();
  it = await openScenario({ name: 'removal', hub: ground.lab.planes.hub.client, kubeconfig: ground.lab.planes.hub.kubeconfig });
  story = await cloudStory();
});
after(async () => {
  await it?.[Symbol.asyncDispose]();
  await ground?.[Symbol.asyncDispose]();
});

const once = (trace?: string, wait = '180s'): Promise<Ended> =>
  it.verb('once', { env: ground.env(), ...(trace === undefined ? {} : { crash: { traceFile: trace } }) }, ...ground.args, '--wait', wait);
const approvalOf = (spec: {
  readonly action: string;
  readonly target: { readonly kind: string; readonly namespace?: string; readonly name: string };
  readonly [field: string]: unknown;
}): string => JSON.stringify({ apiVersion: 'lateen.dev/v1alpha1', kind: 'Approval', metadata: { name: `${spec.action}-${spec.target.name}` }, spec });
const approval = (kind: string, namespace: string, name: string): string =>
  approvalOf({ action: 'delete', target: { kind, namespace, name }, reason: 'the test is over' });
const names = async (ref: string): Promise<readonly string[]> => (await it.hub.list(ref)).map(({ metadata }) => metadata.name).sort();
const onMember = async (): Promise<readonly string[]> =>
  (await ground.lab.planes.member.client.list('deployments/default')).map(({ metadata }) => metadata.name);
/** Resources of the cloud that are there. */
const inCloud = (): readonly string[] => {
  const { clusters, vswitches, vpcs } = ground.cloud.state();
  return [...clusters, ...vswitches, ...vpcs].filter(({ state }) => state !== 'gone').map(({ id }) => id);
};
const ready = (status: StatusFile | null): StatusFile | undefined => status?.['conditions']?.find((one: StatusFile) => one['type'] === 'Ready');
const codes = (status: StatusFile | null): readonly string[] => (status?.['objects'] ?? []).map((object: StatusFile) => `${object['kind']} ${object['code']}`);

/** One cluster, registered and available, and the Application on it. */
async function assertThere(ended: Ended): Promise<void> {
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  assert.deepEqual(
    inCloud()
      .map((id) => id.replace(/-.*|^c\w{32,}$/, ''))
      .sort(),
    ['', 'vpc', 'vsw', 'vsw', 'vsw'],
  );
  assert.equal((await it.hub.get(CLUSTER)).status.conditions.find((one: { type: string }) => one.type === 'ManagedClusterConditionAvailable')?.status, 'True');
  assert.deepEqual(await names('initializers.core.oam.dev'), ['managed-cluster', 'ocm-cluster-manager', 'terraform', 'terraform-alibaba']);
  assert.deepEqual(await onMember(), ['podinfo-server']);
}

suite('the cluster of the sample repository', () => {
  test('is made and delivered to', async () => {
    await it.push(story);
    await assertThere(await once());
  });

  test('stays, with all that is on it, when the Initializers are removed from Git, and that is told', async () => {
    const before = inCloud();
    await it.push({ ...CLUSTER_FILES, 'apps/podinfo/app.yaml': null }, 'Tidy up');
    const ended = await once();
    assert.equal(ended.code, 1, ended.stdout + ended.stderr);
    assert.match(
      ended.stdout,
      /managed-cluster +deleting +False +ManagedCluster poc-01 is no longer asked for by vela-system\/managed-cluster and is kept, for it cannot be had back/,
    );
    assert.match(
      ended.stdout,
      /terraform-alibaba +deleting +False +Initializer vela-system\/terraform-alibaba is no longer in the repository; what it made is kept/,
    );
    assert.deepEqual(inCloud(), before);
    assert.deepEqual(codes(await it.status('managed-cluster', 'vela-system')), ['ManagedCluster plan/guard', 'Configuration plan/guard']);
    assert.equal((await it.status('terraform-alibaba', 'vela-system'))?.['error']?.code, 'plan/guard');
    // An Application can be had back: it goes.
    assert.equal(await it.status('workflow-demo', 'default'), null);
    assert.deepEqual(await onMember(), []);
    await it.work.git('revert', '--no-edit', 'HEAD');
    await it.work.push();
    await assertThere(await once());
    assert.deepEqual(inCloud(), before, 'the same cluster');
  });

  test('goes by an Approval while the Application stays, which waits for a cluster then', async () => {
    await it.push({ 'clusters/test.yaml': null, 'approvals/cluster.yaml': approval('Initializer', 'vela-system', 'managed-cluster') }, 'Give the cluster up');
    const ended = await once(undefined, '30s');
    assert.deepEqual(inCloud(), []);
    assert.deepEqual(await names('configurations.terraform.core.oam.dev'), []);
    assert.deepEqual(await names('managedclusters.cluster.open-cluster-management.io'), []);
    assert.deepEqual(
      (await names('secrets/vela-system')).filter((name) => ['ack-conn', 'poc-01'].includes(name)),
      [],
    );
    assert.notEqual(ended.code, 0, ended.stdout);
    assert.match(
      ended.stdout,
      /workflow-demo +running +False +step deploy-server: failed to find any cluster matches given labels: purpose=test \(policy test-clusters\)/,
    );
    assert.equal(ready(await it.status('workflow-demo', 'default'))?.['status'], 'False');
    // The account's document is there, and it depends on the one; nothing depends on the other any more.
    assert.deepEqual(await names('initializers.core.oam.dev'), ['terraform', 'terraform-alibaba']);
  });

  test('and when the Application goes then, an Approval gives up what it had there', async () => {
    await it.push({ 'apps/podinfo/app.yaml': null });
    const ended = await once(undefined, '15s');
    assert.match(
      ended.stdout,
      /workflow-demo +deleting +False +failed to get cluster poc-01: not found; what lies on poc-01 is given up by an Approval to abandon it/,
    );
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    await it.push({ 'approvals/lost.yaml': approvalOf({ action: 'abandon', target: { kind: 'ManagedCluster', name: 'poc-01' }, expires }) });
    const gone = await once();
    assert.equal(gone.code, 0, gone.stdout + gone.stderr);
    assert.equal(await it.hub.find('applications.core.oam.dev/default/workflow-demo'), undefined);
  });

  test('is made anew by a revert of all that, and delivered to', async () => {
    const before = ground.cloud.state().clusters.length;
    await it.work.git('revert', '--no-edit', 'HEAD~3..HEAD');
    await it.work.push();
    await assertThere(await once());
    assert.equal(ground.cloud.state().clusters.length, before + 1);
  });

  test('goes last and in order when its Application goes in the same commit, whatever the cloud has against it', async () => {
    const trace = join(it.directory, 'trace');
    const [vpc] = ground.cloud.state().vpcs.filter(({ state }) => state !== 'gone');
    assert.ok(vpc !== undefined);
    // Somebody else's, in the same network: the cloud will not let that go.
    const { securityToken = '', ...keys } = ground.cloud.credentials;
    const cloud = await openAlibaba({ endpoint: `http://${ground.cloud.endpoint}`, clock: systemClock() })({ ...keys, securityToken, region: 'cn-hongkong' });
    const other = await cloud.createVSwitch(
      { vpcId: vpc.id, name: 'theirs', cidr: '10.200.0.0/24', zone: 'cn-hongkong-b', tags: {}, token: 'theirs' },
      NO_SIGNAL,
    );
    ground.cloud.faults.add({ kind: 'fail-deletion', times: 2 });
    await it.push(
      { ...CLUSTER_FILES, 'apps/podinfo/app.yaml': null, 'approvals/cluster.yaml': approval('Initializer', 'vela-system', 'managed-cluster') },
      'Everything may go',
    );
    await using daemon = it.run({ env: ground.env(), crash: { traceFile: trace } }, ...ground.args);
    const told = async (words: RegExp): Promise<void> => {
      await until(
        `the Configuration says ${words}`,
        async () => (words.test((await it.hub.get(CONFIGURATION)).status?.destroy?.message ?? '') ? true : undefined),
        60_000,
      );
      await it.untilStatus('managed-cluster', () => true);
      await until(`the status branch says ${words}`, async () => {
        const file = await it.bare.show(it.statusBranch, 'applications/vela-system/managed-cluster.yaml');
        return words.test(file ?? '') ? true : undefined;
      });
    };
    await told(/cluster poc-01 \(c\w+\) could not be deleted by the cloud; it is asked again/);
    await told(/has dependent resources.*DependencyViolation/);
    await cloud.deleteVSwitch(other, NO_SIGNAL);
    await until('the Configuration is gone', async () => ((await names('configurations.terraform.core.oam.dev')).length === 0 ? true : undefined), 60_000);
    await until('the Initializer is gone', async () => ((await names('initializers.core.oam.dev')).includes('managed-cluster') ? undefined : true), 60_000);
    await daemon.stop();
    assert.deepEqual(inCloud(), []);
    assert.deepEqual(await onMember(), []);
    const effects = (await readFile(trace, 'utf8')).split('\n');
    const order = [
      /^delete Deployment /,
      /^delete ManagedCluster poc-01/,
      /^cloud deletion of cluster/,
      /^cloud deletion of vSwitch/,
      /^cloud deletion of VPC/,
      /^delete Secret vela-system\/ack-conn/,
    ];
    const firsts = order.map((effect) => effects.findIndex((line) => effect.test(line)));
    assert.deepEqual(
      firsts.toSorted((a, b) => a - b),
      firsts,
      effects.filter((line) => /^(?:delete|cloud)/.test(line)).join('\n'),
    );
    assert.ok(
      firsts.every((at) => at >= 0),
      effects.join('\n'),
    );
    assert.equal(effects.filter((line) => order[2]?.test(line) === true).length, 3, 'asked for the deletion');
  });

  test('leaves the account to an Approval of its own, and no kind or namespace goes with what is built in', async () => {
    const left = await names('initializers.core.oam.dev');
    assert.ok(left.includes('terraform-alibaba') && left.includes('terraform'), left.join(' '));
    assert.equal((await it.status('terraform-alibaba', 'vela-system'))?.['error']?.code, 'plan/guard');
    await it.push({ 'approvals/account.yaml': approval('Initializer', 'vela-system', 'terraform-alibaba') });
    const ended = await once();
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    assert.deepEqual(await names('initializers.core.oam.dev'), []);
    assert.deepEqual(await names('applications.core.oam.dev'), []);
    assert.deepEqual(await names('providers.terraform.core.oam.dev'), []);
    const kinds = await names('customresourcedefinitions');
    for (const kind of ['configurations.terraform.core.oam.dev', 'managedclusters.cluster.open-cluster-management.io']) assert.ok(kinds.includes(kind), kind);
    assert.ok((await names('namespaces')).includes('open-cluster-management'));
    assert.deepEqual(
      (await it.bare.files(it.statusBranch)).filter((path) => /^(?:applications|initializers)\//.test(path)),
      [],
    );
  });
});
