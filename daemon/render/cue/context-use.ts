/**
 * What of the context a template can see. Nearly every template looks at the name and the namespace only; what none of a
 * component's templates names cannot change the result, so it is left out of the request, and a new revision or a change in
 * another component is answered from the cache. Pure.
 */
import type { CueComponentRequest, CueObject, CueObjectRequest } from '../../model/cue.ts';

const USE = /\bcontext\b(?:\.([A-Za-z_]\w*)|\["([A-Za-z_][\w-]*)"\])?/g;
const TEMPLATES_MAX = 1_000;
const known = new Map<string, ReadonlySet<string> | null>();

/** The fields of `context` that a template names; null where it may look at any: it hands the whole on, declares it, or may mean it without saying so. */
export function contextUse(template: string): ReadonlySet<string> | null {
  const before = known.get(template);
  if (before !== undefined) return before;
  if (known.size >= TEMPLATES_MAX) known.clear();
  const found = read(template);
  known.set(template, found);
  return found;
}

function read(template: string): ReadonlySet<string> | null {
  // A name with an escape in it is another spelling, and a pattern at the top speaks of every field there is.
  if (/\\#*[uUx0-7]|^\[|^\{/m.test(template)) return null;
  // In a text of several lines what looks like a comment is text, and may have an interpolation in it.
  const text = /"""|'''/.test(template) ? template : template.replaceAll(/^[ \t]*\/\/.*$/gm, '');
  const names = new Set<string>();
  for (const [, name, quoted] of text.matchAll(USE)) {
    const used = name ?? quoted;
    if (used === undefined) return null;
    names.add(used);
  }
  return names;
}

function narrowed(context: CueObject, uses: readonly (ReadonlySet<string> | null)[]): CueObject {
  if (uses.includes(null)) return context;
  return Object.fromEntries(Object.entries(context).filter(([name]) => uses.some((names) => names?.has(name) === true)));
}

/** The same request with what its templates can see of the context. */
export function seenByComponent(request: CueComponentRequest): CueComponentRequest {
  const traits = request.traits.map((trait) =>
    trait.context === undefined ? trait : { ...trait, context: narrowed(trait.context, [contextUse(trait.template)]) },
  );
  return {
    ...request,
    context: narrowed(request.context, [contextUse(request.component.template), ...request.traits.map(({ template }) => contextUse(template))]),
    traits,
  };
}

/** As {@link seenByComponent}, for a template without traits. */
export const seenByObject = (request: CueObjectRequest): CueObjectRequest => ({
  ...request,
  context: narrowed(request.context, [contextUse(request.template)]),
});
