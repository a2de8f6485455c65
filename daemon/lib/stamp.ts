/** What Lateen writes on every object it delivers, so that it knows its own again: KubeVela's annotation and hash label. */
import { groupOf } from '../model/object.ts';
import type { KubeObject } from '../model/object.ts';
import { hashOf, isRecord, parseJson, stableStringify } from './json.ts';

/** The one field manager name of all that is delivered, for ever (I10). */
export const FIELD_MANAGER = 'lateen';
/**
 * What a controller of ours notes on an object that Lateen delivers, too (finalizers, annotations, status): another name,
 * as Kubernetes' controllers have. Under the deliverer's own the next apply would take it away again (I6).
 */
export const CONTROLLER_MANAGER = 'lateen-controller';
/** A person at the command line, who steers a workflow as `vela` does. */
export const PERSON_MANAGER = 'lateen-cli';
/** The whole object as it was rendered, as JSON: what a three-way merge and the question "was this field ours?" start from. */
export const LAST_APPLIED_ANNOTATION = 'app.oam.dev/last-applied-configuration';
/** Hash of the rendered object. KubeVela 1.10 has a label of this name, with a hash of its own. */
export const RENDER_HASH_ANNOTATION = 'oam.dev/render-hash';

/**
 * On the repository's own documents, which belong to no application and so carry no label of KubeVela's: one watch of a kind
 * sees them all and nothing else of that kind. A watch by name for each would be a connection each, and one of the whole
 * kind costs what the cluster holds, not what is ours. It is no content: neither hash nor copy nor plan knows it.
 */
export const DOCUMENTS_LABEL = 'lateen.dev/documents';

/**
 * A document with that label. Its value is the instance that put it there; what the document says, or somebody has made
 * of it since, stays: that it is there is enough.
 */
export function labelled(object: KubeObject, live: KubeObject | null, instance: string): KubeObject {
  const value = live?.metadata.labels?.[DOCUMENTS_LABEL] ?? (instance || 'default');
  return { ...object, metadata: { ...object.metadata, labels: { [DOCUMENTS_LABEL]: value, ...object.metadata.labels } } };
}

/** All annotations of an object may have 256 KiB together; beyond this size the copy is left out. */
const LIMIT_BYTES = 200_000;

/**
 * The object with its render hash and its last applied configuration. Stamping twice changes nothing.
 *
 * KubeVela 1.10: no copy on core Secret and ConfigMap nor on a CRD, nor where the annotation is already `-` or `skip`;
 * the hash is in the copy.
 */
export function stamp(object: KubeObject): KubeObject {
  const bare = unstamped(object);
  const hashed = annotated(bare, RENDER_HASH_ANNOTATION, hashOf(bare));
  if (!carriesCopy(object)) return hashed;
  const copy = stableStringify(hashed);
  return Buffer.byteLength(copy) > LIMIT_BYTES ? hashed : annotated(hashed, LAST_APPLIED_ANNOTATION, copy);
}

/** The hash that {@link stamp} writes on this object, whether it is stamped already or not. */
export function renderHashOf(object: KubeObject): string {
  return hashOf(unstamped(object));
}

/** What was last applied according to the live object itself; null when it does not say. */
export function lastAppliedOf(live: KubeObject): KubeObject | null {
  const text = live.metadata.annotations?.[LAST_APPLIED_ANNOTATION];
  if (text === undefined || !text.startsWith('{')) return null;
  try {
    const object: unknown = parseJson(text);
    return isRecord(object) ? (object as unknown as KubeObject) : null;
  } catch {
    // Someone else wrote into it: it tells nothing then.
    return null;
  }
}

/** Whether objects of this kind carry a copy of what was applied. */
export function carriesCopy(object: KubeObject): boolean {
  const group = groupOf(object.apiVersion);
  if (group === '' && (object.kind === 'Secret' || object.kind === 'ConfigMap')) return false;
  if (group === 'apiextensions.k8s.io' && object.kind === 'CustomResourceDefinition') return false;
  const present = object.metadata.annotations?.[LAST_APPLIED_ANNOTATION];
  return present !== '-' && present !== 'skip';
}

function annotated(object: KubeObject, name: string, value: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [name]: value } } };
}

function unstamped(object: KubeObject): KubeObject {
  const annotations = object.metadata.annotations;
  if (annotations === undefined) return object;
  // `annotations:` without any is as good as none: with them the hash would be another one after the first stamp.
  if (annotations === null || Object.keys(annotations).length === 0) {
    const { annotations: _none, ...metadata } = object.metadata;
    return { ...object, metadata };
  }
  const { [RENDER_HASH_ANNOTATION]: hash, [LAST_APPLIED_ANNOTATION]: copy, ...others } = annotations;
  const chosen = copy === '-' || copy === 'skip' ? { ...others, [LAST_APPLIED_ANNOTATION]: copy } : others;
  if (hash === undefined && (copy === undefined || chosen !== others)) return object;
  const { annotations: _stamped, ...metadata } = object.metadata;
  return { ...object, metadata: Object.keys(chosen).length === 0 ? metadata : { ...metadata, annotations: chosen } };
}
