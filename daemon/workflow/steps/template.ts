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
import type { CueJson, CueObject, CueStepCall, CueStepResult } from '../../model/cue.ts';
import { Fault } from '../../model/fault.ts';
import { keyOf, keyText, LOCAL } from '../../model/object.ts';
import { cueJson, cueObject, nameOf } from '../actions/calls.ts';
import { cueFault, whereOf } from '../actions/cue-fault.ts';
import type { Action, Actions, Outcome, StepContext } from '../run.ts';

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
  const walk = new Walk(context, actions);
  return walk.run(await templateContext(context));
}

class Walk {
  readonly #context: StepContext;
  readonly #actions: Actions;
  readonly #results: Record<string, CueObject> = {};
  #chars = 0;
  #message = '';
  #waits = false;
  #retryAfterMs: number | undefined;

  constructor(context: StepContext, actions: Actions) {
    this.#context = context;
    this.#actions = actions;
  }

  async run(templateContext: CueObject): Promise<TemplateResult> {
    const { step, desired, cue, properties, signal } = this.#context;
    const request = {
      dialect: desired.dialect, template: step.template ?? '', parameter: cueJson(properties), context: templateContext,
      outputs: step.outputs.map(({ name, valueFrom }) => ({ name, path: valueFrom })),
    };
    for (let calls = 0; ; calls += 1) {
      const evaluated = await cue.evaluateStep({ ...request, results: this.#results }, { signal });
      if (evaluated.errors.length > 0) throw cueFault(evaluated.errors, `step ${step.type}`);
      if (evaluated.next === undefined) return this.#end(this.#waits ? 'wait' : 'succeeded', evaluated);
      if (calls >= CALLS_MAX) throw new Fault('workflow/limit', `step ${step.type} asks for more than ${CALLS_MAX} calls`);
      const ended = this.#take(evaluated.next, await this.#actionOf(evaluated.next)(evaluated.next, this.#context));
      if (ended !== null) return this.#end(ended, evaluated);
    }
  }

  /** KubeVela 1.10: `function X not found in provider Y`. */
  #actionOf(call: CueStepCall): Action {
    const action = this.#actions.get(nameOf(call));
    if (action === undefined) throw new Fault('workflow/unsupported', `there is no call ${nameOf(call)} (at ${call.path})`);
    return action;
  }

  /** Keeps what a call has answered; says how the walk ends when it does. */
  #take(call: CueStepCall, outcome: Outcome): TemplateResult['kind'] | null {
    switch (outcome.kind) {
      case 'result':
        this.#keep(call, outcome.value);
        return null;
      case 'message':
        this.#message = outcome.message;
        this.#keep(call, outcome.value);
        return null;
      case 'wait':
        // KubeVela 1.1: a wait inside `#up` does not stop what follows. The step waits all the same.
        this.#say(outcome.message, outcome.retryAfterMs);
        this.#waits = true;
        if (outcome.value === undefined && call.up !== true) return 'wait';
        this.#keep(call, outcome.value ?? {});
        return null;
      case 'suspend':
        this.#retryAfterMs = undefined;
        this.#say(outcome.message, outcome.retryAfterMs);
        return 'suspend';
      case 'break':
      case 'fail':
        this.#say(outcome.message, undefined);
        return outcome.kind;
      default:
        return outcome satisfies never;
    }
  }

  #say(message: string, retryAfterMs: number | undefined): void {
    if (message !== '') this.#message = message;
    if (retryAfterMs !== undefined) this.#retryAfterMs = Math.min(this.#retryAfterMs ?? Infinity, retryAfterMs);
  }

  #keep(call: CueStepCall, value: CueObject): void {
    const chars = stringify(value).length;
    this.#chars += chars;
    if (chars > ANSWER_CHARS_MAX || this.#chars > ANSWERS_CHARS_MAX) throw new Fault('workflow/limit', `${nameOf(call)} at ${call.path} gives ${Math.round(chars / 1024)} KiB, more than a step may hold`);
    this.#results[call.path] = value;
  }

  #end(kind: TemplateResult['kind'], evaluated: CueStepResult): TemplateResult {
    const gives = kind === 'succeeded' || (kind === 'break' && this.#context.desired.dialect === '1.10');
    const errors = Object.entries(gives ? evaluated.outputErrors : {}).map(([name, error]) => [name, `${whereOf(error)}${error.message}`] as const);
    const retryAfterMs = kind === 'wait' || kind === 'suspend' ? this.#retryAfterMs : undefined;
    return { kind, message: this.#message, outputs: gives ? evaluated.outputs : {}, outputErrors: Object.fromEntries(errors), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
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
    name: desired.name, namespace: desired.namespace, appName: desired.name, appRevision: desired.revision.name, appRevisionNum: desired.revision.number,
    workflowName: annotations['app.oam.dev/workflowName'] ?? '', publishVersion: annotations['app.oam.dev/publishVersion'] ?? '',
    appLabels: metadata.labels ?? {}, appAnnotations: annotations, revision: '', replicaKey: '', cluster: '',
    components: isRecord(desired.object['spec']) ? (desired.object['spec']['components'] ?? []) : [],
    stepName: step.name, stepGroupName: group, stepSessionID: stepId, spanID: stepId,
  });
}

async function hubMetadata(context: StepContext): Promise<CueObject> {
  const key = keyOf(LOCAL, context.desired.object);
  const seen = (await context.transport.observe([key], context.signal)).get(keyText(key));
  return seen !== undefined && 'live' in seen ? cueObject(seen.live.metadata) : {};
}
