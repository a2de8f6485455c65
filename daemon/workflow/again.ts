/**
 * What a finished run may do once more when somebody deleted an object that its steps made: look, apply, wait, register.
 * KubeVela 1.10 applies such an object again from the copy in its ResourceTracker; what a registration makes is more than
 * an object.
 */
import type { Action, Actions, StepContext } from './run.ts';
import type { StepResult } from './steps/result.ts';
import { runTemplate } from './steps/template.ts';

/** Functions of any provider that come to the same however often they are called. */
const REPEATABLE: ReadonlySet<string> = new Set([
  'apply',
  'apply-in-parallel',
  'read',
  'list',
  'read-config',
  'list-config',
  'register-cluster',
  'wait',
  'message',
  'log',
  'load',
  'string',
  'timestamp',
  'date',
  'component-render',
  'load-policies',
  'load-comps-in-order',
  'list-clusters',
  'patch-k8s-object',
]);

const refuse: Action = (call) =>
  Promise.resolve({
    kind: 'fail',
    message: `an object that it made is gone, and it does more than apply (${call.provider}.${call.do}), so it is not run again by itself: restart the workflow`,
  });

/** The same calls, those that are not to be made twice refused. */
export function repeatable(actions: Actions): Actions {
  return new Map([...actions].map(([name, action]) => [name, REPEATABLE.has(name.slice(name.indexOf('.') + 1)) ? action : refuse]));
}

/** Goes through a template step of a finished run once more. Faults: as runTemplate's. */
export async function makeAgain(context: StepContext, actions: Actions): Promise<StepResult> {
  const { kind, message, retryAfterMs } = await runTemplate(context, repeatable(actions));
  if (kind === 'succeeded') return { kind, message, outputs: {} };
  return {
    kind,
    message: message || 'what it made is made again',
    outputs: {},
    isIncomplete: true,
    ...(kind === 'wait' ? { retryAfterMs: retryAfterMs ?? 1000 } : {}),
  };
}
