/** The step types whose behaviour is code. The larger ones have a file each; here are those that deliver components one by one, and suspend. */
import { Fault } from '../../model/fault.ts';
import type { Json, JsonObject } from '../../model/object.ts';
import type { ComponentRef } from '../../model/plan.ts';
import type { ServiceHealth } from '../../model/status.ts';
import { parsePath, setPath } from '../conditions.ts';
import type { StepContext } from '../run.ts';
import { deploy } from './deploy.ts';
import { deployEnvironment } from './environment.ts';
import { placementIn, renderedIn } from './placement.ts';
import { DONE, HEALTH_INTERVAL_MS, outputsOf, serviceKey, type Coded, type StepResult } from './result.ts';

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const applyComponent: Coded = async (context, found) => {
  const properties = (context.properties ?? {}) as JsonObject;
  const name = text(properties['component']);
  const spec = context.desired.componentSpecs.find((component) => component.name === name);
  if (spec === undefined) throw new Fault('load/reference', `component ${name} not found`);
  const component = withInputsOf(context, spec);
  const rendered = await renderedIn(
    context,
    component === spec ? name : component,
    placementIn(context, text(properties['cluster']), text(properties['namespace'])),
    component === spec ? undefined : component.properties,
  );
  const outcome = await context.delivery.component(rendered);
  found(serviceKey(outcome.health), outcome.health);
  if (outcome.fault !== null) throw outcome.fault;
  // KubeVela 1.1 goes on as soon as it is applied; health is looked at when all steps are through.
  if (!outcome.health.healthy && context.desired.dialect === '1.10')
    return { kind: 'wait', message: 'wait healthy', outputs: {}, retryAfterMs: HEALTH_INTERVAL_MS };
  return { ...DONE, ...(await outputsOf(context, context.step.outputs, outcome)) };
};

/** The component with the step's inputs, which were put below `value`, over what the Application says: a list keeps its other items. */
function withInputsOf(context: StepContext, spec: ComponentRef): ComponentRef {
  const { step, properties } = context;
  const paths = step.inputs
    .map((input) => parsePath(input.parameterKey))
    .filter(([first, second]) => first === 'value' && (second === 'properties' || second === 'traits'));
  if (paths.length === 0) return spec;
  const filled = paths.reduce<Json>((target, path) => setPath(target, path.slice(1), valueAt(properties, path)), {
    properties: spec.properties,
    traits: spec.traits as unknown as Json,
  });
  const { properties: own, traits } = filled as unknown as Pick<ComponentRef, 'properties' | 'traits'>;
  return { ...spec, properties: own, traits };
}

const valueAt = (value: Json, path: readonly (string | number)[]): Json =>
  path.reduce<Json>((at, part) => (at as JsonObject | null)?.[String(part)] ?? null, value);

/** Every component at once, or those that no step names (apply-remaining). KubeVela: legacy steps. */
const applyAll =
  (names: (context: StepContext) => readonly string[]): Coded =>
  async (context, found) => {
    const waiting: string[] = [];
    for (const name of names(context)) {
      const outcome = await context.delivery.component(await renderedIn(context, name, placementIn(context, '', ''), undefined));
      found(serviceKey(outcome.health), outcome.health);
      if (outcome.fault !== null) throw outcome.fault;
      if (!outcome.health.healthy) waiting.push(name);
    }
    return waiting.length > 0 && context.desired.dialect === '1.10'
      ? { kind: 'wait', message: 'wait healthy', outputs: {}, retryAfterMs: HEALTH_INTERVAL_MS }
      : DONE;
  };

function remaining(context: StepContext): readonly string[] {
  const exceptions = (context.properties as JsonObject | null)?.['exceptions'];
  const named = new Set<string>(
    Array.isArray(exceptions) ? exceptions.filter((item): item is string => typeof item === 'string') : Object.keys((exceptions ?? {}) as object),
  );
  for (const step of context.desired.steps) if (step.type === 'apply-component') named.add(text(step.properties['component']));
  return context.desired.componentSpecs.map((component) => component.name).filter((name) => !named.has(name));
}

/** KubeVela 1.10: suspends at once; goes on after `duration`, when resumed, or by an Approval. */
const suspend: Coded = async (context) => {
  if (context.resumed) return { ...DONE, ...(await outputsOf(context, context.step.outputs, { output: null, outputs: {} })) };
  const duration = text((context.properties as JsonObject | null)?.['duration']);
  const message = 'Suspended by field suspend';
  if (duration === '') return { kind: 'suspend', message, outputs: {} };
  const ms = goDurationMs(duration);
  if (ms === null) throw new Fault('workflow/step-failed', `failed to parse duration "${duration}"`);
  return { kind: 'suspend', message, outputs: {}, retryAfterMs: ms };
};

function goDurationMs(duration: string): number | null {
  const unit: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== duration) return null;
  return parts.reduce((sum, part) => sum + Number(part[1]) * (unit[part[2] ?? ''] ?? 0), 0);
}

const CODED: Readonly<Record<string, Coded>> = {
  'apply-component': applyComponent,
  'builtin-apply-component': applyComponent,
  'apply-application': applyAll((context) => context.desired.componentSpecs.map((component) => component.name)),
  'apply-remaining': applyAll(remaining),
  suspend,
  deploy,
  'multi-env': deployEnvironment,
  deploy2cluster: deployEnvironment,
  'mutil-env': deployEnvironment,
  deploy2env: deployEnvironment,
};

/** Whether a step type is code. step-group is the engine's own. */
export const isCoded = (type: string): boolean => Object.hasOwn(CODED, type);

/** Runs a coded step. Throws Faults: the step is failed with reason Execute and tried again. */
export function runCoded(context: StepContext, found: (key: string, health: ServiceHealth) => void): Promise<StepResult> {
  const run = CODED[context.step.type];
  if (run === undefined) throw new Fault('loop/bug', `step type ${context.step.type} is not coded`);
  return run(context, found);
}
