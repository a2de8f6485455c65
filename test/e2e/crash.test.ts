// kill -9 before and after every effect: a plain restart comes to the same end, nothing lost and nothing doubled (I6).
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { EFFECTS } from '../../daemon/model/ports.ts';
import { useLab, type ControlPlane } from '../lab/lab.ts';
import { objectsOf, openScenario, until, type Cut, type Scenario } from '../rig/daemon.ts';

let lab: Awaited<ReturnType<typeof useLab<'hub'>>>;
let hub: ControlPlane;
let directory: string;
/** Calls by path: each scenario has its own. */
const calls = new Map<string, number>();
const server = createServer((request, response) => {
  calls.set(request.url ?? '', (calls.get(request.url ?? '') ?? 0) + 1);
  response.end('{"answer":"yes"}');
});

before(async () => {
  lab = await useLab(['hub']);
  hub = lab.planes.hub;
  directory = await mkdtemp(join(tmpdir(), 'lateen-crash-'));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await lab?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

const urlOf = (it: Scenario): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${it.namespace}`;

/** A step of the repository's own that posts, as KubeVela's `webhook` does, and hands the answer on. */
const definition = (namespace: string): string =>
  JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'WorkflowStepDefinition',
    metadata: { name: 'tell', namespace },
    spec: {
      schematic: {
        cue: {
          template:
            'import "vela/http"\npost: http.#HTTPDo & {$params: {method: "POST", url: parameter.url, request: body: "hello"}}\nanswer: post.$returns.body\nparameter: url: string\n',
        },
      },
    },
  });
const configMap = (namespace: string, name: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { a: '1' } });
const component = (name: string, value: string): string => `
    - name: ${name}
      type: k8s-objects
      properties: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}}, data: {value: "${value}"}}]}`;

/** Two components, one of them a workload, with a call in between; another application; a plain document. */
const first = (it: Scenario): Readonly<Record<string, string>> => ({
  'step.json': definition(it.namespace),
  'plain.json': configMap(it.namespace, 'plain'),
  'main.yaml': `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: main, namespace: ${it.namespace}}
spec:
  components:${component('one', '1')}${component('two', '1')}
  workflow:
    steps:
      - {name: one, type: apply-component, properties: {component: one}}
      - {name: tell, type: tell, properties: {url: "${urlOf(it)}"}, outputs: [{name: answer, valueFrom: answer}]}
      - {name: made, type: apply-object, inputs: [{from: answer, parameterKey: value.data.answer}], properties: {value: {apiVersion: v1, kind: ConfigMap, metadata: {name: made, namespace: ${it.namespace}}}}}
      - {name: two, type: apply-component, properties: {component: two}}
`,
  'other.yaml': `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: other, namespace: ${it.namespace}}
spec:
  components:${component('other', '1')}
`,
});

/** One component changed, one gone, the other application and the plain document gone. */
const second = (it: Scenario): Readonly<Record<string, string | null>> => ({
  'main.yaml': `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: main, namespace: ${it.namespace}}
spec:
  components:${component('one', '2')}
`,
  'other.yaml': null,
  'plain.json': null,
});

/** What hub and branch hold, without what differs between two runs of the same: names, ids, times, commits. */
async function endOf(it: Scenario): Promise<string> {
  await until('controllers are through', async () =>
    [...(await objectsOf(hub.client, it.namespace)).values()].every((object) => object.metadata['deletionTimestamp'] === undefined) ? true : undefined,
  );
  const objects = [...(await objectsOf(hub.client, it.namespace)).values()].map((object) => {
    const { uid: _u, resourceVersion: _r, generation: _g, creationTimestamp: _c, managedFields: _m, ...metadata } = object.metadata;
    return { ...object, metadata, ...(object.kind === 'Secret' ? { data: Object.keys(object.data ?? {}) } : {}) };
  });
  const files = Object.fromEntries(
    await Promise.all((await it.bare.files(it.statusBranch)).map(async (path) => [path, await it.bare.show(it.statusBranch, path)] as const)),
  );
  const text = JSON.stringify({ objects, files })
    .replaceAll(it.namespace, 'NS')
    .replaceAll(urlOf(it), 'URL')
    // The step's definition names the namespace: its hash is another one in every scenario.
    .replaceAll(/\b[0-9a-f]{40}\b/g, 'SHA')
    .replaceAll(/\b[0-9a-f]{16}\b/g, 'HASH')
    .replaceAll(/\b[0-9a-f]{10}\b/g, 'SHORT')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, 'TIME')
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, 'UID')
    .replaceAll(/"id":"[a-z0-9]{10}"/g, '"id":"ID"')
    .replaceAll(
      /"(revisionHash|app\.oam\.dev\/app-revision-hash|oam\.dev\/render-hash|applicationGeneration|observedGeneration)":("[^"]*"|\d+)/g,
      '"$1":"HASH"',
    );
  return JSON.stringify(JSON.parse(text), null, 1);
}

function withoutRevisionStatus(end: string): string {
  const { objects, files } = JSON.parse(end) as { readonly objects: readonly { readonly kind: string; readonly status?: unknown }[]; readonly files: unknown };
  return JSON.stringify({ objects: objects.map((object) => (object.kind === 'ApplicationRevision' ? { ...object, status: null } : object)), files }, null, 1);
}

const traceOf = async (file: string): Promise<readonly string[]> =>
  (await readFile(file, 'utf8').catch(() => ''))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ')[0] ?? '');

/** Runs the newest commit and cuts it off at one place. True when the place came up. */
async function isCut(it: Scenario, cut: Cut): Promise<boolean> {
  const killed = await it.verb('once', { crash: { cut } }, '--wait', '60s');
  assert.ok(killed.signal === 'SIGKILL' || killed.code === 0, killed.stdout + killed.stderr);
  return killed.signal === 'SIGKILL';
}

interface Undisturbed {
  readonly firstTrace: readonly string[];
  readonly firstEnd: string;
  readonly secondTrace: readonly string[];
  readonly secondEnd: string;
}
let undisturbed: Undisturbed;

/** Right before and right after the first effect of each kind. Every single effect is cut at in test/invariant/, in memory. */
const cutsAt = (kinds: readonly string[]): readonly Cut[] =>
  kinds.flatMap((effect): readonly Cut[] => [
    { when: 'before', effect, nth: 1 },
    { when: 'after', effect, nth: 1 },
  ]);

/**
 * Between the intent in the journal and the answer in the journal nobody knows whether the call arrived. The intent is
 * the first thing that this journal keeps, the answer the second.
 */
const isUnknown = (cut: Cut | undefined): boolean => cut?.effect === 'call' || (cut?.effect === 'journal' && cut.when === 'after' && cut.nth === 1);

suite('kill -9', () => {
  test('while the hub is made ready: the next start makes the rest', async () => {
    // Only the very first start on a hub has these effects.
    await using it = await openScenario({ name: 'virgin', hub: hub.client, kubeconfig: hub.kubeconfig });
    await it.push(first(it));
    for (const cut of [
      { when: 'before', effect: 'lease', nth: 1 },
      { when: 'after', effect: 'lease', nth: 1 },
      { when: 'before', effect: 'system', nth: 1 },
      { when: 'after', effect: 'system', nth: 1 },
    ] as const) {
      assert.ok(await isCut(it, cut), JSON.stringify(cut));
    }
    const end = await it.once();
    assert.equal(end.code, 0, end.stdout + end.stderr);
    assert.ok((await hub.client.list('customresourcedefinitions')).length >= 14);
  });

  test('nowhere: what the two commits come to, and every effect that there is takes place', async () => {
    await using it = await openScenario({ name: 'calm', hub: hub.client, kubeconfig: hub.kubeconfig });
    const run = async (name: string): Promise<readonly string[]> => {
      const traceFile = join(directory, name);
      const end = await it.verb('once', { crash: { traceFile } }, '--wait', '60s');
      assert.equal(end.code, 0, end.stdout + end.stderr);
      return traceOf(traceFile);
    };
    await it.push(first(it));
    const firstTrace = await run('first');
    const firstEnd = await endOf(it);
    await it.push(second(it));
    const secondTrace = await run('second');
    undisturbed = { firstTrace, firstEnd, secondTrace, secondEnd: await endOf(it) };
    assert.equal(calls.get(`/${it.namespace}`), 1);
    assert.deepEqual(
      EFFECTS.filter((effect) => ![...firstTrace, ...secondTrace, 'system', 'cloud'].includes(effect)),
      [],
    );
  });

  test('at each effect of either commit, right before and right after: a plain restart comes to the same end', async (t) => {
    const kindsOf = (trace: readonly string[]): readonly string[] => [...new Set(trace)].filter((kind) => kind !== 'lease');
    const inFirst = cutsAt(kindsOf(undisturbed.firstTrace));
    const inSecond = cutsAt(kindsOf(undisturbed.secondTrace).filter((kind) => !undisturbed.firstTrace.includes(kind)));
    assert.ok(inFirst.length >= inSecond.length);
    for (let i = 0; i < inFirst.length; i += 1) {
      const one = inFirst[i];
      const two = inSecond[i];
      const name = (cut: Cut | undefined): string => (cut === undefined ? 'nowhere' : `${cut.when} ${cut.effect} ${cut.nth}`);
      await t.test(`${name(one)}; in the second commit ${name(two)}`, async () => {
        await using it = await openScenario({ name: 'cut', hub: hub.client, kubeconfig: hub.kubeconfig });
        await it.push(first(it));
        if (one !== undefined) assert.ok(await isCut(it, one), 'it was cut');
        const firstRun = await it.once();
        if (isUnknown(one)) {
          // It is not made again by itself, and a person is told.
          assert.equal(firstRun.code, 1, firstRun.stdout + firstRun.stderr);
          assert.match(firstRun.stdout, /outcome is unknown/);
          assert.equal(calls.get(`/${it.namespace}`) ?? 0, one?.effect === 'call' && one.when === 'after' ? 1 : 0);
        } else {
          assert.equal(firstRun.code, 0, firstRun.stdout + firstRun.stderr);
          assert.equal(await endOf(it), undisturbed.firstEnd);
          assert.equal(calls.get(`/${it.namespace}`), 1);
        }
        if (two === undefined) return;
        await it.push(second(it));
        assert.ok(await isCut(it, two), 'it was cut');
        const secondRun = await it.once();
        assert.equal(secondRun.code, 0, secondRun.stdout + secondRun.stderr);
        // A run whose call is unknown has failed, and its revision goes on saying so.
        const finished = (end: string): string => (isUnknown(one) ? withoutRevisionStatus(end) : end);
        assert.equal(finished(await endOf(it)), finished(undisturbed.secondEnd));
        assert.ok((calls.get(`/${it.namespace}`) ?? 0) <= 1);
      });
    }
  });

  test('an Application that somebody deletes on the hub is made again without running its workflow again', async () => {
    await using it = await openScenario({ name: 'lost', hub: hub.client, kubeconfig: hub.kubeconfig });
    await it.push(first(it));
    assert.equal((await it.once()).code, 0);
    await hub.client.delete(`applications.core.oam.dev/${it.namespace}/main`);
    await hub.client.gone(`applications.core.oam.dev/${it.namespace}/main`);
    assert.ok(await isCut(it, { when: 'after', effect: 'application', nth: 1 }));
    const end = await it.once();
    assert.equal(end.code, 0, end.stdout + end.stderr);
    assert.equal(calls.get(`/${it.namespace}`), 1);
    assert.equal(await endOf(it), undisturbed.firstEnd);
  });
});
