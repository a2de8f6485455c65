/** Makes one call of the table as the evaluator would ask for it. */
import type { CueError, CueObject, CueStepCall } from '../../../../daemon/model/cue.ts';
import { ACTIONS } from '../../../../daemon/workflow/actions/actions.ts';
import type { Outcome } from '../../../../daemon/workflow/run.ts';
import type { World } from './world.ts';

export interface Asking {
  readonly style?: CueStepCall['style'];
  readonly path?: string;
  readonly missing?: readonly CueError[];
}

/** `name` is `provider.do`. */
export async function ask(world: World, name: string, params: CueObject, asking: Asking = {}): Promise<Outcome> {
  const [provider = '', does = ''] = name.split('.');
  const action = ACTIONS.get(name);
  if (action === undefined) throw new Error(`there is no ${name}`);
  return action({ path: asking.path ?? 'call', provider, do: does, params, style: asking.style ?? 'params', missing: asking.missing ?? [] }, world.context);
}

/** The same, for a call that must answer. */
export async function answerOf(world: World, name: string, params: CueObject, asking: Asking = {}): Promise<CueObject> {
  const outcome = await ask(world, name, params, asking);
  if (outcome.kind !== 'result') throw new Error(`${name} is ${outcome.kind}`);
  return outcome.value;
}
