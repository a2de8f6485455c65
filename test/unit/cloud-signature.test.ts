import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenApiUtil } from '@alicloud/openapi-core';
import * as dara from '@darabonba/typescript';
import { CloudError } from '../lab/cloud-error.ts';
import { createSignatureCheck, type SignedRequest } from '../lab/cloud-signature.ts';

const KEY = { accessKeySecret: 'secret', isExpired: false };
const NOW_MS = Date.parse('2026-01-02T03:04:05Z');

/** Signed by the SDK's own code. */
function signed(
  options: { readonly nonce?: string; readonly query?: Record<string, string>; readonly more?: Record<string, string>; readonly atMs?: number } = {},
): SignedRequest {
  const body = Buffer.from('{"a":1}');
  const payload = OpenApiUtil.hash(body, 'ACS3-HMAC-SHA256').toString('hex');
  const headers: Record<string, string> = {
    host: 'lab',
    'content-type': 'application/json',
    'x-acs-action': 'A',
    'x-acs-version': 'V',
    'x-acs-date': `${new Date(options.atMs ?? NOW_MS).toISOString().slice(0, 19)}Z`,
    'x-acs-signature-nonce': options.nonce ?? 'n',
    'x-acs-content-sha256': payload,
    ...options.more,
  };
  const request = new dara.Request();
  Object.assign(request, { method: 'POST', pathname: '/a*b', query: options.query ?? {}, headers });
  const authorization = OpenApiUtil.getAuthorization(request, 'ACS3-HMAC-SHA256', payload, 'id', 'secret');
  return { method: 'POST', target: `/a*b?${new URLSearchParams(options.query).toString()}`, headers: { ...headers, authorization }, body };
}

const check = () =>
  createSignatureCheck(
    (id) => (id === 'id' ? KEY : undefined),
    () => NOW_MS,
  );
const code = (expected: string) => (error: unknown) => error instanceof CloudError && error.code === expected;

test('what the SDK signs is accepted, with any characters in its query', () => {
  assert.equal(check()(signed({ query: { 'b.1': "x y+%~!'()*/?", a: 'é' } })), 'id');
});

test('a change of anything is seen', () => {
  const request = signed({ query: { a: '1' } });
  const changed: readonly Partial<SignedRequest>[] = [
    { method: 'PUT' },
    { target: '/a*b?a=2' },
    { target: '/a*c?a=1' },
    { headers: { ...request.headers, host: 'other' } },
    { headers: { ...request.headers, 'x-acs-action': 'B' } },
  ];
  for (const change of changed) assert.throws(() => check()({ ...request, ...change }), code('SignatureDoesNotMatch'), JSON.stringify(change));
  assert.throws(() => check()({ ...request, body: Buffer.from('{"a":2}') }), code('InvalidContentSha256'));
});

test('a nonce counts once, and only where the signature was right', () => {
  const accept = check();
  const request = signed();
  assert.throws(() => accept({ ...request, method: 'PUT' }), code('SignatureDoesNotMatch'));
  accept(request);
  assert.throws(() => accept(request), code('SignatureNonceUsed'));
  accept(signed({ nonce: 'other' }));
});

test('a date more than 15 minutes away is refused, on either side', () => {
  for (const atMs of [NOW_MS - 900_000, NOW_MS + 900_000]) assert.throws(() => check()(signed({ atMs })), code('InvalidTimeStamp.Expired'));
  for (const atMs of [NOW_MS - 899_000, NOW_MS + 899_000]) check()(signed({ atMs }));
});

test('a header of the API that is not signed, and an action that is not there, are refused', () => {
  const request = signed();
  assert.throws(() => check()({ ...request, headers: { ...request.headers, 'x-acs-more': '1' } }), code('IncompleteSignature'));
  const { 'x-acs-action': _action, ...rest } = request.headers;
  assert.throws(() => check()({ ...request, headers: rest }), code('IncompleteSignature'));
});
