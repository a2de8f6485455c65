/**
 * Whose word counts about drift, and which fields are left to others after they were made. Pure.
 *
 *   drift    the daemon's own setting, unless it is `any` > the object's annotation > the Application's annotation
 *            > the longest path in lateen.yaml > `drift` in lateen.yaml
 *   ignored  all of them together: `ignoreFields` in lateen.yaml, the Application's annotation, the object's own
 *
 * Only what stands in the commit is asked, never the live object: who can edit a cluster must not widen this.
 */
import { DRIFT_ANNOTATION, IGNORE_ANNOTATION, parseIgnoredFields, parsePointer, type FieldPointer, type IgnoredField } from '../lib/field-pointer.ts';
import { isUnder, type RepositoryConfig } from '../model/catalog.ts';
import type { Origin } from '../model/fault.ts';
import { groupOf, type KubeObject } from '../model/object.ts';
import type { Wanted } from '../model/plan.ts';

/** What the operator allows: the repository's choice, or one for all. */
export type DriftBound = 'any' | 'correct' | 'report';

/** What holds for one Application, or for the repository's own documents. */
export interface FieldRules {
  /** Whether drift of this object is put back; else it is only told. */
  readonly corrects: (wanted: Wanted) => boolean;
  /** The fields of this object that are applied when it is made and never put back. */
  readonly ignored: (wanted: Wanted) => readonly FieldPointer[];
}

/** Drift is put back, and no field is left to others. */
export const PLAIN_FIELD_RULES: FieldRules = { corrects: () => true, ignored: () => [] };

/**
 * The rules for the objects of an Application (`document` is its own), or for the repository's own documents (null: each
 * of them speaks for itself, by its annotations and where it stands).
 */
export function fieldRules(config: RepositoryConfig, bound: DriftBound, document: { readonly object: KubeObject; readonly origin: Origin } | null): FieldRules {
  const compiled = config.ignoreFields.map((rule) => ({
    ...rule,
    pointers: rule.paths.map((path) => parsePointer(path)).filter((pointer) => !('mistake' in pointer)) as readonly FieldPointer[],
  }));
  const ofApplication = annotated(document?.object);
  return {
    corrects: (wanted) => {
      if (bound !== 'any') return bound === 'correct';
      const choice = choiceOf(wanted.object) ?? choiceOf(document?.object) ?? pathChoice(config, document?.origin ?? wanted.origin) ?? config.drift;
      return choice === 'correct';
    },
    ignored: ({ key, object }) => {
      const ofConfig = compiled
        .filter(
          (rule) =>
            (rule.kind === '*' || rule.kind === key.kind) &&
            fits(rule.group, groupOf(key.apiVersion)) &&
            fits(rule.namespace, key.namespace) &&
            fits(rule.name, key.name),
        )
        .flatMap((rule) => rule.pointers);
      const ofAnnotations = [...ofApplication, ...annotated(object)]
        .filter((field) => field.kind === '' || field.kind === key.kind)
        .map((field) => field.pointer);
      const all = [...ofConfig, ...ofAnnotations];
      // What is written as text in the commit is base64 in the cluster.
      return key.kind === 'Secret' ? all.map((pointer) => (pointer[0] === 'stringData' ? ['data', ...pointer.slice(1)] : pointer)) : all;
    },
  };
}

const fits = (asked: string | null, value: string): boolean => asked === null || asked === value;

function choiceOf(object: KubeObject | undefined): 'correct' | 'report' | null {
  const asked = object?.metadata.annotations?.[DRIFT_ANNOTATION];
  return asked === 'correct' || asked === 'report' ? asked : null;
}

function pathChoice(config: RepositoryConfig, origin: Origin | null): 'correct' | 'report' | null {
  if (origin === null) return null;
  const [longest] = config.drifts.filter((entry) => isUnder(origin.path, entry.path)).toSorted((a, b) => b.path.length - a.path.length);
  return longest?.drift ?? null;
}

function annotated(object: KubeObject | undefined): readonly IgnoredField[] {
  const text = object?.metadata.annotations?.[IGNORE_ANNOTATION];
  return text === undefined ? [] : parseIgnoredFields(text).fields;
}
