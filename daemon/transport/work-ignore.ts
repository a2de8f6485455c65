/**
 * ServerSideApply's ignoreFields: fields that are left to others once the object is there. Pure.
 *
 * OCM 1.3 stores the hash of the document without them in an annotation and applies again only when it differs; the
 * hash is computed as OCM does, so that a klusterlet which takes over applies nothing.
 */
import { createHash } from 'node:crypto';
import { applyJsonPatch, isRecord, JsonPatchError } from '../lib/json.ts';
import { pathOf } from '../lib/json.ts';
import { valueAt } from '../lib/field-path.ts';
import type { Json, KubeObject } from '../model/object.ts';
import type { IgnoreField } from './work-model.ts';
import { withoutPath } from './work-path.ts';

export const IGNORED_HASH_ANNOTATION = 'open-cluster-management.io/config-spec-hash';

/** ignoreFields that cannot be followed; a reason of its own in the manifest's condition. */
export class IgnoreFieldError extends Error {
  override readonly name = 'IgnoreFieldError';
}

export interface Ignored {
  /** The document with the ignored fields: for an object that is not there yet. */
  readonly whole: KubeObject;
  readonly rest: KubeObject;
  readonly hash: string;
}

/** Null without ignoreFields. Throws {@link IgnoreFieldError}. */
export function withoutIgnored(manifest: KubeObject, fields: readonly IgnoreField[]): Ignored | null {
  if (fields.length === 0) return null;
  let rest = manifest;
  for (const field of fields) {
    // OnSpokeChange: it stays in the document, and is put back with the next change of it.
    if (field.condition === 'OnSpokeChange') continue;
    for (const path of field.jsonPaths ?? []) rest = withoutQuietly(rest, path);
    for (const pointer of field.jsonPointers ?? []) rest = withoutPointer(rest, pointer);
    for (const expression of field.jqPathExpressions ?? [])
      throw new IgnoreFieldError(`JQ expression error in '${expression}': jq expressions are not evaluated on a cluster of direct delivery`);
  }
  const digest = createHash('md5')
    .update(`&{${goText(rest)}}`)
    .digest('hex');
  const stamped = (object: KubeObject): KubeObject => ({
    ...object,
    metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [IGNORED_HASH_ANNOTATION]: digest } },
  });
  return { whole: stamped(manifest), rest: stamped(rest), hash: digest };
}

/** A path that cannot be read takes nothing out (OCM only logs it). */
function withoutQuietly(object: KubeObject, path: string): KubeObject {
  try {
    return withoutPath(object, path) as KubeObject;
  } catch {
    return object;
  }
}

function withoutPointer(object: KubeObject, pointer: string): KubeObject {
  if (pointer.startsWith('/') && valueAt(object, pathOf(pointer)) === undefined) return object;
  try {
    return applyJsonPatch(object as unknown as Json, [{ op: 'remove', path: pointer }]) as unknown as KubeObject;
  } catch (error) {
    if (!(error instanceof JsonPatchError)) throw error;
    throw new IgnoreFieldError(`JSON Pointer error in '${pointer}': failed to apply JSON Pointer patch: ${error.message}`, { cause: error });
  }
}

/** Go's `%v` of decoded JSON. */
function goText(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isRecord(value)) return String(value);
  return `map[${Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${key}:${goText(value[key])}`)
    .join(' ')}]`;
}
