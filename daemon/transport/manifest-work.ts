/** ManifestWorks for those who make them: what OCM accepts, how many works it takes, and how it stands with one. Pure. */
import { hashOf, stableStringify } from '../lib/json.ts';
import { keyText } from '../model/object.ts';
import type { JsonObject, KubeObject, ObjectKey } from '../model/object.ts';
import type { ObjectReport } from '../model/status.ts';
import { groupVersionOf, manifestsOf, findCondition, statusOf } from './work-model.ts';
import { feedbackHealth } from './work-health.ts';

/** OCM 1.3's webhook: bytes of all manifests of one work. */
export const WORK_SIZE_MAX_BYTES = 512_000;
/** Where Lateen splits: the API server's own encoding may be larger than ours, and the status is in the same object. */
export const SPLIT_SIZE_BYTES = 400_000;
/** The name of a work's AppliedManifestWork is 65 characters longer, and may have 253. */
export const WORK_NAME_MAX_LENGTH = 188;

/**
 * Why OCM's webhook would refuse a work with these manifests, in its words; null when it would not. Only the first
 * reason, as there.
 */
export function validateWork(manifests: readonly KubeObject[]): string | null {
  if (manifests.length === 0) return 'Workload manifests should not be empty';
  const sizeBytes = manifests.reduce((sum, manifest) => sum + manifestSizeBytes(manifest), 0);
  if (sizeBytes > WORK_SIZE_MAX_BYTES) return `the size of manifests is ${sizeBytes} bytes which exceeds the ${WORK_SIZE_MAX_BYTES} limit`;
  const seen = new Set<string>();
  for (const { apiVersion, kind, metadata } of manifests) {
    if ((metadata.name ?? '') === '') return 'name must be set in manifest';
    if ((metadata['generateName'] ?? '') !== '') return 'generateName must not be set in manifest';
    const place = [apiVersion, kind, metadata.namespace ?? '', metadata.name].join('/');
    if (seen.has(place)) return `duplicate manifest for resource ${metadata.namespace ?? ''}/${metadata.name ?? ''} with resource type ${apiVersion}.${kind}`;
    seen.add(place);
  }
  return null;
}

/** What one manifest counts: its JSON as Go writes it (`<`, `>`, `&` and two line separators take 6 bytes), and its length before it. */
export function manifestSizeBytes(manifest: KubeObject): number {
  const text = stableStringify(manifest);
  let bytes = Buffer.byteLength(text);
  for (const [char] of text.matchAll(/[<>&\u2028\u2029]/g)) bytes += 6 - Buffer.byteLength(char);
  return bytes + 1 + Math.max(1, Math.ceil(Math.log2(bytes + 1) / 7));
}

/** A work's name, shortened with a hash of the whole where it is too long; `suffix` is kept. */
export function workName(name: string, suffix = ''): string {
  if (name.length + suffix.length <= WORK_NAME_MAX_LENGTH) return `${name}${suffix}`;
  const tail = `-${hashOf(name).slice(0, 8)}${suffix}`;
  return `${name.slice(0, WORK_NAME_MAX_LENGTH - tail.length).replace(/[-.]+$/, '')}${tail}`;
}

export interface WorkPart {
  readonly name: string;
  readonly manifests: readonly KubeObject[];
}

/**
 * Manifests as one work named `name`, or as several (`name`, `name-2`, ...) where one would be too large. A manifest
 * stays in the work where `current` has it as long as that has room: one that moves between works would be pruned by
 * the one before the other applies it. A single manifest above the limit gets a work of its own, which
 * {@link validateWork} or the API server refuses in its own words.
 */
export function splitWork(name: string, manifests: readonly KubeObject[], options: { readonly limitBytes?: number; readonly current?: readonly WorkPart[] } = {}): readonly WorkPart[] {
  const { limitBytes = SPLIT_SIZE_BYTES, current = [] } = options;
  const nameOf = (at: number): string => workName(name, at === 0 ? '' : `-${at + 1}`);
  const home = new Map(current.flatMap((part) => part.manifests.map((manifest) => [identityOf(manifest), part.name] as const)));
  const parts = new Map<string, { readonly manifests: KubeObject[]; bytes: number }>();
  const put = (at: string, manifest: KubeObject, bytes: number): boolean => {
    const part = parts.get(at) ?? { manifests: [], bytes: 0 };
    if (part.manifests.length > 0 && part.bytes + bytes > limitBytes) return false;
    part.manifests.push(manifest);
    part.bytes += bytes;
    parts.set(at, part);
    return true;
  };
  const rest = manifests.filter((manifest) => {
    const at = home.get(identityOf(manifest));
    return at === undefined || !put(at, manifest, manifestSizeBytes(manifest));
  });
  for (const manifest of rest) for (let at = 0; !put(nameOf(at), manifest, manifestSizeBytes(manifest)); at++);
  const order = new Map(manifests.map((manifest, at) => [manifest, at]));
  const place = (manifest: KubeObject): number => order.get(manifest) ?? 0;
  const rank = (part: string): number => (part === name || part === nameOf(0) ? 1 : Number(/-([0-9]+)$/.exec(part)?.[1] ?? 1));
  return [...parts].sort(([a], [b]) => rank(a) - rank(b)).map(([at, part]) => ({ name: at, manifests: part.manifests.toSorted((a, b) => place(a) - place(b)) }));
}

const identityOf = (manifest: KubeObject): string => keyText({ cluster: '', apiVersion: manifest.apiVersion, kind: manifest.kind, namespace: manifest.metadata.namespace ?? '', name: manifest.metadata.name ?? '' });

/** Health of one manifest's object as far as the work tells. */
export interface ManifestHealth {
  readonly key: ObjectKey;
  readonly health: ObjectReport['health'];
  readonly message: string;
}

export interface WorkHealth {
  readonly health: ObjectReport['health'];
  readonly message: string;
  readonly manifests: readonly ManifestHealth[];
}

/** From worst to best: the work is what its worst object is. */
const WORST_FIRST: readonly ObjectReport['health'][] = ['Failed', 'Missing', 'InProgress', 'Unknown', 'Current'];

/**
 * kstatus of a work and of its objects by its status alone, whoever wrote that: only what was observed at the current
 * generation counts. That an object exists says nothing about its readiness; where no feedback does, it is Unknown.
 */
export function workHealth(work: KubeObject): WorkHealth {
  const manifests = manifestsOf(work).map((manifest) => manifestHealth(work, manifest));
  const applied = findCondition(statusOf(work).conditions, 'Applied');
  if (work.metadata.deletionTimestamp !== undefined) return { health: 'InProgress', message: 'the ManifestWork is being deleted', manifests };
  if (applied === undefined) return { health: 'InProgress', message: 'no work agent has applied it yet', manifests };
  const health = WORST_FIRST.find((word) => manifests.some((manifest) => manifest.health === word)) ?? 'Current';
  const worst = manifests.find((manifest) => manifest.health === health);
  if (worst === undefined || health === 'Current') return { health, message: '', manifests };
  return { health, message: `${worst.key.kind} ${worst.key.namespace === '' ? '' : `${worst.key.namespace}/`}${worst.key.name}: ${worst.message}`, manifests };
}

function manifestHealth(work: KubeObject, manifest: KubeObject): ManifestHealth {
  const { apiVersion, kind, metadata } = manifest;
  const { group, version } = groupVersionOf(apiVersion);
  const entry = statusOf(work).manifests.find(({ resourceMeta: meta }) =>
    meta.group === group && meta.version === version && meta.kind === kind && meta.name === metadata.name && (meta.namespace === (metadata.namespace ?? '') || meta.namespace === ''));
  const key = { cluster: work.metadata.namespace ?? '', apiVersion, kind, namespace: entry?.resourceMeta.namespace ?? metadata.namespace ?? '', name: metadata.name ?? '' };
  const told = (health: ObjectReport['health'], message: string): ManifestHealth => ({ key, health, message });
  if (work.metadata.deletionTimestamp !== undefined) return told('InProgress', 'being deleted with its ManifestWork');
  const applied = findCondition(entry?.conditions ?? [], 'Applied');
  if (entry === undefined || applied === undefined) return told('InProgress', 'not applied by the work agent yet');
  if (applied.observedGeneration !== (work.metadata.generation ?? 0)) return told('InProgress', 'its change is not applied by the work agent yet');
  if (applied.status !== 'True') return told('Failed', applied.message);
  const available = findCondition(entry.conditions, 'Available');
  if (available === undefined) return told('InProgress', 'not looked at by the work agent yet');
  if (available.status !== 'True') return told(available.status === 'False' ? 'Missing' : 'Unknown', available.message);
  return { key, ...feedbackHealth(manifest, entry) };
}

/** Plurals of the kinds for which feedback is worth asking. */
const FEEDBACK: Readonly<Record<string, { readonly resource: string; readonly paths: Readonly<Record<string, string>> }>> = {
  'apps/v1/Deployment': { resource: 'deployments', paths: { Replicas: '.status.replicas', UpdatedReplicas: '.status.updatedReplicas', ReadyReplicas: '.status.readyReplicas', AvailableReplicas: '.status.availableReplicas' } },
  'apps/v1/StatefulSet': { resource: 'statefulsets', paths: { Replicas: '.status.replicas', UpdatedReplicas: '.status.updatedReplicas', ReadyReplicas: '.status.readyReplicas' } },
  'apps/v1/DaemonSet': { resource: 'daemonsets', paths: { DesiredNumberScheduled: '.status.desiredNumberScheduled', UpdatedNumberScheduled: '.status.updatedNumberScheduled', NumberAvailable: '.status.numberAvailable' } },
  'batch/v1/Job': { resource: 'jobs', paths: { JobComplete: '.status.conditions[?(@.type=="Complete")].status', JobFailed: '.status.conditions[?(@.type=="Failed")].status' } },
  'v1/Pod': { resource: 'pods', paths: { PodReady: '.status.conditions[?(@.type=="Ready")].status', PodPhase: '.status.phase' } },
  'v1/Service': { resource: 'services', paths: { LoadBalancerIP: '.status.loadBalancer.ingress[0].ip', LoadBalancerHostname: '.status.loadBalancer.ingress[0].hostname' } },
  'v1/PersistentVolumeClaim': { resource: 'persistentvolumeclaims', paths: { Phase: '.status.phase' } },
};

/** An entry of `spec.manifestConfigs` that asks for what {@link workHealth} needs to know of this object; null where that is nothing. */
export function feedbackConfig(manifest: KubeObject): JsonObject | null {
  const known = FEEDBACK[`${manifest.apiVersion}/${manifest.kind}`];
  if (known === undefined) return null;
  const generations = { Generation: '.metadata.generation', ObservedGeneration: '.status.observedGeneration' };
  const paths = { ...(manifest.apiVersion === 'apps/v1' ? generations : {}), ...known.paths };
  return {
    resourceIdentifier: { group: groupVersionOf(manifest.apiVersion).group, resource: known.resource, namespace: manifest.metadata.namespace ?? '', name: manifest.metadata.name ?? '' },
    feedbackRules: [{ type: 'JSONPaths', jsonPaths: Object.entries(paths).map(([name, path]) => ({ name, path })) }],
  };
}
