/** A commit against what is live: the whole way in memory, with the real evaluator. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasChanges } from '../../../daemon/plan/compare.ts';
import type { Comparison, Side } from '../../../daemon/plan/comparison.ts';
import { planOf } from '../../invariant/planning.ts';
import { openWorld } from '../../invariant/world.ts';
import { application } from '../load/trees.ts';
import { causeText, fieldText, objectText, onlyOf } from './comparing.ts';

const web = (image: string, replicas = 1): string =>
  application(
    'shop',
    `  components:\n  - name: web\n    type: webservice\n    properties:\n      image: ${image}\n    traits:\n    - type: scaler\n      properties: {replicas: ${replicas}}\n`,
  );
const liveOf = (comparison: Comparison): Side => onlyOf(comparison).live ?? assert.fail('nobody looked');
const lines = (side: Side): readonly string[] =>
  side.objects.flatMap((object) => [
    `${objectText(object)}: ${object.reason}`,
    ...object.fields.flatMap((field) => [`  ${fieldText(field)}`, ...field.causes.map((cause) => `    ${causeText(cause)}`)]),
  ]);

describe('a commit against the clusters', () => {
  it('that is new there is made, and its workflow runs', async () => {
    const world = openWorld();
    world.push({ 'a.yaml': web('nginx:1') });
    const comparison = await planOf(world);
    const app = onlyOf(comparison);
    assert.deepEqual(
      [app.document, app.desired, lines(liveOf(comparison)), liveOf(comparison).workflow.runs, liveOf(comparison).workflow.reason],
      ['new', null, ['create local/Deployment/default/web: not there yet'], 'all', 'a new application'],
    );
  });

  it('that was carried out changes nothing', async () => {
    const world = openWorld();
    world.push({ 'a.yaml': web('nginx:1') });
    await world.settle();
    const comparison = await planOf(world);
    assert.deepEqual([comparison.applications, comparison.unchangedCount, hasChanges(comparison)], [[], 1, false]);
  });

  it('blames what differs from the Application that the hub shows', async () => {
    const world = openWorld();
    world.push({ 'a.yaml': web('nginx:1') });
    await world.settle();
    world.push({ 'a.yaml': web('nginx:2', 3) });
    const comparison = await planOf(world);
    assert.deepEqual(
      [onlyOf(comparison).document, lines(liveOf(comparison))],
      [
        'changed',
        [
          'update local/Deployment/default/web: changed in the commit',
          '  /spec/replicas: 1 -> 3',
          '    trait | trait scaler of component web, property replicas | a.yaml:13',
          '  /spec/template/spec/containers/0/image: "nginx:1" -> "nginx:2"',
          '    property | property image of component web | a.yaml:10',
        ],
      ],
    );
    assert.deepEqual([liveOf(comparison).workflow.runs, liveOf(comparison).workflow.reason], ['all', 'a new revision']);
  });

  it('blames nobody in Git for drift', async () => {
    const world = openWorld();
    world.push({
      'a.yaml': application(
        'shop',
        '  components:\n  - {name: web, type: k8s-objects, properties: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: note}, data: {a: "1"}}]}}\n',
      ),
    });
    await world.settle();
    for (const [key, object] of world.hub) if (object.kind === 'ConfigMap') world.hub.set(key, { ...object, data: { a: '9' } });
    const comparison = await planOf(world);
    assert.deepEqual(
      [onlyOf(comparison).document, lines(liveOf(comparison)), liveOf(comparison).workflow.runs, liveOf(comparison).workflow.reason],
      ['same', ['update local/ConfigMap/default/note: drift', '  /data/a: "9" -> "1"'], 'none', 'its run is over'],
    );
  });

  it('tells fields that are given up', async () => {
    const world = openWorld();
    const env = web('nginx:1').replace('nginx:1\n', 'nginx:1\n      cpu: "1"\n');
    world.push({ 'a.yaml': env });
    await world.settle();
    world.push({ 'a.yaml': web('nginx:1') });
    assert.deepEqual(lines(liveOf(await planOf(world))).slice(1), [
      '  /spec/template/spec/containers/0/resources: {"limits":{"cpu":"1"},"requests":{"cpu":"1"}} -> undefined',
      '    property | property cpu of component web',
    ]);
  });

  it('knows a content that the hub had before', async () => {
    const world = openWorld();
    for (const image of ['nginx:1', 'nginx:2']) {
      world.push({ 'a.yaml': web(image) });
      await world.settle();
    }
    world.push({ 'a.yaml': web('nginx:1') });
    const app = onlyOf(await planOf(world));
    assert.equal(app.live?.workflow.reason, 'revision shop-v1 again, behind shop-v2');
    assert.match(app.notes.join(), /^it goes back to what it was as shop-v1: its steps run again from the first/);
  });

  it('goes on with a run that is not over', async () => {
    const world = openWorld();
    world.push({
      'a.yaml': `${web('nginx:1')}  workflow:\n    steps:\n    - {name: ask, type: suspend}\n    - {name: go, type: apply-component, properties: {component: web}}\n`,
    });
    await world.settle();
    const comparison = await planOf(world);
    const { workflow } = liveOf(comparison);
    assert.deepEqual(
      [workflow.runs, workflow.reason, workflow.steps.map((step) => [step.name, step.runs, step.phase])],
      [
        'rest',
        'its run is suspended: the rest runs when it is resumed',
        [
          ['ask', true, 'suspending'],
          ['go', true, ''],
        ],
      ],
    );
  });

  it('and against a base tells both', async () => {
    const world = openWorld();
    const base = world.push({ 'a.yaml': web('nginx:1') });
    await world.settle();
    for (const [key, object] of world.hub)
      if (object.kind === 'Deployment') world.hub.set(key, { ...object, spec: { ...(object['spec'] as object), replicas: 9 } });
    world.push({ 'a.yaml': web('nginx:2') });
    const app = onlyOf(await planOf(world, base));
    assert.deepEqual(lines(app.desired ?? assert.fail()), [
      'update local/Deployment/default/web: changed in the commit',
      '  /spec/template/spec/containers/0/image: "nginx:1" -> "nginx:2"',
      '    property | property image of component web | a.yaml:10',
    ]);
    assert.deepEqual(lines(app.live ?? assert.fail()), [
      'update local/Deployment/default/web: changed in the commit',
      '  /spec/replicas: 9 -> 1',
      '  /spec/template/spec/containers/0/image: "nginx:1" -> "nginx:2"',
      '    property | property image of component web | a.yaml:10',
    ]);
    assert.deepEqual([app.desired?.workflow.runs, app.live?.workflow.runs, app.document], ['all', 'all', 'changed']);
  });

  it('that takes an application away keeps what is guarded, and removes the rest', async () => {
    const world = openWorld();
    const objects = JSON.stringify([
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' } },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'note' } },
    ]);
    world.push({ 'a.yaml': application('shop', `  components:\n  - {name: web, type: k8s-objects, properties: {objects: ${objects}}}\n`) });
    await world.settle();
    world.push({ 'a.yaml': null });
    const app = onlyOf(await planOf(world));
    assert.deepEqual(
      [app.document, app.live?.objects.map((object) => [objectText(object), object.code]), app.live?.workflow.runs],
      [
        'gone',
        [
          ['delete local/ConfigMap/default/note', null],
          ['refuse local/PersistentVolumeClaim/default/data', 'plan/guard'],
        ],
        'none',
      ],
    );
  });
});
