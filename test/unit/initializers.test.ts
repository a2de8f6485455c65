// Initializers through a whole pass, with hub and branch in memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWorld, type World } from '../invariant/world.ts';

interface Wanted {
  readonly dependsOn?: readonly string[];
  readonly steps?: string;
  readonly objects?: string;
}

/** An Initializer of namespace `team` that makes one ConfigMap of its name, or what it is given. */
function initializer(name: string, { dependsOn = [], steps = '', objects }: Wanted = {}): string {
  const refs = dependsOn.map((on) => `{ref: {apiVersion: core.oam.dev/v1beta1, kind: Initializer, name: ${on}, namespace: team}}`).join(', ');
  return `apiVersion: core.oam.dev/v1beta1
kind: Initializer
metadata: {name: ${name}, namespace: team}
spec:
  appTemplate:
    spec:
      components:
      - {name: ${name}, type: raw, properties: ${objects ?? `{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}, namespace: team}, data: {a: "1"}}`}}${
        steps === ''
          ? ''
          : `
      workflow: {steps: [${steps}]}`
      }
  dependsOn: [${refs}]
`;
}

const approval = (kind: string, name: string): string => `apiVersion: lateen.dev/v1alpha1
kind: Approval
metadata: {name: delete-${name}, namespace: team}
spec: {action: delete, target: {kind: ${kind}, namespace: team, name: ${name}}}
`;

const onHub = (world: World, kind: string, name: string) => [...world.hub.values()].find((object) => object.kind === kind && object.metadata.name === name);
const phaseOnHub = (world: World, name: string): unknown => (onHub(world, 'Initializer', name)?.['status'] as { status?: unknown } | undefined)?.status;

test('a chain of Initializers is a success after one pass, each made after those it depends on', async () => {
  const world = openWorld();
  world.push({ 'a.yaml': initializer('a', { dependsOn: ['b'] }), 'b.yaml': initializer('b', { dependsOn: ['c'] }), 'c.yaml': initializer('c') });
  const { report } = await world.pass();
  assert.deepEqual(
    report.initializers.map(({ name, phase }) => [name, phase]),
    [
      ['a', 'success'],
      ['b', 'success'],
      ['c', 'success'],
    ],
  );
  const made = world.effects.filter((effect) => effect.startsWith('apply') && effect.includes('ConfigMap')).map((effect) => effect.split('/').at(-1));
  assert.deepEqual(made, ['c', 'b', 'a']);
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => phaseOnHub(world, name)),
    ['success', 'success', 'success'],
  );
  assert.equal(onHub(world, 'Application', 'a')?.metadata.annotations?.['app.oam.dev/initializer-name'], 'a');
});

test('one that depends on what is not running waits, and says for what', async () => {
  const world = openWorld();
  world.push({ 'a.yaml': initializer('a', { dependsOn: ['b'] }), 'b.yaml': initializer('b', { steps: '{name: halt, type: suspend}' }) });
  const { report } = await world.settle();
  const [a, b] = report.initializers;
  assert.equal(b?.phase, 'initializing');
  assert.equal(a?.phase, 'checkingDependsOn');
  assert.equal(a?.message, 'waits for team/b (initializing)');
  assert.equal(phaseOnHub(world, 'a'), 'checkingDependsOn');
  assert.equal(onHub(world, 'Application', 'a'), undefined);
  assert.equal(onHub(world, 'ConfigMap', 'a'), undefined);

  world.push({ 'b.yaml': initializer('b') });
  const then = await world.settle();
  assert.deepEqual(
    then.report.initializers.map(({ phase }) => phase),
    ['success', 'success'],
  );
  assert.notEqual(onHub(world, 'ConfigMap', 'a'), undefined);
});

test('one that was made is kept going when what it depended on stops running', async () => {
  const world = openWorld();
  world.push({ 'a.yaml': initializer('a', { dependsOn: ['b'] }), 'b.yaml': initializer('b') });
  await world.settle();
  world.push({
    'b.yaml': initializer('b', { steps: '{name: halt, type: suspend}' }),
    'a.yaml': initializer('a', { dependsOn: ['b'], objects: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: team}, data: {a: "2"}}' }),
  });
  await world.settle();
  assert.deepEqual(onHub(world, 'ConfigMap', 'a')?.['data'], { a: '2' });
});

test('gone from Git it keeps everything and says so, until an Approval names it', async () => {
  const world = openWorld();
  world.push({ 'a.yaml': initializer('a', { dependsOn: ['b'] }), 'b.yaml': initializer('b') });
  await world.settle();
  world.push({ 'a.yaml': null, 'b.yaml': null });
  const kept = await world.settle();
  assert.deepEqual(
    kept.report.leaving.map(({ name, fault }) => [name, fault?.code]),
    [
      ['a', 'plan/guard'],
      ['b', 'plan/guard'],
    ],
  );
  for (const name of ['a', 'b'])
    for (const kind of ['ConfigMap', 'Application', 'Initializer']) assert.notEqual(onHub(world, kind, name), undefined, `${kind} ${name}`);

  // What others depend on goes last, whoever was approved of first.
  world.push({ 'b-may-go.yaml': approval('Initializer', 'b') });
  const waiting = await world.settle();
  assert.match(waiting.report.leaving.find(({ name }) => name === 'b')?.conditions[0]?.message ?? '', /goes after team\/a/);
  assert.notEqual(onHub(world, 'ConfigMap', 'b'), undefined);

  const before = world.effects.length;
  world.push({ 'a-may-go.yaml': approval('Initializer', 'a') });
  const gone = await world.settle();
  assert.deepEqual(gone.report.leaving, []);
  assert.deepEqual(
    [...world.hub.values()].filter(({ kind }) => ['ConfigMap', 'Application', 'Initializer', 'ResourceTracker'].includes(kind)),
    [],
  );
  assert.deepEqual(
    world.effects
      .slice(before)
      .filter((effect) => effect.startsWith('delete'))
      .map((effect) => effect.split('/').at(-1)),
    ['a', 'b'],
  );
});

test('a broken one keeps what it made, and its dependants wait for nothing new', async () => {
  const world = openWorld();
  world.push({ 'a.yaml': initializer('a') });
  await world.settle();
  world.push({
    'a.yaml': 'apiVersion: core.oam.dev/v1beta1\nkind: Initializer\nmetadata: {name: a, namespace: team}\nspec: {appTemplate: {spec: {components: nothing}}}\n',
  });
  const { report } = await world.settle();
  assert.notEqual(onHub(world, 'ConfigMap', 'a'), undefined);
  assert.notEqual(onHub(world, 'Initializer', 'a'), undefined);
  assert.equal(report.initializers[0]?.conditions.find(({ type }) => type === 'Stalled')?.status, 'True');
  assert.deepEqual(report.leaving, []);
});

test('the cluster that it registered goes before the cloud cluster, and that before the account', async () => {
  const world = openWorld();
  const objects = (kind: string, apiVersion: string, name: string): string =>
    `{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {name: ${name}, namespace: team}}`;
  const app = initializer('a', { objects: objects('Provider', 'terraform.core.oam.dev/v1beta1', 'p') }).replace(
    '  dependsOn',
    `      - {name: c, type: raw, properties: ${objects('Configuration', 'terraform.core.oam.dev/v1beta1', 'c')}}\n      - {name: m, type: raw, properties: ${objects('ManagedCluster', 'cluster.open-cluster-management.io/v1', 'm')}}\n  dependsOn`,
  );
  world.push({ 'a.yaml': app });
  await world.settle();
  const before = world.effects.length;
  world.push({ 'a.yaml': null, 'ok.yaml': approval('Initializer', 'a') });
  await world.settle();
  assert.deepEqual(
    world.effects
      .slice(before)
      .filter((effect) => effect.startsWith('delete'))
      .map((effect) => effect.split('/').at(-1)),
    ['m', 'c', 'a'],
  );
});
