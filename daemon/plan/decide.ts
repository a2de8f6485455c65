/** What is to be done about one object: the decision of stage 4, pure. */
import { withValuesOf } from '../lib/field-path.ts';
import { withLiveAt } from '../lib/field-pointer.ts';
import { leavingToOthers } from '../lib/manifest-work.ts';
import { FIELD_MANAGER, renderHashOf, stamp, RENDER_HASH_ANNOTATION } from '../lib/stamp.ts';
import { differences } from '../lib/subset.ts';
import { Fault } from '../model/fault.ts';
import { describeKey, type Json, type KubeObject } from '../model/object.ts';
import type { Change, FieldChange, Wanted } from '../model/plan.ts';
import type { Observation } from '../model/status.ts';
import { PLAIN_FIELD_RULES, type FieldRules } from './field-rules.ts';

/** Whose object it would be: an Application, or the repository itself. */
export interface Owner {
  readonly namespace: string;
  /** "" for the repository's own documents. */
  readonly name: string;
  readonly dialect: '1.1' | '1.10';
}

/** Base64 values for `stringData`, as the API server stores them, so that drift in them is seen. */
export function storedForm(object: KubeObject): KubeObject {
  if (object.kind !== 'Secret' || object.apiVersion !== 'v1' || object['stringData'] === undefined || object['stringData'] === null) return object;
  const { stringData, ...rest } = object;
  const encoded = Object.fromEntries(
    Object.entries(stringData as Record<string, unknown>).map(([key, value]) => [key, Buffer.from(String(value), 'utf8').toString('base64')]),
  );
  return { ...rest, data: { ...(rest['data'] as Record<string, unknown> | undefined), ...encoded } };
}

/** The object as it is sent: Secrets in their stored form, with KubeVela's annotations about what was applied. */
export function finalForm(wanted: Wanted): Wanted {
  return { ...wanted, object: stamp(storedForm(wanted.object)) };
}

/** Whether a live object is this owner's, another application's (`ns/name`), or nobody's. */
export function ownership(live: KubeObject, owner: Owner): { readonly by: 'us' | 'other' | 'nobody'; readonly name: string } {
  const labels = live.metadata.labels ?? {};
  const name = labels['app.oam.dev/name'];
  const namespace = labels['app.oam.dev/namespace'];
  if (owner.name === '') return isStamped(live) ? { by: 'us', name: '' } : { by: 'nobody', name: '' };
  if (name === undefined || name === '') return { by: 'nobody', name: '' };
  // Objects of KubeVela 1.1 do not say their application's namespace; then it is the object's own or not known.
  const same = name === owner.name && (namespace === undefined || namespace === '' || namespace === owner.namespace);
  return same ? { by: 'us', name: '' } : { by: 'other', name: `${namespace ?? ''}/${name}` };
}

/** Lateen applied it: the stamp is there and was put there by us. */
export function isStamped(live: KubeObject): boolean {
  const managers = live.metadata['managedFields'];
  return (
    live.metadata.annotations?.[RENDER_HASH_ANNOTATION] !== undefined &&
    (!Array.isArray(managers) || managers.some((entry: { manager?: unknown }) => entry.manager === FIELD_MANAGER))
  );
}

const refuse = (wanted: Wanted, live: KubeObject | null, fault: Fault): Change => ({
  action: 'refuse',
  key: wanted.key,
  reason: fault.message,
  wanted,
  live,
  fields: [],
  fault,
});

/**
 * Decides about one object. `observation` undefined means it was not looked for, which is a bug of the caller.
 * KubeVela 1.10: an object that exists without owner labels is refused unless a take-over policy asks for it; 1.1 adopts
 * it. Documents of the repository adopt what is there, without taking fields from other managers (I10).
 *
 * A field that the rules leave to others is sent when the object is made. Later it is sent with the value that it has by
 * then: left out it would be released, and the server would take away what nobody else has set.
 */
export function decide(asked: Wanted, observation: Observation, owner: Owner, fieldRules: FieldRules = PLAIN_FIELD_RULES): Change {
  const whole = finalForm(owner.name === '' ? asked : withCarriedRules(asked, fieldRules));
  const wanted = 'live' in observation ? { ...whole, object: withLiveAt(whole.object, observation.live, fieldRules.ignored(asked)) } : whole;
  if ('fault' in observation) return refuse(wanted, null, observation.fault);
  const { rules } = wanted;
  if ('absent' in observation) {
    if (rules.readOnly)
      return refuse(
        wanted,
        null,
        new Fault(
          'plan/ownership',
          `${wanted.key.kind} (${wanted.key.name}) is marked as read-only but does not exist. You should check the existence of the resource or remove the read-only policy`,
        ),
      );
    return { action: 'create', key: wanted.key, reason: 'not there yet', wanted, live: null, fields: [], fault: null };
  }
  const live = observation.live;
  const keep = (reason: string, fields: readonly FieldChange[] = []): Change => ({
    action: 'keep',
    key: wanted.key,
    reason,
    wanted,
    live,
    fields,
    fault: null,
  });
  if (rules.readOnly) return keep('read-only');
  if (live.metadata.deletionTimestamp !== undefined)
    return refuse(wanted, live, new Fault('transport/gone', `${describeKey(wanted.key)} is being deleted; it is made again when it is gone`));
  const owned = ownership(live, owner);
  if (owned.by === 'other' && !rules.shared)
    return refuse(wanted, live, new Fault('plan/ownership', `existing object ${describeKey(wanted.key)} is managed by other application ${owned.name}`));
  if (owned.by === 'other') return keep(`shared with ${owned.name}`);
  if (owned.by === 'nobody') {
    if (owner.name !== '' && owner.dialect === '1.10' && !rules.takeOver)
      return refuse(wanted, live, new Fault('plan/ownership', `${describeKey(wanted.key)} exists but not managed by any application now`));
    return { action: 'adopt', key: wanted.key, reason: 'exists and is taken over', wanted, live, fields: changedFields(wanted, live), fault: null };
  }
  if (live.metadata.annotations?.[RENDER_HASH_ANNOTATION] !== renderHashOf(whole.object)) {
    return { action: 'update', key: wanted.key, reason: 'changed in the commit', wanted, live, fields: changedFields(wanted, live), fault: null };
  }
  const drift = changedFields(wanted, live);
  if (drift.length === 0) return keep('as it should be');
  // KubeVela 1.10, apply-once: these paths keep the live value while the state is kept, and only then.
  const put = changedFields({ ...wanted, object: withValuesOf(wanted.object, live, rules.keepOnDrift) }, live);
  if (!fieldRules.corrects(asked) || put.length === 0) return keep('drift, only reported', drift);
  return {
    action: 'update',
    key: wanted.key,
    reason: 'drift',
    wanted: { ...wanted, rules: { ...rules, keepOnUpdate: rules.keepOnDrift } },
    live,
    fields: put,
    fault: null,
  };
}

/** What is left to others of the objects in a ManifestWork stands in the work: whoever applies them has no other word of it. */
function withCarriedRules(asked: Wanted, { ignored }: FieldRules): Wanted {
  if (asked.key.kind !== 'ManifestWork') return asked;
  const object = leavingToOthers(asked.object, (manifest, key) => ignored({ ...asked, object: manifest, key }));
  return object === asked.object ? asked : { ...asked, object };
}

const OUR_ANNOTATIONS = /^\/metadata\/annotations\/(oam\.dev~1render-hash|app\.oam\.dev~1last-applied-configuration)$/;

/** The fields whose live value is not the wanted one. Values of a Secret are never told, only that they differ (I9). */
export function changedFields(wanted: Wanted, live: KubeObject): readonly FieldChange[] {
  const secret = wanted.key.kind === 'Secret';
  return differences(wanted.object, live)
    .filter((path) => !OUR_ANNOTATIONS.test(path))
    .map((path) => {
      if (secret && path.startsWith('/data')) return { path };
      return { path, ...defined('from', valueAt(live, path)), ...defined('to', valueAt(wanted.object, path)) };
    });
}

const defined = (name: 'from' | 'to', value: Json | undefined): { from?: Json; to?: Json } => (value === undefined ? {} : { [name]: value });

function valueAt(object: unknown, pointer: string): Json | undefined {
  let value: unknown = object;
  for (const part of pointer.split('/').slice(1)) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Record<string, unknown>)[part.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return value as Json | undefined;
}
