import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { load } from 'js-yaml';
import { createRedactor } from '../../../../daemon/lib/redact.ts';
import { differences } from '../../../../daemon/lib/subset.ts';
import { Fault } from '../../../../daemon/model/fault.ts';
import { keyOf, keyText, LOCAL, type KubeObject } from '../../../../daemon/model/object.ts';
import { PLAIN_RULES } from '../../../../daemon/model/plan.ts';
import { decide, isStamped } from '../../../../daemon/plan/decide.ts';
import type { ClusterRegistration, Register, Transport } from '../../../../daemon/model/ports.ts';
import { carryOutJobs } from '../../../../daemon/transport/cluster-register-apply.ts';
import { clusterRegisterJobController, isRegisterJob, registrationOf } from '../../../../daemon/transport/cluster-register-job.ts';
import { memoryCluster, noted, objectsOf } from './memory-cluster.ts';

const nowMs = Date.parse('2026-11-23T05:00:00Z');
const signal = new AbortController().signal;
const pem = (what: string): string => `-----BEGIN ${what}-----\n${Buffer.from(`${what} of somebody`).toString('base64')}\n-----END ${what}-----\n`;
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const [CA, CERT, KEY] = [pem('CA'), pem('CERTIFICATE'), pem('EC KEY')];

/** The Job that the published step makes. */
function job(
  flags: Readonly<Record<string, string>> = {},
  more: { readonly image?: string; readonly metadata?: object; readonly spec?: object; readonly status?: object } = {},
): KubeObject {
  const all = {
    'cluster-name': 'poc-01',
    'hub-api-server': 'https://hub:6443',
    'cluster-ca-cert': base64(CA),
    'client-cert': base64(CERT),
    'client-key': base64(KEY),
    'api-server-internet': 'https://10.0.0.5:6443',
    'kube-config': '',
    ...flags,
  };
  const command = ['/app', ...Object.entries(all).map(([name, value]) => `--${name}=${value}`)];
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'cluster-register', namespace: 'default', ...more.metadata },
    spec: {
      template: {
        spec: {
          containers: [{ name: 'cluster-register', image: more.image ?? 'oamdev/cluster-register:v1.0', imagePullPolicy: 'Always', command }],
          restartPolicy: 'OnFailure',
          serviceAccountName: 'cluster-register',
        },
      },
      ...more.spec,
    },
    ...(more.status === undefined ? {} : { status: more.status }),
  };
}
const OURS = { managedBy: 'lateen.dev/cluster-register', suspend: true };
const COMPLETE = { succeeded: 1, conditions: [{ type: 'Complete', status: 'True' }] };

const kubeconfig = `
clusters: [{name: c, cluster: {server: 'https://10.0.0.6:6443', certificate-authority-data: ${base64(CA)}}}]
users: [{name: u, user: {client-certificate-data: ${base64(CERT)}, client-key-data: ${base64(KEY)}}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`;

test('a Job is one of these by its image, wherever that comes from', () => {
  for (const image of [
    'oamdev/cluster-register',
    'oamdev/cluster-register:v1.0',
    'docker.io/oamdev/cluster-register:v1.0',
    'mirror.example:5000/a/oamdev/cluster-register@sha256:00',
    'ghcr.io/oamdev/cluster-register:v2@sha256:00',
  ])
    assert.ok(isRegisterJob(job({}, { image })), image);
  for (const image of ['oamdev/cluster-register-x', 'xoamdev/cluster-register', 'oamdev/cluster-registers:v1', 'oamdev/cluster-register/x', ''])
    assert.ok(!isRegisterJob(job({}, { image })), image);
});

test('the flags say which cluster, in PEM or base64, and a kubeconfig wins over single values', () => {
  const wanted: ClusterRegistration = {
    name: 'poc-01',
    connection: { endpoint: 'https://10.0.0.5:6443', ca: CA, login: { cert: CERT, key: KEY } },
    labels: {},
    clusterSet: null,
    boundTo: [],
    hubServer: 'https://hub:6443',
  };
  assert.deepEqual(registrationOf(job()), wanted);
  assert.deepEqual(registrationOf(job({ 'cluster-ca-cert': CA, 'client-cert': CERT, 'client-key': base64(base64(KEY)), decode: 'true' })), wanted);
  for (const text of [kubeconfig, base64(kubeconfig)])
    assert.deepEqual(registrationOf(job({ 'kube-config': text, 'hub-api-server': '' })), {
      ...wanted,
      hubServer: '',
      connection: { ...wanted.connection, endpoint: 'https://10.0.0.6:6443' },
    });
  const container = { image: 'oamdev/cluster-register', command: ['/app', '--decode'], args: ['-cluster-name', 'two', '--kube-config', kubeconfig] };
  assert.deepEqual(registrationOf({ ...job(), spec: { template: { spec: { containers: [{ image: 'sidecar' }, container] } } } }), {
    ...wanted,
    name: 'two',
    hubServer: '',
    connection: { ...wanted.connection, endpoint: 'https://10.0.0.6:6443' },
  });
});

function bench(answers: readonly (Awaited<ReturnType<Register>> | Fault)[] = []): {
  readonly hub: ReturnType<typeof memoryCluster>;
  readonly done: string[];
  readonly asked: ClusterRegistration[];
  readonly redactor: ReturnType<typeof createRedactor>;
  readonly controller: ReturnType<typeof clusterRegisterJobController>;
} {
  const hub = memoryCluster('https://hub:6443');
  const { effects, done, clock } = noted(nowMs);
  const redactor = createRedactor();
  const asked: ClusterRegistration[] = [];
  const register: Register = async (registration) => {
    const answer = answers[asked.push(registration) - 1] ?? assert.fail('asked once too often');
    if (answer instanceof Fault) throw answer;
    return answer;
  };
  return { hub, done, asked, redactor, controller: clusterRegisterJobController({ objects: objectsOf(hub.client), register, effects, redactor, clock }) };
}

test('a turn registers, waits, and tells Kubernetes that the Job is complete', async () => {
  const { hub, done, controller } = bench([
    { available: false, message: 'cluster poc-01 is not yet joined', changed: true },
    { available: false, message: 'cluster poc-01 is not yet available', changed: false },
    { available: true, message: '', changed: false },
  ]);
  hub.put(job({}, { spec: OURS, status: { conditions: [{ type: 'Suspended', status: 'True' }] } }));
  const live = (): KubeObject => hub.find('Job', 'cluster-register') ?? assert.fail('no Job');
  assert.ok(controller.isMine(live()));
  assert.deepEqual(await controller.turn(live(), signal), { retryAfterMs: 1000, changed: true, message: 'cluster poc-01 is not yet joined', fault: null });
  assert.deepEqual(await controller.turn(live(), signal), { retryAfterMs: 1000, changed: false, message: 'cluster poc-01 is not yet available', fault: null });
  assert.deepEqual(await controller.turn(live(), signal), { retryAfterMs: null, changed: true, message: '', fault: null });
  const status = live()['status'] as { readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[] };
  assert.deepEqual(
    { ...status, conditions: status.conditions.map(({ type, status: value, reason }) => `${type} ${value} ${reason}`) },
    {
      startTime: '2026-11-23T05:00:00Z',
      completionTime: '2026-11-23T05:00:00Z',
      succeeded: 1,
      conditions: ['SuccessCriteriaMet True CompletionsReached', 'Complete True CompletionsReached'],
    },
  );
  assert.deepEqual(done, ['system Job default/cluster-register', 'system Job default/cluster-register']);
  assert.deepEqual(await controller.turn(live(), signal), { retryAfterMs: null, changed: false, message: '', fault: null });
});

test('what goes wrong is told without the key, and the Job stays active', async () => {
  const { hub, controller } = bench([
    new Fault('transport/unreachable', `https://10.0.0.5:6443: nothing listens there, ${KEY.split('\n')[1] ?? ''}`),
    new Fault('transport/delivery', 'not certain'),
  ]);
  hub.put(job({}, { spec: OURS }));
  const live = (): KubeObject => hub.find('Job', 'cluster-register') ?? assert.fail('no Job');
  const turn = await controller.turn(live(), signal);
  assert.deepEqual([turn.fault?.code, turn.message, turn.retryAfterMs], ['transport/unreachable', 'https://10.0.0.5:6443: nothing listens there, ***', 1000]);
  assert.equal((await controller.turn(live(), signal)).retryAfterMs, 30_000);
  assert.equal((live()['status'] as { succeeded?: number }).succeeded, undefined);
});

for (const [title, flags, words] of [
  ['no name', { 'cluster-name': '' }, /has no --cluster-name/],
  ['a key that is none', { 'client-key': 'not a key!' }, /the client key is neither PEM nor base64/],
  ['no login', { 'client-cert': '' }, /client certificate or its key is missing/],
  ['no address', { 'api-server-internet': '' }, /address of the API server is missing/],
  ['an address of the hub that is none', { 'hub-api-server': '{{ hub }}' }, /--hub-api-server is no https URL/],
  ['a kubeconfig that is none', { 'kube-config': 'a: [b' }, /the kubeconfig is not YAML/],
] as const) {
  test(`a Job with ${title} is told why it cannot be carried out`, async () => {
    const { hub, controller, asked } = bench();
    hub.put(job(flags, { spec: OURS }));
    const turn = await controller.turn(hub.find('Job', 'cluster-register') ?? assert.fail(), signal);
    assert.match(turn.message, words);
    assert.deepEqual([turn.fault?.message, asked], [turn.message, []]);
  });
}

test("what stops the process is not the Job's fault", async () => {
  const { hub, controller } = bench([new Fault('transport/lease', 'lost'), new Fault('loop/cancelled', 'cancelled')]);
  hub.put(job({}, { spec: OURS }));
  for (const code of ['transport/lease', 'loop/cancelled'])
    await assert.rejects(controller.turn(hub.find('Job', 'cluster-register') ?? assert.fail(), signal), { code });
});

test('key, certificate and token of a Job are known to the redactor, its addresses are not', async () => {
  const { redactor, controller } = bench([new Fault('transport/busy', 'x'), new Fault('transport/busy', 'x')]);
  await controller.turn(job({}, { spec: OURS, status: { startTime: 'x' } }), signal);
  await controller.turn(
    job({ 'kube-config': kubeconfig.replace(/client-cert.*\}\}/, 'token: tok-en-of-somebody}}') }, { spec: OURS, status: { startTime: 'x' } }),
    signal,
  );
  for (const secret of [base64(KEY), KEY.split('\n')[1] ?? '', base64(CERT), 'tok-en-of-somebody']) assert.equal(redactor.text(`<${secret}>`), '<***>');
  assert.equal(redactor.text('https://10.0.0.6:6443 poc-01'), 'https://10.0.0.6:6443 poc-01');
});

/** A transport over objects in memory; `keeps` says which of the added fields the server knows. */
function transportOver(
  live: KubeObject | null,
  keeps: readonly string[] = ['managedBy', 'suspend'],
): {
  readonly transport: Transport;
  readonly log: string[];
  readonly sent: KubeObject[];
  state: { object: KubeObject | null; isHeld: boolean; hasCluster: boolean };
} {
  const [log, sent, state]: [string[], KubeObject[], { object: KubeObject | null; isHeld: boolean; hasCluster: boolean }] = [
    [],
    [],
    { object: live, isHeld: false, hasCluster: true },
  ];
  const unused = (): Promise<never> => Promise.reject(new Error('not in this test'));
  const transport: Transport = {
    observe: async (keys) =>
      new Map(
        keys.map((key) => [
          keyText(key),
          key.kind === 'ManagedCluster'
            ? state.hasCluster
              ? { live: { apiVersion: key.apiVersion, kind: key.kind, metadata: { name: key.name } } }
              : { absent: true }
            : state.object === null
              ? { absent: true }
              : { live: state.object },
        ]),
      ),
    apply: async ({ key, object }) => {
      log.push('apply');
      sent.push(object);
      const spec = Object.fromEntries(
        Object.entries(object['spec'] as object).filter(([name]) => !['managedBy', 'suspend'].includes(name) || keeps.includes(name)),
      );
      state.object = { ...object, metadata: { uid: 'new', ...object.metadata }, spec };
      return { key, object: state.object, changed: true, warnings: [] };
    },
    remove: async (_key, uid) => {
      log.push(`remove ${uid}`);
      if (!state.isHeld) state.object = null;
      return !state.isHeld;
    },
    list: unused,
    isNamespaced: unused,
  };
  return { transport, log, sent, state };
}

const applied = (transport: Transport, object: KubeObject, live: KubeObject | null): ReturnType<Transport['apply']> =>
  transport.apply({ key: keyOf(LOCAL, object), object, rules: PLAIN_RULES, live, owned: true }, signal);
const observed = async (transport: Transport, object: KubeObject): Promise<KubeObject> => {
  const seen = (await transport.observe([keyOf(LOCAL, object)], signal)).get(keyText(keyOf(LOCAL, object)));
  return seen !== undefined && 'live' in seen ? seen.live : assert.fail('not seen');
};

test('a Job goes out suspended and managed by Lateen, and is read back as it was asked for', async () => {
  const { transport, sent, state } = transportOver(null);
  const redactor = createRedactor();
  const wrapped = carryOutJobs(transport, redactor);
  const { object } = await applied(wrapped, job(), null);
  assert.deepEqual(
    Object.entries(sent[0]?.['spec'] as object).filter(([name]) => name !== 'template'),
    [
      ['suspend', true],
      ['managedBy', 'lateen.dev/cluster-register'],
    ],
  );
  assert.deepEqual([object['spec'], differences(job(), object)], [job()['spec'], []]);
  assert.deepEqual((await observed(wrapped, job()))['spec'], job()['spec']);
  assert.equal(redactor.text(base64(KEY)), '***');
  // Changed again: a field that is left out of an apply would be given up, and Kubernetes would run the Job.
  await applied(wrapped, job({}, { metadata: { labels: { a: 'b' } } }), state.object === null ? null : await observed(wrapped, job()));
  assert.deepEqual([(state.object as unknown as { spec: { suspend: boolean } }).spec.suspend, state.object?.metadata.labels], [true, { a: 'b' }]);
});

test('an apply that had nothing to send answers with what was read, and the Job is not taken for lost', async () => {
  const over = transportOver(null);
  const wrapped = carryOutJobs(
    {
      ...over.transport,
      apply: async (request, at) =>
        request.live === null ? over.transport.apply(request, at) : { key: request.key, object: request.live, changed: false, warnings: [] },
    },
    createRedactor(),
  );
  await applied(wrapped, job(), null);
  const again = await applied(wrapped, job(), await observed(wrapped, job()));
  assert.deepEqual([again.changed, over.log], [false, ['apply']]);
});

test('an older server keeps only suspend, which is enough; one that keeps neither does not keep the Job', async () => {
  const older = transportOver(null, ['suspend']);
  await applied(carryOutJobs(older.transport, createRedactor()), job(), null);
  assert.ok(older.state.object !== null && bench().controller.isMine(older.state.object));
  const none = transportOver(null, []);
  await assert.rejects(applied(carryOutJobs(none.transport, createRedactor()), job(), null), { code: 'transport/invalid' });
  assert.deepEqual(none.log, ['apply', 'remove new']);
});

test('a Job that Kubernetes has completed, or runs, is not made ours', async () => {
  const completed = job({}, { metadata: { uid: 'old' }, status: COMPLETE });
  const over = transportOver(completed);
  assert.deepEqual(await applied(carryOutJobs(over.transport, createRedactor()), job(), completed), {
    key: keyOf(LOCAL, job()),
    object: completed,
    changed: false,
    warnings: [],
  });
  assert.deepEqual(over.log, []);
  const running = job({}, { metadata: { uid: 'old' } });
  const beside = transportOver(running);
  await applied(carryOutJobs(beside.transport, createRedactor()), job(), running);
  assert.deepEqual(beside.sent, [job()]);
  assert.ok(!bench().controller.isMine(running));
});

test('a second cluster under the same name of a Job: what is complete is replaced, what is not is waited for, and nothing takes turns', async () => {
  const { transport, log, state } = transportOver(null);
  const wrapped = carryOutJobs(transport, createRedactor());
  const [one, two] = [job(), job({ 'cluster-name': 'poc-02' })];
  await applied(wrapped, one, null);
  const complete = (): void => {
    state.object = { ...(state.object ?? assert.fail()), status: COMPLETE };
  };
  const waiting = await applied(wrapped, two, await observed(wrapped, one)).then(
    () => assert.fail(),
    (error: unknown) => error as Fault,
  );
  assert.deepEqual(
    [waiting.code, waiting.kind, waiting.message],
    ['transport/busy', 'waiting', 'Job default/cluster-register still registers cluster poc-01; cluster poc-02 has its turn when that is done'],
  );
  complete();
  await applied(wrapped, two, await observed(wrapped, one));
  assert.deepEqual(log, ['apply', 'remove new', 'apply']);
  // The first application's next pass finds the other's Job: it has had its own.
  for (const step of [() => {}, complete]) {
    step();
    const again = await applied(wrapped, one, await observed(wrapped, one));
    assert.deepEqual([again.changed, again.object['spec'], (again.object['status'] as { succeeded: number }).succeeded], [false, one['spec'], 1]);
  }
  assert.equal(log.length, 3);
});

test('a complete Job whose cluster somebody has taken off the hub is carried out once more, and goes like any other when it is to go', async () => {
  const { transport, log, state } = transportOver(null);
  const wrapped = carryOutJobs(transport, createRedactor());
  const wanted = { key: keyOf(LOCAL, job()), object: job(), rules: PLAIN_RULES, origin: null, component: '', trait: '', output: '' };
  const pass = async (): Promise<string> => {
    const seen = (await wrapped.observe([wanted.key], signal)).get(keyText(wanted.key)) ?? assert.fail();
    const { action, wanted: stamped, live } = decide(wanted, seen, { namespace: 'default', name: '', dialect: '1.1' });
    if (action !== 'keep') await applied(wrapped, stamped?.object ?? assert.fail(), live);
    return action;
  };
  const complete = (): void => {
    state.object = { ...(state.object ?? assert.fail()), status: COMPLETE };
  };
  await pass();
  state.hasCluster = false;
  assert.equal(await pass(), 'keep', 'it is on its way');
  complete();
  state.hasCluster = true;
  assert.equal(await pass(), 'keep');
  state.hasCluster = false;
  const live = await observed(wrapped, job());
  assert.ok(isStamped(live), 'else it would stay when its application leaves');
  assert.equal(await pass(), 'update');
  assert.deepEqual([log, state.object?.['status']], [['apply', 'remove new', 'apply'], undefined]);
  assert.ok(bench().controller.isMine(state.object ?? assert.fail()));
  // Of two with one name, the one that is not there now as well.
  complete();
  const two = job({ 'cluster-name': 'poc-02' });
  await applied(wrapped, two, await observed(wrapped, job()));
  complete();
  assert.equal((await applied(wrapped, job(), await observed(wrapped, job()))).changed, true);
});

test('new credentials for the same cluster replace a Job that could not be carried out with the old', async () => {
  const { transport, log, state } = transportOver(null);
  const wrapped = carryOutJobs(transport, createRedactor());
  await applied(wrapped, job(), null);
  state.isHeld = true;
  const renewed = job({ 'client-key': base64(`${KEY}x`) });
  await assert.rejects(applied(wrapped, renewed, await observed(wrapped, job())), { code: 'transport/busy' });
  state.isHeld = false;
  await applied(wrapped, renewed, await observed(wrapped, job()));
  assert.deepEqual(log, ['apply', 'remove new', 'remove new', 'apply']);
  await applied(wrapped, job(), await observed(wrapped, job()));
  assert.equal(log.length, 6, 'the first was never done: it is not taken for it');
});

test('everything else passes as it is', async () => {
  const { transport, sent } = transportOver(null);
  const other = { ...job({}, { image: 'busybox' }) };
  await applied(carryOutJobs(transport, createRedactor()), other, null);
  assert.equal(sent[0], other);
});

const RECORDED = join(import.meta.dirname, '../../../../../shared/cases/tutorial-recorded/jobs.yaml');

test(
  'the recorded Job is equal in spec to what goes out, apart from managedBy and suspend',
  { skip: !existsSync(RECORDED) && 'the recorded cases are not here' },
  async () => {
    const [recorded] = (load(readFileSync(RECORDED, 'utf8')) as { readonly items: readonly KubeObject[] }).items;
    const flags = {
      'hub-api-server': 'https://127.0.0.1:26200',
      'cluster-ca-cert': 'CA',
      'client-cert': 'CERT',
      'client-key': 'KEY',
      'api-server-internet': 'https://127.0.0.1:26100',
    };
    const { transport, sent } = transportOver(null);
    await applied(carryOutJobs(transport, createRedactor()), job(flags), null);
    const { managedBy: _managedBy, suspend: _suspend, ...spec } = (sent[0] ?? assert.fail())['spec'] as Record<string, unknown>;
    const last = JSON.parse(recorded?.metadata.annotations?.['app.oam.dev/last-applied-configuration'] ?? '{}') as KubeObject;
    assert.deepEqual(spec, last['spec']);
    assert.deepEqual(differences({ ...job(flags), spec }, recorded ?? assert.fail()), []);
  },
);
