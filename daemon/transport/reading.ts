/** Reading many objects: lists in pages, and watches. */
import { isRecord, parseJson } from '../lib/json.ts';
import type { KubeObject } from '../model/object.ts';
import { pathTo } from './discovery.ts';
import type { Resource } from './discovery.ts';
import { faultOfAnswer } from './faults.ts';
import type { KubeClient } from './kube.ts';
import type { Credentials } from './kubeconfig.ts';
import type { Sockets } from './sockets.ts';

export interface ListQuery {
  readonly apiVersion: string;
  readonly kind: string;
  /** "" is all namespaces. */
  readonly namespace: string;
  readonly labels?: string;
  readonly fields?: string;
  /** Only apiVersion, kind and metadata of each object. */
  readonly metadataOnly?: boolean;
  /** Objects per page. */
  readonly limit?: number;
  /** Stop after the first page. */
  readonly firstPageOnly?: boolean;
}

export interface ObjectList {
  readonly items: readonly KubeObject[];
  /** Where a watch goes on from. */
  readonly resourceVersion: string;
  /** False when there would have been more pages. */
  readonly isComplete: boolean;
}

export interface WatchQuery {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly labels?: string;
  readonly resourceVersion: string;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: KubeObject;
}

const METADATA_ONLY = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/** Every page of a list. A token that ran out (410) in the middle starts the list again, once. */
export async function pages(query: ListQuery, raw: KubeClient['raw'], resource: KubeClient['resource'], signal: AbortSignal): Promise<ObjectList> {
  const scope = await resource(query.apiVersion, query.kind, signal);
  const subject = { what: `${query.kind} list${query.namespace === '' ? '' : ` in ${query.namespace}`}`, verb: 'list', secret: query.kind === 'Secret' };
  for (let attempt = 1; ; attempt++) {
    const items: KubeObject[] = [];
    let token = '';
    let resourceVersion = '';
    try {
      do {
        const parameters = new URLSearchParams({
          limit: String(query.limit ?? 500),
          ...(token === '' ? {} : { continue: token }),
          ...(query.labels === undefined || query.labels === '' ? {} : { labelSelector: query.labels }),
          ...(query.fields === undefined ? {} : { fieldSelector: query.fields }),
        });
        const answer = await raw(
          {
            method: 'GET',
            path: `${pathTo(scope, query.namespace)}?${parameters.toString()}`,
            ...(query.metadataOnly === true ? { accept: METADATA_ONLY } : {}),
            subject,
            repeatable: true,
          },
          signal,
        );
        const page = parseJson(answer.text) as unknown as {
          readonly metadata?: { readonly continue?: string; readonly resourceVersion?: string };
          readonly items?: readonly KubeObject[] | null;
        };
        // Items of a list come without apiVersion and kind, and those of a metadata-only list with the wrong ones.
        for (const item of page.items ?? []) items.push({ ...item, apiVersion: query.apiVersion, kind: query.kind });
        token = page.metadata?.continue ?? '';
        resourceVersion = page.metadata?.resourceVersion ?? '';
      } while (token !== '' && query.firstPageOnly !== true);
      return { items, resourceVersion, isComplete: token === '' };
    } catch (error) {
      if (attempt > 1 || (error as { statusCode?: number }).statusCode !== 410) throw error;
    }
  }
}

/** One watch request, event by event, until the server ends it. Faults: transport/gone for 410, and the usual ones. */
export async function* watchEvents(
  sockets: Sockets,
  credentials: Credentials,
  scope: Resource,
  query: WatchQuery,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent> {
  const subject = { what: `${query.kind} watch`, verb: 'watch', secret: query.kind === 'Secret' };
  const parameters = new URLSearchParams({
    watch: 'true',
    allowWatchBookmarks: 'true',
    timeoutSeconds: '290',
    resourceVersion: query.resourceVersion,
    ...(query.labels === undefined || query.labels === '' ? {} : { labelSelector: query.labels }),
  });
  const headers = { accept: 'application/json', 'user-agent': 'lateen', ...(await credentials.headers()) };
  const stream = await sockets.stream(
    { method: 'GET', path: `${credentials.prefix}${pathTo(scope, query.namespace)}?${parameters.toString()}`, headers, body: null },
    signal,
  );
  for await (const line of stream.lines) {
    if (stream.statusCode !== 200) throw faultOfAnswer(stream.statusCode, line, stream.headers['retry-after']?.[0], subject);
    const event: unknown = parseJson(line);
    if (!isRecord(event)) continue;
    if (event['type'] === 'ERROR') {
      const status = event['object'];
      throw faultOfAnswer(isRecord(status) && typeof status['code'] === 'number' ? status['code'] : 500, JSON.stringify(status), undefined, subject);
    }
    yield event as unknown as WatchEvent;
  }
  if (stream.statusCode !== 200) throw faultOfAnswer(stream.statusCode, '', undefined, subject);
}
