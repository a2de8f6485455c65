/** Patterns of refs. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isRefName, isRefPattern, matchesRef } from '../../../daemon/lib/ref-pattern.ts';

it('a pattern is a whole ref, with stars', () => {
  for (const good of ['refs/pull/*/head', 'refs/merge-requests/*/head', 'refs/heads/env/*', 'refs/heads/*', 'refs/heads/release-*.x'])
    assert.equal(isRefPattern(good), true, good);
  for (const bad of [
    'main',
    '*',
    'refs/*',
    'heads/env/*',
    'refs/heads/a..b',
    'refs/heads/-x',
    '--upload-pack=x',
    'refs/heads/a b',
    'refs/heads/a:b',
    'refs/heads/',
    'refs//heads/x',
    'refs/heads/x.lock',
    'refs/heads/a\nb',
    'refs/heads/^x',
    'refs/heads/?',
    `refs/heads/${'x'.repeat(250)}`,
  ])
    assert.equal(isRefPattern(bad), false, bad);
});

it('a name of a ref has no star', () => assert.deepEqual([isRefName('refs/pull/1/head'), isRefName('refs/pull/*/head')], [true, false]));

it('a star stands for a part of the name, or a piece of one, and not for a slash', () => {
  const CASES: readonly (readonly [string, string, boolean])[] = [
    ['refs/pull/*/head', 'refs/pull/12/head', true],
    ['refs/pull/*/head', 'refs/pull/12/merge', false],
    ['refs/pull/*/head', 'refs/pull/1/2/head', false],
    ['refs/heads/env/*', 'refs/heads/env/prod', true],
    ['refs/heads/env/*', 'refs/heads/env', false],
    ['refs/heads/release-*.x', 'refs/heads/release-1.2.x', true],
    ['refs/heads/release-*.x', 'refs/heads/release-.x', true],
    ['refs/heads/a*a', 'refs/heads/a', false],
    ['refs/heads/*a*b*', 'refs/heads/xaybz', true],
    ['refs/heads/*a*b*', 'refs/heads/ba', false],
    ['refs/heads/main', 'refs/heads/main', true],
    ['refs/heads/.*', 'refs/heads/x', false],
  ];
  for (const [pattern, ref, expected] of CASES) assert.equal(matchesRef(pattern, ref), expected, `${pattern} ${ref}`);
});
