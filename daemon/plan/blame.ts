/**
 * What set a field: found by rendering the head with one of its changes left out at a time, and looking which fields go
 * back. Where no single one does it, the base with one change taken over at a time.
 *
 *   changes ──> more than may be rendered? ──> groups ──> leave one out ──> a field goes back: its cause
 *                                                             │ groups with an effect, while there is room: one by one
 *                                                             v
 *                                              what is left: take one over ──> a field is as in the head: its cause
 */
import { equal, hashOf, isRecord } from '../lib/json.ts';
import type { Document, RepositoryConfig } from '../model/catalog.ts';
import type { Origin } from '../model/fault.ts';
import type { Json, KubeObject } from '../model/object.ts';
import type { DesiredApplication } from '../model/plan.ts';
import { placeOf } from './cause-text.ts';
import type { Cause, DocumentChange, FieldDiff } from './comparison.ts';
import { documentChanges, withoutChanges } from './document-changes.ts';
import { namedPointer, valueAtPointer } from './named-path.ts';
import { outcomeOf } from './spread.ts';
import { answerOf, differences, fieldKey, renaming, twinKey, type Answers, type Twins } from './twins.ts';

/** All that the rendering of one application depends on in the repository. */
export interface Source {
  readonly application: Document;
  readonly definitions: readonly Document[];
  readonly policies: readonly Document[];
  readonly workflows: readonly Document[];
  readonly config: RepositoryConfig;
}

export interface BlameInput {
  /** `application` may be one that stands in no file: then lines that are gone have no place. */
  readonly base: Source & { readonly isWritten: boolean };
  readonly head: Source;
  /** The head as it was rendered. */
  readonly desired: DesiredApplication;
  /** The base as it was rendered; objects without marks, by keyText. */
  readonly before: ReadonlyMap<string, KubeObject>;
  /** Renders another source for the same clusters; a mistake in it is its `fault`. */
  readonly render: (source: Source) => Promise<DesiredApplication>;
  /** So many renderings at most; every change is in some group all the same. */
  readonly rendersMax: number;
  /** What was found out about the other applications of the comparison; absent: each is looked into by itself. */
  readonly twins?: Twins;
}

export interface Blame {
  /** Changes of the application's own document. */
  readonly changes: readonly DocumentChange[];
  /** Why an object, by keyText, is made or removed. */
  readonly ofObject: (text: string) => readonly Cause[];
  /** What set a field of it. */
  readonly ofField: (text: string, field: Pick<FieldDiff, 'path' | 'to'>) => readonly Cause[];
  readonly renderCount: number;
  /** What a reader should know of how far this went; "" when everything was looked at. */
  readonly note: string;
}

/** Something that the head has otherwise than the base. */
interface Suspect {
  readonly kind: Cause['kind'];
  readonly text: string;
  readonly origin: Origin | null;
  readonly isInBase: boolean;
  /** Changes of the application's document. */
  readonly changes: readonly DocumentChange[];
  /** What else is put back as it was; null where it is the document alone. */
  readonly swap: ((source: Source) => Source) | null;
  /** Those that it stands for; empty for one that stands for itself. */
  readonly members: readonly Suspect[];
}

/** The head without these. */
function without(head: Source, suspects: readonly Suspect[]): Source {
  const changes = suspects.flatMap((suspect) => suspect.changes);
  const swapped = suspects.reduce((source, { swap }) => (swap === null ? source : swap(source)), head);
  return changes.length === 0 ? swapped : { ...swapped, application: { ...head.application, object: withoutChanges(head.application.object, changes) } };
}

type Outcome = ReadonlyMap<string, KubeObject>;

const CONFIG_TEXT = 'lateen.yaml: kubevela';
/** More changes than these are looked at in groups, and each application by itself. */
const RENDERS_OF_TWINS_MAX = 40;

/** What became of the head without a suspect, or of the base with it; null: it cannot be rendered so. */
interface Effect {
  readonly suspect: Suspect;
  readonly outcome: Outcome | null;
}

/** Finds the causes of all that differs between `before` and the head. Throws what `render` throws. */
export async function blame(input: BlameInput): Promise<Blame> {
  const { desired, before, head, twins } = input;
  const suspects = suspectsOf(input);
  const after = outcomeOf(desired);
  const isAlone = twins === undefined || suspects.length < 2 || suspects.length > RENDERS_OF_TWINS_MAX || suspects.some(({ text }) => text === CONFIG_TEXT);
  const key = isAlone ? '' : twinKey(desired, head.application.object, suspects, before, after);
  if (isAlone || key === '') return (await lookInto(input, suspects, after)).blame;
  const rename = renaming(desired);
  const first = twins.get(key);
  const { promise, resolve } = Promise.withResolvers<Answers | null>();
  if (first === undefined) twins.set(key, promise);
  const answers = first === undefined ? null : await first;
  if (answers !== null) {
    const effects = suspects.map((suspect): Effect => ({ suspect, outcome: null }));
    return told({ input, after, effects, alone: [], known: (text, path) => answerOf(answers, rename, text, path) }, 0, '');
  }
  try {
    const { blame: own, found } = await lookInto(input, suspects, after);
    resolve(
      found === null || own.note !== ''
        ? null
        : new Map(
            differences(before, after).map(({ text, path }) => [
              fieldKey(rename, text, path),
              blamed(found, text, path).map((suspect) => suspects.indexOf(suspect)),
            ]),
          ),
    );
    return own;
  } finally {
    // Who waits for what never came to an end looks for itself.
    resolve(null);
  }
}

interface Looked {
  readonly blame: Blame;
  /** Null: nobody looked. */
  readonly found: Found | null;
}

async function lookInto(input: BlameInput, suspects: readonly Suspect[], after: Outcome): Promise<Looked> {
  const { head, before, rendersMax } = input;
  const changes = suspects.flatMap((suspect) => suspect.changes);
  const nothing = (): readonly Cause[] => [];
  if (suspects.length > 1 && rendersMax < 2)
    return {
      found: null,
      blame: { changes, renderCount: 0, ofObject: nothing, ofField: nothing, note: 'what set its fields was not looked for: too many applications change' },
    };
  let renderCount = 0;
  let isSlow = false;
  const outcomeWithout = async (left: readonly Suspect[]): Promise<Outcome | null> => {
    if (isSlow) return null;
    renderCount += 1;
    const desired = await input.render(without(head, left));
    isSlow = desired.fault?.code === 'render/timeout' || desired.fault?.code === 'render/memory';
    return desired.fault === null ? outcomeOf(desired) : null;
  };
  const effects: Effect[] = [];
  // A single change is the cause of everything; nothing has to be rendered for it.
  if (suspects.length === 1) effects.push({ suspect: suspects[0] as Suspect, outcome: before });
  else for (const suspect of grouped(suspects, rendersMax)) effects.push({ suspect, outcome: await outcomeWithout([suspect]) });
  for (const effect of effects.filter(({ suspect }) => suspect.members.length > 0)) {
    const { members } = effect.suspect;
    if (renderCount + members.length > rendersMax || (effect.outcome !== null && isSame(effect.outcome, after))) continue;
    const parts: Effect[] = [];
    for (const suspect of members) parts.push({ suspect, outcome: await outcomeWithout([suspect]) });
    effects.splice(effects.indexOf(effect), 1, ...parts);
  }
  const found: Found = { input, after, effects, alone: [] };
  if (effects.length > 1 && isAnyLeft(found)) {
    for (const { suspect } of effects.slice(0, Math.max(0, rendersMax - renderCount)))
      found.alone.push({ suspect, outcome: await outcomeWithout(effects.map((effect) => effect.suspect).filter((other) => other !== suspect)) });
  }
  const isCoarse = effects.some(({ suspect }) => suspect.members.length > 0);
  const inGroups = `${suspects.length} changes of its documents were looked at in groups: it is rendered at most ${rendersMax} times to find out what set a field`;
  return {
    found,
    blame: told(found, renderCount, isSlow ? 'what set its fields was not looked for to the end: a rendering took too long' : isCoarse ? inGroups : ''),
  };
}

const told = (found: Found, renderCount: number, note: string): Blame => ({
  changes: found.effects.flatMap(({ suspect }) => suspect.changes),
  renderCount,
  note,
  ofObject: (text) => causesOf(found, text, '', undefined),
  ofField: (text, field) => causesOf(found, text, field.path, field.to),
});

// ------------------------------------------------------------------------------------------------------ suspects

function suspectsOf({ base, head, desired }: BlameInput): readonly Suspect[] {
  const own = documentChanges(contentOf(base.application.object), contentOf(head.application.object)).map((change): Suspect => {
    const isGone = change.to === undefined;
    const place = placeOf(isGone ? base.application.object : head.application.object, isGone ? change.basePath : change.path);
    const origin = isGone ? (base.isWritten ? base.application.locate(change.basePath) : null) : head.application.locate(change.path);
    return {
      kind: place.kind,
      text: change.isOrder ? `the order of ${place.text}` : place.text,
      origin,
      isInBase: isGone && base.isWritten,
      changes: [change],
      swap: null,
      members: [],
    };
  });
  return [...own, ...sharedSuspects(base, head, desired)];
}

/** What of an Application its objects are made from. */
const contentOf = ({ metadata, spec }: KubeObject): unknown => ({ metadata: { labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {} }, spec });

const nameOf = ({ object }: Document): string => `${object.kind}/${object.metadata.name ?? ''}`;

/** Documents beside the application that it is rendered with: definitions, Policy and Workflow documents, lateen.yaml. */
function sharedSuspects(base: BlameInput['base'], head: Source, desired: DesiredApplication): readonly Suspect[] {
  const differing = (
    from: readonly Document[],
    to: readonly Document[],
    isUsed: (document: Document) => boolean,
    kind: Cause['kind'],
    swap: (source: Source, name: string) => Source,
  ): readonly Suspect[] => {
    const names = [...new Set([...to, ...from].filter(isUsed).map(nameOf))].sort();
    return names
      .filter((name) => !equal(from.filter((item) => nameOf(item) === name).map(bodyOf), to.filter((item) => nameOf(item) === name).map(bodyOf)))
      .map((name): Suspect => {
        const there = to.find((item) => nameOf(item) === name);
        const before = from.find((item) => nameOf(item) === name);
        return {
          kind,
          text: name.replace('/', ' '),
          origin: there?.origin ?? (base.isWritten ? (before?.origin ?? null) : null),
          isInBase: there === undefined && base.isWritten,
          changes: [],
          swap: (source) => swap(source, name),
          members: [],
        };
      });
  };
  const put = (to: readonly Document[], from: readonly Document[], name: string): readonly Document[] => [
    ...to.filter((item) => nameOf(item) !== name),
    ...from.filter((item) => nameOf(item) === name),
  ];
  const isNear = ({ object }: Document): boolean => (object.metadata.namespace ?? 'default') === desired.namespace;
  const config: Suspect = {
    kind: 'policy',
    text: CONFIG_TEXT,
    origin: null,
    isInBase: false,
    changes: [],
    swap: (source) => ({ ...source, config: base.config }),
    members: [],
  };
  return [
    ...differing(
      base.definitions,
      head.definitions,
      (item) => desired.definitions.has(nameOf(item)),
      'definition',
      (source, name) => ({ ...source, definitions: put(source.definitions, base.definitions, name) }),
    ),
    ...differing(base.policies, head.policies, isNear, 'policy', (source, name) => ({ ...source, policies: put(source.policies, base.policies, name) })),
    ...differing(base.workflows, head.workflows, isNear, 'workflow', (source, name) => ({ ...source, workflows: put(source.workflows, base.workflows, name) })),
    ...(equal([base.config.dialect, base.config.dialects], [head.config.dialect, head.config.dialects]) ? [] : [config]),
  ];
}

const bodyOf = ({ object }: Document): unknown => {
  const { metadata: _metadata, ...body } = object;
  return body;
};

/** No more than `max` of them: those that stand near each other in the document are put together, ever more loosely. */
function grouped(suspects: readonly Suspect[], max: number): readonly Suspect[] {
  if (suspects.length <= max) return suspects;
  // A trait or a patched component by itself, then a component, an environment or a policy, then a list of them.
  for (const depth of [9, 7, 5, 3, 2, 1]) {
    const groups = Map.groupBy(suspects, (suspect) =>
      suspect.swap === null ? suspect.changes.flatMap((change) => change.path.slice(0, depth)).join('/') : suspect.kind,
    );
    if (groups.size > max && depth > 1) continue;
    return [...groups.values()].map((members): Suspect => {
      const [first] = members;
      if (members.length === 1 && first !== undefined) return first;
      const changes = members.flatMap((item) => item.changes);
      return {
        kind: first?.kind ?? 'together',
        text: `${members.length} changes, among them ${first?.text ?? ''}`,
        origin: first?.origin ?? null,
        isInBase: first?.isInBase ?? false,
        changes,
        members,
        swap: members.every((item) => item.swap === null) ? null : (source) => members.reduce((all, { swap }) => (swap === null ? all : swap(all)), source),
      };
    });
  }
  return suspects;
}

// -------------------------------------------------------------------------------------------------------- causes

interface Found {
  readonly input: BlameInput;
  readonly after: Outcome;
  /** The head without each. */
  readonly effects: readonly Effect[];
  /** The base with each: only looked at where leaving out one does not tell. */
  readonly alone: Effect[];
  /** The answers of an application that changes alike, as places in `effects`: in place of outcomes. */
  readonly known?: (text: string, path: string) => readonly number[];
}

const isSame = (a: Outcome, b: Outcome): boolean => hashOf(Object.fromEntries(a)) === hashOf(Object.fromEntries(b));

/** Whether an object, or a field of it, is in `outcome` as it is in `other`. */
function agree(outcome: Outcome, other: Outcome, text: string, path: string): boolean {
  const [a, b] = [outcome.get(text), other.get(text)];
  if (path === '') return (a === undefined) === (b === undefined);
  return equal(valueAtPointer(a, path), valueAtPointer(b, path));
}

/** The suspects without which this is not as in the head; where there is none, those that alone make it so. */
function blamed({ effects, alone, after, known }: Found, text: string, path: string): readonly Suspect[] {
  if (known !== undefined) return known(text, path).flatMap((place) => effects[place]?.suspect ?? []);
  const needed = effects.filter(({ outcome }) => outcome !== null && !agree(outcome, after, text, path)).map(({ suspect }) => suspect);
  return needed.length > 0 ? needed : alone.filter(({ outcome }) => outcome !== null && agree(outcome, after, text, path)).map(({ suspect }) => suspect);
}

const isAnyLeft = (found: Found): boolean => differences(found.input.before, found.after).some(({ text, path }) => blamed(found, text, path).length === 0);

function causesOf(found: Found, text: string, path: string, value: Json | undefined): readonly Cause[] {
  const { input, effects } = found;
  const before = input.before.get(text);
  const after = found.after.get(text);
  // Items of lists by their names, for leaving something out may move them; what is gone has its place in the base.
  const named = path === '' ? '' : namedPointer(value === undefined && before !== undefined ? before : after, path);
  const suspects = blamed(found, text, named);
  if (suspects.length > 0)
    return suspects.slice(0, CAUSES_MAX).map((suspect) => ({
      kind: suspect.kind,
      text: suspect.text,
      origin: suspect.origin,
      isInBase: suspect.isInBase,
      computedBy: path === '' ? null : computedBy(input, after ?? before, suspect, value),
    }));
  if (effects.length < 2 || agree(input.before, found.after, text, named)) return [];
  return [
    {
      kind: 'together',
      text: `several changes together: ${effects
        .slice(0, CAUSES_MAX)
        .map(({ suspect }) => suspect.text)
        .join('; ')}`,
      origin: effects[0]?.suspect.origin ?? null,
      isInBase: effects[0]?.suspect.isInBase ?? false,
      computedBy: null,
    },
  ];
}

/** Causes of one field that are told. */
const CAUSES_MAX = 3;

/** Whether `value` stands in what was written. */
function holds(written: unknown, value: unknown): boolean {
  if (equal(written, value)) return true;
  if (Array.isArray(written)) return written.some((item) => holds(item, value));
  return isRecord(written) && Object.values(written).some((item) => holds(item, value));
}

/** The definition whose template made another value of what was written. */
function computedBy({ head, desired }: BlameInput, object: KubeObject | undefined, suspect: Suspect, value: Json | undefined): Cause['computedBy'] {
  const [change, second] = suspect.changes;
  if (
    change === undefined ||
    second !== undefined ||
    value === undefined ||
    change.isOrder ||
    change.to === undefined ||
    holds(change.to, value) ||
    holds(value, change.to)
  )
    return null;
  if (!['property', 'trait', 'patch', 'override'].includes(suspect.kind)) return null;
  const labels = object?.metadata.labels ?? {};
  const ofTrait = /^trait (\S+) of |: trait (\S+) of /.exec(suspect.text);
  const trait = ofTrait?.[1] ?? ofTrait?.[2] ?? (labels['trait.oam.dev/type'] === 'AuxiliaryWorkload' ? undefined : labels['trait.oam.dev/type']);
  const component = desired.componentSpecs.find((item) => item.name === labels['app.oam.dev/component']);
  const name = trait === undefined ? (component === undefined ? '' : `ComponentDefinition/${component.type}`) : `TraitDefinition/${trait}`;
  if (!desired.definitions.has(name)) return null;
  return { text: name.replace('/', ' '), origin: head.definitions.find((item) => nameOf(item) === name)?.origin ?? null };
}
