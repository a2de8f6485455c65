/**
 * A long history goes on under a new name: `lateen-status`, then `lateen-status.2`, `lateen-status.3`. A branch cannot be
 * shortened without being forced, which the status branch never is; so the old one stays where it is, as the archive, its
 * last commit says where it goes on, and the first commit of the new one says what it continues.
 *
 *   lateen-status    o──o──o──o──x   "continued on lateen-status.2"        (pushed together, or not at all)
 *   lateen-status.2              o   "continued from lateen-status", the same files, no parent ──o──o
 */
import type { StatusCommit } from '../model/status.ts';

/** The number of a branch's generation, 1 for `base` itself; null when it is none of it. */
export function generationOf(base: string, branch: string): number | null {
  if (branch === base) return 1;
  if (!branch.startsWith(`${base}.`)) return null;
  const number = branch.slice(base.length + 1);
  return /^[1-9]\d{0,6}$/.test(number) && Number(number) > 1 ? Number(number) : null;
}

export const nameOfGeneration = (base: string, generation: number): string => (generation === 1 ? base : `${base}.${generation}`);

/** What to ask a remote for so that all generations are told. */
export const generationPatterns = (base: string): readonly string[] => [base, `${base}.*`];

/** The branches of `names` that are generations, the newest first. */
export function generations(base: string, names: Iterable<string>): readonly string[] {
  const found: { readonly name: string; readonly generation: number }[] = [];
  for (const name of names) {
    const generation = generationOf(base, name);
    if (generation !== null) found.push({ name, generation });
  }
  return found.sort((a, b) => b.generation - a.generation).map(({ name }) => name);
}

/** Whether a commit is one that only ends or begins a generation: it tells of no change. */
export const CONTINUES = 'Continues';
export const CONTINUED_ON = 'Continued-On';

/** The last commit of a generation: its page leads on, everything else stays. */
export const closingCommit = (next: string): StatusCommit => ({
  files: new Map([['README.md', `# Continued\n\nThe record goes on on the branch \`${next}\`. What stands here is what was so when this branch ended.\n`]]),
  subject: `continued on ${next}`,
  trailers: [[CONTINUED_ON, next]],
});

/** The first commit of a generation. */
export const openingCommit = (branch: string, tip: string): StatusCommit => ({
  files: new Map(),
  subject: `continued from ${branch}`,
  body: [`- the history before this commit ends with ${tip} on ${branch}`],
  trailers: [[CONTINUES, `${branch} ${tip}`]],
});
