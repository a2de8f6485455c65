/** The AppliedManifestWork of each work on the member, and those whose work is gone. */
import { equal, isRecord } from '../lib/json.ts';
import { mapLimit } from '../lib/queue.ts';
import { toFault } from '../model/fault.ts';
import type { Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { Clock, Effects } from '../model/ports.ts';
import { ApiFault } from './faults.ts';
import { targetOf } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import { patchStatus, removeAppliedWork } from './work-delete.ts';
import type { Member } from './work-member.ts';
import { APPLIED_FINALIZER, appliedWorkName, hubHash, specOf, WORK_API } from './work-model.ts';
import { timeText } from '../lib/text.ts';

export interface AppliedOptions {
  readonly hubUrl: string;
  readonly agentId?: string;
  readonly effects: Effects;
  readonly clock: Clock;
}

const agentIdOf = (options: AppliedOptions): string => options.agentId ?? hubHash(options.hubUrl);

/** The record of a work, made or taken over where that is needed. An eviction that was begun is called off. Faults: transport/*. */
export async function tendAppliedWork(
  member: Member,
  options: AppliedOptions,
  work: KubeObject,
  known: KubeObject | undefined,
  signal: AbortSignal,
): Promise<KubeObject> {
  const { effects, hubUrl } = options;
  const name = work.metadata.name ?? '';
  const spec = { hubHash: hubHash(hubUrl), manifestWorkName: name, agentID: agentIdOf(options) };
  const { labels } = work.metadata;
  const wanted: KubeObject = {
    apiVersion: WORK_API,
    kind: 'AppliedManifestWork',
    metadata: { name: appliedWorkName(hubUrl, name), ...(labels === undefined ? {} : { labels }), finalizers: [APPLIED_FINALIZER] },
    spec,
  };
  const subject = `AppliedManifestWork ${wanted.metadata.name ?? ''} on ${member.name}`;
  let applied = known ?? (await create());
  const finalizers = applied.metadata.finalizers ?? [];
  const isOurs = equal(specOf(applied), spec);
  if (!isOurs || !finalizers.includes(APPLIED_FINALIZER)) {
    const { uid, resourceVersion } = applied.metadata;
    const body = { metadata: { uid, resourceVersion, finalizers: [...new Set([...finalizers, APPLIED_FINALIZER])] }, spec };
    applied = (await effects.run('apply', subject, () => member.client.patch(targetOf(wanted), 'merge', body, { fieldManager: FIELD_MANAGER }, signal))).object;
  }
  return evictionOf(applied) === null ? applied : patchStatus(member.client, effects, member.name, applied, { evictionStartTime: null }, signal);

  async function create(): Promise<KubeObject> {
    try {
      return (await effects.run('apply', subject, () => member.client.create(wanted, { fieldManager: FIELD_MANAGER }, signal))).object;
    } catch (error) {
      const there = error instanceof ApiFault && error.statusCode === 409 ? await member.client.get(targetOf(wanted), signal) : null;
      if (there === null) throw error;
      return there;
    }
  }
}

function evictionOf(applied: KubeObject): number | null {
  const status = isRecord(applied['status']) ? applied['status'] : {};
  const time = Date.parse(typeof status['evictionStartTime'] === 'string' ? status['evictionStartTime'] : '');
  return Number.isNaN(time) ? null : time;
}

/** OCM's grace period before a record without a work is removed with what it applied. */
const EVICT_AFTER_MS = 3_600_000;

/** A record whose work is gone: what is to become of it. */
export interface Stray {
  /** The work's name. */
  readonly name: string;
  readonly waiting: string;
  readonly fault: Fault | null;
}

/**
 * Records of ours whose work is gone from the hub without us, or which name another hub: evicted after OCM's grace
 * period, so that a hub that comes back with its works finds all of it. Records of other agents are not touched.
 */
export async function tendStrays(
  member: Member,
  options: AppliedOptions,
  applied: ReadonlyMap<string, KubeObject>,
  works: readonly KubeObject[],
  signal: AbortSignal,
): Promise<readonly Stray[]> {
  const names = new Set(works.map((work) => appliedWorkName(options.hubUrl, work.metadata.name ?? '')));
  const strays = [...applied.values()].filter((record) => !names.has(record.metadata.name ?? '') && specOf(record)['agentID'] === agentIdOf(options));
  return mapLimit(
    strays,
    1,
    async (record) => {
      const name = String(specOf(record)['manifestWorkName'] ?? '');
      try {
        return { name, waiting: await tendStray(member, options, record, signal), fault: null };
      } catch (error) {
        return { name, waiting: '', fault: toFault(error) };
      }
    },
    signal,
  );
}

async function tendStray(member: Member, options: AppliedOptions, record: KubeObject, signal: AbortSignal): Promise<string> {
  const nowMs = options.clock.now();
  const sinceMs = evictionOf(record);
  if (record.metadata.deletionTimestamp !== undefined || (sinceMs !== null && nowMs - sinceMs >= EVICT_AFTER_MS))
    return (await removeAppliedWork(member, options.effects, record, signal)) === null
      ? ''
      : 'its ManifestWork is gone from the hub; what it applied is being removed';
  if (sinceMs === null) await patchStatus(member.client, options.effects, member.name, record, { evictionStartTime: timeText(nowMs) }, signal);
  return `its ManifestWork is gone from the hub; what it applied is removed at ${timeText((sinceMs ?? nowMs) + EVICT_AFTER_MS)}`;
}
