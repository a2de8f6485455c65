/** From a Configuration to the login that its Provider names. terraform-controller 0.1.16: Provider default/default where none is named. */
import { isRecord, type Fields } from '../lib/json.ts';
import { parseYaml } from '../lib/yaml.ts';
import { Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { Objects, Redactor } from '../model/ports.ts';
import type { CloudLogin } from './cloud.ts';
import { specOf } from './variables.ts';

const PROVIDER_API = 'terraform.core.oam.dev/v1beta1';

/**
 * Reads Provider and Secret. Every value of the Secret is known to the redactor before anything else happens to it.
 * Faults: provision/credentials, of kind `waiting` where an object is not there yet; provision/refused for a Provider of
 * another cloud; transport/*.
 */
export async function readLogin(configuration: KubeObject, hub: Pick<Objects, 'get'>, redactor: Redactor, signal: AbortSignal): Promise<CloudLogin> {
  const spec = specOf(configuration);
  const reference = fields(spec['providerRef']);
  const [namespace, name] = [text(reference['namespace']) || 'default', text(reference['name']) || 'default'];
  const provider = await hub.get({ apiVersion: PROVIDER_API, kind: 'Provider', namespace, name }, signal);
  const called = `Provider ${namespace}/${name}`;
  if (provider === null)
    throw new Fault('provision/credentials', `${called} is not there: apply it, as KubeVela's Initializer terraform-alibaba does`, { kind: 'waiting' });
  const { provider: cloud, credentials, region: ownRegion } = specOf(provider);
  if (cloud !== 'alibaba')
    throw new Fault('provision/refused', `${called} is of "${text(cloud)}": the cluster is one of Alibaba Cloud and needs a Provider of "alibaba"`);
  const region = text(spec['customRegion']) || text(spec['region']) || text(ownRegion);
  if (!/^[a-z]{2}-[a-z0-9-]+$/.test(region))
    throw new Fault('provision/refused', `${called} has the region "${region}": a region of Alibaba Cloud is needed, for example cn-hongkong`);
  return { ...(await readKeys(fields(credentials), called, hub, redactor, signal)), region };
}

async function readKeys(
  credentials: Fields,
  called: string,
  hub: Pick<Objects, 'get'>,
  redactor: Redactor,
  signal: AbortSignal,
): Promise<Omit<CloudLogin, 'region'>> {
  const reference = fields(credentials['secretRef']);
  const [namespace, name, key] = [text(reference['namespace']), text(reference['name']), text(reference['key'])];
  if (credentials['source'] !== 'Secret' || name === '' || key === '')
    throw new Fault('provision/refused', `${called} names no Secret: spec.credentials needs source: Secret and a secretRef with namespace, name and key`);
  const secret = await hub.get({ apiVersion: 'v1', kind: 'Secret', namespace: namespace || 'default', name }, signal);
  const where = `Secret ${namespace || 'default'}/${name}`;
  // The daemon writes it at start from its environment: whoever runs it has to act.
  if (secret === null)
    throw new Fault(
      'provision/credentials',
      `${where}, which ${called} names, is not there: give the daemon ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY (and ALICLOUD_SECURITY_TOKEN with an STS token), or create it`,
    );
  redactor.learnSecret(secret);
  const encoded = fields(secret['data'])[key];
  if (typeof encoded !== 'string') throw new Fault('provision/credentials', `${where} has no key "${key}"`);
  // The parser's own words may quote the text.
  const { value, errors } = parseYaml(Buffer.from(encoded, 'base64').toString('utf8'), where);
  if (errors.length > 0 || !isRecord(value))
    throw new Fault('provision/credentials', `${where}, key "${key}", is not YAML with accessKeyID, accessKeySecret and securityToken`);
  const keys = { accessKeyId: scalar(value['accessKeyID']), accessKeySecret: scalar(value['accessKeySecret']), securityToken: scalar(value['securityToken']) };
  for (const part of Object.values(keys)) if (part !== '') redactor.learn(part);
  if (keys.accessKeyId === '' || keys.accessKeySecret === '')
    throw new Fault('provision/credentials', `${where}, key "${key}", has no ${keys.accessKeyId === '' ? 'accessKeyID' : 'accessKeySecret'}`);
  return keys;
}

const fields = (value: unknown): Fields => (isRecord(value) ? value : {});
const text = (value: unknown): string => (typeof value === 'string' ? value.trim() : '');
/** A key of digits alone is a number to YAML. */
const scalar = (value: unknown): string => (typeof value === 'number' || typeof value === 'bigint' ? String(value) : text(value));
