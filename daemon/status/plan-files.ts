/**
 * Where the plans of refs stand on the status branch, and which there are: `plans/<ref>.md`, and `plans/index.yaml`, which
 * a daemon that starts reads instead of all of them. Pure, byte-stable (I8).
 */
import { createHash } from 'node:crypto';
import { isRecord } from '../lib/json.ts';
import { parseYaml, printYaml } from '../lib/yaml.ts';

/** Which refs there are plans of, and for which commits; the one that was planned last stands last. */
export type Planned = ReadonlyMap<string, string>;

export const PLAN_INDEX = 'plans/index.yaml';

/** Characters of one part of a path: a file system takes 255 bytes. */
const PART_MAX = 120;

/**
 * A ref's name without anything that Markdown, HTML, a mention, a terminal or a file system would take for its own: letters,
 * digits and `._/+=,-` as they are, all else as in a URL. Two names never become one.
 */
export function quotedRef(ref: string): string {
  return ref.toWellFormed().replace(/[^\p{L}\p{N}._/+=,-]/gu, (letter) =>
    Buffer.from(letter, 'utf8')
      .toString('hex')
      .replace(/../g, (byte) => `%${byte.toUpperCase()}`),
  );
}

/**
 * `refs/pull/7/head` is `plans/pull/7/head.md`. No plan's file is another's folder, whatever the refs are called; names that
 * differ in case only are two files, as they are two refs.
 */
export function planFile(ref: string): string {
  const parts = quotedRef(ref.replace(/^refs\//, '')).split('/');
  const fitting = parts.map((part, index) => {
    const short = part.length <= PART_MAX ? part : `${part.slice(0, PART_MAX - 20)}%${createHash('sha256').update(part).digest('hex').slice(0, 16)}`;
    return index === parts.length - 1 ? short : short.replace(/\.(md|yaml)$/, '%2E$1');
  });
  return `plans/${fitting.join('/')}.md`;
}

/** What the index says; nothing where there is none or it cannot be read. */
export function plannedIn(files: ReadonlyMap<string, string>): Map<string, string> {
  const { value } = parseYaml(files.get(PLAN_INDEX) ?? '', PLAN_INDEX);
  const plans = isRecord(value) && Array.isArray(value['plans']) ? (value['plans'] as readonly unknown[]) : [];
  return new Map(
    plans.flatMap((item) => {
      if (!isRecord(item)) return [];
      const { ref, head, file } = item;
      return typeof ref === 'string' && typeof head === 'string' && /^[0-9a-f]{40,64}$/.test(head) && file === planFile(ref) ? [[ref, head] as const] : [];
    }),
  );
}

/** The index of these plans; null where there are none, so that the file goes. */
export function planIndex(planned: Planned): string | null {
  if (planned.size === 0) return null;
  return `# Plans of refs that the configuration names, the last one last.\n${printYaml({ plans: [...planned].map(([ref, head]) => ({ ref, head, file: planFile(ref) })) }, 'as-is')}`;
}
