/**
 * What Alibaba Cloud's SDKs have in common: configuration, deadlines, and their errors as Faults. Door:
 * @alicloud/openapi-core, loaded when first used.
 *
 * Tried with 7.2.0 of the ACK SDK: its own retries would repeat CreateCluster, so they stay off; `connectTimeout` is
 * really the longest silence before the first byte and `readTimeout` does not fire on a connection that is used again,
 * so that a deadline of our own stands around every call; it takes no AbortSignal.
 */
import type { $OpenApiUtil } from '@alicloud/openapi-core';
import { withDeadline } from '../lib/retry.ts';
import { Fault, type Code } from '../model/fault.ts';
import type { Clock } from '../model/ports.ts';
import type { CloudLogin } from './cloud.ts';

export interface CallerOptions {
  /** `http(s)://host:port` in place of the cloud's own; null: the SDK's, by region. */
  readonly endpoint: string | null;
  readonly clock: Clock;
  /** How long one call may take. */
  readonly timeoutMs: number;
}

/** What a call does to the world. `create` is one that must not be repeated while its outcome is not known. */
export type CallKind = 'read' | 'write' | 'create';

/** Makes one call; `what` begins the fault's message, e.g. `creating cluster poc-01`. */
export type Call = <T>(kind: CallKind, what: string, action: () => Promise<T>, signal: AbortSignal) => Promise<T>;

/** The SDKs' configuration. Both parts of the key pair must be given: without them the SDK would look for others itself. */
export async function sdkConfig(login: CloudLogin, options: CallerOptions): Promise<$OpenApiUtil.Config> {
  const { $OpenApiUtil } = await import('@alicloud/openapi-core');
  const url = options.endpoint === null ? null : new URL(options.endpoint);
  return new $OpenApiUtil.Config({
    accessKeyId: login.accessKeyId,
    accessKeySecret: login.accessKeySecret,
    ...(login.securityToken === '' ? {} : { securityToken: login.securityToken }),
    regionId: login.region,
    ...(url === null ? {} : { endpoint: url.host }),
    protocol: url?.protocol === 'http:' ? 'http' : 'https',
    connectTimeout: options.timeoutMs,
    readTimeout: options.timeoutMs,
    userAgent: 'lateen',
  });
}

/** Calls with a deadline, whose errors are Faults. See {@link cloudFault} for which. */
export function openCaller(options: CallerOptions): Call {
  return async (kind, what, action, signal) => {
    signal.throwIfAborted();
    // A write that was begun is waited for: to cut it off would only leave its outcome unknown.
    const until = kind === 'read' ? signal : new AbortController().signal;
    try {
      return await withDeadline(options.timeoutMs, (cut) => Promise.race([action(), rejection(cut)]), options.clock, until);
    } catch (error) {
      if (until.aborted) throw new Fault('loop/cancelled', 'cancelled');
      throw cloudFault(error, kind, what);
    }
  };
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener(
      'abort',
      () => {
        reject(signal.reason as Error);
      },
      { once: true },
    );
  });
}

/** What the SDK's errors tell; there are four unrelated classes of them. "" and null for what is not told. */
interface SdkError {
  readonly name: string;
  readonly code: string;
  readonly statusCode: number | null;
  readonly words: string;
  readonly requestId: string;
  readonly retryAfterMs: number | null;
}

function readError(error: unknown): SdkError {
  const fields = (typeof error === 'object' && error !== null ? error : {}) as Readonly<Record<string, unknown>>;
  const data = (typeof fields['data'] === 'object' && fields['data'] !== null ? fields['data'] : {}) as Readonly<Record<string, unknown>>;
  const text = (value: unknown): string => (typeof value === 'string' && value !== 'undefined' ? value : '');
  const number = (value: unknown): number | null => (typeof value === 'number' && value > 0 ? value : null);
  return {
    name: text(fields['name']),
    code: text(fields['code']),
    statusCode: number(fields['statusCode']),
    // `message` has the code, the status and the request id in front and behind; the answer's own has not.
    words: text(data['message']) || text(data['Message']) || text(fields['message']) || 'an error without words',
    requestId: text(fields['requestId']),
    retryAfterMs: number(fields['retryAfter']),
  };
}

/** Codes of the cloud, by what they mean; the first that fits. Beginnings, or parts where a `*` stands in front. */
const MEANINGS: readonly (readonly [Code, readonly string[]])[] = [
  [
    'provision/credentials',
    [
      'InvalidAccessKeyId',
      'SignatureDoesNotMatch',
      'IncompleteSignature',
      'InvalidSecurityToken',
      'MissingSecurityToken',
      'InvalidTimeStamp',
      'InvalidCredentials',
      'Forbidden.AccessKeyDisabled',
      'SecurityTokenExpired',
    ],
  ],
  ['provision/quota', ['*Quota', '*LimitExceed', '*ExceedLimit', '*NotEnoughBalance', 'InvalidAccountStatus']],
  [
    'provision/denied',
    ['Forbidden', 'StatusForbidden', 'NoPermission', '*Unauthorized', 'UnauthorizedOperation', 'ErrorCheckAcl', '*RoleNotExist', 'NotAuthorized'],
  ],
  // Another operation of the cloud is under way on the same thing, or something else still uses it.
  [
    'provision/transient',
    [
      'OperationConflict',
      'TaskConflict',
      'IncorrectVpcStatus',
      'IncorrectVSwitchStatus',
      'IncorrectStatus',
      'DependencyViolation',
      'ErrorClusterState',
      'LastTokenProcessing',
      'OperationFailed',
      'ServiceUnavailable',
      'InternalError',
      'SystemBusy',
    ],
  ],
];

/** Codes that say: there is no such thing. By code alone: InvalidAccessKeyId.NotFound is HTTP 404 as well. */
const GONE = /(?:Cluster|ClusterId|Task|TaskId|VpcId|VSwitchId)\.?NotFound$/i;

/** What its codes about credentials come to, for who has to mend it. Beginnings. */
const KEY_WORDS: readonly (readonly [code: string, words: string])[] = [
  ['InvalidAccessKeyId', 'the cloud does not know the AccessKey id'],
  ['SignatureDoesNotMatch', 'the AccessKey secret does not belong to the AccessKey id'],
  ['InvalidSecurityToken.Expired', 'the STS token has expired'],
  ['SecurityTokenExpired', 'the STS token has expired'],
  ['InvalidSecurityToken', 'the STS token does not belong to the AccessKey'],
  ['MissingSecurityToken', 'the AccessKey is a temporary one and needs its STS token'],
];

/** Whether the cloud said that what a call is about does not exist. */
export function isGone(error: unknown): boolean {
  return error instanceof CloudFault && GONE.test(error.cloudCode);
}

/** Knows the cloud's code, but not the SDK's error: that may hold what was signed. */
class CloudFault extends Fault {
  readonly cloudCode: string;

  constructor(code: Code, message: string, cloudCode: string, retryAfterMs?: number) {
    super(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
    this.cloudCode = cloudCode;
  }
}

/**
 * The SDK's error as a Fault, with the cloud's own words, code and request id: ClientError (4xx), ServerError (5xx),
 * ThrottlingError, and bare ones: SyntaxError (an answer that is no JSON), RequestTimeoutError, errors of sockets.
 * A `create` whose outcome is not certain is provision/unknown-outcome; everything else follows from the code.
 */
export function cloudFault(error: unknown, kind: CallKind, what: string): Fault {
  if (error instanceof Fault) return error;
  const sdk = readError(error);
  const message = `${what}: ${wordsOf(sdk)}`;
  if (kind === 'create' && !isRefusal(sdk)) return new CloudFault('provision/unknown-outcome', message, sdk.code);
  if (sdk.name === 'ThrottlingError') return new CloudFault('provision/throttled', message, sdk.code, sdk.retryAfterMs ?? undefined);
  return new CloudFault(codeFor(sdk), message, sdk.code);
}

function codeFor({ name, code, statusCode }: SdkError): Code {
  const isAnswer = statusCode !== null || name === 'ClientError';
  if (!isAnswer || (statusCode ?? 0) >= 500 || statusCode === 408) return 'provision/transient';
  const meaning = MEANINGS.find(([, codes]) => codes.some((part) => (part.startsWith('*') ? code.includes(part.slice(1)) : code.startsWith(part))));
  if (meaning !== undefined) return meaning[0];
  return statusCode === 401 || statusCode === 403 ? 'provision/denied' : 'provision/refused';
}

/** Errors before anything was sent. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']);

/** Certain that the cloud did nothing: it said no, or was never reached. A 408 or 5xx may come after the deed. */
function isRefusal({ name, code, statusCode }: SdkError): boolean {
  if (statusCode !== null) return statusCode >= 400 && statusCode < 500 && statusCode !== 408;
  return name === 'ClientError' || NOT_SENT.has(code);
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection broke',
  EPIPE: 'the connection broke',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up now',
};

function wordsOf({ name, code, statusCode, words, requestId }: SdkError): string {
  if (name === 'SyntaxError') return 'the cloud answered with something that is not JSON, as a gateway in front of it does';
  if (name === 'RequestTimeoutError' || name === 'TimeoutError') return 'no answer in time';
  if (statusCode === null && REASONS[code] !== undefined) return `${REASONS[code]} (${code})`;
  const marks = [code, statusCode === null ? '' : `HTTP ${statusCode}`, requestId === '' ? '' : `request ${requestId}`].filter((mark) => mark !== '');
  const plain = KEY_WORDS.find(([start]) => code.startsWith(start))?.[1];
  return `${plain === undefined ? '' : `${plain}. The cloud says: `}${words.replace(/\s*\n\s*/g, ' ').trim()}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}`;
}
