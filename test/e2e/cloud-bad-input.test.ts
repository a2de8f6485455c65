// What cannot go well: each has its words, at its line, and makes nothing that costs money.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { startCloud, type Cloud } from '../lab/cloud.ts';
import { useLab, type Lab } from '../lab/lab.ts';
import { accountOf, flagsOf, PROVIDER } from '../rig/cloud.ts';
import { openScenario, until, type DaemonOptions, type Ended, type Scenario, type StatusFile } from '../rig/daemon.ts';

let lab: Lab<'hub'>;
let cloud: Cloud;
before(async () => {
  lab = await useLab(['hub']);
  // Each scenario leaves its cluster and network behind: the account's own ten VPCs would not last.
  cloud = await startCloud({ planes: false, createMs: 200, deleteMs: 200, vpcQuota: 100 });
  await using it = await open();
  await it.push({ 'provider.yaml': PROVIDER });
  const ended = await once(it);
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
});
after(async () => {
  await cloud?.stop();
  await lab?.stop();
});

const SECRET = 'secrets/vela-system/alibaba-account-creds';

interface Differences {
  readonly type?: string;
  /** One more property, at line 12. */
  readonly property?: string;
  /** An entry of dependsOn, at line 17. */
  readonly dependsOn?: string;
}

const initializer = (
  it: Scenario,
  { type = 'alibaba-ack', property = 'k8s_worker_number: 1', dependsOn }: Differences = {},
): string => `apiVersion: core.oam.dev/v1beta1
kind: Initializer
metadata: {name: cluster, namespace: ${it.namespace}}
spec:
  appTemplate:
    spec:
      components:
        - name: worker
          type: ${type}
          properties:
            k8s_name_prefix: ${it.namespace}
            ${property}
      workflow:
        steps:
          - {name: make, type: apply-component, properties: {component: worker}}
  dependsOn:${
    dependsOn === undefined
      ? ' []'
      : `
    - ref: {name: ${dependsOn}}`
  }
`;

const open = (): Promise<Scenario> => openScenario({ name: 'bad', hub: lab.planes.hub.client, kubeconfig: lab.planes.hub.kubeconfig });
const once = (it: Scenario, env: DaemonOptions['env'] = accountOf(cloud)): Promise<Ended> => it.verb('once', { env }, ...flagsOf(cloud), '--wait', '60s');
const clustersOf = (it: Scenario) => cloud.state().clusters.filter(({ name }) => name === `${it.namespace}-01`);
const configuration = (it: Scenario): string => `configurations.terraform.core.oam.dev/${it.namespace}/worker`;
const findingOf = async (it: Scenario, code: string): Promise<StatusFile | undefined> =>
  (await it.repositoryStatus())?.['diagnostics']?.find((one: StatusFile) => one['code'] === code);

/** A scenario whose Configuration is taken off the hub in the end: the next one's daemon would look after it, too. */
async function withInitializer(differences: Differences, test: (it: Scenario) => Promise<void>): Promise<void> {
  await using it = await open();
  await it.push({ 'cluster.yaml': initializer(it, differences) });
  try {
    await test(it);
  } finally {
    await it.hub.patch(configuration(it), { metadata: { finalizers: null } }).catch(() => {});
    await it.hub.delete(configuration(it)).catch(() => {});
  }
}

/** It ended by itself, told of it at this place, and asked the cloud for nothing. */
async function assertTold(
  it: Scenario,
  ended: Ended,
  expected: { readonly code: string; readonly at: string; readonly words: RegExp; readonly phase?: string },
): Promise<void> {
  assert.equal(ended.code, 1, ended.stdout + ended.stderr);
  const finding = await findingOf(it, expected.code);
  assert.equal(finding?.['at'], expected.at, JSON.stringify(finding));
  assert.match(finding?.['message'], expected.words);
  assert.ok(ended.stdout.includes(`${expected.at}: ${expected.code}: ${finding?.['message']}`), ended.stdout);
  assert.deepEqual(clustersOf(it), []);
  const told = await it.bare.show(it.statusBranch, `initializers/${it.namespace}/cluster.yaml`);
  if (expected.phase !== undefined) assert.match(told ?? '', new RegExp(`^phase: ${expected.phase}$`, 'm'));
}

suite('documents', () => {
  for (const { title, differences, code, at, words, phase } of [
    {
      title: 'dependsOn in a circle',
      differences: { dependsOn: 'cluster' },
      code: 'load/cycle',
      at: 'cluster.yaml:17:19',
      words: /^Initializers wait for each other: bad-\w+\/cluster -> bad-\w+\/cluster$/,
      phase: undefined,
    },
    {
      title: 'dependsOn on nothing',
      differences: { dependsOn: 'terafform' },
      code: 'load/reference',
      at: 'cluster.yaml:17:19',
      words: /^there is no Initializer "terafform" in namespace vela-system$/,
      phase: undefined,
    },
    {
      title: 'a component type that there is not',
      differences: { type: 'alibaba-akc' },
      code: 'render/unknown-type',
      at: 'cluster.yaml:9:17',
      words: /^there is no ComponentDefinition "alibaba-akc" \(did you mean "alibaba-ack"\?\)$/,
      phase: 'initializing',
    },
    {
      title: 'a variable that the module has not',
      differences: { property: 'k8s_worker_nmber: 1' },
      code: 'provision/refused',
      at: 'cluster.yaml:12:13',
      words: /^the variable "k8s_worker_nmber" is not known\. Did you mean "k8s_worker_number"\?$/,
      phase: 'initializing',
    },
    {
      title: 'a variable that is refused',
      differences: { property: 'password: Correct-horse-1' },
      code: 'provision/refused',
      at: 'cluster.yaml:12:13',
      words: /^the variable "password" is refused: no password is set on nodes/,
      phase: 'initializing',
    },
    {
      title: 'a value that does not fit',
      differences: { property: 'node_cidr_mask: 12' },
      code: 'provision/refused',
      at: 'cluster.yaml:12:13',
      words: /^node_cidr_mask is 12: 24 to 28 are allowed$/,
      phase: 'initializing',
    },
  ] as const) {
    test(title, () =>
      withInitializer(differences, async (it) => {
        const before = cloud.state().calls.length;
        await assertTold(it, await once(it), { code, at, words, ...(phase === undefined ? {} : { phase }) });
        assert.deepEqual(
          cloud
            .state()
            .calls.slice(before)
            .filter(({ action }) => action.startsWith('Create')),
          [],
        );
        // Corrected, it goes on.
        await it.push({ 'cluster.yaml': initializer(it) });
        const ended = await once(it);
        assert.equal(ended.code, 0, ended.stdout + ended.stderr);
        assert.equal(clustersOf(it).length, 1);
      }),
    );
  }
});

suite('the account', () => {
  /** The environment of a daemon that does not have what it needs, then has it. */
  const cases: readonly { readonly title: string; readonly spoil: () => Promise<DaemonOptions['env']>; readonly words: RegExp }[] = [
    {
      title: 'a secret key that is not the right one',
      spoil: () => Promise.resolve({ ...accountOf(cloud), ALICLOUD_SECRET_KEY: 'NotTheRightSecretKey0123456789' }),
      words: /^listing clusters: the AccessKey secret does not belong to the AccessKey id\. The cloud says: .*SignatureDoesNotMatch/,
    },
    {
      title: 'an STS token that has expired',
      spoil: () => {
        const old = accountOf(cloud);
        cloud.renewCredentials();
        return Promise.resolve(old);
      },
      words: /^listing clusters: the STS token has expired\. The cloud says: .*InvalidSecurityToken\.Expired/,
    },
    {
      title: 'no credentials anywhere',
      spoil: async () => {
        await lab.planes.hub.client.delete(SECRET);
        return {};
      },
      words:
        /^Secret vela-system\/alibaba-account-creds, which Provider default\/default names, is not there: give the daemon ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY/,
    },
  ];
  for (const { title, spoil, words } of cases) {
    test(title, () =>
      withInitializer({}, async (it) => {
        await assertTold(it, await once(it, await spoil()), { code: 'provision/credentials', at: 'cluster.yaml:8:11', words, phase: 'initializing' });
        // The daemon is started again with the right ones: the Secret says so, and it goes on.
        const ended = await once(it);
        assert.equal(ended.code, 0, ended.stdout + ended.stderr);
        const secret = Buffer.from((await it.hub.get(SECRET)).data['credentials'], 'base64').toString('utf8');
        assert.ok(secret.includes(cloud.credentials.accessKeySecret) && secret.includes(cloud.credentials.securityToken ?? '-'));
        assert.equal(clustersOf(it).length, 1);
      }),
    );
  }
});

suite('the cloud', () => {
  test('a quota that is used up is told until it is raised', () =>
    withInitializer({}, async (it) => {
      cloud.faults.add({ kind: 'quota', action: 'CreateCluster', times: 1000 });
      try {
        await assertTold(it, await once(it), {
          code: 'provision/quota',
          at: 'cluster.yaml:8:11',
          words: /The quota of the account does not allow another cluster\. \(QuotaExceeded\.Cluster/,
          phase: 'initializing',
        });
        const commits = (await it.bare.log(it.statusBranch)).length;
        assert.equal((await once(it)).code, 1);
        assert.equal((await it.bare.log(it.statusBranch)).length, commits, 'asked again, and nothing new to be told');
      } finally {
        cloud.faults.clear();
      }
      const ended = await once(it);
      assert.equal(ended.code, 0, ended.stdout + ended.stderr);
      assert.equal(clustersOf(it).length, 1);
    }));

  test('a cluster that could not be made is Unavailable, and there is never a second one', () =>
    withInitializer({}, async (it) => {
      cloud.faults.add({ kind: 'fail-creation' });
      for (let run = 1; run <= 2; run++) {
        const ended = await once(it);
        assert.equal(ended.code, 1, ended.stdout + ended.stderr);
        assert.deepEqual(
          clustersOf(it).map(({ state }) => state),
          ['failed'],
          ended.stdout + ended.stderr,
        );
      }
      const finding = await findingOf(it, 'provision/failed');
      assert.equal(finding?.['at'], 'cluster.yaml:8:11');
      assert.match(
        finding?.['message'],
        /^cluster bad-\w+-01 \(c\w+\) is failed: .*QuotaExceeded\.Ecs.* It is kept; to have it taken away and made again, annotate the Configuration with lateen\.dev\/approved-deletion=yes and delete it$/,
      );
      assert.equal((await it.hub.get(configuration(it))).status.state, 'Unavailable');
      // As the words say.
      await it.hub.patch(configuration(it), { metadata: { annotations: { 'lateen.dev/approved-deletion': 'yes' } } });
      await it.hub.delete(configuration(it));
      await using daemon = it.run({ env: accountOf(cloud) }, ...flagsOf(cloud));
      await until(
        'the second is there, the first is gone',
        async () => {
          const states = clustersOf(it).map(({ state }) => state);
          return states.join() === 'gone,running' && (await it.hub.get(configuration(it))).status?.state === 'Available' ? true : undefined;
        },
        60_000,
      );
      await daemon.stop();
    }));
});
