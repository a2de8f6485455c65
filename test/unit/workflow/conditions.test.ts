/** When a step may run, and where its inputs go. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CueJson } from '../../../daemon/model/cue.ts';
import type { Json, JsonObject } from '../../../daemon/model/object.ts';
import type { Step, StepMode } from '../../../daemon/model/plan.ts';
import type { StepPhase, StepStatus } from '../../../daemon/model/status.ts';
import {
  evaluateIf,
  isFinished,
  isSkippedByOthers,
  parsePath,
  pendingReason,
  setPath,
  statusesByName,
  variableIn,
  withInputs,
} from '../../../daemon/workflow/conditions.ts';
import { cue } from '../cue/evaluator.ts';
import { step } from './steps.ts';

const status = (name: string, phase: StepPhase, reason = ''): StepStatus => ({
  id: `id-${name}`,
  name,
  type: 'ours',
  phase,
  message: '',
  reason,
  firstExecuteTime: '',
  lastExecuteTime: '',
  subSteps: [],
});
const statuses = (...list: readonly StepStatus[]): ReadonlyMap<string, StepStatus> => new Map(list.map((item) => [item.name, item]));
const nothing = (): undefined => undefined;
const among =
  (variables: JsonObject) =>
  (name: string): CueJson | undefined =>
    variableIn(variables, name);

describe('a step is finished', () => {
  const CASES: readonly (readonly [string, StepStatus | undefined, boolean])[] = [
    ['not before it was seen', undefined, false],
    ['when it succeeded', status('a', 'succeeded'), true],
    ['when it was skipped', status('a', 'skipped', 'Skip'), true],
    ['when it failed for a reason', status('a', 'failed', 'FailedAfterRetries'), true],
    ['when it timed out', status('a', 'failed', 'Timeout'), true],
    ['not when its execution failed: it is tried again', status('a', 'failed', 'Execute'), false],
    ['not when it failed without a reason', status('a', 'failed'), false],
    ['not while it runs', status('a', 'running', 'Wait'), false],
    ['not while it is suspended', status('a', 'suspending', 'Suspend'), false],
  ];
  for (const [title, item, expected] of CASES) it(title, () => assert.equal(isFinished(item), expected));
});

describe('a step is pending', () => {
  const CASES: readonly (readonly [string, Partial<Step>, readonly StepStatus[], JsonObject, string])[] = [
    ['on nothing', {}, [], {}, ''],
    ['on a step that has not begun', { dependsOn: ['a'] }, [], {}, 'Pending on DependsOn: a'],
    ['on the first step that has not ended', { dependsOn: ['a', 'b'] }, [status('a', 'succeeded'), status('b', 'running')], {}, 'Pending on DependsOn: b'],
    ['not on a step that failed for good: then it is skipped', { dependsOn: ['a'] }, [status('a', 'failed', 'Timeout')], {}, ''],
    ['on an input that nobody has given', { inputs: [{ from: 'connInfo', parameterKey: 'conn' }] }, [], {}, 'Pending on Input: connInfo'],
    ['not on an input that is null', { inputs: [{ from: 'connInfo', parameterKey: 'conn' }] }, [], { connInfo: null }, ''],
    ['not on an input inside a variable', { inputs: [{ from: 'connInfo.host', parameterKey: 'conn' }] }, [], { connInfo: { host: 'h' } }, ''],
    [
      'on an input that a variable does not have inside',
      { inputs: [{ from: 'connInfo.port', parameterKey: 'conn' }] },
      [],
      { connInfo: { host: 'h' } },
      'Pending on Input: connInfo.port',
    ],
    ['not on what every object has by nature', { inputs: [{ from: 'constructor', parameterKey: 'conn' }] }, [], {}, 'Pending on Input: constructor'],
    ['not on the context', { inputs: [{ from: 'context.appName', parameterKey: 'name' }] }, [], {}, ''],
  ];
  for (const [title, more, known, variables, expected] of CASES)
    it(title, () => assert.equal(pendingReason(step('me', more), statuses(...known), among(variables)), expected));

  it("on another by its component or name property as well; a step's own name comes first", () => {
    const steps = [
      step('first', { properties: { component: 'web' } }),
      step('second', { properties: { name: 'first' } }),
      step('group', { subSteps: [step('inner', { properties: { name: 'job' } })] }),
    ];
    const known = statusesByName(steps, statuses(status('first', 'succeeded'), status('second', 'running'), status('inner', 'skipped')));
    assert.deepEqual(
      [...known].map(([name, item]) => [name, item.name]),
      [
        ['first', 'first'],
        ['web', 'first'],
        ['second', 'second'],
        ['inner', 'inner'],
        ['job', 'inner'],
      ],
    );
  });
});

describe('a step without `if` is skipped', () => {
  const ok = status('a', 'succeeded');
  const skipped = status('a', 'skipped', 'Skip');
  const failed = status('a', 'failed', 'FailedAfterRetries');
  const retried = status('a', 'failed', 'Execute');
  const CASES: readonly (readonly [string, StepMode, Partial<Step>, readonly StepStatus[], boolean])[] = [
    ['StepByStep: not after steps that succeeded or were skipped', 'StepByStep', {}, [ok, skipped], false],
    ['StepByStep: after one that failed for good', 'StepByStep', {}, [failed, ok], true],
    ['StepByStep: not after one that will be tried again', 'StepByStep', {}, [retried], false],
    ['StepByStep: with an `if` never by this rule', 'StepByStep', { if: 'always' }, [failed], false],
    ['StepByStep: with dependsOn only for the sake of those', 'StepByStep', { dependsOn: ['b'] }, [failed, status('b', 'succeeded')], false],
    ['DAG: not after a failure that it does not depend on', 'DAG', {}, [failed], false],
    ['DAG: when what it depends on failed', 'DAG', { dependsOn: ['a'] }, [failed], true],
    ['DAG: when what it depends on was skipped', 'DAG', { dependsOn: ['a'] }, [skipped], true],
    ['DAG: not when all it depends on succeeded', 'DAG', { dependsOn: ['a'] }, [ok], false],
  ];
  for (const [title, mode, more, known, expected] of CASES)
    it(title, () => assert.equal(isSkippedByOthers(step('me', more), mode, known, statuses(...known), [step('a'), step('b')]), expected));

  it('DAG: when something further up failed, though what it depends on ran nevertheless', () => {
    const steps = [step('a'), step('b', { dependsOn: ['a'], if: 'always' }), step('c', { dependsOn: ['b'] })];
    assert.equal(isSkippedByOthers(steps[2] as Step, 'DAG', [], statuses(failed, status('b', 'succeeded')), steps), true);
  });

  it('DAG: a circle further up ends', () => {
    const steps = [step('a', { dependsOn: ['b'] }), step('b', { dependsOn: ['a'] })];
    assert.equal(isSkippedByOthers(steps[0] as Step, 'DAG', [], statuses(ok, status('b', 'succeeded')), steps), false);
  });
});

describe('the `if` of a step', () => {
  const known = statuses(status('build-it', 'failed', 'Timeout'), status('ok', 'succeeded'), status('no', 'skipped', 'Skip'));
  const CASES: readonly (readonly [string, string, boolean, RegExp])[] = [
    ['always runs', 'always', true, /^$/],
    ['reads how others ended', 'status.ok.succeeded && status.no.skipped', true, /^$/],
    ['reads a name with a dash', 'status["build-it"].failed && status["build-it"].timeout && !status["build-it"].failedAfterRetries', true, /^$/],
    ['reads phase and reason', 'status.ok.phase == "succeeded" && status["build-it"].reason == "Timeout"', true, /^$/],
    ['reads inputs', 'inputs.count > 2', true, /^$/],
    ['reads the context', 'context.appName == "shop" && context.appLabels.team == "a"', true, /^$/],
    ['reads the parameters', 'parameter.dry == false', true, /^$/],
    ['that is false skips', 'status.ok.failed', false, /^$/],
    ['that is no bool skips, and tells', '"yes"', false, /^pre check error: if is not a bool$/],
    ['that names what is not there skips, and tells', 'status.nobody.succeeded', false, /^pre check error: .*nobody/],
    ['that is no CUE skips, and tells', 'status.ok ==', false, /^pre check error: ./],
  ];
  for (const [title, expression, runs, message] of CASES) {
    it(title, async () => {
      const asked = step('me', {
        if: expression,
        properties: { dry: false },
        inputs: [
          { from: 'count', parameterKey: '' },
          { from: 'missing', parameterKey: '' },
        ],
      });
      const result = await evaluateIf(cue, asked, known, { appName: 'shop', appLabels: { team: 'a' } }, among({ count: 3 }));
      assert.equal(result.run, runs);
      assert.match(result.message, message);
    });
  }
});

describe('a path', () => {
  for (const [text, expected] of [
    ['a', ['a']],
    ['a.b', ['a', 'b']],
    ['a.b[0]["c d"]', ['a', 'b', 0, 'c d']],
    ['list[2].x', ['list', 2, 'x']],
    ['[0]', [0]],
    ['["a.b"].c', ['a.b', 'c']],
    ['"a.b".c', ['a.b', 'c']],
    ['a."b.c"', ['a', 'b.c']],
    ['a-b.c_d', ['a-b', 'c_d']],
    ['["say \\"hi\\""]', ['say "hi"']],
    ['', []],
  ] as const)
    it(`${text === '' ? '(empty)' : text} is ${JSON.stringify(expected)}`, () => assert.deepEqual(parsePath(text), expected));

  for (const text of ['a..b', 'a[', 'a[x]', 'a["b]', 'a.', 'a[4000000000]'])
    it(`${text} is none`, () => assert.throws(() => parsePath(text), { name: 'Fault', code: 'workflow/step-failed' }));

  const SET: readonly (readonly [string, Json, readonly (string | number)[], Json])[] = [
    ['replaces a field', { a: 1, b: 2 }, ['a'], { a: 9, b: 2 }],
    ['makes what is missing on the way', null, ['a', 'b', 1, 'c'], { a: { b: [null, { c: 9 }] } }],
    ['keeps what stands beside it', { a: { x: 1 }, l: [{ y: 1 }, 2] }, ['l', 0, 'z'], { a: { x: 1 }, l: [{ y: 1, z: 9 }, 2] }],
    ['replaces what is no map', { a: 'text' }, ['a', 'b'], { a: { b: 9 } }],
    ['replaces what is no list', { a: { b: 1 } }, ['a', 0], { a: [9] }],
    ['of no length is the value', { a: 1 }, [], 9],
    ['takes __proto__ for a name', {}, ['__proto__', 'x'], JSON.parse('{"__proto__":{"x":9}}') as Json],
  ];
  for (const [title, target, path, expected] of SET) {
    it(title, () => {
      const before = JSON.stringify(target);
      assert.deepEqual(setPath(target, path, 9), expected);
      assert.equal(JSON.stringify(target), before, 'the target itself stays as it is');
    });
  }
});

describe('inputs', () => {
  const asked = (from: string, parameterKey: string): Step => step('me', { inputs: [{ from, parameterKey }] });
  const variables = among({ conn: { host: 'h', ports: [80] } });
  const CASES: readonly (readonly [string, '1.1' | '1.10', Step, Json, Json])[] = [
    ['1.10: go where the path says', '1.10', asked('conn', 'a.b[0]["c d"]'), { a: { x: 1 } }, { a: { x: 1, b: [{ 'c d': { host: 'h', ports: [80] } }] } }],
    ['1.1: go into one field, dots and all', '1.1', asked('conn', 'a.b'), {}, { 'a.b': { host: 'h', ports: [80] } }],
    ['come from inside a variable', '1.10', asked('conn.host', 'host'), {}, { host: 'h' }],
    ['come from the context', '1.10', asked('context.appLabels.team', 'team'), {}, { team: 'a' }],
    ['without a key only order the steps', '1.10', asked('conn', ''), { keep: true }, { keep: true }],
    ['go over what the properties say', '1.10', asked('conn.host', 'host'), { host: 'old' }, { host: 'h' }],
    ['go into properties that are none', '1.10', asked('conn.host', 'host'), null, { host: 'h' }],
  ];
  for (const [title, dialect, item, properties, expected] of CASES)
    it(title, () => assert.deepEqual(withInputs(item, properties, variables, dialect, { appLabels: { team: 'a' } }), expected));

  it('without a value fail the step', () => {
    assert.throws(() => withInputs(asked('context.nothing', 'x'), {}, nothing, '1.10', {}), {
      code: 'workflow/step-failed',
      message: 'input "context.nothing" has no value',
    });
  });
});
