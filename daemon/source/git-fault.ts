/** What git's error text means. Part of the door: nobody else looks at git's words. */
import { type Code, Fault, type FaultKind } from '../model/fault.ts';
import type { Remote } from './remote.ts';

/** One finished git process. */
export interface GitResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The cause of a fault that git's exit made. */
export class GitExit extends Error {
  readonly exitCode: number;
  readonly stderr: string;

  constructor(exitCode: number, stderr: string) {
    super(`git exited with ${exitCode}`);
    this.name = 'GitExit';
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

interface Rule {
  readonly pattern: RegExp;
  readonly code: Code;
  readonly kind?: FaultKind;
  /** Said instead of git's own words, where those mislead; `$1` is what the pattern's first group found. */
  readonly message?: string;
}

/** In this order: the first that fits decides. Every rule has a recorded text of git or a server in the tests. */
const RULES: readonly Rule[] = [
  { pattern: /spawn git ENOENT/, code: 'source/git', kind: 'denied', message: 'git is not installed, or not on PATH' },
  { pattern: /transport '[^']*' not allowed|is not a git command/, code: 'source/scheme' },
  { pattern: /dubious ownership/, code: 'source/auth', message: 'the local repository belongs to another user of this machine, so git does not read it' },
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    code: 'source/auth',
    message:
      "the SSH server shows a host key that has changed; where the server's keeper says that this is right, take the old one out of the known_hosts file and put the new one in",
  },
  { pattern: /Host key verification failed/, code: 'source/auth', message: "the SSH server's host key is not known; give a known_hosts file" },
  {
    pattern: /Permissions \d+ for '([^']*)' are too open/,
    code: 'source/auth',
    message: 'the SSH key file $1 can be read by others, so ssh does not use it; `chmod 600` it',
  },
  { pattern: /Identity file (\S+) not accessible/, code: 'source/auth', message: 'the SSH key file $1 is not there, or cannot be read' },
  {
    pattern: /Load key "([^"]*)": (?:error in libcrypto|invalid format)/,
    code: 'source/auth',
    message: 'the SSH key file $1 is no private key that ssh can read',
  },
  { pattern: /could not read (?:Username|Password)/, code: 'source/auth', message: 'the server takes no access without credentials, or not these' },
  {
    pattern:
      /Authentication failed|Permission denied \(|returned error: 40[13]|Invalid username or (?:password|token)|HTTP Basic: Access denied|Load key "[^"]*":|UNPROTECTED PRIVATE KEY|insufficient permission/,
    code: 'source/auth',
  },
  {
    pattern:
      /does not appear to be a git repository|repository '[^']*' not found|Repository not found|project you were looking for could not be found|returned error: 404|does not exist|not a git repository/i,
    code: 'source/not-found',
  },
  {
    pattern: /unable to update url base from redirection|returned error: 30\d/,
    code: 'source/not-found',
    message: 'the server answers from another address; give that address',
  },
  { pattern: /couldn't find remote ref|Remote branch \S+ not found/, code: 'source/branch' },
  { pattern: /SSL certificate problem|server certificate verification failed|certificate verify locations/, code: 'source/unreachable', kind: 'denied' },
  {
    pattern:
      /Could not resolve host|Name or service not known|Temporary failure in name resolution|Couldn't connect|Failed to connect|Connection (?:refused|reset|timed out|closed)|No route to host|Network is unreachable|Operation (?:too slow|timed out)|returned error: (?:429|5\d\d)|unable to connect to|early EOF|hung up unexpectedly|unexpected disconnect|RPC failed|Empty reply from server|kex_exchange_identification|Broken pipe|Could not resolve hostname|gnutls_handshake|SSL_connect|SSL_read/,
    code: 'source/unreachable',
  },
  { pattern: /fsck error|has an error in pack|index-pack failed|badly formatted|error in object/, code: 'source/git', kind: 'denied' },
  { pattern: /No space left on device|Disk quota exceeded/, code: 'source/git' },
];

/** Turns a failed git process into a fault. `doing` is a clause such as `reading`; texts must be redacted already. */
export function gitFault(doing: string, result: GitResult, remote: Remote | null): Fault {
  const text = `${result.stderr}\n${result.stdout}`;
  const rule = RULES.find((candidate) => candidate.pattern.test(text));
  const where = remote === null ? doing : `${doing} ${remote.url}`;
  const said =
    rule?.message?.replaceAll('$1', () => rule.pattern.exec(text)?.[1] ?? '') ?? sayingOf(text, rule?.pattern) ?? `git exited with ${result.exitCode}`;
  return new Fault(rule?.code ?? 'source/git', `${where}: ${said}`, {
    cause: new GitExit(result.exitCode, result.stderr),
    ...(rule?.kind === undefined ? {} : { kind: rule.kind }),
  });
}

/** The line that tells most: the one that the rule found, else the first `fatal:` or `error:`, else the first of all. */
function sayingOf(text: string, pattern: RegExp | undefined): string | undefined {
  const lines = text
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const line = lines.find((candidate) => pattern?.test(candidate) === true) ?? lines.find((candidate) => /^(?:fatal|error):/.test(candidate)) ?? lines[0];
  return line?.replace(/^(?:(?:fatal|error|remote|ERROR): *)+/, '').slice(0, 500);
}

/** What may have become of objects when a process or machine died in the middle. */
const CORRUPTION =
  /object file \S+ is empty|loose object \S+ .*is corrupt|bad object|unable to (?:read|parse|find) (?:tree|sha1 file|[0-9a-f]{40})|not a git repository|invalid sha1 pointer|missing (?:blob|tree|commit)|packfile \S+ (?:cannot|does not match|is)|(?:inflate|zlib).*error|bad config|Not a valid (?:object|commit|tree)|not a tree object|did not send all necessary objects|garbage at end of loose object|unresolved delta|reference broken|bad (?:tree|blob|commit|signature)|(?:is missing|could not read) \S*[0-9a-f]{40}/i;

/** Whether `error` may come from a damaged copy of ours, so that it is worth looking whether that is sound. */
export function isCorruption(error: unknown): boolean {
  return error instanceof Fault && error.cause instanceof GitExit && error.code !== 'source/auth' && CORRUPTION.test(error.cause.stderr);
}

/** What the server said to a push of one ref. */
export type PushOutcome = { readonly kind: 'done' } | { readonly kind: 'raced' } | { readonly kind: 'failed'; readonly fault: Fault };

/** A reason of a rejection that only says that another was faster. */
const RACE =
  /fetch first|non-fast-forward|stale info|failed to update ref|cannot lock ref|incorrect old value|reference already exists|needs force|remote ref updated since checkout|already exists|atomic push fail/i;

/** The server cannot take several refs together or not at all. */
export const isAtomicUnknown = (result: GitResult): boolean => result.exitCode !== 0 && result.stderr.includes('does not support --atomic push');

/** Reads the answer of `git push --porcelain`. A refusal by a rule of the server (hook, protected branch) is no race. */
export function pushOutcome(result: GitResult, remote: Remote): PushOutcome {
  if (result.exitCode === 0) return { kind: 'done' };
  const rejected = /^!\t[^\t]*\t(.*)$/m.exec(result.stdout);
  if (rejected === null) return { kind: 'failed', fault: gitFault('writing to', result, remote) };
  const reason = rejected[1] ?? '';
  if (RACE.test(reason)) return { kind: 'raced' };
  const told = result.stderr
    .split('\n')
    .filter((line) => line.startsWith('remote:'))
    .map((line) => line.slice(7).trim())
    .filter((line) => line !== '');
  const message = `${remote.url} refuses the status branch: ${[reason.replace(/^\[[^\]]*\] *\(?/, '').replace(/\)$/, ''), ...told.slice(0, 3)].join('; ')}`;
  return {
    kind: 'failed',
    fault: new Fault('source/push-rejected', message.slice(0, 600), { kind: 'denied', cause: new GitExit(result.exitCode, result.stderr) }),
  };
}
