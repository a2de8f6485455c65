// A small Kubernetes client for tests and the demo. It is independent of the daemon's own on purpose:
// what looks at the daemon's work must not share its mistakes.
import { Agent, request as httpsRequest } from 'node:https';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { loadAll } from 'js-yaml';
import { createPaths, type ResolvedPath, UnknownKindError } from './discovery.ts';
import { type Connection, readKubeconfig } from './kubeconfig.ts';
import { printTable, type Table } from './table.ts';

/** Any Kubernetes object, loosely typed: tests reach into it freely. */
export type KubeObject = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; uid?: string; resourceVersion?: string; [field: string]: any };
  spec?: any;
  status?: any;
  data?: any;
  [field: string]: any;
};

/** An object to be sent; nothing but its identity is required. */
export type KubeInput = { apiVersion: string; kind: string; metadata: { name?: string; namespace?: string; [field: string]: any }; [field: string]: any };

export type RequestOptions = {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
};

export type Reply = { readonly status: number; readonly headers: IncomingMessage['headers']; readonly text: string };

export type WatchEvent = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'; readonly object: KubeObject };

/** What the API server refused, with its status code, reason ("NotFound", "Conflict") and message. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export type LabClient = Awaited<ReturnType<typeof openClient>>;

/**
 * Opens a client on the current context of a kubeconfig file.
 *
 * Every `ref` is either an absolute path ("/apis/apps/v1/namespaces/default/deployments/web") or what one
 * would tell kubectl: "deployments/default/web", "deploy/default" (all in a namespace), "deploy" (all),
 * "namespaces/default", "applications.core.oam.dev/default/shop"; plural, singular, kind and short names do.
 */
export async function openClient(kubeconfig: string) {
  return clientOn(await readKubeconfig(kubeconfig));
}

/** As `openClient`, from connection details that are known already. */
export function clientOn(connection: Connection) {
  const agent = new Agent({ keepAlive: true, maxSockets: 32, ...connection.tls });

  async function send(method: string, path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    const url = new URL(connection.server + path);
    for (const [key, value] of Object.entries(options.query ?? {})) if (value !== undefined) url.searchParams.set(key, value);
    const body = options.body === undefined ? undefined : typeof options.body === 'string' ? options.body : JSON.stringify(options.body);
    const authorization = await connection.authorization?.();
    const isTls = url.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const outgoing = (isTls ? httpsRequest : httpRequest)(url, {
        method,
        ...(isTls && { agent }),
        ...(options.signal !== undefined && { signal: options.signal }),
        headers: {
          accept: options.accept ?? 'application/json',
          ...(body !== undefined && { 'content-type': options.contentType ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
          ...(authorization !== undefined && { authorization }),
        },
      });
      outgoing.once('response', resolve).end(body);
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        // A kept connection that the server closed in the meantime: no failure of this request.
        if (method === 'GET' && outgoing.reusedSocket && error.code === 'ECONNRESET') resolve(send(method, path, options));
        else reject(error);
      });
    });
  }

  /** One request as it is: no error is thrown for a status code. */
  async function raw(method: string, path: string, options: RequestOptions = {}): Promise<Reply> {
    const incoming = await send(method, path, options);
    const text = Buffer.concat(await incoming.toArray()).toString('utf8');
    return { status: incoming.statusCode ?? 0, headers: incoming.headers, text };
  }

  async function json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const reply = await raw(method, path, options);
    if (reply.status >= 400) throw errorOf(reply);
    return JSON.parse(reply.text) as T;
  }

  const paths = createPaths((path, accept) => json(`GET`, path, { accept }));
  const pathOf = async (ref: string | KubeInput): Promise<string> => (typeof ref === 'string' ? (await paths.resolve(ref)).path : paths.pathOf(ref));

  /** Reads one object; ApiError 404 where there is none. */
  async function get(ref: string | KubeInput): Promise<KubeObject> {
    return json('GET', await pathOf(ref));
  }

  /** Reads one object, or undefined where it (or its kind) does not exist. */
  async function find(ref: string | KubeInput): Promise<KubeObject | undefined> {
    return get(ref).catch((error: unknown) => {
      if (error instanceof UnknownKindError || (error instanceof ApiError && error.status === 404)) return undefined;
      throw error;
    });
  }

  /** Reads the objects of a collection; each gets its apiVersion and kind, which lists leave out. */
  async function list(ref: string, labelSelector?: string): Promise<KubeObject[]> {
    const found = await json<{ apiVersion: string; kind: string; items: KubeObject[] }>('GET', await pathOf(ref), { query: { labelSelector } });
    return found.items.map((item) => ({ ...item, apiVersion: found.apiVersion, kind: found.kind.replace(/List$/, '') }));
  }

  /** Server-side apply; forced, so that a test always gets its way. */
  async function apply(object: KubeInput, fieldManager = 'lab', force = true): Promise<KubeObject> {
    return json('PATCH', await pathOf(object), { body: object, contentType: 'application/apply-patch+yaml', query: { fieldManager, force: String(force) } });
  }

  /** Applies every document of a YAML text, in order. */
  async function applyYaml(text: string): Promise<KubeObject[]> {
    const applied: KubeObject[] = [];
    for (const document of loadAll(text)) if (document) applied.push(await apply(document as KubeInput));
    return applied;
  }

  /** Creates an object; ApiError 409 where it exists. */
  async function create(object: KubeInput): Promise<KubeObject> {
    return json('POST', await paths.collectionOf(object), { body: object });
  }

  /** Replaces an object (or, with `subresource`, a part of it such as "status"). */
  async function replace(object: KubeInput, subresource?: string): Promise<KubeObject> {
    return json('PUT', (await pathOf(object)) + (subresource === undefined ? '' : `/${subresource}`), { body: object });
  }

  /** Patches with a JSON merge patch; an array is sent as a JSON patch. */
  async function patch(ref: string | KubeInput, body: unknown, subresource?: string): Promise<KubeObject> {
    const contentType = Array.isArray(body) ? 'application/json-patch+json' : 'application/merge-patch+json';
    return json('PATCH', (await pathOf(ref)) + (subresource === undefined ? '' : `/${subresource}`), { body, contentType });
  }

  /** Deletes an object (in the background, as kubectl does); true where there was one. */
  async function remove(ref: string | KubeInput): Promise<boolean> {
    const reply = await raw('DELETE', await pathOf(ref), { query: { propagationPolicy: 'Background' } });
    if (reply.status === 404) return false;
    if (reply.status >= 400) throw errorOf(reply);
    return true;
  }

  /** Reads an object or a collection in the API server's own Table form. */
  async function table(ref: string, labelSelector?: string): Promise<Table> {
    return json('GET', await pathOf(ref), { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io', query: { labelSelector } });
  }

  /** What `kubectl get` would print: the table, with a NAMESPACE column where all namespaces are shown. */
  async function show(ref: string, labelSelector?: string): Promise<string> {
    const resolved: ResolvedPath = await paths.resolve(ref);
    const found = await table(ref, labelSelector);
    if (found.rows.length > 0) return printTable(found, { withNamespace: resolved.isAllNamespaces });
    return resolved.namespace === undefined ? 'No resources found' : `No resources found in ${resolved.namespace} namespace.`;
  }

  /** Follows a collection until `signal` fires or the server ends the watch. Without `resourceVersion` what exists comes first, as ADDED. */
  async function* watch(ref: string, signal: AbortSignal, resourceVersion?: string): AsyncGenerator<WatchEvent> {
    const incoming = await send('GET', await pathOf(ref), { signal, query: { watch: 'true', allowWatchBookmarks: 'true', resourceVersion } });
    if ((incoming.statusCode ?? 0) >= 400) throw errorOf({ status: incoming.statusCode ?? 0, text: Buffer.concat(await incoming.toArray()).toString('utf8') });
    try {
      let rest = '';
      for await (const chunk of incoming.setEncoding('utf8')) {
        const lines = (rest + (chunk as string)).split('\n');
        rest = lines.pop()!;
        for (const line of lines) yield JSON.parse(line) as WatchEvent;
      }
    } finally {
      incoming.on('error', () => {}).destroy(); // the reader is gone: a connection that breaks now is nobody's error
    }
  }

  /**
   * Waits until `accept` says yes to an object (undefined while there is none) and gives it. An API server
   * that does not answer is waited for as well. At the end of the time: an Error that shows what was last seen.
   */
  async function until(ref: string | KubeInput, accept: (object: KubeObject | undefined) => boolean, options: WaitOptions = {}): Promise<KubeObject> {
    let last: unknown;
    const look = async () => {
      const object = await find(ref);
      last = object;
      return accept(object) ? (object ?? NOTHING) : undefined;
    };
    const what = options.what ?? (typeof ref === 'string' ? ref : `${ref.kind} ${ref.metadata.name}`);
    return (await poll(look, options.timeoutMs ?? 30_000, () => `${what}: not as awaited; last seen: ${JSON.stringify(last)?.slice(0, 2000)}`)) as KubeObject;
  }

  /** Waits until an object is gone. */
  async function gone(ref: string | KubeInput, options: WaitOptions = {}): Promise<void> {
    await until(ref, (object) => object === undefined, options);
  }

  /** Makes a namespace of its own for one test, "prefix-xxxxx", and gives its name. */
  async function scratchNamespace(prefix = 'test'): Promise<string> {
    const made = await create({ apiVersion: 'v1', kind: 'Namespace', metadata: { generateName: `${prefix}-` } });
    return made.metadata.name;
  }

  const close = () => agent.destroy();
  return {
    server: connection.server,
    raw,
    get,
    find,
    list,
    apply,
    applyYaml,
    create,
    replace,
    patch,
    delete: remove,
    table,
    show,
    watch,
    until,
    gone,
    scratchNamespace,
    pathOf,
    close,
    [Symbol.dispose]: close,
  };
}

export type WaitOptions = { readonly timeoutMs?: number; readonly what?: string };

const NOTHING = Object.freeze({});
const POLL_MS = 100;

/** Asks again and again until there is an answer; what `look` throws counts as "not yet" until the time is up. */
async function poll<T>(look: () => Promise<T | undefined>, timeoutMs: number, describe: () => string): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    let failure: unknown;
    const found = await look().catch((error: unknown) => {
      failure = error;
      return undefined;
    });
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`${describe()} (after ${timeoutMs / 1000} s)`, { cause: failure });
    await sleep(POLL_MS);
  }
}

function errorOf(reply: { readonly status: number; readonly text: string }): ApiError {
  try {
    const status = JSON.parse(reply.text) as { reason?: string; message?: string };
    return new ApiError(reply.status, status.reason ?? '', status.message ?? reply.text);
  } catch {
    return new ApiError(reply.status, '', reply.text.trim() || `HTTP ${reply.status}`);
  }
}

/** True where a condition of that type has the wanted status; for use with `until`. */
export function hasCondition(object: KubeObject | undefined, type: string, status = 'True'): boolean {
  return (
    object?.status?.conditions?.some((condition: { type: string; status: string }) => isDeepStrictEqual([condition.type, condition.status], [type, status])) ??
    false
  );
}
