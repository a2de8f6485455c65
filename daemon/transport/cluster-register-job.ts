/**
 * The Job of KubeVela 1.1's step `register-cluster`, carried out by Lateen: its image, `oamdev/cluster-register`, is years
 * old, writes the member's key to its log, and needs an OCM of that time.
 *
 *   applied ──> suspended, managedBy lateen.dev/cluster-register ──> startTime ── registered, available ──> Complete
 *                                    │                                  └── cannot be yet: active, and its message told
 *                                    └── (older servers drop managedBy: suspended alone keeps Kubernetes from running it)
 */
import { isRecord } from '../lib/json.ts';
import { connectionOfText, readKubeconfigText, serverUrl, type KubeconfigText } from '../lib/kubeconfig-text.ts';
import { timeText } from '../lib/text.ts';
import { endsTurn, Fault, toFault } from '../model/fault.ts';
import { describeKey, keyOf, LOCAL, type JsonObject, type KubeObject } from '../model/object.ts';
import type { ClusterRegistration, Clock, Controller, Effects, Objects, Redactor, Register, Turn } from '../model/ports.ts';
import { targetOf } from './kube.ts';

/** The value of `spec.managedBy`: Kubernetes leaves such a Job to whom it names. */
export const MANAGED_BY = 'lateen.dev/cluster-register';
/** The same as an annotation, for servers that know no managedBy. */
export const CARRIED_OUT_ANNOTATION = 'lateen.dev/carried-out-by';

export interface RegisterJobDoors {
  readonly objects: Objects;
  readonly register: Register;
  readonly effects: Effects;
  readonly redactor: Redactor;
  readonly clock: Clock;
}

const WAIT_MS = 1_000;
const REFUSED_MS = 30_000;

/** Any registry, tag or digest. */
const IMAGE = /^(?:[^@]*\/)?oamdev\/cluster-register(?::[^/@]*)?(?:@.*)?$/;

/** Whether a Job is one for the image `oamdev/cluster-register`, whoever runs it. Pure. */
export function isRegisterJob(object: KubeObject): boolean {
  return object.apiVersion === 'batch/v1' && object.kind === 'Job' && containerOf(object) !== null;
}

/** Whether a Job is left to Lateen: by name, or suspended where the server knows no managedBy. Pure. */
export function isCarriedOut(object: KubeObject): boolean {
  const { managedBy, suspend } = specOf(object);
  return managedBy === MANAGED_BY || (managedBy === undefined && suspend === true && isMarked(object));
}

/** Whether Lateen has made a Job its own when it was applied; that mark any server keeps. Pure. */
export const isMarked = (object: KubeObject): boolean => object.metadata.annotations?.[CARRIED_OUT_ANNOTATION] === MANAGED_BY;

/** Whether a Job has ended, well or not. Pure. */
export function isFinished(object: KubeObject): boolean {
  const status = isRecord(object['status']) ? object['status'] : {};
  return (Array.isArray(status['conditions']) ? status['conditions'].filter(isRecord) : []).some(
    ({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True',
  );
}

/**
 * Carries the Jobs out: a turn registers the cluster that the Job's flags name and, once it is available, tells the Job's
 * status that it is complete, as Kubernetes wants it (succeeded, SuccessCriteriaMet, Complete). A Job that has ended is
 * left alone; one that cannot be carried out yet stays active and is tried again, for ever.
 */
export function clusterRegisterJobController(doors: RegisterJobDoors): Controller {
  const { register, redactor } = doors;

  async function turn(job: KubeObject, signal: AbortSignal): Promise<Turn> {
    learnJob(job, redactor);
    if (job.metadata.deletionTimestamp !== undefined || isFinished(job)) return { retryAfterMs: null, changed: false, message: '', fault: null };
    let changed = false;
    try {
      const registration = registrationOf(job);
      const started = await begin(job, doors, signal);
      changed = started !== job;
      const { available, message, changed: isWritten } = await register(registration, signal);
      changed ||= isWritten;
      if (!available) return { retryAfterMs: WAIT_MS, changed, message, fault: null };
      await complete(started, registration.name, doors, signal);
      return { retryAfterMs: null, changed: true, message: '', fault: null };
    } catch (error) {
      const fault = toFault(error);
      if (endsTurn(fault)) throw fault;
      return {
        retryAfterMs: fault.retryAfterMs ?? (fault.kind === 'denied' || fault.kind === 'invalid' ? REFUSED_MS : WAIT_MS),
        changed,
        message: redactor.text(fault.message),
        fault,
      };
    }
  }

  return { apiVersion: 'batch/v1', kind: 'Job', isMine: (object) => isRegisterJob(object) && isCarriedOut(object), turn };
}

/** The Job with its startTime. */
async function begin(job: KubeObject, doors: RegisterJobDoors, signal: AbortSignal): Promise<KubeObject> {
  if (isRecord(job['status']) && typeof job['status']['startTime'] === 'string') return job;
  return saveStatus(job, { startTime: timeText(doors.clock.now()) }, doors, signal);
}

/** Kubernetes 1.31 and later: SuccessCriteriaMet comes with Complete, and both need the times. */
async function complete(job: KubeObject, cluster: string, doors: RegisterJobDoors, signal: AbortSignal): Promise<void> {
  const now = timeText(doors.clock.now());
  const condition = (type: string): JsonObject => ({
    type,
    status: 'True',
    lastProbeTime: now,
    lastTransitionTime: now,
    reason: 'CompletionsReached',
    message: `Lateen has registered cluster ${cluster}`,
  });
  const status = isRecord(job['status']) ? job['status'] : {};
  const others = Array.isArray(status['conditions'])
    ? status['conditions'].filter((one): one is JsonObject => isRecord(one) && one['type'] !== 'Suspended')
    : [];
  await saveStatus(job, { succeeded: 1, completionTime: now, conditions: [...others, condition('SuccessCriteriaMet'), condition('Complete')] }, doors, signal);
}

function saveStatus(job: KubeObject, status: JsonObject, { objects, effects }: RegisterJobDoors, signal: AbortSignal): Promise<KubeObject> {
  const { resourceVersion } = job.metadata;
  const body: JsonObject = { ...(resourceVersion === undefined ? {} : { metadata: { resourceVersion } }), status };
  return effects.run('system', describeKey(keyOf(LOCAL, job)), () => objects.patch(targetOf(job), body, signal, 'status'));
}

/** The cluster that a Job is to register, "" when it names none. Pure. */
export const clusterOfJob = (job: KubeObject): string => flagsOf(job).get('cluster-name') ?? '';

/** What the flags of a Job's container ask for. Throws transport/invalid and transport/connection, never with a value. */
export function registrationOf(job: KubeObject): ClusterRegistration {
  const flags = flagsOf(job);
  const name = flags.get('cluster-name') ?? '';
  if (name === '') throw new Fault('transport/invalid', `${describeKey(keyOf(LOCAL, job))} has no --cluster-name`);
  const asked = flags.get('hub-api-server') ?? '';
  const hubServer = asked === '' ? '' : serverUrl(asked);
  if (hubServer === null) throw new Fault('transport/invalid', `${describeKey(keyOf(LOCAL, job))}: --hub-api-server is no https URL`);
  return { name, connection: connectionOfText(connectionFields(flags)), labels: {}, clusterSet: null, boundTo: [], hubServer };
}

/** oamdev/cluster-register v1.0: --kube-config wins over the four single values. */
function connectionFields(flags: ReadonlyMap<string, string>): KubeconfigText {
  const kubeconfig = flags.get('kube-config') ?? '';
  if (kubeconfig !== '') return readKubeconfigText(plainKubeconfig(kubeconfig));
  return {
    server: flags.get('api-server-internet') ?? '',
    caData: flags.get('cluster-ca-cert') ?? '',
    certData: flags.get('client-cert') ?? '',
    keyData: flags.get('client-key') ?? '',
    token: '',
  };
}

/** With `--decode` the values come in base64 once more; whether they do is seen by looking. */
function plainKubeconfig(text: string): string {
  return /^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text) ? Buffer.from(text, 'base64').toString('utf8') : text;
}

/** `--name=value`, `--name value` and both with one dash, as Go's flags are written; a flag alone is `true`. */
function flagsOf(job: KubeObject): ReadonlyMap<string, string> {
  const container = containerOf(job) ?? {};
  const words = [container['command'], container['args']].flatMap((list) => (Array.isArray(list) ? list : [])).filter((word) => typeof word === 'string');
  const flags = new Map<string, string>();
  for (const [i, word] of words.entries()) {
    const match = /^--?([a-z][a-z-]*)(?:=([\s\S]*))?$/.exec(word);
    if (match === null) continue;
    const [, name = '', value] = match;
    const next = words[i + 1];
    flags.set(name, value ?? (next === undefined || next.startsWith('-') || name === 'decode' ? 'true' : next));
  }
  return flags;
}

/** Teaches the redactor what is secret in a Job's flags: keys, tokens, and the certificates that go with them. Pure but for that. */
export function learnJob(job: KubeObject, redactor: Redactor): void {
  const flags = flagsOf(job);
  for (const name of ['client-key', 'client-cert', 'cluster-ca-cert']) learnData(flags.get(name) ?? '', redactor);
  const kubeconfig = flags.get('kube-config') ?? '';
  if (kubeconfig === '') return;
  try {
    const { keyData, certData, caData, token } = readKubeconfigText(plainKubeconfig(kubeconfig));
    for (const data of [keyData, certData, caData]) learnData(data, redactor);
    redactor.learn(token);
  } catch {
    // Why is told when the Job has its turn; a text that cannot be read may hold a key all the same.
    redactor.learn(kubeconfig);
  }
}

/** A value as it is, and what it is the base64 of. */
function learnData(value: string, redactor: Redactor): void {
  redactor.learn(value);
  const plain = /^[A-Za-z0-9+/]{16,}={0,2}$/.test(value) ? Buffer.from(value, 'base64').toString('utf8') : '';
  if (/^[\t\n\r -~]+$/.test(plain)) redactor.learn(plain);
}

const specOf = (job: KubeObject): Readonly<Record<string, unknown>> => (isRecord(job['spec']) ? job['spec'] : {});

/** The container with the image; null when the Job has none. */
function containerOf(job: KubeObject): Readonly<Record<string, unknown>> | null {
  const template = specOf(job)['template'];
  const pod = isRecord(template) && isRecord(template['spec']) ? template['spec'] : {};
  const containers = Array.isArray(pod['containers']) ? pod['containers'].filter(isRecord) : [];
  return containers.find(({ image }) => typeof image === 'string' && IMAGE.test(image)) ?? null;
}
