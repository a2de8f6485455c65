import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CueStatusRequest } from '../../../daemon/model/cue.ts';
import { cue } from './evaluator.ts';

function status(request: Partial<CueStatusRequest>): ReturnType<typeof cue.evaluateStatus> {
  return cue.evaluateStatus({
    dialect: '1.10',
    parameter: null,
    context: { name: 'web', output: { spec: { replicas: 2 }, status: { readyReplicas: 2 } }, outputs: {} },
    ...request,
  });
}

describe('health and status', () => {
  it('without templates it is healthy and silent', async () => {
    assert.deepEqual(await status({}), { healthy: true, message: '', details: {}, errors: [] });
  });

  it('reads isHealth and message', async () => {
    const result = await status({
      healthPolicy: 'isHealth: context.output.spec.replicas == context.output.status.readyReplicas',
      customStatus: 'message: "Ready:\\(context.output.status.readyReplicas)/\\(parameter.of)"',
      parameter: { of: 2 },
    });
    assert.deepEqual(result, { healthy: true, message: 'Ready:2/2', details: {}, errors: [] });
  });

  it('is unhealthy with a reason when a field is not there yet', async () => {
    const { healthy, errors } = await status({ healthPolicy: 'isHealth: context.output.status.phase == "Running"' });
    assert.deepEqual(
      [healthy, errors.map(({ code, path, message }) => [code, path, message])],
      [false, [['nonconcrete', ['isHealth'], 'undefined field: phase']]],
    );
  });

  it('is unhealthy when the template is no CUE', async () => {
    const { healthy, errors } = await status({ healthPolicy: 'isHealth: {' });
    assert.deepEqual([healthy, errors.map(({ code }) => code)], [false, ['parse']]);
  });

  it('1.10: details are texts, health sees them, the message sees health too', async () => {
    const result = await status({
      details: `ready: context.output.status.readyReplicas
text: "as it is"
list: [1, 2]
late: context.output.status.nothing
$internal: 7
secret: "x" @private()
hidden: "y" @local()
a_name_of_thirty_two_characters_: 1`,
      healthPolicy: 'isHealth: context.status.details.ready == 2 && context.status.details.$internal == 7',
      customStatus: 'message: [if context.status.healthy {"fine"}, "bad"][0]',
    });
    assert.deepEqual(result, { healthy: true, message: 'fine', details: { ready: '2', text: 'as it is', list: '[1, 2]', late: '_|_' }, errors: [] });
  });

  it('1.1: there are no details', async () => {
    const result = await status({
      dialect: '1.1',
      details: 'a: 1',
      healthPolicy: 'isHealth: len(context.output.status.ip) > 0',
      context: { output: { status: { ip: '10.0.0.1' } } },
    });
    assert.deepEqual(result, { healthy: true, message: '', details: {}, errors: [] });
  });

  it('gives the message although another field of the template has no value', async () => {
    const { message } = await status({
      customStatus: 'let a = context.output.status.nothing\nif a != _|_ {message: "yes"}\nif a == _|_ {message: "no"}\nother: context.output.status.nothing',
    });
    assert.equal(message, 'no');
  });
});

describe('expressions', () => {
  const scope = { status: { 'a-b': { phase: 'succeeded', succeeded: true } }, inputs: { n: 3 }, context: { name: 'app' }, parameter: {} };

  for (const [expression, value] of [
    ['status["a-b"].succeeded && inputs.n > 2', true],
    ['status["a-b"].phase == "failed"', false],
    ['import "strconv"\n"n=" + strconv.FormatInt(inputs.n, 10)', 'n=3'],
    ['[for k, v in inputs {k}]', ['n']],
    ['context', { name: 'app' }],
  ] as const) {
    it(expression.replaceAll('\n', ' '), async () => {
      assert.deepEqual(await cue.evaluateExpression({ expression, scope }), { value });
    });
  }

  for (const [title, expression, code] of [
    ['an unknown name', 'nothing.x', 'parse'],
    ['no CUE', 'a b c', 'parse'],
    ['a missing field', 'inputs.other', 'nonconcrete'],
    ['an unknown package', 'import "vela/nothing"\nnothing', 'unsupported'],
  ] as const) {
    it(`${title} is an error`, async () => {
      assert.equal((await cue.evaluateExpression({ expression, scope })).error?.code, code);
    });
  }
});

describe('checking a template by itself', () => {
  it('names its parameters, which of them are required, and its imports', async () => {
    const result = await cue.vet({
      kind: 'component',
      template:
        'import "strings"\noutput: a: strings.ToUpper(parameter.image) + context.name\nparameter: {\n\timage: string\n\tport: *80 | int\n\tcmd?: [...string]\n\tkind: "a" | "b"\n\topt: {x?: int}\n}',
    });
    assert.deepEqual(result, {
      errors: [],
      parametersKnown: true,
      imports: ['strings'],
      parameters: [
        { name: 'image', required: true, type: 'string' },
        { name: 'port', required: false, type: 'int' },
        { name: 'cmd', required: false, type: 'list' },
        { name: 'kind', required: true, type: 'one of "a", "b"' },
        { name: 'opt', required: false, type: 'struct' },
      ],
    });
  });

  it('knows when any name is allowed', async () => {
    for (const template of ['parameter: {...}', 'parameter: [string]: string', 'parameter: _'])
      assert.equal((await cue.vet({ kind: 'trait', template })).parametersKnown, false, template);
    assert.equal((await cue.vet({ kind: 'step', template: 'a: 1' })).parametersKnown, true);
  });

  it('finds contradictions and unknown names with their line', async () => {
    const { errors } = await cue.vet({ kind: 'component', template: 'output: {\n\ta: 1\n\ta: "x"\n}' });
    assert.deepEqual(
      errors.map(({ code, path }) => [code, path]),
      [['template', ['output', 'a']]],
    );
    assert.deepEqual(
      (await cue.vet({ kind: 'component', template: 'output:\n\tq.x' })).errors.map(({ code, line, column }) => [code, line, column]),
      [['parse', 2, 2]],
    );
  });
});
