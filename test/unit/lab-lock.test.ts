import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { withBuildLock } from '../lab/build-lock.ts';
import { endProcess, isRunning, recordProcess } from '../lab/process.ts';

const folder = await mkdtemp(join(tmpdir(), 'lateen-lock-'));
after(() => rm(folder, { recursive: true }));

test('a lock is held while the work is done, and leaves no file behind', async () => {
  const file = join(folder, 'free');
  assert.deepEqual(await withBuildLock(file, unexpected, () => readdir(folder)), ['free']);
  assert.deepEqual(await readdir(folder), []);
  await assert.rejects(
    withBuildLock(file, unexpected, () => Promise.reject(new Error('no'))),
    { message: 'no' },
  );
  assert.deepEqual(await readdir(folder), []);
});

test('a lock of a dead process is taken over, also where its pid is used again', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  const dead = recordProcess(child.pid!);
  await once(child, 'exit');
  for (const holder of [dead, { pid: process.pid, startedAt: 'at another time' }, 'not ours']) {
    const file = join(folder, 'stale');
    await writeFile(file, JSON.stringify(holder));
    assert.equal(await withBuildLock(file, unexpected, async () => 'done'), 'done');
  }
});

test('a lock of a living process is waited for', async () => {
  const file = join(folder, 'held');
  const child = spawn('sleep', ['60']);
  const holder = recordProcess(child.pid!)!;
  await writeFile(file, JSON.stringify(holder));
  const said: string[] = [];
  const work = withBuildLock(
    file,
    (line) => void (said.push(line), child.kill()),
    async () => isRunning(holder),
  );
  assert.equal(await work, false);
  assert.match(said[0]!, new RegExp(`process ${holder.pid} is building already`));
});

test('only exactly the recorded process is ended', async () => {
  const child = spawn('sleep', ['60']);
  const record = recordProcess(child.pid!)!;
  await endProcess({ ...record, startedAt: 'earlier' });
  assert.ok(isRunning(record));
  await endProcess(record);
  assert.ok(!isRunning(record));
});

function unexpected(line: string): void {
  throw new Error(`nobody is to be waited for, but: ${line}`);
}
