/** What the hub shows of a commit, as documents: what a new commit is compared with where no base is named. Pure. */
import type { Document } from '../model/catalog.ts';
import type { Origin } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { Source } from './blame.ts';
import { AUTHOR_ANNOTATION, COMMIT_ANNOTATION, INSTANCE_ANNOTATION, SOURCE_ANNOTATION } from './records.ts';

const NOWHERE: Origin = { path: '', line: 0, column: 0 };

const OURS: readonly string[] = [INSTANCE_ANNOTATION, SOURCE_ANNOTATION, COMMIT_ANNOTATION, AUTHOR_ANNOTATION];

/** What the hub shows, without what Lateen writes on it. */
export function hubDocument(object: KubeObject): Document {
  const { name, namespace, labels, annotations } = object.metadata;
  const own = Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => !OURS.includes(key)));
  const metadata = {
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    annotations: own,
  };
  return { object: { apiVersion: object.apiVersion, kind: object.kind, metadata, spec: object['spec'] }, origin: NOWHERE, locate: () => NOWHERE };
}

/** The definitions of the head as the hub still has them. */
export function onHub(definitions: readonly KubeObject[], head: Pick<Source, 'definitions'>): readonly Document[] {
  return head.definitions.map((document) => {
    const { kind, metadata } = document.object;
    const found = definitions.find(
      (item) =>
        item.kind === kind && item.metadata.name === metadata.name && (item.metadata.namespace ?? '') === (metadata.namespace ?? item.metadata.namespace ?? ''),
    );
    return found === undefined ? document : { object: { ...document.object, spec: found['spec'] }, origin: NOWHERE, locate: () => NOWHERE };
  });
}
