/**
 * What is to be deleted. Reads the inventory and what is live, and nothing else: no rendering, no CUE (I2). What cannot
 * be had back, and more than the budget at once, is kept until an Approval in Git says so (I11).
 */
import { Fault } from '../model/fault.ts';
import { describeKey, keyText, type KubeObject, type ObjectKey } from '../model/object.ts';
import type { Change } from '../model/plan.ts';
import type { Observation, Tracked } from '../model/status.ts';
import type { Approvals, Consent, DeleteTarget } from './approvals.ts';
import { isStamped, ownership, type Owner } from './decide.ts';

/** Kinds whose loss cannot be made good by applying the document again. */
const CANNOT_BE_HAD_BACK = new Set(['Initializer', 'Configuration', 'ManagedCluster', 'Namespace', 'CustomResourceDefinition', 'PersistentVolumeClaim']);

export interface PruneInput {
  /** Entries that nothing wants any more. */
  readonly entries: readonly Tracked[];
  readonly observations: ReadonlyMap<string, Observation>;
  readonly owner: Owner;
  readonly approvals: Approvals;
  /** The application itself leaves the repository: garbage-collect `onAppDelete` applies. */
  readonly leaving: boolean;
  /** It is an Initializer's: all that it made stays until an Approval names the Initializer (I11). */
  readonly isInitializer?: boolean;
  /** Objects (keyText) that more than one application has in its inventory. Absent: there are none. */
  readonly shared?: ReadonlySet<string>;
}

/** Why an entry is let go of though nobody knows what became of the object. */
export const GIVEN_UP = 'given up with its cluster, as an Approval says';

/**
 * One change per entry, in reverse order of application: `delete`; `keep` for what is gone already, belongs to another
 * or is left on purpose; `refuse` for what is guarded or could not be looked at (it goes back into the inventory, I3).
 */
export function prune(input: PruneInput): readonly Change[] {
  const owner = `${input.owner.namespace}/${input.owner.name}`;
  return input.entries.toReversed().map((entry): Change => {
    const { key } = entry;
    const base = { key, wanted: null, fields: [], live: null, fault: null };
    // What was not looked for is not known to be gone (I11).
    const observation = input.observations.get(keyText(key)) ?? { fault: new Fault('transport/unreachable', `${describeKey(key)} was not looked at`) };
    if ('absent' in observation) return { ...base, action: 'keep', reason: 'gone already' };
    const abandoned = 'fault' in observation ? input.approvals.abandons(key.cluster) : null;
    if (abandoned !== null) return { ...base, action: 'keep', reason: GIVEN_UP, approval: abandoned };
    if ('fault' in observation) return { ...base, action: 'refuse', reason: observation.fault.message, fault: observation.fault };
    const { live } = observation;
    if (entry.skipGC) return { ...base, live, action: 'keep', reason: 'left, as its garbage-collect policy says' };
    if (live.metadata.annotations?.['app.oam.dev/skipGC'] === 'true')
      return { ...base, live, action: 'keep', reason: 'left, as its annotation app.oam.dev/skipGC says' };
    const { by } = ownership(live, input.owner);
    // What a step of KubeVela 1.1 makes carries no owner's label: there the inventory alone says whose it is.
    const isSteps = by === 'nobody' && entry.component === '' && entry.creator === 'workflow' && input.owner.name !== '' && isStamped(live);
    if (isSteps && input.shared?.has(keyText(key)) === true) return { ...base, live, action: 'keep', reason: 'left, for another application has made it too' };
    if (by !== 'us' && !isSteps) return { ...base, live, action: 'keep', reason: 'left, for it is not ours' };
    const isGuarded = CANNOT_BE_HAD_BACK.has(key.kind) || (input.leaving && input.isInitializer === true);
    const consent = consentTo(input.approvals, { ...key, ...uidOf(live) }, input.owner, input.leaving);
    if (isGuarded && consent === null) {
      const fault = new Fault(
        'plan/guard',
        `${describeKey(key)} is no longer asked for${input.owner.name === '' ? '' : ` by ${owner}`} and is kept, for it cannot be had back`,
      );
      return { ...base, live, action: 'refuse', reason: fault.message, fault };
    }
    return {
      ...base,
      live,
      action: 'delete',
      reason: input.leaving ? 'its application is gone from the commit' : 'gone from the commit',
      ...(consent === null ? {} : { approval: consent }),
    };
  });
}

export const uidOf = (live: KubeObject | null): { readonly uid?: string } => (live?.metadata.uid === undefined ? {} : { uid: live.metadata.uid });

/** The Approval by which an object may go: its own, or that of its application when that leaves. */
export function consentTo(approvals: Approvals, target: DeleteTarget, owner: Owner, leaving: boolean): Consent | null {
  const whole = (kind: string): Consent | null =>
    leaving && owner.name !== '' ? approvals.allowsDelete({ kind, namespace: owner.namespace, name: owner.name }) : null;
  return approvals.allowsDelete(target) ?? whole('Application') ?? whole('Initializer');
}

/**
 * What has to be gone before something else may go: a cluster's registration (it clears what lies on the cluster) before
 * the cloud cluster, and that before the account that it was made with.
 */
const LATE_KINDS: readonly string[] = ['Configuration', 'Provider'];

/** When an object goes: one of a later wave only after all of the earlier ones are gone. ManagedClusters are in the first. */
export function deletionWave(key: ObjectKey): number {
  return key.kind === 'ManagedCluster' ? 0 : 2 + Math.max(-1, LATE_KINDS.indexOf(key.kind));
}

/** The objects that stand in more than one application's inventory, by keyText. */
export function sharedKeys(inventories: readonly (readonly Tracked[])[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const entries of inventories) for (const text of new Set(entries.map((entry) => keyText(entry.key)))) (seen.has(text) ? shared : seen).add(text);
  return shared;
}

/** At most so many objects, or so large a share of all that is owned; over both, nothing is deleted. */
export interface DeletionBudget {
  readonly countMax: number;
  /** 0 to 1. */
  readonly shareMax: number;
}

/**
 * The keys (keyText) whose deletion the budget holds back: all of them when both bounds are exceeded, except those that
 * are approved. An application that is deleted by name in an Approval counts as approved.
 */
export function overBudget(
  deletions: readonly { readonly key: ObjectKey; readonly owner: Owner; readonly uid?: string }[],
  ownedCount: number,
  budget: DeletionBudget,
  approvals: Approvals,
): ReadonlySet<string> {
  const counted = deletions.filter(({ key, owner, uid }) => consentTo(approvals, { ...key, ...(uid === undefined ? {} : { uid }) }, owner, true) === null);
  if (counted.length <= budget.countMax || counted.length <= ownedCount * budget.shareMax) return new Set();
  return new Set(counted.map(({ key }) => keyText(key)));
}
