/** The effective workflow steps of an Application (spec/kubevela.md 3.5). */
import type { Document, Path } from '../model/catalog.ts';
import type { Diagnostic } from '../model/fault.ts';
import type { JsonObject } from '../model/object.ts';
import type { Step, StepMode } from '../model/plan.ts';
import { asList, asObject, asText, asTexts, inputsOf, namedSteps, outputsOf, type ApplicationSpec } from './application.ts';
import type { Definition, Definitions } from './definitions.ts';
import { envPolicies, isEnvironmentStep } from './environment.ts';
import { nameOf, unknownTypeDiagnostic } from './diagnose.ts';
import { suggestion } from './rules.ts';

/** Step types whose behaviour is code, in KubeVela 1.10 and here; a definition of that name only documents them. */
const CODED = new Set(['apply-component', 'builtin-apply-component', 'suspend', 'step-group', 'deploy', 'apply-application', 'apply-remaining']);

export interface EffectiveSteps {
  readonly steps: readonly Step[];
  readonly mode: { readonly steps: StepMode; readonly subSteps: StepMode };
  readonly definitions: readonly Definition[];
  readonly diagnostics: readonly Diagnostic[];
}

/** A Go duration (`1m30s`, `500ms`) in milliseconds; null when it is none. */
export function durationMs(text: string): number | null {
  if (text === '') return null;
  const unit: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) return null;
  return parts.reduce((sum, part) => sum + Number(part[1]) * (unit[part[2] ?? ''] ?? 0), 0);
}

/**
 * The steps that run, in order. KubeVela 1.10: the first of workflow.ref, explicit steps, one `deploy` for each
 * topology policy (or one for overrides alone), one `deploy2env` for each environment, one apply-component for each component. KubeVela 1.1 has explicit steps
 * or delivers every component in order, which is the same apply-component steps without showing them.
 */
export function effectiveSteps(app: ApplicationSpec, definitions: Definitions, workflows: readonly Document[]): EffectiveSteps {
  const used: Definition[] = [];
  const diagnostics: Diagnostic[] = [];
  const mode = asObject(app.workflow?.['mode']);
  const modeOf = (value: unknown, fallback: StepMode): StepMode => (value === 'DAG' || value === 'StepByStep' ? value : fallback);
  const modes = { steps: modeOf(mode['steps'], app.workflow === null ? 'DAG' : 'StepByStep'), subSteps: modeOf(mode['subSteps'], 'DAG') };

  const read = (step: JsonObject, path: readonly (string | number)[] | null): Step => {
    const type = asText(step['type']);
    let template: string | null = null;
    if (!CODED.has(type) && !isEnvironmentStep(app.dialect, type)) {
      const definition = definitions.find(app.dialect, 'WorkflowStepDefinition', type, app.namespace);
      if (definition === null)
        diagnostics.push(
          unknownTypeDiagnostic(
            app,
            'WorkflowStepDefinition',
            type,
            [...(path ?? ['spec', 'workflow']), 'type'],
            definitions.names(app.dialect, 'WorkflowStepDefinition', app.namespace),
          ),
        );
      else {
        used.push(definition);
        template = definition.template;
      }
    }
    return {
      name: asText(step['name']),
      type,
      properties: asObject(step['properties']),
      if: asText(step['if']),
      timeoutMs: durationMs(asText(step['timeout'])),
      dependsOn: asTexts(step['dependsOn']),
      inputs: inputsOf(step['inputs']),
      outputs: outputsOf(step['outputs']),
      template,
      mode: modeOf(step['mode'], modes.subSteps),
      subSteps: asList(step['subSteps']).map((sub, i) => read(sub, path === null ? null : [...path, 'subSteps', i])),
    };
  };

  const ref = asText(app.workflow?.['ref']);
  if (ref !== '') {
    const found = workflows.find((workflow) => workflow.object.metadata.name === ref && (workflow.object.metadata.namespace ?? 'default') === app.namespace);
    if (found === undefined) {
      diagnostics.push({
        code: 'load/reference',
        severity: 'error',
        application: nameOf(app),
        origin: app.document.locate(['spec', 'workflow', 'ref'], 'value'),
        message: `there is no Workflow "${ref}" in namespace ${app.namespace}${suggestion(
          ref,
          workflows.map((workflow) => workflow.object.metadata.name ?? ''),
        )}`,
        hint: 'Add the Workflow document to the repository.',
      });
      return { steps: [], mode: modes, definitions: used, diagnostics };
    }
    const named = namedSteps(asList(found.object['steps']));
    const own = asObject(found.object['mode']);
    return {
      steps: named.map((step) => withComponent(app, read(step, null))),
      mode: { steps: modeOf(own['steps'], 'StepByStep'), subSteps: modeOf(own['subSteps'], 'DAG') },
      definitions: used,
      diagnostics,
    };
  }
  const explicit = asList(app.workflow?.['steps']);
  const steps =
    explicit.length > 0 ? explicit.map((step, i) => read(step, ['spec', 'workflow', 'steps', i])) : generatedSteps(app).map((step) => read(step, null));
  if (app.dialect === '1.10') diagnostics.push(...componentsExist(app, steps, ['spec', 'workflow', 'steps']));
  return { steps: steps.map((step) => withComponent(app, step)), mode: modes, definitions: used, diagnostics };
}

/** KubeVela 1.10: what runs when the Application names no steps. */
function generatedSteps(app: ApplicationSpec): readonly JsonObject[] {
  const named = (type: string): readonly string[] => app.policies.filter((policy) => policy.type === type).map((policy) => policy.name);
  const overrides = named('override');
  const topologies = app.dialect === '1.10' ? named('topology') : [];
  if (topologies.length > 0)
    return topologies.map((topology) => ({ name: `deploy-${topology}`, type: 'deploy', properties: { policies: [...overrides, topology] } }));
  if (app.dialect === '1.10' && (overrides.length > 0 || app.components.some((component) => component.type === 'ref-objects')))
    return [{ name: 'deploy', type: 'deploy', properties: { policies: overrides } }];
  const environments = envPolicies(app).flatMap((policy) =>
    asList(policy.properties['envs']).map((env) => ({
      name: `deploy-${policy.name}-${asText(env['name'])}`,
      type: 'deploy2env',
      properties: { policy: policy.name, env: asText(env['name']) },
    })),
  );
  // KubeVela 1.1 delivers by itself what no step is to deliver.
  if (envPolicies(app).length > 0) return app.dialect === '1.1' ? [] : environments;
  return app.components.map((component) => ({ name: component.name, type: 'apply-component', properties: { component: component.name } }));
}

/**
 * KubeVela 1.10: an apply-component step takes over its component's inputs, outputs and dependsOn, and what goes into it
 * by inputs, its own as well, goes into the component's properties.
 */
function withComponent(app: ApplicationSpec, step: Step): Step {
  const subSteps = step.subSteps.map((sub) => withComponent(app, sub));
  if (step.type !== 'apply-component') return { ...step, subSteps };
  const component = app.components.find((item) => item.name === asText(step.properties['component']));
  if (component === undefined) return { ...step, subSteps };
  const below = (key: string): string => (/^(properties|traits\[)/.test(key) ? `value.${key}` : `value.properties.${key}`);
  const own = step.inputs.map((input) =>
    app.dialect === '1.1' || input.parameterKey === '' || input.parameterKey.startsWith('value.')
      ? input
      : { ...input, parameterKey: below(input.parameterKey) },
  );
  return {
    ...step,
    subSteps,
    dependsOn: [...step.dependsOn, ...component.dependsOn],
    inputs: [...own, ...component.inputs.map((input) => ({ from: input.from, parameterKey: below(input.parameterKey) }))],
    outputs: [...step.outputs, ...component.outputs],
  };
}

/** Steps of 1.10 that apply a component which the Application does not have: KubeVela runs no step then. */
function componentsExist(app: ApplicationSpec, steps: readonly Step[], path: Path): readonly Diagnostic[] {
  const names = app.components.map((component) => component.name);
  return steps.flatMap((step, i): readonly Diagnostic[] => {
    const at = [...path, i];
    const inside = componentsExist(app, step.subSteps, [...at, 'subSteps']);
    const name = asText(step.properties['component']);
    if (step.type !== 'apply-component' || names.includes(name)) return inside;
    return [
      {
        code: 'workflow/call',
        severity: 'error',
        application: nameOf(app),
        origin: app.document.locate([...at, 'properties', 'component'], 'value'),
        message: `step "${step.name}": component ${name} not found${suggestion(name, names)}`,
        hint: names.length === 0 ? 'The Application has no components.' : `Its components are ${names.join(', ')}.`,
      },
      ...inside,
    ];
  });
}
