// The command lines of a control plane's programs, as tried on Kubernetes 1.36.3, etcd 3.6.8 and kwok 0.8.0.
import { join } from 'node:path';
import type { LabBinaries, Program } from './build.ts';

/** What the programs of one control plane have in common. */
export type PlanePlan = {
  readonly directory: string;
  readonly binaries: LabBinaries;
  readonly apiPort: number;
  readonly etcdPort: number;
  readonly hasNodes: boolean;
  readonly isAudited: boolean;
  readonly apiServerFlags: readonly string[];
};

/** Files of one control plane, below its folder. */
export const planeFiles = (directory: string) =>
  ({
    kubeconfig: join(directory, 'kubeconfig'),
    state: join(directory, 'state.json'),
    ports: join(directory, 'ports.json'),
    log: (part: string) => join(directory, 'logs', `${part}.log`),
    etcd: join(directory, 'etcd'),
    audit: join(directory, 'logs', 'audit.jsonl'),
    auditPolicy: join(directory, 'audit-policy.yaml'),
    caCert: join(directory, 'pki', 'ca.crt'),
    caKey: join(directory, 'pki', 'ca.key'),
    serverCert: join(directory, 'pki', 'server.crt'),
    serverKey: join(directory, 'pki', 'server.key'),
    adminCert: join(directory, 'pki', 'admin.crt'),
    adminKey: join(directory, 'pki', 'admin.key'),
    tokenKey: join(directory, 'pki', 'token.key'),
    tokenPublicKey: join(directory, 'pki', 'token.pub'),
  }) as const;

/** The arguments of one program. */
export function argumentsOf(part: Program, plan: PlanePlan): readonly string[] {
  return ARGUMENTS[part](plan, planeFiles(plan.directory));
}

type Files = ReturnType<typeof planeFiles>;

// The lab's controllers may ask more often than the 20 times a second that a cluster grants them: tests
// wait for them, and there is nobody to protect.
const RATE = ['--kube-api-qps=500', '--kube-api-burst=1000'];

const ARGUMENTS: Readonly<Record<Program, (plan: PlanePlan, files: Files) => readonly string[]>> = {
  etcd: (plan, files) => [
    `--data-dir=${files.etcd}`,
    `--listen-client-urls=http://127.0.0.1:${plan.etcdPort}`,
    `--advertise-client-urls=http://127.0.0.1:${plan.etcdPort}`,
    '--listen-peer-urls=http://127.0.0.1:0', // it has no peers; port 0 takes any
    '--unsafe-no-fsync', // the lab's data outlives a killed process, not a power cut
    '--heartbeat-interval=50',
    '--election-timeout=250',
    '--log-level=warn',
  ],
  'kube-apiserver': (plan, files) => [
    `--etcd-servers=http://127.0.0.1:${plan.etcdPort}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${plan.apiPort}`,
    `--tls-cert-file=${files.serverCert}`,
    `--tls-private-key-file=${files.serverKey}`,
    `--client-ca-file=${files.caCert}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${files.tokenPublicKey}`,
    `--service-account-signing-key-file=${files.tokenKey}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/16',
    '--allow-privileged=true',
    '--endpoint-reconciler-type=none',
    // Without the controller manager nobody makes the ServiceAccount that this plug-in waits for.
    ...(plan.hasNodes ? [] : ['--disable-admission-plugins=ServiceAccount']),
    ...(plan.isAudited ? [`--audit-policy-file=${files.auditPolicy}`, `--audit-log-path=${files.audit}`] : []),
    ...plan.apiServerFlags,
  ],
  'kube-controller-manager': (_plan, files) => [
    ...ownKubeconfig(files),
    '--secure-port=0',
    `--service-account-private-key-file=${files.tokenKey}`,
    `--root-ca-file=${files.caCert}`,
    `--cluster-signing-cert-file=${files.caCert}`,
    `--cluster-signing-key-file=${files.caKey}`,
    '--use-service-account-credentials=true',
    '--leader-elect=false',
    ...RATE,
  ],
  'kube-scheduler': (_plan, files) => [...ownKubeconfig(files), '--secure-port=0', '--leader-elect=false', ...RATE],
  kwok: (plan, files) => [
    `--kubeconfig=${files.kubeconfig}`,
    ...plan.binaries.stages.map((file) => `--config=${file}`),
    '--manage-all-nodes=true',
    '--node-lease-duration-seconds=40',
    '--cidr=10.244.0.0/16',
    '--node-ip=127.0.0.1',
  ],
};

function ownKubeconfig(files: Files): readonly string[] {
  return [`--kubeconfig=${files.kubeconfig}`, `--authentication-kubeconfig=${files.kubeconfig}`, `--authorization-kubeconfig=${files.kubeconfig}`];
}
