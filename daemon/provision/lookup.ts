/**
 * Which cluster is a Configuration's (I6). CreateCluster has no client token, so that an answer that was lost is never
 * answered by asking again:
 *
 *   intent written ──> asked ──> answered: recorded, the intent is settled
 *                        │
 *                        ├─ refused: nothing was made, the intent is settled at once
 *                        │
 *                        └─ unknown (killed, no answer, 5xx) ──> looked up by tag ──> found: recorded, settled
 *                                                                     │  ^
 *                                                    not found, within │  │ the window
 *                                                                     └──┘
 *                                                    not found, window over: settled; it may be asked for again
 */
import { listed, timeText } from '../lib/text.ts';
import { Fault } from '../model/fault.ts';
import type { Cloud, CloudCluster } from './cloud.ts';
import { intentOf, recordOf } from './record.ts';
import { sinceMs, windowEnd, type Subject, type Waiting } from './subject.ts';

/** The tag of what belongs to a Configuration. */
export type Tag = readonly [key: string, value: string];

/**
 * The Configuration's cluster; null when it is certain that there is none, a wait while it is not. Recorded when it is
 * found. `wantedName` is that of a cluster that is to be made if there is none.
 * Faults: provision/conflict for two of them, with both names, or for a cluster of that name that is not ours; the cloud's.
 */
export async function findCluster(subject: Subject, cloud: Cloud, tag: Tag, wantedName: string | null): Promise<CloudCluster | Waiting | null> {
  const recorded = recordOf(subject.object())?.cluster ?? '';
  if (recorded !== '') return cloud.cluster(recorded, subject.signal);
  const all = await cloud.clusters(subject.signal);
  const [found] = onlyOne(all, tag);
  const intent = intentOf(subject.object());
  if (found !== undefined) {
    await subject.note({ record: { cluster: found.id, time: intent?.time || timeText(subject.options.clock.now()) }, intent: null }, 'always');
    return found;
  }
  const waiting = intent === null ? null : await settle(subject, intent.time);
  if (waiting === null && wantedName !== null) checkNameIsFree(all, wantedName);
  return waiting;
}

/** An intent without a cluster: waited for until the window is over, then taken back. */
async function settle(subject: Subject, time: string): Promise<Waiting | null> {
  const { clock, outcomeWindowMs } = subject.options;
  if (time === '') {
    // Somebody wrote into it. The window begins anew: too long a wait makes no second cluster.
    const began = timeText(clock.now());
    await subject.note({ intent: { token: 'unreadable', time: began } }, 'guarded');
    return subject.waitFor(unknownWords(windowEnd(began, outcomeWindowMs)));
  }
  if ((sinceMs(time, clock) ?? 0) < outcomeWindowMs) return subject.waitFor(unknownWords(windowEnd(time, outcomeWindowMs)));
  await subject.note({ intent: null }, 'guarded');
  return null;
}

const unknownWords = (until: string): string =>
  `a cluster was asked for and it is not known what came of it: it is looked up by its tag until ${until}, and not asked for again before`;

/** Looks once more whether there is a second one. Faults: provision/conflict. */
export async function clusterWith(cloud: Cloud, tag: Tag, signal: AbortSignal): Promise<CloudCluster | null> {
  return onlyOne(await cloud.clusters(signal), tag)[0] ?? null;
}

function onlyOne(clusters: readonly CloudCluster[], tag: Tag): readonly CloudCluster[] {
  const ours = clusters.filter(({ tags, state }) => tags[tag[0]] === tag[1] && state !== 'deleted');
  if (ours.length > 1)
    throw new Fault(
      'provision/conflict',
      `there are ${ours.length} clusters with the tag of this Configuration, ${listed(ours.map(({ id, name, state }) => `${name} ${id} ${state}`))}: nothing is done until there is one; delete the others in the cloud's console`,
    );
  return ours;
}

/** Called when none of the clusters is ours. */
function checkNameIsFree(clusters: readonly CloudCluster[], name: string): void {
  const other = clusters.find((cluster) => cluster.name === name && cluster.state !== 'deleted');
  if (other !== undefined)
    throw new Fault(
      'provision/conflict',
      `there is a cluster ${name} (${other.id}) already, and it was not made for this Configuration: it is not taken over; set k8s_name_prefix to another name, or delete it`,
    );
}
