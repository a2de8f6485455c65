/** What the hub keeps for us, read at the start of a pass: all of it, or only some applications'. */
import { Fault } from './model/fault.ts';
import type { KubeObject, ObjectKey } from './model/object.ts';
import { keyText, LOCAL } from './model/object.ts';
import type { Desired } from './model/plan.ts';
import type { ApplicationRecord, Records, Transport } from './model/ports.ts';
import type { Tracked } from './model/status.ts';
import { trackedOf, union } from './plan/inventory.ts';
import { isKept } from './plan/plan.ts';
import { sharedKeys } from './plan/prune.ts';
import { documentsTracker } from './plan/records.ts';
import type { ClusterVersion } from './model/cluster-version.ts';

/** Definitions that live on the hub, and its version. */
export interface HubFacts {
  readonly definitions: readonly KubeObject[];
  readonly version: ClusterVersion;
}

export interface Remembered extends HubFacts {
  readonly records: ReadonlyMap<string, ApplicationRecord>;
  /** Initializer objects, of all instances. */
  readonly initializers: readonly KubeObject[];
  /** Inventory of the repository's own documents. */
  readonly documents: readonly Tracked[];
  /** What this instance has in its inventories; an object may be in two of them. */
  readonly kept: readonly ObjectKey[];
  /** Objects that more than one application has in its inventory, by keyText. */
  readonly shared: ReadonlySet<string>;
}

export interface RememberDoors {
  readonly transport: Transport;
  readonly records: Records;
  readonly hubFacts: (signal: AbortSignal) => Promise<HubFacts>;
  readonly instance: string;
}

/** Reads everything. Faults: transport/*, for without it nothing can be decided. */
export async function rememberAll(doors: RememberDoors, signal: AbortSignal): Promise<Remembered> {
  const tracker = documentsTracker(doors.instance, []);
  const key: ObjectKey = { cluster: LOCAL, apiVersion: tracker.apiVersion, kind: tracker.kind, namespace: '', name: tracker.metadata.name ?? '' };
  const [records, facts, initializers, seen] = await Promise.all([
    doors.records.open(signal),
    doors.hubFacts(signal),
    initializersOn(doors.transport, signal),
    doors.transport.observe([key], signal),
  ]);
  const kept = seen.get(keyText(key));
  if (kept !== undefined && 'fault' in kept) throw kept.fault;
  const documents = kept !== undefined && 'live' in kept ? trackedOf(kept.live) : [];
  // Another instance's objects make our budget no larger.
  const inventories = [...records.values()].map((record) => ({ record, entries: union(...record.trackers.map(trackedOf)) }));
  const mine = [...inventories.filter(({ record }) => isKept(record, doors.instance)).flatMap(({ entries }) => entries), ...documents];
  return { ...facts, records, initializers, documents, kept: mine.map(({ key }) => key), shared: sharedKeys(inventories.map(({ entries }) => entries)) };
}

/** Reads the records of some applications; the rest is as the last whole pass found it. */
export async function rememberSome(doors: RememberDoors, only: ReadonlySet<string>, last: Remembered, signal: AbortSignal): Promise<Remembered> {
  const [records, initializers] = await Promise.all([
    doors.records.open(signal, only),
    last.initializers.length === 0 ? last.initializers : initializersOn(doors.transport, signal),
  ]);
  return { ...last, records, initializers };
}

const initializersOn = (transport: Transport, signal: AbortSignal): Promise<readonly KubeObject[]> =>
  whereServed(transport.list(LOCAL, 'core.oam.dev/v1beta1', 'Initializer', '', '', signal));

/** None where the kind is not installed: `plan` and `status` look at hubs that no pass has made ready yet. */
export function whereServed(list: Promise<readonly KubeObject[]>): Promise<readonly KubeObject[]> {
  return list.catch((error: unknown) => {
    if (error instanceof Fault && error.code === 'transport/no-kind') return [];
    throw error;
  });
}

/** Everything that is asked for or owned: what a pass has to look at. */
export function keysOf(desired: Desired, hub: Remembered, withDocuments: boolean): readonly ObjectKey[] {
  const keys = new Map<string, ObjectKey>();
  const add = (key: ObjectKey): void => void keys.set(keyText(key), key);
  for (const app of desired.applications) {
    for (const component of app.components.values()) component.objects.forEach((wanted) => add(wanted.key));
    app.policyObjects.forEach((wanted) => add(wanted.key));
    app.placed.forEach((wanted) => add(wanted.key));
  }
  if (withDocuments) {
    desired.objects.forEach((wanted) => add(wanted.key));
    hub.documents.forEach((entry) => add(entry.key));
  }
  for (const record of hub.records.values()) for (const entry of union(...record.trackers.map(trackedOf))) add(entry.key);
  return [...keys.values()];
}
