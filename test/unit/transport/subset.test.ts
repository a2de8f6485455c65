import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences, sameQuantity } from '../../../daemon/lib/subset.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';

const object = (fields: object, kind = 'Deployment'): KubeObject => ({ apiVersion: 'apps/v1', kind, metadata: { name: 'web' }, ...fields });
const pod = (container: object, rest: object = {}): KubeObject =>
  object({ spec: { template: { spec: { containers: [{ name: 'main', image: 'nginx', ...container }], ...rest } } } });

test('what the server adds is no difference, and what it writes itself is not looked at', () => {
  const wanted: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', labels: { a: '1' }, creationTimestamp: '2020-01-01T00:00:00Z', generation: 7 },
    spec: { x: 1 },
    status: { phase: 'Odd' },
  };
  const live: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'b', uid: 'u', labels: { a: '1', b: '2' }, generation: 1 },
    spec: { x: 1, y: 2 },
    status: { phase: 'Running' },
  };
  assert.deepEqual(differences(wanted, live), []);
});

test('every leaf that is otherwise is named, in document order', () => {
  const wanted = object({ metadata: { name: 'web', labels: { 'a/b': '1' } }, spec: { replicas: 2, paused: true, template: { x: { y: 'z' } } } });
  const live = object({ metadata: { name: 'web', labels: { 'a/b': '2' } }, spec: { replicas: 3, paused: true, template: { x: 1 } } });
  assert.deepEqual(differences(wanted, live), ['/metadata/labels/a~1b', '/spec/replicas', '/spec/template/x']);
});

test('nothing, an empty map and an empty list are all the same as absent', () => {
  assert.deepEqual(differences(object({ spec: { a: null, b: {}, c: [], d: { e: {} } } }), object({ spec: {} })), []);
  assert.deepEqual(differences(object({ spec: { a: [1] } }), object({ spec: {} })), ['/spec/a']);
});

test('a zero value that a built-in kind drops is no difference, but an empty label is a label', () => {
  assert.deepEqual(differences(pod({ stdin: false, workingDir: '' }), pod({})), []);
  assert.deepEqual(differences(object({ metadata: { name: 'web', labels: { a: '' } } }), object({})), ['/metadata/labels/a']);
});

test('containers and variables are matched by name, wherever they stand', () => {
  const wanted = pod({
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '2' },
    ],
  });
  const live = object({
    spec: {
      template: {
        spec: {
          containers: [
            { name: 'sidecar', image: 's' },
            {
              name: 'main',
              image: 'nginx',
              env: [
                { name: 'B', value: '3' },
                { name: 'X', value: '' },
                { name: 'A', value: '1' },
              ],
            },
          ],
        },
      },
    },
  });
  assert.deepEqual(differences(wanted, live), ['/spec/template/spec/containers/0/env/1/value']);
  assert.deepEqual(differences(live, wanted), [
    '/spec/template/spec/containers/0',
    '/spec/template/spec/containers/1/env/0/value',
    '/spec/template/spec/containers/1/env/1',
  ]);
});

test('ports are told apart by number and protocol', () => {
  const service = (...ports: object[]): KubeObject => object({ spec: { ports } }, 'Service');
  const dns = service({ port: 53, protocol: 'UDP' }, { port: 53 });
  assert.deepEqual(differences(dns, service({ port: 53, protocol: 'TCP', targetPort: 53 }, { port: 53, protocol: 'UDP', targetPort: 53 })), []);
  assert.deepEqual(differences(dns, service({ port: 53, protocol: 'TCP' })), ['/spec/ports/0']);
});

test('one env name twice makes the list one value', () => {
  const twice = pod({
    env: [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ],
  });
  assert.deepEqual(differences(twice, twice), []);
  assert.deepEqual(differences(twice, pod({ env: [{ name: 'A', value: '1' }] })), ['/spec/template/spec/containers/0/env']);
});

test('a list that is replaced as a whole differs when another added to it', () => {
  assert.deepEqual(
    differences(object({ rules: [{ verbs: ['get'] }] }, 'ClusterRole'), object({ rules: [{ verbs: ['get'] }, { verbs: ['*'] }] }, 'ClusterRole')),
    ['/rules'],
  );
  const policy = (...ports: object[]): KubeObject => object({ spec: { ingress: [{ ports }] } }, 'NetworkPolicy');
  assert.deepEqual(differences(policy({ port: 80 }), policy({ port: 80 }, { port: 22 })), ['/spec/ingress/0/ports'], 'a hole in a NetworkPolicy is drift');
});

test("another's finalizer beside ours is no difference", () => {
  const held = (...finalizers: string[]): KubeObject => object({ metadata: { name: 'web', finalizers } });
  assert.deepEqual(differences(held('a'), held('b', 'a')), []);
  assert.deepEqual(differences(held('a'), held('b')), ['/metadata/finalizers/0']);
});

test('quantities are compared as such, and only where they are quantities', () => {
  const limits = (cpu: unknown, memory: unknown): KubeObject => pod({ resources: { limits: { cpu, memory } } });
  assert.deepEqual(differences(limits(0.1, '1024Mi'), limits('100m', '1Gi')), []);
  assert.deepEqual(differences(limits(1, '1G'), limits('2', '1Gi')), [
    '/spec/template/spec/containers/0/resources/limits/cpu',
    '/spec/template/spec/containers/0/resources/limits/memory',
  ]);
  assert.deepEqual(differences(object({ data: { a: '1000m' } }), object({ data: { a: '1' } })), ['/data/a']);
});

test('quantities: every notation of Kubernetes', () => {
  for (const [a, b] of [
    ['0.1', '100m'],
    [1000, '1k'],
    ['1Ki', 1024],
    ['1e3', '1k'],
    ['.5', '500m'],
    ['1500m', 1.5],
    ['0', '0m'],
    ['1E', '1000P'],
    ['-1', '-1000m'],
    ['0.5Gi', '512Mi'],
  ])
    assert.ok(sameQuantity(a, b), `${a} = ${b}`);
  for (const [a, b] of [
    ['1M', '1Mi'],
    ['1', 'one'],
    ['', '0'],
    ['1.', '2'],
    ['1 ', '1'],
  ])
    assert.ok(!sameQuantity(a, b), `${a} != ${b}`);
});

test("a Secret's stringData is compared with its data", () => {
  const secret = (fields: object): KubeObject => object(fields, 'Secret');
  assert.deepEqual(differences(secret({ stringData: { a: 'text' } }), secret({ data: { a: 'dGV4dA==', b: 'eA==' } })), []);
  assert.deepEqual(differences(secret({ stringData: { a: 'text' } }), secret({ data: { a: 'eA==' } })), ['/stringData/a']);
});

test('a port by name and the same digits as text are not the same', () => {
  assert.deepEqual(differences(pod({ port: '80' }), pod({ port: 80 })), ['/spec/template/spec/containers/0/port']);
});
