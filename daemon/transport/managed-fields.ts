/** Whose field is it (I10): reads field paths and managedFields as server-side apply writes them. Pure. */
import { isRecord } from '../lib/json.ts';
import type { Fields } from '../lib/json.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import type { KubeObject } from '../model/object.ts';

/** Ours, and vela-core's own names (its user agent is `kubevela/<revision>`): what it wrote is ours once we take over. */
const OURS: ReadonlySet<string> = new Set([FIELD_MANAGER, 'kubevela', 'vela-core']);

export function isOurManager(manager: string): boolean {
  return OURS.has(manager);
}

/**
 * Whether `object` sets the field that a conflict names, e.g. `.spec.template.spec.containers[name="web"].image`.
 * A field's name may hold dots itself (`.metadata.labels.example.com/a`): every reading is tried.
 */
export function setsField(object: unknown, path: string): boolean {
  if (path === '') return object !== undefined;
  if (path.startsWith('.')) {
    if (!isRecord(object)) return false;
    const rest = path.slice(1);
    return Object.entries(object).some(
      ([key, value]) => rest.startsWith(key) && /^$|^[.[]/.test(rest.slice(key.length)) && setsField(value, rest.slice(key.length)),
    );
  }
  const bracket = /^\[((?:"(?:[^"\\]|\\.)*"|[^"\]])*)\]/.exec(path);
  if (bracket === null || !Array.isArray(object)) return false;
  const [whole, selector = ''] = bracket;
  const rest = path.slice(whole.length);
  if (selector.startsWith('=')) return object.some((item) => JSON.stringify(item) === selector.slice(1)) && rest === '';
  if (/^[0-9]+$/.test(selector)) return setsField(object[Number(selector)], rest);
  return object.some((item) => isRecord(item) && fits(item, selector) && setsField(item, rest));
}

/** Whether an item is the one that `name="web"` or `containerPort=80,protocol="TCP"` names. */
function fits(item: Fields, selector: string): boolean {
  return [...selector.matchAll(/([A-Za-z0-9_-]+)=("(?:[^"\\]|\\.)*"|[^,]*)/g)].every(
    ([, key = '', value]) => JSON.stringify(item[key] ?? (key === 'protocol' ? 'TCP' : undefined)) === value,
  );
}

interface Entry extends Fields {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1?: Fields;
}

function entriesOf(object: KubeObject): readonly Entry[] {
  const entries = object.metadata['managedFields'];
  return Array.isArray(entries) ? (entries as Entry[]) : [];
}

const isStray = (entry: Entry): boolean => entry.operation === 'Update' && (entry.subresource ?? '') === '' && isOurManager(entry.manager ?? '');

/** Fields of ours were written otherwise than by server-side apply, so that leaving them out would not remove them. */
export function hasStrayFields(object: KubeObject): boolean {
  return entriesOf(object).some(isStray);
}

/**
 * The managedFields with everything of ours under one entry, manager `lateen` and operation Apply: the next apply then
 * removes what it no longer names. Null when there is nothing to move or the fields themselves are not in the object.
 */
export function gatherFields(object: KubeObject): readonly Fields[] | null {
  const entries = entriesOf(object);
  const stray = entries.filter(isStray);
  if (stray.length === 0 || stray.some((entry) => entry.fieldsV1 === undefined)) return null;
  const own = entries.find((entry) => entry.manager === FIELD_MANAGER && entry.operation === 'Apply' && (entry.subresource ?? '') === '');
  const fieldsV1 = [...(own === undefined ? [] : [own]), ...stray].reduce<Fields>((all, entry) => union(all, entry.fieldsV1 ?? {}), {});
  const gathered = { ...(own ?? stray[0]), manager: FIELD_MANAGER, operation: 'Apply', apiVersion: object.apiVersion, fieldsType: 'FieldsV1', fieldsV1 };
  return [...entries.filter((entry) => !isStray(entry) && entry !== own), gathered];
}

function union(a: Fields, b: Fields): Fields {
  const out: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) out[key] = isRecord(value) && isRecord(a[key]) ? union(a[key], value) : value;
  return out;
}

/** The object without the long lists of fields: who manages it stays, what of it goes. For what is kept in memory. */
export function withoutFieldLists(object: KubeObject): KubeObject {
  const entries = entriesOf(object);
  if (entries.length === 0) return object;
  return { ...object, metadata: { ...object.metadata, managedFields: entries.map(({ fieldsV1: _fields, ...entry }) => entry) } };
}
