import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stringify } from '../../daemon/lib/json.ts';
import { planOf, told as toldOf } from './planning.ts';
import { application, BOX, definition, openWorld, plain, type World } from './world.ts';

const FILES: Readonly<Record<string, string>> = {
  'box.json': definition('ComponentDefinition', 'box', BOX),
  'a.json': application('a', { one: '1', two: '2', three: '3' }, { type: 'box' }),
  'b.json': application('b', { four: '4', five: '5' }),
  'c.json': application('c', { six: '6' }, { type: 'bx' }),
  'z/plain.json': plain('ConfigMap', 'plain'),
  'bad.yaml': 'kind: Deployment\n',
  'ns.json': plain('Namespace', 'somewhere'),
};
const NEXT: Readonly<Record<string, string | null>> = {
  'a.json': application('a', { one: '2', three: '3' }, { type: 'box' }),
  'b.json': null,
  'ns.json': null,
  'z/plain.json': null,
};

/** The same commits, with files and answers in another order. */
async function made(order: (names: readonly string[]) => readonly string[], seed: number): Promise<{ readonly world: World; readonly told: string }> {
  const world = openWorld();
  let state = seed;
  const random = (): number => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
  world.before = async () => {
    for (let turns = Math.floor(random() * 6); turns > 0; turns -= 1)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
  };
  const push = (files: Readonly<Record<string, string | null>>): void =>
    void world.push(Object.fromEntries(order(Object.keys(files)).map((path) => [path, files[path] ?? null])));
  const told: string[] = [];
  for (const files of [FILES, NEXT]) {
    push(files);
    told.push(...toldOf(await planOf(world)));
    await world.settle();
    told.push(
      stringify(
        [...world.branch].toSorted(([a], [b]) => (a < b ? -1 : 1)),
        1,
      ),
    );
  }
  // What a commit is called depends on what came before it, not on what it holds.
  return { world, told: told.join('\n').replaceAll(/\b[0-9a-f]{10}(?:[0-9a-f]{30})?\b/g, 'SHA') };
}

test('I8: the same inputs give byte-identical plan and status, in whatever order files are listed and answers come', async () => {
  const one = await made((names) => names, 1);
  const two = await made((names) => names.toReversed(), 2);
  const three = await made((names) => names.toSorted((a, b) => a.length - b.length), 3);
  assert.ok(one.told.includes('to create') && one.told.includes('to delete'));
  assert.equal(two.told, one.told);
  assert.equal(three.told, one.told);
});
