/** What a step comes to, as the engine takes it, and what steps that are code share. */
import type { CueJson } from '../../model/cue.ts';
import type { ComponentRef } from '../../model/plan.ts';
import type { ServiceHealth } from '../../model/status.ts';
import { stepContextObject } from '../beginning.ts';
import type { ComponentOutcome, StepContext } from '../run.ts';

/** What came of a step in this pass. */
export interface StepResult {
  readonly kind: 'succeeded' | 'wait' | 'suspend' | 'break' | 'fail';
  readonly message: string;
  readonly outputs: Readonly<Record<string, CueJson>>;
  readonly outputErrors?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number;
  /** Not everything that the step delivers was come to: what it left out may still be wanted, so nothing is pruned. */
  readonly isIncomplete?: boolean;
}

/** A step that is code. `found` is told the health of what it delivers, by a key of its own. Throws Faults. */
export type Coded = (context: StepContext, found: (key: string, health: ServiceHealth) => void) => Promise<StepResult>;

export const DONE: StepResult = { kind: 'succeeded', message: '', outputs: {} };

/** How long after an apply it is worth looking for health again. A watch usually says so sooner. */
export const HEALTH_INTERVAL_MS = 500;

/** `cluster/namespace/component`. */
export const serviceKey = (health: ServiceHealth): string => `${health.cluster}/${health.namespace}/${health.name}`;

/** `output.…`, `outputs.<name>.…`, `context.…` or an expression over them. KubeVela 1.10: outputs of a component. */
export async function outputsOf(
  context: StepContext,
  asked: ComponentRef['outputs'],
  outcome: Pick<ComponentOutcome, 'output' | 'outputs'>,
): Promise<{ readonly outputs: Record<string, CueJson>; readonly outputErrors: Record<string, string> }> {
  const outputs: Record<string, CueJson> = {};
  const outputErrors: Record<string, string> = {};
  const scope = {
    context: stepContextObject(context.desired),
    output: (outcome.output ?? {}) as unknown as CueJson,
    outputs: outcome.outputs as unknown as CueJson,
  };
  for (const { name, valueFrom } of asked) {
    const result = await context.cue.evaluateExpression({ expression: valueFrom, scope });
    if (result.error === undefined) outputs[name] = result.value;
    else outputErrors[name] = result.error.message;
  }
  return { outputs, outputErrors };
}
