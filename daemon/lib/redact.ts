/** The one point that keeps secrets in: every text that leaves the process passes through {@link createRedactor} (I9). */
import type { KubeObject } from '../model/object.ts';
import { JOURNAL_LABEL, type Redactor } from '../model/ports.ts';

/** What stands in a secret's place. */
const MASK = '***';
/** Shorter values are not remembered: they would blank ordinary text. */
const LENGTH_MIN = 4;
/** A text that is cut off in the middle of a secret still gives away this much of it only. */
const PREFIX_LENGTH = 32;
/** Values of Secrets that are words of every document; blanking them would hide nothing and spoil everything. */
const PUBLIC_WORDS = new Set(['true', 'false', 'null', 'none', 'default', 'http', 'https', 'localhost', 'Opaque', 'kube-system']);

/** Secrets that are known without having been seen: credentials in URLs and headers, private keys. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/([a-z][a-z0-9+.-]*:\/\/)[^/\s@"']+@/gi, `$1${MASK}@`],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${MASK}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, MASK],
];

/**
 * A Redactor that knows nothing yet. A value is recognised plain, base64 (padded or not, either alphabet), JSON- and
 * URL-escaped; of a value of several lines each line is a secret of its own. Looking costs one table look-up per
 * character, however many values are known.
 */
export function createRedactor(): Redactor {
  const known = new Set<string>();
  const forms = new Map<number, string[]>();
  // One byte per hash of four characters: almost every place in a text is passed by without touching the map.
  const isStart = new Uint8Array(1 << 16);

  const remember = (form: string): void => {
    if (form.length < LENGTH_MIN) return;
    const hash = hashAt(form, 0);
    const list = forms.get(hash);
    if (list?.includes(form) === true) return;
    isStart[hash] = 1;
    if (list === undefined) forms.set(hash, [form]);
    else list.splice(placeFor(list, form), 0, form);
  };

  const learn = (value: string): void => {
    if (value.length < LENGTH_MIN || known.has(value) || PUBLIC_WORDS.has(value)) return;
    known.add(value);
    for (const form of formsOf(value)) remember(form);
    if (/[\r\n]/.test(value)) for (const part of partsOf(value)) learn(part);
    for (const leaf of jsonLeaves(value)) learn(leaf);
  };

  const maskKnown = (text: string): string => {
    let masked = '';
    let copied = 0;
    for (let at = 0; at + LENGTH_MIN <= text.length; at++) {
      const hash = hashAt(text, at);
      if (isStart[hash] === 0) continue;
      const length = longestAt(text, at, forms.get(hash) ?? []);
      if (length === 0) continue;
      masked += text.slice(copied, at) + MASK;
      copied = at + length;
      at = copied - 1;
    }
    return copied === 0 ? text : masked + text.slice(copied);
  };

  return {
    learn,
    learnSecret: (secret) => {
      for (const value of secretValues(secret)) learn(value);
    },
    text: (text) => maskKnown(PATTERNS.reduce((masked, [pattern, mask]) => masked.replace(pattern, mask), text)),
  };
}

function hashAt(text: string, at: number): number {
  const mixed = (text.charCodeAt(at) * 0x1_0003) ^ (text.charCodeAt(at + 1) * 0x509) ^ (text.charCodeAt(at + 2) * 0x47) ^ (text.charCodeAt(at + 3) * 5);
  return (mixed ^ (mixed >>> 16)) & 0xffff;
}

/** The longest first, so that of two secrets with one beginning the whole is masked. */
function placeFor(list: readonly string[], form: string): number {
  const place = list.findIndex((other) => other.length < form.length);
  return place < 0 ? list.length : place;
}

function longestAt(text: string, at: number, forms: readonly string[]): number {
  let longest = 0;
  for (const form of forms) {
    let length = 0;
    while (length < form.length && text.charCodeAt(at + length) === form.charCodeAt(length)) length++;
    if ((length === form.length || length >= PREFIX_LENGTH) && length > longest) longest = length;
  }
  return longest;
}

function formsOf(value: string): Set<string> {
  const base64 = Buffer.from(value, 'utf8').toString('base64').replace(/=+$/, '');
  const escaped = JSON.stringify(value).slice(1, -1);
  return new Set([
    value,
    value.trim(),
    base64,
    base64.replaceAll('+', '-').replaceAll('/', '_'),
    encodeURIComponent(base64),
    escaped,
    JSON.stringify(escaped).slice(1, -1),
    encodeURIComponent(value.toWellFormed()),
  ]);
}

/** In a kubeconfig: how its entries are called, mostly by the cluster's name or id, which messages say. */
const KUBECONFIG_NAMES: ReadonlySet<string> = new Set(['name', 'cluster', 'user', 'namespace', 'current-context']);

const SECRET_KEY = /pass|secret|token|key|cred|auth|cert|data|private|pwd/i;

/** What is secret in a value that is JSON (a registry's login, a kubeconfig in one line): as in one of several lines. */
function jsonLeaves(value: string): string[] {
  if (!/^\s*[[{]/.test(value)) return [];
  const leaves: string[] = [];
  const visit = (key: string, item: unknown): void => {
    if (typeof item === 'string') {
      if (SECRET_KEY.test(key) || (item.length >= 16 && !/\s|:\/\//.test(item) && !KUBECONFIG_NAMES.has(key))) leaves.push(item);
    } else if (Array.isArray(item)) for (const one of item) visit(key, one);
    else if (typeof item === 'object' && item !== null) for (const [name, one] of Object.entries(item)) visit(name, one);
  };
  try {
    visit('', JSON.parse(value));
  } catch {
    // Not JSON after all.
  }
  return leaves;
}

/**
 * What is secret in a value of several lines (a key, a kubeconfig, an .env file): the lines themselves, and the values
 * in `name: value` and `name=value`. Lines that stand in any document (`kind: Config`) are no secret.
 */
function partsOf(value: string): string[] {
  const parts: string[] = [];
  const isKubeconfig = /^kind:\s*["']?Config["']?\s*$/m.test(value);
  for (const raw of value.split(/[\r\n]+/)) {
    const line = raw.trim();
    if (/^-----.*-----$/.test(line)) continue;
    const field = /^(?:- )?["']?([\w.-]+)["']?(?::\s*|\s*=\s*)(.*)$/.exec(line);
    const content = field?.[2]?.replace(/^["']|["',]+$/g, '') ?? '';
    if (field === null) {
      if (line.length >= 8 || /^[A-Za-z0-9+/=]+$/.test(line)) parts.push(line);
    } else if (isKubeconfig && KUBECONFIG_NAMES.has(field[1] ?? '')) {
      continue;
    } else if (SECRET_KEY.test(field[1] ?? '') || (content.length >= 16 && !/\s|:\/\//.test(content))) {
      parts.push(content);
    }
  }
  return parts;
}

/** In a Secret that connects to a cluster: which cluster that is, which everybody may know, and every message says. */
const ADDRESS_KEYS: ReadonlySet<string> = new Set(['name', 'cluster-name', 'endpoint', 'server', 'api_server_internet']);
const CONNECTION_KEY = /^(?:kubeconfig|client_key|tls\.key|token)$/;

/** The values of a core/v1 Secret in plain text; `data` is base64 there, `stringData` is not. */
function secretValues(secret: KubeObject): string[] {
  const values: string[] = [];
  const [plain, encoded] = [asRecord(secret['stringData']), asRecord(secret['data'])];
  const isJournal = secret.metadata?.labels?.[JOURNAL_LABEL] !== undefined;
  const isConnection = [...Object.keys(plain), ...Object.keys(encoded)].some((key) => CONNECTION_KEY.test(key));
  const isPublic = (key: string): boolean => key === 'namespace' || (isConnection && ADDRESS_KEYS.has(key));
  for (const [key, value] of Object.entries(plain)) if (!isPublic(key) && typeof value === 'string') values.push(value);
  for (const [key, value] of Object.entries(encoded)) {
    if (isPublic(key) || typeof value !== 'string') continue;
    const plainText = Buffer.from(value, 'base64').toString('utf8');
    values.push(isJournal ? whatStepsSaid(plainText) : plainText);
    // Binary content has no plain text worth the name: its encoded form is what could leak.
    values.push(value.replace(/\s+/g, ''));
  }
  return values;
}

/** Of a journal of ours only what steps gave and were answered: times and the name of the revision are in every status. */
function whatStepsSaid(journal: string): string {
  try {
    const { variables, calls } = asRecord(JSON.parse(journal));
    return JSON.stringify({ variables, calls });
  } catch {
    return journal;
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** An object to show: of a Secret the names of its values, and of these nothing (I9). */
export function concealed(object: KubeObject): KubeObject {
  if (object.kind !== 'Secret') return object;
  const hide = (part: unknown): unknown => (part !== null && typeof part === 'object' ? Object.fromEntries(Object.keys(part).map((key) => [key, MASK])) : part);
  return {
    ...object,
    ...('data' in object ? { data: hide(object['data']) } : {}),
    ...('stringData' in object ? { stringData: hide(object['stringData']) } : {}),
  };
}
