/** Flags over environment over file over defaults. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { durationOf, readConfig, SETTINGS, type Config, type Flags } from '../../daemon/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'lateen-config-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const fileWith = (text: string): string => {
  const path = join(folder, `${(files += 1)}.yaml`);
  writeFileSync(path, text);
  return path;
};

const READ = new Set(['KUBECONFIG', 'KUBERNETES_SERVICE_HOST', 'XDG_CACHE_HOME', 'XDG_STATE_HOME']);

/** Reads the configuration with this environment, and no other of what it looks at. */
function read(flags: Flags = {}, environment: Readonly<Record<string, string>> = {}): Config {
  const before = { ...process.env };
  for (const name of Object.keys(process.env)) if (READ.has(name) || name.startsWith('LATEEN_')) delete process.env[name];
  Object.assign(process.env, environment);
  try {
    return readConfig(flags);
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

describe('a setting', () => {
  const file = fileWith('interval: 3m\nbranch: of-file\ndelete-max: 7\ngit-name: Filed\n');
  it("is the flag's before all others", () => {
    assert.equal(read({ config: file, interval: '1m' }, { LATEEN_INTERVAL: '2m' }).intervalMs, 60_000);
  });
  it("is the environment's before the file's", () => {
    assert.equal(read({ config: file }, { LATEEN_INTERVAL: '2m' }).intervalMs, 120_000);
  });
  it("is the file's before the default", () => {
    const { intervalMs, branch, budget, identity } = read({ config: file });
    assert.deepEqual(
      [intervalMs, branch, budget, identity],
      [180_000, 'of-file', { countMax: 7, shareMax: 0.5 }, { name: 'Filed', email: 'lateen@localhost' }],
    );
  });
  it('is found in the file that the environment names', () => {
    assert.equal(read({}, { LATEEN_CONFIG: file }).branch, 'of-file');
  });
  it('of a name with dashes is one word as a flag', () => {
    assert.deepEqual([read({ deleteMax: '3' }).budget.countMax, read({}, { LATEEN_DELETE_MAX: '4' }).budget.countMax], [3, 4]);
  });
  it('that the file leaves empty is the default', () => {
    assert.equal(read({ config: fileWith('interval:\n') }).intervalMs, 30_000);
  });
});

describe('without any setting', () => {
  const config = read();
  it('everything has a default', () => {
    const { environment: _environment, workDir, kubeconfig, cue, log: _log, ...rest } = config;
    assert.deepEqual(rest, {
      repo: '.',
      branch: null,
      statusBranch: 'lateen-status',
      statusRepo: null,
      instance: '',
      context: null,
      inClusterHost: '',
      git: { username: null, token: null, tokenFile: null, sshKeyFile: null, knownHostsFile: null, caFile: null },
      allowedSchemes: ['https', 'ssh', 'file'],
      identity: { name: 'Lateen', email: 'lateen@localhost' },
      status: { signing: null, skipCi: false, historyMax: 0, pace: { quietMs: 1_000, waitMaxMs: 5_000, perMinuteMax: 30 } },
      trust: {
        verify: 'off',
        allowedSignersFile: null,
        revokedSignersFile: null,
        gpgKeysFile: null,
        approversFile: null,
        acceptRewrite: null,
        hubResume: 'allow',
      },
      intervalMs: 30_000,
      budget: { countMax: 20, shareMax: 0.5 },
      drift: 'any',
      cloud: { credentials: null, endpoint: null, pollMs: 10_000, outcomeWindowMs: 600_000 },
      values: {},
      listen: null,
      hook: { secret: null, secretFile: null },
    });
    assert.deepEqual(
      [workDir, kubeconfig, cue],
      [
        join(homedir(), '.local/state/lateen/default'),
        join(homedir(), '.kube/config'),
        { wasmFile: null, cacheDir: join(homedir(), '.cache/lateen'), timeoutMs: 10_000, memoryMaxBytes: 512 * 1024 * 1024, workers: null },
      ],
    );
  });
  it('nothing can be changed later', () => assert.throws(() => Object.assign(config, { repo: 'x' }), TypeError));
  it('every setting has a help of its own', () => {
    assert.equal(new Set(SETTINGS.map((setting) => setting.help)).size, SETTINGS.length);
    assert.ok(SETTINGS.every((setting) => setting.env === `LATEEN_${setting.flag.toUpperCase().replaceAll('-', '_')}`));
  });
});

describe('what one setting means for another', () => {
  const CASES: readonly (readonly [string, Flags, Readonly<Record<string, string>>, (config: Config) => unknown, unknown])[] = [
    [
      'an instance has a status branch of its own',
      { instance: 'north' },
      {},
      (config) => [config.statusBranch, config.workDir.endsWith('/lateen/north')],
      ['lateen-status-north', true],
    ],
    [
      'a signing key is an SSH key unless it is said to be another',
      { statusSigningKey: '/k' },
      {},
      (config) => config.status.signing,
      { file: '/k', format: 'ssh' },
    ],
    ['a status branch that is named is taken as it is', { instance: 'north', statusBranch: 'records' }, {}, (config) => config.statusBranch, 'records'],
    [
      'directories follow XDG',
      {},
      { XDG_STATE_HOME: '/s', XDG_CACHE_HOME: '/c' },
      (config) => [config.workDir, config.cue.cacheDir],
      ['/s/lateen/default', '/c/lateen'],
    ],
    ['KUBECONFIG names the kubeconfig, the first of several', {}, { KUBECONFIG: '/a:/b' }, (config) => config.kubeconfig, '/a'],
    [
      'in a Pod its own account is used',
      {},
      { KUBERNETES_SERVICE_HOST: '10.0.0.1' },
      (config) => [config.kubeconfig, config.inClusterHost],
      [null, '10.0.0.1'],
    ],
    ['a flag for the kubeconfig is taken in a Pod too', { kubeconfig: '/k' }, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, (config) => config.kubeconfig, '/k'],
    ['a token comes from the environment alone', {}, { LATEEN_GIT_TOKEN: 't' }, (config) => config.git.token, 't'],
    ['an empty token is none', {}, { LATEEN_GIT_TOKEN: '' }, (config) => config.git.token, null],
    ['schemes are a list', { gitSchemes: ' https , file,' }, {}, (config) => config.allowedSchemes, ['https', 'file']],
    ['schemes are a list in the file as well', { config: fileWith('git-schemes: [https, file]\n') }, {}, (config) => config.allowedSchemes, ['https', 'file']],
    ['an address without a host is every address', { listen: ':8080' }, {}, (config) => config.listen, { host: '0.0.0.0', port: 8080 }],
    ['an address has host and port', { listen: '127.0.0.1:8080' }, {}, (config) => config.listen, { host: '127.0.0.1', port: 8080 }],
    ['sizes have units', { cueMemory: '1Gi' }, {}, (config) => config.cue.memoryMaxBytes, 1024 ** 3],
    ['a size without a unit is bytes', { cueMemory: '1048576' }, {}, (config) => config.cue.memoryMaxBytes, 1024 ** 2],
    ['a number of evaluators', { cueWorkers: '3' }, {}, (config) => config.cue.workers, 3],
    ['a form for the log', { logFormat: 'text', logLevel: 'debug' }, {}, (config) => config.log, { level: 'debug', pretty: true }],
    ['an operator may have all drift told only', { drift: 'report' }, {}, (config) => config.drift, 'report'],
    [
      'the secret of the hook comes from the environment or a file',
      { hookSecretFile: '/s' },
      { LATEEN_HOOK_SECRET: 'x' },
      (config) => config.hook,
      { secret: 'x', secretFile: '/s' },
    ],
    ['JSON for the log', { logFormat: 'json' }, {}, (config) => config.log.pretty, false],
  ];
  for (const [title, flags, environment, pick, expected] of CASES) it(title, () => assert.deepEqual(pick(read(flags, environment)), expected));
});

describe('what cannot be used is refused by name', () => {
  const CASES: readonly (readonly [string, Flags, RegExp])[] = [
    ['an interval that is none', { interval: 'often' }, /^--interval: "often" is not a duration such as 30s or 5m$/],
    ['a word about drift that nobody knows', { drift: 'ignore' }, /^--drift: "ignore" is not any, correct or report$/],
    ['an interval of nothing: it would never rest', { interval: '0s' }, /^--interval: "0s" is not /],
    ['time for a template of nothing', { cueTimeout: '0ms' }, /^--cue-timeout: "0ms" is not /],
    ['a word about signatures that nobody knows', { verifyCommits: 'yes' }, /^--verify-commits: "yes" is not off or head or all$/],
    ['signatures without a key', { verifyCommits: 'head' }, /^--verify-commits head needs keys: --allowed-signers or --gpg-keys$/],
    ['approvers without a key', { approvers: '/a' }, /^--approvers needs keys: /],
    ['a short id of a rewritten history', { acceptRewrite: 'abc1234' }, /^--accept-rewrite: "abc1234" is not the full id of a commit$/],
    ['a budget that is no number', { deleteMax: 'many' }, /^--delete-max: "many" is not a number from 0 to /],
    ['a negative budget', { deleteMax: '-1' }, /^--delete-max: /],
    ['a signing format that there is not', { statusSigningKey: '/k', statusSigningFormat: 'x509' }, /^--status-signing-format: "x509" is not ssh or openpgp$/],
    ['a status branch without room', { statusPerMinute: '0.5' }, /^--status-per-minute: "0.5" is not a whole number from 1 on$/],
    ['a share beyond all', { deleteShare: '1.5' }, /^--delete-share: "1.5" is not a number from 0 to 1$/],
    ['a size with a strange unit', { cueMemory: '5 apples' }, /^--cue-memory: "5 apples" is not a size such as 512Mi$/],
    ['no evaluators at all', { cueWorkers: '0' }, /^--cue-workers: "0" is not /],
    ['half an evaluator', { cueWorkers: '1.5' }, /^--cue-workers: "1.5" is not /],
    ['an address without a port', { listen: 'localhost' }, /^--listen: "localhost" is not host:port$/],
    ['a port that does not exist', { listen: ':99999' }, /^--listen: ":99999" is not host:port$/],
    ['a level that is none', { logLevel: 'loud' }, /^--log-level: "loud" is not one of /],
    ['a form that is none', { logFormat: 'xml' }, /^--log-format: "xml" is not /],
    ['an instance that is no name', { instance: 'Nörth' }, /^--instance: "Nörth" is not a name of lower-case letters, digits and dashes$/],
    ['a file that is not there', { config: join(folder, 'nothing.yaml') }, /^--config: .*nothing\.yaml cannot be read$/],
    ['a file that is no YAML', { config: fileWith('a: [') }, /\.yaml:\d+: /],
    ['a file that is no mapping', { config: fileWith('- interval\n') }, /is not a mapping of settings$/],
    ['a setting in the file that does not exist', { config: fileWith('intervall: 3m\n') }, /: there is no setting "intervall" \(did you mean "interval"\?\)$/],
    ['a setting in the file that is like none', { config: fileWith('frobnicate: 1\n') }, /: there is no setting "frobnicate"$/],
    [
      'a setting in the file that is a mapping',
      { config: fileWith('git-schemes: {https: true}\n') },
      /: the setting "git-schemes" takes a value, not a mapping$/,
    ],
  ];
  for (const [title, flags, message] of CASES) it(title, () => assert.throws(() => read(flags), { name: 'Fault', code: 'config/invalid', message }));
});

for (const [text, expected] of [
  ['500ms', 500],
  ['1.5s', 1500],
  [' 5m ', 300_000],
  ['2h', 7_200_000],
] as const)
  it(`${text} are ${expected} ms`, () => assert.equal(durationOf('x', text), expected));
