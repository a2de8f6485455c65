import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gitFault, isCorruption, pushOutcome } from '../../../daemon/source/git-fault.ts';
import { parseRemote } from '../../../daemon/source/remote.ts';

const remote = parseRemote('https://git.example.com/team/config.git', ['https']);
const ending = 'fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n';

/** What git 2.39 and servers really print, with the code and kind that it means. */
const RECORDED: readonly (readonly [stderr: string, code: string, kind: string, message: RegExp])[] = [
  ["fatal: '/srv/config.git' does not appear to be a git repository\n" + ending, 'source/not-found', 'denied', /'\/srv\/config.git' does not appear/],
  ["fatal: repository 'https://git.example.com/team/config.git/' not found\n", 'source/not-found', 'denied', /not found$/],
  ['ERROR: Repository not found.\n' + ending, 'source/not-found', 'denied', /: Repository not found\.$/],
  [
    "remote: \nremote: ========\nremote: \nremote: ERROR: The project you were looking for could not be found or you don't have permission to view it.\nremote: \n" +
      ending,
    'source/not-found',
    'denied',
    /: The project you were looking for/,
  ],
  [
    "fatal: unable to access 'https://git.example.com/team/config.git/': The requested URL returned error: 301\n",
    'source/not-found',
    'denied',
    /another address/,
  ],
  ["fatal: could not read Username for 'https://git.example.com': terminal prompts disabled\n", 'source/auth', 'denied', /not these$/],
  [
    "remote: Invalid username or token. Password authentication is not supported for Git operations.\nfatal: Authentication failed for 'https://git.example.com/team/config.git/'\n",
    'source/auth',
    'denied',
    /Invalid username or token/,
  ],
  ["fatal: unable to access 'https://git.example.com/team/config.git/': The requested URL returned error: 403\n", 'source/auth', 'denied', /403$/],
  ['git@git.example.com: Permission denied (publickey).\r\n' + ending, 'source/auth', 'denied', /Permission denied \(publickey\)\.$/],
  [
    'No ED25519 host key is known for git.example.com and you have requested strict checking.\r\nHost key verification failed.\r\n' + ending,
    'source/auth',
    'denied',
    /host key is not known; give a known_hosts file/,
  ],
  [
    '@@@@@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n@@@@@@@@@@@\r\nIT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r\nHost key verification failed.\r\n' +
      ending,
    'source/auth',
    'denied',
    /host key that has changed/,
  ],
  [
    '@@@@@@@@@@@\r\n@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\r\n@@@@@@@@@@@\r\nPermissions 0644 for \'/etc/lateen/key\' are too open.\r\nIt is required that your private key files are NOT accessible by others.\r\nLoad key "/etc/lateen/key": bad permissions\r\ngit@127.0.0.1: Permission denied (publickey).\r\n' +
      ending,
    'source/auth',
    'denied',
    /\/etc\/lateen\/key can be read by others.*`chmod 600` it/,
  ],
  [
    'Warning: Identity file /etc/lateen/key not accessible: No such file or directory.\ngit@127.0.0.1: Permission denied (publickey).\r\n' + ending,
    'source/auth',
    'denied',
    /\/etc\/lateen\/key is not there/,
  ],
  [
    'Load key "/etc/lateen/key": error in libcrypto\r\ngit@127.0.0.1: Permission denied (publickey).\r\n' + ending,
    'source/auth',
    'denied',
    /\/etc\/lateen\/key is no private key/,
  ],
  [
    "fatal: detected dubious ownership in repository at '/srv/config.git'\nTo add an exception for this directory, call:\n\n\tgit config --global --add safe.directory /srv/config.git\n" +
      ending,
    'source/auth',
    'denied',
    /another user/,
  ],
  ["fatal: couldn't find remote ref refs/heads/main\n", 'source/branch', 'waiting', /refs\/heads\/main$/],
  ["fatal: transport 'ext' not allowed\n", 'source/scheme', 'denied', /not allowed$/],
  [
    "fatal: unable to access 'https://git.example.com/x.git/': Could not resolve host: git.example.com\n",
    'source/unreachable',
    'transient',
    /Could not resolve host/,
  ],
  [
    "fatal: unable to access 'https://127.0.0.1:1/x.git/': Failed to connect to 127.0.0.1 port 1 after 0 ms: Couldn't connect to server\n",
    'source/unreachable',
    'transient',
    /Failed to connect/,
  ],
  ["fatal: unable to access 'http://127.0.0.1:37437/x.git/': Empty reply from server\n", 'source/unreachable', 'transient', /Empty reply/],
  [
    "fatal: unable to access 'https://127.0.0.1:3/x.git/': gnutls_handshake() failed: An unexpected TLS packet was received.\n",
    'source/unreachable',
    'transient',
    /handshake/,
  ],
  ["fatal: unable to access 'https://git.example.com/x.git/': The requested URL returned error: 503\n", 'source/unreachable', 'transient', /503$/],
  ['ssh: connect to host 127.0.0.1 port 1: Connection refused\r\n' + ending, 'source/unreachable', 'transient', /: ssh: connect to host/],
  ['ssh: Could not resolve hostname git.example.com: Name or service not known\r\n' + ending, 'source/unreachable', 'transient', /Could not resolve hostname/],
  ['Connection closed by 127.0.0.1 port 33331\r\n' + ending, 'source/unreachable', 'transient', /Connection closed/],
  ['fatal: unable to connect to 127.0.0.1:\n127.0.0.1[0: 127.0.0.1]: errno=Connection refused\n\n', 'source/unreachable', 'transient', /unable to connect/],
  ['error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly\nfatal: early EOF\n', 'source/unreachable', 'transient', /RPC failed/],
  [
    "fatal: unable to access 'https://git.example.com/x.git/': server certificate verification failed. CAfile: none CRLfile: none\n",
    'source/unreachable',
    'denied',
    /certificate/,
  ],
  ["error: object 5f1e: hasDotgit: contains '.git'\nfatal: fsck error in packed object\nfatal: index-pack failed\n", 'source/git', 'denied', /fsck error/],
  ['Error: spawn git ENOENT\n    at ChildProcess._handle.onexit (node:internal/child_process:286:19)\n', 'source/git', 'denied', /not installed/],
  ['fatal: something new\n', 'source/git', 'transient', /: something new$/],
  ['', 'source/git', 'transient', /exited with 128$/],
];

test('every recorded text of git and of servers means its code, its kind, and one line for people', () => {
  for (const [stderr, code, kind, message] of RECORDED) {
    const fault = gitFault('reading', { exitCode: 128, stdout: '', stderr }, remote);
    assert.deepEqual([fault.code, fault.kind], [code, kind], stderr);
    assert.match(fault.message, message);
    assert.match(fault.message, /^reading https:\/\/git\.example\.com\/team\/config\.git: [^\n\r]+$/);
  }
});

const failed = "error: failed to push some refs to 'https://git.example.com/team/config.git'\n";
const answer = (line: string): string => `To https://git.example.com/team/config.git\n!\tabc:refs/heads/lateen-status\t${line}\nDone\n`;

test('a push that another was faster than is a race, whichever side noticed', () => {
  for (const line of [
    '[rejected] (fetch first)',
    '[rejected] (non-fast-forward)',
    '[rejected] (stale info)',
    '[remote rejected] (failed to update ref)',
    "[remote rejected] (cannot lock ref 'refs/heads/lateen-status': is at 2f1 but expected 1a2)",
    '[remote rejected] (incorrect old value provided)',
  ]) {
    assert.equal(pushOutcome({ exitCode: 1, stdout: answer(line), stderr: failed }, remote).kind, 'raced', line);
  }
});

test('a push that a rule forbids is refused with the words of the server', () => {
  const outcome = pushOutcome(
    {
      exitCode: 1,
      stdout: answer('[remote rejected] (protected branch hook declined)'),
      stderr: `remote: error: GH006: Protected branch update failed for refs/heads/lateen-status.        \n${failed}`,
    },
    remote,
  );
  assert.equal(outcome.kind, 'failed');
  assert.ok(outcome.kind === 'failed');
  assert.deepEqual([outcome.fault.code, outcome.fault.kind], ['source/push-rejected', 'denied']);
  assert.match(outcome.fault.message, /protected branch hook declined; error: GH006/);
});

test('a push without an answer means what the error text means', () => {
  const outcome = pushOutcome(
    { exitCode: 128, stdout: '', stderr: "fatal: unable to access 'https://git.example.com/x.git/': The requested URL returned error: 503\n" },
    remote,
  );
  assert.ok(outcome.kind === 'failed');
  assert.equal(outcome.fault.code, 'source/unreachable');
});

test('only texts that tell of damage make us look at our copy', () => {
  const fault = (stderr: string): unknown => gitFault('reading', { exitCode: 128, stdout: '', stderr }, null);
  assert.equal(isCorruption(fault('error: object file ./objects/5f/1e is empty\nfatal: loose object 5f1e (stored in ./objects/5f/1e) is corrupt\n')), true);
  assert.equal(isCorruption(fault(`fatal: unable to read tree ${'5'.repeat(40)}\n`)), true);
  assert.equal(isCorruption(fault('fatal: not a git repository (or any of the parent directories): .git\n')), true);
  assert.equal(isCorruption(fault('fatal: Authentication failed\n')), false);
  assert.equal(isCorruption(new Error('bad object')), false);
});
