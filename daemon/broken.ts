/**
 * Applications that the commit holds but nobody can read, or may hold: they keep everything they own (I11), and their
 * status says so, on the hub and in Git (I4). Nothing of theirs is looked for a difference or written meanwhile.
 */
import type { ApplicationDoors } from './application.ts';
import type { Catalog } from './model/catalog.ts';
import { endsTurn, Fault, toFault, type Diagnostic } from './model/fault.ts';
import { keyText, type JsonObject } from './model/object.ts';
import type { ApplicationRecord } from './model/ports.ts';
import type { ApplicationReport, ObjectReport } from './model/status.ts';
import { trackedOf, union } from './plan/inventory.ts';
import { isKept } from './plan/plan.ts';
import { AUTHOR_ANNOTATION, COMMIT_ANNOTATION, SOURCE_ANNOTATION } from './plan/records.ts';
import { objectHealth } from './status/health.ts';
import { withConditions } from './status/hub.ts';
import { conditionsOf, phaseOf } from './status/phase.ts';
import { timeText } from './lib/text.ts';

/** One of them: what the hub remembers of it, where it is written, and why it cannot be used. */
export interface BrokenApplication {
  readonly record: ApplicationRecord;
  readonly path: string;
  readonly fault: Fault;
  readonly diagnostics: readonly Diagnostic[];
}

/** Those of a commit, by `namespace/name`. While a file cannot be read, any that is not seen may be in it. */
export function brokenApplications(catalog: Catalog, records: ReadonlyMap<string, ApplicationRecord>, instance: string): readonly BrokenApplication[] {
  const found = new Map<string, BrokenApplication>();
  const usable = new Set(catalog.applications.map(({ object }) => `${object.metadata.namespace ?? 'default'}/${object.metadata.name ?? ''}`));
  for (const item of catalog.broken) {
    const namespace = item.namespace || 'default';
    const name = `${namespace}/${item.name}`;
    const record = records.get(name);
    if (usable.has(name) || (item.kind !== 'Application' && !(item.kind === '' && record !== undefined && isKept(record, instance)))) continue;
    const named = catalog.diagnostics.filter((diagnostic) => diagnostic.application === name);
    const diagnostics = named.length > 0 ? named : catalog.diagnostics.filter((diagnostic) => diagnostic.origin?.path === item.origin.path);
    const first = diagnostics.find((diagnostic) => diagnostic.severity === 'error');
    found.set(name, {
      record: record ?? { namespace, name: item.name, application: null, trackers: [], revisions: [], journal: null },
      path: item.origin.path,
      diagnostics,
      fault: new Fault(first?.code ?? 'load/schema', first?.message ?? 'the document cannot be used'),
    });
  }
  const [unreadable] = catalog.unreadable;
  for (const [name, record] of unreadable === undefined ? [] : records) {
    if (usable.has(name) || found.has(name) || !isKept(record, instance)) continue;
    const path = record.application?.metadata.annotations?.[SOURCE_ANNOTATION] ?? '';
    found.set(name, {
      record,
      path,
      diagnostics: [],
      fault: new Fault(
        'plan/unreadable',
        `${unreadable?.path ?? ''} cannot be read, so it is not known whether this application is still asked for; it is kept as it is`,
        { kind: 'invalid' },
      ),
    });
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}

/** Tells of one. Never throws but for cancellation and a lost Lease. */
export async function tellBroken(item: BrokenApplication, doors: ApplicationDoors): Promise<ApplicationReport> {
  const { record, fault } = item;
  const annotations = record.application?.metadata.annotations ?? {};
  const objects = union(...record.trackers.map(trackedOf)).map((entry): ObjectReport => {
    const seen = doors.observed.get(keyText(entry.key));
    if (seen !== undefined && 'fault' in seen) return { key: entry.key, health: 'Unknown', message: seen.fault.message, drift: [], fault: seen.fault };
    return { key: entry.key, ...objectHealth(seen !== undefined && 'live' in seen ? seen.live : null), drift: [], fault: null };
  });
  const facts = { dialect: '1.10' as const, fault, journal: null, services: [], objects };
  // What is not even known to be broken is still in the phase that it was in.
  const phase = (fault.code === 'plan/unreadable' && phaseOnHub(record)) || phaseOf(facts);
  const conditions = conditionsOf(facts);
  let statusFault: Fault | null = null;
  if (record.application !== null) {
    try {
      await doors.records.saveStatus(
        record.application,
        {
          ...(record.application['status'] as JsonObject | undefined),
          status: phase,
          conditions: withConditions(record.application, conditions, timeText(doors.clock.now())),
        },
        doors.signal,
      );
    } catch (error) {
      statusFault = toFault(error);
      if (endsTurn(statusFault)) throw statusFault;
    }
  }
  return {
    namespace: record.namespace,
    name: record.name,
    path: item.path,
    phase,
    conditions,
    appliedRevision: annotations[COMMIT_ANNOTATION] ?? '',
    author: annotations[AUTHOR_ANNOTATION] ?? '',
    services: [],
    journal: null,
    objects: objects.sort((a, b) => (keyText(a.key) < keyText(b.key) ? -1 : 1)),
    latestRevision: revisionOf(record),
    diagnostics: item.diagnostics,
    fault: statusFault ?? fault,
    retryAfterMs: null,
  };
}

function phaseOnHub(record: ApplicationRecord): string {
  const phase = (record.application?.['status'] as JsonObject | undefined)?.['status'];
  return typeof phase === 'string' ? phase : '';
}

function revisionOf(record: ApplicationRecord): string {
  const status = record.application?.['status'] as { latestRevision?: { name?: unknown } } | undefined;
  const name = status?.latestRevision?.name;
  return typeof name === 'string' ? name : '';
}
