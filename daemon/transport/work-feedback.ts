/** What a ManifestWork reports of a live object: feedback values and conditions by rules, in OCM 1.3's words. Pure. */
import { isRecord } from '../lib/json.ts';
import type { KubeObject } from '../model/object.ts';
import type { ConditionRule, FeedbackRule, FeedbackValue, WorkCondition } from './work-model.ts';
import { groupVersionOf } from './work-model.ts';
import { findAll } from './work-path.ts';

/** OCM 1.3: WellKnownStatus. No StatefulSet, and no kind of a CRD. */
const WELL_KNOWN: Readonly<Record<string, readonly { readonly name: string; readonly path: string }[]>> = {
  'apps/v1/Deployment': [
    { name: 'ReadyReplicas', path: '.status.readyReplicas' },
    { name: 'Replicas', path: '.status.replicas' },
    { name: 'AvailableReplicas', path: '.status.availableReplicas' },
  ],
  'apps/v1/DaemonSet': [
    { name: 'NumberReady', path: '.status.numberReady' },
    { name: 'DesiredNumberScheduled', path: '.status.desiredNumberScheduled' },
    { name: 'NumberAvailable', path: '.status.numberAvailable' },
  ],
  'batch/v1/Job': [
    { name: 'JobComplete', path: '.status.conditions[?(@.type=="Complete")].status' },
    { name: 'JobSucceeded', path: '.status.succeeded' },
  ],
  'v1/Pod': [
    { name: 'PodReady', path: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'PodPhase', path: '.status.phase' },
  ],
};

/** The values that the rules ask for, and the condition StatusFeedbackSynced. Values that are missing are left out. */
export function feedbackOf(live: KubeObject, rules: readonly FeedbackRule[]): { readonly values: readonly FeedbackValue[]; readonly condition: WorkCondition } {
  const values: FeedbackValue[] = [];
  const errors = new Set<string>();
  for (const rule of rules)
    for (const { name, path, version } of pathsOf(live, rule, errors)) {
      if (version !== undefined && version !== '' && version !== groupVersionOf(live.apiVersion).version)
        errors.add(`version set in the path ${name} is not matched for the related resource`);
      else addValue(live, name, path, values, errors);
    }
  const condition = (status: 'True' | 'False', reason: string, message: string): WorkCondition => ({ type: 'StatusFeedbackSynced', status, reason, message });
  if (rules.length === 0) return { values, condition: condition('True', 'NoStatusFeedbackSynced', '') };
  if (errors.size === 0) return { values, condition: condition('True', 'StatusFeedbackSynced', '') };
  const words = errors.size === 1 ? [...errors].join() : `[${[...errors].join(', ')}]`;
  return { values, condition: condition('False', 'StatusFeedbackSyncFailed', `Sync status feedback failed with error ${words}`) };
}

function pathsOf(
  live: KubeObject,
  rule: FeedbackRule,
  errors: Set<string>,
): readonly { readonly name: string; readonly path: string; readonly version?: string }[] {
  if (rule.type !== 'WellKnownStatus') return rule.jsonPaths ?? [];
  const known = WELL_KNOWN[`${live.apiVersion}/${live.kind}`];
  if (known !== undefined) return known;
  const { group, version } = groupVersionOf(live.apiVersion);
  errors.add(`cannot find the wellknown statuses for resource with gvk ${group}/${version}, Kind=${live.kind}`);
  return [];
}

function addValue(live: KubeObject, name: string, path: string, values: FeedbackValue[], errors: Set<string>): void {
  let value: unknown;
  try {
    [value] = findAll(live, path);
  } catch (error) {
    errors.add(`failed to parse json path ${path} of ${name} with error: ${(error as Error).message}`);
    return;
  }
  if (value === undefined || value === null) return;
  if (typeof value === 'string') values.push({ name, fieldValue: { type: 'String', string: value } });
  else if (typeof value === 'boolean') values.push({ name, fieldValue: { type: 'Boolean', boolean: value } });
  else if (typeof value === 'bigint' || Number.isInteger(value)) values.push({ name, fieldValue: { type: 'Integer', integer: value as number | bigint } });
  else errors.add(`the type ${goTypeOf(value)} of the value for ${name} is not found`);
}

const goTypeOf = (value: unknown): string => (Array.isArray(value) ? '[]interface {}' : isRecord(value) ? 'map[string]interface {}' : 'float64');

/**
 * Conditions that condition rules ask for. OCM evaluates CEL; here only its two well-known ones are known (`Complete` of
 * a Job and of a Pod), and a rule in CEL is answered with Unknown, which says so.
 */
export function ruleConditions(live: KubeObject, rules: readonly ConditionRule[]): readonly WorkCondition[] {
  return rules.flatMap((rule): readonly WorkCondition[] => {
    if (rule.type === 'CEL')
      return [
        {
          type: rule.condition,
          status: 'Unknown',
          reason: 'ConditionRuleInternalError',
          message: 'condition rules in CEL are not evaluated on a cluster of direct delivery',
        },
      ];
    if (rule.type !== 'WellKnownConditions')
      return [{ type: rule.condition, status: 'Unknown', reason: 'ConditionRuleInvalid', message: `unrecognized condition rule type ${rule.type}` }];
    const told = rule.condition === 'Complete' ? complete(live) : null;
    return told === null ? [] : [{ type: 'Complete', status: told.isComplete ? 'True' : 'False', reason: 'ConditionRuleEvaluated', message: told.message }];
  });
}

function complete(live: KubeObject): { readonly isComplete: boolean; readonly message: string } | null {
  const status = isRecord(live['status']) ? live['status'] : {};
  if (live.apiVersion === 'batch/v1' && live.kind === 'Job') {
    const conditions: readonly unknown[] = Array.isArray(status['conditions']) ? status['conditions'] : [];
    const isComplete = conditions.some((item) => isRecord(item) && (item['type'] === 'Complete' || item['type'] === 'Failed') && item['status'] === 'True');
    return { isComplete, message: isComplete ? 'Job is finished' : 'Job is not finished' };
  }
  if (live.apiVersion !== 'v1' || live.kind !== 'Pod') return null;
  const phase = typeof status['phase'] === 'string' ? status['phase'] : '';
  return { isComplete: phase === 'Succeeded' || phase === 'Failed', message: `Pod is in phase ${phase}` };
}
