/** Labels, annotations and names that KubeVela puts on rendered objects. */
import { stableStringify } from '../lib/json.ts';
import type { Dialect } from '../model/catalog.ts';
import type { KubeObject } from '../model/object.ts';

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const utf8 = new TextEncoder();

function fnv1a32(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** KubeVela: Kubernetes' rand.SafeEncodeString over the decimal text of an FNV-1a-32 hash. */
export function safeHash(dump: string): string {
  return [...String(fnv1a32(utf8.encode(dump)))].map((digit) => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join('');
}

const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : a > b ? 1 : 0);

/** Go's spew `%#v` of a JSON value with sorted keys, as KubeVela hashes it from 1.9 on. */
function spew(value: unknown): string {
  if (value === null || value === undefined) return '(interface {})<nil>';
  if (typeof value === 'string') return `(string)${value}`;
  if (typeof value === 'boolean') return `(bool)${value}`;
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) return `(int64)${value}`;
  if (typeof value === 'number') return `(float64)${value}`;
  if (Array.isArray(value)) return `([]interface {})[${value.map(spew).join(' ')}]`;
  const entries = Object.entries(value).sort(byName);
  return `(map[string]interface {})map[${entries.map(([key, item]) => `${key}:${spew(item)}`).join(' ')}]`;
}

/** Go's encoding/json: compact, keys sorted, `<`, `>` and `&` escaped. */
function goJson(value: unknown): string {
  return stableStringify(value).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

/**
 * The name of an auxiliary object that its template left without one: `<component>-<trait type>-<hash>`.
 * The hash is over the object with its render labels and before namespace and application labels.
 * KubeVela 1.1: util.ComputeHash of a ComponentTrait (appRevision included); 1.9 and later: of the unstructured itself
 * without `app.oam.dev/appRevision`.
 */
export function hashedName(dialect: Dialect, component: string, traitType: string, object: KubeObject): string {
  const kind = traitType === '' || traitType === 'dummy' ? 'trait' : traitType.toLowerCase();
  if (dialect === '1.1') {
    const bytes = utf8.encode(goJson(object)).join(' ');
    return `${component}-${kind}-${safeHash(`(v1alpha2.ComponentTrait){Trait:(runtime.RawExtension){Raw:([]uint8)[${bytes}] Object:(runtime.Object)<nil>} DataOutputs:([]v1alpha2.DataOutput)<nil> DataInputs:([]v1alpha2.DataInput)<nil>}`)}`;
  }
  const { 'app.oam.dev/appRevision': _revision, ...labels } = object.metadata.labels ?? {};
  const hashed = { ...object, metadata: { ...object.metadata, labels } };
  return `${component}-${kind}-${safeHash(`(unstructured.Unstructured){Object:${spew(hashed)}}`)}`;
}

/** What an object is to its component. */
export interface Part {
  readonly component: string;
  /** The component's type as written, for the workload; else "". */
  readonly workloadType: string;
  /** The trait's type or `AuxiliaryWorkload`; "" for the workload. */
  readonly traitType: string;
  /** The name under `outputs`; "" for the workload. */
  readonly output: string;
}

/** The labels that rendering gives (spec/kubevela.md 2.4, column render). */
export function renderLabels(appName: string, appRevision: string, part: Part): Record<string, string> {
  const labels: Record<string, string> = {
    'app.oam.dev/name': appName,
    'app.oam.dev/component': part.component,
    'app.oam.dev/appRevision': appRevision,
  };
  if (part.traitType === '') return { ...labels, 'workload.oam.dev/type': part.workloadType };
  return { ...labels, 'trait.oam.dev/type': part.traitType, ...(part.output === '' ? {} : { 'trait.oam.dev/resource': part.output }) };
}

const NEVER_COPIED_1_10 = new Set([
  'app.oam.dev/inplace-upgrade',
  'filter.oam.dev/label-keys',
  'filter.oam.dev/annotation-keys',
  'kubectl.kubernetes.io/last-applied-configuration',
  'oam.dev/kubevela-version',
]);
const NEVER_COPIED_1_1 = new Set([
  'app.oam.dev/rollout-template',
  'app.oam.dev/rolling-components',
  'app.oam.dev/inplace-upgrade',
  'filter.oam.dev/label-keys',
  'filter.oam.dev/annotation-keys',
  'oam.dev/kubevela-version',
]);
/** Our own annotations on an Application speak to Lateen, not to its objects. */
const isOurs = (key: string): boolean => key.startsWith('lateen.dev/');

/**
 * The labels and annotations that objects inherit from their Application, after its `filter.oam.dev/*` annotations.
 * KubeVela 1.10: application labels lose to the object's own; 1.1 (direct dispatch): they win.
 */
export function inherited(
  dialect: Dialect,
  application: KubeObject,
): { readonly labels: Record<string, string>; readonly annotations: Record<string, string> } {
  const annotations = application.metadata.annotations ?? {};
  const listed = (key: string): Set<string> => new Set((annotations[key] ?? '').split(',').map((name) => name.trim()));
  const withoutLabels = listed('filter.oam.dev/label-keys');
  const withoutAnnotations = listed('filter.oam.dev/annotation-keys');
  const never = dialect === '1.1' ? NEVER_COPIED_1_1 : NEVER_COPIED_1_10;
  return {
    labels: Object.fromEntries(Object.entries(application.metadata.labels ?? {}).filter(([key]) => !withoutLabels.has(key) && !isOurs(key))),
    annotations: Object.fromEntries(Object.entries(annotations).filter(([key]) => !never.has(key) && !withoutAnnotations.has(key) && !isOurs(key))),
  };
}

/** `object` with these labels and annotations added; what `over` is true for replaces what is there. */
export function withMeta(
  object: KubeObject,
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>> = {},
  over = true,
): KubeObject {
  const merge = (own: Readonly<Record<string, string>> | undefined, added: Readonly<Record<string, string>>): Record<string, string> =>
    over ? { ...own, ...added } : { ...added, ...own };
  const merged = merge(object.metadata.annotations, annotations);
  return {
    ...object,
    metadata: { ...object.metadata, labels: merge(object.metadata.labels, labels), ...(Object.keys(merged).length === 0 ? {} : { annotations: merged }) },
  };
}
