/** Pointers to fields that are left to others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIgnoredFields, parsePointer, withLiveAt } from '../../../daemon/lib/field-pointer.ts';
import type { JsonObject, KubeObject } from '../../../daemon/model/object.ts';

describe('a pointer', () => {
  const CASES: readonly (readonly [string, string, readonly string[] | RegExp])[] = [
    ['has parts', '/spec/replicas', ['spec', 'replicas']],
    ['escapes slash and tilde', '/metadata/annotations/example.com~1a~0b', ['metadata', 'annotations', 'example.com/a~b']],
    ['may have a star', '/spec/template/spec/containers/*/image', ['spec', 'template', 'spec', 'containers', '*', 'image']],
    ['begins with a slash', 'spec.replicas', /is not a JSON Pointer/],
    ['is not the whole object', '/', /is not a JSON Pointer/],
    ['has no empty part', '/spec//replicas', /has an empty part/],
    ['has no slash at its end', '/spec/', /has an empty part/],
    ['has no lone tilde', '/spec/a~b', /after ~ stands 0 or 1/],
    ['has an end', '/a'.repeat(33), /more than 32 parts/],
    ["does not take an object's name away", '/metadata/name', /cannot be left to others/],
    ['does not take all labels away, by which it is known', '/metadata/labels', /cannot be left to others/],
    ['does not take all labels away by a star', '/metadata/labels/*', /cannot be left to others/],
    ['does not take a label of KubeVela away', '/metadata/labels/app.oam.dev~1name', /cannot be left to others/],
    ['does not take the hash away', '/metadata/annotations/oam.dev~1render-hash', /cannot be left to others/],
    ['does not take all of metadata away', '/metadata', /cannot be left to others/],
    ['is not about the status', '/status/replicas', /cannot be left to others/],
    ['may name a label of others', '/metadata/labels/team', ['metadata', 'labels', 'team']],
  ];
  for (const [title, text, expected] of CASES) {
    it(title, () => {
      const given = parsePointer(text);
      if (expected instanceof RegExp) assert.match('mistake' in given ? given.mistake : 'taken', expected);
      else assert.deepEqual(given, expected);
    });
  }
});

it('the annotation is a list, perhaps of kinds, and each mistake in it is told', () => {
  const { fields, mistakes } = parseIgnoredFields(' /spec/a ,Deployment:/spec/b,, x:y');
  assert.deepEqual(fields, [
    { kind: '', pointer: ['spec', 'a'] },
    { kind: 'Deployment', pointer: ['spec', 'b'] },
  ]);
  assert.deepEqual(
    mistakes.map(({ mistake }) => mistake),
    ['"y" is not a JSON Pointer'],
  );
});

describe('the values that others gave are taken', () => {
  const deployment = (spec: JsonObject): KubeObject => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec });
  const pods = (...containers: readonly JsonObject[]): KubeObject => deployment({ template: { spec: { containers } } });
  const CONTAINERS = ['spec', 'template', 'spec', 'containers'];
  const CASES: readonly (readonly [string, KubeObject, KubeObject, readonly string[], KubeObject])[] = [
    ['at a field', deployment({ replicas: 1 }), deployment({ replicas: 4 }), ['spec', 'replicas'], deployment({ replicas: 4 })],
    [
      'of a whole part',
      deployment({ strategy: { type: 'Recreate' }, replicas: 1 }),
      deployment({ strategy: { type: 'X', more: 1 }, replicas: 2 }),
      ['spec', 'strategy'],
      deployment({ strategy: { type: 'X', more: 1 }, replicas: 1 }),
    ],
    [
      'not where the commit has none: what others set stays theirs',
      deployment({ paused: true }),
      deployment({ replicas: 4, paused: true }),
      ['spec', 'replicas'],
      deployment({ paused: true }),
    ],
    ['and left out where they took it away', deployment({ replicas: 1, paused: true }), deployment({}), ['spec', 'paused'], deployment({ replicas: 1 })],
    [
      'of containers by name, wherever they stand',
      pods({ name: 'web', image: 'a:1' }),
      pods({ name: 'proxy', image: 'p' }, { name: 'web', image: 'a:2' }),
      [...CONTAINERS, '*', 'image'],
      pods({ name: 'web', image: 'a:2' }),
    ],
    [
      'of the one container that is named',
      pods({ name: 'web', image: 'a:1' }, { name: 'log', image: 'b:1' }),
      pods({ name: 'web', image: 'a:2' }, { name: 'log', image: 'b:2' }),
      [...CONTAINERS, 'log', 'image'],
      pods({ name: 'web', image: 'a:1' }, { name: 'log', image: 'b:2' }),
    ],
    [
      'of the container at a place, which is the one of its name',
      pods({ name: 'web', image: 'a:1' }),
      pods({ name: 'proxy', image: 'p' }, { name: 'web', image: 'a:2' }),
      [...CONTAINERS, '0', 'image'],
      pods({ name: 'web', image: 'a:2' }),
    ],
    [
      'but a container that is not there is made whole',
      pods({ name: 'web', image: 'a:1' }, { name: 'new', image: 'n:1' }),
      pods({ name: 'web', image: 'a:2' }),
      [...CONTAINERS, '*', 'image'],
      pods({ name: 'web', image: 'a:2' }, { name: 'new', image: 'n:1' }),
    ],
    [
      'of all fields of a map that the commit has',
      deployment({ selector: { matchLabels: { a: '1', b: '1' } } }),
      deployment({ selector: { matchLabels: { a: '2', b: '2', c: '2' } } }),
      ['spec', 'selector', 'matchLabels', '*'],
      deployment({ selector: { matchLabels: { a: '2', b: '2' } } }),
    ],
    [
      'and nothing where the pointer leads nowhere',
      deployment({ replicas: 1 }),
      deployment({ replicas: 4 }),
      ['spec', 'replicas', 'deeper'],
      deployment({ replicas: 1 }),
    ],
  ];
  for (const [title, object, live, pointer, expected] of CASES) it(title, () => assert.deepEqual(withLiveAt(object, live, [pointer]), expected));
});
