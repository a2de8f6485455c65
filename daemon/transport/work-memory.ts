/**
 * What a member's server made of our last word about each object. It may store a value otherwise than it was sent, and
 * then a comparison of the two differs for ever; as long as the same document was applied and the object has not
 * changed since, there is nothing to do. Nothing depends on it but requests: after a restart the first word is tried
 * with a dry run.
 */
import type { KubeObject, ObjectKey } from '../model/object.ts';
import { keyText } from '../model/object.ts';

/** One for the whole process, shared by all clusters. */
export interface WorkMemory {
  /** Whether this document was applied to exactly this live object. A text: it was refused so, and would be again. */
  readonly recall: (key: ObjectKey, hash: string, live: KubeObject) => true | string | null;
  readonly remember: (key: ObjectKey, hash: string, live: KubeObject, refusal?: string) => void;
  readonly forget: (key: ObjectKey) => void;
}

const LIMIT = 100_000;

/** A memory that knows nothing yet. */
export function workMemory(): WorkMemory {
  const words = new Map<string, { readonly hash: string; readonly version: string; readonly refusal: string | undefined }>();
  const versionOf = (object: KubeObject): string => `${object.metadata.uid ?? ''}/${object.metadata.resourceVersion ?? ''}`;
  return {
    recall(key, hash, live) {
      const word = words.get(keyText(key));
      return word === undefined || word.hash !== hash || word.version !== versionOf(live) ? null : (word.refusal ?? true);
    },
    remember(key, hash, live, refusal) {
      const oldest = words.keys().next();
      if (words.size >= LIMIT && oldest.done !== true) words.delete(oldest.value);
      words.set(keyText(key), { hash, version: versionOf(live), refusal });
    },
    forget: (key) => void words.delete(keyText(key)),
  };
}
