/** `vela/kube`: objects of clusters. KubeVela 1.10: provider kube; 1.1: kube.apply and kube.read. */
import { isRecord } from '../../lib/json.ts';
import type { CueObject } from '../../model/cue.ts';
import { Fault, toFault } from '../../model/fault.ts';
import { describeKey, keyOf, keyText, type KubeObject } from '../../model/object.ts';
import type { Observation } from '../../model/status.ts';
import type { Action, StepContext } from '../run.ts';
import { answer, clusterOf, complete, fieldsOf, isFatal, liveObject, listOf, refusal, textOf, type Provider } from './calls.ts';
import { deliverAll, namedObjectFrom, objectFrom, patched, placed, wantedFor } from './step-object.ts';

/** The object as it is now. A fault of one object is part of the answer. */
export async function look(object: KubeObject, cluster: string, context: StepContext): Promise<Observation> {
  const key = keyOf(cluster, await placed(object, cluster, context));
  const seen = (await context.transport.observe([key], context.signal)).get(keyText(key));
  return seen ?? { absent: true };
}

/** Applies an object. KubeVela 1.10 ignores `patch` here, 1.1 merges it in first. */
const apply: Action = async (call, context) => {
  const { value, patch } = call.params;
  const whole = context.desired.dialect === '1.1' && isRecord(patch) && isRecord(value) ? await patched(value, patch, context) : value;
  const wanted = await wantedFor(namedObjectFrom(whole), textOf(call.params['cluster']), context);
  const [live] = await deliverAll([wanted], context);
  return answer({ value: liveObject(live ?? wanted.object) });
};

const applyInParallel: Action = async (call, context) => {
  const wanted = await Promise.all(
    listOf(call.params['value']).map((value) => wantedFor(namedObjectFrom(value as CueObject), textOf(call.params['cluster']), context)),
  );
  return answer({ value: (await deliverAll(wanted, context)).map(liveObject) });
};

/** Reads an object, merges the patch in and applies the whole of it. KubeVela 1.10: only an object of this application. */
const patch: Action = async (call, context) => {
  const object = namedObjectFrom(call.params['value']);
  const seen = await look(object, clusterOf(call.params), context);
  if ('fault' in seen) throw seen.fault;
  if ('absent' in seen) throw refusal(notFound(object));
  const { status: _status, ...base } = liveObject(seen.live);
  const whole = await patched(base, call.params['patch'] ?? {}, context);
  const wanted = await wantedFor(namedObjectFrom(whole), textOf(call.params['cluster']), context);
  const [live] = await deliverAll([wanted], context);
  return answer({ result: liveObject(live ?? wanted.object) });
};

function notFound(object: KubeObject): string {
  const { name = '', namespace = '' } = object.metadata;
  return `${describeKey({ cluster: 'local', apiVersion: object.apiVersion, kind: object.kind, namespace, name })} not found`;
}

/** Never fails: what went wrong is the answer's `err`. */
const read: Action = async (call, context) => {
  const given = call.params['value'];
  const failed = (err: string): ReturnType<typeof answer> => answer({ ...(call.style === 'params' && isRecord(given) ? { value: given } : {}), err });
  try {
    const object = namedObjectFrom(given);
    const seen = await look(object, clusterOf(call.params), context);
    if ('live' in seen) return answer({ value: liveObject(seen.live) });
    if ('absent' in seen) return failed(notFound(object));
    throw seen.fault;
  } catch (error) {
    return failed(messageOf(error));
  }
};

/** The words of a fault, unless it ends the pass. */
function messageOf(error: unknown): string {
  const fault = toFault(error);
  if (isFatal(fault)) throw fault;
  return fault.message;
}

/** `a=b,c=d` of `matchingLabels`. */
function selectorOf(filter: unknown): string {
  return Object.entries(fieldsOf(fieldsOf(filter)['matchingLabels']))
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(',');
}

/** Never fails. Which kind stands in `resource`; upstream's code reads `value`, so both do. The legacy call answers in `list`. */
const list: Action = async (call, context) => {
  const { resource, value, filter } = call.params;
  const field = call.style === 'flat' ? 'list' : 'values';
  try {
    const { apiVersion, kind } = objectFrom(resource ?? value);
    const items = await context.transport.list(
      clusterOf(call.params),
      apiVersion,
      kind,
      textOf(fieldsOf(filter)['namespace']),
      selectorOf(filter),
      context.signal,
    );
    return answer({ [field]: { apiVersion, kind: `${kind}List`, metadata: {}, items: items.map(liveObject) } });
  } catch (error) {
    return answer({ [field]: { items: [] }, err: messageOf(error) });
  }
};

/**
 * Deletes one object, or with `filter` all of its kind that carry the labels. One that is not there is fine; what went
 * wrong is the answer's `err`. A filter without labels would take everything in the namespace, and is refused.
 */
const remove: Action = async (call, context) => {
  const { value, filter } = call.params;
  const cluster = clusterOf(call.params);
  if (isRecord(filter) && selectorOf(filter) === '')
    throw new Fault('workflow/unsupported', 'kube.delete with a filter that has no matchingLabels: it would delete every object of the kind');
  try {
    if (isRecord(filter)) {
      const { apiVersion, kind } = objectFrom(value);
      for (const found of await context.transport.list(cluster, apiVersion, kind, textOf(filter['namespace']), selectorOf(filter), context.signal))
        await context.delivery.remove(found, cluster);
    } else {
      await context.delivery.remove(await placed(namedObjectFrom(value), cluster, context), cluster);
    }
    return answer({});
  } catch (error) {
    return answer({ err: messageOf(error) });
  }
};

export const KUBE: Provider = {
  apply: complete(apply),
  'apply-in-parallel': complete(applyInParallel),
  patch: complete(patch, ['result']),
  read: complete(read, ['err']),
  list: complete(list, ['values', 'list', 'err']),
  delete: complete(remove, ['err']),
};
