/** From a pass's report to the commit on the status branch. Pure, byte-stable (I8), no wall-clock noise. */
import { isRecord } from '../lib/json.ts';
import { parseYaml } from '../lib/yaml.ts';
import type { ApplicationReport, Report, StatusCommit } from '../model/status.ts';
import type { News } from './pace.ts';
import {
  applicationFile,
  applicationYaml,
  clusterFile,
  clusterYaml,
  initializerFile,
  initializerYaml,
  isObjectFile,
  observedIn,
  README_FILE,
  REPOSITORY_FILE,
  repositoryYaml,
} from './publish-files.ts';
import { bodyOf, subjectOf, trailersOf, type Touched } from './publish-message.ts';
import { readme } from './publish-readme.ts';

export { applicationFile, clusterFile, initializerFile } from './publish-files.ts';

export interface Published {
  readonly commit: StatusCommit;
  /** Every file with its content: what the next pass compares with. */
  readonly files: ReadonlyMap<string, string>;
  /** How much haste it has: see pace.ts. */
  readonly news: News;
}

/** The status files of the last commit that was pushed; null before the branch was read. */
export type KnownFiles = ReadonlyMap<string, string>;

/**
 * The commit that brings the branch from `known` to what `report` says; null when it says it already (I5). A commit of
 * the repository that changes nothing makes none: which commit was seen last is told with the next news.
 */
export function publish(told: Report, known: KnownFiles): Published | null {
  const report = { ...told, applications: told.applications.map((app) => asApplied(app, known.get(applicationFile(app.namespace, app.name)))) };
  const files = objectFiles(report, known);
  const seen = observedIn(known.get(REPOSITORY_FILE));
  const isNews = (): boolean =>
    [...files].some(([path, content]) => known.get(path) !== content) ||
    (report.fault === null && [...known.keys()].some((path) => isObjectFile(path) && !files.has(path)));
  files.set(REPOSITORY_FILE, repositoryYaml(report, seen));
  const observed = isNews() ? (report.revision?.sha ?? seen) : seen;
  files.set(REPOSITORY_FILE, repositoryYaml(report, observed));
  // Without its applications the page would say that there are none.
  const knowsNothing = report.fault !== null && report.applications.length === 0 && [...known.keys()].some(isObjectFile);
  const page = knowsNothing ? known.get(README_FILE) : readme(report, observed);
  if (page !== undefined) files.set(README_FILE, page);
  const changes = new Map<string, string | null>();
  for (const [path, content] of files) if (known.get(path) !== content) changes.set(path, content);
  // Files of other writers on the branch are theirs, and a pass that failed does not know what is gone.
  if (report.fault === null) for (const path of known.keys()) if (!files.has(path) && isObjectFile(path)) changes.set(path, null);
  if (changes.size === 0) return null;
  const touched = touchedBy(report, changes);
  return {
    files,
    news: newsOf(report, touched, known, changes.has(REPOSITORY_FILE)),
    commit: { files: changes, subject: subjectOf(report, touched), body: bodyOf(report, touched), trailers: trailersOf(report, touched) },
  };
}

/**
 * What does not render is not applied: the commit that was before is. The hub has the new document by then, with its
 * commit; only this branch still knows the other.
 */
function asApplied(app: ApplicationReport, before: string | undefined): ApplicationReport {
  if (app.phase !== 'rendering' || before === undefined) return app;
  const value = parseYaml(before, '').value;
  const text = (name: string): string => (isRecord(value) && typeof value[name] === 'string' ? value[name] : '');
  return { ...app, appliedRevision: text('appliedRevision'), author: text('author') };
}

function objectFiles(report: Report, known: KnownFiles): Map<string, string> {
  const files = new Map<string, string>();
  const observed = report.revision?.sha ?? '';
  const put = (path: string, print: (before: string | undefined) => string): void => void files.set(path, print(known.get(path)));
  for (const app of report.applications) put(applicationFile(app.namespace, app.name), (before) => applicationYaml(app, false, before, observed));
  for (const app of report.leaving) put(applicationFile(app.namespace, app.name), (before) => applicationYaml(app, true, before, observed));
  for (const item of report.initializers) put(initializerFile(item.namespace, item.name), (before) => initializerYaml(item, before, observed));
  for (const cluster of report.clusters) put(clusterFile(cluster.name), () => clusterYaml(cluster));
  // A pass that could not be made knows nothing of applications and clusters: what was said of them stands.
  if (report.fault !== null) for (const [path, content] of known) if (isObjectFile(path) && !files.has(path)) files.set(path, content);
  return files;
}

function touchedBy(report: Report, changes: ReadonlyMap<string, string | null>): Touched {
  return {
    applications: [...report.applications, ...report.leaving].filter((app) => changes.has(applicationFile(app.namespace, app.name))),
    initializers: report.initializers.filter((item) => changes.has(initializerFile(item.namespace, item.name))),
    clusters: report.clusters.filter((cluster) => changes.has(clusterFile(cluster.name))),
    gone: [...changes]
      .filter(([path, content]) => content === null && path.startsWith('applications/'))
      .map(([path]) => path.slice('applications/'.length, -'.yaml'.length)),
  };
}

const is = (app: ApplicationReport, type: string): boolean => app.conditions.some((item) => item.type === type && item.status === 'True');

/** What the branch says of an application, as far as haste depends on it. */
function saidOf(text: string | undefined): { readonly stalled: boolean; readonly approvals: number } {
  const value = text === undefined ? null : parseYaml(text, '').value;
  if (!isRecord(value)) return { stalled: false, approvals: 0 };
  const { conditions, approvals } = value;
  return {
    stalled: Array.isArray(conditions) && conditions.some((item) => isRecord(item) && item['type'] === 'Stalled' && item['status'] === 'True'),
    approvals: Array.isArray(approvals) ? approvals.length : 0,
  };
}

/** A failure, an approval or drift is told at once; everything else may wait until nothing moves any more. */
function newsOf(report: Report, { applications }: Touched, known: KnownFiles, isRepositoryTouched: boolean): News {
  const isUrgent = (app: ApplicationReport): boolean => {
    if (app.objects.some((object) => object.drift.length > 0)) return true;
    if (!is(app, 'Stalled') && (app.approvals ?? []).length === 0) return false;
    const before = saidOf(known.get(applicationFile(app.namespace, app.name)));
    return (is(app, 'Stalled') && !before.stalled) || (app.approvals ?? []).length > before.approvals;
  };
  const waitsForPeople = (app: ApplicationReport): boolean => app.journal?.suspend === true && app.retryAfterMs === null;
  return {
    isUrgent: applications.some(isUrgent) || (isRepositoryTouched && report.objects.some((object) => object.drift.length > 0)),
    isSettled:
      [...report.applications, ...report.leaving].every((app) => !is(app, 'Reconciling') || waitsForPeople(app)) &&
      report.initializers.every(
        (item) => item.phase === 'success' || item.conditions.some((condition) => condition.type === 'Stalled' && condition.status === 'True'),
      ),
  };
}
