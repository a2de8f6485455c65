/** The cloud as this folder speaks of it: plain data, and only what is needed. ack.ts, vpc.ts and alibaba.ts implement it. */

/** Who asks, and where. All of it but the region is secret. */
export interface CloudLogin {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** "" for a pair that does not expire. */
  readonly securityToken: string;
  /** E.g. `cn-hongkong`. */
  readonly region: string;
}

export type Tags = Readonly<Record<string, string>>;

export interface CloudCluster {
  readonly id: string;
  readonly name: string;
  /** The cloud's word: initial, running, updating, scaling, failed, deleting, deleted, delete_failed, ... */
  readonly state: string;
  readonly tags: Tags;
  readonly deletionProtection: boolean;
}

/** A managed cluster to be made. Words are the cloud's own. */
export interface ClusterOrder {
  readonly name: string;
  readonly version: string;
  readonly tags: Tags;
  readonly vpcId: string;
  readonly vswitchIds: readonly string[];
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** Bits of a node's share of the pod network, 24 to 28. */
  readonly nodeCidrMask: number;
  /** A NAT gateway with SNAT entries, so that nodes reach the Internet. */
  readonly isNatWanted: boolean;
  /** `ipvs` or `iptables`. */
  readonly proxyMode: string;
  readonly nodePool: NodePoolOrder;
}

export interface NodePoolOrder {
  readonly name: string;
  readonly size: number;
  /** ECS types; the first that is to be had is taken. */
  readonly instanceTypes: readonly string[];
  readonly cpuPolicy: string;
  readonly isMonitored: boolean;
}

/** A task of the cloud; `stage` is what it is at, "" when it does not say. */
export interface CloudTask {
  readonly state: string;
  readonly stage: string;
  /** Why it failed, in the cloud's words; "" when it did not. */
  readonly error: string;
}

export interface CloudVpc {
  readonly id: string;
  readonly name: string;
  readonly cidr: string;
  /** `Pending` or `Available`. */
  readonly state: string;
  readonly tags: Tags;
}

export interface CloudVSwitch {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly cidr: string;
  readonly state: string;
  readonly tags: Tags;
}

/** `token` makes the request idempotent: the same token gives the same VPC. At most 64 ASCII characters. */
export interface VpcOrder {
  readonly name: string;
  readonly cidr: string;
  readonly tags: Tags;
  readonly token: string;
}

export interface VSwitchOrder {
  readonly vpcId: string;
  readonly name: string;
  readonly cidr: string;
  readonly zone: string;
  readonly tags: Tags;
  readonly token: string;
}

/**
 * The cloud in one region. Faults of every call: provision/credentials, provision/denied, provision/quota,
 * provision/throttled, provision/transient, provision/refused, loop/cancelled. Calls that write are not cut off by the
 * signal: what they come to should be known.
 */
export interface Cloud {
  /** All clusters of the region, every page. */
  readonly clusters: (signal: AbortSignal) => Promise<readonly CloudCluster[]>;
  /** Null when the cloud knows no such cluster. */
  readonly cluster: (id: string, signal: AbortSignal) => Promise<CloudCluster | null>;
  /**
   * Not idempotent: the API has no client token. When it is not certain that nothing came of it, the fault is
   * provision/unknown-outcome; every other fault means that nothing was made.
   */
  readonly createCluster: (order: ClusterOrder, signal: AbortSignal) => Promise<{ readonly id: string; readonly taskId: string }>;
  /** Null when the cloud knows no such task. */
  readonly task: (id: string, signal: AbortSignal) => Promise<CloudTask | null>;
  /** Text of the kubeconfig for the public address; secret. */
  readonly kubeconfig: (id: string, signal: AbortSignal) => Promise<string>;
  /** Asks for the deletion; one that is gone already is no fault. */
  readonly deleteCluster: (id: string, signal: AbortSignal) => Promise<void>;
  /** VPCs that carry the tag. */
  readonly vpcs: (tag: readonly [key: string, value: string], signal: AbortSignal) => Promise<readonly CloudVpc[]>;
  readonly createVpc: (order: VpcOrder, signal: AbortSignal) => Promise<string>;
  readonly deleteVpc: (id: string, signal: AbortSignal) => Promise<void>;
  /** vSwitches that carry the tag. */
  readonly vswitches: (tag: readonly [key: string, value: string], signal: AbortSignal) => Promise<readonly CloudVSwitch[]>;
  /** Null when the cloud knows no such vSwitch. */
  readonly vswitch: (id: string, signal: AbortSignal) => Promise<CloudVSwitch | null>;
  readonly createVSwitch: (order: VSwitchOrder, signal: AbortSignal) => Promise<string>;
  readonly deleteVSwitch: (id: string, signal: AbortSignal) => Promise<void>;
}

/** Opens the cloud for one login; nothing is sent yet. */
export type OpenCloud = (login: CloudLogin) => Promise<Cloud>;
