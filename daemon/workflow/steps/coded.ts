/** The step types whose behaviour is code: apply-component, apply-application, apply-remaining, suspend, deploy. */
import type { CueJson } from '../../model/cue.ts';
import { Fault } from '../../model/fault.ts';
import type { Json, JsonObject } from '../../model/object.ts';
import type { PlacementRef, RenderedComponent } from '../../model/plan.ts';
import type { ServiceHealth } from '../../model/status.ts';
import { setPath } from '../conditions.ts';
import type { ComponentOutcome, StepContext } from '../run.ts';

/** What came of a step in this pass. */
export interface StepResult {
  readonly kind: 'succeeded' | 'wait' | 'suspend' | 'break' | 'fail';
  readonly message: string;
  readonly outputs: Readonly<Record<string, CueJson>>;
  readonly outputErrors?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number;
}

type Coded = (context: StepContext, found: (key: string, health: ServiceHealth) => void) => Promise<StepResult>;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const done: StepResult = { kind: 'succeeded', message: '', outputs: {} };

/** How long after an apply it is worth looking for health again. A watch usually says so sooner. */
const HEALTH_INTERVAL_MS = 500;

function placementOf(properties: JsonObject): PlacementRef {
  return { cluster: text(properties['cluster']), namespace: text(properties['namespace']), replicaKey: '' };
}

/** The component as the step wants it: as rendered before, or anew where inputs or a placement change it. */
async function renderedFor(context: StepContext, name: string, placement: PlacementRef, properties: Json | undefined): Promise<RenderedComponent> {
  const { desired } = context;
  const known = desired.components.get(name);
  const here = placement.cluster === '' && placement.namespace === '' && placement.replicaKey === '';
  if (known !== undefined && here && properties === undefined) return known;
  return desired.render(name, placement, properties, context.signal);
}

/** `output.…`, `outputs.<name>.…` or an expression over them. KubeVela 1.10: outputs of a component. */
async function outputsOf(context: StepContext, outcome: ComponentOutcome): Promise<{ readonly outputs: Record<string, CueJson>; readonly outputErrors: Record<string, string> }> {
  const outputs: Record<string, CueJson> = {};
  const outputErrors: Record<string, string> = {};
  const scope = { output: (outcome.output ?? {}) as unknown as CueJson, outputs: outcome.outputs as unknown as CueJson };
  for (const { name, valueFrom } of context.step.outputs) {
    const result = await context.cue.evaluateExpression({ expression: valueFrom, scope });
    if (result.error === undefined) outputs[name] = result.value;
    else outputErrors[name] = result.error.message;
  }
  return { outputs, outputErrors };
}

const serviceKey = (health: ServiceHealth): string => `${health.cluster}/${health.namespace}/${health.name}`;

const applyComponent: Coded = async (context, found) => {
  const properties = (context.properties ?? {}) as JsonObject;
  const name = text(properties['component']);
  const spec = context.desired.componentSpecs.find((component) => component.name === name);
  if (spec === undefined) throw new Fault('load/reference', `component ${name} not found`);
  const value = properties['value'] as JsonObject | undefined;
  // Inputs were put below `value.properties`; they go over what the Application says.
  const patched = value === undefined ? undefined : mergeOver(spec.properties, value['properties'] ?? {});
  const rendered = await renderedFor(context, name, placementOf(properties), patched);
  const outcome = await context.delivery.component(rendered);
  found(serviceKey(outcome.health), outcome.health);
  if (outcome.fault !== null) throw outcome.fault;
  // KubeVela 1.1 goes on as soon as it is applied; health is looked at when all steps are through.
  if (!outcome.health.healthy && context.desired.dialect === '1.10') return { kind: 'wait', message: 'wait healthy', outputs: {}, retryAfterMs: HEALTH_INTERVAL_MS };
  return { ...done, ...(await outputsOf(context, outcome)) };
};

function mergeOver(base: Json, over: Json): Json {
  if (over === null || typeof over !== 'object' || Array.isArray(over)) return over;
  return Object.entries(over as JsonObject).reduce<Json>((target, [key, item]) => {
    const inner = target !== null && typeof target === 'object' && !Array.isArray(target) ? (target as JsonObject)[key] : undefined;
    return setPath(target, [key], inner === undefined ? item : mergeOver(inner, item));
  }, base);
}

/** Every component at once, or those that no step names (apply-remaining). KubeVela: legacy steps. */
const applyAll = (names: (context: StepContext) => readonly string[]): Coded => async (context, found) => {
  const waiting: string[] = [];
  for (const name of names(context)) {
    const outcome = await context.delivery.component(await renderedFor(context, name, { cluster: '', namespace: '', replicaKey: '' }, undefined));
    found(serviceKey(outcome.health), outcome.health);
    if (outcome.fault !== null) throw outcome.fault;
    if (!outcome.health.healthy) waiting.push(name);
  }
  return waiting.length > 0 && context.desired.dialect === '1.10' ? { kind: 'wait', message: 'wait healthy', outputs: {}, retryAfterMs: HEALTH_INTERVAL_MS } : done;
};

function remaining(context: StepContext): readonly string[] {
  const exceptions = (context.properties as JsonObject | null)?.['exceptions'];
  const named = new Set<string>(Array.isArray(exceptions) ? exceptions.filter((item): item is string => typeof item === 'string') : Object.keys((exceptions ?? {}) as object));
  for (const step of context.desired.steps) if (step.type === 'apply-component') named.add(text(step.properties['component']));
  return context.desired.componentSpecs.map((component) => component.name).filter((name) => !named.has(name));
}

/** KubeVela 1.10: suspends at once; goes on after `duration`, when resumed, or by an Approval. */
const suspend: Coded = (context) => {
  if (context.resumed) return Promise.resolve(done);
  const duration = text((context.properties as JsonObject | null)?.['duration']);
  const message = 'Suspended by field suspend';
  if (duration === '') return Promise.resolve({ kind: 'suspend', message, outputs: {} });
  const ms = goDurationMs(duration);
  if (ms === null) throw new Fault('workflow/step-failed', `failed to parse duration "${duration}"`);
  return Promise.resolve({ kind: 'suspend', message, outputs: {}, retryAfterMs: ms });
};

function goDurationMs(duration: string): number | null {
  const unit: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== duration) return null;
  return parts.reduce((sum, part) => sum + Number(part[1]) * (unit[part[2] ?? ''] ?? 0), 0);
}

/** KubeVela 1.10: components to the placements of topology policies. Placements other than the hub are not delivered yet. */
const deploy: Coded = async (context, found) => {
  const properties = (context.properties ?? {}) as JsonObject;
  if (properties['auto'] === false && !context.resumed) return { kind: 'suspend', message: 'Suspended by field suspend', outputs: {} };
  const placements: PlacementRef[] = [];
  for (const name of Array.isArray(properties['policies']) ? properties['policies'] : []) {
    const policy = context.desired.policies.find((item) => item.name === name);
    if (policy === undefined) throw new Fault('load/reference', `policy ${String(name)} not found`);
    if (policy.type === 'topology') placements.push(...topology(policy.properties));
    else if (policy.type === 'override' || policy.type === 'replication') throw new Fault('workflow/unsupported', `policy ${policy.name} of type ${policy.type} is not supported by the step deploy yet`);
  }
  const waiting: string[] = [];
  const seen = new Set<string>();
  for (const placement of placements.length === 0 ? [{ cluster: '', namespace: '', replicaKey: '' }] : placements) {
    const at = `${placement.cluster}/${placement.namespace}`;
    if (seen.has(at)) continue;
    seen.add(at);
    for (const component of context.desired.componentSpecs) {
      const outcome = await context.delivery.component(await renderedFor(context, component.name, placement, undefined));
      found(serviceKey(outcome.health), outcome.health);
      if (outcome.fault !== null) throw outcome.fault;
      if (!outcome.health.healthy) waiting.push(`${at}//${component.name} is not healthy`);
    }
  }
  return waiting.length > 0 ? { kind: 'wait', message: waiting.join(','), outputs: {}, retryAfterMs: HEALTH_INTERVAL_MS } : done;
};

function topology(properties: JsonObject): readonly PlacementRef[] {
  const clusters = Array.isArray(properties['clusters']) ? properties['clusters'].map(String) : properties['clusterLabelSelector'] === undefined ? ['local'] : [];
  const away = clusters.find((cluster) => cluster !== 'local');
  if (away !== undefined) throw new Fault('transport/unreachable', `failed to get cluster ${away}: not found`);
  if (clusters.length === 0 && properties['allowEmpty'] !== true) throw new Fault('transport/unreachable', 'failed to find any cluster matches given labels');
  return clusters.map((cluster) => ({ cluster, namespace: text(properties['namespace']), replicaKey: '' }));
}

const CODED: Readonly<Record<string, Coded>> = {
  'apply-component': applyComponent,
  'builtin-apply-component': applyComponent,
  'apply-application': applyAll((context) => context.desired.componentSpecs.map((component) => component.name)),
  'apply-remaining': applyAll(remaining),
  suspend,
  deploy,
};

/** Whether a step type is code. step-group is the engine's own. */
export const isCoded = (type: string): boolean => Object.hasOwn(CODED, type);

/** Runs a coded step. Throws Faults: the step is failed with reason Execute and tried again. */
export function runCoded(context: StepContext, found: (key: string, health: ServiceHealth) => void): Promise<StepResult> {
  const run = CODED[context.step.type];
  if (run === undefined) throw new Fault('loop/bug', `step type ${context.step.type} is not coded`);
  return run(context, found);
}

