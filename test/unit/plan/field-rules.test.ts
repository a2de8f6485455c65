/** Whose word counts about drift, and which fields are left to others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RepositoryConfig } from '../../../daemon/model/catalog.ts';
import type { KubeObject } from '../../../daemon/model/object.ts';
import { fieldRules, type DriftBound } from '../../../daemon/plan/field-rules.ts';
import { CONFIG, configMap, documentOf, wantedOf } from './things.ts';

const annotated = (object: KubeObject, annotations: Readonly<Record<string, string>>): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, annotations },
});
const SHOP: KubeObject = { apiVersion: 'core.oam.dev/v1beta1', kind: 'Application', metadata: { name: 'shop', namespace: 'prod' } };
const DEPLOYMENT: KubeObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'prod' } };

describe('drift is put back', () => {
  interface Case {
    readonly title: string;
    readonly config?: Partial<RepositoryConfig>;
    readonly bound?: DriftBound;
    /** Annotation of the Application, and of the object. */
    readonly said?: readonly [string?, string?];
    readonly path?: string;
    readonly gives: boolean;
  }
  const REPORT = { drift: 'report' } as const;
  const CASES: readonly Case[] = [
    { title: 'where nothing is said', gives: true },
    { title: 'not where the repository says so', config: REPORT, gives: false },
    { title: 'as the Application says, before the repository', config: REPORT, said: ['correct'], gives: true },
    { title: 'as the object says, before the Application', said: ['correct', 'report'], gives: false },
    {
      title: 'as the longest path says, before the whole repository',
      config: {
        drifts: [
          { path: 'prod', drift: 'correct' },
          { path: 'prod/shop', drift: 'report' },
        ],
      },
      path: 'prod/shop/app.yaml',
      gives: false,
    },
    {
      title: 'as the Application says, before its path',
      config: { drifts: [{ path: 'prod', drift: 'report' }] },
      path: 'prod/app.yaml',
      said: ['correct'],
      gives: true,
    },
    { title: 'not by a word that nobody knows', config: REPORT, said: ['perhaps'], gives: false },
    { title: 'always where the operator says so', config: REPORT, bound: 'correct', said: ['report', 'report'], gives: true },
    { title: 'never where the operator says so', bound: 'report', said: ['correct', 'correct'], gives: false },
  ];
  for (const { title, config = {}, bound = 'any', said: [ofApplication, ofObject] = [], path = 'shop.yaml', gives } of CASES) {
    it(title, () => {
      const application = documentOf(ofApplication === undefined ? SHOP : annotated(SHOP, { 'lateen.dev/drift': ofApplication }), path);
      const object = configMap('settings');
      const rules = fieldRules({ ...CONFIG, ...config }, bound, application);
      assert.equal(rules.corrects(wantedOf(ofObject === undefined ? object : annotated(object, { 'lateen.dev/drift': ofObject }))), gives);
    });
  }

  it("of the repository's own document as its path says", () => {
    const rules = fieldRules({ ...CONFIG, drifts: [{ path: 'plain', drift: 'report' }] }, 'any', null);
    const at = (path: string): boolean => rules.corrects({ ...wantedOf(configMap('settings')), origin: { path, line: 1, column: 1 } });
    assert.deepEqual([at('plain/a.yaml'), at('plainer/a.yaml')], [false, true]);
  });
});

describe('fields are left to others', () => {
  const rule = { group: null, kind: 'Deployment', namespace: null, name: null, paths: ['/spec/replicas'] };
  const ignored = (rules: Partial<typeof rule> | object, object: KubeObject = DEPLOYMENT, application: KubeObject = SHOP): readonly string[] =>
    fieldRules({ ...CONFIG, ignoreFields: [{ ...rule, ...rules }] }, 'any', documentOf(application))
      .ignored(wantedOf(object))
      .map((pointer) => pointer.join('.'));
  const CASES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['of the kind that is named', ignored({}), ['spec.replicas']],
    ['of any kind', ignored({ kind: '*' }, configMap('settings')), ['spec.replicas']],
    ['not of another kind', ignored({}, configMap('settings')), []],
    ['not of another group', ignored({ group: 'apps.example.com' }), []],
    ['of the core group, which has no name', ignored({ group: '', kind: 'ConfigMap' }, configMap('settings')), ['spec.replicas']],
    ['not in another namespace', ignored({ namespace: 'test' }), []],
    ['not of another name', ignored({ name: 'worker' }), []],
    [
      "as the Application's annotation says, of any of its objects",
      ignored({ name: 'none' }, DEPLOYMENT, annotated(SHOP, { 'lateen.dev/ignore-fields': '/spec/replicas, /spec/paused' })),
      ['spec.replicas', 'spec.paused'],
    ],
    [
      "as the Application's annotation says, of one kind",
      ignored({ name: 'none' }, DEPLOYMENT, annotated(SHOP, { 'lateen.dev/ignore-fields': 'ConfigMap:/data,Deployment:/spec/paused' })),
      ['spec.paused'],
    ],
    ["as the object's own annotation says", ignored({ name: 'none' }, annotated(DEPLOYMENT, { 'lateen.dev/ignore-fields': '/spec/paused' })), ['spec.paused']],
    [
      'all of them together',
      ignored({}, annotated(DEPLOYMENT, { 'lateen.dev/ignore-fields': '/spec/paused' }), annotated(SHOP, { 'lateen.dev/ignore-fields': '/spec/x' })),
      ['spec.replicas', 'spec.x', 'spec.paused'],
    ],
    [
      'where an entry can be read, and not by one that cannot',
      ignored({ name: 'none' }, annotated(DEPLOYMENT, { 'lateen.dev/ignore-fields': 'spec.replicas, /metadata/labels, /spec/paused' })),
      ['spec.paused'],
    ],
    [
      'of a Secret by the names that they have in the cluster',
      ignored({ kind: 'Secret', paths: ['/stringData/password'] }, { ...configMap('login'), kind: 'Secret' }),
      ['data.password'],
    ],
  ];
  for (const [title, given, expected] of CASES) it(title, () => assert.deepEqual(given, expected));
});
