/** From a report to the commit on the status branch. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseYaml } from '../../../daemon/lib/yaml.ts';
import { Fault } from '../../../daemon/model/fault.ts';
import type { ApplicationReport, ClusterReport, Report } from '../../../daemon/model/status.ts';
import { applicationFile, publish, type Published } from '../../../daemon/status/publish.ts';
import { application, journalOf, object, report, service, statusOf } from './reports.ts';

const NOTHING = new Map<string, string>();
const SHOP = 'applications/prod/shop.yaml';
const made = (item: Report, known: ReadonlyMap<string, string> = NOTHING): Published => {
  const published = publish(item, known);
  assert.ok(published !== null, 'there is something to commit');
  return published;
};
const yaml = (text: string | null | undefined): unknown => parseYaml(text ?? '', 'x.yaml').value;
const cluster = (name: string, more: Partial<ClusterReport> = {}): ClusterReport => ({ name, mode: 'direct', accepted: true, available: 'True', version: 'v1.36.0', labels: {}, fault: null, applications: [], ...more });

describe('the status branch', () => {
  it('gets a file for each application, one for the repository, and a README', () => {
    const { commit, files } = made(report([application('shop'), application('stall')]));
    assert.deepEqual([[...commit.files.keys()].sort(), files], [['README.md', SHOP, 'applications/prod/stall.yaml', 'repository.yaml'], commit.files]);
  });

  it('gets no commit that says what it says already (I5)', () => {
    const { files } = made(report([application('shop')]));
    assert.equal(publish(report([application('shop')]), files), null);
  });

  it('gets no commit for another commit with the same content, nor for another time', () => {
    const { files } = made(report([application('shop', { journal: journalOf({ finished: true, state: 'succeeded', startTime: '2026-01-01T00:00:00Z', steps: [statusOf('web', 'succeeded', { lastExecuteTime: '2026-01-01T00:00:00Z' })] }), retryAfterMs: 5 })]));
    const later = report([application('shop', { journal: journalOf({ finished: true, state: 'succeeded', startTime: '2026-01-09T00:00:00Z', steps: [statusOf('web', 'succeeded', { lastExecuteTime: '2026-01-09T00:00:00Z' })] }), retryAfterMs: null })], { revision: { sha: 'feed', branch: 'main', author: 'Bea <b@example.com>', subject: 'other' } });
    assert.equal(publish(later, files), null);
  });

  it('gets only the files that changed', () => {
    const { files } = made(report([application('shop'), application('stall')]));
    const { commit } = made(report([application('shop', { phase: 'unhealthy' }), application('stall')]), files);
    assert.deepEqual([...commit.files.keys()].sort(), ['README.md', SHOP]);
  });

  it('loses the files of what is gone, and nothing that others wrote', () => {
    const known = new Map([...made(report([application('shop'), application('stall')])).files, ['notes/mine.md', 'hello'], ['applications.txt', 'x']]);
    const { commit, files } = made(report([application('shop')]), known);
    assert.deepEqual([[...commit.files].filter(([, content]) => content === null), files.has('applications/prod/stall.yaml')], [[['applications/prod/stall.yaml', null]], false]);
  });

  it('keeps what it said of applications when a pass could not be made', () => {
    const known = new Map([...made(report([application('shop')], { clusters: [cluster('beijing')] })).files, ['applications/prod/old.yaml', 'x: 1\n']]);
    const { commit, files } = made(report([], { fault: new Fault('transport/unreachable', 'the hub is away') }), known);
    assert.deepEqual([...commit.files.keys()], ['repository.yaml']);
    assert.deepEqual(yaml(commit.files.get('repository.yaml')), { apiVersion: 'lateen.dev/v1alpha1', kind: 'RepositoryStatus', fault: { code: 'transport/unreachable', message: 'the hub is away' } });
    assert.deepEqual([...files.keys()].sort(), [...known.keys()].sort(), 'the next pass still knows all that is on the branch');
  });

  it('is the same bytes for the same report (I8)', () => {
    const one = (): Report => report([application('shop', { objects: [object('web'), object('db', { health: 'InProgress' })] }), application('stall', { phase: 'deleting' })], { diagnostics: [{ code: 'load/schema', severity: 'error', message: 'x' }] });
    assert.deepEqual([...made(one()).commit.files], [...made(one()).commit.files]);
  });
});

describe('the subject is a sentence', () => {
  const known = (...apps: readonly ApplicationReport[]): ReadonlyMap<string, string> => made(report(apps)).files;
  const [shop, stall] = [application('shop'), application('stall')];
  const CASES: readonly (readonly [string, Report, ReadonlyMap<string, string>, string])[] = [
    ['about one application', report([shop]), NOTHING, 'prod/shop: running'],
    ['about one that is gone', report([]), known(shop), 'prod/shop: gone'],
    ['about one that leaves', report([], { leaving: [application('shop', { phase: 'deleting' })] }), known(shop), 'prod/shop: deleting'],
    ['about many', report([shop, stall, application('stand', { phase: 'unhealthy' })]), NOTHING, '3 applications: 2 running, 1 unhealthy'],
    ['about one that came and one that went', report([stall]), known(shop), '2 applications: 1 running, 1 gone'],
    ['about the repository', report([shop], { diagnostics: [{ code: 'load/schema', severity: 'error', message: 'x' }] }), known(shop), 'repository: status changed'],
    ['about a cluster', report([shop], { clusters: [cluster('beijing', { available: 'False' })] }), known(shop), 'beijing: available False'],
  ];
  for (const [title, item, before, subject] of CASES) it(title, () => assert.equal(made(item, before).commit.subject, subject));
});

describe('the trailers', () => {
  it('say which commit, whose, and what became of each application', () => {
    const { commit } = made(report([application('shop', { phase: 'runningWorkflow' })]), made(report([application('stall')])).files);
    assert.deepEqual(commit.trailers, [['Source-Commit', 'c0ffee'], ['Source-Author', 'Ada <ada@example.com>'], ['Application', 'prod/shop'], ['Phase', 'runningWorkflow'], ['Application', 'prod/stall'], ['Phase', 'gone']]);
  });

  it('name no commit where none was read', () => {
    assert.deepEqual(made(report([], { revision: null, fault: new Fault('source/unreachable', 'x') })).commit.trailers, []);
  });

  it('are bounded (I7)', () => {
    const { commit } = made(report(Array.from({ length: 80 }, (_, i) => application(`app-${i}`))));
    assert.equal(commit.trailers.filter(([name]) => name === 'Application').length, 50);
  });
});

describe('the file of an application', () => {
  it('says what people ask, and leaves out what is empty', () => {
    const { commit } = made(report([application('shop')]));
    assert.equal(commit.files.get(SHOP), `apiVersion: lateen.dev/v1alpha1
kind: ApplicationStatus
metadata:
  name: shop
  namespace: prod
source: shop.yaml
phase: running
conditions:
  - type: Ready
    status: 'True'
    reason: ReconcileSuccess
  - type: Reconciling
    status: 'False'
    reason: ReconcileSuccess
  - type: Stalled
    status: 'False'
    reason: ReconcileSuccess
appliedRevision: aaaaaaaaaaaaaaaa
author: Ada <ada@example.com>
revision: shop-v1
`);
  });

  it('tells of services, steps, objects, drift and mistakes', () => {
    const { commit } = made(report([application('shop', {
      services: [service('web', { healthy: false, message: 'Ready:0/1', cluster: 'beijing', traits: [{ type: 'expose', healthy: true, message: '', details: {} }] })],
      journal: journalOf({ variables: { connInfo: 'top-secret' }, steps: [statusOf('all', 'running', { type: 'step-group', subSteps: [statusOf('web', 'running', { reason: 'Wait', message: 'wait healthy' })] })] }),
      objects: [object('web', { drift: ['/spec/replicas'] }), object('db', { health: 'Unknown', fault: new Fault('transport/invalid', 'refused') })],
      diagnostics: [{ code: 'render/parameter', severity: 'warning', message: 'no effect', origin: { path: 'shop.yaml', line: 7, column: 9 }, hint: 'Take it out.' }], fault: new Fault('transport/invalid', 'refused'),
    })]));
    const file = yaml(commit.files.get(SHOP)) as Record<string, unknown>;
    assert.deepEqual([file['services'], file['workflow'], file['objects'], file['error'], file['diagnostics']], [
      [{ name: 'web', namespace: 'prod', cluster: 'beijing', kind: 'Deployment', healthy: false, message: 'Ready:0/1', traits: [{ type: 'expose', healthy: true }] }],
      { state: 'executing', steps: [{ name: 'all', type: 'step-group', phase: 'running', subSteps: [{ name: 'web', type: 'apply-component', phase: 'running', reason: 'Wait', message: 'wait healthy' }] }] },
      [{ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'prod', name: 'web', health: 'Current', drift: ['/spec/replicas'] }, { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'prod', name: 'db', health: 'Unknown', message: 'refused', code: 'transport/invalid' }],
      { code: 'transport/invalid', message: 'refused' },
      [{ code: 'render/parameter', severity: 'warning', at: 'shop.yaml:7:9', message: 'no effect', hint: 'Take it out.' }],
    ]);
    assert.doesNotMatch([...commit.files.values()].join(''), /top-secret/);
  });

  it('says that it leaves', () => {
    const { commit } = made(report([], { leaving: [application('shop', { phase: 'deleting' })] }));
    assert.equal((yaml(commit.files.get(SHOP)) as Record<string, unknown>)['leaving'], true);
  });

  it('lies under its namespace', () => assert.equal(applicationFile('prod', 'shop'), SHOP));
});

describe('the README', () => {
  const readme = (item: Report): string => made(item).commit.files.get('README.md') ?? '';
  const failing = application('shop', { phase: 'rendering', conditions: [{ type: 'Ready', status: 'False', reason: 'RenderCue', message: 'a | b\nc' }] });

  it('has a row for each application, with why it is not ready', () => {
    assert.match(readme(report([failing])), /^\| \[prod\/shop\]\(applications\/prod\/shop\.yaml\) \| rendering \| False \| shop-v1 \| aaaaaaaaaa \| a \\\| b c \|$/m);
  });

  it('lists a mistake once, though application and repository tell of it, and no warnings', () => {
    const mistake = { code: 'render/cue', severity: 'error', message: 'expected }', origin: { path: 'defs.yaml', line: 3, column: 5 }, hint: 'Mend it.' } as const;
    const text = readme(report([application('shop', { diagnostics: [mistake] })], { diagnostics: [mistake, { ...mistake }, { code: 'load/ambiguous', severity: 'warning', message: 'perhaps' }] }));
    assert.equal(text.slice(text.indexOf('## Mistakes')), '## Mistakes\n\n- `defs.yaml:3:5: render/cue`: expected } Mend it.\n');
  });
});
