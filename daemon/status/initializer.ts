/** What an Initializer says of itself: KubeVela 1.1's status, and kstatus conditions beside it. Pure. */
import { timeText } from '../lib/text.ts';
import type { JsonObject, KubeObject } from '../model/object.ts';
import type { ApplicationReport, Condition, InitializerReport } from '../model/status.ts';

const conditionOf = (app: ApplicationReport | null, type: Condition['type']): Condition | undefined => app?.conditions.find((item) => item.type === type);

/** Why it is in its phase: what it waits for, or what its Application waits for. */
export function initializerConditions(
  phase: InitializerReport['phase'],
  dependsOn: InitializerReport['dependsOn'],
  app: ApplicationReport | null,
): { readonly conditions: readonly Condition[]; readonly message: string } {
  const waits = dependsOn.filter((on) => on.phase !== 'success');
  const stalled = conditionOf(app, 'Stalled')?.status === 'True';
  const ready = conditionOf(app, 'Ready');
  const message =
    phase === 'checkingDependsOn'
      ? `waits for ${waits.map((on) => `${on.name} (${on.phase})`).join(', ')}`
      : phase === 'success'
        ? ''
        : (app?.fault?.message ?? ready?.message ?? '');
  const reason = phase === 'success' ? 'Succeeded' : phase === 'initializing' ? (ready?.reason ?? 'Initializing') : 'DependencyNotReady';
  return {
    message,
    conditions: [
      {
        type: 'Ready',
        status: phase === 'success' && ready?.status !== 'False' ? 'True' : 'False',
        reason: ready?.status === 'False' ? ready.reason : reason,
        message: phase === 'success' && ready?.status === 'False' ? ready.message : message,
      },
      { type: 'Reconciling', status: phase === 'success' || stalled ? 'False' : 'True', reason, message: '' },
      { type: 'Stalled', status: stalled ? 'True' : 'False', reason, message: stalled ? message : '' },
    ],
  };
}

/**
 * The status on the hub. KubeVela 1.1: `status` is the phase, condition `Synced` is False with reason ReconcileError
 * while something is wrong, `observedGeneration` beside them. A condition keeps its time while it says the same.
 */
export function initializerStatus(report: InitializerReport, app: ApplicationReport | null, live: KubeObject, nowMs: number): JsonObject {
  const fault = app?.fault ?? null;
  const wanted = [
    {
      type: 'Synced',
      status: fault === null ? 'True' : 'False',
      reason: fault === null ? 'ReconcileSuccess' : 'ReconcileError',
      message: fault?.message ?? '',
    },
    ...report.conditions,
  ];
  const before = (live['status'] as { conditions?: readonly Readonly<Record<string, unknown>>[] } | undefined)?.conditions ?? [];
  const conditions = wanted.map((condition) => {
    const same = before.find(
      (item) =>
        item['type'] === condition.type &&
        item['status'] === condition.status &&
        item['reason'] === condition.reason &&
        (item['message'] ?? '') === condition.message,
    );
    const since = typeof same?.['lastTransitionTime'] === 'string' ? same['lastTransitionTime'] : timeText(nowMs);
    return {
      type: condition.type,
      status: condition.status,
      reason: condition.reason,
      ...(condition.message === '' ? {} : { message: condition.message }),
      lastTransitionTime: since,
    };
  });
  return { status: report.phase, observedGeneration: live.metadata.generation ?? 0, conditions };
}
