/** Two commits compared without a cluster: objects, fields, steps, clouds, and what is kept. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openApprovals } from '../../../daemon/approvals.ts';
import type { CompareDoors, CompareOptions } from '../../../daemon/compare-ground.ts';
import { compare } from '../../../daemon/compare.ts';
import { stableStringify } from '../../../daemon/lib/json.ts';
import { systemClock } from '../../../daemon/lib/retry.ts';
import { hasChanges } from '../../../daemon/plan/compare.ts';
import { application, treeOf } from '../load/trees.ts';
import { compareFiles, counting, doorsOver, fieldsOf, objectText, onlyOf, told, type Files } from './comparing.ts';

const web = (image: string, more = ''): string =>
  application('shop', `  components:\n  - name: web\n    type: webservice\n    properties:\n      image: ${image}\n${more}`);
const object = (kind: string, name: string, more: object = {}): string =>
  JSON.stringify({
    apiVersion: kind === 'Deployment' ? 'apps/v1' : 'v1',
    kind,
    metadata: { name, ...(kind === 'Namespace' ? {} : { namespace: 'default' }) },
    ...more,
  });
const secret = (value: string): string => object('Secret', 'key', { stringData: { password: value, user: 'shop' } });

describe('an application', () => {
  it('that does not change is not told of, and nothing runs', async () => {
    const comparison = await compareFiles({ 'a.yaml': web('nginx:1') }, { 'moved.yaml': web('nginx:1') });
    assert.deepEqual([comparison.applications, comparison.unchangedCount, hasChanges(comparison)], [[], 1, false]);
  });

  it('that changes is told field by field, and its workflow runs', async () => {
    const comparison = await compareFiles({ 'a.yaml': web('nginx:1') }, { 'a.yaml': web('nginx:2') });
    const app = onlyOf(comparison);
    assert.deepEqual(
      [app.document, told(app), fieldsOf(app)],
      [
        'changed',
        ['update local/Deployment/default/web'],
        ['/spec/template/spec/containers/0/image: "nginx:1" -> "nginx:2"', '  property | property image of component web | a.yaml:10'],
      ],
    );
    assert.deepEqual(
      [app.desired?.workflow.runs, app.desired?.workflow.steps.map((step) => [step.name, step.runs]), hasChanges(comparison)],
      ['all', [['web', true]], true],
    );
  });

  it('that is new is made, one that is gone is removed', async () => {
    const comparison = await compareFiles(
      { 'a.yaml': web('nginx:1') },
      { 'b.yaml': web('nginx:1').replace('name: shop', 'name: stall').replace('- name: web', '- name: api') },
    );
    assert.deepEqual(
      comparison.applications.map((app) => [app.name, app.document, told(app), app.desired?.workflow.runs]),
      [
        ['shop', 'gone', ['delete local/Deployment/default/web'], 'none'],
        ['stall', 'new', ['create local/Deployment/default/api'], 'all'],
      ],
    );
  });

  it('of which an object is no longer asked for tells what takes it away', async () => {
    const app = onlyOf(
      await compareFiles({ 'a.yaml': web('nginx:1', '    traits:\n    - type: expose\n      properties: {port: [80]}\n') }, { 'a.yaml': web('nginx:1') }),
    );
    const [object_] = app.desired?.objects ?? [];
    assert.ok(object_);
    assert.deepEqual(
      [
        told(app).map((text) => text.replace(/web-expose\S*/, 'web')),
        object_.reason,
        object_.causes.map((cause) => [cause.text, cause.origin?.line, cause.isInBase]),
      ],
      [['delete local/Service/default/web'], 'gone from the commit', [['trait expose of component web', 12, true]]],
    );
  });

  it('whose objects only get the labels of a new revision says how many, and no more', async () => {
    const app = onlyOf(
      await compareFiles(
        { 'a.yaml': web('nginx:1') },
        { 'a.yaml': `${web('nginx:1')}  workflow:\n    steps:\n    - {name: go, type: apply-component, properties: {component: web}}\n` },
      ),
    );
    assert.deepEqual([app.desired?.objects, app.desired?.relabelledCount, app.desired?.workflow.steps.map((step) => step.name)], [[], 1, ['go']]);
  });

  it('runs again for a new publishVersion, and not while that stays', async () => {
    const versioned = (image: string, version: string): string =>
      web(image).replace('  name: shop\n', `  name: shop\n  annotations: {app.oam.dev/publishVersion: "${version}"}\n`);
    const same = onlyOf(await compareFiles({ 'a.yaml': versioned('nginx:1', 'one') }, { 'a.yaml': versioned('nginx:2', 'one') }));
    const next = onlyOf(await compareFiles({ 'a.yaml': versioned('nginx:1', 'one') }, { 'a.yaml': versioned('nginx:1', 'two') }));
    assert.deepEqual([same.desired?.workflow.runs, next.desired?.workflow.runs, next.desired?.workflow.reason], ['none', 'all', 'publishVersion two']);
  });

  it('that cannot be rendered keeps everything, and the mistake is a finding unless the base has it too', async () => {
    const bad = web('nginx:1').replace('webservice', 'webservce');
    const comparison = await compareFiles({ 'a.yaml': web('nginx:1') }, { 'a.yaml': bad });
    const app = onlyOf(comparison);
    assert.deepEqual([app.document, told(app), comparison.findings.map((item) => item.code), app.notes.length], ['broken', [], ['render/unknown-type'], 1]);
    assert.match(app.notes[0] ?? '', /stays as it is/);
    const again = await compareFiles({ 'a.yaml': bad }, { 'a.yaml': `# a comment moves it\n${bad.replace('nginx:1', 'nginx:2')}` });
    assert.deepEqual([again.findings, again.oldFindingsCount], [[], 1]);
  });

  it('whose document cannot be used keeps everything; one that could not and is gone says that nobody knows what it had', async () => {
    const bad = web('nginx:1').replace('components:', 'componets:');
    const broken = onlyOf(await compareFiles({ 'a.yaml': web('nginx:1') }, { 'a.yaml': bad }));
    assert.deepEqual([broken.document, told(broken), broken.notes], ['broken', [], ['its document cannot be used: everything that it owns stays as it is']]);
    const gone = onlyOf(await compareFiles({ 'a.yaml': bad }, {}));
    assert.deepEqual([gone.document, told(gone), gone.notes], ['gone', [], ['the base cannot be read: what it had is not known']]);
    assert.deepEqual((await compareFiles({ 'a.yaml': bad }, { 'a.yaml': bad })).applications, []);
    const lost = onlyOf(await compareFiles({ 'a.yaml': web('nginx:1').replace('webservice', 'webservce') }, {}));
    assert.deepEqual([lost.document, lost.notes], ['gone', ['the base cannot be rendered: what it had is not known']]);
  });

  it('that another definition renders tells of the definition', async () => {
    const definition = (replicas: number): string =>
      JSON.stringify({
        apiVersion: 'core.oam.dev/v1beta1',
        kind: 'ComponentDefinition',
        metadata: { name: 'box' },
        spec: {
          workload: { definition: { apiVersion: 'apps/v1', kind: 'Deployment' } },
          schematic: {
            cue: {
              template: `output: {apiVersion: "apps/v1", kind: "Deployment", spec: {replicas: ${replicas}, paused: parameter.paused}}\nparameter: paused: *false | bool`,
            },
          },
        },
      });
    const comparison = await compareFiles(
      { 'd.json': definition(1), 'a.yaml': application('shop', '  components:\n  - {name: web, type: box}\n') },
      { 'd.json': definition(2), 'a.yaml': application('shop', '  components:\n  - {name: web, type: box}\n') },
    );
    const [documents, app] = comparison.applications;
    assert.ok(documents !== undefined && app !== undefined);
    assert.deepEqual(
      [documents.kind, told(documents), app.document, fieldsOf(app)],
      [
        'documents',
        ['update local/ComponentDefinition/vela-system/box'],
        'changed',
        ['/spec/replicas: 1 -> 2', '  definition | ComponentDefinition box | d.json:1'],
      ],
    );
  });
});

it('only what may differ is rendered', async () => {
  const other = (name: string): string => web('nginx:1').replace('name: shop', `name: ${name}`).replace('- name: web', `- name: ${name}`);
  const files = { 'a.yaml': web('nginx:1'), ...Object.fromEntries(['b', 'c', 'd'].map((name) => [`${name}.yaml`, other(name)])) };
  const { cue, count } = counting();
  const comparison = await compareFiles(files, { ...files, 'a.yaml': web('nginx:2') }, {}, { cue });
  assert.deepEqual([comparison.applications.map((app) => app.name), comparison.unchangedCount, count()], [['shop'], 3, 2]);
  const label = (colour: string): string =>
    JSON.stringify({
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'TraitDefinition',
      metadata: { name: 'paint' },
      spec: { schematic: { cue: { template: `patch: metadata: labels: colour: "${colour}"` } } },
    });
  const painted = { ...files, 'b.yaml': `${other('b')}    traits:\n    - {type: paint}\n` };
  const repainted = await compareFiles({ ...painted, 't.json': label('red') }, { ...painted, 't.json': label('blue') });
  assert.deepEqual(
    repainted.applications.map((app) => [app.name, fieldsOf(app)[0]]),
    [
      ['', '/spec/schematic/cue/template: "patch: metadata: labels: colour: \\"red\\"" -> "patch: metadata: labels: colour: \\"blue\\""'],
      ['b', '/metadata/labels/colour: "red" -> "blue"'],
    ],
  );
});

describe('documents of the repository', () => {
  it('are told field by field with their lines', async () => {
    const map = (value: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: note\ndata:\n  a: "1"\n  b: "${value}"\n`;
    const app = onlyOf(await compareFiles({ 'x.yaml': map('1') }, { 'x.yaml': map('2'), 'y.yaml': map('3').replace('note', 'other') }));
    assert.deepEqual(
      [told(app), fieldsOf(app)],
      [
        ['update local/ConfigMap/default/note', 'create local/ConfigMap/default/other'],
        ['/data/b: "1" -> "2"', '  document | its document | x.yaml:7'],
      ],
    );
  });

  it('of which the guard keeps what cannot be had back, until an Approval says otherwise', async () => {
    const files = { 'ns.json': object('Namespace', 'shop'), 'map.json': object('ConfigMap', 'note') };
    const app = onlyOf(await compareFiles(files, {}));
    assert.deepEqual(
      app.desired?.objects.map((item) => [objectText(item), item.code]),
      [
        ['delete local/ConfigMap/default/note', null],
        ['refuse local/Namespace//shop', 'plan/guard'],
      ],
    );
    const approval = JSON.stringify({
      apiVersion: 'lateen.dev/v1alpha1',
      kind: 'Approval',
      metadata: { name: 'ok' },
      spec: { action: 'delete', target: { kind: 'Namespace', name: 'shop' } },
    });
    const approved = onlyOf(await compareFiles(files, { 'ok.json': approval }));
    assert.ok(
      approved.desired?.objects.some((item) => objectText(item) === 'delete local/Namespace//shop'),
      JSON.stringify(told(approved)),
    );
    const anybody = onlyOf(await compareFiles(files, { 'ok.json': approval }, { isTrusted: false }));
    assert.ok(
      anybody.desired?.objects.some((item) => objectText(item) === 'refuse local/Namespace//shop'),
      'a head that nobody trusts approves nothing',
    );
  });

  it('more of which than the budget allows are held back', async () => {
    const files = Object.fromEntries(['a', 'b', 'c'].map((name) => [`${name}.json`, object('ConfigMap', name)]));
    const app = onlyOf(await compareFiles(files, {}, {}, { budget: { countMax: 1, shareMax: 0.5 } }));
    assert.deepEqual(
      app.desired?.objects.map((item) => [item.action, item.code]),
      [
        ['refuse', 'plan/budget'],
        ['refuse', 'plan/budget'],
        ['refuse', 'plan/budget'],
      ],
    );
  });

  it('are counted against all that there is, also what did not change', async () => {
    const apps = JSON.stringify(Array.from({ length: 8 }, (_, i) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `of-shop-${i}` } })));
    const files = {
      ...Object.fromEntries(['a', 'b', 'c'].map((name) => [`${name}.json`, object('ConfigMap', name)])),
      'shop.yaml': application('shop', `  components:\n  - {name: web, type: k8s-objects, properties: {objects: ${apps}}}\n`),
    };
    const app = onlyOf(await compareFiles(files, { 'shop.yaml': files['shop.yaml'] ?? '' }, {}, { budget: { countMax: 1, shareMax: 0.5 } }));
    assert.deepEqual(
      app.desired?.objects.map((item) => item.action),
      ['delete', 'delete', 'delete'],
    );
  });

  it('of which nothing is pruned where lateen.yaml says so, whatever a head that nobody trusts says', async () => {
    const files = { 'map.json': object('ConfigMap', 'note') };
    const off = { 'lateen.yaml': 'prune: false\n' };
    assert.deepEqual((await compareFiles({ ...files, ...off }, off)).applications, []);
    assert.deepEqual((await compareFiles({ ...files, ...off }, { 'lateen.yaml': 'prune: true\n' }, { isTrusted: false })).applications, []);
    assert.deepEqual(told(onlyOf(await compareFiles({ ...files, ...off }, { 'lateen.yaml': 'prune: true\n' }))), ['delete local/ConfigMap/default/note']);
  });
});

describe('a Secret', () => {
  it('is the same or another: no value, no length, wherever it stands', async () => {
    const component = (value: string): string => web('nginx:1', `      env:\n      - {name: PASSWORD, value: ${value}}\n`);
    const comparison = await compareFiles(
      { 's.json': secret('hunter2hunter2'), 'a.yaml': component('hunter2hunter2') },
      { 's.json': secret('correct-horse'), 'a.yaml': component('correct-horse') },
    );
    const [documents, app] = comparison.applications;
    assert.ok(documents !== undefined && app !== undefined);
    assert.deepEqual(fieldsOf(documents), ['/data/password secret', '  document | its document | s.json:1']);
    assert.deepEqual(fieldsOf(app).slice(0, 1), ['/spec/template/spec/containers/0/env/0/value: "***" -> "***"']);
    const all = stableStringify(comparison);
    for (const value of ['hunter2hunter2', 'correct-horse'].flatMap((text) => [text, Buffer.from(text).toString('base64')]))
      assert.equal(all.includes(value), false, value);
  });

  it('written as data instead of stringData is the same', async () => {
    const data = object('Secret', 'key', {
      data: { password: Buffer.from('hunter2hunter2').toString('base64'), user: Buffer.from('shop').toString('base64') },
    });
    assert.deepEqual((await compareFiles({ 's.json': secret('hunter2hunter2') }, { 's.json': data })).applications, []);
  });
});

describe('clusters that nobody asks', () => {
  const topology = (properties: string, image = 'nginx:1'): string => web(image, `  policies:\n  - {name: where, type: topology, properties: ${properties}}\n`);

  it('are there when they are named, and stand for a selector', async () => {
    const comparison = await compareFiles(
      { 'a.yaml': topology('{clusters: [east]}') },
      { 'a.yaml': topology('{clusterLabelSelector: {tier: prod, region: eu}}') },
    );
    assert.deepEqual(
      [comparison.clusters, told(onlyOf(comparison))],
      [
        { isLive: false, unresolved: ['{region=eu,tier=prod}'], message: '' },
        ['delete where:east/Deployment/default/web', 'create where:{region=eu,tier=prod}/Deployment/default/web'],
      ],
    );
    assert.deepEqual(
      onlyOf(comparison).desired?.objects.map((item) => item.causes.map((cause) => cause.text)),
      [['topology where: clusters'], ['topology where: clusterLabelSelector', 'topology where: clusters']],
    );
  });

  it('choose nothing where the two differ in nothing', async () => {
    const comparison = await compareFiles({ 'a.yaml': topology('{clusters: [east, west]}') }, { 'a.yaml': topology('{clusters: [east, west]}', 'nginx:2') });
    assert.deepEqual(told(onlyOf(comparison)), ['update where:east/Deployment/default/web', 'update where:west/Deployment/default/web']);
  });
});

describe('what a cloud would do', () => {
  const configuration = (size: string): string =>
    JSON.stringify({
      apiVersion: 'terraform.core.oam.dev/v1beta1',
      kind: 'Configuration',
      metadata: { name: 'ack', namespace: 'default' },
      spec: { hcl: '', variable: { size } },
    });
  const cloudPlan = (object_: { readonly [field: string]: unknown }): readonly string[] => [
    `cluster of ${(object_['spec'] as { variable: { size: string } }).variable.size}`,
  ];
  const cloud = async (base: Readonly<Record<string, string>>, head: Readonly<Record<string, string>>): Promise<unknown> =>
    onlyOf(await compareFiles(base, head, {}, { cloudPlan })).desired?.cloud.map((item) => [item.action, item.key.name, item.resources]);

  it('is told by what it makes, changes, and keeps until somebody approves', async () => {
    assert.deepEqual(await cloud({}, { 'c.json': configuration('3') }), [['make', 'ack', ['cluster of 3']]]);
    assert.deepEqual(await cloud({ 'c.json': configuration('3') }, { 'c.json': configuration('5') }), [['change', 'ack', ['cluster of 5']]]);
    assert.deepEqual(await cloud({ 'c.json': configuration('3') }, {}), [['keep', 'ack', ['cluster of 3']]]);
    const approval = JSON.stringify({
      apiVersion: 'lateen.dev/v1alpha1',
      kind: 'Approval',
      metadata: { name: 'ok' },
      spec: { action: 'delete', target: { kind: 'Configuration', name: 'ack' } },
    });
    assert.deepEqual(await cloud({ 'c.json': configuration('3') }, { 'ok.json': approval }), [['destroy', 'ack', ['cluster of 3']]]);
  });
});

describe('a way back', () => {
  it('says what its steps do again, and what is not undone', async () => {
    const app = onlyOf(await compareFiles({ 'a.yaml': web('nginx:2') }, { 'a.yaml': web('nginx:1') }, { revertOf: 'c0ffee0123456789' }));
    assert.deepEqual(app.notes, [
      'it goes back to what it was at c0ffee0123: its steps run again from the first, and what steps have done outside of the clusters is not undone',
    ]);
  });

  it('says which step will not wait: its Approval is there already', async () => {
    const app = (image: string): string =>
      `${web(image)}  workflow:\n    steps:\n    - {name: pause, type: suspend}\n    - name: more\n      type: step-group\n      subSteps:\n      - {name: look, type: suspend}\n`;
    const approval = (spec: object): string =>
      JSON.stringify({
        apiVersion: 'lateen.dev/v1alpha1',
        kind: 'Approval',
        metadata: { name: 'go' },
        spec: { action: 'resume', target: { kind: 'Application', name: 'shop' }, expires: '2999-01-01T00:00:00Z', ...spec },
      });
    const judge = openApprovals({
      repo: { tree: () => Promise.resolve(treeOf({})), broughtBy: () => Promise.resolve(null) },
      clock: systemClock(),
      approvers: null,
    });
    let hash = '';
    const listening: CompareDoors['approvals'] = (asked) => {
      if (asked.revision.sha === 'head') hash = asked.applications[0]?.revision.hash ?? '';
      return judge(asked);
    };
    const notes = async (base: Files, head: Files, options: Partial<CompareOptions> = {}): Promise<readonly string[]> =>
      onlyOf(await compareFiles({ 'a.yaml': app('nginx:2'), ...base }, { 'a.yaml': app('nginx:1'), ...head }, options, { approvals: listening })).notes;
    assert.deepEqual(await notes({}, {}), []);
    const old = { 'approvals/go.json': approval({ step: 'pause', hash }) };
    assert.deepEqual(await notes(old, old), ['step pause does not wait: it is approved by approvals/go.json until 2999-01-01T00:00:00Z']);
    assert.equal((await notes(old, old, { isTrusted: false })).length, 1, "who merges anybody's way back should know");
    assert.deepEqual(await notes({}, old, { isTrusted: false }), [], 'and what anybody brings along approves nothing');
    assert.deepEqual(await notes({}, { 'go.json': approval({ step: 'look', hash }) }), [
      'step look does not wait: it is approved by go.json until 2999-01-01T00:00:00Z',
    ]);
    for (const spec of [
      { step: 'pause', hash: 'abc' },
      { step: 'pause', hash, expires: '2001-01-01T00:00:00Z' },
      { step: 'other', hash },
    ])
      assert.deepEqual(await notes({}, { 'go.json': approval(spec) }), [], JSON.stringify(spec));
    assert.equal((await notes({}, { 'go.json': approval({ hash }) })).length, 2, 'all steps that wait');
  });

  it('from an Initializer keeps all that it made', async () => {
    const initializer = JSON.stringify({
      apiVersion: 'core.oam.dev/v1beta1',
      kind: 'Initializer',
      metadata: { name: 'cloud', namespace: 'default' },
      spec: { appTemplate: { spec: { components: [{ name: 'api', type: 'webservice', properties: { image: 'nginx:1' } }] } } },
    });
    const comparison = await compareFiles({ 'i.json': initializer, 'a.yaml': web('nginx:2') }, { 'a.yaml': web('nginx:2') }, { revertOf: 'c0ffee0123456789' });
    const app = onlyOf(comparison);
    assert.deepEqual(
      [app.kind, app.document, app.desired?.objects.map((item) => [item.action, item.code])],
      ['Initializer', 'gone', [['refuse', 'plan/guard']]],
    );
    assert.match(app.notes[0] ?? '', /needs an Approval with action `delete`/);
  });
});

it('an Approval that the base has already is outdated by every later content, and that is no finding of this commit', async () => {
  const approval = JSON.stringify({
    apiVersion: 'lateen.dev/v1alpha1',
    kind: 'Approval',
    metadata: { name: 'go' },
    spec: {
      action: 'resume',
      target: { kind: 'Application', namespace: 'default', name: 'shop' },
      step: 'pause',
      hash: 'abc',
      expires: '2999-01-01T00:00:00Z',
    },
  });
  const judge = openApprovals({
    repo: { tree: () => Promise.reject(new Error('not asked for')), broughtBy: () => Promise.resolve(null) },
    clock: systemClock(),
    approvers: null,
  });
  const compared = async (base: Files, name: string): Promise<readonly unknown[]> => {
    const { findings, oldFindingsCount } = await compareFiles(
      { 'a.yaml': web('nginx:1'), ...base },
      { 'a.yaml': web('nginx:2'), [name]: approval },
      {},
      { approvals: judge },
    );
    return [findings.map((item) => `${item.code} ${item.origin?.path}`), oldFindingsCount];
  };
  assert.deepEqual(await compared({ 'go.json': approval }, 'go.json'), [[], 1]);
  assert.deepEqual(await compared({}, 'go.json'), [['plan/approval go.json'], 0]);
});

it('an Approval that nobody may have given is an error where the head brings it, and none that the base has as it is', async () => {
  const approval = (name: string): string =>
    JSON.stringify({
      apiVersion: 'lateen.dev/v1alpha1',
      kind: 'Approval',
      metadata: { name },
      spec: { action: 'delete', target: { kind: 'Namespace', name: 'shop' }, expires: '2999-01-01T00:00:00Z' },
    });
  const files: Readonly<Record<string, Files>> = {
    base: { 'a.yaml': web('nginx:1'), 'old.json': approval('old') },
    later: { 'a.yaml': web('nginx:2'), 'old.json': approval('old') },
    adding: { 'a.yaml': web('nginx:2'), 'old.json': approval('old'), 'new.json': approval('new') },
    editing: { 'a.yaml': web('nginx:2'), 'old.json': `${approval('old')}\n` },
  };
  const compared = async (head: string): Promise<readonly unknown[]> => {
    const doors = await doorsOver(files);
    const judge = openApprovals({
      repo: {
        tree: doors.repo.tree,
        broughtBy: ({ path }, { sha }) =>
          Promise.resolve({
            commit: path === 'old.json' && sha !== 'editing' ? 'c0ffee' : 'facade',
            author: 'Bob <bob@example.com>',
            signature: { state: 'none', signer: '', fingerprints: [] },
            withdrawnBy: null,
          }),
      },
      clock: systemClock(),
      approvers: () => Promise.resolve([{ who: 'ada@example.com', actions: ['delete'], namespaces: null, applications: null }]),
    });
    const at = (sha: string): CompareOptions['head'] => ({ sha, branch: 'main', author: '', subject: '' });
    const { findings, oldFindingsCount, applications } = await compare(
      { ...doors, approvals: judge },
      { base: at('base'), head: at(head), live: null, message: '', revertOf: '', isTrusted: true },
      new AbortController().signal,
    );
    assert.equal(applications.length, 1);
    return [findings.map((item) => `${item.severity} ${item.origin?.path}`), oldFindingsCount];
  };
  assert.deepEqual(await compared('later'), [[], 1]);
  assert.deepEqual(await compared('adding'), [['error new.json'], 1]);
  assert.deepEqual(await compared('editing'), [['error old.json'], 0], 'somebody has touched it since');
});

it('the comparison is byte-identical in whatever order the files come (I8)', async () => {
  const files = (image: string): Readonly<Record<string, string>> => ({
    'a.yaml': web(image),
    'b.yaml': web(image).replace('name: shop', 'name: stall').replace('- name: web', '- name: api'),
    'c.json': object('ConfigMap', 'note', { data: { image } }),
    'd.json': secret(image),
  });
  const turned = (record: Readonly<Record<string, string>>): Readonly<Record<string, string>> => Object.fromEntries(Object.entries(record).toReversed());
  const straight = stableStringify(await compareFiles(files('nginx:1'), files('nginx:2')));
  assert.equal(stableStringify(await compareFiles(turned(files('nginx:1')), turned(files('nginx:2')))), straight);
  assert.equal(straight.match(/"action":"update"/g)?.length, 4);
});
