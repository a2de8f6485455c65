/** Reads kubeconfigs and answers with what a connection needs. Door: @kubernetes/client-node, loaded when first used. */
import type { KubeConfig } from '@kubernetes/client-node';
import { Fault } from '../model/fault.ts';
import type { TlsOptions } from './sockets.ts';

export interface Credentials {
  /** `https://host:port`. */
  readonly origin: string;
  /** Path in front of /api, without a slash at its end; "" for most servers. */
  readonly prefix: string;
  readonly tls: TlsOptions;
  /** Headers that authenticate a request. Tokens may expire: asked for before every request, cached inside. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
}

/** What applyToHTTPSOptions fills in. */
interface HttpsOptions {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  rejectUnauthorized?: boolean;
  servername?: string;
  auth?: string;
  headers?: Record<string, string>;
}

/**
 * Parses a kubeconfig and runs its authentication. `allowExec: false` refuses users that name a program or a legacy
 * auth provider with one: a kubeconfig out of a Secret must not run anything here.
 * Faults: config/invalid (never with a value of the file), transport/denied when the program fails.
 */
export async function readKubeconfig(text: string, options: { readonly allowExec: boolean; readonly context?: string }): Promise<Credentials> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    config.loadFromString(text);
    if (options.context !== undefined) config.setCurrentContext(options.context);
  } catch (error) {
    // The parser's own message quotes the file, and the file holds keys.
    throw new Fault('config/invalid', 'the kubeconfig cannot be read: it is not YAML, or its lists of clusters, users and contexts are not complete', {
      cause: error,
    });
  }
  return credentialsOf(config, options.allowExec);
}

/** The Pod's own service account; null outside a Pod, that is where `host` (KUBERNETES_SERVICE_HOST) is "". */
export async function inClusterCredentials(host: string): Promise<Credentials | null> {
  if (host === '') return null;
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromCluster();
  return credentialsOf(config, false);
}

/** Contexts are told by name, as kubectl does it: they are no secrets, and nobody knows them by heart. */
function noCluster(config: KubeConfig): string {
  const [current, names] = [config.getCurrentContext() ?? '', config.getContexts().map(({ name }) => name)];
  if (names.includes(current)) return `the context "${current}" of the kubeconfig names a cluster that is not in it`;
  const what = current === '' ? 'names no current context' : `has no context "${current}"`;
  return `the kubeconfig ${what}${names.length === 0 ? ' and has none at all' : `; it has ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', ...' : ''}: choose one with --context`}`;
}

async function credentialsOf(config: KubeConfig, allowExec: boolean): Promise<Credentials> {
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null) throw new Fault('config/invalid', noCluster(config));
  if ((cluster.proxyUrl ?? '') !== '') throw new Fault('config/invalid', 'the kubeconfig asks for a proxy (proxy-url), which is not supported');
  const provider = user?.authProvider as { readonly name?: string; readonly config?: Readonly<Record<string, unknown>> } | undefined;
  if (!allowExec && (user?.exec !== undefined || provider?.config?.['cmd-path'] !== undefined)) {
    throw new Fault('transport/denied', 'the kubeconfig names a program to log in with, which is not run for a kubeconfig that comes from a cluster');
  }
  const server = new URL(cluster.server);
  const https: HttpsOptions = {};
  try {
    await config.applyToHTTPSOptions(https);
  } catch (error) {
    throw new Fault('transport/denied', `logging in with the kubeconfig failed: ${error instanceof Error ? error.name : 'error'}`, { cause: error });
  }
  const impersonate = https.headers?.['Impersonate-User'];
  const basic = https.auth === undefined ? undefined : `Basic ${Buffer.from(https.auth).toString('base64')}`;
  const dynamic = user?.exec !== undefined || user?.authProvider !== undefined;
  // Private in the package's types, and the only place where its token providers can be asked.
  const authorizer = config as unknown as { applyAuthorizationHeader: (options: HttpsOptions) => Promise<void> };
  const fixed: Record<string, string> = { ...https.headers, ...(basic === undefined ? {} : { Authorization: basic }) };
  return {
    origin: server.origin,
    prefix: server.pathname.replace(/\/+$/, ''),
    tls: {
      ...(https.ca === undefined ? {} : { ca: https.ca }),
      ...(https.cert === undefined ? {} : { cert: https.cert }),
      ...(https.key === undefined ? {} : { key: https.key }),
      ...(https.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: https.rejectUnauthorized }),
      ...(https.servername === undefined ? {} : { servername: https.servername }),
    },
    async headers() {
      if (!dynamic) return fixed;
      const fresh: HttpsOptions = {};
      await authorizer.applyAuthorizationHeader(fresh);
      return { ...(impersonate === undefined ? {} : { 'Impersonate-User': impersonate }), ...fresh.headers };
    },
  };
}
