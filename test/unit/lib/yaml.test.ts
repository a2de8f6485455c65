import assert from 'node:assert/strict';
import { test } from 'node:test';
import { YAML_LIMITS, parseDocuments, parseYaml, printYaml } from '../../../daemon/lib/yaml.ts';

const read = (text: string): unknown => {
  const { documents, errors } = parseDocuments(text, 'f.yaml');
  assert.deepEqual(
    errors.map((error) => error.diagnostic),
    [],
  );
  return documents[0]?.value;
};
const refusal = (text: string): string => {
  const { documents, errors } = parseDocuments(text, 'f.yaml');
  assert.deepEqual(documents, []);
  const [error] = errors;
  return `${error?.diagnostic.origin?.line}:${error?.diagnostic.origin?.column} ${error?.diagnostic.code} ${error?.diagnostic.message}`;
};

/** What sigs.k8s.io/yaml v1.6.0 reads. */
const SCALARS: readonly (readonly [string, unknown])[] = [
  ['yes', true],
  ['Yes', true],
  ['on', true],
  ['y', true],
  ['N', false],
  ['off', false],
  ['No', false],
  ['TRUE', true],
  ['yEs', 'yEs'],
  ['~', null],
  ['null', null],
  ['', null],
  ['NULL', null],
  ['nULL', 'nULL'],
  ['0777', 511],
  ['0o777', 511],
  ['08', 8],
  ['0b101', 5],
  ['0x1F', 31],
  ['-0x10', -16],
  ['1_000', 1000],
  ['+5', 5],
  ['0', 0],
  ['-0', 0],
  ['1e3', 1000],
  ['1.5', 1.5],
  ['.5', 0.5],
  ['1.', 1],
  ['123e4567', '123e4567'],
  ['1234e56', 1234e56],
  ['1.2.3', '1.2.3'],
  ['1:30', '1:30'],
  ['2026-01-02', '2026-01-02'],
  ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'],
  ['=', '='],
  ['1Gi', '1Gi'],
  ['9007199254740993', 9007199254740993n],
  ['9223372036854775807', 9223372036854775807n],
  ['18446744073709551615', 18446744073709551615n],
  ['-9223372036854775808', -9223372036854775808n],
  ['"yes"', 'yes'],
  ["'0777'", '0777'],
  ['!!str 7', '7'],
  ['!foo bar', 'bar'],
  ['!!binary aGVsbG8=', 'hello'],
  ['!!int "7"', 7],
];

for (const [text, value] of SCALARS) {
  test(`the scalar ${text === '' ? '(nothing)' : text} is read as Kubernetes reads it`, () => {
    assert.deepEqual(read(`a: ${text}\n`), { a: value });
  });
}

test('keys are strings, also those that look like something else', () => {
  assert.deepEqual(read('on: 1\n80: 2\n1.5: 3\nfalse: 4\n'), { true: 1, 80: 2, 1.5: 3, false: 4 });
});

test('merge keys are merged, and what stands beside them wins', () => {
  assert.deepEqual(read('base: &b {a: 1, b: 2}\nuse:\n  <<: *b\n  b: 3\n'), { base: { a: 1, b: 2 }, use: { a: 1, b: 3 } });
});

test('JSON is YAML, with tabs too', () => {
  assert.deepEqual(read('{\n\t"a": [1,\t"x"],\n\t"b": {"c": null}\n}\n'), { a: [1, 'x'], b: { c: null } });
});

test('what Kubernetes or JSON could not hold is refused at its place', () => {
  assert.equal(refusal('a: 1\nb: .inf\n'), '2:4 load/not-yaml not YAML: .inf cannot be written in JSON');
  assert.equal(refusal('a:\n  - x: 1\n    "x": 2\n'), '3:5 load/duplicate-key the key "x" stands twice in one mapping');
  assert.equal(refusal('on: 1\ntrue: 2\n'), '2:1 load/duplicate-key the key "true" stands twice in one mapping');
  assert.match(refusal('__proto__: {x: 1}\n'), /load\/not-yaml/);
  assert.match(refusal('a: \0'), /null byte/);
});

test('bombs are refused before they are written out', () => {
  const laughs = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((name, index) => `${name}: &${name} [${Array(10).fill(`*${'abcdefghi'[index]}`).join(',')}]`).join('\n')}\n`;
  assert.equal(refusal(laughs), '1:1 load/limit the document has more than 200000 nodes with its aliases written out');
  assert.equal(refusal('a: &a [*a]\n'), '1:1 load/limit an alias contains itself');
  assert.match(refusal(`${'['.repeat(5000)}${']'.repeat(5000)}`), /load\/limit nesting is deeper than 100/);
  assert.match(refusal(Array.from({ length: 5000 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join('')), /load\/limit nesting is deeper than 100/);
  assert.match(refusal(`[${'1,'.repeat(YAML_LIMITS.nodes)}]`), /more than 200000 nodes/);
  const merges = `a: &a {${Array.from({ length: 1000 }, (_, index) => `k${index}: 1`).join(', ')}}\n${Array.from({ length: 300 }, (_, index) => `m${index}: {<<: *a}`).join('\n')}\n`;
  assert.match(refusal(merges), /load\/limit/);
});

test('a file of too many documents is cut off with an error', () => {
  const { documents, errors } = parseDocuments('a: 1\n---\n'.repeat(5), 'f.yaml', { ...YAML_LIMITS, documents: 3 });
  assert.equal(documents.length, 3);
  assert.equal(errors[0]?.diagnostic.code, 'load/limit');
});

test('documents are split as Kubernetes splits them; empty ones are nothing', () => {
  const { documents } = parseDocuments('# head\n%YAML 1.1\n---\na: 1\n--- # none\n---\n\nb: |\n  ---\n  text\n...\nc: 3\n--- {d: 4}\n', 'f.yaml');
  assert.deepEqual(
    documents.map(({ value, origin }) => [value, origin.line]),
    [
      [{ a: 1 }, 4],
      [{ b: '---\ntext\n' }, 8],
      [{ c: 3 }, 12],
      [{ d: 4 }, 13],
    ],
  );
  assert.deepEqual(parseDocuments('', 'f.yaml'), { documents: [], errors: [] });
});

test('carriage returns and a byte order mark change neither content nor lines', () => {
  const { documents } = parseDocuments('\uFEFFa: 1\r\n---\r\nb:\r\n  c: x\r\n', 'f.yaml');
  assert.deepEqual(
    documents.map(({ value }) => value),
    [{ a: 1 }, { b: { c: 'x' } }],
  );
  assert.deepEqual(documents[1]?.locate(['b', 'c']), { path: 'f.yaml', line: 4, column: 6 });
});

test('a broken document leaves its neighbours, and is told at its own line of the file', () => {
  const { documents, errors } = parseDocuments('a: 1\n---\n\nb: [\n---\nc: 3\n', 'f.yaml');
  assert.deepEqual(
    documents.map(({ value, origin }) => [value, origin.line]),
    [
      [{ a: 1 }, 1],
      [{ c: 3 }, 6],
    ],
  );
  assert.equal(errors.length, 1);
  assert.equal(errors[0]?.line, 4);
  assert.match(errors[0]?.text ?? '', /^---\n\nb: \[\n$/);
});

const PLACES = `kind: A
metadata: {name: "x", labels: {a: b}}
spec:
  list:
  - a: 1
    b:
  - c: |

      first
    on: yes
  same: &m
    k: v
  other: *m
`;

const FOUND: readonly (readonly [readonly (string | number)[], 'key' | 'value', string])[] = [
  [['kind'], 'value', '1:7'],
  [['kind'], 'key', '1:1'],
  [['metadata', 'name'], 'value', '2:18'],
  [['metadata', 'labels', 'a'], 'key', '2:32'],
  [['spec', 'list'], 'key', '4:3'],
  [['spec', 'list', 0], 'value', '5:5'],
  [['spec', 'list', 0, 'b'], 'value', '6:5'],
  // The first line of a block scalar's content, so that a line of a CUE template can be counted from it.
  [['spec', 'list', 1, 'c'], 'value', '8:1'],
  [['spec', 'list', 1, 'c'], 'key', '7:5'],
  [['spec', 'list', 1, 'true'], 'value', '10:9'],
  [['spec', 'same', 'k'], 'value', '12:8'],
  [['spec', 'other', 'k'], 'value', '13:3'],
  [['spec', 'nothing', 'below'], 'value', '3:1'],
  [['spec', 'list', 7], 'value', '4:3'],
  [[], 'value', '1:1'],
];

for (const [path, part, place] of FOUND) {
  test(`the ${part} of /${path.join('/')} is found at ${place}`, () => {
    const { documents } = parseDocuments(`first: 1\n---\n${PLACES}`, 'f.yaml');
    const { line = 0, column = 0 } = documents[1]?.locate(path, part) ?? {};
    assert.equal(`${line - 2}:${column}`, place);
  });
}

test('plain scalars that mislead are told, quoted ones not', () => {
  const { documents } = parseDocuments('a: yes\nb: "yes"\nc: 0777\nd: 8080\ne: 1.10\nf: 1:30\non: !!str no\ng: |\n  yes\n', 'f.yaml');
  assert.deepEqual(
    documents[0]?.ambiguous.map(({ text, reads, origin }) => [text, reads, origin.line]),
    [
      ['yes', 'true', 1],
      ['0777', '511', 3],
      ['1:30', '"1:30"', 6],
      ['on', 'true', 7],
    ],
  );
});

test('one document is asked for where a file must hold one', () => {
  assert.equal(parseYaml('', 'f.yaml').value, undefined);
  assert.deepEqual(parseYaml('a: 1\n', 'f.yaml').value, { a: 1 });
  assert.equal(parseYaml('a: 1\n---\nb: 2\n', 'f.yaml').errors[0]?.message, 'the file has more than one document');
});

test('printing puts names first, sorts the rest, and the same value gives the same bytes', () => {
  const value = {
    spec: { b: 1, a: [{ image: 'i', name: 'n' }] },
    metadata: { namespace: 'ns', labels: {}, name: 'x' },
    kind: 'K',
    apiVersion: 'v1',
    gone: undefined,
  };
  assert.equal(
    printYaml(value),
    "apiVersion: v1\nkind: K\nmetadata:\n  name: x\n  namespace: ns\n  labels: {}\nspec:\n  a:\n    - name: 'n'\n      image: i\n  b: 1\n",
  );
  assert.equal(printYaml({ b: 1, a: 2 }, 'as-is'), 'b: 1\na: 2\n');
});

test('every string comes back as the string it was', () => {
  const strings = [
    ...SCALARS.map(([text]) => text),
    '',
    ' ',
    ' x',
    'x ',
    'a: b',
    'a #b',
    '# a',
    '- a',
    '-',
    '?',
    '[a',
    '{a',
    '*a',
    '&a',
    '!a',
    '|',
    '>',
    '%a',
    '@a',
    '`a',
    '"',
    "'",
    '<<',
    '---',
    '...',
    'null',
    '0o17',
    '.inf',
    '.NaN',
    '1e5',
    '1:2:3',
    '12:30:45.5',
    '2001-1-1',
    'multi\nline',
    'multi\nline\n',
    '\nlead',
    'trail \nx',
    'a\n\n\n',
    '\t',
    'tab\tin',
    'ü',
    '\u0007',
    '\u2028',
    '😀',
    'x'.repeat(300),
    `${'word '.repeat(60)}end`,
    '  indented\nblock',
  ];
  for (const text of strings) {
    const printed = printYaml({ [text === '' ? 'empty' : text]: text, list: [text] });
    assert.deepEqual(read(printed), { [text === '' ? 'empty' : text]: text, list: [text] }, printed);
  }
});

test('strings that a reader of YAML 1.1 or 1.2 takes for something else are quoted', () => {
  for (const text of ['yes', 'no', 'on', 'y', '0777', '0o17', '1:30', '2026-01-02', '1e3', '1_000', '.5', '=', '~', 'true', '123e4567', '.inf'])
    assert.equal(printYaml([text]), `- '${text}'\n`);
  for (const text of ['1.2.3', '10.0.0.1', '1Gi', 'plain text', 'v1']) assert.equal(printYaml([text]), `- ${text}\n`);
});

test('big integers are printed exactly', () => {
  assert.equal(printYaml({ max: 18446744073709551615n }), 'max: 18446744073709551615\n');
});
