// What stands on disk about a running control plane, so that another process can find it and end it.
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { planeFiles } from './parts.ts';
import type { ProcessRecord } from './process.ts';

/** `state.json` in a control plane's folder; it exists while the control plane does. */
export type PlaneState = {
  readonly name: string;
  readonly server: string;
  readonly kubeconfig: string;
  readonly hasNodes: boolean;
  /** Where the binaries came from. */
  readonly source: string;
  readonly keeper: ProcessRecord;
  /** The keeper's door on loopback; the token keeps other users of the machine out. */
  readonly control: { readonly port: number; readonly token: string };
  readonly parts: readonly PartState[];
};

export type PartState = { readonly name: string; readonly state: string; readonly restarts: number } & Partial<ProcessRecord>;

export async function readState(directory: string): Promise<PlaneState | undefined> {
  try {
    return JSON.parse(await readFile(planeFiles(directory).state, 'utf8')) as PlaneState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes the state in one step: a reader never sees half of it. Readable by its owner only. */
export async function writeState(directory: string, state: PlaneState): Promise<void> {
  const file = planeFiles(directory).state;
  await writeFile(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

export async function removeState(directory: string): Promise<void> {
  await rm(planeFiles(directory).state, { force: true });
}
