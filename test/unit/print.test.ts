/** Text for people. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CODES, Fault, type Code, type Diagnostic } from '../../daemon/model/fault.ts';
import type { ApplicationPlan, Change, Plan } from '../../daemon/model/plan.ts';
import { diagnosticText, explanation, hasChanges, inForm, planData, planText, sortDiagnostics, table } from '../../daemon/print.ts';
import { applied, configMap, wantedOf } from './plan/things.ts';

const change = (action: Change['action'], name: string, reason: string, more: Partial<Change> = {}): Change => ({ action, key: { cluster: 'local', apiVersion: 'v1', kind: 'ConfigMap', namespace: 'prod', name }, reason, wanted: null, live: null, fields: [], fault: null, ...more });
const part = (name: string, changes: readonly Change[] = [], restartsWorkflow = false): ApplicationPlan => ({ namespace: name === '' ? '' : 'prod', name, changes, restartsWorkflow });
const plan = (applications: readonly ApplicationPlan[] = [], documents: readonly Change[] = []): Plan => ({ applications, objects: part('', documents) });

describe('the plan as text', () => {
  it('tells object by object what would change and why, and counts the rest', () => {
    assert.equal(planText(plan([
      part('shop', [
        change('create', 'a', 'not there yet'), change('update', 'b', 'drift', { fields: [{ path: '/data/x', from: '1', to: '2' }, { path: '/data/y', to: '3' }, { path: '/data/secret' }] }),
        change('delete', 'c', 'gone from the commit'), change('refuse', 'd', 'it is another\'s', { fault: new Fault('plan/ownership', 'it is another\'s') }), change('keep', 'e', 'as it should be'), change('keep', 'f', 'drift, only reported', { fields: [{ path: '/data/z', from: 1, to: 2 }] }),
      ], true),
      part('quiet', [change('keep', 'g', 'as it should be')]),
    ], [change('adopt', 'note', 'exists and is taken over', { key: { cluster: 'beijing', apiVersion: 'v1', kind: 'Namespace', namespace: '', name: 'note' } })])), `documents of the repository
  ~ adopt Namespace note on beijing: exists and is taken over

prod/shop (its workflow runs)
  + create ConfigMap prod/a: not there yet
  ~ update ConfigMap prod/b: drift
      /data/x: "1" -> "2"
      /data/y: (absent) -> "3"
      /data/secret differs
  - delete ConfigMap prod/c: gone from the commit
  ! refuse ConfigMap prod/d: it is another's
    keep ConfigMap prod/f: drift, only reported
      /data/z: 1 -> 2
    1 unchanged

1 to create, 2 to update, 1 to delete, 1 refused, 3 unchanged.
`);
  });

  it('says so when nothing changes', () => {
    assert.equal(planText(plan([part('quiet', [change('keep', 'g', 'as it should be')])])), 'No changes: the hub is as the commit asks.\n');
  });

  it('tells of a workflow that runs though no object changes', () => {
    assert.match(planText(plan([part('shop', [change('keep', 'a', 'as it should be')], true)])), /^prod\/shop \(its workflow runs\)\n {4}1 unchanged\n/);
  });

  it('is bounded: long values are cut, many fields are counted', () => {
    const fields = Array.from({ length: 23 }, (_, i) => ({ path: `/data/${i}`, from: 'x'.repeat(200), to: 1 }));
    const text = planText(plan([part('shop', [change('update', 'a', 'drift', { fields })])]));
    assert.match(text, / {6}and 3 more\n/);
    assert.ok(text.split('\n').every((line) => line.length < 120));
  });
});

it('a plan changes something when anything in it is not kept, or a workflow runs', () => {
  assert.deepEqual([plan(), plan([part('a', [change('keep', 'x', '')])]), plan([part('a', [], true)]), plan([part('a', [change('refuse', 'x', '')])]), plan([], [change('create', 'x', '')])].map(hasChanges), [false, false, true, true, true]);
});

it('the plan as data holds no whole object (I9)', () => {
  const object = configMap('a', { password: 'hunter22' });
  const data = planData(plan([part('shop', [change('refuse', 'a', 'no', { wanted: wantedOf(object), live: applied(object), fault: new Fault('plan/guard', 'no') })], true)]));
  assert.deepEqual(data, { applications: [{ namespace: 'prod', name: 'shop', restartsWorkflow: true, changes: [{ action: 'refuse', cluster: 'local', apiVersion: 'v1', kind: 'ConfigMap', namespace: 'prod', name: 'a', reason: 'no', fields: [], code: 'plan/guard' }] }], objects: { namespace: '', name: '', restartsWorkflow: false, changes: [] } });
});

describe('a table', () => {
  for (const [title, heads, rows, expected] of [
    ['has columns as wide as what stands in them', ['NAME', 'PHASE'], [['prod/shop', 'running'], ['a', 'x']], 'NAME        PHASE\nprod/shop   running\na           x\n'],
    ['has no blanks at the end of a line', ['NAME', 'WHY'], [['prod/shop', '']], 'NAME        WHY\nprod/shop\n'],
    ['takes a row that is too short', ['A', 'B', 'C'], [['1']], 'A   B   C\n1\n'],
    ['without rows is its heads', ['A', 'B'], [], 'A   B\n'],
  ] as const) it(title, () => assert.equal(table(heads, rows), expected));
});

describe('findings', () => {
  const at = (path: string, line: number, column: number, message = 'm', severity: Diagnostic['severity'] = 'error'): Diagnostic => ({ code: 'load/schema', severity, message, origin: { path, line, column } });
  it('have their place first and the hint on a line of its own', () => {
    assert.deepEqual([diagnosticText({ ...at('a.yaml', 3, 7), hint: 'Mend it.' }), diagnosticText(at('a.yaml', 3, 7, 'm', 'warning')), diagnosticText({ code: 'plan/unreadable', severity: 'error', message: 'm' })], ['a.yaml:3:7: load/schema: m\n    Mend it.', 'a.yaml:3:7: warning: load/schema: m', 'plan/unreadable: m']);
  });
  it('stand in the order of a reader, each once, those without a place last', () => {
    const list = [{ code: 'plan/unreadable', severity: 'error', message: 'none' } as const, at('b.yaml', 1, 1), at('a.yaml', 10, 1), at('a.yaml', 9, 12), at('a.yaml', 9, 2), at('a.yaml', 9, 2), at('a/b.yaml', 1, 1), at('a.yaml', 9, 2, 'other')];
    assert.deepEqual(sortDiagnostics(list).map((item) => `${item.origin?.path ?? ''}:${item.origin?.line ?? ''}:${item.origin?.column ?? ''} ${item.message}`), ['a.yaml:9:2 m', 'a.yaml:9:2 other', 'a.yaml:9:12 m', 'a.yaml:10:1 m', 'a/b.yaml:1:1 m', 'b.yaml:1:1 m', ':: none']);
  });
});

it('any value comes in the form that was asked for', () => {
  const value = { a: [1, 9007199254740993n] };
  assert.deepEqual((['text', 'json', 'yaml'] as const).map((form) => inForm(value, form, () => 'words')), ['words', '{\n  "a": [\n    1,\n    9007199254740993\n  ]\n}\n', 'a:\n  - 1\n  - 9007199254740993\n']);
});

it('every code is explained: what it means, what to do, who must', () => {
  for (const code of Object.keys(CODES) as Code[]) assert.match(explanation(code), new RegExp(`^${code}\\n\\n {2}\\S.*\\.\\n\\n {2}What to do: \\S.*\\n {2}Who must act: \\S.*\\n$`));
});
