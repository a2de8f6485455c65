/**
 * How a Configuration's status tells where it is, in the words of both of its versions:
 * v1beta1 (terraform-controller 0.1.16, KubeVela 1.1): `status.state`, `status.message`;
 * v1beta2 (KubeVela 1.10): `status.apply` and `status.destroy` with the same two fields, and `observedGeneration`.
 */
import { isRecord, type Fields } from '../lib/json.ts';
import type { Fault } from '../model/fault.ts';
import type { JsonObject, KubeObject } from '../model/object.ts';

/** Where a Configuration is. */
export type Stage = 'provisioning' | 'available' | 'unavailable' | 'refused' | 'no-provider' | 'destroying' | 'destroy-failed';

/** State in v1beta1 and in v1beta2. The latter are terraform-controller 0.8.1's. */
const STATES: Readonly<Record<Stage, readonly [old: string, field: 'apply' | 'destroy', state: string]>> = {
  provisioning: ['Provisioning', 'apply', 'ProvisioningAndChecking'],
  available: ['Available', 'apply', 'Available'],
  unavailable: ['Unavailable', 'apply', 'ApplyFailed'],
  refused: ['Unavailable', 'apply', 'ConfigurationSpecNotValid'],
  'no-provider': ['Unavailable', 'apply', 'ProviderNotReady'],
  destroying: ['Destroying', 'destroy', 'Destroying'],
  'destroy-failed': ['DestroyFailed', 'destroy', 'DestroyFailed'],
};

/** What both versions say when all is well; KubeVela 1.1 recorded it with the full stop. */
export const AVAILABLE_MESSAGE = 'Cloud resources are deployed and ready to use.';

/** The status to be patched in; null when the object says it already. `message` must be free of secrets. */
export function statusPatch(object: KubeObject, stage: Stage, message: string): JsonObject | null {
  const [old, field, state] = STATES[stage];
  const live = isRecord(object['status']) ? object['status'] : {};
  const generation = object.metadata.generation;
  const isSame =
    [live, live[field]].some((part) => isRecord(part) && part['state'] === (part === live ? old : state) && sameWords(part['message'], message)) &&
    (generation === undefined || live['observedGeneration'] === undefined || live['observedGeneration'] === generation);
  if (isSame) return null;
  return { state: old, message, [field]: { state, message }, ...(generation === undefined ? {} : { observedGeneration: generation }) };
}

/** Whether the object's status says that all is there. */
export function isAvailable(object: KubeObject): boolean {
  const live: Fields = isRecord(object['status']) ? object['status'] : {};
  const apply: Fields = isRecord(live['apply']) ? live['apply'] : {};
  return live['state'] === STATES.available[0] || apply['state'] === STATES.available[2];
}

/** A request's id differs with every try: it is no reason to tell the same again. */
export function sameWords(a: unknown, b: string): boolean {
  const plain = (text: string): string => text.replace(/,? request [0-9A-Za-z-]+/g, '');
  return typeof a === 'string' && plain(a) === plain(b);
}

/** How a fault on the way up is told; `isAsked` when the cloud was asked for the cluster already. */
export function stageOf(fault: Fault): Stage {
  if (fault.code === 'provision/refused') return 'refused';
  if (fault.code === 'provision/credentials') return 'no-provider';
  return isStopped(fault) ? 'unavailable' : 'provisioning';
}

/** Somebody has to act before it goes on. */
export function isStopped(fault: Fault): boolean {
  return fault.kind === 'invalid' || fault.kind === 'denied' || fault.kind === 'bug';
}
