/** An object that a step's template asks for, as the delivery takes it. */
import { isRecord, stringify } from '../../lib/json.ts';
import type { CueJson, CueObject } from '../../model/cue.ts';
import { DEFAULT_NAMESPACE } from '../../model/catalog.ts';
import { keyOf, LOCAL, type KubeObject } from '../../model/object.ts';
import { PLAIN_RULES, type Wanted } from '../../model/plan.ts';
import type { StepContext } from '../run.ts';
import { refusal, textOf } from './calls.ts';
import { cueFault } from './cue-fault.ts';

/** `value` as an object, or workflow/call in one sentence. */
export function objectFrom(value: CueJson | undefined): KubeObject {
  if (!isRecord(value)) throw refusal('value is no Kubernetes object');
  if (textOf(value['apiVersion']) === '' || textOf(value['kind']) === '') throw refusal('value has no apiVersion or no kind');
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  return { ...(value as unknown as KubeObject), metadata };
}

/** The same where a name is needed. */
export function namedObjectFrom(value: CueJson | undefined): KubeObject {
  const object = objectFrom(value);
  if (textOf(object.metadata.name) === '') throw refusal(`the ${object.kind} has no metadata.name`);
  return object;
}

/** With the namespace that KubeVela gives it: `default` where there is none, and none for a cluster-scoped kind. */
export async function placed(object: KubeObject, cluster: string, context: StepContext): Promise<KubeObject> {
  const namespaced = await context.transport.isNamespaced(cluster, object.apiVersion, object.kind, context.signal);
  const { namespace, ...metadata } = object.metadata;
  return namespaced === false ? { ...object, metadata } : { ...object, metadata: { ...metadata, namespace: namespace || DEFAULT_NAMESPACE } };
}

/**
 * What the delivery is asked for. `cluster` is as the call names it, "" for the hub.
 * KubeVela 1.10: labels name and namespace of the application win, the cluster is written as the call names it and only
 * where there is none. 1.1 writes no label, and asks nobody whose an object is before it patches it.
 */
export async function wantedFor(object: KubeObject, cluster: string, context: StepContext, labelled: 'all' | 'owner' = 'all'): Promise<Wanted> {
  const target = cluster === '' ? LOCAL : cluster;
  const whole = await placed(object, target, context);
  const { desired } = context;
  const given = whole.metadata.labels ?? {};
  const from = {
    origin: null,
    component: textOf(given['app.oam.dev/component']),
    trait: textOf(given['trait.oam.dev/type']),
    output: textOf(given['trait.oam.dev/resource']),
  };
  if (desired.dialect === '1.1') return { key: keyOf(target, whole), object: whole, ...from, rules: { ...PLAIN_RULES, takeOver: true } };
  const labels = {
    ...given,
    ...(labelled === 'all' && !given['app.oam.dev/cluster'] ? { 'app.oam.dev/cluster': cluster } : {}),
    'app.oam.dev/name': desired.name,
    'app.oam.dev/namespace': desired.namespace,
  };
  const own = { ...whole, metadata: { ...whole.metadata, labels } };
  return { key: keyOf(target, own), object: own, ...from, rules: PLAIN_RULES };
}

/** Delivers objects in order and gives them as they are now. Throws the first fault. */
export async function deliverAll(wanted: readonly Wanted[], context: StepContext): Promise<readonly KubeObject[]> {
  const delivered = await context.delivery.deliver(wanted, 'workflow');
  const failed = delivered.find((item) => item.fault !== null);
  if (failed?.fault) throw failed.fault;
  return wanted.map((item, i) => delivered[i]?.live ?? item.object);
}

/**
 * `base` with `patch` merged in by the rules of a trait's patch. Markers such as `+patchKey` are comments and do not
 * reach a call, so lists are merged by position. Throws render/template when the two contradict each other.
 */
export async function patched(base: CueObject, patch: CueJson, context: StepContext): Promise<CueObject> {
  const name = textOf((base['metadata'] as CueObject | undefined)?.['name']);
  const result = await context.cue.renderComponent(
    {
      dialect: context.desired.dialect,
      component: { name, type: '', template: '' },
      parameter: null,
      context: { name },
      output: base,
      traits: [{ type: 'patch', template: `patch: ${stringify(patch)}`, parameter: null }],
    },
    { signal: context.signal },
  );
  if (result.errors.length > 0 || result.output === null) throw cueFault(result.errors, `the patch of ${textOf(base['kind'])} ${name}`);
  return result.output;
}
