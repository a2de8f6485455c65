/** DOOR node:fs: reads the built-in definitions, one YAML file each, that stand beside this file. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocuments } from '../lib/yaml.ts';
import type { Dialect } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { KnownDefinitions } from './definitions.ts';

/**
 * The pack of both dialects, by `Kind/name`. Faults: loop/bug when a file of the pack does not parse, which only a
 * broken installation can cause.
 */
export async function readPack(): Promise<KnownDefinitions['pack']> {
  const root = join(import.meta.dirname, 'definitions');
  const packs = new Map<Dialect, ReadonlyMap<string, KubeObject>>();
  for (const dialect of ['1.1', '1.10'] as const) {
    const folder = join(root, dialect);
    const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.yaml')).sort();
    const pack = new Map<string, KubeObject>();
    const texts = await Promise.all(files.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const));
    for (const [name, text] of texts) {
      const parsed = parseDocuments(text, name);
      if (parsed.errors.length > 0)
        throw new Fault('loop/bug', `the built-in definition ${dialect}/${name} does not parse: ${parsed.errors[0]?.diagnostic.message ?? ''}`);
      for (const document of parsed.documents) {
        const object = document.value as KubeObject | null;
        if (object?.kind !== undefined) pack.set(`${object.kind}/${object.metadata.name ?? ''}`, object);
      }
    }
    packs.set(dialect, pack);
  }
  return packs;
}
