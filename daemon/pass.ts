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
import type { ApplicationReport, Observation, Report, Tracked } from './model/status.ts';
import type { Approvals } from './plan/approvals.ts';
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

/** What a pass has found beside the applications: one over some of them keeps it. */
interface LastPass {
  readonly sha: string;
  readonly hub: Remembered;
  readonly wanted: Desired['objects'];
  readonly repository: DocumentsResult;
  readonly leaving: readonly ApplicationReport[];
  readonly initializers: Report['initializers'];
  readonly clusters: Report['clusters'];
}

/** What is kept between passes so that cost grows with what changed. Losing it loses nothing but time. */
export interface Memory extends TellMemory {
  readonly load: LoadCache;
  readonly render: RenderMemo;
  readonly health: HealthMemo;
  /** Reports of the last pass, by `namespace/name`: those of applications that this pass leaves alone. */
  reports: ReadonlyMap<string, ApplicationReport>;
  /** The last pass that came to its end; null before the first. */
  last: LastPass | null;
}

export const emptyMemory = (cache: LoadCache): Memory => ({
  load: cache,
  render: new Map(),
  health: new Map(),
  reports: new Map(),
  files: null,
  untold: null,
  paced: UNPACED,
  last: null,
});

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
  const turn: Turn = { doors, memory, revision, signal, diagnostics: [...(revision.held ?? [])] };
  let report: Report;
  try {
    const ground = await survey(turn, options); //                   1 source, 2 load, 3 render
    if (options.stop === 'plan') return planOn(turn, ground); //     4 plan
    report = await carryOut(turn, ground); //                        4 plan, 5 workflow, 6 transport
  } catch (error) {
    const fault = toFault(error);
    if (endsTurn(fault)) throw fault;
    if (options.stop === 'plan') return { report: reportOf(turn, { fault }), plan: null, ...NOTHING_TOLD };
    report = reportOf(turn, { ...lastKnown(memory), fault });
  }
  return { report, plan: null, ...(await tell(doors, memory, report, signal)) }; // 7 status, 8 source
}

/** What one pass is about, and the findings that it has come to so far: they are told whatever becomes of the rest. */
interface Turn {
  readonly doors: Doors;
  readonly memory: Memory;
  readonly revision: Revision;
  readonly signal: AbortSignal;
  readonly diagnostics: Diagnostic[];
}

/** How much of the commit is passed: all of it, or what something happened to since it was passed whole. */
type Scope =
  | { readonly before: null; readonly only: null; readonly documents: true }
  | { readonly before: LastPass; readonly only: ReadonlySet<string>; readonly documents: boolean };

/** All that is known before anything is done. */
interface Ground extends PlanGround {
  readonly scope: Scope;
  readonly observed: ReadonlyMap<string, Observation>;
  readonly approvals: Approvals;
  readonly leaving: { readonly records: readonly ApplicationRecord[]; readonly documents: readonly Tracked[] };
}

const NOTHING_TOLD: Told = { pushed: null, pushFault: null, tellInMs: null };

const reportOf = ({ revision, diagnostics }: Turn, known: Partial<Report>): Report => ({
  revision,
  applications: [],
  objects: [],
  clusters: [],
  initializers: [],
  leaving: [],
  diagnostics,
  fault: null,
  ...known,
});

/** What a pass that broke off tells: what was so the last time. */
const lastKnown = ({ reports, last }: Memory): Partial<Report> => ({
  applications: [...reports.values()],
  objects: last?.repository.reports ?? [],
  leaving: last?.leaving ?? [],
  initializers: last?.initializers ?? [],
  clusters: last?.clusters ?? [],
});

/** Reads the commit, what the hub remembers, and what is live; computes what is wanted. Changes nothing. */
async function survey({ doors, memory, revision, signal, diagnostics }: Turn, options: PassOptions): Promise<Ground> {
  const catalog = load(await doors.repo.tree(revision, signal), { cache: memory.load, ...doors.given });
  diagnostics.push(...catalog.diagnostics);
  const scope = scopeOf(memory.last, revision, options, catalog);
  const { before, only } = scope;
  const hub = before === null ? await rememberAll(doors, signal) : await rememberSome(doors, only, before.hub, signal);
  const clusters = { ...(await doors.members.look(signal)), mayGrow: areUnderway(catalog.initializers, memory.reports) };
  const rendered = await render({
    catalog,
    only,
    clusters,
    records: hub.records,
    memo: memory.render,
    known: { hub: stayingDefinitions(hub.definitions, hub.documents, catalog), pack: doors.pack },
    environment: {
      cue: doors.cue,
      clusterVersion: hub.version,
      signal,
      isNamespaced: (cluster, apiVersion, kind) => doors.transport.isNamespaced(cluster, apiVersion, kind, signal),
    },
  });
  const desired = before !== null && scope.documents ? { ...rendered, objects: before.wanted } : rendered;
  secretsOf(desired).forEach(doors.redactor.learnSecret);
  doors.log.debug('rendered', { commit: revision.sha, applications: desired.applications.length, objects: countOf(desired) });
  const observed = await doors.transport.observe(keysOf(desired, hub, scope.documents), signal);
  const { approvals, diagnostics: unapproved } = await doors.approvals({
    catalog,
    applications: desired.applications,
    isWhole: before === null,
    revision,
    signal,
  });
  diagnostics.push(...unapproved);
  // What leaves the commit is a whole pass's affair.
  const leaving =
    before === null
      ? { records: leavingRecords(hub.records, catalog, doors.instance), documents: leavingDocuments(hub.documents, desired, catalog) }
      : { records: [], documents: [] };
  const deletions = [
    ...withoutInitializers(leaving.records, hub.initializers).flatMap(deletionsOf),
    ...leaving.documents.map(({ key }) => ({ key, owner: NOBODY })),
  ];
  const heldBack = overBudget(
    deletions.map((item) => ({ ...item, ...uidOf(liveOf(observed.get(keyText(item.key)))) })),
    hub.kept.length,
    doors.budget,
    approvals,
  );
  return { catalog, scope, hub, clusters, desired, observed, approvals, leaving, heldBack };
}

function scopeOf(last: LastPass | null, revision: Revision, { only, documents }: PassOptions, { initializers }: Catalog): Scope {
  if (last === null || last.sha !== revision.sha || only === null) return { before: null, only: null, documents: true };
  return { before: last, only: withDependants(only, initializers), documents: documents === true };
}

/** The plan as a whole, for who only looks; where it is carried out, each application makes its own when its turn comes. */
function planOn(turn: Turn, ground: Ground): PassResult {
  const { catalog, desired, hub, observed, approvals, leaving } = ground;
  const found = plan(
    { desired, records: hub.records, documents: hub.documents, observed, approvals, config: catalog.config, drift: turn.doors.drift, leaving: leaving.records },
    catalog,
  );
  const diagnostics = [...turn.diagnostics, ...desired.applications.flatMap((app) => app.diagnostics)];
  return { report: reportOf(turn, { diagnostics }), plan: found, ground, ...NOTHING_TOLD };
}

/** Documents, applications in their order, what leaves, then who works behind the pass; remembers what it found. */
async function carryOut(turn: Turn, ground: Ground): Promise<Report> {
  const { doors, memory, revision, signal } = turn;
  const {
    catalog,
    scope: { before, documents },
    hub,
    clusters,
    desired,
    approvals,
    leaving,
  } = ground;
  const shared: ApplicationDoors = {
    ...doors,
    told: doors.controllers.told,
    shared: hub.shared,
    clusters,
    healthMemo: memory.health,
    config: catalog.config,
    approvals,
    revision,
    heldBack: ground.heldBack,
    observed: ground.observed,
    signal,
  };
  const repository =
    before !== null && !documents
      ? before.repository
      : await runDocuments({ wanted: desired.objects, tracked: hub.documents, leaving: before === null ? leaving.documents : before.repository.left }, shared);
  // What controllers said in a former process is not known to this one: told without it, it would make a commit (I5).
  if (memory.last === null) await doors.controllers.tend(hub.kept, signal);
  const ran = await runApplications(turn, ground, shared);
  const gone = before === null ? await leaveAll(leaving.records, hub.initializers, catalog, shared, APPLICATIONS_AT_ONCE_MAX) : before.leaving;
  memory.reports = new Map([...(before === null ? [] : memory.reports), ...ran.map((app) => [`${app.namespace}/${app.name}`, app] as const)]);
  const tended = [...objectsIn(hub, memory.reports.values()), ...leavingClusters(clusters)];
  await Promise.all([doors.members.works(clusters, signal), doors.controllers.tend(tended, signal)]);
  const applications = [...memory.reports.values()].map(doors.members.withCarried);
  const initializers = await tellInitializers(catalog, memory.reports, hub.initializers, shared);
  const told = doors.members.reports(clusters, applications);
  memory.last = {
    sha: revision.sha,
    repository,
    initializers,
    leaving: gone,
    clusters: told,
    wanted: before === null ? desired.objects : before.wanted,
    hub: { ...hub, documents: repository.tracked, ...(before === null ? {} : { records: new Map() }) },
  };
  const diagnostics = [...turn.diagnostics, ...applications.flatMap((app) => app.diagnostics), ...repository.diagnostics, ...unreadable(catalog, hub)];
  return reportOf(turn, {
    applications,
    objects: repository.reports,
    clusters: told,
    initializers,
    leaving: gone,
    approvals: approvals.acted(),
    diagnostics: [...new Set(diagnostics)],
  });
}

/** Each application as far as it goes now, an Initializer's before those that wait for it; then those that cannot be read. */
async function runApplications(
  { doors, memory, signal }: Turn,
  { catalog, scope, hub, desired }: Ground,
  shared: ApplicationDoors,
): Promise<readonly ApplicationReport[]> {
  const chain = {
    initializers: catalog.initializers,
    before: memory.reports,
    atOnceMax: APPLICATIONS_AT_ONCE_MAX,
    signal,
    exists: (name: string) => (hub.records.get(name)?.application ?? null) !== null,
  };
  const ran = await runInOrder(desired.applications, chain, (app) => runApplication(app, recordOf(hub.records, app), shared));
  const broken = scope.before === null ? brokenApplications(catalog, hub.records, doors.instance) : [];
  const told = await mapLimit(broken, APPLICATIONS_AT_ONCE_MAX, (item) => tellBroken(item, shared), signal);
  return [...ran.filter((app) => app !== null), ...told];
}

const countOf = ({ objects, applications }: Desired): number =>
  objects.length + applications.flatMap((app) => [...app.components.values()]).flatMap((component) => component.objects).length;

/** What this instance keeps: what it kept before this pass, and what the pass has made. */
const objectsIn = (hub: Remembered, reports: Iterable<ApplicationReport>): readonly ObjectKey[] => [
  ...hub.kept,
  ...[...reports].flatMap((app) => app.objects.map(({ key }) => key)),
];

/** A cluster that is deleted may wait for us whoever it belongs to. */
const leavingClusters = ({ members }: Clusters): readonly ObjectKey[] =>
  members.flatMap(({ object }) => (object?.metadata.deletionTimestamp === undefined ? [] : keyOf(LOCAL, object)));

const liveOf = (observation: Observation | undefined): KubeObject | null => (observation !== undefined && 'live' in observation ? observation.live : null);
const NOBODY: Owner = { namespace: '', name: '', dialect: '1.10' };

function deletionsOf(record: ApplicationRecord): readonly { readonly key: ObjectKey; readonly owner: Owner }[] {
  const owner: Owner = { namespace: record.namespace, name: record.name, dialect: '1.10' };
  return union(...record.trackers.map(trackedOf)).map((entry) => ({ key: entry.key, owner }));
}

function recordOf(records: ReadonlyMap<string, ApplicationRecord>, app: DesiredApplication): ApplicationRecord {
  return (
    records.get(`${app.namespace}/${app.name}`) ?? { namespace: app.namespace, name: app.name, application: null, trackers: [], revisions: [], journal: null }
  );
}

/** Tells why nothing is deleted while a document cannot be read. */
function unreadable(catalog: Catalog, hub: Remembered): readonly Diagnostic[] {
  const [first] = catalog.unreadable;
  if (first === undefined || hub.kept.length === 0) return [];
  return [
    {
      code: 'plan/unreadable',
      severity: 'warning',
      message: 'a document cannot be read, so it is not known what it held: nothing is deleted meanwhile',
      origin: first,
    },
  ];
}
