/** A cluster's version as templates see it in `context.clusterVersion`. */
export interface ClusterVersion {
  readonly major: string;
  readonly minor: number;
  readonly gitVersion: string;
  readonly platform: string;
}
