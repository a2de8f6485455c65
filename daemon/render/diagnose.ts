/** From what the evaluator says to a diagnostic at the line of the repository that caused it. */
import type { CueError, CueUnknownParameter } from '../model/cue.ts';
import type { Locate, Path } from '../model/catalog.ts';
import type { Code, Diagnostic, Origin, Severity } from '../model/fault.ts';
import type { ApplicationSpec, ComponentSpec } from './application.ts';
import type { Definition } from './definitions.ts';
import { suggestion } from './rules.ts';

export interface Where {
  readonly app: ApplicationSpec;
  readonly component: ComponentSpec;
  readonly own: Definition;
  readonly traits: readonly Definition[];
}

/** `namespace/name`, as diagnostics and logs name an application. */
export const nameOf = (app: ApplicationSpec): string => `${app.namespace}/${app.name}`;

const CODE_OF: Readonly<Record<CueError['code'], Code>> = {
  parse: 'render/cue', parameter: 'render/parameter', user: 'render/user', template: 'render/template', concrete: 'render/template', nonconcrete: 'render/template', unsupported: 'load/unsupported',
};

const index = (text: string): string | number => (/^\d+$/.test(text) ? Number(text) : text);

/** `parameter.ports.0.port` as a path below the properties. */
const below = (path: readonly string[]): Path => path.slice(1).map(index);

/**
 * The line of a position inside a definition's template. A template is nearly always a block scalar, whose first line
 * is the one after its key; one that is quoted on a single line gives that line.
 */
export function templateOrigin(locate: Locate, template: string, line: number, column: number): Origin {
  const at = locate(['spec', 'schematic', 'cue', 'template'], 'value');
  return template.includes('\n') ? { path: at.path, line: at.line + line, column } : at;
}

/** The diagnostic of one error of a component's rendering: at the property, at the template's line, or at the type. */
export function diagnosticOf(where: Where, error: CueError, severity: Severity): Diagnostic {
  const { app, component } = where;
  const at: Path = error.trait === undefined ? ['spec', 'components', component.index] : ['spec', 'components', component.index, 'traits', error.trait];
  const definition = error.trait === undefined ? where.own : where.traits[error.trait];
  const owner = error.trait === undefined ? `component "${component.name}" (${component.type})` : `trait "${component.traits[error.trait]?.type ?? ''}" of component "${component.name}"`;
  const code = CODE_OF[error.code];
  const locate = app.document.locate;
  if (error.code === 'parameter') {
    const path = below(error.path ?? []);
    return { code, severity, application: nameOf(app), message: `${owner}: ${error.message}`, origin: locate([...at, 'properties', ...path]), hint: `See the parameter of ${definition?.kind ?? 'the definition'} "${definition?.name ?? ''}".` };
  }
  if (error.line !== undefined && definition?.locate) {
    return { code, severity, application: nameOf(app), message: `${owner}: ${definition.kind} "${definition.name}": ${error.message}`, origin: templateOrigin(definition.locate, definition.template, error.line, error.column ?? 1), hint: `Used by ${nameOf(app)} (${locate(at).path}:${locate(at).line}).` };
  }
  const place = definition === undefined || definition.from === 'repository' ? '' : ` (${definition.kind} "${definition.name}" of the ${definition.from === 'hub' ? 'hub' : 'built-in pack'}${error.line === undefined ? '' : `, template line ${error.line}`})`;
  return { code, severity, application: nameOf(app), message: `${owner}: ${error.message}${place}`, origin: locate([...at, 'type'], 'value') };
}

/** A property that the definition does not declare: KubeVela takes it silently, and it does nothing. */
export function unknownPropertyDiagnostic(where: Where, unknown: CueUnknownParameter): Diagnostic {
  const { app, component } = where;
  const at: Path = unknown.trait === undefined ? ['spec', 'components', component.index] : ['spec', 'components', component.index, 'traits', unknown.trait];
  const name = unknown.path.at(-1) ?? '';
  return {
    code: 'render/parameter', severity: 'warning', application: nameOf(app), origin: app.document.locate([...at, 'properties', ...below(unknown.path)], 'key'),
    message: `property "${unknown.path.slice(1).join('.')}" is not declared by the definition and has no effect${suggestion(name, unknown.declared)}`,
    hint: unknown.declared.length === 0 ? 'Take it out.' : `Declared are: ${unknown.declared.slice(0, 20).join(', ')}.`,
  };
}

/** A type that no definition declares. */
export function unknownTypeDiagnostic(app: ApplicationSpec, kind: string, type: string, path: Path, names: readonly string[]): Diagnostic {
  return {
    code: 'render/unknown-type', severity: 'error', application: nameOf(app), origin: app.document.locate(path, 'value'),
    message: `there is no ${kind} "${type}"${suggestion(type, names)}`,
    hint: `Looked in the repository, on the hub (namespaces ${app.namespace} and vela-system) and in the built-in pack for KubeVela ${app.dialect}.`,
  };
}
