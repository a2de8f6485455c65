/** KubeVela 1.10's env-binding, in the words of topology and override: what one environment asks for. Pure. */
import { Fault } from '../model/fault.ts';
import type { JsonObject } from '../model/object.ts';
import type { PolicyRef } from '../model/plan.ts';
import { isRecord, type Fields } from './json.ts';

const fieldsOf = (value: unknown): Fields => (isRecord(value) ? value : {});
const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isRecord) : []);

/**
 * The policies that the environment of a `deploy2env` step comes to; `asked` are the step's properties (policy, env).
 * KubeVela 1.10: the cluster by its name, or the hub; a namespace by its name; the patch and the selector of an override.
 * Labels of clusters, which it refuses there, are a selector here. Throws render/policy.
 */
export function environmentPolicies(policies: readonly PolicyRef[], asked: JsonObject): readonly PolicyRef[] {
  const policy = policies.find((item) => item.type === 'env-binding' && item.name === asked['policy']);
  if (policy === undefined) throw new Fault('render/policy', `env-binding policy ${String(asked['policy'] ?? '')} not found`);
  const env = listOf(policy.properties['envs']).find((item) => item['name'] === asked['env']);
  if (env === undefined) throw new Fault('render/policy', `env ${String(asked['env'] ?? '')} not found in policy ${policy.name}`);
  const placement = fieldsOf(env['placement']);
  const cluster = fieldsOf(placement['clusterSelector']);
  const namespace = fieldsOf(placement['namespaceSelector'])['name'];
  const where =
    typeof cluster['name'] === 'string' && cluster['name'] !== ''
      ? { clusters: [cluster['name']] }
      : isRecord(cluster['labels'])
        ? { clusterLabelSelector: cluster['labels'] }
        : { clusters: ['local'] };
  const components = listOf(fieldsOf(env['patch'])['components']);
  const selector = fieldsOf(env['selector'])['components'];
  const override = { ...(components.length === 0 ? {} : { components }), ...(Array.isArray(selector) ? { selector } : {}) };
  const topology = { ...where, ...(typeof namespace === 'string' ? { namespace } : {}) };
  return [
    { name: `${policy.name}-${String(env['name'])}`, type: 'topology', properties: topology as JsonObject },
    ...(Object.keys(override).length === 0
      ? []
      : [{ name: `${policy.name}-${String(env['name'])}-patch`, type: 'override', properties: override as unknown as JsonObject }]),
  ];
}
