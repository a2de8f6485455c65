/** Finds out what an unreadable text was meant to be, so that what it declared is kept (I11). */

export interface Identity {
  readonly apiVersion: string;
  readonly kind: string;
  /** "" where the text names none. */
  readonly namespace: string;
  readonly name: string;
}

/**
 * Identity of one YAML or JSON document that does not parse, taken from its lines. Null unless kind and name are each
 * found exactly once where they belong: a wrong guess could delete what the right one would keep.
 */
export function identify(text: string): Identity | null {
  return /^\s*(?:---\s*)?\{/.test(text) ? identifyJson(text) : identifyYaml(text);
}

function identifyYaml(text: string): Identity | null {
  const apiVersion = only(text.matchAll(/^apiVersion:[ \t]*(.*)$/gm));
  const kind = only(text.matchAll(/^kind:[ \t]*(.*)$/gm));
  const metadata = only(text.matchAll(/^metadata:[ \t]*(?:#.*)?\r?\n((?:[ \t]+.*(?:\r?\n|$)|[ \t]*(?:#.*)?\r?\n)*)/gm));
  if (apiVersion === null || kind === null || metadata === null || kind.endsWith('List')) return null;
  const indent = /^[ \t]+(?=[^\s#])/m.exec(metadata)?.[0] ?? '';
  const field = (name: string): string | null | undefined => {
    const found = [...metadata.matchAll(new RegExp(`^${indent}${name}:[ \\t]*(.*)$`, 'gm'))];
    return found.length === 0 ? undefined : only(found);
  };
  return identity(apiVersion, kind, field('namespace'), field('name'));
}

function identifyJson(text: string): Identity | null {
  const strings = (name: string, within: string): string | null | undefined => {
    const found = [...within.matchAll(new RegExp(`"${name}"\\s*:\\s*"([^"\\\\]*)"`, 'g'))];
    return found.length === 0 ? undefined : only(found);
  };
  const metadata = only(text.matchAll(/"metadata"\s*:\s*(\{[^{}]*)/g));
  if (metadata === null) return null;
  return identity(strings('apiVersion', text) ?? null, strings('kind', text) ?? null, strings('namespace', metadata), strings('name', metadata));
}

/** `undefined` is a field that is not there, `null` one that cannot be told. */
function identity(apiVersion: string | null, kind: string | null, namespace: string | null | undefined, name: string | null | undefined): Identity | null {
  if (apiVersion === null || kind === null || namespace === null || typeof name !== 'string') return null;
  const isWord = /^[A-Za-z0-9][\w.:/-]*$/;
  if (![apiVersion, kind, name].every((word) => isWord.test(word)) || (namespace !== undefined && !isWord.test(namespace))) return null;
  return { apiVersion, kind, namespace: namespace ?? '', name };
}

/** The first group of the only match, without quotes and comment; null where there is none or more than one. */
function only(matches: Iterable<RegExpMatchArray>): string | null {
  const [first, second] = [...matches];
  if (first === undefined || second !== undefined) return null;
  const text = first[1] ?? '';
  return text.includes('\n')
    ? text
    : text
        .replace(/(?:^|\s)#.*$/, '')
        .trim()
        .replace(/^(["'])(.*)\1$/, '$2');
}
