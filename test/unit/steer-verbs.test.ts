// What the status of an Application becomes when somebody steers its workflow.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../daemon/model/object.ts';
import { meant, steer } from '../../daemon/steer-verbs.ts';

const application = (workflow: Readonly<Record<string, unknown>> | null): KubeObject => ({
  apiVersion: 'core.oam.dev/v1beta1',
  kind: 'Application',
  metadata: { name: 'a' },
  ...(workflow === null ? {} : { status: { workflow } }),
});
const because = (workflow: Readonly<Record<string, unknown>> | null, how: Parameters<typeof steer>[1]): string => {
  const steered = steer(application(workflow), how);
  return 'because' in steered ? steered.because : 'something is done';
};
const done = (workflow: Readonly<Record<string, unknown>>, how: Parameters<typeof steer>[1]): unknown => {
  const steered = steer(application(workflow), how);
  return 'workflow' in steered ? steered.workflow : null;
};

test('what is running is suspended, in groups too, and what is over is left', () => {
  assert.deepEqual(
    done(
      {
        suspend: false,
        steps: [
          { name: 'a', phase: 'succeeded' },
          { name: 'g', phase: 'running', subSteps: [{ name: 'b', phase: 'running' }] },
        ],
      },
      'suspend',
    ),
    {
      suspend: true,
      steps: [
        { name: 'a', phase: 'succeeded' },
        { name: 'g', phase: 'suspending', subSteps: [{ name: 'b', phase: 'suspending' }] },
      ],
    },
  );
  assert.equal(because({ finished: true }, 'suspend'), 'its workflow is over');
  assert.equal(because({ suspend: true }, 'suspend'), 'it is suspended already');
});

test('what waits is resumed, and nothing else', () => {
  assert.deepEqual(done({ suspend: true, steps: [{ name: 'a', phase: 'suspending' }] }, 'resume'), {
    suspend: false,
    steps: [{ name: 'a', phase: 'running' }],
  });
  assert.equal(because({ suspend: false }, 'resume'), 'it is not suspended');
});

test('what failed is tried again, what has succeeded is not', () => {
  assert.deepEqual(
    done(
      {
        finished: true,
        terminated: true,
        status: 'failed',
        endTime: 't',
        steps: [
          { name: 'a', phase: 'succeeded' },
          { name: 'b', phase: 'failed' },
          { name: 'c', phase: 'skipped' },
        ],
      },
      'retry',
    ),
    {
      finished: false,
      terminated: false,
      suspend: false,
      status: 'executing',
      steps: [{ name: 'a', phase: 'succeeded' }],
    },
  );
  assert.equal(because({ finished: true, steps: [{ name: 'a', phase: 'succeeded' }] }, 'retry'), 'no step of its workflow has failed');
});

test('an application whose workflow has not begun is told so', () => {
  assert.equal(because(null, 'retry'), 'its workflow has not begun');
});

test('of an application that is not there it is told which was meant, most often in another namespace', () => {
  const there = ['shop/shop', 'hello/hello', 'east/web', 'west/web'].map((name): KubeObject => ({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { namespace: name.split('/')[0] ?? '', name: name.split('/')[1] ?? '' },
  }));
  const said = (namespace: string, name: string): string => meant({ namespace, name }, there);
  assert.equal(said('default', 'shop'), '; did you mean shop/shop?');
  assert.equal(said('shop', 'shp'), '; did you mean shop/shop?');
  assert.equal(said('default', 'web'), '; did you mean east/web or west/web?');
  assert.equal(said('default', 'something-else'), '');
});
