/**
 * The status of a ManifestWork: what OCM 1.3's agent writes, reasons, messages and the order of conditions included.
 * Pure.
 *
 *   per manifest   Applied ── any False ──> work Applied False
 *                  Available (exists?) ───> work Available: False before Unknown before True
 *                  StatusFeedbackSynced, conditions of rules ──> work conditions of the same type
 */
import { equal, isRecord } from '../lib/json.ts';
import type { Json, JsonObject, KubeObject } from '../model/object.ts';
import { feedbackOf, ruleConditions } from './work-feedback.ts';
import { configFor, findCondition, statusOf } from './work-model.ts';
import type { ManifestStatus, ResourceMeta, WorkCondition, WorkStatus } from './work-model.ts';

/** What became of one manifest. */
export interface Outcome {
  readonly meta: ResourceMeta;
  /** Why it was not applied, in OCM's words; null when it was. */
  readonly error: string | null;
  /** OCM's own reason where it is another than AppliedManifestFailed. */
  readonly reason?: 'AppliedManifestSSAIgnoreFieldError';
}

/** What was seen of the object: there, absent, not asked for since the kind is not known, or the words of a failure. */
export type Seen = { readonly live: KubeObject } | { readonly absent: true } | { readonly unknownKind: true } | { readonly error: string };

/** As SetStatusCondition of Kubernetes: in its old place, and the time moves with the status only. */
export function setCondition(conditions: readonly WorkCondition[], condition: WorkCondition, now: string): readonly WorkCondition[] {
  const at = conditions.findIndex((other) => other.type === condition.type);
  const before = conditions[at];
  if (before === undefined) return [...conditions, { ...condition, lastTransitionTime: now }];
  return conditions.with(at, { ...condition, lastTransitionTime: before.status === condition.status ? (before.lastTransitionTime ?? now) : now });
}

/** The status after an attempt to apply every manifest at `generation`. Entries follow the manifests; what was known of one is kept. */
export function withOutcomes(status: WorkStatus, outcomes: readonly Outcome[], generation: number, now: string): WorkStatus {
  const find = finder(status.manifests);
  const manifests = outcomes.map(({ meta, error, reason }): ManifestStatus => {
    const condition: WorkCondition =
      error === null
        ? { type: 'Applied', status: 'True', reason: 'AppliedManifestComplete', message: 'Apply manifest complete', observedGeneration: generation }
        : {
            type: 'Applied',
            status: 'False',
            reason: reason ?? 'AppliedManifestFailed',
            message: `${reason === undefined ? 'Failed to apply manifest' : 'Failed to process ignoreFields'}: ${error}`,
            observedGeneration: generation,
          };
    const known = find(meta);
    // At another generation the condition is made anew, at the end.
    const kept = (known?.conditions ?? []).filter((old) => old.type !== 'Applied' || old.observedGeneration === generation);
    return { resourceMeta: meta, statusFeedback: known?.statusFeedback ?? {}, conditions: setCondition(kept, condition, now) };
  });
  const isApplied = outcomes.every(({ error }) => error === null);
  const applied: WorkCondition = isApplied
    ? { type: 'Applied', status: 'True', reason: 'AppliedManifestWorkComplete', message: 'Apply manifest work complete', observedGeneration: generation }
    : { type: 'Applied', status: 'False', reason: 'AppliedManifestWorkFailed', message: 'Failed to apply manifest work', observedGeneration: generation };
  return { conditions: outcomes.length === 0 ? status.conditions : setCondition(status.conditions, applied, now), manifests };
}

/** Entries by their whole resourceMeta, else by all of it but the place, where that is unique. */
function finder(manifests: readonly ManifestStatus[]): (meta: ResourceMeta) => ManifestStatus | undefined {
  const whole = new Map(manifests.map((entry) => [`${entry.resourceMeta.ordinal}|${identity(entry.resourceMeta)}`, entry]));
  const groups = Map.groupBy(manifests, (entry) => identity(entry.resourceMeta));
  return (meta) => {
    const alike = groups.get(identity(meta)) ?? [];
    return whole.get(`${meta.ordinal}|${identity(meta)}`) ?? (alike.length === 1 ? alike[0] : undefined);
  };
}

/** A resource without its place among the manifests. */
export const identity = ({ group, version, kind, resource, name, namespace }: ResourceMeta): string =>
  [group, version, kind, resource, namespace, name].join('|');

/** The status after each object was looked for; `seen` goes by the entries' place. */
export function withSeen(work: KubeObject, status: WorkStatus, seen: readonly Seen[], now: string): WorkStatus {
  const generation = work.metadata.generation ?? 0;
  const manifests = status.manifests.map((entry, at) => withObject(work, entry, seen[at] ?? { unknownKind: true }, generation, now));
  let conditions = status.conditions;
  for (const condition of aggregated(manifests, generation)) conditions = setCondition(conditions, condition, now);
  return { conditions: conditions.filter((condition) => !isStale(condition, generation)), manifests };
}

function withObject(work: KubeObject, entry: ManifestStatus, seen: Seen, generation: number, now: string): ManifestStatus {
  let conditions = setCondition(entry.conditions, available(seen), now);
  if (!('live' in seen)) return { ...entry, conditions };
  const config = configFor(work, entry.resourceMeta);
  const { values, condition } = feedbackOf(seen.live, config.feedbackRules);
  if (!equal(entry.statusFeedback.values ?? [], values)) conditions = conditions.filter((old) => old.type !== condition.type);
  conditions = setCondition(conditions, condition, now);
  for (const rule of ruleConditions(seen.live, config.conditionRules)) conditions = setCondition(conditions, { ...rule, observedGeneration: generation }, now);
  return {
    resourceMeta: entry.resourceMeta,
    statusFeedback: values.length === 0 ? {} : { values },
    conditions: conditions.filter((old) => !isStale(old, generation)),
  };
}

function available(seen: Seen): WorkCondition {
  if ('live' in seen) return { type: 'Available', status: 'True', reason: 'ResourceAvailable', message: 'Resource is available' };
  if ('absent' in seen) return { type: 'Available', status: 'False', reason: 'ResourceNotAvailable', message: 'Resource is not available' };
  if ('unknownKind' in seen) return { type: 'Available', status: 'Unknown', reason: 'IncompleteResourceMeta', message: 'Resource meta is incomplete' };
  return { type: 'Available', status: 'Unknown', reason: 'FetchingResourceFailed', message: `Failed to fetch resource: ${seen.error}` };
}

const isOfRule = (condition: WorkCondition): boolean => condition.reason.startsWith('ConditionRule');
/** A rule's condition of another generation: the rule is gone. */
const isStale = (condition: WorkCondition, generation: number): boolean => isOfRule(condition) && (condition.observedGeneration ?? 0) !== generation;

/** The work's conditions that are drawn from all manifests, sorted by type; Available always. */
function aggregated(manifests: readonly ManifestStatus[], generation: number): readonly WorkCondition[] {
  const told = manifests.flatMap((entry) => entry.conditions).filter((condition) => condition.type === 'Available' || isOfRule(condition));
  const types = [...new Set(['Available', ...told.map((condition) => condition.type)])].sort();
  return types.map((type) => {
    const of = told.filter((condition) => condition.type === type);
    const count = (status: string): number => of.filter((condition) => condition.status === status).length;
    return type === 'Available' ? availableOf(count, manifests.length, generation) : ruleOf(type, of, count, generation);
  });
}

function availableOf(count: (status: string) => number, total: number, observedGeneration: number): WorkCondition {
  const type = 'Available';
  if (count('False') > 0)
    return { type, status: 'False', reason: 'ResourcesNotAvailable', message: `${count('False')} of ${total} resources are not available`, observedGeneration };
  if (count('Unknown') > 0)
    return {
      type,
      status: 'Unknown',
      reason: 'ResourcesStatusUnknown',
      message: `${count('Unknown')} of ${total} resources have unknown status`,
      observedGeneration,
    };
  if (count('True') === 0)
    return { type, status: 'Unknown', reason: 'ResourcesStatusUnknown', message: 'cannot get any available resource ', observedGeneration };
  return { type, status: 'True', reason: 'ResourcesAvailable', message: 'All resources are available', observedGeneration };
}

/** False wins, then Unknown; for Progressing True wins. */
function ruleOf(type: string, of: readonly WorkCondition[], count: (status: string) => number, observedGeneration: number): WorkCondition {
  const order = type === 'Progressing' ? (['True', 'Unknown', 'False'] as const) : (['False', 'Unknown', 'True'] as const);
  const status = order.find((word) => count(word) > 0) ?? 'Unknown';
  const messages = of.map((condition) => condition.message).filter((message) => message !== '');
  const message = of.length === 1 && messages.length === 1 ? messages.join() : `Aggregated from ${of.length} manifest conditions`;
  return { type, status, reason: 'ConditionRulesAggregated', message, observedGeneration };
}

/** The status with `Deleting`, as it stands while what was applied goes. */
export function withDeleting(status: WorkStatus, generation: number, now: string): WorkStatus {
  const condition: WorkCondition = {
    type: 'Deleting',
    status: 'True',
    reason: 'WorkDeleting',
    message: 'ManifestWork is being deleted',
    observedGeneration: generation,
  };
  return { ...status, conditions: setCondition(status.conditions, condition, now) };
}

/** The body of the merge patch that turns the work's status into `status`; null when it says so already. */
export function statusPatch(work: KubeObject, status: WorkStatus): JsonObject | null {
  const before = statusOf(work);
  const isKept = equal(before.conditions, status.conditions);
  if (isKept && equal(before.manifests, status.manifests)) return null;
  // A work that never had one gets the whole; lists are replaced as a whole either way.
  const resourceStatus = isRecord(work['status']) && equal(before.manifests, status.manifests) ? {} : { resourceStatus: { manifests: status.manifests } };
  return { ...(isKept ? {} : { conditions: status.conditions }), ...resourceStatus } as unknown as { readonly [field: string]: Json };
}

/** Whether the work was applied at its generation. */
export function isAppliedNow(work: KubeObject): boolean {
  const applied = findCondition(statusOf(work).conditions, 'Applied');
  return applied?.status === 'True' && applied.observedGeneration === (work.metadata.generation ?? 0);
}
