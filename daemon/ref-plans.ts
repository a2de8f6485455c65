/**
 * Plans of refs that somebody would like to have merged: those that the configuration of the source branch names are
 * planned when they move, and the plan is written to `plans/` on the status branch.
 *
 *   fetched ──> which refs moved? ──> commit against commit, one ref at a time ──> plans/<ref>.md, one commit for all
 *      ^              │ none                                                                │ more are waiting
 *      └──────────────┴─────────────────────────────────────────────────────────────────────┘
 *
 * Anybody may push such a ref: it is read under the base's lateen.yaml, no cluster is asked, no template reaches the
 * network, and what the operator has given (values, addresses) is not shown to it. It all happens behind the passes (I12).
 */
import { compare, emptyCompareMemory, type CompareDoors } from './compare.ts';
import type { Log } from './lib/log.ts';
import { createLoadCache, load } from './load/load.ts';
import type { Revision } from './model/catalog.ts';
import { toFault, type Fault } from './model/fault.ts';
import type { PlanRefs, PlanTip, Repo } from './model/ports.ts';
import type { StatusCommit } from './model/status.ts';
import { hasChanges } from './plan/compare.ts';
import { planMarkdown } from './print-plan-markdown.ts';

export interface RefPlanDoors extends Omit<CompareDoors, 'repo'> {
  readonly repo: PlanRefs & Pick<Repo, 'tree' | 'statusFiles'>;
  /** Pushes to the status branch; an effect. */
  readonly commit: Repo['commit'];
  readonly log: Log;
}

export interface RefPlans {
  /** Something was fetched, and this is the newest commit of the source branch. Returns at once. */
  readonly look: (revision: Revision) => void;
  /** Resolves when nothing is under way; for tests. */
  readonly idle: () => Promise<void>;
}

/** Opens the plans of refs; nothing is asked before the first look. */
export function openRefPlans(doors: RefPlanDoors, signal: AbortSignal): RefPlans {
  const memory = emptyCompareMemory();
  const cache = createLoadCache();
  let planned: Map<string, string> | null = null;
  let next: Revision | null = null;
  let running: Promise<void> | null = null;

  async function round(revision: Revision): Promise<boolean> {
    const { config } = load(await doors.repo.tree(revision, signal), { cache });
    planned ??= plannedIn(await doors.repo.statusFiles(signal));
    if (config.planRefs.length === 0 && planned.size === 0) return false;
    const { tips, failed, gone, waiting } = await doors.repo.planTips({ patterns: config.planRefs, planned, onto: revision }, signal);
    const files = new Map<string, string | null>();
    for (const tip of tips) {
      signal.throwIfAborted();
      files.set(fileOf(tip.ref), await planOf(tip, revision));
      planned.set(tip.ref, tip.revision.sha);
    }
    for (const { ref, sha, fault } of failed) {
      if (fault.kind === 'transient') continue;
      files.set(fileOf(ref), page(ref, sha, '', `It could not be planned: ${fault.message}\n`));
      planned.set(ref, sha);
    }
    for (const ref of gone) {
      files.set(fileOf(ref), null);
      planned.delete(ref);
    }
    if (files.size > 0) await doors.commit(commitOf([...tips.map(({ ref }) => ref), ...failed.map(({ ref }) => ref)], gone, files, revision), signal);
    return waiting > 0;
  }

  /** The text of one plan. What a ref does wrong is in its plan; only what ends the daemon's turn is thrown. */
  async function planOf(tip: PlanTip, onto: Revision): Promise<string> {
    const base = tip.base ?? onto;
    try {
      const comparison = await compare(untrusted(doors), { base, head: tip.revision, live: null, message: '', revertOf: '', isTrusted: false, memory }, signal);
      doors.log.info('ref planned', { ref: tip.ref, commit: tip.revision.sha, changes: hasChanges(comparison) });
      return page(tip.ref, tip.revision.sha, base.sha, planMarkdown(comparison));
    } catch (error) {
      const fault = toFault(error);
      if (fault.kind === 'cancelled' || fault.code === 'transport/lease') throw fault;
      return page(tip.ref, tip.revision.sha, base.sha, `It could not be planned: ${fault.message}\n`);
    }
  }

  async function run(): Promise<void> {
    while (next !== null && !signal.aborted) {
      const revision = next;
      next = null;
      try {
        if (await round(revision)) next ??= revision;
      } catch (error) {
        const fault: Fault = toFault(error);
        if (fault.kind === 'cancelled' || fault.code === 'transport/lease') return;
        doors.log.warn('refs not planned', { error: fault });
      }
    }
  }

  return {
    look: (revision) => {
      next = revision;
      running ??= run().finally(() => { running = null; });
    },
    idle: async () => { await running; },
  };
}

/** The doors as a ref sees them that anybody may have pushed: names of what the operator has given, not the values. */
function untrusted(doors: RefPlanDoors): CompareDoors {
  const { given, repo, ...rest } = doors;
  const values = Object.fromEntries(Object.keys(given.values ?? {}).map((name) => [name, `<${name}>`]));
  return { ...rest, repo: { tree: repo.planTree }, given: { ...given, values, hubServer: 'https://hub:6443' } };
}

/** `refs/pull/7/head` is `plans/pull/7/head.md`. */
const fileOf = (ref: string): string => `plans/${ref.replace(/^refs\//, '')}.md`;

const HEADER = /^<!-- lateen plan: ref (\S+) head ([0-9a-f]{40,64})(?: base ([0-9a-f]{40,64}))? -->$/m;

const page = (ref: string, head: string, base: string, text: string): string => `<!-- lateen plan: ref ${ref} head ${head}${base === '' ? '' : ` base ${base}`} -->\n${text.endsWith('\n') ? text : `${text}\n`}`;

/** Which refs the branch has plans of, and for which commits. */
function plannedIn(files: ReadonlyMap<string, string>): Map<string, string> {
  const planned = new Map<string, string>();
  for (const [path, text] of files) {
    const [, ref, head] = (path.startsWith('plans/') ? HEADER.exec(text.slice(0, 1000)) : null) ?? [];
    if (ref !== undefined && head !== undefined && fileOf(ref) === path) planned.set(ref, head);
  }
  return planned;
}

function commitOf(refs: readonly string[], gone: readonly string[], files: ReadonlyMap<string, string | null>, revision: Revision): StatusCommit {
  const names = refs.length > 0 ? refs : gone;
  const subject = `${refs.length > 0 ? 'plan' : 'plan removed'}: ${names.length === 1 ? names[0] : `${names.length} refs`}`;
  return { files, subject, ...(names.length === 1 ? {} : { body: names.slice(0, 50).map((ref) => `- ${ref}`) }), trailers: [['Source-Commit', revision.sha], ...refs.slice(0, 50).map((ref) => ['Planned-Ref', ref] as const)] };
}
