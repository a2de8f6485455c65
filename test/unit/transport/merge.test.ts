import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergePatch } from '../../../daemon/lib/json.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';
import { gatherFields, hasStrayFields, setsField, withoutFieldLists } from '../../../daemon/transport/managed-fields.ts';
import { mergePatchBetween, threeWayMerge } from '../../../daemon/transport/three-way.ts';

const object = (spec: object, metadata: object = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', ...metadata },
  spec,
});

test("three ways: ours is set, what we no longer want goes, another's stays", () => {
  const merged = threeWayMerge(
    object({ a: 1, b: 2, deep: { x: 1, y: 1 } }),
    object({ a: 5, deep: { x: 1 } }),
    object({ a: 1, b: 2, theirs: 3, deep: { x: 9, y: 1, z: 1 } }),
  );
  assert.deepEqual(merged['spec'], { a: 5, theirs: 3, deep: { x: 1, z: 1 } });
});

test('three ways: without a last one nothing is taken out', () => {
  assert.deepEqual(threeWayMerge(null, object({ a: 1 }), object({ b: 2 }))['spec'], { b: 2, a: 1 });
});

test('three ways: list items are merged by key, and a list with one key twice is replaced', () => {
  const containers = (...list: object[]): KubeObject => object({ containers: list });
  const merged = threeWayMerge(
    containers({ name: 'main', image: 'a', tty: true }, { name: 'old', image: 'o' }),
    containers({ name: 'main', image: 'b' }),
    containers({ name: 'injected', image: 'i' }, { name: 'main', image: 'a', tty: true, policy: 'Always' }, { name: 'old', image: 'o' }),
  );
  assert.deepEqual(merged['spec'], {
    containers: [
      { name: 'main', image: 'b', policy: 'Always' },
      { name: 'injected', image: 'i' },
    ],
  });
  const env = (...list: object[]): KubeObject => object({ env: list });
  assert.deepEqual(
    threeWayMerge(
      env({ name: 'A', value: '1' }),
      env({ name: 'A', value: '1' }, { name: 'A', value: '2' }),
      env({ name: 'A', value: '1' }, { name: 'B', value: '3' }),
    )['spec'],
    {
      env: [
        { name: 'A', value: '1' },
        { name: 'A', value: '2' },
      ],
    },
  );
});

test('three ways: status and what the server wrote stay live', () => {
  const merged = threeWayMerge(
    object({}),
    { ...object({}, { resourceVersion: '1', uid: 'x' }), status: { a: 1 } },
    { ...object({}, { resourceVersion: '9', uid: 'y', generation: 3 }), status: { a: 2 } },
  );
  assert.deepEqual([merged.metadata, merged['status']], [{ name: 'web', resourceVersion: '9', uid: 'y', generation: 3 }, { a: 2 }]);
});

test('a merge patch between two values makes the second out of the first', () => {
  for (const [from, to] of [
    [
      { a: 1, b: { c: 1, d: [1] } },
      { b: { c: 2, d: [1, 2] }, e: {} },
    ],
    [{}, { a: { b: 1 } }],
    [{ a: { b: 1 } }, {}],
    [{ a: 1 }, { a: { b: [null] } }],
  ] as const) {
    assert.deepEqual(mergePatch(from, mergePatchBetween(from, to)), to);
    assert.equal(mergePatchBetween(to, to), null);
  }
  assert.equal(mergePatchBetween({ a: { b: 1 } }, { a: { b: 1, c: undefined } }), null, 'nothing is removed by mistake');
});

test('I10: fields of a conflict are found in what was applied last', () => {
  const last = {
    metadata: { labels: { 'example.com/a.b': '1' }, finalizers: ['x.y/z'] },
    spec: { replicas: 1, containers: [{ name: 'web', ports: [{ containerPort: 80 }], args: ['a', 'b'] }] },
  };
  for (const path of [
    '.spec.replicas',
    '.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"]',
    '.metadata.labels.example.com/a.b',
    '.metadata.finalizers[="x.y/z"]',
    '.spec.containers[name="web"].args[1]',
    '.spec.containers[name="web"]',
  ])
    assert.ok(setsField(last, path), path);
  for (const path of [
    '.spec.paused',
    '.spec.containers[name="other"].image',
    '.spec.containers[name="web"].image',
    '.metadata.labels.example.com',
    '.metadata.finalizers[="other"]',
    '.spec.replicas.more',
  ])
    assert.ok(!setsField(last, path), path);
});

test('our fields under several names are gathered under one, and others are left alone', () => {
  const entry = (manager: string, operation: string, fieldsV1?: object, subresource?: string): object => ({
    manager,
    operation,
    apiVersion: 'apps/v1',
    ...(fieldsV1 && { fieldsV1 }),
    ...(subresource && { subresource }),
  });
  const live = object(
    {},
    {
      managedFields: [
        entry('lateen', 'Apply', { 'f:spec': { 'f:a': {} } }),
        entry('kubevela', 'Update', { 'f:spec': { 'f:b': {} } }),
        entry('lateen', 'Update', { 'f:spec': { 'f:a': { 'f:c': {} } } }),
        entry('kubectl', 'Update', { 'f:spec': { 'f:d': {} } }),
        entry('kubevela', 'Update', { 'f:status': {} }, 'status'),
      ],
    },
  );
  assert.ok(hasStrayFields(live));
  const gathered = gatherFields(live) ?? [];
  assert.deepEqual(
    gathered.map((one) => `${String(one['manager'])} ${String(one['operation'])} ${JSON.stringify(one['fieldsV1'])}`),
    ['kubectl Update {"f:spec":{"f:d":{}}}', 'kubevela Update {"f:status":{}}', 'lateen Apply {"f:spec":{"f:a":{"f:c":{}},"f:b":{}}}'],
  );
  assert.equal(hasStrayFields(object({}, { managedFields: gathered })), false);
  assert.equal(gatherFields(withoutFieldLists(live)), null, 'without the fields they cannot be moved');
  assert.ok(hasStrayFields(withoutFieldLists(live)), 'but it is known that they have to be');
});
