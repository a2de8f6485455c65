import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLoadCache, load } from '../../../daemon/load/load.ts';
import { application, lines, loadFiles, names, treeOf } from './trees.ts';

const APP = application('shop');

test('documents are found by kind wherever they lie, several to a file', () => {
  const catalog = loadFiles({
    'deep/er/all.yaml': `${APP}---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n---\napiVersion: core.oam.dev/v1beta1\nkind: TraitDefinition\nmetadata:\n  name: t\n`,
    'one.json': '{"apiVersion": "core.oam.dev/v1alpha1", "kind": "Policy", "metadata": {"name": "p"}, "type": "topology"}',
    'README.md': '# kind: Application',
  });
  assert.deepEqual(lines(catalog), []);
  assert.deepEqual(names(catalog.applications), ['default/shop']);
  assert.deepEqual(names(catalog.definitions), ['vela-system/t']);
  assert.deepEqual(names(catalog.policies), ['default/p']);
  assert.deepEqual(names(catalog.objects), ['/c']);
  assert.deepEqual(catalog.applications[0]?.origin, { path: 'deep/er/all.yaml', line: 1, column: 1 });
  assert.deepEqual(catalog.objects[0]?.locate(['metadata', 'name']), { path: 'deep/er/all.yaml', line: 13, column: 9 });
});

test('the items of a List are documents of their own, at their own lines', () => {
  const catalog = loadFiles({
    'list.yaml':
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: a\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: 7\n',
  });
  assert.deepEqual(names(catalog.objects), ['/a']);
  assert.deepEqual(catalog.objects[0]?.locate(['metadata', 'name']), { path: 'list.yaml', line: 7, column: 11 });
  assert.deepEqual(lines(catalog), ['list.yaml:11:11 error load/schema metadata.name must be a string, not a number | Put it in quotes.']);
});

test('lists are sorted by namespace and name, whatever the files are called', () => {
  const catalog = loadFiles({ 'a.yaml': application('zeta'), 'b.yaml': application('alpha') });
  assert.deepEqual(names(catalog.applications), ['default/alpha', 'default/zeta']);
});

test('only the configured paths are read, and never dot-folders', () => {
  const catalog = loadFiles({
    'lateen.yaml': 'paths: [apps/, ./more.yaml]\nignore: [apps/old]\n',
    'apps/a.yaml': application('a'),
    'apps/old/b.yaml': application('b'),
    'apps2/c.yaml': application('c'),
    'more.yaml': application('d'),
    'apps/.github/x.yaml': 'on: push\n',
  });
  assert.deepEqual(names(catalog.applications), ['default/a', 'default/d']);
  assert.deepEqual(lines(catalog), []);
});

test('a broken document takes nothing else with it, and is kept by name (I11, I12)', () => {
  const catalog = loadFiles({ 'apps.yaml': `${application('good')}---\n${application('bad')}    typo : [\n---\n${application('fine')}` });
  assert.deepEqual(names(catalog.applications), ['default/fine', 'default/good']);
  assert.deepEqual(
    catalog.broken.map(({ kind, namespace, name, origin }) => [kind, namespace, name, origin.line]),
    [['Application', 'default', 'bad', 10]],
  );
  assert.deepEqual(catalog.unreadable, []);
  assert.equal(catalog.diagnostics[0]?.application, 'default/bad');
  assert.equal(catalog.diagnostics[0]?.code, 'load/not-yaml');
});

test('a document that cannot even be named makes the commit unreadable (I11)', () => {
  const catalog = loadFiles({ 'a.yaml': 'apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: "x\nspec: {\n', 'b.yaml': APP });
  assert.deepEqual(catalog.unreadable, [{ path: 'a.yaml', line: 1, column: 1 }]);
  assert.deepEqual(names(catalog.applications), ['default/shop']);
});

test('a file that was too large to read makes the commit unreadable', () => {
  const tree = treeOf({ 'big.yaml': '' });
  const catalog = load({ ...tree, files: tree.files.map((file) => ({ ...file, text: null, sizeBytes: 9_000_000 })) });
  assert.deepEqual(lines(catalog), [
    'big.yaml:1:1 error load/limit the file has 9000000 bytes and is not read | Split it, or list it under `ignore` in lateen.yaml.',
  ]);
  assert.equal(catalog.unreadable.length, 1);
});

test('without a usable lateen.yaml no document is taken, so that nothing ignored is applied and nothing is deleted', () => {
  const catalog = loadFiles({ 'lateen.yaml': 'ignored: [secret]\nkubevela: 1.10\n', 'a.yaml': APP });
  assert.deepEqual(lines(catalog), [
    'lateen.yaml:1:1 error load/schema unknown field "ignored" in the document | Did you mean "ignore"?',
    'lateen.yaml:2:11 error load/schema kubevela must be a string, not a number | Put it in quotes: without them 1.10 is the number 1.1.',
  ]);
  assert.deepEqual(catalog.applications, []);
  assert.equal(catalog.unreadable.length, 1);
});

test('lateen.yaml gives dialects, values, drift and prune', () => {
  const { config } = loadFiles({
    'lateen.yaml': 'kubevela: "1.10"\noverrides:\n- path: old/\n  kubevela: "1.1"\nvalues: {region: cn, port: 80}\ndrift: report\nprune: false\n',
  });
  assert.deepEqual(config, {
    paths: [''],
    ignore: [],
    dialect: '1.10',
    dialects: [{ path: 'old', dialect: '1.1' }],
    values: { region: 'cn', port: '80' },
    drift: 'report',
    drifts: [],
    ignoreFields: [],
    planRefs: [],
    prune: false,
  });
});

test('lateen.yaml says whose fields are whose, where drift is only told, and what is planned', () => {
  const { config } = loadFiles({
    'lateen.yaml':
      'overrides: [{path: ./prod/, drift: report}, {path: old, kubevela: "1.1"}]\nignoreFields: [{group: apps, kind: Deployment, paths: [/spec/replicas]}]\nplan: {refs: [next, "refs/pull/*/head"]}\n',
  });
  assert.deepEqual(
    [config.drifts, config.dialects, config.ignoreFields, config.planRefs],
    [
      [{ path: 'prod', drift: 'report' }],
      [{ path: 'old', dialect: '1.1' }],
      [{ group: 'apps', kind: 'Deployment', namespace: null, name: null, paths: ['/spec/replicas'] }],
      ['refs/heads/next', 'refs/pull/*/head'],
    ],
  );
});

test('what did not change is not read again', () => {
  const cache = createLoadCache();
  const first = load(treeOf({ 'a.yaml': APP, 'b.yaml': application('b') }), { cache });
  const second = load(treeOf({ 'a.yaml': APP, 'b.yaml': application('c') }), { cache });
  assert.equal(
    second.applications.find(({ object }) => object.metadata.name === 'shop'),
    first.applications.find(({ object }) => object.metadata.name === 'shop'),
  );
  assert.deepEqual(names(second.applications), ['default/c', 'default/shop']);
  assert.equal(cache.files.size, 2);
});

test('a new value in lateen.yaml reaches files that did not change', () => {
  const cache = createLoadCache();
  const text = application('a', '  components:\n  - name: web\n    type: webservice\n    properties:\n      image: {{ image }}\n');
  const before = load(treeOf({ 'a.yaml': text }), { cache });
  const after = load(treeOf({ 'a.yaml': text, 'lateen.yaml': 'values: {image: "nginx: 1"}\n' }), { cache });
  assert.deepEqual(names(before.applications), []);
  const spec = after.applications[0]?.object['spec'] as { components: { properties: unknown }[] } | undefined;
  assert.deepEqual(spec?.components[0]?.properties, { image: 'nginx: 1' });
});

test('objects are frozen', () => {
  const [document] = loadFiles({ 'a.yaml': APP }).applications;
  assert.ok(
    document !== undefined &&
      Object.isFrozen(document.object) &&
      Object.isFrozen(document.object.metadata) &&
      Object.isFrozen((document.object['spec'] as { components: unknown }).components),
  );
});

test('a thousand diagnostics come in one order', () => {
  const files = Object.fromEntries(
    Array.from({ length: 30 }, (_, index) => [`f${index % 7}/${index}.yaml`, application(`x${index}`).replace('type:', 'typ:')]),
  );
  assert.deepEqual(lines(loadFiles(files)), lines(loadFiles(Object.fromEntries(Object.entries(files).reverse()))));
});
