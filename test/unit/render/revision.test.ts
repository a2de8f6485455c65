/** Which revision a content is. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Dialect } from '../../../daemon/model/catalog.ts';
import type { JsonObject, KubeObject } from '../../../daemon/model/object.ts';
import type { RevisionRef, Step } from '../../../daemon/model/plan.ts';
import type { ApplicationRecord } from '../../../daemon/model/ports.ts';
import { readApplication } from '../../../daemon/render/application.ts';
import type { Definition } from '../../../daemon/render/definitions.ts';
import { nameRevision } from '../../../daemon/render/revision.ts';
import { documentOf } from '../plan/things.ts';
import { step } from '../workflow/steps.ts';

interface Content {
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly dialect?: Dialect;
  readonly definitionHash?: string;
  readonly steps?: readonly Step[];
  readonly path?: string;
}

const definitionOf = (hash: string): Definition => ({
  name: 'webservice',
  kind: 'ComponentDefinition',
  object: { apiVersion: 'x', kind: 'ComponentDefinition', metadata: {} },
  template: '',
  from: 'pack',
  locate: null,
  hash,
});

function nameOf({ image = 'a', labels, dialect = '1.10', definitionHash = 'd1', steps = [], path }: Content, record?: Partial<ApplicationRecord>): RevisionRef {
  const object: KubeObject = {
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'Application',
    metadata: { name: 'shop', namespace: 'prod', ...(labels === undefined ? {} : { labels }) },
    spec: {
      components: [
        { name: 'web', type: 'webservice', properties: { image } },
        { name: 'db', type: 'webservice', properties: { image: 'fixed' } },
      ],
    },
  };
  return nameRevision(
    readApplication(documentOf(object, path), dialect),
    new Map([['ComponentDefinition/webservice', definitionOf(definitionHash)]]),
    steps,
    record === undefined ? undefined : { namespace: 'prod', name: 'shop', application: null, trackers: [], revisions: [], journal: null, ...record },
  );
}

/** The ApplicationRevision by which the hub remembers this one. */
function remembered(ref: RevisionRef): KubeObject {
  const components = Object.fromEntries(
    Object.entries(ref.components).map(([name, revision]) => [name, { name: revision, hash: ref.componentHashes[name] ?? '' }]),
  );
  return {
    apiVersion: 'core.oam.dev/v1beta1',
    kind: 'ApplicationRevision',
    metadata: {
      name: ref.name,
      labels: { 'app.oam.dev/app-revision-hash': ref.hash },
      annotations: { 'lateen.dev/component-revisions': JSON.stringify(components) },
    },
  };
}

describe('a revision', () => {
  it('is the first where there is none', () => {
    const { name, number, components } = nameOf({});
    assert.deepEqual([name, number, components], ['shop-v1', 1, {}]);
  });

  it('goes A, B, A back to the number of A', () => {
    const a = nameOf({ image: 'a' });
    const b = nameOf({ image: 'b' }, { revisions: [remembered(a)] });
    const again = nameOf({ image: 'a' }, { revisions: [remembered(a), remembered(b)] });
    const c = nameOf({ image: 'c' }, { revisions: [remembered(a), remembered(b)] });
    assert.deepEqual(
      [a, b, again, c].map((ref) => ref.name),
      ['shop-v1', 'shop-v2', 'shop-v1', 'shop-v3'],
    );
    assert.equal(again.hash, a.hash);
  });

  const status = (revision: JsonObject): Partial<ApplicationRecord> => ({
    application: { apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', metadata: { name: 'shop' }, status: { latestRevision: revision } },
  });
  it('counts on from what the status remembers, should revisions be gone', () => {
    assert.equal(nameOf({}, status({ name: 'shop-v7', revision: 7 })).name, 'shop-v8');
    assert.equal(
      nameOf({}, { ...status({ name: 'shop-v7', revision: 7 }), revisions: [remembered({ ...nameOf({ image: 'z' }), name: 'shop-v9' })] }).name,
      'shop-v10',
    );
    assert.equal(nameOf({}, status({ name: 'shop-v7', revision: 'seven' })).name, 'shop-v1');
  });

  it('counts past revisions that KubeVela wrote, whose hashes are others', () => {
    assert.equal(
      nameOf(
        {},
        {
          revisions: [
            {
              apiVersion: 'core.oam.dev/v1beta1',
              kind: 'ApplicationRevision',
              metadata: { name: 'shop-v4', labels: { 'app.oam.dev/app-revision-hash': 'eedf4f06cdc08831' } },
            },
          ],
        },
      ).name,
      'shop-v5',
    );
  });

  const base = nameOf({}).hash;
  const CASES: readonly (readonly [string, Content, boolean])[] = [
    ['is another for other properties', { image: 'b' }, false],
    ['is another for other labels, which objects inherit', { labels: { team: 'a' } }, false],
    ['is another for another definition', { definitionHash: 'd2' }, false],
    ['is another in the other dialect', { dialect: '1.1' }, false],
    ['is another for other steps', { steps: [step('a')] }, false],
    ['is the same in another file', { path: 'moved/shop.yaml' }, true],
  ];
  for (const [title, content, same] of CASES) it(title, () => assert.equal(nameOf(content).hash === base, same));

  it('is another when a Workflow document that it refers to says something else', () => {
    const at = (properties: JsonObject): string => nameOf({ steps: [step('a', { properties })] }).hash;
    assert.notEqual(at({ url: 'x' }), at({ url: 'y' }));
    assert.equal(at({ url: 'x' }), at({ url: 'x' }));
  });
});

describe('1.1: revisions of components', () => {
  it('count for each component by itself, and go back with the content', () => {
    const a = nameOf({ dialect: '1.1' });
    const b = nameOf({ dialect: '1.1', image: 'b' }, { revisions: [remembered(a)] });
    const again = nameOf({ dialect: '1.1' }, { revisions: [remembered(a), remembered(b)] });
    assert.deepEqual(
      [a.components, b.components, again.components],
      [
        { web: 'web-v1', db: 'db-v1' },
        { web: 'web-v2', db: 'db-v1' },
        { web: 'web-v1', db: 'db-v1' },
      ],
    );
  });

  it('hang on the definition', () => {
    const a = nameOf({ dialect: '1.1' });
    assert.deepEqual(nameOf({ dialect: '1.1', definitionHash: 'd2' }, { revisions: [remembered(a)] }).components, { web: 'web-v2', db: 'db-v2' });
  });

  for (const text of ['{not json', 'null', '[]', '{"web":null}', '{"web":{"name":7}}']) {
    it(`that somebody broke on the hub (${text}) are forgotten, and hold up nothing (I12)`, () => {
      const broken = remembered(nameOf({ dialect: '1.1' }));
      const record = { revisions: [{ ...broken, metadata: { ...broken.metadata, annotations: { 'lateen.dev/component-revisions': text } } }] };
      assert.deepEqual(nameOf({ dialect: '1.1' }, record).components, { web: 'web-v1', db: 'db-v1' });
    });
  }
});
