/** Reading the record back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ApplicationReport } from '../../../daemon/model/status.ts';
import { parseMessage } from '../../../daemon/source/status-log.ts';
import { messageOf } from '../../../daemon/source/status-commit.ts';
import { partsOf, rowOfFile, rowsOf, sinceWhen, type Entry } from '../../../daemon/status/history.ts';
import { applicationFile, publish } from '../../../daemon/status/publish.ts';
import { compareDefinitions, recordedApplication, recordedClusters, recordedMembers } from '../../../daemon/status/recorded.ts';
import { application, journalOf, object, READY, report, service, statusOf } from './reports.ts';

const WAITING: ApplicationReport['conditions'] = [
  { type: 'Ready', status: 'False', reason: 'WorkflowRunning', message: 'step web: wait healthy' },
  { type: 'Reconciling', status: 'True', reason: 'WorkflowRunning', message: '' },
  { type: 'Stalled', status: 'False', reason: 'WorkflowRunning', message: '' },
];
const on = (cluster: string): ReturnType<typeof object>['key'] => ({ ...object('web').key, cluster });

/** What a commit says, written and read again. */
function entryOf(...apps: readonly ApplicationReport[]): Entry {
  const published = publish(report(apps), new Map());
  assert.ok(published !== null);
  return { sha: 'f00', atMs: 5_000, ...parseMessage(messageOf(published.commit, false)) };
}
const fileOf = (app: ApplicationReport): string => publish(report([app]), new Map())?.files.get(applicationFile(app.namespace, app.name)) ?? '';

describe('a status commit read back', () => {
  it('is what was written', () => {
    const published = publish(report([application('shop', { conditions: WAITING }), application('stall')]), new Map());
    assert.ok(published !== null);
    const { subject, body = [], trailers } = published.commit;
    assert.deepEqual(parseMessage(messageOf(published.commit, false)), { subject, body, trailers });
    assert.deepEqual(parseMessage('only a subject\n'), { subject: 'only a subject', body: [], trailers: [] });
  });

  it('tells of one application with its causes', () => {
    assert.deepEqual(
      rowsOf(
        entryOf(
          application('shop', {
            conditions: WAITING,
            phase: 'runningWorkflow',
            objects: [object('web', { key: on('poc-01') })],
            approvals: [{ by: 'Cy', action: 'resume', target: 'gate', path: 'a.yaml' }],
          }),
        ),
      ),
      [
        {
          atMs: 5_000,
          commit: 'f00',
          sourceCommit: 'c0ffee',
          author: 'Ada <ada@example.com>',
          application: 'prod/shop',
          phase: 'runningWorkflow',
          clusters: ['poc-01'],
          approvedBy: ['Cy'],
          messages: ['step web: wait healthy', 'Cy approved: resume gate (a.yaml)'],
        },
      ],
    );
  });

  it('gives each of several applications its own causes', () => {
    const rows = rowsOf(entryOf(application('shop', { conditions: WAITING }), application('stall'), application('x', { conditions: WAITING })));
    assert.deepEqual(
      rows.map((row) => [row.application, row.messages]),
      [
        ['prod/shop', ['step web: wait healthy']],
        ['prod/stall', []],
        ['prod/x', ['step web: wait healthy']],
      ],
    );
  });

  it("tells of what is no application's in one row", () => {
    const [row] = rowsOf({
      sha: 'f00',
      atMs: 0,
      subject: 'beijing: available False',
      body: ['- cluster beijing: away'],
      trailers: [
        ['Source-Commit', 'c0ffee'],
        ['Cluster', 'beijing'],
      ],
    });
    assert.deepEqual([row?.application, row?.clusters, row?.messages], ['', ['beijing'], ['beijing: available False', 'cluster beijing: away']]);
  });

  it('is made of the file where it does not name the application', () => {
    const entry = entryOf(application('other'));
    const row = rowOfFile(
      entry,
      'prod/shop',
      fileOf(application('shop', { conditions: WAITING, phase: 'unhealthy', objects: [object('web', { key: on('poc-01') }), object('db')] })),
    );
    assert.deepEqual([row.phase, row.clusters, row.messages, row.sourceCommit], ['unhealthy', ['local', 'poc-01'], ['step web: wait healthy'], 'c0ffee']);
    assert.equal(rowOfFile(entry, 'prod/shop', null).phase, 'gone');
  });
});

describe('the parts of a status file', () => {
  const app = application('shop', {
    services: [service('web', { healthy: false, message: 'Ready:0/1' })],
    journal: journalOf({ steps: [statusOf('all', 'running', { subSteps: [statusOf('web', 'failed', { message: 'no\nimage' })] })] }),
    objects: [object('web', { key: on('poc-01'), drift: ['/spec/replicas'] }), object('db', { health: 'InProgress', message: 'on its way' })],
    definitions: { 'ComponentDefinition/webservice': 'abc' },
    diagnostics: [{ code: 'render/parameter', severity: 'warning', message: 'no effect', origin: { path: 'shop.yaml', line: 7, column: 9 } }],
  });

  it('have names and values as people say them', () => {
    assert.deepEqual(
      partsOf(fileOf(app)).map(({ field, value }) => [field, value]),
      [
        ['source', 'shop.yaml'],
        ['phase', 'running'],
        ['Ready', 'True: ReconcileSuccess'],
        ['Reconciling', 'False: ReconcileSuccess'],
        ['Stalled', 'False: ReconcileSuccess'],
        ['observedRevision', 'c0ffee'],
        ['appliedRevision', 'aaaaaaaaaaaaaaaa'],
        ['author', 'Ada <ada@example.com>'],
        ['revision', 'shop-v1'],
        ['service web', 'not healthy: Ready:0/1'],
        ['workflow', 'executing'],
        ['step all', 'running'],
        ['step all/web', 'failed: no\nimage'],
        ['Deployment prod/web on poc-01', 'Current drift in /spec/replicas'],
        ['Deployment prod/db', 'InProgress: on its way'],
        ['shop.yaml:7:9', 'render/parameter: no effect'],
        ['definitions ComponentDefinition/webservice', 'abc'],
      ],
    );
  });

  it('have every line that says something, and no other', () => {
    const lines = fileOf(app).split('\n');
    const taken = partsOf(fileOf(app)).flatMap((part) => part.lines);
    assert.deepEqual([new Set(taken).size, taken.length], [taken.length, taken.length]);
    assert.deepEqual(
      lines.filter((line, at) => line !== '' && !taken.includes(at) && !/^ *[a-zA-Z]+:$/.test(line)),
      ['apiVersion: lateen.dev/v1alpha1', 'kind: ApplicationStatus', '  name: shop', '  namespace: prod'],
    );
  });
});

describe('since when a part holds', () => {
  const version = (sha: string, more: Partial<ApplicationReport> | null): { readonly sha: string; readonly text: string | null } => ({
    sha,
    text: more === null ? null : fileOf(application('shop', more)),
  });

  it('is the oldest version of those that say the same without a break', () => {
    const since = sinceWhen(
      [
        version('e', { conditions: READY, phase: 'running' }),
        version('d', { conditions: READY, phase: 'unhealthy' }),
        version('c', { conditions: WAITING, phase: 'running' }),
        version('b', { conditions: WAITING, phase: 'runningWorkflow' }),
        version('a', { conditions: READY, phase: 'runningWorkflow' }),
      ],
      true,
    );
    assert.deepEqual(
      ['phase', 'Ready', 'revision', 'Stalled'].map((field) => since.get(field)),
      ['e', 'd', 'a', 'd'],
    );
  });

  it('begins anew after the file was gone', () => assert.equal(sinceWhen([version('c', {}), version('b', null), version('a', {})], true).get('phase'), 'c'));
  it('is not known where there are older versions that were not looked at', () =>
    assert.deepEqual([...sinceWhen([version('b', {}), version('a', {})], false)], []));
});

describe('what was recorded of a commit', () => {
  const cluster = (name: string, labels: Readonly<Record<string, string>>) =>
    ({ name, mode: 'ocm', accepted: true, available: 'True', version: 'v1.36.2', labels, fault: null, applications: [] }) as const;
  const files =
    publish(
      report([application('shop', { objects: [object('web', { key: on('b') })], definitions: { 'TraitDefinition/scaler': '123' } })], {
        clusters: [cluster('b', { env: 'prod' }), cluster('a', { env: 'prod', zone: '1' }), cluster('c', {})],
      }),
      new Map(),
    )?.files ?? new Map<string, string>();

  it('are the members with what templates and selectors see', () => {
    assert.deepEqual(
      recordedMembers(files).map(({ name, mode, labels, available, version }) => [name, mode, labels, available, version?.minor]),
      [
        ['a', 'ocm', { env: 'prod', zone: '1' }, 'True', 36],
        ['b', 'ocm', { env: 'prod' }, 'True', 36],
        ['c', 'ocm', {}, 'True', 36],
      ],
    );
  });

  it("are an application's clusters and definitions", () => {
    assert.deepEqual(recordedApplication(files, 'prod', 'shop'), {
      clusters: ['b'],
      definitions: { 'TraitDefinition/scaler': '123' },
      phase: 'running',
      revision: 'shop-v1',
      revisionHash: '',
    });
    assert.equal(recordedApplication(files, 'prod', 'other'), null);
  });

  it('is the cluster that a Placement had chosen, or would have', () => {
    const environments = [
      {
        policy: 'p',
        name: 'e',
        by: 'ocm',
        created: true,
        choice: { placement: 'shop-e', labels: { env: 'prod' } },
        components: [],
        origin: { path: '', line: 1, column: 1 },
      },
    ] as const;
    const of = (recorded: ReturnType<typeof recordedApplication>): readonly string[] | null =>
      recordedClusters(recordedMembers(files), [{ namespace: 'prod', environments, recorded }]).decisions('prod', 'shop-e');
    assert.deepEqual([of(recordedApplication(files, 'prod', 'shop')), of(null)], [['b'], ['a']]);
  });

  it('shows which definition is another by now', () => {
    assert.deepEqual(
      compareDefinitions({ a: '1', b: '2', c: '3' }, { a: '1', b: '9', d: '4' }).map(({ definition, state }) => [definition, state]),
      [
        ['a', 'same'],
        ['b', 'changed'],
        ['c', 'missing'],
        ['d', 'unrecorded'],
      ],
    );
  });
});
