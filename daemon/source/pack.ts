/**
 * Git objects made here, and as a git pack, the form in which git takes many at once: one process writes files, trees and
 * commit together. The formats are gitformat-pack(5), version 2, without deltas, and those of trees and commits as
 * git-mktree(1) and git-commit-tree(1) write them.
 */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import type { ObjectFormat } from './store.ts';

const TYPES = { commit: 1, tree: 2, blob: 3 } as const;

export interface GitObject {
  readonly type: keyof typeof TYPES;
  readonly bytes: Buffer;
}

/** The id that git gives an object: the hash of `type <bytes>\0<content>`. */
export function objectId(format: ObjectFormat, { type, bytes }: GitObject): string {
  return createHash(format).update(`${type} ${bytes.length}\0`).update(bytes).digest('hex');
}

export const blobOf = (content: string): GitObject => ({ type: 'blob', bytes: Buffer.from(content, 'utf8') });

/** The id of a text as a blob. */
export const blobId = (format: ObjectFormat, content: string): string => objectId(format, blobOf(content));

/** A pack with these objects, for `git index-pack --stdin` and `git unpack-objects`. */
export function packObjects(format: ObjectFormat, objects: readonly GitObject[]): Buffer {
  const head = Buffer.alloc(12);
  head.write('PACK', 'latin1');
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(objects.length, 8);
  const parts: Buffer[] = [head];
  for (const { type, bytes } of objects) parts.push(entryHead(TYPES[type], bytes.length), deflateSync(bytes, { level: 1 }));
  const body = Buffer.concat(parts);
  return Buffer.concat([body, createHash(format).update(body).digest()]);
}

/** Type and size of an entry: four bits of the size beside the type, then seven to a byte, the lowest first. */
function entryHead(type: number, sizeBytes: number): Buffer {
  const bytes: number[] = [];
  let byte = (type << 4) | (sizeBytes & 0x0f);
  for (let rest = Math.floor(sizeBytes / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push(byte | 0x80);
    byte = rest & 0x7f;
  }
  return Buffer.from([...bytes, byte]);
}

/** The trees of a listing: the root's id, and every tree by its id. */
export interface Trees {
  readonly root: string;
  readonly objects: ReadonlyMap<string, GitObject>;
}

type Folder = Map<string, string | Folder>;

/** Makes the trees of `mode id` by path; no path is a folder of another. An empty listing is the empty tree. */
export function treesOf(format: ObjectFormat, entries: ReadonlyMap<string, string>): Trees {
  const root: Folder = new Map();
  for (const [path, entry] of entries) {
    const parts = path.split('/');
    let folder = root;
    for (const part of parts.slice(0, -1)) {
      const below = folder.get(part);
      const next: Folder = below instanceof Map ? below : new Map();
      folder.set(part, next);
      folder = next;
    }
    folder.set(parts.at(-1) ?? '', entry);
  }
  const objects = new Map<string, GitObject>();
  return { root: writeFolder(format, root, objects), objects };
}

function writeFolder(format: ObjectFormat, folder: Folder, objects: Map<string, GitObject>): string {
  // git sorts a folder as if its name ended in a slash, by bytes.
  const items = [...folder]
    .map(([name, item]) => ({ name: Buffer.from(name, 'utf8'), item, key: Buffer.from(item instanceof Map ? `${name}/` : name, 'utf8') }))
    .sort((a, b) => Buffer.compare(a.key, b.key));
  const parts = items.map(({ name, item }) => {
    const [mode = '', id = ''] = item instanceof Map ? ['40000', writeFolder(format, item, objects)] : item.split(' ');
    return Buffer.concat([Buffer.from(`${mode} `), name, Buffer.from([0]), Buffer.from(id, 'hex')]);
  });
  const tree: GitObject = { type: 'tree', bytes: Buffer.concat(parts) };
  const id = objectId(format, tree);
  objects.set(id, tree);
  return id;
}

/** A commit as git-commit-tree makes it, by one who is author and committer; `atMs` counts from the epoch, in UTC. */
export function commitOf(
  tree: string,
  parent: string | null,
  who: { readonly name: string; readonly email: string },
  atMs: number,
  message: string,
): GitObject {
  // git leaves these out of names too: they end or begin the parts of the line.
  const plain = (text: string): string => text.replace(/[<>\0\r\n]/g, '').trim();
  const by = `${plain(who.name)} <${plain(who.email)}> ${Math.floor(atMs / 1000)} +0000`;
  return {
    type: 'commit',
    bytes: Buffer.from([`tree ${tree}`, ...(parent === null ? [] : [`parent ${parent}`]), `author ${by}`, `committer ${by}`, '', message].join('\n'), 'utf8'),
  };
}
