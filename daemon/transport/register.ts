/**
 * Registers clusters with the hub, in the mode that it is run in.
 *
 *   annotated lateen.dev/delivery ─────────────────────────────────────────────────> that mode
 *   no annotation ── OCM's controllers run on the hub, or it was begun so ──────────> ocm     (register-ocm.ts)
 *        │        ── else a klusterlet has renewed its lease, or joins this hub ────> refused
 *        └──────── nothing of OCM ──────────────────────────────────────────────────> direct  (register-direct.ts)
 *
 * Each call does what is left to do and tells what it waits for; the caller calls until the cluster is available.
 */
import { DELIVERY_ANNOTATION, type DeliveryMode } from '../model/clusters.ts';
import { Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { ClusterRegistration, Register } from '../model/ports.ts';
import { leaseSecondsOf } from './clusters.ts';
import { findOcm, klusterletOf } from './ocm-evidence.ts';
import { CLUSTER_LEASE } from './ocm-kinds.ts';
import { checkedSecret, clusterTarget, registerDirect, type RegisterDoors } from './register-direct.ts';
import { standing } from './register-objects.ts';
import { AGENT_NAMESPACE, BOOTSTRAP_SECRET } from './register-ocm-objects.ts';
import { isJoining, openOcmRegistration, type OcmSettings } from './register-ocm.ts';

export interface RegisterOptions extends RegisterDoors {
  readonly ocm?: OcmSettings;
}

/** How long it is believed that OCM does, or does not, run on the hub. */
const EVIDENCE_FRESH_MS = 30_000;

/**
 * Opens the registration of clusters; nothing is asked yet. Its faults are those of {@link Register}: transport/delivery
 * when it is not certain how the cluster is to be delivered to, transport/connection and transport/invalid for what is
 * asked for, transport/* for the rest.
 */
export function openRegister(options: RegisterOptions): Register {
  const { hub, clock } = options;
  const ocm = openOcmRegistration(options, options.ocm ?? {});
  const begun = new Set<string>();
  let evidence: { readonly ocm: string | null; readonly untilMs: number } = { ocm: null, untilMs: 0 };

  async function hubEvidence(signal: AbortSignal): Promise<string | null> {
    if (clock.now() >= evidence.untilMs) evidence = { ocm: await findOcm(hub, clock, signal), untilMs: clock.now() + EVIDENCE_FRESH_MS };
    return evidence.ocm;
  }

  async function modeOf(registration: ClusterRegistration, live: KubeObject | null, signal: AbortSignal): Promise<DeliveryMode> {
    const { name } = registration;
    const annotated = live?.metadata.annotations?.[DELIVERY_ANNOTATION];
    if (annotated === 'direct' || annotated === 'ocm') return annotated;
    if (annotated !== undefined)
      throw new Fault('transport/delivery', `ManagedCluster ${name}: ${DELIVERY_ANNOTATION} is ${JSON.stringify(annotated)}; direct and ocm are known`);
    // What was begun with OCM goes on with it: its controllers may be starting anew.
    if (begun.has(name) || (await hubEvidence(signal)) !== null) {
      begun.add(name);
      return 'ocm';
    }
    const lease = live === null ? null : await hub.get({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: name, name: CLUSTER_LEASE }, signal);
    const klusterlet = klusterletOf(lease, leaseSecondsOf(live), clock.now());
    if (klusterlet === null) {
      if (live === null && (await isJoining(registration, options, signal)))
        throw new Fault(
          'transport/delivery',
          `${registration.connection.endpoint} has a klusterlet that joins this hub, and nothing of OCM is seen on the hub; start its controllers, or take Secret ${AGENT_NAMESPACE}/${BOOTSTRAP_SECRET} away there`,
        );
      return 'direct';
    }
    throw new Fault(
      'transport/delivery',
      `ManagedCluster ${name}: a klusterlet (${klusterlet.manager}) ${klusterlet.isLive ? 'renews' : 'has renewed'} its lease, and nothing of OCM is seen on the hub; annotate it with ${DELIVERY_ANNOTATION}: ocm or direct`,
    );
  }

  return async (registration, signal) => {
    checkedSecret(registration, options);
    const { name } = registration;
    const live = await hub.get(clusterTarget(name), signal);
    if (live?.metadata.deletionTimestamp !== undefined)
      return { available: false, changed: false, message: `ManagedCluster ${name} is being deleted; it is registered again when it is gone` };
    if ((await modeOf(registration, live, signal)) === 'direct') return direct(registration, signal);
    const step = await ocm(registration, live, signal);
    if (step.available) begun.delete(name);
    return step;
  };

  async function direct(registration: ClusterRegistration, signal: AbortSignal): ReturnType<Register> {
    const { name, connection, labels, clusterSet, boundTo } = registration;
    const changed = await registerDirect({ name, connection, labels, clusterSet, boundTo, leaseDurationSeconds: null }, options, signal);
    // What the tender said before the write is not about what was written.
    if (changed) return { available: false, changed, message: `cluster ${name} is registered; it is looked at whether it is available` };
    return { ...standing(name, await hub.get(clusterTarget(name), signal)), changed };
  }
}
