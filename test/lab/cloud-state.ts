// What the cloud knows: every resource ever made, and the calls.

export type Tags = Readonly<Record<string, string>>

/** What a cluster goes through; `gone` is a cluster that the API no longer knows. */
export type ClusterState = 'initial' | 'running' | 'failed' | 'deleting' | 'delete_failed' | 'gone'

export type Cluster = {
  readonly id: string
  readonly name: string
  readonly regionId: string
  readonly state: ClusterState
  readonly tags: Tags
  readonly vpcId: string
  readonly vswitchIds: readonly string[]
  readonly deletionProtection: boolean
  /** Of the creation. */
  readonly taskId: string
  /** The body of CreateCluster, in wire names, without passwords. */
  readonly request: Readonly<Record<string, unknown>>
  /** The query of each DeleteCluster. */
  readonly deletions: readonly Readonly<Record<string, unknown>>[]
}

export type Vpc = { readonly id: string; readonly name: string; readonly regionId: string; readonly cidrBlock: string; readonly state: 'Pending' | 'Available' | 'gone'; readonly tags: Tags }

export type VSwitch = {
  readonly id: string
  readonly name: string
  readonly vpcId: string
  readonly zoneId: string
  readonly cidrBlock: string
  readonly state: 'Pending' | 'Available' | 'gone'
  readonly tags: Tags
}

/** One request: what was asked and with what outcome (`ok`, the error's code, `lost`, `cut` or `html-502`). */
export type Call = { readonly at: string; readonly action: string; readonly outcome: string; readonly status: number; readonly requestId: string; readonly subject?: string }

export type CloudState = {
  readonly clusters: readonly Cluster[]
  readonly vpcs: readonly Vpc[]
  readonly vswitches: readonly VSwitch[]
  readonly calls: readonly Call[]
}
