/**
 * `node test/bench/drift.ts [--times 20]`: how long a change by hand stays, and how soon the status branch tells of it and
 * of health, on the hub and on a member that Lateen is connected to. Prints a table, asserts nothing: speed is not a test.
 */
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabClient } from '../lab/client.ts';
import { git } from '../rig/git.ts';
import { openScenario, type Scenario } from '../rig/daemon.ts';
import { useMembers } from '../rig/members.ts';

const { values } = parseArgs({ options: { times: { type: 'string', default: '20' } } });
const TIMES = Number(values.times);
const LIMIT_MS = 90_000;

/** Asks every 5 ms until there is an answer; milliseconds since `from`. */
async function since(from: number, what: string, isSo: () => Promise<boolean>): Promise<number> {
  while (!(await isSo())) {
    if (performance.now() - from > LIMIT_MS) throw new Error(`${what}: not within ${LIMIT_MS / 1000} s`);
    await sleep(5);
  }
  return performance.now() - from;
}

const row = (what: string, all: readonly number[]): string => {
  const sorted = all.toSorted((a, b) => a - b);
  const at = (share: number): string => `${((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN) / 1000).toFixed(2)} s`;
  return `| ${what} | ${at(0.5)} | ${at(1)} |`;
};

const DEPLOYMENT = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx:1' }] } },
  },
};
// A field for each time: what stands on the status branch already is not told again.
const CONFIG = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings' },
  data: Object.fromEntries(Array.from({ length: TIMES }, (_, i) => [`color-${i}`, 'blue'])),
};

const topology = (it: Scenario): string =>
  JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name: 'shop', namespace: it.namespace },
    spec: {
      components: [{ name: 'shop', type: 'k8s-objects', properties: { objects: [CONFIG, DEPLOYMENT] } }],
      policies: [{ name: 'where', type: 'topology', properties: { clusters: ['local', 'm1'] } }],
    },
  });
/** As KubeVela 1.1 sends it: in a ManifestWork, which Lateen's own work agent applies. */
const work = (it: Scenario): string =>
  JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name: 'work', namespace: it.namespace },
    spec: {
      components: [{ name: 'carried', type: 'worker', properties: { image: 'busybox:1' } }],
      policies: [
        {
          name: `envs-${it.namespace}`,
          type: 'env-binding',
          properties: { engine: 'ocm', envs: [{ name: 'test', placement: { clusterSelector: { name: 'm1' } }, patch: { components: [] } }] },
        },
      ],
      workflow: { steps: [{ name: 'go', type: 'deploy2cluster', properties: { policy: `envs-${it.namespace}`, env: 'test', component: 'carried' } }] },
    },
  });

async function main(): Promise<void> {
  // Without controllers a Deployment's status is what this program writes, so that health changes when it says so.
  await using lab = await useMembers({ m1: { clusterSet: 'all' } }, { nodes: false });
  const { hub, m1 } = lab.planes;
  await using it = await openScenario({ name: 'truth', hub: hub.client, kubeconfig: hub.kubeconfig });
  await m1.client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: it.namespace } });
  await hub.client.create({
    apiVersion: 'cluster.open-cluster-management.io/v1beta2',
    kind: 'ManagedClusterSetBinding',
    metadata: { name: 'all', namespace: it.namespace },
    spec: { clusterSet: 'all' },
  });
  await it.push({
    'shop.json': topology(it),
    'work.json': work(it),
    'plain.json': JSON.stringify({ ...CONFIG, metadata: { name: 'plain', namespace: it.namespace } }),
  });
  await using daemon = it.run({}, '--interval', '1h');
  const clients: readonly (readonly [string, LabClient])[] = [
    ['hub', hub.client],
    ['member', m1.client],
  ];
  const web = `deployments/${it.namespace}/web`;
  const health = (client: LabClient, isWell: boolean): Promise<unknown> =>
    client.patch(
      web,
      {
        status: {
          observedGeneration: 1,
          replicas: 1,
          updatedReplicas: 1,
          readyReplicas: isWell ? 1 : 0,
          availableReplicas: isWell ? 1 : 0,
          conditions: [
            { type: 'Available', status: isWell ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:00:00Z', lastUpdateTime: '2026-01-01T00:00:00Z' },
          ],
        },
      },
      'status',
    );
  for (const [, client] of clients) await client.until(web, (object) => object !== undefined, { timeoutMs: LIMIT_MS });
  for (const [, client] of clients) await health(client, true);
  const healthIn = async (cluster: string): Promise<string> =>
    (await it.status('shop'))?.['objects'].find(
      (object: { kind: string; cluster?: string }) => object.kind === 'Deployment' && (object.cluster ?? 'hub') === cluster,
    )?.health ?? '';
  await it.untilStatus('shop', (status) => status?.['conditions']?.[0]?.status === 'True', LIMIT_MS);
  await m1.client.until(`deployments/${it.namespace}/carried`, (object) => object !== undefined, { timeoutMs: LIMIT_MS });
  const tip = async (): Promise<string> => (await git(it.bare.path, 'rev-parse', it.statusBranch)).trim();

  const rows: string[] = [];
  for (const [name, client] of clients) {
    const [back, told, seen]: [number[], number[], number[]] = [[], [], []];
    for (let i = 0; i < TIMES; i += 1) {
      await sleep(2_000);
      const before = await tip();
      const from = performance.now();
      await client.patch(`configmaps/${it.namespace}/settings`, { data: { [`color-${i}`]: 'theirs' } });
      back.push(await since(from, 'put back', async () => (await client.find(`configmaps/${it.namespace}/settings`))?.data[`color-${i}`] === 'blue'));
      told.push(
        await since(
          from,
          'told',
          async () => (await tip()) !== before && (await git(it.bare.path, 'diff', before, it.statusBranch)).includes(`/data/color-${i}\n`),
        ),
      );
    }
    for (let i = 0; i < TIMES; i += 1) {
      const isWell = i % 2 === 1;
      await sleep(1_500);
      const from = performance.now();
      await health(client, isWell);
      seen.push(await since(from, 'health', async () => (await healthIn(name === 'hub' ? 'hub' : 'm1')) === (isWell ? 'Current' : 'InProgress')));
    }
    rows.push(
      row(`${name}: a field changed by hand is back`, back),
      row(`${name}: its path stands on the status branch`, told),
      row(`${name}: health changed, on the status branch`, seen),
    );
  }
  const carried: number[] = [];
  for (let i = 0; i < TIMES; i += 1) {
    await sleep(1_500);
    const from = performance.now();
    await m1.client.patch(`deployments/${it.namespace}/carried`, [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: `theirs:${i}` }]);
    carried.push(
      await since(
        from,
        'carried',
        async () => (await m1.client.find(`deployments/${it.namespace}/carried`))?.spec.template.spec.containers[0].image === 'busybox:1',
      ),
    );
  }
  rows.push(row('member: of an object that a ManifestWork carries', carried));
  const [plain, made]: [number[], number[]] = [[], []];
  const document = `configmaps/${it.namespace}/plain`;
  for (let i = 0; i < TIMES; i += 1) {
    await sleep(1_500);
    const from = performance.now();
    await hub.client.patch(document, { data: { 'color-0': 'theirs' } });
    plain.push(await since(from, 'plain', async () => (await hub.client.find(document))?.data['color-0'] === 'blue'));
    await sleep(1_500);
    const deleted = performance.now();
    await hub.client.delete(document);
    made.push(await since(deleted, 'made again', async () => (await hub.client.find(document)) !== undefined));
  }
  rows.push(row('hub: of a document that belongs to no application', plain), row('hub: such a document, deleted by hand, is there again', made));
  console.log(['| with a connection | median | longest |', '|---|---|---|', ...rows].join('\n'));
  await daemon.stop();
}

await main();
