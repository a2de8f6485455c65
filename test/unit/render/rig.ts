/** Renders files as a pass would: the real pack and the real evaluator, no cluster anywhere. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocuments } from '../../../daemon/lib/yaml.ts';
import type { LoadOptions } from '../../../daemon/load/load.ts';
import { NO_CLUSTERS, type Clusters, type Member } from '../../../daemon/model/clusters.ts';
import type { DesiredApplication } from '../../../daemon/model/plan.ts';
import { readPack } from '../../../daemon/render/pack.ts';
import { render } from '../../../daemon/render/render.ts';
import { guessNamespaced } from '../../../daemon/render/scope.ts';
import { cue } from '../cue/evaluator.ts';
import { loadFiles } from '../load/trees.ts';

const pack = readPack();

export const clustersOf = (members: readonly Member[], decisions: Readonly<Record<string, readonly string[]>> = {}): Clusters => ({
  members,
  decisions: (namespace, placement) => decisions[`${namespace}/${placement}`] ?? null,
});

/** The applications of these files. Throws what the load stage finds wrong. */
export async function renderFiles(
  files: Readonly<Record<string, string>>,
  clusters: Clusters = NO_CLUSTERS,
  options?: LoadOptions,
): Promise<readonly DesiredApplication[]> {
  const catalog = loadFiles(files, options);
  const wrong = catalog.diagnostics.find((item) => item.severity === 'error');
  if (wrong !== undefined) throw new Error(wrong.message);
  const desired = await render({
    catalog,
    clusters,
    only: null,
    known: { hub: [], pack: await pack },
    records: new Map(),
    memo: new Map(),
    environment: {
      cue,
      clusterVersion: { major: '1', minor: 36, gitVersion: 'v1.36.0', platform: '' },
      isNamespaced: async (_cluster, _apiVersion, kind) => guessNamespaced(kind),
      signal: new AbortController().signal,
    },
  });
  return desired.applications;
}

/** Renders the only application of one file. */
export async function renderOne(text: string, clusters?: Clusters): Promise<DesiredApplication> {
  const [app] = await renderFiles({ 'app.yaml': text }, clusters);
  if (app === undefined) throw new Error('there is no application');
  return app;
}

/** Findings as `line severity code message | hint`. */
export const findings = (app: DesiredApplication): readonly string[] =>
  app.diagnostics.map((item) => `${item.origin?.line ?? '?'} ${item.severity} ${item.code} ${item.message}${item.hint === undefined ? '' : ` | ${item.hint}`}`);

const CASES = join(import.meta.dirname, '../../../../shared/cases');
export const withoutCases = existsSync(CASES) ? false : 'the folder of recorded cases is absent, skipped';
export const caseText = (path: string): string => readFileSync(join(CASES, path), 'utf8');
/** The items of a recorded list. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export const caseItems = (path: string): any[] => (parseDocuments(caseText(path), path).documents[0]?.value as { items?: any[] } | undefined)?.items ?? [];
