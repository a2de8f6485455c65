/**
 * WHAT one pass does: one commit in, one report out (I1, I4). The stages meet here and nowhere else; WHEN is loop.ts.
 *
 *   source -> load -> render -> plan -> workflow -> transport -> status -> source
 */
import { runApplication, leaveApplication, type ApplicationDoors } from './application.ts';
import { runDocuments } from './documents.ts';
import { mapLimit } from './lib/queue.ts';
import type { Log } from './lib/log.ts';
import { load, type LoadCache } from './load/load.ts';
import type { Catalog, Revision } from './model/catalog.ts';
import type { CueEvaluator } from './model/cue.ts';
import { toFault, type Diagnostic, type Fault } from './model/fault.ts';
import { keyText, type KubeObject, type ObjectKey } from './model/object.ts';
import type { Desired, Plan } from './model/plan.ts';
import type { ApplicationRecord, Clock, Http, Records, Repo, Transport } from './model/ports.ts';
import type { ApplicationReport, Report, Tracked } from './model/status.ts';
import { trackedOf, union } from './plan/inventory.ts';
import { isKept, leavingDocuments, leavingRecords, plan, stayingDefinitions } from './plan/plan.ts';
import { approvalsOf, overBudget, type DeletionBudget } from './plan/prune.ts';
import { documentsTracker } from './plan/records.ts';
import type { ClusterVersion } from './render/context.ts';
import type { KnownDefinitions } from './render/definitions.ts';
import { render, type RenderMemo } from './render/render.ts';
import type { HealthMemo } from './status/health.ts';
import { publish } from './status/publish.ts';

export interface Doors {
  readonly repo: Pick<Repo, 'tree' | 'commit' | 'statusFiles'>;
  readonly transport: Transport;
  readonly records: Records;
  readonly cue: CueEvaluator;
  readonly http: Http;
  readonly clock: Clock;
  readonly log: Log;
  /** Definitions that live on the hub, and its version. */
  readonly hubFacts: (signal: AbortSignal) => Promise<{ readonly definitions: readonly KubeObject[]; readonly version: ClusterVersion }>;
  readonly pack: KnownDefinitions['pack'];
  readonly instance: string;
  readonly budget: DeletionBudget;
}

/** What is kept between passes so that cost grows with what changed. Losing it loses nothing but time. */
export interface Memory {
  readonly load: LoadCache;
  readonly render: RenderMemo;
  readonly health: HealthMemo;
  /** Reports of the last pass, by `namespace/name`: those of applications that this pass leaves alone. */
  reports: ReadonlyMap<string, ApplicationReport>;
  /** What the status branch says; null before it was read. */
  files: ReadonlyMap<string, string> | null;
  last: { readonly catalog: Catalog; readonly objects: Report['objects']; readonly diagnostics: readonly Diagnostic[] } | null;
}

export const emptyMemory = (cache: LoadCache): Memory => ({ load: cache, render: new Map(), health: new Map(), reports: new Map(), files: null, last: null });

/** Applications that are worked on at the same time. */
const APPLICATIONS_AT_ONCE_MAX = 16;

export interface PassOptions {
  /** `plan` stops before any effect. */
  readonly stop: 'plan' | 'end';
  /** Only these applications, by `namespace/name`, of a commit that was passed whole before; null for all. */
  readonly only: ReadonlySet<string> | null;
}

export interface PassResult {
  readonly report: Report;
  readonly plan: Plan | null;
  readonly desired: Desired | null;
  /** The status commit that was pushed; null when the branch said it all, or it could not be pushed. */
  readonly pushed: string | null;
  readonly pushFault: Fault | null;
}

/** One pass over one commit. Throws only what ends the daemon's turn: cancellation and a lost Lease. */
export async function pass(doors: Doors, memory: Memory, revision: Revision, options: PassOptions, signal: AbortSignal): Promise<PassResult> {
  let report: Report = { revision, applications: [], objects: [], leaving: [], diagnostics: [], fault: null };
  let planned: Plan | null = null;
  let desired: Desired | null = null;
  try {
    const catalog = load(await doors.repo.tree(revision, signal), { cache: memory.load }); // 1 source, 2 load
    report = { ...report, diagnostics: catalog.diagnostics };
    const hub = await remember(doors, signal);
    desired = await render({ //                                                               3 render
      catalog, known: { hub: stayingDefinitions(hub.definitions, hub.documents, catalog), pack: doors.pack }, records: hub.records, memo: memory.render,
      environment: { cue: doors.cue, clusterVersion: hub.version, isNamespaced: (cluster, apiVersion, kind) => doors.transport.isNamespaced(cluster, apiVersion, kind, signal), signal },
    });
    doors.log.debug('rendered', { commit: revision.sha, applications: desired.applications.length, objects: desired.objects.length + desired.applications.flatMap((app) => [...app.components.values()]).flatMap((component) => component.objects).length });
    const observed = await doors.transport.observe(keysOf(desired, hub), signal);
    const approvals = approvalsOf(catalog.approvals, doors.clock.now());
    const leaving = leavingRecords(hub.records, catalog, doors.instance);
    planned = options.stop === 'end' ? null : plan({ desired, records: hub.records, documents: hub.documents, observed, approvals, config: catalog.config, leaving }, catalog); // 4 plan
    if (options.stop === 'end') {
      const documents = leavingDocuments(hub.documents, desired, catalog);
      const heldBack = overBudget([...leaving.flatMap((record) => union(...record.trackers.map(trackedOf)).map((entry) => ({ key: entry.key, owner: { namespace: record.namespace, name: record.name, dialect: '1.10' as const } }))), ...documents.map((entry) => ({ key: entry.key, owner: { namespace: '', name: '', dialect: '1.10' as const } }))], hub.owned, doors.budget, approvals);
      const shared: ApplicationDoors = { ...doors, healthMemo: memory.health, config: catalog.config, approvals, revision, heldBack, observed, signal };
      report = await run(report, desired, catalog, hub, leaving, shared, options.only, memory); // 5 workflow, 6 transport
    } else report = { ...report, diagnostics: withRendering(report, desired) };
  } catch (error) {
    const fault = toFault(error);
    if (fault.kind === 'cancelled' || fault.code === 'transport/lease') throw fault;
    report = { ...report, applications: [...memory.reports.values()], fault };
  }
  const told = options.stop === 'end' ? await tell(doors, memory, report, signal) : { pushed: null, pushFault: null }; // 7 status, 8 source
  return { report, plan: planned, desired, ...told };
}

interface Remembered {
  readonly records: ReadonlyMap<string, ApplicationRecord>;
  readonly definitions: readonly KubeObject[];
  readonly version: ClusterVersion;
  readonly documents: readonly Tracked[];
  readonly documentsObject: KubeObject | null;
  /** How many objects this instance owns in all. */
  readonly owned: number;
}

/** What the hub keeps for us. */
async function remember(doors: Doors, signal: AbortSignal): Promise<Remembered> {
  const tracker = documentsTracker(doors.instance, []);
  const key: ObjectKey = { cluster: 'local', apiVersion: tracker.apiVersion, kind: tracker.kind, namespace: '', name: tracker.metadata.name ?? '' };
  const [records, facts, seen] = await Promise.all([doors.records.open(signal), doors.hubFacts(signal), doors.transport.observe([key], signal)]);
  const kept = seen.get(keyText(key));
  if (kept !== undefined && 'fault' in kept) throw kept.fault;
  const documentsObject = kept !== undefined && 'live' in kept ? kept.live : null;
  const documents = documentsObject === null ? [] : trackedOf(documentsObject);
  // Another instance's objects make our budget no larger.
  let owned = documents.length;
  for (const record of records.values()) if (isKept(record, doors.instance)) owned += union(...record.trackers.map(trackedOf)).length;
  return { records, definitions: facts.definitions, version: facts.version, documents, documentsObject, owned };
}

function keysOf(desired: Desired, hub: Remembered): readonly ObjectKey[] {
  const keys = new Map<string, ObjectKey>();
  const add = (key: ObjectKey): void => void keys.set(keyText(key), key);
  for (const app of desired.applications) {
    for (const component of app.components.values()) component.objects.forEach((wanted) => add(wanted.key));
    app.policyObjects.forEach((wanted) => add(wanted.key));
  }
  desired.objects.forEach((wanted) => add(wanted.key));
  hub.documents.forEach((entry) => add(entry.key));
  for (const record of hub.records.values()) for (const entry of union(...record.trackers.map(trackedOf))) add(entry.key);
  return [...keys.values()];
}

const EMPTY_RECORD = { application: null, trackers: [], revisions: [], journal: null };

async function run(report: Report, desired: Desired, catalog: Catalog, hub: Remembered, leaving: readonly ApplicationRecord[], doors: ApplicationDoors, only: ReadonlySet<string> | null, memory: Memory): Promise<Report> {
  const repository = only === null ? await runDocuments({ wanted: desired.objects, tracked: hub.documents, leaving: leavingDocuments(hub.documents, desired, catalog) }, doors) : { reports: memory.last?.objects ?? [], diagnostics: memory.last?.diagnostics ?? [] };
  const applications = await mapLimit(desired.applications, APPLICATIONS_AT_ONCE_MAX, async (app) => {
    const name = `${app.namespace}/${app.name}`;
    const known = memory.reports.get(name);
    if (only !== null && !only.has(name) && known !== undefined) return known;
    return runApplication(app, hub.records.get(name) ?? { ...EMPTY_RECORD, namespace: app.namespace, name: app.name }, doors);
  }, doors.signal);
  const gone = await mapLimit(leaving, APPLICATIONS_AT_ONCE_MAX, (record) => leaveApplication(record, doors), doors.signal);
  memory.reports = new Map(applications.map((app) => [`${app.namespace}/${app.name}`, app]));
  memory.last = { catalog, objects: repository.reports, diagnostics: repository.diagnostics };
  const told = { ...report, applications, objects: repository.reports, leaving: gone.filter((item) => item !== null) };
  return { ...told, diagnostics: [...withRendering(report, desired), ...repository.diagnostics, ...refusals(desired, applications), ...unreadable(catalog, hub)] };
}

function withRendering(report: Report, desired: Desired): readonly Diagnostic[] {
  return [...report.diagnostics, ...desired.applications.flatMap((app) => app.diagnostics)];
}

/** What an API server refused, at the component it comes from. */
function refusals(desired: Desired, reports: readonly ApplicationReport[]): readonly Diagnostic[] {
  return reports.flatMap((report) => {
    const app = desired.applications.find((item) => item.namespace === report.namespace && item.name === report.name);
    const origins = new Map([...(app?.components.values() ?? [])].flatMap((component) => component.objects.map((wanted) => [keyText(wanted.key), wanted.origin] as const)));
    return report.objects.filter((object) => object.fault !== null && (object.fault.kind === 'invalid' || object.fault.kind === 'denied')).map((object): Diagnostic => ({
      code: object.fault?.code ?? 'transport/invalid', severity: 'error', application: `${report.namespace}/${report.name}`, message: object.fault?.message ?? '',
      origin: origins.get(keyText(object.key)) ?? app?.document.origin ?? { path: report.path, line: 1, column: 1 },
    }));
  });
}

/** Tells why nothing is deleted while a document cannot be read. */
function unreadable(catalog: Catalog, hub: Remembered): readonly Diagnostic[] {
  const [first] = catalog.unreadable;
  if (first === undefined || hub.owned === 0) return [];
  return [{ code: 'plan/unreadable', severity: 'warning', message: 'a document cannot be read, so it is not known what it held: nothing is deleted meanwhile', origin: first }];
}

async function tell(doors: Doors, memory: Memory, report: Report, signal: AbortSignal): Promise<Pick<PassResult, 'pushed' | 'pushFault'>> {
  try {
    // A remote that is away cannot tell what it holds: everything is committed then, and waits in the outbox.
    const known = memory.files ?? await doors.repo.statusFiles(signal).catch(() => new Map<string, string>());
    const published = publish(report, known);
    if (published === null) return { pushed: null, pushFault: null };
    const pushed = await doors.repo.commit(published.commit, signal);
    memory.files = published.files;
    return { pushed, pushFault: null };
  } catch (error) {
    const fault = toFault(error);
    if (fault.kind === 'cancelled' || fault.code === 'transport/lease') throw fault;
    doors.log.warn('status not pushed', { error: fault });
    return { pushed: null, pushFault: fault };
  }
}

