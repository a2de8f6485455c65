/** Which kinds have no namespace, for when no cluster can be asked. */

const CLUSTER_SCOPED = new Set([
  'Namespace',
  'Node',
  'PersistentVolume',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'StorageClass',
  'IngressClass',
  'PriorityClass',
  'RuntimeClass',
  'CSIDriver',
  'CSINode',
  'VolumeAttachment',
  'APIService',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'CertificateSigningRequest',
  'FlowSchema',
  'PriorityLevelConfiguration',
  'ResourceTracker',
  'ManagedCluster',
  'ManagedClusterSet',
  'AppliedManifestWork',
  'ClusterClaim',
  'ClusterIssuer',
  'GatewayClass',
]);

/** The answer of a cluster that is not there: built-in kinds and those of OCM and KubeVela are known, others count as namespaced. */
export function guessNamespaced(kind: string): boolean {
  return !CLUSTER_SCOPED.has(kind);
}
