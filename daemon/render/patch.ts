/**
 * How environments and overrides change components: KubeVela's merges (spec/kubevela.md 4.4, 4.5). Pure. A patch that
 * fits nothing is told to `report`, at its place in the policy.
 */
import { isRecord } from '../lib/json.ts';
import type { Dialect, Path } from '../model/catalog.ts';
import type { Json, JsonObject } from '../model/object.ts';
import type { ComponentRef, PolicyRef } from '../model/plan.ts';
import { asList, asObject, asText, asTexts } from './application.ts';
import { suggestion } from './rules.ts';

/** Told of a mistake: where in the document, KubeVela's words, and what to do. */
export type Report = (at: Path, message: string, hint: string) => void;

const isZero = (value: Json): boolean =>
  value === null ||
  value === '' ||
  value === 0 ||
  value === false ||
  (Array.isArray(value) && value.length === 0) ||
  (isRecord(value) && Object.keys(value).length === 0);

/**
 * mergo's MergeWithOverride on JSON: two maps merge, an empty one changes nothing, every other value of the patch
 * replaces, null, "" and false included, and lists as a whole. A map over something that is none: v0.3.12 (KubeVela 1.1)
 * leaves what is not zero, v0.3.16 (1.10) replaces it.
 */
export function mergeProperties(base: Json, patch: Json, dialect: Dialect): Json {
  if (!isRecord(patch)) return patch;
  if (!isRecord(base)) return dialect === '1.1' && !isZero(base) ? base : patch;
  const merged: Record<string, Json> = { ...base };
  for (const [key, value] of Object.entries(patch)) merged[key] = key in merged ? mergeProperties(merged[key] ?? null, value, dialect) : value;
  return merged;
}

/** `properties` that are absent change nothing. */
const mergeGiven = (base: Json, patch: Json | undefined, dialect: Dialect): Json =>
  patch === undefined || patch === null ? base : mergeProperties(base, patch, dialect);

/**
 * The components of one environment. KubeVela 1.1.0: a patch needs a component of its name and type, and a trait of its
 * type; nothing is added or taken away. `at` is the path of `patch.components`.
 */
export function patchEnvironment(
  components: readonly ComponentRef[],
  patches: readonly JsonObject[],
  env: string,
  at: Path,
  report: Report,
): readonly ComponentRef[] {
  const say = (path: Path, message: string, hint: string): void => report(path, `failed to patch parameter for env ${env}: ${message}`, hint);
  return patches.reduce<readonly ComponentRef[]>((all, patch, i) => {
    const [name, type] = [asText(patch['name']), asText(patch['type'])];
    const found = all.find((component) => component.name === name && component.type === type);
    if (found !== undefined) return all.map((component) => (component === found ? patchOne(component, patch, [...at, i], say) : component));
    const namesake = all.find((component) => component.name === name);
    const hint =
      namesake === undefined
        ? `The application has no component of this name${suggestion(
            name,
            all.map((component) => component.name),
          )}.`
        : `Component ${name} has the type ${namesake.type}; KubeVela 1.1 wants it repeated here.`;
    say([...at, i, namesake === undefined ? 'name' : 'type'], `fail to match component ${name}`, hint);
    return all;
  }, components);
}

function patchOne(component: ComponentRef, patch: JsonObject, at: Path, say: Report): ComponentRef {
  const traits = asList(patch['traits']).reduce<ComponentRef['traits']>((all, trait, i) => {
    const type = asText(trait['type']);
    if (!all.some((item) => item.type === type))
      say(
        [...at, 'traits', i, 'type'],
        `fail to match trait ${type}`,
        `Component ${component.name} has ${all.length === 0 ? 'no traits' : `the traits ${all.map((item) => item.type).join(', ')}`}${suggestion(
          type,
          all.map((item) => item.type),
        )}.`,
      );
    return all.map((item) => (item.type === type ? { ...item, properties: mergeGiven(item.properties, trait['properties'], '1.1') } : item));
  }, component.traits);
  return { ...component, properties: mergeGiven(component.properties, patch['properties'], '1.1'), traits, at };
}

/** A pattern in which `*` fits anything. KubeVela 1.10: a regular expression, which is not anchored for patches. */
function pattern(text: string, anchored: boolean): (name: string) => boolean {
  const source = text.replaceAll('*', '.*');
  try {
    const expression = new RegExp(anchored ? `^(?:${source})$` : source);
    return (name) => expression.test(name);
  } catch {
    return (name) => name === text;
  }
}

/** What a policy has to say about components. */
export interface Override {
  readonly components: readonly JsonObject[];
  /** Only these are kept; empty keeps all. */
  readonly selector: readonly string[];
  /** The path of `components`; null for a policy that is not in this document. */
  readonly at: Path | null;
}

/** The override that an override policy's properties are. */
export const overrideOf = (policy: PolicyRef, at: Path | null): Override => ({
  components: asList(policy.properties['components']),
  selector: asTexts(policy.properties['selector']),
  at: at === null ? null : [...at, 'properties', 'components'],
});

/**
 * The components after one override policy, or one environment of KubeVela 1.10's env-binding: merged, replaced when the
 * type is another, added where nothing has the name, and of these the selected ones, in the order of the spec.
 */
export function overrideComponents(components: readonly ComponentRef[], override: Override): readonly ComponentRef[] {
  const merged = override.components.reduce<readonly ComponentRef[]>((all, patch, i) => {
    const [name, type] = [asText(patch['name']), asText(patch['type'])];
    const at = override.at === null ? null : [...override.at, i];
    if (name === '') return all.map((component) => (type === '' || type === component.type ? mergeOne(component, patch, at) : component));
    const fits = pattern(name, false);
    if (all.some((component) => fits(component.name)))
      return all.map((component) =>
        fits(component.name)
          ? type === '' || type === component.type
            ? mergeOne(component, patch, at)
            : fresh(component.name, type, patch, at ?? component.at)
          : component,
      );
    return /[a-z0-9]/.test(name) ? [...all, fresh(name, type, patch, at ?? ['spec', 'components'])] : all;
  }, components);
  if (override.selector.length === 0) return merged;
  const selected = override.selector.map((name) => pattern(name, true));
  return merged.filter((component) => selected.some((fits) => fits(component.name)));
}

function fresh(name: string, type: string, patch: JsonObject, at: Path): ComponentRef {
  const traits = asList(patch['traits'])
    .filter((trait) => trait['disable'] !== true)
    .map((trait) => ({ type: asText(trait['type']), properties: trait['properties'] ?? null }));
  return { name, type, properties: patch['properties'] ?? null, traits, dependsOn: [], inputs: [], outputs: [], at, replicaKey: '' };
}

/** Traits by type: merged in their place, removed by `disable`, else added behind. */
function mergeOne(component: ComponentRef, patch: JsonObject, at: Path | null): ComponentRef {
  const traits = asList(patch['traits']).reduce<ComponentRef['traits']>((all, trait) => {
    const type = asText(trait['type']);
    if (trait['disable'] === true) return all.filter((item) => item.type !== type);
    if (!all.some((item) => item.type === type)) return [...all, { type, properties: trait['properties'] ?? null }];
    return all.map((item) => (item.type === type ? { ...item, properties: mergeGiven(item.properties, trait['properties'], '1.10') } : item));
  }, component.traits);
  return { ...component, properties: mergeGiven(component.properties, patch['properties'], '1.10'), traits, at: at ?? component.at };
}

/**
 * The components after a replication policy: the selected ones leave their place and come again behind, once for each
 * key. Null when it selects none. KubeVela 1.10: `no component selected to replicate`.
 */
export function replicated(components: readonly ComponentRef[], properties: JsonObject): readonly ComponentRef[] | null {
  const selector = asTexts(asObject(properties)['selector']);
  const selected = components.filter((component) => selector.includes(component.name));
  if (selected.length === 0) return null;
  const copies = asTexts(properties['keys']).flatMap((key) => selected.map((component) => ({ ...component, replicaKey: key })));
  return [...components.filter((component) => !selected.includes(component)), ...copies];
}
