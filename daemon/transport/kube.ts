/**
 * A client of one cluster: raw JSON over kept-open connections, with bounded retries and requests in flight (I7).
 *
 * @kubernetes/client-node reads the kubeconfig and logs in (kubeconfig.ts); its object API is not used: it drops fields
 * that it does not know, lower-cases names in paths and opens a connection per request.
 */
import { isRecord, parseJson } from '../lib/json.ts';
import { DEFAULT_NAMESPACE } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { Clock } from '../model/ports.ts';
import { openDiscovery, pathTo } from './discovery.ts';
import type { Resource } from './discovery.ts';
import { ApiFault, isUnknownPath } from './faults.ts';
import type { Subject } from './faults.ts';
import { inClusterCredentials, readKubeconfig } from './kubeconfig.ts';
import type { Credentials } from './kubeconfig.ts';
import { pages, watchEvents } from './reading.ts';
import type { ListQuery, ObjectList, WatchEvent, WatchQuery } from './reading.ts';
import { sender } from './sending.ts';
import type { RawRequest, Send } from './sending.ts';
import { openSockets } from './sockets.ts';
import type { Incoming } from './sockets.ts';

/** One object to be asked for. `namespace` "" means `default` for a namespaced kind. */
export interface Target {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** A server's answer to a write. */
export interface Written {
  readonly object: KubeObject;
  /** The API server's `Warning` headers, e.g. unknown fields and deprecated versions. */
  readonly warnings: readonly string[];
}

export interface WriteOptions {
  readonly fieldManager: string;
  /** Only for apply. */
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

export type PatchType = 'merge' | 'strategic' | 'json';

export interface KubeClient extends AsyncDisposable {
  /** `https://host:port` without credentials, for messages. */
  readonly server: string;
  /** Faults: transport/* and loop/cancelled. */
  readonly raw: Send;
  /** Null when the cluster does not serve the kind. */
  readonly findResource: (apiVersion: string, kind: string, signal: AbortSignal) => Promise<Resource | null>;
  /** The kind that a word such as `deployment` or `deployments` stands for; `group` "" for any. Null when there is none. */
  readonly findNamed: (group: string, word: string, signal: AbortSignal) => Promise<Resource | null>;
  /** Faults: transport/no-kind. */
  readonly resource: (apiVersion: string, kind: string, signal: AbortSignal) => Promise<Resource>;
  /** Kinds that a CRD just applied will bring: whoever asks for them first waits up to 10 s until they are served. */
  readonly expectKind: (apiVersion: string, kind: string) => void;
  /** Null when it is not there. */
  readonly get: (target: Target, signal: AbortSignal) => Promise<KubeObject | null>;
  /** All pages. */
  readonly list: (query: ListQuery, signal: AbortSignal) => Promise<ObjectList>;
  /** Server-side apply. */
  readonly apply: (object: KubeObject, options: WriteOptions, signal: AbortSignal) => Promise<Written>;
  readonly create: (object: KubeObject, options: WriteOptions, signal: AbortSignal) => Promise<Written>;
  /** PUT; the object has to hold the live resourceVersion. */
  readonly replace: (object: KubeObject, options: WriteOptions, signal: AbortSignal) => Promise<Written>;
  readonly patch: (
    target: Target,
    type: PatchType,
    body: unknown,
    options: WriteOptions & { readonly subresource?: string },
    signal: AbortSignal,
  ) => Promise<Written>;
  /** The object as the server left it: null when it is gone, with a deletionTimestamp while finalizers hold it. */
  readonly delete: (
    target: Target,
    options: { readonly uid?: string; readonly propagation?: 'Background' | 'Foreground' | 'Orphan' },
    signal: AbortSignal,
  ) => Promise<KubeObject | null>;
  /** Events until the server ends the watch; a 410 is a fault transport/gone. */
  readonly watch: (query: WatchQuery, signal: AbortSignal) => AsyncGenerator<WatchEvent>;
}

export interface ConnectOptions {
  readonly clock: Clock;
  /** False for a kubeconfig that comes from a Secret. */
  readonly allowExec: boolean;
  /** Requests in flight; more wait. */
  readonly inFlight?: number;
  readonly connectTimeoutMs?: number;
  readonly answerTimeoutMs?: number;
  readonly context?: string;
}

/** Opens a client. Connections come with the first request. Faults: config/invalid, transport/denied. */
export async function connect(kubeconfig: string, options: ConnectOptions): Promise<KubeClient> {
  return openClient(await readKubeconfig(kubeconfig, options), options);
}

/** A client with the Pod's own service account; null outside a Pod, where `host` (KUBERNETES_SERVICE_HOST) is "". */
export async function connectInCluster(host: string, options: Omit<ConnectOptions, 'allowExec' | 'context'>): Promise<KubeClient | null> {
  const credentials = await inClusterCredentials(host);
  return credentials === null ? null : openClient(credentials, options);
}

/** A client from credentials that are there already (the Pod's own). */
export function openClient(credentials: Credentials, options: Omit<ConnectOptions, 'allowExec' | 'context'>): KubeClient {
  const inFlight = options.inFlight ?? 32;
  const sockets = openSockets(credentials.origin, credentials.tls, {
    connections: Math.min(inFlight, 16),
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    answerTimeoutMs: options.answerTimeoutMs ?? 30_000,
    silenceTimeoutMs: 90_000,
  });
  const raw = sender(sockets, credentials, options.clock, inFlight);
  const expected = new Set<string>();
  const discovery = openDiscovery(async (path, accept, signal) => {
    try {
      return (await raw({ method: 'GET', path, accept, subject: { what: 'discovery', verb: 'get', secret: false }, repeatable: true }, signal)).text;
    } catch (error) {
      if (error instanceof ApiFault && error.statusCode === 404) return null;
      throw error;
    }
  });

  async function findResource(apiVersion: string, kind: string, signal: AbortSignal): Promise<Resource | null> {
    let found = await discovery.find(apiVersion, kind, signal);
    for (let waitedMs = 0; found === null && expected.has(`${apiVersion}/${kind}`) && waitedMs < 10_000; waitedMs += 100) {
      await options.clock.sleep(100, signal);
      found = await discovery.find(apiVersion, kind, signal);
    }
    expected.delete(`${apiVersion}/${kind}`);
    return found;
  }

  async function resource(apiVersion: string, kind: string, signal: AbortSignal): Promise<Resource> {
    const found = await findResource(apiVersion, kind, signal);
    if (found === null) throw new Fault('transport/no-kind', `the cluster knows no ${kind} in ${apiVersion}`);
    return found;
  }

  /** Sends a request about one object; when its path turns out to be unknown the kind is looked up once more. */
  async function about(
    target: Target,
    verb: string,
    signal: AbortSignal,
    request: (path: (subresource?: string) => string, subject: Subject, scope: Resource) => Omit<RawRequest, 'subject'>,
  ): Promise<Incoming> {
    for (let attempt = 1; ; attempt++) {
      const scope = await resource(target.apiVersion, target.kind, signal);
      const namespace = scope.namespaced ? target.namespace || DEFAULT_NAMESPACE : '';
      const subject = {
        what: `${target.kind} ${namespace === '' ? '' : `${namespace}/`}${target.name}`,
        verb,
        secret: target.kind === 'Secret' && target.apiVersion === 'v1',
      };
      try {
        return await raw({ ...request((subresource) => pathTo(scope, namespace, target.name, subresource), subject, scope), subject }, signal);
      } catch (error) {
        if (!isUnknownPath(error) || attempt > 1) throw error;
        discovery.forget(target.apiVersion, target.kind);
      }
    }
  }

  const collection = (path: string): string => path.slice(0, path.lastIndexOf('/'));
  const written = (answer: Incoming): Written => ({ object: parseJson(answer.text) as unknown as KubeObject, warnings: warningsOf(answer) });

  const client: KubeClient = {
    server: credentials.origin,
    raw,
    findResource,
    findNamed: discovery.findNamed,
    resource,
    expectKind: (apiVersion, kind) => void expected.add(`${apiVersion}/${kind}`),
    async get(target, signal) {
      try {
        return written(await about(target, 'get', signal, (path) => ({ method: 'GET', path: path(), repeatable: true }))).object;
      } catch (error) {
        if (error instanceof ApiFault && error.code === 'transport/gone' && error.statusCode === 404) return null;
        throw error;
      }
    },
    list: (query, signal) => pages(query, raw, resource, signal),
    async apply(object, write, signal) {
      return written(
        await about(targetOf(object), 'apply', signal, (path) => ({
          method: 'PATCH',
          path: `${path()}?${writeQuery(write, true)}`,
          body: object,
          contentType: 'application/apply-patch+yaml',
          repeatable: true,
        })),
      );
    },
    async create(object, write, signal) {
      return written(
        await about(targetOf(object), 'create', signal, (path) => ({
          method: 'POST',
          path: `${collection(path())}?${writeQuery(write, false)}`,
          body: object,
          repeatable: false,
        })),
      );
    },
    async replace(object, write, signal) {
      return written(
        await about(targetOf(object), 'replace', signal, (path) => ({
          method: 'PUT',
          path: `${path()}?${writeQuery(write, false)}`,
          body: object,
          repeatable: true,
        })),
      );
    },
    async patch(target, type, body, write, signal) {
      return written(
        await about(target, 'patch', signal, (path) => ({
          method: 'PATCH',
          path: `${path(write.subresource)}?${writeQuery(write, false)}`,
          body,
          contentType: PATCH_TYPES[type],
          repeatable: type !== 'json',
        })),
      );
    },
    async delete(target, how, signal) {
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(how.uid === undefined ? {} : { preconditions: { uid: how.uid } }),
        ...(how.propagation === undefined ? {} : { propagationPolicy: how.propagation }),
      };
      try {
        const answer: unknown = parseJson((await about(target, 'delete', signal, (path) => ({ method: 'DELETE', path: path(), body, repeatable: true }))).text);
        if (!isRecord(answer) || answer['kind'] === 'Status') return null;
        // Some kinds answer with the object that is gone already, others with one that finalizers or a grace period hold.
        const left = await client.get(target, signal);
        return left === null || left.metadata.uid !== (answer as unknown as KubeObject).metadata.uid ? null : left;
      } catch (error) {
        if (error instanceof ApiFault && error.code === 'transport/gone' && error.statusCode === 404) return null;
        throw error;
      }
    },
    async *watch(query, signal) {
      const scope = await resource(query.apiVersion, query.kind, signal);
      yield* watchEvents(sockets, credentials, scope, query, signal);
    },
    [Symbol.asyncDispose]: () => sockets[Symbol.asyncDispose](),
  };
  return client;
}

/** The target that an object names itself. */
export function targetOf(object: KubeObject): Target {
  return { apiVersion: object.apiVersion, kind: object.kind, namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' };
}

const PATCH_TYPES: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
};

function writeQuery(options: WriteOptions, apply: boolean): string {
  // Warn, not Strict: KubeVela accepts fields that a kind does not declare, and so must we; the user is told.
  return new URLSearchParams({
    fieldManager: options.fieldManager,
    fieldValidation: 'Warn',
    ...(apply && options.force === true ? { force: 'true' } : {}),
    ...(options.dryRun === true ? { dryRun: 'All' } : {}),
  }).toString();
}

/** Texts of `Warning: 299 - "text"` headers. */
function warningsOf(answer: Incoming): string[] {
  return (answer.headers['warning'] ?? []).flatMap((header) =>
    [...header.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map((match) => (match[1] ?? '').replaceAll(/\\(.)/g, '$1')),
  );
}
