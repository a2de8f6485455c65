/** Calls of KubeVela's packages that are not made here, each refused by its name. */
import { Fault } from '../../model/fault.ts';
import type { Action } from '../run.ts';
import { nameOf, type Provider } from './calls.ts';

const refused =
  (hint: string): Action =>
  async (call) => {
    throw new Fault('workflow/unsupported', `${nameOf(call)} is not supported: ${hint}`);
  };

/** Mail has no idempotency to hold on to. */
export const EMAIL: Provider = { send: refused('send the message to a webhook with http.do') };

const clouds = refused('deliver the cloud component with apply-component, and its connection Secret with export2secret');
const terraform = refused('read the Configuration with kube.read and wait for its status.apply.state');
export const TERRAFORM: Provider = {
  'load-terraform-components': terraform,
  'get-connection-status': terraform,
  'deploy-cloud-resource': clouds,
  'share-cloud-resource': clouds,
};

/** KubeVela 1.10 keeps these for the env-binding of 1.2, behind op.#ApplyEnvBindApp and its like. */
const environments = refused('use topology and override policies with the step deploy');
export const ENVIRONMENTS: Provider = { 'make-placement-decisions': environments, 'patch-application': environments };
