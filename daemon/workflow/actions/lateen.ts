/**
 * What Lateen's own definitions may ask for; no package needs to be imported:
 *
 *     register: {
 *         #provider: "lateen"
 *         #do:       "register-cluster"
 *         $params: {name: "c1", kubeconfig: parameter.kubeconfig, labels: purpose: "test", clusterSet: "prod", boundTo: ["default"]}
 *     }
 *     // register.$returns.cluster: {name, mode}
 *
 * A flat call has the same fields beside #do and `cluster` among them; KubeVela 1.1's dialect knows only that form, where
 * `$params` is taken all the same.
 */
import { isRecord, type Fields } from '../../lib/json.ts';
import { connectionOfText, readKubeconfigText, serverUrl } from '../../lib/kubeconfig-text.ts';
import type { CueObject } from '../../model/cue.ts';
import { DELIVERY_ANNOTATION } from '../../model/clusters.ts';
import { keyOf, keyText, LOCAL, type KubeObject } from '../../model/object.ts';
import type { ClusterRegistration } from '../../model/ports.ts';
import type { Action, StepContext } from '../run.ts';
import { answer, complete, fieldsOf, listOf, refusal, textOf, type Provider } from './calls.ts';
import { wantedFor } from './step-object.ts';

const WAIT_MS = 1_000;
const SET_LABEL = 'cluster.open-cluster-management.io/clusterset';

/**
 * Registers a cluster with the hub and waits until it is available. Its ManagedCluster is recorded as this application's,
 * so that it goes with it. Faults: workflow/call for parameters of the wrong form; transport/* of the registration.
 */
const registerCluster: Action = async (call, context) => {
  const isWrapped = call.style === 'flat' && isRecord(call.params['$params']);
  const registration = registrationOf(isWrapped ? (call.params['$params'] as CueObject) : call.params);
  const { available, message } = await context.register(registration, context.signal);
  const mode = await record(registration, context);
  if (!available || mode === '') return { kind: 'wait', message, retryAfterMs: WAIT_MS };
  const cluster = { name: registration.name, mode };
  return answer(isWrapped ? { $returns: { cluster } } : { cluster });
};

/** The parameters as a registration; certificates and key are PEM or base64 of it. */
function registrationOf(params: CueObject): ClusterRegistration {
  const { kubeconfig, connection } = params;
  const name = textOf(params['name']);
  if (name === '') throw refusal('lateen.register-cluster needs a name');
  if ((textOf(kubeconfig) === '') === !isRecord(connection)) throw refusal('lateen.register-cluster needs either kubeconfig, which is a text, or connection');
  const boundTo = listOf(params['boundTo']);
  const labels = fieldsOf(params['labels']);
  if (![...boundTo, ...Object.values(labels)].every((value) => typeof value === 'string'))
    throw refusal('lateen.register-cluster: labels and boundTo are texts');
  const hubServer = textOf(params['hubServer']);
  const hubUrl = hubServer === '' ? '' : serverUrl(hubServer);
  if (hubUrl === null) throw refusal('lateen.register-cluster: hubServer is no https URL');
  return {
    name,
    labels: labels as Readonly<Record<string, string>>,
    boundTo: boundTo as readonly string[],
    connection: connectionOfText(isRecord(connection) ? fieldsAsText(connection) : readKubeconfigText(textOf(kubeconfig))),
    clusterSet: textOf(params['clusterSet']) || null,
    hubServer: hubUrl,
  };
}

function fieldsAsText(connection: Fields): Parameters<typeof connectionOfText>[0] {
  const { endpoint, ca, cert, key, token } = connection;
  return { server: textOf(endpoint), caData: textOf(ca), certData: textOf(cert), keyData: textOf(key), token: textOf(token) };
}

/** Records the ManagedCluster as the application's, and says how the cluster is delivered to; "" while it is not there. */
async function record(registration: ClusterRegistration, context: StepContext): Promise<string> {
  const bare: KubeObject = { apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster', metadata: { name: registration.name } };
  const key = keyOf(LOCAL, bare);
  const seen = (await context.transport.observe([key], context.signal)).get(keyText(key));
  if (seen === undefined || 'absent' in seen) return '';
  if ('fault' in seen) throw seen.fault;
  const mode = seen.live.metadata.annotations?.[DELIVERY_ANNOTATION] ?? '';
  if (mode === '' || seen.live.metadata.deletionTimestamp !== undefined) return '';
  const wanted = await wantedFor({ ...bare, ...ownPart(registration, seen.live, mode) }, '', context);
  const [delivered] = await context.delivery.deliver([{ ...wanted, rules: { ...wanted.rules, takeOver: true } }], 'workflow');
  if (delivered?.fault) throw delivered.fault;
  return mode;
}

/**
 * What of a ManagedCluster is the application's: what was asked for, and on a direct cluster all that Lateen has written,
 * which an apply without it would give up. Taints come and go, and stay the tender's; with OCM all else is the agents'.
 */
function ownPart({ name, labels, clusterSet }: ClusterRegistration, live: KubeObject, mode: string): Pick<KubeObject, 'metadata'> & Fields {
  const set = clusterSet ?? (mode === 'direct' ? (live.metadata.labels?.[SET_LABEL] ?? null) : null);
  const { taints: _taints, ...spec } = fieldsOf(live['spec']);
  const { finalizers = [] } = live.metadata;
  return {
    metadata: {
      name,
      annotations: { [DELIVERY_ANNOTATION]: mode },
      labels: { ...labels, ...(set === null ? {} : { [SET_LABEL]: set }) },
      ...(mode === 'direct' && finalizers.length > 0 ? { finalizers } : {}),
    },
    spec: mode === 'direct' ? spec : { hubAcceptsClient: true },
  };
}

export const LATEEN: Provider = { 'register-cluster': complete(registerCluster, ['cluster']) };
