/** Where a repository is: a URL or a directory, taken apart, checked and rid of its credentials. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fault } from '../model/fault.ts';

/** Schemes that are allowed unless the daemon's configuration says otherwise. */
export const DEFAULT_SCHEMES: readonly string[] = ['https', 'ssh', 'file'];

export interface Remote {
  /** As git gets it: without credentials; an absolute path for a local repository. */
  readonly url: string;
  readonly scheme: string;
  /** The directory of a local repository, else null. */
  readonly directory: string | null;
  /** What stood in the URL; never printed, never handed to git as part of the URL. */
  readonly userinfo: { readonly username: string; readonly password: string } | null;
}

/**
 * Reads what a user gave as repository: `https://`, `ssh://`, `file://`, `user@host:path` or a directory. User name and
 * password of an http URL are taken out (`userinfo`). Faults: source/scheme.
 * Copies git's rule for `host:path`: a colon before the first slash.
 */
export function parseRemote(text: string, allowedSchemes: readonly string[]): Remote {
  if (/[\0-\x1f\x7f]/.test(text) || text.trim() === '')
    throw new Fault('source/scheme', 'the repository URL is empty or has control characters', { kind: 'invalid' });
  // `ext::sh -c ...` and other remote helpers run commands: no configuration allows them.
  const helper = /^([A-Za-z0-9+.-]+)::/.exec(text);
  if (helper !== null) throw new Fault('source/scheme', `the scheme ${helper[1]}:: is never allowed`);
  const remote = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text) ? fromUrl(text) : fromPath(text);
  if (!allowedSchemes.includes(remote.scheme)) {
    throw new Fault('source/scheme', `the scheme ${remote.scheme} is not allowed here; allowed: ${allowedSchemes.join(', ')}`);
  }
  return remote;
}

function fromUrl(text: string): Remote {
  if (!URL.canParse(text)) throw new Fault('source/scheme', 'the repository URL cannot be read', { kind: 'invalid' });
  const url = new URL(text);
  const scheme = url.protocol.slice(0, -1);
  if (scheme === 'file') {
    const directory = localPath(url);
    return { url: directory, scheme, directory, userinfo: null };
  }
  refuseOption(url.hostname);
  if (scheme === 'ssh') {
    const userinfo = url.password === '' ? null : { username: '', password: decodeURIComponent(url.password) };
    url.password = '';
    refuseOption(url.username);
    return { url: url.href, scheme, directory: null, userinfo };
  }
  const userinfo =
    url.username === '' && url.password === '' ? null : { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  url.username = '';
  url.password = '';
  return { url: url.href, scheme, directory: null, userinfo };
}

function localPath(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new Fault('source/scheme', 'the file URL names no directory of this machine', { kind: 'invalid', cause: error });
  }
}

function fromPath(text: string): Remote {
  const colon = text.indexOf(':');
  const slash = text.indexOf('/');
  if (colon > 0 && (slash < 0 || colon < slash)) {
    refuseOption(text);
    refuseOption(text.slice(text.indexOf('@') + 1));
    return { url: text, scheme: 'ssh', directory: null, userinfo: null };
  }
  const directory = resolve(text);
  return { url: directory, scheme: 'file', directory, userinfo: null };
}

/** ssh would read a host or user that begins with a dash as an option (CVE-2017-1000117 and its kin). */
function refuseOption(part: string): void {
  if (part.startsWith('-')) throw new Fault('source/scheme', 'a host or user in the repository URL begins with a dash', { kind: 'invalid' });
}

/**
 * Whether `name` can be a branch (the rules of `git check-ref-format --branch`). It is put behind `refs/heads/` in
 * refspecs, where a colon, a star or a leading dash would mean something else.
 */
export function isBranchName(name: string): boolean {
  return (
    name.length > 0 &&
    name.length <= 250 &&
    !/[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|^[-/.@]$|^-|^\/|\/$|\.$/.test(name) &&
    name.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'))
  );
}
