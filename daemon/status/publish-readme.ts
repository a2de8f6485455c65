/** The generated README.md: what a Git host shows of the status branch, a dashboard without a server. Pure, byte-stable (I8). */
import type { ApplicationReport, Report } from '../model/status.ts';
import { applicationFile, clusterFile, initializerFile, placeOf, unique } from './publish-files.ts';
import { clustersOf } from './publish-message.ts';

/** Rows of a table and lines of a list: a page that a host still renders (I7). */
const ROWS_MAX = 500;
const FINDINGS_MAX = 50;

const readyOf = (report: Pick<ApplicationReport, 'conditions'>): string => report.conditions.find((item) => item.type === 'Ready')?.status ?? 'Unknown';
const isStalled = (report: Pick<ApplicationReport, 'conditions'>): boolean =>
  report.conditions.some((item) => item.type === 'Stalled' && item.status === 'True');
const whyOf = (report: Pick<ApplicationReport, 'conditions'>): string => report.conditions.find((item) => item.type === 'Ready')?.message ?? '';

const CELL_MAX = 160;
/** A cell holds text of anyone: no new columns, lines, links or tags out of it. */
const cell = (text: string): string =>
  (text.length <= CELL_MAX ? text : `${text.slice(0, CELL_MAX - 1)}…`).replaceAll('\n', ' ').replace(/[\\|<>[\]`]/g, '\\$&');
const code = (text: string): string => (text === '' ? '' : `\`${text.replaceAll('`', "'").replaceAll('|', '\\|')}\``);
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function table(heads: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return [];
  const more = rows.length > ROWS_MAX ? [`And ${rows.length - ROWS_MAX} more: see the files.`, ''] : [];
  return [row(heads), `|${'---|'.repeat(heads.length)}`, ...rows.slice(0, ROWS_MAX).map(row), '', ...more];
}

/** `3 applications: 2 ready, 1 failing`. */
function summary(report: Report, observed: string): readonly string[] {
  const apps = [...report.applications, ...report.leaving];
  const count = (what: string, number: number): readonly string[] => (number === 0 ? [] : [`${number} ${what}`]);
  const ready = apps.filter((app) => readyOf(app) === 'True').length;
  const stalled = apps.filter(isStalled).length;
  const lines = [
    `**${apps.length} ${apps.length === 1 ? 'application' : 'applications'}**${apps.length === 0 ? '' : `: ${[...count('ready', ready), ...count('on the way', apps.length - ready - stalled), ...count('stalled', stalled)].join(', ')}`}`,
  ];
  if (report.clusters.length > 0)
    lines.push(
      `**${report.clusters.length} ${report.clusters.length === 1 ? 'cluster' : 'clusters'}**: ${report.clusters.filter((cluster) => cluster.available === 'True').length} available`,
    );
  if (observed !== '') lines.push(`as of commit ${code(observed.slice(0, 10))}`);
  return [`${lines.join(' · ')}.`, ''];
}

/** The page. `observed` is the commit it speaks of. */
export function readme(report: Report, observed: string): string {
  const applications = [...report.applications, ...report.leaving].map((app) => [
    `[${app.namespace}/${app.name}](${applicationFile(app.namespace, app.name)})`,
    app.phase,
    readyOf(app),
    cell(clustersOf(app).join(', ')),
    code(app.path),
    code(app.appliedRevision.slice(0, 10)),
    cell(whyOf(app)),
  ]);
  const initializers = report.initializers.map((item) => [
    `[${item.namespace}/${item.name}](${initializerFile(item.namespace, item.name)})`,
    item.phase,
    readyOf(item),
    cell(item.dependsOn.map(({ name, phase }) => `${name} (${phase})`).join(', ')),
    code(item.path),
    cell(item.message),
  ]);
  const clusters = report.clusters.map((cluster) => [
    `[${cluster.name}](${clusterFile(cluster.name)})`,
    cluster.mode,
    cluster.available,
    cluster.version,
    String(cluster.applications.length),
    cell(cluster.fault?.message ?? ''),
  ]);
  const errors = unique(report.diagnostics)
    .filter((item) => item.severity === 'error')
    .map(
      (item) =>
        `- ${code(`${placeOf(item)}${item.origin === undefined ? '' : ': '}${item.code}`)}: ${cell(item.message)}${item.hint === undefined ? '' : ` ${cell(item.hint)}`}`,
    );
  return [
    '# What is running',
    '',
    ...summary(report, observed),
    ...(report.fault === null ? [] : [`The last pass could not be made: ${cell(report.fault.message)}`, '']),
    ...table(['Application', 'Phase', 'Ready', 'Clusters', 'Source', 'Commit', ''], applications),
    ...(initializers.length === 0 ? [] : ['## Initializers', '']),
    ...table(['Initializer', 'Phase', 'Ready', 'Depends on', 'Source', ''], initializers),
    ...(clusters.length === 0 ? [] : ['## Clusters', '']),
    ...table(['Cluster', 'Delivery', 'Available', 'Kubernetes', 'Applications', ''], clusters),
    ...(errors.length === 0
      ? []
      : ['## Mistakes', '', ...errors.slice(0, FINDINGS_MAX), ...(errors.length > FINDINGS_MAX ? [`- and ${errors.length - FINDINGS_MAX} more`] : []), '']),
    'Written by Lateen: this branch is the record of what happened, nothing on it is read as input. `git log` tells what came when and why; `git blame` on a file, since when each line holds.',
    '',
  ].join('\n');
}
