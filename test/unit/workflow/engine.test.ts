/** The run of a workflow, pass by pass. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault, type Code } from '../../../daemon/model/fault.ts';
import type { ComponentRef, Step } from '../../../daemon/model/plan.ts';
import { runNameOf } from '../../../daemon/workflow/beginning.ts';
import { readJournal, journalSecret, shownWorkflow } from '../../../daemon/workflow/journal.ts';
import type { Outcome, StepContext } from '../../../daemon/workflow/run.ts';
import { applicationOf } from '../plan/things.ts';
import { applies, bench, coded, done, group, START_MS, told, type Bench } from './runs.ts';
import { step } from './steps.ts';

const DAG = { mode: { steps: 'DAG', subSteps: 'DAG' } } as const;
const fails = (code: Code) => (): Outcome => {
  throw new Fault(code, `${code} it is`);
};
const failsForGood = (): Outcome => ({ kind: 'fail', message: 'on purpose' });
const waits = (): Outcome => ({ kind: 'wait', message: 'not yet' });
/** The shape in which a pass leaves the journal on the hub and the next one finds it there. */
const throughTheHub = (it: Bench, dialect: '1.1' | '1.10' = '1.10'): void => {
  it.journal = readJournal(shownWorkflow(it.journal, dialect, true), journalSecret('prod', 'shop', it.journal));
};

describe('the order of steps', () => {
  it('StepByStep: one after another, in one pass while nothing waits', async () => {
    const run = bench([step('a'), applies('web'), step('c')]);
    const { journal, retryAfterMs } = await run.pass();
    assert.deepEqual(
      [run.ran, told(journal), journal.state, journal.finished, retryAfterMs],
      [['a', 'component web', 'c'], ['a succeeded', 'web succeeded', 'c succeeded'], 'succeeded', true, null],
    );
  });

  it('StepByStep: a step that waits holds up those behind it', async () => {
    const run = bench([step('a'), step('b'), step('c')]);
    run.does.set('b', waits);
    const first = await run.pass();
    assert.deepEqual([told(first.journal), first.journal.state, first.retryAfterMs], [['a succeeded', 'b running Wait'], 'executing', 1000]);
    run.does.delete('b');
    const second = await run.pass();
    assert.deepEqual([run.ran, second.journal.state], [['a', 'b', 'b', 'c'], 'succeeded']);
  });

  it('DAG: what depends on nothing runs at once, and the rest when it is ready', async () => {
    const run = bench([step('c', { dependsOn: ['b'] }), step('b', { dependsOn: ['a'] }), step('a'), step('d')], DAG);
    const { journal } = await run.pass();
    assert.deepEqual([run.ran, journal.state, journal.mode], [['a', 'd', 'b', 'c'], 'succeeded', 'DAG-DAG']);
  });

  it('DAG: a step that waits holds up only what depends on it', async () => {
    const run = bench([step('a'), step('b', { dependsOn: ['a'] }), step('c')], DAG);
    run.does.set('a', waits);
    const { journal } = await run.pass();
    assert.deepEqual(
      [run.ran, told(journal), journal.steps[1]?.message],
      [['a', 'c'], ['a running Wait', 'b pending', 'c succeeded'], 'Pending on DependsOn: a'],
    );
  });

  it('StepByStep: a step that depends on a later one waits, and so do those behind it', async () => {
    const run = bench([step('a', { dependsOn: ['b'] }), step('b')]);
    assert.deepEqual([told((await run.pass()).journal), run.ran], [['a pending'], []]);
  });

  it('a pass that finds nothing new gives the same journal, to the byte', async () => {
    const run = bench([step('a'), step('b')]);
    run.does.set('b', waits);
    const first = (await run.pass()).journal;
    run.nowMs += 60_000;
    assert.deepEqual((await run.pass()).journal, first);
  });

  it('an application without steps has succeeded', async () => {
    const run = bench([]);
    assert.deepEqual([(await run.pass()).journal.state, run.journal.finished], ['succeeded', true]);
  });
});

describe('outputs and inputs', () => {
  const make = step('make', { outputs: [{ name: 'conn', valueFrom: 'conn' }] });
  const use = step('use', { inputs: [{ from: 'conn.host', parameterKey: 'url["the host"]' }] });
  const seen = (run: Bench): unknown[] => {
    const properties: unknown[] = [];
    run.does.set('use', (context: StepContext) => {
      properties.push(context.properties);
      return done();
    });
    return properties;
  };

  it('go from one step to another', async () => {
    const run = bench([make, use]);
    const properties = seen(run);
    run.does.set('make', () => done({ conn: { host: 'h' } }));
    await run.pass();
    assert.deepEqual([properties, run.journal.variables], [[{ url: { 'the host': 'h' } }], { conn: { host: 'h' } }]);
  });

  it('DAG: order the steps', async () => {
    const run = bench([use, make], DAG);
    seen(run);
    run.does.set('make', () => done({ conn: { host: 'h' } }));
    await run.pass();
    assert.deepEqual([run.ran, run.journal.state], [['make', 'use'], 'succeeded']);
  });

  it('1.1: go into one field whatever its name', async () => {
    const run = bench([make, step('use', { inputs: [{ from: 'conn', parameterKey: 'a.b' }] })], { dialect: '1.1' });
    const properties = seen(run);
    run.does.set('make', () => done({ conn: 1 }));
    await run.pass();
    assert.deepEqual(properties, [{ 'a.b': 1 }]);
  });

  it('an output without a value is null, and the step says so', async () => {
    const run = bench([make, step('use', { inputs: [{ from: 'conn', parameterKey: 'conn' }] })]);
    const properties = seen(run);
    const { journal } = await run.pass();
    assert.deepEqual([journal.steps[0]?.message, properties, journal.state], ['failed to get output from conn', [{ conn: null }], 'succeeded']);
  });

  it('of a component are read from what is live, and patch another component', async () => {
    const patched: unknown[] = [];
    const run = bench(
      [
        applies('web', { outputs: [{ name: 'ready', valueFrom: 'output.status.ready' }] }),
        applies('db', { inputs: [{ from: 'ready', parameterKey: 'value.properties.env.replicas' }] }),
      ],
      {
        render: async (_name, _placement, properties) => {
          patched.push(properties);
          throw new Fault('transport/unreachable', 'enough seen');
        },
      },
    );
    await run.pass();
    assert.deepEqual([run.journal.variables, patched], [{ ready: 2 }, [{ image: 'a', env: { x: 1, replicas: 2 } }]]);
  });

  it('of a step that failed or was skipped are null: who waits for them goes on, or is skipped in turn', async () => {
    const gives = { outputs: [{ name: 'conn', valueFrom: 'conn' }] };
    const uses = { inputs: [{ from: 'conn', parameterKey: 'conn' }] };
    const skipped = bench([step('make', { if: 'false', ...gives }), step('use', uses)]);
    const properties = seen(skipped);
    await skipped.pass();
    assert.deepEqual([told(skipped.journal), properties, skipped.journal.state], [['make skipped Skip', 'use succeeded'], [{ conn: null }], 'succeeded']);
    const failed = bench([step('make', gives), step('use', uses), step('tell', { if: 'inputs.conn == null', ...uses })]);
    failed.does.set('make', failsForGood);
    await failed.pass();
    assert.deepEqual([told(failed.journal), failed.journal.state], [['make failed Action', 'use skipped Skip', 'tell succeeded'], 'failed']);
  });

  it('of a suspended step are there when it is resumed', async () => {
    const run = bench([
      coded('ask', 'suspend', {
        outputs: [
          { name: 'who', valueFrom: 'context.name' },
          { name: 'none', valueFrom: 'nothing.here' },
        ],
      }),
      step('use', {
        inputs: [
          { from: 'who', parameterKey: 'who' },
          { from: 'none', parameterKey: 'none' },
        ],
      }),
    ]);
    const properties = seen(run);
    run.approved.add('ask');
    await run.pass();
    assert.deepEqual(
      [properties, run.journal.steps[0]?.message, run.journal.state],
      [[{ who: 'shop', none: null }], 'failed to get output from none', 'succeeded'],
    );
  });

  it('of a component may be of its application as well', async () => {
    const run = bench([applies('web', { outputs: [{ name: 'who', valueFrom: '"\\(context.name) \\(output.status.ready)"' }] })]);
    await run.pass();
    assert.deepEqual(run.journal.variables, { who: 'shop 2' });
  });

  it('of a component reach into its lists and its traits, and leave the rest there as it is', async () => {
    const db: ComponentRef = {
      name: 'db',
      type: 'webservice',
      properties: { image: 'a', ports: [{ port: 1, name: 'p' }, { port: 2 }] },
      traits: [
        { type: 'labels', properties: { a: 'b' } },
        { type: 'scaler', properties: { replicas: 1, max: 9 } },
      ],
      dependsOn: [],
      inputs: [],
      outputs: [],
      at: ['spec', 'components', 0],
      replicaKey: '',
    };
    const asked: unknown[] = [];
    const inputs = [
      { from: 'n', parameterKey: 'value.properties.ports[0].port' },
      { from: 'n', parameterKey: 'value.traits[1].properties.replicas' },
    ];
    const run = bench([step('make', { outputs: [{ name: 'n', valueFrom: 'n' }] }), applies('db', { inputs })], {
      componentSpecs: [db],
      render: async (component, _placement, properties) => {
        asked.push(properties, typeof component === 'string' ? component : component.traits);
        throw new Fault('transport/unreachable', 'enough seen');
      },
    });
    run.does.set('make', () => done({ n: 7 }));
    await run.pass();
    assert.deepEqual(asked, [
      { image: 'a', ports: [{ port: 7, name: 'p' }, { port: 2 }] },
      [
        { type: 'labels', properties: { a: 'b' } },
        { type: 'scaler', properties: { replicas: 7, max: 9 } },
      ],
    ]);
  });
});

describe('an output without a value', () => {
  const make = step('make', { outputs: [{ name: 'conn', valueFrom: 'conn' }] });
  it('1.1: is waited for, the step is run again until it is there', async () => {
    const run = bench([make, step('b')], { dialect: '1.1' });
    const first = await run.pass();
    assert.deepEqual(
      [told(first.journal), first.journal.steps[0]?.message, first.retryAfterMs],
      [['make failed Execute'], 'failed to get output from conn: undefined field: conn', 3000],
    );
    run.does.set('make', () => done({ conn: 'there' }));
    assert.deepEqual([told((await run.pass()).journal), run.journal.variables], [['make succeeded', 'b succeeded'], { conn: 'there' }]);
  });

  it('1.10: is null, and the message tells', async () => {
    const run = bench([make, step('b')]);
    await run.pass();
    assert.deepEqual(
      [told(run.journal), run.journal.steps[0]?.message, run.journal.variables],
      [['make succeeded', 'b succeeded'], 'failed to get output from conn', { conn: null }],
    );
  });
});

describe('a step that fails', () => {
  it('for what will be refused again is given up after three tries', async () => {
    const run = bench([step('a'), step('b')]);
    run.does.set('a', fails('transport/invalid'));
    const phases: string[][] = [];
    const waitsMs: (number | null)[] = [];
    for (let i = 0; i < 3; i += 1) {
      const { journal, retryAfterMs } = await run.pass();
      phases.push(told(journal));
      waitsMs.push(retryAfterMs);
      throughTheHub(run);
    }
    assert.deepEqual(phases, [['a failed Execute'], ['a failed Execute'], ['a failed FailedAfterRetries', 'b skipped Skip']]);
    assert.deepEqual(waitsMs, [500, 1000, null]);
    assert.deepEqual(
      [run.journal.state, run.journal.finished, run.journal.terminated, run.journal.steps[0]?.message],
      ['failed', true, true, 'transport/invalid it is'],
    );
  });

  it('for a cluster that does not answer is never given up', async () => {
    const run = bench([step('a'), step('b')]);
    run.does.set('a', fails('transport/unreachable'));
    for (let i = 0; i < 20; i += 1) {
      const { journal, retryAfterMs } = await run.pass();
      assert.deepEqual([told(journal), journal.state], [['a failed Execute'], 'executing']);
      assert.ok(retryAfterMs !== null);
      run.nowMs += 60_000;
    }
    run.does.delete('a');
    assert.deepEqual([(await run.pass()).journal.state, run.journal.failures], ['succeeded', {}]);
  });

  for (const code of ['transport/no-namespace', 'transport/denied', 'plan/ownership', 'render/no-cluster'] as const) {
    it(`for ${code} is given up after half a minute, and tried again late: it may have come`, async () => {
      const run = bench([step('a'), step('b'), step('notify', { if: 'status.a.failed' })]);
      run.does.set('a', fails(code));
      assert.deepEqual(told((await run.pass()).journal), ['a failed Execute']);
      throughTheHub(run);
      run.nowMs += 29_000;
      assert.deepEqual(told((await run.pass()).journal), ['a failed Execute']);
      run.nowMs += 1_000;
      const given = await run.pass();
      assert.deepEqual(
        [told(given.journal), given.journal.state, given.journal.finished, given.retryAfterMs],
        [['a failed FailedAfterRetries', 'b skipped Skip', 'notify succeeded'], 'failed', true, 30_000],
      );
      throughTheHub(run);
      const before = run.journal;
      run.nowMs += 30_000;
      const again = await run.pass();
      assert.deepEqual([again.journal, again.retryAfterMs], [before, 30_000], 'what fails in the same way changes nothing');
      run.does.delete('a');
      const { journal, retryAfterMs } = await run.pass();
      assert.deepEqual(
        [told(journal), journal.state, journal.timers, retryAfterMs],
        [['a succeeded', 'b succeeded', 'notify succeeded'], 'succeeded', {}, null],
      );
    });
  }

  it('for a service outside is given up after half a minute, and not called again', async () => {
    const run = bench([step('a')]);
    run.does.set('a', fails('workflow/unreachable'));
    await run.pass();
    run.nowMs += 30_000;
    const { journal, retryAfterMs } = await run.pass();
    assert.deepEqual([told(journal), journal.state, journal.timers, retryAfterMs], [['a failed FailedAfterRetries'], 'failed', {}, null]);
    await run.pass();
    assert.deepEqual(run.ran, ['a', 'a']);
  });

  it('1.1: is never given up', async () => {
    const run = bench([step('a')], { dialect: '1.1' });
    run.does.set('a', fails('transport/no-namespace'));
    await run.pass();
    run.nowMs += 600_000;
    assert.deepEqual(told((await run.pass()).journal), ['a failed Execute']);
  });

  it('forgets its failures when it succeeds', async () => {
    const run = bench([step('a'), step('b')]);
    run.does.set('a', fails('transport/invalid'));
    run.does.set('b', waits);
    await run.pass();
    assert.deepEqual(Object.values(run.journal.failures), [1]);
    run.does.delete('a');
    assert.deepEqual([told((await run.pass()).journal), run.journal.failures], [['a succeeded', 'b running Wait'], {}]);
  });

  it('on purpose is not tried again', async () => {
    const run = bench([step('a'), step('b')]);
    run.does.set('a', failsForGood);
    await run.pass();
    await run.pass();
    assert.deepEqual([run.ran, told(run.journal), run.journal.state], [['a'], ['a failed Action', 'b skipped Skip'], 'failed']);
  });

  it('does not skip a step with `if: always`, nor one whose `if` asks for the failure', async () => {
    const run = bench([
      step('a'),
      step('b'),
      step('notify', { if: 'status.a.failed' }),
      step('happy', { if: 'status.a.succeeded' }),
      step('clean', { if: 'always' }),
    ]);
    run.does.set('a', failsForGood);
    await run.pass();
    assert.deepEqual(
      [run.ran, told(run.journal), run.journal.state],
      [['a', 'notify', 'clean'], ['a failed Action', 'b skipped Skip', 'notify succeeded', 'happy skipped Skip', 'clean succeeded'], 'failed'],
    );
  });

  it('DAG: fails a run whose other steps go on without its output', async () => {
    const run = bench([step('a', { outputs: [{ name: 'x', valueFrom: 'x' }] }), step('b', { inputs: [{ from: 'x', parameterKey: 'x' }] })], DAG);
    run.does.set('a', failsForGood);
    await run.pass();
    assert.deepEqual([told(run.journal), run.journal.state, run.journal.finished], [['a failed Action', 'b succeeded'], 'failed', true]);
  });

  it('of a component that cannot be applied, or is not there, says why', async () => {
    const run = bench([applies('web'), applies('nobody')], DAG);
    run.faults.set('web', new Fault('transport/denied', 'forbidden'));
    await run.pass();
    assert.deepEqual(
      run.journal.steps.map((status) => [status.reason, status.message]),
      [
        ['Execute', 'forbidden'],
        ['Execute', 'component nobody not found'],
      ],
    );
  });

  it('a lost Lease or a stop ends the pass instead', async () => {
    for (const code of ['transport/lease', 'loop/cancelled'] as const) {
      const run = bench([step('a')]);
      run.does.set('a', () => {
        throw new Fault(code, 'stop');
      });
      await assert.rejects(run.pass(), { code });
    }
  });
});

describe('time', () => {
  it('a step that takes too long has failed for it', async () => {
    const run = bench([step('a', { timeoutMs: 10_000 }), step('b')]);
    run.does.set('a', waits);
    assert.equal((await run.pass()).retryAfterMs, 1000);
    run.nowMs += 10_000;
    assert.deepEqual(told((await run.pass()).journal), ['a running Wait']);
    run.nowMs += 1;
    assert.deepEqual([told((await run.pass()).journal), run.journal.state], [['a failed Timeout', 'b skipped Skip'], 'failed']);
  });

  it('its end is looked for when it comes, be nothing else due', async () => {
    const run = bench([step('a', { timeoutMs: 400 })]);
    run.does.set('a', () => ({ kind: 'wait', message: 'long', retryAfterMs: 60_000 }));
    assert.equal((await run.pass()).retryAfterMs, 1400);
  });

  it('of a group is that of the steps in it', async () => {
    const run = bench([group('all', [step('a'), step('b')], { timeoutMs: 1000 })]);
    run.does.set('a', waits);
    await run.pass();
    run.nowMs += 2000;
    await run.pass();
    assert.deepEqual([told(run.journal), run.journal.state], [['all failed Timeout', 'a failed Timeout', 'b succeeded'], 'failed']);
  });

  it('goes on while a step waits for a person, who has no longer than any other', async () => {
    const run = bench([coded('pause', 'suspend', { timeoutMs: 4000 }), step('b'), step('c', { if: 'status.pause.timeout' })]);
    assert.deepEqual([(await run.pass()).retryAfterMs, run.journal.suspend], [5000, true]);
    run.nowMs += 4000;
    assert.deepEqual([(await run.pass()).retryAfterMs, told(run.journal), run.journal.suspend], [1000, ['pause suspending Suspend'], true]);
    run.nowMs += 1;
    assert.deepEqual(
      [(await run.pass()).retryAfterMs, told(run.journal), run.journal.suspend, run.journal.state],
      [null, ['pause failed Timeout', 'b skipped Skip', 'c succeeded'], false, 'failed'],
    );
  });

  it("of a group ends the person's time in it; another step that waits beside it goes on waiting", async () => {
    const run = bench([group('all', [coded('ask', 'suspend'), step('a')], { timeoutMs: 4000 }), coded('beside', 'suspend')], DAG);
    await run.pass();
    run.nowMs += 4001;
    await run.pass();
    assert.deepEqual(
      [told(run.journal), run.journal.suspend],
      [['all failed Timeout', 'ask failed Timeout', 'a succeeded', 'beside suspending Suspend'], true],
    );
    run.approved.add('beside');
    await run.pass();
    assert.deepEqual([told(run.journal).at(-1), run.journal.suspend, run.journal.state], ['beside succeeded', false, 'failed']);
  });

  it('is not up for one who was quick', async () => {
    const run = bench([coded('pause', 'suspend', { timeoutMs: 4000 }), step('b')]);
    await run.pass();
    run.nowMs += 3000;
    run.approved.add('pause');
    assert.deepEqual([told((await run.pass()).journal), run.journal.state], [['pause succeeded', 'b succeeded'], 'succeeded']);
  });
});

describe('a suspended workflow', () => {
  const pause = coded('pause', 'suspend');

  it('stays until somebody resumes it, and does nothing meanwhile', async () => {
    const run = bench([step('a'), pause, step('b')]);
    const first = await run.pass();
    assert.deepEqual(
      [told(first.journal), first.journal.suspend, first.journal.state, first.retryAfterMs, first.journal.steps[1]?.message],
      [['a succeeded', 'pause suspending Suspend'], true, 'suspending', null, 'Suspended by field suspend'],
    );
    run.nowMs += 86_400_000;
    assert.deepEqual((await run.pass()).journal, first.journal);
  });

  it('goes on in the same pass where the Approval was there before the step was, up to the next one that waits', async () => {
    const run = bench([step('a'), pause, step('b'), coded('again', 'suspend'), step('c')]);
    run.approved.add('pause');
    await run.pass();
    assert.deepEqual(
      [told(run.journal), run.journal.state, run.ran],
      [['a succeeded', 'pause succeeded', 'b succeeded', 'again suspending Suspend'], 'suspending', ['a', 'b']],
    );
    const grouped = bench([group('all', [step('a'), pause, step('b', { dependsOn: ['pause'] })]), step('c')]);
    grouped.approved.add('pause');
    await grouped.pass();
    assert.deepEqual(
      [told(grouped.journal), grouped.journal.state, grouped.ran],
      [['all succeeded', 'a succeeded', 'pause succeeded', 'b succeeded', 'c succeeded'], 'succeeded', ['a', 'b', 'c']],
    );
  });

  it('goes on as `vela workflow resume` writes it: not suspended, its steps running', async () => {
    const run = bench([step('a'), pause, step('b')]);
    await run.pass();
    throughTheHub(run);
    run.journal = {
      ...run.journal,
      suspend: false,
      steps: run.journal.steps.map((status) => (status.phase === 'suspending' ? { ...status, phase: 'running' } : status)),
    };
    await run.pass();
    assert.deepEqual([told(run.journal), run.journal.state, run.ran], [['a succeeded', 'pause succeeded', 'b succeeded'], 'succeeded', ['a', 'b']]);
  });

  it('waits again where the hub may not resume it, until an Approval does; it is asked once', async () => {
    for (const phase of ['running', 'succeeded'] as const) {
      const run = bench([pause, step('b')]);
      run.hubResumes = false;
      await run.pass();
      throughTheHub(run);
      run.journal = {
        ...run.journal,
        suspend: false,
        finished: phase === 'succeeded',
        steps: run.journal.steps.map((status) => (status.phase === 'suspending' ? { ...status, phase } : status)),
      };
      await run.pass();
      assert.deepEqual([told(run.journal), run.journal.suspend, run.journal.finished, run.ran], [['pause suspending Suspend'], true, false, []]);
      assert.match(run.journal.steps[0]?.message ?? '', /resumed on the hub, which counts for nothing here/);
      run.approved.add('pause');
      await run.pass();
      throughTheHub(run);
      assert.deepEqual([told((await run.pass()).journal), run.journal.state, run.ran], [['pause succeeded', 'b succeeded'], 'succeeded', ['b']]);
    }
  });

  it('that was resumed on the hub while that was allowed stays resumed', async () => {
    const run = bench([pause, step('b')]);
    run.does.set('b', () => ({ kind: 'wait', message: 'not yet', outputs: {} }));
    await run.pass();
    run.journal = {
      ...run.journal,
      suspend: false,
      steps: run.journal.steps.map((status) => (status.phase === 'suspending' ? { ...status, phase: 'running' } : status)),
    };
    await run.pass();
    run.hubResumes = false;
    assert.deepEqual(told((await run.pass()).journal), ['pause succeeded', 'b running Wait']);
  });

  it('goes on by an Approval that names its step, and by no other', async () => {
    const run = bench([pause, step('b')]);
    await run.pass();
    run.approved.add('b');
    assert.equal((await run.pass()).journal.suspend, true);
    run.approved.add('pause');
    assert.equal((await run.pass()).journal.state, 'succeeded');
  });

  it('goes on by itself when its duration is over', async () => {
    const run = bench([coded('pause', 'suspend', { properties: { duration: '1m30s' } }), step('b')]);
    assert.equal((await run.pass()).retryAfterMs, 90_000);
    throughTheHub(run);
    run.nowMs += 60_000;
    assert.deepEqual([(await run.pass()).retryAfterMs, run.journal.suspend], [30_000, true]);
    throughTheHub(run);
    run.nowMs += 30_000;
    await run.pass();
    assert.deepEqual([told(run.journal), run.journal.state], [['pause succeeded', 'b succeeded'], 'succeeded']);
  });

  it('with a duration that is none has failed', async () => {
    const run = bench([coded('pause', 'suspend', { properties: { duration: 'long' } })]);
    await run.pass();
    assert.deepEqual([run.journal.steps[0]?.reason, run.journal.steps[0]?.message], ['Execute', 'failed to parse duration "long"']);
  });

  it('that a person suspended, with no step that suspends, stays suspended', async () => {
    const run = bench([step('a'), step('b')]);
    run.does.set('a', waits);
    await run.pass();
    run.journal = { ...run.journal, suspend: true };
    run.does.delete('a');
    const { journal } = await run.pass();
    assert.deepEqual([journal.suspend, run.ran], [true, ['a']]);
    run.journal = { ...journal, suspend: false };
    assert.equal((await run.pass()).journal.state, 'succeeded');
  });

  it('that `vela workflow suspend` stopped in a step goes on with that step', async () => {
    const run = bench([step('a'), step('b')]);
    run.does.set('a', waits);
    await run.pass();
    run.journal = { ...run.journal, suspend: true, steps: run.journal.steps.map((status) => ({ ...status, phase: 'suspending' })) };
    assert.equal((await run.pass()).journal.suspend, true);
    run.journal = { ...run.journal, suspend: false, steps: run.journal.steps.map((status) => ({ ...status, phase: 'running' })) };
    run.does.delete('a');
    assert.deepEqual([(await run.pass()).journal.state, run.ran], ['succeeded', ['a', 'a', 'b']]);
  });

  it('1.1: two suspends are two, though 1.1 shows no ids', async () => {
    const run = bench([coded('one', 'suspend'), coded('two', 'suspend')], { dialect: '1.1' });
    const resume = (): void => {
      throughTheHub(run, '1.1');
      run.journal = {
        ...run.journal,
        suspend: false,
        steps: run.journal.steps.map((status) => (status.phase === 'suspending' ? { ...status, phase: 'running' } : status)),
      };
    };
    await run.pass();
    resume();
    assert.deepEqual([told((await run.pass()).journal), run.journal.suspend], [['one succeeded', 'two suspending Suspend'], true]);
    resume();
    assert.equal((await run.pass()).journal.state, 'succeeded');
  });
});

describe('the end by a person, or by a step', () => {
  it('terminate as vela writes it ends the run', async () => {
    const run = bench([coded('pause', 'suspend'), step('b')]);
    await run.pass();
    run.journal = {
      ...run.journal,
      suspend: false,
      terminated: true,
      steps: run.journal.steps.map((status) => ({ ...status, phase: 'failed', reason: 'Terminate' })),
    };
    await run.pass();
    assert.deepEqual([run.journal.state, run.journal.finished, run.ran], ['terminated', true, []]);
  });

  it('terminate after a failure is a failed run', async () => {
    const run = bench([step('a'), step('b', { if: 'always' })]);
    run.does.set('a', failsForGood);
    run.does.set('b', waits);
    await run.pass();
    run.journal = { ...run.journal, terminated: true };
    assert.equal((await run.pass()).journal.state, 'failed');
  });

  it('a break ends the run at a step that succeeded', async () => {
    const run = bench([step('a'), step('b')]);
    run.does.set('a', () => ({ kind: 'break', message: 'enough' }));
    await run.pass();
    assert.deepEqual(
      [told(run.journal), run.journal.state, run.journal.finished, run.journal.steps[0]?.message],
      [['a succeeded'], 'terminated', true, 'enough'],
    );
  });

  it('the time of the end stays', async () => {
    const run = bench([step('a')]);
    run.nowMs += 5000;
    const first = (await run.pass()).journal;
    assert.deepEqual([first.startTime, first.endTime], ['2026-01-01T00:00:00Z', '2026-01-01T00:00:05Z']);
    run.nowMs += 5000;
    assert.deepEqual((await run.pass()).journal, first);
  });
});

describe('a group of steps', () => {
  const CASES: readonly (readonly [string, Readonly<Record<string, () => Outcome>>, readonly Step[], readonly string[]])[] = [
    ['has succeeded when all have', {}, [step('a'), step('b')], ['all succeeded', 'a succeeded', 'b succeeded']],
    ['has succeeded when some were skipped', {}, [step('a'), step('b', { if: 'false' })], ['all succeeded', 'a succeeded', 'b skipped Skip']],
    ['was skipped when all were', {}, [step('a', { if: 'false' })], ['all skipped Skip', 'a skipped Skip']],
    ['runs while one runs', { a: waits }, [step('a'), step('b')], ['all running', 'a running Wait', 'b succeeded']],
    ['runs while one will be tried again', { a: fails('transport/unreachable') }, [step('a'), step('b')], ['all running', 'a failed Execute', 'b succeeded']],
    ['has failed as one has', { a: failsForGood }, [step('a'), step('b')], ['all failed Action', 'a failed Action', 'b succeeded']],
    ['is suspended when one is', { b: waits }, [coded('a', 'suspend'), step('b')], ['all suspending', 'a suspending Suspend', 'b running Wait']],
    ['has succeeded without any', {}, [], ['all succeeded']],
  ];
  for (const [title, does, subSteps, expected] of CASES) {
    it(title, async () => {
      const run = bench([group('all', subSteps)]);
      for (const [name, behaviour] of Object.entries(does)) run.does.set(name, behaviour);
      assert.deepEqual(told((await run.pass()).journal), expected);
    });
  }

  it('one after another where its mode says so', async () => {
    const run = bench([group('all', [step('a'), step('b')], { mode: 'StepByStep' })]);
    run.does.set('a', waits);
    assert.deepEqual(told((await run.pass()).journal), ['all running', 'a running Wait']);
  });

  it('goes on after a suspended step in it was resumed', async () => {
    const run = bench([group('all', [coded('pause', 'suspend'), step('b', { dependsOn: ['pause'] })]), step('c')]);
    await run.pass();
    throughTheHub(run);
    run.approved.add('pause');
    await run.pass();
    assert.deepEqual([told(run.journal), run.journal.state], [['all succeeded', 'pause succeeded', 'b succeeded', 'c succeeded'], 'succeeded']);
  });

  it('that is skipped runs nothing', async () => {
    const run = bench([group('all', [step('a')], { if: 'false' })]);
    assert.deepEqual([told((await run.pass()).journal), run.ran], [['all skipped Skip'], []]);
  });
});

describe('a call that must not be made twice', () => {
  const calling =
    (call: () => Promise<Record<string, string>>) =>
    async (context: StepContext): Promise<Outcome> =>
      done(await context.once('call', 'POST it', call));

  it('is not, when its step is walked again', async () => {
    const run = bench([step('a'), step('b')]);
    let calls = 0;
    run.does.set('a', async (context) => {
      await context.once('call', 'POST it', async () => ({ number: String((calls += 1)) }));
      return waits();
    });
    await run.pass();
    throughTheHub(run);
    await run.pass();
    assert.deepEqual([calls, Object.values(run.journal.calls)], [1, [{ intent: 'POST it', result: { number: '1' } }]]);
  });

  it('is kept as an intent before it and with its result after it', async () => {
    const run = bench([step('a')]);
    run.does.set(
      'a',
      calling(async () => ({ ok: 'yes' })),
    );
    await run.pass();
    assert.deepEqual(
      run.kept.map((journal) => Object.values(journal.calls)),
      [[{ intent: 'POST it' }], [{ intent: 'POST it', result: { ok: 'yes' } }]],
    );
  });

  it('is not, when the process was killed in between: its outcome is unknown', async () => {
    const run = bench([step('a')]);
    let calls = 0;
    run.does.set(
      'a',
      calling(async () => {
        calls += 1;
        throw new Fault('loop/cancelled', 'killed');
      }),
    );
    await assert.rejects(run.pass());
    run.kill();
    await run.pass();
    assert.deepEqual([calls, run.journal.steps[0]?.message], [1, 'POST it: a call was begun and its outcome is unknown; it is not made again by itself']);
  });

  it('is not, when it failed on its way: what was said of it then is said again', async () => {
    const run = bench([step('a')]);
    let calls = 0;
    run.does.set(
      'a',
      calling(async () => {
        calls += 1;
        throw new Fault('workflow/http', 'POST it failed: no answer');
      }),
    );
    await run.pass();
    throughTheHub(run);
    await run.pass();
    assert.deepEqual(
      [calls, run.journal.steps[0]?.message],
      [1, 'POST it failed: no answer: a call was begun and its outcome is unknown; it is not made again by itself'],
    );
  });

  it('is made again when it was certainly not sent', async () => {
    const run = bench([step('a')]);
    let calls = 0;
    run.does.set(
      'a',
      calling(async () => {
        calls += 1;
        if (calls === 1) throw new Fault('workflow/unreachable', 'nobody there');
        return { ok: 'yes' };
      }),
    );
    await run.pass();
    assert.deepEqual([told(run.journal), run.journal.calls], [['a failed Execute'], {}]);
    assert.deepEqual([(await run.pass()).journal.state, calls], ['succeeded', 2]);
  });

  for (const dialect of ['1.1', '1.10'] as const) {
    it(`${dialect}: is one for each step, also after the journal came back from the hub`, async () => {
      const run = bench([step('a'), step('b')], { dialect });
      const made: string[] = [];
      for (const name of ['a', 'b']) {
        run.does.set(name, async (context) => {
          await context.once('call', 'POST it', async () => ({ made: String(made.push(name)) }));
          return made.length === 1 && name === 'a' && run.ran.length < 2 ? waits() : done();
        });
      }
      await run.pass();
      throughTheHub(run, dialect);
      run.nowMs += 1000;
      await run.pass();
      assert.deepEqual([made, run.journal.state], [['a', 'b'], 'succeeded']);
    });
  }
});

describe('a finished run keeps its state', () => {
  it('by going through its coded steps once more, and leaves the journal as it is', async () => {
    const run = bench([step('a'), applies('web'), coded('pause', 'suspend', { properties: { duration: '1s' } }), group('more', [applies('db')])]);
    await run.pass();
    run.nowMs += 1000;
    await run.pass();
    const finished = run.journal;
    assert.equal(finished.state, 'succeeded');
    run.ran.length = 0;
    run.nowMs += 60_000;
    run.health.set('web', false);
    const result = await run.pass();
    assert.equal(result.journal, finished);
    assert.deepEqual(
      [run.ran, [...result.services].map(([key, health]) => [key, health.healthy]), result.retryAfterMs],
      [
        ['component web', 'component db'],
        [
          ['local/prod/web', false],
          ['local/prod/db', true],
        ],
        500,
      ],
    );
  });

  it('and does not touch it either when something fails', async () => {
    const run = bench([applies('web')]);
    const finished = (await run.pass()).journal;
    run.faults.set('web', new Fault('transport/unreachable', 'away'));
    const result = await run.pass();
    assert.equal(result.journal, finished);
    assert.ok(result.retryAfterMs !== null);
  });

  it('where two steps deliver one component to one place, in the form of the later', async () => {
    const delivered: unknown[] = [];
    const run = bench(
      [
        step('make', { outputs: [{ name: 'n', valueFrom: 'n' }] }),
        applies('web'),
        applies('db'),
        { ...applies('web', { inputs: [{ from: 'n', parameterKey: 'value.properties.n' }] }), name: 'again' },
      ],
      {
        render: async (component, _placement, properties) => {
          delivered.push(properties);
          return {
            name: typeof component === 'string' ? component : component.name,
            type: 'webservice',
            workload: { apiVersion: 'apps/v1', kind: 'Deployment' },
            cluster: 'local',
            namespace: 'prod',
            replicaKey: '',
            objects: [],
            template: '',
            parameter: properties ?? null,
            context: {},
            status: {},
            traits: [],
          };
        },
      },
    );
    run.does.set('make', () => done({ n: 7 }));
    await run.pass();
    assert.deepEqual([run.ran, run.journal.state], [['make', 'component web', 'component db', 'component web'], 'succeeded']);
    run.ran.length = 0;
    run.health.set('web', false);
    const { services } = await run.pass();
    // Had the plain form come again it would have undone the other, and that it again.
    assert.deepEqual(
      [run.ran, [...services].map(([key, health]) => `${key} ${health.healthy}`), delivered.at(-1)],
      [['component db', 'component web'], ['local/prod/web false', 'local/prod/db true'], { image: 'a', env: { x: 1 }, n: 7 }],
    );
  });

  it('of steps that were skipped or failed it keeps nothing', async () => {
    const run = bench([applies('web', { if: 'false' }), applies('db')]);
    run.faults.set('db', new Fault('transport/invalid', 'no'));
    for (let i = 0; i < 3; i += 1) await run.pass();
    assert.equal(run.journal.state, 'failed');
    run.ran.length = 0;
    await run.pass();
    assert.deepEqual(run.ran, []);
  });
});

describe('the health of a component', () => {
  it('1.10: is waited for', async () => {
    const run = bench([applies('web'), step('b')]);
    run.health.set('web', false);
    const { journal, retryAfterMs } = await run.pass();
    assert.deepEqual([told(journal), journal.steps[0]?.message, retryAfterMs], [['web running Wait'], 'wait healthy', 500]);
  });

  it('1.1: is not', async () => {
    const run = bench([applies('web'), step('b')], { dialect: '1.1' });
    run.health.set('web', false);
    assert.equal((await run.pass()).journal.state, 'succeeded');
  });
});

describe('ids of steps', () => {
  const ids = async (appRevision: string, startMs: number): Promise<string[]> => {
    const run = bench([step('a'), group('g', [step('b')])], { revision: { name: appRevision, number: 1, hash: 'h', components: {}, componentHashes: {} } });
    run.journal = { ...run.journal, startTime: new Date(startMs).toISOString() };
    await run.pass();
    return run.journal.steps.flatMap((status) => [status.id, ...status.subSteps.map((sub) => sub.id)]);
  };

  it('are ten characters, the same for the same run and different for another', async () => {
    const first = await ids('shop-v1', START_MS);
    for (const id of first) assert.match(id, /^[a-z0-9]{10}$/);
    assert.equal(new Set([...first, ...(await ids('shop-v2', START_MS)), ...(await ids('shop-v1', START_MS + 1000))]).size, 9);
    assert.deepEqual(await ids('shop-v1', START_MS), first);
  });

  it('1.1: are the same after a restart, though 1.1 shows none', async () => {
    const seen: string[] = [];
    const run = bench([step('a')], { dialect: '1.1' });
    run.does.set('a', (context) => {
      seen.push(context.stepId);
      return waits();
    });
    await run.pass();
    throughTheHub(run, '1.1');
    await run.pass();
    assert.match(seen[0] ?? '', /^[a-z0-9]{10}$/);
    assert.equal(seen[1], seen[0]);
  });
});

it('a run is named after its revision, or the publishVersion', () => {
  const app = applicationOf([]);
  assert.equal(runNameOf(app), 'shop-v1');
  assert.equal(
    runNameOf({ ...app, object: { ...app.object, metadata: { ...app.object.metadata, annotations: { 'app.oam.dev/publishVersion': 'alpha' } } } }),
    'alpha',
  );
});
