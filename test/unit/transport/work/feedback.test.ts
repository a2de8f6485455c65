import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import { feedbackOf, ruleConditions } from '../../../../daemon/transport/work-feedback.ts';

const deployment: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: { replicas: 2, ratio: 0.5, on: true, map: { a: 1 } },
  status: { readyReplicas: 1, replicas: 2 },
};
const paths = (...list: readonly (readonly [string, string])[]) => [{ type: 'JSONPaths', jsonPaths: list.map(([name, path]) => ({ name, path })) }];

test('without rules nothing is fed back, and that is no failure', () => {
  assert.deepEqual(feedbackOf(deployment, []), {
    values: [],
    condition: { type: 'StatusFeedbackSynced', status: 'True', reason: 'NoStatusFeedbackSynced', message: '' },
  });
});

test('well-known values that are missing are left out', () => {
  const { values, condition } = feedbackOf(deployment, [{ type: 'WellKnownStatus' }]);
  assert.deepEqual(values, [
    { name: 'ReadyReplicas', fieldValue: { type: 'Integer', integer: 1 } },
    { name: 'Replicas', fieldValue: { type: 'Integer', integer: 2 } },
  ]);
  assert.equal(condition.reason, 'StatusFeedbackSynced');
});

test("integers, texts and booleans come through; a map and a fraction are errors in Go's words", () => {
  const { values, condition } = feedbackOf(
    deployment,
    paths(['n', '.spec.replicas'], ['t', '.metadata.name'], ['b', '.spec.on'], ['m', '.spec.map'], ['f', '.spec.ratio']),
  );
  assert.deepEqual(
    values.map(({ fieldValue }) => fieldValue),
    [
      { type: 'Integer', integer: 2 },
      { type: 'String', string: 'web' },
      { type: 'Boolean', boolean: true },
    ],
  );
  assert.equal(
    condition.message,
    'Sync status feedback failed with error [the type map[string]interface {} of the value for m is not found, the type float64 of the value for f is not found]',
  );
});

test('a kind without well-known values, another version and a path that cannot be read are told', () => {
  assert.equal(
    feedbackOf({ ...deployment, kind: 'StatefulSet' }, [{ type: 'WellKnownStatus' }]).condition.message,
    'Sync status feedback failed with error cannot find the wellknown statuses for resource with gvk apps/v1, Kind=StatefulSet',
  );
  assert.equal(
    feedbackOf(deployment, [{ type: 'JSONPaths', jsonPaths: [{ name: 'n', path: '.spec.replicas', version: 'v2' }] }]).condition.message,
    'Sync status feedback failed with error version set in the path n is not matched for the related resource',
  );
  assert.match(
    feedbackOf(deployment, paths(['n', '..replicas'])).condition.message,
    /^Sync status feedback failed with error failed to parse json path \.\.replicas of n with error: /,
  );
});

test('Complete of a Job and of a Pod; what is not well known is passed over, CEL says that it is not evaluated', () => {
  const rule = [{ type: 'WellKnownConditions', condition: 'Complete' }];
  const job = (type: string): KubeObject => ({ apiVersion: 'batch/v1', kind: 'Job', metadata: {}, status: { conditions: [{ type, status: 'True' }] } });
  const told = (object: KubeObject): unknown => ruleConditions(object, rule).map(({ status, message }) => [status, message]);
  assert.deepEqual(told(job('Failed')), [['True', 'Job is finished']]);
  assert.deepEqual(told(job('Suspended')), [['False', 'Job is not finished']]);
  assert.deepEqual(told({ apiVersion: 'v1', kind: 'Pod', metadata: {}, status: { phase: 'Running' } }), [['False', 'Pod is in phase Running']]);
  assert.deepEqual(told(deployment), []);
  assert.deepEqual(
    ruleConditions(deployment, [{ type: 'CEL', condition: 'Ready' }]).map(({ type, status, reason }) => [type, status, reason]),
    [['Ready', 'Unknown', 'ConditionRuleInternalError']],
  );
});
