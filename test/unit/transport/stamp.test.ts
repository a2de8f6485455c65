import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFieldPath, valueAt, withValuesOf } from '../../../daemon/lib/field-path.ts';
import { lastAppliedOf, LAST_APPLIED_ANNOTATION, renderHashOf, RENDER_HASH_ANNOTATION, stamp } from '../../../daemon/lib/stamp.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';

const web: KubeObject = { kind: 'Deployment', apiVersion: 'apps/v1', metadata: { name: 'web', labels: { b: '2', a: '1' } }, spec: { replicas: 1 } };

test('a stamped object carries its hash and a copy of itself', () => {
  const stamped = stamp(web);
  assert.equal(stamped.metadata.annotations?.[RENDER_HASH_ANNOTATION], renderHashOf(web));
  const copy = stamped.metadata.annotations?.[LAST_APPLIED_ANNOTATION] ?? '';
  assert.match(
    copy,
    /^\{"apiVersion":"apps\/v1","kind":"Deployment","metadata":\{"annotations":\{"oam\.dev\/render-hash":"[0-9a-f]{16}"\},"labels":\{"a":"1","b":"2"\},"name":"web"\},"spec":\{"replicas":1\}\}$/,
  );
  assert.deepEqual(lastAppliedOf(stamped), JSON.parse(copy));
  assert.equal(web.metadata.annotations, undefined, 'the object itself is left as it is');
});

test('I8: stamping twice changes nothing, and the order of fields does not count', () => {
  assert.deepEqual(stamp(stamp(web)), stamp(web));
  assert.equal(renderHashOf(stamp(web)), renderHashOf(web));
  assert.equal(
    renderHashOf({ spec: web['spec'], metadata: { labels: { a: '1', b: '2' }, name: 'web' }, apiVersion: 'apps/v1', kind: 'Deployment' }),
    renderHashOf(web),
  );
  assert.notEqual(renderHashOf({ ...web, spec: { replicas: 2 } }), renderHashOf(web));
});

test('I8: no annotations, an empty map of them and a null are the same', () => {
  for (const annotations of [{}, null]) {
    const object = { ...web, metadata: { ...web.metadata, annotations } } as KubeObject;
    assert.deepEqual(stamp(object), stamp(web));
    assert.equal(renderHashOf(stamp(object)), renderHashOf(object));
  }
});

test('no copy where KubeVela makes none', () => {
  const copyOf = (object: KubeObject): string | undefined => stamp(object).metadata.annotations?.[LAST_APPLIED_ANNOTATION];
  for (const kind of ['Secret', 'ConfigMap']) assert.equal(copyOf({ apiVersion: 'v1', kind, metadata: { name: 'a' } }), undefined);
  assert.equal(copyOf({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'a' } }), undefined);
  assert.equal(copyOf({ ...web, metadata: { name: 'web', annotations: { [LAST_APPLIED_ANNOTATION]: 'skip' } } }), 'skip');
  assert.equal(copyOf({ ...web, spec: { text: 'x'.repeat(300_000) } }), undefined, 'annotations have a limit');
});

test('a copy that someone scribbled on tells nothing', () => {
  assert.equal(lastAppliedOf({ ...web, metadata: { name: 'web', annotations: { [LAST_APPLIED_ANNOTATION]: '{"half' } } }), null);
  assert.equal(lastAppliedOf(web), null);
});

test('field paths: brackets hold places, names with dots, and stars', () => {
  assert.deepEqual(parseFieldPath('spec.containers[0].image'), ['spec', 'containers', 0, 'image']);
  assert.deepEqual(parseFieldPath('metadata.annotations[example.com/key]'), ['metadata', 'annotations', 'example.com/key']);
  assert.deepEqual(parseFieldPath('metadata.labels["a.b"].x'), ['metadata', 'labels', 'a.b', 'x']);
  assert.deepEqual(parseFieldPath('spec.containers[*].image'), ['spec', 'containers', '*', 'image']);
  assert.equal(valueAt({ a: [{ b: 1 }] }, ['a', 0, 'b']), 1);
  assert.equal(valueAt({ a: null }, ['a', 'b']), undefined);
});

test('kept fields take the live value, and are left out where there is none', () => {
  const at = (spec: object): KubeObject => ({ ...web, spec });
  assert.deepEqual(withValuesOf(at({ replicas: 1, a: { b: 2 } }), at({ replicas: 7, a: {} }), ['spec.replicas', 'spec.a.b'])['spec'], { replicas: 7, a: {} });
  assert.deepEqual(
    withValuesOf(at({ c: [{ image: 'a' }, { image: 'b' }] }), at({ c: [{ image: 'x' }, { image: 'y' }, { image: 'z' }] }), ['spec.c[*].image'])['spec'],
    { c: [{ image: 'x' }, { image: 'y' }] },
  );
  assert.deepEqual(withValuesOf(at({ a: 1 }), at({ b: 1 }), ['*'])['spec'], { b: 1 });
  assert.deepEqual(withValuesOf(at({ a: 1 }), at({}), ['spec.x.y'])['spec'], { a: 1 }, 'nothing is made up');
});
