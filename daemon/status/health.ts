/** Is it well? KubeVela's health policies through CUE for components, kstatus for every object. */
import { hashOf } from '../lib/json.ts';
import { carriedBy, WORK_API, workHealth } from '../lib/manifest-work.ts';
import type { CueEvaluator, CueJson, CueObject } from '../model/cue.ts';
import { groupOf, type JsonObject, type KubeObject, type ObjectKey } from '../model/object.ts';
import type { RenderedComponent, StatusTemplates } from '../model/plan.ts';
import type { Health, ObjectReport } from '../model/status.ts';
import type { Dialect } from '../model/catalog.ts';

type ComponentHealth = Health & { readonly traits: readonly (Health & { readonly type: string })[] };

/** Results by what they depend on: the templates, the properties, and the versions of the live objects. */
export type HealthMemo = Map<string, ComponentHealth>;

/** So many results are kept; the oldest go first. */
const MEMO_MAX = 5_000;
const WELL: Health = { healthy: true, message: '', details: {} };

function isEmpty(templates: StatusTemplates): boolean {
  return templates.healthPolicy === undefined && templates.customStatus === undefined && templates.details === undefined;
}

function versionOf(object: KubeObject | null): string {
  if (object === null) return '';
  // What a ManifestWork carries has no version: it is what its feedback says.
  return object.metadata.resourceVersion === undefined ? hashOf(object) : `${object.metadata.uid ?? ''}@${object.metadata.resourceVersion}`;
}

/**
 * Health of a rendered component from its live objects, with a memory: what has not changed is not evaluated again.
 * KubeVela (spec/kubevela.md 2.8): no policy is healthy; an error counts as unhealthy with an empty message.
 */
export function healthFrom(cue: CueEvaluator, dialect: Dialect, memo: HealthMemo) {
  const evaluate = async (templates: StatusTemplates, template: string, parameter: CueJson, context: CueObject): Promise<Health> => {
    if (isEmpty(templates)) return WELL;
    const result = await cue.evaluateStatus({ dialect, template, parameter, context, ...templates });
    return { healthy: templates.healthPolicy === undefined ? true : result.healthy, message: result.message, details: result.details };
  };
  return async (rendered: RenderedComponent, output: KubeObject | null, outputs: Readonly<Record<string, KubeObject>>): Promise<ComponentHealth> => {
    if (isEmpty(rendered.status) && rendered.traits.every((trait) => isEmpty(trait.status)))
      return { ...WELL, traits: rendered.traits.map((trait) => ({ ...WELL, type: trait.type })) };
    const key = hashOf([
      rendered.name,
      rendered.template,
      rendered.parameter,
      rendered.status,
      rendered.traits,
      rendered.context,
      versionOf(output),
      Object.entries(outputs).map(([name, item]) => `${name}=${versionOf(item)}`),
    ]);
    const known = memo.get(key);
    if (known !== undefined) return known;
    // Just applied: no policy can find it well before its controller has looked at it, so none is evaluated.
    if (output !== null && rendered.status.healthPolicy !== undefined && objectHealth(output).message === UNOBSERVED)
      return { ...WELL, healthy: false, traits: rendered.traits.map((trait) => ({ ...WELL, type: trait.type })) };
    const context = { ...rendered.context, output: (output ?? {}) as unknown as CueJson, outputs: outputs as unknown as CueJson } as unknown as CueObject;
    const own = await evaluate(rendered.status, rendered.template, rendered.parameter, context);
    const traits = await Promise.all(
      rendered.traits.map(async (trait) => ({ ...(await evaluate(trait.status, trait.template, trait.parameter, context)), type: trait.type })),
    );
    const result = { ...own, healthy: own.healthy && traits.every((trait) => trait.healthy), traits };
    if (memo.size >= MEMO_MAX) memo.delete(memo.keys().next().value ?? '');
    memo.set(key, result);
    return result;
  };
}

const UNOBSERVED = 'not observed by its controller yet';

type Told = Pick<ObjectReport, 'health' | 'message'>;
const current: Told = { health: 'Current', message: '' };
const inProgress = (message: string): Told => ({ health: 'InProgress', message });
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);

/** Kind and group: a `Job` of another group than `batch` is another thing. */
const kindOf = (object: KubeObject): string => [object.kind, groupOf(object.apiVersion)].filter((part) => part !== '').join('.');

/** Per kind, kstatus' rule. What is not listed goes by its conditions. */
const RULES: Readonly<Record<string, (spec: JsonObject, status: JsonObject) => Told>> = {
  'Deployment.apps': (spec, status) => {
    const wanted = spec['replicas'] === undefined ? 1 : number(spec['replicas']);
    const failed = conditionsOf(status).find((item) => item['type'] === 'Progressing' && item['reason'] === 'ProgressDeadlineExceeded');
    if (failed !== undefined) return { health: 'Failed', message: String(failed['message'] ?? 'progress deadline exceeded') };
    if (number(status['updatedReplicas']) < wanted) return inProgress(`${number(status['updatedReplicas'])} of ${wanted} replicas updated`);
    if (number(status['replicas']) > wanted) return inProgress(`${number(status['replicas']) - wanted} old replicas still there`);
    return number(status['availableReplicas']) < wanted ? inProgress(`${number(status['availableReplicas'])} of ${wanted} replicas available`) : current;
  },
  'StatefulSet.apps': (spec, status) => {
    const wanted = spec['replicas'] === undefined ? 1 : number(spec['replicas']);
    // While pods are replaced those of the revision before are ready as well.
    const partition = number((strategyOf(spec)['rollingUpdate'] as JsonObject | undefined)?.['partition']);
    if (
      strategyOf(spec)['type'] !== 'OnDelete' &&
      status['updateRevision'] !== status['currentRevision'] &&
      number(status['updatedReplicas']) < wanted - partition
    )
      return inProgress(`${number(status['updatedReplicas'])} of ${wanted - partition} replicas updated`);
    return number(status['readyReplicas']) < wanted ? inProgress(`${number(status['readyReplicas'])} of ${wanted} replicas ready`) : current;
  },
  'DaemonSet.apps': (spec, status) => {
    const wanted = number(status['desiredNumberScheduled']);
    if (strategyOf(spec)['type'] !== 'OnDelete' && number(status['updatedNumberScheduled']) < wanted)
      return inProgress(`${number(status['updatedNumberScheduled'])} of ${wanted} pods updated`);
    return number(status['numberAvailable']) < wanted ? inProgress(`${number(status['numberAvailable'])} of ${wanted} pods available`) : current;
  },
  'Job.batch': (_spec, status) => {
    const is = (type: string): JsonObject | undefined => conditionsOf(status).find((item) => item['type'] === type && item['status'] === 'True');
    if (is('Failed') !== undefined) return { health: 'Failed', message: String(is('Failed')?.['message'] ?? '') };
    return is('Complete') === undefined ? inProgress('not complete yet') : current;
  },
  Service: (spec, status) => {
    const ingress = (status['loadBalancer'] as JsonObject | undefined)?.['ingress'];
    return spec['type'] === 'LoadBalancer' && !(Array.isArray(ingress) && ingress.length > 0) ? inProgress('no load balancer address yet') : current;
  },
  PersistentVolumeClaim: (_spec, status) => (status['phase'] === 'Bound' ? current : inProgress(`phase ${String(status['phase'] ?? 'unknown')}`)),
  Pod: (_spec, status) => {
    if (status['phase'] === 'Failed') return { health: 'Failed', message: String(status['message'] ?? '') };
    const ready = conditionsOf(status).some((item) => item['type'] === 'Ready' && item['status'] === 'True');
    return ready || status['phase'] === 'Succeeded' ? current : inProgress(`phase ${String(status['phase'] ?? 'unknown')}`);
  },
  'EnvBinding.core.oam.dev': (_spec, status) => {
    const synced = conditionsOf(status).find((item) => item['type'] === 'Synced');
    return synced?.['status'] === 'False' ? inProgress(String(synced['message'] ?? 'not bound')) : current;
  },
  // terraform-controller has no conditions: 0.1 tells at the top of the status, later ones under `apply`.
  'Configuration.terraform.core.oam.dev': (_spec, status) => {
    const told = { ...status, ...((status['apply'] ?? {}) as JsonObject) };
    const [state, message] = [String(told['state'] ?? ''), String(told['message'] ?? '')];
    if (state === 'Available') return current;
    return { health: /Unavailable|Failed|Error|Invalid/.test(state) ? 'Failed' : 'InProgress', message: message || state || 'not provisioned yet' };
  },
  'CustomResourceDefinition.apiextensions.k8s.io': (_spec, status) =>
    conditionsOf(status).some((item) => item['type'] === 'Established' && item['status'] === 'True') ? current : inProgress('not established yet'),
};

const strategyOf = (spec: JsonObject): JsonObject => (spec['updateStrategy'] ?? {}) as JsonObject;

function conditionsOf(status: JsonObject): readonly JsonObject[] {
  return Array.isArray(status['conditions']) ? (status['conditions'] as readonly JsonObject[]) : [];
}

/** Kinds whose controller always writes a status; without one they are not looked after yet. */
const NEEDS_STATUS = new Set([
  'Deployment.apps',
  'StatefulSet.apps',
  'DaemonSet.apps',
  'Job.batch',
  'Pod',
  'PersistentVolumeClaim',
  'Configuration.terraform.core.oam.dev',
]);

/**
 * kstatus of a live object: Current, InProgress, Failed; Missing when it is not there.
 * Source: sigs.k8s.io/cli-utils kstatus, whose rules these are in short.
 */
export function objectHealth(live: KubeObject | null): Told {
  if (live === null) return { health: 'Missing', message: 'not there' };
  if (live.metadata.deletionTimestamp !== undefined) return inProgress('being deleted');
  if (live.kind === 'ManifestWork' && live.apiVersion === WORK_API) return deepWorkHealth(live);
  const status = (live['status'] ?? {}) as JsonObject;
  const generation = live.metadata.generation ?? 0;
  if (typeof status['observedGeneration'] === 'number' && status['observedGeneration'] < generation) return inProgress(UNOBSERVED);
  if (NEEDS_STATUS.has(kindOf(live)) && Object.keys(status).length === 0) return inProgress(UNOBSERVED);
  const rule = RULES[kindOf(live)];
  if (rule !== undefined) return rule((live['spec'] ?? {}) as JsonObject, status);
  const stalled = conditionsOf(status).find((item) => item['type'] === 'Stalled' && item['status'] === 'True');
  if (stalled !== undefined) return { health: 'Failed', message: String(stalled['message'] ?? '') };
  const ready = conditionsOf(status).find((item) => item['type'] === 'Ready');
  return ready !== undefined && ready['status'] !== 'True' ? inProgress(String(ready['message'] ?? 'not ready')) : current;
}

/** Of a work whose agent is asked about its objects: Current when they are. */
function deepWorkHealth(work: KubeObject): Told {
  const told = workHealth(work);
  if (told.health !== 'Current') return told;
  const blamed = carriedHealth(work).find(({ isReported, health }) => isReported && health !== 'Current');
  return blamed === undefined
    ? told
    : inProgress(`${blamed.key.kind} ${[blamed.key.namespace, blamed.key.name].filter((part) => part !== '').join('/')}: ${blamed.message}`);
}

export interface CarriedHealth extends Told {
  readonly key: ObjectKey;
  /** It is by values of feedback, not by being there alone. */
  readonly isReported: boolean;
}

/**
 * Health of the objects that a ManifestWork carries, by what its agent tells. What has a status of its own and is not
 * reported about is Unknown: that it exists says nothing about its readiness.
 */
export function carriedHealth(work: KubeObject): readonly CarriedHealth[] {
  return carriedBy(work).map(({ key, object, message, isReported }): CarriedHealth => {
    if (object === null) return { key, isReported, health: 'InProgress', message };
    const isSilent = !isReported && (NEEDS_STATUS.has(kindOf(object)) || objectHealth(object).health !== 'Current');
    return {
      key,
      isReported,
      ...(isSilent ? { health: 'Unknown' as const, message: 'it exists; whether it is ready is not reported' } : objectHealth(object)),
    };
  });
}
