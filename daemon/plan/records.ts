/** The objects that Lateen keeps on the hub about an Application, as KubeVela has them. Pure. */
import { equal } from '../lib/json.ts';
import { DEFAULT_NAMESPACE, type Document, type Revision } from '../model/catalog.ts';
import type { KubeObject } from '../model/object.ts';
import type { DesiredApplication } from '../model/plan.ts';
import type { Tracked } from '../model/status.ts';
import { managedResources } from './inventory.ts';

const API = 'core.oam.dev/v1beta1';
/** Which daemon keeps this Application: only what carries it is ever removed with its document. */
export const INSTANCE_ANNOTATION = 'lateen.dev/instance';
/** The same on what remembers it, should the Application object be gone; `default` where the instance has no name. */
export const INSTANCE_LABEL = 'lateen.dev/instance';
/** The file of the repository that it was written in. */
export const SOURCE_ANNOTATION = 'lateen.dev/source';
/** The commit whose content this is. */
export const COMMIT_ANNOTATION = 'lateen.dev/source-commit';
/** The author of that commit. */
export const AUTHOR_ANNOTATION = 'lateen.dev/source-author';
/** `namespace/name` for records whose name does not fit a label. */
const APPLICATION_ANNOTATION = 'lateen.dev/application';

const annotationOf = (object: KubeObject | null, name: string): string => object?.metadata.annotations?.[name] ?? '';

/** The hash of the content that the hub's status tells of; "" when there is none. */
export function appliedHash(application: KubeObject | null): string {
  const status = application?.['status'] as { latestRevision?: { revisionHash?: unknown } } | undefined;
  const hash = status?.latestRevision?.revisionHash;
  return typeof hash === 'string' ? hash : '';
}

/**
 * The Application as it goes to the hub: Git decides the spec. A commit that does not change its content does not change
 * which commit it is said to come from, so that nothing is written for it (I5); nor does one that cannot be rendered, for
 * what runs is still the content of the commit before.
 */
export function applicationObject(desired: DesiredApplication, live: KubeObject | null, revision: Revision, instance: string): KubeObject {
  const isKept = appliedHash(live) === desired.revision.hash || (desired.fault !== null && appliedHash(live) !== '');
  const same = isKept && annotationOf(live, COMMIT_ANNOTATION) !== '';
  const annotations = {
    ...desired.object.metadata.annotations,
    [INSTANCE_ANNOTATION]: instance,
    [SOURCE_ANNOTATION]: desired.document.origin.path,
    [COMMIT_ANNOTATION]: same ? annotationOf(live, COMMIT_ANNOTATION) : revision.sha,
    [AUTHOR_ANNOTATION]: same ? annotationOf(live, AUTHOR_ANNOTATION) : revision.author,
  };
  const { name, namespace, labels } = desired.object.metadata;
  return {
    apiVersion: API,
    kind: 'Application',
    metadata: { name: name ?? desired.name, namespace: namespace ?? desired.namespace, ...(labels === undefined ? {} : { labels }), annotations },
    spec: desired.object['spec'],
  };
}

/** The Initializer as it goes to the hub; a built-in one has no commit. The commit stays as long as the content does (I5). */
export function initializerObject({ object, origin }: Document, live: KubeObject | null, revision: Revision, instance: string): KubeObject {
  const same = live !== null && equal(live['spec'], object['spec']) && annotationOf(live, COMMIT_ANNOTATION) !== '';
  const { name, namespace, labels, annotations } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: {
      name: name ?? '',
      namespace: namespace ?? DEFAULT_NAMESPACE,
      ...(labels === undefined ? {} : { labels }),
      annotations: {
        ...annotations,
        [INSTANCE_ANNOTATION]: instance,
        [SOURCE_ANNOTATION]: origin.path,
        [COMMIT_ANNOTATION]: same ? annotationOf(live, COMMIT_ANNOTATION) : revision.sha,
        [AUTHOR_ANNOTATION]: same ? annotationOf(live, AUTHOR_ANNOTATION) : revision.author,
      },
    },
    spec: object['spec'],
  };
}

/** Whether the hub's Application or Initializer says what Git says. */
export function isMirrored(wanted: KubeObject, live: KubeObject | null): boolean {
  if (live === null || live.metadata.deletionTimestamp !== undefined) return false;
  const covers = (own: Readonly<Record<string, string>> | undefined, other: Readonly<Record<string, string>> | undefined): boolean =>
    Object.entries(own ?? {}).every(([key, value]) => other?.[key] === value);
  return (
    equal(wanted['spec'], live['spec']) &&
    covers(wanted.metadata.labels, live.metadata.labels) &&
    covers(wanted.metadata.annotations, live.metadata.annotations)
  );
}

/** The ResourceTracker of this content: `<revision>-<namespace>`, type versioned, KubeVela 1.10's form. */
export function trackerObject(desired: DesiredApplication, application: KubeObject, entries: readonly Tracked[], instance: string): KubeObject {
  const long = desired.name.length > 63 || desired.namespace.length > 63;
  return {
    apiVersion: API,
    kind: 'ResourceTracker',
    metadata: {
      name: trackerName(desired),
      labels: {
        'app.oam.dev/name': desired.name.slice(0, 63),
        'app.oam.dev/namespace': desired.namespace.slice(0, 63),
        'app.oam.dev/appRevision': desired.revision.name.slice(0, 63),
        'app.oam.dev/uid': application.metadata.uid ?? '',
        [INSTANCE_LABEL]: instance || 'default',
      },
      ...(long ? { annotations: { [APPLICATION_ANNOTATION]: `${desired.namespace}/${desired.name}` } } : {}),
    },
    spec: { type: 'versioned', applicationGeneration: application.metadata.generation ?? 1, managedResources: managedResources(entries) },
  };
}

export const trackerName = (desired: DesiredApplication): string => `${desired.revision.name}-${desired.namespace}`;

/** The tracker of the repository's own documents, which belong to no Application. */
export function documentsTracker(instance: string, entries: readonly Tracked[]): KubeObject {
  return {
    apiVersion: API,
    kind: 'ResourceTracker',
    metadata: {
      name: documentsTrackerName(instance),
      labels: { 'app.oam.dev/name': documentsTrackerName(instance).slice(0, 63), [INSTANCE_LABEL]: instance || 'default' },
    },
    spec: { type: 'versioned', applicationGeneration: 1, managedResources: managedResources(entries) },
  };
}

export const documentsTrackerName = (instance: string): string => (instance === '' ? 'lateen-documents' : `lateen-documents-${instance}`);

/** Fields that only the hub sets, which a snapshot leaves out. */
function snapshot(object: KubeObject): KubeObject {
  const { name, namespace, labels, annotations } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: object['spec'] ?? {},
  };
}

const FIELD_OF: Readonly<Record<string, string>> = {
  ComponentDefinition: 'componentDefinitions',
  WorkloadDefinition: 'workloadDefinitions',
  TraitDefinition: 'traitDefinitions',
  PolicyDefinition: 'policyDefinitions',
  WorkflowStepDefinition: 'workflowStepDefinitions',
};

/**
 * The ApplicationRevision of this content, with the definitions it was rendered with. KubeVela makes the Application its
 * owner; here it must outlive an Application that somebody deletes, for it keeps the copy of a finished run's journal.
 */
export function revisionObject(desired: DesiredApplication, application: KubeObject, componentRevisions: string): KubeObject {
  const definitions: Record<string, Record<string, unknown>> = {};
  for (const object of desired.definitions.values()) {
    const field = FIELD_OF[object.kind];
    if (field !== undefined) (definitions[field] ??= {})[object.metadata.name ?? ''] = snapshot(object);
  }
  const long = desired.name.length > 63;
  return {
    apiVersion: API,
    kind: 'ApplicationRevision',
    metadata: {
      name: desired.revision.name,
      namespace: desired.namespace,
      labels: { 'app.oam.dev/name': desired.name.slice(0, 63), 'app.oam.dev/app-revision-hash': desired.revision.hash },
      ...(long || componentRevisions !== '{}'
        ? {
            annotations: {
              ...(long ? { [APPLICATION_ANNOTATION]: `${desired.namespace}/${desired.name}` } : {}),
              ...(componentRevisions === '{}' ? {} : { 'lateen.dev/component-revisions': componentRevisions }),
            },
          }
        : {}),
    },
    spec: { application: snapshot(application), ...definitions },
  };
}

const numberOf = (revision: KubeObject): number => Number(/-v(\d+)$/.exec(revision.metadata.name ?? '')?.[1] ?? 0);

/** The revisions beyond the newest `keepMax`, oldest first; the one in use is never among them. */
export function surplusRevisions(revisions: readonly KubeObject[], inUse: string, keepMax: number): readonly KubeObject[] {
  const others = revisions.filter((revision) => revision.metadata.name !== inUse).sort((a, b) => numberOf(b) - numberOf(a));
  return others.slice(keepMax).reverse();
}
