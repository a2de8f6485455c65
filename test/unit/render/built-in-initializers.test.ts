import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { load } from '../../../daemon/load/load.ts';
import { readDirectory } from '../../../daemon/source/directory.ts';
import { readDefinitions } from '../../../daemon/transport/hub.ts';
import { treeOf } from '../load/trees.ts';
import { renderFiles } from './rig.ts';

const ROOT = join(import.meta.dirname, '../../..');
const builtIns = await readDirectory(join(ROOT, 'daemon/load/built-in'));
const ASKING =
  'apiVersion: core.oam.dev/v1beta1\nkind: Initializer\nmetadata: {name: mine, namespace: vela-system}\nspec:\n  appTemplate: {spec: {components: [{name: c, type: raw, properties: {apiVersion: v1, kind: ConfigMap}}]}}\n  dependsOn:\n  - ref: {name: terraform}\n  - ref: {name: ocm-cluster-manager}\n';
const FILES = { 'mine.yaml': ASKING, 'lateen.yaml': 'kubevela: "1.10"\n' };

test('each file holds the one Initializer that it is named after, in vela-system, without a mistake', () => {
  const catalog = load(treeOf(FILES), { builtIns });
  assert.deepEqual(catalog.diagnostics, []);
  const own = catalog.initializers.filter((item) => item.isBuiltIn);
  assert.deepEqual(
    own.map((item) => item.document.origin.path),
    ['built-in/ocm-cluster-manager.yaml', 'built-in/terraform.yaml'],
  );
  assert.deepEqual(
    own.map((item) => `${item.namespace}/${item.name}`),
    ['vela-system/ocm-cluster-manager', 'vela-system/terraform'],
  );
});

test('they are rendered as KubeVela 1.1 would, whatever the repository is, and only say what has to be there', async () => {
  const applications = (await renderFiles(FILES, undefined, { builtIns })).filter((app) => app.name !== 'mine');
  assert.deepEqual(
    applications.map((app) => [app.name, app.dialect, app.fault]),
    [
      ['ocm-cluster-manager', '1.1', null],
      ['terraform', '1.1', null],
    ],
  );
  const wanted = applications.flatMap((app) => [...app.components.values()].flatMap((component) => component.objects));
  assert.deepEqual([...new Set(wanted.map(({ key }) => key.kind))], ['CustomResourceDefinition', 'Namespace']);
  for (const { key, rules } of wanted)
    assert.deepEqual([rules.readOnly, rules.gc], key.kind === 'Namespace' ? [false, 'never'] : [true, 'onAppUpdate'], key.name);
});

test('every kind that they ask for is one that Lateen installs', async () => {
  const installed = new Set((await readDefinitions(join(ROOT, 'schemas/crds'))).map((definition) => definition.metadata.name));
  const applications = await renderFiles(FILES, undefined, { builtIns });
  const asked = applications
    .flatMap((app) => [...app.components.values()].flatMap((component) => component.objects))
    .filter(({ key }) => key.kind === 'CustomResourceDefinition')
    .map(({ key }) => key.name);
  assert.equal(asked.length, 8);
  assert.deepEqual(
    asked.filter((name) => !installed.has(name)),
    [],
  );
});
