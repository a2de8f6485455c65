/** Where components go: KubeVela's topology policies and the policies of a deploy step put together. Pure. */
import { Fault } from '../model/fault.ts';
import type { Diagnostic } from '../model/fault.ts';
import type { Clusters, Member } from '../model/clusters.ts';
import { LOCAL, type JsonObject } from '../model/object.ts';
import type { ComponentRef, Deployment, DeploymentOptions, PlacementRef, PolicyRef, Step } from '../model/plan.ts';
import { asObject, asText, asTexts, type ApplicationSpec } from './application.ts';
import { nameOf } from './diagnose.ts';
import { overrideComponents, overrideOf, replicated } from './patch.ts';
import { suggestion } from './rules.ts';

/** The fields of each policy that a deploy step reads; any other is a mistake. KubeVela 1.10 decodes them strictly. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  topology: ['clusters', 'clusterLabelSelector', 'clusterSelector', 'allowEmpty', 'namespace'],
  override: ['components', 'selector'],
  replication: ['keys', 'selector'],
};

/** Whether a policy says where, or in which form, a deploy step delivers. */
export const isDeployPolicy = (type: string): boolean => Object.hasOwn(FIELDS, type);

/** Labels as people write selectors: `region=eu, tier=test`. */
export const selectorText = (labels: Readonly<Record<string, unknown>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(', ');

/** Whether a cluster carries all these labels. */
export const hasLabels = (member: Member, labels: Readonly<Record<string, unknown>>): boolean =>
  Object.entries(labels).every(([key, value]) => member.labels[key] === value);

/** What is wrong with the policies of an Application that deploy steps read, at the line. */
export function policyDiagnostics(app: ApplicationSpec): readonly Diagnostic[] {
  if (app.dialect !== '1.10') return [];
  return app.policies
    .filter((policy) => isDeployPolicy(policy.type))
    .flatMap((policy) => {
      const at = ['spec', 'policies', policy.index];
      const known = FIELDS[policy.type] ?? [];
      const say = (path: readonly (string | number)[], message: string, hint: string, part: 'key' | 'value' = 'key'): Diagnostic => ({
        code: 'render/policy',
        severity: 'error',
        application: nameOf(app),
        message: `policy "${policy.name}": ${message}`,
        origin: app.document.locate([...at, ...path], part),
        hint,
      });
      const unknown = Object.keys(policy.properties)
        .filter((field) => !known.includes(field))
        .map((field) => say(['properties', field], `unknown field "${field}"${suggestion(field, known)}`, `A ${policy.type} policy has: ${known.join(', ')}.`));
      if (policy.type === 'override' && Object.keys(policy.properties).length === 0)
        return [say(['type'], `override policy ${policy.name} must not have empty properties`, 'Give components to change, or a selector.', 'value')];
      return unknown;
    });
}

/** Policies that deploy steps name and nobody has written: of the Application, or documents of its namespace (`shared`). */
export function namedPoliciesExist(
  app: ApplicationSpec,
  steps: readonly Step[],
  shared: readonly PolicyRef[],
  path: readonly (string | number)[] = ['spec', 'workflow', 'steps'],
): readonly Diagnostic[] {
  const there = [...app.policies, ...shared].map((policy) => policy.name);
  return steps.flatMap((step, i) => {
    const names = step.type === 'deploy' && step.template === null ? asTexts(step.properties['policies']) : [];
    const missing = names.flatMap((name, at): readonly Diagnostic[] =>
      there.includes(name)
        ? []
        : [
            {
              code: 'render/policy',
              severity: 'error',
              application: nameOf(app),
              message: `there is no policy "${name}"${suggestion(name, there)}`,
              origin: app.document.locate([...path, i, 'properties', 'policies', at]),
              hint: there.length === 0 ? 'There is none at all.' : `There is ${there.join(', ')}.`,
            },
          ],
    );
    return [...missing, ...namedPoliciesExist(app, step.subSteps, shared, [...path, i, 'subSteps'])];
  });
}

/**
 * The places that topology policies lead to, in order, each once; the hub where there is none. KubeVela 1.10, its words.
 * Throws render/no-cluster for a cluster that is not there, and where labels fit none.
 */
export function placementsOf(topologies: readonly PolicyRef[], clusters: Clusters): readonly PlacementRef[] {
  if (topologies.length === 0) return [{ cluster: LOCAL, namespace: '', replicaKey: '' }];
  const found = new Map<string, PlacementRef>();
  for (const { name, properties } of topologies) {
    const namespace = asText(properties['namespace']);
    for (const member of clustersOf(name, properties, clusters)) {
      const cluster = member?.name ?? LOCAL;
      const at = `${cluster}/${namespace}`;
      if (!found.has(at)) found.set(at, { cluster, namespace, replicaKey: '', ...(member === null ? {} : { member }) });
    }
  }
  return [...found.values()];
}

/** Null stands for the hub. */
function clustersOf(policy: string, properties: JsonObject, { members }: Clusters): readonly (Member | null)[] {
  const named = properties['clusters'];
  if (Array.isArray(named)) {
    return named.map(String).map((name) => {
      if (name === LOCAL) return null;
      const member = members.find((item) => item.name === name);
      if (member === undefined)
        throw new Fault(
          'render/no-cluster',
          `failed to get cluster ${name}: not found${suggestion(
            name,
            members.map((item) => item.name),
          )}`,
        );
      return member;
    });
  }
  const labels = properties['clusterLabelSelector'] ?? properties['clusterSelector'];
  if (labels === undefined || labels === null) return [null];
  const fitting = members.filter((member) => member.accepted && hasLabels(member, asObject(labels)));
  if (fitting.length === 0 && properties['allowEmpty'] !== true)
    throw new Fault('render/no-cluster', `failed to find any cluster matches given labels: ${selectorText(asObject(labels))} (policy ${policy})`);
  return fitting;
}

/** What {@link deploymentOf} needs to know of an Application. */
export interface DeploymentInput {
  readonly components: readonly ComponentRef[];
  /** Its own policies first, then those of Policy documents in its namespace. */
  readonly policies: readonly (PolicyRef & { readonly index: number | null })[];
  readonly isTerraform: (component: ComponentRef) => boolean;
}

/**
 * What these policies of a deploy step come to. KubeVela 1.10, in its order: names, terraform components, topologies,
 * overrides, replications. Throws render/policy, render/no-cluster.
 */
export function deploymentOf(input: DeploymentInput, names: readonly string[], inline: readonly PolicyRef[], options: DeploymentOptions): Deployment {
  const policies = [
    ...names.map((name) => {
      const policy = input.policies.find((item) => item.name === name);
      if (policy === undefined)
        throw new Fault(
          'render/policy',
          `policy ${name} not found${suggestion(
            name,
            input.policies.map((item) => item.name),
          )}`,
        );
      return policy;
    }),
    // KubeVela 1.10: policies written into the step are named `inline-<type>-policy-<i>`.
    ...inline.map((policy, i) => ({ ...policy, name: policy.name || `inline-${policy.type}-policy-${i}`, index: null })),
  ];
  for (const policy of policies) checkFields(policy);
  const all = options.ignoreTerraform ? input.components.filter((component) => !input.isTerraform(component)) : input.components;
  const placements = placementsOf(
    policies.filter((policy) => policy.type === 'topology'),
    options.clusters,
  );
  const overridden = policies
    .filter((policy) => policy.type === 'override')
    .reduce((components, policy) => overrideComponents(components, overrideOf(policy, policy.index === null ? null : ['spec', 'policies', policy.index])), all);
  const components = policies
    .filter((policy) => policy.type === 'replication')
    .reduce((before, policy) => {
      const after = replicated(before, policy.properties);
      if (after === null) throw new Fault('render/policy', `failed to apply replication policy ${policy.name}: no component selected to replicate`);
      return after;
    }, overridden);
  return { components, placements };
}

function checkFields(policy: PolicyRef): void {
  const known = FIELDS[policy.type];
  if (known === undefined) return;
  if (policy.type === 'override' && Object.keys(policy.properties).length === 0)
    throw new Fault('render/policy', `override policy ${policy.name} must not have empty properties`);
  const unknown = Object.keys(policy.properties).find((field) => !known.includes(field));
  if (unknown !== undefined) throw new Fault('render/policy', `failed to parse ${policy.type} policy ${policy.name}: json: unknown field "${unknown}"`);
}
