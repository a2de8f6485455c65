// kill -9 on the way to a member cluster: a plain restart comes to the same end, nothing lost and nothing doubled (I6).
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { KubeObject } from '../lab/client.ts';
import { openScenario, until, type Cut, type Scenario } from '../rig/daemon.ts';
import { useMembers } from '../rig/members.ts';

let lab: Awaited<ReturnType<typeof useMembers<'m1'>>>;
let directory: string;

before(async () => {
  lab = await useMembers({ m1: { labels: { purpose: 'test' }, clusterSet: 'prod' } });
  directory = await mkdtemp(join(tmpdir(), 'lateen-members-crash-'));
});
after(async () => {
  await lab?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

/** One environment whose patch changes the image; works of all scenarios lie in one namespace, so the policy has a name of its own. */
const application = (it: Scenario, image: string): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: demo, namespace: ${it.namespace}}
spec:
  components:
  - {name: web, type: worker, properties: {image: "base"}}
  policies:
  - name: ${it.namespace}
    type: env-binding
    properties:
      engine: ocm
      created: false
      envs:
      - name: prod
        patch: {components: [{name: web, type: worker, properties: {image: "${image}"}}]}
        placement: {clusterSelector: {labels: {purpose: test}}}
  workflow:
    steps:
    - {name: deliver, type: deploy2cluster, properties: {env: prod, policy: ${it.namespace}, component: web}}
`;

async function open(name: string): Promise<Scenario> {
  const { hub, m1 } = lab.planes;
  const it = await openScenario({ name, hub: hub.client, kubeconfig: hub.kubeconfig });
  await m1.client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: it.namespace } });
  await hub.client.apply({
    apiVersion: 'cluster.open-cluster-management.io/v1beta2',
    kind: 'ManagedClusterSetBinding',
    metadata: { name: 'prod', namespace: it.namespace },
    spec: { clusterSet: 'prod' },
  });
  await it.push({ 'app.yaml': application(it, 'one') });
  return it;
}

const mine = (it: Scenario, works: readonly KubeObject[]): readonly KubeObject[] => works.filter((work) => work.metadata.name.startsWith(it.namespace));

/** What hub and member hold of a scenario: how many works and records, what is deployed, and what the status file says. */
async function endOf(it: Scenario): Promise<unknown> {
  const { hub, m1 } = lab.planes;
  const works = mine(it, await hub.client.list('manifestworks.work.open-cluster-management.io/m1'));
  const records = (await m1.client.list('appliedmanifestworks.work.open-cluster-management.io')).filter((record) =>
    String(record.spec.manifestWorkName).startsWith(it.namespace),
  );
  const deployments = await m1.client.list(`deploy/${it.namespace}`);
  const status = await it.status('demo');
  return {
    works: works.map((work) => [
      work.spec.workload.manifests.length,
      work.status.conditions.map((condition: { readonly type: string; readonly status: string }) => [condition.type, condition.status]),
      work.metadata['finalizers'],
    ]),
    records: records.map((record) =>
      record.status.appliedResources.map((resource: { readonly resource: string; readonly name: string }) => [resource.resource, resource.name]),
    ),
    deployments: deployments.map((deployment) => [
      deployment.metadata.name,
      deployment.metadata['generation'],
      deployment.spec.template.spec.containers[0].image,
      (deployment.metadata['ownerReferences'] as readonly unknown[] | undefined)?.length,
    ]),
    phase: status?.['phase'],
    revision: status?.['revision'],
    objects: ((status?.['objects'] ?? []) as readonly Record<string, unknown>[]).map((object) => [object['kind'], object['cluster'], object['health']]),
    revisions: (await hub.client.list(`applicationrevisions.core.oam.dev/${it.namespace}`)).map((revision) => revision.metadata.name),
  };
}

const kindsIn = async (file: string): Promise<readonly string[]> =>
  [
    ...new Set(
      (await readFile(file, 'utf8'))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split(' ')[0] ?? ''),
    ),
  ].filter((kind) => kind !== 'lease');

suite('kill -9 on the way to a member', () => {
  let calm: unknown;
  let kinds: readonly string[] = [];

  test('nowhere: the work is on the member, once', async () => {
    await using it = await open('calm');
    const traceFile = join(directory, 'trace');
    const end = await it.verb('once', { crash: { traceFile } }, '--wait', '90s');
    assert.equal(end.code, 0, end.stdout + end.stderr);
    calm = await endOf(it);
    kinds = await kindsIn(traceFile);
    assert.deepEqual((calm as { deployments: unknown }).deployments, [['web', 1, 'one', 1]]);
    for (const kind of ['application', 'tracker', 'apply', 'status', 'push']) assert.ok(kinds.includes(kind), `${kind} takes place`);
  });

  test('right before and right after an effect of each kind, the first and a later one', async (t) => {
    const cuts = kinds
      .flatMap((effect): readonly Cut[] => [
        { when: 'before', effect, nth: 1 },
        { when: 'after', effect, nth: 1 },
      ])
      .concat([2, 3, 4, 5].map((nth) => ({ when: 'after', effect: 'apply', nth })));
    for (const cut of cuts) {
      await t.test(`${cut.when} ${cut.effect} ${cut.nth}`, async () => {
        await using it = await open('cut');
        const killed = await it.verb('once', { crash: { cut } }, '--wait', '90s');
        assert.ok(killed.signal === 'SIGKILL' || killed.code === 0, killed.stdout + killed.stderr);
        const end = await it.once('--wait', '90s');
        assert.equal(end.code, 0, end.stdout + end.stderr);
        assert.deepEqual(await endOf(it), calm);
      });
    }
  });

  test('while it is taken away again: nothing of it stays', async () => {
    await using it = await open('away');
    assert.equal((await it.once('--wait', '90s')).code, 0);
    await it.push({ 'app.yaml': null });
    for (const cut of [
      { when: 'before', effect: 'delete', nth: 1 },
      { when: 'after', effect: 'delete', nth: 1 },
      { when: 'after', effect: 'delete', nth: 2 },
    ] as const) {
      const killed = await it.verb('once', { crash: { cut } }, '--wait', '60s');
      assert.ok(killed.signal === 'SIGKILL' || killed.code === 0, killed.stdout + killed.stderr);
    }
    assert.equal((await it.once('--wait', '90s')).code, 0);
    const { hub, m1 } = lab.planes;
    await until('the member has nothing of it left', async () => ((await m1.client.list(`deploy/${it.namespace}`)).length === 0 ? true : undefined));
    assert.deepEqual(mine(it, await hub.client.list('manifestworks.work.open-cluster-management.io/m1')), []);
    assert.equal(await it.status('demo'), null);
  });
});
