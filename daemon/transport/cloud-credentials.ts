/** The cloud's credentials on the hub, as KubeVela's preparation script puts them there. */
import { SYSTEM_NAMESPACE } from '../model/catalog.ts';
import type { KubeObject } from '../model/object.ts';
import type { Effects, Objects, Redactor } from '../model/ports.ts';

/** The Secret that KubeVela's `terraform-alibaba` Initializer names. */
export const CLOUD_CREDENTIALS_SECRET = 'alibaba-account-creds';

export interface CloudCredentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** "" without one. */
  readonly securityToken: string;
}

/**
 * Writes Secret `vela-system/alibaba-account-creds` where it says something else. KubeVela 1.1,
 * hack/prepare-alibaba-credentials.sh: one key, `credentials`, with YAML text of `accessKeyID`, `accessKeySecret` and
 * `securityToken`. True when it was written. Faults: transport/*.
 */
export async function keepCloudCredentials(
  credentials: CloudCredentials,
  doors: { readonly hub: Objects; readonly effects: Effects; readonly redactor: Redactor },
  signal: AbortSignal,
): Promise<boolean> {
  const { hub, effects, redactor } = doors;
  const { accessKeyId, accessKeySecret, securityToken } = credentials;
  const text = `accessKeyID: ${scalar(accessKeyId)}\naccessKeySecret: ${scalar(accessKeySecret)}\nsecurityToken: ${scalar(securityToken)}\n`;
  const data = Buffer.from(text).toString('base64');
  for (const value of [accessKeyId, accessKeySecret, securityToken, text, data]) if (value !== '') redactor.learn(value);
  const target = { apiVersion: 'v1', kind: 'Secret', namespace: SYSTEM_NAMESPACE, name: CLOUD_CREDENTIALS_SECRET };
  const live = await hub.get(target, signal);
  if ((live?.['data'] as Readonly<Record<string, string>> | undefined)?.['credentials'] === data) return false;
  const secret: KubeObject = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: CLOUD_CREDENTIALS_SECRET, namespace: SYSTEM_NAMESPACE },
    type: 'Opaque',
    data: { credentials: data },
  };
  await effects.run('system', `Secret ${SYSTEM_NAMESPACE}/${CLOUD_CREDENTIALS_SECRET}`, () => hub.apply(secret, signal));
  return true;
}

/** Plain as the script writes it, quoted where YAML would read something else than this text. */
const scalar = (value: string): string => (value === '' || /^[A-Za-z][\w+/=.-]*$/.test(value) ? value : JSON.stringify(value));
