/**
 * The record, for people who do not speak git. All three verbs need the repository and nothing else, and work beside a
 * daemon that runs.
 *
 *     lateen history [APPLICATION]     what became of it, when, by which commit of whom
 *     lateen blame APPLICATION         since when each part of its status holds, and by which commit
 *     lateen at COMMIT                 what that commit asked for, with the clusters and definitions recorded then
 */
import { readConfig, type Flags } from './config.ts';
import { didYouMeanHint, timeText } from './lib/text.ts';
import { printYaml } from './lib/yaml.ts';
import { load } from './load/load.ts';
import { DEFAULT_NAMESPACE, type Catalog, type Revision } from './model/catalog.ts';
import { NO_CLUSTERS, type Clusters } from './model/clusters.ts';
import { Fault, type Diagnostic } from './model/fault.ts';
import { LOCAL, type KubeObject } from './model/object.ts';
import type { Desired, DesiredApplication, Wanted } from './model/plan.ts';
import type { ApplicationRecord } from './model/ports.ts';
import { diagnosticText, inForm, sortDiagnostics, table, type Output } from './print.ts';
import { readPack } from './render/pack.ts';
import { render, type RenderMemo } from './render/render.ts';
import { REVISION_HASH_LABEL } from './render/revision.ts';
import { guessNamespaced } from './render/scope.ts';
import { openStatusLog, type StatusEntry, type StatusLog } from './source/status-log.ts';
import { definitionHashes } from './status/definition-hashes.ts';
import { partsOf, rowOfFile, rowsOf, sinceWhen, sourceOf, type HistoryRow } from './status/history.ts';
import { compareDefinitions, recordedApplication, recordedClusters, recordedMembers } from './status/recorded.ts';
import type { ExitCode, Terminal } from './verbs.ts';
import { readBuiltIns, sourceOptions, wireBase, wireCue, type Base } from './wire.ts';

const openLog = (base: Base, signal: AbortSignal): Promise<StatusLog> => openStatusLog(sourceOptions(base.config), { clock: base.clock, redactor: base.redactor }, signal);

/** Status commits that are looked through. */
const LOOKED_THROUGH_MAX = 20_000;
/** Versions of a file that are compared part by part; what is older is told line by line. */
const VERSIONS_MAX = 500;
const SHORT = 10;
const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 3)}...`);

/** What a person may call an application: `name`, or `namespace/name`. Faults: config/invalid. */
function named(text: string): { readonly matches: (application: string) => boolean; readonly paths: readonly string[] } {
  const parts = text.split('/');
  if (parts.length > 2 || !parts.every((part) => /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(part))) throw new Fault('config/invalid', `"${text}" is not a name, nor namespace/name`);
  const [namespace, name] = parts.length === 2 ? [parts[0] ?? '', parts[1] ?? ''] : ['*', text];
  return {
    matches: (application) => (namespace === '*' ? application.endsWith(`/${name}`) : application === text),
    paths: ['applications', 'initializers'].map((folder) => `:(glob)${folder}/${namespace}/${name}.yaml`),
  };
}

/** The fault that says so when nothing is recorded under this name. */
async function unknown(log: StatusLog, text: string, signal: AbortSignal): Promise<Fault> {
  const names = (await log.paths(signal)).flatMap((path) => /^(?:applications|initializers)\/([^/]+\/[^/]+)\.yaml$/.exec(path)?.[1] ?? []);
  const hint = didYouMeanHint(text, text.includes('/') ? names : names.map((name) => name.split('/')[1] ?? ''));
  return new Fault('load/reference', `nothing is recorded of "${text}"${hint === undefined ? '' : `. ${hint}`}`);
}

/** `lateen history [APPLICATION]`: the newest first, at most `most` commits. */
export async function historyVerb(flags: Flags, application: string | undefined, most: number, output: Output, terminal: Terminal): Promise<ExitCode> {
  const base = await wireBase(readConfig(flags), terminal);
  const { signal } = terminal;
  const wanted = application === undefined ? null : named(application);
  await using log = await openLog(base, signal);
  const entries = await log.entries(wanted?.paths ?? [], most, signal);
  if (entries.length === 0 && application !== undefined) throw await unknown(log, application, signal);
  const rows = wanted === null ? entries.flatMap(rowsOf) : await rowsFor(log, entries, wanted.matches, application ?? '', signal);
  const asText = (): string => table(['TIME', 'APPLICATION', 'PHASE', 'CLUSTERS', 'COMMIT', 'AUTHOR', 'MESSAGE'], rows.map((row) => [timeText(row.atMs), row.application || '-', row.phase || '-', cut(row.clusters.join(','), 30) || '-', row.sourceCommit.slice(0, SHORT), row.author.replace(/ <.*$/, ''), cut(messageOf(row), 160)]));
  const data = rows.map(({ atMs, commit, ...row }) => ({ time: timeText(atMs), statusCommit: commit, ...row }));
  terminal.out(base.redactor.text(inForm(data, output, asText)));
  return 0;
}

const messageOf = (row: HistoryRow): string => [...row.approvedBy.filter((by) => !row.messages.some((message) => message.includes(by))).map((by) => `approved by ${by}`), ...row.messages].join('; ');

/** A commit that tells of very many applications does not name them all: its files do. */
async function rowsFor(log: StatusLog, entries: readonly StatusEntry[], matches: (name: string) => boolean, application: string, signal: AbortSignal): Promise<readonly HistoryRow[]> {
  const rows = entries.map((entry) => rowsOf(entry).filter((row) => matches(row.application)));
  const unnamed = entries.filter((_entry, i) => rows[i]?.length === 0);
  const [known] = rows.flat();
  const full = known?.application ?? (application.includes('/') ? application : `default/${application}`);
  const texts = await log.contents(`applications/${full}.yaml`, unnamed.map(({ sha }) => sha), signal);
  return entries.flatMap((entry, i) => (rows[i]?.length ? rows[i] : [rowOfFile(entry, full, texts.get(entry.sha) ?? null)]));
}

/** `lateen blame APPLICATION [--lines]`. */
export async function blameVerb(flags: Flags, application: string, asLines: boolean, output: Output, terminal: Terminal): Promise<ExitCode> {
  const base = await wireBase(readConfig(flags), terminal);
  const { signal } = terminal;
  const { matches } = named(application);
  await using log = await openLog(base, signal);
  const paths = (await log.paths(signal)).filter((path) => /^(?:applications|initializers)\//.test(path) && matches(path.replace(/^[^/]+\/|\.yaml$/g, '')));
  const [path] = paths;
  if (path === undefined) throw await unknown(log, application, signal);
  if (new Set(paths.map((item) => item.split('/')[1])).size > 1) throw new Fault('config/invalid', `"${application}" is in several namespaces: ${paths.map((item) => item.split('/')[1]).join(', ')}; say namespace/name`);
  const [lines, entries] = await Promise.all([log.blame(path, signal), log.entries([path], LOOKED_THROUGH_MAX, signal)]);
  const commits = new Map(entries.map((entry) => [entry.sha, entry]));
  const blamed = lines ?? [];
  const told = (sha: string): { readonly since: string; readonly statusCommit: string; readonly sourceCommit: string; readonly author: string } => {
    const entry = commits.get(sha);
    return { since: entry === undefined ? '' : timeText(entry.atMs), statusCommit: sha, ...(entry === undefined ? { sourceCommit: '', author: '' } : sourceOf(entry)) };
  };
  const cells = (sha: string): readonly string[] => {
    const { since, statusCommit, sourceCommit, author } = told(sha);
    return [since, sourceCommit.slice(0, SHORT), author.replace(/ <.*$/, ''), statusCommit.slice(0, SHORT)];
  };
  if (asLines) {
    terminal.out(base.redactor.text(inForm(blamed.map(({ text, sha }) => ({ line: text, ...told(sha) })), output, () => table(['SINCE', 'COMMIT', 'AUTHOR', 'STATUS', 'LINE'], blamed.map(({ text, sha }) => [...cells(sha), text])))));
    return 0;
  }
  // git blame goes by lines, and a line such as `status: 'True'` may have come from the part above it: versions are compared.
  const versions = entries.slice(0, VERSIONS_MAX).map(({ sha }) => sha);
  const texts = await log.contents(path, versions, signal);
  const since = sinceWhen(versions.map((sha) => ({ sha, text: texts.get(sha) ?? null })), versions.length === entries.length);
  const rank = new Map(entries.map(({ sha }, i) => [sha, i]));
  const parts = partsOf(texts.get(versions[0] ?? '') ?? '').map(({ field, value, lines: own }) => {
    const byLines = own.flatMap((at) => blamed[at]?.sha ?? []).toSorted((x, y) => (rank.get(x) ?? Infinity) - (rank.get(y) ?? Infinity))[0];
    return { field, value, sha: since.get(field) ?? byLines ?? '' };
  });
  terminal.out(base.redactor.text(inForm(parts.map(({ field, value, sha }) => ({ field, value, ...told(sha) })), output, () => table(['FIELD', 'SINCE', 'COMMIT', 'AUTHOR', 'STATUS', 'VALUE'], parts.map(({ field, value, sha }) => [cut(field, 60), ...cells(sha), cut(value, 100)])))));
  return 0;
}

/** What was recorded nearest to a commit. */
interface Recorded {
  readonly entry: StatusEntry | null;
  /** The commit of the configuration that it speaks of. */
  readonly sourceCommit: string;
  readonly files: ReadonlyMap<string, string>;
}

/** The last that was said while this commit, or else its nearest recorded ancestor, was the newest. */
async function recordOf(log: StatusLog, revision: Revision, signal: AbortSignal): Promise<Recorded> {
  const entries = await log.entries([], LOOKED_THROUGH_MAX, signal);
  const newest = new Map<string, StatusEntry>();
  for (const entry of entries) {
    const { sourceCommit } = sourceOf(entry);
    if (sourceCommit !== '' && !newest.has(sourceCommit)) newest.set(sourceCommit, entry);
  }
  const sourceCommit = await log.nearest(revision, [...newest.keys()], signal);
  const entry = newest.get(sourceCommit ?? '') ?? null;
  return { entry, sourceCommit: sourceCommit ?? '', files: entry === null ? new Map() : await log.files(entry.sha, signal) };
}

/** `lateen at COMMIT [--application NAME]`. 1 when something cannot be had as it was: a definition has changed, or it does not render. */
export async function atVerb(flags: Flags, commit: string, only: string | undefined, output: Output, terminal: Terminal): Promise<ExitCode> {
  const base = await wireBase(readConfig(flags), terminal);
  const { signal } = terminal;
  const wanted = only === undefined ? null : named(only);
  await using log = await openLog(base, signal);
  const revision = await log.revision(commit, signal);
  const record = await recordOf(log, revision, signal);
  const { desired, diagnostics, clusters } = await renderAt(base, log, revision, record, signal);
  for (const { object } of [...desired.objects, ...desired.applications.flatMap(objectsOf)]) if (object.kind === 'Secret') base.redactor.learnSecret(object);
  const applications = desired.applications.filter((app) => wanted === null || wanted.matches(`${app.namespace}/${app.name}`)).map((app) => toldOf(app, record));
  if (wanted !== null && applications.length === 0) throw new Fault('load/reference', `commit ${revision.sha.slice(0, SHORT)} has no application "${only ?? ''}"${namesHint(only ?? '', desired)}`);
  const objects = wanted === null ? desired.objects.map(shownObject) : [];
  const data = {
    commit: revision.sha, author: revision.author, subject: revision.subject,
    recorded: record.entry === null ? null : { statusCommit: record.entry.sha, time: timeText(record.entry.atMs), sourceCommit: record.sourceCommit },
    clusters: clusters.members.map(({ name, labels }) => ({ name, labels })), applications, objects, diagnostics: sortDiagnostics(diagnostics),
  };
  terminal.out(base.redactor.text(inForm(data, output, () => atText(data))));
  const differs = applications.some((app) => app.definitions.some(({ state }) => state === 'changed' || state === 'missing'));
  return differs || diagnostics.some((item) => item.severity === 'error') ? 1 : 0;
}

function namesHint(text: string, desired: Desired): string {
  const hint = didYouMeanHint(text, desired.applications.map((app) => (text.includes('/') ? `${app.namespace}/${app.name}` : app.name)));
  return hint === undefined ? '' : `. ${hint}`;
}

/** Rendered twice: which cluster a Placement had chosen is only known when its labels are. */
async function renderAt(base: Base, log: StatusLog, revision: Revision, record: Recorded, signal: AbortSignal): Promise<{ readonly desired: Desired; readonly diagnostics: readonly Diagnostic[]; readonly clusters: Clusters }> {
  const catalog = load(await log.tree(revision, signal), { values: base.config.values, builtIns: await readBuiltIns() });
  const pack = await readPack();
  const memo: RenderMemo = new Map();
  await using cue = wireCue(base);
  const rendered = (clusters: Clusters): Promise<Desired> => render({
    catalog, known: { hub: [], pack }, records: recordsOf(catalog, record), memo, only: null, clusters,
    environment: { cue, clusterVersion: { major: '1', minor: 0, gitVersion: '', platform: '' }, isNamespaced: (_cluster, _version, kind) => Promise.resolve(guessNamespaced(kind)), signal },
  });
  const members = recordedMembers(record.files);
  const first = await rendered({ ...NO_CLUSTERS, members });
  const clusters = recordedClusters(members, first.applications.map((app) => ({ namespace: app.namespace, environments: app.environments, recorded: recordedApplication(record.files, app.namespace, app.name) })));
  const desired = first.applications.some((app) => app.environments.length > 0) ? await rendered(clusters) : first;
  return { desired, clusters, diagnostics: [...catalog.diagnostics, ...desired.applications.flatMap((app) => app.diagnostics)] };
}

/** Revisions by the numbers that they had: the same content is the same revision. */
function recordsOf(catalog: Catalog, record: Recorded): ReadonlyMap<string, ApplicationRecord> {
  return new Map(catalog.applications.flatMap(({ object }) => {
    const [namespace, name] = [object.metadata.namespace ?? DEFAULT_NAMESPACE, object.metadata.name ?? ''];
    const recorded = recordedApplication(record.files, namespace, name);
    if (recorded === null || recorded.revisionHash === '') return [];
    const revision: KubeObject = { apiVersion: 'core.oam.dev/v1beta1', kind: 'ApplicationRevision', metadata: { name: recorded.revision, namespace, labels: { [REVISION_HASH_LABEL]: recorded.revisionHash } } };
    return [[`${namespace}/${name}`, { namespace, name, application: null, trackers: [], revisions: [revision], journal: null }] as const];
  }));
}

const shownObject = ({ key, object }: Wanted): { readonly cluster: string; readonly object: KubeObject } => ({ cluster: key.cluster, object: object.kind === 'Secret' ? concealed(object) : object });

/** Values of a Secret stay inside (I9): their names are shown. */
function concealed(secret: KubeObject): KubeObject {
  const hide = (part: unknown): unknown => (part !== null && typeof part === 'object' ? Object.fromEntries(Object.keys(part).map((key) => [key, '***'])) : part);
  return { ...secret, ...('data' in secret ? { data: hide(secret['data']) } : {}), ...('stringData' in secret ? { stringData: hide(secret['stringData']) } : {}) };
}

function toldOf(app: DesiredApplication, record: Recorded) {
  const recorded = recordedApplication(record.files, app.namespace, app.name);
  return {
    namespace: app.namespace, name: app.name, phase: recorded?.phase ?? '', clusters: recorded?.clusters ?? [],
    definitions: recorded === null || Object.keys(recorded.definitions).length === 0 ? [] : compareDefinitions(recorded.definitions, definitionHashes(app.definitions)),
    objects: objectsOf(app).map(shownObject),
  };
}

const objectsOf = (app: DesiredApplication): readonly Wanted[] => [...app.policyObjects, ...[...app.components.values()].flatMap((component) => component.objects), ...app.placed];

const WORDS = {
  changed: 'is not the recorded one any more: its content was another then, on the hub or in an older release',
  missing: 'was used then and is not in this commit: it was on the hub',
} as const;

/** YAML that can be applied, with what is known about it in comments. */
function atText(data: {
  readonly commit: string; readonly author: string; readonly subject: string; readonly recorded: { readonly statusCommit: string; readonly time: string; readonly sourceCommit: string } | null;
  readonly clusters: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[]; readonly applications: readonly ReturnType<typeof toldOf>[]; readonly objects: readonly ReturnType<typeof shownObject>[]; readonly diagnostics: readonly Diagnostic[];
}): string {
  const { recorded } = data;
  const lines = [
    `commit ${data.commit} by ${data.author}: ${data.subject}`,
    recorded === null ? 'nothing is recorded of it, nor of what came before: clusters are not known, and definitions are those of today' : `recorded on ${recorded.time} by status commit ${recorded.statusCommit.slice(0, SHORT)}${recorded.sourceCommit === data.commit ? '' : `, of the commit before it, ${recorded.sourceCommit.slice(0, SHORT)}: it changed nothing`}`,
    ...data.clusters.map(({ name, labels }) => `cluster ${name}: ${Object.entries(labels).map(([key, value]) => `${key}=${value}`).join(', ') || 'no labels'}`),
    ...data.diagnostics.map((item) => diagnosticText(item).split('\n').join('\n#')),
  ];
  const documents = (list: readonly ReturnType<typeof shownObject>[]): readonly string[] => list.map(({ cluster, object }) => `---\n${cluster === LOCAL ? '' : `# on ${cluster}\n`}${printYaml(object)}`);
  const parts = data.applications.map((app) => {
    const differing = app.definitions.filter((item) => item.state === 'changed' || item.state === 'missing');
    const head = [
      `Application ${app.namespace}/${app.name}${app.phase === '' ? '' : `, then ${app.phase}`}${app.clusters.length === 0 ? '' : ` on ${app.clusters.join(', ')}`}`,
      ...(app.definitions.length === 0 ? ['no definitions are recorded: those of today are used'] : differing.length === 0 ? ['every definition is the recorded one'] : differing.map(({ definition, recorded: then, now, state }) => `${definition} ${WORDS[state as keyof typeof WORDS]} (then ${then}${now === '' ? '' : `, here ${now}`})`)),
    ];
    return `---\n${head.map((line) => `# ${line}\n`).join('')}${documents(app.objects).join('').replace(/^---\n/, '')}`;
  });
  return `${lines.map((line) => `# ${line}\n`).join('')}${documents(data.objects).join('')}${parts.join('')}`;
}
