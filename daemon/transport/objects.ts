/** A cluster's objects one at a time, for stages that reconcile them and know nothing of the wire. */
import type { JsonObject } from '../model/object.ts';
import type { Objects } from '../model/ports.ts';
import { CONTROLLER_MANAGER, FIELD_MANAGER } from '../lib/stamp.ts';
import type { KubeClient } from './kube.ts';

/** The port over a client. Faults: transport/*. */
export function objectsOf(client: KubeClient): Objects {
  return {
    server: client.server,
    get: async (target, signal) => ((await client.findResource(target.apiVersion, target.kind, signal)) === null ? null : client.get(target, signal)),
    list: async (apiVersion, kind, labels, signal) =>
      (await client.findResource(apiVersion, kind, signal)) === null
        ? []
        : (await client.list({ apiVersion, kind, namespace: '', ...(labels === '' ? {} : { labels }) }, signal)).items,
    apply: async (object, signal) => (await client.apply(object, { fieldManager: FIELD_MANAGER, force: true }, signal)).object,
    patch: async (target, body: JsonObject, signal, subresource) =>
      (await client.patch(target, 'merge', body, { fieldManager: CONTROLLER_MANAGER, ...(subresource === undefined ? {} : { subresource }) }, signal)).object,
    remove: async (target, signal) => void (await client.delete(target, {}, signal)),
  };
}
