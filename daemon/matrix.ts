/** Applications against clusters: what lies where, and is it well. For `lateen status`. */
import { workHealth } from './lib/manifest-work.ts';
import type { Member } from './model/clusters.ts';
import { keyText, LOCAL, type ObjectKey } from './model/object.ts';
import type { ApplicationRecord, Transport } from './model/ports.ts';
import { trackedOf, union } from './plan/inventory.ts';
import { objectHealth } from './status/health.ts';

export interface MatrixRow {
  readonly application: string;
  /** By cluster: Ready, Progressing, Failed, Unknown; absent where nothing of it lies. */
  readonly cells: Readonly<Record<string, string>>;
}

const WORK = 'ManifestWork';
/** The worse of two says how it is. */
const RANK = ['Ready', 'Progressing', 'Unknown', 'Failed'] as const;
type Cell = (typeof RANK)[number];

const worse = (a: Cell | undefined, b: Cell): Cell => (a === undefined || RANK.indexOf(b) > RANK.indexOf(a) ? b : a);
const cellOf = (health: string): Cell => (health === 'Current' ? 'Ready' : health === 'Failed' ? 'Failed' : health === 'Unknown' ? 'Unknown' : 'Progressing');

/** The cluster that an entry of an inventory lies on: a ManifestWork stands for the cluster of its namespace. */
export const clusterOf = (key: ObjectKey): string => (key.cluster === LOCAL && key.kind === WORK ? key.namespace : key.cluster);

/** One row per application that has something somewhere; columns are the hub (`local`) and the members. */
export async function matrixOf(
  records: ReadonlyMap<string, ApplicationRecord>,
  members: readonly Member[],
  transport: Transport,
  signal: AbortSignal,
): Promise<readonly MatrixRow[]> {
  const entries = [...records].flatMap(([name, record]) =>
    record.application === null ? [] : union(...record.trackers.map(trackedOf)).map((entry) => ({ name, key: entry.key })),
  );
  const seen = await transport.observe(
    entries.map((entry) => entry.key),
    signal,
  );
  const rows = new Map<string, Record<string, Cell>>();
  for (const { name, key } of entries) {
    const row = rows.get(name) ?? {};
    rows.set(name, row);
    const cluster = clusterOf(key);
    const found = seen.get(keyText(key));
    const away = members.some((member) => member.name === cluster && member.available === 'Unknown');
    const health =
      found === undefined || 'fault' in found || away
        ? 'Unknown'
        : 'absent' in found
          ? 'Missing'
          : key.kind === WORK
            ? workHealth(found.live).health
            : objectHealth(found.live).health;
    row[cluster] = worse(row[cluster], cellOf(health));
  }
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([application, cells]) => ({ application, cells }));
}
