/** Circles among things that depend on each other. */

/**
 * The first circle found, as the names on it in the order in which each waits for the next; null where there is none.
 * Names that are no key of the map are not followed.
 */
export function findCycle(dependencies: ReadonlyMap<string, readonly string[]>): string[] | null {
  const stuck = withoutFree(dependencies);
  const [start] = stuck;
  if (start === undefined) return null;
  // Everything left waits for something left, so whoever follows that must come round.
  const path = [start];
  const places = new Map([[start, 0]]);
  for (let name = start; ;) {
    name = dependencies.get(name)?.find((next) => stuck.has(next)) ?? start;
    const place = places.get(name);
    if (place !== undefined) return path.slice(place);
    places.set(name, path.length);
    path.push(name);
  }
}

/** The names that are left when all have gone that wait for nothing, or only for those that have gone. */
function withoutFree(dependencies: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const waitsFor = new Map([...dependencies].map(([name, names]) => [name, new Set(names.filter((other) => dependencies.has(other)))]));
  const waiting = new Map<string, string[]>();
  for (const [name, names] of waitsFor) {
    for (const other of names) {
      const others = waiting.get(other);
      if (others === undefined) waiting.set(other, [name]);
      else others.push(name);
    }
  }
  const left = new Set(dependencies.keys());
  const free = [...waitsFor].filter(([, names]) => names.size === 0).map(([name]) => name);
  for (let name = free.pop(); name !== undefined; name = free.pop()) {
    left.delete(name);
    for (const other of waiting.get(name) ?? []) {
      const names = waitsFor.get(other);
      names?.delete(name);
      if (names?.size === 0) free.push(other);
    }
  }
  return left;
}
