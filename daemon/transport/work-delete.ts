/**
 * Takes away what a work has applied: manifests that left it, and everything when it goes.
 *
 *   applied ──> not there any more? forgotten
 *           ──> does not carry our owner reference? left, and forgotten
 *           ──> another AppliedManifestWork owns it too? only our reference is taken off
 *           ──> another uid than recorded? made anew by someone else: forgotten
 *           ──> deleted (Background, when it still has that uid); held by a finalizer: asked for again
 *
 * Source: OCM 1.3, work agent. Other than there, what could not be deleted stays recorded, so that it is tried again.
 */
import { equal } from '../lib/json.ts';
import type { KubeObject } from '../model/object.ts';
import type { Effects } from '../model/ports.ts';
import type { KubeClient } from './kube.ts';
import { targetOf } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import type { Member } from './work-member.ts';
import { mergeOwner, ownersOf } from './work-merge.ts';
import { APPLIED_FINALIZER, appliedResourcesOf, ownerOf, WORK_API } from './work-model.ts';
import type { AppliedResource, OwnerReference } from './work-model.ts';
import { agentWords, isVerdict } from './work-words.ts';

export interface Removal {
  /** Still there: finalizers hold them, or they could not be deleted. */
  readonly pending: readonly AppliedResource[];
  /** Deleted by this call, and gone or going. */
  readonly removed: readonly AppliedResource[];
  /** Why some could not be deleted. */
  readonly problems: readonly string[];
}

/** Deletes what may be deleted of `resources`. Faults: the cluster's, not those about one object. */
export async function removeApplied(member: Member, resources: readonly AppliedResource[], owner: OwnerReference, signal: AbortSignal): Promise<Removal> {
  const pending: AppliedResource[] = [];
  const removed: AppliedResource[] = [];
  const problems: string[] = [];
  for (const resource of resources) {
    try {
      const outcome = await removeOne(member, resource, owner, signal);
      if (outcome === 'pending' || outcome === 'deleting') pending.push(resource);
      if (outcome === 'removed' || outcome === 'deleting') removed.push(resource);
    } catch (error) {
      if (!isVerdict(error)) throw error;
      pending.push(resource);
      problems.push(
        `failed to delete resource ${describe(resource)}: ${agentWords(error, { apiVersion: resource.version, kind: resource.resource, namespace: resource.namespace, name: resource.name })}`,
      );
    }
  }
  return { pending, removed, problems };
}

/** `configmaps default/web`. */
export const describe = (resource: Omit<AppliedResource, 'uid'>): string =>
  `${resource.resource} ${resource.namespace === '' ? '' : `${resource.namespace}/`}${resource.name}`;

async function removeOne(
  member: Member,
  resource: AppliedResource,
  owner: OwnerReference,
  signal: AbortSignal,
): Promise<'forgotten' | 'pending' | 'removed' | 'deleting'> {
  const live = await member.readPlural(resource, signal);
  if (live === null) return 'forgotten';
  const owners = ownersOf(live);
  if (!owners.some((other) => other.uid === owner.uid)) return 'forgotten';
  if (owners.some((other) => other.apiVersion === WORK_API && other.kind === 'AppliedManifestWork' && other.uid !== owner.uid)) {
    const { uid, resourceVersion } = live.metadata;
    await member.mergePlural(
      resource,
      { metadata: { uid, resourceVersion, ownerReferences: mergeOwner(owners, { owner, isOwned: false }) ?? owners } },
      signal,
    );
    return 'forgotten';
  }
  if (live.metadata.uid !== resource.uid) return 'forgotten';
  if (live.metadata.deletionTimestamp !== undefined) return 'pending';
  return (await member.removePlural(resource, resource.uid, signal)) ? 'removed' : 'deleting';
}

/** What carries our owner reference but was never recorded: a pass with a broken manifest records nothing. */
export async function findUnrecorded(
  member: Member,
  lost: readonly Omit<AppliedResource, 'uid'>[],
  owner: OwnerReference,
  signal: AbortSignal,
): Promise<readonly AppliedResource[]> {
  const found = await Promise.all(
    lost.map(async (resource): Promise<readonly AppliedResource[]> => {
      const live = await member.readPlural(resource, signal);
      const { group, version, resource: plural, namespace, name } = resource;
      return live !== null && ownersOf(live).some((other) => other.uid === owner.uid)
        ? [{ group, version, resource: plural, namespace, name, uid: live.metadata.uid ?? '' }]
        : [];
    }),
  );
  return found.flat();
}

const ORDER = ['group', 'version', 'resource', 'namespace', 'name'] as const;

/** OCM's order of `status.appliedResources`. */
export function sorted(resources: readonly AppliedResource[]): readonly AppliedResource[] {
  return resources.toSorted((a, b) => {
    const field = ORDER.find((name) => a[name] !== b[name]);
    return field === undefined ? 0 : a[field] < b[field] ? -1 : 1;
  });
}

/** Writes `status.appliedResources` where it differs, and gives the object as it is then. Faults: transport/*. */
export async function saveApplied(
  client: KubeClient,
  effects: Effects,
  where: string,
  applied: KubeObject,
  resources: readonly AppliedResource[],
  signal: AbortSignal,
): Promise<KubeObject> {
  if (equal(appliedResourcesOf(applied), resources)) return applied;
  return patchStatus(client, effects, where, applied, { appliedResources: resources }, signal);
}

/** Merge-patches the status of an AppliedManifestWork; null takes a field out. */
export async function patchStatus(
  client: KubeClient,
  effects: Effects,
  where: string,
  applied: KubeObject,
  status: unknown,
  signal: AbortSignal,
): Promise<KubeObject> {
  const { uid, resourceVersion, name } = applied.metadata;
  const body = { metadata: { uid, resourceVersion }, status };
  return (
    await effects.run('status', `AppliedManifestWork ${name ?? ''} on ${where}`, () =>
      client.patch(targetOf(applied), 'merge', body, { fieldManager: FIELD_MANAGER, subresource: 'status' }, signal),
    )
  ).object;
}

/**
 * Goes on with an AppliedManifestWork that is being deleted: its resources first, its finalizer last. Gives what still
 * holds it; null once it is gone. Idempotent.
 */
export async function finalizeApplied(member: Member, effects: Effects, applied: KubeObject, signal: AbortSignal): Promise<Removal | null> {
  const finalizers = applied.metadata.finalizers ?? [];
  const removal = await removeApplied(member, appliedResourcesOf(applied), ownerOf(applied), signal);
  const after = await saveApplied(member.client, effects, member.name, applied, removal.pending, signal);
  if (removal.pending.length > 0) return removal;
  if (finalizers.includes(APPLIED_FINALIZER)) {
    const { uid, resourceVersion, name } = after.metadata;
    const body = { metadata: { uid, resourceVersion, finalizers: finalizers.filter((finalizer) => finalizer !== APPLIED_FINALIZER) } };
    await effects.run('apply', `AppliedManifestWork ${name ?? ''} on ${member.name}`, () =>
      member.client.patch(targetOf(applied), 'merge', body, { fieldManager: FIELD_MANAGER }, signal),
    );
  }
  return (await member.client.get(targetOf(applied), signal))?.metadata.uid === applied.metadata.uid ? removal : null;
}

/** Deletes an AppliedManifestWork and all that it applied, as far as it goes now. What still holds it; null once it is gone. */
export async function removeAppliedWork(member: Member, effects: Effects, applied: KubeObject, signal: AbortSignal): Promise<Removal | null> {
  const { uid, name } = applied.metadata;
  const left =
    applied.metadata.deletionTimestamp !== undefined
      ? applied
      : await effects.run('delete', `AppliedManifestWork ${name ?? ''} on ${member.name}`, () =>
          member.client.delete(targetOf(applied), uid === undefined ? {} : { uid }, signal),
        );
  return left === null ? null : finalizeApplied(member, effects, left, signal);
}
