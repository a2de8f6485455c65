/**
 * What is to be deleted. Reads the inventory and what is live, and nothing else: no rendering, no CUE (I2). What cannot
 * be had back, and more than the budget at once, is kept until an Approval in Git says so (I11).
 */
import { DEFAULT_NAMESPACE, type Document } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import { describeKey, keyText, LOCAL, type JsonObject, type ObjectKey } from '../model/object.ts';
import type { Change } from '../model/plan.ts';
import type { Observation, Tracked } from '../model/status.ts';
import { isStamped, ownership, type Owner } from './decide.ts';

/** Kinds whose loss cannot be made good by applying the document again. */
const CANNOT_BE_HAD_BACK = new Set(['Initializer', 'Configuration', 'ManagedCluster', 'Namespace', 'CustomResourceDefinition', 'PersistentVolumeClaim']);

export interface Approvals {
  /** True when a valid Approval lets this object (or all of its application) be deleted. */
  readonly allowsDelete: (target: { readonly kind: string; readonly namespace: string; readonly name: string; readonly cluster?: string }) => boolean;
  /** The step that may go on, for action `resume`. */
  readonly resumes: (namespace: string, application: string, step: string, hash: string) => boolean;
}

/** Reads the Approval documents; `nowMs` decides which have expired. */
export function approvalsOf(documents: readonly Document[], nowMs: number): Approvals {
  const all = documents.map((document) => document.object['spec'] as JsonObject | undefined).filter((spec) => spec !== undefined)
    .filter((spec) => typeof spec['expires'] !== 'string' || Date.parse(spec['expires']) > nowMs);
  const target = (spec: JsonObject): JsonObject => (spec['target'] ?? {}) as JsonObject;
  const fits = (value: unknown, wanted: string | undefined): boolean => value === undefined || value === '' || value === wanted;
  // What an Approval does not say, it does not approve everywhere: `default` (or none, where the kind has none), the hub.
  const isAt = (spec: JsonObject, key: { readonly namespace: string; readonly cluster?: string }): boolean => (target(spec)['namespace'] ?? (key.namespace === '' ? '' : DEFAULT_NAMESPACE)) === key.namespace && (target(spec)['cluster'] || LOCAL) === (key.cluster ?? LOCAL);
  return {
    allowsDelete: (key) => all.some((spec) => spec['action'] === 'delete' && target(spec)['kind'] === key.kind && target(spec)['name'] === key.name && isAt(spec, key)),
    resumes: (namespace, application, step, hash) => all.some((spec) => spec['action'] === 'resume' && target(spec)['name'] === application && (target(spec)['namespace'] ?? DEFAULT_NAMESPACE) === namespace && fits(spec['step'], step) && fits(spec['hash'], hash)),
  };
}

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
    if ('fault' in observation) return { ...base, action: 'refuse', reason: observation.fault.message, fault: observation.fault };
    const { live } = observation;
    if (entry.skipGC) return { ...base, live, action: 'keep', reason: 'left, as its garbage-collect policy says' };
    if (live.metadata.annotations?.['app.oam.dev/skipGC'] === 'true') return { ...base, live, action: 'keep', reason: 'left, as its annotation app.oam.dev/skipGC says' };
    const { by } = ownership(live, input.owner);
    // What a step of KubeVela 1.1 makes carries no owner's label: there the inventory alone says whose it is.
    const isSteps = by === 'nobody' && entry.component === '' && entry.creator === 'workflow' && input.owner.name !== '' && isStamped(live);
    if (isSteps && input.shared?.has(keyText(key)) === true) return { ...base, live, action: 'keep', reason: 'left, for another application has made it too' };
    if (by !== 'us' && !isSteps) return { ...base, live, action: 'keep', reason: 'left, for it is not ours' };
    const isGuarded = CANNOT_BE_HAD_BACK.has(key.kind) || (input.leaving && input.isInitializer === true);
    if (isGuarded && !approved(input.approvals, key, input.owner, input.leaving)) {
      const fault = new Fault('plan/guard', `${describeKey(key)} is no longer asked for${input.owner.name === '' ? '' : ` by ${owner}`} and is kept, for it cannot be had back`);
      return { ...base, live, action: 'refuse', reason: fault.message, fault };
    }
    return { ...base, live, action: 'delete', reason: input.leaving ? 'its application is gone from the commit' : 'gone from the commit' };
  });
}

function approved(approvals: Approvals, key: ObjectKey, owner: Owner, leaving: boolean): boolean {
  return approvals.allowsDelete(key) || (leaving && owner.name !== '' && ['Application', 'Initializer'].some((kind) => approvals.allowsDelete({ kind, namespace: owner.namespace, name: owner.name })));
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
export function overBudget(deletions: readonly { readonly key: ObjectKey; readonly owner: Owner }[], ownedCount: number, budget: DeletionBudget, approvals: Approvals): ReadonlySet<string> {
  const counted = deletions.filter(({ key, owner }) => !approved(approvals, key, owner, true));
  if (counted.length <= budget.countMax || counted.length <= ownedCount * budget.shareMax) return new Set();
  return new Set(counted.map(({ key }) => keyText(key)));
}
