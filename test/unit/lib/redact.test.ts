import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concealed, createRedactor } from '../../../daemon/lib/redact.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';
import { JOURNAL_LABEL } from '../../../daemon/model/ports.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const secretOf = (data: Record<string, string>): Parameters<ReturnType<typeof createRedactor>['learnSecret']>[0] => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's' },
  data,
});

test('a known value is masked wherever it stands, as often as it stands there', () => {
  const redactor = createRedactor();
  redactor.learn('hunter2');
  assert.equal(redactor.text('hunter2 xhunter2hunter2'), '*** x******');
  assert.equal(redactor.text('nothing here'), 'nothing here');
});

test('a known value is recognised encoded and escaped', () => {
  const redactor = createRedactor();
  const value = 'p"ss\\w/rd+ü?';
  redactor.learn(value);
  const forms = [
    value,
    base64(value),
    base64(value).replace(/=+$/, ''),
    Buffer.from(value).toString('base64url'),
    JSON.stringify(value).slice(1, -1),
    JSON.stringify(JSON.stringify(value)),
    encodeURIComponent(value),
  ];
  for (const form of forms) assert.doesNotMatch(redactor.text(`a ${form} b`), /ss|rd/, form);
});

test('values of a Secret are learned plain and encoded', () => {
  const redactor = createRedactor();
  redactor.learnSecret(secretOf({ password: base64('correct horse') }));
  redactor.learnSecret({ ...secretOf({}), stringData: { token: 'battery' } });
  assert.equal(redactor.text(`correct horse ${base64('correct horse')} battery`), '*** *** ***');
});

test('ordinary words stay readable although a Secret holds them', () => {
  const redactor = createRedactor();
  redactor.learnSecret(secretOf({ namespace: base64('team-a'), enabled: base64('true'), short: base64('abc') }));
  assert.equal(redactor.text('true abc team-a default'), 'true abc team-a default');
});

test('of a value of several lines each line is a secret, but not the words of every document', () => {
  const redactor = createRedactor();
  const kubeconfig =
    'apiVersion: v1\nkind: Config\nusers:\n- name: admin\n  user:\n    token: "s3cr3t-t0ken"\n    client-key-data: TFMwdExTMUNSVWRKVGlCU1UwRWdVRkpKVmtGVVJTQkxSVms=\n';
  redactor.learnSecret(secretOf({ kubeconfig: base64(kubeconfig) }));
  assert.equal(redactor.text('apiVersion: v1\nkind: Config\ntoken is s3cr3t-t0ken'), 'apiVersion: v1\nkind: Config\ntoken is ***');
  assert.doesNotMatch(redactor.text('key TFMwdExTMUNSVWRKVGlCU1UwRWdVRkpKVmtGVVJTQkxSVms= end'), /TFMw/);
  assert.equal(redactor.text(`whole ${kubeconfig}`), 'whole ***');
  redactor.learn('HOST=db\nDB_PASSWORD=opensesame\n');
  assert.equal(redactor.text('opensesame on db'), '*** on db');
});

test('a secret that was cut off is masked as far as it goes', () => {
  const redactor = createRedactor();
  const token = 'abcdefghij'.repeat(20);
  redactor.learn(token);
  assert.equal(redactor.text(`got ${token.slice(0, 50)}`), 'got ***');
});

test('of two secrets of which one begins the other, the longer is masked whole', () => {
  const redactor = createRedactor();
  redactor.learn('open');
  redactor.learn('opensesame');
  assert.equal(redactor.text('opensesame open'), '*** ***');
});

test('credentials are masked without having been learned', () => {
  const redactor = createRedactor();
  assert.equal(redactor.text('clone https://user:pw@example.com/x.git'), 'clone https://***@example.com/x.git');
  assert.equal(redactor.text('Authorization: Bearer abc.def-ghi_jkl'), 'Authorization: Bearer ***');
  assert.equal(redactor.text('-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- after'), '*** after');
});

test('which cluster a connection is for is no secret, what logs in to it is', () => {
  const redactor = createRedactor();
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  redactor.learnSecret({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'ack-conn' },
    data: { name: base64('poc-01'), api_server_internet: base64('https://192.0.2.7:6443'), client_key: base64('the-client-key') },
  });
  redactor.learnSecret({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'other' }, data: { name: base64('hunter-22') } });
  assert.equal(
    redactor.text('cluster poc-01 at https://192.0.2.7:6443 with the-client-key, hunter-22'),
    'cluster poc-01 at https://192.0.2.7:6443 with ***, ***',
  );
});

test('what a kubeconfig calls its entries is no secret, in lines or in JSON, what it holds is', () => {
  const lines =
    'apiVersion: v1\nkind: Config\ncurrent-context: admin-of-c0123456789abcdef\nclusters:\n- name: c0123456789abcdef\n  cluster: {server: "https://192.0.2.7"}\nusers:\n- name: admin-of-c0123456789abcdef\n  user:\n    client-key-data: VGhlS2V5VGhlS2V5\n';
  const json = JSON.stringify({ kind: 'Config', users: [{ name: 'admin-of-c0123456789abcdef', user: { 'client-key-data': 'VGhlS2V5VGhlS2V5' } }] });
  for (const kubeconfig of [lines, json]) {
    const redactor = createRedactor();
    redactor.learn(kubeconfig);
    assert.equal(
      redactor.text('cluster c0123456789abcdef, admin-of-c0123456789abcdef, VGhlS2V5VGhlS2V5'),
      'cluster c0123456789abcdef, admin-of-c0123456789abcdef, ***',
    );
  }
});

test('of a journal what steps gave is secret; the revision and the times, which every status tells, are not', () => {
  const redactor = createRedactor();
  const journal = JSON.stringify({
    appRevision: 'a-long-name-of-a-shop-v1',
    timers: { 'abcdefghij/failing': '2026-01-01T00:00:00.000Z' },
    failures: {},
    variables: { token: 'sesame-open-sesame' },
    calls: { 'x/call': { intent: 'POST', result: { password: 'swordfish' } } },
  });
  redactor.learnSecret({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'lateen-journal-shop', labels: { [JOURNAL_LABEL]: 'shop' } },
    data: { journal: base64(journal) },
  });
  assert.equal(
    redactor.text('a-long-name-of-a-shop-v1 2026-01-01T00:00:00.000Z sesame-open-sesame swordfish'),
    'a-long-name-of-a-shop-v1 2026-01-01T00:00:00.000Z *** ***',
  );
});

test('of a value in JSON the secret parts are known', () => {
  const redactor = createRedactor();
  redactor.learn('{"auths": {"registry.example.com": {"username": "robot", "password": "opensesame", "auth": "cm9ib3Q6b3BlbnNlc2FtZQ=="}}}');
  assert.equal(redactor.text('robot opensesame cm9ib3Q6b3BlbnNlc2FtZQ== registry.example.com'), 'robot *** *** registry.example.com');
});

test('of a Secret that is shown the names of its values are there, and nothing of them', () => {
  const secret: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, data: { password: 'aHVudGVyMg==' }, stringData: { user: 'ada' } };
  assert.deepEqual(concealed(secret), { ...secret, data: { password: '***' }, stringData: { user: '***' } });
  const settings: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { colour: 'blue' } };
  assert.equal(concealed(settings), settings);
});
