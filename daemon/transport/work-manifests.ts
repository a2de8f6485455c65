/** Every manifest of one work, tried in OCM's order; a failure of one stops no other. */
import type { KubeObject, ObjectKey } from '../model/object.ts';
import type { Redactor } from '../model/ports.ts';
import type { Target } from './kube.ts';
import { putManifest, Refusal } from './work-apply.ts';
import { IgnoreFieldError } from './work-ignore.ts';
import type { Member } from './work-member.ts';
import { applyOrder, configFor, executorOf, groupVersionOf, isOwnedBy, isTrue, manifestsOf, statusOf } from './work-model.ts';
import type { OwnerReference, ResourceMeta, UpdateStrategy } from './work-model.ts';
import { identity } from './work-status.ts';
import type { Outcome, Seen } from './work-status.ts';
import { agentWords, isVerdict } from './work-words.ts';

/** What was found out about one manifest. */
export interface Applied {
  readonly outcome: Outcome;
  readonly seen: Seen;
  readonly key: ObjectKey;
  readonly written: boolean;
}

/**
 * Another work on the same cluster that declares the same object and is older: with the same content we only own it
 * too; with other content it is refused, for else the two would write over each other for ever (OCM lets them).
 */
export type Elder = { readonly work: string; readonly isSame: boolean } | null;

export interface ManifestsOptions {
  readonly member: Member;
  readonly redactor: Redactor;
  readonly owner: OwnerReference;
  /** The older work that declares a manifest's object. */
  readonly elderOf: (manifest: KubeObject) => Elder;
}

/** In the order of the spec. Faults: those of the cluster as a whole; the status of the work is not touched then. */
export async function applyManifests(work: KubeObject, options: ManifestsOptions, signal: AbortSignal): Promise<readonly Applied[]> {
  const manifests = manifestsOf(work);
  const results = new Array<Applied>(manifests.length);
  for (const ordinal of applyOrder(manifests)) {
    const manifest = manifests[ordinal];
    if (manifest !== undefined) results[ordinal] = await applyOne(work, manifest, ordinal, options, signal);
  }
  return results;
}

async function applyOne(work: KubeObject, manifest: KubeObject, ordinal: number, options: ManifestsOptions, signal: AbortSignal): Promise<Applied> {
  const { member, redactor } = options;
  const bare = { ordinal, group: '', version: '', kind: '', resource: '', name: '', namespace: '' };
  if (manifest.kind === '' || manifest.apiVersion === '')
    return { outcome: { meta: bare, error: "Object 'Kind' is missing" }, seen: { unknownKind: true }, key: member.keyOf(manifest), written: false };
  const { group, version } = groupVersionOf(manifest.apiVersion);
  const named = { ...bare, group, version, kind: manifest.kind, name: manifest.metadata.name ?? '', namespace: manifest.metadata.namespace ?? '' };
  const scope = await member.client.findResource(manifest.apiVersion, manifest.kind, signal);
  if (scope === null)
    return {
      outcome: { meta: named, error: `the server doesn't have a resource type "${manifest.kind}"` },
      seen: { unknownKind: true },
      key: member.keyOf(manifest),
      written: false,
    };
  const meta: ResourceMeta = { ...named, resource: scope.plural, namespace: scope.namespaced ? named.namespace : '' };
  const target: Target = { apiVersion: manifest.apiVersion, kind: manifest.kind, namespace: meta.namespace, name: meta.name };
  const key = { cluster: member.name, ...target };
  const known = statusOf(work).manifests.find((entry) => identity(entry.resourceMeta) === identity(meta));
  // What has completed is not updated any more.
  if (known !== undefined && isTrue(known.conditions, 'Complete'))
    return { outcome: { meta, error: null }, seen: await look(member, target, signal), key, written: false };
  try {
    const { strategy, refusal } = planFor(work, manifest, meta, scope.namespaced, options);
    if (refusal !== null) throw new Refusal(refusal, true);
    const put = await putManifest(member, manifest, scope, { owner: options.owner, isOwned: isOwnedBy(work, meta) }, strategy, signal);
    return { outcome: { meta, error: null }, seen: put.live === null ? { absent: true } : { live: put.live }, key, written: put.written };
  } catch (error) {
    const words = wordsOf(error, target);
    if (words === null) throw error;
    const reason = error instanceof IgnoreFieldError ? { reason: 'AppliedManifestSSAIgnoreFieldError' as const } : {};
    return { outcome: { meta, error: redactor.text(words), ...reason }, seen: await look(member, target, signal), key, written: false };
  }
}

function wordsOf(error: unknown, target: Target): string | null {
  if (error instanceof Refusal || error instanceof IgnoreFieldError) return error.message;
  return isVerdict(error) ? agentWords(error, target) : null;
}

function planFor(
  work: KubeObject,
  manifest: KubeObject,
  meta: ResourceMeta,
  namespaced: boolean,
  { elderOf }: ManifestsOptions,
): { readonly strategy: UpdateStrategy; readonly refusal: string | null } {
  const strategy = configFor(work, meta).updateStrategy;
  const refuse = (refusal: string) => ({ strategy, refusal });
  const executor = executorOf(work);
  if (executor !== '') return refuse(`the executor ${executor} cannot be acted for on a cluster of direct delivery`);
  if (meta.name === '') return refuse('name must be set in manifest');
  // What a server answers to OCM's agent then; our client would fill in `default`.
  if (namespaced && meta.namespace === '') return refuse('the server does not allow this method on the requested resource');
  const elder = strategy.type === 'Update' ? elderOf(manifest) : null;
  if (elder === null) return { strategy, refusal: null };
  return elder.isSame ? { strategy: { type: 'CreateOnly' }, refusal: null } : refuse(`ManifestWork ${elder.work} applies this object with another content`);
}

/** Whether an object that was not applied is there all the same. */
async function look(member: Member, target: Target, signal: AbortSignal): Promise<Seen> {
  if (target.name === '') return { unknownKind: true };
  try {
    const live = await member.readNow(target, signal);
    return live === null ? { absent: true } : { live };
  } catch (error) {
    if (!isVerdict(error)) throw error;
    return { error: agentWords(error, target) };
  }
}
