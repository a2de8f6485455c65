/**
 * OCM's own programs as processes on loopback, against the lab's control planes: hub controllers, and an agent for a member.
 * They come from outside (`OCM_BIN`); nothing of OCM is in this repository but names and flags.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeInput, LabClient } from '../lab/client.ts';
import type { ControlPlane } from '../lab/lab.ts';
import { until } from '../rig/daemon.ts';
import { registerWebhook, webhookCertificate } from './webhook.ts';

const HUB_NAMESPACE = 'open-cluster-management-hub';
const AGENT_NAMESPACE = 'open-cluster-management-agent';
const NAME_LABEL = 'open-cluster-management.io/cluster-name';
const END_MS = 10_000;

/** A program that runs; its output is in a file. */
interface Program extends AsyncDisposable {
  readonly logFile: string;
}

function start(file: string, args: readonly string[], logFile: string): Program {
  const log = openSync(logFile, 'a');
  const child: ChildProcess = spawn(file, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const leash = (): void => void child.kill('SIGKILL');
  process.once('exit', leash);
  return {
    logFile,
    [Symbol.asyncDispose]: async () => {
      process.off('exit', leash);
      child.kill('SIGTERM');
      const late = sleep(END_MS, undefined, { ref: false }).then(() => child.kill('SIGKILL'));
      await Promise.race([ended, late]);
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const listen = async (): Promise<string> => `--listen=127.0.0.1:${await freePort()}`;

/** A definition that takes anything: enough for a controller that only wants to watch. */
function openDefinition(group: string, versions: readonly string[], kind: string, scope: 'Cluster' | 'Namespaced'): KubeInput {
  const plural = `${kind.toLowerCase()}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, annotations: { 'api-approved.kubernetes.io': 'unapproved, for tests' } },
    spec: {
      group,
      scope,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      versions: versions.map((name, at) => ({
        name,
        served: true,
        storage: at === 0,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      })),
    },
  };
}

const ADDON = 'addon.open-cluster-management.io';
const CLUSTER = 'cluster.open-cluster-management.io';
const HUB_DEFINITIONS: readonly KubeInput[] = [
  openDefinition(ADDON, ['v1beta1', 'v1alpha1'], 'ManagedClusterAddOn', 'Namespaced'),
  openDefinition(ADDON, ['v1beta1', 'v1alpha1'], 'ClusterManagementAddOn', 'Cluster'),
  openDefinition(ADDON, ['v1beta1', 'v1alpha1'], 'AddOnDeploymentConfig', 'Namespaced'),
  openDefinition(ADDON, ['v1alpha1'], 'AddOnTemplate', 'Cluster'),
  openDefinition(CLUSTER, ['v1alpha1'], 'AddOnPlacementScore', 'Namespaced'),
  openDefinition('work.open-cluster-management.io', ['v1alpha1'], 'ManifestWorkReplicaSet', 'Namespaced'),
];
const MEMBER_DEFINITIONS: readonly KubeInput[] = [openDefinition(CLUSTER, ['v1alpha1'], 'ClusterClaim', 'Cluster')];

async function define(client: LabClient, definitions: readonly KubeInput[], namespaces: readonly string[]): Promise<void> {
  for (const object of definitions) await client.apply(object);
  for (const name of namespaces) await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

/** What a cluster that wants to join may do before anybody accepted it. */
async function grantBootstrap(hub: LabClient): Promise<void> {
  const name = 'open-cluster-management:bootstrap';
  const apiGroup = 'rbac.authorization.k8s.io';
  await hub.apply({
    apiVersion: `${apiGroup}/v1`,
    kind: 'ClusterRole',
    metadata: { name },
    rules: [
      { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
      { apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests'], verbs: ['create', 'get', 'list', 'watch'] },
      { apiGroups: [CLUSTER], resources: ['managedclusters'], verbs: ['get', 'create', 'list', 'watch'] },
      { apiGroups: [CLUSTER], resources: ['managedclustersets/join'], verbs: ['create'] },
    ],
  });
  await hub.apply({
    apiVersion: `${apiGroup}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup, kind: 'ClusterRole', name },
    subjects: [{ apiGroup, kind: 'Group', name: 'system:bootstrappers:managedcluster' }],
  });
}

export interface OcmHub extends AsyncDisposable {
  /** Where the programs write their logs. */
  readonly directory: string;
}

/**
 * Starts the hub's controllers and its webhook. They elect a leader, as on any hub: by that Lease Lateen sees them. On a
 * new hub the first to come is the leader at once.
 */
export async function startOcmHub(bin: string, hub: ControlPlane): Promise<OcmHub> {
  const directory = join(hub.directory, 'ocm');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  await define(hub.client, HUB_DEFINITIONS, [HUB_NAMESPACE, 'open-cluster-management']);
  await grantBootstrap(hub.client);
  const { authority, server } = webhookCertificate();
  writeFileSync(join(directory, 'tls.crt'), server.certPem);
  writeFileSync(join(directory, 'tls.key'), server.keyPem, { mode: 0o600 });
  await using stack = new AsyncDisposableStack();
  const common = [`--kubeconfig=${hub.kubeconfig}`, `--namespace=${HUB_NAMESPACE}`];
  stack.use(start(join(bin, 'registration'), ['controller', ...common, await listen()], join(directory, 'registration.log')));
  stack.use(start(join(bin, 'placement'), ['controller', ...common, await listen()], join(directory, 'placement.log')));
  const [port, probePort] = [await freePort(), await freePort()];
  stack.use(
    start(
      join(bin, 'work'),
      ['webhook-server', `--kubeconfig=${hub.kubeconfig}`, `--port=${port}`, `--certdir=${directory}`, `--health-probe-port=${probePort}`, '--metrics-port=0'],
      join(directory, 'webhook.log'),
    ),
  );
  await until(
    'OCM leads on the hub',
    async () => ((await hub.client.find(`leases/${HUB_NAMESPACE}/registration-controller-lock`))?.spec?.holderIdentity === undefined ? undefined : true),
    60_000,
  );
  await until("OCM's webhook listens", async () => ((await fetch(`http://127.0.0.1:${probePort}/healthz`)).ok ? true : undefined), 60_000);
  await registerWebhook(hub.client, port, authority.certPem);
  const owned = stack.move();
  return { directory, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/**
 * Starts the agents of a member as a klusterlet would, and does what a person does on the hub: approves the request for a
 * certificate. Resolves when the cluster is available and its work agent runs; the ManagedCluster has to be accepted by
 * the caller, before or meanwhile.
 */
export async function startAgent(bin: string, hub: ControlPlane, member: ControlPlane, accept: () => Promise<void>): Promise<AsyncDisposable> {
  const { name } = member;
  const directory = join(member.directory, 'ocm');
  const hubDirectory = join(directory, 'hub');
  mkdirSync(hubDirectory, { recursive: true, mode: 0o700 });
  await define(member.client, MEMBER_DEFINITIONS, [AGENT_NAMESPACE]);
  const bootstrap = await hub.kubeconfigFor(`system:bootstrap:${name}`, ['system:bootstrappers:managedcluster']);
  await using stack = new AsyncDisposableStack();
  const common = [
    `--kubeconfig=${member.kubeconfig}`,
    `--namespace=${AGENT_NAMESPACE}`,
    `--spoke-cluster-name=${name}`,
    '--agent-id=klusterlet-1',
    '--disable-leader-election',
  ];
  stack.use(
    start(
      join(bin, 'registration'),
      [
        'agent',
        ...common,
        `--bootstrap-kubeconfig=${bootstrap}`,
        `--hub-kubeconfig-dir=${hubDirectory}`,
        `--spoke-external-server-urls=${member.server}`,
        '--feature-gates=AddonManagement=false',
        '--cluster-healthcheck-period=5s',
        await listen(),
      ],
      join(directory, 'registration.log'),
    ),
  );
  await until(`${name} asks to join`, () => hub.client.find(`managedclusters/${name}`), 60_000);
  await accept();
  await until(
    `${name} has its certificate`,
    async () => {
      for (const request of await hub.client.list('certificatesigningrequests', `${NAME_LABEL}=${name}`)) {
        if ((request.status?.conditions ?? []).length > 0) continue;
        const conditions = [{ type: 'Approved', status: 'True', reason: 'ApprovedByTest', message: 'a person would look at it first' }];
        await hub.client.replace({ ...request, status: { ...request.status, conditions } }, 'approval');
      }
      return existsSync(join(hubDirectory, 'kubeconfig')) ? true : undefined;
    },
    120_000,
  );
  stack.use(
    start(
      join(bin, 'work'),
      ['agent', ...common, '--workload-source-driver=kube', `--workload-source-config=${join(hubDirectory, 'kubeconfig')}`, await listen()],
      join(directory, 'work.log'),
    ),
  );
  await untilAvailable(hub, name);
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/**
 * What OCM's operator does on a member: waits until a Klusterlet and the Secret to join by are there, and starts the agents
 * that they ask for, with the kubeconfig of that Secret and nothing else of the hub. Resolves when the first one runs.
 */
export async function startKlusterlet(bin: string, member: ControlPlane): Promise<AsyncDisposable> {
  const directory = join(member.directory, 'klusterlet');
  const hubDirectory = join(directory, 'hub');
  mkdirSync(hubDirectory, { recursive: true, mode: 0o700 });
  await define(member.client, MEMBER_DEFINITIONS, []);
  const secret = await until('the Secret to join by', () => member.client.find(`secrets/${AGENT_NAMESPACE}/bootstrap-hub-kubeconfig`), 60_000);
  const { metadata, spec } = await until('the Klusterlet', async () => (await member.client.list('klusterlets'))[0], 60_000);
  const bootstrap = join(directory, 'bootstrap');
  writeFileSync(bootstrap, Buffer.from(secret['data'].kubeconfig, 'base64'), { mode: 0o600 });
  await using stack = new AsyncDisposableStack();
  const common = [
    `--kubeconfig=${member.kubeconfig}`,
    `--namespace=${AGENT_NAMESPACE}`,
    `--spoke-cluster-name=${spec.clusterName}`,
    `--agent-id=${metadata['uid']}`,
    '--disable-leader-election',
  ];
  stack.use(
    start(
      join(bin, 'registration'),
      [
        'agent',
        ...common,
        `--bootstrap-kubeconfig=${bootstrap}`,
        `--hub-kubeconfig-dir=${hubDirectory}`,
        `--spoke-external-server-urls=${spec.externalServerURLs[0].url}`,
        '--feature-gates=AddonManagement=false',
        '--cluster-healthcheck-period=5s',
        await listen(),
      ],
      join(directory, 'registration.log'),
    ),
  );
  let isOver = false;
  const work = until('the agent has its certificate', () => (isOver || existsSync(join(hubDirectory, 'kubeconfig')) ? true : undefined), 120_000).then(
    async () =>
      isOver
        ? null
        : start(
            join(bin, 'work'),
            ['agent', ...common, '--workload-source-driver=kube', `--workload-source-config=${join(hubDirectory, 'kubeconfig')}`, await listen()],
            join(directory, 'work.log'),
          ),
    () => null,
  );
  stack.defer(async () => {
    isOver = true;
    await (await work)?.[Symbol.asyncDispose]();
  });
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Waits until a cluster is joined and available. */
export async function untilAvailable(hub: ControlPlane, name: string): Promise<void> {
  const is = (conditions: readonly { type: string; status: string }[] | undefined, type: string): boolean =>
    conditions?.some((one) => one.type === type && one.status === 'True') === true;
  await hub.client.until(
    `managedclusters/${name}`,
    (cluster) => is(cluster?.status?.conditions, 'ManagedClusterJoined') && is(cluster?.status?.conditions, 'ManagedClusterConditionAvailable'),
    { timeoutMs: 120_000 },
  );
}
