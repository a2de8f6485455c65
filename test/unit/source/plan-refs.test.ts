/** Refs that are planned when they move: which, how many, and what becomes of those that cannot be had. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Revision } from '../../../daemon/model/catalog.ts';
import type { PlanTips } from '../../../daemon/model/ports.ts';
import { planRef } from '../../../daemon/source/plan-refs.ts';
import type { Source, SourceOptions } from '../../../daemon/source/source.ts';
import { DEFAULT_TREE_LIMITS } from '../../../daemon/source/tree.ts';
import { git, httpGitServer, repoWithWorkTree, temporaryDirectory, type BareRepo, type WorkTree } from '../../rig/git.ts';
import { never, openTestSource, statusCommit } from './open.ts';

const PULLS = ['refs/pull/*/head'];

interface Ground extends AsyncDisposable {
  readonly directory: string;
  readonly bare: BareRepo;
  readonly work: WorkTree;
  readonly source: Source;
  readonly onto: Revision;
  /** Commits a file on top of `from` (default: the first commit) and pushes it to these refs. */
  readonly offer: (content: string, refs: readonly string[], from?: string) => Promise<string>;
  readonly ask: (planned?: Readonly<Record<string, string>>, patterns?: readonly string[], onto?: Revision) => Promise<PlanTips>;
}

async function ground(options: Partial<SourceOptions> = {}): Promise<Ground> {
  const directory = await temporaryDirectory();
  const { bare, work } = await repoWithWorkTree(directory.path);
  await work.commit({ 'a.yaml': 'a: 1\n' });
  await work.push();
  const source = await openTestSource(directory.path, bare.path, options);
  const onto = await source.fetch(never);
  return {
    directory: directory.path,
    bare,
    work,
    source,
    onto,
    offer: async (content, refs, from = onto.sha) => {
      await git(work.path, 'checkout', '--quiet', '--detach', from);
      const sha = await work.commit({ 'a.yaml': content }, `Offer ${content.trim()}`);
      for (const ref of refs) await git(work.path, 'push', '--quiet', '--force', 'origin', `HEAD:${ref}`);
      await git(work.path, 'checkout', '--quiet', 'main');
      return sha;
    },
    ask: (planned = {}, patterns = PULLS, on = onto) => source.planTips({ patterns, planned: new Map(Object.entries(planned)), onto: on }, never),
    [Symbol.asyncDispose]: async () => {
      await source[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

const refsOf = (answer: PlanTips): readonly string[] => answer.tips.map(({ ref }) => ref);

describe('a ref that fits', () => {
  it('is a tip with its commit, its tree, and where it left the branch', async () => {
    await using at = await ground();
    const sha = await at.offer('a: 2\n', ['refs/pull/7/head']);
    await at.work.commit({ 'b.yaml': 'b: 1\n' });
    await at.work.push();
    const onto = await at.source.fetch(never);
    const { tips, failed, gone, waiting } = await at.ask({}, PULLS, onto);
    assert.deepEqual(tips, [
      {
        ref: 'refs/pull/7/head',
        revision: { sha, branch: 'refs/pull/7/head', author: 'Ada <ada@example.com>', subject: 'Offer a: 2' },
        base: { sha: at.onto.sha, branch: 'main', author: 'Ada <ada@example.com>', subject: at.onto.subject },
      },
    ]);
    assert.deepEqual([failed, gone, waiting], [[], [], 0]);
    const tree = await at.source.planTree(tips[0]?.revision ?? onto, never);
    assert.deepEqual(
      tree.files.map((file) => [file.path, file.text]),
      [['a.yaml', 'a: 2\n']],
    );
    assert.deepEqual(
      (await at.source.planTree(tips[0]?.base ?? onto, never)).files.map((file) => file.text),
      ['a: 1\n'],
    );
  });

  it('is a tip until it is planned, and again when it moves', async () => {
    await using at = await ground();
    const first = await at.offer('a: 2\n', ['refs/pull/7/head']);
    assert.deepEqual(refsOf(await at.ask()), ['refs/pull/7/head']);
    assert.deepEqual(refsOf(await at.ask()), ['refs/pull/7/head'], 'a daemon that died before the plan was there');
    assert.deepEqual(refsOf(await at.ask({ 'refs/pull/7/head': first })), []);
    const second = await at.offer('a: 3\n', ['refs/pull/7/head']);
    assert.deepEqual(
      (await at.ask({ 'refs/pull/7/head': first })).tips.map(({ revision }) => revision.sha),
      [second],
    );
  });

  it('and no other is one: neither the branch that is read nor the status branch, whatever the pattern says', async () => {
    await using at = await ground();
    await at.offer('a: 2\n', [
      'refs/heads/next',
      'refs/heads/lateen-status',
      'refs/heads/lateen-status.2',
      'refs/heads/env/prod',
      'refs/pull/1/merge',
      'refs/tags/v1',
    ]);
    assert.deepEqual(refsOf(await at.ask({}, ['refs/heads/*'])), ['refs/heads/next']);
    assert.deepEqual(refsOf(await at.ask({}, ['refs/heads/*', 'refs/heads/env/*'])), ['refs/heads/env/prod', 'refs/heads/next']);
    assert.deepEqual(refsOf(await at.ask({}, [])), []);
  });

  it('and has nothing in common with the branch has no base', async () => {
    await using at = await ground();
    const tree = (await git(at.work.path, 'rev-parse', 'HEAD^{tree}')).trim();
    const sha = (await git(at.work.path, 'commit-tree', tree, '-m', 'Alone')).trim();
    await git(at.work.path, 'push', '--quiet', 'origin', `${sha}:refs/pull/1/head`);
    assert.deepEqual(
      (await at.ask()).tips.map(({ revision, base }) => [revision.subject, base]),
      [['Alone', null]],
    );
  });
});

describe('what the branch contains', () => {
  it('is not planned, and a plan of it is gone', async () => {
    await using at = await ground();
    const sha = await at.offer('a: 2\n', ['refs/pull/1/head']);
    await at.ask();
    await git(at.work.path, 'merge', '--quiet', '--no-edit', sha);
    await at.work.push();
    const onto = await at.source.fetch(never);
    const answer = await at.ask({ 'refs/pull/1/head': sha }, PULLS, onto);
    assert.deepEqual([answer.tips, answer.gone], [[], ['refs/pull/1/head']]);
    assert.equal(await git(join(at.directory, 'lateen/plans.git'), 'for-each-ref', 'refs/lateen/plans/'), '', 'nor are its objects kept');
  });

  it('and what is no longer there has no plan', async () => {
    await using at = await ground();
    const sha = await at.offer('a: 2\n', ['refs/heads/env/prod']);
    const patterns = ['refs/heads/env/*'];
    await at.ask({}, patterns);
    await git(at.work.path, 'push', '--quiet', 'origin', ':refs/heads/env/prod');
    assert.deepEqual((await at.ask({ 'refs/heads/env/prod': sha }, patterns)).gone, ['refs/heads/env/prod']);
  });
});

describe('of a repository with many', () => {
  const numbered = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `refs/pull/${from + i}/head`);

  it('only the newest are planned at first sight, in rounds; the old ones when they move, the new ones when they come', async () => {
    await using at = await ground();
    const sha = await at.offer('a: 2\n', numbered(1, 45));
    const planned: Record<string, string> = {};
    const rounds: (readonly [number, number])[] = [];
    for (;;) {
      const answer = await at.ask(planned);
      rounds.push([answer.tips.length, answer.waiting]);
      for (const ref of refsOf(answer)) planned[ref] = sha;
      if (answer.waiting === 0) break;
    }
    assert.deepEqual(rounds, [
      [10, 20],
      [10, 10],
      [10, 0],
    ]);
    assert.deepEqual(Object.keys(planned), numbered(16, 45).toReversed());
    assert.deepEqual(refsOf(await at.ask(planned)), []);
    await at.offer('a: 3\n', ['refs/pull/2/head', 'refs/pull/46/head']);
    assert.deepEqual(refsOf(await at.ask(planned)), ['refs/pull/46/head', 'refs/pull/2/head']);
  });

  it('a lost memory plans no more of the old ones', async () => {
    await using at = await ground();
    const sha = await at.offer('a: 2\n', numbered(1, 45));
    const planned = Object.fromEntries([...numbered(16, 45), 'refs/pull/3/head'].map((ref) => [ref, sha]));
    assert.deepEqual(refsOf(await at.ask(planned)), []);
    await rm(join(at.directory, 'lateen/plan-refs.json'));
    await at.offer('a: 3\n', ['refs/pull/3/head']);
    assert.deepEqual(refsOf(await at.ask(planned)), ['refs/pull/3/head']);
  });

  it('half a memory is none', async () => {
    await using at = await ground();
    await at.offer('a: 2\n', ['refs/pull/1/head']);
    await writeFile(join(at.directory, 'lateen/plan-refs.json'), '{"url":');
    assert.deepEqual(refsOf(await at.ask()), ['refs/pull/1/head']);
    assert.equal(JSON.parse(await readFile(join(at.directory, 'lateen/plan-refs.json'), 'utf8')).url, at.bare.path);
  });
});

describe('what comes slowly', () => {
  it('holds up neither the source branch nor a status commit, wherever it hangs', { timeout: 120_000 }, async () => {
    await using directory = await temporaryDirectory();
    const { bare, work } = await repoWithWorkTree(directory.path);
    await work.commit({ 'a.yaml': 'a: 1\n' });
    await work.push();
    await using server = await httpGitServer({ root: directory.path });
    await using source = await openTestSource(directory.path, server.url('origin.git'));
    const onto = await source.fetch(never);
    let requests = Infinity;
    for (let held = 1; held <= requests; held += 1) {
      await work.commit({ 'a.yaml': `a: offered ${held}\n` });
      await git(work.path, 'push', '--quiet', '--force', 'origin', 'HEAD:refs/pull/1/head');
      await git(work.path, 'reset', '--quiet', '--hard', 'HEAD~1');
      const [arrived, gate] = [Promise.withResolvers<null>(), Promise.withResolvers<void>()];
      let count = 0;
      server.onRequest = async () => {
        count += 1;
        if (count !== held) return;
        arrived.resolve(null);
        await gate.promise;
      };
      const asked = source.planTips({ patterns: PULLS, planned: new Map(), onto }, never);
      const first = await Promise.race([arrived.promise, asked]);
      if (first !== null) {
        requests = count;
        break;
      }
      const before = count;
      await work.commit({ 'b.yaml': `b: ${held}\n` });
      await work.push();
      assert.notEqual((await source.fetch(never)).sha, onto.sha);
      await source.commit(statusCommit({ 'a.yaml': `${held}\n` }), never);
      assert.equal(await bare.show('lateen-status', 'a.yaml'), `${held}\n`);
      assert.ok(count > before);
      gate.resolve();
      assert.deepEqual(
        (await asked).tips.map(({ ref, base }) => [ref, base?.sha.length]),
        [['refs/pull/1/head', 40]],
      );
    }
    assert.ok(requests >= 4, `it asks what there is, and fetches: ${requests}`);
  });
});

describe('what cannot be had', () => {
  it('holds up no other, and is not asked for again before it moves', async () => {
    await using at = await ground();
    // A tree with an entry called .git is what git's own check refuses.
    const blob = (await git(at.work.path, 'hash-object', '-w', 'a.yaml')).trim();
    await writeFile(join(at.directory, 'tree'), Buffer.concat([Buffer.from('100644 .git\0'), Buffer.from(blob, 'hex')]));
    const tree = (await git(at.work.path, 'hash-object', '-w', '-t', 'tree', '--literally', join(at.directory, 'tree'))).trim();
    const bad = (await git(at.work.path, 'commit-tree', tree, '-p', at.onto.sha, '-m', 'Trick')).trim();
    await git(at.work.path, 'push', '--quiet', 'origin', `${bad}:refs/pull/2/head`);
    const blobTag = `refs/pull/3/head`;
    await git(at.bare.path, 'update-ref', blobTag, blob);
    await at.offer('a: 2\n', ['refs/pull/1/head']);
    const answer = await at.ask();
    assert.deepEqual(refsOf(answer), ['refs/pull/1/head']);
    assert.deepEqual(
      answer.failed.map(({ ref }) => ref),
      ['refs/pull/3/head', 'refs/pull/2/head'],
    );
    assert.equal(await git(join(at.directory, 'lateen/plans.git'), 'for-each-ref', planRef('refs/pull/2/head')), '');
  });

  it('a remote that is away is a fault, and nothing is forgotten', async () => {
    await using directory = await temporaryDirectory();
    const { bare, work } = await repoWithWorkTree(directory.path);
    await work.commit({ 'a.yaml': 'a: 1\n' });
    await work.push();
    await using server = await httpGitServer({ root: directory.path });
    await using source = await openTestSource(directory.path, server.url('origin.git'));
    const onto = await source.fetch(never);
    await work.commit({ 'a.yaml': 'a: 2\n' });
    await git(work.path, 'push', '--quiet', 'origin', 'HEAD:refs/pull/1/head');
    const ask = (): Promise<PlanTips> => source.planTips({ patterns: PULLS, planned: new Map(), onto }, never);
    server.answer = { statusCode: 503 };
    await assert.rejects(ask(), { code: 'source/unreachable' });
    server.answer = null;
    assert.deepEqual(refsOf(await ask()), ['refs/pull/1/head'], `by its exact id, over ${bare.path}'s server`);
  });

  it('what brings too much is thrown away, and what came with it is had all the same', async () => {
    await using at = await ground({ limits: { ...DEFAULT_TREE_LIMITS, totalMaxBytes: 64 * 1024 } });
    await at.offer('a: 2\n', ['refs/pull/1/head']);
    await at.work.commit({ 'big.bin': randomBytes(1 << 20).toString('base64') });
    await git(at.work.path, 'push', '--quiet', 'origin', 'HEAD:refs/pull/2/head');
    const packs = (): Promise<string> => git(join(at.directory, 'lateen/plans.git'), 'count-objects', '-v');
    const answer = await at.ask();
    assert.deepEqual(
      [refsOf(answer), answer.failed.map(({ ref, fault }) => [ref, fault.code])],
      [['refs/pull/1/head'], [['refs/pull/2/head', 'source/too-large']]],
      answer.failed.map(({ fault }) => fault.message).join('\n'),
    );
    assert.ok(Number(/^size-pack: (\d+)$/m.exec(await packs())?.[1]) < 256, await packs());
    assert.equal((await at.source.fetch(never)).sha, at.onto.sha);
  });
});
