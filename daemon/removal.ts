/** What goes: objects that an application no longer wants, and applications whose documents are gone. */
import type { ApplicationDoors } from './application.ts';
import { deletionMark } from './lib/approved-deletion.ts';
import { mapLimit } from './lib/queue.ts';
import { endsTurn, Fault, toFault } from './model/fault.ts';
import { describeKey, keyText, LOCAL, type ObjectKey } from './model/object.ts';
import type { Change, DesiredApplication } from './model/plan.ts';
import type { ApplicationRecord } from './model/ports.ts';
import type { ApplicationReport, ApprovalReport, ObjectReport, Tracked } from './model/status.ts';
import type { Owner } from './plan/decide.ts';
import { trackedOf, union, without } from './plan/inventory.ts';
import { deletionWave, GIVEN_UP, prune } from './plan/prune.ts';
import { AUTHOR_ANNOTATION, COMMIT_ANNOTATION, SOURCE_ANNOTATION, surplusRevisions, trackerName } from './plan/records.ts';
import { objectHealth } from './status/health.ts';
import type { Delivered } from './workflow/run.ts';

/** Revisions kept beside the one in use. KubeVela: --application-revision-limit=10. */
const REVISIONS_MAX = 10;

/** What a removal reads of an application's progress, and what it adds. */
export interface Removing {
  readonly touched: ReadonlyMap<string, Delivered>;
  tracked: readonly Tracked[];
  /** Reports of what stays for now, and why. */
  kept: readonly ObjectReport[];
}

/**
 * Removes what older contents own and this one does not. Only after a run that succeeded, and not while an apply of this
 * application failed (I3). KubeVela 1.10: mark and sweep of history trackers.
 */
export async function removeStale(
  desired: DesiredApplication,
  record: ApplicationRecord,
  progress: Removing,
  owner: Owner,
  doors: ApplicationDoors,
  chosen: Chosen,
): Promise<void> {
  if (chosen.isComplete && doors.config.prune) await removeMoved(desired, progress, owner, doors, chosen);
  const old = record.trackers.filter((tracker) => tracker.metadata.name !== trackerName(desired));
  if (old.length > 0 && ![...progress.touched.values()].some((item) => item.fault !== null)) {
    const entries = without(union(...old.map(trackedOf)), wantedKeys(desired, progress));
    const left = doors.config.prune ? await removeEntries(entries, { owner, leaving: false }, progress, doors) : entries;
    if (left.length === 0) for (const tracker of old) await doors.records.remove('untrack', tracker, doors.signal);
    progress.tracked = union(without(progress.tracked, new Set(entries.map((entry) => keyText(entry.key)))), left);
  }
  for (const revision of surplusRevisions(record.revisions, desired.revision.name, REVISIONS_MAX)) await doors.records.remove('forget', revision, doors.signal);
}

/** What this run has asked for, or is known to ask for. */
function wantedKeys(desired: DesiredApplication, progress: Removing): Set<string> {
  const current = new Set(progress.touched.keys());
  for (const component of desired.components.values()) for (const wanted of component.objects) current.add(keyText(wanted.key));
  for (const wanted of desired.placed) current.add(keyText(wanted.key));
  return current;
}

/** What this content has delivered to chosen clusters. */
export interface Chosen {
  /** Every step was come to: what none of them asked for is where the choice led before. */
  readonly isComplete: boolean;
  readonly placed: readonly Tracked[];
  readonly untrack: (key: ObjectKey) => Promise<void>;
}

/**
 * Removes what lies where the choice of clusters no longer leads, after it lies where it leads now: of a component whose
 * apply failed everywhere nothing goes, nor anything in a cluster where an apply failed (I3).
 */
async function removeMoved(desired: DesiredApplication, progress: Removing, owner: Owner, doors: ApplicationDoors, chosen: Chosen): Promise<void> {
  const touched = [...progress.touched.values()];
  const failedIn = new Set(touched.filter((item) => item.fault !== null).map((item) => item.change.key.cluster));
  const arrived = (component: string): boolean => {
    const own = touched.filter((item) => item.change.wanted?.component === component);
    return own.length === 0 || own.some((item) => item.fault === null);
  };
  const entries = without(chosen.placed, wantedKeys(desired, progress)).filter((entry) => !failedIn.has(entry.key.cluster) && arrived(entry.component));
  const left = new Set((await removeEntries(entries, { owner, leaving: false }, progress, doors)).map((entry) => keyText(entry.key)));
  for (const entry of entries) if (!left.has(keyText(entry.key))) await chosen.untrack(entry.key);
}

const CLUSTERS_AT_ONCE_MAX = 16;

/** Only these hold others up: a ConfigMap that hangs on a finalizer is no reason to keep a cloud cluster. */
const isAwaited = (key: ObjectKey): boolean => ['ManagedCluster', 'Configuration'].includes(key.kind);

/** Deletes what may be deleted; answers with the entries that stay in the inventory, and reports each of them. */
async function removeEntries(
  entries: readonly Tracked[],
  whose: { readonly owner: Owner; readonly leaving: boolean; readonly isInitializer?: boolean },
  progress: Pick<Removing, 'kept'>,
  doors: ApplicationDoors,
): Promise<readonly Tracked[]> {
  if (entries.length === 0) return [];
  // What is deleted is looked at now, not at the start of the pass: it may have become somebody else's meanwhile.
  const observations = await doors.transport.observe(
    entries.map((entry) => entry.key),
    doors.signal,
  );
  const left: Tracked[] = [];
  const kept: ObjectReport[] = [];
  const away = new Map<string, Fault>();
  const changes = prune({ entries, observations, ...whose, approvals: doors.approvals, shared: doors.shared }).toSorted(
    (a, b) => deletionWave(a.key) - deletionWave(b.key),
  );
  const removeOne = async (change: Change): Promise<void> => {
    const text = keyText(change.key);
    const entry = entries.find((item) => keyText(item.key) === text);
    const giveUp = (consent: ApprovalReport | undefined): void => {
      if (consent !== undefined) doors.approvals.act(consent);
      doors.log.warn('given up', { object: describeKey(change.key), cluster: change.key.cluster });
    };
    if (change.reason === GIVEN_UP) return giveUp(change.approval);
    if (entry === undefined || change.action === 'keep') return;
    const first = left.find((item) => deletionWave(item.key) < deletionWave(change.key) && isAwaited(item.key));
    const stay = (fault: Fault | null, message: string): void => {
      left.push(entry);
      kept.push({ key: change.key, health: change.live === null ? 'Unknown' : objectHealth(change.live).health, message, drift: [], fault });
    };
    if (change.action === 'refuse') return stay(change.fault, change.reason);
    if (doors.heldBack.has(text))
      return stay(new Fault('plan/budget', `more would be deleted at once than the budget allows`), 'held back by the deletion budget');
    if (first !== undefined) return stay(null, `goes after ${describeKey(first.key)}`);
    // A watch may go on showing what lies on a cluster that does not answer any more.
    const missed = (fault: Fault): void => {
      const consent = doors.approvals.abandons(change.key.cluster);
      if (consent === null) stay(fault, fault.message);
      else giveUp(consent);
    };
    const lost = away.get(change.key.cluster);
    if (lost !== undefined) return missed(lost);
    try {
      const gone = await doors.transport.remove(
        change.key,
        change.live?.metadata.uid ?? '',
        'cascading',
        doors.signal,
        deletionMark(change.key, doors.clock.now()),
      );
      if (change.approval !== undefined) doors.approvals.act(change.approval);
      if (gone) return;
      stay(null, 'being deleted: a finalizer holds it');
      // Who holds it may say why.
      kept.push(...kept.splice(-1).map((report) => doors.told(report)));
    } catch (error) {
      const fault = toFault(error);
      if (endsTurn(fault)) throw fault;
      // One wait is enough to know that it does not answer: what else lies there is tried in the next pass.
      if (fault.code !== 'transport/unreachable') return stay(fault, fault.message);
      away.set(change.key.cluster, fault);
      missed(fault);
    }
  };
  // Clusters side by side, for one that does not answer must not hold up the others (I12).
  await mapLimit(
    [...Map.groupBy(changes, (change) => change.key.cluster).values()],
    CLUSTERS_AT_ONCE_MAX,
    async (own) => {
      for (const change of own) await removeOne(change);
    },
    doors.signal,
  );
  const placeOf = new Map(changes.map((change, index) => [keyText(change.key), index]));
  const inOrder = <T extends { readonly key: ObjectKey }>(items: readonly T[]): readonly T[] =>
    items.toSorted((x, y) => (placeOf.get(keyText(x.key)) ?? 0) - (placeOf.get(keyText(y.key)) ?? 0));
  progress.kept = [...progress.kept, ...inOrder(kept)];
  return inOrder(left);
}

/**
 * An application whose document is gone: everything it owns goes, then what the hub remembers of it. Reads the inventory
 * and nothing else (I2). What is guarded, held back or hangs on a finalizer stays, with its record, and is reported.
 */
export async function leaveApplication(record: ApplicationRecord, doors: ApplicationDoors, isInitializer = false): Promise<ApplicationReport | null> {
  const progress: Pick<Removing, 'kept'> = { kept: [] };
  const owner: Owner = { namespace: record.namespace, name: record.name, dialect: '1.10' };
  let fault: Fault | null = null;
  try {
    const entries = union(...record.trackers.map(trackedOf));
    const left = doors.config.prune ? await removeEntries(entries, { owner, leaving: true, isInitializer }, progress, doors) : entries;
    if (left.length === 0) {
      for (const tracker of record.trackers) await doors.records.remove('untrack', tracker, doors.signal);
      for (const revision of record.revisions) await doors.records.remove('forget', revision, doors.signal);
      if (record.journal !== null) await doors.records.remove('forget', record.journal, doors.signal);
      // Last of all: while it is there, the next pass knows that something of this application is left to do.
      if (record.application !== null) await doors.records.remove('forget', record.application, doors.signal);
      return null;
    }
  } catch (error) {
    fault = toFault(error);
    if (endsTurn(fault)) throw fault;
  }
  return leavingReport(record, fault, progress.kept);
}

/** What is said of one that is not gone yet. */
export function leavingReport(record: ApplicationRecord, fault: Fault | null, kept: readonly ObjectReport[], waitsFor = ''): ApplicationReport {
  const annotations = record.application?.metadata.annotations ?? {};
  const guard = fault ?? kept.find((item) => item.fault !== null)?.fault ?? null;
  const away = kept.find((item) => item.fault?.code === 'transport/unreachable' && item.key.cluster !== LOCAL)?.key.cluster;
  const giveUp = guard?.code === 'transport/unreachable' && away !== undefined ? `; what lies on ${away} is given up by an Approval to abandon it` : '';
  const message = guard === null ? waitsFor || 'objects are being deleted' : `${guard.message}${giveUp}`;
  // What passes by itself, a cluster that is away, is tried again.
  const isStuck = guard !== null && guard.kind !== 'transient';
  return {
    namespace: record.namespace,
    name: record.name,
    path: annotations[SOURCE_ANNOTATION] ?? '',
    phase: 'deleting',
    conditions: [
      { type: 'Ready', status: 'False', reason: 'Deleting', message },
      { type: 'Reconciling', status: isStuck ? 'False' : 'True', reason: 'Deleting', message: '' },
      { type: 'Stalled', status: isStuck ? 'True' : 'False', reason: 'Deleting', message: isStuck ? message : '' },
    ],
    appliedRevision: annotations[COMMIT_ANNOTATION] ?? '',
    author: annotations[AUTHOR_ANNOTATION] ?? '',
    services: [],
    journal: null,
    objects: kept,
    latestRevision: '',
    diagnostics: [],
    fault: guard,
    retryAfterMs: 2000,
  };
}
