/** What a pass comes to: is it well, does it stand still, or does it still move? */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settlementOf } from '../../daemon/loop.ts';
import { endsTurn, Fault, type Code } from '../../daemon/model/fault.ts';
import type { ApplicationReport, Report } from '../../daemon/model/status.ts';
import { conditionsOf } from '../../daemon/status/phase.ts';
import { application, FINISHED, journalOf, object, report, service, statusOf } from './status/reports.ts';

const fault = (code: Code): Fault => new Fault(code, code);
const conditionsFor = (more: Partial<Parameters<typeof conditionsOf>[0]>): ApplicationReport['conditions'] =>
  conditionsOf({ dialect: '1.10', fault: null, journal: FINISHED, services: [], objects: [], ...more });
const failing = (code: Code): ApplicationReport =>
  application('shop', { phase: 'rendering', fault: fault(code), conditions: conditionsFor({ fault: fault(code) }) });
const running = application('shop', {
  phase: 'runningWorkflow',
  conditions: conditionsFor({ journal: journalOf({ steps: [statusOf('web', 'running')] }) }),
  retryAfterMs: 500,
});
const suspended = (retryAfterMs: number | null): ApplicationReport =>
  application('shop', {
    phase: 'workflowSuspending',
    journal: journalOf({ suspend: true }),
    conditions: conditionsFor({ journal: journalOf({ suspend: true }) }),
    retryAfterMs,
  });
const leaving = (code: Code | null): ApplicationReport =>
  application('old', {
    phase: 'deleting',
    fault: code === null ? null : fault(code),
    conditions: [
      { type: 'Ready', status: 'False', reason: 'Deleting', message: '' },
      { type: 'Reconciling', status: 'True', reason: 'Deleting', message: '' },
      { type: 'Stalled', status: 'False', reason: 'Deleting', message: '' },
    ],
  });
const READY = application('shop');

describe('a pass', () => {
  const CASES: readonly (readonly [string, Report, Code | null, ReturnType<typeof settlementOf>])[] = [
    ['over nothing is well', report([]), null, 'ready'],
    ['in which all is ready is well', report([READY, application('stall')]), null, 'ready'],
    ['in which one still runs moves', report([READY, running]), null, 'moving'],
    [
      'in which a component is not healthy moves',
      report([application('shop', { phase: 'unhealthy', conditions: conditionsFor({ services: [service('web', { healthy: false })] }) })]),
      null,
      'moving',
    ],
    ['in which one cannot be rendered stands still', report([READY, failing('render/cue')]), null, 'settled'],
    ['in which one is not allowed stands still', report([failing('transport/denied')]), null, 'settled'],
    ['in which a cluster is away moves', report([failing('transport/unreachable')]), null, 'moving'],
    ['in which one stands still and one moves moves', report([failing('render/cue'), { ...running, name: 'stall' }]), null, 'moving'],
    [
      'with a failed workflow stands still',
      report([application('shop', { conditions: conditionsFor({ journal: journalOf({ state: 'failed', finished: true }) }) })]),
      null,
      'settled',
    ],
    ['suspended until a person comes stands still', report([suspended(null)]), null, 'settled'],
    ['suspended for a time moves', report([suspended(60_000)]), null, 'moving'],
    [
      "with a mistake in a document that is no application's stands still",
      report([READY], { diagnostics: [{ code: 'load/schema', severity: 'error', message: 'x' }] }),
      null,
      'settled',
    ],
    ['with a warning is well', report([READY], { diagnostics: [{ code: 'load/ambiguous', severity: 'warning', message: 'x' }] }), null, 'ready'],
    [
      'with a mistake while something moves moves',
      report([running], { diagnostics: [{ code: 'load/schema', severity: 'error', message: 'x' }] }),
      null,
      'moving',
    ],
    ['whose documents are there is well', report([READY], { objects: [object('a')] }), null, 'ready'],
    ['whose documents are on their way moves', report([READY], { objects: [object('a', { health: 'InProgress' })] }), null, 'moving'],
    ['whose document was refused stands still', report([READY], { objects: [object('a', { fault: fault('transport/invalid') })] }), null, 'settled'],
    ['whose document could not be sent moves', report([READY], { objects: [object('a', { fault: fault('transport/unreachable') })] }), null, 'moving'],
    ['whose document failed stands still', report([READY], { objects: [object('a', { health: 'Failed' })] }), null, 'settled'],
    ['in which an application leaves moves', report([READY], { leaving: [leaving(null)] }), null, 'moving'],
    ['in which a leaving application is kept until somebody approves stands still', report([READY], { leaving: [leaving('plan/guard')] }), null, 'settled'],
    ['in which the budget holds a leaving application stands still', report([READY], { leaving: [leaving('plan/budget')] }), null, 'settled'],
    ["in which a leaving application's cluster is away moves", report([READY], { leaving: [leaving('transport/unreachable')] }), null, 'moving'],
    ["that could not be made for the hub's absence moves", report([], { fault: fault('transport/unreachable') }), null, 'moving'],
    ['that has to wait moves', report([], { fault: fault('source/empty') }), null, 'moving'],
    ['that was not allowed is an error', report([], { fault: fault('transport/denied') }), null, 'error'],
    ['that met a bug is an error', report([READY], { fault: fault('loop/bug') }), null, 'error'],
    ['whose status is not pushed yet is not done', report([READY]), 'status/push', 'moving'],
    ['whose status cannot be pushed is an error', report([READY]), 'source/auth', 'error'],
  ];
  for (const [title, item, push, expected] of CASES)
    it(title, () =>
      assert.equal(settlementOf({ report: item, plan: null, pushed: null, pushFault: push === null ? null : fault(push), tellInMs: null }), expected),
    );
});

it('cancellation and a lost Lease end a turn, other faults are told', () => {
  assert.deepEqual([endsTurn(fault('transport/lease')), endsTurn(fault('loop/cancelled')), endsTurn(fault('transport/denied'))], [true, true, false]);
});
