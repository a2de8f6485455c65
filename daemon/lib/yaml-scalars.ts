/** What a plain scalar of YAML means: to Kubernetes (sigs.k8s.io/yaml, that is goyaml v2), and to others. */

export const TRUE = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']);
export const FALSE = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']);
export const NULL = new Set(['', '~', 'null', 'Null', 'NULL']);
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const INTEGER = /^([-+]?)(?:(0[xX][0-9a-fA-F]+)|(0[bB][01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const [INTEGER_MIN, INTEGER_MAX] = [-(2n ** 63n), 2n ** 64n - 1n];

function readInteger(text: string): number | bigint | undefined {
  const match = INTEGER.exec(text);
  if (match === null) return undefined;
  const [, sign, hexadecimal, binary, octal, decimal] = match;
  const digits = hexadecimal ?? binary ?? (octal === undefined ? (decimal ?? '0') : `0o${octal}`);
  const small = Number(digits);
  if (Number.isSafeInteger(small)) return sign === '-' && small !== 0 ? -small : small;
  const exact = sign === '-' ? -BigInt(digits) : BigInt(digits);
  return exact < INTEGER_MIN || exact > INTEGER_MAX ? undefined : exact;
}

/** The number that a plain scalar is for Kubernetes: bigint beyond 2^53, undefined where it is none. */
export function readNumber(source: string): number | bigint | undefined {
  const text = source.includes('_') ? source.replaceAll('_', '') : source;
  const integer = readInteger(text);
  if (integer !== undefined) return integer;
  if (!FLOAT.test(text)) return undefined;
  const value = Number(text);
  // Go refuses what is out of range, so 123e4567 stays a string.
  return Number.isFinite(value) ? value : undefined;
}

/** Every misleading scalar begins with one of these. */
export const MISLEADING_START = /[-+.0-9yYnNoO]/;
/** JSON has no word for these. */
export const NOT_A_NUMBER = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const LEADING_ZERO = /^[-+]?0[0-9_]+$/;
const UNDERSCORED = /^[-+]?[0-9][0-9_]*_[0-9_]*$/;
const BINARY = /^[-+]?0b[01_]+$/i;
const SEXAGESIMAL = /^[-+]?[0-9]+(?::[0-5]?[0-9])+$/;
/** A git commit such as 1234e56 is a number, and 123e4567 a string. */
const COMMIT_LIKE = /^(?=.{6,}$)[0-9]+e[0-9]+$/;
const SWITCH_WORD = /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/;

/** Whether other readers, or people, take a plain scalar for something else than Kubernetes does. */
export function isMisleading(text: string): boolean {
  return SWITCH_WORD.test(text) || LEADING_ZERO.test(text) || UNDERSCORED.test(text) || BINARY.test(text) || SEXAGESIMAL.test(text) || COMMIT_LIKE.test(text);
}

/** What readers of YAML 1.1 or 1.2 would not take for a string. */
export const MISREAD =
  /^(?:[-+]?0o[0-7]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|[-+]?\.?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|=)$/;
