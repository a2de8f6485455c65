// The lab's binaries: found on this machine, or built once from the Go module proxy into a cache that
// is shared by every checkout with the same go.mod files. Nothing here needs a container engine.
import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { access, copyFile, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { withBuildLock } from './build-lock.ts';
import { goTool, runGo } from './go.ts';
import { LabError } from './lab-error.ts';
import { showProgress } from './progress.ts';

/** The programs of a control plane. `api` needs the first two, `full` needs all. */
export const PROGRAMS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kwok'] as const;
export type Program = (typeof PROGRAMS)[number];

/** Where each program is, and kwok's stage files (empty for `api`). */
export type LabBinaries = {
  readonly source: 'KUBEBUILDER_ASSETS' | 'PATH' | 'cache';
  readonly paths: Readonly<Record<Program, string>>;
  readonly stages: readonly string[];
};

/** How much of a control plane is wanted: etcd and the API server alone, or everything. */
export type Extent = 'api' | 'full';

type Recipe = { readonly program: Program; readonly module: string; readonly package: string; readonly expectedMs: number };

const KUBERNETES_VERSION = 'v1.36.3';
const KWOK_MODULE = 'sigs.k8s.io/kwok';
const LD_FLAGS = `-s -w -X k8s.io/component-base/version.gitVersion=${KUBERNETES_VERSION}`;

// Expected times: measured cold on 2 cores. kube-apiserver comes first because it holds most of what
// the others share.
const RECIPES: readonly Recipe[] = [
  { program: 'kube-apiserver', module: 'kube', package: 'k8s.io/kubernetes/cmd/kube-apiserver', expectedMs: 210_000 },
  { program: 'etcd', module: 'etcd', package: 'go.etcd.io/etcd/server/v3', expectedMs: 30_000 },
  { program: 'kube-controller-manager', module: 'kube', package: 'k8s.io/kubernetes/cmd/kube-controller-manager', expectedMs: 120_000 },
  { program: 'kube-scheduler', module: 'kube', package: 'k8s.io/kubernetes/cmd/kube-scheduler', expectedMs: 5_000 },
  { program: 'kwok', module: 'kwok', package: 'sigs.k8s.io/kwok/cmd/kwok', expectedMs: 80_000 },
];

// kwok does nothing without stages: these make a node ready and keep its lease, pods ready at once,
// and pods of Jobs complete.
const STAGE_FILES = [
  'node/fast/node-initialize.yaml',
  'node/heartbeat-with-lease/node-heartbeat-with-lease.yaml',
  'pod/fast/pod-ready.yaml',
  'pod/fast/pod-complete.yaml',
  'pod/fast/pod-delete.yaml',
] as const;

/**
 * Gives the lab's binaries, building what is missing.
 * Looked for in `KUBEBUILDER_ASSETS`, then on PATH, each used only where it holds everything that `extent`
 * needs (versions are not mixed); then in the cache, `$XDG_CACHE_HOME/lateen/lab/<hash>` or below `~/.cache`.
 * @param report takes lines of progress for a person; standard error by default
 * @throws LabError where something must be built and Go is missing, or where a build fails
 */
export async function labBinaries(extent: Extent = 'full', report: (line: string) => void = toStderr): Promise<LabBinaries> {
  const needed = extent === 'api' ? PROGRAMS.slice(0, 2) : PROGRAMS;
  const cache = await cacheDirectory();
  for (const [source, directories] of foundSources()) {
    const paths = await findAll(needed, directories);
    if (paths !== undefined) return { source, paths, stages: extent === 'api' ? [] : await stageFiles([dirname(paths.kwok), cache], report) };
  }
  await buildMissing(cache, report);
  const paths = await findAll(PROGRAMS, [cache]);
  if (paths === undefined) throw new LabError(`the build ended without an error, but not every program is in ${cache}`);
  return { source: 'cache', paths, stages: await stageFiles([cache], report) };
}

function foundSources(): readonly (readonly ['KUBEBUILDER_ASSETS' | 'PATH', readonly string[]])[] {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  return [
    ['KUBEBUILDER_ASSETS', assets === undefined || assets === '' ? [] : [assets]],
    ['PATH', (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '')],
  ];
}

/** The folder that this checkout's go.mod files lead to; the hash changes with any of them. */
async function cacheDirectory(): Promise<string> {
  const hash = createHash('sha256').update(LD_FLAGS);
  for (const module of ['etcd', 'kube', 'kwok']) {
    for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(join(import.meta.dirname, module, file)));
  }
  const base = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(base, 'lateen', 'lab', hash.digest('hex').slice(0, 16));
}

async function findAll(programs: readonly Program[], directories: readonly string[]): Promise<Record<Program, string> | undefined> {
  const found: Partial<Record<Program, string>> = {};
  for (const program of programs) {
    const path = await firstExecutable(directories.map((directory) => join(directory, program)));
    if (path === undefined) return undefined;
    found[program] = path;
  }
  return found as Record<Program, string>;
}

async function firstExecutable(candidates: readonly string[]): Promise<string | undefined> {
  for (const path of candidates) {
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

async function buildMissing(cache: string, report: (line: string) => void): Promise<void> {
  if ((await missingRecipes(cache)).length === 0) return;
  const go = await goTool();
  await mkdir(cache, { recursive: true });
  await withBuildLock(join(cache, 'build.lock'), report, async () => {
    await removeUnfinished(cache);
    const missing = await missingRecipes(cache); // another builder may just have finished
    const restMs = missing.map((recipe) => recipe.expectedMs);
    if (missing.length > 0)
      report(`lab: building ${missing.length} programs into ${cache}; the first time this takes ${minutes(restMs)} on 2 cores, later none`);
    for (const [index, recipe] of missing.entries()) {
      await buildOne(go, cache, recipe, { position: `${index + 1} of ${missing.length}`, restAfter: minutes(restMs.slice(index + 1)), report });
    }
  });
}

/** What a killed build left; no other builder is at work while the lock is ours. */
async function removeUnfinished(cache: string): Promise<void> {
  for (const name of await readdir(cache)) if (/^\..*\.\d+$/.test(name)) await rm(join(cache, name), { force: true });
}

async function missingRecipes(cache: string): Promise<readonly Recipe[]> {
  const missing: Recipe[] = [];
  for (const recipe of RECIPES) {
    if ((await firstExecutable([join(cache, recipe.program)])) === undefined) missing.push(recipe);
  }
  return missing;
}

async function buildOne(
  go: string,
  cache: string,
  recipe: Recipe,
  show: { position: string; restAfter: string; report: (line: string) => void },
): Promise<void> {
  // Built under another name and renamed, so that a killed build never leaves half a program behind.
  const unfinished = join(cache, `.${recipe.program}.${process.pid}`);
  const progress = showProgress(`lab: ${show.position}, ${recipe.program}`, recipe.expectedMs, show.restAfter, show.report);
  try {
    await runGo(go, ['build', '-v', '-trimpath', '-ldflags', LD_FLAGS, '-o', unfinished, recipe.package], {
      directory: join(import.meta.dirname, recipe.module),
      onLine: progress.step,
    });
    await rename(unfinished, join(cache, recipe.program));
    progress.done();
  } finally {
    progress.stop();
    await rm(unfinished, { force: true });
  }
}

/**
 * kwok's stage files: in a folder `stages` beside kwok or in the cache, where they are copied to once out
 * of kwok's Go module.
 * @param directories looked in first to last; the last is the cache
 */
async function stageFiles(directories: readonly string[], report: (line: string) => void): Promise<readonly string[]> {
  for (const directory of directories) {
    const files = stagesIn(directory);
    if (files.every((file) => existsSync(file))) return files;
  }
  const targets = stagesIn(directories.at(-1)!);
  const go = await goTool();
  const directory = join(import.meta.dirname, 'kwok');
  report("lab: fetching kwok's stages");
  await runGo(go, ['mod', 'download', KWOK_MODULE], { directory });
  const moduleDirectory = (await runGo(go, ['list', '-m', '-f', '{{.Dir}}', KWOK_MODULE], { directory })).trim();
  await mkdir(dirname(targets[0]!), { recursive: true });
  for (const [index, target] of targets.entries()) {
    const unfinished = `${target}.${process.pid}`;
    await copyFile(join(moduleDirectory, 'kustomize', 'stage', STAGE_FILES[index]!), unfinished);
    await rename(unfinished, target);
  }
  return targets;
}

function stagesIn(directory: string): readonly string[] {
  return STAGE_FILES.map((file) => join(directory, 'stages', file.replaceAll('/', '-')));
}

function minutes(partsMs: readonly number[]): string {
  if (partsMs.length === 0) return 'nothing';
  const seconds = partsMs.reduce((sum, part) => sum + part, 0) / 1000;
  return seconds < 90 ? `about ${Math.round(seconds)} s` : `about ${Math.round(seconds / 60)} min`;
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
