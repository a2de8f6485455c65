/** A reporter for `node --test`: one JSON line with the counts of the whole run, and the name of each test that failed. */
import type { TestEvent } from 'node:test/reporters';

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
}

// oxlint-disable import/no-default-export -- node:test takes a reporter from the default export.

/** Yields once, at the end. Suites and files are not counted, tests are. */
export default async function* tally(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const failures: string[] = [];
  for await (const event of source) {
    if (event.type === 'test:fail' && event.data.details.type !== 'suite' && event.data.todo === undefined)
      failures.push(`${event.data.file === undefined ? '' : `${event.data.file}: `}${event.data.name}`);
    // A summary without a file is that of the run.
    if (event.type !== 'test:summary' || event.data.file !== undefined) continue;
    const { passed, skipped, tests, todo } = event.data.counts;
    yield `${JSON.stringify({ passed, skipped, failed: tests - passed - skipped - todo, failures } satisfies Tally)}\n`;
  }
}
