/**
 * A plan as a comment on a pull request: a table on top, the details folded below, bounded in size. Anybody may have
 * written what is in it, so everything that comes from a document stands in a code span, where neither Markdown, HTML,
 * mentions nor a host's own references mean anything.
 */
import { describeKey } from './model/object.ts';
import type { ApplicationComparison, Comparison, FieldDiff, Matrix, ObjectDiff, Side } from './plan/comparison.ts';
import {
  causeText,
  cellText,
  changeText,
  cloudText,
  countsOf,
  environmentText,
  environmentTitle,
  fieldName,
  groundText,
  nameOf,
  plain,
  revisionText,
  sidesOf,
  valueText,
  workflowText,
} from './print-plan.ts';
import { diagnosticText, sortDiagnostics } from './print.ts';

/** GitHub takes 65,536 characters in a comment; there has to be room for what somebody puts around it. */
export const MARKDOWN_MAX = 60_000;
const ROWS_MAX = 100;
const OBJECTS_MAX = 60;
const FIELDS_MAX = 15;
const FINDINGS_MAX = 20;
const VALUE_MAX = 120;
/** Characters of the table on top. */
const SUMMARY_MAX = 15_000;
/** With less room than this there are no more details. */
const DETAILS_MIN = 600;
/** One application takes no more than this, so that the others are told as well. */
const APPLICATION_MAX = 12_000;

/** Text in a code span: its fence is longer than any run of backticks in it. */
export function code(text: string): string {
  const safe = plain(text);
  if (safe === '') return '';
  const longest = Math.max(0, ...[...safe.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 && !/^ | $/.test(safe) ? `${fence}${safe}${fence}` : `${fence} ${safe} ${fence}`;
}

/** The same in a cell of a table. A bar ends it, and a backslash before the bar may be escaped itself: so there is none. */
const cell = (text: string): string => code(plain(text).replaceAll('|', '\\u007c'));

/** Our own words; whatever else is in a reason is somebody's. */
const words = (text: string): string => (/^[a-z ,]*$/.test(text) ? text : code(text));

/** The same within HTML, where Markdown is not read: in a `<summary>`. */
const htmlCode = (text: string): string =>
  `<code>${plain(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll('@', '&#64;')}</code>`;

/** The plan as Markdown, no longer than `sizeMax` characters; what was cut is said at the end. */
export function planMarkdown(comparison: Comparison, sizeMax: number = MARKDOWN_MAX): string {
  const { base, head, applications } = comparison;
  const title = `### Plan of ${code(revisionText(head))}${base === null ? ' against the clusters' : ` against ${code(revisionText(base))}`}`;
  const ground = groundText(comparison)
    .map(({ text, detail }) => `> ${text}${detail === '' ? '' : `: ${code(bounded(detail, 1_000))}`}`)
    .join('\n>\n');
  const top = [title, ground, applications.length === 0 ? 'Nothing would change.' : summary(comparison), findings(comparison)]
    .filter((part) => part !== '')
    .join('\n\n');
  const parts: string[] = [];
  // Room for the last line, which says what is missing.
  let left = sizeMax - top.length - 200;
  let cutCount = 0;
  for (const app of applications) {
    const text = left < DETAILS_MIN ? null : details(app, left - 2);
    if (text === null) cutCount += 1;
    else {
      left -= text.length + 2;
      parts.push(text);
    }
  }
  const end =
    cutCount === 0 ? [] : [`_Cut to ${sizeMax} characters: the details of ${cutCount} of ${applications.length} are not shown; \`lateen plan\` shows them._`];
  return `${[top, ...parts, ...end].join('\n\n')}\n`;
}

// ------------------------------------------------------------------------------------------------------------ summary

function summary(comparison: Comparison): string {
  const isBoth = comparison.base !== null && comparison.clusters.isLive;
  const rows: (readonly string[])[] = [];
  let [shownCount, size] = [0, 0];
  for (const app of comparison.applications.slice(0, ROWS_MAX)) {
    const own = sidesOf(app).map(([title, side], i) => row(app, isBoth ? title : '', side, i === 0));
    size += own.flat().join(' | ').length;
    if (size > SUMMARY_MAX) break;
    rows.push(...own);
    shownCount += 1;
  }
  const heads = ['', ...(isBoth ? ['compared'] : []), 'create', 'update', 'delete', 'kept', 'workflow', 'cloud'];
  const more = comparison.applications.length - shownCount;
  return [
    tableOf(
      heads,
      rows.map((cells) => (isBoth ? cells : cells.filter((_cell, i) => i !== 1))),
    ),
    ...(more > 0 ? [`and ${more} more`] : []),
    ...(comparison.unchangedCount > 0 ? [`${comparison.unchangedCount} stay as they are.`] : []),
  ].join('\n\n');
}

const number = (count: number): string => (count === 0 ? '' : `**${count}**`);

function row(app: ApplicationComparison, title: string, side: Side, isFirst: boolean): readonly string[] {
  const counts = countsOf([side]);
  const workflow = side.workflow.runs === 'all' ? 'runs' : side.workflow.runs === 'rest' ? 'goes on' : '';
  const cloud = [...new Set(side.cloud.map((item) => ({ make: 'makes', change: 'changes', destroy: '**destroys**', keep: 'keeps' })[item.action]))].join(', ');
  return [
    isFirst
      ? `${app.kind === 'documents' ? nameOf(app) : cell(nameOf(app))}${app.document === 'same' || app.kind === 'documents' ? '' : ` ${app.document}`}`
      : '',
    title,
    number(counts.create),
    number(counts.update),
    number(counts.delete),
    number(counts.refuse),
    workflow,
    cloud,
  ];
}

const tableOf = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

function findings({ findings: found, oldFindingsCount }: Comparison): string {
  const sorted = sortDiagnostics(found);
  const lines = sorted
    .slice(0, FINDINGS_MAX)
    .map((item) => `- ${item.severity === 'error' ? '❌' : '⚠️'} ${code(bounded(diagnosticText(item).replaceAll('\n', ' '), 600))}`);
  const more = sorted.length - FINDINGS_MAX;
  return [
    ...lines,
    ...(more > 0 ? [`- and ${more} more findings`] : []),
    ...(oldFindingsCount > 0 ? [`- findings that the base has as well: ${oldFindingsCount}`] : []),
  ].join('\n');
}

const bounded = (text: string, max: number): string => (text.length > max ? `${text.slice(0, max - 3)}...` : text);

// ------------------------------------------------------------------------------------------------------------ details

/** The details of one application; null where not even their beginning has room. */
function details(app: ApplicationComparison, sizeMax: number): string | null {
  const counts = countsOf(
    sidesOf(app)
      .slice(0, 1)
      .map(([, side]) => side),
  );
  const told = [
    [counts.create, 'to create'],
    [counts.update, 'to update'],
    [counts.delete, 'to delete'],
    [counts.refuse, 'kept or refused'],
  ]
    .filter(([count]) => count !== 0)
    .map(([count, what]) => `${count} ${what}`)
    .join(', ');
  const parts = [`<details><summary>${app.kind === 'documents' ? nameOf(app) : htmlCode(nameOf(app))}${told === '' ? '' : `: ${told}`}</summary>`];
  // What closes it, and the line that says that something is missing.
  let left = Math.min(sizeMax, APPLICATION_MAX) - (parts[0] ?? '').length - 100;
  if (left < 0) return null;
  for (const part of detailParts(app)) {
    left -= part.length + 2;
    if (left < 0) {
      parts.push('_The rest is cut._');
      break;
    }
    parts.push(part);
  }
  return [...parts, '</details>'].join('\n\n');
}

/** Made one by one, for most of a large plan is never shown. */
function* detailParts(app: ApplicationComparison): Generator<string> {
  const sides = sidesOf(app);
  if (app.origin !== null && app.origin.path !== '') yield `${app.kind} in ${code(`${app.origin.path}:${app.origin.line}`)}`;
  if (app.notes.length > 0) yield app.notes.map((note) => `- ${code(note)}`).join('\n');
  for (const [title, side] of sides) {
    if (sides.length > 1) yield `#### ${title}`;
    yield* sideParts(side);
  }
  if (app.matrix !== null) yield* matrixParts(app.matrix);
}

function* sideParts(side: Side): Generator<string> {
  const workflow = workflowText(side);
  if (workflow !== '') yield `▶ ${code(workflow)}`;
  const groups = Map.groupBy(side.objects.slice(0, OBJECTS_MAX), (object) => object.environment);
  const isSplit = [...groups.keys()].some((name) => name !== '');
  for (const [name, objects] of groups) {
    if (isSplit) yield name === '' ? `**${environmentTitle(name)}**` : `**environment** ${code(name)}`;
    for (const object of objects) yield objectText(object);
  }
  const more = side.objects.length - OBJECTS_MAX;
  if (more > 0) yield `and ${more} more objects`;
  for (const item of side.cloud) yield [`☁ ${code(cloudText(item))}`, ...item.resources.slice(0, 20).map((line) => `- ${code(bounded(line, 300))}`)].join('\n');
}

function objectText(object: ObjectDiff): string {
  const head = `- **${object.action}** ${code(describeKey(object.key))}${object.carrier === '' ? '' : ` in ManifestWork ${code(`${object.key.cluster}/${object.carrier}`)}`}${object.reason === '' ? '' : `: ${words(bounded(object.reason, 300))}`}`;
  const fields = object.fields
    .slice(0, FIELDS_MAX)
    .flatMap((field) => [`  - ${fieldText(field)}`, ...field.causes.map((cause) => `    - by ${code(bounded(causeText(cause), 300))}`)]);
  return [
    head,
    ...object.causes.map((cause) => `  - by ${code(bounded(causeText(cause), 300))}`),
    ...fields,
    ...(object.fields.length > FIELDS_MAX ? [`  - and ${object.fields.length - FIELDS_MAX} more fields`] : []),
  ].join('\n');
}

function fieldText(field: FieldDiff): string {
  const change = changeText(field, VALUE_MAX);
  if (change === null) return `${code(bounded(field.path, 300))} differs`;
  return `${code(bounded(field.path, 300))}${change.where === '' ? '' : ` ${change.where}`}: ${code(change.from)} → ${code(change.to)}`;
}

function* matrixParts(matrix: Matrix): Generator<string> {
  const rows = matrix.rows
    .slice(0, ROWS_MAX / 2)
    .map((item) => [cell(bounded(fieldName(item), 200)), ...item.cells.map((value) => cell(cellText(value, item.isSecret, 60)))]);
  if (rows.length > 0) {
    yield '**environments side by side**';
    yield tableOf(['field', ...matrix.environments.map((item) => cell(environmentText(item)))], rows);
    if (matrix.rows.length > rows.length) yield `and ${matrix.rows.length - rows.length} more fields`;
  }
  for (const { left, right, fields } of matrix.neighbours) {
    const lines = fields
      .slice(0, FIELDS_MAX)
      .map(
        (field) =>
          `- ${code(bounded(fieldName(field), 200))}${field.isSecret ? ' differs' : field.path === '' ? ` only in ${code(field.left === undefined ? right : left)}` : `: ${code(valueText(field.left, VALUE_MAX))} | ${code(valueText(field.right, VALUE_MAX))}`}`,
      );
    yield [
      `${code(right)} against ${code(left)}:${fields.length === 0 ? ' the same' : '\n'}`,
      ...lines,
      ...(fields.length > FIELDS_MAX ? [`- and ${fields.length - FIELDS_MAX} more`] : []),
    ].join('\n');
  }
}
