/** Objects as a comparison looks at them: what a ManifestWork carries by itself, without the marks of bookkeeping. Pure. */
import { WORK_API } from '../lib/manifest-work.ts';
import { LAST_APPLIED_ANNOTATION, RENDER_HASH_ANNOTATION } from '../lib/stamp.ts';
import { groupOf, keyOf, keyText, type KubeObject, type ObjectKey } from '../model/object.ts';
import type { Desired, DesiredApplication, Wanted } from '../model/plan.ts';
import { storedForm } from './decide.ts';

/** Labels that tell of the revision: each new content changes them on every object of its application. */
const REVISION_LABELS = ['app.oam.dev/appRevision', 'app.oam.dev/app-revision-hash', 'app.oam.dev/revision'];
const OUR_ANNOTATIONS = [RENDER_HASH_ANNOTATION, LAST_APPLIED_ANNOTATION];
const MARKS = new Set([
  ...REVISION_LABELS.map((name) => `/metadata/labels/${name.replace('/', '~1')}`),
  ...OUR_ANNOTATIONS.map((name) => `/metadata/annotations/${name.replace('/', '~1')}`),
]);

/** Whether a JSON pointer leads to a mark that Lateen, or KubeVela, writes for itself. */
export const isMark = (pointer: string): boolean => MARKS.has(pointer);

/** The object without marks; a Secret as it is stored. */
export function unmarked(object: KubeObject): KubeObject {
  const { labels, annotations, ...metadata } = storedForm(object).metadata;
  const rest = (map: Readonly<Record<string, string>> | undefined, marks: readonly string[]): Readonly<Record<string, string>> | undefined =>
    map === undefined || map === null ? undefined : Object.fromEntries(Object.entries(map).filter(([name]) => !marks.includes(name)));
  const [ownLabels, ownAnnotations] = [rest(labels, REVISION_LABELS), rest(annotations, OUR_ANNOTATIONS)];
  return {
    ...storedForm(object),
    metadata: {
      ...metadata,
      ...(ownLabels === undefined ? {} : { labels: ownLabels }),
      ...(ownAnnotations === undefined || Object.keys(ownAnnotations).length === 0 ? {} : { annotations: ownAnnotations }),
    },
  };
}

export const isWork = (key: Pick<ObjectKey, 'apiVersion' | 'kind'>): boolean => key.kind === 'ManifestWork' && groupOf(key.apiVersion) === groupOf(WORK_API);

/** What a ManifestWork carries, on its cluster; empty for anything else. */
export function manifestsOf(work: KubeObject | null): readonly KubeObject[] {
  const manifests = (work?.['spec'] as { readonly workload?: { readonly manifests?: unknown } } | undefined)?.workload?.manifests;
  return Array.isArray(manifests) ? (manifests as readonly KubeObject[]) : [];
}

/** One object where it ends up. */
export interface Placed {
  readonly key: ObjectKey;
  readonly object: KubeObject;
  /** What carries it, or the object itself. */
  readonly wanted: Wanted;
}

/** A wish, and in its place the wishes that it carries when it is a ManifestWork. */
export function placed(wanted: Wanted): readonly Placed[] {
  if (!isWork(wanted.key)) return [{ key: wanted.key, object: wanted.object, wanted }];
  return manifestsOf(wanted.object).map((object) => ({ key: keyOf(wanted.object.metadata.namespace ?? '', object), object, wanted }));
}

/** Everything that an application is known to ask for, as it is sent. */
export const wishesOf = (app: DesiredApplication): readonly Wanted[] =>
  [...app.components.values()].flatMap((component) => component.objects).concat(app.policyObjects, app.placed);

/** The same by keyText of what ends up in the clusters, without marks. */
export const outcomeOf = (app: DesiredApplication): ReadonlyMap<string, KubeObject> =>
  new Map(
    wishesOf(app)
      .flatMap(placed)
      .map(({ key, object }) => [keyText(key), unmarked(object)]),
  );

/** Every Secret that is asked for, wherever it is to go: what a redactor learns before anything is said of the content. */
export const secretsOf = (desired: Desired): readonly KubeObject[] =>
  [...desired.objects, ...desired.applications.flatMap(wishesOf)]
    .flatMap(placed)
    .map(({ object }) => object)
    .filter(({ kind }) => kind === 'Secret');
