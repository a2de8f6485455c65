/** Which ApplicationRevision a content is. */
import { hashOf, isRecord, parseJson } from '../lib/json.ts';
import type { KubeObject } from '../model/object.ts';
import type { ComponentRef, RevisionRef, Step } from '../model/plan.ts';
import type { ApplicationRecord } from '../model/ports.ts';
import { ownAnnotations } from './context.ts';
import type { ApplicationSpec } from './application.ts';
import type { Definition } from './definitions.ts';

/** KubeVela's label; the value is our own hash, for KubeVela's depends on the shapes of Go structs. */
export const REVISION_HASH_LABEL = 'app.oam.dev/app-revision-hash';
/** KubeVela 1.1 keeps ControllerRevisions; here the names and hashes ride on the ApplicationRevision. */
export const COMPONENT_REVISIONS_ANNOTATION = 'lateen.dev/component-revisions';

const numberOf = (revision: KubeObject): number => Number(/-v(\d+)$/.exec(revision.metadata.name ?? '')?.[1] ?? 0);

/**
 * Names the revision of this content: one that the hub keeps with the same hash is it again (A, B, A goes back to A's
 * number), else the next number. KubeVela: spec/kubevela.md 1.6.
 */
export function nameRevision(
  app: ApplicationSpec,
  used: ReadonlyMap<string, Definition>,
  steps: readonly Step[],
  record: ApplicationRecord | undefined,
): RevisionRef {
  const annotations = ownAnnotations(app);
  const hash = hashOf([
    app.dialect,
    app.object['spec'],
    app.object.metadata.labels ?? {},
    annotations,
    [...used].map(([name, definition]) => `${name}=${definition.hash}`).sort(),
    steps,
  ]);
  const known = record?.revisions ?? [];
  const same = known.find((revision) => revision.metadata.labels?.[REVISION_HASH_LABEL] === hash);
  const number = same === undefined ? Math.max(0, latestNumber(record), ...known.map(numberOf)) + 1 : numberOf(same);
  const hashes = app.dialect === '1.1' ? Object.fromEntries(app.components.map((component) => [component.name, componentHash(component, used)])) : {};
  return { name: `${app.name}-v${number}`, number, hash, components: componentRevisions(hashes, known), componentHashes: hashes };
}

/** The last number that the Application's status remembers, should its revisions have been removed. */
function latestNumber(record: ApplicationRecord | undefined): number {
  const status = record?.application?.['status'] as { latestRevision?: { revision?: unknown } } | undefined;
  const revision = status?.latestRevision?.revision;
  return typeof revision === 'number' ? revision : 0;
}

/** The hash that a component revision stands for. */
function componentHash(component: ComponentRef, used: ReadonlyMap<string, Definition>): string {
  return hashOf([component.type, component.properties, used.get(`ComponentDefinition/${component.type}`)?.hash ?? '']);
}

interface Remembered {
  readonly name: string;
  readonly hash: string;
}

/** Reads the annotation. People can edit it: what is none is forgotten, and holds up no other application (I12). */
function rememberedComponents(text: string): ReadonlyMap<string, Remembered> {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    return new Map();
  }
  const isRemembered = (item: unknown): item is Remembered => isRecord(item) && typeof item['name'] === 'string' && typeof item['hash'] === 'string';
  return new Map(Object.entries(isRecord(value) ? value : {}).flatMap(([component, item]) => (isRemembered(item) ? [[component, item] as const] : [])));
}

/** `<component>-v<N>` for each component: an old one with the same hash again, else the next number. */
function componentRevisions(hashes: Readonly<Record<string, string>>, known: readonly KubeObject[]): Record<string, string> {
  const history = known.map((revision) => rememberedComponents(revision.metadata.annotations?.[COMPONENT_REVISIONS_ANNOTATION] ?? '{}'));
  return Object.fromEntries(
    Object.entries(hashes).map(([component, hash]) => {
      const entries = history.flatMap((item) => item.get(component) ?? []);
      const same = entries.find((item) => item.hash === hash);
      const next = Math.max(0, ...entries.map((item) => Number(/-v(\d+)$/.exec(item.name)?.[1] ?? 0))) + 1;
      return [component, same?.name ?? `${component}-v${next}`];
    }),
  );
}
