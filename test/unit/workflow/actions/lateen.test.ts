import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { systemClock } from '../../../../daemon/lib/retry.ts';
import { Fault } from '../../../../daemon/model/fault.ts';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import type { ClusterRegistration, Register } from '../../../../daemon/model/ports.ts';
import { openCue } from '../../../../daemon/render/cue/cue.ts';
import { ACTIONS } from '../../../../daemon/workflow/actions/actions.ts';
import { runTemplate } from '../../../../daemon/workflow/steps/template.ts';
import { ask } from './ask.ts';
import { world, type World } from './world.ts';

const cue = openCue({ clock: systemClock(), limits: { workers: 1 } });
after(() => cue[Symbol.asyncDispose]());

const CLUSTER = 'cluster.open-cluster-management.io';
const pem = (what: string): string => `-----BEGIN ${what}-----\n${Buffer.from(what).toString('base64')}\n-----END ${what}-----\n`;
const [CA, CERT, KEY] = [pem('CA'), pem('CERTIFICATE'), pem('EC KEY')];
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const KUBECONFIG = JSON.stringify({
  clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.5:6443', 'certificate-authority-data': base64(CA) } }],
  users: [{ name: 'u', user: { 'client-certificate-data': base64(CERT), 'client-key-data': base64(KEY) } }],
  contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
});
const REGISTERED: ClusterRegistration = {
  name: 'c1',
  connection: { endpoint: 'https://10.0.0.5:6443', ca: CA, login: { cert: CERT, key: KEY } },
  labels: { purpose: 'test' },
  clusterSet: 'prod',
  boundTo: ['default'],
  hubServer: '',
};

const managed = (mode: string, more: object = {}): KubeObject => ({
  apiVersion: `${CLUSTER}/v1`,
  kind: 'ManagedCluster',
  metadata: {
    name: 'c1',
    uid: 'u',
    annotations: { 'lateen.dev/delivery': mode, other: 'x' },
    labels: { [`${CLUSTER}/clusterset`]: 'prod', theirs: 'y' },
    finalizers: [`${CLUSTER}/resource-cleanup`],
    ...more,
  },
  spec: { hubAcceptsClient: true, managedClusterClientConfigs: [{ url: 'https://10.0.0.5:6443' }], taints: [{ key: 'a', effect: 'NoSelect' }] },
});

/** A register that answers in order, and notes what it was asked. */
function registering(answers: readonly (Awaited<ReturnType<Register>> | Fault)[]): { readonly register: Register; readonly asked: ClusterRegistration[] } {
  const asked: ClusterRegistration[] = [];
  return {
    asked,
    register: async (registration) => {
      const answer = answers[asked.push(registration) - 1] ?? assert.fail('asked once too often');
      if (answer instanceof Fault) throw answer;
      return answer;
    },
  };
}
const WAITS = { available: false, message: 'cluster c1 is not yet joined', changed: true };
const DONE = { available: true, message: '', changed: false };

const PARAMS = `{name: "c1", kubeconfig: parameter.kubeconfig, labels: purpose: "test", clusterSet: "prod", boundTo: ["default"]}`;
const FORMS = [
  ['1.10', '$params', `register: {#provider: "lateen", #do: "register-cluster", $params: ${PARAMS}}`, 'register.$returns.cluster'],
  ['1.10', 'flat', `register: {#provider: "lateen", #do: "register-cluster", #flat: true, cluster?: {...}, ${PARAMS.slice(1, -1)}}`, 'register.cluster'],
  ['1.1', 'flat', `register: {#provider: "lateen", #do: "register-cluster", cluster?: {...}, ${PARAMS.slice(1, -1)}}`, 'register.cluster'],
  ['1.1', '$params', `register: {#provider: "lateen", #do: "register-cluster", $params: ${PARAMS}}`, 'register.$returns.cluster'],
] as const;

for (const [dialect, form, template, valueFrom] of FORMS) {
  test(`a step in ${dialect} registers with ${form}, waits, and gives the cluster's name and mode`, async () => {
    const { register, asked } = registering([WAITS, DONE]);
    const here = world({
      cue,
      dialect,
      register,
      template: `${template}\nparameter: kubeconfig: string`,
      properties: { kubeconfig: KUBECONFIG },
      outputs: [{ name: 'cluster', valueFrom }],
    });
    const first = await runTemplate(here.context, ACTIONS);
    assert.deepEqual([first.kind, first.message, first.retryAfterMs], ['wait', 'cluster c1 is not yet joined', 1000]);
    here.put(managed('direct'));
    const done = await runTemplate(here.context, ACTIONS);
    assert.deepEqual([done.kind, done.outputs, done.outputErrors], ['succeeded', { cluster: { name: 'c1', mode: 'direct' } }, {}]);
    assert.deepEqual(asked, [REGISTERED, REGISTERED]);
  });
}

const recordedIn = (here: World): KubeObject => here.delivered.at(-1)?.object ?? assert.fail('nothing was recorded');

test("the ManagedCluster is recorded as the application's, with what is ours and nothing of others", async () => {
  const params = { name: 'c1', kubeconfig: KUBECONFIG, labels: { purpose: 'test' } };
  const direct = world({ register: registering([DONE]).register });
  direct.put(managed('direct'));
  await ask(direct, 'lateen.register-cluster', params);
  const object = recordedIn(direct);
  assert.deepEqual([object.metadata.annotations, object.metadata.finalizers], [{ 'lateen.dev/delivery': 'direct' }, [`${CLUSTER}/resource-cleanup`]]);
  assert.deepEqual(object.metadata.labels, {
    purpose: 'test',
    [`${CLUSTER}/clusterset`]: 'prod',
    'app.oam.dev/cluster': '',
    'app.oam.dev/name': 'shop',
    'app.oam.dev/namespace': 'prod',
  });
  assert.deepEqual(object['spec'], { hubAcceptsClient: true, managedClusterClientConfigs: [{ url: 'https://10.0.0.5:6443' }] });
  assert.equal(direct.delivered[0]?.rules.takeOver, true);
  const ocm = world({ dialect: '1.1', register: registering([WAITS]).register });
  ocm.put(managed('ocm'));
  assert.equal((await ask(ocm, 'lateen.register-cluster', params)).kind, 'wait');
  assert.deepEqual(
    [recordedIn(ocm).metadata, recordedIn(ocm)['spec']],
    [{ name: 'c1', annotations: { 'lateen.dev/delivery': 'ocm' }, labels: { purpose: 'test' } }, { hubAcceptsClient: true }],
  );
});

test('one that is being deleted is not recorded again', async () => {
  const here = world({ register: registering([WAITS]).register });
  here.put(managed('direct', { deletionTimestamp: '2026-01-01T00:00:00Z' }));
  assert.equal((await ask(here, 'lateen.register-cluster', { name: 'c1', kubeconfig: KUBECONFIG })).kind, 'wait');
  assert.deepEqual(here.delivered, []);
});

test('single values, in PEM or base64, and a token do as well as a kubeconfig', async () => {
  const { register, asked } = registering([WAITS, WAITS, WAITS]);
  const connection = { endpoint: 'https://10.0.0.5:6443', ca: CA, cert: base64(CERT), key: base64(base64(KEY)) };
  await ask(world({ register }), 'lateen.register-cluster', { name: 'c1', connection, hubServer: 'https://hub:6443' });
  await ask(world({ register }), 'lateen.register-cluster', { name: 'c1', connection: { endpoint: 'https://10.0.0.5:6443', ca: CA, token: 'a.b.c' } });
  assert.deepEqual(
    asked.map(({ connection: one, hubServer, clusterSet, labels }) => [one.login, hubServer, clusterSet, labels]),
    [
      [{ cert: CERT, key: KEY }, 'https://hub:6443', null, {}],
      [{ token: 'a.b.c' }, '', null, {}],
    ],
  );
});

for (const [title, params, code, words] of [
  ['no name', { kubeconfig: KUBECONFIG }, 'workflow/call', /needs a name/],
  ['neither kubeconfig nor connection', { name: 'c1' }, 'workflow/call', /needs either kubeconfig/],
  ['both', { name: 'c1', kubeconfig: KUBECONFIG, connection: {} }, 'workflow/call', /needs either kubeconfig/],
  ['labels that are no texts', { name: 'c1', kubeconfig: KUBECONFIG, labels: { a: 1 } }, 'workflow/call', /labels and boundTo are texts/],
  ['a kubeconfig that is none', { name: 'c1', kubeconfig: 'a: [S0VZ' }, 'transport/connection', /^the kubeconfig is not YAML$/],
  [
    'a key that is none',
    { name: 'c1', connection: { endpoint: 'https://a', cert: CERT, key: 'S0VZ!' } },
    'transport/connection',
    /^the client key is neither PEM nor base64 of it$/,
  ],
] as const) {
  test(`with ${title} it is refused in words`, async () => {
    await assert.rejects(
      ask(world(), 'lateen.register-cluster', params),
      (error) => error instanceof Fault && error.code === code && words.test(error.message),
    );
  });
}

test("what the registration cannot do is the step's fault, and a ManagedCluster of another application too", async () => {
  await assert.rejects(
    ask(world({ register: registering([new Fault('transport/unreachable', 'https://10.0.0.5:6443: no')]).register }), 'lateen.register-cluster', {
      name: 'c1',
      kubeconfig: KUBECONFIG,
    }),
    { code: 'transport/unreachable' },
  );
  const here = world({ register: registering([DONE]).register });
  here.put(managed('direct'));
  const delivery = {
    ...here.context.delivery,
    deliver: async (...asked: Parameters<typeof here.context.delivery.deliver>) =>
      (await here.context.delivery.deliver(...asked)).map((item) => ({ ...item, fault: new Fault('plan/ownership', "another's") })),
  };
  await assert.rejects(ask({ ...here, context: { ...here.context, delivery } }, 'lateen.register-cluster', { name: 'c1', kubeconfig: KUBECONFIG }), {
    code: 'plan/ownership',
  });
});
