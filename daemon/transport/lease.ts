/**
 * One writer per hub: a coordination.k8s.io Lease, held by `run` and `once` alike.
 *
 *   free ──────────────── create or take ────────────> held
 *    ^                                                  │ renewed every 5 s
 *    │ ran out, or its process is gone                  ├── release ──> free
 *   another holds it <── another took it, or not ───────┘
 *                        renewed for 15 s less a margin: check() throws
 *
 * Every step is a PUT with the resourceVersion that was read, so two who try at once cannot both succeed. Whether
 * another's Lease ran out is told by our own clock since it last changed, as clocks of two machines may differ.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isRecord } from '../lib/json.ts';
import { SYSTEM_NAMESPACE } from '../model/catalog.ts';
import { Fault } from '../model/fault.ts';
import type { KubeObject } from '../model/object.ts';
import type { Clock, Lease } from '../model/ports.ts';
import type { KubeClient, Target } from './kube.ts';
import { FIELD_MANAGER } from '../lib/stamp.ts';

export interface LeaseOptions {
  readonly clock: Clock;
  /** Milliseconds that never go back; default: the process's own. */
  readonly monotonic?: () => number;
  /** Several daemons on one hub have a Lease each: `lateen-<instance>`. "" is `lateen`. */
  readonly instance: string;
  /** How long acquire waits for another holder: 0 fails at once, Infinity waits for ever. */
  readonly waitMs: number;
  /** Told who holds it, once per holder, while waiting. */
  readonly onWait: (holder: string) => void;
  /** Told when the Lease is lost for good, so that the daemon can stop. */
  readonly onLost: (fault: Fault) => void;
}

const DURATION_S = 15;
const RENEW_MS = 5_000;
/** check() says no this long before another may take over. */
const MARGIN_MS = 3_000;
/** How far two clocks may be apart. */
const STALE_MS = 60_000;

/** Leases that this very process holds or waits for. */
const ownIdentities = new Set<string>();

/** Who we are: host, process space, process, chance. The first three tell a successor on this machine that we are gone. */
interface Holder {
  readonly host: string;
  readonly pid: number;
}

export function openLease(client: KubeClient, options: LeaseOptions): Lease & AsyncDisposable {
  const { clock } = options;
  const monotonic = options.monotonic ?? (() => performance.now());
  const name = options.instance === '' ? 'lateen' : `lateen-${options.instance}`;
  const target: Target = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: SYSTEM_NAMESPACE, name };
  const identity = `${hostIdentity()}_${process.pid}_${Math.floor(clock.random() * 2 ** 32).toString(36)}`;
  ownIdentities.add(identity);
  const stopping = new AbortController();
  let held: { readonly untilMs: number } | null = null;
  let lost: Fault | null = null;
  let renewing: Promise<void> = Promise.resolve();

  const spec = (transitions: number, acquireTime: string, now: string): Record<string, unknown> => ({
    holderIdentity: identity,
    leaseDurationSeconds: DURATION_S,
    acquireTime,
    renewTime: now,
    leaseTransitions: transitions,
  });
  const microTime = (): string => new Date(clock.now()).toISOString().replace('Z', '000Z');

  /** One try. False when another was faster. */
  async function take(live: KubeObject | null, signal: AbortSignal): Promise<boolean> {
    const startedMs = monotonic();
    const now = microTime();
    const old = specOf(live);
    const again = old.holder === identity;
    const body = {
      apiVersion: target.apiVersion,
      kind: target.kind,
      metadata: {
        name,
        namespace: target.namespace,
        ...(live?.metadata.resourceVersion === undefined ? {} : { resourceVersion: live.metadata.resourceVersion }),
      },
      spec: spec(again ? old.transitions : old.transitions + (live === null ? 0 : 1), again ? old.acquireTime : now, now),
    };
    try {
      await (live === null ? client.create(body, { fieldManager: FIELD_MANAGER }, signal) : client.replace(body, { fieldManager: FIELD_MANAGER }, signal));
      held = { untilMs: startedMs + DURATION_S * 1000 - MARGIN_MS };
      return true;
    } catch (error) {
      if (error instanceof Fault && error.code === 'transport/gone') return false;
      if (!(error instanceof Fault) || error.code !== 'transport/no-namespace') throw error;
      await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } }, { fieldManager: FIELD_MANAGER }, signal);
      return false;
    }
  }

  async function acquire(signal: AbortSignal): Promise<void> {
    const startedMs = monotonic();
    let seen = { version: '', sinceMs: startedMs };
    let told = '';
    for (;;) {
      const live = await client.get(target, signal);
      const { holder, durationMs, renewedMs } = specOf(live);
      const version = live?.metadata.resourceVersion ?? '';
      if (seen.version !== version) seen = { version, sinceMs: monotonic() };
      // Long over by the clock on the wall: then it is enough to see that one renewal does not come.
      const stale = clock.now() - renewedMs > durationMs + STALE_MS;
      const free =
        live === null || holder === '' || holder === identity || monotonic() - seen.sinceMs > (stale ? RENEW_MS + 1_000 : durationMs) || isDead(holder);
      if (free) {
        if (await take(live, signal)) break;
        continue;
      }
      const waitedMs = monotonic() - startedMs;
      if (waitedMs >= options.waitMs && !stale) throw new Fault('transport/lease', `Lease ${SYSTEM_NAMESPACE}/${name} is held by ${holder}`);
      if (told !== holder) options.onWait(holder);
      told = holder;
      await clock.sleep(Math.max(250, Math.min(1_000, options.waitMs - waitedMs)), signal);
    }
    lost = null;
    renewing = renew();
  }

  async function renew(): Promise<void> {
    try {
      for (;;) {
        await clock.sleep(RENEW_MS, stopping.signal);
        await renewOnce();
      }
    } catch (error) {
      if (stopping.signal.aborted) return;
      lost = error instanceof Fault ? error : new Fault('transport/lease', `Lease ${SYSTEM_NAMESPACE}/${name} could not be renewed`, { cause: error });
      options.onLost(lost);
    }
  }

  /** Tries until it is renewed or has run out; throws when another holds it. An unreachable hub is no loss by itself. */
  async function renewOnce(): Promise<void> {
    for (;;) {
      try {
        const live = await client.get(target, stopping.signal);
        const { holder } = specOf(live);
        if (live !== null && holder !== identity)
          throw new Fault('transport/lease', `Lease ${SYSTEM_NAMESPACE}/${name} was taken over by ${holder === '' ? 'nobody: it was released' : holder}`);
        if (await take(live, stopping.signal)) return;
      } catch (error) {
        if (!(error instanceof Fault) || error.code === 'transport/lease' || error.kind === 'cancelled') throw error;
      }
      await clock.sleep(1_000, stopping.signal);
    }
  }

  async function release(): Promise<void> {
    stopping.abort();
    ownIdentities.delete(identity);
    await renewing;
    if (held === null || lost !== null) return;
    held = null;
    const signal = AbortSignal.timeout(5_000);
    try {
      const live = await client.get(target, signal);
      if (live === null || specOf(live).holder !== identity) return;
      const fields = isRecord(live['spec']) ? live['spec'] : {};
      await client.replace({ ...live, spec: { ...fields, holderIdentity: '', leaseDurationSeconds: 1 } }, { fieldManager: FIELD_MANAGER }, signal);
    } catch {
      // It runs out by itself; a hub that is away must not keep us from stopping.
    }
  }

  return {
    acquire,
    release,
    check() {
      if (lost !== null) throw lost;
      if (held === null) throw new Fault('transport/lease', `Lease ${SYSTEM_NAMESPACE}/${name} is not held`);
      if (monotonic() > held.untilMs) throw new Fault('transport/lease', `Lease ${SYSTEM_NAMESPACE}/${name} could not be renewed in time`);
    },
    [Symbol.asyncDispose]: release,
  };
}

interface LeaseSpec {
  readonly holder: string;
  readonly durationMs: number;
  readonly renewedMs: number;
  readonly acquireTime: string;
  readonly transitions: number;
}

function specOf(live: KubeObject | null): LeaseSpec {
  const spec = isRecord(live?.['spec']) ? live['spec'] : {};
  const seconds = spec['leaseDurationSeconds'];
  const transitions = spec['leaseTransitions'];
  return {
    holder: typeof spec['holderIdentity'] === 'string' ? spec['holderIdentity'] : '',
    durationMs: (typeof seconds === 'number' ? seconds : DURATION_S) * 1000,
    renewedMs: Date.parse(typeof spec['renewTime'] === 'string' ? spec['renewTime'] : '') || 0,
    acquireTime: typeof spec['acquireTime'] === 'string' ? spec['acquireTime'] : new Date(0).toISOString().replace('Z', '000Z'),
    transitions: typeof transitions === 'number' ? transitions : 0,
  };
}

/**
 * This host, and the process ids that are comparable on it: two containers of one host name have process ids of their
 * own, and a pid that is free in one says nothing about the other.
 */
function hostIdentity(): string {
  let space = '';
  try {
    space = `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // Not Linux: there is one space of process ids, but a restart of the machine is not seen, so it is waited for.
  }
  return `${hostname().replaceAll('_', '-')}_${createHash('sha256').update(space).digest('hex').slice(0, 8)}`;
}

/** Whether a holder was a process of this machine that is no longer there. */
function isDead(identity: string): boolean {
  const holder = parseHolder(identity);
  if (holder === null || holder.host !== hostIdentity()) return false;
  try {
    process.kill(holder.pid, 0);
    // Our own number with another chance at its end: whoever had it is gone.
    return holder.pid === process.pid && !ownIdentities.has(identity);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function parseHolder(identity: string): Holder | null {
  const match = /^(.+_[0-9a-f]{8})_([0-9]+)_[0-9a-z]+$/.exec(identity);
  return match === null ? null : { host: match[1] ?? '', pid: Number(match[2]) };
}
