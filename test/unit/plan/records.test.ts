/** What Lateen keeps on the hub about an Application. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Revision } from '../../../daemon/model/catalog.ts';
import { Fault } from '../../../daemon/model/fault.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';
import { applicationObject, documentsTracker, isMirrored, revisionObject, surplusRevisions, trackerObject } from '../../../daemon/plan/records.ts';
import { applicationOf, configMap, trackedFor } from './things.ts';

const REVISION: Revision = { sha: 'bbbb', branch: 'main', author: 'Bea <bea@example.com>', subject: 'second' };
const shop = applicationOf([]);
const withMeta = (metadata: KubeObject['metadata'], more: Partial<KubeObject> = {}): typeof shop =>
  applicationOf([], { object: { ...shop.object, ...more, metadata: { ...shop.object.metadata, ...metadata } } });

/** The Application as an earlier pass left it: from commit aaaa, with this hash. */
function earlier(hash: string, over: Partial<KubeObject> = {}): KubeObject {
  return {
    ...applicationObject(shop, null, { ...REVISION, sha: 'aaaa', author: 'Ada <ada@example.com>' }, ''),
    status: { latestRevision: { name: 'shop-v1', revision: 1, revisionHash: hash } },
    ...over,
  };
}

describe('the Application on the hub', () => {
  it('says where it comes from', () => {
    assert.deepEqual(applicationObject(shop, null, REVISION, 'north'), {
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'Application',
      spec: { components: [] },
      metadata: {
        name: 'shop',
        namespace: 'prod',
        annotations: {
          'lateen.dev/instance': 'north',
          'lateen.dev/source': 'shop.yaml',
          'lateen.dev/source-commit': 'bbbb',
          'lateen.dev/source-author': 'Bea <bea@example.com>',
        },
      },
    });
  });

  it('keeps the commit of the same content, so that nothing is written for a commit that says the same (I5)', () => {
    const { metadata } = applicationObject(shop, earlier('h1'), REVISION, '');
    assert.deepEqual(
      [metadata.annotations?.['lateen.dev/source-commit'], metadata.annotations?.['lateen.dev/source-author']],
      ['aaaa', 'Ada <ada@example.com>'],
    );
    assert.equal(isMirrored(applicationObject(shop, earlier('h1'), REVISION, ''), earlier('h1')), true);
  });

  it('names the new commit of another content', () => {
    assert.equal(applicationObject(shop, earlier('h0'), REVISION, '').metadata.annotations?.['lateen.dev/source-commit'], 'bbbb');
  });

  it('keeps the commit of what runs while a newer one cannot be rendered, and when its content is back', () => {
    const broken = applicationOf([], {
      fault: new Fault('render/unknown-type', 'there is no TraitDefinition "expos"'),
      object: { ...shop.object, spec: { components: [{ name: 'typo' }] } },
      revision: { ...shop.revision, hash: 'h2' },
    });
    const { metadata, spec } = applicationObject(broken, earlier('h1'), REVISION, '') as KubeObject & { readonly spec: unknown };
    assert.deepEqual(
      [metadata.annotations?.['lateen.dev/source-commit'], metadata.annotations?.['lateen.dev/source-author'], spec],
      ['aaaa', 'Ada <ada@example.com>', { components: [{ name: 'typo' }] }],
    );
    const back = applicationObject(shop, { ...earlier('h1'), spec: { components: [{ name: 'typo' }] } }, REVISION, '');
    assert.equal(back.metadata.annotations?.['lateen.dev/source-commit'], 'aaaa');
    const neverRan = applicationObject(broken, earlier(''), REVISION, '');
    assert.equal(neverRan.metadata.annotations?.['lateen.dev/source-commit'], 'bbbb');
  });

  it('names this commit where the hub does not say from which it is', () => {
    const bare = earlier('h1', { metadata: { name: 'shop', namespace: 'prod' } });
    assert.equal(applicationObject(shop, bare, REVISION, '').metadata.annotations?.['lateen.dev/source-commit'], 'bbbb');
  });

  it('has the labels and annotations of the document, and ours win', () => {
    const { metadata } = applicationObject(
      withMeta({ labels: { team: 'a' }, annotations: { note: 'x', 'lateen.dev/source-commit': 'forged' } }),
      null,
      REVISION,
      '',
    );
    assert.deepEqual([metadata.labels, metadata.annotations?.['note'], metadata.annotations?.['lateen.dev/source-commit']], [{ team: 'a' }, 'x', 'bbbb']);
  });

  const wanted = applicationObject(withMeta({ labels: { team: 'a' } }), null, REVISION, '');
  const CASES: readonly (readonly [string, KubeObject | null, boolean])[] = [
    ['as Git says it is mirrored', wanted, true],
    ['that is not there is not', null, false],
    ['that is being deleted is not', { ...wanted, metadata: { ...wanted.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }, false],
    ['with another spec is not', { ...wanted, spec: { components: [{ name: 'x' }] } }, false],
    ['with another label is not', { ...wanted, metadata: { ...wanted.metadata, labels: { team: 'b' } } }, false],
    ['that lost an annotation is not', { ...wanted, metadata: { ...wanted.metadata, annotations: {} } }, false],
    [
      'with labels and annotations of others is',
      {
        ...wanted,
        metadata: { ...wanted.metadata, labels: { team: 'a', extra: '1' }, annotations: { ...wanted.metadata.annotations, 'kubectl.kubernetes.io/x': '1' } },
      },
      true,
    ],
    ['with a status is', { ...wanted, status: { status: 'running' } }, true],
  ];
  for (const [title, live, expected] of CASES) it(title, () => assert.equal(isMirrored(wanted, live), expected));
});

describe('the records beside it', () => {
  it("a ResourceTracker is KubeVela's, of type versioned", () => {
    const application: KubeObject = { ...shop.object, metadata: { ...shop.object.metadata, uid: 'u1', generation: 3 } };
    assert.deepEqual(trackerObject(shop, application, [trackedFor(configMap('a'))], ''), {
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'ResourceTracker',
      metadata: {
        name: 'shop-v1-prod',
        labels: {
          'app.oam.dev/name': 'shop',
          'app.oam.dev/namespace': 'prod',
          'app.oam.dev/appRevision': 'shop-v1',
          'app.oam.dev/uid': 'u1',
          'lateen.dev/instance': 'default',
        },
      },
      spec: {
        type: 'versioned',
        applicationGeneration: 3,
        managedResources: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace: 'prod', component: 'web', creator: 'workflow' }],
      },
    });
  });

  it('a name that fits no label stands whole in an annotation', () => {
    const name = 'n'.repeat(70);
    const { metadata } = trackerObject(applicationOf([], { name }), shop.object, [], '');
    assert.deepEqual([metadata.labels?.['app.oam.dev/name'], metadata.annotations], ['n'.repeat(63), { 'lateen.dev/application': `prod/${name}` }]);
  });

  it('the tracker of documents is one for each instance', () => {
    assert.deepEqual(
      ['', 'north'].map((instance) => documentsTracker(instance, []).metadata.name),
      ['lateen-documents', 'lateen-documents-north'],
    );
  });

  it('an ApplicationRevision holds the definitions without what a server wrote', () => {
    const definition: KubeObject = {
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'TraitDefinition',
      metadata: { name: 'scaler', namespace: 'vela-system', uid: 'u', resourceVersion: '3', managedFields: [] },
      spec: { podDisruptive: false },
      status: { configMapRef: 'x' },
    };
    const revision = revisionObject(
      applicationOf([], { definitions: new Map([['TraitDefinition/scaler', definition]]) }),
      { ...shop.object, status: { status: 'running' } },
      '{}',
    );
    assert.deepEqual(
      [revision.metadata, revision['spec']],
      [
        { name: 'shop-v1', namespace: 'prod', labels: { 'app.oam.dev/name': 'shop', 'app.oam.dev/app-revision-hash': 'h1' } },
        {
          application: { ...shop.object, spec: { components: [] } },
          traitDefinitions: {
            scaler: {
              apiVersion: 'core.oam.dev/v1beta1',
              kind: 'TraitDefinition',
              metadata: { name: 'scaler', namespace: 'vela-system' },
              spec: { podDisruptive: false },
            },
          },
        },
      ],
    );
  });

  it('component revisions of KubeVela 1.1 ride on it', () => {
    assert.deepEqual(revisionObject(shop, shop.object, '{"web":{"name":"web-v1","hash":"x"}}').metadata.annotations, {
      'lateen.dev/component-revisions': '{"web":{"name":"web-v1","hash":"x"}}',
    });
  });
});

describe('revisions beyond the limit', () => {
  const revisions = [3, 12, 1, 2, 11].map((number): KubeObject => ({
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'ApplicationRevision',
    metadata: { name: `shop-v${number}` },
  }));
  for (const [title, inUse, keepMax, expected] of [
    ['are the oldest by number, not by name', 'shop-v12', 2, ['shop-v1', 'shop-v2']],
    ['are never the one in use, be it the oldest (A, B, A)', 'shop-v1', 2, ['shop-v2', 'shop-v3']],
    ['are none while there is room', 'shop-v12', 10, []],
    ['are all others where none is kept', 'shop-v3', 0, ['shop-v1', 'shop-v2', 'shop-v11', 'shop-v12']],
  ] as const)
    it(title, () =>
      assert.deepEqual(
        surplusRevisions(revisions, inUse, keepMax).map((item) => item.metadata.name),
        expected,
      ),
    );
});
