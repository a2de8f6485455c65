/** The repository's own documents on their way through a pass: applied to the hub as they are, and removed with the file. */
import type { ApplicationDoors } from './application.ts';
import { deletionMark } from './lib/approved-deletion.ts';
import { mapLimit } from './lib/queue.ts';
import { DOCUMENTS_LABEL, labelled } from './lib/stamp.ts';
import { CODES, endsTurn, Fault, toFault, type Diagnostic } from './model/fault.ts';
import { keyText } from './model/object.ts';
import { waveOf, type Change, type Wanted } from './model/plan.ts';
import type { ObjectReport, Tracked } from './model/status.ts';
import { decide, type Owner } from './plan/decide.ts';
import { fieldRules } from './plan/field-rules.ts';
import { union, without } from './plan/inventory.ts';
import { prune } from './plan/prune.ts';
import { documentsTracker } from './plan/records.ts';
import { objectHealth } from './status/health.ts';

const OWNER: Owner = { namespace: '', name: '', dialect: '1.10' };
const WRITES_AT_ONCE_MAX = 10;
export interface DocumentsInput {
  readonly wanted: readonly Wanted[];
  readonly tracked: readonly Tracked[];
  /** Entries whose documents are gone from the commit; what was found of them the last time, where this is not their turn. */
  readonly leaving: readonly Tracked[] | DocumentsFound;
}

export interface DocumentsFound {
  readonly reports: readonly ObjectReport[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface DocumentsResult extends DocumentsFound {
  /** What of it is about documents that are gone from the commit. */
  readonly left: DocumentsFound;
  /** The inventory as it is now. */
  readonly tracked: readonly Tracked[];
}

/** Applies and removes. One document's failure holds up no other; each failure is a diagnostic at its line. */
export async function runDocuments(input: DocumentsInput, doors: ApplicationDoors): Promise<DocumentsResult> {
  const { transport, signal } = doors;
  const reports: ObjectReport[] = [];
  const diagnostics: Diagnostic[] = [];
  const rules = fieldRules(doors.config, doors.drift, null);
  const changes = input.wanted.map((wanted) =>
    decide(wanted, doors.observed.get(keyText(wanted.key)) ?? { fault: new Fault('transport/unreachable', 'not looked at') }, OWNER, rules),
  );
  const intents = changes
    .filter((change) => change.action !== 'refuse')
    .map((change): Tracked => ({ key: change.key, component: '', trait: '', creator: 'repository', skipGC: false }));
  let tracked = union(input.tracked, intents);
  await track(input.tracked, tracked, doors);
  for (const wave of [0, 1, 2]) {
    await mapLimit(
      changes.filter((change) => change.wanted !== null && waveOf(change.wanted) === wave),
      WRITES_AT_ONCE_MAX,
      async (change) => {
        reports.push(await applyDocument(change, doors, diagnostics));
      },
      signal,
    );
  }
  const left: DocumentsFound = 'reports' in input.leaving ? input.leaving : { reports: [], diagnostics: [] };
  const gone: { readonly reports: ObjectReport[]; readonly diagnostics: Diagnostic[] } = { reports: [...left.reports], diagnostics: [...left.diagnostics] };
  if (!('reports' in input.leaving) && input.leaving.length > 0 && doors.config.prune) {
    const removed = await removeDocuments(input.leaving, doors, gone.reports, gone.diagnostics);
    if (removed.size > 0) {
      tracked = without(tracked, removed);
      await track(input.tracked, tracked, doors, true);
    }
  }
  return {
    reports: [...reports, ...gone.reports].map((report) => doors.told(report)).sort((a, b) => (keyText(a.key) < keyText(b.key) ? -1 : 1)),
    diagnostics: [...diagnostics, ...gone.diagnostics],
    left: gone,
    tracked,
  };

  async function track(before: readonly Tracked[], after: readonly Tracked[], { records, instance }: ApplicationDoors, smaller = false): Promise<void> {
    const known = new Set(before.map((entry) => keyText(entry.key)));
    if (!smaller && after.every((entry) => known.has(keyText(entry.key)))) return;
    await records.save(smaller ? 'untrack' : 'tracker', documentsTracker(instance, after), signal);
  }

  async function applyDocument(change: Change, { revision }: ApplicationDoors, found: Diagnostic[]): Promise<ObjectReport> {
    const told = (fault: Fault): ObjectReport => {
      found.push({
        code: fault.code,
        severity: 'error',
        message: fault.message,
        hint: CODES[fault.code].action,
        ...(change.wanted?.origin ? { origin: change.wanted.origin } : {}),
      });
      return {
        key: change.key,
        ...(change.live === null ? { health: 'Missing' as const, message: fault.message } : objectHealth(change.live)),
        drift: [],
        fault,
      };
    };
    if (change.fault !== null) return told(change.fault);
    const drift = change.reason.startsWith('drift') ? change.fields.map((field) => field.path) : [];
    if (change.wanted === null || (change.action === 'keep' && !lacksLabel(change)))
      return { key: change.key, ...objectHealth(change.live), drift, fault: null };
    try {
      const receipt = await transport.apply(
        {
          key: change.key,
          object: labelled(change.wanted.object, change.live, doors.instance),
          rules: change.wanted.rules,
          live: change.live,
          owned: change.action !== 'adopt',
        },
        signal,
      );
      doors.log.debug('document applied', { object: keyText(change.key), reason: change.reason, commit: revision.sha });
      return { key: change.key, ...objectHealth(receipt.object), drift, fault: null };
    } catch (error) {
      const fault = toFault(error);
      if (endsTurn(fault)) throw fault;
      return told(fault);
    }
  }
}

/** As it should be but for our label: it was delivered before there was one, or somebody took it off. Reported drift stays. */
const lacksLabel = ({ live, fields, wanted }: Change): boolean =>
  live !== null && live.metadata.labels?.[DOCUMENTS_LABEL] === undefined && fields.length === 0 && wanted?.rules.readOnly === false;

async function removeDocuments(
  entries: readonly Tracked[],
  doors: ApplicationDoors,
  reports: ObjectReport[],
  diagnostics: Diagnostic[],
): Promise<ReadonlySet<string>> {
  const removed = new Set<string>();
  const observations = await doors.transport.observe(
    entries.map((entry) => entry.key),
    doors.signal,
  );
  for (const change of prune({ entries, observations, owner: OWNER, approvals: doors.approvals, leaving: false })) {
    const text = keyText(change.key);
    const fault =
      change.fault ??
      (change.action === 'delete' && doors.heldBack.has(text) ? new Fault('plan/budget', 'more would be deleted at once than the budget allows') : null);
    if (fault !== null) {
      reports.push({ key: change.key, ...objectHealth(change.live), message: fault.message, drift: [], fault });
      diagnostics.push({ code: fault.code, severity: 'warning', message: fault.message, hint: CODES[fault.code].action });
      continue;
    }
    if (change.action === 'keep') {
      removed.add(text);
      continue;
    }
    try {
      if (change.approval !== undefined) doors.approvals.act(change.approval);
      if (await doors.transport.remove(change.key, change.live?.metadata.uid ?? '', 'cascading', doors.signal, deletionMark(change.key, doors.clock.now())))
        removed.add(text);
      else reports.push({ key: change.key, health: 'InProgress', message: 'being deleted: a finalizer holds it', drift: [], fault: null });
    } catch (error) {
      const caught = toFault(error);
      if (endsTurn(caught)) throw caught;
      reports.push({ key: change.key, ...objectHealth(change.live), drift: [], fault: caught });
    }
  }
  return removed;
}
