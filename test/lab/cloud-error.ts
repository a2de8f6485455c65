// How the cloud says no.

/** An answer of the cloud that is not a success: HTTP status, code and message as Alibaba Cloud gives them. */
export class CloudError extends Error {
  override name = 'CloudError';
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** 400 InvalidParameter, with the field's path in wire names. */
export function invalidParameter(path: string, reason: string): CloudError {
  return new CloudError(400, 'InvalidParameter', `The specified parameter "${path}" is not valid: ${reason}.`);
}

/** 400 for a field that is mandatory and absent; the RPC gateway's code names the field (MissingRegionId). */
export function missingParameter(api: 'cs' | 'vpc', field: string): CloudError {
  if (api === 'vpc') return new CloudError(400, `Missing${field}`, `${field} is mandatory for this action.`);
  return new CloudError(400, 'MissingParameter', `The parameter "${field}" that is mandatory for processing this request is not supplied.`);
}
