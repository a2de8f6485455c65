/**
 * What a comparison stands on: both commits read and rendered, and what one would change where the other has been carried
 * out to the end. Changes nothing anywhere.
 */
import type { JudgeApprovals } from './approvals.ts';
import { createLoadCache, load, type LoadCache, type LoadOptions } from './load/load.ts';
import { DEFAULT_NAMESPACE, type Catalog, type Revision, type Tree } from './model/catalog.ts';
import type { Clusters } from './model/clusters.ts';
import type { CueEvaluator } from './model/cue.ts';
import { Fault, type Diagnostic } from './model/fault.ts';
import type { KubeObject } from './model/object.ts';
import type { Desired, Plan, RevisionRef } from './model/plan.ts';
import type { ApplicationRecord, Redactor, Repo } from './model/ports.ts';
import type { PlanGround } from './pass.ts';
import { assumedClusters } from './plan/assumed-clusters.ts';
import type { SideInput } from './plan/compare.ts';
import type { Owner } from './plan/decide.ts';
import type { DriftBound } from './plan/field-rules.ts';
import { trackedOf, union } from './plan/inventory.ts';
import { leavingDocuments, leavingRecords, plan, stayingDefinitions } from './plan/plan.ts';
import { overBudget, type DeletionBudget } from './plan/prune.ts';
import { recordsOf, simulate } from './plan/simulate.ts';
import { placed, wishesOf } from './plan/spread.ts';
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

/** What templates see of a cluster that nobody has asked. */
const ASSUMED_VERSION = { major: '1', minor: 36, gitVersion: 'v1.36.0', platform: 'linux/amd64' };

/** What all renderings of one comparison have in common. */
export interface Ground {
  readonly doors: CompareDoors;
  readonly live: LiveGround | null;
  readonly clusters: Clusters;
  /** Clusters that stand for selectors. */
  readonly unresolved: readonly string[];
  readonly isNamespaced: LiveGround['isNamespaced'];
  readonly signal: AbortSignal;
}

/** Which Approvals of a commit count; `applications` are those of it that were rendered. */
export function judged({ doors, signal }: Ground, catalog: Catalog, applications: Desired['applications'], revision: Revision): ReturnType<JudgeApprovals> {
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

export interface Catalogs {
  readonly base: Catalog | null;
  readonly head: Catalog;
}

export async function catalogsOf(
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
export interface Looked {
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
export async function look(
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

export function rendered(
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

export interface SimulatedSide extends SideInput {
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

export const nameOf = (app: { readonly namespace: string; readonly name: string }): string => `${app.namespace}/${app.name}`;
