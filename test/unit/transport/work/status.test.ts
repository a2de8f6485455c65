import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../../daemon/model/fault.ts';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import { faultOfAnswer } from '../../../../daemon/transport/faults.ts';
import { withoutIgnored } from '../../../../daemon/transport/work-ignore.ts';
import { appliedWorkName, applyOrder, configFor, isOwnedBy, statusOf } from '../../../../daemon/transport/work-model.ts';
import type { ResourceMeta, WorkStatus } from '../../../../daemon/transport/work-model.ts';
import { statusPatch, withOutcomes, withSeen } from '../../../../daemon/transport/work-status.ts';
import { agentWords, isVerdict } from '../../../../daemon/transport/work-words.ts';

const meta = (name: string, ordinal = 0): ResourceMeta => ({
  ordinal,
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  resource: 'configmaps',
  namespace: 'default',
  name,
});
const work = (spec: object = {}, generation = 1, status?: object): KubeObject => ({
  apiVersion: 'work.open-cluster-management.io/v1',
  kind: 'ManifestWork',
  metadata: { name: 'w', namespace: 'c', generation },
  spec,
  ...(status === undefined ? {} : { status }),
});
const live: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default', uid: 'u' } };
const NONE: WorkStatus = { conditions: [], manifests: [] };
const told = (status: WorkStatus): unknown => status.conditions.map((it) => [it.type, it.status, it.message, it.lastTransitionTime]);

test("a record's name is the hash of the hub's URL as it is written, and the work's name", () => {
  assert.equal(appliedWorkName('https://127.0.0.1:26000', 'w1'), '66005e908a17a2607452058691be94d40d6e0eed8dfdab7099dc174e314e395d-w1');
  assert.notEqual(appliedWorkName('https://127.0.0.1:26000/', 'w1'), appliedWorkName('https://127.0.0.1:26000', 'w1'));
});

test('manifests are applied by kind, what is unknown last, in the order of the spec', () => {
  const kinds = ['Widget', 'Deployment', 'ValidatingWebhookConfiguration', 'Service', 'Gadget', 'ConfigMap', 'Role', 'Namespace', 'CustomResourceDefinition'];
  assert.deepEqual(
    applyOrder(kinds.map((kind) => ({ apiVersion: 'v1', kind, metadata: {} }))).map((at) => kinds[at]),
    ['Namespace', 'CustomResourceDefinition', 'Role', 'ConfigMap', 'Service', 'Deployment', 'ValidatingWebhookConfiguration', 'Widget', 'Gadget'],
  );
});

test('of the options that match, the first of each kind counts', () => {
  const id = (name: string, namespace = 'default'): object => ({ group: '', resource: 'configmaps', name, namespace });
  const config = configFor(
    work({
      manifestConfigs: [
        { resourceIdentifier: id('b*'), updateStrategy: { type: 'ReadOnly' } },
        { resourceIdentifier: id('a*', '*'), feedbackRules: [{ type: 'WellKnownStatus' }] },
        { resourceIdentifier: id('ab'), feedbackRules: [{ type: 'JSONPaths' }], updateStrategy: { type: 'CreateOnly' } },
      ],
    }),
    meta('ab'),
  );
  assert.deepEqual([config.feedbackRules, config.updateStrategy, config.conditionRules], [[{ type: 'WellKnownStatus' }], { type: 'CreateOnly' }, []]);
  assert.equal(configFor(work(), meta('ab')).updateStrategy.type, 'Update');
});

test('who owns what, by the deleteOption', () => {
  const selective = {
    propagationPolicy: 'SelectivelyOrphan',
    selectivelyOrphans: { orphaningRules: [{ group: '', resource: 'configmaps', name: 'a', namespace: 'default' }] },
  };
  assert.deepEqual(
    [undefined, { propagationPolicy: 'Foreground' }, { propagationPolicy: 'Orphan' }, selective].map((deleteOption) => [
      isOwnedBy(work({ deleteOption }), meta('a')),
      isOwnedBy(work({ deleteOption }), meta('b')),
    ]),
    [
      [true, true],
      [true, true],
      [false, false],
      [false, true],
    ],
  );
});

test('times move with the status alone; at another generation Applied of a manifest is made anew, behind the others', () => {
  const first = withSeen(work(), withOutcomes(NONE, [{ meta: meta('a'), error: null }], 1, 't1'), [{ live }], 't1');
  assert.deepEqual(told(first), [
    ['Applied', 'True', 'Apply manifest work complete', 't1'],
    ['Available', 'True', 'All resources are available', 't1'],
  ]);
  const again = withSeen(work({}, 2), withOutcomes(first, [{ meta: meta('a'), error: null }], 2, 't2'), [{ live }], 't2');
  assert.deepEqual(told(again), told(first));
  assert.deepEqual(
    again.manifests[0]?.conditions.map((it) => [it.type, it.observedGeneration, it.lastTransitionTime]),
    [
      ['Available', undefined, 't1'],
      ['StatusFeedbackSynced', undefined, 't1'],
      ['Applied', 2, 't2'],
    ],
  );
  const failed = withSeen(work({}, 2), withOutcomes(again, [{ meta: meta('a'), error: 'no' }], 2, 't3'), [{ absent: true }], 't3');
  assert.deepEqual(told(failed), [
    ['Applied', 'False', 'Failed to apply manifest work', 't3'],
    ['Available', 'False', '1 of 1 resources are not available', 't3'],
  ]);
});

test('an entry is found again at another place, unless two are alike', () => {
  const before = withOutcomes(
    NONE,
    [
      { meta: meta('a'), error: null },
      { meta: meta('b', 1), error: null },
    ],
    1,
    't1',
  );
  const moved = withOutcomes(before, [{ meta: meta('b', 0), error: null }], 1, 't2');
  assert.equal(moved.manifests[0]?.conditions[0]?.lastTransitionTime, 't1');
});

test('conditions of rules are aggregated, False before True, for Progressing True before False; a rule that is gone leaves none', () => {
  const rules = (...conditions: readonly string[]): object => ({
    manifestConfigs: [
      {
        resourceIdentifier: { group: 'batch', resource: 'jobs', name: '*', namespace: '*' },
        conditionRules: conditions.map((condition) => ({ type: 'WellKnownConditions', condition })),
      },
    ],
  });
  const job = (name: string, isDone: boolean): KubeObject => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    status: { conditions: isDone ? [{ type: 'Complete', status: 'True' }] : [] },
  });
  const jobMeta = (name: string, ordinal: number): ResourceMeta => ({ ...meta(name, ordinal), group: 'batch', kind: 'Job', resource: 'jobs' });
  const base = withOutcomes(
    NONE,
    [
      { meta: jobMeta('a', 0), error: null },
      { meta: jobMeta('b', 1), error: null },
    ],
    1,
    't1',
  );
  const status = withSeen(work(rules('Complete')), base, [{ live: job('a', true) }, { live: job('b', false) }], 't1');
  assert.deepEqual((told(status) as unknown[]).slice(2), [['Complete', 'False', 'Aggregated from 2 manifest conditions', 't1']]);
  assert.deepEqual(
    withSeen(work({}, 2), status, [{ live: job('a', true) }, { live: job('b', false) }], 't2').conditions.map((it) => it.type),
    ['Applied', 'Available'],
  );
});

test('a status that says so already is not written', () => {
  const status = withSeen(work(), withOutcomes(NONE, [{ meta: meta('a'), error: null }], 1, 't1'), [{ live }], 't1');
  const patch = statusPatch(work(), status);
  assert.deepEqual(Object.keys(patch ?? {}), ['conditions', 'resourceStatus']);
  assert.equal(statusPatch(work({}, 1, patch ?? {}), status), null);
  assert.deepEqual(statusOf(work({}, 1, patch ?? {})), status);
});

test("what a server refuses is told in its own words; a cluster's trouble is no verdict", () => {
  const subject = { what: 'ConfigMap default/a', verb: 'apply', secret: false };
  const target = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'a' };
  const answer = (code: number, body: object) => faultOfAnswer(code, JSON.stringify({ kind: 'Status', ...body }), undefined, subject);
  const conflict = (...fields: readonly string[]) =>
    answer(409, {
      reason: 'Conflict',
      details: { name: 'a', causes: fields.map((field) => ({ reason: 'FieldManagerConflict', message: 'conflict with "someone"', field })) },
    });
  assert.equal(agentWords(conflict('.data.a'), target), 'Apply failed with 1 conflict: conflict with "someone": .data.a');
  assert.equal(agentWords(conflict('.data.a', '.data.b'), target), 'Apply failed with 2 conflicts: conflicts with "someone":\n- .data.a\n- .data.b');
  assert.equal(
    agentWords(answer(404, { reason: 'NotFound', message: 'namespaces "x" not found', details: { name: 'x', kind: 'namespaces' } }), target),
    'namespaces "x" not found',
  );
  const invalid = answer(422, {
    reason: 'Invalid',
    message: '…',
    details: { name: 'a', causes: [{ reason: 'FieldValueInvalid', field: 'data', message: 'Invalid value: 1' }] },
  });
  assert.equal(agentWords(invalid, target), 'ConfigMap "a" is invalid: data: Invalid value: 1');
  assert.deepEqual(
    [invalid, answer(403, {}), answer(500, {}), answer(401, {}), answer(503, {}), new Fault('transport/unreachable', 'x'), new Error('x')].map(isVerdict),
    [true, true, true, false, false, false, false],
  );
});

test('ignored fields are left out of the document but for its first time, and the hash tells when it changes', () => {
  const manifest: KubeObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'x', namespace: 'n' }, spec: { replicas: 2, paused: false } };
  const ignored = withoutIgnored(manifest, [{ condition: 'OnSpokePresent', jsonPaths: ['.spec.replicas'], jsonPointers: ['/spec/none'] }]);
  // As Go computes it: md5 of `%v` of the decoded document.
  assert.equal(ignored?.hash, '0ae058e721b5facf45a45d0f17af07d0');
  assert.deepEqual([ignored?.rest['spec'], ignored?.whole['spec']], [{ paused: false }, manifest['spec']]);
  assert.equal(withoutIgnored(manifest, []), null);
  assert.throws(() => withoutIgnored(manifest, [{ jqPathExpressions: ['.spec'] }]), /^IgnoreFieldError: JQ expression error in '.spec'/);
});
