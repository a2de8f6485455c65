import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRedactor } from '../../../../daemon/lib/redact.ts';
import { Fault } from '../../../../daemon/model/fault.ts';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import {
  connectionSecret,
  credentialsOfConnection,
  isConnection,
  labelsOfConnection,
  learnConnection,
  readConnection,
  type Connection,
} from '../../../../daemon/transport/clusters-connection.ts';
import { createAuthority, issueClient } from '../../../lab/pki.ts';

const nowMs = Date.parse('2026-11-23T05:00:00Z');
const authority = createAuthority('ca', new Date(nowMs));
const user = issueClient(authority, { commonName: 'lateen' }, new Date(nowMs));
const good: Connection = { endpoint: 'https://10.0.0.5:6443', ca: authority.certPem, login: { cert: user.certPem, key: user.keyPem } };
const TYPE = 'cluster.core.oam.dev/cluster-credential-type';

/** A good Secret with some of its values and labels changed; null takes one away. */
function secret(data: Readonly<Record<string, string | null>> = {}, labels: Readonly<Record<string, string>> = {}, of: Connection = good): KubeObject {
  const whole = connectionSecret('m1', of);
  const changed = Object.entries(data).map(([key, value]) => [key, value === null ? undefined : Buffer.from(value).toString('base64')]);
  return {
    ...whole,
    metadata: { ...whole.metadata, labels: { ...whole.metadata.labels, ...labels } },
    data: { ...(whole['data'] as object), ...Object.fromEntries(changed) },
  };
}

function refusal(object: KubeObject, allowNoCa = false): string {
  try {
    readConnection(object, { nowMs, allowNoCa });
  } catch (error) {
    assert.ok(error instanceof Fault);
    assert.equal(error.code, 'transport/connection');
    return error.message.replace('cluster m1: Secret vela-system/m1 ', '');
  }
  return assert.fail('it was not refused');
}

test('a connection comes out of its Secret as it went in', () => {
  assert.deepEqual(readConnection(connectionSecret('m1', good), { nowMs, allowNoCa: false }), good);
  const token: Connection = { ...good, login: { token: 'a.b.c' } };
  assert.equal(connectionSecret('m1', token).metadata.labels?.[TYPE], 'ServiceAccountToken');
  assert.deepEqual(readConnection(connectionSecret('m1', token), { nowMs, allowNoCa: false }), token);
});

test('the Secret of KubeVela 1.1.1, and an endpoint with a line break at its end, are read', () => {
  const { [TYPE]: _type, ...labels } = connectionSecret('m1', good).metadata.labels ?? {};
  const old = secret({ endpoint: `${good.endpoint}\n` });
  const read = readConnection(
    { ...old, metadata: { ...old.metadata, labels: { ...labels, 'cluster.core.oam.dev/cluster-credential': 'tls' } } },
    { nowMs, allowNoCa: false },
  );
  assert.deepEqual(read, good);
});

test('what would run a program or need a tunnel is refused by name', () => {
  assert.match(refusal(secret({}, { [TYPE]: 'Dynamic' })), /program to log in with/);
  assert.match(refusal(secret({ exec: '{"command":"aws"}' })), /program to log in with/);
  assert.match(refusal(secret({}, { 'cluster.core.oam.dev/cluster-endpoint-type': 'ClusterProxy' })), /ClusterProxy/);
  assert.match(refusal(secret({ 'proxy-url': 'socks5://10.0.0.1' })), /proxy-url/);
  assert.match(refusal(secret({}, { [TYPE]: 'Basic' })), /"Basic"; X509Certificate and ServiceAccountToken are supported/);
});

test('what is missing or malformed is said, never its value', () => {
  assert.match(refusal(secret({ endpoint: 'http://10.0.0.5' })), /no https URL/);
  assert.match(refusal(secret({ endpoint: 'https://admin:hunter22@10.0.0.5' })), /no https URL as endpoint$/);
  assert.match(refusal(secret({ 'tls.key': null })), /lacks tls.crt or tls.key/);
  assert.match(refusal(secret({ 'tls.crt': 'rubbish' })), /tls.crt that is no certificate$/);
  assert.match(refusal(secret({ 'ca.crt': 'rubbish' })), /ca.crt that is no certificate$/);
  assert.match(refusal(secret({ token: null }, { [TYPE]: 'ServiceAccountToken' })), /no token/);
});

test('without a CA it is refused, unless the operator allows that', () => {
  assert.match(refusal(secret({ 'ca.crt': null })), /no ca.crt/);
  const { tls } = credentialsOfConnection(readConnection(secret({ 'ca.crt': null }), { nowMs, allowNoCa: true }));
  assert.equal(tls.rejectUnauthorized, false);
  assert.equal(credentialsOfConnection(good).tls.rejectUnauthorized, undefined);
  assert.deepEqual(readConnection(secret({ 'ca.crt': null, ca: authority.certPem }), { nowMs, allowNoCa: false }), good);
});

test('a client certificate that has expired is refused with the date', () => {
  const expired = issueClient(authority, { commonName: 'lateen' }, new Date(Date.parse('2025-10-01T12:00:00Z')));
  assert.match(refusal(secret({ 'tls.crt': expired.certPem, 'tls.key': expired.keyPem })), /client certificate that expired on 2026-10-01T12:00:00Z/);
  const future = issueClient(authority, { commonName: 'lateen' }, new Date(Date.parse('2027-01-01T12:00:00Z')));
  assert.match(refusal(secret({ 'tls.crt': future.certPem, 'tls.key': future.keyPem })), /not valid before 2027-01-01T11:00:00Z/);
});

test('a key of another certificate is refused', () => {
  const other = issueClient(authority, { commonName: 'other' }, new Date(nowMs));
  assert.match(refusal(secret({ 'tls.key': other.keyPem })), /tls.key that does not belong to its tls.crt$/);
  assert.match(refusal(secret({ 'tls.key': 'rubbish' })), /tls.key that does not belong to its tls.crt$/);
});

test('key and token are kept out of every text, the address is not', () => {
  const redactor = createRedactor();
  learnConnection(secret(), redactor);
  learnConnection(secret({}, {}, { ...good, login: { token: 'very.secret.token' } }), redactor);
  const body = user.keyPem.split('\n')[1] ?? '';
  const text = redactor.text(`${good.endpoint} ${body} very.secret.token`);
  assert.ok(text.includes(good.endpoint));
  assert.ok(!text.includes(body) && !text.includes('very.secret'));
});

test('a token goes into the header, a path into the prefix', async () => {
  const credentials = credentialsOfConnection({ ...good, endpoint: 'https://host.example:8443/k8s/clusters/c1/', login: { token: 'abc' } });
  assert.deepEqual([credentials.origin, credentials.prefix], ['https://host.example:8443', '/k8s/clusters/c1']);
  assert.deepEqual(await credentials.headers(), { Authorization: 'Bearer abc' });
});

test("the labels of a connection are the cluster's own, not the gateway's", () => {
  assert.deepEqual(labelsOfConnection(secret({}, { region: 'eu', 'cluster.core.oam.dev/control-plane': 'true' })), { region: 'eu' });
  assert.equal(isConnection(secret()), true);
  assert.equal(isConnection({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'other', labels: { region: 'eu' } } }), false);
});
