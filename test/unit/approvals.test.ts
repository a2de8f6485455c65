// Which Approvals count: real commits, real keys, and what a commit may try in order to count as somebody else's.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openApprovals } from '../../daemon/approvals.ts';
import { load } from '../../daemon/load/load.ts';
import { parseApprovers } from '../../daemon/plan/approvers.ts';
import type { Approvals } from '../../daemon/plan/approvals.ts';
import type { Source } from '../../daemon/source/source.ts';
import {
  isInstalled,
  repoWithWorkTree,
  signWith,
  sshSigner,
  temporaryDirectory,
  type BareRepo,
  type Signer,
  type TemporaryDirectory,
  type WorkTree,
} from '../rig/git.ts';
import { applicationOf } from './plan/things.ts';
import { never, openTestSource } from './source/open.ts';

const skip = (await isInstalled('ssh-keygen')) ? false : 'NOT RUN: ssh-keygen is not installed';
const NOW = Date.parse('2026-06-01T00:00:00Z');
const FILE = 'approvals/go.yaml';

interface Spec {
  readonly name?: string;
  readonly application?: string;
  readonly namespace?: string;
  readonly step?: string | null;
  readonly hash?: string | null;
  readonly expires?: string | null;
}

function approval({ name = 'go', application = 'shop', namespace = 'prod', step = 'pause', hash = 'h1', expires = '2026-06-02T00:00:00Z' }: Spec = {}): string {
  const line = (key: string, value: string | null): string => (value === null ? '' : `  ${key}: ${value}\n`);
  return `apiVersion: lateen.dev/v1alpha1\nkind: Approval\nmetadata: {name: ${name}}\nspec:\n  action: resume\n  target: {kind: Application, namespace: ${namespace}, name: ${application}}\n${line('step', step)}${line('hash', hash)}${line('expires', expires === null ? null : `"${expires}"`)}`;
}

const deletion = (kind: string, name: string, namespace = 'prod'): string =>
  `apiVersion: lateen.dev/v1alpha1\nkind: Approval\nmetadata: {name: go}\nspec:\n  action: delete\n  target: {kind: ${kind}, namespace: ${namespace}, name: ${name}}\n  expires: "2026-06-02T00:00:00Z"\n`;

let keys: TemporaryDirectory;
let ada: Signer;
let bob: Signer;
let host: Signer;
let eve: Signer;
before(async () => {
  keys = await temporaryDirectory();
  if (skip !== false) return;
  [ada, bob, host, eve] = (await Promise.all(['ada', 'bob', 'host', 'eve'].map((name) => sshSigner(keys.path, name)))) as [Signer, Signer, Signer, Signer];
  await writeFile(
    join(keys.path, 'allowed'),
    [
      ['ada', ada],
      ['bob', bob],
      ['host', host],
    ]
      .map(([name, signer]) => `${name as string}@example.com ${(signer as Signer).publicKey}\n`)
      .join(''),
  );
});
after(() => keys?.[Symbol.asyncDispose]());

const APPROVERS = `approvers:
  - {who: ada@example.com}
  - {who: bob@example.com, actions: [resume], namespaces: [test]}
`;

interface Answer {
  readonly approvals: Approvals;
  /** The step pause of prod/shop at h1 may go on. */
  readonly resumes: boolean;
  readonly findings: readonly string[];
}

interface Place extends AsyncDisposable {
  readonly work: WorkTree;
  readonly bare: BareRepo;
  readonly source: Source;
  /** Commits as somebody, and pushes; resolves to the commit. */
  readonly as: (who: Signer | null, files: Readonly<Record<string, string | null>>, message?: string) => Promise<string>;
  readonly judge: (approvers?: string | null) => Promise<Answer>;
}

async function openPlace(): Promise<Place> {
  const dir = await temporaryDirectory();
  const { work, bare } = await repoWithWorkTree(dir.path);
  const source = await openTestSource(dir.path, bare.path, { trust: { allowedSignersFile: join(keys.path, 'allowed') } });
  const commit = async (who: Signer | null, files: Readonly<Record<string, string | null>>, message?: string): Promise<string> => {
    await signWith(work, who);
    return work.commit(files, message);
  };
  await commit(null, { 'README.md': 'start' });
  await work.push();
  return {
    work,
    bare,
    source,
    as: async (who, files, message) => {
      const sha = await commit(who, files, message);
      await work.push();
      return sha;
    },
    judge: async (approvers = APPROVERS) => {
      const revision = await source.fetch(never);
      const catalog = load(await source.tree(revision, never));
      const judge = openApprovals({
        repo: source,
        clock: { now: () => NOW, random: () => 0, sleep: () => Promise.resolve() },
        approvers: approvers === null ? null : () => Promise.resolve(approvers).then((text) => parseApprovers(text, 'approvers.yaml')),
      });
      const { approvals, diagnostics } = await judge({
        catalog,
        applications: [applicationOf([]), applicationOf([], { name: 'stall' })],
        isWhole: true,
        revision,
        signal: never,
      });
      return {
        approvals,
        resumes: approvals.resumes('prod', 'shop', 'pause', 'h1') !== null,
        findings: [...catalog.diagnostics, ...diagnostics].map(
          (item) =>
            `${item.origin?.path ?? ''}:${item.origin?.line ?? 0} ${item.severity} ${item.code} ${item.message.replaceAll(/\b[0-9a-f]{10}\b/g, 'SHA').replaceAll(/SHA256:[\w+/]+/g, 'KEY')}`,
        ),
      };
    },
    [Symbol.asyncDispose]: async () => {
      await source[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

const refused = (why: string, path = FILE, severity = 'error'): readonly string[] => [
  `${path}:1 ${severity} plan/approval the Approval go does not count: ${why}`,
];

describe('an Approval where approvers are named', { skip }, () => {
  it('counts when an approver has signed the commit that brought it, and says who', async () => {
    await using it = await openPlace();
    const sha = await it.as(ada, { [FILE]: approval() });
    await it.as(eve, { 'other.txt': 'later' });
    const { approvals, findings } = await it.judge();
    assert.deepEqual(findings, []);
    assert.deepEqual(approvals.resumes('prod', 'shop', 'pause', 'h1'), { by: 'ada@example.com', commit: sha, action: 'resume', target: 'pause', path: FILE });
    assert.equal(approvals.resumes('prod', 'shop', 'pause', 'h2'), null);
    assert.equal(approvals.resumes('prod', 'shop', 'other', 'h1'), null);
  });

  it('is told apart by the key as well, whatever name the key goes by', async () => {
    await using it = await openPlace();
    await it.as(ada, { [FILE]: approval() });
    assert.equal((await it.judge(`approvers: [{who: "${ada.fingerprint}"}]`)).resumes, true);
    assert.equal((await it.judge(`approvers: [{who: "${bob.fingerprint}"}]`)).resumes, false);
  });

  it('counts through a merge that the host signs, or nobody', async () => {
    await using it = await openPlace();
    for (const [who, n] of [
      [host, 1],
      [null, 2],
    ] as const) {
      await it.work.git('checkout', '--quiet', '-b', `change-${n}`);
      await signWith(it.work, ada);
      await it.work.commit({ [FILE]: approval({ expires: `2026-06-0${n + 1}T00:00:00Z` }) });
      await it.work.git('checkout', '--quiet', 'main');
      await it.as(who, { [`beside-${n}`]: 'x' });
      await it.work.git('merge', '--quiet', '--no-ff', '--no-edit', `change-${n}`);
      await it.work.push();
      assert.deepEqual((await it.judge()).findings, []);
    }
  });

  it("at a path that looks like a pattern is that file's and no other's", async () => {
    await using it = await openPlace();
    await it.as(null, { 'approvals/[g]*.yaml': approval() });
    await it.as(ada, { 'approvals/gone.txt': 'x', 'approvals/g.yaml': approval({ name: 'other', application: 'stall' }) });
    const { resumes, findings } = await it.judge();
    assert.deepEqual([resumes, findings], [false, refused('the commit SHA that brought it is not signed', 'approvals/[g]*.yaml')]);
  });

  const OUT_OF_DATE: readonly (readonly [string, Spec, string])[] = [
    ['that has expired', { expires: '2026-05-31T23:59:59Z' }, 'it expired at 2026-05-31T23:59:59Z'],
    ['for a content that is no longer asked for', { hash: 'h0' }, 'it was given for the content h0 of prod/shop, which has h1 now'],
    ['for an application that there is not', { application: 'shoop' }, 'there is no application prod/shoop in this commit'],
  ];
  for (const [title, spec, why] of OUT_OF_DATE) {
    it(`${title} does nothing, and a warning says that it may go`, async () => {
      await using it = await openPlace();
      await it.as(ada, { [FILE]: approval(spec) });
      assert.deepEqual((await it.judge()).findings, refused(why, FILE, 'warning'));
    });
  }

  for (const [title, spec, missing] of [
    ['without a step', { step: null }, 'step'],
    ['without a hash', { hash: null }, 'hash'],
    ['without an end', { expires: null }, 'expires'],
  ] as const) {
    it(`${title} could be used again, and does not count`, async () => {
      await using it = await openPlace();
      await it.as(ada, { [FILE]: approval(spec) });
      assert.deepEqual((await it.judge()).findings, refused(`it has no ${missing}, so it would hold for more than was looked at`));
    });
  }

  it('speaks of no more than its giver may approve', async () => {
    await using it = await openPlace();
    await it.as(bob, { [FILE]: approval() });
    assert.deepEqual(
      (await it.judge()).findings,
      refused('the commit SHA that brought it is signed by bob@example.com, who may not approve to resume Application prod/shop'),
    );
    assert.equal((await it.judge('approvers: [{who: bob@example.com, applications: [prod/sh*]}]')).resumes, true);
    assert.equal((await it.judge('approvers: [{who: bob@example.com, applications: [prod/stall]}]')).resumes, false);
    assert.equal((await it.judge('approvers: [{who: bob@example.com, actions: [delete]}]')).resumes, false);
    await it.as(bob, { [FILE]: deletion('PersistentVolumeClaim', 'data', 'test') });
    assert.deepEqual(
      (await it.judge()).findings,
      refused('the commit SHA that brought it is signed by bob@example.com, who may not approve to delete PersistentVolumeClaim test/data'),
    );
    assert.deepEqual((await it.judge('approvers: [{who: bob@example.com, namespaces: [test]}]')).findings, []);
    await it.as(bob, { [FILE]: deletion('Namespace', 'prod', '""') });
    assert.equal((await it.judge('approvers: [{who: bob@example.com, namespaces: ["*"]}]')).findings.length, 1, 'what is in no namespace is in none of those');
    assert.deepEqual((await it.judge('approvers: [{who: bob@example.com}]')).findings, []);
  });

  it('counts for nobody while the list cannot be read, or is empty', async () => {
    await using it = await openPlace();
    await it.as(ada, { [FILE]: approval() });
    assert.deepEqual(
      (await it.judge('approvers: nobody')).findings,
      refused('the list of approvers cannot be read: approvers.yaml: expected a mapping with one key, "approvers", that holds a list'),
    );
    assert.equal((await it.judge('approvers: []')).resumes, false);
  });
});

describe("a commit that would count as an approver's", { skip }, () => {
  type Attack = (it: Place) => Promise<unknown>;
  const merge = async (it: Place, who: Signer | null, branch: string, ...flags: readonly string[]): Promise<void> => {
    await signWith(it.work, who);
    await it.work.git('merge', '--quiet', '--no-ff', '--no-edit', ...flags, branch);
    await it.work.push();
  };
  const ATTACKS: readonly (readonly [string, Attack, string])[] = [
    [
      'says so in trailers and in its author',
      async (it) => {
        await it.as(null, { [FILE]: approval() }, 'Go on\n\nApproved-By: ada@example.com\nSigned-off-by: Ada <ada@example.com>');
      },
      'the commit SHA that brought it is not signed',
    ],
    [
      'is signed by a key that nobody has named',
      (it) => it.as(eve, { [FILE]: approval() }),
      'the commit SHA that brought it is signed by the key KEY, which the operator has not named',
    ],
    [
      'is signed by the host',
      (it) => it.as(host, { [FILE]: approval() }),
      'the commit SHA that brought it is signed by host@example.com, who is none of the approvers',
    ],
    [
      'brings its own keys, names, attributes and replacements',
      async (it) => {
        const forged = await it.as(eve, {
          [FILE]: approval(),
          allowed: `ada@example.com ${eve.publicKey}\n`,
          '.mailmap': 'Ada <ada@example.com> Eve <eve@example.com>\n',
          '.gitattributes': '* diff=x merge=ours\n',
          '.gitconfig': '[gpg "ssh"]\n\tallowedSignersFile = allowed\n',
          'approvers.yaml': 'approvers: [{who: eve@example.com}]\n',
          'lateen.yaml': 'paths: [""]\n',
        });
        const good = await it.as(ada, { 'unrelated.txt': 'x' });
        await it.work.git('replace', forged, good);
        await it.work.git('notes', 'add', '--message', 'Approved-By: ada@example.com', forged);
        await it.work.git('push', '--quiet', 'origin', 'refs/replace/*:refs/replace/*', 'refs/notes/*:refs/notes/*');
      },
      'the commit SHA that brought it is signed by the key KEY, which the operator has not named',
    ],
    [
      'moves what an approver has signed',
      async (it) => {
        await it.as(ada, { 'drafts/go.yaml': approval() });
        await signWith(it.work, bob);
        await it.work.rename('drafts/go.yaml', FILE);
        await it.work.push();
      },
      'the commit SHA that brought it is signed by bob@example.com, who may not approve to resume Application prod/shop',
    ],
    [
      'copies it for another application',
      async (it) => {
        await it.as(ada, { 'approvals/stall.yaml': approval({ name: 'stall', application: 'stall' }) });
        await it.as(null, { [FILE]: approval() });
      },
      'the commit SHA that brought it is not signed',
    ],
    [
      'changes it after it was signed',
      async (it) => {
        await it.as(ada, { [FILE]: approval({ step: 'other' }) });
        await it.as(null, { [FILE]: approval() });
      },
      'the commit SHA that brought it is not signed',
    ],
    [
      'changes something else in its file',
      async (it) => {
        await it.as(ada, { [FILE]: approval() });
        await it.as(null, { [FILE]: `${approval()}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n` });
      },
      'the commit SHA that brought it is not signed',
    ],
    [
      'is merged by an approver',
      async (it) => {
        await it.work.git('checkout', '--quiet', '-b', 'change');
        await signWith(it.work, null);
        await it.work.commit({ [FILE]: approval() });
        await it.work.git('checkout', '--quiet', 'main');
        await merge(it, ada, 'change');
      },
      'the commit SHA that brought it is not signed',
    ],
    [
      'is squashed by the host',
      async (it) => {
        await it.work.git('checkout', '--quiet', '-b', 'change');
        await signWith(it.work, ada);
        await it.work.commit({ [FILE]: approval() });
        await it.work.git('checkout', '--quiet', 'main');
        await it.work.git('merge', '--quiet', '--squash', 'change');
        await it.as(host, {}, 'Squashed\n\nCo-authored-by: Ada <ada@example.com>');
      },
      'the commit SHA that brought it is signed by host@example.com, who is none of the approvers',
    ],
    [
      'brings it in the resolution of a merge',
      async (it) => {
        await it.work.git('checkout', '--quiet', '-b', 'change');
        await signWith(it.work, ada);
        await it.work.commit({ 'a.txt': 'theirs', [FILE]: approval({ step: 'other' }) });
        await it.work.git('checkout', '--quiet', 'main');
        await it.as(ada, { 'a.txt': 'ours' });
        await signWith(it.work, null);
        await it.work.git('merge', '--quiet', '--no-ff', '--no-commit', 'change').catch(() => '');
        await it.as(null, { 'a.txt': 'both', [FILE]: approval() }, 'Merge');
      },
      'the commit SHA that brought it is not signed',
    ],
    [
      'brings back what was taken away',
      async (it) => {
        await it.as(ada, { [FILE]: approval() });
        await it.as(ada, { [FILE]: null }, 'On second thoughts');
        await signWith(it.work, bob);
        await it.work.git('revert', '--no-edit', 'HEAD');
        await it.work.push();
      },
      'the commit SHA that brought it is signed by bob@example.com, who may not approve to resume Application prod/shop',
    ],
    [
      'merges an old branch that still has what was taken away',
      async (it) => {
        await it.as(ada, { [FILE]: approval() });
        await it.work.git('branch', 'old');
        await it.as(ada, { [FILE]: null }, 'On second thoughts');
        await signWith(it.work, bob);
        await it.work.git('merge', '--quiet', '--no-ff', '--no-commit', '--strategy=ours', 'old').catch(() => '');
        const tree = (await it.work.git('rev-parse', 'old^{tree}')).trim();
        const sha = (await it.work.git('commit-tree', '-S', tree, '-p', 'main', '-p', 'old', '-m', 'Merge old')).trim();
        await it.work.git('reset', '--quiet', '--hard', sha);
        await it.work.push();
      },
      'it was taken back by the commit SHA, and a merge has brought it again',
    ],
    [
      'fills in what was signed with a placeholder',
      async (it) => {
        await it.as(ada, { [FILE]: approval({ step: '{{ step }}' }), 'lateen.yaml': 'values: {step: other}\n' });
        await it.as(null, { 'lateen.yaml': 'values: {step: pause}\n' });
      },
      'its file has placeholders, so what is approved is not what was signed',
    ],
  ];
  for (const [title, attack, why] of ATTACKS) {
    it(`${title}, and does not`, async () => {
      await using it = await openPlace();
      await attack(it);
      const { resumes, findings } = await it.judge();
      assert.deepEqual([resumes, findings.filter((finding) => finding.includes('plan/approval'))], [false, refused(why)]);
    });
  }

  it('is signed by a key whose time is over, and does not', async () => {
    await using it = await openPlace();
    await it.as(ada, { [FILE]: approval() });
    const lines = join(keys.path, 'lapsed');
    await writeFile(lines, `ada@example.com valid-before="20200101Z" ${ada.publicKey}\n`);
    const dir = await temporaryDirectory();
    await using _dir = dir;
    await using source = await openTestSource(dir.path, it.bare.path, { trust: { allowedSignersFile: lines } });
    const revision = await source.fetch(never);
    const file = (await source.tree(revision, never)).files.find(({ path }) => path === FILE);
    assert.ok(file !== undefined);
    assert.deepEqual((await source.broughtBy(file, revision, never))?.signature, { state: 'expired', signer: '', fingerprints: [ada.fingerprint] });
  });
});

describe('an Approval where no approvers are named', () => {
  it('counts by standing on the branch, and its author is told', async () => {
    await using it = await openPlace();
    const sha = await it.as(null, { [FILE]: approval({ hash: null, expires: null, step: null }) });
    const { approvals, findings } = await it.judge(null);
    assert.deepEqual(findings, []);
    assert.deepEqual(approvals.resumes('prod', 'shop', 'any', 'h1'), {
      by: 'Ada <ada@example.com>',
      commit: sha,
      action: 'resume',
      target: 'Application prod/shop',
      path: FILE,
    });
    assert.deepEqual(
      approvals.ofApplication('prod', 'shop', 'h1').map((item) => item.commit),
      [sha],
    );
    assert.deepEqual(approvals.ofApplication('prod', 'stall', 'h1'), []);
  });
});
