import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLog } from '../../../daemon/lib/log.ts';
import type { Log, LogLevel } from '../../../daemon/lib/log.ts';
import { createRedactor } from '../../../daemon/lib/redact.ts';
import { Fault } from '../../../daemon/model/fault.ts';

async function logOf(
  options: { readonly level?: LogLevel; readonly isPretty?: boolean } = {},
): Promise<{ readonly log: Log; readonly written: string[]; readonly learn: (value: string) => void }> {
  const written: string[] = [];
  const redactor = createRedactor();
  const log = await openLog({
    level: options.level ?? 'info',
    redactor,
    now: () => Date.UTC(2030, 0, 1),
    to: { write: (line) => void written.push(line) },
    isPretty: options.isPretty ?? false,
  });
  return { log, written, learn: redactor.learn };
}

test('a line is one JSON object with level, time, fields and message', async () => {
  const { log, written } = await logOf();
  log.child({ stage: 'load' }).warn('found', { count: 2, big: 5n });
  assert.deepEqual(
    written.map((line) => JSON.parse(line) as unknown),
    [{ level: 'warn', time: '2030-01-01T00:00:00.000Z', stage: 'load', count: 2, big: '5', msg: 'found' }],
  );
});

test('lines below the level are not written', async () => {
  const { log, written } = await logOf({ level: 'warn' });
  log.info('no');
  log.debug('no');
  log.error('yes');
  assert.equal(written.length, 1);
});

test('secrets are masked in messages, fields, children and errors, and the line stays JSON (I9)', async () => {
  const { log, written, learn } = await logOf();
  const child = log.child({ url: 'https://u:opensesame@h/' });
  learn('opensesame');
  learn('5432');
  child.error('with opensesame', { deep: [{ a: 'opensesame' }], port: 5432, error: new Error('opensesame!', { cause: new TypeError('also opensesame') }) });
  assert.doesNotMatch(written.join(''), /opensesame/);
  const line = JSON.parse(written[0] ?? '') as { error: { message: string; cause: { message: string } }; port: number };
  assert.equal(line.error.message, '***!');
  assert.equal(line.error.cause.message, 'also ***');
  assert.equal(line.port, 5432);
});

test('an error is written without what hangs on it', async () => {
  const { log, written } = await logOf();
  log.error('failed', { error: Object.assign(new Error('refused'), { code: 'ECONNREFUSED', request: { headers: { authorization: 'x' } } }) });
  const { error } = JSON.parse(written[0] ?? '') as { error: Record<string, unknown> };
  assert.deepEqual(Object.keys(error), ['name', 'code', 'message', 'stack']);
});

test('a fault is told without the lines of our code, but for a bug', async () => {
  const { log, written } = await logOf();
  log.warn('not pushed', { error: new Fault('source/push-rejected', 'the branch is protected', { kind: 'denied' }) });
  log.error('failed', { error: new Fault('loop/bug', 'this cannot be') });
  assert.deepEqual(
    written.map((line) => 'stack' in (JSON.parse(line) as { error: object }).error),
    [false, true],
  );
});

test('people get text', async () => {
  const { log, written, learn } = await logOf({ isPretty: true });
  learn('opensesame');
  log.info('hello opensesame', { app: 'shop' });
  assert.match(written.join(''), /INFO.*hello \*\*\*.*"app":"shop"/);
});
