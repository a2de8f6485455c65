/** Placeholders `{{ name }}` that an author left for the users of a document to fill in. */
import type { Diagnostic, Origin } from '../model/fault.ts';

export interface Filled {
  readonly text: string;
  readonly diagnostics: readonly Diagnostic[];
}

const PLACEHOLDER = /^([ \t]*(?:- +)*(?:[^\s'"#{}[\],&*!|>%@`-][^:#]*:[ \t]+|(?<=- +)))\{\{[ \t]*([^{}]+?)[ \t]*\}\}[ \t]*(#.*)?$/;
const BLOCK_SCALAR = /(?:^|[\s:-])[|>][-+0-9]*[ \t]*(?:#.*)?$/;

/** What placeholders are filled with. */
export interface PlaceholderValues {
  /** By the text between the braces. */
  readonly values: Readonly<Record<string, string>>;
  /** The hub's own address, `https://host:port`; null where it is not known. */
  readonly hubServer: string | null;
}

/** Stands for the hub's address where no hub is asked. */
export const ANY_HUB_SERVER = 'https://hub:6443';

/** A property of this name wants the hub's own address: KubeVela 1.1's tutorial leaves it to its readers. */
const HUB_SERVER_KEY = /(?:^|[\s-])hubAPIServer:[ \t]+$/;

/** Whether a text may hold a placeholder at all. */
export function hasPlaceholder(text: string): boolean {
  return text.includes('{{');
}

/**
 * Fills in the placeholders that stand as a whole plain value (`key: {{ name }}`), where YAML would see a mapping in a
 * mapping. Those inside of block scalars and quotes are text and stay. One without a value is filled with its own text
 * and told at its place, so that the rest of the document can be read; but at `hubAPIServer` the hub's address takes its
 * place, which is told as well.
 */
export function fillPlaceholders(text: string, path: string, { values, hubServer }: PlaceholderValues): Filled {
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
    const given = Object.hasOwn(values, name) ? values[name] : undefined;
    const value = given ?? (hubServer !== null && HUB_SERVER_KEY.test(before) ? hubServer : undefined);
    const origin: Origin = { path, line: index + 1, column: before.length + 1 };
    if (value === undefined) diagnostics.push(missing(name, origin));
    else if (given === undefined) diagnostics.push(filledWithHub(name, value, origin));
    return `${before}${JSON.stringify(value ?? `{{ ${name} }}`)}${comment === undefined ? '' : ` ${comment}`}`;
  });
  return { text: lines.join('\n'), diagnostics };
}

/** Column of what a block scalar belongs to: of the key in `- name: |`, of the dash in `- |`. */
function blockParent(line: string): number {
  const before = /^ *(?:- +)*/.exec(line)?.[0] ?? '';
  return /^[|>]/.test(line.slice(before.length)) ? Math.max(0, before.trimEnd().length - 1) : before.length;
}

function missing(name: string, origin: Origin): Diagnostic {
  return {
    code: 'load/reference',
    severity: 'error',
    message: `the placeholder {{ ${name} }} has no value`,
    origin,
    hint: `Write the value in its place, or give it in lateen.yaml, values: {"${name}": ...}, or with --set "${name}=...".`,
  };
}

function filledWithHub(name: string, server: string, origin: Origin): Diagnostic {
  return {
    code: 'load/reference',
    severity: 'warning',
    message: `the placeholder {{ ${name} }} is filled with the hub's own address${server === ANY_HUB_SERVER ? '' : ` ${server}`}`,
    origin,
    hint: `Where the cluster reaches the hub by another one, give it in lateen.yaml, values: {"${name}": https://...}, or with --set "${name}=https://...".`,
  };
}
