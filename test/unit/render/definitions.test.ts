/** Where the definition of a type is found. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DefinitionKind, Dialect } from '../../../daemon/model/catalog.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';
import { definitionsOf, statusTemplatesOf, workloadOf, type Definitions } from '../../../daemon/render/definitions.ts';
import { documentOf } from '../plan/things.ts';

const definition = (name: string, namespace: string | null, template: string, kind: DefinitionKind = 'ComponentDefinition', more: object = {}): KubeObject => ({
  apiVersion: 'core.oam.dev/v1beta1',
  kind,
  metadata: { name, ...(namespace === null ? {} : { namespace }) },
  spec: { schematic: { cue: { template } }, ...more },
});
const packOf = (...objects: readonly KubeObject[]): ReadonlyMap<Dialect, ReadonlyMap<string, KubeObject>> =>
  new Map(
    (['1.1', '1.10'] as const).map((dialect) => [
      dialect,
      new Map(
        objects.map((object) => [`${object.kind}/${object.metadata.name}`, { ...object, spec: { schematic: { cue: { template: `pack ${dialect}` } } } }]),
      ),
    ]),
  );
const of = (repository: readonly KubeObject[], hub: readonly KubeObject[], pack: readonly KubeObject[] = []): Definitions =>
  definitionsOf(
    repository.map((object) => documentOf(object)),
    { hub, pack: packOf(...pack) },
  );

describe('the definition of a type', () => {
  const PROD = definition('x', 'prod', 'prod');
  const SYSTEM = definition('x', 'vela-system', 'system');
  const CASES: readonly (readonly [string, Definitions, string | null])[] = [
    ["is the repository's before the hub's", of([definition('x', 'vela-system', 'repository')], [PROD, SYSTEM], [SYSTEM]), 'repository'],
    ["is the hub's before the pack's", of([], [SYSTEM], [SYSTEM]), 'system'],
    ["is the pack's where nobody else has one", of([], [], [SYSTEM]), 'pack 1.10'],
    ["is that of the application's namespace before vela-system's, in the repository", of([SYSTEM, PROD], []), 'prod'],
    ["is that of the application's namespace before vela-system's, on the hub", of([], [SYSTEM, PROD]), 'prod'],
    ['is not that of any other namespace', of([definition('x', 'test', 'test')], [definition('x', 'default', 'default')]), null],
    ["without a namespace in the repository is everybody's", of([definition('x', null, 'bare')], []), 'bare'],
    ['is not that of another kind', of([definition('x', 'prod', 'trait', 'TraitDefinition')], []), null],
    ['falls back to a WorkloadDefinition', of([definition('x', 'vela-system', 'workload', 'WorkloadDefinition')], []), 'workload'],
    [
      'is no WorkloadDefinition while there is another, be it in the pack',
      of([definition('x', 'prod', 'workload', 'WorkloadDefinition')], [], [SYSTEM]),
      'pack 1.10',
    ],
  ];
  for (const [title, definitions, expected] of CASES) {
    it(title, () => {
      const found = definitions.find('1.10', 'ComponentDefinition', 'x', 'prod');
      assert.equal(found?.template ?? null, expected);
      assert.equal(definitions.find('1.10', 'ComponentDefinition', 'x', 'prod'), found, 'asked again it is the same');
    });
  }

  it("is the pack's of the dialect", () => {
    const definitions = of([], [], [SYSTEM]);
    assert.deepEqual(
      (['1.1', '1.10'] as const).map((dialect) => definitions.find(dialect, 'ComponentDefinition', 'x', 'prod')?.template),
      ['pack 1.1', 'pack 1.10'],
    );
  });

  it('of a trait has no workload to fall back to', () => {
    assert.equal(of([definition('x', 'prod', 'w', 'WorkloadDefinition')], []).find('1.10', 'TraitDefinition', 'x', 'prod'), null);
  });

  it('is not mixed up between two namespaces', () => {
    const definitions = of([definition('x', 'prod', 'prod'), definition('x', 'test', 'test')], []);
    assert.deepEqual(
      ['prod', 'test', 'default'].map((namespace) => definitions.find('1.10', 'ComponentDefinition', 'x', namespace)?.template),
      ['prod', 'test', undefined],
    );
  });

  it('knows where it is from, and its line only in the repository', () => {
    const told = (definitions: Definitions): unknown[] => {
      const found = definitions.find('1.10', 'ComponentDefinition', 'x', 'prod');
      return [found?.from, found?.locate === null];
    };
    assert.deepEqual(
      [told(of([SYSTEM], [])), told(of([], [SYSTEM])), told(of([], [], [SYSTEM]))],
      [
        ['repository', false],
        ['hub', true],
        ['pack', true],
      ],
    );
  });

  it('has a hash of its spec, whatever stands around it', () => {
    const hash = (object: KubeObject): string | undefined => of([object], []).find('1.10', 'ComponentDefinition', 'x', 'prod')?.hash;
    assert.equal(hash({ ...SYSTEM, metadata: { ...SYSTEM.metadata, labels: { a: '1' } }, status: {} }), hash(SYSTEM));
    assert.notEqual(hash(definition('x', 'vela-system', 'other')), hash(SYSTEM));
  });

  it('without a template has an empty one', () => {
    for (const spec of [undefined, {}, { schematic: null }, { schematic: { cue: { template: 7 } } }])
      assert.equal(of([{ ...SYSTEM, spec }], []).find('1.10', 'ComponentDefinition', 'x', 'prod')?.template, '');
  });
});

it('names that could be meant are those that an application sees, sorted, each once', () => {
  const definitions = of(
    [definition('b', 'prod', ''), definition('hidden', 'test', '')],
    [definition('a', 'vela-system', ''), definition('b', 'vela-system', '')],
    [definition('c', 'vela-system', ''), definition('t', 'vela-system', '', 'TraitDefinition')],
  );
  assert.deepEqual(definitions.names('1.10', 'ComponentDefinition', 'prod'), ['a', 'b', 'c']);
});

it('a definition tells its workload, or nothing', () => {
  const declared = (workload: unknown): unknown => workloadOf(definition('x', 'prod', '', 'ComponentDefinition', { workload }));
  assert.deepEqual(
    [declared({ definition: { apiVersion: 'apps/v1', kind: 'Deployment' } }), declared({ type: 'autodetects.core.oam.dev' }), declared(undefined)],
    [
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      { apiVersion: '', kind: '' },
      { apiVersion: '', kind: '' },
    ],
  );
});

it('a definition tells its status templates, those that say something', () => {
  assert.deepEqual(
    statusTemplatesOf(definition('x', 'prod', '', 'ComponentDefinition', { status: { healthPolicy: 'isHealth: true', customStatus: '', details: 7 } })),
    { healthPolicy: 'isHealth: true' },
  );
});
