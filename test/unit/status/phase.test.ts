/** KubeVela's phases, and the conditions that tell the truth whatever those mean. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Dialect } from '../../../daemon/model/catalog.ts';
import { Fault, type Code } from '../../../daemon/model/fault.ts';
import type { Condition } from '../../../daemon/model/status.ts';
import { conditionsOf, phaseOf, reasonOf, type PhaseInput } from '../../../daemon/status/phase.ts';
import { FINISHED, journalOf, object, service, statusOf } from './reports.ts';

const input = (more: Partial<PhaseInput> = {}): PhaseInput => ({
  dialect: '1.10',
  fault: null,
  journal: FINISHED,
  services: [service('web')],
  objects: [object('web')],
  ...more,
});
const sick = service('web', { healthy: false, message: 'Ready:0/1' });
const FAILED = journalOf({
  state: 'failed',
  finished: true,
  terminated: true,
  steps: [statusOf('a', 'succeeded'), statusOf('b', 'failed', { reason: 'FailedAfterRetries', message: 'refused' })],
});

describe('the phase', () => {
  const CASES: readonly (readonly [string, Partial<PhaseInput>, string, string?])[] = [
    ['of what is well', {}, 'running'],
    ['of what has finished and is not well', { services: [sick] }, 'unhealthy', 'healthChecking'],
    ['of what has no components', { services: [] }, 'running'],
    ['while the workflow runs', { journal: journalOf() }, 'runningWorkflow'],
    ['while it is suspended', { journal: journalOf({ suspend: true, state: 'suspending' }) }, 'workflowSuspending'],
    ['when it was terminated', { journal: journalOf({ terminated: true, finished: true, state: 'terminated' }) }, 'workflowTerminated'],
    ['when it failed', { journal: FAILED }, 'workflowFailed', 'workflowTerminated'],
    ['before there is a journal', { journal: null }, 'starting'],
    ['of what does not render', { fault: new Fault('render/parameter', 'x') }, 'workflowFailed', 'rendering'],
    ['of a step that names no component', { fault: new Fault('workflow/call', 'x') }, 'workflowFailed', 'rendering'],
    ['of a type that nothing defines', { fault: new Fault('render/unknown-type', 'x') }, 'rendering'],
    ['of what does not load', { fault: new Fault('load/schema', 'x') }, 'rendering'],
    ['of what cannot be kept on the hub', { fault: new Fault('transport/denied', 'x') }, 'starting'],
  ];
  for (const [title, more, expected, in11 = expected] of CASES) {
    for (const [dialect, phase] of [
      ['1.10', expected],
      ['1.1', in11],
    ] as readonly (readonly [Dialect, string])[])
      it(`${dialect}: ${title}`, () => assert.equal(phaseOf(input({ ...more, dialect })), phase));
  }
});

const line = (list: readonly Condition[]): string[] =>
  list.map((item) => [item.type, item.status, item.reason, item.message].filter((part) => part !== '').join(' '));
const READY = (reason: string): string[] => [`Ready True ${reason}`, `Reconciling False ${reason}`, `Stalled False ${reason}`];
const moving = (reason: string, message = ''): string[] => [
  `Ready False ${reason} ${message}`.trim(),
  `Reconciling True ${reason} ${message}`.trim(),
  `Stalled False ${reason}`,
];
const stalled = (reason: string, message: string): string[] => [
  `Ready False ${reason} ${message}`,
  `Reconciling False ${reason}`,
  `Stalled True ${reason} ${message}`,
];

describe('the conditions', () => {
  const CASES: readonly (readonly [string, Partial<PhaseInput>, readonly string[]])[] = [
    ['of what is well', {}, READY('ReconcileSuccess')],
    ['before there is a journal', { journal: null }, moving('Starting')],
    ['of what its author must mend', { fault: new Fault('render/unknown-type', 'no such type') }, stalled('RenderUnknownType', 'no such type')],
    ['of what the operator must allow', { fault: new Fault('transport/denied', 'forbidden') }, stalled('TransportDenied', 'forbidden')],
    ['of what is tried again', { fault: new Fault('transport/unreachable', 'away') }, moving('TransportUnreachable', 'away')],
    ['of what waits', { fault: new Fault('plan/guard', 'kept') }, moving('PlanGuard', 'kept')],
    [
      'of a run that goes on name what it waits for, inside groups too',
      {
        journal: journalOf({
          steps: [
            statusOf('a', 'succeeded'),
            statusOf('all', 'running', { subSteps: [statusOf('b', 'skipped'), statusOf('c', 'running', { message: 'wait healthy' })] }),
            statusOf('d', 'pending'),
          ],
        }),
      },
      moving('WorkflowRunning', 'step c: wait healthy; step d: pending'),
    ],
    [
      'of a suspended run',
      { journal: journalOf({ suspend: true, steps: [statusOf('pause', 'suspending', { message: 'Suspended by field suspend' })] }) },
      moving('WorkflowSuspended', 'step pause: Suspended by field suspend'),
    ],
    ['of a run that failed name the step', { journal: FAILED }, stalled('WorkflowFailed', 'step b: refused')],
    [
      'of a run that failed without a word name the reason',
      {
        journal: journalOf({
          state: 'failed',
          finished: true,
          steps: [statusOf('all', 'succeeded', { subSteps: [statusOf('b', 'failed', { reason: 'Timeout' })] })],
        }),
      },
      stalled('WorkflowFailed', 'step b: Timeout'),
    ],
    [
      'of a terminated run',
      { journal: journalOf({ state: 'terminated', terminated: true, finished: true }) },
      stalled('WorkflowTerminated', 'the workflow was terminated'),
    ],
    [
      'of an object that was refused',
      { journal: journalOf(), objects: [object('web', { fault: new Fault('transport/invalid', 'spec: wrong') })] },
      stalled('TransportInvalid', 'spec: wrong'),
    ],
    ['of a component that is not healthy', { services: [service('db'), sick] }, moving('Unhealthy', 'component web: Ready:0/1')],
    [
      'of a component that is not healthy and says nothing',
      { services: [service('web', { healthy: false })] },
      moving('Unhealthy', 'component web: not healthy'),
    ],
    [
      'of an object that is on its way, whatever KubeVela calls healthy',
      { objects: [object('web', { health: 'InProgress', message: '0 of 1 replicas available' })] },
      moving('InProgress', 'Deployment web: 0 of 1 replicas available'),
    ],
    ['of an object that is missing', { objects: [object('web', { health: 'Missing', message: 'not there' })] }, moving('Missing', 'Deployment web: not there')],
    [
      'of an object that failed',
      { objects: [object('web', { health: 'Failed', message: 'took too long' })] },
      stalled('Failed', 'Deployment web: took too long'),
    ],
    ['of a finished run that could not be kept', { keeping: 'step web: away' }, moving('StateKeep', 'step web: away')],
    [
      'of what has lost its cluster say first that no other is found',
      { keeping: 'step deploy: no cluster', objects: [object('web', { fault: new Fault('transport/unreachable', 'c1: not found') })] },
      moving('StateKeep', 'step deploy: no cluster; c1: not found'),
    ],
    [
      'of what has lost its cluster say so once',
      { keeping: 'step deploy: c1: not found', objects: [object('web', { fault: new Fault('transport/unreachable', 'c1: not found') })] },
      moving('TransportUnreachable', 'c1: not found'),
    ],
  ];
  for (const [title, more, expected] of CASES) it(title, () => assert.deepEqual(line(conditionsOf(input(more))), expected));

  it('are the same for what is rendered by either dialect', () => {
    assert.deepEqual(conditionsOf(input({ dialect: '1.1', services: [sick] })), conditionsOf(input({ services: [sick] })));
  });
});

for (const [code, reason] of [
  ['render/unknown-type', 'RenderUnknownType'],
  ['load/not-yaml', 'LoadNotYaml'],
  ['plan/guard', 'PlanGuard'],
] as readonly (readonly [Code, string])[]) {
  it(`${code} is the reason ${reason}`, () => assert.equal(reasonOf(new Fault(code, 'x')), reason));
}
