/**
 * The environments of an application, as people speak of them: those of an env-binding policy; in KubeVela 1.10 also the
 * places that its deploy steps lead to, each under the name of its topology.
 */
import { environmentPolicies } from '../lib/environment-policies.ts';
import { environmentObjects, inWorks } from '../lib/manifest-work.ts';
import type { Clusters } from '../model/clusters.ts';
import { Fault, toFault } from '../model/fault.ts';
import { keyText, LOCAL, type Json, type JsonObject, type KubeObject } from '../model/object.ts';
import type { ComponentRef, DesiredApplication, PlacementRef, PolicyRef, RenderedComponent, Step } from '../model/plan.ts';

export interface EnvironmentView {
  readonly name: string;
  /** Where it leads, as far as that is decided; `local` is the hub. */
  readonly clusters: readonly string[];
  /** What is sent for it, by keyText. */
  readonly keys: ReadonlySet<string>;
  /** What it looks like on its first cluster. */
  readonly objects: readonly KubeObject[];
}

const flat = (steps: readonly Step[]): readonly Step[] => steps.flatMap((step) => [step, ...flat(step.subSteps)]);
const texts = (value: Json | undefined): readonly string[] => (Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []);

/** In the order of the document. What cannot be known before its step runs is left out. Throws only loop/cancelled. */
export async function environmentsOf(desired: DesiredApplication, clusters: Clusters, signal: AbortSignal): Promise<readonly EnvironmentView[]> {
  if (desired.fault !== null) return [];
  if (desired.dialect === '1.1') return boundEnvironments(desired, clusters);
  const found = new Map<string, EnvironmentView>();
  for (const step of flat(desired.steps).filter((item) => item.template === null && (item.type === 'deploy' || item.type === 'deploy2env'))) {
    const view = await deployed(desired, step, clusters, signal);
    // Two steps may lead to one place: the second has only its own name.
    if (view !== null) found.set(found.has(view.name) ? step.name : view.name, found.has(view.name) ? { ...view, name: step.name } : view);
  }
  return [...found.values()];
}

function boundEnvironments(desired: DesiredApplication, clusters: Clusters): readonly EnvironmentView[] {
  return desired.environments.map((environment): EnvironmentView => {
    const { choice } = environment;
    const cluster = 'cluster' in choice ? choice.cluster : (clusters.decisions(desired.namespace, choice.placement)?.[0] ?? null);
    const isOcm = clusters.members.some((member) => member.name === cluster && member.mode === 'ocm');
    const sent = cluster === null ? [] : environmentObjects(desired, environment, cluster, null, isOcm);
    return {
      name: environment.name,
      clusters: cluster === null ? [] : [cluster],
      keys: new Set(sent.map((wanted) => keyText(wanted.key))),
      objects: environment.components.flatMap((component) => component.objects.map((wanted) => wanted.object)),
    };
  });
}

async function deployed(desired: DesiredApplication, step: Step, clusters: Clusters, signal: AbortSignal): Promise<EnvironmentView | null> {
  try {
    const { properties } = step;
    const inline = step.type === 'deploy2env' ? environmentPolicies(desired.policies, properties) : inlinePolicies(properties);
    const { components, placements } = desired.deployment(texts(properties['policies']), inline, {
      clusters,
      ignoreTerraform: properties['ignoreTerraformComponent'] !== false,
    });
    const keys = new Set<string>();
    const objects: KubeObject[] = [];
    for (const placement of placements) {
      for (const component of components.filter((item) => item.inputs.length === 0)) {
        const rendered = await rendering(desired, component, placement, signal);
        for (const wanted of (placement.member?.mode === 'ocm' ? inWorks(desired, rendered) : rendered).objects) keys.add(keyText(wanted.key));
        if (placement === placements[0]) objects.push(...rendered.objects.map((wanted) => wanted.object));
      }
    }
    return { name: nameOf(desired, step, inline), clusters: [...new Set(placements.map((placement) => placement.cluster || LOCAL))], keys, objects };
  } catch (error) {
    // A policy or cluster that is not there, or a component that cannot be rendered so: told as the step's own news.
    if (error instanceof Fault && error.kind !== 'cancelled' && error.kind !== 'bug') return null;
    throw toFault(error);
  }
}

/** What was rendered for the plan is not evaluated again. */
function rendering(desired: DesiredApplication, component: ComponentRef, placement: PlacementRef, signal: AbortSignal): Promise<RenderedComponent> {
  return desired.render(component, { ...placement, replicaKey: component.replicaKey }, undefined, signal);
}

/** KubeVela 1.10: policies that a deploy step has in its own properties. */
function inlinePolicies(properties: JsonObject): readonly PolicyRef[] {
  const list = Array.isArray(properties['inlinePolicies']) ? (properties['inlinePolicies'] as readonly JsonObject[]) : [];
  return list.map((policy) => ({
    name: String(policy['name'] ?? ''),
    type: String(policy['type'] ?? ''),
    properties: (policy['properties'] ?? {}) as JsonObject,
  }));
}

function nameOf(desired: DesiredApplication, step: Step, inline: readonly PolicyRef[]): string {
  if (step.type === 'deploy2env') return String(step.properties['env']);
  const named = texts(step.properties['policies']).map((name) => desired.policies.find((policy) => policy.name === name));
  const topologies = [...named, ...inline]
    .filter((policy) => policy?.type === 'topology')
    .map((policy) => policy?.name ?? '')
    .filter((name) => name !== '');
  return topologies.length === 0 ? step.name : topologies.join('+');
}
