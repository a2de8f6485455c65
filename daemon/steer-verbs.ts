/**
 * `lateen suspend`, `resume` and `retry`: what `vela workflow suspend`, `resume` and `restart` do, for who has no vela.
 * They write the Application's `status.workflow` on the hub, as vela does; the daemon sees it, obeys where `--hub-resume`
 * lets it, and records it.
 */
import { readConfig, type Flags } from './config.ts';
import { isRecord } from './lib/json.ts';
import { PERSON_MANAGER } from './lib/stamp.ts';
import { didYouMean } from './lib/text.ts';
import { DEFAULT_NAMESPACE } from './model/catalog.ts';
import { Fault } from './model/fault.ts';
import type { JsonObject, KubeObject } from './model/object.ts';
import type { ExitCode, Terminal } from './verbs.ts';
import { wireBase, wireHub } from './wire-base.ts';

export type Steering = 'suspend' | 'resume' | 'retry';

type Steps = JsonObject[];
/** The workflow as it should be; a sentence why there is nothing to do. */
type Steered = { readonly workflow: JsonObject } | { readonly because: string };

const stepsOf = (value: unknown): Steps => (Array.isArray(value) ? (value.filter(isRecord) as Steps) : []);

function withSteps(steps: Steps, change: (step: JsonObject) => JsonObject | null): Steps {
  return steps.flatMap((step): Steps => {
    const changed = change(step);
    if (changed === null) return [];
    return [step['subSteps'] === undefined ? changed : { ...changed, subSteps: withSteps(stepsOf(step['subSteps']), change) }];
  });
}

/** KubeVela 1.10: suspend on demand. */
function suspended(workflow: JsonObject): Steered {
  if (workflow['finished'] === true || workflow['terminated'] === true) return { because: 'its workflow is over' };
  if (workflow['suspend'] === true) return { because: 'it is suspended already' };
  return {
    workflow: {
      ...workflow,
      suspend: true,
      steps: withSteps(stepsOf(workflow['steps']), (step) => (step['phase'] === 'running' ? { ...step, phase: 'suspending' } : step)),
    },
  };
}

/** KubeVela 1.10: `suspend` is taken back, and steps that wait go on. */
function resumed(workflow: JsonObject): Steered {
  if (workflow['suspend'] !== true) return { because: 'it is not suspended' };
  return {
    workflow: {
      ...workflow,
      suspend: false,
      steps: withSteps(stepsOf(workflow['steps']), (step) => (step['phase'] === 'suspending' ? { ...step, phase: 'running' } : step)),
    },
  };
}

/** Steps that failed, and were skipped or ended on their account, are run again; what has succeeded is not. KubeVela 1.10: `vela workflow restart --step`. */
function retried(workflow: JsonObject): Steered {
  const steps = stepsOf(workflow['steps']);
  const isLost = (step: JsonObject): boolean => step['phase'] === 'failed' || step['phase'] === 'skipped';
  if (!steps.some((step) => isLost(step) || stepsOf(step['subSteps']).some(isLost))) return { because: 'no step of its workflow has failed' };
  const { endTime: _endTime, message: _message, ...rest } = workflow;
  return {
    workflow: {
      ...rest,
      finished: false,
      terminated: false,
      suspend: false,
      status: 'executing',
      steps: withSteps(steps, (step) => (isLost(step) ? null : step)),
    },
  };
}

const CHANGES: Readonly<Record<Steering, (workflow: JsonObject) => Steered>> = { suspend: suspended, resume: resumed, retry: retried };

const DONE: Readonly<Record<Steering, string>> = { suspend: 'suspended', resume: 'resumed', retry: 'what failed is tried again' };

/** What the status of an Application becomes; null with the reason when there is nothing to do. Pure. */
export function steer(application: KubeObject, how: Steering): Steered {
  const status = isRecord(application['status']) ? application['status'] : {};
  return isRecord(status['workflow']) ? CHANGES[how](status['workflow'] as JsonObject) : { because: 'its workflow has not begun' };
}

/** `; did you mean shop/shop?`: most often the namespace was left out. "" where nothing is like it. Pure. */
export function meant({ namespace, name }: { readonly namespace: string; readonly name: string }, applications: readonly KubeObject[]): string {
  const names = applications.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name ?? ''}`);
  const same = names.filter((other) => other.endsWith(`/${name}`));
  const near = same.length > 0 ? same : [didYouMean(`${namespace}/${name}`, names) ?? ''].filter((other) => other !== '');
  return near.length === 0 ? '' : `; did you mean ${near.slice(0, 3).join(' or ')}?`;
}

/** Does it to one application, `name` or `namespace/name`. 0 done, 1 there was nothing to do, 2 it could not be done. */
export async function steerVerb(how: Steering, name: string, flags: Flags, terminal: Terminal): Promise<ExitCode> {
  const base = await wireBase(readConfig(flags), terminal);
  const [first = '', second] = name.split('/');
  const namespace = typeof flags['namespace'] === 'string' ? flags['namespace'] : DEFAULT_NAMESPACE;
  const target = { apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', namespace: second === undefined ? namespace : first, name: second ?? first };
  await using hub = await wireHub(base);
  const application = await hub.get(target, terminal.signal);
  if (application === null) {
    // Who may not look everywhere is told less.
    const others = await hub.list({ apiVersion: target.apiVersion, kind: target.kind, namespace: '', metadataOnly: true }, terminal.signal).then(
      ({ items }) => items,
      () => [],
    );
    throw new Fault('load/reference', `there is no Application ${target.namespace}/${target.name} on ${hub.server}${meant(target, others)}`);
  }
  const steered = steer(application, how);
  if ('because' in steered) {
    terminal.out(`Application ${target.namespace}/${target.name}: nothing to do, ${steered.because}.\n`);
    return 1;
  }
  // Of two who steer at the same time the second is told, and looks again. A merge patch takes no field away: null does.
  const gone = Object.fromEntries(
    Object.keys((application['status'] as { workflow: JsonObject }).workflow)
      .filter((key) => !Object.hasOwn(steered.workflow, key))
      .map((key) => [key, null]),
  );
  const { resourceVersion } = application.metadata;
  await hub.patch(
    target,
    'merge',
    { ...(resourceVersion === undefined ? {} : { metadata: { resourceVersion } }), status: { workflow: { ...steered.workflow, ...gone } } },
    { fieldManager: PERSON_MANAGER, subresource: 'status' },
    terminal.signal,
  );
  terminal.out(`Application ${target.namespace}/${target.name}: ${DONE[how]}.\n`);
  return 0;
}
