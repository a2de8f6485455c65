/** The sample repository's files, as somebody who starts with a copy of it has them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const SAMPLE = join(import.meta.dirname, '../../sample-repo');

/** Text by path of its settings and of every file below these folders. */
export async function sampleFiles(...folders: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = { 'lateen.yaml': await readFile(join(SAMPLE, 'lateen.yaml'), 'utf8') };
  for (const folder of folders) {
    for (const entry of await readdir(join(SAMPLE, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      files[path.slice(SAMPLE.length + 1)] = await readFile(path, 'utf8');
    }
  }
  return files;
}

/** The part of it that makes a cluster in the cloud and delivers to it. */
export const cloudStory = (): Promise<Readonly<Record<string, string>>> => sampleFiles('clusters', 'definitions/steps', 'apps/podinfo');
