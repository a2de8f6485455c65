/** Is it well? kstatus for every object, KubeVela's policies for components. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CueEvaluator } from '../../../daemon/model/cue.ts';
import type { JsonObject, KubeObject } from '../../../daemon/model/object.ts';
import type { RenderedComponent } from '../../../daemon/model/plan.ts';
import type { ObjectReport } from '../../../daemon/model/status.ts';
import { healthFrom, objectHealth, type HealthMemo } from '../../../daemon/status/health.ts';
import { cue } from '../cue/evaluator.ts';

const APIS: Readonly<Record<string, string>> = {
  Deployment: 'apps/v1',
  StatefulSet: 'apps/v1',
  DaemonSet: 'apps/v1',
  Job: 'batch/v1',
  CustomResourceDefinition: 'apiextensions.k8s.io/v1',
  Configuration: 'terraform.core.oam.dev/v1beta1',
  Thing: 'example.com/v1',
};
const live = (
  kind: string,
  spec: JsonObject,
  status: JsonObject | undefined,
  metadata: KubeObject['metadata'] = {},
  apiVersion = APIS[kind] ?? 'v1',
): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'x', namespace: 'prod', generation: 2, ...metadata },
  spec,
  ...(status === undefined ? {} : { status }),
});
const condition = (type: string, status: string, more: JsonObject = {}): JsonObject => ({ conditions: [{ type, status, ...more }] });

describe('kstatus of an object', () => {
  const CASES: readonly (readonly [string, KubeObject | null, ObjectReport['health'], string?])[] = [
    ['that is not there', null, 'Missing', 'not there'],
    ['that is being deleted', live('ConfigMap', {}, undefined, { deletionTimestamp: '2026-01-01T00:00:00Z' }), 'InProgress', 'being deleted'],
    ['without a status', live('ConfigMap', {}, undefined), 'Current'],
    ['that its controller has not seen yet', live('Thing', {}, { observedGeneration: 1 }), 'InProgress', 'not observed by its controller yet'],
    ['that says nothing of generations', live('Thing', {}, {}), 'Current'],
    ['that says it is Ready', live('Thing', {}, condition('Ready', 'True')), 'Current'],
    ['that says it is not Ready', live('Thing', {}, condition('Ready', 'False', { message: 'no quota' })), 'InProgress', 'no quota'],
    ['that does not know whether it is Ready', live('Thing', {}, condition('Ready', 'Unknown')), 'InProgress', 'not ready'],
    [
      'that says it is Stalled',
      live(
        'Thing',
        {},
        {
          conditions: [
            { type: 'Ready', status: 'True' },
            { type: 'Stalled', status: 'True', message: 'stuck' },
          ],
        },
      ),
      'Failed',
      'stuck',
    ],

    ['Deployment: new', live('Deployment', { replicas: 2 }, {}), 'InProgress', 'not observed by its controller yet'],
    ['Deployment: all there', live('Deployment', { replicas: 2 }, { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2 }), 'Current'],
    [
      'Deployment: one replica is meant where none is said',
      live('Deployment', {}, { observedGeneration: 2, replicas: 0 }),
      'InProgress',
      '0 of 1 replicas updated',
    ],
    ['Deployment: scaled to none', live('Deployment', { replicas: 0 }, { observedGeneration: 2 }), 'Current'],
    [
      'Deployment: old replicas',
      live('Deployment', { replicas: 2 }, { observedGeneration: 2, replicas: 3, updatedReplicas: 2, availableReplicas: 3 }),
      'InProgress',
      '1 old replicas still there',
    ],
    [
      'Deployment: not available',
      live('Deployment', { replicas: 2 }, { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 1 }),
      'InProgress',
      '1 of 2 replicas available',
    ],
    [
      'Deployment: out of time',
      live(
        'Deployment',
        { replicas: 2 },
        { observedGeneration: 2, ...condition('Progressing', 'False', { reason: 'ProgressDeadlineExceeded', message: 'took too long' }) },
      ),
      'Failed',
      'took too long',
    ],
    [
      'Deployment: of a generation before',
      live('Deployment', { replicas: 2 }, { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2 }),
      'InProgress',
      'not observed by its controller yet',
    ],

    [
      'StatefulSet: all ready',
      live('StatefulSet', { replicas: 2 }, { observedGeneration: 2, replicas: 2, readyReplicas: 2, currentRevision: 'a', updateRevision: 'a' }),
      'Current',
    ],
    ['StatefulSet: one ready', live('StatefulSet', { replicas: 2 }, { observedGeneration: 2, readyReplicas: 1 }), 'InProgress', '1 of 2 replicas ready'],
    [
      'StatefulSet: ready, but of the revision before',
      live('StatefulSet', { replicas: 2 }, { observedGeneration: 2, readyReplicas: 2, updatedReplicas: 1, currentRevision: 'a', updateRevision: 'b' }),
      'InProgress',
      '1 of 2 replicas updated',
    ],
    [
      'StatefulSet: updated as far as its partition says',
      live(
        'StatefulSet',
        { replicas: 3, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } },
        { observedGeneration: 2, readyReplicas: 3, updatedReplicas: 1, currentRevision: 'a', updateRevision: 'b' },
      ),
      'Current',
    ],
    [
      'StatefulSet: updated when its pods are deleted',
      live(
        'StatefulSet',
        { replicas: 2, updateStrategy: { type: 'OnDelete' } },
        { observedGeneration: 2, readyReplicas: 2, updatedReplicas: 0, currentRevision: 'a', updateRevision: 'b' },
      ),
      'Current',
    ],

    [
      'DaemonSet: everywhere',
      live('DaemonSet', {}, { observedGeneration: 2, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3 }),
      'Current',
    ],
    [
      'DaemonSet: not everywhere',
      live('DaemonSet', {}, { observedGeneration: 2, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 2 }),
      'InProgress',
      '2 of 3 pods available',
    ],
    [
      'DaemonSet: available, but of the revision before',
      live('DaemonSet', {}, { observedGeneration: 2, desiredNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 3 }),
      'InProgress',
      '1 of 3 pods updated',
    ],
    ['DaemonSet: on no node', live('DaemonSet', {}, { observedGeneration: 2, desiredNumberScheduled: 0 }), 'Current'],

    ['Job: complete', live('Job', {}, condition('Complete', 'True')), 'Current'],
    ['Job: running', live('Job', {}, { active: 1 }), 'InProgress', 'not complete yet'],
    ['Job: failed', live('Job', {}, condition('Failed', 'True', { message: 'backoff limit' })), 'Failed', 'backoff limit'],
    ['Job: a condition that is not true is none', live('Job', {}, condition('Failed', 'False')), 'InProgress', 'not complete yet'],
    ['Job of another group goes by its conditions', live('Job', {}, condition('Ready', 'True'), {}, 'batch.volcano.sh/v1alpha1'), 'Current'],

    ['Service: in the cluster', live('Service', { type: 'ClusterIP' }, { loadBalancer: {} }), 'Current'],
    ['Service: without its address', live('Service', { type: 'LoadBalancer' }, { loadBalancer: {} }), 'InProgress', 'no load balancer address yet'],
    ['Service: with its address', live('Service', { type: 'LoadBalancer' }, { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } }), 'Current'],
    [
      'Service of another group goes by its conditions',
      live('Service', {}, condition('Ready', 'False', { message: 'no revision' }), {}, 'serving.knative.dev/v1'),
      'InProgress',
      'no revision',
    ],

    ['PersistentVolumeClaim: bound', live('PersistentVolumeClaim', {}, { phase: 'Bound' }), 'Current'],
    ['PersistentVolumeClaim: pending', live('PersistentVolumeClaim', {}, { phase: 'Pending' }), 'InProgress', 'phase Pending'],

    ['Pod: ready', live('Pod', {}, { phase: 'Running', ...condition('Ready', 'True') }), 'Current'],
    ['Pod: running, not ready', live('Pod', {}, { phase: 'Running', ...condition('Ready', 'False') }), 'InProgress', 'phase Running'],
    ['Pod: done', live('Pod', {}, { phase: 'Succeeded' }), 'Current'],
    ['Pod: failed', live('Pod', {}, { phase: 'Failed', message: 'evicted' }), 'Failed', 'evicted'],

    ['Configuration: new', live('Configuration', {}, undefined), 'InProgress', 'not observed by its controller yet'],
    ['Configuration: under way', live('Configuration', {}, { apply: { state: 'ProvisioningAndChecking', message: 'made now' } }), 'InProgress', 'made now'],
    ['Configuration: under way, as 0.1 tells it', live('Configuration', {}, { state: 'Provisioning' }), 'InProgress', 'Provisioning'],
    ['Configuration: there', live('Configuration', {}, { apply: { state: 'Available', message: 'done' } }), 'Current'],
    ['Configuration: there, as 0.1 tells it', live('Configuration', {}, { state: 'Available' }), 'Current'],
    ['Configuration: failed', live('Configuration', {}, { state: 'Available', apply: { state: 'ApplyFailed', message: 'no quota' } }), 'Failed', 'no quota'],
    ['CustomResourceDefinition: established', live('CustomResourceDefinition', {}, condition('Established', 'True')), 'Current'],
    ['CustomResourceDefinition: new', live('CustomResourceDefinition', {}, undefined), 'InProgress', 'not established yet'],
  ];
  for (const [title, object, health, message = ''] of CASES) it(title, () => assert.deepEqual(objectHealth(object), { health, message }));
});

const POLICY = 'isHealth: context.output.status.ready == context.output.spec.replicas';
const MESSAGE = 'message: "ready \\(context.output.status.ready)"';
const component = (more: Partial<RenderedComponent> = {}): RenderedComponent => ({
  name: 'web',
  type: 'thing',
  workload: { apiVersion: 'example.com/v1', kind: 'Thing' },
  cluster: 'local',
  namespace: 'prod',
  replicaKey: '',
  objects: [],
  template: '',
  parameter: null,
  context: { name: 'web', appName: 'shop' },
  status: { healthPolicy: POLICY, customStatus: MESSAGE },
  traits: [],
  ...more,
});
const thing = (ready: number, resourceVersion: string): KubeObject => live('Thing', { replicas: 2 }, { ready }, { uid: 'u', resourceVersion });
const trait = (type: string, healthPolicy?: string): RenderedComponent['traits'][number] => ({
  type,
  template: '',
  parameter: null,
  status: healthPolicy === undefined ? {} : { healthPolicy },
  stage: 'DefaultDispatch',
});

function counting(): { readonly evaluator: CueEvaluator; evaluations: number } {
  const made = {
    evaluations: 0,
    evaluator: {
      ...cue,
      evaluateStatus: (...args: Parameters<CueEvaluator['evaluateStatus']>) => {
        made.evaluations += 1;
        return cue.evaluateStatus(...args);
      },
    },
  };
  return made;
}

describe('the health of a component', () => {
  it('without a policy is well, and asks nobody', async () => {
    const { evaluator, evaluations } = counting();
    const health = await healthFrom(evaluator, '1.10', new Map())(component({ status: {}, traits: [trait('scaler')] }), null, {});
    assert.deepEqual(
      [health, evaluations],
      [{ healthy: true, message: '', details: {}, traits: [{ type: 'scaler', healthy: true, message: '', details: {} }] }, 0],
    );
  });

  for (const [title, ready, healthy, message] of [
    ['is what its policy says', 2, true, 'ready 2'],
    ['is not well while its policy says so', 1, false, 'ready 1'],
  ] as const) {
    it(title, async () => {
      const health = await healthFrom(cue, '1.10', new Map())(component(), thing(ready, '1'), {});
      assert.deepEqual([health.healthy, health.message], [healthy, message]);
    });
  }

  it('needs its traits to be well', async () => {
    const health = await healthFrom(cue, '1.10', new Map())(
      component({ traits: [trait('expose', 'isHealth: context.outputs.service.spec.port == 80'), trait('labels')] }),
      thing(2, '1'),
      { service: live('Service', { port: 81 }, {}) },
    );
    assert.deepEqual(
      [health.healthy, health.traits.map((item) => [item.type, item.healthy])],
      [
        false,
        [
          ['expose', false],
          ['labels', true],
        ],
      ],
    );
  });

  it('whose policy cannot be evaluated is not well, and says nothing', async () => {
    const health = await healthFrom(cue, '1.10', new Map())(component(), live('Thing', { replicas: 2 }, {}), {});
    assert.deepEqual([health.healthy, health.message], [false, '']);
  });

  it('with a message and no policy is well', async () => {
    const health = await healthFrom(cue, '1.10', new Map())(component({ status: { customStatus: MESSAGE } }), thing(0, '1'), {});
    assert.deepEqual([health.healthy, health.message], [true, 'ready 0']);
  });

  it('is not evaluated again until something changes', async () => {
    const count = counting();
    const memo: HealthMemo = new Map();
    const health = healthFrom(count.evaluator, '1.10', memo);
    const service = live('Service', {}, {}, { uid: 's', resourceVersion: '1' });
    const first = await health(component(), thing(2, '1'), { service });
    assert.deepEqual([await health(component(), thing(2, '1'), { service }), count.evaluations], [first, 1]);
    for (const [object, aux, more] of [
      [thing(2, '2'), service, {}],
      [thing(2, '1'), live('Service', {}, {}, { uid: 's', resourceVersion: '2' }), {}],
      [thing(2, '1'), service, { parameter: { a: 1 } }],
      [thing(2, '1'), service, { context: { name: 'web', appName: 'shop', appRevision: 'shop-v2' } }],
    ] as const) {
      const before = count.evaluations;
      await health(component(more), object, { service: aux });
      assert.equal(count.evaluations, before + 1);
    }
    assert.equal(memo.size, 5);
  });

  it('of what was just applied is not well yet, without asking', async () => {
    const count = counting();
    const memo: HealthMemo = new Map();
    const fresh = live('Deployment', { replicas: 2 }, undefined, { uid: 'u', resourceVersion: '1' });
    const health = await healthFrom(count.evaluator, '1.10', memo)(component({ traits: [trait('scaler', 'isHealth: true')] }), fresh, {});
    assert.deepEqual([health.healthy, count.evaluations, memo.size], [false, 0, 0]);
  });
});
