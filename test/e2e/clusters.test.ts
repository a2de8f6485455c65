// Member clusters on the hub: registered, tended, placed, away and back; compared with what OCM 1.3.1 was seen to keep.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { useMembers } from '../rig/members.ts';

let lab: Awaited<ReturnType<typeof useMembers<'m1' | 'm2'>>>;

before(async () => {
  lab = await useMembers({ m1: { labels: { purpose: 'test' }, clusterSet: 'prod', boundTo: ['default'], leaseDurationSeconds: 1 }, m2: {} });
});
after(() => lab?.stop());

test('a registered cluster is on the hub, accepted, in its set, with its connection', async () => {
  const { hub } = lab.planes;
  const cluster = await hub.client.get('managedclusters/m1');
  assert.equal(cluster.spec.hubAcceptsClient, true);
  assert.equal(cluster.spec.managedClusterClientConfigs[0].url, lab.planes.m1.server);
  assert.equal(cluster.metadata['labels']['cluster.open-cluster-management.io/clusterset'], 'prod');
  assert.equal((await hub.client.get('secrets/vela-system/m1')).metadata['labels']['cluster.core.oam.dev/cluster-credential-type'], 'X509Certificate');
});
