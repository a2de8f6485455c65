import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTime, goDuration, goDurationMs, parseTime } from '../../../../daemon/workflow/actions/go-time.ts';
import { ACTIONS } from '../../../../daemon/workflow/actions/actions.ts';
import { answerOf, ask } from './ask.ts';
import { world } from './world.ts';

test('Go durations are read and written', () => {
  assert.deepEqual(['1m30s', '500ms', '1.5h', '', '5', '1min', '3s x'].map(goDurationMs), [90_000, 500, 5_400_000, null, null, null, null]);
  assert.deepEqual([0, 61_000, 3_723_999].map(goDuration), ['0s', '1m1s', '1h2m3s']);
});

test('Go layouts are read and written', () => {
  const at = Date.UTC(2026, 1, 3, 16, 5, 6) / 1000;
  for (const [layout, text] of [
    ['2006-01-02T15:04:05Z07:00', '2026-02-03T16:05:06Z'],
    ['Mon, 02 Jan 2006 15:04:05 MST', 'Tue, 03 Feb 2026 16:05:06 UTC'],
    ['January 2, 2006 3:04:05 PM', 'February 3, 2026 4:05:06 PM'],
    ['02.01.06 15:04:05.000', '03.02.26 16:05:06.000'],
    ['Jan _2 15:04:05 2006 -0700', 'Feb  3 16:05:06 2026 +0000'],
  ] as const) {
    assert.equal(formatTime(at, layout), text);
    assert.equal(parseTime(text, layout), at, layout);
  }
  assert.equal(parseTime('2026-02-03T16:05:06.789+02:00', '2006-01-02T15:04:05Z07:00'), at - 7200);
  for (const wrong of ['2026-02-30', '2026-13-01', '26-01-01', '2026-01-01 ', '2026.01.01']) assert.equal(parseTime(wrong, '2006-01-02'), null, wrong);
});

test('dates become seconds and come back', async () => {
  const here = world();
  assert.deepEqual(await answerOf(here, 'time.timestamp', { date: '1970-01-02T00:00:00Z', layout: '' }), { timestamp: 86_400 });
  assert.deepEqual(await answerOf(here, 'op.date', { timestamp: 86_400, layout: '2006/01/02' }, { style: 'flat' }), { date: '1970/01/02' });
  await assert.rejects(ask(here, 'time.timestamp', { date: 'yesterday' }), { code: 'workflow/call' });
});

test('what is not supported is refused by its name', async () => {
  const here = world();
  for (const name of [
    'email.send',
    'op.send',
    'terraform.get-connection-status',
    'terraform.deploy-cloud-resource',
    'op.patch-application',
    'multicluster.make-placement-decisions',
    'query.searchEvents',
    'ql.collectLogsInPod',
  ]) {
    const [provider = '', does = ''] = name.split('.');
    await assert.rejects(
      ask(here, name, {}),
      (error: { code: string; message: string }) => error.code === 'workflow/unsupported' && error.message.includes(`${provider}.${does}`),
    );
  }
});

test('the older package has one name for reading objects and configs, and what is given tells which', async () => {
  const here = world();
  await answerOf(here, 'op.create', { name: 'c', namespace: 'prod', config: { a: 1 } }, { style: 'flat' });
  assert.deepEqual(await answerOf(here, 'op.read', { name: 'c', namespace: 'prod' }, { style: 'flat' }), { config: { a: 1 } });
  const object = await answerOf(
    here,
    'op.read',
    { value: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'c', namespace: 'prod' } } },
    { style: 'flat' },
  );
  assert.equal((object['value'] as { kind: string }).kind, 'Secret');
});

test('every function of the older packages is there under its own name too', () => {
  for (const name of [
    'apply',
    'apply-in-parallel',
    'patch',
    'read',
    'list',
    'delete',
    'wait',
    'suspend',
    'break',
    'fail',
    'message',
    'var',
    'do',
    'component-apply',
    'component-render',
    'load',
    'load-policies',
    'load-comps-in-order',
    'patch-k8s-object',
    'string',
    'log',
    'promCheck',
    'timestamp',
    'date',
    'create',
    'list-clusters',
    'get-placements-from-topology-policies',
    'deploy',
  ]) {
    assert.ok(ACTIONS.has(`op.${name}`), name);
  }
});
