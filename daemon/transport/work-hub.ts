/** What the work agent writes on the hub: a work's finalizer and its status, each with the resourceVersion that was read. */
import type { KubeObject } from '../model/object.ts';
import type { Effects } from '../model/ports.ts';
import { Fault } from '../model/fault.ts';
import type { KubeClient } from './kube.ts';
import { targetOf } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import { WORK_FINALIZER } from './work-model.ts';
import type { WorkStatus } from './work-model.ts';
import { statusPatch } from './work-status.ts';

const describeWork = (work: KubeObject): string => `ManifestWork ${work.metadata.namespace ?? ''}/${work.metadata.name ?? ''}`;

/** The work with our finalizer; nothing may be applied before. Faults: transport/*. */
export async function withWorkFinalizer(hub: KubeClient, effects: Effects, work: KubeObject, signal: AbortSignal): Promise<KubeObject> {
  const finalizers = work.metadata.finalizers ?? [];
  return finalizers.includes(WORK_FINALIZER) ? work : patchFinalizers(hub, effects, work, [...finalizers, WORK_FINALIZER], signal);
}

/** Takes our finalizer off. Gives what is left of the work: null unless others hold it. Faults: transport/*. */
export async function removeWorkFinalizer(hub: KubeClient, effects: Effects, work: KubeObject, signal: AbortSignal): Promise<KubeObject | null> {
  const kept = (work.metadata.finalizers ?? []).filter((finalizer) => finalizer !== WORK_FINALIZER);
  try {
    const after = await patchFinalizers(hub, effects, work, kept, signal);
    return kept.length === 0 ? null : after;
  } catch (error) {
    if (error instanceof Fault && error.code === 'transport/gone' && (await hub.get(targetOf(work), signal))?.metadata.uid !== work.metadata.uid) return null;
    throw error;
  }
}

async function patchFinalizers(hub: KubeClient, effects: Effects, work: KubeObject, finalizers: readonly string[], signal: AbortSignal): Promise<KubeObject> {
  const { uid, resourceVersion } = work.metadata;
  const body = { metadata: { uid, resourceVersion, finalizers } };
  const after = await effects.run('apply', describeWork(work), () => hub.patch(targetOf(work), 'merge', body, { fieldManager: FIELD_MANAGER }, signal));
  return after.object;
}

/** Writes the status where it differs, and gives the work as it is then. Faults: transport/*; transport/gone when another was faster. */
export async function saveStatus(hub: KubeClient, effects: Effects, work: KubeObject, status: WorkStatus, signal: AbortSignal): Promise<KubeObject> {
  const patch = statusPatch(work, status);
  if (patch === null) return work;
  const { uid, resourceVersion } = work.metadata;
  const body = { metadata: { uid, resourceVersion }, status: patch };
  return (
    await effects.run('status', describeWork(work), () =>
      hub.patch(targetOf(work), 'merge', body, { fieldManager: FIELD_MANAGER, subresource: 'status' }, signal),
    )
  ).object;
}
