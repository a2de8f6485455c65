// Lateen's work agent on real API servers, against what OCM 1.3.1's own agent left behind in the same situations.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { load } from 'js-yaml';
import { createRedactor } from '../../daemon/lib/redact.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import type { KubeObject as DaemonObject } from '../../daemon/model/object.ts';
import type { Clock, Effects } from '../../daemon/model/ports.ts';
import { readMemberDefinitions } from '../../daemon/transport/hub.ts';
import type { KubeClient } from '../../daemon/transport/kube.ts';
import { tendWorks } from '../../daemon/transport/work-agent.ts';
import type { TendOptions, WorkReport } from '../../daemon/transport/work-agent.ts';
import { workMemory } from '../../daemon/transport/work-memory.ts';
import { appliedWorkName } from '../../daemon/transport/work-model.ts';
import type { KubeInput, KubeObject } from '../lab/client.ts';
import type { ControlPlane } from '../lab/lab.ts';
import { clientOf, CRDS, useMembers } from '../rig/members.ts';

/** The URL of the hub on which the cases were recorded: its hash is in every name. */
const HUB_URL = 'https://127.0.0.1:26000';
const CASES = join(import.meta.dirname, '../../../shared/cases/ocm-1.3');
const skip = existsSync(CASES) ? false : 'the recorded cases are not here';
const CLUSTER = 'poc-01';
const signal = new AbortController().signal;
const clock = systemClock();

let lab: Awaited<ReturnType<typeof useMembers<typeof CLUSTER>>>;
let hub: ControlPlane;
let spoke: ControlPlane;
let hubClient: KubeClient;
let memberClient: KubeClient;
let definitions: readonly DaemonObject[];
let memory = workMemory();
let done: string[] = [];
const effects: Effects = {
  run: async (kind, subject, effect) => {
    const result = await effect();
    done.push(`${kind} ${subject}`);
    return result;
  },
};

before(async () => {
  lab = await useMembers({ [CLUSTER]: {} });
  hub = lab.planes.hub;
  spoke = lab.planes[CLUSTER];
  [hubClient, memberClient, definitions] = await Promise.all([clientOf(hub), clientOf(spoke), readMemberDefinitions(CRDS)]);
  await hub.client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: CLUSTER } });
});
after(async () => {
  await hubClient?.[Symbol.asyncDispose]();
  await memberClient?.[Symbol.asyncDispose]();
  await lab?.stop();
});

const tend = (over: Partial<TendOptions> = {}): Promise<readonly WorkReport[]> =>
  tendWorks(
    {
      hub: hubClient,
      cluster: { name: CLUSTER, client: memberClient },
      hubUrl: HUB_URL,
      agentId: 'a1',
      definitions,
      effects,
      clock,
      redactor: createRedactor(),
      memory,
      ...over,
    },
    signal,
  );

/** What one tend did to the world. */
async function effectsOf(over: Partial<TendOptions> = {}): Promise<readonly string[]> {
  done = [];
  await tend(over);
  return done;
}

const work = (name: string, manifests: readonly object[], spec: object = {}): KubeInput => ({
  apiVersion: 'work.open-cluster-management.io/v1',
  kind: 'ManifestWork',
  metadata: { name, namespace: CLUSTER },
  spec: { workload: { manifests }, ...spec },
});
const configMap = (name: string, data: object = { a: 'b' }, namespace = 'default'): KubeInput => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});
const readWork = (name: string): Promise<KubeObject> => hub.client.get(`manifestworks.work.open-cluster-management.io/${CLUSTER}/${name}`);
const findWork = (name: string): Promise<KubeObject | undefined> => hub.client.find(`manifestworks.work.open-cluster-management.io/${CLUSTER}/${name}`);
const dropWork = (name: string): Promise<unknown> => hub.client.delete(`manifestworks.work.open-cluster-management.io/${CLUSTER}/${name}`);
const findApplied = (name: string): Promise<KubeObject | undefined> =>
  spoke.client.find(`appliedmanifestworks.work.open-cluster-management.io/${appliedWorkName(HUB_URL, name)}`);
const findConfigMap = (name: string, namespace = 'default'): Promise<KubeObject | undefined> => spoke.client.find(`configmaps/${namespace}/${name}`);
const recorded = <T>(file: string): T => load(readFileSync(join(CASES, file), 'utf8')) as T;
const reportOf = (reports: readonly WorkReport[], name: string): WorkReport =>
  reports.find((report) => report.name === name) ?? assert.fail(`no report of ${name}`);
const conditionsOf = (object: KubeObject): Record<string, string> =>
  Object.fromEntries(object.status.conditions.map((it: any) => [it.type, `${it.status} ${it.reason}: ${it.message}`]));

/** A status without what differs from run to run. */
function bare(value: any): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  if (value.name === 'clusterIP' && value.fieldValue !== undefined) return { name: value.name, fieldValue: { type: value.fieldValue.type } };
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'lastTransitionTime' && key !== 'uid')
      .map(([key, field]) => [key, bare(field)]),
  );
}

/** Takes everything of a test away, finalizers or not. */
async function clear(): Promise<void> {
  for (const item of await hub.client.list(`manifestworks.work.open-cluster-management.io/${CLUSTER}`)) await dropWork(item.metadata.name);
  for (let round = 0; round < 20; round++) {
    const reports = await tend();
    if (reports.length === 0) return;
    for (const item of await spoke.client.list('configmaps/default'))
      if (item.metadata['finalizers'] !== undefined) await spoke.client.patch(item, { metadata: { finalizers: null } });
    await sleep(50);
  }
  assert.fail('the works do not go');
}

async function until<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  for (let round = 0; round < 150; round++) {
    const value = await probe();
    if (value !== undefined) return value;
    await sleep(200);
  }
  return assert.fail(`not reached: ${what}`);
}

suite('as OCM 1.3.1 left it', { skip }, () => {
  test('works that are applied and one that is partly bad: status, AppliedManifestWork and objects', async () => {
    const { items } = recorded<{ items: KubeObject[] }>('hub-manifestworks.yaml');
    for (const { metadata, spec } of items) await hub.client.apply({ ...work(metadata.name, []), spec });
    await tend();
    await spoke.client.until('deployments/default/podinfo-server', (it) => it?.status?.availableReplicas === 1);
    await tend();
    for (const item of items) {
      const now = await readWork(item.metadata.name);
      assert.deepEqual(bare(now.status), bare(item.status), item.metadata.name);
      assert.deepEqual(now.metadata['finalizers'], item.metadata['finalizers']);
    }
    const records = recorded<{ items: KubeObject[] }>('spoke-appliedmanifestworks.yaml').items;
    const live = await spoke.client.list('appliedmanifestworks.work.open-cluster-management.io');
    const shape = ({ metadata, spec, status }: KubeObject): unknown =>
      bare({ name: metadata.name, labels: metadata['labels'], finalizers: metadata['finalizers'], spec, status });
    const byName = (a: KubeObject, b: KubeObject): number => (a.metadata.name < b.metadata.name ? -1 : 1);
    assert.deepEqual(live.toSorted(byName).map(shape), records.toSorted(byName).map(shape));
    for (const record of live)
      for (const entry of record.status?.appliedResources ?? []) {
        const object = await spoke.client.get(`${entry.resource}/${entry.namespace}/${entry.name}`);
        assert.equal(entry.uid, object.metadata.uid);
        assert.deepEqual(object.metadata['ownerReferences'], [
          { apiVersion: 'work.open-cluster-management.io/v1', kind: 'AppliedManifestWork', name: record.metadata.name, uid: record.metadata.uid },
        ]);
      }
    const service = recorded<{ items: KubeObject[] }>('spoke-objects.yaml').items.find((item) => item.kind === 'Service');
    assert.deepEqual((await spoke.client.get('services/default/podinfo-server')).metadata['annotations'], service?.metadata['annotations']);
  });

  test('a tend that finds nothing new makes no write, also with an agent that was just started', async () => {
    assert.deepEqual(await effectsOf(), []);
    memory = workMemory();
    assert.deepEqual(await effectsOf(), []);
  });

  test('a work that is being deleted while a finalizer holds its object; the finalizer gone, so is the work', async () => {
    const expected = recorded<KubeObject>('hub-manifestwork-deleting.yaml');
    await dropWork('kept-by-finalizer');
    const [report] = (await tend()).filter((it) => it.name === 'kept-by-finalizer');
    assert.equal(report?.waiting, 'configmaps default/sticky is still being deleted');
    const now = await readWork('kept-by-finalizer');
    assert.deepEqual(bare(now.status), bare(expected.status));
    assert.deepEqual(now.metadata['finalizers'], expected.metadata['finalizers']);
    assert.deepEqual(await effectsOf(), []);
    await spoke.client.patch('configmaps/default/sticky', { metadata: { finalizers: null } });
    await tend();
    assert.equal(await findWork('kept-by-finalizer'), undefined);
    assert.equal(await findApplied('kept-by-finalizer'), undefined);
  });

  test('server-side apply in conflict with another manager', async () => {
    await clear();
    const expected = recorded<KubeObject>('hub-manifestwork-conflict.yaml');
    await spoke.client.apply(configMap('owned', { a: 'theirs' }), 'someone');
    await hub.client.apply({ ...work('ssa-conflict', []), spec: expected.spec });
    await tend();
    assert.deepEqual(bare((await readWork('ssa-conflict')).status), bare(expected.status));
    assert.deepEqual((await findConfigMap('owned'))?.data, { a: 'theirs' });
    assert.deepEqual(await effectsOf(), [], 'a conflict is not tried again before the object changes');
    await spoke.client.delete('configmaps/default/owned');
    await tend();
    assert.equal(conditionsOf(await readWork('ssa-conflict'))['Applied'], 'True AppliedManifestWorkComplete: Apply manifest work complete');
    await clear();
  });
});

test('what someone changes or deletes on the member is put back, and the report calls it drift', async () => {
  await hub.client.apply(
    work('drift', [
      configMap('drifted', { a: '1' }),
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'drifted', namespace: 'default' }, spec: { ports: [{ port: 80 }], selector: { app: 'x' } } },
    ]),
  );
  const first = reportOf(await tend(), 'drift');
  assert.deepEqual([first.written.length, first.drift.length, first.fault], [2, 0, null]);
  await spoke.client.patch('configmaps/default/drifted', { data: { a: '2', more: 'x' } });
  await spoke.client.patch('services/default/drifted', { spec: { ports: [{ port: 81, protocol: 'TCP' }] } });
  assert.deepEqual(
    reportOf(await tend(), 'drift').drift.map((key) => key.kind),
    ['ConfigMap', 'Service'],
  );
  assert.deepEqual((await findConfigMap('drifted'))?.data, { a: '1' });
  assert.deepEqual(
    (await spoke.client.get('services/default/drifted')).spec.ports.map((port: any) => port.port),
    [80],
  );
  await spoke.client.delete('configmaps/default/drifted');
  assert.deepEqual(
    reportOf(await tend(), 'drift').drift.map((key) => key.name),
    ['drifted'],
  );
  assert.deepEqual((await findConfigMap('drifted'))?.data, { a: '1' });
  assert.deepEqual(await effectsOf(), []);
  await clear();
  assert.equal(await findConfigMap('drifted'), undefined);
});

test('a manifest that leaves the work is pruned; while another is broken nothing is, and what waited is not lost', async () => {
  const broken = { apiVersion: 'example.org/v1', kind: 'Nothing', metadata: { name: 'x', namespace: 'default' } };
  await hub.client.apply(work('pruned', [configMap('stays'), configMap('goes')]));
  await tend();
  await hub.client.apply(work('pruned', [configMap('stays')]));
  assert.deepEqual(reportOf(await tend(), 'pruned').removed, ['configmaps default/goes']);
  assert.equal(await findConfigMap('goes'), undefined);
  await hub.client.apply(work('pruned', [configMap('stays'), configMap('late'), broken]));
  await tend();
  await hub.client.apply(work('pruned', [configMap('stays'), broken]));
  await tend();
  assert.notEqual(await findConfigMap('late'), undefined);
  await hub.client.apply(work('pruned', [configMap('stays')]));
  await tend();
  assert.equal(await findConfigMap('late'), undefined);
  assert.deepEqual(
    (await findApplied('pruned'))?.status.appliedResources.map((it: any) => it.name),
    ['stays'],
  );
  await clear();
});

test('an object that another made anew under the same name, or that another work owns too, survives', async () => {
  await hub.client.apply(work('one', [configMap('shared'), configMap('taken')]));
  await tend();
  await hub.client.apply(work('two', [configMap('shared')]));
  await tend();
  await spoke.client.patch('configmaps/default/taken', { metadata: { ownerReferences: null } });
  await hub.client.apply(work('one', [configMap('other')]));
  await tend();
  assert.notEqual(await findConfigMap('taken'), undefined);
  assert.deepEqual(
    (await findConfigMap('shared'))?.metadata['ownerReferences'].map((owner: any) => owner.name),
    [appliedWorkName(HUB_URL, 'two')],
  );
  await clear();
  assert.deepEqual([await findConfigMap('shared'), (await findConfigMap('taken'))?.data], [undefined, { a: 'b' }]);
  await spoke.client.delete('configmaps/default/taken');
});

test('of two works that say different things about one object the older has it, and nothing is written over and over', async () => {
  await hub.client.apply(work('a-elder', [configMap('claimed', { who: 'elder' })]));
  await tend();
  await sleep(1100);
  await hub.client.apply(work('a-younger', [configMap('claimed', { who: 'younger' })]));
  await tend();
  const [entry] = (await readWork('a-younger')).status.resourceStatus.manifests;
  assert.equal(entry.conditions[0].message, 'Failed to apply manifest: ManifestWork a-elder applies this object with another content');
  assert.deepEqual((await findConfigMap('claimed'))?.data, { who: 'elder' });
  assert.deepEqual(await effectsOf(), []);
  await dropWork('a-elder');
  await tend();
  await tend();
  assert.deepEqual((await findConfigMap('claimed'))?.data, { who: 'younger' });
  await clear();
});

test('strategies: CreateOnly leaves what is there, ReadOnly writes nothing, Update keeps labels of others', async () => {
  await spoke.client.apply(configMap('there', { a: 'old' }));
  await spoke.client.apply({ ...configMap('merged'), metadata: { name: 'merged', namespace: 'default', labels: { theirs: 'x' } } });
  const config = (name: string, type: string): object => ({
    resourceIdentifier: { group: '', resource: 'configmaps', name, namespace: '*' },
    updateStrategy: { type },
  });
  await hub.client.apply(
    work(
      'strategies',
      [
        configMap('there', { a: 'new' }),
        configMap('made', { a: 'new' }),
        configMap('looked-at', { a: 'new' }),
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'merged', namespace: 'default', labels: { ours: 'z' } }, data: { only: 'this' } },
      ],
      { manifestConfigs: [config('there', 'CreateOnly'), config('ma*', 'CreateOnly'), config('looked-*', 'ReadOnly')] },
    ),
  );
  await tend();
  const merged = await findConfigMap('merged');
  assert.deepEqual(
    [(await findConfigMap('there'))?.data, (await findConfigMap('made'))?.data, await findConfigMap('looked-at'), merged?.data, merged?.metadata['labels']],
    [{ a: 'old' }, { a: 'new' }, undefined, { only: 'this' }, { theirs: 'x', ours: 'z' }],
  );
  assert.equal(conditionsOf(await readWork('strategies'))['Available'], 'False ResourcesNotAvailable: 1 of 4 resources are not available');
  assert.deepEqual(await effectsOf(), []);
  await clear();
  assert.deepEqual([await findConfigMap('there'), await findConfigMap('made')], [undefined, undefined]);
});

test('deleteOption Orphan leaves the objects when the work goes', async () => {
  await hub.client.apply(
    work('orphan', [configMap('kept'), configMap('gone')], {
      deleteOption: {
        propagationPolicy: 'SelectivelyOrphan',
        selectivelyOrphans: { orphaningRules: [{ group: '', resource: 'configmaps', name: 'kept', namespace: 'default' }] },
      },
    }),
  );
  await tend();
  await clear();
  assert.deepEqual([(await findConfigMap('kept'))?.data, await findConfigMap('gone')], [{ a: 'b' }, undefined]);
  await spoke.client.delete('configmaps/default/kept');
});

test('an executor is refused by name; an invalid object and a missing namespace say what the server says', async () => {
  await hub.client.apply(
    work('acting', [configMap('never')], { executor: { subject: { type: 'ServiceAccount', serviceAccount: { namespace: 'apps', name: 'robot' } } } }),
  );
  await hub.client.apply(
    work('invalid', [
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', namespace: 'default' },
        spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'c' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } },
      },
      configMap('fine'),
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'nowhere' } },
    ]),
  );
  await tend();
  const messages = async (name: string): Promise<string[]> => (await readWork(name)).status.resourceStatus.manifests.map((it: any) => it.conditions[0].message);
  assert.deepEqual(await messages('acting'), [
    'Failed to apply manifest: the executor ServiceAccount apps/robot cannot be acted for on a cluster of direct delivery',
  ]);
  const [deployment, fine, nowhere] = await messages('invalid');
  assert.match(
    deployment ?? '',
    /^Failed to apply manifest: Deployment\.apps "web" is invalid: spec\.template\.metadata\.labels: Invalid value: .*`selector` does not match template `labels`$/,
  );
  assert.deepEqual([fine, nowhere], ['Apply manifest complete', 'Failed to apply manifest: the server does not allow this method on the requested resource']);
  assert.equal(await findConfigMap('never'), undefined);
  await clear();
});

test('a CRD and an object of it in one work are there after one tend', async () => {
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.work-agent.example.org' },
    spec: {
      group: 'work-agent.example.org',
      scope: 'Namespaced',
      names: { kind: 'Widget', plural: 'widgets' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }],
    },
  };
  await hub.client.apply(
    work('kinds', [{ apiVersion: 'work-agent.example.org/v1', kind: 'Widget', metadata: { name: 'w', namespace: 'default' }, spec: { size: 1 } }, crd]),
  );
  await tend();
  assert.equal(conditionsOf(await readWork('kinds'))['Applied'], 'True AppliedManifestWorkComplete: Apply manifest work complete');
  assert.deepEqual(await effectsOf(), []);
  await clear();
});

test('a member that is away leaves every work as it was; when it is back it is caught up', async () => {
  await hub.client.apply(work('away', [configMap('away', { a: '1' })]));
  await tend();
  const before = await readWork('away');
  await spoke.stopApiServer();
  const away = reportOf(await tend(), 'away');
  assert.equal(away.fault?.code, 'transport/unreachable');
  assert.equal((await readWork('away')).metadata.resourceVersion, before.metadata.resourceVersion);
  await hub.client.apply(work('away', [configMap('away', { a: '2' })]));
  await spoke.startApiServer();
  await until('caught up', async () => ((await tend()).every((report) => report.fault === null) ? true : undefined));
  assert.deepEqual((await findConfigMap('away'))?.data, { a: '2' });
  await clear();
});

test('a member that hangs is given up in time, and nothing of it is told anew', async () => {
  await hub.client.apply(work('hangs', [configMap('hangs')]));
  await tend();
  const before = (await readWork('hangs')).metadata.resourceVersion;
  await spoke.freezeApiServer();
  const report = reportOf(await tend({ workTimeoutMs: 500 }), 'hangs');
  await spoke.thawApiServer();
  assert.deepEqual([report.fault?.code, report.fault?.message], ['transport/unreachable', 'poc-01 did not answer within 0.5 s']);
  assert.equal((await readWork('hangs')).metadata.resourceVersion, before);
  await until('answers', async () => ((await tend()).every((it) => it.fault === null) ? true : undefined));
  await clear();
});

test('a record that another agent kept, and was about to evict, is taken over with what it applied', async () => {
  await hub.client.apply(work('handed', [configMap('handed')]));
  await tend({ agentId: 'klusterlet' });
  const uid = (await findConfigMap('handed'))?.metadata.uid;
  const ref = `appliedmanifestworks.work.open-cluster-management.io/${appliedWorkName(HUB_URL, 'handed')}`;
  await spoke.client.patch(ref, { status: { evictionStartTime: '2026-01-01T00:00:00Z' } }, 'status');
  await tend();
  const record = await findApplied('handed');
  assert.deepEqual([record?.spec.agentID, record?.status.evictionStartTime, record?.status.appliedResources.length], ['a1', undefined, 1]);
  assert.equal((await findConfigMap('handed'))?.metadata.uid, uid);
  assert.deepEqual(await effectsOf(), []);
  await clear();
});

test('killed after any effect, the next tend ends in the same state', async () => {
  const objects = [
    configMap('killed'),
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'killed', namespace: 'default' }, spec: { ports: [{ port: 80 }], selector: { app: 'x' } } },
  ];
  const config = {
    manifestConfigs: [
      { resourceIdentifier: { group: '', resource: 'configmaps', name: 'killed', namespace: 'default' }, updateStrategy: { type: 'ServerSideApply' } },
    ],
  };
  const lives: (readonly [string, () => Promise<unknown>])[] = [
    ['applied', () => hub.client.apply(work('killed', objects, config))],
    ['pruned', () => hub.client.apply(work('killed', objects.slice(0, 1), config))],
    ['deleted', () => dropWork('killed')],
  ];
  const state = async (): Promise<unknown> =>
    bare({
      work: (await findWork('killed'))?.status,
      applied: (await findApplied('killed'))?.status,
      objects: await Promise.all(
        ['configmaps/default/killed', 'services/default/killed'].map(async (ref) => {
          const it = await spoke.client.find(ref);
          return [it?.data ?? it?.spec.ports[0].port, it?.metadata['ownerReferences']?.length];
        }),
      ),
    });
  const reference: unknown[] = [];
  for (const [, change] of lives) {
    await change();
    await tend();
    reference.push(await state());
  }
  let kills = 0;
  for (let at = 1; ; at++) {
    const reached: unknown[] = [];
    let wasKilled = false;
    for (const [, change] of lives) {
      await change();
      let count = 0;
      // The process is gone after so many effects of this tend: nothing more happens, and nothing is remembered.
      const killer: Effects = {
        run: async (_kind, _subject, effect) => {
          if (count >= at) throw new Error('killed');
          count += 1;
          const result = await effect();
          if (count === at) throw new Error('killed');
          return result;
        },
      };
      await tend({ effects: killer, memory: workMemory() });
      if (count === at) {
        wasKilled = true;
        kills += 1;
      }
      memory = workMemory();
      await tend();
      reached.push(await state());
    }
    assert.deepEqual(reached, reference, `killed after effect ${at}`);
    if (!wasKilled) break;
  }
  assert.ok(kills >= 10, `${kills} kills`);
});

test('a record whose work is gone from the hub is evicted after an hour, and not when the work comes back', async () => {
  await hub.client.apply(work('stray', [configMap('stray')]));
  await tend();
  const drop = async (): Promise<void> => {
    await dropWork('stray');
    await hub.client.patch(`manifestworks.work.open-cluster-management.io/${CLUSTER}/stray`, { metadata: { finalizers: null } });
  };
  await drop();
  await tend();
  assert.match((await findApplied('stray'))?.status.evictionStartTime, /Z$/);
  await hub.client.apply(work('stray', [configMap('stray')]));
  await tend();
  assert.equal((await findApplied('stray'))?.status.evictionStartTime, undefined);
  await drop();
  assert.match(reportOf(await tend(), 'stray').waiting, /^its ManifestWork is gone from the hub; what it applied is removed at /);
  await tend({ agentId: 'another' });
  assert.notEqual(await findConfigMap('stray'), undefined);
  const later: Clock = { ...clock, now: () => clock.now() + 3_601_000 };
  await tend({ clock: later });
  assert.deepEqual([await findConfigMap('stray'), await findApplied('stray')], [undefined, undefined]);
});
