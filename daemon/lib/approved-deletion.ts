/**
 * Which deletions of a Configuration mean what it made in the cloud. The object may be deleted by anyone, by mistake, with
 * its namespace; Lateen deletes it only when an Approval says so, and marks it right before (I11). Pure.
 */
import type { KubeObject, ObjectKey } from '../model/object.ts';
import { timeText } from './text.ts';

/** When Lateen was about to delete the object, RFC 3339; whatever else somebody writes there means the same. */
const MARK = 'lateen.dev/approved-deletion';
/** A mark that no deletion followed within this time speaks of none; clocks may differ by as much. */
const MARK_VALID_MS = 10 * 60_000;

/** The annotation to be put on an object that is about to be deleted; null for kinds that nothing else hangs on. */
export function deletionMark(key: ObjectKey, nowMs: number): Readonly<Record<string, string>> | null {
  return key.kind === 'Configuration' && key.apiVersion.startsWith('terraform.core.oam.dev/') ? { [MARK]: timeText(nowMs) } : null;
}

/** Whether an object that is being deleted was marked for it. */
export function isDeletionApproved({ metadata }: KubeObject): boolean {
  const mark = metadata.annotations?.[MARK];
  if (mark === undefined) return false;
  const [markedMs, deletedMs] = [Date.parse(mark), Date.parse(metadata.deletionTimestamp ?? '')];
  return Number.isNaN(markedMs) || Number.isNaN(deletedMs) || deletedMs - markedMs < MARK_VALID_MS;
}
