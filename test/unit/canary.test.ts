// The canary's own eyes: a value is found in whatever form it is written, or no canary proves anything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCanaries } from '../rig/canary.ts';

const SHORT = 'canary-71c3/do+not=tell';
const LONG = `-----BEGIN KEY-----\n${'A1b2C3d4E5'.repeat(6)}\n${'Z9y8X7w6V5'.repeat(6)}\n-----END KEY-----\n`;
const found = (text: string): readonly string[] =>
  findCanaries({ short: SHORT, long: LONG }, [{ where: 'here', text }]).map((line) => line.split(' ')[0] ?? '');

test('a value is found plain, escaped and encoded, alone and inside of something longer', () => {
  for (const text of [
    `x${SHORT}x`,
    encodeURIComponent(SHORT),
    JSON.stringify({ a: JSON.stringify({ b: SHORT }) }),
    Buffer.from(SHORT).toString('base64'),
    Buffer.from(SHORT).toString('base64url'),
    ...['', 'a', 'ab', 'abc'].map((before) => Buffer.from(`${before}${SHORT} and more`).toString('base64')),
  ])
    assert.ok(found(text).includes('short'), text);
});

test('a piece of a long value is found, whatever is left of the rest', () => {
  for (const text of [LONG, `${LONG.slice(20, 75)}...`, `...${LONG.slice(100)}`, JSON.stringify(LONG), Buffer.from(`key: ${LONG}`).toString('base64')])
    assert.ok(found(text).includes('long'), text);
});

test('what is no canary is not found', () => {
  assert.deepEqual(found('canary-71c4 A1b2C3d4E5 -----BEGIN KEY-----'), []);
});
