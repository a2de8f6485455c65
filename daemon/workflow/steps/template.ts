/**
 * Runs a step's CUE template: asks the evaluator for the next call, makes it, gives the answer back, until the template
 * asks for nothing more or a call ends the walk. Nothing is kept between passes: a step that has to wait is walked again
 * from its first call, so every call is either one that may be made again or goes through `context.once`.
 *
 *   evaluate -> next call -> act -+- result, message, wait with a value -> evaluate again
 *                                 +- wait, suspend, break, fail         -> the walk ends
 *   evaluate -> no call           ---------------------------------------> succeeded, or wait when a call waits
 */
import { isRecord, stringify } from '../../lib/json.ts';
import type { Dialect } from '../../model/catalog.ts';
import type { CueJson, CueObject, CueStepCall, CueStepResult } from '../../model/cue.ts';
import { Fault } from '../../model/fault.ts';
import { keyOf, keyText, LOCAL } from '../../model/object.ts';
import { cueJson, cueObject, nameOf } from '../actions/calls.ts';
import { cueFault, whereOf } from '../actions/cue-fault.ts';
import type { Actions, Outcome, StepContext } from '../run.ts';

/** What came of the template in this pass. */
export interface TemplateResult {
  readonly kind: 'succeeded' | 'wait' | 'suspend' | 'break' | 'fail';
  readonly message: string;
  /** By name. Only of a step that succeeded, or ended the workflow with a break (KubeVela 1.10). */
  readonly outputs: Readonly<Record<string, CueJson>>;
  /** Outputs that have no value, and why. */
  readonly outputErrors: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number;
}

/** Calls in one walk. */
const CALLS_MAX = 200;
/** Of one answer, and of all in one walk, as JSON. */
const ANSWER_CHARS_MAX = 4 * 1024 * 1024;
const ANSWERS_CHARS_MAX = 16 * 1024 * 1024;

/**
 * Runs the template of `context.step` as far as it goes now. Throws Faults: the step is failed with reason Execute and
 * tried again (what the calls throw; render/*, workflow/unsupported and workflow/limit of the template itself).
 * KubeVela: spec/kubevela.md 3.2 (1.1), 3.3 (1.10).
 */
export async function runTemplate(context: StepContext, actions: Actions): Promise<TemplateResult> {
  const { step, desired, cue, properties, signal } = context;
  const request = {
    dialect: desired.dialect,
    template: step.template ?? '',
    parameter: cueJson(properties),
    context: await templateContext(context),
    outputs: step.outputs.map(({ name, valueFrom }) => ({ name, path: valueFrom })),
  };
  const walk: Walk = { results: {}, chars: 0, message: '', waits: false, retryAfterMs: undefined };
  for (let calls = 0; ; calls += 1) {
    const evaluated = await cue.evaluateStep({ ...request, results: walk.results }, { signal });
    if (evaluated.errors.length > 0) throw cueFault(evaluated.errors, `step ${step.type}`);
    const call = evaluated.next;
    if (call === undefined) return resultOf(walk.waits ? 'wait' : 'succeeded', walk, evaluated, desired.dialect);
    if (calls >= CALLS_MAX) throw new Fault('workflow/limit', `step ${step.type} asks for more than ${CALLS_MAX} calls`);
    const action = actions.get(nameOf(call));
    if (action === undefined) throw new Fault('workflow/unsupported', `there is no call ${nameOf(call)} (at ${call.path})`);
    const ended = take(walk, call, await action(call, context));
    if (ended !== null) return resultOf(ended, walk, evaluated, desired.dialect);
  }
}

/** How far one walk has come. */
interface Walk {
  readonly results: Record<string, CueObject>;
  chars: number;
  message: string;
  /** A call waits, and what follows it may be done all the same. */
  waits: boolean;
  retryAfterMs: number | undefined;
}

/** Keeps what a call has answered; says how the walk ends when it does, or null. */
function take(walk: Walk, call: CueStepCall, outcome: Outcome): TemplateResult['kind'] | null {
  const { kind } = outcome;
  if (kind !== 'result' && outcome.message !== '') walk.message = outcome.message;
  switch (kind) {
    case 'result':
    case 'message':
      keep(walk, call, outcome.value);
      return null;
    case 'wait':
      if (outcome.retryAfterMs !== undefined) walk.retryAfterMs = Math.min(walk.retryAfterMs ?? Infinity, outcome.retryAfterMs);
      walk.waits = true;
      // KubeVela 1.1: a wait inside `#up` does not stop what follows. The step waits all the same.
      if (outcome.value === undefined && call.up !== true) return 'wait';
      keep(walk, call, outcome.value ?? {});
      return null;
    case 'suspend':
      walk.retryAfterMs = outcome.retryAfterMs;
      return 'suspend';
    case 'break':
    case 'fail':
      return kind;
    default:
      return kind satisfies never;
  }
}

function keep(walk: Walk, call: CueStepCall, value: CueObject): void {
  const chars = stringify(value).length;
  walk.chars += chars;
  if (chars > ANSWER_CHARS_MAX || walk.chars > ANSWERS_CHARS_MAX)
    throw new Fault('workflow/limit', `${nameOf(call)} at ${call.path} gives ${Math.round(chars / 1024)} KiB, more than a step may hold`);
  walk.results[call.path] = value;
}

function resultOf(kind: TemplateResult['kind'], walk: Walk, evaluated: CueStepResult, dialect: Dialect): TemplateResult {
  const gives = kind === 'succeeded' || (kind === 'break' && dialect === '1.10');
  const errors = Object.entries(gives ? evaluated.outputErrors : {}).map(([name, error]) => [name, `${whereOf(error)}${error.message}`] as const);
  const retryAfterMs = kind === 'wait' || kind === 'suspend' ? walk.retryAfterMs : undefined;
  return {
    kind,
    message: walk.message,
    outputs: gives ? evaluated.outputs : {},
    outputErrors: Object.fromEntries(errors),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** What only the hub knows of the Application's metadata. */
const FROM_HUB = /\bcontext\.(uid|resourceVersion|generation|creationTimestamp)\b/;

/**
 * The `context` of a step's template. KubeVela 1.10: the application's, with the step's own keys; 1.1: the Application's
 * ObjectMeta and nothing else. spec/kubevela.md 2.2.
 */
export async function templateContext(context: StepContext): Promise<CueObject> {
  const { desired, step, stepId, group } = context;
  const { metadata } = desired.object;
  if (desired.dialect === '1.1') {
    const live = FROM_HUB.test(step.template ?? '') ? await hubMetadata(context) : {};
    return cueObject({ ...live, ...metadata, name: desired.name, namespace: desired.namespace });
  }
  const annotations = metadata.annotations ?? {};
  return cueObject({
    name: desired.name,
    namespace: desired.namespace,
    appName: desired.name,
    appRevision: desired.revision.name,
    appRevisionNum: desired.revision.number,
    workflowName: annotations['app.oam.dev/workflowName'] ?? '',
    publishVersion: annotations['app.oam.dev/publishVersion'] ?? '',
    appLabels: metadata.labels ?? {},
    appAnnotations: annotations,
    revision: '',
    replicaKey: '',
    cluster: '',
    components: isRecord(desired.object['spec']) ? (desired.object['spec']['components'] ?? []) : [],
    stepName: step.name,
    stepGroupName: group,
    stepSessionID: stepId,
    spanID: stepId,
  });
}

async function hubMetadata(context: StepContext): Promise<CueObject> {
  const key = keyOf(LOCAL, context.desired.object);
  const seen = (await context.transport.observe([key], context.signal)).get(keyText(key));
  return seen !== undefined && 'live' in seen ? cueObject(seen.live.metadata) : {};
}
