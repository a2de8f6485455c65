/** `Application.status` in KubeVela's shapes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../daemon/model/fault.ts';
import type { JsonObject, KubeObject } from '../../../daemon/model/object.ts';
import { applicationStatus, withConditions, type HubStatusInput } from '../../../daemon/status/hub.ts';
import { READY, service } from './reports.ts';
import { recordedFiles, recordedObject } from '../plan/recorded.ts';

const THEN = '2026-01-01T00:00:00Z';
const NOW = '2026-01-02T00:00:00Z';

const input = (more: Partial<HubStatusInput> = {}): HubStatusInput => ({
  dialect: '1.10',
  phase: 'running',
  conditions: READY,
  services: [],
  workflow: null,
  tracked: [],
  revision: { name: 'shop-v1', number: 1, hash: 'h1' },
  generation: 3,
  fault: null,
  finished: true,
  live: null,
  now: NOW,
  ...more,
});
const conditions = (status: JsonObject): readonly JsonObject[] => status['conditions'] as readonly JsonObject[];
const told = (status: JsonObject): string[] => conditions(status).map((item) => `${String(item['type'])} ${String(item['status'])}`);

describe('the status of an Application', () => {
  it('has nothing in it that nobody asked for', () => {
    const { conditions: _conditions, ...rest } = applicationStatus(input());
    assert.deepEqual(rest, {
      observedGeneration: 3,
      status: 'running',
      services: [],
      appliedResources: [],
      latestRevision: { name: 'shop-v1', revision: 1, revisionHash: 'h1' },
    });
  });

  it("names no revision of what was never applied: its number is the next one's", () => {
    assert.equal('latestRevision' in applicationStatus(input({ revision: null, fault: new Fault('render/cue', 'x') })), false);
  });

  const OURS = ['Ready True', 'Reconciling False', 'Stalled False'];
  const CASES: readonly (readonly [string, Partial<HubStatusInput>, readonly string[]])[] = [
    ['1.10: of what has finished', {}, ['Parsed True', 'Revision True', 'Policy True', 'Render True', 'Workflow True', ...OURS]],
    ['1.10: of what still runs', { finished: false }, ['Parsed True', 'Revision True', 'Policy True', 'Render True', ...OURS]],
    ['1.1: of what runs', { dialect: '1.1' }, ['Parsed True', 'Revision True', 'Render True', 'Applied True', 'HealthCheck True', ...OURS]],
    ['1.1: of what is not healthy yet', { dialect: '1.1', phase: 'healthChecking' }, ['Parsed True', 'Revision True', 'Render True', 'Applied True', ...OURS]],
    ['of a type that nobody defines', { fault: new Fault('render/unknown-type', 'x') }, ['Parsed False', ...OURS]],
    ['of a template that fails', { fault: new Fault('render/cue', 'x') }, ['Parsed True', 'Revision True', 'Policy True', 'Render False', ...OURS]],
    ['of what the hub does not take', { fault: new Fault('transport/denied', 'x') }, ['Parsed True', 'Revision False', ...OURS]],
  ];
  for (const [title, more, expected] of CASES) it(`conditions ${title}`, () => assert.deepEqual(told(applicationStatus(input(more))), expected));

  it('says in a False condition why, with the code for a reason to look up', () => {
    assert.deepEqual(
      conditions(applicationStatus(input({ fault: new Fault('render/cue', 'line 3: expected }') }))).find((item) => item['type'] === 'Render'),
      { type: 'Render', status: 'False', reason: 'ReconcileError', message: 'RenderCue: line 3: expected }', lastTransitionTime: NOW },
    );
  });

  it('keeps the time of a condition that stays, and only of that', () => {
    const before = applicationStatus(
      input({
        now: THEN,
        finished: false,
        conditions: [
          { type: 'Ready', status: 'False', reason: 'WorkflowRunning', message: 'step a: running' },
          { type: 'Reconciling', status: 'True', reason: 'WorkflowRunning', message: '' },
        ],
      }),
    );
    const live: KubeObject = { apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', metadata: { name: 'shop' }, status: before };
    assert.deepEqual(
      conditions(applicationStatus(input({ live }))).map((item) => [item['type'], item['lastTransitionTime']]),
      [
        ['Parsed', THEN],
        ['Revision', THEN],
        ['Policy', THEN],
        ['Render', THEN],
        ['Workflow', NOW],
        ['Ready', NOW],
        ['Reconciling', NOW],
        ['Stalled', NOW],
      ],
    );
    const again: KubeObject = { ...live, status: applicationStatus(input({ live })) };
    assert.deepEqual(applicationStatus(input({ live: again, now: '2026-02-01T00:00:00Z' })), again['status']);
  });

  it('keeps the time while only the message changes', () => {
    const at = (message: string, now: string, live: KubeObject | null): JsonObject =>
      applicationStatus(input({ now, live, conditions: [{ type: 'Ready', status: 'False', reason: 'WorkflowRunning', message }] }));
    const live: KubeObject = { apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', metadata: { name: 'shop' }, status: at('step a', THEN, null) };
    assert.deepEqual(conditions(at('step b', NOW, live)).at(-1), {
      type: 'Ready',
      status: 'False',
      reason: 'WorkflowRunning',
      message: 'step b',
      lastTransitionTime: THEN,
    });
  });

  it('lists resources sorted, with their cluster unless it is the hub', () => {
    const entry = (name: string, cluster: string, creator: string, namespace = 'prod'): HubStatusInput['tracked'][number] => ({
      key: { cluster, apiVersion: 'v1', kind: 'ConfigMap', namespace, name },
      component: '',
      trait: '',
      creator,
      skipGC: false,
    });
    assert.deepEqual(
      applicationStatus(input({ tracked: [entry('b', 'local', 'workflow'), entry('c', 'beijing', 'placement'), entry('a', 'local', 'policy', '')] }))[
        'appliedResources'
      ],
      [
        { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', namespace: 'prod', cluster: 'beijing', creator: 'workflow' },
        { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', creator: 'policy' },
        { apiVersion: 'v1', kind: 'ConfigMap', name: 'b', namespace: 'prod', creator: 'workflow' },
      ],
    );
  });

  it('1.1: has no list of resources, and services without a place', () => {
    const status = applicationStatus(
      input({
        dialect: '1.1',
        services: [service('web', { cluster: 'beijing', traits: [{ type: 'expose', healthy: false, message: 'no address', details: {} }] })],
      }),
    );
    assert.deepEqual(
      [status['appliedResources'], status['services']],
      [
        undefined,
        [
          {
            name: 'web',
            workloadDefinition: { apiVersion: 'apps/v1', kind: 'Deployment' },
            healthy: true,
            traits: [{ type: 'expose', healthy: false, message: 'no address' }],
          },
        ],
      ],
    );
  });

  it('1.10: services name their cluster and details', () => {
    assert.deepEqual(
      applicationStatus(input({ services: [service('web', { cluster: 'beijing', healthy: false, message: 'x', details: { ready: '1' } })] }))['services'],
      [
        {
          name: 'web',
          namespace: 'prod',
          cluster: 'beijing',
          workloadDefinition: { apiVersion: 'apps/v1', kind: 'Deployment' },
          healthy: false,
          message: 'x',
          details: { ready: '1' },
        },
      ],
    );
  });
});

it('conditions of others stay where ours are put in', () => {
  const live: KubeObject = {
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name: 'shop' },
    status: {
      conditions: [
        { type: 'Ready', status: 'True', reason: 'ReconcileSuccess', lastTransitionTime: THEN },
        { type: 'Theirs', status: 'True', reason: 'x', lastTransitionTime: THEN },
      ],
    },
  };
  assert.deepEqual(withConditions(live, [{ type: 'Ready', status: 'False', reason: 'LoadSchema', message: 'm' }], NOW), [
    { type: 'Theirs', status: 'True', reason: 'x', lastTransitionTime: THEN },
    { type: 'Ready', status: 'False', reason: 'LoadSchema', message: 'm', lastTransitionTime: NOW },
  ]);
});

describe('what KubeVela 1.10 recorded of a running Application', () => {
  it(
    'is what is written for the same facts, times and our own conditions apart',
    { skip: recordedFiles('application-running.yaml').length === 0 ? 'no recorded objects here' : false },
    () => {
      const recorded = recordedObject('application-running.yaml')['status'] as JsonObject;
      const { contextBackend: _kubevela, ...workflow } = recorded['workflow'] as JsonObject;
      const written = applicationStatus(
        input({
          generation: 1,
          workflow,
          revision: { name: 'testapp-v1', number: 1, hash: 'eedf4f06cdc08831' },
          services: [
            service('express-server', {
              namespace: 'case-002',
              message: 'Ready:1/1',
              traits: [{ type: 'init-container', healthy: true, message: '', details: {} }],
            }),
          ],
          tracked: [
            {
              key: { cluster: 'local', apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'case-002', name: 'express-server' },
              component: 'express-server',
              trait: '',
              creator: 'workflow',
              skipGC: false,
            },
          ],
        }),
      );
      const timeless = (status: JsonObject): JsonObject => ({
        ...status,
        workflow,
        conditions: conditions(status)
          .filter((item) => item['type'] !== 'Reconciling' && item['type'] !== 'Stalled')
          .map(({ lastTransitionTime: _time, ...item }) => item),
      });
      assert.deepEqual(timeless(written), timeless(recorded));
    },
  );
});
