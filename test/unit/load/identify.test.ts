import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identify } from '../../../daemon/load/identify.ts';

const APP = { apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', namespace: '', name: 'shop' };
const head = 'apiVersion: core.oam.dev/v1beta1\nkind: Application\n';

const FOUND: readonly (readonly [string, string, object])[] = [
  ['a broken spec', `${head}metadata:\n  name: shop\nspec: [\n`, APP],
  [
    'quotes and comments',
    `---\napiVersion: 'core.oam.dev/v1beta1' # v\nkind: "Application"\nmetadata: # m\n  # c\n  labels:\n    name: other\n  namespace: team # n\n  name: 'shop'\nspec: {`,
    { ...APP, namespace: 'team' },
  ],
  ['carriage returns', `${head}metadata:\n  name: shop\nspec: [\n`.replaceAll('\n', '\r\n'), APP],
  ['JSON', '{"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "shop"}, "spec": {', APP],
  ['names further down', `${head}metadata:\n  name: shop\nspec:\n  components:\n  - name: web\n  : [`, APP],
];

for (const [title, text, identity] of FOUND) {
  test(`a text that does not parse is known by name: ${title}`, () => {
    assert.deepEqual(identify(text), identity);
  });
}

const UNKNOWN: readonly (readonly [string, string])[] = [
  ['no name', `${head}metadata:\n  labels: [\n`],
  ['two names', `${head}metadata:\n  name: a\n  name: b\n`],
  ['two documents run together', `${head}metadata:\n  name: a\n${head}metadata:\n  name: b\n`],
  ['a name that was never closed', `${head}metadata:\n  name: "shop\n`],
  ['a flow mapping for metadata', `${head}metadata: {name: shop\n`],
  ['a List, whose items nobody can tell', 'apiVersion: v1\nkind: List\nmetadata:\n  name: x\nitems: [\n'],
  ['anything else', 'not yaml: at: all'],
];

for (const [title, text] of UNKNOWN) {
  test(`nothing is guessed: ${title}`, () => {
    assert.equal(identify(text), null);
  });
}
