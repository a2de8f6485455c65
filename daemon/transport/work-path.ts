/**
 * Kubernetes' JSONPath, as far as feedback rules use it: `.a.b`, `['a']`, `[0]`, `[-1]`, `[*]`, `.*`,
 * `[?(@.type=="Ready")]`. Recursive descent, slices and unions are refused by name. Pure.
 */
import { isRecord } from '../lib/json.ts';

type Step =
  | { readonly name: string }
  | { readonly index: number }
  | { readonly all: true }
  | { readonly filter: { readonly path: readonly Step[]; readonly operator: string; readonly value: unknown } };

/** A path that cannot be read. The message says what is not understood. */
export class PathError extends Error {
  override readonly name = 'PathError';
}

/** Every value at a path, in order; none where it is missing. Throws {@link PathError}. */
export function findAll(value: unknown, path: string): readonly unknown[] {
  return walk([value], parse(path));
}

/** The steps of a path without braces. Throws {@link PathError}. */
function parse(path: string): readonly Step[] {
  const steps: Step[] = [];
  let rest = path.trim().replace(/^\$|^@/, '');
  if (rest !== '' && !/^[.[]/.test(rest)) rest = `.${rest}`;
  while (rest !== '') {
    if (rest.startsWith('..')) throw new PathError('recursive descent (..) is not supported');
    const field = /^\.((?:[^.[\]\\]|\\.)*)/.exec(rest);
    const [whole, body] = field ?? bracketOf(rest);
    rest = rest.slice(whole.length);
    if (field === null) steps.push(bracketStep(body));
    else if (body === '*') steps.push({ all: true });
    else if (body !== '') steps.push({ name: body.replaceAll(/\\(.)/g, '$1') });
    else if (!rest.startsWith('[') && rest !== '') throw new PathError(`an empty name in ${path}`);
  }
  return steps;
}

function bracketOf(rest: string): readonly [string, string] {
  const match = /^\[((?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\([^)]*\)|[^\]"'(])*)\]/.exec(rest);
  if (match === null) throw new PathError('unterminated array');
  return [match[0], (match[1] ?? '').trim()];
}

function bracketStep(body: string): Step {
  if (body === '*') return { all: true };
  if (/^-?[0-9]+$/.test(body)) return { index: Number(body) };
  const quoted = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')$/.exec(body);
  if (quoted !== null) return { name: (quoted[1] ?? quoted[2] ?? '').replaceAll(/\\(.)/g, '$1') };
  const filter = /^\?\(\s*@((?:[^=!<>"']|\[[^\]]*\])*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*\)$/.exec(body);
  if (filter === null) throw new PathError(`unrecognized character in ${body}`);
  return { filter: { path: parse(filter[1] ?? ''), operator: filter[2] ?? 'exists', value: literal(filter[3] ?? '') } };
}

function literal(text: string): unknown {
  const quoted = /^(?:"(.*)"|'(.*)')$/.exec(text);
  if (quoted !== null) return quoted[1] ?? quoted[2] ?? '';
  if (text === 'true' || text === 'false') return text === 'true';
  return text === '' || Number.isNaN(Number(text)) ? text : Number(text);
}

function walk(values: readonly unknown[], steps: readonly Step[]): readonly unknown[] {
  let here = values;
  for (const step of steps) here = here.flatMap((value) => next(value, step));
  return here;
}

function next(value: unknown, step: Step): readonly unknown[] {
  if ('name' in step) return isRecord(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
  if ('index' in step) {
    const item: unknown = Array.isArray(value) ? value.at(step.index) : undefined;
    return item === undefined ? [] : [item];
  }
  const items: readonly unknown[] = Array.isArray(value) ? value : isRecord(value) && 'all' in step ? Object.values(value) : [];
  if ('all' in step) return items;
  const { path, operator, value: wanted } = step.filter;
  return items.filter((item) => {
    const found = walk([item], path);
    return operator === 'exists' ? found.length > 0 : found.some((left) => compare(left, operator, wanted));
  });
}

function compare(left: unknown, operator: string, right: unknown): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  if (typeof left !== typeof right || (typeof left !== 'number' && typeof left !== 'string')) return false;
  const order = left < (right as typeof left) ? -1 : left > (right as typeof left) ? 1 : 0;
  return operator === '<' ? order < 0 : operator === '>' ? order > 0 : operator === '<=' ? order <= 0 : order >= 0;
}

/** The value without the field that a path names, wherever it is found. A list's item is never taken out (OCM's ignoreFields). Throws {@link PathError}. */
export function withoutPath(value: unknown, path: string): unknown {
  const steps = parse(path);
  const last = steps.at(-1);
  if (last === undefined || !('name' in last)) return value;
  const holders = new Set(walk([value], steps.slice(0, -1)));
  return copy(value, (fields) => {
    if (!holders.has(fields)) return fields;
    const { [last.name]: _gone, ...others } = fields;
    return others;
  });
}

function copy(value: unknown, change: (fields: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>): unknown {
  if (Array.isArray(value)) return value.map((item) => copy(item, change));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(change(value)).map(([key, field]) => [key, copy(field, change)]));
}
