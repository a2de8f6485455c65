// Progress that a person can follow where nothing tells how far a compiler is: elapsed against measured
// time, and the number of packages done.
const REPORT_EVERY_MS = 10_000;

export type Progress = {
  /** One more package is compiled. */
  readonly step: () => void;
  /** Reports the end with the time it took. */
  readonly done: () => void;
  /** Ends the reporting; harmless after `done`. */
  readonly stop: () => void;
};

/**
 * Reports on one long step, every 10 s.
 * @param expectedMs how long it took where it was measured
 * @param restAfter what comes after this step, for a person ("3 min", "nothing")
 */
export function showProgress(title: string, expectedMs: number, restAfter: string, report: (line: string) => void): Progress {
  const startedAtMs = performance.now();
  let packages = 0;
  const elapsed = () => `${Math.round((performance.now() - startedAtMs) / 1000)} s`;
  const expected = `${Math.round(expectedMs / 1000)} s`;
  report(`${title}: compiling, about ${expected}`);
  const timer = setInterval(() => {
    const isLate = performance.now() - startedAtMs > expectedMs;
    report(
      `${title}: ${elapsed()}${isLate ? ` (${expected} where it was measured)` : ` of about ${expected}`}, ${packages} packages compiled; ${restAfter} to come after it`,
    );
  }, REPORT_EVERY_MS);
  return {
    step: () => void packages++,
    done: () => report(`${title}: done in ${elapsed()}`),
    stop: () => clearInterval(timer),
  };
}
