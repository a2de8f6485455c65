// What someone changes by hand, on the hub and on a direct member: seen because there is a connection, put back or only
// told, recorded; fields that are left to others; and a cluster that is away while something is deleted.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { git } from '../rig/git.ts';
import { openScenario, until, type Scenario, type StatusFile } from '../rig/daemon.ts';
import { useMembers } from '../rig/members.ts';

let lab: Awaited<ReturnType<typeof useMembers<'m1' | 'm2'>>>;
before(async () => {
  lab = await useMembers({ m1: { clusterSet: 'all' }, m2: { clusterSet: 'all' } });
});
after(() => lab?.stop());

async function open(name: string): Promise<Scenario> {
  const { hub, m1, m2 } = lab.planes;
  const it = await openScenario({ name, hub: hub.client, kubeconfig: hub.kubeconfig });
  for (const plane of [m1, m2]) await plane.client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: it.namespace } });
  await hub.client.create({
    apiVersion: 'cluster.open-cluster-management.io/v1beta2',
    kind: 'ManagedClusterSetBinding',
    metadata: { name: 'all', namespace: it.namespace },
    spec: { clusterSet: 'all' },
  });
  return it;
}

const shop = (it: Scenario, clusters: readonly string[], annotations: Readonly<Record<string, string>> = {}, replicas = 2): string =>
  JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name: 'shop', namespace: it.namespace, annotations },
    spec: {
      components: [
        {
          name: 'settings',
          type: 'k8s-objects',
          properties: {
            objects: [
              { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { color: 'blue', size: 'm' } },
              {
                apiVersion: 'apps/v1',
                kind: 'Deployment',
                metadata: { name: 'web' },
                spec: {
                  replicas,
                  selector: { matchLabels: { app: 'web' } },
                  template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx:1' }] } },
                },
              },
            ],
          },
        },
      ],
      policies: [{ name: 'where', type: 'topology', properties: { clusters } }],
    },
  });

const isReady = (status: StatusFile | null): boolean =>
  status?.['conditions']?.some((item: { type: string; status: string }) => item.type === 'Ready' && item.status === 'True') === true;
/** Everything that the status branch ever said of an application, newest first. */
const history = (it: Scenario): Promise<string> =>
  git(it.bare.path, 'log', '--format=%H', '-p', it.statusBranch, '--', `applications/${it.namespace}/shop.yaml`);
/** Nothing but a watch can tell the daemon within the time of a test. */
const DEAF = ['--interval', '1h'] as const;

suite('a change by hand', () => {
  test('on the hub and on a member is put back, and the status branch has its path and not its value', async () => {
    await using it = await open('put');
    const { hub, m1 } = lab.planes;
    await using daemon = it.run({}, ...DEAF);
    await it.push({ 'shop.json': shop(it, ['local', 'm1']) });
    await it.untilStatus('shop', isReady, 60_000);
    for (const plane of [hub, m1]) {
      await plane.client.patch(`configmaps/${it.namespace}/settings`, { data: { color: 'a-word-of-theirs' } });
      await plane.client.until(`configmaps/${it.namespace}/settings`, (object) => object?.data.color === 'blue', { timeoutMs: 60_000 });
    }
    const told = await until(
      'the drift in the history',
      async () => {
        const text = await history(it);
        return /^\+ +- \/data\/color$/m.test(text) ? text : undefined;
      },
      60_000,
    );
    assert.doesNotMatch(told, /a-word-of-theirs/);
    await m1.client.delete(`deployments/${it.namespace}/web`);
    await m1.client.until(`deployments/${it.namespace}/web`, (object) => object !== undefined, { timeoutMs: 60_000 });
    assert.equal((await daemon.stop()).code, 0);
  });

  test('of a document that belongs to no application, or its deletion, is seen as soon and put back, also when it was delivered before Lateen marked it', async () => {
    await using it = await open('plain');
    const { hub } = lab.planes;
    const ref = `configmaps/${it.namespace}/plain`;
    const document = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'plain', namespace: it.namespace }, data: { color: 'blue' } });
    const account = `serviceaccounts/${it.namespace}/robot`;
    await it.push({
      'plain.json': document,
      'robot.json': JSON.stringify({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot', namespace: it.namespace } }),
    });
    const once = await it.once();
    assert.equal(once.code, 0, once.stderr);
    await hub.client.patch(ref, { metadata: { labels: { 'lateen.dev/documents': null } } });
    await using daemon = it.run({}, ...DEAF);
    await hub.client.until(ref, (object) => object?.metadata['labels']?.['lateen.dev/documents'] !== undefined, { timeoutMs: 60_000 });
    for (const color of ['red', 'green']) {
      await hub.client.patch(ref, { data: { color } });
      await hub.client.until(ref, (object) => object?.data.color === 'blue', { timeoutMs: 60_000 });
    }
    for (const deleted of [ref, account, ref]) {
      await hub.client.delete(deleted);
      await hub.client.until(deleted, (object) => object !== undefined, { timeoutMs: 60_000 });
    }
    const file = await until(
      'the path of the change',
      async () => {
        const text = await git(it.bare.path, 'log', '-p', it.statusBranch, '--', 'repository.yaml');
        return text.includes('/data/color') ? text : undefined;
      },
      60_000,
    );
    assert.doesNotMatch(file, /red|green|lateen.dev.documents/);
    assert.equal((await daemon.stop()).code, 0);
  });

  test('is only told where the operator says so, whatever the repository says', async () => {
    await using it = await open('tell');
    const { m1 } = lab.planes;
    await using daemon = it.run({}, ...DEAF, '--drift', 'report');
    await it.push({ 'lateen.yaml': 'drift: correct\n', 'shop.json': shop(it, ['m1'], { 'lateen.dev/drift': 'correct' }) });
    await it.untilStatus('shop', isReady, 60_000);
    await m1.client.patch(`configmaps/${it.namespace}/settings`, { data: { color: 'green' } });
    const status = await it.untilStatus('shop', (file) => JSON.stringify(file).includes('/data/color'), 60_000);
    assert.deepEqual(
      status?.['objects']
        .filter((object: { drift?: unknown }) => object.drift !== undefined)
        .map((object: { kind: string; drift: unknown }) => [object.kind, object.drift]),
      [['ConfigMap', ['/data/color']]],
    );
    assert.deepEqual((await m1.client.get(`configmaps/${it.namespace}/settings`)).data, { color: 'green', size: 'm' });
    assert.equal((await daemon.stop()).code, 0);
  });

  test('of a field that is left to others stays, also when the rest is put back or the commit changes', async () => {
    await using it = await open('left');
    const { m1 } = lab.planes;
    const replicas = async (): Promise<number> => (await m1.client.get(`deployments/${it.namespace}/web`)).spec.replicas;
    const image = (name: string) =>
      m1.client.until(`deployments/${it.namespace}/web`, (object) => object?.spec.template.spec.containers[0].image === name, { timeoutMs: 60_000 });
    await using daemon = it.run({}, ...DEAF);
    await it.push({ 'shop.json': shop(it, ['m1'], { 'lateen.dev/ignore-fields': 'Deployment:/spec/replicas' }) });
    await it.untilStatus('shop', isReady, 60_000);
    assert.equal(await replicas(), 2);
    // As an autoscaler does it.
    await m1.client.patch(`deployments/${it.namespace}/web`, { spec: { replicas: 5 } }, 'scale');
    await m1.client.patch(`deployments/${it.namespace}/web`, [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'evil:1' }]);
    await image('nginx:1');
    assert.equal(await replicas(), 5);
    await m1.client.patch(`deployments/${it.namespace}/web`, { spec: { replicas: 6 } }, 'scale');
    const sha = await it.push({ 'shop.json': shop(it, ['m1'], { 'lateen.dev/ignore-fields': 'Deployment:/spec/replicas' }, 3).replace('nginx:1', 'nginx:2') });
    await image('nginx:2');
    await it.untilStatus('shop', (file) => isReady(file) && file?.['appliedRevision'] === sha, 60_000);
    assert.equal(await replicas(), 6);
    assert.doesNotMatch(await history(it), /\/spec\/replicas/);
    assert.equal((await daemon.stop()).code, 0);
  });
});

test('a field that is left to others stays also where a ManifestWork of KubeVela 1.1 carries the object', async () => {
  await using it = await open('carried');
  const { m1 } = lab.planes;
  const policy = `envs-${it.namespace}`;
  const app = (cmd: readonly string[], annotations: Readonly<Record<string, string>>): string =>
    JSON.stringify({
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'Application',
      metadata: { name: 'shop', namespace: it.namespace, annotations },
      spec: {
        components: [{ name: 'web', type: 'worker', properties: { image: 'busybox:1', cmd } }],
        policies: [
          {
            name: policy,
            type: 'env-binding',
            properties: { engine: 'ocm', envs: [{ name: 'test', placement: { clusterSelector: { name: 'm1' } }, patch: { components: [] } }] },
          },
        ],
        workflow: { steps: [{ name: 'go', type: 'deploy2cluster', properties: { policy, env: 'test', component: 'web' } }] },
      },
    });
  const becomes = (image: string, command: string): Promise<unknown> =>
    m1.client.until(
      `deployments/${it.namespace}/web`,
      (object) => {
        const { image: now, command: words } = object?.spec.template.spec.containers[0] ?? {};
        return now === image && words?.join() === command;
      },
      { timeoutMs: 60_000 },
    );
  const rule = { 'lateen.dev/ignore-fields': 'Deployment:/spec/template/spec/containers/web/image' };
  await using daemon = it.run({}, ...DEAF);
  await it.push({ 'shop.json': app(['one'], rule) });
  await becomes('busybox:1', 'one');
  await m1.client.patch(`deployments/${it.namespace}/web`, [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'theirs:1' }]);
  await it.push({ 'shop.json': app(['two'], rule) });
  await becomes('theirs:1', 'two');
  await it.push({ 'shop.json': app(['two'], {}) });
  await becomes('busybox:1', 'two');
  assert.equal((await daemon.stop()).code, 0);
});

test('a cluster that is away holds up no other, and loses what is to be deleted there only when it is back', async () => {
  await using it = await open('away');
  const { m1, m2 } = lab.planes;
  const ref = `configmaps/${it.namespace}/settings`;
  await using daemon = it.run({}, '--interval', '5s');
  await it.push({ 'shop.json': shop(it, ['m1', 'm2']) });
  await it.untilStatus('shop', isReady, 60_000);
  await m2.freezeApiServer();
  try {
    await it.push({
      'shop.json': null,
      'other.json': shop(it, ['m1']).replaceAll('"shop"', '"other"').replaceAll('"settings"', '"more"').replaceAll('"web"', '"next"'),
    });
    await m1.client.until(ref, (object) => object === undefined, { timeoutMs: 120_000 });
    await it.untilStatus('other', isReady, 120_000);
    const left = await it.untilStatus('shop', (file) => file?.['leaving'] === true && file['objects']?.length === 2, 120_000);
    assert.deepEqual(left?.['objects'].map((object: { kind: string; cluster: string }) => [object.kind, object.cluster]).sort(), [
      ['ConfigMap', 'm2'],
      ['Deployment', 'm2'],
    ]);
  } finally {
    await m2.thawApiServer();
  }
  await m2.client.until(ref, (object) => object === undefined, { timeoutMs: 120_000 });
  await it.untilStatus('shop', (file) => file === null, 120_000);
  assert.equal((await daemon.stop()).code, 0);
});

test('what is to be deleted on a cluster that does not come back is given up by an Approval, and left there', async () => {
  await using it = await open('lost');
  const { m2 } = lab.planes;
  await using daemon = it.run({}, '--interval', '5s');
  await it.push({ 'shop.json': shop(it, ['m2']) });
  await it.untilStatus('shop', isReady, 60_000);
  const approval = {
    apiVersion: 'lateen.dev/v1alpha1',
    kind: 'Approval',
    metadata: { name: 'm2-is-lost' },
    spec: { action: 'abandon', target: { kind: 'ManagedCluster', name: 'm2' }, expires: '2999-01-01T00:00:00Z' },
  };
  await m2.freezeApiServer();
  try {
    await it.push({ 'shop.json': null });
    await it.untilStatus('shop', (file) => file?.['leaving'] === true && file['objects']?.length === 2, 120_000);
    await it.push({ 'approval.json': JSON.stringify(approval) });
    await it.untilStatus('shop', (file) => file === null, 120_000);
    const told = await daemon.untilLog((line) => line.msg === 'given up' && String(line['object']).startsWith('ConfigMap'));
    assert.equal(told['cluster'], 'm2');
  } finally {
    await m2.thawApiServer();
  }
  assert.deepEqual((await m2.client.get(`configmaps/${it.namespace}/settings`)).data, { color: 'blue', size: 'm' });
  assert.equal((await daemon.stop()).code, 0);
});
