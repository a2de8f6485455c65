import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { carriedBy, carriedObject, fieldsRead, inWorks, leavingToOthers, manifestWorks, partsOf, workHealth } from '../../../daemon/lib/manifest-work.ts';
import { keyOf, type JsonObject, type KubeObject } from '../../../daemon/model/object.ts';
import { PLAIN_RULES, type RenderedComponent, type Wanted } from '../../../daemon/model/plan.ts';

const config = (name: string, text = ''): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'n' }, data: { text } });
const wanted = (object: KubeObject, cluster = 'far', trait = ''): Wanted => ({
  key: keyOf(cluster, object),
  object,
  component: 'web',
  trait,
  output: '',
  origin: null,
  rules: PLAIN_RULES,
});
const condition = (type: string, status: string, message = '', observedGeneration = 2): JsonObject => ({ type, status, message, observedGeneration });
const work = (conditions: readonly JsonObject[], manifests: readonly JsonObject[] = []): KubeObject => ({
  apiVersion: 'work.open-cluster-management.io/v1',
  kind: 'ManifestWork',
  metadata: { name: 'w', namespace: 'far', generation: 2 },
  spec: {},
  status: { conditions, resourceStatus: { manifests } },
});

suite('parts', () => {
  const places = (manifests: readonly KubeObject[], bytesMax: number): ReadonlyMap<string | undefined, number> =>
    new Map(partsOf(manifests, bytesMax).flatMap((part) => part.manifests.map((item) => [item.metadata.name, part.index] as const)));
  const many = (size: (at: number) => number): readonly KubeObject[] => Array.from({ length: 40 }, (_none, at) => config(`c${at}`, 'x'.repeat(size(at))));

  test('are below the limit, in order, and what is too large alone is alone', () => {
    const parts = partsOf(
      many((at) => (at === 7 ? 5_000 : 100)),
      2_000,
    );
    assert.ok(parts.every(({ manifests }) => manifests.length === 1 || manifests.reduce((sum, item) => sum + JSON.stringify(item).length, 0) <= 2_000));
    assert.equal(parts.flatMap(({ manifests }) => manifests).length, 40);
    assert.deepEqual(parts.find(({ manifests }) => manifests.some((item) => item.metadata.name === 'c7'))?.manifests.length, 1);
    for (const { manifests } of parts)
      assert.deepEqual(
        manifests,
        manifests.toSorted((a, b) => Number(a.metadata.name?.slice(1)) - Number(b.metadata.name?.slice(1))),
      );
    assert.equal(new Set(parts.map(({ index }) => index)).size, parts.length);
    assert.deepEqual([partsOf([], 250), partsOf([config('a')], 250).map(({ index }) => index)], [[], [0]]);
  });

  test('do not exchange manifests when one grows: only those of a part that is too full go elsewhere', () => {
    const [before, after] = [
      places(
        many(() => 100),
        2_000,
      ),
      places(
        many((at) => (at === 7 ? 1_500 : 100)),
        2_000,
      ),
    ];
    const moved = [...before].filter(([name, part]) => after.get(name) !== part).map(([, part]) => part);
    assert.ok(new Set(moved).size <= 1, JSON.stringify(moved));
    assert.deepEqual(
      moved.filter((part) => part !== before.get('c7')),
      [],
    );
  });

  test('count as Go writes them: a bracket is six bytes', () => {
    assert.equal(partsOf([config('a', '<'.repeat(20)), config('b', '<'.repeat(20))], 300).length, 2);
    assert.equal(partsOf([config('a', '-'.repeat(20)), config('b', '-'.repeat(20))], 300).length, 1);
  });

  test('have names by their numbers, and the first that of the whole', () => {
    const made = manifestWorks({
      name: 'shop',
      cluster: 'far',
      labels: {},
      configs: [],
      manifests: [config('a', 'x'.repeat(300_000)), config('b', 'x'.repeat(300_000)), config('c')],
    });
    assert.deepEqual(
      made.map((item) => `${item.metadata.namespace}/${item.metadata.name}`),
      ['far/shop', 'far/shop-5', 'far/shop-9'],
    );
  });
});

suite('a component in works', () => {
  const rendered = (objects: readonly Wanted[], namespace = 'n'): RenderedComponent => ({
    name: 'web',
    type: 'webservice',
    workload: { apiVersion: 'v1', kind: 'ConfigMap' },
    cluster: 'far',
    namespace,
    replicaKey: '',
    objects,
    template: '',
    parameter: null,
    context: {},
    traits: [],
    status: {},
  });
  const app = { name: 'shop', namespace: 'default' };

  test("has one for the cluster, named after application, component and place, and leaves the hub's objects alone", () => {
    const result = inWorks(app, rendered([wanted(config('a')), wanted(config('b')), wanted(config('c'), 'local')]));
    assert.deepEqual(
      result.objects.map((item) => `${item.key.cluster}/${item.key.kind}/${item.key.namespace}`),
      ['local/ManifestWork/far', 'local/ConfigMap/n'],
    );
    const name = (namespace: string): string => inWorks(app, rendered([wanted(config('a'))], namespace)).objects[0]?.key.name ?? '';
    assert.match(name('n'), /^shop-web-[0-9a-f]{8}$/);
    assert.notEqual(name('n'), name('m'));
    assert.equal(name('n'), name('n'));
  });

  test('is known from what the agent tells: absent before, with the values of its feedback after', () => {
    const deployment: KubeObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'n' }, spec: { replicas: 2 } };
    const entry = (status: string): JsonObject => ({
      resourceMeta: { group: 'apps', version: 'v1', kind: 'Deployment', resource: 'deployments', name: 'web', namespace: 'n', ordinal: 0 },
      conditions: [
        { type: 'Applied', status: 'True', observedGeneration: 2 },
        { type: 'Available', status },
      ],
      statusFeedback: {
        values: [
          { name: 'status.readyReplicas', fieldValue: { type: 'Integer', integer: 2 } },
          { name: 'metadata.generation', fieldValue: { type: 'Integer', integer: 4 } },
          { name: 'ReadyReplicas', fieldValue: { type: 'Integer', integer: 9 } },
        ],
      },
    });
    assert.equal(carriedObject(wanted(deployment), [work([])]), null);
    assert.equal(carriedObject(wanted(deployment), [work([], [entry('False')])]), null);
    const known = carriedObject(wanted(deployment), [work([], [entry('True')])]);
    assert.deepEqual([known?.['spec'], known?.['status'], known?.metadata.generation], [{ replicas: 2 }, { readyReplicas: 2 }, 4]);
  });

  test('is not known by what was told of its content before, or of an object that could not be applied', () => {
    const config: KubeObject = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'n' }, spec: { type: 'LoadBalancer' } };
    const told = (applied: JsonObject): KubeObject => ({
      ...work(
        [],
        [
          {
            resourceMeta: { group: '', version: 'v1', kind: 'Service', resource: 'services', name: 's', namespace: 'n', ordinal: 0 },
            conditions: [
              { type: 'Applied', ...applied },
              { type: 'Available', status: 'True' },
              { type: 'StatusFeedbackSynced', status: 'True', reason: 'StatusFeedbackSynced' },
              { type: 'Ready', status: 'True' },
            ],
            statusFeedback: {
              values: [
                { name: 'status.loadBalancer.ingress.0.ip', fieldValue: { type: 'String', string: '10.0.0.1' } },
                { name: 'status.conditions.Ready', fieldValue: { type: 'String', string: 'True' } },
              ],
            },
          },
        ],
      ),
      spec: { workload: { manifests: [config] } },
    });
    const now = carriedBy(told({ status: 'True', observedGeneration: 2 }));
    assert.deepEqual(
      now.map(({ key, object, isReported }) => [key.cluster, object?.['status'], isReported]),
      [['far', { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] }, conditions: [{ type: 'Ready', status: 'True' }] }, true]],
    );
    assert.deepEqual(
      carriedBy(told({ status: 'True', observedGeneration: 1 })).map(({ object, message }) => [object, message]),
      [[null, 'cluster far has not taken its newest content yet']],
    );
    assert.deepEqual(
      carriedBy(told({ status: 'False', observedGeneration: 2, message: 'Failed to apply manifest: no' })).map(({ object, message }) => [object, message]),
      [[null, 'Failed to apply manifest: no']],
    );
  });

  test('the fields that health policies read are asked for', () => {
    const templates = {
      healthPolicy: 'isHealth: context.output.status.readyReplicas == context.output.metadata.generation',
      customStatus: 'message: context.outputs.service.status.phase',
    };
    assert.deepEqual(fieldsRead(templates, ''), ['status.readyReplicas', 'metadata.generation']);
    assert.deepEqual(fieldsRead(templates, 'service'), ['status.phase']);
    const others = {
      healthPolicy:
        'wanted: context.output.spec.replicas\nif context.output.metadata.annotations["a/b"] != _|_ && context.output.metadata.annotations != _|_ {}\nips: context.output.status.ingress[0].ip, all: context.output.status.conditions',
    };
    assert.deepEqual(fieldsRead(others as typeof templates, ''), ['spec.replicas']);
  });
});

suite('a work', () => {
  const manifest = (kind: string, type: string, status: string, message: string): JsonObject => ({
    resourceMeta: { kind, name: 'x', namespace: 'n' },
    conditions: [{ type, status, message }],
  });

  test('is current when this generation is applied and all of it is there', () => {
    assert.deepEqual(workHealth(work([condition('Applied', 'True'), condition('Available', 'True')])), { health: 'Current', message: '' });
  });

  test('is in progress until the cluster has taken it', () => {
    assert.deepEqual(workHealth(work([])), { health: 'InProgress', message: 'cluster far has not taken it yet' });
    assert.deepEqual(workHealth(work([condition('Applied', 'True', '', 1), condition('Available', 'True')])), {
      health: 'InProgress',
      message: 'cluster far has not taken its newest content yet',
    });
  });

  test('names the object that is to blame', () => {
    assert.deepEqual(
      workHealth(
        work(
          [condition('Applied', 'False', 'Failed to apply manifest work')],
          [manifest('ConfigMap', 'Applied', 'True', ''), manifest('Secret', 'Applied', 'False', 'Failed to apply manifest: no')],
        ),
      ),
      { health: 'InProgress', message: 'Secret n/x: Failed to apply manifest: no' },
    );
    assert.deepEqual(workHealth(work([condition('Applied', 'True'), condition('Available', 'False', '1 of 2 resources are not available')])), {
      health: 'InProgress',
      message: '1 of 2 resources are not available',
    });
  });
});

suite('fields that are left to others', () => {
  const deployment: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'n' },
    spec: {
      replicas: 2,
      template: {
        spec: {
          containers: [
            { name: 'a', image: 'a:1' },
            { name: 'b', image: 'b:1', args: ['x', 'y'] },
          ],
        },
      },
    },
  };
  const of = (configs: readonly JsonObject[] = []): KubeObject =>
    manifestWorks({ name: 'w', cluster: 'far', labels: {}, manifests: [config('c'), deployment], configs })[0] ?? assert.fail();
  const configsOf = (work: KubeObject): unknown => (work['spec'] as JsonObject)['manifestConfigs'];
  const identifier = { group: 'apps', resource: 'deployments', name: 'web', namespace: 'n' };
  const strategy = (...jsonPointers: readonly string[]): JsonObject => ({
    type: 'ServerSideApply',
    serverSideApply: { force: true, ignoreFields: [{ condition: 'OnSpokePresent', jsonPointers }] },
  });

  test("are named in the work, in OCM's words, by places in the manifest", () => {
    const pointers = [
      ['spec', 'replicas'],
      ['spec', 'template', 'spec', 'containers', 'b', 'image'],
      ['spec', 'template', 'spec', 'containers', '*', 'args', '*'],
      ['spec', 'paused'],
    ];
    const left = leavingToOthers(of(), (manifest, key) => (key.kind === 'Deployment' && key.cluster === 'far' && manifest === deployment ? pointers : []));
    const at = '/spec/template/spec/containers/1';
    assert.deepEqual(configsOf(left), [
      { resourceIdentifier: identifier, updateStrategy: strategy(`${at}/args/1`, `${at}/args/0`, `${at}/image`, '/spec/replicas') },
    ]);
  });

  test('stand beside what the agent is asked about, and are none where the work says how it is updated', () => {
    const feedback = { resourceIdentifier: identifier, feedbackRules: [{ type: 'WellKnownStatus' }] };
    const rule = (): readonly (readonly string[])[] => [['spec', 'replicas']];
    assert.deepEqual(configsOf(leavingToOthers(of([feedback]), rule)), [{ ...feedback, updateStrategy: strategy('/spec/replicas') }]);
    const chosen = { ...feedback, updateStrategy: { type: 'CreateOnly' } };
    assert.deepEqual(configsOf(leavingToOthers(of([chosen]), rule)), [chosen]);
  });

  test('are none where no rule is about a manifest, and the work is the very same', () => {
    for (const rule of [(): readonly [] => [], () => [['spec', 'paused']]]) {
      const work = of();
      assert.equal(leavingToOthers(work, rule), work);
    }
  });
});
