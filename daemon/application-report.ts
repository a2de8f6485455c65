/** What is said of one application at the end of its turn: the report, and the Application's status on the hub where it changed. */
import type { ApplicationDoors } from './application.ts';
import { findings } from './findings.ts';
import { timeText } from './lib/text.ts';
import { endsTurn, toFault, type Fault } from './model/fault.ts';
import { keyText, type KubeObject, type ObjectKey } from './model/object.ts';
import type { DesiredApplication } from './model/plan.ts';
import type { ApplicationRecord } from './model/ports.ts';
import type { ApplicationReport, ApprovalReport, Journal, ObjectReport, Observation, ServiceHealth, Tracked } from './model/status.ts';
import { AUTHOR_ANNOTATION, COMMIT_ANNOTATION } from './plan/records.ts';
import { definitionHashes } from './status/definition-hashes.ts';
import { carriedHealth, objectHealth } from './status/health.ts';
import { applicationStatus } from './status/hub.ts';
import { conditionsOf, phaseOf } from './status/phase.ts';
import { shownWorkflow } from './workflow/journal.ts';
import type { Delivered } from './workflow/run.ts';

/** What is known so far while one application is worked on; becomes the report. */
export interface Progress {
  application: KubeObject | null;
  journal: Journal | null;
  services: readonly ServiceHealth[];
  readonly observed: Map<string, Observation>;
  readonly touched: Map<string, Delivered>;
  tracked: readonly Tracked[];
  kept: readonly ObjectReport[];
  fault: Fault | null;
  /** Why a finished run could not be kept as it should be; "" when it could. */
  keeping: string;
  retryAfterMs: number | null;
}

function reportsOf(desired: DesiredApplication, progress: Progress): readonly ObjectReport[] {
  const reports = new Map<string, ObjectReport>();
  for (const entry of progress.tracked) {
    const seen = progress.observed.get(keyText(entry.key));
    if (seen === undefined) continue;
    if ('fault' in seen) reports.set(keyText(entry.key), { key: entry.key, health: 'Unknown', message: seen.fault.message, drift: [], fault: seen.fault });
    else reports.set(keyText(entry.key), { key: entry.key, ...objectHealth('live' in seen ? seen.live : null), drift: [], fault: null });
  }
  for (const [text, item] of progress.touched) {
    const drift = item.change.reason.startsWith('drift') ? item.change.fields.map((field) => field.path) : [];
    reports.set(text, { key: item.change.key, ...objectHealth(item.live), drift, fault: item.fault });
  }
  for (const item of progress.kept) reports.set(keyText(item.key), item);
  // An object that a suspended or failed run has not come to yet is no news, nor one of a component whose step was skipped.
  const made = new Set(progress.tracked.filter((entry) => entry.component === '').map((entry) => keyText(entry.key)));
  const reached = new Map(
    [...reports].filter(([text, item]) => item.health !== 'Missing' || progress.touched.has(text) || (progress.journal?.finished === true && made.has(text))),
  );
  return [...(desired.fault === null ? reached : reports)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, report]) => report);
}

/** An object as this pass has seen or left it last. */
function liveOf(progress: Progress, key: ObjectKey): KubeObject | null {
  const seen = progress.observed.get(keyText(key));
  return progress.touched.get(keyText(key))?.live ?? (seen !== undefined && 'live' in seen ? seen.live : null);
}

/** The objects that works carry to clusters where a klusterlet applies, by what it tells; those of other clusters are looked at there. */
function carriedReports(progress: Progress, { clusters }: ApplicationDoors): readonly ObjectReport[] {
  const ours = new Set(clusters.members.filter(({ mode }) => mode === 'ocm').map(({ name }) => name));
  return progress.tracked
    .filter(({ key }) => key.kind === 'ManifestWork' && ours.has(key.namespace))
    .flatMap(({ key }) => {
      const live = liveOf(progress, key);
      return live === null
        ? []
        : carriedHealth(live).map(({ key: carried, health, message }): ObjectReport => ({ key: carried, health, message, drift: [], fault: null }));
    });
}

/** Builds the report, and writes the Application's status where it changed. */
export async function tellApplication(
  desired: DesiredApplication,
  record: ApplicationRecord,
  progress: Progress,
  doors: ApplicationDoors,
): Promise<ApplicationReport> {
  const objects = reportsOf(desired, progress).map((item) => doors.told(item, liveOf(progress, item.key)?.metadata.generation));
  const facts = { dialect: desired.dialect, fault: progress.fault, journal: progress.journal, services: progress.services, objects, keeping: progress.keeping };
  const phase = phaseOf(facts);
  const conditions = conditionsOf(facts);
  const application = progress.application;
  let statusFault: Fault | null = null;
  if (application !== null) {
    try {
      await saveStatus(desired, record, application, progress, { phase, conditions }, doors);
    } catch (error) {
      statusFault = toFault(error);
      if (endsTurn(statusFault)) throw statusFault;
    }
  }
  const annotations = application?.metadata.annotations ?? {};
  return {
    namespace: desired.namespace,
    name: desired.name,
    path: desired.document.origin.path,
    phase,
    conditions,
    appliedRevision: annotations[COMMIT_ANNOTATION] ?? '',
    author: annotations[AUTHOR_ANNOTATION] ?? '',
    services: progress.services,
    journal: progress.journal,
    objects: [...objects, ...carriedReports(progress, doors)],
    latestRevision: desired.revision.name,
    ...(desired.fault === null ? { revisionHash: desired.revision.hash } : {}),
    diagnostics: [...desired.diagnostics, ...findings(desired, objects, progress.journal)],
    approvals: approvalsIn(desired, progress.journal, doors),
    definitions: definitionHashes(desired.definitions),
    fault: progress.fault ?? statusFault,
    retryAfterMs: progress.retryAfterMs,
  };
}

/** The Approvals by which steps of this content went on, for as long as they stand in the repository. */
function approvalsIn(desired: DesiredApplication, journal: Journal | null, doors: ApplicationDoors): readonly ApprovalReport[] {
  const begun = new Set(
    (journal?.steps ?? [])
      .flatMap((step) => [step, ...step.subSteps])
      .filter((step) => !['pending', 'suspending', 'skipped'].includes(step.phase))
      .map((step) => step.name),
  );
  return doors.approvals
    .ofApplication(desired.namespace, desired.name, desired.revision.hash)
    .filter((item) => begun.has(item.target) || (item.target.includes(' ') && journal?.suspend === false));
}

async function saveStatus(
  desired: DesiredApplication,
  record: ApplicationRecord,
  application: KubeObject,
  progress: Progress,
  told: { readonly phase: string; readonly conditions: ApplicationReport['conditions'] },
  doors: ApplicationDoors,
): Promise<void> {
  const journal = progress.journal;
  const finished = journal?.finished === true;
  const status = applicationStatus({
    dialect: desired.dialect,
    phase: told.phase,
    conditions: told.conditions,
    services: progress.services,
    workflow: journal === null ? null : shownWorkflow(journal, desired.dialect, desired.hasWorkflow),
    tracked: progress.tracked.filter((entry) => isThere(progress, entry.key)),
    revision: desired.fault === null ? desired.revision : latestOf(record),
    generation: application.metadata.generation ?? 0,
    fault: progress.fault,
    finished,
    live: record.application,
    now: timeText(doors.clock.now()),
  });
  await doors.records.saveStatus(application, status, doors.signal);
}

/** What could not be rendered is not what was applied: the hub goes on telling of the revision that runs. */
function latestOf(record: ApplicationRecord): { readonly name: string; readonly number: number; readonly hash: string } | null {
  const latest = (record.application?.['status'] as { latestRevision?: { name?: string; revision?: number; revisionHash?: string } } | undefined)
    ?.latestRevision;
  return latest?.name === undefined ? null : { name: latest.name, number: latest.revision ?? 0, hash: latest.revisionHash ?? '' };
}

/** Whether an object is there as far as is known: what the inventory names before a step comes to it is not applied yet. */
function isThere(progress: Progress, key: ObjectKey): boolean {
  const seen = progress.observed.get(keyText(key));
  return seen === undefined || !('absent' in seen) || (progress.touched.get(keyText(key))?.live ?? null) !== null;
}
