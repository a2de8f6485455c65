/**
 * Puts one manifest of a work onto a member, by its update strategy (OCM 1.3's words and rules).
 *
 *   ReadOnly          nothing is written
 *   CreateOnly        created when absent; then only the owner
 *   ServerSideApply   applied as `work-agent`; refused when another owns a field; then the owner
 *   Update            absent: created; else OCM's merge (work-merge.ts) as a PUT with the live resourceVersion
 *
 * Another writer in between (409) is met by reading again, four times at most. A write that would change nothing is not
 * made: memory knows, or a dry run tells.
 */
import { equal } from '../lib/json.ts';
import { differences } from '../lib/subset.ts';
import type { KubeObject } from '../model/object.ts';
import { sendable } from './apply.ts';
import type { Resource } from './discovery.ts';
import { ApiFault } from './faults.ts';
import { kindsOf } from './hub.ts';
import { targetOf } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import { IGNORED_HASH_ANNOTATION, withoutIgnored } from './work-ignore.ts';
import { documentHash } from './work-member.ts';
import type { Member } from './work-member.ts';
import { createdFrom, mergeOwner, ownersOf, updateOf } from './work-merge.ts';
import type { Ownership } from './work-merge.ts';
import type { UpdateStrategy } from './work-model.ts';
import { agentWords } from './work-words.ts';

/** The object as it is now (null: ReadOnly, and not there), and whether this call changed it. */
export interface Put {
  readonly live: KubeObject | null;
  readonly written: boolean;
}

/** A refusal whose words are OCM's already. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  /** Nothing but another change of the object can help: no reason to try again soon. */
  readonly isConflict: boolean;
  constructor(message: string, isConflict: boolean) {
    super(message);
    this.isConflict = isConflict;
  }
}

/** OCM's manager for server-side apply. */
const AGENT_MANAGER = 'work-agent';
const ATTEMPTS = 4;

/** Applies one manifest. Throws what the member answered, {@link Refusal}, and IgnoreFieldError. */
export async function putManifest(
  member: Member,
  manifest: KubeObject,
  scope: Resource,
  ownership: Ownership,
  strategy: UpdateStrategy,
  signal: AbortSignal,
): Promise<Put> {
  const required = sendable(manifest, scope.namespaced);
  for (let attempt = 1; ; attempt++) {
    const live = attempt === 1 ? await member.read(required, scope, signal) : await member.readNow(targetOf(required), signal);
    try {
      return await putOnce(member, required, live, ownership, strategy, signal);
    } catch (error) {
      // Changed, created or deleted in between; a conflict of field managers is another matter.
      const isRace = error instanceof ApiFault && error.statusCode === 409 && error.code !== 'transport/conflict' && error.reason !== 'Invalid';
      if (!isRace || attempt === ATTEMPTS) throw error;
    }
  }
}

async function putOnce(
  member: Member,
  required: KubeObject,
  live: KubeObject | null,
  ownership: Ownership,
  strategy: UpdateStrategy,
  signal: AbortSignal,
): Promise<Put> {
  // Absence may be an assumption, which only a creation puts to the test.
  if (strategy.type === 'ReadOnly') return { live: live ?? (await member.readNow(targetOf(required), signal)), written: false };
  if (strategy.type === 'ServerSideApply') return serverSide(member, required, live, ownership, strategy, signal);
  if (live === null) return create(member, required, ownership, signal);
  if (strategy.type === 'CreateOnly') return withOwner(member, live, ownership, signal);
  return update(member, required, live, ownership, signal);
}

async function create(member: Member, required: KubeObject, ownership: Ownership, signal: AbortSignal): Promise<Put> {
  const made = await member.write('apply', required, () => member.client.create(createdFrom(required, ownership), { fieldManager: FIELD_MANAGER }, signal));
  if (required.kind === 'CustomResourceDefinition') for (const [apiVersion, kind] of kindsOf(required)) member.client.expectKind(apiVersion, kind);
  member.memory.remember(member.keyOf(required), documentHash(required, ownership), made.object);
  return { live: made.object, written: true };
}

async function update(member: Member, required: KubeObject, live: KubeObject, ownership: Ownership, signal: AbortSignal): Promise<Put> {
  const key = member.keyOf(required);
  const hash = documentHash(required, ownership);
  if (member.memory.recall(key, hash, live) === true) return { live, written: false };
  const due = updateOf(required, live, ownership);
  if (due === null) return { live, written: false };
  const put = (dryRun: boolean): Promise<KubeObject> =>
    member.client.replace(due.body, { fieldManager: FIELD_MANAGER, dryRun }, signal).then((written) => written.object);
  // All of it is there already, with more around it: defaults, most likely.
  if (!due.recreate && differences(due.body, live).length === 0 && isSameObject(await put(true), live)) {
    member.memory.remember(key, hash, live);
    return { live, written: false };
  }
  const after = due.recreate
    ? await recreate(member, due.body, live, signal)
    : await member
        .write('apply', required, () => put(false))
        .catch((error: unknown) => {
          // library-go: a Secret that is immutable is replaced by another one.
          if (required.kind === 'Secret' && error instanceof ApiFault && error.message.includes('field is immutable'))
            return recreate(member, due.body, live, signal);
          throw error;
        });
  member.memory.remember(key, hash, after);
  return { live: after, written: after.metadata.resourceVersion !== live.metadata.resourceVersion };
}

async function recreate(member: Member, body: KubeObject, live: KubeObject, signal: AbortSignal): Promise<KubeObject> {
  const { uid } = live.metadata;
  await member.write('delete', body, () => member.client.delete(targetOf(body), { ...(uid === undefined ? {} : { uid }), propagation: 'Background' }, signal));
  const { namespace } = body.metadata;
  return (await member.write('apply', body, () => member.client.create(sendable(body, namespace !== undefined), { fieldManager: FIELD_MANAGER }, signal)))
    .object;
}

async function serverSide(
  member: Member,
  manifest: KubeObject,
  seen: KubeObject | null,
  ownership: Ownership,
  strategy: UpdateStrategy,
  signal: AbortSignal,
): Promise<Put> {
  const options = strategy.serverSideApply ?? {};
  const ignored = withoutIgnored(manifest, options.ignoreFields ?? []);
  const live = seen ?? (ignored === null ? null : await member.readNow(targetOf(manifest), signal));
  // The ignored fields are there when the object is made, and whenever the rest of the document changes.
  const required = ignored === null ? manifest : live === null ? ignored.whole : ignored.rest;
  if (live !== null && ignored !== null && live.metadata.annotations?.[IGNORED_HASH_ANNOTATION] === ignored.hash)
    return withOwner(member, live, ownership, signal);
  const write = { fieldManager: options.fieldManager || AGENT_MANAGER, force: options.force === true };
  const key = member.keyOf(required);
  const hash = documentHash(required, write, ownership);
  const known = live === null ? null : member.memory.recall(key, hash, live);
  if (typeof known === 'string') throw new Refusal(known, true);
  if (live !== null && known === true) return withOwner(member, live, ownership, signal);
  try {
    const isThere = live !== null && differences(required, live).length === 0;
    const isSame = isThere && isSameObject((await member.client.apply(required, { ...write, dryRun: true }, signal)).object, live);
    const after = isSame ? live : (await member.write('apply', required, () => member.client.apply(required, write, signal))).object;
    const owned = await withOwner(member, after, ownership, signal);
    member.memory.remember(key, hash, owned.live);
    return { live: owned.live, written: owned.live.metadata.resourceVersion !== live?.metadata.resourceVersion };
  } catch (error) {
    if (!(error instanceof ApiFault) || error.code !== 'transport/conflict') throw error;
    const words = agentWords(error, targetOf(required));
    if (live !== null) member.memory.remember(key, hash, live, words);
    throw new Refusal(words, true);
  }
}

/** Sets our owner reference, or takes it off an orphan, and nothing else. */
async function withOwner(member: Member, live: KubeObject, ownership: Ownership, signal: AbortSignal): Promise<Put & { readonly live: KubeObject }> {
  const owners = mergeOwner(ownersOf(live), ownership);
  if (owners === null) return { live, written: false };
  const { uid, resourceVersion } = live.metadata;
  const body = { metadata: { uid, resourceVersion, ownerReferences: owners } };
  const after = await member.write('apply', live, () => member.client.patch(targetOf(live), 'merge', body, { fieldManager: FIELD_MANAGER }, signal));
  return { live: after.object, written: true };
}

/** Whether a dry run left everything as it is. */
function isSameObject(after: KubeObject, live: KubeObject): boolean {
  const bare = (object: KubeObject): unknown => {
    const { managedFields, resourceVersion: _version, generation: _generation, ...metadata } = object.metadata;
    const managers = Array.isArray(managedFields) ? managedFields.map(({ time: _time, ...entry }: Record<string, unknown>) => entry) : [];
    return { ...object, metadata: { ...metadata, managers } };
  };
  return equal(bare(after), bare(live));
}
