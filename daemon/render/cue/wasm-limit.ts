/** Gives a WebAssembly binary a memory maximum: a worker's `resourceLimits` do not count WASM memory. */

const MEMORY_SECTION = 5;
const HEADER_BYTES = 8;
const HAS_MAXIMUM = 1;
export const PAGE_BYTES = 65_536;

/**
 * A copy of `binary` whose (only) memory cannot grow beyond `maximumBytes`; beyond that Go's runtime ends itself.
 * Throws RangeError when the binary is no module with one memory, or starts with more.
 */
export function withMemoryMaximum(binary: Uint8Array, maximumBytes: number): Uint8Array<ArrayBuffer> {
  const reader = { bytes: binary, at: HEADER_BYTES };
  while (reader.at < binary.length) {
    const start = reader.at;
    const id = binary[reader.at++] ?? 0;
    const length = readLeb(reader);
    const body = reader.at;
    if (id === MEMORY_SECTION) {
      const section = limitedSection(binary.subarray(body, body + length), Math.floor(maximumBytes / PAGE_BYTES));
      const out = new Uint8Array(start + section.length + binary.length - body - length);
      out.set(binary.subarray(0, start));
      out.set(section, start);
      out.set(binary.subarray(body + length), start + section.length);
      return out;
    }
    reader.at = body + length;
  }
  throw new RangeError('the WebAssembly module has no memory of its own');
}

function limitedSection(body: Uint8Array, maximumPages: number): Uint8Array {
  const reader = { bytes: body, at: 0 };
  if (readLeb(reader) !== 1) throw new RangeError('the WebAssembly module has more than one memory');
  const flags = readLeb(reader);
  if ((flags & ~HAS_MAXIMUM) !== 0) throw new RangeError('the WebAssembly module has a shared or 64-bit memory');
  const minimumPages = readLeb(reader);
  if (minimumPages > maximumPages) throw new RangeError(`the WebAssembly module starts with ${minimumPages * PAGE_BYTES} bytes`);
  const limited = [1, HAS_MAXIMUM, ...leb(minimumPages), ...leb(maximumPages)];
  return Uint8Array.from([MEMORY_SECTION, ...leb(limited.length), ...limited]);
}

function readLeb(reader: { readonly bytes: Uint8Array; at: number }): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = reader.bytes[reader.at++] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  return value;
}

function leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return out;
}
