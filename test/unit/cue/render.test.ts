import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CueJson } from '../../../daemon/model/cue.ts';
import { component, cue, trait } from './evaluator.ts';

const WORKLOAD = `
output: {
	apiVersion: "apps/v1"
	kind:       "Deployment"
	spec: {
		replicas: parameter.replicas
		image:    parameter.image
		if parameter["cmd"] != _|_ {
			command: parameter.cmd
		}
	}
}
parameter: {
	image:    string
	replicas: *1 | int
	cmd?: [...string]
}
`;

describe('rendering a component', () => {
  it('takes defaults, leaves out what is optional, and reads the context', async () => {
    const { output, outputs, errors } = await component(
      'output: {n: context.name, s: parameter.size, if parameter.x != _|_ {x: 1}}\nparameter: {size: *3 | int, x?: string}',
    );
    assert.deepEqual({ output, outputs, errors }, { output: { n: 'web', s: 3 }, outputs: [], errors: [] });
  });

  it('lets a template bind a name that a property or the context has as well', async () => {
    const result = await component('let host = context.namespace\noutput: {kind: "X", spec: at: host}\nparameter: {...}', {
      parameter: { host: 'a', list: [{ host: 1 }] },
      context: { host: 'b' },
    });
    assert.deepEqual(result.errors, []);
    assert.deepEqual(result.output, { kind: 'X', spec: { at: 'apps' } });
  });

  it('keeps integers beyond 2^53 exact', async () => {
    const { output } = await component('output: big: parameter.big\nparameter: big: int', { parameter: { big: 9007199254740993n } });
    assert.deepEqual(output, { big: 9007199254740993n });
  });

  it('lists its outputs in the order of the template, without hidden fields and definitions', async () => {
    const { outputs } = await component('outputs: {zeta: {kind: "A", _x: 1}, alpha: kind: "B", _hidden: kind: "C", #Def: kind: "D"}');
    assert.deepEqual(
      outputs.map(({ name, type, trait: index, object }) => [name, type, index, object]),
      [
        ['zeta', 'AuxiliaryWorkload', -1, { kind: 'A' }],
        ['alpha', 'AuxiliaryWorkload', -1, { kind: 'B' }],
      ],
    );
  });

  it('tolerates imports that are not used', async () => {
    assert.deepEqual((await component('import "strings"\noutput: a: 1')).output, { a: 1 });
  });

  it('accepts packages that KubeVela 1.1 made from the API server, as open structs', async () => {
    const { output, errors } = await component('import apps "kube/apps/v1"\noutput: apps.#Deployment & {metadata: name: context.name}', { dialect: '1.1' });
    assert.deepEqual({ output, errors }, { output: { metadata: { name: 'web' } }, errors: [] });
  });

  it('unifies further top-level fields', async () => {
    const { output } = await cue.renderComponent({
      dialect: '1.1',
      component: { name: 'a', type: 'b', template: 'output: user: dbConn.user\ndbConn: user: string', fields: { dbConn: { user: 'admin' } } },
      parameter: null,
      context: {},
      traits: [],
    });
    assert.deepEqual(output, { user: 'admin' });
  });

  it('starts from an object that no template made', async () => {
    const { output } = await component('', { output: { kind: 'Configuration', spec: { a: 1 } }, traits: [trait('patch: spec: b: 2')] });
    assert.deepEqual(output, { kind: 'Configuration', spec: { a: 1, b: 2 } });
  });

  it('renders an object of a policy', async () => {
    const { output } = await cue.renderObject({
      dialect: '1.1',
      template: 'output: name: context.name + parameter.x\nparameter: x: *"-y" | string',
      parameter: null,
      context: { name: 'p' },
    });
    assert.deepEqual(output, { name: 'p-y' });
  });
});

describe('list arithmetic of old templates', () => {
  for (const [title, template, want] of [
    ['a sum of literals', 'output: a: [1] + [2, 3]', { a: [1, 2, 3] }],
    ['a sum of references, in a chain', 'v: {a: [1], b: *[for x in [2] {x}] | [], c: [3]}\noutput: a: v.a + v.b + v.c', { a: [1, 2, 3] }],
    ['a product', 'output: a: ["x"] * 3', { a: ['x', 'x', 'x'] }],
    ['a product of a reference', 'l: ["x"]\nn: 2\noutput: a: l * n', { a: ['x', 'x'] }],
    ['a sum behind a guard that would swallow the error', 'l: [1]\noutput: {if (l + [2]) != _|_ {a: l + [2]}}', { a: [1, 2] }],
    ['a sum where the template uses the list package by another name', 'import "list"\noutput: a: list.Sort([2] + [1], list.Ascending)', { a: [1, 2] }],
    ['sums of numbers and strings', 'output: {a: 1 + 2, b: "x" + "y"}', { a: 3, b: 'xy' }],
  ] as const) {
    it(title, async () => {
      const { output, errors } = await component(template);
      assert.deepEqual({ output, errors }, { output: want, errors: [] });
    });
  }

  it('gives the same result when the template is evaluated again', async () => {
    const template = 'l: [1]\noutput: a: l + parameter.more\nparameter: more: [...int]';
    for (const more of [[2], [3], [4, 5]]) assert.deepEqual((await component(template, { parameter: { more } })).output, { a: [1, ...more] });
  });
});

describe('traits', () => {
  it('run in order, and each sees what the one before left', async () => {
    const { output, outputs } = await component(WORKLOAD, {
      parameter: { image: 'a' },
      traits: [
        trait('patch: spec: replicas: 5'),
        trait('outputs: seen: replicas: context.output.spec.replicas', null, 'second'),
        trait('outputs: again: n: context.outputs.seen.replicas + 1', null, 'third'),
      ],
    });
    assert.equal((output as { spec: { replicas: number } }).spec.replicas, 5);
    assert.deepEqual(
      outputs.map(({ name, type, trait: index, object }) => [name, type, index, object]),
      [
        ['seen', 'second', 1, { replicas: 5 }],
        ['again', 'third', 2, { n: 6 }],
      ],
    );
  });

  it('may choose another value than a default that is left open', async () => {
    const { output } = await component('output: replicas: parameter.r\nparameter: r: *1 | int', {
      traits: [trait('patch: replicas: parameter.r\nparameter: r: *1 | int'), trait('patch: replicas: 4')],
    });
    assert.deepEqual(output, { replicas: 4 });
  });

  it('may fill what the component left without a value', async () => {
    assert.deepEqual((await component('output: image: string', { traits: [trait('patch: image: "nginx"')] })).output, { image: 'nginx' });
  });

  it('make what was asked for where another loop has nothing to go through', async () => {
    const many = `outputs: {
	for v in parameter.files {"file-\\(v)": name: v}
	for v in parameter.keys {"key-\\(v)": name: v}
}
parameter: {
	files?: [...string]
	keys?: [...string]
}`;
    const names = async (given: CueJson): Promise<unknown> => {
      const { outputs, errors } = await component('output: a: 1', { traits: [trait(many, given)] });
      return errors.length > 0 ? errors : outputs.map((item) => item.name);
    };
    assert.deepEqual([await names({ files: ['a', 'b'] }), await names({ keys: ['k'] }), await names({})], [['file-a', 'file-b'], ['key-k'], []]);
    const { errors } = await component('output: a: 1', {
      traits: [trait('outputs: {for v in parameter.fiels {"\\(v)": name: v}}\nparameter: files?: [...string]', { files: ['a'] })],
    });
    assert.deepEqual(
      errors.map(({ message, line }) => `${line} ${message}`),
      ['1 undefined field: fiels'],
    );
  });

  it('may do nothing at all', async () => {
    assert.deepEqual((await component('output: a: 1', { traits: [trait('parameter: x?: string', { x: 'y' }), trait('')] })).output, { a: 1 });
  });

  it('patch auxiliaries, their own included: patchOutputs in 1.10, patch.context.outputs in 1.1', async () => {
    for (const [dialect, template] of [
      ['1.10', 'outputs: own: a: 1\npatchOutputs: {own: b: 2, svc: c: 3}'],
      ['1.1', 'outputs: own: a: 1\npatch: context: outputs: {own: b: 2, svc: c: 3}'],
    ] as const) {
      const { output, outputs } = await component('output: x: 1\noutputs: svc: kind: "Service"', { dialect, traits: [trait(template)] });
      assert.deepEqual([output, ...outputs.map((aux) => aux.object)], [{ x: 1 }, { kind: 'Service', c: 3 }, { a: 1, b: 2 }], dialect);
    }
  });

  it('are refused when 1.10 has nothing to patch', async () => {
    const { errors } = await component('outputs: a: b: 1', { traits: [trait('patch: spec: x: 1')] });
    assert.deepEqual(
      errors.map(({ code, trait: index }) => [code, index]),
      [['template', 0]],
    );
  });

  it('are refused when they make HTTP calls while rendering', async () => {
    const { errors } = await component('output: a: 1', { traits: [trait('processing: http: {method: "GET", url: "http://127.0.0.1"}')] });
    assert.deepEqual(
      errors.map(({ code }) => code),
      ['unsupported'],
    );
  });

  it('name the field that does not fit', async () => {
    const { errors } = await component('output: spec: image: "a"', { traits: [trait('patch: spec: image: "secret-value"')] });
    assert.deepEqual(
      errors.map(({ code, path, trait: index }) => ({ code, path, index })),
      [{ code: 'template', path: ['output', 'spec', 'image'], index: 0 }],
    );
    assert.doesNotMatch(errors[0]?.message ?? '', /secret-value/);
  });
});

describe('errors of properties', () => {
  const PORTS =
    'output: p: parameter.ports\nparameter: {\n\tports?: [...{port: int, protocol: *"TCP" | "UDP" | "SCTP", n?: >0 & <10}]\n\tclosed?: #C\n}\n#C: {a: int}';

  for (const [title, parameter, path, message] of [
    ['a scalar of the wrong type', { ports: [{ port: 'hunter2' }] }, ['parameter', 'ports', '0', 'port'], 'expected int, got string'],
    [
      'a value outside of an enumeration',
      { ports: [{ port: 1, protocol: 'hunter2' }] },
      ['parameter', 'ports', '0', 'protocol'],
      'expected one of "TCP", "UDP", "SCTP"',
    ],
    ['a list that is a number', { ports: 80 }, ['parameter', 'ports'], 'expected list, got int'],
    ['a number out of bounds', { ports: [{ port: 1, n: 12345 }] }, ['parameter', 'ports', '0', 'n'], 'expected >0 & <10, got int'],
    ['a field that a closed struct does not have', { closed: { a: 1, hunter2: 3 } }, ['parameter', 'closed', 'hunter2'], 'field not allowed'],
  ] as const) {
    it(`${title} is named with its path and what is expected, never with its value`, async () => {
      const { errors } = await component(PORTS, { parameter });
      assert.deepEqual(errors, [{ code: 'parameter', message, path }]);
    });
  }

  it('a missing required property is reported in place of the fields that need it', async () => {
    const { errors, output } = await component(WORKLOAD, { parameter: { replicas: 2 } });
    assert.deepEqual(errors, [{ code: 'parameter', message: 'required field missing (string)', path: ['parameter', 'image'] }]);
    assert.equal(output, null);
  });

  it('a required property that nothing uses may be missing, as in KubeVela', async () => {
    assert.deepEqual((await component('output: a: 1\nparameter: unused: string')).errors, []);
  });

  it('an unknown property passes and is listed, with the names that there are', async () => {
    const { output, unknownParameters } = await component(
      'output: a: parameter.image\nparameter: {image: *"x" | string, env?: [...{name: string}], any?: {...}, map?: [string]: int}',
      { parameter: { imgae: 'y', env: [{ name: 'a', vlaue: 'b' }], any: { z: 1 }, map: { q: 1 } } },
    );
    assert.deepEqual(output, { a: 'x' });
    assert.deepEqual(unknownParameters, [
      { path: ['parameter', 'env', '0', 'vlaue'], declared: ['name'] },
      { path: ['parameter', 'imgae'], declared: ['image', 'env', 'any', 'map'] },
    ]);
  });

  it('an unknown property is listed beside the errors that it may explain', async () => {
    const { errors, unknownParameters } = await component(WORKLOAD, { parameter: { imgae: 'a', cmd: 5 } });
    assert.deepEqual([errors.map(({ path }) => path), unknownParameters.map(({ path }) => path)], [[['parameter', 'cmd']], [['parameter', 'imgae']]]);
  });

  it('a field that only one branch of the template declares is known there', async () => {
    const { unknownParameters } = await component('output: a: 1\nparameter: v: [...{type: "x" | "y", if type == "x" {only: string}}]', {
      parameter: {
        v: [
          { type: 'x', only: 'a' },
          { type: 'y', only: 'b' },
        ],
      },
    });
    assert.deepEqual(
      unknownParameters.map(({ path }) => path),
      [['parameter', 'v', '1', 'only']],
    );
  });

  it("an error of a trait's property carries the index of the trait", async () => {
    const { errors } = await component('output: a: 1', { traits: [trait(''), trait('patch: b: parameter.n\nparameter: n: int', { n: 'x' })] });
    assert.deepEqual(errors, [{ code: 'parameter', message: 'expected int, got string', path: ['parameter', 'n'], trait: 1 }]);
  });
});

describe('errors of templates', () => {
  it('of syntax have line and column', async () => {
    const { errors } = await component('output: {\n\ta: 1\n\tb 2\n}');
    assert.deepEqual(
      errors.map(({ code, line }) => ({ code, line })),
      [{ code: 'parse', line: 3 }],
    );
  });

  it('of unknown names have line and column', async () => {
    const { errors } = await component('output: a: 1\noutput: b: nowhere.x');
    assert.deepEqual(errors, [{ code: 'parse', message: 'reference "nowhere" not found', path: ['output', 'b'], line: 2, column: 12 }]);
  });

  it('of unknown packages are refused by name', async () => {
    const { errors } = await component('import "vela/nonsense"\noutput: a: nonsense.x');
    assert.deepEqual(
      errors.map(({ code, line }) => ({ code, line })),
      [{ code: 'unsupported', line: 1 }],
    );
  });

  it('of an output without a value have its path and the line that leads there', async () => {
    const { errors } = await component('output: spec: a: context.nothing.here');
    assert.deepEqual(errors, [{ code: 'concrete', message: 'undefined field: nothing', path: ['output', 'spec', 'a'], line: 1, column: 26 }]);
  });

  it('of a contradiction name types, not values', async () => {
    const { errors } = await component('output: a: context.name\noutput: a: 5');
    assert.deepEqual(
      errors.map(({ code, message, path }) => ({ code, message, path })),
      [{ code: 'template', message: 'conflicting values (types int and string)', path: ['output', 'a'] }],
    );
  });

  it('that the template raises itself come as they are', async () => {
    const { errors } = await component('output: a: 1\nerrs: [if parameter.n > 3 {"n is too large"}]\nparameter: n: int', { parameter: { n: 5 } });
    assert.deepEqual(errors, [{ code: 'user', message: 'n is too large' }]);
  });
});
