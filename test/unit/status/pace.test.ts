/** When a status commit is pushed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AT_ONCE, nothingToTell, paceOf, pushedAt, UNPACED, type News, type Pace, type Paced } from '../../../daemon/status/pace.ts';

const PACE: Pace = { quietMs: 1_000, waitMaxMs: 5_000, perMinuteMax: 4 };
const MOVING: News = { isUrgent: false, isSettled: false };
const SETTLED: News = { isUrgent: false, isSettled: true };
const URGENT: News = { isUrgent: true, isSettled: false };

/** News at these times, each another; the waits that come of them. */
function waits(...at: readonly (readonly [atMs: number, news: News, told?: string])[]): readonly number[] {
  let paced: Paced = UNPACED;
  return at.map(([nowMs, news, told], i) => {
    const { waitMs, after } = paceOf(paced, news, told ?? String(i), PACE, nowMs);
    paced = after;
    return waitMs;
  });
}

describe('a status commit', () => {
  it('waits while things move, and until it is quiet', () =>
    assert.deepEqual(waits([0, MOVING, 'a'], [400, MOVING, 'a'], [1_000, MOVING, 'a']), [1_000, 600, 0]));
  it('waits anew when more comes, but not for ever', () =>
    assert.deepEqual(
      waits([0, MOVING], [900, MOVING], [1_800, MOVING], [2_700, MOVING], [3_600, MOVING], [4_500, MOVING], [5_000, MOVING]),
      [1_000, 1_000, 1_000, 1_000, 1_000, 500, 0],
    ));
  it('goes when the wave is over', () => assert.deepEqual(waits([0, MOVING], [100, SETTLED]), [1_000, 0]));
  it('goes at once with a failure', () => assert.deepEqual(waits([0, MOVING], [100, URGENT]), [1_000, 0]));
  it('begins a new wait after what waited was taken back', () =>
    assert.equal(paceOf(nothingToTell(paceOf(UNPACED, MOVING, 'a', PACE, 0).after), MOVING, 'a', PACE, 4_900).waitMs, 1_000));

  it('is one of so many in a minute, and of half as many again when it is urgent', () => {
    let paced: Paced = UNPACED;
    for (const at of [0, 10_000, 20_000, 30_000]) paced = pushedAt(paced, at);
    assert.equal(paceOf(paced, SETTLED, 'a', PACE, 40_000).waitMs, 20_000);
    assert.equal(paceOf(paced, URGENT, 'a', PACE, 40_000).waitMs, 0);
    for (const at of [40_000, 41_000]) paced = pushedAt(paced, at);
    assert.equal(paceOf(paced, URGENT, 'a', PACE, 42_000).waitMs, 18_000);
    assert.equal(paceOf(paced, SETTLED, 'a', PACE, 79_000).waitMs, 1_000, 'those of the last minute count: four are left, the oldest of second 20');
  });

  it('remembers no more than a minute (I7)', () => {
    let paced: Paced = UNPACED;
    for (let at = 0; at < 600_000; at += 1_000) paced = pushedAt(paced, at);
    assert.equal(paced.pushesMs.length, 60);
  });

  it('is not held back where nobody asked for it', () => {
    let paced: Paced = UNPACED;
    for (let at = 0; at < 100; at += 1) paced = pushedAt(paced, at);
    assert.equal(paceOf(paced, MOVING, 'a', AT_ONCE, 100).waitMs, 0);
  });
});
