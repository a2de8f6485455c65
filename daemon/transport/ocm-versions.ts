/**
 * OCM's kinds in whatever version a hub serves. KubeVela 1.1 writes sets, bindings and placements as v1alpha1, which OCM
 * gave up with 0.12; the fields that it uses are the same in v1beta1 and v1beta2, so the apiVersion is all there is to
 * translate. Documents keep the version that they were written in; only what goes to the server has another.
 */
import type { KubeObject, ObjectKey } from '../model/object.ts';
import type { Transport } from '../model/ports.ts';
import type { Observation } from '../model/status.ts';
import { keyText } from '../model/object.ts';
import { asOurselves } from './acting.ts';
import type { KubeClient } from './kube.ts';
import { CLUSTER_GROUP, PLACEMENT_API, SET_API } from './ocm-kinds.ts';

const V1BETA1 = `${CLUSTER_GROUP}/v1beta1`;
const V1ALPHA1 = `${CLUSTER_GROUP}/v1alpha1`;

/** The versions of a kind, the newest first. */
const VERSIONS: Readonly<Record<string, readonly string[]>> = {
  ManagedClusterSet: [SET_API, V1BETA1, V1ALPHA1],
  ManagedClusterSetBinding: [SET_API, V1BETA1, V1ALPHA1],
  Placement: [PLACEMENT_API, V1ALPHA1],
  PlacementDecision: [PLACEMENT_API, V1ALPHA1],
};

const isMovable = (apiVersion: string, kind: string): boolean => apiVersion.startsWith(`${CLUSTER_GROUP}/`) && Object.hasOwn(VERSIONS, kind);

/** The version to ask a cluster for: the one that is asked for where it is served, else the newest that is, else the same. */
export async function servedVersion(client: KubeClient, apiVersion: string, kind: string, signal: AbortSignal): Promise<string> {
  if (!isMovable(apiVersion, kind)) return apiVersion;
  for (const version of [apiVersion, ...(VERSIONS[kind] ?? [])]) if ((await client.findResource(version, kind, signal)) !== null) return version;
  return apiVersion;
}

/**
 * The transport, with OCM's kinds translated on the way out and back: who asks for a v1alpha1 Placement gets one, though
 * the server has it as v1beta1. Everything else passes as it is.
 */
export function translateVersions(transport: Transport, clusters: (name: string) => Promise<KubeClient>): Transport {
  const served = async (cluster: string, apiVersion: string, kind: string, signal: AbortSignal): Promise<string> => {
    if (!isMovable(apiVersion, kind)) return apiVersion;
    try {
      return await servedVersion(await asOurselves(() => clusters(cluster)), apiVersion, kind, signal);
    } catch {
      // Whatever it is, the transport meets it too and knows whose fault it is.
      return apiVersion;
    }
  };
  const move = async (key: ObjectKey, signal: AbortSignal): Promise<ObjectKey> =>
    isMovable(key.apiVersion, key.kind) ? { ...key, apiVersion: await served(key.cluster, key.apiVersion, key.kind, signal) } : key;
  const as = (object: KubeObject, apiVersion: string): KubeObject => (object.apiVersion === apiVersion ? object : { ...object, apiVersion });

  return {
    ...transport,
    async observe(keys, signal) {
      const asked = keys.filter((key) => isMovable(key.apiVersion, key.kind));
      if (asked.length === 0) return transport.observe(keys, signal);
      const found = new Map<string, Observation>(await transport.observe(await Promise.all(keys.map((key) => move(key, signal))), signal));
      for (const key of asked) {
        const seen = found.get(keyText(key));
        if (seen !== undefined && 'live' in seen) found.set(keyText(key), { live: as(seen.live, key.apiVersion) });
      }
      return found;
    },
    async apply(request, signal) {
      const { key, object, live } = request;
      const moved = await move(key, signal);
      if (moved.apiVersion === key.apiVersion) return transport.apply(request, signal);
      const receipt = await transport.apply(
        { ...request, key: moved, object: as(object, moved.apiVersion), live: live === null ? null : as(live, moved.apiVersion) },
        signal,
      );
      return { ...receipt, key, object: as(receipt.object, key.apiVersion) };
    },
    async rehearse(request, signal) {
      const { key, object, live } = request;
      const moved = await move(key, signal);
      await transport.rehearse?.(
        moved.apiVersion === key.apiVersion
          ? request
          : { ...request, key: moved, object: as(object, moved.apiVersion), live: live === null ? null : as(live, moved.apiVersion) },
        signal,
      );
    },
    async remove(key, uid, propagation, signal, mark) {
      return transport.remove(await move(key, signal), uid, propagation, signal, mark);
    },
    async list(cluster, apiVersion, kind, namespace, labels, signal) {
      const found = await transport.list(cluster, await served(cluster, apiVersion, kind, signal), kind, namespace, labels, signal);
      return found.map((object) => as(object, apiVersion));
    },
    async isNamespaced(cluster, apiVersion, kind, signal) {
      return transport.isNamespaced(cluster, await served(cluster, apiVersion, kind, signal), kind, signal);
    },
  };
}
