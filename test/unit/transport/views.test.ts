/** What the vela CLI looks for on a hub. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../daemon/model/fault.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';
import type { Effects } from '../../../daemon/model/ports.ts';
import type { KubeClient } from '../../../daemon/transport/kube.ts';
import { installViews } from '../../../daemon/transport/views.ts';

const NAMES = ['application-revision-view', 'component-pod-view', 'component-service-view', 'service-endpoints-view'];

/** A hub that holds ConfigMaps by their names. */
function hub(refuse: Fault | null = null) {
  const objects = new Map<string, KubeObject>();
  const subjects: string[] = [];
  const client: Pick<KubeClient, 'get' | 'apply'> = {
    get: async ({ name }) => objects.get(name ?? '') ?? null,
    apply: async (object) => {
      if (refuse !== null) throw refuse;
      objects.set(object.metadata.name ?? '', object);
      return { object, warnings: [] };
    },
  };
  const effects: Effects = {
    run: (_kind, subject, run) => {
      subjects.push(subject);
      return run();
    },
  };
  return { objects, subjects, install: () => installViews(client, effects, new AbortController().signal) };
}

describe('the queries of the vela CLI', () => {
  it('are made where they are absent, and not again', async () => {
    const made = hub();
    assert.deepEqual([await made.install(), await made.install()], [NAMES, []]);
    assert.deepEqual(
      made.subjects.toSorted(),
      NAMES.map((name) => `ConfigMap vela-system/${name}`),
    );
    for (const { metadata, data } of [...made.objects.values()] as (KubeObject & { data: Record<string, string> })[])
      assert.match(data['template'] ?? '', /^import "vela\/(?:op|ql)"\n[^]*\bparameter: \{[^]*\bstatus: /, String(metadata.name));
  });

  it('are left as another made them, and brought up to date where they are ours', async () => {
    const made = hub();
    await made.install();
    const theirs = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'component-pod-view', namespace: 'vela-system' }, data: { template: 'theirs' } };
    made.objects.set('component-pod-view', theirs);
    made.objects.set('component-service-view', {
      ...theirs,
      metadata: { name: 'component-service-view', namespace: 'vela-system', annotations: { 'lateen.dev/source-hash': 'older' } },
    });
    assert.deepEqual([await made.install(), made.objects.get('component-pod-view')], [['component-service-view'], theirs]);
  });

  it('are left out where Lateen may not write them; what else is wrong is told', async () => {
    assert.deepEqual(await hub(new Fault('transport/denied', 'configmaps is forbidden')).install(), []);
    for (const code of ['transport/unreachable', 'transport/lease'] as const) await assert.rejects(hub(new Fault(code, 'no')).install(), { code });
  });
});
