/**
 * Two steps may deliver the same component to the same place, each in its own form: first with one override, then with
 * another. A run goes from the one to the other; once it is over the last form is what should be, and the earlier one
 * must not be put back, or each pass would undo what the one before did.
 */
import { endsTurn, toFault } from '../model/fault.ts';
import type { RenderedComponent, Step } from '../model/plan.ts';
import type { ComponentOutcome, Delivery, StepContext } from './run.ts';
import { runCoded } from './steps/coded.ts';

/** Which step has the last word about a component, by where it goes. */
export type LastWords = ReadonlyMap<string, string>;

const placeOf = (rendered: RenderedComponent): string => [rendered.cluster, rendered.namespace, rendered.replicaKey, rendered.name].join('/');

const passedOver = (rendered: RenderedComponent): ComponentOutcome => ({
  delivered: [],
  output: null,
  outputs: {},
  fault: null,
  health: {
    name: rendered.name,
    namespace: rendered.namespace,
    cluster: rendered.cluster,
    workload: rendered.workload,
    healthy: true,
    message: '',
    details: {},
    traits: [],
  },
});

/** Steps of components that are all different cannot be at odds. */
function mayOverlap(steps: readonly Step[]): boolean {
  return (
    steps.length > 1 &&
    (steps.some((step) => step.type !== 'apply-component') || new Set(steps.map((step) => step.properties['component'])).size < steps.length)
  );
}

/** Goes through coded steps, in their order, without any effect. What cannot be known before it is there has no entry. */
export async function lastWords(steps: readonly { readonly step: Step; readonly context: () => StepContext }[]): Promise<LastWords> {
  const last = new Map<string, string>();
  if (!mayOverlap(steps.map(({ step }) => step))) return last;
  for (const { step, context: contextOf } of steps) {
    const component: Delivery['component'] = async (rendered) => {
      last.set(placeOf(rendered), step.name);
      return passedOver(rendered);
    };
    try {
      const context = contextOf();
      await runCoded({ ...context, delivery: { ...context.delivery, component, deliver: async () => [] } }, () => {});
    } catch (error) {
      // The step tells it itself, when it is its turn.
      const fault = toFault(error);
      if (endsTurn(fault)) throw fault;
    }
  }
  return last;
}

/** The context in which a step leaves alone what a later one delivers. */
export function heeding(context: StepContext, last: LastWords): StepContext {
  const component: Delivery['component'] = (rendered, creator) => {
    const name = last.get(placeOf(rendered));
    return name === undefined || name === context.step.name ? context.delivery.component(rendered, creator) : Promise.resolve(passedOver(rendered));
  };
  return last.size === 0 ? context : { ...context, delivery: { ...context.delivery, component } };
}
