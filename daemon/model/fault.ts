/**
 * What can go wrong, in two shapes.
 *
 * A user's mistake is a {@link Diagnostic}: a value, many at once, with file and line. The world's failure is a
 * {@link Fault}: thrown, one at a time. Every code of either stands in {@link CODES}; `lateen explain CODE` prints it.
 * The first word of a code is the folder under daemon/ that raises it.
 */

/** Where something was written. `line` and `column` count from 1; `path` is relative to the repository's root. */
export interface Origin {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

export type Severity = 'error' | 'warning';

/** A mistake in the repository that its author can mend. */
export interface Diagnostic {
  readonly code: Code;
  readonly severity: Severity;
  readonly message: string;
  readonly origin?: Origin;
  /** What to do about it, one sentence. */
  readonly hint?: string;
  /** `namespace/name` of the Application or Initializer that it holds back, where there is one. */
  readonly application?: string;
}

/**
 * Who must act on a fault:
 * invalid: the author of the repository; denied: the operator (rights, ownership); waiting: nobody, or a person who
 * approves; transient: nobody, it is tried again; cancelled: nobody, we are stopping; bug: us.
 */
export type FaultKind = 'invalid' | 'denied' | 'waiting' | 'transient' | 'cancelled' | 'bug';

interface CodeEntry {
  readonly kind: FaultKind;
  readonly meaning: string;
  readonly action: string;
}

const entry = (kind: FaultKind, meaning: string, action: string): CodeEntry => ({ kind, meaning, action });

/** Every code there is: its kind, what it means, and what to do. A test keeps code and table together. */
export const CODES = {
  'config/invalid': entry(
    'invalid',
    'A flag, environment variable or configuration file has a value that cannot be used.',
    'Correct the named setting; `lateen help VERB` lists them.',
  ),
  'source/not-found': entry(
    'denied',
    'The repository does not exist, or the credentials may not see it.',
    'Check --repo and the credentials; try `git ls-remote URL` by hand.',
  ),
  'source/auth': entry(
    'denied',
    'The Git server refused the credentials, or is not the one that is known.',
    'Renew the token, the key file or the known_hosts file that the daemon was given, as the message says.',
  ),
  'source/empty': entry('waiting', 'The repository has no commit yet.', 'Push a first commit; the daemon looks again by itself.'),
  'source/branch': entry('waiting', 'The branch does not exist in the repository.', 'Create the branch, or name another with --branch.'),
  'source/scheme': entry(
    'denied',
    'The repository URL uses a scheme that the daemon does not allow.',
    "Use https, ssh or file, or allow the scheme in the daemon's configuration.",
  ),
  'source/unreachable': entry('transient', 'The Git server did not answer.', 'Nothing, if it passes: it is tried again. Else check the network.'),
  'source/shallow': entry(
    'denied',
    'The repository is a shallow clone.',
    'Fetch the rest with `git fetch --unshallow`, or name the repository that it was cloned from.',
  ),
  'source/no-commit': entry('invalid', 'A ref points at something that is no commit.', 'Let it point at a commit, or take it out of `plan.refs`.'),
  'source/too-large': entry(
    'invalid',
    'A file or the tree is larger than the limit.',
    "Take large files out of the configured paths, or raise the limit in the daemon's configuration.",
  ),
  'source/push-rejected': entry(
    'transient',
    'The Git server did not take the status branch: another writer was faster, or a rule forbids it (a protected branch, a hook, an account that may only read).',
    "Of a race nothing: the commit is rebuilt on theirs. Else let the daemon's account push --status-branch, or name another repository with --status-repo; what was to be told is kept and pushed then.",
  ),
  'source/rewritten': entry(
    'denied',
    'The newest commit of the branch does not descend from what was applied last: its history was rewritten.',
    'Push a commit that descends from the old one, or accept the new history with --accept-rewrite and the id of its newest commit.',
  ),
  'source/unverified': entry(
    'denied',
    'A commit is not signed by a key that the operator has named, or the keys cannot be read.',
    'Sign it with a known key, put a signed commit on top, or have the operator add the key.',
  ),
  'source/signing': entry(
    'denied',
    'A status commit could not be signed.',
    'Check --status-signing-key and --status-signing-format; what was to be told is kept and pushed later.',
  ),
  'source/outbox': entry(
    'denied',
    'A status commit could be neither pushed nor kept on disk.',
    'Make room in the work directory and let the daemon write there; the next pass says it again.',
  ),
  'source/git': entry('transient', 'Git failed in a way that has no code of its own.', "Read the message; it is git's."),
  'load/not-yaml': entry('invalid', 'The file is not YAML.', 'Correct the line; everything else in the repository goes on meanwhile.'),
  'load/duplicate-key': entry('invalid', 'A key stands twice in one mapping.', 'Remove one of them: Kubernetes would refuse it or silently take the last.'),
  'load/limit': entry('invalid', 'The document is too deep, too large or has too many aliases.', 'Write it out in smaller documents.'),
  'load/not-an-object': entry(
    'invalid',
    'The document is not a Kubernetes object.',
    'Give it apiVersion, kind and metadata.name, or list its path under `ignore` in lateen.yaml.',
  ),
  'load/unknown-kind': entry('invalid', 'core.oam.dev has no such kind.', 'Check the spelling of kind and apiVersion.'),
  'load/schema': entry('invalid', 'A field has the wrong type, is missing, or is not known.', 'Correct the field that the message names.'),
  'load/duplicate': entry('invalid', 'Two documents declare the same object.', 'Keep one of them.'),
  'load/reference': entry('invalid', 'A name is used that nothing declares.', 'Check the spelling; the message lists what there is.'),
  'load/cycle': entry('invalid', 'Things depend on each other in a circle.', 'Take one of the dependsOn entries out.'),
  'load/ambiguous': entry('invalid', 'Kubernetes reads this plain scalar otherwise than it looks.', 'Put it in quotes.'),
  'load/lfs': entry('invalid', 'The file is a Git LFS pointer, not its content.', 'Keep configuration out of LFS.'),
  'load/unsupported': entry('invalid', 'The document asks for something that Lateen does not do.', 'See the README for what is supported.'),
  'render/unknown-type': entry(
    'invalid',
    'A component, trait, policy or workflow step has a type without a definition.',
    'Check the spelling, or add the definition to the repository.',
  ),
  'render/parameter': entry('invalid', "A property does not fit the definition's parameter.", 'Correct the property that the message names.'),
  'render/cue': entry('invalid', 'The CUE template of a definition has an error.', 'Correct the definition at the line that the message names.'),
  'render/template': entry('invalid', 'The template gave no usable object.', 'Correct the definition, or the properties that lead there.'),
  'render/user': entry('invalid', 'The definition itself refused the input (its `errs`).', "Do what the definition's message says."),
  'render/timeout': entry(
    'invalid',
    'The template did not end in time.',
    "Look for a comprehension that multiplies; the limit is in the daemon's configuration.",
  ),
  'render/memory': entry('invalid', 'The template used more memory than it may.', "Make the template smaller; the limit is in the daemon's configuration."),
  'render/evaluator': entry('bug', 'The CUE evaluator could not be built, started or reached.', 'Run `npm run build:cue`; it needs Go 1.26 or newer.'),
  'render/busy': entry('transient', 'Too many evaluations wait.', 'Nothing: it is tried again.'),
  'render/patch': entry(
    'invalid',
    'An environment or override changes a component or trait that is not there.',
    'Correct the name or type in the patch, or add the component.',
  ),
  'render/policy': entry('invalid', 'A policy is not there, or says something that it cannot say.', 'Correct the policy, or the step that names it.'),
  'render/no-cluster': entry('waiting', 'No cluster fits what a policy asks for.', 'Label or join a cluster, or correct the policy; it is looked at again.'),
  'plan/ownership': entry('denied', 'The object exists and belongs to another.', 'Rename yours, delete the other, or take it over with a take-over policy.'),
  'plan/guard': entry('waiting', 'A deletion that cannot be had back is kept until it is approved.', 'Commit an Approval with action `delete` for the target.'),
  'plan/budget': entry(
    'waiting',
    'More would be deleted at once than the budget allows.',
    'Commit an Approval with action `delete`, or bring the documents back.',
  ),
  'plan/approval': entry(
    'waiting',
    'An Approval does not count: nobody who may approve has signed the commit that brought it, or it is out of date.',
    'Read why in the message; make a new one with `lateen approve`, or remove the file.',
  ),
  'plan/unreadable': entry(
    'waiting',
    'A document cannot be read, so it is not known what it held; nothing is deleted meanwhile.',
    'Mend the file that the other diagnostics name.',
  ),
  'workflow/step-failed': entry('invalid', 'A workflow step failed for good.', "Read the step's message; mend it in Git, or `lateen retry`."),
  'workflow/waiting': entry('waiting', 'A workflow step waits.', "Read the step's message: what it waits for stands there."),
  'workflow/suspended': entry(
    'waiting',
    'The workflow is suspended.',
    'Resume it with an Approval in Git (`lateen approve resume`), or on the hub with `lateen resume` or `vela workflow resume`.',
  ),
  'workflow/unsupported': entry(
    'invalid',
    'A step asks for an operation that Lateen does not do.',
    'Use another step, or see the README for what is supported.',
  ),
  'workflow/call': entry(
    'invalid',
    'A call that a workflow step makes was refused: what it names is not there or does not fit.',
    "Read the step's message; correct the step's properties or its definition.",
  ),
  'workflow/http': entry('transient', 'An HTTP call of a workflow step failed, or its answer never came.', 'Check the URL and the service behind it.'),
  'workflow/unreachable': entry(
    'transient',
    'An HTTP call of a workflow step was not sent: nobody was there, or its rate limit was reached.',
    'Nothing, if it passes: it is tried again. Else check the URL and the network.',
  ),
  'workflow/limit': entry(
    'invalid',
    'A workflow step makes more calls, or gets larger answers, than it may.',
    'Make the step smaller; look for a comprehension that adds calls without end.',
  ),
  'transport/unreachable': entry(
    'transient',
    'The cluster did not answer.',
    'Nothing, if it passes: it is tried again. Else check the kubeconfig and the network.',
  ),
  'transport/denied': entry('denied', 'The cluster refused: not authenticated, or not allowed.', "Give the daemon's user the right that the message names."),
  'transport/invalid': entry('invalid', 'The API server refused the object.', 'Correct the field that the message names.'),
  'transport/no-kind': entry('waiting', 'The cluster does not know this kind.', 'Install its CRD, for example from the same repository; it is tried again.'),
  'transport/no-namespace': entry('waiting', 'The namespace does not exist.', 'Add the Namespace to the repository, or create it.'),
  'transport/conflict': entry(
    'denied',
    'Another manager owns a field that the document sets.',
    'Take the field out of the document, or annotate it with `lateen.dev/force: "true"`.',
  ),
  'transport/busy': entry('transient', 'The API server asked for patience.', 'Nothing: it is tried again.'),
  'transport/gone': entry('transient', 'The object changed or vanished in between.', 'Nothing: it is looked at again.'),
  'transport/connection': entry(
    'denied',
    'The connection of a member cluster cannot be used: its Secret is not complete, of a form that is refused, or its certificate has expired.',
    "Mend the cluster's Secret in vela-system as the message says; it is read again by itself.",
  ),
  'transport/delivery': entry(
    'denied',
    'It is not certain how a cluster is delivered to, so nothing is sent there.',
    'Annotate the ManagedCluster with `lateen.dev/delivery`: `direct` or `ocm`, as the message says.',
  ),
  'transport/join': entry(
    'denied',
    'A cluster asks to join the hub with a request for a certificate that is not approved by itself.',
    'Look at the CertificateSigningRequest that the message names, and approve, deny or delete it by hand.',
  ),
  'transport/lease': entry('denied', 'Another daemon holds the Lease of this hub.', 'Stop the other, or wait until its Lease runs out.'),
  'transport/vela-core': entry(
    'denied',
    'A running vela-core owns the Applications of this hub.',
    'Stop vela-core first (scale its Deployment to 0); two controllers would fight.',
  ),
  'provision/refused': entry(
    'invalid',
    'A Terraform Configuration cannot be carried out as it is written, or the cloud refused its values.',
    'Correct the variable or field that the message names.',
  ),
  'provision/no-controller': entry(
    'waiting',
    'A Terraform Configuration is of a kind that Lateen does not make itself, and no terraform-controller has taken it.',
    'Run terraform-controller on the hub, or take the Configuration out of the repository.',
  ),
  'provision/credentials': entry(
    'denied',
    "The cloud's credentials are not on the hub, or the cloud does not accept them.",
    'Restart the daemon with the right ALICLOUD_* variables, or renew the Secret that the Provider names: that is read again by itself.',
  ),
  'provision/denied': entry('denied', "The cloud's account lacks a right.", 'Give the account the right that the message names.'),
  'provision/quota': entry(
    'denied',
    "A quota of the cloud's account is used up, or its balance.",
    "Raise the quota in the cloud's console, or delete what is not needed; it is tried again.",
  ),
  'provision/throttled': entry('transient', 'The cloud asked for patience.', 'Nothing: it is tried again.'),
  'provision/transient': entry(
    'transient',
    'The cloud did not answer, failed, or is busy with the same thing.',
    "Nothing, if it passes: it is tried again. Else read the cloud's own words in the message.",
  ),
  'provision/unknown-outcome': entry(
    'waiting',
    'A cloud cluster was asked for and it is not known whether it is being made.',
    'Nothing: it is looked up until that is known, and never asked for twice.',
  ),
  'provision/conflict': entry(
    'denied',
    'It is not clear which cloud cluster is meant: there are two, or one of the name that Lateen did not make.',
    "Delete or rename the cluster that is not wanted, in the cloud's console.",
  ),
  'provision/failed': entry(
    'denied',
    'The cloud could not make or delete a cluster, or it is gone.',
    "Read the cloud's own words in the message, and mend it in the cloud's console.",
  ),
  'status/push': entry('transient', 'The status could not be pushed.', 'Nothing is lost: it is kept and pushed later.'),
  'loop/cancelled': entry('cancelled', 'The daemon is stopping.', 'Nothing.'),
  'loop/timeout': entry('waiting', 'The time given with --wait is up.', 'Wait longer, or look at `lateen status`.'),
  'loop/bug': entry('bug', 'Lateen itself is wrong.', 'Please report it with the log.'),
} as const satisfies Record<string, CodeEntry>;

export type Code = keyof typeof CODES;

/** A failure of the world. `kind` follows from the code unless it is given. */
export class Fault extends Error {
  readonly code: Code;
  readonly kind: FaultKind;
  /** When it is worth trying again; absent: the usual backoff. */
  readonly retryAfterMs: number | undefined;

  constructor(code: Code, message: string, options: { readonly cause?: unknown; readonly retryAfterMs?: number; readonly kind?: FaultKind } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Fault';
    this.code = code;
    this.kind = options.kind ?? CODES[code].kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Anything caught, as a Fault: what is none yet is a bug, with its cause kept. */
export function toFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof Error && error.name === 'AbortError') return new Fault('loop/cancelled', 'cancelled', { cause: error });
  return new Fault('loop/bug', error instanceof Error ? `${error.name}: ${error.message}` : String(error), { cause: error });
}

/** Who is cancelled, or has lost the Lease, stops where it stands and says nothing more of it: any other fault is told. */
export const endsTurn = ({ kind, code }: Fault): boolean => kind === 'cancelled' || code === 'transport/lease';

export interface Consequence {
  /** Milliseconds until it is tried again; null: not before something changes. */
  readonly retryAfterMs: number | null;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Which kstatus condition tells of it. */
  readonly condition: 'Stalled' | 'Reconciling';
}

/**
 * The one place that turns a fault into retry, log level and condition.
 * `attempt` counts from 1; the backoff is 1 s doubled up to 60 s (jitter is added by who waits).
 */
export function consequence(fault: Fault, attempt: number): Consequence {
  const backoffMs = Math.min(60_000, 1_000 * 2 ** Math.min(attempt - 1, 6));
  switch (fault.kind) {
    case 'invalid':
      return { retryAfterMs: null, level: 'info', condition: 'Stalled' };
    case 'denied':
      return { retryAfterMs: fault.retryAfterMs ?? Math.min(600_000, 10 * backoffMs), level: attempt === 1 ? 'error' : 'debug', condition: 'Stalled' };
    case 'waiting':
      return { retryAfterMs: fault.retryAfterMs ?? Math.min(10_000, backoffMs), level: 'debug', condition: 'Reconciling' };
    case 'transient':
      return { retryAfterMs: fault.retryAfterMs ?? backoffMs, level: attempt < 3 ? 'debug' : 'warn', condition: 'Reconciling' };
    case 'cancelled':
      return { retryAfterMs: null, level: 'debug', condition: 'Reconciling' };
    case 'bug':
      return { retryAfterMs: null, level: 'error', condition: 'Stalled' };
    default:
      return fault.kind satisfies never;
  }
}
