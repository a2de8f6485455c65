import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import { decideDelivery, versionOf, type DeliveryFacts } from '../../../../daemon/transport/clusters.ts';
import { klusterletOf } from '../../../../daemon/transport/ocm-evidence.ts';

const nothing: DeliveryFacts = { name: 'm1', annotation: undefined, hasObject: true, hasSecret: false, klusterlet: null, ocm: null };
const live = { manager: 'registration', isLive: true };
const gone = { manager: 'registration', isLive: false };
const decided = (facts: Partial<DeliveryFacts>): string => {
  const { mode, fault } = decideDelivery({ ...nothing, ...facts });
  return fault === null ? mode : `${fault.code}: ${fault.message}`;
};

test('what is annotated holds', () => {
  assert.equal(decided({ annotation: 'direct', hasSecret: true }), 'direct');
  assert.equal(decided({ annotation: 'direct', hasSecret: true, ocm: 'ClusterManager x', klusterlet: gone }), 'direct');
  assert.equal(decided({ annotation: 'ocm' }), 'ocm');
  assert.equal(decided({ annotation: 'ocm', hasSecret: true, klusterlet: live }), 'ocm');
});

test('direct is refused beside a klusterlet that lives, and without a connection', () => {
  assert.match(
    decided({ annotation: 'direct', hasSecret: true, klusterlet: live }),
    /^transport\/delivery: cluster m1: .+ a klusterlet \(registration\) renews its lease; annotate it with ocm/,
  );
  assert.match(decided({ annotation: 'direct' }), /there is no connection: Secret vela-system\/m1/);
  assert.match(decided({ annotation: 'pull', hasSecret: true }), /"pull"; direct and ocm are known/);
});

test('without an annotation only what is certain is taken', () => {
  assert.equal(decided({ hasObject: false, hasSecret: true }), 'direct');
  assert.equal(decided({ klusterlet: live }), 'ocm');
  assert.equal(decided({ klusterlet: gone }), 'ocm');
  assert.equal(decided({ ocm: 'ClusterManager x' }), 'ocm');
  assert.match(decided({ hasSecret: true }), /annotate it with lateen\.dev\/delivery: direct/);
  assert.match(decided({ hasSecret: true, ocm: 'ClusterManager x' }), /^transport\/delivery/);
  assert.match(decided({ hasSecret: true, klusterlet: live }), /annotate it with lateen\.dev\/delivery: ocm or direct/);
  assert.match(decided({}), /neither a connection Secret nor a klusterlet/);
});

function lease(manager: string, renewTime: string): KubeObject {
  const managedFields = [
    { manager: 'lateen', operation: 'Update', fieldsV1: { 'f:metadata': {}, 'f:spec': { 'f:holderIdentity': {} } } },
    { manager, operation: 'Update', fieldsV1: { 'f:spec': { 'f:renewTime': {} } } },
  ];
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'managed-cluster-lease', namespace: 'm1', creationTimestamp: '2026-11-23T04:00:00Z', managedFields },
    spec: { renewTime },
  };
}

test('a klusterlet shows by who renewed the lease and when', () => {
  const nowMs = Date.parse('2026-11-23T05:00:00Z');
  const seen = (manager: string, at: string): unknown => klusterletOf(lease(manager, `2026-11-23T${at}.000000Z`), 60, nowMs);
  assert.deepEqual(seen('registration', '04:59:10'), { manager: 'registration', isLive: true });
  assert.deepEqual(seen('registration', '04:54:59'), { manager: 'registration', isLive: false });
  assert.equal(seen('lateen', '04:59:10'), null);
  assert.equal(seen('registration', '04:00:01'), null, 'the hub made it then');
  assert.equal(klusterletOf(null, 60, nowMs), null);
});

test('a version is read as far as templates need it', () => {
  assert.deepEqual(versionOf('v1.36.3-gke.100'), { major: '1', minor: 36, gitVersion: 'v1.36.3-gke.100', platform: '' });
  assert.equal(versionOf(''), null);
});
