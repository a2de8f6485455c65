/** `vela/builtin`: what steers the step itself. KubeVela 1.10: provider builtin; 1.1: wait, break, load, export, var. */
import { equal, isRecord } from '../../lib/json.ts';
import type { CueJson, CueObject } from '../../model/cue.ts';
import type { RenderedComponent } from '../../model/plan.ts';
import type { Action, StepContext } from '../run.ts';
import { answer, complete, cueObject, listOf, refusal, textOf, type Provider } from './calls.ts';
import { goDurationMs } from './go-time.ts';
import { patched } from './step-object.ts';

/** Anything but `continue: true` waits, also a condition that has no value yet. */
const wait: Action = async (call) => (call.params['continue'] === true ? answer({}) : { kind: 'wait', message: textOf(call.params['message']) });

const LABEL = /[A-Za-z0-9_#$-]+(?="?\]?$)/;

/**
 * Suspends until somebody resumes the step, or for `duration` since this call was first made. KubeVela 1.10: the
 * message names the field, whatever the template says.
 */
const suspend: Action = async (call, context) => {
  const durationText = textOf(call.params['duration']);
  const durationMs = durationText === '' ? null : goDurationMs(durationText);
  if (durationText !== '' && durationMs === null) throw refusal(`failed to parse duration "${durationText}"`);
  const now = context.clock.now();
  const began = context.since(`${call.path}.suspend`);
  // Resumed is the step, not the call: a second suspend in one step is still to come when it was never made before.
  if (context.resumed && began < now) return answer({});
  const leftMs = durationMs === null ? null : began + durationMs - now;
  if (leftMs !== null && leftMs <= 0) return answer({});
  return { kind: 'suspend', message: `Suspended by field ${LABEL.exec(call.path)?.[0] ?? call.path}`, ...(leftMs === null ? {} : { retryAfterMs: leftMs }) };
};

const stop: Action = async (call) => ({ kind: 'break', message: textOf(call.params['message']) });
const fail: Action = async (call) => ({ kind: 'fail', message: textOf(call.params['message']) });
const message: Action = async (call) => ({ kind: 'message', message: textOf(call.params['message']), value: {} });

/** A workflow variable, or a field below one: `name.field`. A name that itself has dots is found first. */
function variableAt(path: string, context: StepContext): CueJson | undefined {
  const whole = context.variable(path);
  if (whole !== undefined) return whole;
  const [name = '', ...rest] = path.split('.');
  return rest.reduce<CueJson | undefined>((value, field) => (isRecord(value) ? value[field] : undefined), context.variable(name));
}

/** Gets or puts a workflow variable. Getting one that nobody has set is an error. */
const variable: Action = async (call, context) => {
  const path = textOf(call.params['path']);
  if (path === '') throw refusal('builtin.var has no path');
  if (call.params['method'] === 'Put') {
    context.setVariable(path, call.params['value'] ?? null);
    return answer({});
  }
  const value = variableAt(path, context);
  if (value === undefined) throw refusal(`there is no variable ${path}`);
  return answer({ value });
};

/** Under which variable it is kept what steps have exported into a component. */
const exportsOf = (component: string): string => `lateen/export/${component}`;

/** KubeVela 1.1: the rendered objects of a component, its workload with what steps before have exported into it. */
async function manifestOf(rendered: RenderedComponent, context: StepContext): Promise<CueObject> {
  let workload = cueObject(rendered.objects.find((wanted) => wanted.trait === '')?.object ?? {});
  for (const patch of listOf(context.variable(exportsOf(rendered.name)))) workload = await patched(workload, patch as CueJson, context);
  const auxiliaries = rendered.objects.filter((wanted) => wanted.trait !== '').map((wanted) => wanted.object);
  return cueObject({ workload, ...(auxiliaries.length === 0 ? {} : { auxiliaries }) });
}

/** KubeVela 1.1: `value` is one component's manifest, or all of them by name where none is named. */
const load: Action = async (call, context) => {
  const { desired, signal } = context;
  const manifest = async (name: string): Promise<CueObject> => {
    if (!desired.componentSpecs.some((component) => component.name === name)) throw refusal(`component ${name} not found in application`);
    return manifestOf(desired.components.get(name) ?? (await desired.render(name, { cluster: '', namespace: '', replicaKey: '' }, undefined, signal)), context);
  };
  const named = call.params['component'];
  if (typeof named === 'string') return answer({ value: await manifest(named) });
  const all: Record<string, CueObject> = {};
  for (const { name } of desired.componentSpecs) all[name] = await manifest(name);
  return answer({ value: all });
};

/** KubeVela 1.1: what is given is part of the component's workload wherever a later call loads it. */
const exportComponent: Action = async (call, context) => {
  const component = textOf(call.params['component']);
  if (!context.desired.componentSpecs.some(({ name }) => name === component)) throw refusal(`component ${component} not found in application`);
  const value = call.params['value'];
  if (!isRecord(value)) throw refusal('builtin.export has no value');
  const before = listOf(context.variable(exportsOf(component))) as readonly CueJson[];
  // A step that is tried again exports the same again.
  if (!before.some((item) => equal(item, value))) context.setVariable(exportsOf(component), [...before, value]);
  return answer({});
};

export const BUILTIN: Provider = {
  // Not `complete`: a condition without a value waits.
  wait,
  suspend: complete(suspend),
  break: complete(stop),
  fail: complete(fail),
  message: complete(message),
  var: complete(variable, ['value']),
  load: complete(load, ['value']),
  export: complete(exportComponent),
};
