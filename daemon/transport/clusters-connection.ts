/** Connections of member clusters as cluster-gateway keeps them: Secrets in vela-system, read and written. Pure. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isRecord } from '../lib/json.ts';
import { timeText } from '../lib/text.ts';
import { SYSTEM_NAMESPACE } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import { LOCAL, type KubeObject } from '../model/object.ts';
import type { Redactor } from '../model/ports.ts';
import type { Credentials } from './kubeconfig.ts';

/** cluster-gateway from 1.2 on: X509Certificate, ServiceAccountToken, Dynamic. */
export const CREDENTIAL_TYPE_LABEL = 'cluster.core.oam.dev/cluster-credential-type';
/** KubeVela 1.1.1 to 1.1.x: always `tls`. */
export const OLD_CREDENTIAL_LABEL = 'cluster.core.oam.dev/cluster-credential';
const ENDPOINT_TYPE_LABEL = 'cluster.core.oam.dev/cluster-endpoint-type';
/** Labels with this prefix are cluster-gateway's, all others of the Secret are the cluster's own. */
const GATEWAY_PREFIX = 'cluster.core.oam.dev/';

/** How to reach a member. All values are plain text; certificates and key are PEM. */
export interface Connection {
  /** https://host:port, perhaps with a path. */
  readonly endpoint: string;
  /** Null: the server's certificate is not checked, where the operator allows that. */
  readonly ca: string | null;
  readonly login: { readonly cert: string; readonly key: string } | { readonly token: string };
}

/** Whether a Secret is the connection of a cluster. */
export function isConnection(secret: KubeObject): boolean {
  const labels = secret.metadata.labels ?? {};
  return labels[CREDENTIAL_TYPE_LABEL] !== undefined || labels[OLD_CREDENTIAL_LABEL] !== undefined;
}

/** The labels of a connection Secret that selectors see: all but cluster-gateway's own. */
export function labelsOfConnection(secret: KubeObject): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(secret.metadata.labels ?? {}).filter(([key]) => !key.startsWith(GATEWAY_PREFIX)));
}

/**
 * The connection that a Secret of cluster-gateway's form holds. Throws transport/connection, with the Secret's name and
 * never a value of it: for `Dynamic` (it runs a program), `ClusterProxy` and `proxy-url` (they need a tunnel), missing
 * or malformed data, no CA unless `allowNoCa`, and a client certificate that has run out or is not valid yet at `nowMs`.
 */
export function readConnection(secret: KubeObject, options: { readonly nowMs: number; readonly allowNoCa: boolean }): Connection {
  const name = secret.metadata.name ?? '';
  const refuse = (why: string): never => {
    throw new Fault('transport/connection', `cluster ${name}: Secret ${SYSTEM_NAMESPACE}/${name} ${why}`);
  };
  const labels = secret.metadata.labels ?? {};
  const data = dataOf(secret);
  const type = labels[CREDENTIAL_TYPE_LABEL] ?? (labels[OLD_CREDENTIAL_LABEL] === undefined ? '' : 'X509Certificate');
  if (name === LOCAL) refuse(`has a reserved name: ${LOCAL} is the hub itself`);
  if (type === 'Dynamic' || data('exec') !== '') refuse('asks for a program to log in with (Dynamic, exec), which is never run');
  if (labels[ENDPOINT_TYPE_LABEL] === 'ClusterProxy') refuse('asks for a connection through cluster-proxy (ClusterProxy), which is not supported');
  if (data('proxy-url') !== '') refuse('asks for a proxy (proxy-url), which is not supported');
  if (type !== 'X509Certificate' && type !== 'ServiceAccountToken')
    refuse(`has the credential type ${JSON.stringify(type)}; X509Certificate and ServiceAccountToken are supported`);
  const endpoint = data('endpoint').trim();
  const url = URL.parse(endpoint);
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '') refuse('has no https URL as endpoint');
  const ca = data('ca.crt') || data('ca');
  if (ca === '' && !options.allowNoCa) refuse('has no ca.crt, so nobody could tell whether the right server answers');
  if (ca !== '' && certificateOf(ca) === null) refuse('has a ca.crt that is no certificate');
  if (type === 'ServiceAccountToken') {
    const token = data('token').trim();
    if (token === '' || /\s/.test(token)) refuse('has no token');
    return { endpoint, ca: ca === '' ? null : ca, login: { token } };
  }
  const [cert, key] = [data('tls.crt'), data('tls.key')];
  if (cert === '' || key === '') refuse('lacks tls.crt or tls.key');
  const certificate = certificateOf(cert);
  if (certificate === null) return refuse('has a tls.crt that is no certificate');
  if (certificate.validToDate.getTime() <= options.nowMs) refuse(`has a client certificate that expired on ${timeText(certificate.validToDate.getTime())}`);
  if (certificate.validFromDate.getTime() > options.nowMs)
    refuse(`has a client certificate that is not valid before ${timeText(certificate.validFromDate.getTime())}`);
  if (!fits(certificate, key)) refuse('has a tls.key that does not belong to its tls.crt');
  return { endpoint, ca: ca === '' ? null : ca, login: { cert, key } };
}

/**
 * Teaches the redactor what of a connection Secret is secret: key, token, login program. Endpoint and certificates are
 * not: blanking them would take the address out of every message about the cluster.
 */
export function learnConnection(secret: KubeObject, redactor: Redactor): void {
  const data = dataOf(secret);
  for (const key of ['tls.key', 'token', 'exec']) redactor.learn(data(key));
}

/** What a client needs of a connection. The endpoint has been checked by {@link readConnection}. */
export function credentialsOfConnection(connection: Connection): Credentials {
  const { login } = connection;
  const url = new URL(connection.endpoint);
  const headers = 'token' in login ? { Authorization: `Bearer ${login.token}` } : {};
  return {
    origin: url.origin,
    prefix: url.pathname.replace(/\/+$/, ''),
    tls: {
      ...(connection.ca === null ? { rejectUnauthorized: false } : { ca: Buffer.from(connection.ca) }),
      ...('token' in login ? {} : { cert: Buffer.from(login.cert), key: Buffer.from(login.key) }),
    },
    headers: () => Promise.resolve(headers),
  };
}

/** An entry of a ManagedCluster's managedClusterClientConfigs. */
export function clientConfigOf(connection: Connection): { readonly url: string; readonly caBundle?: string } {
  return { url: connection.endpoint, ...(connection.ca === null ? {} : { caBundle: Buffer.from(connection.ca).toString('base64') }) };
}

/** The Secret that keeps a connection, in the form that `vela cluster join` of 1.2 and later gives it. */
export function connectionSecret(name: string, connection: Connection): KubeObject {
  const { login } = connection;
  const values = {
    endpoint: connection.endpoint,
    ...(connection.ca === null ? {} : { 'ca.crt': connection.ca }),
    ...('token' in login ? { token: login.token } : { 'tls.crt': login.cert, 'tls.key': login.key }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: SYSTEM_NAMESPACE, labels: { [CREDENTIAL_TYPE_LABEL]: 'token' in login ? 'ServiceAccountToken' : 'X509Certificate' } },
    type: 'Opaque',
    data: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  };
}

function dataOf(secret: KubeObject): (key: string) => string {
  const data = isRecord(secret['data']) ? secret['data'] : {};
  return (key) => {
    const value = data[key];
    return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';
  };
}

function fits(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function certificateOf(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}
