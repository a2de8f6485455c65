import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { systemClock } from '../../../../daemon/lib/retry.ts';
import type { CueObject } from '../../../../daemon/model/cue.ts';
import { Fault } from '../../../../daemon/model/fault.ts';
import type { Http } from '../../../../daemon/model/ports.ts';
import { openCue } from '../../../../daemon/render/cue/cue.ts';
import { ACTIONS } from '../../../../daemon/workflow/actions/actions.ts';
import { runTemplate, templateContext } from '../../../../daemon/workflow/steps/template.ts';
import { answerOf } from './ask.ts';
import { world, type Setting, type World } from './world.ts';

const cue = openCue({ clock: systemClock(), limits: { workers: 1 } });
after(() => cue[Symbol.asyncDispose]());

const stepIn = (setting: Setting): World => world({ cue, ...setting });
const run = (here: World) => runTemplate(here.context, ACTIONS);

const APPLY_AND_WAIT = `
import (
	"vela/kube"
	"vela/builtin"
)

made: kube.#Apply & {
	$params: {
		value: {
			apiVersion: "batch/v1"
			kind:       "Job"
			metadata: {
				name:      "\\(context.name)-\\(context.stepName)-\\(context.stepSessionID)"
				namespace: context.namespace
			}
			spec: parallelism: parameter.parallelism
		}
	}
}
check: builtin.#ConditionalWait & {
	if made.$returns.value.status != _|_ if made.$returns.value.status.succeeded != _|_ {
		$params: continue: made.$returns.value.status.succeeded >= parameter.parallelism
	}
	$params: message: "waiting for \\(made.$returns.value.metadata.uid)"
}
parameter: parallelism: *1 | int
`;

test('a step applies, waits with a message, and succeeds with its outputs once the object says so', async () => {
  const here = stepIn({
    template: APPLY_AND_WAIT,
    properties: { parallelism: 2 },
    outputs: [
      { name: 'uid', valueFrom: 'made.$returns.value.metadata.uid' },
      { name: 'nothing', valueFrom: 'made.$returns.value.missing' },
    ],
  });
  assert.deepEqual(await run(here), { kind: 'wait', message: 'waiting for uid-shop-first-abcdefghij', outputs: {}, outputErrors: {} });
  assert.deepEqual(here.delivered[0]?.key, { cluster: 'local', apiVersion: 'batch/v1', kind: 'Job', namespace: 'prod', name: 'shop-first-abcdefghij' });
  assert.deepEqual(here.delivered[0]?.object['spec'], { parallelism: 2 });
  here.put({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'shop-first-abcdefghij', namespace: 'prod' }, status: { succeeded: 2 } });
  const done = await run(here);
  assert.deepEqual([done.kind, done.outputs, Object.keys(done.outputErrors)], ['succeeded', { uid: 'uid-shop-first-abcdefghij' }, ['nothing']]);
});

test('KubeVela 1.1: a component is loaded, applied and waited for, and a Secret is read into an output', async () => {
  const template = `
import (
	"vela/op"
	"encoding/base64"
)

manifest: op.#Load & {component: parameter.component}
applied: op.#Apply & {value: {manifest.value.workload}}
ready: op.#ConditionalWait & {continue: applied.value.status.state == "Available"}
conn: op.#Read & {
	value: {
		apiVersion: "v1"
		kind:       "Secret"
		metadata: {
			name:      "conn"
			namespace: context.namespace
		}
	}
}
parameter: component: string
info: {
	host: base64.Decode(null, conn.value.data["host"])
}
`;
  const here = stepIn({
    dialect: '1.1',
    template,
    properties: { component: 'db' },
    components: [{ name: 'db', type: 'cloud', properties: { size: 3 } }],
    outputs: [{ name: 'connInfo', valueFrom: 'info' }],
  });
  here.put({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'conn', namespace: 'prod' }, data: { host: Buffer.from('db.example').toString('base64') } });
  assert.equal((await run(here)).kind, 'wait');
  assert.equal(here.delivered[0]?.component, 'db');
  const [wanted] = here.delivered;
  here.put({ ...wanted.object, status: { state: 'Available' } });
  assert.deepEqual(await run(here), { kind: 'succeeded', message: '', outputs: { connInfo: { host: 'db.example' } }, outputErrors: {} });
});

test('KubeVela 1.1: a wait inside #up does not stop what follows, and the step waits', async () => {
  const template = `
import "vela/op"

#up: [
	op.#ConditionalWait & {continue: false},
	op.#Apply & {value: {apiVersion: "v1", kind: "ConfigMap", metadata: name: "a"}},
]
last: op.#Apply & {value: {apiVersion: "v1", kind: "ConfigMap", metadata: name: "b"}}
`;
  const here = stepIn({ dialect: '1.1', template });
  assert.equal((await run(here)).kind, 'wait');
  assert.deepEqual(
    here.delivered.map((wanted) => wanted.key.name),
    ['a', 'b'],
  );
});

test('a component that is not healthy yet lets the walk go on, and the step waits', async () => {
  const template = `
import "vela/op"

all: op.#ApplyApplication & {}
`;
  const here = stepIn({
    template,
    components: [
      { name: 'web', type: 'webservice', properties: {} },
      { name: 'db', type: 'webservice', properties: {} },
    ],
  });
  here.componentHealth.healthy = false;
  assert.deepEqual(await run(here), { kind: 'wait', message: 'wait healthy', outputs: {}, outputErrors: {}, retryAfterMs: 500 });
  assert.deepEqual(
    here.delivered.map((wanted) => wanted.component),
    ['web', 'web', 'db', 'db'],
  );
  here.componentHealth.healthy = true;
  assert.equal((await run(here)).kind, 'succeeded');
});

test('a suspend, a break and a fail end the walk, and nothing after them is done', async () => {
  const template = (call: string): string => `
import (
	"vela/builtin"
	"vela/kube"
)

say:  builtin.#Message & {$params: message: "so far"}
stop: builtin.#${call} & {$params: {}}
never: kube.#Apply & {$params: value: {apiVersion: "v1", kind: "ConfigMap", metadata: name: "n"}}
seen: "x"
`;
  for (const [call, kind, message, outputs] of [
    ['Suspend', 'suspend', 'Suspended by field stop', {}],
    ['Break', 'break', 'so far', { seen: 'x' }],
    ['Fail', 'fail', 'so far', {}],
  ] as const) {
    const here = stepIn({ template: template(call), outputs: [{ name: 'seen', valueFrom: 'seen' }] });
    const result = await run(here);
    assert.deepEqual([result.kind, result.message, result.outputs], [kind, message, outputs]);
    assert.equal(here.delivered.length, 0);
  }
});

test('a request of the template is answered once, also when the step is walked again', async () => {
  let made = 0;
  const http: Http = async (asked) => {
    made += 1;
    return { statusCode: 200, headers: { 'content-type': ['application/json'] }, body: `{"you":"${asked.method}"}` };
  };
  const template = `
import (
	"vela/http"
	"vela/builtin"
	"encoding/json"
)

req: http.#HTTPDo & {$params: {method: "POST", url: "http://127.0.0.1/x", request: body: json.Marshal(parameter)}}
answer: json.Unmarshal(req.$returns.body)
wait: builtin.#ConditionalWait & {$params: continue: parameter.go}
parameter: go: bool
`;
  const here = stepIn({ template, http, properties: { go: false }, outputs: [{ name: 'you', valueFrom: 'answer.you' }] });
  assert.equal((await run(here)).kind, 'wait');
  const again = { ...here, context: { ...here.context, properties: { go: true } } };
  assert.deepEqual((await run(again)).outputs, { you: 'POST' });
  assert.equal(made, 1);
});

test('clusters that a placement gives become fields, each with its own call', async () => {
  const template = `
import (
	"vela/op"
	"vela/kube"
)

places: op.#GetPlacementsFromTopologyPolicies & {policies: ["p"]}
apply: {
	for p in places.placements {
		(p.cluster): kube.#Apply & {$params: {value: {apiVersion: "v1", kind: "ConfigMap", metadata: {name: "c", namespace: p.namespace}}, cluster: p.cluster}}
	}
}
`;
  const here = stepIn({ template, policies: [{ name: 'p', type: 'topology', properties: { clusters: ['local'], namespace: 'n' } }] });
  assert.equal((await run(here)).kind, 'succeeded');
  assert.deepEqual(
    here.delivered.map((wanted) => [wanted.key.namespace, wanted.object.metadata.labels?.['app.oam.dev/cluster']]),
    [['n', 'local']],
  );
});

test('an object is patched by the rules of traits, and a contradiction is an error', async () => {
  const here = stepIn({});
  here.put({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd', namespace: 'default' },
    spec: { replicas: 1, template: { spec: { containers: [{ name: 'a', image: 'x' }] } } },
    status: { readyReplicas: 1 },
  });
  const reference = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' } };
  await answerOf(here, 'kube.patch', {
    cluster: '',
    value: reference,
    patch: { metadata: { labels: { tier: 'front' } }, spec: { template: { spec: { containers: [{ command: ['run'] }] } } } },
  });
  const [wanted] = here.delivered;
  assert.equal(wanted?.object.metadata.labels?.['tier'], 'front');
  assert.deepEqual(wanted?.object['spec'], { replicas: 1, template: { spec: { containers: [{ name: 'a', image: 'x', command: ['run'] }] } } });
  assert.equal(wanted?.object['status'], undefined);
  await assert.rejects(answerOf(here, 'kube.patch', { value: reference, patch: { spec: { replicas: 3 } } }), { code: 'render/template' });
  assert.match(String((await answerOf(here, 'util.patch-k8s-object', { value: { a: 1 }, patch: { a: 2 } }))['err']), /^the patch of /);
  assert.deepEqual(await answerOf(here, 'util.patch-k8s-object', { value: { a: 1 }, patch: { b: 2 } }), { result: { a: 1, b: 2 } });
});

test('a config is rendered by its template, with the objects beside it', async () => {
  const here = stepIn({});
  const template = `
metadata: {
	name:  "db"
	scope: "project"
}
template: {
	output: {
		apiVersion: "v1"
		kind:       "Secret"
		metadata: name: context.name
		type: "example/db"
		stringData: url: "db://\\(parameter.host)"
	}
	outputs: map: {
		apiVersion: "v1"
		kind:       "ConfigMap"
		metadata: {
			name:      "\\(context.name)-map"
			namespace: context.namespace
		}
		data: host: parameter.host
	}
	parameter: host: string
}
`;
  here.put({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'config-template-db', namespace: 'vela-system', labels: { 'config.oam.dev/scope': 'project' } },
    data: { template },
  });
  await answerOf(here, 'config.create', { name: 'main', namespace: 'prod', template: 'db', config: { host: 'h' } });
  const [secret, map] = here.delivered;
  assert.deepEqual(
    [
      secret?.object['type'],
      secret?.object['stringData'],
      secret?.object.metadata.labels?.['config.oam.dev/type'],
      secret?.object.metadata.labels?.['config.oam.dev/scope'],
    ],
    ['example/db', { url: 'db://h' }, 'db', 'project'],
  );
  assert.deepEqual([map?.object.metadata.name, map?.object['data']], ['main-map', { host: 'h' }]);
  await answerOf(here, 'config.delete', { name: 'main', namespace: 'prod' });
  assert.deepEqual(here.removed, ['local//ConfigMap/prod/main-map', 'local//Secret/prod/main']);
  await assert.rejects(answerOf(here, 'config.create', { name: 'other', namespace: 'prod', template: 'db', config: { host: 1 } }), (error: Fault) =>
    error.code.startsWith('render/'),
  );
});

test('a metric has to hold for the duration, and fails after the other', async () => {
  let value = '0.97';
  const http: Http = async () => ({
    statusCode: 200,
    headers: {},
    body: JSON.stringify({ status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value: [1, value] }] } }),
  });
  const here = stepIn({ http });
  const params = { query: 'up', condition: '>=0.95', duration: '5m', failDuration: '2m', metricEndpoint: 'http://127.0.0.1:1' };
  const check = async (laterMs: number): Promise<readonly unknown[]> => {
    here.clock.nowMs += laterMs;
    const { result, failed } = await answerOf(here, 'metrics.promCheck', params);
    return [result, failed];
  };
  assert.deepEqual(await check(0), [false, false]);
  assert.deepEqual(await check(299_000), [false, false]);
  assert.deepEqual(await check(1_000), [true, false]);
  value = '0.5';
  assert.deepEqual(await check(1_000), [false, false]);
  assert.deepEqual(await check(120_000), [false, true]);
});

test('mistakes are faults with the code of their cause, in one sentence', async () => {
  const cases: readonly (readonly [Setting, string, RegExp])[] = [
    [{ template: 'import "vela/kube"\nx: kube.#Apply & {$params: value: {' }, 'render/cue', /./],
    [{ template: 'parameter: n: int', properties: { n: 'x' } }, 'render/parameter', /n/],
    [
      { template: 'import "vela/kube"\nx: kube.#Apply & {$params: value: {apiVersion: "v1", kind: "ConfigMap", metadata: name: y.missing}}\ny: {}' },
      'render/template',
      /./,
    ],
    [{ template: 'x: {#do: "fly", #provider: "kube", $params: {}}' }, 'workflow/unsupported', /^there is no call kube\.fly \(at x\)$/],
    [
      {
        template:
          'import "vela/email"\nx: email.#SendEmail & {$params: {from: {address: "a", password: "geheim", host: "h", port: 1}, to: [], content: {subject: "s", body: "b"}}}',
      },
      'workflow/unsupported',
      /^email\.send is not supported/,
    ],
  ];
  for (const [setting, code, message] of cases) {
    await assert.rejects(run(stepIn(setting)), (error: Fault) => {
      assert.ok(error instanceof Fault, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n|geheim/);
      return true;
    });
  }
});

test('a step that asks for ever more calls is stopped', async () => {
  const evaluated = {
    ...cue,
    evaluateStep: async (request: { readonly results: Readonly<Record<string, CueObject>> }) => ({
      next: {
        path: `c${Object.keys(request.results).length}`,
        provider: 'builtin',
        do: 'wait',
        params: { continue: true },
        style: 'params' as const,
        missing: [],
      },
      done: false,
      errors: [],
      outputs: {},
      outputErrors: {},
    }),
  };
  await assert.rejects(run(world({ cue: evaluated })), { code: 'workflow/limit' });
});

test('an answer that is too large is stopped before it reaches the evaluator', async () => {
  const http: Http = async () => ({ statusCode: 200, headers: {}, body: 'x'.repeat(5 * 1024 * 1024) });
  await assert.rejects(run(stepIn({ http, template: 'import "vela/http"\nr: http.#HTTPDo & {$params: url: "http://127.0.0.1"}' })), { code: 'workflow/limit' });
});

test("the context is the application's with the step's own keys; KubeVela 1.1 gives the metadata of the Application", async () => {
  const modern = await templateContext(world({ annotations: { 'app.oam.dev/publishVersion': 'v9' } }).context);
  assert.deepEqual(modern, {
    name: 'shop',
    namespace: 'prod',
    appName: 'shop',
    appRevision: 'shop-v3',
    appRevisionNum: 3,
    workflowName: '',
    publishVersion: 'v9',
    appLabels: { team: 'a' },
    appAnnotations: { 'app.oam.dev/publishVersion': 'v9' },
    revision: '',
    replicaKey: '',
    cluster: '',
    components: [],
    stepName: 'first',
    stepGroupName: '',
    stepSessionID: 'abcdefghij',
    spanID: 'abcdefghij',
  });
  const old = world({ dialect: '1.1', template: 'x: context.uid' });
  old.put({ ...old.context.desired.object, metadata: { name: 'shop', namespace: 'prod', uid: 'u-1' } });
  assert.deepEqual(await templateContext(old.context), { name: 'shop', namespace: 'prod', uid: 'u-1', labels: { team: 'a' } });
});
