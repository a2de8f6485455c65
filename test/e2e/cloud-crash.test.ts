// A cloud cluster is made and registered once, whatever happens on the way: kill -9, a cloud in trouble, two daemons (I6).
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { mapLimit } from '../../daemon/lib/queue.ts';
import { PROVIDER, useCloud, type CloudGround } from '../rig/cloud.ts';
import { openScenario, until, type Cut, type Ended, type Scenario } from '../rig/daemon.ts';

let ground: CloudGround;
before(async () => {
  ground = await useCloud();
  const { client } = ground.lab.planes.hub;
  // The first start makes the hub ready; what all scenarios share is made by one that owns it.
  await using it = await openScenario({ name: 'account', hub: client, kubeconfig: ground.lab.planes.hub.kubeconfig });
  await it.push({ 'provider.yaml': PROVIDER });
  const once = await run(it);
  assert.equal(once.code, 0, once.stdout + once.stderr);
});
after(async () => {
  await ground?.[Symbol.asyncDispose]();
});

/** Registers as KubeVela 1.1 does, by a Job with its own image. */
const JOIN = (namespace: string): string =>
  JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'WorkflowStepDefinition',
    metadata: { name: 'join', namespace },
    spec: {
      schematic: {
        cue: {
          template: `import ("vela/op", "encoding/base64")
secret: op.#Read & {value: {apiVersion: "v1", kind: "Secret", metadata: {name: parameter.connection, namespace: context.namespace}}}
clusterName: "\\(base64.Decode(null, secret.value.data["name"]))"
kubeconfig: "\\(base64.Decode(null, secret.value.data["kubeconfig"]))"
register: op.#Apply & {value: {
  apiVersion: "batch/v1", kind: "Job", metadata: {name: "register", namespace: context.namespace}
  spec: template: spec: {restartPolicy: "OnFailure", containers: [{name: "register", image: "oamdev/cluster-register:v1.0", command: ["/app", "--cluster-name=" + clusterName, "--kube-config=" + kubeconfig]}]}
}}
wait: op.#ConditionalWait & {continue: register.value.status.succeeded == 1}
parameter: connection: string
`,
        },
      },
    },
  });

const documents = (it: Scenario, properties = ''): Readonly<Record<string, string>> => ({
  'join.json': JOIN(it.namespace),
  'cluster.yaml': `apiVersion: core.oam.dev/v1beta1
kind: Initializer
metadata: {name: cluster, namespace: ${it.namespace}}
spec:
  appTemplate:
    spec:
      components:
        - name: worker
          type: alibaba-ack
          properties:
            k8s_name_prefix: ${it.namespace}${properties}
            writeConnectionSecretToRef: {name: conn, namespace: ${it.namespace}}
      workflow:
        steps:
          - {name: make, type: apply-component, properties: {component: worker}}
          - {name: join, type: join, properties: {connection: conn}}
`,
});

const scenario = (name: string): Promise<Scenario> => openScenario({ name, hub: ground.lab.planes.hub.client, kubeconfig: ground.lab.planes.hub.kubeconfig });
const run = (it: Scenario, cut?: Cut, traceFile?: string, ...args: readonly string[]): Promise<Ended> =>
  it.verb(
    'once',
    {
      env: ground.env(),
      ...(cut === undefined && traceFile === undefined
        ? {}
        : { crash: { ...(cut === undefined ? {} : { cut }), ...(traceFile === undefined ? {} : { traceFile }) } }),
    },
    ...ground.args,
    '--wait',
    '60s',
    ...args,
  );
const clusterName = (it: Scenario): string => `${it.namespace}-01`;
const clustersOf = (it: Scenario) => ground.cloud.state().clusters.filter(({ name }) => name === clusterName(it));

/** One cluster in the cloud, one network, registered and available; the Initializer a success; told in Git. */
async function assertEnd(it: Scenario, ended: Ended): Promise<void> {
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  assert.equal(clustersOf(it).length, 1, 'clusters that were ever made');
  const networks = ground.cloud.state().vpcs.filter((vpc) => JSON.stringify(vpc.tags).includes(it.namespace));
  assert.equal(networks.length, 1, 'networks that were ever made');
  const { client } = ground.lab.planes.hub;
  const cluster = await client.get(`managedclusters.cluster.open-cluster-management.io/${clusterName(it)}`);
  assert.equal(cluster.status?.conditions?.find((one: { type: string }) => one.type === 'ManagedClusterConditionAvailable')?.status, 'True');
  assert.equal((await client.get(`jobs/${it.namespace}/register`)).status?.succeeded, 1);
  assert.equal((await client.get(`initializers.core.oam.dev/${it.namespace}/cluster`)).status?.status, 'success');
  assert.match((await it.bare.show(it.statusBranch, `initializers/${it.namespace}/cluster.yaml`)) ?? '', /^phase: success$/m);
}

suite('one cluster', () => {
  test('when it is killed before and after every request to the cloud and every note of it', { timeout: 1_200_000 }, async () => {
    await using undisturbed = await scenario('plain');
    await undisturbed.push(documents(undisturbed));
    const trace = join(undisturbed.directory, 'trace');
    await assertEnd(undisturbed, await run(undisturbed, undefined, trace));
    const effects = (await readFile(trace, 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' ')[0] ?? '');
    const counts = new Map([...new Set(effects)].map((kind) => [kind, effects.filter((it) => it === kind).length]));
    assert.ok((counts.get('cloud') ?? 0) >= 3, JSON.stringify([...counts]));
    const nths = (effect: string): readonly Cut[] =>
      Array.from({ length: counts.get(effect) ?? 0 }, (_, i) => i + 1).flatMap((nth) => (['before', 'after'] as const).map((when) => ({ effect, nth, when })));
    // After every request to the cloud, before the one that must not be made twice, and after some of the rest. Each
    // effect of making a cluster and of registering one is cut at in test/unit/provision/ and test/unit/transport/register/.
    const later = (kind: string, count: number): readonly Cut[] =>
      nths(kind)
        .filter(({ when }) => when === 'after')
        .slice(0, count);
    const requests = nths('cloud');
    const cuts = [
      ...requests.filter(({ when }) => when === 'after'),
      ...requests.filter(({ when }) => when === 'before').slice(-1),
      ...later('system', 3),
      ...['apply', 'status'].flatMap((kind) => later(kind, 1)),
    ];
    const failures: string[] = [];
    await mapLimit(
      cuts,
      2,
      async (cut) => {
        await using it = await scenario('cut');
        await it.push(documents(it));
        const killed = await run(it, cut);
        assert.ok(killed.signal === 'SIGKILL' || killed.code === 0, killed.stdout + killed.stderr);
        try {
          await assertEnd(it, await run(it));
        } catch (error) {
          failures.push(`${cut.when} ${cut.effect} ${cut.nth}: ${error instanceof Error ? error.message : String(error)}`);
        }
      },
      AbortSignal.timeout(1_100_000),
    );
    assert.deepEqual(failures, []);
  });

  for (const [title, fault] of [
    ['answers with Throttling', { kind: 'throttle', action: 'CreateCluster', times: 2 }],
    ['answers 502 with a page of HTML', { kind: 'server-error', action: 'DescribeClusterDetail', times: 2, body: 'html' }],
    ['makes the cluster and its answer is lost', { kind: 'lose-answer', action: 'CreateCluster', times: 1 }],
    ['makes the network and its answer is lost', { kind: 'lose-answer', action: 'CreateVpc', times: 1 }],
  ] as const) {
    test(`when the cloud ${title}`, async () => {
      await using it = await scenario('fault');
      await it.push(documents(it));
      ground.cloud.faults.add(fault);
      await assertEnd(it, await run(it));
    });
  }

  test('when two daemons are started for it', async () => {
    await using it = await scenario('two');
    await it.push(documents(it));
    const other = ['--work-dir', join(it.directory, 'other')];
    const ends = await Promise.all([run(it), run(it, undefined, undefined, ...other)]);
    assert.ok(
      ends.some(({ code }) => code === 0),
      ends.map(({ stdout, stderr }) => stdout + stderr).join('\n'),
    );
    await assertEnd(it, await run(it));
  });

  test('when its Application and its Configuration are deleted by hand on the way', async () => {
    await using it = await scenario('hand');
    await it.push(documents(it));
    const { client } = ground.lab.planes.hub;
    await using daemon = it.run({ env: ground.env() }, ...ground.args);
    await until('the cluster is being made', () => (clustersOf(it).length > 0 ? true : undefined));
    await client.delete(`applications.core.oam.dev/${it.namespace}/cluster`);
    await until(
      'the Initializer is a success',
      async () => ((await client.get(`initializers.core.oam.dev/${it.namespace}/cluster`)).status?.status === 'success' ? true : undefined),
      60_000,
    );
    await daemon.stop();
    await assertEnd(it, await run(it));
  });
});
