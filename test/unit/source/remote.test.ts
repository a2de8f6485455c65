import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SCHEMES, isBranchName, parseRemote } from '../../../daemon/source/remote.ts';

test('URLs, directories and the short form of ssh are told apart', () => {
  const read = (text: string): readonly [string, string, string | null] => {
    const { scheme, url, directory } = parseRemote(text, DEFAULT_SCHEMES);
    return [scheme, url, directory];
  };
  assert.deepEqual(read('https://git.example.com/a/b.git'), ['https', 'https://git.example.com/a/b.git', null]);
  assert.deepEqual(read('ssh://git@git.example.com:2222/a/b.git'), ['ssh', 'ssh://git@git.example.com:2222/a/b.git', null]);
  assert.deepEqual(read('git@git.example.com:a/b.git'), ['ssh', 'git@git.example.com:a/b.git', null]);
  assert.deepEqual(read('file:///srv/a%20b.git'), ['file', '/srv/a b.git', '/srv/a b.git']);
  assert.deepEqual(read('/srv/config.git'), ['file', '/srv/config.git', '/srv/config.git']);
  assert.deepEqual(read('/srv/a:b'), ['file', '/srv/a:b', '/srv/a:b']);
  assert.deepEqual(read('./-odd'), ['file', `${process.cwd()}/-odd`, `${process.cwd()}/-odd`]);
});

test('credentials in a URL are taken out of it', () => {
  const remote = parseRemote('https://ada:p%40ss@git.example.com/a.git', DEFAULT_SCHEMES);
  assert.equal(remote.url, 'https://git.example.com/a.git');
  assert.deepEqual(remote.userinfo, { username: 'ada', password: 'p@ss' });
  assert.equal(parseRemote('ssh://git:secret@git.example.com/a.git', DEFAULT_SCHEMES).url, 'ssh://git@git.example.com/a.git');
});

test('schemes that are not allowed, commands and options in disguise are refused', () => {
  const refused = [
    'http://git.example.com/a.git',
    'git://git.example.com/a.git',
    'ext::sh -c id',
    'fd::3',
    'EXT::sh',
    'ssh://-oProxyCommand=id/a',
    '-oProxyCommand=id:a',
    'git@-oProxyCommand=id:a',
    'https://-x/a',
    'ssh://-l@host/a',
    '',
    'https://git.example.com/a\n.git',
    'https://',
    'file://host/share',
  ];
  for (const text of refused) assert.throws(() => parseRemote(text, DEFAULT_SCHEMES), { code: 'source/scheme' }, text);
  assert.throws(() => parseRemote('ext::sh -c id', ['ext']), { code: 'source/scheme' });
  assert.equal(parseRemote('http://git.example.com/a.git', ['http']).scheme, 'http');
});

test('branch names are what git takes, and nothing that means something in a refspec', () => {
  for (const name of ['main', 'feature/x', 'release-1.2', 'a+b', 'Ümlaut', 'lateen-status']) assert.equal(isBranchName(name), true, name);
  for (const name of [
    '',
    '-x',
    '--upload-pack=x',
    'a..b',
    'a b',
    'a:b',
    '+a~',
    'a^',
    'a*',
    'a?',
    '[a',
    'a\\b',
    '/a',
    'a/',
    'a//b',
    '.a',
    'a/.b',
    'a.lock',
    'a.lock/b',
    'a.',
    '@',
    'a@{1}',
    'a\x7f',
    'a\nb',
  ])
    assert.equal(isBranchName(name), false, name);
});
