/**
 * KubeVela 1.10's step `deploy`: components, as policies change them, to every place that policies name. What depends on
 * another component waits for it in the same place; a cluster that is away holds up no other (I12).
 *
 *   policies -> components x placements = tasks;   each task, once in a pass:
 *   waiting dependents -> (dependencies healthy, inputs known) -> applied -> not healthy | healthy, gives its outputs
 */
import type { CueJson } from '../../model/cue.ts';
import { endsTurn, Fault, toFault } from '../../model/fault.ts';
import { mapLimit } from '../../lib/queue.ts';
import { isRecord } from '../../lib/json.ts';
import type { Json, JsonObject } from '../../model/object.ts';
import type { ComponentRef, PlacementRef, PolicyRef } from '../../model/plan.ts';
import type { ServiceHealth } from '../../model/status.ts';
import { parsePath, setPath } from '../conditions.ts';
import type { StepContext } from '../run.ts';
import { renderedIn } from './placement.ts';
import { DONE, HEALTH_INTERVAL_MS, outputsOf, type Coded } from './result.ts';

/** Tasks that are worked on at the same time. KubeVela 1.10: 5. */
const PARALLELISM = 5;

interface Task {
  readonly key: string;
  readonly component: ComponentRef;
  readonly placement: PlacementRef;
}

type State = { readonly kind: 'healthy' | 'unhealthy' } | { readonly kind: 'fault'; readonly fault: Fault };

const placeKey = (placement: PlacementRef, replicaKey: string): string => `${placement.cluster}/${placement.namespace}/${replicaKey}`;
const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);
const recordOf = (value: unknown): JsonObject => (isRecord(value) ? (value as JsonObject) : {});
const inlineOf = (value: unknown): readonly PolicyRef[] =>
  Array.isArray(value)
    ? value.map(recordOf).map((policy) => ({
        name: typeof policy['name'] === 'string' ? policy['name'] : '',
        type: String(policy['type'] ?? ''),
        properties: recordOf(policy['properties']),
      }))
    : [];

export const deploy: Coded = async (context, found) => {
  const properties = recordOf(context.properties);
  if (properties['auto'] === false && !context.resumed) return { kind: 'suspend', message: 'Suspended by field suspend', outputs: {} };
  const parallelism = properties['parallelism'] === undefined ? PARALLELISM : Number(properties['parallelism']);
  if (parallelism < 1) throw new Fault('render/policy', 'parallelism cannot be smaller than 1');
  const { components, placements } = context.desired.deployment(texts(properties['policies']), inlineOf(properties['inlinePolicies']), {
    clusters: context.clusters,
    ignoreTerraform: properties['ignoreTerraformComponent'] !== false,
  });
  const tasks = components.flatMap((component) =>
    placements.map((place): Task => {
      const placement = { ...place, replicaKey: component.replicaKey };
      return { key: `${placeKey(placement, component.replicaKey)}/${component.name}`, component, placement };
    }),
  );
  const states = await runTasks(context, tasks, parallelism, found);
  const faults = tasks.flatMap((task) => {
    const state = states.get(task.key);
    return state?.kind === 'fault' ? [{ task, fault: state.fault }] : [];
  });
  // What would be refused again fails the step, when everything else has had its turn; so does what is not there.
  const refused = faults.find(({ fault }) => fault.kind !== 'transient' && fault.kind !== 'waiting') ?? faults.find(({ fault }) => fault.kind === 'waiting');
  if (refused !== undefined) throw new Fault(refused.fault.code, errorText(refused.task, refused.fault), { cause: refused.fault, kind: refused.fault.kind });
  const messages = tasks.flatMap((task) => messageOf(task, states.get(task.key)));
  if (messages.length === 0) return DONE;
  return {
    kind: 'wait',
    message: messages.join(','),
    outputs: {},
    retryAfterMs: faults.length > 0 ? 2 * HEALTH_INTERVAL_MS : HEALTH_INTERVAL_MS,
    isIncomplete: tasks.some((task) => !states.has(task.key)),
  };
};

const errorText = (task: Task, fault: Fault): string => `error encountered in cluster ${task.placement.cluster}: ${fault.message}`;

function messageOf(task: Task, state: State | undefined): readonly string[] {
  if (state === undefined) return [`${task.key} is waiting dependents`];
  if (state.kind === 'fault') return [errorText(task, state.fault)];
  return state.kind === 'healthy' ? [] : [`${task.key} is not healthy`];
}

/** What became of each task, by its key; those that wait for another are not among them. */
async function runTasks(
  context: StepContext,
  tasks: readonly Task[],
  parallelism: number,
  found: (key: string, health: ServiceHealth) => void,
): Promise<ReadonlyMap<string, State>> {
  const states = new Map<string, State>();
  const given = new Map<string, CueJson>();
  /** An output of the same place, of the same copy or of what is not copied; else one of the workflow's. */
  const valueOf = (task: Task, from: string): CueJson | undefined =>
    given.get(`${placeKey(task.placement, task.component.replicaKey)}|${from}`) ??
    given.get(`${placeKey(task.placement, '')}|${from}`) ??
    context.variable(from);
  const isReady = (task: Task): boolean => {
    const healthy = (name: string): boolean =>
      [task.component.replicaKey, ''].some((replica) => states.get(`${placeKey(task.placement, replica)}/${name}`)?.kind === 'healthy');
    return task.component.dependsOn.every(healthy) && task.component.inputs.every((input) => valueOf(task, input.from) !== undefined);
  };
  for (;;) {
    const ready = tasks.filter((task) => !states.has(task.key) && isReady(task));
    if (ready.length === 0) return states;
    await mapLimit(
      ready,
      parallelism,
      async (task) => {
        try {
          const properties = withInputs(task, (from) => valueOf(task, from));
          const rendered = await renderedIn(context, task.component, task.placement, properties);
          const outcome = await context.delivery.component(rendered, 'placement');
          found(task.key, outcome.health);
          if (outcome.fault !== null) {
            states.set(task.key, { kind: 'fault', fault: outcome.fault });
            return;
          }
          if (outcome.health.healthy) {
            const { outputs } = await outputsOf(context, task.component.outputs, outcome);
            for (const [name, value] of Object.entries(outputs)) given.set(`${placeKey(task.placement, task.component.replicaKey)}|${name}`, value);
          }
          states.set(task.key, { kind: outcome.health.healthy ? 'healthy' : 'unhealthy' });
        } catch (error) {
          const fault = toFault(error);
          if (endsTurn(fault) || fault.kind === 'bug') throw fault;
          states.set(task.key, { kind: 'fault', fault });
        }
      },
      context.signal,
    );
  }
}

/** KubeVela 1.10: an input of a component goes below its properties. */
function withInputs(task: Task, valueOf: (from: string) => CueJson | undefined): Json | undefined {
  const { inputs, properties } = task.component;
  if (inputs.length === 0) return undefined;
  return inputs.reduce<Json>(
    (target, { from, parameterKey }) =>
      parameterKey === '' ? target : setPath(target, parsePath(parameterKey.replace(/^properties\./, '')), valueOf(from) ?? null),
    properties,
  );
}
