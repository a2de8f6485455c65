/**
 * The journal of an application over its lives: read from the Application's status, and when that is lost (the object was
 * deleted by hand) from the ApplicationRevision, which keeps a copy of a finished run. A finished run is never run again
 * for want of its journal (I6).
 */
import { keyText, LOCAL, type JsonObject, type KubeObject, type ObjectKey } from './model/object.ts';
import type { DesiredApplication } from './model/plan.ts';
import type { ApplicationRecord, Records, Transport } from './model/ports.ts';
import type { Journal } from './model/status.ts';
import { trackerName } from './plan/records.ts';
import { runNameOf } from './workflow/beginning.ts';
import { readJournal, shownWorkflow } from './workflow/journal.ts';

/** What the Application's status says of the run of this content; null when there is none, or somebody restarted it. */
export function shownJournal(desired: DesiredApplication, record: ApplicationRecord): Journal | null {
  const status = record.application?.['status'] as JsonObject | undefined;
  const journal = readJournal(status?.['workflow'], record.journal);
  return journal.appRevision === runNameOf(desired) && status?.['workflow'] !== undefined ? journal : null;
}

/** As {@link shownJournal}, and for an Application that lost its whole status, what its revision remembers. */
export async function recallJournal(
  desired: DesiredApplication,
  record: ApplicationRecord,
  transport: Transport,
  signal: AbortSignal,
): Promise<Journal | null> {
  const shown = shownJournal(desired, record);
  const status = record.application?.['status'] as JsonObject | undefined;
  // A status without a workflow is a restart that somebody asked for; no status at all is a loss.
  if (shown !== null || status?.['status'] !== undefined) return shown;
  if (!record.trackers.some((tracker) => tracker.metadata.name === trackerName(desired))) return null;
  const key: ObjectKey = {
    cluster: LOCAL,
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'ApplicationRevision',
    namespace: desired.namespace,
    name: desired.revision.name,
  };
  const seen = (await transport.observe([key], signal)).get(keyText(key));
  if (seen === undefined || !('live' in seen)) return null;
  const journal = readJournal((seen.live['status'] as JsonObject | undefined)?.['workflow'], record.journal);
  return journal.finished && journal.appRevision === runNameOf(desired) ? journal : null;
}

/** Keeps the copy, once, when a run has just come to its end. KubeVela 1.10: status of the ApplicationRevision. */
export async function keepFinished(
  desired: DesiredApplication,
  revision: KubeObject,
  before: Journal,
  after: Journal,
  records: Records,
  signal: AbortSignal,
): Promise<void> {
  if (before.finished || !after.finished) return;
  await records.saveStatus(
    revision,
    { succeeded: after.state === 'succeeded', workflow: shownWorkflow(after, desired.dialect, desired.hasWorkflow) ?? {} },
    signal,
  );
}
