import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stableStringify } from '../../daemon/lib/json.ts';
import { Fault } from '../../daemon/model/fault.ts';
import { application, definition, openWorld, plain, type World } from './world.ts';

const TELL = 'import "vela/http"\npost: http.#HTTPDo & {$params: {method: "POST", url: parameter.url}}\nanswer: post.$returns.body\nparameter: url: string\n';
const STEPS = [
  { name: 'one', type: 'apply-component', properties: { component: 'one' } },
  { name: 'tell', type: 'tell', properties: { url: 'http://127.0.0.1:1/tell' }, outputs: [{ name: 'answer', valueFrom: 'answer' }] },
  { name: 'two', type: 'apply-component', properties: { component: 'two' } },
];
const FIRST = {
  'tell.json': definition('WorkflowStepDefinition', 'tell', TELL),
  'main.json': application('main', { one: '1', two: '1' }, { steps: STEPS }),
  'other.json': application('other', { other: '1' }),
  'plain.json': plain('ConfigMap', 'plain'),
};
const SECOND = { 'main.json': application('main', { one: '2' }), 'other.json': null, 'plain.json': null };

/** Hub and branch without what differs between two runs of the same: ids, versions, times. */
function endOf(world: World): string {
  const objects = [...world.hub]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, object]) => [key, object['data'] !== undefined && object.kind === 'Secret' ? null : object]);
  return JSON.stringify(JSON.parse(stableStringify([objects, [...world.branch].toSorted(([a], [b]) => (a < b ? -1 : 1))])), null, 1)
    .replaceAll(/uid-\d+/g, 'UID')
    .replaceAll(/"resourceVersion": "\d+"/g, '"VERSION"')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/"id": "[a-z0-9]{10}"/g, '"ID"');
}

/** A world in which the n-th effect, counted from now, is the last one: it happens when `happens`, and then nothing more. */
function cutAt(world: World, n: number, happens: boolean): { readonly effect: () => string } {
  let count = 0;
  let last = '';
  let dead = false;
  const die = (): never => {
    dead = true;
    throw new Fault('loop/cancelled', 'killed');
  };
  world.before = (kind, subject) => {
    if (dead) die();
    count += 1;
    if (count !== n) return;
    last = `${kind} ${subject}`;
    if (!happens) die();
  };
  world.after = (kind, subject) => {
    if (`${kind} ${subject}` === last && happens && !dead) die();
  };
  return { effect: () => last };
}

function mend(world: World): void {
  world.before = () => {};
  world.after = () => {};
  world.restart();
}

async function killedAt(world: World, n: number, happens: boolean): Promise<string> {
  const cut = cutAt(world, n, happens);
  await world.settle().catch((error: unknown) => {
    if (!(error instanceof Fault) || error.code !== 'loop/cancelled') throw error;
  });
  mend(world);
  return cut.effect();
}

test('I6: killed before or after any effect, the next start comes to the same end; a call is never made twice', async () => {
  const calm = openWorld();
  calm.push(FIRST);
  await calm.settle();
  const first = { count: calm.effects.length, end: endOf(calm) };
  calm.push(SECOND);
  await calm.settle();
  const second = { count: calm.effects.length - first.count, end: endOf(calm) };
  assert.equal(calm.calls.length, 1);
  let unknown = 0;
  for (let n = 1; n <= first.count; n += 1) {
    for (const happens of [false, true]) {
      const world = openWorld();
      world.push(FIRST);
      const effect = await killedAt(world, n, happens);
      const where = `${happens ? 'after' : 'before'} ${effect}`;
      await world.settle();
      assert.ok(world.calls.length <= 1, `${where}: ${world.calls.length} calls`);
      if (world.branch.get('applications/default/main.yaml')?.includes('outcome is unknown') === true) unknown += 1;
      else assert.equal(endOf(world), first.end, where);
    }
  }
  // Between the intent and the answer in the journal nobody knows whether the call arrived.
  assert.ok(unknown >= 1 && unknown <= 4, `${unknown} times nobody knew`);
  for (let n = 1; n <= second.count; n += 1) {
    for (const happens of [false, true]) {
      const world = openWorld();
      world.push(FIRST);
      await world.settle();
      world.push(SECOND);
      const effect = await killedAt(world, n, happens);
      await world.settle();
      assert.equal(endOf(world), second.end, `${happens ? 'after' : 'before'} ${effect}`);
      assert.equal(world.calls.length, 1);
    }
  }
});

test('I6: a lost Application, status and all, is made again without running a step again', async () => {
  const world = openWorld();
  world.push(FIRST);
  await world.settle();
  const end = endOf(world);
  world.hub.delete('local/core.oam.dev/Application/default/main');
  world.restart();
  await world.settle();
  assert.equal(world.calls.length, 1);
  assert.equal(endOf(world), end);
});
