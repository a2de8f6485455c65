/** From what the evaluator says about a step to a fault. */
import type { CueError } from '../../model/cue.ts';
import { Fault, type Code } from '../../model/fault.ts';

const CODE_OF: Readonly<Record<CueError['code'], Code>> = {
  parse: 'render/cue',
  parameter: 'render/parameter',
  user: 'render/user',
  template: 'render/template',
  concrete: 'render/template',
  nonconcrete: 'render/template',
  unsupported: 'workflow/unsupported',
};

/** `spec.replicas: ` or `template line 3: ` or "", to stand before an error's message. */
export function whereOf(error: CueError): string {
  const path = (error.path ?? []).join('.');
  if (path !== '') return `${path}: `;
  return error.line === undefined ? '' : `template line ${error.line}: `;
}

/** The first error as a fault, in one sentence; `more` others are counted, not told. */
export function cueFault(errors: readonly CueError[], subject: string): Fault {
  const [first] = errors;
  if (first === undefined) return new Fault('loop/bug', `${subject}: an error without a word`);
  const line = first.line === undefined || (first.path ?? []).length === 0 ? '' : ` (template line ${first.line})`;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return new Fault(CODE_OF[first.code], `${subject}: ${whereOf(first)}${first.message}${line}${more}`);
}
