/** The built-in definitions by themselves: well formed, vetted, and rendered to small objects; and the sample repository on them. */
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../../daemon/lib/retry.ts';
import { load } from '../../../daemon/load/load.ts';
import type { Dialect, TreeFile } from '../../../daemon/model/catalog.ts';
import type { CueComponentResult, CueJson, CueObject, CueTemplateKind } from '../../../daemon/model/cue.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';
import { openCue } from '../../../daemon/render/cue/cue.ts';
import { readPack } from '../../../daemon/render/pack.ts';
import { readDirectory } from '../../../daemon/source/directory.ts';
import { loadFiles } from '../load/trees.ts';
import { renderFiles } from './rig.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PACK = join(ROOT, 'daemon/render/definitions');
const DIALECTS: readonly Dialect[] = ['1.1', '1.10'];
const TEMPLATE_KINDS: Readonly<Record<string, CueTemplateKind>> = {
  ComponentDefinition: 'component',
  TraitDefinition: 'trait',
  PolicyDefinition: 'policy',
  WorkflowStepDefinition: 'step',
};

const cue = openCue({ clock: systemClock() });
after(() => cue[Symbol.asyncDispose]());
const pack = await readPack();

interface Spec {
  readonly schematic: { readonly cue: { readonly template: string }; readonly terraform?: unknown };
  readonly status?: Readonly<Record<string, string>>;
  readonly stage?: string;
}
const specOf = (object: KubeObject | undefined): Spec => object?.['spec'] as Spec;
const find = (dialect: Dialect, kind: string, type: string): Spec => specOf(pack.get(dialect)?.get(`${kind}/${type}`));

const CONTEXT: CueObject = { name: 'web', appName: 'shop', namespace: 'prod', appRevision: 'shop-v1', revision: 'web-v1', clusterVersion: { minor: 36 } };
async function render(
  dialect: Dialect,
  type: string,
  parameter: CueJson,
  traits: readonly { readonly type: string; readonly parameter: CueJson }[] = [],
): Promise<CueComponentResult> {
  const result = await cue.renderComponent({
    dialect,
    component: { name: 'web', type, template: find(dialect, 'ComponentDefinition', type).schematic.cue.template },
    parameter,
    context: CONTEXT,
    traits: traits.map((trait) => ({ ...trait, template: find(dialect, 'TraitDefinition', trait.type).schematic.cue.template })),
  });
  assert.deepEqual([result.errors, result.warnings], [[], []]);
  return result;
}

for (const dialect of DIALECTS) {
  test(`${dialect}: each file holds the one definition that it is named after, in vela-system, with a description`, async () => {
    const names = (await readdir(join(PACK, dialect))).sort();
    const found = [...(pack.get(dialect)?.values() ?? [])].map((object) => {
      assert.equal(object.metadata.namespace, 'vela-system');
      assert.ok((object.metadata.annotations?.['definition.oam.dev/description'] ?? '') !== '');
      return `${object.metadata.name}.yaml`;
    });
    assert.deepEqual(found.sort(), names);
  });

  test(`${dialect}: every template compiles, and every parameter says what it is for`, async () => {
    for (const [key, object] of pack.get(dialect) ?? []) {
      const { schematic, status = {} } = specOf(object);
      if (schematic.terraform !== undefined) continue;
      const vetted = await cue.vet({ dialect, template: schematic.cue.template, kind: TEMPLATE_KINDS[object.kind] ?? 'status' });
      assert.deepEqual(vetted.errors, [], key);
      for (const { name } of vetted.parameters) assert.match(schematic.cue.template, new RegExp(`// \\+.*\\n +${name}\\??: `), `${key}: ${name} has no usage`);
      for (const template of Object.values(status)) assert.deepEqual((await cue.vet({ template, kind: 'status' })).errors, [], key);
    }
  });
}

test('the types that every repository counts on are there', () => {
  const kinds = ['ComponentDefinition', 'TraitDefinition', 'WorkflowStepDefinition', 'PolicyDefinition'];
  const required: Readonly<Record<Dialect, readonly (readonly string[])[]>> = {
    '1.10': [
      ['webservice', 'worker', 'task', 'raw', 'k8s-objects'],
      ['expose', 'scaler', 'labels', 'annotations'],
      ['apply-component', 'apply-object', 'suspend', 'step-group', 'deploy'],
      ['topology', 'override', 'garbage-collect', 'apply-once', 'take-over', 'read-only', 'shared-resource'],
    ],
    '1.1': [
      ['webservice', 'worker', 'task', 'raw'],
      ['expose', 'scaler', 'labels', 'annotations', 'ingress'],
      ['apply-component', 'apply-remaining', 'suspend', 'multi-env', 'deploy2cluster', 'mutil-env', 'deploy2env'],
      ['env-binding'],
    ],
  };
  for (const dialect of DIALECTS) {
    const missing = required[dialect]
      .flatMap((types, index) => types.map((type) => `${kinds[index]}/${type}`))
      .filter((key) => pack.get(dialect)?.has(key) !== true);
    assert.deepEqual(missing, [], dialect);
  }
});

test('1.10: a webservice is a Deployment, and a Service of the ports that are exposed', async () => {
  const { output, outputs } = await render('1.10', 'webservice', {
    image: 'nginx',
    cpu: '0.5',
    labels: { tier: 'front' },
    ports: [
      { port: 80, containerPort: 8080, expose: true },
      { port: 53, protocol: 'UDP' },
    ],
  });
  assert.deepEqual(output, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    spec: {
      selector: { matchLabels: { 'app.oam.dev/component': 'web' } },
      template: {
        metadata: { labels: { tier: 'front', 'app.oam.dev/name': 'shop', 'app.oam.dev/component': 'web' } },
        spec: {
          containers: [
            {
              name: 'web',
              image: 'nginx',
              resources: { limits: { cpu: '0.5' }, requests: { cpu: '0.5' } },
              ports: [
                { name: 'port-8080', containerPort: 8080, protocol: 'TCP' },
                { name: 'port-53-udp', containerPort: 53, protocol: 'UDP' },
              ],
            },
          ],
        },
      },
    },
  });
  assert.deepEqual(outputs, [
    {
      name: 'webserviceExpose',
      type: 'AuxiliaryWorkload',
      trait: -1,
      object: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: { type: 'ClusterIP', selector: { 'app.oam.dev/component': 'web' }, ports: [{ name: 'port-8080', port: 80, targetPort: 8080, protocol: 'TCP' }] },
      },
    },
  ]);
});

test('1.10: a statefulset is what a webservice is, of another kind', async () => {
  const properties = { image: 'postgres', ports: [{ port: 5432, expose: true }] };
  const [service, set] = await Promise.all([render('1.10', 'webservice', properties), render('1.10', 'statefulset', properties)]);
  assert.deepEqual(set.output, { ...service.output, kind: 'StatefulSet' });
  assert.deepEqual(
    set.outputs,
    service.outputs.map((each) => ({ ...each, name: 'statefulsetsExpose' })),
  );
});

test('1.10: traits work on what the ones before them left', async () => {
  const { output, outputs } = await render('1.10', 'worker', { image: 'busybox', cmd: ['sleep'] }, [
    { type: 'scaler', parameter: { replicas: 2 } },
    { type: 'scaler', parameter: { replicas: 3 } },
    { type: 'labels', parameter: { team: 'a' } },
    { type: 'annotations', parameter: { note: 'b' } },
    { type: 'sidecar', parameter: { name: 'log', image: 'fluentd' } },
    { type: 'env', parameter: { containerName: 'log', env: { LEVEL: 'debug' } } },
    { type: 'expose', parameter: { port: [80], type: 'LoadBalancer' } },
  ]);
  const spec = output?.['spec'] as CueObject;
  const template = spec['template'] as CueObject;
  assert.equal(spec['replicas'], 3);
  assert.deepEqual(output?.['metadata'], { labels: { team: 'a' }, annotations: { note: 'b' } });
  assert.deepEqual(template['metadata'], { labels: { 'app.oam.dev/name': 'shop', 'app.oam.dev/component': 'web', team: 'a' }, annotations: { note: 'b' } });
  assert.deepEqual((template['spec'] as CueObject)['containers'], [
    { name: 'web', image: 'busybox', command: ['sleep'] },
    { name: 'log', image: 'fluentd', env: [{ name: 'LEVEL', value: 'debug' }] },
  ]);
  assert.deepEqual(outputs, [
    {
      name: 'service',
      type: 'expose',
      trait: 6,
      object: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', annotations: {} },
        spec: { type: 'LoadBalancer', selector: { 'app.oam.dev/component': 'web' }, ports: [{ name: 'port-80', port: 80, targetPort: 80 }] },
      },
    },
  ]);
});

test('1.10: expose is dispatched when the workload is healthy', () => {
  assert.equal(find('1.10', 'TraitDefinition', 'expose').stage, 'PostDispatch');
});

test('1.10: k8s-objects hands on what it is given, the first as the workload', async () => {
  const objects = [
    { apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } },
    { apiVersion: 'v1', kind: 'Secret' },
  ];
  const { output, outputs } = await render('1.10', 'k8s-objects', { objects });
  assert.deepEqual(output, objects[0]);
  assert.deepEqual(outputs, [{ name: 'objects-1', type: 'AuxiliaryWorkload', trait: -1, object: objects[1] }]);
});

test('1.10: a task counts its pods', async () => {
  const { status = {} } = find('1.10', 'ComponentDefinition', 'task');
  const tell = (live: CueObject) =>
    cue.evaluateStatus({ dialect: '1.10', parameter: { image: 'x' }, context: { ...CONTEXT, output: { spec: { parallelism: 2 }, status: live } }, ...status });
  const [half, all] = await Promise.all([tell({ succeeded: 1, active: 1 }), tell({ succeeded: 2 })]);
  assert.deepEqual([half.healthy, half.message], [false, 'Active/Failed/Succeeded:1/0/1']);
  assert.deepEqual([all.healthy, all.message], [true, 'Active/Failed/Succeeded:0/0/2']);
});

test('1.10: a wrong property is told by its path', async () => {
  const result = await cue.renderComponent({
    dialect: '1.10',
    component: { name: 'web', type: 'webservice', template: find('1.10', 'ComponentDefinition', 'webservice').schematic.cue.template },
    parameter: { image: 'x', ports: [{ port: 'eighty' }] },
    context: CONTEXT,
    traits: [],
  });
  assert.deepEqual(
    result.errors.map(({ code, path }) => [code, path]),
    [['parameter', ['parameter', 'ports', '0', 'port']]],
  );
});

test('1.10: a container that is not there is told by the trait itself', async () => {
  const traits = [{ type: 'env', template: find('1.10', 'TraitDefinition', 'env').schematic.cue.template, parameter: { containerName: 'nobody', env: {} } }];
  const result = await cue.renderComponent({
    dialect: '1.10',
    component: { name: 'web', type: 'worker', template: find('1.10', 'ComponentDefinition', 'worker').schematic.cue.template },
    parameter: { image: 'x' },
    context: CONTEXT,
    traits,
  });
  assert.deepEqual(
    result.errors.map(({ code, trait }) => [code, trait]),
    [['user', 0]],
  );
  assert.match(result.errors[0]?.message ?? '', /container nobody not found/);
});

test('1.10: a request fails its step when the answer is an error, and hands on what was answered', async () => {
  const { template } = find('1.10', 'WorkflowStepDefinition', 'request').schematic.cue;
  const ask = (results: Readonly<Record<string, CueObject>>, outputs: readonly { readonly name: string; readonly path: string }[] = []) =>
    cue.evaluateStep({ dialect: '1.10', template, parameter: { url: 'http://localhost', method: 'POST', body: { a: 1 } }, context: CONTEXT, results, outputs });
  const first = await ask({});
  assert.deepEqual([first.next?.path, first.next?.params], ['req', { method: 'POST', url: 'http://localhost', request: { body: '{"a":1}' } }]);
  const good = await ask({ req: { body: '{"b":2}', statusCode: 200 } }, [{ name: 'b', path: 'response.b' }]);
  assert.deepEqual([good.done, good.outputs], [true, { b: 2 }]);
  const text = await ask({ req: { body: 'fine', statusCode: 200 } }, [{ name: 'all', path: 'response' }]);
  assert.deepEqual([text.done, text.outputs], [true, { all: 'fine' }]);
  const bad = await ask({ req: { body: 'no', statusCode: 500 } });
  assert.deepEqual([bad.next?.do, bad.next?.params], ['fail', { message: 'request of http://localhost is fail: 500' }]);
});

test('1.10: a webhook is a POST, to a URL that may come from a Secret', async () => {
  const { template } = find('1.10', 'WorkflowStepDefinition', 'webhook').schematic.cue;
  const ask = (parameter: CueJson, results: Readonly<Record<string, CueObject>>) =>
    cue.evaluateStep({ dialect: '1.10', template, parameter, context: CONTEXT, results });
  const plain = await ask({ url: { value: 'http://localhost' }, data: { a: 1 } }, {});
  const post = { method: 'POST', url: 'http://localhost', request: { body: '{"a":1}', header: { 'Content-Type': 'application/json' } } };
  assert.deepEqual([plain.next?.path, plain.next?.params], ['webhook', post]);
  const secret = { url: { secretRef: { name: 's', key: 'k' } }, data: { a: 1 } };
  const read = { value: { data: { k: Buffer.from('http://localhost').toString('base64') } } };
  assert.deepEqual((await ask(secret, {})).next?.path, 'url.read');
  assert.deepEqual((await ask(secret, { 'url.read': read })).next?.path, 'url.stringValue');
  assert.deepEqual((await ask(secret, { 'url.read': read, 'url.stringValue': { str: 'http://localhost' } })).next?.params, post);
});

test('1.10: a notification goes to whom it is for, by POST and by mail', async () => {
  const { template } = find('1.10', 'WorkflowStepDefinition', 'notification').schematic.cue;
  const slack = { url: { value: 'http://localhost/slack' }, message: { text: 'done' } };
  const email = {
    from: { address: 'a@localhost', password: { secretRef: { name: 's', key: 'k' } }, host: 'localhost' },
    to: ['b@localhost'],
    content: { subject: 's', body: 'b' },
  };
  const results: Record<string, CueObject> = {};
  const calls: unknown[] = [];
  for (let call = 0; call < 10; call += 1) {
    const { next, done, errors } = await cue.evaluateStep({ dialect: '1.10', template, parameter: { slack, email }, context: CONTEXT, results });
    assert.deepEqual(errors, []);
    if (next === undefined) {
      assert.equal(done, true);
      break;
    }
    assert.deepEqual(next.missing, []);
    calls.push([next.do, next.params['url'] ?? next.params['to'] ?? null]);
    results[next.path] =
      next.do === 'read'
        ? { value: { data: { k: Buffer.from('secret').toString('base64') } } }
        : next.do === 'string'
          ? { str: 'secret' }
          : { body: '', statusCode: 200 };
  }
  assert.deepEqual(calls, [
    ['read', null],
    ['string', null],
    ['do', 'http://localhost/slack'],
    ['send', ['b@localhost']],
  ]);
});

test("1.1: the example's deploy2cluster and its other names are multi-env", () => {
  const template = (name: string): string => find('1.1', 'WorkflowStepDefinition', name).schematic.cue.template;
  for (const name of ['deploy2cluster', 'mutil-env', 'deploy2env']) assert.equal(template(name), template('multi-env'));
});

test('1.1: a webservice with expose is what the managed cluster gets in the tutorial', async () => {
  const { output, outputs } = await render('1.1', 'webservice', { image: 'stefanprodan/podinfo:6.0.0', port: 9898 }, [
    { type: 'expose', parameter: { port: [9898], type: 'LoadBalancer' } },
  ]);
  const component = { 'app.oam.dev/component': 'web' };
  assert.deepEqual(output, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    spec: {
      selector: { matchLabels: component },
      template: {
        metadata: { labels: component },
        spec: { containers: [{ name: 'web', image: 'stefanprodan/podinfo:6.0.0', ports: [{ containerPort: 9898 }] }] },
      },
    },
  });
  assert.deepEqual(
    outputs.map(({ object }) => object),
    [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: { type: 'LoadBalancer', selector: component, ports: [{ port: 9898, targetPort: 9898 }] },
      },
    ],
  );
});

async function sampleFiles(): Promise<TreeFile[]> {
  const folder = join(ROOT, 'sample-repo');
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const files = await Promise.all(
    entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const text = await readFile(path, 'utf8');
      return { path: path.slice(folder.length + 1), oid: path, sizeBytes: Buffer.byteLength(text), text };
    }),
  );
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

test('the sample repository is read and rendered without a word, on its own definitions and the built-in ones', async () => {
  const files = Object.fromEntries((await sampleFiles()).map(({ path, text }) => [path, text ?? '']));
  const builtIns = await readDirectory(join(ROOT, 'daemon/load/built-in'));
  assert.deepEqual(loadFiles(files, { builtIns }).diagnostics, []);
  const applications = await renderFiles(files, undefined, { builtIns });
  for (const app of applications) assert.deepEqual([app.fault, app.diagnostics], [null, []], app.name);
  const kinds = applications
    .filter(({ name }) => name === 'hello' || name === 'shop')
    .flatMap(({ components }) => [...components.values()].flatMap(({ name, objects }) => objects.map(({ key }) => `${name} ${key.kind}`)));
  assert.deepEqual(kinds, [
    'hello Deployment',
    'hello Service',
    'catalog Deployment',
    'catalog Service',
    'mailer Deployment',
    'frontend Deployment',
    'frontend PodDisruptionBudget',
    'frontend Service',
  ]);
});

test("the sample's own trait is healthy once enough replicas are up", async () => {
  const file = (await sampleFiles()).find(({ path }) => path.endsWith('stays-up.yaml'));
  const catalog = load({
    revision: { sha: '0'.repeat(40), branch: 'main', author: 'A <a@example.com>', subject: 'sample' },
    files: file === undefined ? [] : [file],
  });
  const { status = {} } = specOf(catalog.definitions[0]?.object);
  const tell = (live: CueObject) =>
    cue.evaluateStatus({ dialect: '1.10', parameter: {}, context: { ...CONTEXT, output: {}, outputs: { budget: live } }, ...status });
  assert.deepEqual(await tell({}), { healthy: false, message: 'not counted yet', details: {}, errors: [] });
  assert.deepEqual(await tell({ status: { currentHealthy: 0, desiredHealthy: 1, expectedPods: 2 } }), {
    healthy: false,
    message: '0 of 2 up',
    details: {},
    errors: [],
  });
  assert.deepEqual(await tell({ status: { currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 } }), {
    healthy: true,
    message: '2 of 2 up',
    details: {},
    errors: [],
  });
});
