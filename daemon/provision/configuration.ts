/**
 * Terraform `Configuration` objects of the kind `alibaba-ack`, carried out natively where no terraform-controller does it.
 *
 *   new ──> readable? ──no──> Unavailable, ConfigurationSpecNotValid: until it is changed
 *    │         │ yes
 *    │         v
 *    │      held (finalizer) ──> credentials ──> region noted ──> network: VPC ──> vSwitches ─┐
 *    │                                                                                          v
 *    │      refused, or the window is over: asked again later <── intent noted ──> cluster asked for (lookup.ts)
 *    │                                                                                          │
 *    │      failed: Unavailable, kept <── initial, polled <── cluster noted <───────────────────┘
 *    │                                        │ running
 *    │                                        v
 *    │      Available <── connection Secret <── kubeconfig
 *    v
 *   deleted as an Approval says: cluster ──> vSwitches ──> VPC ──> connection Secret ──> finalizer off (raze.ts)
 *   deleted by anyone else: finalizer off, the cloud stays as it is and is found again by its tags
 *
 * A turn goes as far as it gets without waiting. Where it is cut off, the next finds out from the annotations and the
 * cloud's tags how far it came (I6).
 */
import { isDeletionApproved } from '../lib/approved-deletion.ts';
import { consequence, endsTurn, Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { Controller, Turn } from '../model/ports.ts';
import type { Tag } from './lookup.ts';
import { raise } from './raise.ts';
import { leave, leftWords, raze } from './raze.ts';
import { FINALIZER, recordOf, tagOf, TERRAFORM_FINALIZER } from './record.ts';
import { isStopped, sameWords, stageOf } from './report.ts';
import { openSubject, withoutSecrets, type ProvisionOptions, type Subject } from './subject.ts';
import { isKnown } from './variables.ts';

/** KubeVela's label on everything that it, or Lateen, delivers. */
const OWNER_LABEL = 'app.oam.dev/name';
/** Where KubeVela's addon and terraform-controller's own chart put it. */
const CONTROLLER_NAMESPACES = ['vela-system', 'terraform'];
const CONTROLLER_CHECK_MS = 60_000;
/** Trouble that passes by itself is told as a fault when it has not passed after so many turns. */
const PATIENCE = 5;

/**
 * The controller. It takes Configurations that are known (by label or module), and answers for those of another kind that
 * Lateen delivered, with a fault that says so; what terraform-controller has taken it leaves alone.
 */
export function configurationController(options: ProvisionOptions): Controller {
  const attempts = new Map<string, number>();
  let hubId: string | null = null;

  async function tagFor(object: KubeObject, signal: AbortSignal): Promise<Tag> {
    hubId ??= (await options.hub.get({ apiVersion: 'v1', kind: 'Namespace', namespace: '', name: 'kube-system' }, signal))?.metadata.uid ?? null;
    if (hubId === null)
      throw new Fault('provision/denied', 'Namespace kube-system is not to be seen: its uid tells what this hub made in the cloud from what others made');
    return tagOf(hubId, object);
  }

  async function go(subject: Subject): Promise<Turn> {
    const object = subject.object();
    const tag = (): Promise<Tag> => tagFor(object, subject.signal);
    if (isDeleted(object)) {
      const isApproved = isDeletionApproved(object);
      const waiting = await (isApproved ? raze : leave)(subject, tag);
      if (waiting !== null) await subject.say('destroying', waiting.waitsFor);
      return {
        retryAfterMs: waiting?.retryAfterMs ?? null,
        changed: subject.isChanged(),
        message: waiting?.waitsFor ?? (isApproved ? '' : leftWords(object)),
        fault: null,
      };
    }
    if (!isHeld(object)) {
      const namespace = await runningController(subject);
      if (namespace !== null)
        return { retryAfterMs: CONTROLLER_CHECK_MS, changed: false, message: `terraform-controller runs in ${namespace}: this is left to it`, fault: null };
      if (!isKnown(object))
        throw new Fault(
          'provision/no-controller',
          'no controller reconciles it: Lateen makes clusters of type alibaba-ack only, and no terraform-controller has taken it',
        );
    }
    const waiting = await raise(subject, tag);
    if (waiting !== null) await subject.say('provisioning', waiting.waitsFor);
    return { retryAfterMs: waiting?.retryAfterMs ?? null, changed: subject.isChanged(), message: waiting?.waitsFor ?? '', fault: null };
  }

  /** Tells of a fault, in the status too; when it is tried again follows from its kind. */
  async function tell(subject: Subject, error: unknown): Promise<Turn> {
    const fault = asToldBefore(subject.object(), withoutSecrets(error, options.redactor));
    const attempt = (attempts.get(subject.name) ?? 0) + 1;
    attempts.set(subject.name, attempt);
    const isStuck = isStopped(fault) || (fault.kind === 'transient' && attempt >= PATIENCE);
    const isQuiet = fault.code === 'provision/no-controller' || fault.code === 'transport/gone' || hasOwnWords(subject, fault);
    if (!isQuiet) await subject.say(isDeleted(subject.object()) ? (isStuck ? 'destroy-failed' : 'destroying') : stageOf(fault), fault.message);
    const isForeign = fault.code === 'provision/no-controller';
    const retryAfterMs = isForeign
      ? CONTROLLER_CHECK_MS
      : fault.code === 'provision/unknown-outcome'
        ? options.pollMs
        : consequence(fault, attempt).retryAfterMs;
    return { retryAfterMs, changed: subject.isChanged(), message: fault.message, fault: isStuck || isForeign ? fault : null };
  }

  return {
    apiVersion: 'terraform.core.oam.dev/v1beta1',
    kind: 'Configuration',
    isMine: (object) => !isTaken(object) && (isHeld(object) || isKnown(object) || object.metadata.labels?.[OWNER_LABEL] !== undefined),
    turn: async (seen, signal) => {
      let subject: Subject | null = null;
      try {
        subject = await openSubject(seen, options, signal);
        if (subject === null || isTaken(subject.object())) return { retryAfterMs: null, changed: false, message: '', fault: null };
        const turn = await go(subject);
        attempts.delete(subject.name);
        return turn;
      } catch (error) {
        const fault = withoutSecrets(error, options.redactor);
        if (endsTurn(fault)) throw error;
        return subject === null
          ? { retryAfterMs: consequence(fault, 1).retryAfterMs, changed: false, message: fault.message, fault }
          : tellOrThrow(subject, error);
      }
    },
  };

  /** The hub may be what fails: then the status cannot be written either. */
  async function tellOrThrow(subject: Subject, error: unknown): Promise<Turn> {
    try {
      return await tell(subject, error);
    } catch (second) {
      const fault = withoutSecrets(second, options.redactor);
      if (endsTurn(fault)) throw second;
      return { retryAfterMs: consequence(fault, 1).retryAfterMs, changed: subject.isChanged(), message: fault.message, fault };
    }
  }

  /** Namespace of a terraform-controller that is at work; null when none is. Asked before an object is held for the first time. */
  async function runningController(subject: Subject): Promise<string | null> {
    for (const namespace of CONTROLLER_NAMESPACES) {
      const deployment = await options.hub.get({ apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: 'terraform-controller' }, subject.signal);
      if (Number((deployment?.['status'] as { readonly readyReplicas?: unknown } | undefined)?.readyReplicas ?? 0) > 0) return namespace;
    }
    return null;
  }
}

const isTaken = (object: KubeObject): boolean => (object.metadata.finalizers ?? []).includes(TERRAFORM_FINALIZER);
const isHeld = (object: KubeObject): boolean => (object.metadata.finalizers ?? []).includes(FINALIZER);
const isDeleted = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined;

/** A cluster that is there stays Available, whatever was written into the Configuration afterwards. */
function hasOwnWords(subject: Subject, fault: Fault): boolean {
  return fault.code === 'provision/refused' && !isDeleted(subject.object()) && isAvailableWith(subject.object());
}

/** With the words of the last time where nothing but the request's id is new: what is told of it makes commits (I5). */
function asToldBefore(object: KubeObject, fault: Fault): Fault {
  const { message } = (object['status'] ?? {}) as { readonly message?: unknown };
  if (typeof message !== 'string' || !sameWords(message, fault.message)) return fault;
  return new Fault(fault.code, message, { kind: fault.kind, ...(fault.retryAfterMs === undefined ? {} : { retryAfterMs: fault.retryAfterMs }) });
}

function isAvailableWith(object: KubeObject): boolean {
  const status = object['status'] as { readonly state?: string; readonly apply?: { readonly state?: string } } | undefined;
  return (recordOf(object)?.cluster ?? '') !== '' && (status?.state === 'Available' || status?.apply?.state === 'Available');
}
