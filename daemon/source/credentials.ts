/** Credentials as git takes them without showing them: environment variables, never argv, URL or a config file (I9). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../model/fault.ts';
import type { Redactor } from '../model/ports.ts';
import type { Remote } from './remote.ts';

/** What the daemon's configuration may hold for a remote. Files are read again for every call: they get renewed. */
export interface Credentials {
  /** For http(s): the user name beside the token; `x-access-token` suits GitHub, GitLab, Gitea and Bitbucket tokens. */
  readonly username?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly sshKeyFile?: string;
  readonly knownHostsFile?: string;
  /** Without a known_hosts file: trust a host's key the first time and hold it to that. */
  readonly acceptNewHosts?: boolean;
  /** Certificate authorities (PEM) that https trusts. */
  readonly caFile?: string;
}

/** What one git process gets for its remote. */
export interface RemoteAccess {
  readonly config: readonly (readonly [string, string])[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Environment and git configuration for one call to `remote`. Every secret is made known to the redactor.
 * `home` is the directory for host keys that were accepted. Faults: source/auth when a file cannot be read.
 */
export async function accessTo(remote: Remote, credentials: Credentials, home: string, redactor: Redactor): Promise<RemoteAccess> {
  const config: [string, string][] = [[`protocol.${remote.scheme}.allow`, 'always']];
  if (remote.scheme === 'ssh') return { config, env: { GIT_SSH_COMMAND: sshCommand(credentials, home), GIT_SSH_VARIANT: 'ssh' } };
  if (remote.scheme !== 'http' && remote.scheme !== 'https') return { config, env: {} };
  if (credentials.caFile !== undefined) config.push(['http.sslCAInfo', credentials.caFile]);
  const header = await authorization(remote, credentials, redactor);
  if (header !== null) {
    config.push([`http.${remote.url}.extraHeader`, `Authorization: ${header}`]);
    // curl would carry the header to wherever a redirect points.
    config.push(['http.followRedirects', 'false']);
  }
  return { config, env: {} };
}

async function authorization(remote: Remote, credentials: Credentials, redactor: Redactor): Promise<string | null> {
  const token = credentials.tokenFile === undefined ? credentials.token : await readToken(credentials.tokenFile);
  let pair: string | null = null;
  if (token !== undefined && token !== '') {
    redactor.learn(token);
    pair = `${credentials.username ?? 'x-access-token'}:${token}`;
  } else if (remote.userinfo !== null) {
    learnUserinfo(remote, redactor);
    pair = `${remote.userinfo.username}:${remote.userinfo.password}`;
  }
  if (pair === null) return null;
  const encoded = Buffer.from(pair, 'utf8').toString('base64');
  redactor.learn(encoded);
  return `Basic ${encoded}`;
}

/** Makes the secrets that stood in a URL known. A user name without a password is a token, as GitHub has it. */
export function learnUserinfo(remote: Remote, redactor: Redactor): void {
  if (remote.userinfo === null) return;
  const secret = remote.userinfo.password === '' ? remote.userinfo.username : remote.userinfo.password;
  redactor.learn(secret);
  redactor.learn(encodeURIComponent(secret));
}

/** Makes the passwords known that the environment's proxy URLs may hold: curl repeats such a URL in its errors. */
export function learnProxies(environment: Readonly<Record<string, string | undefined>>, redactor: Redactor): void {
  for (const [name, value] of Object.entries(environment)) {
    if (!/^(?:https?|all)_proxy$/i.test(name) || value === undefined || !URL.canParse(value)) continue;
    const { password } = new URL(value);
    if (password === '') continue;
    redactor.learn(password);
    redactor.learn(decodeURIComponent(password));
  }
}

async function readToken(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Fault('source/auth', `the token file ${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'error'}`, { cause: error });
  }
  const token = text.trim();
  if (token === '' || /[\0-\x1f]/.test(token)) throw new Fault('source/auth', `the token file ${file} is empty or has more than one line`);
  return token;
}

function sshCommand(credentials: Credentials, home: string): string {
  const options = ['BatchMode=yes', 'ConnectTimeout=15', 'ServerAliveInterval=15', 'ServerAliveCountMax=3'];
  const words = ['ssh'];
  if (credentials.sshKeyFile !== undefined) {
    // Nothing of the machine's own ssh configuration: no proxy commands, no other keys.
    words.push('-F', '/dev/null', '-i', credentials.sshKeyFile);
    options.push('IdentitiesOnly=yes');
  }
  if (credentials.knownHostsFile !== undefined) options.push(`UserKnownHostsFile="${credentials.knownHostsFile}"`, 'StrictHostKeyChecking=yes');
  else if (credentials.acceptNewHosts === true) options.push(`UserKnownHostsFile="${join(home, 'known_hosts')}"`, 'StrictHostKeyChecking=accept-new');
  else options.push('StrictHostKeyChecking=yes');
  for (const option of options) words.push('-o', option);
  return words.map(quote).join(' ');
}

/** git hands GIT_SSH_COMMAND to a shell. */
function quote(word: string): string {
  return /^[\w./=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
