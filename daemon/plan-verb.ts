/**
 * `lateen plan`: what a commit would change.
 *
 *     lateen plan                            the newest commit against the clusters
 *     lateen plan --head REV                 any commit against the clusters
 *     lateen plan --base REV [--head REV]    commit against commit; against the clusters as well where a kubeconfig is
 *                                            named (--kubeconfig, KUBECONFIG) and its hub answers
 *       --offline                            no cluster is asked        --live: the clusters have to be asked
 */
import { openApprovals } from './approvals.ts';
import type { CompareDoors, LiveGround } from './compare-ground.ts';
import { compare } from './compare.ts';
import { readConfig, type Config, type Flags } from './config.ts';
import type { Revision } from './model/catalog.ts';
import { Fault, toFault } from './model/fault.ts';
import { pass } from './pass.ts';
import { hasChanges } from './plan/compare.ts';
import { inForm, type Output } from './print.ts';
import { planMarkdown } from './print-plan-markdown.ts';
import { planData, planText } from './print-plan.ts';
import { cloudPlan } from './provision/order.ts';
import { readPack } from './render/pack.ts';
import type { Source } from './source/source.ts';
import type { ExitCode, Terminal } from './verbs.ts';
import { wire, type Wired } from './wire.ts';
import { readBuiltIns, wireApprovers, wireBase, wireCue, wireSource, type Base } from './wire-base.ts';

/** `try`: the clusters, if they answer. */
type Mode = 'live' | 'try' | 'offline';

interface Asked {
  readonly base: string | null;
  readonly head: string | null;
  readonly mode: Mode;
}

function askedBy(flags: Flags, config: Config): Asked {
  const text = (name: string): string | null => (typeof flags[name] === 'string' ? flags[name] : null);
  const base = text('base');
  const isNamed =
    text('kubeconfig') !== null || text('context') !== null || (config.environment['LATEEN_KUBECONFIG'] ?? config.environment['KUBECONFIG'] ?? '') !== '';
  if (flags['offline'] === true && flags['live'] === true) throw new Fault('config/invalid', '--live and --offline say the opposite of each other');
  if (flags['offline'] === true && base === null)
    throw new Fault('config/invalid', 'without clusters a commit is compared with another one: name it with --base');
  const mode = flags['offline'] === true ? 'offline' : flags['live'] === true || base === null ? 'live' : isNamed ? 'try' : 'offline';
  return { base, head: text('head'), mode };
}

/** Prints the plan. 0 nothing would change, 1 something would, 2 there are mistakes or it cannot be told. */
export async function planVerb(flags: Flags, output: Output | 'markdown', terminal: Terminal): Promise<ExitCode> {
  const base = await wireBase(readConfig(flags), terminal);
  const asked = askedBy(flags, base.config);
  await using world = await openWorld(base, asked.mode, terminal);
  const { repo } = world.doors;
  const { signal } = terminal;
  const newest = await repo.fetch(signal);
  const head = asked.head === null ? newest : await repo.revision(asked.head, signal);
  const against = asked.base === null ? null : await repo.revision(asked.base, signal);
  const live = world.wired === null ? null : await look(world.wired, head, signal);
  const comparison = await compare(
    world.doors,
    {
      base: against,
      head,
      live,
      message: world.message,
      isTrusted: true,
      revertOf: against === null ? '' : await repo.earlierContent(head, against, signal),
    },
    signal,
  );
  const changes = hasChanges(comparison);
  const text = output === 'markdown' ? planMarkdown(comparison) : inForm(planData(comparison, changes), output, () => planText(comparison));
  terminal.out(base.redactor.text(text));
  if (comparison.findings.some((item) => item.severity === 'error')) return 2;
  return changes ? 1 : 0;
}

interface World extends AsyncDisposable {
  readonly doors: CompareDoors & { readonly repo: Source };
  /** Null without clusters. */
  readonly wired: Wired | null;
  /** Why there are none though they were named; "" else. */
  readonly message: string;
}

const operators = ({ config, redactor }: Base): Pick<CompareDoors, 'redactor' | 'cloudPlan' | 'instance' | 'budget' | 'drift'> => ({
  redactor,
  cloudPlan,
  instance: config.instance,
  budget: config.budget,
  drift: config.drift,
});

async function openWorld(base: Base, mode: Mode, terminal: Terminal): Promise<World> {
  if (mode === 'offline') return openOffline(base, '');
  await using stack = new AsyncDisposableStack();
  const wired = stack.use(
    await wire(base, {
      writes: false,
      leaseWaitMs: 0,
      onLost: () => {},
      onChange: null,
      ...(terminal.decorate === undefined ? {} : { decorate: terminal.decorate }),
    }),
  );
  const away = mode === 'try' ? await unreachable(wired, terminal.signal) : '';
  if (away !== '') {
    // The work directory is one process's, and in it one source's.
    await stack.disposeAsync();
    return await openOffline(base, away);
  }
  const owned = stack.move();
  return { doors: { ...operators(base), ...wired.doors }, wired, message: '', [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Where placeholders want the hub's address and there is none: it is the same in both commits. */
const SOME_HUB = 'https://hub:6443';

async function openOffline(base: Base, message: string): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const repo = stack.use(await wireSource(base, false));
  const cue = stack.use(wireCue(base));
  const approvals = openApprovals({ repo, clock: base.clock, approvers: wireApprovers(base) });
  const doors = {
    ...operators(base),
    repo,
    cue,
    approvals,
    pack: await readPack(),
    given: { values: base.config.values, hubServer: SOME_HUB, builtIns: await readBuiltIns() },
  };
  const owned = stack.move();
  return { doors, wired: null, message, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Why the hub cannot be asked; "" when it answers. What it answers is the pass's affair. */
async function unreachable({ client }: Wired, signal: AbortSignal): Promise<string> {
  try {
    await client.raw(
      { method: 'GET', path: '/version', accept: 'application/json', subject: { what: 'version', verb: 'get', secret: false }, repeatable: true },
      signal,
    );
    return '';
  } catch (error) {
    const fault = toFault(error);
    if (fault.code !== 'transport/unreachable') throw fault;
    return fault.message;
  }
}

/** A pass that stops at its plan. Faults: transport/*. */
async function look({ doors, memory }: Wired, head: Revision, signal: AbortSignal): Promise<LiveGround> {
  const { plan, ground, report } = await pass(doors, memory, head, { stop: 'plan', only: null }, signal);
  if (report.fault !== null || plan === null || ground === undefined) throw report.fault ?? new Fault('loop/bug', 'no plan was made');
  return {
    ...ground,
    plan,
    diagnostics: report.diagnostics,
    isNamespaced: (cluster, apiVersion, kind) => doors.transport.isNamespaced(cluster, apiVersion, kind, signal),
  };
}
