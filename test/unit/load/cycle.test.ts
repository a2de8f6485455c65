import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCycle } from '../../../daemon/load/cycle.ts';

const of = (text: string): ReadonlyMap<string, readonly string[]> =>
  new Map(
    text.split(' ').map((part) => [
      part.slice(0, 1),
      part
        .slice(1)
        .split('')
        .filter((name) => name !== ''),
    ]),
  );

for (const [text, cycle] of [
  ['a', null],
  ['ab b', null],
  ['abc bd cd d', null],
  ['aa', ['a']],
  ['ab ba', ['a', 'b']],
  ['xa ab bc ca', ['a', 'b', 'c']],
  ['ax', null],
  ['ab bd cd d ef fe', ['e', 'f']],
] as const) {
  test(`among ${text} there is ${cycle === null ? 'no circle' : `the circle ${cycle.join('')}`}`, () => {
    assert.deepEqual(findCycle(of(text)), cycle);
  });
}

test('a chain of any length is followed to its end', () => {
  const chain = new Map(Array.from({ length: 50_000 }, (_, index) => [`n${index}`, [`n${index + 1}`]]));
  assert.equal(findCycle(chain), null);
  assert.equal(findCycle(chain.set('n50000', ['n0']))?.length, 50_001);
});
