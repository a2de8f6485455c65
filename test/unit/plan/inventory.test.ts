/** The inventory in a ResourceTracker and out of it again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stableStringify } from '../../../daemon/lib/json.ts';
import { keyText, type JsonObject, type KubeObject } from '../../../daemon/model/object.ts';
import type { Tracked } from '../../../daemon/model/status.ts';
import { managedResources, trackedOf, union, without } from '../../../daemon/plan/inventory.ts';
import { recordedFiles, recordedObject } from './recorded.ts';

const entry = (
  kind: string,
  name: string,
  more: Partial<Tracked> & { readonly cluster?: string; readonly namespace?: string; readonly apiVersion?: string } = {},
): Tracked => ({
  key: { cluster: more.cluster ?? 'local', apiVersion: more.apiVersion ?? 'apps/v1', kind, namespace: more.namespace ?? 'prod', name },
  component: more.component ?? 'web',
  trait: more.trait ?? '',
  creator: more.creator ?? 'workflow',
  skipGC: more.skipGC ?? false,
});
const tracker = (resources: unknown): KubeObject => ({
  apiVersion: 'core.oam.dev/v1beta1',
  kind: 'ResourceTracker',
  metadata: { name: 'shop-v1-prod' },
  spec: { managedResources: resources },
});
const texts = (entries: readonly Tracked[]): string[] => entries.map((item) => keyText(item.key));

const WEB = entry('Deployment', 'web');
const SERVICE = entry('Service', 'web', { apiVersion: 'v1', trait: 'expose' });
const CLASS = entry('StorageClass', 'fast', { apiVersion: 'storage.k8s.io/v1', namespace: '', component: '', creator: 'policy', skipGC: true });
const AWAY = entry('Deployment', 'web', { cluster: 'beijing' });

describe('the inventory', () => {
  it('comes out of a ResourceTracker as it went in', () => {
    const all = [WEB, SERVICE, CLASS, AWAY];
    const back = trackedOf(tracker(managedResources(all)));
    assert.deepEqual(new Map(back.map((item) => [keyText(item.key), item])), new Map(all.map((item) => [keyText(item.key), item])));
  });

  it('has the fields of KubeVela, and leaves out what is empty', () => {
    assert.deepEqual(managedResources([AWAY, CLASS, SERVICE]), [
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: 'prod', cluster: 'beijing', component: 'web', creator: 'workflow' },
      { apiVersion: 'v1', kind: 'Service', name: 'web', namespace: 'prod', component: 'web', trait: 'expose', creator: 'workflow' },
      { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', name: 'fast', creator: 'policy', skipGC: true },
    ]);
  });

  it('is the same bytes in whatever order its entries came (I8)', () => {
    const all = [WEB, SERVICE, CLASS, AWAY];
    const bytes = stableStringify(managedResources(all));
    for (const order of [
      [3, 2, 1, 0],
      [1, 3, 0, 2],
      [2, 0, 3, 1],
    ])
      assert.equal(stableStringify(managedResources(order.map((at) => all[at] as Tracked))), bytes);
  });

  for (const [title, spec, expected] of [
    ['without resources is empty', undefined, []],
    ['that is no list is empty', { web: {} }, []],
    [
      'leaves out what KubeVela has marked as deleted',
      [
        { apiVersion: 'v1', kind: 'Service', name: 'web', namespace: 'prod', deleted: true },
        { apiVersion: 'v1', kind: 'ConfigMap', name: 'web', namespace: 'prod' },
      ],
      ['local//ConfigMap/prod/web'],
    ],
    [
      'takes an empty cluster for the hub',
      [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: 'prod', cluster: '' }],
      ['local/apps/Deployment/prod/web'],
    ],
  ] as const)
    it(`of a tracker ${title}`, () => assert.deepEqual(texts(trackedOf(tracker(spec))), expected));

  it('holds an object once, under whatever version of its group; the later list wins', () => {
    const beta = entry('Deployment', 'web', { apiVersion: 'apps/v1beta1', component: 'old' });
    assert.deepEqual(union([beta, SERVICE], [], [WEB]), [WEB, SERVICE]);
    assert.deepEqual(union(), []);
  });

  it('holds the same name in two clusters twice', () => {
    assert.deepEqual(union([WEB], [AWAY]), [WEB, AWAY]);
  });

  it('without some keys keeps the others in their order', () => {
    assert.deepEqual(without([WEB, SERVICE, CLASS], new Set([keyText(SERVICE.key), 'local//Nothing//at-all'])), [WEB, CLASS]);
  });
});

describe('ResourceTrackers that KubeVela wrote', () => {
  const files = recordedFiles('resourcetracker-');
  it('are read, and written again say the same', { skip: files.length === 0 ? 'no recorded objects here' : false }, () => {
    for (const file of files) {
      const recorded = recordedObject(file);
      const resources = (recorded['spec'] as JsonObject)['managedResources'] as readonly JsonObject[];
      const tracked = trackedOf(recorded);
      assert.ok(tracked.length > 0, file);
      assert.deepEqual(
        tracked.map((item) => [item.key.cluster, item.key.apiVersion, item.key.kind, item.key.namespace, item.key.name, item.component]),
        resources.map((item) => ['local', item['apiVersion'], item['kind'], item['namespace'] ?? '', item['name'], item['component']]),
        file,
      );
      // `raw`, KubeVela's copy of the object, is left out: the copy of ours stands on the object itself.
      assert.deepEqual(
        managedResources(tracked),
        resources.map(({ raw: _raw, ...item }) => item),
        file,
      );
    }
  });
});
