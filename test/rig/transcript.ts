/** What a person who knows git and not Lateen types at a status branch, and what comes of it: for tests, and for the README. */
import type { BareRepo } from './git.ts';

export interface Typed {
  readonly command: string;
  readonly output: string;
}

/** The questions that people ask a record. `application` is `namespace/name`. */
export async function askStatusBranch(bare: BareRepo, branch: string, application: string): Promise<readonly Typed[]> {
  const file = `applications/${application}.yaml`;
  const questions: readonly (readonly string[])[] = [
    ['log', '--oneline', branch],
    ['log', '-1', branch],
    ['log', '--oneline', `--grep=^Application: ${application}$`, branch],
    ['log', '--format=%h %(trailers:key=Source-Commit,valueonly,separator=%x2C) %(trailers:key=Phase,valueonly,separator=%x2C)', branch, '--', file],
    ['log', '-p', '-1', '--format=%s', branch, '--', file],
    ['blame', '--date=iso', branch, '--', file],
    ['shortlog', '--group=trailer:Source-Author', '-se', branch],
  ];
  const typed: Typed[] = [];
  for (const args of questions) {
    const shown = args.map((arg) => (/^[\w./:=-]+$/.test(arg) ? arg : `'${arg}'`)).join(' ');
    typed.push({ command: `git ${shown}`, output: (await bare.git('-c', 'core.abbrev=8', ...args)).trimEnd() });
  }
  return typed;
}

/** As it would stand in a terminal. */
export const transcriptText = (typed: readonly Typed[]): string => typed.map(({ command, output }) => `$ ${command}\n${output}\n`).join('\n');
