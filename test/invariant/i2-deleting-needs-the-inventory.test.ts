import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../daemon/model/fault.ts';
import type { CueEvaluator } from '../../daemon/model/cue.ts';
import { application, BOX, configMaps, definition, openWorld, plain } from './world.ts';

const broken = (): Promise<never> => Promise.reject(new Fault('render/evaluator', 'there is no evaluator'));
const NO_CUE: CueEvaluator = {
  renderComponent: broken,
  renderObject: broken,
  evaluateStatus: broken,
  evaluateStep: broken,
  evaluateExpression: broken,
  vet: broken,
};

test('I2: deleting needs only the inventory: without an evaluator, without definitions, after a restart', async () => {
  const world = openWorld();
  world.push({
    'box.json': definition('ComponentDefinition', 'box', BOX),
    'a.json': application('a', { one: '1', two: '2' }, { type: 'box' }),
    'plain.json': plain('ConfigMap', 'plain'),
  });
  await world.settle();
  assert.deepEqual(Object.keys(configMaps(world)).toSorted(), ['one', 'plain', 'two']);
  world.restart();
  world.doors = { cue: NO_CUE };
  world.push({ 'box.json': null, 'a.json': null, 'plain.json': null });
  const { report } = await world.settle();
  assert.deepEqual(
    [...world.hub.values()].filter((object) => object.kind !== 'ResourceTracker').map((object) => object.metadata.name),
    [],
  );
  assert.deepEqual([report.applications, report.leaving, report.fault], [[], [], null]);
});
