/** From what the evaluator says to a diagnostic at the line of the repository that caused it. */
import type { CueError, CueUnknownParameter } from '../model/cue.ts';
import type { Locate, Path } from '../model/catalog.ts';
import { CODES, type Code, type Diagnostic, type Fault, type Origin, type Severity } from '../model/fault.ts';
import type { JsonObject } from '../model/object.ts';
import type { ComponentRef } from '../model/plan.ts';
import { asList, asText, type ApplicationSpec } from './application.ts';
import type { Definition } from './definitions.ts';
import { suggestion } from './rules.ts';
import type { TerraformMistake } from './terraform.ts';

export interface Where {
  readonly app: ApplicationSpec;
  readonly component: ComponentRef;
  readonly own: Definition;
  readonly traits: readonly Definition[];
}

/** `namespace/name`, as diagnostics and logs name an application. */
export const nameOf = (app: ApplicationSpec): string => `${app.namespace}/${app.name}`;

const CODE_OF: Readonly<Record<CueError['code'], Code>> = {
  parse: 'render/cue',
  parameter: 'render/parameter',
  user: 'render/user',
  template: 'render/template',
  concrete: 'render/template',
  nonconcrete: 'render/template',
  unsupported: 'load/unsupported',
};

const index = (text: string): string | number => (/^\d+$/.test(text) ? Number(text) : text);

/** `parameter.ports.0.port` as a path below the properties. */
const below = (path: readonly string[]): Path => path.slice(1).map(index);

/**
 * Where a position inside a definition's template stands in its file. A template is nearly always a block scalar, whose
 * content begins below its key, indented; one that is quoted beside its key gives that line.
 */
export function templateOrigin(locate: Locate, line: number, column: number): Origin {
  const path = ['spec', 'schematic', 'cue', 'template'];
  const at = locate(path, 'value');
  return at.line > locate(path, 'key').line ? { path: at.path, line: at.line + line - 1, column: at.column + column - 1 } : at;
}

/** Where a component, or one of its traits, is written: in a patch the traits stand in another order, and not all of them. */
function placeOf(app: ApplicationSpec, component: ComponentRef, trait: number | undefined): Path {
  if (trait === undefined) return component.at;
  const written = component.at.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[String(key)], app.document.object) as
    | { readonly traits?: unknown }
    | undefined;
  const traits = asList(written?.traits);
  const isIt = (item: JsonObject | undefined): boolean => item !== undefined && asText(item['type']) === component.traits[trait]?.type;
  // Two traits of one type are told apart by their place, where it is as written.
  const index = isIt(traits[trait]) ? trait : traits.findIndex(isIt);
  return index < 0 ? component.at : [...component.at, 'traits', index];
}

/** The diagnostic of one error of a component's rendering: at the property, at the template's line, or at the type. */
export function diagnosticOf(where: Where, error: CueError, severity: Severity): Diagnostic {
  const { app, component } = where;
  const at = placeOf(app, component, error.trait);
  const definition = error.trait === undefined ? where.own : where.traits[error.trait];
  const owner =
    error.trait === undefined
      ? `component "${component.name}" (${component.type})`
      : `trait "${component.traits[error.trait]?.type ?? ''}" of component "${component.name}"`;
  const code = CODE_OF[error.code];
  const locate = app.document.locate;
  if (error.code === 'parameter') {
    const path = below(error.path ?? []);
    return {
      code,
      severity,
      application: nameOf(app),
      message: `${owner}: ${propertyText(path, error.message)}${error.message}`,
      origin: locate([...at, 'properties', ...path]),
      hint: `See the parameter of ${definition?.kind ?? 'the definition'} "${definition?.name ?? ''}".`,
    };
  }
  if (error.line !== undefined && definition?.locate) {
    return {
      code,
      severity,
      application: nameOf(app),
      message: `${owner}: ${definition.kind} "${definition.name}": ${error.message}`,
      origin: templateOrigin(definition.locate, error.line, error.column ?? 1),
      hint: `Used by ${nameOf(app)} (${locate(at).path}:${locate(at).line}).`,
    };
  }
  const place =
    definition === undefined || definition.from === 'repository'
      ? ''
      : ` (${definition.kind} "${definition.name}" of the ${definition.from === 'hub' ? 'hub' : 'built-in pack'}${error.line === undefined ? '' : `, template line ${error.line}`})`;
  return { code, severity, application: nameOf(app), message: `${owner}: ${error.message}${place}`, origin: locate([...at, 'type'], 'value') };
}

/** `property ports[0].port: `, unless the message says so itself. */
function propertyText(path: Path, message: string): string {
  const text = path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${part}`)).join('');
  return text === '' || message.includes(text) ? '' : `property ${text}: `;
}

/** What the evaluator gave up on: at the type that asked for the template. */
export function gaveUpDiagnostic(app: ApplicationSpec, component: ComponentRef, definition: Definition, fault: Fault): Diagnostic {
  const at = definition.locate?.(['spec', 'schematic', 'cue', 'template'], 'key');
  return {
    code: fault.code,
    severity: 'error',
    application: nameOf(app),
    message: fault.message,
    origin: app.document.locate([...component.at, 'type'], 'value'),
    hint: `${CODES[fault.code].action}${at === undefined ? '' : ` The template is at ${at.path}:${at.line}.`}`,
  };
}

/** A property that the definition does not declare: KubeVela takes it silently, and it does nothing. */
export function unknownPropertyDiagnostic(where: Where, unknown: CueUnknownParameter): Diagnostic {
  const { app, component } = where;
  const at = placeOf(app, component, unknown.trait);
  const name = unknown.path.at(-1) ?? '';
  return {
    code: 'render/parameter',
    severity: 'warning',
    application: nameOf(app),
    origin: app.document.locate([...at, 'properties', ...below(unknown.path)], 'key'),
    message: `property "${unknown.path.slice(1).join('.')}" is not declared by the definition and has no effect${suggestion(name, unknown.declared)}`,
    hint: unknown.declared.length === 0 ? 'Take it out.' : `Declared are: ${unknown.declared.slice(0, 20).join(', ')}.`,
  };
}

/** What is wrong with a component that Terraform makes: at the property, or at the type where the definition is to blame. */
export function terraformDiagnostic({ app, component, own }: Where, { code, message, at }: TerraformMistake): Diagnostic {
  const isProperty = at.length > 0;
  return {
    code,
    severity: 'error',
    application: nameOf(app),
    message: `component "${component.name}" (${component.type}): ${message}`,
    origin: app.document.locate([...component.at, ...(isProperty ? ['properties', ...at] : ['type'])]),
    hint: isProperty ? `It is part of the Configuration's spec: see ${own.kind} "${own.name}".` : `See spec.schematic.terraform of ${own.kind} "${own.name}".`,
  };
}

/** A component of a type that another tool would have to render: without it there would be nothing, and nobody would be told. */
export function noTemplateDiagnostic({ app, component, own }: Where, schematic: string): Diagnostic {
  return {
    code: 'render/template',
    severity: 'error',
    application: nameOf(app),
    origin: app.document.locate([...component.at, 'type'], 'value'),
    message: `component "${component.name}" (${component.type}): ${own.kind} "${own.name}" gives no output: it has schematic.${schematic}, and only CUE and Terraform are rendered`,
    hint: 'Use a definition with schematic.cue.',
  };
}

/** KubeVela 1.1: a trait that keeps the workload leaves it to a controller of vela-core; without one nothing of the component runs. */
export function managedDiagnostic({ app, component }: Where, trait: number): Diagnostic {
  return {
    code: 'load/unsupported',
    severity: 'warning',
    application: nameOf(app),
    origin: app.document.locate([...placeOf(app, component, trait), 'type'], 'value'),
    message: `trait "${component.traits[trait]?.type ?? ''}" of component "${component.name}" keeps the workload itself, which Lateen does not carry out: it is not applied, and nothing of it runs`,
    hint: 'Take the trait out, or run a controller for what it makes.',
  };
}

/** A type that no definition declares. */
export function unknownTypeDiagnostic(app: ApplicationSpec, kind: string, type: string, path: Path, names: readonly string[]): Diagnostic {
  return {
    code: 'render/unknown-type',
    severity: 'error',
    application: nameOf(app),
    origin: app.document.locate(path, 'value'),
    message: `there is no ${kind} "${type}"${suggestion(type, names)}`,
    hint: `Looked in the repository, on the hub (namespaces ${app.namespace} and vela-system) and in the built-in pack for KubeVela ${app.dialect}.`,
  };
}
