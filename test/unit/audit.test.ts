/** The record, read with lateen and with plain git, from a repository and nothing else. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cli } from '../../daemon/cli.ts';
import type { ApplicationReport, ClusterReport, Report } from '../../daemon/model/status.ts';
import { definitionHash } from '../../daemon/status/definition-hashes.ts';
import { readPack } from '../../daemon/render/pack.ts';
import { publish, type KnownFiles } from '../../daemon/status/publish.ts';
import { type BareRepo, repoWithWorkTree, temporaryDirectory, type TemporaryDirectory, type WorkTree } from '../rig/git.ts';
import { askStatusBranch, transcriptText } from '../rig/transcript.ts';
import { never, openTestSource } from './source/open.ts';
import { application, journalOf, object, READY, report, statusOf } from './status/reports.ts';

const APP = (image: string, more = ''): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: shop, namespace: prod}
spec:
  components:
  - {name: web, type: webservice, properties: {image: "${image}"}}
  - {name: keys, type: k8s-objects, properties: {objects: [{apiVersion: v1, kind: Secret, metadata: {name: keys}, stringData: {password: hunter2hunter2}}]}}
  policies:
  - {name: place, type: topology, properties: {clusterLabelSelector: {env: prod}}}
${more}`;
const WAITING: ApplicationReport['conditions'] = [
  { type: 'Ready', status: 'False', reason: 'WorkflowRunning', message: 'step deploy: wait healthy' },
  { type: 'Reconciling', status: 'True', reason: 'WorkflowRunning', message: '' },
  { type: 'Stalled', status: 'False', reason: 'WorkflowRunning', message: '' },
];
const CLUSTERS: readonly ClusterReport[] = ['poc-01', 'poc-02'].map((name, i) => ({
  name,
  mode: 'direct',
  accepted: true,
  available: 'True',
  version: 'v1.36.0',
  labels: i === 0 ? { env: 'prod' } : {},
  fault: null,
  applications: [],
}));
const objects = [object('web', { key: { ...object('web').key, cluster: 'poc-01' } })];
const step = (phase: 'running' | 'succeeded') => journalOf({ state: 'executing', steps: [statusOf('deploy', phase)] });

let dir: TemporaryDirectory;
let bare: BareRepo;
let work: WorkTree;
const commits: string[] = [];

/** Runs a verb against the repository. */
async function lateen(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  let out = '';
  const code = await cli(
    [...args, '--repo', bare.path],
    {
      out: (text) => {
        out += text;
      },
      signal: never,
    },
    '0',
  );
  return { code, out };
}
const lines = (text: string): readonly string[] => text.trimEnd().split('\n');
const cells = (line: string | undefined): readonly string[] => (line ?? '').split(/ {3,}/);

before(async () => {
  dir = await temporaryDirectory();
  ({ bare, work } = await repoWithWorkTree(dir.path));
  const hash = definitionHash((await readPack()).get('1.10')?.get('ComponentDefinition/webservice') ?? assert.fail('no webservice'));
  // A generation ends within this record: it is one history all the same.
  await using source = await openTestSource(dir.path, bare.path, { historyMax: 3 });
  let known: KnownFiles = new Map();
  const tell = async (app: Partial<ApplicationReport>, more: Partial<Report> = {}): Promise<void> => {
    const published = publish(
      report([application('shop', { objects, definitions: { 'ComponentDefinition/webservice': hash }, ...app })], {
        revision: await source.fetch(never),
        clusters: CLUSTERS,
        ...more,
      }),
      known,
    );
    assert.ok(published !== null);
    await source.commit(published.commit, never);
    known = published.files;
  };
  const push = async (files: Readonly<Record<string, string>>, message: string): Promise<void> => {
    commits.push(await work.commit(files, message));
    await work.push();
  };
  await push({ 'apps/shop.yaml': APP('nginx:1') }, 'Add shop');
  await tell({ phase: 'runningWorkflow', conditions: WAITING, journal: step('running') });
  await tell({ journal: step('succeeded') });
  await push({ 'README.md': 'Nothing that is applied.' }, 'Say something');
  await push({ 'apps/shop.yaml': APP('nginx:2') }, 'Newer shop');
  await tell({
    journal: step('succeeded'),
    latestRevision: 'shop-v2',
    approvals: [{ by: 'Cy <cy@example.com>', action: 'resume', target: 'step gate', path: 'approvals/gate.yaml' }],
  });
  await tell(
    {
      journal: step('succeeded'),
      latestRevision: 'shop-v2',
      approvals: [{ by: 'Cy <cy@example.com>', action: 'resume', target: 'step gate', path: 'approvals/gate.yaml' }],
    },
    { clusters: CLUSTERS.map((cluster) => ({ ...cluster, labels: {} })) },
  );
  await push({ 'apps/shop.yaml': APP('nginx:3') }, 'Newest shop');
  await tell({ conditions: READY, latestRevision: 'shop-v3', definitions: { 'ComponentDefinition/webservice': 'another', 'TraitDefinition/of-the-hub': 'x' } });
});
after(() => dir[Symbol.asyncDispose]());

describe('lateen history', () => {
  it('tells what became of an application, the newest first, over all generations', async () => {
    const { code, out } = await lateen('history', 'shop');
    assert.equal(code, 0);
    assert.deepEqual(cells(lines(out)[0]), ['TIME', 'APPLICATION', 'PHASE', 'CLUSTERS', 'COMMIT', 'AUTHOR', 'MESSAGE']);
    assert.deepEqual(
      lines(out)
        .slice(1)
        .map((line) => cells(line).slice(1)),
      [
        ['prod/shop', 'running', 'poc-01', commits[3]?.slice(0, 10), 'Ada'],
        ['prod/shop', 'running', 'poc-01', commits[2]?.slice(0, 10), 'Ada', 'Cy <cy@example.com> approved: resume step gate (approvals/gate.yaml)'],
        ['prod/shop', 'running', 'poc-01', commits[0]?.slice(0, 10), 'Ada'],
        ['prod/shop', 'runningWorkflow', 'poc-01', commits[0]?.slice(0, 10), 'Ada', 'step deploy: wait healthy'],
      ],
    );
    assert.deepEqual((await bare.git('for-each-ref', '--format=%(refname:short)', 'refs/heads/')).trim().split('\n'), [
      'lateen-status',
      'lateen-status.2',
      'main',
    ]);
  });

  it('tells of everything without a name, also of clusters, as data where that is wanted', async () => {
    const rows = JSON.parse((await lateen('history', '-o', 'json')).out) as readonly {
      readonly application: string;
      readonly clusters: readonly string[];
      readonly sourceCommit: string;
      readonly approvedBy: readonly string[];
    }[];
    assert.deepEqual(
      rows.map(({ application: name, clusters, sourceCommit, approvedBy }) => [name, clusters, sourceCommit, approvedBy]),
      [
        ['prod/shop', ['poc-01'], commits[3], []],
        ['', ['poc-01'], commits[2], []],
        ['prod/shop', ['poc-01'], commits[2], ['Cy <cy@example.com>']],
        ['prod/shop', ['poc-01'], commits[0], []],
        ['prod/shop', ['poc-01'], commits[0], []],
      ],
    );
    assert.equal(lines((await lateen('history', '--max', '2')).out).length, 3);
  });

  it('knows no other name, and no pathspec', async () => {
    for (const name of ['shopp', 'prod/*', ':!x', '../x', 'a/b/c', '--all']) assert.equal((await lateen('history', name)).code, 2, name);
  });
});

describe('lateen blame', () => {
  it('tells since when each part holds, and by which commit', async () => {
    const { code, out } = await lateen('blame', 'prod/shop', '-o', 'json');
    assert.equal(code, 0);
    const parts = new Map(
      (JSON.parse(out) as readonly { readonly field: string; readonly value: string; readonly sourceCommit: string; readonly author: string }[]).map((part) => [
        part.field,
        part,
      ]),
    );
    assert.deepEqual(
      ['phase', 'Ready', 'revision', 'Deployment prod/web on poc-01', 'source'].map((field) => [
        field,
        parts.get(field)?.value,
        commits.indexOf(parts.get(field)?.sourceCommit ?? ''),
      ]),
      [
        ['phase', 'running', 0],
        ['Ready', 'True: ReconcileSuccess', 0],
        ['revision', 'shop-v3', 3],
        ['Deployment prod/web on poc-01', 'Current', 0],
        ['source', 'shop.yaml', 0],
      ],
    );
    assert.equal(parts.get('phase')?.author, 'Ada <ada@example.com>');
  });

  it('goes line by line as git does, into the generation before', async () => {
    const { out } = await lateen('blame', 'shop', '--lines');
    const source = lines(out).find((line) => line.endsWith('   source: shop.yaml'));
    assert.equal(cells(source)[1], commits[0]?.slice(0, 10));
  });

  it('says which application was meant', async () => assert.equal((await lateen('blame', 'shpo')).code, 2));
});

describe('lateen at', () => {
  it('gives what a commit asked for, where it was to be then', async () => {
    const { code, out } = await lateen('at', commits[0] ?? '');
    assert.equal(code, 0, out);
    assert.match(
      out,
      new RegExp(
        `^# commit ${commits[0]} by Ada <ada@example.com>: Add shop\\n# recorded on \\S+ by status commit [0-9a-f]{10}\\n# cluster poc-01: env=prod\\n# cluster poc-02: no labels\\n`,
      ),
    );
    assert.match(out, /---\n# Application prod\/shop, then running on poc-01\n# every definition is the recorded one\n/);
    assert.match(out, /# on poc-01\napiVersion: apps\/v1\nkind: Deployment\n(?:.*\n)*? +image: nginx:1\n/);
    assert.doesNotMatch(out, /on poc-02|hunter2/);
  });

  it('takes the record of the nearest commit before where a commit changed nothing, and any name of a commit', async () => {
    const data = JSON.parse((await lateen('at', 'main~2', '-o', 'json', '--application', 'shop')).out) as {
      readonly commit: string;
      readonly recorded: { readonly sourceCommit: string };
      readonly applications: readonly { readonly objects: readonly { readonly cluster: string; readonly object: { readonly kind: string } }[] }[];
    };
    assert.deepEqual([data.commit, data.recorded.sourceCommit], [commits[1], commits[0]]);
    assert.deepEqual(
      data.applications[0]?.objects.map(({ cluster, object: { kind } }) => `${kind} on ${cluster}`),
      ['Deployment on poc-01', 'Secret on poc-01'],
    );
  });

  it('says which definitions are others by now, and ends with 1', async () => {
    const { code, out } = await lateen('at', 'main');
    assert.equal(code, 1);
    assert.match(
      out,
      /# ComponentDefinition\/webservice is not the recorded one any more: .* \(then another, here [0-9a-f]{16}\)\n# TraitDefinition\/of-the-hub was used then and is not in this commit: it was on the hub \(then x\)\n/,
    );
  });

  it('knows no commit that is not there', async () => {
    for (const name of ['0123456789abcdef', 'no-branch', '--all', 'main..x']) assert.equal((await lateen('at', name)).code, 2, name);
    assert.equal((await lateen('at', 'main', '--application', 'other')).code, 2);
  });
});

describe('plain git', () => {
  it('answers what people ask', async () => {
    const text = transcriptText(await askStatusBranch(bare, 'lateen-status.2', 'prod/shop'));
    for (const [what, pattern] of [
      ['subjects are sentences', /\$ git log --oneline lateen-status\.2\n[0-9a-f]{8} prod\/shop: running on poc-01\n[0-9a-f]{8} poc-01: available True\n/],
      [
        'trailers end a message',
        new RegExp(` +Source-Commit: ${commits[3]}\n +Source-Author: Ada <ada@example.com>\n +Application: prod/shop\n +Cluster: poc-01\n +Phase: running\n`),
      ],
      [
        'an application is found by its name',
        /\$ git log --oneline '--grep=\^Application: prod\/shop\$' lateen-status\.2\n[0-9a-f]{8} prod\/shop: running on poc-01\n\n/,
      ],
      ['trailers are columns', new RegExp(`^[0-9a-f]{8} ${commits[3]} running$`, 'm')],
      ['a difference is a sentence', /^-revision: shop-v2$[^]*^\+revision: shop-v3$/m],
      ['a line has its commit', /^[0-9a-f]{8,9} \(Lateen .*\) revision: shop-v3$/m],
      ['authors are counted', /^ +2\tAda <ada@example.com>$/m],
    ] as const)
      assert.match(text, pattern, what);
  });
});

describe('a repository without a record', () => {
  it('is told as such', async () => {
    await using other = await temporaryDirectory();
    const { bare: empty, work: person } = await repoWithWorkTree(join(other.path));
    await person.commit({ 'a.yaml': 'x' });
    await person.push();
    assert.equal(await cli(['history', '--repo', empty.path], { out: () => {}, signal: never }, '0'), 2);
  });
});
