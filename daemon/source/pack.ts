/**
 * Blobs as a git pack, the form in which git takes many objects at once: one file is written instead of one per blob,
 * which for 200 blobs is 20 ms against a second. The format is gitformat-pack(5), version 2, without deltas.
 */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import type { ObjectFormat } from './store.ts';

const BLOB = 3;

/** The id that git gives a blob: the hash of `blob <bytes>\0<content>`. */
export function blobId(format: ObjectFormat, content: string): string {
  const bytes = Buffer.from(content, 'utf8');
  return createHash(format).update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

/** A pack with `contents` as blobs, for `git index-pack --stdin`. */
export function packBlobs(format: ObjectFormat, contents: readonly string[]): Buffer {
  const head = Buffer.alloc(12);
  head.write('PACK', 'latin1');
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(contents.length, 8);
  const parts: Buffer[] = [head];
  for (const content of contents) {
    const bytes = Buffer.from(content, 'utf8');
    parts.push(entryHead(bytes.length), deflateSync(bytes, { level: 1 }));
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([body, createHash(format).update(body).digest()]);
}

/** Type and size of an entry: four bits of the size beside the type, then seven to a byte, the lowest first. */
function entryHead(sizeBytes: number): Buffer {
  const bytes: number[] = [];
  let byte = (BLOB << 4) | (sizeBytes & 0x0f);
  for (let rest = Math.floor(sizeBytes / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push(byte | 0x80);
    byte = rest & 0x7f;
  }
  return Buffer.from([...bytes, byte]);
}
