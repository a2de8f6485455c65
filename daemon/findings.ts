/** What is wrong with an application beyond its documents, at the line that an author can mend. Pure. */
import { isRecord } from './lib/json.ts';
import { CODES, type Diagnostic, type Fault, type Origin } from './model/fault.ts';
import { keyText, type KubeObject } from './model/object.ts';
import type { DesiredApplication, Step, Wanted } from './model/plan.ts';
import { TRIES_UNTIL_TOLD } from './status/phase.ts';
import type { Journal, ObjectReport, StepStatus } from './model/status.ts';

/** What API servers refused, and the steps that failed for good or again and again: the first is over with the pass, the second stays. */
export function findings(desired: DesiredApplication, objects: readonly ObjectReport[], journal: Journal | null): readonly Diagnostic[] {
  return [...refusals(desired, objects), ...(journal === null ? [] : failures(desired, journal))];
}

/** Configurations that will be refused when their turn comes: nobody need push them to find that out. */
export function refusedBeforehand(desired: DesiredApplication, refusalOf: (object: KubeObject) => Fault | null): readonly Diagnostic[] {
  return [...desired.components.values()].flatMap((component) => component.objects).flatMap((wanted): readonly Diagnostic[] => {
    const fault = wanted.key.kind === 'Configuration' ? refusalOf(wanted.object) : null;
    if (fault === null) return [];
    return [{ code: fault.code, severity: 'error', application: `${desired.namespace}/${desired.name}`, message: fault.message, hint: CODES[fault.code].action, origin: propertyOf(desired, wanted, fault.message) }];
  });
}

/** At the component that an object comes from. */
function refusals(desired: DesiredApplication, objects: readonly ObjectReport[]): readonly Diagnostic[] {
  const wanted = [...desired.components.values()].flatMap((component) => component.objects).concat(desired.placed, desired.policyObjects);
  return objects.filter((object) => object.fault !== null && (object.fault.kind === 'invalid' || object.fault.kind === 'denied')).map((object): Diagnostic => ({
    code: object.fault?.code ?? 'transport/invalid', severity: 'error', application: `${desired.namespace}/${desired.name}`, message: object.fault?.message ?? '', hint: CODES[object.fault?.code ?? 'transport/invalid'].action,
    origin: propertyOf(desired, wanted.find((item) => keyText(item.key) === keyText(object.key)), object.fault?.message ?? ''),
  }));
}

/** Where an object is asked for: at the property that the message names, if it names one. */
function propertyOf(desired: DesiredApplication, wanted: Wanted | undefined, message: string): Origin {
  const component = desired.componentSpecs.find(({ name }) => name === wanted?.component);
  const named = component === undefined || !isRecord(component.properties) ? undefined : Object.keys(component.properties).find((name) => new RegExp(`(?<![\\w.-])${RegExp.escape(name)}(?![\\w-])`).test(message));
  if (component !== undefined && named !== undefined && wanted?.key.kind === 'Configuration') return desired.document.locate([...component.at, 'properties', named], 'key');
  return wanted?.origin ?? desired.document.origin;
}

/** At the step, or at the component that a generated step delivers. */
function failures(desired: DesiredApplication, journal: Journal): readonly Diagnostic[] {
  const isOver = (step: StepStatus): boolean => journal.state === 'failed' || (journal.failures[step.id] ?? 0) >= TRIES_UNTIL_TOLD;
  const failed = new Map<string, StepStatus>(journal.steps.flatMap((step) => [step, ...step.subSteps]).filter((step) => step.phase === 'failed' && isOver(step)).map((step) => [step.name, step]));
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
