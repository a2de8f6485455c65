import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { validate } from '../../daemon/load/validate.ts';
import { load } from '../../daemon/load/load.ts';
import { readDirectory } from '../../daemon/source/directory.ts';
import files from '../../schemas/files.json' with { type: 'json' };
import { generateTypes } from '../../schemas/generate.ts';

const SCHEMAS = join(import.meta.dirname, '../../schemas');
const CASES = join(import.meta.dirname, '../../../shared/cases');
const names = readdirSync(SCHEMAS).filter((name) => name.endsWith('.schema.json'));
const nowhere = (): { path: string; line: number; column: number } => ({ path: 'x', line: 1, column: 1 });
const problems = (schema: string, value: unknown): string[] => validate(schema, value, nowhere).map(({ message }) => message);

test('types.ts is what the schemas say; run `npm run generate` when this fails', () => {
  assert.equal(readFileSync(join(SCHEMAS, 'types.ts'), 'utf8'), generateTypes(SCHEMAS));
});

test('every kind and file of files.json has a schema that compiles', () => {
  for (const { schema } of [...files.kinds, ...files.files]) {
    assert.ok(names.includes(schema), schema);
    assert.notDeepEqual(problems(schema, 7), []);
  }
});

test('a schema of a kind accepts that kind and version and no other', () => {
  for (const { apiVersion, kind, schema } of files.kinds) {
    const text = JSON.parse(readFileSync(join(SCHEMAS, schema), 'utf8')) as {
      title: string;
      properties: { apiVersion: { enum: string[] }; kind: { const: string } };
    };
    assert.equal(text.title, kind);
    assert.equal(text.properties.kind.const, kind);
    assert.ok(text.properties.apiVersion.enum.includes(apiVersion));
  }
});

test('every field has a description', () => {
  const bare: string[] = [];
  const walk = (node: Record<string, unknown>, path: string): void => {
    for (const group of ['properties', 'definitions'] as const) {
      for (const [key, property] of Object.entries((node[group] ?? {}) as Record<string, Record<string, unknown>>)) {
        if (property['$ref'] === undefined && typeof property['description'] !== 'string') bare.push(`${path}/${key}`);
        walk(property, `${path}/${key}`);
      }
    }
    for (const group of ['items', 'additionalProperties'] as const)
      if (typeof node[group] === 'object') walk(node[group] as Record<string, unknown>, `${path}/${group}`);
  };
  for (const name of names) walk(JSON.parse(readFileSync(join(SCHEMAS, name), 'utf8')) as Record<string, unknown>, name);
  assert.deepEqual(bare, []);
});

const metadata = { name: 'x', namespace: 'y', labels: { a: 'b' }, uid: "any other field is the server's business" };
const core = { apiVersion: 'core.oam.dev/v1beta1', metadata };
const alpha = { apiVersion: 'core.oam.dev/v1alpha1', metadata };
const step = {
  name: 's',
  type: 'deploy',
  if: 'always',
  timeout: '1h30m',
  dependsOn: ['a'],
  meta: { alias: 'S' },
  inputs: [{ from: 'a', parameterKey: 'b' }],
  properties: { any: [1] },
};
const component = {
  name: 'web',
  type: 'webservice@v2',
  properties: null,
  traits: [{ type: 'scaler' }],
  outputs: [
    { name: 'a', valueFrom: 'output.x' },
    { name: 'b', exportKey: 'c' },
  ],
  scopes: { 'healthscopes.core.oam.dev': 'h' },
  externalRevision: 'r',
};
const spec = {
  components: [component],
  policies: [{ type: 'topology' }],
  workflow: { mode: { steps: 'DAG', subSteps: 'StepByStep' }, steps: [{ ...step, subSteps: [step] }] },
};

const ACCEPTED: readonly (readonly [string, object])[] = [
  ['application.schema.json', { ...core, kind: 'Application', spec, status: { phase: 'running' } }],
  ['application.schema.json', { ...core, kind: 'Application', spec: { components: [], workflow: { ref: 'w' } } }],
  [
    'initializer.schema.json',
    {
      ...core,
      kind: 'Initializer',
      spec: { appTemplate: { metadata: { labels: {} }, spec }, dependsOn: [{ ref: { apiVersion: 'core.oam.dev/v1beta1', kind: 'Initializer', name: 'a' } }] },
    },
  ],
  [
    'component-definition.schema.json',
    {
      ...core,
      kind: 'ComponentDefinition',
      spec: {
        workload: { definition: { apiVersion: 'apps/v1', kind: 'Deployment' } },
        schematic: { terraform: { configuration: 'x', providerRef: { name: 'default' } } },
        status: { healthPolicy: 'isHealth: true' },
      },
    },
  ],
  [
    'trait-definition.schema.json',
    { ...core, kind: 'TraitDefinition', spec: { appliesToWorkloads: ['*'], stage: 'PreDispatch', schematic: { cue: { template: '' } } } },
  ],
  ['policy-definition.schema.json', { ...core, kind: 'PolicyDefinition', spec: { schematic: { cue: { template: '' } } } }],
  ['workflow-step-definition.schema.json', { ...core, kind: 'WorkflowStepDefinition', spec: { schematic: { cue: { template: '' } } } }],
  ['workload-definition.schema.json', { ...core, kind: 'WorkloadDefinition', spec: { definitionRef: { name: 'deployments.apps' } } }],
  ['policy.schema.json', { ...alpha, kind: 'Policy', type: 'topology', properties: {} }],
  ['workflow.schema.json', { ...alpha, kind: 'Workflow', mode: { steps: 'DAG' }, steps: [step] }],
  [
    'approval.schema.json',
    {
      apiVersion: 'lateen.dev/v1alpha1',
      kind: 'Approval',
      metadata,
      spec: { action: 'delete', target: { kind: 'Namespace', name: 'a', cluster: 'c', uid: 'u' }, hash: 'h', expires: '2030-01-31T12:00:00Z', reason: 'moved' },
    },
  ],
  [
    'config.schema.json',
    {
      kubevela: '1.1',
      paths: ['apps'],
      ignore: ['old'],
      overrides: [{ path: 'a', kubevela: '1.10', drift: 'correct' }],
      values: { a: 'b', port: 80 },
      drift: 'report',
      ignoreFields: [{ group: 'apps', kind: 'Deployment', namespace: 'prod', name: 'web', paths: ['/spec/replicas'] }],
      prune: false,
      plan: { refs: ['next'] },
    },
  ],
];

for (const [schema, value] of ACCEPTED) {
  test(`${schema} accepts what it is for`, () => {
    assert.deepEqual(problems(schema, value), []);
  });
}

const application = (change: object): object => ({ ...core, kind: 'Application', spec: { ...spec, ...change } });

const REFUSED: readonly (readonly [string, object, string])[] = [
  ['application.schema.json', application({ componets: [] }), 'unknown field "componets" in spec'],
  ['application.schema.json', { ...core, kind: 'Application' }, 'the document has no "spec"'],
  ['application.schema.json', application({ components: [{ ...component, traits: [{ properties: {} }] }] }), 'spec.components[0].traits[0] has no "type"'],
  ['application.schema.json', application({ components: [{ ...component, properties: [] }] }), 'spec.components[0].properties must be a mapping, not a list'],
  [
    'application.schema.json',
    application({ workflow: { steps: [{ ...step, inputs: [{ parameterKey: 'a' }] }] } }),
    'spec.workflow.steps[0].inputs[0] has no "from"',
  ],
  ['initializer.schema.json', { ...core, kind: 'Initializer', spec: { appTemplate: { spec }, dependsOn: [{}] } }, 'spec.dependsOn[0] has no "ref"'],
  ['component-definition.schema.json', { ...core, kind: 'ComponentDefinition', spec: { schematic: {} } }, 'spec has no "workload"'],
  [
    'trait-definition.schema.json',
    { ...core, kind: 'TraitDefinition', spec: { stage: 'Before' } },
    'spec.stage must be one of "PreDispatch", "DefaultDispatch", "PostDispatch"',
  ],
  ['policy-definition.schema.json', { ...core, kind: 'PolicyDefinition', spec: { schematic: { cue: {} } } }, 'spec.schematic.cue has no "template"'],
  ['workflow-step-definition.schema.json', { ...core, kind: 'WorkflowStepDefinition', spec: { template: '' } }, 'unknown field "template" in spec'],
  ['workload-definition.schema.json', { ...core, kind: 'WorkloadDefinition', spec: {} }, 'spec has no "definitionRef"'],
  ['policy.schema.json', { ...alpha, kind: 'Policy' }, 'the document has no "type"'],
  [
    'workflow.schema.json',
    { ...alpha, kind: 'Workflow', steps: [{ ...step, subSteps: [{ ...step, subSteps: [] }] }] },
    'unknown field "subSteps" in steps[0].subSteps[0]',
  ],
  ['approval.schema.json', { apiVersion: 'lateen.dev/v1alpha1', kind: 'Approval', metadata, spec: { action: 'delete' } }, 'spec has no "target"'],
  ['config.schema.json', { kubevela: '1.9' }, 'kubevela must be one of "1.1", "1.10"'],
  ['config.schema.json', { values: { a: ['b'] } }, 'values.a must be a string or a number or true or false, not a list'],
];

for (const [schema, value, message] of REFUSED) {
  test(`${schema} refuses: ${message}`, () => {
    assert.deepEqual(problems(schema, value), [message]);
  });
}

const skip = existsSync(CASES) ? false : 'the recorded cases are not beside the checkout';

for (const [folder, dialect] of [
  ['definitions-1.1', '1.1'],
  ['definitions-1.10', '1.10'],
  ['kubevela-1.1', '1.1'],
  ['kubevela-1.10', '1.10'],
  ['tutorial-addon', '1.1'],
] as const) {
  test(`every document in ${folder} that KubeVela accepted is accepted`, { skip }, async () => {
    const tree = await readDirectory(join(CASES, folder));
    const inputs = tree.files.filter(({ path }) => !path.endsWith('expected.yaml'));
    // Each case is a repository of its own: they share names.
    for (const group of Map.groupBy(inputs, ({ path }) => (path.includes('/') ? path.split('/')[0] : '')).values()) {
      const config = { path: 'lateen.yaml', oid: '', sizeBytes: 0, text: `kubevela: "${dialect}"\n` };
      const catalog = load({ ...tree, files: [...group, config] });
      assert.deepEqual(
        catalog.diagnostics.filter(({ severity }) => severity === 'error'),
        [],
      );
      assert.deepEqual([catalog.broken, catalog.unreadable], [[], []]);
    }
  });
}
