/** In which order objects are applied when nothing else says: what others need comes first. */
import type { Wanted } from '../model/plan.ts';
import { keyText } from '../model/object.ts';

const RANK: readonly string[] = [
  'CustomResourceDefinition',
  'Namespace',
  'ManagedClusterSet',
  'ManagedCluster',
  'StorageClass',
  'PriorityClass',
  'ServiceAccount',
  'Secret',
  'ConfigMap',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'ClusterRole',
  'Role',
  'ClusterRoleBinding',
  'RoleBinding',
  'ComponentDefinition',
  'TraitDefinition',
  'PolicyDefinition',
  'WorkflowStepDefinition',
  'WorkloadDefinition',
  'Service',
];

const rank = (kind: string): number => {
  const at = RANK.indexOf(kind);
  return at < 0 ? RANK.length : at;
};

/** By rank of the kind, then by key, so that the order never depends on how files are laid out. */
export function orderObjects(wanted: readonly Wanted[]): readonly Wanted[] {
  return wanted
    .map((item) => ({ item, rank: rank(item.key.kind), text: keyText(item.key) }))
    .sort((a, b) => a.rank - b.rank || (a.text < b.text ? -1 : 1))
    .map(({ item }) => item);
}
