/** When a step may run: what it depends on, what it waits for, its `if`, and where inputs go. Mostly pure. */
import { Fault } from '../model/fault.ts';
import type { CueEvaluator, CueJson, CueObject } from '../model/cue.ts';
import type { Json, JsonObject } from '../model/object.ts';
import type { Step, StepMode } from '../model/plan.ts';
import type { StepStatus } from '../model/status.ts';

/** KubeVela 1.10: failed for any reason but Execute, which is tried again, is final. */
export function isFinished(status: StepStatus | undefined): boolean {
  if (status === undefined) return false;
  return status.phase === 'succeeded' || status.phase === 'skipped' || (status.phase === 'failed' && status.reason !== '' && status.reason !== 'Execute');
}

/** The names by which others may refer to a step: its own, and its `name` and `component` properties. */
export function namesOf(step: Step): readonly string[] {
  const also = [step.properties['name'], step.properties['component']].filter((name): name is string => typeof name === 'string');
  return [step.name, ...also];
}

/** Statuses by every name a step goes by; its own name wins over another's property. */
export function statusesByName(steps: readonly Step[], statuses: ReadonlyMap<string, StepStatus>): ReadonlyMap<string, StepStatus> {
  const all = new Map<string, StepStatus>();
  const visit = (step: Step): void => {
    const status = statuses.get(step.name);
    if (status !== undefined) for (const name of namesOf(step)) if (name === step.name || !all.has(name)) all.set(name, status);
    for (const sub of step.subSteps) visit(sub);
  };
  for (const step of steps) visit(step);
  return all;
}

/** Why a step cannot start yet, KubeVela's words; "" when it can. */
export function pendingReason(step: Step, statuses: ReadonlyMap<string, StepStatus>, variable: (name: string) => CueJson | undefined): string {
  const depends = step.dependsOn.find((name) => !isFinished(statuses.get(name)));
  if (depends !== undefined) return `Pending on DependsOn: ${depends}`;
  const input = step.inputs.find(({ from }) => !from.startsWith('context.') && variable(from) === undefined);
  return input === undefined ? '' : `Pending on Input: ${input.from}`;
}

/**
 * Whether a step without `if` is skipped. KubeVela 1.10: one after another, a step is skipped when any before it ended
 * neither succeeded nor skipped; in a DAG or with dependsOn, unless all that it depends on succeeded, and all that those
 * depend on. `steps` are all of the workflow.
 */
export function isSkippedByOthers(
  step: Step,
  mode: StepMode,
  before: readonly StepStatus[],
  statuses: ReadonlyMap<string, StepStatus>,
  steps: readonly Step[],
): boolean {
  if (step.if !== '') return false;
  if (mode === 'StepByStep' && step.dependsOn.length === 0) return before.some((status) => isFinished(status) && status.phase === 'failed');
  const all = new Map([...steps, ...steps.flatMap((item) => item.subSteps)].map((item) => [item.name, item.dependsOn]));
  const visited = new Set<string>();
  const isUnwell = (name: string): boolean => {
    if (visited.has(name)) return false;
    visited.add(name);
    const status = statuses.get(name);
    return (isFinished(status) && status?.phase !== 'succeeded') || (all.get(status?.name ?? name) ?? []).some(isUnwell);
  };
  return step.dependsOn.some(isUnwell);
}

/** A workflow variable by its name, or what is inside one: `connInfo.token`. Undefined where nobody has set it. */
export function variableIn(variables: JsonObject, name: string): Json | undefined {
  if (Object.hasOwn(variables, name)) return variables[name];
  return name
    .split('.')
    .reduce<Json | undefined>(
      (at, part) => (at !== null && typeof at === 'object' && Object.hasOwn(at, part) ? (at as JsonObject)[part] : undefined),
      variables,
    );
}

/** The variables, null for every output without a value. KubeVela 1.10: so it is once its step has ended, however that was: nobody waits for it any longer. */
export function withNulls(variables: JsonObject, outputs: Step['outputs']): JsonObject {
  const none = outputs.filter(({ name }) => !Object.hasOwn(variables, name));
  return none.length === 0 ? variables : { ...variables, ...Object.fromEntries(none.map(({ name }) => [name, null])) };
}

/** Evaluates a step's `if`. KubeVela 1.10: what is no concrete bool skips the step, with the reason in its message. */
export async function evaluateIf(
  cue: CueEvaluator,
  step: Step,
  statuses: ReadonlyMap<string, StepStatus>,
  context: CueObject,
  variable: (name: string) => CueJson | undefined,
): Promise<{ readonly run: boolean; readonly message: string }> {
  if (step.if === 'always') return { run: true, message: '' };
  const status: Record<string, CueJson> = {};
  for (const [name, item] of statuses) status[name] = { ...plainStatus(item) };
  const inputs = Object.fromEntries(step.inputs.map(({ from }) => [from, variable(from) ?? null]));
  const result = await cue.evaluateExpression({ expression: step.if, scope: { status, inputs, context, parameter: step.properties } });
  if (result.error !== undefined) return { run: false, message: `pre check error: ${result.error.message}` };
  return typeof result.value === 'boolean' ? { run: result.value, message: '' } : { run: false, message: 'pre check error: if is not a bool' };
}

function plainStatus(status: StepStatus): CueObject {
  return {
    id: status.id,
    name: status.name,
    type: status.type,
    phase: status.phase,
    message: status.message,
    reason: status.reason,
    failed: status.phase === 'failed',
    succeeded: status.phase === 'succeeded',
    skipped: status.phase === 'skipped',
    timeout: status.reason === 'Timeout',
    failedAfterRetries: status.reason === 'FailedAfterRetries',
    terminate: status.reason === 'Terminate',
  };
}

/** The largest place in a list that a path may name: lists are filled up to it. */
const PLACE_MAX = 10_000;

/** `a.b[0]["c d"]` as its parts. Throws workflow/step-failed for a path that is none. */
export function parsePath(text: string): readonly (string | number)[] {
  const parts: (string | number)[] = [];
  const pattern = /\.?([^.[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\.?"((?:[^"\\]|\\.)*)"/y;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null || Number(match[2] ?? 0) > PLACE_MAX) throw new Fault('workflow/step-failed', `"${text}" is not a path`);
    parts.push(match[2] !== undefined ? Number(match[2]) : (match[1] ?? (match[3] ?? match[4] ?? '').replaceAll(/\\(.)/g, '$1')));
  }
  return parts;
}

/** A copy of `target` with `value` at `path`; lists and objects on the way are made where they are missing. */
export function setPath(target: Json, path: readonly (string | number)[], value: Json): Json {
  const [head, ...rest] = path;
  if (head === undefined) return value;
  if (typeof head === 'number') {
    const list = Array.isArray(target) ? [...target] : [];
    while (list.length <= head) list.push(null);
    list[head] = setPath(list[head] ?? null, rest, value);
    return list;
  }
  const object = target !== null && typeof target === 'object' && !Array.isArray(target) ? (target as JsonObject) : {};
  return { ...object, [head]: setPath(object[head] ?? null, rest, value) };
}

/**
 * The properties of a step with its inputs put in. KubeVela 1.1 takes parameterKey as one field's name, 1.10 as a path;
 * an empty one only orders the steps.
 */
export function withInputs(step: Step, properties: Json, variable: (name: string) => CueJson | undefined, dialect: '1.1' | '1.10', context: CueObject): Json {
  return step.inputs.reduce<Json>((target, { from, parameterKey }) => {
    if (parameterKey === '') return target;
    const value = from.startsWith('context.')
      ? parsePath(from.slice('context.'.length)).reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[String(part)], context)
      : variable(from);
    if (value === undefined) throw new Fault('workflow/step-failed', `input "${from}" has no value`);
    return setPath(target, dialect === '1.1' ? [parameterKey] : parsePath(parameterKey), value as Json);
  }, properties);
}
