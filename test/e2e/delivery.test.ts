// One push to what Git, hub and status branch hold at the end: the real daemon on a real API server.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { hasCondition } from '../lab/client.ts';
import { useLab, type ControlPlane } from '../lab/lab.ts';
import { namesOf, openScenario, runDaemon, until, type Scenario } from '../rig/daemon.ts';

let lab: Awaited<ReturnType<typeof useLab<'hub'>>>;
let hub: ControlPlane;
before(async () => {
  lab = await useLab(['hub']);
  hub = lab.planes.hub;
});
after(() => lab?.stop());

const open = (name: string): Promise<Scenario> => openScenario({ name, hub: hub.client, kubeconfig: hub.kubeconfig });

/** A component that is a ConfigMap: ready at once. */
const config = (name: string, data: Readonly<Record<string, string>>): string => `
    - name: ${name}
      type: k8s-objects
      properties:
        objects:
          - apiVersion: v1
            kind: ConfigMap
            metadata: {name: ${name}}
            data: ${JSON.stringify(data)}`;

const worker = (name: string, image = 'busybox:1.37'): string => `
    - name: ${name}
      type: worker
      properties: {image: "${image}"}`;

const webservice = (name: string, image = 'nginx:1.29'): string => `
    - name: ${name}
      type: webservice
      properties:
        image: ${image}
        ports: [{port: 80, expose: true}]`;

interface AppOptions {
  readonly steps?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly policies?: string;
}

function app(namespace: string, name: string, components: readonly string[], options: AppOptions = {}): string {
  return `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: ${name}
  namespace: ${namespace}
  annotations: ${JSON.stringify(options.annotations ?? {})}
spec:
  components:${components.join('')}
${options.policies === undefined ? '' : `  policies:${options.policies}\n`}${options.steps === undefined ? '' : `  workflow:\n    steps:${options.steps}\n`}`;
}

const approval = (name: string, spec: object): string => JSON.stringify({ apiVersion: 'lateen.dev/v1alpha1', kind: 'Approval', metadata: { name }, spec });
const configMap = (namespace: string, name: string, data: object = { a: '1' }): string =>
  `${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data })}\n`;
const ready = (status: { conditions?: readonly { type: string; status: string }[] } | null): string | undefined =>
  status?.conditions?.find((item) => item.type === 'Ready')?.status;

suite('a commit and what it leaves behind', () => {
  test('a push delivers, an edit changes, the first content again is the first revision again, and a deletion leaves nothing', async () => {
    await using it = await open('aba');
    const ns = it.namespace;
    const a = app(ns, 'shop', [webservice('web'), config('settings', { color: 'blue' })]);
    const b = app(ns, 'shop', [webservice('web', 'nginx:1.30'), config('other', { color: 'red' })]);
    const first = await it.push({ 'apps/shop.yaml': a });
    const one = await it.once();
    assert.equal(one.code, 0, one.stdout + one.stderr);
    assert.deepEqual(await namesOf(hub.client, ns), [
      'Application/shop',
      'ApplicationRevision/shop-v1',
      'ConfigMap/settings',
      'Deployment/web',
      `ResourceTracker/shop-v1-${ns}`,
      'Service/web',
    ]);
    assert.deepEqual(await it.bare.files(it.statusBranch), ['README.md', `applications/${ns}/shop.yaml`, 'repository.yaml']);
    const [commit] = await it.bare.log(it.statusBranch);
    assert.deepEqual(commit?.trailers, [
      ['Source-Commit', first],
      ['Source-Author', 'Ada <ada@example.com>'],
      ['Application', `${ns}/shop`],
      ['Cluster', 'local'],
      ['Phase', 'running'],
    ]);
    const status = await it.status('shop');
    assert.deepEqual(
      [status?.['phase'], ready(status), status?.['appliedRevision'], status?.['revision'], status?.['source']],
      ['running', 'True', first, 'shop-v1', 'apps/shop.yaml'],
    );
    const live = await hub.client.get(`applications.core.oam.dev/${ns}/shop`);
    assert.equal(live.status.status, 'running');
    assert.ok(hasCondition(live, 'Ready'));
    assert.equal(live.status.workflow.appRevision, 'shop-v1');

    const second = await it.push({ 'apps/shop.yaml': b });
    const two = await it.once();
    assert.equal(two.code, 0, two.stdout + two.stderr);
    assert.deepEqual(await namesOf(hub.client, ns), [
      'Application/shop',
      'ApplicationRevision/shop-v1',
      'ApplicationRevision/shop-v2',
      'ConfigMap/other',
      'Deployment/web',
      `ResourceTracker/shop-v2-${ns}`,
      'Service/web',
    ]);
    assert.equal((await hub.client.get(`deployments/${ns}/web`)).spec.template.spec.containers[0].image, 'nginx:1.30');
    assert.deepEqual([(await it.status('shop'))?.['revision'], (await it.status('shop'))?.['appliedRevision']], ['shop-v2', second]);

    await it.push({ 'apps/shop.yaml': a });
    const three = await it.once();
    assert.equal(three.code, 0, three.stdout + three.stderr);
    assert.deepEqual(await namesOf(hub.client, ns), [
      'Application/shop',
      'ApplicationRevision/shop-v1',
      'ApplicationRevision/shop-v2',
      'ConfigMap/settings',
      'Deployment/web',
      `ResourceTracker/shop-v1-${ns}`,
      'Service/web',
    ]);
    assert.equal((await it.status('shop'))?.['revision'], 'shop-v1');
    assert.equal((await hub.client.get(`configmaps/${ns}/settings`)).data.color, 'blue');

    await it.push({ 'apps/shop.yaml': null, 'README.md': 'empty now\n' });
    const four = await it.once();
    assert.equal(four.code, 0, four.stdout + four.stderr);
    await until('everything gone', async () => ((await namesOf(hub.client, ns)).length === 0 ? true : undefined));
    assert.deepEqual(await it.bare.files(it.statusBranch), ['README.md', 'repository.yaml']);
    const [gone] = await it.bare.log(it.statusBranch);
    assert.deepEqual(
      gone?.trailers.filter(([name]) => name === 'Application' || name === 'Phase'),
      [
        ['Application', `${ns}/shop`],
        ['Phase', 'gone'],
      ],
    );
  });

  test('a pass that finds nothing new writes nothing to hub or branch, also after a restart and a commit about something else', async () => {
    await using it = await open('noop');
    const ns = it.namespace;
    await it.push({ 'shop.yaml': app(ns, 'shop', [webservice('web')]), 'plain.yaml': configMap(ns, 'plain') });
    assert.equal((await it.once()).code, 0);
    const versions = async (): Promise<unknown> =>
      Promise.all(
        [
          `applications.core.oam.dev/${ns}/shop`,
          `deployments/${ns}/web`,
          `services/${ns}/web`,
          `configmaps/${ns}/plain`,
          `resourcetrackers.core.oam.dev/shop-v1-${ns}`,
        ].map(async (ref) => (await hub.client.get(ref)).metadata.resourceVersion),
      );
    const before = { head: await it.bare.head(it.statusBranch), versions: await versions() };
    assert.equal((await it.once()).code, 0);
    await it.push({ 'notes.txt': 'nothing to deliver\n' });
    assert.equal((await it.once()).code, 0);
    assert.deepEqual({ head: await it.bare.head(it.statusBranch), versions: await versions() }, before);
  });

  test('dialect 1.1 by annotation: its labels, and its component revisions', async () => {
    await using it = await open('old');
    const ns = it.namespace;
    await it.push({ 'old.yaml': app(ns, 'old', [worker('job')], { annotations: { 'lateen.dev/kubevela': '1.1' } }) });
    const end = await it.once();
    assert.equal(end.code, 0, end.stdout + end.stderr);
    const labels = (await hub.client.get(`deployments/${ns}/job`)).metadata['labels'];
    assert.equal(labels['app.oam.dev/revision'], 'job-v1', JSON.stringify(labels));
    assert.equal(labels['app.oam.dev/appRevision'], 'old-v1');
    assert.equal((await it.status('old'))?.['phase'], 'running');
  });

  test('plain documents, a List, and a kind with an object of it in the same push; gone with their files', async () => {
    await using it = await open('plain');
    const ns = it.namespace;
    const group = `${ns}.example.com`;
    const crd = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `sails.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: 'sails', singular: 'sail', kind: 'Sail', listKind: 'SailList' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }],
      },
    };
    const sail = { apiVersion: `${group}/v1`, kind: 'Sail', metadata: { name: 'main', namespace: ns }, spec: { area: 12 } };
    const list = { apiVersion: 'v1', kind: 'List', items: [JSON.parse(configMap(ns, 'listed-1')), JSON.parse(configMap(ns, 'listed-2'))] };
    await it.push({
      'a/sail.json': JSON.stringify(sail),
      'b/crd.json': JSON.stringify(crd),
      'list.yaml': JSON.stringify(list),
      'two.yaml': `${configMap(ns, 'two-1')}---\n${configMap(ns, 'two-2')}`,
    });
    const one = await it.once();
    assert.equal(one.code, 0, one.stdout + one.stderr);
    assert.equal((await hub.client.get(`sails.${group}/${ns}/main`)).spec.area, 12);
    assert.deepEqual(await namesOf(hub.client, ns), ['ConfigMap/listed-1', 'ConfigMap/listed-2', 'ConfigMap/two-1', 'ConfigMap/two-2']);

    await it.push({ 'list.yaml': null, 'two.yaml': configMap(ns, 'two-2') });
    const two = await it.once();
    assert.equal(two.code, 0, two.stdout + two.stderr);
    assert.deepEqual(await namesOf(hub.client, ns), ['ConfigMap/two-2']);
    const objects = ((await it.repositoryStatus())?.['objects'] as readonly { kind: string; name: string }[] | undefined)
      ?.map((object) => `${object.kind}/${object.name}`)
      .toSorted();
    assert.deepEqual(objects, ['ConfigMap/two-2', `CustomResourceDefinition/sails.${group}`, 'Sail/main']);
  });

  test('a plain workload is waited for like any other', async () => {
    await using it = await open('plainwork');
    const ns = it.namespace;
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'plain', namespace: ns },
      spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'a', image: 'nginx' }] } } },
    };
    await it.push({ 'deployment.json': JSON.stringify(deployment) });
    const end = await it.once();
    assert.equal(end.code, 0, end.stdout + end.stderr);
    assert.equal((await hub.client.get(`deployments/${ns}/plain`)).status.availableReplicas, 1);
    assert.deepEqual(
      (await it.repositoryStatus())?.['objects'].map((object: { health: string }) => object.health),
      ['Current'],
    );
  });

  test('dependsOn orders components, and an output of one is an input of the next', async () => {
    await using it = await open('flow');
    const ns = it.namespace;
    const source = `${config('source', { token: 'from-the-source' })}
      outputs: [{name: token, valueFrom: output.data.token}]`;
    const sink = `
    - name: sink
      type: raw
      dependsOn: [between]
      inputs: [{from: token, parameterKey: data.token}]
      properties:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: sink}
        data: {fixed: "1"}`;
    const between = `${worker('between')}
      dependsOn: [source]`;
    await it.push({ 'flow.yaml': app(ns, 'flow', [sink, between, source]) });
    const end = await it.once();
    assert.equal(end.code, 0, end.stdout + end.stderr);
    assert.deepEqual((await hub.client.get(`configmaps/${ns}/sink`)).data, { fixed: '1', token: 'from-the-source' });
    const live = await hub.client.get(`applications.core.oam.dev/${ns}/flow`);
    const steps = live.status.workflow.steps as readonly { name: string; phase: string; lastExecuteTime: string }[];
    assert.deepEqual(steps.map((step) => `${step.name} ${step.phase}`).toSorted(), ['between succeeded', 'sink succeeded', 'source succeeded']);
  });

  test('outputs of one workflow step are inputs of the next, and `if` decides', async () => {
    await using it = await open('steps');
    const ns = it.namespace;
    const steps = `
      - name: first
        type: apply-component
        properties: {component: first}
        outputs: [{name: color, valueFrom: output.data.color}]
      - name: never
        type: apply-component
        if: inputs.color == "green"
        inputs: [{from: color, parameterKey: ""}]
        properties: {component: never}
      - name: last
        type: apply-object
        inputs: [{from: color, parameterKey: value.data.color}]
        properties: {value: {apiVersion: v1, kind: ConfigMap, metadata: {name: last, namespace: ${ns}}, data: {}}}`;
    await it.push({ 'steps.yaml': app(ns, 'steps', [config('first', { color: 'blue' }), config('never', { a: 'b' })], { steps }) });
    const end = await it.once();
    assert.equal(end.code, 0, end.stdout + end.stderr);
    assert.equal((await hub.client.get(`configmaps/${ns}/last`)).data.color, 'blue');
    assert.equal(await hub.client.find(`configmaps/${ns}/never`), undefined);
    assert.deepEqual(
      (await it.status('steps'))?.['workflow'].steps.map((step: { name: string; phase: string }) => `${step.name} ${step.phase}`),
      ['first succeeded', 'never skipped', 'last succeeded'],
    );
    await it.push({ 'steps.yaml': null });
    const gone = await it.once();
    assert.equal(gone.code, 0, gone.stdout + gone.stderr);
    await until('everything gone', async () => ((await namesOf(hub.client, ns)).length === 0 ? true : undefined));
  });
});

suite('the hub is what Git says', () => {
  test('what is changed by hand comes back: a scaled workload, a deleted object, an edited or deleted Application', async () => {
    await using it = await open('drift');
    const ns = it.namespace;
    const scaled = `${webservice('web')}\n      traits: [{type: scaler, properties: {replicas: 2}}]`;
    await it.push({ 'shop.yaml': app(ns, 'shop', [scaled]), 'plain.yaml': configMap(ns, 'plain') });
    await using daemon = it.run({}, '--interval', '2s');
    await it.untilStatus('shop', (status) => ready(status) === 'True');
    const uid = (await hub.client.get(`services/${ns}/web`)).metadata.uid;

    await hub.client.patch(`deployments/${ns}/web`, { spec: { replicas: 5 } }, 'scale');
    await hub.client.until(`deployments/${ns}/web`, (object) => object?.spec.replicas === 2);
    await hub.client.patch(`deployments/${ns}/web`, [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'evil:1' }]);
    await hub.client.until(`deployments/${ns}/web`, (object) => object?.spec.template.spec.containers[0].image === 'nginx:1.29');
    await hub.client.delete(`services/${ns}/web`);
    await hub.client.until(`services/${ns}/web`, (object) => object !== undefined && object.metadata.uid !== uid);
    await hub.client.patch(`configmaps/${ns}/plain`, { data: { a: '2' } });
    await hub.client.until(`configmaps/${ns}/plain`, (object) => object?.data.a === '1');
    await hub.client.patch(`applications.core.oam.dev/${ns}/shop`, [{ op: 'replace', path: '/spec/components/0/properties/image', value: 'evil:2' }]);
    await hub.client.until(`applications.core.oam.dev/${ns}/shop`, (object) => object?.spec.components[0].properties.image === 'nginx:1.29');
    const application = await hub.client.get(`applications.core.oam.dev/${ns}/shop`);
    await hub.client.delete(`applications.core.oam.dev/${ns}/shop`);
    await hub.client.until(
      `applications.core.oam.dev/${ns}/shop`,
      (object) => object !== undefined && object.metadata.uid !== application.metadata.uid && object.status?.status === 'running',
    );
    assert.deepEqual(await namesOf(hub.client, ns), [
      'Application/shop',
      'ApplicationRevision/shop-v1',
      'ConfigMap/plain',
      'Deployment/web',
      `ResourceTracker/shop-v1-${ns}`,
      'Service/web',
    ]);
    assert.equal((await hub.client.get(`deployments/${ns}/web`)).spec.template.spec.containers[0].image, 'nginx:1.29');
    const end = await daemon.stop();
    assert.equal(end.code, 0, end.stderr);
  });

  test('a replica count that Git does not set is left to whoever set it', async () => {
    await using it = await open('foreign');
    const ns = it.namespace;
    await it.push({ 'shop.yaml': app(ns, 'shop', [worker('job')]) });
    assert.equal((await it.once()).code, 0);
    await hub.client.patch(`deployments/${ns}/job`, { spec: { replicas: 3 } });
    assert.equal((await it.once()).code, 0);
    assert.equal((await hub.client.get(`deployments/${ns}/job`)).spec.replicas, 3);
  });

  test('a daemon that was stopped goes on where it was, and tells of what happened meanwhile', async () => {
    await using it = await open('restart');
    const ns = it.namespace;
    await it.push({ 'shop.yaml': app(ns, 'shop', [config('settings', { color: 'blue' })]) });
    {
      await using daemon = it.run();
      await it.untilStatus('shop', (status) => ready(status) === 'True');
      assert.equal((await daemon.stop()).code, 0);
    }
    await hub.client.delete(`configmaps/${ns}/settings`);
    const sha = await it.push({ 'shop.yaml': app(ns, 'shop', [config('settings', { color: 'red' })]) });
    await using daemon = it.run();
    await it.untilStatus('shop', (status) => ready(status) === 'True' && status?.['appliedRevision'] === sha);
    assert.equal((await hub.client.get(`configmaps/${ns}/settings`)).data.color, 'red');
    // A push is seen at once, not at the next poll.
    const third = await it.push({ 'shop.yaml': app(ns, 'shop', [config('settings', { color: 'green' })]) });
    await it.untilStatus('shop', (status) => status?.['appliedRevision'] === third && ready(status) === 'True');
    assert.equal((await daemon.stop()).code, 0);
  });
});

suite('what is kept', () => {
  const definition = (namespace: string, template: string): string =>
    JSON.stringify({
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'ComponentDefinition',
      metadata: { name: `boat`, namespace },
      spec: { workload: { definition: { apiVersion: 'v1', kind: 'ConfigMap' } }, schematic: { cue: { template } } },
    });
  const TEMPLATE = 'output: {apiVersion: "v1", kind: "ConfigMap", data: name: parameter.name}\nparameter: name: string\n';
  const boat = (name: string): string => `
    - name: boat
      type: boat
      properties: {name: ${name}}`;

  test('a definition in use that is deleted, a broken definition, a broken edit, a file that is no YAML: everything stays, and it is told', async () => {
    await using it = await open('kept');
    const ns = it.namespace;
    const good = app(ns, 'fleet', [boat('ada')]);
    await it.push({ 'def.yaml': definition(ns, TEMPLATE), 'fleet.yaml': good, 'other.yaml': app(ns, 'other', [config('other', { a: '1' })]) });
    const one = await it.once();
    assert.equal(one.code, 0, one.stdout + one.stderr);
    const owned = ['Application/fleet', 'ApplicationRevision/fleet-v1', 'ConfigMap/boat', `ResourceTracker/fleet-v1-${ns}`];
    let turn = 1;
    const stays = async (files: Readonly<Record<string, string | null>>, code: string): Promise<void> => {
      turn += 1;
      await it.push({ ...files, 'other.yaml': app(ns, 'other', [config('other', { a: String(turn) })]) });
      const end = await it.once();
      assert.equal(end.code, 1, end.stdout + end.stderr);
      assert.match(end.stdout, new RegExp(`^\\S+:\\d+:\\d+: ${code}: `, 'm'));
      const names = await namesOf(hub.client, ns);
      for (const name of owned) assert.ok(names.includes(name), `${name} in ${names.join(' ')}`);
      assert.equal((await hub.client.get(`configmaps/${ns}/boat`)).data.name, 'ada');
      assert.equal((await hub.client.get(`configmaps/${ns}/other`)).data.a, String(turn), 'the rest goes on');
      const status = await it.status('fleet');
      assert.equal(ready(status), 'False', JSON.stringify(status));
      assert.ok(JSON.stringify(status).includes(code), JSON.stringify(status));
    };
    await stays({ 'def.yaml': null }, 'render/unknown-type');
    await stays({ 'def.yaml': definition(ns, 'output: {{ nonsense') }, 'render/cue');
    await stays({ 'def.yaml': definition(ns, TEMPLATE), 'fleet.yaml': good.replace('components:', 'componets:') }, 'load/schema');
    await stays({ 'fleet.yaml': good.replace('{name: ada}', '{name: [1, 2]}') }, 'render/parameter');
    await stays({ 'fleet.yaml': `${good}  oops: [` }, 'load/not-yaml');
    await it.push({ 'fleet.yaml': good });
    const end = await it.once();
    assert.equal(end.code, 0, end.stdout + end.stderr);
  });

  test('a Namespace that leaves the commit is kept and reported until an Approval says delete', async () => {
    await using it = await open('guard');
    const doomed = `${it.namespace}-doomed`;
    await it.push({
      'ns.yaml': JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: doomed } }),
      'cm.yaml': configMap(it.namespace, 'stays'),
    });
    assert.equal((await it.once()).code, 0);
    await it.push({ 'ns.yaml': null });
    const kept = await it.once();
    assert.equal(kept.code, 1, kept.stdout + kept.stderr);
    assert.match(kept.stdout, /plan\/guard: .*Namespace/);
    assert.equal((await hub.client.get(`namespaces/${doomed}`)).metadata['deletionTimestamp'], undefined);
    assert.ok(JSON.stringify(await it.repositoryStatus()).includes('plan/guard'));
    await it.push({ 'approve.yaml': approval('doomed', { action: 'delete', target: { kind: 'Namespace', name: doomed }, expires: '2020-01-01T00:00:00Z' }) });
    assert.equal((await it.once()).code, 1, 'an approval that has expired approves nothing');
    await it.push({ 'approve.yaml': approval('doomed', { action: 'delete', target: { kind: 'Namespace', name: doomed } }) });
    const gone = await it.once();
    assert.equal(gone.code, 0, gone.stdout + gone.stderr);
    await hub.client.gone(`namespaces/${doomed}`);
  });

  test('more deletions at once than the budget allows are held back until they are approved or the documents come back', async () => {
    await using it = await open('budget');
    const ns = it.namespace;
    const files = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`cm-${i}.yaml`, configMap(ns, `cm-${i}`)]));
    const apps = { 'one.yaml': app(ns, 'one', [config('one', { a: '1' })]), 'two.yaml': app(ns, 'two', [config('two', { a: '1' })]) };
    await it.push({ ...files, ...apps });
    assert.equal((await it.once()).code, 0);
    const all = await namesOf(hub.client, ns);
    await it.push({ ...Object.fromEntries(Object.keys(files).map((path) => [path, null])), 'one.yaml': null });
    const held = await it.once('--delete-max', '3');
    assert.equal(held.code, 1, held.stdout + held.stderr);
    assert.match(held.stdout, /plan\/budget|more would be deleted/);
    assert.deepEqual(await namesOf(hub.client, ns), all);
    assert.equal((await it.status('one'))?.['phase'], 'deleting');
    // Half of them back: what is left to delete is within the budget.
    await it.push({
      'cm-0.yaml': files['cm-0.yaml'] ?? null,
      'cm-1.yaml': files['cm-1.yaml'] ?? null,
      'cm-2.yaml': files['cm-2.yaml'] ?? null,
      'one.yaml': apps['one.yaml'],
    });
    const end = await it.once('--delete-max', '3');
    assert.equal(end.code, 0, end.stdout + end.stderr);
    assert.deepEqual(
      (await namesOf(hub.client, ns)).filter((name) => name.startsWith('ConfigMap/cm-')),
      ['ConfigMap/cm-0', 'ConfigMap/cm-1', 'ConfigMap/cm-2'],
    );
  });
});

suite('a workflow that waits for people', () => {
  const steps = `
      - {name: first, type: apply-component, properties: {component: first}}
      - {name: ask, type: suspend}
      - {name: last, type: apply-component, properties: {component: last}}`;
  const content = (namespace: string): string => app(namespace, 'ask', [config('first', { a: '1' }), config('last', { a: '1' })], { steps });

  test('suspended, it is settled but not ready; resumed on the hub as `vela workflow resume` does it, it goes on', async () => {
    await using it = await open('resume');
    const ns = it.namespace;
    await it.push({ 'ask.yaml': content(ns) });
    const one = await it.once();
    assert.equal(one.code, 1, one.stdout + one.stderr);
    assert.equal((await it.status('ask'))?.['phase'], 'workflowSuspending');
    assert.equal(await hub.client.find(`configmaps/${ns}/last`), undefined);
    const live = await hub.client.get(`applications.core.oam.dev/${ns}/ask`);
    assert.equal(live.status.workflow.suspend, true);
    const resumed = {
      ...live.status.workflow,
      suspend: false,
      steps: live.status.workflow.steps.map((step: { phase: string }) => (step.phase === 'suspending' ? { ...step, phase: 'running' } : step)),
    };
    await hub.client.patch(`applications.core.oam.dev/${ns}/ask`, { status: { workflow: resumed } }, 'status');
    const two = await it.once();
    assert.equal(two.code, 0, two.stdout + two.stderr);
    assert.equal((await hub.client.get(`configmaps/${ns}/last`)).data.a, '1');
    assert.equal((await it.status('ask'))?.['phase'], 'running');
  });

  test('an Approval document in the commit resumes it, for the step that it names', async () => {
    await using it = await open('approve');
    const ns = it.namespace;
    await it.push({
      'ask.yaml': content(ns),
      'approve.yaml': approval('other', { action: 'resume', target: { kind: 'Application', namespace: ns, name: 'ask' }, step: 'another' }),
    });
    assert.equal((await it.once()).code, 1);
    await it.push({ 'approve.yaml': approval('ask', { action: 'resume', target: { kind: 'Application', namespace: ns, name: 'ask' }, step: 'ask' }) });
    const two = await it.once();
    assert.equal(two.code, 0, two.stdout + two.stderr);
    assert.equal((await hub.client.get(`configmaps/${ns}/last`)).data.a, '1');
  });

  test('suspended and terminated on the hub while it runs, and restarted', async () => {
    await using it = await open('steer');
    const ns = it.namespace;
    await it.push({ 'ask.yaml': content(ns) });
    assert.equal((await it.once()).code, 1);
    const ref = `applications.core.oam.dev/${ns}/ask`;
    const live = await hub.client.get(ref);
    const terminated = {
      ...live.status.workflow,
      suspend: false,
      terminated: true,
      steps: live.status.workflow.steps.map((step: { phase: string }) =>
        step.phase === 'suspending' ? { ...step, phase: 'failed', reason: 'Terminate' } : step,
      ),
    };
    await hub.client.patch(ref, { status: { workflow: terminated } }, 'status');
    const two = await it.once();
    assert.equal(two.code, 1, two.stdout + two.stderr);
    assert.equal((await it.status('ask'))?.['phase'], 'workflowTerminated');
    assert.equal(await hub.client.find(`configmaps/${ns}/last`), undefined);
    await hub.client.patch(ref, { status: { workflow: null } }, 'status');
    const three = await it.once();
    assert.equal(three.code, 1, three.stdout + three.stderr);
    assert.equal((await it.status('ask'))?.['phase'], 'workflowSuspending');
  });

  test('resumed, suspended and tried again by the command line', async () => {
    await using it = await open('verbs');
    const ns = it.namespace;
    const steer = async (how: string): Promise<readonly [number | null, string]> => {
      const { code, stdout, stderr } = await runDaemon([how, `${ns}/ask`, '--kubeconfig', hub.kubeconfig]);
      return [code, stdout + stderr];
    };
    await it.push({ 'ask.yaml': content(ns) });
    assert.equal((await it.once()).code, 1);
    assert.deepEqual(await steer('suspend'), [1, `Application ${ns}/ask: nothing to do, it is suspended already.\n`]);
    assert.deepEqual(await steer('resume'), [0, `Application ${ns}/ask: resumed.\n`]);
    const two = await it.once();
    assert.equal(two.code, 0, two.stdout + two.stderr);
    assert.equal((await hub.client.get(`configmaps/${ns}/last`)).data.a, '1');
    assert.equal((await steer('resume'))[0], 1);
    assert.equal((await steer('retry'))[0], 1);

    // A step that is refused again and again is given up, and is tried again when somebody says so.
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'late', namespace: ns }, spec: { ports: [{ port: 80 }] } };
    await it.push({
      'ask.yaml': JSON.stringify({
        apiVersion: 'core.oam.dev/v1beta1',
        kind: 'Application',
        metadata: { name: 'ask', namespace: ns },
        spec: {
          components: [],
          workflow: { steps: [{ name: 'fail', type: 'apply-object', properties: { value: { ...service, spec: { ports: [{ port: 'none' }] } } } }] },
        },
      }),
    });
    const three = await it.once();
    assert.equal(three.code, 1, three.stdout + three.stderr);
    assert.equal((await hub.client.get(`applications.core.oam.dev/${ns}/ask`)).status.workflow.steps[0].phase, 'failed');
    assert.deepEqual(await steer('retry'), [0, `Application ${ns}/ask: what failed is tried again.\n`]);
    assert.deepEqual((await hub.client.get(`applications.core.oam.dev/${ns}/ask`)).status.workflow.steps, []);
    assert.match((await runDaemon(['resume', 'nobody', '--kubeconfig', hub.kubeconfig])).stderr, /there is no Application default\/nobody/);
  });
});
