/** From a report to the commit on the status branch. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseYaml } from '../../../daemon/lib/yaml.ts';
import { Fault } from '../../../daemon/model/fault.ts';
import type { ApplicationReport, ClusterReport, InitializerReport, Report } from '../../../daemon/model/status.ts';
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
const initializer = (name: string, more: Partial<InitializerReport> = {}): InitializerReport => ({
  namespace: 'prod',
  name,
  path: 'init.yaml',
  phase: 'initializing',
  dependsOn: [],
  conditions: STALLED,
  message: '',
  ...more,
});
const STALLED: ApplicationReport['conditions'] = [
  { type: 'Ready', status: 'False', reason: 'Failed', message: 'no' },
  { type: 'Reconciling', status: 'False', reason: 'Failed', message: '' },
  { type: 'Stalled', status: 'True', reason: 'Failed', message: 'no' },
];
const MOVING: ApplicationReport['conditions'] = [
  { type: 'Ready', status: 'False', reason: 'Wait', message: 'step web: running' },
  { type: 'Reconciling', status: 'True', reason: 'Wait', message: '' },
  { type: 'Stalled', status: 'False', reason: 'Wait', message: '' },
];
const on = (name: string): ReturnType<typeof object>['key'] => ({ ...object('web').key, cluster: name });
const revision = (sha: string): Report['revision'] => ({ sha, branch: 'main', author: 'Bea <b@example.com>', subject: 'other' });
const cluster = (name: string, more: Partial<ClusterReport> = {}): ClusterReport => ({
  name,
  mode: 'direct',
  accepted: true,
  available: 'True',
  version: 'v1.36.0',
  labels: {},
  fault: null,
  applications: [],
  ...more,
});

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
    const { files } = made(
      report([
        application('shop', {
          journal: journalOf({
            finished: true,
            state: 'succeeded',
            startTime: '2026-01-01T00:00:00Z',
            steps: [statusOf('web', 'succeeded', { lastExecuteTime: '2026-01-01T00:00:00Z' })],
          }),
          retryAfterMs: 5,
        }),
      ]),
    );
    const later = report(
      [
        application('shop', {
          journal: journalOf({
            finished: true,
            state: 'succeeded',
            startTime: '2026-01-09T00:00:00Z',
            steps: [statusOf('web', 'succeeded', { lastExecuteTime: '2026-01-09T00:00:00Z' })],
          }),
          retryAfterMs: null,
        }),
      ],
      { revision: { sha: 'feed', branch: 'main', author: 'Bea <b@example.com>', subject: 'other' } },
    );
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
    assert.deepEqual(
      [[...commit.files].filter(([, content]) => content === null), files.has('applications/prod/stall.yaml')],
      [[['applications/prod/stall.yaml', null]], false],
    );
  });

  it('keeps what it said of applications when a pass could not be made', () => {
    const known = new Map([...made(report([application('shop')], { clusters: [cluster('beijing')] })).files, ['applications/prod/old.yaml', 'x: 1\n']]);
    const { commit, files } = made(report([], { fault: new Fault('transport/unreachable', 'the hub is away') }), known);
    assert.deepEqual([...commit.files.keys()], ['repository.yaml']);
    assert.deepEqual(yaml(commit.files.get('repository.yaml')), {
      apiVersion: 'lateen.dev/v1alpha1',
      kind: 'RepositoryStatus',
      observedRevision: 'c0ffee',
      fault: { code: 'transport/unreachable', message: 'the hub is away' },
    });
    assert.deepEqual([...files.keys()].sort(), [...known.keys()].sort(), 'the next pass still knows all that is on the branch');
  });

  it('says with which commit things came to be as they are, and which was looked at last', () => {
    const first = made(report([application('shop'), application('stall')]));
    const { commit } = made(report([application('shop', { phase: 'unhealthy' }), application('stall')], { revision: revision('feed') }), first.files);
    assert.deepEqual([...commit.files.keys()].sort(), ['README.md', SHOP, 'repository.yaml']);
    assert.deepEqual(
      [SHOP, 'repository.yaml'].map((path) => (yaml(commit.files.get(path)) as Record<string, unknown>)['observedRevision']),
      ['feed', 'feed'],
    );
  });

  it('says which commit broke an application, and which is applied', () => {
    const { files } = made(report([application('shop', { appliedRevision: 'aaaa' })]));
    // The hub has the new document already.
    const broken = application('shop', {
      phase: 'rendering',
      fault: new Fault('render/cue', 'expected }'),
      appliedRevision: 'bad',
      author: 'Bea <b@example.com>',
    });
    const file = yaml(made(report([broken], { revision: revision('bad') }), files).commit.files.get(SHOP)) as Record<string, unknown>;
    assert.deepEqual([file['observedRevision'], file['appliedRevision'], file['author']], ['bad', 'aaaa', 'Ada <ada@example.com>']);
  });

  it('is not written anew by a process that has just started and could not make its first pass', () => {
    const known = new Map(made(report([application('shop')])).files);
    known.delete('README.md');
    const { commit } = made(report([], { fault: new Fault('transport/unreachable', 'the hub is away') }), known);
    assert.deepEqual([...commit.files.keys()], ['repository.yaml']);
  });

  it('holds a file for each Initializer, which goes with it', () => {
    const item = initializer('ack', {
      dependsOn: [
        { name: 'prod/network', phase: 'success' },
        { name: 'prod/dns', phase: 'initializing' },
      ],
      message: 'waits for prod/dns',
    });
    const { commit, files } = made(report([], { initializers: [item] }));
    const file = yaml(commit.files.get('initializers/prod/ack.yaml')) as Record<string, unknown>;
    assert.deepEqual(
      [file['kind'], file['phase'], file['message'], file['observedRevision'], file['dependsOn']],
      [
        'InitializerStatus',
        'initializing',
        'waits for prod/dns',
        'c0ffee',
        [
          { name: 'prod/network', phase: 'success' },
          { name: 'prod/dns', phase: 'initializing' },
        ],
      ],
    );
    assert.equal(commit.subject, 'initializer prod/ack: initializing');
    assert.deepEqual(commit.trailers.slice(2), [
      ['Initializer', 'prod/ack'],
      ['Phase', 'initializing'],
    ]);
    assert.equal(publish(report([], { initializers: [item] }), files), null);
    assert.equal(made(report([]), files).commit.files.get('initializers/prod/ack.yaml'), null);
  });

  it('has bounded files (I7)', () => {
    const many = application('shop', {
      objects: Array.from({ length: 600 }, (_, i) =>
        object(`web-${i}`, { message: 'x'.repeat(5_000), drift: Array.from({ length: 80 }, (_item, k) => `/spec/${k}`) }),
      ),
    });
    const file = yaml(made(report([many])).commit.files.get(SHOP)) as {
      readonly objects: readonly { readonly message: string; readonly drift: readonly string[]; readonly driftLeftOut: number }[];
      readonly objectsLeftOut: number;
    };
    assert.deepEqual(
      [file.objects.length, file.objectsLeftOut, file.objects[0]?.message.length, file.objects[0]?.drift.length, file.objects[0]?.driftLeftOut],
      [500, 100, 2_003, 50, 30],
    );
  });

  it('is the same bytes for the same report (I8)', () => {
    const one = (): Report =>
      report([application('shop', { objects: [object('web'), object('db', { health: 'InProgress' })] }), application('stall', { phase: 'deleting' })], {
        diagnostics: [{ code: 'load/schema', severity: 'error', message: 'x' }],
      });
    assert.deepEqual([...made(one()).commit.files], [...made(one()).commit.files]);
  });
});

describe('the subject is a sentence', () => {
  const known = (...apps: readonly ApplicationReport[]): ReadonlyMap<string, string> => made(report(apps)).files;
  const [shop, stall] = [application('shop'), application('stall')];
  const CASES: (readonly [string, Report, ReadonlyMap<string, string>, string])[] = [
    ['about one application', report([shop]), NOTHING, 'prod/shop: running'],
    ['about one that is gone', report([]), known(shop), 'prod/shop: gone'],
    ['about one that leaves', report([], { leaving: [application('shop', { phase: 'deleting' })] }), known(shop), 'prod/shop: deleting'],
    [
      'about one that is kept',
      report([], {
        leaving: [
          application('shop', {
            phase: 'deleting',
            conditions: [{ type: 'Ready', status: 'False', reason: 'Deleting', message: 'kept' }],
            fault: new Fault('plan/guard', 'kept'),
          }),
        ],
      }),
      known(shop),
      'prod/shop: deleting (kept until that is approved)',
    ],
    ['about many', report([shop, stall, application('stand', { phase: 'unhealthy' })]), NOTHING, '3 applications: 2 running, 1 unhealthy'],
    ['about one that came and one that went', report([stall]), known(shop), '2 applications: 1 running, 1 gone'],
    ['about the repository', report([shop], { diagnostics: [{ code: 'load/schema', severity: 'error', message: 'x' }] }), known(shop), 'repository: 1 mistake'],
    ['about a cluster', report([shop], { clusters: [cluster('beijing', { available: 'False' })] }), known(shop), 'beijing: available False'],
  ];
  CASES.push(
    [
      'about one application and its clusters',
      report([application('shop', { objects: [object('web', { key: on('poc-01') }), object('p', { key: { ...object('p').key, kind: 'Placement' } })] })]),
      NOTHING,
      'prod/shop: running on poc-01',
    ],
    [
      'about a work that carries it there',
      report([application('shop', { objects: [object('w', { key: { ...object('w').key, kind: 'ManifestWork', namespace: 'poc-01' } })] })]),
      NOTHING,
      'prod/shop: running on poc-01',
    ],
    [
      'about an environment of KubeVela 1.1, with what is kept on the hub for it',
      report([
        application('shop', {
          objects: [
            object('w', { key: { ...object('w').key, kind: 'ManifestWork', namespace: 'poc-01' } }),
            object('env', { key: { ...object('env').key, kind: 'EnvBinding' } }),
            object('env', { key: { ...object('env').key, kind: 'ConfigMap' } }),
          ],
        }),
      ]),
      NOTHING,
      'prod/shop: running on poc-01',
    ],
    [
      'about what a cloud is at',
      report([
        application('ack', {
          phase: 'runningWorkflow',
          conditions: MOVING,
          objects: [object('ack', { health: 'InProgress', message: 'creating cluster poc-01: initial' }), object('web')],
        }),
      ]),
      NOTHING,
      'prod/ack: runningWorkflow (creating cluster poc-01: initial)',
    ],
    [
      'about several things that are waited for',
      report([
        application('shop', {
          phase: 'runningWorkflow',
          conditions: MOVING,
          objects: [object('a', { health: 'InProgress', message: '0 of 1' }), object('b', { health: 'InProgress', message: '0 of 1' })],
        }),
      ]),
      NOTHING,
      'prod/shop: runningWorkflow',
    ],
    [
      'about one that goes on no more',
      report([
        application('shop', {
          phase: 'runningWorkflow',
          conditions: MOVING.map((item) => (item.type === 'Stalled' ? { ...item, status: 'True' as const } : item)),
        }),
      ]),
      NOTHING,
      'prod/shop: runningWorkflow (stalled)',
    ],
    [
      'about one that KubeVela calls running, and that is not there yet',
      report([application('shop', { conditions: MOVING })]),
      NOTHING,
      'prod/shop: running (not ready yet)',
    ],
    [
      'about more clusters than a sentence holds',
      report([application('shop', { objects: ['a', 'b', 'c', 'd', 'local'].map((name) => object('web', { key: on(name) })) })]),
      NOTHING,
      'prod/shop: running on a, b, c and 2 more',
    ],
    [
      'about a pass that could not be made',
      report([], { fault: new Fault('transport/unreachable', 'the hub is\naway') }),
      known(shop),
      'the pass could not be made: the hub is away',
    ],
    [
      'about mistakes that are mended',
      report([shop]),
      made(report([shop], { diagnostics: [{ code: 'load/schema', severity: 'error', message: 'x' }] })).files,
      'repository: no mistakes',
    ],
    [
      'about initializers',
      report([], { initializers: [initializer('a'), initializer('b', { phase: 'success' })] }),
      NOTHING,
      '2 initializers: 1 initializing, 1 success',
    ],
  );
  for (const [title, item, before, subject] of CASES) it(title, () => assert.equal(made(item, before).commit.subject, subject));
});

describe('the trailers', () => {
  it('say which commit, whose, and what became of each application', () => {
    const { commit } = made(report([application('shop', { phase: 'runningWorkflow' })]), made(report([application('stall')])).files);
    assert.deepEqual(commit.trailers, [
      ['Source-Commit', 'c0ffee'],
      ['Source-Author', 'Ada <ada@example.com>'],
      ['Application', 'prod/shop'],
      ['Phase', 'runningWorkflow'],
      ['Application', 'prod/stall'],
      ['Phase', 'gone'],
    ]);
  });

  it("say where it is and who approved, each application's in a group of its own", () => {
    const approvals = ['resume', 'delete'].map((action) => ({ by: 'Cy <cy@example.com>', action: action as 'resume', target: 'x', path: 'a.yaml' }));
    const { commit } = made(
      report([
        application('shop', { objects: [object('web', { key: on('b') }), object('web', { key: on('a') })], approvals }),
        application('stall', { services: [service('web')] }),
      ]),
    );
    assert.deepEqual(commit.trailers.slice(2), [
      ['Application', 'prod/shop'],
      ['Cluster', 'a'],
      ['Cluster', 'b'],
      ['Phase', 'running'],
      ['Approved-By', 'Cy <cy@example.com>'],
      ['Application', 'prod/stall'],
      ['Cluster', 'local'],
      ['Phase', 'running'],
    ]);
  });

  it('name no commit where none was read', () => {
    assert.deepEqual(made(report([], { revision: null, fault: new Fault('source/unreachable', 'x') })).commit.trailers, []);
  });

  it('are bounded (I7)', () => {
    const { commit } = made(report(Array.from({ length: 80 }, (_, i) => application(`app-${i}`))));
    assert.equal(commit.trailers.filter(([name]) => name === 'Application').length, 50);
  });
});

describe('the causes', () => {
  const body = (...apps: readonly ApplicationReport[]): readonly string[] => made(report(apps)).commit.body ?? [];
  const broken = application('shop', {
    phase: 'workflowFailed',
    conditions: [{ type: 'Ready', status: 'False', reason: 'WorkflowFailed', message: 'step web: no image' }],
    journal: journalOf({ steps: [statusOf('all', 'failed', { subSteps: [statusOf('web', 'failed', { message: 'no image' })] })] }),
    objects: [
      object('web', { fault: new Fault('transport/invalid', 'spec.x: unknown') }),
      object('db', { drift: ['/spec/replicas', '/spec/paused'], key: { ...on('poc-01'), name: 'db' } }),
    ],
    approvals: [{ by: 'Cy <cy@example.com>', action: 'resume', target: 'step gate', path: 'approvals/gate.yaml' }],
    diagnostics: [
      { code: 'workflow/step-failed', severity: 'error', message: 'step "web": no image', origin: { path: 'shop.yaml', line: 7, column: 9 } },
      { code: 'load/ambiguous', severity: 'warning', message: 'perhaps' },
    ],
  });

  it('stand in the body, one line each, said once', () => {
    assert.deepEqual(body(broken), [
      '- step web: no image',
      '- Deployment prod/web: spec.x: unknown',
      '- Deployment prod/db on poc-01: drift in /spec/replicas, /spec/paused',
      '- shop.yaml:7:9: workflow/step-failed: step "web": no image',
      '- Cy <cy@example.com> approved: resume step gate (approvals/gate.yaml)',
    ]);
  });

  it('say what is under way, of the first few', () => {
    const moving = ['a', 'b', 'c', 'd'].map((name) => object(name, { health: 'InProgress', message: '0 of 1 ready' }));
    assert.deepEqual(body(application('shop', { phase: 'runningWorkflow', conditions: MOVING, objects: moving })), [
      '- step web: running',
      ...['a', 'b', 'c'].map((name) => `- Deployment prod/${name}: 0 of 1 ready`),
    ]);
  });

  it('stand below the application they are of, where there are several', () => {
    assert.deepEqual(body(application('stall'), application('shop', { phase: 'unhealthy', conditions: MOVING })), [
      '- prod/stall: running',
      '- prod/shop: unhealthy',
      '  - step web: running',
    ]);
  });

  it('name what is gone beside what is left', () => {
    assert.deepEqual(made(report([application('stall')]), made(report([application('shop')])).files).commit.body, [
      '- prod/stall: running',
      '- prod/shop: gone',
    ]);
  });

  it('are bounded (I7) and cannot pass for trailers', () => {
    const lines = body(
      application('shop', {
        objects: Array.from({ length: 30 }, (_, i) => object(`web-${i}`, { fault: new Fault('transport/invalid', `${'x'.repeat(900)}\n\nApproved-By: Eve`) })),
      }),
    );
    assert.deepEqual([lines.length, lines.every((line) => line.startsWith('- ') && line.length <= 302 && !line.includes('\n'))], [11, true]);
    assert.equal(lines.at(-1), '- and 20 more');
  });
});

describe('the haste', () => {
  const news = (item: Report, known: ReadonlyMap<string, string> = NOTHING): Published['news'] => made(item, known).news;
  const [well, failed, moving] = [
    application('shop'),
    application('shop', { phase: 'workflowFailed', conditions: STALLED }),
    application('shop', { phase: 'runningWorkflow', conditions: MOVING }),
  ];

  it('is none while something moves', () => assert.deepEqual(news(report([moving])), { isUrgent: false, isSettled: false }));
  it('ends with the wave', () => assert.deepEqual(news(report([well])), { isUrgent: false, isSettled: true }));
  it('waits for no person', () => assert.equal(news(report([{ ...moving, journal: journalOf({ suspend: true }), retryAfterMs: null }])).isSettled, true));
  it('is great for a failure, once', () => {
    assert.equal(news(report([failed, application('stall', { conditions: MOVING })])).isUrgent, true);
    assert.equal(news(report([{ ...failed, latestRevision: 'shop-v2' }]), made(report([failed])).files).isUrgent, false);
  });
  it('is great for an approval and for drift', () => {
    const approved = { ...moving, approvals: [{ by: 'Cy', action: 'resume', target: 'gate', path: 'a.yaml' }] } as const;
    assert.equal(news(report([approved])).isUrgent, true);
    assert.equal(news(report([{ ...approved, latestRevision: 'shop-v2' }]), made(report([approved])).files).isUrgent, false);
    assert.equal(news(report([{ ...moving, objects: [object('web', { drift: ['/spec/replicas'] })] }])).isUrgent, true);
  });
});

describe('the file of an application', () => {
  it('says what people ask, and leaves out what is empty', () => {
    const { commit } = made(report([application('shop')]));
    assert.equal(
      commit.files.get(SHOP),
      `apiVersion: lateen.dev/v1alpha1
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
observedRevision: c0ffee
appliedRevision: aaaaaaaaaaaaaaaa
author: Ada <ada@example.com>
revision: shop-v1
`,
    );
  });

  it('tells of services, steps, objects, drift and mistakes', () => {
    const { commit } = made(
      report([
        application('shop', {
          services: [
            service('web', { healthy: false, message: 'Ready:0/1', cluster: 'beijing', traits: [{ type: 'expose', healthy: true, message: '', details: {} }] }),
          ],
          journal: journalOf({
            variables: { connInfo: 'top-secret' },
            steps: [statusOf('all', 'running', { type: 'step-group', subSteps: [statusOf('web', 'running', { reason: 'Wait', message: 'wait healthy' })] })],
          }),
          objects: [object('web', { drift: ['/spec/replicas'] }), object('db', { health: 'Unknown', fault: new Fault('transport/invalid', 'refused') })],
          diagnostics: [
            { code: 'render/parameter', severity: 'warning', message: 'no effect', origin: { path: 'shop.yaml', line: 7, column: 9 }, hint: 'Take it out.' },
          ],
          fault: new Fault('transport/invalid', 'refused'),
        }),
      ]),
    );
    const file = yaml(commit.files.get(SHOP)) as Record<string, unknown>;
    assert.deepEqual(
      [file['services'], file['workflow'], file['objects'], file['error'], file['diagnostics']],
      [
        [
          {
            name: 'web',
            namespace: 'prod',
            cluster: 'beijing',
            kind: 'Deployment',
            healthy: false,
            message: 'Ready:0/1',
            traits: [{ type: 'expose', healthy: true }],
          },
        ],
        {
          state: 'executing',
          steps: [
            {
              name: 'all',
              type: 'step-group',
              phase: 'running',
              subSteps: [{ name: 'web', type: 'apply-component', phase: 'running', reason: 'Wait', message: 'wait healthy' }],
            },
          ],
        },
        [
          { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'prod', name: 'web', health: 'Current', drift: ['/spec/replicas'] },
          { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'prod', name: 'db', health: 'Unknown', message: 'refused', code: 'transport/invalid' },
        ],
        { code: 'transport/invalid', message: 'refused' },
        [{ code: 'render/parameter', severity: 'warning', at: 'shop.yaml:7:9', message: 'no effect', hint: 'Take it out.' }],
      ],
    );
    assert.doesNotMatch([...commit.files.values()].join(''), /top-secret/);
  });

  it('tells of approvals and of the definitions that it was made with', () => {
    const { commit } = made(
      report([
        application('shop', {
          approvals: [{ by: 'Cy <cy@example.com>', action: 'resume', target: 'step gate', path: 'approvals/gate.yaml' }],
          definitions: { 'TraitDefinition/scaler': 'b'.repeat(16), 'ComponentDefinition/webservice': 'a'.repeat(16) },
        }),
      ]),
    );
    assert.match(
      commit.files.get(SHOP) ?? '',
      /approvals:\n  - by: Cy <cy@example.com>\n    action: resume\n    target: step gate\n    source: approvals\/gate.yaml\n/,
    );
    assert.match(commit.files.get(SHOP) ?? '', /definitions:\n  ComponentDefinition\/webservice: a{16}\n  TraitDefinition\/scaler: b{16}\n$/);
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
    assert.match(
      readme(report([failing])),
      /^\| \[prod\/shop\]\(applications\/prod\/shop\.yaml\) \| rendering \| False \|  \| `shop\.yaml` \| `aaaaaaaaaa` \| a \\\| b c \|$/m,
    );
  });

  it('begins with a summary, and lists clusters and Initializers', () => {
    const text = readme(
      report([application('shop', { objects: [object('web', { key: on('beijing') })] }), failing, application('x', { conditions: MOVING })], {
        revision: revision('feedfeedfeedfeed'),
        clusters: [cluster('beijing'), cluster('away', { available: 'Unknown' })],
        initializers: [initializer('ack', { dependsOn: [{ name: 'prod/net', phase: 'success' }] })],
      }),
    );
    assert.match(text, /^# What is running\n\n\*\*3 applications\*\*: 1 ready, 2 on the way · \*\*2 clusters\*\*: 1 available · as of commit `feedfeedfe`\.\n/);
    assert.match(text, /^\| \[prod\/shop\]\([^)]*\) \| running \| True \| beijing \| /m);
    assert.match(text, /^\| \[prod\/ack\]\(initializers\/prod\/ack\.yaml\) \| initializing \| False \| prod\/net \(success\) \| `init\.yaml` \|  \|$/m);
    assert.match(text, /^\| \[away\]\(clusters\/away\.yaml\) \| direct \| Unknown \| v1\.36\.0 \| 0 \|  \|$/m);
  });

  it('takes no link, tag or column out of what anyone may write', () => {
    const text = readme(
      report([application('shop', { conditions: [{ type: 'Ready', status: 'False', reason: 'X', message: '</td> [click](http://x) | `a`' }] })]),
    );
    assert.ok(text.includes('| \\</td\\> \\[click\\](http://x) \\| \\`a\\` |'), text);
  });

  it('lists a mistake once, though application and repository tell of it, and no warnings', () => {
    const mistake = {
      code: 'render/cue',
      severity: 'error',
      message: 'expected }',
      origin: { path: 'defs.yaml', line: 3, column: 5 },
      hint: 'Mend it.',
    } as const;
    const text = readme(
      report([application('shop', { diagnostics: [mistake] })], {
        diagnostics: [mistake, { ...mistake }, { code: 'load/ambiguous', severity: 'warning', message: 'perhaps' }],
      }),
    );
    assert.equal(text.slice(text.indexOf('## Mistakes'), text.indexOf('Written by')), '## Mistakes\n\n- `defs.yaml:3:5: render/cue`: expected } Mend it.\n\n');
  });
});
