/** Objects that KubeVela 1.10 wrote, recorded outside of this repository; tests skip where they are absent. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseYaml } from '../../../daemon/lib/yaml.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';

const FOLDER = join(import.meta.dirname, '../../../../shared/cases/kubevela-1.10-objects');

/** Names of the files that begin so; none where nothing is recorded here. */
export function recordedFiles(prefix: string): readonly string[] {
  try {
    return readdirSync(FOLDER).filter((name) => name.startsWith(prefix));
  } catch {
    return [];
  }
}

export function recordedObject(file: string): KubeObject {
  const value: unknown = parseYaml(readFileSync(join(FOLDER, file), 'utf8'), file).value;
  return value as KubeObject;
}
