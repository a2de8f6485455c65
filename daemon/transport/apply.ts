/**
 * The one apply primitive: every object that Lateen delivers goes through here.
 *
 *   read-only? ── yes ──> must exist, nothing is written
 *       │ no
 *   a field that asks for it differs? ── yes ──> delete, create
 *       │ no
 *   replace? ── yes, and it exists ──> PUT
 *       │ no
 *   server-side apply ── taken ──> done
 *       ├─ conflict: every field was ours before, or force ──> again, forced
 *       │            else ──> transport/conflict, naming field and manager (I10)
 *       └─ the document does not fit server-side apply ──> three-way merge, with a warning
 */
import { isRecord } from '../lib/json.ts';
import { valueAt, parseFieldPath, withValuesOf } from '../lib/field-path.ts';
import { carriesCopy, LAST_APPLIED_ANNOTATION, lastAppliedOf, RENDER_HASH_ANNOTATION } from '../lib/stamp.ts';
import { differences, SERVER_METADATA } from '../lib/subset.ts';
import { DEFAULT_NAMESPACE } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import { describeKey } from '../model/object.ts';
import type { KubeObject } from '../model/object.ts';
import type { ApplyRequest, Effects } from '../model/ports.ts';
import { ApiFault, conflictWords, isUntyped, managerOf } from './faults.ts';
import { kindsOf } from './hub.ts';
import type { KubeClient, Written } from './kube.ts';
import { targetOf } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import { gatherFields, hasStrayFields, isOurManager, setsField } from './managed-fields.ts';
import { mergePatchBetween, threeWayMerge } from './three-way.ts';

/** What one apply did. `object` is the server's answer. */
export interface Applied {
  readonly object: KubeObject;
  readonly changed: boolean;
  readonly warnings: readonly string[];
}

/**
 * Applies one object. Each write is one effect. Faults: transport/*, and plan/ownership for a read-only object that is
 * not there. The caller has put labels and annotations on it (lib/stamp.ts).
 */
export async function applyObject(client: KubeClient, request: ApplyRequest, effects: Effects, signal: AbortSignal): Promise<Applied> {
  const { rules, live } = request;
  if (rules.readOnly) return keepReadOnly(request);
  const scope = await client.resource(request.object.apiVersion, request.object.kind, signal);
  let wanted = sendable(request.object, scope.namespaced);
  if ((wanted.metadata.name ?? '') === '') throw new Fault('transport/invalid', `${request.key.kind} has no metadata.name`);
  if (live !== null && rules.keepOnUpdate.includes('*')) return { object: live, changed: false, warnings: [] };
  if (live !== null && rules.keepOnUpdate.length > 0) wanted = withValuesOf(wanted, live, rules.keepOnUpdate);
  const subject = describeKey(request.key);
  if (live !== null && rules.recreateFields.some((path) => mustRecreate(wanted, live, path))) {
    await effects.run('delete', subject, () =>
      client.delete(targetOf(wanted), { ...(live.metadata.uid === undefined ? {} : { uid: live.metadata.uid }), propagation: 'Background' }, signal),
    );
    return effects.run('apply', subject, () => create(client, wanted, signal));
  }
  const applied = await effects.run('apply', subject, () =>
    live !== null && rules.replace ? replace(client, wanted, live, signal) : serverSide(client, wanted, request, signal),
  );
  if (wanted.kind === 'CustomResourceDefinition') for (const [apiVersion, kind] of kindsOf(wanted)) client.expectKind(apiVersion, kind);
  return applied;
}

/**
 * Asks whether the server would take the object, as {@link applyObject} would write it: KubeVela 1.10's dry-run before it
 * dispatches. What is replaced or made anew is not asked about: the answer would be another one by then. Faults: transport/*.
 */
export async function rehearseObject(client: KubeClient, request: ApplyRequest, signal: AbortSignal): Promise<void> {
  const { rules, live } = request;
  if (rules.readOnly || (live !== null && (rules.replace || rules.recreateFields.length > 0 || rules.keepOnUpdate.length > 0))) return;
  const scope = await client.resource(request.object.apiVersion, request.object.kind, signal);
  const wanted = sendable(request.object, scope.namespaced);
  try {
    // A conflict is told by the real apply, which knows whose the field was.
    await client.apply(wanted, { fieldManager: FIELD_MANAGER, force: true, dryRun: true }, signal);
  } catch (error) {
    if (!isUntyped(error)) throw error;
    if (live === null) await client.create(wanted, { fieldManager: FIELD_MANAGER, dryRun: true }, signal);
  }
}

/** KubeVela 1.10's read-only policy, in its words. */
function keepReadOnly(request: ApplyRequest): Applied {
  if (request.live !== null) return { object: request.live, changed: false, warnings: [] };
  throw new Fault(
    'plan/ownership',
    `${request.key.kind} (${request.key.name}) is marked as read-only but does not exist. You should check the existence of the resource or remove the read-only policy`,
  );
}

/** The document as it is sent: without what a server wrote, and with the namespace that its scope asks for. */
export function sendable(object: KubeObject, namespaced: boolean): KubeObject {
  const { status: _status, ...rest } = object;
  const metadata: Record<string, unknown> = { ...object.metadata };
  for (const field of SERVER_METADATA) delete metadata[field];
  if (!namespaced) delete metadata['namespace'];
  else metadata['namespace'] = object.metadata.namespace || DEFAULT_NAMESPACE;
  return { ...rest, metadata };
}

function mustRecreate(wanted: KubeObject, live: KubeObject, path: string): boolean {
  const fields = parseFieldPath(path);
  const value = valueAt(wanted, fields);
  if (value === undefined) return false;
  const [first = '', ...rest] = fields;
  // Compared as the server stores it: only the part at the path is put into an object of the same kind.
  const only = (part: unknown): KubeObject => ({ apiVersion: wanted.apiVersion, kind: wanted.kind, metadata: {}, [String(first)]: nest(rest, part) });
  return differences(only(value), only(valueAt(live, fields))).length > 0;
}

function nest(path: readonly (string | number)[], value: unknown): unknown {
  return path.reduceRight<unknown>((inner, part) => ({ [String(part)]: inner }), value);
}

async function create(client: KubeClient, wanted: KubeObject, signal: AbortSignal): Promise<Applied> {
  return { ...(await client.create(wanted, { fieldManager: FIELD_MANAGER }, signal)), changed: true };
}

async function replace(client: KubeClient, wanted: KubeObject, live: KubeObject, signal: AbortSignal): Promise<Applied> {
  const resourceVersion = live.metadata.resourceVersion;
  const body = { ...wanted, metadata: { ...wanted.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) } };
  return applied(await client.replace(body, { fieldManager: FIELD_MANAGER }, signal), live);
}

function applied(written: Written, live: KubeObject | null, warnings: readonly string[] = []): Applied {
  const changed = live === null || live.metadata.resourceVersion !== written.object.metadata.resourceVersion;
  return { object: written.object, changed, warnings: [...warnings, ...written.warnings] };
}

async function serverSide(client: KubeClient, wanted: KubeObject, request: ApplyRequest, signal: AbortSignal): Promise<Applied> {
  const { live, owned, rules } = request;
  const force = rules.force || rules.takeOver;
  if (live !== null && (owned || force) && hasStrayFields(live)) await gather(client, wanted, live, signal);
  try {
    return applied(await client.apply(wanted, { fieldManager: FIELD_MANAGER, force }, signal), live);
  } catch (error) {
    if (isUntyped(error)) return threeWay(client, wanted, request, (error as Error).message, signal);
    if (!(error instanceof ApiFault) || error.code !== 'transport/conflict') throw error;
    await mayForce(client, wanted, owned, error, signal);
    return applied(await client.apply(wanted, { fieldManager: FIELD_MANAGER, force: true }, signal), live);
  }
}

/** Moves our own fields under one manager. Lost races are no harm: the next apply does it. */
async function gather(client: KubeClient, wanted: KubeObject, live: KubeObject, signal: AbortSignal): Promise<void> {
  const whole = gatherFields(live) === null ? await client.get(targetOf(wanted), signal) : live;
  const managedFields = whole === null ? null : gatherFields(whole);
  if (whole === null || managedFields === null) return;
  const patch = [
    { op: 'replace', path: '/metadata/managedFields', value: managedFields },
    { op: 'replace', path: '/metadata/resourceVersion', value: whole.metadata.resourceVersion },
  ];
  try {
    await client.patch(targetOf(wanted), 'json', patch, { fieldManager: FIELD_MANAGER }, signal);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'transport/gone') throw error;
  }
}

/**
 * Returns when every field in conflict was ours before another changed it (drift, I10); else throws the conflict with
 * the foreign fields alone. Ours is what the live object's own copy of the last apply names; a kind that carries no copy
 * is ours altogether when the object is.
 */
async function mayForce(client: KubeClient, wanted: KubeObject, owned: boolean, conflict: ApiFault, signal: AbortSignal): Promise<void> {
  const live = await client.get(targetOf(wanted), signal);
  const last = live === null ? null : lastAppliedOf(live);
  const all = owned && (!carriesCopy(wanted) || wanted.metadata.annotations?.[LAST_APPLIED_ANNOTATION] === undefined);
  const foreign = conflict.causes.filter(
    (cause) =>
      !isOurManager(managerOf(cause)) &&
      !all &&
      !(owned && (STAMPS.some((name) => cause.field.endsWith(name)) || (last !== null && setsField(last, cause.field)))),
  );
  if (foreign.length === 0) return;
  const { statusCode, reason } = conflict;
  throw new ApiFault(
    'transport/conflict',
    `${wanted.kind} ${wanted.metadata.namespace === undefined ? '' : `${wanted.metadata.namespace}/`}${wanted.metadata.name}: ${conflictWords(foreign)}`,
    { statusCode, reason, causes: foreign },
  );
}

const STAMPS = [LAST_APPLIED_ANNOTATION, RENDER_HASH_ANNOTATION];

async function threeWay(client: KubeClient, wanted: KubeObject, request: ApplyRequest, why: string, signal: AbortSignal): Promise<Applied> {
  const warning = `server-side apply cannot take this document, so it was merged three ways (${shorten(why)})`;
  const target = targetOf(wanted);
  const live = await client.get(target, signal);
  if (live === null) {
    const made = await create(client, wanted, signal);
    return { ...made, warnings: [warning, ...made.warnings] };
  }
  const force = request.owned || request.rules.force || request.rules.takeOver;
  const foreign = force ? [] : differences(wanted, live).filter((pointer) => hasLiveValue(live, pointer) && !pointer.startsWith('/metadata/annotations/'));
  if (foreign.length > 0)
    throw new Fault('transport/conflict', `${describeKey(request.key)}: ${foreign.slice(0, 8).join(', ')} have another value, and the object is not ours`);
  const patch = mergePatchBetween(live, threeWayMerge(lastAppliedOf(live), wanted, live));
  if (patch === null) return { object: live, changed: request.live?.metadata.resourceVersion !== live.metadata.resourceVersion, warnings: [warning] };
  const metadata = isRecord(patch['metadata']) ? patch['metadata'] : {};
  const body = { ...patch, metadata: { ...metadata, resourceVersion: live.metadata.resourceVersion } };
  return applied(await client.patch(target, 'merge', body, { fieldManager: FIELD_MANAGER }, signal), live, [warning]);
}

function hasLiveValue(live: KubeObject, pointer: string): boolean {
  return (
    valueAt(
      live,
      pointer
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')),
    ) !== undefined
  );
}

/** The end of the server's sentence, which is where the reason stands. */
function shorten(why: string): string {
  const reason = /(?:failed to (?:create|convert)[^:]*: )(.*)$/s.exec(why)?.[1] ?? why;
  return reason.length > 200 ? `${reason.slice(0, 199)}…` : reason;
}
