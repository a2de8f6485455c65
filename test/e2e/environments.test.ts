// Applications on member clusters: environments of KubeVela 1.1, topologies and overrides of 1.10, by the real daemon on
// a hub and two members without OCM.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { KubeObject, LabClient } from '../lab/client.ts';
import { openScenario, until, type Scenario, type StatusFile } from '../rig/daemon.ts';
import { useMembers } from '../rig/members.ts';

let lab: Awaited<ReturnType<typeof useMembers<'m1' | 'm2'>>>;
before(async () => {
  lab = await useMembers({ m1: { clusterSet: 'prod' }, m2: { clusterSet: 'prod' } });
});
after(() => lab?.stop());

/** A namespace on all clusters, bound to the set of the members; its own label chooses clusters. */
async function open(name: string): Promise<Scenario> {
  const { hub, m1, m2 } = lab.planes;
  const it = await openScenario({ name, hub: hub.client, kubeconfig: hub.kubeconfig });
  for (const plane of [m1, m2]) await plane.client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: it.namespace } });
  await hub.client.create({
    apiVersion: 'cluster.open-cluster-management.io/v1beta2',
    kind: 'ManagedClusterSetBinding',
    metadata: { name: 'prod', namespace: it.namespace },
    spec: { clusterSet: 'prod' },
  });
  return it;
}
const label = (cluster: string, it: Scenario, value: string | null): Promise<unknown> =>
  lab.planes.hub.client.patch(`managedclusters.cluster.open-cluster-management.io/${cluster}`, {
    metadata: { labels: { [`purpose-${it.namespace}`]: value } },
  });

const environments = (it: Scenario, image: string, options: { readonly created?: boolean } = {}): string =>
  JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name: 'shop', namespace: it.namespace },
    spec: {
      components: [{ name: 'web', type: 'webservice', properties: { image: 'nginx:1', port: 80 }, traits: [{ type: 'expose', properties: { port: [80] } }] }],
      policies: [
        {
          name: `envs-${it.namespace}`,
          type: 'env-binding',
          properties: {
            engine: 'ocm',
            created: options.created === true,
            envs: [
              {
                name: 'test',
                placement: { clusterSelector: { labels: { [`purpose-${it.namespace}`]: 'test' } } },
                patch: {
                  components: [{ name: 'web', type: 'webservice', properties: { image }, traits: [{ type: 'expose', properties: { type: 'LoadBalancer' } }] }],
                },
              },
            ],
          },
        },
      ],
      ...(options.created === true
        ? {}
        : { workflow: { steps: [{ name: 'go', type: 'deploy2cluster', properties: { policy: `envs-${it.namespace}`, env: 'test', component: 'web' } }] } }),
    },
  });

const topology = (it: Scenario, properties: object, override: object | null = null): string =>
  JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name: 'shop', namespace: it.namespace },
    spec: {
      components: [
        {
          name: 'settings',
          type: 'k8s-objects',
          properties: { objects: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { color: 'blue' } }] },
        },
      ],
      policies: [{ name: 'where', type: 'topology', properties }, ...(override === null ? [] : [{ name: 'how', type: 'override', properties: override }])],
    },
  });

const imageOf = (object: KubeObject | undefined): unknown => object?.spec.template.spec.containers[0].image;
const isReady = (status: StatusFile | null): boolean =>
  status?.['conditions']?.some((item: { type: string; status: string }) => item.type === 'Ready' && item.status === 'True') === true;
const readyMessage = (status: StatusFile | null): string =>
  String(status?.['conditions']?.find((item: { type: string }) => item.type === 'Ready')?.message ?? '');
const gone = (client: LabClient, ref: string): Promise<unknown> =>
  until(`${ref} is gone`, async () => ((await client.find(ref)) === undefined ? true : undefined), 60_000);

suite('an environment', () => {
  test('lands on the cluster that its labels choose, changes with the commit, moves with the labels, stays where none fits, and goes with its document', async () => {
    await using it = await open('env');
    const { hub, m1, m2 } = lab.planes;
    const [ns, work] = [it.namespace, `envs-${it.namespace}-test-web`];
    await using daemon = it.run();
    await it.push({ 'shop.json': environments(it, 'nginx:6') });
    // Nobody has the label yet: it waits, and names the selector.
    await it.untilStatus('shop', (status) => readyMessage(status).includes(`purpose-${ns}=test`), 60_000);
    assert.equal(await hub.client.find(`deployments.apps/${ns}/web`), undefined);
    await label('m1', it, 'test');
    await m1.client.until(`deployments.apps/${ns}/web`, (object) => imageOf(object) === 'nginx:6', { timeoutMs: 60_000 });
    await m1.client.until(`services/${ns}/web`, (object) => object?.spec.type === 'LoadBalancer', { timeoutMs: 60_000 });
    const status = await it.untilStatus('shop', isReady, 60_000);
    assert.equal(status?.['phase'], 'running');
    const manifest = await hub.client.get(`manifestworks.work.open-cluster-management.io/m1/${work}`);
    assert.deepEqual(
      manifest.spec.workload.manifests.map((item: KubeObject) => [
        item.kind,
        item.metadata['labels']?.['app.oam.dev/appRevision'],
        item.metadata['annotations'],
      ]),
      [
        ['Deployment', '', undefined],
        ['Service', '', undefined],
      ],
    );
    const binding = await hub.client.get(`envbindings.core.oam.dev/${ns}/envs-${ns}`);
    assert.deepEqual([binding.status.phase, binding.status.cluster_decisions], ['finished', [{ env: 'test', cluster: 'm1' }]]);
    assert.deepEqual(Object.keys((await hub.client.get(`configmaps/${ns}/envs-${ns}`)).data), [work]);

    await it.push({ 'shop.json': environments(it, 'nginx:7') });
    await m1.client.until(`deployments.apps/${ns}/web`, (object) => imageOf(object) === 'nginx:7', { timeoutMs: 60_000 });

    await label('m2', it, 'test');
    await label('m1', it, null);
    await m2.client.until(`deployments.apps/${ns}/web`, (object) => imageOf(object) === 'nginx:7', { timeoutMs: 60_000 });
    await gone(m1.client, `deployments.apps/${ns}/web`);
    await gone(hub.client, `manifestworks.work.open-cluster-management.io/m1/${work}`);
    await it.untilStatus('shop', isReady, 60_000);

    await label('m2', it, null);
    await it.untilStatus('shop', (now) => !isReady(now) && readyMessage(now).includes('no cluster has the labels'), 60_000);
    assert.equal(imageOf(await m2.client.get(`deployments.apps/${ns}/web`)), 'nginx:7');

    await it.push({ 'shop.json': null });
    await gone(m2.client, `deployments.apps/${ns}/web`);
    await gone(hub.client, `placements.cluster.open-cluster-management.io/${ns}/shop-test`);
    await gone(hub.client, `applications.core.oam.dev/${ns}/shop`);
    assert.equal((await daemon.stop()).code, 0);
  });

  test('that is created by itself needs no workflow', async () => {
    await using it = await open('self');
    await label('m2', it, 'test');
    await it.push({ 'shop.json': environments(it, 'nginx:6', { created: true }) });
    const end = await it.once();
    assert.equal(end.code, 0, end.stdout + end.stderr);
    assert.equal(imageOf(await lab.planes.m2.client.get(`deployments.apps/${it.namespace}/web`)), 'nginx:6');
    assert.equal(await lab.planes.hub.client.find(`deployments.apps/${it.namespace}/web`), undefined);
    const again = await it.once();
    assert.equal(again.code, 0, again.stdout + again.stderr);
  });

  test('is told before it is delivered: the plan names work and cluster', async () => {
    await using it = await open('plan');
    await label('m1', it, 'test');
    await it.push({ 'shop.json': environments(it, 'nginx:6') });
    assert.match((await it.verb('plan', {})).stdout, /Placement .*shop-test/);
    const end = await it.once();
    assert.equal(end.code, 0, end.stdout + end.stderr);
    await it.push({ 'shop.json': environments(it, 'nginx:7') });
    const { stdout } = await it.verb('plan', {});
    assert.match(stdout, new RegExp(`ManifestWork m1/envs-${it.namespace}-test-web`));
    assert.match(stdout, /nginx:7/);
  });
});

suite('a topology', () => {
  test('delivers to each cluster that its labels fit, with overrides, puts drift back, and takes away where they fit no longer', async () => {
    await using it = await open('top');
    const { hub, m1, m2 } = lab.planes;
    const ns = it.namespace;
    await label('m1', it, 'test');
    await label('m2', it, 'test');
    await using daemon = it.run();
    const selector = { clusterLabelSelector: { [`purpose-${ns}`]: 'test' } };
    await it.push({
      'shop.json': topology(it, selector, {
        components: [
          { name: 'settings', properties: { objects: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { color: 'red' } }] } },
        ],
      }),
    });
    const status = await it.untilStatus('shop', isReady, 60_000);
    assert.deepEqual(
      status?.['services'].map((service: { cluster: string }) => service.cluster),
      ['m1', 'm2'],
    );
    for (const plane of [m1, m2]) {
      const live = await plane.client.get(`configmaps/${ns}/settings`);
      assert.deepEqual([live.data, live.metadata['labels']['app.oam.dev/cluster']], [{ color: 'red' }, plane.name]);
    }
    assert.equal(await hub.client.find(`configmaps/${ns}/settings`), undefined);

    await m1.client.patch(`configmaps/${ns}/settings`, { data: { color: 'green' } });
    await m1.client.until(`configmaps/${ns}/settings`, (object) => object?.data.color === 'red', { timeoutMs: 60_000 });

    await label('m2', it, null);
    await gone(m2.client, `configmaps/${ns}/settings`);
    assert.deepEqual((await m1.client.get(`configmaps/${ns}/settings`)).data, { color: 'red' });

    await it.push({ 'shop.json': topology(it, { clusters: ['m2'] }) });
    await m2.client.until(`configmaps/${ns}/settings`, (object) => object?.data.color === 'blue', { timeoutMs: 60_000 });
    await gone(m1.client, `configmaps/${ns}/settings`);

    await it.push({ 'shop.json': null });
    await gone(m2.client, `configmaps/${ns}/settings`);
    assert.equal((await daemon.stop()).code, 0);
  });

  test('that fits no cluster waits, names the selector, and holds up no other application', async () => {
    await using it = await open('none');
    const other = {
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'Application',
      metadata: { name: 'other', namespace: it.namespace },
      spec: {
        components: [{ name: 'other', type: 'k8s-objects', properties: { objects: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'other' } }] } }],
      },
    };
    await it.push({ 'shop.json': topology(it, { clusterLabelSelector: { [`purpose-${it.namespace}`]: 'test' } }), 'other.json': JSON.stringify(other) });
    const end = await it.verb('once', {}, '--wait', '6s');
    assert.notEqual(end.code, 0);
    const status = await it.status('shop');
    assert.equal(isReady(status), false);
    assert.match(readyMessage(status), new RegExp(`failed to find any cluster matches given labels: purpose-${it.namespace}=test`));
    assert.equal(isReady(await it.status('other')), true);
    await label('m1', it, 'test');
    assert.equal((await it.once()).code, 0);
    assert.deepEqual((await lab.planes.m1.client.get(`configmaps/${it.namespace}/settings`)).data, { color: 'blue' });
  });
});
