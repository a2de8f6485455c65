import assert from 'node:assert/strict';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../daemon/lib/retry.ts';
import { poll, watchLocal, watchPaths } from '../../../daemon/source/watch.ts';
import { repoWithWorkTree, temporaryDirectory } from '../../rig/git.ts';

const clock = systemClock();

/** Counts ticks and lets a test wait for the next one. */
function counter(): { readonly tick: () => void; readonly next: (after: () => Promise<unknown>) => Promise<void>; count: number } {
  let wake = (): void => {};
  const state = {
    count: 0,
    tick: () => {
      state.count += 1;
      wake();
    },
    next: async (after: () => Promise<unknown>) => {
      const ticked = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await after();
      await ticked;
    },
  };
  return state;
}

test('a push to a local repository ticks: new, moved, nested, packed and deleted branches, and other refs', async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  const ticks = counter();
  await using watch = await watchLocal(bare.path, ticks.tick, { clock });
  await work.commit({ 'a.yaml': '1' });
  await ticks.next(() => work.push());
  await work.commit({ 'a.yaml': '2' });
  await ticks.next(() => work.push());
  await ticks.next(() => work.push('main:refs/heads/feature/deep/x'));
  await ticks.next(() => work.push('main:refs/pull/7/head'));
  await bare.git('pack-refs', '--all');
  await ticks.next(() => work.push('--delete', 'feature/deep/x'));
  assert.ok(watch);
});

test('a work tree and a linked work tree tick when something is committed there', async () => {
  await using dir = await temporaryDirectory();
  const { work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': '1' });
  const linked = join(dir.path, 'linked');
  await work.git('worktree', 'add', '--quiet', linked, '-b', 'side');
  for (const path of [work.path, linked]) {
    const ticks = counter();
    await using watch = await watchLocal(path, ticks.tick, { clock });
    await ticks.next(() => work.commit({ 'a.yaml': path }));
    assert.ok(watch);
  }
});

test('the branch that is ours makes no tick, and neither do locks', async () => {
  await using dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  await work.commit({ 'a.yaml': '1' });
  await work.push();
  const ticks = counter();
  await using watch = await watchLocal(bare.path, ticks.tick, { clock, ignoredBranch: 'lateen-status' });
  await work.push('main:lateen-status', 'main:lateen-status.2');
  await writeFile(join(bare.path, 'refs/heads/x.lock'), '');
  await clock.sleep(200);
  assert.equal(ticks.count, 0);
  await work.commit({ 'a.yaml': '2' });
  await ticks.next(() => work.push());
  assert.ok(watch);
});

test('many changes at once are one tick', async () => {
  await using dir = await temporaryDirectory();
  const ticks = counter();
  await using watch = await watchPaths([dir.path], ticks.tick, { clock, debounceMs: 300 });
  await ticks.next(async () => {
    for (let index = 0; index < 20; index += 1) await writeFile(join(dir.path, `${index}.yaml`), '');
  });
  assert.equal(ticks.count, 1);
  assert.ok(watch);
});

test('a saved file, a file that appears and a swapped link tick', async () => {
  await using dir = await temporaryDirectory();
  const file = (name: string): string => join(dir.path, name);
  await mkdir(file('v1'));
  await mkdir(file('v2'));
  await writeFile(file('v1/token'), 'one');
  await writeFile(file('v2/token'), 'two');
  await symlink('v1', file('data'));
  await symlink('data/token', file('token'));
  await writeFile(file('config.yaml'), 'one');
  const ticks = counter();
  await using watch = await watchPaths([file('token'), file('config.yaml'), file('later.yaml')], ticks.tick, { clock });
  await ticks.next(async () => {
    await writeFile(file('new'), 'two');
    await rename(file('new'), file('config.yaml'));
  });
  await ticks.next(() => writeFile(file('later.yaml'), ''));
  await ticks.next(async () => {
    await symlink('v2', file('data.new'));
    await rename(file('data.new'), file('data'));
  });
  assert.ok(watch);
});

test('the poll waits its interval with jitter and ends with its signal', async () => {
  const stop = new AbortController();
  const sleptMs: number[] = [];
  const randoms = [0, 0.5, 0.999];
  let ticks = 0;
  await poll(
    1000,
    0.1,
    {
      now: () => 0,
      random: () => randoms[sleptMs.length] ?? 0,
      sleep: async (ms) => {
        sleptMs.push(Math.round(ms));
      },
    },
    () => {
      ticks += 1;
      if (ticks === 3) stop.abort();
    },
    stop.signal,
  );
  assert.deepEqual([ticks, sleptMs], [3, [900, 1000, 1100]]);
  await poll(60_000, 0, clock, () => assert.fail('no tick'), AbortSignal.abort());
});
