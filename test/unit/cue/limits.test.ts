import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withMemoryMaximum } from '../../../daemon/render/cue/wasm-limit.ts';
import { Fault } from '../../../daemon/model/fault.ts';
import { openTestCue, requestFor } from './evaluator.ts';

const HUGE = 'import "list"\noutput: a: [for x in list.Range(0, 100000000, 1) {x}]';
const ENDLESS = 'import "list"\nl: list.Range(0, 1000, 1)\noutput: a: [for a in l for b in l for c in l for d in l if a > 5000 {a}]';
const FINE = 'output: a: context.name';
const GREEDY = 'import "list"\noutput: a: [for i in list.Range(0, 3000, 1) {{for j in list.Range(0, 300, 1) {"field-\\(i)-\\(j)": {x: i, y: [j, j, j]}}}}]';

async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'no fault';
}

describe('limits of the evaluator', () => {
  it('a template that never ends is killed, and costs nobody else anything (I7, I12)', async () => {
    await using cue = openTestCue({ timeoutMs: 2_000, workers: 2 });
    const endless = code(cue.renderComponent(requestFor(ENDLESS)));
    assert.deepEqual((await cue.renderComponent(requestFor(FINE))).output, { a: 'web' });
    assert.equal(await endless, 'render/timeout');
    assert.deepEqual((await cue.renderComponent(requestFor(`${FINE}\noutput: b: 1`))).output, { a: 'web', b: 1 });
    assert.equal(cue.figures().killed, 1);
  });

  it("a template that eats memory is killed at the module's own maximum", async () => {
    await using cue = openTestCue({ memoryBytesMax: 64 * 1_048_576, workers: 1 });
    for (const template of [GREEDY, HUGE]) assert.equal(await code(cue.renderComponent(requestFor(template))), 'render/memory');
    assert.deepEqual((await cue.renderComponent(requestFor(FINE))).output, { a: 'web' });
  });

  it('a result and a request that are too large are refused', async () => {
    await using cue = openTestCue({ responseBytesMax: 5_000, requestBytesMax: 5_000, workers: 1 });
    assert.equal(await code(cue.renderComponent(requestFor('import "strings"\noutput: a: strings.Repeat("x", 10000)'))), 'render/memory');
    assert.equal(await code(cue.renderComponent(requestFor(FINE, { parameter: { a: 'x'.repeat(10_000) } }))), 'render/memory');
    assert.equal(cue.figures().killed, 0);
  });

  it('a cancelled call ends at once, running or waiting', async () => {
    await using cue = openTestCue({ workers: 1 });
    const running = new AbortController();
    const waiting = new AbortController();
    const calls = [cue.renderComponent(requestFor(ENDLESS), { signal: running.signal }), cue.renderComponent(requestFor(FINE), { signal: waiting.signal })];
    waiting.abort(new Error('not wanted any more'));
    running.abort(new Error('not wanted either'));
    const results = await Promise.allSettled(calls);
    assert.deepEqual(
      results.map((result) => result.status === 'rejected' && (result.reason as Error).message),
      ['not wanted either', 'not wanted any more'],
    );
    assert.deepEqual((await cue.renderComponent(requestFor(FINE))).output, { a: 'web' });
  });

  it('no more than so many may wait', async () => {
    await using cue = openTestCue({ workers: 1, waitingMax: 1 });
    const stop = new AbortController();
    const first = cue.renderComponent(requestFor(ENDLESS), { signal: stop.signal });
    const second = cue.renderComponent(requestFor(FINE));
    assert.equal(await code(cue.renderComponent(requestFor(`${FINE}\nx: 1`))), 'render/busy');
    stop.abort(new Error('enough'));
    await assert.rejects(first, /enough/);
    assert.deepEqual((await second).output, { a: 'web' });
  });

  it('a worker is replaced after so many calls, or when it has grown too much', async () => {
    for (const limits of [{ callsMax: 1 }, { memoryBytesKept: 1 }]) {
      await using cue = openTestCue({ ...limits, workers: 1 });
      await cue.renderComponent(requestFor(FINE));
      await cue.renderComponent(requestFor(`${FINE}\nx: 1`));
      assert.equal(cue.figures().recycled, 2);
    }
  });

  it('equal requests are evaluated once; another parameter, context or template is another request', async () => {
    await using cue = openTestCue({ workers: 1 });
    const results = await Promise.all([cue.renderComponent(requestFor(FINE)), cue.renderComponent(requestFor(FINE))]);
    assert.equal(results[0], results[1]);
    assert.equal(await cue.renderComponent(requestFor(FINE)), results[0]);
    assert.equal(cue.figures().calls, 1);
    await cue.renderComponent(requestFor(FINE, { parameter: { a: 1 } }));
    await cue.renderComponent(requestFor(FINE, { context: { name: 'other' } }));
    await cue.renderComponent(requestFor(`${FINE} `));
    assert.equal(cue.figures().calls, 4);
    assert.ok(Object.isFrozen(results[0]));
  });

  it('the cache stays below its bound, the least recently used go first', async () => {
    await using cue = openTestCue({ workers: 1 }, 1_500);
    for (let i = 0; i < 20; i += 1) await cue.renderComponent(requestFor(FINE, { parameter: { i } }));
    assert.ok(cue.figures().cached < 20);
    await cue.renderComponent(requestFor(FINE, { parameter: { i: 19 } }));
    assert.equal(cue.figures().calls, 20);
    await cue.renderComponent(requestFor(FINE, { parameter: { i: 0 } }));
    assert.equal(cue.figures().calls, 21);
  });

  it('closing refuses what waits and what comes', async () => {
    const cue = openTestCue({ workers: 1 });
    const calls = [code(cue.renderComponent(requestFor(ENDLESS))), code(cue.renderComponent(requestFor(FINE)))];
    await cue[Symbol.asyncDispose]();
    assert.deepEqual(await Promise.all(calls), ['loop/cancelled', 'loop/cancelled']);
    assert.equal(await code(cue.renderComponent(requestFor(`${FINE}\nx: 1`))), 'loop/cancelled');
  });

  it('a missing module is a fault that says where it was looked for', async () => {
    const { openCue } = await import('../../../daemon/render/cue/cue.ts');
    const { systemClock } = await import('../../../daemon/lib/retry.ts');
    await using cue = openCue({ clock: systemClock(), override: '/nonexistent/cue.wasm' });
    await assert.rejects(
      cue.renderComponent(requestFor(FINE)),
      (error) => error instanceof Fault && error.code === 'render/evaluator' && error.message.includes('/nonexistent/cue.wasm'),
    );
  });
});

describe('the memory maximum of a module', () => {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

  it('is written into the memory section, what surrounds it stays', () => {
    const module = Uint8Array.from([...header, 1, 1, 0, 5, 3, 1, 0, 2, 0, 2, 1, 9]);
    assert.deepEqual([...withMemoryMaximum(module, 200 * 65_536)], [...header, 1, 1, 0, 5, 5, 1, 1, 2, 200, 1, 0, 2, 1, 9]);
  });

  it('is refused when the module starts with more, or has no memory', () => {
    assert.throws(() => withMemoryMaximum(Uint8Array.from([...header, 5, 3, 1, 0, 2]), 65_536), RangeError);
    assert.throws(() => withMemoryMaximum(Uint8Array.from(header), 65_536), RangeError);
  });
});
