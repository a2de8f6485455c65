/**
 * Requests for certificates by which a klusterlet joins the hub: which may be approved. Whoever holds such a certificate is
 * the cluster, so a request is looked at as a person would: whose it says it is, for what, and who asks. Pure.
 */
import { isRecord } from '../lib/json.ts';
import type { KubeObject } from '../model/object.ts';
import { CLUSTER_NAME_LABEL } from './ocm-kinds.ts';

const SIGNER = 'kubernetes.io/kube-apiserver-client';
const USAGES = ['client auth', 'digital signature', 'key encipherment'];
const SUBJECT = 'system:open-cluster-management';
const AGENTS = `${SUBJECT}:managed-clusters`;

/** What is to be done about the requests of one cluster. */
export interface Judgement {
  /** The request to approve; null when there is none. */
  readonly approve: KubeObject | null;
  /** Why it cannot go on by itself; "" when it can. */
  readonly trouble: string;
  /** What is waited for. */
  readonly waits: string;
}

/**
 * Looks at the requests that carry a cluster's label. One of the bootstrap identity `requester` that is what OCM 1.3's
 * agent makes for exactly this cluster is to be approved. What another asks is not ours to approve; one that was denied,
 * one that is not as it should be, and several with different names are a person's matter, and nothing is approved then.
 */
export function judgeRequests(cluster: string, requests: readonly KubeObject[], requester: string): Judgement {
  const stop = (trouble: string): Judgement => ({ approve: null, trouble, waits: '' });
  const joining = requests.filter((request) => request.metadata.labels?.[CLUSTER_NAME_LABEL] === cluster && !isRenewal(request, cluster));
  const denied = joining.find((request) => has(request, 'Denied'));
  if (denied !== undefined) return stop(`CertificateSigningRequest ${nameOf(denied)} was denied; delete it to let the cluster ask again`);
  const pending = joining.filter((request) => !has(request, 'Approved') && !has(request, 'Failed'));
  const [first] = pending;
  if (first === undefined) return { approve: null, trouble: '', waits: waitsFor(joining) };
  for (const request of pending) {
    const why = refusalOf(request, cluster, requester);
    if (why !== '') return stop(`CertificateSigningRequest ${nameOf(request)} is not approved: ${why}`);
  }
  const names = [...new Set(pending.map((request) => subjectOf(request)?.commonName ?? ''))];
  if (names.length > 1)
    return stop(
      `${pending.length} CertificateSigningRequests ask for ${names.length} different names (${pending.map(nameOf).sort().join(', ')}); approve one by hand and delete the others`,
    );
  return { approve: first, trouble: '', waits: '' };
}

function waitsFor(joining: readonly KubeObject[]): string {
  const failed = joining.find((request) => has(request, 'Failed'));
  const approved = joining.filter((request) => has(request, 'Approved') && !has(request, 'Failed'));
  const unsigned = approved.find((request) => statusOf(request)['certificate'] === undefined);
  if (unsigned !== undefined) return `CertificateSigningRequest ${nameOf(unsigned)} is approved and waits to be signed`;
  if (failed !== undefined && approved.length === 0) return `CertificateSigningRequest ${nameOf(failed)} could not be signed`;
  return approved.length > 0 ? 'its klusterlet has its certificate' : 'its klusterlet has not asked for a certificate yet';
}

/** An agent that has its certificate asks for the next one by itself; OCM's hub approves that. */
function isRenewal(request: KubeObject, cluster: string): boolean {
  const { username } = specOf(request);
  return typeof username === 'string' && username.startsWith(`${SUBJECT}:${cluster}:`);
}

/** Why a request is not to be approved; "" when it is. */
function refusalOf(request: KubeObject, cluster: string, requester: string): string {
  const { signerName, usages, username } = specOf(request);
  if (username !== requester) return `${text(username)} asks, not ${requester}, which the cluster was given`;
  if (signerName !== SIGNER) return `its signer is ${text(signerName)}, not ${SIGNER}`;
  if (!Array.isArray(usages) || usages.map(String).toSorted().join() !== USAGES.join()) return `its usages are not ${USAGES.join(', ')}`;
  const subject = subjectOf(request);
  if (subject === null) return 'it cannot be read';
  const { commonName, organizations, others } = subject;
  const agent = commonName.startsWith(`${SUBJECT}:${cluster}:`) ? commonName.slice(`${SUBJECT}:${cluster}:`.length) : '';
  if (agent === '' || agent.includes(':')) return `it is for ${JSON.stringify(commonName)}, which is no agent of cluster ${cluster}`;
  if (others || organizations.toSorted().join() !== [`${SUBJECT}:${cluster}`, AGENTS].sort().join())
    return `its groups are ${organizations.map((name) => JSON.stringify(name)).join(', ')}, not those of cluster ${cluster}`;
  return '';
}

const text = (value: unknown): string => (typeof value === 'string' && value !== '' ? value : 'nobody');
const nameOf = (request: KubeObject): string => request.metadata.name ?? '';
const specOf = (request: KubeObject): Readonly<Record<string, unknown>> => (isRecord(request['spec']) ? request['spec'] : {});
const statusOf = (request: KubeObject): Readonly<Record<string, unknown>> => (isRecord(request['status']) ? request['status'] : {});

function has(request: KubeObject, type: string): boolean {
  const { conditions } = statusOf(request);
  return (Array.isArray(conditions) ? conditions.filter(isRecord) : []).some((condition) => condition['type'] === type && condition['status'] !== 'False');
}

/** The conditions of a request that is approved. */
export function approvedConditions(request: KubeObject, cluster: string): readonly unknown[] {
  const { conditions } = statusOf(request);
  return [
    ...(Array.isArray(conditions) ? conditions : []),
    { type: 'Approved', status: 'True', reason: 'ApprovedByLateen', message: `cluster ${cluster} is registered by Lateen` },
  ];
}

interface Subject {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** It names more than these. */
  readonly others: boolean;
}

const COMMON_NAME = '550403';
const ORGANIZATION = '55040a';

/** Whom a request is about; null when it is no PKCS#10 request with one common name. */
function subjectOf(request: KubeObject): Subject | null {
  const encoded = specOf(request)['request'];
  if (typeof encoded !== 'string') return null;
  const body = /^-----BEGIN CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----\s*$/.exec(
    Buffer.from(encoded, 'base64').toString('latin1'),
  );
  if (body === null) return null;
  try {
    // CertificationRequest { CertificationRequestInfo { version, subject, ... }, ... }
    const info = childrenOf(childrenOf(readValue(Buffer.from(body[1] ?? '', 'base64'), 0).content)[0]?.content ?? EMPTY);
    const parts = childrenOf(info[1]?.content ?? EMPTY)
      .flatMap(({ content }) => childrenOf(content))
      .map(({ content }) => {
        const [type, value] = childrenOf(content);
        return { type: type?.content.toString('hex') ?? '', value: value?.content.toString('utf8') ?? '' };
      });
    const names = parts.filter(({ type }) => type === COMMON_NAME);
    const organizations = parts.filter(({ type }) => type === ORGANIZATION).map(({ value }) => value);
    return names.length === 1 && names[0] !== undefined
      ? { commonName: names[0].value, organizations, others: parts.length !== organizations.length + 1 }
      : null;
  } catch {
    return null;
  }
}

const EMPTY = Buffer.alloc(0);

interface DerValue {
  readonly content: Buffer;
  /** Where the next value begins. */
  readonly end: number;
}

/** One value of DER (X.690). Throws a RangeError where the bytes end too soon. */
function readValue(bytes: Buffer, at: number): DerValue {
  const first = bytes.readUInt8(at + 1);
  const more = first < 0x80 ? 0 : first & 0x7f;
  const length = more === 0 ? first : bytes.readUIntBE(at + 2, more);
  const start = at + 2 + more;
  if (start + length > bytes.length) throw new RangeError('the value is longer than its bytes');
  return { content: bytes.subarray(start, start + length), end: start + length };
}

function childrenOf(bytes: Buffer): readonly DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; at = values.at(-1)?.end ?? bytes.length) values.push(readValue(bytes, at));
  return values;
}
