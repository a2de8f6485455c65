/**
 * Steps that would wait for somebody, and will not: an Approval for this very content is there already. So it is with a way
 * back to what was approved before. Pure.
 */
import { DEFAULT_NAMESPACE, type Document } from '../model/catalog.ts';
import type { JsonObject } from '../model/object.ts';
import type { DesiredApplication, Step } from '../model/plan.ts';
import { approvedOf, type Approvals } from './approvals.ts';

export interface ApprovedStep {
  readonly step: string;
  /** The Approval's file. */
  readonly path: string;
  /** As it is written; "" for one that never ends. */
  readonly expires: string;
}

const flat = (steps: readonly Step[]): readonly Step[] => steps.flatMap((step) => [step, ...flat(step.subSteps)]);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const specOf = (document: Document): JsonObject => (document.object['spec'] ?? {}) as JsonObject;

/** Whether a document says that steps of this content may go on, whoever wrote it. */
export function speaksOf(document: Document, app: Pick<DesiredApplication, 'namespace' | 'name' | 'revision'>): boolean {
  const { action, namespace, name } = approvedOf(document);
  const hash = text(specOf(document)['hash']);
  return action === 'resume' && name === app.name && (namespace ?? DEFAULT_NAMESPACE) === app.namespace && (hash === '' || hash === app.revision.hash);
}

/** The steps of an application that an Approval lets go on; `documents` are those that Approvals may come from. */
export function approvedSteps(app: DesiredApplication, approvals: Approvals, documents: readonly Document[]): readonly ApprovedStep[] {
  return flat(app.steps).flatMap(({ name, type, properties }) => {
    const path = approvals.resumes(app.namespace, app.name, name, app.revision.hash)?.path;
    const found =
      path === undefined
        ? undefined
        : documents.find((document) => document.origin.path === path && speaksOf(document, app) && ['', name].includes(text(specOf(document)['step'])));
    if (path === undefined || found === undefined) return [];
    // One that names no step is for all of them: only those are told that are known to wait.
    const waits = type === 'suspend' || (type === 'deploy' && properties['auto'] === false) || text(specOf(found)['step']) === name;
    return waits ? [{ step: name, path, expires: text(specOf(found)['expires']) }] : [];
  });
}
