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
/**
 * On a ManagedCluster that is being deleted: `"true"` gives up what is on the cluster. For one that never comes back;
 * with OCM its works, and their finalizers, have to be taken off by hand.
 */
export const ABANDON_ANNOTATION = 'lateen.dev/abandon';
