/** What is wrong with an application beyond its documents, at the line that an author can mend. Pure. */
import { CODES, type Diagnostic } from './model/fault.ts';
import { keyText } from './model/object.ts';
import type { DesiredApplication, Step } from './model/plan.ts';
import type { Journal, ObjectReport, StepStatus } from './model/status.ts';

/** What API servers refused, and the steps that failed for good: the first is over with the pass, the second stays. */
export function findings(desired: DesiredApplication, objects: readonly ObjectReport[], journal: Journal | null): readonly Diagnostic[] {
  return [...refusals(desired, objects), ...(journal?.state === 'failed' ? failures(desired, journal) : [])];
}

/** At the component that an object comes from. */
function refusals(desired: DesiredApplication, objects: readonly ObjectReport[]): readonly Diagnostic[] {
  const wanted = [...desired.components.values()].flatMap((component) => component.objects).concat(desired.placed, desired.policyObjects);
  return objects.filter((object) => object.fault !== null && (object.fault.kind === 'invalid' || object.fault.kind === 'denied')).map((object): Diagnostic => ({
    code: object.fault?.code ?? 'transport/invalid', severity: 'error', application: `${desired.namespace}/${desired.name}`, message: object.fault?.message ?? '', hint: CODES[object.fault?.code ?? 'transport/invalid'].action,
    origin: wanted.find((item) => keyText(item.key) === keyText(object.key))?.origin ?? desired.document.origin,
  }));
}

/** At the step, or at the component that a generated step delivers. */
function failures(desired: DesiredApplication, journal: Journal): readonly Diagnostic[] {
  const failed = new Map<string, StepStatus>(journal.steps.flatMap((step) => [step, ...step.subSteps]).filter((step) => step.phase === 'failed').map((step) => [step.name, step]));
  const found: Diagnostic[] = [];
  const visit = (step: Step, path: readonly (string | number)[]): void => {
    step.subSteps.forEach((sub, i) => visit(sub, [...path, 'subSteps', i]));
    const status = failed.get(step.name);
    // A group fails because something in it does: that is told there.
    if (status === undefined || step.subSteps.length > 0) return;
    const component = desired.componentSpecs.find((item) => item.name === step.properties['component']);
    found.push({
      code: 'workflow/step-failed', severity: 'error', application: `${desired.namespace}/${desired.name}`, message: `step "${step.name}" (${step.type}): ${status.message || status.reason}`, hint: CODES['workflow/step-failed'].action,
      origin: desired.document.locate(desired.hasWorkflow || component === undefined ? path : component.at),
    });
  };
  desired.steps.forEach((step, i) => visit(step, ['spec', 'workflow', 'steps', i]));
  return found;
}
