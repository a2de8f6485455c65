/**
 * The recorded cases through the real path: pushed to a repository, rendered and applied by the daemon on a real API
 * server, and read back from there. Prints `N of M` per set. A case on the committed list that fails, fails the test.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDocuments } from '../../daemon/lib/yaml.ts';
import { ApiError, type LabClient } from '../lab/client.ts';
import { UnknownKindError } from '../lab/discovery.ts';
import { useLab } from '../lab/lab.ts';
import { compare, type Fields, type Found } from './compare.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const CASES = join(ROOT, '..', 'shared', 'cases');
const LIST = join(import.meta.dirname, 'passing.txt');

const SETS = [
  { name: 'kubevela-1.10', dialect: '1.10', definitions: 'definitions-1.10' },
  { name: 'kubevela-1.1', dialect: '1.1', definitions: 'definitions-1.1' },
] as const;

/** KubeVela 1.1's chart installs this kind beside its own; its controller is not part of what was recorded. */
const KINDS = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: rollouts.standard.oam.dev}
spec:
  group: standard.oam.dev
  names: {kind: Rollout, listKind: RolloutList, plural: rollouts, singular: rollout}
  scope: Namespaced
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`;

function command(name: string, args: readonly string[], cwd: string): Promise<{ readonly code: number; readonly output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ readonly code: number; readonly output: string }>();
  const child = spawn(name, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_AUTHOR_NAME: 't', GIT_AUTHOR_EMAIL: 't@example.com', GIT_COMMITTER_NAME: 't', GIT_COMMITTER_EMAIL: 't@example.com' } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  child.on('close', (code) => resolve({ code: code ?? -1, output }));
  return promise;
}

const documents = (path: string): Fields[] => parseDocuments(readFileSync(path, 'utf8'), path).documents.map((document) => document.value as Fields);
const record = (value: unknown): Fields => (value !== null && typeof value === 'object' ? (value as Fields) : {});

/** What was recorded, per application: the two sets have different shapes. */
function recorded(path: string, namespace: string): Map<string, Found> {
  const [content] = parseDocuments(readFileSync(path, 'utf8'), path).documents.map((document) => document.value);
  const apps = Array.isArray(content) ? (content as Fields[]) : (record(content)['applications'] as Fields[]);
  const shared = Array.isArray(content) ? null : ((record(content)['objects'] ?? []) as Fields[]);
  return new Map(apps.map((app) => {
    const name = String(app['application'] ?? app['name']);
    const own = (shared ?? (app['objects'] as Fields[] | undefined) ?? []).filter((object) => shared === null || apps.length === 1 || record(record(object['metadata'])['labels'])['app.oam.dev/name'] === name);
    return [`${namespace}/${name}`, { phase: String(app['phase'] ?? ''), steps: (app['steps'] ?? []) as Fields[], objects: own }];
  }));
}

/** What Lateen made of an application: its status, and each object that it owns as it was last applied. */
async function made(hub: LabClient, place: string): Promise<Found> {
  const [namespace = '', name = ''] = place.split('/');
  const application = (await hub.find(`applications.core.oam.dev/${namespace}/${name}`)) as Fields | undefined;
  const status = record(application?.['status']);
  const trackers = ((await hub.list('resourcetrackers.core.oam.dev', `app.oam.dev/name=${name},app.oam.dev/namespace=${namespace}`)) as unknown as Fields[]);
  const objects: Fields[] = [];
  for (const tracker of trackers) {
    for (const entry of (record(tracker['spec'])['managedResources'] ?? []) as Fields[]) {
      const live = (await hub.find({ apiVersion: entry['apiVersion'], kind: entry['kind'], metadata: { name: entry['name'], ...(entry['namespace'] === undefined ? {} : { namespace: entry['namespace'] }) } } as never)) as Fields | undefined;
      if (live === undefined) continue;
      const applied = record(record(live['metadata'])['annotations'])['app.oam.dev/last-applied-configuration'];
      objects.push(typeof applied === 'string' && applied.startsWith('{') ? (JSON.parse(applied) as Fields) : live);
    }
  }
  return { phase: String(status['status'] ?? ''), steps: (record(status['workflow'])['steps'] ?? []) as Fields[], objects };
}

async function push(set: (typeof SETS)[number], directory: string): Promise<string> {
  const work = join(directory, 'work-tree');
  const bare = join(directory, 'repo.git');
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, 'lateen.yaml'), `kubevela: "${set.dialect}"\n`);
  cpSync(join(CASES, set.definitions), join(work, 'definitions'), { recursive: true });
  for (const name of readdirSync(join(CASES, set.name))) cpSync(join(CASES, set.name, name, 'input.yaml'), join(work, 'cases', `${name}.yaml`));
  writeFileSync(join(work, 'kinds.yaml'), KINDS);
  for (const args of [['init', '-q', '--bare', '-b', 'main', bare], ['init', '-q', '-b', 'main', work]]) assert.equal((await command('git', args, directory)).code, 0);
  for (const args of [['add', '-A'], ['commit', '-q', '-m', 'cases'], ['push', '-q', bare, 'main']]) assert.equal((await command('git', args, work)).code, 0);
  return bare;
}

function passing(): ReadonlySet<string> {
  return new Set(existsSync(LIST) ? readFileSync(LIST, 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#')) : []);
}

interface Case {
  readonly id: string;
  readonly expected: ReadonlyMap<string, Found>;
}

function readCase(set: (typeof SETS)[number], name: string): Case {
  const input = documents(join(CASES, set.name, name, 'input.yaml'));
  const namespace = String(record(input.find((document) => document['kind'] === 'Namespace')?.['metadata'])['name']);
  return { id: `${set.name}/${name}`, expected: recorded(join(CASES, set.name, name, 'expected.yaml'), namespace) };
}

async function problemsOf(item: Case, hub: LabClient): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const [place, expected] of item.expected) problems.push(...compare(expected, await made(hub, place)).map((line) => `${place}: ${line}`));
  return problems;
}

/** The daemon installs KubeVela's kinds first; until then the API server knows nothing of them. */
function notServedYet(error: unknown): readonly string[] {
  if (error instanceof UnknownKindError || (error instanceof ApiError && [404, 429, 503].includes(error.status))) return ['its kinds are not served yet'];
  throw error;
}

/** The real daemon; ended by its own process id. Its log is shown with GOLDEN_LOG. */
function daemon(args: readonly string[], cwd: string): AsyncDisposable {
  const child = spawn(process.execPath, [join(ROOT, 'daemon', 'main.ts'), ...args], { cwd, stdio: ['ignore', 'ignore', process.env['GOLDEN_LOG'] === undefined ? 'ignore' : 'inherit'] });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return { [Symbol.asyncDispose]: async () => {
    child.kill('SIGTERM');
    await closed;
  } };
}

for (const set of SETS) {
  test(`the recorded cases of ${set.name} come out as KubeVela made them`, { skip: existsSync(join(CASES, set.name)) ? false : `${set.name}: the folder of recorded cases is absent, skipped` }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lateen-golden-'));
    await using lab = await useLab(['hub']);
    const hub = lab.planes['hub'];
    assert.ok(hub);
    try {
      const repo = await push(set, directory);
      await using _daemon = daemon(['run', '--repo', repo, '--kubeconfig', hub.kubeconfig, '--work-dir', join(directory, 'state')], directory);
      const known = passing();
      const cases = readdirSync(join(CASES, set.name)).sort().map((name) => readCase(set, name));
      const listed = cases.filter((item) => known.has(item.id)).length;
      const problems = new Map<string, readonly string[]>();
      // What waits in KubeVela waits here as well, so the end is when the listed ones are there, or when time is up.
      for (const endMs = Date.now() + 180_000; Date.now() < endMs; await sleep(3000)) {
        for (const item of cases) if (problems.get(item.id)?.length !== 0) problems.set(item.id, await problemsOf(item, hub.client).catch(notServedYet));
        if (cases.filter((item) => known.has(item.id) && problems.get(item.id)?.length === 0).length === listed) break;
      }
      const count = cases.length;
      const passed = cases.filter((item) => problems.get(item.id)?.length === 0).map((item) => item.id);
      const broken = cases.filter((item) => known.has(item.id) && problems.get(item.id)?.length !== 0).map((item) => item.id);
      for (const [id, lines] of problems) if (lines.length > 0) console.log(`differs: ${id}\n${lines.slice(0, 12).map((line) => `    ${line}`).join('\n')}`);
      console.log(`${set.name}: ${passed.length} of ${count}`);
      const fresh = passed.filter((id) => !known.has(id));
      if (fresh.length > 0) console.log(`not on the list yet (test/golden/passing.txt):\n${fresh.join('\n')}`);
      assert.deepEqual(broken, [], 'cases on the list of the passing ones differ now');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
