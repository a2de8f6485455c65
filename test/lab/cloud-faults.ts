// What the cloud can be told to do wrong.

/**
 * One order to misbehave. `action` is the API's own name (CreateCluster, DescribeVpcs ...); without it every
 * action is meant. `times` is how many calls (or creations, deletions) it meets; default 1.
 */
export type CloudFault =
  /** Throttling.User with x-acs-retry-after; `status` default 429 (RPC APIs: 400). */
  | { readonly kind: 'throttle'; readonly action?: string; readonly times?: number; readonly retryAfterMs?: number; readonly status?: number }
  /** Nothing is done; 503 ServiceUnavailable as JSON, or a gateway's bare 502 page. */
  | { readonly kind: 'server-error'; readonly action?: string; readonly times?: number; readonly body?: 'json' | 'html' }
  /** The work is done, but the answer is held back for `holdMs` (default 0) and the socket destroyed. */
  | { readonly kind: 'lose-answer'; readonly action?: string; readonly times?: number; readonly holdMs?: number }
  /** Nothing is done and the socket destroyed. */
  | { readonly kind: 'cut'; readonly action?: string; readonly times?: number; readonly holdMs?: number }
  /** The cluster of the next CreateCluster ends as `failed`; its task has the error. */
  | { readonly kind: 'fail-creation'; readonly times?: number; readonly code?: string; readonly message?: string }
  /** The next deletions of a cluster end as `delete_failed`. */
  | { readonly kind: 'fail-deletion'; readonly times?: number; readonly code?: string; readonly message?: string }
  /** QuotaExceeded.Cluster (for VPC actions QuotaExceeded). */
  | { readonly kind: 'quota'; readonly action?: string; readonly times?: number }
  /** Forbidden.RAM (VPC) or StatusForbidden (ACK): the rights do not reach. */
  | { readonly kind: 'forbid'; readonly action?: string; readonly times?: number }
  /** From the next call on the credentials count as expired, until `renewCredentials`. */
  | { readonly kind: 'expire-credentials' }

export type CloudFaults = {
  readonly add: (fault: CloudFault) => void
  /** Those that have not been used up. */
  readonly pending: () => readonly CloudFault[]
  /** Takes all back, also the expiry of the credentials. */
  readonly clear: () => void
}
