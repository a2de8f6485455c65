/** `EnvBinding.status` as KubeVela 1.1 writes it. Pure. */
import type { JsonObject } from '../model/object.ts';

export interface BoundFacts {
  /** The cluster of each environment that has one. */
  readonly decided: readonly { readonly env: string; readonly cluster: string }[];
  /** Why the others have none, or what could not be delivered. */
  readonly problems: readonly string[];
}

/**
 * The whole status; times change only with what they are about. KubeVela 1.1.0 spells `cluster_decisions` so, and leaves
 * the condition at its first error for ever; here it tells what is now.
 */
export function boundStatus({ decided, problems }: BoundFacts, live: JsonObject, now: string): JsonObject {
  const isWell = problems.length === 0;
  const status = isWell ? 'True' : 'False';
  const before = (Array.isArray(live['conditions']) ? (live['conditions'] as readonly JsonObject[]) : []).find((item) => item['type'] === 'Synced');
  const since = before !== undefined && before['status'] === status && typeof before['lastTransitionTime'] === 'string' ? before['lastTransitionTime'] : now;
  return {
    phase: isWell ? 'finished' : 'scheduling',
    cluster_decisions: decided.map((item) => ({ ...item })),
    conditions: [
      {
        type: 'Synced',
        status,
        reason: isWell ? 'ReconcileSuccess' : 'ReconcileError',
        ...(isWell ? {} : { message: problems.join('; ') }),
        lastTransitionTime: since,
      },
    ],
  };
}
