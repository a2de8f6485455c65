/**
 * One Application's way through stages 4 to 7 of a pass: mirror it on the hub, name what it owns, run its workflow as far
 * as it goes, remove what it no longer wants, and tell. Every exit tells (I4).
 */
import { tellApplication, type Progress } from './application-report.ts';
import { keepEnvironments } from './environments.ts';
import type { Log } from './lib/log.ts';
import { lastAppliedOf } from './lib/stamp.ts';
import type { CueEvaluator } from './model/cue.ts';
import type { RepositoryConfig, Revision } from './model/catalog.ts';
import type { Clusters } from './model/clusters.ts';
import { endsTurn, Fault, toFault } from './model/fault.ts';
import { keyText, LOCAL, type JsonObject, type KubeObject, type ObjectKey } from './model/object.ts';
import { PLAIN_RULES, type DesiredApplication, type Wanted } from './model/plan.ts';
import type { ApplicationRecord, Clock, Http, Records, Register, Transport } from './model/ports.ts';
import type { ApplicationReport, Journal, ObjectReport, Observation, ServiceHealth, Tracked } from './model/status.ts';
import type { Approvals } from './plan/approvals.ts';
import { decide, type Owner } from './plan/decide.ts';
import { fieldRules, type DriftBound } from './plan/field-rules.ts';
import { trackedOf, union, without } from './plan/inventory.ts';
import { applicationObject, INSTANCE_ANNOTATION, isMirrored, revisionObject, trackerName, trackerObject } from './plan/records.ts';
import { removeStale } from './removal.ts';
import { keepFinished, recallJournal, shownJournal } from './recall.ts';
import { healthFrom, type HealthMemo } from './status/health.ts';
import { actingTransport } from './transport/acting.ts';
import { ACTIONS } from './workflow/actions/actions.ts';
import { deliveryFor } from './workflow/delivery.ts';
import { timeText } from './lib/text.ts';
import { freshJournal } from './workflow/beginning.ts';
import { runWorkflow } from './workflow/engine.ts';
import { hidesNothing, isJournalKept, journalSecret, shownWorkflow } from './workflow/journal.ts';

/** What a pass gives to each of its applications. */
export interface ApplicationDoors {
  readonly transport: Transport;
  readonly clusters: Clusters;
  readonly records: Records;
  readonly cue: CueEvaluator;
  readonly http: Http;
  readonly register: Register;
  readonly clock: Clock;
  readonly log: Log;
  readonly healthMemo: HealthMemo;
  readonly instance: string;
  readonly config: RepositoryConfig;
  /** What the operator says about drift. */
  readonly drift: DriftBound;
  readonly approvals: Approvals;
  /** A step that waits goes on when its status is changed on the hub; absent: it does. */
  readonly hubResumes?: boolean;
  readonly revision: Revision;
  /** Objects that the deletion budget holds back in this pass, by keyText (I11). */
  readonly heldBack: ReadonlySet<string>;
  /** Objects that more than one application has in its inventory, by keyText. */
  readonly shared: ReadonlySet<string>;
  /** An object's report with what a controller of ours has to say about it. */
  readonly told: (report: ObjectReport, generation?: number) => ObjectReport;
  /** Live objects that the pass has looked up in bulk. */
  readonly observed: ReadonlyMap<string, Observation>;
  readonly signal: AbortSignal;
}

/** Takes one application as far as it goes now. Never throws but for cancellation and a lost Lease. */
export async function runApplication(desired: DesiredApplication, record: ApplicationRecord, doors: ApplicationDoors): Promise<ApplicationReport> {
  const progress: Progress = {
    application: record.application,
    journal: null,
    services: [],
    observed: new Map(doors.observed),
    touched: new Map(),
    tracked: union(...record.trackers.map(trackedOf)),
    kept: [],
    fault: desired.fault,
    keeping: '',
    retryAfterMs: null,
  };
  try {
    const other = ownerElsewhere(record, doors.instance);
    // Nothing of it is touched, its status included: two daemons would write it back and forth.
    if (other !== null) return await tellApplication(desired, record, { ...progress, application: null, tracked: [], fault: other }, doors);
    progress.application = await mirror(desired, record, doors);
    // A rendering that failed keeps everything: nothing below can delete or change what it owns (I11).
    if (desired.fault === null) await converge(desired, record, progress, doors);
    else progress.journal = shownJournal(desired, record);
  } catch (error) {
    const fault = toFault(error);
    if (endsTurn(fault)) throw fault;
    doors.log.debug('application failed', { application: `${desired.namespace}/${desired.name}`, error: fault });
    progress.fault ??= fault;
  }
  return tellApplication(desired, record, progress, doors);
}

/** The fault that says so when another instance keeps this application on the hub. */
function ownerElsewhere(record: ApplicationRecord, instance: string): Fault | null {
  const owner = record.application?.metadata.annotations?.[INSTANCE_ANNOTATION];
  if (owner === undefined || owner === instance) return null;
  const named = (name: string): string => (name === '' ? 'the instance without a name' : `instance "${name}"`);
  return new Fault(
    'plan/ownership',
    `Application ${record.namespace}/${record.name} is kept by ${named(owner)} of Lateen, this is ${named(instance)}: delete it there, or change the annotation ${INSTANCE_ANNOTATION} of the object on the hub`,
  );
}

async function mirror(desired: DesiredApplication, record: ApplicationRecord, doors: ApplicationDoors): Promise<KubeObject> {
  const wanted = applicationObject(desired, record.application, doors.revision, doors.instance);
  if (record.application !== null && isMirrored(wanted, record.application)) return record.application;
  if (record.application !== null) doors.log.info('application mirrored', { application: `${desired.namespace}/${desired.name}` });
  return doors.records.save('application', wanted, doors.signal);
}

/** KubeVela 1.10: what an Application delivers and reads, it does with the rights of the service account that it names. */
function transportOf(desired: DesiredApplication, transport: Transport): Transport {
  const account = desired.dialect === '1.10' ? (desired.object.metadata.annotations?.['app.oam.dev/service-account-name'] ?? '') : '';
  return account === '' ? transport : actingTransport(transport, `system:serviceaccount:${desired.namespace}:${account}`);
}

async function converge(desired: DesiredApplication, record: ApplicationRecord, progress: Progress, doors: ApplicationDoors): Promise<void> {
  const transport = transportOf(desired, doors.transport);
  const application = progress.application as KubeObject;
  const inventory = inventoryOf(desired, record, application, progress, doors);
  const revision = revisionObject(desired, application, componentRevisionsText(desired));
  const isNewRevision = !record.revisions.some((revision) => revision.metadata.name === desired.revision.name);
  const known = [...desired.components.values()].flatMap((component) => component.objects).concat(desired.policyObjects);
  // The names first, then the effects: a process killed after any of them finds its own again (I6).
  await Promise.all([
    isNewRevision ? doors.records.keep('revision', revision, null, doors.signal) : null,
    inventory.track([...known.map((wanted) => entryOf(wanted, 'workflow')), ...desired.placed.map((wanted) => entryOf(wanted, 'placement'))]),
  ]);
  const owner: Owner = { namespace: desired.namespace, name: desired.name, dialect: desired.dialect };
  const rules = fieldRules(doors.config, doors.drift, { object: desired.object, origin: desired.document.origin });
  const delivery = deliveryFor({
    desired,
    transport,
    observed: progress.observed,
    touched: progress.touched,
    signal: doors.signal,
    decide: (wanted, observation) => decide(wanted, observation, owner, rules),
    track: inventory.track,
    untrack: inventory.untrack,
    isKeeping: () => progress.journal?.finished === true,
    healthOf: healthFrom(doors.cue, desired.dialect, doors.healthMemo),
  });
  await delivery.deliver(desired.policyObjects, 'policy');
  const bound = await keepEnvironments(desired, {
    clusters: doors.clusters,
    delivery,
    records: doors.records,
    touched: progress.touched,
    now: timeText(doors.clock.now()),
    signal: doors.signal,
  });
  const before = (await recallJournal(desired, record, doors.transport, doors.signal)) ?? freshJournal(desired, doors.clock.now());
  let secret = record.journal;
  const keep = async (journal: Journal): Promise<void> => {
    progress.journal = journal;
    secret = await doors.records.keep('journal', journalSecret(desired.namespace, desired.name, journal), secret, doors.signal);
  };
  // Names of objects that template steps make hang on the start time: it is kept before the first of them runs (I6).
  if (
    before.steps.length === 0 &&
    !before.finished &&
    desired.steps.some((step) => step.template !== null || step.subSteps.some((sub) => sub.template !== null))
  ) {
    progress.application = await doors.records.saveStatus(
      application,
      {
        ...(application['status'] as JsonObject | undefined),
        status: 'runningWorkflow',
        workflow: shownWorkflow(before, desired.dialect, desired.hasWorkflow) ?? {},
      },
      doors.signal,
    );
  }
  progress.journal = before;
  const result = await runWorkflow(before, {
    desired,
    delivery,
    transport,
    cue: doors.cue,
    http: doors.http,
    register: doors.register,
    clock: doors.clock,
    clusters: doors.clusters,
    actions: ACTIONS,
    keep,
    isLost: isLostOfSteps(progress),
    signal: doors.signal,
    hubResumes: doors.hubResumes ?? true,
    resumes: (step) => {
      const approval = doors.approvals.resumes(desired.namespace, desired.name, step, desired.revision.hash);
      if (approval !== null) doors.approvals.act(approval);
      return approval !== null;
    },
  });
  progress.journal = result.journal;
  progress.keeping = result.keeping;
  progress.retryAfterMs = bound.retryAfterMs === null ? result.retryAfterMs : Math.min(bound.retryAfterMs, result.retryAfterMs ?? Infinity);
  if (before.finished) await delivery.deliver(stepObjects(progress), 'workflow');
  progress.services = await servicesOf(desired, delivery, progress, result.services);
  if (!hidesNothing(result.journal) && !isJournalKept(result.journal, record.journal)) await keep(result.journal);
  await keepFinished(desired, revision, before, result.journal, doors.records, doors.signal);
  if (result.journal.finished && result.journal.state === 'succeeded')
    await removeStale(desired, record, progress, owner, doors, {
      isComplete: bound.isComplete && result.isComplete,
      placed: inventory.placed(),
      untrack: inventory.untrack,
    });
}

/**
 * Objects that steps made in a run that is over: what they should be stands on themselves, so that drift in them is put
 * back without running the step again. KubeVela 1.10 keeps a copy in the ResourceTracker instead.
 */
function stepObjects(progress: Progress): readonly Wanted[] {
  return progress.tracked
    .filter((entry) => entry.component === '' && entry.creator === 'workflow' && !progress.touched.has(keyText(entry.key)))
    .flatMap((entry) => {
      const seen = progress.observed.get(keyText(entry.key));
      const object = seen !== undefined && 'live' in seen ? lastAppliedOf(seen.live) : null;
      return object === null ? [] : [{ key: entry.key, object, component: '', trait: '', output: '', origin: null, rules: PLAIN_RULES }];
    });
}

/** Whether an object that steps made is gone. A Job or a Pod that has done its work may go. */
function isLostOfSteps(progress: Progress): boolean {
  const isAbsent = (key: ObjectKey): boolean => 'absent' in (progress.observed.get(keyText(key)) ?? {});
  return progress.tracked.some(
    ({ key, component, creator }) =>
      component === '' && creator === 'workflow' && key.cluster === LOCAL && key.kind !== 'Job' && key.kind !== 'Pod' && isAbsent(key),
  );
}

const entryOf = (wanted: Wanted, creator: string): Tracked => ({
  key: wanted.key,
  component: wanted.component,
  trait: wanted.trait,
  creator,
  skipGC: wanted.rules.gc === 'never',
});

function componentRevisionsText(desired: DesiredApplication): string {
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(desired.revision.components).map(([component, name]) => [component, { name, hash: desired.revision.componentHashes[component] ?? '' }]),
    ),
  );
}

/** The tracker of this content: entries are kept on the hub before their objects are written. */
function inventoryOf(
  desired: DesiredApplication,
  record: ApplicationRecord,
  application: KubeObject,
  progress: Progress,
  doors: ApplicationDoors,
): {
  readonly track: (entries: readonly Tracked[]) => Promise<void>;
  readonly untrack: (key: ObjectKey) => Promise<void>;
  readonly placed: () => readonly Tracked[];
} {
  let mine = record.trackers.find((tracker) => tracker.metadata.name === trackerName(desired)) ?? null;
  let entries = mine === null ? [] : trackedOf(mine);
  let last: Promise<void> = Promise.resolve();
  const add = async (more: readonly Tracked[]): Promise<void> => {
    const known = new Set(entries.map((entry) => keyText(entry.key)));
    if (mine !== null && more.every((entry) => known.has(keyText(entry.key)))) return;
    if (mine === null && more.length === 0) return;
    entries = union(entries, more);
    mine = await doors.records.keep('tracker', trackerObject(desired, application, entries, doors.instance), mine, doors.signal);
    progress.tracked = union(progress.tracked, entries);
  };
  const drop = async (key: ObjectKey): Promise<void> => {
    const left = without(entries, new Set([keyText(key)]));
    if (left.length === entries.length) return;
    entries = left;
    mine = await doors.records.keep('untrack', trackerObject(desired, application, entries, doors.instance), mine, doors.signal);
    progress.tracked = without(progress.tracked, new Set([keyText(key)]));
  };
  // One after another: two steps of a DAG must not write each other's entries away.
  const inTurn = (change: () => Promise<void>): Promise<void> => (last = last.then(change, change));
  return {
    track: (more) => inTurn(() => add(more)),
    untrack: (key) => inTurn(() => drop(key)),
    placed: () => entries.filter((entry) => entry.creator === 'placement'),
  };
}

/** Health of every component: what steps found in this pass, and for the others what is live. */
async function servicesOf(
  desired: DesiredApplication,
  delivery: ReturnType<typeof deliveryFor>,
  progress: Progress,
  found: ReadonlyMap<string, ServiceHealth>,
): Promise<readonly ServiceHealth[]> {
  const services = [...found.values()];
  for (const component of desired.components.values()) {
    if (services.some((service) => service.name === component.name)) continue;
    const delivered = component.objects.some((wanted) => {
      const seen = progress.observed.get(keyText(wanted.key));
      return seen !== undefined && 'live' in seen;
    });
    if (delivered) services.push((await delivery.health(component)).health);
  }
  const order = desired.componentSpecs.map((component) => component.name);
  return services.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name) || (a.cluster < b.cluster ? -1 : 1));
}
