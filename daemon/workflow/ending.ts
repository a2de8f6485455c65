/** How a run and its groups end: from the phases of their steps alone. Pure. */
import { timeText } from '../lib/text.ts';
import type { Journal, StepStatus } from '../model/status.ts';
import { isFinished } from './conditions.ts';

/** What a group's failure is called when its sub-steps failed for several reasons: the first of these. */
const REASONS = ['FailedAfterRetries', 'Timeout', 'Action', 'Terminate'];

/** KubeVela 1.10: the status of a group follows from those of its sub-steps. */
export function outcomeOfGroup(subs: readonly StepStatus[]): Pick<StepStatus, 'phase' | 'reason' | 'message'> {
  const failed = subs.filter((sub) => sub.phase === 'failed');
  if (subs.some((sub) => sub.phase === 'suspending')) return { phase: 'suspending', reason: '', message: '' };
  if (subs.some((sub) => !isFinished(sub))) return { phase: 'running', reason: '', message: '' };
  if (failed.length > 0)
    return { phase: 'failed', reason: REASONS.find((reason) => failed.some((sub) => sub.reason === reason)) ?? 'FailedAfterRetries', message: '' };
  if (subs.length > 0 && subs.every((sub) => sub.phase === 'skipped')) return { phase: 'skipped', reason: 'Skip', message: '' };
  return { phase: 'succeeded', reason: '', message: '' };
}

/** The run as its steps leave it. KubeVela 1.10: failed when a step failed for good and all have ended; then nothing is left to run. */
export function concluded(journal: Journal, steps: readonly StepStatus[], nowMs: number): Journal {
  const ended = { ...journal, finished: true, endTime: journal.endTime || timeText(nowMs) };
  if (journal.suspend) return journal;
  if (journal.terminated) {
    const isFailed = steps.some((step) => step.phase === 'failed' && step.reason !== 'Terminate');
    return { ...ended, state: isFailed ? 'failed' : 'terminated' };
  }
  if (steps.every((step) => step.phase === 'succeeded' || step.phase === 'skipped')) return { ...ended, state: 'succeeded' };
  const isOver = steps.some((step) => step.phase === 'failed' && isFinished(step)) && steps.every((step) => isFinished(step) || step.phase === 'pending');
  return isOver ? { ...ended, terminated: true, state: 'failed' } : { ...journal, state: 'executing' };
}
