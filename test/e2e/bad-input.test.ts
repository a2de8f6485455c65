// What is wrong is refused with code, file, line and hint; the rest of the repository converges in the same run.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { useLab, type ControlPlane } from '../lab/lab.ts';
import { openScenario, runDaemon, type Scenario } from '../rig/daemon.ts';
import { httpGitServer } from '../rig/git.ts';

let lab: Awaited<ReturnType<typeof useLab<'hub'>>>;
let hub: ControlPlane;
before(async () => {
  lab = await useLab(['hub'], { nodes: false });
  hub = lab.planes.hub;
});
after(() => lab?.stop());

const SECRET = 'canary-4711-secret';

const lines = (...text: readonly string[]): string => `${text.join('\n')}\n`;
const application = (name: string, ...spec: readonly string[]): string =>
  lines('apiVersion: core.oam.dev/v1beta1', 'kind: Application', 'metadata:', `  name: ${name}`, '  namespace: NS', 'spec:', ...spec);
const component = (type: string, properties: string): readonly string[] => [
  '  components:',
  '    - name: part',
  `      type: ${type}`,
  `      properties: ${properties}`,
];
/** A definition whose template begins in the file's line 12. */
const definition = (kind: string, name: string, ...template: readonly string[]): string =>
  lines(
    'apiVersion: core.oam.dev/v1beta1',
    `kind: ${kind}`,
    'metadata:',
    `  name: ${name}`,
    '  namespace: NS',
    'spec:',
    '  workload: {definition: {apiVersion: v1, kind: ConfigMap}}',
    '  schematic:',
    '    cue:',
    '      # as CUE',
    '      template: |',
    ...template.map((line) => `        ${line}`),
  );

interface Case {
  readonly title: string;
  /** What `once` prints, hint included where it must have one. */
  readonly says: RegExp;
  /** The Application that must not be Ready, with the code in its status file. */
  readonly application?: string;
  readonly files: Readonly<Record<string, string>>;
  /** Only an API server can find it. */
  readonly onHub?: true;
}

const CASES: readonly Case[] = [
  { title: 'a file that is not YAML', files: { 'not-yaml.yaml': 'apiVersion: v1\n  kind: [\n' }, says: /^not-yaml\.yaml:2:7: load\/not-yaml: .*\n {4}Align/m },
  {
    title: 'a duplicate key',
    files: { 'twice.yaml': application('twice', '  components: []', '  components: []') },
    says: /^twice\.yaml:8:3: load\/duplicate-key: the key "components" stands twice.*\n {4}Remove one/m,
    application: 'twice',
  },
  {
    title: 'an unknown kind of core.oam.dev',
    files: { 'kind.yaml': application('kind', ...component('worker', '{image: a}')).replace('kind: Application', 'kind: Aplication') },
    says: /^kind\.yaml:2:7: load\/unknown-kind: core\.oam\.dev has no kind "Aplication"\n {4}Did you mean "Application"\?/m,
  },
  {
    title: 'a component type without a definition',
    files: { 'component.yaml': application('component', ...component('webservise', '{image: a}')) },
    says: /^component\.yaml:9:13: render\/unknown-type: there is no ComponentDefinition "webservise".*did you mean "webservice".*\n {4}Looked in/im,
    application: 'component',
  },
  {
    title: 'a trait type without a definition',
    files: {
      'trait.yaml': application(
        'trait',
        ...component('worker', '{image: a}'),
        '      traits:',
        '        - type: skaler',
        '          properties: {replicas: 2}',
      ),
    },
    says: /^trait\.yaml:12:17: render\/unknown-type: there is no TraitDefinition "skaler".*did you mean "scaler".*\n {4}Looked in/im,
    application: 'trait',
  },
  {
    title: 'a step type without a definition',
    files: {
      'step.yaml': application('step', ...component('worker', '{image: a}'), '  workflow:', '    steps:', '      - name: one', '        type: aply-component'),
    },
    says: /^step\.yaml:14:15: render\/unknown-type: there is no WorkflowStepDefinition "aply-component".*did you mean "apply-component".*\n {4}Looked in/im,
    application: 'step',
  },
  {
    title: 'a property that the parameter rejects, a secret beside it',
    files: {
      'property.yaml': application(
        'property',
        '  components:',
        '    - name: part',
        '      type: webservice',
        '      properties:',
        '        image: nginx',
        `        env: [{name: TOKEN, value: ${SECRET}}]`,
        '        ports:',
        `          - port: ${SECRET}`,
      ),
    },
    says: /^property\.yaml:14:19: render\/parameter: component "part" \(webservice\): property ports\[0\]\.port: .*\n {4}See the parameter/m,
    application: 'property',
  },
  {
    title: 'a syntax error in a definition',
    files: {
      'syntax-def.yaml': definition('ComponentDefinition', 'syntax', 'output: {', '  apiVersion: "v1"', '  kind: "ConfigMap', '}', 'parameter: {}'),
      'syntax.yaml': application('syntax', ...component('syntax', '{}')),
    },
    says: /^syntax-def\.yaml:14:17: render\/cue: .*ComponentDefinition "syntax".*\n {4}Used by .*syntax\.yaml:8/m,
    application: 'syntax',
  },
  {
    title: 'a template that never ends',
    files: {
      'endless-def.yaml': definition(
        'ComponentDefinition',
        'endless',
        'import "list"',
        'many: list.Range(0, 1000, 1)',
        'output: {apiVersion: "v1", kind: "ConfigMap", all: [for a in many for b in many for c in many for d in many if a > 5000 {a}]}',
        'parameter: {}',
      ),
      'endless.yaml': application('endless', ...component('endless', '{}')),
    },
    says: /^endless\.yaml:9:13: render\/timeout: .*\n {4}Look for a comprehension.*endless-def\.yaml:11/m,
    application: 'endless',
  },
  {
    title: 'an object that the API server refuses',
    files: {
      'refused.yaml': application(
        'refused',
        ...component('k8s-objects', `{objects: [{apiVersion: v1, kind: Service, metadata: {name: refused}, spec: {ports: [{port: 99999}]}}]}`),
      ),
    },
    says: /^refused\.yaml:\d+:\d+: transport\/invalid: .*port.*\n {4}Correct the field/m,
    application: 'refused',
    onHub: true,
  },
  {
    title: 'a document that the API server refuses',
    files: { 'service.yaml': lines('apiVersion: v1', 'kind: Service', 'metadata: {name: refused-document, namespace: NS}', 'spec: {ports: [{port: 99998}]}') },
    says: /^service\.yaml:1:1: transport\/invalid: .*port.*\n {4}Correct the field/m,
    onHub: true,
  },
  {
    title: 'a kind that the hub does not know',
    files: { 'strange.yaml': lines('apiVersion: example.com/v1', 'kind: Strange', 'metadata: {name: strange, namespace: NS}') },
    says: /^strange\.yaml:1:1: transport\/no-kind: .*\n {4}Install its CRD/m,
    onHub: true,
  },
  {
    title: 'a namespace that is not there',
    files: { 'nowhere.yaml': lines('apiVersion: v1', 'kind: ConfigMap', 'metadata: {name: lost, namespace: there-is-no-such-namespace}') },
    says: /^nowhere\.yaml:1:1: transport\/no-namespace: .*\n {4}Add the Namespace/m,
    onHub: true,
  },
];

const GOOD = {
  'good/app.yaml': application('good', ...component('k8s-objects', '{objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: good}, data: {a: "1"}}]}')),
  'good/plain.yaml': lines('apiVersion: v1', 'kind: ConfigMap', 'metadata: {name: plain, namespace: NS}', 'data: {a: "1"}'),
};

suite('input that is refused well', () => {
  let it: Scenario;
  let ended: Awaited<ReturnType<Scenario['once']>>;
  before(async () => {
    it = await openScenario({ name: 'bad', hub: hub.client, kubeconfig: hub.kubeconfig });
    const files = Object.assign({}, GOOD, ...CASES.map((item) => item.files)) as Record<string, string>;
    await it.push(Object.fromEntries(Object.entries(files).map(([path, text]) => [path, text.replaceAll('namespace: NS', `namespace: ${it.namespace}`)])));
    ended = await it.once('--cue-timeout', '2s', '--wait', '20s');
  });
  after(async () => {
    await it?.[Symbol.asyncDispose]();
  });

  test('the rest converges in the same run, and the exit code says that there is something to look at', async () => {
    assert.equal(ended.code, 1, `${ended.stdout}${ended.stderr}`);
    assert.equal((await hub.client.get(`configmaps/${it.namespace}/good`)).data.a, '1');
    assert.equal((await hub.client.get(`configmaps/${it.namespace}/plain`)).data.a, '1');
    const status = await it.status('good');
    assert.deepEqual([status?.['phase'], status?.['conditions'][0]], ['running', { type: 'Ready', status: 'True', reason: 'ReconcileSuccess' }]);
  });

  for (const item of CASES) {
    test(item.title, async () => {
      assert.match(ended.stdout, item.says);
      const code = /(load|render|transport)\\\/[a-z-]+/.exec(item.says.source)?.[0].replace('\\/', '/') ?? 'render/';
      assert.ok(JSON.stringify(await it.repositoryStatus()).includes(code), `${code} in repository.yaml`);
      if (item.application === undefined) return;
      const status = await it.status(item.application);
      const conditions = status?.['conditions'] as readonly { type: string; status: string }[] | undefined;
      assert.equal(conditions?.find((condition) => condition.type === 'Ready')?.status, 'False', JSON.stringify(status));
      assert.equal(conditions?.find((condition) => condition.type === 'Stalled')?.status, 'True', JSON.stringify(status));
      assert.ok(JSON.stringify(status).includes(code), JSON.stringify(status));
    });
  }

  test('the README of the branch lists each mistake, and no secret value stands anywhere', async () => {
    const files = await Promise.all((await it.bare.files(it.statusBranch)).map((path) => it.bare.show(it.statusBranch, path)));
    const readme = await it.bare.show(it.statusBranch, 'README.md');
    for (const file of ['not-yaml.yaml:2:7', 'property.yaml:14:19', 'service.yaml:1:1']) assert.ok(readme?.includes(file), `${file} in ${readme}`);
    assert.equal(
      [...files, ended.stdout, ended.stderr].some((text) => text?.includes(SECRET)),
      false,
    );
  });

  test('no message is a page of CUE', () => {
    for (const line of ended.stdout.split('\n')) assert.ok(line.length < 600, line);
  });

  test('`check` finds the same in a directory, without a hub, and ends with 1', async () => {
    const directory = join(it.directory, 'copy');
    for (const [path, text] of Object.entries(Object.assign({}, GOOD, ...CASES.map((item) => item.files)) as Record<string, string>)) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), text);
    }
    const checked = await runDaemon(['check', directory, '--cue-timeout', '2s', '--cue-workers', '1']);
    assert.equal(checked.code, 1, checked.stdout + checked.stderr);
    for (const item of CASES) if (item.onHub === undefined) assert.match(checked.stdout, item.says, item.title);
    assert.equal(checked.stdout.includes(SECRET), false);
    assert.doesNotMatch(checked.stdout, /^good\//m);
  });
});

suite('a command line that is refused well', () => {
  const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
    [
      'a kubeconfig that is not there',
      ['once', '--repo', '.', '--kubeconfig', '/nonexistent/kubeconfig'],
      /^lateen: config\/invalid: .*\/nonexistent\/kubeconfig/m,
    ],
    ['a duration that is none', ['once', '--wait', 'soon'], /^lateen: config\/invalid: --wait: "soon"/m],
    ['an unknown flag', ['once', '--brunch', 'main'], /unknown option '--brunch'[\s\S]*--branch/],
    ['an unknown verb', ['onse'], /unknown command 'onse'[\s\S]*once/],
    ['a code that does not exist', ['explain', 'load/not-yamel'], /config\/invalid: there is no code "load\/not-yamel" \(did you mean "load\/not-yaml"\?\)/],
  ];
  for (const [title, args, says] of cases) {
    test(title, async () => {
      const end = await runDaemon(args);
      assert.equal(end.code, 2, end.stdout + end.stderr);
      assert.match(end.stderr, says);
    });
  }
});

suite('I9: secrets never reach a log, diagnostic, status file or commit', () => {
  const VALUE = 'canary-in-a-secret-5150';
  const INPUT = 'canary-in-an-input-6161';
  const TOKEN = 'canary-git-token-7272';
  const forms = [VALUE, INPUT, TOKEN].flatMap((value) => [
    value,
    Buffer.from(value).toString('base64'),
    Buffer.from(`x-access-token:${value}`).toString('base64'),
    Buffer.from(`git:${value}`).toString('base64'),
  ]);

  /** A component with a Secret that its own status message tells, and a step that fails with what it was given. */
  const files = (namespace: string): Readonly<Record<string, string>> => ({
    'secret.json': JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'plain', namespace }, stringData: { password: VALUE } }),
    'leaky.json': JSON.stringify({
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'ComponentDefinition',
      metadata: { name: 'leaky', namespace },
      spec: {
        workload: { definition: { apiVersion: 'v1', kind: 'ConfigMap' } },
        schematic: {
          cue: {
            template:
              'output: {apiVersion: "v1", kind: "ConfigMap", data: a: "1"}\noutputs: inner: {apiVersion: "v1", kind: "Secret", metadata: name: "inner", stringData: password: parameter.password}\nparameter: password: string\n',
          },
        },
        status: { customStatus: 'message: "the password is \\(context.outputs.inner.data.password)"' },
      },
    }),
    'failing.json': JSON.stringify({
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'WorkflowStepDefinition',
      metadata: { name: 'failing', namespace },
      spec: {
        schematic: {
          cue: {
            template:
              'import "vela/builtin"\nfail: builtin.#Fail & {$params: message: "cannot log in with \\(parameter.password)"}\nparameter: password: string\n',
          },
        },
      },
    }),
    'reading.json': JSON.stringify({
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'WorkflowStepDefinition',
      metadata: { name: 'reading', namespace },
      spec: {
        schematic: {
          cue: {
            template:
              'import (\n\t"encoding/base64"\n\t"vela/kube"\n\t"vela/util"\n)\nread: kube.#Read & {$params: value: {apiVersion: "v1", kind: "Secret", metadata: {name: "given", namespace: context.namespace}}}\ntext: util.#ConvertString & {$params: bt: base64.Decode(null, read.$returns.value.data.password)}\nparameter: {}\n',
          },
        },
      },
    }),
    'app.yaml': lines(
      'apiVersion: core.oam.dev/v1beta1',
      'kind: Application',
      `metadata: {name: app, namespace: ${namespace}}`,
      'spec:',
      '  components:',
      '    - name: part',
      '      type: leaky',
      `      properties: {password: ${VALUE}}`,
      '  workflow:',
      '    steps:',
      '      - {name: part, type: apply-component, properties: {component: part}}',
      '      - {name: read, type: reading, outputs: [{name: password, valueFrom: text.$returns.str}]}',
      '      - {name: fail, type: failing, inputs: [{from: password, parameterKey: password}]}',
    ),
  });

  test('a Secret document, an input of a step, a status message and a Git token: searched for in everything that leaves', async () => {
    await using it = await openScenario({ name: 'canary', hub: hub.client, kubeconfig: hub.kubeconfig });
    await using git = await httpGitServer({ root: dirname(it.bare.path), token: TOKEN });
    await hub.client.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'given', namespace: it.namespace }, stringData: { password: INPUT } });
    await it.push(files(it.namespace));
    const url = git.url(basename(it.bare.path));
    const told: string[] = [];
    const run = async (env: Readonly<Record<string, string>>, verb: string, ...args: readonly string[]) => {
      const end = await it.verb(verb, { env: { LATEEN_LOG_LEVEL: 'debug', ...env } }, '--repo', url, '--git-schemes', 'http', ...args);
      told.push(end.stdout, end.stderr);
      return end;
    };
    const refused = await run({ LATEEN_GIT_TOKEN: `${TOKEN}-wrong` }, 'once');
    assert.equal(refused.code, 2, refused.stdout + refused.stderr);
    assert.match(refused.stderr, /source\/auth/);
    assert.equal((await run({ LATEEN_GIT_TOKEN: TOKEN }, 'plan')).code, 1);
    const end = await run({ LATEEN_GIT_TOKEN: TOKEN }, 'once', '--wait', '30s', '--output', 'json');
    assert.equal(end.code, 1, end.stdout + end.stderr);
    await run({ LATEEN_GIT_TOKEN: TOKEN }, 'once', '--wait', '30s');
    await run({ LATEEN_GIT_TOKEN: TOKEN }, 'status');
    const status = await it.status('app');
    assert.match(JSON.stringify(status), /the password is \*\*\*/);
    assert.match(JSON.stringify(status), /cannot log in with \*\*\*/);
    told.push(
      await it.bare.git('log', '--format=%B', it.statusBranch),
      ...(await Promise.all((await it.bare.files(it.statusBranch)).map(async (path) => (await it.bare.show(it.statusBranch, path)) ?? ''))),
    );
    for (const form of forms) assert.equal(told.filter((text) => text.includes(form)).length, 0, `${form} in:\n${told.find((text) => text.includes(form))}`);
    assert.equal((await hub.client.get(`secrets/${it.namespace}/inner`)).data.password, Buffer.from(VALUE).toString('base64'), 'the hub has it');
  });
});
