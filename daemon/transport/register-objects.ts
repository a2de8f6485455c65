/** Writing the objects that a registration consists of: only what differs, one effect each. */
import { isRecord } from '../lib/json.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import { describeKey, LOCAL, type JsonObject, type KubeObject } from '../model/object.ts';
import type { Effects } from '../model/ports.ts';
import { ApiFault } from './faults.ts';
import { targetOf, type KubeClient } from './kube.ts';

/** A cluster and how it is written to; `name` is {@link LOCAL} for the hub. */
export interface Place {
  readonly name: string;
  readonly client: KubeClient;
  readonly effects: Effects;
}

/** An object to be there; `onlyWhenAbsent` leaves one that is there as it is, else what it says is put right by server-side apply. */
export interface Needed {
  readonly object: KubeObject;
  readonly onlyWhenAbsent: boolean;
}

/** What is not as it is needed, in order. Reads only. Faults: transport/*; a kind that is not served is missing. */
export async function missingOf(needed: readonly Needed[], place: Place, signal: AbortSignal): Promise<readonly Needed[]> {
  const missing: Needed[] = [];
  for (const item of needed) {
    const { object, onlyWhenAbsent } = item;
    const isServed = (await place.client.findResource(object.apiVersion, object.kind, signal)) !== null;
    const live = isServed ? await place.client.get(targetOf(object), signal) : null;
    if (live === null || (!onlyWhenAbsent && !contains(live, object))) missing.push(item);
  }
  return missing;
}

/** Applies objects in order. Faults: transport/*. */
export async function applyAll(needed: readonly Needed[], place: Place, signal: AbortSignal): Promise<void> {
  for (const { object } of needed) await effect(object, place, () => place.client.apply(object, { fieldManager: FIELD_MANAGER, force: true }, signal));
}

/** {@link missingOf} and {@link applyAll}. True when something was written. */
export async function ensureAll(needed: readonly Needed[], place: Place, signal: AbortSignal): Promise<boolean> {
  const missing = await missingOf(needed, place, signal);
  await applyAll(missing, place, signal);
  return missing.length > 0;
}

/** Creates an object; null when there is one already. */
export async function createNew(object: KubeObject, place: Place, signal: AbortSignal): Promise<KubeObject | null> {
  try {
    return (await effect(object, place, () => place.client.create(object, { fieldManager: FIELD_MANAGER }, signal))).object;
  } catch (error) {
    if (error instanceof ApiFault && error.statusCode === 409) return null;
    throw error;
  }
}

/** Merge-patches an object, or a subresource of it, as Lateen. */
export async function patchWith(live: KubeObject, body: JsonObject, place: Place, signal: AbortSignal, subresource?: string): Promise<KubeObject> {
  const write = { fieldManager: FIELD_MANAGER, ...(subresource === undefined ? {} : { subresource }) };
  return (await effect(live, place, () => place.client.patch(targetOf(live), 'merge', body, write, signal))).object;
}

function effect<T>(object: KubeObject, place: Place, write: () => Promise<T>): Promise<T> {
  const { namespace = '', name = '' } = object.metadata;
  return place.effects.run('system', describeKey({ cluster: place.name, apiVersion: object.apiVersion, kind: object.kind, namespace, name }), write);
}

/** Whether everything that `wanted` says is so in `live`, which may say more; lists have to be equal in length. */
export function contains(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) return Array.isArray(live) && live.length === wanted.length && wanted.every((item, index) => contains(live[index], item));
  if (isRecord(wanted)) return isRecord(live) && Object.entries(wanted).every(([key, value]) => contains(live[key], value));
  return live === wanted;
}

/**
 * The merge patch that makes `live` say what `wanted` says: null when it does. Lists are replaced whole; what only `live`
 * says stays.
 */
export function patchTo(live: unknown, wanted: JsonObject): JsonObject | null {
  const patch: Record<string, JsonObject[string]> = {};
  for (const [key, value] of Object.entries(wanted)) {
    const there = isRecord(live) ? live[key] : undefined;
    const part = isRecord(value) ? patchTo(there, value) : contains(there, value) ? null : value;
    if (part !== null) patch[key] = part;
  }
  return Object.keys(patch).length === 0 ? null : patch;
}

/** The hub as a place. */
export const hubPlace = (client: KubeClient, effects: Effects): Place => ({ name: LOCAL, client, effects });

/** Whether a ManagedCluster is joined and available, and what it lacks. Pure. */
export function standing(name: string, live: KubeObject | null): { readonly available: boolean; readonly message: string } {
  const status = isRecord(live?.['status']) ? live['status'] : {};
  const conditions = Array.isArray(status['conditions']) ? status['conditions'].filter(isRecord) : [];
  const lacks = [
    ['ManagedClusterJoined', 'joined'],
    ['ManagedClusterConditionAvailable', 'available'],
  ].flatMap(([type, word = '']) => {
    const condition = conditions.find((one) => one['type'] === type);
    if (condition?.['status'] === 'True') return [];
    const message = typeof condition?.['message'] === 'string' ? condition['message'] : '';
    return [message === '' ? word : `${word} (${message})`];
  });
  return lacks.length === 0 ? { available: true, message: '' } : { available: false, message: `cluster ${name} is not yet ${lacks.join(', and not yet ')}` };
}
