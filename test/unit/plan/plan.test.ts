/** What one commit would change, as a whole. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stableStringify } from '../../../daemon/lib/json.ts';
import type { Broken, Catalog } from '../../../daemon/model/catalog.ts';
import { Fault } from '../../../daemon/model/fault.ts';
import { keyOf, keyText, LOCAL, type JsonObject, type KubeObject } from '../../../daemon/model/object.ts';
import type { ApplicationPlan } from '../../../daemon/model/plan.ts';
import type { ApplicationRecord } from '../../../daemon/model/ports.ts';
import type { Observation, Tracked } from '../../../daemon/model/status.ts';
import { managedResources } from '../../../daemon/plan/inventory.ts';
import { isKept, leavingDocuments, leavingRecords, plan, stayingDefinitions, type PlanInput } from '../../../daemon/plan/plan.ts';
import { approvalsOf } from '../../../daemon/plan/approvals.ts';
import { catalogOf } from './catalogs.ts';
import { ABSENT, applicationOf, applied, configMap, CONFIG, documentOf, OURS, seen, trackedFor, wantedOf } from './things.ts';

interface RecordSetting {
  readonly instance?: string | null;
  readonly tracked?: readonly Tracked[];
  readonly status?: JsonObject;
  readonly trackerInstance?: string;
}

function recordOf(name: string, { instance = '', tracked = [], status, trackerInstance }: RecordSetting = {}): ApplicationRecord {
  return {
    namespace: 'prod',
    name,
    revisions: [],
    journal: null,
    application:
      instance === null
        ? null
        : {
            apiVersion: 'core.oam.dev/v1beta1',
            kind: 'Application',
            metadata: { name, namespace: 'prod', annotations: { 'lateen.dev/instance': instance } },
            ...(status === undefined ? {} : { status }),
          },
    trackers:
      tracked.length === 0 && trackerInstance === undefined
        ? []
        : [
            {
              apiVersion: 'core.oam.dev/v1beta1',
              kind: 'ResourceTracker',
              metadata: { name: `${name}-v1-prod`, labels: trackerInstance === undefined ? {} : { 'lateen.dev/instance': trackerInstance } },
              spec: { managedResources: managedResources(tracked) },
            },
          ],
  };
}
const recordsOf = (...records: readonly ApplicationRecord[]): ReadonlyMap<string, ApplicationRecord> =>
  new Map(records.map((record) => [`${record.namespace}/${record.name}`, record]));
const applicationDocument = (name: string, namespace: string | null = 'prod'): Catalog['applications'][number] =>
  documentOf({ apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', metadata: { name, ...(namespace === null ? {} : { namespace }) } });
const brokenOf = (kind: string, namespace: string, name: string): Broken => ({ kind, namespace, name, origin: { path: 'x.yaml', line: 1, column: 1 } });
const namesOf = (records: readonly ApplicationRecord[]): string[] => records.map((record) => record.name);

describe('applications that leave', () => {
  const records = recordsOf(recordOf('stall'), recordOf('shop'));
  const CASES: readonly (readonly [string, Partial<Catalog>, readonly string[]])[] = [
    ['are those whose document is gone, sorted', {}, ['shop', 'stall']],
    ['are none whose document is there', { applications: [applicationDocument('shop')] }, ['stall']],
    ['are not those that moved to another namespace: the old one goes', { applications: [applicationDocument('shop', 'test')] }, ['shop', 'stall']],
    ['are none that are only broken (I11)', { broken: [brokenOf('Application', 'prod', 'shop')] }, ['stall']],
    ['are none that might be a document of unknown kind (I11)', { broken: [brokenOf('', 'prod', 'stall')] }, ['shop']],
    ['are not kept by a broken document of another kind', { broken: [brokenOf('ConfigMap', 'prod', 'shop')] }, ['shop', 'stall']],
    ['are none at all while a file cannot be read (I11)', { unreadable: [{ path: 'x.yaml', line: 3, column: 1 }] }, []],
  ];
  for (const [title, more, expected] of CASES) it(title, () => assert.deepEqual(namesOf(leavingRecords(records, catalogOf(more), '')), expected));

  it('are of our instance only', () => {
    const all = recordsOf(
      recordOf('a', { instance: 'north' }),
      recordOf('b', { instance: 'south' }),
      recordOf('c', { instance: null }),
      recordOf('d', { instance: '' }),
    );
    assert.deepEqual(namesOf(leavingRecords(all, catalogOf(), 'north')), ['a']);
    assert.deepEqual(namesOf(leavingRecords(all, catalogOf(), '')), ['d']);
  });

  it('without a namespace are looked for in default', () => {
    const record = { ...recordOf('shop'), namespace: 'default' };
    assert.deepEqual(leavingRecords(new Map([['default/shop', record]]), catalogOf({ applications: [applicationDocument('shop', null)] }), ''), []);
    assert.deepEqual(leavingRecords(new Map([['default/shop', record]]), catalogOf({ broken: [brokenOf('Application', '', 'shop')] }), ''), []);
  });

  it('are known by their tracker when somebody deleted the Application object', () => {
    assert.equal(isKept(recordOf('shop', { instance: null, trackerInstance: 'default' }), ''), true);
    assert.equal(isKept(recordOf('shop', { instance: null, trackerInstance: 'north' }), 'north'), true);
    assert.equal(isKept(recordOf('shop', { instance: null, trackerInstance: 'north' }), ''), false);
    assert.equal(isKept(recordOf('shop', { instance: null }), ''), false);
  });
});

describe('documents that leave', () => {
  const [kept, gone] = [configMap('kept'), configMap('gone')];
  const desired = { applications: [], objects: [wantedOf(kept)] };
  const tracked = [trackedFor(kept), trackedFor(gone)];
  for (const [title, more, expected] of [
    ['are those that nothing asks for', {}, ['gone']],
    ['are none that are broken', { broken: [brokenOf('ConfigMap', 'prod', 'gone')] }, []],
    ['are none that are broken and say no namespace', { broken: [brokenOf('ConfigMap', '', 'gone')] }, []],
    ['are none while a file cannot be read', { unreadable: [{ path: 'x.yaml', line: 1, column: 1 }] }, []],
  ] as const)
    it(title, () =>
      assert.deepEqual(
        leavingDocuments(tracked, desired, catalogOf(more)).map((entry) => entry.key.name),
        expected,
      ),
    );
});

describe('definitions on the hub', () => {
  const definition = (name: string): KubeObject => ({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'TraitDefinition',
    metadata: { name, namespace: 'vela-system' },
  });
  const onHub = [definition('mine'), definition('theirs')];
  const tracked = [trackedFor(definition('mine'))];
  for (const [title, more, expected] of [
    ['that came from this repository and leave it are not rendered with any more', {}, ['theirs']],
    ['that are still in the repository stay', { definitions: [documentOf(definition('mine'))] }, ['mine', 'theirs']],
    ['that are broken in the repository stay', { broken: [brokenOf('TraitDefinition', 'vela-system', 'mine')] }, ['mine', 'theirs']],
    ['stay while a file cannot be read', { unreadable: [{ path: 'x.yaml', line: 1, column: 1 }] }, ['mine', 'theirs']],
    ['stay where nothing is pruned', { config: { ...CONFIG, prune: false } }, ['mine', 'theirs']],
  ] as const)
    it(title, () =>
      assert.deepEqual(
        stayingDefinitions(onHub, tracked, catalogOf(more)).map((object) => object.metadata.name),
        expected,
      ),
    );
});

const NO_APPROVALS = approvalsOf([], 0);
const inputOf = (more: Partial<PlanInput> = {}): PlanInput => ({
  desired: { applications: [], objects: [] },
  records: new Map(),
  documents: [],
  observed: new Map(),
  approvals: NO_APPROVALS,
  config: CONFIG,
  drift: 'any',
  leaving: [],
  ...more,
});
const told = (item: ApplicationPlan | undefined): readonly string[] =>
  (item?.changes ?? []).map((change) => `${change.action} ${change.key.name}: ${change.reason}`);
const absent = (...objects: readonly KubeObject[]): Map<string, Observation> => new Map(objects.map((object) => [keyText(keyOf(LOCAL, object)), ABSENT]));

describe('the plan', () => {
  const [settings, old] = [configMap('settings'), configMap('old')];
  const shop = applicationOf([wantedOf(settings)]);

  it('of a new application creates its objects and runs its workflow', () => {
    const { applications } = plan(inputOf({ desired: { applications: [shop], objects: [] }, observed: absent(settings) }), catalogOf());
    assert.deepEqual([told(applications[0]), applications[0]?.restartsWorkflow], [['create settings: not there yet'], true]);
  });

  const ran = (appRevision: string): JsonObject => ({ workflow: { appRevision } });
  for (const [title, status, annotations, expected] of [
    ['runs the workflow of another revision', ran('shop-v0'), undefined, true],
    ['does not run it again for the same revision', ran('shop-v1'), undefined, false],
    ['does not run it again while publishVersion stays', ran('alpha'), { 'app.oam.dev/publishVersion': 'alpha' }, false],
    ['runs it for a new publishVersion', ran('alpha'), { 'app.oam.dev/publishVersion': 'beta' }, true],
  ] as const) {
    it(title, () => {
      const object: KubeObject = { ...shop.object, metadata: { ...shop.object.metadata, ...(annotations === undefined ? {} : { annotations }) } };
      const { applications } = plan(
        inputOf({
          desired: { applications: [{ ...shop, object }], objects: [] },
          records: recordsOf(recordOf('shop', { status })),
          observed: seen(applied(settings)),
        }),
        catalogOf(),
      );
      assert.equal(applications[0]?.restartsWorkflow, expected);
    });
  }

  const withOld = (more: Partial<PlanInput> = {}): PlanInput =>
    inputOf({
      desired: { applications: [shop], objects: [] },
      records: recordsOf(recordOf('shop', { tracked: [trackedFor(settings), trackedFor(old)] })),
      observed: seen(applied(settings), applied(old)),
      ...more,
    });

  it('deletes what a new content no longer has', () => {
    assert.deepEqual(told(plan(withOld(), catalogOf()).applications[0]), ['keep settings: as it should be', 'delete old: gone from the commit']);
  });

  it('deletes nothing where prune is off', () => {
    assert.deepEqual(told(plan(withOld({ config: { ...CONFIG, prune: false } }), catalogOf()).applications[0]), ['keep settings: as it should be']);
  });

  it('deletes nothing that a step made before the step has run', () => {
    const records = recordsOf(recordOf('shop', { tracked: [trackedFor(old, { component: '' })] }));
    assert.deepEqual(told(plan(withOld({ records }), catalogOf()).applications[0]), ['keep settings: as it should be']);
  });

  it('has nothing to say of an application that could not be rendered: it keeps all it owns (I11)', () => {
    const broken = { ...shop, fault: new Fault('render/parameter', 'no image') };
    assert.deepEqual(plan(withOld({ desired: { applications: [broken], objects: [] } }), catalogOf()).applications[0]?.changes, []);
  });

  it('only reports drift where lateen.yaml says so', () => {
    const input = inputOf({
      desired: { applications: [shop], objects: [] },
      observed: seen(applied(settings, { data: { a: '9' } })),
      config: { ...CONFIG, drift: 'report' },
    });
    assert.deepEqual(told(plan(input, catalogOf()).applications[0]), ['keep settings: drift, only reported']);
  });

  it('removes an application that leaves, and documents that nothing asks for', () => {
    const input = inputOf({
      leaving: [recordOf('shop', { tracked: [trackedFor(old)] })],
      documents: [trackedFor(configMap('note'))],
      observed: seen(applied(old), applied(configMap('note'))),
    });
    const { applications, objects } = plan(input, catalogOf());
    assert.deepEqual(
      [applications.map((item) => [item.name, told(item)]), told(objects)],
      [[['shop', ['delete old: its application is gone from the commit']]], ['delete note: gone from the commit']],
    );
  });

  it('refuses what nobody has looked at', () => {
    const { applications } = plan(inputOf({ desired: { applications: [shop], objects: [] } }), catalogOf());
    assert.deepEqual(
      applications[0]?.changes.map((change) => [change.action, change.fault?.code]),
      [['refuse', 'transport/unreachable']],
    );
  });

  it('is byte-identical in whatever order its input comes (I8)', () => {
    const apps = ['a', 'b', 'c'].map((name) =>
      applicationOf([wantedOf(configMap(`of-${name}`, { x: name }, { ...OURS, 'app.oam.dev/name': name }))], { name }),
    );
    const records = ['a', 'b', 'z'].map((name) => recordOf(name, { tracked: ['p', 'q', 'r'].map((item) => trackedFor(configMap(`${item}-${name}`))) }));
    const observed = [
      ...seen(
        ...records.flatMap((record) =>
          ['p', 'q', 'r'].map((item) => applied(configMap(`${item}-${record.name}`, {}, { ...OURS, 'app.oam.dev/name': record.name }))),
        ),
      ),
      ...absent(...apps.flatMap((app) => app.components.get('web')?.objects.map((item) => item.object) ?? [])),
    ];
    const made = (turn: <T>(list: readonly T[]) => readonly T[]): string => {
      const input = inputOf({
        desired: { applications: turn(apps), objects: [] },
        records: recordsOf(...turn(records)),
        observed: new Map(turn(observed)),
        leaving: turn(records.filter((record) => record.name === 'z')),
      });
      return stableStringify(plan(input, catalogOf()));
    };
    const straight = made((list) => list);
    assert.equal(
      made((list) => list.toReversed()),
      straight,
    );
    assert.equal(
      made((list) => [...list.slice(1), ...list.slice(0, 1)]),
      straight,
    );
    assert.equal(straight.match(/"action":"delete"/g)?.length, 9);
  });
});
