import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readKubeconfigText } from '../../../daemon/lib/kubeconfig-text.ts';
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
  assert.deepEqual(readKubeconfigText(KUBECONFIG.replace('current-context: b', 'current-context: c')), { server: 'https://one:6443', caData: 'T05F', certData: '', keyData: '', token: 't-secret' });
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
  ['a file of this machine', KUBECONFIG.replace('certificate-authority-data: VFdP', 'certificate-authority: /etc/shadow'), /has certificate-authority for its cluster/],
  ['a proxy', KUBECONFIG.replace("server: 'https://two:6443'", "server: 'https://two:6443', proxy-url: 'http://p'"), /has proxy-url/],
] as const) {
  test(`${title} is refused, without a value of the text`, () => {
    assert.throws(() => readKubeconfigText(text), (error) => error instanceof Fault && error.code === 'transport/connection' && words.test(error.message) && !/S0VZ|shadow|http:/.test(error.message));
  });
}
