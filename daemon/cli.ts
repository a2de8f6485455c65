/** The command line: verbs, flags, help. Prints and never decides. DOOR commander. */
import { Command, CommanderError, Option } from 'commander';
import { durationOf, SETTINGS, type Flags } from './config.ts';
import { createRedactor } from './lib/redact.ts';
import { Fault, toFault } from './model/fault.ts';
import type { Output } from './print.ts';
import type { ExitCode, Terminal } from './verbs.ts';

/** Settings of verbs that only read files. */
const WITHOUT_HUB = new Set(['set', 'cue-wasm', 'cue-timeout', 'cue-memory', 'cue-workers', 'log-level', 'log-format']);

/** Settings by which an application's content is looked up. */
const OF_APPROVE = new Set(['repo', 'status-branch', 'instance', 'kubeconfig', 'context']);

/** Settings of verbs that only read the repository. */
const OF_AUDIT = new Set([
  'repo',
  'branch',
  'status-branch',
  'status-repo',
  'instance',
  'git-username',
  'git-token-file',
  'git-ssh-key',
  'git-known-hosts',
  'git-ca-file',
  'git-schemes',
]);

/** Settings of verbs that write into the hub's status alone. */
const OF_HUB = new Set(['kubeconfig', 'context', 'log-level', 'log-format']);

function withSettings(command: Command, which: (flag: string) => boolean): Command {
  for (const item of SETTINGS) {
    if (!which(item.flag)) continue;
    const shown = item.fallback === '' ? '' : ` (default: ${item.fallback})`;
    command.addOption(new Option(`--${item.flag} <value>`, `${item.help}${shown}`));
  }
  return command.option('--config <file>', 'file with settings, `name: value` (environment: LATEEN_CONFIG; every setting also as LATEEN_<NAME>)');
}

const withOutput = (command: Command, forms: readonly string[] = ['text', 'json', 'yaml']): Command =>
  command.addOption(new Option('-o, --output <form>', 'form of what is printed').choices(forms).default('text'));

function countOf(name: string, value: Flags[string]): number {
  const count = Number(value);
  if (!Number.isInteger(count) || count < 1 || count > 100_000)
    throw new Fault('config/invalid', `--${name}: "${String(value)}" is not a number from 1 to 100000`);
  return count;
}

/**
 * Runs the verb that `argv` (without node and script) names. Resolves to the exit code: 0 well, 1 there is something to
 * look at, 2 an error, 3 time is up, 130 interrupted.
 */
export async function cli(argv: readonly string[], { redactor = createRedactor(), ...given }: Terminal, version: string): Promise<number> {
  const terminal: Terminal = { ...given, redactor };
  let code: ExitCode = 0;
  const program = new Command('lateen')
    .description('Delivers KubeVela applications from Git to Kubernetes clusters, and writes back what happened.')
    .exitOverride()
    .showSuggestionAfterError();
  program.configureOutput({ writeOut: terminal.out, writeErr: (text) => process.stderr.write(text) });
  const verbs = () => import('./verbs.ts');
  const audit = () => import('./audit-verbs.ts');
  const every = (): boolean => true;
  withSettings(program.command('run').description('follow the repository until stopped'), every).action(async (flags: Flags) => {
    code = await (await verbs()).runVerb(flags, terminal);
  });
  withOutput(withSettings(program.command('once').description('one pass over the newest commit'), every))
    .option('--wait <duration>', 'go on until nothing moves, at most so long (0 all Ready, 1 settled, 2 error, 3 time is up)')
    .action(async (flags: Flags) => {
      const wait = flags['wait'];
      code = await (await verbs()).onceVerb(flags, typeof wait === 'string' ? durationOf('wait', wait) : null, flags['output'] as Output, terminal);
    });
  withOutput(
    withSettings(program.command('check [dir]').description('find mistakes in a directory; needs no cluster'), (flag) => WITHOUT_HUB.has(flag)),
  ).action(async (dir: string | undefined, flags: Flags) => {
    code = await (await verbs()).checkVerb(flags, dir ?? '.', flags['output'] as Output, terminal);
  });
  withOutput(
    withSettings(program.command('render [dir]').description('print the objects that a directory asks for; needs no cluster'), (flag) => WITHOUT_HUB.has(flag)),
  )
    .option('--application <name>', 'only this application: name, or namespace/name')
    .action(async (dir: string | undefined, flags: Flags) => {
      code = await (await verbs()).renderVerb(flags, dir ?? '.', flags['application'] as string | undefined, flags['output'] as Output, terminal);
    });
  withOutput(withSettings(program.command('plan').description('what a commit would change (0 nothing, 1 something, 2 error)'), every), [
    'text',
    'json',
    'yaml',
    'markdown',
  ])
    .option('--base <rev>', 'compare with this commit: branch, tag, id, HEAD~1, refs/pull/7/head')
    .option('--head <rev>', 'the commit that is planned (default: the newest)')
    .option('--live', 'the clusters have to be asked')
    .option('--offline', 'no cluster is asked')
    .action(async (flags: Flags) => {
      code = await (await import('./plan-verb.ts')).planVerb(flags, flags['output'] as Output | 'markdown', terminal);
    });
  withOutput(withSettings(program.command('status').description('what the hub says of the applications'), every)).action(async (flags: Flags) => {
    code = await (await verbs()).statusVerb(flags, flags['output'] as Output, terminal);
  });
  const approve = program.command('approve').description('write an Approval into your own clone, sign and commit it');
  const approval = (command: Command, action: 'resume' | 'delete' | 'abandon'): void => {
    withSettings(command, (flag) => OF_APPROVE.has(flag))
      .option('--expires <duration>', 'how long it holds (default: 24h)')
      .option('--reason <text>', 'for who reads it later')
      .option('--name <name>', "its name, and its file's")
      .option('--unsigned', 'do not sign the commit: it counts only where no approvers are named')
      .option('--push', 'push the branch afterwards')
      .action(async (...args: readonly unknown[]) => {
        code = await (
          await import('./approve-verb.ts')
        ).approveVerb(
          action,
          args.filter((arg) => typeof arg === 'string'),
          args.find((arg) => typeof arg === 'object' && arg !== null) as Flags,
          terminal,
        );
      });
  };
  approval(
    approve
      .command('resume <application>')
      .description('let a step go on that waits for a person; name, or namespace/name')
      .requiredOption('--step <step>', 'the step')
      .option('--hash <hash>', 'the content that it holds for (default: what the status branch or the hub tells)')
      .option('-n, --namespace <namespace>', 'namespace of the application'),
    'resume',
  );
  approval(
    approve
      .command('delete <kind> <name>')
      .description('let an object go that cannot be had back; name, or namespace/name')
      .option('-n, --namespace <namespace>', 'its namespace')
      .option('--cluster <cluster>', 'its cluster (default: the hub)')
      .option('--uid <uid>', 'only the object with this uid'),
    'delete',
  );
  approval(approve.command('abandon <cluster>').description('give up what lies on a cluster that does not come back'), 'abandon');
  for (const [how, words] of [
    ['suspend', 'halt the workflow of an application'],
    ['resume', 'let the workflow of an application go on that was suspended'],
    ['retry', 'run the failed steps of an application again'],
  ] as const) {
    withSettings(
      program
        .command(`${how} <application>`)
        .description(`${words} (name, or namespace/name), by its status on the hub`)
        .option('-n, --namespace <namespace>', 'namespace of the application'),
      (flag) => OF_HUB.has(flag),
    ).action(async (name: string, flags: Flags) => {
      code = await (await import('./steer-verbs.ts')).steerVerb(how, name, flags, terminal);
    });
  }
  withOutput(
    withSettings(
      program.command('history [application]').description('what became of an application, or of all, when and by which commit; needs no cluster'),
      (flag) => OF_AUDIT.has(flag),
    ),
  )
    .option('-n, --max <count>', 'commits of the status branch that are told', '50')
    .action(async (name: string | undefined, flags: Flags) => {
      code = await (await audit()).historyVerb(flags, name, countOf('max', flags['max']), flags['output'] as Output, terminal);
    });
  withOutput(
    withSettings(
      program.command('blame <application>').description("since when each part of an application's status holds, and by which commit; needs no cluster"),
      (flag) => OF_AUDIT.has(flag),
    ),
  )
    .option('--lines', 'line by line')
    .action(async (name: string, flags: Flags) => {
      code = await (await audit()).blameVerb(flags, name, flags['lines'] === true, flags['output'] as Output, terminal);
    });
  withOutput(
    withSettings(
      program.command('at <commit>').description('what a commit asked for, with the clusters and definitions recorded then; needs no cluster'),
      (flag) => OF_AUDIT.has(flag) || WITHOUT_HUB.has(flag),
    ),
  )
    .option('--application <name>', 'only this application: name, or namespace/name')
    .action(async (commit: string, flags: Flags) => {
      code = await (await import('./at-verb.ts')).atVerb(flags, commit, flags['application'] as string | undefined, flags['output'] as Output, terminal);
    });
  withOutput(program.command('explain [code]').description('what a code means and what to do')).action(async (name: string | undefined, flags: Flags) => {
    code = (await verbs()).explainVerb(name, flags['output'] as Output, terminal);
  });
  program
    .command('version')
    .description('print the version')
    .action(() => terminal.out(`${version}\n`));
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const fault = toFault(error);
    if (fault.kind === 'cancelled') return 130;
    process.stderr.write(redactor.text(`lateen: ${fault.code}: ${fault.message}\n  \`lateen explain ${fault.code}\` says what to do.\n`));
    if (fault.kind === 'bug' && fault.cause instanceof Error) process.stderr.write(redactor.text(`${fault.cause.stack ?? ''}\n`));
    return 2;
  }
}
