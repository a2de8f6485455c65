/** Rights of OCM's parts on hub and member, as OCM 1.3.1 was recorded to give them: what a stand-in has, and no more. */
import type { KubeInput, LabClient } from '../lab/client.ts';

type Rule = readonly [groups: readonly string[], resources: readonly string[], verbs: readonly string[], names?: readonly string[]];
const RBAC = 'rbac.authorization.k8s.io';
const ALL = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];

const role = (name: string, rules: readonly Rule[]): KubeInput => ({
  apiVersion: `${RBAC}/v1`,
  kind: 'ClusterRole',
  metadata: { name },
  rules: rules.map(([apiGroups, resources, verbs, resourceNames]) => ({
    apiGroups,
    resources,
    verbs,
    ...(resourceNames === undefined ? {} : { resourceNames }),
  })),
});

function binding(name: string, roleName: string, subject: { readonly kind: 'User' | 'Group'; readonly name: string }, namespace?: string): KubeInput {
  const metadata = namespace === undefined ? { name } : { name, namespace };
  return {
    apiVersion: `${RBAC}/v1`,
    kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata,
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: roleName },
    subjects: [{ apiGroup: RBAC, ...subject }],
  };
}

/** The hub's controllers: what they write, and the roles that they give to clusters. */
export async function grantHub(hub: LabClient, user: string): Promise<void> {
  const objects: readonly KubeInput[] = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'open-cluster-management-hub' } },
    role('stand-in:hub', [
      [['cluster.open-cluster-management.io'], ['*'], ALL],
      [['coordination.k8s.io'], ['leases'], ALL],
      [[''], ['namespaces'], ['get', 'list', 'create', 'patch']],
      [[RBAC], ['clusterroles', 'clusterrolebindings', 'rolebindings'], [...ALL, 'escalate', 'bind']],
    ]),
    binding('stand-in:hub', 'stand-in:hub', { kind: 'User', name: user }),
    role('open-cluster-management:managedcluster:registration', [[['coordination.k8s.io'], ['leases'], ['get', 'list', 'watch', 'update']]]),
    role('open-cluster-management:managedcluster:work', [
      [['work.open-cluster-management.io'], ['manifestworks'], ['get', 'list', 'watch', 'update', 'patch']],
      [['work.open-cluster-management.io'], ['manifestworks/status'], ['update', 'patch']],
    ]),
  ];
  for (const object of objects) await hub.apply(object);
}

/** What the hub gives to an accepted cluster. */
grantHub.cluster = async (hub: LabClient, cluster: string): Promise<void> => {
  const name = `open-cluster-management:managedcluster:${cluster}`;
  if ((await hub.find(`clusterroles/${name}`)) !== undefined) return;
  const subject = { kind: 'Group', name: `system:open-cluster-management:${cluster}` } as const;
  await hub.apply(
    role(name, [
      [['cluster.open-cluster-management.io'], ['managedclusters'], ['get', 'list', 'watch', 'update'], [cluster]],
      [['cluster.open-cluster-management.io'], ['managedclusters/status'], ['patch', 'update'], [cluster]],
    ]),
  );
  await hub.apply(binding(name, name, subject));
  for (const part of ['registration', 'work']) await hub.apply(binding(`${name}:${part}`, `open-cluster-management:managedcluster:${part}`, subject, cluster));
};

/** A klusterlet's work agent on its cluster: admin of namespaces, and what workloads need beyond that. */
export async function grantAgent(member: LabClient, user: string): Promise<void> {
  const subject = { kind: 'User', name: user } as const;
  const objects: readonly KubeInput[] = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'open-cluster-management-agent' } },
    role('open-cluster-management:klusterlet-work:agent', [
      [['work.open-cluster-management.io'], ['appliedmanifestworks', 'appliedmanifestworks/status', 'appliedmanifestworks/finalizers'], ALL],
      [['apiextensions.k8s.io'], ['customresourcedefinitions'], ALL],
      [[''], ['namespaces'], ALL],
      [[RBAC], ['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'], [...ALL, 'escalate', 'bind']],
    ]),
    binding('open-cluster-management:klusterlet-work:agent', 'open-cluster-management:klusterlet-work:agent', subject),
    binding('open-cluster-management:klusterlet-work:admin', 'admin', subject),
  ];
  for (const object of objects) await member.apply(object);
}
