/**
 * The way down, in the order in which things hold each other up: cluster, vSwitches, VPC, connection Secret, finalizer.
 * It needs tags and records only (I2): a text that cannot be read any more holds nothing up. Without an Approval only the
 * object goes (I11): the way down is the finalizer then.
 */
import { Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { Cloud, CloudCluster } from './cloud.ts';
import { removeConnection } from './connection.ts';
import { readLogin } from './credentials.ts';
import { clusterWith, findCluster, type Tag } from './lookup.ts';
import { razeNetwork } from './network.ts';
import { FINALIZER, intentOf, recordOf } from './record.ts';
import { sinceMs, type Subject, type Waiting } from './subject.ts';
import { specOf } from './variables.ts';

/** One turn on the way down. Null when nothing is left and the object may go. */
export async function raze(subject: Subject, tagFor: () => Promise<Tag>): Promise<Waiting | null> {
  if (!(subject.object().metadata.finalizers ?? []).includes(FINALIZER)) return null;
  // terraform-controller: deleteResource false keeps what is in the cloud.
  if (specOf(subject.object())['deleteResource'] !== false) {
    const waiting = await razeCloud(subject, tagFor);
    if (waiting !== null) return waiting;
  }
  await removeConnection(subject);
  await subject.hold(false);
  return null;
}

/** What is said of an object that goes alone; "" when nothing was made for it. */
export function leftWords(object: KubeObject): string {
  const { cluster = '', vpc = '' } = recordOf(object) ?? {};
  const left = [...(cluster === '' ? [] : [`cluster ${cluster}`]), ...(vpc === '' ? [] : [`VPC ${vpc}`])].join(' and ');
  return left === '' ? '' : `deleted without an Approval: the object goes, ${left} stay in the cloud, and are found by their tag when it is applied again`;
}

/**
 * One turn of a deletion that no Approval allowed. The object goes when what was asked for under it is seen in the cloud
 * by its tag, or certainly is not there: whoever makes the object again finds it, and asks for no second one (I6).
 */
export async function leave(subject: Subject, tagFor: () => Promise<Tag>): Promise<Waiting | null> {
  if (!(subject.object().metadata.finalizers ?? []).includes(FINALIZER)) return null;
  const record = recordOf(subject.object());
  const age = record === null || record.cluster === '' ? null : sinceMs(record.time, subject.options.clock);
  const isAsked = (record?.cluster ?? '') !== '' || intentOf(subject.object()) !== null;
  const isSettled = intentOf(subject.object()) === null && age !== null && age >= subject.options.outcomeWindowMs;
  if (isAsked && !isSettled) {
    const cloud = await cloudOf(subject);
    const cluster = await findCluster(subject, cloud, await tagFor(), null);
    if (cluster !== null && 'waitsFor' in cluster) return cluster;
    const isSeen = (await clusterWith(cloud, await tagFor(), subject.signal)) !== null;
    if (!isSeen && recordOf(subject.object())?.cluster)
      return subject.waitFor(
        `deleted without an Approval: the object goes when the cloud shows cluster ${recordOf(subject.object())?.cluster ?? ''} by its tag`,
      );
  }
  await subject.hold(false);
  return null;
}

async function razeCloud(subject: Subject, tagFor: () => Promise<Tag>): Promise<Waiting | null> {
  const record = recordOf(subject.object());
  // The region is recorded before anything is made.
  if (record === null && intentOf(subject.object()) === null) return null;
  const cloud = await cloudOf(subject);
  const tag = await tagFor();
  const cluster = await findCluster(subject, cloud, tag, null);
  if (cluster !== null && 'waitsFor' in cluster) return cluster;
  // Also when the recorded one is there: of two nothing is deleted.
  const left = (await clusterWith(cloud, tag, subject.signal)) ?? (cluster?.state === 'deleted' ? null : cluster);
  if (left !== null) return razeCluster(subject, cloud, left);
  return razeNetwork(subject, cloud, tag);
}

async function cloudOf(subject: Subject): Promise<Cloud> {
  const login = await readLogin(subject.object(), subject.options.hub, subject.options.redactor, subject.signal);
  return subject.options.openCloud({ ...login, region: recordOf(subject.object())?.region || login.region });
}

async function razeCluster(subject: Subject, cloud: Cloud, cluster: CloudCluster): Promise<Waiting> {
  const called = `cluster ${cluster.name} (${cluster.id})`;
  if (cluster.state === 'deleting') return subject.waitFor(`${called} is being deleted`);
  if (cluster.deletionProtection)
    throw new Fault('provision/denied', `${called} is protected from deletion, and Lateen did not set that: switch it off in the cloud's console`);
  await subject.act('cloud', `deletion of ${called}`, () => cloud.deleteCluster(cluster.id, subject.signal));
  // Asked again all the same: what stands in its way may be gone by now.
  if (cluster.state === 'delete_failed')
    throw new Fault('provision/failed', `${called} could not be deleted by the cloud; it is asked again. Its console says what holds it`);
  return subject.waitFor(`${called} is being deleted`);
}
