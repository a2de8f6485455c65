/** Plans of refs that anybody may have pushed: what is planned when, what becomes of the files, and what nobody gets out of it. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { Log } from '../../daemon/lib/log.ts';
import { createRedactor } from '../../daemon/lib/redact.ts';
import { systemClock } from '../../daemon/lib/retry.ts';
import type { Revision, Tree } from '../../daemon/model/catalog.ts';
import type { CueEvaluator } from '../../daemon/model/cue.ts';
import { Fault } from '../../daemon/model/fault.ts';
import type { PlanTips } from '../../daemon/model/ports.ts';
import type { StatusCommit } from '../../daemon/model/status.ts';
import { approvalsOf } from '../../daemon/plan/approvals.ts';
import { readPack } from '../../daemon/render/pack.ts';
import { openRefPlans, type RefPlanDoors, type RefPlans } from '../../daemon/ref-plans.ts';
import { PLAN_INDEX, planFile } from '../../daemon/status/plan-files.ts';
import { cue, openTestCue } from './cue/evaluator.ts';
import { treeOf } from './load/trees.ts';

type Files = Readonly<Record<string, string>>;

const pack = readPack();
const PULL = 'refs/pull/7/head';
const sha = (word: string): string => Buffer.from(word).toString('hex').padEnd(40, '0').slice(0, 40);
const revision = (word: string, branch = 'main'): Revision => ({ sha: sha(word), branch, author: 'Ada <ada@example.com>', subject: `commit ${word}` });

const CONFIG = 'paths: [apps]\nplan:\n  refs: ["refs/pull/*/head", "refs/heads/env/*"]\n';
const app = (name: string, colour: string, more = ''): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: ${name}, namespace: shop}
spec:
  components:
  - name: settings
    type: k8s-objects
    properties:
      objects:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: ${name}}
        data: {colour: ${colour}}
${more}`;
const BASE: Files = { 'lateen.yaml': CONFIG, 'apps/shop.yaml': app('shop', 'blue') };
const RED: Files = { ...BASE, 'apps/shop.yaml': app('shop', 'red') };

interface World {
  /** Commits by their word. */
  readonly commits: Map<string, Files>;
  /** Refs of the remote, by name, with the commit's word. */
  readonly refs: Map<string, string>;
  /** Refs that have nothing in common with the branch. */
  readonly strangers: Set<string>;
  /** The status branch. */
  readonly files: Map<string, string>;
  readonly made: StatusCommit[];
  readonly told: string[];
  readonly asked: string[][];
  readonly plans: RefPlans;
  /** Another daemon over the same repository and status branch. */
  readonly restart: () => RefPlans;
  /** The plan of a ref; fails where there is none. */
  readonly plan: (ref?: string) => string;
}

type More = Partial<RefPlanDoors> & { readonly tips?: () => PlanTips; readonly onCommit?: () => void };

async function worldOf(refs: Readonly<Record<string, Files>>, { tips, onCommit, ...more }: More = {}): Promise<World> {
  const commits = new Map<string, Files>([['base', BASE], ...Object.entries(refs)]);
  const all = new Map(
    Object.keys(refs)
      .filter((name) => name !== 'base')
      .map((name) => [name, name]),
  );
  const [strangers, files, made, told, asked] = [new Set<string>(), new Map<string, string>(), [] as StatusCommit[], [] as string[], [] as string[][]];
  const tree = (wanted: Revision): Promise<Tree> =>
    Promise.resolve({ ...treeOf([...commits].find(([word]) => sha(word) === wanted.sha)?.[1] ?? {}), revision: wanted });
  const note = (message: string, fields?: unknown): void =>
    void told.push(`${message} ${JSON.stringify(fields, (_key, value: unknown) => (value instanceof Error ? value.message : value))}`);
  const log: Log = { debug: () => {}, info: note, warn: note, error: note, child: () => log };
  const knownPack = await pack;
  const doors = (): RefPlanDoors => ({
    repo: {
      tree,
      planTree: tree,
      earlierContent: () => Promise.resolve(''),
      // As the real one: only what has an ending that is read.
      statusFiles: () => Promise.resolve(new Map([...files].filter(([path]) => path.endsWith('.yaml')))),
      planTips: ({ planned, onto }) => {
        if (tips !== undefined) return Promise.resolve(tips());
        const open = [...all].filter(([ref, word]) => planned.get(ref) !== sha(word));
        asked.push(open.map(([ref]) => ref));
        return Promise.resolve({
          tips: open.slice(0, 10).map(([ref, word]) => ({ ref, revision: revision(word, ref), base: strangers.has(ref) ? null : onto })),
          failed: [],
          gone: [...planned.keys()].filter((ref) => !all.has(ref)),
          waiting: Math.max(0, open.length - 10),
        });
      },
    },
    commit: (commit) => {
      onCommit?.();
      for (const [path, text] of commit.files) {
        if (text === null) files.delete(path);
        else files.set(path, text);
      }
      made.push(commit);
      return Promise.resolve(sha('status'));
    },
    clock: systemClock(),
    log,
    given: {},
    cue,
    pack: knownPack,
    instance: '',
    budget: { countMax: 20, shareMax: 0.5 },
    drift: 'any',
    cloudPlan: () => [],
    approvals: ({ catalog }) => Promise.resolve({ approvals: approvalsOf(catalog.approvals, Date.parse('2026-01-01T00:00:00Z')), diagnostics: [] }),
    ...more,
  });
  const open = (): RefPlans => openRefPlans(doors(), new AbortController().signal);
  const plans = open();
  return {
    commits,
    refs: all,
    strangers,
    files,
    made,
    told,
    asked,
    plans,
    restart: open,
    plan: (ref = PULL) => files.get(planFile(ref)) ?? assert.fail(`no plan of ${ref}: ${[...files.keys()].join(' ')}; ${told.join('\n')}`),
  };
}

async function look(plans: RefPlans, onto = 'base'): Promise<void> {
  plans.look(revision(onto));
  await plans.idle();
}

/** The plan of one hostile commit. */
async function planOf(head: Files, more: More = {}, base: Files = BASE): Promise<string> {
  const world = await worldOf({ base, [PULL]: head }, more);
  await look(world.plans);
  return world.plan();
}

describe('a ref that the configuration names', () => {
  it('is planned once for each commit, also by a daemon that starts later; the first line says which', async () => {
    const world = await worldOf({ [PULL]: RED });
    await look(world.plans);
    assert.equal(world.plan().split('\n')[0], `<!-- lateen plan: ref ${PULL} head ${sha(PULL)} base ${sha('base')} -->`);
    assert.equal(world.plan().split('\n')[1], `### Plan of \`${sha(PULL).slice(0, 10)} (${PULL})\` against \`${sha('base').slice(0, 10)} (main)\``);
    assert.match(world.plan(), /`\/data\/colour`: `"blue"` → `"red"`/);
    assert.deepEqual(
      world.made.map(({ subject, trailers, files }) => [subject, trailers, [...files.keys()]]),
      [
        [
          `plan: ${PULL}`,
          [
            ['Source-Commit', sha('base')],
            ['Planned-Ref', PULL],
          ],
          ['plans/pull/7/head.md', PLAN_INDEX],
        ],
      ],
    );
    await look(world.plans);
    await look(world.restart());
    assert.equal(world.made.length, 1);
    world.commits.set('second', { ...BASE, 'apps/shop.yaml': app('shop', 'green') });
    world.refs.set(PULL, 'second');
    await look(world.plans);
    assert.match(world.plan(), /`"blue"` → `"green"`/);
    assert.equal(world.made.length, 2);
  });

  it('and is gone, or merged, takes its plan along, whoever made it', async () => {
    const world = await worldOf({ [PULL]: RED });
    await look(world.plans);
    world.refs.clear();
    await look(world.restart());
    assert.deepEqual([...world.files], []);
    assert.equal(world.made.at(-1)?.subject, `plan removed: ${PULL}`);
  });

  it('gets words where it is broken, empty, or has nothing in common with the branch', async () => {
    const world = await worldOf({ 'refs/pull/1/head': { ...BASE, 'apps/shop.yaml': 'a: [' }, 'refs/pull/2/head': {}, 'refs/pull/3/head': RED });
    world.strangers.add('refs/pull/3/head');
    await look(world.plans);
    assert.match(world.plan('refs/pull/1/head'), /load\/not-yaml/);
    assert.match(world.plan('refs/pull/2/head'), /\*\*delete\*\*/);
    assert.match(world.plan('refs/pull/3/head'), /> It has no commit in common with `main`: it is compared with the newest commit there\.\n/);
    assert.match(world.plan('refs/pull/3/head'), /`"blue"` → `"red"`/);
  });

  it('gets words where its commit cannot be had for good, and none where it may be had later', async () => {
    const failed = (code: 'source/too-large' | 'source/unreachable'): PlanTips => ({
      tips: [],
      failed: [{ ref: PULL, sha: sha('x'), fault: new Fault(code, 'it brings <img src=x> @octocat') }],
      gone: [],
      waiting: 0,
    });
    const world = await worldOf({}, { tips: () => failed('source/too-large') });
    await look(world.plans);
    assert.match(
      world.plan(),
      /^<!-- lateen plan: ref refs\/pull\/7\/head head [0-9a-f]{40} -->\n### Plan of `[^`]*`\n\nIt could not be planned: `source\/too-large: it brings <img src=x> @octocat`\n$/,
    );
    const later = await worldOf({}, { tips: () => failed('source/unreachable') });
    await look(later.plans);
    assert.deepEqual([later.made, later.told], [[], []]);
  });

  it('is told of in the file of its own, whatever other refs are called', async () => {
    const names = [
      'refs/heads/env/a',
      'refs/heads/env/a.md/b',
      'refs/heads/env/A',
      'refs/heads/env/a%2Emd',
      'refs/heads/env/--><script>@octocat',
      `refs/heads/env/${'ü'.repeat(120)}`,
      `refs/heads/env/${'ü'.repeat(121)}`,
      'refs/index.yaml/x',
      'refs/heads/env/\u202egnp',
      'refs/heads/env/..%2f..%2fx',
    ];
    const world = await worldOf(Object.fromEntries(names.map((name) => [name, RED])));
    await look(world.plans);
    assert.equal(world.files.size, names.length + 1, [...world.files.keys()].join('\n'));
    const folders = new Set([...world.files.keys()].flatMap((path) => path.split('/').map((_part, i, parts) => parts.slice(0, i).join('/'))));
    for (const path of world.files.keys()) {
      assert.match(path, /^plans\/[\p{L}\p{N}._/+=,%-]+$/u);
      assert.equal(
        path.split('/').some((part) => part === '..' || Buffer.byteLength(part) > 255),
        false,
        path,
      );
      assert.equal(folders.has(path), false, path);
    }
    for (const name of names) assert.match(world.plan(name).split('\n')[0] ?? '', /^<!-- lateen plan: ref [\p{L}\p{N}._/+=,%-]+ head \w+ base \w+ -->$/u);
    assert.doesNotMatch(JSON.stringify(world.made.map(({ subject, body, trailers }) => [subject, body, trailers])), /[<>@\u202e]/);
    const before = world.made.length;
    await look(world.restart());
    assert.equal(world.made.length, before);
  });
});

describe('what goes wrong', () => {
  it('a remote that cannot be asked costs the round and no more', async () => {
    let isAway = true;
    const world = await worldOf(
      {},
      {
        tips: () => {
          if (isAway) throw new Fault('source/unreachable', 'nobody is there');
          return { tips: [{ ref: PULL, revision: revision('base', PULL), base: revision('base') }], failed: [], gone: [], waiting: 0 };
        },
      },
    );
    await look(world.plans);
    await look(world.plans);
    assert.deepEqual(world.told, ['refs not planned {"error":"nobody is there"}'], 'said once');
    isAway = false;
    await look(world.plans);
    assert.match(world.plan(), /Nothing would change\./);
  });

  it('a plan that was not committed is made again', async () => {
    let isFull = true;
    const world = await worldOf(
      { [PULL]: RED },
      {
        onCommit: () => {
          if (isFull) throw new Fault('source/outbox', 'no room');
        },
      },
    );
    await look(world.plans);
    assert.equal(world.made.length, 0);
    isFull = false;
    await look(world.plans);
    assert.match(world.plan(), /`"red"`/);
  });

  it('a lateen.yaml that cannot be read drops no plan', async () => {
    const world = await worldOf({ [PULL]: RED });
    await look(world.plans);
    world.commits.set('broken', { ...BASE, 'lateen.yaml': 'plan: [' });
    await look(world.plans, 'broken');
    assert.deepEqual([world.made.length, world.asked.length], [1, 1]);
    world.commits.set('without', { ...BASE, 'lateen.yaml': 'paths: [apps]\n' });
    world.refs.clear();
    await look(world.plans, 'without');
    assert.equal(world.files.size, 0);
  });

  it('many refs at once are planned in rounds, one evaluation at a time, so that passes have the other threads', async () => {
    let [open, most] = [0, 0];
    const counted: CueEvaluator = {
      ...cue,
      renderComponent: async (request, call) => {
        most = Math.max(most, (open += 1));
        return cue.renderComponent(request, call).finally(() => {
          open -= 1;
        });
      },
    };
    const many = (i: number): Files => ({
      ...BASE,
      ...Object.fromEntries(Array.from({ length: 4 }, (_, k) => [`apps/a${k}.yaml`, app(`a${k}`, `c${i}-${k}`)])),
    });
    const world = await worldOf(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`refs/pull/${i}/head`, many(i)])), { cue: counted });
    await look(world.plans);
    assert.equal(most, 1);
    assert.deepEqual(
      world.asked.map((refs) => refs.length),
      [50, 40, 30, 20, 10],
    );
    assert.equal(world.files.size, 51);
    assert.ok(world.made.every(({ trailers }) => trailers.length <= 51));
  });
});

const definition = (kind: string, name: string, template: string): string =>
  JSON.stringify({
    apiVersion: 'core.oam.dev/v1beta1',
    kind,
    metadata: { name, namespace: 'shop' },
    spec: {
      ...(kind === 'ComponentDefinition' ? { workload: { definition: { apiVersion: 'v1', kind: 'ConfigMap' } } } : {}),
      schematic: { cue: { template } },
    },
  });
const using = (type: string, steps = ''): string => `apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: ${type}, namespace: shop}
spec:
  components:
  - {name: it, type: ${type}, properties: {}}
${steps}`;
const CONFIG_MAP = 'output: {apiVersion: "v1", kind: "ConfigMap", metadata: name: context.name, data: {x: "1"}}\nparameter: {}\n';

describe('a hostile ref', () => {
  it("goes by the base's lateen.yaml, and is told so", async () => {
    const plan = await planOf({
      ...RED,
      'lateen.yaml': `paths: [""]\nvalues: {word: theirs}\nplan: {refs: ["refs/heads/*"]}\n`,
      'secret/other.yaml': app('wider', 'red'),
    });
    assert.match(plan, /\n> Its `lateen\.yaml` is another one: this plan goes by the base's, which counts until it is merged\.\n/);
    assert.match(plan, /`"red"`/);
    assert.doesNotMatch(plan, /wider|theirs/);
  });

  it('learns nothing of what the daemon knows: nobody who knows it is asked, and the commit says that nobody needs to be', async () => {
    const asked: PropertyKey[] = [];
    const nosy = new Proxy(createRedactor(), {
      get: (_redactor, name) => {
        asked.push(name);
        return () => '';
      },
    });
    const world = await worldOf({ [PULL]: RED }, { redactor: nosy } as More);
    await look(world.plans);
    assert.match(world.plan(), /`"blue"` → `"red"`/);
    assert.deepEqual([asked, world.made.map(({ isOfRepository }) => isOfRepository)], [[], [true]]);
    world.refs.clear();
    await look(world.plans);
    assert.equal(world.made.at(-1)?.isOfRepository, true);
  });

  it('gets no words of git, which the daemon has masked and which may quote what the ref says', async () => {
    const fault = new Fault('source/git', 'reading: fsck error: disallowed submodule url: ***', { kind: 'denied' });
    const world = await worldOf({}, { tips: () => ({ tips: [], failed: [{ ref: PULL, sha: sha('x'), fault }], gone: [], waiting: 0 }) });
    await look(world.plans);
    assert.match(world.plan(), /It could not be planned: `source\/git: Git failed in a way that has no code of its own\. The daemon's log has the details\.`/);
    assert.match(world.told.join('\n'), /ref not planned .*fsck error/);
  });

  it('approves nothing: what needs an Approval is kept though it brings one', async () => {
    const volume = JSON.stringify({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace: 'shop' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    const approval = `apiVersion: lateen.dev/v1alpha1\nkind: Approval\nmetadata: {name: allow}\nspec: {action: delete, target: {kind: PersistentVolumeClaim, namespace: shop, name: data}, expires: "2099-01-01T00:00:00Z"}\n`;
    const plan = await planOf({ ...BASE, 'apps/allow.yaml': approval }, {}, { ...BASE, 'apps/data.json': volume });
    assert.match(plan, /\*\*refuse\*\* `[^`]*PersistentVolumeClaim[^`]*`/);
    assert.doesNotMatch(plan, /\*\*delete\*\*/);
  });

  it('reaches no network and no cluster by a template', async () => {
    let calls = 0;
    const server = createServer((socket) => {
      calls += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const templates: Readonly<Record<string, string>> = {
      processing: `processing: {output: {token?: string}, http: {method: "GET", url: "${url}", request: {}}}\n${CONFIG_MAP}`,
      velahttp: `import "vela/http"\nget: http.#Do & {$params: {method: "GET", url: "${url}"}}\n${CONFIG_MAP}`,
      velakube: `import "vela/kube"\nread: kube.#Read & {$params: {value: {apiVersion: "v1", kind: "Secret", metadata: {name: "x", namespace: "kube-system"}}}}\n${CONFIG_MAP}`,
      velaop: `import "vela/op"\nget: op.#HTTPGet & {url: "${url}"}\n${CONFIG_MAP}`,
      stdlib: `import "net/http"\n${CONFIG_MAP}`,
      file: `import "tool/file"\nread: file.Read & {filename: "/etc/passwd"}\n${CONFIG_MAP}`,
    };
    const step = `import "vela/op"\nget: op.#HTTPGet & {url: "${url}"}\nread: op.#Read & {value: {apiVersion: "v1", kind: "Secret", metadata: {name: "x", namespace: "default"}}}\nparameter: {}\n`;
    const plan = await planOf({
      ...BASE,
      ...Object.fromEntries(
        Object.entries(templates).flatMap(([name, template]) => [
          [`apps/${name}.json`, definition('ComponentDefinition', name, template)],
          [`apps/${name}-app.yaml`, using(name)],
        ]),
      ),
      'apps/step.json': definition('WorkflowStepDefinition', 'fetcher', step),
      'apps/stepped.yaml': app('stepped', 'red', '  workflow: {steps: [{name: go, type: fetcher}]}\n'),
      'apps/url.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: urls, namespace: shop}\ndata: {image: "![x](${url})"}\n`,
    });
    server.close();
    assert.equal(calls, 0);
    for (const name of Object.keys(templates)) assert.match(plan, new RegExp(`shop/${name}`));
    assert.doesNotMatch(plan, /root:x:0/);
  });

  for (const [what, template, limits, words] of [
    [
      'never end',
      'import "list"\nl: list.Range(0, 1000, 1)\nx: [for a in l for b in l for c in l for d in l if a > 5000 {a}]',
      { timeoutMs: 2_000 },
      /render\/timeout: component it \(bad\) did not end in 2000 ms/,
    ],
    [
      'eat the memory',
      'import "list"\nx: [for i in list.Range(0, 3000, 1) {{for j in list.Range(0, 300, 1) {"field-\\(i)-\\(j)": {x: i, y: [j, j, j]}}}}]',
      { memoryBytesMax: 64 * 1_048_576 },
      /render\/memory: component it \(bad\) used more memory than the 64 MiB that it may/,
    ],
  ] as const) {
    it(`with templates that ${what} gets words, and the next ref its plan`, async () => {
      await using own = openTestCue({ workers: 1, ...limits });
      const world = await worldOf(
        {
          'refs/pull/1/head': {
            ...BASE,
            'apps/bad.json': definition('ComponentDefinition', 'bad', `${template}\n${CONFIG_MAP}`),
            'apps/bad-app.yaml': using('bad'),
          },
          'refs/pull/2/head': RED,
        },
        { cue: own },
      );
      await look(world.plans);
      assert.match(world.plan('refs/pull/1/head'), words);
      assert.match(world.plan('refs/pull/2/head'), /`"red"`/);
    });
  }

  it('that takes longer than a plan may is told so, and the next ref is planned', async () => {
    const never = Promise.withResolvers<void>();
    const slow: CueEvaluator = {
      ...cue,
      renderComponent: async (request, call) => {
        if (JSON.stringify(request).includes('tarry'))
          await Promise.race([
            never.promise,
            new Promise((_resolve, reject) => {
              call?.signal?.addEventListener('abort', () => {
                reject(call.signal?.reason as Error);
              });
            }),
          ]);
        return cue.renderComponent(request, call);
      },
    };
    const clock = systemClock();
    // Two minutes are over as soon as somebody waits for them.
    const hasty = { ...clock, sleep: (ms: number, signal?: AbortSignal) => clock.sleep(ms >= 60_000 ? 500 : ms, signal) };
    const world = await worldOf({ 'refs/pull/1/head': { ...BASE, 'apps/tarry.yaml': app('tarry', 'red') } }, { cue: slow, clock: hasty });
    await look(world.plans);
    assert.match(world.plan('refs/pull/1/head'), /It could not be planned: `render\/timeout: it takes longer than 120 s`/);
    const other = await worldOf({ 'refs/pull/2/head': RED }, { cue: slow });
    await look(other.plans);
    assert.match(other.plan('refs/pull/2/head'), /`"red"`/);
  });

  it('with huge and malicious YAML gets words', async () => {
    const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\n${Array.from('bcdefghijk', (letter, i) => `${letter}: &${letter} [${Array.from({ length: 9 }, () => `*${'abcdefghijk'[i]}`).join(', ')}]`).join('\n')}\n`;
    const plan = await planOf({
      ...RED,
      'apps/bomb.yaml': bomb,
      'apps/deep.yaml': `${'['.repeat(5_000)}\n`,
      'apps/many.yaml': 'apiVersion: v1\n---\n'.repeat(12_000),
      'apps/lfs.yaml': 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n',
    });
    assert.match(plan, /load\/limit/);
    assert.match(plan, /load\/lfs/);
    assert.match(plan, /`"red"`/);
    assert.ok(plan.length < 65_536, String(plan.length));
  });

  it('with a thousand documents more has a plan that fits into a comment', async () => {
    const plan = await planOf({
      ...BASE,
      'apps/many.yaml': Array.from(
        { length: 1_500 },
        (_, i) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m${i}, namespace: shop}\ndata: {x: "${'y'.repeat(100)}"}\n`,
      ).join('---\n'),
    });
    assert.match(plan, /\*\*1500\*\*/);
    assert.ok(plan.length < 65_536, String(plan.length));
  });

  it('that brings more text than can be read beside passes is told so; what nobody reads does not count', async () => {
    const files = (folder: string): Files =>
      Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`${folder}/${i}.yaml`, `# ${i}\n${'# nothing to see here\n'.repeat(48_000)}`]));
    assert.match(await planOf({ ...RED, ...files('apps') }), /It could not be planned: ``? ?source\/too-large: it brings \d{7} bytes of documents/);
    assert.match(await planOf({ ...RED, ...files('other') }), /`"red"`/);
    assert.match(await planOf({ ...RED, ...files('apps') }, {}, { ...BASE, ...files('apps') }), /`"red"`/);
  });

  it('cannot break out of the page: neither by names nor by values', async () => {
    const evil = '</code></details><img src=x onerror=alert(1)> @octocat [x](javascript:alert(1)) `code` ```\n# big | \u001b[31mred\u001b[0m \u202egnp';
    const plan = await planOf({
      ...BASE,
      'apps/shop.yaml': app('shop', JSON.stringify(evil)),
      [`apps/${evil.replaceAll('\n', '')}.yaml`]: 'a: [\n',
      'apps/\u001b[2J`<b>.yaml': app('"it`s<b>@octocat"', 'x'),
    });
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(plan, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    // What is left outside of code spans is ours.
    const outside = plan.replaceAll(/(`+)(?!`)[^\n]*?[^`]\1(?!`)/g, '').replaceAll(/<code>[^<\n]*<\/code>/g, '');
    assert.doesNotMatch(outside, /octocat|<img|<b>|javascript|# big/);
    assert.doesNotMatch(
      plan
        .split('\n')
        .filter((line) => line.includes('<summary>'))
        .join('\n'),
      /<img|<b>|@octocat/,
    );
  });

  it('learns of a Secret that it differs, or not, and nothing else', async () => {
    const secret = (name: string, value: string): string =>
      JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'shop' }, stringData: { password: value } });
    const [old, next] = ['canary-old-18d2-with-some-length', 'canary-new-77af'];
    const base = { ...BASE, 'apps/one.json': secret('one', old), 'apps/two.json': secret('two', old) };
    const plan = await planOf(
      { ...base, 'apps/one.json': secret('one', next), 'apps/three.json': secret('three', old), 'apps/copy.yaml': app('copy', old) },
      {},
      base,
    );
    assert.match(plan, /Secret[^\n]*one[^\n]*\n[^\n]*password`? differs/);
    assert.doesNotMatch(plan, /shop\/two/);
    for (const value of [old, next].flatMap((text) => [text, Buffer.from(text).toString('base64').slice(0, 12), String(text.length)]))
      assert.equal(plan.replaceAll(/[0-9a-f]{10,}/g, '').includes(value), false, value);
    // The same length and another one look the same.
    const other = await planOf(
      { ...base, 'apps/one.json': secret('one', `${next}-longer`), 'apps/three.json': secret('three', old), 'apps/copy.yaml': app('copy', old) },
      {},
      base,
    );
    assert.equal(other, plan);
  });

  it('sees the names of what the operator has given, and not the values; and no facts of the hub', async () => {
    const facts = `output: {apiVersion: "v1", kind: "ConfigMap", metadata: name: context.name, data: {version: context.clusterVersion.gitVersion}}\nparameter: {}\n`;
    const given = { values: { region: 'operators-own-region' }, hubServer: 'https://internal.hub.test:6443' };
    const plan = await planOf(
      {
        ...BASE,
        'apps/facts.json': definition('ComponentDefinition', 'facts', facts),
        'apps/facts-app.yaml': using('facts'),
        'apps/asks.yaml': app('shop2', '"a"').replace('data: {colour: "a"}', 'data:\n          colour: {{ region }}\n          hubAPIServer: {{ hub }}\n'),
        'apps/shop.yaml': app('shop', 'blue').replace('data: {colour: blue}', 'data:\n          colour: {{ region }}\n'),
      },
      { given },
    );
    assert.match(plan, /`"blue"` → `"<region>"`/);
    assert.doesNotMatch(plan, /operators-own|internal\.hub/);
  });

  it('blanks no words of anybody else by calling them secret', async () => {
    const shared = createRedactor();
    const doors = { redactor: shared } as More;
    const plan = await planOf(
      {
        ...BASE,
        'apps/words.json': JSON.stringify({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'words', namespace: 'shop' },
          stringData: { a: 'running', b: 'Application' },
        }),
      },
      doors,
    );
    assert.match(plan, /Secret/);
    assert.equal(shared.text('the Application is running'), 'the Application is running');
  });
});
