// An object that a step made and somebody deleted is made again, by whatever in the step may be done twice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Actions } from '../../../daemon/workflow/run.ts';
import { repeatable } from '../../../daemon/workflow/again.ts';
import { bench, done } from './runs.ts';
import { step } from './steps.ts';

const call = { path: 'c', style: 'params', params: {}, missing: [] } as const;

test('looking, applying and registering are done again; what is sent, deleted or changed is not', async () => {
  const ran: string[] = [];
  const names = [
    'kube.apply',
    'kube.read',
    'builtin.wait',
    'lateen.register-cluster',
    'op.apply',
    'http.do',
    'kube.delete',
    'kube.patch',
    'builtin.suspend',
    'config.create',
    'email.send',
  ];
  const actions: Actions = repeatable(
    new Map(
      names.map((name) => [
        name,
        async () => {
          ran.push(name);
          return done();
        },
      ]),
    ),
  );
  for (const name of names) {
    const [provider = '', what = ''] = name.split('.');
    const outcome = await actions.get(name)?.({ ...call, provider, do: what }, {} as never);
    if (outcome?.kind === 'fail') assert.match(outcome.message, new RegExp(`it does more than apply \\(${name}\\).*restart the workflow$`));
  }
  assert.deepEqual(ran, ['kube.apply', 'kube.read', 'builtin.wait', 'lateen.register-cluster', 'op.apply']);
});

test('a finished run stays finished, and says what it cannot make again', async () => {
  const it = bench([step('ours', { type: 'ours', template: 'x' })]);
  await it.pass();
  const journal = it.journal;
  assert.equal(journal.finished, true);
  assert.equal((await it.pass()).keeping, '');
  it.isLost = true;
  const { keeping } = await it.pass();
  assert.match(keeping, /^step ours: an object that it made is gone, and it does more than apply \(test\.do\)/);
  assert.deepEqual([it.ran, it.journal], [['ours'], journal]);
});
