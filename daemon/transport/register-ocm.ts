/** Registers clusters that OCM delivers to. */
import { Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { ClusterRegistration, Register } from '../model/ports.ts';
import type { RegisterDoors } from './register-direct.ts';

/** What an operator may choose about OCM's programs on members. */
export interface OcmSettings {
  /** Where OCM's images are; "" is OCM's own place. */
  readonly registry?: string;
}

export type OcmRegistration = (registration: ClusterRegistration, live: KubeObject | null, signal: AbortSignal) => Promise<Awaited<ReturnType<Register>> | null>;

export function openOcmRegistration(_doors: RegisterDoors, _settings: OcmSettings): OcmRegistration {
  return async ({ name }) => {
    throw new Fault('transport/delivery', `cluster ${name} is to be registered with OCM, which is not done yet`);
  };
}
