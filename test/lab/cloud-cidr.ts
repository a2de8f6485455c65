// IPv4 ranges, as far as a cloud's network rules need them.

/** A range of addresses, both ends included. */
export type Range = { readonly first: number; readonly last: number; readonly bits: number };

/** Reads "10.1.0.0/16"; undefined where it is no range, or its address is not the range's first. */
export function parseCidr(text: string): Range | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.slice(0, 4).some((part) => part > 255) || parts[4]! > 32) return undefined;
  const first = parts.slice(0, 4).reduce((sum, part) => sum * 256 + part, 0);
  const size = 2 ** (32 - parts[4]!);
  return first % size === 0 ? { first, last: first + size - 1, bits: parts[4]! } : undefined;
}

export function overlaps(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function contains(outer: Range, inner: Range): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map((text) => parseCidr(text)!);
const RESERVED = ['100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4'].map((text) => parseCidr(text)!);

/** True within 10/8, 172.16/12 or 192.168/16. */
export function isPrivate(range: Range): boolean {
  return PRIVATE.some((outer) => contains(outer, range));
}

/** True where it touches what no VPC may use. */
export function isReserved(range: Range): boolean {
  return RESERVED.some((other) => overlaps(other, range));
}
