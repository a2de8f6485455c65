/** Member clusters as the stages see them. Types only. */
import type { Fault } from './fault.ts';
import type { KubeObject } from './object.ts';
import type { ClusterVersion } from './cluster-version.ts';

/**
 * How objects reach a cluster: `direct` with a connection Secret of ours (server-side apply, and our own work agent for
 * ManifestWorks), `ocm` by ManifestWorks that a real klusterlet applies.
 */
export type DeliveryMode = 'direct' | 'ocm';

/** On a ManagedCluster: how it is delivered to. Written when it is registered, never guessed. */
export const DELIVERY_ANNOTATION = 'lateen.dev/delivery';

/** One member cluster, by its ManagedCluster, or by its connection Secret alone (`vela cluster join`). */
export interface Member {
  readonly name: string;
  readonly mode: DeliveryMode;
  /** Labels that selectors match: of the ManagedCluster, and of the Secret outside cluster.core.oam.dev. */
  readonly labels: Readonly<Record<string, string>>;
  readonly claims: Readonly<Record<string, string>>;
  readonly accepted: boolean;
  /** ManagedClusterConditionAvailable. */
  readonly available: 'True' | 'False' | 'Unknown';
  readonly taints: readonly { readonly key: string; readonly value: string; readonly effect: string }[];
  readonly version: ClusterVersion | null;
  /** The ManagedCluster on the hub; null for a cluster that has only its Secret. */
  readonly object: KubeObject | null;
  /** Why it cannot be used: no mode, two modes, a connection that is refused. */
  readonly fault: Fault | null;
}

/** What the stages may ask about clusters. */
export interface Clusters {
  /** All members, sorted by name, as they were found at the start of the pass. */
  readonly members: readonly Member[];
  /**
   * The decisions of a Placement (1.1: `namespace/name`), cluster names in order; null while there is no decision yet.
   */
  readonly decisions: (namespace: string, placement: string) => readonly string[] | null;
  /** One may still come by itself: an Initializer of the repository is on its way. Absent: none is. */
  readonly mayGrow?: boolean;
}

/** A hub without members. */
export const NO_CLUSTERS: Clusters = { members: [], decisions: () => null };
