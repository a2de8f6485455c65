/**
 * Two commits, or a commit and the live clusters, through load, render and plan: what `lateen plan` and the plans of pull
 * requests say. Changes nothing anywhere. Without clusters it is commit against commit, decided as if the base had been
 * carried out to the end.
 */
import { catalogsOf, judged, look, nameOf, rendered, type Catalogs, type CompareDoors, type CompareOptions, type Looked } from './compare-ground.ts';
import { mapLimit } from './lib/queue.ts';
import { DEFAULT_NAMESPACE, type Catalog } from './model/catalog.ts';
import type { Diagnostic } from './model/fault.ts';
import type { Desired, DesiredApplication } from './model/plan.ts';
import { approvedSteps, speaksOf, type ApprovedStep } from './plan/approved-steps.ts';
import { blame, type Blame, type Source } from './plan/blame.ts';
import { compareApplications, type Facts, type SideInput } from './plan/compare.ts';
import type { Comparison } from './plan/comparison.ts';
import { environmentsOf } from './plan/environments.ts';
import { matrixOf } from './plan/matrix.ts';
import { redacted } from './plan/redacted.ts';
import { hubDocument, onHub } from './plan/shown.ts';
import { outcomeOf } from './plan/spread.ts';
import { touchedApplications } from './plan/touched.ts';
import type { Twins } from './plan/twins.ts';

/** Renderings of one application at most to find out what set its fields (I7). */
const RENDERS_MAX = 40;
const RENDERS_TOTAL_MAX = 1_000;
const APPLICATIONS_AT_ONCE_MAX = 4;

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

/** The same mistake is the same though lines above it have moved. */
const findingText = (item: Diagnostic): string => [item.code, item.application ?? '', item.origin?.path ?? '', item.message].join('\0');

/** The same document at the same place. */
const approvalText = ({ origin, object }: Catalog['approvals'][number]): string => `${origin.path}\0${JSON.stringify(object)}`;

// ----------------------------------------------------------------------------------------------------------- facts

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
