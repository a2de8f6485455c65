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

/** A place in the tokens. */
interface Cursor {
  readonly peek: () => Token;
  readonly next: () => Token;
  readonly isAt: (mark: string) => boolean;
  /** The next token, which must be this mark. */
  readonly expect: (mark: string) => void;
  readonly skipLines: () => void;
}

/** The blocks of a text, in their order. Throws provision/refused with the line of what is not known. */
export function readHcl(text: string): readonly HclBlock[] {
  if (text.length > LENGTH_MAX) throw refused(1, `the text is longer than ${LENGTH_MAX} characters`);
  const cursor = cursorOver(tokensOf(text));
  const blocks: HclBlock[] = [];
  for (cursor.skipLines(); cursor.peek().kind !== 'end'; cursor.skipLines()) blocks.push(readBlock(cursor));
  return blocks;
}

function cursorOver(tokens: readonly Token[]): Cursor {
  const end: Token = { kind: 'end', text: '', line: tokens.at(-1)?.line ?? 1 };
  let at = 0;
  const peek = (): Token => tokens[at] ?? end;
  const next = (): Token => tokens[at++] ?? end;
  return {
    peek,
    next,
    isAt: (mark) => peek().kind === 'mark' && peek().text === mark,
    expect: (mark) => {
      const token = next();
      if (token.kind !== 'mark' || token.text !== mark) throw refused(token.line, `"${mark}" is expected, not ${shown(token)}`);
    },
    skipLines: () => {
      while (peek().kind === 'newline') at++;
    },
  };
}

function readBlock(cursor: Cursor): HclBlock {
  const type = cursor.next();
  if (type.kind !== 'word') throw refused(type.line, `a block is expected, not ${shown(type)}`);
  const labels: string[] = [];
  while (cursor.peek().kind === 'string' || cursor.peek().kind === 'word') {
    const label = cursor.next();
    labels.push(label.kind === 'string' ? unquoted(label) : label.text);
  }
  if (cursor.isAt('=')) throw refused(type.line, `the argument "${type.text}" stands outside of a block`);
  cursor.expect('{');
  const owner = [type.text, ...labels.map((label) => JSON.stringify(label))].join(' ');
  return { type: type.text, labels, attributes: readAttributes(cursor, owner), line: type.line };
}

function readAttributes(cursor: Cursor, owner: string): ReadonlyMap<string, HclValue> {
  const all = new Map<string, HclValue>();
  for (cursor.skipLines(); !cursor.isAt('}'); cursor.skipLines()) {
    const { kind, text: name, line } = cursor.peek();
    if (kind !== 'word' || name.includes('.')) throw refused(line, `in ${owner}, an argument is expected, not ${shown(cursor.peek())}`);
    cursor.next();
    if (!cursor.isAt('=')) throw refused(line, `in ${owner}, the block "${name}" is not known`);
    cursor.expect('=');
    if (all.has(name)) throw refused(line, `in ${owner}, "${name}" stands twice`);
    all.set(name, readValue(cursor, 0));
    if (cursor.peek().kind !== 'newline' && !cursor.isAt('}'))
      throw refused(line, `in ${owner}, the value of "${name}" is an expression, and only plain values and references are known`);
  }
  cursor.expect('}');
  return all;
}

function readValue(cursor: Cursor, depth: number): HclValue {
  if (depth > DEPTH_MAX) throw refused(cursor.peek().line, 'it is nested too deep');
  if (cursor.isAt('[')) return readList(cursor, depth);
  const token = cursor.next();
  if (token.kind === 'string') return unquoted(token);
  if (token.kind === 'number') return Number(token.text);
  if (token.kind === 'word') return readWord(cursor, token, depth);
  throw refused(token.line, `the value ${shown(token)} is not known: strings, numbers, true, false and lists are`);
}

function readWord(cursor: Cursor, token: Token, depth: number): HclValue {
  if (token.text === 'true' || token.text === 'false') return token.text === 'true';
  if (token.text === 'null') return null;
  if (!cursor.isAt('(')) return { reference: token.text };
  if (!['list', 'set', 'map'].includes(token.text)) throw refused(token.line, `the function "${token.text}" is not known`);
  cursor.expect('(');
  const inner = readValue(cursor, depth + 1);
  cursor.expect(')');
  if (!isReference(inner)) throw refused(token.line, `"${token.text}(...)" is not a type`);
  return { reference: `${token.text}(${inner.reference})` };
}

function readList(cursor: Cursor, depth: number): HclValue {
  const items: HclValue[] = [];
  cursor.expect('[');
  for (cursor.skipLines(); !cursor.isAt(']'); cursor.skipLines()) {
    items.push(readValue(cursor, depth + 1));
    cursor.skipLines();
    if (cursor.isAt(',')) cursor.expect(',');
    else if (!cursor.isAt(']')) throw refused(cursor.peek().line, `"," or "]" is expected, not ${shown(cursor.peek())}`);
  }
  cursor.expect(']');
  return items;
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
