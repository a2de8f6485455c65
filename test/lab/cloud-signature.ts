// ACS3-HMAC-SHA256, the signature of Alibaba Cloud's gateways, as one of them checks it: nothing that matters may
// be unsigned, old, or come twice.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { CloudError } from './cloud-error.ts';

/** Whom a request may come from. */
export type KnownKey = { readonly accessKeySecret: string; readonly securityToken?: string; readonly isExpired: boolean };

/** The parts of a request that its signature covers; header names in lower case, `target` as on the request line. */
export type SignedRequest = {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
};

const SKEW_MS = 15 * 60_000;
const NONCES_AT_MOST = 20_000;
const ALWAYS_SIGNED = ['host', 'x-acs-action', 'x-acs-version', 'x-acs-date', 'x-acs-signature-nonce', 'x-acs-content-sha256'];

/**
 * Makes a check for requests; it remembers the nonces of those it let pass.
 * @param keyOf gives the key of an AccessKey id, also an expired one
 * @returns a function that gives the AccessKey id, or throws CloudError with the gateway's own code
 */
export function createSignatureCheck(keyOf: (accessKeyId: string) => KnownKey | undefined, now: () => number = Date.now): (request: SignedRequest) => string {
  const seenAtMs = new Map<string, number>();
  return (request) => {
    const header = (name: string) => [request.headers[name] ?? ''].flat().join(',').trim();
    const parts = /^ACS3-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/.exec(header('authorization'));
    if (parts === null)
      throw new CloudError(400, 'IncompleteSignature', 'The request signature does not conform to Aliyun standards: Authorization is missing or malformed.');
    const [, accessKeyId = '', signedHeaders = '', signature = ''] = parts;
    const key = keyOf(accessKeyId);
    checkWhen(header('x-acs-date'), now());
    checkToken(key, header('x-acs-security-token'), header('x-acs-accesskey-id'), accessKeyId);
    const names = signedHeaders.split(';');
    checkCoverage(request.headers, names);
    const payload = sha256(request.body);
    if (header('x-acs-content-sha256') !== payload) throw new CloudError(400, 'InvalidContentSha256', 'x-acs-content-sha256 is not the hash of the body.');
    const canonical = [
      request.method,
      ...canonicalTarget(request.target),
      names.map((name) => `${name}:${header(name)}\n`).join(''),
      signedHeaders,
      payload,
    ].join('\n');
    const wanted = createHmac('sha256', key.accessKeySecret)
      .update(`ACS3-HMAC-SHA256\n${sha256(canonical)}`)
      .digest();
    if (!timingSafeEqual(wanted, Buffer.from(signature, 'hex'))) {
      // The real gateway tells what it signed, too: there is no secret in it.
      throw new CloudError(
        400,
        'SignatureDoesNotMatch',
        `Specified signature is not matched with our calculation. server string to sign is:ACS3-HMAC-SHA256\n${sha256(canonical)}`,
      );
    }
    if (key.isExpired) throw expired(key);
    checkNonce(seenAtMs, `${accessKeyId} ${header('x-acs-signature-nonce')}`, now());
    return accessKeyId;
  };
}

function checkWhen(date: string, nowMs: number): void {
  const atMs = Date.parse(date);
  if (!(Math.abs(nowMs - atMs) < SKEW_MS)) throw new CloudError(400, 'InvalidTimeStamp.Expired', 'Specified time stamp or date value is expired.');
}

/** A temporary key without its token is not known at all; with another's it is a mismatch. */
function checkToken(key: KnownKey | undefined, token: string, claimedId: string, accessKeyId: string): asserts key is KnownKey {
  if (key === undefined || (key.securityToken !== undefined && token === ''))
    throw new CloudError(404, 'InvalidAccessKeyId.NotFound', 'Specified access key is not found.');
  if (token !== (key.securityToken ?? ''))
    throw new CloudError(400, 'InvalidSecurityToken.MismatchWithAccessKey', 'Specified SecurityToken mismatch with the AccessKey.');
  if (claimedId !== '' && claimedId !== accessKeyId)
    throw new CloudError(400, 'InvalidSecurityToken.MismatchWithAccessKey', 'x-acs-accesskey-id is not the Credential.');
}

function expired(key: KnownKey): CloudError {
  if (key.securityToken === undefined) return new CloudError(400, 'InvalidAccessKeyId.Inactive', 'Specified access key is disabled.');
  return new CloudError(400, 'InvalidSecurityToken.Expired', 'Specified SecurityToken is expired.');
}

function checkCoverage(headers: SignedRequest['headers'], names: readonly string[]): void {
  const wanted = [...ALWAYS_SIGNED, ...Object.keys(headers).filter((name) => name.startsWith('x-acs-') || name === 'content-type')];
  const unsigned = wanted.find((name) => !names.includes(name) || headers[name] === undefined);
  if (unsigned !== undefined)
    throw new CloudError(400, 'IncompleteSignature', `The request signature does not conform to Aliyun standards: ${unsigned} is not signed.`);
  if (names.join(';') !== names.toSorted().join(';')) throw new CloudError(400, 'IncompleteSignature', 'SignedHeaders are not sorted.');
}

/** Bounded: the oldest go first, and what is older than the skew cannot come back anyway. */
function checkNonce(seenAtMs: Map<string, number>, nonce: string, nowMs: number): void {
  if (seenAtMs.has(nonce)) throw new CloudError(400, 'SignatureNonceUsed', 'Specified signature nonce was used already.');
  seenAtMs.set(nonce, nowMs);
  for (const [old, atMs] of seenAtMs) {
    if (seenAtMs.size <= NONCES_AT_MOST && nowMs - atMs < 2 * SKEW_MS) break;
    seenAtMs.delete(old);
  }
}

/** Path and query as they are signed. On the wire the query is encoded otherwise, so it is decoded and encoded again; its keys are signed plain. */
function canonicalTarget(target: string): readonly [string, string] {
  const at = target.indexOf('?');
  const path = at < 0 ? target : target.slice(0, at);
  const pairs = [...new URLSearchParams(at < 0 ? '' : target.slice(at + 1))].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return [path.replaceAll('+', '%20').replaceAll('*', '%2A').replaceAll('%7E', '~'), pairs.map(([name, value]) => `${name}=${rfc3986(value)}`).join('&')];
}

function rfc3986(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
