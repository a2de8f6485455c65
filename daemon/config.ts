/**
 * Flags, environment and the daemon's own file become one frozen Config. The only reader of process.env. What users must
 * not loosen lives here and not in the repository.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isRecord } from './lib/json.ts';
import { LOG_LEVELS, type LogLevel } from './lib/log.ts';
import { didYouMean } from './lib/text.ts';
import { parseYaml } from './lib/yaml.ts';
import { Fault } from './model/fault.ts';

export interface Config {
  /** URL or directory of the repository. */
  readonly repo: string;
  /** Null: the remote's default branch. */
  readonly branch: string | null;
  readonly statusBranch: string;
  readonly statusRepo: string | null;
  /** "" where one daemon serves the repository and the hub. */
  readonly instance: string;
  readonly workDir: string;
  /** Null: in-cluster credentials. */
  readonly kubeconfig: string | null;
  readonly context: string | null;
  /** KUBERNETES_SERVICE_HOST, for in-cluster credentials. */
  readonly inClusterHost: string;
  readonly git: {
    readonly username: string | null;
    readonly token: string | null;
    readonly tokenFile: string | null;
    readonly sshKeyFile: string | null;
    readonly knownHostsFile: string | null;
    readonly caFile: string | null;
  };
  readonly allowedSchemes: readonly string[];
  readonly identity: { readonly name: string; readonly email: string };
  /** How the status branch is written. `signing` null: not signed; `historyMax` 0: one branch for ever. */
  readonly status: {
    readonly signing: { readonly file: string; readonly format: 'ssh' | 'openpgp' } | null;
    readonly skipCi: boolean;
    readonly historyMax: number;
    readonly pace: { readonly quietMs: number; readonly waitMaxMs: number; readonly perMinuteMax: number };
  };
  /** Whom the operator trusts. The files are read again when they are needed. */
  readonly trust: {
    /** Which commits have to be signed by a known key. */
    readonly verify: 'off' | 'head' | 'all';
    readonly allowedSignersFile: string | null;
    readonly revokedSignersFile: string | null;
    readonly gpgKeysFile: string | null;
    /** Null: an Approval counts by standing on the source branch. */
    readonly approversFile: string | null;
    /** The full id of a newest commit that is followed though history was rewritten. */
    readonly acceptRewrite: string | null;
    /** Whether a step that waits for a person goes on when its status is changed on the hub (`vela workflow resume`). */
    readonly hubResume: 'allow' | 'deny';
  };
  /** How often the remote is asked and everything is looked at again. */
  readonly intervalMs: number;
  readonly budget: { readonly countMax: number; readonly shareMax: number };
  /** What becomes of drift: as the repository says, or one for all. */
  readonly drift: 'any' | 'correct' | 'report';
  readonly cue: {
    readonly wasmFile: string | null;
    readonly cacheDir: string;
    readonly timeoutMs: number;
    readonly memoryMaxBytes: number;
    readonly workers: number | null;
  };
  readonly cloud: {
    /** From the environment alone, in the names that Alibaba's tools read; null without them: the hub's Secret stays as it is. */
    readonly credentials: { readonly accessKeyId: string; readonly accessKeySecret: string; readonly securityToken: string } | null;
    /** http(s)://host:port in place of the cloud's own; null: the SDK's, by region. */
    readonly endpoint: string | null;
    readonly pollMs: number;
    /** So long a creation with an unknown outcome is only looked up. */
    readonly outcomeWindowMs: number;
  };
  /** Values for placeholders, before those of lateen.yaml. */
  readonly values: Readonly<Record<string, string>>;
  /** Host and port for probes and metrics; null: none. */
  readonly listen: { readonly host: string; readonly port: number } | null;
  /** The secrets that a Git server proves itself with at `POST /hook`; both null: there is no hook. */
  readonly hook: { readonly secret: string | null; readonly secretFile: string | null };
  readonly log: { readonly level: LogLevel; readonly pretty: boolean };
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What the command line gave, by option name; undefined where it said nothing. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

interface Setting {
  readonly flag: string;
  readonly env: string;
  readonly fallback: string;
  readonly help: string;
}

const setting = (flag: string, fallback: string, help: string): Setting => ({ flag, env: `LATEEN_${flag.replaceAll('-', '_').toUpperCase()}`, fallback, help });

/** Every setting: `--flag`, its environment variable, its default. The command line's help is made from this table. */
export const SETTINGS = [
  setting('repo', '.', 'URL or directory of the repository'),
  setting('branch', '', "branch that is read (default: the remote's default branch)"),
  setting('status-branch', '', "branch that is written (default: lateen-status, with the instance's name behind it)"),
  setting('status-repo', '', 'another repository for the status branch'),
  setting('instance', '', 'name of this daemon, where several share a repository or a hub'),
  setting('work-dir', '', 'directory for the clone and what is not pushed yet'),
  setting('kubeconfig', '', "kubeconfig of the hub (default: KUBECONFIG, ~/.kube/config, then the Pod's own)"),
  setting('context', '', 'context of the kubeconfig'),
  setting('git-username', '', 'user name beside the token'),
  setting('git-token-file', '', 'file with a token for http(s)'),
  setting('git-ssh-key', '', 'private key file for ssh'),
  setting('git-known-hosts', '', 'known_hosts file for ssh'),
  setting('git-ca-file', '', 'certificate authorities for https'),
  setting('git-schemes', 'https,ssh,file', 'URL schemes that are allowed'),
  setting('git-name', 'Lateen', 'name on status commits'),
  setting('git-email', 'lateen@localhost', 'mail address on status commits'),
  setting('status-signing-key', '', 'private key file without a passphrase that status commits are signed with'),
  setting('status-signing-format', 'ssh', 'what that key is: ssh or openpgp'),
  setting('status-skip-ci', 'false', 'true: status commits say [skip ci]'),
  setting('status-quiet', '1s', 'a status commit waits until nothing new came for so long; failures and approvals do not wait'),
  setting('status-wait', '5s', 'and no longer than this'),
  setting('status-per-minute', '30', 'status commits in a minute, at most'),
  setting('status-history-max', '0', 'commits after which the status branch goes on as NAME.2, NAME.3 (0: never)'),
  setting('verify-commits', 'off', 'commits that have to be signed by a known key: off, head (the newest) or all (every one since what was applied last)'),
  setting('allowed-signers', '', "SSH keys that are known, in the form of ssh-keygen's ALLOWED SIGNERS"),
  setting('revoked-signers', '', 'SSH keys that count no longer: public keys, or a revocation list of ssh-keygen'),
  setting('gpg-keys', '', 'file with the GPG public keys that are known'),
  setting('approvers', '', 'file that says who may approve what, proven by signature (default: who may push)'),
  setting('accept-rewrite', '', 'full id of the newest commit of a rewritten history that is to be followed'),
  setting('hub-resume', 'allow', 'a step that waits for a person goes on by `vela workflow resume` as well: allow or deny'),
  setting('interval', '30s', 'how often the remote is asked and everything is looked at again'),
  setting('delete-max', '20', 'deletion budget: so many objects at once'),
  setting('delete-share', '0.5', 'deletion budget: so large a share of all that is owned; over both, nothing is deleted'),
  setting('drift', 'any', 'what is changed on a cluster: any (as the repository says), correct (always put back) or report (only told)'),
  setting('cue-wasm', '', 'a CUE evaluator built beforehand'),
  setting('cue-timeout', '10s', 'time for one template'),
  setting('cue-memory', '512Mi', 'memory for one evaluator'),
  setting('cue-workers', '', 'evaluators at the same time (default: by the number of cores)'),
  setting('set', '', 'values for placeholders, before those of lateen.yaml: name=value, several separated by commas'),
  setting('cloud-endpoint', '', 'http(s)://host:port in place of Alibaba Cloud (for the lab)'),
  setting('cloud-poll', '10s', 'how often a cloud cluster that is being made is looked at'),
  setting('cloud-outcome-window', '10m', 'so long a creation whose answer was lost is only looked up, before it may be asked for again'),
  setting('listen', '', 'host:port for probes, metrics and the hook'),
  setting('hook-secret-file', '', 'file with the secret of POST /hook, one a line; without one there is no hook'),
  setting('log-level', 'info', `one of ${LOG_LEVELS.join(', ')}`),
  setting('log-format', '', 'text or json (default: text on a terminal)'),
] as const satisfies readonly Setting[];

const invalid = (name: string, value: string, expected: string): Fault => new Fault('config/invalid', `--${name}: "${value}" is not ${expected}`);

/** `90s`, `5m`, `500ms`, `2h` in milliseconds. Throws config/invalid. */
export function durationOf(name: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim());
  if (match === null) throw invalid(name, text, 'a duration such as 30s or 5m');
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] as 'ms' | 's' | 'm' | 'h'];
}

/** A duration that something is repeated after, or may take: none at all would never rest, or never be enough. */
function positiveDurationOf(name: string, text: string): number {
  const ms = durationOf(name, text);
  if (ms <= 0) throw invalid(name, text, 'a duration longer than nothing');
  return ms;
}

function bytesOf(name: string, text: string): number {
  const match = /^(\d+)(Ki|Mi|Gi)?$/.exec(text.trim());
  if (match === null) throw invalid(name, text, 'a size such as 512Mi');
  const unit: Readonly<Record<string, number>> = { Ki: 1 << 10, Mi: 1 << 20, Gi: 1 << 30 };
  return Number(match[1]) * (unit[match[2] ?? ''] ?? 1);
}

function numberOf(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0 || value > max) throw invalid(name, text, `a number from 0 to ${max}`);
  return value;
}

function driftOf(text: string): Config['drift'] {
  if (text !== 'any' && text !== 'correct' && text !== 'report') throw invalid('drift', text, 'any, correct or report');
  return text;
}

function wholeOf(name: string, text: string, min: number): number {
  const value = numberOf(name, text, 1e9);
  if (!Number.isInteger(value) || value < min) throw invalid(name, text, `a whole number from ${min} on`);
  return value;
}

function oneOf<T extends string>(name: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found === undefined) throw invalid(name, text, words.join(' or '));
  return found;
}

function workersOf(text: string): number {
  const value = numberOf('cue-workers', text, 64);
  if (!Number.isInteger(value) || value < 1) throw invalid('cue-workers', text, 'a number of evaluators from 1 to 64');
  return value;
}

function readFileSettings(path: string | undefined): Readonly<Record<string, unknown>> {
  if (path === undefined || path === '') return {};
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Fault('config/invalid', `--config: ${path} cannot be read`, { cause: error });
  }
  const parsed = parseYaml(text, path);
  const [error] = parsed.errors;
  if (error !== undefined) throw new Fault('config/invalid', `${path}:${error.origin?.line ?? 1}: ${error.message}`);
  if (!isRecord(parsed.value)) throw new Fault('config/invalid', `${path} is not a mapping of settings`);
  const known = new Set<string>(SETTINGS.map((item) => item.flag));
  const unknown = Object.keys(parsed.value).find((name) => !known.has(name));
  if (unknown !== undefined) {
    const near = didYouMean(unknown, known);
    throw new Fault('config/invalid', `${path}: there is no setting "${unknown}"${near === undefined ? '' : ` (did you mean "${near}"?)`}`);
  }
  const mapping = Object.keys(parsed.value).find((name) => isRecord((parsed.value as Readonly<Record<string, unknown>>)[name]));
  if (mapping !== undefined) throw new Fault('config/invalid', `${path}: the setting "${mapping}" takes a value, not a mapping`);
  return parsed.value;
}

/** Flags over environment over file over defaults. Faults: config/invalid. */
export function readConfig(flags: Flags): Config {
  const environment = process.env;
  const file = readFileSettings(typeof flags['config'] === 'string' ? flags['config'] : environment['LATEEN_CONFIG']);
  const get = (name: (typeof SETTINGS)[number]['flag']): string => {
    const known = SETTINGS.find((item) => item.flag === name) as Setting;
    const flag = flags[name.replace(/-(.)/g, (_all, letter: string) => letter.toUpperCase())];
    if (typeof flag === 'string') return flag;
    const inFile = file[name];
    return environment[known.env] ?? (inFile === undefined || inFile === null ? known.fallback : String(inFile));
  };
  const orNull = (name: (typeof SETTINGS)[number]['flag']): string | null => get(name) || null;
  const instance = get('instance');
  if (!/^([a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?)?$/.test(instance)) throw invalid('instance', instance, 'a name of lower-case letters, digits and dashes');
  const level = get('log-level');
  if (!(LOG_LEVELS as readonly string[]).includes(level)) throw invalid('log-level', level, `one of ${LOG_LEVELS.join(', ')}`);
  const format = get('log-format');
  if (!['', 'text', 'json'].includes(format)) throw invalid('log-format', format, 'text or json');
  const cacheHome = environment['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const stateHome = environment['XDG_STATE_HOME'] || join(homedir(), '.local', 'state');
  const token = environment['LATEEN_GIT_TOKEN'];
  return Object.freeze<Config>({
    repo: get('repo'),
    branch: orNull('branch'),
    statusBranch: get('status-branch') || (instance === '' ? 'lateen-status' : `lateen-status-${instance}`),
    statusRepo: orNull('status-repo'),
    instance,
    workDir: get('work-dir') || join(stateHome, 'lateen', instance === '' ? 'default' : instance),
    kubeconfig: get('kubeconfig') || kubeconfigFrom(environment),
    context: orNull('context'),
    inClusterHost: environment['KUBERNETES_SERVICE_HOST'] ?? '',
    git: {
      username: orNull('git-username'),
      token: token === undefined || token === '' ? null : token,
      tokenFile: orNull('git-token-file'),
      sshKeyFile: orNull('git-ssh-key'),
      knownHostsFile: orNull('git-known-hosts'),
      caFile: orNull('git-ca-file'),
    },
    allowedSchemes: get('git-schemes')
      .split(',')
      .map((scheme) => scheme.trim())
      .filter((scheme) => scheme !== ''),
    identity: { name: get('git-name'), email: get('git-email') },
    status: {
      signing:
        get('status-signing-key') === ''
          ? null
          : { file: get('status-signing-key'), format: oneOf('status-signing-format', get('status-signing-format'), ['ssh', 'openpgp']) },
      skipCi: oneOf('status-skip-ci', get('status-skip-ci'), ['false', 'true']) === 'true',
      historyMax: wholeOf('status-history-max', get('status-history-max'), 0),
      pace: {
        quietMs: durationOf('status-quiet', get('status-quiet')),
        waitMaxMs: durationOf('status-wait', get('status-wait')),
        perMinuteMax: wholeOf('status-per-minute', get('status-per-minute'), 1),
      },
    },
    trust: trustOf(get, orNull),
    intervalMs: positiveDurationOf('interval', get('interval')),
    budget: { countMax: numberOf('delete-max', get('delete-max'), 1e9), shareMax: numberOf('delete-share', get('delete-share'), 1) },
    drift: driftOf(get('drift')),
    cue: {
      wasmFile: orNull('cue-wasm'),
      cacheDir: join(cacheHome, 'lateen'),
      timeoutMs: positiveDurationOf('cue-timeout', get('cue-timeout')),
      memoryMaxBytes: bytesOf('cue-memory', get('cue-memory')),
      workers: get('cue-workers') === '' ? null : workersOf(get('cue-workers')),
    },
    cloud: {
      credentials: cloudCredentialsFrom(environment),
      endpoint: cloudEndpointOf(get('cloud-endpoint')),
      pollMs: positiveDurationOf('cloud-poll', get('cloud-poll')),
      outcomeWindowMs: durationOf('cloud-outcome-window', get('cloud-outcome-window')),
    },
    values: valuesOf(get('set')),
    listen: listenOf(get('listen')),
    hook: { secret: environment['LATEEN_HOOK_SECRET'] || null, secretFile: orNull('hook-secret-file') },
    log: { level: level as LogLevel, pretty: format === '' ? process.stderr.isTTY : format === 'text' },
    environment,
  });
}

type SettingName = (typeof SETTINGS)[number]['flag'];

function trustOf(get: (name: SettingName) => string, orNull: (name: SettingName) => string | null): Config['trust'] {
  const trust: Config['trust'] = {
    verify: oneOf('verify-commits', get('verify-commits'), ['off', 'head', 'all']),
    allowedSignersFile: orNull('allowed-signers'),
    revokedSignersFile: orNull('revoked-signers'),
    gpgKeysFile: orNull('gpg-keys'),
    approversFile: orNull('approvers'),
    acceptRewrite: orNull('accept-rewrite'),
    hubResume: oneOf('hub-resume', get('hub-resume'), ['allow', 'deny']),
  };
  if (trust.acceptRewrite !== null && !/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(trust.acceptRewrite))
    throw invalid('accept-rewrite', trust.acceptRewrite, 'the full id of a commit');
  if (trust.allowedSignersFile !== null || trust.gpgKeysFile !== null) return trust;
  // Without a key nothing could ever be proven: everything would be refused, which nobody means.
  if (trust.verify !== 'off') throw new Fault('config/invalid', `--verify-commits ${trust.verify} needs keys: --allowed-signers or --gpg-keys`);
  if (trust.approversFile !== null) throw new Fault('config/invalid', '--approvers needs keys: --allowed-signers or --gpg-keys');
  return trust;
}

function kubeconfigFrom(environment: Readonly<Record<string, string | undefined>>): string | null {
  if (environment['KUBECONFIG']) return environment['KUBECONFIG'].split(':')[0] ?? null;
  // Inside a Pod its own account comes before a file that an image may happen to hold.
  return environment['KUBERNETES_SERVICE_HOST'] ? null : join(homedir(), '.kube', 'config');
}

function cloudCredentialsFrom(environment: Readonly<Record<string, string | undefined>>): Config['cloud']['credentials'] {
  const [accessKeyId = '', accessKeySecret = '', securityToken = ''] = ['ALICLOUD_ACCESS_KEY', 'ALICLOUD_SECRET_KEY', 'ALICLOUD_SECURITY_TOKEN'].map(
    (name) => environment[name],
  );
  if (accessKeyId === '' && accessKeySecret === '') return null;
  if (accessKeyId === '' || accessKeySecret === '')
    throw new Fault(
      'config/invalid',
      `${accessKeyId === '' ? 'ALICLOUD_SECRET_KEY is set and ALICLOUD_ACCESS_KEY is not' : 'ALICLOUD_ACCESS_KEY is set and ALICLOUD_SECRET_KEY is not'}: the two belong together`,
    );
  return { accessKeyId, accessKeySecret, securityToken };
}

function cloudEndpointOf(text: string): string | null {
  if (text === '') return null;
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.pathname !== '/') throw invalid('cloud-endpoint', text, 'http(s)://host:port');
  return `${url.protocol}//${url.host}`;
}

/** `name=value,name=value`; a comma that no name follows belongs to the value before it. */
function valuesOf(text: string): Readonly<Record<string, string>> {
  if (text.trim() === '') return {};
  return Object.fromEntries(
    text.split(/,(?=[^,=]+=)/).map((item) => {
      const at = item.indexOf('=');
      if (at <= 0) throw invalid('set', item, 'name=value');
      return [item.slice(0, at).trim(), item.slice(at + 1).trim()];
    }),
  );
}

function listenOf(text: string): Config['listen'] {
  if (text === '') return null;
  const match = /^(.*):(\d+)$/.exec(text);
  if (match === null || Number(match[2]) > 65_535) throw invalid('listen', text, 'host:port');
  return { host: match[1] === '' ? '0.0.0.0' : (match[1] ?? ''), port: Number(match[2]) };
}
