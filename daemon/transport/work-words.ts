/** What a member refuses, in the words that OCM's agent puts into a condition. Pure. */
import { Fault } from '../model/fault.ts';
import { ApiFault } from './faults.ts';
import type { Cause } from './faults.ts';
import type { Target } from './kube.ts';
import { groupVersionOf } from './work-model.ts';

/** Statuses that speak of the cluster, not of one object. */
const ABOUT_THE_CLUSTER: ReadonlySet<number> = new Set([401, 429, 502, 503, 504]);

/**
 * Whether a failure is the verdict on one manifest, which a condition tells, and not the trouble of a whole cluster
 * (away, overloaded, credentials that ran out), which leaves the work's status as it is.
 */
export function isVerdict(error: unknown): error is Fault {
  if (error instanceof ApiFault) return !ABOUT_THE_CLUSTER.has(error.statusCode);
  return error instanceof Fault && (error.code === 'transport/no-kind' || error.code === 'transport/invalid');
}

/** The server's own sentence, without what our client puts before it. `target` is what the request was about. */
export function agentWords(error: Fault, target: Target): string {
  if (error.code === 'transport/no-kind' && !(error instanceof ApiFault)) return `the server doesn't have a resource type "${target.kind}"`;
  if (!(error instanceof ApiFault)) return error.message;
  const conflicts = error.causes.filter((cause) => cause.reason === 'FieldManagerConflict');
  if (error.code === 'transport/conflict' && conflicts.length > 0) return conflictSentence(conflicts);
  const prefix = `${target.kind} ${target.namespace === '' ? '' : `${target.namespace}/`}${target.name}: `;
  const words = error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message;
  if (error.reason !== 'Invalid' || error.causes.length === 0 || target.kind === 'Secret') return words;
  const { group } = groupVersionOf(target.apiVersion);
  const causes = error.causes.map((cause) => (cause.field === '' || cause.field === '<nil>' ? cause.message : `${cause.field}: ${cause.message}`));
  return `${target.kind}${group === '' ? '' : `.${group}`} "${target.name}" is invalid: ${causes.length === 1 ? causes.join() : `[${causes.join(', ')}]`}`;
}

/** Kubernetes' sentence for a server-side apply in conflict; it comes back to us in parts. */
function conflictSentence(causes: readonly Cause[]): string {
  const [only] = causes;
  if (only !== undefined && causes.length === 1) return `Apply failed with 1 conflict: ${only.message}: ${only.field}`;
  const lines = [...Map.groupBy(causes, (cause) => cause.message)].flatMap(([message, fields]) => [
    `${message.replace(/^conflict with/, 'conflicts with')}:`,
    ...fields.map((cause) => `- ${cause.field}`),
  ]);
  return `Apply failed with ${causes.length} conflicts: ${lines.join('\n')}`;
}
