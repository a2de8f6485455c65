/**
 * What a schema cannot say, about one document: names that are unique and exist, no circles. Each rule is a function of
 * its own; the lists at the end name them.
 */
import type { Document, Path } from '../model/catalog.ts';
import type { Code, Diagnostic } from '../model/fault.ts';
import type { ApplicationSpecPart, StepPart, SubStepPart } from '../../schemas/types.ts';
import { DRIFT_ANNOTATION, IGNORE_ANNOTATION, parseIgnoredFields } from '../lib/field-pointer.ts';
import { didYouMeanHint, listed } from '../lib/text.ts';
import { findCycle } from './cycle.ts';
import type { Shelf } from './kinds.ts';

/** Reports at a path of the document. */
export type Report = (
  code: Code,
  path: Path,
  message: string,
  options?: { readonly hint?: string | undefined; readonly severity?: Diagnostic['severity']; readonly part?: 'key' | 'value' },
) => void;

/** One named step, wherever it stands. */
interface NamedStep {
  readonly name: string;
  readonly step: SubStepPart;
  readonly path: Path;
}

/** A document that has been through its schema: what rules look at. */
interface Subject {
  readonly document: Document;
  /** The spec of an Application, an Initializer's template; a Workflow's steps look like one too. */
  readonly spec: ApplicationSpecPart;
  /** Where that spec stands in the document. */
  readonly at: Path;
  readonly steps: readonly NamedStep[];
}

type Rule = (subject: Subject, report: Report) => void;

/** All steps with the names that KubeVela gives to those without (1.10: `step-<i>`, `step-<i>-<j>`; `at` is the path of the list). */
function namedSteps(steps: readonly StepPart[] | undefined, at: Path): NamedStep[] {
  return (steps ?? []).flatMap((step, index) => {
    const own: NamedStep = { name: nameOr(step.name, `step-${index}`), step, path: [...at, index] };
    const inner = (step.subSteps ?? []).map((sub, place) => ({
      name: nameOr(sub.name, `step-${index}-${place}`),
      step: sub,
      path: [...at, index, 'subSteps', place],
    }));
    return [own, ...inner];
  });
}

function nameOr(name: string | undefined, otherwise: string): string {
  return name === undefined || name === '' ? otherwise : name;
}

/** KubeVela 1.10: "duplicated step name", sub-steps included. */
const stepNamesAreUnique: Rule = ({ steps }, report) => {
  reportRepeated(
    steps.map(({ name, step, path }) => ({ name, path: step.name === undefined ? path : [...path, 'name'] })),
    'steps',
    report,
  );
};

const policyNamesAreUnique: Rule = ({ spec, at }, report) => {
  const named = (spec.policies ?? []).flatMap((policy, index) =>
    policy.name === undefined ? [] : [{ name: policy.name, path: [...at, 'policies', index, 'name'] }],
  );
  reportRepeated(named, 'policies', report);
};

/** Reports each name that comes again, at its later place. */
export function reportRepeated(
  named: readonly { readonly name: string; readonly path: Path }[],
  what: string,
  report: Report,
  severity: Diagnostic['severity'] = 'error',
): void {
  const seen = new Set<string>();
  for (const { name, path } of named) {
    if (seen.has(name)) report('load/duplicate', path, `there are two ${what} called "${name}"`, { hint: 'Rename one of them.', severity });
    seen.add(name);
  }
}

const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const NAME_HINT = 'Use lower-case letters, digits and "-", beginning and ending with a letter or digit.';

/** An Application's name becomes a label on everything it delivers, so 63 characters are all there is. */
const nameIsValid: Rule = ({ document }, report) => {
  const name = document.object.metadata.name ?? '';
  if (!SUBDOMAIN.test(name)) report('load/schema', ['metadata', 'name'], `"${name}" is not a valid name`, { hint: NAME_HINT });
  else if (name.length > 63)
    report('load/schema', ['metadata', 'name'], `the name has ${name.length} characters, more than 63`, { hint: 'It becomes a label; shorten it.' });
};

const componentNamesAreValid: Rule = ({ spec, at }, report) => {
  for (const [index, { name }] of spec.components.entries()) {
    if (!SUBDOMAIN.test(name) || name.length > 63)
      report('load/schema', [...at, 'components', index, 'name'], `"${name}" is not a valid name`, { hint: NAME_HINT });
  }
};

const componentDependenciesExist: Rule = ({ spec, at }, report) => {
  reportDependencies(
    spec.components.map((component, index) => ({ name: component.name, dependsOn: component.dependsOn ?? [], path: [...at, 'components', index] })),
    'component',
    report,
  );
};

const stepDependenciesExist: Rule = ({ steps }, report) => {
  reportDependencies(
    steps.map(({ name, step, path }) => ({ name, dependsOn: step.dependsOn ?? [], path })),
    'step',
    report,
  );
};

function reportDependencies(
  nodes: readonly { readonly name: string; readonly dependsOn: readonly string[]; readonly path: Path }[],
  what: string,
  report: Report,
): void {
  const names = new Set(nodes.map((node) => node.name));
  for (const node of nodes) {
    for (const [index, name] of node.dependsOn.entries()) {
      if (names.has(name)) continue;
      const others = [...names].filter((other) => other !== node.name);
      report('load/reference', [...node.path, 'dependsOn', index], `${what} "${node.name}" depends on "${name}", which is not there`, {
        hint: didYouMeanHint(name, others) ?? (others.length === 0 ? 'Remove the entry.' : `There is ${listed(others)}.`),
      });
    }
  }
  const cycle = findCycle(new Map(nodes.map((node) => [node.name, node.dependsOn])));
  if (cycle === null) return;
  const first = nodes.find((node) => node.name === cycle[0]);
  report('load/cycle', [...(first?.path ?? []), 'dependsOn'], `${what}s wait for each other: ${[...cycle, cycle[0] ?? ''].join(' -> ')}`, {
    hint: 'Take one of the dependsOn entries out.',
    part: 'key',
  });
}

/** An input whose output nobody gives waits for ever; only a warning, since a definition may set variables of its own. */
const inputsHaveOutputs: Rule = ({ spec, at, steps }, report) => {
  const components = spec.components.map((component, index) => ({ part: component, path: [...at, 'components', index] as Path }));
  const parts = [...components, ...steps.map(({ step, path }) => ({ part: step, path }))];
  const given = new Set(parts.flatMap(({ part }) => (part.outputs ?? []).map((output) => output.name)));
  for (const { part, path } of parts) {
    for (const [index, input] of (part.inputs ?? []).entries()) {
      const first = /^[^.[]*/.exec(input.from)?.[0] ?? '';
      if (given.has(input.from) || given.has(first) || first === 'context') continue;
      report('load/reference', [...path, 'inputs', index, 'from'], `no output is called "${input.from}"`, {
        severity: 'warning',
        hint: didYouMeanHint(input.from, given) ?? (given.size === 0 ? 'Nothing here has outputs.' : `There is ${listed([...given])}.`),
      });
    }
  }
};

/** KubeVela 1.10: `ref` and `steps` exclude each other. */
const workflowIsRefOrSteps: Rule = ({ spec, at }, report) => {
  if (spec.workflow?.ref !== undefined && (spec.workflow.steps ?? []).length > 0) {
    report('load/schema', [...at, 'workflow', 'ref'], 'the workflow has both "ref" and "steps"', { hint: 'Keep one of them.' });
  }
};

const dialectIsKnown: Rule = ({ document }, report) => {
  const dialect = document.object.metadata.annotations?.['lateen.dev/kubevela'];
  if (dialect !== undefined && dialect !== '1.1' && dialect !== '1.10') {
    report('load/schema', ['metadata', 'annotations', 'lateen.dev/kubevela'], 'lateen.dev/kubevela must be one of "1.1", "1.10"');
  }
};

/** What speaks to Lateen about drift, on an Application or on any object. */
function driftAnnotationsFit(document: Document, report: Report): void {
  const { annotations } = document.object.metadata;
  const drift = annotations?.[DRIFT_ANNOTATION];
  if (drift !== undefined && drift !== 'correct' && drift !== 'report')
    report('load/schema', ['metadata', 'annotations', DRIFT_ANNOTATION], `${DRIFT_ANNOTATION} must be one of "correct", "report"`);
  const ignored = annotations?.[IGNORE_ANNOTATION];
  for (const { mistake, hint } of typeof ignored === 'string' ? parseIgnoredFields(ignored).mistakes : []) {
    report('load/schema', ['metadata', 'annotations', IGNORE_ANNOTATION], `${IGNORE_ANNOTATION}: ${mistake}`, { hint });
  }
}

const SPEC_RULES: readonly Rule[] = [
  nameIsValid,
  dialectIsKnown,
  componentNamesAreValid,
  componentDependenciesExist,
  stepNamesAreUnique,
  stepDependenciesExist,
  policyNamesAreUnique,
  inputsHaveOutputs,
  workflowIsRefOrSteps,
];
const STEPS_RULES: readonly Rule[] = [stepNamesAreUnique, stepDependenciesExist];

/** An Approval for a step only makes sense where it resumes one. */
function approvalFits(document: Document, report: Report): void {
  const spec = document.object['spec'] as {
    readonly action: string;
    readonly step?: string;
    readonly hash?: string;
    readonly expires?: string;
    readonly target: { readonly kind: string; readonly uid?: string };
  };
  if (spec.action === 'delete' && spec.step !== undefined)
    report('load/schema', ['spec', 'step'], 'a deletion has no step', { hint: 'Remove it, or use action `resume`.', part: 'key' });
  // What binds an approval must never be passed over in silence.
  if (spec.action !== 'resume' && spec.hash !== undefined)
    report('load/schema', ['spec', 'hash'], 'only an approval to resume is bound by a hash', {
      hint: spec.action === 'delete' ? 'Bind it to one object with `target.uid`, and in time with `expires`.' : 'Remove it.',
      part: 'key',
    });
  if (spec.target.uid !== undefined && (spec.action !== 'delete' || spec.target.kind === 'Application' || spec.target.kind === 'Initializer')) {
    report('load/schema', ['spec', 'target', 'uid'], 'only an approval to delete one object is bound by its uid', { hint: 'Remove it.', part: 'key' });
  }
  if (spec.action === 'abandon' && spec.target.kind !== 'ManagedCluster') {
    report('load/schema', ['spec', 'target', 'kind'], 'only a ManagedCluster can be abandoned', { hint: didYouMeanHint(spec.target.kind, ['ManagedCluster']) });
  }
  // Left in the repository it would one day give up a cluster that is only away for a while.
  if (spec.action === 'abandon' && spec.expires === undefined)
    report('load/schema', ['spec'], 'an approval that abandons a cluster must say when it ends', {
      hint: 'Add `expires`, such as 2030-01-31T12:00:00Z.',
      part: 'key',
    });
  if (spec.action === 'resume' && spec.target.kind !== 'Application' && spec.target.kind !== 'Initializer') {
    report('load/schema', ['spec', 'target', 'kind'], 'only an Application or Initializer can be resumed', {
      hint: didYouMeanHint(spec.target.kind, ['Application', 'Initializer']),
    });
  }
}

/** Where the Application's spec stands in documents of a shelf. */
export const SPEC_AT: Partial<Record<Shelf, Path>> = { applications: ['spec'], initializers: ['spec', 'appTemplate', 'spec'] };

/** The Application's spec inside of a document of one of these shelves; null for any other. */
export function specOf(shelf: Shelf, document: Document): ApplicationSpecPart | null {
  const path = SPEC_AT[shelf];
  return path === undefined ? null : (path.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], document.object) as ApplicationSpecPart);
}

/** Runs the rules about one document. It must fit its schema. Codes: load/duplicate, load/reference, load/cycle, load/schema. */
export function documentRules(shelf: Shelf, document: Document): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const report = reporterFor(document, diagnostics);
  const spec = specOf(shelf, document);
  const at = SPEC_AT[shelf] ?? [];
  if (spec !== null) {
    const subject: Subject = { document, spec, at, steps: namedSteps(spec.workflow?.steps, [...at, 'workflow', 'steps']) };
    for (const rule of SPEC_RULES) rule(subject, report);
  }
  if (shelf === 'workflows') {
    const steps = namedSteps(document.object['steps'] as readonly StepPart[], ['steps']);
    for (const rule of STEPS_RULES) rule({ document, spec: { components: [] }, at: [], steps }, report);
  }
  if (shelf === 'approvals') approvalFits(document, report);
  driftAnnotationsFit(document, report);
  return diagnostics;
}

/** A Report that turns paths of a document into places and collects the diagnostics. */
export function reporterFor(document: Document, into: Diagnostic[]): Report {
  return (code, path, message, { hint, severity = 'error', part = 'value' } = {}) => {
    into.push({ code, severity, message, origin: document.locate(path, part), ...(hint === undefined ? {} : { hint }) });
  };
}
