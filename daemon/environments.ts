/**
 * What KubeVela 1.1's EnvBinding controller did: keeps the results of an env-binding policy where people look for them
 * (the EnvBinding's status, the ConfigMap with the works), and delivers what no step is to deliver.
 */
import { equal } from './lib/json.ts';
import { environmentObjects } from './lib/manifest-work.ts';
import { printYaml } from './lib/yaml.ts';
import type { Clusters } from './model/clusters.ts';
import { keyOf, keyText, LOCAL, type JsonObject, type KubeObject, type ObjectKey } from './model/object.ts';
import { PLAIN_RULES, type DesiredApplication, type Environment, type Wanted } from './model/plan.ts';
import type { Records } from './model/ports.ts';
import { boundStatus } from './status/env-binding.ts';
import { deliverEnvironment, decisionOf } from './workflow/steps/environment.ts';
import type { Delivered, Delivery } from './workflow/run.ts';

export interface EnvironmentDoors {
  readonly clusters: Clusters;
  readonly delivery: Delivery;
  readonly records: Pick<Records, 'saveStatus'>;
  /** What was delivered in this pass, by keyText; the EnvBinding in it gets its new status. */
  readonly touched: Map<string, Delivered>;
  /** RFC 3339, in seconds. */
  readonly now: string;
  readonly signal: AbortSignal;
}

export interface EnvironmentsResult {
  /** Every environment that is delivered by itself has a cluster and was come to. */
  readonly isComplete: boolean;
  readonly retryAfterMs: number | null;
}

/** When to look for a decision again, should nothing say so sooner. */
const DECISION_INTERVAL_MS = 1_000;

/** Called in every pass, after the policies' objects were delivered. Throws transport/* of the EnvBinding's status alone. */
export async function keepEnvironments(desired: DesiredApplication, doors: EnvironmentDoors): Promise<EnvironmentsResult> {
  let isComplete = true;
  let waits = false;
  for (const [policy, environments] of Map.groupBy(desired.environments, (environment) => environment.policy)) {
    const decided: { readonly environment: Environment; readonly cluster: string }[] = [];
    const problems: string[] = [];
    for (const environment of environments) {
      const decision = decisionOf(environment, desired.namespace, doors.clusters);
      if ('waiting' in decision) problems.push(decision.waiting);
      else decided.push({ environment, cluster: decision.cluster });
    }
    if (problems.length > 0) waits = true;
    for (const { environment, cluster } of decided.filter((item) => item.environment.created)) {
      const delivered = await deliverEnvironment(desired, environment, cluster, null, doors);
      problems.push(...delivered.flatMap((item) => (item.fault === null ? [] : [item.fault.message])));
    }
    if (problems.length > 0 && environments.some((environment) => environment.created)) isComplete = false;
    const key: ObjectKey = { cluster: LOCAL, apiVersion: 'core.oam.dev/v1alpha1', kind: 'EnvBinding', namespace: desired.namespace, name: policy };
    const binding = doors.touched.get(keyText(key));
    const stored = decided.filter(({ environment }) => !environment.created && environment.by === 'ocm');
    if (stored.length > 0) await doors.delivery.deliver([worksMap(desired, policy, stored, binding?.live ?? null)], 'policy');
    await tell(binding, { decided: decided.map(({ environment, cluster }) => ({ env: environment.name, cluster })), problems }, doors);
  }
  return { isComplete, retryAfterMs: waits ? DECISION_INTERVAL_MS : null };
}

/** Writes the EnvBinding's status where it changed. */
async function tell(binding: Delivered | undefined, found: Parameters<typeof boundStatus>[0], doors: EnvironmentDoors): Promise<void> {
  if (binding === undefined || binding.live === null || binding.fault !== null) return;
  const status = boundStatus(found, (binding.live['status'] ?? {}) as JsonObject, doors.now);
  if (equal(status, binding.live['status'])) return;
  const live = await doors.records.saveStatus(binding.live, status, doors.signal);
  doors.touched.set(keyText(binding.change.key), { ...binding, live });
}

/** KubeVela 1.1: for `created: false`, each work as YAML under its name, in a ConfigMap that the EnvBinding owns. */
function worksMap(
  desired: DesiredApplication,
  policy: string,
  stored: readonly { readonly environment: Environment; readonly cluster: string }[],
  binding: KubeObject | null,
): Wanted {
  const works = stored.flatMap(({ environment, cluster }) => environmentObjects(desired, environment, cluster, null));
  const data = Object.fromEntries(works.map(({ object }) => [object.metadata.name ?? '', printYaml(asStored(object))]));
  const uid = binding?.metadata.uid;
  const owner = { apiVersion: 'core.oam.dev/v1alpha1', kind: 'EnvBinding', name: policy, uid, controller: true, blockOwnerDeletion: true };
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    data,
    metadata: {
      name: policy,
      namespace: desired.namespace,
      labels: { 'app.oam.dev/name': desired.name, 'app.oam.dev/namespace': desired.namespace },
      ...(uid === undefined ? {} : { ownerReferences: [owner] }),
    },
  };
  return { key: keyOf(LOCAL, object), object, component: '', trait: '', output: '', origin: null, rules: PLAIN_RULES };
}

/** As Go prints a ManifestWork that was never stored, and as KubeVela writes it: without labels. */
function asStored(work: KubeObject): unknown {
  const { name, namespace } = work.metadata;
  return { ...work, metadata: { creationTimestamp: null, name, namespace }, status: { resourceStatus: {} } };
}
