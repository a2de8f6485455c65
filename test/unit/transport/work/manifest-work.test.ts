import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import { feedbackConfig, manifestSizeBytes, splitWork, validateWork, workHealth, workName } from '../../../../daemon/transport/manifest-work.ts';

const configMap = (name: string, sizeBytes = 0): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'n' }, data: { a: 'x'.repeat(sizeBytes) } });

test("what OCM's webhook refuses, in its words", () => {
  assert.equal(validateWork([]), 'Workload manifests should not be empty');
  assert.equal(validateWork([configMap('')]), 'name must be set in manifest');
  assert.equal(validateWork([{ ...configMap('a'), metadata: { name: 'a', generateName: 'a-' } }]), 'generateName must not be set in manifest');
  assert.equal(validateWork([configMap('a'), configMap('a')]), 'duplicate manifest for resource n/a with resource type v1.ConfigMap');
  assert.equal(validateWork([configMap('a', 300_000), configMap('b', 300_000)]), 'the size of manifests is 600196 bytes which exceeds the 512000 limit');
  assert.equal(validateWork([configMap('a', 200_000), configMap('b', 200_000)]), null);
});

test('a manifest counts as Go writes it', () => {
  const size = (text: string): number => manifestSizeBytes({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, data: { a: text } });
  assert.equal(size('<>&\u2028') - size(''), 24);
  assert.equal(size('ä') - size(''), 2);
});

test('works are split below the limit under names that stay, and a manifest stays where it is', () => {
  const many = ['a', 'b', 'c', 'd', 'e'].map((name) => configMap(name, 300));
  const names = (parts: ReturnType<typeof splitWork>): unknown => parts.map((part) => [part.name, part.manifests.map((manifest) => manifest.metadata.name).join('')]);
  const limitBytes = 900;
  const parts = splitWork('w', many, { limitBytes });
  assert.deepEqual(names(parts), [['w', 'ab'], ['w-2', 'cd'], ['w-3', 'e']]);
  const without = many.filter((manifest) => manifest.metadata.name !== 'a');
  assert.deepEqual(names(splitWork('w', without, { limitBytes })), [['w', 'bc'], ['w-2', 'de']]);
  assert.deepEqual(names(splitWork('w', without, { limitBytes, current: parts })), [['w', 'b'], ['w-2', 'cd'], ['w-3', 'e']]);
  assert.deepEqual(names(splitWork('w', [...without, configMap('f', 300)], { limitBytes, current: parts })), [['w', 'bf'], ['w-2', 'cd'], ['w-3', 'e']]);
  assert.deepEqual(names(splitWork('w', [configMap('big', 2_000), configMap('a')], { limitBytes })), [['w', 'big'], ['w-2', 'a']]);
  assert.deepEqual(names(splitWork('w', many)), [['w', 'abcde']]);
});

test('a name that is too long is cut, differs from others and is the same every time', () => {
  const [a, b] = ['a', 'b'].map((end) => workName(`${'x'.repeat(200)}${end}`, '-2'));
  assert.equal(a?.length, 188);
  assert.match(a ?? '', /-2$/);
  assert.notEqual(a, b);
  assert.equal(workName('short'), 'short');
});

const condition = (type: string, status: string, message = '', observedGeneration?: number): object => ({ type, status, reason: 'R', message, ...(observedGeneration === undefined ? {} : { observedGeneration }) });
const DEPLOYMENT: KubeObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'n' }, spec: { replicas: 2 } };

function work(manifest: KubeObject, conditions: readonly object[], values: Readonly<Record<string, string | number>> = {}, generation = 1): KubeObject {
  const [group = '', version = ''] = manifest.apiVersion.includes('/') ? manifest.apiVersion.split('/') : ['', manifest.apiVersion];
  const fed = Object.entries(values).map(([name, value]) => ({ name, fieldValue: typeof value === 'number' ? { type: 'Integer', integer: value } : { type: 'String', string: value } }));
  const entry = { resourceMeta: { ordinal: 0, group, version, kind: manifest.kind, resource: 'x', namespace: 'n', name: manifest.metadata.name }, statusFeedback: fed.length === 0 ? {} : { values: fed }, conditions };
  return {
    apiVersion: 'work.open-cluster-management.io/v1', kind: 'ManifestWork', metadata: { name: 'w', namespace: 'c1', generation }, spec: { workload: { manifests: [manifest] } },
    status: { conditions: [condition('Applied', 'True', '', 1)], resourceStatus: { manifests: [entry] } },
  };
}

const WELL = [condition('Applied', 'True', '', 1), condition('Available', 'True'), { type: 'StatusFeedbackSynced', status: 'True', reason: 'StatusFeedbackSynced', message: '' }];
const MUTE = [...WELL.slice(0, 2), { type: 'StatusFeedbackSynced', status: 'True', reason: 'NoStatusFeedbackSynced', message: '' }];
const health = (object: KubeObject): unknown => workHealth(object).manifests.map((manifest) => `${manifest.health} ${manifest.message}`).join();

const HEALTH: readonly (readonly [string, KubeObject, string])[] = [
  ['a ConfigMap that exists', work(configMap('a'), MUTE), 'Current '],
  ['a Deployment without feedback', work(DEPLOYMENT, MUTE), 'Unknown it exists; whether it is ready is not reported (no feedback rule)'],
  ['a Deployment with all replicas', work(DEPLOYMENT, WELL, { Replicas: 2, ReadyReplicas: 2, AvailableReplicas: 2 }), 'Current '],
  ['a Deployment with some', work(DEPLOYMENT, WELL, { Replicas: 2, AvailableReplicas: 1 }), 'InProgress 1 of 2 replicas available'],
  ['a Deployment of which nothing is reported yet', work(DEPLOYMENT, WELL), 'InProgress 0 of 2 replicas available'],
  ['a Deployment whose controller is behind', work(DEPLOYMENT, WELL, { Generation: 2, ObservedGeneration: 1, Replicas: 2, AvailableReplicas: 2 }), 'InProgress not observed by its controller yet'],
  ['a Service without an address', work({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'n' }, spec: { type: 'LoadBalancer' } }, WELL), 'InProgress no load balancer address yet'],
  ['a Service of which something else is reported', work({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'n' }, spec: { type: 'LoadBalancer' } }, WELL, { clusterIP: '10.0.0.1' }), 'Unknown it exists; reported of it: clusterIP 10.0.0.1'],
  ['an object of a CRD', work({ apiVersion: 'example.org/v1', kind: 'Deployment', metadata: { name: 'd', namespace: 'n' } }, WELL, { phase: 'ok' }), 'Unknown it exists; reported of it: phase ok'],
  ['one that was refused', work(configMap('a'), [condition('Applied', 'False', 'Failed to apply manifest: no', 1)]), 'Failed Failed to apply manifest: no'],
  ['one that is not there', work(configMap('a'), [condition('Applied', 'True', '', 1), condition('Available', 'False', 'Resource is not available')]), 'Missing Resource is not available'],
  ['a change that was not applied yet', work(configMap('a'), WELL, {}, 2), 'InProgress its change is not applied by the work agent yet'],
  ['a Job that failed', work({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j', namespace: 'n' } }, WELL, { JobFailed: 'True' }), 'Failed the Job has failed'],
  ['one that a rule calls degraded', work(configMap('a'), [...MUTE, condition('Degraded', 'True', 'bad')]), 'Failed bad'],
];
for (const [what, object, expected] of HEALTH) test(`health of ${what}: ${expected}`, () => assert.equal(health(object), expected));

test('a work is what its worst object is; one that no agent has seen is in progress', () => {
  const { status: _status, ...unseen } = work(configMap('a'), []);
  assert.deepEqual([workHealth(unseen as KubeObject).health, workHealth(unseen as KubeObject).message], ['InProgress', 'no work agent has applied it yet']);
  const bad = workHealth(work(DEPLOYMENT, WELL, { AvailableReplicas: 1 }));
  assert.deepEqual([bad.health, bad.message], ['InProgress', 'Deployment n/web: 1 of 2 replicas available']);
  const going = work(configMap('a'), MUTE);
  assert.equal(workHealth({ ...going, metadata: { ...going.metadata, deletionTimestamp: 'now' } }).health, 'InProgress');
});

test('feedback is asked for kinds whose health depends on it', () => {
  assert.deepEqual((feedbackConfig(DEPLOYMENT) as any).resourceIdentifier, { group: 'apps', resource: 'deployments', namespace: 'n', name: 'web' });
  assert.equal(feedbackConfig(configMap('a')), null);
});
