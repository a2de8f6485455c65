/** KubeVela 1.10's policies about how objects are written and removed, resolved for one object. */
import { didYouMean } from '../lib/text.ts';
import type { JsonObject, KubeObject } from '../model/object.ts';
import { PLAIN_RULES, type ApplyRules } from '../model/plan.ts';
import type { Part } from './names.ts';

/** A policy of an Application that speaks about objects. */
export interface ObjectPolicy {
  readonly type: string;
  readonly properties: JsonObject;
}

/** The policy types that are code in KubeVela, in no particular order. */
export const OBJECT_POLICIES = ['garbage-collect', 'apply-once', 'shared-resource', 'take-over', 'read-only', 'resource-update'] as const;

const strings = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []);
const objects = (value: unknown): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter((item): item is JsonObject => item !== null && typeof item === 'object' && !Array.isArray(item)) : [];
const object = (value: unknown): JsonObject => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : {});

/**
 * KubeVela 1.10: AND between the lists that are given, OR inside one; a selector with nothing given matches nothing.
 */
function selects(selector: JsonObject, target: KubeObject, part: Part): boolean {
  const tests: readonly (readonly [readonly string[], string | undefined])[] = [
    [strings(selector['componentNames']), part.component],
    [strings(selector['componentTypes']), part.workloadType === '' ? undefined : part.workloadType],
    [strings(selector['oamTypes']), part.traitType === '' ? 'WORKLOAD' : 'TRAIT'],
    [strings(selector['traitTypes']), part.traitType === '' ? undefined : part.traitType],
    [strings(selector['resourceTypes']), target.kind],
    [strings(selector['resourceNames']), target.metadata.name],
  ];
  const given = tests.filter(([list]) => list.length > 0);
  return given.length > 0 && given.every(([list, value]) => value !== undefined && list.includes(value));
}

/** The rules of one policy type, those of several policies after each other; the first that selects wins. */
function ruleOf(policies: readonly ObjectPolicy[], type: string, target: KubeObject, part: Part): JsonObject | undefined {
  return policies
    .filter((policy) => policy.type === type)
    .flatMap((policy) => objects(policy.properties['rules']))
    .find((rule) => selects(object(rule['selector']), target, part));
}

/** What may be done with `target`. `componentType` is the type of its component, for objects of traits too. */
export function rulesFor(policies: readonly ObjectPolicy[], target: KubeObject, part: Part, componentType: string): ApplyRules {
  const asked = { ...part, workloadType: componentType };
  const force = target.metadata.annotations?.['lateen.dev/force'] === 'true';
  if (policies.length === 0) return force ? { ...PLAIN_RULES, force } : PLAIN_RULES;
  const rule = (type: string): JsonObject | undefined => ruleOf(policies, type, target, asked);
  const gc = rule('garbage-collect');
  const strategy = gc?.['strategy'];
  const update = object(rule('resource-update')?.['strategy']);
  const keep = applyOnce(policies, target, asked);
  return {
    takeOver: rule('take-over') !== undefined,
    readOnly: rule('read-only') !== undefined,
    shared: rule('shared-resource') !== undefined,
    replace: update['op'] === 'replace',
    recreateFields: strings(update['recreateFields']),
    ...keep,
    gc: strategy === 'onAppDelete' || strategy === 'never' ? strategy : keepsLegacy(policies) ? 'onAppDelete' : 'onAppUpdate',
    propagation: gc?.['propagation'] === 'orphan' ? 'orphan' : 'cascading',
    force,
  };
}

const keepsLegacy = (policies: readonly ObjectPolicy[]): boolean =>
  policies.some((policy) => policy.type === 'garbage-collect' && policy.properties['keepLegacyResource'] === true);

/** KubeVela 1.10: `enable: true` without rules keeps whole objects while keeping state; rules name paths and when. */
function applyOnce(policies: readonly ObjectPolicy[], target: KubeObject, part: Part): Pick<ApplyRules, 'keepOnUpdate' | 'keepOnDrift'> {
  const enabled = policies.filter((policy) => policy.type === 'apply-once' && policy.properties['enable'] === true);
  if (enabled.length === 0) return { keepOnUpdate: [], keepOnDrift: [] };
  const rule = ruleOf(enabled, 'apply-once', target, part);
  if (rule === undefined) return { keepOnUpdate: [], keepOnDrift: enabled.some((policy) => objects(policy.properties['rules']).length === 0) ? ['*'] : [] };
  const strategy = object(rule['strategy']);
  const paths = strings(strategy['path']);
  const affect = strategy['affect'];
  return { keepOnUpdate: affect === 'onStateKeep' ? [] : paths, keepOnDrift: affect === 'onUpdate' ? [] : paths };
}

/** `(did you mean "x"?)` or "", for a message about an unknown name. */
export function suggestion(word: string, candidates: readonly string[]): string {
  const near = didYouMean(word, candidates);
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}
