/**
 * Lateen's own work agent: for a cluster of direct delivery it does with ManifestWorks what OCM 1.3's klusterlet does,
 * under the same names and with the same finalizers, owners and records, so that a real one can take over later and
 * evicts nothing.
 *
 *   (new) ── finalizer ──> AppliedManifestWork on the member ──> manifests applied ──> what left the work pruned
 *                               ^                                                          │
 *                               └──── every tend: drift put back, status told <────────────┘
 *   deletionTimestamp ──> Deleting ──> AppliedManifestWork deleted ──> its resources gone ──> finalizer off ──> (gone)
 *
 * A tend is idempotent: whatever it was interrupted in, the next one ends in the same state (I6). A tend that finds
 * everything in place writes nothing.
 */
import { hashOf } from '../lib/json.ts';
import { mapLimit } from '../lib/queue.ts';
import { Fault, toFault } from '../model/fault.ts';
import { groupOf } from '../model/object.ts';
import type { KubeObject, ObjectKey } from '../model/object.ts';
import type { Clock, Effects, Redactor } from '../model/ports.ts';
import { installDefinitions } from './hub.ts';
import type { KubeClient } from './kube.ts';
import { tendAppliedWork, tendStrays } from './work-applied.ts';
import { describe, finalizeApplied, findUnrecorded, removeApplied, removeAppliedWork, saveApplied, sorted } from './work-delete.ts';
import type { Removal } from './work-delete.ts';
import { removeWorkFinalizer, saveStatus, withWorkFinalizer } from './work-hub.ts';
import { applyManifests } from './work-manifests.ts';
import type { Applied, Elder } from './work-manifests.ts';
import { viewMember } from './work-member.ts';
import type { Member } from './work-member.ts';
import type { WorkMemory } from './work-memory.ts';
import { appliedResourcesOf, appliedWorkName, isTrue, manifestsOf, ownerOf, statusOf, WORK_API, WORK_FINALIZER } from './work-model.ts';
import type { AppliedResource } from './work-model.ts';
import { timeText } from '../lib/text.ts';
import { isAppliedNow, withDeleting, withOutcomes, withSeen } from './work-status.ts';
import type { Seen } from './work-status.ts';
import { agentWords, isVerdict } from './work-words.ts';

export interface TendOptions {
  readonly hub: KubeClient;
  readonly cluster: { readonly name: string; readonly client: KubeClient };
  /** The hub's URL exactly as a klusterlet's kubeconfig will name it: its hash is in the name of every record. */
  readonly hubUrl: string;
  /** Who we are in `spec.agentID`; the hash of the URL when it is left out, as an agent without an operator does. */
  readonly agentId?: string;
  /** AppliedManifestWork's CRD, installed on the member when it is absent. */
  readonly definitions: readonly KubeObject[];
  readonly effects: Effects;
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly memory: WorkMemory;
  /** How long one work may take before it is left for the next tend. */
  readonly workTimeoutMs?: number;
}

/** What one tend found and did about one ManifestWork. */
export interface WorkReport {
  readonly namespace: string;
  readonly name: string;
  /** As the hub has it after the tend; null when it is gone. */
  readonly work: KubeObject | null;
  /** The objects of its manifests, in order, as they are on the member now; null: not there, or not known. */
  readonly objects: readonly { readonly key: ObjectKey; readonly live: KubeObject | null }[];
  /** Objects that were created or changed. */
  readonly written: readonly ObjectKey[];
  /** Those of them that had been applied before at this generation: someone else had changed them. */
  readonly drift: readonly ObjectKey[];
  /** Deleted from the member, as `configmaps default/web`. */
  readonly removed: readonly string[];
  /** What it waits for, one sentence; "" when there is nothing more to do. */
  readonly waiting: string;
  /** Why it could not be tended; its status is as it was then. */
  readonly fault: Fault | null;
}

const WORKS_AT_ONCE = 8;
const WORK_TIMEOUT_MS = 60_000;

/**
 * Tends every ManifestWork in the cluster's namespace once; after their reports come those of records on the member whose
 * work is gone (`work` null). A fault about one work, or the member being away, is told in
 * the reports; thrown are those about the hub, a lost Lease and cancellation.
 */
export async function tendWorks(options: TendOptions, signal: AbortSignal): Promise<readonly WorkReport[]> {
  const { hub, cluster } = options;
  if ((await hub.findResource(WORK_API, 'ManifestWork', signal)) === null) return [];
  const works = (await hub.list({ apiVersion: WORK_API, kind: 'ManifestWork', namespace: cluster.name }, signal)).items;
  let tend: Tend;
  try {
    tend = await bounded(options, (signal) => prepare(options, works, signal), signal);
  } catch (error) {
    return works.map((work) => ({ ...plainReport(work), fault: kept(error) }));
  }
  const reports = await mapLimit(works, WORKS_AT_ONCE, (work, _index, signal) => tendSafely(tend, work, signal), signal);
  const strays = await tendStrays(tend.member, options, tend.applied, works, signal);
  return [
    ...reports,
    ...strays.map(({ name, waiting, fault }) => ({
      ...NOTHING,
      namespace: cluster.name,
      name,
      work: null,
      waiting,
      fault: fault === null ? null : kept(fault),
    })),
  ];
}

interface Tend {
  readonly options: TendOptions;
  readonly member: Member;
  /** AppliedManifestWorks of the member by name, as they were at the start. */
  readonly applied: ReadonlyMap<string, KubeObject>;
  readonly elderOf: (work: KubeObject, manifest: KubeObject) => Elder;
}

async function prepare(options: TendOptions, works: readonly KubeObject[], signal: AbortSignal): Promise<Tend> {
  const { client, name } = options.cluster;
  const current = works.filter((work) => work.metadata.deletionTimestamp === undefined);
  let isServed = (await client.findResource(WORK_API, 'AppliedManifestWork', signal)) !== null;
  if (!isServed && current.length > 0) {
    await installDefinitions(client, options.definitions, name, options.effects, options.clock, signal);
    isServed = true;
  }
  const found = isServed ? (await client.list({ apiVersion: WORK_API, kind: 'AppliedManifestWork', namespace: '' }, signal)).items : [];
  const member = await viewMember(
    { name, client, effects: options.effects, redactor: options.redactor, memory: options.memory },
    current.flatMap(manifestsOf),
    signal,
  );
  return { options, member, applied: new Map(found.map((item) => [item.metadata.name ?? '', item])), elderOf: elders(current) };
}

/** Faults that are not one work's: they end the tend. */
function kept(error: unknown): Fault {
  const fault = toFault(error);
  if (fault.code === 'transport/lease' || fault.code === 'loop/cancelled') throw fault;
  return fault;
}

const NOTHING = { objects: [], written: [], drift: [], removed: [], waiting: '', fault: null } as const;
const plainReport = (work: KubeObject): WorkReport => ({ ...NOTHING, namespace: work.metadata.namespace ?? '', name: work.metadata.name ?? '', work });

async function tendSafely(tend: Tend, work: KubeObject, signal: AbortSignal): Promise<WorkReport> {
  try {
    return await bounded(
      tend.options,
      (signal) => (work.metadata.deletionTimestamp === undefined ? tendCurrent(tend, work, signal) : tendDeleting(tend, work, signal)),
      signal,
    );
  } catch (error) {
    return { ...plainReport(work), fault: kept(error) };
  }
}

/** Gives up after the time that one work has: a member that hangs is one that is away. */
async function bounded<T>(
  { clock, cluster, workTimeoutMs = WORK_TIMEOUT_MS }: TendOptions,
  action: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const done = new AbortController();
  const late = new AbortController();
  void clock.sleep(workTimeoutMs, AbortSignal.any([signal, done.signal])).then(
    () => late.abort(),
    () => undefined,
  );
  try {
    return await action(AbortSignal.any([signal, late.signal]));
  } catch (error) {
    if (late.signal.aborted && !signal.aborted)
      throw new Fault('transport/unreachable', `${cluster.name} did not answer within ${workTimeoutMs / 1000} s`, { cause: error });
    throw error;
  } finally {
    done.abort();
  }
}

async function tendCurrent(tend: Tend, work: KubeObject, signal: AbortSignal): Promise<WorkReport> {
  const { options, member } = tend;
  const { effects, clock, redactor, hub } = options;
  const ours = await withWorkFinalizer(hub, effects, work, signal);
  const known = tend.applied.get(appliedWorkName(options.hubUrl, work.metadata.name ?? ''));
  if (known?.metadata.deletionTimestamp !== undefined) {
    // Someone deletes our record: what it applied goes first, then all is made anew.
    const held = await finalizeApplied(member, effects, known, signal);
    if (held !== null) return { ...plainReport(ours), waiting: heldWords(held), removed: held.removed.map(describe) };
  }
  const applied = await tendAppliedWork(member, options, ours, known?.metadata.deletionTimestamp === undefined ? known : undefined, signal);
  const status = statusOf(ours);
  if (isTrue(status.conditions, 'Complete')) return tendComplete(tend, ours, signal);
  const results = await applyManifests(ours, { member, redactor, owner: ownerOf(applied), elderOf: (manifest) => tend.elderOf(ours, manifest) }, signal);
  const pruned = await prune(tend, applied, ours, results, signal);
  const now = timeText(clock.now());
  const outcomes = withOutcomes(
    status,
    results.map(({ outcome }) => outcome),
    ours.metadata.generation ?? 0,
    now,
  );
  const after = await saveStatus(
    hub,
    effects,
    ours,
    withSeen(
      ours,
      outcomes,
      results.map(({ seen }) => seen),
      now,
    ),
    signal,
  );
  const written = results.filter((result) => result.written).map(({ key }) => key);
  return {
    ...plainReport(after),
    objects: results.map(({ key, seen }) => ({ key, live: 'live' in seen ? seen.live : null })),
    written,
    drift: isAppliedNow(work) ? written : [],
    removed: pruned.removed.map(describe),
    waiting: pruned.pending.length === 0 ? '' : heldWords(pruned),
  };
}

/** A work that is Complete is only looked at. */
async function tendComplete(tend: Tend, work: KubeObject, signal: AbortSignal): Promise<WorkReport> {
  const seen = await lookAtAll(tend.member, work, signal);
  const after = await saveStatus(
    tend.options.hub,
    tend.options.effects,
    work,
    withSeen(work, statusOf(work), seen, timeText(tend.options.clock.now())),
    signal,
  );
  return { ...plainReport(after), objects: objectsOf(tend.member, work, seen) };
}

/**
 * Deletes what left the work and records what is there. While a kind is not known, or an object could not be looked up,
 * nothing is deleted: a broken manifest holds deletions back (OCM).
 */
async function prune(tend: Tend, applied: KubeObject, work: KubeObject, results: readonly Applied[], signal: AbortSignal): Promise<Removal> {
  const { member, options } = tend;
  const before = appliedResourcesOf(applied);
  const place = (resource: Omit<AppliedResource, 'uid' | 'version'>): string =>
    [resource.group, resource.resource, resource.namespace, resource.name].join('|');
  const present = results.flatMap(({ outcome: { meta }, seen }): AppliedResource[] =>
    'live' in seen
      ? [{ group: meta.group, version: meta.version, resource: meta.resource, namespace: meta.namespace, name: meta.name, uid: seen.live.metadata.uid ?? '' }]
      : [],
  );
  const wanted = new Set(results.map(({ outcome }) => place(outcome.meta)));
  const recorded = new Set(before.map(place));
  const lost = statusOf(work)
    .manifests.map(({ resourceMeta }) => resourceMeta)
    .filter((meta) => meta.resource !== '' && !wanted.has(place(meta)) && !recorded.has(place(meta)));
  const unrecorded = await findUnrecorded(member, lost, ownerOf(applied), signal);
  const isBroken = results.some(({ seen }) => 'unknownKind' in seen || 'error' in seen);
  const kept = new Set(present.map(place));
  const untracked = [...before, ...unrecorded].filter((resource) => !kept.has(place(resource)));
  if (isBroken) {
    if (unrecorded.length > 0) await saveApplied(member.client, options.effects, member.name, applied, sorted([...before, ...unrecorded]), signal);
    return { pending: [], removed: [], problems: [] };
  }
  const removal = await removeApplied(member, untracked, ownerOf(applied), signal);
  await saveApplied(member.client, options.effects, member.name, applied, sorted([...present, ...removal.pending]), signal);
  return removal;
}

async function tendDeleting(tend: Tend, work: KubeObject, signal: AbortSignal): Promise<WorkReport> {
  const { options, member } = tend;
  const { hub, effects, clock } = options;
  if (!(work.metadata.finalizers ?? []).includes(WORK_FINALIZER)) return { ...plainReport(work), waiting: 'finalizers of others hold it' };
  const applied = tend.applied.get(appliedWorkName(options.hubUrl, work.metadata.name ?? ''));
  let told = work;
  let held: Removal | null = null;
  if (applied !== undefined) {
    const isNew = applied.metadata.deletionTimestamp === undefined;
    if (isNew)
      told = await saveStatus(
        hub,
        effects,
        work,
        withDeleting(await seenStatus(tend, work, signal), work.metadata.generation ?? 0, timeText(clock.now())),
        signal,
      );
    held = await removeAppliedWork(member, effects, applied, signal);
  }
  const removed = (held?.removed ?? appliedResourcesOf(applied ?? work)).map(describe);
  if (held === null) return { ...plainReport(told), work: await removeWorkFinalizer(hub, effects, told, signal), removed };
  const after = await saveStatus(hub, effects, told, await seenStatus(tend, told, signal), signal);
  return { ...plainReport(after), waiting: heldWords(held), removed };
}

/** The status with what is there now of what had been applied; as it is when nothing was applied yet. */
async function seenStatus(tend: Tend, work: KubeObject, signal: AbortSignal) {
  const status = statusOf(work);
  if (!status.conditions.some((condition) => condition.type === 'Applied')) return status;
  return withSeen(work, status, await lookAtAll(tend.member, work, signal), timeText(tend.options.clock.now()));
}

/** The objects that the status names, in its order. */
async function lookAtAll(member: Member, work: KubeObject, signal: AbortSignal): Promise<readonly Seen[]> {
  return Promise.all(
    statusOf(work).manifests.map(async ({ resourceMeta: meta }): Promise<Seen> => {
      if (meta.resource === '' || meta.name === '') return { unknownKind: true };
      try {
        const live = await member.readPlural(meta, signal);
        return live === null ? { absent: true } : { live };
      } catch (error) {
        if (!isVerdict(error)) throw error;
        return { error: agentWords(error, { apiVersion: meta.version, kind: meta.resource, namespace: meta.namespace, name: meta.name }) };
      }
    }),
  );
}

function objectsOf(member: Member, work: KubeObject, seen: readonly Seen[]): WorkReport['objects'] {
  return statusOf(work).manifests.map(({ resourceMeta: meta }, at) => {
    const found = seen[at];
    const apiVersion = meta.group === '' ? meta.version : `${meta.group}/${meta.version}`;
    return {
      key: { cluster: member.name, apiVersion, kind: meta.kind, namespace: meta.namespace, name: meta.name },
      live: found !== undefined && 'live' in found ? found.live : null,
    };
  });
}

function heldWords({ pending, problems }: Removal): string {
  if (problems.length > 0) return problems.join('; ');
  const names = pending.slice(0, 4).map(describe).join(', ');
  return `${names}${pending.length > 4 ? ` and ${pending.length - 4} more` : ''} ${pending.length === 1 ? 'is' : 'are'} still being deleted`;
}

/** Which older work declares the same object; works are compared by creation, then by name. */
function elders(works: readonly KubeObject[]): (work: KubeObject, manifest: KubeObject) => Elder {
  const place = ({ apiVersion, kind, metadata }: KubeObject): string => [groupOf(apiVersion), kind, metadata.namespace ?? '', metadata.name ?? ''].join('|');
  const content = ({ metadata: _metadata, status: _status, ...rest }: KubeObject): string => hashOf(rest);
  const first = new Map<string, { readonly work: string; readonly content: string }>();
  const age = (work: KubeObject): string => `${work.metadata.creationTimestamp ?? ''}|${work.metadata.name ?? ''}`;
  for (const work of works.toSorted((a, b) => (age(a) < age(b) ? -1 : 1)))
    for (const manifest of manifestsOf(work))
      if (!first.has(place(manifest))) first.set(place(manifest), { work: work.metadata.name ?? '', content: content(manifest) });
  return (work, manifest) => {
    const elder = first.get(place(manifest));
    return elder === undefined || elder.work === work.metadata.name ? null : { work: elder.work, isSame: elder.content === content(manifest) };
  };
}
