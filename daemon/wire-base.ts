/** What every verb has, and the doors that need no hub: clock, log, redaction, the evaluator, the repository, a client. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { openLog, type Log } from './lib/log.ts';
import { createRedactor } from './lib/redact.ts';
import { systemClock } from './lib/retry.ts';
import type { Tree } from './model/catalog.ts';
import { Fault } from './model/fault.ts';
import type { Clock, Redactor } from './model/ports.ts';
import { parseApprovers, type Approver } from './plan/approvers.ts';
import { openCue, type Cue } from './render/cue/cue.ts';
import { readDirectory } from './source/directory.ts';
import { openSource, type Source, type SourceOptions } from './source/source.ts';
import { connect, connectInCluster, type KubeClient } from './transport/kube.ts';

/** The Initializers that are built in, as a tree of files. */
export const readBuiltIns = (): Promise<Tree> => readDirectory(join(import.meta.dirname, 'load', 'built-in'));

/** What every verb has. */
export interface Base {
  readonly config: Config;
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly log: Log;
}

/** Clock, redaction and log: all that a verb needs before it knows what it does. */
export async function wireBase(config: Config, { redactor = createRedactor() }: { readonly redactor?: Redactor } = {}): Promise<Base> {
  const clock = systemClock();
  const { credentials } = config.cloud;
  for (const secret of [config.git.token, credentials?.accessKeyId, credentials?.accessKeySecret, credentials?.securityToken])
    if (secret) redactor.learn(secret);
  const log = await openLog({ level: config.log.level, redactor, now: clock.now, to: 2, isPretty: config.log.pretty });
  return { config, clock, redactor, log };
}

/** The CUE evaluator; built on first use, workers started on first call. */
export function wireCue(base: Base): Cue {
  const { cue } = base.config;
  return openCue({
    clock: base.clock,
    override: cue.wasmFile ?? undefined,
    cacheDirectory: join(cue.cacheDir, '..'),
    limits: { timeoutMs: cue.timeoutMs, memoryBytesMax: cue.memoryMaxBytes, ...(cue.workers === null ? {} : { workers: cue.workers }) },
    progress: (line) => base.log.info(line),
  });
}

/** The repository as the configuration names it. */
export function sourceOptions(config: Config): SourceOptions {
  const { git } = config;
  const given = <K extends string>(name: K, value: string | null): { [P in K]?: string } => (value === null ? {} : ({ [name]: value } as { [P in K]: string }));
  return {
    url: config.repo,
    branch: config.branch,
    statusBranch: config.statusBranch,
    ...given('statusUrl', config.statusRepo),
    workDir: config.workDir,
    environment: config.environment,
    credentials: {
      ...given('username', git.username),
      ...given('token', git.token),
      ...given('tokenFile', git.tokenFile),
      ...given('sshKeyFile', git.sshKeyFile),
      ...given('knownHostsFile', git.knownHostsFile),
      ...given('caFile', git.caFile),
    },
    allowedSchemes: config.allowedSchemes,
    identity: config.identity,
    skipCi: config.status.skipCi,
    historyMax: config.status.historyMax,
    trust: {
      verify: config.trust.verify,
      acceptRewrite: config.trust.acceptRewrite,
      remembers: false,
      ...given('allowedSignersFile', config.trust.allowedSignersFile),
      ...given('revokedSignersFile', config.trust.revokedSignersFile),
      ...given('gpgKeysFile', config.trust.gpgKeysFile),
    },
  };
}

/**
 * The repository, opened; the signing key is only needed by who `writes`. `lastApplied` tells what the hub knows to have
 * been applied. Faults: source/scheme, source/signing, config/invalid.
 */
export function wireSource(
  base: Base,
  writes: boolean,
  lastApplied: (signal: AbortSignal) => Promise<readonly string[]> = () => Promise.resolve([]),
): Promise<Source> {
  const { signing } = base.config.status;
  const options = sourceOptions(base.config);
  return openSource(
    { ...options, trust: { ...options.trust, remembers: writes, lastApplied }, ...(writes && signing !== null ? { signing } : {}) },
    { clock: base.clock, redactor: base.redactor },
  );
}

/** The hub's client. Faults: config/invalid, transport/denied. */
export async function wireHub(base: Base): Promise<KubeClient> {
  const { config, clock } = base;
  if (config.kubeconfig === null) {
    const client = await connectInCluster(config.inClusterHost, { clock });
    if (client === null) throw new Fault('config/invalid', 'there is no kubeconfig, and this is not a Pod: give --kubeconfig FILE');
    return client;
  }
  const text = await readFile(config.kubeconfig, 'utf8').catch((error: unknown) => {
    throw new Fault('config/invalid', `the kubeconfig ${config.kubeconfig ?? ''} cannot be read`, { cause: error });
  });
  return connect(text, { clock, allowExec: true, ...(config.context === null ? {} : { context: config.context }) });
}

/** Reads the list of approvers, as it is now; null where there is none. Faults: config/invalid. */
export function wireApprovers({ config }: Base): (() => Promise<readonly Approver[]>) | null {
  const file = config.trust.approversFile;
  if (file === null) return null;
  return async () =>
    parseApprovers(
      await readFile(file, 'utf8').catch((error: unknown) => {
        throw new Fault('config/invalid', `the list of approvers ${file} cannot be read`, { cause: error });
      }),
      file,
    );
}
