/** The evaluator that the tests of this folder share: starting one costs more than most tests. */
import { systemClock } from '../../../daemon/lib/retry.ts';
import type { CueComponentRequest, CueComponentResult, CueDialect, CueJson, CueObject } from '../../../daemon/model/cue.ts';
import type { PoolLimits } from '../../../daemon/render/cue/pool.ts';
import { openCue, type Cue } from '../../../daemon/render/cue/cue.ts';

/** An evaluator of one's own, for tests of limits. */
export function openTestCue(limits: Partial<PoolLimits> = {}, cacheCharactersMax = 1_000_000): Cue {
  return openCue({
    clock: systemClock(),
    override: process.env['LATEEN_CUE_WASM'],
    cacheDirectory: process.env['XDG_CACHE_HOME'],
    limits: { timeoutMs: 60_000, ...limits },
    cacheCharactersMax,
  });
}

/** Its idle threads do not keep the process alive, so nobody has to close it. */
export const cue = openTestCue();

export interface Setup {
  readonly dialect?: CueDialect;
  readonly parameter?: CueJson;
  readonly context?: CueObject;
  readonly traits?: CueComponentRequest['traits'];
  readonly output?: CueObject;
}

/** Renders one component template; name `web`, type `thing`. */
export function component(template: string, setup: Setup = {}): Promise<CueComponentResult> {
  return cue.renderComponent(requestFor(template, setup));
}

export function requestFor(template: string, setup: Setup = {}): CueComponentRequest {
  return {
    dialect: setup.dialect ?? '1.10',
    component: { name: 'web', type: 'thing', template },
    parameter: setup.parameter ?? null,
    context: { name: 'web', namespace: 'apps', appName: 'shop', ...setup.context },
    traits: setup.traits ?? [],
    ...(setup.output === undefined ? {} : { output: setup.output }),
  };
}

/** A trait `t<index>` without properties, or with them. */
export function trait(template: string, parameter: CueJson = null, type = 'tweak'): CueComponentRequest['traits'][number] {
  return { type, template, parameter };
}
