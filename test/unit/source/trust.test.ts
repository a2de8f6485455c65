// Which commit may be applied: history that was rewritten, and commits that nobody known has signed.
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Fault } from '../../../daemon/model/fault.ts';
import { binaryKeys, signersInForce } from '../../../daemon/source/keys.ts';
import { gpgSigner, isInstalled, repoWithWorkTree, signWith, sshSigner, temporaryDirectory, type BareRepo, type WorkTree } from '../../rig/git.ts';
import { never, openTestSource } from './open.ts';

const hasSsh = await isInstalled('ssh-keygen');
const hasGpg = await isInstalled('gpg');
const withSsh = { skip: hasSsh ? false : 'NOT RUN: ssh-keygen is not installed' };
const withGpg = { skip: hasGpg ? false : 'NOT RUN: gpg is not installed' };

interface Place extends AsyncDisposable {
  readonly path: string;
  readonly url: string;
  readonly bare: BareRepo;
  readonly work: WorkTree;
  readonly push: (files: Readonly<Record<string, string | null>>, ...flags: readonly string[]) => Promise<string>;
}

async function openPlace(): Promise<Place> {
  const dir = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(dir.path);
  return {
    path: dir.path,
    url: bare.path,
    bare,
    work,
    push: async (files, ...flags) => {
      const sha = await work.commit(files);
      await work.push(...flags, 'main');
      return sha;
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

const is =
  (code: string, message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.code === code && message.test(error.message);

test('history that was rewritten is not followed: the old commit goes on being applied, and the finding says how to go on', async () => {
  await using it = await openPlace();
  const first = await it.push({ 'a.yaml': 'one' });
  const old = await it.push({ 'a.yaml': 'two' });
  await using source = await openTestSource(it.path, it.url);
  assert.equal((await source.fetch(never)).sha, old);
  await it.work.git('reset', '--quiet', '--hard', first);
  const tip = await it.push({ 'a.yaml': 'other' }, '--force');
  const revision = await source.fetch(never);
  assert.equal(revision.sha, old);
  assert.deepEqual(
    revision.held?.map((item) => [item.code, item.severity]),
    [['source/rewritten', 'error']],
  );
  assert.match(
    revision.held?.[0]?.message ?? '',
    new RegExp(
      `the history of main was rewritten: its newest commit ${tip.slice(0, 10)} does not descend from ${old.slice(0, 10)}, .*; ${old.slice(0, 10)} goes on being applied`,
    ),
  );
  assert.match(revision.held?.[0]?.hint ?? '', new RegExp(`--accept-rewrite ${tip}`));
  assert.equal((await source.tree(revision, never)).files[0]?.text, 'two');
  assert.equal(await source.fetch(never), revision, 'nothing new is nothing new');
});

test('a rewritten history is accepted by the id of its newest commit, and by no other', async () => {
  await using it = await openPlace();
  const first = await it.push({ 'a.yaml': 'one' });
  const old = await it.push({ 'a.yaml': 'two' });
  await (async () => {
    await using source = await openTestSource(it.path, it.url);
    assert.equal((await source.fetch(never)).sha, old);
  })();
  await it.work.git('reset', '--quiet', '--hard', first);
  const tip = await it.push({ 'a.yaml': 'other' }, '--force');
  for (const acceptRewrite of [first, old, tip.slice(0, 12)]) {
    await using source = await openTestSource(it.path, it.url, { trust: { acceptRewrite } });
    assert.equal((await source.fetch(never)).sha, old, `accepted ${acceptRewrite}`);
  }
  await using source = await openTestSource(it.path, it.url, { trust: { acceptRewrite: tip } });
  const revision = await source.fetch(never);
  assert.deepEqual([revision.sha, revision.held], [tip, undefined]);
  const next = await it.push({ 'a.yaml': 'next' });
  assert.equal((await source.fetch(never)).sha, next, 'from there on it goes on by itself');
});

test('a history that comes back to what was applied is followed again', async () => {
  await using it = await openPlace();
  const old = await it.push({ 'a.yaml': 'one' });
  await using source = await openTestSource(it.path, it.url);
  await source.fetch(never);
  await it.work.git('checkout', '--quiet', '--orphan', 'strange');
  await it.work.commit({ 'a.yaml': 'strange' });
  await it.work.push('--force', 'strange:main');
  assert.equal((await source.fetch(never)).sha, old);
  await it.work.git('checkout', '--quiet', 'main');
  const next = await it.push({ 'a.yaml': 'two' }, '--force');
  const revision = await source.fetch(never);
  assert.deepEqual([revision.sha, revision.held], [next, undefined]);
});

test('a copy that was lost asks the hub what was applied last, and stops where that is no longer in the history', async () => {
  await using it = await openPlace();
  const first = await it.push({ 'a.yaml': 'one' });
  const second = await it.push({ 'a.yaml': 'two' });
  const lastApplied = (...told: readonly string[]) => ({ trust: { lastApplied: () => Promise.resolve(told) } });
  const fresh = async (...told: readonly string[]): Promise<string> => {
    await rm(join(it.path, 'lateen'), { recursive: true, force: true });
    await using source = await openTestSource(it.path, it.url, lastApplied(...told));
    return (await source.fetch(never)).sha;
  };
  assert.equal(await fresh(first, second, first), second);
  await it.work.git('reset', '--quiet', '--hard', first);
  const tip = await it.push({ 'a.yaml': 'other' }, '--force');
  assert.equal(await fresh(first), tip, 'what was applied is in the new history as well');
  assert.equal(await fresh('--upload-pack=x', ''), tip, 'what is no id says nothing');
  await assert.rejects(
    fresh(first, second),
    is('source/rewritten', new RegExp(`does not descend from ${second.slice(0, 10)}.*nothing is applied.*--accept-rewrite ${tip}`)),
  );
});

test('with a copy that was lost nothing is gone back to: what the hub tells may be less than what was applied', withSsh, async () => {
  await using it = await openPlace();
  const ada = await sshSigner(it.path, 'ada');
  const allowedSignersFile = join(it.path, 'allowed');
  await writeFile(allowedSignersFile, `ada@example.com ${ada.publicKey}\n`);
  await signWith(it.work, ada);
  const told = await it.push({ 'a.yaml': 'one' });
  await it.push({ 'a.yaml': 'two' });
  await signWith(it.work, null);
  await it.push({ 'a.yaml': 'three' });
  await using source = await openTestSource(it.path, it.url, { trust: { verify: 'head', allowedSignersFile, lastApplied: () => Promise.resolve([told]) } });
  await assert.rejects(source.fetch(never), is('source/unverified', /is not signed; nothing is applied/));
});

test('another branch that the operator names is no rewritten history', async () => {
  await using it = await openPlace();
  const main = await it.push({ 'a.yaml': 'one' });
  await it.work.git('checkout', '--quiet', '--orphan', 'next');
  const next = await it.work.commit({ 'a.yaml': 'two' });
  await it.work.push('next');
  const ofBranch = async (branch: string): Promise<string> => {
    await using source = await openTestSource(it.path, it.url, { branch, trust: { lastApplied: () => Promise.resolve([main]) } });
    return (await source.fetch(never)).sha;
  };
  assert.equal(await ofBranch('main'), main);
  assert.equal(await ofBranch('next'), next);
});

test('what only looks does not change what is known to be applied', async () => {
  await using it = await openPlace();
  const first = await it.push({ 'a.yaml': 'one' });
  const look = async (remembers: boolean): Promise<string> => {
    await using source = await openTestSource(it.path, it.url, { trust: { remembers } });
    return (await source.fetch(never)).sha;
  };
  assert.equal(await look(true), first);
  const second = await it.push({ 'a.yaml': 'two' });
  assert.equal(await look(false), second);
  await it.work.git('reset', '--quiet', '--hard', first);
  const third = await it.push({ 'a.yaml': 'three' }, '--force');
  assert.equal(await look(true), third, 'the second was never applied');
});

test("a branch head that is not signed by an SSH key of the operator's is held back, whoever else signed it", withSsh, async () => {
  await using it = await openPlace();
  const [ada, eve] = [await sshSigner(it.path, 'ada'), await sshSigner(it.path, 'eve')];
  const allowedSignersFile = join(it.path, 'allowed');
  await writeFile(allowedSignersFile, `# who may\nada@example.com namespaces="git" ${ada.publicKey}\n`);
  await signWith(it.work, ada);
  const good = await it.push({ 'a.yaml': 'one' });
  await using source = await openTestSource(it.path, it.url, { trust: { verify: 'head', allowedSignersFile } });
  assert.equal((await source.fetch(never)).sha, good);
  const held = async (): Promise<string> => {
    const revision = await source.fetch(never);
    assert.equal(revision.sha, good);
    assert.deepEqual(
      revision.held?.map((item) => item.code),
      ['source/unverified'],
    );
    return revision.held?.[0]?.message ?? '';
  };
  await signWith(it.work, null);
  const unsigned = await it.push({ 'a.yaml': 'two' });
  assert.equal(await held(), `the commit ${unsigned.slice(0, 10)} of main is not signed; ${good.slice(0, 10)} goes on being applied`);
  await signWith(it.work, eve);
  // What stands in the repository about keys, names and replacements has no say.
  await it.push({
    allowed: `eve@example.com ${eve.publicKey}`,
    '.mailmap': 'Ada <ada@example.com> <eve@example.com>',
    '.gitconfig': `[gpg "ssh"]\n\tallowedSignersFile = allowed\n`,
  });
  await it.work.git('replace', 'HEAD', good);
  await it.work.git('notes', 'add', '--message', 'Signed-off-by: Ada <ada@example.com>', 'HEAD');
  await it.work.git('push', '--quiet', 'origin', 'refs/replace/*:refs/replace/*', 'refs/notes/*:refs/notes/*');
  assert.match(await held(), new RegExp(`is signed by the key ${eve.fingerprint.replaceAll('+', '\\+')}, which the operator has not named`));
  await writeFile(allowedSignersFile, `ada@example.com ${ada.publicKey}\neve@example.com ${eve.publicKey}\n`);
  assert.equal((await source.fetch(never)).held, undefined, 'keys are read again');
});

test('a key whose time is over signs nothing any more, whatever time the commit names', withSsh, async () => {
  await using it = await openPlace();
  const ada = await sshSigner(it.path, 'ada');
  await signWith(it.work, ada);
  const old = await it.push({ 'a.yaml': 'one' });
  await (async () => {
    await using source = await openTestSource(it.path, it.url);
    await source.fetch(never);
  })();
  const allowedSignersFile = join(it.path, 'allowed');
  await writeFile(allowedSignersFile, `ada@example.com valid-before="20200101Z" ${ada.publicKey}\n`);
  const backdated = ['-c', 'user.name=Ada', 'commit', '--quiet', '--allow-empty', '--message', 'Long ago', '--date', '2019-06-01T00:00:00Z'];
  await it.work.git(...backdated);
  await it.work
    .git('-c', 'rebase.backend=apply', 'rebase', '--quiet', '--committer-date-is-author-date', '--force-rebase', '--gpg-sign', '--keep-empty', 'HEAD~1')
    .catch(() => '');
  await it.work.push();
  await using source = await openTestSource(it.path, it.url, { trust: { verify: 'head', allowedSignersFile } });
  const revision = await source.fetch(never);
  assert.equal(revision.sha, old);
  assert.match(revision.held?.[0]?.message ?? '', /whose time is over/);
  assert.match(await it.work.git('log', '-1', '--format=%cI'), /^2019-06-01/, 'the commit names a time when the key held');
});

test('a signature by a revoked SSH key does not hold', withSsh, async () => {
  await using it = await openPlace();
  const ada = await sshSigner(it.path, 'ada');
  await signWith(it.work, ada);
  await it.push({ 'a.yaml': 'one' });
  const [allowedSignersFile, revokedSignersFile] = [join(it.path, 'allowed'), join(it.path, 'revoked')];
  await writeFile(allowedSignersFile, `ada@example.com ${ada.publicKey}\n`);
  await writeFile(revokedSignersFile, `${ada.publicKey}\n`);
  await using source = await openTestSource(it.path, it.url, { trust: { verify: 'head', allowedSignersFile, revokedSignersFile } });
  await assert.rejects(source.fetch(never), is('source/unverified', /has a signature that does not hold.*nothing is applied/));
});

test('with all, one unsigned commit in between holds back what is on top of it; with head it does not', withSsh, async () => {
  await using it = await openPlace();
  const ada = await sshSigner(it.path, 'ada');
  const allowedSignersFile = join(it.path, 'allowed');
  await writeFile(allowedSignersFile, `ada@example.com ${ada.publicKey}\n`);
  await it.push({ 'a.yaml': 'zero' });
  await signWith(it.work, ada);
  const first = await it.push({ 'a.yaml': 'one' });
  const look = async (verify: 'head' | 'all'): Promise<readonly (string | undefined)[]> => {
    await using source = await openTestSource(it.path, it.url, { trust: { verify, allowedSignersFile, remembers: verify === 'all' } });
    const revision = await source.fetch(never);
    return [revision.sha, revision.held?.[0]?.message];
  };
  assert.deepEqual(await look('all'), [first, undefined], 'with nothing applied before, the newest alone is asked');
  await signWith(it.work, null);
  const middle = await it.push({ 'a.yaml': 'two' });
  await signWith(it.work, ada);
  const tip = await it.push({ 'a.yaml': 'three' });
  assert.deepEqual(await look('head'), [tip, undefined]);
  assert.deepEqual(await look('all'), [first, `the commit ${middle.slice(0, 10)} of main is not signed; ${first.slice(0, 10)} goes on being applied`]);
});

test('a commit that was changed after signing does not pass', withSsh, async () => {
  await using it = await openPlace();
  const ada = await sshSigner(it.path, 'ada');
  const allowedSignersFile = join(it.path, 'allowed');
  await writeFile(allowedSignersFile, `ada@example.com ${ada.publicKey}\n`);
  await signWith(it.work, ada);
  const good = await it.push({ 'a.yaml': 'one' });
  const raw = await it.work.git('cat-file', 'commit', good);
  const file = join(it.path, 'forged');
  await writeFile(file, raw.replace(/\n\nChange .*/s, '\n\nAnother message\n'));
  const forged = (await it.work.git('hash-object', '-t', 'commit', '-w', file)).trim();
  await it.work.git('reset', '--quiet', '--hard', forged);
  await it.work.push('--force', 'main');
  await using source = await openTestSource(it.path, it.url, { trust: { verify: 'head', allowedSignersFile } });
  await assert.rejects(source.fetch(never), is('source/unverified', /has a signature that does not hold/));
});

test('GPG signatures count when the operator has given the key, and no more when it has expired or was revoked', withGpg, async () => {
  await using it = await openPlace();
  await using ada = await gpgSigner(it.path, 'ada');
  await using eve = await gpgSigner(it.path, 'eve');
  const gpgKeysFile = join(it.path, 'keys.asc');
  await writeFile(gpgKeysFile, ada.publicKey);
  await signWith(it.work, ada);
  const good = await it.push({ 'a.yaml': 'one' });
  await using source = await openTestSource(it.path, it.url, { trust: { verify: 'head', gpgKeysFile } });
  assert.equal((await source.fetch(never)).held, undefined);
  await signWith(it.work, eve);
  const tip = await it.push({ 'a.yaml': 'two' });
  const asked = async (): Promise<string> => {
    const revision = await source.fetch(never);
    return `${revision.sha === tip ? 'new' : revision.sha === good ? 'old' : ''} ${revision.held?.[0]?.message ?? ''}`;
  };
  assert.match(await asked(), /^old .* is signed by a key, which the operator has not named/);
  await eve.gpg('--quick-set-expire', eve.fingerprint, 'seconds=1');
  const expired = await eve.gpg('--armor', '--export', eve.fingerprint);
  await new Promise((resolve) => {
    setTimeout(resolve, 2100);
  });
  await writeFile(gpgKeysFile, `${ada.publicKey}\n${expired}`);
  assert.match(await asked(), /^old .*whose time is over/);
  await eve.gpg('--quick-set-expire', eve.fingerprint, 'never');
  await writeFile(gpgKeysFile, `${ada.publicKey}\n${await eve.gpg('--armor', '--export', eve.fingerprint)}`);
  assert.equal(await asked(), 'new ', 'two keys in one file');
  const revocation = join(it.path, 'eve', 'openpgp-revocs.d', `${eve.fingerprint}.rev`);
  await writeFile(revocation, (await readFile(revocation, 'utf8')).replace(':-----BEGIN', '-----BEGIN'));
  await eve.gpg('--import', revocation);
  await writeFile(gpgKeysFile, `${ada.publicKey}\n${await eve.gpg('--armor', '--export', eve.fingerprint)}`);
  const last = await source.fetch(never);
  assert.equal(last.sha, tip, 'what was applied goes on being applied');
  assert.match(last.held?.[0]?.message ?? '', /which is revoked$/);
});

test('keys that cannot be read, or are private, are told at the start', async () => {
  await using it = await openPlace();
  await assert.rejects(
    openTestSource(it.path, it.url, { trust: { verify: 'head', allowedSignersFile: join(it.path, 'none') } }),
    is('config/invalid', /none cannot be read: ENOENT/),
  );
  const gpgKeysFile = join(it.path, 'private');
  await writeFile(gpgKeysFile, '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n');
  await assert.rejects(openTestSource(it.path, it.url, { trust: { verify: 'head', gpgKeysFile } }), is('config/invalid', /holds a private key/));
});

test('lines of allowed signers hold within their times only; what cannot be read as a time never holds', () => {
  const now = Date.UTC(2026, 5, 1);
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfT7n0fDq8c8Yd1n6wJ2vB3pN7cXhQKxkVqj8mZrT0a';
  const line = (options: string): string => `ada@example.com ${options}${key}`;
  for (const [options, holds] of [
    ['', true],
    ['valid-before="20260602Z" ', true],
    ['valid-before="20260531Z" ', false],
    ['valid-after="20260531235959Z" ', true],
    ['valid-after="20260602" ', false],
    ['valid-after="20260101Z",valid-before="20270101Z" ', true],
    ['valid-after="20260101Z",valid-before="20260201Z" ', false],
    ['valid-before="soon" ', false],
    ['namespaces="git",VALID-BEFORE=20250101Z ', false],
  ] as const) {
    const read = signersInForce(`# a comment\n${line(options)}\n`, now);
    assert.equal(read.text.includes(key), holds, options);
    assert.equal(read.lapsed.size, holds ? 0 : 1, options);
  }
});

test('armour is taken off every key of a file', () => {
  const block = (text: string, header = ''): string =>
    `-----BEGIN PGP PUBLIC KEY BLOCK-----\n${header}\n${Buffer.from(text).toString('base64')}\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n`;
  assert.equal(binaryKeys(Buffer.from(`${block('one')}${block('two', 'Version: 1\n')}`), 'f').toString(), 'onetwo');
  assert.deepEqual(binaryKeys(Buffer.from([0x98, 1, 2]), 'f'), Buffer.from([0x98, 1, 2]));
  assert.throws(() => binaryKeys(Buffer.from('-----BEGIN PGP SIGNATURE-----\n'), 'f'), /holds no public key/);
});
