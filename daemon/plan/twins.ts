/**
 * Applications of one comparison that change alike: the same changes, over the same definitions, in documents of the same
 * shape, with the same outcome. What set a field of the first set it in the others. Pure.
 *
 * Alike they are when nothing differs but their own names and what no change touches in their properties. The outcome
 * counts as well, field by field with its values, and no two of the changes may be the same: so a template would have to
 * make the same field of two different changes, by something that did not change, for the answer to be another one.
 */
import { diffFields, hashOf, isRecord } from '../lib/json.ts';
import type { Path } from '../model/catalog.ts';
import type { KubeObject } from '../model/object.ts';
import type { DesiredApplication } from '../model/plan.ts';
import type { DocumentChange } from './comparison.ts';
import { namedPointer } from './named-path.ts';

/** Places of the changes that set a field, by {@link Field}. */
export type Answers = ReadonlyMap<string, readonly number[]>;

/** What is known, or being found out, by {@link twinKey}; null: it did not come to an end. */
export type Twins = Map<string, Promise<Answers | null>>;

type Outcome = ReadonlyMap<string, KubeObject>;

interface Changed {
  readonly kind: string;
  readonly text: string;
  readonly changes: readonly DocumentChange[];
}

type Rename = (text: string) => string;

/** Takes an application's own names out of a text, where they stand as words. */
export function renaming({ name, componentSpecs, policies }: Pick<DesiredApplication, 'name' | 'componentSpecs' | 'policies'>): Rename {
  const places = new Map<string, string>([
    ...policies.map((policy, i): [string, string] => [policy.name, `\u0002${i}`]),
    ...componentSpecs.map((component, i): [string, string] => [component.name, `\u0001${i}`]),
    [name, '\u0001'],
  ]);
  const words = [...places.keys()]
    .filter((word) => word !== '')
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&'));
  if (words.length === 0) return (text) => text;
  const pattern = new RegExp(`(?<![A-Za-z0-9])(?:${words.join('|')})(?![A-Za-z0-9])`, 'g');
  return (text) => text.replaceAll(pattern, (word) => places.get(word) ?? word);
}

function renamed(value: unknown, rename: Rename): unknown {
  if (typeof value === 'string') return rename(value);
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [rename(key), renamed(item, rename)])) : value;
}

/** A document without its names; texts and numbers in properties by their kind, where no change begins. */
function shapeOf(value: unknown, rename: Rename, path: Path, changed: ReadonlySet<string>): unknown {
  if (changed.has(JSON.stringify(path))) return renamed(value, rename);
  if (Array.isArray(value)) return value.map((item, i) => shapeOf(item, rename, [...path, i], changed));
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [rename(key), shapeOf(item, rename, [...path, key], changed)]));
  if (path.includes('properties') && (typeof value === 'string' || typeof value === 'number')) return typeof value;
  return renamed(value, rename);
}

/** One field of one object; "" is the object itself. */
export const fieldKey = (rename: Rename, object: string, path: string): string => `${rename(object)}\0${rename(path)}`;

/** Every object that comes or goes, and every field that differs, in the names of the side that has it. */
export function differences(
  before: Outcome,
  after: Outcome,
): readonly { readonly text: string; readonly path: string; readonly from?: unknown; readonly to?: unknown }[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((text) => {
    const [from, to] = [before.get(text), after.get(text)];
    if (from === undefined || to === undefined) return [{ text, path: '', from: from !== undefined, to: to !== undefined }];
    return diffFields(from, to).map((field) => ({
      text,
      path: namedPointer(field.to === undefined ? from : to, field.path),
      ...('from' in field ? { from: field.from } : {}),
      ...('to' in field ? { to: field.to } : {}),
    }));
  });
}

/** A name may be a type's as well, and types are no names of one's own. */
const typesOf = ({ componentSpecs, policies, steps }: DesiredApplication): unknown => [
  componentSpecs.map(({ type, traits }) => [type, traits.map((trait) => trait.type)]),
  policies.map(({ type }) => type),
  steps.map(({ type, subSteps }) => [type, subSteps.map((step) => step.type)]),
];

/** What applications that change alike have in common; "" where an application is to be looked at by itself. */
export function twinKey(app: DesiredApplication, document: KubeObject, changed: readonly Changed[], before: Outcome, after: Outcome): string {
  const rename = renaming(app);
  const values = changed.flatMap(({ changes }) =>
    changes.map(({ from, to, isOrder }) => hashOf([from ?? [], to ?? [], from === undefined, to === undefined, isOrder])),
  );
  if (new Set(values).size < values.length) return '';
  const places = new Set(changed.flatMap(({ changes }) => changes.map(({ path }) => JSON.stringify(path))));
  const {
    metadata: { labels, annotations },
  } = document;
  return hashOf([
    app.namespace,
    app.dialect,
    [...app.definitions.keys()].sort(),
    typesOf(app),
    shapeOf({ metadata: { labels, annotations }, spec: document['spec'] }, rename, [], places),
    changed.map(({ kind, text, changes }) => [
      kind,
      rename(text),
      changes.map(({ path, basePath, from, to, isOrder }) => [path, basePath, renamed(from, rename), renamed(to, rename), isOrder]),
    ]),
    [...after.keys()].map(rename).sort(),
    differences(before, after).map(({ text, path, ...values_ }) => [fieldKey(rename, text, path), renamed(values_, rename)]),
  ]);
}

/** The answer for a field, as a twin has it: for a part of a field, or the whole around one, what is known of those. */
export function answerOf(answers: Answers, rename: Rename, object: string, path: string): readonly number[] {
  const key = fieldKey(rename, object, path);
  const exact = answers.get(key);
  if (exact !== undefined) return exact;
  const near = [...answers].filter(([other]) => !other.endsWith('\0') && path !== '' && (other.startsWith(`${key}/`) || key.startsWith(`${other}/`)));
  return [...new Set(near.flatMap(([, places]) => places))].sort((a, b) => a - b);
}
