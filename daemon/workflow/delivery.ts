/**
 * Delivers the objects of one application: decide, record the intent in the inventory, apply. The record comes before
 * the effect, so that a process killed in between has lost nothing (I6); deleting asks who owns the object, so that an
 * intent that never became an object deletes nobody else's.
 */
import { carriedObject } from '../lib/manifest-work.ts';
import { mapLimit } from '../lib/queue.ts';
import { endsTurn, Fault, toFault } from '../model/fault.ts';
import { keyOf, keyText, LOCAL, type KubeObject, type ObjectKey } from '../model/object.ts';
import { waveOf, type Change, type DesiredApplication, type RenderedComponent, type Wanted } from '../model/plan.ts';
import type { Transport } from '../model/ports.ts';
import type { Observation, ServiceHealth, Tracked } from '../model/status.ts';
import { rehearse, requestOf } from './rehearsal.ts';
import type { ComponentOutcome, Delivered, Delivery, HealthOf } from './run.ts';

/** Objects of one application that are written at the same time. KubeVela 1.10: 10. */
const WRITES_AT_ONCE_MAX = 10;

export interface DeliveryDoors {
  readonly desired: DesiredApplication;
  readonly transport: Transport;
  /** Stage 4's decision, bound to this application. */
  readonly decide: (wanted: Wanted, observation: Observation) => Change;
  /** Puts entries into the inventory; resolves when they are kept. Does nothing for entries that are there. */
  readonly track: (entries: readonly Tracked[]) => Promise<void>;
  /** Takes an object out of the inventory again: a step has deleted it. */
  readonly untrack: (key: ObjectKey) => Promise<void>;
  /** Live objects known so far in this pass, by keyText; filled further as objects are looked for and written. */
  readonly observed: Map<string, Observation>;
  /** Everything that this run asked for, by keyText: what is not in it when the run has finished may be pruned. */
  readonly touched: Map<string, Delivered>;
  readonly healthOf: HealthOf;
  /** The run is over, and its state is kept. Absent: it is not. */
  readonly isKeeping?: () => boolean;
  readonly signal: AbortSignal;
}

const STAGES = ['PreDispatch', 'DefaultDispatch', 'PostDispatch'] as const;

/** A {@link Delivery} for one application and one pass. */
export function deliveryFor(doors: DeliveryDoors): Delivery {
  const { transport, signal } = doors;

  async function observe(keys: readonly Wanted[]): Promise<void> {
    const missing = keys.map((wanted) => wanted.key).filter((key) => !doors.observed.has(keyText(key)));
    if (missing.length === 0) return;
    for (const [text, observation] of await transport.observe(missing, signal)) doors.observed.set(text, observation);
  }

  async function applyOne(change: Change): Promise<Delivered> {
    const request = requestOf(change);
    if (request === null) return { change, live: change.live, fault: change.action === 'refuse' ? change.fault : null, warnings: [] };
    try {
      const receipt = await transport.apply(request, signal);
      doors.observed.set(keyText(request.key), { live: receipt.object });
      return { change, live: receipt.object, fault: null, warnings: receipt.warnings };
    } catch (error) {
      const fault = toFault(error);
      if (endsTurn(fault)) throw fault;
      return { change, live: change.live, fault, warnings: [] };
    }
  }

  async function decided(wanted: readonly Wanted[]): Promise<readonly Change[]> {
    await observe(wanted);
    return wanted.map((item) =>
      doors.decide(
        item,
        doors.observed.get(keyText(item.key)) ?? { fault: new Fault('transport/unreachable', `cluster ${item.key.cluster} was not looked at`) },
      ),
    );
  }

  const deliver = async (wanted: readonly Wanted[], creator: string): Promise<readonly Delivered[]> => write(await decided(wanted), creator);

  /** All objects of a stage, or none: while a finished run is only kept as it is, what can be put back is. */
  async function deliverWhole(wanted: readonly Wanted[], creator: string): Promise<readonly Delivered[]> {
    const changes = await decided(wanted);
    const refused = doors.isKeeping?.() === true ? null : await rehearse(changes, transport, signal);
    if (refused === null) return write(changes, creator);
    for (const item of refused) if (item.fault !== null) doors.touched.set(keyText(item.change.key), item);
    return refused;
  }

  async function write(changes: readonly Change[], creator: string): Promise<readonly Delivered[]> {
    const intents = changes
      .filter((change) => change.action !== 'refuse')
      .map((change): Tracked => ({
        key: change.key,
        component: change.wanted?.component ?? '',
        trait: change.wanted?.trait ?? '',
        creator,
        skipGC: change.wanted?.rules.gc === 'never',
      }));
    await doors.track(intents);
    const delivered = new Map<Change, Delivered>();
    for (const wave of [0, 1, 2]) {
      const now = changes.filter((change) => (change.wanted === null ? wave === 2 : waveOf(change.wanted) === wave));
      if (now.length === 0) continue;
      await mapLimit(
        now,
        WRITES_AT_ONCE_MAX,
        async (change) => {
          delivered.set(change, await applyOne(change));
        },
        signal,
      );
    }
    const all = changes.map((change) => delivered.get(change)).filter((item) => item !== undefined);
    for (const item of all) doors.touched.set(keyText(item.change.key), item);
    return all;
  }

  function outcome(
    rendered: RenderedComponent,
    delivered: readonly Delivered[],
    health: Omit<ServiceHealth, 'name' | 'namespace' | 'cluster' | 'workload'>,
  ): ComponentOutcome {
    const { output, outputs } = livePartsOf(rendered, doors.observed);
    return {
      delivered,
      output,
      outputs,
      fault: delivered.find((item) => item.fault !== null)?.fault ?? null,
      health: { ...health, name: rendered.name, namespace: rendered.namespace, cluster: rendered.cluster, workload: rendered.workload },
    };
  }

  async function component(rendered: RenderedComponent, creator = 'workflow'): Promise<ComponentOutcome> {
    const stageOf = (wanted: Wanted): (typeof STAGES)[number] => rendered.traits.find((trait) => trait.type === wanted.trait)?.stage ?? 'DefaultDispatch';
    const delivered: Delivered[] = [];
    let last: ComponentOutcome | null = null;
    for (const stage of STAGES) {
      const objects = rendered.objects.filter((wanted) => stageOf(wanted) === stage);
      if (objects.length === 0) continue;
      // KubeVela 1.10 (MultiStageComponentApply): a later stage waits until the one before it is healthy.
      if (last !== null && !last.health.healthy) break;
      delivered.push(...(await deliverWhole(objects, creator)));
      // A trait whose objects come later has no health yet: waiting for it here would be waiting for ever.
      const later = rendered.objects.filter((wanted) => STAGES.indexOf(stageOf(wanted)) > STAGES.indexOf(stage));
      const sofar = {
        ...rendered,
        objects: rendered.objects.filter((wanted) => !later.includes(wanted)),
        traits: rendered.traits.filter((trait) => !later.some((wanted) => wanted.trait === trait.type)),
      };
      last = await healthFor(sofar, delivered);
      if (last.fault !== null) break;
    }
    if (last === null) return healthFor(rendered, delivered);
    const complete = rendered.objects.every((wanted) =>
      delivered.some((item) => item.change.key === wanted.key || keyText(item.change.key) === keyText(wanted.key)),
    );
    return complete ? last : { ...last, health: { ...last.health, healthy: false, message: last.health.message || 'waiting for previous stage healthy' } };
  }

  async function healthFor(rendered: RenderedComponent, delivered: readonly Delivered[]): Promise<ComponentOutcome> {
    const { output, outputs, complete } = livePartsOf(rendered, doors.observed);
    const failed = delivered.find((item) => item.fault !== null)?.fault;
    if (failed !== undefined && failed !== null)
      return outcome(rendered, delivered, {
        healthy: false,
        message: failed.message,
        details: {},
        traits: rendered.traits.map((trait) => ({ type: trait.type, healthy: false, message: '', details: {} })),
      });
    if (!complete) return outcome(rendered, delivered, { healthy: false, message: 'not all objects are there', details: {}, traits: [] });
    return outcome(rendered, delivered, await doors.healthOf(rendered.inside ?? rendered, output, outputs, signal));
  }

  return {
    deliver,
    component,
    health: async (rendered) => {
      await observe(rendered.objects);
      return healthFor(rendered, []);
    },
    remove: async (object, cluster) => {
      const key = keyOf(cluster === '' ? LOCAL : cluster, object);
      const seen = (await transport.observe([key], signal)).get(keyText(key));
      if (seen === undefined || 'absent' in seen) return true;
      if ('fault' in seen) throw seen.fault;
      const gone = await transport.remove(key, seen.live.metadata.uid ?? '', 'cascading', signal);
      if (!gone) return false;
      doors.observed.set(keyText(key), { absent: true });
      doors.touched.delete(keyText(key));
      await doors.untrack(key);
      return true;
    },
  };
}

/** As {@link liveParts}; of objects that ManifestWorks carry, what the agent tells. */
function livePartsOf(rendered: RenderedComponent, observed: ReadonlyMap<string, Observation>): ReturnType<typeof liveParts> {
  if (rendered.inside === undefined) return liveParts(rendered, observed);
  const works = rendered.objects.flatMap((wanted) => {
    const seen = observed.get(keyText(wanted.key));
    return seen !== undefined && 'live' in seen ? [seen.live] : [];
  });
  const told = new Map(observed);
  for (const wanted of rendered.inside.objects) {
    const object = wanted.key.cluster === LOCAL ? null : carriedObject(wanted, works);
    if (object !== null) told.set(keyText(wanted.key), { live: object });
    else if (wanted.key.cluster !== LOCAL) told.delete(keyText(wanted.key));
  }
  return liveParts(rendered.inside, told);
}

/** The live workload and auxiliary objects of a component, as templates see them under `context`. */
function liveParts(
  rendered: RenderedComponent,
  observed: ReadonlyMap<string, Observation>,
): { readonly output: KubeObject | null; readonly outputs: Readonly<Record<string, KubeObject>>; readonly complete: boolean } {
  let output: KubeObject | null = null;
  let complete = true;
  const outputs: Record<string, KubeObject> = {};
  for (const wanted of rendered.objects) {
    const seen = observed.get(keyText(wanted.key));
    const live = seen !== undefined && 'live' in seen ? seen.live : null;
    if (live === null) complete = false;
    else if (wanted.trait === '') output = live;
    else if (wanted.output !== '') outputs[wanted.output] = live;
  }
  return { output, outputs, complete };
}
