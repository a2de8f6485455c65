/** One Configuration in one turn: what it is now, and the writes to it, each of them one effect. */
import { timeText } from '../lib/text.ts';
import { Fault, toFault } from '../model/fault.ts';
import type { JsonObject, KubeObject } from '../model/object.ts';
import type { Clock, Effect, Effects, Objects, ObjectTarget, Redactor } from '../model/ports.ts';
import type { OpenCloud } from './cloud.ts';
import { annotationsFor, FINALIZER, type Note } from './record.ts';
import { statusPatch, type Stage } from './report.ts';

export interface ProvisionOptions {
  readonly hub: Objects;
  readonly effects: Effects;
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly openCloud: OpenCloud;
  /** How often something that the cloud is making is looked at. */
  readonly pollMs: number;
  /** How long a cluster whose creation has an unknown outcome is only looked up before it may be asked for again. */
  readonly outcomeWindowMs: number;
}

/** The cloud, or somebody, is waited for. */
export interface Waiting {
  readonly waitsFor: string;
  readonly retryAfterMs: number;
}

export interface Subject {
  /** The object as the last write left it. */
  readonly object: () => KubeObject;
  /** `vela-system/ack-worker`. */
  readonly name: string;
  readonly options: ProvisionOptions;
  readonly signal: AbortSignal;
  /** Whether anything was written. */
  readonly isChanged: () => boolean;
  /** Any effect of this turn. */
  readonly act: <T>(kind: Effect, what: string, action: () => Promise<T>) => Promise<T>;
  /**
   * Writes what is to be remembered. `guarded`: only when the object is still as it was read, so that of two processes one
   * wins; else transport/gone.
   */
  readonly note: (note: Note, mode: 'guarded' | 'always') => Promise<void>;
  /** Puts our finalizer on or takes it off; guarded, because finalizers are one list. */
  readonly hold: (isHeld: boolean) => Promise<void>;
  /** Writes the status where it says something else. */
  readonly say: (stage: Stage, message: string) => Promise<void>;
  readonly waitFor: (what: string) => Waiting;
}

const API_VERSIONS = ['terraform.core.oam.dev/v1beta2', 'terraform.core.oam.dev/v1beta1'] as const;

/**
 * The object as it is on the hub now, in the newest version that is served: v1beta1 of a newer CRD does not show the
 * text. Null when it is gone.
 */
export async function openSubject(seen: KubeObject, options: ProvisionOptions, signal: AbortSignal): Promise<Subject | null> {
  const place = { kind: 'Configuration', namespace: seen.metadata.namespace ?? '', name: seen.metadata.name ?? '' };
  for (const apiVersion of API_VERSIONS) {
    const object = await options.hub.get({ apiVersion, ...place }, signal);
    if (object !== null) return subjectOf(object, { apiVersion, ...place }, options, signal);
  }
  return null;
}

function subjectOf(live: KubeObject, target: ObjectTarget, options: ProvisionOptions, signal: AbortSignal): Subject {
  const { hub, effects, redactor } = options;
  const name = `${target.namespace}/${target.name}`;
  let object = live;
  let isChanged = false;

  async function act<T>(kind: Effect, what: string, action: () => Promise<T>): Promise<T> {
    return effects.run(kind, what, () => {
      isChanged = true;
      return action();
    });
  }
  async function patch(kind: Effect, body: JsonObject, subresource?: 'status'): Promise<void> {
    object = await act(kind, `Configuration ${name}`, () => hub.patch(target, body, signal, subresource));
  }
  /** A patch of metadata that fails when the object was changed since it was read. */
  async function guarded(metadata: JsonObject): Promise<void> {
    try {
      await patch('system', { metadata: { ...metadata, resourceVersion: object.metadata.resourceVersion ?? '' } });
    } catch (error) {
      if (error instanceof Fault && (error.code === 'transport/conflict' || error.code === 'transport/gone'))
        throw new Fault('transport/gone', `Configuration ${name} was changed meanwhile; it is looked at again`);
      throw error;
    }
  }

  return {
    object: () => object,
    name,
    options,
    signal,
    isChanged: () => isChanged,
    act,
    note: async (note, mode) => {
      const metadata = { annotations: annotationsFor(object, note) };
      await (mode === 'guarded' ? guarded(metadata) : patch('system', { metadata }));
    },
    hold: async (isHeld) => {
      const finalizers = object.metadata.finalizers ?? [];
      if (finalizers.includes(FINALIZER) === isHeld) return;
      await guarded({ finalizers: isHeld ? [...finalizers, FINALIZER] : finalizers.filter((finalizer) => finalizer !== FINALIZER) });
    },
    say: async (stage, message) => {
      const status = statusPatch(object, stage, redactor.text(message));
      if (status !== null) await patch('status', { status }, 'status');
    },
    waitFor: (what) => ({ waitsFor: what, retryAfterMs: options.pollMs }),
  };
}

/** How a namespaced object is named in messages: `namespace/name`. */
export const nameOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string => `${namespace}/${name}`;

/** Milliseconds since a time in RFC 3339; null where it is none. */
export function sinceMs(time: string, clock: Clock): number | null {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? null : clock.now() - ms;
}

/** When a window that began then is over, for people. */
export const windowEnd = (time: string, windowMs: number): string => timeText(Date.parse(time) + windowMs);

/** A fault whose words hold no secret, and without the error behind it. */
export function withoutSecrets(error: unknown, redactor: Redactor): Fault {
  const fault = toFault(error);
  return new Fault(fault.code, redactor.text(fault.message), {
    kind: fault.kind,
    ...(fault.retryAfterMs === undefined ? {} : { retryAfterMs: fault.retryAfterMs }),
  });
}
