/** The journal: what everybody sees, in the shape of each KubeVela, and what nobody may see. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../daemon/model/object.ts';
import { EMPTY_JOURNAL } from '../../../daemon/model/ports.ts';
import type { Journal, StepStatus } from '../../../daemon/model/status.ts';
import { hidesNothing, journalSecret, readJournal, shownWorkflow } from '../../../daemon/workflow/journal.ts';
import { recordedFiles, recordedObject } from '../plan/recorded.ts';

const status = (name: string, more: Partial<StepStatus> = {}): StepStatus => ({
  id: `id-${name}`,
  name,
  type: 'apply-component',
  phase: 'succeeded',
  message: '',
  reason: '',
  firstExecuteTime: '2026-01-01T00:00:00Z',
  lastExecuteTime: '2026-01-01T00:00:05Z',
  subSteps: [],
  ...more,
});

const JOURNAL: Journal = {
  ...EMPTY_JOURNAL,
  appRevision: 'shop-v3',
  mode: 'StepByStep-DAG',
  state: 'suspending',
  suspend: true,
  startTime: '2026-01-01T00:00:00Z',
  steps: [
    status('web'),
    status('group', {
      type: 'step-group',
      phase: 'suspending',
      subSteps: [status('pause', { type: 'suspend', phase: 'suspending', reason: 'Suspend', message: 'Suspended by field suspend' })],
    }),
  ],
  variables: { connInfo: { token: 'top-secret', port: 6443 } },
  failures: { 'id-web': 2 },
  calls: { 'id-web/call': { intent: 'POST x', result: { ok: true } }, 'id-web/other': { intent: 'POST y' } },
  timers: { 'id-pause/suspended': '2026-01-01T00:00:05.000Z' },
};
const hidden = ({ variables, failures, calls, timers }: Journal): Pick<Journal, 'variables' | 'failures' | 'calls' | 'timers'> => ({
  variables,
  failures,
  calls,
  timers,
});

describe('the journal', () => {
  it('1.10: comes back whole from the status and the Secret', () => {
    assert.deepEqual(readJournal(shownWorkflow(JOURNAL, '1.10', true), journalSecret('prod', 'shop', JOURNAL)), JOURNAL);
  });

  it('1.10: shows what KubeVela shows, and nothing that is empty', () => {
    assert.deepEqual(shownWorkflow({ ...JOURNAL, steps: [status('web', { reason: 'Wait', message: 'wait healthy', phase: 'running' })] }, '1.10', true), {
      appRevision: 'shop-v3',
      mode: 'StepByStep-DAG',
      status: 'suspending',
      suspend: true,
      terminated: false,
      finished: false,
      startTime: '2026-01-01T00:00:00Z',
      steps: [
        {
          id: 'id-web',
          name: 'web',
          type: 'apply-component',
          phase: 'running',
          message: 'wait healthy',
          reason: 'Wait',
          firstExecuteTime: '2026-01-01T00:00:00Z',
          lastExecuteTime: '2026-01-01T00:00:05Z',
        },
      ],
    });
  });

  it('1.1: shows steps without ids and times, and how many have succeeded', () => {
    const shown = shownWorkflow({ ...JOURNAL, suspend: false, steps: [status('a'), status('b', { phase: 'running', reason: 'Wait' })] }, '1.1', true);
    assert.deepEqual(
      [shown?.['stepIndex'], shown?.['steps']],
      [
        1,
        [
          { name: 'a', type: 'apply-component', phase: 'succeeded' },
          { name: 'b', type: 'apply-component', phase: 'running', reason: 'Wait' },
        ],
      ],
    );
  });

  it('1.1: a workflow that is done is terminated, as 1.1 says it', () => {
    const shown = shownWorkflow({ ...JOURNAL, suspend: false, finished: true, state: 'succeeded' }, '1.1', true);
    assert.deepEqual([shown?.['terminated'], shown?.['finished'], readJournal(shown, null).finished], [true, true, true]);
  });

  it('1.1: direct dispatch has no steps to show, and is known to be done', () => {
    assert.deepEqual(shownWorkflow({ ...JOURNAL, suspend: false, finished: true, state: 'succeeded' }, '1.1', false), {
      appRevision: 'shop-v3',
      stepIndex: 0,
      suspend: false,
      terminated: true,
      finished: true,
      status: 'succeeded',
    });
    assert.deepEqual(shownWorkflow({ ...JOURNAL, suspend: false, state: 'executing' }, '1.1', false), {
      appRevision: 'shop-v3',
      stepIndex: 0,
      suspend: false,
      terminated: false,
      status: 'executing',
    });
  });

  for (const [title, workflow] of [
    ['nothing', undefined],
    ['null', null],
    ['a text', 'x'],
    ['an empty map', {}],
    ['a list', []],
  ] as const) {
    it(`reads ${title} as a journal that holds nothing`, () => assert.deepEqual(readJournal(workflow, null), EMPTY_JOURNAL));
  }

  it('reads what people break in it as absent', () => {
    const journal = readJournal({ appRevision: 7, steps: [{ name: 'a', phase: null, subSteps: 'none' }, 'b'], suspend: 'yes' }, null);
    assert.deepEqual(
      [journal.appRevision, journal.suspend, journal.state, journal.steps.map((item) => [item.name, item.phase, item.subSteps])],
      [
        '',
        false,
        'executing',
        [
          ['a', 'pending', []],
          ['', 'pending', []],
        ],
      ],
    );
  });
});

describe('the journal Secret', () => {
  const secret = journalSecret('prod', 'shop', JOURNAL);

  it('holds what the status does not show (I9)', () => {
    assert.deepEqual(
      [secret.metadata, secret['type'], Object.keys(secret['data'] as object)],
      [{ name: 'lateen-journal-shop', namespace: 'prod', labels: { 'lateen.dev/journal': 'shop' } }, 'lateen.dev/journal', ['journal']],
    );
    for (const dialect of ['1.1', '1.10'] as const) assert.doesNotMatch(JSON.stringify(shownWorkflow(JOURNAL, dialect, true)), /top-secret|POST|6443/);
  });

  it('is the same bytes for the same content, in whatever order it came about (I8)', () => {
    const turned = {
      ...JOURNAL,
      variables: { connInfo: { port: 6443, token: 'top-secret' } },
      calls: Object.fromEntries(Object.entries(JOURNAL.calls).toReversed()),
    };
    assert.deepEqual(journalSecret('prod', 'shop', turned), secret);
  });

  it('keeps integers that are larger than a number can hold', () => {
    const journal = { ...JOURNAL, variables: { id: 9007199254740993n } };
    assert.deepEqual(readJournal(shownWorkflow(journal, '1.10', true), journalSecret('prod', 'shop', journal)).variables, { id: 9007199254740993n });
  });

  it('of another run is of no use', () => {
    assert.deepEqual(hidden(readJournal({ appRevision: 'shop-v4' }, secret)), hidden(EMPTY_JOURNAL));
  });

  it('without a status still tells what it holds', () => {
    assert.deepEqual(hidden(readJournal(undefined, secret)), hidden(JOURNAL));
  });

  it('of an application with a long name has a label that fits', () => {
    assert.equal(journalSecret('prod', 'n'.repeat(80), JOURNAL).metadata.labels?.['lateen.dev/journal']?.length, 63);
  });

  for (const [title, more, expected] of [
    ['is not needed for an empty journal', {}, true],
    ['is needed for a variable', { variables: { a: null } }, false],
    ['is needed for a failure', { failures: { a: 1 } }, false],
    ['is needed for a call', { calls: { a: { intent: 'x' } } }, false],
    ['is needed for a timer', { timers: { a: 't' } }, false],
  ] as const)
    it(title, () => assert.equal(hidesNothing({ ...EMPTY_JOURNAL, ...more }), expected));
});

describe('what KubeVela 1.10 recorded', () => {
  const files = recordedFiles('application-');
  it('is read, and shown again is the same but for the place of its variables', { skip: files.length === 0 ? 'no recorded objects here' : false }, () => {
    for (const file of files) {
      const recorded = recordedObject(file);
      const { contextBackend: _kubevela, ...workflow } = (recorded['status'] as JsonObject)['workflow'] as JsonObject;
      const { suspendState: _state, ...expected } = workflow;
      assert.deepEqual(shownWorkflow(readJournal(workflow, null), '1.10', true), expected, file);
    }
  });
});
