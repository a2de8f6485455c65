/** Placeholders `{{ name }}` that an author left for the users of a document to fill in. */
import type { Diagnostic } from '../model/fault.ts';

export interface Filled {
  readonly text: string;
  readonly diagnostics: readonly Diagnostic[];
}

const PLACEHOLDER = /^([ \t]*(?:- +)*(?:[^\s'"#{}[\],&*!|>%@`-][^:#]*:[ \t]+|(?<=- +)))\{\{[ \t]*([^{}]+?)[ \t]*\}\}[ \t]*(#.*)?$/;
const BLOCK_SCALAR = /(?:^|[\s:-])[|>][-+0-9]*[ \t]*(?:#.*)?$/;

/** Whether a text may hold a placeholder at all. */
export function hasPlaceholder(text: string): boolean {
  return text.includes('{{');
}

/**
 * Fills in the placeholders that stand as a whole plain value (`key: {{ name }}`), where YAML would see a mapping in a
 * mapping. Those inside of block scalars and quotes are text and stay. One without a value is filled with its own text
 * and told at its place, so that the rest of the document can be read.
 */
export function fillPlaceholders(text: string, path: string, values: Readonly<Record<string, string>>): Filled {
  const diagnostics: Diagnostic[] = [];
  let blockIndent: number | null = null;
  const lines = text.split('\n').map((line, index) => {
    const indent = line.search(/[^ ]/);
    if (blockIndent !== null && (indent < 0 || line.trim() === '' || indent > blockIndent)) return line;
    blockIndent = null;
    const content = line.replace(/\r$/, '');
    const match = PLACEHOLDER.exec(content);
    if (match === null) {
      if (BLOCK_SCALAR.test(content) && !content.trimStart().startsWith('#')) blockIndent = blockParent(content);
      return line;
    }
    const [, before = '', name = '', comment] = match;
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) diagnostics.push(missing(name, { path, line: index + 1, column: before.length + 1 }));
    return `${before}${JSON.stringify(value ?? `{{ ${name} }}`)}${comment === undefined ? '' : ` ${comment}`}`;
  });
  return { text: lines.join('\n'), diagnostics };
}

/** Column of what a block scalar belongs to: of the key in `- name: |`, of the dash in `- |`. */
function blockParent(line: string): number {
  const before = /^ *(?:- +)*/.exec(line)?.[0] ?? '';
  return /^[|>]/.test(line.slice(before.length)) ? Math.max(0, before.trimEnd().length - 1) : before.length;
}

function missing(name: string, origin: { readonly path: string; readonly line: number; readonly column: number }): Diagnostic {
  return {
    code: 'load/reference',
    severity: 'error',
    message: `the placeholder {{ ${name} }} has no value`,
    origin,
    hint: `Write the value in its place, or give it in lateen.yaml: values: {"${name}": ...}`,
  };
}
