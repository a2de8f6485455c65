/** A plan for a terminal, as data and as a comment. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stringify } from '../../daemon/lib/json.ts';
import { hasChanges } from '../../daemon/plan/compare.ts';
import type { Matrix } from '../../daemon/plan/comparison.ts';
import { code, planMarkdown } from '../../daemon/print-plan-markdown.ts';
import { plain, planData, planText } from '../../daemon/print-plan.ts';
import { application, cause, comparison, field, object, revision, side } from './plan/comparisons.ts';

const RUNS = {
  runs: 'all',
  reason: 'a new revision',
  steps: [
    { name: 'go', type: 'deploy', runs: true, phase: '', subSteps: [] },
    { name: 'group', type: 'step-group', runs: true, phase: '', subSteps: [{ name: 'one', type: 'deploy', runs: true, phase: '', subSteps: [] }] },
  ],
} as const;
const MATRIX: Matrix = {
  environments: [
    { name: 'dev', clusters: ['local'], state: 'same' },
    { name: 'prod', clusters: ['east', 'west'], state: 'new' },
  ],
  touchesPatch: true,
  rows: [
    {
      object: 'Deployment web',
      path: '/spec/replicas',
      isSecret: false,
      cells: [
        { from: 1, to: 1, isChanged: false },
        { to: 3, isChanged: true },
      ],
    },
    { object: 'Secret key', path: '/data/a', isSecret: true, cells: [{ isChanged: true }, { isChanged: false }] },
  ],
  neighbours: [
    {
      left: 'dev',
      right: 'prod',
      fields: [
        { object: 'Deployment web', path: '/spec/replicas', isSecret: false, left: 1, right: 3 },
        { object: 'Service web', path: '', isSecret: false, right: 'there' },
      ],
    },
  ],
};
const REPORT = comparison([
  application(
    '',
    side([
      object('adopt', 'note', 'exists and is taken over', { key: { cluster: 'beijing', apiVersion: 'v1', kind: 'Namespace', namespace: '', name: 'note' } }),
    ]),
  ),
  application(
    'shop',
    side(
      [
        object('create', 'a', 'not there yet', { causes: [cause('trait expose of component web')] }),
        object('update', 'b', 'drift', {
          fields: [
            field('/data/x', {
              from: '1',
              to: '2',
              causes: [
                cause('property size of component web', { computedBy: { text: 'ComponentDefinition box', origin: { path: 'box.yaml', line: 2, column: 1 } } }),
                cause('property old of component web', { isInBase: true }),
              ],
            }),
            field('/data/y', { to: '3' }),
            field('/data/secret', { isSecret: true }),
          ],
        }),
        object('delete', 'c', 'gone from the commit'),
        object('refuse', 'd', "it is another's", { code: 'plan/ownership' }),
        object('keep', 'f', 'drift, only reported', { fields: [field('/data/z', { from: 1, to: 2 })] }),
      ],
      {
        unchangedCount: 1,
        relabelledCount: 2,
        workflow: RUNS,
        cloud: [
          {
            key: { cluster: 'local', apiVersion: 'terraform.core.oam.dev/v1beta1', kind: 'Configuration', namespace: 'default', name: 'ack' },
            action: 'keep',
            resources: ['a cluster', 'a network'],
          },
        ],
      },
    ),
    { notes: ['it goes back'], document: 'changed' },
  ),
]);

describe('the plan for a terminal', () => {
  it('tells object by object what would change, why, and what set it', () => {
    assert.equal(
      planText(REPORT),
      `documents of the repository
  ~ adopt Namespace note on beijing: exists and is taken over

prod/shop (apps/shop.yaml:1, changed) (its workflow runs: go, group (one); a new revision)
  note: it goes back
  + create ConfigMap prod/a: not there yet
      by trait expose of component web (apps/shop.yaml:7)
  ~ update ConfigMap prod/b: drift
      /data/x: "1" -> "2"
          by property size of component web (apps/shop.yaml:7), computed by ComponentDefinition box (box.yaml:2)
          by property old of component web (apps/shop.yaml:7 of the base)
      /data/y: (absent) -> "3"
      /data/secret differs
  - delete ConfigMap prod/c: gone from the commit
  ! refuse ConfigMap prod/d: it is another's
    keep ConfigMap prod/f: drift, only reported
      /data/z: 1 -> 2
  Configuration default/ack keeps in the cloud
      a cluster
      a network
    1 unchanged
    2 unchanged but for the labels of the revision

1 to create, 2 to update, 1 to delete, 1 refused, 4 unchanged.
`,
    );
  });

  it('says so when nothing changes', () => {
    assert.equal(planText(comparison([])), 'No changes: the hub is as the commit asks.\n');
    assert.equal(
      planText(comparison([], { base: revision('b45e'), clusters: { isLive: false, unresolved: [], message: '' } })),
      'Plan of c0ffee0123 (main) against b45e (main).\nThe clusters were not asked.\n\nNo changes.\n',
    );
  });

  it('puts environments side by side, and under their names', () => {
    const text = planText(
      comparison([
        application(
          'shop',
          side([
            object('update', 'a', 'drift', { environment: 'dev' }),
            object('update', 'b', 'drift', { environment: 'prod', carrier: 'work' }),
            object('update', 'c', 'drift'),
          ]),
          { matrix: MATRIX },
        ),
      ]),
    );
    assert.equal(
      text,
      `prod/shop (apps/shop.yaml:1)
  environment dev
    ~ update ConfigMap prod/a: drift
  environment prod
    ~ update ConfigMap prod/b in ManifestWork local/work: drift
  outside of the environments
    ~ update ConfigMap prod/c: drift
  environments side by side
    FIELD                           dev       prod on east west (new)
    Deployment web /spec/replicas   1         (absent) -> 3
    Secret key /data/a              differs   same
  prod against dev: 2 fields differ
      Deployment web /spec/replicas: 1 | 3
      Service web only in prod

0 to create, 3 to update, 0 to delete, 0 refused, 0 unchanged.
`,
    );
  });

  it('tells both ways of looking apart', () => {
    const text = planText(
      comparison(
        [
          application('shop', side([object('update', 'a', 'drift')]), {
            desired: side([object('create', 'b', 'not there yet')], { workflow: RUNS }),
            document: 'changed',
          }),
        ],
        { base: revision('b45e'), revertOf: '0123456789abcdef' },
      ),
    );
    assert.match(text, /^What it changes is again as it was at an earlier commit: 0123456789\.$/m);
    assert.match(
      text,
      /^ {2}commit against commit \(its workflow runs: .*\)\n {4}\+ create ConfigMap prod\/b: not there yet\n {2}commit against clusters\n {4}~ update ConfigMap prod\/a: drift$/m,
    );
    assert.match(text, /^Against the base: 1 to create, 0 to update.*\n\nAgainst the clusters: 0 to create, 1 to update/m);
  });

  it('is bounded: long values are cut, many fields are counted', () => {
    const fields = Array.from({ length: 23 }, (_, i) => field(`/data/${i}`, { from: 'x'.repeat(200), to: 1 }));
    const text = planText(comparison([application('shop', side([object('update', 'a', 'drift', { fields })]))]));
    assert.match(text, / {6}and 3 more\n/);
    assert.ok(text.split('\n').every((line) => line.length < 120));
  });

  it('shows of a text of several lines the first that differs', () => {
    const text = planText(
      comparison([
        application('shop', side([object('update', 'a', 'drift', { fields: [field('/data/x', { from: 'one\ntwo\nthree', to: 'one\n2\nthree\nfour' })] })])),
      ]),
    );
    assert.match(text, /\/data\/x line 2 of 4: "two" -> "2"/);
  });

  it('holds nothing that a terminal obeys', () => {
    const evil = '\u001b[2J\u202egnp\u0007';
    const text = planText(
      comparison(
        [
          application(
            evil,
            side([
              object('update', evil, evil, {
                environment: evil,
                carrier: evil,
                fields: [field(`/${evil}`, { from: evil, to: evil, causes: [cause(evil, { origin: { path: evil, line: 1, column: 1 } })] })],
              }),
            ]),
            { notes: [evil], matrix: { ...MATRIX, environments: [{ name: evil, clusters: [evil], state: 'same' }] } },
          ),
        ],
        {
          findings: [{ code: 'load/schema', severity: 'error', message: evil, origin: { path: evil, line: 1, column: 1 } }],
          clusters: { isLive: false, unresolved: [evil], message: evil },
          base: revision(evil),
        },
      ),
    );
    assert.deepEqual(
      [...text].filter((letter) => letter !== '\n' && plain(letter) !== letter),
      [],
    );
    assert.ok(text.includes('\\u001b[2J\\u202e'));
  });
});

describe('the plan as data', () => {
  it('has a name, and its objects told by their keys', () => {
    const data = planData(REPORT, hasChanges(REPORT)) as {
      readonly applications: readonly { readonly live: { readonly objects: readonly Record<string, unknown>[] } }[];
    } & Record<string, unknown>;
    assert.deepEqual([data['apiVersion'], data['kind'], data['changes'], data['base']], ['lateen.dev/v1alpha1', 'Plan', true, null]);
    assert.deepEqual(data.applications[0]?.live.objects[0], {
      action: 'adopt',
      cluster: 'beijing',
      apiVersion: 'v1',
      kind: 'Namespace',
      namespace: '',
      name: 'note',
      environment: '',
      component: 'web',
      trait: '',
      carrier: '',
      reason: 'exists and is taken over',
      code: null,
      fields: [],
      causes: [],
    });
    assert.equal(stringify(data).includes('"key"'), false);
  });

  it('changes something when an object is not kept, or a workflow begins', () => {
    const of = (...sides: readonly Parameters<typeof side>[]): boolean => hasChanges(comparison(sides.map((parts) => application('a', side(...parts)))));
    assert.deepEqual(
      [
        of(),
        of([[object('keep', 'x', '')]]),
        of([[], { workflow: RUNS }]),
        of([[], { workflow: { ...RUNS, runs: 'rest' } }]),
        of([[object('refuse', 'x', '')]]),
        of([[object('create', 'x', '')]]),
      ],
      [false, false, true, false, true, true],
    );
  });
});

// ------------------------------------------------------------------------------------------------------------ markdown

/** What is left when code spans are taken out: nothing in it may be somebody else's words. */
function outside(markdown: string): string {
  let rest = '';
  for (let at = 0; at < markdown.length;) {
    const run = /^`+/.exec(markdown.slice(at))?.[0];
    if (run === undefined) {
      rest += markdown[at];
      at += 1;
      continue;
    }
    // CommonMark: a span ends at the next run of backticks that is as long.
    const end = [...markdown.slice(at + run.length).matchAll(/`+/g)].find(([found]) => found.length === run.length);
    if (end === undefined) return `${rest}${markdown.slice(at)}`;
    at += run.length + end.index + run.length;
  }
  return rest;
}

describe('the plan as a comment', () => {
  it('has a table on top and the details folded', () => {
    const text = planMarkdown({
      ...REPORT,
      base: revision('b45e'),
      clusters: { isLive: true, unresolved: [], message: '' },
      findings: [{ code: 'load/schema', severity: 'warning', message: 'odd', origin: { path: 'a.yaml', line: 3, column: 1 } }],
    });
    assert.equal(
      text.slice(0, text.indexOf('<details>')),
      `### Plan of \`c0ffee0123 (main)\` against \`b45e (main)\`

|  | compared | create | update | delete | kept | workflow | cloud |
| --- | --- | --- | --- | --- | --- | --- | --- |
| documents of the repository | commit against clusters |  | **1** |  |  |  |  |
| \`prod/shop\` changed | commit against clusters | **1** | **1** | **1** | **1** | runs | keeps |

- ⚠️ \`a.yaml:3:1: warning: load/schema: odd\`

`,
    );
    assert.equal(text.match(/<details>/g)?.length, 2);
    assert.match(text, /- \*\*refuse\*\* `ConfigMap prod\/d`: `it is another's`/);
    assert.match(text, / {2}- `\/data\/secret` differs/);
  });

  it('says so when nothing would change', () => {
    assert.match(planMarkdown(comparison([])), /^### Plan of .* against the clusters\n\nNothing would change\.\n$/);
  });

  const EVIL = [
    '<img src=x onerror=alert(1)>',
    '`` ` ```',
    'a\\|b|c \\',
    '@team #1 !2 ~bug owner/repo#3',
    '](javascript:x) ![x](http://x)',
    '</details>\n\n/close\n# head',
    '$`x`$',
    ' Leading 1',
    '`',
    '\u202e@x',
  ];

  it('lets nothing of what others wrote out of its code spans', () => {
    for (const evil of EVIL) {
      const text = planMarkdown(
        comparison(
          [
            application(
              evil,
              side(
                [
                  object('update', evil, evil, {
                    environment: evil,
                    carrier: evil,
                    causes: [cause(evil)],
                    fields: [field(`/${evil}`, { from: evil, to: { [evil]: evil }, causes: [cause(evil, { origin: { path: evil, line: 1, column: 1 } })] })],
                  }),
                ],
                {
                  workflow: { runs: 'all', reason: evil, steps: [{ name: evil, type: evil, runs: true, phase: '', subSteps: [] }] },
                  cloud: [{ key: object('create', evil, '').key, action: 'make', resources: [evil] }],
                },
              ),
              {
                notes: [evil],
                origin: { path: evil, line: 1, column: 1 },
                matrix: {
                  ...MATRIX,
                  environments: [{ name: evil, clusters: [evil], state: 'same' }],
                  rows: [{ object: evil, path: evil, isSecret: false, cells: [{ from: evil, to: evil, isChanged: true }] }],
                  neighbours: [{ left: evil, right: evil, fields: [{ object: evil, path: evil, isSecret: false, left: evil, right: evil }] }],
                },
              },
            ),
          ],
          {
            base: revision(evil),
            clusters: { isLive: false, unresolved: [evil], message: evil },
            findings: [{ code: 'load/schema', severity: 'error', message: evil, origin: { path: evil, line: 1, column: 1 } }],
          },
        ),
      );
      const rest = text.split('\n').map(outside).join('\n');
      // The summary is HTML: there it is escaped instead.
      const words = rest
        .replaceAll(/<code>(.*?)<\/code>/g, (_all, html: string) => {
          assert.doesNotMatch(html, /[<>@"]/, evil);
          return '';
        })
        .replaceAll(/<\/?(?:details|summary)>/g, '');
      assert.doesNotMatch(words, /[<@`\\~$]|\]\(|javascript|owner|\/close|# head|Leading/, `${evil}\n${words}`);
      // Each row of a table has as many cells as its head.
      for (const block of text.matchAll(/(?:^\|.*\|\n)+/gm)) {
        const cells = block[0]
          .trimEnd()
          .split('\n')
          .map((line) => line.replaceAll(/\\[!-/:-@[-`{-~]/g, '').split('|').length);
        assert.equal(new Set(cells).size, 1, `${evil}\n${block[0]}`);
      }
    }
  });

  it('is no longer than it may be, and says what is missing', () => {
    const fields = Array.from({ length: 40 }, (_, i) =>
      field(`/data/${i}`, { from: 'x'.repeat(500), to: 'y'.repeat(500), causes: [cause('z'.repeat(500)), cause('z'.repeat(500))] }),
    );
    const objects = Array.from({ length: 80 }, (_, i) => object('update', `name-${i}-${'n'.repeat(230)}`, 'drift', { fields }));
    const many = comparison(
      Array.from({ length: 300 }, (_, i) => application(`app-${i}-${'a'.repeat(200)}`, side(objects))),
      { findings: Array.from({ length: 100 }, (_, i) => ({ code: 'load/schema', severity: 'error', message: `${i} ${'m'.repeat(2000)}` }) as const) },
    );
    const text = planMarkdown(many);
    assert.ok(text.length <= 60_000, String(text.length));
    assert.ok(text.length > 30_000, String(text.length));
    assert.match(text, /_Cut to 60000 characters: the details of \d+ of 300 are not shown/);
    assert.equal(text.match(/<details>/g)?.length, text.match(/<\/details>/g)?.length);
    assert.match(text, /and \d+ more\n/);
    assert.ok(planMarkdown(many, 40_000).length <= 40_000);
  });
});

it('a code span holds any run of backticks', () => {
  assert.deepEqual(['a', 'a`b', '``', ' a', '`a`', ''].map(code), ['`a`', '`` a`b ``', '``` `` ```', '`  a `', '`` `a` ``', '']);
});
