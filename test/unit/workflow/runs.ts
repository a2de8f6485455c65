/** An engine with everything around it in memory: a clock that a test turns, steps that do as they are told. */
import type { CueEvaluator, CueJson, CueObject } from '../../../daemon/model/cue.ts';
import { NO_CLUSTERS } from '../../../daemon/model/clusters.ts';
import type { Fault } from '../../../daemon/model/fault.ts';
import type { Json } from '../../../daemon/model/object.ts';
import type { ComponentRef, DesiredApplication, RenderedComponent, Step } from '../../../daemon/model/plan.ts';
import type { Transport } from '../../../daemon/model/ports.ts';
import type { Journal, StepStatus } from '../../../daemon/model/status.ts';
import { freshJournal } from '../../../daemon/workflow/beginning.ts';
import { runWorkflow, type EngineDoors, type EngineResult } from '../../../daemon/workflow/engine.ts';
import type { ComponentOutcome, Outcome, StepContext } from '../../../daemon/workflow/run.ts';
import { applicationOf } from '../plan/things.ts';
import { cue as realCue } from '../cue/evaluator.ts';
import { step } from './steps.ts';

/** What a step of type `ours` does: an answer, or a thrown Fault; by its name, else it succeeds. */
export type Behaviour = (context: StepContext) => Outcome | Promise<Outcome>;

export interface Bench {
  /** Runs one pass and keeps its journal for the next. */
  readonly pass: () => Promise<EngineResult>;
  /** As after a kill: the next pass starts from what was kept last. */
  readonly kill: () => void;
  journal: Journal;
  nowMs: number;
  /** What the steps do; may change between passes. */
  readonly does: Map<string, Behaviour>;
  /** Names of steps as they ran, in order, `component NAME` for deliveries. */
  readonly ran: string[];
  readonly health: Map<string, boolean>;
  readonly faults: Map<string, Fault>;
  readonly kept: Journal[];
  readonly approved: Set<string>;
  /** Whether what people do on the hub resumes a step. */
  hubResumes: boolean;
  /** Whether an object that a step made is gone. */
  isLost: boolean;
}

export const START_MS = Date.UTC(2026, 0, 1);
export const done = (value: CueObject = {}): Outcome => ({ kind: 'result', value });

export const coded = (name: string, type: string, more: Partial<Step> = {}): Step => step(name, { type, template: null, ...more });
export const applies = (component: string, more: Partial<Step> = {}): Step => coded(component, 'apply-component', { properties: { component }, ...more });
export const group = (name: string, subSteps: readonly Step[], more: Partial<Step> = {}): Step => coded(name, 'step-group', { subSteps, ...more });

function rendered(name: string, parameter: Json): RenderedComponent {
  return {
    name,
    type: 'webservice',
    workload: { apiVersion: 'apps/v1', kind: 'Deployment' },
    cluster: 'local',
    namespace: 'prod',
    replicaKey: '',
    objects: [],
    template: '',
    parameter,
    context: {},
    status: {},
    traits: [],
  };
}

const refOf = (name: string): ComponentRef => ({
  name,
  type: 'webservice',
  properties: { image: 'a', env: { x: 1 } },
  traits: [],
  dependsOn: [],
  inputs: [],
  outputs: [],
  at: ['spec', 'components', 0],
  replicaKey: '',
});

/** One call `test.do`, whose answer is the step's result; outputs are read from it by name. */
const walkOneCall: CueEvaluator['evaluateStep'] = async ({ parameter, results, outputs }) => {
  const answer = results['call'];
  if (answer === undefined)
    return {
      next: { path: 'call', provider: 'test', do: 'do', params: { parameter }, style: 'params', missing: [] },
      done: false,
      errors: [],
      outputs: {},
      outputErrors: {},
    };
  const given: Record<string, CueJson> = {};
  const missing: Record<string, { readonly code: 'nonconcrete'; readonly message: string }> = {};
  for (const { name, path } of outputs ?? []) {
    const value = answer[path];
    if (value === undefined) missing[name] = { code: 'nonconcrete', message: `undefined field: ${path}` };
    else given[name] = value;
  }
  return { done: true, errors: [], outputs: given, outputErrors: missing };
};

export function bench(steps: readonly Step[], more: Partial<DesiredApplication> = {}): Bench {
  const names = ['web', 'db', 'cache'];
  const desired: DesiredApplication = applicationOf([], {
    steps,
    hasWorkflow: true,
    mode: { steps: 'StepByStep', subSteps: 'DAG' },
    componentSpecs: names.map(refOf),
    components: new Map(names.map((name) => [name, rendered(name, refOf(name).properties)])),
    render: async (name, _placement, properties) => rendered(typeof name === 'string' ? name : name.name, properties ?? null),
    ...more,
  });
  const component = async (item: RenderedComponent): Promise<ComponentOutcome> => {
    made.ran.push(`component ${item.name}`);
    return {
      delivered: [],
      output: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: item.name }, status: { ready: 2 } },
      outputs: {},
      fault: made.faults.get(item.name) ?? null,
      health: {
        name: item.name,
        namespace: 'prod',
        cluster: 'local',
        workload: item.workload,
        healthy: made.health.get(item.name) ?? true,
        message: '',
        details: {},
        traits: [],
      },
    };
  };
  const unused = (): Promise<never> => Promise.reject(new Error('not in this test'));
  const doors: EngineDoors = {
    desired,
    cue: { ...realCue, evaluateExpression: (request, options) => realCue.evaluateExpression(request, options), evaluateStep: walkOneCall },
    http: unused,
    register: unused,
    clusters: NO_CLUSTERS,
    signal: new AbortController().signal,
    delivery: { component, health: component, deliver: unused, remove: unused },
    transport: { observe: unused, apply: unused, remove: unused, list: unused, isNamespaced: unused } satisfies Transport,
    clock: { now: () => made.nowMs, random: () => 0.5, sleep: () => Promise.reject(new Error('the engine never sleeps')) },
    actions: new Map([
      [
        'test.do',
        async (_call, context) => {
          made.ran.push(context.step.name);
          return (made.does.get(context.step.name) ?? (() => done()))(context);
        },
      ],
    ]),
    get isLost() {
      return made.isLost;
    },
    get hubResumes() {
      return made.hubResumes;
    },
    resumes: (name) => made.approved.has(name),
    keep: async (journal) => void made.kept.push(structuredClone(journal)),
  };
  const made: Bench = {
    journal: freshJournal(desired, START_MS),
    nowMs: START_MS,
    does: new Map(),
    ran: [],
    health: new Map(),
    faults: new Map(),
    kept: [],
    approved: new Set(),
    hubResumes: true,
    isLost: false,
    pass: async () => {
      const result = await runWorkflow(made.journal, doors);
      made.journal = result.journal;
      return result;
    },
    kill: () => {
      made.journal = made.kept.at(-1) ?? freshJournal(desired, START_MS);
    },
  };
  return made;
}

/** `name phase reason`, sub-steps behind their group. */
export const told = (journal: Journal): string[] =>
  journal.steps.flatMap(function lines(status: StepStatus): string[] {
    return [[status.name, status.phase, status.reason].filter((part) => part !== '').join(' '), ...status.subSteps.flatMap(lines)];
  });
