/** What set a field: found by rendering with one change left out at a time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openTestCue } from '../cue/evaluator.ts';
import { application } from '../load/trees.ts';
import { compareFiles, counting, fieldsOf, onlyOf } from './comparing.ts';

const IMAGE = '/spec/template/spec/containers/0/image';
const component = (image: string, more = ''): string => `  components:\n  - name: web\n    type: webservice\n    properties:\n      image: ${image}\n${more}`;
const scaler = (replicas: number): string => `    traits:\n    - type: scaler\n      properties: {replicas: ${replicas}}\n`;
const override = (content: string): string =>
  `  policies:\n  - {name: here, type: topology, properties: {clusters: [local]}}\n  - name: big\n    type: override\n    properties:\n      components:\n      - name: web\n${content}`;

async function fields(base: string, head: string): Promise<readonly string[]> {
  return fieldsOf(onlyOf(await compareFiles({ 'a.yaml': application('shop', base) }, { 'a.yaml': application('shop', head) })));
}

describe('a field is set by', () => {
  it('a property, a trait, each by itself', async () => {
    assert.deepEqual(await fields(component('nginx:1', scaler(1)), component('nginx:2', scaler(2))), [
      '/spec/replicas: 1 -> 2',
      '  trait | trait scaler of component web, property replicas | a.yaml:13',
      `${IMAGE}: "nginx:1" -> "nginx:2"`,
      '  property | property image of component web | a.yaml:10',
    ]);
  });

  it('a trait that comes, and one that goes at the line of the base', async () => {
    const fieldAndCause = ['  trait | trait scaler of component web | a.yaml:12'];
    assert.deepEqual(await fields(component('nginx:1'), component('nginx:1', scaler(3))), ['/spec/replicas: undefined -> 3', ...fieldAndCause]);
    assert.deepEqual(await fields(component('nginx:1', scaler(3)), component('nginx:1')), ['/spec/replicas: 3 -> undefined', `${fieldAndCause[0]} (base)`]);
  });

  it('the override where that decides, not by the property that it hides', async () => {
    const of = (own: string, patched: string): string => component(own) + override(`        properties: {image: "${patched}"}\n`);
    assert.deepEqual(await fields(of('nginx:1', 'nginx:a'), of('nginx:2', 'nginx:b')), [
      `${IMAGE}: "nginx:a" -> "nginx:b"`,
      '  override | override big: property image of component web | a.yaml:18',
    ]);
    assert.deepEqual(
      await fields(
        component('nginx:1') + override(scaler(2).replaceAll('    ', '        ')),
        component('nginx:2') + override(scaler(2).replaceAll('    ', '        ')),
      ),
      [`${IMAGE}: "nginx:1" -> "nginx:2"`, '  property | property image of component web | a.yaml:10'],
    );
  });

  it('where an override leads when it is taken away', async () => {
    assert.deepEqual(
      await fields(
        component('nginx:1') + override('        properties: {image: "nginx:a"}\n'),
        component('nginx:1') + override('        properties: {cpu: "1"}\n'),
      ),
      [
        `${IMAGE}: "nginx:a" -> "nginx:1"`,
        '  override | override big: property image of component web | a.yaml:18 (base)',
        '/spec/template/spec/containers/0/resources: undefined -> {"requests":{"cpu":"1"},"limits":{"cpu":"1"}}',
        '  override | override big: property cpu of component web | a.yaml:18',
      ],
    );
  });

  it('an item of a list by its name', async () => {
    const env = (value: string): string => component('nginx:1', `      env:\n      - {name: A, value: "1"}\n      - name: B\n        value: "${value}"\n`);
    assert.deepEqual(await fields(env('1'), env('2')), [
      '/spec/template/spec/containers/0/env/1/value: "1" -> "2"',
      '  property | property env[B].value of component web | a.yaml:14',
    ]);
  });

  it('a definition that computes another value from what was written, at its line', async () => {
    const definition = `apiVersion: core.oam.dev/v1beta1\nkind: ComponentDefinition\nmetadata: {name: box}\nspec:\n  workload: {definition: {apiVersion: apps/v1, kind: Deployment}}\n  schematic:\n    cue:\n      template: |\n        output: {apiVersion: "apps/v1", kind: "Deployment", spec: replicas: parameter.size * 2}\n        parameter: size: int\n`;
    const files = (size: number): Readonly<Record<string, string>> => ({
      'd.yaml': `# the box\n${definition}`,
      'a.yaml': application('shop', `  components:\n  - name: web\n    type: box\n    properties:\n      size: ${size}\n`),
    });
    assert.deepEqual(fieldsOf(onlyOf(await compareFiles(files(1), files(2)))), [
      '/spec/replicas: 2 -> 4',
      '  property | property size of component web | a.yaml:10 | by ComponentDefinition box d.yaml:2',
    ]);
  });

  it('two changes of which each alone would do it', async () => {
    const of = (paused: boolean): string =>
      `apiVersion: core.oam.dev/v1beta1\nkind: ComponentDefinition\nmetadata: {name: box}\nspec:\n  workload: {definition: {apiVersion: apps/v1, kind: Deployment}}\n  schematic:\n    cue:\n      template: |\n        output: {apiVersion: "apps/v1", kind: "Deployment", spec: paused: ${paused} || parameter.a == "two"}\n        parameter: a: string\n`;
    const app = (a: string): string => application('shop', `  components:\n  - name: web\n    type: box\n    properties: {a: ${a}}\n`);
    const comparison = await compareFiles({ 'd.yaml': of(false), 'a.yaml': app('one') }, { 'd.yaml': of(true), 'a.yaml': app('two') });
    const shop = comparison.applications.find((item) => item.name === 'shop');
    assert.ok(shop);
    assert.deepEqual(fieldsOf(shop), [
      '/spec/paused: false -> true',
      '  property | property a of component web | a.yaml:9 | by ComponentDefinition box d.yaml:1',
      '  definition | ComponentDefinition box | d.yaml:1',
    ]);
  });

  it('several changes that only do it together', async () => {
    const definition =
      'apiVersion: core.oam.dev/v1beta1\nkind: ComponentDefinition\nmetadata: {name: box}\nspec:\n  workload: {definition: {apiVersion: apps/v1, kind: Deployment}}\n  schematic:\n    cue:\n      template: |\n        output: {apiVersion: "apps/v1", kind: "Deployment", spec: paused: parameter.a == "two" && parameter.b == "two"}\n        parameter: {a: string, b: string}\n';
    const app = (a: string, b: string): string => application('shop', `  components:\n  - name: web\n    type: box\n    properties: {a: ${a}, b: ${b}}\n`);
    const [field, ...causes] = fieldsOf(
      onlyOf(await compareFiles({ 'd.yaml': definition, 'a.yaml': app('one', 'one') }, { 'd.yaml': definition, 'a.yaml': app('two', 'two') })),
    );
    assert.equal(field, '/spec/paused: false -> true');
    assert.deepEqual(
      causes.map((text) => text.split(' | ')[1]),
      ['property a of component web', 'property b of component web'],
    );
  });

  it('a label of the Application, for all of its objects', async () => {
    const of = (team: string): string => application('shop', component('nginx:1')).replace('  name: shop\n', `  name: shop\n  labels: {team: ${team}}\n`);
    assert.deepEqual(fieldsOf(onlyOf(await compareFiles({ 'a.yaml': of('red') }, { 'a.yaml': of('blue') }))), [
      '/metadata/labels/team: "red" -> "blue"',
      '  metadata | metadata.labels.team of the Application | a.yaml:5',
    ]);
  });

  it('the dialect that lateen.yaml gives', async () => {
    const files = (dialect: string): Readonly<Record<string, string>> => ({
      'lateen.yaml': `kubevela: "${dialect}"\n`,
      'a.yaml': application('shop', component('nginx:1')),
    });
    const causes = new Set(
      onlyOf(await compareFiles(files('1.1'), files('1.10'))).desired?.objects.flatMap((object) =>
        object.fields.flatMap((field) => field.causes.map((cause) => cause.text)),
      ),
    );
    assert.deepEqual([...causes], ['lateen.yaml: kubevela']);
  });
});

describe('an environment of KubeVela 1.1', () => {
  const app = (image: string, type: string): string =>
    application(
      'shop',
      `${component('nginx:1', '    traits:\n    - type: expose\n      properties: {port: [80]}\n')}  policies:
  - name: envs
    type: env-binding
    properties:
      engine: ocm
      envs:
      - name: staging
        placement: {clusterSelector: {name: poc-01}}
        patch:
          components:
          - name: web
            type: webservice
            properties:
              image: ${image}
      - name: prod
        placement: {clusterSelector: {labels: {purpose: prod}}}
        patch:
          components:
          - name: web
            type: webservice
            properties: {image: "nginx:prod"}
            traits:
            - type: expose
              properties: {port: [80], type: ${type}}
  workflow:
    steps:
    - {name: staging, type: deploy2env, properties: {policy: envs, env: staging}}
    - {name: prod, type: deploy2env, properties: {policy: envs, env: prod}}
`,
    );

  it('is patched at its line, and what a ManifestWork carries is told by itself', async () => {
    const shop = onlyOf(await compareFiles({ 'a.yaml': app('nginx:2', 'ClusterIP') }, { 'a.yaml': app('nginx:3', 'LoadBalancer') }));
    assert.deepEqual(fieldsOf(shop), [
      `${IMAGE}: "nginx:2" -> "nginx:3"`,
      '  patch | environment staging: property image of component web | a.yaml:27',
      '/spec/type: "ClusterIP" -> "LoadBalancer"',
      '  patch | environment prod: trait expose of component web, property type | a.yaml:37',
      // The EnvBinding on the hub repeats the policy.
      '/spec/envs/0/patch/components/0/properties/image: "nginx:2" -> "nginx:3"',
      '  patch | environment staging: property image of component web | a.yaml:27',
      '/spec/envs/1/patch/components/0/traits/0/properties/type: "ClusterIP" -> "LoadBalancer"',
      '  patch | environment prod: trait expose of component web, property type | a.yaml:37',
    ]);
    assert.deepEqual(
      shop.desired?.objects.map(({ environment, key, carrier, trait }) => [environment, key.cluster, key.kind, carrier, trait]),
      [
        ['staging', 'poc-01', 'Deployment', 'envs-staging-web', ''],
        ['prod', '{purpose=prod}', 'Service', 'envs-prod-web', 'expose'],
        ['', 'local', 'EnvBinding', '', ''],
      ],
    );
    assert.deepEqual(
      [shop.matrix?.touchesPatch, shop.matrix?.environments.map(({ name, clusters }) => [name, clusters])],
      [
        true,
        [
          ['staging', ['poc-01']],
          ['prod', ['{purpose=prod}']],
        ],
      ],
    );
  });
});

describe('renderings', () => {
  const env = (count: number, value: string): string =>
    component('nginx:1', `      env:\n${Array.from({ length: count }, (_, i) => `      - {name: V${i}, value: "${value}${i}"}\n`).join('')}`);

  it('are none for a single change', async () => {
    const { cue, count } = counting();
    await compareFiles({ 'a.yaml': application('shop', component('nginx:1')) }, { 'a.yaml': application('shop', component('nginx:2')) }, {}, { cue });
    assert.equal(count(), 2);
  });

  it('are bounded: beyond 40 changes they are looked at in groups, and that is told', async () => {
    const { cue, count } = counting();
    const shop = onlyOf(
      await compareFiles({ 'a.yaml': application('shop', env(60, 'a') + scaler(1)) }, { 'a.yaml': application('shop', env(60, 'b') + scaler(2)) }, {}, { cue }),
    );
    assert.ok(count() <= 42, String(count()));
    assert.match(shop.notes.join(), /^61 changes .* at most 40 times/);
    const lines = fieldsOf(shop);
    assert.ok(lines.includes('  trait | trait scaler of component web, property replicas | a.yaml:74'), lines.slice(0, 4).join('\n'));
    assert.match(lines.find((line) => line.startsWith('  property')) ?? '', /60 changes, among them property env\[V0\]\.value of component web \| a\.yaml:12/);
  });

  it('are bounded for all applications together', async () => {
    const template = 'output: {apiVersion: "v1", kind: "ConfigMap", data: parameter}\nparameter: [string]: string';
    const definition = JSON.stringify({
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'ComponentDefinition',
      metadata: { name: 'map' },
      spec: { workload: { definition: { apiVersion: 'v1', kind: 'ConfigMap' } }, schematic: { cue: { template } } },
    });
    const apps = (value: string): Readonly<Record<string, string>> =>
      Object.fromEntries(
        Array.from({ length: 8 }, (_, i) => [
          `a${i}.yaml`,
          application(`app-${i}`, `  components:\n  - name: m${i}\n    type: map\n    properties: {a: "${value}", b: "${value}"}\n`),
        ]),
      );
    const { cue, count } = counting();
    const { applications } = await compareFiles({ 'd.json': definition, ...apps('1') }, { 'd.json': definition, ...apps('2') }, { rendersMax: 6 }, { cue });
    // Twice each for the commits; what is begun at the same time does not count each other.
    assert.ok(count() <= 2 * 8 + 4 * 2, String(count()));
    assert.deepEqual(
      [applications.length, applications[0]?.notes, applications.at(-1)?.notes],
      [8, [], ['what set its fields was not looked for: too many applications change']],
    );
  });

  it('are as many for many applications that change alike as for one; each has the answer at its own lines', async () => {
    const app = (i: number, image: string, replicas: number): string =>
      `${i % 2 === 0 ? '' : '# odd\n'}${application(`app-${i}`, component(image, `      env:\n      - {name: NUMBER, value: "${i}"}\n${scaler(replicas)}`).replace('name: web', `name: web-${i}`))}`;
    const files = (count: number, image: string, replicas: number): Readonly<Record<string, string>> =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}.yaml`, app(i, image, replicas)]));
    const { cue, count } = counting();
    const comparison = await compareFiles(files(9, 'nginx:1', 1), files(9, 'nginx:2', 2), {}, { cue });
    assert.equal(count(), 2 * 9 + 2);
    assert.equal(comparison.applications.length, 9);
    for (const [i, shop] of comparison.applications.entries()) {
      assert.deepEqual(fieldsOf(shop), [
        '/spec/replicas: 1 -> 2',
        `  trait | trait scaler of component web-${i}, property replicas | a${i}.yaml:${15 + (i % 2)}`,
        `${IMAGE}: "nginx:1" -> "nginx:2"`,
        `  property | property image of component web-${i} | a${i}.yaml:${10 + (i % 2)}`,
      ]);
    }
  });

  it("are each application's own where the same changes have another outcome, or are the same twice", async () => {
    const template =
      'output: {apiVersion: "v1", kind: "ConfigMap", data: {if parameter.mode == "a" {x: parameter.a}, if parameter.mode == "b" {x: parameter.b}}}\nparameter: {mode: string, a: string, b: string}';
    const definition = JSON.stringify({
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'ComponentDefinition',
      metadata: { name: 'pick' },
      spec: { workload: { definition: { apiVersion: 'v1', kind: 'ConfigMap' } }, schematic: { cue: { template } } },
    });
    const names = ['p', 'q', 'r', 's'];
    const files = (a: string, b: string): Readonly<Record<string, string>> => ({
      'd.json': definition,
      ...Object.fromEntries(
        names.map((name, i) => [
          `${name}.yaml`,
          application(name, `  components:\n  - name: m-${name}\n    type: pick\n    properties: {mode: ${i % 2 === 0 ? 'a' : 'b'}, a: "${a}", b: "${b}"}\n`),
        ]),
      ),
    });
    const causes = async (from: readonly [string, string], to: readonly [string, string]): Promise<readonly (string | undefined)[]> =>
      (await compareFiles(files(...from), files(...to))).applications.map((app) => fieldsOf(app)[1]?.split(' | ')[1]);
    const own = names.map((name, i) => `property ${i % 2 === 0 ? 'a' : 'b'} of component m-${name}`);
    assert.deepEqual(await causes(['1', '1'], ['2', '2']), own, 'the same change twice');
    assert.deepEqual(await causes(['1', '5'], ['2', '6']), own);
  });

  it('leave out what no change touches: another component', async () => {
    const two = (image: string, replicas: number, other: string): string =>
      `${component(image, scaler(replicas))}  - name: api\n    type: webservice\n    properties: {image: "${other}"}\n`;
    await using own = openTestCue();
    const comparison = await compareFiles(
      { 'a.yaml': application('shop', two('nginx:1', 1, 'api:1')) },
      { 'a.yaml': application('shop', two('nginx:2', 2, 'api:2')) },
      {},
      { cue: own },
    );
    assert.deepEqual(
      fieldsOf(onlyOf(comparison))
        .filter((line) => line.startsWith('  '))
        .map((line) => line.split(' | ')[1]),
      ['property image of component api', 'trait scaler of component web, property replicas', 'property image of component web'],
    );
    // Both as they were and as they are, and one component without each of its two changes: the other's change is none of its.
    assert.equal(own.figures().calls, 2 + 2 + 2);
  });

  it('are as many as there are changes below that', async () => {
    const { cue, count } = counting();
    const lines = fieldsOf(
      onlyOf(await compareFiles({ 'a.yaml': application('shop', env(9, 'a')) }, { 'a.yaml': application('shop', env(9, 'b')) }, {}, { cue })),
    );
    assert.deepEqual([count(), lines[3], lines.length], [2 + 9, '  property | property env[V1].value of component web | a.yaml:13', 18]);
  });
});
