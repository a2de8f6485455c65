/** What an API server refuses, in our words and codes. Pure. */
import { Fault } from '../model/fault.ts';
import type { Code } from '../model/fault.ts';
import { isRecord, parseJson } from '../lib/json.ts';

/** One entry of `status.details.causes`. */
export interface Cause {
  readonly reason: string;
  readonly field: string;
  readonly message: string;
}

/** A fault that an API server answered with: what the apply primitive needs to decide what to do next. */
export class ApiFault extends Fault {
  readonly statusCode: number;
  /** Kubernetes' word: `NotFound`, `AlreadyExists`, `Invalid`, ... */
  readonly reason: string;
  readonly causes: readonly Cause[];

  constructor(
    code: Code,
    message: string,
    options: { readonly statusCode: number; readonly reason: string; readonly causes: readonly Cause[]; readonly retryAfterMs?: number },
  ) {
    super(code, message, options.retryAfterMs === undefined ? {} : { retryAfterMs: options.retryAfterMs });
    this.statusCode = options.statusCode;
    this.reason = options.reason;
    this.causes = options.causes;
  }
}

/** What was asked for, for the message. */
export interface Subject {
  /** e.g. `Deployment default/web`. */
  readonly what: string;
  /** e.g. `apply`, `get`, `list`. */
  readonly verb: string;
  /** The API server quotes values that it refuses: nothing of its words is kept for a Secret but what is known to be safe. */
  readonly secret: boolean;
}

interface Status {
  readonly message: string;
  readonly reason: string;
  readonly kind: string;
  readonly name: string;
  readonly causes: readonly Cause[];
  readonly retryAfterMs: number | undefined;
}

/** Turns an answer with status 400 or more into a fault. `retryAfter` is the header's value in seconds. */
export function faultOfAnswer(statusCode: number, text: string, retryAfter: string | undefined, subject: Subject): ApiFault {
  const status = readStatus(text, retryAfter);
  const code = codeOf(statusCode, status, subject.verb);
  return new ApiFault(code, messageOf(statusCode, status, code, subject), {
    statusCode,
    reason: status.reason,
    causes: subject.secret
      ? status.causes.map((cause) => ({ ...cause, message: cause.reason === 'FieldManagerConflict' ? cause.message : safeWords(cause.message) }))
      : status.causes,
    ...(status.retryAfterMs === undefined ? {} : { retryAfterMs: status.retryAfterMs }),
  });
}

const str = (value: unknown): string => (typeof value === 'string' ? value : '');

function readStatus(text: string, retryAfter: string | undefined): Status {
  let body: unknown = null;
  if (text.startsWith('{')) {
    try {
      body = parseJson(text);
    } catch {
      // A proxy in between may answer with anything; the text itself is the message then.
    }
  }
  const headerMs = retryAfter === undefined || !/^[0-9]+$/.test(retryAfter) ? undefined : Number(retryAfter) * 1000;
  if (!isRecord(body) || body['kind'] !== 'Status')
    return { message: text.trim().slice(0, 300), reason: '', kind: '', name: '', causes: [], retryAfterMs: headerMs };
  const details = isRecord(body['details']) ? body['details'] : {};
  const causes = Array.isArray(details['causes']) ? details['causes'].filter(isRecord) : [];
  const seconds = details['retryAfterSeconds'];
  return {
    message: str(body['message']),
    reason: str(body['reason']),
    kind: str(details['kind']),
    name: str(details['name']),
    causes: causes.map((cause) => ({ reason: str(cause['reason']), field: str(cause['field']), message: str(cause['message']) })),
    retryAfterMs: headerMs ?? (typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined),
  };
}

/** Server-side apply's own refusals come as 500, although it is the document that does not fit. */
const UNTYPED = /failed to create (?:typed|manager for)|failed to convert (?:new|current) object|duplicate entries for key|field not declared in schema/;

/** Whether server-side apply cannot take this document (or this live object) at all, while a plain write may. */
export function isUntyped(fault: unknown): boolean {
  return fault instanceof ApiFault && UNTYPED.test(fault.message);
}

/** Whether the path itself was unknown: the kind is not served (any more). */
export function isUnknownPath(fault: unknown): boolean {
  return fault instanceof ApiFault && fault.code === 'transport/no-kind';
}

function codeOf(statusCode: number, status: Status, verb: string): Code {
  if (statusCode === 401) return 'transport/denied';
  if (statusCode === 403) return status.causes.some((cause) => cause.reason === 'NamespaceTerminating') ? 'transport/no-namespace' : 'transport/denied';
  if (statusCode === 404) {
    if (verb !== 'get' && verb !== 'delete' && /^namespaces ".*" not found$/.test(status.message)) return 'transport/no-namespace';
    return status.name === '' ? 'transport/no-kind' : 'transport/gone';
  }
  if (statusCode === 409) return status.causes.some((cause) => cause.reason === 'FieldManagerConflict') ? 'transport/conflict' : 'transport/gone';
  if (statusCode === 410) return 'transport/gone';
  if (statusCode === 429) return 'transport/busy';
  if (statusCode >= 500)
    return UNTYPED.test(status.message) ? 'transport/invalid' : statusCode === 502 || statusCode === 504 ? 'transport/unreachable' : 'transport/busy';
  return 'transport/invalid';
}

function messageOf(statusCode: number, status: Status, code: Code, subject: Subject): string {
  const words = subject.secret ? secretWords(statusCode, status) : apiWords(statusCode, status);
  if (code === 'transport/conflict') return `${subject.what}: ${conflictWords(status.causes)}`;
  return `${subject.what}: ${words}`;
}

function apiWords(statusCode: number, status: Status): string {
  // The message of an Invalid repeats kind and name and runs the causes together; the causes alone read better.
  if (status.reason === 'Invalid' && status.causes.length > 0) return causeWords(status.causes);
  return status.message === '' ? `HTTP ${statusCode}` : status.message;
}

function causeWords(causes: readonly Cause[]): string {
  const lines = causes.slice(0, 8).map((cause) => (cause.field === '' || cause.field === '<nil>' ? cause.message : `${cause.field}: ${cause.message}`));
  return lines.join('; ') + (causes.length > lines.length ? `; and ${causes.length - lines.length} more` : '');
}

/** `.spec.replicas is owned by "kubectl-edit" (apps/v1)` for each cause. */
export function conflictWords(causes: readonly Cause[]): string {
  const lines = causes.filter((cause) => cause.reason === 'FieldManagerConflict').map((cause) => `${cause.field} is owned by "${managerOf(cause)}"`);
  return lines.slice(0, 8).join('; ') + (lines.length > 8 ? `; and ${lines.length - 8} more` : '');
}

/** The manager that a FieldManagerConflict names: its message is `conflict with "kubectl" using apps/v1`. */
export function managerOf(cause: Cause): string {
  return /^conflict with "((?:[^"\\]|\\.)*)"/.exec(cause.message)?.[1] ?? '';
}

const SAFE =
  /illegal base64 data at input byte [0-9]+|field is immutable(?: when `immutable` is set)?|duplicate entries for key|field not declared in schema|failed to create typed patch object|expected (?:string|map|list|integer|number|boolean)|Required value|Too long|namespaces "[a-z0-9.-]+" not found|is being terminated|is forbidden: User "[^"]*" cannot [a-z]+ resource "[a-z./]+"|already exists|the object has been modified/g;

function safeWords(text: string): string {
  return [...new Set(text.match(SAFE) ?? [])].join(', ');
}

function secretWords(statusCode: number, status: Status): string {
  const fields = status.causes.map((cause) => `${cause.field}: ${safeWords(cause.message) || cause.reason}`);
  const words = fields.length > 0 ? fields.join('; ') : safeWords(status.message);
  return words === '' ? `${status.reason === '' ? `HTTP ${statusCode}` : status.reason} (the server's words are left out: they may quote the Secret)` : words;
}
