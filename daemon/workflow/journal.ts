/**
 * The journal of one application: what `status.workflow` shows in KubeVela's shape, and what it has no place for or
 * must not show, which is in a Secret of ours. Pure: reads and writes objects, touches nothing.
 */
import { parseJson, stableStringify } from '../lib/json.ts';
import type { Dialect } from '../model/catalog.ts';
import type { JsonObject, KubeObject } from '../model/object.ts';
import { EMPTY_JOURNAL, JOURNAL_LABEL } from '../model/ports.ts';
import type { Journal, StepPhase, StepStatus } from '../model/status.ts';

const object = (value: unknown): JsonObject => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const list = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value.map(object) : []);

function stepOf(step: JsonObject): StepStatus {
  return {
    id: text(step['id']),
    name: text(step['name']),
    type: text(step['type']),
    phase: (text(step['phase']) || 'pending') as StepPhase,
    message: text(step['message']),
    reason: text(step['reason']),
    firstExecuteTime: text(step['firstExecuteTime']),
    lastExecuteTime: text(step['lastExecuteTime']),
    subSteps: list(step['subSteps']).map(stepOf),
  };
}

/** Reads `status.workflow` (both dialects' shapes) and the journal Secret. Absent parts read as empty. */
export function readJournal(workflow: unknown, secret: KubeObject | null): Journal {
  const shown = object(workflow);
  const hidden = readSecret(secret, text(shown['appRevision']));
  if (Object.keys(shown).length === 0) return { ...EMPTY_JOURNAL, ...hidden };
  return {
    appRevision: text(shown['appRevision']),
    mode: text(shown['mode']),
    steps: list(shown['steps']).map(stepOf),
    suspend: shown['suspend'] === true,
    terminated: shown['terminated'] === true,
    finished: shown['finished'] === true,
    state: (text(shown['status']) || 'executing') as Journal['state'],
    message: text(shown['message']),
    startTime: text(shown['startTime']),
    endTime: text(shown['endTime']),
    ...hidden,
  };
}

type Hidden = Pick<Journal, 'variables' | 'failures' | 'calls' | 'timers'>;
const NOTHING_HIDDEN: Hidden = { variables: {}, failures: {}, calls: {}, timers: {} };

/** What is hidden belongs to one run: that of another revision is of no use. */
function readSecret(secret: KubeObject | null, appRevision: string): Hidden {
  const encoded = object(secret?.['data'])['journal'];
  if (typeof encoded !== 'string') return NOTHING_HIDDEN;
  const content = object(parseJson(Buffer.from(encoded, 'base64').toString('utf8')));
  if (appRevision !== '' && text(content['appRevision']) !== appRevision) return NOTHING_HIDDEN;
  return {
    variables: object(content['variables']),
    failures: object(content['failures']) as Record<string, number>,
    calls: object(content['calls']) as unknown as Hidden['calls'],
    timers: object(content['timers']) as Record<string, string>,
  };
}

/** There is nothing that `status.workflow` has no place for. */
export function hidesNothing(journal: Journal): boolean {
  return [journal.variables, journal.failures, journal.calls, journal.timers].every((part) => Object.keys(part).length === 0);
}

/** The journal Secret: `lateen-journal-<application>` beside the Application. */
export function journalSecret(namespace: string, name: string, journal: Journal): KubeObject {
  const { appRevision, variables, failures, calls, timers } = journal;
  const content = stableStringify({ appRevision, variables, failures, calls, timers });
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'lateen.dev/journal',
    metadata: { name: `lateen-journal-${name}`, namespace, labels: { [JOURNAL_LABEL]: name.length > 63 ? name.slice(0, 63) : name } },
    data: { journal: Buffer.from(content, 'utf8').toString('base64') },
  };
}

/** The journal with what is known of a call that must not be made twice; null: it was not made. */
export function withCall(journal: Journal, at: string, call: Journal['calls'][string] | null): Journal {
  const { [at]: _before, ...calls } = journal.calls;
  return { ...journal, calls: call === null ? calls : { ...calls, [at]: call } };
}

/** Whether the journal Secret holds this journal. What else is in it is not ours to compare. */
export function isJournalKept(journal: Journal, secret: KubeObject | null): boolean {
  const wanted = object(journalSecret('', '', journal)['data'])['journal'];
  return secret !== null && object(secret['data'])['journal'] === wanted;
}

const given = (name: string, value: string): JsonObject => (value === '' ? {} : { [name]: value });

function shownStep(step: StepStatus, dialect: Dialect): JsonObject {
  if (dialect === '1.1') return { name: step.name, type: step.type, phase: step.phase, ...given('message', step.message), ...given('reason', step.reason) };
  return {
    ...given('id', step.id),
    name: step.name,
    type: step.type,
    phase: step.phase,
    ...given('message', step.message),
    ...given('reason', step.reason),
    ...given('firstExecuteTime', step.firstExecuteTime),
    ...given('lastExecuteTime', step.lastExecuteTime),
    ...(step.subSteps.length === 0 ? {} : { subSteps: step.subSteps.map((sub) => shownStep(sub, dialect)) }),
  };
}

/** `status.workflow` as each KubeVela shows it; null where it shows none. KubeVela 1.1: `stepIndex` counts finished steps. */
export function shownWorkflow(journal: Journal, dialect: Dialect, hasWorkflow: boolean): JsonObject | null {
  const steps = journal.steps.map((step) => shownStep(step, dialect));
  if (dialect === '1.1') {
    // Direct dispatch has no workflow in KubeVela 1.1; how far it came is still remembered, by the revision alone.
    if (!hasWorkflow)
      return {
        appRevision: journal.appRevision,
        stepIndex: 0,
        suspend: false,
        terminated: journal.finished,
        ...(journal.finished ? { finished: true, status: journal.state } : { status: journal.state }),
      };
    return {
      appRevision: journal.appRevision,
      stepIndex: journal.steps.filter((step) => step.phase === 'succeeded').length,
      suspend: journal.suspend,
      terminated: journal.terminated || journal.finished,
      finished: journal.finished,
      status: journal.state,
      ...given('startTime', journal.startTime),
      ...given('endTime', journal.endTime),
      steps,
    };
  }
  return {
    appRevision: journal.appRevision,
    mode: journal.mode,
    status: journal.state,
    ...given('message', journal.message),
    suspend: journal.suspend,
    terminated: journal.terminated,
    finished: journal.finished,
    ...given('startTime', journal.startTime),
    ...given('endTime', journal.endTime),
    steps,
  };
}
