/**
 * What Lateen has to do for a cluster that OCM delivers to. The same tests run against the stand-in (test/e2e/ocm.test.ts)
 * and against OCM's own processes (test/ocm/ocm.test.ts).
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { load } from 'js-yaml';
import type { Write } from '../lab/audit.ts';
import { hasCondition, type KubeObject } from '../lab/client.ts';
import { openScenario, until, type Scenario, type StatusFile } from '../rig/daemon.ts';
import { registerMembers } from '../rig/members.ts';
import type { OcmGround } from './ground.ts';

const TUTORIAL = join(import.meta.dirname, '../../../shared/cases/tutorial/app.yaml');
const RECORDED = join(import.meta.dirname, '../../../shared/cases/tutorial-recorded');
/** Feedback of a real agent comes every 10 to 20 s. */
const PATIENCE_MS = 60_000;

const works = 'manifestworks.work.open-cluster-management.io';
const ready = (status: StatusFile | null): string | undefined => status?.['conditions']?.find((one: { type: string }) => one.type === 'Ready')?.status;
const open = ({ hub, kubeconfig }: OcmGround, name: string): Promise<Scenario> => openScenario({ name, hub: hub.client, kubeconfig });

/** An Application of KubeVela 1.10 for the member. */
export const topologyApp = (name: string, components: readonly object[], cluster = 'm1'): string =>
  `${JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name, namespace: 'default' },
    spec: {
      components,
      policies: [{ name: 'where', type: 'topology', properties: { clusters: [cluster] } }],
      workflow: { steps: [{ name: 'go', type: 'deploy', properties: { policies: ['where'] } }] },
    },
  })}\n`;

/** An Application of KubeVela 1.1 whose environment is the cluster with a label. */
const environmentApp = (name: string, purpose: string, image: string): string =>
  `${JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name, namespace: 'default' },
    spec: {
      components: [{ name, type: 'webservice', properties: { image, port: 80 }, traits: [{ type: 'expose', properties: { port: [80] } }] }],
      policies: [
        {
          name: `${name}-env`,
          type: 'env-binding',
          properties: { engine: 'ocm', created: false, envs: [{ name: 'prod', placement: { clusterSelector: { labels: { purpose } } } }] },
        },
      ],
      workflow: { steps: [{ name: 'go', type: 'deploy2cluster', properties: { env: 'prod', policy: `${name}-env`, component: name } }] },
    },
  })}\n`;

const webservice = (image: string): object => ({ name: 'web', type: 'webservice', properties: { image, ports: [{ port: 80, expose: true }] } });
export const configMaps = (name: string, maps: Readonly<Record<string, string>>): object => ({
  name,
  type: 'k8s-objects',
  properties: { objects: Object.entries(maps).map(([map, text]) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: map }, data: { text } })) },
});

/** Notes when a work was first seen, first applied, and first told a value of its feedback; milliseconds since the first. */
export async function timesOf(
  ground: OcmGround,
  accept: (work: KubeObject) => boolean,
  during: () => Promise<unknown>,
): Promise<{ readonly appliedMs: number; readonly feedbackMs: number }> {
  const stop = new AbortController();
  const at = { seen: NaN, applied: NaN, feedback: NaN };
  const note = (what: keyof typeof at): void => {
    if (Number.isNaN(at[what])) at[what] = performance.now();
  };
  const watching = (async () => {
    for await (const { type, object } of ground.hub.client.watch(`${works}/${ground.member.name}`, stop.signal)) {
      if (type === 'BOOKMARK' || type === 'ERROR' || !accept(object)) continue;
      note('seen');
      if (hasCondition(object, 'Applied')) note('applied');
      if ((object.status?.resourceStatus?.manifests ?? []).some((one: any) => one.statusFeedback?.values?.length > 0)) note('feedback');
    }
  })().catch(() => {});
  try {
    await during();
  } finally {
    stop.abort();
    await watching;
  }
  return { appliedMs: Math.round(at.applied - at.seen), feedbackMs: Math.round(at.feedback - at.seen) };
}

/** Health of what lies on the member, out of a status file. */
const healthOf = (objects: readonly any[]): object =>
  Object.fromEntries(
    objects.filter(({ kind }) => /^(?:ManifestWork|Deployment|Service)$/.test(kind)).map(({ kind, name, health }) => [`${kind} ${name}`, health]),
  );

/** What KubeVela 1.1 put into the work of the tutorial. */
function recordedWorkload(): unknown {
  const { items } = load(readFileSync(join(RECORDED, `${works}.yaml`), 'utf8')) as { items: KubeObject[] };
  return items.find(({ metadata }) => metadata.name === 'prod-env-prod-podinfo-server')?.spec.workload;
}

/** A file of the status branch. */
async function fileOf(it: Scenario, path: string): Promise<StatusFile | null> {
  const text = await it.bare.show(it.statusBranch, path);
  return text === null ? null : (load(text) as StatusFile);
}

async function assertOnce(it: Scenario, code = 0, ...args: readonly string[]): Promise<void> {
  const ended = await it.once('--wait', `${PATIENCE_MS / 1000}s`, ...args);
  assert.equal(ended.code, code, ended.stdout + ended.stderr);
}

/** Writes of what belongs to OCM: all of a cluster but its works' specs, sets, decisions, every status. */
const notOurs = (writes: readonly Write[]): readonly string[] =>
  [...new Set(writes.map(({ verb, path }) => `${verb} ${path}`))].filter((write) =>
    /\/(?:managedclusters|managedclustersets|managedclustersetbindings|placementdecisions)(?:\/|$)|managed-cluster-lease|controller-lock|\/(?:placements|manifestworks)\/[^/]+\/|namespaces\/m\d$|\/namespaces\/m\d\/(?!manifestworks)/.test(
      write,
    ),
  );

/** Registers the tests; the ground is asked for when they run. */
export function ocmScenarios(ground: () => OcmGround): void {
  test('the tutorial reaches the cluster that OCM decides for, in a ManifestWork that OCM applies', { skip: !existsSync(TUTORIAL) }, async (t: TestContext) => {
    const { hub, member } = ground();
    await using it = await open(ground(), 'tutorial');
    await it.push({ 'app.yaml': readFileSync(TUTORIAL, 'utf8') });
    const times = await timesOf(
      ground(),
      (work) => work.metadata.name === 'prod-env-prod-podinfo-server',
      () => assertOnce(it),
    );
    t.diagnostic(`from work to applied ${times.appliedMs} ms, to feedback ${times.feedbackMs} ms`);
    const work = await hub.client.get(`${works}/m1/prod-env-prod-podinfo-server`);
    assert.deepEqual(work.spec.workload, recordedWorkload());
    assert.ok(hasCondition(work, 'Applied') && hasCondition(work, 'Available'));
    const deployment = await member.client.get('deployments/default/podinfo-server');
    assert.equal(deployment.spec.template.spec.containers[0].image, 'stefanprodan/podinfo:6.0.0');
    assert.equal(deployment.metadata['ownerReferences'][0].kind, 'AppliedManifestWork');
    assert.equal((await member.client.get('services/default/podinfo-server')).spec.type, 'LoadBalancer');
    assert.equal((await hub.client.get('applications.core.oam.dev/default/workflow-demo')).status.status, 'running');
    const status = await it.status('workflow-demo', 'default');
    assert.equal(ready(status), 'True', JSON.stringify(status));
    const cluster = await fileOf(it, 'clusters/m1.yaml');
    assert.equal(cluster?.['delivery'], 'ocm');
    for (const objects of [status?.['objects'], cluster?.['applications'][0].objects])
      assert.deepEqual(healthOf(objects), {
        'ManifestWork prod-env-prod-podinfo-server': 'Current',
        'Deployment podinfo-server': 'Current',
        'Service podinfo-server': 'Current',
      });
    await it.push({ 'app.yaml': null });
    await assertOnce(it);
    await hub.client.gone(`${works}/m1/prod-env-prod-podinfo-server`);
    await member.client.gone('deployments/default/podinfo-server');
  });

  test("health of a topology's component comes from feedback; that its objects exist is not enough", async (t: TestContext) => {
    const { hub, member, holdFeedback } = ground();
    await using it = await open(ground(), 'topology');
    const mine = (work: KubeObject): boolean => work.metadata.name.startsWith('shop-web-');
    const isReady = (revision: string): Promise<unknown> =>
      until(
        `${revision} is Ready`,
        async () => {
          const status = await it.status('shop', 'default');
          return status?.['revision'] === revision && ready(status) === 'True' ? status : undefined;
        },
        PATIENCE_MS,
      );
    await it.push({ 'app.yaml': topologyApp('shop', [webservice('nginx:1.29')]) });
    holdFeedback?.(true);
    await using daemon = it.run();
    const times = await timesOf(ground(), mine, async () => {
      const work = await until(
        'a work that is available',
        async () => (await hub.client.list(`${works}/m1`)).find((one) => mine(one) && hasCondition(one, 'Available')),
        PATIENCE_MS,
      );
      await member.client.until('deployments/default/web', (live) => live?.status?.readyReplicas === 1);
      if (holdFeedback !== null) {
        const told = await hub.client.until('applications.core.oam.dev/default/shop', (app) => app?.status?.services?.[0] !== undefined);
        assert.deepEqual([hasCondition(work, 'Applied'), told.status.services[0].healthy, told.status.status], [true, false, 'runningWorkflow']);
        holdFeedback(false);
      }
      await isReady('shop-v1');
    });
    t.diagnostic(`from work to applied ${times.appliedMs} ms, to feedback ${times.feedbackMs} ms`);
    const from = performance.now();
    await it.push({ 'app.yaml': topologyApp('shop', [webservice('nginx:1.30')]) });
    await member.client.until('deployments/default/web', (live) => live?.spec.template.spec.containers[0].image === 'nginx:1.30', { timeoutMs: PATIENCE_MS });
    t.diagnostic(`from push to the member ${Math.round(performance.now() - from)} ms`);
    await isReady('shop-v2');
    t.diagnostic(`from push to Ready ${Math.round(performance.now() - from)} ms`);
    const change = performance.now();
    await member.client.patch('deployments/default/web', { spec: { replicas: 2 } });
    const told = (work: KubeObject): boolean =>
      work.status.resourceStatus.manifests.some((one: any) =>
        one.statusFeedback.values?.some(({ name, fieldValue }: any) => name === 'status.readyReplicas' && fieldValue.integer === 2),
      );
    await until('the hub knows of the second replica', async () => (await hub.client.list(`${works}/m1`)).filter(mine).find(told), PATIENCE_MS);
    t.diagnostic(`from a change on the member to the hub ${Math.round(performance.now() - change)} ms`);
    await daemon.stop();
    await it.push({ 'app.yaml': null });
    await assertOnce(it);
    await member.client.gone('deployments/default/web');
    assert.equal((await hub.client.list(`${works}/m1`)).filter(mine).length, 0);
  });

  test('a field that is left to others stays as they have it, also when the commit changes the rest', async () => {
    const { hub, member } = ground();
    await using it = await open(ground(), 'left');
    const app = (color: string, ignored: string): string =>
      topologyApp('left', [
        {
          name: 'settings',
          type: 'k8s-objects',
          properties: {
            objects: [
              {
                apiVersion: 'v1',
                kind: 'ConfigMap',
                metadata: { name: 'left', annotations: { 'lateen.dev/ignore-fields': ignored } },
                data: { color, size: '2' },
              },
            ],
          },
        },
      ]);
    const isNow = (data: object): Promise<unknown> =>
      until(
        `left is ${JSON.stringify(data)}`,
        async () => (isDeepStrictEqual((await member.client.find('configmaps/default/left'))?.data, data) ? true : undefined),
        PATIENCE_MS,
      );
    await it.push({ 'app.yaml': app('blue', '/data/size') });
    await assertOnce(it);
    await isNow({ color: 'blue', size: '2' });
    const [work] = (await hub.client.list(`${works}/m1`)).filter(({ metadata }) => metadata.name.startsWith('left-settings-'));
    assert.deepEqual(
      work?.spec.manifestConfigs.map(({ resourceIdentifier, updateStrategy }: any) => [
        resourceIdentifier.name,
        updateStrategy.type,
        updateStrategy.serverSideApply.ignoreFields,
      ]),
      [['left', 'ServerSideApply', [{ condition: 'OnSpokePresent', jsonPointers: ['/data/size'] }]]],
    );
    await member.client.patch('configmaps/default/left', { data: { size: '5' } });
    await it.push({ 'app.yaml': app('green', '/data/size') });
    await assertOnce(it);
    await isNow({ color: 'green', size: '5' });
    await it.push({ 'app.yaml': app('green', '') });
    await assertOnce(it);
    await isNow({ color: 'green', size: '2' });
    await it.push({ 'app.yaml': null });
    await assertOnce(it);
    await member.client.gone('configmaps/default/left');
  });

  test("what is too large for one work goes in several, whose names stay; what is too large by itself is refused in the API's own words", async () => {
    const { hub, member } = ground();
    await using it = await open(ground(), 'large');
    const big = (text: string): object =>
      configMaps('bulk', Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`bulk-${name}`, `${text}${name.repeat(150_000)}`])));
    const names = async (): Promise<readonly string[]> =>
      (await hub.client.list(`${works}/m1`))
        .map(({ metadata }) => metadata.name)
        .filter((name) => name.startsWith('large-'))
        .sort();
    await it.push({ 'app.yaml': topologyApp('large', [big('one')]) });
    await assertOnce(it);
    const before = await names();
    assert.ok(before.length >= 2, before.join());
    assert.ok(
      before.slice(1).every((name) => name.startsWith(`${before[0] ?? ''}-`)),
      before.join(),
    );
    await it.push({ 'app.yaml': topologyApp('large', [big('two')]) });
    await assertOnce(it);
    assert.deepEqual(await names(), before);
    for (const name of ['a', 'b', 'c', 'd'])
      await member.client.until(`configmaps/default/bulk-${name}`, (live) => live?.data?.text.startsWith('two') === true);
    await it.push({ 'app.yaml': topologyApp('large', [configMaps('bulk', { 'bulk-a': 'x'.repeat(520_000) })]) });
    const ended = await it.once('--wait', '60s');
    assert.equal(ended.code, 1, ended.stdout + ended.stderr);
    const words = JSON.stringify(await it.status('large', 'default'));
    assert.match(words, /the size of manifests is 520\d{3} bytes which exceeds the 512000 limit/);
    assert.ok((await member.client.get('configmaps/default/bulk-b')).data.text.startsWith('two'), 'what could not be replaced stays');
    await it.push({ 'app.yaml': null });
    await assertOnce(it);
    await member.client.gone('configmaps/default/bulk-a');
    assert.deepEqual(await names(), []);
  });

  test('what the agent cannot apply is told in its own words, and the rest of the work is there', async () => {
    const { hub, member } = ground();
    await using it = await open(ground(), 'partly');
    const map = (name: string, namespace: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { a: 'b' } });
    await it.push({
      'app.yaml': topologyApp('partly', [
        { name: 'maps', type: 'k8s-objects', properties: { objects: [map('good', 'default'), map('nowhere', 'not-there')] } },
      ]),
    });
    await using daemon = it.run();
    const words = /Failed to apply manifest: namespaces "not-there" not found/;
    const status = await until(
      "the agent's words in the status",
      async () => {
        const now = await it.status('partly', 'default');
        return words.test(String(now?.['objects']?.find(({ kind }: { kind: string }) => kind === 'ManifestWork')?.message)) ? now : undefined;
      },
      PATIENCE_MS,
    );
    assert.equal(ready(status), 'False');
    assert.equal((await member.client.get('configmaps/default/good')).data.a, 'b');
    await it.push({ 'app.yaml': null });
    await member.client.gone('configmaps/default/good', { timeoutMs: PATIENCE_MS });
    await until(
      'the work is gone',
      async () => ((await hub.client.list(`${works}/m1`)).some(({ metadata }) => metadata.name.startsWith('partly-')) ? undefined : true),
      PATIENCE_MS,
    );
    await daemon.stop();
  });

  test('Lateen has written no status, lease, taint, finalizer, set or decision', async () => {
    const { hub, user } = ground();
    const writes = (await hub.writes()).filter((write) => write.user === user);
    assert.deepEqual(notOurs(writes), []);
    assert.ok(
      writes.some(({ verb, path }) => verb === 'patch' && /\/m1\/manifestworks\/[^/]+$/.test(path)),
      'the log shows what it did write',
    );
    for (const object of [
      await hub.client.get('managedclusters/m1'),
      await hub.client.get('leases/m1/managed-cluster-lease'),
      ...(await hub.client.list(`${works}/m1`)),
    ]) {
      const managers = (object.metadata['managedFields'] as { manager: string; subresource?: string; fieldsV1: object }[]).filter(
        ({ manager }) => manager === 'lateen',
      );
      assert.ok(
        managers.every(
          ({ subresource, fieldsV1 }) => object.kind === 'ManifestWork' && subresource === undefined && !JSON.stringify(fieldsV1).includes('f:finalizers'),
        ),
        object.kind,
      );
    }
  });

  test('a direct cluster handed over to a klusterlet loses and evicts nothing, and goes on by it', async (t: TestContext) => {
    const { hub, direct, handOver, user } = ground();
    const { client } = direct;
    await registerMembers(hub, [[direct, { labels: { purpose: 'handover' }, clusterSet: 'prod' }]]);
    await using it = await open(ground(), 'handover');
    const app = (image: string): string => environmentApp('moved', 'handover', image);
    await it.push({ 'app.yaml': app('nginx:1.29') });
    await assertOnce(it);
    const place = 'appliedmanifestworks.work.open-cluster-management.io';
    const seen = async (): Promise<unknown> => {
      const objects = [await client.get('deployments/default/moved'), await client.get('services/default/moved'), ...(await client.list(place))];
      return objects.map(({ kind, metadata, status }) => [
        kind,
        metadata.name,
        metadata.uid,
        metadata['ownerReferences'],
        status?.evictionStartTime,
        status?.appliedResources,
      ]);
    };
    const before = await seen();
    await using daemon = it.run();
    await daemon.untilLog((line) => line.msg === 'new commit', PATIENCE_MS);
    await hub.client.patch('managedclusters/m2', { metadata: { annotations: { 'lateen.dev/delivery': 'ocm' } } });
    await until('the daemon has seen it', async () => ((await fileOf(it, 'clusters/m2.yaml'))?.['delivery'] === 'ocm' ? true : undefined), PATIENCE_MS);
    const [from, written] = [performance.now(), (await hub.writes()).length];
    await using _agent = await handOver(direct);
    await client.until((await client.list(place))[0] ?? assert.fail('no record'), (record) => record?.spec.agentID === 'klusterlet-1', {
      timeoutMs: PATIENCE_MS,
    });
    t.diagnostic(`from the start of the agent to its name in the record ${Math.round(performance.now() - from)} ms`);
    await it.push({ 'app.yaml': app('nginx:1.30') });
    await until(
      'the new image is Ready',
      async () => {
        const status = await it.status('moved', 'default');
        return status?.['revision'] === 'moved-v2' && ready(status) === 'True' ? true : undefined;
      },
      PATIENCE_MS,
    );
    await daemon.stop();
    assert.equal((await client.get('deployments/default/moved')).spec.template.spec.containers[0].image, 'nginx:1.30');
    assert.deepEqual(await seen(), before);
    assert.equal((await fileOf(it, 'clusters/m2.yaml'))?.['delivery'], 'ocm');
    await it.push({ 'app.yaml': null });
    await assertOnce(it);
    await client.gone('deployments/default/moved');
    assert.deepEqual(await client.list(place), []);
    assert.deepEqual(notOurs((await hub.writes()).slice(written).filter((write) => write.user === user)), []);
  });
}
