/**
 * Clusters for a plan that asks none: each cluster that a document names is taken to be there, and each selector stands
 * for one cluster that fits it. Pure.
 */
import { DEFAULT_NAMESPACE, type Catalog } from '../model/catalog.ts';
import type { Clusters, Member } from '../model/clusters.ts';
import { LOCAL, type JsonObject } from '../model/object.ts';

export interface Assumed {
  readonly clusters: Clusters;
  /** Names of the clusters that stand for selectors: `{region=eu}`. */
  readonly unresolved: readonly string[];
}

const fields = (value: unknown): JsonObject => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : {});
const list = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value.map(fields) : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The name of the cluster that stands for a selector. */
const nameOf = (labels: JsonObject): string =>
  `{${Object.keys(labels)
    .sort()
    .map((key) => `${key}=${String(labels[key])}`)
    .join(',')}}`;

const memberOf = (name: string, labels: Readonly<Record<string, string>>): Member => ({
  name,
  labels,
  mode: 'direct',
  claims: {},
  accepted: true,
  available: 'Unknown',
  taints: [],
  version: null,
  object: null,
  fault: null,
});

/** Everything that the documents of these catalogs say of clusters. */
export function assumedClusters(catalogs: readonly Catalog[]): Assumed {
  const members = new Map<string, Member>();
  const decisions = new Map<string, readonly string[]>();
  const named = (name: string): void => {
    if (name !== '' && name !== LOCAL && !members.has(name)) members.set(name, memberOf(name, {}));
  };
  const selected = (labels: JsonObject): string => {
    const name = nameOf(labels);
    if (!members.has(name)) members.set(name, memberOf(name, labels as Record<string, string>));
    return name;
  };
  const topology = (properties: JsonObject): void => {
    if (Array.isArray(properties['clusters']))
      properties['clusters'].forEach((name) => {
        named(text(name));
      });
    else if ((properties['clusterLabelSelector'] ?? properties['clusterSelector'] ?? null) !== null)
      selected(fields(properties['clusterLabelSelector'] ?? properties['clusterSelector']));
  };
  const steps = (value: unknown): void => {
    for (const step of list(value)) {
      const properties = fields(step['properties']);
      named(text(properties['cluster']));
      for (const policy of list(properties['inlinePolicies'])) if (policy['type'] === 'topology') topology(fields(policy['properties']));
      steps(step['subSteps']);
    }
  };
  for (const catalog of catalogs) {
    for (const { object } of catalog.policies) if (object['type'] === 'topology') topology(fields(object['properties']));
    for (const { object } of catalog.workflows) steps(object['steps']);
    for (const { object } of catalog.applications) {
      const spec = fields(object['spec']);
      steps(fields(spec['workflow'])['steps']);
      for (const policy of list(spec['policies'])) {
        if (policy['type'] === 'topology') topology(fields(policy['properties']));
        if (policy['type'] !== 'env-binding') continue;
        for (const env of list(fields(policy['properties'])['envs'])) {
          const selector = fields(fields(env['placement'])['clusterSelector']);
          if (text(selector['name']) !== '') named(text(selector['name']));
          else if (Object.keys(fields(selector['labels'])).length > 0)
            decisions.set(`${object.metadata.namespace ?? DEFAULT_NAMESPACE}/${object.metadata.name ?? ''}-${text(env['name'])}`, [
              selected(fields(selector['labels'])),
            ]);
        }
      }
    }
  }
  const sorted = [...members.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    unresolved: sorted.map(({ name }) => name).filter((name) => name.startsWith('{')),
    clusters: { members: sorted, decisions: (namespace, placement) => decisions.get(`${namespace}/${placement}`) ?? null },
  };
}
