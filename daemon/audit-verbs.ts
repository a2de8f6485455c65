/**
 * The record, for people who do not speak git. These verbs need the repository and nothing else, and work beside a daemon
 * that runs.
 *
 *     lateen history [APPLICATION]     what became of it, when, by which commit of whom
 *     lateen blame APPLICATION         since when each part of its status holds, and by which commit
 */
import { readConfig, type Flags } from './config.ts';
import { didYouMeanHint, timeText } from './lib/text.ts';
import { Fault } from './model/fault.ts';
import { inForm, table, type Output } from './print.ts';
import { openStatusLog, type StatusEntry, type StatusLog } from './source/status-log.ts';
import { partsOf, rowOfFile, rowsOf, sinceWhen, sourceOf, type HistoryRow } from './status/history.ts';
import type { ExitCode, Terminal } from './verbs.ts';
import { sourceOptions, wireBase, type Base } from './wire-base.ts';

/** The history of the status branch. Faults: source/*. */
export const openLog = (base: Base, signal: AbortSignal): Promise<StatusLog> =>
  openStatusLog(sourceOptions(base.config), { clock: base.clock, redactor: base.redactor }, signal);

/** Status commits that are looked through. */
export const LOOKED_THROUGH_MAX = 20_000;
/** Versions of a file that are compared part by part; what is older is told line by line. */
const VERSIONS_MAX = 500;
/** Letters of a commit's id that people are shown. */
export const SHORT = 10;
const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 3)}...`);

/** What a person may call an application: `name`, or `namespace/name`. Faults: config/invalid. */
export function named(text: string): { readonly matches: (application: string) => boolean; readonly paths: readonly string[] } {
  const parts = text.split('/');
  if (parts.length > 2 || !parts.every((part) => /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(part)))
    throw new Fault('config/invalid', `"${text}" is not a name, nor namespace/name`);
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
  const asText = (): string =>
    table(
      ['TIME', 'APPLICATION', 'PHASE', 'CLUSTERS', 'COMMIT', 'AUTHOR', 'MESSAGE'],
      rows.map((row) => [
        timeText(row.atMs),
        row.application || '-',
        row.phase || '-',
        cut(row.clusters.join(','), 30) || '-',
        row.sourceCommit.slice(0, SHORT),
        row.author.replace(/ <.*$/, ''),
        cut(messageOf(row), 160),
      ]),
    );
  const data = rows.map(({ atMs, commit, ...row }) => ({ time: timeText(atMs), statusCommit: commit, ...row }));
  terminal.out(base.redactor.text(inForm(data, output, asText)));
  return 0;
}

const messageOf = (row: HistoryRow): string =>
  [...row.approvedBy.filter((by) => !row.messages.some((message) => message.includes(by))).map((by) => `approved by ${by}`), ...row.messages].join('; ');

/** A commit that tells of very many applications does not name them all: its files do. */
async function rowsFor(
  log: StatusLog,
  entries: readonly StatusEntry[],
  matches: (name: string) => boolean,
  application: string,
  signal: AbortSignal,
): Promise<readonly HistoryRow[]> {
  const rows = entries.map((entry) => rowsOf(entry).filter((row) => matches(row.application)));
  const unnamed = entries.filter((_entry, i) => rows[i]?.length === 0);
  const [known] = rows.flat();
  const full = known?.application ?? (application.includes('/') ? application : `default/${application}`);
  const texts = await log.contents(
    `applications/${full}.yaml`,
    unnamed.map(({ sha }) => sha),
    signal,
  );
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
  if (new Set(paths.map((item) => item.split('/')[1])).size > 1)
    throw new Fault('config/invalid', `"${application}" is in several namespaces: ${paths.map((item) => item.split('/')[1]).join(', ')}; say namespace/name`);
  const [lines, entries] = await Promise.all([log.blame(path, signal), log.entries([path], LOOKED_THROUGH_MAX, signal)]);
  const commits = new Map(entries.map((entry) => [entry.sha, entry]));
  const blamed = lines ?? [];
  const told = (sha: string): { readonly since: string; readonly statusCommit: string; readonly sourceCommit: string; readonly author: string } => {
    const entry = commits.get(sha);
    return {
      since: entry === undefined ? '' : timeText(entry.atMs),
      statusCommit: sha,
      ...(entry === undefined ? { sourceCommit: '', author: '' } : sourceOf(entry)),
    };
  };
  const cells = (sha: string): readonly string[] => {
    const { since, statusCommit, sourceCommit, author } = told(sha);
    return [since, sourceCommit.slice(0, SHORT), author.replace(/ <.*$/, ''), statusCommit.slice(0, SHORT)];
  };
  if (asLines) {
    terminal.out(
      base.redactor.text(
        inForm(
          blamed.map(({ text, sha }) => ({ line: text, ...told(sha) })),
          output,
          () =>
            table(
              ['SINCE', 'COMMIT', 'AUTHOR', 'STATUS', 'LINE'],
              blamed.map(({ text, sha }) => [...cells(sha), text]),
            ),
        ),
      ),
    );
    return 0;
  }
  // git blame goes by lines, and a line such as `status: 'True'` may have come from the part above it: versions are compared.
  const versions = entries.slice(0, VERSIONS_MAX).map(({ sha }) => sha);
  const texts = await log.contents(path, versions, signal);
  const since = sinceWhen(
    versions.map((sha) => ({ sha, text: texts.get(sha) ?? null })),
    versions.length === entries.length,
  );
  const rank = new Map(entries.map(({ sha }, i) => [sha, i]));
  const parts = partsOf(texts.get(versions[0] ?? '') ?? '').map(({ field, value, lines: own }) => {
    const byLines = own.flatMap((at) => blamed[at]?.sha ?? []).toSorted((x, y) => (rank.get(x) ?? Infinity) - (rank.get(y) ?? Infinity))[0];
    return { field, value, sha: since.get(field) ?? byLines ?? '' };
  });
  terminal.out(
    base.redactor.text(
      inForm(
        parts.map(({ field, value, sha }) => ({ field, value, ...told(sha) })),
        output,
        () =>
          table(
            ['FIELD', 'SINCE', 'COMMIT', 'AUTHOR', 'STATUS', 'VALUE'],
            parts.map(({ field, value, sha }) => [cut(field, 60), ...cells(sha), cut(value, 100)]),
          ),
      ),
    ),
  );
  return 0;
}
