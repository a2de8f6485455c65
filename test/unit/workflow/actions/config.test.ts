import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf, ask } from './ask.ts';
import { world } from './world.ts';

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

test('a config is a Secret of the application with its properties inside', async () => {
  const here = world();
  assert.deepEqual(await answerOf(here, 'config.create', { name: 'c', namespace: 'prod', config: { a: 1, b: { c: true } } }), {});
  assert.deepEqual(here.delivered[0]?.object, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'c',
      namespace: 'prod',
      labels: { 'config.oam.dev/catalog': 'velacore-config', 'config.oam.dev/type': '', 'app.oam.dev/name': 'shop', 'app.oam.dev/namespace': 'prod' },
      annotations: { 'config.oam.dev/alias': '', 'config.oam.dev/description': '' },
    },
    data: { 'input-properties': base64({ a: 1, b: { c: true } }) },
  });
});

test('a config that was written is read, listed by its template and deleted', async () => {
  const here = world();
  await answerOf(here, 'config.create', { name: 'c', namespace: 'prod', config: { a: 1 } });
  assert.deepEqual(await answerOf(here, 'config.read', { name: 'c', namespace: 'prod' }), { config: { a: 1 } });
  here.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'd',
      namespace: 'prod',
      labels: { 'config.oam.dev/catalog': 'velacore-config', 'config.oam.dev/type': 'db' },
      annotations: { 'config.oam.dev/alias': 'D' },
    },
    data: { 'input-properties': base64({ x: 2 }) },
  });
  assert.deepEqual(await answerOf(here, 'config.list', { template: 'vela-system/db', namespace: 'prod' }), {
    configs: [{ name: 'd', alias: 'D', description: '', config: { x: 2 } }],
  });
  await answerOf(here, 'config.delete', { name: 'c', namespace: 'prod' });
  assert.deepEqual(here.removed, ['local//Secret/prod/c']);
  await assert.rejects(ask(here, 'config.read', { name: 'c', namespace: 'prod' }), { message: 'the config c not found' });
});

test('what is no config, or is sensitive, is neither deleted nor read', async () => {
  const here = world();
  here.put({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'plain', namespace: 'prod' } });
  here.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'prod', annotations: { 'config.oam.dev/sensitive': 'true' } },
    data: { 'input-properties': base64({ key: 'k' }) },
  });
  await assert.rejects(ask(here, 'config.delete', { name: 'plain', namespace: 'prod' }), { message: 'found a secret but is not a config' });
  await assert.rejects(ask(here, 'config.read', { name: 'plain', namespace: 'prod' }), { message: 'Secret plain is not a config' });
  await assert.rejects(ask(here, 'config.read', { name: 's', namespace: 'prod' }), { message: 'the config is sensitive' });
  assert.deepEqual(here.removed, []);
});

test('a template that is not there is named, and a config keeps the template that it was made with', async () => {
  const here = world();
  await assert.rejects(ask(here, 'config.create', { name: 'c', namespace: 'prod', template: 'db', config: {} }), {
    code: 'workflow/call',
    message: 'the template does not exist: ConfigMap vela-system/config-template-db',
  });
  here.put({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'c', namespace: 'prod', labels: { 'config.oam.dev/type': 'db' } } });
  await assert.rejects(ask(here, 'config.create', { name: 'c', namespace: 'prod', config: {} }), { message: 'the template of the config can not be changed' });
});
