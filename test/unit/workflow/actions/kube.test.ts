import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../../daemon/model/fault.ts';
import type { CueObject } from '../../../../daemon/model/cue.ts';
import { answerOf, ask } from './ask.ts';
import { world } from './world.ts';

const configMap = (name: string, extra: CueObject = {}): CueObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...extra } });

test('an applied object carries the application as its owner and the cluster as it was named, and its answer is the live object', async () => {
  const here = world();
  const answer = await answerOf(here, 'kube.apply', { cluster: '', value: configMap('a', { labels: { mine: 'x', 'app.oam.dev/name': 'someone' } }) });
  const [wanted] = here.delivered;
  assert.deepEqual(wanted?.key, { cluster: 'local', apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'a' });
  assert.deepEqual(wanted?.object.metadata.labels, { mine: 'x', 'app.oam.dev/cluster': '', 'app.oam.dev/name': 'shop', 'app.oam.dev/namespace': 'prod' });
  assert.equal(wanted?.component, '');
  const metadata = (answer['value'] as CueObject)['metadata'] as CueObject;
  assert.equal(metadata['uid'], 'uid-a');
  assert.equal(metadata['managedFields'], undefined);
});

test('a cluster-scoped object gets no namespace, and a named cluster is written into the label', async () => {
  const here = world();
  await answerOf(here, 'kube.apply', { cluster: 'east', value: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n', namespace: 'wrong' } } });
  assert.deepEqual(here.delivered[0]?.key, { cluster: 'east', apiVersion: 'v1', kind: 'Namespace', namespace: '', name: 'n' });
  assert.equal(here.delivered[0]?.object.metadata.labels?.['app.oam.dev/cluster'], 'east');
});

test('KubeVela 1.1 writes no labels and takes what is there', async () => {
  const here = world({ dialect: '1.1' });
  const answer = await answerOf(here, 'kube.apply', { value: configMap('a', { labels: { 'app.oam.dev/component': 'web' } }) }, { style: 'flat' });
  assert.deepEqual(here.delivered[0]?.object.metadata.labels, { 'app.oam.dev/component': 'web' });
  assert.equal(here.delivered[0]?.component, 'web');
  assert.equal(here.delivered[0]?.rules.takeOver, true);
  assert.equal((answer['value'] as CueObject)['kind'], 'ConfigMap');
});

test('what the API server refuses is thrown in its own words', async () => {
  const here = world();
  here.faults.set('a', new Fault('transport/invalid', 'ConfigMap default/a: data.x must be a string'));
  await assert.rejects(ask(here, 'kube.apply', { value: configMap('a') }), {
    code: 'transport/invalid',
    message: 'ConfigMap default/a: data.x must be a string',
  });
});

test('an object without a kind or a name is refused before anything is asked of a cluster', async () => {
  const here = world();
  await assert.rejects(ask(here, 'kube.apply', { value: { kind: 'ConfigMap' } }), { code: 'workflow/call', message: 'value has no apiVersion or no kind' });
  await assert.rejects(ask(here, 'kube.apply', { value: { apiVersion: 'v1', kind: 'ConfigMap' } }), {
    code: 'workflow/call',
    message: 'the ConfigMap has no metadata.name',
  });
  assert.equal(here.delivered.length, 0);
});

test('a parameter without a value is an error that names it, but a flat call may leave open what it answers', async () => {
  const here = world();
  const missing = [{ code: 'nonconcrete' as const, message: 'has no value yet', path: ['value', 'data', 'x'] }];
  await assert.rejects(ask(here, 'kube.apply', { value: configMap('a') }, { missing }), {
    code: 'render/template',
    message: 'kube.apply at call: value.data.x: has no value yet',
  });
  const answer = await answerOf(
    here,
    'util.string',
    { bt: 'aGk=' },
    { style: 'flat', missing: [{ code: 'nonconcrete', message: 'has no value', path: ['str'] }] },
  );
  assert.deepEqual(answer, { str: 'hi' });
});

test('objects in parallel come back in the order in which they were given', async () => {
  const here = world();
  const answer = await answerOf(here, 'kube.apply-in-parallel', { value: [configMap('b'), configMap('a')] });
  assert.deepEqual(
    (answer['value'] as CueObject[]).map((object) => (object['metadata'] as CueObject)['name']),
    ['b', 'a'],
  );
});

test('reading never fails: what is wrong stands in err, and the object asked for comes back', async () => {
  const here = world();
  here.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'there', namespace: 'default' }, data: { a: '1' } });
  assert.deepEqual(((await answerOf(here, 'kube.read', { value: configMap('there') }))['value'] as CueObject)['data'], { a: '1' });
  assert.deepEqual(await answerOf(here, 'kube.read', { value: configMap('away') }), { value: configMap('away'), err: 'ConfigMap away not found' });
  assert.deepEqual(await answerOf(here, 'kube.read', { value: configMap('away', { namespace: 'x' }) }, { style: 'flat' }), {
    err: 'ConfigMap x/away not found',
  });
  here.faults.set('shut', new Fault('transport/unreachable', 'cluster local did not answer'));
  assert.equal((await answerOf(here, 'kube.read', { value: configMap('shut') }))['err'], 'cluster local did not answer');
});

test('reading passes on that the pass has ended', async () => {
  const here = world();
  here.faults.set('a', new Fault('loop/cancelled', 'cancelled'));
  await assert.rejects(ask(here, 'kube.read', { value: configMap('a') }), { code: 'loop/cancelled' });
});

test('a list is of a kind, a namespace and labels; the newer call answers in values and the older in list', async () => {
  const here = world();
  for (const [name, namespace, role] of [
    ['a', 'x', 'r'],
    ['b', 'x', 's'],
    ['c', 'y', 'r'],
  ] as const)
    here.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels: { role } } });
  const params = { resource: { apiVersion: 'v1', kind: 'ConfigMap' }, filter: { namespace: 'x', matchingLabels: { role: 'r' } } };
  const names = (list: unknown): unknown => (list as { items: { metadata: { name: string } }[] }).items.map((item) => item.metadata.name);
  assert.deepEqual(names((await answerOf(here, 'kube.list', params))['values']), ['a']);
  assert.deepEqual(names((await answerOf(here, 'kube.list', params, { style: 'flat' }))['list']), ['a']);
  assert.deepEqual(names((await answerOf(here, 'kube.list', { value: { apiVersion: 'v1', kind: 'ConfigMap' } }))['values']), ['a', 'b', 'c']);
  here.faults.set('Gadget', new Fault('transport/no-kind', 'the cluster does not know Gadget'));
  assert.deepEqual(await answerOf(here, 'kube.list', { resource: { apiVersion: 'v1', kind: 'Gadget' } }), {
    values: { items: [] },
    err: 'the cluster does not know Gadget',
  });
});

test('deleting takes one object, or those with the labels of the filter, and never all of a kind', async () => {
  const here = world();
  for (const [name, job] of [
    ['a', 'one'],
    ['b', 'one'],
    ['c', 'two'],
  ] as const)
    here.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', labels: { job } } });
  assert.deepEqual(await answerOf(here, 'kube.delete', { value: configMap('c') }), {});
  assert.deepEqual(await answerOf(here, 'kube.delete', { value: configMap('never-there') }), {});
  assert.deepEqual(await answerOf(here, 'kube.delete', { value: configMap('x'), filter: { namespace: 'default', matchingLabels: { job: 'one' } } }), {});
  assert.equal(here.objects.size, 0);
  await assert.rejects(ask(here, 'kube.delete', { value: configMap('x'), filter: { namespace: 'default' } }), { code: 'workflow/unsupported' });
  here.faults.set('held', new Fault('transport/denied', 'not allowed to delete'));
  assert.deepEqual(await answerOf(here, 'kube.delete', { value: configMap('held') }), { err: 'not allowed to delete' });
});
