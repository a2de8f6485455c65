import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CueDialect, CueJson, CueObject, CueStepCall, CueStepResult } from '../../../daemon/model/cue.ts';
import { cue } from './evaluator.ts';

interface Run {
  readonly calls: readonly CueStepCall[];
  readonly last: CueStepResult;
}

type Answers = Readonly<Record<string, CueObject | 'stop'>> | ((call: CueStepCall) => CueObject | 'stop');

/** Makes the calls of a step with given answers (by path; `{}` for the rest) until it is done or one says stop. */
async function run(
  dialect: CueDialect,
  template: string,
  answers: Answers = {},
  options: { readonly parameter?: CueJson; readonly outputs?: readonly { readonly name: string; readonly path: string }[] } = {},
): Promise<Run> {
  const results: Record<string, CueObject> = {};
  const calls: CueStepCall[] = [];
  for (;;) {
    const last = await cue.evaluateStep({
      dialect,
      template,
      parameter: options.parameter ?? null,
      context: { name: 'app', namespace: 'ns', stepName: 'one' },
      results,
      outputs: options.outputs ?? [],
    });
    if (last.next === undefined) return { calls, last };
    assert.ok(calls.length < 30, 'the step does not end');
    calls.push(last.next);
    const answer = typeof answers === 'function' ? answers(last.next) : (answers[last.next.path] ?? {});
    if (answer === 'stop') return { calls, last };
    results[last.next.path] = answer;
  }
}

const paths = ({ calls }: Run): string[] => calls.map((call) => call.path);

describe('a workflow step of KubeVela 1.1', () => {
  it('makes its calls in the order of the text, each seeing the results before it', async () => {
    const done = await run(
      '1.1',
      `import ("vela/op", "encoding/base64")
load: op.#Load & {component: parameter.component}
apply: op.#Apply & {value: {load.value.workload}}
wait: op.#ConditionalWait & {continue: apply.value.status.state == "Available"}
secret: apply.value.spec.secret
read: op.#Read & {value: {kind: "Secret", metadata: name: secret}}
conn: key: base64.Decode(null, read.value.data["key"])
parameter: component: string`,
      {
        load: { value: { workload: { kind: 'Configuration', metadata: { name: 'c', resourceVersion: '1' } } } },
        apply: { value: { kind: 'Configuration', metadata: { name: 'c', resourceVersion: '2' }, spec: { secret: 's' }, status: { state: 'Available' } } },
        read: { value: { kind: 'Secret', metadata: { name: 's' }, data: { key: 'aGVsbG8=' } } },
      },
      {
        parameter: { component: 'ack' },
        outputs: [
          { name: 'conn', path: 'conn' },
          { name: 'version', path: 'apply.value.metadata.resourceVersion' },
          { name: 'none', path: 'nothing.here' },
        ],
      },
    );
    assert.deepEqual(
      done.calls.map((call) => [call.path, call.provider, call.do, call.style]),
      [
        ['load', 'builtin', 'load', 'flat'],
        ['apply', 'kube', 'apply', 'flat'],
        ['wait', 'builtin', 'wait', 'flat'],
        ['read', 'kube', 'read', 'flat'],
      ],
    );
    assert.deepEqual(done.calls[2]?.params, { continue: true });
    assert.deepEqual(done.calls[3]?.params, { value: { kind: 'Secret', metadata: { name: 's' } } });
    assert.deepEqual(
      [done.last.done, done.last.errors, done.last.outputs, Object.keys(done.last.outputErrors)],
      [true, [], { conn: { key: 'hello' }, version: '2' }, ['none']],
    );
  });

  it('waits on a field that is not there yet', async () => {
    const { last } = await run(
      '1.1',
      'import "vela/op"\napply: op.#Apply & {value: kind: "Job"}\nwait: op.#ConditionalWait & {continue: apply.value.status.succeeded == 1}',
      (call) => (call.do === 'wait' ? 'stop' : { value: { kind: 'Job' } }),
    );
    assert.deepEqual(last.next?.params, {});
    assert.deepEqual(
      last.next?.missing.map(({ code, path }) => [code, path]),
      [['nonconcrete', ['continue']]],
    );
  });

  it('stops at a plain field without a value', async () => {
    const { calls, last } = await run(
      '1.1',
      'import "vela/op"\na: op.#Read & {value: kind: "A"}\nname: a.value.status.name\nb: op.#Read & {value: kind: "B"}',
      { a: { value: { kind: 'A' } } },
    );
    assert.deepEqual([calls.length, last.done, last.errors.map(({ code, path }) => [code, path])], [1, false, [['nonconcrete', ['name']]]]);
  });

  it("lets the server's answer win over what was sent, also where the template spreads another object", async () => {
    const { last } = await run(
      '1.1',
      `import "vela/op"
read: op.#Read & {value: kind: "M"}
patch: op.#Apply & {value: {
	read.value
	metadata: labels: a: "sent"
}}`,
      {
        read: { value: { kind: 'M', metadata: { resourceVersion: '1', labels: { b: 'x' } } } },
        patch: { value: { kind: 'M', metadata: { resourceVersion: '2', labels: { a: 'changed' } } } },
      },
      { outputs: [{ name: 'v', path: 'patch.value' }] },
    );
    assert.deepEqual([last.errors, last.outputs], [[], { v: { kind: 'M', metadata: { resourceVersion: '2', labels: { a: 'changed' } } } }]);
  });

  it('lets @step decide about the order inside an operation', async () => {
    assert.deepEqual(
      paths(await run('1.1', 'import "vela/op"\nall: op.#Steps & {\n\tb: op.#Break @step(2)\n\ta: op.#Break @step(1)\n\tc: op.#Break\n}\nlast: op.#Break')),
      ['all.a', 'all.b', 'all.c', 'last'],
    );
  });

  it('knows the calls of a #up list, whose results go nowhere', async () => {
    const done = await run('1.1', 'import "vela/op"\n#up: [op.#Apply & {value: n: 1}, {skipped: 1}, op.#Apply & {value: n: 2}]\nlast: op.#Break');
    assert.deepEqual(
      done.calls.map((call) => [call.path, call.up ?? false]),
      [
        ['#up[0]', true],
        ['#up[2]', true],
        ['last', false],
      ],
    );
  });

  it('runs the expression in script()', async () => {
    const { last } = await run(
      '1.1',
      'src: "1 + parameter.n"\nx: script(src)\nparameter: n: int',
      {},
      { parameter: { n: 2 }, outputs: [{ name: 'x', path: 'x' }] },
    );
    assert.deepEqual([last.errors, last.outputs], [[], { x: 3 }]);
  });

  it('applies a component: the workload, then its other objects by their names', async () => {
    const done = await run('1.1', 'import "vela/op"\napply: op.#ApplyComponent & {component: "web"}', {
      'apply.load': { value: { workload: { kind: 'D' }, auxiliaries: [{ kind: 'S', metadata: { labels: { 'trait.oam.dev/resource': 'my-svc' } } }] } },
    });
    assert.deepEqual(paths(done), ['apply.load', 'apply.workload__', 'apply.traits."my-svc"']);
    assert.deepEqual(done.calls[0]?.params, { component: 'web' });
  });

  it('applies the remaining components but for the exceptions', async () => {
    const done = await run('1.1', 'import "vela/op"\nrest: op.#ApplyRemaining & {exceptions: a: {}}', {
      'rest.components': { value: { a: { workload: { kind: 'A' } }, b: { workload: { kind: 'B' }, auxiliaries: [{ kind: 'S' }] } } },
    });
    assert.deepEqual(
      done.calls.slice(1).map((call) => [call.up, call.params]),
      [
        [true, { value: { kind: 'B' } }],
        [true, { value: { kind: 'S' } }],
      ],
    );
  });

  it('posts to DingTalk by token, as 1.1.0 has it, or by address, and to Slack', async () => {
    const done = await run(
      '1.1',
      `import "vela/op"
ding: op.#DingTalk & {token: "t", message: {msgtype: "text", text: content: context.name}}
later: op.#DingTalk & {dingUrl: "https://ding.example.com", message: {msgtype: "text"}}
slack: op.#Slack & {slackUrl: "https://slack.example.com", message: text: "hi"}
get: op.#HTTPGet & {url: "https://example.com"}
body: get.response.body`,
      { get: { response: { body: 'ok', statusCode: 200, header: {} } } },
      { outputs: [{ name: 'body', path: 'body' }] },
    );
    assert.deepEqual(
      done.calls.map((call) => [
        call.path,
        call.provider,
        call.do,
        call.params['method'],
        call.params['url'],
        (call.params['request'] as CueObject | undefined)?.['body'],
      ]),
      [
        ['ding.do', 'http', 'do', 'POST', 'https://oapi.dingtalk.com/robot/send?access_token=t', '{"msgtype":"text","text":{"content":"app"}}'],
        ['later.do', 'http', 'do', 'POST', 'https://ding.example.com', '{"msgtype":"text"}'],
        ['slack.do', 'http', 'do', 'POST', 'https://slack.example.com', '{"text":"hi"}'],
        ['get', 'http', 'do', 'GET', 'https://example.com', undefined],
      ],
    );
    assert.deepEqual([done.last.errors, done.last.outputs], [[], { body: 'ok' }]);
  });

  it('gets and puts variables, exports, and converts bytes; the inner packages can be named', async () => {
    const done = await run(
      '1.1',
      `import ("vela/op", "encoding/base64")
put: op.ws.#DoVar & {method: "Put", path: "a.b", value: n: 1}
get: op.ws.#DoVar & {path: "a.b"}
seen: get.value.n
change: op.ws.#Export & {component: "web", value: spec: replicas: 2}
text: op.#ConvertString & {bt: base64.Decode(null, "aGk=")}
read: op.kube.#Read & {value: {apiVersion: "v1", kind: "A", metadata: name: text.str}}
none: [if read.err != op.NoExist {read.err}, "fine"][0]`,
      { get: { value: { n: 7 } }, text: { str: 'hi' }, read: { value: { apiVersion: 'v1', kind: 'A', metadata: { name: 'hi' } } } },
      {
        outputs: [
          { name: 'seen', path: 'seen' },
          { name: 'none', path: 'none' },
        ],
      },
    );
    assert.deepEqual(
      done.calls.map((call) => [call.path, call.provider, call.do]),
      [
        ['put', 'builtin', 'var'],
        ['get', 'builtin', 'var'],
        ['change', 'builtin', 'export'],
        ['text', 'util', 'string'],
        ['read', 'kube', 'read'],
      ],
    );
    assert.deepEqual(
      [done.calls[0]?.params, done.calls[1]?.params, done.calls[3]?.params],
      [{ method: 'Put', path: 'a.b', value: { n: 1 } }, { method: 'Get', path: 'a.b' }, { bt: 'aGk=' }],
    );
    assert.deepEqual([done.last.errors, done.last.outputs], [[], { seen: 7, none: 'fine' }]);
  });

  it('applies every component in its own way (1.1.13)', async () => {
    const done = await run('1.1', 'import "vela/op"\nall: op.#ApplyApplication', {
      'all.load': { value: { a: { name: 'a', type: 'worker' }, b: { name: 'b', type: 'task' } } },
    });
    assert.deepEqual(
      done.calls.map((call) => [call.path, `${call.provider}.${call.do}`, call.params]),
      [
        ['all.load', 'oam.load', {}],
        ['all.components.a', 'oam.component-apply', { value: { name: 'a', type: 'worker' } }],
        ['all.components.b', 'oam.component-apply', { value: { name: 'b', type: 'task' } }],
      ],
    );
  });

  it('takes what a template says beside an answer that it spreads, where the two differ', async () => {
    const done = await run(
      '1.1',
      `import "vela/op"
read: op.#Read & {value: {kind: "M", metadata: name: "m"}}
patch: op.#Apply & {value: {
	read.value
	metadata: labels: {set: "new", "a/b": parameter.ab}
	spec: taints: []
}}
parameter: ab: string`,
      {
        read: {
          value: { kind: 'M', metadata: { name: 'm', labels: { set: 'default', 'a/b': 'was', keep: 'x' } }, spec: { taints: [{ key: 'k' }], other: 1 } },
        },
      },
      { parameter: { ab: 'is' }, outputs: [{ name: 'kept', path: 'read.value.metadata.labels.keep' }] },
    );
    assert.deepEqual(
      done.calls.map((call) => call.path),
      ['read', 'patch'],
    );
    assert.deepEqual(
      [done.calls[1]?.params, done.calls[1]?.missing],
      [{ value: { kind: 'M', metadata: { name: 'm', labels: { keep: 'x', set: 'new', 'a/b': 'is' } }, spec: { taints: [], other: 1 } } }, []],
    );
    assert.deepEqual([done.last.done, done.last.outputs], [true, { kept: 'x' }]);
  });

  it('reads what an env-binding made for a component', async () => {
    const done = await run(
      '1.1',
      'import "vela/op"\nc: op.#ApplyEnvBindComponent & {env: "prod", policy: "pol", component: "web", namespace: context.namespace}',
      (call) => (call.do === 'read' ? { value: { status: { phase: 'finished' }, data: { 'pol-prod-web': 'kind: ManifestWork\n' } } } : {}),
    );
    assert.deepEqual(paths(done), ['c.envBinding', 'c.wait', 'c.configMap', 'c.apply']);
    assert.deepEqual([done.calls[1]?.params, done.calls[3]?.params], [{ continue: true }, { value: { kind: 'ManifestWork' } }]);
  });
});

describe('a workflow step of KubeVela 1.10', () => {
  it('gives $params and takes $returns', async () => {
    const done = await run(
      '1.10',
      `import ("vela/kube", "vela/builtin")
output: kube.#Apply & {$params: {cluster: parameter.cluster, value: {kind: "D", metadata: name: context.stepName}}}
wait: builtin.#ConditionalWait & {$params: continue: output.$returns.value.ready == 1}
parameter: cluster: *"" | string`,
      (call) => (call.do === 'wait' ? 'stop' : { value: { kind: 'D', metadata: { name: 'one', uid: 'u' }, ready: 1 } }),
      {
        outputs: [
          { name: 'a', path: 'output.$returns.value.metadata.uid' },
          { name: 'b', path: 'output.value.ready' },
          { name: 'c', path: 'import "strings"\nstrings.ToUpper(output.$returns.value.kind) + "!"' },
        ],
      },
    );
    assert.deepEqual(
      done.calls.map((call) => [call.path, call.provider, call.do, call.style, call.params]),
      [
        ['output', 'kube', 'apply', 'params', { cluster: '', value: { kind: 'D', metadata: { name: 'one' } } }],
        ['wait', 'builtin', 'wait', 'params', { continue: true }],
      ],
    );
    assert.deepEqual(done.last.outputs, { a: 'u', b: 1, c: 'D!' });
  });

  it('goes depth first, @step first, and skips what is below a definition', async () => {
    assert.deepEqual(
      paths(
        await run(
          '1.10',
          `import "vela/builtin"
#never: builtin.#Fail
z: builtin.#Message & {$params: message: "z"}
a: {inner: builtin.#Message & {$params: message: "inner"}, #do: "message", #provider: "builtin", $params: message: "outer"}
first: builtin.#Message @step(1)
_hidden: builtin.#Message
list: [builtin.#Message, {deep: builtin.#Message}]`,
        ),
      ),
      ['first', 'z', 'a.inner', 'a', '_hidden', 'list[0]', 'list[1].deep'],
    );
  });

  it('finds calls that only a result brings about', async () => {
    const done = await run(
      '1.10',
      `import "vela/op"
app: op.#Steps & {
	load: op.#Load
	for name, c in *load.value | {} {
		"\\(name)": op.#ApplyComponent & {value: c}
	}
}`,
      { 'app.load': { value: { 'my-web': { type: 'webservice' } } } },
    );
    assert.deepEqual(
      done.calls.map((call) => [call.path, call.provider, call.do, call.style]),
      [
        ['app.load', 'oam', 'load', 'flat'],
        ['app."my-web"', 'oam', 'component-apply', 'flat'],
      ],
    );
  });

  it('takes results of older, flat calls beside their arguments', async () => {
    const { last } = await run(
      '1.10',
      'import "vela/op"\nread: op.#Read & {value: {kind: "A", spec: x: 1}}\nname: read.value.spec.x',
      { read: { value: { kind: 'A', spec: { x: 2 } } } },
      { outputs: [{ name: 'x', path: 'name' }] },
    );
    assert.deepEqual([last.errors, last.outputs], [[], { x: 2 }]);
  });

  it('says which parameter of a call is missing', async () => {
    const { last } = await run(
      '1.10',
      'import "vela/kube"\na: kube.#Apply & {$params: value: {kind: string, name: parameter.n}}\nparameter: n?: string',
      () => 'stop',
    );
    assert.deepEqual(
      last.next?.missing.map(({ path }) => path),
      [
        ['$params', 'value', 'kind'],
        ['$params', 'value', 'name'],
      ],
    );
  });

  it('finds two defaults of one parameter undecided, as KubeVela does', async () => {
    const { last } = await run(
      '1.10',
      'import "vela/kube"\nd: kube.#Delete & {$params: value: {apiVersion: "v1", kind: "Pod", metadata: {name: "a", namespace: parameter.ns}}}\nparameter: ns: *context.namespace | string',
      () => 'stop',
    );
    assert.deepEqual(
      last.next?.missing.map(({ path }) => path),
      [['$params', 'value', 'metadata', 'namespace']],
    );
  });

  it('reports properties that do not fit before it calls anything', async () => {
    const { calls, last } = await run(
      '1.10',
      'import "vela/kube"\na: kube.#Apply & {$params: value: {}}\nparameter: n: int',
      {},
      { parameter: { n: 'secret' } },
    );
    assert.deepEqual([calls.length, last.errors], [0, [{ code: 'parameter', message: 'expected int, got string', path: ['parameter', 'n'] }]]);
  });

  it('gives bytes as base64 in parameters, and as text in outputs', async () => {
    const done = await run(
      '1.10',
      'import ("vela/util", "encoding/base64")\ns: util.#ConvertString & {$params: bt: base64.Decode(null, "aGk=")}\nraw: base64.Decode(null, "aGk=")',
      { s: { str: 'hi' } },
      {
        outputs: [
          { name: 'raw', path: 'raw' },
          { name: 's', path: 's.$returns.str' },
        ],
      },
    );
    assert.deepEqual([done.calls[0]?.params, done.last.outputs], [{ bt: 'aGk=' }, { raw: 'hi', s: 'hi' }]);
  });

  it('reports a contradiction when nothing is left to call', async () => {
    const { last } = await run('1.10', 'a: 1\na: 2');
    assert.deepEqual(
      last.errors.map(({ code, path }) => [code, path]),
      [['template', ['a']]],
    );
  });
});
