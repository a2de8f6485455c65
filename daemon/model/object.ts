/** Kubernetes objects and their identity, as every stage speaks of them. */

/** Any value that JSON can hold; integers beyond 2^53 are bigint (see lib/json.ts). */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [field: string]: Json;
}

/** One Kubernetes object as plain JSON. Only the fields that Lateen reads are named. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

export interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly [field: string]: unknown;
}

/** The hub itself, as KubeVela names it among clusters. */
export const LOCAL = 'local';

/** What identifies one object in one cluster. `namespace` is "" for a cluster-scoped kind. */
export interface ObjectKey {
  readonly cluster: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** The key of `object` in `cluster`. An absent name or namespace becomes "". */
export function keyOf(cluster: string, object: KubeObject): ObjectKey {
  return {
    cluster,
    apiVersion: object.apiVersion,
    kind: object.kind,
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name ?? '',
  };
}

/**
 * One line that identifies the object and is the same for every version of its API group, since `extensions/v1beta1`
 * and `apps/v1` name one object: `cluster/group/Kind/namespace/name`.
 */
export function keyText(key: ObjectKey): string {
  return [key.cluster, groupOf(key.apiVersion), key.kind, key.namespace, key.name].join('/');
}

/** The API group of an apiVersion: "" for the core group. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

/** How people name an object: `Deployment default/web`, with the cluster behind it unless it is the hub. */
export function describeKey(key: ObjectKey): string {
  const name = key.namespace === '' ? key.name : `${key.namespace}/${key.name}`;
  return key.cluster === LOCAL ? `${key.kind} ${name}` : `${key.kind} ${name} on ${key.cluster}`;
}
