/** What a person changed in a document, and the document without it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { equal, pointerOf } from '../../../daemon/lib/json.ts';
import { documentChanges, withoutChanges } from '../../../daemon/plan/document-changes.ts';

const texts = (base: unknown, head: unknown): readonly string[] =>
  documentChanges(base, head).map(
    (change) =>
      `${pointerOf(change.path)}${pointerOf(change.basePath) === pointerOf(change.path) ? '' : ` (${pointerOf(change.basePath)})`}: ${JSON.stringify(change.from)} -> ${JSON.stringify(change.to)}${change.isOrder ? ' order' : ''}`,
  );

const item = (name: string, value: unknown): object => ({ name, value });

describe('changes of a document', () => {
  for (const [title, base, head, expected] of [
    ['are leaves', { a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 } }, ['/a/c: 2 -> 3']],
    ['may add and take away', { a: 1, gone: { x: 1 } }, { a: 1, more: [] }, ['/more: undefined -> []', '/gone: {"x":1} -> undefined']],
    [
      'match items by name, wherever they stand',
      [item('a', 1), item('b', 2)],
      [item('n', 0), item('b', 3), item('a', 1)],
      ['/0 (/2): undefined -> {"name":"n","value":0}', '/1/value: 2 -> 3', ': ["a","b"] -> ["b","a"] order'],
    ],
    [
      'match traits by type',
      [{ type: 'scaler', properties: { replicas: 1 } }],
      [{ type: 'expose' }, { type: 'scaler', properties: { replicas: 2 } }],
      ['/0 (/1): undefined -> {"type":"expose"}', '/1/properties/replicas (/0/properties/replicas): 1 -> 2'],
    ],
    ['compare other lists by place when they are equally long', [1, 2, 3], [1, 5, 3], ['/1: 2 -> 5']],
    ['take a list of another length as a whole', { cmd: ['a'] }, { cmd: ['a', 'b'] }, ['/cmd: ["a"] -> ["a","b"]']],
    ['are none where only the order of keys is another', { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    ['take a change of type as a whole', { a: [1] }, { a: { b: 1 } }, ['/a: [1] -> {"b":1}']],
  ] as const)
    it(title, () => {
      assert.deepEqual(texts(base, head), expected);
    });
});

describe('a document without some of its changes', () => {
  const BASE = {
    labels: { team: 'a', old: 'x' },
    components: [
      {
        name: 'web',
        type: 'webservice',
        properties: { image: 'nginx:1', env: [item('A', '1'), item('B', '2')] },
        traits: [
          { type: 'scaler', properties: { replicas: 1 } },
          { type: 'labels', properties: { x: '1' } },
        ],
      },
      { name: 'gone', type: 'worker' },
      { name: 'job', type: 'task', properties: { count: 1 } },
    ],
    steps: [{ name: 'one' }, { name: 'two' }, { name: 'three' }],
  };
  const HEAD = {
    labels: { team: 'b' },
    components: [
      { name: 'fresh', type: 'worker', properties: {} },
      { name: 'job', type: 'task', properties: { count: 2 } },
      {
        name: 'web',
        type: 'webservice',
        properties: { image: 'nginx:2', env: [item('B', '3'), item('C', '4')] },
        traits: [{ type: 'expose' }, { type: 'labels', properties: { x: '1' } }],
      },
    ],
    steps: [{ name: 'two' }, { name: 'one' }, { name: 'four' }],
  };

  it('without any of them is the base, but for the place of items', () => {
    const sorted = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(sorted).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
        : value !== null && typeof value === 'object'
          ? Object.fromEntries(
              Object.entries(value)
                .sort(([a], [b]) => (a < b ? -1 : 1))
                .map(([key, field]) => [key, sorted(field)]),
            )
          : value;
    assert.deepEqual(sorted(withoutChanges(HEAD, documentChanges(BASE, HEAD))), sorted(BASE));
  });

  it('without one of them differs from the head in that one', () => {
    const changes = documentChanges(BASE, HEAD);
    assert.equal(changes.length, 15, texts(BASE, HEAD).join('\n'));
    for (const change of changes.filter((candidate) => !candidate.isOrder)) {
      const left = documentChanges(BASE, withoutChanges(HEAD, [change])).filter((other) => !other.isOrder);
      assert.equal(left.length, changes.filter((other) => !other.isOrder).length - 1, pointerOf(change.path));
      assert.ok(!left.some((other) => equal([other.basePath, other.from, other.to], [change.basePath, change.from, change.to])), pointerOf(change.path));
    }
  });

  it('gets the order of the base back', () => {
    const order = documentChanges(BASE.steps, HEAD.steps).filter((change) => change.isOrder);
    assert.deepEqual(withoutChanges(HEAD.steps, order), [{ name: 'one' }, { name: 'two' }, { name: 'four' }]);
  });

  it('leaves the head as it is', () => {
    const text = JSON.stringify(HEAD);
    withoutChanges(HEAD, documentChanges(BASE, HEAD));
    assert.equal(JSON.stringify(HEAD), text);
  });

  it('keeps exact integers', () => {
    const big = { a: 9007199254740993n, b: 1 };
    assert.deepEqual(withoutChanges({ ...big, b: 2 }, documentChanges(big, { ...big, b: 2 })), big);
  });
});
