/**
 * Fields that are left to others, as people name them: JSON Pointers (RFC 6901), `/spec/replicas`,
 * `/metadata/annotations/example.com~1note`, with `*` for every item of a list or every field of a map. An item of a list
 * that Kubernetes merges may be named by its key: `/spec/template/spec/containers/web/image`.
 */
import type { KubeObject } from '../model/object.ts';
import { isRecord } from './json.ts';
import { listKey } from './subset.ts';

/** The parts of a pointer, unescaped. Never empty. */
export type FieldPointer = readonly string[];

/** Longer ones name nothing that Kubernetes has. */
const PARTS_MAX = 32;
/** Who an object is and whose: without these Lateen would not know its own again. */
const OURS =
  /^\/(?:apiVersion|kind|status(?:\/.*)?|metadata(?:\/(?:name|namespace|generateName|labels|annotations|ownerReferences|finalizers))?)$|^\/metadata\/(?:labels|annotations)\/(?:\*|(?:[^/]*\.)?(?:oam\.dev|lateen\.dev)~1.*)$/;

/** A pointer's parts; or a sentence about what is wrong with it. */
export function parsePointer(text: string): FieldPointer | { readonly mistake: string; readonly hint: string } {
  if (!text.startsWith('/') || text === '/') return { mistake: `"${text}" is not a JSON Pointer`, hint: 'Begin it with a slash: /spec/replicas.' };
  if (/~(?![01])/.test(text))
    return { mistake: `"${text}" is not a JSON Pointer: after ~ stands 0 or 1`, hint: 'Write ~0 for a tilde and ~1 for a slash inside of a name.' };
  const parts = text
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (parts.includes(''))
    return { mistake: `"${text}" has an empty part`, hint: 'Take the doubled or last slash out; a slash inside of a name is written ~1.' };
  if (parts.length > PARTS_MAX) return { mistake: `"${text}" has more than ${PARTS_MAX} parts`, hint: 'Name the field above it.' };
  if (OURS.test(text))
    return {
      mistake: `"${text}" cannot be left to others`,
      hint: 'Name a field that does not say what the object is or whose: name, kind, status, and the labels and annotations of KubeVela and Lateen are not among them.',
    };
  return parts;
}

/** One entry of the annotation `lateen.dev/ignore-fields`: of objects of one kind, or "" for any. */
export interface IgnoredField {
  readonly kind: string;
  readonly pointer: FieldPointer;
}

export interface IgnoredFields {
  readonly fields: readonly IgnoredField[];
  readonly mistakes: readonly { readonly mistake: string; readonly hint: string }[];
}

export const IGNORE_ANNOTATION = 'lateen.dev/ignore-fields';
export const DRIFT_ANNOTATION = 'lateen.dev/drift';

/** Reads `lateen.dev/ignore-fields`: pointers with commas between them, each perhaps with a kind, `Deployment:/spec/replicas`. */
export function parseIgnoredFields(text: string): IgnoredFields {
  const fields: IgnoredField[] = [];
  const mistakes: { mistake: string; hint: string }[] = [];
  for (const entry of text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')) {
    const [, kind = '', rest = ''] = /^(?:([A-Za-z][A-Za-z0-9]*):)?(.*)$/s.exec(entry) ?? [];
    const pointer = parsePointer(rest);
    if ('mistake' in pointer) mistakes.push(pointer);
    else fields.push({ kind, pointer });
  }
  return { fields, mistakes };
}

/**
 * The object with the live values at these places, where it has a value of its own: a field that it does not have is not
 * made ours by taking it from another. What live has no longer is left out. Items of lists that Kubernetes merges are the
 * same by their key, others by their place.
 */
export function withLiveAt(object: KubeObject, live: KubeObject, pointers: readonly FieldPointer[]): KubeObject {
  return pointers.reduce((changed, pointer) => replaced(changed, live, pointer, { field: '', kind: object.kind }) as KubeObject, object);
}

interface At {
  readonly field: string;
  readonly kind: string;
}

/** Stands for a field that is to be left out. */
const NOTHING = Symbol('nothing');

function replaced(wanted: unknown, live: unknown, pointer: FieldPointer, at: At): unknown {
  const [part, ...rest] = pointer;
  if (part === undefined) return live === undefined ? NOTHING : live;
  if (Array.isArray(wanted)) return replacedInList(wanted, Array.isArray(live) ? live : [], part, rest, at);
  if (!isRecord(wanted)) return wanted;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(wanted)) {
    const changed = part === '*' || part === key ? replaced(value, isRecord(live) ? live[key] : undefined, rest, { field: key, kind: at.kind }) : value;
    if (changed !== NOTHING) out[key] = changed;
  }
  return out;
}

function replacedInList(wanted: readonly unknown[], live: readonly unknown[], part: string, rest: FieldPointer, at: At): readonly unknown[] {
  const keyOf = listKey(at.field, wanted, at.kind) === null ? null : listKey(at.field, live, at.kind);
  const byKey = keyOf === null ? null : new Map(live.map((item) => [keyOf(item), item]));
  return wanted.flatMap((item, index) => {
    const isMeant = part === '*' || part === String(index) || (keyOf !== null && part === keyOf(item));
    if (!isMeant) return [item];
    const other = byKey === null || keyOf === null ? live[index] : byKey.get(keyOf(item));
    // An item that is not there is made whole: there is nothing yet that another could have set in it.
    if (other === undefined && rest.length > 0) return [item];
    const changed = replaced(item, other, rest, at);
    return changed === NOTHING ? [] : [changed];
  });
}

/**
 * Where these pointers lead in an object, as plain JSON Pointers: a list's item by its place. In an order in which they may
 * be taken out one after the other, so that none moves what a later one names.
 */
export function placesIn(object: KubeObject, pointers: readonly FieldPointer[]): readonly string[] {
  const found = new Map(
    pointers
      .flatMap((pointer) => placesOf(object, pointer, { field: '', kind: object.kind }, []))
      .map((parts) => [parts.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''), parts]),
  );
  return [...found].sort(([, a], [, b]) => b.length - a.length || inOrder(b, a)).map(([text]) => text);
}

/** Numbers by their value, words by their letters. */
function inOrder(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((part, index) => part !== b[index]);
  const [x = '', y = ''] = [a[at], b[at]];
  return Number(x) - Number(y) || (x < y ? -1 : x === y ? 0 : 1);
}

function placesOf(value: unknown, [part, ...rest]: FieldPointer, at: At, path: readonly string[]): readonly (readonly string[])[] {
  if (part === undefined) return [path];
  if (Array.isArray(value)) {
    const keyOf = listKey(at.field, value, at.kind);
    return value.flatMap((item: unknown, index) =>
      part === '*' || part === String(index) || (keyOf !== null && part === keyOf(item)) ? placesOf(item, rest, at, [...path, String(index)]) : [],
    );
  }
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    part === '*' || part === key ? placesOf(inner, rest, { field: key, kind: at.kind }, [...path, key]) : [],
  );
}
