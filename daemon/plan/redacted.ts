/** A comparison without the secrets that are known: before anything is cut, escaped or printed, for then they are still whole (I9). Pure. */
import { isRecord } from '../lib/json.ts';
import type { Redactor } from '../model/ports.ts';
import type { Comparison } from './comparison.ts';

/** The same with every text passed through the redactor. */
export function redacted(comparison: Comparison, redactor: Pick<Redactor, 'text'>): Comparison {
  const clean = (value: unknown): unknown => {
    if (typeof value === 'string') return redactor.text(value);
    if (Array.isArray(value)) return value.map(clean);
    return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, clean(item)])) : value;
  };
  return clean(comparison) as Comparison;
}
