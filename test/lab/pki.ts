// Certificates without openssl: a certificate authority of its own for each control plane, and what it
// signs. ECDSA P-256 throughout, since a key then takes a millisecond to make. For the lab only.
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { bitString, boolean, explicit, implicit, integer, octetString, oid, sequence, set, time, utf8String } from './der.ts';

/** A certificate and its private key (PKCS#8), both PEM. */
export type KeyPair = { readonly certPem: string; readonly keyPem: string };

/** Who a certificate is about: Kubernetes reads the common name as the user and organizations as groups. */
export type Subject = { readonly commonName: string; readonly organizations?: readonly string[] };

type Issuer = { readonly name: Buffer; readonly keyId: Buffer; readonly key: KeyObject };

const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

const HOUR_MS = 3_600_000;
const LIFETIME_MS = 365 * 24 * HOUR_MS;

/**
 * Makes a self-signed certificate authority, valid for a year.
 * @param now the time of issue; validity starts an hour earlier, for clocks that are late
 */
export function createAuthority(commonName: string, now: Date): KeyPair {
  const { privateKey, publicKey } = newKey();
  const keyId = keyIdOf(publicKey);
  const extensions = [
    extension(OID.basicConstraints, sequence(boolean(true)), 'critical'),
    extension(OID.keyUsage, keyUsage(['digitalSignature', 'keyCertSign', 'cRLSign']), 'critical'),
    extension(OID.subjectKeyIdentifier, octetString(keyId)),
  ];
  const subject = nameOf({ commonName });
  return pairOf(certificate({ subject, publicKey, extensions, now, issuer: { name: subject, keyId, key: privateKey } }), privateKey);
}

/**
 * Makes a certificate for a server, signed by `authority` and valid for a year.
 * @param hosts DNS names and IP addresses that it answers for
 */
export function issueServer(authority: KeyPair, subject: Subject, hosts: readonly string[], now: Date): KeyPair {
  return issue(authority, subject, now, [
    extension(OID.extKeyUsage, sequence(oid(OID.serverAuth))),
    extension(OID.subjectAltName, sequence(...hosts.map(altName))),
  ]);
}

/** Makes a certificate for a client (a Kubernetes user with its groups), signed by `authority`. */
export function issueClient(authority: KeyPair, subject: Subject, now: Date): KeyPair {
  return issue(authority, subject, now, [extension(OID.extKeyUsage, sequence(oid(OID.clientAuth)))]);
}

/** Makes a bare key pair, as ServiceAccount tokens are signed with; both parts PEM. */
export function createSigningKey(): { readonly privatePem: string; readonly publicPem: string } {
  const { privateKey, publicKey } = newKey();
  return { privatePem: pemOf(privateKey), publicPem: publicKey.export({ type: 'spki', format: 'pem' }) };
}

function issue(authority: KeyPair, subject: Subject, now: Date, purpose: readonly Buffer[]): KeyPair {
  const parent = new X509Certificate(authority.certPem);
  const issuer: Issuer = { name: subjectBytesOf(authority), keyId: keyIdOf(parent.publicKey), key: createPrivateKey(authority.keyPem) };
  const { privateKey, publicKey } = newKey();
  const extensions = [
    extension(OID.basicConstraints, sequence(), 'critical'),
    extension(OID.keyUsage, keyUsage(['digitalSignature']), 'critical'),
    extension(OID.subjectKeyIdentifier, octetString(keyIdOf(publicKey))),
    extension(OID.authorityKeyIdentifier, sequence(implicit(0, issuer.keyId))),
    ...purpose,
  ];
  return pairOf(certificate({ subject: nameOf(subject), publicKey, extensions, now, issuer }), privateKey);
}

/** RFC 5280 4.1: the part to be signed, the algorithm, the signature. */
function certificate(parts: { subject: Buffer; publicKey: KeyObject; extensions: readonly Buffer[]; now: Date; issuer: Issuer }): Buffer {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const toBeSigned = sequence(
    explicit(0, integer(Buffer.from([2]))), // version 3
    integer(randomBytes(16)),
    algorithm,
    parts.issuer.name,
    sequence(time(new Date(parts.now.getTime() - HOUR_MS)), time(new Date(parts.now.getTime() + LIFETIME_MS))),
    parts.subject,
    parts.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...parts.extensions)),
  );
  return sequence(toBeSigned, algorithm, bitString(sign('sha256', toBeSigned, parts.issuer.key)));
}

function nameOf(subject: Subject): Buffer {
  const attribute = (type: string, value: string) => set(sequence(oid(type), utf8String(value)));
  return sequence(...(subject.organizations ?? []).map((name) => attribute(OID.organization, name)), attribute(OID.commonName, subject.commonName));
}

/** The issuer's name has to be byte for byte the authority's own; ours holds nothing but a common name. */
function subjectBytesOf(authority: KeyPair): Buffer {
  const commonName = /^CN=(.*)$/.exec(new X509Certificate(authority.certPem).subject)?.[1];
  if (commonName === undefined) throw new Error('the certificate authority was not made by createAuthority');
  return nameOf({ commonName });
}

function extension(id: string, value: Buffer, critical?: 'critical'): Buffer {
  return sequence(oid(id), ...(critical === undefined ? [] : [boolean(true)]), octetString(value));
}

const KEY_USAGE_BITS = { digitalSignature: 0, keyCertSign: 5, cRLSign: 6 } as const;

function keyUsage(uses: readonly (keyof typeof KEY_USAGE_BITS)[]): Buffer {
  const bits: readonly number[] = uses.map((use) => KEY_USAGE_BITS[use]);
  const byte = bits.reduce((sum, bit) => sum | (0x80 >> bit), 0);
  return bitString(Buffer.from([byte]), 7 - Math.max(...bits)); // DER: no trailing zero bits
}

function altName(host: string): Buffer {
  switch (isIP(host)) {
    case 4:
      return implicit(7, Buffer.from(host.split('.').map(Number)));
    case 6:
      return implicit(7, ipv6Bytes(host));
    default:
      return implicit(2, Buffer.from(host, 'ascii'));
  }
}

function ipv6Bytes(host: string): Buffer {
  const [head = '', tail] = host.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** RFC 5280 4.2.1.2, method 1: SHA-1 of the public key's bits. */
function keyIdOf(publicKey: KeyObject): Buffer {
  const { x, y } = publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]);
  return createHash('sha1').update(point).digest();
}

function newKey(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function pairOf(certificateDer: Buffer, key: KeyObject): KeyPair {
  const lines = certificateDer.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
  return { certPem: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`, keyPem: pemOf(key) };
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' });
}
