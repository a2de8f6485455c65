import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CueDialect } from '../../../daemon/model/cue.ts';
import { component, trait } from './evaluator.ts';

type Case = readonly [title: string, base: string, patch: string, want: unknown];

/** Both dialects agree on these. */
const SAME: readonly Case[] = [
  ['structs are unified', '{a: {x: 1}}', '{a: {y: 2}, b: 3}', { a: { x: 1, y: 2 }, b: 3 }],
  ['equal scalars are no conflict', '{a: "x"}', '{a: "x"}', { a: 'x' }],
  ['a list without key is merged by position', '{l: [{a: 1}, {a: 2}]}', '{l: [{b: 1}, ...]}', { l: [{ a: 1, b: 1 }, { a: 2 }] }],
  ['a list grows beyond the base', '{l: [{a: 1}]}', '{l: [{b: 1}, {c: 2}]}', { l: [{ a: 1, b: 1 }, { c: 2 }] }],
  [
    'elements meet by key',
    '{l: [{name: "a", v: 1}, {name: "b"}]}',
    '{\n// +patchKey=name\nl: [{name: "b", w: 2}]}',
    {
      l: [
        { name: 'a', v: 1 },
        { name: 'b', w: 2 },
      ],
    },
  ],
  [
    'new elements are appended in their order',
    '{l: [{name: "a"}]}',
    '{\n// +patchKey=name\nl: [{name: "z"}, {name: "a", x: 1}, {name: "c"}]}',
    { l: [{ name: 'a', x: 1 }, { name: 'z' }, { name: 'c' }] },
  ],
  [
    'of two elements with one key the last is matched',
    '{l: [{name: "a"}]}',
    '{\n// +patchKey=name\nl: [{name: "a", x: 1}, {name: "a", y: 1}]}',
    { l: [{ name: 'a', y: 1 }] },
  ],
  [
    'a key may be a path',
    '{l: [{m: n: "a"}, {m: n: "b"}]}',
    '{\n// +patchKey=m.n\nl: [{m: n: "b", x: 1}]}',
    { l: [{ m: { n: 'a' } }, { m: { n: 'b' }, x: 1 }] },
  ],
  [
    'a key holds for the lists below',
    '{p: {l: [{name: "a"}, {name: "b"}]}}',
    '{\n// +patchKey=name\np: {l: [{name: "b", x: 1}]}}',
    { p: { l: [{ name: 'a' }, { name: 'b', x: 1 }] } },
  ],
  [
    'lists in matched elements line up, each with its own key',
    '{l: [{name: "a", e: [{k: "1"}]}, {name: "b", e: [{k: "1"}, {k: "2"}]}]}',
    '{\n// +patchKey=name\nl: [{name: "b",\n// +patchKey=k\ne: [{k: "2", v: "x"}, {k: "3"}]}]}',
    {
      l: [
        { name: 'a', e: [{ k: '1' }] },
        { name: 'b', e: [{ k: '1' }, { k: '2', v: 'x' }, { k: '3' }] },
      ],
    },
  ],
  ['a key without such a list in the base puts the patch in', '{a: 1}', '{\n// +patchKey=name\nl: [{name: "x"}]}', { a: 1, l: [{ name: 'x' }] }],
  ['an element without the key makes it a merge by position', '{l: [{name: "a"}]}', '{\n// +patchKey=name\nl: [{x: 1}]}', { l: [{ name: 'a', x: 1 }] }],
  ['a marker with prose behind it is none', '{l: [{name: "a"}]}', '{\n// +patchKey=name of the thing\nl: [{b: 1}]}', { l: [{ name: 'a', b: 1 }] }],
  [
    'a marker among other comments counts',
    '{l: [{name: "a"}, {name: "b"}]}',
    '{\n// +usage=adds\n// +patchKey=name\nl: [{name: "b", x: 1}]}',
    { l: [{ name: 'a' }, { name: 'b', x: 1 }] },
  ],
  ['retainKeys drops a struct of the base', '{s: {a: 1, b: 2}}', '{\n// +patchStrategy=retainKeys\ns: {b: 3}}', { s: { b: 3 } }],
  [
    'retainKeys drops matched elements of the base',
    '{l: [{name: "a", v: 1}, {name: "b", v: 2}]}',
    '{\n// +patchKey=name\n// +patchStrategy=retainKeys\nl: [{name: "b", w: 3}]}',
    {
      l: [
        { name: 'a', v: 1 },
        { name: 'b', w: 3 },
      ],
    },
  ],
  [
    'an open list of the patch reaches all elements',
    '{l: [{name: "a"}, {name: "b"}]}',
    '{l: [...{x: 1}]}',
    {
      l: [
        { name: 'a', x: 1 },
        { name: 'b', x: 1 },
      ],
    },
  ],
  [
    'close() around a value does not hide it',
    '{l: [{name: "a"}, {name: "b"}]}',
    '{\n// +patchKey=name\nl: [close({name: "b", x: 1})]}',
    { l: [{ name: 'a' }, { name: 'b', x: 1 }] },
  ],
  ['hidden fields stay out', '{a: 1}', '{_h: 1, b: 2}', { a: 1, b: 2 }],
  [
    'elements of a comprehension are merged like others',
    '{l: [{name: "a"}]}',
    '{\n// +patchKey=name\nl: [for k in ["a", "b"] {name: k, x: 1}]}',
    {
      l: [
        { name: 'a', x: 1 },
        { name: 'b', x: 1 },
      ],
    },
  ],
];

const NEW: readonly Case[] = [
  ["replace takes the patch's list", '{l: [{a: 1}, {a: 2}]}', '{\n// +patchStrategy=replace\nl: [{b: 1}]}', { l: [{ b: 1 }] }],
  ['retainKeys replaces a scalar', '{s: "Old"}', '{\n// +patchStrategy=retainKeys\ns: "New"}', { s: 'New' }],
  [
    'an element of the base without the key keeps its place',
    '{l: [{x: 1}, {name: "b"}]}',
    '{\n// +patchKey=name\nl: [{name: "b", y: 2}]}',
    { l: [{ x: 1 }, { name: 'b', y: 2 }] },
  ],
  [
    'one key of several decides',
    '{l: [{name: "a"}, {id: "7"}]}',
    '{\n// +patchKey=name,id\nl: [{id: "7", x: 1}, {name: "a", y: 2}]}',
    {
      l: [
        { name: 'a', y: 2 },
        { id: '7', x: 1 },
      ],
    },
  ],
  [
    'a key does not hold for later siblings',
    '{a: [{name: "x"}], b: [{name: "x"}]}',
    '{\n// +patchKey=name\na: [{name: "y"}]\nb: [{v: 1}]}',
    { a: [{ name: 'x' }, { name: 'y' }], b: [{ name: 'x', v: 1 }] },
  ],
];

const OLD: readonly Case[] = [
  ['replace is not known yet', '{l: [{a: 1}, {a: 2}]}', '{\n// +patchStrategy=replace\nl: [{b: 1}]}', { l: [{ a: 1, b: 1 }, { a: 2 }] }],
  [
    'an element of the base without the key makes it a merge by position',
    '{l: [{x: 1}, {name: "b"}]}',
    '{\n// +patchKey=name\nl: [{name: "b", y: 2}]}',
    { l: [{ x: 1, name: 'b', y: 2 }, { name: 'b' }] },
  ],
  ['lists of the patch are open too', '{l: [{a: 1}, {a: 2}]}', '{l: [{b: 1}]}', { l: [{ a: 1, b: 1 }, { a: 2 }] }],
];

async function check(dialect: CueDialect, [, base, patch, want]: Case): Promise<void> {
  const { output, errors } = await component(`output: ${base}`, { dialect, traits: [trait(`patch: ${patch}`)] });
  assert.deepEqual({ output, errors }, { output: want, errors: [] });
}

describe('the patch algorithm', () => {
  for (const dialect of ['1.1', '1.10'] as const) {
    for (const each of [...SAME, ...(dialect === '1.1' ? OLD : NEW)]) it(`${dialect}: ${each[0]}`, () => check(dialect, each));
  }

  it('refuses another scalar', async () => {
    const { errors } = await component('output: a: 1', { traits: [trait('patch: a: 2')] });
    assert.deepEqual(
      errors.map(({ code, path }) => [code, path]),
      [['template', ['output', 'a']]],
    );
  });

  it('refuses a longer list without key in 1.10, whose patches are closed', async () => {
    const { errors } = await component('output: l: [{a: 1}, {a: 2}]', { traits: [trait('patch: l: [{b: 1}]')] });
    assert.deepEqual(
      errors.map(({ code }) => code),
      ['template'],
    );
  });

  it('warns when a key is a default, so that elements are merged by position', async () => {
    const { warnings } = await component('output: l: [{name: "a"}]', {
      traits: [trait('patch: {\n// +patchKey=name\nl: [{name: parameter.n, x: 1}]}\nparameter: n: *"a" | string')],
    });
    assert.deepEqual(
      warnings.map(({ path, trait: index }) => [path, index]),
      [[['patch', 'l'], 0]],
    );
  });

  it("does not warn when the patch has no key at all, as KubeVela's own traits do", async () => {
    const { warnings } = await component('output: l: [{name: "a"}]', { traits: [trait('patch: {\n// +patchKey=name\nl: [{x: 1}]}')] });
    assert.deepEqual(warnings, []);
  });
});

describe('JSON patches (1.10)', () => {
  const BASE = 'output: {a: {b: [1, 2]}, c: "x"}';
  for (const [title, operations, want] of [
    [
      'add',
      [
        { op: 'add', path: '/a/d', value: 5 },
        { op: 'add', path: '/a/b/1', value: 9 },
        { op: 'add', path: '/a/b/-', value: 7 },
      ],
      { a: { b: [1, 9, 2, 7], d: 5 }, c: 'x' },
    ],
    [
      'remove',
      [
        { op: 'remove', path: '/a/b/0' },
        { op: 'remove', path: '/c' },
      ],
      { a: { b: [2] } },
    ],
    ['replace', [{ op: 'replace', path: '/c', value: { n: null } }], { a: { b: [1, 2] }, c: { n: null } }],
    ['move', [{ op: 'move', from: '/c', path: '/a/e' }], { a: { b: [1, 2], e: 'x' } }],
    [
      'copy and test',
      [
        { op: 'test', path: '/c', value: 'x' },
        { op: 'copy', from: '/a/b', path: '/~1~0' },
      ],
      { a: { b: [1, 2] }, c: 'x', '/~': [1, 2] },
    ],
  ] as const) {
    it(title, async () => {
      const { output, errors } = await component(BASE, {
        traits: [trait('// +patchStrategy=jsonPatch\npatch: parameter\nparameter: operations: [...{...}]', { operations })],
      });
      assert.deepEqual({ output, errors }, { output: want, errors: [] });
    });
  }

  it('names the operation that does not work', async () => {
    const { errors } = await component(BASE, { traits: [trait('// +patchStrategy=jsonPatch\npatch: {operations: [{op: "remove", path: "/z"}]}')] });
    assert.deepEqual(errors, [{ code: 'template', message: 'operation 0 (remove /z): path does not exist', path: ['patch'], trait: 0 }]);
  });

  it('a merge patch deletes by null, and later traits go on from there', async () => {
    const { output } = await component(BASE, {
      traits: [trait('// +patchStrategy=jsonMergePatch\npatch: {a: null, c: "y", d: e: 1}'), trait('patch: d: f: 2')],
    });
    assert.deepEqual(output, { c: 'y', d: { e: 1, f: 2 } });
  });
});
