/** Stage 4 as a whole: what would be done, for `lateen plan` and for the budget. Pure and byte-stable (I8). */
import { DEFAULT_NAMESPACE, INITIALIZER_ANNOTATION, type Catalog, type RepositoryConfig } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import { keyText, type KubeObject } from '../model/object.ts';
import type { ApplicationPlan, Change, Desired, DesiredApplication, Plan, Wanted } from '../model/plan.ts';
import type { ApplicationRecord } from '../model/ports.ts';
import type { Observation, Tracked } from '../model/status.ts';
import type { Approvals } from './approvals.ts';
import { decide, type Owner } from './decide.ts';
import { fieldRules, type DriftBound } from './field-rules.ts';
import { trackedOf, union, without } from './inventory.ts';
import { prune } from './prune.ts';
import { INSTANCE_ANNOTATION, INSTANCE_LABEL } from './records.ts';

export interface PlanInput {
  readonly desired: Desired;
  readonly records: ReadonlyMap<string, ApplicationRecord>;
  /** Entries of the repository's own documents. */
  readonly documents: readonly Tracked[];
  readonly observed: ReadonlyMap<string, Observation>;
  readonly approvals: Approvals;
  readonly config: RepositoryConfig;
  readonly drift: DriftBound;
  readonly leaving: readonly ApplicationRecord[];
}

const DOCUMENTS: Owner = { namespace: '', name: '', dialect: '1.10' };

const notLookedAt = (wanted: Wanted): Observation => ({ fault: new Fault('transport/unreachable', `${keyText(wanted.key)} was not looked at`) });

/** The records whose documents are gone from the commit. Those that are only broken stay (I11). */
export function leavingRecords(records: ReadonlyMap<string, ApplicationRecord>, catalog: Catalog, instance: string): readonly ApplicationRecord[] {
  if (catalog.unreadable.length > 0) return [];
  const present = new Set(catalog.applications.map((document) => `${document.object.metadata.namespace ?? 'default'}/${document.object.metadata.name ?? ''}`));
  for (const item of catalog.broken) if (item.kind === 'Application' || item.kind === '') present.add(`${item.namespace || 'default'}/${item.name}`);
  return [...records]
    .filter(([name, record]) => !present.has(name) && isKept(record, instance))
    .map(([, record]) => record)
    .sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}

/** Lateen keeps this Application, and it is this instance that does. */
export function isKept(record: ApplicationRecord, instance: string): boolean {
  return (
    record.application?.metadata.annotations?.[INSTANCE_ANNOTATION] === instance ||
    record.trackers.some((tracker) => record.name !== '' && record.namespace !== '' && tracker.metadata.labels?.[INSTANCE_LABEL] === (instance || 'default'))
  );
}

/** The entries of documents that the commit no longer holds. */
export function leavingDocuments(tracked: readonly Tracked[], desired: Desired, catalog: Catalog): readonly Tracked[] {
  if (catalog.unreadable.length > 0) return [];
  const wanted = new Set(desired.objects.map((item) => keyText(item.key)));
  return without(tracked, wanted).filter((entry) => !isBroken(entry, catalog));
}

/** The document of this entry is in the commit and cannot be used (I11). */
const isBroken = (entry: Tracked, catalog: Catalog): boolean =>
  catalog.broken.some(
    (item) => item.kind === entry.key.kind && item.name === entry.key.name && (item.namespace === '' || item.namespace === entry.key.namespace),
  );

/**
 * The hub's definitions without those that came from this repository and leave it with this commit: the pass that removes
 * one must not still render with it, or the next pass on the same commit would say otherwise (I8).
 */
export function stayingDefinitions(onHub: readonly KubeObject[], tracked: readonly Tracked[], catalog: Catalog): readonly KubeObject[] {
  if (catalog.unreadable.length > 0 || !catalog.config.prune) return onHub;
  const present = new Set(
    catalog.definitions.map(({ object }) => `${object.kind}/${object.metadata.namespace ?? DEFAULT_NAMESPACE}/${object.metadata.name ?? ''}`),
  );
  const leaving = new Set(
    tracked
      .filter((entry) => entry.key.kind.endsWith('Definition') && !isBroken(entry, catalog))
      .map((entry) => `${entry.key.kind}/${entry.key.namespace}/${entry.key.name}`)
      .filter((name) => !present.has(name)),
  );
  return onHub.filter((object) => !leaving.has(`${object.kind}/${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`));
}

/** Everything that the commit would change. */
export function plan(input: PlanInput, catalog: Catalog): Plan {
  const applications = input.desired.applications.map((desired) => planApplication(desired, input));
  const leaving = input.leaving.map((record): ApplicationPlan => ({
    namespace: record.namespace,
    name: record.name,
    restartsWorkflow: false,
    changes: input.config.prune
      ? prune({
          entries: union(...record.trackers.map(trackedOf)),
          observations: input.observed,
          owner: { namespace: record.namespace, name: record.name, dialect: '1.10' },
          approvals: input.approvals,
          leaving: true,
          isInitializer: record.application?.metadata.annotations?.[INITIALIZER_ANNOTATION] !== undefined,
        })
      : [],
  }));
  const rules = fieldRules(input.config, input.drift, null);
  const objects = input.desired.objects.map((wanted) => decide(wanted, input.observed.get(keyText(wanted.key)) ?? notLookedAt(wanted), DOCUMENTS, rules));
  const gone = input.config.prune
    ? prune({
        entries: leavingDocuments(input.documents, input.desired, catalog),
        observations: input.observed,
        owner: DOCUMENTS,
        approvals: input.approvals,
        leaving: false,
      })
    : [];
  return {
    applications: [...applications, ...leaving].sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1)),
    objects: { namespace: '', name: '', changes: [...objects, ...gone], restartsWorkflow: false },
  };
}

function planApplication(desired: DesiredApplication, input: PlanInput): ApplicationPlan {
  const { namespace, name } = desired;
  const record = input.records.get(`${namespace}/${name}`);
  if (desired.fault !== null) return { namespace, name, changes: [], restartsWorkflow: false };
  const owner: Owner = { namespace, name, dialect: desired.dialect };
  const wanted = [...desired.components.values()].flatMap((component) => component.objects).concat(desired.policyObjects, desired.placed);
  const rules = fieldRules(input.config, input.drift, { object: desired.object, origin: desired.document.origin });
  const changes: Change[] = wanted.map((item) => decide(item, input.observed.get(keyText(item.key)) ?? notLookedAt(item), owner, rules));
  const status = record?.application?.['status'] as { workflow?: { appRevision?: unknown } } | undefined;
  const restartsWorkflow = status?.workflow?.appRevision !== (desired.object.metadata.annotations?.['app.oam.dev/publishVersion'] ?? desired.revision.name);
  // Objects that steps make are only known when the steps run: what they own is not called stale before.
  const stale = without(union(...(record?.trackers ?? []).map(trackedOf)), new Set(wanted.map((item) => keyText(item.key)))).filter(
    (entry) => entry.component !== '' || !restartsWorkflow,
  );
  const deletions =
    restartsWorkflow && input.config.prune ? prune({ entries: stale, observations: input.observed, owner, approvals: input.approvals, leaving: false }) : [];
  return { namespace, name, changes: [...changes, ...deletions], restartsWorkflow };
}
