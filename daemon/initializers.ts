/**
 * Initializers: each is an Application that is made when those it depends on are a success, and a mirror on the hub that
 * says how far it is. KubeVela 1.1's phases:
 *
 *   checkingDependsOn ── every dependency is a success ──> initializing ── its Application is running ──> success
 *                                                               ^                                          │
 *                                                               └────────── it is running no longer ───────┘
 *
 * KubeVela looks every 5 s; here one pass goes through a whole chain, each beginning when the one before it has ended.
 */
import type { ApplicationDoors } from './application.ts';
import { mapLimit } from './lib/queue.ts';
import { DEFAULT_NAMESPACE, type Broken, type Catalog, type InitializerRef } from './model/catalog.ts';
import { endsTurn, Fault, toFault } from './model/fault.ts';
import type { KubeObject } from './model/object.ts';
import type { ApplicationRecord } from './model/ports.ts';
import type { ApplicationReport, InitializerReport } from './model/status.ts';
import { trackedOf, union } from './plan/inventory.ts';
import { initializerObject, INSTANCE_ANNOTATION, isMirrored } from './plan/records.ts';
import { leaveApplication, leavingReport } from './removal.ts';
import { initializerConditions, initializerStatus } from './status/initializer.ts';

const nameOf = (it: { readonly namespace: string; readonly name: string }): string => `${it.namespace}/${it.name}`;
const nameOfObject = ({ metadata }: KubeObject): string => `${metadata.namespace ?? DEFAULT_NAMESPACE}/${metadata.name ?? ''}`;

/** KubeVela 1.1: ready is an Application whose phase is `running`, and nothing else. */
const isSuccess = (report: ApplicationReport | undefined): boolean => report?.phase === 'running';

/** Whether one of them is no success yet, by the reports of the last pass. */
export const areUnderway = (initializers: readonly InitializerRef[], reports: ReadonlyMap<string, ApplicationReport>): boolean =>
  initializers.some((it) => !isSuccess(reports.get(nameOf(it))));

/** What is wanted and, of Initializers, whatever depends on it: it may go on in the same pass. */
export function withDependants(only: ReadonlySet<string>, initializers: readonly InitializerRef[]): ReadonlySet<string> {
  const all = new Set(only);
  for (let size = -1; size !== all.size;) {
    size = all.size;
    for (const it of initializers) if (it.dependsOn.some((name) => all.has(name))) all.add(nameOf(it));
  }
  return all;
}

/** Those that others depend on first; otherwise the order stays. There are no circles: load has refused them. */
function inOrder<T extends { readonly namespace: string; readonly name: string }>(
  applications: readonly T[],
  initializers: readonly InitializerRef[],
): readonly T[] {
  const refs = new Map(initializers.map((it) => [nameOf(it), it]));
  const depth = (name: string, seen: ReadonlySet<string>): number =>
    seen.has(name) ? 0 : Math.max(0, ...(refs.get(name)?.dependsOn ?? []).map((on) => 1 + depth(on, new Set([...seen, name]))));
  return applications
    .map((app) => ({ app, depth: depth(nameOf(app), new Set()) }))
    .sort((a, b) => a.depth - b.depth)
    .map(({ app }) => app);
}

export interface Chain {
  readonly initializers: readonly InitializerRef[];
  /** Reports of the last pass: of those that this one does not look at. */
  readonly before: ReadonlyMap<string, ApplicationReport>;
  /** Whether an Application is on the hub already: it is kept going whatever becomes of what it depended on. */
  readonly exists: (name: string) => boolean;
  readonly atOnceMax: number;
  readonly signal: AbortSignal;
}

/** Runs applications, an Initializer's after those that it depends on; null for one that has to wait for them. */
export async function runInOrder<T extends { readonly namespace: string; readonly name: string }>(
  applications: readonly T[],
  chain: Chain,
  run: (application: T) => Promise<ApplicationReport>,
): Promise<readonly (ApplicationReport | null)[]> {
  const refs = new Map(chain.initializers.map((it) => [nameOf(it), it]));
  const wanted = new Set(applications.map(nameOf));
  const started = new Map<string, PromiseWithResolvers<ApplicationReport | null>>(applications.map((app) => [nameOf(app), Promise.withResolvers()]));
  const after = async (app: T): Promise<ApplicationReport | null> => {
    const dependsOn = refs.get(nameOf(app))?.dependsOn ?? [];
    const ready = await Promise.all(
      dependsOn.map(async (name) => isSuccess((wanted.has(name) ? await started.get(name)?.promise : chain.before.get(name)) ?? undefined)),
    );
    return ready.every(Boolean) || chain.exists(nameOf(app)) ? run(app) : null;
  };
  // Whoever waits begins behind those that he waits for, so that no place is held by a waiter alone.
  return mapLimit(
    inOrder(applications, chain.initializers),
    chain.atOnceMax,
    (app) => {
      const own = after(app);
      const promise = started.get(nameOf(app));
      own.then(
        (report) => promise?.resolve(report),
        () => promise?.resolve(null),
      );
      return own;
    },
    chain.signal,
  );
}

/** Mirrors every Initializer on the hub with its status, and tells of it. Never throws but for cancellation and a lost Lease. */
export async function tellInitializers(
  catalog: Catalog,
  reports: ReadonlyMap<string, ApplicationReport>,
  live: readonly KubeObject[],
  doors: Pick<ApplicationDoors, 'records' | 'revision' | 'instance' | 'log' | 'signal' | 'clock'>,
): Promise<readonly InitializerReport[]> {
  const onHub = new Map(live.map((object) => [nameOfObject(object), object]));
  const phaseOf = (name: string): InitializerReport['phase'] =>
    isSuccess(reports.get(name)) ? 'success' : reports.has(name) ? 'initializing' : 'checkingDependsOn';
  const told: InitializerReport[] = [];
  for (const it of catalog.initializers) {
    const app = reports.get(nameOf(it)) ?? null;
    const phase = phaseOf(nameOf(it));
    const dependsOn = it.dependsOn.map((name) => ({ name, phase: phaseOf(name) }));
    const { conditions, message } = initializerConditions(phase, dependsOn, app);
    const report: InitializerReport = { namespace: it.namespace, name: it.name, path: it.document.origin.path, phase, dependsOn, conditions, message };
    told.push(report);
    try {
      await mirror(it, report, app, onHub.get(nameOf(it)) ?? null, doors);
    } catch (error) {
      const fault = toFault(error);
      if (endsTurn(fault)) throw fault;
      doors.log.warn('Initializer not told on the hub', { initializer: nameOf(it), error: fault });
    }
  }
  for (const item of catalog.broken) {
    const namespace = item.namespace || DEFAULT_NAMESPACE;
    const known = onHub.get(`${namespace}/${item.name}`);
    if (item.kind === 'Initializer' && known !== undefined && !told.some((it) => it.namespace === namespace && it.name === item.name))
      told.push(brokenReport(item, known));
  }
  return told.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** One that cannot be used as it is written stays in the phase that it was in (I11). */
function brokenReport(item: Broken, live: KubeObject): InitializerReport {
  const phase = (live['status'] as { readonly status?: InitializerReport['phase'] } | undefined)?.status ?? 'checkingDependsOn';
  const message = 'the document cannot be used as it is written; everything stays as it was';
  const conditions = [
    { type: 'Ready', status: 'False', reason: 'Invalid', message },
    { type: 'Reconciling', status: 'False', reason: 'Invalid', message: '' },
    { type: 'Stalled', status: 'True', reason: 'Invalid', message },
  ] as const;
  return { namespace: item.namespace || DEFAULT_NAMESPACE, name: item.name, path: item.origin.path, phase, dependsOn: [], conditions, message };
}

async function mirror(
  it: InitializerRef,
  report: InitializerReport,
  app: ApplicationReport | null,
  live: KubeObject | null,
  doors: Pick<ApplicationDoors, 'records' | 'revision' | 'instance' | 'signal' | 'clock'>,
): Promise<void> {
  const wanted = initializerObject(it.document, live, doors.revision, doors.instance);
  const saved = live !== null && isMirrored(wanted, live) ? live : await doors.records.save('application', wanted, doors.signal);
  await doors.records.saveStatus(saved, initializerStatus(report, app, saved, doors.clock.now()), doors.signal);
}

/** What the deletion budget counts: an Initializer's objects go by Approval alone. */
export function withoutInitializers(leaving: readonly ApplicationRecord[], live: readonly KubeObject[]): readonly ApplicationRecord[] {
  const names = new Set(live.map(nameOfObject));
  return leaving.filter((record) => !names.has(nameOf(record)));
}

/** The Initializers on the hub that this instance keeps and the commit no longer holds, nor anything that cannot be read. */
function leavingInitializers(live: readonly KubeObject[], catalog: Catalog, instance: string): readonly KubeObject[] {
  if (catalog.unreadable.length > 0) return [];
  const present = new Set([
    ...catalog.initializers.map(nameOf),
    ...catalog.broken.filter(({ kind }) => kind === 'Initializer' || kind === '').map((it) => `${it.namespace || DEFAULT_NAMESPACE}/${it.name}`),
  ]);
  return live.filter((object) => object.metadata.annotations?.[INSTANCE_ANNOTATION] === instance && !present.has(nameOfObject(object)));
}

const dependenciesOf = (object: KubeObject): readonly string[] => {
  const { dependsOn } = (object['spec'] ?? {}) as {
    readonly dependsOn?: readonly { readonly ref?: { readonly name?: string; readonly namespace?: string } }[];
  };
  return (dependsOn ?? []).map(({ ref }) => `${ref?.namespace || (object.metadata.namespace ?? DEFAULT_NAMESPACE)}/${ref?.name ?? ''}`);
};

/**
 * What left the repository: Applications first, then Initializers, those that others depend on last. An Initializer's
 * goes when an Approval names it, and when nothing that leaves lies on the clusters that it registered (I11).
 */
export async function leaveAll(
  leaving: readonly ApplicationRecord[],
  live: readonly KubeObject[],
  catalog: Catalog,
  doors: ApplicationDoors,
  atOnceMax: number,
): Promise<readonly ApplicationReport[]> {
  const gone = leavingInitializers(live, catalog, doors.instance);
  const isInitializer = (record: ApplicationRecord): boolean =>
    live.some((object) => nameOfObject(object) === nameOf(record) && object.metadata.annotations?.[INSTANCE_ANNOTATION] === doors.instance);
  const plain = leaving.filter((record) => !isInitializer(record));
  const reports: ApplicationReport[] = (await mapLimit(plain, atOnceMax, (record) => leaveApplication(record, doors), doors.signal)).filter(
    (report) => report !== null,
  );
  const there = new Map(live.map((object) => [nameOfObject(object), object]));
  const stuck = new Set(reports.map(nameOf));
  for (const object of dependantsFirst(gone)) {
    const name = nameOfObject(object);
    const record = leaving.find((item) => nameOf(item) === name) ?? null;
    const waitsFor =
      [...there.values()].filter((other) => other !== object && dependenciesOf(other).includes(name)).map(nameOfObject)[0] ??
      (record === null
        ? undefined
        : leavesBehind(
            record,
            plain.filter((item) => stuck.has(nameOf(item))),
          ));
    const report =
      record === null
        ? null
        : waitsFor === undefined
          ? await leaveApplication(record, doors, true)
          : leavingReport(record, guardOf(object, doors), [], `goes after ${waitsFor}`);
    if (report !== null) reports.push(report);
    else if (waitsFor === undefined) {
      await doors.records.remove('forget', object, doors.signal);
      there.delete(name);
    }
  }
  return reports;
}

/** Nobody has approved of its deletion yet: that is told rather than what it would have to wait for. */
function guardOf(object: KubeObject, doors: ApplicationDoors): Fault | null {
  const target = { kind: 'Initializer', namespace: object.metadata.namespace ?? DEFAULT_NAMESPACE, name: object.metadata.name ?? '' };
  return doors.approvals.allowsDelete(target) !== null
    ? null
    : new Fault('plan/guard', `Initializer ${nameOfObject(object)} is no longer in the repository; what it made is kept, for it cannot be had back`);
}

/** An application that leaves too and still has something on a cluster that this Initializer registered. */
function leavesBehind(record: ApplicationRecord, others: readonly ApplicationRecord[]): string | undefined {
  const clusters = new Set(
    union(...record.trackers.map(trackedOf))
      .filter(({ key }) => key.kind === 'ManagedCluster')
      .map(({ key }) => key.name),
  );
  return others
    .filter((other) =>
      union(...other.trackers.map(trackedOf)).some(({ key }) => clusters.has(key.cluster) || (key.kind === 'ManifestWork' && clusters.has(key.namespace))),
    )
    .map(nameOf)[0];
}

function dependantsFirst(objects: readonly KubeObject[]): readonly KubeObject[] {
  const byName = new Map(objects.map((object) => [nameOfObject(object), object]));
  const depth = (object: KubeObject, seen: ReadonlySet<KubeObject>): number =>
    seen.has(object)
      ? 0
      : Math.max(
          0,
          ...dependenciesOf(object)
            .map((name) => byName.get(name))
            .filter((on) => on !== undefined)
            .map((on) => 1 + depth(on, new Set([...seen, object]))),
        );
  return objects.toSorted((a, b) => depth(b, new Set()) - depth(a, new Set()));
}
