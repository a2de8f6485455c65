/**
 * DOOR to simple-git, and so to the git that is installed: argument arrays, a clean environment, bounded time and output,
 * errors as faults. Upholds I7 and I9.
 */
import { dirname } from 'node:path';
import { type SimpleGit, type SimpleGitOptions, simpleGit } from 'simple-git';
import { withDeadline } from '../lib/retry.ts';
import { Fault } from '../model/fault.ts';
import type { Clock, Redactor } from '../model/ports.ts';
import { accessTo, type Credentials } from './credentials.ts';
import { gitFault, type GitResult } from './git-fault.ts';
import type { Remote } from './remote.ts';

/** Names of the environment that git, ssh and curl need and may have; everything else stays outside. */
const PASSED_ON: readonly string[] = [
  'PATH',
  'TMPDIR',
  'USER',
  'LOGNAME',
  'SSH_AUTH_SOCK',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'LD_LIBRARY_PATH',
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
];

/**
 * Configuration of every call. Nothing of the machine's own is read, so all that matters stands here.
 * - protocol.allow: a remote helper or a submodule URL could run commands; one scheme is opened per call
 * - hooksPath, fsmonitor, credential.helper: nothing that git would start for us
 * - fsckObjects: what comes in is checked for tricks (`.git` in a tree, looping trees); the messages that are lowered are
 *   harmless marks of very old tools, which many real histories carry
 * - autoDetach: no process of ours stays behind
 * - fsync: our copy holds nothing that the remote does not have; store.ts makes a damaged one anew
 */
const CONFIG: readonly (readonly [string, string])[] = [
  ['protocol.allow', 'never'],
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.quotePath', 'false'],
  ['credential.helper', ''],
  ['transfer.fsckObjects', 'true'],
  ...['zeroPaddedFilemode', 'missingSpaceBeforeDate', 'missingSpaceBeforeEmail', 'badTimezone'].map((id): [string, string] => [`fetch.fsck.${id}`, 'ignore']),
  ['fetch.recurseSubmodules', 'false'],
  ['gc.autoDetach', 'false'],
  ['maintenance.autoDetach', 'false'],
  ['core.fsync', 'none'],
  // Writing a few objects one by one is quicker than a pack, and beyond that much slower.
  ['fetch.unpackLimit', '8'],
  ['gc.autoPackLimit', '50'],
  ['http.lowSpeedLimit', '1000'],
  ['http.lowSpeedTime', '60'],
  ['init.defaultBranch', 'main'],
  // X.509 signatures are not read: their program would look for certificates on the network.
  ['gpg.x509.program', 'false'],
];

/** simple-git guards against untrusted options; these are the ones that this file sets itself, on purpose. */
const UNSAFE: NonNullable<SimpleGitOptions['unsafe']> = {
  allowUnsafeConfigEnvCount: true,
  allowUnsafeConfigPaths: true,
  allowUnsafeCredentialHelper: true,
  allowUnsafeFsMonitor: true,
  allowUnsafeGpgProgram: true,
  allowUnsafeHooksPath: true,
  allowUnsafeProtocolOverride: true,
  allowUnsafeSshCommand: true,
  allowUnsafeTemplateDir: true,
};

export interface GitOptions {
  /** A directory that exists and is ours: HOME of every process, host keys that were accepted. */
  readonly home: string;
  /** The process's environment; only what {@link PASSED_ON} names is handed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly redactor: Redactor;
  /** The longest that a call to a remote may take. */
  readonly remoteTimeoutMs: number;
  /** More output than this ends the process. */
  readonly outputMaxBytes: number;
}

export interface GitCall {
  /** Says what is being done, for the message of a fault: `reading`. */
  readonly doing: string;
  readonly args: readonly string[];
  /** Where it runs. */
  readonly directory: string;
  /** Given when the call speaks to a remote. */
  readonly remote?: { readonly remote: Remote; readonly credentials: Credentials };
  /** Bytes for stdin. */
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  /** git configuration of this call alone. */
  readonly config?: readonly (readonly [string, string])[];
}

/** The installed git. Faults: source/*, loop/cancelled. */
export interface Git {
  /** Standard output of a call that must succeed. */
  readonly text: (call: GitCall, signal: AbortSignal) => Promise<string>;
  /** The whole outcome of a call that may fail. */
  readonly result: (call: GitCall, signal: AbortSignal) => Promise<GitResult>;
  /** Standard output of `git cat-file` as bytes; `args` begin behind `cat-file`. */
  readonly bytes: (call: GitCall, signal: AbortSignal) => Promise<Buffer>;
}

/** Local calls touch no network; whatever takes longer hangs. */
const LOCAL_TIMEOUT_MS = 120_000;

/** The door. It keeps no process and no state; each call is one git process with one simple-git instance. */
export function openGit(options: GitOptions): Git {
  const result = async (call: GitCall, signal: AbortSignal): Promise<GitResult> => {
    const { stdout, exitCode, stderr } = await execute<string>(options, call, (git) => git.raw([...call.args]), signal);
    return { exitCode, stderr, stdout };
  };
  return {
    result,
    text: async (call, signal) => {
      const done = await result(call, signal);
      if (done.exitCode !== 0) throw gitFault(call.doing, done, call.remote?.remote ?? null);
      return done.stdout;
    },
    bytes: async (call, signal) => {
      const done = await execute<Buffer>(options, call, (git) => git.binaryCatFile([...call.args]), signal);
      if (done.exitCode !== 0) throw gitFault(call.doing, { ...done, stdout: '' }, null);
      return done.stdout;
    },
  };
}

interface Finished<T> {
  readonly stdout: T;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs one process to its end, its deadline or the signal. Its output is redacted unless it is content. */
async function execute<T extends string | Buffer>(
  options: GitOptions,
  call: GitCall,
  start: (git: SimpleGit) => PromiseLike<unknown>,
  signal: AbortSignal,
): Promise<Finished<T>> {
  const env = await environmentOf(options, call);
  const tooMuch = new AbortController();
  let finished: { readonly exitCode: number; readonly stdErr: readonly Buffer[] } | undefined;
  const timeoutMs = call.remote === undefined ? LOCAL_TIMEOUT_MS : options.remoteTimeoutMs;
  try {
    return await withDeadline(
      timeoutMs,
      async (deadline) => {
        const git = simpleGit({
          baseDir: call.directory,
          abort: AbortSignal.any([deadline, tooMuch.signal]),
          allowEnvironment: Object.keys(env),
          unsafe: UNSAFE,
          input: () => call.input,
          // The default also ends 50 ms after the exit, whether or not the output has been read by then.
          completion: { onClose: true, onExit: false },
          // Exit codes are judged here, not by whether stderr has text.
          errors: (_error, outcome) => {
            finished = outcome;
            return undefined;
          },
        }).env(env);
        git.outputHandler((_command, stdout) => {
          let sizeBytes = 0;
          stdout.on('data', (chunk: Buffer) => {
            sizeBytes += chunk.length;
            if (sizeBytes > options.outputMaxBytes) tooMuch.abort();
          });
          // simple-git waits another 50 ms for a process that printed nothing: an empty chunk counts as print.
          stdout.once('end', () => stdout.emit('data', Buffer.alloc(0)));
        });
        const stdout = (await start(git)) as T;
        if (tooMuch.signal.aborted) throw new Fault('source/too-large', `${call.doing}: git gave more than ${options.outputMaxBytes} bytes`);
        deadline.throwIfAborted();
        const stderr = Buffer.concat(finished?.stdErr ?? []).toString('utf8');
        return { stdout, stderr: options.redactor.text(stderr), exitCode: finished?.exitCode ?? 0 };
      },
      options.clock,
      signal,
    );
  } catch (error) {
    throw failure(error, call, timeoutMs, signal, options.redactor);
  }
}

/** What is left when the process did not come to its own end. */
function failure(error: unknown, call: GitCall, timeoutMs: number, signal: AbortSignal, redactor: Redactor): Fault {
  if (signal.aborted) return new Fault('loop/cancelled', `${call.doing}: cancelled`, { cause: error });
  if (error instanceof Fault) return error;
  const where = call.remote === undefined ? call.doing : `${call.doing} ${call.remote.remote.url}`;
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new Fault(call.remote === undefined ? 'source/git' : 'source/unreachable', `${where}: no end within ${timeoutMs} ms`, { cause: error });
  }
  // The cause is left out: simple-git's errors hold the task with all its arguments and input.
  return new Fault('source/git', `${where}: ${redactor.text(error instanceof Error ? error.message : String(error)).slice(0, 500)}`, { kind: 'bug' });
}

async function environmentOf(options: GitOptions, call: GitCall): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = options.environment[name];
    if (value !== undefined) env[name] = value;
  }
  const access =
    call.remote === undefined ? { config: [], env: {} } : await accessTo(call.remote.remote, call.remote.credentials, options.home, options.redactor);
  const config = [...CONFIG, ...access.config, ...(call.config ?? [])];
  Object.assign(
    env,
    {
      HOME: options.home,
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_OPTIONAL_LOCKS: '0',
      GIT_NO_REPLACE_OBJECTS: '1',
      // Without it git would look for a repository in the parents when ours is damaged.
      GIT_CEILING_DIRECTORIES: dirname(call.directory),
      GIT_CONFIG_COUNT: String(config.length),
    },
    access.env,
    call.env,
  );
  config.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return env;
}
