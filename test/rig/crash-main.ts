/**
 * The daemon's command line with effects that are counted, and cut where RIG_CUT says: `before apply 2` is SIGKILL right
 * before the second effect of kind apply, `after push 1` right after the first push. RIG_TRACE names a file that gets one
 * line per effect.
 */
import { appendFileSync } from 'node:fs';
import { cli } from '../../daemon/cli.ts';
import type { Effect, Effects } from '../../daemon/model/ports.ts';

const [when, effect, nth] = (process.env['RIG_CUT'] ?? '').split(' ');
const traceFile = process.env['RIG_TRACE'];
const counts = new Map<Effect, number>();

function decorate(effects: Effects): Effects {
  return {
    run: async (kind, subject, run) => {
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      if (traceFile !== undefined) appendFileSync(traceFile, `${kind} ${subject}\n`);
      const here = kind === effect && count === Number(nth);
      if (here && when === 'before') process.kill(process.pid, 'SIGKILL');
      const result = await effects.run(kind, subject, run);
      if (here && when === 'after') process.kill(process.pid, 'SIGKILL');
      return result;
    },
  };
}

const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new DOMException(name, 'AbortError')));
process.exitCode = await cli(process.argv.slice(2), { out: (text) => void process.stdout.write(text), signal: stop.signal, decorate }, '0.0.0-rig');
