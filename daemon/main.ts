/** Process entry: argv -> verb -> exit code; SIGTERM and SIGINT -> AbortSignal. */
import process from 'node:process';
import { cli } from './cli.ts';
import manifest from '../package.json' with { type: 'json' };

if (Number(process.versions.node.split('.')[0]) < 26) {
  process.stderr.write(`lateen needs Node 26 or newer; this is ${process.versions.node}. In a checkout, \`npm run -s lateen -- VERB\` uses the right one.\n`);
  process.exit(2);
}
const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new DOMException(name, 'AbortError')));
process.exitCode = await cli(process.argv.slice(2), { out: (text) => void process.stdout.write(text), signal: stop.signal }, manifest.version);
