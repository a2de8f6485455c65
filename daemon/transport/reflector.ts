/**
 * One watch, kept up: the objects of one kind in one cluster that carry one label. What its states mean is told where they
 * are read, in cache.ts.
 */
import { Fault, toFault } from '../model/fault.ts';
import type { KubeObject, ObjectKey } from '../model/object.ts';
import type { Clock } from '../model/ports.ts';
import type { Resource } from './discovery.ts';
import type { KubeClient } from './kube.ts';
import { withoutFieldLists } from './managed-fields.ts';
import { DELIVERED, placeOf } from './places.ts';

/** The object as the server answered a write; `gone` with the uid of one that was deleted; null when the write failed. */
export type Answer = KubeObject | { readonly gone: string } | null;

export interface Reflector {
  readonly client: KubeClient;
  readonly scope: Resource;
  /** What it selects by: objects that carry this label, whatever its value. */
  readonly label: string;
  readonly objects: Map<string, KubeObject>;
  /** Places of objects that we deleted: what the watch still tells of them is old news. */
  readonly dropped: Map<string, string>;
  /** Places that are being written, how often at once, and the last that the watch told of them meanwhile. */
  readonly writing: Map<string, { count: number; news: KubeObject | null }>;
  readonly stop: AbortController;
  state: 'starting' | 'live' | 'broken' | 'denied';
  /** Where the watch goes on; "" means list first. */
  version: string;
  attempt: PromiseWithResolvers<Fault | null>;
  wake: () => void;
  done: Promise<void>;
}

const DENIED_MS = 300_000;

/** A reflector's objects when it is live; null where it may not watch. Faults: transport/* when the cluster cannot be asked now. */
export async function objectsOf(reflector: Reflector | null, signal: AbortSignal): Promise<ReadonlyMap<string, KubeObject> | null> {
  if (reflector === null || reflector.state === 'denied') return null;
  if (reflector.state !== 'live') {
    reflector.wake();
    const fault = await outcome(reflector, signal);
    // The await changed it, which the type checker cannot know.
    if ((reflector.state as Reflector['state']) === 'denied') return null;
    if (fault !== null) throw fault;
  }
  return reflector.objects;
}

/** A write begins; called with its answer the result says whether the watch told of something else meanwhile. */
export function beginIn(reflector: Reflector, key: ObjectKey): (answer: Answer) => boolean {
  const place = placeOf(reflector.scope, key);
  const entry = reflector.writing.get(place) ?? { count: 0, news: null };
  entry.count++;
  reflector.writing.set(place, entry);
  return (answer) => {
    if (--entry.count === 0) reflector.writing.delete(place);
    const ownVersion = answer === null ? '' : settleWrite(reflector, place, answer);
    const { news } = entry;
    if (news === null || entry.count > 0) return false;
    entry.news = null;
    // The deletion that the watch told of was ours, or the object as it told of it is not newer than our answer.
    const isEcho =
      answer !== null && (!isObject(answer) ? news.metadata.uid === answer.gone : compareVersions(news.metadata.resourceVersion ?? '', ownVersion) <= 0);
    return !isEcho;
  };
}

/** Puts the answer to our own write where the watch has not told of it yet. Gives its resourceVersion, "" when it is gone. */
function settleWrite(reflector: Reflector, place: string, answer: KubeObject | { readonly gone: string }): string {
  const there = reflector.objects.get(place);
  if (!isObject(answer)) {
    if (there?.metadata.uid === answer.gone) {
      reflector.objects.delete(place);
      reflector.dropped.set(place, answer.gone);
    }
    return '';
  }
  if (answer.metadata.labels?.[reflector.label] !== undefined && (there === undefined || isNewer(answer, there)))
    reflector.objects.set(place, withoutFieldLists(answer));
  return answer.metadata.resourceVersion ?? '';
}

export function isObject(answer: KubeObject | { readonly gone: string }): answer is KubeObject {
  return !('gone' in answer);
}

function outcome(reflector: Reflector, signal: AbortSignal): Promise<Fault | null> {
  const cancelled = new Promise<never>((_resolve, reject) => {
    const cancel = (): void => reject(new Fault('loop/cancelled', 'cancelled'));
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
  });
  return Promise.race([reflector.attempt.promise, cancelled]);
}

/** Lists and watches until it is stopped or the kind is gone. */
export async function reflect(reflector: Reflector, clock: Clock, tell: (object: KubeObject) => void): Promise<void> {
  const { stop } = reflector;
  for (let failures = 0; !stop.signal.aborted;) {
    try {
      if (reflector.version === '') await relist(reflector, tell);
      settle(reflector, 'live', null);
      for await (const event of reflector.client.watch({ ...queryOf(reflector), resourceVersion: reflector.version }, stop.signal)) {
        take(reflector, event.type, event.object, tell);
        failures = 0;
      }
    } catch (error) {
      const fault = toFault(error);
      reflector.version = '';
      const isOver = stop.signal.aborted || fault.code === 'transport/no-kind';
      const isDenied = fault.code === 'transport/denied';
      settle(reflector, isDenied ? 'denied' : 'broken', fault);
      if (isOver) return;
      // A version that is too old is no trouble: it is listed anew at once.
      if (fault.code === 'transport/gone' && failures++ === 0) continue;
      failures++;
      await pause(reflector, clock, isDenied ? DENIED_MS : Math.min(10_000, 100 * 2 ** failures) * (0.5 + clock.random()));
    }
  }
  settle(reflector, 'broken', new Fault('loop/cancelled', 'cancelled'));
}

function queryOf(reflector: Reflector): { apiVersion: string; kind: string; namespace: string; labels: string } {
  return { apiVersion: reflector.scope.apiVersion, kind: reflector.scope.kind, namespace: '', labels: reflector.label };
}

function settle(reflector: Reflector, state: Reflector['state'], fault: Fault | null): void {
  reflector.state = state;
  reflector.attempt.resolve(fault);
  reflector.attempt = Promise.withResolvers();
}

/** Waits, but not longer than until a reader comes. */
async function pause(reflector: Reflector, clock: Clock, ms: number): Promise<void> {
  const woken = new AbortController();
  reflector.wake = () => woken.abort();
  try {
    await clock.sleep(ms, AbortSignal.any([woken.signal, reflector.stop.signal]));
  } catch {
    // Woken or stopped: either way the waiting is over.
  } finally {
    reflector.wake = () => undefined;
  }
}

async function relist(reflector: Reflector, tell: (object: KubeObject) => void): Promise<void> {
  // Documents were looked at before they were watched: all of them are news.
  const isQuiet = reflector.state === 'starting' && reflector.label === DELIVERED;
  const found = await reflector.client.list(queryOf(reflector), reflector.stop.signal);
  const old = new Map(reflector.objects);
  reflector.objects.clear();
  reflector.dropped.clear();
  const changed: KubeObject[] = [];
  for (const item of found.items) {
    const place = placeOf(reflector.scope, { namespace: item.metadata.namespace ?? '', name: item.metadata.name ?? '' });
    const before = old.get(place);
    old.delete(place);
    const isOlder = before !== undefined && isNewer(before, item);
    reflector.objects.set(place, isOlder ? before : withoutFieldLists(item));
    if (!isOlder && before?.metadata.resourceVersion !== item.metadata.resourceVersion) changed.push(item);
  }
  for (const [place, object] of old) {
    // Written by us after the list was taken: it is there, the list only does not know it yet.
    if (compareVersions(object.metadata.resourceVersion ?? '', found.resourceVersion) > 0) reflector.objects.set(place, object);
    else changed.push(object);
  }
  reflector.version = found.resourceVersion;
  if (!isQuiet) for (const object of changed) tell(object);
}

function take(reflector: Reflector, type: string, object: KubeObject, tell: (object: KubeObject) => void): void {
  const version = object.metadata.resourceVersion;
  if (version !== undefined) reflector.version = version;
  if (type === 'BOOKMARK') return;
  const place = placeOf(reflector.scope, { namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' });
  const news = (): void => {
    const write = reflector.writing.get(place);
    if (write === undefined) tell(object);
    else write.news = object;
  };
  const there = reflector.objects.get(place);
  const droppedUid = reflector.dropped.get(place);
  if (type === 'DELETED') {
    if (droppedUid === object.metadata.uid) reflector.dropped.delete(place);
    // A watch with a label selector says DELETED, too, when the label is taken off; the object is then asked for alone.
    if (there !== undefined && there.metadata.uid === object.metadata.uid && !isNewer(there, object)) {
      reflector.objects.delete(place);
      news();
    }
    return;
  }
  if (droppedUid !== undefined && droppedUid === object.metadata.uid) return;
  if (there !== undefined && !isNewer(object, there)) return;
  reflector.objects.set(place, withoutFieldLists(object));
  news();
}

/** Whether the server wrote `a` after `b`. */
export const isNewer = (a: KubeObject, b: KubeObject): boolean => compareVersions(a.metadata.resourceVersion ?? '', b.metadata.resourceVersion ?? '') > 0;

/** Compares resourceVersions as numbers of any length, which Kubernetes promises they are (KEP-5504). */
export function compareVersions(a: string, b: string): number {
  return a.length !== b.length ? a.length - b.length : a < b ? -1 : a > b ? 1 : 0;
}
