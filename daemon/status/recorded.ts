/** What the status files say about the past that rendering needs: clusters with their labels, definitions with their hashes. Pure. */
import { isRecord, type Fields } from '../lib/json.ts';
import { parseYaml } from '../lib/yaml.ts';
import type { Clusters, Member } from '../model/clusters.ts';
import { LOCAL } from '../model/object.ts';
import type { Environment } from '../model/plan.ts';
import { applicationFile } from './publish-files.ts';

const fieldsOf = (value: unknown): Fields => (isRecord(value) ? value : {});
const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const textsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(fieldsOf(value)).map(([key, item]) => [key, String(item)]));

/** The members as they were recorded, sorted by name. */
export function recordedMembers(files: ReadonlyMap<string, string>): readonly Member[] {
  const members: Member[] = [];
  for (const [path, text] of files) {
    if (!/^clusters\/[^/]+\.yaml$/.test(path)) continue;
    const value = fieldsOf(parseYaml(text, path).value);
    const name = textOf(fieldsOf(value['metadata'])['name']);
    if (name === '') continue;
    const available = textOf(value['available']);
    members.push({
      name,
      mode: value['delivery'] === 'ocm' ? 'ocm' : 'direct',
      labels: textsOf(value['labels']),
      claims: {},
      accepted: value['accepted'] === true,
      available: available === 'True' || available === 'False' ? available : 'Unknown',
      taints: [],
      version: versionOf(textOf(value['kubernetes'])),
      object: null,
      fault: null,
    });
  }
  return members.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function versionOf(gitVersion: string): Member['version'] {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  return major === undefined ? null : { major, minor: Number(minor), gitVersion, platform: '' };
}

/** What was recorded of one application; null when nothing was. */
export interface RecordedApplication {
  readonly clusters: readonly string[];
  /** Hash by `Kind/name`. */
  readonly definitions: Readonly<Record<string, string>>;
  readonly phase: string;
  /** `<application>-v<N>`, and the hash of the content that it is; "" where it was not recorded. */
  readonly revision: string;
  readonly revisionHash: string;
}

export function recordedApplication(files: ReadonlyMap<string, string>, namespace: string, name: string): RecordedApplication | null {
  const path = applicationFile(namespace, name);
  const text = files.get(path);
  if (text === undefined) return null;
  const value = fieldsOf(parseYaml(text, path).value);
  const clusters = listOf(value['objects']).map((item) => textOf(item['cluster']) || (item['kind'] === 'ManifestWork' ? textOf(item['namespace']) : LOCAL));
  return {
    clusters: [...new Set(clusters)].sort(),
    definitions: textsOf(value['definitions']),
    phase: textOf(value['phase']),
    revision: textOf(value['revision']),
    revisionHash: textOf(value['revisionHash']),
  };
}

/**
 * Members and decisions as they were: a Placement by labels chose the recorded cluster that has them, or, where none was
 * recorded, would have chosen the first that does.
 */
export function recordedClusters(
  members: readonly Member[],
  applications: readonly { readonly namespace: string; readonly environments: readonly Environment[]; readonly recorded: RecordedApplication | null }[],
): Clusters {
  const decisions = new Map<string, readonly string[]>();
  for (const { namespace, environments, recorded } of applications) {
    for (const { choice } of environments) {
      if (!('placement' in choice)) continue;
      const fitting = members.filter(({ labels }) => Object.entries(choice.labels).every(([key, value]) => labels[key] === value)).map(({ name }) => name);
      const chosen = fitting.filter((name) => recorded?.clusters.includes(name) === true);
      decisions.set(`${namespace}/${choice.placement}`, chosen.length > 0 ? chosen : fitting.slice(0, 1));
    }
  }
  return { members, decisions: (namespace, placement) => decisions.get(`${namespace}/${placement}`) ?? null };
}

export type DefinitionState = 'same' | 'changed' | 'missing' | 'unrecorded';

/** Each definition that was recorded, or is used now, and whether it is the same. */
export function compareDefinitions(
  recorded: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): readonly { readonly definition: string; readonly recorded: string; readonly now: string; readonly state: DefinitionState }[] {
  return [...new Set([...Object.keys(recorded), ...Object.keys(now)])].sort().map((definition) => {
    const [then, today] = [recorded[definition] ?? '', now[definition] ?? ''];
    return { definition, recorded: then, now: today, state: then === '' ? 'unrecorded' : today === '' ? 'missing' : then === today ? 'same' : 'changed' };
  });
}
