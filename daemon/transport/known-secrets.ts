/**
 * What keeps a secret a secret over a restart (I9). A process knows the values of the Secrets that it has read; the next
 * one reads other things, and finds values of theirs in journals and messages. So a journal Secret says beside the journal
 * which texts in it came out of Secrets, and a message is written to a status without them. Pure.
 */
import { isRecord, parseJson } from '../lib/json.ts';
import type { JsonObject, KubeObject } from '../model/object.ts';
import type { Redactor } from '../model/ports.ts';

/** Beside `journal` in the Secret's data: a JSON list of texts. */
const KNOWN = 'known';
/** So many are remembered; a journal is at most 1 MiB. */
const KNOWN_MAX = 1_000;

/** The journal Secret with the secret texts of its journal named; as it is when there are none. */
export function withKnown(secret: KubeObject, redactor: Redactor): KubeObject {
  const data = dataOf(secret);
  const known = new Set<string>();
  for (const text of textsOf(contentOf(data['journal']))) for (const part of secretParts(text, redactor)) if (known.size < KNOWN_MAX) known.add(part);
  if (known.size === 0) return secret;
  return { ...secret, data: { ...data, [KNOWN]: Buffer.from(JSON.stringify([...known].sort()), 'utf8').toString('base64') } };
}

/** Teaches the redactor what an earlier process knew, and the journal as a whole. */
export function learnKnown(secret: KubeObject, redactor: Redactor): void {
  redactor.learnSecret(secret);
  const known = contentOf(dataOf(secret)[KNOWN]);
  if (!Array.isArray(known)) return;
  // A text may itself be the base64 of the secret: both are learned.
  for (const text of known) {
    if (typeof text !== 'string') continue;
    redactor.learn(text);
    if (/^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) redactor.learn(Buffer.from(text, 'base64').toString('utf8'));
  }
}

/** A status whose messages and details hold no secret. Names and revisions are read back and stay as they are. */
export function withoutSecrets(status: JsonObject, redactor: Redactor): JsonObject {
  const clean = (value: unknown, isText: boolean): unknown => {
    if (typeof value === 'string') return isText ? redactor.text(value) : value;
    if (Array.isArray(value)) return value.map((item) => clean(item, isText));
    if (!isRecord(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, clean(item, isText || key === 'message' || key === 'details')]));
  };
  return clean(status, false) as JsonObject;
}

function dataOf(secret: KubeObject): Readonly<Record<string, unknown>> {
  return isRecord(secret['data']) ? secret['data'] : {};
}

function contentOf(encoded: unknown): unknown {
  if (typeof encoded !== 'string') return null;
  try {
    return parseJson(Buffer.from(encoded, 'base64').toString('utf8'));
  } catch {
    return null; // Not written by us.
  }
}

function* textsOf(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (Array.isArray(value)) for (const item of value) yield* textsOf(item);
  else if (isRecord(value)) for (const item of Object.values(value)) yield* textsOf(item);
}

/** The parts of a text that the redactor masks: what stands in it between the parts that it leaves. */
function secretParts(text: string, redactor: Redactor): readonly string[] {
  const masked = redactor.text(text);
  if (masked === text) return [];
  const [first = '', ...rest] = masked.split('***');
  const parts: string[] = [];
  let at = first.length;
  for (const [i, plain] of rest.entries()) {
    const end = i === rest.length - 1 ? text.length - plain.length : text.indexOf(plain, at + 1);
    if (end < at) return [text];
    if (end > at) parts.push(text.slice(at, end));
    at = end + plain.length;
  }
  return parts;
}
