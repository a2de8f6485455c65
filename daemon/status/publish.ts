/** From a pass's report to the commit on the status branch. Pure, byte-stable (I8), no wall-clock noise. */
import { printYaml } from '../lib/yaml.ts';
import type { Diagnostic } from '../model/fault.ts';
import { LOCAL } from '../model/object.ts';
import type { ApplicationReport, ClusterReport, ObjectReport, Report, StatusCommit, StepStatus } from '../model/status.ts';

export interface Published {
  readonly commit: StatusCommit;
  /** Every file with its content: what the next pass compares with. */
  readonly files: ReadonlyMap<string, string>;
}

/** The status files of the last commit that was pushed; null before the branch was read. */
export type KnownFiles = ReadonlyMap<string, string>;

export const clusterFile = (name: string): string => `clusters/${name}.yaml`;
export const applicationFile = (namespace: string, name: string): string => `applications/${namespace}/${name}.yaml`;
const REPOSITORY_FILE = 'repository.yaml';
const README_FILE = 'README.md';

const omitEmpty = (value: Readonly<Record<string, unknown>>): Record<string, unknown> => Object.fromEntries(Object.entries(value).filter(([, item]) => item !== '' && item !== undefined && item !== null && !(Array.isArray(item) && item.length === 0)));

const diagnosticOf = (item: Diagnostic): Record<string, unknown> => omitEmpty({ code: item.code, severity: item.severity, at: item.origin === undefined ? '' : `${item.origin.path}:${item.origin.line}:${item.origin.column}`, message: item.message, hint: item.hint });

const stepOf = (step: StepStatus): Record<string, unknown> => omitEmpty({ name: step.name, type: step.type, phase: step.phase, reason: step.reason, message: step.message, subSteps: step.subSteps.map(stepOf) });

const objectOf = (object: ObjectReport): Record<string, unknown> => omitEmpty({
  apiVersion: object.key.apiVersion, kind: object.key.kind, namespace: object.key.namespace, name: object.key.name, cluster: object.key.cluster === LOCAL ? '' : object.key.cluster,
  health: object.health, message: object.fault === null ? object.message : object.fault.message, code: object.fault?.code, drift: object.drift,
});

/** The status file of one application. Field by field what people ask first: is it well, since which commit, why not. */
function applicationYaml(report: ApplicationReport, leaving: boolean): string {
  return printYaml({
    apiVersion: 'lateen.dev/v1alpha1', kind: 'ApplicationStatus', metadata: { name: report.name, namespace: report.namespace },
    ...omitEmpty({
      source: report.path, phase: report.phase, leaving: leaving ? true : undefined,
      conditions: report.conditions.map((item) => omitEmpty({ type: item.type, status: item.status, reason: item.reason, message: item.message })),
      appliedRevision: report.appliedRevision, author: report.author, revision: report.latestRevision,
      services: report.services.map((service) => omitEmpty({ name: service.name, namespace: service.namespace, cluster: service.cluster === LOCAL ? '' : service.cluster, kind: service.workload.kind, healthy: service.healthy, message: service.message, traits: service.traits.map((trait) => omitEmpty({ type: trait.type, healthy: trait.healthy, message: trait.message })) })),
      workflow: report.journal === null || report.journal.steps.length === 0 ? undefined : { state: report.journal.state, steps: report.journal.steps.map(stepOf) },
      objects: report.objects.map(objectOf),
      error: report.fault === null ? undefined : { code: report.fault.code, message: report.fault.message },
      diagnostics: report.diagnostics.map(diagnosticOf),
    }),
  }, 'as-is');
}

/** The status file of one member cluster: is it there, and what lies on it. Nothing that changes with every heartbeat. */
function clusterYaml(report: ClusterReport): string {
  return printYaml({
    apiVersion: 'lateen.dev/v1alpha1', kind: 'ClusterStatus', metadata: { name: report.name },
    ...omitEmpty({
      delivery: report.mode, accepted: report.accepted, available: report.available, kubernetes: report.version,
      labels: Object.keys(report.labels).length === 0 ? undefined : report.labels,
      error: report.fault === null ? undefined : { code: report.fault.code, message: report.fault.message },
      applications: report.applications.map(({ application, objects }) => ({ application, objects: objects.map((object) => objectOf({ ...object, key: { ...object.key, cluster: LOCAL } })) })),
    }),
  }, 'as-is');
}

const readyOf = (report: ApplicationReport): string => report.conditions.find((item) => item.type === 'Ready')?.status ?? 'Unknown';
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ').slice(0, 160);

function readme(report: Report): string {
  const rows = [...report.applications, ...report.leaving].map((app) => {
    const why = app.conditions.find((item) => item.type === 'Ready');
    return `| [${app.namespace}/${app.name}](${applicationFile(app.namespace, app.name)}) | ${app.phase} | ${readyOf(app)} | ${app.latestRevision} | ${app.appliedRevision.slice(0, 10)} | ${cell(why?.message ?? '')} |`;
  });
  const clusters = report.clusters.map((cluster) => `| [${cluster.name}](${clusterFile(cluster.name)}) | ${cluster.mode} | ${cluster.available} | ${cluster.version} | ${cluster.applications.length} | ${cell(cluster.fault?.message ?? '')} |`);
  const errors = unique(report.diagnostics).filter((item) => item.severity === 'error').map((item) => `- \`${item.origin === undefined ? '' : `${item.origin.path}:${item.origin.line}:${item.origin.column}: `}${item.code}\`: ${cell(item.message)}${item.hint === undefined ? '' : ` ${cell(item.hint)}`}`);
  return [
    '# What is running', '', 'Written by Lateen: this branch is the record of what happened; nothing on it is read as input.', '',
    '| Application | Phase | Ready | Revision | Commit | |', '|---|---|---|---|---|---|', ...rows, '',
    ...(clusters.length === 0 ? [] : ['| Cluster | Delivery | Available | Kubernetes | Applications | |', '|---|---|---|---|---|---|', ...clusters, '']),
    ...(errors.length === 0 ? [] : ['## Mistakes', '', ...errors, '']),
  ].join('\n');
}

function repositoryYaml(report: Report): string {
  return printYaml({
    apiVersion: 'lateen.dev/v1alpha1', kind: 'RepositoryStatus',
    ...omitEmpty({
      fault: report.fault === null ? undefined : { code: report.fault.code, message: report.fault.message },
      objects: report.objects.map(objectOf), diagnostics: unique(report.diagnostics).map(diagnosticOf),
    }),
  }, 'as-is');
}

/** A mistake that is told of an application and of the repository is one mistake. */
function unique(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return [...new Map(diagnostics.map((item) => [JSON.stringify(diagnosticOf(item)), item])).values()];
}

/**
 * The commit that brings the branch from `known` to what `report` says; null when it says it already (I5). The subject
 * is a sentence about the application that changed, or about how many.
 */
export function publish(report: Report, known: KnownFiles): Published | null {
  const files = new Map<string, string>();
  for (const app of report.applications) files.set(applicationFile(app.namespace, app.name), applicationYaml(app, false));
  for (const app of report.leaving) files.set(applicationFile(app.namespace, app.name), applicationYaml(app, true));
  for (const cluster of report.clusters) files.set(clusterFile(cluster.name), clusterYaml(cluster));
  files.set(REPOSITORY_FILE, repositoryYaml(report));
  // A pass that could not be made knows nothing of applications and clusters: what was said of them stands.
  if (report.fault !== null) for (const [path, content] of known) if (/^(applications|clusters)\//.test(path) && !files.has(path)) files.set(path, content);
  const readmeBefore = known.get(README_FILE);
  files.set(README_FILE, report.fault !== null && report.applications.length === 0 && readmeBefore !== undefined ? readmeBefore : readme(report));
  const changes = new Map<string, string | null>();
  for (const [path, content] of files) if (known.get(path) !== content) changes.set(path, content);
  // Files of other writers on the branch are theirs.
  // A pass that failed does not know what is gone.
  if (report.fault === null) for (const path of known.keys()) if (!files.has(path) && /^(applications|clusters)\//.test(path)) changes.set(path, null);
  if (changes.size === 0) return null;
  const touched = [...report.applications, ...report.leaving].filter((app) => changes.has(applicationFile(app.namespace, app.name)));
  const moved = report.clusters.filter((cluster) => changes.has(clusterFile(cluster.name)));
  const gone = [...changes].filter(([path, content]) => content === null && path.startsWith('applications/')).map(([path]) => path.slice('applications/'.length, -'.yaml'.length));
  return { files, commit: { files: changes, subject: subjectOf(touched, gone, moved), trailers: trailersOf(report, touched, gone, moved) } };
}

function subjectOf(touched: readonly ApplicationReport[], gone: readonly string[], clusters: readonly ClusterReport[]): string {
  const [first] = touched;
  if (touched.length === 1 && first !== undefined && gone.length === 0) return `${first.namespace}/${first.name}: ${first.phase}`;
  if (touched.length === 0 && gone.length === 1) return `${gone[0] ?? ''}: gone`;
  if (touched.length === 0 && gone.length === 0) return clusters.length === 0 ? 'repository: status changed' : `${clusters.map((cluster) => cluster.name).slice(0, 3).join(', ')}: ${clusters.length === 1 ? `available ${clusters[0]?.available ?? ''}` : `${clusters.length} clusters changed`}`;
  const phases = new Map<string, number>();
  for (const app of touched) phases.set(app.phase, (phases.get(app.phase) ?? 0) + 1);
  if (gone.length > 0) phases.set('gone', gone.length);
  return `${touched.length + gone.length} applications: ${[...phases].map(([phase, count]) => `${count} ${phase}`).join(', ')}`;
}

/** Trailers name at most so many applications: beyond it the files tell. */
const TRAILERS_MAX = 50;

function trailersOf(report: Report, touched: readonly ApplicationReport[], gone: readonly string[], clusters: readonly ClusterReport[]): StatusCommit['trailers'] {
  const trailers: [string, string][] = [];
  if (report.revision !== null) trailers.push(['Source-Commit', report.revision.sha], ['Source-Author', report.revision.author]);
  for (const app of touched.slice(0, TRAILERS_MAX)) trailers.push(['Application', `${app.namespace}/${app.name}`], ['Phase', app.phase]);
  for (const name of gone.slice(0, TRAILERS_MAX)) trailers.push(['Application', name], ['Phase', 'gone']);
  for (const cluster of clusters.slice(0, TRAILERS_MAX)) trailers.push(['Cluster', cluster.name]);
  return trailers;
}
