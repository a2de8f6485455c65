/**
 * `lateen at COMMIT`: what that commit asked for, from the commit, with the cluster labels and the hashes of definitions
 * that were recorded then. From the repository alone.
 */
import { LOOKED_THROUGH_MAX, named, openLog, SHORT } from './audit-verbs.ts';
import { readConfig, type Flags } from './config.ts';
import { concealed } from './lib/redact.ts';
import { didYouMeanHint, timeText } from './lib/text.ts';
import { printYaml } from './lib/yaml.ts';
import { load } from './load/load.ts';
import { DEFAULT_NAMESPACE, type Catalog, type Revision } from './model/catalog.ts';
import { NO_CLUSTERS, type Clusters } from './model/clusters.ts';
import { Fault, type Diagnostic } from './model/fault.ts';
import { LOCAL, type KubeObject } from './model/object.ts';
import type { Desired, DesiredApplication, Wanted } from './model/plan.ts';
import type { ApplicationRecord } from './model/ports.ts';
import { diagnosticText, inForm, sortDiagnostics, type Output } from './print.ts';
import { readPack } from './render/pack.ts';
import { render, type RenderMemo } from './render/render.ts';
import { REVISION_HASH_LABEL } from './render/revision.ts';
import { guessNamespaced } from './render/scope.ts';
import type { StatusEntry, StatusLog } from './source/status-log.ts';
import { definitionHashes } from './status/definition-hashes.ts';
import { sourceOf } from './status/history.ts';
import { compareDefinitions, recordedApplication, recordedClusters, recordedMembers } from './status/recorded.ts';
import type { ExitCode, Terminal } from './verbs.ts';
import { readBuiltIns, wireBase, wireCue, type Base } from './wire-base.ts';

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
  const applications = desired.applications
    .filter((app) => wanted === null || wanted.matches(`${app.namespace}/${app.name}`))
    .map((app) => toldOf(app, record));
  if (wanted !== null && applications.length === 0)
    throw new Fault('load/reference', `commit ${revision.sha.slice(0, SHORT)} has no application "${only ?? ''}"${namesHint(only ?? '', desired)}`);
  const objects = wanted === null ? desired.objects.map(shownObject) : [];
  const data = {
    commit: revision.sha,
    author: revision.author,
    subject: revision.subject,
    recorded: record.entry === null ? null : { statusCommit: record.entry.sha, time: timeText(record.entry.atMs), sourceCommit: record.sourceCommit },
    clusters: clusters.members.map(({ name, labels }) => ({ name, labels })),
    applications,
    objects,
    diagnostics: sortDiagnostics(diagnostics),
  };
  terminal.out(base.redactor.text(inForm(data, output, () => atText(data))));
  const differs = applications.some((app) => app.definitions.some(({ state }) => state === 'changed' || state === 'missing'));
  return differs || diagnostics.some((item) => item.severity === 'error') ? 1 : 0;
}

function namesHint(text: string, desired: Desired): string {
  const hint = didYouMeanHint(
    text,
    desired.applications.map((app) => (text.includes('/') ? `${app.namespace}/${app.name}` : app.name)),
  );
  return hint === undefined ? '' : `. ${hint}`;
}

/** Rendered twice: which cluster a Placement had chosen is only known when its labels are. */
async function renderAt(
  base: Base,
  log: StatusLog,
  revision: Revision,
  record: Recorded,
  signal: AbortSignal,
): Promise<{ readonly desired: Desired; readonly diagnostics: readonly Diagnostic[]; readonly clusters: Clusters }> {
  const catalog = load(await log.tree(revision, signal), { values: base.config.values, builtIns: await readBuiltIns() });
  const pack = await readPack();
  const memo: RenderMemo = new Map();
  await using cue = wireCue(base);
  const rendered = (clusters: Clusters): Promise<Desired> =>
    render({
      catalog,
      known: { hub: [], pack },
      records: recordsOf(catalog, record),
      memo,
      only: null,
      clusters,
      environment: {
        cue,
        clusterVersion: { major: '1', minor: 0, gitVersion: '', platform: '' },
        isNamespaced: (_cluster, _version, kind) => Promise.resolve(guessNamespaced(kind)),
        signal,
      },
    });
  const members = recordedMembers(record.files);
  const first = await rendered({ ...NO_CLUSTERS, members });
  const clusters = recordedClusters(
    members,
    first.applications.map((app) => ({
      namespace: app.namespace,
      environments: app.environments,
      recorded: recordedApplication(record.files, app.namespace, app.name),
    })),
  );
  const desired = first.applications.some((app) => app.environments.length > 0) ? await rendered(clusters) : first;
  return { desired, clusters, diagnostics: [...catalog.diagnostics, ...desired.applications.flatMap((app) => app.diagnostics)] };
}

/** Revisions by the numbers that they had: the same content is the same revision. */
function recordsOf(catalog: Catalog, record: Recorded): ReadonlyMap<string, ApplicationRecord> {
  return new Map(
    catalog.applications.flatMap(({ object }) => {
      const [namespace, name] = [object.metadata.namespace ?? DEFAULT_NAMESPACE, object.metadata.name ?? ''];
      const recorded = recordedApplication(record.files, namespace, name);
      if (recorded === null || recorded.revisionHash === '') return [];
      const revision: KubeObject = {
        apiVersion: 'core.oam.dev/v1beta1',
        kind: 'ApplicationRevision',
        metadata: { name: recorded.revision, namespace, labels: { [REVISION_HASH_LABEL]: recorded.revisionHash } },
      };
      return [[`${namespace}/${name}`, { namespace, name, application: null, trackers: [], revisions: [revision], journal: null }] as const];
    }),
  );
}

const shownObject = ({ key, object }: Wanted): { readonly cluster: string; readonly object: KubeObject } => ({
  cluster: key.cluster,
  object: concealed(object),
});

function toldOf(app: DesiredApplication, record: Recorded) {
  const recorded = recordedApplication(record.files, app.namespace, app.name);
  return {
    namespace: app.namespace,
    name: app.name,
    phase: recorded?.phase ?? '',
    clusters: recorded?.clusters ?? [],
    definitions:
      recorded === null || Object.keys(recorded.definitions).length === 0 ? [] : compareDefinitions(recorded.definitions, definitionHashes(app.definitions)),
    objects: objectsOf(app).map(shownObject),
  };
}

const objectsOf = (app: DesiredApplication): readonly Wanted[] => [
  ...app.policyObjects,
  ...[...app.components.values()].flatMap((component) => component.objects),
  ...app.placed,
];

const WORDS = {
  changed: 'is not the recorded one any more: its content was another then, on the hub or in an older release',
  missing: 'was used then and is not in this commit: it was on the hub',
} as const;

/** YAML that can be applied, with what is known about it in comments. */
function atText(data: {
  readonly commit: string;
  readonly author: string;
  readonly subject: string;
  readonly recorded: { readonly statusCommit: string; readonly time: string; readonly sourceCommit: string } | null;
  readonly clusters: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[];
  readonly applications: readonly ReturnType<typeof toldOf>[];
  readonly objects: readonly ReturnType<typeof shownObject>[];
  readonly diagnostics: readonly Diagnostic[];
}): string {
  const { recorded } = data;
  const lines = [
    `commit ${data.commit} by ${data.author}: ${data.subject}`,
    recorded === null
      ? 'nothing is recorded of it, nor of what came before: clusters are not known, and definitions are those of today'
      : `recorded on ${recorded.time} by status commit ${recorded.statusCommit.slice(0, SHORT)}${recorded.sourceCommit === data.commit ? '' : `, of the commit before it, ${recorded.sourceCommit.slice(0, SHORT)}: it changed nothing`}`,
    ...data.clusters.map(
      ({ name, labels }) =>
        `cluster ${name}: ${
          Object.entries(labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(', ') || 'no labels'
        }`,
    ),
    ...data.diagnostics.map((item) => diagnosticText(item).split('\n').join('\n#')),
  ];
  const documents = (list: readonly ReturnType<typeof shownObject>[]): readonly string[] =>
    list.map(({ cluster, object }) => `---\n${cluster === LOCAL ? '' : `# on ${cluster}\n`}${printYaml(object)}`);
  const parts = data.applications.map((app) => {
    const differing = app.definitions.filter((item) => item.state === 'changed' || item.state === 'missing');
    const head = [
      `Application ${app.namespace}/${app.name}${app.phase === '' ? '' : `, then ${app.phase}`}${app.clusters.length === 0 ? '' : ` on ${app.clusters.join(', ')}`}`,
      ...(app.definitions.length === 0
        ? ['no definitions are recorded: those of today are used']
        : differing.length === 0
          ? ['every definition is the recorded one']
          : differing.map(
              ({ definition, recorded: then, now, state }) =>
                `${definition} ${WORDS[state as keyof typeof WORDS]} (then ${then}${now === '' ? '' : `, here ${now}`})`,
            )),
    ];
    return `---\n${head.map((line) => `# ${line}\n`).join('')}${documents(app.objects)
      .join('')
      .replace(/^---\n/, '')}`;
  });
  return `${lines.map((line) => `# ${line}\n`).join('')}${documents(data.objects).join('')}${parts.join('')}`;
}
