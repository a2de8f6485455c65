/** `vela/multicluster`: clusters and placements. */
import { toFault } from '../../model/fault.ts';
import { SYSTEM_NAMESPACE } from '../../model/catalog.ts';
import { LOCAL } from '../../model/object.ts';
import type { Action, StepContext } from '../run.ts';
import { runCoded } from '../steps/coded.ts';
import { answer, complete, listOf, type Provider } from './calls.ts';

/** Label of a Secret that holds a cluster's connection. KubeVela 1.10: cluster-gateway. */
const CREDENTIAL = 'cluster.core.oam.dev/cluster-credential-type';

/** Names of the clusters that the hub has a connection to. */
async function joined({ transport, signal }: StepContext): Promise<readonly string[]> {
  try {
    const secrets = await transport.list(LOCAL, 'v1', 'Secret', SYSTEM_NAMESPACE, CREDENTIAL, signal);
    return secrets.map(({ metadata }) => metadata.name ?? '').sort();
  } catch (error) {
    const fault = toFault(error);
    if (fault.code === 'transport/no-kind') return [];
    throw fault;
  }
}

/** Names of the clusters that were joined; the hub itself is not among them. KubeVela 1.10. */
const listClusters: Action = async (_call, context) => answer({ outputs: { clusters: await joined(context) } });

/** Where the topology policies lead, each place once; the hub where there is none. KubeVela 1.10: 3.8 of its facts. */
const placements: Action = async (call, context) => {
  const { desired, clusters } = context;
  const others = new Set(desired.policies.filter((policy) => policy.type !== 'topology').map((policy) => policy.name));
  const names = listOf(call.params['policies'])
    .map(String)
    .filter((name) => !others.has(name));
  const found = desired.deployment(names, [], { clusters, ignoreTerraform: false }).placements;
  return answer({ placements: found.map(({ cluster, namespace }) => ({ cluster, namespace })) });
};

/** What the step `deploy` does, for a step definition of somebody's own. */
const deploy: Action = async (call, context) => {
  const result = await runCoded({ ...context, step: { ...context.step, type: 'deploy' }, properties: call.params }, () => {});
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
