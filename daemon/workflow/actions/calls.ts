/** Reading what a call asks for, and giving its answer. Pure. */
import { isRecord, type Fields } from '../../lib/json.ts';
import type { CueJson, CueObject, CueStepCall } from '../../model/cue.ts';
import { endsTurn, Fault } from '../../model/fault.ts';
import { LOCAL, type KubeObject } from '../../model/object.ts';
import type { Action, Outcome } from '../run.ts';
import { whereOf } from './cue-fault.ts';

/** The functions of one provider, by `#do`. */
export type Provider = Readonly<Record<string, Action>>;

/** A string, or "" for anything else. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** An object's fields, or none for anything else. */
export const fieldsOf = (value: unknown): Fields => (isRecord(value) ? value : {});

/** A list, or an empty one for anything else. */
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The cluster that a call names: "" is the hub. */
export const clusterOf = (params: CueObject): string => textOf(params['cluster']) || LOCAL;

/** What a call cannot do, in one sentence: the step fails with reason Execute and is tried again. */
export const refusal = (message: string): Fault => new Fault('workflow/call', message);

/** The end of a call with its answer. Fields that are undefined are left out. */
export function answer(value: Fields): Outcome {
  return { kind: 'result', value: cueObject(value) };
}

/** JSON as the evaluator takes it: fields that are undefined are left out. A bigint stays one, which its door writes exactly. */
export function cueJson(value: unknown): CueJson {
  if (Array.isArray(value)) return value.map(cueJson);
  if (isRecord(value)) return cueObject(value);
  return (value ?? null) as CueJson;
}

/** The same for an object. */
export function cueObject(value: Fields): CueObject {
  const out: Record<string, CueJson> = {};
  for (const [key, field] of Object.entries(value)) if (field !== undefined) out[key] = cueJson(field);
  return out;
}

/** A live object for a template: all but `managedFields`, which is long and of no use to one. */
export function liveObject(object: KubeObject): CueObject {
  const { managedFields: _long, ...metadata } = object.metadata;
  return cueObject({ ...object, metadata });
}

/**
 * An action that needs all of its parameters. A parameter without a value throws render/template, but for the fields
 * in `returns`, where a flat call declares what it answers. KubeVela 1.10: marshalling the parameters fails, reason
 * Execute; 1.1 likewise.
 */
export function complete(run: Action, returns: readonly string[] = []): Action {
  return (call, context) => {
    const missing = call.missing.find((error) => !returns.includes(fieldNamed(error.path ?? [])));
    if (missing !== undefined) throw new Fault('render/template', `${nameOf(call)} at ${call.path}: ${whereOf(missing)}${missing.message}`);
    return run(call, context);
  };
}

function fieldNamed(path: readonly string[]): string {
  return (path[0] === '$params' ? path[1] : path[0]) ?? '';
}

/** `provider.do`, as messages name a call. */
export const nameOf = (call: CueStepCall): string => `${call.provider}.${call.do}`;

/** What ends the pass whatever the call is: an action that never fails passes these on all the same. */
export const isFatal = (fault: Fault): boolean => endsTurn(fault) || fault.kind === 'bug';
