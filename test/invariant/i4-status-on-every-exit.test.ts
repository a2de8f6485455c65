import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../daemon/model/fault.ts';
import type { Effect } from '../../daemon/model/ports.ts';
import { application, BOX, definition, openWorld, plain, refusing, type World } from './world.ts';

const FILES = { 'a.json': application('a', { one: '1' }), 'b.json': application('b', { two: '1' }), 'plain.json': plain('ConfigMap', 'plain') };
const fail = (code: 'transport/unreachable' | 'source/git' | 'render/evaluator') => (): Promise<never> => Promise.reject(new Fault(code, 'it was pulled out'));

/** What is pulled out from under a pass, and the code that the branch must tell then. */
const EXITS: Readonly<Record<string, readonly [(world: World) => void, string]>> = {
  'the commit cannot be read': [
    (world) => {
      world.doors = {
        repo: {
          tree: fail('source/git'),
          statusFiles: () => Promise.resolve(new Map(world.branch)),
          commit: (commit) => {
            for (const [path, text] of commit.files)
              if (text !== null) world.branch.set(path, text);
              else world.branch.delete(path);
            return Promise.resolve('sha');
          },
        },
      };
    },
    'source/git',
  ],
  'the hub does not say what it keeps': [
    (world) => {
      world.doors = { hubFacts: fail('transport/unreachable') };
    },
    'transport/unreachable',
  ],
  'no object can be looked at': [
    (world) => {
      world.unseen = (key) => (key.kind === 'ConfigMap' ? new Fault('transport/unreachable', 'away') : null);
    },
    'transport/unreachable',
  ],
  'the evaluator is gone': [
    (world) => {
      world.doors = {
        cue: {
          renderComponent: fail('render/evaluator'),
          renderObject: fail('render/evaluator'),
          evaluateStatus: fail('render/evaluator'),
          evaluateStep: fail('render/evaluator'),
          evaluateExpression: fail('render/evaluator'),
          vet: fail('render/evaluator'),
        },
      };
    },
    'render/evaluator',
  ],
  ...Object.fromEntries(
    (['application', 'revision', 'tracker', 'apply', 'status'] as const satisfies readonly Effect[]).map((effect) => [
      `every ${effect} is refused`,
      [
        (world: World) => {
          world.before = refusing('transport/denied', (kind) => kind === effect);
        },
        'transport/denied',
      ] as const,
    ]),
  ),
};

for (const [title, [pull, code]] of Object.entries(EXITS)) {
  test(`I4: status is recorded on every exit path: ${title}`, async () => {
    const world = openWorld();
    world.push({ ...FILES, 'box.json': definition('ComponentDefinition', 'box', BOX) });
    await world.settle();
    world.restart();
    world.push({
      'a.json': application('a', { one: '2' }),
      'b.json': application('b', { two: '2' }, {}),
      'c.json': application('c', { value: '1' }, { type: 'box' }),
    });
    pull(world);
    await world.pass();
    const told = [...world.branch.values()].join('\n');
    assert.ok(told.includes(`code: ${code}`), told);
    for (const name of ['a', 'b']) assert.ok(world.branch.has(`applications/default/${name}.yaml`), `the status of ${name} is still there`);
    // And when it is over, nothing of it is left.
    world.doors = {};
    world.before = () => {};
    world.unseen = () => null;
    await world.settle();
    assert.equal(
      [...world.branch.values()].some((text) => text.includes(code)),
      false,
      [...world.branch.values()].join('\n'),
    );
    for (const name of ['a', 'b', 'c']) assert.ok(world.branch.get(`applications/default/${name}.yaml`)?.includes('phase: running'));
  });
}
