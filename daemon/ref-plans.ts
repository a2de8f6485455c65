/**
 * Plans of refs that somebody would like to have merged: those that the configuration of the source branch names are
 * planned when they move, and the plan is written to `plans/` on the status branch.
 *
 *   fetched ──> which refs moved? ──> commit against commit, one ref at a time ──> plans/<ref>.md, one commit for many
 *      ^              │ none                                                                │ more are waiting
 *      └──────────────┴─────────────────────────────────────────────────────────────────────┘
 *
 * Anybody may push such a ref: it is read under the base's lateen.yaml, no cluster is asked, no template reaches the
 * network, what the operator has given (values, addresses) is not shown to it, and what it calls a Secret is masked in its
 * own plan and nowhere else. So a plan holds nothing but what stands in the repository, and what the daemon knows to be secret
 * is not looked for in it: `***` in the place of a guess would say that it is right. It all happens behind the passes (I12):
 * one evaluation at a time and more on threads that stand idle, each plan bounded in time.
 */
import { emptyCompareMemory, type CompareDoors } from './compare-ground.ts';
import { compare } from './compare.ts';
import type { Log } from './lib/log.ts';
import { createRedactor } from './lib/redact.ts';
import { CONFIG_PATH, DEFAULT_CONFIG, readConfig } from './load/config.ts';
import { isUnder, type Revision, type Tree } from './model/catalog.ts';
import type { CueEvaluator } from './model/cue.ts';
import { CODES, endsTurn, Fault, toFault } from './model/fault.ts';
import type { Clock, PlanRefs, PlanTip, Redactor, Repo } from './model/ports.ts';
import type { StatusCommit } from './model/status.ts';
import { hasChanges } from './plan/compare.ts';
import { code, planMarkdown } from './print-plan-markdown.ts';
import { besidePasses } from './render/cue/beside.ts';
import { PLAN_INDEX, planFile, planIndex, plannedIn, quotedRef } from './status/plan-files.ts';

export interface RefPlanDoors extends Omit<CompareDoors, 'repo' | 'redactor'> {
  readonly repo: PlanRefs & Pick<Repo, 'tree' | 'statusFiles'>;
  /** Pushes to the status branch; an effect. */
  readonly commit: Repo['commit'];
  readonly clock: Clock;
  readonly log: Log;
  /** How many of the evaluator's threads have nothing to do; absent: plans have one of them, whatever the others do. */
  readonly idleEvaluators?: () => number;
}

export interface RefPlans {
  /** Something was fetched, and this is the newest commit of the source branch. Returns at once. */
  readonly look: (revision: Revision) => void;
  /** Resolves when nothing is under way; for tests. */
  readonly idle: () => Promise<void>;
}

/** The longest that one ref may take; the others wait for it. */
const PLAN_MAX_MS = 120_000;
/** Plans that are ready wait no longer than this for those that are made beside them. */
const GATHERED_MAX_MS = 2_000;
/** Plans that are kept; of more the one that was made first goes. A closed pull request keeps its ref for ever. */
const PLANS_MAX = 200;
/** New text that a ref may bring: it is read in one piece, and meanwhile the daemon does nothing else. */
const TEXT_MAX_BYTES = 3 * 1024 * 1024;
const MESSAGE_MAX = 1_000;

/** Opens the plans of refs; nothing is asked before the first look. */
export function openRefPlans(doors: RefPlanDoors, signal: AbortSignal): RefPlans {
  const memory = emptyCompareMemory();
  const cue = besidePasses(doors.cue, doors.idleEvaluators ?? (() => 0), doors.clock);
  let planned: Map<string, string> | null = null;
  let next: Revision | null = null;
  let running: Promise<void> | null = null;
  let failure = '';

  /** One round; whether there is more to do. */
  async function round(revision: Revision): Promise<boolean> {
    const { config } = readConfig(await doors.repo.tree(revision, signal));
    // Nobody knows which refs were meant: what is there stays (I11).
    if (config === null) return false;
    const known = (planned ??= plannedIn(await doors.repo.statusFiles(signal)));
    if (config.planRefs.length === 0 && known.size === 0) return false;
    const { tips, failed, gone, waiting } = await doors.repo.planTips({ patterns: config.planRefs, planned: known, onto: revision }, signal);
    const gathered = gather(known, revision);
    for (const ref of gone) gathered.drop(ref);
    for (const { ref, sha, fault } of failed) {
      if (fault.kind === 'transient') continue;
      doors.log.warn('ref not planned', { ref: quotedRef(ref), commit: sha, error: fault });
      gathered.put(ref, sha, page({ ref, head: sha, base: '' }, failedText(ref, sha, fault)));
    }
    for (const tip of tips) {
      gathered.put(tip.ref, tip.revision.sha, await planOf(tip, revision));
      if (gathered.sinceMs() >= GATHERED_MAX_MS) await gathered.commit();
    }
    await gathered.commit();
    return waiting > 0;
  }

  /** Files until they are committed. */
  function gather(known: Map<string, string>, onto: Revision) {
    let files = new Map<string, string | null>();
    let [made, dropped]: [string[], string[]] = [[], []];
    let startMs = doors.clock.now();
    const drop = (ref: string): void => {
      files.set(planFile(ref), null);
      known.delete(ref);
      dropped.push(ref);
    };
    return {
      drop,
      put: (ref: string, sha: string, text: string): void => {
        files.set(planFile(ref), text);
        known.delete(ref);
        known.set(ref, sha);
        made.push(ref);
        for (const oldest of [...known.keys()].slice(0, Math.max(0, known.size - PLANS_MAX))) drop(oldest);
      },
      sinceMs: () => doors.clock.now() - startMs,
      commit: async (): Promise<void> => {
        if (files.size > 0) await doors.commit(commitOf(made, dropped, files.set(PLAN_INDEX, planIndex(known)), onto), signal);
        [files, made, dropped, startMs] = [new Map(), [], [], doors.clock.now()];
      },
    };
  }

  /** The text of one plan. What a ref does wrong is in its plan; only what ends the daemon's turn is thrown. */
  async function planOf({ ref, revision: head, base }: PlanTip, onto: Revision): Promise<string> {
    signal.throwIfAborted();
    const against = base ?? onto;
    const redactor = createRedactor();
    const at = { ref, head: head.sha, base: against.sha };
    try {
      const trees = new Map<string, Tree>();
      const comparison = await within(PLAN_MAX_MS, doors.clock, signal, async (limited) =>
        compare(
          untrusted(doors, { cue, redactor, trees }),
          { base: against, head, live: null, message: '', revertOf: await doors.repo.earlierContent(head, against, limited), isTrusted: false, memory },
          limited,
        ),
      );
      doors.log.info('ref planned', { ref: quotedRef(ref), commit: head.sha, changes: hasChanges(comparison) });
      const notes = [
        ...(base === null ? [`It has no commit in common with ${code(onto.branch)}: it is compared with the newest commit there.`] : []),
        ...(configOf(trees.get(head.sha)) === configOf(trees.get(against.sha))
          ? []
          : [`Its ${code(CONFIG_PATH)} is another one: this plan goes by the base's, which counts until it is merged.`]),
      ];
      return page(at, withNotes(planMarkdown(comparison), notes));
    } catch (error) {
      const fault = toFault(error);
      if (endsTurn(fault)) throw fault;
      doors.log.warn('ref not planned', { ref: quotedRef(ref), commit: head.sha, error: fault });
      return page(at, redactor.text(failedText(ref, head.sha, fault)));
    }
  }

  async function run(): Promise<void> {
    while (next !== null && !signal.aborted) {
      const revision = next;
      next = null;
      try {
        if (await round(revision)) next ??= revision;
        failure = '';
      } catch (error) {
        const fault = toFault(error);
        if (endsTurn(fault)) return;
        // What of it has arrived is not known: the branch, and what waits for it, tells.
        planned = null;
        doors.log[failure === fault.message ? 'debug' : 'warn']('refs not planned', { error: fault });
        failure = fault.message;
      }
    }
  }

  return {
    look: (revision) => {
      next = revision;
      running ??= run().finally(() => {
        running = null;
      });
    },
    idle: async () => {
      await running;
    },
  };
}

interface Own {
  readonly cue: CueEvaluator;
  /** What a ref calls a Secret is one in its plan. Elsewhere it would blank whatever words it likes. */
  readonly redactor: Redactor;
  /** Learns what was read, by the commit's id: the base first. */
  readonly trees: Map<string, Tree>;
}

/** The doors as a ref sees them that anybody may have pushed: names of what the operator has given, not the values. */
function untrusted({ given, repo, pack, approvals, instance, budget, drift, cloudPlan }: RefPlanDoors, { cue, redactor, trees }: Own): CompareDoors {
  const values = Object.fromEntries(Object.keys(given.values ?? {}).map((name) => [name, `<${name}>`]));
  const tree = async (revision: Revision, signal: AbortSignal): Promise<Tree> => {
    const found = await repo.planTree(revision, signal);
    const [base] = trees.values();
    const sizeBytes = base === undefined ? 0 : newBytes(found, base);
    if (sizeBytes > TEXT_MAX_BYTES)
      throw new Fault(
        'source/too-large',
        `it brings ${sizeBytes} bytes of documents that the base does not have, and the daemon plans ${TEXT_MAX_BYTES}; \`lateen plan --base --head\` plans more`,
      );
    trees.set(revision.sha, found);
    return found;
  };
  return { pack, approvals, instance, budget, drift, cloudPlan, cue, redactor, repo: { tree }, given: { ...given, values, hubServer: 'https://hub:6443' } };
}

const configOf = (tree: Tree | undefined): string => tree?.files.find((file) => file.path === CONFIG_PATH)?.oid ?? '';

/** How much there is to be read that the base has not, where the base's lateen.yaml lets it be read. */
function newBytes(tree: Tree, base: Tree): number {
  const { paths, ignore } = readConfig(base).config ?? DEFAULT_CONFIG;
  const known = new Set(base.files.map((file) => file.oid));
  const added = tree.files.filter(
    ({ path, oid, text }) =>
      text !== null && !known.has(oid) && paths.some((prefix) => isUnder(path, prefix)) && !ignore.some((prefix) => isUnder(path, prefix)),
  );
  return added.reduce((sum, file) => sum + file.sizeBytes, 0);
}

/** What `action` gives. Fault: render/timeout when it takes longer, however much of it had come to an end. */
async function within<T>(maxMs: number, clock: Clock, signal: AbortSignal, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const [late, over] = [new AbortController(), new AbortController()];
  clock.sleep(maxMs, AbortSignal.any([signal, over.signal])).then(
    () => late.abort(new Fault('render/timeout', `it takes longer than ${maxMs / 1000} s`)),
    () => {},
  );
  try {
    const result = await action(AbortSignal.any([signal, late.signal]));
    late.signal.throwIfAborted();
    return result;
  } finally {
    over.abort();
  }
}

// --------------------------------------------------------------------------------------------------------------- texts

/** One plan's file. Its first line, which no host shows, is for programs. */
const page = ({ ref, head, base }: { readonly ref: string; readonly head: string; readonly base: string }, text: string): string =>
  `<!-- lateen plan: ref ${quotedRef(ref)} head ${head}${base === '' ? '' : ` base ${base}`} -->\n${text}`;

const failedText = (ref: string, sha: string, fault: Fault): string =>
  `### Plan of ${code(`${sha.slice(0, 10)} (${ref})`)}\n\nIt could not be planned: ${code(`${fault.code}: ${saidOf(fault).slice(0, MESSAGE_MAX)}`)}\n`;

/** Faults whose words are of the ref alone. Git's own may quote what a ref says, masked by what the daemon knows. */
const OWN_WORDS = /^(?:render\/.*|source\/(?:too-large|no-commit))$/;

const saidOf = ({ code: word, message }: Fault): string => (OWN_WORDS.test(word) ? message : `${CODES[word].meaning} The daemon's log has the details.`);

/** Notes below the title. */
function withNotes(markdown: string, notes: readonly string[]): string {
  const end = markdown.indexOf('\n\n');
  return notes.length === 0 || end < 0 ? markdown : `${markdown.slice(0, end)}\n\n${notes.map((note) => `> ${note}`).join('\n>\n')}${markdown.slice(end)}`;
}

const NAMED_MAX = 50;

function commitOf(made: readonly string[], dropped: readonly string[], files: StatusCommit['files'], { sha }: Revision): StatusCommit {
  const refs = made.map(quotedRef);
  const names = refs.length > 0 ? refs : dropped.map(quotedRef);
  const subject = `${refs.length > 0 ? 'plan' : 'plan removed'}: ${names.length === 1 ? names[0] : `${names.length} refs`}`;
  return {
    isOfRepository: true,
    files,
    subject,
    ...(names.length === 1 ? {} : { body: names.slice(0, NAMED_MAX).map((ref) => `- ${ref}`) }),
    trailers: [['Source-Commit', sha], ...refs.slice(0, NAMED_MAX).map((ref) => ['Planned-Ref', ref] as const)],
  };
}
