/** The connection Secret: what terraform-controller writes from the module's outputs, key by key. */
import { isRecord } from '../lib/json.ts';
import { readKubeconfigText } from '../lib/kubeconfig-text.ts';
import { Fault } from '../model/fault.ts';
import type { KubeObject, ObjectMeta } from '../model/object.ts';
import type { Redactor } from '../model/ports.ts';
import { nameOf, type Subject } from './subject.ts';
import { OUTPUTS, specOf, type OutputName } from './variables.ts';

/** terraform-controller's labels of a connection Secret: whose it is. It says it is its maker; what reads them looks for that. */
const OWNER_LABELS = {
  createdBy: 'terraform.core.oam.dev/created-by',
  name: 'terraform.core.oam.dev/owned-by',
  namespace: 'terraform.core.oam.dev/owned-namespace',
};

interface SecretPlace {
  readonly namespace: string;
  readonly name: string;
}

/** Where the connection is to be written; null where nobody asks for it. terraform-controller: without a namespace, `default`. */
function placeOf(configuration: KubeObject): SecretPlace | null {
  const reference = specOf(configuration)['writeConnectionSecretToRef'];
  if (!isRecord(reference) || typeof reference['name'] !== 'string' || reference['name'] === '') return null;
  return {
    name: reference['name'],
    namespace: typeof reference['namespace'] === 'string' && reference['namespace'] !== '' ? reference['namespace'] : 'default',
  };
}

const targetOf = (place: SecretPlace): { apiVersion: string; kind: string; namespace: string; name: string } => ({
  apiVersion: 'v1',
  kind: 'Secret',
  ...place,
});

function labelsFor(meta: ObjectMeta): Readonly<Record<string, string>> {
  // A label holds 63 characters. An owner's name that is longer is told by its beginning.
  const fit = (text: string): string => text.slice(0, 63).replace(/[^A-Za-z0-9]+$/, '');
  return { [OWNER_LABELS.createdBy]: 'terraform-controller', [OWNER_LABELS.name]: fit(meta.name ?? ''), [OWNER_LABELS.namespace]: fit(meta.namespace ?? '') };
}

function isOurs(secret: KubeObject, configuration: KubeObject): boolean {
  const labels = secret.metadata.labels ?? {};
  const wanted = labelsFor(configuration.metadata);
  return [OWNER_LABELS.name, OWNER_LABELS.namespace].every((label) => labels[label] === wanted[label]);
}

/** Whether the Secret is there with all its keys, or none is asked for. What it holds is known to the redactor then. */
export async function isConnected(subject: Subject, outputs: Readonly<Record<string, OutputName>>): Promise<boolean> {
  const { hub, redactor } = subject.options;
  const place = placeOf(subject.object());
  if (place === null) return true;
  const secret = await hub.get(targetOf(place), subject.signal);
  if (secret === null) return false;
  const data = isRecord(secret['data']) ? secret['data'] : {};
  for (const [key, value] of Object.entries(data))
    if (typeof value === 'string' && outputs[key] !== undefined) learnOutput(outputs[key], Buffer.from(value, 'base64').toString('utf8'), redactor);
  return Object.keys(outputs).every((key) => typeof data[key] === 'string');
}

/**
 * Writes the Secret: one key for each output, its raw value in base64. The certificates and the key are the kubeconfig's
 * own `*-data` text, which is base64 already. Faults: provision/conflict when a Secret of that name belongs to another.
 */
export async function writeConnection(subject: Subject, clusterName: string, kubeconfig: string, outputs: Readonly<Record<string, OutputName>>): Promise<void> {
  const { hub, redactor } = subject.options;
  const values = readOutputs(clusterName, kubeconfig, redactor);
  const place = placeOf(subject.object());
  if (place === null) return;
  const live = await hub.get(targetOf(place), subject.signal);
  if (live !== null && !isOurs(live, subject.object()))
    throw new Fault(
      'provision/conflict',
      `Secret ${nameOf(place)} is there already and belongs to something else: name another in writeConnectionSecretToRef, or delete it`,
    );
  const data = Object.fromEntries(Object.entries(outputs).map(([key, output]) => [key, Buffer.from(values[output]).toString('base64')]));
  const secret: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata: { ...place, labels: labelsFor(subject.object().metadata) }, type: 'Opaque', data };
  await subject.act('apply', `Secret ${nameOf(place)}`, () => hub.apply(secret, subject.signal));
}

function readOutputs(clusterName: string, kubeconfig: string, redactor: Redactor): Readonly<Record<OutputName, string>> {
  const { server, caData, certData, keyData, token } = readKubeconfigText(kubeconfig);
  const values = { name: clusterName, kubeconfig, cluster_ca_cert: caData, client_cert: certData, client_key: keyData, api_server_internet: server };
  for (const output of OUTPUTS) learnOutput(output, values[output], redactor);
  redactor.learn(token);
  if (keyData === '' || certData === '') throw new Fault('provision/failed', "the cloud's kubeconfig has no client certificate and key");
  return values;
}

/**
 * Makes the secrets among the outputs known. A kubeconfig is not learned line by line: the names in it are the cluster's
 * own, and would be blanked everywhere.
 */
function learnOutput(output: OutputName, value: string, redactor: Redactor): void {
  if (output === 'client_key' || output === 'client_cert') {
    redactor.learn(value);
    redactor.learn(Buffer.from(value, 'base64').toString('utf8'));
  } else if (output === 'kubeconfig') {
    redactor.learn(Buffer.from(value).toString('base64'));
  }
}

/** Deletes the Secret, if it is ours. */
export async function removeConnection(subject: Subject): Promise<void> {
  const { hub } = subject.options;
  const place = placeOf(subject.object());
  if (place === null) return;
  const live = await hub.get(targetOf(place), subject.signal);
  if (live === null || !isOurs(live, subject.object())) return;
  await subject.act('delete', `Secret ${nameOf(place)}`, () => hub.remove(targetOf(place), subject.signal));
}
