/**
 * A whole daemon without its doors: the real stages and the real evaluator between a repository, a hub and a status
 * branch that are in memory. Every effect is counted, and can be made to fail or to be the last one.
 */
import { createHash } from 'node:crypto';
import { equal } from '../../daemon/lib/json.ts';
import { SILENT_LOG } from '../../daemon/lib/log.ts';
import { createRedactor } from '../../daemon/lib/redact.ts';
import { openApprovals } from '../../daemon/approvals.ts';
import { createLoadCache } from '../../daemon/load/load.ts';
import { AT_ONCE } from '../../daemon/status/pace.ts';
import { NO_CONTROLLERS } from '../../daemon/controllers.ts';
import { NO_MEMBERS } from '../../daemon/members.ts';
import type { Revision } from '../../daemon/model/catalog.ts';
import { Fault, type Code } from '../../daemon/model/fault.ts';
import { keyOf, keyText, LOCAL, type Json, type JsonObject, type KubeObject, type ObjectKey } from '../../daemon/model/object.ts';
import type { ApplicationRecord, Effect, HttpRequest, Records, Transport } from '../../daemon/model/ports.ts';
import type { Observation } from '../../daemon/model/status.ts';
import { emptyMemory, pass, type Doors, type Memory, type PassResult } from '../../daemon/pass.ts';
import { readPack } from '../../daemon/render/pack.ts';
import { guessNamespaced } from '../../daemon/render/scope.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import { openCue } from '../../daemon/render/cue/cue.ts';

const pack = await readPack();
/** One for all tests: its idle threads do not keep the process alive. */
export const cue = openCue({
  clock: systemClock(),
  override: process.env['LATEEN_CUE_WASM'],
  cacheDirectory: process.env['XDG_CACHE_HOME'],
  limits: { timeoutMs: 60_000 },
});

export interface World {
  /** Replaces files (null removes one) and makes a commit of it. */
  readonly push: (files: Readonly<Record<string, string | null>>) => Revision;
  /** One pass over a commit, by default the newest. */
  readonly pass: (revision?: Revision) => Promise<PassResult>;
  /** One pass over the repository's own documents alone, as a watch asks for it. */
  readonly passDocuments: () => Promise<PassResult>;
  /** The files of a commit. */
  readonly tree: Doors['repo']['tree'];
  /** What a pass over the newest commit would do. */
  readonly plan: () => Promise<PassResult>;
  /** Passes until nothing changes any more. */
  readonly settle: () => Promise<PassResult>;
  /** What a daemon has that was started anew. */
  readonly restart: () => void;
  /** The hub, by keyText. */
  readonly hub: Map<string, KubeObject>;
  readonly branch: Map<string, string>;
  /** Subjects of the commits on the status branch. */
  readonly commits: string[];
  /** `kind subject` of every effect so far. */
  readonly effects: string[];
  readonly calls: HttpRequest[];
  /** Called before every effect; what it throws is what the effect comes to. */
  before: (kind: Effect, subject: string) => void | Promise<void>;
  after: (kind: Effect, subject: string) => void;
  /** What looking at an object comes to, where it cannot be looked at. */
  unseen: (key: ObjectKey) => Fault | null;
  /** Replaces parts of the doors. */
  doors: Partial<Doors>;
  /** All the doors as they are now, for what is above a pass. */
  readonly wired: () => Doors;
  nowMs: number;
  /** The most effects that were under way at the same time. */
  atOnceMax: number;
}

/** An empty hub and an empty repository. */
export function openWorld(): World {
  const trees = new Map<string, ReadonlyMap<string, string>>();
  let files: ReadonlyMap<string, string> = new Map();
  let newest: Revision | null = null;
  let memory: Memory = emptyMemory(createLoadCache());
  let version = 0;
  let running = 0;

  const effect = async <T>(kind: Effect, subject: string, run: () => T): Promise<T> => {
    running += 1;
    world.atOnceMax = Math.max(world.atOnceMax, running);
    try {
      await world.before(kind, subject);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      world.effects.push(`${kind} ${subject}`);
      const result = run();
      world.after(kind, subject);
      return result;
    } finally {
      running -= 1;
    }
  };

  const put = (key: ObjectKey, object: KubeObject, status?: JsonObject): KubeObject => {
    const before = world.hub.get(keyText(key));
    const uid = before?.metadata.uid ?? `uid-${version + 1}`;
    // One manager alone: what it no longer says is gone. The status is the server's.
    const kept = status ?? (before?.['status'] as JsonObject | undefined);
    const body = { ...object, ...(kept === undefined ? {} : { status: kept }) } as unknown as KubeObject;
    const { resourceVersion: _version, ...metadata } = { ...body.metadata, uid, generation: 1, managedFields: [{ manager: 'lateen' }] };
    const next = { ...body, metadata };
    if (
      before !== undefined &&
      equal({ ...before, metadata: { ...before.metadata, resourceVersion: undefined } }, { ...next, metadata: { ...metadata, resourceVersion: undefined } })
    )
      return before;
    version += 1;
    const stored = { ...next, metadata: { ...metadata, resourceVersion: String(version) } } as unknown as KubeObject;
    world.hub.set(keyText(key), stored);
    return stored;
  };
  const local = (object: KubeObject): ObjectKey => keyOf(LOCAL, object);

  const transport: Transport = {
    observe: (keys) =>
      Promise.resolve(
        new Map(
          keys.map((key): [string, Observation] => {
            const fault = world.unseen(key);
            const live = world.hub.get(keyText(key));
            return [keyText(key), fault !== null ? { fault } : live === undefined ? { absent: true } : { live }];
          }),
        ),
      ),
    apply: ({ key, object }) =>
      effect('apply', keyText(key), () => {
        const before = world.hub.get(keyText(key));
        const stored = put(key, object);
        return { key, object: stored, changed: stored !== before, warnings: [] };
      }),
    remove: (key, uid) =>
      effect('delete', keyText(key), () => {
        if (world.hub.get(keyText(key))?.metadata.uid === uid) world.hub.delete(keyText(key));
        return true;
      }),
    list: (_cluster, _version, kind) => Promise.resolve([...world.hub.values()].filter((object) => object.kind === kind)),
    isNamespaced: (_cluster, _version, kind) => Promise.resolve(guessNamespaced(kind)),
  };

  const records: Records = {
    open: (_signal, only) => Promise.resolve(new Map([...recordsOf(world.hub.values())].filter(([name]) => only === undefined || only.has(name)))),
    save: (kind, object) => effect(kind, keyText(local(object)), () => put(local(object), object)),
    keep: (kind, object) => effect(kind, keyText(local(object)), () => put(local(object), object)),
    saveStatus: async (object, status) => {
      const live = world.hub.get(keyText(local(object))) ?? object;
      const next: JsonObject = merged((live['status'] ?? {}) as JsonObject, status);
      return equal(next, live['status'] ?? {}) ? live : effect('status', keyText(local(object)), () => put(local(object), live, next));
    },
    remove: (kind, object) => effect(kind, keyText(local(object)), () => void world.hub.delete(keyText(local(object)))),
  };

  const doors = (): Doors => ({
    repo: {
      tree: world.tree,
      statusFiles: () => Promise.resolve(new Map(world.branch)),
      commit: (commit) =>
        effect('push', commit.subject, () => {
          for (const [path, content] of commit.files) {
            if (content === null) world.branch.delete(path);
            else world.branch.set(path, content);
          }
          world.commits.push(commit.subject);
          return sha(commit.subject);
        }),
    },
    transport,
    records,
    cue,
    members: NO_MEMBERS,
    controllers: NO_CONTROLLERS,
    given: {},
    log: SILENT_LOG,
    pack,
    instance: '',
    budget: { countMax: 1000, shareMax: 1 },
    pace: AT_ONCE,
    redactor: createRedactor(),
    drift: 'any',
    register: () => Promise.resolve({ available: true, message: '', changed: false }),
    approvals: openApprovals({
      repo: { tree: (revision) => Promise.resolve({ revision, files: [] }), broughtBy: () => Promise.resolve(null) },
      clock: { now: () => world.nowMs, random: () => 0.5, sleep: () => Promise.resolve() },
      approvers: null,
    }),
    http: (request) =>
      effect('call', request.url, () => {
        world.calls.push(request);
        return { statusCode: 200, headers: {}, body: 'ok' };
      }),
    clock: { now: () => world.nowMs, random: () => 0.5, sleep: () => Promise.resolve() },
    hubFacts: () =>
      Promise.resolve({
        definitions: [...world.hub.values()].filter((object) => object.kind.endsWith('Definition') && object.apiVersion.startsWith('core.oam.dev/')),
        version: { major: '1', minor: 36, gitVersion: 'v1.36.3', platform: 'linux/amd64' },
      }),
    ...world.doors,
  });

  const world: World = {
    hub: new Map(),
    branch: new Map(),
    commits: [],
    effects: [],
    calls: [],
    before: () => {},
    after: () => {},
    unseen: () => null,
    doors: {},
    wired: doors,
    nowMs: Date.parse('2026-01-01T00:00:00Z'),
    atOnceMax: 0,
    tree: (revision) =>
      Promise.resolve({
        revision,
        files: [...(trees.get(revision.sha) ?? [])]
          .map(([path, text]) => ({ path, text, oid: sha(text), sizeBytes: text.length }))
          .sort((a, b) => (a.path < b.path ? -1 : 1)),
      }),
    push: (changes) => {
      files = new Map(
        [...new Map<string, string | null>([...files, ...Object.entries(changes)])].filter((entry): entry is [string, string] => entry[1] !== null),
      );
      newest = { sha: sha(`${trees.size} ${[...files].join()}`), branch: 'main', author: 'Ada <ada@example.com>', subject: `commit ${trees.size}` };
      trees.set(newest.sha, files);
      return newest;
    },
    pass: (revision = newest ?? world.push({})) => pass(doors(), memory, revision, { stop: 'end', only: null }, new AbortController().signal),
    passDocuments: () => pass(doors(), memory, newest ?? world.push({}), { stop: 'end', only: new Set(), documents: true }, new AbortController().signal),
    plan: () => pass(doors(), memory, newest ?? world.push({}), { stop: 'plan', only: null }, new AbortController().signal),
    settle: async () => {
      for (let round = 0; round < 20; round += 1) {
        const count = world.effects.length;
        const result = await world.pass();
        if (world.effects.length === count) return result;
        world.nowMs += 60_000;
      }
      throw new Error(`it never settles: ${world.effects.slice(-10).join('; ')}`);
    },
    restart: () => {
      memory = emptyMemory(createLoadCache());
    },
  };
  return world;
}

const sha = (text: string): string => createHash('sha1').update(text).digest('hex');

/** A JSON merge patch. */
function merged(live: JsonObject, wanted: JsonObject): JsonObject {
  const out: Record<string, Json> = { ...live };
  for (const [name, value] of Object.entries(wanted)) {
    const old = out[name];
    if (value === null) delete out[name];
    else out[name] = isMap(value) && isMap(old) ? merged(old, value) : value;
  }
  return out;
}

const isMap = (value: Json | undefined): value is JsonObject => value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value);

function recordsOf(objects: Iterable<KubeObject>): ReadonlyMap<string, ApplicationRecord> {
  const found = new Map<string, ApplicationRecord>();
  const add = (namespace: string, name: string, part: (record: ApplicationRecord) => Partial<ApplicationRecord>): void => {
    const record = found.get(`${namespace}/${name}`) ?? { namespace, name, application: null, trackers: [], revisions: [], journal: null };
    found.set(`${namespace}/${name}`, { ...record, ...part(record) });
  };
  for (const object of objects) {
    const label = (name: string): string => object.metadata.labels?.[name] ?? '';
    const namespace = object.metadata.namespace ?? '';
    if (object.kind === 'Application') add(namespace, object.metadata.name ?? '', () => ({ application: object }));
    else if (object.kind === 'ResourceTracker')
      add(label('app.oam.dev/namespace'), label('app.oam.dev/name'), (record) => ({ trackers: [...record.trackers, object] }));
    else if (object.kind === 'ApplicationRevision') add(namespace, label('app.oam.dev/name'), (record) => ({ revisions: [...record.revisions, object] }));
    else if (object.kind === 'Secret' && label('lateen.dev/journal') !== '') add(namespace, label('lateen.dev/journal'), () => ({ journal: object }));
  }
  return found;
}

// -------------------------------------------------------------------------------------------------------- documents

/** ConfigMaps of the default namespace on the hub, by name: what applications here consist of. */
export function configMaps(world: World): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    [...world.hub.values()].filter((object) => object.kind === 'ConfigMap').map((object) => [object.metadata.name ?? '', object['data']]),
  );
}

/** An Application of the default namespace whose components are ConfigMaps, by name. */
export function application(
  name: string,
  components: Readonly<Record<string, string>>,
  more: { readonly type?: string; readonly steps?: readonly object[] } = {},
): string {
  const part = ([component, value]: readonly [string, string]): object =>
    more.type === undefined
      ? {
          name: component,
          type: 'k8s-objects',
          properties: { objects: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: component }, data: { value } }] },
        }
      : { name: component, type: more.type, properties: { value } };
  return JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name, namespace: 'default' },
    spec: { components: Object.entries(components).map(part), ...(more.steps === undefined ? {} : { workflow: { steps: more.steps } }) },
  });
}

/** A ComponentDefinition or WorkflowStepDefinition with this template. */
export function definition(kind: 'ComponentDefinition' | 'WorkflowStepDefinition', name: string, template: string): string {
  return JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind,
    metadata: { name, namespace: 'vela-system' },
    spec: {
      ...(kind === 'ComponentDefinition' ? { workload: { definition: { apiVersion: 'v1', kind: 'ConfigMap' } } } : {}),
      schematic: { cue: { template } },
    },
  });
}

/** The template of a component that is a ConfigMap with one value. */
export const BOX = 'output: {apiVersion: "v1", kind: "ConfigMap", data: value: parameter.value}\nparameter: value: string\n';

export const plain = (kind: string, name: string, apiVersion = 'v1'): string =>
  JSON.stringify({ apiVersion, kind, metadata: { name, ...(guessNamespaced(kind) ? { namespace: 'default' } : {}) } });

export const approval = (spec: object): string => JSON.stringify({ apiVersion: 'lateen.dev/v1alpha1', kind: 'Approval', metadata: { name: 'consent' }, spec });

export const refusing =
  (code: Code, wanted: (kind: Effect, subject: string) => boolean) =>
  (kind: Effect, subject: string): void => {
    if (wanted(kind, subject)) throw new Fault(code, `${kind} of ${subject} was refused`);
  };
