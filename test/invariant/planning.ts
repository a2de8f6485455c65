/** The plan of an in-memory world, as `lateen plan` makes it: the newest commit against the hub. */
import { compare } from '../../daemon/compare.ts';
import { createRedactor } from '../../daemon/lib/redact.ts';
import { stringify } from '../../daemon/lib/json.ts';
import type { Revision } from '../../daemon/model/catalog.ts';
import { approvalsOf } from '../../daemon/plan/approvals.ts';
import type { Comparison } from '../../daemon/plan/comparison.ts';
import { hasChanges } from '../../daemon/plan/compare.ts';
import { planMarkdown } from '../../daemon/print-plan-markdown.ts';
import { planData, planText } from '../../daemon/print-plan.ts';
import { readPack } from '../../daemon/render/pack.ts';
import { guessNamespaced } from '../../daemon/render/scope.ts';
import { cue, type World } from './world.ts';

const pack = await readPack();

/** Compares; with `base` also commit against commit. */
export async function planOf(world: World, base: Revision | null = null): Promise<Comparison> {
  const { plan, ground, report } = await world.plan();
  if (plan === null || ground === undefined || report.revision === null) throw report.fault ?? new Error('no plan was made');
  return compare(
    {
      repo: { tree: world.tree },
      given: {},
      cue,
      pack,
      redactor: createRedactor(),
      instance: '',
      budget: { countMax: 1000, shareMax: 1 },
      drift: 'any',
      cloudPlan: () => [],
      approvals: ({ catalog }) => Promise.resolve({ approvals: approvalsOf(catalog.approvals, world.nowMs), diagnostics: [] }),
    },
    {
      base,
      head: report.revision,
      live: { ...ground, plan, diagnostics: report.diagnostics, isNamespaced: (_cluster, _version, kind) => Promise.resolve(guessNamespaced(kind)) },
      message: '',
      revertOf: '',
      isTrusted: true,
    },
    new AbortController().signal,
  );
}

/** The plan in every form that it is printed in. */
export function told(comparison: Comparison): readonly string[] {
  return [planText(comparison), planMarkdown(comparison), stringify(planData(comparison, hasChanges(comparison)), 1)];
}
