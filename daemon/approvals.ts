/**
 * Which Approvals count. Without a list of approvers each one does that stands on the source branch: who may push decides.
 * With it, only what the signature of the commit proves that brought the file; a trailer, a merge, or anything else in the
 * repository proves nothing.
 */
import { mapLimit } from './lib/queue.ts';
import { hasPlaceholder } from './load/placeholders.ts';
import type { Catalog, Document, Revision, TreeFile } from './model/catalog.ts';
import { Fault, toFault, type Diagnostic } from './model/fault.ts';
import type { DesiredApplication } from './model/plan.ts';
import type { Clock, Repo } from './model/ports.ts';
import { signerText, type Provenance } from './model/trust.ts';
import { approvalsOf, approvedOf, looseness, staleness, type Approvals } from './plan/approvals.ts';
import { permissionProblem, type Approver } from './plan/approvers.ts';

export interface ApprovalDoors {
  readonly repo: Pick<Repo, 'tree' | 'broughtBy'>;
  readonly clock: Clock;
  /** Reads the operator's list; null where there is none. */
  readonly approvers: (() => Promise<readonly Approver[]>) | null;
}

export interface Asked {
  readonly catalog: Pick<Catalog, 'approvals' | 'broken'>;
  /** Rendered in this pass: all of the commit, or some. */
  readonly applications: readonly Pick<DesiredApplication, 'namespace' | 'name' | 'fault' | 'revision'>[];
  readonly isWhole: boolean;
  readonly revision: Revision;
  readonly signal: AbortSignal;
}

export interface Judged {
  readonly approvals: Approvals;
  /** One for each Approval that does not count, at its place. */
  readonly diagnostics: readonly Diagnostic[];
}

export type JudgeApprovals = (asked: Asked) => Promise<Judged>;

/** Looking up a file's history costs two git processes. */
const LOOKUPS_AT_ONCE_MAX = 4;
/** Answers are asked for again after so long: keys expire, and are renewed. */
const KEPT_MS = 30_000;

/** A judge with what it remembers between passes over one commit. */
export function openApprovals(doors: ApprovalDoors): JudgeApprovals {
  const hashes = new Map<string, string>();
  let kept: { readonly sha: string; readonly sinceMs: number; readonly found: Map<string, Provenance | null> } | null = null;
  return async ({ catalog, applications, isWhole, revision, signal }) => {
    if (isWhole) hashes.clear();
    for (const { namespace, name, fault, revision: content } of applications) hashes.set(`${namespace}/${name}`, fault === null ? content.hash : '');
    for (const { namespace, name } of catalog.broken) hashes.set(`${namespace}/${name}`, '');
    const nowMs = doors.clock.now();
    if (kept?.sha !== revision.sha || nowMs - kept.sinceMs >= KEPT_MS) kept = { sha: revision.sha, sinceMs: nowMs, found: new Map() };
    const known = kept.found;
    const diagnostics: Diagnostic[] = [];
    const live = catalog.approvals.filter((document) => {
      const stale = staleness(document, nowMs, (application) => hashes.get(application));
      if (stale !== '') diagnostics.push(finding(document, 'warning', stale, 'Remove the file: it does nothing any more.'));
      return stale === '';
    });
    const approvers = live.length === 0 ? [] : await readApprovers(doors);
    const files = live.length === 0 ? new Map<string, TreeFile>() : new Map((await doors.repo.tree(revision, signal)).files.map((file) => [file.path, file]));
    const answers = await mapLimit(
      live,
      LOOKUPS_AT_ONCE_MAX,
      async (document) => {
        const file = files.get(document.origin.path);
        const provenance = file === undefined ? null : await lookUp(doors, file, revision, known, signal);
        if (approvers === null) return { document, provenance, problem: '' };
        return { document, provenance, problem: problemOf(document, file, approvers, provenance) };
      },
      signal,
    );
    for (const { document, problem } of answers)
      if (problem !== '')
        diagnostics.push(
          finding(document, 'error', problem, 'An approver makes it with `lateen approve`, which signs the commit; nobody else may change or move the file.'),
        );
    const counting = new Map(
      answers
        .filter(({ problem }) => problem === '')
        .map(({ document, provenance }) => [document, whoGave(provenance instanceof Fault ? null : provenance, approvers !== null)]),
    );
    return { approvals: approvalsOf([...counting.keys()], nowMs, (document) => counting.get(document) ?? { by: '', commit: '' }), diagnostics };
  };
}

function finding(document: Document, severity: Diagnostic['severity'], why: string, hint: string): Diagnostic {
  return {
    code: 'plan/approval',
    severity,
    message: `the Approval ${document.object.metadata.name ?? ''} does not count: ${why}`,
    origin: document.origin,
    hint,
  };
}

/** A list that cannot be read is a list of nobody: what was proven yesterday is not proven now. */
async function readApprovers({ approvers }: ApprovalDoors): Promise<readonly Approver[] | Fault | null> {
  if (approvers === null) return null;
  try {
    return await approvers();
  } catch (error) {
    return toFault(error);
  }
}

/** Who brought the file, or why that cannot be told: it is asked again in the next pass, and nothing else waits for it (I12). */
async function lookUp(
  { repo }: ApprovalDoors,
  file: TreeFile,
  revision: Revision,
  known: Map<string, Provenance | null>,
  signal: AbortSignal,
): Promise<Provenance | Fault | null> {
  const before = known.get(file.path);
  if (before !== undefined) return before;
  try {
    const found = await repo.broughtBy(file, revision, signal);
    known.set(file.path, found);
    return found;
  } catch (error) {
    const fault = toFault(error);
    if (fault.kind === 'cancelled') throw fault;
    return fault;
  }
}

/** Why an Approval does not count where there is a list of approvers; "" when it does. */
function problemOf(document: Document, file: TreeFile | undefined, approvers: readonly Approver[] | Fault, provenance: Provenance | Fault | null): string {
  if (approvers instanceof Fault) return `the list of approvers cannot be read: ${approvers.message}`;
  const loose = looseness(document);
  if (loose !== '') return loose;
  // Its values stand in lateen.yaml, which others may change after it was signed.
  const text = file?.text ?? null;
  if (text === null || hasPlaceholder(text)) return 'its file has placeholders, so what is approved is not what was signed';
  if (provenance instanceof Fault) return `it cannot be told who brought it: ${provenance.message}`;
  if (provenance === null) return 'no commit is known to have brought it';
  const commit = `the commit ${provenance.commit.slice(0, 10)} that brought it`;
  if (provenance.withdrawnBy !== null) return `it was taken back by the commit ${provenance.withdrawnBy.slice(0, 10)}, and a merge has brought it again`;
  const problem = permissionProblem(approvers, provenance.signature, approvedOf(document));
  return problem === '' ? '' : `${commit} ${problem}`;
}

function whoGave(provenance: Provenance | null, isProven: boolean): { readonly by: string; readonly commit: string } {
  if (provenance === null) return { by: 'unknown', commit: '' };
  return { by: isProven ? signerText(provenance.signature) : provenance.author, commit: provenance.commit };
}
