/** Puts together what a plan says of each application: decisions, causes, environments, steps, clouds. Pure and byte-stable (I8). */
import { equal, pathOf } from '../lib/json.ts';
import { DEFAULT_NAMESPACE, INITIALIZER_ANNOTATION, type Broken, type Catalog, type Document } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import { groupOf, keyText, type KubeObject } from '../model/object.ts';
import type { ApplicationPlan, Change, DesiredApplication, Plan } from '../model/plan.ts';
import type { ApplicationRecord } from '../model/ports.ts';
import type { ApprovedStep } from './approved-steps.ts';
import type { Blame } from './blame.ts';
import type { ApplicationComparison, Cause, CloudDiff, Comparison, FieldDiff, Matrix, ObjectDiff, Side, StepPlan } from './comparison.ts';
import type { EnvironmentView } from './environments.ts';
import { objectDiffs } from './object-diffs.ts';
import { isKnownRevision, NO_WORKFLOW, workflowPlan } from './workflow-plan.ts';

/** One way to look at a commit: against another, or against the clusters. */
export interface SideInput {
  readonly plan: Plan;
  readonly records: ReadonlyMap<string, ApplicationRecord>;
  /** What the deletion budget holds back, by keyText. */
  readonly heldBack: ReadonlySet<string>;
  /** The live objects are another commit's. */
  readonly isSimulated: boolean;
}

/** What is known of one application. */
export interface Facts {
  readonly base: DesiredApplication | null;
  readonly head: DesiredApplication | null;
  readonly baseEnvironments: readonly EnvironmentView[];
  readonly headEnvironments: readonly EnvironmentView[];
  /** Null where nothing was to be found out. */
  readonly blame: Blame | null;
  readonly matrix: Matrix | null;
  /** Its steps that wait for nobody, for they are approved already. */
  readonly approved: readonly ApprovedStep[];
}

export interface CompareInput {
  readonly base: Catalog | null;
  readonly head: Catalog;
  readonly desired: SideInput | null;
  readonly live: SideInput | null;
  /** By `namespace/name`; the repository's own documents have none. */
  readonly facts: ReadonlyMap<string, Facts>;
  /** The earlier commit to which the head goes back; "" for none. */
  readonly revertOf: string;
  /** What a Configuration would have made in a cloud, a line for each resource. */
  readonly cloudPlan: (object: KubeObject) => readonly string[];
}

const NO_FACTS: Facts = { base: null, head: null, baseEnvironments: [], headEnvironments: [], blame: null, matrix: null, approved: [] };

/** Every application that would not stay as it is; the repository's own documents come first. */
export function compareApplications(input: CompareInput): Pick<Comparison, 'applications' | 'unchangedCount'> {
  const parts = (side: SideInput | null): ReadonlyMap<string, ApplicationPlan> =>
    new Map((side?.plan.applications ?? []).map((part) => [`${part.namespace}/${part.name}`, part]));
  const [desired, live] = [parts(input.desired), parts(input.live)];
  const names = [...new Set([...desired.keys(), ...live.keys(), ...brokenNames(input)])].sort();
  const documents = documentsOf(input);
  const all = names.map((name) => applicationOf(input, name, desired.get(name), live.get(name)));
  const told = all.filter(isTold);
  return { applications: [...(isTold(documents) ? [documents] : []), ...told], unchangedCount: all.length - told.length };
}

/** Those of which nobody can say what would become of their objects: broken in the head, or broken in the base and gone. */
function brokenNames({ base, head, facts, live }: CompareInput): readonly string[] {
  const named = (catalog: Catalog | null): readonly string[] => (catalog?.broken ?? []).filter(isApplication).map(nameOfBroken);
  const [before, after] = [new Set(named(base)), new Set(named(head))];
  const present = new Set(head.applications.map(({ object }) => `${object.metadata.namespace ?? DEFAULT_NAMESPACE}/${object.metadata.name ?? ''}`));
  const known = (name: string): boolean => (base === null ? live?.records.has(name) === true : !before.has(name));
  const unreadable = [...before, ...[...facts].filter(([, { base: was }]) => was !== null && was.fault !== null).map(([name]) => name)];
  return [...[...after].filter(known), ...unreadable.filter((name) => !present.has(name) && !after.has(name))];
}

const isApplication = (item: Broken): boolean => ['Application', 'Initializer', ''].includes(item.kind);
const nameOfBroken = (item: Broken): string => `${item.namespace || DEFAULT_NAMESPACE}/${item.name}`;

const sidesOf = (app: ApplicationComparison): readonly Side[] => [app.desired, app.live].filter((side) => side !== null);

const isTold = (app: ApplicationComparison): boolean =>
  app.document === 'broken' || app.document === 'gone' || sidesOf(app).some((side) => side.objects.length > 0 || side.workflow.runs === 'all');

/** Whether anything would be written, or a workflow would begin again. */
export function hasChanges(comparison: Comparison): boolean {
  return comparison.applications.flatMap(sidesOf).some((side) => side.workflow.runs === 'all' || side.objects.some((object) => object.action !== 'keep'));
}

// ------------------------------------------------------------------------------------------------- one application

function applicationOf(input: CompareInput, name: string, desired: ApplicationPlan | undefined, live: ApplicationPlan | undefined): ApplicationComparison {
  const facts = input.facts.get(name) ?? NO_FACTS;
  const [namespace, own] = [name.slice(0, name.indexOf('/')), name.slice(name.indexOf('/') + 1)];
  const side = (part: ApplicationPlan | undefined, whole: SideInput | null): Side | null =>
    part === undefined || whole === null ? null : sideOf(part, whole, facts, input.cloudPlan);
  const record = (input.live ?? input.desired)?.records.get(name);
  const isInitializer =
    [facts.head?.object, facts.base?.object, record?.application].some((object) => object?.metadata.annotations?.[INITIALIZER_ANNOTATION] !== undefined) ||
    [input.head, input.base].some((catalog) => brokenOf(catalog, name)?.kind === 'Initializer');
  const document = documentState(input, facts, name, record);
  const found: ApplicationComparison = {
    namespace,
    name: own,
    kind: isInitializer ? 'Initializer' : 'Application',
    origin: facts.head?.document.origin ?? brokenOf(input.head, name)?.origin ?? null,
    document,
    desired: side(desired, input.desired),
    live: side(live, input.live),
    matrix: facts.matrix,
    notes: [],
  };
  return { ...found, notes: notesOf(input, found, facts, record) };
}

const brokenOf = (catalog: Catalog | null, name: string): Broken | undefined =>
  catalog?.broken.find((item) => isApplication(item) && nameOfBroken(item) === name);

function documentState(input: CompareInput, facts: Facts, name: string, record: ApplicationRecord | undefined): ApplicationComparison['document'] {
  if (facts.head === null) return brokenOf(input.head, name) === undefined ? 'gone' : 'broken';
  if (facts.head.fault !== null) return 'broken';
  if (input.base !== null)
    return facts.base === null && brokenOf(input.base, name) === undefined
      ? 'new'
      : facts.base?.revision.hash === facts.head.revision.hash
        ? 'same'
        : 'changed';
  const status = record?.application?.['status'] as { readonly latestRevision?: { readonly revisionHash?: string } } | undefined;
  if ((record?.application ?? null) === null) return 'new';
  return status?.latestRevision?.revisionHash === facts.head.revision.hash ? 'same' : 'changed';
}

function sideOf(part: ApplicationPlan, side: SideInput, facts: Facts, cloudPlan: CompareInput['cloudPlan']): Side {
  const views = [...facts.headEnvironments, ...facts.baseEnvironments];
  const environments = new Map(views.toReversed().flatMap((view) => [...view.keys].map((key) => [key, view.name] as const)));
  const changes = part.changes.map((change) => withBudget(change, side.heldBack));
  const { objects, ...counts } = objectDiffs(changes, { isSimulated: side.isSimulated, environments, order: [...new Set(views.map((view) => view.name))] });
  const record = side.records.get(`${part.namespace}/${part.name}`);
  const isInitializer = facts.head?.object.metadata.annotations?.[INITIALIZER_ANNOTATION] !== undefined;
  return {
    objects: objects.map((object) => withCauses(object, facts.blame)),
    ...counts,
    workflow: facts.head === null ? NO_WORKFLOW : workflowPlan(facts.head, record, isInitializer),
    cloud: cloudDiffs(changes, cloudPlan),
  };
}

function withBudget(change: Change, heldBack: ReadonlySet<string>): Change {
  if (change.action !== 'delete' || !heldBack.has(keyText(change.key))) return change;
  const fault = new Fault('plan/budget', 'held back: more would be deleted at once than the deletion budget allows');
  return { ...change, action: 'refuse', reason: fault.message, fault };
}

/** Only what the commit changes has a cause in the commit: drift is somebody else's doing. */
function withCauses(object: ObjectDiff, blame: Blame | null): ObjectDiff {
  if (blame === null || object.reason === 'drift' || object.action === 'keep' || object.action === 'refuse') return object;
  const text = keyText(object.key);
  return {
    ...object,
    causes: object.action === 'create' || object.action === 'delete' ? blame.ofObject(text) : [],
    fields: object.fields.map((field) => ({ ...field, causes: blame.ofField(text, field) })),
  };
}

/** Terraform Configurations are what clouds are asked for with. */
function cloudDiffs(changes: readonly Change[], cloudPlan: CompareInput['cloudPlan']): readonly CloudDiff[] {
  return changes
    .filter(({ key }) => key.kind === 'Configuration' && groupOf(key.apiVersion) === 'terraform.core.oam.dev')
    .flatMap((change): readonly CloudDiff[] => {
      const { key, wanted, live } = change;
      const tell = (action: CloudDiff['action'], object: KubeObject | null | undefined): readonly CloudDiff[] =>
        object === null || object === undefined ? [] : [{ key, action, resources: cloudPlan(object) }];
      if (change.action === 'create') return tell('make', wanted?.object);
      if (change.action === 'delete') return tell('destroy', live);
      if (change.action === 'refuse') return wanted === null ? tell('keep', live) : [];
      return change.action === 'keep' || wanted === null || live === null || equal(wanted.object['spec'], live['spec']) ? [] : tell('change', wanted.object);
    });
}

// ----------------------------------------------------------------------------------------- the repository's documents

function documentsOf(input: CompareInput): ApplicationComparison {
  const written = { base: documentsIn(input.base), head: documentsIn(input.head) };
  const side = (whole: SideInput | null): Side | null => {
    if (whole === null) return null;
    const found = sideOf(whole.plan.objects, whole, NO_FACTS, input.cloudPlan);
    return { ...found, workflow: { runs: 'none', reason: '', steps: [] }, objects: found.objects.map((object) => documentCauses(object, written)) };
  };
  const [desired, live] = [side(input.desired), side(input.live)];
  return {
    namespace: '',
    name: '',
    kind: 'documents',
    origin: null,
    document: (desired ?? live)?.objects.length === 0 ? 'same' : 'changed',
    desired,
    live,
    matrix: null,
    notes: [],
  };
}

type Documents = ReadonlyMap<string, readonly Document[]>;

const wordOf = (kind: string, apiVersion: string, name: string): string => `${groupOf(apiVersion)}/${kind}/${name}`;

/** A catalog's documents by group, kind and name: there may be thousands, and each is looked for. */
const documentsIn = (catalog: Catalog | null): Documents =>
  Map.groupBy(catalog === null ? [] : [...catalog.definitions, ...catalog.policies, ...catalog.workflows, ...catalog.objects], ({ object }) =>
    wordOf(object.kind, object.apiVersion, object.metadata.name ?? ''),
  );

function find(documents: Documents, { key }: ObjectDiff): Document | undefined {
  return documents
    .get(wordOf(key.kind, key.apiVersion, key.name))
    ?.find(({ object }) => key.namespace === '' || (object.metadata.namespace ?? DEFAULT_NAMESPACE) === key.namespace);
}

/** A document is what sets its own fields. */
function documentCauses(object: ObjectDiff, { base, head }: { readonly base: Documents; readonly head: Documents }): ObjectDiff {
  if (object.reason === 'drift' || object.action === 'keep' || object.action === 'refuse') return object;
  const cause = (from: Document | undefined, isInBase: boolean, path: readonly (string | number)[] | null): readonly Cause[] =>
    from === undefined ? [] : [{ kind: 'document', text: 'its document', origin: path === null ? from.origin : from.locate(path), isInBase, computedBy: null }];
  const [before, after] = [find(base, object), find(head, object)];
  const numbered = (pointer: string): readonly (string | number)[] => pathOf(pointer).map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  const field = (item: FieldDiff): readonly Cause[] => {
    const isGone = item.to === undefined && !item.isSecret && before !== undefined;
    return cause(isGone ? before : after, isGone, numbered(item.path));
  };
  return {
    ...object,
    causes: object.action === 'delete' ? cause(before, true, null) : object.action === 'create' ? cause(after, false, null) : [],
    fields: object.fields.map((item) => ({ ...item, causes: field(item) })),
  };
}

// ----------------------------------------------------------------------------------------------------------- notes

const stepsThatRun = (steps: readonly StepPlan[]): readonly string[] =>
  steps.flatMap((step) => [...(step.runs ? [step.name] : []), ...stepsThatRun(step.subSteps)]);

function notesOf(input: CompareInput, app: ApplicationComparison, facts: Facts, record: ApplicationRecord | undefined): readonly string[] {
  const { head, base, blame } = facts;
  const notes: string[] = [];
  const runs = sidesOf(app).some((side) => side.workflow.runs === 'all');
  if (head !== null && head.fault !== null)
    notes.push(`it cannot be rendered (${head.fault.code}: ${head.fault.message}): everything that it owns stays as it is`);
  else if (app.document === 'broken') notes.push('its document cannot be used: everything that it owns stays as it is');
  const isLost = (base !== null && base.fault !== null) || (app.document === 'gone' && brokenOf(input.base, `${app.namespace}/${app.name}`) !== undefined);
  if (isLost)
    notes.push(`the base cannot be ${base === null ? 'read' : 'rendered'}: what it had is not known${head === null ? '' : ', so everything looks new'}`);
  if (app.document === 'gone' && app.kind === 'Initializer')
    notes.push(
      'an Initializer that is gone from Git needs an Approval with action `delete`: until then all that it made is kept, what it made in a cloud as well',
    );
  const isBack = head !== null && runs && app.document === 'changed' && (input.revertOf !== '' || (input.live !== null && isKnownRevision(head, record)));
  if (isBack) {
    const what =
      app.kind === 'Initializer' ? 'what exists in a cloud is found again and not made twice' : 'what steps have done outside of the clusters is not undone';
    notes.push(
      `it goes back to what it was${input.revertOf === '' ? ` as ${head.revision.name}` : ` at ${input.revertOf.slice(0, 10)}`}: its steps run again from the first, and ${what}`,
    );
  }
  const running = new Set(sidesOf(app).flatMap((side) => stepsThatRun(side.workflow.steps)));
  for (const { step, path, expires } of facts.approved.filter((item) => running.has(item.step)))
    notes.push(`step ${step} does not wait: it is approved by ${path}${expires === '' ? '' : ` until ${expires}`}`);
  if (input.revertOf !== '' && app.document === 'gone' && app.kind === 'Application')
    notes.push('it came after the commit that the head goes back to: what its steps have done outside of the clusters is not undone');
  if (blame !== null && blame.note !== '') notes.push(blame.note);
  return notes;
}
