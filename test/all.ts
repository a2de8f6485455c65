/**
 * `npm test`: everything that must pass, one part after the other. A part that fails stops no other; the exit code is 1
 * when one did. `node test/all.ts unit golden` runs these parts only.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { styleText } from 'node:util';
import type { Tally } from './tally.ts';

const ROOT = join(import.meta.dirname, '..');
const MINUTE_MS = 60_000;

interface Part {
  readonly name: string;
  readonly what: string;
  /** A script of package.json. */
  readonly script: string;
  /** It is ended then, and has failed. */
  readonly limitMs: number;
  /** With node:test: how long one test, or one file, may take. */
  readonly testLimitMs?: number;
}

// Both builds are parts of their own, so that a first run shows what takes its time.
const PARTS: readonly Part[] = [
  { name: 'types', what: 'the type check', script: 'types', limitMs: 5 * MINUTE_MS },
  { name: 'lint', what: 'the linter (installed on first use)', script: 'lint', limitMs: 10 * MINUTE_MS },
  { name: 'cue', what: 'the CUE evaluator (built on first use)', script: 'build:cue', limitMs: 10 * MINUTE_MS },
  { name: 'unit', what: 'unit, invariants, architecture', script: 'test:unit', limitMs: 10 * MINUTE_MS, testLimitMs: 5 * MINUTE_MS },
  { name: 'lab', what: 'the lab: real control planes (built on first use, 7 to 10 minutes)', script: 'lab:build', limitMs: 30 * MINUTE_MS },
  { name: 'golden', what: 'recorded cases', script: 'test:golden', limitMs: 20 * MINUTE_MS, testLimitMs: 20 * MINUTE_MS },
  { name: 'e2e', what: 'the daemon on the lab', script: 'test:e2e', limitMs: 60 * MINUTE_MS, testLimitMs: 20 * MINUTE_MS },
];

interface Outcome {
  readonly part: Part;
  readonly isWell: boolean;
  readonly why: string;
  readonly seconds: number;
  readonly tally: Tally | null;
}

const styled = (style: Parameters<typeof styleText>[0], text: string): string => styleText(style, text, { stream: process.stdout });
const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** The part's command; tests report to the terminal as always, and their counts to a file. */
async function commandOf(part: Part, tallyFile: string): Promise<string> {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { readonly scripts: Readonly<Record<string, string>> };
  const command = scripts[part.script];
  if (command === undefined) throw new Error(`package.json has no script "${part.script}"`);
  if (part.testLimitMs === undefined) return command;
  const reporters = `--test-reporter=spec --test-reporter-destination=stdout --test-reporter=./test/tally.ts --test-reporter-destination="${tallyFile}"`;
  return command.replace('node --test', `node --test --test-timeout=${part.testLimitMs} ${reporters}`);
}

/** Runs a shell command in a process group of its own; gives why it failed, or "". */
async function runCommand(command: string, limitMs: number, signal: AbortSignal): Promise<string> {
  const child = spawn('sh', ['-c', command], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  const end = (name: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      /* it has just ended by itself */
    }
  };
  const interrupt = (): void => end('SIGINT');
  signal.addEventListener('abort', interrupt, { once: true });
  let isLate = false;
  const timers = [
    setTimeout(() => {
      isLate = true;
      end('SIGTERM');
    }, limitMs),
    setTimeout(() => {
      end('SIGKILL');
    }, limitMs + MINUTE_MS),
  ];
  const { promise, resolve } = Promise.withResolvers<string>();
  child.once('error', (error) => {
    resolve(error.message);
  });
  child.once('exit', (code, name) => {
    resolve(code === 0 ? '' : isLate ? `ended after ${limitMs / MINUTE_MS} minutes` : (name ?? `exit code ${code}`));
  });
  const why = await promise;
  timers.forEach((timer) => {
    clearTimeout(timer);
  });
  signal.removeEventListener('abort', interrupt);
  return why;
}

async function runPart(part: Part, directory: string, signal: AbortSignal): Promise<Outcome> {
  print(`\n${styled('bold', `== ${part.name}: ${part.what}`)}\n`);
  const startedMs = performance.now();
  const file = join(directory, `${part.name}.json`);
  const why = await runCommand(await commandOf(part, file), part.limitMs, signal);
  const text = part.testLimitMs === undefined ? '' : await readFile(file, 'utf8').catch(() => '');
  const tally = text === '' ? null : (JSON.parse(text) as Tally);
  const isSilent = part.testLimitMs !== undefined && tally === null;
  return {
    part,
    isWell: why === '' && !isSilent && (tally?.failed ?? 0) === 0,
    why: why === '' && isSilent ? 'no test was run' : why,
    seconds: (performance.now() - startedMs) / 1000,
    tally,
  };
}

/** The table at the end, and the line that sums up. A part without tests counts as one. */
function summary(outcomes: readonly Outcome[]): void {
  print(`\n${styled('bold', '== summary')}\n`);
  let [passed, failed, skipped] = [0, 0, 0];
  for (const { part, isWell, why, seconds, tally } of outcomes) {
    const counts = tally === null ? '' : `${tally.passed} passed, ${tally.failed} failed${tally.skipped === 0 ? '' : `, ${tally.skipped} skipped`}`;
    print(
      `${isWell ? styled('green', 'ok    ') : styled('red', 'FAILED')}  ${part.name.padEnd(7)} ${seconds.toFixed(1).padStart(7)} s  ${[counts, why].filter((item) => item !== '').join('; ')}`,
    );
    for (const name of tally?.failures.slice(0, 20) ?? []) print(`          ${styled('red', '✖')} ${name.startsWith(ROOT) ? relative(ROOT, name) : name}`);
    passed += tally?.passed ?? (isWell ? 1 : 0);
    // A run that broke off without a failing test has failed all the same.
    failed += isWell ? 0 : Math.max(1, tally?.failed ?? 1);
    skipped += tally?.skipped ?? 0;
  }
  print(`\n${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
}

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !PARTS.some((part) => part.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`there is no part "${unknown}"; there are ${PARTS.map((part) => part.name).join(', ')}\n`);
    return 2;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => {
      stop.abort();
    });
  const directory = await mkdtemp(join(tmpdir(), 'lateen-all-'));
  const outcomes: Outcome[] = [];
  try {
    for (const part of PARTS)
      if (!stop.signal.aborted && (names.length === 0 || names.includes(part.name))) outcomes.push(await runPart(part, directory, stop.signal));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  summary(outcomes);
  return stop.signal.aborted ? 130 : outcomes.every((outcome) => outcome.isWell) ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
