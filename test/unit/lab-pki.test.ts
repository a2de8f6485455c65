import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { test } from 'node:test';
import { integer, oid, sequence, time } from '../lab/der.ts';
import { createAuthority, createSigningKey, issueClient, issueServer, type KeyPair } from '../lab/pki.ts';

const now = new Date();
const authority = createAuthority('hub-ca', now);

test('an authority signs itself, says that it is one and has its own key', () => {
  const certificate = new X509Certificate(authority.certPem);
  assert.equal(certificate.subject, 'CN=hub-ca');
  assert.equal(certificate.issuer, 'CN=hub-ca');
  assert.equal(certificate.ca, true);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(authority.keyPem)));
  assert.equal(certificate.keyUsage, undefined);
});

test('a server certificate answers for its names and addresses and for no other', () => {
  const server = issueServer(authority, { commonName: 'kube-apiserver' }, ['localhost', '127.0.0.1', '::1', 'fe80::7:1'], now);
  const certificate = new X509Certificate(server.certPem);
  assert.ok(certificate.checkIssued(new X509Certificate(authority.certPem)));
  assert.ok(certificate.verify(new X509Certificate(authority.certPem).publicKey));
  assert.equal(certificate.ca, false);
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.equal(certificate.checkHost('localhost'), 'localhost');
  assert.equal(certificate.checkHost('elsewhere'), undefined);
  assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1');
  assert.equal(certificate.checkIP('::1'), '::1');
  assert.equal(certificate.checkIP('fe80::7:1'), 'fe80::7:1');
  assert.equal(certificate.checkIP('127.0.0.2'), undefined);
});

test('a certificate is valid from an hour before its issue for a year', () => {
  const at = new Date('2049-06-01T12:00:00Z'); // the end falls into 2050, where the form of the date changes
  const certificate = new X509Certificate(createAuthority('later', at).certPem);
  assert.equal(new Date(certificate.validFrom).toISOString(), '2049-06-01T11:00:00.000Z');
  assert.equal(new Date(certificate.validTo).toISOString(), '2050-06-01T12:00:00.000Z');
});

test('a client certificate carries the user and its groups', () => {
  const client = issueClient(authority, { commonName: 'admin', organizations: ['system:masters', 'Übung'] }, now);
  const certificate = new X509Certificate(client.certPem);
  assert.equal(certificate.subject, 'O=system:masters\nO=Übung\nCN=admin');
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']);
});

test('TLS accepts a client and a server of one authority', async () => {
  const groups = await subjectSeenByServer(issueClient(authority, { commonName: 'admin', organizations: ['system:masters'] }, now));
  assert.deepEqual(groups, { O: 'system:masters', CN: 'admin' });
});

test('TLS refuses a client of another authority', async () => {
  const stranger = issueClient(createAuthority('hub-ca', now), { commonName: 'admin' }, now);
  await assert.rejects(subjectSeenByServer(stranger));
});

test('a signing key signs what its public part verifies', () => {
  const key = createSigningKey();
  const data = Buffer.from('token');
  assert.ok(verify('sha256', data, createPublicKey(key.publicPem), sign('sha256', data, createPrivateKey(key.privatePem))));
});

test('DER: integers stay positive, lengths and identifiers of several bytes are right', () => {
  assert.equal(integer(Buffer.from([0, 0, 0x80])).toString('hex'), '02020080');
  assert.equal(integer(Buffer.from([0])).toString('hex'), '020100');
  assert.equal(oid('1.2.840.10045.4.3.2').toString('hex'), '06082a8648ce3d040302');
  assert.equal(sequence(Buffer.alloc(300)).subarray(0, 4).toString('hex'), '3082012c');
  assert.equal(time(new Date('2026-01-02T03:04:05.678Z')).toString('latin1').slice(2), '260102030405Z');
});

/** Starts a TLS server that wants a client certificate, and gives the subject it saw. */
async function subjectSeenByServer(client: KeyPair): Promise<Record<string, string>> {
  const own = issueServer(authority, { commonName: 'server' }, ['127.0.0.1'], now);
  const server = createServer({ key: own.keyPem, cert: own.certPem, ca: authority.certPem, requestCert: true, rejectUnauthorized: true }, (incoming, reply) => {
    reply.end(JSON.stringify((incoming.socket as TLSSocket).getPeerCertificate().subject));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const outgoing = request({ host: '127.0.0.1', port, ca: authority.certPem, key: client.keyPem, cert: client.certPem, agent: false }).end();
    const [incoming] = await once(outgoing, 'response');
    return JSON.parse(Buffer.concat(await incoming.toArray()).toString()) as Record<string, string>;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
