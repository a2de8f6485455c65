/**
 * The operator's public keys as git's helpers want them: a file of allowed signers for ssh-keygen, and a home for gpg that
 * holds these keys and nothing else. The operator's files are read again every time, for they are renewed.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../model/fault.ts';
import type { Clock } from '../model/ports.ts';

export interface KeyFiles {
  /** ssh-keygen's ALLOWED SIGNERS format: `principal[,principal] [options] keytype key`. */
  readonly allowedSignersFile?: string;
  /** A KRL, or public keys one a line, that count no longer. */
  readonly revokedSignersFile?: string;
  /** OpenPGP public keys, armoured or binary, any number of them. */
  readonly gpgKeysFile?: string;
}

/** What a call of git gets so that it verifies with these keys. */
export interface VerifyingKeys {
  readonly config: readonly (readonly [string, string])[];
  readonly env: Readonly<Record<string, string>>;
  /** Changes when any of the keys does. */
  readonly digest: string;
  /** Fingerprints of the SSH keys whose lines are not, or no longer, in force. */
  readonly lapsed: ReadonlySet<string>;
}

export interface Keys {
  /** Faults: source/unverified when a file cannot be read or used. */
  readonly ready: () => Promise<VerifyingKeys>;
}

/** Keys of nobody but the operator, no network, no daemon that stays behind; whoever is in the ring is trusted. */
const GPG_CONF =
  'batch\nno-default-keyring\nkeyring keys.gpg\ntrust-model always\nno-auto-key-retrieve\nno-auto-key-locate\ndisable-dirmngr\nno-autostart\nlock-never\n';

/** Keys under `<home>/signers` and `<home>/gnupg`, written when they change. */
export function openKeys(home: string, files: KeyFiles, clock: Clock): Keys {
  const written = new Map<string, string>();
  const put = async (path: string, content: string | Buffer): Promise<void> => {
    const digest = createHash('sha256').update(content).digest('hex');
    if (written.get(path) === digest) return;
    const draft = `${path}.${randomUUID()}`;
    await writeFile(draft, content, { mode: 0o600 });
    await rename(draft, path);
    written.set(path, digest);
  };
  const read = async (file: string | undefined): Promise<Buffer> => {
    if (file === undefined) return Buffer.alloc(0);
    try {
      return await readFile(file);
    } catch (error) {
      throw new Fault('source/unverified', `the keys in ${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'error'}`, { cause: error });
    }
  };
  return {
    ready: async () => {
      const [signers, revoked, pgp] = await Promise.all([read(files.allowedSignersFile), read(files.revokedSignersFile), read(files.gpgKeysFile)]);
      const { text, lapsed } = signersInForce(signers.toString('utf8'), clock.now());
      const ring = binaryKeys(pgp, files.gpgKeysFile ?? '');
      const [ssh, gnupg] = [join(home, 'signers'), join(home, 'gnupg')];
      await Promise.all([mkdir(ssh, { recursive: true, mode: 0o700 }), mkdir(gnupg, { recursive: true, mode: 0o700 })]);
      const [allowed, gone] = [join(ssh, 'allowed'), join(ssh, 'revoked')];
      await Promise.all([put(allowed, text), put(gone, revoked), put(join(gnupg, 'keys.gpg'), ring), put(join(gnupg, 'gpg.conf'), GPG_CONF)]);
      return {
        config: [['gpg.ssh.allowedSignersFile', allowed], ...(revoked.length === 0 ? [] : [['gpg.ssh.revocationFile', gone] as const])],
        env: { GNUPGHOME: gnupg },
        digest: createHash('sha256').update(text).update('\0').update(revoked).update('\0').update(ring).digest('hex'),
        lapsed,
      };
    },
  };
}

/**
 * The lines of an allowed signers file that hold now. ssh-keygen is asked by git about the time that the commit itself
 * names, which whoever has an old key may choose; here a key whose time is over signs nothing any more.
 */
export function signersInForce(text: string, nowMs: number): { readonly text: string; readonly lapsed: ReadonlySet<string> } {
  const lapsed = new Set<string>();
  const lines = text.split(/\r?\n/).filter((line) => {
    const bounds = [...line.matchAll(/\bvalid-(after|before)=("[^"]*"|[^\s,]*)/gi)];
    const holds = bounds.every(([, which = '', value = '']) => {
      const atMs = signersTime(value.replaceAll('"', ''));
      return atMs !== null && (which.toLowerCase() === 'before' ? nowMs < atMs : nowMs >= atMs);
    });
    const key = /\s(?:sk-)?(?:ssh|ecdsa)-[\w@.-]+\s+([A-Za-z0-9+/]+=*)/.exec(line)?.[1];
    if (!holds && key !== undefined) lapsed.add(`SHA256:${createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '')}`);
    return holds;
  });
  return { text: lines.join('\n'), lapsed };
}

/** `YYYYMMDD[HHMM[SS]][Z]` in milliseconds, local time without the Z as ssh-keygen has it; null for anything else. */
function signersTime(value: string): number | null {
  const match = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z?)$/i.exec(value);
  if (match === null) return null;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map((part) => Number(part ?? 0));
  return match[7] === '' ? new Date(year, month - 1, day, hour, minute, second).getTime() : Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The packets of OpenPGP keys without their armour. gpg reads them as a ring, so that nothing has to be imported. */
export function binaryKeys(bytes: Buffer, file: string): Buffer {
  const text = bytes.toString('latin1');
  if (/BEGIN PGP PRIVATE KEY BLOCK/.test(text) || [0x94, 0x95, 0x96, 0x97, 0xc5].includes(bytes[0] ?? 0))
    throw new Fault('source/unverified', `${file} holds a private key; give the public ones (\`gpg --export\`)`);
  if (!text.includes('-----BEGIN PGP')) return bytes;
  const blocks = [...text.matchAll(/-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g)];
  if (blocks.length === 0) throw new Fault('source/unverified', `${file} holds no public key (\`gpg --armor --export\`)`);
  return Buffer.concat(
    blocks.map(([, block = '']) => {
      // Headers such as `Version:` end with an empty line; a line that begins with = is a checksum.
      const lines = block.split(/\r?\n/);
      const start = lines.findIndex((line) => line.trim() === '') + 1;
      return Buffer.from(
        lines
          .slice(start)
          .filter((line) => !line.startsWith('='))
          .join(''),
        'base64',
      );
    }),
  );
}
