/** What a hub and a member need so that OCM's klusterlet joins the one to the other, with OCM 1.3.1's names. Pure. */
import type { Fields } from '../lib/json.ts';
import { printYaml } from '../lib/yaml.ts';
import type { KubeObject } from '../model/object.ts';
import { CLUSTER_GROUP } from './ocm-kinds.ts';
import type { Needed } from './register-objects.ts';

const OCM_VERSION = 'v1.3.1';
const OCM_REGISTRY = 'quay.io/open-cluster-management';
export const OPERATOR_NAMESPACE = 'open-cluster-management';
export const AGENT_NAMESPACE = 'open-cluster-management-agent';
const OPERATOR_GROUP = 'operator.open-cluster-management.io';
const RBAC_GROUP = 'rbac.authorization.k8s.io';
const RBAC_API = `${RBAC_GROUP}/v1`;

/** The ServiceAccount on the hub by which clusters ask to join, and the user that it is. */
export const BOOTSTRAP_ACCOUNT = 'agent-registration-bootstrap';
export const BOOTSTRAP_USER = `system:serviceaccount:${OPERATOR_NAMESPACE}:${BOOTSTRAP_ACCOUNT}`;
const BOOTSTRAP_ROLE = 'open-cluster-management:bootstrap';
export const BOOTSTRAP_SECRET = 'bootstrap-hub-kubeconfig';
/** What the agent keeps its certificate in, once it has one. */
export const AGENT_SECRET = 'hub-kubeconfig-secret';
/** On the bootstrap Secret: until when its token is good. */
export const EXPIRES_ANNOTATION = 'lateen.dev/token-expires';
export const KLUSTERLET = 'klusterlet';
export const KLUSTERLET_API = `${OPERATOR_GROUP}/v1`;

const namespaceOf = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const absent = (object: KubeObject): Needed => ({ object, onlyWhenAbsent: true });
const rule = (apiGroups: readonly string[], resources: readonly string[], verbs: readonly string[]): Fields => ({ apiGroups, resources, verbs });

function accountBinding(name: string, role: string, account: string): KubeObject {
  return {
    apiVersion: RBAC_API,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace: OPERATOR_NAMESPACE }],
  };
}

/**
 * On the hub: the bootstrap identity with the rights to ask to join, made where absent. OCM's own binding of the same role
 * may be for a group of tokens only; so ours has the account's name.
 */
export const HUB_OBJECTS: readonly Needed[] = [
  absent(namespaceOf(OPERATOR_NAMESPACE)),
  absent({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: BOOTSTRAP_ACCOUNT, namespace: OPERATOR_NAMESPACE } }),
  absent({
    apiVersion: RBAC_API,
    kind: 'ClusterRole',
    metadata: { name: BOOTSTRAP_ROLE },
    rules: [
      rule([''], ['configmaps'], ['get']),
      rule(['certificates.k8s.io'], ['certificatesigningrequests'], ['create', 'get', 'list', 'watch']),
      rule([CLUSTER_GROUP], ['managedclusters'], ['get', 'create', 'list', 'watch']),
      rule([CLUSTER_GROUP], ['managedclustersets/join'], ['create']),
    ],
  }),
  absent(accountBinding(`${BOOTSTRAP_ROLE}:${BOOTSTRAP_ACCOUNT}`, BOOTSTRAP_ROLE, BOOTSTRAP_ACCOUNT)),
];

export const MEMBER_NAMESPACES: readonly Needed[] = [absent(namespaceOf(AGENT_NAMESPACE)), absent(namespaceOf(OPERATOR_NAMESPACE))];

/** Klusterlet, as far as Lateen writes it; the operator's own definition may be put over it. */
export const KLUSTERLET_DEFINITION: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `klusterlets.${OPERATOR_GROUP}`, labels: { 'app.kubernetes.io/part-of': 'lateen' } },
  spec: {
    group: OPERATOR_GROUP,
    scope: 'Cluster',
    names: { kind: 'Klusterlet', listKind: 'KlusterletList', plural: 'klusterlets', singular: 'klusterlet' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};

const ALL = ['create', 'get', 'list', 'update', 'watch', 'patch', 'delete'];
const READ = ['get', 'list', 'watch'];
/** Secrets that the operator of OCM 1.3 looks after. */
const OPERATOR_SECRETS = [
  'open-cluster-management-image-pull-credentials',
  BOOTSTRAP_SECRET,
  AGENT_SECRET,
  'external-managed-kubeconfig',
  'external-managed-kubeconfig-work',
  'external-managed-kubeconfig-registration',
  'external-managed-kubeconfig-agent',
];

/** OCM's operator on a member: its account with the rights that OCM 1.3.1's needs, and its Deployment. */
export function operatorObjects(registry: string): readonly Needed[] {
  const rules = [
    rule([''], ['configmaps', 'serviceaccounts', 'namespaces'], ALL),
    rule([''], ['secrets'], ['create']),
    { ...rule([''], ['secrets'], ['update', 'delete', ...READ]), resourceNames: OPERATOR_SECRETS },
    rule([''], ['pods'], ['get']),
    rule([''], ['nodes'], READ),
    rule(['apps'], ['replicasets'], ['get']),
    rule(['apps'], ['deployments'], ALL),
    rule(['', 'events.k8s.io'], ['events'], ['create', 'patch', 'update']),
    rule(['coordination.k8s.io'], ['leases'], ['create', 'update', 'patch', ...READ]),
    rule(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
    rule(['networking.k8s.io'], ['networkpolicies'], ALL),
    rule([RBAC_GROUP], ['clusterrolebindings', 'rolebindings'], ALL),
    rule([RBAC_GROUP], ['clusterroles', 'roles'], [...ALL, 'escalate', 'bind']),
    rule(['apiextensions.k8s.io'], ['customresourcedefinitions'], ALL),
    rule([OPERATOR_GROUP], ['klusterlets'], ['update', 'patch', 'delete', ...READ]),
    rule([OPERATOR_GROUP], ['klusterlets/status'], ['update', 'patch']),
    rule(['work.open-cluster-management.io'], ['appliedmanifestworks'], ['list', 'update', 'patch']),
  ];
  const probe = { httpGet: { path: '/healthz', port: 8443, scheme: 'HTTPS' }, initialDelaySeconds: 2 };
  const container = {
    name: KLUSTERLET,
    image: imageOf('registration-operator', registry),
    args: ['/registration-operator', KLUSTERLET],
    env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    livenessProbe: probe,
    readinessProbe: probe,
    resources: { requests: { cpu: '2m', memory: '16Mi' } },
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true, runAsNonRoot: true },
  };
  const labels = { app: KLUSTERLET };
  return [
    absent({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: KLUSTERLET, namespace: OPERATOR_NAMESPACE } }),
    absent({ apiVersion: RBAC_API, kind: 'ClusterRole', metadata: { name: KLUSTERLET }, rules }),
    absent(accountBinding(KLUSTERLET, KLUSTERLET, KLUSTERLET)),
    absent({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: KLUSTERLET, namespace: OPERATOR_NAMESPACE, labels },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { serviceAccountName: KLUSTERLET, securityContext: { runAsNonRoot: true }, containers: [container], volumes: [{ name: 'tmp', emptyDir: {} }] },
        },
      },
    }),
  ];
}

/** The Klusterlet of a cluster: its own address, where KubeVela 1.1's Job wrote the hub's. */
export function klusterletOf(name: string, own: { readonly url: string; readonly caBundle?: string }, registry: string): KubeObject {
  return {
    apiVersion: KLUSTERLET_API,
    kind: 'Klusterlet',
    metadata: { name: KLUSTERLET },
    spec: {
      clusterName: name,
      namespace: AGENT_NAMESPACE,
      externalServerURLs: [own],
      registrationImagePullSpec: imageOf('registration', registry),
      workImagePullSpec: imageOf('work', registry),
    },
  };
}

const imageOf = (program: string, registry: string): string => `${registry || OCM_REGISTRY}/${program}:${OCM_VERSION}`;

/** How the klusterlet reaches the hub to join it. `ca` PEM; null: the system's own authorities. */
export function bootstrapSecret(hub: { readonly server: string; readonly ca: string | null }, token: string, expires: string): KubeObject {
  const kubeconfig = printYaml({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'bootstrap',
    clusters: [
      { name: 'hub', cluster: { server: hub.server, ...(hub.ca === null ? {} : { 'certificate-authority-data': Buffer.from(hub.ca).toString('base64') }) } },
    ],
    contexts: [{ name: 'bootstrap', context: { cluster: 'hub', namespace: 'default', user: 'bootstrap' } }],
    users: [{ name: 'bootstrap', user: { token } }],
  });
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: BOOTSTRAP_SECRET, namespace: AGENT_NAMESPACE, annotations: { [EXPIRES_ANNOTATION]: expires } },
    type: 'Opaque',
    data: { kubeconfig: Buffer.from(kubeconfig).toString('base64') },
  };
}
