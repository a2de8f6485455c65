/** Label selectors as the API has them. Pure. */
import { isRecord } from '../lib/json.ts';

type Labels = Readonly<Record<string, string>>;

/** A selector that says something that selectors cannot say. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

/**
 * Whether labels (or claims, as `name: value`) fit a selector of `matchLabels` and `matchExpressions`, all of which have
 * to hold; one that says nothing fits everything. Throws {@link SelectorError}, in the words of Kubernetes' validation.
 */
export function selects(selector: unknown, labels: Labels): boolean {
  if (!isRecord(selector)) return true;
  const wanted = isRecord(selector['matchLabels']) ? Object.entries(selector['matchLabels']) : [];
  const expressions = Array.isArray(selector['matchExpressions']) ? selector['matchExpressions'].filter(isRecord) : [];
  // No short cut: a selector that is wrong is wrong for every cluster.
  const holds = [...wanted.map(([key, value]) => labels[key] === value), ...expressions.map((expression) => holdsFor(expression, labels))];
  return holds.every(Boolean);
}

function holdsFor(expression: Readonly<Record<string, unknown>>, labels: Labels): boolean {
  const key = String(expression['key'] ?? '');
  const values = Array.isArray(expression['values']) ? expression['values'].map(String) : [];
  const value = labels[key];
  switch (expression['operator']) {
    case 'In':
    case 'NotIn': {
      if (values.length === 0) throw new SelectorError(`values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty`);
      const isIn = value !== undefined && values.includes(value);
      return expression['operator'] === 'In' ? isIn : !isIn;
    }
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0)
        throw new SelectorError(`values: Invalid value: ${JSON.stringify(values)}: values set must be empty for exists and does not exist`);
      return (value !== undefined) === (expression['operator'] === 'Exists');
    default:
      throw new SelectorError(`${JSON.stringify(expression['operator'] ?? '')} is not a valid label selector operator`);
  }
}
