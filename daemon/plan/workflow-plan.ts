/** Which steps of a workflow would run: all of a new run, what an unfinished one has not come to, or none. Pure. */
import type { JsonObject, KubeObject } from '../model/object.ts';
import type { DesiredApplication, Step } from '../model/plan.ts';
import type { ApplicationRecord } from '../model/ports.ts';
import type { StepPlan, WorkflowPlan } from './comparison.ts';

const NOTHING: WorkflowPlan = { runs: 'none', reason: '', steps: [] };

/** The run that this content belongs to. KubeVela 1.10: publishVersion when it is set, else the revision. */
const runName = (desired: DesiredApplication): string => desired.object.metadata.annotations?.['app.oam.dev/publishVersion'] ?? desired.revision.name;

interface Shown {
  readonly appRevision: string;
  readonly finished: boolean;
  readonly suspend: boolean;
  readonly phases: ReadonlyMap<string, string>;
}

/** What the Application on the hub shows of its last run. */
function shownBy(application: KubeObject | null): Shown | null {
  const workflow = (application?.['status'] as JsonObject | undefined)?.['workflow'] as JsonObject | undefined;
  if (workflow === undefined || typeof workflow['appRevision'] !== 'string') return null;
  const phases = new Map<string, string>();
  const visit = (steps: unknown): void => {
    if (!Array.isArray(steps)) return;
    for (const step of steps as readonly JsonObject[]) {
      phases.set(String(step['name']), typeof step['phase'] === 'string' ? step['phase'] : '');
      visit(step['subSteps']);
    }
  };
  visit(workflow['steps']);
  return { appRevision: workflow['appRevision'], finished: workflow['finished'] === true, suspend: workflow['suspend'] === true, phases };
}

const DONE = new Set(['succeeded', 'skipped']);

/** The plan of the steps. `record` is what the hub remembers, or what a base commit would have left there. */
export function workflowPlan(desired: DesiredApplication, record: ApplicationRecord | undefined, isInitializer: boolean): WorkflowPlan {
  if (desired.fault !== null) return { ...NOTHING, reason: 'it cannot be rendered: what runs is left as it is' };
  const shown = shownBy(record?.application ?? null);
  const steps = (runs: (name: string) => boolean, phase: (name: string) => string): readonly StepPlan[] => {
    const read = (step: Step): StepPlan => ({
      name: step.name,
      type: step.type,
      runs: runs(step.name),
      phase: phase(step.name),
      subSteps: step.subSteps.map(read),
    });
    return desired.steps.map(read);
  };
  if (shown === null)
    return {
      runs: 'all',
      reason: (record?.application ?? null) === null ? 'a new application' : 'it has not run yet',
      steps: steps(
        () => true,
        () => '',
      ),
    };
  if (shown.appRevision !== runName(desired))
    return {
      runs: 'all',
      reason: reasonToRun(desired, record, shown.appRevision),
      steps: steps(
        () => true,
        () => '',
      ),
    };
  const phaseOf = (name: string): string => shown.phases.get(name) ?? '';
  if (shown.finished)
    return { runs: 'none', reason: isInitializer ? 'a finished Initializer does not run again' : 'its run is over', steps: steps(() => false, phaseOf) };
  const left = (name: string): boolean => !DONE.has(phaseOf(name));
  return { runs: 'rest', reason: shown.suspend ? 'its run is suspended: the rest runs when it is resumed' : 'its run goes on', steps: steps(left, phaseOf) };
}

function reasonToRun(desired: DesiredApplication, record: ApplicationRecord | undefined, before: string): string {
  const version = desired.object.metadata.annotations?.['app.oam.dev/publishVersion'];
  if (version !== undefined) return `publishVersion ${version}`;
  return isKnownRevision(desired, record) ? `revision ${desired.revision.name} again, behind ${before}` : 'a new revision';
}

/** The hub has had this content before: the head is a way back (A, B, A). */
export function isKnownRevision(desired: DesiredApplication, record: ApplicationRecord | undefined): boolean {
  return (
    record?.revisions.some((revision) => revision.metadata.name === desired.revision.name) === true &&
    shownBy(record.application)?.appRevision !== desired.revision.name
  );
}

/** An application that leaves runs nothing. */
export const NO_WORKFLOW: WorkflowPlan = { ...NOTHING, reason: 'its document is gone' };
