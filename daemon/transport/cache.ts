/** Objects as watches see them, so that a pass reads memory instead of the API server. */
import type { KubeObject, ObjectKey } from '../model/object.ts';
import type { Resource } from './discovery.ts';
import type { KubeClient } from './kube.ts';

export interface ObjectCache extends AsyncDisposable {
  /** Delivered objects of one kind by `namespace/name` (`/name` where it is cluster-scoped). Starts watching it when it does not yet. */
  readonly read: (cluster: string, client: KubeClient, scope: Resource, signal: AbortSignal) => Promise<ReadonlyMap<string, KubeObject>>;
  /** The answer to a write of ours, so that the next read is not older than that. */
  readonly put: (key: ObjectKey, object: KubeObject) => void;
  readonly drop: (key: ObjectKey, uid: string) => void;
}
