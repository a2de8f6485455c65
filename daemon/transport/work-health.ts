/** kstatus of an object from the few values that a ManifestWork feeds back. Pure. */
import { isRecord } from '../lib/json.ts';
import type { KubeObject } from '../model/object.ts';
import type { ObjectReport } from '../model/status.ts';
import { findCondition, isTrue } from './work-model.ts';
import type { ManifestStatus } from './work-model.ts';

type Told = Pick<ObjectReport, 'health' | 'message'>;
type Value = string | number | bigint | boolean | undefined;
type Values = (name: string) => Value;

const CURRENT: Told = { health: 'Current', message: '' };
const inProgress = (message: string): Told => ({ health: 'InProgress', message });
const number = (value: Value): number => (value === undefined ? 0 : Number(value));

/** Kinds that are where they should be once they exist. */
const READY_WHEN_THERE: ReadonlySet<string> = new Set([
  'ConfigMap', 'Secret', 'ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding', 'Namespace', 'NetworkPolicy', 'LimitRange', 'ResourceQuota', 'PriorityClass',
  'StorageClass', 'CronJob', 'Ingress', 'IngressClass', 'HorizontalPodAutoscaler', 'PodDisruptionBudget', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding', 'EndpointSlice', 'Endpoints', 'ControllerRevision', 'Lease', 'RuntimeClass',
]);

const GROUPS = /^(?:v1|apps\/.*|batch\/.*|autoscaling\/.*|policy\/.*|[a-z.]*\.k8s\.io\/.*)$/;

/** Rules by kind; the values of rules and feedback are what the agent reported last. */
const RULES: Readonly<Record<string, (spec: Readonly<Record<string, unknown>>, value: Values) => Told>> = {
  Deployment: (spec, value) => {
    const wanted = wantedReplicas(spec);
    if (value('UpdatedReplicas') !== undefined && number(value('UpdatedReplicas')) < wanted) return inProgress(`${number(value('UpdatedReplicas'))} of ${wanted} replicas updated`);
    if (number(value('Replicas')) > wanted) return inProgress(`${number(value('Replicas')) - wanted} old replicas still there`);
    const available = number(value('AvailableReplicas') ?? value('ReadyReplicas'));
    return available < wanted ? inProgress(`${available} of ${wanted} replicas available`) : CURRENT;
  },
  StatefulSet: (spec, value) => {
    const wanted = wantedReplicas(spec);
    const ready = number(value('ReadyReplicas'));
    return ready < wanted ? inProgress(`${ready} of ${wanted} replicas ready`) : CURRENT;
  },
  DaemonSet: (_spec, value) => {
    const wanted = number(value('DesiredNumberScheduled'));
    const available = number(value('NumberAvailable'));
    return value('DesiredNumberScheduled') === undefined || available < wanted ? inProgress(`${available} of ${wanted} pods available`) : CURRENT;
  },
  Job: (_spec, value) => {
    if (value('JobFailed') === 'True') return { health: 'Failed', message: 'the Job has failed' };
    return value('JobComplete') === 'True' ? CURRENT : inProgress('not complete yet');
  },
  Pod: (_spec, value) => {
    if (value('PodPhase') === 'Failed') return { health: 'Failed', message: 'phase Failed' };
    return value('PodReady') === 'True' || value('PodPhase') === 'Succeeded' ? CURRENT : inProgress(`phase ${String(value('PodPhase') ?? 'unknown')}`);
  },
  Service: (_spec, value) => (value('LoadBalancerIP') === undefined && value('LoadBalancerHostname') === undefined ? inProgress('no load balancer address yet') : CURRENT),
  PersistentVolumeClaim: (_spec, value) => (value('Phase') === 'Bound' ? CURRENT : inProgress(`phase ${String(value('Phase') ?? 'unknown')}`)),
};

const wantedReplicas = (spec: Readonly<Record<string, unknown>>): number => (typeof spec['replicas'] === 'number' ? spec['replicas'] : 1);

/** What each rule cannot do without: asked for other values, it has no answer. */
const NEEDS: Readonly<Record<string, readonly string[]>> = { Service: ['LoadBalancerIP', 'LoadBalancerHostname'], PersistentVolumeClaim: ['Phase'] };

/** Health of an object that was applied and exists. */
export function feedbackHealth(manifest: KubeObject, entry: ManifestStatus): Told {
  const degraded = findCondition(entry.conditions, 'Degraded');
  if (degraded?.status === 'True') return { health: 'Failed', message: degraded.message };
  const progressing = findCondition(entry.conditions, 'Progressing');
  if (progressing?.status === 'True') return inProgress(progressing.message);
  if (isTrue(entry.conditions, 'Complete')) return CURRENT;
  const spec = isRecord(manifest['spec']) ? manifest['spec'] : {};
  const isBuiltIn = GROUPS.test(manifest.apiVersion);
  if (isBuiltIn && (READY_WHEN_THERE.has(manifest.kind) || (manifest.kind === 'Service' && spec['type'] !== 'LoadBalancer'))) return CURRENT;
  const rule = isBuiltIn ? RULES[manifest.kind] : undefined;
  const feedback = findCondition(entry.conditions, 'StatusFeedbackSynced');
  const given = new Map((entry.statusFeedback.values ?? []).map(({ name, fieldValue: field }): readonly [string, Value] => [name, field.integer ?? field.string ?? field.boolean ?? field.jsonRaw]));
  if (rule === undefined) return unknown(given);
  // Values that are not there yet are left out by the agent, so that none at all may still be an answer.
  if (feedback === undefined || feedback.reason === 'NoStatusFeedbackSynced') return { health: 'Unknown', message: 'it exists; whether it is ready is not reported (no feedback rule)' };
  const needs = NEEDS[manifest.kind];
  if (needs !== undefined && given.size > 0 && !needs.some((name) => given.has(name))) return unknown(given);
  const [generation, observed] = [given.get('Generation'), given.get('ObservedGeneration')];
  if (generation !== undefined && number(observed) < number(generation)) return inProgress('not observed by its controller yet');
  return rule(spec, (name) => given.get(name));
}

function unknown(given: ReadonlyMap<string, Value>): Told {
  const values = [...given].map(([name, value]) => `${name} ${String(value)}`).join(', ');
  return { health: 'Unknown', message: values === '' ? 'it exists; whether it is ready is not reported' : `it exists; reported of it: ${values}` };
}
