/**
 * POST /hook: a Git server says that something was pushed. Who knows the secret is believed in one thing only, that it is
 * time to fetch the configured remote: nothing of what was sent is read (a hook is a hint).
 *
 *   request --too many at once--> 429      body --too large--> 413 (http.ts)
 *      | says no known proof ---> 401        | no proof fits --> 401
 *      v                                     v
 *   its body is read -------------------> proven --delivered before--> 200 seen
 *                                            |
 *                                            v
 *                                          202, and a tick: at once, or at the end of the gap since the last one
 *
 * The forms: GitHub `X-Hub-Signature-256: sha256=HEX` (Gitea, Forgejo and Gogs send it as well); Gitea, Forgejo, Gogs
 * `X-Gitea-Signature: HEX` and its kin; GitLab `X-Gitlab-Token: SECRET`, and from its signing tokens on the form of
 * Standard Webhooks, `webhook-signature: v1,BASE64` over `ID.TIMESTAMP.BODY`; else `Authorization: Bearer SECRET`.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Fault } from './model/fault.ts';
import type { Clock } from './model/ports.ts';

/** Header fields by lower-case name, as node:http gives them. */
export type HookHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export type HookOutcome = 'accepted' | 'seen' | 'refused' | 'too-many' | 'too-large' | 'broken';

export interface HookAnswer {
  readonly status: 200 | 202 | 401 | 413 | 429 | 503;
  readonly outcome: HookOutcome;
  readonly text: string;
}

export interface HookOptions {
  /** The secrets that count now: one is enough. A Fault makes the answer 503. */
  readonly secrets: () => Promise<readonly string[]>;
  /** It is time to fetch. */
  readonly onHint: () => void;
  readonly clock: Clock;
  /** Ends a tick that waits. */
  readonly signal: AbortSignal;
}

export interface Hook {
  /** Before the body is read: the answer when it is not worth reading, else null. */
  readonly admit: (headers: HookHeaders) => HookAnswer | null;
  /** The answer to a whole request; `body` as it was sent. Never throws. */
  readonly take: (headers: HookHeaders, body: Buffer) => Promise<HookAnswer>;
}

/** GitHub caps payloads at 25 MB; what is larger than this is left to the poll. */
export const BODY_MAX_BYTES = 1 << 20;
/** Requests of anyone: so many at once, then so many a second. */
const BURST_MAX = 60;
const PER_SECOND_MAX = 20;
/** At most one fetch in so long, however many hooks come. */
const GAP_MS = 500;
const DELIVERIES_MAX = 1000;
const DELIVERY_LENGTH_MAX = 200;
/** Standard Webhooks: a timestamp further away is a replay. */
const SIGNED_WITHIN_MS = 5 * 60_000;
/** A shorter secret is guessed; a Git server's own are longer. */
export const SECRET_LENGTH_MIN = 12;

const HMAC_HEADERS = ['x-hub-signature-256', 'x-gitea-signature', 'x-forgejo-signature', 'x-gogs-signature'] as const;
const PROOF_HEADERS = [...HMAC_HEADERS, 'webhook-signature', 'x-gitlab-token', 'authorization'] as const;
const DELIVERY_HEADERS = ['webhook-id', 'x-github-delivery', 'x-gitlab-event-uuid', 'x-gitea-delivery', 'x-forgejo-delivery', 'x-gogs-delivery'] as const;

const REFUSED: HookAnswer = { status: 401, outcome: 'refused', text: 'not proven\n' };
const TOO_MANY: HookAnswer = { status: 429, outcome: 'too-many', text: 'too many\n' };

/** A receiver of hooks. It keeps the ids of the last deliveries and no more. */
export function openHook({ secrets, onHint, clock, signal }: HookOptions): Hook {
  const seen = new Set<string>();
  const hint = atMostEvery(GAP_MS, onHint, clock, signal);
  let tokens = BURST_MAX;
  let filledMs = clock.now();
  const admitted = (): boolean => {
    const now = clock.now();
    tokens = Math.min(BURST_MAX, tokens + Math.max(0, now - filledMs) * (PER_SECOND_MAX / 1000));
    filledMs = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
  const isRepeat = (headers: HookHeaders): boolean => {
    const id = one(headers, DELIVERY_HEADERS.find((name) => one(headers, name) !== '') ?? '').slice(0, DELIVERY_LENGTH_MAX);
    if (id === '') return false;
    const isKnown = seen.delete(id);
    seen.add(id);
    for (const oldest of seen) {
      if (seen.size <= DELIVERIES_MAX) break;
      seen.delete(oldest);
    }
    return isKnown;
  };
  return {
    admit: (headers) => {
      if (!admitted()) return TOO_MANY;
      return PROOF_HEADERS.some((name) => one(headers, name) !== '') ? null : REFUSED;
    },
    take: async (headers, body) => {
      let known: readonly string[];
      try {
        known = await secrets();
      } catch {
        return { status: 503, outcome: 'broken', text: 'the secret cannot be read\n' };
      }
      if (!isProven(headers, body, known, clock.now())) return REFUSED;
      if (isRepeat(headers)) return { status: 200, outcome: 'seen', text: 'seen\n' };
      hint();
      return { status: 202, outcome: 'accepted', text: 'accepted\n' };
    },
  };
}

/**
 * Whether the sender knows one of the secrets, by any of the forms. A server may send several forms with secrets of their
 * own, so one that fits is enough. Takes the same time wherever a proof differs.
 */
export function isProven(headers: HookHeaders, body: Buffer, secrets: readonly string[], nowMs: number): boolean {
  let proven = false;
  for (const secret of secrets) {
    const expected = createHmac('sha256', secret).update(body).digest('hex');
    for (const name of HMAC_HEADERS)
      if (
        same(
          one(headers, name)
            .replace(/^sha256=/, '')
            .toLowerCase(),
          expected,
        )
      )
        proven = true;
    if (isSigned(headers, body, secret, nowMs)) proven = true;
    if (same(one(headers, 'x-gitlab-token'), secret)) proven = true;
    if (same(one(headers, 'authorization').replace(/^bearer +/i, ''), secret) && /^bearer /i.test(one(headers, 'authorization'))) proven = true;
  }
  return proven;
}

/** Standard Webhooks, which GitLab's signing tokens follow: `whsec_` and the key in base64; several signatures may be given. */
function isSigned(headers: HookHeaders, body: Buffer, secret: string, nowMs: number): boolean {
  const id = one(headers, 'webhook-id');
  const timestamp = one(headers, 'webhook-timestamp');
  const signatures = one(headers, 'webhook-signature')
    .split(' ')
    .filter((part) => part.startsWith('v1,'))
    .slice(0, 8);
  if (signatures.length === 0 || id === '' || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(Number(timestamp) * 1000 - nowMs) > SIGNED_WITHIN_MS) return false;
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret;
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return signatures.map((part) => same(part.slice('v1,'.length), expected)).includes(true);
}

/** Compares hashes, so that neither place nor length of a difference shows in the time it takes. */
function same(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected)) && given !== '';
}

function one(headers: HookHeaders, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}

/** Calls at once when the last call is long enough ago, else once at the end of the gap. */
function atMostEvery(gapMs: number, action: () => void, clock: Clock, signal: AbortSignal): () => void {
  let lastMs = -Infinity;
  let isWaiting = false;
  const now = (): void => {
    lastMs = clock.now();
    action();
  };
  return () => {
    if (isWaiting) return;
    const restMs = lastMs + gapMs - clock.now();
    if (restMs <= 0 || restMs > gapMs) return now();
    isWaiting = true;
    void clock
      .sleep(restMs, signal)
      .then(now, () => {})
      .finally(() => {
        isWaiting = false;
      });
  };
}

/** The secrets in a setting or a file: one a line, so that an old one holds until the new one is everywhere. Faults: config/invalid. */
export function secretsIn(text: string, where: string): readonly string[] {
  const secrets = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (secrets.length === 0) throw new Fault('config/invalid', `${where} holds no secret`);
  if (secrets.some((secret) => secret.length < SECRET_LENGTH_MIN))
    throw new Fault('config/invalid', `${where} holds a secret of fewer than ${SECRET_LENGTH_MIN} characters`);
  if (secrets.length > 8) throw new Fault('config/invalid', `${where} holds more than 8 secrets`);
  return secrets;
}
