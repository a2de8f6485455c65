/** ManifestWork and AppliedManifestWork as the work agent reads and writes them. Names, shapes and matching; pure. */
import { hash } from 'node:crypto';
import { isRecord } from '../lib/json.ts';
import type { Json, KubeObject } from '../model/object.ts';

/** The group and version of both kinds (OCM 1.3). */
export const WORK_API = 'work.open-cluster-management.io/v1';
/** On a ManifestWork: nothing is applied before it is there, and it goes last. */
export const WORK_FINALIZER = 'cluster.open-cluster-management.io/manifest-work-cleanup';
/** On an AppliedManifestWork: it is kept until what was applied is gone. */
export const APPLIED_FINALIZER = 'cluster.open-cluster-management.io/applied-manifest-work-cleanup';

export interface WorkCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime?: string;
}

/** Which object a manifest names. `resource` is the plural, "" when the member does not know the kind. */
export interface ResourceMeta {
  readonly ordinal: number;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly resource: string;
  readonly name: string;
  readonly namespace: string;
}

export interface FeedbackValue {
  readonly name: string;
  readonly fieldValue: {
    readonly type: 'Integer' | 'String' | 'Boolean' | 'JsonRaw';
    readonly integer?: number | bigint;
    readonly string?: string;
    readonly boolean?: boolean;
    readonly jsonRaw?: string;
  };
}

export interface ManifestStatus {
  readonly resourceMeta: ResourceMeta;
  readonly statusFeedback: { readonly values?: readonly FeedbackValue[] };
  readonly conditions: readonly WorkCondition[];
}

export interface WorkStatus {
  readonly conditions: readonly WorkCondition[];
  readonly manifests: readonly ManifestStatus[];
}

export interface FeedbackRule {
  readonly type: string;
  readonly jsonPaths?: readonly { readonly name: string; readonly version?: string; readonly path: string }[];
}

export interface ConditionRule {
  readonly condition: string;
  readonly type: string;
  readonly message?: string;
}

export interface IgnoreField {
  readonly condition?: string;
  readonly jsonPaths?: readonly string[];
  readonly jsonPointers?: readonly string[];
  readonly jqPathExpressions?: readonly string[];
}

export interface UpdateStrategy {
  readonly type: string;
  readonly serverSideApply?: { readonly force?: boolean; readonly fieldManager?: string; readonly ignoreFields?: readonly IgnoreField[] };
}

/** What a work asks for one manifest: the first value of each kind of option that matches. */
export interface ManifestConfig {
  readonly feedbackRules: readonly FeedbackRule[];
  readonly conditionRules: readonly ConditionRule[];
  readonly updateStrategy: UpdateStrategy;
}

/** One entry of `status.appliedResources` on an AppliedManifestWork. */
export interface AppliedResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly [field: string]: Json;
}

/** `name` and the hash of it that OCM puts before works: 64 hexadecimal digits of the sha256 of the hub's URL as it is written in the kubeconfig. */
export function hubHash(hubUrl: string): string {
  return hash('sha256', hubUrl, 'hex');
}

/** The name of a work's AppliedManifestWork on the member. */
export function appliedWorkName(hubUrl: string, workName: string): string {
  return `${hubHash(hubUrl)}-${workName}`;
}

/** What every object of a work carries: a plain owner, neither controller nor blocking, since several works may own one. */
export function ownerOf(applied: KubeObject): OwnerReference {
  return { apiVersion: WORK_API, kind: 'AppliedManifestWork', name: applied.metadata.name ?? '', uid: applied.metadata.uid ?? '' };
}

const records = (value: unknown): Readonly<Record<string, unknown>>[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export const specOf = (work: KubeObject): Readonly<Record<string, unknown>> => (isRecord(work['spec']) ? work['spec'] : {});

/** `spec.workload.manifests`, in order. */
export function manifestsOf(work: KubeObject): readonly KubeObject[] {
  const workload = specOf(work)['workload'];
  return records(isRecord(workload) ? workload['manifests'] : undefined).map(asObject);
}

function asObject(manifest: Readonly<Record<string, unknown>>): KubeObject {
  const { apiVersion, kind, metadata } = manifest;
  return { ...manifest, apiVersion: text(apiVersion), kind: text(kind), metadata: isRecord(metadata) ? metadata : {} };
}

/** The status of a work; empty lists where it has none yet. */
export function statusOf(work: KubeObject): WorkStatus {
  const status = isRecord(work['status']) ? work['status'] : {};
  const resources = isRecord(status['resourceStatus']) ? status['resourceStatus'] : {};
  return {
    conditions: records(status['conditions']) as unknown as WorkCondition[],
    manifests: records(resources['manifests']).map((item) => {
      const entry = item as unknown as Partial<ManifestStatus>;
      const meta = entry.resourceMeta;
      return {
        resourceMeta: {
          ordinal: meta?.ordinal ?? 0,
          group: text(meta?.group),
          version: text(meta?.version),
          kind: text(meta?.kind),
          resource: text(meta?.resource),
          name: text(meta?.name),
          namespace: text(meta?.namespace),
        },
        statusFeedback: entry.statusFeedback ?? {},
        conditions: entry.conditions ?? [],
      };
    }),
  };
}

/** `status.appliedResources`. */
export function appliedResourcesOf(applied: KubeObject): readonly AppliedResource[] {
  const status = isRecord(applied['status']) ? applied['status'] : {};
  return records(status['appliedResources']).map((item) => ({
    group: text(item['group']),
    version: text(item['version']),
    resource: text(item['resource']),
    namespace: text(item['namespace']),
    name: text(item['name']),
    uid: text(item['uid']),
  }));
}

export const apiVersionOf = (group: string, version: string): string => (group === '' ? version : `${group}/${version}`);

/** Group and version of an apiVersion. */
export function groupVersionOf(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? { group: '', version: apiVersion } : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

export const findCondition = (conditions: readonly WorkCondition[], type: string): WorkCondition | undefined =>
  conditions.find((condition) => condition.type === type);
export const isTrue = (conditions: readonly WorkCondition[], type: string): boolean => findCondition(conditions, type)?.status === 'True';

const DEFAULT_STRATEGY: UpdateStrategy = { type: 'Update' };

/**
 * The options for a resource. OCM: of all entries that match (group and resource exactly, name and namespace with `*`)
 * the first that has a value wins, per kind of option.
 */
export function configFor(work: KubeObject, meta: ResourceMeta): ManifestConfig {
  const matching = records(specOf(work)['manifestConfigs']).filter(
    ({ resourceIdentifier: id }) =>
      isRecord(id) &&
      text(id['group']) === meta.group &&
      text(id['resource']) === meta.resource &&
      matches(meta.namespace, text(id['namespace'])) &&
      matches(meta.name, text(id['name'])),
  );
  const first = <T>(field: string): readonly T[] => records(matching.find((config) => records(config[field]).length > 0)?.[field]) as unknown as T[];
  const strategy = matching.find((config) => isRecord(config['updateStrategy']))?.['updateStrategy'];
  return {
    feedbackRules: first<FeedbackRule>('feedbackRules'),
    conditionRules: first<ConditionRule>('conditionRules'),
    updateStrategy: isRecord(strategy) ? (strategy as unknown as UpdateStrategy) : DEFAULT_STRATEGY,
  };
}

function matches(value: string, pattern: string): boolean {
  if (value === pattern || pattern === '*') return true;
  return new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  ).test(value);
}

/** Whether the work owns a resource, so that it goes with it (OCM's deleteOption; Foreground is the default). */
export function isOwnedBy(work: KubeObject, meta: ResourceMeta): boolean {
  const option = specOf(work)['deleteOption'];
  if (!isRecord(option)) return true;
  if (option['propagationPolicy'] === 'Foreground') return true;
  if (option['propagationPolicy'] === 'Orphan') return false;
  const selective = isRecord(option['selectivelyOrphans']) ? option['selectivelyOrphans'] : {};
  return !records(selective['orphaningRules']).some(
    (rule) =>
      text(rule['group']) === meta.group &&
      text(rule['resource']) === meta.resource &&
      text(rule['name']) === meta.name &&
      text(rule['namespace']) === meta.namespace,
  );
}

/** The account that `spec.executor` names, as `ServiceAccount namespace/name`; "" for none. */
export function executorOf(work: KubeObject): string {
  const executor = specOf(work)['executor'];
  const subject = isRecord(executor) && isRecord(executor['subject']) ? executor['subject'] : null;
  if (subject === null) return '';
  const account = isRecord(subject['serviceAccount']) ? subject['serviceAccount'] : {};
  return `${text(subject['type']) || 'ServiceAccount'} ${text(account['namespace'])}/${text(account['name'])}`;
}

/** OCM's order of application, by kind alone; what is not named here comes last, in the order of the spec. */
const RANKS: readonly (readonly string[])[] = [
  ['PriorityClass', 'Namespace', 'CustomResourceDefinition', 'StorageClass', 'PersistentVolume', 'PodSecurityPolicy'],
  ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
  ['NetworkPolicy', 'ResourceQuota', 'LimitRange', 'PodDisruptionBudget', 'ServiceAccount'],
  ['Secret', 'ConfigMap', 'PersistentVolumeClaim'],
  ['Service'],
  ['DaemonSet', 'Pod', 'ReplicationController', 'ReplicaSet', 'Deployment', 'HorizontalPodAutoscaler', 'StatefulSet', 'Job', 'CronJob'],
  ['APIService', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'],
];

/** The ordinals of manifests in the order in which they are applied; stable within one rank. */
export function applyOrder(manifests: readonly KubeObject[]): readonly number[] {
  const rank = (kind: string): number => {
    const found = RANKS.findIndex((kinds) => kinds.includes(kind));
    return found < 0 ? RANKS.length : found;
  };
  return manifests
    .map((manifest, ordinal) => ({ ordinal, rank: rank(manifest.kind) }))
    .sort((a, b) => a.rank - b.rank || a.ordinal - b.ordinal)
    .map(({ ordinal }) => ordinal);
}
