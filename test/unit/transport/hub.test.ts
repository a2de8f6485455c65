import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { keyOf, keyText, LOCAL, type KubeObject } from '../../../daemon/model/object.ts';
import type { Transport } from '../../../daemon/model/ports.ts';
import type { Observation } from '../../../daemon/model/status.ts';
import { asPrepared, readDefinitions } from '../../../daemon/transport/hub.ts';

test('who only looks at a hub that was never prepared sees the kinds that would first be installed, and nothing else', async () => {
  const definitions = await readDefinitions(join(import.meta.dirname, '../../../schemas/crds'));
  const [ours] = definitions;
  const other: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'other', namespace: 'default' } };
  const there: KubeObject = { ...ours!, metadata: { ...ours!.metadata, uid: 'u' } };
  const text = (object: KubeObject, cluster = LOCAL): string => keyText(keyOf(cluster, object));
  const see = async (seen: Observation): Promise<ReadonlyMap<string, Observation>> => {
    const all = new Map([text(ours!), text(ours!, 'member'), text(other)].map((key) => [key, seen] as const));
    return asPrepared({ observe: () => Promise.resolve(all) } as unknown as Transport, definitions).observe([], new AbortController().signal);
  };
  const fresh = await see({ absent: true });
  assert.deepEqual(
    [text(ours!), text(ours!, 'member'), text(other)].map((key) => fresh.get(key)),
    [{ live: ours }, { absent: true }, { absent: true }],
  );
  assert.deepEqual((await see({ live: there })).get(text(ours!)), { live: there });
});
