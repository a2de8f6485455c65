/**
 * The key that status commits are signed with, as git's helpers want it. An SSH key is used where it lies; an OpenPGP key
 * is taken into a home of its own, so that nothing of the machine's keyring is read or written.
 */
import { execFile } from 'node:child_process';
import { readFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Fault } from '../model/fault.ts';

export interface SigningKey {
  /** A private key file without a passphrase; for SSH also a public key whose private half the agent has. */
  readonly file: string;
  readonly format: 'ssh' | 'openpgp';
}

/** What a call of git gets so that it signs. */
export interface Signer {
  readonly config: readonly (readonly [string, string])[];
  readonly env: Readonly<Record<string, string>>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

const run = promisify(execFile);
/** A socket's path in gpg's home must fit into 108 bytes. */
const HOME_LENGTH_MAX = 80;
const GPG_TIMEOUT_MS = 30_000;

/**
 * Makes the key ready. `workDir` is ours; `environment` has PATH. Faults: source/signing when it cannot be read or is not
 * of this format. Disposing of it ends gpg's agent and removes the copy of the key.
 */
export async function openSigner(key: SigningKey, workDir: string, environment: Readonly<Record<string, string | undefined>>): Promise<Signer> {
  await readFile(key.file).catch((error: unknown) => {
    throw new Fault('source/signing', `the signing key ${key.file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'error'}`, { cause: error });
  });
  if (key.format === 'ssh')
    return {
      config: [
        ['gpg.format', 'ssh'],
        ['user.signingkey', key.file],
      ],
      env: {},
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  const home = await gpgHome(workDir);
  const env = { PATH: environment['PATH'] ?? '', LC_ALL: 'C', GNUPGHOME: home };
  const close = async (): Promise<void> => {
    await run('gpgconf', ['--kill', 'all'], { env, timeout: GPG_TIMEOUT_MS }).catch(() => {}); // No agent was started.
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await run('gpg', ['--batch', '--quiet', '--import', key.file], { env, timeout: GPG_TIMEOUT_MS });
    const { stdout } = await run('gpg', ['--batch', '--with-colons', '--list-secret-keys'], { env, timeout: GPG_TIMEOUT_MS });
    const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(stdout)?.[1];
    if (fingerprint === undefined) throw new Fault('source/signing', `the signing key ${key.file} holds no private OpenPGP key`);
    return {
      config: [
        ['gpg.format', 'openpgp'],
        ['user.signingkey', fingerprint],
      ],
      env: { GNUPGHOME: home },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    if (error instanceof Fault) throw error;
    const { code } = error as NodeJS.ErrnoException;
    // gpg's own words may quote the key's owner, never the key; its output is left out all the same.
    throw new Fault('source/signing', code === 'ENOENT' ? 'gpg is not installed, or not on PATH' : `gpg cannot use the signing key ${key.file}`, {
      cause: error,
    });
  }
}

async function gpgHome(workDir: string): Promise<string> {
  const home = join(workDir, 'gnupg-sign');
  if (home.length > HOME_LENGTH_MAX) return mkdtemp(join(tmpdir(), 'lateen-gpg-'));
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { recursive: true, mode: 0o700 });
  return home;
}
