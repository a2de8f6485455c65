/**
 * What steps are known to deliver before they run: to which clusters, and in which form. For the plan, so that the
 * inventory has the names before the effects, and so that a mistake in a placement's version is told at its line.
 */
import type { Clusters } from '../model/clusters.ts';
import { Fault, toFault, type Diagnostic } from '../model/fault.ts';
import { keyText, LOCAL, type JsonObject } from '../model/object.ts';
import type { ComponentRef, DesiredApplication, Environment, PlacementRef, PolicyRef, RenderedComponent, Step, Wanted } from '../model/plan.ts';
import { environmentObjects, inWorks } from '../lib/manifest-work.ts';
import { isReferring } from '../lib/referring.ts';
import { asList, asObject, asText, asTexts, type ApplicationSpec } from './application.ts';
import { environmentPolicies } from '../lib/environment-policies.ts';
import { envPolicies, isEnvironmentStep } from './environment.ts';

const flat = (steps: readonly Step[]): readonly Step[] => steps.flatMap((step) => [step, ...flat(step.subSteps)]);

/**
 * The components that go to the hub in their plain form. A step that is a template may deliver any of them; what only
 * deploy and environment steps name goes where those lead. KubeVela 1.1: with an env-binding policy and no workflow
 * only the environments are delivered.
 */
export function hubComponents(app: ApplicationSpec, steps: readonly Step[]): ReadonlySet<string> {
  const all = new Set(app.components.map((component) => component.name));
  if (app.dialect === '1.1' && app.workflow === null) return envPolicies(app).length > 0 ? new Set() : all;
  const named = new Set<string>();
  for (const { type, template, properties } of flat(steps)) {
    if (template !== null || type === 'apply-application' || type === 'apply-remaining') return all;
    if ((type === 'apply-component' || type === 'builtin-apply-component') && asText(properties['cluster']) === '' && asText(properties['namespace']) === '')
      named.add(asText(properties['component']));
  }
  return named;
}

/** The cluster of an environment, as far as it is decided. */
export function clusterOf(environment: Environment, namespace: string, clusters: Clusters): string | null {
  return 'cluster' in environment.choice ? environment.choice.cluster : (clusters.decisions(namespace, environment.choice.placement)?.[0] ?? null);
}

interface Known {
  readonly objects: readonly Wanted[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Renders for a place; a mistake of the author comes back as diagnostics. */
export type RenderFor = (
  component: ComponentRef,
  placement: PlacementRef,
) => Promise<{ readonly component: RenderedComponent | null; readonly diagnostics: readonly Diagnostic[] }>;

/** A policy or cluster that is not there is the step's own news: nothing is known of it then. */
export async function placedObjects(desired: DesiredApplication, clusters: Clusters, renderFor: RenderFor): Promise<Known> {
  const objects: Wanted[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const step of flat(desired.steps)) {
    for (const [component, placement] of placesOf(desired, step, clusters)) {
      if (component.inputs.length > 0 || isReferring(desired, component)) continue;
      const result = await renderFor(component, placement);
      diagnostics.push(...result.diagnostics);
      if (result.component !== null) objects.push(...(placement.member?.mode === 'ocm' ? inWorks(desired, result.component) : result.component).objects);
    }
  }
  for (const [environment, component] of environmentsOf(desired)) {
    const cluster = clusterOf(environment, desired.namespace, clusters);
    if (cluster !== null)
      objects.push(
        ...environmentObjects(
          desired,
          environment,
          cluster,
          component,
          clusters.members.some(({ name, mode }) => name === cluster && mode === 'ocm'),
        ),
      );
  }
  return { objects: [...new Map(objects.map((wanted) => [keyText(wanted.key), wanted])).values()], diagnostics };
}

function placesOf(desired: DesiredApplication, step: Step, clusters: Clusters): readonly (readonly [ComponentRef, PlacementRef])[] {
  if (step.template !== null || step.inputs.some((input) => !input.parameterKey.startsWith('value'))) return [];
  const { properties } = step;
  const isEnvironment = desired.dialect === '1.10' && isEnvironmentStep(desired.dialect, step.type);
  if (step.type === 'deploy' || isEnvironment) {
    try {
      const inline = isEnvironment ? environmentPolicies(desired.policies, properties) : inlinePolicies(properties);
      const { components, placements } = desired.deployment(asTexts(properties['policies']), inline, {
        clusters,
        ignoreTerraform: properties['ignoreTerraformComponent'] !== false,
      });
      return placements.flatMap((placement) => components.map((component) => [component, { ...placement, replicaKey: component.replicaKey }] as const));
    } catch (error) {
      if (error instanceof Fault) return [];
      throw toFault(error);
    }
  }
  if (step.type !== 'apply-component' || (asText(properties['cluster']) === '' && asText(properties['namespace']) === '')) return [];
  const component = desired.componentSpecs.find((item) => item.name === properties['component']);
  const cluster = asText(properties['cluster']) || LOCAL;
  const member = clusters.members.find((item) => item.name === cluster);
  return component === undefined
    ? []
    : [[component, { cluster, namespace: asText(properties['namespace']), replicaKey: '', ...(member === undefined ? {} : { member }) }]];
}

/** Policies that a deploy step has in its own properties. */
export const inlinePolicies = (properties: JsonObject): readonly PolicyRef[] =>
  asList(properties['inlinePolicies']).map((policy) => ({
    name: asText(policy['name']),
    type: asText(policy['type']),
    properties: asObject(policy['properties']),
  }));

function environmentsOf(desired: DesiredApplication): readonly (readonly [Environment, string | null])[] {
  const own = desired.environments.filter((environment) => environment.created).map((environment) => [environment, null] as const);
  const bySteps = flat(desired.steps)
    .filter((step) => step.template === null && isEnvironmentStep(desired.dialect, step.type))
    .flatMap(({ properties }) => {
      const environment = desired.environments.find((item) => item.policy === properties['policy'] && item.name === properties['env']);
      return environment === undefined ? [] : [[environment, asText(properties['component']) || null] as const];
    });
  return [...own, ...bySteps];
}
