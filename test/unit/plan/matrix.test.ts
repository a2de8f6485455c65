/** Environments side by side, and clusters that nobody asked. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Matrix } from '../../../daemon/plan/comparison.ts';
import type { EnvironmentView } from '../../../daemon/plan/environments.ts';
import { matrixOf } from '../../../daemon/plan/matrix.ts';
import { namedPointer, valueAtPointer } from '../../../daemon/plan/named-path.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';
import { application } from '../load/trees.ts';
import { compareFiles, onlyOf } from './comparing.ts';

const view = (name: string, ...objects: readonly KubeObject[]): EnvironmentView => ({ name, clusters: [name], keys: new Set(), objects });
const deployment = (namespace: string, replicas: number, env: readonly string[] = []): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace, labels: { 'app.oam.dev/appRevision': `shop-v${replicas}`, 'app.oam.dev/cluster': namespace } },
  spec: { replicas, env: env.map((name) => ({ name, value: namespace })) },
});
const secret = (value: string): KubeObject => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' }, stringData: { password: value } });
const rows = (matrix: Matrix | null): readonly string[] =>
  (matrix?.rows ?? []).map(
    (row) =>
      `${row.object} ${row.path}: ${row.isSecret ? row.cells.map((cell) => (cell.isChanged ? 'differs' : 'same')).join(' | ') : row.cells.map((cell) => (cell.isChanged ? `${JSON.stringify(cell.from)}->${JSON.stringify(cell.to)}` : JSON.stringify(cell.to ?? 'none'))).join(' | ')}`,
  );
const neighbours = (matrix: Matrix | null): readonly string[] =>
  (matrix?.neighbours ?? []).flatMap((item) =>
    item.fields.map(
      (field) =>
        `${item.left}/${item.right} ${field.object} ${field.path}: ${field.isSecret ? 'secret' : `${JSON.stringify(field.left)} ${JSON.stringify(field.right)}`}`,
    ),
  );

describe('environments side by side', () => {
  it('show every field that changes anywhere in all of them', () => {
    const matrix = matrixOf(
      [view('dev', deployment('dev', 1)), view('prod', deployment('prod', 3))],
      [view('dev', deployment('dev', 1)), view('prod', deployment('prod', 5))],
      true,
    );
    assert.deepEqual([rows(matrix), neighbours(matrix)], [['Deployment web /spec/replicas: 1 | 3->5'], ['dev/prod Deployment web /spec/replicas: 1 5']]);
  });

  it('match items of lists by their names', () => {
    const matrix = matrixOf(
      [view('dev', deployment('x', 1, ['A', 'B'])), view('prod', deployment('x', 1, ['B']))],
      [view('dev', deployment('x', 1, ['A', 'B', 'C'])), view('prod', deployment('x', 1, ['C', 'B']))],
      true,
    );
    assert.deepEqual(rows(matrix), ['Deployment web /spec/env/[C]: undefined->{"name":"C","value":"x"} | undefined->{"name":"C","value":"x"}']);
    assert.deepEqual(neighbours(matrix), ['dev/prod Deployment web /spec/env/[A]: {"name":"A","value":"x"} undefined']);
  });

  it('have a column for one that comes and for one that goes', () => {
    const matrix = matrixOf(
      [view('dev', deployment('dev', 1)), view('old', deployment('old', 2))],
      [view('dev', deployment('dev', 4)), view('new', deployment('new', 3))],
      true,
    );
    assert.deepEqual(
      matrix?.environments.map((item) => [item.name, item.state]),
      [
        ['dev', 'same'],
        ['new', 'new'],
        ['old', 'gone'],
      ],
    );
    assert.deepEqual(
      [rows(matrix), neighbours(matrix)],
      [['Deployment web /spec/replicas: 1->4 | undefined->3 | 2->undefined'], ['dev/new Deployment web /spec/replicas: 4 3']],
    );
  });

  it('tell an object that only one of them has', () => {
    const service: KubeObject = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' } };
    const matrix = matrixOf(
      [view('dev', deployment('dev', 1)), view('prod', deployment('prod', 1))],
      [view('dev', deployment('dev', 1)), view('prod', deployment('prod', 1), service)],
      true,
    );
    assert.deepEqual([rows(matrix), neighbours(matrix)], [['Service web : "none" | undefined->"there"'], ['dev/prod Service web : undefined "there"']]);
  });

  it('tell of a Secret that it differs, and nothing else', () => {
    const matrix = matrixOf(
      [view('dev', secret('canary-1')), view('prod', secret('canary-2'))],
      [view('dev', secret('canary-1')), view('prod', secret('canary-3'))],
      true,
    );
    assert.deepEqual([rows(matrix), neighbours(matrix)], [['Secret key /data/password: same | differs'], ['dev/prod Secret key /data/password: secret']]);
    assert.doesNotMatch(JSON.stringify(matrix), /canary|Y2FuYXJ5/);
  });

  it('are none for an application with one environment', () => {
    assert.equal(matrixOf([view('dev')], [view('dev')], false), null);
  });
});

describe('a path with names', () => {
  const object = {
    spec: {
      containers: [
        { name: 'a', image: 'x' },
        { name: 'b/c', image: 'y' },
      ],
      args: ['p', 'q'],
    },
  };
  it('leads to the same value as its pointer', () => {
    for (const pointer of ['/spec/containers/1/image', '/spec/args/1', '/spec/containers/0', '/spec', ''])
      assert.deepEqual(valueAtPointer(object, namedPointer(object, pointer)), valueAtPointer(object, pointer), pointer);
    assert.equal(namedPointer(object, '/spec/containers/1/image'), '/spec/containers/[b~1c]/image');
  });
  it('leads nowhere where there is nothing', () => {
    assert.deepEqual(
      [valueAtPointer(object, '/spec/containers/[z]/image'), valueAtPointer(object, '/spec/args/9'), valueAtPointer(undefined, '/a')],
      [undefined, undefined, undefined],
    );
  });
});

describe('the environments of an application', () => {
  const app = (steps: string, policies: string): string =>
    application('shop', `  components:\n  - {name: web, type: webservice, properties: {image: "nginx:1"}}\n  policies:\n${policies}${steps}`);
  const names = async (text: string): Promise<unknown> =>
    onlyOf(await compareFiles({ 'a.yaml': text }, { 'a.yaml': text.replace('nginx:1', 'nginx:2') })).matrix?.environments.map((item) => [
      item.name,
      item.clusters,
    ]);
  const where = (name: string, cluster: string): string => `  - {name: ${name}, type: topology, properties: {clusters: [${cluster}], namespace: ${name}}}\n`;

  it('of KubeVela 1.10 are called as their topologies, with or without a workflow', async () => {
    assert.deepEqual(await names(app('', where('dev', 'local') + where('prod', 'east'))), [
      ['dev', ['local']],
      ['prod', ['east']],
    ]);
    assert.deepEqual(
      await names(
        app(
          '  workflow:\n    steps:\n    - {name: first, type: deploy, properties: {policies: [prod]}}\n    - {name: all, type: deploy, properties: {policies: [dev, prod]}}\n    - {name: again, type: deploy, properties: {policies: [prod]}}\n',
          where('dev', 'local') + where('prod', 'east'),
        ),
      ),
      [
        ['prod', ['east']],
        ['dev+prod', ['local', 'east']],
        ['again', ['east']],
      ],
    );
  });

  it('of env-binding have its names', async () => {
    const policy =
      '  - name: envs\n    type: env-binding\n    properties:\n      envs:\n      - {name: test, placement: {namespaceSelector: {name: test}}}\n      - {name: prod, placement: {clusterSelector: {labels: {tier: prod}}}, patch: {components: [{name: web, type: webservice, properties: {cpu: "1"}}]}}\n';
    assert.deepEqual(await names(app('', policy)), [
      ['test', ['local']],
      ['prod', ['{tier=prod}']],
    ]);
  });
});
