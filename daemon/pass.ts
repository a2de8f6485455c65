/**
 * WHAT one pass does: one commit in, one report out (I1, I4). The stages meet here and nowhere else; WHEN is loop.ts.
 *
 *   source -> load -> render -> plan -> workflow -> transport -> status -> source
 */
import { runApplication, type ApplicationDoors } from './application.ts';
import type { JudgeApprovals } from './approvals.ts';
import { brokenApplications, tellBroken } from './broken.ts';
import { runDocuments, type DocumentsResult } from './documents.ts';
import { mapLimit } from './lib/queue.ts';
import { areUnderway, leaveAll, runInOrder, tellInitializers, withDependants, withoutInitializers } from './initializers.ts';
import type { Controllers } from './controllers.ts';
import type { Log } from './lib/log.ts';
import type { Members } from './members.ts';
import { load, type LoadCache, type LoadOptions } from './load/load.ts';
import type { Catalog, Revision } from './model/catalog.ts';
import type { Clusters } from './model/clusters.ts';
import type { CueEvaluator } from './model/cue.ts';
import { endsTurn, toFault, type Diagnostic } from './model/fault.ts';
import { keyOf, keyText, LOCAL, type KubeObject, type ObjectKey } from './model/object.ts';
import type { Desired, DesiredApplication, Plan } from './model/plan.ts';
import type { ApplicationRecord, Clock, Http, Records, Redactor, Register, Repo, Transport } from './model/ports.ts';
import type { ApplicationReport, Observation, Report } from './model/status.ts';
import type { Owner } from './plan/decide.ts';
import type { DriftBound } from './plan/field-rules.ts';
import { trackedOf, union } from './plan/inventory.ts';
import { leavingDocuments, leavingRecords, plan, stayingDefinitions } from './plan/plan.ts';
import { overBudget, uidOf, type DeletionBudget } from './plan/prune.ts';
import { secretsOf } from './plan/spread.ts';
import { keysOf, rememberAll, rememberSome, type HubFacts, type Remembered } from './remember.ts';
import type { KnownDefinitions } from './render/definitions.ts';
import { render, type RenderMemo } from './render/render.ts';
import { UNPACED, type Pace } from './status/pace.ts';
import type { HealthMemo } from './status/health.ts';
import { tell, type TellMemory, type Told } from './tell.ts';

export interface Doors {
  readonly repo: Pick<Repo, 'tree' | 'commit' | 'statusFiles'>;
  readonly transport: Transport;
  /** Member clusters, and the work agent's turn on them. */
  readonly members: Members;
  /** What Lateen reconciles in place of controllers that are not there. */
  readonly controllers: Controllers;
  /** For placeholders: the operator's values and the hub's own address. */
  readonly given: Pick<LoadOptions, 'values' | 'hubServer' | 'builtIns'>;
  readonly records: Records;
  readonly cue: CueEvaluator;
  readonly http: Http;
  readonly register: Register;
  readonly clock: Clock;
  readonly log: Log;
  /** Definitions that live on the hub, and its version. */
  readonly hubFacts: (signal: AbortSignal) => Promise<HubFacts>;
  /** A step that waits goes on when its status is changed on the hub; absent: it does. */
  readonly hubResumes?: boolean;
  /** Which Approvals count. */
  readonly approvals: JudgeApprovals;
  readonly pack: KnownDefinitions['pack'];
  readonly instance: string;
  readonly budget: DeletionBudget;
  /** How often the status branch is written. */
  readonly pace: Pace;
  /** Learns what is secret in a commit, before anything is said of it (I9). */
  readonly redactor: Redactor;
  /** What the operator says about drift. */
  readonly drift: DriftBound;
}

/** What is kept between passes so that cost grows with what changed. Losing it loses nothing but time. */
export interface Memory extends TellMemory {
  readonly load: LoadCache;
  readonly render: RenderMemo;
  readonly health: HealthMemo;
  /** Reports of the last pass, by `namespace/name`: those of applications that this pass leaves alone. */
  reports: ReadonlyMap<string, ApplicationReport>;
  /** What the last pass over this commit found beside the applications: a pass over some of them keeps it. */
  last: { readonly sha: string; readonly hub: Remembered; readonly wanted: Desired['objects']; readonly repository: DocumentsResult; readonly leaving: readonly ApplicationReport[]; readonly initializers: Report['initializers']; readonly clusters: Report['clusters'] } | null;
}

export const emptyMemory = (cache: LoadCache): Memory => ({ load: cache, render: new Map(), health: new Map(), reports: new Map(), files: null, untold: null, paced: UNPACED, last: null });

/** Applications that are worked on at the same time. */
const APPLICATIONS_AT_ONCE_MAX = 16;

export interface PassOptions {
  /** `plan` stops before any effect. */
  readonly stop: 'plan' | 'end';
  /** Only these applications, by `namespace/name`, of a commit that was passed whole before; null for all. */
  readonly only: ReadonlySet<string> | null;
  /** With `only`: the repository's own documents as well, those that leave the commit excepted. */
  readonly documents?: boolean;
}

/** What a plan was made from, for who explains it. */
export interface PlanGround {
  readonly catalog: Catalog;
  readonly desired: Desired;
  readonly hub: Remembered;
  readonly clusters: Clusters;
  /** Objects that the deletion budget would hold back, by keyText. */
  readonly heldBack: ReadonlySet<string>;
}

export interface PassResult extends Told {
  readonly report: Report;
  readonly plan: Plan | null;
  /** With a plan. */
  readonly ground?: PlanGround;
}

/** One pass over one commit. Throws only what ends the daemon's turn: cancellation and a lost Lease. */
export async function pass(doors: Doors, memory: Memory, revision: Revision, options: PassOptions, signal: AbortSignal): Promise<PassResult> {
  let report: Report = { revision, applications: [], objects: [], clusters: [], initializers: [], leaving: [], diagnostics: revision.held ?? [], fault: null };
  let planned: Plan | null = null;
  const last = memory.last;
  try {
    const catalog = load(await doors.repo.tree(revision, signal), { cache: memory.load, ...doors.given }); // 1 source, 2 load
    const only = last !== null && last.sha === revision.sha && options.only !== null ? withDependants(options.only, catalog.initializers) : null;
    report = { ...report, diagnostics: [...report.diagnostics, ...catalog.diagnostics] };
    const hub = only === null || last === null ? await rememberAll(doors, signal) : await rememberSome(doors, only, last.hub, signal);
    const clusters = { ...(await doors.members.look(signal)), mayGrow: areUnderway(catalog.initializers, memory.reports) };
    const rendered = await render({ //                                                        3 render
      catalog, only, clusters, known: { hub: stayingDefinitions(hub.definitions, hub.documents, catalog), pack: doors.pack }, records: hub.records, memo: memory.render,
      environment: { cue: doors.cue, clusterVersion: hub.version, isNamespaced: (cluster, apiVersion, kind) => doors.transport.isNamespaced(cluster, apiVersion, kind, signal), signal },
    });
    const withDocuments = only === null || options.documents === true;
    const desired = only === null || last === null || !withDocuments ? rendered : { ...rendered, objects: last.wanted };
    secretsOf(desired).forEach(doors.redactor.learnSecret);
    doors.log.debug('rendered', { commit: revision.sha, applications: desired.applications.length, objects: desired.objects.length + desired.applications.flatMap((app) => [...app.components.values()]).flatMap((component) => component.objects).length });
    const observed = await doors.transport.observe(keysOf(desired, hub, withDocuments), signal);
    const { approvals, diagnostics: unapproved } = await doors.approvals({ catalog, applications: desired.applications, isWhole: only === null, revision, signal });
    report = { ...report, diagnostics: [...report.diagnostics, ...unapproved] };
    const leaving = only === null ? leavingRecords(hub.records, catalog, doors.instance) : [];
    const documents = only === null ? leavingDocuments(hub.documents, desired, catalog) : [];
    const heldBack = overBudget([...withoutInitializers(leaving, hub.initializers).flatMap(deletionsOf), ...documents.map((entry) => ({ key: entry.key, owner: NOBODY }))].map((item) => ({ ...item, ...uidOf(liveOf(observed.get(keyText(item.key)))) })), hub.kept.length, doors.budget, approvals);
    if (options.stop === 'plan') {
      planned = plan({ desired, records: hub.records, documents: hub.documents, observed, approvals, config: catalog.config, drift: doors.drift, leaving }, catalog); // 4 plan
      return { report: { ...report, diagnostics: [...report.diagnostics, ...desired.applications.flatMap((app) => app.diagnostics)] }, plan: planned, ground: { catalog, desired, hub, clusters, heldBack }, pushed: null, pushFault: null, tellInMs: null };
    }
    const shared: ApplicationDoors = { ...doors, told: doors.controllers.told, shared: hub.shared, clusters, healthMemo: memory.health, config: catalog.config, approvals, revision, heldBack, observed, signal };
    const repository = last === null || withDocuments ? await runDocuments({ wanted: desired.objects, tracked: hub.documents, leaving: only === null || last === null ? documents : last.repository.left }, shared) : last.repository;
    // What controllers said in a former process is not known to this one: told without it, it would make a commit (I5).
    if (last === null) await doors.controllers.tend(hub.kept, signal);
    const chain = { initializers: catalog.initializers, before: memory.reports, exists: (name: string) => (hub.records.get(name)?.application ?? null) !== null, atOnceMax: APPLICATIONS_AT_ONCE_MAX, signal };
    const reports = (await runInOrder(desired.applications, chain, (app) => runApplication(app, recordOf(hub.records, app), shared))).filter((app) => app !== null); // 5 workflow, 6 transport
    const broken = only === null ? await mapLimit(brokenApplications(catalog, hub.records, doors.instance), APPLICATIONS_AT_ONCE_MAX, (item) => tellBroken(item, shared), signal) : [];
    const gone = only === null ? await leaveAll(leaving, hub.initializers, catalog, shared, APPLICATIONS_AT_ONCE_MAX) : [];
    memory.reports = new Map([...(only === null ? [] : memory.reports), ...[...reports, ...broken].map((app) => [`${app.namespace}/${app.name}`, app] as const)]);
    await Promise.all([doors.members.works(clusters, signal), doors.controllers.tend([...objectsIn(hub, memory.reports.values()), ...leavingClusters(clusters)], signal)]);
    const applications = [...memory.reports.values()].map(doors.members.withCarried);
    const initializers = await tellInitializers(catalog, memory.reports, hub.initializers, shared);
    const told = doors.members.reports(clusters, applications);
    memory.last = { clusters: told, sha: revision.sha, hub: { ...hub, documents: repository.tracked, ...(only === null ? {} : { records: new Map() }) }, wanted: only === null || last === null ? desired.objects : last.wanted, repository, initializers, leaving: only === null || last === null ? gone : last.leaving };
    report = { ...report, applications, clusters: told, objects: repository.reports, initializers, leaving: memory.last.leaving, approvals: approvals.acted(), diagnostics: [...new Set([...report.diagnostics, ...applications.flatMap((app) => app.diagnostics), ...repository.diagnostics, ...unreadable(catalog, hub)])] };
  } catch (error) {
    const fault = toFault(error);
    if (endsTurn(fault)) throw fault;
    if (options.stop === 'plan') return { report: { ...report, fault }, plan: null, pushed: null, pushFault: null, tellInMs: null };
    report = { ...report, applications: [...memory.reports.values()], objects: last?.repository.reports ?? [], leaving: last?.leaving ?? [], initializers: last?.initializers ?? [], clusters: last?.clusters ?? [], fault };
  }
  return { report, plan: planned, ...(await tell(doors, memory, report, signal)) }; //          7 status, 8 source
}

/** What this instance keeps: what it kept before this pass, and what the pass has made. */
const objectsIn = (hub: Remembered, reports: Iterable<ApplicationReport>): readonly ObjectKey[] => [...hub.kept, ...[...reports].flatMap((app) => app.objects.map(({ key }) => key))];

/** A cluster that is deleted may wait for us whoever it belongs to. */
const leavingClusters = ({ members }: Clusters): readonly ObjectKey[] => members.flatMap(({ object }) => (object?.metadata.deletionTimestamp === undefined ? [] : keyOf(LOCAL, object)));

const liveOf = (observation: Observation | undefined): KubeObject | null => (observation !== undefined && 'live' in observation ? observation.live : null);
const NOBODY: Owner = { namespace: '', name: '', dialect: '1.10' };

function deletionsOf(record: ApplicationRecord): readonly { readonly key: ObjectKey; readonly owner: Owner }[] {
  const owner: Owner = { namespace: record.namespace, name: record.name, dialect: '1.10' };
  return union(...record.trackers.map(trackedOf)).map((entry) => ({ key: entry.key, owner }));
}

function recordOf(records: ReadonlyMap<string, ApplicationRecord>, app: DesiredApplication): ApplicationRecord {
  return records.get(`${app.namespace}/${app.name}`) ?? { namespace: app.namespace, name: app.name, application: null, trackers: [], revisions: [], journal: null };
}

/** Tells why nothing is deleted while a document cannot be read. */
function unreadable(catalog: Catalog, hub: Remembered): readonly Diagnostic[] {
  const [first] = catalog.unreadable;
  if (first === undefined || hub.kept.length === 0) return [];
  return [{ code: 'plan/unreadable', severity: 'warning', message: 'a document cannot be read, so it is not known what it held: nothing is deleted meanwhile', origin: first }];
}

