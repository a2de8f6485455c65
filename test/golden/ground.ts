/** What the sets of recorded cases have in common: a repository made of one of them, the real daemon on it, and reading YAML. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocuments } from '../../daemon/lib/yaml.ts';
import { ApiError } from '../lab/client.ts';
import { UnknownKindError } from '../lab/discovery.ts';
import type { Fields } from './compare.ts';

const ROOT = join(import.meta.dirname, '..', '..');
export const CASES = join(ROOT, '..', 'shared', 'cases');

/** A folder of cases, and the definitions that were installed when it was recorded. */
export interface CaseSet {
  readonly name: string;
  readonly dialect: string;
  readonly definitions: string;
}

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

export function command(name: string, args: readonly string[], cwd: string): Promise<{ readonly code: number; readonly output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ readonly code: number; readonly output: string }>();
  const child = spawn(name, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_AUTHOR_NAME: 't',
      GIT_AUTHOR_EMAIL: 't@example.com',
      GIT_COMMITTER_NAME: 't',
      GIT_COMMITTER_EMAIL: 't@example.com',
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  child.on('close', (code) => resolve({ code: code ?? -1, output }));
  return promise;
}

export const documents = (path: string): Fields[] => parseDocuments(readFileSync(path, 'utf8'), path).documents.map((document) => document.value as Fields);
export const record = (value: unknown): Fields => (value !== null && typeof value === 'object' ? (value as Fields) : {});

/** A repository with every case of a set in one commit; the path of the bare one. */
export async function push(set: CaseSet, directory: string): Promise<string> {
  const work = join(directory, 'work-tree');
  const bare = join(directory, 'repo.git');
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, 'lateen.yaml'), `kubevela: "${set.dialect}"\n`);
  cpSync(join(CASES, set.definitions), join(work, 'definitions'), { recursive: true });
  for (const name of readdirSync(join(CASES, set.name))) cpSync(join(CASES, set.name, name, 'input.yaml'), join(work, 'cases', `${name}.yaml`));
  writeFileSync(join(work, 'kinds.yaml'), KINDS);
  for (const args of [
    ['init', '-q', '--bare', '-b', 'main', bare],
    ['init', '-q', '-b', 'main', work],
  ])
    assert.equal((await command('git', args, directory)).code, 0);
  for (const args of [
    ['add', '-A'],
    ['commit', '-q', '-m', 'cases'],
    ['push', '-q', bare, 'main'],
  ])
    assert.equal((await command('git', args, work)).code, 0);
  return bare;
}

/** The daemon installs KubeVela's kinds first; until then the API server knows nothing of them. */
export function notServedYet(error: unknown): readonly string[] {
  if (error instanceof UnknownKindError || (error instanceof ApiError && [404, 429, 503].includes(error.status))) return ['its kinds are not served yet'];
  throw error;
}

/** The real daemon; ended by its own process id. Its log is shown with GOLDEN_LOG. */
export function daemon(args: readonly string[], cwd: string): AsyncDisposable {
  const child = spawn(process.execPath, [join(ROOT, 'daemon', 'main.ts'), ...args], {
    cwd,
    stdio: ['ignore', 'ignore', process.env['GOLDEN_LOG'] === undefined ? 'ignore' : 'inherit'],
  });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await closed;
    },
  };
}
