/** Where an object is, within one kind of one cluster. */
import { DEFAULT_NAMESPACE } from '../model/catalog.ts';
import type { Resource } from './discovery.ts';

/** Everything that KubeVela and Lateen deliver for an application carries this label. */
export const DELIVERED = 'app.oam.dev/name';

/** `namespace/name` as the server knows it; `/name` for a cluster-scoped kind. */
export function placeOf(scope: Resource, key: { readonly namespace: string; readonly name: string }): string {
  return scope.namespaced ? `${key.namespace || DEFAULT_NAMESPACE}/${key.name}` : `/${key.name}`;
}
