/** OCM's admission webhook for ManifestWorks: its registration on a hub, and a stand-in that refuses in OCM 1.3.1's words. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { LabClient } from '../lab/client.ts';
import { createAuthority, issueServer, type KeyPair } from '../lab/pki.ts';

const PATH = '/validate-work-open-cluster-management-io-v1-manifestwork';
const LIMIT_BYTES = 500 * 1024;

/** A certificate for a server on loopback, and the authority that it is checked by. */
export function webhookCertificate(): { readonly authority: KeyPair; readonly server: KeyPair } {
  const now = new Date();
  const authority = createAuthority('webhooks', now);
  return { authority, server: issueServer(authority, { commonName: 'webhook' }, ['127.0.0.1'], now) };
}

/** Registers the webhook that answers on a port of loopback. */
export async function registerWebhook(hub: LabClient, port: number, caPem: string): Promise<void> {
  await hub.apply({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'manifestworkvalidators.admission.work.open-cluster-management.io' },
    webhooks: [
      {
        name: 'manifestworkvalidators.admission.work.open-cluster-management.io',
        admissionReviewVersions: ['v1beta1', 'v1'],
        failurePolicy: 'Fail',
        sideEffects: 'None',
        timeoutSeconds: 10,
        clientConfig: { url: `https://127.0.0.1:${port}${PATH}`, caBundle: Buffer.from(caPem).toString('base64') },
        rules: [{ operations: ['CREATE', 'UPDATE'], apiGroups: ['work.open-cluster-management.io'], apiVersions: ['*'], resources: ['manifestworks'] }],
      },
    ],
  });
}

/** Answers as OCM's webhook does about sizes, and registers itself. Ends with its scope. */
export async function playWebhook(hub: LabClient): Promise<AsyncDisposable> {
  const { authority, server: pair } = webhookCertificate();
  const server = createServer({ cert: pair.certPem, key: pair.keyPem }, (request, response) => {
    void request.toArray().then((chunks) => {
      const {
        apiVersion,
        kind,
        request: asked,
      } = JSON.parse(Buffer.concat(chunks as Buffer[]).toString('utf8')) as { apiVersion: string; kind: string; request: { uid: string; object: any } };
      const bytes = (asked.object.spec.workload.manifests as object[]).reduce((sum, manifest) => sum + Buffer.byteLength(JSON.stringify(manifest)), 0);
      const status = bytes > LIMIT_BYTES ? { code: 400, message: `the size of manifests is ${bytes} bytes which exceeds the ${LIMIT_BYTES} limit` } : null;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ apiVersion, kind, response: { uid: asked.uid, allowed: status === null, ...(status === null ? {} : { status }) } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await registerWebhook(hub, (server.address() as AddressInfo).port, authority.certPem);
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
