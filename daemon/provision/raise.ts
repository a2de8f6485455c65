/** The way up: from a Configuration that is valid to a cluster that runs. */
import { equal } from '../lib/json.ts';
import { Fault, toFault, type Code } from '../model/fault.ts';
import type { Cloud, CloudCluster } from './cloud.ts';
import { isConnected, writeConnection } from './connection.ts';
import { readLogin } from './credentials.ts';
import { clusterWith, findCluster, type Tag } from './lookup.ts';
import { raiseNetwork, type Network } from './network.ts';
import { checkZone, planFor, type CloudPlan } from './order.ts';
import { clusterTags, madeWith, newIntent, recordOf } from './record.ts';
import { AVAILABLE_MESSAGE, isAvailable } from './report.ts';
import { sinceMs, type Subject, type Waiting } from './subject.ts';
import { EFFECTIVE, readWanted, type Wanted } from './variables.ts';

/** One turn on the way up. Null when all is there; what is waited for until then. */
export async function raise(subject: Subject, tagFor: () => Promise<Tag>): Promise<Waiting | null> {
  const wanted = readWanted(subject.object());
  const plan = planFor(wanted);
  await subject.hold(true);
  if (isAvailable(subject.object()) && recordOf(subject.object())?.cluster && (await isConnected(subject, wanted.outputs)))
    return settleValues(subject, wanted);
  const { hub, redactor, openCloud } = subject.options;
  const login = await readLogin(subject.object(), hub, redactor, subject.signal);
  const recorded = recordOf(subject.object())?.region ?? '';
  checkZone(plan, recorded || login.region);
  // Where it was begun it is gone on with: in another region nothing of it would be found.
  const cloud = await openCloud({ ...login, region: recorded || login.region });
  if (recorded === '') await subject.note({ record: { region: login.region } }, 'guarded');
  const tag = await tagFor();
  const cluster = await raiseCluster(subject, { wanted, plan, cloud, tag });
  if ('waitsFor' in cluster) return cluster;
  const progress = await whileMaking(subject, plan, cloud, cluster);
  if (progress !== null) return progress;
  // The last moment at which a second one would be noticed.
  await clusterWith(cloud, tag, subject.signal);
  await writeConnection(subject, cluster.name, await cloud.kubeconfig(cluster.id, subject.signal), wanted.outputs);
  await subject.say('available', AVAILABLE_MESSAGE);
  return settleValues(subject, wanted);
}

interface Making {
  readonly wanted: Wanted;
  readonly plan: CloudPlan;
  readonly cloud: Cloud;
  readonly tag: Tag;
}

/** The cluster: found, or asked for once its network is there. */
async function raiseCluster(subject: Subject, making: Making): Promise<CloudCluster | Waiting> {
  const { plan, cloud, tag } = making;
  const found = await findCluster(subject, cloud, tag, plan.clusterName);
  const record = recordOf(subject.object());
  if (found !== null && ('waitsFor' in found || found.state !== 'deleted')) return found;
  if (record !== null && record.cluster !== '') {
    const age = sinceMs(record.time, subject.options.clock);
    if (age !== null && age < subject.options.outcomeWindowMs)
      return subject.waitFor(`cluster ${plan.clusterName} (${record.cluster}) was asked for and is not to be seen yet`);
    throw new Fault(
      'provision/failed',
      `cluster ${plan.clusterName} (${record.cluster}) is gone from the cloud, and Lateen did not delete it; to have it made again, take the annotation lateen.dev/cloud off the Configuration`,
    );
  }
  const network = await raiseNetwork(subject, plan, cloud, tag);
  return 'waitsFor' in network ? network : askForCluster(subject, making, network);
}

/** Faults after which it is certain that no cluster is being made. */
const NOTHING_MADE: ReadonlySet<Code> = new Set([
  'provision/credentials',
  'provision/denied',
  'provision/quota',
  'provision/throttled',
  'provision/transient',
  'provision/refused',
]);

/** Intent, request, record. Cut off anywhere in between, the next turn looks the cluster up. */
async function askForCluster(subject: Subject, { wanted, plan, cloud, tag }: Making, network: Network): Promise<Waiting> {
  const { clock } = subject.options;
  const intent = newIntent(subject.object(), clock.now(), clock.random());
  const order = plan.order(network.vpcId, network.vswitchIds, clusterTags(tag, intent));
  const values = Object.fromEntries(EFFECTIVE.map((name) => [name, wanted.values[name]]));
  await subject.note({ record: { vpc: network.vpcId, vswitches: network.vswitchIds }, intent, values }, 'guarded');
  try {
    const made = await subject.act('cloud', `cluster ${plan.clusterName}`, () => cloud.createCluster(order, subject.signal));
    await subject.note({ record: { cluster: made.id, task: made.taskId, time: intent.time }, intent: null }, 'always');
  } catch (error) {
    if (NOTHING_MADE.has(toFault(error).code)) await subject.note({ intent: null }, 'always');
    throw error;
  }
  return subject.waitFor(`creating cluster ${plan.clusterName}: asked for`);
}

/** States in which a cluster serves, whatever else is done to it. */
const SERVING = new Set(['running', 'updating', 'upgrading', 'scaling', 'removing', 'draining']);

/** What a cluster that does not serve yet is at; null when it does. A cluster that failed stays: it is the user's to look at. */
async function whileMaking(subject: Subject, plan: CloudPlan, cloud: Cloud, cluster: CloudCluster): Promise<Waiting | null> {
  if (SERVING.has(cluster.state)) return null;
  const record = recordOf(subject.object());
  const task = (record?.task ?? '') === '' ? null : await cloud.task(record?.task ?? '', subject.signal);
  const called = `cluster ${cluster.name} (${cluster.id})`;
  if (cluster.state === 'failed' || cluster.state === 'delete_failed') {
    const why = task === null || task.error === '' ? 'the cloud does not say why; its console does' : task.error;
    throw new Fault(
      'provision/failed',
      `${called} is ${cluster.state}: ${why}. It is kept; to have it taken away and made again, annotate the Configuration with lateen.dev/approved-deletion=yes and delete it`,
    );
  }
  const minutes = Math.floor((sinceMs(record?.time ?? '', subject.options.clock) ?? 0) / 60_000);
  const words = [cluster.state, ...(minutes < 1 ? [] : [`${minutes} min`]), ...(task === null || task.stage === '' ? [] : [task.stage])].join(', ');
  return subject.waitFor(cluster.state === 'initial' ? `creating cluster ${plan.clusterName}: ${words}` : `${called} does not serve: ${words}`);
}

/** Nothing is made anew for a value that was changed: what differs is told. Where it is not known what it was made with, that is noted. */
async function settleValues(subject: Subject, wanted: Wanted): Promise<null> {
  const made = madeWith(subject.object());
  if (made === null) {
    await subject.note({ values: Object.fromEntries(EFFECTIVE.map((name) => [name, wanted.values[name]])) }, 'always');
    await subject.say('available', AVAILABLE_MESSAGE);
    return null;
  }
  const changed = EFFECTIVE.filter((name) => made[name] !== undefined && !equal(made[name], wanted.values[name]));
  if (changed.length === 0) {
    await subject.say('available', AVAILABLE_MESSAGE);
    return null;
  }
  const words = changed.map((name) => `${name} (made with ${JSON.stringify(made[name])})`).join(', ');
  const message = `not changed on a cluster that exists: ${words}; put it back, or change the cluster in the cloud's console and take the annotation lateen.dev/cloud-values off the Configuration`;
  await subject.say('available', `${AVAILABLE_MESSAGE} But ${message}.`);
  throw new Fault('provision/refused', message);
}
