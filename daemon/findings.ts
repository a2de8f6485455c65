/** What is wrong with an application beyond its documents, at the line that an author can mend. Pure. */
import { isRecord } from './lib/json.ts';
import type { Path } from './model/catalog.ts';
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
  return [...desired.components.values()]
    .flatMap((component) => component.objects)
    .flatMap((wanted): readonly Diagnostic[] => {
      const fault = wanted.key.kind === 'Configuration' ? refusalOf(wanted.object) : null;
      if (fault === null) return [];
      return [
        {
          code: fault.code,
          severity: 'error',
          application: `${desired.namespace}/${desired.name}`,
          message: fault.message,
          hint: CODES[fault.code].action,
          origin: propertyOf(desired, wanted, fault.message),
        },
      ];
    });
}

/** At the component that an object comes from. */
function refusals(desired: DesiredApplication, objects: readonly ObjectReport[]): readonly Diagnostic[] {
  const wanted = [...desired.components.values()].flatMap((component) => component.objects).concat(desired.placed, desired.policyObjects);
  return objects
    .filter((object) => object.fault !== null && (object.fault.kind === 'invalid' || object.fault.kind === 'denied'))
    .map((object): Diagnostic => ({
      code: object.fault?.code ?? 'transport/invalid',
      severity: 'error',
      application: `${desired.namespace}/${desired.name}`,
      message: object.fault?.message ?? '',
      hint: CODES[object.fault?.code ?? 'transport/invalid'].action,
      origin: propertyOf(
        desired,
        wanted.find((item) => keyText(item.key) === keyText(object.key)),
        object.fault?.message ?? '',
      ),
    }));
}

/** Where an object is asked for: at the property that the message names, if it names one. */
function propertyOf(desired: DesiredApplication, wanted: Wanted | undefined, message: string): Origin {
  const component = desired.componentSpecs.find(({ name }) => name === wanted?.component);
  const named =
    component === undefined || !isRecord(component.properties)
      ? undefined
      : Object.keys(component.properties).find((name) => new RegExp(`(?<![\\w.-])${RegExp.escape(name)}(?![\\w-])`).test(message));
  if (component !== undefined && named !== undefined && wanted?.key.kind === 'Configuration')
    return desired.document.locate([...component.at, 'properties', named], 'key');
  return wanted?.origin ?? desired.document.origin;
}

/** At the step, or at the component or policy that a generated step stands for. */
function failures(desired: DesiredApplication, journal: Journal): readonly Diagnostic[] {
  const isOver = (step: StepStatus): boolean => journal.state === 'failed' || (journal.failures[step.id] ?? 0) >= TRIES_UNTIL_TOLD;
  const failed = new Map<string, StepStatus>(
    journal.steps
      .flatMap((step) => [step, ...step.subSteps])
      .filter((step) => step.phase === 'failed' && isOver(step))
      .map((step) => [step.name, step]),
  );
  const found: Diagnostic[] = [];
  const visit = (step: Step, path: readonly (string | number)[]): void => {
    step.subSteps.forEach((sub, i) => visit(sub, [...path, 'subSteps', i]));
    const status = failed.get(step.name);
    // A group fails because something in it does: that is told there.
    if (status === undefined || step.subSteps.length > 0) return;
    found.push({
      code: 'workflow/step-failed',
      severity: 'error',
      application: `${desired.namespace}/${desired.name}`,
      message: `step "${step.name}" (${step.type}): ${status.message || status.reason}`,
      hint: CODES['workflow/step-failed'].action,
      origin: desired.document.locate(desired.hasWorkflow ? path : (standsFor(desired, step) ?? path)),
    });
  };
  desired.steps.forEach((step, i) => visit(step, ['spec', 'workflow', 'steps', i]));
  return found;
}

/** KubeVela: apply-component of a component, deploy of a topology policy behind the overrides, deploy2env of an env-binding policy. */
function standsFor(desired: DesiredApplication, { properties }: Step): Path | null {
  const component = desired.componentSpecs.find((item) => item.name === properties['component']);
  if (component !== undefined) return component.at;
  const name = Array.isArray(properties['policies']) ? properties['policies'].at(-1) : properties['policy'];
  const policy = desired.policies.find((item) => item.name === name);
  return policy === undefined ? null : ['spec', 'policies', desired.policies.indexOf(policy)];
}
