// The transport against a real API server (no nodes: nothing here needs a pod).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { differences } from '../../daemon/lib/subset.ts';
import { stamp } from '../../daemon/lib/stamp.ts';
import { Fault } from '../../daemon/model/fault.ts';
import { keyOf, keyText } from '../../daemon/model/object.ts';
import type { KubeObject, ObjectKey } from '../../daemon/model/object.ts';
import { PLAIN_RULES } from '../../daemon/model/plan.ts';
import type { ApplyRules } from '../../daemon/model/plan.ts';
import type { ApplyRequest, Clock, Effects, Redactor, Transport } from '../../daemon/model/ports.ts';
import type { Observation } from '../../daemon/model/status.ts';
import { actingTransport } from '../../daemon/transport/acting.ts';
import { openCache } from '../../daemon/transport/cache.ts';
import { findVelaCore, prepareHub, readDefinitions } from '../../daemon/transport/hub.ts';
import { connect } from '../../daemon/transport/kube.ts';
import type { KubeClient } from '../../daemon/transport/kube.ts';
import { openLease } from '../../daemon/transport/lease.ts';
import { openRecords } from '../../daemon/transport/records.ts';
import { openTransport } from '../../daemon/transport/transport.ts';
import { useLab } from '../lab/lab.ts';

const clock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
};
const learned = new Set<string>();
const redactor: Redactor = {
  learn: (value) => void learned.add(value),
  learnSecret: (secret) => Object.values((secret['data'] ?? {}) as Record<string, string>).forEach((value) => learned.add(value)),
  text: (text) => text,
};
const signal = new AbortController().signal;
const CRDS = join(import.meta.dirname, '../../schemas/crds');

let lab: Awaited<ReturnType<typeof useLab<'hub'>>>;
let client: KubeClient;
let transport: Transport;
let done: string[] = [];
const effects: Effects = {
  async run(kind, subject, effect) {
    const result = await effect();
    done.push(`${kind} ${subject}`);
    return result;
  },
};

before(async () => {
  lab = await useLab(['hub'], { nodes: false });
  client = await connectHub();
  transport = openTransport({ clusters: async () => client, effects, redactor, cache: null });
});
after(async () => {
  await client?.[Symbol.asyncDispose]();
  await lab?.stop();
});

const connectHub = (): Promise<KubeClient> => connect(readFileSync(lab.planes.hub.kubeconfig, 'utf8'), { clock, allowExec: false });

interface Shape {
  readonly replicas?: number;
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly labels?: Readonly<Record<string, string>>;
}

function deployment(namespace: string, name: string, shape: Shape = {}): KubeObject {
  return stamp({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels: { 'app.oam.dev/name': 'shop', ...shape.labels } },
    spec: {
      replicas: shape.replicas ?? 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'main', image: 'nginx', env: shape.env ?? [], resources: { limits: { cpu: 0.5 } } }] },
      },
      ...shape.extra,
    },
  });
}

function put(
  object: KubeObject,
  live: KubeObject | null,
  options: { readonly owned?: boolean; readonly rules?: Partial<ApplyRules> } = {},
  over: Transport = transport,
) {
  return over.apply({ key: keyOf('local', object), object, rules: { ...PLAIN_RULES, ...options.rules }, live, owned: options.owned ?? true }, signal);
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(
    (value) => assert.fail(`no fault but ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Fault, String(error));
  return error;
}

const live = (object: KubeObject): Promise<KubeObject> => lab.planes.hub.client.get(object);
const liveOf = (seen: Observation | undefined): KubeObject =>
  seen !== undefined && 'live' in seen ? seen.live : assert.fail(`not live: ${JSON.stringify(seen)}`);
const editAs = (manager: string, object: KubeObject, spec: Readonly<Record<string, unknown>>): Promise<{ readonly object: KubeObject }> =>
  client.patch({ ...keyOf('local', object) }, 'merge', { spec }, { fieldManager: manager }, signal);
const specOf = (object: KubeObject | undefined): Readonly<Record<string, unknown>> => (object?.['spec'] ?? {}) as Readonly<Record<string, unknown>>;
const scratch = (): Promise<string> => lab.planes.hub.client.scratchNamespace();

test('an object is created once and not written again while nothing differs', async () => {
  const object = deployment(await scratch(), 'web');
  const first = await put(object, null);
  assert.equal(first.changed, true);
  assert.deepEqual(differences(object, first.object), []);
  done = [];
  const second = await put(object, first.object);
  assert.equal(second.changed, false);
  assert.deepEqual(done, [], 'the server has said that this document is what it holds');
  const other = openTransport({ clusters: async () => client, effects, redactor, cache: null });
  assert.equal((await put(object, first.object, {}, other)).changed, false, 'a new process asks once, and nothing changes');
});

test('I10: our own field that another changed is put back', async () => {
  const object = deployment(await scratch(), 'web', { replicas: 2 });
  await put(object, null);
  const edited = await editAs('kubectl-edit', object, { replicas: 5 });
  assert.deepEqual(differences(object, edited.object), ['/spec/replicas']);
  const receipt = await put(object, edited.object);
  assert.equal((receipt.object['spec'] as { replicas: number }).replicas, 2);
});

test('I10: a field that another has set and we never had is reported with its manager, and nothing is overwritten', async () => {
  const object = deployment(await scratch(), 'web');
  await put(object, null);
  const edited = await editAs('the-operator', object, { paused: true, replicas: 7 });
  const wanted = deployment(object.metadata.namespace ?? '', 'web', { extra: { paused: false } });
  const fault = await faultOf(put(wanted, edited.object));
  assert.equal(fault.code, 'transport/conflict');
  assert.match(fault.message, /\.spec\.paused is owned by "the-operator"/);
  assert.doesNotMatch(fault.message, /replicas/, 'replicas was ours and is not the reason');
  assert.equal(((await live(object))['spec'] as { paused: boolean }).paused, true);
  const forced = await put(wanted, edited.object, { rules: { force: true } });
  assert.equal((forced.object['spec'] as { paused?: boolean }).paused ?? false, false);
});

test('I10: a field that is no longer in the document is released', async () => {
  const namespace = await scratch();
  const first = await put(deployment(namespace, 'web', { extra: { minReadySeconds: 9 } }), null);
  const second = await put(deployment(namespace, 'web'), first.object);
  assert.equal((second.object['spec'] as { minReadySeconds?: number }).minReadySeconds, undefined);
});

test('an object of someone else is not changed unless it is taken over', async () => {
  const object = deployment(await scratch(), 'web');
  const foreign = await client.create(
    { ...object, metadata: { name: 'web', namespace: object.metadata.namespace ?? '' }, spec: { ...(object['spec'] as object), replicas: 4 } },
    { fieldManager: 'kubectl-create' },
    signal,
  );
  const fault = await faultOf(put(object, foreign.object, { owned: false }));
  assert.equal(fault.code, 'transport/conflict');
  assert.match(fault.message, /\.spec\.replicas is owned by "kubectl-create"/);
  const taken = await put(object, foreign.object, { owned: false, rules: { takeOver: true } });
  assert.equal((taken.object['spec'] as { replicas: number }).replicas, 1);
});

test('what vela-core wrote becomes ours when it is taken over, and is released when it leaves the document', async () => {
  const object = deployment(await scratch(), 'web', { extra: { minReadySeconds: 9 } });
  const velas = await client.create(object, { fieldManager: 'kubevela' }, signal);
  const receipt = await put(deployment(object.metadata.namespace ?? '', 'web'), velas.object, { owned: true });
  assert.equal((receipt.object['spec'] as { minReadySeconds?: number }).minReadySeconds, undefined);
  const managers = (receipt.object.metadata['managedFields'] as { manager: string; operation: string }[]).map((entry) => `${entry.manager} ${entry.operation}`);
  assert.deepEqual(managers, ['lateen Apply']);
});

test('one env name twice is merged three ways, with a warning, and goes back to server-side apply', async () => {
  const namespace = await scratch();
  const twice = (value: string): KubeObject =>
    deployment(namespace, 'web', {
      env: [
        { name: 'A', value: '1' },
        { name: 'A', value },
      ],
    });
  const first = await put(twice('2'), null);
  assert.match(first.warnings.join('\n'), /merged three ways.*duplicate entries for key/);
  const second = await put(twice('3'), first.object);
  const envOf = (object: KubeObject): unknown =>
    (object['spec'] as { template: { spec: { containers: { env?: unknown }[] } } }).template.spec.containers[0]?.env;
  assert.deepEqual(envOf(second.object), [
    { name: 'A', value: '1' },
    { name: 'A', value: '3' },
  ]);
  const third = await put(deployment(namespace, 'web'), second.object);
  assert.equal(envOf(third.object), undefined);
  assert.deepEqual(third.warnings, []);
});

test('a field that a built-in kind does not declare is pruned, with a warning, and costs no write in the next pass', async () => {
  const object = deployment(await scratch(), 'web', { extra: { shiny: true } });
  const first = await put(object, null);
  assert.match(first.warnings.join('\n'), /field not declared in schema/);
  assert.match(first.warnings.join('\n'), /unknown field "spec\.shiny"/);
  done = [];
  const second = await put(object, first.object);
  assert.deepEqual([second.changed, done], [false, []]);
  assert.deepEqual(second.warnings, first.warnings, 'the user still has to know');
});

test('refusals of the API server come with its own words', async () => {
  const namespace = await scratch();
  const negative = await faultOf(put(deployment(namespace, 'web', { replicas: -1 }), null));
  assert.equal(negative.code, 'transport/invalid');
  assert.match(negative.message, /spec\.replicas: Invalid value: -1: must be greater than or equal to 0/);
  const first = await put(deployment(namespace, 'web'), null);
  const moved = deployment(namespace, 'web', {
    extra: {
      selector: { matchLabels: { app: 'other' } },
      template: { metadata: { labels: { app: 'other' } }, spec: { containers: [{ name: 'main', image: 'nginx' }] } },
    },
  });
  const immutable = await faultOf(put(moved, first.object));
  assert.equal(immutable.code, 'transport/invalid');
  assert.match(immutable.message, /spec\.selector: .*field is immutable/);
  const recreated = await put(moved, first.object, { rules: { recreateFields: ['spec.selector'] } });
  assert.notEqual(recreated.object.metadata.uid, first.object.metadata.uid);
});

test('I9: a refused Secret tells the field and no value', async () => {
  const namespace = await scratch();
  const secret = (data: unknown, extra: object = {}): KubeObject => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db', namespace }, data, ...extra });
  for (const bad of [
    secret({ password: 'hunter2 is no base64' }),
    secret({ password: 4711_4711 }),
    secret({ 'pass word': 'aHVudGVyMg==' }),
    secret({ a: 'aHVudGVyMg==' }, { type: 'kubernetes.io/tls' }),
  ]) {
    const fault = await faultOf(put(bad, null));
    assert.equal(fault.code, 'transport/invalid');
    assert.doesNotMatch(`${fault.message} ${JSON.stringify((fault as { causes?: unknown }).causes)}`, /hunter2|47114711|aHVudGVy/);
  }
  learned.clear();
  await put(secret({ password: 'aHVudGVyMg==' }), null);
  assert.ok(learned.has('aHVudGVyMg=='));
});

test('a missing namespace and an unknown kind are waited for, not errors of the document', async () => {
  assert.equal((await faultOf(put(deployment('not-there', 'web'), null))).code, 'transport/no-namespace');
  const unknown: KubeObject = { apiVersion: 'example.com/v1', kind: 'Gizmo', metadata: { name: 'a', namespace: 'default' } };
  const fault = await faultOf(put(unknown, null));
  assert.equal(fault.code, 'transport/no-kind');
  assert.equal(fault.kind, 'waiting');
  const seen = await transport.observe([keyOf('local', unknown)], signal);
  assert.deepEqual([...seen.values()], [{ absent: true }]);
  assert.equal(await transport.isNamespaced('local', 'example.com/v1', 'Gizmo', signal), null);
});

test('an object of a kind whose CRD was applied a moment ago goes through', async () => {
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      names: { kind: 'Widget', plural: 'widgets' },
      scope: 'Cluster',
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }],
    },
  } as KubeObject;
  await put(crd, null);
  const widget = {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'a', namespace: 'is-taken-out' },
    size: 9007199254740993n,
    status: { ready: true },
  } as KubeObject;
  const receipt = await put(widget, null);
  assert.equal(receipt.object.metadata.namespace, undefined);
  assert.equal(receipt.object['size'], 9007199254740993n, 'integers beyond 2^53 stay exact');
});

test('names keep their case and their colons in paths', async () => {
  const role = stamp({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'Shop:Reader/all' }, rules: [] });
  const wrong = await faultOf(put(role, null));
  assert.match(wrong.message, /"Shop:Reader\/all" is not a name/);
  const named = { ...role, metadata: { ...role.metadata, name: 'Shop:Reader' } };
  await put(named, null);
  const keys = [keyOf('local', named), keyOf('local', { ...role, metadata: { name: 'shop:reader' } })];
  const seen = await transport.observe(keys, signal);
  assert.deepEqual(
    keys.map((key) => 'live' in (seen.get(keyText(key)) ?? {})),
    [true, false],
  );
});

test('read-only, replace and kept fields', async () => {
  const namespace = await scratch();
  const object = deployment(namespace, 'web');
  const absent = await faultOf(put(object, null, { rules: { readOnly: true } }));
  assert.deepEqual(
    [absent.code, absent.message],
    [
      'plan/ownership',
      'Deployment (web) is marked as read-only but does not exist. You should check the existence of the resource or remove the read-only policy',
    ],
  );
  await put(object, null);
  const edited = (await editAs('autoscaler', object, { replicas: 6, paused: true })).object;
  assert.equal((await put(object, edited, { rules: { readOnly: true } })).changed, false);
  const kept = await put(deployment(namespace, 'web', { extra: { minReadySeconds: 3 } }), edited, { rules: { keepOnUpdate: ['spec.replicas'] } });
  assert.deepEqual([(kept.object['spec'] as { replicas: number }).replicas, (kept.object['spec'] as { minReadySeconds: number }).minReadySeconds], [6, 3]);
  const replaced = await put(object, kept.object, { rules: { replace: true } });
  assert.deepEqual([(replaced.object['spec'] as { paused?: boolean }).paused, (replaced.object['spec'] as { replicas: number }).replicas], [undefined, 1]);
});

test('deleting waits for finalizers, and never takes another object of the same name', async () => {
  const namespace = await scratch();
  const object = stamp({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace, finalizers: ['example.com/hold'] }, data: { a: '1' } });
  const made = await put(object, null);
  const key = keyOf('local', object);
  const uid = made.object.metadata.uid ?? '';
  assert.equal(await transport.remove(key, 'another-uid', 'cascading', signal), true, 'the one with that uid is not there');
  assert.equal((await live(object)).metadata.deletionTimestamp, undefined);
  assert.equal(await transport.remove(key, uid, 'cascading', signal), false);
  await lab.planes.hub.client.patch(object, { metadata: { finalizers: null } });
  assert.equal(await transport.remove(key, uid, 'cascading', signal), true);
  assert.equal(await transport.remove(key, uid, 'cascading', signal), true, 'gone stays gone');
});

test('many objects of one kind are read with one list, and those without the label one by one', async () => {
  const namespace = await scratch();
  const objects = Array.from({ length: 12 }, (_item, index) =>
    stamp({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `c${index}`, namespace, ...(index === 3 ? {} : { labels: { 'app.oam.dev/name': 'shop' } }) },
      data: { n: String(index) },
    }),
  );
  await Promise.all(objects.slice(0, 11).map((object) => put(object, null)));
  const paths: string[] = [];
  const counting: KubeClient = {
    ...client,
    get: (target, by) => (paths.push(`get ${target.name}`), client.get(target, by)),
    list: (query, by) => (paths.push('list'), client.list(query, by)),
  };
  const seen = await openTransport({ clusters: async () => counting, effects, redactor, cache: null }).observe(
    objects.map((object) => keyOf('local', object)),
    signal,
  );
  assert.deepEqual(paths.sort(), ['get c11', 'get c3', 'list']);
  assert.deepEqual(seen.get(keyText(keyOf('local', objects[11] as KubeObject))), { absent: true });
  assert.deepEqual(
    objects.slice(0, 11).flatMap((object) => differences(object, liveOf(seen.get(keyText(keyOf('local', object)))))),
    [],
  );
});

test('I12: a cluster that cannot be reached is a fault of its own objects only', async () => {
  const object = deployment(await scratch(), 'web');
  await put(object, null);
  const away = await connect(readFileSync(lab.planes.hub.kubeconfig, 'utf8').replace(/https:\/\/127\.0\.0\.1:\d+/, 'https://127.0.0.1:1'), {
    clock,
    allowExec: false,
  });
  const two = openTransport({ clusters: async (name) => (name === 'local' ? client : away), effects, redactor, cache: null });
  const seen = await two.observe([keyOf('local', object), keyOf('far', object)], signal);
  assert.ok('live' in (seen.get(keyText(keyOf('local', object))) ?? {}));
  const far = seen.get(keyText(keyOf('far', object)));
  assert.ok(far !== undefined && 'fault' in far && far.fault.code === 'transport/unreachable', JSON.stringify(far));
  await away[Symbol.asyncDispose]();
});

test('the cache tells of drift, does not tell of our own writes, and survives the hub going away', async () => {
  const ticks: ObjectKey[] = [];
  const waiting: (() => void)[] = [];
  await using cache = openCache({ clock, onChange: (key) => (ticks.push(key), waiting.splice(0).forEach((go) => go())) });
  const watching = openTransport({ clusters: async () => client, effects, redactor, cache });
  const namespace = await scratch();
  const [one, two] = [deployment(namespace, 'one'), deployment(namespace, 'two')];
  const key = keyOf('local', one);
  assert.deepEqual((await watching.observe([key], signal)).get(keyText(key)), { absent: true });
  const receipt = await put(one, null, {}, watching);
  assert.equal(
    liveOf((await watching.observe([key], signal)).get(keyText(key))).metadata.resourceVersion,
    receipt.object.metadata.resourceVersion,
    'a read is never older than our own write',
  );

  const next = (name: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => (ticks.some((tick) => tick.name === name && tick.namespace === namespace) ? resolve() : void waiting.push(look));
      look();
    });
  await editAs('kubectl-edit', one, { replicas: 8 });
  await next('one');
  assert.deepEqual(
    ticks.map((tick) => tick.name),
    ['one'],
    'one tick, for the edit',
  );
  assert.deepEqual(differences(one, liveOf((await watching.observe([key], signal)).get(keyText(key)))), ['/spec/replicas']);

  await lab.planes.hub.stopApiServer();
  const away = (await watching.observe([key], signal)).get(keyText(key));
  assert.ok(away !== undefined && ('fault' in away ? away.fault.code === 'transport/unreachable' : true));
  await lab.planes.hub.startApiServer();
  ticks.length = 0;
  await put(two, null);
  await next('two');
  assert.ok(liveOf((await watching.observe([keyOf('local', two)], signal)).get(keyText(keyOf('local', two)))));

  const { uid = '' } = receipt.object.metadata;
  assert.equal(await watching.remove(key, uid, 'cascading', signal), true);
  assert.deepEqual((await watching.observe([key], signal)).get(keyText(key)), { absent: true });
});

test('a user without rights is denied, and reads what he may one by one', async () => {
  const kubeconfig = await lab.planes.hub.kubeconfigFor('mary');
  const mary = await connect(readFileSync(kubeconfig, 'utf8'), { clock, allowExec: false });
  const object = deployment(await scratch(), 'web');
  const asMary = openTransport({ clusters: async () => mary, effects, redactor, cache: null });
  const fault = await faultOf(put(object, null, {}, asMary));
  assert.equal(fault.code, 'transport/denied');
  assert.match(fault.message, /User "mary" cannot patch resource "deployments"/);
  await mary[Symbol.asyncDispose]();
});

test('who acts for a service account has its rights and no more', async () => {
  const namespace = await scratch();
  const kube = lab.planes.hub.client;
  await kube.applyYaml(`apiVersion: v1
kind: ServiceAccount
metadata: {name: small, namespace: ${namespace}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: small, namespace: ${namespace}}
rules: [{apiGroups: [apps], resources: [deployments], verbs: [get, list, create, patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: small, namespace: ${namespace}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: small}
subjects: [{kind: ServiceAccount, name: small, namespace: ${namespace}}]
`);
  const small = actingTransport(transport, `system:serviceaccount:${namespace}:small`);
  const secret: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'theirs', namespace }, stringData: { a: 'b' } };
  await put(secret, null);
  await put(deployment(namespace, 'web'), null, {}, small);
  const written = await faultOf(put({ ...secret, metadata: { name: 'mine', namespace } }, null, {}, small));
  const seen = (await small.observe([keyOf('local', secret)], signal)).get(keyText(keyOf('local', secret)));
  assert.ok(seen !== undefined && 'fault' in seen);
  const user = `User "system:serviceaccount:${namespace}:small"`;
  assert.deepEqual([written.code, seen.fault.code], ['transport/denied', 'transport/denied']);
  assert.ok(
    written.message.includes(`${user} cannot patch resource "secrets"`) && seen.fault.message.includes(`${user} cannot get resource "secrets"`),
    `${written.message} / ${seen.fault.message}`,
  );
  await put(secret, null);
});

test('a rehearsal tells what the server would refuse, and writes nothing', async () => {
  const namespace = await scratch();
  const requestFor = (object: KubeObject): ApplyRequest => ({ key: keyOf('local', object), object, rules: PLAIN_RULES, live: null, owned: false });
  const ask = async (object: KubeObject): Promise<string> =>
    (await transport.rehearse?.(requestFor(object), signal).then(
      () => 'taken',
      (error: unknown) => (error as Fault).code,
    )) ?? 'cannot be asked';
  const twice = deployment(namespace, 'twice', {
    env: [
      { name: 'X', value: '1' },
      { name: 'X', value: '2' },
    ],
  });
  const odd = deployment(namespace, 'Odd Name');
  assert.deepEqual(
    [
      await ask(deployment(namespace, 'web')),
      await ask(odd),
      await ask(deployment('not-there', 'web')),
      await ask({ apiVersion: 'example.com/v1', kind: 'Nothing', metadata: { name: 'a', namespace } }),
    ],
    ['taken', 'transport/invalid', 'transport/no-namespace', 'transport/no-kind'],
  );
  assert.equal(await ask(twice), 'taken', 'what server-side apply cannot take is asked about as it is made');
  assert.equal(await lab.planes.hub.client.find(`deployments/${namespace}/web`), undefined);
});

test("KubeVela's kinds are installed where they are absent, with its columns, and left alone where they are not", async () => {
  const kube = lab.planes.hub.client;
  const foreign = JSON.parse(readFileSync(join(CRDS, 'workflows.json'), 'utf8')) as KubeObject;
  await client.apply({ ...foreign, metadata: { name: foreign.metadata.name ?? '', labels: { from: 'kubevela' } } }, { fieldManager: 'helm' }, signal);
  const definitions = await readDefinitions(CRDS);
  const written = await prepareHub(client, definitions, effects, clock, signal);
  const others = definitions.map((definition) => definition.metadata.name ?? '').filter((name) => name !== 'workflows.core.oam.dev');
  assert.deepEqual(
    written.filter((name) => !name.endsWith('-view')),
    [...others, 'vela-system'].sort(),
    'the namespace, and all but the one that was there; beside them the views of the vela CLI',
  );
  assert.deepEqual(await prepareHub(client, definitions, effects, clock, signal), []);
  assert.equal((await kube.get('customresourcedefinitions/workflows.core.oam.dev')).metadata['labels']?.['app.kubernetes.io/part-of'], undefined);

  const namespace = await scratch();
  const columns = async (ref: string): Promise<string> => (await kube.table(ref)).columnDefinitions.map((column) => column.name).join(' ');
  assert.equal(await columns(`applications.core.oam.dev/${namespace}`), 'Name COMPONENT TYPE PHASE HEALTHY STATUS AGE');
  assert.equal(await columns('resourcetrackers.core.oam.dev'), 'Name TYPE APP APP-NS APP-GEN');
  assert.equal(await columns(`applicationrevisions.core.oam.dev/${namespace}`), 'Name AGE PUBLISH_VERSION SUCCEEDED');
  assert.equal(await columns(`componentdefinitions.core.oam.dev/${namespace}`), 'Name WORKLOAD-KIND DESCRIPTION');
  assert.equal(await columns(`traitdefinitions.core.oam.dev/${namespace}`), 'Name APPLIES-TO DESCRIPTION');
  assert.equal(await columns(`initializers.core.oam.dev/${namespace}`), 'Name PHASE AGE');
});

test('records: what is saved is found again, the status loses what vanished, and nothing is left behind', async () => {
  await prepareHub(client, await readDefinitions(CRDS), effects, clock, signal);
  const namespace = await scratch();
  const records = openRecords(client, effects, redactor);
  const place = `${namespace}/shop`;
  const labels = { 'app.oam.dev/name': 'shop', 'app.oam.dev/namespace': namespace };
  const oam = 'core.oam.dev/v1beta1';
  const application = await records.save(
    'application',
    {
      apiVersion: oam,
      kind: 'Application',
      metadata: { name: 'shop', namespace },
      spec: {
        components: [{ name: 'web', type: 'webservice', properties: { image: 'nginx' } }],
        policies: [{ type: 'topology', properties: { clusters: ['local'] } }],
      },
    },
    signal,
  );
  const tracker = await records.save(
    'tracker',
    {
      apiVersion: oam,
      kind: 'ResourceTracker',
      metadata: { name: `shop-v1-${namespace}`, labels, finalizers: ['resourcetracker.core.oam.dev/finalizer'] },
      spec: {
        type: 'versioned',
        applicationGeneration: 1,
        managedResources: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace, raw: { apiVersion: 'apps/v1', spec: { a: [1] } } }],
      },
    },
    signal,
  );
  await records.save(
    'revision',
    {
      apiVersion: oam,
      kind: 'ApplicationRevision',
      metadata: { name: 'shop-v1', namespace, labels: { 'app.oam.dev/name': 'shop' } },
      spec: {
        application: { spec: { components: [] } },
        componentDefinitions: { webservice: { apiVersion: oam, kind: 'ComponentDefinition', spec: { anything: true } } },
      },
    },
    signal,
  );
  await records.save(
    'journal',
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'lateen-journal-shop', namespace, labels: { 'lateen.dev/journal': 'shop' } },
      data: { journal: 'e30=' },
    },
    signal,
  );

  const full = await records.saveStatus(
    application,
    {
      status: 'runningWorkflow',
      observedGeneration: 1,
      workflow: { mode: 'DAG', message: 'waits' },
      services: [{ name: 'web', healthy: false, message: 'Ready:0/1' }],
    },
    signal,
  );
  const running = await records.saveStatus(
    full,
    { status: 'running', observedGeneration: 1, workflow: { mode: 'DAG' }, services: [{ name: 'web', healthy: true, message: 'Ready:1/1' }] },
    signal,
  );
  assert.deepEqual(running['status'], {
    status: 'running',
    observedGeneration: 1,
    workflow: { mode: 'DAG' },
    services: [{ name: 'web', healthy: true, message: 'Ready:1/1' }],
  });
  done = [];
  await records.saveStatus(running, running['status'], signal);
  assert.deepEqual(done, [], 'an unchanged status is not written');
  assert.match(await lab.planes.hub.client.show(`applications.core.oam.dev/${namespace}`), /^shop +web +webservice +running +true +Ready:1\/1 +/m);
  assert.match(await lab.planes.hub.client.show('resourcetrackers.core.oam.dev'), new RegExp(`^shop-v1-${namespace} +versioned +shop +${namespace} +1$`, 'm'));

  const record = (await records.open(signal)).get(place);
  assert.deepEqual(
    [record?.application?.metadata.name, record?.trackers.length, record?.revisions.length, record?.journal?.metadata.name],
    ['shop', 1, 1, 'lateen-journal-shop'],
  );
  assert.equal(record?.revisions[0]?.kind, 'ApplicationRevision');
  assert.equal(record?.revisions[0]?.['spec'], undefined, 'metadata only');
  assert.deepEqual(specOf(record?.trackers[0])['managedResources'], specOf(tracker)['managedResources']);
  for (const [effect, object] of [
    ['untrack', record?.trackers[0]],
    ['forget', record?.revisions[0]],
    ['forget', record?.journal],
    ['forget', record?.application],
  ] as const)
    await records.remove(effect, object as KubeObject, signal);
  await records.remove('untrack', tracker, signal);
  assert.equal((await records.open(signal)).get(place), undefined);
});

test('a running vela-core is seen by its Lease, and a Lease that nobody renews is none', async () => {
  await prepareHub(client, [], effects, clock, signal);
  await findVelaCore(client, clock, signal);
  const lease = (renewTime: Date): KubeObject => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'kubevela-v1z10z0', namespace: 'vela-system' },
    spec: { holderIdentity: 'kubevela-vela-core-0_1', leaseDurationSeconds: 15, renewTime: renewTime.toISOString().replace('Z', '000Z') },
  });
  await client.apply(lease(new Date()), { fieldManager: 'kubevela', force: true }, signal);
  assert.equal((await faultOf(findVelaCore(client, clock, signal))).code, 'transport/vela-core');
  await client.apply(lease(new Date(Date.now() - 3_600_000)), { fieldManager: 'kubevela', force: true }, signal);
  await findVelaCore(client, clock, signal);
  const velaCore = deployment('vela-system', 'kubevela-vela-core', { labels: { 'app.kubernetes.io/name': 'vela-core' } });
  await put(velaCore, null);
  await findVelaCore(client, clock, signal);
  await lab.planes.hub.client.patch(velaCore, { status: { replicas: 1, readyReplicas: 1 } }, 'status');
  assert.match((await faultOf(findVelaCore(client, clock, signal))).message, /Deployment vela-system\/kubevela-vela-core has 1 ready replica/);
});

const leaseOptions = (instance: string, waitMs = 0) => ({ clock, instance, waitMs, onWait: () => undefined, onLost: () => undefined });

test('one holder at a time: the second is told who has it, and gets it when the first lets go', async () => {
  const first = openLease(client, leaseOptions('a'));
  const second = openLease(client, leaseOptions('a'));
  assert.throws(() => first.check(), { code: 'transport/lease' });
  await first.acquire(signal);
  first.check();
  const fault = await faultOf(second.acquire(signal));
  assert.equal(fault.code, 'transport/lease');
  assert.match(fault.message, /Lease vela-system\/lateen-a is held by .+_\d+_/);
  await first.release();
  await second.acquire(signal);
  second.check();
  assert.throws(() => first.check(), { code: 'transport/lease' });
  await second.release();
});

test('the Lease of a killed daemon of this machine is taken over at once', async () => {
  const program = `
    import { readFileSync } from 'node:fs';
    import { connect } from ${JSON.stringify(join(import.meta.dirname, '../../daemon/transport/kube.ts'))};
    import { openLease } from ${JSON.stringify(join(import.meta.dirname, '../../daemon/transport/lease.ts'))};
    const clock = { now: () => Date.now(), random: () => Math.random(), sleep: (ms) => new Promise((go) => setTimeout(go, ms)) };
    const client = await connect(readFileSync(${JSON.stringify(lab.planes.hub.kubeconfig)}, 'utf8'), { clock, allowExec: false });
    await openLease(client, { clock, instance: 'b', waitMs: 0, onWait() {}, onLost() {} }).acquire(new AbortController().signal);
    console.log('held');`;
  const daemon = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(daemon.stdout, 'data')) as [Buffer];
  assert.equal(line.toString().trim(), 'held');
  const successor = openLease(client, leaseOptions('b'));
  assert.equal((await faultOf(successor.acquire(signal))).code, 'transport/lease', 'it lives');
  daemon.kill('SIGKILL');
  await once(daemon, 'exit');
  await successor.acquire(signal);
  successor.check();
  await successor.release();
});

test('a holder that was pushed out notices it, and check says so', async () => {
  let fault: Fault | null = null;
  const hurried: Clock = { ...clock, sleep: (ms, by) => clock.sleep(Math.min(ms, 50), by) };
  const lost = Promise.withResolvers<void>();
  await using lease = openLease(client, {
    ...leaseOptions('c'),
    clock: hurried,
    onLost: (reason) => {
      fault = reason;
      lost.resolve();
    },
  });
  await lease.acquire(signal);
  await client.patch(
    { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'vela-system', name: 'lateen-c' },
    'merge',
    { spec: { holderIdentity: 'elsewhere' } },
    { fieldManager: 'another' },
    signal,
  );
  await lost.promise;
  assert.match(String(fault), /taken over by elsewhere/);
  assert.throws(() => lease.check(), { code: 'transport/lease' });
});

test('the Lease of another machine is taken over once it was not renewed for its time, by our own clock', async () => {
  let nowMs = 0;
  const quick: Clock = { ...clock, sleep: async () => void (nowMs += 1_000) };
  const foreign = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'lateen-d', namespace: 'vela-system' },
    spec: { holderIdentity: 'far_00000000_17_x', leaseDurationSeconds: 15, renewTime: new Date().toISOString().replace('Z', '000Z') },
  } as KubeObject;
  await client.create(foreign, { fieldManager: 'other' }, signal);
  const told: string[] = [];
  const lease = openLease(client, { ...leaseOptions('d', 60_000), clock: quick, monotonic: () => nowMs, onWait: (holder) => told.push(holder) });
  await lease.acquire(signal);
  assert.ok(nowMs > 15_000, `${nowMs}`);
  await lease.release();
  assert.deepEqual(told, ['far_00000000_17_x']);
});
