// Registering is cut at every effect, right before and right after it, by a process that then starts anew (I6).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRedactor } from '../../../../daemon/lib/redact.ts';
import type { KubeObject } from '../../../../daemon/model/object.ts';
import type { ClusterRegistration, Effects } from '../../../../daemon/model/ports.ts';
import { openRegister } from '../../../../daemon/transport/register.ts';
import { createAuthority, issueClient } from '../../../lab/pki.ts';
import { certificateRequest } from '../../../rig/certificate-request.ts';
import { memoryCluster, noted } from './memory-cluster.ts';

const nowMs = Date.parse('2026-11-23T05:00:00Z');
const authority = createAuthority('ca', new Date(nowMs));
const user = issueClient(authority, { commonName: 'lateen' }, new Date(nowMs));
const signal = new AbortController().signal;
const CLUSTER = 'cluster.open-cluster-management.io';
const SUBJECT = 'system:open-cluster-management';
const request = Buffer.from(certificateRequest({ CN: [`${SUBJECT}:c1:a`], O: [`${SUBJECT}:c1`, `${SUBJECT}:managed-clusters`] }).pem).toString('base64');
const wanted: ClusterRegistration = {
  name: 'c1',
  connection: { endpoint: 'https://10.0.0.5:6443', ca: authority.certPem, login: { cert: user.certPem, key: user.keyPem } },
  labels: { purpose: 'test' },
  clusterSet: 'prod',
  boundTo: ['default'],
  hubServer: '',
};

class Killed extends Error {}

/** Registers until the cluster is available, killed once at an effect; what there is at the end, without versions, and how many effects it took. */
async function run(
  isOcm: boolean,
  cut: { readonly at: number; readonly isAfter: boolean } | null,
): Promise<{ readonly objects: readonly unknown[]; readonly effects: number }> {
  const [hub, member] = [memoryCluster('https://hub:6443'), memoryCluster(wanted.connection.endpoint)];
  const { clock } = noted(nowMs);
  let count = 0;
  const effects: Effects = {
    run: async (_kind, _subject, effect) => {
      count += 1;
      if (cut !== null && count === cut.at && !cut.isAfter) throw new Killed();
      const result = await effect();
      if (cut !== null && count === cut.at) throw new Killed();
      return result;
    },
  };
  const token = { status: { token: 'a-token', expirationTimestamp: '2026-11-23T06:00:00Z' } };
  hub.answers.set('POST /api/v1/namespaces/open-cluster-management/serviceaccounts/agent-registration-bootstrap/token', JSON.stringify(token));
  if (isOcm)
    hub.put({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'registration-controller-lock', namespace: 'x' },
      spec: { renewTime: '2026-11-23T05:00:00.000000Z', holderIdentity: 'ocm' },
    });
  const { get } = member.client;
  const client = {
    ...member.client,
    get: async (...asked: Parameters<typeof get>) => {
      const found = await get(...asked);
      return found?.kind === 'CustomResourceDefinition' ? { ...found, status: { conditions: [{ type: 'Established', status: 'True' }] } } : found;
    },
  };
  const start = (): ReturnType<typeof openRegister> => openRegister({ hub: hub.client, effects, redactor: createRedactor(), clock, connect: () => client });

  /** What agent and controllers do meanwhile. */
  const others = (): void => {
    if (member.find('Klusterlet', 'klusterlet') !== undefined && hub.find('ManagedCluster', 'c1') === undefined) {
      hub.put({ apiVersion: `${CLUSTER}/v1`, kind: 'ManagedCluster', metadata: { name: 'c1' }, spec: { hubAcceptsClient: false } });
      hub.put({
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { name: 'c1-a', labels: { 'open-cluster-management.io/cluster-name': 'c1' } },
        spec: {
          signerName: 'kubernetes.io/kube-apiserver-client',
          usages: ['client auth', 'digital signature', 'key encipherment'],
          username: 'system:serviceaccount:open-cluster-management:agent-registration-bootstrap',
          request,
        },
      });
    }
    const cluster = hub.find('ManagedCluster', 'c1') as
      | (KubeObject & { readonly spec: { readonly hubAcceptsClient: boolean }; readonly status?: object })
      | undefined;
    const approved = (hub.find('CertificateSigningRequest', 'c1-a')?.['status'] as { conditions?: readonly unknown[] } | undefined)?.conditions !== undefined;
    if (cluster?.spec.hubAcceptsClient === true && cluster.status === undefined && (approved || !isOcm))
      hub.put({ ...cluster, status: { conditions: ['ManagedClusterJoined', 'ManagedClusterConditionAvailable'].map((type) => ({ type, status: 'True' })) } });
  };

  let register = start();
  for (let turn = 0; turn < 20; turn += 1) {
    try {
      const { available, changed } = await register(wanted, signal);
      if (available && !changed) break;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      register = start();
    }
    others();
  }
  const plain = ({
    metadata: { uid: _uid, resourceVersion: _version, creationTimestamp: _time, annotations = {}, ...metadata },
    ...rest
  }: KubeObject): unknown => {
    const { 'lateen.dev/managed-cluster-uid': uid, ...others } = annotations;
    return {
      ...rest,
      metadata: { ...metadata, annotations: { ...others, ...(uid === undefined ? {} : { isMarked: uid === hub.find('ManagedCluster', 'c1')?.metadata.uid }) } },
    };
  };
  const objects = [...hub.objects, ...member.objects].map(([key, object]) => [key, plain(object)]).toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return { objects, effects: count };
}

for (const isOcm of [false, true]) {
  test(`killed at any effect of registering ${isOcm ? 'with OCM' : 'directly'}, it ends the same`, async () => {
    const whole = await run(isOcm, null);
    assert.ok(whole.effects >= (isOcm ? 16 : 5), String(whole.effects));
    assert.match(JSON.stringify(whole.objects), /ManagedClusterConditionAvailable/);
    for (let at = 1; at <= whole.effects; at += 1) {
      for (const isAfter of [false, true])
        assert.deepEqual((await run(isOcm, { at, isAfter })).objects, whole.objects, `${isAfter ? 'after' : 'before'} effect ${at}`);
    }
  });
}
