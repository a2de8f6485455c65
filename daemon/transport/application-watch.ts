/**
 * Watches the Applications of the hub, so that what people do there (vela suspend, resume, restart; kubectl edit, delete)
 * is answered at once and not at the next resync.
 *
 *   listing ── listed ──> watching ── ended ──> watching (goes on from the last version)
 *      ^                      │
 *      └── waited 1 to 30 s ──┴── error, or 410
 */
import { backoffMs } from '../lib/retry.ts';
import type { KubeObject } from '../model/object.ts';
import type { Clock, Records } from '../model/ports.ts';
import type { KubeClient } from './kube.ts';

const APPLICATION = { apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', namespace: '' } as const;

/** Remembers the versions of Applications that we wrote ourselves, to know our own echo. */
export interface OwnWrites {
  readonly records: Records;
  readonly isOwn: (object: KubeObject) => boolean;
}

const placeOf = (object: KubeObject): string => `${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`;

/** `records` with a memory of the last version that each Application was given by us. */
export function rememberOwnWrites(records: Records): OwnWrites {
  const versions = new Map<string, string>();
  const note = (object: KubeObject): KubeObject => {
    if (object.kind === 'Application') versions.set(placeOf(object), object.metadata.resourceVersion ?? '');
    return object;
  };
  return {
    isOwn: (object) => versions.get(placeOf(object)) === object.metadata.resourceVersion,
    records: {
      open: records.open,
      save: async (effect, object, signal) => note(await records.save(effect, object, signal)),
      keep: records.keep,
      saveStatus: async (object, status, signal) => note(await records.saveStatus(object, status, signal)),
      remove: records.remove,
    },
  };
}

/** Tells `onChange` the `namespace/name` of every Application that somebody else changed. Runs until `signal` fires. */
export async function watchApplications(
  client: KubeClient,
  isOwn: (object: KubeObject) => boolean,
  onChange: (name: string) => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted;) {
    try {
      let version = (await client.list({ ...APPLICATION, metadataOnly: true }, signal)).resourceVersion;
      for (;;) {
        for await (const event of client.watch({ ...APPLICATION, resourceVersion: version }, signal)) {
          version = event.object.metadata.resourceVersion ?? version;
          failures = 0;
          if (event.type === 'DELETED' || (event.type !== 'BOOKMARK' && !isOwn(event.object))) onChange(placeOf(event.object));
        }
      }
    } catch {
      if (signal.aborted) return;
      failures += 1;
      // Whatever it was, resyncs go on telling; the watch only makes it sooner.
      await clock.sleep(backoffMs(failures, { baseMs: 1000, maxMs: 30_000 }, clock), signal).catch(() => {});
    }
  }
}
