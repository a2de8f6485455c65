import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import { createdFrom, mergeOwner, serviceSpecHash, updateOf } from '../../../../daemon/transport/work-merge.ts';
import type { OwnerReference } from '../../../../daemon/transport/work-model.ts';

const owner: OwnerReference = { apiVersion: 'work.open-cluster-management.io/v1', kind: 'AppliedManifestWork', name: 'h-w', uid: 'u1' };
const owned = { owner, isOwned: true };
const orphan = { owner, isOwned: false };
const object = (apiVersion: string, kind: string, fields: object, metadata: object = {}): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'x', namespace: 'n', ...metadata },
  ...fields,
});
const there = (apiVersion: string, kind: string, fields: object, metadata: object = {}): KubeObject =>
  object(apiVersion, kind, fields, { uid: 'o', resourceVersion: '5', ownerReferences: [owner], ...metadata });

test('an owner is added to others, brought up to date, and taken off an orphan', () => {
  const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', uid: 'c' };
  assert.deepEqual(mergeOwner([other], owned), [other, owner]);
  assert.deepEqual(mergeOwner([{ ...owner, uid: 'old' }, other], owned), [owner, other]);
  assert.equal(mergeOwner([other, owner], owned), null);
  assert.deepEqual(mergeOwner([other, owner], orphan), [other]);
  assert.equal(mergeOwner([other], orphan), null);
});

test('a ConfigMap: data as in the manifest, labels merged, everything else kept; no write where that is so', () => {
  const manifest = object('v1', 'ConfigMap', { data: { a: '1' } }, { labels: { l: '1', 'gone-': '' } });
  const update = updateOf(
    manifest,
    there('v1', 'ConfigMap', { data: { a: '2', b: '3' }, binaryData: { c: 'x' } }, { labels: { gone: 'x', kept: 'y' }, finalizers: ['f'] }),
    owned,
  );
  assert.deepEqual(
    [update?.body['data'], 'binaryData' in (update?.body ?? {}), update?.body.metadata.labels, update?.body.metadata.finalizers],
    [{ a: '1' }, false, { kept: 'y', l: '1' }, ['f']],
  );
  assert.equal(updateOf(manifest, there('v1', 'ConfigMap', { data: { a: '1' } }, { labels: { l: '1' } }), owned), null);
  assert.deepEqual(createdFrom(manifest, owned).metadata, { name: 'x', namespace: 'n', labels: { l: '1' }, ownerReferences: [owner] });
  assert.equal('ownerReferences' in createdFrom(manifest, orphan).metadata, false);
});

test('Namespace, Pod and ServiceAccount: metadata only', () => {
  const manifest = object('v1', 'ServiceAccount', { secrets: [{ name: 'a' }] });
  assert.equal(updateOf(manifest, there('v1', 'ServiceAccount', { secrets: [{ name: 'b' }] }), owned), null);
});

test('a Secret: plain texts count as data, another type is another object', () => {
  const manifest = object('v1', 'Secret', { stringData: { a: 'b' } });
  const live = there('v1', 'Secret', { data: { a: 'Yg==' }, type: 'Opaque' });
  assert.equal(updateOf(manifest, live, owned), null);
  assert.deepEqual(updateOf({ ...manifest, type: 'example.org/t' }, live, owned)?.recreate, true);
  const token = { ...live, type: 'kubernetes.io/service-account-token', data: { token: 'eA==', a: 'Yg==' } };
  assert.equal(updateOf({ ...manifest, type: token.type }, token, owned), null);
});

test("a Service carries library-go's hash of its spec, and is rewritten when what it sets differs", () => {
  const spec = { type: 'LoadBalancer', selector: { 'app.oam.dev/component': 'podinfo-server' }, ports: [{ targetPort: 9898, port: 9898, name: 'port-9898' }] };
  const hash = 'f8048ada820bf025ef6514abe509d46186ce387eee776141c36b3256bfa1c6d6';
  assert.equal(serviceSpecHash(spec), hash);
  const manifest = object('v1', 'Service', { spec });
  const live = (changed: object): KubeObject =>
    there(
      'v1',
      'Service',
      { spec: { ...spec, clusterIP: '10.0.0.1', ports: [{ ...spec.ports[0], protocol: 'TCP', nodePort: 30000 }], ...changed } },
      { annotations: { 'operator.openshift.io/spec-hash': hash } },
    );
  assert.equal(updateOf(manifest, live({}), owned), null);
  for (const changed of [{ selector: { a: 'b' } }, { type: 'ClusterIP' }, { ports: [{ port: 1, protocol: 'TCP' }] }])
    assert.deepEqual(updateOf(manifest, live(changed), owned)?.body['spec'], spec);
});

test('any other kind is replaced as a whole, with the live version, finalizers, merged labels and owners', () => {
  const manifest = object('apps/v1', 'Deployment', { spec: { replicas: 1 } }, { labels: { a: '1' }, finalizers: ['mine'], creationTimestamp: null });
  const live = there(
    'apps/v1',
    'Deployment',
    { spec: { replicas: 1, paused: true }, status: { replicas: 1 } },
    { annotations: { 'deployment.kubernetes.io/revision': '1' }, finalizers: ['theirs'], managedFields: [] },
  );
  assert.deepEqual(updateOf(manifest, live, owned)?.body, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    spec: { replicas: 1 },
    metadata: {
      name: 'x',
      namespace: 'n',
      labels: { a: '1' },
      annotations: { 'deployment.kubernetes.io/revision': '1' },
      ownerReferences: [owner],
      finalizers: ['theirs'],
      resourceVersion: '5',
    },
  });
  assert.equal(updateOf(manifest, { ...live, spec: { replicas: 1 }, metadata: { ...live.metadata, labels: { a: '1', b: '2' } } }, owned), null);
});

test('RBAC: what the server fills in is no difference; an aggregated ClusterRole keeps its rules', () => {
  const role = { kind: 'Role', name: 'r' };
  const manifest = object('rbac.authorization.k8s.io/v1', 'RoleBinding', {
    roleRef: role,
    subjects: [
      { kind: 'User', name: 'u' },
      { kind: 'ServiceAccount', name: 's', namespace: 'n' },
    ],
  });
  const live = there('rbac.authorization.k8s.io/v1', 'RoleBinding', {
    roleRef: { ...role, apiGroup: 'rbac.authorization.k8s.io' },
    subjects: [
      { kind: 'User', name: 'u', apiGroup: 'rbac.authorization.k8s.io' },
      { kind: 'ServiceAccount', name: 's', namespace: 'n' },
    ],
  });
  assert.equal(updateOf(manifest, live, owned), null);
  const aggregated = object('rbac.authorization.k8s.io/v1', 'ClusterRole', { aggregationRule: { clusterRoleSelectors: [] }, rules: [] });
  assert.equal(
    updateOf(
      aggregated,
      there('rbac.authorization.k8s.io/v1', 'ClusterRole', { aggregationRule: { clusterRoleSelectors: [] }, rules: [{ verbs: ['get'] }] }),
      owned,
    ),
    null,
  );
});

test('a webhook without a CA keeps the one that was injected', () => {
  const webhook = (caBundle?: string): object => ({ name: 'w', clientConfig: { url: 'https://x', ...(caBundle === undefined ? {} : { caBundle }) } });
  const kind = ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration'] as const;
  assert.equal(updateOf(object(...kind, { webhooks: [webhook()] }), there(...kind, { webhooks: [webhook('Q0E=')] }), owned), null);
  assert.deepEqual(updateOf(object(...kind, { webhooks: [webhook('TkVX')] }), there(...kind, { webhooks: [webhook('Q0E=')] }), owned)?.body['webhooks'], [
    webhook('TkVX'),
  ]);
});
