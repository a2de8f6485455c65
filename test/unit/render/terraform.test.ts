import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDocuments } from '../../../daemon/lib/yaml.ts';
import type { Dialect } from '../../../daemon/model/catalog.ts';
import type { DesiredApplication } from '../../../daemon/model/plan.ts';
import { readPack } from '../../../daemon/render/pack.ts';
import { TERRAFORM_STATUS, variablesOf } from '../../../daemon/render/terraform.ts';
import { cue } from '../cue/evaluator.ts';
import { caseItems, caseText, findings, renderFiles, withoutCases } from './rig.ts';

const HCL = 'variable "size" {\n  default = 1\n}\nvariable "zone" {}\n';

interface Schematic {
  readonly [field: string]: unknown;
}

const definition = (terraform: Schematic | null, annotations = 'type: terraform'): string => `apiVersion: core.oam.dev/v1beta1
kind: ComponentDefinition
metadata:
  name: bucket
  namespace: vela-system
  annotations: {${annotations}}
spec:
  workload: {definition: {apiVersion: terraform.core.oam.dev/v1beta1, kind: Configuration}}
  schematic: ${JSON.stringify(terraform === null ? { cue: { template: 'output: {}' } } : { terraform })}
`;
const app = (dialect: Dialect, properties: unknown, workflow = true): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: store
  namespace: prod
  annotations: {lateen.dev/kubevela: "${dialect}"}
spec:
  components:
  - name: files
    type: bucket
    properties: ${JSON.stringify(properties)}
${workflow ? '  workflow: {steps: [{name: one, type: apply-component, properties: {component: files}}]}\n' : ''}`;

async function rendered(dialect: Dialect, properties: unknown, terraform: Schematic | null = { configuration: HCL }): Promise<DesiredApplication> {
  const [only] = await renderFiles({ 'd.yaml': definition(terraform), 'a.yaml': app(dialect, properties) });
  assert.ok(only !== undefined);
  return only;
}
const objectOf = (application: DesiredApplication): unknown => application.components.get('files')?.objects[0]?.object;
const specOf = (application: DesiredApplication): unknown => (objectOf(application) as { spec?: unknown } | undefined)?.spec;

test('1.1: a component that Terraform makes is a Configuration; properties are variables but for where its outputs go', async () => {
  const application = await rendered('1.1', { size: 3, providerRef: { name: 'aliyun' }, writeConnectionSecretToRef: { name: 'conn' } });
  assert.deepEqual(findings(application), []);
  assert.deepEqual(objectOf(application), {
    apiVersion: 'terraform.core.oam.dev/v1beta1',
    kind: 'Configuration',
    metadata: {
      name: 'files',
      namespace: 'prod',
      labels: { 'app.oam.dev/name': 'store', 'app.oam.dev/component': 'files', 'app.oam.dev/appRevision': 'store-v1', 'workload.oam.dev/type': 'bucket' },
    },
    spec: {
      hcl: HCL,
      providerRef: { name: 'aliyun' },
      writeConnectionSecretToRef: { name: 'conn', namespace: 'prod' },
      variable: { size: 3, providerRef: { name: 'aliyun' } },
    },
  });
});

test('1.1: JSON has a field of its own', async () => {
  assert.deepEqual(specOf(await rendered('1.1', null, { type: 'json', configuration: '{"variable":{"a":{}}}' })), {
    JSON: '{"variable":{"a":{}}}',
    variable: {},
  });
});

test("1.10: v1beta2 with the definition's annotations; fields of the spec are taken out of the variables, and the definition fills them", async () => {
  const terraform = {
    configuration: HCL,
    providerRef: { name: 'other' },
    writeConnectionSecretToRef: { name: 'from-definition', namespace: 'x' },
    gitCredentialsSecretReference: { name: 'git' },
  };
  const application = await rendered(
    '1.10',
    { zone: 'z', providerRef: { name: 'mine', namespace: 'p' }, customRegion: 'cn', deleteResource: false, forceDelete: true },
    terraform,
  );
  const { metadata, spec, apiVersion } = objectOf(application) as { apiVersion: string; metadata: { annotations: unknown }; spec: unknown };
  assert.equal(apiVersion, 'terraform.core.oam.dev/v1beta2');
  assert.deepEqual(metadata.annotations, { type: 'terraform' });
  assert.deepEqual(spec, {
    hcl: HCL,
    providerRef: { name: 'mine', namespace: 'p' },
    writeConnectionSecretToRef: { name: 'from-definition', namespace: 'x' },
    gitCredentialsSecretReference: { name: 'git' },
    customRegion: 'cn',
    deleteResource: false,
    forceDelete: true,
    variable: { zone: 'z', deleteResource: false },
  });
});

test('1.10: a remote module is named with its path', async () => {
  assert.deepEqual(specOf(await rendered('1.10', { any: 1 }, { type: 'remote', configuration: 'https://git.example.com/m.git', path: 'oss' })), {
    remote: 'https://git.example.com/m.git',
    path: 'oss',
    variable: { any: 1 },
  });
});

test('without a workflow KubeVela 1.1 adds the labels of its direct way', async () => {
  const [only] = await renderFiles({ 'd.yaml': definition({ configuration: HCL }), 'a.yaml': app('1.1', {}, false) });
  const { labels } = (objectOf(only as DesiredApplication) as { metadata: { labels: Record<string, string> } }).metadata;
  assert.equal(labels['app.oam.dev/resourceType'], 'WORKLOAD');
});

const MISTAKES: readonly (readonly [string, Dialect, unknown, Schematic | null, string])[] = [
  [
    'a definition without a configuration',
    '1.1',
    {},
    { configuration: '' },
    '10 error render/template component "files" (bucket): terraform configuration is not set | See spec.schematic.terraform of ComponentDefinition "bucket".',
  ],
  [
    "a definition that only says that it is Terraform's",
    '1.10',
    {},
    null,
    '10 error render/template component "files" (bucket): terraform configuration is not set | See spec.schematic.terraform of ComponentDefinition "bucket".',
  ],
  [
    'a secret without a name',
    '1.1',
    { writeConnectionSecretToRef: { namespace: 'x' } },
    { configuration: HCL },
    '11 error render/parameter component "files" (bucket): the name of writeConnectionSecretToRef of terraform component is not set | It is part of the Configuration\'s spec: see ComponentDefinition "bucket".',
  ],
  [
    'a field of another type',
    '1.10',
    { deleteResource: 'no' },
    { configuration: HCL },
    '11 error render/parameter component "files" (bucket): failed to convert Terraform component properties | It is part of the Configuration\'s spec: see ComponentDefinition "bucket".',
  ],
  [
    'a type that the line does not have',
    '1.10',
    {},
    { type: 'json', configuration: '{}' },
    '10 error load/unsupported component "files" (bucket): KubeVela 1.10 has no Terraform schematic of type "json" | See spec.schematic.terraform of ComponentDefinition "bucket".',
  ],
  [
    'a variable that is not there',
    '1.1',
    { sizes: 3 },
    { configuration: HCL },
    '11 warning render/parameter property "sizes" is not declared by the definition and has no effect (did you mean "size"?) | Declared are: size, zone.',
  ],
];

for (const [what, dialect, properties, terraform, says] of MISTAKES) {
  test(`${dialect}: ${what} is told at its line`, async () => {
    assert.deepEqual(findings(await rendered(dialect, properties, terraform)), [says]);
  });
}

const HEALTH: readonly (readonly [Dialect, Readonly<Record<string, unknown>>, boolean, string])[] = [
  ['1.1', {}, false, ''],
  ['1.1', { status: { state: 'Provisioning', message: 'Cloud resources are being provisioned' } }, false, 'Cloud resources are being provisioned'],
  ['1.1', { status: { state: 'Available', message: 'done' } }, true, 'done'],
  ['1.1', { status: { apply: { state: 'Available', message: 'done' } } }, false, ''],
  ['1.10', {}, false, ''],
  ['1.10', { status: { state: 'Available' } }, false, ''],
  ['1.10', { status: { apply: { state: 'Available', message: 'done' } } }, true, 'done'],
  ['1.10', { metadata: { generation: 2 }, status: { observedGeneration: 2, apply: { state: 'Available' } } }, true, ''],
  ['1.10', { metadata: { generation: 2 }, status: { observedGeneration: 1, apply: { state: 'Available' } } }, false, ''],
];

for (const [dialect, output, healthy, message] of HEALTH) {
  test(`${dialect}: a Configuration with ${JSON.stringify(output)} is ${healthy ? 'healthy' : 'not healthy'}`, async () => {
    const result = await cue.evaluateStatus({
      dialect,
      template: '',
      parameter: { size: 1 },
      context: { name: 'files', output: output as never, outputs: {} },
      ...TERRAFORM_STATUS[dialect],
    });
    assert.deepEqual(result, { healthy, message, details: {}, errors: [] });
  });
}

test('the component tells its health by the Configuration, whatever the definition says', async () => {
  assert.deepEqual((await rendered('1.1', {})).components.get('files')?.status, TERRAFORM_STATUS['1.1']);
});

const textOf = (object: unknown): string =>
  (object as { spec: { schematic: { terraform: { configuration: string } } } }).spec.schematic.terraform.configuration;

/** Each variable with its default, and the outputs, as a text of HCL declares them. */
function declarationsOf(hcl: string): { readonly variables: Readonly<Record<string, unknown>>; readonly outputs: readonly string[] } {
  const bare = hcl.replaceAll(/^\s*(?:#|\/\/).*$/gm, '').replaceAll(/,(\s*\])/g, '$1');
  const blocks = [...bare.matchAll(/^variable\s+"(\w+)"\s*\{([\s\S]*?)^\}/gm)].map(
    ([, name = '', body = '']) => [name, JSON.parse(/default\s*=\s*(\[[\s\S]*?\]|"[^"]*"|\S+)/.exec(body)?.[1] ?? 'null')] as const,
  );
  return {
    variables: Object.fromEntries(blocks.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    outputs: [...bare.matchAll(/^output\s+"(\w+)"/gm)].map((match) => match[1] ?? ''),
  };
}

test("our own alibaba-ack has the variables, defaults, outputs and source of KubeVela's, in both dialects", { skip: withoutCases }, async () => {
  const pack = await readPack();
  const published = textOf(parseDocuments(caseText('tutorial-addon/alibaba-ack.yaml'), 'd.yaml').documents[0]?.value);
  for (const dialect of ['1.1', '1.10'] as const) {
    const own = textOf(pack.get(dialect)?.get('ComponentDefinition/alibaba-ack'));
    assert.deepEqual(declarationsOf(own), declarationsOf(published));
    assert.deepEqual(variablesOf({ type: 'hcl', configuration: own })?.toSorted(), Object.keys(declarationsOf(own).variables));
    assert.match(own, /^ {2}source = "github\.com\/zzxwill\/terraform-alicloud-kubernetes"$/m);
  }
});

test("with the addon's definition the tutorial's Configuration is the recorded one", { skip: withoutCases }, async () => {
  const files = [
    'tutorial/definitions/create-ack.yaml',
    'tutorial/definitions/register-cluster.yaml',
    'tutorial/initializers/init-managed-cluster.yaml',
    'tutorial-addon/alibaba-ack.yaml',
  ];
  const builtIns = await (await import('../../../daemon/source/directory.ts')).readDirectory(`${import.meta.dirname}/../../../daemon/load/built-in`);
  const texts = Object.fromEntries(files.map((file) => [file, caseText(file).replace(/ {4}- ref:\n(?: {8}.*\n)*? {8}name: terraform-alibaba\n {8}.*\n/, '')]));
  const applications = await renderFiles(texts, undefined, { builtIns, hubServer: 'https://192.0.2.1:6443' });
  const demo = applications.find(({ name }) => name === 'managed-cluster');
  assert.equal(demo?.dialect, '1.1');
  const object = demo?.components.get('ack-worker')?.objects[0]?.object;
  const [recorded] = caseItems('tutorial-recorded/configurations.yaml') as {
    metadata: { labels: unknown; name: string; namespace: string };
    spec: unknown;
    apiVersion: string;
    kind: string;
  }[];
  assert.ok(recorded !== undefined);
  const {
    apiVersion,
    kind,
    spec,
    metadata: { name, namespace, labels },
  } = recorded;
  assert.deepEqual(object, { apiVersion, kind, metadata: { name, namespace, labels }, spec });
  assert.deepEqual(
    demo?.steps.map((step) => [step.type, step.template !== null]),
    [
      ['create-ack', true],
      ['register-cluster', true],
    ],
  );
});

test("the tutorial's Provider is the recorded one, but for hash and version of KubeVela", { skip: withoutCases }, async () => {
  const text = caseText('tutorial/initializers/init-terraform-alibaba.yaml').replace(/ {2}dependsOn:[\s\S]*/, '');
  const [initializer] = await renderFiles({ 'i.yaml': text });
  const own = initializer?.components.get('default')?.objects[0]?.object;
  const [recorded] = caseItems('tutorial-recorded/providers.yaml') as {
    metadata: { labels: Record<string, string>; annotations: Record<string, string> };
    spec: unknown;
  }[];
  assert.ok(own !== undefined && recorded !== undefined);
  const hash = 'app.oam.dev/app-revision-hash';
  assert.deepEqual({ ...own.metadata.labels, [hash]: '' }, { ...recorded.metadata.labels, [hash]: '' });
  assert.deepEqual(own.metadata.annotations, { 'app.oam.dev/initializer-name': recorded.metadata.annotations['app.oam.dev/initializer-name'] });
  assert.deepEqual([own.metadata.name, own.metadata.namespace, own['spec']], ['default', 'default', recorded.spec]);
});
