/** Work that can wait: one call at a time, more while threads stand idle, and those are soon given back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../daemon/lib/retry.ts';
import type { CueComponentResult, CueEvaluator } from '../../../daemon/model/cue.ts';
import type { Clock } from '../../../daemon/model/ports.ts';
import { besidePasses } from '../../../daemon/render/cue/beside.ts';
import { cue, requestFor } from './evaluator.ts';

interface Asked {
  readonly name: string;
  readonly signal: AbortSignal | undefined;
  readonly answer: () => void;
}

/** An evaluator whose calls end when the test says so, or with their signal. */
function held(idleCount: (running: number) => number, clock: Clock = systemClock()) {
  const asked: Asked[] = [];
  let running = 0;
  const inner: CueEvaluator = {
    ...cue,
    renderComponent: ({ component }, call) =>
      new Promise<CueComponentResult>((resolve, reject) => {
        running += 1;
        asked.push({
          name: component.name,
          signal: call?.signal,
          answer: () => resolve({ output: null, outputs: [], errors: [], warnings: [], unknownParameters: [] }),
        });
        call?.signal?.addEventListener('abort', () => reject(call.signal?.reason as Error));
      }).finally(() => {
        running -= 1;
      }),
  };
  const shared = besidePasses(inner, () => idleCount(running), clock);
  const ask = (name: string, signal?: AbortSignal): Promise<unknown> =>
    shared.renderComponent({ ...requestFor(''), component: { name, type: 'thing', template: '' } }, signal === undefined ? undefined : { signal });
  return { asked, ask, names: () => asked.map(({ name }) => name) };
}

const soon = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

describe('calls beside the passes', () => {
  it('go one by one while no thread is idle, in their order', async () => {
    const { asked, ask, names } = held(() => 0);
    const [first, second] = [ask('a'), ask('b')];
    await soon();
    assert.deepEqual(names(), ['a']);
    asked[0]?.answer();
    await first;
    await soon();
    assert.deepEqual(names(), ['a', 'b']);
    asked[1]?.answer();
    await second;
  });

  it('take the idle threads as well, and no more than those', async () => {
    let threads = 3;
    const { asked, ask, names } = held((running) => Math.max(0, threads - running));
    const all = ['a', 'b', 'c', 'd'].map((name) => ask(name));
    await soon();
    assert.deepEqual(names(), ['a', 'b', 'c']);
    threads = 0;
    asked[1]?.answer();
    await soon();
    assert.deepEqual(names(), ['a', 'b', 'c'], 'a pass has the thread now');
    asked[0]?.answer();
    await soon();
    assert.deepEqual(names(), ['a', 'b', 'c', 'd']);
    for (const { answer } of asked) answer();
    await Promise.all(all);
  });

  it('give a borrowed thread back when they take long, and have their turn again with all the time there is', async () => {
    const hasty: Clock = { ...systemClock(), sleep: (_ms, signal) => systemClock().sleep(1, signal) };
    const { asked, ask } = held((running) => 2 - running, hasty);
    const [first, second] = [ask('a'), ask('slow')];
    await soon();
    assert.deepEqual(
      asked.map(({ name, signal }) => [name, signal === undefined]),
      [
        ['a', true],
        ['slow', false],
      ],
    );
    while (asked[1]?.signal?.aborted !== true) await soon();
    asked[0]?.answer();
    await first;
    while (asked.length < 3) await soon();
    assert.deepEqual([asked[2]?.name, asked[2]?.signal], ['slow', undefined]);
    asked[2]?.answer();
    await second;
  });

  it('end with their own signal, and hold up no other', async () => {
    const { asked, ask, names } = held(() => 0);
    const stop = new AbortController();
    const [first, second, third] = [ask('a'), ask('b', stop.signal), ask('c')];
    stop.abort(new Error('enough'));
    asked[0]?.answer();
    await first;
    await assert.rejects(second, /enough/);
    await soon();
    assert.deepEqual(names(), ['a', 'c']);
    asked[1]?.answer();
    await third;
  });
});
