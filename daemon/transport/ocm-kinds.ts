/** Names that OCM gives to things, in the versions that OCM 1.3.1 serves. */

export const CLUSTER_GROUP = 'cluster.open-cluster-management.io';
/** ManagedCluster. */
export const CLUSTER_API = `${CLUSTER_GROUP}/v1`;
/** ManagedClusterSet, ManagedClusterSetBinding. */
export const SET_API = `${CLUSTER_GROUP}/v1beta2`;
/** Placement, PlacementDecision. */
export const PLACEMENT_API = `${CLUSTER_GROUP}/v1beta1`;
/** ClusterClaim, on members. */
export const CLAIM_API = `${CLUSTER_GROUP}/v1alpha1`;
/** ManifestWork on the hub, AppliedManifestWork on members. */
export const WORK_API = 'work.open-cluster-management.io/v1';

/** On a ManagedCluster: the exclusive set that it belongs to. */
export const CLUSTER_SET_LABEL = `${CLUSTER_GROUP}/clusterset`;
/** On a cluster's namespace and what is in it. */
export const CLUSTER_NAME_LABEL = 'open-cluster-management.io/cluster-name';
export const PLACEMENT_LABEL = `${CLUSTER_GROUP}/placement`;
export const UNREACHABLE_TAINT = `${CLUSTER_GROUP}/unreachable`;
export const UNAVAILABLE_TAINT = `${CLUSTER_GROUP}/unavailable`;
/** The Lease in a cluster's namespace, its holder's name too. */
export const CLUSTER_LEASE = 'managed-cluster-lease';
export const CLUSTER_FINALIZERS: readonly string[] = [`${CLUSTER_GROUP}/resource-cleanup`, `${CLUSTER_GROUP}/api-resource-cleanup`];

/** Kinds that KubeVela 1.1 writes in a version that OCM gave up, and the version that a hub serves now. */
const SERVED: Readonly<Record<string, string>> = {
  ManagedClusterSet: SET_API, ManagedClusterSetBinding: SET_API, Placement: PLACEMENT_API, PlacementDecision: PLACEMENT_API,
};

/**
 * The apiVersion under which a hub serves a kind of OCM: `cluster.open-cluster-management.io/v1alpha1` and `v1beta1` of
 * sets, bindings, placements and decisions become what OCM 0.12 to 1.3.1 serve, everything else stays. The fields that
 * KubeVela 1.1 uses are the same in all of them, so that is all there is to translate.
 */
export function servedVersion(apiVersion: string, kind: string): string {
  return apiVersion.startsWith(`${CLUSTER_GROUP}/`) ? (SERVED[kind] ?? apiVersion) : apiVersion;
}
