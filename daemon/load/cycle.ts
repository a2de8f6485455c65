/** Circles among things that depend on each other. */

/**
 * The first circle found, as the names on it in the order in which each waits for the next; null where there is none.
 * Names that are no key of the map are not followed.
 */
export function findCycle(dependencies: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): string[] | null => {
    const place = path.indexOf(name);
    if (place >= 0) return path.slice(place);
    if (done.has(name)) return null;
    path.push(name);
    for (const next of dependencies.get(name) ?? []) {
      const cycle = visit(next);
      if (cycle !== null) return cycle;
    }
    path.pop();
    done.add(name);
    return null;
  };
  for (const name of dependencies.keys()) {
    const cycle = visit(name);
    if (cycle !== null) return cycle;
  }
  return null;
}
