import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDiscovery, pathTo, readAggregated, readClassic } from '../../../daemon/transport/discovery.ts';
import { faultOfAnswer, isUntyped } from '../../../daemon/transport/faults.ts';

const subject = { what: 'Deployment default/web', verb: 'apply', secret: false };
const status = (fields: object): string => JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', ...fields });
const codeOf = (statusCode: number, fields: object, by: object = {}): string =>
  faultOfAnswer(statusCode, status(fields), undefined, { ...subject, ...by }).code;

test('each refusal has its code', () => {
  assert.equal(codeOf(401, { reason: 'Unauthorized' }), 'transport/denied');
  assert.equal(codeOf(403, { reason: 'Forbidden' }), 'transport/denied');
  assert.equal(codeOf(403, { reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } }), 'transport/no-namespace');
  assert.equal(codeOf(404, { message: 'namespaces "x" not found', details: { name: 'x', kind: 'namespaces' } }), 'transport/no-namespace');
  assert.equal(codeOf(404, { message: 'namespaces "x" not found', details: { name: 'x', kind: 'namespaces' } }, { verb: 'get' }), 'transport/gone');
  assert.equal(codeOf(404, { message: 'deployments.apps "x" not found', details: { name: 'x' } }), 'transport/gone');
  assert.equal(codeOf(404, { message: 'the server could not find the requested resource', details: {} }), 'transport/no-kind');
  assert.equal(faultOfAnswer(404, '404 page not found\n', undefined, subject).code, 'transport/no-kind');
  assert.equal(codeOf(409, { reason: 'AlreadyExists' }), 'transport/gone');
  assert.equal(codeOf(409, { reason: 'Conflict' }), 'transport/gone');
  assert.equal(codeOf(410, { reason: 'Expired' }), 'transport/gone');
  assert.equal(codeOf(422, { reason: 'Invalid' }), 'transport/invalid');
  assert.equal(codeOf(413, { reason: 'RequestEntityTooLarge' }), 'transport/invalid');
  assert.equal(codeOf(500, { message: 'etcdserver: request timed out' }), 'transport/busy');
  assert.equal(codeOf(503, { reason: 'ServiceUnavailable' }), 'transport/busy');
  assert.equal(codeOf(504, { reason: 'Timeout' }), 'transport/unreachable');
});

test('a conflict names field and manager', () => {
  const causes = [{ reason: 'FieldManagerConflict', field: '.spec.replicas', message: 'conflict with "kubectl-edit" using apps/v1' }];
  const fault = faultOfAnswer(409, status({ reason: 'Conflict', message: 'Apply failed with 1 conflict', details: { causes } }), undefined, subject);
  assert.deepEqual([fault.code, fault.message], ['transport/conflict', 'Deployment default/web: .spec.replicas is owned by "kubectl-edit"']);
});

test('Retry-After is taken from the header, else from the answer', () => {
  assert.equal(faultOfAnswer(429, '', '7', subject).retryAfterMs, 7_000);
  assert.equal(faultOfAnswer(429, status({ details: { retryAfterSeconds: 2 } }), undefined, subject).retryAfterMs, 2_000);
  assert.equal(faultOfAnswer(429, '', 'Wed, 21 Oct 2015 07:28:00 GMT', subject).retryAfterMs, undefined);
});

test('documents that server-side apply cannot take are recognised', () => {
  const message = 'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema';
  assert.ok(isUntyped(faultOfAnswer(500, status({ message }), undefined, subject)));
  assert.ok(!isUntyped(faultOfAnswer(422, status({ message: 'spec.replicas: Invalid value' }), undefined, subject)));
});

test('I9: nothing of a Secret but what is known to be safe', () => {
  const secret = { ...subject, what: 'Secret default/db', secret: true };
  const causes = [{ reason: 'FieldValueInvalid', field: 'data[password]', message: 'Invalid value: "hunter2": no' }];
  const invalid = faultOfAnswer(422, status({ reason: 'Invalid', message: 'Secret "db" is invalid: hunter2', details: { causes } }), undefined, secret);
  assert.equal(invalid.message, 'Secret default/db: data[password]: FieldValueInvalid');
  assert.doesNotMatch(JSON.stringify(invalid), /hunter2/);
  assert.doesNotMatch(faultOfAnswer(400, status({ reason: 'BadRequest', message: 'got hunter2' }), undefined, secret).message, /hunter2/);
  assert.doesNotMatch(faultOfAnswer(502, 'hunter2', undefined, secret).message, /hunter2/);
  assert.match(
    faultOfAnswer(400, status({ message: 'illegal base64 data at input byte 4' }), undefined, secret).message,
    /illegal base64 data at input byte 4/,
  );
});

const group = {
  metadata: { name: 'apps' },
  versions: [
    {
      version: 'v1',
      resources: [
        {
          resource: 'deployments',
          responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
          scope: 'Namespaced',
          verbs: ['get', 'watch'],
          subresources: [{ subresource: 'status' }],
        },
      ],
    },
  ],
};
const signal = new AbortController().signal;

test('aggregated and classic discovery say the same', () => {
  const expected = { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', namespaced: true, verbs: ['get', 'watch'], subresources: ['status'] };
  assert.deepEqual(readAggregated(JSON.stringify({ kind: 'APIGroupDiscoveryList', items: [group] })), [expected]);
  assert.deepEqual(
    readClassic(
      'apps/v1',
      JSON.stringify({
        resources: [
          { name: 'deployments', kind: 'Deployment', namespaced: true, verbs: ['get', 'watch'] },
          { name: 'deployments/status', kind: 'Deployment', namespaced: true, verbs: ['get'] },
        ],
      }),
    ),
    [expected],
  );
  assert.deepEqual([readAggregated(JSON.stringify({ kind: 'APIGroupList' })), readClassic('x/v1', null)], [[], []]);
});

test('everything is asked for once; a kind that is not there, by its group and version each time', async () => {
  const asked: string[] = [];
  let served = false;
  const discovery = openDiscovery(async (path) => {
    asked.push(path);
    if (path === '/apis') return JSON.stringify({ kind: 'APIGroupDiscoveryList', items: [group] });
    if (path === '/apis/new.io/v1' && served) return JSON.stringify({ resources: [{ name: 'things', kind: 'Thing', namespaced: false, verbs: [] }] });
    return null;
  });
  await Promise.all([discovery.find('apps/v1', 'Deployment', signal), discovery.find('apps/v1', 'Deployment', signal)]);
  assert.equal(await discovery.find('new.io/v1', 'Thing', signal), null);
  served = true;
  assert.equal((await discovery.find('new.io/v1', 'Thing', signal))?.plural, 'things');
  assert.equal((await discovery.find('new.io/v1', 'Thing', signal))?.plural, 'things');
  assert.deepEqual(asked, ['/api', '/apis', '/apis/new.io/v1', '/apis/new.io/v1']);
});

test('a failed discovery is tried again by the next who asks', async () => {
  let isAway = true;
  const discovery = openDiscovery(async (path) => {
    if (isAway) throw new Error('away');
    return path === '/apis' ? JSON.stringify({ kind: 'APIGroupDiscoveryList', items: [group] }) : null;
  });
  await assert.rejects(discovery.find('apps/v1', 'Deployment', signal), /away/);
  isAway = false;
  assert.ok(await discovery.find('apps/v1', 'Deployment', signal));
});

test('paths keep case, encode what has to be, and refuse what would lead elsewhere', () => {
  const roles = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', plural: 'clusterroles', namespaced: false, verbs: [], subresources: [] };
  const secrets = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true, verbs: [], subresources: [] };
  assert.equal(pathTo(roles, 'ignored', 'System:Foo?'), '/apis/rbac.authorization.k8s.io/v1/clusterroles/System%3AFoo%3F');
  assert.equal(pathTo(secrets, 'default', 'a', 'status'), '/api/v1/namespaces/default/secrets/a/status');
  assert.equal(pathTo(secrets, ''), '/api/v1/secrets');
  for (const name of ['..', '.', 'a/b', 'a%2fb']) assert.throws(() => pathTo(secrets, 'default', name), { code: 'transport/invalid' });
  assert.throws(() => pathTo(secrets, '..', 'a'), { code: 'transport/invalid' });
});

test("a word for a resource is a plural or a kind, the core group's first, the preferred version's first", async () => {
  const group = (name: string, versions: readonly string[], resources: readonly (readonly [string, string])[]): object => ({
    metadata: name === '' ? {} : { name },
    versions: versions.map((version) => ({
      version,
      resources: resources.map(([resource, kind]) => ({ resource, responseKind: { kind }, scope: 'Namespaced', verbs: ['get'] })),
    })),
  });
  const served: Readonly<Record<string, readonly object[]>> = {
    '/api': [
      group(
        '',
        ['v1'],
        [
          ['events', 'Event'],
          ['configmaps', 'ConfigMap'],
        ],
      ),
    ],
    '/apis': [group('events.k8s.io', ['v1'], [['events', 'Event']]), group('x.io', ['v2', 'v1'], [['policies', 'Policy']])],
  };
  const discovery = openDiscovery(async (path) => JSON.stringify({ kind: 'APIGroupDiscoveryList', items: served[path] ?? [] }));
  const find = async (word: string, of = ''): Promise<string | undefined> => (await discovery.findNamed(of, word, new AbortController().signal))?.apiVersion;
  assert.deepEqual(
    [
      await find('configmap'),
      await find('ConfigMaps'),
      await find('event'),
      await find('events', 'events.k8s.io'),
      await find('policy'),
      await find('policies'),
      await find('gizmo'),
      await find('configmap', 'x.io'),
    ],
    ['v1', 'v1', 'v1', 'events.k8s.io/v1', 'x.io/v2', 'x.io/v2', undefined, undefined],
  );
});
