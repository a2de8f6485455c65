import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLoadCache, load } from '../../../daemon/load/load.ts';
import { readDirectory } from '../../../daemon/source/directory.ts';
import { application, lines, loadFiles, names, treeOf } from './trees.ts';

interface Ref {
  readonly name: string;
  readonly namespace?: string;
  readonly kind?: string;
  readonly apiVersion?: string;
}

/** An Initializer without mistakes. */
function initializer(
  name: string,
  {
    namespace = 'vela-system',
    dependsOn = [],
    template = '',
  }: { readonly namespace?: string; readonly dependsOn?: readonly Ref[]; readonly template?: string } = {},
): string {
  const refs = dependsOn.map((ref) => `  - ref: ${JSON.stringify(ref)}\n`).join('');
  return `apiVersion: core.oam.dev/v1beta1\nkind: Initializer\nmetadata:\n  name: ${name}\n${namespace === '' ? '' : `  namespace: ${namespace}\n`}  annotations: {a: b}\nspec:\n  appTemplate:\n${template}    spec:\n      components:\n      - name: web\n        type: raw\n        properties: {kind: ConfigMap}\n${refs === '' ? '' : `  dependsOn:\n${refs}`}`;
}

const BUILT_INS = treeOf({
  'terraform.yaml': initializer('terraform'),
  'ocm.yaml': initializer('ocm-cluster-manager', { dependsOn: [{ name: 'terraform' }] }),
  'lonely.yaml': initializer('lonely'),
});

test("an Initializer makes an Application of its name, with the template's spec and labels and one annotation", () => {
  const template = '    metadata:\n      name: other\n      labels: {team: infra}\n      annotations: {x: z}\n';
  const catalog = loadFiles({ 'i.yaml': initializer('prepare', { namespace: '', template }), 'a.yaml': application('zeta') });
  assert.deepEqual(lines(catalog), []);
  assert.deepEqual(names(catalog.applications), ['default/prepare', 'default/zeta']);
  const [made] = catalog.applications;
  assert.deepEqual(made?.object, {
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name: 'prepare', namespace: 'default', labels: { team: 'infra' }, annotations: { 'app.oam.dev/initializer-name': 'prepare' } },
    spec: { components: [{ name: 'web', type: 'raw', properties: { kind: 'ConfigMap' } }] },
  });
  assert.ok(Object.isFrozen(made?.object));
  assert.deepEqual(made?.locate(['spec', 'components', 0, 'type']), { path: 'i.yaml', line: 15, column: 15 });
  assert.deepEqual(made?.locate(['metadata', 'labels', 'team']), { path: 'i.yaml', line: 10, column: 22 });
  assert.deepEqual(made?.locate(['metadata', 'name']), { path: 'i.yaml', line: 4, column: 9 });
  assert.deepEqual(
    catalog.initializers.map(({ namespace, name, dependsOn, isBuiltIn, document }) => [namespace, name, dependsOn, isBuiltIn, document.object.kind]),
    [['default', 'prepare', [], false, 'Initializer']],
  );
});

test('the Application of an Initializer that did not change is the same object again, so that it is not rendered again', () => {
  const cache = createLoadCache();
  const made = (): unknown => load(treeOf({ 'i.yaml': initializer('a', { dependsOn: [{ name: 'terraform' }] }) }), { cache, builtIns: BUILT_INS }).applications;
  const [first, second] = [made(), made()] as { readonly object: unknown }[][];
  assert.equal(first?.length, 2);
  first?.forEach((document, index) => assert.equal(document, second?.[index]));
});

test('a broken Initializer makes its Application broken too, so that it keeps everything (I11)', () => {
  const catalog = loadFiles({ 'i.yaml': initializer('bad').replace('type: raw', 'typ: raw') });
  assert.deepEqual(names(catalog.applications), []);
  assert.deepEqual(catalog.initializers, []);
  assert.deepEqual(
    catalog.broken.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`),
    ['Initializer vela-system/bad', 'Application vela-system/bad'],
  );
  assert.equal(catalog.diagnostics[0]?.application, 'vela-system/bad');
});

test("an Application document of an Initializer's name is a second one, and both are told", () => {
  const catalog = loadFiles({ 'i.yaml': initializer('shop', { namespace: 'default' }), 'a.yaml': application('shop') });
  assert.deepEqual(lines(catalog), [
    'a.yaml:1:1 error load/duplicate Application default/shop is also made by the Initializer at i.yaml:1 | Rename one of them.',
    'i.yaml:1:1 error load/duplicate Application default/shop, which this Initializer makes, is also declared at a.yaml:1 | Rename one of them.',
  ]);
  assert.deepEqual(names(catalog.applications), []);
  assert.deepEqual(
    catalog.broken.map(({ kind, name }) => `${kind} ${name}`).toSorted(),
    ['Application shop', 'Application shop', 'Initializer shop'].filter((text, index, all) => all.indexOf(text) === index),
  );
});

test('a dependency without a namespace is looked for beside the Initializer, then in vela-system', () => {
  const catalog = loadFiles({
    'a.yaml': initializer('a', { namespace: 'apps', dependsOn: [{ name: 'b' }, { name: 'c' }, { name: 'b', namespace: 'vela-system' }] }),
    'b.yaml': initializer('b', { namespace: 'apps' }),
    'b2.yaml': initializer('b'),
    'c.yaml': initializer('c'),
  });
  assert.deepEqual(lines(catalog), []);
  assert.deepEqual(
    catalog.initializers.map(({ namespace, name, dependsOn }) => [namespace, name, dependsOn]),
    [
      ['apps', 'a', ['apps/b', 'vela-system/c', 'vela-system/b']],
      ['apps', 'b', []],
      ['vela-system', 'b', []],
      ['vela-system', 'c', []],
    ],
  );
});

test('who depends on a broken Initializer is not broken itself', () => {
  const catalog = loadFiles({ 'a.yaml': initializer('a', { dependsOn: [{ name: 'b' }] }), 'b.yaml': initializer('b').replace('spec:', 'spec: [') });
  assert.deepEqual(
    catalog.initializers.map(({ name, dependsOn }) => [name, dependsOn]),
    [['a', ['vela-system/b']]],
  );
  assert.deepEqual(
    catalog.broken.map(({ name }) => name),
    ['b', 'b'],
  );
});

test('built-in Initializers are there when something depends on them, by way of each other too', () => {
  const catalog = loadFiles({ 'a.yaml': initializer('a', { namespace: 'apps', dependsOn: [{ name: 'ocm-cluster-manager' }] }) }, { builtIns: BUILT_INS });
  assert.deepEqual(lines(catalog), []);
  assert.deepEqual(
    catalog.initializers.map(({ namespace, name, isBuiltIn }) => [`${namespace}/${name}`, isBuiltIn]),
    [
      ['apps/a', false],
      ['vela-system/ocm-cluster-manager', true],
      ['vela-system/terraform', true],
    ],
  );
  assert.deepEqual(names(catalog.applications), ['apps/a', 'vela-system/ocm-cluster-manager', 'vela-system/terraform']);
  assert.equal(catalog.applications[1]?.origin.path, 'built-in/ocm.yaml');
});

test('a document of the commit stands before the built-in one of its name', () => {
  const catalog = loadFiles(
    { 'a.yaml': initializer('a', { dependsOn: [{ name: 'terraform' }] }), 't.yaml': initializer('terraform') },
    { builtIns: BUILT_INS },
  );
  assert.deepEqual(
    catalog.initializers.map(({ name, isBuiltIn, document }) => [name, isBuiltIn, document.origin.path]),
    [
      ['a', false, 'a.yaml'],
      ['terraform', false, 't.yaml'],
    ],
  );
});

test('what a broken Initializer may ask for stays: the built-in ones that it names, all where it cannot be read (I11)', () => {
  const named = loadFiles({ 'a.yaml': initializer('a', { dependsOn: [{ name: 'terraform' }] }).replace('type: raw', 'typ: raw') }, { builtIns: BUILT_INS });
  assert.deepEqual(
    named.initializers.map(({ name }) => name),
    ['terraform'],
  );
  const unread = loadFiles({ 'a.yaml': initializer('a', { dependsOn: [{ name: 'terraform' }] }).replace('spec:', 'spec: [') }, { builtIns: BUILT_INS });
  assert.deepEqual(
    unread.broken.map(({ kind, name }) => `${kind} ${name}`),
    ['Initializer a', 'Application a', ' terraform', ' ocm-cluster-manager', ' lonely'],
  );
});

const MISTAKES: readonly (readonly [string, Ref, string])[] = [
  [
    'a name that is not there',
    { name: 'terrafrom' },
    'load/reference there is no Initializer "terrafrom" in namespace vela-system | Did you mean "terraform"? Built in are "lonely", "ocm-cluster-manager", "terraform" (in vela-system).',
  ],
  [
    'a built-in one in another namespace',
    { name: 'terraform', namespace: 'apps' },
    'load/reference there is no Initializer "terraform" in namespace apps | Built in are "lonely", "ocm-cluster-manager", "terraform" (in vela-system).',
  ],
  [
    'one that stands in another namespace',
    { name: 'other' },
    'load/reference there is no Initializer "other" in namespace vela-system | There is one in namespace apps. Built in are "lonely", "ocm-cluster-manager", "terraform" (in vela-system).',
  ],
  [
    'one that only KubeVela has',
    { name: 'fluxcd', namespace: 'vela-system' },
    'load/reference the Initializer "fluxcd" was built into KubeVela 1.1 and is not built into Lateen | Add an Initializer vela-system/fluxcd of your own. Built in are "lonely", "ocm-cluster-manager", "terraform" (in vela-system).',
  ],
  [
    'another kind',
    { name: 'x', kind: 'Deployment' },
    'load/unsupported an Initializer can only depend on an Initializer, not on a Deployment | Use kind: Initializer and apiVersion: core.oam.dev/v1beta1.',
  ],
];

for (const [what, ref, says] of MISTAKES) {
  test(`depending on ${what} is told at its line`, () => {
    const catalog = loadFiles(
      { 'a.yaml': initializer('a', { dependsOn: [ref] }), 'o.yaml': initializer('other', { namespace: 'apps' }) },
      { builtIns: BUILT_INS },
    );
    assert.deepEqual(
      lines(catalog).map((line) => line.replace(/^a\.yaml:15:\d+ error /, '')),
      [says],
    );
    assert.deepEqual(names(catalog.applications), ['apps/other']);
  });
}

test("the operator's values win over those of lateen.yaml, and a new one reaches files that did not change", () => {
  const cache = createLoadCache();
  const tree = treeOf({
    'a.yaml': application(
      'a',
      '  components:\n  - name: web\n    type: webservice\n    properties:\n      image: {{ the image }}\n      hubAPIServer: {{ address }}\n',
    ),
    'lateen.yaml': 'values: {the image: nginx}\n',
  });
  const properties = (options: Parameters<typeof load>[1]): unknown =>
    (load(tree, { cache, ...options }).applications[0]?.object['spec'] as { components: { properties: unknown }[] } | undefined)?.components[0]?.properties;
  assert.equal(properties({}), undefined);
  assert.deepEqual(properties({ hubServer: 'https://192.0.2.1:6443' }), { image: 'nginx', hubAPIServer: 'https://192.0.2.1:6443' });
  assert.deepEqual(properties({ hubServer: 'https://192.0.2.2:6443' }), { image: 'nginx', hubAPIServer: 'https://192.0.2.2:6443' });
  assert.deepEqual(properties({ hubServer: 'https://192.0.2.2:6443', values: { 'the image': 'httpd', address: 'x' } }), { image: 'httpd', hubAPIServer: 'x' });
});

const TUTORIAL = join(import.meta.dirname, '../../../../shared/cases/tutorial');

test(
  "KubeVela's tutorial loads as it is published; its placeholder is told at line 33",
  { skip: existsSync(TUTORIAL) ? false : 'the recorded cases are not here' },
  async () => {
    const tree = await readDirectory(TUTORIAL);
    const without = load(tree, { builtIns: BUILT_INS });
    assert.deepEqual(
      without.diagnostics.map(({ code, severity, origin }) => `${severity} ${code} ${origin?.path}:${origin?.line}`),
      ['error load/reference initializers/init-managed-cluster.yaml:33'],
    );
    assert.deepEqual(
      without.broken.slice(0, 2).map(({ kind, name }) => `${kind} ${name}`),
      ['Initializer managed-cluster', 'Application managed-cluster'],
    );
    const catalog = load(tree, { builtIns: BUILT_INS, hubServer: 'https://192.0.2.1:6443' });
    assert.deepEqual(
      catalog.diagnostics.map(({ code, severity, origin }) => `${severity} ${code} ${origin?.path}:${origin?.line}`),
      ['warning load/reference initializers/init-managed-cluster.yaml:33'],
    );
    assert.deepEqual(
      catalog.initializers.map(({ namespace, name, dependsOn }) => [`${namespace}/${name}`, ...dependsOn]),
      [
        ['vela-system/managed-cluster', 'vela-system/terraform-alibaba', 'vela-system/ocm-cluster-manager'],
        ['vela-system/ocm-cluster-manager', 'vela-system/terraform'],
        ['vela-system/terraform'],
        ['vela-system/terraform-alibaba', 'vela-system/terraform'],
      ],
    );
  },
);
