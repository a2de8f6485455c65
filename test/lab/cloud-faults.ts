// What the cloud can be told to do wrong.
import { CloudError, invalidParameter } from './cloud-error.ts';

/**
 * One order to misbehave. `action` is the API's own name (CreateCluster, DescribeVpcs ...); without it every
 * action is meant. `times` is how many calls (or creations, deletions) it meets; default 1.
 */
export type CloudFault =
  /** Nothing is done; Throttling.User with x-acs-retry-after (default 100 ms); `status` default 429. */
  | { readonly kind: 'throttle'; readonly action?: string; readonly times?: number; readonly retryAfterMs?: number; readonly status?: number }
  /** Nothing is done; 503 ServiceUnavailable as JSON, or a gateway's bare 502 page. */
  | { readonly kind: 'server-error'; readonly action?: string; readonly times?: number; readonly body?: 'json' | 'html' }
  /** The work is done, but the answer is held back for `holdMs` (default 0) and the socket destroyed. */
  | { readonly kind: 'lose-answer'; readonly action?: string; readonly times?: number; readonly holdMs?: number }
  /** Nothing is done, and after `holdMs` the socket is destroyed. */
  | { readonly kind: 'cut'; readonly action?: string; readonly times?: number; readonly holdMs?: number }
  /** The cluster of the next CreateCluster ends as `failed`; its task has the error. */
  | { readonly kind: 'fail-creation'; readonly times?: number; readonly code?: string; readonly message?: string }
  /** The next deletions of a cluster end as `delete_failed`. */
  | { readonly kind: 'fail-deletion'; readonly times?: number; readonly code?: string; readonly message?: string }
  /** 400 QuotaExceeded.Cluster, .Vpc or .VSwitch; without `action` for the three that create. */
  | { readonly kind: 'quota'; readonly action?: string; readonly times?: number }
  /** 403 ErrorCheckAcl (ACK) or Forbidden.RAM (VPC): the rights do not reach. */
  | { readonly kind: 'forbid'; readonly action?: string; readonly times?: number }
  /** From the next call on the credentials count as expired, until `renewCredentials` or `clear`. */
  | { readonly kind: 'expire-credentials' };

export type CloudFaults = {
  readonly add: (fault: CloudFault) => void;
  /** Those that have not been used up; `times` is what is left of it. */
  readonly pending: () => readonly CloudFault[];
  /** Takes all back, also the expiry of the credentials. */
  readonly clear: () => void;
};

export type FaultKind = CloudFault['kind'];
export type FaultOf<Kind extends FaultKind> = Extract<CloudFault, { readonly kind: Kind }>;

/** The queue of orders; `take` uses one up. */
export type FaultQueue = CloudFaults & { readonly take: <Kind extends FaultKind>(kind: Kind, action: string) => FaultOf<Kind> | undefined };

/** Makes a queue; `setExpired` is told about the credentials. */
export function createFaults(setExpired: (isExpired: boolean) => void): FaultQueue {
  let queue: readonly CloudFault[] = [];
  return {
    add: (fault) => {
      if (fault.kind === 'expire-credentials') setExpired(true);
      else queue = [...queue, fault];
    },
    pending: () => queue,
    clear: () => {
      queue = [];
      setExpired(false);
    },
    take: <Kind extends FaultKind>(kind: Kind, action: string) => {
      const found = queue.find((fault) => fault.kind === kind && (!('action' in fault) || fault.action === undefined || fault.action === action));
      if (found === undefined) return undefined;
      const left = ('times' in found ? (found.times ?? 1) : 1) - 1;
      queue = left > 0 ? queue.map((fault) => (fault === found ? ({ ...found, times: left } as CloudFault) : fault)) : queue.filter((fault) => fault !== found);
      return found as FaultOf<Kind>;
    },
  };
}

const QUOTA: Readonly<Record<string, string>> = {
  CreateCluster: 'QuotaExceeded.Cluster',
  CreateVpc: 'QuotaExceeded.Vpc',
  CreateVSwitch: 'QuotaExceeded.VSwitch',
};

/** Throws where an order says that this call is to be refused before any work. */
export function refuse(faults: FaultQueue, api: 'cs' | 'vpc', action: string): void {
  const throttle = faults.take('throttle', action);
  if (throttle !== undefined) {
    throw new CloudError(throttle.status ?? 429, 'Throttling.User', 'Request was denied due to user flow control.', {
      'x-acs-retry-after': String(throttle.retryAfterMs ?? 100),
    });
  }
  if (faults.take('server-error', action) !== undefined)
    throw new CloudError(503, 'ServiceUnavailable', 'The request has failed due to a temporary failure of the server.');
  if (faults.take('forbid', action) !== undefined) {
    if (api === 'cs') throw new CloudError(403, 'ErrorCheckAcl', `The RAM user is not authorized to do ${action} on the resource.`);
    throw new CloudError(403, 'Forbidden.RAM', "User not authorized to operate on the specified resource, or this API doesn't support RAM.");
  }
  const quota = QUOTA[action] === undefined ? undefined : faults.take('quota', action);
  if (quota !== undefined) throw quotaExceeded(action);
}

/** 400 for a creation beyond what the account may have. */
export function quotaExceeded(action: string): CloudError {
  return new CloudError(
    400,
    QUOTA[action] ?? 'QuotaExceeded',
    `The quota of the account does not allow another ${action.replace('Create', '').toLowerCase()}.`,
  );
}

const FIELDS: Readonly<Record<FaultKind, readonly string[]>> = {
  throttle: ['action', 'times', 'retryAfterMs', 'status'],
  'server-error': ['action', 'times', 'body'],
  'lose-answer': ['action', 'times', 'holdMs'],
  cut: ['action', 'times', 'holdMs'],
  'fail-creation': ['times', 'code', 'message'],
  'fail-deletion': ['times', 'code', 'message'],
  quota: ['action', 'times'],
  forbid: ['action', 'times'],
  'expire-credentials': [],
};

const NUMBERS = ['times', 'retryAfterMs', 'status', 'holdMs'];

/** Reads orders that came as JSON: one, or a list. @throws CloudError where one is none */
export function readFaults(given: unknown): readonly CloudFault[] {
  return (Array.isArray(given) ? (given as readonly unknown[]) : [given]).map((fault) => {
    const { kind, ...rest } = (fault ?? {}) as { readonly kind?: string };
    const fields = kind !== undefined && Object.hasOwn(FIELDS, kind) ? FIELDS[kind as FaultKind] : undefined;
    if (fields === undefined) throw invalidParameter('kind', `it is none of ${Object.keys(FIELDS).join(', ')}`);
    const unknown = Object.keys(rest).find((name) => !fields.includes(name));
    if (unknown !== undefined) throw invalidParameter(unknown, `${kind} has only ${fields.join(', ')}`);
    const wrong = Object.entries(rest).find(([name, value]) => typeof value !== (NUMBERS.includes(name) ? 'number' : 'string'));
    if (wrong !== undefined) throw invalidParameter(wrong[0], `a ${NUMBERS.includes(wrong[0]) ? 'number' : 'string'} is expected`);
    return fault as CloudFault;
  });
}
