import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contains, isPrivate, isReserved, overlaps, parseCidr } from '../lab/cloud-cidr.ts';

const range = (text: string) => parseCidr(text)!;

test('a range is read, and what is none is not', () => {
  assert.deepEqual(parseCidr('10.1.0.0/16'), { first: 0x0a010000, last: 0x0a01ffff, bits: 16 });
  assert.deepEqual(parseCidr('255.255.255.255/32'), { first: 0xffffffff, last: 0xffffffff, bits: 32 });
  for (const text of ['10.1.0.1/16', '10.1.0.0', '10.1.0.0/33', '256.0.0.0/8', '10.1.0/16', '10.1.0.0/16 ', '::/0'])
    assert.equal(parseCidr(text), undefined, text);
});

test('ranges overlap where they share an address, and contain one another where they share all', () => {
  assert.ok(overlaps(range('10.0.0.0/8'), range('10.1.0.0/16')));
  assert.ok(overlaps(range('10.1.0.0/16'), range('10.0.0.0/8')));
  assert.ok(!overlaps(range('10.1.0.0/16'), range('10.2.0.0/16')));
  assert.ok(contains(range('10.0.0.0/8'), range('10.255.0.0/16')));
  assert.ok(!contains(range('10.1.0.0/16'), range('10.0.0.0/8')));
});

test('private and reserved ranges are known', () => {
  assert.deepEqual(
    ['10.0.0.0/8', '172.31.0.0/16', '172.32.0.0/16', '192.0.0.0/8'].map((text) => isPrivate(range(text))),
    [true, true, false, false],
  );
  assert.deepEqual(
    ['100.64.0.0/16', '0.0.0.0/0', '100.128.0.0/16', '10.0.0.0/8'].map((text) => isReserved(range(text))),
    [true, true, false, false],
  );
});
