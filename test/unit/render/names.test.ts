/** Names, labels and annotations that KubeVela gives to what it renders. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Dialect } from '../../../daemon/model/catalog.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';
import { hashedName, inherited, renderLabels, safeHash, withMeta } from '../../../daemon/render/names.ts';
import { renderOne } from './rig.ts';

/** The Service of KubeVela's own test, `app-with-composedworkload-trait`. */
const SERVICE: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    labels: {
      'trait.oam.dev/type': 'AuxiliaryWorkload',
      'app.oam.dev/name': 'app-with-composedworkload-trait',
      'app.oam.dev/component': 'myweb-composed-3',
      'trait.oam.dev/resource': 'service',
    },
  },
  spec: { ports: [{ port: 80, targetPort: 80 }], selector: { 'app.oam.dev/component': 'myweb-composed-3' } },
};
const withRevision = (object: KubeObject): KubeObject => withMeta(object, { 'app.oam.dev/appRevision': 'app-v1' });

describe('the hash of a name', () => {
  it("of an empty ComponentTrait is KubeVela's", () => {
    assert.equal(
      safeHash(
        '(v1alpha2.ComponentTrait){Trait:(runtime.RawExtension){Raw:([]uint8)<nil> Object:(runtime.Object)<nil>} DataOutputs:([]v1alpha2.DataOutput)<nil> DataInputs:([]v1alpha2.DataInput)<nil>}',
      ),
      '67b8949f8d',
    );
  });

  const NAMES: readonly (readonly [string, Dialect, string, KubeObject, string])[] = [
    ["1.1: of KubeVela's own Service", '1.1', 'AuxiliaryWorkload', SERVICE, 'myweb-composed-3-auxiliaryworkload-6f9c9cd64c'],
    ['1.10: of the same Service', '1.10', 'AuxiliaryWorkload', SERVICE, 'myweb-composed-3-auxiliaryworkload-5ddf5c7798'],
    ['1.10: does not hang on the revision', '1.10', 'AuxiliaryWorkload', withRevision(SERVICE), 'myweb-composed-3-auxiliaryworkload-5ddf5c7798'],
    ['of a trait without a type', '1.10', '', SERVICE, 'myweb-composed-3-trait-5ddf5c7798'],
    ['of the type dummy', '1.10', 'dummy', SERVICE, 'myweb-composed-3-trait-5ddf5c7798'],
  ];
  for (const [title, dialect, type, object, expected] of NAMES) it(title, () => assert.equal(hashedName(dialect, 'myweb-composed-3', type, object), expected));

  it('1.1: hangs on the revision', () => {
    assert.notEqual(hashedName('1.1', 'web', 'x', withRevision(SERVICE)), hashedName('1.1', 'web', 'x', SERVICE));
  });

  it('does not hang on the order of fields, be they numbers', () => {
    const object = (data: Readonly<Record<string, string>>): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { labels: {} }, data });
    for (const dialect of ['1.1', '1.10'] as const)
      assert.equal(
        hashedName(dialect, 'web', 'x', object({ b: '1', a: '2', 10: 'x', 9: 'y' })),
        hashedName(dialect, 'web', 'x', object({ 9: 'y', 10: 'x', a: '2', b: '1' })),
      );
  });

  // The dumps that Go makes of these, put through the published algorithm by another program.
  const SCALARS: KubeObject = {
    apiVersion: 'v1',
    kind: 'X',
    metadata: { labels: {} },
    spec: { i: 80, f: 1.5, b: true, n: null, l: ['a', 'b'], m: {}, s: 'a<b>&"c"\u00e4', 9: 1, 10: 2 },
  };
  for (const [dialect, expected] of [
    ['1.1', '65c84685d8'],
    ['1.10', '6f9cc468f5'],
  ] as const)
    it(`${dialect}: is Go's for every type of value`, () => assert.equal(hashedName(dialect, 'web', 'x', SCALARS), `web-x-${expected}`));

  it('takes integers that no number can hold', () => {
    const object: KubeObject = { apiVersion: 'v1', kind: 'X', metadata: {}, spec: { n: 9007199254740993n } };
    for (const dialect of ['1.1', '1.10'] as const) assert.match(hashedName(dialect, 'web', 'x', object), /^web-x-[4-9bcdf]+$/);
  });
});

describe('labels of an object', () => {
  const common = { 'app.oam.dev/name': 'shop', 'app.oam.dev/component': 'web', 'app.oam.dev/appRevision': 'shop-v1' };
  const part = { component: 'web', workloadType: '', traitType: '', output: '' };
  for (const [title, more, expected] of [
    ['that is the workload', { workloadType: 'webservice' }, { ...common, 'workload.oam.dev/type': 'webservice' }],
    ['of a trait', { traitType: 'expose', output: 'service' }, { ...common, 'trait.oam.dev/type': 'expose', 'trait.oam.dev/resource': 'service' }],
    [
      'beside the workload',
      { traitType: 'AuxiliaryWorkload', output: 'service' },
      { ...common, 'trait.oam.dev/type': 'AuxiliaryWorkload', 'trait.oam.dev/resource': 'service' },
    ],
    ['of a trait without a name under outputs', { traitType: 'expose' }, { ...common, 'trait.oam.dev/type': 'expose' }],
  ] as const)
    it(title, () => assert.deepEqual(renderLabels('shop', 'shop-v1', { ...part, ...more }), expected));
});

describe('what an object inherits from its Application', () => {
  const application = (labels: Readonly<Record<string, string>>, annotations: Readonly<Record<string, string>>): KubeObject => ({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name: 'shop', labels, annotations },
  });
  const CASES: readonly (readonly [string, Dialect, KubeObject, Readonly<Record<string, string>>, Readonly<Record<string, string>>])[] = [
    ['are all labels and annotations', '1.10', application({ team: 'a' }, { note: 'x' }), { team: 'a' }, { note: 'x' }],
    [
      'are not those that its filters name',
      '1.10',
      application({ team: 'a', env: 'b', zone: 'c' }, { note: 'x', 'filter.oam.dev/label-keys': 'team, zone', 'filter.oam.dev/annotation-keys': 'note' }),
      { env: 'b' },
      {},
    ],
    ['is not what speaks to Lateen', '1.10', application({ 'lateen.dev/x': '1' }, { 'lateen.dev/drift': 'report', note: 'x' }), {}, { note: 'x' }],
    [
      'is not what kubectl wrote',
      '1.10',
      application({}, { 'kubectl.kubernetes.io/last-applied-configuration': '{}', 'app.oam.dev/inplace-upgrade': 'true', 'oam.dev/kubevela-version': 'x' }),
      {},
      {},
    ],
    [
      '1.1: is what kubectl wrote, but nothing about rollouts',
      '1.1',
      application(
        {},
        { 'kubectl.kubernetes.io/last-applied-configuration': '{}', 'app.oam.dev/rollout-template': 'true', 'app.oam.dev/rolling-components': 'web' },
      ),
      {},
      { 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
    ],
    ['is nothing where there is nothing', '1.10', { apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', metadata: {} }, {}, {}],
  ];
  for (const [title, dialect, object, labels, annotations] of CASES) it(title, () => assert.deepEqual(inherited(dialect, object), { labels, annotations }));

  it('is put over or under what is there', () => {
    const object: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { labels: { a: '1' } } };
    assert.deepEqual(
      [withMeta(object, { a: '2' }).metadata, withMeta(object, { a: '2', b: '3' }, { n: 'x' }, false).metadata],
      [{ labels: { a: '2' } }, { labels: { a: '1', b: '3' }, annotations: { n: 'x' } }],
    );
  });
});

describe('a rendered object', () => {
  const app = (dialect: Dialect, more = ''): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: shop
  namespace: prod
  labels: {team: a, app.oam.dev/name: mine}
  annotations: {note: x, lateen.dev/kubevela: "${dialect}"}
spec:
  components:
    - name: web
      type: raw
      properties: {apiVersion: v1, kind: ConfigMap, metadata: {name: given}, data: {a: "1"}}
${more}`;

  it("1.10: keeps its own name, and its labels win over the Application's", async () => {
    const desired = await renderOne(app('1.10'));
    assert.deepEqual(desired.components.get('web')?.objects[0]?.object.metadata, {
      name: 'given',
      namespace: 'prod',
      annotations: { note: 'x' },
      labels: {
        'app.oam.dev/name': 'shop',
        'app.oam.dev/component': 'web',
        'app.oam.dev/appRevision': 'shop-v1',
        'workload.oam.dev/type': 'raw',
        'app.oam.dev/resourceType': 'WORKLOAD',
        'app.oam.dev/app-revision-hash': desired.revision.hash,
        'app.oam.dev/revision': '',
        'app.oam.dev/namespace': 'prod',
        'app.oam.dev/cluster': '',
        team: 'a',
      },
    });
  });

  it("1.1: without workflow or policy is named after its component, and the Application's labels win", async () => {
    const metadata = (await renderOne(app('1.1'))).components.get('web')?.objects[0]?.object.metadata;
    assert.deepEqual(
      [metadata?.name, metadata?.labels?.['app.oam.dev/name'], metadata?.labels?.['team'], metadata?.labels?.['app.oam.dev/revision'], metadata?.annotations],
      ['web', 'mine', 'a', 'web-v1', { note: 'x' }],
    );
  });

  it('1.1: with a workflow has its own name and the labels of rendering only', async () => {
    const metadata = (await renderOne(app('1.1', '  workflow:\n    steps: [{name: s, type: apply-component, properties: {component: web}}]\n'))).components.get(
      'web',
    )?.objects[0]?.object.metadata;
    assert.deepEqual(metadata, {
      name: 'given',
      namespace: 'prod',
      labels: { 'app.oam.dev/name': 'shop', 'app.oam.dev/component': 'web', 'app.oam.dev/appRevision': 'shop-v1', 'workload.oam.dev/type': 'raw' },
    });
  });

  it('of a cluster-scoped kind has no namespace', async () => {
    const desired = await renderOne(app('1.10').replace('v1, kind: ConfigMap', 'v1, kind: Namespace'));
    assert.deepEqual(desired.components.get('web')?.objects[0]?.key, { cluster: 'local', apiVersion: 'v1', kind: 'Namespace', namespace: '', name: 'given' });
  });

  for (const dialect of ['1.1', '1.10'] as const) {
    it(`${dialect}: holds integers that no number can hold, in traits too`, async () => {
      const trait = `apiVersion: core.oam.dev/v1beta1
kind: TraitDefinition
metadata: {name: big, namespace: vela-system}
spec:
  schematic:
    cue:
      template: |
        outputs: big: {apiVersion: "example.com/v1", kind: "Big", spec: count: parameter.count, spec: rev: context.revision}
        parameter: count: int
`;
      const desired = await renderOne(`${app(dialect)}      traits: [{type: big, properties: {count: 9007199254740993}}]\n---\n${trait}`);
      assert.equal(desired.fault, null);
      const [, big] = desired.components.get('web')?.objects ?? [];
      assert.deepEqual(
        [big?.object['spec'], big?.object.metadata.name?.startsWith('web-big-')],
        [{ count: 9007199254740993n, rev: dialect === '1.1' ? 'web-v1' : '' }, true],
      );
    });
  }
});
