/** What cannot be pushed is pushed later, as if the remote had never been away. */
import assert from 'node:assert/strict';
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import type { StatusCommit } from '../../../daemon/model/status.ts';
import { bounded, type HeldCommit } from '../../../daemon/source/outbox.ts';
import { type BareRepo, repoWithWorkTree, temporaryDirectory } from '../../rig/git.ts';
import { never, openTestSource, statusCommit } from './open.ts';

async function repository(directory: string): Promise<BareRepo> {
  const { bare, work } = await repoWithWorkTree(directory);
  await work.commit({ 'app.yaml': 'kind: Application' });
  await work.push();
  return bare;
}

test('what could not be pushed is kept over a restart, and each of it becomes the commit that it should have been', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  const away = join(dir.path, 'away.git');
  {
    await using source = await openTestSource(dir.path, bare.path);
    await source.commit(statusCommit({ 'a.yaml': '0' }), never);
    await rename(bare.path, away);
    await assert.rejects(
      source.commit(
        {
          ...statusCommit({ 'a.yaml': '1', 'gone.yaml': 'x' }, 'a failed', [
            ['Application', 'default/a'],
            ['Phase', 'failed'],
          ]),
          body: ['- no image'],
        },
        never,
      ),
      { code: 'source/not-found' },
    );
    await assert.rejects(source.commit(statusCommit({ 'b.yaml': '1', 'gone.yaml': null }, 'b is running', [['Application', 'default/b']]), never), {
      code: 'source/not-found',
    });
  }
  await rename(away, bare.path);
  await using source = await openTestSource(dir.path, bare.path);
  await source.fetch(never);
  const sha = await source.commit(
    statusCommit({ 'a.yaml': '2' }, 'a is running', [
      ['Application', 'default/a'],
      ['Phase', 'running'],
    ]),
    never,
  );
  assert.deepEqual(
    (await bare.log('lateen-status')).map(({ subject, trailers }) => [subject, trailers]),
    [
      [
        'a is running',
        [
          ['Application', 'default/a'],
          ['Phase', 'running'],
        ],
      ],
      ['b is running', [['Application', 'default/b']]],
      [
        'a failed',
        [
          ['Application', 'default/a'],
          ['Phase', 'failed'],
        ],
      ],
      ['Status', []],
    ],
  );
  assert.equal(sha, await bare.head('lateen-status'));
  assert.deepEqual(
    [await bare.files('lateen-status'), await bare.show('lateen-status', 'a.yaml'), await bare.git('show', 'lateen-status~2:a.yaml')],
    [['a.yaml', 'b.yaml'], '2', '1'],
  );
  assert.equal(await bare.git('log', '-1', '--format=%B', 'lateen-status~2'), 'a failed\n\n- no image\n\nApplication: default/a\nPhase: failed\n\n');
  assert.equal(await source.commit(statusCommit({ 'a.yaml': '2' }), never), null, 'nothing waits any more');
});

test('what waits is said though there is nothing new', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await using source = await openTestSource(dir.path, bare.path);
  await source.commit(statusCommit({ 'a.yaml': '0' }), never);
  await rename(bare.path, `${bare.path}.away`);
  await assert.rejects(source.commit(statusCommit({ 'a.yaml': '1' }, 'one'), never));
  await assert.rejects(source.commit(statusCommit({ 'a.yaml': '0' }, 'back'), never));
  await rename(`${bare.path}.away`, bare.path);
  await source.commit(statusCommit({ 'a.yaml': '0' }, 'still'), never);
  assert.deepEqual(
    (await bare.log('lateen-status')).map(({ subject }) => subject),
    ['back', 'one', 'Status'],
  );
});

test('what waits is not said twice, goes without anything new, and counts as said', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  {
    await using source = await openTestSource(dir.path, bare.path);
    assert.equal(await source.commit(statusCommit({}), never), null, 'nothing is no commit');
    await source.commit(statusCommit({ 'a.yaml': '0', 'b.yaml': '0' }), never);
    await rename(bare.path, `${bare.path}.away`);
    for (let i = 0; i < 3; i += 1) await assert.rejects(source.commit(statusCommit({ 'a.yaml': '1', 'b.yaml': null }, 'one'), never));
    await rename(`${bare.path}.away`, bare.path);
  }
  await using source = await openTestSource(dir.path, bare.path);
  assert.deepEqual(await source.statusFiles(never), new Map([['a.yaml', '1']]));
  assert.equal(await source.commit(statusCommit({}), never), await bare.head('lateen-status'));
  assert.deepEqual(
    (await bare.log('lateen-status')).map(({ subject }) => subject),
    ['one', 'Status'],
  );
});

test('what can be neither pushed nor kept is told as such', async () => {
  await using dir = await temporaryDirectory();
  await using source = await openTestSource(dir.path, join(dir.path, 'nowhere'));
  await mkdir(join(dir.path, 'lateen/outbox/status.json.new'), { recursive: true });
  await assert.rejects(source.commit(statusCommit({ 'a.yaml': '1' }), never), {
    code: 'source/outbox',
    kind: 'denied',
    message: /neither pushed nor kept: EISDIR; there is no directory/,
  });
});

test('a push whose answer got lost is not made twice', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  const hook = join(bare.path, 'hooks/reference-transaction');
  const dying = join(dir.path, 'dying');
  // The server dies right after the branch has moved.
  await writeFile(hook, `#!/bin/sh\nif [ "$1" = committed ] && [ -e '${dying}' ]; then kill -9 $PPID; fi\nexit 0\n`);
  await chmod(hook, 0o755);
  {
    await using source = await openTestSource(dir.path, bare.path);
    await source.commit(statusCommit({ 'a.yaml': '0' }, 'zero'), never);
    await writeFile(dying, '');
    await assert.rejects(source.commit(statusCommit({ 'a.yaml': '1' }, 'one'), never), { code: 'source/unreachable' });
    await rename(dying, `${dying}.not`);
    assert.deepEqual(
      (await bare.log('lateen-status')).map(({ subject }) => subject),
      ['one', 'zero'],
      'it has arrived',
    );
  }
  await using source = await openTestSource(dir.path, bare.path);
  await source.commit(statusCommit({ 'a.yaml': '0' }, 'zero again'), never);
  assert.deepEqual(
    (await bare.log('lateen-status')).map(({ subject }) => subject),
    ['zero again', 'one', 'zero'],
  );
});

describe('the outbox is bounded (I7)', () => {
  const held = (i: number, more: Partial<StatusCommit> = {}): HeldCommit => ({
    atMs: i,
    commit: {
      ...statusCommit({ [`${i % 3}.yaml`]: String(i) }, `commit ${i}`, [
        ['Source-Commit', String(i)],
        ['Application', `default/${i % 3}`],
        ['Phase', String(i)],
      ]),
      ...more,
    },
  });

  it('in number: the oldest become one that says what each of them said', () => {
    const left = bounded(Array.from({ length: 53 }, (_, i) => held(i)));
    assert.equal(left.length, 50);
    assert.deepEqual(left[0], {
      atMs: 3,
      commit: {
        files: new Map([
          ['0.yaml', '3'],
          ['1.yaml', '1'],
          ['2.yaml', '2'],
        ]),
        subject: 'commit 3',
        body: ['- before: commit 2', '- before: commit 1', '- before: commit 0'],
        trailers: [
          ['Source-Commit', '3'],
          ['Application', 'default/1'],
          ['Phase', '1'],
          ['Application', 'default/2'],
          ['Phase', '2'],
          ['Application', 'default/0'],
          ['Phase', '3'],
        ],
      },
    });
    assert.deepEqual(left.at(-1), held(52));
  });

  it('in size', () => {
    const left = bounded(Array.from({ length: 10 }, (_, i) => held(i, { files: new Map([['a.yaml', 'x'.repeat(4 << 20)]]) })));
    assert.deepEqual([left.length, left.at(-1)?.commit.subject], [3, 'commit 9']);
  });
});
