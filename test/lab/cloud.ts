// The cloud of the lab: an endpoint on loopback that speaks the Alibaba Cloud APIs which Lateen needs
// (Container Service ACK 2015-12-15, VPC 2016-04-28) to the real SDKs. No part of it leaves the machine.
import type { CloudFault, CloudFaults } from './cloud-faults.ts'
import type { CloudState } from './cloud-state.ts'
import type { ControlPlane } from './lab.ts'

export type { CloudFault, CloudFaults } from './cloud-faults.ts'
export type { Call, CloudState, Cluster, Vpc, VSwitch } from './cloud-state.ts'

export type CloudOptions = {
  /** Where its state, its credentials and its control planes are; what a former run left there goes on. Default: a temporary folder, removed at the end. */
  readonly dir?: string
  /** Default: any free port. */
  readonly port?: number
  /**
   * What stands behind a cluster: true (default) a lab control plane of its own, a list of control planes to take
   * from, or false: nothing, and the kubeconfig is one in form only (own authority, client certificate and key).
   */
  readonly planes?: boolean | readonly ControlPlane[]
  /** How long a cluster is `initial` at least; default 2000. */
  readonly createMs?: number
  /** How long a cluster is `deleting` at least; default 500. */
  readonly deleteMs?: number
  /** How long a VPC and a vSwitch are `Pending`; default 100. */
  readonly networkMs?: number
  /** false: a plain AccessKey pair without an STS token; default true. */
  readonly isTemporary?: boolean
  /** How many clusters the account may have; default 50, as a new account. */
  readonly clusterQuota?: number
  /** What its states go by, in ms since 1970; default the real time. Signatures are checked against the real time. */
  readonly now?: () => number
  /** Takes lines of progress; default nowhere. */
  readonly report?: (line: string) => void
}

export type CloudCredentials = { readonly accessKeyId: string; readonly accessKeySecret: string; readonly securityToken?: string }

export type Cloud = AsyncDisposable & {
  /** HOST:PORT, as the SDK's `endpoint` wants it; with `protocol: 'http'`. One for both APIs. */
  readonly endpoint: string
  /** What is valid now; others after `renewCredentials`. */
  readonly credentials: CloudCredentials
  readonly faults: CloudFaults
  /** Everything ever made and every call, oldest first; holds no secrets. */
  readonly state: () => CloudState
  /** Makes a new AccessKey pair and token; the old ones count as expired. */
  readonly renewCredentials: () => CloudCredentials
  /** Ends it and its control planes; `dir` stays, unless it was temporary. */
  readonly stop: () => Promise<void>
}

/**
 * Starts the cloud endpoint.
 *
 *     await using cloud = await startCloud({ planes: false })
 *     new Config({ ...cloud.credentials, endpoint: cloud.endpoint, protocol: 'http', regionId: 'cn-hongkong' })
 *     cloud.faults.add({ kind: 'lose-answer', action: 'CreateCluster' } satisfies CloudFault)
 */
export async function startCloud(_options: CloudOptions = {}): Promise<Cloud> {
  throw new Error('being built')
}
