/** What a place in an Application's document is to people: `property image of component web`. Pure. */
import { isRecord } from '../lib/json.ts';
import type { Path } from '../model/catalog.ts';
import type { Cause } from './comparison.ts';

export interface Place {
  readonly kind: Cause['kind'];
  readonly text: string;
}

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((here, part) => (Array.isArray(here) ? here[Number(part)] : isRecord(here) ? here[String(part)] : undefined), value);
const textOf = (value: unknown, name: string): string => (isRecord(value) && typeof value[name] === 'string' ? value[name] : '');

/** `a.b[0].c` of the parts of a path; items of lists by their name where they have one. */
function fieldText(value: unknown, path: Path): string {
  return path.reduce<string>((text, part, i) => {
    if (typeof part === 'string') return text === '' ? part : `${text}.${part}`;
    const name = textOf(at(value, path.slice(0, i + 1)), 'name');
    return `${text}[${name === '' ? part : name}]`;
  }, '');
}

/** Names the place of a path in an Application; `document` is one in which the path exists. */
export function placeOf(document: unknown, path: Path): Place {
  const [top, list, index] = path;
  if (top === 'metadata') return { kind: 'metadata', text: `${fieldText(document, path)} of the Application` };
  if (top !== 'spec') return { kind: 'document', text: fieldText(document, path) };
  if (list === 'components' && typeof index === 'number') return inComponent(document, path, 3, '');
  if (list === 'policies' && typeof index === 'number') return inPolicy(document, path);
  if (list === 'workflow') return inWorkflow(document, path);
  return { kind: list === 'components' ? 'component' : list === 'policies' ? 'policy' : 'document', text: fieldText(document, path) };
}

/** `from` is where the component's own path begins. */
function inComponent(document: unknown, path: Path, from: number, prefix: string): Place {
  const component = at(document, path.slice(0, from));
  const name = textOf(component, 'name') || textOf(component, 'type');
  const [field, index, part] = path.slice(from);
  const kind = (own: Cause['kind']): Cause['kind'] => (prefix === '' ? own : prefix.startsWith('override') ? 'override' : 'patch');
  const whole = `component ${name}`;
  if (field === undefined) return { kind: kind('component'), text: `${prefix}${whole}` };
  if (field === 'properties') return { kind: kind('property'), text: `${prefix}${propertyText(component, path.slice(from), 1)}${whole}` };
  if (field === 'traits' && typeof index === 'number') {
    const trait = `trait ${textOf(at(document, path.slice(0, from + 2)), 'type')} of ${whole}`;
    return {
      kind: kind('trait'),
      text: `${prefix}${trait}${part === undefined ? '' : part === 'properties' && path.length > from + 3 ? `, property ${fieldText(at(document, path.slice(0, from + 3)), path.slice(from + 3))}` : `, ${fieldText(at(document, path.slice(0, from + 2)), path.slice(from + 2))}`}`,
    };
  }
  return { kind: kind('component'), text: `${prefix}${fieldText(component, path.slice(from))} of ${whole}` };
}

function propertyText(owner: unknown, path: Path, from: number): string {
  return path.length === from ? 'properties of ' : `property ${fieldText(at(owner, path.slice(0, from)), path.slice(from))} of `;
}

function inPolicy(document: unknown, path: Path): Place {
  const policy = at(document, path.slice(0, 3));
  const [name, type] = [textOf(policy, 'name') || textOf(policy, 'type'), textOf(policy, 'type')];
  const [, , , , list, index, field] = path;
  if (type === 'override' && list === 'components' && typeof index === 'number') return inComponent(document, path, 6, `override ${name}: `);
  if (type === 'override')
    return { kind: 'override', text: path.length <= 4 ? `override ${name}` : `override ${name}: ${fieldText(at(policy, ['properties']), path.slice(4))}` };
  if (type === 'topology')
    return { kind: 'placement', text: path.length <= 4 ? `topology ${name}` : `topology ${name}: ${fieldText(at(policy, ['properties']), path.slice(4))}` };
  if (type === 'env-binding' && list === 'envs' && typeof index === 'number') {
    const env = at(document, path.slice(0, 6));
    const title = `environment ${textOf(env, 'name')}`;
    if (field === 'patch' && path[7] === 'components' && typeof path[8] === 'number') return inComponent(document, path, 9, `${title}: `);
    if (field === 'placement') return { kind: 'placement', text: `${title}: ${fieldText(env, path.slice(6))}` };
    return { kind: 'patch', text: field === undefined ? title : `${title}: ${fieldText(env, path.slice(6))}` };
  }
  return { kind: 'policy', text: path.length <= 3 ? `policy ${name}` : `policy ${name}: ${fieldText(policy, path.slice(3))}` };
}

function inWorkflow(document: unknown, path: Path): Place {
  const step = [...path.keys()].filter((i) => typeof path[i] === 'number').at(-1);
  const name = step === undefined ? '' : textOf(at(document, path.slice(0, step + 1)), 'name');
  if (step === undefined || name === '')
    return { kind: 'workflow', text: path.length === 2 ? 'the workflow' : `workflow: ${fieldText(document, path.slice(2))}` };
  const rest = path.slice(step + 1);
  return { kind: 'workflow', text: `workflow step ${name}${rest.length === 0 ? '' : `: ${fieldText(at(document, path.slice(0, step + 1)), rest)}`}` };
}
