// What somebody deletes on the hub by hand is there again, and there is one cluster all the while (I6, I11).
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { useCloud, type CloudGround } from '../rig/cloud.ts';
import { openScenario, until, type Daemon, type Scenario } from '../rig/daemon.ts';
import { cloudStory } from '../rig/sample.ts';

const CONFIGURATION = 'configurations.terraform.core.oam.dev/vela-system/ack-worker';
const CLUSTER = 'managedclusters.cluster.open-cluster-management.io/poc-01';
const APPLICATION = 'applications.core.oam.dev/vela-system/managed-cluster';

let ground: CloudGround;
let it: Scenario;
let daemon: Daemon;

// One story on one hub: each test goes on where the one before has ended.
before(async () => {
  ground = await useCloud({ createMs: 3000 });
  it = await openScenario({ name: 'hand', hub: ground.lab.planes.hub.client, kubeconfig: ground.lab.planes.hub.kubeconfig });
  await it.push(await cloudStory());
  daemon = it.run({ env: ground.env() }, ...ground.args);
});
after(async () => {
  await daemon?.stop();
  await it?.[Symbol.asyncDispose]();
  await ground?.[Symbol.asyncDispose]();
});

/** Deletes an object, and waits until that one is gone, whatever has its name by then. */
async function deleteByHand(ref: string): Promise<void> {
  const { uid } = (await it.hub.get(ref)).metadata;
  await it.hub.delete(ref);
  await until(`${ref} is gone`, async () => ((await it.hub.find(ref))?.metadata.uid === uid ? undefined : true), 60_000);
}

const conditionOf = (
  object: { readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] } } | undefined,
  type: string,
): string | undefined => object?.status?.conditions?.find((one) => one.type === type)?.status;

/** All is well at the same time: Configuration, cluster, Initializer, Application; and the status branch says so. */
async function untilWell(): Promise<void> {
  await until(
    'all is well',
    async () => {
      const [configuration, cluster, own, initializer, application] = await Promise.all(
        [CONFIGURATION, CLUSTER, APPLICATION, 'initializers.core.oam.dev/vela-system/managed-cluster', 'applications.core.oam.dev/default/workflow-demo'].map(
          (ref) => it.hub.find(ref),
        ),
      );
      const deployments = (await ground.lab.planes.member.client.list('deployments/default')).map(({ metadata }) => metadata.name);
      const told = await it.status('managed-cluster', 'vela-system');
      const isWell =
        configuration?.status?.state === 'Available' &&
        conditionOf(cluster, 'ManagedClusterConditionAvailable') === 'True' &&
        initializer?.status?.status === 'success' &&
        conditionOf(own, 'Ready') === 'True' &&
        conditionOf(application, 'Ready') === 'True' &&
        deployments.includes('podinfo-server') &&
        told?.['conditions']?.[0]?.status === 'True';
      return isWell ? true : undefined;
    },
    120_000,
  ).catch(async (error: unknown) => {
    throw new Error(`${String(error)}\n${daemon.stderr().slice(-4000)}\n${JSON.stringify(await it.status('managed-cluster', 'vela-system'), null, 1)}`);
  });
  const { clusters, vpcs, vswitches } = ground.cloud.state();
  assert.deepEqual([clusters.length, vpcs.length, vswitches.length], [1, 1, 3], 'that were ever made');
  assert.equal(clusters[0]?.state, 'running');
}

suite('deleted by hand', () => {
  test('Application and Configuration while the cluster is being made, and ManagedCluster while it is being registered', async () => {
    await until('the cluster is being made', () => (ground.cloud.state().clusters.length > 0 ? true : undefined), 120_000);
    await deleteByHand(APPLICATION);
    await deleteByHand(CONFIGURATION);
    await until('the cluster is being registered', () => it.hub.find(CLUSTER), 60_000);
    await deleteByHand(CLUSTER);
    await untilWell();
  });

  test('the Configuration of a cluster that runs: the cluster stays, and that is said', async () => {
    await deleteByHand(CONFIGURATION);
    const { message } = await daemon.untilLog(
      (line) =>
        String(line['message']).startsWith('deleted without an Approval') &&
        String(line['message']).includes('VPC') &&
        String(line['message']).includes('cluster'),
    );
    const [cluster] = ground.cloud.state().clusters;
    assert.match(String(message), new RegExp(`^deleted without an Approval: the object goes, cluster ${cluster?.id} and VPC vpc-\\w+ stay in the cloud`));
    await untilWell();
  });

  test("the Initializer's Application when all is done", async () => {
    await deleteByHand(APPLICATION);
    await untilWell();
  });

  test('the ManagedCluster when all is done: the step that registered it does so again', async () => {
    await deleteByHand(CLUSTER);
    await untilWell();
  });

  test('the Job that registers, as in KubeVela 1.1', async () => {
    const name = `${it.namespace}-01`;
    await it.push({ 'job.yaml': JOB_STEP.replaceAll('NAMESPACE', it.namespace) });
    const job = `jobs/${it.namespace}/register`;
    await until('the Job is there', () => it.hub.find(job), 60_000).catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${daemon.stderr().slice(-4000)}\n${JSON.stringify(await it.status('cluster'), null, 1)}`);
    });
    await deleteByHand(job);
    await until(
      'the Initializer is a success',
      async () => ((await it.hub.get(`initializers.core.oam.dev/${it.namespace}/cluster`)).status?.status === 'success' ? true : undefined),
      120_000,
    );
    assert.equal(conditionOf(await it.hub.get(`managedclusters.cluster.open-cluster-management.io/${name}`), 'ManagedClusterConditionAvailable'), 'True');
    assert.equal(ground.cloud.state().clusters.filter((cluster) => cluster.name === name).length, 1);
    // The Job is complete, and what it stands for is taken away.
    await deleteByHand(`managedclusters.cluster.open-cluster-management.io/${name}`);
    await until(
      'the cluster is registered again',
      async () =>
        conditionOf(await it.hub.find(`managedclusters.cluster.open-cluster-management.io/${name}`), 'ManagedClusterConditionAvailable') === 'True'
          ? true
          : undefined,
      60_000,
    ).catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${daemon.stderr().slice(-4000)}\n${JSON.stringify(await it.status('cluster'), null, 1)}`);
    });
    await until('the Job is complete again', async () => ((await it.hub.find(job))?.status?.succeeded === 1 ? true : undefined), 60_000);
  });
});

const JOB_STEP = `apiVersion: core.oam.dev/v1beta1
kind: WorkflowStepDefinition
metadata: {name: join-by-job, namespace: NAMESPACE}
spec:
  schematic:
    cue:
      template: |
        import ("vela/op", "encoding/base64")
        secret: op.#Read & {value: {apiVersion: "v1", kind: "Secret", metadata: {name: "conn", namespace: context.namespace}}}
        register: op.#Apply & {value: {
          apiVersion: "batch/v1", kind: "Job", metadata: {name: "register", namespace: context.namespace}
          spec: template: spec: {restartPolicy: "OnFailure", containers: [{name: "register", image: "oamdev/cluster-register:v1.0"
            command: ["/app", "--cluster-name=\\(base64.Decode(null, secret.value.data.name))", "--kube-config=\\(base64.Decode(null, secret.value.data.kubeconfig))"]}]}
        }}
        wait: op.#ConditionalWait & {continue: register.value.status.succeeded == 1}
---
apiVersion: core.oam.dev/v1beta1
kind: Initializer
metadata: {name: cluster, namespace: NAMESPACE, annotations: {lateen.dev/kubevela: "1.1"}}
spec:
  appTemplate:
    spec:
      components:
        - name: worker
          type: alibaba-ack
          properties:
            k8s_name_prefix: NAMESPACE
            writeConnectionSecretToRef: {name: conn, namespace: NAMESPACE}
      workflow:
        steps:
          - {name: make, type: apply-component, properties: {component: worker}}
          - {name: join, type: join-by-job}
`;
