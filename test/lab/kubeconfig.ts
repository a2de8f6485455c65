// Kubeconfig files: the ones the lab writes, and reading any (the demo also speaks to a person's own cluster).
import type { KubeConfig } from '@kubernetes/client-node';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { load } from 'js-yaml';
import type { KeyPair } from './pki.ts';

/** How to reach an API server: where, with what TLS, and with which Authorization header, if any. */
export type Connection = {
  readonly server: string;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly rejectUnauthorized?: boolean; readonly servername?: string };
  /** Asked before every request, since tokens expire. */
  readonly authorization?: () => Promise<string | undefined>;
};

/** Writes a kubeconfig with one context, named after the control plane, and everything embedded. */
export function kubeconfigText(name: string, server: string, authorityPem: string, client: KeyPair): string {
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  return `apiVersion: v1
kind: Config
current-context: ${name}
clusters:
- name: ${name}
  cluster:
    server: ${server}
    certificate-authority-data: ${base64(authorityPem)}
contexts:
- name: ${name}
  context:
    cluster: ${name}
    user: ${name}
users:
- name: ${name}
  user:
    client-certificate-data: ${base64(client.certPem)}
    client-key-data: ${base64(client.keyPem)}
`;
}

/**
 * Reads the current context of a kubeconfig file. Certificates and tokens are read here; files that
 * need a login program (`exec`, `auth-provider`) are handed to @kubernetes/client-node.
 * @throws Error where the file has no usable current context
 */
export async function readKubeconfig(file: string): Promise<Connection> {
  const config = (load(await readFile(file, 'utf8')) ?? {}) as KubeconfigFile;
  const context = config.contexts?.find((entry) => entry.name === config['current-context'])?.context;
  const cluster = config.clusters?.find((entry) => entry.name === context?.cluster)?.cluster;
  const user = config.users?.find((entry) => entry.name === context?.user)?.user ?? {};
  if (cluster?.server === undefined) throw new Error(`${file} has no current context with a cluster and its server`);
  const read = async (data: string | undefined, path: string | undefined) => {
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
    return path === undefined ? undefined : readFile(resolve(dirname(file), path), 'utf8');
  };
  const [ca, cert, key] = await Promise.all([
    read(cluster['certificate-authority-data'], cluster['certificate-authority']),
    read(user['client-certificate-data'], user['client-certificate']),
    read(user['client-key-data'], user['client-key']),
  ]);
  return {
    server: cluster.server.replace(/\/$/, ''),
    tls: {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(cluster['insecure-skip-tls-verify'] === true && { rejectUnauthorized: false }),
      ...(cluster['tls-server-name'] !== undefined && { servername: cluster['tls-server-name'] }),
    },
    ...authorizationOf(user, file),
  };
}

function authorizationOf(user: User, file: string): Pick<Connection, 'authorization'> {
  if (user.token !== undefined) return { authorization: async () => `Bearer ${user.token}` };
  const { tokenFile } = user;
  if (tokenFile !== undefined) return { authorization: async () => `Bearer ${(await readFile(resolve(dirname(file), tokenFile), 'utf8')).trim()}` };
  if (user.exec !== undefined || user['auth-provider'] !== undefined) return { authorization: loginProgram(file) };
  return {};
}

/** Imported only where needed: client-node costs 0.6 s and 85 MB. */
function loginProgram(file: string): () => Promise<string | undefined> {
  let config: KubeConfig | undefined;
  return async () => {
    if (config === undefined) {
      const { KubeConfig } = await import('@kubernetes/client-node');
      config = new KubeConfig();
      config.loadFromFile(file);
    }
    const options: { headers?: Record<string, string> } = {};
    await config.applyToHTTPSOptions(options);
    return options.headers?.['Authorization'];
  };
}

type Cluster = {
  readonly server?: string;
  readonly 'certificate-authority'?: string;
  readonly 'certificate-authority-data'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
  readonly 'tls-server-name'?: string;
};

type User = {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly exec?: unknown;
  readonly 'auth-provider'?: unknown;
  readonly 'client-certificate'?: string;
  readonly 'client-certificate-data'?: string;
  readonly 'client-key'?: string;
  readonly 'client-key-data'?: string;
};

type KubeconfigFile = {
  readonly 'current-context'?: string;
  readonly clusters?: readonly { readonly name: string; readonly cluster: Cluster }[];
  readonly contexts?: readonly { readonly name: string; readonly context: { readonly cluster: string; readonly user: string } }[];
  readonly users?: readonly { readonly name: string; readonly user: User }[];
};
