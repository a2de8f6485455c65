/**
 * A plan for a terminal, and as data. Pure: what is printed was made safe before (plan/redacted.ts); here only what a
 * terminal would obey is taken out. The form for a comment is print-plan-markdown.ts.
 */
import { stringify } from './lib/json.ts';
import type { Origin } from './model/fault.ts';
import { describeKey, LOCAL, type Json } from './model/object.ts';
import type { Action } from './model/plan.ts';
import type { ApplicationComparison, Cause, CloudDiff, Comparison, FieldDiff, Matrix, ObjectDiff, Side, StepPlan } from './plan/comparison.ts';
import { diagnosticText, sortDiagnostics, table } from './print.ts';

const SIGN: Readonly<Record<Action, string>> = { create: '+', update: '~', adopt: '~', delete: '-', refuse: '!', keep: ' ' };
const FIELDS_MAX = 20;
const VALUE_MAX = 80;

// ---------------------------------------------------------------------------------------------- words that both forms use

/** Nothing in it moves a cursor, hides a letter or turns a line around: such characters are written out. */
export function plain(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(
    /[\0-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const cut = (text: string, max: number): string => (text.length > max ? `${text.slice(0, max - 3)}...` : text);

/** One value on one line; `(absent)` where there is none. */
export function valueText(value: Json | undefined, max = VALUE_MAX): string {
  return value === undefined ? '(absent)' : cut(plain(cut(stringify(value), 4 * max)), max);
}

/** From what to what. Of a text of several lines the first that differs. */
export function changeText(
  { from, to, isSecret }: Pick<FieldDiff, 'from' | 'to' | 'isSecret'>,
  max = VALUE_MAX,
): { readonly from: string; readonly to: string; readonly where: string } | null {
  if (isSecret) return null;
  if (typeof from === 'string' && typeof to === 'string' && (from.includes('\n') || to.includes('\n'))) {
    const [before, after] = [from.split('\n'), to.split('\n')];
    const line = after.findIndex((text, i) => text !== before[i]);
    const at = line < 0 ? after.length : line;
    return { from: valueText(before[at], max), to: valueText(after[at], max), where: `line ${at + 1} of ${Math.max(before.length, after.length)}` };
  }
  return { from: valueText(from, max), to: valueText(to, max), where: '' };
}

const originText = (origin: Origin | null, isInBase = false): string =>
  origin === null || origin.path === '' ? '' : `${origin.path}:${origin.line}${isInBase ? ' of the base' : ''}`;

/** What set it, with its line. */
export function causeText({ text, origin, isInBase, computedBy }: Cause): string {
  const at = originText(origin, isInBase);
  const by = computedBy === null ? '' : `, computed by ${computedBy.text}${originText(computedBy.origin) === '' ? '' : ` (${originText(computedBy.origin)})`}`;
  return plain(`${text}${at === '' ? '' : ` (${at})`}${by}`);
}

export interface Counts {
  readonly create: number;
  readonly update: number;
  readonly delete: number;
  readonly refuse: number;
  readonly unchanged: number;
}

/** How many objects of these sides would be what. */
export function countsOf(sides: readonly Side[]): Counts {
  const objects = sides.flatMap((side) => side.objects);
  const count = (...actions: readonly Action[]): number => objects.filter((object) => actions.includes(object.action)).length;
  return {
    create: count('create'),
    update: count('update', 'adopt'),
    delete: count('delete'),
    refuse: count('refuse'),
    unchanged: count('keep') + sides.reduce((sum, side) => sum + side.unchangedCount + side.relabelledCount, 0),
  };
}

/** `default/shop`, or what the repository's own documents are called. */
export const nameOf = ({ namespace, name }: Pick<ApplicationComparison, 'namespace' | 'name'>): string =>
  name === '' ? 'documents of the repository' : plain(`${namespace}/${name}`);

/** The steps that would run, and why. */
export function workflowText({ workflow }: Side): string {
  if (workflow.runs === 'none') return '';
  const names = (steps: readonly StepPlan[]): readonly string[] =>
    steps.filter((step) => step.runs).map((step) => (step.subSteps.length === 0 ? step.name : `${step.name} (${names(step.subSteps).join(', ')})`));
  return plain(
    `${workflow.runs === 'all' ? 'its workflow runs' : 'its workflow goes on'}${names(workflow.steps).length === 0 ? '' : `: ${names(workflow.steps).join(', ')}`}; ${workflow.reason}`,
  );
}

const CLOUD: Readonly<Record<CloudDiff['action'], string>> = {
  make: 'makes in the cloud',
  change: 'changes in the cloud',
  destroy: 'destroys in the cloud',
  keep: 'keeps in the cloud',
};

export const cloudText = ({ key, action }: CloudDiff): string => plain(`${describeKey(key)} ${CLOUD[action]}`);

/** `1b2c3d4e5f (main)`. */
export const revisionText = ({ sha, branch }: { readonly sha: string; readonly branch: string }): string =>
  plain(`${sha.slice(0, 10)}${branch === '' || branch === sha ? '' : ` (${branch})`}`);

/** What the reader has to know of how it was made; `detail` are others' words. */
export function groundText({ clusters, base, revertOf }: Comparison): readonly { readonly text: string; readonly detail: string }[] {
  return [
    ...(clusters.isLive || base === null ? [] : [{ text: 'The clusters were not asked', detail: clusters.message }]),
    ...(clusters.unresolved.length === 0 ? [] : [{ text: 'Each of these stands for the clusters that it fits', detail: clusters.unresolved.join(' ') }]),
    ...(revertOf === '' ? [] : [{ text: 'What it changes is again as it was at an earlier commit', detail: revertOf.slice(0, 10) }]),
  ];
}

/** The two ways of looking, by their titles. */
export const sidesOf = (app: ApplicationComparison): readonly (readonly [string, Side])[] => [
  ...(app.desired === null ? [] : [['commit against commit', app.desired] as const]),
  ...(app.live === null ? [] : [['commit against clusters', app.live] as const]),
];

// ------------------------------------------------------------------------------------------------------------ terminal

/** The plan for a terminal: object by object with its reason, field by field with what set it; what stays is counted. */
export function planText(comparison: Comparison): string {
  const { base, head, applications } = comparison;
  const lines = [
    ...(base === null ? [] : [`Plan of ${revisionText(head)} against ${revisionText(base)}.`]),
    ...groundText(comparison).map(({ text, detail }) => `${text}${detail === '' ? '' : `: ${plain(detail)}`}.`),
  ];
  for (const app of applications) lines.push(...(lines.length === 0 ? [] : ['']), ...applicationLines(app));
  if (applications.length === 0) lines.push(...(lines.length === 0 ? [] : ['']), base === null ? 'No changes: the hub is as the commit asks.' : 'No changes.');
  else {
    for (const isLive of [false, true]) {
      const sides = applications.map((app) => (isLive ? app.live : app.desired)).filter((side) => side !== null);
      if (sides.length === 0) continue;
      const counts = countsOf(sides);
      const against = base === null || !comparison.clusters.isLive ? '' : isLive ? 'Against the clusters: ' : 'Against the base: ';
      lines.push(
        '',
        `${against}${counts.create} to create, ${counts.update} to update, ${counts.delete} to delete, ${counts.refuse} refused, ${counts.unchanged} unchanged.`,
      );
    }
  }
  if (comparison.findings.length > 0)
    lines.push('', ...sortDiagnostics(comparison.findings).map((item) => diagnosticText(item).split('\n').map(plain).join('\n')));
  if (comparison.oldFindingsCount > 0) lines.push('', `Findings that the base has as well: ${comparison.oldFindingsCount}.`);
  return `${lines.join('\n')}\n`;
}

function applicationLines(app: ApplicationComparison): readonly string[] {
  const [first, second] = sidesOf(app);
  const only = first !== undefined && second === undefined ? first[1] : null;
  const word = app.document === 'same' || app.kind === 'documents' ? '' : `, ${app.document}`;
  const title = `${app.kind === 'Initializer' ? 'Initializer ' : ''}${nameOf(app)}${app.origin === null ? word : ` (${plain(originText(app.origin))}${word})`}`;
  const steps = only === null ? '' : workflowText(only);
  return [
    `${title}${steps === '' ? '' : ` (${steps})`}`,
    ...app.notes.map((note) => `  note: ${plain(note)}`),
    ...(only === null
      ? sidesOf(app).flatMap(([name, side]) => [
          `  ${name}${workflowText(side) === '' ? '' : ` (${workflowText(side)})`}`,
          ...sideLines(side).map((line) => `  ${line}`),
        ])
      : sideLines(only)),
    ...(app.matrix === null ? [] : matrixLines(app.matrix)),
  ];
}

function sideLines(side: Side): readonly string[] {
  const stays = [
    ...(side.unchangedCount === 0 ? [] : [`    ${side.unchangedCount} unchanged`]),
    ...(side.relabelledCount === 0 ? [] : [`    ${side.relabelledCount} unchanged but for the labels of the revision`]),
  ];
  const groups = Map.groupBy(side.objects, (object) => object.environment);
  const isSplit = [...groups.keys()].some((name) => name !== '');
  const lines = [...groups].flatMap(([name, objects]) => [
    ...(isSplit ? [`  ${environmentTitle(name)}`] : []),
    ...objects.flatMap(objectLines).map((line) => (isSplit ? `  ${line}` : line)),
  ]);
  return [...lines, ...side.cloud.flatMap((item) => [`  ${cloudText(item)}`, ...item.resources.map((line) => `      ${plain(line)}`)]), ...stays];
}

/** The heading above an environment's objects. */
export const environmentTitle = (name: string): string => (name === '' ? 'outside of the environments' : `environment ${plain(name)}`);

function objectLines(object: ObjectDiff): readonly string[] {
  const head = `  ${SIGN[object.action]} ${object.action} ${plain(describeKey(object.key))}${object.carrier === '' ? '' : ` in ManifestWork ${plain(`${object.key.cluster}/${object.carrier}`)}`}: ${plain(object.reason)}`;
  const fields = object.fields.slice(0, FIELDS_MAX).flatMap((field) => {
    const change = changeText(field);
    const at = change === null || change.where === '' ? '' : ` ${change.where}`;
    return [
      `      ${plain(field.path)}${change === null ? ' differs' : `${at}: ${change.from} -> ${change.to}`}`,
      ...field.causes.map((cause) => `          by ${causeText(cause)}`),
    ];
  });
  return [
    head,
    ...object.causes.map((cause) => `      by ${causeText(cause)}`),
    ...fields,
    ...(object.fields.length > FIELDS_MAX ? [`      and ${object.fields.length - FIELDS_MAX} more`] : []),
  ];
}

const CELL_MAX = 36;

/** A cell of the table: what it is, or from what to what. */
export function cellText({ from, to, isChanged }: Matrix['rows'][number]['cells'][number], isSecret: boolean, max = CELL_MAX): string {
  if (isSecret) return isChanged ? 'differs' : 'same';
  return isChanged ? `${valueText(from, max)} -> ${valueText(to, max)}` : valueText(to ?? from, max);
}

/** `Deployment web /spec/replicas`; the object alone where it is the whole of it. */
export const fieldName = ({ object, path }: { readonly object: string; readonly path: string }): string => plain(path === '' ? object : `${object} ${path}`);

/** How an environment's column is headed. */
export const environmentText = ({ name, clusters, state }: Matrix['environments'][number]): string =>
  plain(
    `${name}${clusters.length === 0 || (clusters.length === 1 && clusters[0] === LOCAL) ? '' : ` on ${clusters.join(' ')}`}${state === 'same' ? '' : ` (${state})`}`,
  );

function matrixLines(matrix: Matrix): readonly string[] {
  const indented = (text: string): readonly string[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => `    ${line}`);
  const rows = matrix.rows.map((row) => [fieldName(row), ...row.cells.map((cell) => cellText(cell, row.isSecret))]);
  const neighbours = matrix.neighbours.flatMap(({ left, right, fields }) => [
    `  ${plain(right)} against ${plain(left)}: ${fields.length === 0 ? 'the same' : `${fields.length} ${fields.length === 1 ? 'field differs' : 'fields differ'}`}`,
    ...fields
      .slice(0, FIELDS_MAX)
      .map(
        (field) =>
          `      ${fieldName(field)}${field.isSecret ? ' differs' : field.path === '' ? ` only in ${plain(field.left === undefined ? right : left)}` : `: ${valueText(field.left)} | ${valueText(field.right)}`}`,
      ),
    ...(fields.length > FIELDS_MAX ? [`      and ${fields.length - FIELDS_MAX} more`] : []),
  ]);
  return [
    ...(rows.length === 0 ? [] : ['  environments side by side', ...indented(table(['FIELD', ...matrix.environments.map(environmentText)], rows))]),
    ...neighbours,
  ];
}

// ---------------------------------------------------------------------------------------------------------------- data

/**
 * The plan as data: `lateen plan -o json`, stable from now on; fields may be added.
 *
 *     apiVersion: lateen.dev/v1alpha1, kind: Plan
 *     base, head: {sha, branch, author, subject}      base is null without --base
 *     revertOf: earlier commit that had what the head changes as the head has it, or ""
 *     changes: true when the exit code is 1 for it
 *     clusters: {isLive, unresolved: [names that stand for selectors], message: why nobody was asked, or ""}
 *     applications: of those that would not stay as they are; the repository's own documents have the name ""
 *       namespace, name, kind: Application | Initializer | documents, origin: {path, line, column} | null
 *       document: new | changed | gone | same | broken
 *       desired (commit against commit), live (commit against clusters): null where not looked at, else
 *         objects: action: create | update | adopt | delete | keep | refuse, cluster, apiVersion, kind, namespace, name,
 *                  environment, component, trait, carrier (a ManifestWork's name), reason, code | null, causes,
 *                  fields: path (JSON pointer), from?, to?, isSecret, causes
 *                  causes: kind, text, origin | null, isInBase, computedBy: {text, origin} | null
 *         unchangedCount, relabelledCount
 *         workflow: runs: all | rest | none, reason, steps: name, type, runs, phase, subSteps
 *         cloud: action: make | change | destroy | keep, the object, resources: [lines]
 *       matrix: null, or environments, rows: object, path, isSecret, cells: from?, to?, isChanged; neighbours: left,
 *               right, fields; touchesPatch
 *       notes: [lines]
 *     unchangedCount: applications that stay as they are
 *     diagnostics: findings of the head that the base does not have; oldFindingsCount: those that it has
 *
 * Of a Secret's data there are only paths (`isSecret`), never values or lengths (I9). The same commits and clusters give
 * the same bytes (I8).
 */
export function planData(comparison: Comparison, hasChanges: boolean): unknown {
  const object = ({ key, action, ...rest }: ObjectDiff): unknown => ({ action, ...key, ...rest });
  const side = (found: Side | null): unknown =>
    found === null ? null : { ...found, objects: found.objects.map(object), cloud: found.cloud.map(({ key, ...rest }) => ({ ...rest, ...key })) };
  const { base, head, revertOf, clusters, applications, unchangedCount, findings, oldFindingsCount } = comparison;
  return {
    apiVersion: 'lateen.dev/v1alpha1',
    kind: 'Plan',
    base,
    head,
    revertOf,
    changes: hasChanges,
    clusters,
    applications: applications.map((app) => ({ ...app, desired: side(app.desired), live: side(app.live) })),
    unchangedCount,
    diagnostics: sortDiagnostics(findings),
    oldFindingsCount,
  };
}
