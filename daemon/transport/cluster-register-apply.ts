/**
 * The transport, with Jobs for `oamdev/cluster-register` kept from running: they go out suspended and managed by Lateen,
 * which carries them out (cluster-register-job.ts). Who reads them back finds them as they were asked for.
 *
 *   there is                                   asked for            what is done
 *   nothing                                    -                    created, ours
 *   one that Kubernetes runs, or has run       the same             left alone
 *   one of ours                                the same             applied, ours
 *   one of ours                                what one before it   left alone: so two Applications whose Jobs have one name
 *                                              has done already     do not take turns for ever
 *   one of ours that has ended                 another, or the      deleted, then created: two effects, and killed between
 *                                              same, and its        them the next pass finds nothing and creates
 *                                              cluster is gone
 *   one of ours, active, for the same cluster  another              deleted, then created: what it waits for may be mended
 *   one of ours, active, for another cluster   another              waits: transport/busy
 *
 * A Job that is complete is not run again, in KubeVela neither. But it stands for a cluster that is registered: somebody who
 * takes the ManagedCluster away by hand finds it there again, as where Lateen's own step has registered it.
 */
import { hashOf, isRecord } from '../lib/json.ts';
import { RENDER_HASH_ANNOTATION } from '../lib/stamp.ts';
import { differences } from '../lib/subset.ts';
import { Fault } from '../model/fault.ts';
import { describeKey, keyText, LOCAL, type KubeObject, type ObjectKey } from '../model/object.ts';
import type { ApplyRequest, Receipt, Redactor, Transport } from '../model/ports.ts';
import type { Observation } from '../model/status.ts';
import { CARRIED_OUT_ANNOTATION, clusterOfJob, isFinished, isMarked, isRegisterJob, learnJob, MANAGED_BY } from './cluster-register-job.ts';
import { CLUSTER_API } from './ocm-kinds.ts';

/** On a Job of ours: hashes of what the Jobs of its name before it have asked for, and have got, and last of all its own. */
const ASKED_ANNOTATION = 'lateen.dev/carried-out';
const ASKED_MAX = 50;
const WAIT_MS = 2_000;

/** Wraps a transport; `redactor` learns what is secret in the Jobs that pass. */
export function carryOutJobs(transport: Transport, redactor: Redactor): Transport {
  async function apply(request: ApplyRequest, signal: AbortSignal): Promise<Receipt> {
    const { key, object, live, rules } = request;
    if (key.cluster !== LOCAL || !isRegisterJob(object) || rules.readOnly) return transport.apply(request, signal);
    learnJob(object, redactor);
    if (live === null) return applyOurs(request, [], signal);
    const isSame = sameTemplate(object, live);
    if (!isMarked(live)) return isSame && isFinished(live) ? { key, object: live, changed: false, warnings: [] } : transport.apply(request, signal);
    const isGone = await isClusterGone(object, signal);
    if (isSame && !(isGone && isFinished(live))) return applyOurs(request, askedOf(live), signal);
    const done = isFinished(live) ? askedOf(live) : askedOf(live).slice(0, -1);
    if (done.includes(templateHash(object)) && !isGone) return { key, object: asDone(object, live), changed: false, warnings: [] };
    if (!isFinished(live) && clusterOfJob(live) !== clusterOfJob(object))
      throw new Fault(
        'transport/busy',
        `${describeKey(key)} still registers cluster ${clusterOfJob(live)}; cluster ${clusterOfJob(object)} has its turn when that is done`,
        { kind: 'waiting', retryAfterMs: WAIT_MS },
      );
    // A Job's template cannot be changed.
    if (!(await transport.remove(key, live.metadata.uid ?? '', 'cascading', signal)))
      throw new Fault('transport/busy', `${describeKey(key)} is being deleted; it is made anew when it is gone`, { kind: 'waiting', retryAfterMs: WAIT_MS });
    return applyOurs({ ...request, live: null }, done, signal);
  }

  /** Whether the hub has no ManagedCluster of the name that a Job registers; what cannot be seen is not gone. */
  async function isClusterGone(job: KubeObject, signal: AbortSignal): Promise<boolean> {
    const key: ObjectKey = { cluster: LOCAL, apiVersion: CLUSTER_API, kind: 'ManagedCluster', namespace: '', name: clusterOfJob(job) };
    if (key.name === '') return false;
    const seen = (await transport.observe([key], signal)).get(keyText(key));
    return seen !== undefined && 'absent' in seen;
  }

  /** Applies a Job so that Kubernetes does not run it, and sees whether the server has kept what keeps it from that. */
  async function applyOurs(request: ApplyRequest, before: readonly string[], signal: AbortSignal): Promise<Receipt> {
    const { key, object } = request;
    const hashes = [...before.filter((hash) => hash !== templateHash(object)), templateHash(object)].slice(-ASKED_MAX);
    const annotations = { ...object.metadata.annotations, [CARRIED_OUT_ANNOTATION]: MANAGED_BY, [ASKED_ANNOTATION]: hashes.join(' ') };
    const ours: KubeObject = { ...object, metadata: { ...object.metadata, annotations }, spec: { ...specOf(object), suspend: true, managedBy: MANAGED_BY } };
    const receipt = await transport.apply({ ...request, object: ours }, signal);
    const { managedBy, suspend } = specOf(receipt.object);
    // Nothing was sent: it is what an apply before this one was answered with, and that was looked at then.
    const isAsBefore = receipt.object === request.live;
    if (!isAsBefore && managedBy !== MANAGED_BY && suspend !== true) {
      await transport.remove(key, receipt.object.metadata.uid ?? '', 'cascading', signal);
      throw new Fault(
        'transport/invalid',
        `${describeKey(key)}: the server keeps neither managedBy nor suspend of a Job and would run its image; it is taken away again`,
      );
    }
    return { ...receipt, object: shown(receipt.object) };
  }

  const look = (object: KubeObject): KubeObject => {
    if (!isRegisterJob(object)) return object;
    learnJob(object, redactor);
    return shown(object);
  };

  return {
    ...transport,
    apply,
    async observe(keys, signal) {
      const seen = await transport.observe(keys, signal);
      const jobs = keys.filter(isHubJob);
      if (jobs.length === 0) return seen;
      const out = new Map<string, Observation>(seen);
      for (const key of jobs) {
        const one = seen.get(keyText(key));
        if (one === undefined || !('live' in one)) continue;
        const isUndone = isRegisterJob(one.live) && isMarked(one.live) && isFinished(one.live) && (await isClusterGone(one.live, signal));
        out.set(keyText(key), { live: isUndone ? asUndone(look(one.live)) : look(one.live) });
      }
      return out;
    },
    async list(cluster, apiVersion, kind, namespace, labels, signal) {
      const found = await transport.list(cluster, apiVersion, kind, namespace, labels, signal);
      return cluster === LOCAL && kind === 'Job' ? found.map(look) : found;
    },
  };
}

const isHubJob = (key: ObjectKey): boolean => key.cluster === LOCAL && key.kind === 'Job' && key.apiVersion === 'batch/v1';

const specOf = (job: KubeObject): Readonly<Record<string, unknown>> => (isRecord(job['spec']) ? job['spec'] : {});

/** A Job of ours without what was added to it; the annotation stays, by which it is known again. */
function shown(job: KubeObject): KubeObject {
  if (!isMarked(job)) return job;
  const { suspend: _suspend, managedBy: _managedBy, ...spec } = specOf(job);
  return { ...job, spec };
}

/** A Job that is ours still, and not taken for what it should be, so that who wants it applies it. */
function asUndone(job: KubeObject): KubeObject {
  return { ...job, metadata: { ...job.metadata, annotations: { ...job.metadata.annotations, [RENDER_HASH_ANNOTATION]: 'its cluster is gone' } } };
}

const templateHash = (job: KubeObject): string => hashOf(specOf(job)['template'] ?? null);

/** Whether a live Job's template says all that is asked for. */
function sameTemplate(wanted: KubeObject, live: KubeObject): boolean {
  const only = (job: KubeObject): KubeObject => ({ apiVersion: job.apiVersion, kind: job.kind, metadata: {}, spec: { template: specOf(job)['template'] } });
  return differences(only(wanted), only(live)).length === 0;
}

function askedOf(live: KubeObject): readonly string[] {
  return (live.metadata.annotations?.[ASKED_ANNOTATION] ?? '').split(' ').filter((hash) => hash !== '');
}

/** What a Job would look like that has done this before the one that is there now. */
function asDone(wanted: KubeObject, live: KubeObject): KubeObject {
  return { ...shown(live), spec: { ...specOf(shown(live)), ...specOf(wanted) }, status: { succeeded: 1, conditions: [{ type: 'Complete', status: 'True' }] } };
}
