/** Words for people. */

/**
 * The candidate that `word` was most likely meant to be; undefined when none is near. Near is: at most a third of the
 * word's letters inserted, removed, changed or swapped with their neighbour. Of two equally near the first in order wins.
 */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    if (candidate === word || Math.abs(candidate.length - word.length) >= least) continue;
    // Only the case differs: certainly meant.
    const steps = candidate.toLowerCase() === word.toLowerCase() ? 0 : distance(word.toLowerCase(), candidate.toLowerCase());
    if (steps < least) [best, least] = [candidate, steps];
  }
  return best;
}

/** `Did you mean "x"?`, or undefined; ready to be a hint. */
export function didYouMeanHint(word: string, candidates: Iterable<string>): string | undefined {
  const meant = didYouMean(word, candidates);
  return meant === undefined ? undefined : `Did you mean "${meant}"?`;
}

/** Damerau-Levenshtein distance (adjacent swaps count once). */
function distance(a: string, b: string): number {
  let [before, previous, current]: [number[], number[], number[]] = [[], [], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    [before, previous, current] = [previous, current, [i]];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let steps = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) steps = Math.min(steps, (before[j - 2] ?? 0) + 1);
      current[j] = steps;
    }
  }
  return current[b.length] ?? 0;
}

/** `"a", "b" and 3 more`: a list that a message can hold. */
export function listed(words: readonly string[], most = 8): string {
  const shown = words.slice(0, most).map((word) => `"${word}"`);
  const rest = words.length - shown.length;
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ');
}

/** A time as Kubernetes and KubeVela write it: RFC 3339, UTC, to the second. `ms` counts from the epoch. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
