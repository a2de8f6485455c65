// I9: secret values go through every verb, every failure and every place that Lateen writes to, and none of them is found.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { after, before, test } from 'node:test';
import { findCanaries, placesInCluster, placesInGit, type Canaries, type Place } from '../rig/canary.ts';
import { useCloud, type CloudGround } from '../rig/cloud.ts';
import type { KubeObject } from '../lab/client.ts';
import { openScenario, runDaemon, until, type Scenario } from '../rig/daemon.ts';
import { httpGitServer, type HttpGitServer } from '../rig/git.ts';
import { cloudStory } from '../rig/sample.ts';

let ground: CloudGround;
let it: Scenario;
let server: HttpGitServer;
/** Everything that was printed so far. */
const printed: Place[] = [];

const canary = (what: string): string => `canary-${what}-${randomBytes(6).toString('hex')}`;
// No label may hold a value like these, and no URL without escapes: they come back in the words of who refuses them.
const PASSWORD = `${canary('password')}/+ü`;
const NEXT_PASSWORD = `${canary('next')}/+ü`;
const LOGIN = canary('login');
const LINE = canary('line');
const INNER = `${canary('inner')}/+`;
const REFUSED = `${canary('refused')} is no base64`;
const GIT_TOKEN = canary('git');
const WRONG_KEY = canary('wrongkey');

before(async () => {
  ground = await useCloud();
  it = await openScenario({ name: 'canary', hub: ground.lab.planes.hub.client, kubeconfig: ground.lab.planes.hub.kubeconfig });
  server = await httpGitServer({ root: dirname(it.bare.path), token: GIT_TOKEN });
});
after(async () => {
  await server?.[Symbol.asyncDispose]();
  await it?.[Symbol.asyncDispose]();
  await ground?.[Symbol.asyncDispose]();
});

const json = (value: unknown): string => JSON.stringify(value);
const application = (name: string, components: readonly unknown[], steps: readonly unknown[] = []): string =>
  json({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name, namespace: it.namespace },
    spec: { components, ...(steps.length === 0 ? {} : { workflow: { steps } }) },
  });
const objects = (name: string, ...all: readonly unknown[]): unknown => ({ name, type: 'k8s-objects', properties: { objects: all } });
const step = (name: string, body: string): string =>
  json({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'WorkflowStepDefinition',
    metadata: { name, namespace: it.namespace },
    spec: {
      schematic: {
        cue: {
          template: `import ("vela/kube", "vela/http", "vela/builtin", "encoding/base64")
secret: kube.#Read & {$params: value: {apiVersion: "v1", kind: "Secret", metadata: {name: "login", namespace: context.namespace}}}
plain: "\\(base64.Decode(null, secret.$returns.value.data.password))"
${body}
parameter: {}`,
        },
      },
    },
  });

/** Secrets of the repository's own, and all that can go wrong with them. */
function repository(password: string): Readonly<Record<string, string>> {
  const secret = (name: string, more: object): object => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: it.namespace }, ...more });
  const runs = (type: string): string => application(type, [], [{ name: 'go', type }]);
  return {
    'secrets/login.json': json(
      secret('login', {
        stringData: { password, registry: json({ auths: { 'registry.example.com': { password: LOGIN } } }), env: `HOST=db\nDB_PASSWORD=${LINE}\n` },
      }),
    ),
    'secrets/refused.json': json(secret('refused', { data: { password: REFUSED } })),
    'apps/making.json': application('making', [objects('making', secret('inner', { stringData: { password: INNER } }))]),
    'apps/refused.json': application('refused', [objects('refused', secret('inner-refused', { data: { password: REFUSED } }))]),
    // The value of a Secret where it does not belong: what the API server, the schema and CUE say of it quotes it.
    'apps/label.json': application('label', [objects('label', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'label', labels: { password } } })]),
    'apps/typed.json': application('typed', [{ name: 'typed', type: 'webservice', properties: { image: 'nginx', ports: [{ port: password }] } }]),
    'apps/fussy.json': application('fussy', [{ name: 'fussy', type: 'fussy', properties: { password } }]),
    // Where it is somebody's wish: there it is, and nothing tells of it.
    'apps/copy.json': json({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'copy', namespace: it.namespace }, data: { password } }),
    'apps/document.json': json({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'document', namespace: it.namespace, labels: { password } } }),
    'definitions/fussy.json': json({
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'ComponentDefinition',
      metadata: { name: 'fussy', namespace: it.namespace },
      spec: {
        workload: { definition: { apiVersion: 'v1', kind: 'Secret' } },
        schematic: {
          cue: {
            template: `output: {apiVersion: "v1", kind: "Secret", metadata: name: context.name, stringData: password: parameter.password & "another"}
parameter: password: string`,
          },
        },
      },
    }),
    'apps/weak.json': application('weak', [{ name: 'weak', type: 'weak', properties: { password } }]),
    'definitions/weak.json': json({
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'ComponentDefinition',
      metadata: { name: 'weak', namespace: it.namespace },
      spec: {
        workload: { definition: { apiVersion: 'v1', kind: 'Secret' } },
        schematic: {
          cue: {
            template: `output: {apiVersion: "v1", kind: "Secret", metadata: name: context.name}
errs: ["\\(parameter.password) is too weak"]
parameter: password: string`,
          },
        },
      },
    }),
    'definitions/message.json': step(
      'message',
      'say: builtin.#Message & {$params: message: "the password is \\(plain)"}\nwait: builtin.#ConditionalWait & {$params: {continue: false, message: "waits with \\(plain)"}}',
    ),
    'definitions/conflict.json': step('conflict', 'say: builtin.#Message & {$params: message: plain & "another"}'),
    'definitions/fail.json': step('fail', 'stop: builtin.#Fail & {$params: message: "no: \\(plain)"}'),
    'definitions/call.json': step('call', 'ask: http.#HTTPDo & {$params: {method: "GET", url: "http://127.0.0.1:9/hook?token=\\(plain)"}}'),
    'definitions/apply.json': step(
      'apply',
      'put: kube.#Apply & {$params: value: {apiVersion: "v1", kind: "ConfigMap", metadata: {name: "x", namespace: context.namespace, labels: password: plain}}}',
    ),
    ...Object.fromEntries(['message', 'conflict', 'fail', 'call', 'apply'].map((type) => [`apps/${type}.json`, runs(type)])),
  };
}

const env = (): Readonly<Record<string, string>> => ({ ...ground.env(), LATEEN_GIT_TOKEN: GIT_TOKEN });
const hubFlags = (): readonly string[] => [
  ...it.flags.map((flag, index) => (it.flags[index - 1] === '--repo' ? server.url('origin.git') : flag)),
  '--git-schemes',
  'http',
  ...ground.args,
  '--log-level',
  'trace',
];
const auditFlags = (): readonly string[] => ['--repo', server.url('origin.git'), '--git-schemes', 'http', '--instance', it.instance];

/** Runs a verb, and keeps what it says. */
async function say(
  name: string,
  args: readonly string[],
  environment = env(),
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const ended = await runDaemon([name, ...args], { env: environment });
  const where = [name, ...args.filter((arg) => /^-o|^(?:json|yaml|markdown)$/.test(arg))].join(' ');
  printed.push({ where: `stdout of ${where}`, text: ended.stdout }, { where: `stderr of ${where}`, text: ended.stderr });
  return ended;
}

/** Every verb that prints, in each of its forms. A verb that is new belongs here. */
const VERBS: readonly { readonly name: string; readonly args: () => readonly string[] }[] = [
  { name: 'plan', args: () => [...hubFlags(), '-o', 'yaml'] },
  ...['text', 'json'].flatMap((form) => [
    { name: 'plan', args: () => [...hubFlags(), '-o', form] },
    { name: 'status', args: () => [...hubFlags(), '-o', form] },
    { name: 'check', args: () => [it.work.path, '-o', form] },
    { name: 'render', args: () => [it.work.path, '-o', form] },
    { name: 'history', args: () => [...auditFlags(), '-o', form] },
    { name: 'at', args: () => ['HEAD~1', ...auditFlags(), '-o', form] },
    { name: 'plan', args: () => [...hubFlags(), '--base', 'HEAD~1', '--head', 'HEAD', '-o', form] },
  ]),
  { name: 'blame', args: () => [`${it.namespace}/label`, ...auditFlags(), '-o', 'json'] },
  { name: 'blame', args: () => [`${it.namespace}/message`, '--lines', ...auditFlags()] },
  { name: 'plan', args: () => [...hubFlags(), '--base', 'HEAD~1', '--offline'] },
  { name: 'plan', args: () => [...hubFlags(), '--base', 'HEAD~1', '-o', 'markdown'] },
  { name: 'explain', args: () => ['provision/credentials'] },
  { name: 'approve', args: () => ['delete', 'Secret', `${it.namespace}/login`, '--unsigned', '--reason', 'x', '--repo', it.work.path] },
  { name: 'suspend', args: () => [`${it.namespace}/message`, '--kubeconfig', ground.lab.planes.hub.kubeconfig] },
  // Errors that leave a verb: a remote that refuses, and one with the password in its address.
  { name: 'once', args: () => [...hubFlags(), '--repo', server.url('nothing.git')] },
  { name: 'plan', args: () => [...hubFlags(), '--repo', `http://ada:${GIT_TOKEN}x@127.0.0.1:${server.port}/origin.git`] },
];

test('none of them is found anywhere', { timeout: 900_000 }, async () => {
  const story = await cloudStory();
  await it.push({ ...story, ...repository(PASSWORD) });
  const wrong = await say('once', [...hubFlags(), '--wait', '40s'], { ...env(), ALICLOUD_SECRET_KEY: WRONG_KEY });
  assert.match(wrong.stdout, /provision\/credentials/);
  const first = await say('once', [...hubFlags(), '--wait', '180s', '-o', 'json']);
  assert.equal((await it.hub.get('initializers.core.oam.dev/vela-system/managed-cluster')).status?.status, 'success', first.stdout + first.stderr);
  // Another value: old and new stand side by side in a plan.
  await it.push({ ...repository(NEXT_PASSWORD), 'apps/podinfo/app.yaml': null });
  for (const [key, value] of [
    ['user.name', 'Ada'],
    ['user.email', 'ada@example.com'],
  ] as const)
    await it.work.git('config', key, value);
  for (const { name, args } of VERBS) await say(name, args());
  await say('once', [...hubFlags(), '--wait', '60s', '--log-format', 'text']);
  // A value that somebody changed by hand, and a daemon that goes on.
  await it.hub.patch(`secrets/${it.namespace}/inner`, { data: { password: Buffer.from(PASSWORD).toString('base64') } });
  await say('plan', hubFlags());
  await using daemon = it.run({ env: env() }, ...hubFlags().slice(it.flags.length), '--listen', '127.0.0.1:0', '--repo', server.url('origin.git'));
  await daemon.untilLog((line) => line.msg === 'pass', 60_000);
  await until(
    'it is put back',
    async () => ((await it.hub.get(`secrets/${it.namespace}/inner`)).data['password'] === Buffer.from(INNER).toString('base64') ? true : undefined),
    60_000,
  );
  const ended = await daemon.stop();
  printed.push({ where: 'stdout of run', text: ended.stdout }, { where: 'stderr of run', text: ended.stderr });
  for (const { name, args } of VERBS) if (['status', 'history', 'blame'].includes(name)) await say(name, args());

  const connection = (await it.hub.get('secrets/vela-system/ack-conn')).data as Readonly<Record<string, string>>;
  const plain = (key: string): string => Buffer.from(connection[key] ?? '', 'base64').toString('utf8');
  const pem = (key: string): string => Buffer.from(plain(key), 'base64').toString('utf8');
  assert.match(pem('client_key'), /PRIVATE KEY/);
  const { accessKeyId, accessKeySecret, securityToken = '' } = ground.cloud.credentials;
  const canaries: Canaries = {
    PASSWORD,
    NEXT_PASSWORD,
    LOGIN,
    LINE,
    INNER,
    REFUSED,
    GIT_TOKEN,
    WRONG_KEY,
    accessKeyId,
    accessKeySecret,
    securityToken,
    clientKey: plain('client_key'),
    clientKeyPem: pem('client_key'),
    // Of the certificate the end, its signature: it begins like that of the authority, which is no secret.
    clientCert: plain('client_cert').slice(-124, -44),
    clientCertPem:
      pem('client_cert')
        .replace(/-----END[\s\S]*$/, '')
        .trim()
        .split('\n')
        .at(-2) ?? '',
  };
  assert.ok(
    Object.values(canaries).every((value) => value.length >= 16),
    json(Object.keys(canaries)),
  );
  // A Secret is where they belong; what somebody wrote into an Application, KubeVela keeps in its spec and in its revision.
  const part = (object: KubeObject): unknown => {
    if (object.kind === 'Secret' || (object.kind === 'ConfigMap' && object.metadata.name === 'copy')) return null;
    return ['Application', 'ApplicationRevision', 'Initializer', 'Job'].includes(object.kind) ? { ...object, spec: undefined } : object;
  };
  const places = [
    ...printed,
    ...(await placesInGit(it.bare, 'main')),
    ...(await placesInCluster('hub', it.hub, part)),
    ...(await placesInCluster('member', ground.lab.planes.member.client, part)),
  ];
  assert.ok(places.length > 100, `only ${places.length} places`);
  const found = findCanaries(canaries, places);
  assert.deepEqual(found, [], found.slice(0, 40).join('\n\n'));
  // They were there to be found: where they belong, and where they were refused.
  const secrets = json(await it.hub.list(`secrets/${it.namespace}`));
  for (const value of [NEXT_PASSWORD, INNER]) assert.ok(secrets.includes(Buffer.from(value).toString('base64')), value);
  const told = printed.map(({ text }) => text).join('\n');
  for (const words of [
    /waits with \*\*\*/,
    /step go: no: \*\*\*/,
    /\*\*\* is too weak/,
    /builtin\.message at say: \$params: two different values/,
    /metadata\.labels: Invalid value: "\*\*\*"/,
    /illegal base64 data/,
    /GET http:\/\/127\.0\.0\.1:9/,
    /^Approved: /m,
  ])
    assert.match(told, words);
  assert.equal(
    printed.some(({ text }) => text.includes('"level":"trace"') || text.includes('"level":"debug"')),
    true,
  );
});
