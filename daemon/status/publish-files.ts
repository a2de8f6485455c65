/** The files of the status branch, one per object. Pure, byte-stable (I8), no wall-clock noise, every list bounded (I7). */
import { printYaml } from '../lib/yaml.ts';
import type { Diagnostic } from '../model/fault.ts';
import { LOCAL } from '../model/object.ts';
import type { ApplicationReport, ClusterReport, Condition, InitializerReport, ObjectReport, Report, StepStatus } from '../model/status.ts';

export const clusterFile = (name: string): string => `clusters/${name}.yaml`;
export const applicationFile = (namespace: string, name: string): string => `applications/${namespace}/${name}.yaml`;
export const initializerFile = (namespace: string, name: string): string => `initializers/${namespace}/${name}.yaml`;
export const REPOSITORY_FILE = 'repository.yaml';
export const README_FILE = 'README.md';
/** Folders that a pass writes whole: what is not told any more goes. Other folders of the branch are others'. */
export const isObjectFile = (path: string): boolean => /^(?:applications|clusters|initializers)\//.test(path);

/** Bounds of one file: beyond them it says how many are left out. */
const OBJECTS_MAX = 500;
const DIAGNOSTICS_MAX = 100;
const DRIFT_MAX = 50;
const MESSAGE_MAX = 2_000;

const API_VERSION = 'lateen.dev/v1alpha1';

const omitEmpty = (value: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(value).filter(([, item]) => item !== '' && item !== undefined && item !== null && !(Array.isArray(item) && item.length === 0)),
  );

/** A text that may come from anywhere, cut to what a file should hold. */
const short = (text: string): string => (text.length <= MESSAGE_MAX ? text : `${text.slice(0, MESSAGE_MAX)}...`);

const errorOf = (fault: { readonly code: string; readonly message: string } | null): unknown =>
  fault === null ? undefined : { code: fault.code, message: short(fault.message) };

/** `path:line:column` of a finding; "" where it has no place. */
export const placeOf = (item: Diagnostic): string => (item.origin === undefined ? '' : `${item.origin.path}:${item.origin.line}:${item.origin.column}`);

const diagnosticOf = (item: Diagnostic): Record<string, unknown> =>
  omitEmpty({ code: item.code, severity: item.severity, at: placeOf(item), message: short(item.message), hint: item.hint });

const conditionOf = (item: Condition): Record<string, unknown> =>
  omitEmpty({ type: item.type, status: item.status, reason: item.reason, message: short(item.message) });

const stepOf = (step: StepStatus): Record<string, unknown> =>
  omitEmpty({ name: step.name, type: step.type, phase: step.phase, reason: step.reason, message: short(step.message), subSteps: step.subSteps.map(stepOf) });

/** `some, and 3 more` as two fields: the list, and how many are left out. */
function bounded<T>(name: string, list: readonly T[], most: number, print: (item: T) => unknown): Record<string, unknown> {
  return { [name]: list.slice(0, most).map(print), [`${name}LeftOut`]: list.length > most ? list.length - most : undefined };
}

const objectOf = (object: ObjectReport): Record<string, unknown> =>
  omitEmpty({
    apiVersion: object.key.apiVersion,
    kind: object.key.kind,
    namespace: object.key.namespace,
    name: object.key.name,
    cluster: object.key.cluster === LOCAL ? '' : object.key.cluster,
    health: object.health,
    message: short(object.fault === null ? object.message : object.fault.message),
    code: object.fault?.code,
    ...bounded('drift', object.drift, DRIFT_MAX, (path) => path),
  });

/** A mistake that is told of an application and of the repository is one mistake. */
export function unique(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return [...new Map(diagnostics.map((item) => [JSON.stringify(diagnosticOf(item)), item])).values()];
}

/** The commit that a status file says was looked at; "" when it says none. */
export function observedIn(text: string | undefined): string {
  return /^observedRevision: '?([0-9a-f]+)'?$/m.exec(text ?? '')?.[1] ?? '';
}

/**
 * A file in which the commit that was looked at stands between its head and the rest. It says with which commit things
 * came to be as they are: a later commit that changes nothing for this object does not touch its file (I5).
 */
function withObserved(head: string, rest: string, before: string | undefined, observed: string): string {
  const text = (revision: string): string => `${head}${revision === '' ? '' : printYaml({ observedRevision: revision }, 'as-is')}${rest}`;
  const same = text(observedIn(before));
  return before === same ? same : text(observed);
}

const printFields = (fields: Readonly<Record<string, unknown>>): string => (Object.keys(fields).length === 0 ? '' : printYaml(fields, 'as-is'));

/** Parts of files that were made of the very same report: most applications are not touched by most passes. */
const printed = new WeakMap<ApplicationReport, readonly [head: string, rest: string]>();

/**
 * The status file of one application. Field by field what people ask first: is it well, since which commit, why not.
 * `before` is the file as the branch has it, `observed` the commit of this pass.
 */
export function applicationYaml(report: ApplicationReport, leaving: boolean, before: string | undefined, observed: string): string {
  const known = leaving ? undefined : printed.get(report);
  const parts = known ?? ([applicationHead(report, leaving), applicationRest(report)] as const);
  if (known === undefined && !leaving) printed.set(report, parts);
  return withObserved(...parts, before, observed);
}

function applicationHead(report: ApplicationReport, leaving: boolean): string {
  return printYaml(
    {
      apiVersion: API_VERSION,
      kind: 'ApplicationStatus',
      metadata: { name: report.name, namespace: report.namespace },
      ...omitEmpty({ source: report.path, phase: report.phase, leaving: leaving ? true : undefined, conditions: report.conditions.map(conditionOf) }),
    },
    'as-is',
  );
}

function applicationRest(report: ApplicationReport): string {
  const definitions = Object.entries(report.definitions ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return printFields(
    omitEmpty({
      appliedRevision: report.appliedRevision,
      author: report.author,
      revision: report.latestRevision,
      revisionHash: report.revisionHash,
      approvals: (report.approvals ?? []).map((item) => omitEmpty({ by: item.by, action: item.action, target: item.target, source: item.path })),
      services: report.services.map((service) =>
        omitEmpty({
          name: service.name,
          namespace: service.namespace,
          cluster: service.cluster === LOCAL ? '' : service.cluster,
          kind: service.workload.kind,
          healthy: service.healthy,
          message: short(service.message),
          traits: service.traits.map((trait) => omitEmpty({ type: trait.type, healthy: trait.healthy, message: short(trait.message) })),
        }),
      ),
      workflow:
        report.journal === null || report.journal.steps.length === 0 ? undefined : { state: report.journal.state, steps: report.journal.steps.map(stepOf) },
      ...bounded('objects', report.objects, OBJECTS_MAX, objectOf),
      error: errorOf(report.fault),
      ...bounded('diagnostics', report.diagnostics, DIAGNOSTICS_MAX, diagnosticOf),
      definitions: definitions.length === 0 ? undefined : Object.fromEntries(definitions),
    }),
  );
}

/** The status file of one Initializer: how far it is, and what it waits for. */
export function initializerYaml(report: InitializerReport, before: string | undefined, observed: string): string {
  const head = printYaml(
    {
      apiVersion: API_VERSION,
      kind: 'InitializerStatus',
      metadata: { name: report.name, namespace: report.namespace },
      ...omitEmpty({ source: report.path, phase: report.phase, message: short(report.message), conditions: report.conditions.map(conditionOf) }),
    },
    'as-is',
  );
  return withObserved(head, printFields(omitEmpty({ dependsOn: report.dependsOn.map(({ name, phase }) => omitEmpty({ name, phase })) })), before, observed);
}

/** The status file of one member cluster: is it there, and what lies on it. Nothing that changes with every heartbeat. */
export function clusterYaml(report: ClusterReport): string {
  return printYaml(
    {
      apiVersion: API_VERSION,
      kind: 'ClusterStatus',
      metadata: { name: report.name },
      ...omitEmpty({
        delivery: report.mode,
        accepted: report.accepted,
        available: report.available,
        kubernetes: report.version,
        labels: Object.keys(report.labels).length === 0 ? undefined : report.labels,
        error: errorOf(report.fault),
        applications: report.applications.map(({ application, objects }) => ({
          application,
          ...omitEmpty(bounded('objects', objects, OBJECTS_MAX, (object) => objectOf({ ...object, key: { ...object.key, cluster: LOCAL } }))),
        })),
      }),
    },
    'as-is',
  );
}

/** The status file of what belongs to no application: the pass itself, documents applied as they are, mistakes. */
export function repositoryYaml(report: Report, observed: string): string {
  return printYaml(
    {
      apiVersion: API_VERSION,
      kind: 'RepositoryStatus',
      ...omitEmpty({
        observedRevision: observed,
        fault: errorOf(report.fault),
        ...bounded('objects', report.objects, OBJECTS_MAX, objectOf),
        ...bounded('diagnostics', unique(report.diagnostics), DIAGNOSTICS_MAX, diagnosticOf),
      }),
    },
    'as-is',
  );
}
