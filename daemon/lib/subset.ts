/**
 * Is what we want what is there? The live object may hold more: defaults, status, other managers' fields.
 *
 * Kubernetes stores some values otherwise than they were written (a quantity `0.1` as `100m`, a Secret's `stringData` in
 * `data`, an empty map not at all). Those are equal here. What this cannot know, the transport's memory of the server's
 * own answer settles.
 */
import { isRecord } from './json.ts';
import type { Fields } from './json.ts';
import type { KubeObject } from '../model/object.ts';

/** Fields that the server writes: never compared, never sent. */
export const SERVER_METADATA = [
  'managedFields',
  'resourceVersion',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'selfLink',
] as const;

/**
 * JSON pointers, in `wanted`, of the leaves whose live value is another, in document order; empty when live has all of
 * it. A list counts as one leaf where it is replaced as a whole. `status` and what the server writes do not count.
 */
export function differences(wanted: KubeObject, live: KubeObject): string[] {
  const out: string[] = [];
  for (const [field, value] of Object.entries(wanted)) {
    if (field === 'apiVersion' || field === 'kind' || field === 'status') continue;
    if (field === 'metadata') compareMetadata(wanted, live, out);
    else if (field === 'stringData' && wanted.kind === 'Secret') compareStringData(value, live, out);
    else compare(value, live[field], `/${escape(field)}`, field, { kind: wanted.kind, quantity: false }, out);
  }
  return out;
}

interface Where {
  readonly kind: string;
  /** Somewhere below a field whose scalars are quantities. */
  readonly quantity: boolean;
}

function compareMetadata(wanted: KubeObject, live: KubeObject, out: string[]): void {
  for (const [field, value] of Object.entries(wanted.metadata)) {
    // Name and namespace found the live object; a namespace on a cluster-scoped kind is taken out before it is sent.
    if ((SERVER_METADATA as readonly string[]).includes(field) || field === 'name' || field === 'namespace' || field === 'generateName') continue;
    compare(value, live.metadata[field], `/metadata/${escape(field)}`, field, { kind: wanted.kind, quantity: false }, out);
  }
}

function compareStringData(value: unknown, live: KubeObject, out: string[]): void {
  const data = isRecord(live['data']) ? live['data'] : {};
  for (const [key, text] of Object.entries(isRecord(value) ? value : {})) {
    if (typeof text === 'string' && data[key] !== Buffer.from(text).toString('base64')) out.push(`/stringData/${escape(key)}`);
  }
}

const escape = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1');

function compare(wanted: unknown, live: unknown, pointer: string, field: string, where: Where, out: string[]): void {
  if (wanted === live || isNothing(wanted)) return;
  const below = { ...where, quantity: where.quantity || QUANTITIES.has(field) };
  if (isRecord(wanted)) {
    if (!isRecord(live) && !isNothing(live)) {
      out.push(pointer);
      return;
    }
    const there = isRecord(live) ? live : {};
    for (const [key, value] of Object.entries(wanted)) {
      if (FREE_MAPS.has(field) && value === '' && there[key] === undefined) out.push(`${pointer}/${escape(key)}`);
      else compare(value, there[key], `${pointer}/${escape(key)}`, key, below, out);
    }
    return;
  }
  if (Array.isArray(wanted)) {
    compareLists(wanted, Array.isArray(live) ? live : [], pointer, field, below, out);
    return;
  }
  // A built-in kind drops a zero value that is its default anyway.
  if (live === undefined && (wanted === '' || wanted === 0 || wanted === false)) return;
  if (below.quantity && sameQuantity(wanted, live)) return;
  if (typeof wanted !== typeof live && (typeof wanted === 'bigint' || typeof live === 'bigint') && String(wanted) === String(live)) return;
  out.push(pointer);
}

function compareLists(wanted: readonly unknown[], live: readonly unknown[], pointer: string, field: string, where: Where, out: string[]): void {
  if (field === 'finalizers') {
    wanted.forEach((item, index) => live.includes(item) || out.push(`${pointer}/${index}`));
    return;
  }
  const keyOf = listKey(field, wanted, where.kind) === null ? null : listKey(field, live, where.kind);
  if (keyOf === null) {
    if (wanted.length !== live.length) out.push(pointer);
    else wanted.forEach((item, index) => compare(item, live[index], `${pointer}/${index}`, field, where, out));
    return;
  }
  const there = new Map(live.map((item) => [keyOf(item), item]));
  wanted.forEach((item, index) => {
    const other = there.get(keyOf(item));
    if (other === undefined) out.push(`${pointer}/${index}`);
    else compare(item, other, `${pointer}/${index}`, field, where, out);
  });
}

/** Null, an empty map or an empty list: the same as a field that is not there. */
function isNothing(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.values(value).every(isNothing);
}

/** Maps whose keys people choose: there an empty text is a value. */
const FREE_MAPS: ReadonlySet<string> = new Set(['labels', 'annotations', 'data', 'stringData', 'matchLabels', 'nodeSelector', 'parameters']);

/** Lists that the built-in kinds merge item by item, and by what. Every other list is replaced as a whole. */
const LIST_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  secrets: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  conditions: ['type'],
  webhooks: ['name'],
  resourceClaims: ['name'],
  schedulingGates: ['name'],
  ownerReferences: ['uid'],
  ports: ['containerPort', 'port', 'protocol'],
};

/**
 * How items of this list are told apart: gives each item its key; null when the list is replaced as a whole, which is
 * also so when two items share a key (Kubernetes allows that for `env`) or an item has none.
 */
export function listKey(field: string, items: readonly unknown[], kind: string): ((item: unknown) => string) | null {
  const fields = LIST_KEYS[field];
  // The ports of a NetworkPolicy are one value: another's port there is a hole, not an addition.
  if (fields === undefined || (field === 'ports' && kind === 'NetworkPolicy')) return null;
  const keyOf = (item: unknown): string => fields.map((name) => String(partOf(item as Fields, name))).join('|');
  if (!items.every((item) => isRecord(item) && fields.some((name) => item[name] !== undefined))) return null;
  return new Set(items.map(keyOf)).size === items.length ? keyOf : null;
}

function partOf(item: Fields, name: string): unknown {
  if (name === 'protocol') return item['protocol'] ?? 'TCP';
  // A Service's item has `port`, a container's `containerPort`.
  return item[name] ?? '';
}

const QUANTITIES: ReadonlySet<string> = new Set([
  'limits',
  'requests',
  'capacity',
  'hard',
  'default',
  'defaultRequest',
  'max',
  'min',
  'sizeLimit',
  'overhead',
  'podFixed',
  'averageValue',
  'divisor',
  'allocatable',
]);

const SUFFIXES: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY: Readonly<Record<string, bigint>> = { Ki: 1n << 10n, Mi: 1n << 20n, Gi: 1n << 30n, Ti: 1n << 40n, Pi: 1n << 50n, Ei: 1n << 60n };

/** Whether two values are the same Kubernetes quantity: "0.1" and "100m", 1000 and "1k". */
export function sameQuantity(a: unknown, b: unknown): boolean {
  const [left, right] = [nanosOf(a), nanosOf(b)];
  return left !== null && right !== null && left === right;
}

/** A quantity in billionths, rounded up as Kubernetes does; null when it is none. */
function nanosOf(value: unknown): bigint | null {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : typeof value === 'string' ? value : '';
  const match = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:([eE][+-]?[0-9]{1,2})|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]))?$/.exec(text);
  if (match === null || (match[2] === '' && (match[3] ?? '') === '')) return null;
  const [, sign, whole = '', fraction = '', exponent, suffix = ''] = match;
  const digits = BigInt(whole + fraction);
  const binary = BINARY[suffix];
  const power = 9 - fraction.length + (exponent === undefined ? (binary === undefined ? (SUFFIXES[suffix] ?? 0) : 0) : Number(exponent.slice(1)));
  const scaled = digits * (binary ?? 1n);
  const nanos = power >= 0 ? scaled * 10n ** BigInt(power) : (scaled + 10n ** BigInt(-power) - 1n) / 10n ** BigInt(-power);
  return sign === '-' ? -nanos : nanos;
}
