/** Reads the record back: what status commits say, and since when each field of a status file holds. Pure. */
import { isRecord, type Fields } from '../lib/json.ts';
import { parseYaml } from '../lib/yaml.ts';
import type { Path } from '../model/catalog.ts';

/** One status commit, as source/status-log.ts reads it. */
export interface Entry {
  readonly sha: string;
  readonly atMs: number;
  readonly subject: string;
  readonly body: readonly string[];
  readonly trailers: readonly (readonly [string, string])[];
}

/** What one commit says of one application; `application` is "" for what is said of clusters or of the repository. */
export interface HistoryRow {
  readonly atMs: number;
  readonly commit: string;
  readonly sourceCommit: string;
  readonly author: string;
  readonly application: string;
  readonly phase: string;
  readonly clusters: readonly string[];
  readonly approvedBy: readonly string[];
  readonly messages: readonly string[];
}

const valueOf = (entry: Pick<Entry, 'trailers'>, key: string): string => entry.trailers.find(([name]) => name === key)?.[1] ?? '';

/** The commit and author that a status commit speaks of. */
export const sourceOf = (entry: Pick<Entry, 'trailers'>): { readonly sourceCommit: string; readonly author: string } => ({
  sourceCommit: valueOf(entry, 'Source-Commit'),
  author: valueOf(entry, 'Source-Author'),
});

const withoutDash = (line: string): string => line.replace(/^\s*- /, '');

/** The rows of one commit: one for each application or Initializer that it names, else one for all that it says. */
export function rowsOf(entry: Entry): readonly HistoryRow[] {
  const base = { atMs: entry.atMs, commit: entry.sha, ...sourceOf(entry) };
  const groups: { readonly application: string; readonly trailers: [string, string][] }[] = [];
  for (const [key, value] of entry.trailers) {
    if (key === 'Application' || key === 'Initializer') groups.push({ application: value, trailers: [] });
    else groups.at(-1)?.trailers.push([key, value]);
  }
  const all = (trailers: readonly (readonly [string, string])[], key: string): readonly string[] =>
    trailers.filter(([name]) => name === key).map(([, value]) => value);
  if (groups.length === 0)
    return [
      {
        ...base,
        application: '',
        phase: '',
        clusters: all(entry.trailers, 'Cluster'),
        approvedBy: all(entry.trailers, 'Approved-By'),
        messages: [entry.subject, ...entry.body.map(withoutDash)],
      },
    ];
  return groups.map(({ application, trailers }) => ({
    ...base,
    application,
    phase: all(trailers, 'Phase')[0] ?? '',
    clusters: all(trailers, 'Cluster'),
    approvedBy: all(trailers, 'Approved-By'),
    messages: groups.length === 1 ? entry.body.map(withoutDash) : messagesFor(application, entry.body),
  }));
}

/** The indented lines below `- namespace/name: ...`. */
function messagesFor(application: string, body: readonly string[]): readonly string[] {
  const from = body.findIndex((line) => line.startsWith(`- ${application}: `));
  if (from < 0) return [];
  const rest = body.slice(from + 1);
  const end = rest.findIndex((line) => !line.startsWith('  - '));
  return (end < 0 ? rest : rest.slice(0, end)).map(withoutDash);
}

/** A row made of a status file, for a commit that named too many applications to name this one. `text` null: it is gone. */
export function rowOfFile(entry: Entry, application: string, text: string | null): HistoryRow {
  const value = fieldsOf(text === null ? null : parseYaml(text, '').value);
  const ready = listOf(value['conditions']).find((item) => item['type'] === 'Ready');
  const clusters = [...new Set(listOf(value['objects']).map((item) => textOf(item['cluster']) || 'local'))].sort();
  return {
    atMs: entry.atMs,
    commit: entry.sha,
    ...sourceOf(entry),
    application,
    phase: text === null ? 'gone' : textOf(value['phase']),
    clusters,
    approvedBy: listOf(value['approvals']).map((item) => textOf(item['by'])),
    messages: [textOf(ready?.['message'])].filter((message) => message !== ''),
  };
}

const fieldsOf = (value: unknown): Fields => (isRecord(value) ? value : {});
const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A part of a status file that people ask about, and the lines it takes, from 0. */
export interface Part {
  readonly field: string;
  readonly value: string;
  readonly lines: readonly number[];
}

/** The parts of an application's, Initializer's or cluster's status file, in its order. */
export function partsOf(text: string): readonly Part[] {
  const { value, locate } = parseYaml(text, '');
  const found: { readonly field: string; readonly value: string; readonly line: number }[] = [];
  const add = (path: Path, field: string, said: string): void => void found.push({ field, value: said.trim(), line: locate(path, 'key').line - 1 });
  const root = fieldsOf(value);
  for (const name of Object.keys(root)) {
    const item = root[name];
    if (['apiVersion', 'kind', 'metadata'].includes(name)) add([name], '', '');
    else if (name === 'workflow') addSteps(fieldsOf(item), add);
    else if (name === 'error' || name === 'fault') add([name], name, `${textOf(fieldsOf(item)['code'])}: ${textOf(fieldsOf(item)['message'])}`);
    else if (Array.isArray(item)) listOf(item).forEach((entry, i) => add([name, i], nameOfItem(name, entry), valueOfItem(entry)));
    else if (isRecord(item)) for (const key of Object.keys(item)) add([name, key], `${name} ${key}`, String(item[key]));
    else add([name], name, String(item));
  }
  const lines = text.split('\n');
  const starts = found.toSorted((a, b) => a.line - b.line);
  return starts.flatMap(({ field, value: said, line }, i) => {
    const end = starts[i + 1]?.line ?? lines.length - 1;
    // A line that is only a key, such as `objects:`, says nothing of the item before it.
    const own = Array.from({ length: Math.max(1, end - line) }, (_, k) => line + k).filter((at, k) => k === 0 || !/^ *[A-Za-z]+:$/.test(lines[at] ?? ''));
    return field === '' ? [] : [{ field, value: said, lines: own }];
  });
}

function addSteps(workflow: Fields, add: (path: Path, field: string, value: string) => void): void {
  add(['workflow', 'state'], 'workflow', textOf(workflow['state']));
  const said = (step: Fields): string => [textOf(step['phase']), textOf(step['message']) || textOf(step['reason'])].filter((text) => text !== '').join(': ');
  listOf(workflow['steps']).forEach((step, i) => {
    add(['workflow', 'steps', i], `step ${textOf(step['name'])}`, said(step));
    listOf(step['subSteps']).forEach((sub, k) =>
      add(['workflow', 'steps', i, 'subSteps', k], `step ${textOf(step['name'])}/${textOf(sub['name'])}`, said(sub)),
    );
  });
}

function nameOfItem(list: string, item: Fields): string {
  const on = textOf(item['cluster']) === '' ? '' : ` on ${textOf(item['cluster'])}`;
  const name = [textOf(item['namespace']), textOf(item['name'])].filter((text) => text !== '').join('/');
  switch (list) {
    case 'conditions':
      return textOf(item['type']);
    case 'objects':
      return `${textOf(item['kind'])} ${name}${on}`;
    case 'services':
      return `service ${textOf(item['name'])}${on}`;
    case 'approvals':
      return `approval ${textOf(item['action'])} ${textOf(item['target'])}`;
    case 'diagnostics':
      return textOf(item['at']) || 'finding';
    default:
      return `${list} ${name || textOf(item['application'])}`.trim();
  }
}

function valueOfItem(item: Fields): string {
  if (typeof item['healthy'] === 'boolean')
    return `${item['healthy'] ? 'healthy' : 'not healthy'}${textOf(item['message']) === '' ? '' : `: ${textOf(item['message'])}`}`;
  const state = ['status', 'health', 'phase', 'code', 'by'].map((key) => textOf(item[key])).find((text) => text !== '') ?? '';
  const drift = Array.isArray(item['drift']) ? ` drift in ${item['drift'].join(', ')}` : '';
  const why = textOf(item['message']) || (state === 'True' || state === 'False' ? textOf(item['reason']) : '');
  return `${state}${why === '' ? '' : `: ${why}`}${drift}`;
}

/**
 * For each part of the newest version the commit since which it says the same without a break. `versions` are the file's,
 * the newest first; null where it was not there. A part that is the same in all of them has no answer: it is older still,
 * unless `isWhole` says that there are no more.
 */
export function sinceWhen(versions: readonly { readonly sha: string; readonly text: string | null }[], isWhole: boolean): ReadonlyMap<string, string> {
  const [newest] = versions;
  const since = new Map<string, string>();
  const key = (part: Part): string => `${part.field}\0${part.value}`;
  let open = new Set(newest?.text === null || newest === undefined ? [] : partsOf(newest.text).map(key));
  let last = newest?.sha ?? '';
  let lastText = newest?.text ?? null;
  for (const { sha, text } of versions.slice(1)) {
    if (open.size === 0) break;
    if (text !== lastText) {
      const here = new Set(text === null ? [] : partsOf(text).map(key));
      for (const part of open) if (!here.has(part)) since.set(part, last);
      open = open.intersection(here);
    }
    last = sha;
    lastText = text;
  }
  if (isWhole) for (const part of open) since.set(part, last);
  return new Map([...since].map(([part, sha]) => [part.slice(0, part.indexOf('\0')), sha]));
}
