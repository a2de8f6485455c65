/** A small world for steps: a cluster in memory, a clock that stands, a journal, and the real CUE evaluator where asked. */
import type { CueEvaluator, CueJson, CueObject } from '../../../../daemon/model/cue.ts';
import { NO_CLUSTERS, type Clusters, type Member } from '../../../../daemon/model/clusters.ts';
import { Fault } from '../../../../daemon/model/fault.ts';
import { keyOf, keyText, LOCAL, type JsonObject, type KubeObject } from '../../../../daemon/model/object.ts';
import {
  PLAIN_RULES,
  type ComponentRef,
  type PlacementRef,
  type DesiredApplication,
  type Environment,
  type RenderedComponent,
  type Step,
  type Wanted,
} from '../../../../daemon/model/plan.ts';
import type { Clock, Http, Register, Transport } from '../../../../daemon/model/ports.ts';
import { deploymentOf } from '../../../../daemon/render/place.ts';
import type { ComponentOutcome, Delivered, Delivery, StepContext } from '../../../../daemon/workflow/run.ts';

const CLUSTER_SCOPED = new Set(['Namespace', 'ClusterRole', 'ResourceTracker', 'ManagedCluster', 'Node']);

const KINDS = [
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'v1', kind: 'Secret' },
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'v1', kind: 'Namespace' },
  { apiVersion: 'apps/v1', kind: 'Deployment' },
];

export interface World {
  readonly context: StepContext;
  /** Live objects by keyText. */
  readonly objects: Map<string, KubeObject>;
  readonly delivered: Wanted[];
  readonly removed: string[];
  readonly variables: Map<string, CueJson>;
  /** Answers of calls that are made once, by path; null: begun and never heard of. */
  readonly calls: Map<string, CueObject | null>;
  readonly timers: Map<string, number>;
  readonly clock: { nowMs: number };
  /** Puts an object into the hub. */
  readonly put: (object: KubeObject) => void;
  /** Faults to answer with, by object name. */
  readonly faults: Map<string, Fault>;
  readonly componentHealth: { healthy: boolean };
}

export interface Setting {
  readonly dialect?: '1.1' | '1.10';
  readonly template?: string;
  readonly properties?: JsonObject;
  readonly outputs?: Step['outputs'];
  readonly components?: readonly JsonObject[];
  readonly policies?: DesiredApplication['policies'];
  readonly cue?: CueEvaluator;
  readonly http?: Http;
  readonly register?: Register;
  readonly resumed?: boolean;
  readonly environments?: readonly Environment[];
  readonly members?: readonly Member[];
  readonly decisions?: Clusters['decisions'];
  readonly annotations?: Readonly<Record<string, string>>;
}

const noCue = new Proxy(
  {},
  {
    get: () => () => {
      throw new Error('this test has no evaluator');
    },
  },
) as CueEvaluator;

function clusterInMemory(world: { readonly objects: Map<string, KubeObject>; readonly faults: Map<string, Fault> }): Transport {
  const faultOf = (name: string): Fault | undefined => world.faults.get(name);
  return {
    observe: async (keys) =>
      new Map(
        keys.map((key) => {
          const fault = faultOf(key.name);
          const live = world.objects.get(keyText(key));
          return [keyText(key), fault !== undefined ? { fault } : live === undefined ? { absent: true as const } : { live }];
        }),
      ),
    apply: () => Promise.reject(new Error('steps apply through the delivery')),
    remove: () => Promise.reject(new Error('steps delete through the delivery')),
    list: async (cluster, apiVersion, kind, namespace, labels) => {
      const fault = faultOf(kind);
      if (fault !== undefined) throw fault;
      const wanted = labels === '' ? [] : labels.split(',').map((part) => part.split('='));
      const has = (object: KubeObject): boolean =>
        wanted.every(([key = '', value]) =>
          value === undefined ? object.metadata.labels?.[key] !== undefined : (object.metadata.labels?.[key] ?? '') === value,
        );
      return [...world.objects]
        .filter(
          ([key, object]) =>
            key.startsWith(`${cluster}/`) &&
            object.apiVersion === apiVersion &&
            object.kind === kind &&
            (namespace === '' || object.metadata.namespace === namespace) &&
            has(object),
        )
        .map(([, object]) => object);
    },
    isNamespaced: async (_cluster, _apiVersion, kind) => !CLUSTER_SCOPED.has(kind),
    kindOf: async (_cluster, group, resource) =>
      KINDS.find((item) => item.kind.toLowerCase() === resource.replace(/s$/, '') && (group === '' || item.apiVersion.startsWith(`${group}/`))) ?? null,
  };
}

function deliveryTo(world: Omit<World, 'context' | 'put'>): Delivery {
  const outcomeOf = (rendered: RenderedComponent, delivered: readonly Delivered[]): ComponentOutcome => ({
    delivered,
    fault: delivered.find((item) => item.fault !== null)?.fault ?? null,
    output: delivered[0]?.live ?? null,
    outputs: Object.fromEntries(delivered.slice(1).map((item) => [item.change.wanted?.output ?? '', item.live as KubeObject])),
    health: {
      healthy: world.componentHealth.healthy,
      message: '',
      details: {},
      traits: [],
      name: rendered.name,
      namespace: rendered.namespace,
      cluster: rendered.cluster,
      workload: rendered.workload,
    },
  });
  const deliver: Delivery['deliver'] = async (wanted) =>
    wanted.map((item): Delivered => {
      const before = world.objects.get(keyText(item.key)) ?? null;
      const change = {
        action: before === null ? ('create' as const) : ('update' as const),
        key: item.key,
        reason: 'test',
        wanted: item,
        live: before,
        fields: [],
        fault: null,
      };
      const fault = world.faults.get(item.key.name) ?? null;
      if (fault !== null) return { change, live: before, fault, warnings: [] };
      world.delivered.push(item);
      const live = {
        ...before,
        ...item.object,
        metadata: { ...item.object.metadata, uid: `uid-${item.key.name}`, resourceVersion: String(world.delivered.length), managedFields: [{}] },
      } as KubeObject;
      world.objects.set(keyText(item.key), live);
      return { change, live, fault: null, warnings: [] };
    });
  return {
    deliver,
    component: async (rendered) => outcomeOf(rendered, await deliver(rendered.objects, 'workflow')),
    health: async (rendered) => outcomeOf(rendered, []),
    remove: async (object, cluster) => {
      const key = keyText(keyOf(cluster, object));
      const fault = world.faults.get(object.metadata.name ?? '');
      if (fault !== undefined) throw fault;
      world.removed.push(key);
      return world.objects.delete(key);
    },
  };
}

function rendered(spec: JsonObject, properties: unknown, placement: PlacementRef): RenderedComponent {
  const namespace = placement.namespace || 'prod';
  const cluster = placement.cluster || LOCAL;
  const name = String(spec['name']);
  const labels = { 'app.oam.dev/name': 'shop', 'app.oam.dev/component': name };
  const workload: KubeObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace, labels }, spec: properties };
  const service: KubeObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: { ...labels, 'trait.oam.dev/type': 'expose', 'trait.oam.dev/resource': 'service' } },
    spec: {},
  };
  return {
    name,
    type: String(spec['type']),
    workload: { apiVersion: 'apps/v1', kind: 'Deployment' },
    cluster,
    namespace,
    replicaKey: placement.replicaKey,
    template: '',
    parameter: null,
    context: {},
    status: {},
    traits: [],
    objects: [
      { key: keyOf(cluster, workload), object: workload, component: name, trait: '', output: '', origin: null, rules: PLAIN_RULES },
      { key: keyOf(cluster, service), object: service, component: name, trait: 'expose', output: 'service', origin: null, rules: PLAIN_RULES },
    ],
  };
}

const ORIGIN = { path: 'shop.yaml', line: 1, column: 1 };

function application(setting: Setting): DesiredApplication {
  const components = setting.components ?? [];
  const annotations = setting.annotations === undefined ? {} : { annotations: setting.annotations };
  const object: KubeObject = {
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name: 'shop', namespace: 'prod', labels: { team: 'a' }, ...annotations },
    spec: { components, policies: setting.policies ?? [] },
  };
  const list = <T>(value: unknown): readonly T[] => (Array.isArray(value) ? (value as T[]) : []);
  const componentSpecs = components.map((spec, i): ComponentRef => ({
    name: String(spec['name']),
    type: String(spec['type']),
    properties: spec['properties'] ?? null,
    traits: list(spec['traits']),
    dependsOn: list(spec['dependsOn']),
    inputs: list(spec['inputs']),
    outputs: list(spec['outputs']),
    at: ['spec', 'components', i],
    replicaKey: '',
  }));
  const policies = setting.policies ?? [];
  return {
    namespace: 'prod',
    name: 'shop',
    dialect: setting.dialect ?? '1.10',
    object,
    document: { object, origin: ORIGIN, locate: () => ORIGIN },
    revision: { name: 'shop-v3', number: 3, hash: 'h', components: {}, componentHashes: {} },
    components: new Map(components.map((spec) => [String(spec['name']), rendered(spec, spec['properties'], { cluster: '', namespace: '', replicaKey: '' })])),
    policyObjects: [],
    steps: [],
    mode: { steps: 'StepByStep', subSteps: 'DAG' },
    hasWorkflow: true,
    definitions: new Map(),
    componentSpecs,
    policies,
    diagnostics: [],
    fault: null,
    environments: setting.environments ?? [],
    placed: [],
    deployment: (names, inline, options) =>
      deploymentOf(
        { components: componentSpecs, policies: policies.map((policy, index) => ({ ...policy, index })), isTerraform: () => false },
        names,
        inline,
        options,
      ),
    render: async (component, placement, properties) => {
      const spec = componentSpecs.find((item) => item.name === component) ?? component;
      if (typeof spec === 'string') throw new Error(`no component ${spec}`);
      return rendered({ name: spec.name, type: spec.type }, properties ?? spec.properties, placement);
    },
  };
}

/** A world with one step in it. */
export function world(setting: Setting = {}): World {
  const state = {
    objects: new Map<string, KubeObject>(),
    delivered: [] as Wanted[],
    removed: [] as string[],
    variables: new Map<string, CueJson>(),
    calls: new Map<string, CueObject | null>(),
    timers: new Map<string, number>(),
    clock: { nowMs: Date.UTC(2026, 0, 1) },
    faults: new Map<string, Fault>(),
    componentHealth: { healthy: true },
  };
  const clock: Clock = { now: () => state.clock.nowMs, random: () => 0.5, sleep: () => Promise.reject(new Error('steps do not sleep')) };
  const context: StepContext = {
    desired: application(setting),
    stepId: 'abcdefghij',
    group: '',
    properties: setting.properties ?? {},
    resumed: setting.resumed ?? false,
    step: {
      name: 'first',
      type: 'ours',
      properties: setting.properties ?? {},
      if: '',
      timeoutMs: null,
      dependsOn: [],
      inputs: [],
      outputs: setting.outputs ?? [],
      template: setting.template ?? '',
      mode: 'DAG',
      subSteps: [],
    },
    delivery: deliveryTo(state),
    transport: clusterInMemory(state),
    cue: setting.cue ?? noCue,
    clock,
    clusters: { members: setting.members ?? [], decisions: setting.decisions ?? NO_CLUSTERS.decisions },
    signal: new AbortController().signal,
    http: setting.http ?? (() => Promise.reject(new Error('this test makes no requests'))),
    register: setting.register ?? (() => Promise.reject(new Error('this test registers no cluster'))),
    variable: (name) => state.variables.get(name),
    setVariable: (name, value) => void state.variables.set(name, value),
    once: async (path, intent, call) => {
      const known = state.calls.get(path);
      if (known === null) throw new Fault('workflow/step-failed', `${intent}: the outcome is unknown`);
      if (known !== undefined) return known;
      state.calls.set(path, null);
      const result = await call();
      state.calls.set(path, result);
      return result;
    },
    since: (path) => {
      const began = state.timers.get(path) ?? state.clock.nowMs;
      state.timers.set(path, began);
      return began;
    },
  };
  return { ...state, context, put: (object) => void state.objects.set(keyText(keyOf(LOCAL, object)), object) };
}

/** A member cluster that is well. */
export function member(name: string, labels: Readonly<Record<string, string>> = {}, over: Partial<Member> = {}): Member {
  return { name, mode: 'direct', labels, claims: {}, accepted: true, available: 'True', taints: [], version: null, object: null, fault: null, ...over };
}
