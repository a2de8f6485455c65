/** Requests for certificates (PKCS#10), as an agent makes them. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { bitString, integer, oid, sequence, set, tagged, utf8String } from '../lab/der.ts';

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const TYPES = { CN: '2.5.4.3', O: '2.5.4.10', OU: '2.5.4.11' } as const;

/** Attributes of the subject, each in a set with those of its type, as Go writes them. */
export type RequestSubject = Partial<Readonly<Record<keyof typeof TYPES, readonly string[]>>>;

/** PEM of a request for a new key, and the key. */
export function certificateRequest(subject: RequestSubject): { readonly pem: string; readonly keyPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = (Object.keys(TYPES) as (keyof typeof TYPES)[]).flatMap((type) => {
    const values = subject[type] ?? [];
    return values.length === 0 ? [] : [set(...values.map((value) => sequence(oid(TYPES[type]), utf8String(value))))];
  });
  const info = sequence(integer(Buffer.from([0])), sequence(...names), publicKey.export({ type: 'spki', format: 'der' }), tagged(0xa0));
  const whole = sequence(info, sequence(oid(ECDSA_WITH_SHA256)), bitString(sign('sha256', info, privateKey)));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    pem: `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`,
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}
