/** Each bad input that the load stage must refuse well: code, path, line, column, and what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { application, lines, loadFiles, names } from './trees.ts';

const OTHER = application('other');

interface Mistake {
  readonly title: string;
  readonly text: string;
  readonly says: readonly string[];
  /** What catalog.broken holds; absent: nothing. */
  readonly broken?: readonly string[];
  readonly isUnreadable?: boolean;
  /** Names of the applications that are usable all the same, beside the one in the other file. */
  readonly usable?: readonly string[];
}

const head = (kind: string, apiVersion = 'core.oam.dev/v1beta1'): string => `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: x\n`;
const steps = (text: string): string => `  components: []\n  workflow:\n    steps:\n${text}`;

const MISTAKES: readonly Mistake[] = [
  {
    title: 'a file that is not YAML',
    text: 'apiVersion: v1\n  kind: [\n',
    isUnreadable: true,
    says: [
      'x.yaml:2:7 error load/not-yaml not YAML: bad indentation of a mapping entry | Align the line with its neighbours, or quote the value if it has ": " in it.',
    ],
  },
  {
    title: 'a tab',
    text: application('x', '\tcomponents: []\n'),
    broken: ['Application default/x'],
    says: ['x.yaml:6:1 error load/not-yaml not YAML: tab characters must not be used in indentation | Indent with spaces; YAML does not allow tabs there.'],
  },
  {
    title: 'a duplicate key',
    text: application('x', '  components: []\n  policies: []\n  "components": []\n'),
    broken: ['Application default/x'],
    says: ['x.yaml:8:3 error load/duplicate-key the key "components" stands twice in one mapping | Remove one of the two.'],
  },
  {
    title: 'a name that stands twice, so that nobody knows which',
    text: 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  name: b\n',
    isUnreadable: true,
    says: ['x.yaml:5:3 error load/duplicate-key the key "name" stands twice in one mapping | Remove one of the two.'],
  },
  {
    title: 'an unknown kind of core.oam.dev',
    text: `${head('Aplication')}spec: {}\n`,
    broken: ['Aplication /x'],
    says: ['x.yaml:2:7 error load/unknown-kind core.oam.dev has no kind "Aplication" | Did you mean "Application"?'],
  },
  {
    title: 'a kind of another version',
    text: `${head('Application', 'core.oam.dev/v1alpha2')}spec: {}\n`,
    broken: ['Application /x'],
    says: ['x.yaml:2:7 error load/unknown-kind Lateen knows no Application in core.oam.dev/v1alpha2 | Use apiVersion: core.oam.dev/v1beta1'],
  },
  {
    title: 'an apiVersion without a version',
    text: head('Application', 'core.oam.dev'),
    broken: ['Application /x'],
    says: ['x.yaml:1:13 error load/unknown-kind apiVersion "core.oam.dev" has no version | Use apiVersion: core.oam.dev/v1beta1'],
  },
  {
    title: 'what a controller writes',
    text: head('ResourceTracker'),
    broken: ['ResourceTracker /x'],
    says: ['x.yaml:2:7 error load/unsupported ResourceTracker is written by the controller and not taken from Git | Remove the document.'],
  },
  {
    title: 'an unknown field',
    text: application('x', '  components:\n  - name: web\n    type: webservice\n    propertys: {}\n'),
    broken: ['Application default/x'],
    says: ['x.yaml:9:5 error load/schema unknown field "propertys" in spec.components[0] | Did you mean "properties"?'],
  },
  {
    title: 'a missing field',
    text: application('x', '  components:\n  - name: web\n'),
    broken: ['Application default/x'],
    says: ['x.yaml:7:5 error load/schema spec.components[0] has no "type"'],
  },
  {
    title: 'a field of the wrong type',
    text: application('x', '  components:\n  - name: 7\n    type: webservice\n    traits: {}\n'),
    broken: ['Application default/x'],
    says: [
      'x.yaml:7:11 error load/schema spec.components[0].name must be a string, not a number | Put it in quotes.',
      'x.yaml:9:13 error load/schema spec.components[0].traits must be a list, not a mapping',
    ],
  },
  {
    title: 'a word that is none of those allowed',
    text: application('x', '  components: []\n  workflow:\n    mode:\n      steps: DAC\n'),
    broken: ['Application default/x'],
    says: ['x.yaml:9:14 error load/schema spec.workflow.mode.steps must be one of "StepByStep", "DAG" | Did you mean "DAG"?'],
  },
  {
    title: 'a timeout that is no duration',
    text: application('x', steps('    - type: suspend\n      timeout: 5 minutes\n')),
    broken: ['Application default/x'],
    says: [
      'x.yaml:10:16 error load/schema spec.workflow.steps[0].timeout does not have the right form | How long the step may take, for example `30s`, `10m` or `1h30m`.',
    ],
  },
  {
    title: 'labels that are no strings, on any object',
    text: 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  labels:\n    on: true\n',
    broken: ['ConfigMap /x'],
    says: [
      'x.yaml:6:5 warning load/ambiguous Kubernetes reads the plain scalar on as true, other readers do not | Write "on", or true.',
      'x.yaml:6:9 error load/schema metadata.labels.true must be a string, not true or false | Put it in quotes.',
    ],
  },
  {
    title: 'an object without a name',
    text: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n',
    isUnreadable: true,
    says: ['x.yaml:3:1 error load/schema metadata has no "name"'],
  },
  {
    title: 'an object with generateName',
    text: 'apiVersion: v1\nkind: Pod\nmetadata:\n  generateName: x-\n',
    isUnreadable: true,
    says: ['x.yaml:3:1 error load/schema generateName gives another object at every apply | Give it a metadata.name.'],
  },
  {
    title: 'a document that lost its kind',
    text: 'apiVersion: v1\nmetadata:\n  name: x\n',
    isUnreadable: true,
    says: ['x.yaml:1:1 error load/not-an-object the document has no kind | Add kind.'],
  },
  {
    title: 'YAML that is no object at all',
    text: 'replicas: 2\n',
    says: ['x.yaml:1:1 warning load/not-an-object the document has no apiVersion and kind | It is not read; list its path under `ignore` in lateen.yaml.'],
  },
  {
    title: 'two components of one name',
    text: application('x', '  components:\n  - {name: web, type: worker}\n  - {name: web, type: worker}\n'),
    broken: ['Application default/x'],
    says: ['x.yaml:8:12 error load/duplicate there are two components called "web" | Rename one of them.'],
  },
  {
    title: 'two steps of one name, one of them in a group',
    text: application(
      'x',
      steps('    - name: a\n      type: suspend\n    - name: g\n      type: step-group\n      subSteps:\n      - name: a\n        type: suspend\n'),
    ),
    broken: ['Application default/x'],
    says: ['x.yaml:14:15 error load/duplicate there are two steps called "a" | Rename one of them.'],
  },
  {
    title: 'a step that takes the name another gets by itself',
    text: application('x', steps('    - name: step-1\n      type: suspend\n    - type: suspend\n')),
    broken: ['Application default/x'],
    says: ['x.yaml:11:7 error load/duplicate there are two steps called "step-1" | Rename one of them.'],
  },
  {
    title: 'a step that depends on nothing',
    text: application('x', steps('    - name: build\n      type: suspend\n    - name: ship\n      type: suspend\n      dependsOn: [biuld]\n')),
    broken: ['Application default/x'],
    says: ['x.yaml:13:19 error load/reference step "ship" depends on "biuld", which is not there | Did you mean "build"?'],
  },
  {
    title: 'steps that wait for each other',
    text: application(
      'x',
      steps('    - name: a\n      type: suspend\n      dependsOn: [b]\n    - name: b\n      type: suspend\n      dependsOn:\n      - a\n'),
    ),
    broken: ['Application default/x'],
    says: ['x.yaml:11:7 error load/cycle steps wait for each other: a -> b -> a | Take one of the dependsOn entries out.'],
  },
  {
    title: 'components that wait for each other',
    text: application('x', '  components:\n  - {name: a, type: worker, dependsOn: [a]}\n'),
    broken: ['Application default/x'],
    says: ['x.yaml:7:29 error load/cycle components wait for each other: a -> a | Take one of the dependsOn entries out.'],
  },
  {
    title: 'an input that nobody gives',
    text: application('x', steps('    - type: suspend\n      outputs: [{name: url, valueFrom: a.b}]\n    - type: suspend\n      inputs: [{from: uri}]\n')),
    usable: ['default/x'],
    says: ['x.yaml:12:23 warning load/reference no output is called "uri" | Did you mean "url"?'],
  },
  {
    title: 'a name that Kubernetes would refuse',
    text: application('Web_Shop'),
    broken: ['Application default/Web_Shop'],
    says: [
      'x.yaml:4:9 error load/schema "Web_Shop" is not a valid name | Use lower-case letters, digits and "-", beginning and ending with a letter or digit.',
    ],
  },
  {
    title: 'an approval with an unknown action and a date that is none',
    text: `${head('Approval', 'lateen.dev/v1alpha1')}spec:\n  action: remove\n  target: {kind: Namespace, name: a}\n  expires: tomorrow\n`,
    broken: ['Approval default/x'],
    says: [
      'x.yaml:6:11 error load/schema spec.action must be one of "resume", "delete", "abandon"',
      'x.yaml:8:12 error load/schema spec.expires must be a date and time such as 2030-01-31T12:00:00Z',
    ],
  },
  {
    title: 'an approval that abandons what is no cluster, for ever',
    text: `${head('Approval', 'lateen.dev/v1alpha1')}spec:\n  action: abandon\n  target: {kind: Cluster, name: a}\n`,
    broken: ['Approval default/x'],
    says: [
      'x.yaml:5:1 error load/schema an approval that abandons a cluster must say when it ends | Add `expires`, such as 2030-01-31T12:00:00Z.',
      'x.yaml:7:18 error load/schema only a ManagedCluster can be abandoned',
    ],
  },
  {
    title: 'an approval that resumes what cannot be resumed',
    text: `${head('Approval', 'lateen.dev/v1alpha1')}spec:\n  action: resume\n  target: {kind: Namespace, name: a}\n`,
    broken: ['Approval default/x'],
    says: ['x.yaml:7:18 error load/schema only an Application or Initializer can be resumed'],
  },
  {
    title: 'a Git LFS pointer',
    text: 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
    isUnreadable: true,
    says: ['x.yaml:1:1 error load/lfs the file is a Git LFS pointer, not its content | Keep configuration out of LFS (`git lfs untrack`).'],
  },
  {
    title: 'a placeholder',
    text: application('x', '  components:\n  - name: web\n    type: worker\n    properties:\n      image: {{ my image }} # yours\n'),
    broken: ['Application default/x'],
    says: [
      'x.yaml:10:14 error load/reference the placeholder {{ my image }} has no value | Write the value in its place, or give it in lateen.yaml, values: {"my image": ...}, or with --set "my image=...".',
    ],
  },
  {
    title: 'plain scalars that mislead',
    text: application('x', '  components:\n  - name: web\n    type: worker\n    properties:\n      mode: 0777\n      time: 1:30\n      commit: 1234e56\n'),
    usable: ['default/x'],
    says: [
      'x.yaml:10:13 warning load/ambiguous Kubernetes reads this plain scalar as a number, other readers do not | Put it in quotes, or write it plainly as a number.',
      'x.yaml:11:13 warning load/ambiguous Kubernetes reads this plain scalar as a string, other readers do not | Put it in quotes.',
      'x.yaml:12:15 warning load/ambiguous Kubernetes reads this plain scalar as a number, other readers do not | Put it in quotes, or write it plainly as a number.',
    ],
  },
  {
    title: 'an alias that contains itself',
    text: `${application('x', '  components: []\n')}  policies: &a\n  - type: t\n    properties: {a: *a}\n`,
    broken: ['Application default/x'],
    says: ['x.yaml:1:1 error load/limit an alias contains itself'],
  },
];

for (const { title, text, says, broken = [], isUnreadable = false, usable = [] } of MISTAKES) {
  test(`${title}: told with its place, and the rest goes on`, () => {
    const catalog = loadFiles({
      'x.yaml': text,
      'other.yaml': OTHER,
      'release.yaml': 'apiVersion: core.oam.dev/v1alpha1\nkind: Workflow\nmetadata:\n  name: release\nsteps: []\n',
    });
    assert.deepEqual(lines(catalog), says);
    assert.deepEqual(
      catalog.broken.map((entry) => `${entry.kind} ${entry.namespace}/${entry.name}`),
      broken,
    );
    assert.equal(catalog.unreadable.length, isUnreadable ? 1 : 0);
    assert.deepEqual(names(catalog.applications), ['default/other', ...usable]);
  });
}

test('two documents for one object: both places are told, and neither is used', () => {
  const catalog = loadFiles({ 'a.yaml': `# first\n${OTHER}`, 'b.yaml': OTHER });
  assert.deepEqual(lines(catalog), [
    'a.yaml:2:1 error load/duplicate Application default/other is also declared at b.yaml:1 | Keep one of them.',
    'b.yaml:1:1 error load/duplicate Application default/other is also declared at a.yaml:2 | Keep one of them.',
  ]);
  assert.deepEqual(catalog.applications, []);
  assert.deepEqual(
    catalog.broken.map(({ name }) => name),
    ['other'],
  );
});

test('KubeVela 1.1 takes two components of one name, so there it is a warning', () => {
  const text = application('x', '  components:\n  - {name: web, type: worker}\n  - {name: web, type: worker}\n');
  const catalog = loadFiles({ 'old/x.yaml': text, 'lateen.yaml': 'overrides: [{path: old, kubevela: "1.1"}]\n' });
  assert.deepEqual(lines(catalog), ['old/x.yaml:8:12 warning load/duplicate there are two components called "web" | Rename one of them.']);
  assert.deepEqual(names(catalog.applications), ['default/x']);
});

test('Initializers that wait for each other are all told, also through vela-system', () => {
  const initializer = (name: string, namespace: string, on: string): string =>
    `apiVersion: core.oam.dev/v1beta1\nkind: Initializer\nmetadata:\n  name: ${name}\n  namespace: ${namespace}\nspec:\n  appTemplate:\n    spec:\n      components: []\n  dependsOn:\n  - ref: {name: ${on}}\n`;
  const catalog = loadFiles({
    'a.yaml': initializer('a', 'vela-system', 'b'),
    'b.yaml': initializer('b', 'vela-system', 'a'),
    'c.yaml': initializer('c', 'team', 'fluxcd'),
    'd.yaml': initializer('d', 'team', 'a'),
  });
  assert.deepEqual(lines(catalog), [
    'a.yaml:11:17 error load/cycle Initializers wait for each other: vela-system/a -> vela-system/b -> vela-system/a | Take one of the dependsOn entries out.',
    'b.yaml:11:17 error load/cycle Initializers wait for each other: vela-system/b -> vela-system/a -> vela-system/b | Take one of the dependsOn entries out.',
    'c.yaml:11:17 error load/reference the Initializer "fluxcd" was built into KubeVela 1.1 and is not built into Lateen | Add an Initializer vela-system/fluxcd of your own.',
  ]);
  assert.deepEqual(names(catalog.initializers.map(({ document }) => document)), ['team/d']);
  assert.equal(catalog.diagnostics[0]?.application, 'vela-system/a');
});

test('mistakes inside of an Initializer stand at the lines of its template', () => {
  const catalog = loadFiles({
    'a.yaml':
      'apiVersion: core.oam.dev/v1beta1\nkind: Initializer\nmetadata:\n  name: a\nspec:\n  appTemplate:\n    spec:\n      components:\n      - name: A\n        type: raw\n        dependsOn: [b]\n',
  });
  assert.deepEqual(lines(catalog), [
    'a.yaml:9:15 error load/schema "A" is not a valid name | Use lower-case letters, digits and "-", beginning and ending with a letter or digit.',
    'a.yaml:11:21 error load/reference component "A" depends on "b", which is not there | Remove the entry.',
  ]);
});

test('a pointer or a ref in lateen.yaml that cannot be read stands at its line, and nothing is guessed', () => {
  const catalog = loadFiles({
    'lateen.yaml':
      'ignoreFields:\n- kind: Deployment\n  paths:\n  - /spec/replicas\n  - spec.paused\n- kind: Service\n  paths: [/metadata/labels]\nplan:\n  refs: [next, "refs/pull/*/head", "a..b"]\n',
    'other.yaml': OTHER,
  });
  assert.deepEqual(lines(catalog), [
    'lateen.yaml:5:5 error load/schema "spec.paused" is not a JSON Pointer | Begin it with a slash: /spec/replicas.',
    'lateen.yaml:7:11 error load/schema "/metadata/labels" cannot be left to others | Name a field that does not say what the object is or whose: name, kind, status, and the labels and annotations of KubeVela and Lateen are not among them.',
    'lateen.yaml:9:36 error load/schema "a..b" is neither a branch nor a pattern of refs | Write refs, with * for one part of a name: refs/pull/*/head, refs/heads/env/*.',
  ]);
  assert.equal(catalog.unreadable.length, 1);
});

test('an annotation about drift that cannot be read stands at its line', () => {
  const object = (name: string, annotation: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  annotations:\n    ${annotation}\n`;
  assert.deepEqual(
    lines(loadFiles({ 'a.yaml': object('a', 'lateen.dev/drift: ignore'), 'b.yaml': object('b', 'lateen.dev/ignore-fields: "/data, data.a"') })),
    [
      'a.yaml:6:23 error load/schema lateen.dev/drift must be one of "correct", "report"',
      'b.yaml:6:31 error load/schema lateen.dev/ignore-fields: "data.a" is not a JSON Pointer | Begin it with a slash: /spec/replicas.',
    ],
  );
});

test('what other tools understand is skipped with a word about it', () => {
  const catalog = loadFiles({
    'chart/Chart.yaml': 'name: c\n',
    'chart/values.yaml': 'a: 1\n',
    'chart/templates/x.yaml': 'kind: {{ .Values.kind }}\n',
    'k/kustomization.yaml': 'resources: []\n',
    'package.json': '{"name": "x"}',
    'tsconfig.json': '{ // no JSON\n}',
  });
  assert.deepEqual(lines(catalog), [
    'chart/Chart.yaml:1:1 warning load/unsupported a Helm chart is not rendered | List its folder under `ignore` in lateen.yaml, or commit the rendered documents.',
    'k/kustomization.yaml:1:1 warning load/unsupported a kustomization is not built; the files beside it are read as they are | List its folder under `ignore` in lateen.yaml, or commit the rendered documents.',
  ]);
  assert.deepEqual(catalog.unreadable, []);
});

test('no diagnostic shows a value from the document (I9)', () => {
  const catalog = loadFiles({
    'a.yaml': 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  labels: [hunter2]\nstringData:\n  password: "hunter2\n  other: x\n',
    'b.yaml': 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: t\n  labels: {a: 1234567}\nstringData: {a: 0123456}\n',
    'c.yaml': 'a: *hunter2\n',
    'd.yaml': 'a: !<hunter2> b\n',
  });
  assert.deepEqual(
    catalog.diagnostics.map(({ code }) => code),
    ['load/not-yaml', 'load/schema', 'load/ambiguous', 'load/not-yaml', 'load/not-yaml'],
  );
  assert.doesNotMatch(lines(catalog).join('\n'), /hunter2|123456/);
});
