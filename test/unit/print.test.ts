/** Text for people. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CODES, type Code, type Diagnostic } from '../../daemon/model/fault.ts';
import { diagnosticText, explanation, inForm, sortDiagnostics, table } from '../../daemon/print.ts';

describe('a table', () => {
  for (const [title, heads, rows, expected] of [
    [
      'has columns as wide as what stands in them',
      ['NAME', 'PHASE'],
      [
        ['prod/shop', 'running'],
        ['a', 'x'],
      ],
      'NAME        PHASE\nprod/shop   running\na           x\n',
    ],
    ['has no blanks at the end of a line', ['NAME', 'WHY'], [['prod/shop', '']], 'NAME        WHY\nprod/shop\n'],
    ['takes a row that is too short', ['A', 'B', 'C'], [['1']], 'A   B   C\n1\n'],
    ['without rows is its heads', ['A', 'B'], [], 'A   B\n'],
  ] as const)
    it(title, () => assert.equal(table(heads, rows), expected));
});

describe('findings', () => {
  const at = (path: string, line: number, column: number, message = 'm', severity: Diagnostic['severity'] = 'error'): Diagnostic => ({
    code: 'load/schema',
    severity,
    message,
    origin: { path, line, column },
  });
  it('have their place first and the hint on a line of its own', () => {
    assert.deepEqual(
      [
        diagnosticText({ ...at('a.yaml', 3, 7), hint: 'Mend it.' }),
        diagnosticText(at('a.yaml', 3, 7, 'm', 'warning')),
        diagnosticText({ code: 'plan/unreadable', severity: 'error', message: 'm' }),
      ],
      ['a.yaml:3:7: load/schema: m\n    Mend it.', 'a.yaml:3:7: warning: load/schema: m', 'plan/unreadable: m'],
    );
  });
  it('stand in the order of a reader, each once, those without a place last', () => {
    const list = [
      { code: 'plan/unreadable', severity: 'error', message: 'none' } as const,
      at('b.yaml', 1, 1),
      at('a.yaml', 10, 1),
      at('a.yaml', 9, 12),
      at('a.yaml', 9, 2),
      at('a.yaml', 9, 2),
      at('a/b.yaml', 1, 1),
      at('a.yaml', 9, 2, 'other'),
    ];
    assert.deepEqual(
      sortDiagnostics(list).map((item) => `${item.origin?.path ?? ''}:${item.origin?.line ?? ''}:${item.origin?.column ?? ''} ${item.message}`),
      ['a.yaml:9:2 m', 'a.yaml:9:2 other', 'a.yaml:9:12 m', 'a.yaml:10:1 m', 'a/b.yaml:1:1 m', 'b.yaml:1:1 m', ':: none'],
    );
  });
});

it('any value comes in the form that was asked for', () => {
  const value = { a: [1, 9007199254740993n] };
  assert.deepEqual(
    (['text', 'json', 'yaml'] as const).map((form) => inForm(value, form, () => 'words')),
    ['words', '{\n  "a": [\n    1,\n    9007199254740993\n  ]\n}\n', 'a:\n  - 1\n  - 9007199254740993\n'],
  );
});

it('every code is explained: what it means, what to do, who must', () => {
  for (const code of Object.keys(CODES) as Code[])
    assert.match(explanation(code), new RegExp(`^${code}\\n\\n {2}\\S.*\\.\\n\\n {2}What to do: \\S.*\\n {2}Who must act: \\S.*\\n$`));
});
