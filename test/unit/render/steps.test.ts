/** The steps that run, written or not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Dialect, Document } from '../../../daemon/model/catalog.ts';
import type { JsonObject, KubeObject } from '../../../daemon/model/object.ts';
import type { Step } from '../../../daemon/model/plan.ts';
import { readApplication } from '../../../daemon/render/application.ts';
import { definitionsOf } from '../../../daemon/render/definitions.ts';
import { readPack } from '../../../daemon/render/pack.ts';
import { durationMs, effectiveSteps, type EffectiveSteps } from '../../../daemon/render/steps.ts';
import { documentOf } from '../plan/things.ts';

const pack = await readPack();
const OWN: KubeObject = {
  apiVersion: 'core.oam.dev/v1beta1',
  kind: 'WorkflowStepDefinition',
  metadata: { name: 'notify', namespace: 'vela-system' },
  spec: { schematic: { cue: { template: 'parameter: {}' } } },
};
const definitions = definitionsOf([documentOf(OWN)], { hub: [], pack });

function stepsOf(spec: JsonObject, dialect: Dialect = '1.10', workflows: readonly Document[] = []): EffectiveSteps {
  const object: KubeObject = {
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name: 'shop', namespace: 'prod' },
    spec: {
      components: [
        { name: 'web', type: 'webservice' },
        { name: 'db', type: 'worker', dependsOn: ['web'] },
      ],
      ...spec,
    },
  };
  return effectiveSteps(readApplication(documentOf(object), dialect), definitions, workflows);
}
const told = (steps: readonly Step[]): unknown[] => steps.map((step) => [step.name, step.type, step.properties]);
const workflowDocument = (name: string, more: JsonObject, namespace = 'prod'): Document =>
  documentOf({ apiVersion: 'core.oam.dev/v1alpha1', kind: 'Workflow', metadata: { name, namespace }, ...more });

describe('steps that nobody has written', () => {
  const topology = (name: string): JsonObject => ({ name, type: 'topology', properties: { clusters: ['local'] } });
  const override = (name: string): JsonObject => ({ name, type: 'override', properties: {} });
  const CASES: readonly (readonly [string, JsonObject, Dialect, readonly unknown[]])[] = [
    [
      'apply each component',
      {},
      '1.10',
      [
        ['web', 'apply-component', { component: 'web' }],
        ['db', 'apply-component', { component: 'db' }],
      ],
    ],
    [
      '1.1: apply each component',
      {},
      '1.1',
      [
        ['web', 'apply-component', { component: 'web' }],
        ['db', 'apply-component', { component: 'db' }],
      ],
    ],
    [
      'deploy to each topology, with all overrides',
      { policies: [topology('east'), override('small'), topology('west'), override('cheap')] },
      '1.10',
      [
        ['deploy-east', 'deploy', { policies: ['small', 'cheap', 'east'] }],
        ['deploy-west', 'deploy', { policies: ['small', 'cheap', 'west'] }],
      ],
    ],
    ['deploy once for overrides alone', { policies: [override('small')] }, '1.10', [['deploy', 'deploy', { policies: ['small'] }]]],
    ['deploy once for referred objects', { components: [{ name: 'old', type: 'ref-objects' }] }, '1.10', [['deploy', 'deploy', { policies: [] }]]],
    [
      '1.1: know nothing of topologies',
      { policies: [topology('east')] },
      '1.1',
      [
        ['web', 'apply-component', { component: 'web' }],
        ['db', 'apply-component', { component: 'db' }],
      ],
    ],
    [
      'are made for an empty workflow as well',
      { workflow: {} },
      '1.10',
      [
        ['web', 'apply-component', { component: 'web' }],
        ['db', 'apply-component', { component: 'db' }],
      ],
    ],
    ['are none for an application without components', { components: [] }, '1.10', []],
  ];
  for (const [title, spec, dialect, expected] of CASES) it(title, () => assert.deepEqual(told(stepsOf(spec, dialect).steps), expected));

  it('take dependsOn, inputs and outputs of their components', () => {
    const outputs = [{ name: 'host', valueFrom: 'output.x' }];
    const { steps } = stepsOf({
      components: [
        { name: 'db', type: 'worker', outputs },
        {
          name: 'web',
          type: 'webservice',
          dependsOn: ['db'],
          inputs: [
            { from: 'host', parameterKey: 'env.host' },
            { from: 'host', parameterKey: 'properties.image' },
            { from: 'host', parameterKey: 'traits[0].properties.x' },
          ],
        },
      ],
    });
    assert.deepEqual(
      steps.map((step) => [step.name, step.dependsOn, step.inputs.map((input) => input.parameterKey), step.outputs]),
      [
        ['db', [], [], outputs],
        ['web', ['db'], ['value.properties.env.host', 'value.properties.image', 'value.traits[0].properties.x'], []],
      ],
    );
  });
});

describe('the mode', () => {
  for (const [title, spec, expected] of [
    ['without a workflow is DAG', {}, ['DAG', 'DAG']],
    ['with a workflow is StepByStep', { workflow: { steps: [{ name: 's', type: 'suspend' }] } }, ['StepByStep', 'DAG']],
    [
      'is what the workflow says',
      { workflow: { mode: { steps: 'DAG', subSteps: 'StepByStep' }, steps: [{ name: 's', type: 'suspend' }] } },
      ['DAG', 'StepByStep'],
    ],
    ['that is none is not taken', { workflow: { mode: { steps: 'fast' } } }, ['StepByStep', 'DAG']],
  ] as const)
    it(title, () => assert.deepEqual(Object.values(stepsOf(spec as unknown as JsonObject).mode), expected));

  it('of a group is its own, or that of sub-steps', () => {
    const { steps } = stepsOf({
      workflow: {
        mode: { subSteps: 'StepByStep' },
        steps: [
          { name: 'a', type: 'step-group', mode: 'DAG', subSteps: [] },
          { name: 'b', type: 'step-group', subSteps: [] },
        ],
      },
    });
    assert.deepEqual(
      steps.map((step) => step.mode),
      ['DAG', 'StepByStep'],
    );
  });
});

describe('steps that are written', () => {
  it('have all that is written of them', () => {
    const { steps, diagnostics } = stepsOf({
      workflow: {
        steps: [
          {
            name: 'notify',
            type: 'notify',
            if: 'always',
            timeout: '1m30s',
            dependsOn: ['x'],
            inputs: [{ from: 'a', parameterKey: 'b' }],
            outputs: [{ name: 'c', exportKey: 'd' }],
            properties: { url: 'u' },
          },
        ],
      },
    });
    assert.deepEqual(
      [steps, diagnostics],
      [
        [
          {
            name: 'notify',
            type: 'notify',
            properties: { url: 'u' },
            if: 'always',
            timeoutMs: 90_000,
            dependsOn: ['x'],
            inputs: [{ from: 'a', parameterKey: 'b' }],
            outputs: [{ name: 'c', valueFrom: 'd' }],
            template: 'parameter: {}',
            mode: 'DAG',
            subSteps: [],
          },
        ],
        [],
      ],
    );
  });

  it('without a name are named, in groups too', () => {
    const { steps } = stepsOf({ workflow: { steps: [{ type: 'step-group', subSteps: [{ type: 'suspend' }] }] } });
    assert.deepEqual([steps[0]?.name, steps[0]?.subSteps[0]?.name], ['step-0', 'step-0-0']);
  });

  it('of a component: what a step gets by inputs goes into the properties of its component', () => {
    const workflow = {
      steps: [
        {
          name: 's',
          type: 'apply-component',
          properties: { component: 'web' },
          inputs: [
            { from: 'a', parameterKey: 'cpu' },
            { from: 'b', parameterKey: 'traits[0].properties.x' },
            { from: 'c', parameterKey: '' },
          ],
        },
      ],
    };
    const keys = (dialect: '1.1' | '1.10'): readonly string[] | undefined =>
      stepsOf({ components: [{ name: 'web', type: 'webservice' }], workflow }, dialect).steps[0]?.inputs.map((input) => input.parameterKey);
    assert.deepEqual(
      [keys('1.10'), keys('1.1')],
      [
        ['value.properties.cpu', 'value.traits[0].properties.x', ''],
        ['cpu', 'traits[0].properties.x', ''],
      ],
    );
  });

  it('1.10: of a component that is not there are refused before any runs, in groups too', () => {
    const spec = {
      components: [{ name: 'web', type: 'webservice' }],
      workflow: {
        steps: [
          { name: 's', type: 'apply-component', properties: { component: 'wbe' } },
          { name: 'g', type: 'step-group', subSteps: [{ name: 't', type: 'apply-component' }] },
        ],
      },
    };
    assert.deepEqual(
      stepsOf(spec).diagnostics.map(({ code, message, hint }) => [code, message, hint]),
      [
        ['workflow/call', 'step "s": component wbe not found (did you mean "web"?)', 'Its components are web.'],
        ['workflow/call', 'step "t": component  not found', 'Its components are web.'],
      ],
    );
    assert.deepEqual(stepsOf(spec, '1.1').diagnostics, []);
  });

  it('in a group take inputs of their components as well', () => {
    const { steps } = stepsOf({
      components: [{ name: 'web', type: 'webservice', inputs: [{ from: 'a', parameterKey: 'b' }] }],
      workflow: { steps: [{ name: 'g', type: 'step-group', subSteps: [{ name: 's', type: 'apply-component', properties: { component: 'web' } }] }] },
    });
    assert.deepEqual(steps[0]?.subSteps[0]?.inputs, [{ from: 'a', parameterKey: 'value.properties.b' }]);
  });

  it('of a type that nobody defines are told, with what could be meant', () => {
    const { diagnostics } = stepsOf({ workflow: { steps: [{ name: 's', type: 'notfy' }] } });
    assert.deepEqual(
      diagnostics.map(({ code, message }) => [code, message]),
      [['render/unknown-type', 'there is no WorkflowStepDefinition "notfy" (did you mean "notify"?)']],
    );
  });

  it('name their definitions once used', () => {
    const { definitions: used } = stepsOf({
      workflow: {
        steps: [
          { name: 'a', type: 'notify' },
          { name: 'b', type: 'suspend' },
          { name: 'c', type: 'apply-object' },
        ],
      },
    });
    assert.deepEqual(
      used.map((definition) => [definition.name, definition.from]),
      [
        ['notify', 'repository'],
        ['apply-object', 'pack'],
      ],
    );
  });
});

describe('a Workflow document', () => {
  const release = workflowDocument('release', {
    mode: { steps: 'DAG' },
    steps: [
      { type: 'suspend' },
      { name: 'all', type: 'step-group', subSteps: [{ type: 'apply-component', properties: { component: 'db' } }, { type: 'suspend' }] },
    ],
  });

  it('gives its steps and mode, with names for those that have none', () => {
    const { steps, mode, diagnostics } = stepsOf({ workflow: { ref: 'release' } }, '1.10', [release]);
    assert.deepEqual(
      [steps.map((step) => [step.name, step.subSteps.map((sub) => sub.name)]), mode, diagnostics],
      [
        [
          ['step-0', []],
          ['all', ['step-1-0', 'step-1-1']],
        ],
        { steps: 'DAG', subSteps: 'DAG' },
        [],
      ],
    );
  });

  it('gives steps that take what their components say', () => {
    const { steps } = stepsOf({ workflow: { ref: 'release' } }, '1.10', [release]);
    assert.deepEqual(steps[1]?.subSteps[0]?.dependsOn, ['web']);
  });

  it('of another namespace is not found, and what could be meant is told', () => {
    const { steps, diagnostics } = stepsOf({ workflow: { ref: 'relase' } }, '1.10', [workflowDocument('release', {}, 'test'), release]);
    assert.deepEqual(
      [steps, diagnostics.map(({ code, message }) => [code, message])],
      [[], [['load/reference', 'there is no Workflow "relase" in namespace prod (did you mean "release"?)']]],
    );
  });
});

for (const [text, expected] of [
  ['', null],
  ['10s', 10_000],
  ['1m30s', 90_000],
  ['500ms', 500],
  ['1.5h', 5_400_000],
  ['10', null],
  ['soon', null],
  ['1d', null],
  ['5s later', null],
  ['2us', 0.002],
] as const) {
  it(`the duration ${text === '' ? '(empty)' : text} is ${expected === null ? 'none' : `${expected} ms`}`, () => assert.equal(durationMs(text), expected));
}
