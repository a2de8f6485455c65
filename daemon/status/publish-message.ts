/** What a status commit says: a sentence, the causes, and trailers that machines read. Pure; every list is bounded (I7). */
import { describeKey, LOCAL } from '../model/object.ts';
import type { ApplicationReport, ApprovalReport, ClusterReport, InitializerReport, ObjectReport, Report, StatusCommit, StepStatus } from '../model/status.ts';
import { placeOf, unique } from './publish-files.ts';

/** What differs from what the branch says. */
export interface Touched {
  readonly applications: readonly ApplicationReport[];
  readonly initializers: readonly InitializerReport[];
  readonly clusters: readonly ClusterReport[];
  /** Applications whose files go, as `namespace/name`. */
  readonly gone: readonly string[];
}

/** A message names at most so many applications: beyond it the files tell. */
const NAMED_MAX = 50;
/** Clusters in a sentence, and as trailers of one application. */
const CLUSTERS_SAID_MAX = 3;
const CLUSTERS_NAMED_MAX = 20;
const CAUSES_MAX = 10;
const CAUSE_LENGTH_MAX = 300;
/** Of what is under way: in a subject, and as causes. */
const PROGRESS_LENGTH_MAX = 80;
const PROGRESS_MAX = 3;

/** What stands on the hub for the sake of another cluster. */
const PLUMBING = new Set(['ManifestWork', 'Placement', 'PlacementDecision', 'EnvBinding']);

/** The clusters that an application lies on, sorted; the hub (`local`) only where something of it runs there. */
export function clustersOf(app: Pick<ApplicationReport, 'objects' | 'services'>): readonly string[] {
  const names = new Set(app.services.map((service) => service.cluster || LOCAL));
  // KubeVela 1.1: what an environment was made into is kept in a ConfigMap of the binding's name.
  const bindings = new Set(app.objects.filter(({ key }) => key.kind === 'EnvBinding').map(({ key }) => `${key.namespace}/${key.name}`));
  for (const { key } of app.objects) {
    if (key.cluster !== LOCAL) names.add(key.cluster);
    else if (key.kind === 'ManifestWork') names.add(key.namespace);
    else if (!PLUMBING.has(key.kind) && !(key.kind === 'ConfigMap' && bindings.has(`${key.namespace}/${key.name}`))) names.add(LOCAL);
  }
  return [...names].sort();
}

const nameOf = (item: { readonly namespace: string; readonly name: string }): string => `${item.namespace}/${item.name}`;

const cut = (text: string): string => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= CAUSE_LENGTH_MAX ? line : `${line.slice(0, CAUSE_LENGTH_MAX - 3)}...`;
};

/** ` on poc-01, poc-02`; nothing where it is only on the hub. */
function where(app: ApplicationReport): string {
  const clusters = clustersOf(app);
  if (clusters.length === 0 || (clusters.length === 1 && clusters[0] === LOCAL)) return '';
  const rest = clusters.length - CLUSTERS_SAID_MAX;
  return ` on ${clusters.slice(0, CLUSTERS_SAID_MAX).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** What an application's objects are at, where they say so: `Configuration prod/ack: creating cluster poc-01: initial`. */
const progressOf = (app: ApplicationReport): readonly ObjectReport[] =>
  app.objects.filter((object) => object.fault === null && object.health === 'InProgress' && object.message !== '');

/** About one application. Where it is not there yet: what the one thing is at that is waited for, else one commit would read like the next. */
function sentence(app: ApplicationReport): string {
  const said = `${nameOf(app)}: ${app.phase}${where(app)}`;
  const isReady = app.conditions.some((item) => item.type === 'Ready' && item.status === 'True');
  if (isReady) return said;
  // Else it would read as if it went.
  if (app.phase === 'deleting' && app.fault?.code === 'plan/guard') return `${said} (kept until that is approved)`;
  // What it stalls on is told below; without the word it would read as if it went on.
  if (app.phase.startsWith('running') && app.conditions.some((item) => item.type === 'Stalled' && item.status === 'True')) return `${said} (stalled)`;
  const [only, ...others] = progressOf(app);
  const message = (only?.message ?? '').replace(/\s+/g, ' ').trim();
  if (message !== '' && others.length === 0 && message.length <= PROGRESS_LENGTH_MAX) return `${said} (${message})`;
  // KubeVela's word for what is applied, and may not be there yet.
  return app.phase === 'running' ? `${said} (not ready yet)` : said;
}

function counted(phases: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const phase of phases) counts.set(phase, (counts.get(phase) ?? 0) + 1);
  return [...counts].map(([phase, count]) => `${count} ${phase}`).join(', ');
}

/** The subject: about the application that changed, or about how many. */
export function subjectOf(report: Report, { applications, initializers, clusters, gone }: Touched): string {
  const [first] = applications;
  if (report.fault !== null && applications.length + gone.length === 0) return cut(`the pass could not be made: ${report.fault.message}`);
  if (applications.length === 1 && first !== undefined && gone.length === 0) return sentence(first);
  if (applications.length === 0 && gone.length === 1) return `${gone[0] ?? ''}: gone`;
  if (applications.length + gone.length > 0)
    return `${applications.length + gone.length} applications: ${counted([...applications.map((app) => app.phase), ...gone.map(() => 'gone')])}`;
  const [initializer] = initializers;
  if (initializer !== undefined)
    return initializers.length === 1
      ? `initializer ${nameOf(initializer)}: ${initializer.phase}`
      : `${initializers.length} initializers: ${counted(initializers.map((item) => item.phase))}`;
  if (clusters.length > 0)
    return `${clusters
      .map((cluster) => cluster.name)
      .slice(0, CLUSTERS_SAID_MAX)
      .join(', ')}: ${clusters.length === 1 ? `available ${clusters[0]?.available ?? ''}` : `${clusters.length} clusters changed`}`;
  const mistakes = unique(report.diagnostics).filter((item) => item.severity === 'error').length;
  return mistakes === 0 ? 'repository: no mistakes' : `repository: ${mistakes} ${mistakes === 1 ? 'mistake' : 'mistakes'}`;
}

const flat = (steps: readonly StepStatus[]): readonly StepStatus[] => steps.flatMap((step) => (step.subSteps.length > 0 ? flat(step.subSteps) : [step]));

/** Why an application is as it is: what failed, what was put back, who approved; each in one line. */
export function causesOf(app: ApplicationReport): readonly string[] {
  const of = (object: ObjectReport, text: string): string => `${describeKey(object.key)}: ${text}`;
  const ready = app.conditions.find((item) => item.type === 'Ready');
  const lines = [
    ...(app.fault === null ? [] : [`${app.fault.code}: ${app.fault.message}`]),
    ...flat(app.journal?.steps ?? [])
      .filter((step) => step.phase === 'failed')
      .map((step) => `step ${step.name}: ${step.message || step.reason}`),
    ...app.objects
      .filter((object) => object.fault !== null && object.fault.message !== app.fault?.message)
      .map((object) => of(object, object.fault?.message ?? '')),
    ...app.objects
      .filter((object) => object.drift.length > 0)
      .map((object) => of(object, `drift in ${object.drift.slice(0, 5).join(', ')}${object.drift.length > 5 ? ` and ${object.drift.length - 5} more` : ''}`)),
    ...app.diagnostics
      .filter((item) => item.severity === 'error' && item.message !== app.fault?.message)
      .map((item) => `${placeOf(item)}${item.origin === undefined ? '' : ': '}${item.code}: ${item.message}`),
    ...(app.fault === null && ready !== undefined && ready.status !== 'True' && ready.message !== '' ? [ready.message] : []),
    ...progressOf(app)
      .filter((object) => !(ready?.message ?? '').includes(object.message))
      .slice(0, PROGRESS_MAX)
      .map((object) => of(object, object.message)),
  ].map(cut);
  // What one line says already the next need not say again.
  const told = lines.filter((line, i) => line !== '' && !lines.some((other, k) => k < i && other.includes(line)));
  // Last: who approved stands in every later report of the same run.
  const approved = (app.approvals ?? []).slice(0, CAUSES_MAX).map((item) => cut(`${item.by} approved: ${item.action} ${item.target} (${item.path})`));
  return [...(told.length <= CAUSES_MAX ? told : [...told.slice(0, CAUSES_MAX), `and ${told.length - CAUSES_MAX} more`]), ...approved];
}

/** Approvals by which something went in this pass: no application is left to tell of them. */
const removals = (report: Report): readonly ApprovalReport[] => (report.approvals ?? []).filter((item) => item.action !== 'resume');

/**
 * The body's lines. Each begins with a dash, so that none of them, whatever it quotes, can be read as a trailer. Of one
 * application its causes, of several each with its own.
 */
export function bodyOf(report: Report, { applications, initializers, clusters, gone }: Touched): readonly string[] {
  const indented = (lines: readonly string[]): readonly string[] => lines.map((line) => `  - ${line}`);
  const named = applications.slice(0, NAMED_MAX);
  const isOne = applications.length === 1 && gone.length === 0;
  const lines = [
    ...(isOne ? named.flatMap((app) => causesOf(app).map((line) => `- ${line}`)) : named.flatMap((app) => [`- ${sentence(app)}`, ...indented(causesOf(app))])),
    ...(applications.length > NAMED_MAX ? [`- and ${applications.length - NAMED_MAX} more applications`] : []),
    ...(gone.length + applications.length > 1 ? gone.slice(0, NAMED_MAX).map((name) => `- ${name}: gone`) : []),
    ...(initializers.length > 1 || applications.length + gone.length > 0 ? initializers : [])
      .slice(0, NAMED_MAX)
      .map((item) => `- initializer ${nameOf(item)}: ${item.phase}`),
    ...initializers
      .filter((item) => item.message !== '')
      .slice(0, CAUSES_MAX)
      .map((item) => `- ${nameOf(item)}: ${cut(item.message)}`),
    ...clusters
      .filter((cluster) => cluster.fault !== null)
      .slice(0, CAUSES_MAX)
      .map((cluster) => `- cluster ${cluster.name}: ${cut(cluster.fault?.message ?? '')}`),
  ];
  lines.push(
    ...removals(report)
      .slice(0, CAUSES_MAX)
      .map((item) => `- ${cut(`${item.by} approved: ${item.action} ${item.target} (${item.path})`)}`),
  );
  if (report.fault !== null) lines.push(`- ${report.fault.code}: ${cut(report.fault.message)}`);
  // The application's own findings are told above.
  const own = new Set(applications.flatMap((app) => app.diagnostics).map((item) => `${placeOf(item)} ${item.message}`));
  const others =
    applications.length + gone.length + initializers.length > 0
      ? []
      : unique(report.diagnostics).filter((item) => item.severity === 'error' && !own.has(`${placeOf(item)} ${item.message}`));
  return [
    ...lines,
    ...others.slice(0, CAUSES_MAX).map((item) => `- ${cut(`${placeOf(item)}${item.origin === undefined ? '' : ': '}${item.code}: ${item.message}`)}`),
  ];
}

/**
 * The trailers: which commit, whose, and then for each application its name, its clusters, its phase and who approved,
 * in this order, so that a group begins with its name. Read with `git log --format='%(trailers:key=Application)'`.
 */
export function trailersOf(report: Report, { applications, initializers, clusters, gone }: Touched): StatusCommit['trailers'] {
  const trailers: [string, string][] = [];
  if (report.revision !== null) trailers.push(['Source-Commit', report.revision.sha], ['Source-Author', report.revision.author]);
  for (const app of applications.slice(0, NAMED_MAX)) {
    trailers.push(
      ['Application', nameOf(app)],
      ...clustersOf(app)
        .slice(0, CLUSTERS_NAMED_MAX)
        .map((name): [string, string] => ['Cluster', name]),
      ['Phase', app.phase],
    );
    for (const by of new Set((app.approvals ?? []).map((item) => item.by))) trailers.push(['Approved-By', by]);
  }
  for (const name of gone.slice(0, NAMED_MAX)) trailers.push(['Application', name], ['Phase', 'gone']);
  for (const by of new Set(removals(report).map((item) => item.by))) trailers.push(['Approved-By', by]);
  for (const item of initializers.slice(0, NAMED_MAX)) trailers.push(['Initializer', nameOf(item)], ['Phase', item.phase]);
  if (applications.length + gone.length + initializers.length === 0)
    for (const cluster of clusters.slice(0, NAMED_MAX)) trailers.push(['Cluster', cluster.name]);
  return trailers;
}
