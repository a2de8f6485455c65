/** From the decisions about objects to what people read of them: field by field, ManifestWorks unpacked, secrets concealed. Pure. */
import { diffFields, isRecord } from '../lib/json.ts';
import { FIELD_MANAGER, lastAppliedOf } from '../lib/stamp.ts';
import { keyOf, keyText, type KubeObject, type ObjectKey } from '../model/object.ts';
import type { Change, FieldChange, Wanted } from '../model/plan.ts';
import type { FieldDiff, ObjectDiff } from './comparison.ts';
import { isMark, isWork, manifestsOf, unmarked } from './spread.ts';

/** Values of a Secret are never told, nor how long they are (I9). */
export function concealed(kind: string, fields: readonly FieldChange[]): readonly Omit<FieldDiff, 'causes'>[] {
  return fields
    .filter(({ path }) => !isMark(path))
    .map((field) =>
      kind === 'Secret' && /^\/(?:data|stringData)(?:\/|$)/.test(field.path) ? { path: field.path, isSecret: true } : { ...field, isSecret: false },
    );
}

const withoutCauses = (fields: readonly Omit<FieldDiff, 'causes'>[]): readonly FieldDiff[] => fields.map((field) => ({ ...field, causes: [] }));

/** Every field that differs; also those that are gone. */
export const fieldsBetween = (from: KubeObject, to: KubeObject): readonly FieldDiff[] =>
  withoutCauses(concealed(to.kind, diffFields(unmarked(from), unmarked(to))));

/** Fields that we set on the live object and do not ask for any more: they will be released (I10). */
function released(live: KubeObject, wanted: KubeObject): readonly FieldChange[] {
  const last = lastAppliedOf(live);
  if (last !== null) return diffFields(unmarked(last), unmarked(wanted)).filter((field) => field.to === undefined);
  // Secrets and ConfigMaps carry no copy of what was applied: the server remembers which keys are ours.
  const managers = Array.isArray(live.metadata['managedFields'])
    ? (live.metadata['managedFields'] as readonly { readonly manager?: unknown; readonly fieldsV1?: Readonly<Record<string, unknown>> }[])
    : [];
  return ['data', 'binaryData'].flatMap((part) => {
    const [there, asked] = [live[part], unmarked(wanted)[part]];
    if (!isRecord(there)) return [];
    const ours = new Set(
      managers.filter((entry) => entry.manager === FIELD_MANAGER).flatMap((entry) => Object.keys((entry.fieldsV1?.[`f:${part}`] as object | undefined) ?? {})),
    );
    return Object.keys(there)
      .filter((key) => ours.has(`f:${key}`) && (!isRecord(asked) || asked[key] === undefined))
      .map((key): FieldChange => ({ path: `/${part}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, from: there[key] as string }));
  });
}

/** What is decided about one application's objects, for people. */
export interface ObjectDiffs {
  readonly objects: readonly ObjectDiff[];
  readonly unchangedCount: number;
  readonly relabelledCount: number;
}

export interface DiffOptions {
  /** The live objects are what another commit asks for: they hold nothing that the commit did not say. */
  readonly isSimulated: boolean;
  /** The environment of an object that is sent, by keyText. */
  readonly environments: ReadonlyMap<string, string>;
  /** Names of environments in their order. */
  readonly order: readonly string[];
}

/** Turns {@link Change}s into diffs, sorted by environment, cluster, kind and name. */
export function objectDiffs(changes: readonly Change[], options: DiffOptions): ObjectDiffs {
  const all = changes.flatMap((change) =>
    isWork(change.key) && ['create', 'update', 'delete', 'keep'].includes(change.action) ? carriedDiffs(change, options) : [plainDiff(change, options)],
  );
  const place = (name: string): number => (options.order.includes(name) ? options.order.indexOf(name) : options.order.length);
  const text = (diff: ObjectDiff): string =>
    [
      String(place(diff.environment)).padStart(4, '0'),
      diff.environment,
      diff.key.cluster,
      diff.key.kind,
      diff.key.namespace,
      diff.key.name,
      diff.key.apiVersion,
    ].join('\0');
  const count = (what: 'unchanged' | 'relabelled'): number => all.filter((item) => item === what).length;
  const objects = all
    .filter((item) => typeof item !== 'string')
    .map((diff) => [text(diff), diff] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, diff]) => diff);
  return { objects, unchangedCount: count('unchanged'), relabelledCount: count('relabelled') };
}

type Told = ObjectDiff | 'unchanged' | 'relabelled' | 'nothing';

interface Frame {
  readonly key: ObjectKey;
  readonly carrier: string;
  readonly wanted: Wanted | null;
}

function diffOf(change: Change, { key, carrier, wanted }: Frame, options: DiffOptions, more: Pick<ObjectDiff, 'action' | 'reason' | 'fields'>): ObjectDiff {
  return {
    key,
    environment: options.environments.get(keyText(change.key)) ?? '',
    component: wanted?.component ?? '',
    trait: wanted?.trait ?? '',
    carrier,
    code: change.fault?.code ?? null,
    causes: [],
    ...more,
  };
}

function plainDiff(change: Change, options: DiffOptions): Told {
  const frame: Frame = { key: change.key, carrier: '', wanted: change.wanted };
  const { action, reason, wanted, live } = change;
  const tell = (fields: readonly FieldDiff[]): ObjectDiff => diffOf(change, frame, options, { action, reason, fields });
  if (action === 'keep' && wanted === null) return reason === 'gone already' ? 'nothing' : tell([]);
  if (wanted === null || live === null || action === 'create' || action === 'refuse') return tell([]);
  if (action === 'keep') return change.fields.length === 0 ? 'unchanged' : tell(withoutCauses(concealed(change.key.kind, change.fields)));
  const fields = options.isSimulated
    ? fieldsBetween(live, wanted.object)
    : withoutCauses(concealed(change.key.kind, [...change.fields, ...released(live, wanted.object)]));
  const isRelabelled = action === 'update' && fields.length === 0 && reason !== 'drift' && (options.isSimulated || change.fields.length > 0);
  return isRelabelled ? 'relabelled' : tell(fields);
}

/** What a ManifestWork carries is compared by itself: the work is only the way there. */
function carriedDiffs(change: Change, options: DiffOptions): readonly Told[] {
  const { wanted, live } = change;
  if (change.action === 'keep' && (wanted === null || change.fields.length > 0)) return [plainDiff(change, options)];
  const cluster = change.key.namespace;
  const carrier = change.key.name;
  const byKey = (work: KubeObject | null): ReadonlyMap<string, KubeObject> =>
    new Map(manifestsOf(work).map((object) => [keyText(keyOf(cluster, object)), object]));
  const [before, after] = [byKey(change.action === 'create' ? null : live), byKey(change.action === 'delete' ? null : (wanted?.object ?? null))];
  const told = [...new Set([...after.keys(), ...before.keys()])].map((text): Told => {
    const [from, to] = [before.get(text), after.get(text)];
    const object = (to ?? from) as KubeObject;
    const tell = (more: Pick<ObjectDiff, 'action' | 'reason' | 'fields'>): ObjectDiff => ({
      ...diffOf(change, { key: keyOf(cluster, object), carrier, wanted }, options, more),
      trait: object.metadata.labels?.['trait.oam.dev/type'] ?? '',
    });
    if (from === undefined) return tell({ action: 'create', reason: change.action === 'create' ? change.reason : 'not in the ManifestWork yet', fields: [] });
    if (to === undefined) return tell({ action: 'delete', reason: change.action === 'delete' ? change.reason : 'gone from the commit', fields: [] });
    const fields = fieldsBetween(from, to);
    if (fields.length > 0) return tell({ action: 'update', reason: change.reason, fields });
    return change.action === 'update' ? 'relabelled' : 'unchanged';
  });
  // Something of the work itself differs, such as what it asks its agent to tell.
  const own =
    change.action !== 'update' || wanted === null || live === null
      ? []
      : fieldsBetween(live, wanted.object)
          .filter(({ path }) => !path.startsWith('/spec/workload/') && path !== '/spec/workload')
          .filter(({ path }) => options.isSimulated || change.fields.some((field) => field.path === path || path.startsWith(`${field.path}/`)));
  return own.length === 0
    ? told
    : [...told, diffOf(change, { key: change.key, carrier: '', wanted }, options, { action: 'update', reason: change.reason, fields: own })];
}
