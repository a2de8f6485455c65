// What both APIs of the cloud have in common: how an action is described and run, ids, tags, pages.
import { randomBytes } from 'node:crypto';
import type { Backing } from './cloud-backing.ts';
import { CloudError, invalidParameter } from './cloud-error.ts';
import type { FaultQueue } from './cloud-faults.ts';
import type { Params, RequestModel } from './cloud-models.ts';
import type { Cluster, Store, Tags } from './cloud-state.ts';

/** What an action works on. */
export type World = {
  readonly store: Store;
  readonly faults: FaultQueue;
  readonly backing: Backing;
  readonly now: () => number;
  readonly createMs: number;
  readonly deleteMs: number;
  readonly networkMs: number;
  readonly clusterQuota: number;
  readonly vpcQuota: number;
  /** Clusters in a VPC or on a vSwitch, also those that failed or are being deleted. */
  readonly clustersUsing: (what: { readonly vpcId?: string; readonly vswitchId?: string }) => readonly Cluster[];
};

/** A success: the body without its request id, and what it was about, for the log of calls. */
export type Answer = { readonly body: Readonly<Record<string, unknown>>; readonly subject?: string; readonly status?: number };

export type Action = {
  /** For the ROA style: "GET /clusters/{id}". */
  readonly route?: string;
  /** Loaded when first asked for; absent where the action has no parameters beside its path's. */
  readonly model?: () => RequestModel;
  /** The body is a bare list, which the model has under this name. */
  readonly bareBody?: string;
  readonly run: (world: World, params: Params, path: readonly string[]) => Answer | Promise<Answer>;
};

export type Api = { readonly version: string; readonly actions: Readonly<Record<string, Action>> };

/** A new id: lower-case letters and digits after the prefix. */
export function newId(prefix: string, length = 22): string {
  return (
    prefix +
    BigInt(`0x${randomBytes(length).toString('hex')}`)
      .toString(36)
      .slice(0, length)
  );
}

const TAGS_AT_MOST = 20;

/**
 * Reads tags as requests have them, [{Key, Value}] or [{key, value}].
 * @param use a filter may leave the value out, which then reads `undefined`, and asks for the key only
 */
export function requestTags(list: unknown, use: 'set' | 'filter' = 'set'): Tags {
  const pairs = ((list as readonly Readonly<Record<string, string>>[] | undefined) ?? []).map(
    (tag) => [tag['Key'] ?? tag['key'], tag['Value'] ?? tag['value']] as const,
  );
  if (pairs.some(([key]) => key === undefined || key === '')) throw new CloudError(400, 'InvalidTagKey', 'The specified Tag.n.Key is not valid.');
  if (use === 'filter') return Object.fromEntries(pairs) as Tags;
  if (new Set(pairs.map(([key]) => key)).size < pairs.length) throw new CloudError(400, 'Duplicate.TagKey', 'The specified Tag.n.Key is duplicated.');
  return checkTags(Object.fromEntries(pairs.map(([key, value]) => [key!, value ?? ''])));
}

/** Checks the tags that a resource would have. */
export function checkTags(tags: Tags): Tags {
  const entries = Object.entries(tags);
  if (entries.length > TAGS_AT_MOST) throw new CloudError(400, 'NumberExceed.Tags', 'The maximum number of Tags is exceeded.');
  for (const [key, value] of entries) {
    if (key.length > 128 || /^(aliyun|acs:)/i.test(key) || /https?:\/\//.test(key))
      throw new CloudError(400, 'InvalidTagKey', 'The specified Tag.n.Key is not valid.');
    if (value.length > 128 || /https?:\/\//.test(value)) throw new CloudError(400, 'InvalidTagValue', 'The specified Tag.n.Value is not valid.');
  }
  return tags;
}

/** True where a resource has every tag of the filter. */
export function isTagged(tags: Tags, filter: Readonly<Record<string, string | undefined>>): boolean {
  return Object.entries(filter).every(([key, value]) => (value === undefined ? Object.hasOwn(tags, key) : tags[key] === value));
}

/** One page of a list, numbered from 1; 10 items unless told, 50 at most (VPC) or `atMost`. */
export function page<Item>(
  items: readonly Item[],
  number: unknown,
  size: unknown,
  atMost = 50,
): { readonly items: readonly Item[]; readonly pageNumber: number; readonly pageSize: number } {
  const pageNumber = (number as number | undefined) ?? 1;
  const pageSize = (size as number | undefined) ?? 10;
  if (!Number.isInteger(pageNumber) || pageNumber < 1) throw invalidParameter('PageNumber', 'a whole number from 1 is expected');
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > atMost) throw invalidParameter('PageSize', `a whole number from 1 to ${atMost} is expected`);
  return { items: items.slice((pageNumber - 1) * pageSize, pageNumber * pageSize), pageNumber, pageSize };
}
