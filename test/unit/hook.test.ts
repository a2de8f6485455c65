/** POST /hook: who is believed, and in what. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { isProven, openHook, secretsIn, type HookHeaders } from '../../daemon/hook.ts';
import { Fault } from '../../daemon/model/fault.ts';
import type { Clock } from '../../daemon/model/ports.ts';

const SECRET = 'a-secret-of-the-hook';
const BODY = Buffer.from('{"ref":"refs/heads/main"}');
const NOW_MS = 1_790_000_000_000;
const hex = (secret: string, body: Buffer = BODY): string => createHmac('sha256', secret).update(body).digest('hex');
const SIGNING = `whsec_${Buffer.from('k'.repeat(32)).toString('base64')}`;
const signed = (body: Buffer, atMs: number, id = 'd-1'): HookHeaders => {
  const timestamp = String(Math.floor(atMs / 1000));
  const signature = createHmac('sha256', 'k'.repeat(32)).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,bm8= v1,${signature}` };
};

describe('a call of the hook', () => {
  const CASES: readonly (readonly [string, HookHeaders, readonly string[], boolean])[] = [
    ["in GitHub's form is proven by the HMAC of its body", { 'x-hub-signature-256': `sha256=${hex(SECRET)}` }, [SECRET], true],
    ["in GitHub's form with another secret is not", { 'x-hub-signature-256': `sha256=${hex('another-secret')}` }, [SECRET], false],
    ["in GitHub's form over another body is not", { 'x-hub-signature-256': `sha256=${hex(SECRET, Buffer.from('{}'))}` }, [SECRET], false],
    ["in GitHub's old form with SHA-1 is not", { 'x-hub-signature': `sha1=${createHmac('sha1', SECRET).update(BODY).digest('hex')}` }, [SECRET], false],
    ["in Gitea's form is proven by the bare HMAC", { 'x-gitea-signature': hex(SECRET) }, [SECRET], true],
    ["in Forgejo's form is proven by the bare HMAC", { 'x-forgejo-signature': hex(SECRET) }, [SECRET], true],
    ["in GitLab's form is proven by its token", { 'x-gitlab-token': SECRET }, [SECRET], true],
    ["in GitLab's form with a longer token is not", { 'x-gitlab-token': `${SECRET}x` }, [SECRET], false],
    ["in GitLab's form with the beginning of the token is not", { 'x-gitlab-token': SECRET.slice(0, -1) }, [SECRET], false],
    ['that GitLab has signed is proven', signed(BODY, NOW_MS), [SIGNING], true],
    ['that GitLab has signed over another body is not', signed(Buffer.from('{}'), NOW_MS), [SIGNING], false],
    ['that GitLab has signed long ago is not', signed(BODY, NOW_MS - 6 * 60_000), [SIGNING], false],
    ['that GitLab has signed, with another id, is not', { ...signed(BODY, NOW_MS), 'webhook-id': 'd-2' }, [SIGNING], false],
    ['that GitLab has signed, with another time, is not', { ...signed(BODY, NOW_MS), 'webhook-timestamp': String(NOW_MS / 1000 + 1) }, [SIGNING], false],
    ['in the plain form is proven by the bearer token', { authorization: `Bearer ${SECRET}` }, [SECRET], true],
    ['with the secret as user and password is not', { authorization: `Basic ${SECRET}` }, [SECRET], false],
    ['with an empty bearer token is not', { authorization: 'Bearer ' }, [SECRET], false],
    ['with an empty signature is not', { 'x-hub-signature-256': 'sha256=' }, [SECRET], false],
    ['is proven by any of the secrets', { 'x-gitlab-token': SECRET }, ['the-old-secret', SECRET], true],
    ['is proven by nothing where there is no secret', { 'x-gitlab-token': '' }, [], false],
    [
      'with a bad signature beside a good token is proven by the token',
      { 'webhook-signature': 'v1,x', 'webhook-id': 'd', 'webhook-timestamp': String(NOW_MS / 1000), 'x-gitlab-token': SECRET },
      [SECRET],
      true,
    ],
  ];
  for (const [title, headers, secrets, expected] of CASES) it(title, () => assert.equal(isProven(headers, BODY, secrets, NOW_MS), expected));
});

/** A clock that stands until it is moved; sleepers wake when their time has come. */
function standingClock(): Clock & { readonly move: (ms: number) => Promise<void> } {
  let nowMs = NOW_MS;
  const sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];
  return {
    now: () => nowMs,
    random: () => 0.5,
    sleep: (ms) =>
      new Promise((resolve) => {
        sleepers.push({ atMs: nowMs + ms, wake: resolve });
      }),
    move: async (ms) => {
      nowMs += ms;
      for (const sleeper of sleepers.filter(({ atMs }) => atMs <= nowMs)) sleeper.wake();
      await new Promise(setImmediate);
    },
  };
}

function opened(secrets: () => Promise<readonly string[]> = () => Promise.resolve([SECRET])) {
  const clock = standingClock();
  let hints = 0;
  const hook = openHook({
    secrets,
    clock,
    signal: new AbortController().signal,
    onHint: () => {
      hints += 1;
    },
  });
  return { clock, hook, hints: () => hints };
}

const call = (id: string): HookHeaders => ({ 'x-hub-signature-256': `sha256=${hex(SECRET)}`, 'x-github-delivery': id, 'x-github-event': 'push' });

describe('the hook', () => {
  it('takes a delivery once', async () => {
    const { hook, hints, clock } = opened();
    assert.equal((await hook.take(call('d-1'), BODY)).status, 202);
    assert.deepEqual(await hook.take(call('d-1'), BODY), { status: 200, outcome: 'seen', text: 'seen\n' });
    await clock.move(5_000);
    assert.equal(hints(), 1);
  });

  it('forgets deliveries of long ago', async () => {
    const { hook } = opened();
    for (let i = 0; i <= 1000; i += 1) await hook.take(call(`d-${i}`), BODY);
    assert.equal((await hook.take(call('d-1000'), BODY)).status, 200);
    assert.equal((await hook.take(call('d-0'), BODY)).status, 202);
  });

  it('lets nobody without proof spoil the id of a delivery', async () => {
    const { hook } = opened();
    assert.equal((await hook.take({ ...call('d-1'), 'x-hub-signature-256': 'sha256=00' }, BODY)).status, 401);
    assert.equal((await hook.take(call('d-1'), BODY)).status, 202);
  });

  it('makes one tick of many that come together, and one more for those that came after it', async () => {
    const { hook, hints, clock } = opened();
    for (let i = 0; i < 20; i += 1) await hook.take(call(`d-${i}`), BODY);
    assert.equal(hints(), 1);
    await clock.move(500);
    assert.equal(hints(), 2);
    await clock.move(5_000);
    assert.equal(hints(), 2);
  });

  it('reads no body of a request without any proof', () => {
    assert.deepEqual(opened().hook.admit({ 'x-github-event': 'push' }), { status: 401, outcome: 'refused', text: 'not proven\n' });
    assert.equal(opened().hook.admit(call('d')), null);
  });

  it('is patient with so many, and again after a while', async () => {
    const { hook, clock } = opened();
    const statuses = Array.from({ length: 100 }, () => hook.admit(call('d'))?.status ?? 0);
    assert.deepEqual([statuses.filter((status) => status === 0).length, statuses.at(-1)], [60, 429]);
    await clock.move(1_000);
    assert.equal(hook.admit(call('d')), null);
  });

  it('believes nobody while its secret cannot be read', async () => {
    const { hook, hints } = opened(() => Promise.reject(new Fault('config/invalid', 'gone')));
    assert.deepEqual([(await hook.take(call('d'), BODY)).status, hints()], [503, 0]);
  });

  it('takes a new secret as soon as it is there', async () => {
    let secret = 'the-secret-of-yesterday';
    const { hook } = opened(() => Promise.resolve([secret]));
    assert.equal((await hook.take(call('d-1'), BODY)).status, 401);
    secret = SECRET;
    assert.equal((await hook.take(call('d-1'), BODY)).status, 202);
  });
});

describe('the secrets of the hook', () => {
  it('stand one a line', () => assert.deepEqual(secretsIn(`${SECRET}\n\n  another-secret \r\n`, 'it'), [SECRET, 'another-secret']));
  for (const [title, text, message] of [
    ['must be there', ' \n', /^it holds no secret$/],
    ['must not be guessable', 'short\n', /^it holds a secret of fewer than 12 characters$/],
    ['are few', `${SECRET}\n`.repeat(9), /^it holds more than 8 secrets$/],
  ] as const) {
    it(title, () =>
      assert.throws(
        () => secretsIn(text, 'it'),
        (error) => error instanceof Fault && error.code === 'config/invalid' && message.test(error.message),
      ),
    );
  }
});
