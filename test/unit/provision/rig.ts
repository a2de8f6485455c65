/** A hub in memory, the lab's cloud without control planes, and a controller between them that can be killed at any effect. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deletionMark } from '../../../daemon/lib/approved-deletion.ts';
import { isRecord, mergePatch } from '../../../daemon/lib/json.ts';
import { createRedactor } from '../../../daemon/lib/redact.ts';
import { systemClock } from '../../../daemon/lib/retry.ts';
import { parseYaml } from '../../../daemon/lib/yaml.ts';
import { Fault } from '../../../daemon/model/fault.ts';
import type { Json, KubeObject } from '../../../daemon/model/object.ts';
import type { Clock, Controller, Effects, Objects, ObjectTarget, Redactor, Turn } from '../../../daemon/model/ports.ts';
import { openAlibaba } from '../../../daemon/provision/alibaba.ts';
import type { OpenCloud } from '../../../daemon/provision/cloud.ts';
import { configurationController } from '../../../daemon/provision/configuration.ts';
import { startCloud, type Cloud, type CloudOptions } from '../../lab/cloud.ts';

export const POLL_MS = 10_000;
export const WINDOW_MS = 600_000;
export const never = new AbortController().signal;

const definition = parseYaml(await readFile(join(import.meta.dirname, '../../../daemon/render/definitions/1.1/alibaba-ack.yaml'), 'utf8'), 'alibaba-ack.yaml')
  .value as Record<string, any>;
/** The text of our own definition `alibaba-ack`. */
export const HCL: string = definition['spec'].schematic.terraform.configuration;

/** A Configuration as a component of type alibaba-ack gives it. */
export function configuration(variable: Record<string, unknown> = {}, spec: Record<string, unknown> = {}): KubeObject {
  return {
    apiVersion: 'terraform.core.oam.dev/v1beta2',
    kind: 'Configuration',
    metadata: { name: 'ack-worker', namespace: 'vela-system', labels: { 'app.oam.dev/name': 'managed-cluster', 'workload.oam.dev/type': 'alibaba-ack' } },
    spec: { hcl: HCL, variable, writeConnectionSecretToRef: { name: 'ack-conn', namespace: 'vela-system' }, ...spec },
  };
}

const keyOf = (it: { readonly kind: string; readonly namespace: string; readonly name: string }): string => `${it.kind}/${it.namespace}/${it.name}`;

export interface MemoryHub extends Objects {
  readonly objects: Map<string, KubeObject>;
  readonly put: (object: KubeObject) => void;
  /** The Configuration; undefined once it is gone. */
  readonly configuration: () => KubeObject | undefined;
}

/** What of an API server the controller meets: versions, conflicts, finalizers, a status of its own. */
export function memoryHub(): MemoryHub {
  const objects = new Map<string, KubeObject>();
  let version = 0;
  const store = (key: string, object: KubeObject): KubeObject => {
    const stored = { ...object, metadata: { ...object.metadata, uid: object.metadata.uid ?? `uid-${++version}`, resourceVersion: String(++version) } };
    if (stored.metadata.deletionTimestamp !== undefined && (stored.metadata.finalizers ?? []).length === 0) objects.delete(key);
    else objects.set(key, stored);
    return stored;
  };
  const find = (target: ObjectTarget): KubeObject | undefined => objects.get(keyOf(target));
  return {
    server: 'https://127.0.0.1:1',
    objects,
    put: (object) => {
      const key = keyOf({ kind: object.kind, namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' });
      const live = objects.get(key);
      store(key, {
        ...object,
        ...(live === undefined ? {} : { status: live['status'] }),
        metadata: { ...live?.metadata, ...object.metadata, generation: (live?.metadata.generation ?? 0) + 1 },
      });
    },
    configuration: () => objects.get('Configuration/vela-system/ack-worker'),
    get: (target) =>
      Promise.resolve(
        target.apiVersion.startsWith('terraform') && target.kind === 'Configuration' && target.apiVersion.endsWith('v1beta1') ? null : (find(target) ?? null),
      ),
    list: () => Promise.resolve([...objects.values()]),
    apply: (object) =>
      Promise.resolve(store(keyOf({ kind: object.kind, namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' }), object)),
    patch: (target, body, _signal, subresource) => {
      const live = find(target);
      if (live === undefined) return Promise.reject(new Fault('transport/gone', 'not there'));
      const wanted = isRecord(body['metadata']) ? body['metadata']['resourceVersion'] : undefined;
      if (wanted !== undefined && wanted !== live.metadata.resourceVersion) return Promise.reject(new Fault('transport/conflict', 'changed'));
      const part =
        subresource === 'status' ? { status: body['status'] ?? null } : Object.fromEntries(Object.entries(body).filter(([field]) => field !== 'status'));
      return Promise.resolve(store(keyOf(target), mergePatch(live as unknown as Json, part) as unknown as KubeObject));
    },
    remove: (target) => {
      const live = find(target);
      if (live !== undefined) store(keyOf(target), { ...live, metadata: { ...live.metadata, deletionTimestamp: 'now' } });
      return Promise.resolve();
    },
  };
}

const record = (value: unknown): Readonly<Record<string, unknown>> => (isRecord(value) ? value : {});

/** What a process dies of; nothing of it has an effect afterwards. */
export class Killed extends Error {}

export interface Ground extends AsyncDisposable {
  readonly cloud: Cloud;
  readonly hub: MemoryHub;
  /** `kind what` of every effect that was begun. */
  readonly effects: string[];
  /** What each turn said, and each status. */
  readonly said: string[];
  readonly redactor: Redactor;
  nowMs: number;
  /** Called around every effect; throwing {@link Killed} is the end of the process. */
  before: (effect: string) => void;
  after: (effect: string) => void;
  /** Replaces the way to the cloud. */
  openCloud: OpenCloud;
  readonly controller: () => Controller;
  /** Another process. */
  readonly restart: () => void;
  readonly turn: () => Promise<Turn>;
  /** Turns, each when it is due, until nothing is to be done any more, somebody has to act, or `turnsMax` have passed. What passes by itself is waited out. */
  readonly settle: (turnsMax?: number) => Promise<Turn>;
  /** `status.state` of the Configuration. */
  readonly state: () => string;
  readonly message: () => string;
  /** `status.apply` or `status.destroy`. */
  readonly part: (field: 'apply' | 'destroy') => Readonly<Record<string, unknown>>;
}

/** A hub with Provider and Secret, a cloud, and a Configuration if one is given. */
export async function openGround(object: KubeObject | null = configuration(), options: CloudOptions = {}): Promise<Ground> {
  const hub = memoryHub();
  const redactor = createRedactor();
  let isDead = false;
  const clock: Clock = { ...systemClock(), now: () => ground.nowMs };
  const effects: Effects = {
    run: async (kind, what, action) => {
      if (isDead) throw new Killed();
      const effect = `${kind} ${what}`;
      ground.effects.push(effect);
      try {
        ground.before(effect);
        const result = await action();
        ground.after(effect);
        return result;
      } catch (error) {
        isDead ||= error instanceof Killed;
        throw error;
      }
    },
  };
  const cloud = await startCloud({ planes: false, createMs: 60_000, deleteMs: 20_000, networkMs: 1_000, ...options, now: () => ground.nowMs });
  const make = (): Controller =>
    configurationController({ hub, effects, clock, redactor, openCloud: (login) => ground.openCloud(login), pollMs: POLL_MS, outcomeWindowMs: WINDOW_MS });
  let controller: Controller | null = null;
  const status = (): Readonly<Record<string, unknown>> => record(hub.configuration()?.['status']);
  const state = (field: string): string => String(status()[field] ?? '');
  const ground: Ground = {
    cloud,
    hub,
    effects: [],
    said: [],
    redactor,
    nowMs: Date.parse('2026-01-02T03:04:05Z'),
    before: () => {},
    after: () => {},
    openCloud: openAlibaba({ endpoint: `http://${cloud.endpoint}`, clock }),
    controller: () => (controller ??= make()),
    restart: () => {
      isDead = false;
      controller = null;
    },
    turn: async () => {
      const seen = hub.configuration();
      if (seen === undefined) return { retryAfterMs: null, changed: false, message: '', fault: null };
      const turn = await ground.controller().turn(seen, never);
      ground.said.push(turn.message, state('message'), JSON.stringify(hub.configuration() ?? ''));
      return turn;
    },
    settle: async (turnsMax = 200) => {
      for (let turn = 1; ; turn++) {
        const result = await ground.turn();
        if (isDead || turn >= turnsMax || result.retryAfterMs === null || (result.fault !== null && result.fault.kind !== 'transient')) return result;
        ground.nowMs += result.retryAfterMs;
      }
    },
    state: () => state('state'),
    message: () => state('message'),
    part: (field) => record(status()[field]),
    [Symbol.asyncDispose]: () => cloud.stop(),
  };
  hub.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system', uid: '3f1c2c6e-0a51-4f0e-9a44-5a3a0e1f7c11' } });
  hub.put({
    apiVersion: 'terraform.core.oam.dev/v1beta1',
    kind: 'Provider',
    metadata: { name: 'default', namespace: 'default' },
    spec: {
      provider: 'alibaba',
      region: 'cn-hongkong',
      credentials: { source: 'Secret', secretRef: { namespace: 'vela-system', name: 'alibaba-account-creds', key: 'credentials' } },
    },
  });
  putCredentials(ground);
  if (object !== null) hub.put(object);
  return ground;
}

/** Puts the account's keys on the hub, or others. */
export function putCredentials(
  ground: Ground,
  keys: { readonly accessKeyId: string; readonly accessKeySecret: string; readonly securityToken?: string } = ground.cloud.credentials,
): void {
  const text = `accessKeyID: ${keys.accessKeyId}\naccessKeySecret: ${keys.accessKeySecret}\nsecurityToken: ${keys.securityToken ?? ''}\n`;
  ground.hub.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'alibaba-account-creds', namespace: 'vela-system' },
    type: 'Opaque',
    data: { credentials: Buffer.from(text).toString('base64') },
  });
}

/** Values of the connection Secret in plain text. */
export function connection(ground: Ground): Record<string, string> {
  const data = ground.hub.objects.get('Secret/vela-system/ack-conn')?.['data'];
  return Object.fromEntries(Object.entries(isRecord(data) ? data : {}).map(([key, value]) => [key, Buffer.from(String(value), 'base64').toString('utf8')]));
}

const CONFIGURATION: ObjectTarget = { apiVersion: '', kind: 'Configuration', namespace: 'vela-system', name: 'ack-worker' };

/** `kubectl delete`: nobody has approved of it. */
export const deleteByHand = (ground: Ground): Promise<void> => ground.hub.remove(CONFIGURATION, never);

/** Deletes the Configuration as Lateen does when an Approval says so. */
export async function deleteApproved(ground: Ground): Promise<void> {
  const mark = deletionMark({ cluster: 'local', ...CONFIGURATION, apiVersion: 'terraform.core.oam.dev/v1beta2' }, ground.nowMs);
  if (ground.hub.configuration() !== undefined) await ground.hub.patch(CONFIGURATION, { metadata: { annotations: { ...mark } } }, never);
  await deleteByHand(ground);
}
