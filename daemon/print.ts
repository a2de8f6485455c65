/** Text for people: diagnostics, tables. Pure: strings in, strings out. Plans are print-plan.ts's. */
import { stringify } from './lib/json.ts';
import { printYaml } from './lib/yaml.ts';
import { CODES, type Code, type Diagnostic } from './model/fault.ts';

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
  const key = (item: Diagnostic): string =>
    item.origin === undefined ? '\uffff' : `${item.origin.path}\0${String(item.origin.line).padStart(8, '0')}\0${String(item.origin.column).padStart(6, '0')}`;
  const unique = new Map(list.map((item) => [`${key(item)} ${item.code} ${item.message}`, item]));
  return [...unique].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, item]) => item);
}

/** Columns as kubectl pads them: upper-case heads, three spaces. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd((widths[i] ?? 0) + 3)))
      .join('')
      .trimEnd();
  return `${[line(heads), ...rows.map(line)].join('\n')}\n`;
}

/** What `lateen explain CODE` says. */
export function explanation(code: Code): string {
  const entry = CODES[code];
  const who = {
    invalid: 'the author of the repository',
    denied: 'the operator of the daemon',
    waiting: 'nobody, or who approves',
    transient: 'nobody: it is tried again',
    cancelled: 'nobody',
    bug: 'the makers of Lateen',
  }[entry.kind];
  return `${code}\n\n  ${entry.meaning}\n\n  What to do: ${entry.action}\n  Who must act: ${who}\n`;
}
