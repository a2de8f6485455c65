/** `vela/util`: patches, text, and where logs are. */
import { isRecord } from '../../lib/json.ts';
import { Fault } from '../../model/fault.ts';
import type { Action } from '../run.ts';
import { answer, complete, refusal, textOf, type Provider } from './calls.ts';
import { patched } from './step-object.ts';

/** Merges without asking a cluster. A patch that contradicts the object is the answer's `err`. KubeVela 1.10. */
const patchObject: Action = async (call, context) => {
  const { value, patch } = call.params;
  if (!isRecord(value)) throw refusal('value is no Kubernetes object');
  try {
    return answer({ result: await patched(value, patch ?? {}, context) });
  } catch (error) {
    if (error instanceof Fault && error.code === 'render/template') return answer({ err: error.message });
    throw error;
  }
};

/** Bytes, which come as base64, as UTF-8 text. */
const string: Action = async (call) => answer({ str: Buffer.from(textOf(call.params['bt']), 'base64').toString('utf8') });

/** Tells viewers where a step's logs are; nothing is delivered by it. */
const log: Action = async () => answer({});

export const UTIL: Provider = { 'patch-k8s-object': complete(patchObject, ['result', 'err']), string: complete(string, ['str']), log };
