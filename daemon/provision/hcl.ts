/**
 * A strict reader for the little of HCL that a KubeVela definition with one module is written in: blocks of attributes
 * whose values are strings, numbers, truth values, lists of these, references and the names of types. What it does not
 * know it refuses with its line, so that nothing is read as something else than Terraform reads. Pure.
 */
import { Fault } from '../model/fault.ts';

export type HclValue = string | number | boolean | null | readonly HclValue[] | HclReference;

/** `var.x`, `module.m.x`, or the name of a type: `list(string)`. */
export interface HclReference {
  readonly reference: string;
}

export interface HclBlock {
  /** `module`, `variable`, `output`, ... */
  readonly type: string;
  readonly labels: readonly string[];
  readonly attributes: ReadonlyMap<string, HclValue>;
  readonly line: number;
}

interface Token {
  readonly kind: 'word' | 'string' | 'number' | 'mark' | 'newline' | 'end';
  readonly text: string;
  readonly line: number;
}

/** What may stand in a text, in the order in which it is tried. */
const TOKENS: readonly (readonly [Token['kind'] | 'skip', RegExp])[] = [
  ['skip', /[ \t\r]+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\//y],
  ['newline', /\n/y],
  ['string', /"(?:[^"\\\n]|\\.)*"/y],
  ['number', /-?\d+(?:\.\d+)?(?![\w.])/y],
  ['word', /[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*/y],
  ['mark', /[{}[\]()=,]/y],
];

/** How deep lists and types may be nested, and how long a text may be (I7). */
const DEPTH_MAX = 8;
const LENGTH_MAX = 200_000;

/** Whether a value is a reference. */
export function isReference(value: HclValue | undefined): value is HclReference {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The blocks of a text, in their order. Throws provision/refused with the line of what is not known. */
export function readHcl(text: string): readonly HclBlock[] {
  if (text.length > LENGTH_MAX) throw refused(1, `the text is longer than ${LENGTH_MAX} characters`);
  const tokens = tokensOf(text);
  const blocks: HclBlock[] = [];
  let at = 0;

  const peek = (): Token => tokens[at] ?? { kind: 'end', text: '', line: 0 };
  const next = (): Token => tokens[at++] ?? { kind: 'end', text: '', line: 0 };
  const skipLines = (): void => { while (peek().kind === 'newline') at++; };
  const expect = (mark: string): void => {
    const token = next();
    if (token.kind !== 'mark' || token.text !== mark) throw refused(token.line, `"${mark}" is expected, not ${shown(token)}`);
  };

  const value = (depth: number): HclValue => {
    const token = next();
    if (depth > DEPTH_MAX) throw refused(token.line, 'it is nested too deep');
    if (token.kind === 'string') return unquoted(token);
    if (token.kind === 'number') return Number(token.text);
    if (token.kind === 'word') return word(token, depth);
    if (token.text === '[') return list(depth);
    throw refused(token.line, `the value ${shown(token)} is not known: strings, numbers, true, false and lists are`);
  };
  const word = (token: Token, depth: number): HclValue => {
    if (token.text === 'true' || token.text === 'false') return token.text === 'true';
    if (token.text === 'null') return null;
    if (peek().text !== '(' || peek().kind !== 'mark') return { reference: token.text };
    if (!['list', 'set', 'map'].includes(token.text)) throw refused(token.line, `the function "${token.text}" is not known`);
    expect('(');
    const inner = value(depth + 1);
    expect(')');
    if (!isReference(inner)) throw refused(token.line, `"${token.text}(...)" is not a type`);
    return { reference: `${token.text}(${inner.reference})` };
  };
  const list = (depth: number): HclValue => {
    const items: HclValue[] = [];
    for (skipLines(); peek().text !== ']'; skipLines()) {
      items.push(value(depth + 1));
      skipLines();
      if (peek().text === ',' && peek().kind === 'mark') at++;
      else if (peek().text !== ']') throw refused(peek().line, `"," or "]" is expected, not ${shown(peek())}`);
    }
    expect(']');
    return items;
  };
  const attributes = (owner: string): ReadonlyMap<string, HclValue> => {
    const all = new Map<string, HclValue>();
    for (skipLines(); !(peek().kind === 'mark' && peek().text === '}'); skipLines()) {
      const name = next();
      if (name.kind !== 'word' || name.text.includes('.')) throw refused(name.line, `in ${owner}, an argument is expected, not ${shown(name)}`);
      if (peek().text !== '=') throw refused(name.line, `in ${owner}, the block "${name.text}" is not known`);
      expect('=');
      if (all.has(name.text)) throw refused(name.line, `in ${owner}, "${name.text}" stands twice`);
      all.set(name.text, value(0));
      if (peek().kind !== 'newline' && peek().text !== '}') throw refused(name.line, `in ${owner}, the value of "${name.text}" is an expression, and only plain values and references are known`);
    }
    expect('}');
    return all;
  };

  for (skipLines(); peek().kind !== 'end'; skipLines()) {
    const type = next();
    if (type.kind !== 'word') throw refused(type.line, `a block is expected, not ${shown(type)}`);
    const labels: string[] = [];
    while (peek().kind === 'string' || peek().kind === 'word') labels.push(peek().kind === 'string' ? unquoted(peek()) : peek().text), at++;
    if (peek().text === '=') throw refused(type.line, `the argument "${type.text}" stands outside of a block`);
    expect('{');
    blocks.push({ type: type.text, labels, attributes: attributes([type.text, ...labels.map((label) => JSON.stringify(label))].join(' ')), line: type.line });
  }
  return blocks;
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const found = tokenAt(text, at);
    if (found === undefined) throw refused(line, `${JSON.stringify(text.slice(at, at + 12).split('\n')[0])} is not known`);
    if (found.kind !== 'skip') tokens.push({ kind: found.kind, text: found.text, line });
    line += found.text.split('\n').length - 1;
    at += found.text.length;
  }
  tokens.push({ kind: 'end', text: '', line });
  return tokens;
}

function tokenAt(text: string, at: number): { readonly kind: Token['kind'] | 'skip'; readonly text: string } | undefined {
  for (const [kind, pattern] of TOKENS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) return { kind, text: match[0] };
  }
  return undefined;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };

function unquoted(token: Token): string {
  const inner = token.text.slice(1, -1);
  if (/[$%]\{/.test(inner)) throw refused(token.line, 'a string with an expression in it ("${...}") is not known');
  return inner.replace(/\\(.)/g, (whole, letter: string) => {
    const plain = ESCAPES[letter];
    if (plain === undefined) throw refused(token.line, `the escape ${whole} is not known`);
    return plain;
  });
}

const shown = (token: Token): string => (token.kind === 'end' ? 'the end' : token.kind === 'newline' ? 'the end of the line' : token.text);

function refused(line: number, why: string): Fault {
  return new Fault('provision/refused', `the Configuration is not the module that Lateen knows: line ${line} of spec.hcl: ${why}`);
}
