import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  JsonPatchError,
  applyJsonPatch,
  deepFreeze,
  diffFields,
  equal,
  hashOf,
  mergePatch,
  parseJson,
  pathOf,
  pointerOf,
  stableStringify,
  stringify,
} from '../../../daemon/lib/json.ts';

test('the stable text of a value does not depend on the order of its keys', () => {
  assert.equal(stableStringify({ b: [1, { z: null, y: undefined }], a: 'ä"' }), '{"a":"ä\\"","b":[1,{"z":null}]}');
  assert.equal(stableStringify({ a: 1, b: 2 }), stableStringify({ b: 2, a: 1 }));
  assert.equal(hashOf({ a: 1, b: 2 }), hashOf({ b: 2, a: 1 }));
  assert.match(hashOf({}), /^[0-9a-f]{16}$/);
  assert.notEqual(hashOf({ a: '1' }), hashOf({ a: 1 }));
});

test('integers beyond 2^53 survive reading and writing', () => {
  const text = '{"max":18446744073709551615,"list":[-9007199254740993],"small":9007199254740991,"text":"12345678901234567890","float":1234567890123456.5}';
  const value = parseJson(text) as Record<string, unknown>;
  assert.equal(value['max'], 18446744073709551615n);
  assert.equal(value['small'], 9007199254740991);
  assert.equal(stringify(value), text);
  assert.match(stableStringify(value), /"max":18446744073709551615/);
});

test('long digits in strings do not make numbers of other fields exact', () => {
  assert.deepEqual(parseJson('{"uid":"1234567890123456789","n":1}'), { uid: '1234567890123456789', n: 1 });
  assert.throws(() => parseJson('{'), SyntaxError);
});

test('equal compares content: key order and undefined fields do not count, types do', () => {
  assert.ok(equal({ a: 1, b: [{ c: 2n }] }, { b: [{ c: 2n }], a: 1, d: undefined }));
  assert.ok(!equal({ a: undefined, b: 1 }, { a: 1, b: 1 }));
  for (const [a, b] of [
    [1, '1'],
    [null, {}],
    [[], {}],
    [[1], [1, 2]],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: null }, {}],
  ])
    assert.ok(!equal(a, b), stableStringify([a, b]));
});

test('freezing reaches every depth', () => {
  const value = deepFreeze({ a: [{ b: 1 }] });
  assert.throws(() => Object.assign(value.a[0] ?? {}, { b: 2 }), TypeError);
});

test("pointers and paths are each other's inverse", () => {
  const path = ['metadata', 'annotations', 'a/b~c', '0'];
  assert.equal(pointerOf(path), '/metadata/annotations/a~1b~0c/0');
  assert.deepEqual(pathOf(pointerOf(path)), path);
  assert.deepEqual(pathOf(''), []);
});

test('lists of named items are compared by name, so that one more container is one change', () => {
  const from = { containers: [{ name: 'web', image: 'a:1' }, { name: 'old' }] };
  const to = { containers: [{ name: 'proxy' }, { name: 'web', image: 'a:2' }] };
  assert.deepEqual(diffFields(from, to), [
    { path: '/containers/0', to: { name: 'proxy' } },
    { path: '/containers/1/image', from: 'a:1', to: 'a:2' },
    { path: '/containers/1', from: { name: 'old' } },
  ]);
});

test('other lists are compared item by item, or as a whole when their length differs', () => {
  assert.deepEqual(diffFields({ args: ['a', 'b'] }, { args: ['a', 'c'] }), [{ path: '/args/1', from: 'b', to: 'c' }]);
  assert.deepEqual(diffFields({ args: ['a'] }, { args: ['a', 'c'] }), [{ path: '/args', from: ['a'], to: ['a', 'c'] }]);
  const twice = [
    { name: 'A', value: '1' },
    { name: 'A', value: '2' },
  ];
  assert.deepEqual(diffFields({ env: twice }, { env: [twice[0], { name: 'A', value: '3' }] }), [{ path: '/env/1/value', from: '2', to: '3' }]);
});

test('a field that is gone has no `to`, a new one no `from`', () => {
  assert.deepEqual(diffFields({ a: 1 }, { b: 2 }), [
    { path: '/b', to: 2 },
    { path: '/a', from: 1 },
  ]);
  assert.deepEqual(diffFields({ a: { b: 1 } }, { a: { b: 1 } }), []);
});

test('a JSON patch works on a copy, with big integers', () => {
  const document = deepFreeze({ n: 18446744073709551615n, list: ['a'] });
  assert.deepEqual(
    applyJsonPatch(document, [
      { op: 'add', path: '/list/-', value: 'b' },
      { op: 'replace', path: '/n', value: 1 },
    ]),
    { n: 1, list: ['a', 'b'] },
  );
  assert.deepEqual(document.list, ['a']);
});

test('a JSON patch that does not fit names the operation, not the values', () => {
  assert.throws(
    () => applyJsonPatch({ password: 'hunter2' }, [{ op: 'remove', path: '/nothing/here' }]),
    (error) => {
      assert.ok(error instanceof JsonPatchError);
      assert.equal(error.message, 'operation 0 (remove /nothing/here) cannot be applied: operation path unresolvable');
      return true;
    },
  );
});

test('a merge patch removes with null and replaces lists (RFC 7396)', () => {
  assert.deepEqual(mergePatch({ a: { b: 1, c: 2 }, l: [1, 2] }, { a: { b: null, d: { e: null, f: 1 } }, l: [3] }), { a: { c: 2, d: { f: 1 } }, l: [3] });
  assert.deepEqual(mergePatch('text', { a: 1 }), { a: 1 });
});

test("patches cannot reach an object's prototype", () => {
  mergePatch({}, JSON.parse('{"__proto__": {"polluted": true}}'));
  assert.throws(() => applyJsonPatch({}, [{ op: 'add', path: '/__proto__/polluted', value: true }]), JsonPatchError);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});
