/**
 * KubeVela's steps that deliver to an environment of an env-binding policy: `multi-env`, and its other names. Done as
 * soon as the ManifestWork is applied (1.1); whether the cluster has taken it is told by the condition Ready.
 */
import { environmentPolicies } from '../../lib/environment-policies.ts';
import { environmentObjects } from '../../lib/manifest-work.ts';
import type { Clusters } from '../../model/clusters.ts';
import { Fault } from '../../model/fault.ts';
import { LOCAL, type Json, type JsonObject } from '../../model/object.ts';
import type { DesiredApplication, Environment, RenderedComponent } from '../../model/plan.ts';
import type { Delivered, Delivery } from '../run.ts';
import { deploy } from './deploy.ts';
import { DONE, serviceKey, type Coded } from './result.ts';

/** When to look for a decision again, should nothing say so sooner. */
const DECISION_INTERVAL_MS = 1_000;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The cluster that an environment goes to, or why there is none yet. */
export function decisionOf(environment: Environment, namespace: string, clusters: Clusters): { readonly cluster: string } | { readonly waiting: string } {
  const { choice } = environment;
  const where = `environment ${environment.name} of policy ${environment.policy}`;
  if ('cluster' in choice) {
    if (choice.cluster === LOCAL || clusters.members.some((member) => member.name === choice.cluster)) return { cluster: choice.cluster };
    return { waiting: `no matched cluster for ${where}: there is no cluster ${choice.cluster}` };
  }
  const labels = Object.entries(choice.labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
  const decisions = clusters.decisions(namespace, choice.placement);
  if (decisions === null)
    return { waiting: `fail to get PlacementDecision for ${where}: Placement ${namespace}/${choice.placement} (${labels}) is not decided yet` };
  const [cluster] = decisions;
  return cluster === undefined
    ? { waiting: `no matched cluster for ${where}: no cluster has the labels ${labels} (Placement ${namespace}/${choice.placement})` }
    : { cluster };
}

/** Whether a klusterlet applies there: its feedback is all that tells how objects are. */
const isKlusterlets = (cluster: string, { members }: Clusters): boolean => members.some(({ name, mode }) => name === cluster && mode === 'ocm');

/** Delivers one environment, or one component of it. The works of a finished run that are no longer asked for are pruned. */
export async function deliverEnvironment(
  desired: DesiredApplication,
  environment: Environment,
  cluster: string,
  component: string | null,
  doors: { readonly delivery: Delivery; readonly clusters: Clusters },
): Promise<readonly Delivered[]> {
  return doors.delivery.deliver(environmentObjects(desired, environment, cluster, component, isKlusterlets(cluster, doors.clusters)), 'placement');
}

/** KubeVela 1.10's `deploy2env`: a deploy step of one environment. */
const deployAsTopology: Coded = async (context, found) => {
  const properties = (context.properties ?? {}) as JsonObject;
  const parallelism = properties['parallel'] === false ? { parallelism: 1 } : {};
  return deploy(
    { ...context, properties: { ...parallelism, inlinePolicies: environmentPolicies(context.desired.policies, properties) as unknown as Json } },
    found,
  );
};

export const deployEnvironment: Coded = async (context, found) => {
  if (context.desired.dialect === '1.10') return deployAsTopology(context, found);
  const properties = (context.properties ?? {}) as JsonObject;
  const { desired, clusters, delivery } = context;
  const environment = desired.environments.find((item) => item.policy === properties['policy'] && item.name === properties['env']);
  if (environment === undefined)
    throw new Fault('load/reference', `there is no environment ${text(properties['env'])} in an env-binding policy ${text(properties['policy'])}`);
  const component = text(properties['component']) || null;
  const meant = environment.components.filter((item) => component === null || item.name === component);
  if (meant.length === 0) throw new Fault('load/reference', `component ${component ?? ''} not found`);
  const decision = decisionOf(environment, desired.namespace, clusters);
  if ('waiting' in decision) return { kind: 'wait', message: decision.waiting, outputs: {}, retryAfterMs: DECISION_INTERVAL_MS, isIncomplete: true };
  const delivered = await deliverEnvironment(desired, environment, decision.cluster, component, { delivery, clusters });
  const fault = delivered.find((item) => item.fault !== null)?.fault ?? null;
  for (const rendered of meant) {
    const health = wellOn(rendered, decision.cluster);
    found(serviceKey(health), health);
  }
  if (fault !== null) throw fault;
  return DONE;
};

/** KubeVela 1.1 looks at no cluster: what is sent counts as healthy. */
function wellOn(rendered: RenderedComponent, cluster: string) {
  const well = { healthy: true, message: '', details: {} };
  return {
    ...well,
    name: rendered.name,
    namespace: rendered.namespace,
    cluster,
    workload: rendered.workload,
    traits: rendered.traits.map((trait) => ({ ...well, type: trait.type })),
  };
}
