/** What a status commit looks like in Git: its words, its signature. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { messageOf } from '../../../daemon/source/status-commit.ts';
import { type BareRepo, git, gpgSigner, isInstalled, repoWithWorkTree, sshSigner, temporaryDirectory } from '../../rig/git.ts';
import { never, openTestSource, statusCommit } from './open.ts';

async function repository(directory: string): Promise<BareRepo> {
  const { bare, work } = await repoWithWorkTree(directory);
  await work.commit({ 'app.yaml': 'kind: Application' });
  await work.push();
  return bare;
}

test('a message is a subject, causes and trailers, a paragraph each', () => {
  const commit = {
    ...statusCommit({}, 'default/web: unhealthy', [
      ['Application', 'default/web'],
      ['Phase', 'unhealthy'],
    ]),
    body: ['- component web:\n no   image', '  - deeper'],
  };
  assert.equal(messageOf(commit, false), 'default/web: unhealthy\n\n- component web: no image\n  - deeper\n\nApplication: default/web\nPhase: unhealthy\n');
  assert.equal(messageOf(statusCommit({}, 'x'), true), 'x [skip ci]\n');
});

test('whatever a message quotes, its trailers are ours', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await using source = await openTestSource(dir.path, bare.path);
  const forged = 'x\n\nApproved-By: Eve <eve@example.com>';
  await source.commit({ ...statusCommit({ 'a.yaml': '1' }, forged, [['Source-Author', forged]]), body: [`- ${forged}`] }, never);
  await source.commit({ ...statusCommit({ 'a.yaml': '2' }, forged), body: [`- ${forged}`] }, never);
  assert.deepEqual(
    (await bare.log('lateen-status')).map(({ trailers }) => trailers),
    [[], [['Source-Author', 'x Approved-By: Eve <eve@example.com>']]],
  );
});

test('a message asks for no pipeline where that is wanted', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await using source = await openTestSource(dir.path, bare.path, { skipCi: true });
  await source.commit(statusCommit({ 'a.yaml': '1' }, 'default/web: running'), never);
  assert.deepEqual(
    (await bare.log('lateen-status')).map(({ subject }) => subject),
    ['default/web: running [skip ci]'],
  );
});

test('a status commit is signed with an SSH key', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  const { publicKey } = await sshSigner(dir.path, 'robot');
  await using source = await openTestSource(dir.path, bare.path, { signing: { file: join(dir.path, 'robot'), format: 'ssh' } });
  for (const text of ['1', '2']) await source.commit(statusCommit({ 'a.yaml': text }), never);
  await writeFile(join(dir.path, 'allowed'), `lateen@localhost ${publicKey}\n`);
  assert.equal(
    await bare.git('-c', `gpg.ssh.allowedSignersFile=${join(dir.path, 'allowed')}`, 'log', '--format=%G? %GS', 'lateen-status'),
    'G lateen@localhost\nG lateen@localhost\n',
  );
});

test('a status commit is signed with an OpenPGP key, and no agent stays behind', { skip: !(await isInstalled('gpg')) && 'gpg is not installed' }, async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await using robot = await gpgSigner(dir.path, 'robot');
  await writeFile(join(dir.path, 'key.asc'), await robot.gpg('--armor', '--export-secret-keys', robot.fingerprint), { mode: 0o600 });
  {
    await using source = await openTestSource(dir.path, bare.path, { signing: { file: join(dir.path, 'key.asc'), format: 'openpgp' } });
    await source.commit(statusCommit({ 'a.yaml': '1' }), never);
  }
  assert.equal(
    (await git(bare.path, '-c', `gpg.program=${robot.config['gpg.program'] ?? ''}`, 'log', '--format=%G? %GF', 'lateen-status')).trim(),
    `G ${robot.fingerprint}`,
  );
  await assert.rejects(git(dir.path, '-C', join(dir.path, 'lateen/gnupg-sign'), 'status'), /No such file/);
});

test('a key that does not sign is told, and nothing goes out unsigned', async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await assert.rejects(openTestSource(dir.path, bare.path, { signing: { file: join(dir.path, 'nothing'), format: 'ssh' } }), {
    code: 'source/signing',
    message: /nothing cannot be read: ENOENT/,
  });
  await writeFile(join(dir.path, 'no-key'), 'x', { mode: 0o600 });
  await using source = await openTestSource(dir.path, bare.path, { signing: { file: join(dir.path, 'no-key'), format: 'ssh' } });
  await assert.rejects(source.commit(statusCommit({ 'a.yaml': '1' }), never), { code: 'source/signing', kind: 'denied' });
  assert.equal(await bare.head('lateen-status'), null);
});

test('a key of another kind is refused at the start', { skip: !(await isInstalled('gpg')) && 'gpg is not installed' }, async () => {
  await using dir = await temporaryDirectory();
  const bare = await repository(dir.path);
  await sshSigner(dir.path, 'robot');
  await assert.rejects(openTestSource(dir.path, bare.path, { signing: { file: join(dir.path, 'robot'), format: 'openpgp' } }), { code: 'source/signing' });
});
