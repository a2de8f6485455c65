import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import { judgeRequests } from '../../../../daemon/transport/register-csr.ts';
import { certificateRequest, type RequestSubject } from '../../../rig/certificate-request.ts';

const WE = 'system:serviceaccount:open-cluster-management:agent-registration-bootstrap';
const PREFIX = 'system:open-cluster-management';
const GOOD: RequestSubject = { CN: [`${PREFIX}:c1:agent1`], O: [`${PREFIX}:c1`, `${PREFIX}:managed-clusters`] };

interface Change {
  readonly name?: string;
  readonly subject?: RequestSubject;
  readonly spec?: object;
  readonly conditions?: readonly string[];
  readonly certificate?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

function request({
  name = 'c1-aaaaa',
  subject = GOOD,
  spec = {},
  conditions = [],
  certificate,
  labels = { 'open-cluster-management.io/cluster-name': 'c1' },
}: Change = {}): KubeObject {
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name, labels },
    spec: {
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['digital signature', 'key encipherment', 'client auth'],
      username: WE,
      request: Buffer.from(certificateRequest(subject).pem).toString('base64'),
      ...spec,
    },
    status: { conditions: conditions.map((type) => ({ type, status: 'True' })), ...(certificate === undefined ? {} : { certificate }) },
  };
}
const judged = (...requests: readonly KubeObject[]): ReturnType<typeof judgeRequests> => judgeRequests('c1', requests, WE);

test("the request that OCM's agent makes for this cluster is to be approved", () => {
  const good = request();
  assert.deepEqual(judged(good), { approve: good, trouble: '', waits: '' });
  assert.equal(judged(request({ subject: { ...GOOD, O: GOOD.O?.toReversed() ?? [] } })).trouble, '');
  assert.equal(judged(good, request({ name: 'c1-bbbbb' })).approve, good, 'the same name twice');
});

for (const [title, change, words] of [
  ['another asks', { spec: { username: 'system:bootstrap:abcdef' } }, /system:bootstrap:abcdef asks, not system:serviceaccount/],
  ['nobody asks', { spec: { username: '' } }, /nobody asks/],
  ['it is for another signer', { spec: { signerName: 'kubernetes.io/kubelet-serving' } }, /its signer is kubernetes\.io\/kubelet-serving/],
  ['it is for more uses', { spec: { usages: ['digital signature', 'key encipherment', 'client auth', 'server auth'] } }, /its usages are not/],
  ['it is for fewer uses', { spec: { usages: ['client auth'] } }, /its usages are not/],
  ['it has no uses', { spec: { usages: null } }, /its usages are not/],
  ['it is for another cluster', { subject: { ...GOOD, CN: [`${PREFIX}:c2:agent1`] } }, /it is for "system:open-cluster-management:c2:agent1"/],
  ["its name only begins like the cluster's", { subject: { ...GOOD, CN: [`${PREFIX}:c1x:agent1`] } }, /no agent of cluster c1/],
  ['its name has one part more', { subject: { ...GOOD, CN: [`${PREFIX}:c1:a:b`] } }, /no agent of cluster c1/],
  ['its name has no agent', { subject: { ...GOOD, CN: [`${PREFIX}:c1:`] } }, /no agent of cluster c1/],
  ["it is an administrator's", { subject: { CN: ['admin'], O: ['system:masters'] } }, /it is for "admin"/],
  ['it is in a group more', { subject: { ...GOOD, O: [...(GOOD.O ?? []), 'system:masters'] } }, /its groups are .*"system:masters"/],
  ['it lacks a group', { subject: { ...GOOD, O: [`${PREFIX}:managed-clusters`] } }, /its groups are/],
  ['it says more about itself', { subject: { ...GOOD, OU: ['x'] } }, /its groups are/],
  ['it has two names', { subject: { ...GOOD, CN: [`${PREFIX}:c1:agent1`, 'admin'] } }, /it cannot be read/],
  [
    'it is no request',
    { spec: { request: Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n').toString('base64') } },
    /it cannot be read/,
  ],
  [
    'it is cut short',
    { spec: { request: Buffer.from(certificateRequest(GOOD).pem.replace(/\n[^\n]+\n[^\n]+\n-----END/, '\n-----END')).toString('base64') } },
    /it cannot be read/,
  ],
  ['there is none', { spec: { request: undefined } }, /it cannot be read/],
] as const satisfies readonly (readonly [string, Change, RegExp])[]) {
  test(`a request is not approved when ${title}`, () => {
    const { approve, trouble } = judged(request(change));
    assert.equal(approve, null);
    assert.match(trouble, /^CertificateSigningRequest c1-aaaaa is not approved: /);
    assert.match(trouble, words);
    assert.equal(judged(request({ name: 'good' }), request(change)).approve, null, 'nor any beside it');
  });
}

test("several names, and a denied request, are a person's matter", () => {
  const other = request({ name: 'c1-bbbbb', subject: { ...GOOD, CN: [`${PREFIX}:c1:agent2`] } });
  assert.deepEqual(judged(request(), other), {
    approve: null,
    trouble: '2 CertificateSigningRequests ask for 2 different names (c1-aaaaa, c1-bbbbb); approve one by hand and delete the others',
    waits: '',
  });
  assert.match(judged(request(), request({ name: 'c1-ccccc', conditions: ['Denied'] })).trouble, /c1-ccccc was denied/);
});

test("what is approved already, a renewal and another cluster's request are left alone", () => {
  assert.deepEqual(judged(request({ conditions: ['Approved'] })), {
    approve: null,
    trouble: '',
    waits: 'CertificateSigningRequest c1-aaaaa is approved and waits to be signed',
  });
  assert.equal(judged(request({ conditions: ['Approved'], certificate: 'x' })).waits, 'its klusterlet has its certificate');
  assert.equal(judged(request({ conditions: ['Approved', 'Failed'] })).waits, 'CertificateSigningRequest c1-aaaaa could not be signed');
  const renewal = request({ spec: { username: `${PREFIX}:c1:agent1` } });
  assert.deepEqual(judged(renewal), { approve: null, trouble: '', waits: 'its klusterlet has not asked for a certificate yet' });
  assert.equal(judged(request({ labels: { 'open-cluster-management.io/cluster-name': 'c2' } })).approve, null);
  assert.equal(judged().waits, 'its klusterlet has not asked for a certificate yet');
});
