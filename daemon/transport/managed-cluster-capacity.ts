/** What a cluster's nodes have, summed up as OCM does. Pure. */
import { isRecord } from '../lib/json.ts';
import type { KubeObject } from '../model/object.ts';

export type Resources = Readonly<Record<string, string>>;

const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
/** Everything is counted in billionths: what Kubernetes keeps of a quantity. */
const NANO = 1_000_000_000n;

interface Quantity {
  readonly nanos: bigint;
  readonly isBinary: boolean;
}

/**
 * Capacity and allocatable of nodes, each the sum over them; what an unschedulable node has is not allocatable.
 * Quantities come out as Kubernetes writes them: `1000` is `1k`, `1024Ki` is `1Mi`. One that cannot be read is left out.
 */
export function sumNodes(nodes: readonly KubeObject[]): { readonly capacity: Resources; readonly allocatable: Resources } {
  const schedulable = nodes.filter((node) => !isRecord(node['spec']) || node['spec']['unschedulable'] !== true);
  return { capacity: sumField(nodes, 'capacity'), allocatable: sumField(schedulable, 'allocatable') };
}

function sumField(nodes: readonly KubeObject[], field: string): Resources {
  const sums = new Map<string, Quantity>();
  for (const node of nodes) {
    const status = isRecord(node['status']) ? node['status'] : {};
    for (const [key, text] of Object.entries(isRecord(status[field]) ? status[field] : {})) {
      const quantity = parseQuantity(String(text));
      const sum = sums.get(key);
      // As Go's Quantity.Add: the first operand's form stays, unless it is nothing.
      if (quantity !== null) sums.set(key, sum === undefined || sum.nanos === 0n ? quantity : { ...sum, nanos: sum.nanos + quantity.nanos });
    }
  }
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, sum]) => [key, formatQuantity(sum)]));
}

/** Reads `4`, `500m`, `0.5`, `16Gi`, `1e3`; null for anything else. Rounds up below a billionth. */
export function parseQuantity(text: string): Quantity | null {
  const match = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?$/.exec(text);
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match;
  if (whole === '' && fraction === '') return null;
  const digits = BigInt(`${whole}${fraction}`);
  const binary = suffix.endsWith('i') ? BINARY.indexOf(suffix) : -1;
  const exponent = /^[eE][+-]?[0-9]/.test(suffix) ? Number(suffix.slice(1)) : binary >= 0 ? 0 : 3 * (DECIMAL.indexOf(suffix) - 3);
  const power = exponent + 9 - fraction.length;
  const scaled = digits * (binary > 0 ? 1024n ** BigInt(binary) : 1n);
  const divisor = power < 0 ? 10n ** BigInt(-power) : 1n;
  const nanos = power < 0 ? (scaled + divisor - 1n) / divisor : scaled * 10n ** BigInt(power);
  return { nanos: sign === '-' ? -nanos : nanos, isBinary: binary > 0 };
}

function formatQuantity({ nanos, isBinary }: Quantity): string {
  if (nanos === 0n) return '0';
  if (isBinary && nanos % NANO === 0n) return reduce(nanos / NANO, 1024n, BINARY);
  return reduce(nanos, 1000n, DECIMAL);
}

/** The largest unit in which the value is a whole number. */
function reduce(value: bigint, base: bigint, units: readonly string[]): string {
  let [rest, unit] = [value, 0];
  while (rest % base === 0n && unit < units.length - 1) [rest, unit] = [rest / base, unit + 1];
  return `${rest}${units[unit] ?? ''}`;
}
