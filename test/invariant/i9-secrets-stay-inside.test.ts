import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli } from '../../daemon/cli.ts';
import { openLog } from '../../daemon/lib/log.ts';
import { createRedactor } from '../../daemon/lib/redact.ts';
import { Fault } from '../../daemon/model/fault.ts';
import { EMPTY_JOURNAL } from '../../daemon/model/ports.ts';
import { planText } from '../../daemon/print-plan.ts';
import { learnKnown, withKnown, withoutSecrets } from '../../daemon/transport/known-secrets.ts';
import { isJournalKept, journalSecret, readJournal } from '../../daemon/workflow/journal.ts';
import { temporaryDirectory } from '../rig/git.ts';
import { planOf, told as toldOf } from './planning.ts';
import { application, configMaps, openWorld } from './world.ts';

const CANARY = 'canary-71c3-do-not-tell';
const OLD = 'canary-old-88d1-neither';
const forms = [CANARY, OLD].flatMap((value) => [value, Buffer.from(value).toString('base64'), encodeURIComponent(value)]);
const assertSilent = (text: string, what: string): void => {
  for (const form of forms) assert.equal(text.includes(form), false, `${what} holds ${form}`);
};

const secret = (value: string): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'password', namespace: 'default' },
  stringData: { password: value },
});

test('I9: no value of a Secret in a plan, whether it is made, changed by the commit or by hand', async () => {
  const world = openWorld();
  const component = (value: string): string =>
    application('a', {}).replace(
      '"components":[]',
      `"components":[{"name":"a","type":"k8s-objects","properties":{"objects":[${JSON.stringify({ ...secret(value), metadata: { name: 'inner' } })}]}}]`,
    );
  const told: string[] = [];
  for (const value of [OLD, CANARY]) {
    world.push({ 'secret.json': JSON.stringify(secret(value)), 'a.json': component(value) });
    const plan = await planOf(world);
    assert.ok(planText(plan).includes('Secret default/password'), planText(plan));
    told.push(...toldOf(plan));
    await world.settle();
  }
  for (const [key, object] of world.hub)
    if (object.kind === 'Secret' && object['data'] !== undefined) world.hub.set(key, { ...object, data: { password: Buffer.from(OLD).toString('base64') } });
  const plan = await planOf(world);
  assert.ok(planText(plan).includes('/data/password differs'), planText(plan));
  told.push(...toldOf(plan), [...world.branch.values()].join('\n'), world.commits.join('\n'));
  assertSilent(told.join('\n'), 'plan or status');
  assert.ok(
    [...world.hub.values()].some(
      (object) =>
        JSON.stringify(object).includes(Buffer.from(CANARY).toString('base64')) || JSON.stringify(object).includes(Buffer.from(OLD).toString('base64')),
    ),
    'the canary was there to be found',
  );
  assert.deepEqual(configMaps(world), {});
});

test('I9: no value of a Secret in the log, in whatever form a failure brings it', async () => {
  const redactor = createRedactor();
  const lines: string[] = [];
  const log = await openLog({ level: 'debug', redactor, now: () => 0, to: { write: (line) => void lines.push(line) }, isPretty: false });
  redactor.learnSecret({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' }, data: { password: Buffer.from(CANARY).toString('base64') } });
  const cause = new Error(`connect to https://user:${encodeURIComponent(CANARY)}@host failed`);
  log.warn('application failed', {
    error: new Fault('transport/invalid', `password "${CANARY}" is too short`, { cause }),
    object: { data: Buffer.from(CANARY).toString('base64') },
  });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /transport\/invalid/);
  assertSilent(lines.join('\n'), 'the log');
});

test('I9: `render` shows that there is a Secret and not what is in it; a property that is refused is not repeated', async () => {
  await using directory = await temporaryDirectory();
  await mkdir(join(directory.path, 'apps'));
  await writeFile(join(directory.path, 'secret.json'), JSON.stringify(secret(CANARY)));
  await writeFile(
    join(directory.path, 'apps/a.yaml'),
    `apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: a}\nspec:\n  components:\n    - name: a\n      type: webservice\n      properties: {image: nginx, ports: [{port: "${CANARY}"}]}\n`,
  );
  const out: string[] = [];
  const written: string[] = [];
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = (text: string | Uint8Array) => written.push(String(text)) > 0;
  try {
    const terminal = { out: (text: string) => void out.push(text), signal: new AbortController().signal };
    assert.equal(await cli(['render', directory.path], terminal, '0'), 1);
    assert.equal(await cli(['check', directory.path], terminal, '0'), 1);
  } finally {
    process.stderr.write = write;
  }
  assert.match(out.join('\n'), /name: password[\s\S]*password: '\*\*\*'/);
  assert.match(out.join('\n'), /a\.yaml:8:\d+: render\/parameter: .*ports\[0\]\.port/);
  assertSilent([...out, ...written].join('\n'), 'what was printed');
});

test('I9: what one process knew to be secret the next one knows from the journal, and no message on the hub tells it', () => {
  const first = createRedactor();
  first.learnSecret({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' }, data: { password: Buffer.from(CANARY).toString('base64') } });
  const journal = journalSecret('default', 'a', {
    ...EMPTY_JOURNAL,
    variables: { url: `https://user@host/?key=${CANARY}&x=1`, encoded: { deep: [Buffer.from(CANARY).toString('base64')] }, color: 'blue' },
  });
  const kept = withKnown(journal, first);
  assert.ok(isJournalKept({ ...EMPTY_JOURNAL, variables: readJournal({}, kept).variables }, kept), 'the journal itself is as it was');
  const second = createRedactor();
  learnKnown(kept, second);
  for (const form of [CANARY, Buffer.from(CANARY).toString('base64')])
    assert.equal(second.text(`it was ${form}, and the color blue`), 'it was ***, and the color blue');
  assert.equal('known' in (withKnown(journalSecret('default', 'a', { ...EMPTY_JOURNAL, variables: { color: 'blue' } }), first)['data'] as object), false);
  const status = {
    status: CANARY,
    workflow: { appRevision: CANARY, steps: [{ name: CANARY, message: `cannot log in with ${CANARY}` }] },
    services: [{ details: { key: CANARY } }],
  };
  assert.deepEqual(withoutSecrets(status, first), {
    status: CANARY,
    workflow: { appRevision: CANARY, steps: [{ name: CANARY, message: 'cannot log in with ***' }] },
    services: [{ details: { key: '***' } }],
  });
});
