/** An Application document as render reads it: typed, with the names filled in that KubeVela's webhook would give. */
import type { Dialect, Document } from '../model/catalog.ts';
import { DEFAULT_NAMESPACE } from '../model/catalog.ts';
import type { JsonObject, KubeObject } from '../model/object.ts';
import type { ComponentRef } from '../model/plan.ts';
import { OBJECT_POLICIES, type ObjectPolicy } from './rules.ts';

export interface PolicySpec {
  readonly index: number;
  readonly name: string;
  readonly type: string;
  readonly properties: JsonObject;
}

/** What is known about an Application before any of it is rendered. */
export interface ApplicationSpec {
  readonly document: Document;
  /** With defaulted names: what goes to the hub. */
  readonly object: KubeObject;
  readonly namespace: string;
  readonly name: string;
  readonly dialect: Dialect;
  readonly components: readonly ComponentRef[];
  readonly policies: readonly PolicySpec[];
  readonly workflow: JsonObject | null;
}

export const asObject = (value: unknown): JsonObject => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : {});
export const asList = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value.map(asObject) : []);
export const asText = (value: unknown): string => (typeof value === 'string' ? value : '');
export const asTexts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []);

export const inputsOf = (value: unknown): readonly { readonly from: string; readonly parameterKey: string }[] =>
  asList(value).map((item) => ({ from: asText(item['from']), parameterKey: asText(item['parameterKey']) }));

/** `valueFrom`, or `exportKey` as KubeVela 1.1 spells it. */
export const outputsOf = (value: unknown): readonly { readonly name: string; readonly valueFrom: string }[] =>
  asList(value).map((item) => ({ name: asText(item['name']), valueFrom: asText(item['valueFrom']) || asText(item['exportKey']) }));

/** Names of steps as KubeVela 1.10's mutating webhook fills them in: `step-<i>`, `step-<i>-<j>`. */
export function namedSteps(steps: readonly JsonObject[], prefix = 'step'): JsonObject[] {
  return steps.map((step, i) => {
    const name = asText(step['name']) || `${prefix}-${i}`;
    return { ...step, name, ...(Array.isArray(step['subSteps']) ? { subSteps: namedSteps(asList(step['subSteps']), `${prefix}-${i}`) } : {}) };
  });
}

/**
 * Reads an Application. KubeVela 1.10: a policy without a name becomes `<type>-auto-gen-<index>`, a step without one
 * `step-<i>`; both are written back into the object, as the mutating webhook does.
 */
export function readApplication(document: Document, dialect: Dialect): ApplicationSpec {
  const spec = asObject(document.object['spec']);
  const policies = asList(spec['policies']).map((policy, index) => ({
    ...policy,
    name: asText(policy['name']) || `${asText(policy['type'])}-auto-gen-${index}`,
  }));
  const workflow = spec['workflow'] === undefined || spec['workflow'] === null ? null : asObject(spec['workflow']);
  const named = workflow !== null && Array.isArray(workflow['steps']) ? { ...workflow, steps: namedSteps(asList(workflow['steps'])) } : workflow;
  const namespace = document.object.metadata.namespace ?? DEFAULT_NAMESPACE;
  const object: KubeObject = {
    ...document.object,
    metadata: { ...document.object.metadata, namespace },
    spec: { ...spec, ...(policies.length === 0 ? {} : { policies }), ...(named === null ? {} : { workflow: named }) },
  };
  return {
    document,
    object,
    namespace,
    name: document.object.metadata.name ?? '',
    dialect,
    components: asList(spec['components']).map((component, index) => ({
      at: ['spec', 'components', index],
      replicaKey: '',
      name: asText(component['name']),
      type: asText(component['type']),
      properties: component['properties'] ?? null,
      traits: asList(component['traits']).map((trait) => ({ type: asText(trait['type']), properties: trait['properties'] ?? null })),
      dependsOn: asTexts(component['dependsOn']),
      inputs: inputsOf(component['inputs']),
      outputs: outputsOf(component['outputs']),
    })),
    policies: policies.map((policy: JsonObject, index) => ({
      index,
      name: asText(policy['name']),
      type: asText(policy['type']),
      properties: asObject(policy['properties']),
    })),
    workflow: named,
  };
}

/** Those policies that say how objects are written and removed. */
export function objectPolicies(app: ApplicationSpec): readonly ObjectPolicy[] {
  return app.policies.filter((policy) => (OBJECT_POLICIES as readonly string[]).includes(policy.type));
}
