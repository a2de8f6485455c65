/**
 * Before the first object of a component is written, the API server is asked whether it would take all of them: one that
 * it refuses leaves none of the others behind. KubeVela 1.10: pre-dispatch dry-run. One write alone needs no rehearsal.
 */
import { mapLimit } from '../lib/queue.ts';
import { endsTurn, toFault, type Fault } from '../model/fault.ts';
import type { Change } from '../model/plan.ts';
import type { ApplyRequest, Transport } from '../model/ports.ts';
import type { Delivered } from './run.ts';

/** Asked at the same time. */
const QUESTIONS_AT_ONCE_MAX = 10;

/** What the transport is asked to write for a change; null where nothing is. */
export function requestOf(change: Change): ApplyRequest | null {
  const { action, wanted, live } = change;
  if (wanted === null || action === 'refuse' || action === 'keep' || action === 'delete') return null;
  return { key: wanted.key, object: wanted.object, rules: wanted.rules, live, owned: action === 'update' || action === 'create' };
}

/** Null when they may be written; else what came of each: those that are to blame have a fault, and none is written. */
export async function rehearse(changes: readonly Change[], transport: Transport, signal: AbortSignal): Promise<readonly Delivered[] | null> {
  const asked = changes.flatMap((change) => {
    const request = requestOf(change);
    return request === null ? [] : [{ change, request }];
  });
  if (changes.length < 2 || asked.length === 0) return null;
  const faults = new Map<Change, Fault>(
    changes.flatMap((change) => (change.action === 'refuse' && change.fault !== null && isRefusal(change.fault, changes) ? [[change, change.fault]] : [])),
  );
  if (asked.length > 1 && transport.rehearse !== undefined) {
    const { rehearse: ask } = transport;
    await mapLimit(
      asked,
      QUESTIONS_AT_ONCE_MAX,
      async ({ change, request }) => {
        try {
          await ask(request, signal);
        } catch (error) {
          const fault = toFault(error);
          if (endsTurn(fault)) throw fault;
          if (isRefusal(fault, changes)) faults.set(change, fault);
        }
      },
      signal,
    );
  }
  return faults.size === 0 ? null : changes.map((change) => ({ change, live: change.live, fault: faults.get(change) ?? null, warnings: [] }));
}

/**
 * Whether the real write would be refused as well. A server that does not answer now may answer then; what one of the
 * changes brings is there by then; an admission webhook may not be able to rehearse.
 */
function isRefusal(fault: Fault, changes: readonly Change[]): boolean {
  if (fault.kind === 'transient' || /does not support dry run/i.test(fault.message)) return false;
  if (fault.code === 'transport/no-namespace') return !changes.some(({ key }) => key.kind === 'Namespace');
  if (fault.code === 'transport/no-kind') return !changes.some(({ key }) => key.kind === 'CustomResourceDefinition');
  return true;
}
