/**
 * A kubeconfig's text, read for what it says of its current cluster and user. For kubeconfigs that come from elsewhere (a
 * cloud's answer, a Secret, a step's parameter): no file that they name is read and no program that they name is run.
 * What a client needs of the daemon's own kubeconfig is transport/kubeconfig.ts's.
 */
import { Fault } from '../model/fault.ts';
import { isRecord, type Fields } from './json.ts';
import { parseYaml } from './yaml.ts';

/** The fields of the current context; "" for what is not there. `*Data` are base64 as they stand in the text. */
export interface KubeconfigText {
  /** `https://host:port`, perhaps with a path. */
  readonly server: string;
  readonly caData: string;
  readonly certData: string;
  readonly keyData: string;
  readonly token: string;
}

/** Cluster entries and user entries that would make the connection another than the fields say. */
const REFUSED_CLUSTER = ['proxy-url', 'certificate-authority', 'tls-server-name'];
const REFUSED_USER = [
  'exec',
  'auth-provider',
  'client-certificate',
  'client-key',
  'tokenFile',
  'username',
  'password',
  'as',
  'as-uid',
  'as-groups',
  'as-user-extra',
];

/**
 * Reads a kubeconfig. Without `current-context` its only context is taken, and without contexts its only cluster and user.
 * Throws transport/connection, never with a value of the text: it is not YAML, its lists do not hold what the context
 * names, it has no server, or it names files, a program, a proxy or another user to act as.
 */
export function readKubeconfigText(text: string): KubeconfigText {
  const { value, errors } = parseYaml(text, 'kubeconfig');
  // The parser's own words may quote the text, and the text holds keys.
  if (errors.length > 0 || !isRecord(value)) throw refused('is not YAML');
  const context = pick(value, 'contexts', 'context', fieldText(value, 'current-context'));
  const cluster = pick(value, 'clusters', 'cluster', fieldText(context, 'cluster'));
  const user = pick(value, 'users', 'user', fieldText(context, 'user'));
  if (cluster === null || fieldText(cluster, 'server') === '') throw refused('names no server in its current context');
  for (const [what, fields, names] of [
    ['cluster', cluster, REFUSED_CLUSTER],
    ['user', user, REFUSED_USER],
  ] as const) {
    const found = names.find((name) => fields?.[name] !== undefined && fields[name] !== null && fields[name] !== '');
    if (found !== undefined) throw refused(`has ${found} for its ${what}, which is not used for a kubeconfig that comes from elsewhere`);
  }
  return {
    server: fieldText(cluster, 'server'),
    caData: fieldText(cluster, 'certificate-authority-data'),
    certData: fieldText(user, 'client-certificate-data'),
    keyData: fieldText(user, 'client-key-data'),
    token: fieldText(user, 'token'),
  };
}

const refused = (why: string): Fault => new Fault('transport/connection', `the kubeconfig ${why}`);

const fieldText = (fields: Fields | null, name: string): string => {
  const value = fields?.[name];
  return typeof value === 'string' ? value.trim() : '';
};

/** The entry of this name in a list of `{name, [field]}`; the only entry where no name is given; null for none. */
function pick(config: Fields, list: string, field: string, name: string): Fields | null {
  const entries = Array.isArray(config[list]) ? config[list].filter(isRecord) : [];
  const found = name === '' ? (entries.length === 1 ? entries[0] : undefined) : entries.find((entry) => entry['name'] === name);
  const value = found?.[field];
  return isRecord(value) ? value : null;
}

/** At most base64 of base64: the text of a kubeconfig's `*-data`, encoded once more in a Secret. */
const LAYERS_MAX = 2;

/** A certificate or key as PEM, given as PEM or in base64, once or twice. Null for anything else. */
export function pemOf(text: string): string | null {
  let pem = text.trim();
  for (let layer = 0; ; layer += 1) {
    if (pem.startsWith('-----BEGIN ')) return `${pem.trimEnd()}\n`;
    const encoded = pem.replace(/\s+/g, '');
    if (layer === LAYERS_MAX || encoded === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null;
    pem = Buffer.from(encoded, 'base64').toString('utf8').trim();
  }
}

/**
 * The https URL of an API server; `host:port` is one too, as Go's client takes it. Null for anything else. A path stays,
 * the slash at its end does not.
 */
export function serverUrl(text: string): string | null {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  const url = URL.parse(whole);
  return url === null || url.protocol !== 'https:' || /\s/.test(text) ? null : whole.replace(/\/+$/, '');
}

/** How to reach a cluster, as the port `ClusterRegistration` has it. */
export interface TextConnection {
  readonly endpoint: string;
  readonly ca: string | null;
  readonly login: { readonly cert: string; readonly key: string } | { readonly token: string };
}

/**
 * The connection that a kubeconfig's fields say, or fields written like them: certificates and key as PEM or in base64.
 * Throws transport/connection with the field's name and never its value.
 */
export function connectionOfText({ server, caData, certData, keyData, token }: KubeconfigText): TextConnection {
  const pem = (what: string, text: string): string => {
    const read = pemOf(text);
    if (read === null) throw new Fault('transport/connection', `the ${what} is neither PEM nor base64 of it`);
    return read;
  };
  if (server === '') throw new Fault('transport/connection', 'the address of the API server is missing');
  const endpoint = serverUrl(server);
  if (endpoint === null) throw new Fault('transport/connection', 'the address of the API server is no https URL');
  const ca = caData === '' ? null : pem('CA certificate', caData);
  if (token !== '' && certData === '') return { endpoint, ca, login: { token } };
  if (certData === '' || keyData === '') throw new Fault('transport/connection', 'the client certificate or its key is missing, and there is no token');
  return { endpoint, ca, login: { cert: pem('client certificate', certData), key: pem('client key', keyData) } };
}
