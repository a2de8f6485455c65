import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionOfText, pemOf, readKubeconfigText, serverUrl } from '../../../daemon/lib/kubeconfig-text.ts';
import { Fault } from '../../../daemon/model/fault.ts';

const KUBECONFIG = `
apiVersion: v1
kind: Config
current-context: b
clusters:
- {name: one, cluster: {server: 'https://one:6443', certificate-authority-data: T05F}}
- {name: two, cluster: {server: 'https://two:6443', certificate-authority-data: VFdP}}
users:
- {name: admin, user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZLVRFWFQ=}}
- {name: robot, user: {token: t-secret}}
contexts:
- {name: a, context: {cluster: one, user: admin}}
- {name: b, context: {cluster: two, user: admin}}
- {name: c, context: {cluster: one, user: robot}}
`;

test('the current context decides, and the data stay as they are written', () => {
  assert.deepEqual(readKubeconfigText(KUBECONFIG), { server: 'https://two:6443', caData: 'VFdP', certData: 'Q0VSVA==', keyData: 'S0VZLVRFWFQ=', token: '' });
  assert.deepEqual(readKubeconfigText(KUBECONFIG.replace('current-context: b', 'current-context: c')), {
    server: 'https://one:6443',
    caData: 'T05F',
    certData: '',
    keyData: '',
    token: 't-secret',
  });
});

test('JSON is read too, and a kubeconfig with one entry each needs no context', () => {
  const text = JSON.stringify({ clusters: [{ name: 'x', cluster: { server: 'https://x' } }], users: [{ name: 'y', user: { token: 'abcd' } }] });
  assert.equal(readKubeconfigText(text).server, 'https://x');
  assert.equal(readKubeconfigText(text).token, 'abcd');
});

for (const [title, text, words] of [
  ['what is not YAML', 'clusters: [S0VZLVRFWFQ=', /is not YAML/],
  ['a list', '- 1', /is not YAML/],
  ['a context that is not there', KUBECONFIG.replace('current-context: b', 'current-context: z'), /names no server/],
  ['several clusters without a context', KUBECONFIG.replace('current-context: b', 'current-context: ""'), /names no server/],
  ['a program to log in with', KUBECONFIG.replace('{client-certificate-data', '{exec: {command: sh}, client-certificate-data'), /has exec for its user/],
  [
    'a file of this machine',
    KUBECONFIG.replace('certificate-authority-data: VFdP', 'certificate-authority: /etc/shadow'),
    /has certificate-authority for its cluster/,
  ],
  ['a proxy', KUBECONFIG.replace("server: 'https://two:6443'", "server: 'https://two:6443', proxy-url: 'http://p'"), /has proxy-url/],
] as const) {
  test(`${title} is refused, without a value of the text`, () => {
    assert.throws(
      () => readKubeconfigText(text),
      (error) => error instanceof Fault && error.code === 'transport/connection' && words.test(error.message) && !/S0VZ|shadow|http:/.test(error.message),
    );
  });
}

test('an address is an https URL, or a host and port that stand for one', () => {
  for (const [text, url] of [
    ['https://a:6443', 'https://a:6443'],
    ['https://a/k8s/c1/', 'https://a/k8s/c1'],
    ['10.0.0.5:6443', 'https://10.0.0.5:6443'],
    ['hub.example', 'https://hub.example'],
  ] as const)
    assert.equal(serverUrl(text), url);
  for (const text of ['http://a:6443', '{{ hub }}', 'https://', 'ftp://a', 'a b', 'https://a:99999']) assert.equal(serverUrl(text), null, text);
});

test('certificates and keys are PEM, or base64 of it, once or twice', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  for (const text of [pem, pem.trim(), base64(pem), base64(base64(pem)), `${base64(pem).slice(0, 10)}\n${base64(pem).slice(10)}\n`])
    assert.equal(pemOf(text), pem);
  for (const text of ['', 'CERT', base64('no PEM'), base64(base64(base64(pem))), '!']) assert.equal(pemOf(text), null, text);
});

test('a connection needs an address and a login', () => {
  const fields = { server: 'https://a', caData: '', certData: '', keyData: '', token: 'abcd' };
  assert.deepEqual(connectionOfText(fields), { endpoint: 'https://a', ca: null, login: { token: 'abcd' } });
  for (const [change, words] of [
    [{ server: '' }, /address .* missing/],
    [{ server: 'http://a' }, /no https URL/],
    [{ token: '' }, /client certificate or its key is missing/],
    [{ caData: 'x-secret' }, /the CA certificate is neither PEM nor base64/],
  ] as const) {
    assert.throws(
      () => connectionOfText({ ...fields, ...change }),
      (error) => error instanceof Fault && error.code === 'transport/connection' && words.test(error.message) && !error.message.includes('x-secret'),
    );
  }
});
