/** The environments of an application side by side: each field that changes, in all of them, and each against its neighbour. Pure. */
import { diffFields, equal } from '../lib/json.ts';
import { groupOf, type Json, type KubeObject } from '../model/object.ts';
import type { FieldChange } from '../model/plan.ts';
import type { Matrix, MatrixRow, Neighbours } from './comparison.ts';
import type { EnvironmentView } from './environments.ts';
import { namedPointer, valueAtPointer } from './named-path.ts';
import { concealed } from './object-diffs.ts';
import { unmarked } from './spread.ts';

/** Fields of one list of neighbours, and rows of the table, that are kept (I7). */
const FIELDS_MAX = 200;

/** Where an object lies says which environment it is in, not how it differs from the others. */
function placeless(object: KubeObject): KubeObject {
  const { namespace: _namespace, labels, ...metadata } = unmarked(object).metadata;
  const { 'app.oam.dev/cluster': _cluster, 'app.oam.dev/namespace': _home, 'app.oam.dev/replicaKey': _replica, ...others } = labels ?? {};
  return { ...unmarked(object), metadata: { ...metadata, ...(labels === undefined ? {} : { labels: others }) } };
}

/** Objects by what they are in every environment: group, kind and name. */
function byIdentity(view: EnvironmentView | undefined): ReadonlyMap<string, KubeObject> {
  return new Map((view?.objects ?? []).map((object) => [`${groupOf(object.apiVersion)}\0${object.kind} ${object.metadata.name ?? ''}`, placeless(object)]));
}

const titleOf = (identity: string): string => identity.slice(identity.indexOf('\0') + 1);
const kindOf = (identity: string): string => titleOf(identity).split(' ')[0] ?? '';
const value = <N extends string>(name: N, json: Json | undefined): { readonly [key in N]?: Json } =>
  json === undefined ? {} : ({ [name]: json } as { readonly [key in N]?: Json });

/** Places in lists are those of `to`, of what is gone those of `from`. */
const namedFields = (from: KubeObject, to: KubeObject): readonly FieldChange[] =>
  diffFields(from, to).map((field) => ({ ...field, path: namedPointer(field.to === undefined ? from : to, field.path) }));

interface Column {
  readonly name: string;
  readonly before: ReadonlyMap<string, KubeObject>;
  readonly after: ReadonlyMap<string, KubeObject>;
}

/**
 * Null for an application with fewer than two environments. `base` is empty where there is no base: then nothing counts
 * as changed, and only the neighbours are told.
 */
export function matrixOf(base: readonly EnvironmentView[] | null, head: readonly EnvironmentView[], touchesPatch: boolean): Matrix | null {
  const gone = (base ?? []).filter((view) => !head.some((item) => item.name === view.name));
  const views = [...head, ...gone];
  if (views.length < 2) return null;
  const before = (name: string): EnvironmentView | undefined => base?.find((view) => view.name === name);
  const columns = views.map(({ name }): Column => ({ name, before: byIdentity(before(name)), after: byIdentity(head.find((view) => view.name === name)) }));
  return {
    environments: views.map((view) => ({
      name: view.name,
      clusters: view.clusters,
      state: gone.includes(view) ? 'gone' : base !== null && before(view.name) === undefined ? 'new' : 'same',
    })),
    rows: base === null ? [] : rowsOf(columns),
    touchesPatch,
    neighbours: head.slice(1).map((view, i) => neighboursOf(head[i] as EnvironmentView, view)),
  };
}

function rowsOf(columns: readonly Column[]): readonly MatrixRow[] {
  const rows = new Map<string, MatrixRow>();
  // What is the same on both sides of an environment that comes or goes would be a row for each of its fields.
  const lasting = columns.filter((column) => column.before.size > 0 && column.after.size > 0);
  for (const { before, after } of lasting) {
    for (const identity of new Set([...after.keys(), ...before.keys()])) {
      const [from, to] = [before.get(identity), after.get(identity)];
      const fields = from === undefined || to === undefined ? [{ path: '', isSecret: false }] : concealed(kindOf(identity), namedFields(from, to));
      for (const { path, isSecret } of fields) {
        const key = `${identity}\0${path}`;
        if (!rows.has(key) && rows.size < FIELDS_MAX)
          rows.set(key, { object: titleOf(identity), path, isSecret, cells: columns.map((column) => cellOf(column, identity, path, isSecret)) });
      }
    }
  }
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

function cellOf({ before, after }: Column, identity: string, path: string, isSecret: boolean): MatrixRow['cells'][number] {
  // A whole object is only there or not.
  const read = (objects: ReadonlyMap<string, KubeObject>): Json | undefined =>
    path === '' ? (objects.has(identity) ? 'there' : undefined) : valueAtPointer(objects.get(identity), path);
  const [from, to] = [read(before), read(after)];
  const isChanged = !equal(from, to);
  return isSecret ? { isChanged } : { ...value('from', from), ...value('to', to), isChanged };
}

function neighboursOf(left: EnvironmentView, right: EnvironmentView): Neighbours {
  const [one, other] = [byIdentity(left), byIdentity(right)];
  const fields = [...new Set([...one.keys(), ...other.keys()])].sort().flatMap((identity): Neighbours['fields'] => {
    const [from, to] = [one.get(identity), other.get(identity)];
    const object = titleOf(identity);
    if (from === undefined || to === undefined)
      return [
        {
          object,
          path: '',
          isSecret: false,
          ...value('left', from === undefined ? undefined : 'there'),
          ...value('right', to === undefined ? undefined : 'there'),
        },
      ];
    return concealed(kindOf(identity), namedFields(from, to)).map((field) => ({
      object,
      path: field.path,
      isSecret: field.isSecret,
      ...value('left', field.from),
      ...value('right', field.to),
    }));
  });
  return { left: left.name, right: right.name, fields: fields.slice(0, FIELDS_MAX) };
}
