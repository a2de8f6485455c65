/** Patterns of refs, as lateen.yaml names what is planned: whole names, with `*` for any text inside one part of them. */

const LENGTH_MAX = 250;

/** Whether it names refs that may be asked for: `refs/` and two parts more, each a possible part of a ref's name or with stars. */
export function isRefPattern(text: string): boolean {
  return text.length <= LENGTH_MAX && isRefName(text.replaceAll('*', 'x'));
}

/** Whether it is the whole name of a ref that is safe to hand to git: the rules of `git check-ref-format`. */
export function isRefName(name: string): boolean {
  return (
    name.length <= LENGTH_MAX &&
    /^refs\/[^/]+\/./.test(name) &&
    !/[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.$/.test(name) &&
    name.split('/').every((part) => !part.startsWith('.') && !part.startsWith('-') && !part.endsWith('.lock'))
  );
}

/** Whether a ref fits a pattern; a star stops at a slash. */
export function matchesRef(pattern: string, ref: string): boolean {
  const parts = pattern.split('/');
  const given = ref.split('/');
  return parts.length === given.length && parts.every((part, index) => matchesPart(part, given[index] ?? ''));
}

/** Without backtracking: the pieces between the stars are looked for from left to right. */
function matchesPart(pattern: string, text: string): boolean {
  const pieces = pattern.split('*');
  const [first = ''] = pieces;
  if (pieces.length === 1) return text === pattern;
  const last = pieces.at(-1) ?? '';
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= text.length - last.length;
}
