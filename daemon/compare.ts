/**
 * Two commits, or a commit and the live clusters, through load, render and plan: what `lateen plan` and the plans of pull
 * requests say. Changes nothing anywhere. Without clusters it is commit against commit, decided as if the base had been
 * carried out to the end.
 */
import type { JudgeApprovals } from './approvals.ts';
import { mapLimit } from './lib/queue.ts';
import { createLoadCache, load, type LoadCache, type LoadOptions } from './load/load.ts';
import { DEFAULT_NAMESPACE, type Catalog, type Revision, type Tree } from './model/catalog.ts';
import type { Clusters } from './model/clusters.ts';
import type { CueEvaluator } from './model/cue.ts';
import { Fault, type Diagnostic } from './model/fault.ts';
import type { KubeObject } from './model/object.ts';
import type { Desired, DesiredApplication, Plan, RevisionRef } from './model/plan.ts';
import type { ApplicationRecord, Redactor, Repo } from './model/ports.ts';
import type { PlanGround } from './pass.ts';
import { approvedSteps, speaksOf, type ApprovedStep } from './plan/approved-steps.ts';
import { assumedClusters } from './plan/assumed-clusters.ts';
import { blame, type Blame, type Source } from './plan/blame.ts';
import { compareApplications, type Facts, type SideInput } from './plan/compare.ts';
import type { Comparison } from './plan/comparison.ts';
import type { Owner } from './plan/decide.ts';
import { environmentsOf } from './plan/environments.ts';
import type { DriftBound } from './plan/field-rules.ts';
import { trackedOf, union } from './plan/inventory.ts';
import { matrixOf } from './plan/matrix.ts';
import { leavingDocuments, leavingRecords, plan, stayingDefinitions } from './plan/plan.ts';
import { overBudget, type DeletionBudget } from './plan/prune.ts';
import { redacted } from './plan/redacted.ts';
import { recordsOf, simulate } from './plan/simulate.ts';
import { hubDocument, onHub } from './plan/shown.ts';
import { outcomeOf, placed, wishesOf } from './plan/spread.ts';
import { touchedApplications } from './plan/touched.ts';
import type { Twins } from './plan/twins.ts';
import type { KnownDefinitions } from './render/definitions.ts';
import { render, type RenderInput, type RenderMemo } from './render/render.ts';
import { guessNamespaced } from './render/scope.ts';

export interface CompareDoors {
  readonly repo: Pick<Repo, 'tree'>;
  /** Values and built-ins that the operator gives. */
  readonly given: Omit<LoadOptions, 'cache'>;
  readonly cue: CueEvaluator;
  readonly pack: KnownDefinitions['pack'];
  readonly redactor: Pick<Redactor, 'learnSecret' | 'text'>;
  readonly instance: string;
  readonly budget: DeletionBudget;
  readonly drift: DriftBound;
  /** Which Approvals of a commit count. */
  readonly approvals: JudgeApprovals;
  /** What a Configuration would have made in a cloud, a line for each resource. */
  readonly cloudPlan: (object: KubeObject) => readonly string[];
}

/** What a pass that stopped at its plan has found. */
export interface LiveGround extends PlanGround {
  readonly plan: Plan;
  /** All that was found. */
  readonly diagnostics: readonly Diagnostic[];
  readonly isNamespaced: RenderInput['environment']['isNamespaced'];
}

/** What is kept between comparisons, so that one costs what changed. */
export interface CompareMemory {
  readonly base: { readonly load: LoadCache; readonly render: RenderMemo };
  readonly head: { readonly load: LoadCache; readonly render: RenderMemo };
}

export const emptyCompareMemory = (): CompareMemory => ({
  base: { load: createLoadCache(), render: new Map() },
  head: { load: createLoadCache(), render: new Map() },
});

export interface CompareOptions {
  /** Null: the head is compared with the clusters alone, so `live` is given. */
  readonly base: Revision | null;
  readonly head: Revision;
  /** Null: no cluster is asked. */
  readonly live: LiveGround | null;
  /** Why no cluster is asked though somebody wanted to; "" else. */
  readonly message: string;
  /** The earlier commit to which the head goes back; "" for none, or where nobody looked. */
  readonly revertOf: string;
  /** False: the head is anybody's. It is read under the base's lateen.yaml, and nothing is approved by it. */
  readonly isTrusted: boolean;
  readonly memory?: CompareMemory;
  /** Renderings to find out what set the fields, for all applications together. Default 1,000. */
  readonly rendersMax?: number;
}

/** Renderings of one application at most to find out what set its fields (I7). */
const RENDERS_MAX = 40;
const RENDERS_TOTAL_MAX = 1_000;
const APPLICATIONS_AT_ONCE_MAX = 4;
/** What templates see of a cluster that nobody has asked. */
const ASSUMED_VERSION = { major: '1', minor: 36, gitVersion: 'v1.36.0', platform: 'linux/amd64' };

/** What all renderings of one comparison have in common. */
interface Ground {
  readonly doors: CompareDoors;
  readonly live: LiveGround | null;
  readonly clusters: Clusters;
  /** Clusters that stand for selectors. */
  readonly unresolved: readonly string[];
  readonly isNamespaced: LiveGround['isNamespaced'];
  readonly signal: AbortSignal;
}

/** Compares. Faults: source/* of the trees, render/evaluator, loop/cancelled; a user's mistakes are findings in it. */
export async function compare(doors: CompareDoors, options: CompareOptions, signal: AbortSignal): Promise<Comparison> {
  const catalogs = await catalogsOf(doors, options, signal);
  const touched = catalogs.base === null ? null : touchedApplications(catalogs.base, catalogs.head);
  const first = await look(doors, options, { catalogs, touched }, signal);
  // Whether the budget holds anything back hangs on how much there is in all.
  const looked = first.isShareAsked ? await look(doors, options, { catalogs, touched: null }, signal) : first;
  const { ground, base, head, desired } = looked;
  const { live } = options;
  const liveSide: SideInput | null = live === null ? null : { plan: live.plan, records: live.hub.records, heldBack: live.heldBack, isSimulated: false };
  const approved = await approvedBeforehand(looked, catalogs, options);
  const facts = await factsOf(looked, catalogs, [desired, liveSide], { approved, rendersMax: options.rendersMax ?? RENDERS_TOTAL_MAX });
  const findings = (catalog: Catalog, wanted: Desired): readonly Diagnostic[] => [
    ...catalog.diagnostics,
    ...wanted.applications.flatMap((app) => app.diagnostics),
  ];
  const now =
    live !== null && options.isTrusted ? live.diagnostics : [...findings(catalogs.head, head), ...(options.isTrusted ? (desired?.unapproved ?? []) : [])];
  const before = new Set(
    catalogs.base === null || base === null
      ? []
      : [...findings(catalogs.base, base), ...(await unapprovedBefore(looked, catalogs.base, options, now))].map(findingText),
  );
  // An Approval is for one content: that every later one outdates it is no news of this commit.
  const given = new Set(catalogs.base?.approvals.map(approvalText) ?? []);
  const spent = new Set(catalogs.head.approvals.filter((document) => given.has(approvalText(document))).map(({ origin }) => origin.path));
  const isOld = (item: Diagnostic): boolean =>
    before.has(findingText(item)) || (item.code === 'plan/approval' && item.severity === 'warning' && spent.has(item.origin?.path ?? ''));
  const told = compareApplications({ ...catalogs, desired, live: liveSide, facts, revertOf: options.revertOf, cloudPlan: doors.cloudPlan });
  return redacted(
    {
      base: options.base,
      head: options.head,
      revertOf: options.revertOf,
      clusters: { isLive: live !== null, unresolved: ground.unresolved, message: options.message },
      applications: told.applications,
      unchangedCount: told.unchangedCount + (live === null ? looked.untouchedCount : 0),
      findings: now.filter((item) => !isOld(item)),
      oldFindingsCount: now.filter(isOld).length,
    },
    doors.redactor,
  );
}

/** What of the base's own Approvals did not count, where any of the head's does not: that is no news of the head. */
async function unapprovedBefore(
  { ground, base }: Looked,
  catalog: Catalog,
  options: CompareOptions,
  now: readonly Diagnostic[],
): Promise<readonly Diagnostic[]> {
  const paths = new Set(catalog.approvals.map(({ origin }) => origin.path));
  if (
    base === null ||
    options.base === null ||
    !now.some((item) => item.code === 'plan/approval' && item.severity === 'error' && paths.has(item.origin?.path ?? ''))
  )
    return [];
  return (await judged(ground, catalog, base.applications, options.base)).diagnostics;
}

/** Steps of the head that an Approval lets go on which will be there: of a head that is anybody's only what the base has as well. */
async function approvedBeforehand(
  { ground, head }: Looked,
  { base, head: own }: Catalogs,
  { isTrusted, base: baseRevision, head: revision }: CompareOptions,
): Promise<ReadonlyMap<string, readonly ApprovedStep[]>> {
  const given = new Set(base?.approvals.map(approvalText) ?? []);
  const documents = isTrusted ? own.approvals : own.approvals.filter((document) => given.has(approvalText(document)));
  const apps = head.applications.filter((app) => app.fault === null && documents.some((document) => speaksOf(document, app)));
  if (apps.length === 0) return new Map();
  const { approvals } = await judged(ground, { ...own, approvals: documents }, head.applications, isTrusted ? revision : (baseRevision ?? revision));
  return new Map(apps.map((app) => [nameOf(app), approvedSteps(app, approvals, documents)]));
}

/** Which Approvals of a commit count; `applications` are those of it that were rendered. */
function judged({ doors, signal }: Ground, catalog: Catalog, applications: Desired['applications'], revision: Revision): ReturnType<JudgeApprovals> {
  // Of what was not rendered the content is not known: an Approval for it is not called outdated.
  const others = catalog.applications
    .map(({ object }) => ({ namespace: object.metadata.namespace ?? DEFAULT_NAMESPACE, name: object.metadata.name ?? '' }))
    .filter((app) => !applications.some((item) => nameOf(item) === nameOf(app)));
  return doors.approvals({
    catalog,
    applications: [...applications, ...others.map((app) => ({ ...app, fault: NOT_RENDERED, revision: NO_REVISION }))],
    isWhole: true,
    revision,
    signal,
  });
}

interface Catalogs {
  readonly base: Catalog | null;
  readonly head: Catalog;
}

async function catalogsOf(
  { repo, given }: CompareDoors,
  { base: baseRevision, head: headRevision, live, isTrusted, memory }: CompareOptions,
  signal: AbortSignal,
): Promise<Catalogs> {
  const from = baseRevision === null ? null : await repo.tree(baseRevision, signal);
  const base = from === null ? null : load(from, { ...given, ...(memory === undefined ? {} : { cache: memory.base.load }) });
  if (live !== null && isTrusted) return { base, head: live.catalog };
  const tree = await repo.tree(headRevision, signal);
  return { base, head: load(isTrusted ? tree : underConfigOf(tree, from), { ...given, ...(memory === undefined ? {} : { cache: memory.head.load }) }) };
}

/** Both commits rendered, and what one would change where the other has been carried out. */
interface Looked {
  readonly ground: Ground;
  readonly base: Desired | null;
  readonly head: Desired;
  /** What the hub is taken to remember when the head is rendered. */
  readonly records: ReadonlyMap<string, ApplicationRecord>;
  readonly desired: SimulatedSide | null;
  /** More would be deleted than the budget's count: its share decides. */
  readonly isShareAsked: boolean;
  readonly untouchedCount: number;
}

/** Renders the applications that the commits may render differently; all of them with `touched` null. */
async function look(
  doors: CompareDoors,
  options: CompareOptions,
  { catalogs, touched }: { readonly catalogs: Catalogs; readonly touched: ReadonlySet<string> | null },
  signal: AbortSignal,
): Promise<Looked> {
  const { live, memory = emptyCompareMemory() } = options;
  const chosen = (catalog: Catalog): Catalog =>
    touched === null
      ? catalog
      : {
          ...catalog,
          applications: catalog.applications.filter(({ object }) =>
            touched.has(`${object.metadata.namespace ?? DEFAULT_NAMESPACE}/${object.metadata.name ?? ''}`),
          ),
        };
  const all = catalogs.base === null ? [catalogs.head] : [catalogs.base, catalogs.head];
  const { clusters, unresolved } = live === null ? assumedClusters(all.map(chosen)) : { clusters: live.clusters, unresolved: [] };
  const ground: Ground = { doors, live, clusters, unresolved, signal, isNamespaced: live?.isNamespaced ?? guessing(all) };
  const known = live?.hub.records ?? new Map<string, ApplicationRecord>();
  const base = catalogs.base === null ? null : await rendered(ground, chosen(catalogs.base), known, memory.base.render);
  const records = base === null || options.base === null ? known : recordsOf(base, known, options.base, doors.instance);
  const head = live !== null && options.isTrusted ? live.desired : await rendered(ground, chosen(catalogs.head), records, memory.head.render);
  learnSecrets(doors, [...(base === null ? [] : [base]), head]);
  const untouchedCount = catalogs.head.applications.length - chosen(catalogs.head).applications.length;
  if (base === null || catalogs.base === null || options.base === null)
    return { ground, base, head, records, desired: null, isShareAsked: false, untouchedCount };
  const next = touched === null ? head : { ...head, applications: head.applications.filter((app) => touched.has(nameOf(app))) };
  const desired = await simulatedSide(ground, {
    base,
    head: next,
    catalog: catalogs.head,
    approving: options.isTrusted ? [catalogs.head, next] : [catalogs.base, base],
    revision: options.base,
  });
  return { ground, base, head, records, desired, isShareAsked: untouchedCount > 0 && desired.deletionCount > doors.budget.countMax, untouchedCount };
}

/** The same mistake is the same though lines above it have moved. */
const findingText = (item: Diagnostic): string => [item.code, item.application ?? '', item.origin?.path ?? '', item.message].join('\0');

/** The same document at the same place. */
const approvalText = ({ origin, object }: Catalog['approvals'][number]): string => `${origin.path}\0${JSON.stringify(object)}`;

/** A tree whose lateen.yaml is another's: what it says decides which files are read, and how. */
function underConfigOf(tree: Tree, base: Tree | null): Tree {
  const config = base?.files.filter((file) => file.path === 'lateen.yaml') ?? [];
  return { ...tree, files: [...tree.files.filter((file) => file.path !== 'lateen.yaml'), ...config].sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** Kinds of the commit's own CRDs are known by them, all others by name. */
function guessing(catalogs: readonly Catalog[]): LiveGround['isNamespaced'] {
  const scopes = new Map(
    catalogs
      .flatMap((catalog) => catalog.objects)
      .filter(({ object }) => object.kind === 'CustomResourceDefinition')
      .map(({ object }) => {
        const spec = object['spec'] as { readonly group?: string; readonly names?: { readonly kind?: string }; readonly scope?: string } | undefined;
        return [`${spec?.group ?? ''}/${spec?.names?.kind ?? ''}`, spec?.scope !== 'Cluster'] as const;
      }),
  );
  return (_cluster, apiVersion, kind) => Promise.resolve(scopes.get(`${apiVersion.split('/')[0] ?? ''}/${kind}`) ?? guessNamespaced(kind));
}

function rendered(
  { doors, live, clusters, isNamespaced, signal }: Ground,
  catalog: Catalog,
  records: ReadonlyMap<string, ApplicationRecord>,
  memo: RenderMemo,
  only: ReadonlySet<string> | null = null,
): Promise<Desired> {
  return render({
    catalog,
    clusters,
    records,
    memo,
    only,
    known: { hub: live === null ? [] : stayingDefinitions(live.hub.definitions, live.hub.documents, catalog), pack: doors.pack },
    environment: { cue: doors.cue, clusterVersion: live?.hub.version ?? ASSUMED_VERSION, isNamespaced, signal },
  });
}

function learnSecrets({ redactor }: CompareDoors, all: readonly Desired[]): void {
  for (const desired of all) {
    for (const { object } of [...desired.objects, ...desired.applications.flatMap(wishesOf)].flatMap(placed))
      if (object.kind === 'Secret') redactor.learnSecret(object);
  }
}

interface Simulated {
  readonly base: Desired;
  readonly head: Desired;
  readonly catalog: Catalog;
  /** Whose Approvals count. */
  readonly approving: readonly [Catalog, Desired];
  readonly revision: Revision;
}

const NOT_RENDERED = new Fault('render/busy', 'not rendered');
const NO_REVISION: RevisionRef = { name: '', number: 0, hash: '', components: {}, componentHashes: {} };
const NOBODY: Owner = { namespace: '', name: '', dialect: '1.10' };

interface SimulatedSide extends SideInput {
  /** Approvals that do not count. */
  readonly unapproved: readonly Diagnostic[];
  readonly deletionCount: number;
}

/** What the head would change where the base has been carried out. */
async function simulatedSide(ground: Ground, { base, head, catalog, approving, revision }: Simulated): Promise<SimulatedSide> {
  const { doors } = ground;
  const { records, observed, documents: tracked, ownedCount } = simulate(base, head, revision, doors.instance);
  const [approver, { applications }] = approving;
  const { approvals, diagnostics: unapproved } = await judged(ground, approver, applications, approver.revision);
  const leaving = leavingRecords(records, catalog, doors.instance);
  const deletions = [
    ...leaving.flatMap((record) =>
      union(...record.trackers.map(trackedOf)).map(({ key }) => ({ key, owner: { namespace: record.namespace, name: record.name, dialect: '1.10' as const } })),
    ),
    ...leavingDocuments(tracked, head, catalog).map(({ key }) => ({ key, owner: NOBODY })),
  ];
  return {
    records,
    unapproved,
    deletionCount: deletions.length,
    isSimulated: true,
    heldBack: overBudget(deletions, ownedCount, doors.budget, approvals),
    plan: plan({ desired: head, records, documents: tracked, observed, approvals, config: catalog.config, drift: doors.drift, leaving }, catalog),
  };
}

// ----------------------------------------------------------------------------------------------------------- facts

const nameOf = (app: { readonly namespace: string; readonly name: string }): string => `${app.namespace}/${app.name}`;

async function factsOf(
  looked: Looked,
  catalogs: Catalogs,
  sides: readonly (SideInput | null)[],
  { approved, rendersMax }: { readonly approved: ReadonlyMap<string, readonly ApprovedStep[]>; readonly rendersMax: number },
): Promise<ReadonlyMap<string, Facts>> {
  const { ground } = looked;
  const [base, head] = [looked.base, looked.head].map((desired) => new Map((desired?.applications ?? []).map((app) => [nameOf(app), app])));
  const moving = new Set(
    sides
      .flatMap((side) => side?.plan.applications ?? [])
      .filter((part) => part.restartsWorkflow || part.changes.some((change) => change.action !== 'keep'))
      .map(nameOf),
  );
  const names = [...new Set([...(base?.keys() ?? []), ...(head?.keys() ?? [])])].sort();
  const wrote = new Set(catalogs.base?.applications.map(({ object }) => `${object.metadata.namespace ?? DEFAULT_NAMESPACE}/${object.metadata.name ?? ''}`));
  const renders = { left: rendersMax };
  // What is live differs by more than the commit does.
  const twins: Twins | undefined = ground.live === null ? new Map() : undefined;
  const found = await mapLimit(
    names,
    APPLICATIONS_AT_ONCE_MAX,
    async (name): Promise<readonly [string, Facts]> => {
      const after = head?.get(name) ?? null;
      // What the base wrote and was not rendered is the same as in the head.
      const before = base?.get(name) ?? (wrote.has(name) ? after : null);
      const views = (app: DesiredApplication | null): ReturnType<typeof environmentsOf> =>
        app === null || !moving.has(name) ? Promise.resolve([]) : environmentsOf(app, ground.clusters, ground.signal);
      const [baseEnvironments, headEnvironments] = [await views(before), await views(after)];
      const why =
        after === null || after.fault !== null || before === after || !moving.has(name)
          ? null
          : await blameFor(looked, catalogs, [before, after], { renders, ...(twins === undefined ? {} : { twins }) });
      const touchesPatch = why?.changes.some(({ path }) => path[0] === 'spec' && path[1] === 'policies') === true;
      const matrix = after === null || !moving.has(name) ? null : matrixOf(looked.base === null ? null : baseEnvironments, headEnvironments, touchesPatch);
      return [name, { base: before, head: after, baseEnvironments, headEnvironments, blame: why, matrix, approved: approved.get(name) ?? [] }];
    },
    ground.signal,
  );
  return new Map(found);
}

/** Against what the base wrote, or without a base against the Application that the hub shows. */
async function blameFor(
  { ground, records }: Looked,
  { base: baseCatalog, head: headCatalog }: Catalogs,
  [before, after]: readonly [DesiredApplication | null, DesiredApplication],
  { renders, twins }: { readonly renders: { left: number }; readonly twins?: Twins },
): Promise<Blame | null> {
  const head: Source = { ...sourceOf(headCatalog), application: { ...after.document, object: after.object } };
  const renderOne = async (source: Source): Promise<DesiredApplication> => {
    renders.left -= 1;
    const catalog: Catalog = {
      ...headCatalog,
      applications: [source.application],
      definitions: source.definitions,
      policies: source.policies,
      workflows: source.workflows,
      config: source.config,
    };
    const [only] = (await rendered(ground, catalog, records, new Map(), new Set([nameOf(after)]))).applications;
    return only as DesiredApplication;
  };
  const shared = {
    head,
    desired: after,
    render: renderOne,
    rendersMax: Math.max(0, Math.min(RENDERS_MAX, renders.left)),
    ...(twins === undefined ? {} : { twins }),
  };
  if (baseCatalog !== null) {
    if (before === null || before.fault !== null) return null;
    return blame({
      ...shared,
      base: { ...sourceOf(baseCatalog), application: { ...before.document, object: before.object }, isWritten: true },
      before: outcomeOf(before),
    });
  }
  const shown = ground.live?.hub.records.get(nameOf(after))?.application;
  if (shown === null || shown === undefined) return null;
  const base = { ...head, definitions: onHub(ground.live?.hub.definitions ?? [], head), application: hubDocument(shown), isWritten: false };
  const was = await renderOne(base);
  return was.fault !== null || was.revision.hash === after.revision.hash ? null : blame({ ...shared, base, before: outcomeOf(was) });
}

const sourceOf = (catalog: Catalog): Omit<Source, 'application'> => ({
  definitions: catalog.definitions,
  policies: catalog.policies,
  workflows: catalog.workflows,
  config: catalog.config,
});
