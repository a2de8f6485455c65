/** `vela/oam`: the Application itself, its components and policies. */
import { equal, isRecord } from '../../lib/json.ts';
import type { CueObject } from '../../model/cue.ts';
import { Fault } from '../../model/fault.ts';
import { describeKey, keyOf, keyText, LOCAL, type JsonObject, type KubeObject } from '../../model/object.ts';
import type { RenderedComponent, Wanted } from '../../model/plan.ts';
import type { Action, StepContext } from '../run.ts';
import { answer, complete, cueObject, fieldsOf, listOf, liveObject, refusal, textOf, type Provider } from './calls.ts';
import { placementIn, renderedIn } from '../steps/placement.ts';
import { patched } from './step-object.ts';

/** How long after an apply it is worth looking for health again. */
const HEALTH_INTERVAL_MS = 500;

const specOf = (application: KubeObject): JsonObject => fieldsOf(application['spec']) as JsonObject;

/** The Application that `app` names in this namespace, or this one as it goes to the hub. */
async function applicationOf(call: { readonly params: CueObject }, context: StepContext): Promise<KubeObject> {
  const { desired, transport, signal } = context;
  const name = textOf(call.params['app']);
  if (name === '' || name === desired.name) return desired.object;
  const key = keyOf(LOCAL, { apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', metadata: { name, namespace: desired.namespace } });
  const seen = (await transport.observe([key], signal)).get(keyText(key));
  if (seen !== undefined && 'fault' in seen) throw seen.fault;
  if (seen === undefined || 'absent' in seen) throw refusal(`${describeKey(key)} not found`);
  return seen.live;
}

/** A component as `load` gives it. KubeVela 1.10: without its inputs and outputs, which the step takes over. */
function componentsOf(application: KubeObject): readonly CueObject[] {
  return listOf(specOf(application)['components'])
    .filter(isRecord)
    .map(({ inputs: _inputs, outputs: _outputs, ...component }) => cueObject(component));
}

const byName = (items: readonly CueObject[]): CueObject => Object.fromEntries(items.map((item) => [textOf(item['name']), item]));

const load: Action = async (call, context) => answer({ value: byName(componentsOf(await applicationOf(call, context))) });
const loadInOrder: Action = async (call, context) => answer({ value: componentsOf(await applicationOf(call, context)) });
const loadPolicies: Action = async (call, context) =>
  answer({
    value: byName(
      listOf(specOf(await applicationOf(call, context))['policies'])
        .filter(isRecord)
        .map(cueObject),
    ),
  });

/**
 * The component that a call gives in `value`, rendered for the call's cluster and namespace. Properties may be others
 * than the Application's; name, type and traits are its own, since only what it declares is rendered.
 */
async function renderedFor(params: CueObject, context: StepContext): Promise<RenderedComponent> {
  const { desired } = context;
  const value = fieldsOf(params['value']);
  const name = textOf(value['name']);
  const own = componentsOf(desired.object).find((component) => component['name'] === name);
  if (own === undefined) throw refusal(name === '' ? 'value is no component' : `component ${name} not found in application`);
  for (const field of ['type', 'traits'] as const) {
    if (!equal(value[field] ?? own[field] ?? [], own[field] ?? []))
      throw new Fault('workflow/unsupported', `a step cannot change the ${field} of component ${name}, only its properties`);
  }
  const placement = placementIn(context, textOf(params['cluster']), textOf(params['namespace']));
  const same = equal(value['properties'] ?? {}, own['properties'] ?? {});
  const rendered = await renderedIn(context, name, placement, same ? undefined : ((value['properties'] as JsonObject | undefined) ?? {}));
  return isRecord(params['patch']) ? withPatch(rendered, params['patch'], context) : rendered;
}

/** KubeVela 1.10: `patch` goes over the workload, after the traits. */
async function withPatch(rendered: RenderedComponent, patch: CueObject, context: StepContext): Promise<RenderedComponent> {
  const objects = await Promise.all(
    rendered.objects.map(async (wanted): Promise<Wanted> => {
      if (wanted.trait !== '') return wanted;
      const object = (await patched(cueObject(wanted.object), patch, context)) as unknown as KubeObject;
      return { ...wanted, object, key: keyOf(wanted.key.cluster, object) };
    }),
  );
  return { ...rendered, objects };
}

/** Applies a component; waits for its health unless `waitHealthy` is false, while the step's other calls go on. */
const applyComponent: Action = async (call, context) => {
  const outcome = await context.delivery.component(await renderedFor(call.params, context));
  if (outcome.fault !== null) throw outcome.fault;
  const outputs = Object.fromEntries(Object.entries(outcome.outputs).map(([name, object]) => [name, liveObject(object)]));
  const value = cueObject({
    output: outcome.output === null ? undefined : liveObject(outcome.output),
    outputs: Object.keys(outputs).length === 0 ? undefined : outputs,
  });
  if (outcome.health.healthy || call.params['waitHealthy'] === false) return { kind: 'result', value };
  return { kind: 'wait', message: 'wait healthy', value, retryAfterMs: HEALTH_INTERVAL_MS };
};

/** Renders without applying. Each of `outputs` is its own object (upstream puts the workload under every name). */
const renderComponent: Action = async (call, context) => {
  const { objects } = await renderedFor(call.params, context);
  const workload = objects.find((wanted) => wanted.trait === '');
  const outputs = objects.filter((wanted) => wanted.trait !== '' && wanted.output !== '').map((wanted) => [wanted.output, cueObject(wanted.object)] as const);
  return answer({ output: workload?.object, ...(outputs.length === 0 ? {} : { outputs: Object.fromEntries(outputs) }) });
};

export const OAM: Provider = {
  'component-apply': complete(applyComponent, ['output', 'outputs']),
  'component-render': complete(renderComponent, ['output', 'outputs']),
  load: complete(load, ['value']),
  'load-policies': complete(loadPolicies, ['value']),
  'load-comps-in-order': complete(loadInOrder, ['value']),
};
