// The process that cloud-process.ts starts: the cloud's endpoint until a signal ends it.
import { startCloud } from './cloud.ts';
import { type CloudProcess, type CloudReport, type CloudSpec, recordCloud } from './cloud-process.ts';
import { recordProcess } from './process.ts';

const spec = JSON.parse(process.argv[2]!) as CloudSpec;
const say = (report: CloudReport) => process.stdout.write(`${JSON.stringify(report)}\n`);
process.stdout.on('error', () => {}); // nobody reads any more once it is up

try {
  const cloud = await startCloud({
    dir: spec.dir,
    createMs: spec.createMs,
    owned: false,
    report: (line) => process.stderr.write(`${new Date().toISOString()} ${line}\n`),
  });
  // Whoever waits for the end of this process may count on its control planes being gone.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => void cloud.stop().finally(() => process.exit(0)));
  const found: CloudProcess = { keeper: recordProcess(process.pid)!, endpoint: cloud.endpoint, credentials: cloud.credentials };
  recordCloud(spec.dir, found);
  say({ kind: 'ready', process: found });
} catch (error) {
  say({ kind: 'failed', text: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
