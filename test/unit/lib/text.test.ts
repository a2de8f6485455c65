import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean, listed } from '../../../daemon/lib/text.ts';

const TYPES = ['webservice', 'worker', 'task', 'scaler'];

for (const [word, meant] of [
  ['webservise', 'webservice'],
  ['wbeservice', 'webservice'],
  ['Worker', 'worker'],
  ['taks', 'task'],
  ['sclaer', 'scaler'],
  ['database', undefined],
  ['x', undefined],
  ['worker', undefined],
] as const) {
  test(`"${word}" is ${meant === undefined ? 'nothing known' : `taken for "${meant}"`}`, () => {
    assert.equal(didYouMean(word, TYPES), meant);
  });
}

test('a list shows its first words and counts the rest', () => {
  assert.equal(listed(['a', 'b', 'c'], 2), '"a", "b" and 1 more');
  assert.equal(listed(['a']), '"a"');
});
