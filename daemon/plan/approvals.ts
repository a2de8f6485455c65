/** What the Approval documents of a commit allow. Which of them count is found out by daemon/approvals.ts. Pure. */
import { DEFAULT_NAMESPACE, type Document } from '../model/catalog.ts';
import { LOCAL, type JsonObject } from '../model/object.ts';
import type { ApprovalReport } from '../model/status.ts';
import type { Action, Approved } from './approvers.ts';

/** An Approval that counts, with who gave it. */
export interface Consent extends ApprovalReport {
  /** The commit that brought it; "" where nobody asked. */
  readonly commit: string;
}

/** An object to be deleted. */
export interface DeleteTarget {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly cluster?: string;
  /** Of the live object; absent: not known, and then an Approval for one uid does not speak of it. */
  readonly uid?: string;
}

export interface Approvals {
  /** The Approval that lets this object be deleted; null when there is none. */
  readonly allowsDelete: (target: DeleteTarget) => Consent | null;
  /** The Approval that gives up whatever lies on this cluster, as long as it cannot be asked. */
  readonly abandons: (cluster: string) => Consent | null;
  /** The Approval by which this step may go on. */
  readonly resumes: (namespace: string, application: string, step: string, hash: string) => Consent | null;
  /** Those that speak of this content of an application. */
  readonly ofApplication: (namespace: string, application: string, hash: string) => readonly Consent[];
  /** To be told when something was done by it. */
  readonly act: (approval: ApprovalReport) => void;
  /** By which something was done so far, each once. */
  readonly acted: () => readonly ApprovalReport[];
}

const specOf = (document: Document): JsonObject => (document.object['spec'] ?? {}) as JsonObject;
const targetOf = (spec: JsonObject): JsonObject => (spec['target'] ?? {}) as JsonObject;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const hasExpired = (spec: JsonObject, nowMs: number): boolean => typeof spec['expires'] === 'string' && !(Date.parse(spec['expires']) > nowMs);

/** What an Approval speaks of. */
export function approvedOf(document: Document): Approved {
  const spec = specOf(document);
  const { kind, namespace, name } = targetOf(spec);
  const isApplication = kind === 'Application' || kind === 'Initializer';
  return {
    action: text(spec['action']) as Action,
    kind: text(kind),
    namespace: typeof namespace === 'string' ? namespace : isApplication ? DEFAULT_NAMESPACE : null,
    name: text(name),
  };
}

/** Reads Approval documents that count; `nowMs` decides which have expired, `whoOf` tells who gave each. */
export function approvalsOf(
  documents: readonly Document[],
  nowMs: number,
  whoOf: (document: Document) => { readonly by: string; readonly commit: string } = () => ({ by: '', commit: '' }),
): Approvals {
  const all = documents.map((document) => ({ document, spec: specOf(document) })).filter(({ spec }) => !hasExpired(spec, nowMs));
  const acted = new Map<string, ApprovalReport>();
  const fits = (value: unknown, wanted: string | undefined): boolean => value === undefined || value === '' || value === wanted;
  // What an Approval does not say, it does not approve everywhere: `default` (or none, where the kind has none), the hub.
  const isAt = (spec: JsonObject, key: DeleteTarget): boolean =>
    (targetOf(spec)['namespace'] ?? (key.namespace === '' ? '' : DEFAULT_NAMESPACE)) === key.namespace &&
    (targetOf(spec)['cluster'] || LOCAL) === (key.cluster ?? LOCAL);
  const isOf = (spec: JsonObject, namespace: string, application: string, hash: string): boolean =>
    spec['action'] === 'resume' &&
    targetOf(spec)['name'] === application &&
    (targetOf(spec)['namespace'] ?? DEFAULT_NAMESPACE) === namespace &&
    fits(spec['hash'], hash);
  const consent = ({ document, spec }: (typeof all)[number]): Consent => {
    const { action, kind, namespace, name } = approvedOf(document);
    const object = `${kind} ${[namespace ?? '', name].filter((part) => part !== '').join('/')}`;
    return { ...whoOf(document), action, target: action === 'resume' && text(spec['step']) !== '' ? text(spec['step']) : object, path: document.origin.path };
  };
  const first = (accept: (spec: JsonObject) => boolean): Consent | null => {
    const found = all.find(({ spec }) => accept(spec));
    return found === undefined ? null : consent(found);
  };
  return {
    allowsDelete: (key) =>
      first(
        (spec) =>
          spec['action'] === 'delete' &&
          targetOf(spec)['kind'] === key.kind &&
          targetOf(spec)['name'] === key.name &&
          isAt(spec, key) &&
          fits(targetOf(spec)['uid'], key.uid),
      ),
    abandons: (cluster) =>
      cluster === LOCAL
        ? null
        : first((spec) => spec['action'] === 'abandon' && targetOf(spec)['kind'] === 'ManagedCluster' && targetOf(spec)['name'] === cluster),
    resumes: (namespace, application, step, hash) => first((spec) => isOf(spec, namespace, application, hash) && fits(spec['step'], step)),
    ofApplication: (namespace, application, hash) => all.filter(({ spec }) => isOf(spec, namespace, application, hash)).map(consent),
    act: (item) => {
      acted.set(JSON.stringify([item.path, item.action, item.target]), item);
    },
    acted: () => [...acted.values()],
  };
}

/** Why an Approval is out of date, whoever gave it; "" while it is not. `hashOf` knows the applications of the commit: undefined for none, "" where the hash is not known. */
export function staleness(document: Document, nowMs: number, hashOf: (application: string) => string | undefined): string {
  const spec = specOf(document);
  if (hasExpired(spec, nowMs)) return `it expired at ${text(spec['expires'])}`;
  if (spec['action'] !== 'resume') return '';
  const { namespace, name } = approvedOf(document);
  const current = hashOf(`${namespace ?? ''}/${name}`);
  if (current === undefined) return `there is no application ${namespace ?? ''}/${name} in this commit`;
  const hash = text(spec['hash']);
  return hash === '' || current === '' || hash === current
    ? ''
    : `it was given for the content ${hash} of ${namespace ?? ''}/${name}, which has ${current} now`;
}

/** What an Approval must say so that it cannot be used a second time for something else; "" when it says all of it. */
export function looseness(document: Document): string {
  const spec = specOf(document);
  const needed = spec['action'] === 'resume' ? ['step', 'hash', 'expires'] : ['expires'];
  const missing = needed.filter((field) => text(spec[field]) === '');
  return missing.length === 0 ? '' : `it has no ${missing.join(', no ')}, so it would hold for more than was looked at`;
}
