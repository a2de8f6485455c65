import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAll, PathError, withoutPath } from '../../../../daemon/transport/work-path.ts';

const pod = {
  metadata: { name: 'p', annotations: { 'a.b/c': 'x' } },
  status: {
    phase: 'Running',
    list: [1, 2, 3],
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Other', status: 'False', weight: 7 },
    ],
  },
};

const FOUND: readonly (readonly [string, readonly unknown[]])[] = [
  ['.status.phase', ['Running']],
  ['status.phase', ['Running']],
  ['$.status.phase', ['Running']],
  ['.status.nothing', []],
  ['.status.nothing.below', []],
  ['.status.phase.below', []],
  ['.status.list[0]', [1]],
  ['.status.list[-1]', [3]],
  ['.status.list[9]', []],
  ['.status.list[*]', [1, 2, 3]],
  ['.status.conditions[*].type', ['Ready', 'Other']],
  ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  [".status.conditions[?(@.type == 'Other')].weight", [7]],
  ['.status.conditions[?(@.type!="Ready")].type', ['Other']],
  ['.status.conditions[?(@.weight>6)].type', ['Other']],
  ['.status.conditions[?(@.weight)].type', ['Other']],
  ['.status.conditions[?(@.type=="None")].status', []],
  ['.metadata.annotations.a\\.b/c', ['x']],
  ['.metadata.annotations["a.b/c"]', ['x']],
  ["['metadata']['name']", ['p']],
];

for (const [path, expected] of FOUND) test(`${path} finds ${JSON.stringify(expected)}`, () => assert.deepEqual(findAll(pod, path), expected));

for (const path of ['..phase', '.status[', '.status[1:2]', '.status[a]', '.status..phase'])
  test(`${path} is refused`, () => assert.throws(() => findAll(pod, path), PathError));

test('a field is taken out wherever the path finds it, a list item never', () => {
  assert.deepEqual(withoutPath({ a: [{ b: 1, c: 2 }, { b: 3 }] }, '.a[*].b'), { a: [{ c: 2 }, {}] });
  assert.deepEqual(withoutPath({ spec: { replicas: 1, x: 2 } }, '.spec.replicas'), { spec: { x: 2 } });
  assert.deepEqual(withoutPath({ spec: { x: [1] } }, '.spec.x[0]'), { spec: { x: [1] } });
  assert.deepEqual(withoutPath({ spec: {} }, '.spec.no.such'), { spec: {} });
});
