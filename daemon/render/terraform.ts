/**
 * Components that Terraform makes: their definition holds HCL instead of CUE, and what is delivered is a Configuration
 * that carries it (spec/kubevela.md 7). The properties are the values of its variables, but for a few of their own meaning.
 */
import { isRecord, parseJson } from '../lib/json.ts';
import type { Dialect, Path } from '../model/catalog.ts';
import type { Code } from '../model/fault.ts';
import type { JsonObject, KubeObject } from '../model/object.ts';
import type { StatusTemplates } from '../model/plan.ts';
import { asObject, asText } from './application.ts';

/** Terraform's part of a definition, `spec.schematic.terraform`. */
interface Schematic {
  readonly configuration: string;
  readonly type: string;
  readonly path: string;
  readonly defaults: JsonObject;
}

/** What is wrong with a component, at a path of its properties; [] is its type. */
export interface TerraformMistake {
  readonly code: Code;
  readonly message: string;
  readonly at: Path;
}

export type ConfigurationResult =
  | { readonly output: JsonObject; readonly unknown: readonly string[]; readonly declared: readonly string[] }
  | { readonly mistake: TerraformMistake };

/** Whether a definition's components are made by Terraform. KubeVela: by its schematic, or by its annotation `type`. */
export function isTerraform(definition: KubeObject): boolean {
  return schematicOf(definition) !== undefined || definition.metadata.annotations?.['type'] === 'terraform';
}

const schematicOf = (definition: KubeObject): unknown => asObject(asObject(definition['spec'])['schematic'])['terraform'];

function readSchematic(definition: KubeObject): Schematic {
  const schematic = asObject(schematicOf(definition));
  return { configuration: asText(schematic['configuration']), type: asText(schematic['type']) || 'hcl', path: asText(schematic['path']), defaults: schematic };
}

type Kind = 'text' | 'flag' | 'mapping' | 'reference';

/** The fields of a Configuration's spec that a property of their name sets. terraform-controller 0.1.16 and 0.8.1. */
const SPEC_FIELDS: Readonly<Record<Dialect, Readonly<Record<string, Kind>>>> = {
  '1.1': { hcl: 'text', JSON: 'text', backend: 'mapping', providerRef: 'reference', writeConnectionSecretToRef: 'reference' },
  '1.10': {
    hcl: 'text',
    remote: 'text',
    path: 'text',
    backend: 'mapping',
    providerRef: 'reference',
    writeConnectionSecretToRef: 'reference',
    deleteResource: 'flag',
    customRegion: 'text',
    forceDelete: 'flag',
    inlineCredentials: 'flag',
    gitCredentialsSecretReference: 'reference',
    gitRef: 'mapping',
    terraformRCConfigMapReference: 'reference',
    terraformCredentialsSecretReference: 'reference',
    terraformCredentialsHelperConfigMapReference: 'reference',
  },
};

/** Properties that are no variables. What else sets a field of the spec is a variable as well: KubeVela leaves it in. */
const NO_VARIABLES: Readonly<Record<Dialect, ReadonlySet<string>>> = {
  '1.1': new Set(['writeConnectionSecretToRef']),
  '1.10': new Set(['writeConnectionSecretToRef', 'customRegion', 'providerRef', 'forceDelete', 'gitCredentialsSecretReference']),
};

/** KubeVela 1.10: what a component does not say, its definition may. */
const FROM_DEFINITION = ['writeConnectionSecretToRef', 'providerRef', 'gitCredentialsSecretReference'];

/**
 * The Configuration of a component, without labels; `unknown` are the properties that no variable takes. `creationTimestamp: null` and `status: {}` are left out
 * of what KubeVela 1.1 made: they only came from the shape of a Go struct.
 */
export function configurationOf(
  dialect: Dialect,
  definition: KubeObject,
  component: { readonly name: string; readonly properties: unknown },
  namespace: string,
): ConfigurationResult {
  const schematic = readSchematic(definition);
  const wrong = (code: Code, message: string, at: Path = []): ConfigurationResult => ({ mistake: { code, message, at } });
  if (schematic.configuration === '') return wrong('render/template', 'terraform configuration is not set');
  const text = textFields(dialect, schematic);
  if (text === null) return wrong('load/unsupported', `KubeVela ${dialect} has no Terraform schematic of type "${schematic.type}"`);
  if (component.properties !== null && !isRecord(component.properties))
    return wrong('render/parameter', 'failed to convert Terraform component properties: they are no mapping');
  const properties = asObject(component.properties);
  const given: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(SPEC_FIELDS[dialect])) {
    const value = properties[name] ?? (dialect === '1.10' && FROM_DEFINITION.includes(name) ? schematic.defaults[name] : undefined);
    if (value === undefined || value === null) continue;
    const at = misfit(kind, value);
    if (at !== null) return wrong('render/parameter', 'failed to convert Terraform component properties', [name, ...at]);
    given[name] = value;
  }
  const secret = asObject(given['writeConnectionSecretToRef']);
  if (given['writeConnectionSecretToRef'] !== undefined) {
    if (asText(secret['name']) === '')
      return wrong('render/parameter', 'the name of writeConnectionSecretToRef of terraform component is not set', ['writeConnectionSecretToRef']);
    given['writeConnectionSecretToRef'] = { ...secret, namespace: asText(secret['namespace']) || namespace };
  }
  const variable = Object.fromEntries(Object.entries(properties).filter(([name]) => !NO_VARIABLES[dialect].has(name)));
  const declared = variablesOf(schematic);
  const output = {
    apiVersion: `terraform.core.oam.dev/${dialect === '1.1' ? 'v1beta1' : 'v1beta2'}`,
    kind: 'Configuration',
    metadata: {
      name: component.name,
      namespace,
      ...(dialect === '1.10' && definition.metadata.annotations !== undefined ? { annotations: definition.metadata.annotations } : {}),
    },
    // KubeVela 1.1 lets a property of the text's name stand before the definition's, 1.10 does not.
    spec: dialect === '1.1' ? { ...text, ...given, variable } : { ...given, ...text, variable },
  } as unknown as JsonObject;
  const unknown = declared === null ? [] : Object.keys(variable).filter((name) => !declared.includes(name) && SPEC_FIELDS[dialect][name] === undefined);
  return { output, unknown, declared: declared ?? [] };
}

function textFields(dialect: Dialect, { type, configuration, path }: Schematic): JsonObject | null {
  if (type === 'hcl') return { hcl: configuration };
  if (type === 'json' && dialect === '1.1') return { JSON: configuration };
  if (type === 'remote' && dialect === '1.10') return { remote: configuration, ...(path === '' ? {} : { path }) };
  return null;
}

/** Where a value does not have its kind; null where it has. */
function misfit(kind: Kind, value: unknown): Path | null {
  if (kind === 'text') return typeof value === 'string' ? null : [];
  if (kind === 'flag') return typeof value === 'boolean' ? null : [];
  if (!isRecord(value)) return [];
  if (kind === 'mapping') return null;
  const part = ['name', 'namespace'].find((name) => value[name] !== undefined && typeof value[name] !== 'string');
  return part === undefined ? null : [part];
}

/** The names of the variables that a text declares; null where they are not to be seen. */
export function variablesOf({ type, configuration }: Pick<Schematic, 'type' | 'configuration'>): readonly string[] | null {
  if (type === 'hcl') return [...configuration.matchAll(/^[ \t]*variable[ \t]+"?([\w-]+)"?[ \t]*\{/gm)].map((match) => match[1] ?? '');
  if (type !== 'json') return null;
  try {
    const value = parseJson(configuration);
    return isRecord(value) && isRecord(value['variable']) ? Object.keys(value['variable']) : null;
  } catch {
    return null;
  }
}

/** What tells of a Configuration: KubeVela reads its status by code, whatever the definition says. */
export const TERRAFORM_STATUS: Readonly<Record<Dialect, StatusTemplates>> = {
  '1.1': {
    healthPolicy: 'isHealth: [if context.output.status.state != _|_ {context.output.status.state}, ""][0] == "Available"\n',
    customStatus: 'message: [if context.output.status.message != _|_ {context.output.status.message}, ""][0]\n',
  },
  '1.10': {
    healthPolicy: `_state: [if context.output.status.apply.state != _|_ {context.output.status.apply.state}, ""][0]
_isSeen: [if context.output.status.observedGeneration != _|_ && context.output.metadata.generation != _|_ {context.output.status.observedGeneration == 0 || context.output.status.observedGeneration == context.output.metadata.generation}, true][0]
isHealth: _state == "Available" && _isSeen
`,
    customStatus: 'message: [if context.output.status.apply.message != _|_ {context.output.status.apply.message}, ""][0]\n',
  },
};
