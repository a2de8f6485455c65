/** Objects on their way: named in the inventory first, then applied; components stage by stage. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../../daemon/model/fault.ts';
import { keyOf, keyText, LOCAL, type KubeObject } from '../../../daemon/model/object.ts';
import type { RenderedComponent, RenderedTrait, Wanted } from '../../../daemon/model/plan.ts';
import type { Transport } from '../../../daemon/model/ports.ts';
import type { Observation, Tracked } from '../../../daemon/model/status.ts';
import { decide } from '../../../daemon/plan/decide.ts';
import { deliveryFor } from '../../../daemon/workflow/delivery.ts';
import type { Delivered, Delivery } from '../../../daemon/workflow/run.ts';
import { applicationOf, applied, configMap, OURS, wantedOf } from '../plan/things.ts';

interface Ground {
  readonly delivery: Delivery;
  /** Everything in the order in which it happened. */
  readonly log: string[];
  readonly objects: Map<string, KubeObject>;
  readonly faults: Map<string, Fault>;
  readonly tracked: Tracked[];
  readonly touched: Map<string, Delivered>;
  readonly observed: Map<string, Observation>;
  /** What the server says when it is asked beforehand. */
  readonly refusals: Map<string, Fault>;
  /** The run is over. */
  isKeeping: boolean;
  /** Names of components and stages that are healthy; all, where it is null. */
  healthy: ((rendered: RenderedComponent) => boolean) | null;
}

function ground(existing: readonly KubeObject[] = []): Ground {
  const log: string[] = [];
  const objects = new Map(existing.map((object) => [keyText(keyOf(LOCAL, object)), object]));
  const faults = new Map<string, Fault>();
  const refusals = new Map<string, Fault>();
  const tracked: Tracked[] = [];
  const transport: Transport = {
    observe: async (keys) => {
      log.push(`observe ${keys.map((key) => key.name).join(' ')}`);
      return new Map(
        keys.map((key) => {
          const live = objects.get(keyText(key));
          return [keyText(key), live === undefined ? { absent: true } : { live }];
        }),
      );
    },
    rehearse: async ({ key }) => {
      log.push(`rehearse ${key.name}`);
      const fault = refusals.get(key.name);
      if (fault !== undefined) throw fault;
    },
    apply: async ({ key, object, owned }) => {
      log.push(`apply ${key.name}${owned ? '' : ' (adopted)'}`);
      const fault = faults.get(key.name);
      if (fault !== undefined) throw fault;
      const live = { ...object, metadata: { ...object.metadata, uid: `uid-${key.name}` } };
      objects.set(keyText(key), live);
      return { key, object: live, changed: true, warnings: key.name === 'odd' ? ['three-way merge'] : [] };
    },
    remove: async (key, uid) => {
      log.push(`remove ${key.name} ${uid}`);
      return objects.get(keyText(key))?.metadata.finalizers === undefined && objects.delete(keyText(key));
    },
    list: async () => [],
    isNamespaced: async () => true,
  };
  const made: Omit<Ground, 'delivery'> = { log, objects, faults, tracked, touched: new Map(), observed: new Map(), refusals, isKeeping: false, healthy: null };
  const delivery = deliveryFor({
    desired: applicationOf([]),
    transport,
    observed: made.observed,
    touched: made.touched,
    signal: new AbortController().signal,
    isKeeping: () => all.isKeeping,
    decide: (wanted, observation) => decide(wanted, observation, { namespace: 'prod', name: 'shop', dialect: '1.10' }),
    track: async (entries) => {
      log.push(`track ${entries.map((entry) => entry.key.name).join(' ')}`);
      tracked.push(...entries);
    },
    untrack: async (key) => void log.push(`untrack ${key.name}`),
    healthOf: async (rendered) => ({
      healthy: all.healthy?.(rendered) ?? true,
      message: 'as asked',
      details: {},
      traits: rendered.traits.map((trait) => ({ type: trait.type, healthy: true, message: '', details: {} })),
    }),
  });
  const all: Ground = { ...made, delivery };
  return all;
}

const ofTrait = (name: string, trait: string): Wanted => ({ ...wantedOf(configMap(name)), trait, output: name });
const traitOf = (type: string, stage: RenderedTrait['stage']): RenderedTrait => ({ type, template: '', parameter: null, status: {}, stage });
const componentOf = (objects: readonly Wanted[], traits: readonly RenderedTrait[] = []): RenderedComponent => ({
  name: 'web',
  type: 'webservice',
  workload: { apiVersion: 'v1', kind: 'ConfigMap' },
  cluster: LOCAL,
  namespace: 'prod',
  replicaKey: '',
  objects,
  template: '',
  parameter: null,
  context: {},
  status: {},
  traits,
});
const kinds = (delivered: readonly Delivered[]): string[] =>
  delivered.map((item) => `${item.change.action} ${item.change.key.name}${item.fault === null ? '' : ` ${item.fault.code}`}`);

describe('a component that the server would not take', () => {
  const both = componentOf([wantedOf(configMap('a')), wantedOf(configMap('b'))]);
  const outcomes = async (it: Ground, rendered: RenderedComponent = both): Promise<unknown[]> => {
    const { fault, delivered, health } = await it.delivery.component(rendered);
    return [fault?.message, kinds(delivered), health.healthy, it.log, [...it.touched.values()].map((item) => item.change.key.name)];
  };

  it('is left out altogether when one of its objects is refused', async () => {
    const it = ground();
    it.refusals.set('b', new Fault('transport/invalid', 'b is odd'));
    assert.deepEqual(await outcomes(it), ['b is odd', ['create a', 'create b transport/invalid'], false, ['observe a b', 'rehearse a', 'rehearse b'], ['b']]);
  });

  it('or belongs to another', async () => {
    const it = ground([configMap('a', {}, { 'app.oam.dev/name': 'stall', 'app.oam.dev/namespace': 'prod' })]);
    assert.deepEqual((await outcomes(it)).slice(1), [['refuse a plan/ownership', 'create b'], false, ['observe a b'], ['a']]);
  });

  for (const [title, fault] of [
    ['the server is busy', new Fault('transport/busy', 'later')],
    ['a webhook cannot rehearse', new Fault('transport/invalid', 'admission webhook "x" does not support dry run')],
  ] as const) {
    it(`is written all the same where ${title}`, async () => {
      const it = ground();
      it.refusals.set('a', fault);
      assert.deepEqual((await outcomes(it)).slice(1, 3), [['create a', 'create b'], true]);
    });
  }

  it('is written where it brings what is missing', async () => {
    const it = ground();
    it.refusals.set('a', new Fault('transport/no-namespace', 'namespaces "ns" not found'));
    const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns', labels: OURS } };
    assert.deepEqual((await outcomes(it, componentOf([wantedOf(configMap('a')), wantedOf(namespace)]))).slice(1, 3), [['create a', 'create ns'], true]);
  });

  it('is put back as far as it goes while the state of a finished run is kept', async () => {
    const it = ground([configMap('a', {}, { 'app.oam.dev/name': 'stall', 'app.oam.dev/namespace': 'prod' })]);
    it.isKeeping = true;
    assert.deepEqual((await outcomes(it))[3], ['observe a b', 'track b', 'apply b']);
  });

  it('is not asked about when it is a single object', async () => {
    const it = ground();
    assert.deepEqual((await outcomes(it, componentOf([wantedOf(configMap('a'))])))[3], ['observe a', 'track a', 'apply a']);
  });
});

describe('objects', () => {
  it('are in the inventory before the first of them is applied (I6)', async () => {
    const it = ground();
    const delivered = await it.delivery.deliver([wantedOf(configMap('a')), wantedOf(configMap('b'), { gc: 'never' }, '')], 'workflow');
    assert.deepEqual(it.log, ['observe a b', 'track a b', 'apply a', 'apply b']);
    assert.deepEqual(kinds(delivered), ['create a', 'create b']);
    assert.deepEqual(
      it.tracked.map((entry) => [entry.key.name, entry.component, entry.creator, entry.skipGC]),
      [
        ['a', 'web', 'workflow', false],
        ['b', '', 'workflow', true],
      ],
    );
  });

  it('are asked for once, and what was written is known', async () => {
    const it = ground();
    await it.delivery.deliver([wantedOf(configMap('a'))], 'workflow');
    const again = await it.delivery.deliver([wantedOf(configMap('a'))], 'workflow');
    assert.deepEqual([kinds(again), it.log], [['keep a'], ['observe a', 'track a', 'apply a', 'track a']]);
  });

  it('that others need come first, each answer in its place', async () => {
    const it = ground();
    const crd: KubeObject = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'crd', labels: OURS } };
    const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns', labels: OURS } };
    const delivered = await it.delivery.deliver([wantedOf(configMap('a')), wantedOf(namespace), wantedOf(crd)], 'workflow');
    assert.deepEqual(
      [it.log.slice(2), kinds(delivered)],
      [
        ['apply crd', 'apply ns', 'apply a'],
        ['create a', 'create ns', 'create crd'],
      ],
    );
  });

  it('one that is refused by the server stops no other', async () => {
    const it = ground();
    it.faults.set('a', new Fault('transport/invalid', 'no'));
    const delivered = await it.delivery.deliver([wantedOf(configMap('a')), wantedOf(configMap('b'))], 'workflow');
    assert.deepEqual(
      [kinds(delivered), [...it.touched.keys()], it.objects.size],
      [['create a transport/invalid', 'create b'], ['local//ConfigMap/prod/a', 'local//ConfigMap/prod/b'], 1],
    );
  });

  it('one that belongs to another is neither written nor put into the inventory', async () => {
    const it = ground([configMap('a', {}, { 'app.oam.dev/name': 'stall' })]);
    const delivered = await it.delivery.deliver([wantedOf(configMap('a')), wantedOf(configMap('b'))], 'workflow');
    assert.deepEqual(
      [kinds(delivered), it.log],
      [
        ['refuse a plan/ownership', 'create b'],
        ['observe a b', 'track b', 'apply b'],
      ],
    );
  });

  it('one that is taken over is not called ours', async () => {
    const it = ground([configMap('a', {}, {})]);
    assert.deepEqual(kinds(await it.delivery.deliver([wantedOf(configMap('a'), { takeOver: true })], 'workflow')), ['adopt a']);
    assert.deepEqual(it.log.at(-1), 'apply a (adopted)');
  });

  it("bring the server's warnings with them", async () => {
    assert.deepEqual(
      (await ground().delivery.deliver([wantedOf(configMap('odd'))], 'workflow')).map((item) => item.warnings),
      [['three-way merge']],
    );
  });

  for (const code of ['transport/lease', 'loop/cancelled'] as const) {
    it(`${code} ends the delivery`, async () => {
      const it = ground();
      it.faults.set('a', new Fault(code, 'stop'));
      await assert.rejects(it.delivery.deliver([wantedOf(configMap('a'))], 'workflow'), { code });
    });
  }
});

describe('a component', () => {
  const staged = componentOf(
    [wantedOf(configMap('work')), ofTrait('early', 'secrets'), ofTrait('late', 'expose'), ofTrait('plain', 'labels')],
    [traitOf('secrets', 'PreDispatch'), traitOf('expose', 'PostDispatch'), traitOf('labels', 'DefaultDispatch')],
  );

  it('goes stage by stage while each is healthy', async () => {
    const it = ground();
    const outcome = await it.delivery.component(staged);
    assert.deepEqual(
      it.log.filter((line) => line.startsWith('apply')),
      ['apply early', 'apply work', 'apply plain', 'apply late'],
    );
    assert.deepEqual(
      [outcome.health.healthy, outcome.health.message, outcome.output?.metadata.name, Object.keys(outcome.outputs)],
      [true, 'as asked', 'work', ['early', 'late', 'plain']],
    );
  });

  it('waits with what comes after an unhealthy stage, and says so', async () => {
    const it = ground();
    it.healthy = () => false;
    const outcome = await it.delivery.component(staged);
    assert.deepEqual([it.log.filter((line) => line.startsWith('apply')), outcome.health.healthy], [['apply early'], false]);
    it.healthy = (rendered) => rendered.objects.length < 3;
    const second = await it.delivery.component(staged);
    assert.deepEqual([it.objects.size, second.health.healthy], [3, false]);
  });

  it('is not asked for the health of traits that come later: that would be waiting for ever', async () => {
    const it = ground();
    const asked: string[][] = [];
    it.healthy = (rendered) => {
      asked.push(rendered.traits.map((trait) => trait.type));
      return true;
    };
    await it.delivery.component(staged);
    assert.deepEqual(asked, [['secrets'], ['secrets', 'labels'], ['secrets', 'expose', 'labels']]);
  });

  it("is unhealthy for an object that was refused, with the server's words", async () => {
    const it = ground();
    it.faults.set('work', new Fault('transport/invalid', 'spec.replicas: wrong'));
    const outcome = await it.delivery.component(staged);
    assert.deepEqual([outcome.fault?.code, outcome.health.healthy, outcome.health.message], ['transport/invalid', false, 'spec.replicas: wrong']);
    assert.equal(it.objects.has('local//ConfigMap/prod/late'), false);
  });

  it('without objects is what its policy says', async () => {
    const outcome = await ground().delivery.component(componentOf([]));
    assert.deepEqual([outcome.health.healthy, outcome.output, outcome.fault], [true, null, null]);
  });

  it('is asked for its health without writing anything', async () => {
    const it = ground([applied(configMap('work'))]);
    const [work] = staged.objects;
    assert.deepEqual([(await it.delivery.health(componentOf([work as Wanted]))).health.healthy, it.log], [true, ['observe work']]);
    const partly = await it.delivery.health(staged);
    assert.deepEqual([partly.health.healthy, partly.health.message], [false, 'not all objects are there']);
  });
});

describe('an object that a step deletes', () => {
  it('goes by its uid, out of the inventory and out of what this run asked for', async () => {
    const it = ground();
    await it.delivery.deliver([wantedOf(configMap('a'))], 'workflow');
    assert.equal(await it.delivery.remove(configMap('a'), ''), true);
    assert.deepEqual([it.log.slice(-2), it.touched.size, it.observed.get('local//ConfigMap/prod/a')], [['remove a uid-a', 'untrack a'], 0, { absent: true }]);
  });

  it('is gone when it was never there', async () => {
    assert.equal(await ground().delivery.remove(configMap('a'), LOCAL), true);
  });

  it('that a finalizer holds is not gone, and stays in the inventory', async () => {
    const held = configMap('a');
    const it = ground([{ ...held, metadata: { ...held.metadata, finalizers: ['x'] } }]);
    assert.deepEqual([await it.delivery.remove(held, LOCAL), it.log.some((line) => line.startsWith('untrack'))], [false, false]);
  });
});
