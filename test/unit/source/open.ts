/** A source for a test: real git, real time, a redactor that remembers what it was told. */
import { join } from 'node:path';
import { systemClock } from '../../../daemon/lib/retry.ts';
import type { Clock, Redactor } from '../../../daemon/model/ports.ts';
import type { StatusCommit } from '../../../daemon/model/status.ts';
import { openSource, type Source, type SourceOptions } from '../../../daemon/source/source.ts';

export const never: AbortSignal = new AbortController().signal;

/** Replaces every learned value by `***`. */
export function testRedactor(): Redactor & { readonly learned: Set<string> } {
  const learned = new Set<string>();
  return {
    learned,
    learn: (value) => {
      if (value.length >= 4) learned.add(value);
    },
    learnSecret: () => {},
    text: (text) => [...learned].reduce((rest, value) => rest.replaceAll(value, '***'), text),
  };
}

/** Real time, but for waits: those are over at once. */
export function hastyClock(): Clock {
  const clock = systemClock();
  return {
    ...clock,
    sleep: async (ms, signal) => {
      await clock.sleep(ms > 10_000 ? ms : Math.min(ms, 20), signal);
    },
  };
}

export function openTestSource(directory: string, url: string, options: Partial<SourceOptions> = {}, redactor: Redactor = testRedactor()): Promise<Source> {
  return openSource(
    {
      url,
      branch: null,
      statusBranch: 'lateen-status',
      workDir: join(directory, 'lateen'),
      environment: { PATH: process.env['PATH'] },
      allowedSchemes: ['https', 'ssh', 'file', 'http'],
      ...options,
    },
    { clock: hastyClock(), redactor },
  );
}

export function statusCommit(files: Readonly<Record<string, string | null>>, subject = 'Status', trailers: StatusCommit['trailers'] = []): StatusCommit {
  return { files: new Map(Object.entries(files)), subject, trailers };
}
