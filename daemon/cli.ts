/** The command line: verbs, flags, help. Prints and never decides. DOOR commander. */
import { Command, CommanderError, Option } from 'commander';
import { durationOf, SETTINGS, type Flags } from './config.ts';
import { toFault } from './model/fault.ts';
import type { Output } from './print.ts';
import type { ExitCode, Terminal } from './verbs.ts';

/** Settings of verbs that only read files. */
const WITHOUT_HUB = new Set(['cue-wasm', 'cue-timeout', 'cue-memory', 'cue-workers', 'log-level', 'log-format']);

function withSettings(command: Command, which: (flag: string) => boolean): Command {
  for (const item of SETTINGS) {
    if (!which(item.flag)) continue;
    const shown = item.fallback === '' ? '' : ` (default: ${item.fallback})`;
    command.addOption(new Option(`--${item.flag} <value>`, `${item.help}${shown}`));
  }
  return command.option('--config <file>', 'file with settings, `name: value` (environment: LATEEN_CONFIG; every setting also as LATEEN_<NAME>)');
}

const withOutput = (command: Command, forms: readonly string[] = ['text', 'json', 'yaml']): Command => command.addOption(new Option('-o, --output <form>', 'form of what is printed').choices(forms).default('text'));

/**
 * Runs the verb that `argv` (without node and script) names. Resolves to the exit code: 0 well, 1 there is something to
 * look at, 2 an error, 3 time is up, 130 interrupted.
 */
export async function cli(argv: readonly string[], terminal: Terminal, version: string): Promise<number> {
  let code: ExitCode = 0;
  const program = new Command('lateen').description('Delivers KubeVela applications from Git to Kubernetes clusters, and writes back what happened.').exitOverride().showSuggestionAfterError();
  program.configureOutput({ writeOut: terminal.out, writeErr: (text) => process.stderr.write(text) });
  const verbs = () => import('./verbs.ts');
  const every = (): boolean => true;
  withSettings(program.command('run').description('follow the repository until stopped'), every).action(async (flags: Flags) => { code = await (await verbs()).runVerb(flags, terminal); });
  withOutput(withSettings(program.command('once').description('one pass over the newest commit'), every)).option('--wait <duration>', 'go on until nothing moves, at most so long (0 all Ready, 1 settled, 2 error, 3 time is up)').action(async (flags: Flags) => {
    const wait = flags['wait'];
    code = await (await verbs()).onceVerb(flags, typeof wait === 'string' ? durationOf('wait', wait) : null, flags['output'] as Output, terminal);
  });
  withOutput(withSettings(program.command('check [dir]').description('find mistakes in a directory; needs no cluster'), (flag) => WITHOUT_HUB.has(flag))).action(async (dir: string | undefined, flags: Flags) => { code = await (await verbs()).checkVerb(flags, dir ?? '.', flags['output'] as Output, terminal); });
  withOutput(withSettings(program.command('render [dir]').description('print the objects that a directory asks for; needs no cluster'), (flag) => WITHOUT_HUB.has(flag))).option('--application <name>', 'only this application: name, or namespace/name').action(async (dir: string | undefined, flags: Flags) => {
    code = await (await verbs()).renderVerb(flags, dir ?? '.', flags['application'] as string | undefined, flags['output'] as Output, terminal);
  });
  withOutput(withSettings(program.command('plan').description('what a commit would change (0 nothing, 1 something, 2 error)'), every), ['text', 'json', 'yaml', 'markdown'])
    .option('--base <rev>', 'compare with this commit: branch, tag, id, HEAD~1, refs/pull/7/head').option('--head <rev>', 'the commit that is planned (default: the newest)')
    .option('--live', 'the clusters have to be asked').option('--offline', 'no cluster is asked')
    .action(async (flags: Flags) => { code = await (await import('./plan-verb.ts')).planVerb(flags, flags['output'] as Output | 'markdown', terminal); });
  withOutput(withSettings(program.command('status').description('what the hub says of the applications'), every)).action(async (flags: Flags) => { code = await (await verbs()).statusVerb(flags, flags['output'] as Output, terminal); });
  withOutput(program.command('explain [code]').description('what a code means and what to do')).action(async (name: string | undefined, flags: Flags) => { code = (await verbs()).explainVerb(name, flags['output'] as Output, terminal); });
  program.command('version').description('print the version').action(() => terminal.out(`${version}\n`));
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const fault = toFault(error);
    if (fault.kind === 'cancelled') return 130;
    const { createRedactor } = await import('./lib/redact.ts');
    process.stderr.write(createRedactor().text(`lateen: ${fault.code}: ${fault.message}\n  \`lateen explain ${fault.code}\` says what to do.\n`));
    if (fault.kind === 'bug' && fault.cause instanceof Error) process.stderr.write(`${fault.cause.stack ?? ''}\n`);
    return 2;
  }
}
