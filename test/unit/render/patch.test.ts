import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Json, JsonObject } from '../../../daemon/model/object.ts';
import type { ComponentRef } from '../../../daemon/model/plan.ts';
import { mergeProperties, overrideComponents, patchEnvironment, replicated } from '../../../daemon/render/patch.ts';

const component = (name: string, over: Partial<ComponentRef> = {}): ComponentRef => ({
  name,
  type: 'webservice',
  properties: { image: 'a' },
  traits: [],
  dependsOn: [],
  inputs: [],
  outputs: [],
  at: ['spec', 'components', 0],
  replicaKey: '',
  ...over,
});
const said: string[] = [];
const environment = (components: readonly ComponentRef[], patches: readonly JsonObject[]): readonly ComponentRef[] => {
  said.length = 0;
  return patchEnvironment(components, patches, 'prod', ['p'], (at, message) => void said.push(`${at.join('.')}: ${message}`));
};
const override = (components: readonly ComponentRef[], patches: readonly JsonObject[], selector: readonly string[] = []): readonly ComponentRef[] =>
  overrideComponents(components, { components: patches, selector, at: ['o'] });
const brief = (components: readonly ComponentRef[]): unknown =>
  components.map(({ name, type, properties, traits }) => [name, type, properties, traits.map((trait) => [trait.type, trait.properties])]);

suite('properties', () => {
  const both = (base: Json, patch: Json, expected: Json): void => {
    for (const dialect of ['1.1', '1.10'] as const) assert.deepEqual(mergeProperties(base, patch, dialect), expected);
  };

  test('maps merge, and every other value of the patch replaces, empty ones too', () => {
    both({ a: { b: 1, c: 2 }, d: 3 }, { a: { b: 9 }, e: 4 }, { a: { b: 9, c: 2 }, d: 3, e: 4 });
    both({ a: 1, b: 'x', c: true, d: [1, 2], e: { f: 1 } }, { a: 0, b: '', c: false, d: [], e: null }, { a: 0, b: '', c: false, d: [], e: null });
    both({ ports: [{ port: 80, name: 'a' }, { port: 81 }] }, { ports: [{ port: 90 }] }, { ports: [{ port: 90 }] });
    both({ a: { b: 1 } }, { a: 'text' }, { a: 'text' });
  });

  test('an empty map changes nothing', () => {
    both({ a: { b: 1 } }, { a: {} }, { a: { b: 1 } });
    both({ a: { b: 1 } }, {}, { a: { b: 1 } });
    both({}, { a: {} }, { a: {} });
  });

  test('a map over a value: 1.1 keeps the value unless it is zero, 1.10 replaces it', () => {
    const patch = { a: { b: 1 } };
    assert.deepEqual(mergeProperties({ a: 'x' }, patch, '1.1'), { a: 'x' });
    assert.deepEqual(mergeProperties({ a: 'x' }, patch, '1.10'), patch);
    for (const zero of ['', 0, false, null, []]) both({ a: zero }, patch, patch);
    both(null, patch, patch);
  });

  test('what is merged is a copy', () => {
    const base = { a: { b: 1 } };
    mergeProperties(base, { a: { b: 2 } }, '1.10');
    assert.deepEqual(base, { a: { b: 1 } });
  });
});

suite('environments of KubeVela 1.1', () => {
  test('a patch changes properties and traits of the component with its name and type', () => {
    const web = component('web', {
      traits: [
        { type: 'expose', properties: { port: [80] } },
        { type: 'scaler', properties: null },
      ],
    });
    const result = environment(
      [web, component('db')],
      [{ name: 'web', type: 'webservice', properties: { image: 'b' }, traits: [{ type: 'expose', properties: { type: 'LoadBalancer' } }] }],
    );
    assert.deepEqual(brief(result), [
      [
        'web',
        'webservice',
        { image: 'b' },
        [
          ['expose', { port: [80], type: 'LoadBalancer' }],
          ['scaler', null],
        ],
      ],
      ['db', 'webservice', { image: 'a' }, []],
    ]);
    assert.deepEqual(said, []);
  });

  test('a patch without its component, type or trait is told, and what fits is done', () => {
    const result = environment(
      [component('web')],
      [
        { name: 'x', type: 'webservice' },
        { name: 'web', type: 'worker' },
        { name: 'web', type: 'webservice', traits: [{ type: 'expose', properties: {} }], properties: { image: 'c' } },
      ],
    );
    assert.deepEqual(said, [
      'p.0.name: failed to patch parameter for env prod: fail to match component x',
      'p.1.type: failed to patch parameter for env prod: fail to match component web',
      'p.2.traits.0.type: failed to patch parameter for env prod: fail to match trait expose',
    ]);
    assert.deepEqual(brief(result), [['web', 'webservice', { image: 'c' }, []]]);
  });

  test('two patches of one component come after each other', () => {
    assert.deepEqual(
      brief(
        environment(
          [component('web')],
          [
            { name: 'web', type: 'webservice', properties: { a: 1 } },
            { name: 'web', type: 'webservice', properties: { a: 2, b: 3 } },
          ],
        ),
      ),
      [['web', 'webservice', { image: 'a', a: 2, b: 3 }, []]],
    );
  });
});

suite('overrides of KubeVela 1.10', () => {
  const all = [component('web'), component('webserver', { type: 'worker' }), component('db', { traits: [{ type: 'scaler', properties: { replicas: 1 } }] })];

  test('without a name a patch is for every component, or for those of its type', () => {
    assert.deepEqual(
      override(all, [{ properties: { x: 1 } }]).map((item) => item.properties),
      [
        { image: 'a', x: 1 },
        { image: 'a', x: 1 },
        { image: 'a', x: 1 },
      ],
    );
    assert.deepEqual(
      override(all, [{ type: 'worker', properties: { x: 1 } }]).map((item) => item.properties),
      [{ image: 'a' }, { image: 'a', x: 1 }, { image: 'a' }],
    );
  });

  test("a name fits anywhere in a component's name, and * fits anything", () => {
    const hit = (name: string): readonly string[] =>
      override(all, [{ name, properties: { x: 1 } }])
        .filter((item) => (item.properties as JsonObject)['x'] === 1)
        .map((item) => item.name);
    assert.deepEqual(hit('web'), ['web', 'webserver']);
    assert.deepEqual(hit('w*r'), ['webserver']);
    assert.deepEqual(hit('*'), ['web', 'webserver', 'db']);
    assert.deepEqual(hit('^web$'), ['web']);
  });

  test('another type replaces the component in its place, and a new name is added behind', () => {
    assert.deepEqual(
      brief(
        override(
          [component('web'), component('db')],
          [
            { name: 'web', type: 'worker', properties: { cmd: ['x'] } },
            { name: 'cache', type: 'worker', properties: {} },
          ],
        ),
      ),
      [
        ['web', 'worker', { cmd: ['x'] }, []],
        ['db', 'webservice', { image: 'a' }, []],
        ['cache', 'worker', {}, []],
      ],
    );
    assert.deepEqual(
      override([component('web')], [{ name: '***', type: 'worker' }]).map((item) => item.name),
      ['web'],
    );
  });

  test('traits are merged in their place, disabled ones go, new ones come behind', () => {
    const [db] = override(all.slice(2), [
      {
        name: 'db',
        traits: [
          { type: 'expose', properties: { port: [1] } },
          { type: 'scaler', properties: { replicas: 5 } },
          { type: 'gateway', disable: true },
        ],
      },
    ]);
    assert.deepEqual(db?.traits, [
      { type: 'scaler', properties: { replicas: 5 } },
      { type: 'expose', properties: { port: [1] } },
    ]);
    assert.deepEqual(override(all.slice(2), [{ name: 'db', traits: [{ type: 'scaler', disable: true }] }])[0]?.traits, []);
  });

  test('a selector keeps only what it names, in the order of the application', () => {
    assert.deepEqual(
      override(all, [], ['db', 'web']).map((item) => item.name),
      ['web', 'db'],
    );
    assert.deepEqual(
      override(all, [], ['web*']).map((item) => item.name),
      ['web', 'webserver'],
    );
    assert.deepEqual(
      override(all, [{ name: 'stable', type: 'worker', properties: {} }], ['stable']).map((item) => item.name),
      ['stable'],
    );
  });

  test('what was changed is known by where the change is written', () => {
    assert.deepEqual(
      override([component('web'), component('db')], [{ name: 'db', properties: { x: 1 } }]).map((item) => item.at),
      [
        ['spec', 'components', 0],
        ['o', 0],
      ],
    );
  });
});

test('replicas leave their place and come again behind, once for each key', () => {
  const result = replicated([component('a'), component('b'), component('c')], { keys: ['east', 'west'], selector: ['a', 'b'] });
  assert.deepEqual(
    result?.map((item) => `${item.name}/${item.replicaKey}`),
    ['c/', 'a/east', 'b/east', 'a/west', 'b/west'],
  );
  assert.equal(replicated([component('a')], { keys: ['x'] }), null);
  assert.equal(replicated([component('a')], { keys: ['x'], selector: ['nothing'] }), null);
});
