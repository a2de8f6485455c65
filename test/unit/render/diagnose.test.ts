/** Mistakes at the line that caused them: through the real loader and the real evaluator. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../daemon/model/fault.ts';
import type { DesiredApplication } from '../../../daemon/model/plan.ts';
import { renderFiles } from './rig.ts';

const APP = (component: string, name = 'shop'): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: ${name}}
spec:
  components:
${component}`;

const DEFINITION = (name: string, template: string, kind = 'ComponentDefinition'): string => `apiVersion: core.oam.dev/v1beta1
kind: ${kind}
metadata: {name: ${name}, namespace: vela-system}
spec:
  schematic:
    cue:
      template: |
${template
  .split('\n')
  .map((line) => `        ${line}`)
  .join('\n')}
${kind === 'ComponentDefinition' ? '  workload: {definition: {apiVersion: v1, kind: ConfigMap}}' : ''}
`;

const THING = `output: {
	apiVersion: "v1"
	kind: "ConfigMap"
	data: size: "\\(parameter.size)"
	data: color: parameter.color
}
parameter: {
	size: int
	color: *"red" | "blue"
	nested?: list: [...{port: int}]
}`;

async function app(files: Readonly<Record<string, string>>, name = 'shop'): Promise<DesiredApplication> {
  const found = (await renderFiles(files)).find((item) => item.name === name);
  assert.ok(found !== undefined);
  return found;
}
const told = (item: DesiredApplication): string[] =>
  item.diagnostics.map(({ origin, severity, code }) => `${origin?.path}:${origin?.line}:${origin?.column} ${severity} ${code}`);
const thing = (properties: string): Readonly<Record<string, string>> => ({
  'shop.yaml': APP(`    - name: web\n      type: thing\n${properties}`),
  'thing.yaml': DEFINITION('thing', THING),
});

describe('a mistake in a property', () => {
  const CASES: readonly (readonly [string, string, string, RegExp])[] = [
    [
      'of the wrong type stands at the property',
      '      properties:\n        color: blue\n        size: large\n',
      'shop.yaml:10:15 error render/parameter',
      /^component "web" \(thing\): /,
    ],
    [
      'that is none of the choices stands at the property',
      '      properties:\n        size: 1\n        color: green\n',
      'shop.yaml:10:16 error render/parameter',
      /^component "web" \(thing\): /,
    ],
    [
      'deep inside stands there',
      '      properties:\n        size: 1\n        nested:\n          list:\n            - port: 1\n            - port: x\n',
      'shop.yaml:13:21 error render/parameter',
      /^component "web" \(thing\): /,
    ],
    ['that is missing stands at the properties', '      properties:\n        color: blue\n', 'shop.yaml:8:7 error render/parameter', /required/],
    ['where no properties are written stands at the component', '', 'shop.yaml:6:7 error render/parameter', /required/],
  ];
  for (const [title, properties, place, message] of CASES) {
    it(title, async () => {
      const found = await app(thing(properties));
      assert.deepEqual(told(found), [place]);
      assert.match(found.diagnostics[0]?.message ?? '', message);
      assert.deepEqual(
        [found.fault?.code, found.components.size, found.diagnostics[0]?.application, found.diagnostics[0]?.hint],
        ['render/parameter', 0, 'default/shop', 'See the parameter of ComponentDefinition "thing".'],
      );
    });
  }

  it('never tells its value (I9)', async () => {
    const found = await app(thing('      properties:\n        color: blue\n        size: my-secret-word\n'));
    assert.doesNotMatch(JSON.stringify(found.diagnostics), /my-secret-word/);
  });

  it('that nobody declares is a warning at its name, and the rest is rendered', async () => {
    const found = await app(thing('      properties:\n        size: 1\n        colour: blue\n'));
    assert.deepEqual([told(found), found.fault, found.components.size], [['shop.yaml:10:9 warning render/parameter'], null, 1]);
    assert.equal(found.diagnostics[0]?.message, 'property "colour" is not declared by the definition and has no effect (did you mean "color"?)');
  });

  it('of a trait stands at that trait, the second of its type too', async () => {
    const trait = DEFINITION('mark', 'patch: metadata: annotations: mark: "\\(parameter.count)"\nparameter: count: int', 'TraitDefinition');
    const properties =
      '      properties: {size: 1}\n      traits:\n        - type: mark\n          properties: {count: 1}\n        - type: mark\n          properties:\n            count: one\n';
    const found = await app({ ...thing(properties), 'mark.yaml': trait });
    assert.deepEqual(told(found), ['shop.yaml:14:20 error render/parameter']);
    assert.match(found.diagnostics[0]?.message ?? '', /^trait "mark" of component "web": /);
  });
});

describe('a type that nobody defines', () => {
  const CASES: readonly (readonly [string, string, string, string])[] = [
    [
      'of a component',
      '    - name: web\n      type: webservce\n',
      'shop.yaml:7:13 error render/unknown-type',
      'there is no ComponentDefinition "webservce" (did you mean "webservice"?)',
    ],
    [
      'of a trait',
      '    - name: web\n      type: worker\n      properties: {image: x}\n      traits:\n        - type: scalar\n',
      'shop.yaml:10:17 error render/unknown-type',
      'there is no TraitDefinition "scalar" (did you mean "scaler"?)',
    ],
    [
      'of a policy',
      '    - name: web\n      type: worker\n      properties: {image: x}\n  policies:\n    - name: p\n      type: topologie\n',
      'shop.yaml:11:13 error render/unknown-type',
      'there is no PolicyDefinition "topologie" (did you mean "topology"?)',
    ],
    [
      'of a step',
      '    - name: web\n      type: worker\n      properties: {image: x}\n  workflow:\n    steps:\n      - name: s\n        type: suspnd\n',
      'shop.yaml:12:15 error render/unknown-type',
      'there is no WorkflowStepDefinition "suspnd" (did you mean "suspend"?)',
    ],
  ];
  for (const [title, component, place, message] of CASES) {
    it(title, async () => {
      const found = await app({ 'shop.yaml': APP(component) });
      assert.deepEqual([told(found), found.diagnostics[0]?.message, found.fault?.code], [[place], message, 'render/unknown-type']);
      assert.match(found.diagnostics[0]?.hint ?? '', /namespaces default and vela-system.*KubeVela 1\.10/);
    });
  }
});

describe('what nobody here carries out', () => {
  it('1.1: a trait that keeps the workload is told, with what it means', async () => {
    const found = await app({
      'lateen.yaml': 'kubevela: "1.1"\n',
      'shop.yaml': APP('    - name: web\n      type: worker\n      properties: {image: x}\n      traits:\n        - type: slowly\n'),
      'slowly.yaml':
        DEFINITION('slowly', 'outputs: slowly: {apiVersion: "v1", kind: "ConfigMap"}\nparameter: {}', 'TraitDefinition').trimEnd() +
        '\n  manageWorkload: true\n',
    });
    assert.deepEqual(
      [found.diagnostics.map((item) => [item.severity, item.origin?.line, item.message]), found.fault],
      [
        [
          [
            'warning',
            10,
            'trait "slowly" of component "web" keeps the workload itself, which Lateen does not carry out: it is not applied, and nothing of it runs',
          ],
        ],
        null,
      ],
    );
  });

  it('a component in Helm', async () => {
    const found = await app({
      'shop.yaml': APP('    - name: web\n      type: chart\n'),
      'chart.yaml':
        'apiVersion: core.oam.dev/v1beta1\nkind: ComponentDefinition\nmetadata: {name: chart, namespace: vela-system}\nspec:\n  workload: {type: autodetects.core.oam.dev}\n  schematic:\n    helm: {release: {chart: {spec: {chart: podinfo}}}, repository: {url: "https://charts.example.com"}}\n',
    });
    assert.deepEqual(
      [told(found), found.fault?.message],
      [
        ['shop.yaml:7:13 error render/template'],
        'component "web" (chart): ComponentDefinition "chart" gives no output: it has schematic.helm, and only CUE and Terraform are rendered',
      ],
    );
  });
});

describe('what a workflow names and nobody has written', () => {
  const WEB = '    - name: web\n      type: worker\n      properties: {image: x}\n';
  it('a Workflow', async () => {
    const found = await app({ 'shop.yaml': APP(`${WEB}  workflow: {ref: relase}\n`) });
    assert.deepEqual(
      [told(found), found.diagnostics[0]?.message, found.fault?.code],
      [['shop.yaml:9:19 error load/reference'], 'there is no Workflow "relase" in namespace default', 'load/reference'],
    );
  });

  it('a policy, also in a group; one that a document of the namespace has is there', async () => {
    const found = await app({
      'shop.yaml': APP(
        `${WEB}  policies:\n  - {name: staging, type: topology}\n  workflow:\n    steps:\n    - name: all\n      type: step-group\n      subSteps:\n      - name: ship\n        type: deploy\n        properties: {policies: [stagin, elsewhere]}\n`,
      ),
      'policy.yaml': 'apiVersion: core.oam.dev/v1alpha1\nkind: Policy\nmetadata: {name: elsewhere}\ntype: topology\nproperties: {clusters: [local]}\n',
    });
    assert.deepEqual(
      [told(found), found.diagnostics[0]?.message, found.diagnostics[0]?.hint],
      [['shop.yaml:18:33 error render/policy'], 'there is no policy "stagin" (did you mean "staging"?)', 'There is staging, elsewhere.'],
    );
  });
});

describe('a mistake in a template', () => {
  const USE = '    - name: web\n      type: thing\n      properties: {size: 1}\n';
  const withTemplate = (template: string): Readonly<Record<string, string>> => ({ 'shop.yaml': APP(USE), 'thing.yaml': DEFINITION('thing', template) });

  it('that is no CUE stands at its line in the file of the definition, with who uses it', async () => {
    const found = await app(withTemplate('output: {\n\tapiVersion: "v1"\n\tkind: = "ConfigMap"\n}\nparameter: size: int'));
    assert.equal(told(found)[0], 'thing.yaml:10:16 error render/cue');
    assert.match(found.diagnostics[0]?.message ?? '', /^component "web" \(thing\): ComponentDefinition "thing": /);
    assert.equal(found.diagnostics[0]?.hint, 'Used by default/shop (shop.yaml:6).');
  });

  it('that names what is not there stands at its line', async () => {
    const found = await app(withTemplate('output: {\n\tapiVersion: "v1"\n\tkind: "ConfigMap"\n\tdata: x: nothing.here\n}\nparameter: size: int'));
    assert.equal(told(found)[0]?.replace(/:\d+ /, ' '), 'thing.yaml:11 error render/cue');
  });

  it('on the line of its key stands at that line', async () => {
    const found = await app({
      'shop.yaml': APP(USE),
      'thing.yaml':
        'apiVersion: core.oam.dev/v1beta1\nkind: ComponentDefinition\nmetadata: {name: thing, namespace: vela-system}\nspec:\n  schematic:\n    cue: {template: "output: {"}\n  workload: {definition: {apiVersion: v1, kind: ConfigMap}}\n',
    });
    assert.match(told(found)[0] ?? '', /^thing\.yaml:6:\d+ error render\/cue$/);
  });

  it('that says itself what is wrong says it as its own', async () => {
    const found = await app(withTemplate('output: {apiVersion: "v1", kind: "ConfigMap"}\nparameter: size: int\nerrs: ["size must be even"]'));
    assert.deepEqual([told(found).map((line) => line.split(' ').at(-1)), found.diagnostics[0]?.message.includes('size must be even')], [['render/user'], true]);
  });

  it('that leaves a field without a value is no object', async () => {
    const found = await app(withTemplate('output: {apiVersion: "v1", kind: "ConfigMap", data: x: string}\nparameter: size: int'));
    assert.deepEqual([found.fault?.code, found.components.size], ['render/template', 0]);
  });

  it('holds up no other application (I12)', async () => {
    const files = { ...withTemplate('output: {'), 'stall.yaml': APP('    - name: web\n      type: worker\n      properties: {image: x}\n', 'stall') };
    const [shop, stall] = [await app(files), await app(files, 'stall')];
    assert.deepEqual([shop.fault instanceof Fault, stall.fault, stall.components.size], [true, null, 1]);
  });
});

describe('what a template gives that is no object', () => {
  const HALF = DEFINITION('half', 'output: parameter.it\noutputs: second: parameter.second\nparameter: {\n\tit: {...}\n\tsecond: {...}\n}');
  const CONFIG = '{apiVersion: v1, kind: ConfigMap}';
  const CASES: readonly (readonly [string, string])[] = [
    ['{it: {error: "x"}, second: CONFIG}', 'output is no Kubernetes object: it needs an "apiVersion" and a "kind"'],
    ['{it: CONFIG, second: {kind: ConfigMap}}', 'outputs.second is no Kubernetes object: it needs an "apiVersion" and a "kind"'],
    ['{it: {apiVersion: v1, kind: 7}, second: CONFIG}', 'output is no Kubernetes object: it needs an "apiVersion" and a "kind"'],
  ];
  for (const [properties, message] of CASES) {
    it(`is told at its component: ${properties}`, async () => {
      const { diagnostics } = await app({
        'shop.yaml': APP(`    - {name: web, type: half, properties: ${properties.replaceAll('CONFIG', CONFIG)}}`),
        'half.yaml': HALF,
      });
      assert.deepEqual(
        diagnostics.map(({ code, message: text, origin }) => `${origin?.line} ${code} ${text}`),
        [`6 render/template component "web" (half): ${message}`],
      );
    });
  }

  it('is told at its policy', async () => {
    const { diagnostics } = await app({
      'shop.yaml': `${APP('    - {name: web, type: worker, properties: {image: a}}')}\n  policies: [{name: p, type: half, properties: {it: {}}}]`,
      'half.yaml': DEFINITION('half', 'output: parameter.it\nparameter: it: {...}', 'PolicyDefinition'),
    });
    assert.deepEqual(
      diagnostics.map(({ code, message }) => `${code} ${message}`),
      ['render/template policy "p" (half): output is no Kubernetes object: it needs an "apiVersion" and a "kind"'],
    );
  });
});

describe('a debug policy', () => {
  it('is taken as KubeVela takes it, and delivers nothing', async () => {
    const shop = await app({ 'shop.yaml': `${APP('    - {name: web, type: worker, properties: {image: a}}')}\n  policies: [{name: look, type: debug}]` });
    assert.deepEqual([shop.diagnostics, shop.policyObjects, shop.steps.map((step) => step.type)], [[], [], ['apply-component']]);
  });
});
