/** `vela/multicluster`: clusters and placements. */
import type { CueObject } from '../../model/cue.ts';
import { Fault, toFault } from '../../model/fault.ts';
import { SYSTEM_NAMESPACE } from '../../model/catalog.ts';
import { LOCAL, type Json, type JsonObject } from '../../model/object.ts';
import type { PolicyRef } from '../../model/plan.ts';
import type { Action, StepContext } from '../run.ts';
import { runCoded } from '../steps/coded.ts';
import { answer, complete, fieldsOf, listOf, refusal, textOf, type Provider } from './calls.ts';

/** Label of a Secret that holds a cluster's connection. KubeVela 1.10: cluster-gateway. */
const CREDENTIAL = 'cluster.core.oam.dev/cluster-credential-type';

interface Cluster {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Clusters that the hub has a connection to, by name: cluster-gateway's Secrets, then OCM's ManagedClusters. */
async function clustersOf(context: StepContext): Promise<{ readonly secrets: readonly Cluster[]; readonly all: readonly Cluster[] }> {
  const { transport, signal } = context;
  const found = async (apiVersion: string, kind: string, namespace: string, labels: string): Promise<readonly Cluster[]> => {
    try {
      const objects = await transport.list(LOCAL, apiVersion, kind, namespace, labels, signal);
      return objects.map(({ metadata }) => ({ name: metadata.name ?? '', labels: metadata.labels ?? {} })).sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      const fault = toFault(error);
      // A hub without OCM has no such kind.
      if (fault.code === 'transport/no-kind') return [];
      throw fault;
    }
  };
  const secrets = await found('v1', 'Secret', SYSTEM_NAMESPACE, CREDENTIAL);
  const managed = await found('cluster.open-cluster-management.io/v1', 'ManagedCluster', '', '');
  return { secrets, all: [...secrets, ...managed.filter((cluster) => !secrets.some((secret) => secret.name === cluster.name))] };
}

/** Names of the clusters that were joined; the hub itself is not among them. KubeVela 1.10. */
const listClusters: Action = async (_call, context) => answer({ outputs: { clusters: (await clustersOf(context)).secrets.map((cluster) => cluster.name) } });

function policyNamed(name: string, context: StepContext): PolicyRef {
  const policy = context.desired.policies.find((item) => item.name === name);
  if (policy === undefined) throw refusal(`policy ${name} not found`);
  return policy;
}

/** The clusters of one topology policy. */
async function targetsOf(properties: JsonObject, context: StepContext): Promise<readonly string[]> {
  const named = properties['clusters'];
  if (Array.isArray(named)) {
    const names = named.map(String);
    const away = names.filter((name) => name !== LOCAL);
    const known = away.length === 0 ? [] : (await clustersOf(context)).all;
    const missing = away.find((name) => !known.some((cluster) => cluster.name === name));
    if (missing !== undefined) throw refusal(`failed to get cluster ${missing}: not found`);
    return names;
  }
  const selector = fieldsOf(properties['clusterLabelSelector']);
  if (properties['clusterLabelSelector'] === undefined) return [LOCAL];
  const matching = (await clustersOf(context)).all.filter((cluster) => Object.entries(selector).every(([key, value]) => cluster.labels[key] === value));
  if (matching.length === 0 && properties['allowEmpty'] !== true) throw refusal('failed to find any cluster matches given labels');
  return matching.map((cluster) => cluster.name);
}

/** Where the topology policies lead, each place once; the hub where there is none. KubeVela 1.10: 3.8 of its facts. */
const placements: Action = async (call, context) => {
  const policies = listOf(call.params['policies']).map((name) => policyNamed(String(name), context)).filter((policy) => policy.type === 'topology');
  const found = new Map<string, CueObject>();
  for (const { properties } of policies) {
    const namespace = textOf(properties['namespace']);
    for (const cluster of await targetsOf(properties, context)) found.set(`${cluster}/${namespace}`, { cluster, namespace });
  }
  return answer({ placements: policies.length === 0 ? [{ cluster: LOCAL, namespace: '' }] : [...found.values()] });
};

/** What the step `deploy` does, for a step definition of somebody's own. */
const deploy: Action = async (call, context) => {
  if (listOf(call.params['inlinePolicies']).length > 0) throw new Fault('workflow/unsupported', 'multicluster.deploy: inlinePolicies are not supported; give the policies in the Application');
  const { parallelism } = call.params;
  if (typeof parallelism === 'number' && parallelism < 1) throw refusal('parallelism cannot be smaller than 1');
  const result = await runCoded({ ...context, step: { ...context.step, type: 'deploy' }, properties: call.params as Json }, () => {});
  const again = result.retryAfterMs === undefined ? {} : { retryAfterMs: result.retryAfterMs };
  if (result.kind === 'wait') return { kind: 'wait', message: result.message, value: {}, ...again };
  if (result.kind === 'suspend') return { kind: 'suspend', message: result.message, ...again };
  return answer({});
};

export const MULTICLUSTER: Provider = {
  'list-clusters': complete(listClusters, ['outputs']),
  'get-placements-from-topology-policies': complete(placements, ['placements']),
  deploy: complete(deploy),
};
