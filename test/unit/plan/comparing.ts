/** Two sets of files as two commits, compared as `lateen plan --base` does without a cluster: the real pack, the real evaluator. */
import type { CompareDoors, CompareOptions } from '../../../daemon/compare-ground.ts';
import { compare } from '../../../daemon/compare.ts';
import { createRedactor } from '../../../daemon/lib/redact.ts';
import type { Revision } from '../../../daemon/model/catalog.ts';
import type { CueEvaluator } from '../../../daemon/model/cue.ts';
import { approvalsOf } from '../../../daemon/plan/approvals.ts';
import type { ApplicationComparison, Cause, Comparison, FieldDiff, ObjectDiff } from '../../../daemon/plan/comparison.ts';
import { readPack } from '../../../daemon/render/pack.ts';
import { cue } from '../cue/evaluator.ts';
import { treeOf } from '../load/trees.ts';

export type Files = Readonly<Record<string, string>>;

const pack = readPack();
const revision = (sha: string): Revision => ({ sha, branch: 'main', author: 'Ada <ada@example.com>', subject: `commit ${sha}` });

export async function doorsOver(commits: Readonly<Record<string, Files>>, more: Partial<CompareDoors> = {}): Promise<CompareDoors> {
  return {
    repo: { tree: (wanted) => Promise.resolve({ ...treeOf(commits[wanted.sha] ?? {}), revision: wanted }) },
    given: {},
    cue,
    pack: await pack,
    approvals: ({ catalog }) => Promise.resolve({ approvals: approvalsOf(catalog.approvals, Date.parse('2026-01-01T00:00:00Z')), diagnostics: [] }),
    redactor: createRedactor(),
    instance: '',
    budget: { countMax: 20, shareMax: 0.5 },
    drift: 'any',
    cloudPlan: () => [],
    ...more,
  };
}

/** Compares the commit `base` with the commit `head`. */
export async function compareFiles(base: Files, head: Files, options: Partial<CompareOptions> = {}, doors: Partial<CompareDoors> = {}): Promise<Comparison> {
  return compare(
    await doorsOver({ base, head }, doors),
    { base: revision('base'), head: revision('head'), live: null, message: '', revertOf: '', isTrusted: true, ...options },
    new AbortController().signal,
  );
}

/** An evaluator that counts what it is asked to render. */
export function counting(): { readonly cue: CueEvaluator; readonly count: () => number } {
  let count = 0;
  return {
    cue: {
      ...cue,
      renderComponent: (request, call) => {
        count += 1;
        return cue.renderComponent(request, call);
      },
    },
    count: () => count,
  };
}

/** The only application that is told of. */
export function onlyOf(comparison: Comparison): ApplicationComparison {
  const [app, other] = comparison.applications;
  if (app === undefined || other !== undefined) throw new Error(`not one application: ${comparison.applications.map((item) => item.name).join(', ')}`);
  return app;
}

export const objectText = ({ key, action, environment, carrier }: ObjectDiff): string =>
  `${action} ${environment === '' ? '' : `${environment}:`}${key.cluster}/${key.kind}/${key.namespace}/${key.name}${carrier === '' ? '' : ` in ${carrier}`}`;
export const fieldText = (field: FieldDiff): string =>
  `${field.path}${field.isSecret ? ' secret' : `: ${JSON.stringify(field.from)} -> ${JSON.stringify(field.to)}`}`;
export const causeText = (cause: Cause): string =>
  `${cause.kind} | ${cause.text}${cause.origin === null ? '' : ` | ${cause.origin.path}:${cause.origin.line}${cause.isInBase ? ' (base)' : ''}`}${cause.computedBy === null ? '' : ` | by ${cause.computedBy.text}${cause.computedBy.origin === null ? '' : ` ${cause.computedBy.origin.path}:${cause.computedBy.origin.line}`}`}`;

/** What is told of an application's objects, commit against commit. */
export const told = (app: ApplicationComparison): readonly string[] => (app.desired?.objects ?? []).map(objectText);

/** Fields with their causes. */
export const fieldsOf = (app: ApplicationComparison): readonly string[] =>
  (app.desired?.objects ?? []).flatMap((object) =>
    object.fields.flatMap((field) => [fieldText(field), ...field.causes.map((cause) => `  ${causeText(cause)}`)]),
  );
