/** KubeVela's phase and the kstatus conditions, from what a pass found out. Pure. */
import type { Dialect } from '../model/catalog.ts';
import { consequence, type Fault } from '../model/fault.ts';
import type { Condition, Journal, ObjectReport, ServiceHealth } from '../model/status.ts';

export interface PhaseInput {
  readonly dialect: Dialect;
  /** It could not be rendered, or its Application could not be kept on the hub. */
  readonly fault: Fault | null;
  readonly journal: Journal | null;
  readonly services: readonly ServiceHealth[];
  readonly objects: readonly ObjectReport[];
  /** Why a finished run could not be kept as it should be; "" or absent when it could. */
  readonly keeping?: string;
}

/**
 * The phase as `kubectl get app` shows it. KubeVela 1.10: running or unhealthy after success; KubeVela 1.1:
 * healthChecking until all is healthy (spec/kubevela.md 1.3).
 */
export function phaseOf(input: PhaseInput): string {
  if (input.fault !== null) return phaseOfFault(input.fault, input.dialect);
  const { journal } = input;
  if (journal === null) return 'starting';
  if (journal.suspend) return 'workflowSuspending';
  if (journal.state === 'failed') return input.dialect === '1.1' ? 'workflowTerminated' : 'workflowFailed';
  if (journal.state === 'terminated') return 'workflowTerminated';
  if (!journal.finished) return 'runningWorkflow';
  if (input.services.every((service) => service.healthy)) return 'running';
  return input.dialect === '1.1' ? 'healthChecking' : 'unhealthy';
}

/**
 * KubeVela 1.10 renders components in the steps that apply them, so what is wrong with one fails the workflow; what is
 * found before any step is made, a missing definition or document, is `rendering`. Here nothing is applied in either case.
 */
function phaseOfFault({ code, kind }: Fault, dialect: Dialect): string {
  if (!/^(load|render|workflow)\//.test(code)) return 'starting';
  return dialect === '1.10' && kind === 'invalid' && !code.startsWith('load/') && code !== 'render/unknown-type' ? 'workflowFailed' : 'rendering';
}

const condition = (type: Condition['type'], status: Condition['status'], reason: string, message: string): Condition => ({ type, status, reason, message });

/** So often a step is tried quickly; one that goes on failing is told as stalled. */
export const TRIES_UNTIL_TOLD = 3;

/** Ready, Reconciling, Stalled: whatever KubeVela's phase means, these tell the truth about every object everywhere. */
export function conditionsOf(input: PhaseInput): readonly Condition[] {
  const stall = (reason: string, message: string): readonly Condition[] => [
    condition('Ready', 'False', reason, message),
    condition('Reconciling', 'False', reason, ''),
    condition('Stalled', 'True', reason, message),
  ];
  const progress = (reason: string, message: string): readonly Condition[] => [
    condition('Ready', 'False', reason, message),
    condition('Reconciling', 'True', reason, message),
    condition('Stalled', 'False', reason, ''),
  ];
  const { journal } = input;
  if (input.fault !== null) return ofFault(input.fault, stall, progress);
  if (journal === null) return progress('Starting', '');
  const failed = journal.steps.flatMap((step) => [step, ...step.subSteps]).find((step) => step.phase === 'failed');
  if (journal.state === 'failed')
    return stall('WorkflowFailed', failed === undefined ? 'a workflow step failed' : `step ${failed.name}: ${failed.message || failed.reason}`);
  if (journal.state === 'terminated') return stall('WorkflowTerminated', 'the workflow was terminated');
  const fault = input.objects.find((object) => object.fault !== null)?.fault;
  if (fault !== undefined && fault !== null)
    return isOfKept(fault, input) ? progress('StateKeep', `${input.keeping}; ${fault.message}`) : ofFault(fault, stall, progress);
  if (journal.suspend) return progress('WorkflowSuspended', waitingMessage(journal));
  // KubeVela 1.1 tries for ever; but when nothing is on its way that could mend it, somebody should look.
  const tired =
    failed !== undefined && (journal.failures[failed.id] ?? 0) >= TRIES_UNTIL_TOLD && !input.objects.some((object) => object.health === 'InProgress');
  if (!journal.finished && tired) return stall('WorkflowFailing', waitingMessage(journal));
  if (!journal.finished) return progress('WorkflowRunning', waitingMessage(journal));
  const unwell = input.services.find((service) => !service.healthy);
  if (unwell !== undefined) return progress('Unhealthy', `component ${unwell.name}: ${unwell.message || 'not healthy'}`);
  if (input.keeping !== undefined && input.keeping !== '') return progress('StateKeep', input.keeping);
  const object = input.objects.find((item) => item.health !== 'Current');
  if (object !== undefined) return (object.health === 'Failed' ? stall : progress)(object.health, `${object.key.kind} ${object.key.name}: ${object.message}`);
  return [
    condition('Ready', 'True', 'ReconcileSuccess', ''),
    condition('Reconciling', 'False', 'ReconcileSuccess', ''),
    condition('Stalled', 'False', 'ReconcileSuccess', ''),
  ];
}

/** A cluster that is gone: that no other is found is what is waited for. */
const isOfKept = (fault: Fault, { keeping = '' }: PhaseInput): boolean =>
  fault.code === 'transport/unreachable' && keeping !== '' && !keeping.includes(fault.message);

type Conditions = (reason: string, message: string) => readonly Condition[];

function ofFault(fault: Fault, stall: Conditions, progress: Conditions): readonly Condition[] {
  return (consequence(fault, 1).condition === 'Stalled' ? stall : progress)(reasonOf(fault), fault.message);
}

/** `render/unknown-type` as a condition's reason: `RenderUnknownType`. */
export function reasonOf(fault: Fault): string {
  return fault.code
    .split(/[/-]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

function waitingMessage(journal: Journal): string {
  const waiting = journal.steps
    .flatMap((step) => (step.subSteps.length > 0 ? step.subSteps : [step]))
    .filter((step) => step.phase !== 'succeeded' && step.phase !== 'skipped');
  return waiting.map((step) => `step ${step.name}: ${step.message || step.phase}`).join('; ');
}
