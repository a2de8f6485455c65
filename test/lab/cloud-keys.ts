// The account's AccessKey: made at random, one valid at a time.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KnownKey } from './cloud-signature.ts';

/** As the SDK's Config takes them. With a security token they are temporary ones (STS). */
export type CloudCredentials = { readonly accessKeyId: string; readonly accessKeySecret: string; readonly securityToken?: string };

export type Keys = {
  readonly current: () => CloudCredentials;
  readonly find: (accessKeyId: string) => KnownKey | undefined;
  /** The current ones count as expired, or not. */
  readonly setExpired: (isExpired: boolean) => void;
  /** Makes new ones; those before stay expired. */
  readonly renew: () => void;
};

/** What a folder keeps of them, with the port that they are for. */
export type KeptKeys = { readonly port: number; readonly credentials: CloudCredentials };

export function readKeys(dir: string): KeptKeys | undefined {
  const file = join(dir, 'keys.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as KeptKeys) : undefined;
}

export function createKeys(kept: KeptKeys | undefined, isTemporary: boolean): Keys {
  const known = new Map<string, KnownKey>();
  let current = makeCredentials(isTemporary);
  const use = (credentials: CloudCredentials) => {
    current = credentials;
    const { accessKeyId, ...key } = credentials;
    known.set(accessKeyId, { ...key, isExpired: false });
  };
  const setExpired = (isExpired: boolean) => void known.set(current.accessKeyId, { ...known.get(current.accessKeyId)!, isExpired });
  use(kept?.credentials ?? current);
  return {
    current: () => current,
    find: (id) => known.get(id),
    setExpired,
    renew: () => {
      setExpired(true);
      use(makeCredentials(current.securityToken !== undefined));
    },
  };
}

function makeCredentials(isTemporary: boolean): CloudCredentials {
  const random = (length: number) =>
    randomBytes(length * 2)
      .toString('base64')
      .replaceAll(/[^A-Za-z0-9]/g, '')
      .slice(0, length);
  const accessKeySecret = random(isTemporary ? 44 : 30);
  return isTemporary
    ? { accessKeyId: `STS.${random(25)}`, accessKeySecret, securityToken: `CAIS${random(300)}` }
    : { accessKeyId: `LTAI5t${random(18)}`, accessKeySecret };
}
