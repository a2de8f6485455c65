/**
 * YAML as Kubernetes reads it, with the place of every field.
 *
 * Door: js-yaml. Its default reading differs from the API server's in 31 of 80 tried scalars (`0777`, `yes`, `on:`, big
 * integers, merge keys, ...), so it gets a schema of ours that follows sigs.k8s.io/yaml (goyaml v2).
 * Refused on purpose although Kubernetes takes it: the key `__proto__`, `!!set`, and a key that stands twice.
 */
import {
  EVENT_ID,
  NOT_RESOLVED,
  SCALAR_STYLE,
  Schema,
  YAMLException,
  constructFromEvents,
  defineMappingTag,
  defineScalarTag,
  dump,
  getScalarValue,
  mergeTag,
  parseEvents,
  seqTag,
  strTag,
} from 'js-yaml';
import type { Event, ScalarEvent } from 'js-yaml';
import type { Locate } from '../model/catalog.ts';
import type { Diagnostic, Origin } from '../model/fault.ts';
import { FALSE, MISLEADING_START, MISREAD, NOT_A_NUMBER, NULL, TRUE, isMisleading, readNumber } from './yaml-scalars.ts';

/** Bounds of one document (I7); `documents` is per file. Aliases count as what they stand for. */
export interface YamlLimits {
  readonly depth: number;
  readonly nodes: number;
  readonly documents: number;
}

export const YAML_LIMITS: YamlLimits = { depth: 100, nodes: 200_000, documents: 10_000 };

/** A plain scalar that other readers, or people, take for something else. */
export interface AmbiguousScalar {
  readonly text: string;
  /** What Kubernetes reads, as JSON. */
  readonly reads: string;
  readonly origin: Origin;
}

export interface ParsedDocument {
  readonly value: unknown;
  /** Where the document's content begins. */
  readonly origin: Origin;
  readonly locate: Locate;
  readonly ambiguous: readonly AmbiguousScalar[];
}

/** A document that could not be read: why, and its text, so that its name may still be found in it. */
export interface UnparsedDocument {
  readonly diagnostic: Diagnostic;
  readonly line: number;
  readonly text: string;
}

export interface ParsedFile {
  readonly documents: readonly ParsedDocument[];
  readonly errors: readonly UnparsedDocument[];
}

/**
 * Reads all documents of a YAML (or JSON) file. Each is read on its own: one that is broken does not take the others
 * with it. Documents without content are left out, as the API server's reader does. Never throws for a bad text: codes
 * are load/not-yaml, load/duplicate-key and load/limit.
 */
export function parseDocuments(text: string, path: string, limits: YamlLimits = YAML_LIMITS): ParsedFile {
  const documents: ParsedDocument[] = [];
  const errors: UnparsedDocument[] = [];
  const places = placesOf(text, path);
  for (const [start, end] of chunksOf(text)) {
    const chunk = text.slice(start, end);
    const fail = (diagnostic: Diagnostic): void => void errors.push({ diagnostic, line: places(contentStart(text, start, end)).line, text: chunk });
    if (documents.length >= limits.documents) {
      fail(diagnosticOf('load/limit', `the file has more than ${limits.documents} documents`, places(start)));
      break;
    }
    try {
      documents.push(...readChunk({ chunk, start, places, limits }));
    } catch (error) {
      fail(translate(error, chunk, start, places, limits));
    }
  }
  return { documents, errors };
}

/** Reads a text that is one document, for example a configuration file; `undefined` where it is empty. */
export function parseYaml(
  text: string,
  path: string,
  limits: YamlLimits = YAML_LIMITS,
): { readonly value: unknown; readonly locate: Locate; readonly errors: readonly Diagnostic[] } {
  const parsed = parseDocuments(text, path, limits);
  const errors = parsed.errors.map((error) => error.diagnostic);
  const [first, second] = parsed.documents;
  if (second !== undefined) errors.push(diagnosticOf('load/not-yaml', 'the file has more than one document', second.origin));
  return { value: first?.value, locate: first?.locate ?? (() => ({ path, line: 1, column: 1 })), errors };
}

// ---------------------------------------------------------------------------------------------- documents and places

type Places = (offset: number) => Origin;

/** Finds line and column of an offset; the lines are counted when the first is asked for. */
function placesOf(text: string, path: string): Places {
  let starts: number[] | undefined;
  return (offset) => {
    starts ??= lineStarts(text);
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { path, line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

const MARKER = /^---(?=[ \t\r\n]|$)/gm;
const PREAMBLE = /^(?:(?:[ \t]*(?:#.*)?|%.*)(?:\r?\n|$))*$/;

/** Where documents begin and end. `---` at the start of a line always separates, whatever stands around it. */
function chunksOf(text: string): (readonly [number, number])[] {
  const starts = [0];
  for (const match of text.matchAll(MARKER)) if (match.index > 0) starts.push(match.index);
  // Directives and comments before the first marker belong to the document behind it.
  if (starts.length > 1 && !text.startsWith('---') && PREAMBLE.test(text.slice(0, starts[1]))) starts.splice(1, 1);
  return starts.map((start, index) => [start, starts[index + 1] ?? text.length] as const);
}

function contentStart(text: string, start: number, end: number): number {
  const blank = /^(?:(?:---)?[ \t]*(?:#.*)?\r?\n)*/.exec(text.slice(start, end));
  return Math.min(start + (blank?.[0].length ?? 0), Math.max(start, end - 1));
}

interface Chunk {
  readonly chunk: string;
  readonly start: number;
  readonly places: Places;
  readonly limits: YamlLimits;
}

class LimitError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

function readChunk({ chunk, start, places, limits }: Chunk): ParsedDocument[] {
  const events = parseEvents(chunk, { maxDepth: limits.depth });
  if (events.length > limits.nodes) throw new LimitError(`the document has more than ${limits.nodes} nodes`, 0);
  const { ambiguous, hasAlias } = scan(events, chunk, (offset) => places(start + offset));
  const values = constructFromEvents(events, { source: chunk, schema: KUBERNETES_SCHEMA, maxTotalMergeKeys: limits.nodes });
  if (hasAlias) for (const value of values) countExpanded(value, limits);
  const contents = documentStarts(events);
  return values.flatMap((value, index) => {
    if (value === null || value === undefined) return [];
    let root: Mark | undefined;
    const origin = places(start + (contents[index] ?? 0));
    const locate: Locate = (path, part) => (path.length === 0 ? origin : places(start + find((root ??= marksOf(chunk, limits, index)), path, part)));
    return [{ value, origin, locate, ambiguous: values.length === 1 || index === 0 ? ambiguous : [] }];
  });
}

/** Offset of the first node of each document. */
function documentStarts(events: readonly Event[]): number[] {
  return events.flatMap((event, index) => (event.type === EVENT_ID.DOCUMENT ? [Math.max(0, startOf(events[index + 1]))] : []));
}

/** Looks at every scalar once: aliases, numbers that JSON cannot hold, and scalars that mislead. */
function scan(events: readonly Event[], source: string, place: (offset: number) => Origin): { ambiguous: AmbiguousScalar[]; hasAlias: boolean } {
  const ambiguous: AmbiguousScalar[] = [];
  let hasAlias = false;
  for (const event of events) {
    if (event.type === EVENT_ID.ALIAS) hasAlias = true;
    if (event.type !== EVENT_ID.SCALAR || event.style !== SCALAR_STYLE.PLAIN || event.valueStart < 0 || event.tagStart >= 0) continue;
    if (event.valueEnd - event.valueStart > 40 || !MISLEADING_START.test(source.charAt(event.valueStart))) continue;
    const text = source.slice(event.valueStart, event.valueEnd);
    if (NOT_A_NUMBER.test(text))
      throw new YAMLException(`${text} cannot be written in JSON`, { buffer: source, position: event.valueStart, line: 0, column: 0 });
    if (isMisleading(text)) ambiguous.push({ text, reads: JSON.stringify(readPlain(text)), origin: place(event.valueStart) });
  }
  return { ambiguous, hasAlias };
}

/** Counts what the aliases stand for: nine levels of ten aliases are 72 references and a billion nodes. */
function countExpanded(value: unknown, limits: YamlLimits): void {
  const open = new Set<unknown>();
  let nodes = 0;
  const walk = (node: unknown): void => {
    if (++nodes > limits.nodes) throw new LimitError(`the document has more than ${limits.nodes} nodes with its aliases written out`, 0);
    if (typeof node !== 'object' || node === null) return;
    if (open.has(node)) throw new LimitError('an alias contains itself', 0);
    if (open.size >= limits.depth) throw new LimitError(`nesting is deeper than ${limits.depth}`, 0);
    open.add(node);
    for (const field of Object.values(node)) walk(field);
    open.delete(node);
  };
  walk(value);
}

// ------------------------------------------------------------------------------------------------------------- errors

function diagnosticOf(code: Diagnostic['code'], message: string, origin: Origin, hint?: string): Diagnostic {
  return { code, severity: 'error', message, origin, ...(hint === undefined ? {} : { hint }) };
}

/** What the parser's terse reasons mean for who wrote the file. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/tab characters/, 'Indent with spaces; YAML does not allow tabs there.'],
  [/bad indentation/, 'Align the line with its neighbours, or quote the value if it has ": " in it.'],
  [/multiline key|expected ':'/, 'Put a colon and a space behind the key, or quote the text.'],
  [/end of the stream within a (?:single|double) quoted/, 'A quotation mark is opened and not closed.'],
  [/deficient indentation/, 'A quotation mark, bracket or brace is opened above and not closed, or a line of the value must be indented further.'],
  [/flow collection|missed comma|expected the node content/, 'A bracket or brace is not closed, or a comma is missing; quote a value that begins with [ or {.'],
  [/unidentified alias/, 'A value that begins with * is an alias: quote it if it is text.'],
  [/unknown .*tag|tag (?:name|handle|suffix)/, 'A value that begins with ! is a tag: quote it if it is text.'],
  [/keys must be/, 'Quote a value that begins with { or [ if it is text.'],
];

function translate(error: unknown, chunk: string, start: number, places: Places, limits: YamlLimits): Diagnostic {
  if (error instanceof LimitError) return diagnosticOf('load/limit', error.message, places(contentStart(chunk, 0, chunk.length) + start + error.offset));
  if (!(error instanceof YAMLException)) throw error;
  const position = error.mark?.position ?? 0;
  const origin = places(start + Math.min(position, Math.max(0, chunk.length - 1)));
  if (/exceeded max/.test(error.reason))
    return diagnosticOf('load/limit', error.reason.replace(/ \(\d+\)$/, '').replace('exceeded maxDepth', `is deeper than ${limits.depth}`), origin);
  if (error.reason === 'duplicated mapping key') {
    const key = keyAt(chunk, position, limits);
    return diagnosticOf('load/duplicate-key', `the key "${key.text}" stands twice in one mapping`, places(start + key.offset), 'Remove one of the two.');
  }
  // Names of aliases and tags are values that were not quoted: they are not repeated (I9).
  const reason = error.reason.replace(/ ?(?:"[^"]*"|!<[^>]*>.*|: .*)/, '');
  return diagnosticOf('load/not-yaml', `not YAML: ${reason}`, origin, HINTS.find(([pattern]) => pattern.test(error.reason))?.[1]);
}

function keyAt(chunk: string, position: number, limits: YamlLimits): { readonly text: string; readonly offset: number } {
  const event = parseEvents(chunk, { maxDepth: limits.depth }).find((candidate) => candidate.type === EVENT_ID.SCALAR && candidate.valueStart === position);
  return event?.type === EVENT_ID.SCALAR ? { text: keyText(chunk, event), offset: startOf(event) } : { text: '', offset: position };
}

// ----------------------------------------------------------------------------------------------------------- locating

/** Where a node stands: offsets in the chunk. */
interface Mark {
  readonly key: number;
  readonly value: number;
  readonly children: Map<string, Mark>;
}

/** Built only when a place is asked for: reading again costs less than keeping every offset of every document. */
function marksOf(chunk: string, limits: YamlLimits, index: number): Mark {
  const top: Mark = { key: 0, value: 0, children: new Map() };
  const open: { readonly mark: Mark; readonly isMapping: boolean; key: { text: string; offset: number } | null; next: number }[] = [];
  let document = -1;
  for (const event of parseEvents(chunk, { maxDepth: limits.depth })) {
    if (event.type === EVENT_ID.DOCUMENT) {
      document++;
      open.push({ mark: top, isMapping: false, key: null, next: 0 });
      continue;
    }
    if (event.type === EVENT_ID.POP) {
      open.pop();
      continue;
    }
    const parent = open.at(-1);
    if (document !== index || parent === undefined) continue;
    const offset = contentOf(chunk, event);
    if (parent.isMapping && parent.key === null) {
      parent.key = { text: event.type === EVENT_ID.SCALAR ? keyText(chunk, event) : '', offset };
      continue;
    }
    const key = parent.key ?? { text: String(parent.next++), offset };
    const mark: Mark = { key: key.offset, value: offset < 0 ? key.offset : offset, children: new Map() };
    parent.mark.children.set(key.text, mark);
    parent.key = null;
    if (event.type === EVENT_ID.SEQUENCE || event.type === EVENT_ID.MAPPING)
      open.push({ mark, isMapping: event.type === EVENT_ID.MAPPING, key: null, next: 0 });
  }
  return top.children.get('0') ?? top;
}

/** Offset of a node's first character; -1 for an empty one. The content of a block scalar begins below its `|`. */
function startOf(event: Event | undefined): number {
  switch (event?.type) {
    case EVENT_ID.SCALAR: {
      const isQuoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
      return isQuoted ? event.valueStart - 1 : event.valueStart;
    }
    case EVENT_ID.SEQUENCE:
    case EVENT_ID.MAPPING:
      return event.start;
    case EVENT_ID.ALIAS:
      return event.anchorStart - 1;
    default:
      return -1;
  }
}

/** As {@link startOf}, behind the indentation of a block scalar. */
function contentOf(chunk: string, event: Event): number {
  let offset = startOf(event);
  if (event.type === EVENT_ID.SCALAR && (event.style === SCALAR_STYLE.LITERAL_BLOCK || event.style === SCALAR_STYLE.FOLDED_BLOCK))
    while (chunk[offset] === ' ') offset += 1;
  return offset;
}

function find(root: Mark, path: readonly (string | number)[], part: 'key' | 'value' = 'value'): number {
  let mark = root;
  for (const step of path) {
    const next = mark.children.get(String(step));
    // An absent field is told at its nearest ancestor, and there the key says more than the place of its first child.
    if (next === undefined) return mark.key;
    mark = next;
  }
  return part === 'key' ? mark.key : mark.value;
}

// ------------------------------------------------------------------------------------------------------- the schema

const never = (): boolean => false;
const nullTag = defineScalarTag<null>('tag:yaml.org,2002:null', {
  implicit: true,
  implicitFirstChars: ['', '~', 'n', 'N'],
  resolve: (text) => (NULL.has(text) ? null : NOT_RESOLVED),
  identify: (value) => value === null,
  represent: () => 'null',
});
const boolTag = defineScalarTag<boolean>('tag:yaml.org,2002:bool', {
  implicit: true,
  implicitFirstChars: [...'yYnNtTfFoO'],
  resolve: (text) => (TRUE.has(text) ? true : FALSE.has(text) ? false : NOT_RESOLVED),
  identify: (value) => typeof value === 'boolean',
  represent: String,
});
const numberTag = defineScalarTag<number | bigint>('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: [...'-+0123456789.'],
  resolve: (text) => readNumber(text) ?? NOT_RESOLVED,
  identify: (value) => typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value)),
  represent: String,
});
const floatTag = defineScalarTag<number | bigint>('tag:yaml.org,2002:float', { resolve: (text) => readNumber(text) ?? NOT_RESOLVED, identify: never });
const binaryTag = defineScalarTag<string>('tag:yaml.org,2002:binary', {
  resolve: (text) => Buffer.from(text.replace(/\s+/g, ''), 'base64').toString('utf8'),
  identify: never,
});
const localTag = defineScalarTag<string>('!', { matchByTagPrefix: true, resolve: (text) => text, identify: never });

function keyOf(key: unknown): string | undefined {
  return typeof key === 'string' ? key : typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean' ? String(key) : undefined;
}

const mapTag = defineMappingTag<Record<string, unknown>>('tag:yaml.org,2002:map', {
  create: () => ({}),
  has: (map, key) => Object.hasOwn(map, keyOf(key) ?? ''),
  keys: (map) => Object.keys(map),
  get: (map, key) => map[keyOf(key) ?? ''],
  identify: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  represent: (value: object) => new Map<unknown, unknown>(Object.entries(value)),
  addPair: (map, key, value) => {
    const text = keyOf(key);
    if (text === undefined) return 'mapping keys must be strings, numbers or booleans';
    if (text === '__proto__') return 'the key __proto__ is not allowed';
    map[text] = value;
    return '';
  },
});

const KUBERNETES_SCHEMA = new Schema([strTag, nullTag, boolTag, numberTag, mergeTag, floatTag, binaryTag, localTag, seqTag, mapTag]);

function readPlain(text: string): unknown {
  return KUBERNETES_SCHEMA.resolveImplicitScalarTag(text).value;
}

/** A key as Kubernetes reads it: `on:` is "true". */
function keyText(chunk: string, event: ScalarEvent): string {
  const text = event.valueStart < 0 ? '' : getScalarValue(chunk, event);
  if (event.style !== SCALAR_STYLE.PLAIN) return text;
  return keyOf(readPlain(text)) ?? text;
}

// ----------------------------------------------------------------------------------------------------------- printing

const misreadTag = defineScalarTag<string>('tag:yaml.org,2002:misread', {
  implicit: true,
  implicitFirstChars: [...'-+0123456789.='],
  resolve: (text) => (MISREAD.test(text) ? text : NOT_RESOLVED),
  identify: never,
});
const PRINT_SCHEMA = new Schema([strTag, nullTag, boolTag, numberTag, misreadTag, mergeTag, seqTag, mapTag]);

const FIRST = ['apiVersion', 'kind', 'metadata', 'name', 'namespace'];

function byRank(a: string, b: string): number {
  const [x, y] = [rank(a), rank(b)];
  return x === y ? (a < b ? -1 : a > b ? 1 : 0) : x - y;
}

function rank(key: string): number {
  const place = FIRST.indexOf(key);
  return place < 0 ? FIRST.length : place;
}

/**
 * The YAML text of a value. `sorted` (the default) puts apiVersion, kind, metadata, name and namespace first and sorts
 * all other keys, so that the same value always gives the same bytes (I8); `as-is` keeps the order of the keys.
 * Strings that any reader of YAML 1.1 or 1.2 could take for something else are quoted; nothing is folded, no aliases.
 */
export function printYaml(value: unknown, order: 'sorted' | 'as-is' = 'sorted'): string {
  return dump(value, { schema: PRINT_SCHEMA, noRefs: true, skipInvalid: true, lineWidth: -1, sortKeys: order === 'sorted' ? byRank : false });
}
