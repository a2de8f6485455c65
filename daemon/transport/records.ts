/** The hub's own records: how Lateen remembers. Application, ResourceTracker, ApplicationRevision and the journal. */
import { isRecord } from '../lib/json.ts';
import { Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import { JOURNAL_LABEL } from '../model/ports.ts';
import type { ApplicationRecord, Effects, Records, Redactor } from '../model/ports.ts';
import { sendable } from './apply.ts';
import { ApiFault } from './faults.ts';
import type { KubeClient } from './kube.ts';
import { targetOf } from './kube.ts';
import { learnKnown, withKnown, withoutSecrets } from './known-secrets.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';
import type { ListQuery } from './reading.ts';
import { mergePatchBetween } from './three-way.ts';

const OAM = 'core.oam.dev/v1beta1';
/** Where the names do not fit a label (63 characters): `namespace/name`. Wins over every label. */
export const APPLICATION_ANNOTATION = 'lateen.dev/application';

/** Finalizers of vela-core, which does not run where we do: who deletes takes them off. */
const VELA_FINALIZERS: ReadonlySet<string> = new Set([
  'app.oam.dev/resource-tracker-finalizer',
  'resourcetracker.core.oam.dev/finalizer',
  'app.oam.dev/orphan-resource',
]);

/** The port {@link Records} on the hub. Faults: transport/*. */
export function openRecords(client: KubeClient, effects: Effects, redactor: Redactor): Records {
  return {
    open: (signal, only) => (only === undefined || only.size > SOME_MAX ? readAll(client, redactor, signal) : readSome(client, redactor, only, signal)),
    save(effect, object, signal) {
      return effects.run(effect, describe(object), async () => {
        if (object.kind === 'Secret') redactor.learnSecret(object);
        const scope = await client.resource(object.apiVersion, object.kind, signal);
        return (await client.apply(sendable(object, scope.namespaced), { fieldManager: FIELD_MANAGER, force: true }, signal)).object;
      });
    },
    keep(effect, object, live, signal) {
      return effects.run(effect, describe(object), async () => {
        const whole = object.kind === 'Secret' ? withKnown(object, redactor) : object;
        if (whole.kind === 'Secret') redactor.learnSecret(whole);
        return keepOwn(client, whole, live, signal);
      });
    },
    async saveStatus(object, status, signal) {
      const patch = mergePatchBetween(isRecord(object['status']) ? object['status'] : {}, withoutSecrets(status, redactor));
      if (patch === null) return object;
      return effects.run('status', describe(object), async () => {
        const scope = await client.resource(object.apiVersion, object.kind, signal);
        // A CRD of another installation may have no status subresource: there the status is a field like any other.
        const where = scope.subresources.includes('status') ? { subresource: 'status' } : {};
        return (await client.patch(targetOf(object), 'merge', { status: patch }, { fieldManager: FIELD_MANAGER, ...where }, signal)).object;
      });
    },
    remove(effect, object, signal) {
      return effects.run(effect, describe(object), () => removeRecord(client, object, signal));
    },
  };
}

async function keepOwn(client: KubeClient, object: KubeObject, live: KubeObject | null, signal: AbortSignal): Promise<KubeObject> {
  if (live === null) {
    try {
      return (await client.create(object, { fieldManager: FIELD_MANAGER }, signal)).object;
    } catch (error) {
      if (!(error instanceof ApiFault && error.reason === 'AlreadyExists')) throw error;
      const there = await client.get(targetOf(object), signal);
      if (there === null) throw error;
      return keepOwn(client, object, there, signal);
    }
  }
  const { apiVersion: _version, kind: _kind, metadata: wanted, status: _status, ...content } = object;
  const patch: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(content)) {
    const difference = mergePatchBetween({ [field]: live[field] ?? null }, { [field]: value });
    if (difference !== null) Object.assign(patch, difference);
  }
  const labels = missing(wanted.labels, live.metadata.labels);
  const annotations = missing(wanted.annotations, live.metadata.annotations);
  if (labels !== null || annotations !== null) patch['metadata'] = { ...(labels === null ? {} : { labels }), ...(annotations === null ? {} : { annotations }) };
  if (Object.keys(patch).length === 0) return live;
  return (await client.patch(targetOf(object), 'merge', patch, { fieldManager: FIELD_MANAGER }, signal)).object;
}

/** What of `wanted` is not in `live`; null when all of it is. */
function missing(wanted: Readonly<Record<string, string>> = {}, live: Readonly<Record<string, string>> = {}): Record<string, string> | null {
  const entries = Object.entries(wanted).filter(([key, value]) => live[key] !== value);
  return entries.length === 0 ? null : Object.fromEntries(entries);
}

async function removeRecord(client: KubeClient, object: KubeObject, signal: AbortSignal): Promise<void> {
  const { uid } = object.metadata;
  let left: KubeObject | null;
  try {
    left = await client.delete(targetOf(object), { ...(uid === undefined ? {} : { uid }), propagation: 'Background' }, signal);
  } catch (error) {
    // The kind is not served, or another object has the name by now: this one is gone either way.
    if (error instanceof Fault && (error.code === 'transport/no-kind' || error.code === 'transport/gone')) return;
    throw error;
  }
  const finalizers = left?.metadata.finalizers ?? [];
  const kept = finalizers.filter((name) => !VELA_FINALIZERS.has(name));
  if (left === null || kept.length === finalizers.length) return;
  const body = { metadata: { finalizers: kept, resourceVersion: left.metadata.resourceVersion } };
  await client.patch(targetOf(object), 'merge', body, { fieldManager: FIELD_MANAGER }, signal);
}

const describe = (object: KubeObject): string =>
  `${object.kind} ${object.metadata.namespace === undefined ? '' : `${object.metadata.namespace}/`}${object.metadata.name ?? ''}`;

/** Beyond so many applications one list of everything is cheaper than four requests for each. */
const SOME_MAX = 24;

/** The records of these applications. Names that do not fit a label are found by reading everything. */
async function readSome(
  client: KubeClient,
  redactor: Redactor,
  only: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ApplicationRecord>> {
  const places = [...only].map((place) => ({ place, namespace: place.slice(0, place.indexOf('/')), name: place.slice(place.indexOf('/') + 1) }));
  if (places.some(({ namespace, name }) => name.length > 63 || namespace.length > 63)) return readAll(client, redactor, signal);
  const records = await Promise.all(
    places.map(async ({ place, namespace, name }): Promise<[string, ApplicationRecord]> => {
      const [application, trackers, revisions, journals] = await Promise.all([
        client.get({ apiVersion: OAM, kind: 'Application', namespace, name }, signal),
        client.list({ apiVersion: OAM, kind: 'ResourceTracker', namespace: '', labels: `app.oam.dev/name=${name},app.oam.dev/namespace=${namespace}` }, signal),
        client.list({ apiVersion: OAM, kind: 'ApplicationRevision', namespace, labels: `app.oam.dev/name=${name}`, metadataOnly: true }, signal),
        client.list({ apiVersion: 'v1', kind: 'Secret', namespace, labels: `${JOURNAL_LABEL}=${name}` }, signal),
      ]);
      for (const journal of journals.items) learnKnown(journal, redactor);
      return [place, { namespace, name, application, trackers: trackers.items, revisions: revisions.items, journal: journals.items[0] ?? null }];
    }),
  );
  return new Map(records);
}

async function readAll(client: KubeClient, redactor: Redactor, signal: AbortSignal): Promise<ReadonlyMap<string, ApplicationRecord>> {
  const list = async (query: Omit<ListQuery, 'namespace'>): Promise<readonly KubeObject[]> => {
    // A hub where the kind is not installed yet keeps nothing of it.
    if ((await client.findResource(query.apiVersion, query.kind, signal)) === null) return [];
    return (await client.list({ ...query, namespace: '' }, signal)).items;
  };
  const [applications, trackers, revisions, journals] = await Promise.all([
    list({ apiVersion: OAM, kind: 'Application' }),
    list({ apiVersion: OAM, kind: 'ResourceTracker', labels: 'app.oam.dev/name' }),
    list({ apiVersion: OAM, kind: 'ApplicationRevision', labels: 'app.oam.dev/name', metadataOnly: true }),
    list({ apiVersion: 'v1', kind: 'Secret', labels: JOURNAL_LABEL }),
  ]);
  for (const journal of journals) learnKnown(journal, redactor);
  const places = new Map<string, { application: KubeObject | null; trackers: KubeObject[]; revisions: KubeObject[]; journal: KubeObject | null }>();
  const at = (object: KubeObject, namespace: string | undefined, name: string | undefined) => {
    const place = object.metadata.annotations?.[APPLICATION_ANNOTATION] ?? `${namespace ?? ''}/${name ?? ''}`;
    let record = places.get(place);
    if (record === undefined) places.set(place, (record = { application: null, trackers: [], revisions: [], journal: null }));
    return record;
  };
  for (const item of applications)
    at({ ...item, metadata: { ...item.metadata, annotations: {} } }, item.metadata.namespace, item.metadata.name).application = item;
  for (const item of trackers) at(item, item.metadata.labels?.['app.oam.dev/namespace'], item.metadata.labels?.['app.oam.dev/name']).trackers.push(item);
  for (const item of revisions) at(item, item.metadata.namespace, item.metadata.labels?.['app.oam.dev/name']).revisions.push(item);
  for (const item of journals) at(item, item.metadata.namespace, item.metadata.labels?.[JOURNAL_LABEL]).journal = item;
  return new Map(
    [...places]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([place, record]) => {
        const slash = place.indexOf('/');
        return [place, { namespace: place.slice(0, slash), name: place.slice(slash + 1), ...record }];
      }),
  );
}
