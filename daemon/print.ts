/** Text for people: diagnostics, plans, tables. Pure: strings in, strings out. */
import { stringify } from './lib/json.ts';
import { printYaml } from './lib/yaml.ts';
import { CODES, type Code, type Diagnostic } from './model/fault.ts';
import { describeKey, type Json } from './model/object.ts';
import type { ApplicationPlan, Change, Plan } from './model/plan.ts';

export type Output = 'text' | 'json' | 'yaml';

/** Any value in the form that was asked for; `text` makes the text form. */
export function inForm(value: unknown, output: Output, text: () => string): string {
  if (output === 'json') return `${stringify(value, 2)}\n`;
  return output === 'yaml' ? printYaml(value, 'as-is') : text();
}

/** `path:line:column: code: message`, the hint on a line of its own. */
export function diagnosticText(item: Diagnostic): string {
  const at = item.origin === undefined ? '' : `${item.origin.path}:${item.origin.line}:${item.origin.column}: `;
  return `${at}${item.severity === 'warning' ? 'warning: ' : ''}${item.code}: ${item.message}${item.hint === undefined ? '' : `\n    ${item.hint}`}`;
}

/** Sorted as a person reads a repository: by file, line, column; what has no place comes last. */
export function sortDiagnostics(list: readonly Diagnostic[]): readonly Diagnostic[] {
  const key = (item: Diagnostic): string => (item.origin === undefined ? '\uffff' : `${item.origin.path}\0${String(item.origin.line).padStart(8, '0')}\0${String(item.origin.column).padStart(6, '0')}`);
  const unique = new Map(list.map((item) => [`${key(item)} ${item.code} ${item.message}`, item]));
  return [...unique].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, item]) => item);
}

/** Columns as kubectl pads them: upper-case heads, three spaces. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]): string => cells.map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd((widths[i] ?? 0) + 3))).join('').trimEnd();
  return `${[line(heads), ...rows.map(line)].join('\n')}\n`;
}

const SIGN: Readonly<Record<Change['action'], string>> = { create: '+', update: '~', adopt: '~', delete: '-', refuse: '!', keep: ' ' };

const valueText = (value: Json | undefined): string => {
  const text = value === undefined ? '(absent)' : stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};

function changeText(change: Change): string {
  const head = `  ${SIGN[change.action]} ${change.action} ${describeKey(change.key)}: ${change.reason}`;
  if (change.action === 'create' || change.action === 'delete') return head;
  return [head, ...change.fields.slice(0, 20).map((field) => `      ${field.path}${field.from === undefined && field.to === undefined ? ' differs' : `: ${valueText(field.from)} -> ${valueText(field.to)}`}`), ...(change.fields.length > 20 ? [`      and ${change.fields.length - 20} more`] : [])].join('\n');
}

/** Whether anything would be written. */
export function hasChanges(plan: Plan): boolean {
  return [...plan.applications, plan.objects].some((part) => part.restartsWorkflow || part.changes.some((change) => change.action !== 'keep'));
}

/** The plan for a terminal: what would change, object by object, with the reason; what stays is only counted. */
export function planText(plan: Plan): string {
  const part = (title: string, item: ApplicationPlan): string[] => {
    const moving = item.changes.filter((change) => change.action !== 'keep' || change.fields.length > 0);
    if (moving.length === 0 && !item.restartsWorkflow) return [];
    const kept = item.changes.length - moving.length;
    return [`${title}${item.restartsWorkflow ? ' (its workflow runs)' : ''}`, ...moving.map(changeText), ...(kept > 0 ? [`    ${kept} unchanged`] : []), ''];
  };
  const lines = [...part('documents of the repository', plan.objects), ...plan.applications.flatMap((app) => part(`${app.namespace}/${app.name}`, app))];
  if (lines.length === 0) return 'No changes: the hub is as the commit asks.\n';
  const all = [...plan.applications, plan.objects].flatMap((item) => item.changes);
  const count = (action: Change['action']): number => all.filter((change) => change.action === action).length;
  return `${lines.join('\n')}\n${count('create')} to create, ${count('update') + count('adopt')} to update, ${count('delete')} to delete, ${count('refuse')} refused, ${count('keep')} unchanged.\n`;
}

/** The plan as data, without whole objects: Secrets could be among them (I9). */
export function planData(plan: Plan): unknown {
  const part = (item: ApplicationPlan): unknown => ({
    namespace: item.namespace, name: item.name, restartsWorkflow: item.restartsWorkflow,
    changes: item.changes.map((change) => ({ action: change.action, ...change.key, reason: change.reason, fields: change.fields, ...(change.fault === null ? {} : { code: change.fault.code }) })),
  });
  return { applications: plan.applications.map(part), objects: part(plan.objects) };
}

/** What `lateen explain CODE` says. */
export function explanation(code: Code): string {
  const entry = CODES[code];
  const who = { invalid: 'the author of the repository', denied: 'the operator of the daemon', waiting: 'nobody, or who approves', transient: 'nobody: it is tried again', cancelled: 'nobody', bug: 'the makers of Lateen' }[entry.kind];
  return `${code}\n\n  ${entry.meaning}\n\n  What to do: ${entry.action}\n  Who must act: ${who}\n`;
}
