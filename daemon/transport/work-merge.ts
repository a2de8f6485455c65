/**
 * OCM's update strategy `Update`: what becomes of a live object when a work's manifest is put on it. Pure.
 *
 * Source: OCM 1.3, work agent, and library-go's typed rules which it uses for the kinds in {@link FIELDS}.
 */
import { hash } from 'node:crypto';
import { isRecord, stringify } from '../lib/json.ts';
import type { Fields } from '../lib/json.ts';
import { differences, SERVER_METADATA } from '../lib/subset.ts';
import type { KubeObject } from '../model/object.ts';
import type { OwnerReference } from './work-model.ts';
import { groupVersionOf } from './work-model.ts';

/** A write that is due: PUT of `body`, or a deletion and a new object where the type of a Secret cannot be changed. */
export interface Update {
  readonly body: KubeObject;
  readonly recreate: boolean;
}

/** Who owns, and whether that is to be so: an orphan's reference is taken off. */
export interface Ownership {
  readonly owner: OwnerReference;
  readonly isOwned: boolean;
}

/** Kinds of which only these fields come from the manifest; everything else in the live object stays. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  'v1/Namespace': [],
  'v1/Pod': [],
  'v1/ServiceAccount': [],
  'v1/ConfigMap': ['data', 'binaryData'],
  'v1/Secret': ['data', 'type'],
  'v1/Service': ['spec'],
  'rbac.authorization.k8s.io/v1/ClusterRole': ['rules', 'aggregationRule'],
  'rbac.authorization.k8s.io/v1/Role': ['rules'],
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': ['subjects', 'roleRef'],
  'rbac.authorization.k8s.io/v1/RoleBinding': ['subjects', 'roleRef'],
  'networking.k8s.io/v1/NetworkPolicy': ['spec'],
  'policy/v1/PodDisruptionBudget': ['spec'],
  'apiextensions.k8s.io/v1/CustomResourceDefinition': ['spec'],
  'admissionregistration.k8s.io/v1/MutatingWebhookConfiguration': ['webhooks'],
  'admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration': ['webhooks'],
};

/** The object that is created when there is none: keys and owners that ask for a removal are left out. */
export function createdFrom(manifest: KubeObject, ownership: Ownership): KubeObject {
  const required = normalized(manifest);
  const { labels, annotations, ownerReferences: _owners, ...metadata } = required.metadata;
  const kept = (map: Readonly<Record<string, string>> | undefined): Record<string, string> =>
    Object.fromEntries(Object.entries(map ?? {}).filter(([key]) => !key.endsWith('-')));
  return {
    ...required,
    metadata: {
      ...metadata,
      ...(labels === undefined ? {} : { labels: kept(labels) }),
      ...(annotations === undefined ? {} : { annotations: kept(annotations) }),
      ...(ownership.isOwned ? { ownerReferences: [ownership.owner] } : {}),
    },
  };
}

/** What is to be written so that the live object holds what the manifest says; null when OCM would leave it. */
export function updateOf(manifest: KubeObject, live: KubeObject, ownership: Ownership): Update | null {
  const required = normalized(manifest);
  const merged = mergeMetadata(required, live, ownership);
  const fields = FIELDS[`${required.apiVersion}/${required.kind}`];
  if (fields === undefined) return wholeUpdate(required, live, merged);
  const wanted: Record<string, unknown> = {};
  for (const field of fields) {
    const value = required[field];
    // Whoever reconciles ClusterRoles fills in the rules of one that aggregates.
    if (field === 'rules' && required['aggregationRule'] !== undefined) continue;
    wanted[field] = field === 'webhooks' ? withCaBundles(value, live[field]) : value;
  }
  if (required.kind === 'Secret' && fields.includes('type')) wanted['type'] = required['type'] ?? 'Opaque';
  if (isTokenSecret(required)) wanted['data'] = { ...asRecord(live['data']), ...asRecord(wanted['data']) };
  const isSame =
    required.kind === 'Service'
      ? isSameService(required, live)
      : fields.every((field) => !(field in wanted) || isSemanticallySame(defaulted(field, wanted[field]), live[field]));
  if (isSame && !merged.modified) return null;
  const body: Record<string, unknown> = { ...live, metadata: withoutManagedFields(merged.metadata), ...wanted };
  for (const field of fields) if (field in wanted && wanted[field] === undefined) delete body[field];
  const recreate = 'type' in wanted && wanted['type'] !== live['type'];
  return { body: body as unknown as KubeObject, recreate };
}

/** Every other kind: the whole document is put in place of the live one, with labels, annotations and owners merged. */
function wholeUpdate(required: KubeObject, live: KubeObject, merged: Merged): Update | null {
  const content = (object: KubeObject): Fields => {
    const { metadata: _metadata, status: _status, ...rest } = object;
    return rest;
  };
  if (!merged.modified && isSemanticallySame(content(required), content(live))) return null;
  const { finalizers: _finalizers, ...own } = required.metadata;
  const { labels, annotations, ownerReferences, finalizers, resourceVersion } = merged.metadata;
  const metadata = {
    ...withoutServerFields(own),
    labels,
    annotations,
    ownerReferences,
    ...(finalizers === undefined ? {} : { finalizers }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  } as KubeObject['metadata'];
  return { body: { ...content(required), metadata } as unknown as KubeObject, recreate: false };
}

interface Merged {
  readonly metadata: KubeObject['metadata'];
  readonly modified: boolean;
}

function mergeMetadata(required: KubeObject, live: KubeObject, ownership: Ownership): Merged {
  const labels = mergeMap(live.metadata.labels, required.metadata.labels);
  const annotations = mergeMap(live.metadata.annotations, required.metadata.annotations);
  const owners = mergeOwner(ownersOf(live), ownership);
  return {
    metadata: { ...live.metadata, labels: labels.map, annotations: annotations.map, ownerReferences: owners ?? ownersOf(live) },
    modified: labels.modified || annotations.modified || owners !== null,
  };
}

/** Keys are set; one with a trailing "-" is taken out; all others stay. */
function mergeMap(
  live: Readonly<Record<string, string>> | undefined,
  required: Readonly<Record<string, string>> | undefined,
): { readonly map: Readonly<Record<string, string>>; readonly modified: boolean } {
  const map = { ...live };
  let modified = false;
  for (const [key, value] of Object.entries(required ?? {})) {
    const name = key.replace(/-+$/, '');
    if (name !== key && name in map) delete map[name];
    else if (name === key && map[key] !== value) map[key] = value;
    else continue;
    modified = true;
  }
  return { map, modified };
}

export const ownersOf = (object: KubeObject): readonly OwnerReference[] =>
  Array.isArray(object.metadata['ownerReferences']) ? (object.metadata['ownerReferences'] as OwnerReference[]) : [];

/** The owners as they should be; null when they are so already. One of the same kind and name has its uid brought up to date. */
export function mergeOwner(owners: readonly OwnerReference[], { owner, isOwned }: Ownership): readonly OwnerReference[] | null {
  const at = owners.findIndex(
    (other) => other.name === owner.name && other.kind === owner.kind && groupVersionOf(other.apiVersion).group === groupVersionOf(owner.apiVersion).group,
  );
  if (!isOwned) return at < 0 ? null : owners.toSpliced(at, 1);
  if (at < 0) return [...owners, owner];
  return isSemanticallySame(owners[at], owner) ? null : owners.with(at, owner);
}

const SPEC_HASH = 'operator.openshift.io/spec-hash';

/** The manifest as library-go takes it: a Secret's stringData in data, and on a Service the hash of its spec. */
function normalized(manifest: KubeObject): KubeObject {
  if (manifest.apiVersion !== 'v1') return manifest;
  if (manifest.kind === 'Secret') {
    const { stringData, ...rest } = manifest;
    const plain = Object.entries(asRecord(stringData)).map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')]);
    return plain.length === 0 ? rest : { ...rest, data: { ...asRecord(manifest['data']), ...Object.fromEntries(plain) } };
  }
  if (manifest.kind !== 'Service') return manifest;
  return {
    ...manifest,
    metadata: { ...manifest.metadata, annotations: { ...manifest.metadata.annotations, [SPEC_HASH]: serviceSpecHash(asRecord(manifest['spec'])) } },
  };
}

/** Field order of Go's ServiceSpec and ServicePort: the hash is of the JSON that Go writes. */
const SERVICE_FIELDS = [
  'ports',
  'selector',
  'clusterIP',
  'clusterIPs',
  'type',
  'externalIPs',
  'sessionAffinity',
  'loadBalancerIP',
  'loadBalancerSourceRanges',
  'externalName',
  'externalTrafficPolicy',
  'healthCheckNodePort',
  'publishNotReadyAddresses',
  'sessionAffinityConfig',
  'ipFamilies',
  'ipFamilyPolicy',
  'loadBalancerClass',
  'internalTrafficPolicy',
  'allocateLoadBalancerNodePorts',
  'trafficDistribution',
];
const PORT_FIELDS = ['name', 'protocol', 'appProtocol', 'port', 'targetPort', 'nodePort'];
/** Written also when they are zero. */
const ALWAYS = new Set([
  'port',
  'targetPort',
  'ipFamilyPolicy',
  'loadBalancerClass',
  'internalTrafficPolicy',
  'allocateLoadBalancerNodePorts',
  'trafficDistribution',
  'appProtocol',
]);

/** library-go's hash of a Service's spec, so that a klusterlet which takes over finds nothing to rewrite. */
export function serviceSpecHash(spec: Fields): string {
  const ordered = (fields: Fields, order: readonly string[]): Record<string, unknown> => {
    const out: Record<string, unknown> = {};
    for (const name of order) {
      const value = name === 'targetPort' ? (fields[name] ?? 0) : fields[name];
      const isZero = value === '' || value === 0 || value === false || (Array.isArray(value) && value.length === 0);
      if (value === undefined || value === null || (isZero && !ALWAYS.has(name))) continue;
      out[name] = value;
    }
    return out;
  };
  const whole = ordered(spec, SERVICE_FIELDS);
  if (Array.isArray(whole['ports'])) whole['ports'] = whole['ports'].map((port) => ordered(asRecord(port), PORT_FIELDS));
  if (isRecord(whole['selector'])) whole['selector'] = Object.fromEntries(Object.entries(whole['selector']).sort(([a], [b]) => (a < b ? -1 : 1)));
  return hash(
    'sha256',
    stringify(whole).replaceAll(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`),
    'hex',
  );
}

/**
 * library-go rewrites a Service only when selector, type or the hash differ. Ours also puts back what the manifest sets
 * and someone changed, ports above all.
 */
function isSameService(required: KubeObject, live: KubeObject): boolean {
  const [spec, there] = [asRecord(required['spec']), asRecord(live['spec'])];
  const isSameType = (spec['type'] ?? 'ClusterIP') === there['type'];
  return isSameType && isSemanticallySame(spec['selector'], there['selector']) && differences({ ...required, metadata: {} }, live).length === 0;
}

/** The API group of a binding's role and users is filled in by the server. */
function defaulted(field: string, value: unknown): unknown {
  const group = 'rbac.authorization.k8s.io';
  if (field === 'roleRef' && isRecord(value)) return { apiGroup: group, ...value };
  if (field !== 'subjects' || !Array.isArray(value)) return value;
  return value.map((subject: unknown) => (isRecord(subject) && subject['kind'] !== 'ServiceAccount' ? { apiGroup: group, ...subject } : subject));
}

/** A webhook without a CA keeps the one that was injected into it. */
function withCaBundles(wanted: unknown, live: unknown): unknown {
  if (!Array.isArray(wanted) || !Array.isArray(live)) return wanted;
  return wanted.map((webhook: unknown) => {
    if (!isRecord(webhook) || !isRecord(webhook['clientConfig']) || (webhook['clientConfig']['caBundle'] ?? '') !== '') return webhook;
    const other: unknown = live.find((item: unknown) => isRecord(item) && item['name'] === webhook['name']);
    const caBundle = isRecord(other) && isRecord(other['clientConfig']) ? other['clientConfig']['caBundle'] : undefined;
    return caBundle === undefined ? webhook : { ...webhook, clientConfig: { ...webhook['clientConfig'], caBundle } };
  });
}

const isTokenSecret = (object: KubeObject): boolean =>
  object.apiVersion === 'v1' && object.kind === 'Secret' && object['type'] === 'kubernetes.io/service-account-token';
const asRecord = (value: unknown): Fields => (isRecord(value) ? value : {});

function withoutManagedFields(metadata: KubeObject['metadata']): KubeObject['metadata'] {
  const { managedFields: _managed, ...rest } = metadata;
  return rest;
}

function withoutServerFields(metadata: KubeObject['metadata']): KubeObject['metadata'] {
  return Object.fromEntries(Object.entries(metadata).filter(([field]) => !(SERVER_METADATA as readonly string[]).includes(field)));
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) ? value.length === 0 : isRecord(value) && Object.keys(value).length === 0);

/** Kubernetes' semantic equality: nothing, an empty list and an empty map are the same. */
function isSemanticallySame(a: unknown, b: unknown): boolean {
  if (a === b || (isEmpty(a) && isEmpty(b))) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => isSemanticallySame(item, b[index]));
  if (!isRecord(a) || !isRecord(b)) return typeof a !== typeof b && String(a) === String(b) && (typeof a === 'bigint' || typeof b === 'bigint');
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => isSemanticallySame(a[key], b[key]));
}
