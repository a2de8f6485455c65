import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillPlaceholders } from '../../../daemon/load/placeholders.ts';

const VALUES = { region: 'cn: "beijing"', 'public address of the API server': 'https://192.0.2.1:6443' };
const filled = (text: string): readonly [string, readonly string[]] => {
  const { text: after, diagnostics } = fillPlaceholders(text, 'f.yaml', { values: VALUES, hubServer: null });
  return [after, diagnostics.map(({ origin, message }) => `${origin?.line}:${origin?.column} ${message}`)];
};

const CASES: readonly (readonly [string, string, readonly string[]])[] = [
  ['a: {{ region }}', 'a: "cn: \\"beijing\\""', []],
  ['  - a: {{region}} # here\r', '  - a: "cn: \\"beijing\\"" # here', []],
  ['- {{ public address of the API server }}', '- "https://192.0.2.1:6443"', []],
  ['a: {{ nobody knows }}', 'a: "{{ nobody knows }}"', ['1:4 the placeholder {{ nobody knows }} has no value']],
  ['a: {{ constructor }}', 'a: "{{ constructor }}"', ['1:4 the placeholder {{ constructor }} has no value']],
  ['a: "{{ region }}"', 'a: "{{ region }}"', []],
  ['a: x {{ region }}', 'a: x {{ region }}', []],
  ['# a: {{ region }}', '# a: {{ region }}', []],
  ['a: {b: {c: d}}', 'a: {b: {c: d}}', []],
  ['a: |\n  b: {{ region }}\n\n  c: {{ x }}\nd: {{ region }}', 'a: |\n  b: {{ region }}\n\n  c: {{ x }}\nd: "cn: \\"beijing\\""', []],
  ['- a: >-\n    b: {{ x }}\n  c: {{ x }}', '- a: >-\n    b: {{ x }}\n  c: "{{ x }}"', ['3:6 the placeholder {{ x }} has no value']],
  ['- |-\n  b: {{ x }}\n- {{ x }}', '- |-\n  b: {{ x }}\n- "{{ x }}"', ['3:3 the placeholder {{ x }} has no value']],
];

for (const [text, after, messages] of CASES) {
  test(`in ${JSON.stringify(text)} ${messages.length > 0 ? 'a placeholder is missed' : text === after ? 'nothing is a placeholder' : 'the placeholder is filled in, quoted'}`, () => {
    assert.deepEqual(filled(text), [after, messages]);
  });
}

test("at hubAPIServer the hub's own address takes the place of a value, which is told; a value that is given wins", () => {
  const text = 'properties:\n  hubAPIServer: {{ public address }}\n  other: {{ public address }}\n';
  const { text: after, diagnostics } = fillPlaceholders(text, 'f.yaml', { values: {}, hubServer: 'https://192.0.2.7:6443' });
  assert.equal(after, 'properties:\n  hubAPIServer: "https://192.0.2.7:6443"\n  other: "{{ public address }}"\n');
  assert.deepEqual(
    diagnostics.map(({ severity, origin, message }) => `${severity} ${origin?.line}:${origin?.column} ${message}`),
    [
      "warning 2:17 the placeholder {{ public address }} is filled with the hub's own address https://192.0.2.7:6443",
      'error 3:10 the placeholder {{ public address }} has no value',
    ],
  );
  assert.match(diagnostics[0]?.hint ?? '', /--set "public address=https/);
  const given = fillPlaceholders(text, 'f.yaml', { values: { 'public address': 'https://hub.example.com' }, hubServer: 'https://192.0.2.7:6443' });
  assert.equal(given.text, 'properties:\n  hubAPIServer: "https://hub.example.com"\n  other: "https://hub.example.com"\n');
  assert.deepEqual(given.diagnostics, []);
});
