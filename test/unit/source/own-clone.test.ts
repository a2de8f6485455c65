/** A person's own clone: what of the status branch is read there. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openOwnClone, type OwnClone } from '../../../daemon/source/own-clone.ts';
import { git, repoWithWorkTree, temporaryDirectory, workTree, type WorkTree } from '../../rig/git.ts';
import { never } from './open.ts';

interface Ground extends AsyncDisposable {
  readonly directory: string;
  /** A clone that nobody has fetched in. */
  readonly clone: OwnClone;
  /** Who writes: gives a branch this one file, or none. */
  readonly tell: (branch: string, content: string | null) => Promise<void>;
}

async function ground(): Promise<Ground> {
  const directory = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(directory.path);
  await work.commit({ 'a.yaml': 'a: 1\n' });
  await work.push();
  const mine: WorkTree = await workTree(join(directory.path, 'mine'), bare.path);
  return {
    directory: directory.path,
    clone: await openOwnClone(mine.path, { PATH: process.env['PATH'], HOME: directory.path }, never),
    tell: async (branch, content) => {
      await work.git('checkout', '--quiet', '--detach', 'main');
      await work.commit(content === null ? {} : { 'status.yaml': content });
      await work.git('push', '--quiet', '--force', 'origin', `HEAD:refs/heads/${branch}`);
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

const read = ({ clone }: Ground): Promise<string | null> => clone.readStatus('lateen-status', 'status.yaml');

describe('the status that a person reads', () => {
  it("is that of the branch's newest generation, also when it went on since the last look", async () => {
    await using at = await ground();
    assert.equal(await read(at), null);
    await at.tell('lateen-status', 'one');
    assert.equal(await read(at), 'one');
    await at.tell('lateen-status.9', 'nine');
    await at.tell('lateen-status.10', 'ten');
    await at.tell('lateen-status.x', 'another branch');
    await at.tell('lateen-status-other', 'another instance');
    assert.equal(await read(at), 'ten');
    await at.tell('lateen-status.11', null);
    assert.equal(await read(at), null, 'it is not there any more');
  });

  it('is what was fetched last where the remote is away', async () => {
    await using at = await ground();
    await at.tell('lateen-status', 'one');
    await at.tell('lateen-status.2', 'two');
    assert.equal(await read(at), 'two');
    await git(at.clone.top, 'remote', 'set-url', 'origin', join(at.directory, 'nowhere.git'));
    assert.equal(await read(at), 'two');
  });

  it('is that of a branch here where a daemon follows this very clone', async () => {
    await using at = await ground();
    await git(at.clone.top, 'checkout', '--quiet', '-b', 'lateen-status.2');
    await git(at.clone.top, 'commit', '--quiet', '--allow-empty', '--message', 'x');
    assert.equal(await read(at), null);
    await git(at.clone.top, 'branch', '--quiet', 'lateen-status', 'main');
    assert.equal(await at.clone.readStatus('lateen-status', 'a.yaml'), 'a: 1\n');
  });
});

describe('an Approval in a clone', () => {
  it('that git has no key to sign with is not committed, and how to sign is told', async () => {
    await using at = await ground();
    const before = await git(at.clone.top, 'rev-parse', 'HEAD');
    await git(at.clone.top, 'config', 'user.name', 'Ada');
    await git(at.clone.top, 'config', 'user.email', 'ada@example.com');
    await git(at.clone.top, 'config', 'gpg.format', 'ssh');
    await git(at.clone.top, 'config', 'user.signingkey', join(at.directory, 'no-key'));
    const commit = (sign: boolean): Promise<string> => at.clone.commitNew('approvals/go.yaml', 'a: 1\n', 'Go', { sign });
    await assert.rejects(commit(true), {
      code: 'source/git',
      message: /committing approvals\/go\.yaml: [^]*\nGive your git a key: .* or, where nobody asks for signatures, say --unsigned\.$/,
    });
    assert.deepEqual(
      [await git(at.clone.top, 'rev-parse', 'HEAD'), await at.clone.read('approvals/go.yaml'), await git(at.clone.top, 'status', '--porcelain')],
      [before, null, ''],
    );
    await commit(false);
    assert.equal(await at.clone.hasRemote(), true);
    await git(at.clone.top, 'remote', 'remove', 'origin');
    assert.equal(await at.clone.hasRemote(), false);
  });
});
