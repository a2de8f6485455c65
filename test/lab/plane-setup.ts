// What has to lie in a control plane's folder before its programs start: certificates, kubeconfig, ports.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { randomInt } from 'node:crypto';
import { AUDIT_POLICY } from './audit.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { planeFiles } from './parts.ts';
import { createAuthority, createSigningKey, issueClient, issueServer, type KeyPair } from './pki.ts';

export type Ports = { readonly api: number; readonly etcd: number };

const SERVER_NAMES = ['127.0.0.1', '::1', 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', '10.0.0.1'];

// Below the range that systems take outgoing ports from (32768 on Linux): a port that is free for a
// moment, because the API server is away, is not taken by somebody's connection.
const PORT_FIRST = 20_000;
const PORT_LAST = 29_999;

/** Prepares the folder; what a former run left there (data, certificates, ports) is used again. */
export async function prepareDirectory(name: string, directory: string): Promise<{ readonly ports: Ports; readonly server: string }> {
  const files = planeFiles(directory);
  for (const file of [files.log('x'), files.caCert]) await mkdir(dirname(file), { recursive: true });
  await mkdir(files.etcd, { recursive: true, mode: 0o700 });
  const ports = await choosePorts(files.ports);
  const admin = (await readPair(files.adminCert, files.adminKey)) ?? (await createCertificates(name, directory));
  const server = `https://127.0.0.1:${ports.api}`;
  await writeFile(files.auditPolicy, AUDIT_POLICY);
  await writeFile(files.kubeconfig, kubeconfigText(name, server, await readFile(files.caCert, 'utf8'), admin), { mode: 0o600 });
  return { ports, server };
}

/** A kubeconfig for another user of the control plane, signed by its authority; who may do what is up to RBAC. */
export async function kubeconfigForUser(name: string, directory: string, server: string, user: string, groups: readonly string[]): Promise<string> {
  const files = planeFiles(directory);
  const authority = await readPair(files.caCert, files.caKey);
  if (authority === undefined) throw new Error(`${directory} holds no certificate authority`);
  return kubeconfigText(name, server, authority.certPem, issueClient(authority, { commonName: user, organizations: groups }, new Date()));
}

async function createCertificates(name: string, directory: string): Promise<KeyPair> {
  const files = planeFiles(directory);
  const now = new Date();
  const authority = createAuthority(`${name}-ca`, now);
  const token = createSigningKey();
  await writePair(files.caCert, files.caKey, authority);
  await writePair(files.serverCert, files.serverKey, issueServer(authority, { commonName: 'kube-apiserver' }, SERVER_NAMES, now));
  await writeFile(files.tokenKey, token.privatePem, { mode: 0o600 });
  await writeFile(files.tokenPublicKey, token.publicPem);
  const admin = issueClient(authority, { commonName: 'lab-admin', organizations: ['system:masters'] }, now);
  await writePair(files.adminCert, files.adminKey, admin); // last: its presence says that all of them are there
  return admin;
}

async function writePair(certFile: string, keyFile: string, pair: KeyPair): Promise<void> {
  await writeFile(keyFile, pair.keyPem, { mode: 0o600 });
  await writeFile(certFile, pair.certPem);
}

async function readPair(certFile: string, keyFile: string): Promise<KeyPair | undefined> {
  try {
    return { certPem: await readFile(certFile, 'utf8'), keyPem: await readFile(keyFile, 'utf8') };
  } catch {
    return undefined; // not made yet
  }
}

async function choosePorts(file: string): Promise<Ports> {
  const former = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as Ports,
    () => undefined,
  );
  const api = former !== undefined && (await isFree(former.api)) ? former.api : await freePort();
  const etcd = former !== undefined && (await isFree(former.etcd)) ? former.etcd : await freePort(api);
  await writeFile(file, JSON.stringify({ api, etcd }));
  return { api, etcd };
}

async function freePort(except?: number): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = randomInt(PORT_FIRST, PORT_LAST + 1);
    if (port !== except && (await isFree(port))) return port;
  }
  throw new Error(`no free port on loopback between ${PORT_FIRST} and ${PORT_LAST}`);
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false)).listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
